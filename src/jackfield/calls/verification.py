"""Whether providers take the credentials that calls to them would use, by their free requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from jackfield.config.overlay import names_of
from jackfield.credentials.sources import find_sources
from jackfield.credentials.verify import check_for, verify
from jackfield.errors import JackfieldError, RemoteError, RequestError
from jackfield.net import check_base_url, origin_of
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jackfield.credentials.secret import Secret
    from jackfield.credentials.sources import Surroundings
    from jackfield.credentials.verify import Verdict
    from jackfield.net import HttpClient
    from jackfield.providers.block import Check, Provider
    from jackfield.resolution import Credentials, Resolved

State = Literal["accepted", "refused", "unusable", "reachable", "unchecked", "undetermined", "unreachable"]
# The provider has said no, be it to the credential or to its renewal.
_LEAST_S = 0.05
_REFUSALS = frozenset({"credential.refused", "credential.refresh-refused"})


@record
class Checked:
    """What came of checking one provider's credential.

    Attributes:
        id: the provider; `label` its name for people.
        state: `accepted`, `refused`; `unusable` (there is none, it could not be renewed, or it may not be sent to this
            address); `reachable` (the service answers anyone); `unchecked` (there is no free way to tell);
            `undetermined` (an answer that tells nothing); `unreachable`.
        message: one plain sentence.
        source: where the credential is from, None where there is none.
        passed_over: better sources that are not used, each with the reason.
        code: the stable code of what went wrong, None where nothing did; `fix` what to do about it.
        status: the HTTP status of the answer, None without one.
        elapsed_s: seconds that the answer took, None without one.
    """

    id: str
    label: str
    state: State
    message: str
    source: str | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
    code: str | None = None
    fix: str | None = None
    status: int | None = None
    elapsed_s: float | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the fields as JSON-ready values, without the label."""
        return {
            "id": self.id,
            "state": self.state,
            "source": self.source,
            "message": self.message,
            "code": self.code,
            "fix": self.fix,
            "status": self.status,
            "elapsed_s": self.elapsed_s,
            "passed_over": [{"source": name, "reason": reason} for name, reason in self.passed_over],
        }


async def check_providers(
    providers: Iterable[Provider],
    where: Surroundings,
    credentials: Credentials,
    open_client: Callable[[], HttpClient],
    *,
    deadline_s: float,
    only_configured: bool = False,
    report: Callable[[Checked], None] = lambda _: None,
) -> tuple[Checked, ...]:
    """Check the credential of each provider that would be used now, all at once under one deadline.

    Args:
        providers: whom to ask; the results are in their order.
        where: what credentials are looked for in.
        credentials: resolves them: renewed and traded as for a call.
        open_client: opens the HTTP client; not called when there is nobody to ask.
        deadline_s: seconds for all of it.
        only_configured: leave out the providers that have no source of a credential at all.
        report: called with each result as it comes in.
    """
    chosen = [each for each in providers if not only_configured or _is_configured(each, where)]
    if not chosen:
        return ()
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    async with open_client() as client:

        async def one(provider: Provider) -> Checked:
            checked = await _checked(provider, credentials, client, end)
            report(checked)
            return checked

        return tuple(await asyncio.gather(*(one(each) for each in chosen)))


def _is_configured(provider: Provider, where: Surroundings) -> bool:
    """Tell whether somebody set it up; that a local service needs nothing is nobody's doing."""
    sources = find_sources(provider, where)
    if any(each.kind in {"profile", "config"} or (each.usable and each.kind != "none") for each in sources):
        return True
    return bool(sources) and where.settings.provider(names_of(provider)) is not None


async def _checked(provider: Provider, credentials: Credentials, client: HttpClient, end: float) -> Checked:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(end):
            resolved = await credentials.resolve_async(provider.id)
    except TimeoutError:
        message = "The credential could not be made ready in time."
        return Checked(provider.id, provider.label, "unreachable", message, code="net.timeout")
    except JackfieldError as error:
        return _unresolved(provider, error)
    if provider.token_exchange is not None:
        return _of(provider, resolved, "accepted", "The provider trades the credential for one that calls take.")
    try:
        address = _address(resolved)
    except RequestError as error:
        return _of(provider, resolved, "unusable", error.message, code=error.code, fix=error.fix)
    check = _check(provider, resolved, address) if address is not None else None
    if address is None or check is None:
        return _of(provider, resolved, "unchecked", "There is no free request that tells.")
    if resolved.source.kind in {"config", "none"} or resolved.source.origin is not None:
        client.allow_private(origin_of(address))
    # Nothing is left where making the credential ready took all of it; a request wants some time.
    left = max(end - loop.time(), _LEAST_S)
    return _judged(provider, resolved, await verify(client, check, address, _sent(resolved), deadline_s=left))


def _unresolved(provider: Provider, error: JackfieldError) -> Checked:
    state: State = "unusable"
    if error.code in _REFUSALS:
        state = "refused"
    elif isinstance(error, RemoteError):
        state = "unreachable"
    return Checked(provider.id, provider.label, state, error.message, code=error.code, fix=error.fix)


def _address(resolved: Resolved) -> str | None:
    if resolved.base_url is None or "{" in resolved.base_url:
        return None
    return check_base_url(resolved.base_url, allow_private_http=True)


def _check(provider: Provider, resolved: Resolved, address: str) -> Check | None:
    """Return the free request that tells; None where there is none, or where nothing could be shown with it."""
    if not resolved.secret and resolved.source.kind != "none":
        return None
    method = next((each for each in provider.auth if each.kind == resolved.source.mode), None)
    return check_for(provider, method, address)


def _sent(resolved: Resolved) -> Secret | None:
    """Return what the check shows: of a key in JSON, the token that stands in it."""
    in_json = resolved.secret is not None and resolved.secret.reveal().startswith("{")
    return resolved.grant if in_json and resolved.grant is not None else resolved.secret


def _judged(provider: Provider, resolved: Resolved, verdict: Verdict) -> Checked:
    code = "credential.refused" if verdict.state == "refused" else verdict.code
    fix = f"Log in again with: jackfield login {provider.id}" if verdict.state == "refused" else None
    status, took = verdict.status, verdict.elapsed_s
    return _of(provider, resolved, verdict.state, verdict.message, code=code, fix=fix, status=status, elapsed_s=took)


def _of(
    provider: Provider,
    resolved: Resolved,
    state: State,
    message: str,
    *,
    code: str | None = None,
    fix: str | None = None,
    status: int | None = None,
    elapsed_s: float | None = None,
) -> Checked:
    source = resolved.source.label
    return Checked(
        provider.id, provider.label, state, message, source, resolved.passed_over, code, fix, status, elapsed_s or None
    )
