// The plugin SDK as login plugins use it, under all the names it has had. What it lacks is made by source.mjs.

import { WizardCancelledError, isObject } from "./safe.mjs";

const { createHash, randomBytes } = lazyCrypto();

function lazyCrypto() {
  const crypto = () => process.getBuiltinModule("crypto"); // 7 ms to load, and most plugins load without it
  return { createHash: (name) => crypto().createHash(name), randomBytes: (size) => crypto().randomBytes(size) };
}

/** A value for a name this SDK does not have: harmless while it is only a type, an error when it is used. */
export function lacking(name, specifier) {
  const refuse = () => {
    throw new Error(`The plugin uses ${name} of ${specifier}, which this host does not have.`);
  };
  return new Proxy(class {}, {
    __proto__: null,
    apply: refuse,
    construct: refuse,
    get: (target, key) => (key === "then" || key === "__esModule" ? undefined : refuse()),
  });
}

/** A config schema that takes no config: nothing, or an empty object. */
export function emptyPluginConfigSchema() {
  const failure = (message) => ({ success: false, error: { issues: [{ path: [], message }] } });
  return {
    safeParse(value) {
      if (value === undefined) return { success: true, data: undefined };
      if (value === null || typeof value !== "object" || Array.isArray(value)) return failure("expected config object");
      return Object.keys(value).length ? failure("config must be empty") : { success: true, data: value };
    },
    jsonSchema: { type: "object", additionalProperties: false, properties: {} },
  };
}

/** The entry object of a plugin, as later plugins write it; `configSchema` may be a function that makes it. */
export function definePluginEntry({ configSchema = emptyPluginConfigSchema, ...entry }) {
  const make = typeof configSchema === "function" ? configSchema : () => configSchema;
  let made;
  return Object.defineProperty({ ...entry }, "configSchema", { enumerable: true, get: () => (made ??= make()) });
}

/** The result of an OAuth login: one profile, the default model allowed, fields without a value left out. */
export function buildOauthProviderAuthResult(params) {
  const { providerId, defaultModel, access, refresh, expires, email, displayName, notes } = params;
  const name = params.profileName || email || "default";
  const credential = { type: "oauth", provider: providerId, access };
  if (refresh) credential.refresh = refresh;
  if (Number.isFinite(expires)) credential.expires = expires;
  if (email) credential.email = email;
  if (displayName) credential.displayName = displayName;
  Object.assign(credential, params.credentialExtra);
  return {
    profiles: [{ profileId: `${params.profilePrefix || providerId}:${name}`, credential }],
    configPatch: params.configPatch ?? { agents: { defaults: { models: { [defaultModel]: {} } } } },
    defaultModel,
    notes,
  };
}

/** A login method that asks for an API key; what `applyConfig` changes in the config becomes the patch. */
export function createProviderApiKeyAuthMethod(params) {
  const { providerId, methodId, label, hint, wizard, applyConfig, defaultModel, noteMessage, noteTitle } = params;
  const ids = params.profileIds?.length ? params.profileIds : [params.profileId || `${providerId}:default`];
  const run = async (ctx) => {
    if (noteMessage) await ctx.prompter.note(noteMessage, noteTitle);
    const validate = (value) => (value.trim() ? undefined : "Required");
    const answer = await ctx.prompter.text({ message: params.promptMessage ?? `Enter ${label}`, validate });
    const provider = (id) => id.split(":", 1)[0].trim() || providerId;
    const credential = (id) => ({ type: "api_key", provider: provider(id), key: answer.trim(), ...described(params) });
    return {
      profiles: ids.map((profileId) => ({ profileId, credential: credential(profileId) })),
      ...(applyConfig ? { configPatch: difference(ctx.config, applyConfig(structuredClone(ctx.config))) ?? {} } : {}),
      ...(defaultModel ? { defaultModel } : {}),
    };
  };
  return { id: methodId, label, hint, kind: "api_key", ...(wizard ? { wizard } : {}), run };
}

function described(params) {
  return params.metadata ? { metadata: params.metadata } : {};
}

/** What `after` has that `before` has not, or has otherwise; undefined when that is nothing. */
function difference(before, after) {
  if (!isPlain(before) || !isPlain(after)) return JSON.stringify(before) === JSON.stringify(after) ? undefined : after;
  const changed = {};
  for (const [name, value] of Object.entries(after)) {
    const part = Object.hasOwn(before, name) ? difference(before[name], value) : value;
    if (part !== undefined) changed[name] = part;
  }
  return Object.keys(changed).length ? changed : undefined;
}

function isPlain(value) {
  return isObject(value) && typeof value !== "function" && !Array.isArray(value);
}

/** A PKCE pair by RFC 7636: the verifier in base64url, its SHA-256 in base64url. */
export function generatePkceVerifierChallenge() {
  return pkce(randomBytes(32).toString("base64url"));
}

/** The same with a verifier in hexadecimal digits. */
export function generateHexPkceVerifierChallenge() {
  return pkce(randomBytes(32).toString("hex"));
}

function pkce(verifier) {
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

/** A value for OAuth's `state`: 32 random bytes in hexadecimal digits. */
export function generateOAuthState() {
  return randomBytes(32).toString("hex");
}

/** Fields as application/x-www-form-urlencoded, with %20 for blanks. */
export function toFormUrlEncoded(fields) {
  const pairs = Object.entries(fields).map((pair) => pair.map(encodeURIComponent).join("="));
  return pairs.join("&");
}

/** True in the Windows Subsystem for Linux, version 2: a browser there cannot reach a callback server here. */
export function isWSL2Sync() {
  if (process.platform !== "linux") return false;
  try {
    const version = process.getBuiltinModule("fs").readFileSync("/proc/version", "utf8").toLowerCase();
    return version.includes("wsl2") || version.includes("microsoft-standard");
  } catch {
    return false;
  }
}

export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const DEFAULT_ACCOUNT_ID = "default";

export { WizardCancelledError };

const offered = {
  DEFAULT_ACCOUNT_ID, WizardCancelledError, buildOauthProviderAuthResult, createProviderApiKeyAuthMethod,
  definePluginEntry, emptyPluginConfigSchema, generateHexPkceVerifierChallenge, generateOAuthState,
  generatePkceVerifierChallenge, isWSL2Sync, sleep, toFormUrlEncoded,
};

/** What a default import and require() give: the same, with every other name there to be refused when it is used. */
const whole = new Proxy(offered, {
  __proto__: null,
  get: (target, key) => {
    const isAnswered = key in target || typeof key === "symbol" || key === "__esModule" || key === "then";
    return isAnswered ? target[key] : lacking(key, "the plugin SDK");
  },
});

export { offered as sdk, whole as default, whole as "module.exports" };
