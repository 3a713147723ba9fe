"""How the Node host finds and reads a plugin's files: TypeScript, both module systems, the SDK, the cache."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from support.nodehost import HostError, NodeHost, node, write_files

if TYPE_CHECKING:
    from pathlib import Path

REGISTER = "register(api) { api.registerProvider({ id: 'acme', label: LABEL, auth: [] }); }"
TYPED = "register(api: any): void { api.registerProvider({ id: 'acme', label: LABEL as string, auth: [] }); }"
ES = f"export default {{ {REGISTER} }};"
TS = f"export default {{ {TYPED} }};"
CJS = f"module.exports = {{ {REGISTER} }};"


def loaded(folder: Path, files: dict[str, str], entry: str | None = None, cache: Path | None = None) -> dict[str, Any]:
    """Write the files, load the first (or `entry`), and return the result."""
    write_files(folder, files)
    with NodeHost(cache) as host:
        return host.load(folder / (entry or next(iter(files))), root=str(folder))


def label(result: dict[str, Any]) -> object:
    (provider,) = result["providers"]
    return provider["label"]


def failure(folder: Path, files: dict[str, str], entry: str | None = None) -> HostError:
    with pytest.raises(HostError) as caught:
        loaded(folder, files, entry)
    return caught.value


# Row: the files, the entry first; each has to register a provider with the label "right".
LOADS: dict[str, dict[str, str]] = {
    "TypeScript, default export": {"index.ts": f"const LABEL: string = 'right'; {TS}"},
    "TypeScript, module itself": {
        "index.ts": "export function register(api: any) { api.registerProvider({ id: 'acme', label: 'right' }); }"
    },
    "a function as default export": {
        "index.ts": "export default (api: any) => api.registerProvider({ id: 'a', label: 'right' });"
    },
    "activate": {"index.mjs": "const LABEL = 'right'; " + ES.replace("register(", "activate(")},
    "register before activate": {
        "index.mjs": f"const LABEL = 'right'; export default {{ activate() {{ throw 1 }}, {REGISTER} }};"
    },
    "a class instance": {
        "index.mjs": "class P { label = 'right'; " + REGISTER.replace("LABEL", "this.label") + "} export default new P"
    },
    "a default within the default": {
        "index.mjs": f"const LABEL = 'right'; const a = {{ {REGISTER} }}; export default {{ default: a }};"
    },
    ".js that means .ts": {
        "index.ts": f"import {{ LABEL }} from './oauth.js'; {TS}",
        "oauth.ts": "export const LABEL: string = 'right';",
    },
    ".js that is there wins over .ts": {
        "index.ts": f"import {{ LABEL }} from './oauth.js'; {TS}",
        "oauth.ts": "export const LABEL: string = 'wrong';",
        "oauth.js": "export const LABEL = 'right';",
    },
    ".mjs that means .mts": {
        "index.mts": f"import {{ LABEL }} from './oauth.mjs'; {TS}",
        "oauth.mts": "export const LABEL: string = 'right';",
    },
    ".cjs that means .cts": {
        "index.cts": f"const {{ LABEL }} = require('./oauth.cjs'); module.exports = {{ {TYPED} }};",
        "oauth.cts": "exports.LABEL = 'right' as string;",
    },
    "a type passed on like a value": {
        "index.ts": f"export {{ Baz, LABEL }} from './types'; import {{ LABEL }} from './types'; {TS}",
        "types.ts": "export type Baz = { a: 1 };\nexport const LABEL = 'right';",
    },
    "types passed on through two files": {
        "index.ts": f"export {{ Foo, Bar, Baz, Gen }} from './middle'; import {{ LABEL }} from './middle'; {TS}",
        "middle.ts": "export { Foo, Bar, Baz, Gen, LABEL } from './types.js';",
        "types.ts": (
            "interface Local { a: 1 }\nexport type { Local as Foo };\nexport interface Bar extends Local {}\n"
            "export declare interface Baz<T extends {}> { a: T }\nexport interface Gen<T = 1> extends Local { b: T }\n"
            "export interface Gen<T = 1> { c: 1 }\nexport const LABEL: string = 'right';"
        ),
    },
    "types passed on by lists with type": {
        "index.ts": f"export {{ Foo, Bar as Other }} from './middle'; import {{ LABEL }} from './middle'; {TS}",
        "middle.ts": "export type { Foo } from './types'; export { type Bar, LABEL } from './types';",
        "types.ts": "export type Foo = 1; export type Bar = 2; export const LABEL = 'right';",
    },
    "a type and a value of one name": {
        "index.ts": f"export {{ LABEL }} from './both'; import {{ LABEL }} from './both'; {TS}",
        "both.ts": "export type LABEL = string;\nexport const LABEL: LABEL = 'right';",
    },
    "types and values of one name in every form of export": {
        "index.ts": f"import {{ LABEL, A, B, C, D, E, F, G }} from './both'; void [A, B, C, D, E, F, G]; {TS}",
        "both.ts": (
            "export interface LABEL {} export interface A {}\nexport interface B {}\nexport interface C {}\n"
            "export interface D {}\nexport interface E {}\nexport interface F {}\nexport type G = 1;\n"
            "export class A {}\nexport abstract class B {}\nexport function C() {}\nexport async function D() {}\n"
            "export function* E() {}\nexport const {\n  F,\n  G: G } = { F: 1, G: 2 };\n"
            "const LABEL = 'right';\nexport { LABEL };"
        ),
    },
    "a type in a list of values": {
        "index.ts": f"import {{ LABEL, Foo, Bar }} from './types'; export {{ Foo, Bar }}; {TS}",
        "types.ts": (
            "import type { Bar } from './more';\ninterface Foo { a: 1 }\nconst LABEL = 'right';\n"
            "export { Foo, Bar, LABEL };"
        ),
        "more.ts": "export interface Bar { a: 1 }",
    },
    "types beside what is made by a transform": {
        "index.ts": f"export {{ Kind, Level }} from './enums'; import {{ LABEL }} from './enums'; {TS}",
        "enums.ts": "export type Kind = 'a';\nexport enum Level { Low }\nexport const LABEL: string = 'right';",
    },
    "words that only look like exported types": {
        "index.ts": f"import {{ LABEL }} from './text'; {TS}",
        "text.ts": (
            "// export type LABEL = 1\nexport const LABEL = 'right';\nconst text = `\nexport type Other = 1;\n"
            "export { type Odd };\n`; void text;"
        ),
    },
    "no extension": {
        "index.ts": f"import {{ LABEL }} from './oauth'; {TS}",
        "oauth.ts": "export const LABEL = 'right';",
    },
    "no extension in JavaScript": {
        "index.js": f"import {{ LABEL }} from './oauth'; {ES}",
        "oauth.js": "export const LABEL = 'right';",
    },
    "a folder": {
        "index.ts": f"import {{ LABEL }} from './lib'; {TS}",
        "lib/index.ts": "export { LABEL } from './deep/label.js';",
        "lib/deep/label.ts": "export const LABEL = 'right';",
    },
    "a folder with a slash, from below": {
        "src/index.ts": f"import {{ LABEL }} from '../lib/'; {TS}",
        "lib/index.ts": "export const LABEL = 'right';",
    },
    "a file beside a folder of the same name": {
        "index.ts": f"import {{ LABEL }} from './lib'; {TS}",
        "lib.ts": "export const LABEL = 'right';",
        "lib/index.ts": "export const LABEL = 'wrong';",
    },
    "a path with blanks and marks": {
        "my plugin #1/index.ts": f"import {{ LABEL }} from './o %2541.js'; {TS}",
        "my plugin #1/o %41.ts": "export const LABEL = 'right';",
    },
    "TypeScript in node_modules": {
        "index.ts": f"import {{ LABEL }} from 'helper'; {TS}",
        "node_modules/helper/package.json": '{"name": "helper", "type": "module", "exports": "./main.ts"}',
        "node_modules/helper/main.ts": "export const LABEL: string = 'right';",
    },
    "a plugin that lies in node_modules": {
        "node_modules/acme/index.ts": f"import {{ LABEL }} from './oauth.js'; {TS}",
        "node_modules/acme/oauth.ts": "export const LABEL: string = 'right';",
    },
    "a package in CommonJS": {
        "index.ts": f"import helper from 'helper'; const {{ LABEL }} = helper; {TS}",
        "node_modules/helper/package.json": '{"name": "helper", "main": "main.js"}',
        "node_modules/helper/main.js": "exports.LABEL = 'right';",
    },
    "ES module syntax in .js without package.json": {"index.js": ES.replace("LABEL", "`right`")},
    "ES module syntax in a package of CommonJS": {
        "index.js": f"import fs from 'node:fs'; const LABEL = fs && 'right'; {ES}",
        "package.json": '{"type": "commonjs"}',
    },
    "CommonJS": {"index.js": f"const LABEL = 'right'; {CJS}"},
    "CommonJS in a package of ES modules": {
        "index.js": f"const LABEL = require('./label.js'); {CJS}",
        "label.js": "module.exports = 'right';",
        "package.json": '{"type": "module"}',
    },
    "CommonJS in .ts in a package of ES modules": {
        "index.ts": f"#!/usr/bin/env node\nconst {{ LABEL }} = require('./label'); module.exports = {{ {TYPED} }};",
        "label.ts": "const at: string = __filename; exports.LABEL = at.endsWith('label.ts') ? 'right' : at;",
        "package.json": '{"type": "module"}',
    },
    "CommonJS in .ts": {
        "index.ts": f"const {{ LABEL }} = require('./label'); module.exports = {{ {TYPED} }};",
        "label.ts": "const text: string = 'right'; module.exports = { LABEL: text };",
    },
    "CommonJS that requires an ES module": {
        "index.cjs": f"const {{ LABEL }} = require('./label.mjs'); {CJS}",
        "label.mjs": "export const LABEL = 'right';",
    },
    "compiled CommonJS": {
        "index.js": "'use strict'; Object.defineProperty(exports, '__esModule', { value: true });"
        f"const LABEL = 'right'; exports.default = {{ {REGISTER} }};"
    },
    "CommonJS with ES module syntax in a text": {
        "index.js": f"const LABEL = 'right'; const text = `\nimport x from 'y';\n`; {CJS}"
    },
    "a function as module.exports": {
        "index.cjs": "module.exports = (api) => api.registerProvider({ id: 'a', label: 'right' });"
    },
    "require and its folder in an ES module": {
        "index.ts": "import { basename } from 'node:path';\n"
        "const { LABEL } = require('./label.cjs'); const at = basename(__filename) + typeof __dirname;\n"
        f"if (at !== 'index.tsstring') throw new Error(at); {TS}",
        "label.cjs": "exports.LABEL = 'right';",
    },
    "require declared by the ES module": {
        "index.ts": "import { createRequire } from 'node:module'; import { dirname } from 'node:path';\n"
        "const require = createRequire(import.meta.url); const __dirname = dirname(import.meta.filename);\n"
        f"const {{ LABEL }} = require(__dirname + '/label.cjs'); {TS}",
        "label.cjs": "exports.LABEL = 'right';",
    },
    "an enum, a namespace, parameter properties": {
        "index.ts": "enum Kind { A = 'ri', B = 'ght' } namespace N { export const end = Kind.B }\n"
        "class Label { constructor(private readonly start: Kind) {} get text() { return this.start + N.end } }\n"
        f"const LABEL = new Label(Kind.A).text; {TS}"
    },
    "export assignment": {"index.ts": f"const LABEL = 'right'; const plugin = {{ {TYPED} }}; export = plugin;"},
    "import assignment": {"index.ts": f"import fs = require('fs'); const LABEL = 'right'; export = {{ {TYPED} }};"},
    "types imported like values": {
        "index.ts": "import Default, { LABEL, Region, type N } from './types.js';\nimport * as All from './types.js';\n"
        "import { Only } from 'not-installed';\nconst region: Region = 1; const x: All.Region & Only & Default = 1;\n"
        f"{TS}",
        "types.ts": "export type Region = 1; export type N = 2; export const LABEL = 'right';\n"
        "export default interface D {}",
    },
    "types told in comments": {
        "index.ts": "// A Region is a number.\nimport {\n  LABEL,\n  // the Region\n  Region,\n} from './types.js';\n"
        f"/** Region again. */\n{TS}",
        "types.ts": "export type Region = 1; export const LABEL = 'right';",
    },
    "JSON imported plainly": {
        "index.ts": f"import found, {{ name as LABEL }} from './package.json'; {TS} found.name;",
        "package.json": '{"name": "right", "default": 1, "odd name": 2, "class": 3}',
    },
    "JSON imported by the book": {
        "index.ts": f"import found from './x.json' with {{ type: 'json' }}; const LABEL = found.a; {TS}",
        "x.json": '{"a": "right"}',
    },
    "JSON required": {
        "index.cjs": f"const LABEL = require('./x.json').a; {CJS}",
        "x.json": '{"a": "right"}',
    },
    "waiting at the top level": {"index.ts": f"const LABEL = await Promise.resolve('right'); {TS}"},
    "waiting at the top level for a time": {
        "index.ts": f"await new Promise((done) => setTimeout(done, 5)); const LABEL = 'right'; {TS}"
    },
    "a lazy import": {
        "index.ts": "const { LABEL } = await import('./label.js'); export default { " + TYPED + " };",
        "label.ts": "export const LABEL: string = 'right';",
    },
    "output at the top level": {
        "index.ts": f"console.log('hello'); process.stdout.write('{{}}\\n');console.error('x');\nconst LABEL = 'right';"
        f"{TS}"
    },
    "a first line for a shell": {
        "index.js": f"#!/usr/bin/env node\nconst LABEL = 'right'; require('node:fs'); {ES}"
    },
    "a circle of imports": {
        "index.ts": f"import {{ back }} from './b.js'; export const LABEL = 'right'; back(); {TS}",
        "b.ts": "import { LABEL } from './index.js'; export const back = (): string => LABEL;",
    },
}  # fmt: skip


@pytest.mark.parametrize("files", LOADS.values(), ids=list(LOADS))
def test_a_plugin_loads_as_it_is(tmp_path: Path, files: dict[str, str]) -> None:
    assert label(loaded(tmp_path, files)) == "right"


def test_a_plugin_behind_a_symbolic_link_loads(tmp_path: Path) -> None:
    write_files(tmp_path / "real", LOADS[".js that means .ts"])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with NodeHost() as host:
        assert label(host.load(tmp_path / "link" / "index.ts")) == "right"


def test_output_of_a_plugin_goes_to_the_drain_and_not_to_the_protocol(tmp_path: Path) -> None:
    write_files(tmp_path, LOADS["output at the top level"])
    with NodeHost() as host:
        host.load(tmp_path / "index.ts")
        assert [each.get("method", "reply") for each in host.seen] == ["ready", "reply"]
        assert host.output == "hello\n{}\nx\n"


def test_a_plugin_that_reads_standard_input_finds_it_empty(tmp_path: Path) -> None:
    text = """let text = ""; for await (const chunk of process.stdin) text += chunk;
    export default (api) => api.registerProvider({ id: 'acme', label: `[${text}]` });"""
    assert label(loaded(tmp_path, {"index.mjs": text})) == "[]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("export default { id: 'x', kind: 'memory', register() {} };", {"exportId": "x", "exportKind": "memory"}),
        ("export default { id: 5, kind: {}, register() {} };", {}),
        ("export default function register() {}", {}),
        ("export const id = 'module'; export function activate() {}", {"exportId": "module"}),
    ],
)
def test_the_exports_own_id_and_kind_are_told(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    result = loaded(tmp_path, {"index.mjs": text})
    assert {name: result[name] for name in result if name.startswith("export")} == expected


# --------------------------------------------------------------------------------------------------- what cannot load

FAILS: dict[str, tuple[dict[str, str], str, str]] = {
    "no register": ({"index.mjs": "export default { id: 'x' };"}, "export", "plugin export missing register/activate"),
    "register that is no function": (
        {"index.mjs": "export default { register: 5 };"},
        "export",
        "plugin export missing register/activate",
    ),
    "nothing exported": ({"index.mjs": "1;"}, "export", "plugin export missing register/activate"),
    "null": ({"index.cjs": "module.exports = null;"}, "export", "plugin export missing register/activate"),
    "a text": ({"index.mjs": "export default 'x';"}, "export", "plugin export missing register/activate"),
    "a getter that throws": (
        {"index.mjs": "export default { get register() { throw new Error('g') } };"},
        "export",
        "g",
    ),
    "a throw at the top level": ({"index.mjs": "throw new Error('top');"}, "load", "top"),
    "a rejected wait": ({"index.mjs": "await Promise.reject(new Error('wait'));"}, "load", "wait"),
    "a rejection that nobody handles": (
        {"index.mjs": "Promise.reject(new Error('loose')); await new Promise((done) => setTimeout(done, 60000));"},
        "load",
        "loose",
    ),
    "process.exit": ({"index.mjs": "process.exit(0);"}, "load", "The plugin called process.exit(0)."),
    "process.exit with its throw caught": (
        {"index.mjs": "try { process.exit() } catch {} export function register() {}"},
        "load",
        "The plugin called process.exit().",
    ),
    "not TypeScript": (
        {"index.ts": "export default {{{ "},
        "load",
        ("index.ts cannot be read as TypeScript: Unexpected token `{`. Expected identifier, string literal, "
        "numeric literal or [ for the computed key"),
    ),
    "decorators": (
        {"index.ts": "import './deco.js'; export default 1;", "deco.ts": "function d(x: any) {}\n@d class A {}"},
        "load",
        "deco.ts uses decorators, which Node.js cannot run without a compiler.",
    ),
    "JSX": (
        {"index.ts": "import './view.tsx'; export function register() {}", "view.tsx": "export default 1"},
        "load",
        "It imports a .tsx file, which this host cannot read.",
    ),
    "a package that is not installed": (
        {"index.ts": "import { x } from 'some-package/sub'; x(); export function register() {}"},
        "load",
        "It needs the package some-package, which is not installed: run `npm install` in {root}.",
    ),
    "a file that is not there": (
        {"index.ts": "import './gone.js'; export function register() {}"},
        "load",
        "It imports {root}gone.js, which is not there.",
    ),
    "a name that a file does not export": (
        {"index.ts": "import { Region } from './types.js'; Region();", "types.ts": "type Region = 1;"},
        "load",
        "./types.js does not export Region; if it is a type, write `import type` or `export type`.",
    ),
    "a name that is exported and not there": (
        {"index.mjs": "export { Region }; export function register() {}"},
        "load",
        "It exports Region, which it does not have; if it is a type, write `export type`.",
    ),
    "module.exports in an ES module": (
        {"index.ts": "import 'node:fs'; module.exports = { register() {} };"},
        "load",
        "It uses module, which ES modules do not have; name the file .cjs or .cts, or write it as an ES module.",
    ),
    "require that the host cannot give": (
        {"index.ts": "export default { register() { const text = 'const require'; (0, eval)('require')('x') } };"},
        "register",
        "It uses require, which ES modules do not have; name the file .cjs or .cts, or write it as an ES module.",
    ),
    "require of a module that waits": (
        {"index.cjs": "require('./waits.mjs');", "waits.mjs": "await 1;"},
        "load",
        "It calls require() for a module that waits at its top level; import it instead.",
    ),
    "the entry itself is not there": ({"other.ts": ""}, "load", "It imports {root}index.ts, which is not there."),
}  # fmt: skip


@pytest.mark.parametrize(("files", "kind", "message"), FAILS.values(), ids=list(FAILS))
def test_what_cannot_work_is_said_in_plain_words(
    tmp_path: Path, files: dict[str, str], kind: str, message: str
) -> None:
    first = next(iter(files))
    error = failure(tmp_path, files, first if first.startswith("index") else "index.ts")
    assert (error.kind, error.message) == (kind, message.replace("{root}", f"{tmp_path}{os.sep}"))


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"index.ts": "type A = 1;\n\n\nthrow new Error('x');"}, "index.ts:4:7"),
        ({"index.ts": "enum A { B }\n\n\nthrow new Error('x');"}, "index.ts:4:7"),
        ({"index.ts": "import {\n  A,\n  B\n} from './t.js';\nthrow new Error('x');", "t.ts": ""}, "index.ts:5:7"),
        ({"index.js": "import 'node:fs';\n__filename;\nthrow new Error('x');"}, "index.js:3:7"),
    ],
    ids=["stripped", "transformed", "imports taken out", "names put in"],
)
def test_errors_point_at_the_line_of_the_plugins_own_file(tmp_path: Path, files: dict[str, str], place: str) -> None:
    assert place in failure(tmp_path, files).data["stack"]


# -------------------------------------------------------------------------------------------------------------- SDK

SDK = ["clawdbot/plugin-sdk", "moltbot/plugin-sdk", "openclaw/plugin-sdk"]
SUBPATHS = ["openclaw/plugin-sdk/core", "openclaw/plugin-sdk/provider-auth", "moltbot/plugin-sdk/index.js"]


USE = "{ emptyPluginConfigSchema: make } = sdk; const LABEL = make().safeParse({}).success ? 'right' : 'wrong';"
NAMED = "import { emptyPluginConfigSchema as make } from 'NAME'; const LABEL = make().jsonSchema && 'right';"
IMPORTS = {
    "named, TypeScript": ("index.ts", f"{NAMED} {TS}"),
    "named, JavaScript": ("index.js", f"{NAMED} {ES}"),
    "default": ("index.ts", f"import sdk from 'NAME'; const {USE} {TS}"),
    "namespace": ("index.mjs", f"import * as sdk from 'NAME'; const {USE} {ES}"),
    "lazy": ("index.ts", f"const sdk = await import('NAME'); const {USE} {TS}"),
    "require": ("index.cjs", f"const sdk = require('NAME'); const {USE} {CJS}"),
    "require in an ES module": ("index.ts", f"const sdk = require('NAME'); const {USE} {TS}"),
}


@pytest.mark.parametrize("name", SDK + SUBPATHS)
def test_the_sdk_is_there_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    files = {"index.ts": IMPORTS["named, TypeScript"][1], "other.cjs": f"require('{name}').emptyPluginConfigSchema();"}
    files["index.ts"] = "import './other.cjs';" + files["index.ts"].replace("NAME", name)
    assert label(loaded(tmp_path, files)) == "right"


@pytest.mark.parametrize(("file", "text"), IMPORTS.values(), ids=list(IMPORTS))
def test_the_sdk_is_there_in_each_form_of_import(tmp_path: Path, file: str, text: str) -> None:
    assert label(loaded(tmp_path, {file: text.replace("NAME", "moltbot/plugin-sdk")})) == "right"


def test_types_of_the_sdk_may_be_imported_like_values(tmp_path: Path) -> None:
    text = """import { emptyPluginConfigSchema, MoltbotPluginApi, ProviderResult, type O } from "moltbot/plugin-sdk";
    import { OpenClawPluginApi } from "openclaw/plugin-sdk/core";
    // a MoltbotPluginApi, told in a text as well
    const told = "MoltbotPluginApi ProviderResult";
    export default { configSchema: emptyPluginConfigSchema(), register(api: MoltbotPluginApi & OpenClawPluginApi) {
      api.registerProvider({ id: "acme", label: "right" }) } };"""
    assert label(loaded(tmp_path, {"index.ts": text})) == "right"


@pytest.mark.parametrize(
    "use",
    [
        "buildThing()",
        "new buildThing()",
        "buildThing.member",
        "`${buildThing}`",
        "class X extends buildThing {}; new X()",
    ],
)
@pytest.mark.parametrize("form", ["ts", "cjs"])
def test_a_name_that_the_sdk_lacks_says_so_when_it_is_used(tmp_path: Path, use: str, form: str) -> None:
    name = "openclaw/plugin-sdk/some-runtime"
    given = {
        "ts": ("index.ts", f"import {{ buildThing }} from '{name}'; export const register = () => {{ {use} }};"),
        "cjs": ("index.cjs", f"const {{ buildThing }} = require('{name}'); exports.register = () => {{ {use} }};"),
    }
    file, text = given[form]
    error = failure(tmp_path, {file: text})
    assert error.kind == "register"
    told = name if form == "ts" else "the plugin SDK"
    assert error.message == f"The plugin uses buildThing of {told}, which this host does not have."


def test_names_that_the_sdk_lacks_may_be_passed_on_by_a_file_of_the_plugin(tmp_path: Path) -> None:
    files = {
        "index.ts": f"import {{ emptyPluginConfigSchema as make }} from './api.js'; const LABEL = make() && 'right';\n"
        f"{TS}",
        "api.ts": "export { emptyPluginConfigSchema, definePlugin as define } from 'openclaw/plugin-sdk';",
    }
    assert label(loaded(tmp_path, files)) == "right"


# Row: an expression over the SDK, what it is; "again" stands for a value that is different each time.
SDK_VALUES: dict[str, tuple[str, object]] = {
    "no config is a config": ("emptyPluginConfigSchema().safeParse(undefined)", {"success": True}),
    "an empty config": ("emptyPluginConfigSchema().safeParse({})", {"success": True, "data": {}}),
    "a list as config": (
        "emptyPluginConfigSchema().safeParse([])",
        {"success": False, "error": {"issues": [{"path": [], "message": "expected config object"}]}},
    ),
    "a config with a key": (
        "emptyPluginConfigSchema().safeParse({ a: 1 })",
        {"success": False, "error": {"issues": [{"path": [], "message": "config must be empty"}]}},
    ),
    "the schema as JSON Schema": (
        "emptyPluginConfigSchema().jsonSchema",
        {"type": "object", "additionalProperties": False, "properties": {}},
    ),
    "an entry": (
        "definePluginEntry({ id: 'a', name: 'A', configSchema: () => 5, register() {} })",
        {"id": "a", "name": "A", "configSchema": 5},
    ),
    "an entry without a schema": ("definePluginEntry({ id: 'a' }).configSchema.safeParse({}).success", True),
    "a whole OAuth result": (
        ("buildOauthProviderAuthResult({ providerId: 'p', defaultModel: 'p/m', access: 'a', refresh: 'r', expires: 5,"
        " email: 'e@x.example', credentialExtra: { projectId: 'j' }, notes: ['n'] })"),
        {
            "profiles": [
                {
                    "profileId": "p:e@x.example",
                    "credential": {
                        "type": "oauth",
                        "provider": "p",
                        "access": "a",
                        "refresh": "r",
                        "expires": 5,
                        "email": "e@x.example",
                        "projectId": "j",
                    },
                }
            ],
            "configPatch": {"agents": {"defaults": {"models": {"p/m": {}}}}},
            "defaultModel": "p/m",
            "notes": ["n"],
        },
    ),
    "a bare OAuth result": (
        ("buildOauthProviderAuthResult({ providerId: 'p', defaultModel: 'p/m', access: 'a', refresh: null,"
        " expires: NaN, email: null, configPatch: {} })"),
        {
            "profiles": [{"profileId": "p:default", "credential": {"type": "oauth", "provider": "p", "access": "a"}}],
            "configPatch": {},
            "defaultModel": "p/m",
        },
    ),
    "a form": ("toFormUrlEncoded({ a: 'x y', 'b&': 'ä=' })", "a=x%20y&b%26=%C3%A4%3D"),
    "a PKCE pair": (
        ("(() => { const { verifier, challenge } = generatePkceVerifierChallenge(); return [verifier.length, challenge"
        " === process.getBuiltinModule('crypto').createHash('sha256').update(verifier).digest('base64url')]; })()"),
        [43, True],
    ),
    "a PKCE pair in hexadecimal digits": (
        "/^[0-9a-f]{64}$/.test(generateHexPkceVerifierChallenge().verifier)",
        True,
    ),
    "PKCE pairs differ": ("new Set([1, 2, 3].map(() => generatePkceVerifierChallenge().verifier)).size", 3),
    "a state": ("/^[0-9a-f]{64}$/.test(generateOAuthState())", True),
    "WSL": ("typeof isWSL2Sync()", "boolean"),
    "sleep": ("await sleep(1)", None),
    "the account's default name": ("DEFAULT_ACCOUNT_ID", "default"),
    "the error of a cancel": (
        "(() => { const e = new WizardCancelledError(); return [e.name, e.message, e instanceof Error]; })()",
        ["WizardCancelledError", "wizard cancelled", True],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sdk_values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    names = sorted({each for text, _ in SDK_VALUES.values() for each in re.findall(r"\b\w+\b", text)} & set(EXPORTED))
    rows = ",".join(f"{name!r}: {text}" for name, (text, _) in SDK_VALUES.items())
    folder = tmp_path_factory.mktemp("sdk")
    text = f"""import {{ {", ".join(names)} }} from "openclaw/plugin-sdk";
    const run = async () => ({{ {rows} }});
    export default (api) => api.registerProvider({{ id: "a", auth: [{{ id: "m", run }}] }});"""
    write_files(folder, {"index.mjs": text})
    with NodeHost() as host:
        host.load(folder / "index.mjs")
        values: dict[str, Any] = host.login()
        return values


EXPORTED = [
    "DEFAULT_ACCOUNT_ID",
    "WizardCancelledError",
    "buildOauthProviderAuthResult",
    "createProviderApiKeyAuthMethod",
    "definePluginEntry",
    "emptyPluginConfigSchema",
    "generateHexPkceVerifierChallenge",
    "generateOAuthState",
    "generatePkceVerifierChallenge",
    "isWSL2Sync",
    "sleep",
    "toFormUrlEncoded",
]


@pytest.mark.parametrize("name", SDK_VALUES)
def test_what_the_sdk_has_does_what_it_says(sdk_values: dict[str, Any], name: str) -> None:
    assert sdk_values.get(name) == SDK_VALUES[name][1]


def test_the_rows_cover_all_that_the_sdk_has(tmp_path: Path) -> None:
    text = f"import sdk from 'openclaw/plugin-sdk'; const LABEL = Object.keys(sdk); {ES}"
    assert label(loaded(tmp_path, {"index.mjs": text})) == EXPORTED
    untested = {name for name in EXPORTED if not any(name in row for row, _ in SDK_VALUES.values())}
    assert untested == {"createProviderApiKeyAuthMethod"}  # it has a test of its own


def test_a_login_by_api_key_made_by_the_sdk(tmp_path: Path) -> None:
    text = """import { createProviderApiKeyAuthMethod as make } from "openclaw/plugin-sdk/provider-auth";
    export default (api) => api.registerProvider({ id: "acme", auth: [make({
      providerId: "acme", methodId: "api-key", label: "Acme key", hint: "h", promptMessage: "Enter it",
      wizard: { choiceId: "acme-key" }, profileIds: ["acme:default", "acme-cn:default"], metadata: { plan: "free" },
      noteMessage: "Read this", noteTitle: "Note", defaultModel: "acme/m",
      applyConfig: (cfg) => { cfg.models.providers.acme = { baseUrl: "https://a.example", models: [] }; return cfg; },
    })] });"""
    config = {"models": {"mode": "merge", "providers": {"other": {"baseUrl": "https://o.example"}}}}
    write_files(tmp_path, {"index.ts": text})
    with NodeHost() as host:
        (provider,) = host.load(tmp_path / "index.ts")["providers"]
        (method,) = provider["auth"]
        result = host.login(answers=["  ", " sk-1 "], context={"config": config})
        assert host.asked("note") == [{"message": "Read this", "title": "Note"}]
        assert [each.get("complaint") for each in host.asked("prompt")] == [None, "Required"]
    assert method == {
        "id": "api-key",
        "label": "Acme key",
        "hint": "h",
        "kind": "api_key",
        "wizard": {"choiceId": "acme-key"},
        "run": True,
    }
    assert result == {
        "profiles": [
            {
                "profileId": f"{name}:default",
                "credential": {"type": "api_key", "provider": name, "key": "sk-1", "metadata": {"plan": "free"}},
            }
            for name in ("acme", "acme-cn")
        ],
        "configPatch": {"models": {"providers": {"acme": {"baseUrl": "https://a.example", "models": []}}}},
        "defaultModel": "acme/m",
    }


# ------------------------------------------------------------------------------------------------------------ cache

CACHED = {
    "index.ts": f"import {{ LABEL }} from './oauth.js'; {TS}",
    "oauth.ts": "enum Text { A = 'right' } export const LABEL: string = Text.A;",
}


def test_stripped_sources_are_kept_privately_and_used_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "sources"
    assert label(loaded(tmp_path, CACHED, cache=cache)) == "right"
    kept = {path: path.stat() for path in cache.iterdir()}
    assert len(kept) == 2
    assert {path.suffix for path in kept} == {".txt"}
    assert {stat.st_mode & 0o777 for stat in kept.values()} == {0o600}
    assert cache.stat().st_mode & 0o777 == 0o700
    assert label(loaded(tmp_path, CACHED, cache=cache)) == "right"
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == {
        path: stat.st_mtime_ns for path, stat in kept.items()
    }


def entry_of(cache: Path, text: str) -> Path:
    (found,) = [path for path in cache.iterdir() if text in path.read_text(encoding="utf-8")]
    return found


DAMAGES = {
    "empty": lambda data: b"",
    "cut in the middle": lambda data: data[: len(data) // 2],
    "one byte less": lambda data: data[:-1],
    "one byte more": lambda data: data + b" ",
    "another letter in the code": lambda data: data[:-20].replace(b"right", b"wrong") + data[-20:],
    "another letter in the source": lambda data: data.replace(b"'right'", b"'wrong'", 1),
    "no first line": lambda data: data.partition(b"\n")[2],
    "not text": lambda data: b"\xff\xfe\x00" * 100,
    "another format": lambda data: data.replace(b"jackfield-source-", b"jackfield-source-0", 1),
    "another kind of module": lambda data: data.replace(b" module ", b" wasm ", 1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_entry_is_passed_over_and_written_anew(tmp_path: Path, damage: Any) -> None:
    cache = tmp_path / "cache"
    loaded(tmp_path, CACHED, cache=cache)
    entry = entry_of(cache, "enum Text")
    right = entry.read_bytes()
    entry.write_bytes(damage(right))
    assert entry.read_bytes() != right
    assert label(loaded(tmp_path, CACHED, cache=cache)) == "right"
    assert entry.read_bytes() == right


def test_what_is_kept_is_what_runs(tmp_path: Path) -> None:
    """The one proof that the cache is read: an entry with other code, made for the same source, is believed."""
    cache = tmp_path / "cache"
    loaded(tmp_path, CACHED, cache=cache)
    entry = entry_of(cache, "import { LABEL }")
    head, _, rest = entry.read_text(encoding="utf-8").partition("\n")
    mark, kind, _, _ = head.split(" ")
    source = CACHED["index.ts"]
    code = rest.removeprefix(source).replace("id: 'acme'", "id: 'kept'")
    entry.write_text(f"{mark} {kind} {len(code)} {digest(code)}\n{source}{code}", encoding="utf-8")
    (provider,) = loaded(tmp_path, CACHED, cache=cache)["providers"]
    assert provider["id"] == "kept"


def digest(text: str) -> str:
    """Compute the check sum of an entry: two 32-bit sums over its code units (all below 2**16 here)."""
    one, two = 0x811C9DC5, 0x9DC5811C ^ len(text)
    for unit in map(ord, text):
        one = (one ^ unit) * 0x01000193 & 0xFFFFFFFF
        two = ((two ^ (unit << 5 | unit >> 11)) & 0xFFFFFFFF) * 0x85EBCA6B & 0xFFFFFFFF
    return f"{one:08x}{two:08x}"


def test_a_changed_file_replaces_its_entry(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    loaded(tmp_path, CACHED, cache=cache)
    changed = CACHED | {"oauth.ts": CACHED["oauth.ts"].replace("right", "other")}
    assert label(loaded(tmp_path, changed, cache=cache)) == "other"
    assert len(list(cache.iterdir())) == 2


def test_equal_sources_in_two_places_do_not_share_an_entry(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in ("one", "two"):
        loaded(tmp_path / name, CACHED, cache=cache)
    assert len(list(cache.iterdir())) == 4


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert label(loaded(tmp_path, CACHED, cache=tmp_path / "file" / "cache")) == "right"
    assert (tmp_path / "file").read_text() == "in the way"


def test_without_a_cache_nothing_is_written(tmp_path: Path) -> None:
    assert label(loaded(tmp_path, CACHED)) == "right"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(CACHED)


def test_an_error_in_a_file_is_told_each_time(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for _ in range(2):
        with pytest.raises(HostError, match="cannot be read as TypeScript"):
            loaded(tmp_path, {"index.ts": "let let let"}, cache=cache)
    assert not cache.exists()


def test_the_version_of_node_is_part_of_the_name(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    loaded(tmp_path, CACHED, cache=cache)
    version = f"v{node().version}"
    expected = {digest(f"{(tmp_path / name).resolve()}\0{version}") for name in CACHED}
    assert {path.stem for path in cache.iterdir()} == expected
