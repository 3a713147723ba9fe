"""What goes out and what comes back: header maps, secret headers bound to one origin, request bodies, responses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from jackfield.errors import RemoteError, RequestError
from jackfield.net.url import Origin, origin_of

MAX_HEADERS = 32
MAX_HEADER = 8_192
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]+)""", re.IGNORECASE)

# The connection's own headers: whoever sets them speaks of another message than the one that is sent.
_RESERVED = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "expect", "forwarded", "host", "keep-alive"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
# Headers that carry a secret by their name alone.
_SECRET = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key", "x-auth-token"})
_FORM = "application/x-www-form-urlencoded"


class Headers(Mapping[str, str]):
    """Headers of one message; names are compared without letter case, a repeated header is joined by `, `.

    Its repr shows the names only.
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self._values) or '(none)'}>"


class BoundAuth:
    """Secret headers that may be sent to one origin only.

    Args:
        origin: where they may go, as an `Origin` or as any URL of that origin.
        headers: such as `{"Authorization": "Bearer ..."}`; values are printable ASCII.

    Raises:
        RequestError: a `url.*` code for the origin; `net.header` when a header cannot be sent.
    """

    __slots__ = ("_headers", "origin")

    def __init__(self, origin: Origin | str, headers: Mapping[str, str]) -> None:
        self.origin = origin if isinstance(origin, Origin) else origin_of(origin)
        _check(headers)
        self._headers = dict(headers)

    def headers_for(self, origin: Origin) -> dict[str, str]:
        """Return the secret headers for a request to `origin`.

        Raises:
            RequestError: `net.foreign-origin` when they are bound to another one.
        """
        if origin != self.origin:
            message = f"The credential belongs to {self.origin} and cannot be sent to {origin}."
            fix = "Use a credential that was issued for this address."
            raise RequestError(message, code="net.foreign-origin", fix=fix)
        return dict(self._headers)

    def __repr__(self) -> str:
        return f"<BoundAuth {self.origin}: {', '.join(self._headers) or '(none)'}>"


class Response:
    """A whole answer.

    Attributes:
        status: the HTTP status.
        headers: the answer's headers.
        body: the bytes, decompressed.
        url: the URL that answered, after redirects.
        elapsed_s: seconds from the call to the last byte.
    """

    __slots__ = ("body", "elapsed_s", "headers", "status", "url")

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, url: str = "", elapsed_s: float = 0.0
    ) -> None:
        self.status = status
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.url = url
        self.elapsed_s = elapsed_s

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    def text(self) -> str:
        """Return the body as text in its declared charset, else UTF-8; what does not decode becomes U+FFFD."""
        match = _CHARSET.search(self.headers.get("content-type", ""))
        try:
            return self.body.decode(match[1] if match else "utf-8", errors="replace")
        except (LookupError, ValueError):  # a charset that Python does not know, or that is not one of text
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the body read as JSON (RFC 8259, UTF-8).

        Raises:
            RemoteError: `net.protocol` when it is not JSON; NaN and Infinity are not.
        """
        import json

        try:
            return json.loads(self.body.decode("utf-8-sig"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            pass
        # Raised outside the handler: the decoder's own error holds the whole document, and with it any token in it.
        raise RemoteError(f"The answer of {self._where()} is not JSON.", code="net.protocol")

    def _where(self) -> str:
        return str(origin_of(self.url)) if self.url else "the server"

    def __repr__(self) -> str:
        return f"<Response {self.status} from {self._where()}, {len(self.body)} bytes>"


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of a caller's headers.

    Raises:
        RequestError: `net.header` when there are too many, when one has a wrong name or value, is one that the
            connection sets itself, or carries a secret by its name and so belongs in a `BoundAuth`.
    """
    _check(headers)
    for name in headers:
        if name.lower() in _SECRET:
            message = f"The header {name} carries a secret and needs an origin."
            raise RequestError(message, code="net.header", fix="Hand it in as BoundAuth.")
    return dict(headers)


def encode_body(json: object, form: Mapping[str, str] | None, content: bytes | None) -> tuple[bytes | None, str | None]:
    """Return the request's body and its content type; `(None, None)` when there is none.

    Raises:
        RequestError: `net.body` when more than one is given, or when `json` is not JSON (NaN, unknown types).
    """
    if sum(part is not None for part in (json, form, content)) > 1:
        raise RequestError("A request has one body: json, form or content.", code="net.body")
    if form is not None:
        from urllib.parse import urlencode

        return urlencode(form).encode("ascii"), _FORM
    if json is None:
        return content, None if content is None else "application/octet-stream"
    from json import dumps

    try:
        return dumps(json, allow_nan=False, separators=(",", ":")).encode("ascii"), "application/json"
    except (TypeError, ValueError, RecursionError):
        pass
    raise RequestError("The body is not JSON: it has a value that JSON cannot hold.", code="net.body")


def _check(headers: Mapping[str, str]) -> None:
    if len(headers) > MAX_HEADERS:
        raise RequestError(f"There are more than {MAX_HEADERS} headers.", code="net.header")
    seen: set[str] = set()
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise RequestError("A header's name is not a token.", code="net.header")
        if not _VALUE.fullmatch(value) or value != value.strip(" \t") or len(value) > MAX_HEADER:
            fix = f"Use at most {MAX_HEADER} printable ASCII characters without a line break."
            raise RequestError(f"The value of the header {name} cannot be sent.", code="net.header", fix=fix)
        key = name.lower()
        if key in _RESERVED or key.startswith(("proxy-", "x-forwarded-")):
            raise RequestError(f"The header {name} is set by the connection itself.", code="net.header")
        if key in seen:
            raise RequestError(f"The header {name} is given twice.", code="net.header")
        seen.add(key)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
