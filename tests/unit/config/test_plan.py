"""Plans as values: what they hold, how they are applied, and what the host adds to them."""

from __future__ import annotations

import copy
import json
import pickle
from types import MappingProxyType
from typing import Any

import pytest

from fuzz.guard import ACME, SECRET, make_registry
from jackfield.config.plan import Consent, LoginPlan, PatchPlan, Secretive, plan_login, plan_patch
from jackfield.errors import ConfigError, InternalError
from jackfield.providers.block import Model, Provider
from jackfield.providers.parts import FrozenMap

REGISTRY = make_registry()
ENTRIES = ("agents", "defaults", "models")


def own(**fields: Any) -> dict[str, Any]:
    return {"models": {"providers": {"acme": fields}}}


def plan(patch: Any, current: Any = None, **options: Any) -> PatchPlan:
    return plan_patch(current or {}, patch, provider_id="acme", owner=ACME, registry=REGISTRY, **options)


def login(result: Any, current: Any = None, *, set_default: bool = True, **options: Any) -> LoginPlan:
    return plan_login(
        current or {}, result, provider_id="acme", owner=ACME, registry=REGISTRY, set_default=set_default, **options
    )


def profile(name: str, **fields: Any) -> dict[str, Any]:
    return {"profileId": name, "credential": {"type": "oauth", "provider": "acme", "access": "access-token", **fields}}


# Plans


def test_an_empty_patch_changes_nothing() -> None:
    made = plan({})
    assert (made.changes, made.diagnostics, made.consents, made.refused) == ([], (), (), False)
    assert made.apply({"a": {"b": [1]}}) == {"a": {"b": [1]}}


def test_changes_are_pairs_of_path_and_value() -> None:
    assert plan(own(api="cli", authHeader=False)).changes == [
        (("models", "providers", "acme", "api"), "cli"),
        (("models", "providers", "acme", "authHeader"), False),
    ]


def test_what_is_there_already_is_no_change() -> None:
    current = own(api="cli", models=[{"id": "a", "contextWindow": 1}], headers={"X": "1"})
    assert plan(copy.deepcopy(current), current).changes == []
    assert plan(own(models=[{"id": "a", "contextWindow": 1}]), current).changes == []


@pytest.mark.parametrize("get", [lambda made: made.changes, lambda made: made.granted()])
def test_nobody_can_change_a_plan_through_what_it_returns(get: Any) -> None:
    made = plan(own(models=[{"id": "a", "cost": {"input": 1}}]))
    get(made)[0][1][0]["cost"]["input"] = 2
    assert get(made)[0][1] == [{"id": "a", "cost": {"input": 1}}]


def test_the_result_shares_nothing_with_the_config_or_the_plan() -> None:
    current: dict[str, Any] = {"tools": {"x": [1]}}
    made = plan(own(models=[{"id": "a"}]))
    after: Any = made.apply(current)
    after["tools"]["x"].append(2)
    after["models"]["providers"]["acme"]["models"][0]["id"] = "b"
    assert current == {"tools": {"x": [1]}}
    assert made.apply(current) == {"tools": {"x": [1]}, **own(models=[{"id": "a"}])}


def test_accepting_one_code_grants_what_needs_no_other() -> None:
    current = {"models": {"mode": "merge", "providers": {"acme": {"api": "cli"}}}}
    made = plan({"models": {"mode": "replace", "providers": {"acme": {"api": "openai-completions"}}}}, current)
    assert {each.code for each in made.consents} == {"overwrite", "mode-replace"}
    assert dict(made.granted()) == {}
    assert dict(made.granted(("mode-replace",))) == {}
    assert dict(made.granted(("overwrite",))) == {("models", "providers", "acme", "api"): "openai-completions"}
    assert len(made.granted(("overwrite", "mode-replace", "unknown"))) == 2


def test_several_consents_on_one_path_are_all_needed() -> None:
    current = own(baseUrl="https://old.test")
    made = plan(own(baseUrl="http://10.0.0.1"), current)
    needed = [each.code for each in made.consents]
    assert sorted(needed) == ["origin-change", "overwrite", "private-http"]
    for code in needed:
        assert made.apply(current, set(needed) - {code}) == current
    assert made.apply(current, needed) == own(baseUrl="http://10.0.0.1")


def test_a_plan_is_told_as_json_without_its_secrets() -> None:
    made = plan({"tools": 1, **own(apiKey=SECRET, baseUrl="https://evil.test")})
    told = made.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert SECRET not in json.dumps(told) + repr(made)
    assert told["refused"] is False
    assert told["changes"] == [
        {"path": ["models", "providers", "acme", "baseUrl"], "value": "https://evil.test"},
        {"path": ["models", "providers", "acme", "apiKey"], "value": "profile:acme:default"},
    ]
    (consent,) = made.consents
    assert told["consents"] == [
        {"code": "origin-change", "path": ["models", "providers", "acme", "baseUrl"], "question": consent.question}
    ]
    assert told["diagnostics"] == [
        {
            "code": "patch.out-of-scope",
            "rule": "G4",
            "severity": "warning",
            "path": ["tools"],
            "message": "A login of acme may not change this; it is left out.",
            "hint": "It may change models.providers.acme, models.mode and agents.defaults.models.",
        }
    ]


def test_a_plan_shows_nothing_of_the_config_it_was_made_for() -> None:
    assert SECRET not in repr(plan(own(apiKey="n/a"), own(apiKey=SECRET)))


def test_records_of_a_plan_are_values() -> None:
    consent = Consent("overwrite", ("a",), "?")
    assert pickle.loads(pickle.dumps(consent)) == consent
    assert "key" not in repr(Secretive("acme:default", ("a",), "the-secret-text")).replace("the-secret-text", "LEAK")
    assert "the-secret-text" not in repr(Secretive("acme:default", ("a",), "the-secret-text"))


# apply


def test_applying_twice_is_applying_once() -> None:
    current = {**own(models=[{"id": "a"}]), "tools": {}}
    made = plan(own(api="cli", models=[{"id": "b"}]), current)
    once = made.apply(current)
    assert made.apply(once) == once


@pytest.mark.parametrize("value", ["openai-responses", None, 7])
def test_a_leaf_that_changed_since_the_plan_was_made_is_not_overwritten(value: Any) -> None:
    made = plan(own(api="cli"))
    with pytest.raises(ConfigError) as caught:
        made.apply(own(api=value))
    assert caught.value.code == "config.changed"
    assert "models.providers.acme.api" in caught.value.message


def test_a_change_elsewhere_since_the_plan_was_made_does_not_matter() -> None:
    made = plan(own(api="cli"))
    assert made.apply({"tools": {"x": 1}}) == {"tools": {"x": 1}, **own(api="cli")}


@pytest.mark.parametrize(
    ("current", "way"),
    [
        ({"models": []}, "models"),
        ({"models": None}, "models"),
        ({"models": {"providers": "x"}}, "models.providers"),
        ({"models": {"providers": {"acme": 1}}}, "models.providers.acme"),
    ],
)
def test_what_is_no_object_is_not_written_into(current: dict[str, Any], way: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(own(api="cli")).apply(current)
    assert caught.value.code == "config.not-an-object"
    assert f"{way} is not an object" in caught.value.message
    made = plan(own(api="cli", apiKey=SECRET, baseUrl="https://api.acme.test/v1"), current)
    assert (made.changes, made.secrets, made.apply(current)) == ([], (), current)
    assert {each.code for each in made.diagnostics} == {"patch.blocked"}
    assert {each.path for each in made.diagnostics} == {tuple(way.split("."))}


@pytest.mark.parametrize("given", [("a", 1), {1: 2}, {"a": object()}, {"a": [{"b": {1, 2}}]}, {"a": {None: 1}}])
def test_a_config_that_no_file_can_hold_is_an_error(given: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        plan({}).apply(given)
    assert caught.value.code in {"config.unwritable", "config.not-an-object"}


def test_a_config_deeper_than_any_file_is_an_error_and_one_as_deep_as_a_file_is_none() -> None:
    deep: Any = {}
    for _ in range(199):
        deep = {"a": deep}
    assert plan({}, deep).apply(deep) == deep
    with pytest.raises(ConfigError) as caught:
        plan({}).apply({"a": deep, **own(api="cli")})
    assert caught.value.code == "config.too-deep"


def test_read_only_mappings_and_tuples_are_read_as_objects_and_lists() -> None:
    current = MappingProxyType({"tools": MappingProxyType({"allow": ("a", "b")})})
    assert plan(own(api="cli")).apply(current) == {"tools": {"allow": ["a", "b"]}, **own(api="cli")}


def test_a_plan_that_would_change_something_else_is_stopped() -> None:
    made = plan(own(api="cli"))
    with pytest.raises(InternalError) as caught:
        PatchPlan("beta", made.planned).apply({})
    assert caught.value.code == "internal.guard"


# What the host adds


def test_a_login_registers_its_profiles_and_puts_them_first_in_an_order_that_exists() -> None:
    current = {
        "auth": {"order": {"Acme-AI": ["acme:old"]}, "profiles": {"acme:old": {"provider": "acme", "mode": "oauth"}}}
    }
    made = login({"profiles": [profile("acme:a", email="a@b.test"), profile("acme:b")]}, current)
    after: Any = made.apply(current)
    assert after["auth"]["order"] == {"Acme-AI": ["acme:b", "acme:a", "acme:old"]}
    assert after["auth"]["profiles"]["acme:a"] == {"provider": "acme", "mode": "oauth", "email": "a@b.test"}
    assert after["auth"]["profiles"]["acme:old"] == {"provider": "acme", "mode": "oauth"}
    assert made.patch.host_paths[-1] == ("auth", "profiles", "acme:b")


def test_an_order_of_another_provider_is_left_alone() -> None:
    current = {"auth": {"order": {"beta": ["beta:x"]}}}
    after: Any = login({"profiles": [profile("acme:a")]}, current).apply(current)
    assert after["auth"]["order"] == {"beta": ["beta:x"]}


def test_a_profile_that_is_there_gets_only_what_differs() -> None:
    current = {
        "auth": {"profiles": {"acme:a": {"provider": "acme", "mode": "token", "email": "old@b.test", "note": "x"}}}
    }
    made = login({"profiles": [profile("acme:a")]}, current)
    after: Any = made.apply(current)
    assert after["auth"]["profiles"] == {"acme:a": {"provider": "acme", "mode": "oauth", "note": "x"}}
    assert made.apply(after) == after


def test_a_config_in_which_profiles_have_no_place_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        login({"profiles": [profile("acme:a")]}, {"auth": []})
    assert caught.value.code == "config.not-an-object"


def test_the_default_model_keeps_the_entry_that_the_patch_gives_it() -> None:
    current: dict[str, Any] = {"agents": {"defaults": {"models": {"beta/b": {}}}}}
    patch = {"agents": {"defaults": {"models": {"acme/a": {"alias": "x", "params": {"t": 1}}}}}}
    made = login({"profiles": [], "configPatch": patch, "defaultModel": "acme/a"}, current)
    after: Any = made.apply(current)
    assert after["agents"]["defaults"]["models"] == {"beta/b": {}, "acme/a": {"alias": "x", "params": {"t": 1}}}
    assert after["agents"]["defaults"]["model"] == {"primary": "acme/a"}


@pytest.mark.parametrize("others", [True, False])
def test_the_default_model_joins_a_list_that_the_patch_begins(others: bool) -> None:
    current: dict[str, Any] = {"models": {"providers": {"beta": {}}}} if others else {}
    patch: dict[str, Any] = {"agents": {"defaults": {"models": {"acme/a": {}}}}}
    made = login({"profiles": [], "configPatch": patch, "defaultModel": "acme/z"}, current)
    granted = made.apply(current, ("allow-list",))
    assert granted["agents"]["defaults"]["models"] == {"acme/a": {}, "acme/z": {}}  # type: ignore[index]
    plain: Any = made.apply(current)
    assert plain["agents"]["defaults"].get("models") == (None if others else {"acme/a": {}, "acme/z": {}})


def test_the_default_model_of_a_provider_without_an_address_waits_for_it() -> None:
    patch = {"models": {"providers": {"newcomer": {"baseUrl": "http://10.0.0.1"}}}}
    made = plan_login(
        {},
        {"profiles": [], "configPatch": patch, "defaultModel": "newcomer/a"},
        provider_id="newcomer",
        owner="plugin:newcomer",
        registry=REGISTRY,
        set_default=True,
    )
    assert made.apply({}) == {}
    after: Any = made.apply({}, ("private-http",))
    assert after["agents"]["defaults"]["model"] == {"primary": "newcomer/a"}


@pytest.mark.parametrize(("taken", "alias"), [(False, {"alias": "speedy"}), (True, {})])
def test_the_default_model_gets_the_alias_of_its_block_when_it_is_free(taken: bool, alias: dict[str, str]) -> None:
    registry = make_registry()
    registry.register_provider(
        Provider(
            id="gamma",
            label="Gamma",
            base_url="https://api.gamma.test",
            api="openai-completions",
            models=(Model("fast", "Fast", 1, 1),),
            seed_aliases=FrozenMap({"fast": "speedy"}),
        )
    )
    current: dict[str, Any] = {"agents": {"defaults": {"models": {"beta/b": {}}}}}
    patch = {"agents": {"defaults": {"models": {"gamma/other": {"alias": "speedy"}}}}} if taken else {}
    made = plan_login(
        current,
        {"profiles": [], "configPatch": patch, "defaultModel": "gamma/fast"},
        provider_id="gamma",
        owner="app",
        registry=registry,
        set_default=True,
    )
    after: Any = made.apply(current)
    assert after["agents"]["defaults"]["models"]["gamma/fast"] == alias


# Keys


def test_a_key_is_not_stored_when_the_users_own_key_stays() -> None:
    current = own(apiKey="${ACME_API_KEY}")
    made = plan(own(apiKey=SECRET), current)
    assert made.apply(current) == current
    assert made.granted_secrets() == ()
    assert [each.key for each in made.granted_secrets(("overwrite",))] == [SECRET]
    assert made.apply(current, ("overwrite",)) == own(apiKey="profile:acme:default")


def test_a_new_key_is_stored_although_the_reference_is_there() -> None:
    current = own(apiKey="profile:acme:default")
    made = plan(own(apiKey=SECRET), current)
    assert made.changes == []
    assert [each.key for each in made.granted_secrets()] == [SECRET]


@pytest.mark.parametrize(("key", "told"), [("access-token", []), ("another-key-0815", ["patch.key-twice"])])
def test_the_credential_of_a_login_wins_over_a_literal_key_for_the_same_profile(key: str, told: list[str]) -> None:
    made = login({"profiles": [profile("acme:default")], "configPatch": own(apiKey=key)})
    assert made.patch.secrets == ()
    assert [each.code for each in made.diagnostics] == told
    assert [each.id for each in made.profiles] == ["acme:default"]
    beside = login({"profiles": [profile("acme:work")], "configPatch": own(apiKey=key)})
    assert [each.key for each in beside.patch.secrets] == [key]


@pytest.mark.parametrize("mark", ["acme-oauth", "oauth", "acme_portal-oauth"])
def test_a_mark_in_place_of_a_key_is_no_key(mark: str) -> None:
    made = login({"profiles": [profile("acme:work")], "configPatch": own(apiKey=mark, api="cli")})
    assert made.patch.secrets == ()
    assert made.diagnostics == ()
    assert made.changes[0] == (("models", "providers", "acme", "api"), "cli")
    assert not any(path[-1] == "apiKey" for path, _ in made.changes)


@pytest.mark.parametrize("mark", ["acme-OAUTH-1", "xoauth-", "sk-acme"])
def test_what_is_no_mark_is_a_key(mark: str) -> None:
    made = login({"profiles": [profile("acme:work")], "configPatch": own(apiKey=mark)})
    assert [each.key for each in made.patch.secrets] == [mark]


def test_a_mark_without_a_grant_is_a_key() -> None:
    made = login({"profiles": [], "configPatch": own(apiKey="acme-oauth")})
    assert [each.key for each in made.patch.secrets] == ["acme-oauth"]


def test_a_note_holds_no_secret_of_its_login() -> None:
    given = profile("acme:work")
    given["credential"] = {**given["credential"], "access": "at-0123456789abcdef"}
    made = login({"profiles": [given], "notes": ["Your token is at-0123456789abcdef, keep it.", "Thanks"]})
    assert made.notes == ("Your token is …, keep it.", "Thanks")


def test_a_login_plan_tells_what_its_patch_tells() -> None:
    made = login({"profiles": [], "configPatch": {"tools": 1, **own(api="cli")}})
    assert made.diagnostics == made.patch.diagnostics
    assert made.changes == made.patch.changes
    assert made.consents == made.patch.consents
    assert made.refused is False


def test_a_login_result_may_come_as_text() -> None:
    text = json.dumps({"profiles": [profile("acme:a")], "configPatch": own(api="cli")})
    for given in (text, text.encode()):
        assert [each.id for each in login(given).profiles] == ["acme:a"]
    assert login(text + "x").refused
