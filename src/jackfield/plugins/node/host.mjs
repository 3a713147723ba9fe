// Runs one plugin for the program that started this process.
//
// node host.mjs --fd N [--cache DIR]: requests come in on standard input, one JSON-RPC 2.0 message a line; everything
// this process has to say goes out on descriptor N. What a plugin prints goes to standard error. The end of standard
// input ends the process. Built-in modules are taken by process.getBuiltinModule: importing node:fs costs 5 ms.

import {
  CANCELLED, NOBODY_TO_ASK, SafeError, SafeMap, append, apply, byteLength, bytesFrom, describe, encode, indexOf,
  isInteger, isObject, mapDelete, mapForEach, mapGet, mapSet, mark, markOf, member, newFaults, parse, quote, setAdd,
  setHas, slice, stackOf,
} from "./safe.mjs";
import { Line, cancelError, makeContext } from "./login.mjs";
import { explain, installHooks } from "./source.mjs";
import { Staged, makeApi, readExport } from "./plugin.mjs";

const { readSync, writeSync } = process.getBuiltinModule("fs");
const { fileURLToPath, pathToFileURL } = process.getBuiltinModule("url");

const LINE_BYTES = 4 * 1024 * 1024;
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const options = readOptions(process.argv);
const kill = process.reallyExit.bind(process);
const waiting = new Int32Array(new SharedArrayBuffer(4));
const wait = Atomics.wait;
const running = new SafeMap(); // id of a request of the parent -> what it is: load, run
const wrongTypes = new WeakSet(); // errors about a value, not about code that failed
const parent = process.ppid;

let plugin; // what the plugin registered
let loading = false;
let isWatched = false;
let login; // {id, line} of the login under way
let nextId = 0;

function readOptions(argv) {
  const found = { fd: Number.NaN, cache: "" };
  for (let index = 2; index + 1 < argv.length; index += 2) {
    if (argv[index] === "--fd") found.fd = Number(argv[index + 1]);
    if (argv[index] === "--cache") found.cache = argv[index + 1];
  }
  if (isInteger(found.fd) && found.fd > 2) return found;
  process.stderr.write("usage: host.mjs --fd N [--cache DIR], where N is an open descriptor above 2\n");
  process.exit(2);
}

// ---------------------------------------------------------------------------------------------------- the wire

function writeLine(text) {
  const bytes = bytesFrom(text + "\n", "utf8");
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(options.fd, bytes, at, bytes.length - at);
    } catch (error) {
      if (error.code !== "EAGAIN") kill(1); // nobody reads any more
      wait(waiting, 0, 0, 1);
    }
  }
}

function tell(method, params) {
  writeLine(`{"jsonrpc":"2.0","method":${quote(method)},"params":${encode(params)}}`);
}

function ask(method, params) {
  const id = ++nextId;
  writeLine(`{"jsonrpc":"2.0","id":${id},"method":${quote(method)},"params":${encode(params)}}`);
  return id;
}

/** Answer a request of the parent, once; `text` is JSON. */
function reply(id, text) {
  if (!finish(id)) return;
  if (byteLength(text) < LINE_BYTES - 1024) writeLine(`{"jsonrpc":"2.0","id":${encode(id)},"result":${text}}`);
  else refuse(id, -32000, "The result is longer than 4 MiB.", { __proto__: null, kind: "type" });
}

function fail(id, kind, thrown) {
  if (!finish(id)) return;
  const code = markOf(thrown) ?? -32000;
  const message = explain(thrown) ?? describe(thrown);
  refuse(id, code, message, { __proto__: null, kind, stack: stackOf(thrown, FOLDER) });
}

function refuse(id, code, message, data) {
  writeLine(`{"jsonrpc":"2.0","id":${encode(id)},"error":${encode({ __proto__: null, code, message, data })}}`);
}

function finish(id) {
  if (mapGet(running, id) === undefined) return false;
  mapDelete(running, id);
  if (login !== undefined && login.id === id) {
    login.line.end();
    login = undefined;
  }
  return true;
}

function receive(line) {
  let message;
  try {
    message = parse(line);
  } catch {
    return refuse(null, -32700, "That is not JSON.");
  }
  const method = member(message, "method");
  const id = member(message, "id");
  if (typeof method === "string") return handle(method, id, member(message, "params"));
  if (id !== undefined && login !== undefined) answer(id, message);
}

function answer(id, message) {
  const error = member(message, "error");
  if (error === undefined) {
    login.line.answer(id, member(member(message, "result"), "value"), undefined);
  } else if (member(error, "code") === CANCELLED) {
    login.line.answer(id, undefined, cancelError());
  } else {
    const text = member(error, "message");
    const problem = new SafeError(typeof text === "string" && text ? text : "The prompt failed.");
    if (member(error, "code") === NOBODY_TO_ASK) mark(problem, NOBODY_TO_ASK);
    login.line.answer(id, undefined, problem);
  }
}

const METHODS = { __proto__: null, load, login: runLogin, formatApiKey, refreshOAuth };

function handle(method, id, params) {
  if (method === "cancel") return login?.line.cancel();
  const run = METHODS[method];
  if (id === undefined) return undefined;
  if (run === undefined) return refuse(id, -32601, `There is no method ${method}.`);
  if (method !== "load" && plugin === undefined) return refuse(id, -32600, "Nothing is loaded.");
  mapSet(running, id, method === "load" ? "load" : "run");
  return run(id, params);
}

// ---------------------------------------------------------------------------------------------------- requests

async function load(id, params) {
  if (plugin !== undefined || loading) return fail(id, "load", new SafeError("A plugin is loaded already."));
  loading = true;
  let kind = "load";
  try {
    const entry = member(params, "entry");
    installHooks(member(params, "root") ?? "", options.cache);
    const namespace = await import(pathToFileURL(entry).href);
    kind = "export";
    const exported = readExport(namespace);
    if (exported.register === undefined) throw new SafeError("plugin export missing register/activate");
    kind = "register";
    const staged = register(exported, params);
    plugin = staged;
    reply(id, staged.text(exported));
  } catch (error) {
    fail(id, kind, error);
  } finally {
    loading = false;
  }
}

function register(exported, params) {
  const pluginId = member(params, "id");
  const staged = new Staged(typeof pluginId === "string" ? pluginId : "");
  const api = makeApi(params, staged, (level, message) => tell("log", { __proto__: null, level, message }));
  const outcome = apply(exported.register, exported.self, [api]);
  if (isObject(outcome) && typeof outcome.then === "function") {
    const nothing = () => undefined;
    outcome.then(nothing, nothing);
    staged.warn(
      "plugin.async-register", "warning", "plugin register returned a promise; async registration is ignored",
    );
  }
  staged.open = false;
  return staged;
}

async function runLogin(id, params) {
  try {
    if (login !== undefined) throw new SafeError("A login is running already.");
    const method = at(pick(params)?.methods, member(params, "method"));
    if (method === undefined) throw new SafeError("There is no such login method.");
    if (typeof method.run !== "function") throw new SafeError("This login method has no run function.");
    watchParent();
    const line = new Line(ask, tell);
    login = { id, line };
    const exit = (code) => stop(`The plugin ended the login with exit(${code ?? ""}).`);
    const result = await apply(method.run, method.self, [makeContext(member(params, "context"), line, exit)]);
    reply(id, strictly(result, "The login's result"));
  } catch (error) {
    fail(id, kindOf(error), error);
  }
}

async function formatApiKey(id, params) {
  try {
    const provider = pick(params);
    if (typeof provider?.formatApiKey !== "function") throw new SafeError("This provider has no formatApiKey.");
    const value = await apply(provider.formatApiKey, provider.self, [member(params, "credential")]);
    if (typeof value !== "string") throw typeError(`formatApiKey returned a value of type ${typeof value}, not text.`);
    reply(id, `{"value":${quote(value)}}`);
  } catch (error) {
    fail(id, kindOf(error), error);
  }
}

async function refreshOAuth(id, params) {
  try {
    const provider = pick(params);
    if (typeof provider?.refreshOAuth !== "function") throw new SafeError("This provider has no refreshOAuth.");
    const value = await apply(provider.refreshOAuth, provider.self, [member(params, "credential")]);
    reply(id, strictly(value, "The new credential"));
  } catch (error) {
    fail(id, kindOf(error), error);
  }
}

function pick(params) {
  return at(plugin.providers, member(params, "provider"));
}

function at(list, place) {
  return list !== undefined && isInteger(place) ? list[place] : undefined;
}

/** JSON text of what a plugin returned; what JSON cannot say is an error that names every place. */
function strictly(value, what) {
  const faults = newFaults();
  const text = encode(value, faults);
  if (faults.broken.length === 0) return text;
  let told = "";
  for (let index = 0; index < faults.broken.length; index++) told += (index ? "; " : "") + faults.broken[index];
  throw typeError(`${what} is not JSON: ${told}.`);
}

function typeError(message) {
  const error = new SafeError(message);
  setAdd(wrongTypes, error);
  return error;
}

function kindOf(error) {
  return isObject(error) && setHas(wrongTypes, error) ? "type" : "run";
}

// ---------------------------------------------------------------------------------------------------- what goes wrong

/** Fail everything under way with this message, and leave the plugin's code. */
function stop(message) {
  const error = mark(new SafeError(message), -32000);
  failAll(error);
  throw error;
}

function failAll(error) {
  const open = [];
  mapForEach(running, (kind, id) => append(open, { id, kind }));
  for (let index = 0; index < open.length; index++) fail(open[index].id, open[index].kind, error);
  return open.length;
}

function onUncaught(error) {
  if (failAll(error) === 0) warn(`The plugin threw an error that nothing catches: ${describe(error)}`);
}

/** A promise that nobody waits for: a fault while something runs, unless it is only the end of a prompt. */
function onUnhandled(reason) {
  if (markOf(reason) !== undefined || failAll(reason) === 0) {
    warn(`A promise of the plugin was rejected and nothing handles it: ${describe(reason)}`);
  }
}

function warn(message) {
  tell("log", { __proto__: null, level: "warn", message });
}

/** End this process soon after its parent, even out of a loop that never lets go: then no end of input is noticed. */
function watchParent() {
  if (isWatched) return;
  isWatched = true;
  // A heap of its own for machine code is 128 MiB without this, which a limit on memory may not leave.
  const resourceLimits = { maxOldGenerationSizeMb: 16, codeRangeSizeMb: 16 };
  const { Worker } = process.getBuiltinModule("worker_threads");
  const check = `if (process.ppid !== ${parent}) process.kill(process.pid, "SIGKILL");`;
  try {
    const watch = new Worker(`setInterval(() => { ${check} }, 250);`, { eval: true, resourceLimits });
    watch.on("error", () => undefined);
    watch.unref();
  } catch {
    // a plugin that spoilt what Node.js itself needs goes without
  }
}

// ---------------------------------------------------------------------------------------------------- start and end

function guardProcess() {
  const inputOf = Object.getOwnPropertyDescriptor(process, "stdin").get;
  const emptyInput = () => process.getBuiltinModule("stream").Readable.from([]);
  let empty;
  const as = (get) => ({ configurable: true, enumerable: true, get });
  Object.defineProperty(process, "stdin", as(() => (empty ??= emptyInput())));
  Object.defineProperty(process, "stdout", as(() => process.stderr));
  process.exit = (code) => stop(`The plugin called process.exit(${code ?? ""}).`);
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUnhandled);
  return () => inputOf.call(process);
}

/** Read up to the end of the first line without an event loop: it costs 3 ms less than a stream. */
function readFirstLine() {
  const chunk = Buffer.alloc(65536);
  let bytes = Buffer.alloc(0);
  for (;;) {
    let count;
    try {
      count = readSync(0, chunk, 0, chunk.length, null);
    } catch (error) {
      if (error.code !== "EAGAIN") kill(1);
      wait(waiting, 0, 0, 1);
      continue;
    }
    if (count === 0) kill(0);
    bytes = Buffer.concat([bytes, chunk.subarray(0, count)]);
    const end = bytes.indexOf(10);
    if (end >= 0) return { line: bytes.toString("utf8", 0, end), rest: bytes.subarray(end + 1) };
    if (bytes.length > LINE_BYTES) kill(1);
  }
}

/** Text out of bytes that may end within a character; made early, for it needs an unspoilt Buffer. */
function makeDecoder() {
  const { StringDecoder } = process.getBuiltinModule("string_decoder");
  const decoder = new StringDecoder("utf8");
  return decoder.write.bind(decoder);
}

function listen(input, rest, decode) {
  let text = "";
  const take = (bytes) => {
    text += decode(bytes);
    for (let end = indexOf(text, "\n"); end >= 0; end = indexOf(text, "\n")) {
      const line = slice(text, 0, end);
      text = slice(text, end + 1);
      receive(line);
    }
  };
  take(rest);
  input.on("data", take);
  input.on("end", () => kill(0));
  input.on("error", () => kill(1));
}

const input = guardProcess();
tell("ready", { __proto__: null, protocol: 1, runtime: `node ${process.version}` });
const decode = makeDecoder();
const first = readFirstLine();
setImmediate(() => listen(input(), first.rest, decode));
receive(first.line);
