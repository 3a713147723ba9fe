// What a plugin is handed to register itself, and what is kept of what it registers.

import {
  SafeProxy, Text, append, describe, encode, isArray, isObject, keys, member, newFaults, quote, slice, trim,
} from "./safe.mjs";

const SURFACE = {
  __proto__: null,
  id: 1, label: 1, docsPath: 1, aliases: 1, envVars: 1, models: 1, auth: 1, formatApiKey: 1, refreshOAuth: 1,
};
const DATA = ["id", "label", "docsPath", "aliases", "envVars", "models"];
const MAX_METHODS = 1000;
const MAX_DETAIL = 200;
const LEVELS = ["debug", "info", "warn", "error"];
const RECORDED = [
  "registerTool", "registerHook", "registerHttpHandler", "registerHttpRoute", "registerChannel",
  "registerGatewayMethod", "registerCli", "registerService", "registerCommand", "on",
];

/** Take a plugin's export apart: `{register, self, id, kind}`; `register` is undefined when there is none. */
export function readExport(namespace) {
  let found = namespace;
  for (let depth = 0; depth < 3; depth++) {
    const inner = isObject(found) && "default" in found ? found.default : undefined;
    if (inner === undefined || inner === null) break;
    if (depth > 0 && (typeof found === "function" || registerOf(found))) break;
    found = inner;
  }
  const isText = (value) => (typeof value === "string" ? value : undefined);
  if (typeof found === "function") return { register: found, self: undefined };
  if (!isObject(found)) return { register: undefined };
  return { register: registerOf(found), self: found, id: isText(found.id), kind: isText(found.kind) };
}

function registerOf(object) {
  const register = object.register ?? object.activate;
  return typeof register === "function" ? register : undefined;
}

/** Everything one plugin registered: JSON for the parent, functions kept for later. */
export class Staged {
  constructor(pluginId) {
    this.pluginId = pluginId;
    this.open = true;
    this.providers = []; // {text, methods, formatApiKey, refreshOAuth}
    this.ids = { __proto__: null };
    this.other = [];
    this.diagnostics = [];
  }

  warn(code, severity, message) {
    append(this.diagnostics, { __proto__: null, code, severity, message });
  }

  addProvider(provider) {
    if (!this.open) return;
    const id = isObject(provider) ? provider.id : undefined;
    const name = typeof id === "string" ? trim(id) : "";
    if (!name) {
      this.warn("plugin.provider-id", "error", "provider registration missing id");
    } else if (this.ids[name]) {
      this.warn("plugin.provider-duplicate", "error", `provider already registered: ${name} (${this.pluginId})`);
    } else {
      this.ids[name] = true;
      append(this.providers, this.readProvider(provider, id));
    }
  }

  /** Read every member once: what a getter or a proxy says later does not change what was registered. */
  readProvider(provider, id) {
    const faults = newFaults();
    const parts = [`"id":${quote(id)}`];
    for (let index = 1; index < DATA.length; index++) {
      const value = provider[DATA[index]];
      if (value !== undefined) append(parts, `${quote(DATA[index])}:${encodeAt(value, DATA[index], faults)}`);
    }
    const methods = [];
    append(parts, `"auth":${this.readMethods(provider.auth, methods, faults)}`);
    const formatApiKey = provider.formatApiKey;
    const refreshOAuth = provider.refreshOAuth;
    append(parts, `"formatApiKey":${typeof formatApiKey === "function"}`);
    append(parts, `"refreshOAuth":${typeof refreshOAuth === "function"}`);
    const extra = [];
    const names = keys(provider);
    for (let index = 0; index < names.length; index++) if (!SURFACE[names[index]]) append(extra, names[index]);
    if (extra.length) append(parts, `"extra":${encode(extra)}`);
    this.tellFaults(id, faults);
    return { text: `{${joined(parts)}}`, self: provider, methods, formatApiKey, refreshOAuth };
  }

  readMethods(auth, methods, faults) {
    if (auth === undefined) return "[]";
    if (!isArray(auth)) return encodeAt(auth, "auth", faults);
    const parts = [];
    for (let index = 0; index < auth.length && index < MAX_METHODS; index++) {
      const method = auth[index];
      append(parts, readMethod(method, `auth[${index}]`, methods, faults));
    }
    return `[${joined(parts)}]`;
  }

  tellFaults(id, faults) {
    const lists = [faults.lost, faults.broken];
    for (let at = 0; at < lists.length; at++) {
      for (let index = 0; index < lists[at].length; index++) {
        const told = `provider ${id}: ${lists[at][index]}, which is not JSON; it counts as null`;
        this.warn("plugin.not-json", "warning", told);
      }
    }
  }

  record(name, args) {
    if (this.open) append(this.other, { __proto__: null, member: name, detail: detailOf(args) });
  }

  /** The result of `load`, as JSON text. */
  text(exported) {
    const blocks = [];
    for (let index = 0; index < this.providers.length; index++) append(blocks, this.providers[index].text);
    const rest = encode({
      __proto__: null, other: this.other, diagnostics: this.diagnostics,
      exportId: exported.id, exportKind: exported.kind,
    });
    return `{"providers":[${joined(blocks)}],${slice(rest, 1)}`;
  }
}

function readMethod(method, path, methods, faults) {
  const run = isObject(method) ? method.run : undefined;
  append(methods, { run, self: method });
  if (!isObject(method)) return encodeAt(method, path, faults);
  const names = ["id", "label", "hint", "kind"];
  const own = keys(method);
  for (let index = 0; index < own.length; index++) {
    if (own[index] !== "run" && !contains(names, own[index])) append(names, own[index]);
  }
  const parts = [];
  for (let index = 0; index < names.length; index++) {
    const value = method[names[index]];
    if (value === undefined || (index > 3 && typeof value === "function")) continue;
    append(parts, `${quote(names[index])}:${encodeAt(value, `${path}.${names[index]}`, faults)}`);
  }
  append(parts, `"run":${typeof run === "function"}`);
  return `{${joined(parts)}}`;
}

function encodeAt(value, path, faults) {
  const own = newFaults();
  const text = encode(value, own);
  const lists = ["lost", "broken"];
  for (let at = 0; at < 2; at++) {
    const found = own[lists[at]];
    for (let index = 0; index < found.length; index++) {
      const where = slice(found[index], 0, 3) === "it " ? path + slice(found[index], 2) : pathIn(path, found[index]);
      append(faults[lists[at]], where);
    }
  }
  return text;
}

function pathIn(path, fault) {
  return fault[0] === "[" ? path + fault : `${path}.${fault}`;
}

function contains(list, value) {
  for (let index = 0; index < list.length; index++) if (list[index] === value) return true;
  return false;
}

function joined(parts) {
  let text = "";
  for (let index = 0; index < parts.length; index++) text += (index ? "," : "") + parts[index];
  return text;
}

/** Name what was registered, from what the former host's calls carry: a name, an id, a path, or a list of names. */
function detailOf(args) {
  for (let index = 0; index < args.length && index < 3; index++) {
    try {
      const text = nameIn(args[index]);
      if (text) return slice(text, 0, MAX_DETAIL);
    } catch {
      // an argument that cannot be read has no name
    }
  }
  return null;
}

function nameIn(value) {
  if (typeof value === "string") return value;
  if (isArray(value)) return listed(value);
  if (typeof value !== "object" || value === null) return "";
  const candidates = [value.name, value.id, value.path, value.command, value.names, value.commands, value.plugin];
  for (let index = 0; index < candidates.length; index++) {
    const text = candidates[index] === value ? "" : nameIn(candidates[index]);
    if (text) return text;
  }
  return "";
}

function listed(list) {
  let text = "";
  for (let index = 0; index < list.length && index < 20; index++) {
    if (typeof list[index] === "string") text += (text ? ", " : "") + list[index];
  }
  return text;
}

/** The `api` of the former host: providers are staged, everything else is accepted and only noted. */
export function makeApi(params, staged, log) {
  const settings = member(params, "pluginConfig");
  const target = {
    id: member(params, "id"),
    name: member(params, "name"),
    version: member(params, "version"),
    description: member(params, "description"),
    source: member(params, "source"),
    rootDir: member(params, "root"),
    registrationMode: "full", // asked for by later plugins, which register nothing in other modes
    config: member(params, "config") ?? {}, // read from the message of this request: the plugin may write into it
    pluginConfig: settings,
    runtime: unavailable("api.runtime"),
    logger: makeLogger(log),
    resolvePath: (path) => resolvePath(path),
    registerProvider: (provider) => staged.addProvider(provider),
  };
  for (let index = 0; index < RECORDED.length; index++) {
    const name = RECORDED[index];
    target[name] = (...args) => staged.record(name, args);
  }
  return new SafeProxy(target, {
    __proto__: null,
    get: (object, name) => {
      if (name in object || typeof name === "symbol" || name === "then" || name === "toJSON") return object[name];
      return recorder(name, staged);
    },
  });
}

/** A member the former host may have had: it can be looked into and called, and every call is noted. */
function recorder(name, staged) {
  return new SafeProxy(() => undefined, {
    __proto__: null,
    get: (object, key) => (isPlainKey(key) ? recorder(`${name}.${key}`, staged) : undefined),
    apply: (object, self, args) => staged.record(name, args),
  });
}

/** A member that can be looked into, and says that it is not here when it is called. */
export function unavailable(name) {
  const refuse = () => {
    throw new Error(`${name} is not available here: this host runs providers only.`);
  };
  return new SafeProxy(refuse, {
    __proto__: null,
    get: (object, key) => (isPlainKey(key) ? unavailable(`${name}.${key}`) : undefined),
  });
}

function isPlainKey(key) {
  return typeof key === "string" && key !== "then" && key !== "toJSON" && key !== "prototype";
}

function makeLogger(log) {
  const logger = {};
  for (let index = 0; index < LEVELS.length; index++) {
    const level = LEVELS[index];
    logger[level] = (...parts) => log(level, sentence(parts));
  }
  return logger;
}

/** Join what was handed to a logging function, as a console would; objects are told as JSON. */
export function sentence(parts) {
  let text = "";
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    const told = typeof part === "string" ? part : part instanceof Error ? describe(part) : plainText(part);
    text += (index ? " " : "") + told;
  }
  return text;
}

function plainText(value) {
  return isObject(value) ? encode(value) : Text(value);
}

function resolvePath(path) {
  const { resolve } = process.getBuiltinModule("path");
  const text = trim(Text(path));
  const isHome = text === "~" || slice(text, 0, 2) === "~/";
  return isHome ? resolve(process.getBuiltinModule("os").homedir() + slice(text, 1)) : resolve(text);
}
