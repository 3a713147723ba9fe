"""What the config says about providers: blocks of its own, and base URLs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.overlay import CONFIG, base_url_of, config_providers, names_of
from jackfield.config.settings import ProviderSettings, Settings, read_settings
from jackfield.providers.block import Cost, Model, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.diagnostics import Diagnostic


def built(
    entries: Mapping[str, object], known: tuple[str, ...] = ()
) -> tuple[tuple[Provider, ...], tuple[Diagnostic, ...]]:
    return config_providers(read_settings({"models": {"providers": entries}}), known.__contains__)


def model(**fields: object) -> Model:
    """Return the one model of a config provider with these fields."""
    blocks, faults = built({"acme": {"models": [{"id": "one", **fields}]}})
    assert faults == ()
    return blocks[0].models[0]


def test_an_entry_that_nobody_knows_becomes_a_block() -> None:
    entry = {
        "baseUrl": "https://api.acme.test/v1",
        "apiKey": "${ACME_KEY}",
        "api": "anthropic-messages",
        "models": [
            {
                "id": "deep/one",
                "name": "One",
                "reasoning": True,
                "input": ["text", "image"],
                "cost": {"input": 1, "output": 2.5, "cacheRead": 0.1, "cacheWrite": 3},
                "contextWindow": 128000,
                "maxTokens": 4096,
                "api": "openai-responses",
                "headers": {"X-Team": "blue"},
                "compat": {"anything": 1},
            }
        ],
    }
    blocks, faults = built({"acme": entry})
    assert faults == ()
    assert blocks == (
        Provider(
            id="acme",
            label="acme",
            base_url="https://api.acme.test/v1",
            api="anthropic-messages",
            models=(
                Model(
                    "deep/one",
                    "One",
                    128_000,
                    4096,
                    ("text", "image"),
                    Cost(1, 2.5, 0.1, 3),
                    reasoning=True,
                    api="openai-responses",
                    headers={"X-Team": "blue"},
                ),
            ),
        ),
    )


def test_the_blocks_carry_no_credential() -> None:
    blocks, _ = built({"acme": {"baseUrl": "https://acme.test", "apiKey": "sk-canary-0123456789"}})
    assert "canary" not in repr(blocks)


def test_an_entry_without_anything_is_a_block_of_the_common_style() -> None:
    assert built({"acme": {}}) == ((Provider(id="acme", label="acme", api="openai-completions"),), ())


def test_the_id_is_canonical_and_the_label_is_as_written() -> None:
    blocks, _ = built({" Acme.AI ": {}})
    assert [(each.id, each.label) for each in blocks] == [("acme.ai", " Acme.AI ")]


def test_what_is_registered_gets_no_second_block() -> None:
    registry = ProviderRegistry.with_core()

    def is_known(name: str) -> bool:
        return name in {key for each in registry.list_providers() for key in names_of(each)}

    settings = read_settings({"models": {"providers": {"Z.AI": {}, "openai": {"api": 5}, "acme": {}, "ANTHROPIC": {}}}})
    blocks, faults = config_providers(settings, is_known)
    assert [each.id for each in blocks] == ["acme"]
    assert faults == ()


def test_two_spellings_of_one_id_make_one_block_of_the_first() -> None:
    blocks, faults = built({"Acme": {"baseUrl": "https://one.test"}, "acme": {"baseUrl": "https://two.test"}})
    assert [(each.id, each.base_url) for each in blocks] == [("acme", "https://one.test")]
    assert faults == ()


def test_blocks_come_in_the_order_of_the_file_and_can_be_registered() -> None:
    blocks, _ = built({"zulu": {}, "acme": {}, "mike": {}})
    assert [each.id for each in blocks] == ["zulu", "acme", "mike"]
    registry = ProviderRegistry.with_core()
    registry.register_providers(blocks, owner=CONFIG)
    assert registry.resolve_provider("ACME") is blocks[1]
    assert (CONFIG.name, CONFIG.trust) == ("config", Trust.INSTALLED)


BAD_ENTRIES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"baseUrl": "ftp://acme.test"}, ("base_url",)),
    ({"baseUrl": "acme.test"}, ("base_url",)),
    ({"models": [{"id": 5}]}, ("models", "[0]", "id")),
    ({"models": [{"id": " x "}]}, ("models", "[0]", "id")),
    ({"models": [{"id": "ok"}, {"id": "x", "input": ["smell"]}]}, ("models", "[1]", "input", "[0]")),
    ({"models": [{"id": "x", "input": []}]}, ("models", "[0]", "input")),
    ({"models": [{"id": "x", "cost": {"input": -1}}]}, ("models", "[0]", "cost", "input")),
    ({"models": [{"id": "x", "cost": {"output": math.inf}}]}, ("models", "[0]", "cost", "output")),
    ({"models": [{"id": "x", "cost": {"input": "1"}}]}, ("models", "[0]", "cost", "input")),
    ({"models": [{"id": "x", "reasoning": "yes"}]}, ("models", "[0]", "reasoning")),
    ({"models": [{"id": "x", "headers": {"A": 1}}]}, ("models", "[0]", "headers", "A")),
    ({"models": [{"id": "x", "name": 5}]}, ("models", "[0]", "name")),
    ({"models": [{"id": "x", "api": 5}]}, ("models", "[0]", "api")),
    ({"models": [{"name": "nameless"}]}, ("models", "[0]", "id")),
]


@pytest.mark.parametrize(("entry", "where"), BAD_ENTRIES)
def test_a_fault_becomes_a_diagnostic_and_does_not_sink_the_others(
    entry: dict[str, Any], where: tuple[str, ...]
) -> None:
    blocks, faults = built({"first": {}, "Bad": entry, "last": {}})
    assert [each.id for each in blocks] == ["first", "last"]
    found = {(each.code, each.severity, each.owner, each.path) for each in faults}
    assert ("config.provider", "error", "config", ("models", "providers", "Bad", *where)) in found
    assert {each.path[:3] for each in faults} == {("models", "providers", "Bad")}


@pytest.mark.parametrize("key", ["bad id", "-", "ünïcode", "a" * 65, ""])
def test_a_key_that_is_no_id_is_a_fault_of_its_entry(key: str) -> None:
    blocks, faults = built({key: {}, "acme": {}})
    assert [each.id for each in blocks] == ["acme"]
    assert {(each.code, each.path[:3]) for each in faults} == {("config.provider", ("models", "providers", key))}


def test_all_faults_of_all_entries_are_told_at_once() -> None:
    _, faults = built({"one": {"baseUrl": "x", "models": [{"id": 1}, {"id": 2}]}, "two": {"models": [{}]}})
    assert {each.path[2] for each in faults} == {"one", "two"}
    assert len([each for each in faults if each.path[2] == "one"]) >= 2


def test_no_diagnostic_repeats_a_value() -> None:
    canary = "sk-canary-0123456789abcdef0123456789"
    entry = {
        "baseUrl": canary,
        "models": [{"id": "x", "reasoning": canary, "cost": canary, "headers": {"A": [canary]}}],
    }
    _, faults = built({"acme": entry})
    assert faults
    assert canary not in repr(faults)


def test_a_model_that_says_little_gets_the_sizes_other_programs_assume() -> None:
    found = model()
    assert (found.name, found.context_window, found.max_tokens) == ("one", 200_000, 8_192)
    assert (found.input, found.cost, found.reasoning, found.api) == (("text",), Cost(), False, None)


@pytest.mark.parametrize(
    ("context", "output", "expected"),
    [
        (4_000, None, (4_000, 4_000)),
        (4_000, 6_000, (4_000, 6_000)),
        (None, 100, (200_000, 100)),
        (1_000.9, 10.5, (1_000, 10)),
        (0, 0, (200_000, 8_192)),
        (0.5, 0.5, (200_000, 8_192)),
        (-1, -1, (200_000, 8_192)),
        (math.inf, math.inf, (200_000, 8_192)),
        (math.nan, math.nan, (200_000, 8_192)),
        (True, True, (200_000, 8_192)),
        ("9", "9", (200_000, 8_192)),
        (10**400, 10**400, (10**400, 10**400)),
    ],
)
def test_sizes_that_cannot_be_count_as_not_said(context: object, output: object, expected: tuple[int, int]) -> None:
    found = model(contextWindow=context, maxTokens=output)
    assert (found.context_window, found.max_tokens) == expected


@pytest.mark.parametrize("name", [None, "", 0])
def test_a_model_without_a_name_is_called_by_its_id(name: object) -> None:
    assert model(name=name).name == "one"


def test_a_repeated_model_counts_once_with_what_was_said_last() -> None:
    models = [{"id": "one", "maxTokens": 1}, {"id": "two"}, {"id": "one", "maxTokens": 9}]
    blocks, faults = built({"acme": {"models": models}})
    assert faults == ()
    assert [(each.id, each.max_tokens) for each in blocks[0].models] == [("one", 9), ("two", 8_192)]


def test_a_style_of_another_program_leaves_the_provider_without_one() -> None:
    blocks, faults = built(
        {"acme": {"baseUrl": "https://acme.test", "api": "some-other-style", "models": [{"id": "m"}]}}
    )
    assert faults == ()
    assert (blocks[0].api, [each.id for each in blocks[0].models]) == (None, ["m"])


def test_a_model_with_a_style_of_another_program_is_left_out() -> None:
    models = [{"id": "one", "api": "some-other-style"}, {"id": "two", "api": "cli"}, {"id": "three"}]
    blocks, faults = built({"acme": {"models": models}})
    assert faults == ()
    assert [(each.id, each.api) for each in blocks[0].models] == [("two", "cli"), ("three", None)]


def test_without_entries_there_is_nothing() -> None:
    assert config_providers(Settings(), lambda _: False) == ((), ())


# --- base URLs -------------------------------------------------------------------------------------------------------

PLAIN = Provider(id="acme", label="Acme", base_url="https://api.acme.test/v1")
BARE = Provider(id="acme", label="Acme")
REGION = Provider(id="cloud", label="Cloud", base_url="https://run.{region}.acme.test")
LOCATION = Provider(id="cloud", label="Cloud", base_url="https://{location}-run.acme.test/{location}/")


@pytest.mark.parametrize(
    ("provider", "own", "env", "expected"),
    [
        (PLAIN, None, {}, "https://api.acme.test/v1"),
        (PLAIN, "https://proxy.test/v2", {}, "https://proxy.test/v2"),
        (PLAIN, "https://proxy.test/v2///", {}, "https://proxy.test/v2"),
        (BARE, None, {}, None),
        (BARE, "http://127.0.0.1:8080/", {}, "http://127.0.0.1:8080"),
        (REGION, None, {}, "https://run.us-east-1.acme.test"),
        (REGION, None, {"AWS_REGION": "eu-west-1"}, "https://run.eu-west-1.acme.test"),
        (REGION, None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "https://run.eu-west-2.acme.test"),
        (REGION, None, {"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "https://run.a.acme.test"),
        (REGION, None, {"AWS_REGION": "  ", "AWS_DEFAULT_REGION": " b\n"}, "https://run.b.acme.test"),
        (REGION, None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "https://run.us-east-1.acme.test"),
        (REGION, "https://x.{region}.test", {"AWS_REGION": "a"}, "https://x.a.test"),
        (LOCATION, None, {"GOOGLE_CLOUD_LOCATION": "eu"}, "https://eu-run.acme.test/eu"),
        (LOCATION, None, {}, "https://{location}-run.acme.test/{location}"),
        (BARE, "https://{other}.test/{a b}/{}", {"OTHER": "x"}, "https://{other}.test/{a b}/{}"),
        (BARE, "https://{region}.test", {"AWS_REGION": "{location}"}, "https://{location}.test"),
    ],
)
def test_the_base_url_in_force(provider: Provider, own: str | None, env: dict[str, str], expected: str | None) -> None:
    entry = ProviderSettings("acme", base_url=own)
    assert base_url_of(provider, entry, env) == expected
    if own is None:
        assert base_url_of(provider, None, env) == expected


def test_a_provider_is_known_by_its_id_then_its_aliases() -> None:
    assert names_of(Provider(id="zulu", label="Z", aliases=("alpha", "beta"))) == ("zulu", "alpha", "beta")
