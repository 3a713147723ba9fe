"""Ask a provider whether it is there and takes a credential, by one free request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from jackfield.errors import JackfieldError, RequestError
from jackfield.net import BoundAuth, origin_of
from jackfield.providers.block import Check
from jackfield.providers.parts import FrozenMap
from jackfield.records import record, replace

if TYPE_CHECKING:
    from jackfield.credentials.secret import Secret
    from jackfield.net import HttpClient, Response
    from jackfield.providers.block import AuthMethod, Provider

_MAX_ANSWER = 300
# Lists of models are the largest answers, some megabytes at most.
_MAX_BODY = 8 * 1024 * 1024
# Vendors echo keys, whole or with stars and dots in the middle.
_MASKED = re.compile(r"\*{2,}|\.{3,}|…")
# What steers a terminal, turns the direction of text, does not show, or (half a surrogate pair) cannot be written.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]+"
)
_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
# Something answered, but not what was asked for.
_STRANGE = frozenset({"net.protocol", "net.redirect", "net.too-large"})
_ANTHROPIC_VERSION = FrozenMap({"anthropic-version": "2023-06-01"})


@record
class Verdict:
    """What a provider answered.

    Attributes:
        state: `accepted`; `refused` (the credential is wrong); `reachable` (it answers anyone, so nothing is known of
            the credential); `unreachable` (nothing answered in time); `undetermined` (an answer that tells nothing).
        message: one plain sentence, with the provider's own words where it gave some; never holds the credential.
        status: the HTTP status, None without an answer.
        elapsed_s: seconds it took.
        code: the stable code of the network error, for `unreachable`.
    """

    state: Literal["accepted", "refused", "reachable", "unreachable", "undetermined"]
    message: str
    status: int | None = None
    elapsed_s: float = 0.0
    code: str | None = None


def check_for(provider: Provider, method: AuthMethod | None, base_url: str) -> Check | None:
    """Return the request that checks a credential of `provider` at `base_url`, or None when there is none.

    The block's own check is for the vendor's own address. Behind any other one stands a server that speaks the same
    API style, and what all of a style have in common is the list of models.
    """
    own = (method.verify if method else None) or provider.verify
    if own is not None and (provider.base_url is None or _same_origin(provider.base_url, base_url)):
        # Some people write the /v1 that the check adds into the base URL themselves.
        return replace(own, url=own.url.replace("{base}/v1/", "{base}/")) if base_url.endswith("/v1") else own
    return _check_of_style(provider.api, method, base_url, public=bool(own and own.public and provider.local))


def auth_headers(check: Check, secret: Secret | None) -> dict[str, str]:
    """Return the headers that carry `secret` the way `check` says; empty when there is nothing to send."""
    if secret is None or check.auth == "none":
        return {}
    value = secret.reveal()
    return {"Authorization": f"Bearer {value}"} if check.auth == "bearer" else {check.auth: value}


async def verify(
    client: HttpClient, check: Check, base_url: str, secret: Secret | None, *, deadline_s: float
) -> Verdict:
    """Send the check's request and judge the answer; never raises for what the other side does.

    Args:
        client: an open client.
        check: as `check_for` returns it.
        base_url: the base URL in force, checked.
        secret: the credential, None for services that need none.
        deadline_s: seconds for all of it.
    """
    origin = origin_of(base_url)
    url = check.url.replace("{base}", base_url).replace("{origin}", str(origin))
    headers = auth_headers(check, secret)
    try:
        response = await client.request(
            "GET",
            url,
            headers={"Accept": "application/json", **check.headers},
            auth=BoundAuth(url, headers) if headers else None,
            deadline_s=deadline_s,
            max_bytes=_MAX_BODY,
        )
    except JackfieldError as error:
        unjudged = isinstance(error, RequestError) or error.code in _STRANGE
        return Verdict("undetermined" if unjudged else "unreachable", error.message, code=error.code)
    asked, answering = origin_of(url), origin_of(response.url)
    if headers and answering != asked:
        message = f"{asked} sends on to {answering}, where the credential was not shown"
        return Verdict("undetermined", message, response.status, response.elapsed_s)
    return _judge(check, response, secret if headers else None)


def _judge(check: Check, response: Response, secret: Secret | None) -> Verdict:
    """Judge an answer of the origin that was asked; `secret` is what it was shown."""
    status, took = response.status, response.elapsed_s
    said = answer_text(response, secret)
    quoted = f": {said}" if said else ""
    if status != 401 and _is_page(response):
        message = (
            f"A web page answered ({status}), so this is not the provider's API, or something stands before it: "
            "check the base URL"
        )
        return Verdict("undetermined", message, status, took)
    if response.ok and (check.public or secret is None):
        return Verdict("reachable", "The service answers.", status, took)
    if response.ok or status in check.accepted:
        return Verdict("accepted", "The provider accepts the credential.", status, took)
    if status in check.refused:
        did = "refused the credential" if secret is not None else "wants a credential"
        return Verdict("refused", f"The provider {did} ({status}){quoted}", status, took)
    if status == 402:
        return Verdict(
            "accepted", f"The credential is right, but the account has no credit ({status}){quoted}", status, took
        )
    return Verdict(
        "undetermined", f"The provider's answer tells nothing about the credential ({status}){quoted}", status, took
    )


def _is_page(response: Response) -> bool:
    kind = response.headers.get("content-type", "").lower()
    return kind.startswith("text/html") or _PAGE.match(response.body) is not None


def answer_text(response: Response, secret: Secret | None) -> str:
    """Return the provider's own words from an error body: one short line, without the credential or parts of it."""
    try:
        text = _message_in(response.json())
    except JackfieldError:
        text = None
    if text is None:
        plain = response.headers.get("content-type", "").startswith("text/plain")
        text = response.text() if plain else ""
    text = _CONTROL.sub(" ", text[: _MAX_ANSWER * 8])
    if secret is not None and secret:
        text = _without_secret(text, secret.reveal())
    text = " ".join("…" if _MASKED.search(word) else word for word in text.split())
    return text if len(text) <= _MAX_ANSWER else text[: _MAX_ANSWER - 1] + "…"


def _without_secret(text: str, secret: str) -> str:
    text = text.replace(secret, "…")
    # Half a key is a leak too: any run of eight characters of it goes.
    pieces = {secret[start : start + 8] for start in range(max(1, len(secret) - 7))}
    return " ".join("…" if any(piece in word for piece in pieces) else word for word in text.split(" "))


def _message_in(value: object) -> str | None:
    """Find the message in the shapes that providers use: {error: {message}}, {message}, {detail}, {error: text}."""
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str):
            return value
        if not isinstance(value, dict):
            return None
        value = next((value[name] for name in ("error", "message", "detail", "msg") if value.get(name)), None)
    return value if isinstance(value, str) else None


def _check_of_style(style: str | None, method: AuthMethod | None, base_url: str, *, public: bool) -> Check | None:
    if style is None or style == "cli":
        return None
    if public:
        return Check("{base}/models", auth="none", public=True)
    if style == "anthropic-messages":
        # Its SDKs put /v1 behind the base URL; some people write it in themselves.
        url = "{base}/models" if base_url.endswith("/v1") else "{base}/v1/models"
        token = method is not None and method.kind == "token"
        return Check(url, auth="bearer" if token else "x-api-key", headers=_ANTHROPIC_VERSION)
    if style == "google-generative-ai":
        return Check("{base}/models", auth="x-goog-api-key", refused=(400, 401, 403))
    if style.startswith("openai-"):
        return Check("{base}/models")
    return None


def _same_origin(one: str, other: str) -> bool:
    try:
        return origin_of(one) == origin_of(other)
    except JackfieldError:
        return False
