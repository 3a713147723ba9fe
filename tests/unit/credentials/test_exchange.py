from __future__ import annotations

from typing import Any

import pytest

from jackfield.credentials.exchange import credential_from_shared, credential_to_shared
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import RequestError

GRANT = {
    "type": "oauth",
    "provider": "acme",
    "access": "at-1",
    "refresh": "rt-1",
    "expires": 1_900_000_000_000,
    "email": "you@example.org",
}


@pytest.mark.parametrize(
    ("shared", "credential"),
    [
        ({"type": "api_key", "provider": "acme", "key": "k-1"}, ApiKeyCredential(Secret("k-1"))),
        ({"type": "token", "provider": "acme", "token": "t-1"}, TokenCredential(Secret("t-1"))),
        ({"type": "token", "provider": "acme", "token": "t-1", "expires": 5}, TokenCredential(Secret("t-1"), 5)),
        (GRANT, OAuthCredential(Secret("at-1"), Secret("rt-1"), 1_900_000_000_000, "you@example.org")),
        (
            {**GRANT, "projectId": "p-1", "tier": 2, "scopes": ["a", "b"], "flags": {"beta": True}},
            OAuthCredential(
                Secret("at-1"),
                Secret("rt-1"),
                1_900_000_000_000,
                "you@example.org",
                {"projectId": "p-1", "tier": 2, "scopes": ["a", "b"], "flags": {"beta": True}},
            ),
        ),
    ],
    ids=["key", "token", "token that ends", "grant", "grant with more"],
)
def test_the_shared_form_goes_both_ways(shared: dict[str, Any], credential: Any) -> None:
    assert credential_from_shared(shared) == credential
    assert credential_to_shared("acme", credential) == shared


def test_a_grant_without_a_refresh_token_has_none() -> None:
    found = credential_from_shared({**GRANT, "refresh": ""})
    assert isinstance(found, OAuthCredential)
    assert found.refresh is None
    assert credential_to_shared("acme", found) == {**GRANT, "refresh": ""}


def test_a_grant_that_tells_no_expiry_is_not_for_ever() -> None:
    found = credential_from_shared({name: value for name, value in GRANT.items() if name != "expires"})
    assert isinstance(found, OAuthCredential)
    assert found.expires == 0


def test_the_type_may_be_known_from_elsewhere() -> None:
    assert credential_from_shared({"key": "k-1"}, "api_key") == ApiKeyCredential(Secret("k-1"))


def test_an_email_beside_a_key_is_not_part_of_the_credential() -> None:
    assert credential_from_shared({"type": "api_key", "key": "k-1", "email": "you@example.org"}) == ApiKeyCredential(
        Secret("k-1")
    )


@pytest.mark.parametrize(
    "shared",
    [
        {},
        {"type": "password", "key": "secret-1"},
        {"type": "api_key"},
        {"type": "api_key", "key": " "},
        {"type": "api_key", "key": ["secret-1"]},
        {"type": "token", "token": 7},
        {"type": "token", "token": "secret-1", "expires": "soon"},
        {**GRANT, "access": "", "refresh": ""},
        {**GRANT, "expires": "soon"},
        {**GRANT, "expires": -1},
        {**GRANT, "email": 7},
        {**GRANT, "projectId": float("nan")},
        {**GRANT, "projectId": object()},
        {**GRANT, "projectId": "x" * 70_000},
    ],
)
def test_what_is_no_credential_is_refused_without_repeating_it(shared: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        credential_from_shared(shared)
    assert caught.value.code == "profile.invalid"
    assert "secret-1" not in str(caught.value.to_dict())
