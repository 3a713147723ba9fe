"""What is needed to call a provider: the credential that wins, fresh, and the endpoint that it may be sent to.

A credential goes to the origin it was stored for and nowhere else. Which source wins, and what it is preferred to, is
said; when a provider turns a credential down, nothing else is used in its place without being told.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Protocol

from jackfield.auth.identity import identity_of, read_claims
from jackfield.config.overlay import base_url_of, is_at, names_of
from jackfield.credentials.profile import OAuthCredential, TokenCredential
from jackfield.credentials.refresh import Refresher
from jackfield.credentials.secret import Secret
from jackfield.credentials.sources import find_sources, pick_source, require_address
from jackfield.diagnostics import format_path
from jackfield.errors import CredentialError, RemoteError, RequestError
from jackfield.ids import canonical_id, parse_model_ref
from jackfield.net import BoundAuth, check_base_url, origin_of, run_sync
from jackfield.providers.parts import FrozenMap
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jackfield.config.settings import ProviderSettings
    from jackfield.credentials.profile import Credential, Profile
    from jackfield.credentials.refresh import Exchange
    from jackfield.credentials.sources import Source, Surroundings
    from jackfield.credentials.store import CredentialStore
    from jackfield.net import HttpClient
    from jackfield.providers.block import Model, Provider, RuntimeTags
    from jackfield.providers.registry import ProviderRegistry

EXCHANGE_DEADLINE_S = 20.0
_MARGIN_S = 60
_PROFILE_REFERENCE = "profile:"
# Anthropic's own programs send it with every token that is no API key.
_ANTHROPIC_TOKEN = {"anthropic-beta": "oauth-2025-04-20"}
_PROXY_ENDPOINT = re.compile(r"(?:^|;)\s*proxy-ep=([^;\s]+)", re.IGNORECASE)
# A second dollar sign in front says that no reference is meant.
_REFERENCE = re.compile(r"(\$?)\$\{([A-Z_][A-Z0-9_]*)\}")
_UNFILLED = re.compile(r"\{([a-z]+)\}")


@record
class _Fixed:
    """What every request in a wire format says beside its credential."""

    api: str
    headers: Mapping[str, str]


# Anthropic: docs.anthropic.com/en/api/versioning. Codex and Copilot turn away requests that do not name a client:
# github.com/openai/codex, codex-rs/core/src/client.rs; github.com/microsoft/vscode-copilot-chat, src/platform/endpoint.
_FIXED = (
    _Fixed(api="anthropic-messages", headers=FrozenMap({"anthropic-version": "2023-06-01"})),
    _Fixed(
        api="openai-codex-responses",
        headers=FrozenMap({"OpenAI-Beta": "responses=experimental", "originator": "jackfield"}),
    ),
    _Fixed(
        api="github-copilot",
        headers=FrozenMap(
            {
                "Copilot-Integration-Id": "vscode-chat",
                "Editor-Version": "vscode/1.107.0",
                "Openai-Intent": "conversation-edits",
                "X-Initiator": "user",
            }
        ),
    ),
)


@record
class Resolved:
    """A credential that can be sent now.

    Attributes:
        provider: id of the provider.
        source: where it comes from.
        secret: what is sent, as the vendor's SDKs take it; None where nothing is sent, or a vendor's own chain signs.
        base_url: root of the API that it is for; None where the provider has none.
        expires: when it ends, ms since the epoch; None when that is not known.
        passed_over: better sources that were not used, each with the reason.
        profile: id of the stored profile that it is, or that the config refers to; None for what is not stored.
        grant: the access token that `secret` was made of; None for what is no OAuth grant.
        account: the account's id at the vendor, where requests must name it.
    """

    provider: str
    source: Source
    secret: Secret | None = None
    base_url: str | None = None
    expires: int | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
    profile: str | None = None
    grant: Secret | None = None
    account: Secret | None = None


@record
class Endpoint:
    """Where a model is called, and how.

    Attributes:
        provider: id of the provider.
        model: the model as the provider spells it; None for the provider as such.
        base_url: root of its API.
        api_style: wire format of the model.
        public_headers: headers without any secret.
        auth: the secret headers, and all those that stand in the config, bound to the origin of `base_url`.
        tags: what a runtime must know besides.
        credential: what `auth` was made of.
    """

    provider: str
    model: str | None
    base_url: str
    api_style: str | None
    public_headers: Mapping[str, str]
    auth: BoundAuth | None
    tags: RuntimeTags
    credential: Resolved

    @property
    def headers(self) -> dict[str, str]:
        """Every header to send to `base_url`, the secret ones included; for requests to that origin only."""
        secret = self.auth.headers_for(origin_of(self.base_url)) if self.auth else {}
        return {**self.public_headers, **secret}


class PluginKeys(Protocol):
    """What plugins do with the credentials of their providers."""

    def refreshes(self, provider_id: str) -> bool:
        """Tell whether a plugin renews them."""
        ...

    def formats_api_key(self, provider_id: str) -> bool:
        """Tell whether a plugin makes the key that is sent out of them."""
        ...

    async def refresh_oauth(self, provider_id: str, credential: Credential) -> Credential:
        """Return what one is renewed to."""
        ...

    async def format_api_key(self, provider_id: str, credential: Credential) -> str:
        """Return the key."""
        ...


class _Kept:
    """What was resolved, and for how long that holds: while `stamp` is the same, and until `until` (ms)."""

    __slots__ = ("endpoints", "entry", "env", "resolved", "stamp", "until")

    def __init__(
        self, stamp: object, until: int | None, entry: ProviderSettings | None, env: Mapping[str, str], found: Resolved
    ) -> None:
        self.stamp = stamp
        self.until = until
        self.entry = entry
        self.env = env
        self.resolved = found
        self.endpoints: dict[str, Endpoint] = {}


class _Traded:
    """A short-lived credential that was got for a stored one, whose digest is `of`."""

    __slots__ = ("base_url", "expires", "of", "token")

    def __init__(self, of: str, token: Secret, base_url: str | None, expires: int) -> None:
        self.of = of
        self.token = token
        self.base_url = base_url
        self.expires = expires


class Credentials:
    """Resolves credentials and endpoints. What was resolved is kept until something changes or it nears its end.

    Args:
        registry: returns the providers there are.
        where: returns what credentials are looked for in, as it is now.
        stamp: returns a value that is another one when anything `where` looks at may have changed; None for "always".
        store: returns where credentials are kept.
        plugins: returns what plugins do with credentials; None where there are none.
        exchange: returns what renews the OAuth grants of a provider; None where nothing does.
        open_client: opens an HTTP client, to be used with `async with`.
        how_to: returns what to do when there is no credential for a provider.
    """

    def __init__(
        self,
        *,
        registry: Callable[[], ProviderRegistry],
        where: Callable[[], Surroundings],
        stamp: Callable[[], object],
        store: Callable[[], CredentialStore],
        plugins: Callable[[], PluginKeys | None],
        exchange: Callable[[Provider], Exchange | None],
        open_client: Callable[[], HttpClient],
        how_to: Callable[[Provider], str],
    ) -> None:
        self._registry = registry
        self._where = where
        self._stamp = stamp
        self._store = store
        self._plugins = plugins
        self._core_exchange = exchange
        self._open_client = open_client
        self._how_to = how_to
        self._kept: dict[tuple[str, str | None], _Kept] = {}
        self._formatted: dict[tuple[str, str], tuple[str, Secret]] = {}
        self._traded: dict[tuple[str, str], _Traded] = {}
        self._refresher: Refresher | None = None

    def resolve(self, name: str, *, profile: str | None = None) -> Resolved:
        """Return the credential that wins for a provider, renewed if need be; see `resolve_async`."""
        provider = self._registry().resolve_provider(name)
        kept = self._fresh(provider, profile)
        return (kept or run_sync(self._find(provider, profile))).resolved

    async def resolve_async(self, name: str, *, profile: str | None = None) -> Resolved:
        """Return the credential that wins for a provider, renewed if need be.

        Args:
            name: the provider's id or alias.
            profile: id of the one profile to use.

        Raises:
            UnknownNameError: `registry.unknown`.
            CredentialError: `credential.profile` when that profile is not there or cannot be used, `credential.none`
                when there is nothing to use, `credential.locked` when it was stored for another origin than requests go
                to, `credential.refused` when the provider does not trade it, `credential.unusable` when it is not of
                the form that its provider wants, `credential.refresh-*` and `credential.expired` when the user must
                log in again.
            RemoteError, PluginError: it had to be renewed or traded, and that failed; it may be tried again.
        """
        provider = self._registry().resolve_provider(name)
        return (self._fresh(provider, profile) or await self._find(provider, profile)).resolved

    def endpoint(self, ref: str, *, profile: str | None = None) -> Endpoint:
        """Return where and how a model is called; see `endpoint_async`."""
        provider = self._callable(ref)
        return self._endpoint(provider, ref, self._fresh(provider, profile) or run_sync(self._find(provider, profile)))

    async def endpoint_async(self, ref: str, *, profile: str | None = None) -> Endpoint:
        """Return where and how a model is called.

        Args:
            ref: `provider/model`, or a provider's id or alias.
            profile: id of the one profile to use.

        Raises:
            RequestError: `endpoint.none` when the provider has no HTTP endpoint, `endpoint.header` when a header of the
                config cannot be sent, `url.*` for a base URL that cannot be used; otherwise as `resolve_async`.
        """
        provider = self._callable(ref)
        return self._endpoint(provider, ref, self._fresh(provider, profile) or await self._find(provider, profile))

    def report(self, resolved: Resolved, status: int) -> None:
        """Remember how a request with a credential went, by the HTTP status of its answer.

        A success clears the rest of a profile; 429 and 5xx let it rest for 1, 5, 25 and 60 minutes, 402 for 5 to 24
        hours. 401 and 403 do neither: no other account takes the place of one that is turned down.

        Raises:
            StoreError: it cannot be written down.
        """
        if resolved.profile is None:
            return
        if 200 <= status < 300:
            self._store().record_use(resolved.profile)
        elif status == 402:
            self._store().record_failure(resolved.profile, "billing")
        elif status == 429 or status >= 500:
            self._store().record_failure(resolved.profile, "rate_limit" if status == 429 else "server_error")

    async def renew_rejected(self, resolved: Resolved) -> Resolved:
        """Return a credential after the provider has turned `resolved` down with 401: renewed where that is possible.

        What others have renewed meanwhile is used as it is. A credential that was traded is traded once more.

        Raises:
            CredentialError: `credential.refused` when it cannot be renewed; otherwise as `resolve_async`.
        """
        provider = self._registry().resolve_provider(resolved.provider)
        kept = await self._renew(provider, resolved)
        return replace(kept.resolved, passed_over=resolved.passed_over)

    async def renew_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint with the credential that takes the place of one that was turned down with 401.

        Raises:
            JackfieldError: as `renew_rejected` and `endpoint_async`.
        """
        provider = self._registry().resolve_provider(endpoint.provider)
        ref = provider.id if endpoint.model is None else f"{provider.id}/{endpoint.model}"
        return self._endpoint(provider, ref, await self._renew(provider, endpoint.credential))

    async def _renew(self, provider: Provider, resolved: Resolved) -> _Kept:
        traded = self._drop_traded(provider, resolved)
        renewable = resolved.grant is not None and self._exchange(provider) is not None
        if not traded and not renewable:
            raise _refused(provider, f"the credential in {resolved.source.label}")
        self._kept = {key: each for key, each in self._kept.items() if key[0] != provider.id}
        rejected = resolved.grant if renewable and not traded else None
        # Asked for by its name, so that it is the same one although others may come before it by now.
        name = resolved.source.name if resolved.source.kind == "profile" else None
        kept = await self._find(provider, name, rejected=rejected)
        if (kept.resolved.source.kind, kept.resolved.source.name) != (resolved.source.kind, resolved.source.name):
            raise _refused(provider, f"the credential in {resolved.source.label}")
        return kept

    # ----------------------------------------------------------------------------------------------------- finding it

    def _fresh(self, provider: Provider, profile: str | None) -> _Kept | None:
        kept = self._kept.get((provider.id, profile))
        if kept is None or (kept.until is not None and self._store().now() >= kept.until):
            return None
        return kept if kept.stamp is not None and kept.stamp == self._stamp() else None

    async def _find(self, provider: Provider, profile: str | None, *, rejected: Secret | None = None) -> _Kept:
        # Asked first: what is written while the rest is read makes another stamp.
        stamp, where = self._stamp(), self._where()
        require_address(provider, where)
        entry = where.settings.provider(names_of(provider))
        sources = find_sources(provider, where)
        source = pick_source(sources, profile=profile)
        if source is None:
            raise self._none(provider, sources)
        base_url = base_url_of(provider, entry, where.env)
        _require_origin(provider, source, base_url)
        found = Resolved(
            provider=provider.id,
            source=source,
            secret=source.secret,
            base_url=base_url,
            passed_over=_passed_over(sources, source) if profile is None else (),
            profile=_profile_id(source, entry),
        )
        found = await self._made_ready(provider, found, rejected)
        kept = _Kept(stamp, _until(provider, found, where), entry, where.env, found)
        self._kept[provider.id, profile] = kept
        return kept

    def _none(self, provider: Provider, sources: Sequence[Source]) -> CredentialError:
        unusable = "; ".join(f"{each.label}: {each.reason}" for each in sources if each.reason)
        told = f"There is no credential for {provider.label}"
        message = f"{told} that can be used: {unusable}." if unusable else f"{told}."
        return CredentialError(message, code="credential.none", fix=self._how_to(provider))

    async def _made_ready(self, provider: Provider, found: Resolved, rejected: Secret | None) -> Resolved:
        profile = self._store().get(found.profile) if found.profile is not None else None
        credential = profile.credential if profile is not None else None
        if profile is not None and isinstance(credential, OAuthCredential):
            found = await self._renewed(provider, found, profile, rejected)
        elif isinstance(credential, TokenCredential):
            found = replace(found, expires=credential.expires)
        if provider.token_exchange is not None and found.secret:
            found = await self._with_traded(provider, found)
        return found

    # --------------------------------------------------------------------------------------- renewing and trading

    async def _renewed(
        self, provider: Provider, found: Resolved, profile: Profile, rejected: Secret | None
    ) -> Resolved:
        exchange = self._exchange(provider)
        if exchange is not None:
            self._refresher = self._refresher or Refresher(self._store())
            profile = await self._refresher.fresh(profile.id, exchange, rejected=rejected)
        credential = profile.credential
        if not isinstance(credential, OAuthCredential):  # somebody logged in anew, and otherwise
            return replace(found, source=replace(found.source, mode=profile.kind), secret=_plain_secret(credential))
        key = await self._key_of(provider, profile.id, credential)
        return replace(
            found,
            source=replace(found.source, secret=key),
            secret=key,
            expires=credential.expires or None,
            grant=credential.access,
            account=_account(provider, credential),
        )

    def _exchange(self, provider: Provider) -> Exchange | None:
        plugins = self._plugins()
        if plugins is not None and plugins.refreshes(provider.id):
            return _by_plugin(provider, plugins)
        return self._core_exchange(provider)

    async def _key_of(self, provider: Provider, profile_id: str, credential: OAuthCredential) -> Secret:
        """Return an OAuth credential as the provider's SDKs take it."""
        plugins = self._plugins()
        if plugins is not None and plugins.formats_api_key(provider.id):
            place, digest = (provider.id, profile_id), _digest(credential.access)
            known = self._formatted.get(place)
            if known is None or known[0] != digest:
                known = (digest, Secret(await plugins.format_api_key(provider.id, credential)))
                self._formatted[place] = known
            return known[1]
        if provider.tags.json_api_key:
            project = credential.extra.get("projectId")
            return Secret(json.dumps({"token": credential.access.reveal(), "projectId": project}))
        return credential.access

    async def _with_traded(self, provider: Provider, found: Resolved) -> Resolved:
        """Trade a stored credential for the short-lived one that the provider's API takes."""
        assert provider.token_exchange is not None  # noqa: S101 - the caller has looked
        assert found.secret is not None  # noqa: S101
        place, digest = (provider.id, found.source.label), _digest(found.secret)
        known = self._traded.get(place)
        ends = self._store().now() + 1_000 * provider.token_exchange.margin_s
        if known is None or known.of != digest or known.expires <= ends:
            known = await self._trade(provider, found.secret)
            self._traded[place] = known
        # An address of the user's own goes before the one that the answer names.
        configured = found.base_url if found.base_url != provider.base_url else None
        base_url = configured or known.base_url or found.base_url
        return replace(found, secret=known.token, base_url=base_url, expires=known.expires)

    def _drop_traded(self, provider: Provider, resolved: Resolved) -> bool:
        """Forget the traded credential that was turned down; tell whether trading anew may help."""
        if provider.token_exchange is None:
            return False
        known = self._traded.get((provider.id, resolved.source.label))
        if known is not None and known.token == resolved.secret:
            del self._traded[provider.id, resolved.source.label]
        return True

    async def _trade(self, provider: Provider, secret: Secret) -> _Traded:
        assert provider.token_exchange is not None  # noqa: S101 - the caller has looked
        url = provider.token_exchange.url
        auth = BoundAuth(url, {"Authorization": f"Bearer {secret.reveal()}"})
        async with self._open_client() as client:
            answer = await client.request(
                "GET", url, headers={"Accept": "application/json"}, auth=auth, deadline_s=EXCHANGE_DEADLINE_S
            )
        if answer.status in {401, 403, 404}:
            raise _refused(provider, f"to trade the stored credential ({answer.status})")
        value = answer.json() if answer.ok else None
        token, ends = (value.get("token"), value.get("expires_at")) if isinstance(value, dict) else (None, None)
        if not isinstance(token, str) or not token or isinstance(ends, bool) or not isinstance(ends, (int, float)):
            message = f"{provider.label} gave no token for the stored credential ({answer.status})."
            raise RemoteError(message, code="remote.exchange", fix="Try again later.")
        # Some answers count seconds, others milliseconds.
        expires = int(ends if ends > 10_000_000_000 else ends * 1_000)
        return _Traded(_digest(secret), Secret(token), _endpoint_in(token), expires)

    # --------------------------------------------------------------------------------------- endpoints

    def _callable(self, ref: str) -> Provider:
        """Return the provider of a ref, if models of it are called over HTTP at all."""
        registry = self._registry()
        provider = registry.resolve_model(ref)[0] if "/" in ref else registry.resolve_provider(ref)
        if provider.tags.cli:
            fix = "A command-line program of its own runs its models."
            raise RequestError(f"{provider.label} has no HTTP endpoint.", code="endpoint.none", fix=fix)
        return provider

    def _endpoint(self, provider: Provider, ref: str, kept: _Kept) -> Endpoint:
        known = kept.endpoints.get(ref)
        if known is None:
            known = kept.endpoints[ref] = self._made(provider, ref, kept)
        return known

    def _made(self, provider: Provider, ref: str, kept: _Kept) -> Endpoint:
        asked = parse_model_ref(ref).model if "/" in ref else None
        model = provider.model(asked) if asked is not None else None
        name = model.id if model is not None else asked
        own = _model_entry(kept.entry, name, asked)
        resolved = kept.resolved
        base_url = _require_base_url(provider, resolved.base_url)
        style = _style(provider, name, model, kept.entry, own)
        secret = _secret_headers(provider, style, resolved, kept.entry)
        # What a provider wants of every request does not depend on the format that one of its models is spoken to in.
        public = {
            name: text for each in _FIXED if each.api in {provider.api, style} for name, text in each.headers.items()
        }
        if style == "anthropic-messages" and secret and resolved.source.mode != "api_key":
            public |= _ANTHROPIC_TOKEN
        bound = _merged(secret, _config_headers(kept.entry, own, kept.env))
        public = _merged(public, model.headers if model is not None else {})
        given = {header.lower() for header in bound}
        open_ = {header: value for header, value in public.items() if header.lower() not in given}
        auth = _bound(provider, base_url, bound) if bound else None
        return Endpoint(provider.id, name, base_url, style, FrozenMap(open_), auth, provider.tags, resolved)


def _until(provider: Provider, found: Resolved, where: Surroundings) -> int | None:
    """Return when something must be looked at anew although nothing was written: an end nears, or a rest is over."""
    names = names_of(provider)
    rests = (each.usage.rests_until(where.now) for each in where.profiles if canonical_id(each.provider) in names)
    moments = [moment for moment in rests if moment is not None]
    if found.expires is not None:
        margins = [each.oauth.expiry_margin_s for each in provider.auth if each.oauth and found.grant is not None]
        margin = provider.token_exchange.margin_s if provider.token_exchange else max(margins, default=_MARGIN_S)
        moments.append(found.expires - 1_000 * margin)
    return min(moments, default=None)


def _passed_over(sources: Sequence[Source], winner: Source) -> tuple[tuple[str, str], ...]:
    before = sources[: sources.index(winner)]
    return tuple((each.label, each.reason or "it cannot be used") for each in before)


def _profile_id(source: Source, entry: ProviderSettings | None) -> str | None:
    """Return the stored profile behind a source: its own name, or what the config's `apiKey` refers to."""
    if source.kind == "profile":
        return source.name
    key = entry.api_key if source.kind == "config" and entry is not None else None
    return key.removeprefix(_PROFILE_REFERENCE) if key is not None and key.startswith(_PROFILE_REFERENCE) else None


def _by_plugin(provider: Provider, plugins: PluginKeys) -> Exchange:
    async def exchange(profile: Profile) -> OAuthCredential:
        renewed = await plugins.refresh_oauth(provider.id, profile.credential)
        if not isinstance(renewed, OAuthCredential):
            message = f"The plugin of {provider.label} renewed its credential to one of another kind."
            raise CredentialError(message, code="credential.unusable")
        return renewed

    return exchange


def _plain_secret(credential: Credential) -> Secret:
    return credential.token if isinstance(credential, TokenCredential) else credential.key  # type: ignore[union-attr]


def _account(provider: Provider, credential: OAuthCredential) -> Secret | None:
    """Return the account that a grant is for: what the login noted, else what the token itself says."""
    noted = credential.extra.get("accountId")
    if isinstance(noted, str) and noted:
        return Secret(noted)
    claim = next((each.oauth.account_claim for each in provider.auth if each.oauth and each.oauth.account_claim), ())
    found = identity_of([read_claims(credential.access.reveal())], claim).account if claim else None
    return Secret(found) if found else None


def _refused(provider: Provider, what: str) -> CredentialError:
    return CredentialError(
        f"{provider.label} refuses {what}.",
        code="credential.refused",
        fix=f"Log in again with: jackfield login {provider.id}. No other credential was used in its place.",
    )


def _require_origin(provider: Provider, source: Source, base_url: str | None) -> None:
    if source.origin is not None and base_url is not None and not is_at(base_url, source.origin):
        raise CredentialError(
            f"The credential of {provider.label} in {source.label} was stored for {source.origin}, and requests go "
            "to another address now.",
            code="credential.locked",
            fix=f"Log in again for the new address (jackfield login {provider.id}), or restore the old one.",
        )


def _require_base_url(provider: Provider, base_url: str | None) -> str:
    unfilled = _UNFILLED.search(base_url) if base_url is not None else None
    if base_url is None or unfilled is not None:
        lacks = f": its address lacks the {unfilled[1]}" if unfilled else ""
        message = f"{provider.label} has no HTTP endpoint{lacks}."
        raise RequestError(message, code="endpoint.none", fix=f"Set models.providers.{provider.id}.baseUrl.")
    return check_base_url(base_url, allow_private_http=True)


def _model_entry(entry: ProviderSettings | None, name: str | None, asked: str | None) -> Mapping[str, object]:
    """Return what the config says of one model of a provider."""
    models = entry.models if entry is not None else ()
    return next((each for each in models if each.get("id") is not None and each.get("id") in {name, asked}), {})


def _style(
    provider: Provider,
    name: str | None,
    model: Model | None,
    entry: ProviderSettings | None,
    own: Mapping[str, object],
) -> str | None:
    """Return a model's wire format: what the config says goes before what the block says."""
    from fnmatch import fnmatchcase

    told = own.get("api")
    if isinstance(told, str):
        return told
    if entry is not None and entry.api is not None:
        return entry.api
    if model is not None and model.api is not None:
        return model.api
    rules = provider.api_rules.items() if name is not None else ()
    return next((style for pattern, style in rules if fnmatchcase(name or "", pattern)), provider.api)


def _secret_headers(
    provider: Provider, style: str | None, resolved: Resolved, entry: ProviderSettings | None
) -> dict[str, str]:
    """Return the headers that carry a credential in a wire format; a config's `authHeader` decides before it."""
    if not resolved.secret or (entry is not None and entry.auth_header is False):
        return {}
    value = resolved.secret.reveal()
    account = {"chatgpt-account-id": resolved.account.reveal()} if resolved.account is not None else {}
    if value.startswith("{") and (style or "").startswith("google-"):
        value = _token_in(provider, value)
    elif entry is None or entry.auth_header is None:
        if style == "anthropic-messages" and resolved.source.mode == "api_key":
            return {"x-api-key": value}
        if style == "google-generative-ai":
            return {"x-goog-api-key": value}
    return {"Authorization": f"Bearer {value}", **(account if style == "openai-codex-responses" else {})}


def _token_in(provider: Provider, value: str) -> str:
    """Return the token of a key of the form `{"token": ..., "projectId": ...}`."""
    try:
        token = json.loads(value).get("token")
    except (ValueError, RecursionError):
        token = None
    if isinstance(token, str) and token:
        return token
    message = f"The credential of {provider.label} is not JSON with a token."
    raise CredentialError(message, code="credential.unusable", fix=f"Log in again: jackfield login {provider.id}")


def _config_headers(
    entry: ProviderSettings | None, own: Mapping[str, object], env: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers of the config for a provider and a model of it, with `${NAME}` filled in.

    Raises:
        RequestError: `endpoint.header` when a variable is not set.
    """
    if entry is None:
        return {}
    told = own.get("headers")
    pairs: Iterable[tuple[str, object]] = told.items() if isinstance(told, dict) else ()
    of_model = {name: text for name, text in pairs if isinstance(text, str)}
    return {name: _filled(entry, name, text, env) for name, text in _merged(dict(entry.headers), of_model).items()}


def _filled(entry: ProviderSettings, name: str, text: str, env: Mapping[str, str]) -> str:
    missing: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        value = env.get(match[2], "").strip()
        if not match[1] and not value:
            missing.append(match[2])
        return match[0][1:] if match[1] else value

    filled = _REFERENCE.sub(value_of, text)
    if missing:
        place = format_path((*entry.path, "headers"))
        message = f"The header {name} in {place} needs {missing[0]}, which is not set."
        raise RequestError(message, code="endpoint.header", fix=f"Set {missing[0]}, or take the header out.")
    return filled


def _bound(provider: Provider, base_url: str, headers: Mapping[str, str]) -> BoundAuth:
    try:
        return BoundAuth(base_url, headers)
    except RequestError as error:
        fault, fix = error.message, error.fix
    # Outside the handler: what could not be sent is a local of the frames below.
    message = f"A header for {provider.label} cannot be sent: {fault}"
    raise RequestError(message, code="endpoint.header", fix=fix)


def _merged(first: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str]:
    """Return both maps of headers as one; of one that both have, whatever its letter case, the second counts."""
    names = {name.lower() for name in then}
    return {**{name: value for name, value in first.items() if name.lower() not in names}, **then}


def _endpoint_in(token: str) -> str | None:
    """Return the API that a traded token names (`proxy-ep=proxy.HOST`): on the same host, as `api.HOST`."""
    match = _PROXY_ENDPOINT.search(token)
    if match is None:
        return None
    host = re.sub(r"^https?://", "", match[1])
    try:
        return check_base_url("https://" + re.sub(r"^proxy\.", "api.", host))
    except RequestError:
        return None


def _digest(secret: Secret) -> str:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()
