"""Resolving credentials and endpoints: who wins, what is renewed or traded, which headers carry it, what is kept."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.app import App
from jackfield.credentials.profile import ApiKeyCredential, Credential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import (
    CredentialError,
    InternalError,
    JackfieldError,
    RemoteError,
    RequestError,
    UnknownNameError,
)
from jackfield.net import origin_of
from jackfield.providers.block import (
    AuthMethod,
    Cost,
    EnvSet,
    EnvVars,
    Model,
    OAuth,
    Provider,
    RuntimeTags,
    TokenExchange,
)
from jackfield.providers.parts import FrozenMap
from jackfield.resolution import Credentials
from jackfield.table import Owner, Trust
from support.cli import MASTER_KEY, RIGHT_KEY, leaks
from support.oauth import OAuthServer, Rules, unsigned_jwt
from support.servers import Connection, HttpServer, Request, answering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOW = 1_800_000_000_000
HOUR = 3_600_000
# What the config says of a provider counts for blocks that come before it.
OWNER = Owner(Trust.CORE, "core")
BASE = "https://api.acme.test/v1"


class Clock:
    """Milliseconds since the epoch, as the test says."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class World:
    """One user's home, and an App over it that is closed at the end."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env |= {"JACKFIELD_HOME": str(self.folder), "JACKFIELD_MASTER_KEY": MASTER_KEY}
        self._app: App | None = None

    @property
    def app(self) -> App:
        if self._app is None:
            self._app = App(env=self.env, clock=self.clock)
        return self._app

    @property
    def credentials(self) -> Credentials:
        return self.app.credentials

    def close(self) -> None:
        if self._app is not None:
            self._app.close()

    def config(self, **providers: object) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        (self.folder / "config.json5").write_text(json.dumps({"models": {"providers": providers}}))

    def register(self, block: Provider) -> Provider:
        self.app.registry.register_provider(block, owner=OWNER)
        return block

    def put(self, profile_id: str, credential: Credential | str, origin: str | None = None) -> Profile:
        made = ApiKeyCredential(Secret(credential)) if isinstance(credential, str) else credential
        return self.app.store.put(Profile(profile_id, made, origin=origin))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "home")
    yield made
    made.close()


def block(provider_id: str = "acme", **fields: Any) -> Provider:
    whole: dict[str, Any] = {
        "id": provider_id,
        "label": "Acme",
        "base_url": BASE,
        "api": "openai-completions",
        "env": EnvVars(any_of=("ACME_KEY",)),
        **fields,
    }
    return Provider(**whole)


def oauth_block(server: HttpServer, **fields: Any) -> Provider:
    flow = OAuth(hosts=("127.0.0.1",), token_url=f"{server.url}/token", client_id="acme-client")
    method = AuthMethod("oauth", "acme", "oauth", "Acme", "oauth-pkce", oauth=flow, profile="acme:default")
    return block(auth=(method,), **fields)


def grant(access: str, refresh: str | None = "rt", expires: int = NOW + HOUR, **extra: object) -> OAuthCredential:
    return OAuthCredential(Secret(access), Secret(refresh) if refresh else None, expires, extra=extra)


def issued(server: OAuthServer, expires: int) -> OAuthCredential:
    told = server.issue()
    return grant(str(told["access_token"]), str(told["refresh_token"]), expires)


def revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


# --- sources and order


@pytest.mark.parametrize(
    ("stored", "variable", "configured", "kind", "name", "value"),
    [
        ("sk-stored", "sk-env", "sk-config", "profile", "acme:default", "sk-stored"),
        (None, "sk-env", "sk-config", "env", "ACME_KEY", "sk-env"),
        (None, None, "sk-config", "config", "models.providers.acme.apiKey", "sk-config"),
    ],
)
def test_the_first_source_that_can_be_used_wins(
    world: World, stored: str | None, variable: str | None, configured: str, kind: str, name: str, value: str
) -> None:
    world.env |= {"ACME_KEY": variable} if variable else {}
    world.config(acme={"apiKey": configured})
    world.register(block())
    if stored:
        world.put("acme:default", stored)

    found = world.credentials.resolve("acme")

    assert (found.source.kind, found.source.name, revealed(found.secret)) == (kind, name, value)
    assert (found.provider, found.base_url, found.expires, found.passed_over) == ("acme", BASE, None, ())
    assert found.profile == ("acme:default" if kind == "profile" else None)
    assert found.grant is None


def test_an_oauth_grant_goes_before_a_token_and_a_token_before_a_key(world: World) -> None:
    world.register(block())
    world.put("acme:key", "sk-1")
    assert world.credentials.resolve("acme").profile == "acme:key"
    world.put("acme:token", TokenCredential(Secret("tok"), NOW + HOUR))
    assert world.credentials.resolve("acme").profile == "acme:token"
    world.put("acme:grant", grant("at"))
    assert world.credentials.resolve("acme").profile == "acme:grant"


def test_an_alias_and_another_letter_case_mean_the_same_provider(world: World) -> None:
    world.register(block(aliases=("acme-ai",)))
    world.put("acme:default", "sk-1")
    first = world.credentials.resolve("acme")
    assert world.credentials.resolve("acme-ai") is first
    assert world.credentials.resolve(" ACME ") is first


def test_what_is_passed_over_is_told_with_the_reason(world: World) -> None:
    world.config(acme={"auth": "api-key", "apiKey": "sk-config"})
    world.register(block(env=EnvVars()))
    world.put("acme:old", TokenCredential(Secret("tok-old"), NOW - 1))
    found = world.credentials.resolve("acme")
    assert found.source.kind == "config"
    assert found.passed_over == (("profile acme:old", "it has expired or is blank"),)


def test_a_profile_that_is_asked_for_is_used_and_nothing_is_passed_over(world: World) -> None:
    world.register(block())
    world.put("acme:one", "sk-1")
    world.put("acme:two", "sk-2")
    found = world.credentials.resolve("acme", profile="acme:two")
    assert (found.profile, revealed(found.secret), found.passed_over) == ("acme:two", "sk-2", ())


def test_a_profile_that_is_not_there_is_an_error_although_others_are(world: World) -> None:
    world.register(block())
    world.put("acme:one", "sk-1")
    with pytest.raises(CredentialError) as caught:
        world.credentials.resolve("acme", profile="acme:gone")
    assert caught.value.code == "credential.profile"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_without_a_credential_it_is_said_how_to_get_one(world: World, *, asynchronous: bool) -> None:
    world.register(block())

    async def resolve() -> None:
        await world.credentials.resolve_async("acme")

    with pytest.raises(CredentialError) as caught:
        asyncio.run(resolve()) if asynchronous else world.credentials.resolve("acme")
    assert (caught.value.code, caught.value.message) == ("credential.none", "There is no credential for Acme.")
    assert caught.value.fix == "Run jackfield login acme, or set ACME_KEY."


def test_what_cannot_be_used_is_told_when_there_is_nothing_else(world: World) -> None:
    world.config(acme={"apiKey": "${ACME_OTHER}"})
    world.register(block())
    with pytest.raises(CredentialError) as caught:
        world.credentials.resolve("acme")
    assert caught.value.code == "credential.none"
    assert "config models.providers.acme.apiKey: ACME_OTHER is not set" in caught.value.message


def test_an_unknown_provider_is_told_with_the_nearest_names(world: World) -> None:
    with pytest.raises(UnknownNameError) as caught:
        world.credentials.resolve("anthropc")
    assert caught.value.code == "registry.unknown"
    assert "anthropic" in caught.value.suggestions


def test_a_reference_to_a_profile_in_the_config_is_that_profile(world: World) -> None:
    world.config(acme={"baseUrl": BASE, "apiKey": "profile:acme:kept"}, other={"baseUrl": BASE})
    world.register(block("someone", base_url=None))
    world.put("acme:kept", "sk-kept", origin="https://api.acme.test")
    found = world.credentials.resolve("acme")
    assert (found.profile, revealed(found.secret)) == ("acme:kept", "sk-kept")


def test_a_keyless_local_service_sends_nothing(world: World) -> None:
    world.register(block(local=True, env=EnvVars(), base_url="http://127.0.0.1:1"))
    endpoint = world.credentials.endpoint("acme/m")
    assert (endpoint.credential.source.kind, endpoint.credential.secret, endpoint.auth) == ("none", None, None)
    assert endpoint.headers == {}


def test_a_vendors_own_chain_has_no_secret(world: World) -> None:
    chain = EnvVars(sets=(EnvSet(all_of=("AWS_ID", "AWS_PASS")),))
    world.env |= {"AWS_ID": "a", "AWS_PASS": "b"}
    world.register(block(auth_mode="aws-sdk", env=chain, api="bedrock-converse-stream"))
    endpoint = world.credentials.endpoint("acme/m")
    assert (endpoint.credential.source.mode, endpoint.credential.secret) == ("aws-sdk", None)
    assert endpoint.auth is None


# --- locked origins


@pytest.mark.parametrize(
    ("origin", "base_url", "locked"),
    [
        ("https://api.acme.test", None, False),
        ("https://api.acme.test", "https://api.acme.test/v2", False),
        ("https://api.acme.test", "https://evil.test/v1", True),
        ("https://api.acme.test", "http://api.acme.test/v1", True),
        ("https://api.acme.test", "https://api.acme.test:8443/v1", True),
        (None, "https://gateway.test/v1", False),
    ],
)
def test_a_credential_goes_to_the_origin_it_was_stored_for(
    world: World, origin: str | None, base_url: str | None, *, locked: bool
) -> None:
    world.config(**({"acme": {"baseUrl": base_url}} if base_url else {}))
    world.register(block())
    world.put("acme:default", RIGHT_KEY, origin=origin)
    if not locked:
        assert world.credentials.resolve("acme").base_url == (base_url or BASE)
        return
    with pytest.raises(CredentialError) as caught:
        world.credentials.endpoint("acme/m")
    assert caught.value.code == "credential.locked"
    assert leaks(str(caught.value), RIGHT_KEY) == []


def test_the_secret_headers_are_given_out_for_their_origin_alone(world: World) -> None:
    world.register(block())
    world.put("acme:default", RIGHT_KEY)
    endpoint = world.credentials.endpoint("acme/m")
    assert endpoint.auth is not None
    assert endpoint.auth.headers_for(origin_of(BASE)) == {"Authorization": f"Bearer {RIGHT_KEY}"}
    with pytest.raises(RequestError) as caught:
        endpoint.auth.headers_for(origin_of("https://elsewhere.test"))
    assert caught.value.code == "net.foreign-origin"


# --- OAuth


def test_a_grant_that_is_fresh_is_sent_as_it_is(world: World) -> None:
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW + HOUR))
        found = world.credentials.resolve("acme")
        assert (found.expires, found.source.mode) == (NOW + HOUR, "oauth")
        assert found.secret == found.grant
        assert server.counts.refreshes == 0


@pytest.mark.parametrize(
    ("left", "renewed"), [(HOUR, False), (4 * 60_000, True), (30_000, True), (0, True), (-HOUR, True)]
)
def test_a_grant_near_or_past_its_end_is_renewed_and_kept(world: World, left: int, *, renewed: bool) -> None:
    world.clock.now = NOW - HOUR  # stored an hour before its end came so near
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW + left))
        world.clock.now = NOW
        before = world.app.store.get("acme:default")
        found = world.credentials.resolve("acme")
        assert server.counts.refreshes == int(renewed)
        assert found.grant is not None
        assert server.is_live(found.grant.reveal())
        after = world.app.store.get("acme:default")
        assert before is not None
        assert after is not None
        assert (after.credential == before.credential) is not renewed
        if renewed:
            assert found.expires is not None
            assert found.expires > NOW + 50 * 60_000
        assert world.credentials.resolve("acme").grant == found.grant
        assert server.counts.refreshes == int(renewed)
        assert server.faults == []


def test_a_refresh_token_that_rotates_is_sent_once_each(world: World) -> None:
    with OAuthServer(Rules(expires_in=600)) as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW))
        seen = set()
        for _ in range(4):
            seen.add(revealed(world.credentials.resolve("acme").grant))
            world.clock.now += 595_000
        assert len(seen) == server.counts.refreshes == 4
        assert server.faults == []


def test_many_tasks_that_need_it_renew_once(world: World) -> None:
    async def all_of_them() -> set[str | None]:
        found = await asyncio.gather(*(world.credentials.resolve_async("acme") for _ in range(20)))
        return {revealed(each.secret) for each in found}

    with OAuthServer(Rules(token_delay_s=0.05)) as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW))
        assert len(asyncio.run(all_of_them())) == 1
        assert server.counts.refreshes == 1


def test_a_grant_behind_a_reference_of_the_config_is_renewed_too(world: World) -> None:
    world.config(acme={"apiKey": "profile:shared:one"})
    with OAuthServer() as server:
        world.register(oauth_block(server, env=EnvVars()))
        world.put("shared:one", issued(server, NOW - 1))
        found = world.credentials.resolve("acme")
        assert (found.source.kind, found.profile) == ("config", "shared:one")
        assert found.grant is not None
        assert server.is_live(found.grant.reveal())
        assert server.counts.refreshes == 1


def test_a_grant_that_its_provider_does_not_renew_asks_for_a_login(world: World) -> None:
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", grant(RIGHT_KEY, "rt-unknown", NOW - 1))
        with pytest.raises(CredentialError) as caught:
            world.credentials.resolve("acme")
    assert caught.value.code == "credential.refresh-refused"
    assert caught.value.fix == "Log in again: jackfield login acme"
    assert leaks(f"{caught.value}{caught.value.fix}", RIGHT_KEY) == []


def test_a_grant_without_a_refresh_token_is_no_source_after_its_end(world: World) -> None:
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", grant("at-1", None, NOW + 1))
        assert revealed(world.credentials.resolve("acme").secret) == "at-1"
        world.clock.now += 1
        with pytest.raises(CredentialError) as caught:
            world.credentials.resolve("acme")
    assert caught.value.code == "credential.none"
    assert "profile acme:default: it has expired or is blank" in caught.value.message


def test_a_provider_that_does_not_answer_is_a_remote_error(world: World) -> None:
    with OAuthServer(Rules(fail=[503, 503, 503, 503])) as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW - 1))
        credential_clock = world.clock

        async def resolve() -> None:
            task = asyncio.ensure_future(world.credentials.resolve_async("acme"))
            while not task.done():
                await asyncio.sleep(0.005)
                credential_clock.now += 1_000
            await task

        with pytest.raises(RemoteError) as caught:
            asyncio.run(resolve())
    assert caught.value.code == "remote.refresh"


def test_a_grant_without_any_refresher_is_sent_as_it_is(world: World) -> None:
    world.register(block())
    world.put("acme:default", grant("at-1"))
    assert revealed(world.credentials.resolve("acme").secret) == "at-1"


def test_an_end_that_is_not_known_is_told_as_such(world: World) -> None:
    world.register(block())
    world.put("acme:default", grant("at-1", expires=0))
    assert world.credentials.resolve("acme").expires is None


# --- rejected credentials


def test_a_grant_that_is_turned_down_is_renewed_once(world: World) -> None:
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW + HOUR))
        old = world.credentials.resolve("acme")
        new = asyncio.run(world.credentials.renew_rejected(old))
        assert new.grant != old.grant
        assert server.counts.refreshes == 1
        assert world.credentials.resolve("acme").grant == new.grant


def test_what_another_has_renewed_meanwhile_is_used_without_renewing_again(world: World) -> None:
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW + HOUR))
        old = world.credentials.resolve("acme")
        first = asyncio.run(world.credentials.renew_rejected(old))
        second = asyncio.run(world.credentials.renew_rejected(old))
        assert second.grant == first.grant
        assert server.counts.refreshes == 1


def test_what_was_passed_over_is_still_told_after_a_renewal(world: World) -> None:
    world.config(acme={"apiKey": "profile:shared:one"})
    with OAuthServer() as server:
        world.register(oauth_block(server, env=EnvVars()))
        world.put("acme:old", TokenCredential(Secret("t"), NOW - 1))
        world.put("shared:one", issued(server, NOW + HOUR))
        old = world.credentials.resolve("acme")
        assert old.passed_over == (("profile acme:old", "it has expired or is blank"),)
        # The profile itself belongs to nobody that is asked, so it can only be reached by the reference.
        new = asyncio.run(world.credentials.renew_rejected(old))
        assert (new.profile, new.passed_over) == ("shared:one", old.passed_over)
        assert new.grant != old.grant


def test_an_endpoint_is_renewed_with_its_model(world: World) -> None:
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", issued(server, NOW + HOUR))
        for ref, model in (("acme/vendor/m", "vendor/m"), ("acme", None)):
            old = world.credentials.endpoint(ref)
            new = asyncio.run(world.credentials.renew_endpoint(old))
            assert (new.model, new.base_url, new.api_style) == (model, old.base_url, old.api_style)
            assert new.headers != old.headers
            assert new.headers["Authorization"] == f"Bearer {revealed(new.credential.grant)}"


def test_another_credential_that_comes_first_meanwhile_does_not_take_the_place_of_one_turned_down(
    world: World,
) -> None:
    world.config(acme={"apiKey": "profile:shared:one"})
    with OAuthServer() as server:
        world.register(oauth_block(server, env=EnvVars()))
        world.put("shared:one", issued(server, NOW + HOUR))
        old = world.credentials.resolve("acme")
        world.put("acme:key", "sk-other")
        with pytest.raises(CredentialError) as caught:
            asyncio.run(world.credentials.renew_rejected(old))
    assert caught.value.code == "credential.refused"


@pytest.mark.parametrize("source", ["env", "config", "api_key", "token", "unrenewable"])
def test_what_cannot_be_renewed_is_refused_and_nothing_else_is_tried(world: World, source: str) -> None:
    world.env |= {"ACME_KEY": RIGHT_KEY} if source in {"env", "api_key", "token", "unrenewable"} else {}
    world.config(**({"acme": {"apiKey": RIGHT_KEY}} if source == "config" else {}))
    world.register(block())
    made: dict[str, Credential] = {
        "api_key": ApiKeyCredential(Secret(RIGHT_KEY)),
        "token": TokenCredential(Secret(RIGHT_KEY)),
        "unrenewable": grant(RIGHT_KEY),
    }
    if source in made:
        world.put("acme:default", made[source])
    found = world.credentials.resolve("acme")
    with pytest.raises(CredentialError) as caught:
        asyncio.run(world.credentials.renew_rejected(found))
    assert caught.value.code == "credential.refused"
    assert found.source.label in caught.value.message
    assert "No other credential was used in its place." in str(caught.value.fix)
    assert leaks(f"{caught.value}{caught.value.fix}", RIGHT_KEY) == []


# --- plugins


@dataclass
class Keys:
    """What a plugin does, in this process; `calls` says how often."""

    refreshed: Credential | None = None
    prefix: str | None = None
    calls: list[str] = field(default_factory=list)

    def refreshes(self, provider_id: str) -> bool:
        return self.refreshed is not None

    def formats_api_key(self, provider_id: str) -> bool:
        return self.prefix is not None

    async def refresh_oauth(self, provider_id: str, credential: Credential) -> Credential:
        assert self.refreshed is not None
        self.calls.append("refresh")
        return self.refreshed

    async def format_api_key(self, provider_id: str, credential: Credential) -> str:
        assert isinstance(credential, OAuthCredential)
        self.calls.append("format")
        return f"{self.prefix}{credential.access.reveal()}"


def with_keys(world: World, keys: Keys) -> Credentials:
    own = world.credentials
    return Credentials(
        registry=lambda: world.app.registry,
        where=own._where,
        stamp=own._stamp,
        store=lambda: world.app.store,
        plugins=lambda: keys,
        exchange=lambda _: None,
        open_client=world.app.http_client,
        how_to=lambda _: "Log in.",
    )


def test_a_plugin_formats_the_key_once_for_each_access_token(world: World) -> None:
    world.register(block())
    world.put("acme:default", grant("at-1"))
    keys = Keys(prefix="made-")
    credentials = with_keys(world, keys)
    first = credentials.resolve("acme")
    assert (revealed(first.secret), revealed(first.source.secret), revealed(first.grant)) == (
        "made-at-1",
        "made-at-1",
        "at-1",
    )
    world.put("acme:other", "sk-2")  # another stamp, the same token
    assert revealed(credentials.resolve("acme").secret) == "made-at-1"
    assert keys.calls == ["format"]
    world.put("acme:default", grant("at-2"))
    assert revealed(credentials.resolve("acme").secret) == "made-at-2"
    assert keys.calls == ["format", "format"]


def test_a_plugin_renews_before_it_formats(world: World) -> None:
    world.register(block())
    world.put("acme:default", grant("at-1", expires=NOW - 1))
    keys = Keys(refreshed=grant("at-2", "rt-2"), prefix="made-")
    found = with_keys(world, keys).resolve("acme")
    assert (revealed(found.secret), keys.calls) == ("made-at-2", ["refresh", "format"])
    stored = world.app.store.get("acme:default")
    assert stored is not None
    assert stored.credential.to_secret_dict()["refresh"] == "rt-2"


def test_a_plugin_that_renews_to_another_kind_of_credential_is_refused(world: World) -> None:
    world.register(block())
    world.put("acme:default", grant("at-1", expires=NOW - 1))
    keys = Keys(refreshed=ApiKeyCredential(Secret("sk-1")))
    with pytest.raises(CredentialError) as caught:
        with_keys(world, keys).resolve("acme")
    assert caught.value.code == "credential.refresh-refused"
    assert isinstance(caught.value.__cause__, CredentialError)
    assert caught.value.__cause__.code == "credential.unusable"


@pytest.mark.parametrize(
    ("made", "mode"), [(ApiKeyCredential(Secret("sk-new")), "api_key"), (TokenCredential(Secret("sk-new")), "token")]
)
def test_a_login_of_another_kind_while_a_grant_is_renewed_is_what_counts(
    world: World, made: Credential, mode: str
) -> None:
    class Overtaken(Keys):
        async def refresh_oauth(self, provider_id: str, credential: Credential) -> Credential:
            world.put("acme:default", made)
            return await super().refresh_oauth(provider_id, credential)

    world.register(block())
    world.put("acme:default", grant("at-1", expires=NOW - 1))
    found = with_keys(world, Overtaken(refreshed=grant("at-2"))).resolve("acme")
    assert (revealed(found.secret), found.source.mode, found.grant) == ("sk-new", mode, None)


# --- token exchange


def exchanging(*answers: tuple[int, object]) -> tuple[HttpServer, list[str | None]]:
    """Return a server that trades tokens, and what it was shown; each request gets the next answer, then the last."""
    seen: list[str | None] = []

    async def handle(request: Request, connection: Connection) -> None:
        seen.append(request.headers.get("authorization"))
        status, value = answers[min(len(seen), len(answers)) - 1]
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        await connection.reply(status, body, {"Content-Type": "application/json"})

    return HttpServer(handle), seen


def trading(server: HttpServer, **fields: Any) -> Provider:
    return block(token_exchange=TokenExchange(f"{server.url}/token", margin_s=300), **fields)


@pytest.mark.parametrize("unit", [1, 1_000])
def test_a_stored_credential_is_traded_whatever_the_unit_of_its_end(world: World, unit: int) -> None:
    ends = (NOW + HOUR) // 1_000 * unit
    server, seen = exchanging((200, {"token": "tid=1", "expires_at": ends}))
    with server:
        world.register(trading(server))
        world.put("acme:default", "ghu-1")
        found = world.credentials.resolve("acme")
    assert (revealed(found.secret), found.expires, found.base_url) == ("tid=1", NOW + HOUR, BASE)
    assert seen == ["Bearer ghu-1"]


@pytest.mark.parametrize(
    ("token", "base_url"),
    [
        ("tid=1;exp=2;proxy-ep=proxy.business.acme.test;8kp=1", "https://api.business.acme.test"),
        ("proxy-ep=https://proxy.acme.test", "https://api.acme.test"),
        ("tid=1; Proxy-EP=other.acme.test", "https://other.acme.test"),
        ("tid=1;proxy-ep=", BASE),
        ("tid=1;proxy-ep=a b", "https://a"),
        ("tid=1;proxy-ep=127.1", BASE),
        ("tid=1;not-proxy-ep=proxy.acme.test", BASE),
    ],
)
def test_the_api_that_a_traded_token_names_is_used(world: World, token: str, base_url: str) -> None:
    server, _ = exchanging((200, {"token": token, "expires_at": NOW + HOUR}))
    with server:
        world.register(trading(server))
        world.put("acme:default", "ghu-1")
        assert world.credentials.resolve("acme").base_url == base_url


def test_an_address_of_the_users_own_goes_before_the_one_that_a_token_names(world: World) -> None:
    world.config(acme={"baseUrl": "https://gateway.test"})
    server, _ = exchanging((200, {"token": "proxy-ep=proxy.acme.test", "expires_at": NOW + HOUR}))
    with server:
        world.register(trading(server))
        world.put("acme:default", "ghu-1")
        assert world.credentials.resolve("acme").base_url == "https://gateway.test"


def test_a_traded_token_is_kept_until_its_margin_and_for_its_credential_alone(world: World) -> None:
    server, seen = exchanging(*((200, {"token": f"t{n}", "expires_at": NOW + n * HOUR}) for n in range(1, 5)))
    with server:
        world.register(trading(server))
        world.put("acme:default", "ghu-1")
        assert revealed(world.credentials.resolve("acme").secret) == "t1"
        world.put("acme:zzz", "ghu-2")  # something was written: looked at anew, and not traded anew
        assert revealed(world.credentials.resolve("acme", profile="acme:default").secret) == "t1"
        assert len(seen) == 1
        world.clock.now = NOW + HOUR - 300_001
        assert revealed(world.credentials.resolve("acme", profile="acme:default").secret) == "t1"
        world.clock.now += 1
        assert revealed(world.credentials.resolve("acme", profile="acme:default").secret) == "t2"
        world.put("acme:default", "ghu-3")
        assert revealed(world.credentials.resolve("acme", profile="acme:default").secret) == "t3"
        assert seen == ["Bearer ghu-1", "Bearer ghu-1", "Bearer ghu-3"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_credential_that_is_not_traded_is_refused(world: World, status: int) -> None:
    server, _ = exchanging((status, {"message": f"Bad credentials {RIGHT_KEY}"}))
    with server:
        world.register(trading(server))
        world.put("acme:default", RIGHT_KEY)
        with pytest.raises(CredentialError) as caught:
            world.credentials.resolve("acme")
    assert caught.value.code == "credential.refused"
    assert f"({status})" in caught.value.message
    assert leaks(f"{caught.value}{caught.value.fix}", RIGHT_KEY) == []


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (500, {}),
        (200, {}),
        (200, []),
        (200, {"token": "t"}),
        (200, {"token": "", "expires_at": NOW}),
        (200, {"token": 1, "expires_at": NOW}),
        (200, {"token": "t", "expires_at": True}),
        (200, {"token": "t", "expires_at": "soon"}),
    ],
)
def test_an_exchange_without_a_token_may_be_tried_again(world: World, status: int, value: object) -> None:
    server, _ = exchanging((status, value))
    with server:
        world.register(trading(server))
        world.put("acme:default", "ghu-1")
        with pytest.raises(RemoteError) as caught:
            world.credentials.resolve("acme")
    assert caught.value.code == "remote.exchange"


def test_a_traded_token_that_is_turned_down_is_traded_once_more(world: World) -> None:
    world.env |= {"ACME_KEY": "ghu-env"}
    server, seen = exchanging(*((200, {"token": f"t{n}", "expires_at": NOW + HOUR}) for n in (1, 2)))
    with server:
        world.register(trading(server))
        old = world.credentials.resolve("acme")
        new = asyncio.run(world.credentials.renew_rejected(old))
        assert (revealed(old.secret), revealed(new.secret)) == ("t1", "t2")
        # Asked again for the first one, it gives what was traded since.
        assert revealed(asyncio.run(world.credentials.renew_rejected(old)).secret) == "t2"
        assert len(seen) == 2


# --- forms of the secret


def test_a_provider_that_wants_json_gets_the_token_and_the_project(world: World) -> None:
    world.register(block(api="google-gemini-cli", tags=RuntimeTags(json_api_key=True)))
    world.put("acme:default", grant("at-1", projectId="p-1"))
    endpoint = world.credentials.endpoint("acme/m")
    assert json.loads(revealed(endpoint.credential.secret) or "") == {"token": "at-1", "projectId": "p-1"}
    assert endpoint.headers == {"Authorization": "Bearer at-1"}


@pytest.mark.parametrize("value", ["{not json", '{"projectId": "p"}', '{"token": 1}', '{"token": ""}'])
def test_a_key_that_should_be_json_with_a_token_and_is_not_cannot_be_used(world: World, value: str) -> None:
    world.env |= {"ACME_KEY": value}
    world.register(block(api="google-gemini-cli"))
    with pytest.raises(CredentialError) as caught:
        world.credentials.endpoint("acme/m")
    assert caught.value.code == "credential.unusable"
    assert value not in str(caught.value)


OPEN = {"anthropic-version": "2023-06-01"}
TOKEN = {"anthropic-beta": "oauth-2025-04-20"}


@pytest.mark.parametrize(
    ("api", "mode", "auth_header", "secret", "public"),
    [
        ("openai-completions", "api_key", None, {"Authorization": "Bearer S"}, {}),
        ("openai-responses", "api_key", None, {"Authorization": "Bearer S"}, {}),
        ("openai-completions", "oauth", None, {"Authorization": "Bearer S"}, {}),
        ("anthropic-messages", "api_key", None, {"x-api-key": "S"}, OPEN),
        ("anthropic-messages", "token", None, {"Authorization": "Bearer S"}, {**OPEN, **TOKEN}),
        ("anthropic-messages", "oauth", None, {"Authorization": "Bearer S"}, {**OPEN, **TOKEN}),
        ("anthropic-messages", "api_key", True, {"Authorization": "Bearer S"}, OPEN),
        ("anthropic-messages", "api_key", False, {}, OPEN),
        ("anthropic-messages", "token", False, {}, OPEN),
        ("google-generative-ai", "api_key", None, {"x-goog-api-key": "S"}, {}),
        ("google-generative-ai", "api_key", True, {"Authorization": "Bearer S"}, {}),
        ("openai-completions", "api_key", False, {}, {}),
        ("github-copilot", "oauth", None, {"Authorization": "Bearer S"}, None),
    ],
)
def test_each_wire_format_has_its_headers(
    world: World,
    api: str,
    mode: str,
    auth_header: bool | None,
    secret: dict[str, str],
    public: dict[str, str] | None,
) -> None:
    world.config(**({} if auth_header is None else {"acme": {"authHeader": auth_header}}))
    world.register(block(api=api))
    made: dict[str, Credential] = {
        "api_key": ApiKeyCredential(Secret("S")),
        "token": TokenCredential(Secret("S")),
        "oauth": grant("S"),
    }
    world.put("acme:default", made[mode])
    endpoint = world.credentials.endpoint("acme/m")
    sent = endpoint.auth.headers_for(origin_of(BASE)) if endpoint.auth else {}
    assert sent == secret
    if public is None:
        assert set(endpoint.public_headers) == {
            "Copilot-Integration-Id",
            "Editor-Version",
            "Openai-Intent",
            "X-Initiator",
        }
    else:
        assert endpoint.public_headers == public
    assert endpoint.headers == {**endpoint.public_headers, **secret}


@pytest.mark.parametrize("noted", [True, False])
def test_a_format_that_names_the_account_gets_it_from_the_login_or_the_token(world: World, *, noted: bool) -> None:
    claim = ("https://acme.test/auth", "account")
    flow = OAuth(hosts=("acme.test",), token_url="https://acme.test/t", client_id="c", account_claim=claim)
    method = AuthMethod("oauth", "acme", "oauth", "Acme", "oauth-pkce", oauth=flow, profile="acme:default")
    world.register(block(api="openai-codex-responses", auth=(method,)))
    token = unsigned_jwt({} if noted else {claim[0]: {"account": "acct-7"}})
    world.put("acme:default", grant(token, accountId="acct-7") if noted else grant(token))
    endpoint = world.credentials.endpoint("acme/m")
    assert endpoint.headers["chatgpt-account-id"] == "acct-7"
    assert endpoint.public_headers == {"OpenAI-Beta": "responses=experimental", "originator": "jackfield"}
    assert "acct-7" not in repr(endpoint)


# --- endpoints and headers


def test_headers_of_the_config_are_bound_to_the_origin_and_hidden(world: World) -> None:
    world.env |= {"TEAM": "t-1"}
    world.config(acme={"apiKey": "S", "headers": {"X-Team": "${TEAM}", "X-Raw": "$${TEAM}", "X-Plain": "p"}})
    world.register(block(env=EnvVars()))
    endpoint = world.credentials.endpoint("acme/m")
    assert endpoint.public_headers == {}
    assert endpoint.headers == {"X-Team": "t-1", "X-Raw": "${TEAM}", "X-Plain": "p", "Authorization": "Bearer S"}
    assert "t-1" not in repr(endpoint)


def test_a_header_of_the_config_takes_the_place_of_ours_whatever_its_letter_case(world: World) -> None:
    world.config(acme={"apiKey": "S", "headers": {"authorization": "Basic abc", "Anthropic-Version": "2030-01-01"}})
    world.register(block(api="anthropic-messages", env=EnvVars()))
    endpoint = world.credentials.endpoint("acme/m")
    assert endpoint.headers == {"x-api-key": "S", "authorization": "Basic abc", "Anthropic-Version": "2030-01-01"}


def test_a_header_with_a_variable_that_is_not_set_is_not_sent_half_empty(world: World) -> None:
    world.config(acme={"apiKey": "S", "headers": {"X-Team": "team-${TEAM}"}})
    world.register(block(env=EnvVars()))
    with pytest.raises(RequestError) as caught:
        world.credentials.endpoint("acme/m")
    assert caught.value.code == "endpoint.header"
    assert "X-Team" in caught.value.message
    assert "TEAM, which is not set" in caught.value.message


@pytest.mark.parametrize("headers", [{"Bad Name": "x"}, {"X-A": "line\nbreak"}, {"Host": "evil.test"}])
def test_a_header_that_cannot_be_sent_is_told_without_its_value(world: World, headers: Mapping[str, str]) -> None:
    world.config(acme={"apiKey": RIGHT_KEY, "headers": headers})
    world.register(block(env=EnvVars()))
    with pytest.raises(RequestError) as caught:
        world.credentials.endpoint("acme/m")
    assert caught.value.code == "endpoint.header"
    assert "line" not in caught.value.message.replace("line break", "")
    assert leaks("".join(traceback.format_exception(caught.value)), RIGHT_KEY) == []


MODELS = (
    Model("m-1", "One", 1_000, 100, headers=FrozenMap({"X-Model": "one"}), cost=Cost(1, 2)),
    Model("m-2", "Two", 1_000, 100, api="anthropic-messages"),
)


@pytest.mark.parametrize(
    ("asked", "model", "style"),
    [
        ("m-1", "m-1", "openai-completions"),
        ("first", "m-1", "openai-completions"),
        ("m-2", "m-2", "anthropic-messages"),
        ("claude-9", "claude-9", "anthropic-messages"),
        ("gpt-9", "gpt-9", "openai-responses"),
        ("vendor/gpt-9", "vendor/gpt-9", "openai-completions"),
    ],
)
def test_the_format_is_the_models_own_else_that_of_a_rule_else_the_providers(
    world: World, asked: str, model: str, style: str
) -> None:
    rules = FrozenMap({"claude-*": "anthropic-messages", "gpt-*": "openai-responses"})
    world.register(block(models=MODELS, api_rules=rules, model_aliases=FrozenMap({"first": "m-1"})))
    world.put("acme:default", "S")
    endpoint = world.credentials.endpoint(f"acme/{asked}")
    assert (endpoint.provider, endpoint.model, endpoint.api_style) == ("acme", model, style)
    assert dict(endpoint.public_headers).get("X-Model") == ("one" if model == "m-1" else None)


def test_what_the_config_says_of_formats_and_models_goes_before_the_block(world: World) -> None:
    own = [{"id": "m-2", "api": "google-generative-ai", "headers": {"X-Model": "own"}}, {"id": "m-1"}]
    world.config(acme={"apiKey": "S", "api": "openai-responses", "headers": {"X-Model": "all"}, "models": own})
    world.register(block(models=MODELS, env=EnvVars()))
    first, second = (world.credentials.endpoint(f"acme/{name}") for name in ("m-1", "m-2"))
    assert (first.api_style, first.headers["X-Model"]) == ("openai-responses", "all")
    assert (second.api_style, second.headers["X-Model"]) == ("google-generative-ai", "own")
    assert first.public_headers == {}


def test_a_provider_as_such_has_an_endpoint_without_a_model(world: World) -> None:
    world.register(block(models=MODELS, api_rules=FrozenMap({"*": "openai-responses"})))
    world.put("acme:default", "S")
    endpoint = world.app.endpoint("acme")
    assert (endpoint.model, endpoint.api_style, endpoint.tags) == (None, "openai-completions", RuntimeTags())
    assert asyncio.run(world.credentials.endpoint_async("acme")) is endpoint


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"base_url": None}, "has no HTTP endpoint."),
        ({"base_url": "https://{location}-api.acme.test"}, "its address lacks the location."),
        ({"api": "cli", "tags": RuntimeTags(cli=True)}, "has no HTTP endpoint."),
    ],
)
def test_a_provider_without_an_address_has_no_endpoint(world: World, fields: dict[str, Any], told: str) -> None:
    world.register(block(**fields))
    world.put("acme:default", "S")
    with pytest.raises(RequestError) as caught:
        world.credentials.endpoint("acme/m")
    assert caught.value.code == "endpoint.none"
    assert caught.value.message.endswith(told)


def test_a_provider_of_a_command_line_program_has_no_endpoint_before_a_credential_is_looked_for(world: World) -> None:
    clis = [each.id for each in world.app.registry.list_providers() if each.tags.cli]
    assert clis
    for name in clis:
        with pytest.raises(RequestError) as caught:
            world.credentials.endpoint(f"{name}/m")
        assert caught.value.code == "endpoint.none"


@pytest.mark.parametrize(("url", "code"), [("http://gateway.test/v1", "url.http"), ("https://a.test/?q", "url.query")])
def test_a_base_url_that_cannot_be_used_is_told(world: World, url: str, code: str) -> None:
    world.config(acme={"baseUrl": url, "apiKey": "S"})
    world.register(block(env=EnvVars()))
    with pytest.raises(RequestError) as caught:
        world.credentials.endpoint("acme/m")
    assert caught.value.code.startswith("url.")


# --- what is kept


def test_what_was_resolved_is_kept_until_the_store_or_the_config_changes(world: World) -> None:
    world.config(acme={"headers": {"X-A": "1"}})
    world.register(block())
    world.put("acme:default", "sk-1")
    first = world.credentials.resolve("acme")
    endpoint = world.credentials.endpoint("acme/m")
    assert world.credentials.resolve("acme") is first
    assert world.credentials.endpoint("acme/m") is endpoint
    world.put("acme:default", "sk-2")
    assert revealed(world.credentials.resolve("acme").secret) == "sk-2"
    world.config(acme={"baseUrl": "https://other.test", "headers": {"X-A": "22"}})
    assert world.credentials.resolve("acme").base_url == "https://other.test"
    assert world.credentials.endpoint("acme/m").headers["X-A"] == "22"


def test_a_change_of_an_included_file_is_seen(world: World) -> None:
    world.folder.mkdir(mode=0o700)
    part = world.folder / "part.json5"
    part.write_text('{providers: {acme: {apiKey: "sk-1"}}}')
    (world.folder / "config.json5").write_text('{models: {$include: "./part.json5"}}')
    world.register(block(env=EnvVars()))
    assert revealed(world.credentials.resolve("acme").secret) == "sk-1"
    kept = world.credentials.resolve("acme")
    assert world.credentials.resolve("acme") is kept
    part.write_text('{providers: {acme: {apiKey: "sk-longer"}}}')
    assert revealed(world.credentials.resolve("acme").secret) == "sk-longer"


def test_another_process_that_writes_the_store_is_seen(world: World) -> None:
    world.register(block())
    world.put("acme:default", "sk-1")
    assert revealed(world.credentials.resolve("acme").secret) == "sk-1"
    with App(env=world.env, clock=world.clock) as other:
        other.store.put(Profile("acme:default", ApiKeyCredential(Secret("sk-theirs"))))
    assert revealed(world.credentials.resolve("acme").secret) == "sk-theirs"


def test_without_a_stamp_nothing_is_kept(world: World) -> None:
    world.register(block())
    world.put("acme:default", "sk-1")
    credentials = with_keys(world, Keys())
    credentials._stamp = lambda: None
    assert credentials.resolve("acme") is not credentials.resolve("acme")


def test_a_token_is_looked_at_anew_a_minute_before_its_end(world: World) -> None:
    world.env |= {"ACME_KEY": "sk-env"}
    world.register(block())
    world.put("acme:default", TokenCredential(Secret("tok"), NOW + HOUR))
    first = world.credentials.resolve("acme")
    assert first.expires == NOW + HOUR
    world.clock.now = NOW + HOUR - 60_001
    assert world.credentials.resolve("acme") is first
    world.clock.now += 1
    assert world.credentials.resolve("acme") is not first
    world.clock.now = NOW + HOUR
    after = world.credentials.resolve("acme")
    assert (after.source.kind, after.passed_over) == ("env", (("profile acme:default", "it has expired or is blank"),))


def test_a_profile_that_rests_comes_back_when_its_rest_is_over(world: World) -> None:
    world.register(block())
    world.put("acme:a", "sk-a")
    world.put("acme:b", "sk-b")
    first = world.credentials.resolve("acme")
    world.credentials.report(first, 429)
    second = world.credentials.resolve("acme")
    assert {first.profile, second.profile} == {"acme:a", "acme:b"}
    world.clock.now += 59_999
    assert world.credentials.resolve("acme") is second
    world.clock.now += 1
    assert world.credentials.resolve("acme").profile == first.profile


# --- reporting


@pytest.mark.parametrize(
    ("status", "counts", "rests", "disabled"),
    [
        (200, {}, None, None),
        (429, {"rate_limit": 1}, 60_000, None),
        (500, {"server_error": 1}, 60_000, None),
        (529, {"server_error": 1}, 60_000, None),
        (402, {"billing": 1}, None, 5 * HOUR),
        (401, {}, None, None),
        (403, {}, None, None),
        (400, {}, None, None),
    ],
)
def test_how_a_request_went_is_remembered(
    world: World, status: int, counts: dict[str, int], rests: int | None, disabled: int | None
) -> None:
    world.register(block())
    world.put("acme:default", "sk-1")
    world.credentials.report(world.credentials.resolve("acme"), status)
    profile = world.app.store.get("acme:default")
    assert profile is not None
    assert dict(profile.usage.failure_counts) == counts
    assert profile.usage.cooldown_until == (None if rests is None else NOW + rests)
    assert profile.usage.disabled_until == (None if disabled is None else NOW + disabled)
    assert profile.usage.last_used == (NOW if status == 200 else None)


def test_a_success_ends_the_rest_of_a_profile(world: World) -> None:
    world.register(block())
    world.put("acme:default", "sk-1")
    found = world.credentials.resolve("acme")
    world.credentials.report(found, 429)
    world.credentials.report(found, 200)
    profile = world.app.store.get("acme:default")
    assert profile is not None
    assert profile.usage.rests_until(NOW) is None


def test_what_is_not_stored_is_not_remembered(world: World) -> None:
    world.env |= {"ACME_KEY": "sk-env"}
    world.register(block())
    world.credentials.report(world.credentials.resolve("acme"), 429)
    assert world.app.store.profiles() == ()


# --- secrets


def test_no_secret_shows_in_what_is_handed_out(world: World) -> None:
    world.config(acme={"headers": {"X-Other": RIGHT_KEY}})
    with OAuthServer() as server:
        world.register(oauth_block(server))
        world.put("acme:default", grant(RIGHT_KEY, RIGHT_KEY, accountId=RIGHT_KEY))
        endpoint = world.credentials.endpoint("acme/m")
    shown = [repr(endpoint), str(endpoint), f"{endpoint.credential}", repr(endpoint.auth), repr(world.credentials)]
    shown += [repr(vars(world.credentials)), str(dataclasses.replace(world.app.store.get("acme:default") or fail()))]
    for text in shown:
        assert leaks(text, RIGHT_KEY) == []
    with pytest.raises(TypeError):
        json.dumps(endpoint.credential)
    assert endpoint.headers["Authorization"] == f"Bearer {RIGHT_KEY}"


def fail() -> Profile:
    raise InternalError("the profile is gone")


@pytest.mark.parametrize("status", [401, 500, 200])
def test_no_secret_shows_in_a_traceback_of_a_failed_exchange(world: World, status: int) -> None:
    server = HttpServer(answering(status, RIGHT_KEY.encode(), {"Content-Type": "application/json"}))
    with server:
        world.register(trading(server))
        world.put("acme:default", RIGHT_KEY)
        with pytest.raises(JackfieldError) as caught:
            world.credentials.resolve("acme")
    told = "".join(traceback.format_exception(caught.value)) + json.dumps(caught.value.to_dict())
    assert leaks(told, RIGHT_KEY) == []


def test_nothing_is_written_by_looking(world: World) -> None:
    world.env |= {"ACME_KEY": "sk-env"}
    world.register(block())
    world.credentials.endpoint("acme/m")
    assert not os.path.exists(world.folder)  # noqa: PTH110
