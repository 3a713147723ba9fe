"""Renewing grants: each strategy against a server, and what each failure says of the refresh token."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from jackfield.auth.refreshers import REFRESHERS, exchange_for, oauth_of
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile
from jackfield.credentials.refresh import Refresher
from jackfield.credentials.renewal import Failure, failure_from_error
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.errors import CredentialError, JackfieldError, RemoteError, RequestError
from jackfield.net import HttpClient
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace
from support.oauth import Client, OAuthServer, unsigned_jwt
from support.servers import HttpServer, answering, refusing_port, sending
from support.signin import acme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jackfield.providers.block import Provider

NOW = 1_800_000_000_000
CORE = {each.id: each for each in ProviderRegistry.with_core().list_providers()}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with OAuthServer() as running:
        yield running


def block(name: str, url: str, **changes: Any) -> Provider:
    """Return a provider of core, or `acme`, whose grants are renewed at `url`."""
    if name == "acme":
        return acme(OAuthServerAt(url), **changes)[0]  # type: ignore[arg-type]  # it needs the address alone
    provider = CORE[name]
    methods = tuple(
        replace(each, oauth=replace(each.oauth, token_url=f"{url}/token", refresh_url=None, **changes))
        for each in provider.auth
        if each.oauth
    )
    return replace(provider, auth=methods)


class OAuthServerAt:
    def __init__(self, url: str) -> None:
        self.url = url


def grant(refresh: object = "rt-old-canary/Zq7+Xk2", **extra: object) -> Profile:
    return Profile("acme:me", OAuthCredential(Secret("at-old"), Secret(str(refresh)), NOW, "me@example.org", extra))


def renew(provider: Provider, profile: Profile, env: Mapping[str, str] | None = None) -> OAuthCredential | Failure:
    exchange = exchange_for(
        provider,
        open_client=lambda: HttpClient(env={}, user_agent="t"),
        env=env or {},
        clock=lambda: NOW,
    )
    assert exchange is not None

    async def main() -> OAuthCredential | Failure:
        return await exchange(profile)

    return asyncio.run(main())


def renewed(provider: Provider, profile: Profile, env: Mapping[str, str] | None = None) -> OAuthCredential:
    found = renew(provider, profile, env)
    assert isinstance(found, OAuthCredential)
    return found


def form(server: HttpServer) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(server.requests[-1].body.decode()).items()}


def test_a_grant_is_renewed_by_the_standard(server: OAuthServer) -> None:
    old = server.issue()["refresh_token"]

    found = renewed(block("acme", server.url), grant(old, accountId="acc-1"))

    assert server.is_live(found.access.reveal())
    assert found.refresh is not None
    assert found.refresh.reveal() != old
    assert (found.expires, found.email, dict(found.extra)) == (
        NOW + 3_600_000,
        "me@example.org",
        {"accountId": "acc-1"},
    )
    assert form(server) == {"grant_type": "refresh_token", "client_id": "acme-client", "refresh_token": old}
    assert server.faults == []


@pytest.mark.parametrize("name", ["acme", "chutes", "qwen-portal", "openai-codex"])
def test_a_refresh_token_that_is_not_replaced_stays_in_force(server: OAuthServer, name: str) -> None:
    server.rules.rotate = False
    server.rules.json_refresh = name == "openai-codex"
    provider = block(name, server.url)
    client = provider.auth[0].oauth.client_id if provider.auth[0].oauth else None
    server.rules.client = Client(id=client or "own-client")
    old = str(server.issue()["refresh_token"])

    found = renewed(provider, grant(old, clientId="own-client") if client is None else grant(old))

    assert found.refresh == Secret(old)
    assert server.faults == []


def test_openais_endpoint_gets_json(server: OAuthServer) -> None:
    provider = block("openai-codex", server.url)
    server.rules.client, server.rules.json_refresh = Client(id="app_EMoamEEZ73f0CkXaXp7hrann"), True
    old = server.issue()["refresh_token"]

    assert server.is_live(renewed(provider, grant(old)).access.reveal())

    assert json.loads(server.requests[0].body) == {
        "grant_type": "refresh_token",
        "client_id": "app_EMoamEEZ73f0CkXaXp7hrann",
        "refresh_token": old,
    }


def test_the_end_of_a_token_comes_from_the_token_where_the_answer_does_not_tell() -> None:
    token = unsigned_jwt({"exp": 1_800_000_600})
    with HttpServer(answering(200, json.dumps({"access_token": token}).encode(), JSON)) as server:
        assert renewed(block("openai-codex", server.url), grant()).expires == 1_800_000_600_000


# --- the client

CHUTES = {"CHUTES_CLIENT_ID": "env-client", "CHUTES_CLIENT_SECRET": "env-secret"}
CLIENTS = [
    ({"clientId": "own"}, {}, ("own", None)),
    ({"clientId": "own"}, CHUTES, ("own", None)),
    ({"clientId": "env-client"}, CHUTES, ("env-client", "env-secret")),
    ({"clientId": "own"}, {"CHUTES_CLIENT_SECRET": "env-secret"}, ("own", "env-secret")),
    ({"clientId": "own", "clientSecret": "kept"}, CHUTES, ("own", "kept")),
    ({}, CHUTES, ("env-client", "env-secret")),
    ({"clientId": "  "}, {"CHUTES_CLIENT_ID": " env-client "}, ("env-client", None)),
    ({"clientId": 7}, {"CHUTES_CLIENT_ID": "env-client"}, ("env-client", None)),
]


@pytest.mark.parametrize(("extra", "env", "expected"), CLIENTS)
def test_the_client_is_the_one_that_the_grant_was_given_to(
    extra: dict[str, object], env: dict[str, str], expected: tuple[str, str | None]
) -> None:
    with HttpServer(answering(200, b'{"access_token": "at-1"}', JSON)) as server:
        renewed(block("chutes", server.url), grant(**extra), env)
        sent = form(server)
    assert (sent["client_id"], sent.get("client_secret")) == expected


def test_a_client_that_is_not_known_any_more_is_said_and_nothing_is_sent() -> None:
    with HttpServer(answering(200)) as server, pytest.raises(RequestError) as caught:
        renew(block("chutes", server.url), grant())
    assert server.requests == []
    assert caught.value.code == "login.client"
    assert caught.value.fix == "Set CHUTES_CLIENT_ID, or log in again: jackfield login chutes"
    # It is set right by setting a variable: the token must not count as refused.
    assert failure_from_error(caught.value).fate == "unused"


# --- failures


FAILURES = [
    ("acme", 400, {"error": "invalid_grant"}, "refused", "invalid_grant"),
    ("acme", 401, {"error": "invalid_client"}, "refused", "invalid_client"),
    ("acme", 401, {}, "refused", "http-401"),
    ("acme", 400, {"error": "temporarily_unavailable"}, "unused", "temporarily_unavailable"),
    ("acme", 404, {}, "unused", "http-404"),
    ("acme", 429, {}, "unused", "http-429"),
    ("acme", 503, {}, "unused", "http-503"),
    ("acme", 500, {}, "unknown", "http-500"),
    ("acme", 502, {}, "unknown", "http-502"),
    ("chutes", 400, {"error": "invalid_grant"}, "refused", "invalid_grant"),
    ("chutes", 400, {"detail": "bad"}, "refused", "http-400"),
    ("qwen-portal", 400, {"error": "slow_down"}, "refused", "slow_down"),
    ("qwen-portal", 400, {}, "refused", "http-400"),
    ("qwen-portal", 429, {}, "unused", "http-429"),
    ("openai-codex", 401, {"error": {"code": "refresh_token_expired"}}, "refused", "refresh_token_expired"),
    ("openai-codex", 401, {"error": {"code": "refresh_token_reused"}}, "refused", "refresh_token_reused"),
    ("openai-codex", 400, {"error": "refresh_token_invalidated"}, "refused", "refresh_token_invalidated"),
    ("openai-codex", 401, {"error": {"code": "made_up"}}, "refused", "made_up"),
    ("openai-codex", 401, {}, "refused", "http-401"),
    ("openai-codex", 500, {}, "unknown", "http-500"),
]


@pytest.mark.parametrize(("name", "status", "body", "fate", "reason"), FAILURES)
def test_a_failure_says_what_became_of_the_refresh_token(
    name: str, status: int, body: dict[str, object], fate: str, reason: str
) -> None:
    with HttpServer(answering(status, json.dumps(body).encode(), JSON)) as server:
        found = renew(block(name, server.url), grant(clientId="own"))
    assert found == Failure(fate, reason)  # type: ignore[arg-type]


def test_the_pause_that_the_server_asks_for_is_handed_on() -> None:
    with HttpServer(answering(429, b"{}", {**JSON, "Retry-After": "17"})) as server:
        assert renew(block("acme", server.url), grant()) == Failure("unused", "http-429", 17.0)


@pytest.mark.parametrize(
    ("answer", "code", "fate"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "remote.sign-in", "unknown"),
        (b"HTTP/1.1 307 Go\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "net.redirect", "unknown"),
        (b"", "net.reset", "unknown"),
    ],
    ids=["no-token", "redirect", "hung-up"],
)
def test_an_answer_that_is_none_leaves_the_tokens_fate_open(answer: bytes, code: str, fate: str) -> None:
    with HttpServer(sending(answer)) as server, pytest.raises(RemoteError) as caught:
        renew(block("acme", server.url), grant())
    assert (caught.value.code, failure_from_error(caught.value).fate) == (code, fate)


def test_a_server_that_is_not_there_has_used_nothing() -> None:
    with refusing_port() as port, pytest.raises(RemoteError) as caught:
        renew(block("acme", f"http://127.0.0.1:{port}"), grant())
    assert failure_from_error(caught.value) == Failure("unused", "net.refused")


@pytest.mark.parametrize("name", ["acme", "openai-codex"])
def test_no_failure_holds_the_token(name: str) -> None:
    token = "rt-old-canary/Zq7+Xk2"
    body = json.dumps({"error": token, "error_description": f"unknown token {token}"}).encode()
    with HttpServer(answering(400, body, JSON)) as server:
        found = renew(block(name, server.url), grant(token))
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "profile",
    [
        Profile("acme:me", ApiKeyCredential(Secret("sk-1"))),
        Profile("acme:me", OAuthCredential(Secret("at"), None, NOW)),
    ],
    ids=["a-key", "no-refresh-token"],
)
def test_what_cannot_be_renewed_is_not_sent(profile: Profile) -> None:
    with HttpServer(answering(200)) as server, pytest.raises(CredentialError) as caught:
        renew(block("acme", server.url), profile)
    assert caught.value.code == "credential.expired"
    assert server.requests == []


# --- which strategy


@pytest.mark.parametrize(
    ("name", "runner", "url"),
    [
        ("chutes", "chutes-refresh", "https://api.chutes.ai/idp/token"),
        ("openai-codex", "codex-refresh", "https://auth.openai.com/oauth/token"),
        ("qwen-portal", "qwen-refresh", "https://chat.qwen.ai/api/v1/oauth2/token"),
        ("github-copilot", "oauth-refresh", "https://github.com/login/oauth/access_token"),
    ],
)
def test_each_block_of_core_has_its_strategy_and_endpoint(name: str, runner: str, url: str) -> None:
    found = oauth_of(CORE[name])
    assert found is not None
    oauth, strategy = found
    assert strategy is REFRESHERS[runner]
    assert (oauth.refresh_url or oauth.token_url) == url


def test_every_strategy_that_a_block_of_core_names_is_there() -> None:
    named = {each.oauth.refresh_runner for block in CORE.values() for each in block.auth if each.oauth}
    named |= {block.tags.custom_refresh for block in CORE.values()}
    assert named - {None} <= set(REFRESHERS)


@pytest.mark.parametrize("name", ["openai", "anthropic", "ollama", "google-gemini-cli"])
def test_what_core_cannot_renew_has_no_exchange(name: str) -> None:
    found = exchange_for(CORE[name], open_client=lambda: HttpClient(env={}, user_agent="t"), env={}, clock=lambda: NOW)
    assert found is None


def test_a_strategy_that_core_does_not_know_is_somebody_elses(server: OAuthServer) -> None:
    assert oauth_of(acme(server, refresh_runner="plugin:acme/refresh")[0]) is None


# --- with the store


@pytest.mark.parametrize("rotate", [True, False])
def test_the_refresher_renews_through_it_and_stores_what_came(
    server: OAuthServer, tmp_path: Path, rotate: bool
) -> None:
    server.rules.rotate = rotate
    old = server.issue()
    provider = block("acme", server.url)
    profile = Profile(
        "acme:me", OAuthCredential(Secret(str(old["access_token"])), Secret(str(old["refresh_token"])), 1)
    )
    exchange = exchange_for(provider, open_client=lambda: HttpClient(env={}, user_agent="t"), env={}, clock=lambda: NOW)
    assert exchange is not None

    async def main(store: CredentialStore) -> list[Profile]:
        async with Refresher(store) as refresher:
            return list(await asyncio.gather(*(refresher.fresh("acme:me", exchange) for _ in range(8))))

    store = CredentialStore.open(tmp_path / "c.sqlite3", clock=lambda: NOW)
    try:
        store.put(profile)
        found = asyncio.run(main(store))
        kept = store.get("acme:me")
    finally:
        store.close()

    assert kept is not None
    assert {each.credential.to_secret_dict()["access"] for each in found} == {
        kept.credential.to_secret_dict()["access"]
    }
    assert server.counts.refreshes == 1
    assert server.faults == []


def test_a_refusal_reaches_the_user_as_log_in_again(server: OAuthServer, tmp_path: Path) -> None:
    provider = block("acme", server.url)
    exchange = exchange_for(provider, open_client=lambda: HttpClient(env={}, user_agent="t"), env={}, clock=lambda: NOW)
    assert exchange is not None

    async def main(store: CredentialStore) -> None:
        async with Refresher(store) as refresher:
            await refresher.fresh("acme:me", exchange)

    store = CredentialStore.open(tmp_path / "c.sqlite3", clock=lambda: NOW)
    try:
        store.put(Profile("acme:me", OAuthCredential(Secret("at"), Secret("rt-made-up"), 1)))
        with pytest.raises(JackfieldError) as caught:
            asyncio.run(main(store))
    finally:
        store.close()

    assert caught.value.code == "credential.refresh-refused"
    assert caught.value.fix == "Log in again: jackfield login acme"
