from __future__ import annotations

import pytest

from jackfield.credentials.order import arrange
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.usage import Usage

NOW = 1_800_000_000_000


def key(name: str, **usage: int) -> Profile:
    return Profile(f"p:{name}", ApiKeyCredential(Secret("k")), usage=Usage(**usage))  # type: ignore[arg-type]


def token(name: str, expires: int | None = None) -> Profile:
    return Profile(f"p:{name}", TokenCredential(Secret("t"), expires))


def oauth(name: str, *, access: str = "a", refresh: str | None = "r", expires: int = NOW + 1) -> Profile:
    grant = OAuthCredential(Secret(access), None if refresh is None else Secret(refresh), expires)
    return Profile(f"p:{name}", grant)


def names(*profiles: Profile, explicit: tuple[str, ...] = ()) -> list[str]:
    given = arrange(profiles, [f"p:{name}" for name in explicit], NOW)
    assert given == arrange(reversed(profiles), [f"p:{name}" for name in explicit], NOW)
    return [each.removeprefix("p:") for each in given]


def test_oauth_goes_before_tokens_and_tokens_before_keys() -> None:
    assert names(key("a"), token("b"), oauth("c")) == ["c", "b", "a"]


def test_of_one_kind_the_least_recently_used_goes_first_and_the_unused_before_all() -> None:
    assert names(key("a", last_used=30), key("b", last_used=10), key("c"), key("d", last_used=20)) == list("cbda")


def test_equals_go_by_name() -> None:
    assert names(key("b"), key("a"), key("c")) == list("abc")


def test_those_that_rest_come_last_the_soonest_ready_first() -> None:
    tired = key("a", cooldown_until=NOW + 50), key("b", disabled_until=NOW + 20), key("c", cooldown_until=NOW)
    assert names(*tired, key("d")) == list("cdba")


def test_an_explicit_order_is_kept_and_leaves_out_the_rest() -> None:
    assert names(key("a"), oauth("b"), token("c"), explicit=("c", "a")) == ["c", "a"]


def test_an_explicit_order_yields_to_a_cooldown() -> None:
    assert names(key("a", cooldown_until=NOW + 1), key("b"), explicit=("a", "b")) == ["b", "a"]


def test_equal_waits_keep_the_explicit_order() -> None:
    waits = {"cooldown_until": NOW + 1}
    assert names(key("a", **waits), key("b", **waits), explicit=("b", "a")) == ["b", "a"]


def test_unknown_and_doubled_names_in_an_explicit_order_are_passed_over() -> None:
    assert names(key("a"), key("b"), explicit=("gone", "b", "b", "a")) == ["b", "a"]


@pytest.mark.parametrize(
    ("profile", "usable"),
    [
        (token("x", NOW), False),
        (token("x", NOW + 1), True),
        (token("x"), True),
        (oauth("x", expires=NOW), True),
        (oauth("x", expires=NOW, refresh=None), False),
        (oauth("x", expires=NOW + 1, refresh=None), True),
        (oauth("x", access="", expires=NOW + 1), True),
        (oauth("x", access="", expires=0), True),
    ],
)
def test_what_is_spent_and_cannot_be_renewed_is_left_out(profile: Profile, usable: bool) -> None:
    assert names(profile) == (["x"] if usable else [])
    assert names(profile, explicit=("x",)) == (["x"] if usable else [])


def test_nothing_gives_nothing() -> None:
    assert names() == []
