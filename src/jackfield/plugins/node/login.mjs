// What a plugin's login is handed: the context and prompter of the former host, spoken over the wire.

import {
  CANCELLED, SafeError, SafeMap, SafePromise, Text, WizardCancelledError, append, isArray, isFiniteNumber,
  isInteger, isObject, mapDelete, mapForEach, mapGet, mapSet, mark, member, then, trim,
} from "./safe.mjs";
import { sentence } from "./plugin.mjs";

const MAX_NAME = 1000;
const nothing = () => undefined;
let tokens = 0;

/**
 * The wire as one login sees it: it counts its requests, and after its end nothing it asks goes out.
 *
 * `send(method, params)` writes a request and returns its id; `tell(method, params)` writes a notification.
 */
export class Line {
  constructor(send, tell) {
    this.send = send;
    this.tell = tell;
    this.pending = new SafeMap(); // request id -> {resolve, reject}
    this.ended = false;
    this.cancelled = false;
  }

  ask(method, params) {
    const asked = new SafePromise((resolve, reject) => {
      if (this.cancelled) reject(cancelError());
      else if (this.ended) reject(mark(new SafeError("The login has ended."), CANCELLED));
      else mapSet(this.pending, this.send(method, params), { resolve, reject });
    });
    then(asked, nothing, nothing); // a prompt may be started long before it is waited for
    return asked;
  }

  notify(method, params) {
    if (!this.ended) this.tell(method, params);
  }

  /** Hand an answer to whoever asked; `problem` is an Error. False when nobody of this login did. */
  answer(id, value, problem) {
    const waiting = mapGet(this.pending, id);
    if (waiting === undefined) return false;
    mapDelete(this.pending, id);
    if (problem === undefined) waiting.resolve(value);
    else waiting.reject(problem);
    return true;
  }

  cancel() {
    this.cancelled = true;
    const waiting = this.pending;
    this.pending = new SafeMap();
    mapForEach(waiting, (each) => each.reject(cancelError()));
  }

  end() {
    this.ended = true;
  }
}

export function cancelError() {
  return mark(new WizardCancelledError(), CANCELLED);
}

/** Build the `ctx` of one login. `exit(code)` ends the login and throws. */
export function makeContext(context, line, exit) {
  const prompter = makePrompter(line);
  const openUrl = async (url) => void (await line.ask("openUrl", { __proto__: null, url: Text(url) }));
  const log = (level) => (...parts) => line.notify("log", { __proto__: null, level, message: sentence(parts) });
  return {
    config: member(context, "config") ?? {}, // read from this login's own message: the plugin may write into it
    agentDir: member(context, "agentDir") ?? undefined,
    workspaceDir: member(context, "workspaceDir") ?? undefined,
    prompter,
    runtime: { log: log("info"), error: log("error"), exit },
    isRemote: member(context, "isRemote") === true,
    openUrl,
    oauth: { createVpsAwareHandlers },
  };
}

/** Every member stands alone: plugins pass `prompter.note` on without the prompter. */
function makePrompter(line) {
  const say = (method, params) => then(line.ask(method, params), nothing);
  return {
    intro: async (title) => say("intro", { __proto__: null, message: Text(title) }),
    outro: async (message) => say("outro", { __proto__: null, message: Text(message) }),
    note: async (message, title) => say("note", { __proto__: null, message: Text(message), title: optional(title) }),
    select: async (params) => select(line, params),
    multiselect: async (params) => multiselect(line, params),
    text: async (params) => text(line, params),
    confirm: async (params) => confirm(line, params),
    progress: (label) => progress(line, label),
  };
}

function optional(value) {
  return value === undefined || value === null ? undefined : Text(value);
}

/** Ask one question; the answer is what `read` makes of the reply, and a reply it refuses is an error. */
async function prompt(line, params, read) {
  const reply = await line.ask("prompt", params);
  const value = read(reply);
  if (value === undefined) throw new SafeError(`The answer to the ${params.kind} prompt is of the wrong type.`);
  return value;
}

function checked(params) {
  if (!isObject(params)) throw new TypeError("A prompt is asked with an object: { message, ... }.");
  return params;
}

function readOptions(params) {
  const given = checked(params).options;
  if (!isArray(given) || given.length === 0) throw new TypeError("A select prompt needs a list of options.");
  const shown = [];
  const values = [];
  for (let index = 0; index < given.length; index++) {
    const option = given[index];
    if (!isObject(option)) throw new TypeError(`Option ${index} of the prompt is not an object.`);
    const { value } = option;
    append(shown, {
      __proto__: null, label: Text(option.label ?? value), hint: optional(option.hint), value: nameable(value),
    });
    append(values, value);
  }
  return { shown, values };
}

/** What a script of answers may call an option by, as far as JSON has it; long texts are nobody's name. */
function nameable(value) {
  if (typeof value === "string") return value.length <= MAX_NAME ? value : undefined;
  return typeof value === "boolean" || (typeof value === "number" && isFiniteNumber(value)) ? value : undefined;
}

function placeOf(values, value) {
  for (let index = 0; index < values.length; index++) if (Object.is(values[index], value)) return index;
  return undefined;
}

const isPlace = (place, values) => isInteger(place) && place >= 0 && place < values.length;

async function select(line, params) {
  const { shown, values } = readOptions(params);
  const initial = params.initialValue === undefined ? undefined : placeOf(values, params.initialValue);
  const question = { __proto__: null, kind: "select", message: Text(params.message), options: shown, initial };
  const place = await prompt(line, question, (reply) => (isPlace(reply, values) ? reply : undefined));
  return values[place];
}

async function multiselect(line, params) {
  const { shown, values } = readOptions(params);
  const initial = [];
  const given = isArray(params.initialValues) ? params.initialValues : [];
  for (let index = 0; index < given.length; index++) {
    const place = placeOf(values, given[index]);
    if (place !== undefined) append(initial, place);
  }
  const question = { __proto__: null, kind: "multiselect", message: Text(params.message), options: shown, initial };
  const places = await prompt(line, question, (reply) => {
    if (!isArray(reply)) return undefined;
    for (let index = 0; index < reply.length; index++) if (!isPlace(reply[index], values)) return undefined;
    return reply;
  });
  const chosen = [];
  for (let index = 0; index < places.length; index++) append(chosen, values[places[index]]);
  return chosen;
}

/** `validate` stays on this side of the wire: the question goes out again, with its complaint, until it is content. */
async function text(line, params) {
  const { message, initialValue, placeholder, validate } = checked(params);
  const question = {
    __proto__: null, kind: "text", message: Text(message),
    initial: optional(initialValue), placeholder: optional(placeholder),
  };
  for (;;) {
    const value = await prompt(line, question, (reply) => (typeof reply === "string" ? reply : undefined));
    const complaint = typeof validate === "function" ? await validate(value) : undefined;
    if (!complaint) return value;
    question.initial = value; // to be mended, not typed again
    question.complaint = Text(isObject(complaint) ? (complaint.message ?? complaint) : complaint);
  }
}

async function confirm(line, params) {
  const { message, initialValue } = checked(params);
  const initial = initialValue === undefined ? undefined : Boolean(initialValue);
  const question = { __proto__: null, kind: "confirm", message: Text(message), initial };
  return prompt(line, question, (reply) => (typeof reply === "boolean" ? reply : undefined));
}

function progress(line, label) {
  const token = ++tokens;
  let running = true;
  const tell = (event, message) => {
    if (running) line.notify("progress", { __proto__: null, token, event, message: optional(message) });
    if (event === "stop") running = false;
  };
  tell("start", label);
  return { update: (message) => tell("update", message), stop: (message) => tell("stop", message) };
}

const required = (value) => (trim(Text(value)) ? undefined : "Required");

/**
 * The two callbacks OAuth libraries ask for, for a browser here or on another machine.
 *
 * Away from the user's machine the address is shown and the question for what comes back is begun at once, but not
 * waited for: `onPrompt` returns the answer to that same question.
 */
export function createVpsAwareHandlers(params) {
  const { isRemote, prompter, runtime, spin, openUrl, localBrowserMessage } = params;
  const manual = params.manualPromptMessage ?? "Paste the redirect URL or the code";
  let begun;
  return {
    onAuth: async ({ url }) => {
      if (isRemote) {
        spin.stop("OAuth URL ready");
        runtime.log(`\nOpen this URL in the browser on your own machine:\n\n${url}\n`);
        begun = prompter.text({ message: manual, validate: required });
        then(begun, nothing, nothing);
        return;
      }
      spin.update(localBrowserMessage);
      await openUrl(url);
      runtime.log(`Open: ${url}`);
    },
    onPrompt: async ({ message, placeholder }) => begun ?? prompter.text({ message, placeholder, validate: required }),
  };
}
