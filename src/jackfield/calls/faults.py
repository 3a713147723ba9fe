"""What a provider's refusals mean, in plain words. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.credentials.verify import answer_text
from jackfield.errors import CredentialError, JackfieldError, RemoteError, RequestError, UnknownNameError
from jackfield.net import Response
from jackfield.records import record
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jackfield.calls.parts import Fault
    from jackfield.credentials.secret import Secret

# How vendors say within a 400, or in an answer's error, that they do not know a model.
_NO_MODEL = re.compile(
    r"model[_ ]not[_ ]found|not_found_error|unknown_model|invalid_model"
    r"|model\b.{0,80}\b(not found|does not exist|not exist|is not (a )?valid|not supported|unknown)",
    re.IGNORECASE | re.DOTALL,
)
_NO_CREDIT = re.compile(r"insufficient_quota|billing|credit balance|out of credits", re.IGNORECASE)
# The statuses that errors within a stream would have had as an answer of their own.
_STATUSES: Mapping[str, int] = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "resource_exhausted": 429,
    "api_error": 500,
    "server_error": 500,
    "internal": 500,
    "overloaded_error": 529,
    "unavailable": 503,
}


@record
class Called:
    """Who was asked for what: what errors are told with.

    Attributes:
        provider: id of the provider.
        label: its name for people.
        model: the model.
        source: where the credential is from, for people.
    """

    provider: str
    label: str
    model: str
    source: str


def words_of(body: bytes, headers: Mapping[str, str], secrets: Iterable[Secret]) -> str:
    """Return the provider's own words from the body of an error: one short line without any of the `secrets`."""
    response = Response(400, headers, body)
    told = answer_text(response, None)
    for secret in secrets:
        told = answer_text(Response(400, {"content-type": "text/plain"}, told.encode()), secret)
    return told


def from_status(
    called: Called, status: int, words: str, *, retry_after: float | None = None, models: Sequence[str] = ()
) -> JackfieldError:
    """Return the error for an answer that is none.

    Args:
        called: who was asked.
        status: the HTTP status.
        words: the provider's own, cleaned.
        retry_after: the seconds that it asks to wait.
        models: the models that it is known to have, for a suggestion.
    """
    told = f": {words}" if words else "."
    if status == 401:
        message = f"{called.label} refuses the credential in {called.source} (401){told}"
        fix = f"Log in again with: jackfield login {called.provider}. No other credential was used in its place."
        return CredentialError(message, code="credential.refused", fix=fix)
    if status == 402 or (status in {400, 403, 429} and _NO_CREDIT.search(words)):
        message = f"The account at {called.label} has no credit for this ({status}){told}"
        return CredentialError(message, code="credential.billing", fix="Add credit there, or use another --profile.")
    if status == 404 or (status == 400 and _NO_MODEL.search(words)):
        return _no_model(called, status, told, models)
    if status == 403:
        message = f"{called.label} does not let the credential in {called.source} use {called.model} (403){told}"
        return CredentialError(message, code="credential.forbidden", fix="Use another model, or another --profile.")
    if status == 429:
        fix = "Try again later." if retry_after is None else f"Try again in {max(1, round(retry_after))} s."
        return RemoteError(f"{called.label} takes no more requests now (429){told}", code="call.rate-limited", fix=fix)
    if status >= 500:
        fix = "Try again later." if retry_after is None else f"Try again in {max(1, round(retry_after))} s."
        return RemoteError(f"{called.label} failed ({status}){told}", code="call.failed", fix=fix)
    return RequestError(f"{called.label} does not take the request ({status}){told}", code="call.rejected")


def from_fault(called: Called, fault: Fault, words: str) -> JackfieldError:
    """Return the error that came within an answer; its kind counts as the status it stands for."""
    kind = fault.kind.lower()
    status = _STATUSES.get(kind) or (int(kind) if re.fullmatch("[45][0-9][0-9]", kind) else None)
    if status is not None:
        return from_status(called, status, words)
    told = f": {words}" if words else "."
    return RemoteError(f"{called.label} broke the answer off with an error{told}", code="call.failed")


def status_of(error: JackfieldError) -> int | None:
    """Return the HTTP status that an error of this module would be reported as; None for the others."""
    return {"credential.billing": 402, "call.rate-limited": 429, "call.failed": 500}.get(error.code)


def broken(called: Called, cause: JackfieldError | None = None) -> RemoteError:
    """Return the error for an answer that has no end."""
    why = f" {cause.message}" if cause is not None else ""
    message = f"The answer of {called.label} broke off before its end.{why}"
    return RemoteError(message, code="call.broken", fix="Ask again; what came of it is kept.")


def not_understood(called: Called, what: str) -> RemoteError:
    """Return the error for an answer in another form than the wire format's."""
    fix = "Check the base URL and the API style (models.providers.ID.api)."
    return RemoteError(f"The answer of {called.label} {what}.", code="call.not-understood", fix=fix)


def _no_model(called: Called, status: int, told: str, models: Sequence[str]) -> UnknownNameError:
    near = nearest(called.model, models)
    message = f"{called.label} does not know the model {called.model!r} ({status}){told}"
    known = " or ".join(f"{called.provider}/{each}" for each in near)
    where = f"See what it has: jackfield providers show {called.provider}; or check its base URL."
    return UnknownNameError(
        message, code="call.model", fix=f"Did you mean {known}?" if near else where, suggestions=near
    )
