"""The token endpoint (RFC 6749, sections 4.1.3, 5 and 6): one request, and what its answer means.

Secrets travel in the body alone. Nothing that the endpoint says is shown as it came: an error's description may echo
what was sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.auth.identity import read_claims
from jackfield.credentials.profile import MAX_TIME, OAuthCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, JackfieldError, RemoteError, RequestError
from jackfield.net import BoundAuth, origin_of
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

    from jackfield.net import HttpClient, Response

DEADLINE_S = 30.0
_MAX_BODY = 256 * 1024
_MAX_TOKEN = 48 * 1024
_MAX_TOLD = 200
# Codes and tokens are longer than the words that people read.
_MAX_WORD = 20
_ERROR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN = re.compile(r"[\x21-\x7e]+")

_SENTENCES = {
    "access_denied": "the sign-in was refused there",
    "consent_required": "it wants to be asked for consent again",
    "expired_token": "the code has expired",
    "invalid_client": "it does not know the client id, or the client secret is wrong",
    "invalid_grant": "the code or token is wrong, has expired or was used before",
    "invalid_request": "it cannot read the request",
    "invalid_scope": "it does not give out what was asked for",
    "login_required": "it wants a new sign-in",
    "server_error": "something failed there",
    "temporarily_unavailable": "it is busy",
    "unauthorized_client": "this client may not sign in that way",
    "unsupported_grant_type": "it does not support this way of signing in",
    "unsupported_response_type": "it does not support this way of signing in",
}
_PASSING = frozenset({"server_error", "temporarily_unavailable", "slow_down"})


@record
class Tokens:
    """What a token endpoint gave out.

    Attributes:
        access: the access token; `refresh` and `id` are None where there are none.
        expires_in: seconds for which `access` is good, None when that was not told.
    """

    access: Secret
    refresh: Secret | None = None
    expires_in: int | None = None
    id: Secret | None = None

    def expires(self, now: int) -> int:
        """Return when the access token ends, in ms since the epoch; 0, as if it had ended, when that was not told.

        Where the answer does not tell, a token that is a JWT does (RFC 7519, section 4.1.4).
        """
        if self.expires_in is not None:
            return min(now + self.expires_in * 1_000, MAX_TIME)
        end = number(read_claims(self.access.reveal()).get("exp"))
        return 0 if end is None else int(end * 1_000)

    def credential(
        self, now: int, email: str | None = None, extra: Mapping[str, object] | None = None
    ) -> OAuthCredential | TokenCredential:
        """Return what is kept of it: a lasting token where there is neither an end nor a way to renew it."""
        expires = self.expires(now)
        if self.refresh is None and not expires:
            return TokenCredential(self.access)
        return OAuthCredential(self.access, self.refresh, expires, email, extra or {})


@record
class Refusal:
    """A token endpoint's answer that holds no token.

    Attributes:
        status: the HTTP status.
        error: the error code of RFC 6749, section 5.2 or of the vendor, None when there is none.
        description: the vendor's own words, without anything that looks like a secret.
        interval: the pause that a device login is told to make, in seconds.
        retry_after: the pause that the server asks for, in seconds.
    """

    status: int
    error: str | None = None
    description: str = ""
    interval: float | None = None
    retry_after: float | None = None

    def to_error(self, label: str) -> JackfieldError:
        """Return the error for a login at the provider `label`."""
        if self.error == "access_denied":
            return denied(label)
        # Who is at fault: the server, and it may be tried again, or what was sent, and it may not.
        passing = self.error in _PASSING or self.status == 429 or self.status >= 500
        why = _SENTENCES.get(self.error or "") or (self.error or f"it answered with status {self.status}")
        said = f" It says: {self.description}" if self.description else ""
        message = f"{label} gave no token: {why}.{said}"
        if passing:
            return RemoteError(message, code="remote.sign-in", fix="Try again in a minute.")
        fix = "Check the client id and secret." if self.error == "invalid_client" else "Begin the login anew."
        return CredentialError(message, code="credential.sign-in", fix=fix)


def denied(label: str) -> CredentialError:
    """Return the error for a sign-in that was turned down on the vendor's page."""
    return CredentialError(
        f"The sign-in at {label} was refused on its page.",
        code="credential.denied",
        fix="Agree there, with an account that may use it.",
    )


async def ask_tokens(
    client: HttpClient,
    url: str,
    fields: Mapping[str, str | Secret],
    *,
    encoding: Literal["form", "json"] = "form",
) -> Tokens | Refusal:
    """Send one request to a token endpoint; redirects are not followed.

    Args:
        client: an open client.
        url: the endpoint.
        fields: the parameters; no secret of them gets into an error.
        encoding: `form` is the standard's, `json` what some vendors want.

    Raises:
        RemoteError: `remote.sign-in` when an answer of success holds no token that can be used; `net.*`.
    """
    sent = {name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()}
    body = {"form": sent} if encoding == "form" else {"json": sent}
    response = await client.request(
        "POST",
        url,
        headers={"Accept": "application/json"},
        deadline_s=DEADLINE_S,
        max_bytes=_MAX_BODY,
        **body,  # type: ignore[arg-type]  # one of two parameters of different types
    )
    answer = object_of(response)
    # GitHub tells its errors with status 200.
    if response.ok and "error" not in answer:
        return _tokens(answer, url)
    return _refusal(response, answer, [each for each in fields.values() if isinstance(each, Secret)])


async def ask_userinfo(client: HttpClient, url: str, access: Secret) -> Mapping[str, object]:
    """Return what the userinfo endpoint tells of the user, empty when it does not answer as it should.

    A login does not fail for that: the tokens are there, and all that is missing is a name.
    """
    try:
        auth = BoundAuth(url, {"Authorization": f"Bearer {access.reveal()}"})
        response = await client.request(
            "GET", url, headers={"Accept": "application/json"}, auth=auth, deadline_s=DEADLINE_S, max_bytes=_MAX_BODY
        )
    except (RemoteError, RequestError):  # a token that is too long for a header is found here first
        return {}
    # Elsewhere the token was not shown, so whatever is told there is about somebody else.
    if not response.ok or origin_of(response.url) != origin_of(url):
        return {}
    return object_of(response)


def plain_words(text: object, secrets: Iterable[Secret] = ()) -> str:
    """Return somebody else's words in one line of 200 characters at most, without what looks like a secret."""
    if not isinstance(text, str):
        return ""
    shown = "".join(char if char.isprintable() else " " for char in text[: _MAX_TOLD * 8])
    pieces = {piece for each in secrets for piece in _pieces(each.reveal())}
    words = ("…" if len(word) > _MAX_WORD or any(piece in word for piece in pieces) else word for word in shown.split())
    told = " ".join(words)
    return told if len(told) <= _MAX_TOLD else told[: _MAX_TOLD - 1] + "…"


def number(value: object) -> float | None:
    """Return a number of seconds above 0 that came as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < MAX_TIME / 1_000 else None


def _pieces(secret: str) -> set[str]:
    """Return every run of eight characters: half a secret is a leak too."""
    return {secret[start : start + 8] for start in range(max(1, len(secret) - 7))} - {""}


def object_of(response: Response) -> Mapping[str, object]:
    """Return the answer's JSON object, empty when there is none."""
    try:
        answer = response.json()
    except RemoteError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _tokens(answer: Mapping[str, object], url: str) -> Tokens:
    access = _token(answer.get("access_token"))
    kind = answer.get("token_type", "bearer")
    # RFC 6749, section 7.1: a token of a type that is not understood is not used.
    if access is None or not isinstance(kind, str) or kind.lower() != "bearer":
        message = f"{origin_of(url)} answered without an access token that can be used."
        raise RemoteError(message, code="remote.sign-in", fix="Try again; if it stays so, the provider has changed.")
    seconds = number(answer.get("expires_in"))
    return Tokens(
        access,
        _token(answer.get("refresh_token")),
        None if seconds is None else int(seconds),
        _token(answer.get("id_token")),
    )


def _token(value: object) -> Secret | None:
    if not isinstance(value, str) or len(value) > _MAX_TOKEN or not _TOKEN.fullmatch(value):
        return None
    return Secret(value)


def _refusal(response: Response, answer: Mapping[str, object], secrets: Iterable[Secret]) -> Refusal:
    error = answer.get("error")
    description = answer.get("error_description")
    if isinstance(error, dict):  # OpenAI's form: {error: {code, message}}
        description = error.get("message")
        error = error.get("code")
    return Refusal(
        response.status,
        error if isinstance(error, str) and _ERROR.fullmatch(error) else None,
        plain_words(description, secrets),
        number(answer.get("interval")),
        number(response.headers.get("retry-after")),
    )
