"""PKCE, the state and the address of an authorization request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from jackfield.auth.pkce import authorization_url, challenge_of, is_state, new_pkce

if TYPE_CHECKING:
    from collections.abc import Callable

UNRESERVED = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def counted(sizes: list[int]) -> Callable[[int], bytes]:
    def random_bytes(count: int) -> bytes:
        sizes.append(count)
        return bytes(count)

    return random_bytes


def test_the_challenge_of_the_standards_own_example() -> None:
    # RFC 7636, appendix B.
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_verifier_has_the_form_of_the_standard_and_is_fresh_each_time() -> None:
    made = [new_pkce() for _ in range(50)]
    assert all(UNRESERVED.fullmatch(each.verifier.reveal()) for each in made)
    assert len({each.verifier.reveal() for each in made}) == 50
    assert len({each.state for each in made}) == 50


def test_the_challenge_is_that_of_the_verifier_and_the_state_is_neither() -> None:
    pkce = new_pkce()
    assert pkce.challenge == challenge_of(pkce.verifier.reveal())
    assert pkce.state not in {pkce.verifier.reveal(), pkce.challenge}
    assert pkce.state not in pkce.verifier.reveal()


def test_verifier_and_state_come_of_randomness_of_their_own() -> None:
    sizes: list[int] = []
    pkce = new_pkce(counted(sizes))
    assert sizes == [64, 32]
    assert (pkce.verifier.reveal(), pkce.state) == ("A" * 86, "A" * 43)


def test_the_repr_holds_nothing_of_it() -> None:
    pkce = new_pkce()
    assert repr(pkce) == "<Pkce>"


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("s" * 43, True),
        ("s" * 42, False),
        ("", False),
        ("S" * 43, False),
        ("s" * 42 + "\u017f", False),
        ("\ud800", False),
    ],
)
def test_a_state_is_the_same_only_to_the_letter(given: str, same: bool) -> None:
    assert is_state("s" * 43, given) is same


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("https://a.example/authorize", "https://a.example/authorize?"),
        ("https://a.example/authorize?tenant=x", "https://a.example/authorize?tenant=x&"),
    ],
)
def test_the_address_keeps_a_query_of_its_own(url: str, start: str) -> None:
    made = authorization_url(url, {"scope": "openid a:b", "state": "a&b=c"})
    assert made == f"{start}scope=openid%20a%3Ab&state=a%26b%3Dc"


def test_what_stands_in_the_address_reads_back() -> None:
    given = {"redirect_uri": "http://127.0.0.1:1/x?y", "scope": "a b+c", "state": "\u00fc#"}
    query = urlsplit(authorization_url("https://a.example/", given)).query
    assert {name: values[0] for name, values in parse_qs(query).items()} == given
