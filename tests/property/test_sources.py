"""Which credential wins does not depend on how the profiles happen to lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.config.settings import read_settings
from jackfield.credentials.profile import ApiKeyCredential, Credential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.sources import Surroundings, find_sources, pick_source
from jackfield.credentials.usage import Usage
from jackfield.errors import CredentialError
from jackfield.providers.block import EnvVars, Provider

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_800_000_000_000
ACME = Provider(id="acme", label="Acme", aliases=("acme-ai",), env=EnvVars(any_of=("ACME_KEY", "ACME_OLD_KEY")))
IDS = ["acme:a", "acme:b", "acme:c", "acme-ai:d", "acme:e", "other:a"]
MODES = st.sampled_from(["api_key", "token", "oauth"])


@st.composite
def profiles(draw: st.DrawFn) -> tuple[Profile, ...]:
    made = []
    for name in draw(st.lists(st.sampled_from(IDS), unique=True)):
        secret = Secret(f"secret of {name}")
        expires = draw(st.sampled_from([NOW - 1, NOW, NOW + 1]))
        kinds: list[Credential] = [
            ApiKeyCredential(secret),
            TokenCredential(secret),
            TokenCredential(secret, expires),
            OAuthCredential(secret, Secret("r"), expires),
            OAuthCredential(secret, None, expires),
        ]
        credential = draw(st.sampled_from(kinds))
        waits = st.sampled_from([None, NOW - 1, NOW + 1, NOW + 2])
        usage = Usage(last_used=draw(st.sampled_from([None, 1, 2])), cooldown_until=draw(waits))
        made.append(Profile(name, credential, usage=usage))
    return tuple(made)


@st.composite
def surroundings(draw: st.DrawFn) -> Surroundings:
    listed = draw(st.dictionaries(st.sampled_from(IDS), MODES, max_size=3))
    order = draw(st.lists(st.sampled_from(IDS), max_size=3))
    auth = {
        "profiles": {name: {"provider": name.partition(":")[0], "mode": mode} for name, mode in listed.items()},
        "order": {draw(st.sampled_from(["acme", "ACME-AI"])): order},
    }
    entry = draw(st.sampled_from([{}, {"apiKey": "x"}, {"apiKey": "${ACME_KEY}"}, {"auth": "aws-sdk"}]))
    stored = draw(st.lists(st.sampled_from(IDS), max_size=3))
    env = draw(st.dictionaries(st.sampled_from(["ACME_KEY", "ACME_OLD_KEY"]), st.sampled_from(["", " ", "k"])))
    config = {"auth": auth, "models": {"providers": {"acme": entry}}}
    return Surroundings(
        read_settings(config), draw(profiles()), {"acme": stored} if stored else {}, env, NOW, lambda _: False
    )


def shuffled(where: Surroundings, order: Sequence[Profile]) -> Surroundings:
    return Surroundings(where.settings, order, where.stored_order, where.env, where.now, where.file_exists)


@settings(max_examples=100, deadline=None)
@given(st.data(), surroundings())
def test_the_order_in_which_profiles_are_given_does_not_count(data: st.DataObject, where: Surroundings) -> None:
    expected = find_sources(ACME, where)
    order = data.draw(st.permutations(list(where.profiles)))
    assert find_sources(ACME, shuffled(where, order)) == expected


@settings(max_examples=100, deadline=None)
@given(surroundings())
def test_every_profile_of_the_provider_is_told_once_and_no_other(where: Surroundings) -> None:
    found = [each.name for each in find_sources(ACME, where) if each.kind == "profile"]
    assert sorted(found) == sorted(each.id for each in where.profiles if each.provider in {"acme", "acme-ai"})


@settings(max_examples=100, deadline=None)
@given(surroundings())
def test_the_winner_is_the_first_that_can_be_used_and_each_other_has_its_reason(where: Surroundings) -> None:
    found = find_sources(ACME, where)
    winner = pick_source(found)
    assert winner == next((each for each in found if each.usable), None)
    assert all((each.reason is None) is each.usable for each in found)
    assert winner is None or winner.kind == "chain" or winner.secret


@settings(max_examples=100, deadline=None)
@given(surroundings())
def test_what_cannot_be_used_never_changes_the_winner(where: Surroundings) -> None:
    found = find_sources(ACME, where)
    refused = {each.name for each in found if each.kind == "profile" and not each.usable}
    kept = [each for each in where.profiles if each.id not in refused]
    assert pick_source(find_sources(ACME, shuffled(where, kept))) == pick_source(found)


@settings(max_examples=100, deadline=None)
@given(surroundings(), st.sampled_from([*IDS, "acme:gone"]))
def test_a_profile_that_is_asked_for_is_given_or_refused_never_replaced(where: Surroundings, asked: str) -> None:
    found = find_sources(ACME, where)
    profiles = {each.id: each for each in where.profiles if each.provider in {"acme", "acme-ai"}}
    modes = {each.id: each.mode for each in where.settings.profiles}
    fits = {
        "oauth": {"oauth", "token"},
        "token": {"token"},
        "api_key": {"api_key"},
        None: {"oauth", "token", "api_key"},
    }
    profile = profiles.get(asked)
    if profile is not None and profile.is_usable(NOW) and profile.kind in fits[modes.get(asked)]:
        winner = pick_source(found, profile=asked)
        assert winner is not None
        assert (winner.name, winner.usable, winner.reason) == (asked, True, None)
    else:
        with pytest.raises(CredentialError) as caught:
            pick_source(found, profile=asked)
        assert caught.value.code == "credential.profile"
