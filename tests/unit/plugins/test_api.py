"""What a Python plugin registers, and the plain data that becomes of it; in this process, for what needs no other."""

from __future__ import annotations

import json
from collections import OrderedDict
from enum import IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from jackfield.errors import CancelledError, PluginError
from jackfield.plugins import api as api_module
from jackfield.plugins.api import Logger, PluginApi
from jackfield.plugins.pysurface import MAX_DEPTH, NotJsonError, Staging, Unavailable, jsonable
from jackfield.providers.block import AuthMethod, Provider

ABOUT = {
    "id": "acme-auth",
    "name": "Acme",
    "version": "1.0",
    "description": "Logs in",
    "source": "/plugins/acme.py",
    "config": {"models": {}},
    "pluginConfig": {"region": "eu"},
}


def run(ctx: object) -> object:
    return ctx


def other_run(ctx: object) -> object:
    return ctx


class Bench:
    """An api with what it staged."""

    def __init__(self, about: dict[str, object] | None = None) -> None:
        own = {api_module.__file__, Staging.__init__.__code__.co_filename}
        self.staging = Staging(frozenset(own))
        self.logged: list[tuple[str, str]] = []
        self.api: Any = PluginApi(
            ABOUT if about is None else about, self.staging, Logger(lambda *each: self.logged.append(each))
        )

    @property
    def only(self) -> dict[str, object]:
        (one,) = self.staging.providers
        json.dumps(one.descriptor, allow_nan=False)
        return one.descriptor

    def codes(self) -> list[tuple[str, str]]:
        return [(each["code"], each["severity"]) for each in self.staging.diagnostics]


@pytest.fixture
def bench() -> Bench:
    return Bench()


SNAKE = {
    "id": "acme",
    "label": "Acme",
    "docs_path": "/acme",
    "aliases": ["ai"],
    "env_vars": ["ACME_API_KEY"],
    "models": {
        "base_url": "https://a.example",
        "api": "openai-completions",
        "api_key": "k",
        "auth_header": True,
        "models": [{"id": "m", "context_window": 1, "max_tokens": 2, "cost": {"cache_read": 1, "cache_write": 2}}],
    },
    "auth": [{"id": "key", "label": "Key", "hint": "H", "kind": "api_key", "choice": "acme-key", "run": run}],
    "format_api_key": run,
    "refresh_oauth": run,
}
CAMEL = {
    "id": "acme",
    "label": "Acme",
    "docsPath": "/acme",
    "aliases": ["ai"],
    "envVars": ["ACME_API_KEY"],
    "models": {
        "baseUrl": "https://a.example",
        "api": "openai-completions",
        "apiKey": "k",
        "authHeader": True,
        "models": [{"id": "m", "contextWindow": 1, "maxTokens": 2, "cost": {"cacheRead": 1, "cacheWrite": 2}}],
    },
    "auth": [{"id": "key", "label": "Key", "hint": "H", "kind": "api_key", "choice": "acme-key", "run": run}],
    "formatApiKey": run,
    "refreshOAuth": run,
}
DESCRIPTOR = {
    **{name: value for name, value in CAMEL.items() if name not in {"auth", "formatApiKey", "refreshOAuth"}},
    "auth": [{"id": "key", "label": "Key", "hint": "H", "kind": "api_key", "choice": "acme-key", "run": True}],
    "formatApiKey": True,
    "refreshOAuth": True,
}


class Acme:
    """A provider as an object, one member of it computed."""

    id = "acme"
    label = "Acme"
    aliases = ("ai",)
    env_vars = ("ACME_API_KEY",)
    models = CAMEL["models"]
    auth = (SimpleNamespace(id="key", label="Key", hint="H", kind="api_key", choice="acme-key", run=run),)

    @property
    def docs_path(self) -> str:
        return "/acme"

    def format_api_key(self, credential: object) -> object:
        return credential

    def refresh_oauth(self, credential: object) -> object:
        return credential


class TestOneProviderInManySpellings:
    @pytest.mark.parametrize(
        "provider",
        [
            SNAKE,
            CAMEL,
            MappingProxyType(SNAKE),
            OrderedDict(CAMEL),
            SimpleNamespace(**SNAKE),
            SimpleNamespace(**CAMEL),
            Acme(),
        ],
        ids=["snake", "camel", "proxy", "ordered", "object-snake", "object-camel", "class"],
    )
    def test_each_gives_the_same_descriptor(self, bench: Bench, provider: object) -> None:
        bench.api.register_provider(provider)
        assert bench.only == DESCRIPTOR
        assert bench.staging.providers[0].runs == [run]
        assert bench.staging.diagnostics == []

    def test_the_older_spelling_of_the_call_is_the_same(self, bench: Bench) -> None:
        bench.api.registerProvider(SNAKE)
        assert bench.only == DESCRIPTOR

    def test_it_is_read_at_once(self, bench: Bench) -> None:
        provider: dict[str, Any] = {"id": "acme", "aliases": ["one"]}
        bench.api.register_provider(provider)
        provider["aliases"].append("two")
        provider["id"] = "other"
        assert bench.only["aliases"] == ["one"]
        assert bench.only["id"] == "acme"

    def test_members_that_no_provider_has_are_named(self, bench: Bench) -> None:
        bench.api.register_provider({"id": "acme", "wizard": {}, "onSelect": run, 7: 8, "_private": 1})
        assert bench.only["extra"] == ["wizard", "onSelect"]

    def test_none_counts_as_absent(self, bench: Bench) -> None:
        bench.api.register_provider({"id": "acme", "label": None, "auth": None, "refresh_oauth": None})
        assert bench.only == {"id": "acme", "formatApiKey": False, "refreshOAuth": False}

    def test_wrong_types_go_through_for_the_program_to_judge(self, bench: Bench) -> None:
        bench.api.register_provider({"id": 7, "label": ["x"], "auth": "login", "env_vars": {"a": 1}, "models": True})
        assert bench.only == {
            "id": 7,
            "label": ["x"],
            "auth": "login",
            "envVars": {"a": 1},
            "models": True,
            "formatApiKey": False,
            "refreshOAuth": False,
        }

    def test_functions_stay_with_their_places(self, bench: Bench) -> None:
        auth = [{"id": "a", "run": run}, {"id": "b"}, "c", {"id": "d", "run": "no"}, {"id": "e", "run": other_run}]
        bench.api.register_provider({"id": "acme", "auth": auth})
        assert bench.staging.providers[0].runs == [run, None, None, None, other_run]
        assert bench.only["auth"] == [
            {"id": "a", "run": True},
            {"id": "b", "run": False},
            "c",
            {"id": "d", "run": False},
            {"id": "e", "run": True},
        ]

    @pytest.mark.parametrize("value", [object(), {1, 2}, b"x", float("nan"), float("inf"), run, 1j, Path("x")])
    def test_what_json_does_not_have_becomes_null_and_is_named(self, bench: Bench, value: object) -> None:
        bench.api.register_provider({"id": "acme", "label": value, "auth": [{"id": "a", "hint": value}]})
        assert bench.only["label"] is None
        assert bench.only["auth"] == [{"id": "a", "hint": None, "run": False}]
        assert bench.codes() == [("plugin.not-json", "warning")] * 2
        first, second = (each["message"] for each in bench.staging.diagnostics)
        assert first.startswith("label is ")
        assert second.startswith("auth[0].hint is ")

    def test_a_fault_names_the_line_of_the_plugin(self, bench: Bench) -> None:
        bench.api.register_provider({"id": "acme", "label": object()})
        line = run.__code__.co_firstlineno
        message = bench.staging.diagnostics[0]["message"]
        assert "(test_api.py, line " in message
        assert int(message.rpartition("line ")[2].removesuffix(").")) > line

    def test_faults_of_one_registration_are_told_up_to_a_number(self, bench: Bench) -> None:
        bench.api.register_provider({"id": "acme", "aliases": [object()] * 500})
        assert len(bench.staging.diagnostics) == 20
        assert bench.only["aliases"] == [None] * 500

    @pytest.mark.parametrize("provider", [None, 7, "acme", [], run, object()])
    def test_what_is_no_provider_is_told_and_stages_nothing(self, bench: Bench, provider: object) -> None:
        bench.api.register_provider(provider)
        assert bench.staging.providers == []
        assert bench.codes() == [("plugin.provider-invalid", "error")]

    def test_a_member_that_raises_is_the_plugins_own_error(self, bench: Bench) -> None:
        class Trap:
            id = "acme"

            @property
            def label(self) -> str:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            bench.api.register_provider(Trap())
        assert bench.staging.providers == []

    def test_after_register_has_returned_it_is_too_late(self, bench: Bench) -> None:
        bench.staging.close()
        with pytest.raises(PluginError) as caught:
            bench.api.register_provider(SNAKE)
        assert caught.value.code == "plugin.late"
        assert bench.staging.providers == []


BLOCK = Provider(
    "acme",
    "Acme",
    auth=(
        AuthMethod("login", "acme", "oauth", "Login", "plugin:acme-auth/login"),
        AuthMethod("other", "acme-other", "custom", "Other", "plugin:acme-auth/other"),
    ),
)


class TestBlocks:
    def test_a_block_goes_whole_with_the_ids_of_its_functions(self, bench: Bench) -> None:
        bench.api.register_provider(BLOCK, run={"other": other_run}, format_api_key=run)
        assert bench.only == {
            "id": "acme",
            "auth": [{"id": "login"}, {"id": "other"}],
            "block": BLOCK.to_dict(),
            "runs": ["other"],
            "formatApiKey": True,
            "refreshOAuth": False,
        }
        assert bench.staging.providers[0].runs == [None, other_run]

    def test_one_function_is_enough_for_one_method(self, bench: Bench) -> None:
        bench.api.register_provider(Provider("acme", "Acme", auth=BLOCK.auth[:1]), run=run)
        assert bench.only["runs"] == ["login"]
        assert bench.staging.providers[0].runs == [run]

    @pytest.mark.parametrize("given", [run, 7, ["login"], {}])
    def test_functions_that_cannot_be_told_apart_are_an_error(self, bench: Bench, given: Any) -> None:
        bench.api.register_provider(BLOCK, run=given)
        assert bench.only["runs"] == []
        assert bench.codes() == [("plugin.provider-invalid", "error")]

    def test_a_function_for_a_method_that_is_not_there_is_an_error(self, bench: Bench) -> None:
        bench.api.register_provider(BLOCK, run={"login": run, "typo": run, 7: run})
        assert bench.only["runs"] == ["login"]
        assert bench.codes() == [("plugin.provider-invalid", "error")] * 2
        assert "'typo'" in bench.staging.diagnostics[0]["message"]

    def test_what_is_no_function_is_none(self, bench: Bench) -> None:
        bench.api.register_provider(BLOCK, run={"login": "run"}, format_api_key=7, refresh_oauth="x")
        assert (bench.only["runs"], bench.only["formatApiKey"], bench.only["refreshOAuth"]) == ([], False, False)


class TestEverythingElseOfTheOlderApi:
    @pytest.mark.parametrize(
        ("member", "arguments", "detail"),
        [
            ("registerTool", ({"name": "search"},), "search"),
            ("registerTool", (run, {"name": "search"}), "run"),
            ("registerHook", (["message"], run), "run"),
            ("registerHook", ("message", run), "message"),
            ("registerHttpHandler", (run,), "run"),
            ("registerHttpRoute", ({"path": "/x", "handler": run},), "/x"),
            ("registerChannel", ({"id": "mail"},), "mail"),
            ("registerGatewayMethod", ("acme.ping", run), "acme.ping"),
            ("registerCli", (run, {"commands": ["x"]}), "run"),
            ("registerService", (SimpleNamespace(id="svc"),), "svc"),
            ("registerCommand", ({"name": "hello"},), "hello"),
            ("register_tool", ({"name": "search"},), "search"),
            ("registerFooBar", (), ""),
            ("register_anything_new", (7,), ""),
            ("on", ("before_agent_start", run), "before_agent_start"),
        ],
    )
    def test_it_is_accepted_and_noted(
        self, bench: Bench, member: str, arguments: tuple[object, ...], detail: str
    ) -> None:
        getattr(bench.api, member)(*arguments)
        assert bench.staging.others == [{"member": member, "detail": detail}]
        assert bench.staging.providers == []

    def test_it_works_as_a_decorator(self, bench: Bench) -> None:
        assert bench.api.on("start", priority=3)(run) is run
        assert bench.api.registerTool(tool={"name": "t"})() is None
        assert [each["detail"] for each in bench.staging.others] == ["start", "t"]

    def test_a_detail_is_cut(self, bench: Bench) -> None:
        bench.api.registerTool({"name": "x" * 5_000})
        assert bench.staging.others[0]["detail"] == "x" * 80

    def test_after_register_has_returned_nothing_is_noted(self, bench: Bench) -> None:
        hook = bench.api.on
        bench.staging.close()
        hook("start", run)
        assert bench.staging.others == []

    @pytest.mark.parametrize("member", ["register", "once", "unknown", "Register_tool"])
    def test_what_was_never_there_is_an_attribute_error(self, bench: Bench, member: str) -> None:
        with pytest.raises(AttributeError, match=member):
            getattr(bench.api, member)

    def test_the_runtime_says_that_it_is_not_here_when_it_is_used(self, bench: Bench) -> None:
        assert isinstance(bench.api.runtime.config.loadConfig, Unavailable)
        with pytest.raises(RuntimeError, match=r"^api\.runtime\.config\.loadConfig is not available"):
            bench.api.runtime.config.loadConfig()
        with pytest.raises(AttributeError):
            bench.api.runtime.__wrapped__  # noqa: B018 - what introspection looks for must not be found


class TestWhatAPluginIsTold:
    def test_who_it_is(self, bench: Bench) -> None:
        api = bench.api
        assert (api.id, api.name, api.version, api.description) == ("acme-auth", "Acme", "1.0", "Logs in")
        assert (api.source, api.config) == ("/plugins/acme.py", {"models": {}})
        assert api.plugin_config == api.pluginConfig == {"region": "eu"}

    def test_no_config_is_none_and_an_empty_one_is_empty(self) -> None:
        assert Bench({"id": "a"}).api.plugin_config is None
        assert Bench({"id": "a", "pluginConfig": {}}).api.plugin_config == {}

    def test_paths_are_made_absolute(self, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.chdir(tmp_path)
        assert bench.api.resolve_path("~/x") == bench.api.resolvePath("/home/me/y/../x") == "/home/me/x"
        assert bench.api.resolve_path("z") == str(Path.cwd() / "z")

    def test_messages_are_passed_on_with_their_level(self, bench: Bench) -> None:
        log = bench.api.logger
        for write in (log.debug, log.info, log.warn, log.warning, log.error):
            write(7)
        assert bench.logged == [("debug", "7"), ("info", "7"), ("warn", "7"), ("warn", "7"), ("error", "7")]

    def test_the_error_of_a_cancelled_login_is_one_of_this_package(self) -> None:
        assert issubclass(api_module.WizardCancelledError, CancelledError)
        assert api_module.WizardCancelledError.__name__ == "WizardCancelledError"
        with pytest.raises(AttributeError, match="Nothing"):
            api_module.Nothing  # noqa: B018


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError


class TestJsonable:
    @pytest.mark.parametrize(
        ("given", "plain"),
        [
            (None, None),
            (True, True),
            (0, 0),
            (-0.5, -0.5),
            ("é\ud800", "é\ud800"),
            (Colour.RED, "red"),
            (Level.HIGH, 3),
            (Loud("x"), "x"),
            ((1, [2, (3,)]), [1, [2, [3]]]),
            (MappingProxyType({"a": (1,)}), {"a": [1]}),
            (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
            ({Colour.RED: 1}, {"red": 1}),
        ],
    )
    def test_values_come_back_in_json_s_own_types(self, given: object, plain: object) -> None:
        found = jsonable(given)
        assert found == plain
        assert _types(found) <= {type(None), bool, int, float, str, list, dict}

    @pytest.mark.parametrize(
        ("given", "path"),
        [
            (object(), "The value"),
            ({"a": [0, {"b": b"x"}]}, "a[1].b"),
            ({"a": {7: 1}}, "a"),
            ([float("nan")], "[0]"),
            ({"a": float("-inf")}, "a"),
            ({"a": {1, 2}}, "a"),
        ],
    )
    def test_anything_else_is_an_error_that_says_where(self, given: object, path: str) -> None:
        with pytest.raises(NotJsonError) as caught:
            jsonable(given)
        assert str(caught.value).startswith(f"{path} is ")

    def test_cycles_and_depth_are_found(self) -> None:
        ring: list[object] = []
        ring.append(ring)
        with pytest.raises(NotJsonError, match="nested too deeply"):
            jsonable(ring)
        deep: object = 0
        for _ in range(MAX_DEPTH):
            deep = [deep]
        assert jsonable(deep) == deep
        with pytest.raises(NotJsonError, match="nested too deeply"):
            jsonable([deep])


def _types(value: object) -> set[type]:
    inner: list[object] = []
    if isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, list):
        inner = value
    return {type(value)}.union(*(_types(each) for each in inner))
