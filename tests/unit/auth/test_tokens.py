"""The token endpoint: what its answers mean, and what of them is shown."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.auth.tokens import Refusal, Tokens, ask_tokens, ask_userinfo, denied, number, plain_words
from jackfield.credentials.profile import MAX_TIME, OAuthCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, JackfieldError, RemoteError
from jackfield.net import HttpClient
from support.oauth import unsigned_jwt
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.servers import Handler

NOW = 1_800_000_000_000
CODE = Secret("code-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8")
JSON = {"Content-Type": "application/json"}


def ask(handler: Handler, **options: Any) -> tuple[Tokens | Refusal, HttpServer]:
    async def main(url: str) -> Tokens | Refusal:
        async with HttpClient(env={}, user_agent="t") as client:
            return await ask_tokens(client, url, {"grant_type": "authorization_code", "code": CODE}, **options)

    with HttpServer(handler) as server:
        return asyncio.run(main(f"{server.url}/token")), server


def answer(body: Mapping[str, object], status: int = 200, **headers: str) -> Tokens | Refusal:
    return ask(answering(status, json.dumps(body).encode(), {**JSON, **headers}))[0]


def test_the_request_is_a_form_with_its_secrets_in_the_body_alone() -> None:
    _, server = ask(answering(200, b'{"access_token": "a"}', JSON))
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert parse_qs(request.body.decode()) == {"grant_type": ["authorization_code"], "code": [CODE.reveal()]}


def test_a_vendor_that_wants_json_gets_json() -> None:
    _, server = ask(answering(200, b'{"access_token": "a"}', JSON), encoding="json")
    assert server.requests[0].headers["content-type"] == "application/json"
    assert json.loads(server.requests[0].body) == {"grant_type": "authorization_code", "code": CODE.reveal()}


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"access_token": "at-1"}, Tokens(Secret("at-1"))),
        ({"access_token": "at-1", "token_type": "bearer"}, Tokens(Secret("at-1"))),
        (
            {
                "access_token": "at-1",
                "token_type": "Bearer",
                "refresh_token": "rt-1",
                "expires_in": 3600,
                "id_token": "i",
            },
            Tokens(Secret("at-1"), Secret("rt-1"), 3600, Secret("i")),
        ),
        ({"access_token": "at-1", "expires_in": "60"}, Tokens(Secret("at-1"), None, 60)),
        ({"access_token": "at-1", "expires_in": 0, "refresh_token": ""}, Tokens(Secret("at-1"))),
        ({"access_token": "at-1", "expires_in": -5}, Tokens(Secret("at-1"))),
        ({"access_token": "at-1", "expires_in": True}, Tokens(Secret("at-1"))),
        ({"access_token": "at-1", "expires_in": [1], "refresh_token": 7}, Tokens(Secret("at-1"))),
    ],
)
def test_what_was_given_out_is_read(body: dict[str, object], tokens: Tokens) -> None:
    assert answer(body) == tokens


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": ["at"]},
        {"access_token": "two words"},
        {"access_token": "line\nbreak"},
        {"access_token": "\u00fcber"},
        {"access_token": "a" * 50_000},
        {"access_token": "at-1", "token_type": "mac"},
        {"access_token": "at-1", "token_type": 1},
    ],
)
def test_a_success_without_a_usable_token_is_the_other_sides_fault(body: dict[str, object]) -> None:
    with pytest.raises(RemoteError) as caught:
        answer(body)
    assert caught.value.code == "remote.sign-in"
    assert caught.value.message.endswith("answered without an access token that can be used.")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_a_success_that_is_no_json_object_is_the_other_sides_fault(body: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        ask(answering(200, body))
    assert caught.value.code == "remote.sign-in"


def test_a_redirect_is_not_followed() -> None:
    with pytest.raises(RemoteError) as caught:
        ask(answering(307, b"", {"Location": "/elsewhere"}))
    assert caught.value.code == "net.redirect"


def test_a_vast_answer_is_not_read() -> None:
    with pytest.raises(RemoteError) as caught:
        ask(answering(200, b'{"access_token": "' + b"a" * 300_000 + b'"}', JSON))
    assert caught.value.code == "net.too-large"


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (400, {"error": "invalid_grant"}, Refusal(400, "invalid_grant")),
        (401, {"error": "invalid_client", "error_description": "Who?"}, Refusal(401, "invalid_client", "Who?")),
        (200, {"error": "slow_down", "interval": 10}, Refusal(200, "slow_down", interval=10.0)),
        (
            401,
            {"error": {"code": "refresh_token_reused", "message": "Old"}},
            Refusal(401, "refresh_token_reused", "Old"),
        ),
        (400, {"error": "two words"}, Refusal(400)),
        (400, {"error": 7, "error_description": {"a": 1}}, Refusal(400)),
        (500, {}, Refusal(500)),
    ],
)
def test_a_refusal_tells_its_code_and_words(status: int, body: dict[str, object], refusal: Refusal) -> None:
    assert answer(body, status) == refusal


def test_the_pause_that_a_busy_server_asks_for_is_read() -> None:
    assert answer({}, 429, **{"Retry-After": "7"}) == Refusal(429, retry_after=7.0)
    assert answer({}, 429, **{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}) == Refusal(429)


def test_a_description_that_echoes_what_was_sent_is_cleaned() -> None:
    for echo in (CODE.reveal(), CODE.reveal()[:12], CODE.reveal()[-8:]):
        found = answer({"error": "invalid_grant", "error_description": f"The code {echo} is wrong"}, 400)
        assert found == Refusal(400, "invalid_grant", "The code … is wrong")


ERRORS = [
    (Refusal(400, "invalid_grant"), CredentialError, "credential.sign-in", "the code or token is wrong"),
    (Refusal(401, "invalid_client"), CredentialError, "credential.sign-in", "does not know the client id"),
    (Refusal(400, "access_denied"), CredentialError, "credential.denied", "was refused on its page"),
    (Refusal(400, "made_up"), CredentialError, "credential.sign-in", "gave no token: made_up."),
    (Refusal(404), CredentialError, "credential.sign-in", "it answered with status 404"),
    (Refusal(400, "invalid_scope", "No such scope"), CredentialError, "credential.sign-in", "It says: No such scope"),
    (Refusal(500), RemoteError, "remote.sign-in", "it answered with status 500"),
    (Refusal(429), RemoteError, "remote.sign-in", "it answered with status 429"),
    (Refusal(400, "temporarily_unavailable"), RemoteError, "remote.sign-in", "it is busy"),
    (Refusal(400, "server_error"), RemoteError, "remote.sign-in", "something failed there"),
]


@pytest.mark.parametrize(("refusal", "kind", "code", "words"), ERRORS)
def test_a_refusal_becomes_a_plain_sentence_with_a_fix(
    refusal: Refusal, kind: type[JackfieldError], code: str, words: str
) -> None:
    error = refusal.to_error("Acme")
    assert type(error) is kind
    assert error.code == code
    assert words in error.message
    assert error.fix


def test_a_no_on_the_page_is_said_as_such() -> None:
    assert denied("Acme").message == "The sign-in at Acme was refused on its page."


def test_expiry_is_reckoned_from_now_without_a_margin() -> None:
    assert Tokens(Secret("a"), None, 3600).expires(NOW) == NOW + 3_600_000
    assert Tokens(Secret("a"), None, 10**15).expires(NOW) == MAX_TIME


def test_expiry_comes_from_the_token_itself_where_the_answer_does_not_tell() -> None:
    assert Tokens(Secret(unsigned_jwt({"exp": 1_800_000_060}))).expires(NOW) == 1_800_000_060_000
    assert Tokens(Secret(unsigned_jwt({"exp": "soon"}))).expires(NOW) == 0
    assert Tokens(Secret("opaque")).expires(NOW) == 0


def test_a_token_without_an_end_or_renewal_is_kept_as_a_lasting_one() -> None:
    assert Tokens(Secret("a")).credential(NOW) == TokenCredential(Secret("a"))
    assert Tokens(Secret("a"), Secret("r")).credential(NOW) == OAuthCredential(Secret("a"), Secret("r"), 0)
    assert Tokens(Secret("a"), None, 60).credential(NOW, "me", {"clientId": "c"}) == OAuthCredential(
        Secret("a"), None, NOW + 60_000, "me", {"clientId": "c"}
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(5, 5.0), (0.5, 0.5), ("7", 7.0), (0, None), (-1, None), (True, None), ("x", None), (None, None), ("nan", None),
     ("inf", None), (1e300, None), (10**400, None), ([], None)],
)  # fmt: skip
def test_a_number_of_seconds_is_above_zero_and_finite(value: object, seconds: float | None) -> None:
    assert number(value) == seconds


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain words.", "Plain words."),
        ("two\nlines\tand \x1b[31mcolour", "two lines and [31mcolour"),
        ("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.x is bad", "… is bad"),
        ("w " * 300, "w " * 99 + "w…"),
        (None, ""),
        (["list"], ""),
    ],
)
def test_somebody_elses_words_are_one_short_line(text: object, shown: str) -> None:
    assert plain_words(text) == shown


@given(st.text(max_size=300))
def test_words_that_are_shown_never_steer_the_terminal(text: str) -> None:
    shown = plain_words(text)
    assert shown.isprintable()
    assert len(shown) <= 200


def userinfo(handler: Handler) -> Mapping[str, object]:
    async def main(url: str) -> Mapping[str, object]:
        async with HttpClient(env={}, user_agent="t") as client:
            return await ask_userinfo(client, url, Secret("at-1"))

    with HttpServer(handler) as server:
        told = asyncio.run(main(f"{server.url}/userinfo"))
        assert server.requests[0].headers["authorization"] == "Bearer at-1"
        assert "at-1" not in server.requests[0].target
        return told


def test_userinfo_tells_of_the_user() -> None:
    assert userinfo(answering(200, b'{"sub": "1"}', JSON)) == {"sub": "1"}


@pytest.mark.parametrize(
    "handler",
    [answering(401, b'{"sub": "1"}', JSON), answering(200, b"<html>"), answering(200, b"[1]"), answering(500)],
)
def test_userinfo_that_fails_tells_nothing_and_stops_nothing(handler: Handler) -> None:
    assert userinfo(handler) == {}


def test_userinfo_of_another_origin_is_about_somebody_else() -> None:
    with HttpServer(answering(200, b'{"sub": "evil"}', JSON)) as other:
        assert userinfo(answering(302, b"", {"Location": f"{other.url}/userinfo"})) == {}
        assert "authorization" not in other.requests[0].headers


def test_userinfo_that_is_not_there_tells_nothing() -> None:
    async def main() -> Mapping[str, object]:
        from support.servers import refusing_port

        with refusing_port() as port:
            async with HttpClient(env={}, user_agent="t") as client:
                return await ask_userinfo(client, f"http://127.0.0.1:{port}/u", Secret("at-1"))

    assert asyncio.run(main()) == {}


def test_a_token_that_is_too_long_for_a_header_is_asked_nothing() -> None:
    async def main() -> Mapping[str, object]:
        async with HttpClient(env={}, user_agent="t") as client:
            return await ask_userinfo(client, "http://127.0.0.1:1/u", Secret("a" * 9_000))

    assert asyncio.run(main()) == {}
