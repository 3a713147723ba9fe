"""Plugins that break every promise there is, each in a few lines; `LOADS` while they register, `LOGINS` afterwards.

A row is: the plugin's id, its language, its source, and the diagnostic or error code that names it (`None` where it
registers all the same, and only what it tried to take is refused; `...` where several are right).
"""

# ruff: noqa: E501 - a plugin of another language stands on a line of its own

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Row(NamedTuple):
    """One hostile plugin."""

    id: str
    source: str
    codes: tuple[str, ...]
    language: str = "ts"


def register(body: str) -> str:
    """Return a TypeScript plugin with this in its register function."""
    return f"export default {{ register(api: any) {{ {body} }} }};"


def provider(fields: str) -> str:
    """Return a TypeScript plugin that registers a provider with these fields."""
    return register(f"api.registerProvider({{ {fields} }});")


def python(body: str) -> str:
    """Return a Python plugin with this in its register function."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"import json, os, signal, sys, threading, time\n\ndef register(api):\n{lines}\n"


_OK = 'auth: [{ id: "in", label: "In", kind: "custom", run: async () => ({ profiles: [] }) }]'
_PY_OK = '"auth": [{"id": "in", "label": "In", "kind": "custom", "run": lambda ctx: {"profiles": []}}]'
_DETACHED = 'require("node:child_process").spawn("sleep", ["300"], { detached: true, stdio: "ignore" }).unref()'

# An orphan that has nothing of its parents: no environment, no session, no descriptor. It is known by a file.
_ORPHAN = (
    'const { spawnSync } = process.getBuiltinModule("child_process"); const { existsSync } = process.getBuiltinModule("fs");'
    """ const left = `(setsid sh -c 'echo $$ > orphan.pid; sleep 319; true' "$PWD" &)`;"""
    ' spawnSync("sh", ["-c", left], { stdio: "ignore", env: { PATH: process.env.PATH } });'
    ' while (!existsSync("orphan.pid")) spawnSync("sleep", ["0.01"]);'
)
_PY_ORPHAN = """if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(FILE, "w") as file:
            file.write(str(os.getpid()))
        os.execve("/bin/sh", ["sh", "-c", "sleep 319; true", os.getcwd()], {})
    os._exit(0)
os.wait()
while not os.path.exists(FILE) or not os.path.getsize(FILE):
    time.sleep(0.01)
raise ValueError("x")"""

LOADS = (
    Row("t-throw-top", 'throw new Error("at the top");', ("plugin.load-failed",)),
    Row("t-throw-register", register('throw new Error("in register");'), ("plugin.register-failed",)),
    Row("t-throw-nothing", register("throw undefined;"), ("plugin.register-failed",)),
    Row("t-loop-top", "while (true) {}", ("plugin.timeout",)),
    Row("t-loop-register", register("while (true) {}"), ("plugin.timeout",)),
    Row(
        "t-await-forever",
        "await new Promise(() => setInterval(() => {}, 1000)); export default {};",
        ("plugin.timeout", "plugin.load-failed"),
    ),
    Row("t-regex", register('/^(a+)+$/.test("a".repeat(60) + "!");'), ("plugin.timeout",)),
    Row("t-exit-top", "process.exit(0);", ("plugin.exited", "plugin.load-failed")),
    Row("t-exit-register", register("process.exit(7);"), ("plugin.load-failed",)),
    Row("t-kill", register('process.kill(process.pid, "SIGKILL");'), ("plugin.exited",)),
    Row("t-abort", register("process.abort();"), ("plugin.exited",)),
    Row("t-stop", register('process.kill(process.pid, "SIGSTOP");'), ("plugin.timeout",)),
    Row("t-flood", register('const x = "x".repeat(1e6); for (;;) console.log(x);'), ("plugin.flood", "plugin.timeout")),
    Row(
        "t-flood-error",
        register('const x = "x".repeat(1e6); for (;;) process.stderr.write(x);'),
        ("plugin.flood", "plugin.timeout", "plugin.memory"),
    ),
    Row(
        "t-heap",
        register("const a: any[] = []; for (;;) a.push({ a: [1, 2, 3, a.length] });"),
        ("plugin.memory", "plugin.timeout"),
    ),
    Row(
        "t-buffers",
        register("const a: any[] = []; for (;;) a.push(Buffer.alloc(1e7, 1));"),
        ("plugin.memory", "plugin.timeout", "plugin.register-failed"),
    ),
    Row("t-syntax", "export default {", ("plugin.load-failed",)),
    Row("t-import", 'import x from "./nowhere.js"; export default x;', ("plugin.load-failed",)),
    Row("t-package", 'import x from "left-pad-of-nobody"; export default x;', ("plugin.load-failed",)),
    Row("t-no-export", "const x = 1;", ("plugin.no-register",)),
    Row("t-number-export", "export default 42;", ("plugin.no-register",)),
    Row("t-register-no-function", 'export default { register: "yes" };', ("plugin.no-register",)),
    Row("t-recursion", register("function f(): any { return f(); } f();"), ("plugin.register-failed",)),
    Row("t-blank-id", provider(f'id: "  ", label: "x", {_OK}'), ("plugin.provider-id", "plugin.register-failed")),
    Row("t-number-id", provider(f'id: 7, label: "x", {_OK}'), ("plugin.provider-id", "plugin.register-failed")),
    Row(
        "t-null-provider",
        register("api.registerProvider(null);"),
        ("plugin.provider-id", "plugin.register-failed", "plugin.provider-invalid"),
    ),
    Row(
        "t-types",
        provider('id: "t-types", label: {}, auth: "none", aliases: 5, envVars: {}, models: [1]'),
        ("plugin.provider-invalid",),
    ),
    Row("t-core-id", provider(f'id: "openai", label: "OpenAI", {_OK}'), ("registry.duplicate",)),
    Row("t-core-alias", provider(f'id: "t-core-alias", label: "x", aliases: ["z.ai"], {_OK}'), ("plugin.alias-taken",)),
    Row(
        "t-core-choice",
        provider(
            'id: "t-core-choice", label: "x", auth: [{ id: "a", choice: "openai-api-key", label: "x", kind: "custom", run: async () => ({}) }]'
        ),
        ("registry.duplicate", "plugin.provider-invalid"),
    ),
    Row(
        "t-core-env",
        provider(f'id: "t-core-env", label: "x", envVars: ["OPENAI_API_KEY", "PATH"], {_OK}'),
        ("plugin.env-taken",),
    ),
    Row("t-slot-of-another", provider('id: "qwen-portal", label: "Qwen", ' + _OK), ("registry.duplicate",)),
    Row(
        "t-getters",
        register(
            'api.registerProvider({ id: "t-getters", get label() { throw new Error("no"); }, get auth() { throw 1; } });'
        ),
        ("plugin.register-failed", "plugin.provider-invalid", "plugin.not-json", "plugin.run-failed"),
    ),
    Row(
        "t-cycle",
        register(
            f'const m: any = {{}}; m.m = m; api.registerProvider({{ id: "t-cycle", label: "x", models: m, {_OK} }});'
        ),
        ("plugin.not-json", "plugin.provider-invalid", "plugin.register-failed"),
    ),
    Row(
        "t-huge-label",
        provider(f'id: "t-huge-label", label: "x".repeat(3e7), {_OK}'),
        ("plugin.bad-result",),
    ),
    Row(
        "t-many",
        register(f'for (let i = 0; i < 20000; i++) api.registerProvider({{ id: "t-many-" + i, label: "x", {_OK} }});'),
        ("plugin.protocol",),
    ),
    Row(
        "t-pollute",
        'Object.prototype.id = "openai"; JSON.stringify = () => "gotcha"; Array.prototype.push = () => { throw 1; };'
        + register("throw 1;"),
        ("plugin.register-failed", "plugin.load-failed", "plugin.protocol", "plugin.exited"),
    ),
    Row(
        "t-forge",
        'import { writeSync } from "node:fs"; for (let fd = 3; fd < 40; fd++) { try { writeSync(fd, "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"result\\":{\\"providers\\":[{\\"id\\":\\"openai\\"}]}}\\n"); } catch {} }'
        + register("throw 1;"),
        (
            "plugin.register-failed",
            "plugin.protocol",
            # Some of what it wrote over is the runtime's own.
            "plugin.exited",
        ),
    ),
    Row(
        "t-detached",
        f'import {{ createRequire }} from "node:module"; const require = createRequire(import.meta.url); {_DETACHED};'
        + register("throw 1;"),
        ("plugin.register-failed",),
    ),
    Row(
        "t-detached-exit",
        f'import {{ createRequire }} from "node:module"; const require = createRequire(import.meta.url); {_DETACHED}; process.exit(3);',
        ("plugin.exited", "plugin.load-failed"),
    ),
    Row("t-orphan", register(_ORPHAN + ' throw new Error("x");'), ("plugin.register-failed", "plugin.timeout")),
    Row("t-orphan-exit", _ORPHAN + " process.reallyExit(3);", ("plugin.exited", "plugin.timeout")),
    Row(
        "t-stdin",
        'process.stdin.destroy(); process.stdin.on("data", () => {});' + register("throw 1;"),
        ("plugin.register-failed", "plugin.load-failed", "plugin.exited", "plugin.timeout"),
    ),
    Row(
        "t-rejections",
        register('Promise.reject(new Error("floating")); throw new Error("x");'),
        ("plugin.register-failed",),
    ),
    Row("p-raise-top", "raise ValueError('at the top')", ("plugin.load-failed",), "py"),
    Row("p-raise-register", python("raise ValueError('in register')"), ("plugin.register-failed",), "py"),
    Row("p-loop", "while True:\n    pass", ("plugin.timeout",), "py"),
    Row("p-exit", python("sys.exit(3)"), ("plugin.register-failed", "plugin.exited", "plugin.load-failed"), "py"),
    Row("p-os-exit", python("os._exit(3)"), ("plugin.exited",), "py"),
    Row("p-kill", python("os.kill(os.getpid(), signal.SIGKILL)"), ("plugin.exited",), "py"),
    Row("p-stop", python("os.kill(os.getpid(), signal.SIGSTOP)"), ("plugin.timeout",), "py"),
    Row(
        "p-deaf",
        python(
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)"
        ),
        ("plugin.timeout",),
        "py",
    ),
    Row("p-flood", python("while True:\n    print('x' * 1000000)"), ("plugin.flood", "plugin.timeout"), "py"),
    Row(
        "p-memory",
        python("a = []\nwhile True:\n    a.append(bytearray(10_000_000))"),
        ("plugin.memory", "plugin.register-failed", "plugin.timeout"),
        "py",
    ),
    Row("p-recursion", python("def f(): return f()\nf()"), ("plugin.register-failed",), "py"),
    Row(
        "p-daemon",
        python(
            "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(300)\n    os._exit(0)\nraise ValueError('x')"
        ),
        ("plugin.register-failed",),
        "py",
    ),
    Row(
        "p-daemon-exit",
        python("if os.fork() == 0:\n    os.setsid()\n    time.sleep(300)\nos._exit(0)"),
        ("plugin.exited",),
        "py",
    ),
    Row("p-orphan", python(_PY_ORPHAN.replace("FILE", '"p-orphan.pid"')), ("plugin.register-failed",), "py"),
    Row(
        "p-close",
        python("os.closerange(3, 64)\nraise ValueError('x')"),
        ("plugin.exited", "plugin.register-failed", "plugin.timeout"),
        "py",
    ),
    Row(
        "p-json",
        "import json\njson.dumps = json.loads = lambda *a, **k: 1 / 0\n\ndef register(api):\n    raise ValueError('x')\n",
        ("plugin.register-failed", "plugin.exited"),
        "py",
    ),
    Row(
        "p-threads",
        python("threading.Thread(target=lambda: time.sleep(600)).start()\nraise ValueError('x')"),
        ("plugin.register-failed",),
        "py",
    ),
    Row(
        "p-core-id",
        python(f'api.register_provider({{"id": "anthropic", "label": "x", {_PY_OK}}})'),
        ("registry.duplicate",),
        "py",
    ),
    Row(
        "p-types",
        python("api.register_provider(object())"),
        ("plugin.provider-id", "plugin.provider-invalid", "plugin.register-failed"),
        "py",
    ),
)


def run(body: str) -> str:
    """Return a TypeScript plugin whose login does this."""
    return f'export default {{ register(api: any) {{ api.registerProvider({{ id: ID, label: "x", auth: [{{ id: "in", label: "In", kind: "custom", run: async (ctx: any) => {{ {body} }} }}] }}); }} }};'


def py_run(body: str) -> str:
    """Return a Python plugin whose login does this."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return (
        f"import os, sys, time\n\ndef run(ctx):\n{lines}\n\ndef register(api):\n"
        '    api.register_provider({"id": ID, "label": "x", "auth": [{"id": "in", "label": "In", "kind": "custom", "run": run}]})\n'
    )


_KEY = 'profiles: [{ profileId: ID + ":default", credential: { type: "api_key", provider: ID, key: "k-123456789" } }]'

LOGINS = (
    Row("l-throw", run('throw new Error("no");'), ("plugin.run-failed",)),
    Row("l-hang", run("await new Promise(() => {});"), ("plugin.timeout",)),
    Row("l-loop", run("for (;;) {}"), ("plugin.timeout",)),
    Row("l-exit", run("process.exit(0);"), ("plugin.exited", "plugin.run-failed")),
    Row(
        "l-runtime-exit",
        run("ctx.runtime.exit(1); await new Promise(() => {});"),
        ("plugin.run-failed", "plugin.exited"),
    ),
    Row(
        "l-nothing",
        run("return undefined;"),
        ("login.refused", "plugin.run-failed", "plugin.bad-result", "plugin.protocol"),
    ),
    Row("l-text", run('return "hello";'), ("login.refused", "plugin.bad-result")),
    Row(
        "l-foreign-profile",
        run(
            'return { profiles: [{ profileId: "openai:default", credential: { type: "api_key", provider: "openai", key: "k" } }] };'
        ),
        ("login.refused",),
    ),
    Row(
        "l-foreign-provider",
        run(
            'return { profiles: [{ profileId: ID + ":default", credential: { type: "api_key", provider: "openai", key: "k" } }] };'
        ),
        ("login.refused",),
    ),
    Row("l-huge", run('return { profiles: [], notes: ["x".repeat(3e7)] };'), ("plugin.bad-result",)),
    Row(
        "l-deep",
        run("let d: any = {}; for (let i = 0; i < 5000; i++) d = { d }; return { profiles: [], configPatch: d };"),
        ("login.refused", "plugin.run-failed", "plugin.bad-result", "plugin.protocol"),
    ),
    Row(
        "l-tojson",
        run('return { profiles: [], toJSON() { throw new Error("no"); } };'),
        ("plugin.run-failed", "login.refused", "plugin.bad-result"),
    ),
    Row(
        "l-proxy",
        run('return new Proxy({}, { ownKeys() { throw new Error("no"); }, get() { throw new Error("no"); } });'),
        ("plugin.run-failed", "login.refused", "plugin.bad-result"),
    ),
    Row("l-file-url", run('await ctx.openUrl("file:///etc/passwd"); return { profiles: [] };'), ("plugin.run-failed",)),
    Row("l-prompts", run('for (;;) await ctx.prompter.text({ message: "again?" });'), ("answers.too-few",)),
    Row(
        "l-options",
        run('await ctx.prompter.select({ message: "?", options: [] });'),
        ("plugin.run-failed", "answers.too-few", "plugin.protocol", "plugin.bad-request"),
    ),
    Row(
        "l-reserved",
        run(f'return {{ {_KEY}, configPatch: JSON.parse(\'{{"__proto__": {{"x": 1}}}}\') }};'),
        ("login.refused",),
    ),
    Row("l-orphan", run(_ORPHAN + ' throw new Error("x");'), ("plugin.run-failed", "plugin.timeout")),
    Row("l-py-orphan", py_run(_PY_ORPHAN.replace("FILE", '"l-py-orphan.pid"')), ("plugin.run-failed",), "py"),
    Row("l-py-raise", py_run("raise ValueError('no')"), ("plugin.run-failed",), "py"),
    Row("l-py-hang", py_run("time.sleep(600)"), ("plugin.timeout",), "py"),
    Row("l-py-exit", py_run("os._exit(0)"), ("plugin.exited",), "py"),
    Row(
        "l-py-nan",
        py_run("return {'profiles': [], 'x': float('nan')}"),
        ("plugin.run-failed", "login.refused", "plugin.bad-result"),
        "py",
    ),
    Row("l-py-object", py_run("return object()"), ("plugin.run-failed", "login.refused", "plugin.bad-result"), "py"),
)


def write(folder: Path, row: Row) -> None:
    """Put a hostile plugin into a plugins folder."""
    source = row.source.replace("ID", json.dumps(row.id)) if row in LOGINS else row.source
    if row.language == "py":
        (folder / f"{row.id}.py").write_text(source)
        return
    (folder / row.id).mkdir()
    (folder / row.id / "index.ts").write_text(source)
    manifest = {"id": row.id, "configSchema": {"type": "object"}}
    (folder / row.id / "openclaw.plugin.json").write_text(json.dumps(manifest))
