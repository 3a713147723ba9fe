"""The login flows of core: what runs behind a method's `runner` name, and what every flow gets and returns.

A flow asks through the prompter and returns what it got. It writes nothing: checking, planning and committing come
after it, the same way for core and for plugins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.auth.keys import key_complaint, normalize_key
from jackfield.auth.methods import NAME_MAX
from jackfield.credentials.profile import ApiKeyCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import InternalError, RequestError
from jackfield.ids import is_profile_name, quoted
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jackfield.auth.browser import Browser
    from jackfield.auth.grants import Grant
    from jackfield.auth.prompter import Prompter
    from jackfield.credentials.profile import Credential
    from jackfield.net import HttpClient
    from jackfield.providers.block import ApiKey, AuthMethod, Provider

    Runner = Callable[["LoginContext"], Awaitable["LoginResult"]]

_PLACE = re.compile(r"\{([a-z]+)\}")
_DURATION = re.compile(r"([0-9]{1,6})\s*([smhdw]?)")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@record
class LoginContext:
    """What a flow gets.

    Attributes:
        provider, method: what is logged in to, and how.
        prompter: asks the user.
        env: the environment, read only.
        base_url: the base URL in force; None where the provider has none.
        key: a key that came by a flag or on standard input; nothing is asked then.
        profile_name: the name asked for with `--profile`.
        expires_in: lifetime of a pasted token such as `30d`, when the user gave one.
        now: ms since the epoch.
        browser: opens pages for the user, and knows whether this is a remote session; None where neither is known.
        open_client: opens an HTTP client, to be used with `async with`.
        clock: ms since the epoch, now; None stands for `now`.
        sleep: waits for some seconds; None stands for `asyncio.sleep`.
    """

    provider: Provider
    method: AuthMethod
    prompter: Prompter
    env: Mapping[str, str]
    base_url: str | None
    now: int
    key: Secret | None = None
    profile_name: str | None = None
    expires_in: str | None = None
    browser: Browser | None = None
    open_client: Callable[[], HttpClient] | None = None
    clock: Callable[[], int] | None = None
    sleep: Callable[[float], Awaitable[object]] | None = None


@record
class NewProfile:
    """A credential that a flow got, under the id of the profile it is to be kept as."""

    id: str
    credential: Credential
    email: str | None = None


@record
class LoginResult:
    """What a flow returns: credentials, the model ref it proposes as default, notes for the user, a change of config.

    The `config_patch` is a proposal: what of it is taken, and after which consents, is for `plan_login` to say. So is
    the `proposal` of a login that this program did not write: all that it returned, in place of the other fields. In
    `typed` are the addresses that the user typed or agreed to on the way. `issued` says that the provider has given the
    credentials out just now, so that it need not be asked whether it takes them.
    """

    profiles: tuple[NewProfile, ...] = ()
    default_model: str | None = None
    notes: tuple[str, ...] = ()
    config_patch: Mapping[str, object] | None = None
    proposal: Mapping[str, object] | None = None
    typed: tuple[str, ...] = ()
    issued: bool = False


async def run_api_key(context: LoginContext) -> LoginResult:
    """Get an API key: from the context, from the environment if the user agrees, or by pasting it."""
    secret = await _get_key(context)
    profile = NewProfile(profile_id(context), ApiKeyCredential(secret))
    return LoginResult((profile,), _default_model(context))


async def run_token(context: LoginContext) -> LoginResult:
    """Get a bearer token by pasting it; it cannot be renewed, and ends when the user says it does."""
    secret = await _get_key(context)
    expires = None if context.expires_in is None else context.now + parse_duration(context.expires_in) * 1_000
    profile = NewProfile(profile_id(context), TokenCredential(secret, expires))
    return LoginResult((profile,), _default_model(context))


async def run_local_server(context: LoginContext) -> LoginResult:
    """Set up a service on this machine: there is no credential, only the address."""
    return LoginResult((), _default_model(context))


async def run_oauth_pkce(context: LoginContext) -> LoginResult:
    """Sign in on the vendor's page, and get a grant for the code that comes back (see `jackfield.auth.oauth`)."""
    from jackfield.auth.oauth import sign_in

    return _granted(context, await sign_in(context))


async def run_device_code(context: LoginContext) -> LoginResult:
    """Type a code on the vendor's page, and get a grant when that is done (see `jackfield.auth.device`)."""
    from jackfield.auth.device import sign_in

    return _granted(context, await sign_in(context))


CORE_RUNNERS: Mapping[str, Runner] = {
    "api-key": run_api_key,
    "token": run_token,
    "local-server": run_local_server,
    "oauth-pkce": run_oauth_pkce,
    "device-code": run_device_code,
}
"""The flows of core by the names that blocks use."""


def profile_id(context: LoginContext, names: Mapping[str, str] | None = None) -> str:
    """Return the id of the profile to write: the method's, with the name the user asked for.

    Args:
        context: the login.
        names: what fills `{email}` and the like; what is not there becomes `default`.

    Raises:
        RequestError: `login.profile-name` when that name cannot name a profile.
    """
    template = context.method.profile or f"{context.provider.id}:default"
    if context.profile_name is None:
        known = names or {}
        return _PLACE.sub(lambda place: known.get(place[1], "default"), template)
    prefix = f"{context.provider.id}:"
    name = context.profile_name.strip().removeprefix(prefix)
    if not is_profile_name(name):
        raise RequestError(
            f"{quoted(context.profile_name, NAME_MAX)} cannot name a profile.",
            code="login.profile-name",
            fix="Use letters, digits and . - _ @, without white space.",
        )
    return prefix + name


def parse_duration(text: str) -> int:
    """Return a lifetime such as `30d`, `12h` or `90` (days) in seconds.

    Raises:
        RequestError: `login.duration` for anything else.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise RequestError(
            f"{quoted(text, NAME_MAX)} is not a lifetime.",
            code="login.duration",
            fix="Write a number and s, m, h, d or w, such as 30d.",
        )
    return int(match[1]) * _UNITS[match[2] or "d"]


def _granted(context: LoginContext, grant: Grant) -> LoginResult:
    email = grant.identity.email
    profile = NewProfile(profile_id(context, grant.identity.names), grant.credential, email)
    return LoginResult((profile,), _default_model(context), grant.notes, issued=True)


async def _get_key(context: LoginContext) -> Secret:
    spec = _spec(context)
    if context.key is not None:
        text = context.key.reveal()
        complaint = key_complaint(spec, text)
        if complaint is not None:
            raise RequestError(f"That is no key for {context.provider.label}: {complaint}", code="login.key-format")
        return Secret(normalize_key(spec, text))
    found = _from_env(context) if spec.offer_env else None
    if found is not None:
        name, secret = found
        question = f"Use the key in {name} ({secret.preview()})?"
        if await context.prompter.confirm(question, initial=True, answer_flag="--key-stdin"):
            return secret
    text = await context.prompter.secret(
        spec.prompt, validate=lambda line: key_complaint(spec, line), answer_flag="--key-stdin"
    )
    return Secret(normalize_key(spec, text))


def _from_env(context: LoginContext) -> tuple[str, Secret] | None:
    spec = _spec(context)
    for name in context.provider.env.any_of:
        value = context.env.get(name, "")
        if value.strip() and key_complaint(spec, value) is None:
            return name, Secret(normalize_key(spec, value))
    return None


def _spec(context: LoginContext) -> ApiKey:
    if context.method.key is None:
        raise InternalError(f"The method {context.method.choice} asks for a key and does not say how.")
    return context.method.key


def _default_model(context: LoginContext) -> str | None:
    return context.method.default_model or context.provider.default_model
