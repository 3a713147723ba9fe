"""What a plugin registered, and the block that becomes of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.plugins.convert import Converted, convert_all, convert_provider, find_places
from jackfield.plugins.drafts import MAX_FAULTS, MAX_LABEL, MAX_METHODS, MAX_MODELS, MAX_NAMES, shown
from jackfield.providers.block import (
    Advisory,
    ApiKey,
    AuthMethod,
    Check,
    Cost,
    Discovery,
    EnvSet,
    EnvVars,
    Group,
    LegacyProfile,
    Model,
    OAuth,
    Provider,
    RuntimeTags,
    TokenExchange,
)
from jackfield.providers.parts import FrozenMap
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS
from jackfield.records import replace
from jackfield.table import Owner, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN = "acme-auth"
OWNER = Owner(Trust.INSTALLED, f"plugin:{PLUGIN}")


def method(name: object = "key", **more: object) -> dict[str, Any]:
    return {"id": name, "label": "API key", "kind": "api_key", "run": True, **more}


def registration(**more: object) -> dict[str, Any]:
    return {
        "id": "acme",
        "label": "Acme",
        "auth": [method()],
        "formatApiKey": False,
        "refreshOAuth": False,
        **more,
    }


def convert(**more: object) -> Converted:
    return convert_provider(PLUGIN, registration(**more))


def block_of(found: Converted) -> Provider:
    assert found.provider is not None, [str(each) for each in found.diagnostics]
    return found.provider


def told(found: Converted) -> list[tuple[str, str, str]]:
    """Return (code, severity, path) of each diagnostic; the path below the registration."""
    assert all(each.owner == f"plugin:{PLUGIN}" for each in found.diagnostics)
    assert all(each.path[:2] == ("providers", f"[{found.index}]") for each in found.diagnostics)
    return [(each.code, each.severity, ".".join(each.path[2:])) for each in found.diagnostics]


def of_block(block: Provider | Mapping[str, object], runs: object = ("login",), **more: object) -> Converted:
    data = block.to_dict() if isinstance(block, Provider) else block
    descriptor = {"block": data, "runs": list(runs) if isinstance(runs, tuple) else runs, **more}
    return convert_provider(PLUGIN, json.loads(json.dumps(descriptor)))


BLOCK = Provider(
    "acme",
    "Acme",
    base_url="https://api.acme.example/v1",
    api="openai-completions",
    auth=(AuthMethod("login", "acme", "oauth", "Acme login", "plugin:acme-auth/login"),),
)


class TestTheSurfaceOfOlderPrograms:
    def test_every_member_finds_its_place_in_the_block(self) -> None:
        found = convert(
            docsPath="/providers/acme",
            aliases=["acme-ai"],
            envVars=["ACME_API_KEY", "ACME_TOKEN"],
            models={
                "baseUrl": "https://api.acme.example/v1",
                "api": "openai-completions",
                "models": [
                    {
                        "id": "acme-1",
                        "name": "Acme 1",
                        "contextWindow": 1000,
                        "maxTokens": 100,
                        "input": ["text", "image"],
                        "cost": {"input": 1, "output": 2.5, "cacheRead": 0, "cacheWrite": 3},
                        "reasoning": True,
                        "api": "openai-responses",
                        "compat": {"supportsDeveloperRole": False},
                    }
                ],
            },
            auth=[method(hint="A hint", choice="acme-key")],
            formatApiKey=True,
            refreshOAuth=True,
        )
        assert found.provider == Provider(
            "acme",
            "Acme",
            aliases=("acme-ai",),
            docs_path="/providers/acme",
            base_url="https://api.acme.example/v1",
            api="openai-completions",
            auth=(AuthMethod("key", "acme-key", "api_key", "API key", "plugin:acme-auth/key", hint="A hint"),),
            env=EnvVars(any_of=("ACME_API_KEY", "ACME_TOKEN")),
            models=(
                Model(
                    "acme-1",
                    "Acme 1",
                    1000,
                    100,
                    ("text", "image"),
                    Cost(1, 2.5, 0, 3),
                    reasoning=True,
                    api="openai-responses",
                    developer_role=False,
                ),
            ),
        )
        assert found.diagnostics == ()
        assert (found.formats_api_key, found.refreshes) == (True, True)
        (one,) = found.methods
        assert (one.method_id, one.runner, one.provider_index, one.method_index) == (
            "key",
            "plugin:acme-auth/key",
            0,
            0,
        )

    def test_what_is_left_out_gets_its_default(self) -> None:
        found = convert_provider(PLUGIN, {"id": "acme", "models": {"models": [{"id": "m"}]}})
        assert found.provider == Provider("acme", "acme", models=(Model("m", "m", 128_000, 8_192),))
        assert (found.methods, found.diagnostics) == ((), ())
        assert (found.formats_api_key, found.refreshes) == (False, False)

    @pytest.mark.parametrize(
        ("given", "canonical"),
        [("acme", "acme"), ("  Acme ", "acme"), ("Z.AI", "z.ai"), ("a" * 64, "a" * 64), ("a_b-c.d", "a_b-c.d")],
    )
    def test_an_id_is_trimmed_and_lowered(self, given: str, canonical: str) -> None:
        assert block_of(convert(id=given)).id == canonical

    @pytest.mark.parametrize(
        ("given", "missing"),
        [
            (None, True),
            ("", True),
            ("  \n", True),
            (7, False),
            (True, False),
            ([], False),
            ({}, False),
            ("a" * 65, False),
            ("a b", False),
            ("-a", False),
            ("../a", False),
            ("a/b", False),
            ("a:b", False),
            ("\u212aimi", False),
            ("a\x00b", False),
            ("x" * 10_000_000, False),
        ],
    )
    def test_without_an_id_there_is_no_provider(self, given: object, missing: bool) -> None:
        found = convert(id=given)
        assert (found.provider, found.methods) == (None, ())
        assert told(found) == [("plugin.provider-id", "error", "id")]
        assert (found.diagnostics[0].message == "provider registration missing id") is missing
        assert len(found.diagnostics[0].message) < 200

    def test_aliases_are_canonical_and_neither_repeat_nor_name_the_provider(self) -> None:
        found = convert(aliases=[" Acme-AI ", "acme-ai", "ACME", "a b", 7, None, "x" * 999, "other"])
        assert block_of(found).aliases == ("acme-ai", "other")
        assert told(found) == [("plugin.provider-invalid", "warning", f"aliases.[{place}]") for place in (3, 4, 5, 6)]

    def test_names_that_are_no_variables_are_left_out_and_never_repeated(self) -> None:
        secret = "sk-live-0123456789abcdef"
        found = convert(envVars=["ACME_KEY", " ACME_KEY ", secret, "lower", "9A", "", 7, None, "OTHER"])
        assert block_of(found).env == EnvVars(any_of=("ACME_KEY", "OTHER"))
        assert [path for _, _, path in told(found)] == [f"envVars.[{place}]" for place in (2, 3, 4, 5, 6, 7)]
        assert secret not in str([each.to_dict() for each in found.diagnostics])

    @pytest.mark.parametrize("name", ["label", "docsPath", "aliases", "envVars", "models", "auth"])
    @pytest.mark.parametrize("value", [7, True, 1.5, {"a": 1}, "text", [1], {}])
    def test_a_member_of_the_wrong_type_is_left_out_and_told(self, name: str, value: object) -> None:
        right = {"label": str, "docsPath": str, "aliases": list, "envVars": list, "models": dict, "auth": list}[name]
        if isinstance(value, right) and value not in ([1], {"a": 1}):
            assert told(convert(**{name: value})) == []
            return
        found = convert(**{name: value})
        assert block_of(found).id == "acme"
        paths = [path for _, _, path in told(found)]
        expected = f"{name}.[0]" if value == [1] and right is list else name
        assert paths == ([] if value == {"a": 1} and name == "models" else [expected])

    def test_members_that_no_provider_has_are_told(self) -> None:
        found = convert(extra=["wizard", "on\x1b[31mSelect", 7])
        assert told(found) == [
            ("plugin.provider-invalid", "info", "wizard"),
            ("plugin.provider-invalid", "info", "onSelect"),
        ]

    @pytest.mark.parametrize("descriptor", [None, 7, "acme", [], [registration()], True])
    def test_what_is_no_object_is_no_registration(self, descriptor: object) -> None:
        found = convert_provider(PLUGIN, descriptor, 3)
        assert found == Converted(3, diagnostics=found.diagnostics)
        assert told(found) == [("plugin.provider-invalid", "error", "")]


class TestMethods:
    @pytest.mark.parametrize("kind", ["oauth", "api_key", "token", "device_code", "custom"])
    def test_each_kind_needs_nothing_but_its_function(self, kind: str) -> None:
        found = convert(auth=[method(kind=kind)])
        assert block_of(found).auth[0].kind == kind
        assert found.diagnostics == ()

    @pytest.mark.parametrize("kind", [None, "none", "OAuth", "password", 7, [], {}])
    def test_an_unknown_kind_counts_as_custom(self, kind: object) -> None:
        found = convert(auth=[method(kind=kind)])
        assert block_of(found).auth[0].kind == "custom"
        assert told(found) == [("plugin.provider-invalid", "warning", "auth.[0].kind")]

    @pytest.mark.parametrize(
        ("given", "canonical"),
        [("key", "key"), (" Key ", "key"), ("OAuth Login", "oauth-login"), ("Æ key!", "key"), ("a" * 64, "a" * 64)],
    )
    def test_an_id_is_made_canonical(self, given: str, canonical: str) -> None:
        assert block_of(convert(auth=[method(given)])).auth[0].id == canonical

    @pytest.mark.parametrize("name", [None, "", "  ", 7, [], "!!!", "x" * 5_000])
    def test_without_an_id_it_is_left_out(self, name: object) -> None:
        found = convert(auth=[method(name), method("other")])
        assert [each.id for each in block_of(found).auth] == ["other"]
        assert told(found) == [("plugin.provider-invalid", "error", "auth.[0].id")]
        assert [each.method_index for each in found.methods] == [1]

    @pytest.mark.parametrize("run", [False, None, 1, "run", {}])
    def test_without_a_function_it_is_left_out(self, run: object) -> None:
        found = convert(auth=[method(run=run)])
        assert block_of(found).auth == ()
        assert told(found) == [("plugin.provider-invalid", "error", "auth.[0].run")]

    def test_both_faults_are_told_at_once(self) -> None:
        found = convert(auth=[{"kind": "custom"}, "login", None])
        paths = [path for _, _, path in told(found)]
        assert paths == ["auth.[0].id", "auth.[0].run", "auth.[1]", "auth.[2]"]

    def test_of_two_with_one_id_the_first_counts(self) -> None:
        found = convert(auth=[method("key", label="One"), method(" KEY ", label="Two"), method("other")])
        assert [(each.id, each.label) for each in block_of(found).auth] == [("key", "One"), ("other", "API key")]
        assert told(found) == [("plugin.provider-invalid", "error", "auth.[1].id")]
        assert [each.method_index for each in found.methods] == [0, 2]

    def test_a_choice_is_made_of_the_ids(self) -> None:
        assert block_of(convert(auth=[method("oauth")])).auth[0].choice == "acme-oauth"

    def test_a_made_choice_is_no_longer_than_a_choice_may_be(self) -> None:
        found = convert(id="a" * 60, auth=[method("b" * 30), method("b" * 31)])
        choices = [each.choice for each in block_of(found).auth]
        assert choices == ["a" * 60 + "-bbb", "a" * 60 + "-b-2"]

    @pytest.mark.parametrize("choice", ["", "a b", "--yes", "x" * 65, 7, [], "a\x1b[31m"])
    def test_a_choice_that_is_none_is_made_anew(self, choice: object) -> None:
        found = convert(auth=[method(choice=choice)])
        assert block_of(found).auth[0].choice == "acme-key"
        assert told(found) == [("plugin.provider-invalid", "warning", "auth.[0].choice")]

    def test_labels_default_to_the_id(self) -> None:
        found = convert(label=None, auth=[method(label=None), method("b", label=" \x1b[1m ")])
        assert (block_of(found).label, [each.label for each in block_of(found).auth]) == ("acme", ["key", "b"])


class TestModels:
    def models(self, **more: object) -> Converted:
        return convert(models={"baseUrl": "https://a.example", "models": [{"id": "m", "name": "M", **more}]})

    @pytest.mark.parametrize(
        "url",
        [
            7,
            "ftp://a",
            "https://",
            "https://u:p@a.example",
            "https://a.example?x=1",
            "https://a b",
            "a.example",
            [],
            "https://a.example/\x1b[0m",
            "https://a.example/" + "x" * 5_000,
        ],
    )
    def test_a_base_url_that_is_none_is_left_out(self, url: object) -> None:
        found = convert(models={"baseUrl": url, "models": []})
        assert block_of(found).base_url is None
        assert told(found) == [("plugin.provider-invalid", "warning", "models.baseUrl")]

    @pytest.mark.parametrize("api", ["soap", 7, [], {}])
    def test_an_unknown_style_is_left_out(self, api: object) -> None:
        found = convert(models={"api": api})
        assert block_of(found).api is None
        assert told(found) == [("plugin.provider-invalid", "warning", "models.api")]

    def test_keys_and_headers_are_not_taken(self) -> None:
        found = convert(
            models={
                "apiKey": "sk-0123456789",
                "headers": {"X-Key": "sk-0123456789"},
                "authHeader": True,
                "models": [{"id": "m", "headers": {"A": "b"}}],
            }
        )
        assert block_of(found).models[0].headers == FrozenMap()
        assert {(severity, path) for _, severity, path in told(found)} == {
            ("info", "models.apiKey"),
            ("info", "models.headers"),
            ("info", "models.authHeader"),
            ("info", "models.models.[0].headers"),
        }
        assert "sk-0123456789" not in str(found)

    @pytest.mark.parametrize("value", [0, -1, 1.5, "8192", True, float("inf"), float("nan"), 10**30, [], {}])
    @pytest.mark.parametrize(
        ("name", "field", "default"),
        [("contextWindow", "context_window", 128_000), ("maxTokens", "max_tokens", 8_192)],
    )
    def test_a_size_that_is_none_gets_the_default(self, name: str, field: str, default: int, value: object) -> None:
        found = self.models(**{name: value})
        assert getattr(block_of(found).models[0], field) == default
        assert told(found) == [("plugin.provider-invalid", "warning", f"models.models.[0].{name}")]

    def test_a_whole_number_may_be_written_with_a_point(self) -> None:
        assert block_of(self.models(contextWindow=200000.0)).models[0].context_window == 200_000

    @pytest.mark.parametrize("price", [-1, "1", True, float("inf"), float("nan"), 10**400, []])
    def test_a_price_that_is_none_counts_as_unknown(self, price: object) -> None:
        found = self.models(cost={"input": price, "output": 2})
        assert block_of(found).models[0].cost == Cost(0, 2)
        assert told(found) == [("plugin.provider-invalid", "warning", "models.models.[0].cost.input")]

    @pytest.mark.parametrize(
        ("given", "inputs", "faults"),
        [
            (["image"], ("image",), 0),
            (["text", "text"], ("text",), 0),
            (["smell", "text"], ("text",), 1),
            ([], ("text",), 0),
            ("text", ("text",), 1),
            ([[]], ("text",), 1),
        ],
    )
    def test_inputs_are_those_that_are_known(self, given: object, inputs: tuple[str, ...], faults: int) -> None:
        found = self.models(input=given)
        assert block_of(found).models[0].input == inputs
        assert len(found.diagnostics) == faults

    @pytest.mark.parametrize("model", [None, 7, "m", [], {}, {"id": 7}, {"id": ""}, {"id": "a\x1bb"}, {"name": "x"}])
    def test_a_model_without_a_usable_id_is_left_out(self, model: object) -> None:
        found = convert(models={"models": [model, {"id": "right"}]})
        assert [each.id for each in block_of(found).models] == ["right"]
        assert len(found.diagnostics) == 1
        assert found.diagnostics[0].path[2:5] == ("models", "models", "[0]")

    def test_of_two_with_one_id_the_first_counts(self) -> None:
        found = convert(models={"models": [{"id": "m", "name": "One"}, {"id": " m ", "name": "Two"}]})
        assert [each.name for each in block_of(found).models] == ["One"]
        assert told(found) == [("plugin.provider-invalid", "warning", "models.models.[1].id")]


class TestSeveralProviders:
    def test_of_two_with_one_id_the_first_counts(self) -> None:
        first, second = convert_all(PLUGIN, [registration(label="One"), registration(id=" ACME ", label="Two")])
        assert block_of(first).label == "One"
        assert (second.provider, second.methods) == (None, ())
        assert told(second) == [("plugin.provider-duplicate", "error", "id")]
        assert second.diagnostics[0].message == "provider already registered: acme (acme-auth)"

    def test_an_alias_that_another_one_has_is_left_out(self) -> None:
        first, second = convert_all(
            PLUGIN, [registration(aliases=["b", "shared"]), registration(id="b", aliases=["shared", "own"])]
        )
        assert block_of(first).aliases == ("shared",)
        assert block_of(second).aliases == ("own",)
        assert told(first) == told(second) == [("plugin.provider-duplicate", "warning", "aliases")]

    def test_methods_of_one_id_get_runners_of_their_own(self) -> None:
        found = convert_all(PLUGIN, [registration(), registration(id="b", auth=[method("key"), method("other")])])
        assert [each.runner for one in found for each in one.methods] == [
            "plugin:acme-auth/acme.key",
            "plugin:acme-auth/b.key",
            "plugin:acme-auth/other",
        ]
        assert [each.runner for one in found for each in block_of(one).auth] == [
            each.runner for one in found for each in one.methods
        ]

    def test_runners_stay_apart_whatever_the_ids_are(self) -> None:
        found = convert_all(
            PLUGIN,
            [
                registration(id="a", auth=[method("b.c"), method("c")]),
                registration(id="a.b", auth=[method("c"), method("b.c")]),
            ],
        )
        runners = [each.runner for one in found for each in one.methods]
        assert len(set(runners)) == 4

    def test_choices_stay_apart_and_a_change_is_told(self) -> None:
        first, second = convert_all(
            PLUGIN, [registration(id="a", auth=[method("b-c")]), registration(id="a-b", auth=[method("c")])]
        )
        assert block_of(first).auth[0].choice == "a-b-c"
        assert block_of(second).auth[0].choice == "a-b-c-2"
        assert told(second) == [("plugin.provider-invalid", "warning", "auth.c.choice")]

    def test_one_that_cannot_be_does_not_keep_the_others_out(self) -> None:
        found = convert_all(PLUGIN, [None, registration(), {"block": 7}, registration(id="b")])
        assert [each.provider.id if each.provider else None for each in found] == [None, "acme", None, "b"]
        assert [each.index for each in found] == [0, 1, 2, 3]

    def test_places_are_found_by_the_runner(self) -> None:
        given = [registration(), None, registration(id="b", auth=[method("x"), None, method("key")])]
        assert find_places(PLUGIN, given, "plugin:acme-auth/acme.key") == (0, 0)
        assert find_places(PLUGIN, given, "plugin:acme-auth/b.key") == (2, 2)
        assert find_places(PLUGIN, given, "plugin:acme-auth/key") is None

    def test_all_of_it_can_be_registered(self) -> None:
        registry = ProviderRegistry.with_core()
        given = [registration(aliases=["b"]), registration(id="c", auth=[method(), method("b")])]
        blocks = [block_of(each) for each in convert_all(PLUGIN, given)]
        registry.register_providers(blocks, owner=OWNER)
        assert registry.resolve_provider("c").auth[0].runner == "plugin:acme-auth/c.key"


class TestBlocks:
    def test_a_block_comes_back_as_it_was(self) -> None:
        block = replace(
            BLOCK,
            aliases=("acme-ai",),
            docs_path="/acme",
            local=True,
            group=Group("acme", "Acme", "keys", 2_000),
            env=EnvVars(any_of=("ACME_API_KEY",), login_shell=("ACME_API_KEY",)),
            verify=Check("{base}/models"),
            models=(Model("m", "M", 10, 5, cost=Cost(1, 2)),),
            model_aliases=FrozenMap({"mm": "m"}),
            default_model="acme/m",
            hidden_models=("acme/old",),
            discovery=Discovery("openai-models", "{base}/models"),
            legacy=(LegacyProfile("remove", "acme:old"), LegacyProfile("model-ref", "acme/old", "acme/m")),
            advisories=(Advisory("note", "Note", "A note.", "status"),),
            tags=RuntimeTags(reasoning_tag=True, usage_label="Acme"),
            auth=(
                *BLOCK.auth,
                AuthMethod(
                    "key",
                    "acme-key",
                    "api_key",
                    "Key",
                    "api-key",
                    key=ApiKey("Key", flags=("--acme-api-key",)),
                    profile="acme:default",
                ),
            ),
        )
        found = of_block(block, formatApiKey=True, refreshOAuth=True)
        assert found.provider == block
        assert found.diagnostics == ()
        assert [(each.runner, each.method_index) for each in found.methods] == [("plugin:acme-auth/login", 0)]
        assert (found.formats_api_key, found.refreshes) == (True, True)

    # What is a whole program's to say, with the path that is told.
    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"implicit_order": 1}, "block.implicit_order"),
            ({"picker_order": 1}, "block.picker_order"),
            ({"auth_mode": "aws-sdk"}, "block.auth_mode"),
            ({"auth_mode": "adc"}, "block.auth_mode"),
            ({"seed_aliases": {"m": "opus"}}, "block.seed_aliases"),
            ({"token_exchange": TokenExchange("https://evil.example/x")}, "block.token_exchange"),
            ({"group": Group("openai", "Fake", "x", 0)}, "block.group.id"),
            ({"env": EnvVars(usage=("OTHER_KEY",))}, "block.env.usage"),
            ({"env": EnvVars(settings=("AWS_REGION",))}, "block.env.settings"),
            ({"env": EnvVars(cleared=("PATH",))}, "block.env.cleared"),
            ({"env": EnvVars(sets=(EnvSet(("A",), file_default="~/.ssh/id_rsa"),))}, "block.env.sets"),
            ({"verify": Check("https://evil.example/{base}")}, "block.verify.url"),
            ({"verify": Check("{base}.evil.example/models")}, "block.verify.url"),
            ({"verify": Check("{origin}@evil.example/models")}, "block.verify.url"),
            ({"verify": Check("https://api.acme.example@evil.example/")}, "block.verify.url"),
            ({"discovery": Discovery("bedrock-models")}, "block.discovery.kind"),
            ({"discovery": Discovery("openai-models", "https://evil.example/models")}, "block.discovery.url"),
            ({"legacy": (LegacyProfile("remove", "openai:default"),)}, "block.legacy.[0]"),
            ({"legacy": (LegacyProfile("model-ref", "openai/gpt", "acme/m"),)}, "block.legacy.[0]"),
            ({"legacy": (LegacyProfile("model-ref", "acme/m", "openai/gpt"),)}, "block.legacy.[0]"),
            ({"legacy": (LegacyProfile("external-sync", "acme:x", source="~/.ssh/id_rsa"),)}, "block.legacy.[0]"),
            ({"tags": RuntimeTags(aws_sdk=True)}, "block.tags.aws_sdk"),
            ({"tags": RuntimeTags(cli=True)}, "block.tags.cli"),
            ({"tags": RuntimeTags(token_exchange=True)}, "block.tags.token_exchange"),
            ({"tags": RuntimeTags(custom_refresh="qwen-refresh")}, "block.tags.custom_refresh"),
            ({"tags": RuntimeTags(usage_order=1)}, "block.tags.usage_order"),
            ({"models": (Model("m", "M", 1, 1, headers=FrozenMap({"A": "b"})),)}, "block.models.[0].headers"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_not_for_a_plugin_to_say_is_left_out(self, changes: dict[str, Any], path: str) -> None:
        found = of_block(replace(BLOCK, **changes))
        (name,) = changes
        kept = getattr(block_of(found), name)
        if name == "models":
            assert kept == (Model("m", "M", 1, 1),)
        else:
            assert kept == getattr(BLOCK, name)
        assert told(found) == [("plugin.provider-invalid", "warning", path)]

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"order": 1}, "block.auth.[0].order"),
            ({"supplied_by": "other"}, "block.auth.[0].supplied_by"),
            ({"verify": Check("https://evil.example/")}, "block.auth.[0].verify.url"),
            ({"key": ApiKey("k", field="openaiApiKey")}, "block.auth.[0].key.field"),
            ({"key": ApiKey("k", flags=("--yes", "--acme-key"))}, "block.auth.[0].key.flags"),
            ({"oauth": OAuth(("a.example",), client_env=("AWS_SECRET",))}, "block.auth.[0].oauth.client_env"),
            ({"oauth": OAuth(("a.example",), refresh_runner="qwen-refresh")}, "block.auth.[0].oauth.refresh_runner"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_method_takes_no_place_of_another(self, changes: dict[str, Any], path: str) -> None:
        found = of_block(replace(BLOCK, auth=(replace(BLOCK.auth[0], **changes),)))
        kept = block_of(found).auth[0]
        assert (kept.order, kept.supplied_by, kept.verify) == (None, None, None)
        if kept.key:
            assert (kept.key.field, kept.key.flags) in {(None, ()), (None, ("--acme-key",))}
        if kept.oauth:
            assert kept.oauth == OAuth(("a.example",))
        assert told(found) == [("plugin.provider-invalid", "warning", path)]

    @pytest.mark.parametrize(("order", "kept"), [(0, 1_000), (-5, 1_000), (1_000, 1_000), (5_000, 5_000)])
    def test_a_heading_of_a_plugin_stands_below_those_of_core(self, order: int, kept: int) -> None:
        for name in ("acme", "acme-auth", "acme-more"):
            group = block_of(of_block(replace(BLOCK, group=Group(name, "Acme", "x", order)))).group
            assert group == Group(name, "Acme", "x", kept)

    @pytest.mark.parametrize("runner", ["plugin:other/login", "plugin:acme-auth/else", "made-up", "api-key"])
    def test_a_method_with_a_function_is_run_by_the_plugin_and_nobody_else(self, runner: str) -> None:
        auth = (AuthMethod("login", "acme", "custom", "Login", runner, profile="acme:default"),)
        found = of_block(replace(BLOCK, auth=auth))
        assert block_of(found).auth[0].runner == "plugin:acme-auth/login"

    @pytest.mark.parametrize("runner", ["plugin:acme-auth/login", "plugin:other/login", "qwen-refresh", "made-up"])
    def test_a_method_that_nobody_carries_out_is_left_out(self, runner: str) -> None:
        auth = (AuthMethod("login", "acme", "custom", "Login", runner, profile="acme:default"),)
        found = of_block(replace(BLOCK, auth=auth), runs=())
        assert (block_of(found).auth, found.methods) == ((), ())
        assert told(found) == [("plugin.provider-invalid", "error", "block.auth.[0].runner")]

    def test_which_flows_core_has_is_the_callers_to_say(self) -> None:
        auth = (AuthMethod("login", "acme", "none", "Login", "new-flow"),)
        descriptor = {"block": replace(BLOCK, auth=auth).to_dict(), "runs": []}
        (found,) = convert_all(PLUGIN, [descriptor], core_runners=("new-flow",))
        assert block_of(found).auth == auth

    def test_faults_of_the_whole_leave_it_out_and_are_told_with_their_paths(self) -> None:
        data = BLOCK.to_dict() | {"default_model": "openai/gpt", "api": "soap", "models": [{"id": "m"}]}
        found = of_block(data)
        assert found.provider is None
        assert [(severity, path) for _, severity, path in told(found)] == [
            ("error", "api"),
            ("error", "models.[0].name"),
            ("error", "models.[0].context_window"),
            ("error", "models.[0].max_tokens"),
        ]
        later = of_block(BLOCK.to_dict() | {"default_model": "openai/gpt"})
        assert told(later) == [("plugin.provider-invalid", "error", "default_model")]

    def test_a_profile_of_another_provider_leaves_it_out(self) -> None:
        auth = [{**BLOCK.auth[0].to_dict(), "profile": "openai:default"}]
        found = of_block(BLOCK.to_dict() | {"auth": auth})
        assert (found.provider, told(found)) == (
            None,
            [("plugin.provider-invalid", "error", "auth.[0].profile")],
        )

    @pytest.mark.parametrize("runs", [None, 7, {}, [7, None, []], "login"])
    def test_functions_that_are_no_list_of_ids_are_none(self, runs: object) -> None:
        found = of_block(BLOCK, runs=runs)
        assert found.methods == ()
        assert told(found) == [("plugin.provider-invalid", "error", "block.auth.[0].runner")]

    @pytest.mark.parametrize("block", [None, 7, [], "x", {"id": "acme", "label": "x" * 9_000}, {"a": [[0] * 60_000]}])
    def test_what_is_no_block_or_too_large_is_refused(self, block: Any) -> None:
        found = of_block(block)
        assert (found.provider, told(found)) == (None, [("plugin.provider-invalid", "error", "block")])


def both_ways() -> tuple[Converted, Converted]:
    """Return one provider described in the older way and as a block."""
    older = convert(
        label="Acme AI",
        docsPath="/acme",
        aliases=["acme-ai"],
        envVars=["ACME_API_KEY"],
        models={
            "baseUrl": "https://api.acme.example/v1",
            "api": "openai-completions",
            "models": [{"id": "m", "name": "M", "contextWindow": 10, "maxTokens": 5, "cost": {"input": 1}}],
        },
        auth=[method(hint="With a key"), method("oauth", label="Browser", kind="oauth")],
    )
    newer = Provider(
        "acme",
        "Acme AI",
        aliases=("acme-ai",),
        docs_path="/acme",
        base_url="https://api.acme.example/v1",
        api="openai-completions",
        env=EnvVars(any_of=("ACME_API_KEY",)),
        models=(Model("m", "M", 10, 5, cost=Cost(1)),),
        auth=(
            AuthMethod("key", "acme-key", "api_key", "API key", "plugin:acme-auth/key", hint="With a key"),
            AuthMethod("oauth", "acme-oauth", "oauth", "Browser", "plugin:acme-auth/oauth"),
        ),
    )
    return older, of_block(newer, ("key", "oauth"))


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_the_older_way_and_a_block_give_the_same_view(name: str) -> None:
    rows = []
    for found in both_ways():
        assert found.diagnostics == ()
        registry = ProviderRegistry.with_core()
        registry.register_provider(block_of(found), owner=OWNER)
        rows.append([row.to_dict() for row in VIEWS[name](registry.snapshot())])
    assert rows[0] == rows[1]
    if name in {"auth-choices", "env-vars"}:
        assert sum(row.get("provider") == "acme" for row in rows[0]) == {"auth-choices": 2, "env-vars": 1}[name]


def test_the_older_way_and_a_block_have_the_same_methods() -> None:
    older, newer = both_ways()
    assert older.methods == newer.methods


DIRTY = "\x1b[31mAcme\x1b[0m\x00 \u202eAI\n\r\t\x07(x)"


class TestHostileTexts:
    def test_texts_are_one_clean_line(self) -> None:
        found = convert(label=DIRTY, docsPath=DIRTY, auth=[method(label=DIRTY, hint=DIRTY)])
        block = block_of(found)
        assert [block.label, block.docs_path, block.auth[0].label, block.auth[0].hint] == ["Acme AI (x)"] * 4

    def test_texts_of_a_block_are_clean_too(self) -> None:
        block = replace(
            BLOCK,
            label=DIRTY,
            group=Group("acme", DIRTY, DIRTY, 1_000),
            advisories=(Advisory("a", DIRTY, DIRTY, "status"),),
            models=(Model("m", DIRTY, 1, 1),),
            tags=RuntimeTags(usage_label=DIRTY),
            auth=(replace(BLOCK.auth[0], label=DIRTY, hint=DIRTY, key=ApiKey(DIRTY)),),
        )
        text = json.dumps(block_of(of_block(block)).to_dict())
        assert "\\u001b" not in text
        assert "\\u202e" not in text
        assert text.count("Acme AI (x)") == 10

    def test_long_texts_are_cut_before_they_are_looked_at(self) -> None:
        started = time.perf_counter()
        found = convert(label="\x1b[1m" + "é" * 10_000_000, auth=[method(hint="x" * 10_000_000)])
        block = block_of(found)
        assert len(block.label) == MAX_LABEL
        assert block.label.endswith("…")
        assert len(block.auth[0].hint or "") == MAX_LABEL
        assert time.perf_counter() - started < 5

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("plain", "plain"), ("", ""), (" a  b\n", "a b"), ("x" * 121, "x" * 119 + "…"), ("\x9b31mred", "31mred")],
    )
    def test_shown(self, text: str, expected: str) -> None:
        assert shown(text) == expected


class TestHostileSizes:
    def test_lists_are_cut_and_it_is_told(self) -> None:
        found = convert(
            aliases=[f"alias-{number}" for number in range(1_000)],
            envVars=[f"ACME_{number}" for number in range(1_000)],
            auth=[method(f"m{number}") for number in range(1_000)],
            models={"models": [{"id": f"m{number}"} for number in range(MAX_MODELS + 5)]},
        )
        block = block_of(found)
        assert len(block.aliases) == len(block.env.any_of) == MAX_NAMES
        assert (len(block.auth), len(block.models)) == (MAX_METHODS, MAX_MODELS)
        assert {path for _, _, path in told(found)} == {"aliases", "envVars", "auth", "models.models"}

    def test_past_a_number_only_that_there_are_more_faults_is_told(self) -> None:
        found = convert(models={"models": [7] * 1_000})
        assert len(found.diagnostics) == MAX_FAULTS + 1
        assert found.diagnostics[-1].message == "There are more faults, which are not told."

    def test_deep_nesting_is_never_followed(self) -> None:
        deep: object = 0
        for _ in range(100_000):
            deep = [deep]
        for name in ("id", "label", "aliases", "envVars", "models", "auth", "extra", "docsPath"):
            convert(**{name: deep})
        found = convert_provider(PLUGIN, {"block": {"id": "acme", "label": "Acme", "auth": deep}, "runs": []})
        assert found.provider is None
        _unwind(deep)


def _unwind(deep: object) -> None:
    """Take a deep list apart by hand: to free it at once would recurse."""
    while isinstance(deep, list):
        deep = deep.pop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
MEMBERS = ["id", "label", "docsPath", "aliases", "envVars", "models", "auth", "formatApiKey", "extra", "block", "runs"]
FIELDS = [*BLOCK.to_dict(), "unknown"]


@given(st.lists(st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=8) | JSON, max_size=4))
def test_nothing_that_is_registered_raises(descriptors: list[object]) -> None:
    found = convert_all(PLUGIN, descriptors)
    assert [each.index for each in found] == list(range(len(descriptors)))
    for each in found:
        assert each.provider is not None or any(fault.severity == "error" for fault in each.diagnostics)
        assert (each.provider is not None) or each.methods == ()


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6), JSON)
def test_no_block_raises_and_none_is_half_right(changes: dict[str, object], runs: object) -> None:
    found = convert_provider(PLUGIN, {"block": BLOCK.to_dict() | changes, "runs": runs})
    if found.provider is None:
        assert any(each.severity == "error" for each in found.diagnostics)
    else:
        assert Provider.from_dict(found.provider.to_dict()) == found.provider
        assert found.provider.implicit_order is None
        assert found.provider.auth_mode == "api-key"


@given(
    st.lists(
        st.builds(
            registration,
            id=st.sampled_from("abc"),
            aliases=st.lists(st.sampled_from("abcd")),
            auth=st.lists(st.builds(method, st.sampled_from(["k", "a.k", "b-k"]))),
        ),
        max_size=4,
    )
)
def test_what_one_plugin_registers_never_contradicts_itself(descriptors: list[dict[str, object]]) -> None:
    found = convert_all(PLUGIN, descriptors)
    registry = ProviderRegistry()
    registry.register_providers([each.provider for each in found if each.provider], owner=OWNER)
    runners = [each.runner for one in found for each in one.methods]
    assert len(set(runners)) == len(runners)
    for one in found:
        for each in one.methods:
            assert find_places(PLUGIN, descriptors, each.runner) == (each.provider_index, each.method_index)
