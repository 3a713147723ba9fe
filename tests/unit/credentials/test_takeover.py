"""What becomes of an older program's credentials: taken, kept or skipped, and what the config is told of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.settings import read_settings
from jackfield.credentials.legacy import LegacyEntry, read_legacy
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.takeover import Takeover, TakeoverContext, plan_takeover, takeover_changes
from jackfield.providers.block import Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace
from support.cli import leaks

if TYPE_CHECKING:
    from jackfield.credentials.profile import Credential

NOW = 1_800_000_000_000
KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
FILE = "agents/main/agent/auth-profiles.json"
REGISTRY = ProviderRegistry.with_core()


def entry(name: str, credential: Credential | None = None, *, provider: str | None = None, **more: Any) -> LegacyEntry:
    prefix, _, rest = name.partition(":")
    found = credential or ApiKeyCredential(Secret(KEY))
    return LegacyEntry(FILE, name, provider or prefix, rest or None, prefix if rest else None, found, **more)


def context(
    *stored: Profile, config: dict[str, Any] | None = None, env: dict[str, str] | None = None
) -> TakeoverContext:
    return TakeoverContext(
        registry=REGISTRY,
        settings=read_settings(config or {}),
        stored={each.id: each for each in stored},
        env=env or {},
        now=NOW,
    )


def stored(profile_id: str, text: str = "another", owner: str = "user") -> Profile:
    return Profile(profile_id, ApiKeyCredential(Secret(text)), owner=owner)


def plan(*entries: LegacyEntry, where: TakeoverContext | None = None, overwrite: bool = False) -> tuple[Takeover, ...]:
    return plan_takeover(entries, where or context(), overwrite=overwrite)


def told(*entries: LegacyEntry, **options: Any) -> list[tuple[str | None, str, str | None]]:
    return [(each.id, each.state, each.reason) for each in plan(*entries, **options)]


def changes(
    *entries: LegacyEntry, config: dict[str, Any], where: TakeoverContext | None = None
) -> list[tuple[str, Any]]:
    here = where or context(config=config)
    return [(".".join(path), value) for path, value in takeover_changes(config, plan_takeover(entries, here), here)]


# What comes in


def test_a_credential_is_imported_for_the_address_of_its_provider() -> None:
    (made,) = plan(entry("openai:work", email="me@acme.test"))

    assert (made.id, made.state, made.reason) == ("openai:work", "taken", None)
    assert made.profile is not None
    assert (made.profile.origin, made.profile.owner) == ("https://api.openai.com", "user")
    assert made.profile.credential == ApiKeyCredential(Secret(KEY))
    assert leaks(repr(made), KEY) == []
    assert leaks(json.dumps(made.to_dict()), KEY) == []
    assert list(made.to_dict()) == ["id", "name", "file", "state", "reason"]


@pytest.mark.parametrize(
    ("config", "env", "name", "origin"),
    [
        ({"models": {"providers": {"openai": {"baseUrl": "https://gw.acme.test/v1"}}}}, {}, "openai:x", "https://gw.acme.test"),
        ({"models": {"providers": {"OpenAI": {"baseUrl": "http://127.0.0.1:9/v1"}}}}, {}, "openai:x", "http://127.0.0.1:9"),
        ({}, {}, "z.ai:x", "https://api.z.ai"),
        ({}, {}, "amazon-bedrock:x", "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ({}, {"AWS_REGION": "eu-west-1"}, "amazon-bedrock:x", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ({}, {}, "claude-cli:x", None),
    ],
)  # fmt: skip
def test_the_origin_is_that_of_the_address_in_force(
    config: dict[str, Any], env: dict[str, str], name: str, origin: str | None
) -> None:
    (made,) = plan(entry(name), where=context(config=config, env=env))

    assert made.profile is not None
    assert made.profile.origin == origin


def test_an_address_that_cannot_be_used_lets_no_credential_in() -> None:
    config = {"models": {"providers": {"openai": {"baseUrl": "ftp://x"}}}}

    (made,) = plan(entry("openai:default"), where=context(config=config))

    assert (made.id, made.state, made.profile) == ("openai:default", "skipped", None)
    assert made.reason is not None
    assert made.reason.startswith("The address of OpenAI cannot be used: ")


@pytest.mark.parametrize(
    ("name", "provider", "profile_id"),
    [
        ("openai:default", "openai", "openai:default"),
        ("z.ai:default", "z.ai", "zai:default"),
        ("z-ai:x", "zai", "zai:x"),
        ("openai:me@acme.test", "openai", "openai:me@acme.test"),
        ("groq:x", "openai", "openai:groq-x"),
        ("unknown:x", "openai", "openai:unknown-x"),
    ],
)
def test_a_profile_has_the_id_of_its_provider_and_its_own_name(name: str, provider: str, profile_id: str) -> None:
    assert told(entry(name, provider=provider)) == [(profile_id, "taken", None)]


@pytest.mark.parametrize(
    ("credential", "usable"),
    [
        (TokenCredential(Secret("t"), NOW + 1), True),
        (TokenCredential(Secret("t")), True),
        (TokenCredential(Secret("t"), NOW), False),
        (OAuthCredential(Secret("a"), Secret("r"), 0), True),
        (OAuthCredential(Secret("a"), None, NOW + 1), True),
        (OAuthCredential(Secret("a"), None, NOW), False),
    ],
)
def test_what_has_expired_for_good_is_skipped(credential: Credential, usable: bool) -> None:
    expected = ("taken", None) if usable else ("skipped", "It has expired, and nothing can renew it.")

    assert told(entry("anthropic:x", credential)) == [("anthropic:x", *expected)]


# What stays out


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (LegacyEntry(FILE, "openai:x", "openai", "x", "openai", fault="has no key"), (None, "It has no key.")),
        (entry("mystery:x"), (None, "Nobody registers its provider here.")),
        (entry("anthropic:claude-cli"), (None, "Its login is no longer used; log in anew.")),
        (entry("openai-codex:codex-cli"), (None, "Its login is no longer used; log in anew.")),
        (entry("***", provider="openai"), (None, "Its name cannot name a profile.")),
    ],
)
def test_what_cannot_be_used_is_skipped(given: LegacyEntry, expected: tuple[str | None, str]) -> None:
    assert told(given) == [(expected[0], "skipped", expected[1])]


@pytest.mark.parametrize(
    ("there", "overwrite", "state", "reason"),
    [
        (stored("openai:x"), False, "kept", "Another credential is stored under that name."),
        (stored("openai:x"), True, "taken", "It replaces the one that was stored."),
        (stored("openai:x", KEY), False, "kept", "The same credential is stored already."),
        (stored("openai:x", KEY), True, "kept", "The same credential is stored already."),
        (stored("openai:x", owner="plugin:acme"), False, "kept", "The one that is stored belongs to plugin:acme."),
        (stored("openai:x", owner="plugin:acme"), True, "kept", "The one that is stored belongs to plugin:acme."),
        (stored("openai:other"), False, "taken", None),
    ],
)
def test_what_is_stored_stays_unless_it_may_be_replaced(
    there: Profile, overwrite: bool, state: str, reason: str | None
) -> None:
    (made,) = plan(entry("openai:x"), where=context(there), overwrite=overwrite)

    assert (made.state, made.reason, made.profile is not None) == (state, reason, state == "taken")


def test_of_two_for_one_profile_the_first_that_can_be_used_counts() -> None:
    dead = entry("zai:x", TokenCredential(Secret("t"), 1))
    one, two = entry("z.ai:x"), entry("zai:x", ApiKeyCredential(Secret("second")))

    found = plan(dead, one, two)

    assert [each.state for each in found] == ["skipped", "taken", "skipped"]
    assert found[2].reason == f"{FILE} has one of that name already."
    assert len({each.profile.id for each in found if each.profile}) == 1


def test_a_credential_is_taken_once_for_a_provider_whatever_its_names() -> None:
    found = told(entry("openai:a"), entry("openai:b"), entry("groq:b"), entry("zai:x"), entry("z.ai:x"))

    assert found == [
        ("openai:a", "taken", None),
        ("openai:a", "skipped", "It is the same credential as openai:a."),
        ("groq:b", "taken", None),
        ("zai:x", "taken", None),
        ("zai:x", "skipped", "It is the same credential as zai:x."),
    ]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://api.openai.com", ("openai:mine", "kept", "It is stored already, as openai:mine.")),
        ("https://gw.acme.test", ("openai:x", "taken", None)),
        (None, ("openai:x", "taken", None)),
    ],
)
def test_a_credential_that_is_stored_for_the_same_address_is_not_stored_twice(
    origin: str | None, expected: tuple[str, str, str | None]
) -> None:
    there = Profile("openai:mine", ApiKeyCredential(Secret(KEY)), origin=origin)

    assert told(entry("openai:x"), where=context(there)) == [expected]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.openai.com/v1", ("taken", None)),
        ("https://API.openai.com:443/other", ("taken", None)),
        (
            "https://gw.acme.test/v1",
            ("skipped", "It is for https://gw.acme.test, and requests of OpenAI go to https://api.openai.com."),
        ),
    ],
)
def test_a_credential_that_came_with_an_address_is_kept_for_no_other(
    url: str, expected: tuple[str, str | None]
) -> None:
    (made,) = plan(entry("openai:x", url=url))

    assert (made.state, made.reason) == expected


def test_an_address_beside_a_credential_that_cannot_be_read_lets_it_not_in() -> None:
    (made,) = plan(entry("openai:x", url="ftp://gw.acme.test"))

    assert made.state == "skipped"
    assert (made.reason or "").startswith("The address of OpenAI cannot be used: ")


def test_what_is_to_be_told_of_an_entry_is_told_when_it_is_taken() -> None:
    noted = entry("openai:x", note="Acme reads the same variable.")

    assert told(noted) == [("openai:x", "taken", "Acme reads the same variable.")]
    assert told(noted, where=context(stored("openai:x", KEY)))[0][2] == "The same credential is stored already."


def test_a_provider_that_only_the_config_knows_takes_credentials_too() -> None:
    block = Provider(id="acme", label="Acme", base_url="https://api.acme.test/v1")
    where = replace(context(), more=(block,))

    (made,) = plan(entry("acme:x"), where=where)

    assert made.profile is not None
    assert (made.id, made.profile.origin) == ("acme:x", "https://api.acme.test")
    assert changes(entry("acme:x"), config={}, where=where) == [
        ("auth.profiles.acme:x", {"provider": "acme", "mode": "api_key"})
    ]


def test_one_that_is_kept_keeps_later_ones_out_too() -> None:
    found = told(entry("zai:x"), entry("z.ai:x"), where=context(stored("zai:x")))

    assert [state for _, state, _ in found] == ["kept", "skipped"]


def test_everything_is_told_in_the_order_in_which_it_came() -> None:
    names = ["groq:b", "mystery:c", "groq:a"]

    assert [each.entry.name for each in plan(*map(entry, names))] == names


# What the config is told


def test_imported_profiles_are_listed_with_their_mode_and_account() -> None:
    token = TokenCredential(Secret("t"))

    assert changes(entry("openai:x", email="me@acme.test"), entry("anthropic:y", token), config={}) == [
        ("auth.profiles.openai:x", {"provider": "openai", "mode": "api_key", "email": "me@acme.test"}),
        ("auth.profiles.anthropic:y", {"provider": "anthropic", "mode": "token"}),
    ]


def test_what_is_not_imported_changes_nothing() -> None:
    where = context(stored("openai:x"))

    assert changes(entry("openai:x"), entry("mystery:y"), config={}, where=where) == []


def test_imported_profiles_come_last_in_an_order_that_is_there() -> None:
    config = {"auth": {"order": {"OpenAI": ["openai:mine"], "groq": ["groq:mine"], "zai": []}}}

    second = entry("openai:b", ApiKeyCredential(Secret("second")))
    found = dict(changes(entry("openai:a"), second, entry("zai:c"), config=config))

    assert found["auth.order.OpenAI"] == ["openai:mine", "openai:a", "openai:b"]
    assert not {"auth.order.groq", "auth.order.zai"} & set(found)


def test_a_place_that_somebody_gave_a_profile_stays() -> None:
    config = {"auth": {"order": {"openai": ["openai:a", "openai:mine"]}}}

    assert [path for path, _ in changes(entry("openai:a"), config=config)] == ["auth.profiles.openai:a"]


def test_listing_one_does_not_take_the_unlisted_out_of_use() -> None:
    where = context(stored("openai:mine"))

    assert changes(entry("openai:a"), entry("groq:b"), config={}, where=where) == [
        ("auth.profiles.groq:b", {"provider": "groq", "mode": "api_key"})
    ]


def test_where_the_config_lists_profiles_the_imported_ones_join_them() -> None:
    config = {"auth": {"profiles": {"openai:mine": {"provider": "OpenAI", "mode": "api_key"}}}}
    where = context(stored("openai:mine"), config=config)

    assert [path for path, _ in changes(entry("openai:a"), config=config, where=where)] == ["auth.profiles.openai:a"]


def test_a_file_as_older_programs_write_it_comes_through() -> None:
    profiles = {
        "openai:default": {"type": "api_key", "provider": "openai", "key": KEY},
        "openai-codex:me@acme.test": {
            "type": "oauth", "provider": "openai-codex", "access": "a", "refresh": "r", "expires": 5, "accountId": "x",
        },
    }  # fmt: skip
    data = json.dumps({"version": 1, "profiles": profiles, "order": {}, "lastGood": {}, "usageStats": {}}).encode()

    found = plan(*read_legacy(FILE, data))

    assert [(each.id, each.state) for each in found] == [
        ("openai:default", "taken"),
        ("openai-codex:me@acme.test", "taken"),
    ]
    assert found[1].profile is not None
    assert found[1].profile.credential == OAuthCredential(Secret("a"), Secret("r"), 5, None, {"accountId": "x"})
