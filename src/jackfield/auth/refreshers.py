"""Renewing grants: the named strategies that blocks refer to, in the form in which `Refresher` wants its exchange.

What a failure says about the refresh token is told apart with care: refused for good, certainly not used, or not known
(see `jackfield.credentials.renewal`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from jackfield.auth.grants import OAuthClient
from jackfield.auth.tokens import Refusal, ask_tokens
from jackfield.credentials.profile import OAuthCredential
from jackfield.credentials.renewal import Failure, failure_from_answer
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, RequestError
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Literal

    from jackfield.auth.tokens import Tokens
    from jackfield.credentials.profile import Profile
    from jackfield.credentials.refresh import Exchange
    from jackfield.net import HttpClient
    from jackfield.providers.block import OAuth, Provider

STANDARD = "oauth-refresh"
"""The strategy of blocks that name none: RFC 6749, section 6."""

# What the vendor's own program takes for final (github.com/openai/codex, codex-rs/login/src/auth/manager.rs).
_CODEX_FINAL = frozenset({"refresh_token_expired", "refresh_token_invalidated", "refresh_token_reused"})


@record
class Renewal:
    """What a strategy gets.

    Attributes:
        provider, oauth: whose grant it is, and how it is renewed.
        credential: the grant.
        client: an open HTTP client.
        env: the environment, for the user's own OAuth client.
        clock: ms since the epoch.
    """

    provider: Provider
    oauth: OAuth
    credential: OAuthCredential
    client: HttpClient
    env: Mapping[str, str]
    clock: Callable[[], int]


Strategy: TypeAlias = "Callable[[Renewal], Awaitable[OAuthCredential | Failure]]"


async def refresh_standard(renewal: Renewal) -> OAuthCredential | Failure:
    """Renew a grant as RFC 6749, section 6 says; a refresh token that is not replaced stays in force."""
    return _outcome(renewal, await _ask(renewal))


async def refresh_codex(renewal: Renewal) -> OAuthCredential | Failure:
    """Renew a grant as the vendor's own program does: by JSON, and with 401 as the end of the grant."""
    answer = await _ask(renewal, "json")
    if isinstance(answer, Refusal) and (answer.status == 401 or answer.error in _CODEX_FINAL):
        return Failure("refused", answer.error or f"http-{answer.status}")
    return _outcome(renewal, answer)


async def refresh_qwen(renewal: Renewal) -> OAuthCredential | Failure:
    """Renew a grant by the standard, with 400 as the end of the grant whatever the error says."""
    answer = await _ask(renewal)
    if isinstance(answer, Refusal) and answer.status == 400:
        return Failure("refused", answer.error or "http-400")
    return _outcome(renewal, answer)


REFRESHERS: Mapping[str, Strategy] = {
    STANDARD: refresh_standard,
    # The client is the one that the grant was given to: `client_of` sees to that.
    "chutes-refresh": refresh_standard,
    "codex-refresh": refresh_codex,
    "qwen-refresh": refresh_qwen,
}
"""The strategies of core by the names that blocks use."""


def exchange_for(
    provider: Provider,
    *,
    open_client: Callable[[], HttpClient],
    env: Mapping[str, str],
    clock: Callable[[], int],
) -> Exchange | None:
    """Return what renews a provider's grants; None where core has no strategy for them.

    Args:
        provider: whose grants.
        open_client: opens an HTTP client, to be used with `async with`.
        env: the environment.
        clock: ms since the epoch.

    The exchange raises, or returns as a `Failure`, what its type says; `login.client` when the client that the grant
    was given to is not known any more.
    """
    found = oauth_of(provider)
    if found is None:
        return None
    oauth, strategy = found

    async def exchange(profile: Profile) -> OAuthCredential | Failure:
        credential = profile.credential
        if not isinstance(credential, OAuthCredential) or not credential.refresh:
            raise CredentialError(f"The login {profile.id} cannot be renewed.", code="credential.expired")
        async with open_client() as client:
            return await strategy(Renewal(provider, oauth, credential, client, env, clock))

    return exchange


def oauth_of(provider: Provider) -> tuple[OAuth, Strategy] | None:
    """Return how a provider's grants are renewed, None where no method of it says that, or core does not know how."""
    for method in provider.auth:
        oauth = method.oauth
        if oauth is None or (oauth.refresh_url or oauth.token_url) is None:
            continue
        strategy = REFRESHERS.get(oauth.refresh_runner or provider.tags.custom_refresh or STANDARD)
        if strategy is not None:
            return oauth, strategy
    return None


def client_of(renewal: Renewal) -> OAuthClient:
    """Return the client that a grant was given to: the credential's own, else the block's, else the environment's.

    Raises:
        RequestError: `login.client` when none is known.
    """
    variables = (*renewal.oauth.client_env, "", "")
    given, from_env = (renewal.env.get(name, "").strip() for name in variables[:2])
    extra = renewal.credential.extra
    own = extra.get("clientId")
    kept = extra.get("clientSecret")
    if isinstance(own, str) and own.strip():
        # A secret from the environment belongs to the client that stands there.
        secret = kept if isinstance(kept, str) else from_env if given in {"", own.strip()} else ""
        return OAuthClient(own.strip(), Secret(secret) if secret else None)
    if renewal.oauth.client_id is not None:
        return OAuthClient(renewal.oauth.client_id)
    if given:
        return OAuthClient(given, Secret(from_env) if from_env else None)
    raise RequestError(
        f"The login at {renewal.provider.label} cannot be renewed: its OAuth client is not known.",
        code="login.client",
        fix=f"Set {variables[0]}, or log in again: jackfield login {renewal.provider.id}"
        if variables[0]
        else f"Log in again: jackfield login {renewal.provider.id}",
    )


async def _ask(renewal: Renewal, encoding: Literal["form", "json"] = "form") -> Tokens | Refusal:
    fields: dict[str, str | Secret] = {"grant_type": "refresh_token", **client_of(renewal).fields()}
    if renewal.credential.refresh is not None:
        fields["refresh_token"] = renewal.credential.refresh
    url = str(renewal.oauth.refresh_url or renewal.oauth.token_url)
    return await ask_tokens(renewal.client, url, fields, encoding=encoding)


def _outcome(renewal: Renewal, answer: Tokens | Refusal) -> OAuthCredential | Failure:
    if isinstance(answer, Refusal):
        return failure_from_answer(answer.status, answer.error, answer.retry_after)
    old = renewal.credential
    return OAuthCredential(
        answer.access, answer.refresh or old.refresh, answer.expires(renewal.clock()), old.email, old.extra
    )
