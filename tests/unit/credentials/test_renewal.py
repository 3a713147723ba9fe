"""When a credential is renewed, and what each failure says about its refresh token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.credentials.leases import RefreshNote, State
from jackfield.credentials.profile import ApiKeyCredential, Credential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.renewal import (
    MINUTE,
    SECOND,
    Claim,
    Failure,
    Fate,
    Need,
    Pause,
    RefreshPolicy,
    Wish,
    decide,
    failure_from_answer,
    failure_from_error,
    renewed,
)
from jackfield.credentials.secret import Secret
from jackfield.errors import (
    ConfigError,
    CredentialError,
    InternalError,
    JackfieldError,
    PluginError,
    RemoteError,
    RequestError,
    StoreError,
)

NOW = 1_800_000_000_000
HOUR = 60 * MINUTE
POLICY = RefreshPolicy()


def profile(left: int = -1, lifetime: int = HOUR, access: str = "a1", refresh: str | None = "r1") -> Profile:
    """Return a profile whose access token ends in `left` ms and was stored `lifetime` ms before its end."""
    token = None if refresh is None else Secret(refresh)
    return Profile("acme:one", OAuthCredential(Secret(access), token, NOW + left), updated=NOW + left - lifetime)


def note(state: State, until: int = 0, failures: int = 1, reason: str = "net.dns") -> RefreshNote:
    return RefreshNote("0" * 64, 1, state, "them", NOW + until, failures, reason, NOW)


# --------------------------------------------------------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("left", "lifetime", "need"),
    [
        (HOUR, HOUR, "none"),
        (5 * MINUTE + 1, HOUR, "none"),
        (5 * MINUTE, HOUR, "soon"),
        (MINUTE + 1, HOUR, "soon"),
        (MINUTE, HOUR, "now"),
        (0, HOUR, "now"),
        (-HOUR, HOUR, "now"),
        # A token of ten minutes is not renewed for half of its life, nor one of a minute for all of it.
        (150 * SECOND + 1, 10 * MINUTE, "none"),
        (150 * SECOND, 10 * MINUTE, "soon"),
        (15 * SECOND + 1, MINUTE, "none"),
        (6 * SECOND, MINUTE, "now"),
        # Stored after its end, or when nobody knows.
        (2 * MINUTE, -1, "soon"),
        (MINUTE, 0, "now"),
    ],
)
def test_a_credential_is_renewed_ahead_of_its_end(left: int, lifetime: int, need: Need) -> None:
    assert POLICY.need(profile(left, lifetime), NOW) == need


def test_a_grant_without_access_token_is_renewed_at_once() -> None:
    assert POLICY.need(profile(HOUR, access=""), NOW) == "now"


@pytest.mark.parametrize("credential", [ApiKeyCredential(Secret("k")), TokenCredential(Secret("t"), NOW - 1)])
def test_what_is_no_grant_is_never_renewed(credential: Credential) -> None:
    stored = Profile("acme:one", credential)
    assert POLICY.need(stored, NOW) == "none"
    assert decide(stored, None, Wish(), POLICY, NOW) is stored


@pytest.mark.parametrize(
    "times",
    [
        {"exchange": 0},
        {"exchange": MINUTE},
        {"lease": 90 * SECOND},
        {"patience": MINUTE},
        {"mandatory": 6 * MINUTE},
        {"mandatory": -1},
        {"attempts": 0},
        {"first_pause": 0},
        {"rest": -1},
    ],
)
def test_times_that_do_not_fit_together_are_refused(times: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RefreshPolicy(**times)


@pytest.mark.parametrize(
    ("failures", "chance", "pause"),
    [
        (1, 1.0, 500),
        (1, 0.0, 250),
        (2, 1.0, 1000),
        (4, 0.5, 3000),
        (11, 1.0, 300_000),
        (10**6, 0.0, 150_000),
        (0, 1, 500),
    ],
)
def test_pauses_double_up_to_a_limit_and_are_spread(failures: int, chance: float, pause: int) -> None:
    assert POLICY.pause(failures, chance) == pause


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_no_pause_is_nothing_or_endless(failures: int, chance: float) -> None:
    assert 1 <= POLICY.pause(failures, chance) <= POLICY.longest_pause


# ------------------------------------------------------------------------------------------------------------- decide

HELD, OVER = 500, 0
DECISIONS = [
    # (state, until, failures, rotates) -> when it must be renewed: claim, a pause, or a code
    (None, 0, 0, True, "claim"),
    ("held", 500, 0, True, 500),
    ("held", 500, 0, False, 500),
    ("held", 0, 0, True, "credential.refresh-unknown"),
    ("held", 0, 0, False, "claim"),
    ("unknown", 500, 1, True, "credential.refresh-unknown"),
    ("unknown", 0, 1, True, "credential.refresh-unknown"),
    ("unknown", 500, 1, False, 500),
    ("unknown", 0, 1, False, "claim"),
    ("resting", 500, 1, True, 500),
    ("resting", 0, 1, True, "claim"),
    ("resting", 500, 3, True, "remote.refresh"),
    ("resting", 0, 3, True, "claim"),
    ("resting", 5001, 1, True, "remote.refresh"),
    ("resting", 5000, 1, True, 5000),
    ("refused", 0, 1, True, "credential.refresh-refused"),
    ("refused", 0, 1, False, "credential.refresh-refused"),
    ("spent", 0, 0, True, "credential.refresh-spent"),
    ("spent", 0, 0, False, "credential.refresh-spent"),
]


@pytest.mark.parametrize(("state", "until", "failures", "rotates", "outcome"), DECISIONS)
def test_what_is_done_with_a_credential_that_must_be_renewed(
    state: State | None, until: int, failures: int, rotates: bool, outcome: str | int
) -> None:
    known = None if state is None else note(state, until, failures)
    stored, wish = profile(-1), Wish(rotates=rotates)
    if isinstance(outcome, int):
        found = decide(stored, known, wish, POLICY, NOW)
        assert isinstance(found, Pause)
        assert (found.profile, found.ms) == (stored, outcome)
        assert found.why.code == ("credential.refresh-busy" if state == "held" else "remote.refresh")
    elif outcome == "claim":
        assert decide(stored, known, wish, POLICY, NOW) == Claim(stored, needed=True)
    else:
        with pytest.raises(JackfieldError) as caught:
            decide(stored, known, wish, POLICY, NOW)
        assert caught.value.code == outcome
        assert "acme:one" in caught.value.message
        assert isinstance(caught.value, RemoteError if outcome == "remote.refresh" else CredentialError)


@pytest.mark.parametrize(("state", "until", "failures", "rotates", "outcome"), DECISIONS)
def test_a_credential_that_may_still_be_used_is_used_unless_it_can_be_renewed(
    state: State | None, until: int, failures: int, rotates: bool, outcome: str | int
) -> None:
    known = None if state is None else note(state, until, failures)
    stored = profile(2 * MINUTE)
    found = decide(stored, known, Wish(rotates=rotates), POLICY, NOW)
    assert found == (Claim(stored, needed=False) if outcome == "claim" else stored)


@pytest.mark.parametrize("state", [None, "held", "unknown", "resting", "refused", "spent"])
def test_a_fresh_credential_is_used_whatever_is_known_of_its_token(state: State | None) -> None:
    stored = profile(HOUR)
    assert decide(stored, None if state is None else note(state), Wish(), POLICY, NOW) is stored


def test_an_access_token_that_was_turned_down_is_renewed_however_fresh() -> None:
    stored = profile(HOUR)
    assert decide(stored, None, Wish(rejected=Secret("a1")), POLICY, NOW) == Claim(stored, needed=True)
    assert decide(stored, None, Wish(rejected=Secret("older")), POLICY, NOW) is stored
    with pytest.raises(CredentialError) as caught:
        decide(stored, note("refused", reason="invalid_grant"), Wish(rejected=Secret("a1")), POLICY, NOW)
    assert caught.value.message == "The login acme:one is no longer accepted by its provider (invalid_grant)."
    assert caught.value.fix == "Log in again: jackfield login acme"


def test_a_credential_that_changed_since_it_was_looked_at_is_used_even_if_it_is_short_lived() -> None:
    wish = Wish(rejected=Secret("a2")).having_seen(profile(-1))
    changed = profile(-1, access="a2")
    assert decide(changed, None, wish, POLICY, NOW) is changed
    assert wish.having_seen(changed) is wish


@pytest.mark.parametrize(
    ("left", "rejected", "usable"), [(1, None, True), (0, None, False), (-HOUR, None, False), (HOUR, "a1", False)]
)
def test_a_grant_without_refresh_token_is_used_to_its_end(left: int, rejected: str | None, usable: bool) -> None:
    stored = profile(left, refresh=None)
    wish = Wish(rejected=None if rejected is None else Secret(rejected))
    if usable:
        assert decide(stored, None, wish, POLICY, NOW) is stored
        return
    with pytest.raises(CredentialError) as caught:
        decide(stored, None, wish, POLICY, NOW)
    assert caught.value.code == "credential.expired"


def test_a_rest_is_told_with_its_reason_and_its_end() -> None:
    with pytest.raises(RemoteError) as caught:
        decide(profile(-1), note("resting", 61_001, 3, "http-503"), Wish(), POLICY, NOW)
    assert caught.value.message == "The login acme:one could not be renewed (http-503)."
    assert caught.value.fix == "Check the network connection, and try again in 62 s."


# ------------------------------------------------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("status", "error", "fate", "reason"),
    [
        (400, "invalid_grant", "refused", "invalid_grant"),
        (401, "invalid_client", "refused", "invalid_client"),
        (400, "unauthorized_client", "refused", "unauthorized_client"),
        (400, "unsupported_grant_type", "refused", "unsupported_grant_type"),
        (400, "invalid_scope", "refused", "invalid_scope"),
        (400, "invalid_request", "refused", "invalid_request"),
        (403, "access_denied", "refused", "access_denied"),
        (400, "interaction_required", "refused", "interaction_required"),
        (400, None, "refused", "http-400"),
        (401, None, "refused", "http-401"),
        (400, "slow_down", "unused", "slow_down"),
        (500, "temporarily_unavailable", "unused", "temporarily_unavailable"),
        (400, "some_vendor_word", "unused", "some_vendor_word"),
        (403, None, "unused", "http-403"),
        (404, None, "unused", "http-404"),
        (408, None, "unused", "http-408"),
        (425, None, "unused", "http-425"),
        (429, None, "unused", "http-429"),
        (503, None, "unused", "http-503"),
        (500, None, "unknown", "http-500"),
        (500, "server_error", "unknown", "server_error"),
        (502, None, "unknown", "http-502"),
        (504, "invalid_grant", "unknown", "invalid_grant"),
        (200, None, "unknown", "http-200"),
        (302, None, "unknown", "http-302"),
    ],
)
def test_an_answer_without_a_token_is_understood(status: int, error: str | None, fate: Fate, reason: str) -> None:
    assert failure_from_answer(status, error) == Failure(fate, reason)


def test_the_pause_that_a_provider_asks_for_is_kept() -> None:
    assert failure_from_answer(429, None, 7.5) == Failure("unused", "http-429", 7.5)


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (RemoteError("x", code="net.dns"), "unused"),
        (RemoteError("x", code="net.refused"), "unused"),
        (RemoteError("x", code="net.unreachable"), "unused"),
        (RemoteError("x", code="net.tls"), "unused"),
        (RemoteError("x", code="net.proxy"), "unused"),
        (RemoteError("x", code="net.private-address"), "unused"),
        (RemoteError("x", code="net.timeout"), "unknown"),
        (RemoteError("x", code="net.deadline"), "unknown"),
        (RemoteError("x", code="net.reset"), "unknown"),
        (RemoteError("x", code="net.protocol"), "unknown"),
        (RemoteError("x", code="net.too-large"), "unknown"),
        (RemoteError("x"), "unknown"),
        (RequestError("x", code="net.header"), "unused"),
        (ConfigError("x", code="net.ca-file"), "unused"),
        (CredentialError("x", code="credential.refused"), "refused"),
        (PluginError("x", code="plugin.timeout"), "unknown"),
        (InternalError("x"), "unknown"),
        (StoreError("x", code="store.locked"), "unknown"),
    ],
    ids=lambda each: each.code if isinstance(each, JackfieldError) else each,
)
def test_an_error_of_an_exchange_is_understood(error: JackfieldError, fate: Fate) -> None:
    assert failure_from_error(error) == Failure(fate, error.code)


@pytest.mark.parametrize("reason", ["", "two words", "x" * 65, "\x1b[31m", "-x", "a\n", "ü"])
def test_a_reason_that_is_no_plain_word_is_not_repeated(reason: str) -> None:
    assert Failure("unknown", reason).reason == "other"


# ------------------------------------------------------------------------------------------------------------- renewed


def test_what_an_answer_leaves_out_stays() -> None:
    former = OAuthCredential(Secret("a1"), Secret("r1"), 1, "you@example.org", {"project": "p", "region": "eu"})
    stored = Profile("acme:one", former)
    answer = OAuthCredential(Secret("a2"), None, 9, None, {"region": "us"})
    assert renewed(stored, answer) == OAuthCredential(
        Secret("a2"), Secret("r1"), 9, "you@example.org", {"project": "p", "region": "us"}
    )
    whole = OAuthCredential(Secret("a2"), Secret("r2"), 9, "me@example.org", {})
    assert renewed(stored, whole) == replace(whole, extra=former.extra)
    blank = OAuthCredential(Secret("a2"), Secret(" "), 9)
    assert renewed(stored, blank).refresh == Secret("r1")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "canary",
        {"access": "canary"},
        OAuthCredential(Secret(""), Secret("canary"), 9),
        OAuthCredential(Secret("canary" * 20_000), None, 9),
        OAuthCredential(Secret("canary"), None, -1),
        OAuthCredential(Secret("canary"), None, 9, extra={"": "canary"}),
    ],
    ids=["none", "text", "dict", "no access token", "too long", "no time", "no name"],
)
def test_an_answer_that_cannot_be_stored_is_refused_without_repeating_it(answer: object) -> None:
    with pytest.raises(RequestError) as caught:
        renewed(profile(), answer)
    assert caught.value.code == "profile.invalid"
    assert "canary" not in caught.value.message
