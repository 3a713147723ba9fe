from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.credentials.profile import (
    MAX_SECRET,
    MAX_TIME,
    ApiKeyCredential,
    Credential,
    OAuthCredential,
    Profile,
    TokenCredential,
    credential_from_secret_dict,
    is_origin,
    is_owner,
)
from jackfield.credentials.secret import Secret
from jackfield.credentials.usage import Usage
from jackfield.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = ApiKeyCredential(Secret("sk-1"))
TOKEN = TokenCredential(Secret("tok-1"), 1_900_000_000_000)
GRANT = OAuthCredential(
    Secret("acc-1"), Secret("ref-1"), 1_900_000_000_000, "a@example.com", {"projectId": "prj-1", "accountId": "acct-1"}
)

KEY_DICT: dict[str, object] = {"kind": "api_key", "key": "sk-1"}
TOKEN_DICT: dict[str, object] = {"kind": "token", "token": "tok-1", "expires": 1_900_000_000_000}
GRANT_DICT: dict[str, object] = {
    "kind": "oauth",
    "access": "acc-1",
    "refresh": "ref-1",
    "expires": 1_900_000_000_000,
    "email": "a@example.com",
    "extra": {"projectId": "prj-1", "accountId": "acct-1"},
}


def faults_of(error: RequestError) -> set[tuple[str, str]]:
    return {(fault.code, ".".join(fault.path)) for fault in error.diagnostics}


@pytest.mark.parametrize(("credential", "data"), [(KEY, KEY_DICT), (TOKEN, TOKEN_DICT), (GRANT, GRANT_DICT)])
def test_a_credential_and_its_secret_dict_say_the_same(credential: Credential, data: dict[str, object]) -> None:
    assert credential.to_secret_dict() == data
    assert credential_from_secret_dict(data) == credential
    assert credential_from_secret_dict(json.loads(json.dumps(data))) == credential


@pytest.mark.parametrize(
    ("data", "credential"),
    [
        ({"kind": "token", "token": "t"}, TokenCredential(Secret("t"))),
        ({"kind": "token", "token": "t", "expires": 12.9}, TokenCredential(Secret("t"), 12)),
        ({"kind": "oauth", "access": "a", "expires": 5}, OAuthCredential(Secret("a"), None, 5)),
        ({"kind": "oauth", "access": "", "refresh": "r", "expires": 5}, OAuthCredential(Secret(""), Secret("r"), 5)),
        ({"kind": "api_key", "key": Secret("k")}, ApiKeyCredential(Secret("k"))),
    ],
)
def test_what_may_be_left_out_may_be_left_out(data: dict[str, object], credential: Credential) -> None:
    assert credential_from_secret_dict(data) == credential


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({}, {("profile.kind", "credential.kind")}),
        ({"kind": "cookie"}, {("profile.kind", "credential.kind")}),
        ({"kind": ["oauth"]}, {("profile.kind", "credential.kind")}),
        ({"kind": "api_key"}, {("profile.field", "credential.key")}),
        ({"kind": "api_key", "key": None}, {("profile.field", "credential.key")}),
        ({"kind": "api_key", "key": " \n"}, {("profile.blank", "credential.key")}),
        ({"kind": "api_key", "key": "\ud800"}, {("profile.secret", "credential.key")}),
        ({"kind": "api_key", "key": "k" * (MAX_SECRET + 1)}, {("profile.secret", "credential.key")}),
        ({"kind": "api_key", "key": "k", "token": "t"}, {("profile.field", "credential.token")}),
        ({"kind": "token", "token": ""}, {("profile.blank", "credential.token")}),
        ({"kind": "token", "token": "t", "expires": -1}, {("profile.time", "credential.expires")}),
        ({"kind": "token", "token": "t", "expires": MAX_TIME + 1}, {("profile.time", "credential.expires")}),
        ({"kind": "token", "token": "t", "expires": "soon"}, {("profile.field", "credential.expires")}),
        ({"kind": "token", "token": "t", "expires": True}, {("profile.field", "credential.expires")}),
        ({"kind": "token", "token": "t", "expires": float("nan")}, {("profile.field", "credential.expires")}),
        (
            {"kind": "oauth", "access": 1, "refresh": 2, "expires": None, "email": 3, "extra": 4, "scope": "x"},
            {
                ("profile.field", "credential.access"),
                ("profile.field", "credential.refresh"),
                ("profile.field", "credential.expires"),
                ("profile.field", "credential.email"),
                ("profile.field", "credential.extra"),
                ("profile.field", "credential.scope"),
            },
        ),
        ({"kind": "oauth", "access": "", "expires": 1}, {("profile.blank", "credential.access")}),
        ({"kind": "oauth", "access": "", "refresh": " ", "expires": 1}, {("profile.blank", "credential.access")}),
        (
            {"kind": "oauth", "access": "a", "expires": 1, "email": "a\nb", "extra": {"": "x", "p": "\ud800"}},
            {
                ("profile.email", "credential.email"),
                ("profile.extra", "credential.extra."),
                ("profile.extra", "credential.extra.p"),
            },
        ),
        (
            {"kind": "oauth", "access": "a", "expires": 1, "extra": {"p": {7}, 8: "x"}},
            {("profile.field", "credential.extra.p"), ("profile.field", "credential.extra.8")},
        ),
    ],
)
def test_every_fault_of_a_credential_is_told_at_once(data: Mapping[str, object], faults: set[tuple[str, str]]) -> None:
    with pytest.raises(RequestError) as caught:
        credential_from_secret_dict(data)
    assert caught.value.code == "profile.invalid"
    assert faults_of(caught.value) == faults


def test_every_fault_of_a_profile_is_told_at_once() -> None:
    usage = Usage(last_used=-1, error_count=-1, failure_counts={"Bad": 1, "auth": 0})
    bad = OAuthCredential(Secret(""), None, -1)
    with pytest.raises(RequestError) as caught:
        Profile("openai", bad, origin="https://user:pass@host", owner="root", created=-1, updated=-1, usage=usage)
    assert caught.value.code == "profile.invalid"
    assert faults_of(caught.value) == {
        ("profile.id", "id"),
        ("profile.owner", "owner"),
        ("profile.origin", "origin"),
        ("profile.time", "created"),
        ("profile.time", "updated"),
        ("profile.blank", "credential.access"),
        ("profile.time", "credential.expires"),
        ("profile.time", "usage.last_used"),
        ("profile.usage", "usage.error_count"),
        ("profile.usage", "usage.failure_counts.Bad"),
        ("profile.usage", "usage.failure_counts.auth"),
    }
    assert "pass" not in str(caught.value)


def test_a_credential_of_no_known_kind_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        Profile("openai:x", "sk-1")  # type: ignore[arg-type]
    assert faults_of(caught.value) == {("profile.kind", "credential")}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("OpenAI:x", "Use openai:x."),
        (" openai:x", "Use openai:x."),
        ("openai:", "Write it as provider:name, without white space."),
        ("openai:a b", "Write it as provider:name, without white space."),
        ("", "Write it as provider:name, without white space."),
    ],
)
def test_an_id_must_be_canonical(text: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        Profile(text, KEY)
    assert [(fault.code, fault.hint) for fault in caught.value.diagnostics] == [("profile.id", hint)]
    assert caught.value.fix == hint


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("https://api.example.com", True),
        ("http://127.0.0.1:8080", True),
        ("https://[::1]:8443", True),
        ("http://localhost:443", True),
        ("https://api.example.com:443", False),
        ("http://api.example.com:80", False),
        ("https://api.example.com/", False),
        ("https://api.example.com/v1", False),
        ("https://API.example.com", False),
        ("https://me@api.example.com", False),
        ("https://api.example.com:0", False),
        ("https://api.example.com:65536", False),
        ("https://api.example.com:", False),
        ("ftp://api.example.com", False),
        ("api.example.com", False),
        ("https://", False),
        ("https://api.example.com\n", False),
        ("", False),
    ],
)
def test_an_origin_has_one_spelling(text: str, answer: bool) -> None:
    assert is_origin(text) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [("core", True), ("user", True), ("plugin:qwen-portal", True), ("plugin:", False), ("plugin:A", False),
     ("plugin", False), ("", False), ("User", False)],
)  # fmt: skip
def test_an_owner_is_core_the_user_or_a_plugin(text: str, answer: bool) -> None:
    assert is_owner(text) is answer


@pytest.mark.parametrize("credential", [KEY, TOKEN, GRANT])
def test_a_profile_tells_what_its_id_and_credential_say(credential: Credential) -> None:
    profile = Profile("openai:me@example.com", credential)
    assert (profile.provider, profile.name, profile.kind) == ("openai", "me@example.com", credential.kind)


def test_the_name_keeps_its_colons() -> None:
    profile = Profile("openai:a:b", KEY)
    assert (profile.provider, profile.name) == ("openai", "a:b")


def test_the_public_dict_of_a_grant_has_all_but_the_secrets() -> None:
    profile = Profile("p:x", GRANT, "https://api.example.com", "plugin:p", 5, 6, Usage(last_used=7))
    assert profile.public() == {
        "id": "p:x",
        "provider": "p",
        "name": "x",
        "kind": "oauth",
        "origin": "https://api.example.com",
        "owner": "plugin:p",
        "created": 5,
        "updated": 6,
        "expires": 1_900_000_000_000,
        "refreshable": True,
        "email": "a@example.com",
        "extra": ["accountId", "projectId"],
        "usage": Usage(last_used=7).to_dict(),
    }


@pytest.mark.parametrize(
    ("credential", "expires", "refreshable"),
    [(KEY, None, False), (TOKEN, 1_900_000_000_000, False), (OAuthCredential(Secret("a"), None, 5), 5, False)],
)
def test_the_public_dict_of_the_others_has_the_same_fields(
    credential: Credential, expires: int | None, refreshable: bool
) -> None:
    public = Profile("p:x", credential).public()
    assert set(public) == set(Profile("p:y", GRANT).public())
    assert (public["expires"], public["refreshable"]) == (expires, refreshable)
    assert (public["email"], public["extra"]) == (None, [])


@pytest.mark.parametrize("credential", [KEY, TOKEN, GRANT])
def test_neither_the_repr_nor_the_public_dict_shows_a_secret(credential: Credential) -> None:
    profile = Profile("p:x", credential)
    shown = repr(profile) + str(credential) + json.dumps(profile.public())
    for secret in ("sk-1", "tok-1", "acc-1", "ref-1", "prj-1", "acct-1"):
        assert secret not in shown


def test_a_profile_cannot_be_changed() -> None:
    profile: Any = Profile("p:x", GRANT)
    with pytest.raises(FrozenInstanceError):
        profile.owner = "core"
    with pytest.raises(TypeError):
        profile.credential.extra["projectId"] = "other"


def test_extra_is_a_copy() -> None:
    extra = {"projectId": "one"}
    grant = OAuthCredential(Secret("a"), None, 5, extra=extra)
    extra["projectId"] = "two"
    assert grant.extra == {"projectId": "one"}
