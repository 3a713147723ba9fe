"""The authorization server that the flows are tried against is itself held to the standards."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from support.oauth import DEVICE_GRANT, Client, OAuthServer, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator

VERIFIER = "v" * 50
STATE = "s" * 32
REDIRECT = "http://127.0.0.1:4711/callback"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[OAuthServer]:
    with OAuthServer(clock=clock) as running:
        yield running


def ask(server: OAuthServer, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Any:
    """Return the status, the Location and the JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        body = urlencode(form or {})
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        connection.request(method, path, body if method == "POST" else None, {**kind, **headers})
        answer = connection.getresponse()
        text = answer.read()
        found = json.loads(text) if text.startswith(b"{") else {}
        return answer.status, answer.getheader("Location"), found
    finally:
        connection.close()


def authorize(server: OAuthServer, **changes: str) -> tuple[int, dict[str, list[str]], Any]:
    asked = {
        "response_type": "code",
        "client_id": "acme-client",
        "redirect_uri": REDIRECT,
        "state": STATE,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    status, location, body = ask(server, "GET", f"/authorize?{urlencode(asked)}")
    return status, parse_qs(urlsplit(location or "").query), body


def exchange(server: OAuthServer, code: str, **changes: str) -> tuple[int, Any]:
    form = {
        "grant_type": "authorization_code",
        "client_id": "acme-client",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    status, _, body = ask(server, "POST", "/token", form)
    return status, body


def code_of(server: OAuthServer) -> str:
    return authorize(server)[1]["code"][0]


def refresh(server: OAuthServer, token: str) -> tuple[int, Any]:
    form = {"grant_type": "refresh_token", "client_id": "acme-client", "refresh_token": token}
    status, _, body = ask(server, "POST", "/token", form)
    return status, body


def test_a_right_client_gets_tokens_that_work(server: OAuthServer) -> None:
    status, answer, _ = authorize(server)
    assert (status, answer["state"]) == (302, [STATE])
    status, tokens = exchange(server, answer["code"][0])
    assert (status, tokens["token_type"], server.faults) == (200, "Bearer", [])
    status, _, who = ask(server, "GET", "/userinfo", Authorization=f"Bearer {tokens['access_token']}")
    assert (status, who["email"]) == (200, "you@example.org")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1:4711/other"},
        {"redirect_uri": "http://127.0.0.1:4711/callback?x=1"},
        {"client_id": "other"},
    ],
)
def test_no_code_leaves_for_a_place_that_is_not_registered(server: OAuthServer, changes: dict[str, str]) -> None:
    status, answer, _ = authorize(server, **changes)
    assert (status, answer) == (400, {})


@pytest.mark.parametrize(
    "changes",
    [{"code_challenge_method": "plain"}, {"code_challenge": "short"}, {"state": "x"}, {"response_type": "token"}],
)
def test_weak_requests_are_sent_back(server: OAuthServer, changes: dict[str, str]) -> None:
    status, answer, _ = authorize(server, **changes)
    assert (status, answer["error"]) == (302, ["invalid_request"])
    assert server.faults


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:4712/callback"},
        {"code": "made-up"},
    ],
)
def test_a_wrong_exchange_gives_no_token(server: OAuthServer, changes: dict[str, str]) -> None:
    status, body = exchange(server, **{"code": code_of(server), **changes})
    assert (status, body["error"]) == (400, "invalid_grant")


def test_a_replayed_code_revokes_what_it_gave(server: OAuthServer) -> None:
    code = code_of(server)
    _, tokens = exchange(server, code)
    assert exchange(server, code)[1]["error"] == "invalid_grant"
    assert not server.is_live(tokens["access_token"])


def test_a_code_ends(server: OAuthServer, clock: Clock) -> None:
    code = code_of(server)
    clock.now += 61
    assert exchange(server, code)[1]["error"] == "invalid_grant"


def test_a_secret_is_asked_for_where_the_client_has_one(server: OAuthServer) -> None:
    server.rules.client = Client(secret="hush")
    code = code_of(server)
    assert exchange(server, code)[0] == 401
    assert exchange(server, code, client_secret="hush")[0] == 200


def test_refresh_tokens_rotate_and_a_second_use_revokes_the_family(server: OAuthServer) -> None:
    _, first = exchange(server, code_of(server))
    status, second = refresh(server, first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(server, first["refresh_token"])[1]["error"] == "invalid_grant"
    assert refresh(server, second["refresh_token"])[1]["error"] == "invalid_grant"
    assert not server.is_live(second["access_token"])


def test_without_rotation_no_new_refresh_token_comes(server: OAuthServer) -> None:
    server.rules = Rules(rotate=False)
    _, first = exchange(server, code_of(server))
    status, second = refresh(server, first["refresh_token"])
    assert (status, "refresh_token" in second) == (200, False)
    assert refresh(server, first["refresh_token"])[0] == 200


def poll(server: OAuthServer, device_code: str) -> Any:
    form = {"grant_type": DEVICE_GRANT, "client_id": "acme-client", "device_code": device_code}
    return ask(server, "POST", "/token", form)[2]


def test_a_device_waits_for_its_user(server: OAuthServer, clock: Clock) -> None:
    server.rules = Rules(polls_needed=None, interval=5)
    _, _, device = ask(server, "POST", "/device/code", {"client_id": "acme-client"})
    assert poll(server, device["device_code"])["error"] == "authorization_pending"
    clock.now += 1
    assert poll(server, device["device_code"])["error"] == "slow_down"
    clock.now += 5
    assert poll(server, device["device_code"])["error"] == "slow_down"
    server.approve(device["user_code"])
    clock.now += 15
    assert "access_token" in poll(server, device["device_code"])
    clock.now += 15
    assert poll(server, device["device_code"])["error"] == "invalid_grant"


def test_a_device_code_ends_and_may_be_refused(server: OAuthServer, clock: Clock) -> None:
    server.rules = Rules(polls_needed=None)
    _, _, refused = ask(server, "POST", "/device/code", {"client_id": "acme-client"})
    server.approve(refused["user_code"], agree=False)
    assert poll(server, refused["device_code"])["error"] == "access_denied"
    _, _, late = ask(server, "POST", "/device/code", {"client_id": "acme-client"})
    clock.now += 601
    assert poll(server, late["device_code"])["error"] == "expired_token"


def test_parameters_stand_once_and_in_a_form(server: OAuthServer) -> None:
    assert ask(server, "GET", "/authorize?client_id=acme-client&client_id=other")[0] == 400
    assert ask(server, "POST", "/token", {"grant_type": "password", "client_id": "acme-client"})[2] == {
        "error": "unsupported_grant_type",
        "error_description": "password",
    }
