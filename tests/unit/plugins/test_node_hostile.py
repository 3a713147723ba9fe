"""Plugins that mean no good, or only sound like it: the Node host answers as before, and ends with its parent."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from support.nodehost import DEADLINE_S, HostEnded, NodeHost, write_files

TESTS = Path(__file__).resolve().parents[2]

WELL_BEHAVED = """
export default { register(api) {
  api.registerTool({ name: "tool" });
  api.registerProvider({ id: "acme", label: "Acme", aliases: ["a", "b"], models: { list: [{ n: 1 }] }, auth: [{
    id: "m", label: "M", kind: "custom", run: async (ctx) => {
      const key = await ctx.prompter.text({ message: "Key?", validate: (v) => (v === "good" ? undefined : "bad") });
      const options = [{ value: "x" }, { value: "y", label: "Y" }];
      const chosen = await ctx.prompter.multiselect({ message: "W", options });
      await ctx.prompter.note("noted", "title");
      ctx.prompter.progress("p").stop("done");
      ctx.runtime.log("logged", { a: [1] });
      return { profiles: [{ profileId: "acme:default", credential: { type: "api_key", key } }], notes: chosen };
    } }] });
} };"""

EXPECTED_PROVIDER = {
    "id": "acme",
    "label": "Acme",
    "aliases": ["a", "b"],
    "models": {"list": [{"n": 1}]},
    "auth": [{"id": "m", "label": "M", "kind": "custom", "run": True}],
    "formatApiKey": False,
    "refreshOAuth": False,
}

# What each of these lines does at the top of a plugin must not change what the host says.
POLLUTIONS: dict[str, str] = {
    "toJSON of all objects": "Object.prototype.toJSON = () => 'pwned';",
    "toJSON of all lists": "Array.prototype.toJSON = () => ['pwned'];",
    "toJSON of all texts": "String.prototype.toJSON = () => 'pwned';",
    "JSON replaced": "JSON.stringify = () => '{}'; JSON.parse = () => { throw new Error('parse') };",
    "JSON gone": "delete globalThis.JSON;",
    "list methods": (
        "for (const name of ['push', 'map', 'join', 'slice', 'includes', 'forEach', 'shift', 'filter', 'concat'])"
        " Array.prototype[name] = () => { throw new Error(name) };"
    ),
    "iteration": "Array.prototype[Symbol.iterator] = function* () { yield 'pwned' };",
    "text methods": (
        "for (const name of ['trim', 'split', 'indexOf', 'slice', 'replace', 'startsWith'])"
        " String.prototype[name] = () => { throw new Error(name) };"
    ),
    "Object's functions": "Object.keys = Object.entries = Object.hasOwn = Object.assign = () => ['pwned'];",
    "Reflect's functions": "Reflect.apply = Reflect.ownKeys = () => 'pwned';",
    "members that messages have": (
        "for (const name of ['method', 'params', 'result', 'code', 'config', 'data', 'severity'])"
        " Object.defineProperty(Object.prototype, name, { value: 'pwned', configurable: true, writable: true });"
    ),
    "Map and WeakMap": (
        "for (const type of [Map, WeakMap, Set, WeakSet]) for (const name of ['get', 'set', 'has', 'add', 'delete'])"
        " type.prototype[name] = () => { throw new Error(name) };"
    ),
    "promises": (
        "const all = Promise.prototype.then; Promise.prototype.catch = Promise.prototype.finally = undefined;"
        "Promise.resolve = Promise.reject = undefined; globalThis.Promise = class {};"
    ),
    "errors": "Error.prepareStackTrace = () => { throw new Error('stack') }; Error.stackTraceLimit = 0;",
    "Buffer": "Buffer.from = Buffer.alloc = Buffer.concat = () => { throw 1 }; Buffer.byteLength = () => 1;",
    "fs": (
        "import fs from 'node:fs'; fs.writeSync = fs.readSync = fs.write = () => { throw new Error('fs') };"
        "import { syncBuiltinESMExports } from 'node:module'; syncBuiltinESMExports();"
    ),
    "Proxy and WeakSet": "globalThis.Proxy = globalThis.WeakSet = globalThis.Map = undefined;",
    "isArray": "Array.isArray = () => true; Number.isInteger = () => false; Object.is = () => true;",
    "process.stdout and console": "process.stdout.write = () => { throw new Error('out') }; console.log = null;",
    "process.exit": "process.exit = () => {}; process.emit = () => {};",
    "listeners": "process.removeAllListeners();",
    "a flood of output": "for (let i = 0; i < 2000; i++) console.log('x'.repeat(100));",
    "a closed standard output": "import { closeSync } from 'node:fs'; closeSync(1);",
}


@pytest.mark.parametrize("line", POLLUTIONS.values(), ids=list(POLLUTIONS))
def test_what_a_plugin_does_to_its_realm_does_not_change_what_the_host_says(tmp_path: Path, line: str) -> None:
    write_files(tmp_path, {"index.mjs": line + WELL_BEHAVED})
    with NodeHost() as host:
        result = host.load(tmp_path / "index.mjs")
        assert result["providers"] == [EXPECTED_PROVIDER]
        assert result["other"] == [{"member": "registerTool", "detail": "tool"}]
        assert host.login(answers=["wrong", "good", [1]]) == {
            "profiles": [{"profileId": "acme:default", "credential": {"type": "api_key", "key": "good"}}],
            "notes": ["y"],
        }
        told = [(each["method"], each["params"]) for each in host.seen if "method" in each][1:]
    shown = [{"label": "x", "value": "x"}, {"label": "Y", "value": "y"}]
    assert told == [
        ("prompt", {"kind": "text", "message": "Key?"}),
        ("prompt", {"kind": "text", "message": "Key?", "initial": "wrong", "complaint": "bad"}),
        ("prompt", {"kind": "multiselect", "message": "W", "options": shown, "initial": []}),
        ("note", {"message": "noted", "title": "title"}),
        ("progress", {"token": 1, "event": "start", "message": "p"}),
        ("progress", {"token": 1, "event": "stop", "message": "done"}),
        ("log", {"level": "info", "message": 'logged {"a":[1]}'}),
    ]


# Plugins that end their process: the parent sees the end of the pipe, and how it ended.
ENDINGS: dict[str, tuple[str, int]] = {
    "reallyExit": ("process.reallyExit(7)", 7),
    "kill of itself": ("process.kill(process.pid, 'SIGKILL')", -9),
    "abort": ("process.abort()", -6),
    "the protocol closed": ("require('fs').closeSync(Number(process.argv[process.argv.indexOf('--fd') + 1]))", 1),
}


@pytest.mark.parametrize("stage", ["load", "login"])
@pytest.mark.parametrize(("code", "status"), ENDINGS.values(), ids=list(ENDINGS))
def test_a_plugin_that_ends_its_process_is_seen_to(tmp_path: Path, stage: str, code: str, status: int) -> None:
    at_load, at_login = (code, "") if stage == "load" else ("", code)
    provider = f"{{ id: 'a', auth: [{{ run() {{ {at_login} }} }}] }}"
    text = f"{at_load}; exports.register = (api) => api.registerProvider({provider});"
    write_files(tmp_path, {"index.cjs": text})
    with NodeHost() as host:
        if stage == "login":
            host.load(tmp_path / "index.cjs")
        with pytest.raises(HostEnded) as caught:
            host.load(tmp_path / "index.cjs") if stage == "load" else host.login()
    assert caught.value.status == status


def test_an_error_while_nothing_runs_is_told_and_the_host_goes_on(tmp_path: Path) -> None:
    text = """setTimeout(() => { throw new Error("idle") }, 1);
    export default (api) => api.registerProvider({ id: "a", auth: [{ run: async () => "fine" }] });"""
    write_files(tmp_path, {"index.mjs": text})
    with NodeHost() as host:
        host.load(tmp_path / "index.mjs")
        while not host.asked("log"):
            host.next()
        assert host.asked("log") == [
            {"level": "warn", "message": "The plugin threw an error that nothing catches: idle"}
        ]
        assert host.login() == "fine"


def test_a_getter_is_read_once_so_that_what_was_told_is_what_runs(tmp_path: Path) -> None:
    text = """let reads = 0; const method = { id: "m", get run() { reads++; return async () => reads; } };
    export default (api) => api.registerProvider({ get id() { return `acme${reads}` }, auth: [method] });"""
    write_files(tmp_path, {"index.mjs": text})
    with NodeHost() as host:
        assert host.load(tmp_path / "index.mjs")["providers"][0]["id"] == "acme0"
        assert host.login() == 1


def test_what_is_changed_after_registering_does_not_count(tmp_path: Path) -> None:
    text = """export default (api) => { const method = { id: "m", run: async () => "registered" };
      const provider = { id: "acme", label: "first", auth: [method] }; api.registerProvider(provider);
      provider.label = "second"; method.run = async () => "changed"; provider.auth.push({ id: "n" }); };"""
    write_files(tmp_path, {"index.mjs": text})
    with NodeHost() as host:
        (provider,) = host.load(tmp_path / "index.mjs")["providers"]
        assert (provider["label"], len(provider["auth"])) == ("first", 1)
        assert host.login() == "registered"


def test_a_list_of_methods_without_end_is_cut(tmp_path: Path) -> None:
    text = """const auth = new Proxy([], { get: (list, key) => (key === "length" ? 1e9 : { id: String(key) }) });
    export default (api) => api.registerProvider({ id: "acme", auth });"""
    write_files(tmp_path, {"index.mjs": text})
    with NodeHost() as host:
        (provider,) = host.load(tmp_path / "index.mjs")["providers"]
    assert len(provider["auth"]) == 1000


def test_children_of_a_plugin_do_not_inherit_the_protocol(tmp_path: Path) -> None:
    code = "const { spawnSync } = require('child_process'); for (let fd = 3; fd < 40; fd++) "
    code += "spawnSync('/bin/sh', ['-c', `echo forged >&${fd}`], { stdio: ['ignore', 'ignore', 'ignore'] });"
    write_files(tmp_path, {"index.cjs": f"{code} exports.register = () => {{}};"})
    with NodeHost() as host:
        assert host.load(tmp_path / "index.cjs")["providers"] == []


def test_a_thousand_faults_are_told_in_bounded_length(tmp_path: Path) -> None:
    text = "export default (api) => api.registerProvider({ id: 'a', models: Array.from({ length: 1000 }, () => 1n) });"
    write_files(tmp_path, {"index.mjs": text})
    with NodeHost() as host:
        result = host.load(tmp_path / "index.mjs")
    assert result["providers"][0]["models"] == [None] * 1000
    assert len(result["diagnostics"]) == 20


# ------------------------------------------------------------------------------------------------- the parent's end

FOREVER: dict[str, str] = {
    "nothing": "",
    "a server": "process.getBuiltinModule('net').createServer().listen(0, '127.0.0.1');",
    "a timer": "setInterval(() => {}, 1000);",
    "a handler of its own": "process.on('SIGTERM', () => {}); process.on('exit', () => { for (;;); });",
}


@pytest.mark.parametrize("line", FOREVER.values(), ids=list(FOREVER))
def test_the_end_of_input_ends_the_host_whatever_the_plugin_keeps_open(tmp_path: Path, line: str) -> None:
    write_files(tmp_path, {"index.mjs": line + WELL_BEHAVED})
    with NodeHost() as host:
        host.load(tmp_path / "index.mjs")
        host.close_input()
        assert host.process.wait(DEADLINE_S) == 0


def test_the_end_of_input_ends_a_login_that_waits(tmp_path: Path) -> None:
    write_files(tmp_path, {"index.mjs": WELL_BEHAVED})
    with NodeHost() as host:
        host.load(tmp_path / "index.mjs")
        host.ask("login", {"provider": 0, "method": 0, "context": {}})
        assert host.next()["method"] == "prompt"
        host.close_input()
        assert host.process.wait(DEADLINE_S) == 0


def test_input_that_ends_before_anything_is_asked_ends_the_host() -> None:
    with NodeHost() as host:
        host.close_input()
        assert host.process.wait(DEADLINE_S) == 0


def test_a_host_without_a_descriptor_says_how_it_is_started() -> None:
    from jackfield.plugins.runtime import node_argv
    from support.nodehost import node

    for number in (-1, 1, 2):
        done = subprocess.run(node_argv(node(), number), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (
            2,
            "usage: host.mjs --fd N [--cache DIR], where N is an open descriptor above 2\n",
        )


ORPHAN = """
import os, sys
sys.path[:0] = [{tests!r}, {source!r}]
from pathlib import Path
from support.nodehost import NodeHost
host = NodeHost(extra_fds=[{fd}])
host.__enter__()
host.load(Path({entry!r}))
host.ask("login", {{"provider": 0, "method": 0, "context": {{}}}})
assert host.next()["method"] == "log"
os.write(1, b"busy")
os.read(0, 1)
"""


def test_a_plugin_in_an_endless_loop_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """Only a pipe that the host inherited tells when it is gone: neither its parent nor its id is ours."""
    import jackfield

    loop = "ctx.runtime.log('now'); for (;;);"
    text = (
        f"export default (api) => api.registerProvider({{ id: 'a', auth: [{{ run: async (ctx) => {{ {loop} }} }}] }});"
    )
    write_files(tmp_path, {"index.mjs": text})
    alive, kept = os.pipe()
    source = str(Path(jackfield.__file__).parents[1])
    code = ORPHAN.format(tests=str(TESTS), source=source, entry=str(tmp_path / "index.mjs"), fd=kept)
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(kept,)
    )
    os.close(kept)
    with parent, os.fdopen(alive, "rb") as pipe:
        assert parent.stdout is not None
        assert parent.stdout.read(4) == b"busy"
        assert not select.select([pipe], [], [], 0)[0]
        parent.kill()
        parent.wait()
        assert select.select([pipe], [], [], DEADLINE_S)[0]
        assert pipe.read() == b""
