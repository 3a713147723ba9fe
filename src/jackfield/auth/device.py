"""Signing in with a code that is typed on another page, maybe on another device (RFC 8628)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.auth.grants import clock, duration, find_client, granted, open_client, parts_of, require_person, sleep
from jackfield.auth.tokens import DEADLINE_S, Refusal, Tokens, ask_tokens, number, object_of, plain_words
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, RemoteError, RequestError
from jackfield.net import origin_of
from jackfield.net.address import reach
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.auth.flows import LoginContext
    from jackfield.auth.grants import Grant, OAuthClient
    from jackfield.net import HttpClient
    from jackfield.providers.block import OAuth

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# RFC 8628, sections 3.2 and 3.5.
_INTERVAL_S = 5.0
_SLOWER_S = 5.0
# The standard wants a lifetime in every answer; some servers forget it, and none means days.
_ENDS_S = 900.0
_LONGEST_S = 3_600.0
_MAX_CODE = 128
# What says nothing about the code: the network, or a server that is busy or failing.
_PASSING = frozenset({"net.dns", "net.refused", "net.reset", "net.timeout", "net.unreachable"})


@record
class Device:
    """What the user types where, and how to ask whether it is done.

    Attributes:
        code: asked about with each poll.
        user_code: what the user types on the page `page`; `complete` is that page with the code filled in.
        ends_s: seconds until the code expires.
        interval_s: seconds between two polls.
    """

    code: Secret
    user_code: str
    page: str
    complete: str | None = None
    ends_s: float = _ENDS_S
    interval_s: float = _INTERVAL_S


async def sign_in(context: LoginContext) -> Grant:
    """Carry out the device flow, and return the grant.

    Raises:
        NeedsTerminalError: `needs-terminal.sign-in` when nobody is there.
        RequestError: `login.no-key`, `login.client`.
        CredentialError: `credential.denied` when the user says no, `credential.sign-in-timeout` when nobody typed the
            code in time, `credential.sign-in` when the vendor refuses otherwise, `credential.no-account`.
        RemoteError: `remote.sign-in`, `net.*`.
        CancelledError: the user ended it.
    """
    require_person(context)
    oauth = parts_of(context, "device_code_url", "token_url")
    who = await find_client(context, oauth)
    async with open_client(context) as client:
        device = await _begin(oauth, client, who)
        ends = clock(context) + round(device.ends_s * 1_000)
        await _show(context, device)
        progress = context.prompter.countdown(
            f"Waiting until {context.provider.label} lets this machine in", device.ends_s
        )
        try:
            tokens = await _poll(context, oauth, client, who, device, ends)
        finally:
            # Ctrl-C comes through here too, and must not leave the terminal without its cursor.
            progress.stop()
        return await granted(context, oauth, client, who, tokens)


async def _begin(oauth: OAuth, client: HttpClient, who: OAuthClient) -> Device:
    url = str(oauth.device_code_url)
    response = await client.request(
        "POST",
        url,
        # GitHub answers with a form to those who do not ask for JSON.
        headers={"Accept": "application/json"},
        form={"client_id": who.id, **({"scope": " ".join(oauth.scopes)} if oauth.scopes else {})},
        deadline_s=DEADLINE_S,
        max_bytes=64 * 1024,
    )
    answer = object_of(response)
    device = read_device(answer) if response.ok and "error" not in answer else None
    if device is not None:
        return device
    told = answer.get("error")
    what = (plain_words(told) if isinstance(told, str) else "") or str(response.status)
    why = "its answer has no code to type" if response.ok and told is None else f"it answered {what}"
    message = f"{origin_of(url)} does not begin a device login: {why}."
    raise RemoteError(message, code="remote.sign-in", fix="Try again; if it stays so, the provider has changed.")


def read_device(answer: Mapping[str, object]) -> Device | None:
    """Return what a device authorization answer says (RFC 8628, section 3.2), None when it cannot be used."""
    code, user_code = answer.get("device_code"), answer.get("user_code")
    # Google calls it verification_url.
    page = _page(answer.get("verification_uri", answer.get("verification_url")))
    if not isinstance(code, str) or not code or not isinstance(user_code, str) or page is None:
        return None
    if not 0 < len(user_code) <= _MAX_CODE or not user_code.isprintable() or not user_code.strip():
        return None
    return Device(
        Secret(code),
        user_code,
        page,
        _page(answer.get("verification_uri_complete")),
        min(number(answer.get("expires_in")) or _ENDS_S, _LONGEST_S),
        number(answer.get("interval")) or _INTERVAL_S,
    )


async def _show(context: LoginContext, device: Device) -> None:
    """Show the page and the code, to be copied, and open the page where there is a browser."""
    prompter, url = context.prompter, device.complete or device.page
    opened = context.browser is not None and await context.browser.open(url)
    what = "Your browser opens this page. If it does not, open it" if opened else "Open this page, on any device"
    await prompter.note(device.page, what)
    await prompter.note(device.user_code, "Code to type there")
    await prompter.note(f"It can be typed within {duration(device.ends_s)}.")
    if not opened and (context.browser is None or context.browser.remote):
        await prompter.show_qr(url)


async def _poll(
    context: LoginContext, oauth: OAuth, client: HttpClient, who: OAuthClient, device: Device, ends: int
) -> Tokens:
    """Ask until the user has agreed (RFC 8628, section 3.5)."""
    interval = device.interval_s
    fields: dict[str, str | Secret] = {"grant_type": GRANT, "device_code": device.code, **who.fields()}
    while True:
        left = (ends - clock(context)) / 1_000
        if left <= 0:
            raise _expired(context)
        await sleep(context, min(interval, left))
        try:
            answer = await ask_tokens(client, str(oauth.token_url), fields)
        except RemoteError as error:
            if error.code not in _PASSING:
                raise
            interval *= 2
            continue
        if isinstance(answer, Tokens):
            return answer
        interval = _next_interval(context, answer, interval)


def _next_interval(context: LoginContext, answer: Refusal, interval: float) -> float:
    """Return the pause before the next poll.

    Raises:
        JackfieldError: there is no use in asking again.
    """
    if answer.error == "authorization_pending":
        return interval
    if answer.error == "slow_down":
        # For good; some servers say how slow, which is never taken for faster.
        return max(interval + _SLOWER_S, answer.interval or 0)
    if answer.error == "expired_token":
        raise _expired(context)
    if answer.error is None and (answer.status >= 500 or answer.status == 429):
        return max(interval * 2, answer.retry_after or 0)
    raise answer.to_error(context.provider.label)


def _expired(context: LoginContext) -> CredentialError:
    return CredentialError(
        f"Nobody typed the code at {context.provider.label} in time.",
        code="credential.sign-in-timeout",
        fix=f"Begin again: jackfield login {context.method.choice}",
    )


def _page(value: object) -> str | None:
    """Return an address that can be shown and opened, None for anything else."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return None
    try:
        origin = origin_of(value)
    except RequestError:
        return None
    return value if origin.scheme == "https" or reach(origin.host) == "loopback" else None
