// What the protocol needs from the language, taken before any plugin runs.
//
// A plugin shares this realm: it may replace JSON.stringify, add toJSON to Object.prototype or empty Array.prototype.
// Everything here is bound when this module is read, walks lists by index, and looks nothing up on a prototype that a
// plugin can reach.

const uncurry = Function.prototype.bind.bind(Function.prototype.call);

const { parse, stringify: quote } = JSON; // quote is handed texts only: those have no toJSON that is looked up
const { apply } = Reflect;
const { keys, hasOwn } = Object;
const { isArray } = Array;
const { isFinite: isFiniteNumber, isInteger } = Number;
const { from: bytesFrom, byteLength } = Buffer;
const Text = String;
const SafeError = Error;
const SafeMap = Map;
const SafePromise = Promise;
const SafeProxy = Proxy;
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const mapDelete = uncurry(Map.prototype.delete);
const mapForEach = uncurry(Map.prototype.forEach);
const setAdd = uncurry(WeakSet.prototype.add);
const setHas = uncurry(WeakSet.prototype.has);
const weakGet = uncurry(WeakMap.prototype.get);
const weakSet = uncurry(WeakMap.prototype.set);
const slice = uncurry(String.prototype.slice);
const indexOf = uncurry(String.prototype.indexOf);
const trim = uncurry(String.prototype.trim);
const split = uncurry(String.prototype.split);
const then = uncurry(Promise.prototype.then);
const objectRoot = Object.prototype;
const arrayRoot = Array.prototype;

export {
  SafeError, SafeMap, SafePromise, SafeProxy, Text, apply, byteLength, bytesFrom, hasOwn, indexOf, isArray,
  isFiniteNumber, isInteger, keys, mapDelete, mapForEach, mapGet, mapSet, parse, quote, setAdd, setHas, slice, split,
  then, trim,
};

const MAX_DEPTH = 200;
const MAX_FAULTS = 20;
const MAX_TEXT = 4000;

/** The user ended it: what every pending prompt of a cancelled login rejects with. */
export class WizardCancelledError extends Error {
  constructor(message = "wizard cancelled") {
    super(message);
    this.name = "WizardCancelledError";
  }
}

const known = new WeakMap(); // errors made by this host -> the JSON-RPC code they stand for
export const CANCELLED = -32001;
export const NOBODY_TO_ASK = -32002;

export function mark(error, code) {
  weakSet(known, error, code);
  return error;
}

export function markOf(error) {
  return isObject(error) ? weakGet(known, error) : undefined;
}

export function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** An own member of a JSON object that came over the wire; what prototypes offer does not count. */
export function member(object, name) {
  return isObject(object) && hasOwn(object, name) ? object[name] : undefined;
}

export function append(list, value) {
  list[list.length] = value;
}

/**
 * Write any value as JSON text, as JSON.stringify would, but never throwing and never trusting a prototype.
 *
 * `faults.lost` gets the paths of what JSON.stringify leaves out or turns into null without a word (functions, symbols,
 * NaN), `faults.broken` those where it would throw (BigInt, cycles, getters and proxies that throw). Both become null,
 * except that members which are undefined, functions or symbols are left out.
 */
export function encode(value, faults = newFaults()) {
  return write(value, "", 0, { faults, above: [] }) ?? "null";
}

export function newFaults() {
  return { lost: [], broken: [] };
}

function write(value, path, depth, state) {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      return isFiniteNumber(value) ? Text(value) : note(state.faults.lost, path, `is ${value}`);
    case "bigint":
      return note(state.faults.broken, path, "is a BigInt");
    case "object":
      return value === null ? "null" : writeObject(value, path, depth, state);
    case "undefined":
      return undefined;
    default:
      note(state.faults.lost, path, `is a ${typeof value}`);
      return undefined;
  }
}

function writeObject(value, path, depth, state) {
  if (depth > MAX_DEPTH) return note(state.faults.broken, path, "is nested too deep");
  for (let index = 0; index < state.above.length; index++) {
    if (state.above[index] === value) return note(state.faults.broken, path, "refers back to what holds it");
  }
  append(state.above, value);
  try {
    const plain = converted(value);
    if (plain !== value) return write(plain, path, depth + 1, state) ?? "null";
    return isArray(value) ? writeList(value, path, depth, state) : writeMembers(value, path, depth, state);
  } catch (error) {
    return note(state.faults.broken, path, `cannot be read: ${describe(error)}`);
  } finally {
    state.above.length -= 1;
  }
}

/** What toJSON makes of a date or an address; a toJSON on the roots of all objects is nobody's conversion. */
function converted(value) {
  const convert = value.toJSON;
  const planted = convert === member(objectRoot, "toJSON") || convert === member(arrayRoot, "toJSON");
  return typeof convert === "function" && !planted ? apply(convert, value, [""]) : value;
}

function writeList(list, path, depth, state) {
  let text = "[";
  for (let index = 0; index < list.length; index++) {
    text += (index ? "," : "") + (write(list[index], `${path}[${index}]`, depth + 1, state) ?? "null");
  }
  return text + "]";
}

function writeMembers(object, path, depth, state) {
  const names = keys(object);
  let text = "{";
  for (let index = 0; index < names.length; index++) {
    const name = names[index];
    const written = write(object[name], path ? `${path}.${name}` : name, depth + 1, state);
    if (written !== undefined) text += (text === "{" ? "" : ",") + quote(name) + ":" + written;
  }
  return text + "}";
}

function note(list, path, what) {
  if (list.length < MAX_FAULTS) append(list, `${path || "it"} ${what}`);
  return "null";
}

/** Say what was thrown, in one text of bounded length; whatever was thrown, this does not throw. */
export function describe(thrown) {
  try {
    const message = isObject(thrown) ? thrown.message : thrown;
    let text = typeof message === "string" ? message : "";
    if (!text) text = isObject(thrown) ? Text(thrown.name ?? "an error without a message") : Text(thrown);
    const cause = isObject(thrown) && isObject(thrown.cause) ? thrown.cause.message : undefined;
    if (typeof cause === "string" && cause && indexOf(text, cause) < 0) text += ` (${cause})`;
    return slice(text, 0, MAX_TEXT);
  } catch {
    return "an error that cannot be shown";
  }
}

/** Where it was thrown, without the frames of this host and of Node.js itself; undefined when it cannot be told. */
export function stackOf(thrown, hostFolder) {
  try {
    const stack = isObject(thrown) ? thrown.stack : undefined;
    if (typeof stack !== "string") return undefined;
    const lines = split(stack, "\n");
    let text = "";
    for (let index = 0; index < lines.length; index++) {
      const ours = indexOf(lines[index], hostFolder) >= 0 || indexOf(lines[index], "(node:internal") >= 0;
      if (!ours) text += (text ? "\n" : "") + lines[index];
    }
    return slice(text, 0, MAX_TEXT);
  } catch {
    return undefined;
  }
}
