"""Whose grant it is: what tokens and the userinfo endpoint tell, and what of that can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.auth.identity import Identity, identity_of, read_claims
from support.oauth import unsigned_jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIM = ("https://api.openai.com/auth", "chatgpt_account_id")


def test_the_claims_of_a_token_are_read_without_its_signature() -> None:
    claims = {"email": "me@example.org", "https://api.openai.com/auth": {"chatgpt_account_id": "acc-1"}}
    assert read_claims(unsigned_jwt(claims)) == claims


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque-token",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "a.!!!.c",
        "a.W10.c",
        "a.bnVsbA.c",
        "a.e30" + "A" * 70_000 + ".c",
        "a.\u00fc.c",
    ],
    ids=["empty", "opaque", "two-parts", "no-json", "four-parts", "no-base64", "a-list", "null", "vast", "not-ascii"],
)
def test_what_is_no_jwt_tells_nothing(token: str) -> None:
    assert read_claims(token) == {}


@given(st.text(alphabet="abcXYZ019-_.=", max_size=80))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    assert isinstance(read_claims(text), dict)


TOLD: list[tuple[list[Mapping[str, Any]], tuple[str, ...], Identity]] = [
    ([], (), Identity()),
    ([{"email": "me@example.org"}], (), Identity(email="me@example.org")),
    ([{"https://api.openai.com/profile": {"email": "p@example.org"}}], (), Identity(email="p@example.org")),
    ([{"username": "me", "sub": "u-1"}], ("sub",), Identity(username="me", account="u-1")),
    ([{"preferred_username": "me"}], (), Identity(username="me")),
    ([{"username": "one"}, {"username": "two", "email": "two@example.org"}], (), Identity("two@example.org", "one")),
    ([{CLAIM[0]: {CLAIM[1]: "acc-1"}}], CLAIM, Identity(account="acc-1")),
    ([{CLAIM[0]: "text"}, {CLAIM[0]: {CLAIM[1]: "acc-2"}}], CLAIM, Identity(account="acc-2")),
    ([{"sub": "u-1"}], (), Identity()),
    ([{"sub": 7}], ("sub",), Identity()),
    ([{"sub": ""}], ("sub",), Identity()),
    ([{"sub": "a b"}], ("sub",), Identity()),
    ([{"sub": "a\nX-Header: 1"}], ("sub",), Identity()),
    ([{"sub": "u" * 257}], ("sub",), Identity()),
    ([{"email": "two words@example.org"}], (), Identity()),
    ([{"email": "a\u202eb@example.org"}], (), Identity()),
    ([{"email": "e" * 201}], (), Identity()),
    ([{"email": ["me@example.org"], "username": None}], (), Identity()),
]


@pytest.mark.parametrize(("sources", "claim", "expected"), TOLD)
def test_each_part_comes_from_the_first_source_that_has_it_in_a_usable_form(
    sources: list[Mapping[str, Any]], claim: tuple[str, ...], expected: Identity
) -> None:
    assert identity_of(sources, claim) == expected


@pytest.mark.parametrize(
    ("identity", "names"),
    [
        (Identity(), {}),
        (Identity("me@example.org"), {"email": "me@example.org"}),
        (Identity("me@example.org", "me", "acc"), {"email": "me@example.org", "username": "me"}),
    ],
)
def test_what_is_known_fills_the_profiles_id(identity: Identity, names: dict[str, str]) -> None:
    assert identity.names == names
