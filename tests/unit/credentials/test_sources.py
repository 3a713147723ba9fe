"""Where a credential comes from, which source wins, and why the others do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.settings import ProviderSettings, Settings, read_settings
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.sources import SHUT_REASONS, Source, Surroundings, find_sources, pick_source
from jackfield.credentials.usage import Usage
from jackfield.errors import CredentialError
from jackfield.providers.block import ApiKey, AuthMethod, EnvSet, EnvVars, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = 1_800_000_000_000
CANARY = "sk-canary-0123456789abcdef"

KEY_METHOD = AuthMethod(
    "api-key", "acme-api-key", "api_key", "Acme API key", "api-key", key=ApiKey("Key"), profile="acme:default"
)
ACME = Provider(
    id="acme",
    label="Acme",
    aliases=("acme-ai", "a.c.m.e"),
    base_url="https://api.acme.test/v1",
    api="openai-completions",
    auth=(KEY_METHOD,),
    env=EnvVars(any_of=("ACME_OAUTH_TOKEN", "ACME_API_KEY", "ACME_KEY")),
)


def key(name: str, secret: str = "k", **usage: int) -> Profile:
    return Profile(f"acme:{name}", ApiKeyCredential(Secret(secret)), usage=Usage(**usage))  # type: ignore[arg-type]


def token(name: str, expires: int | None = None) -> Profile:
    return Profile(f"acme:{name}", TokenCredential(Secret("t"), expires))


def oauth(name: str, *, access: str = "a", refresh: str | None = "r", expires: int = NOW + 1) -> Profile:
    return Profile(f"acme:{name}", OAuthCredential(Secret(access), Secret(refresh) if refresh else None, expires))


def where(
    *profiles: Profile,
    config: object = None,
    order: Mapping[str, Sequence[str]] | None = None,
    env: Mapping[str, str] | None = None,
    files: Sequence[str] = (),
) -> Surroundings:
    return Surroundings(read_settings(config), profiles, order or {}, env or {}, NOW, set(files).__contains__)


def entry(**fields: object) -> dict[str, object]:
    return {"models": {"providers": {"acme": fields}}}


def listed(config_profiles: Mapping[str, str], order: Sequence[str] | None = None) -> dict[str, object]:
    profiles = {name: {"provider": "acme", "mode": mode} for name, mode in config_profiles.items()}
    return {"auth": {"profiles": profiles, "order": {"acme": list(order)} if order is not None else {}}}


def labels(sources: Sequence[Source]) -> list[str]:
    return [each.label for each in sources]


def usable(sources: Sequence[Source]) -> list[str]:
    return [each.name for each in sources if each.usable]


def reasons(sources: Sequence[Source]) -> dict[str, str | None]:
    return {each.name: each.reason for each in sources if not each.usable}


# --- precedence ------------------------------------------------------------------------------------------------------


def test_profiles_go_before_the_environment_and_that_before_the_config() -> None:
    found = find_sources(
        ACME,
        where(key("a"), oauth("b"), config=entry(apiKey="from config"), env={"ACME_KEY": "x", "ACME_API_KEY": "y"}),
    )
    assert labels(found) == [
        "profile acme:b",
        "profile acme:a",
        "env ACME_API_KEY",
        "env ACME_KEY",
        "config models.providers.acme.apiKey",
    ]
    assert all(each.usable for each in found)


def test_each_source_wins_when_those_before_it_are_gone() -> None:
    config = entry(apiKey="from config")
    cases = [
        (where(key("a", "kept"), config=config, env={"ACME_KEY": "set"}), "kept"),
        (where(config=config, env={"ACME_KEY": "set"}), "set"),
        (where(config=config), "from config"),
    ]
    for surroundings, expected in cases:
        winner = pick_source(find_sources(ACME, surroundings))
        assert winner is not None
        assert winner.secret == Secret(expected)


def test_nothing_anywhere_is_no_source() -> None:
    assert find_sources(ACME, where()) == ()
    assert pick_source(()) is None


def test_sources_that_cannot_be_used_are_shown_and_never_win() -> None:
    found = find_sources(ACME, where(token("a", NOW), config=entry(apiKey="${UNSET}")))
    assert reasons(found) == {
        "acme:a": "it has expired or is blank",
        "models.providers.acme.apiKey": "UNSET is not set",
    }
    assert pick_source(found) is None


def test_the_aws_chain_goes_before_everything_where_the_config_demands_it() -> None:
    surroundings = where(key("a"), config=entry(auth="aws-sdk", apiKey="x"), env={"ACME_KEY": "x"})
    found = find_sources(ACME, surroundings)
    assert found[0] == Source("chain", "AWS credential chain", "aws-sdk")
    assert labels(found)[1:] == ["profile acme:a", "env ACME_KEY", "config models.providers.acme.apiKey"]


@pytest.mark.parametrize("auth", ["api-key", "oauth", "token", None])
def test_no_other_kind_of_auth_in_the_config_brings_the_aws_chain(auth: str | None) -> None:
    assert find_sources(ACME, where(config=entry(auth=auth))) == ()


# --- profiles --------------------------------------------------------------------------------------------------------


def test_profiles_of_other_providers_are_none_of_its() -> None:
    other = Profile("other:a", ApiKeyCredential(Secret("k")))
    longer = Profile("acme2:a", ApiKeyCredential(Secret("k")))
    assert find_sources(ACME, where(other, longer)) == ()


def test_a_profile_stored_under_an_alias_counts() -> None:
    found = find_sources(ACME, where(Profile("acme-ai:old", ApiKeyCredential(Secret("k")))))
    assert labels(found) == ["profile acme-ai:old"]


def test_without_an_order_oauth_goes_before_tokens_before_keys_and_the_rested_last() -> None:
    found = find_sources(
        ACME,
        where(key("used", last_used=5), key("new"), token("t"), oauth("o"), key("tired", cooldown_until=NOW + 1)),
    )
    assert usable(found) == ["acme:o", "acme:t", "acme:new", "acme:used", "acme:tired"]


def test_an_explicit_order_is_kept_with_the_rested_last() -> None:
    config = listed({}, ["acme:b", "acme:a", "acme:c"])
    found = find_sources(ACME, where(oauth("a"), key("b", cooldown_until=NOW + 1), key("c"), config=config))
    assert usable(found) == ["acme:a", "acme:c", "acme:b"]


def test_the_order_in_the_store_goes_before_that_in_the_config() -> None:
    config = listed({}, ["acme:a", "acme:b"])
    profiles = (key("a"), key("b"))
    assert usable(find_sources(ACME, where(*profiles, config=config))) == ["acme:a", "acme:b"]
    for stored in ({"acme": ["acme:b", "acme:a"]}, {"acme-ai": ["acme:b", "acme:a"]}):
        assert usable(find_sources(ACME, where(*profiles, config=config, order=stored))) == ["acme:b", "acme:a"]
    empty = where(*profiles, config=config, order={"acme": [], "other": ["acme:b"]})
    assert usable(find_sources(ACME, empty)) == ["acme:a", "acme:b"]


def test_what_an_order_leaves_out_is_shown_with_the_reason() -> None:
    found = find_sources(ACME, where(key("a"), oauth("b"), key("c"), config=listed({}, ["acme:c"])))
    assert usable(found) == ["acme:c"]
    why = "the profile order does not name it"
    assert reasons(found) == {"acme:a": why, "acme:b": why}
    assert labels(found) == ["profile acme:c", "profile acme:a", "profile acme:b"]


def test_an_order_may_name_what_is_not_there_and_a_name_twice() -> None:
    config = listed({}, ["acme:gone", "acme:b", "acme:b", "acme:a"])
    assert usable(find_sources(ACME, where(key("a"), key("b"), config=config))) == ["acme:b", "acme:a"]


def test_an_order_is_found_under_an_alias_in_any_spelling() -> None:
    config = {"auth": {"order": {" A.C.M.E ": ["acme:b", "acme:a"]}}}
    assert usable(find_sources(ACME, where(key("a"), key("b"), config=config))) == ["acme:b", "acme:a"]


def test_where_the_config_lists_profiles_only_those_count() -> None:
    found = find_sources(ACME, where(key("a"), key("b"), config=listed({"acme:b": "api_key"})))
    assert usable(found) == ["acme:b"]
    assert reasons(found) == {"acme:a": "auth.profiles lists others, but not this one"}


def test_an_order_goes_before_the_list_in_the_config() -> None:
    found = find_sources(ACME, where(key("a"), key("b"), config=listed({"acme:b": "api_key"}, ["acme:a"])))
    assert usable(found) == ["acme:a"]


def test_profiles_that_the_config_lists_for_others_do_not_hide_any() -> None:
    config = {"auth": {"profiles": {"other:x": {"provider": "other", "mode": "token"}}}}
    assert usable(find_sources(ACME, where(key("a"), config=config))) == ["acme:a"]


def test_the_list_in_the_config_may_name_the_provider_by_an_alias() -> None:
    config = {"auth": {"profiles": {"acme:b": {"provider": " Acme-AI ", "mode": "api_key"}}}}
    assert usable(find_sources(ACME, where(key("a"), key("b"), config=config))) == ["acme:b"]


@pytest.mark.parametrize(
    ("mode", "kind", "fits"),
    [
        ("api_key", "api_key", True),
        ("api_key", "token", False),
        ("api_key", "oauth", False),
        ("token", "token", True),
        ("token", "api_key", False),
        ("token", "oauth", False),
        ("oauth", "oauth", True),
        ("oauth", "token", True),
        ("oauth", "api_key", False),
        ("other", "api_key", False),
    ],
)
@pytest.mark.parametrize("ordered", [True, False])
def test_a_credential_must_be_of_the_mode_that_the_config_names(
    mode: str, kind: str, fits: bool, ordered: bool
) -> None:
    profile = {"api_key": key("a"), "token": token("a"), "oauth": oauth("a")}[kind]
    found = find_sources(ACME, where(profile, config=listed({"acme:a": mode}, ["acme:a"] if ordered else None)))
    assert [each.usable for each in found] == [fits]
    if not fits:
        assert found[0].reason == f"auth.profiles says its mode is {mode}, but it holds a credential of kind {kind}"


@pytest.mark.parametrize(
    ("profile", "fits"),
    [
        (token("a", NOW), False),
        (token("a", NOW + 1), True),
        (token("a"), True),
        (oauth("a", expires=0), True),
        (oauth("a", expires=NOW, refresh=None), False),
        (oauth("a", expires=NOW + 1, refresh=None), True),
        (oauth("a", access="", expires=0), True),
    ],
)
def test_an_expired_profile_is_not_used(profile: Profile, fits: bool) -> None:
    for order in ({}, {"acme": ["acme:a"]}):
        found = find_sources(ACME, where(profile, order=order))
        assert [(each.usable, each.reason) for each in found] == [
            (True, None) if fits else (False, "it has expired or is blank")
        ]


def test_each_kind_of_profile_gives_what_is_sent_and_its_origin() -> None:
    origin = "https://api.acme.test"
    profiles = (
        Profile("acme:k", ApiKeyCredential(Secret("the key")), origin=origin),
        Profile("acme:t", TokenCredential(Secret("the token"))),
        Profile("acme:o", OAuthCredential(Secret("the access"), Secret("the refresh"), NOW + 1)),
    )
    found = find_sources(ACME, where(*profiles))
    assert found == (
        Source("profile", "acme:o", "oauth", secret=Secret("the access")),
        Source("profile", "acme:t", "token", secret=Secret("the token")),
        Source("profile", "acme:k", "api_key", secret=Secret("the key"), origin=origin),
    )


# --- a profile that was asked for ------------------------------------------------------------------------------------


def test_the_profile_that_was_asked_for_wins_over_everything() -> None:
    surroundings = where(oauth("o"), key("k", "kept"), config=entry(auth="aws-sdk"), env={"ACME_KEY": "x"})
    winner = pick_source(find_sources(ACME, surroundings), profile="acme:k")
    assert winner == Source("profile", "acme:k", "api_key", secret=Secret("kept"))


def test_the_profile_that_was_asked_for_may_rest() -> None:
    found = find_sources(ACME, where(key("a"), key("b", cooldown_until=NOW + 9)))
    winner = pick_source(found, profile="acme:b")
    assert winner is not None
    assert winner.name == "acme:b"


@pytest.mark.parametrize("config", [listed({}, ["acme:a"]), listed({"acme:a": "api_key"})])
def test_the_profile_that_was_asked_for_need_not_be_in_the_order(config: dict[str, object]) -> None:
    found = find_sources(ACME, where(key("a"), key("b", "asked"), config=config))
    assert usable(found) == ["acme:a"]
    assert pick_source(found, profile="acme:b") == Source("profile", "acme:b", "api_key", secret=Secret("asked"))


@pytest.mark.parametrize(
    ("profile", "config", "why"),
    [
        (key("b"), {}, "there is none of that name"),
        (token("a", NOW), {}, "it has expired or is blank"),
        (token("a", NOW), listed({}, ["acme:b"]), "it has expired or is blank"),
        (
            key("a"),
            listed({"acme:a": "oauth"}),
            "auth.profiles says its mode is oauth, but it holds a credential of kind api_key",
        ),
    ],
)
def test_the_profile_that_was_asked_for_is_an_error_when_it_cannot_be_used(
    profile: Profile, config: dict[str, object], why: str
) -> None:
    found = find_sources(ACME, where(profile, config=config, env={"ACME_KEY": "x"}))
    with pytest.raises(CredentialError) as caught:
        pick_source(found, profile="acme:a")
    assert caught.value.code == "credential.profile"
    assert caught.value.message == f"The profile acme:a cannot be used: {why}."
    assert "auth list" in str(caught.value.fix)


def test_a_variable_is_no_profile_even_by_name() -> None:
    found = find_sources(ACME, where(env={"ACME_KEY": "x"}))
    with pytest.raises(CredentialError):
        pick_source(found, profile="ACME_KEY")


# --- environment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, []),
        ({"ACME_KEY": "c"}, [("ACME_KEY", "api_key", "c")]),
        ({"ACME_KEY": "c", "ACME_API_KEY": "b"}, [("ACME_API_KEY", "api_key", "b"), ("ACME_KEY", "api_key", "c")]),
        ({"ACME_API_KEY": "", "ACME_KEY": "c"}, [("ACME_KEY", "api_key", "c")]),
        ({"ACME_API_KEY": " \t\n", "ACME_KEY": " c\n"}, [("ACME_KEY", "api_key", "c")]),
        (
            {"ACME_KEY": "c", "ACME_OAUTH_TOKEN": "a"},
            [("ACME_OAUTH_TOKEN", "oauth", "a"), ("ACME_KEY", "api_key", "c")],
        ),
        ({"acme_key": "x", "ACME_KEYS": "x", "XACME_KEY": "x"}, []),
    ],
)
def test_variables_count_in_the_order_of_the_block_trimmed_and_blank_is_unset(
    env: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    found = find_sources(ACME, where(env=env))
    assert found == tuple(Source("env", name, mode, secret=Secret(value)) for name, mode, value in expected)


def with_sets(*sets: EnvSet, **fields: Any) -> Provider:
    return Provider(id="cloud", label="Cloud", env=EnvVars(sets=sets), **fields)


ALL = EnvSet(all_of=("C_ID", "C_SECRET"))
ANY = EnvSet(all_of=("C_PLACE",), any_of=("C_PROJECT", "C_TEAM"))
FILE = EnvSet(all_of=("C_PLACE",), file_variable="C_FILE", file_default="~/.cloud.json")


@pytest.mark.parametrize(
    ("each", "env", "expected"),
    [
        (ALL, {}, None),
        (ALL, {"C_ID": "i"}, ("C_ID", "missing: C_SECRET")),
        (ALL, {"C_SECRET": "s", "C_ID": " "}, ("C_SECRET", "missing: C_ID")),
        (ALL, {"C_SECRET": "s", "C_ID": "i"}, ("C_ID + C_SECRET", None)),
        (ANY, {"C_PLACE": "p"}, ("C_PLACE", "missing: C_PROJECT or C_TEAM")),
        (ANY, {"C_TEAM": "t"}, ("C_TEAM", "missing: C_PLACE")),
        (ANY, {"C_PLACE": "p", "C_TEAM": "t"}, ("C_PLACE + C_TEAM", None)),
        (ANY, {"C_PLACE": "p", "C_TEAM": "t", "C_PROJECT": "x"}, ("C_PLACE + C_PROJECT + C_TEAM", None)),
        (FILE, {}, None),
        (FILE, {"C_PLACE": "p"}, ("C_PLACE", "missing: the file ~/.cloud.json")),
        (FILE, {"C_PLACE": "p", "C_FILE": " /there "}, ("C_PLACE + C_FILE", None)),
        (FILE, {"C_PLACE": "p", "C_FILE": "/gone"}, ("C_PLACE + C_FILE", "missing: the file /gone")),
        (FILE, {"C_FILE": "/gone"}, ("C_FILE", "missing: C_PLACE, the file /gone")),
    ],
)
def test_a_set_counts_when_it_is_whole_and_is_shown_when_it_is_begun(
    each: EnvSet, env: dict[str, str], expected: tuple[str, str | None] | None
) -> None:
    provider = with_sets(each, auth_mode="adc")
    found = find_sources(provider, where(env=env, files=["/there"]))
    assert [(one.kind, one.name, one.mode, one.usable, one.reason, one.secret) for one in found] == (
        [] if expected is None else [("env", expected[0], "adc", expected[1] is None, expected[1], None)]
    )


def test_the_default_file_counts_when_no_variable_names_another() -> None:
    provider = with_sets(FILE, auth_mode="adc")
    default = ["~/.cloud.json"]
    assert usable(find_sources(provider, where(env={"C_PLACE": "p"}, files=default))) == ["C_PLACE"]
    assert usable(find_sources(provider, where(env={"C_PLACE": "p", "C_FILE": "/gone"}, files=default))) == []
    assert find_sources(provider, where(files=default)) == ()


def test_sets_are_alternatives_in_the_order_of_the_block() -> None:
    provider = with_sets(EnvSet(all_of=("C_TOKEN",)), ALL, EnvSet(all_of=("C_PROFILE",)), auth_mode="aws-sdk")
    found = find_sources(provider, where(env={"C_PROFILE": "p", "C_ID": "i", "C_TOKEN": "t"}))
    assert labels(found) == ["env C_TOKEN", "env C_ID", "env C_PROFILE"]
    assert usable(found) == ["C_TOKEN", "C_PROFILE"]
    assert {each.mode for each in found} == {"aws-sdk"}


def test_a_set_of_a_provider_that_takes_keys_holds_a_key() -> None:
    found = find_sources(with_sets(ALL), where(env={"C_ID": "i", "C_SECRET": "s"}))
    assert [each.mode for each in found] == ["api_key"]


# --- config ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "env", "expected", "missing"),
    [
        ("plain", {}, "plain", None),
        (" plain ", {}, "plain", None),
        ("n/a", {}, "n/a", None),
        ("${MY_KEY}", {"MY_KEY": " v "}, "v", None),
        ("${MY_KEY}", {}, None, "MY_KEY is not set"),
        ("${MY_KEY}", {"MY_KEY": " "}, None, "MY_KEY is not set"),
        ("a-${ONE}-${TWO}-b", {"ONE": "1", "TWO": "2"}, "a-1-2-b", None),
        ("${ONE}${TWO}", {}, None, "ONE, TWO are not set"),
        ("${ONE}${ONE}", {}, None, "ONE is not set"),
        ("${ONE}${TWO}", {"ONE": "1"}, None, "TWO is not set"),
        ("${lower}", {"lower": "x"}, "${lower}", None),
        ("${1A}", {}, "${1A}", None),
        ("$MY_KEY", {"MY_KEY": "x"}, "$MY_KEY", None),
        ("$${MY_KEY}", {"MY_KEY": "x"}, "${MY_KEY}", None),
        ("${ONE}", {"ONE": "${TWO}", "TWO": "x"}, "${TWO}", None),
    ],
)
def test_the_key_in_the_config_may_be_a_reference(
    written: str, env: dict[str, str], expected: str | None, missing: str | None
) -> None:
    found = find_sources(ACME, where(config=entry(apiKey=written), env=env))
    secret = None if expected is None else Secret(expected)
    path = "models.providers.acme.apiKey"
    assert found == (Source("config", path, "api_key", usable=missing is None, reason=missing, secret=secret),)


@pytest.mark.parametrize("written", [None, "", "  ", 5, ["x"]])
def test_a_key_in_the_config_that_says_nothing_is_none(written: object) -> None:
    assert find_sources(ACME, where(config=entry(apiKey=written))) == ()


@pytest.mark.parametrize(
    ("spelled", "path"),
    [
        ("acme-ai", "models.providers.acme-ai.apiKey"),
        ("A.C.M.E", 'models.providers["A.C.M.E"].apiKey'),
        (" ACME ", 'models.providers[" ACME "].apiKey'),
    ],
)
def test_the_config_may_spell_the_provider_by_an_alias(spelled: str, path: str) -> None:
    config = {"models": {"providers": {spelled: {"apiKey": "x"}}}}
    assert labels(find_sources(ACME, where(config=config))) == [f"config {path}"]


# --- no key needed ---------------------------------------------------------------------------------------------------

LOCAL = Provider(id="acme", label="Local", base_url="http://127.0.0.1:1234/v1", local=True)
CONFIG_ONLY = Provider(id="acme", label="acme", base_url="http://127.0.0.1:8080/v1", api="openai-completions")
NONE = Source("none", "no key needed", "none")


def test_a_local_service_needs_no_key_and_takes_one_that_is_there() -> None:
    assert find_sources(LOCAL, where()) == (NONE,)
    found = find_sources(LOCAL, where(key("a"), config=entry(apiKey="x")))
    assert labels(found) == ["profile acme:a", "config models.providers.acme.apiKey", "no key needed"]


@pytest.mark.parametrize(
    ("fields", "keyless"),
    [
        ({"baseUrl": "http://127.0.0.1:8080/v1"}, True),
        ({"baseUrl": "http://127.0.0.1:8080/v1", "apiKey": ""}, True),
        ({"baseUrl": "http://127.0.0.1:8080/v1", "apiKey": "x"}, False),
        ({"baseUrl": "http://127.0.0.1:8080/v1", "apiKey": "${UNSET}"}, False),
        ({}, False),
    ],
)
def test_a_provider_of_the_config_alone_with_an_address_and_no_key_needs_none(
    fields: dict[str, object], keyless: bool
) -> None:
    assert (NONE in find_sources(CONFIG_ONLY, where(config=entry(**fields)))) is keyless


@pytest.mark.parametrize(
    "provider",
    [
        ACME,
        Provider(id="acme", label="A", env=EnvVars(any_of=("A",))),
        Provider(id="acme", label="A", env=EnvVars(sets=(ALL,))),
        Provider(id="acme", label="A", auth=(KEY_METHOD,)),
    ],
)
def test_a_provider_that_declares_a_credential_is_not_keyless_for_an_address(provider: Provider) -> None:
    assert find_sources(provider, where(config=entry(baseUrl="https://proxy.test"))) == ()


def test_without_an_entry_nothing_is_keyless() -> None:
    assert find_sources(CONFIG_ONLY, where()) == ()


# --- telling ---------------------------------------------------------------------------------------------------------


def test_no_secret_is_told() -> None:
    profiles = (
        key("k", CANARY),
        Profile("acme:t", TokenCredential(Secret(CANARY))),
        Profile("acme:o", OAuthCredential(Secret(CANARY), Secret(CANARY), NOW + 1)),
        Profile("acme:x", TokenCredential(Secret(CANARY), NOW)),
    )
    surroundings = where(*profiles, config=entry(apiKey="${MY}"), env={"ACME_KEY": CANARY, "MY": CANARY})
    found = find_sources(ACME, surroundings)
    assert len(found) == 6
    shown = repr(found) + json.dumps([each.to_dict() for each in found]) + "".join(labels(found))
    assert "canary" not in shown
    with pytest.raises(CredentialError) as caught:
        pick_source(found, profile="acme:x")
    assert "canary" not in repr(caught.value.to_dict())


def test_a_source_as_data_has_five_fields() -> None:
    source = Source(
        "env", "ACME_KEY", "api_key", usable=False, reason="why", secret=Secret("s"), origin="https://x.test"
    )
    assert source.to_dict() == {
        "kind": "env",
        "name": "ACME_KEY",
        "mode": "api_key",
        "usable": False,
        "reason": "why",
    }
    assert source.label == "env ACME_KEY"
    assert NONE.label == "no key needed"


# --- the blocks that ship --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "env", "files", "expected"),
    [
        ("anthropic", {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_OAUTH_TOKEN": "o"}, [], ("ANTHROPIC_OAUTH_TOKEN", "oauth")),
        ("z.ai", {"Z_AI_API_KEY": "k"}, [], ("Z_AI_API_KEY", "api_key")),
        ("amazon-bedrock", {"AWS_PROFILE": "p"}, [], ("AWS_PROFILE", "aws-sdk")),
        ("amazon-bedrock", {"AWS_ACCESS_KEY_ID": "i"}, [], None),
        (
            "google-vertex",
            {"GOOGLE_CLOUD_LOCATION": "l", "GCLOUD_PROJECT": "p"},
            ["~/.config/gcloud/application_default_credentials.json"],
            ("GOOGLE_CLOUD_LOCATION + GCLOUD_PROJECT", "adc"),
        ),
        ("google-vertex", {"GOOGLE_CLOUD_LOCATION": "l", "GCLOUD_PROJECT": "p"}, [], None),
        ("ollama", {}, [], ("no key needed", "none")),
    ],
)
def test_core_providers_find_their_own_variables(
    name: str, env: dict[str, str], files: list[str], expected: tuple[str, str] | None
) -> None:
    provider = ProviderRegistry.with_core().resolve_provider(name)
    winner = pick_source(find_sources(provider, where(env=env, files=files)))
    assert (None if winner is None else (winner.name, winner.mode)) == expected


def test_one_variable_may_serve_several_providers() -> None:
    registry = ProviderRegistry.with_core()
    claimed: dict[str, list[str]] = {}
    for provider in registry.list_providers():
        for variable in provider.env.any_of:
            claimed.setdefault(variable, []).append(provider.id)
    for variable, ids in claimed.items():
        serving = [
            each.id
            for each in registry.list_providers()
            if any(one.name == variable for one in find_sources(each, where(env={variable: "x"})))
        ]
        assert serving == ids


# --- a key that a login moved into the store


def test_a_reference_to_a_profile_leads_to_its_secret_and_origin() -> None:
    entry = ProviderSettings("acme", base_url="https://api.acme.test/v1", api_key="profile:acme:default")
    profile = Profile("acme:default", ApiKeyCredential(Secret("sk-acme")), origin="https://api.acme.test")
    found = find_sources(
        Provider("acme", "Acme", base_url="https://api.acme.test/v1"),
        Surroundings(Settings(providers=(entry,)), (profile,), {}, {}, 0, lambda _: False),
    )
    assert [(each.kind, each.name, each.usable) for each in found] == [
        ("profile", "acme:default", True),
        ("config", "models.providers.acme.apiKey", True),
    ]
    assert found[1].secret == Secret("sk-acme")
    assert found[1].origin == "https://api.acme.test"


@pytest.mark.parametrize(
    ("profiles", "reason"),
    [
        ((), "there is no profile acme:default"),
        (
            (Profile("acme:default", TokenCredential(Secret("t"), expires=1)),),
            "the profile acme:default has expired or is blank",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(profiles: tuple[Profile, ...], reason: str) -> None:
    entry = ProviderSettings("acme", api_key="profile:acme:default")
    found = find_sources(
        Provider("acme", "Acme"),
        Surroundings(Settings(providers=(entry,)), profiles, {}, {}, 10, lambda _: False),
    )
    (config,) = [each for each in found if each.kind == "config"]
    assert (config.usable, config.reason, config.secret) == (False, reason, None)


# --- what cannot be opened -------------------------------------------------------------------------------------------


def test_a_profile_that_cannot_be_opened_is_a_source_that_says_why() -> None:
    why = SHUT_REASONS["store.other-key"]
    seen = replace(where(key("a"), config=listed({"acme:b": "oauth"})), shut={"acme:b": why, "other:c": why})
    shut = [each for each in find_sources(ACME, seen) if each.name == "acme:b"]
    assert [(each.kind, each.mode, each.usable, each.reason) for each in shut] == [("profile", "oauth", False, why)]
    assert seen.is_untold(["acme"])
    assert not seen.is_untold(["else"])
    assert replace(seen, shut={}, unread=True).is_untold(["else"])


def test_a_reference_to_a_profile_that_cannot_be_opened_does_not_say_that_there_is_none() -> None:
    why = SHUT_REASONS["store.sealed"]
    seen = replace(where(config=entry(apiKey="profile:acme:b")), shut={"acme:b": why})
    assert f"the profile acme:b: {why}" in reasons(find_sources(ACME, seen)).values()
