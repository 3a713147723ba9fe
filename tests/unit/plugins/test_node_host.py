"""The Node host against the contract of existing plugins: a row for each member of `api`, `ctx` and the prompter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from support.nodehost import CANCELLED, NOBODY_TO_ASK, HostError, NodeHost, Refused, node, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = {"models": {"providers": {"acme": {"baseUrl": "https://acme.example"}}}, "list": [{"a": 1}]}


def load_text(folder: Path, host: NodeHost, text: str, **params: object) -> dict[str, Any]:
    write_files(folder, {"index.mjs": text})
    return host.load(folder / "index.mjs", **params)


def plugin(register: str, methods: str = "", head: str = "") -> str:
    """Return an ES module that registers one provider; `methods` are the entries of its `auth`."""
    return f"""{head}
    export default {{ id: "acme", register(api) {{
      {register};
      api.registerProvider({{ id: "acme", label: "Acme", auth: [{methods}] }});
    }} }};"""


# ------------------------------------------------------------------------------------------------------------ api

API: dict[str, tuple[str, object]] = {
    "id": ("api.id", "acme"),
    "name": ("api.name", "Acme login"),
    "version": ("api.version", "1.2.3"),
    "description": ("api.description", "Logs in"),
    "source": ("api.source", "/plugins/acme/index.ts"),
    "config": ("structuredClone(api.config)", CONFIG),
    "config takes a change": (
        "(() => { api.config.list.push(2); api.config.more ??= {}; return [api.config.list, api.config.more] })()",
        [[{"a": 1}, 2], {}],
    ),
    "pluginConfig": ("api.pluginConfig", {"region": "eu"}),
    "runtime can be looked into": ("typeof api.runtime.channel.text.chunk", "function"),
    "runtime refuses calls": (
        "said(() => api.runtime.config.loadConfig())",
        "api.runtime.config.loadConfig is not available here: this host runs providers only.",
    ),
    "runtime is no promise": ("typeof api.runtime.then", "undefined"),
    "logger.info": ("typeof api.logger.info('one', 2, { three: 3 })", "undefined"),
    "logger.warn": ("typeof api.logger.warn(new Error('w'))", "undefined"),
    "logger.error": ("typeof api.logger.error('e')", "undefined"),
    "logger.debug": ("typeof api.logger.debug(undefined, null)", "undefined"),
    "resolvePath of the home folder": ("api.resolvePath('~/x')", "/home/of/acme/x"),
    "resolvePath of the home folder alone": ("api.resolvePath(' ~ ')", "/home/of/acme"),
    "resolvePath of an absolute path": ("api.resolvePath('/a/../b')", "/b"),
    "resolvePath of a name like a home": ("api.resolvePath('/x/~y')", "/x/~y"),
    "registrationMode": ("api.registrationMode", "full"),
    "registerProvider returns nothing": ("typeof api.registerProvider({ id: 'other' })", "undefined"),
    "registerProvider detached": ("(() => { const f = api.registerProvider; f({ id: 'd' }); return 1 })()", 1),
    "members can be asked for": ("'registerTool' in api", True),
    "inventions cannot be found": ("'registerFuture' in api", False),
    "api is no promise": ("typeof api.then", "undefined"),
    "an unknown member does not throw": ("typeof api.somethingNew.deeper(1)", "undefined"),
}

RECORDED: dict[str, tuple[str, str, str | None]] = {
    "tool": ("api.registerTool({ name: 'acme_tool' })", "registerTool", "acme_tool"),
    "tool factory": ("api.registerTool(() => ({}), { names: ['a', 'b'] })", "registerTool", "a, b"),
    "hook": ("api.registerHook(['x', 'y'], () => {})", "registerHook", "x, y"),
    "http handler": ("api.registerHttpHandler(() => true)", "registerHttpHandler", None),
    "http route": ("api.registerHttpRoute({ path: '/hook', handler() {} })", "registerHttpRoute", "/hook"),
    "channel": ("api.registerChannel({ plugin: { id: 'chat' } })", "registerChannel", "chat"),
    "gateway method": ("api.registerGatewayMethod('acme.do', () => {})", "registerGatewayMethod", "acme.do"),
    "cli": ("api.registerCli(() => {}, { commands: ['acme'] })", "registerCli", "acme"),
    "service": ("api.registerService({ id: 'svc', start() {} })", "registerService", "svc"),
    "command": ("api.registerCommand({ name: 'cmd', handler() {} })", "registerCommand", "cmd"),
    "on": ("api.on('agent_end', () => {}, { priority: 1 })", "on", "agent_end"),
    "unknown register": ("api.registerFuture({ id: 'f' })", "registerFuture", "f"),
    "unknown on": ("api.onSomething('e')", "onSomething", "e"),
    "unknown nested": ("api.session.turn.schedule({ name: 's' })", "session.turn.schedule", "s"),
    "no arguments": ("api.registerTool()", "registerTool", None),
    "hostile argument": ("api.registerTool({ get name() { throw 1 } })", "registerTool", None),
    "argument in a circle": ("(() => { const o = {}; o.plugin = o; api.registerTool(o) })()", "registerTool", None),
    "very long name": ("api.registerTool({ name: 'x'.repeat(9999) })", "registerTool", "x" * 200),
}

HELPERS = """const seen = {};
const tried = (f) => { try { f(); return "nothing"; } catch (error) { return error.name; } };
const said = (f) => { try { f(); return "nothing"; } catch (error) { return error.message; } };"""


class Registered:
    """What one child saw while it registered, with every call of the tables made."""

    def __init__(self, folder: Path) -> None:
        calls = "".join(f"{call};" for call, _, _ in RECORDED.values())
        values = "".join(f"seen[{name!r}] = ({expression});" for name, (expression, _) in API.items())
        text = plugin(calls + values, "{ id: 'm', run: async () => seen }", HELPERS)
        with NodeHost(env={"HOME": "/home/of/acme"}) as host:
            self.result = load_text(
                folder,
                host,
                text,
                name="Acme login",
                version="1.2.3",
                description="Logs in",
                source="/plugins/acme/index.ts",
                config=CONFIG,
                pluginConfig={"region": "eu"},
            )
            self.ids = [each["id"] for each in self.result["providers"]]
            place = self.ids.index("acme")
            self.values = host.request("login", {"provider": place, "method": 0, "context": {}})
            self.logged = [(each["level"], each["message"]) for each in host.asked("log")]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Registered:
    return Registered(tmp_path_factory.mktemp("api"))


@pytest.mark.parametrize("name", API)
def test_each_member_of_api_is_there(registered: Registered, name: str) -> None:
    assert registered.values[name] == API[name][1]


@pytest.mark.parametrize(("place", "name"), list(enumerate(RECORDED)), ids=list(RECORDED))
def test_what_is_no_provider_is_accepted_and_noted(registered: Registered, place: int, name: str) -> None:
    _, member, detail = RECORDED[name]
    assert registered.result["other"][place] == {"member": member, "detail": detail}


def test_calls_of_unknown_members_are_noted_too(registered: Registered) -> None:
    assert registered.result["other"][len(RECORDED) :] == [{"member": "somethingNew.deeper", "detail": None}]


def test_all_providers_of_one_plugin_are_staged_in_order(registered: Registered) -> None:
    assert registered.ids == ["other", "d", "acme"]


def test_the_logger_speaks_to_the_parent(registered: Registered) -> None:
    assert registered.logged == [
        ("info", 'one 2 {"three":3}'),
        ("warn", "w"),
        ("error", "e"),
        ("debug", "undefined null"),
    ]


def test_the_host_says_what_runs_it() -> None:
    with NodeHost() as host:
        assert host.seen[0]["params"] == {"protocol": 1, "runtime": f"node v{node().version}"}


def test_without_a_config_of_its_own_pluginConfig_is_undefined(tmp_path: Path) -> None:  # noqa: N802 - its spelling
    with NodeHost() as host:
        load_text(
            tmp_path,
            host,
            plugin("", "{ id: 'm', run: async () => seen }", HELPERS).replace(
                "api.registerProvider", "seen.type = typeof api.pluginConfig; api.registerProvider"
            ),
        )
        assert host.login() == {"type": "undefined"}


# ------------------------------------------------------------------------------------------------- registerProvider

METHOD = {"id": "m", "label": "M", "kind": "oauth", "run": True}
BARE = {"auth": [], "formatApiKey": False, "refreshOAuth": False}

DESCRIBED: dict[str, tuple[str, dict[str, object], list[str]]] = {
    "the whole surface": (
        """{ id: "acme", label: "Acme", docsPath: "/p", aliases: ["a"], envVars: ["ACME_API_KEY"],
             models: { baseUrl: "https://a.example", models: [{ id: "m", name: "M" }] },
             auth: [{ id: "m", label: "M", hint: "h", kind: "oauth", run: async () => {} }],
             formatApiKey: (c) => c.access, refreshOAuth: async (c) => c }""",
        {
            "label": "Acme",
            "docsPath": "/p",
            "aliases": ["a"],
            "envVars": ["ACME_API_KEY"],
            "models": {"baseUrl": "https://a.example", "models": [{"id": "m", "name": "M"}]},
            "auth": [{"id": "m", "label": "M", "hint": "h", "kind": "oauth", "run": True}],
            "formatApiKey": True,
            "refreshOAuth": True,
        },
        [],
    ),
    "nothing but an id": ("{ id: 'acme' }", BARE, []),
    "further members of a method": (
        (
            "{ id: 'acme', auth: [{ id: 'm', label: 'M', kind: 'oauth', choice: 'c', wizard: { a: 1 },"
            " run() {}, runNonInteractive() {} }] }"
        ),
        {**BARE, "auth": [{**METHOD, "choice": "c", "wizard": {"a": 1}}]},
        [],
    ),
    "further members of the provider": (
        "{ id: 'acme', catalog: {}, wrapStreamFn() {} }",
        {**BARE, "extra": ["catalog", "wrapStreamFn"]},
        [],
    ),
    "a method without run": ("{ id: 'acme', auth: [{ id: 'm' }] }", {**BARE, "auth": [{"id": "m", "run": False}]}, []),
    "a method whose run is no function": (
        "{ id: 'acme', auth: [{ id: 'm', run: 5 }] }",
        {**BARE, "auth": [{"id": "m", "run": False}]},
        [],
    ),
    "a method that is no object": ("{ id: 'acme', auth: [null, 'x'] }", {**BARE, "auth": [None, "x"]}, []),
    "auth that is no list": ("{ id: 'acme', auth: 'x' }", {**BARE, "auth": "x"}, []),
    "wrong types as they are": (
        "{ id: 'acme', label: 5, aliases: 'a', envVars: { a: 1 } }",
        {**BARE, "label": 5, "aliases": "a", "envVars": {"a": 1}},
        [],
    ),
    "a function where data belongs": (
        "{ id: 'acme', label: () => 1 }",
        {**BARE, "label": None},
        ["label is a function"],
    ),
    "a BigInt": (
        "{ id: 'acme', models: { models: [{ contextWindow: 5n }] } }",
        {**BARE, "models": {"models": [{"contextWindow": None}]}},
        ["models.models[0].contextWindow is a BigInt"],
    ),
    "infinity": (
        "{ id: 'acme', models: { cost: [Infinity, NaN] } }",
        {**BARE, "models": {"cost": [None, None]}},
        ["models.cost[0] is Infinity", "models.cost[1] is NaN"],
    ),
    "a circle": (
        "(() => { const models = { a: 1 }; models.self = models; return { id: 'acme', models }; })()",
        {**BARE, "models": {"a": 1, "self": None}},
        ["models.self refers back to what holds it"],
    ),
    "the same value twice is no circle": (
        "(() => { const cost = { input: 0 }; return { id: 'acme', models: { a: cost, b: cost } }; })()",
        {**BARE, "models": {"a": {"input": 0}, "b": {"input": 0}}},
        [],
    ),
    "a symbol in a list": (
        "{ id: 'acme', aliases: [Symbol('s')] }",
        {**BARE, "aliases": [None]},
        ["aliases[0] is a symbol"],
    ),
    "a toJSON that throws": (
        "{ id: 'acme', aliases: { toJSON() { throw new Error('no') } } }",
        {**BARE, "aliases": None},
        ["aliases cannot be read: no"],
    ),
    "a date and an address": (
        "{ id: 'acme', aliases: [new Date(0), new URL('https://a.example')] }",
        {**BARE, "aliases": ["1970-01-01T00:00:00.000Z", "https://a.example/"]},
        [],
    ),
    "a getter that throws": (
        "{ id: 'acme', models: { get a() { throw new Error('boo') } } }",
        {**BARE, "models": None},
        ["models cannot be read: boo"],
    ),
    "a revoked proxy": (
        "(() => { const made = Proxy.revocable({}, {}); made.revoke(); return { id: 'acme', models: made.proxy }; })()",
        {**BARE, "models": None},
        ["models cannot be read: Cannot perform 'get' on a proxy that has been revoked"],
    ),
    "nesting without end": (
        "(() => { let models = 1; for (let i = 0; i < 999; i++) models = [models]; return { id: 'acme', models }; })()",
        None,  # type: ignore[dict-item]
        ["models" + "[0]" * 201 + " is nested too deep"],
    ),
    "an instance of a class": (
        "(() => { class P { constructor() { this.id = 'acme'; } formatApiKey() {} } return new P(); })()",
        {**BARE, "formatApiKey": True},
        [],
    ),
    "a member called __proto__": (
        "{ id: 'acme', models: JSON.parse('{\"__proto__\": {\"x\": 1}}') }",
        {**BARE, "models": {"__proto__": {"x": 1}}},
        [],
    ),
    "an id with blanks as it is": ("{ id: ' Acme ' }", BARE, []),
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each row registered in one child, ids made different where a row does not look at them."""
    register = "".join(
        f"{{ const p = {text}; if (p.id === 'acme') p.id = 'acme{place}'; api.registerProvider(p); }}"
        for place, (text, _, _) in enumerate(DESCRIBED.values())
    )
    with NodeHost() as host:
        text = f"export default {{ register(api) {{ {register} }} }};"
        result: dict[str, Any] = load_text(tmp_path_factory.mktemp("described"), host, text)
        return result


@pytest.mark.parametrize(("place", "name"), list(enumerate(DESCRIBED)), ids=list(DESCRIBED))
def test_a_provider_is_described_as_it_was_given(described: dict[str, Any], place: int, name: str) -> None:
    _, expected, faults = DESCRIBED[name]
    found = described["providers"][place]
    own_id = found["id"]
    assert own_id in {f"acme{place}", " Acme "}
    if expected is not None:
        assert found == {"id": own_id, **expected}
    told = [each for each in described["diagnostics"] if each["message"].startswith(f"provider {own_id}: ")]
    assert [each["message"] for each in told] == [
        f"provider {own_id}: {fault}, which is not JSON; it counts as null" for fault in faults
    ]
    assert {(each["code"], each["severity"]) for each in told} <= {("plugin.not-json", "warning")}


REFUSED = {
    "no id": ("{}", "plugin.provider-id", "provider registration missing id"),
    "a blank id": ("{ id: '  ' }", "plugin.provider-id", "provider registration missing id"),
    "a number as id": ("{ id: 42 }", "plugin.provider-id", "provider registration missing id"),
    "an object as id": ("{ id: { trim: () => 'x' } }", "plugin.provider-id", "provider registration missing id"),
    "nothing at all": ("undefined", "plugin.provider-id", "provider registration missing id"),
    "a text": ("'acme'", "plugin.provider-id", "provider registration missing id"),
    "the same id": ("{ id: 'first' }", "plugin.provider-duplicate", "provider already registered: first (acme)"),
    "the same id with blanks": (
        "{ id: ' first' }",
        "plugin.provider-duplicate",
        "provider already registered: first (acme)",
    ),
}


@pytest.mark.parametrize(("argument", "code", "message"), REFUSED.values(), ids=list(REFUSED))
def test_a_provider_without_a_usable_id_is_told_and_the_others_stay(
    tmp_path: Path, argument: str, code: str, message: str
) -> None:
    text = f"""export default (api) => {{
      api.registerProvider({{ id: "first" }}); api.registerProvider({argument}); api.registerProvider({{ id: "Last" }});
    }};"""
    with NodeHost() as host:
        result = load_text(tmp_path, host, text)
    assert [each["id"] for each in result["providers"]] == ["first", "Last"]
    assert result["diagnostics"] == [{"code": code, "severity": "error", "message": message}]


def test_ids_that_differ_in_letter_case_are_two_providers(tmp_path: Path) -> None:
    with NodeHost() as host:
        text = "export default (api) => ['qwen', 'Qwen', 'constructor'].map((id) => api.registerProvider({ id }));"
        result = load_text(tmp_path, host, text)
    assert [each["id"] for each in result["providers"]] == ["qwen", "Qwen", "constructor"]
    assert result["diagnostics"] == []


def test_a_throw_in_register_is_an_error_and_nothing_counts(tmp_path: Path) -> None:
    with NodeHost() as host:
        with pytest.raises(HostError) as caught:
            load_text(tmp_path, host, plugin("api.registerProvider({ id: 'x' }); throw new Error('half way')"))
        assert (caught.value.kind, caught.value.message) == ("register", "half way")
        with pytest.raises(HostError) as caught:
            host.login()
    assert (caught.value.code, caught.value.message) == (-32600, "Nothing is loaded.")


def test_the_stack_of_an_error_names_the_plugins_line_and_not_the_hosts(tmp_path: Path) -> None:
    with NodeHost() as host, pytest.raises(HostError) as caught:
        load_text(tmp_path, host, "export default () => {\n\n  throw new TypeError('here');\n};")
    assert "index.mjs:3:9" in caught.value.data["stack"]
    assert "host.mjs" not in caught.value.data["stack"]


@pytest.mark.parametrize("ending", ["return", "throw new Error('late')"])
def test_an_async_register_counts_as_far_as_it_went_at_once(tmp_path: Path, ending: str) -> None:
    text = f"""export default {{ async register(api) {{
      api.registerProvider({{ id: "now" }});
      await 1; api.registerProvider({{ id: "later" }}); api.registerTool({{ name: "late" }}); {ending};
    }} }};"""
    with NodeHost() as host:
        result = load_text(tmp_path, host, text)
    assert [each["id"] for each in result["providers"]] == ["now"]
    assert result["other"] == []
    assert result["diagnostics"] == [
        {
            "code": "plugin.async-register",
            "severity": "warning",
            "message": "plugin register returned a promise; async registration is ignored",
        }
    ]


def test_only_one_plugin_is_loaded_in_a_process(tmp_path: Path) -> None:
    with NodeHost() as host:
        load_text(tmp_path, host, plugin(""))
        with pytest.raises(HostError, match="loaded already"):
            host.load(tmp_path / "index.mjs")


# ------------------------------------------------------------------------------------------------- ctx and prompter

OPTIONS = "options: [{ value: { deep: 1 }, label: 'One', hint: 'first' }, { value: 'two' }, { value: NaN, label: 'N' }]"
SHOWN = [{"label": "One", "hint": "first"}, {"label": "two", "value": "two"}, {"label": "N"}]

# Row: code of run, the answers to its prompts, what it returns, what the parent is asked in order.
CTX: dict[str, tuple[str, list[object], object, list[tuple[str, dict[str, object]]]]] = {
    "config": ("return ctx.config", [], CONFIG, []),
    "config takes a change": (
        (
            "ctx.config.models.extra ??= {}; ctx.config.list.push('own'); delete ctx.config.models.providers;"
            "return ctx.config"
        ),
        [],
        {"models": {"extra": {}}, "list": [{"a": 1}, "own"]},
        [],
    ),
    "config is another one in each login": ("return ctx.config", [], CONFIG, []),
    "agentDir": ("return ctx.agentDir", [], "/agent", []),
    "workspaceDir": ("return ctx.workspaceDir", [], "/work space", []),
    "isRemote": ("return ctx.isRemote", [], True, []),
    "openUrl": (
        "return await ctx.openUrl('https://a.example/x')",
        [],
        None,
        [("openUrl", {"url": "https://a.example/x"})],
    ),
    "openUrl detached": (
        "const { openUrl } = ctx; await openUrl(new URL('https://a.example'))",
        [],
        None,
        [("openUrl", {"url": "https://a.example/"})],
    ),
    "runtime.log": ("ctx.runtime.log('a', 1)", [], None, [("log", {"level": "info", "message": "a 1"})]),
    "runtime.error": ("ctx.runtime.error('bad')", [], None, [("log", {"level": "error", "message": "bad"})]),
    "runtime.log detached": (
        "const { log } = ctx.runtime; log('')",
        [],
        None,
        [("log", {"level": "info", "message": ""})],
    ),
    "intro": ("return typeof (await ctx.prompter.intro('Hello'))", [], "undefined", [("intro", {"message": "Hello"})]),
    "outro": ("return typeof (await ctx.prompter.outro('Bye'))", [], "undefined", [("outro", {"message": "Bye"})]),
    "note": ("await ctx.prompter.note('Text', 'Title')", [], None, [("note", {"message": "Text", "title": "Title"})]),
    "note without a title, detached": (
        "const { note } = ctx.prompter; await note('Text')",
        [],
        None,
        [("note", {"message": "Text"})],
    ),
    "select": (
        f"return await ctx.prompter.select({{ message: 'Which?', {OPTIONS} }})",
        [0],
        {"deep": 1},
        [("prompt", {"kind": "select", "message": "Which?", "options": SHOWN})],
    ),
    "select with an initial value": (
        f"return await ctx.prompter.select({{ message: 'Which?', {OPTIONS}, initialValue: 'two' }})",
        [1],
        "two",
        [("prompt", {"kind": "select", "message": "Which?", "options": SHOWN, "initial": 1})],
    ),
    "select with an initial value that is not an option": (
        f"return await ctx.prompter.select({{ message: 'Which?', {OPTIONS}, initialValue: 'zwei' }})",
        [1],
        "two",
        [("prompt", {"kind": "select", "message": "Which?", "options": SHOWN})],
    ),
    "select returns the very value": (
        (
            "const value = { a: 1 }; const got = await ctx.prompter.select({ message: 'W', options: [{ value }] });"
            "return got === value"
        ),
        [0],
        True,
        [("prompt", {"kind": "select", "message": "W", "options": [{"label": "[object Object]"}]})],
    ),
    "multiselect": (
        f"return await ctx.prompter.multiselect({{ message: 'Which?', {OPTIONS}, initialValues: [NaN, 'x', 'two'] }})",
        [[1, 0]],
        ["two", {"deep": 1}],
        [("prompt", {"kind": "multiselect", "message": "Which?", "options": SHOWN, "initial": [2, 1]})],
    ),
    "multiselect of nothing": (
        f"return await ctx.prompter.multiselect({{ message: 'Which?', {OPTIONS} }})",
        [[]],
        [],
        [("prompt", {"kind": "multiselect", "message": "Which?", "options": SHOWN, "initial": []})],
    ),
    "text": (
        "return await ctx.prompter.text({ message: 'Key?', initialValue: 'i', placeholder: 'sk-' })",
        ["abc"],
        "abc",
        [("prompt", {"kind": "text", "message": "Key?", "initial": "i", "placeholder": "sk-"})],
    ),
    "text asked again until it is valid": (
        "return await ctx.prompter.text({ message: 'Key?', validate: (v) => v.length < 3 ? `${v} is short` : null })",
        ["a", "", "abc"],
        "abc",
        [
            ("prompt", {"kind": "text", "message": "Key?"}),
            ("prompt", {"kind": "text", "message": "Key?", "initial": "a", "complaint": "a is short"}),
            ("prompt", {"kind": "text", "message": "Key?", "initial": "", "complaint": " is short"}),
        ],
    ),
    "text whose validator returns an Error": (
        "return await ctx.prompter.text({ message: 'K', validate: (v) => v === 'x' ? new Error('not x') : '' })",
        ["x", "y"],
        "y",
        [
            ("prompt", {"kind": "text", "message": "K"}),
            ("prompt", {"kind": "text", "message": "K", "initial": "x", "complaint": "not x"}),
        ],
    ),
    "text that was rejected takes the place of the initial value": (
        "return await ctx.prompter.text({ message: 'K', initialValue: 'i', validate: (v) => v === 'x' && 'not x' })",
        ["x", "y"],
        "y",
        [
            ("prompt", {"kind": "text", "message": "K", "initial": "i"}),
            ("prompt", {"kind": "text", "message": "K", "initial": "x", "complaint": "not x"}),
        ],
    ),
    "values that an answer may name": (
        (
            "return typeof (await ctx.prompter.select({ message: 'W', options: [{ value: 's' }, { value: 1.5 },"
            " { value: true }, { value: Infinity }, { value: null }, { value: 9n }, { value: 'x'.repeat(1001),"
            " label: 'long' }, { value: () => 1, label: 'f' }] }))"
        ),
        [7],
        "function",
        [
            (
                "prompt",
                {
                    "kind": "select",
                    "message": "W",
                    "options": [
                        {"label": "s", "value": "s"},
                        {"label": "1.5", "value": 1.5},
                        {"label": "true", "value": True},
                        {"label": "Infinity"},
                        {"label": "null"},
                        {"label": "9"},
                        {"label": "long"},
                        {"label": "f"},
                    ],
                },
            )
        ],
    ),
    "confirm": (
        "return await ctx.prompter.confirm({ message: 'Sure?', initialValue: false })",
        [True],
        True,
        [("prompt", {"kind": "confirm", "message": "Sure?", "initial": False})],
    ),
    "confirm without an initial value": (
        "return await ctx.prompter.confirm({ message: 'Sure?' })",
        [False],
        False,
        [("prompt", {"kind": "confirm", "message": "Sure?"})],
    ),
    "two prompts at once": (
        (
            "const a = ctx.prompter.text({ message: 'A' }); const b = ctx.prompter.text({ message: 'B' });"
            "return [await b, await a]"
        ),
        ["for a", "for b"],
        ["for b", "for a"],
        [("prompt", {"kind": "text", "message": "A"}), ("prompt", {"kind": "text", "message": "B"})],
    ),
    "handlers with a browser here": (
        (
            "const spin = ctx.prompter.progress('P'); const lines = [];"
            "const h = ctx.oauth.createVpsAwareHandlers({ ...ctx, isRemote: false, spin,"
            " runtime: { log: (line) => lines.push(line) }, localBrowserMessage: 'Look' });"
            "await h.onAuth({ url: 'https://a.example' });"
            "return [lines, await h.onPrompt({ message: 'Code?', placeholder: 'c' })]"
        ),
        [" ", "code"],
        [["Open: https://a.example"], "code"],
        [
            ("openUrl", {"url": "https://a.example"}),
            ("prompt", {"kind": "text", "message": "Code?", "placeholder": "c"}),
            (
                "prompt",
                {"kind": "text", "message": "Code?", "placeholder": "c", "initial": " ", "complaint": "Required"},
            ),
        ],
    ),
    "handlers with a browser elsewhere": (
        (
            "const spin = ctx.prompter.progress('P'); const lines = [];"
            "const h = ctx.oauth.createVpsAwareHandlers({ ...ctx, isRemote: true, spin,"
            " runtime: { log: (line) => lines.push(line) }, localBrowserMessage: '', manualPromptMessage: 'Paste' });"
            "await h.onAuth({ url: 'https://a.example' });"
            "return [lines[0].includes('https://a.example'), await h.onPrompt({ message: 'not asked' })]"
        ),
        ["", "pasted"],
        [True, "pasted"],
        [
            ("prompt", {"kind": "text", "message": "Paste"}),
            ("prompt", {"kind": "text", "message": "Paste", "initial": "", "complaint": "Required"}),
        ],
    ),
    "handlers' own words": (
        (
            "const h = ctx.oauth.createVpsAwareHandlers({ isRemote: true, prompter: ctx.prompter, spin: { stop() {} },"
            " openUrl: ctx.openUrl, runtime: { log() {} }, localBrowserMessage: 'Look' });"
            "await h.onAuth({ url: 'https://a.example' }); return await h.onPrompt({ message: 'not asked' })"
        ),
        ["x"],
        "x",
        [("prompt", {"kind": "text", "message": "Paste the redirect URL or the code"})],
    ),
    "undefined is dropped": ("return { a: undefined, b: [undefined], c: null }", [], {"b": [None], "c": None}, []),
    "functions are dropped": ("return { a() {}, b: 1 }", [], {"b": 1}, []),
    "numbers JSON lacks become null": ("return { expires: NaN }", [], {"expires": None}, []),
    "nothing": ("", [], None, []),
    "a result that is no object": ("return 'text \\u2028 \\u{1F600}'", [], "text \u2028 \U0001f600", []),
    "console output is not protocol": ('console.log(\'{"jsonrpc":"2.0"}\'); return 1', [], 1, []),
}


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeHost]:
    """One child whose provider has one login method for each row."""
    methods = ",".join(f"{{ id: 'm{i}', run: async (ctx) => {{ {row[0]} }} }}" for i, row in enumerate(CTX.values()))
    with NodeHost() as host:
        load_text(tmp_path_factory.mktemp("flows"), host, plugin("", methods))
        yield host


@pytest.mark.parametrize(("place", "name"), list(enumerate(CTX)), ids=list(CTX))
def test_each_member_of_ctx_and_prompter(flows: NodeHost, place: int, name: str) -> None:
    _, answers, returned, asked = CTX[name]
    del flows.seen[:]
    context = {"config": CONFIG, "agentDir": "/agent", "workspaceDir": "/work space", "isRemote": True}
    assert flows.login(place, answers, context) == returned
    own = [(each["method"], each["params"]) for each in flows.seen if each.get("method") not in {None, "progress"}]
    assert own == asked


def run(folder: Path, host: NodeHost, code: str, answers: list[object] | None = None, **context: object) -> Any:
    load_text(folder, host, plugin("", f"{{ id: 'm', run: async (ctx) => {{ {code} }} }}"))
    return host.login(answers=answers or [], context=context)


def test_without_folders_the_context_has_none(tmp_path: Path) -> None:
    with NodeHost() as host:
        assert run(tmp_path, host, "return [typeof ctx.agentDir, typeof ctx.workspaceDir]") == ["undefined"] * 2


def test_progress_is_told_without_waiting_and_ends_once(tmp_path: Path) -> None:
    code = """const { update, stop } = ctx.prompter.progress("Go"); const other = ctx.prompter.progress("Two");
    update("1"); stop("done"); update("late"); stop("late"); other.stop(); return typeof update("x");"""
    with NodeHost() as host:
        assert run(tmp_path, host, code) == "undefined"
        told = host.asked("progress")
    first, second = told[0]["token"], told[1]["token"]
    assert first != second
    assert told == [
        {"token": first, "event": "start", "message": "Go"},
        {"token": second, "event": "start", "message": "Two"},
        {"token": first, "event": "update", "message": "1"},
        {"token": first, "event": "stop", "message": "done"},
        {"token": second, "event": "stop"},
    ]


def test_run_is_called_on_its_method(tmp_path: Path) -> None:
    methods = "{ id: 'm', secretless: 'mine', async run() { return this.secretless; } }"
    with NodeHost() as host:
        load_text(tmp_path, host, plugin("", methods))
        assert host.login() == "mine"


FAILING: dict[str, tuple[str, list[object], int, str, str]] = {
    "an error": ("throw new Error('no luck')", [], -32000, "run", "no luck"),
    "an error with a cause": (
        "throw new TypeError('fetch failed', { cause: new Error('connect refused') })",
        [],
        -32000,
        "run",
        "fetch failed (connect refused)",
    ),
    "an error that sounds like the loader's": (
        "throw new Error(\"Cannot find module 'x'\")",
        [],
        -32000,
        "run",
        "Cannot find module 'x'",
    ),
    "a missing module, imported late": (
        "await import('late-package')",
        [],
        -32000,
        "run",
        "It needs the package late-package, which is not installed: run `npm install` in ROOT.",
    ),
    "a text": ("throw 'plain'", [], -32000, "run", "plain"),
    "nothing": ("throw undefined", [], -32000, "run", "undefined"),
    "an error without a message": ("throw new RangeError()", [], -32000, "run", "RangeError"),
    "an error that cannot be read": (
        "throw { get message() { throw 1 } }",
        [],
        -32000,
        "run",
        "an error that cannot be shown",
    ),
    "a very long message": ("throw new Error('x'.repeat(1e6))", [], -32000, "run", "x" * 4000),
    "exit": ("ctx.runtime.exit(3)", [], -32000, "run", "The plugin ended the login with exit(3)."),
    "exit without a code": ("ctx.runtime.exit()", [], -32000, "run", "The plugin ended the login with exit()."),
    "exit with its throw caught": (
        "try { ctx.runtime.exit(0) } catch {} return {}",
        [],
        -32000,
        "run",
        "The plugin ended the login with exit(0).",
    ),
    "process.exit": ("process.exit(1)", [], -32000, "run", "The plugin called process.exit(1)."),
    "a throw from a timer": (
        "setTimeout(() => { throw new Error('tick') }, 1); await new Promise(() => {})",
        [],
        -32000,
        "run",
        "tick",
    ),
    "a rejection that nobody handles": (
        "Promise.reject(new Error('loose')); await new Promise(() => {})",
        [],
        -32000,
        "run",
        "loose",
    ),
    "a BigInt in the result": (
        "return { profiles: [{ credential: { expires: 5n } }], x: 1n }",
        [],
        -32000,
        "type",
        "The login's result is not JSON: profiles[0].credential.expires is a BigInt; x is a BigInt.",
    ),
    "a circle in the result": (
        "const a = { b: {} }; a.b.c = a; return a",
        [],
        -32000,
        "type",
        "The login's result is not JSON: b.c refers back to what holds it.",
    ),
    "a result of 5 MB": ("return 'x'.repeat(5e6)", [], -32000, "type", "The result is longer than 4 MiB."),
    "a cancelled prompt": (
        "await ctx.prompter.text({ message: 'K' })",
        [Refused(CANCELLED, "ctrl-c")],
        CANCELLED,
        "run",
        "wizard cancelled",
    ),
    "nobody to ask": (
        "await ctx.prompter.text({ message: 'K' })",
        [Refused(NOBODY_TO_ASK, "There is no terminal.")],
        NOBODY_TO_ASK,
        "run",
        "There is no terminal.",
    ),
    "a refused prompt": (
        "await ctx.prompter.confirm({ message: 'K' })",
        [Refused(-32602, "unfit")],
        -32000,
        "run",
        "unfit",
    ),
    "a validator that throws": (
        "await ctx.prompter.text({ message: 'K', validate() { throw new Error('odd') } })",
        ["x"],
        -32000,
        "run",
        "odd",
    ),
    "a select without options": (
        "await ctx.prompter.select({ message: 'K', options: [] })",
        [],
        -32000,
        "run",
        "A select prompt needs a list of options.",
    ),
    "an option that is no object": (
        "await ctx.prompter.select({ message: 'K', options: ['a'] })",
        [],
        -32000,
        "run",
        "Option 0 of the prompt is not an object.",
    ),
    "a prompt without parameters": (
        "await ctx.prompter.text()",
        [],
        -32000,
        "run",
        "A prompt is asked with an object: { message, ... }.",
    ),
    "a place beyond the options": (
        "await ctx.prompter.select({ message: 'K', options: [{ value: 1 }] })",
        [1],
        -32000,
        "run",
        "The answer to the select prompt is of the wrong type.",
    ),
    "a place that is no number": (
        "await ctx.prompter.multiselect({ message: 'K', options: [{ value: 1 }] })",
        [["0"]],
        -32000,
        "run",
        "The answer to the multiselect prompt is of the wrong type.",
    ),
    "a number as text": (
        "await ctx.prompter.text({ message: 'K' })",
        [5],
        -32000,
        "run",
        "The answer to the text prompt is of the wrong type.",
    ),
    "a text as confirmation": (
        "await ctx.prompter.confirm({ message: 'K' })",
        ["yes"],
        -32000,
        "run",
        "The answer to the confirm prompt is of the wrong type.",
    ),
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeHost]:
    methods = ",".join(
        f"{{ id: 'm{i}', run: async (ctx) => {{ {row[0]} }} }}" for i, row in enumerate(FAILING.values())
    )
    with NodeHost() as host:
        load_text(tmp_path_factory.mktemp("failures"), host, plugin("", methods))
        yield host


@pytest.mark.parametrize(("place", "name"), list(enumerate(FAILING)), ids=list(FAILING))
def test_a_login_that_fails_says_why_and_the_next_one_runs(failures: NodeHost, place: int, name: str) -> None:
    _, answers, code, kind, message = FAILING[name]
    with pytest.raises(HostError) as caught:
        failures.login(place, answers)
    told = re.sub(r"in /\S+/\.$", "in ROOT.", caught.value.message)
    assert (caught.value.code, caught.value.kind, told) == (code, kind, message)


def test_cancel_rejects_what_is_asked_and_whatever_is_asked_after(tmp_path: Path) -> None:
    code = """const first = ctx.prompter.text({ message: "A" }).catch((e) => [e.name, e.message, e instanceof Error]);
    const second = ctx.prompter.confirm({ message: "B" }).catch((e) => e.name);
    const seen = [await first, await second];
    seen.push(await ctx.prompter.note("late").catch((e) => e.name));
    return seen;"""
    load = plugin("", f"{{ id: 'm', run: async (ctx) => {{ {code} }} }}")
    with NodeHost() as host:
        load_text(tmp_path, host, load)
        number = host.ask("login", {"provider": 0, "method": 0, "context": {}})
        assert [host.next()["method"], host.next()["method"]] == ["prompt", "prompt"]
        host.send({"method": "cancel"})
        assert host.finish(number) == [
            ["WizardCancelledError", "wizard cancelled", True],
            "WizardCancelledError",
            "WizardCancelledError",
        ]
        assert host.asked("note") == []


def test_a_prompt_nobody_waits_for_does_not_fail_the_login_when_it_is_cancelled(tmp_path: Path) -> None:
    code = "ctx.prompter.text({ message: 'A' }).then(String); await ctx.prompter.note('n'); return 'fine'"
    with NodeHost() as host:
        assert run(tmp_path, host, code, [Refused(CANCELLED)]) == "fine"


def test_a_rejection_after_the_end_of_the_login_is_only_told(tmp_path: Path) -> None:
    methods = """{ id: 'm', run: async () => { setTimeout(async () => { throw new Error('afterwards') }); return 1 } },
      { id: 'n', run: () => new Promise((resolve) => setTimeout(resolve, 20, 2)) }"""
    with NodeHost() as host:
        load_text(tmp_path, host, plugin("", methods))
        assert host.login(0) == 1
        while not host.asked("log"):
            host.next()
        assert host.asked("log") == [
            {
                "level": "warn",
                "message": "A promise of the plugin was rejected and nothing handles it: afterwards",
            }
        ]
        assert host.login(1) == 2


def test_after_its_end_a_login_asks_nothing_more(tmp_path: Path) -> None:
    methods = """{ id: 'm', run: async (ctx) => { globalThis.kept = ctx; return 1; } }, { id: 'n', run: async () => {
        kept.runtime.log('late'); kept.prompter.progress('late');
        return kept.prompter.text({ message: 'late' }).catch((error) => error.message); } }"""
    with NodeHost() as host:
        load_text(tmp_path, host, plugin("", methods))
        assert host.login(0) == 1
        assert host.login(1) == "The login has ended."
        assert host.asked("log", "progress", "prompt") == []


def test_a_late_answer_reaches_nobody_and_hurts_nobody(tmp_path: Path) -> None:
    with NodeHost() as host:
        load_text(tmp_path, host, plugin("", "{ id: 'm', run: async (ctx) => ctx.prompter.text({ message: 'K' }) }"))
        number = host.ask("login", {"provider": 0, "method": 0, "context": {}})
        asked = host.next()["id"]
        for odd in (asked + 7, None, "x", [1]):
            host.send({"id": odd, "result": {"value": "odd"}})
        host.answer(asked, "right")
        host.answer(asked, "again")
        assert host.finish(number) == "right"


def test_logins_run_one_at_a_time(tmp_path: Path) -> None:
    with NodeHost() as host:
        load_text(tmp_path, host, plugin("", "{ id: 'm', run: async (ctx) => ctx.prompter.text({ message: 'K' }) }"))
        number = host.ask("login", {"provider": 0, "method": 0, "context": {}})
        asked = host.next()["id"]
        with pytest.raises(HostError, match="A login is running already"):
            host.login()
        host.answer(asked, "right")
        assert host.finish(number) == "right"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"provider": 9, "method": 0}, "There is no such login method."),
        ({"provider": 0, "method": 9}, "There is no such login method."),
        ({"provider": "push", "method": "length"}, "There is no such login method."),
        ({"provider": 0, "method": 0}, "This login method has no run function."),
        ({}, "There is no such login method."),
    ],
)
def test_a_method_that_is_not_there_is_an_error(tmp_path: Path, params: dict[str, object], message: str) -> None:
    with NodeHost() as host:
        load_text(tmp_path, host, plugin("", "{ id: 'm' }"))
        with pytest.raises(HostError) as caught:
            host.request("login", {"context": {}, **params})
    assert caught.value.message == message


# ------------------------------------------------------------------------------------------- credentials and protocol

CALLS: dict[str, tuple[str, str, object]] = {
    "formatApiKey": ("formatApiKey", "formatApiKey(c) { return `${this.id}:${c.access}` }", {"value": "acme:token"}),
    "formatApiKey that waits": ("formatApiKey", "async formatApiKey(c) { return c.access }", {"value": "token"}),
    "refreshOAuth": (
        "refreshOAuth",
        "async refreshOAuth(c) { c.access += '2'; return { ...c, expires: 5, gone: undefined } }",
        {"access": "token2", "expires": 5},
    ),
    "formatApiKey that throws": ("formatApiKey", "formatApiKey() { throw new Error('bad') }", ("run", "bad")),
    "formatApiKey of a wrong type": (
        "formatApiKey",
        "formatApiKey() { return 5 }",
        ("type", "formatApiKey returned a value of type number, not text."),
    ),
    "refreshOAuth that is no JSON": (
        "refreshOAuth",
        "refreshOAuth() { return { expires: 5n } }",
        ("type", "The new credential is not JSON: expires is a BigInt."),
    ),
    "no formatApiKey": ("formatApiKey", "formatApiKey: 5", ("run", "This provider has no formatApiKey.")),
    "no refreshOAuth": ("refreshOAuth", "x: 1", ("run", "This provider has no refreshOAuth.")),
}


@pytest.mark.parametrize(("method", "member", "expected"), CALLS.values(), ids=list(CALLS))
def test_credentials_are_formatted_and_refreshed_by_the_plugin(
    tmp_path: Path, method: str, member: str, expected: object
) -> None:
    with NodeHost() as host:
        load_text(tmp_path, host, f"export default (api) => api.registerProvider({{ id: 'acme', {member} }});")
        params = {"provider": 0, "credential": {"access": "token"}}
        if isinstance(expected, tuple):
            with pytest.raises(HostError) as caught:
                host.request(method, params)
            assert (caught.value.kind, caught.value.message) == expected
        else:
            assert host.request(method, params) == expected


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json\n", -32700),
        (b"\n", -32700),
        (b'{"id": 1, "method": "toString", "params": {}}\n', -32601),
        (b'{"id": 1, "method": "__proto__"}\n', -32601),
        (b'{"id": 1, "method": "login"}\n', -32600),
    ],
)
def test_a_message_that_makes_no_sense_is_answered_and_the_host_goes_on(tmp_path: Path, line: bytes, code: int) -> None:
    with NodeHost() as host:
        host.send_raw(line)
        assert host.next()["error"]["code"] == code
        assert load_text(tmp_path, host, plugin(""))["providers"][0]["id"] == "acme"


def test_messages_may_come_in_pieces_and_many_at_once(tmp_path: Path) -> None:
    write_files(tmp_path, {"index.mjs": plugin("", "{ id: 'm', run: async (ctx) => ctx.config.key }")})
    params = f'{{"entry": "{tmp_path}/index.mjs", "root": "{tmp_path}", "id": "acme", "config": {{}}}}'
    load = f'{{"id": 1, "method": "load", "params": {params}}}\n'.encode()
    login = (
        '{"id": 2, "method": "login", "params": {"provider": 0, "method": 0, "context": {"config": {"key": "ä€"}}}}\n'
    )
    data = login.encode()
    middle = data.index("€".encode()) + 1  # within a character
    with NodeHost() as host:
        host.send_raw(load[:20])
        host.send_raw(load[20:] + data[:middle])
        assert host.next()["id"] == 1
        host.send_raw(data[middle:])
        assert host.next() == {"jsonrpc": "2.0", "id": 2, "result": "ä€"}
