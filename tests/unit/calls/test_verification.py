"""Checking credentials as calls would use them: renewed and traded first, and each result in its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.app import App
from jackfield.calls.verification import Checked, check_providers
from jackfield.credentials.profile import ApiKeyCredential, Credential, OAuthCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.providers.block import AuthMethod, Check, OAuth, Provider, RuntimeTags, TokenExchange
from jackfield.table import Owner, Trust
from support.cli import MASTER_KEY, RIGHT_KEY, leaks, model_server, sent_key
from support.models import Answers
from support.oauth import OAuthServer, Rules
from support.servers import Connection, HttpServer, Request, refusing_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWNER = Owner(Trust.CORE, "core")
HOUR = 3_600_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(env={"JACKFIELD_HOME": str(tmp_path / "home"), "JACKFIELD_MASTER_KEY": MASTER_KEY}) as made:
        yield made


def provide(app: App, url: str, name: str = "acme", **fields: Any) -> Provider:
    given = {"label": name.title(), "base_url": url, "api": "openai-completions", "verify": Check("{base}/models")}
    block = Provider(id=name, **{**given, **fields})
    app.registry.register_provider(block, owner=OWNER)
    return block


def put(app: App, credential: Credential | str, profile_id: str = "acme:default") -> None:
    made = ApiKeyCredential(Secret(credential)) if isinstance(credential, str) else credential
    app.store.put(Profile(profile_id, made))


def check(app: App, *providers: Provider, deadline_s: float = 15, only_configured: bool = False) -> list[Checked]:
    heard: list[Checked] = []
    chosen = providers or app.registry.list_providers()
    found = asyncio.run(
        check_providers(
            chosen,
            app.surroundings(),
            app.credentials,
            app.http_client,
            deadline_s=deadline_s,
            only_configured=only_configured,
            report=heard.append,
        )
    )
    assert sorted(each.id for each in heard) == sorted(each.id for each in found)
    return list(found)


def with_oauth(app: App, url: str, login: OAuthServer, *, left: int) -> Provider:
    flow = OAuth(hosts=("127.0.0.1",), token_url=f"{login.url}/token", client_id="acme-client")
    method = AuthMethod("oauth", "acme", "oauth", "Acme", "oauth-pkce", oauth=flow, profile="acme:default")
    told = login.issue()
    tokens = Secret(str(told["access_token"])), Secret(str(told["refresh_token"]))
    block = provide(app, url, auth=(method,), verify=Check("{origin}/me"))
    put(app, OAuthCredential(*tokens, app.clock() + left))
    return block


@pytest.mark.parametrize(("left", "renewals"), [(HOUR, 0), (-1, 1)])
def test_a_grant_past_its_end_is_renewed_before_it_is_shown(app: App, left: int, renewals: int) -> None:
    with OAuthServer() as login:
        block = with_oauth(app, login.url, login, left=left)
        (found,) = check(app, block)
        assert (found.state, found.status, found.source) == ("accepted", 200, "profile acme:default")
        assert login.counts.refreshes == renewals


def test_a_grant_that_its_provider_does_not_renew_is_refused(app: App) -> None:
    with OAuthServer() as login:
        block = with_oauth(app, login.url, login, left=-1)
        put(app, OAuthCredential(Secret(RIGHT_KEY), Secret("rt-unknown"), 1))
        (found,) = check(app, block)
    assert (found.state, found.code) == ("refused", "credential.refresh-refused")
    assert found.fix == "Log in again: jackfield login acme"
    assert leaks(repr(found), RIGHT_KEY) == []


def test_a_renewal_that_takes_too_long_is_unreachable(app: App) -> None:
    with OAuthServer(Rules(token_delay_s=0.6)) as login:
        block = with_oauth(app, login.url, login, left=-1)
        (found,) = check(app, block, deadline_s=0.2)
    assert (found.state, found.code) == ("unreachable", "net.timeout")
    assert found.message == "The credential could not be made ready in time."


def test_a_login_server_that_is_not_there_is_unreachable(app: App) -> None:
    with refusing_port() as port, OAuthServer() as login:
        flow = OAuth(hosts=("127.0.0.1",), token_url=f"http://127.0.0.1:{port}/token", client_id="c")
        method = AuthMethod("oauth", "acme", "oauth", "Acme", "oauth-pkce", oauth=flow, profile="acme:default")
        block = provide(app, login.url, auth=(method,))
        put(app, OAuthCredential(Secret("at"), Secret("rt"), 1))
        (found,) = check(app, block)
    assert (found.state, found.code) == ("unreachable", "remote.refresh")


@pytest.mark.parametrize(
    ("status", "state", "code"), [(200, "accepted", None), (401, "refused", "credential.refused"),
                                  (500, "unreachable", "remote.exchange")]
)  # fmt: skip
def test_a_credential_that_is_traded_is_right_when_it_is_traded(
    app: App, status: int, state: str, code: str | None
) -> None:
    told = {"token": "t", "expires_at": app.clock() + HOUR} if status == 200 else {}
    with Answers([(status, told)]).server() as server:
        block = provide(app, server.url, token_exchange=TokenExchange(f"{server.url}/token"))
        put(app, "ghu-1")
        (found,) = check(app, block)
        assert [each.path for each in server.requests] == ["/token"]
    assert (found.state, found.code) == (state, code)


def test_of_a_key_in_json_its_token_is_shown(app: App) -> None:
    with model_server("at-1") as server:
        block = provide(app, server.url, tags=RuntimeTags(json_api_key=True))
        put(app, OAuthCredential(Secret("at-1"), None, app.clock() + HOUR, extra={"projectId": "p"}))
        (found,) = check(app, block)
        assert [sent_key(each) for each in server.requests] == ["at-1"]
    assert found.state == "accepted"


def test_every_provider_is_asked_at_the_same_time_and_told_in_order(app: App) -> None:
    both = asyncio.Event()
    waiting = 0

    async def handle(request: Request, connection: Connection) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 3:
            both.set()
        await both.wait()  # nobody is answered before all have asked
        await connection.reply(200, b"{}", {"Content-Type": "application/json"})

    with HttpServer(handle) as server:
        blocks = [provide(app, server.url, name) for name in ("c", "a", "b")]
        for each in blocks:
            put(app, RIGHT_KEY, f"{each.id}:default")
        found = check(app, *blocks)
    assert [(each.id, each.state) for each in found] == [("c", "accepted"), ("a", "accepted"), ("b", "accepted")]


def test_no_client_is_opened_when_there_is_nobody_to_ask(app: App) -> None:
    assert check(app, only_configured=True) == []


def test_what_was_set_up_and_cannot_be_used_is_among_the_configured(app: App) -> None:
    with model_server() as server:
        provide(app, server.url)
        put(app, OAuthCredential(Secret("at"), None, 1))
        (found,) = check(app, only_configured=True)
        assert server.requests == []
    assert (found.id, found.state, found.code) == ("acme", "unusable", "credential.none")
