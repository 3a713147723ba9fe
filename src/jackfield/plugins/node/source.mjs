// How a plugin's files are found and read: TypeScript without a compiler, both module systems, the SDK's three names.
//
// Plugins were written for a loader that let much pass: `./oauth.js` for oauth.ts, ES modules without a package.json,
// `require` beside `import`, types imported like values. The hooks here let the same pass. Files inside a plugin's own
// node_modules are left to Node.js, except TypeScript and mapped names.

const fs = process.getBuiltinModule("fs");
const { registerHooks, stripTypeScriptTypes, createRequire, findPackageJSON } = process.getBuiltinModule("module");
const { fileURLToPath, pathToFileURL } = process.getBuiltinModule("url");
const { dirname, join, extname, basename, sep } = process.getBuiltinModule("path");

const SDK = /^(?:clawdbot|moltbot|openclaw)\/plugin-sdk(?:\/.*)?$/;
const NAMED_IMPORT = /\b(?:import|export)\s*(?:[\w$]+\s*,\s*)?\{([^}]*)\}\s*from\s*(["'])([^"'\n]+)\2/g;
const STUB = "jackfield-sdk:";
const SDK_URL = new URL("./sdk.mjs", import.meta.url).href;
const SWAPPED = { __proto__: null, ".js": [".ts"], ".mjs": [".mts"], ".cjs": [".cts"] };
const TRIED = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];
const TYPED = { __proto__: null, ".ts": true, ".mts": true, ".cts": true };
const FIXED = { __proto__: null, ".mts": "module", ".mjs": "module", ".cts": "commonjs", ".cjs": "commonjs" };
// Before Node.js 24, require() in CommonJS that was imported does not ask these hooks.
const HOOKS_REQUIRE = Number.parseInt(process.versions.node, 10) >= 24;
const CACHE_MARK = "jackfield-source-2";

const decorated = []; // files that seem to have decorators: told when one of them turns out to be unreadable
let settings = { root: "", cache: "" };

/** Begin to resolve and read files as plugins expect it; `cache` is a folder for stripped TypeScript, or "". */
export function installHooks(root, cache) {
  settings = { root: withSeparator(real(root)), cache };
  registerHooks({ resolve, load });
}

function resolve(specifier, context, next) {
  if (SDK.test(specifier)) return stub(specifier, [], context);
  if (specifier.startsWith(STUB)) {
    const [name, wanted] = specifier.slice(STUB.length).split("?");
    return stub(name, wanted.split(","), context);
  }
  const local = localFile(specifier, context.parentURL);
  if (local === undefined) return next(specifier, context);
  const found = isFile(local) ? local : mapped(local);
  if (found === undefined || found === local) return next(specifier, context);
  return { url: pathToFileURL(real(found)).href, shortCircuit: true };
}

/** The SDK itself, or a module that adds what it lacks: names that only say what they are when they are used. */
function stub(name, wanted, context) {
  const isImported = wanted.length > 0 && !isRequired(context);
  const lacking = isImported ? wanted.filter((each) => !sdkNames().has(each)) : [];
  const url = lacking.length ? `${STUB}${name}?${lacking.join(",")}` : SDK_URL;
  return { url, format: "module", shortCircuit: true };
}

let names;
function sdkNames() {
  names ??= new Set(Object.keys(createRequire(import.meta.url)("./sdk.mjs")));
  return names;
}

function isRequired(context) {
  return new Set(context.conditions).has("require"); // a list in some versions, a set in others
}

function stubSource(url) {
  const [name, lacking] = url.slice(STUB.length).split("?");
  const lines = [`export * from "${SDK_URL}";`, `export { default } from "${SDK_URL}";`];
  lines.push(`import { lacking } from "${SDK_URL}";`);
  for (const each of lacking.split(",")) {
    lines.push(`const of_${each} = lacking("${each}", "${name}");`, `export { of_${each} as ${each} };`);
  }
  return lines.join("\n");
}

/** The path that a relative, absolute or file: specifier means, or undefined for packages and built-in modules. */
function localFile(specifier, parent) {
  if (!/^(?:\.{1,2}(?:\/|$)|\/|file:)/.test(specifier)) return undefined;
  if (parent !== undefined && !parent.startsWith("file:")) return undefined;
  try {
    return fileURLToPath(new URL(specifier, parent));
  } catch {
    return undefined;
  }
}

function mapped(path) {
  const extension = extname(path);
  for (const other of SWAPPED[extension] ?? []) {
    const candidate = path.slice(0, -extension.length) + other;
    if (isFile(candidate)) return candidate;
  }
  for (const other of TRIED) if (isFile(path + other)) return path + other;
  for (const other of TRIED) if (isFile(join(path, "index" + other))) return join(path, "index" + other);
  return undefined;
}

function isFile(path) {
  return fs.statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function load(url, context, next) {
  if (url.startsWith(STUB)) return { format: "module", source: stubSource(url), shortCircuit: true };
  if (!url.startsWith("file:") || url === SDK_URL) return next(url, context);
  const path = fileURLToPath(url);
  const extension = extname(path);
  if (TYPED[extension]) return { ...wrapped(readTyped(path, extension), path, extension), shortCircuit: true };
  if (!isOwn(path)) return next(url, context);
  if (extension === ".json") return loadJson(url, path, context, next);
  const isRead = extension === ".js" || extension === ".mjs" || (extension === ".cjs" && !HOOKS_REQUIRE);
  if (!isRead) return next(url, context);
  const prepared = prepare(fs.readFileSync(path, "utf8"), path, extension);
  return { ...wrapped(prepared, path, extension), shortCircuit: true };
}

/** True for the plugin's own files, as against the packages it brings. */
function isOwn(path) {
  return path.startsWith(settings.root) && !path.slice(settings.root.length).includes(`node_modules${sep}`);
}

/** JSON imported without `with { type: "json" }`: its members are there by name as well. */
function loadJson(url, path, context, next) {
  const plain = isRequired(context) || context.importAttributes?.type === "json";
  if (plain) return next(url, context);
  const text = fs.readFileSync(path, "utf8");
  const value = JSON.parse(text);
  const lines = [`const value = ${JSON.stringify(value)};`, "export default value;"];
  const members = value !== null && typeof value === "object" && !Array.isArray(value) ? Object.keys(value) : [];
  members.forEach((name, index) => {
    if (name === "default" || !name.isWellFormed()) return;
    lines.push(`const m${index} = value[${JSON.stringify(name)}];`, `export { m${index} as ${JSON.stringify(name)} };`);
  });
  return { format: "module", source: lines.join("\n"), shortCircuit: true };
}

// ---------------------------------------------------------------------------------------------------- TypeScript

function readTyped(path, extension) {
  const source = fs.readFileSync(path, "utf8");
  const entry = settings.cache && join(settings.cache, `${digest(`${path}\0${process.version}`)}.txt`);
  const kept = entry && readEntry(entry, source);
  if (kept) return mapLines(kept);
  const prepared = withTypeNames(prepare(elideTypes(strip(source, path)), path, extension), source);
  if (entry) writeEntry(entry, source, prepared);
  return mapLines(prepared);
}

function strip(source, path) {
  try {
    return stripTypeScriptTypes(source, { mode: "strip" });
  } catch (error) {
    if (error?.code !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") throw unreadable(error, path);
  }
  try {
    return stripTypeScriptTypes(source, { mode: "transform", sourceMap: true, sourceUrl: path });
  } catch (error) {
    throw unreadable(error, path);
  }
}

function unreadable(error, path) {
  const lines = String(error?.message ?? error).split("\n");
  const reason = lines.find((line) => line.trim()) ?? "it is not said why";
  return new SyntaxError(`${basename(path)} cannot be read as TypeScript: ${reason.replace(/^\s*[x\u00d7] /, "")}`);
}

/** Code whose lines were moved brings a map; Node.js reads maps only when asked to. */
function mapLines(prepared) {
  if (prepared.source.includes("\n//# sourceMappingURL=data:")) process.setSourceMapsEnabled(true);
  return prepared;
}

/**
 * Take out the imports whose names stand nowhere else in the code: what was imported for its type alone.
 *
 * A TypeScript compiler does this by analysis; here a name that occurs anywhere else, even in a text, is kept.
 */
function elideTypes(code) {
  const clauses = /(?:[\w$\s{},*]|\/\/.*\n|\/\*[\s\S]*?\*\/)+?/.source;
  const statement = new RegExp(`^([ \\t]*)import\\s+(${clauses})\\s+from\\s*(["'])[^"'\\n]+\\3[ \\t]*;?`, "gm");
  const comment = /^[ \t]*(?:\/\/.*|\/\*[\s\S]*?\*\/)/gm;
  const rest = code.replace(statement, "").replace(comment, (found) => (found.includes("${") ? found : ""));
  const used = new Set(rest.match(/[\w$\u0080-\uffff]+/g));
  return code.replace(statement, (whole, indent, clause) => {
    const kept = keptClause(clause, used);
    if (kept === clause) return whole;
    const lines = whole.split("\n").length - 1;
    return kept === "" ? indent + "\n".repeat(lines) : whole.replace(clause, () => kept + "\n".repeat(lines));
  });
}

function keptClause(whole, used) {
  const clause = whole.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
  const braces = /\{([^}]*)\}/.exec(clause);
  const named = braces ? braces[1].split(",").map((each) => each.trim()).filter(Boolean) : [];
  const isUsed = (binding) => used.has(binding.split(/\s+as\s+/).at(-1).trim());
  const outside = clause.replace(/\{[^}]*\}/, "").split(",").map((each) => each.trim()).filter(Boolean);
  const left = named.filter(isUsed);
  const others = outside.filter(isUsed);
  if (left.length === named.length && others.length === outside.length && named.length + outside.length) return whole;
  return [...others, ...(left.length ? [`{ ${left.join(", ")} }`] : [])].join(", ");
}

/**
 * Give the types that a file exports a value, undefined, so that a file that passes one on can be linked.
 *
 * `export { Baz } from "./types"` says nothing of whether Baz is a type; only a compiler that sees both files knows.
 * Names are looked for as text: one too many, out of a comment, does no harm.
 */
function withTypeNames(prepared, source) {
  if (prepared.format !== "module") return prepared;
  const code = prepared.source;
  const exported = exportedValues(code);
  const lines = [];
  const missing = [...exportedTypes(source)].filter((name) => !exported.has(name));
  const listed = missing.map((name) => `of_types as ${name}`).join(", ");
  if (missing.length) lines.push(`var of_types; export { ${listed} };`);
  const bare = bareTypes(code, source);
  if (bare.length) lines.push(`var ${bare.join(", ")};`);
  return lines.length ? { ...prepared, source: `${code}\n${lines.join("\n")}` } : prepared;
}

const NAME = /^[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*$/;
const LOCAL_LIST = /\bexport\s*\{([^}]*)\}(?!\s*from\b)/g;

/** The names of the types that TypeScript source exports: declared, or listed as types. */
function exportedTypes(source) {
  const found = new Set();
  const declared = /(?:^|[;}])[ \t]*export\s+(?:declare\s+)?(?:type|interface)\s+([\w$\u0080-\uffff]+)\s*[<={]/gm;
  for (const [, name] of source.matchAll(declared)) found.add(name);
  const extended =
    /(?:^|[;}])[ \t]*export\s+(?:declare\s+)?interface\s+([\w$\u0080-\uffff]+)(?:<[^{]*?>)?\s+extends\b/gm;
  for (const [, name] of source.matchAll(extended)) found.add(name);
  for (const [, isTypes, list] of source.matchAll(/\bexport\s+(type\b\s*)?\{([^}]*)\}/g)) {
    for (const each of members(list)) {
      const type = /^type\s+(?!as\b)/.exec(each);
      if (isTypes || type) found.add(nameOf(each));
    }
  }
  found.delete("default");
  return new Set([...found].filter((name) => NAME.test(name)));
}

/** The names of the values that code exports, and rather a few too many: a name exported twice is a syntax error. */
function exportedValues(code) {
  const found = new Set();
  for (const [, list] of code.matchAll(/\bexport\s*\{([^}]*)\}/g)) {
    for (const each of members(list)) found.add(nameOf(each));
  }
  const named = /\bexport\s+(?:default\s+)?(?:async\s+)?(?:class|function\s*\*?|\*\s*as)\s*([\w$\u0080-\uffff]+)/g;
  for (const [, name] of code.matchAll(named)) found.add(name);
  for (const [, text] of code.matchAll(/\bexport\s+(?:const|let|var)\s*(\{[^}]*\}|\[[^\]]*\]|[^;\n]*)/g)) {
    for (const [name] of text.matchAll(/[\w$\u0080-\uffff]+/g)) found.add(name);
  }
  return found;
}

/** Names in an export list of the file's own that stand nowhere else once the types are gone: types, if declared so. */
function bareTypes(code, source) {
  const lists = [...code.matchAll(LOCAL_LIST)].flatMap(([, list]) => members(list));
  const own = new Set(lists.map((each) => each.split(/\s+as\s+/)[0].trim()).filter((name) => NAME.test(name)));
  if (!own.size) return [];
  const used = new Set(code.replace(LOCAL_LIST, "").match(/[\w$\u0080-\uffff]+/g));
  const isType = (name) => {
    const word = name.replaceAll("$", "\\$");
    const whole = `(?<![\\w$])${word}(?![\\w$])`;
    const declared = `\\b(?:type|interface)\\s+${whole}|\\bimport\\s+type\\b[^;]*?${whole}`;
    return new RegExp(`${declared}|\\{[^}]*\\btype\\s+${whole}[^}]*\\}\\s*from`).test(source);
  };
  return [...own].filter((name) => !used.has(name) && isType(name));
}

function members(list) {
  return list.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "").split(",").map((each) => each.trim()).filter(Boolean);
}

/** The name that a member of an export list has outside. */
function nameOf(each) {
  return each.replace(/^type\s+(?!as\b)/, "").split(/\s+as\s+/).at(-1);
}

/** Decide what kind of module the code is, and give it what its kind lacks but the former loader had. */
function prepare(code, path, extension) {
  if (/^\s*@[A-Za-z_$][\w$.]*(?:\(|\s)/m.test(code)) decorated.push(path);
  const format = FIXED[extension] ?? kindOf(code);
  if (format === "commonjs") return { format, source: code };
  return { format, source: withCommonNames(withStubs(code)) };
}

function kindOf(code) {
  const modern = /(?:^|[;}])\s*(?:import\s*["'{*\w$]|export\s*[{*]|export\s+[a-z])|\bimport\.meta\b/m;
  if (modern.test(code)) return compilesAsScript(code) ? "commonjs" : "module";
  return /\bmodule\.exports\b|\bexports\s*[.[]|\brequire\s*\(/.test(code) ? "commonjs" : "module";
}

function compilesAsScript(code) {
  try {
    const body = code.replace(/^#!.*/, "");
    process.getBuiltinModule("vm").compileFunction(body, ["exports", "require", "module", "__filename", "__dirname"]);
    return true;
  } catch {
    return false;
  }
}

/** Ask for the SDK by the names that are wanted of it, so that one it lacks does not end the whole import. */
function withStubs(code) {
  if (!code.includes("/plugin-sdk")) return code;
  return code.replace(NAMED_IMPORT, (whole, inside, mark, name) => {
    if (!SDK.test(name)) return whole;
    const wanted = inside.split(",").map((each) => each.trim().split(/\s+as\s+/)[0]);
    const plain = wanted.filter((each) => /^[A-Za-z_$][\w$]*$/.test(each) && each !== "default");
    return whole.slice(0, whole.lastIndexOf(mark + name)) + mark + STUB + name + "?" + plain.join(",") + mark;
  });
}

/** CommonJS where Node.js would not take it as such runs as a function within an ES module; no line moves. */
function wrapped(prepared, path, extension) {
  if (prepared.format === "module") return prepared;
  if (HOOKS_REQUIRE && (FIXED[extension] || packageType(path) !== "module")) return prepared;
  const given = "require, module, __filename, __dirname";
  const head = `const module = { exports: {} }; ${declared(Object.keys(SUPPLIED))} (function (exports, ${given}) { `;
  const tail = `\n}).call(module.exports, module.exports, ${given}); const all = module.exports;`;
  const body = prepared.source.replace(/^#!.*/, "");
  return { format: "module", source: `${head}${body}${tail} export { all as default, all as "module.exports" };` };
}

function packageType(path) {
  const file = findPackageJSON(pathToFileURL(path));
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")).type;
  } catch {
    return undefined;
  }
}

const SUPPLIED = {
  require: 'process.getBuiltinModule("module").createRequire(import.meta.url)',
  __filename: "import.meta.filename",
  __dirname: "import.meta.dirname",
};

function declared(missing) {
  return missing.map((name) => `const ${name} = ${SUPPLIED[name]};`).join(" ");
}

/** `require`, `__filename` and `__dirname` for an ES module that uses but does not declare them; no line moves. */
function withCommonNames(code) {
  const missing = Object.keys(SUPPLIED).filter((name) => {
    const use = name === "require" ? /(?<![\w$.])require\s*[(.]/ : new RegExp(`(?<![\\w$.])${name}\\b`);
    const own = new RegExp(`\\b(?:const|let|var|function|class|import)\\b[^;=()]*(?<![\\w$.])${name}\\b`);
    return use.test(code) && !own.test(code);
  });
  if (!missing.length) return code;
  const head = declared(missing);
  return code.startsWith("#!") ? code.replace("\n", `\n${head} `) : `${head} ${code}`;
}

// ---------------------------------------------------------------------------------------------------- the cache

// An entry holds the source it was made from, and counts only for exactly that source: the name and the check sum need
// not withstand anybody, and node:crypto, which takes 7 ms to load, is not needed. One entry for each file: no growth.

function readEntry(entry, source) {
  let text;
  try {
    text = fs.readFileSync(entry, "utf8");
  } catch {
    return undefined;
  }
  const end = text.indexOf("\n");
  const [mark, format, length, sum] = text.slice(0, end).split(" ");
  const start = end + 1 + source.length;
  if (mark !== CACHE_MARK || !(format === "module" || format === "commonjs")) return undefined;
  const made = text.slice(start);
  if (Number(length) !== made.length || text.slice(end + 1, start) !== source || digest(made) !== sum) return undefined;
  return { format, source: made };
}

function writeEntry(entry, source, { format, source: made }) {
  const temporary = `${entry}.${process.pid}.tmp`;
  try {
    fs.mkdirSync(dirname(entry), { recursive: true, mode: 0o700 });
    const head = `${CACHE_MARK} ${format} ${made.length} ${digest(made)}\n`;
    fs.writeFileSync(temporary, head + source + made, { mode: 0o600, flag: "wx" });
    fs.renameSync(temporary, entry);
  } catch {
    discard(temporary); // a cache that cannot be written only costs time
  }
}

function discard(path) {
  try {
    fs.unlinkSync(path);
  } catch {
    // it was never there
  }
}

/** Two 32-bit FNV-1a sums, of the code units and of their reverse weighting, as 16 hex digits. */
function digest(text) {
  let one = 0x811c9dc5;
  let two = 0x9dc5811c ^ text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    one = Math.imul(one ^ unit, 0x01000193);
    two = Math.imul(two ^ ((unit << 5) | (unit >> 11)), 0x85ebca6b);
  }
  return [one, two].map((sum) => (sum >>> 0).toString(16).padStart(8, "0")).join("");
}

function real(path) {
  try {
    return fs.realpathSync(path);
  } catch {
    return path;
  }
}

function withSeparator(path) {
  return path.endsWith(sep) ? path : path + sep;
}

// ---------------------------------------------------------------------------------------------------- explanations

const EXPLAINED = [
  [/does not provide an export named '([^']+)'/, (found, text) => {
    const asked = /requested module '([^']+)'/.exec(text)?.[1] ?? "a module";
    const fix = `if it is a type, write \`import type\` or \`export type\``;
    return `${asked} does not export ${found[1]}; ${fix}.`;
  }],
  [/^Export '([^']+)' is not defined in module/, (found) =>
    `It exports ${found[1]}, which it does not have; if it is a type, write \`export type\`.`],
  [/^(require|module|exports|__filename|__dirname) is not defined/, (found) =>
    `It uses ${found[1]}, which ES modules do not have; name the file .cjs or .cts, or write it as an ES module.`],
  [/^Cannot find package '([^']+)'/, (found) =>
    `It needs the package ${found[1]}, which is not installed: run \`npm install\` in ${settings.root}.`],
  [/^Cannot find module '([^']+)'/, (found) => `It imports ${found[1]}, which is not there.`],
  [/^Unknown file extension "([^"]+)"/, (found) => `It imports a ${found[1]} file, which this host cannot read.`],
  [/^require\(\) cannot be used on an ESM graph with top-level await/, () =>
    "It calls require() for a module that waits at its top level; import it instead."],
];

/** Say in plain words why a plugin's files could not be loaded, or undefined when the error says it itself. */
export function explain(error) {
  let text, isSyntax;
  try {
    text = String(error?.message ?? "");
    isSyntax = error instanceof SyntaxError;
    const isLoaders = /^(?:ERR_|MODULE_NOT_FOUND)/.test(error?.code ?? "");
    if (!isSyntax && !isLoaders && !(error instanceof ReferenceError)) return undefined;
  } catch {
    return undefined;
  }
  for (const [pattern, tell] of EXPLAINED) {
    const found = pattern.exec(text);
    if (found) return tell(found, text);
  }
  if (isSyntax && decorated.length && /^Invalid or unexpected token/.test(text)) {
    return `${basename(decorated.at(-1))} uses decorators, which Node.js cannot run without a compiler.`;
  }
  return undefined;
}
