"""What becomes of everything that a source holds, and what is written: all of it through the gate."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.config.values import put
from jackfield.credentials.legacy import LegacyEntry
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.imports.found import Found, Setting
from jackfield.imports.openclaw import parse_config
from jackfield.imports.plan import ImportContext, ImportPlan, plan_import
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace
from support.cli import leaks

KEY, OTHER = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8", "sk-other/Bv5Cx1=Ya0Ws9Ed7Qw2"
REGISTRY = ProviderRegistry.with_core()
MODEL = {"id": "x", "name": "X"}
ACME = {"baseUrl": "https://api.acme.test/v1", "models": [MODEL]}
PRIVATE = {"baseUrl": "http://10.0.0.5:8000/v1", "models": [MODEL]}


def source(value: dict[str, Any], *entries: LegacyEntry) -> Found:
    found = parse_config(value, REGISTRY.snapshot(), file="openclaw.json")
    return replace(found, entries=(*entries, *found.entries))


def entry(name: str, key: str = KEY, **more: Any) -> LegacyEntry:
    provider, _, rest = name.partition(":")
    return LegacyEntry("keys", name, provider, rest, provider, ApiKeyCredential(Secret(key)), **more)


def plan(
    found: Found | dict[str, Any],
    config: dict[str, Any] | None = None,
    *stored: Profile,
    written: dict[tuple[str, ...], object] | None = None,
    **options: Any,
) -> ImportPlan:
    where = ImportContext(REGISTRY, {each.id: each for each in stored}, {}, 0, written or {})
    made = plan_import(config or {}, source(found) if isinstance(found, dict) else found, where, **options)
    told = json.dumps([*(each.to_dict() for each in made.profiles), *(each.to_dict() for each in made.settings)])
    for secret in (KEY, OTHER):
        assert leaks(told + repr(made) + json.dumps(made.changes), secret) == []
    return made


def outcome(made: ImportPlan) -> dict[str, tuple[str, str | None]]:
    return {".".join(each.path) or each.setting.name: (each.state, each.reason) for each in made.settings}


def result(made: ImportPlan, config: dict[str, Any] | None = None) -> dict[str, Any]:
    value: dict[str, Any] = config or {}
    for path, leaf in made.changes:
        value = put(value, path, leaf)
    return value


def profiles(made: ImportPlan) -> list[tuple[str | None, str, str | None]]:
    return [(each.id, each.state, each.reason) for each in made.profiles]


def providers(**entries: object) -> dict[str, Any]:
    return {"models": {"providers": entries}}


# Entries of providers


def test_an_entry_comes_over_field_by_field() -> None:
    made = plan(providers(acme={**ACME, "api": "openai-completions", "headers": {"X-Team": "a"}}))

    assert set(outcome(made).values()) == {("taken", None)}
    assert result(made) == providers(acme={**ACME, "api": "openai-completions", "headers": {"X-Team": "a"}})
    assert made.consents == ()


def test_an_entry_of_an_alias_goes_to_the_providers_id() -> None:
    made = plan(providers(**{"Z.AI": {"apiKey": "${ZAI_API_KEY}"}}))

    assert result(made) == providers(zai={"models": [], "apiKey": "${ZAI_API_KEY}"})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("headers", {"Authorization": "Bearer x"}, "A header that a patch may not set."),
        ("headers", {"X": None}, "null would delete what is there; a patch only adds or replaces."),
        ("foo", 1, "It is not known here, and left out."),
        ("api", "smoke-signals", None),
        ("baseUrl", "ftp://x", None),
        ("baseUrl", "${BASE}", "A value refers to something outside the patch."),
        ("apiKey", "${FOREIGN_KEY}", None),
        ("apiKey", None, "It is null."),
        ("auth", 3, None),
        ("models", {}, "It is no list."),
        ("models", [{"id": str(number)} for number in range(6_000)], "The patch has more than 5000 values."),
    ],
)
def test_what_the_gate_refuses_costs_its_own_field_alone(field: str, value: object, reason: str | None) -> None:
    good = {"authHeader": True, "headers": {"X-Team": "a"}}
    given = {**good, field: value}

    made = plan(providers(openai=given))

    told = outcome(made)
    assert told[f"models.providers.openai.{field}"][0] == "skipped"
    assert reason is None or told[f"models.providers.openai.{field}"][1] == reason
    kept = {name: each for name, each in good.items() if name != field}
    assert result(made)["models"]["providers"]["openai"] == {"models": [], **kept}


def test_a_part_that_is_left_out_of_a_field_is_told_with_its_place() -> None:
    made = plan(providers(acme={**ACME, "models": [{**MODEL, "odd": 1}]}))

    state, reason = outcome(made)["models.providers.acme.models"]
    assert (state, reason) == ("taken", "[0].odd: It is not known here, and left out.")


@pytest.mark.parametrize("name", ["not an id", "..", "a" * 80, "__proto__"])
def test_an_entry_whose_name_is_no_id_is_skipped(name: str) -> None:
    made = plan(providers(**{name: {"api": "openai-completions"}}))

    assert [(each.state, each.reason) for each in made.settings] == [("skipped", "It names no provider.")]
    assert made.changes == ()


def test_a_field_that_two_spellings_give_counts_once() -> None:
    made = plan(providers(zai={"authHeader": True}, **{"z.ai": {"authHeader": False}}))

    assert [(each.state, each.reason) for each in made.settings] == [
        ("taken", None),
        ("skipped", "The file says this twice; the first counts."),
    ]


def test_an_address_in_a_private_network_waits_for_consent_and_the_rest_with_it() -> None:
    without = plan(providers(vllm=PRIVATE))
    agreed = plan(providers(vllm=PRIVATE), accept=("private-http",))

    assert {state for state, _ in outcome(without).values()} == {"skipped"}
    assert all(str(reason).endswith("Agree with --accept private-http.") for _, reason in outcome(without).values())
    assert without.changes == ()
    assert [each.code for each in without.consents] == [each.code for each in agreed.consents] == ["private-http"]
    assert [set(each.accepted) for each in (without, agreed)] == [set(), {"private-http"}]
    assert result(agreed) == providers(vllm=PRIVATE)


def test_what_was_set_by_hand_stays_unless_it_may_be_replaced() -> None:
    config = providers(acme={**ACME, "authHeader": False})
    found = providers(acme={**ACME, "authHeader": True})

    kept, replaced = plan(found, config), plan(found, config, overwrite=True)
    path = ("models", "providers", "acme", "authHeader")
    ours = plan(found, config, written={path: False})

    says = "The config says something else, which stays. Say --overwrite to replace it."
    assert outcome(kept)[".".join(path)] == ("kept", says)
    assert outcome(kept)["models.providers.acme.baseUrl"] == ("kept", "The config says the same already.")
    assert kept.changes == ()
    for each in (replaced, ours):
        assert outcome(each)[".".join(path)] == ("taken", None)
        assert result(each, config) == found


def test_models_join_those_that_are_there() -> None:
    config = providers(acme={**ACME, "models": [{"id": "x", "name": "Mine"}]})
    made = plan(providers(acme={"models": [MODEL, {"id": "y", "name": "Y"}]}), config)

    assert outcome(made)["models.providers.acme.models"] == (
        "taken",
        "What the config says already stays as it is.",
    )
    assert result(made, config)["models"]["providers"]["acme"]["models"] == [
        {"id": "x", "name": "Mine"},
        {"id": "y", "name": "Y"},
    ]


# Keys


def test_a_literal_key_goes_to_the_store_for_the_address_beside_it() -> None:
    made = plan(providers(acme={**ACME, "apiKey": KEY}, openai={"apiKey": OTHER}))

    assert profiles(made) == [("acme:config", "taken", None), ("openai:config", "taken", None)]
    acme, openai = (each.profile for each in made.profiles)
    assert acme is not None
    assert openai is not None
    assert (acme.origin, acme.credential) == ("https://api.acme.test", ApiKeyCredential(Secret(KEY)))
    assert (openai.origin, openai.owner) == ("https://api.openai.com", "user")
    assert result(made)["auth"]["profiles"] == {
        "openai:config": {"provider": "openai", "mode": "api_key"},
        "acme:config": {"provider": "acme", "mode": "api_key"},
    }
    assert "models.providers.acme.apiKey" not in outcome(made)
    assert "apiKey" not in result(made)["models"]["providers"]["acme"]


def test_a_literal_key_is_not_kept_for_an_address_that_did_not_come_over() -> None:
    config = providers(openai={"baseUrl": "https://mine.test/v1"})
    made = plan(providers(openai={"baseUrl": "https://gw.acme.test/v1", "apiKey": KEY}), config)

    assert profiles(made) == [
        ("openai:config", "skipped", "It is for https://gw.acme.test, and requests of OpenAI go to https://mine.test.")
    ]
    unknown = plan(providers(vllm={**PRIVATE, "apiKey": KEY}))
    assert profiles(unknown) == [(None, "skipped", "It is for an address that was not brought over.")]


def test_a_marker_stays_a_marker_and_a_bare_variable_becomes_a_reference() -> None:
    made = plan(providers(openai={"apiKey": "OPENAI_API_KEY"}, groq={"apiKey": "n/a"}, xai={"apiKey": "GROQ_API_KEY"}))

    entries = result(made)["models"]["providers"]
    assert (entries["openai"]["apiKey"], entries["groq"]["apiKey"]) == ("${OPENAI_API_KEY}", "n/a")
    assert "xai" not in entries
    assert outcome(made)["models.providers.xai.apiKey"][0] == "skipped"
    assert made.profiles == ()


def test_the_key_of_a_profile_that_stands_in_the_config_too_is_taken_once() -> None:
    made = plan(source(providers(openai={"apiKey": KEY}), entry("openai:default")))

    assert profiles(made) == [
        ("openai:default", "taken", None),
        ("openai:default", "skipped", "It is the same credential as openai:default."),
    ]


def test_a_key_that_stands_in_another_setting_keeps_that_out() -> None:
    value = providers(acme={**ACME, "headers": {"X-Team": f"team {KEY}"}})
    value["agents"] = {"defaults": {"models": {"openai/gpt-5.2": {"params": {"note": KEY}}}}}

    made = plan(source(value, entry("openai:default")))

    reason = "It holds a key, which belongs into the credential store alone."
    assert outcome(made)["models.providers.acme.headers"] == ("skipped", reason)
    assert outcome(made)["agents.defaults.models.openai/gpt-5.2"] == ("skipped", reason)
    copied = plan(providers(acme={**ACME, "apiKey": KEY, "headers": {"X-Team": f"team {KEY}"}}))
    assert outcome(copied)["models.providers.acme.headers"][0] == "skipped"
    assert profiles(copied) == [("acme:config", "taken", None)]


# Orders


def order(*ids: str, provider: str = "openai") -> dict[str, Any]:
    return {"auth": {"order": {provider: list(ids)}}}


def test_an_order_names_what_is_here_and_then_the_rest() -> None:
    mine = Profile("openai:mine", ApiKeyCredential(Secret("mine")))
    found = source(order("OpenAI:b", "openai:gone", "openai:a"), entry("openai:a"), entry("openai:b", OTHER))

    made = plan(found, {}, mine)

    assert outcome(made) == {"auth.order.openai": ("taken", None)}
    assert result(made)["auth"]["order"] == {"openai": ["openai:b", "openai:a", "openai:mine"]}


@pytest.mark.parametrize(
    ("found", "config", "overwrite", "expected"),
    [
        (order("openai:a"), {}, False, ("kept", "One profile needs no order.")),
        (order("openai:gone"), {}, False, ("skipped", "None of its profiles is here.")),
        (order("acme:a", provider="acme"), {}, False, ("skipped", "Nobody registers its provider here.")),
        (
            order("openai:b", "openai:a"),
            order("openai:a", "openai:b"),
            False,
            ("kept", "The config has an order of its own, which stays."),
        ),
        (order("openai:b", "openai:a"), order("openai:a", "openai:b"), True, ("taken", None)),
        (
            order("openai:a", "openai:b"),
            order("openai:a", "openai:b"),
            True,
            ("kept", "The config says the same already."),
        ),
    ],
)
def test_an_order_is_taken_where_there_is_none(
    found: dict[str, Any], config: dict[str, Any], overwrite: bool, expected: tuple[str, str | None]
) -> None:
    entries = [entry("openai:a")] if found in (order("openai:a"),) else [entry("openai:a"), entry("openai:b", OTHER)]

    made = plan(source(found, *entries), config, overwrite=overwrite)

    assert [(each.state, each.reason) for each in made.settings] == [expected]


def test_of_two_orders_the_first_counts() -> None:
    found = source(order("openai:a", "openai:b"), entry("openai:a"), entry("openai:b", OTHER))
    first = Setting("auth-profiles.json", "order.openai", "order", "openai", value=["openai:b", "openai:a"])

    made = plan(replace(found, settings=(first, *found.settings)))

    assert [(each.state, each.reason) for each in made.settings] == [
        ("taken", None),
        ("skipped", "The order in auth-profiles.json counts."),
    ]
    assert result(made)["auth"]["order"] == {"openai": ["openai:b", "openai:a"]}


# Models


def models(*refs: str, default: object = None, **entries: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"models": {ref: {} for ref in refs} | entries} if refs or entries else {}
    return {"agents": {"defaults": {**defaults, **({} if default is None else {"model": default})}}}


def test_the_list_of_models_comes_over_whole_where_nothing_was_set_up() -> None:
    value = models(**{"anthropic/claude-opus-4-5": {"alias": "Op"}, "z.ai/glm-4.7": {}, "nobody/x": {}})

    made = plan(source(value, entry("anthropic:a")))

    assert result(made)["agents"]["defaults"]["models"] == {
        "anthropic/claude-opus-4-5": {"alias": "Op"},
        "zai/glm-4.7": {},
    }
    assert outcome(made)["agents.defaults.models.nobody/x"] == ("skipped", "Nobody registers its provider here.")
    assert made.accepted == {"allow-list"}


@pytest.mark.parametrize(
    "config",
    [
        providers(acme=ACME),
        {"auth": {"profiles": {"groq:a": {"provider": "groq", "mode": "api_key"}}}},
        models(default="groq/x"),
    ],
)
def test_a_list_that_could_switch_others_off_waits_for_consent(config: dict[str, Any]) -> None:
    asked = plan(models("openai/gpt-5.2"), config)
    agreed = plan(models("openai/gpt-5.2"), config, accept=("allow-list",))

    assert outcome(asked)["agents.defaults.models.openai/gpt-5.2"][0] == "skipped"
    assert asked.changes == ()
    assert "openai/gpt-5.2" in result(agreed, config)["agents"]["defaults"]["models"]


def test_aliases_alone_are_no_list_of_what_may_be_used() -> None:
    found = replace(source(models("openai/gpt-5.2"), entry("groq:a")), lists_models=False)

    assert outcome(plan(found))["agents.defaults.models.openai/gpt-5.2"][0] == "skipped"


def test_an_alias_that_is_taken_puts_its_model_on_no_list() -> None:
    config = models(**{"anthropic/claude-opus-4-5": {"alias": "big"}})
    found = models(**{"openai/gpt-5.2": {"alias": "big"}, "groq/x": {"alias": "a/b"}, "xai/y": {"alias": "fine"}})

    made = plan(found, config)

    told = outcome(made)
    assert told["agents.defaults.models.openai/gpt-5.2"] == (
        "skipped",
        "The alias is the name of something else already.",
    )
    assert told["agents.defaults.models.groq/x"][0] == "skipped"
    assert set(result(made, config)["agents"]["defaults"]["models"]) == {"anthropic/claude-opus-4-5", "xai/y"}


def test_an_entry_that_is_no_object_is_skipped() -> None:
    made = plan(models(**{"openai/gpt-5.2": 3}))

    assert outcome(made) == {"agents.defaults.models.openai/gpt-5.2": ("skipped", "It is not an object.")}


@pytest.mark.parametrize(
    ("config", "options", "expected", "primary"),
    [
        ({}, {}, ("taken", None), "openai/gpt-5.2"),
        (models(default="openai/gpt-5.2"), {}, ("kept", "The config says the same already."), "openai/gpt-5.2"),
        (models(default={"primary": "groq/x"}), {}, ("kept", "The default model is groq/x, and stays."), "groq/x"),
        (models(default={"primary": "groq/x"}), {"overwrite": True}, ("taken", None), "openai/gpt-5.2"),
    ],
)
def test_a_default_model_is_taken_where_there_is_none(
    config: dict[str, Any], options: dict[str, Any], expected: tuple[str, str | None], primary: str
) -> None:
    made = plan(models(default="OpenAI/gpt-5.2"), config, **options)

    assert outcome(made) == {"agents.defaults.model.primary": expected}
    model = result(made, config)["agents"]["defaults"]["model"]
    assert (model if isinstance(model, str) else model["primary"]) == primary


@pytest.mark.parametrize("ref", ["nobody/x", "openai/*", "openai/a..b"])
def test_a_default_that_is_no_model_here_is_skipped(ref: str) -> None:
    made = plan(models(default=ref))

    assert [each.state for each in made.settings] == ["skipped"]
    assert made.changes == ()


@pytest.mark.parametrize(
    ("default", "config", "expected", "fallbacks"),
    [
        ({"primary": "openai/a", "fallbacks": ["groq/x", "z.ai/y"]}, {}, ("taken", None), ["groq/x", "zai/y"]),
        (
            {"primary": "openai/a", "fallbacks": ["groq/x", "nobody/y", "bare"]},
            {},
            ("taken", "2 of 3 are of no provider that is here."),
            ["groq/x"],
        ),
        (
            {"primary": "openai/a", "fallbacks": ["nobody/y", "groq/*"]},
            {},
            ("skipped", "None of them is a model of a provider that is here."),
            None,
        ),
        ({"primary": "openai/a", "fallbacks": ["groq/x"]}, models(default="openai/a"), ("taken", None), ["groq/x"]),
        (
            {"primary": "openai/a", "fallbacks": ["groq/x"]},
            models(default="xai/z"),
            ("skipped", "They go with another default model."),
            None,
        ),
        (
            {"fallbacks": ["groq/x"]},
            models(default={"primary": "xai/z", "fallbacks": ["openai/q"]}),
            ("kept", "The config has fallbacks of its own, which stay."),
            ["openai/q"],
        ),
        (
            {"fallbacks": ["groq/x"]},
            models(default={"fallbacks": ["groq/x"]}),
            ("kept", "The config says the same already."),
            ["groq/x"],
        ),
    ],
)
def test_fallbacks_go_with_the_default_model(
    default: dict[str, Any], config: dict[str, Any], expected: tuple[str, str | None], fallbacks: list[str] | None
) -> None:
    made = plan(models(default=default), config)

    assert outcome(made)["agents.defaults.model.fallbacks"] == expected
    model = result(made, config)["agents"]["defaults"]["model"]
    assert (model.get("fallbacks") if isinstance(model, dict) else None) == fallbacks


def test_what_has_nothing_to_write_is_told_in_its_place() -> None:
    settings = (
        Setting("f", "one", fault="has no counterpart here"),
        Setting("f", "two", kept="It needs nothing."),
        Setting("f", "three", "default", "openai", "gpt-5.2"),
    )
    made = plan(Found("litellm", "f", settings=settings))

    assert [(each.setting.name, each.state, each.reason) for each in made.settings] == [
        ("one", "skipped", "It has no counterpart here."),
        ("two", "kept", "It needs nothing."),
        ("three", "taken", None),
    ]
    assert list(made.settings[0].to_dict()) == ["path", "name", "file", "state", "reason"]


def test_a_second_import_of_the_same_takes_nothing() -> None:
    value = providers(acme={**ACME, "apiKey": KEY}) | models("openai/gpt-5.2", "acme/x", default="openai/gpt-5.2")
    first = plan(value)
    config = result(first)
    stored = [each.profile for each in first.profiles if each.profile is not None]

    again = plan(value, config, *stored)

    assert again.changes == ()
    assert {each.state for each in again.profiles} | {each.state for each in again.settings} == {"kept"}


NAMES = ["openai", "z.ai", "acme", "Groq", "", "__proto__", "$include", "baseUrl", "apiKey", "models", "headers", "id"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [KEY, "${OPENAI_API_KEY}", "https://api.acme.test/v1", "http://10.0.0.5", "openai/gpt-5.2", "\ud800"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.dictionaries(st.sampled_from(NAMES), VALUES | st.dictionaries(st.sampled_from(NAMES), VALUES), max_size=4)
REFS = st.sampled_from(["openai/gpt-5.2", "z.ai/glm-4.7", "acme/x", "openai/*", "bare", "/", "Groq/ y"])
MODELS = st.dictionaries(REFS, VALUES)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "models": st.fixed_dictionaries({}, optional={"providers": ENTRIES | VALUES, "mode": VALUES}),
        "agents": st.fixed_dictionaries(
            {"defaults": st.fixed_dictionaries({}, optional={"models": MODELS, "model": REFS | VALUES})}
        ),
        "auth": st.fixed_dictionaries({}, optional={"order": ENTRIES, "profiles": ENTRIES}),
        "channels": VALUES,
    },
)  # fmt: skip
OURS = {("models", "providers"), ("agents", "defaults"), ("auth", "profiles"), ("auth", "order")}


@given(CONFIGS, st.booleans(), st.sets(st.sampled_from(["private-http", "allow-list", "origin-change", "overwrite"])))
def test_whatever_a_config_says_only_our_parts_are_written_and_no_key(
    value: dict[str, Any], overwrite: bool, accept: set[str]
) -> None:
    mine: dict[str, Any] = {"channels": {"kept": [1]}, "agents": {"list": ["kept"], "defaults": {"workspace": "kept"}}}
    found = source(value, entry("openai:default"))
    where = ImportContext(REGISTRY, {}, {}, 0, {})

    made = plan_import(mine, found, where, overwrite=overwrite, accept=accept)

    assert {path[:2] for path, _ in made.changes} <= OURS
    assert leaks(json.dumps(made.changes), KEY) == []
    assert len(made.settings) <= len(found.settings)
    after = result(made, mine)
    assert (after["channels"], after["agents"]["list"]) == (mine["channels"], ["kept"])
    assert after["agents"]["defaults"]["workspace"] == "kept"
    again = plan_import(after, found, where, overwrite=overwrite, accept=accept)
    assert result(again, after) == after
