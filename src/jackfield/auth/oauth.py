"""Signing in on the vendor's page, with a code that comes back to this machine: RFC 6749, 7636 (PKCE) and 8252.

The listener is up before the browser opens. While it waits the user may paste the address that they were sent to: the
first valid answer counts. Where no browser can be seen, or where the vendor's port is taken, pasting is what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from jackfield.auth.grants import (
    OAuthClient,
    duration,
    find_client,
    granted,
    open_client,
    parts_of,
    require_person,
    sleep,
)
from jackfield.auth.loopback import Loopback, is_loopback
from jackfield.auth.pkce import Pkce, authorization_url, new_pkce
from jackfield.auth.redirect import Asked, Returned, read_paste
from jackfield.auth.tokens import Refusal, ask_tokens, denied, plain_words
from jackfield.errors import CredentialError, InternalError, RemoteError, RequestError
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from jackfield.auth.flows import LoginContext
    from jackfield.auth.grants import Grant
    from jackfield.providers.block import OAuth

_WAITING = "Waiting for the browser to come back"


@record
class _Login:
    """One sign-in under way."""

    context: LoginContext
    oauth: OAuth
    who: OAuthClient
    pkce: Pkce
    asked: Asked


async def sign_in(context: LoginContext) -> Grant:
    """Carry out the code flow with PKCE, and return the grant.

    Raises:
        NeedsTerminalError: `needs-terminal.sign-in` when nobody is there.
        RequestError: `login.no-key`, `login.client`, `login.redirect`.
        CredentialError: `credential.denied` when the user or the vendor says no, `credential.sign-in` when the vendor
            does not take the code, `credential.sign-in-timeout` when nobody came back in time, `credential.no-account`.
        RemoteError: `remote.sign-in`, `net.*`; `remote.port` when neither listening nor pasting is possible.
        CancelledError: the user ended it.
    """
    require_person(context)
    oauth = parts_of(context, "authorize_url", "token_url")
    who = await find_client(context, oauth)
    pkce = new_pkce()
    fixed, scopes = _own_settings(context, oauth)
    async with contextlib.AsyncExitStack() as closing:
        loopback = await _listen(context, pkce, fixed, closing)
        redirect = loopback.redirect_uri if loopback is not None else str(fixed)
        asked = Asked(redirect, pkce.state, str(oauth.authorize_url), oauth.pasted == "url-or-code")
        login = _Login(context, oauth, who, pkce, asked)
        await _send_to_page(login, scopes)
        returned = await _wait(login, loopback)
        grant = await _exchange(login, returned)
        if loopback is not None:
            loopback.finish(ok=True)
        return grant


def _own_settings(context: LoginContext, oauth: OAuth) -> tuple[str | None, tuple[str, ...]]:
    """Return the redirect address and the scopes: the block's, or those of the user's own client."""
    variables = (*oauth.client_env, "", "", "", "")
    redirect, scopes = (context.env.get(name, "").strip() for name in variables[2:4])
    if redirect and not (is_loopback(redirect) or redirect.startswith("https://")):
        message = f"{variables[2]} must be a plain http address of this machine, or an https one."
        raise RequestError(message, code="login.redirect", fix="Write it as it is registered with the provider.")
    return redirect or oauth.redirect_uri, tuple(scopes.split()) or oauth.scopes


async def _listen(
    context: LoginContext, pkce: Pkce, fixed: str | None, closing: contextlib.AsyncExitStack
) -> Loopback | None:
    """Return a listener for the browser's return; None where the redirect leads elsewhere or its port is taken."""
    if fixed is not None and not is_loopback(fixed):
        return None
    try:
        return await closing.enter_async_context(Loopback(context.provider.label, pkce.state, fixed))
    except RemoteError as error:
        if fixed is None or not context.prompter.can_retry:
            raise
        await context.prompter.note(error.message)
        return None


async def _send_to_page(login: _Login, scopes: tuple[str, ...]) -> None:
    """Open the vendor's page, and show its address for those who have to open it themselves."""
    parameters = {
        "response_type": "code",
        "client_id": login.who.id,
        "redirect_uri": login.asked.redirect_uri,
        **({"scope": " ".join(scopes)} if scopes else {}),
        "state": login.pkce.state,
        "code_challenge": login.pkce.challenge,
        "code_challenge_method": "S256",
    }
    # The vendor's own parameters cannot take the place of those that make the flow safe.
    url = authorization_url(str(login.oauth.authorize_url), {**login.oauth.authorize_params, **parameters})
    context = login.context
    opened = context.browser is not None and await context.browser.open(url)
    remote = context.browser is not None and context.browser.remote
    if opened:
        title = "Your browser opens the sign-in page. If it does not, open this address"
    elif remote:
        title = "Open this address in the browser of the computer that you sit at"
    else:
        title = "Open this address in a browser"
    await context.prompter.note(url, title)


async def _wait(login: _Login, loopback: Loopback | None) -> Returned:
    """Return the first valid answer, from the browser or from the user."""
    context, seconds = login.context, login.oauth.timeout_s
    runs: list[Coroutine[Any, Any, object]] = [_timer(context, seconds)]
    if loopback is not None:
        runs.append(loopback.answered())
    if context.prompter.can_retry or loopback is None:
        runs.append(_pasted(login, seconds, waiting=loopback is not None))
        answer = await _first(runs)
    else:
        progress = context.prompter.countdown(_WAITING, seconds)
        try:
            answer = await _first(runs)
        finally:
            progress.stop()
    if isinstance(answer, Returned):
        return answer
    raise CredentialError(
        f"Nobody finished the sign-in at {context.provider.label} within {duration(seconds)}.",
        code="credential.sign-in-timeout",
        fix=f"Begin again: jackfield login {context.method.choice}",
    )


async def _timer(context: LoginContext, seconds: float) -> None:
    await sleep(context, seconds)


async def _pasted(login: _Login, seconds: float, *, waiting: bool) -> Returned:
    def complaint(text: str) -> str | None:
        try:
            read_paste(text, login.asked)
        except ValueError as error:
            return str(error)
        return None

    text = await login.context.prompter.text(
        "Or paste the address that you are sent to:" if waiting else "Paste the address that you are sent to:",
        validate=complaint,
        waiting=_WAITING if waiting else None,
        seconds=seconds,
    )
    try:
        return read_paste(text, login.asked)
    except ValueError:
        # A prompter gives out what its question's `validate` has taken.
        raise InternalError("An answer came through that its question refuses.", code="internal") from None


async def _first(runs: list[Coroutine[Any, Any, object]]) -> object:
    """Return what the first of these returns or raises, after the others have ended: a prompt must leave the screen."""
    tasks = [asyncio.ensure_future(each) for each in runs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # An answer counts before the end of the time, and before a question that ended in the same moment.
    found = [task for task in tasks if task in done]
    answers = [task.result() for task in found if task.exception() is None]
    return next((each for each in answers if each is not None), None) if answers else found[0].result()


async def _exchange(login: _Login, returned: Returned) -> Grant:
    """Return the grant for the code that came back; the verifier goes out here, once."""
    context, oauth, label = login.context, login.oauth, login.context.provider.label
    if returned.error == "access_denied":
        raise denied(label)
    if returned.code is None:
        refusal = Refusal(400, returned.error, plain_words(returned.description))
        raise refusal.to_error(label)
    progress = context.prompter.progress(f"Getting the tokens from {label}")
    try:
        async with open_client(context) as client:
            answer = await ask_tokens(
                client,
                str(oauth.token_url),
                {
                    "grant_type": "authorization_code",
                    "code": returned.code,
                    "redirect_uri": login.asked.redirect_uri,
                    "code_verifier": login.pkce.verifier,
                    **login.who.fields(),
                },
            )
            if isinstance(answer, Refusal):
                raise answer.to_error(label)
            return await granted(context, oauth, client, login.who, answer)
    finally:
        progress.stop()
