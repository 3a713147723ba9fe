"""Every rule of the guard by its number. The long tables of hostile patches are in `tests/data/guard`."""

from __future__ import annotations

import json
import threading
from types import MappingProxyType
from typing import Any

import pytest

from fuzz.guard import ACME, BETA, SECRET, make_registry
from jackfield.config.plan import LoginPlan, PatchPlan, check_outcome, frozen_view, plan_login, plan_patch
from jackfield.errors import InternalError, RegistrationError
from jackfield.net import origin_of
from jackfield.providers.block import EnvVars, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Owner, Trust

URL = "https://api.acme.test/v1"
REGISTRY = make_registry()


def own(**fields: Any) -> dict[str, Any]:
    return {"models": {"providers": {"acme": fields}}}


def entries(**refs: Any) -> dict[str, Any]:
    return {"agents": {"defaults": {"models": {ref.replace("__", "/"): entry for ref, entry in refs.items()}}}}


def plan(patch: Any, current: Any = None, *, provider_id: str = "acme", **options: Any) -> PatchPlan:
    return plan_patch(current or {}, patch, provider_id=provider_id, owner=ACME, registry=REGISTRY, **options)


def login(result: Any, current: Any = None, *, set_default: bool = False, **options: Any) -> LoginPlan:
    return plan_login(
        current or {}, result, provider_id="acme", owner=ACME, registry=REGISTRY, set_default=set_default, **options
    )


def codes(made: Any) -> list[str]:
    return [each.code for each in made.diagnostics]


def asked(made: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.code, each.path) for each in made.consents]


def profile(name: str = "acme:default", provider: str = "acme", **fields: Any) -> dict[str, Any]:
    return {
        "profileId": name,
        "credential": {"type": "api_key", "provider": provider, "key": "k-0123456789", **fields},
    }


# G1


@pytest.mark.parametrize("wrap", [json.dumps, lambda patch: json.dumps(patch).encode()])
def test_g01_text_and_bytes_are_read_alike(wrap: Any) -> None:
    assert plan(wrap(own(api="openai-completions"))).changes == [
        (("models", "providers", "acme", "api"), "openai-completions")
    ]


@pytest.mark.parametrize(
    ("fits", "too_much", "code"),
    [
        ("{}" + " " * (64 * 1024 - 2), "{}" + " " * (64 * 1024 - 1), "patch.too-large"),
        ('"' + "x" * 8192 + '"', '"' + "x" * 8193 + '"', "patch.string-too-long"),
        ('"' + "\u20ac" * 2730 + '"', '"' + "\u20ac" * 2731 + '"', "patch.string-too-long"),
        ("[" * 12 + "]" * 12, "[" * 13 + "]" * 13, "patch.too-deep"),
        ("[" + ",".join("1" * 4999) + "]", "[" + ",".join("1" * 5000) + "]", "patch.too-many"),
        ('{"a":9007199254740992}', '{"a":9007199254740993}', "patch.number"),
        ('{"a":-9007199254740992}', '{"a":-9007199254740993}', "patch.number"),
    ],
)
def test_g01_each_limit_is_where_it_is_said_to_be(fits: str, too_much: str, code: str) -> None:
    assert code not in codes(plan(fits))
    assert codes(plan(too_much)) == [code]
    assert plan(too_much).diagnostics[0].rule == "G1"


def test_g01_bytes_are_measured_as_they_come() -> None:
    assert codes(plan(b"{}" + b" " * (64 * 1024 - 2))) == []
    assert codes(plan(b"{}" + b" " * (64 * 1024 - 1))) == ["patch.too-large"]


def test_g01_a_text_of_multi_byte_characters_is_measured_in_bytes() -> None:
    characters = (64 * 1024 - 2) // 3
    assert "patch.too-large" not in codes(plan("[]" + " " * (64 * 1024 - 2)))
    assert codes(plan("\u20ac" * (characters + 10))) == ["patch.too-large"]


@pytest.mark.parametrize(
    ("fits", "too_much", "code"),
    [
        (["x" * 8192] * 8, ["x" * 8192] * 8 + ["x"], "patch.too-large"),
        ([[]] * 4999, [[]] * 5000, "patch.too-many"),
        ([2**53, -(2**53)], [2**53 + 1], "patch.number"),
        ({"\u20ac" * 2730: 1}, {"\u20ac" * 2731: 1}, "patch.string-too-long"),
    ],
)
def test_g02_the_limits_hold_for_values_of_this_process_too(fits: Any, too_much: Any, code: str) -> None:
    assert code not in codes(plan(fits))
    assert codes(plan(too_much)) == [code]
    assert plan(too_much).diagnostics[0].rule == "G2"


def test_g02_a_deep_value_is_told_with_the_place_where_it_became_too_deep() -> None:
    value: Any = []
    for _ in range(12):
        value = {"a": value}
    (found,) = plan(value).diagnostics
    assert (found.code, found.path) == ("patch.too-deep", ("a",) * 12)
    assert codes(plan(value["a"])) == ["patch.out-of-scope"]


def test_g02_a_fault_inside_a_list_is_told_with_its_place() -> None:
    (found,) = plan({"a": [1, {"b": object()}]}).diagnostics
    assert found.path == ("a", "[1]", "b")


def test_g02_what_is_checked_is_a_copy() -> None:
    patch = own(headers={"X-Team": "blue"}, models=[{"id": "a"}])
    made = plan(patch)
    patch["models"]["providers"]["acme"]["headers"]["Cookie"] = "x"
    patch["models"]["providers"]["acme"]["models"].append({"id": "b"})
    assert made.apply({}) == own(headers={"X-Team": "blue"}, models=[{"id": "a"}])


def test_g02_a_value_that_changes_while_it_is_read_gives_no_other_result() -> None:
    patch = own(headers={"X-Team": "blue"})
    stop = threading.Event()

    def change() -> None:
        headers = patch["models"]["providers"]["acme"]["headers"]
        while not stop.is_set():
            headers["Cookie"] = "x"
            headers.pop("Cookie", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            after = plan(patch).apply({})
            assert after in ({}, own(headers={"X-Team": "blue"}))
    finally:
        stop.set()
        thread.join()


# G3


def test_g03_the_view_is_read_only_at_every_depth() -> None:
    view: Any = frozen_view(own(baseUrl=URL, models=[{"id": "a"}]))
    entry = view["models"]["providers"]["acme"]
    for target in (view, view["models"], view["models"]["providers"], entry, entry["models"][0]):
        with pytest.raises(TypeError):
            target["x"] = 1
    with pytest.raises(AttributeError):
        entry["models"].append({})


def test_g03_the_view_is_a_copy() -> None:
    current = own(baseUrl=URL, models=[{"id": "a"}])
    view: Any = frozen_view(current)
    current["models"]["providers"]["acme"]["models"][0]["id"] = "b"
    assert view["models"]["providers"]["acme"]["models"][0]["id"] == "a"


def test_g03_the_view_shows_what_is_known_to_be_no_secret() -> None:
    current = {
        **own(baseUrl=URL, api="cli", auth="oauth", models=[{"id": "a", "maxTokens": 5, "reasoning": True}]),
        "agents": {
            "defaults": {"model": {"primary": "acme/a", "fallbacks": []}, "models": {"acme/monkey": {"alias": "m"}}}
        },
        "auth": {"profiles": {"acme:x": {"provider": "acme", "mode": "oauth"}}},
    }
    current["models"]["mode"] = "replace"
    view: Any = frozen_view(current)
    assert view["models"]["mode"] == "replace"
    assert view["models"]["providers"]["acme"] == {
        "baseUrl": URL,
        "api": "cli",
        "auth": "oauth",
        "models": ({"id": "a", "maxTokens": 5, "reasoning": True},),
    }
    assert view["agents"]["defaults"]["model"] == {"primary": "acme/a"}
    assert view["agents"]["defaults"]["models"] == {"acme/monkey": {"alias": "m"}}
    assert view["auth"]["profiles"] == {"acme:x": {"provider": "acme", "mode": "oauth"}}


@pytest.mark.parametrize(
    "current",
    [
        own(apiKey=SECRET),
        own(apiKey={"source": "file", "value": SECRET}),
        own(headers={"X-Team": SECRET}),
        own(baseUrl=f"https://{SECRET}@api.acme.test"),
        own(baseUrl=f"https://api.acme.test/?key={SECRET}"),
        own(baseUrl=[SECRET]),
        own(models=[{"id": "a", "headers": {"X": SECRET}, "compat": {"x": SECRET}}]),
        own(models=[SECRET]),
        own(custom=SECRET),
        entries(acme__a={"params": {"password": SECRET, "user": SECRET}}),
        {"auth": {"profiles": {"acme:x": {"provider": "acme", "mode": "oauth", "email": SECRET}}}},
        {"auth": {"token": SECRET}},
        {"gateway": {"auth": {"token": SECRET}}},
        {"env": {"ACME_API_KEY": SECRET}},
        {"agents": {"defaults": {"model": [SECRET], "memory": SECRET}, "list": [SECRET]}},
        {"models": {"mode": [SECRET], "providers": [SECRET]}},
        {"models": SECRET, "agents": SECRET, "auth": SECRET},
    ],
)
def test_g03_the_view_holds_no_secret(current: dict[str, Any]) -> None:
    assert SECRET not in str(frozen_view(current))


def test_g03_the_view_of_nothing_has_every_part() -> None:
    view: Any = frozen_view({})
    assert (view["models"]["providers"], view["agents"]["defaults"]["models"], view["auth"]["profiles"]) == ({}, {}, {})
    assert "mode" not in view["models"]
    assert "model" not in view["agents"]["defaults"]


def test_g03_a_default_model_written_as_text_is_shown_like_any_other() -> None:
    view: Any = frozen_view({"agents": {"defaults": {"model": "acme/a"}}})
    assert view["agents"]["defaults"]["model"] == {"primary": "acme/a"}


# G4, G5


def test_g04_a_stripped_path_is_told_with_code_path_owner_and_provider() -> None:
    (found,) = plan({"tools": {"x": "value-0815"}}).diagnostics
    assert (found.code, found.severity, found.path, found.owner, found.rule) == (
        "patch.out-of-scope",
        "warning",
        ("tools",),
        "plugin:acme",
        "G4",
    )
    assert "acme" in found.message
    assert found.hint is not None
    assert "models.providers.acme" in found.hint
    assert "value-0815" not in str(found.to_dict())


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("tools", "tools"),
        ("a-perfectly-long-name-of-a-key", "a-perfectly-long-name-of-a-key"),
        ("openai/gpt-5.2-codex-max-preview-2026", "openai/gpt-5.2-codex-max-preview-2026"),
        (SECRET, f"<a key of {len(SECRET)} characters>"),
        ("AIzaSyD0123456789abcdefghijkl", "<a key of 29 characters>"),
        ("abcdefghijklmnopqrstuvwx", "<a key of 24 characters>"),
        ("abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvw"),
        ("a1b2c3d4e5f6a7b8", "<a key of 16 characters>"),
        ("a1b2c3d4e5f6a7b", "a1b2c3d4e5f6a7b"),
        ("a-b-" * 8, "<a key of 32 characters>"),
        ("a-b-" * 7 + "c-d", "a-b-" * 7 + "c-d"),
        ("a/b-" * 25, "a/b-" * 25),
        ("a/b-" * 25 + "c", "<a key of 101 characters>"),
    ],
)
def test_g04_a_key_that_may_be_a_secret_is_told_by_its_length(key: str, shown: str) -> None:
    assert plan({key: 1}).diagnostics[0].path == (shown,)


@pytest.mark.parametrize("key", ["\x1b[2J", "a\x1b" + "b" * 20, "\u202e" * 20])
def test_g04_a_path_does_not_steer_a_terminal(key: str) -> None:
    made = plan({"tools": {key: {"\x00": None}}})
    assert made.refused
    assert all(part.isprintable() for each in made.diagnostics for part in each.path)


def test_g05_what_is_allowed_is_applied_beside_what_is_stripped() -> None:
    made = plan({"tools": {}, **own(api="openai-completions", priority=1)})
    assert sorted(each.path for each in made.diagnostics) == [("models", "providers", "acme", "priority"), ("tools",)]
    assert made.apply({"tools": {"x": 1}}) == {"tools": {"x": 1}, **own(api="openai-completions")}


def test_g05_hostile_content_refuses_everything_and_keeps_no_credential() -> None:
    made = login({"profiles": [profile()], "configPatch": own(api="cli", headers={"Cookie": "x"}), "notes": ["hi"]})
    assert made.refused
    assert (made.changes, made.profiles, made.notes, made.default_model) == ([], (), (), None)
    assert made.apply({"a": 1}) == {"a": 1}
    assert made.diagnostics[0].severity == "error"
    assert made.diagnostics[0].hint == "Nothing of it was applied. Tell the author of the plugin."


def test_g05_every_reason_to_refuse_is_told_at_once() -> None:
    made = plan(own(baseUrl="http://evil.test", apiKey="HOME", headers={"Cookie": "x", "Host": "y"}))
    assert codes(made) == ["patch.variable-name", "patch.base-url", "patch.header", "patch.header"]


def test_g05_at_most_a_hundred_reasons_are_told() -> None:
    assert len(plan({"tools": {f"${number}": 1 for number in range(150)}}).diagnostics) == 1
    assert len(plan({"tools": {f"k{number}": None for number in range(150)}}).diagnostics) == 100


# G6


@pytest.mark.parametrize("provider_id", ["acme-ai", "ACME", "acme ", "", "a/b", "\u0430cme", "__proto__"])
def test_g06_a_login_runs_under_a_canonical_id_only(provider_id: str) -> None:
    made = plan({}, provider_id=provider_id)
    assert (made.refused, codes(made)) == (True, ["patch.own-id"])


def test_g06_an_id_that_nobody_registered_is_allowed() -> None:
    made = plan({"models": {"providers": {"newcomer": {"api": "cli"}}}}, provider_id="newcomer")
    assert made.apply({}) == {"models": {"providers": {"newcomer": {"api": "cli"}}}}
    assert not made.diagnostics


def test_g06_the_own_id_is_never_read_from_the_patch() -> None:
    patch = {"id": "beta", "provider": "beta", "models": {"providers": {"beta": {"api": "cli"}}}}
    made = plan(patch)
    assert made.changes == []
    assert sorted(each.path[-1] for each in made.diagnostics) == ["beta", "id", "provider"]


def test_g06_an_entry_under_an_alias_is_not_hidden_unasked() -> None:
    current = {"models": {"providers": {"acme-ai": {"baseUrl": "https://mine.test"}}}}
    made = plan(own(baseUrl="https://mine.test", api="cli"), current)
    assert asked(made) == [("other-spelling", ("models", "providers", "acme"))]
    assert made.apply(current) == current
    assert made.apply(current, ("other-spelling",))["models"] == {
        "providers": {**current["models"]["providers"], "acme": {"baseUrl": "https://mine.test", "api": "cli"}}
    }


def test_g06_an_own_entry_beside_one_under_an_alias_is_the_one_in_force() -> None:
    current = {"models": {"providers": {"acme-ai": {"baseUrl": "https://mine.test"}, "acme": {"baseUrl": URL}}}}
    assert asked(plan(own(baseUrl=URL, api="cli"), current)) == []


def test_g06_a_model_under_an_alias_stays_as_it_is() -> None:
    current = entries(**{"acme-ai__rocket": {"alias": "mine"}})
    made = plan(entries(acme__rocket={"alias": "theirs"}, acme__anvil={}), current)
    assert codes(made) == ["patch.other-spelling"]
    assert made.apply(current) == entries(**{"acme-ai__rocket": {"alias": "mine"}, "acme__anvil": {}})


# G7, G8


@pytest.mark.parametrize("key", ["prototypes", "constructor2", "_x_", "__x", "x__", "a$", "a.b", "a b", "\u00e9"])
def test_g07_keys_that_only_look_reserved_are_stripped_not_refused(key: str) -> None:
    assert codes(plan({key: 1})) == ["patch.out-of-scope"]


def test_g07_keys_are_not_split_at_dots() -> None:
    made = plan({"models.providers.acme.api": "cli", "models": {"providers.acme": {"api": "cli"}}})
    assert made.changes == []
    assert sorted(each.path for each in made.diagnostics) == [
        ("models", "providers.acme"),
        ("models.providers.acme.api",),
    ]


def test_g08_null_is_refused_with_its_path() -> None:
    (found,) = plan(own(models=[{"id": "a", "name": None}])).diagnostics
    assert (found.rule, found.code) == ("G8", "patch.null")
    assert found.path == ("models", "providers", "acme", "models", "[0]", "name")


# G9


@pytest.mark.parametrize("text", ["a!b", "cost: $5", "$5", "see file: x", "ratio 1:2", "(x)", "{x}", "openv:", "a!"])
def test_g09_text_that_refers_to_nothing_passes(text: str) -> None:
    assert not plan(own(models=[{"id": "a", "name": text}])).diagnostics


def test_g09_a_literal_key_becomes_a_reference_and_is_bound_to_its_origin() -> None:
    made = plan(own(apiKey=f" {SECRET}\n", baseUrl=URL))
    (secret,) = made.secrets
    assert (secret.key, secret.profile, secret.origin) == (SECRET, "acme:default", "https://api.acme.test")
    assert secret.path == ("models", "providers", "acme", "apiKey")
    assert made.granted_secrets() == (secret,)
    assert made.apply({}) == own(apiKey="profile:acme:default", baseUrl=URL)
    assert SECRET not in repr(made) + json.dumps(made.to_dict())


@pytest.mark.parametrize(
    ("variable", "right"),
    [("ACME_API_KEY", True), ("SHARED_API_KEY", False), ("OPENAI_API_KEY", False), ("HOME", False)],
)
def test_g09_only_a_variable_of_its_own_may_be_referred_to(variable: str, right: bool) -> None:
    made = plan(own(apiKey=f"${{{variable}}}"))
    assert made.refused != right
    assert codes(made) == ([] if right else ["patch.variable"])


def test_g09_a_provider_that_nobody_registered_has_no_variables() -> None:
    patch = {"models": {"providers": {"newcomer": {"apiKey": "${NEWCOMER_API_KEY}"}}}}
    assert codes(plan(patch, provider_id="newcomer")) == ["patch.variable"]


@pytest.mark.parametrize("marker", ["n/a", "qwen-oauth"])
def test_g09_a_marker_is_no_secret(marker: str) -> None:
    made = plan(own(apiKey=marker))
    assert made.secrets == ()
    assert made.apply({}) == own(apiKey=marker)


# G10, G11


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://API.acme.test:443/v1/", "https://api.acme.test/v1"),
        ("HTTPS://api.acme.test", "https://api.acme.test"),
        ("http://LOCALHOST:80/", "http://localhost"),
        ("https://[2001:DB8::1]:8443/v1", "https://[2001:db8::1]:8443/v1"),
    ],
)
def test_g10_the_url_is_stored_as_written_anew(given: str, stored: str) -> None:
    assert plan(own(baseUrl=given)).changes == [(("models", "providers", "acme", "baseUrl"), stored)]


def test_g10_every_fault_of_a_url_is_told_without_the_url() -> None:
    (found,) = plan(own(baseUrl="http://evil.test/?x#y")).diagnostics
    assert found.message == (
        "The base URL is not acceptable: A base URL has no query. A base URL has no fragment. "
        "Plain http is for this machine (127.0.0.1, [::1], localhost) only."
    )


@pytest.mark.parametrize("given", ["https://api.acme.test/v1/", "HTTPS://api.acme.test/v1", URL])
def test_g10_an_address_that_differs_in_spelling_only_is_no_change(given: str) -> None:
    current = own(baseUrl=given)
    made = plan(own(baseUrl=URL), current)
    assert (made.changes, made.consents, made.diagnostics) == ([], (), ())


def test_g10_a_private_address_that_the_user_typed_needs_no_further_consent() -> None:
    url = "http://192.168.1.9:8080/v1"
    patch = {"models": {"providers": {"newcomer": {"baseUrl": url}}}}
    made = plan(patch, provider_id="newcomer")
    assert asked(made) == [("private-http", ("models", "providers", "newcomer", "baseUrl"))]
    assert "http://192.168.1.9:8080" in made.consents[0].question
    assert plan(patch, provider_id="newcomer", typed=["http://192.168.1.9:8080"]).consents == ()
    assert len(plan(patch, provider_id="newcomer", typed=["http://192.168.1.8:8080", "x"]).consents) == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://[::1]:1", "http://localhost:1", "https://192.168.1.9"]
)
def test_g10_this_machine_and_encrypted_addresses_need_no_consent_to_the_way(url: str) -> None:
    patch = {"models": {"providers": {"newcomer": {"baseUrl": url}}}}
    assert plan(patch, provider_id="newcomer").consents == ()


@pytest.mark.parametrize(
    ("current", "question"),
    [
        ({}, False),
        (own(baseUrl="https://old.test"), True),
        (own(baseUrl="https://new.test:8443"), True),
        (own(baseUrl="https://new.test/other/path"), False),
        (own(baseUrl="${NEWCOMER_URL}"), True),
        (own(apiKey="sk-x"), True),
        (own(apiKey="n/a"), False),
        (own(headers={"X-Team": "t"}), True),
        (own(headers={}), False),
        ({"auth": {"profiles": {"newcomer:default": {}}}}, True),
        ({"auth": {"profiles": {"Newcomer:default": {}}}}, True),
        ({"auth": {"profiles": {"beta:default": {}}}}, False),
    ],
)
def test_g11_another_origin_needs_consent_where_credentials_are_or_may_be(
    current: dict[str, Any], question: bool
) -> None:
    current = json.loads(json.dumps(current).replace('"acme"', '"newcomer"'))
    patch = {"models": {"providers": {"newcomer": {"baseUrl": "https://new.test/v1"}}}}
    made = plan(patch, current, provider_id="newcomer")
    assert ("origin-change" in [each.code for each in made.consents]) == question
    if question:
        assert ("models", "providers", "newcomer", "baseUrl") not in [path for path, _ in made.granted(("overwrite",))]


def test_g11_a_provider_with_variables_has_credentials_whatever_the_config_says() -> None:
    made = plan(own(baseUrl="https://evil.test/v1"))
    assert asked(made) == [("origin-change", ("models", "providers", "acme", "baseUrl"))]
    assert "https://evil.test" in made.consents[0].question
    assert "https://api.acme.test" in made.consents[0].question
    assert made.apply({}) == {}


GAMMA = Owner(Trust.INSTALLED, "plugin:gamma-auth")


@pytest.mark.parametrize(
    ("registrar", "owner", "base_url", "current", "question"),
    [
        (GAMMA, GAMMA, None, {}, False),
        (GAMMA, BETA, None, {}, True),
        (BETA, GAMMA, None, {}, True),
        (Owner(Trust.INSTALLED, "app"), Owner(Trust.INSTALLED, "app"), None, {}, True),
        (GAMMA, GAMMA, "https://old.test/v1", {}, True),
        (GAMMA, GAMMA, None, {"models": {"providers": {"gamma": {"baseUrl": "https://old.test"}}}}, True),
        (GAMMA, GAMMA, None, {"models": {"providers": {"gamma": {"apiKey": "sk-x"}}}}, True),
        (GAMMA, GAMMA, None, {"auth": {"profiles": {"gamma:default": {}}}}, True),
    ],
    ids=[
        "its own first address",
        "another's login",
        "another's provider",
        "no plugin",
        "an address in the block",
        "an address in the config",
        "a key in the config",
        "a stored credential",
    ],
)
def test_g11_a_plugin_says_where_its_own_provider_is_when_nobody_has(
    registrar: Owner, owner: Owner, base_url: str | None, current: dict[str, Any], question: bool
) -> None:
    registry = ProviderRegistry()
    block = Provider(id="gamma", label="Gamma", base_url=base_url, env=EnvVars(any_of=("GAMMA_KEY",)))
    registry.register_provider(block, owner=registrar)
    patch = {"models": {"providers": {"gamma": {"baseUrl": "https://new.test/v1"}}}}
    made = plan_patch(current, patch, provider_id="gamma", owner=owner, registry=registry)
    assert ("origin-change" in [each.code for each in made.consents]) == question


def test_g11_the_rest_of_a_connection_waits_for_its_address() -> None:
    patch = own(
        baseUrl="https://evil.test/v1",
        apiKey=SECRET,
        api="anthropic-messages",
        auth="api-key",
        authHeader=True,
        headers={"X-Team": "blue"},
        models=[{"id": "a"}],
    )
    made = plan(patch)
    assert made.apply({}) == own(models=[{"id": "a"}])
    assert made.granted_secrets() == ()
    assert made.apply({}, ("origin-change",)) == own(
        baseUrl="https://evil.test/v1",
        apiKey="profile:acme:default",
        api="anthropic-messages",
        auth="api-key",
        authHeader=True,
        headers={"X-Team": "blue"},
        models=[{"id": "a"}],
    )
    assert [each.origin for each in made.granted_secrets(("origin-change",))] == ["https://evil.test"]


@pytest.mark.parametrize("field", [{"headers": {"X-Token-Less": "x"}}, {"api": "cli"}])
def test_g11_models_with_headers_or_a_style_of_their_own_wait_for_the_address_too(field: dict[str, Any]) -> None:
    made = plan(own(baseUrl="https://evil.test", models=[{"id": "a"}, {"id": "b", **field}]))
    if "headers" in field:
        assert made.refused  # a header that names a token is one that carries it
        made = plan(own(baseUrl="https://evil.test", models=[{"id": "a"}, {"id": "b", "headers": {"X-Team": "x"}}]))
    assert made.apply({}) == {}


def test_g11_a_key_for_a_new_address_is_not_stored_when_the_reference_is_there_already() -> None:
    current = own(baseUrl=URL, apiKey="profile:acme:default")
    made = plan(own(baseUrl="https://evil.test", apiKey=SECRET), current)
    assert made.granted_secrets(("overwrite",)) == ()
    assert made.granted_secrets(("origin-change",)) == ()
    assert len(made.granted_secrets(("overwrite", "origin-change"))) == 1


def test_g11_a_key_without_an_address_is_for_the_address_there_is() -> None:
    assert [each.origin for each in plan(own(apiKey=SECRET)).secrets] == ["https://api.acme.test"]
    current = own(baseUrl="https://mine.test/v1")
    assert [each.origin for each in plan(own(apiKey=SECRET), current).secrets] == ["https://mine.test"]
    patch = {"models": {"providers": {"newcomer": {"apiKey": SECRET}}}}
    assert [each.origin for each in plan(patch, provider_id="newcomer").secrets] == [None]


@pytest.mark.parametrize(
    "url",
    [
        "https://eu.acme.test",
        "https://eu.acme.test/",
        "https://eu.acme.test:8443/v1/",
        "HTTPS://EU.Acme.test:443/v1/a",
        "http://[::1]:3000/v1",
        "https://[2001:DB8:0:0::1]/v1",
        "http://10.0.0.1:80",
    ],
)
def test_g11_the_origin_of_a_plan_is_that_of_its_base_url(url: str) -> None:
    assert plan(own(baseUrl=url)).origin == str(origin_of(url))
    assert plan({}, own(baseUrl=url)).origin == str(origin_of(url))


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        (None, None),
        ("https://api.gamma.test:8443/v1", "https://api.gamma.test:8443"),
        ("https://{region}.gamma.test/v1", None),
    ],
)
def test_g11_without_an_own_entry_the_origin_is_that_of_the_registered_address(
    base_url: str | None, origin: str | None
) -> None:
    registry = ProviderRegistry()
    registry.register_provider(Provider(id="gamma", label="Gamma", aliases=("g2",), base_url=base_url), owner=BETA)
    for current, expected in (({}, origin), ({"models": {"providers": {"g2": {"baseUrl": URL}}}}, URL[:-3])):
        made = plan_patch(current, {}, provider_id="gamma", owner=BETA, registry=registry)
        assert made.origin == expected


@pytest.mark.parametrize("written", ["not a url", "${ACME_URL}", 7, [], ""])
def test_g11_an_address_that_cannot_be_read_has_no_origin(written: Any) -> None:
    assert plan({}, own(baseUrl=written)).origin is None


def test_g11_without_any_address_everything_waits_for_the_first_one() -> None:
    patch = {
        "models": {"providers": {"newcomer": {"baseUrl": "http://10.0.0.1", "models": [{"id": "a"}]}}},
        **entries(newcomer__a={}),
    }
    made = plan(patch, provider_id="newcomer")
    assert made.foundation == ("private-http",)
    assert made.apply({}) == {}
    assert made.apply({}, ("private-http",)) == patch


def test_g11_a_profile_is_for_the_address_that_its_login_brought() -> None:
    made = login({"profiles": [profile()], "configPatch": own(baseUrl="https://eu.acme.test")})
    assert made.patch.origin == "https://eu.acme.test"
    assert login({"profiles": [profile()]}).patch.origin == "https://api.acme.test"


# G12


@pytest.mark.parametrize(
    "name",
    ["X-Team", "Anthropic-Beta", "HTTP-Referer", "User-Agent", "X-Max-Tokens", "X-Goog-Api-Client", "Hostname", "X"],
)
def test_g12_other_headers_pass(name: str) -> None:
    made = plan(own(headers={name: "v"}))
    assert not made.diagnostics
    assert made.apply({}) == own(headers={name: "v"})


def test_g12_the_limits_are_where_they_are_said_to_be() -> None:
    assert not plan(own(headers={f"X-{number}": "x" * 2048 for number in range(31)} | {"y" * 128: ""})).diagnostics


def test_g12_a_header_there_in_another_letter_case_is_the_same_header() -> None:
    current = own(headers={"x-team": "red"})
    made = plan(own(headers={"X-Team": "blue", "X-New": "1"}), current)
    assert asked(made) == [("overwrite", ("models", "providers", "acme", "headers", "x-team"))]
    assert made.apply(current) == own(headers={"x-team": "red", "X-New": "1"})
    assert made.apply(current, ("overwrite",)) == own(headers={"x-team": "blue", "X-New": "1"})


# G13


def test_g13_the_first_entries_are_asked_about_once() -> None:
    current: dict[str, Any] = {"models": {"providers": {"beta": {}}}}
    made = plan(entries(acme__a={}, acme__b={}, acme__c={}), current)
    assert asked(made) == [("allow-list", ("agents", "defaults", "models"))]
    assert made.apply(current) == current
    assert len(made.apply(current, ("allow-list",))["agents"]["defaults"]["models"]) == 3  # type: ignore[index]


@pytest.mark.parametrize(
    "current",
    [
        {},
        own(api="cli"),
        {"auth": {"profiles": {"acme:x": {}, "Acme-AI:y": {}}}},
        {"agents": {"defaults": {"model": {"primary": "acme/a"}}}},
        {"models": {"providers": {"beta": {}}}, **entries(beta__b={})},
    ],
)
def test_g13_entries_that_hide_nobody_need_no_consent(current: dict[str, Any]) -> None:
    assert plan(entries(acme__a={}), current).consents == ()


def test_g13_an_alias_is_trimmed_and_may_stay_what_it_is() -> None:
    assert plan(entries(acme__a={"alias": " rocket "})).apply({}) == entries(acme__a={"alias": "rocket"})
    current = entries(acme__a={"alias": "rocket"})
    made = plan(entries(acme__a={"alias": "rocket"}), current)
    assert (made.changes, made.diagnostics) == ([], ())


@pytest.mark.parametrize("alias", ["acme", "acme-ai", "Acme"])
def test_g13_a_model_may_bear_a_name_of_its_own_provider(alias: str) -> None:
    assert not plan(entries(acme__a={"alias": alias})).diagnostics


# G14


@pytest.mark.parametrize(
    ("current", "mode", "consents"),
    [
        ({}, "merge", []),
        ({}, "replace", ["mode-replace"]),
        ({"models": {"mode": "merge"}}, "merge", []),
        ({"models": {"mode": "merge"}}, "replace", ["mode-replace", "overwrite"]),
        ({"models": {"mode": "replace"}}, "replace", []),
        ({"models": {"mode": "replace"}}, "merge", ["overwrite"]),
    ],
)
def test_g14_hiding_the_others_is_asked_about(current: dict[str, Any], mode: str, consents: list[str]) -> None:
    made = plan({"models": {"mode": mode}}, current)
    assert [each.code for each in made.consents] == consents
    assert made.apply(current, consents) == {"models": {"mode": mode}}


# G15


@pytest.mark.parametrize(
    "item",
    [
        None,
        "acme:default",
        {},
        {"profileId": "acme:default"},
        {"profileId": "acme:default", "credential": "x"},
        profile("beta:default"),
        profile("acme-ai:default"),
        profile("ACME:default"),
        profile("acme"),
        profile("acme:"),
        profile("acme:a b"),
        profile("acme:a\n"),
        profile(" acme:x"),
        profile("acme:${HOME}"),
        profile("acme:$(id)"),
        profile(7),  # type: ignore[arg-type]
        profile(provider="beta"),
        profile(provider="acme-ai"),
        profile(type="password"),
        profile(type=["api_key"]),
        profile(type="token"),
        profile(type="oauth"),
        profile(type="oauth", access=" ", refresh=""),
        profile(key=""),
        profile(key="  "),
        profile(key=7),
        profile(key="${OPENAI_API_KEY}"),
        profile(key="env:OPENAI_API_KEY"),
        profile(key="!cat key"),
        profile(email=7),
        profile(email="a\nb"),
        profile(email="x" * 255),
        profile(email="${HOME}"),
        profile(email=None),
        profile(expires="soon"),
        profile(expires=True),
        profile(__proto__={}),
        profile(**{"$include": "x"}),
    ],
)
def test_g15_a_profile_that_is_not_right_refuses_the_whole(item: Any) -> None:
    made = login({"profiles": [profile("acme:good"), item], "configPatch": own(api="cli")})
    assert made.refused
    assert (made.profiles, made.changes) == ((), [])
    assert all(each.path[:2] == ("profiles", "[1]") for each in made.diagnostics)


@pytest.mark.parametrize(
    ("fields", "kind", "email"),
    [
        ({"type": "api_key"}, "api_key", None),
        ({"type": "token", "token": "t", "expires": 1.5}, "token", None),
        ({"type": "oauth", "access": "a", "refresh": "r", "expires": 5, "email": "a@b.test"}, "oauth", "a@b.test"),
        ({"type": "oauth", "refresh": "r", "projectId": "p"}, "oauth", None),
        ({"type": "api_key", "email": ""}, "api_key", None),
        ({"type": "api_key", "email": "x" * 254}, "api_key", "x" * 254),
    ],
)
def test_g15_a_right_profile_is_kept_with_all_its_fields(fields: dict[str, Any], kind: str, email: str | None) -> None:
    (kept,) = login({"profiles": [profile("acme:work", **fields)]}).profiles
    assert (kept.id, kept.kind, kept.email) == ("acme:work", kind, email)
    assert kept.fields == {"key": "k-0123456789", **{key: item for key, item in fields.items() if key != "type"}}
    assert "k-0123456789" not in repr(kept)


def test_g15_profiles_are_a_list_without_repeats() -> None:
    assert login({"profiles": {}}).refused
    assert login({"profiles": [profile(), profile()]}).refused
    assert not login({"profiles": [profile(), profile("acme:b")]}).refused


@pytest.mark.parametrize(
    ("owners", "refused"),
    [
        ({}, False),
        ({"acme:default": "plugin:acme"}, False),
        ({"acme:default": "user"}, True),
        ({"acme:x": "user"}, False),
    ],
)
@pytest.mark.parametrize("result", [{"profiles": [profile()]}, {"configPatch": own(apiKey=SECRET)}])
def test_g15_nobody_elses_profile_is_overwritten(result: Any, owners: dict[str, str], refused: bool) -> None:
    assert login(result, profile_owners=owners).refused == refused


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, "login.result"),
        ([], "login.result"),
        (b"[]", "login.result"),
        ("null", "login.result"),
        (7, "login.result"),
        ("{", "patch.not-json"),
        ("x", "patch.not-json"),
        ({"profiles": 1, 2: 3}, "patch.key-type"),
        ({"profiles": 1}, "login.profile"),
    ],
)
def test_g15_a_result_is_an_object(result: Any, code: str) -> None:
    made = login(result)
    assert (made.refused, codes(made)) == (True, [code])


@pytest.mark.parametrize("patch", ["", [], 0, False, "x", 7])
def test_g15_a_patch_that_is_no_object_is_not_passed_over(patch: Any) -> None:
    assert codes(login({"profiles": [], "configPatch": patch})) == ["patch.root"]


def test_g15_null_at_the_top_means_that_a_part_is_not_there() -> None:
    made = login({"profiles": None, "configPatch": None, "defaultModel": None, "notes": None}, set_default=True)
    assert not made.refused
    assert (made.diagnostics, made.changes, made.notes) == ((), [], ())


def test_g15_an_unknown_field_is_told_and_passed_over() -> None:
    made = login({"profiles": [], "shell": "rm"})
    assert codes(made) == ["login.field"]
    assert made.diagnostics[0].path == ("shell",)


@pytest.mark.parametrize("asked_for", [True, False])
def test_g15_the_default_model_is_set_only_when_the_user_asks(asked_for: bool) -> None:
    current = {"agents": {"defaults": {"model": {"primary": "beta/b", "fallbacks": ["beta/c"]}}}}
    made = login({"profiles": [], "defaultModel": "acme/a"}, current, set_default=asked_for)
    after: Any = made.apply(current)
    assert after["agents"]["defaults"]["model"] == {
        "primary": "acme/a" if asked_for else "beta/b",
        "fallbacks": ["beta/c"],
    }
    assert made.default_model == ("acme/a" if asked_for else None)


@pytest.mark.parametrize(
    "ref",
    [
        "beta/b",
        "acme",
        "acme/",
        "/a",
        "acme-ai/a",
        "ACME/a",
        " acme/a",
        "acme/*",
        "acme/../b",
        "acme/${X}",
        "acme/!x",
        7,
    ],
)
def test_g15_a_default_model_of_somebody_else_is_passed_over(ref: Any) -> None:
    made = login({"profiles": [], "defaultModel": ref}, set_default=True)
    assert (codes(made), made.default_model, made.changes) == (["login.default-model"], None, [])


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.test\x07click\x1b]8;;\x1b\\", "click"),
        ("a\x1b\x1b[m[2Jb", "a[2Jb"),
        ("a\x00\x07\x08\rb", "ab"),
        ("a\x9b2Jb", "a2Jb"),
        ("a\u202eb\u2066c\u200bd\ufeffe", "abcde"),
        ("a\u2028b\u2029c", "abc"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\U000e0041b\ue000c\u00add", "abcd"),
        ("\u00e9\U0001f680\u4e2d", "\u00e9\U0001f680\u4e2d"),
    ],
)
def test_g15_notes_are_cleaned(note: str, shown: str) -> None:
    assert login({"profiles": [], "notes": [note]}).notes == (shown,)


def test_g15_notes_are_four_kibibytes_in_all_and_keep_their_borders() -> None:
    made = login({"profiles": [], "notes": ["a\nb", "  ", "\x00", "\u20ac" * 2000, "z"]})
    assert made.notes[0] == "a\nb"
    assert len("".join(made.notes).encode()) <= 4096
    assert made.notes[1] == "\u20ac" * ((4096 - 3) // 3)
    assert made.notes[2:] == ("z",)  # one byte was left


@pytest.mark.parametrize("notes", ["text", {"a": 1}, [1], ["ok", None]])
def test_g15_notes_that_are_none_are_told(notes: Any) -> None:
    made = login({"profiles": [], "notes": notes})
    assert codes(made) == ["login.notes"]
    assert made.notes == (("ok",) if isinstance(notes, list) and notes[0] == "ok" else ())


# G16


@pytest.mark.parametrize(
    ("after", "host"),
    [
        ({"tools": {"x": 2}}, ()),
        ({"tools": {}}, ()),
        ({}, ()),
        ({"tools": {"x": 1}, "new": 1}, ()),
        ({"tools": {"x": 1}, **own(priority=1)}, ()),
        ({"tools": {"x": 1}, "models": {"providers": {"beta": {}}}}, ()),
        ({"tools": {"x": 1}, "models": {"bedrockDiscovery": {}}}, ()),
        ({"tools": {"x": 1}, **entries(beta__b={})}, ()),
        ({"tools": {"x": 1}, **entries(acmeb={})}, ()),
        ({"tools": {"x": True}}, ()),
        ({"tools": {"x": 1}, "auth": {"profiles": {"acme:x": {}}}}, ()),
        ({"tools": {"x": 1}, "auth": {"profiles": {"acme:x": {}}}}, (("auth", "profiles", "acme:y"),)),
        ({"tools": {"x": 2}}, (("tools",),)),
        ({"tools": {"x": 1}, "auth": {"profiles": {"beta:x": {}}}}, (("auth", "profiles", "beta:x"),)),
        ({"tools": {"x": 1}, "auth": {"profiles": {"acme:x": {}}}}, (("auth", "profiles"),)),
        ({"tools": {"x": 1}, "auth": {"order": {"acme": []}}}, (("auth", "order"),)),
        ({"tools": {"x": 1}, "agents": {"defaults": {"x": 1}}}, (("agents", "defaults"),)),
        ({"tools": {"x": 1}, "agents": {"defaults": {"model": {"x": 1}}}}, (("agents", "defaults", "model", "x"),)),
        ({"tools": {"x": 1}, **entries(beta__b={})}, (("agents", "defaults", "models", "beta/b"),)),
        ({"tools": {"x": 1}, **entries(acme__b={})}, (("agents", "defaults", "models", "acme/b", "alias", "x"),)),
    ],
)
def test_g16_a_difference_elsewhere_is_found(after: dict[str, Any], host: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(InternalError) as caught:
        check_outcome({"tools": {"x": 1}}, after, "acme", host)
    assert caught.value.code == "internal.guard"


@pytest.mark.parametrize(
    ("before", "after", "host"),
    [
        ({}, {}, ()),
        ({"a": float("nan")}, {"a": float("nan")}, ()),
        ({}, own(baseUrl="x", apiKey="y", auth="z", api="a", headers={}, authHeader=True, models=[]), ()),
        ({"models": {}}, {"models": {"providers": {"acme": {"api": "cli"}}}}, ()),
        ({"models": {"providers": {}}}, {"models": {"mode": "merge"}}, ()),
        ({}, entries(acme__a={}), ()),
        (entries(acme__a={}), entries(acme__a={"alias": "x"}), ()),
        ({}, {"auth": {"profiles": {"acme:x": {}}}}, (("auth", "profiles", "acme:x"),)),
        ({}, {"auth": {"profiles": {"acme:x": {"mode": "x"}}}}, (("auth", "profiles", "acme:x", "mode"),)),
        ({}, {"auth": {"order": {"acme": ["x"]}}}, (("auth", "order", "acme"),)),
        ({}, {"agents": {"defaults": {"model": "x"}}}, (("agents", "defaults", "model"),)),
        ({}, {"agents": {"defaults": {"model": {"primary": "x"}}}}, (("agents", "defaults", "model", "primary"),)),
        ({}, entries(acme__a={}), (("agents", "defaults", "models", "acme/a"),)),
    ],
)
def test_g16_differences_within_reach_are_allowed(
    before: dict[str, Any], after: dict[str, Any], host: tuple[tuple[str, ...], ...]
) -> None:
    check_outcome(before, after, "acme", host)


def test_g16_holds_when_a_plan_is_applied() -> None:
    made = plan(own(api="cli"))
    forged = PatchPlan("beta", made.planned)
    with pytest.raises(InternalError):
        forged.apply({})


# G17


def test_g17_a_reference_in_the_users_file_stays_as_it_is_written() -> None:
    current = own(apiKey="${ACME_API_KEY}", models=[{"id": "a", "name": "${NAME}"}])
    made = plan(own(api="cli", models=[{"id": "b"}]), current)
    after: Any = made.apply(current)
    assert after["models"]["providers"]["acme"]["apiKey"] == "${ACME_API_KEY}"
    assert after["models"]["providers"]["acme"]["models"] == [{"id": "a", "name": "${NAME}"}, {"id": "b"}]


@pytest.mark.parametrize(
    "fields", [{}, {"type": "token", "token": SECRET}, {"type": "oauth", "access": "x", "refresh": SECRET}]
)
@pytest.mark.parametrize(
    "patch",
    [
        own(headers={"X-Team": f"a{SECRET}b"}),
        own(models=[{"id": SECRET}]),
        entries(acme__a={"params": {"user": SECRET}}),
        entries(**{f"acme__{SECRET}": {}}),
        own(baseUrl=f"https://api.acme.test/{SECRET}"),
    ],
)
def test_g17_a_secret_of_the_login_is_not_written_into_the_config(patch: Any, fields: dict[str, Any]) -> None:
    made = login({"profiles": [profile(**{"key": SECRET, **fields})], "configPatch": patch})
    assert made.refused
    assert set(codes(made)) == {"patch.secret"}
    assert SECRET not in str([each.to_dict() for each in made.diagnostics])


def test_g17_a_short_marker_may_stand_in_other_texts() -> None:
    result = {"profiles": [profile(key="n/a")], "configPatch": own(headers={"X-Team": "n/a"})}
    assert not login(result).refused
    assert not login(
        {**result, "profiles": [profile(key="x" * 11)], "configPatch": own(headers={"X": "x" * 12})}
    ).refused
    assert login({**result, "profiles": [profile(key="x" * 12)], "configPatch": own(headers={"X": "x" * 12})}).refused


# G18


def test_g18_a_workspace_plugin_does_not_get_a_name_of_core() -> None:
    registry = ProviderRegistry.with_core()
    thief = Owner(Trust.WORKSPACE, "plugin:thief")
    for block in (
        Provider(id="openai", label="Thief", base_url="https://evil.test", api="openai-completions"),
        Provider(
            id="thief", label="Thief", base_url="https://evil.test", api="openai-completions", aliases=("openai",)
        ),
    ):
        with pytest.raises(RegistrationError):
            registry.register_provider(block, owner=thief)
    assert registry.owner_of("openai").name == "core"


@pytest.mark.parametrize("first", [ACME, BETA])
def test_g18_the_order_of_arrival_does_not_decide_about_variables(first: Owner) -> None:
    made = plan(own(apiKey="${SHARED_API_KEY}"))
    assert made.refused


# G19


def test_g19_a_leaf_set_by_hand_stays_unless_agreed() -> None:
    current = own(api="cli", auth="token")
    made = plan(own(api="openai-completions", auth="token", authHeader=True), current)
    assert asked(made) == [("overwrite", ("models", "providers", "acme", "api"))]
    (found,) = made.diagnostics
    assert (found.code, found.rule, found.severity, found.hint) == (
        "patch.conflict",
        "G19",
        "warning",
        "Agree with --accept overwrite.",
    )
    assert made.apply(current) == own(api="cli", auth="token", authHeader=True)
    assert made.apply(current, ("overwrite",)) == own(api="openai-completions", auth="token", authHeader=True)


@pytest.mark.parametrize(
    ("written", "conflict"),
    [
        ({}, True),
        ({("models", "providers", "acme", "api"): "cli"}, False),
        ({("models", "providers", "acme", "api"): "x"}, True),
        ({("models", "providers", "acme"): {"api": "cli"}}, False),
        ({("models", "providers", "acme"): {"api": "x"}}, True),
        ({("models", "providers", "acme"): "cli"}, True),
        ({("models", "providers", "beta", "api"): "cli"}, True),
    ],
)
def test_g19_what_an_earlier_login_wrote_is_renewed_unasked(written: Any, conflict: bool) -> None:
    made = plan(own(api="openai-completions"), own(api="cli"), written=written)
    assert (asked(made) != []) == conflict


@pytest.mark.parametrize("value", [None, 0, "", [], {}, False])
def test_g19_a_value_of_a_wrong_type_was_set_by_hand_too(value: Any) -> None:
    assert [each.code for each in plan(own(api="cli"), own(api=value)).consents] == ["overwrite"]


MINE = {"id": "a", "name": "Mine", "contextWindow": 1}


@pytest.mark.parametrize(
    ("before", "given", "gentle", "whole"),
    [
        ([MINE], [{"id": "b"}], [MINE, {"id": "b"}], None),
        ([MINE], [{"id": "a", "maxTokens": 5}], [{**MINE, "maxTokens": 5}], None),
        ([MINE], [{"id": "a", "name": "Theirs"}], [MINE], [{**MINE, "name": "Theirs"}]),
        (
            [MINE],
            [{"id": "a", "name": "Theirs", "maxTokens": 5}, {"id": "b"}],
            [{**MINE, "maxTokens": 5}, {"id": "b"}],
            [{**MINE, "name": "Theirs", "maxTokens": 5}, {"id": "b"}],
        ),
        (["text", MINE, 7, {"name": "x"}], [{"id": "b"}], ["text", MINE, 7, {"name": "x"}, {"id": "b"}], None),
        ([{"id": None}], [{"id": "None"}], [{"id": None}, {"id": "None"}], None),
        ([MINE, MINE], [{"id": "a", "name": "Theirs"}], [MINE, MINE], [{**MINE, "name": "Theirs"}, MINE]),
        ([MINE, {"id": "b"}], [{"id": "b"}, {"id": "c"}], [MINE, {"id": "b"}, {"id": "c"}], None),
    ],
)
def test_g19_models_keep_their_place_and_what_was_set_in_them(before: Any, given: Any, gentle: Any, whole: Any) -> None:
    current = own(models=before)
    made = plan(own(models=given), current)
    assert made.apply(current) == own(models=gentle)
    assert made.apply(current, ("overwrite",)) == own(models=whole or gentle)
    assert bool(made.consents) == (whole is not None)


def test_g19_a_model_that_an_earlier_login_wrote_is_renewed_beside_one_set_by_hand() -> None:
    path = ("models", "providers", "acme", "models")
    current = own(models=[MINE, {"id": "b", "name": "Old"}])
    made = plan(
        own(models=[{"id": "b", "name": "New"}]),
        current,
        written={path: ["text", {"id": None}, {"id": "a", "name": "Other"}, {"id": "b", "name": "Old"}]},
    )
    assert made.consents == ()
    assert made.apply(current) == own(models=[MINE, {"id": "b", "name": "New"}])


def test_g19_a_list_of_models_that_is_none_is_a_leaf() -> None:
    current = own(models={"x": 1})
    made = plan(own(models=[{"id": "a"}]), current)
    assert made.apply(current) == current
    assert made.apply(current, ("overwrite",)) == own(models=[{"id": "a"}])


def test_g19_fields_that_a_patch_does_not_name_stay() -> None:
    current = entries(acme__a={"params": {"x": 1}, "note": "mine"})
    made = plan(entries(acme__a={"alias": "rocket"}), current)
    assert made.changes == [(("agents", "defaults", "models", "acme/a", "alias"), "rocket")]
    assert made.apply(current) == entries(acme__a={"params": {"x": 1}, "note": "mine", "alias": "rocket"})


def test_g19_an_object_that_takes_in_a_file_is_not_written_into_unasked() -> None:
    current = {"agents": {"defaults": {"$include": "./defaults.json5"}}}
    made = plan(entries(acme__a={}, acme__b={}), current)
    assert asked(made) == [("include", ("agents", "defaults"))]
    assert made.apply(current) == current
    assert "acme/b" in made.apply(current, ("include",))["agents"]["defaults"]["models"]  # type: ignore[index]


def test_g19_a_read_only_config_is_read_like_any_other() -> None:
    current = MappingProxyType({"models": MappingProxyType({"providers": MappingProxyType({"acme": {"api": "cli"}})})})
    assert asked(plan(own(api="openai-completions"), current)) == [
        ("overwrite", ("models", "providers", "acme", "api"))
    ]
