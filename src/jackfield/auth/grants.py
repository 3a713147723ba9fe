"""What the sign-ins on a vendor's page have in common: whom they are for, their client, and what they bring."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jackfield.auth.identity import Identity, identity_of, read_claims
from jackfield.auth.tokens import ask_userinfo
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, InternalError, NeedsTerminalError, RequestError
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from jackfield.auth.flows import LoginContext
    from jackfield.auth.tokens import Tokens
    from jackfield.credentials.profile import OAuthCredential, TokenCredential
    from jackfield.net import HttpClient
    from jackfield.providers.block import OAuth

_MAX_CLIENT_ID = 512


@record
class Grant:
    """What a sign-in brought: the credential, whose it is, and what the user should know."""

    credential: OAuthCredential | TokenCredential
    identity: Identity
    notes: tuple[str, ...] = ()


@record
class OAuthClient:
    """Who asks: the client's id, and its secret where it has one.

    Attributes:
        own: whether it is the user's own client, which a renewal must know again.
        typed: whether the user typed the secret, so that it is to be found nowhere else.
    """

    id: str
    secret: Secret | None = None
    own: bool = False
    typed: bool = False

    def fields(self) -> dict[str, str | Secret]:
        """Return the parameters that name the client (RFC 6749, section 2.3.1, in the body)."""
        return {"client_id": self.id, **({"client_secret": self.secret} if self.secret else {})}

    def extra(self) -> dict[str, object]:
        """Return what is kept beside the tokens, so that they can be renewed."""
        kept: dict[str, object] = {"clientId": self.id} if self.own else {}
        if self.typed and self.secret:
            kept["clientSecret"] = self.secret.reveal()
        return kept


def parts_of(context: LoginContext, *needed: str) -> OAuth:
    """Return what the block says of the flow.

    Raises:
        InternalError: the block lacks one of the `needed` fields.
    """
    oauth = context.method.oauth
    missing = [name for name in needed if oauth is None or getattr(oauth, name) is None]
    if oauth is None or missing:
        message = f"The method {context.method.choice} does not say how its flow works: {', '.join(missing)}."
        raise InternalError(message, code="internal")
    return oauth


def require_person(context: LoginContext) -> None:
    """Refuse a sign-in that nobody would finish, and a key that it would not take.

    Raises:
        RequestError: `login.no-key`; NeedsTerminalError: `needs-terminal.sign-in`.
    """
    label = context.method.label
    if context.key is not None:
        fix = "Leave the key out, or name a login choice that takes one."
        raise RequestError(f"The login {label!r} takes no key.", code="login.no-key", fix=fix)
    if not context.prompter.attended:
        raise NeedsTerminalError(
            f"The login {label!r} needs a person, who signs in on a web page.",
            code="needs-terminal.sign-in",
            fix=f"Run it in a terminal: jackfield login {context.method.choice}",
        )


async def find_client(context: LoginContext, oauth: OAuth) -> OAuthClient:
    """Return the block's client, else the one that the environment describes, else the one that the user types."""
    variables = (*oauth.client_env, "", "")
    given, secret = (context.env.get(name, "").strip() for name in variables[:2])
    if given:
        return OAuthClient(_client_id(given, variables[0]), Secret(secret) if secret else None, own=True)
    if oauth.client_id is not None:
        return OAuthClient(oauth.client_id)
    flag = variables[0] or None
    label = context.provider.label
    typed = await context.prompter.text(f"{label} OAuth client id", validate=_complaint, answer_flag=flag)
    line = await context.prompter.secret(f"{label} OAuth client secret (empty if there is none)", answer_flag=flag)
    return OAuthClient(typed.strip(), Secret(line.strip()) if line.strip() else None, own=True, typed=True)


async def granted(context: LoginContext, oauth: OAuth, client: HttpClient, who: OAuthClient, tokens: Tokens) -> Grant:
    """Return what tokens amount to, after asking whose they are.

    Raises:
        CredentialError: `credential.no-account` when the vendor does not say which account, and it is needed.
    """
    told: list[Mapping[str, object]] = []
    if oauth.userinfo_url is not None:
        told.append(await ask_userinfo(client, oauth.userinfo_url, tokens.access))
    told += [read_claims(each.reveal()) for each in (tokens.id, tokens.access) if each is not None]
    identity = identity_of(told, oauth.account_claim)
    if oauth.needs_account and identity.account is None:
        raise CredentialError(
            f"{context.provider.label} did not say which account has signed in, and takes no request without it.",
            code="credential.no-account",
            fix="Sign in with an account that has a subscription.",
        )
    account = {"accountId": identity.account} if identity.account else {}
    email = identity.email or identity.username
    credential = tokens.credential(clock(context), email, {**account, **who.extra()})
    return Grant(credential, identity)


def clock(context: LoginContext) -> int:
    """Return the time now, in ms since the epoch."""
    return context.now if context.clock is None else context.clock()


def sleep(context: LoginContext, seconds: float) -> Awaitable[object]:
    """Wait for some seconds."""
    return asyncio.sleep(seconds) if context.sleep is None else context.sleep(seconds)


def open_client(context: LoginContext) -> HttpClient:
    """Return a new HTTP client, to be used with `async with`."""
    if context.open_client is None:
        raise InternalError("This login was begun without a way to the network.", code="internal")
    return context.open_client()


def duration(seconds: float) -> str:
    """Return a time for people, such as `5 minutes`."""
    whole = max(1, round(seconds))
    amount, unit = (whole // 60, "minute") if whole >= 60 and whole % 60 == 0 else (whole, "second")
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


def _client_id(text: str, variable: str) -> str:
    if _complaint(text) is not None:
        raise RequestError(
            f"{variable} holds no client id.", code="login.client", fix="Copy it anew from the provider."
        )
    return text


def _complaint(text: str) -> str | None:
    text = text.strip()
    if not text:
        return "Required"
    # RFC 6749, appendix A.1.
    if len(text) > _MAX_CLIENT_ID or not text.isascii() or not text.isprintable() or " " in text:
        return "That is no client id. Copy it anew."
    return None
