"""The one HTTP client: secrets stay with their origin, redirects are followed by hand, everything has a deadline."""

from __future__ import annotations

import math
import re
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from jackfield.errors import InternalError, RemoteError, RequestError
from jackfield.net.address import reach
from jackfield.net.body import Decoder
from jackfield.net.message import Headers, Response, check_headers, encode_body
from jackfield.net.proxy import ProxyRules
from jackfield.net.url import Origin, Target, clear_text_fault, origin_of, read_target, url_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    import aiohttp

    from jackfield.net.message import BoundAuth
    from jackfield.net.proxy import Proxy
    from jackfield.net.transport import Transport

MAX_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What a foreign origin may learn of a request that was meant for another: nothing that can hold a secret.
_HARMLESS = frozenset({"accept", "accept-language"})
_URI_REFERENCE = re.compile(r"[!-~]+")
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


class _Request(NamedTuple):
    """One hop: what is sent where."""

    method: str
    target: Target
    headers: dict[str, str]
    secret: dict[str, str]
    body: bytes | None


class Stream:
    """An answer whose body is still coming: an async iterator of chunks, decompressed, in order.

    Attributes:
        status: the HTTP status.
        headers: the answer's headers.
        url: the URL that answers, after redirects.
    """

    def __init__(
        self, reply: aiohttp.ClientResponse, request: _Request, proxy: Proxy | None, deadline: float, max_bytes: int
    ) -> None:
        self.status = reply.status
        self.headers = Headers(reply.headers.items())
        self.url = request.target.url
        self._reply = reply
        self._origin = request.target.origin
        self._proxy = proxy
        self._deadline = deadline
        self._decoder = Decoder(self.headers.get("content-encoding", ""), max_bytes, self._origin)
        self._pieces: Iterator[bytes] = iter(())
        if (
            request.method != "HEAD"
            and "content-encoding" not in self.headers
            and (reply.content_length or 0) > max_bytes
        ):
            raise self._decoder.too_large()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            piece = next(self._pieces, None)
            if piece is not None:
                return piece
            data = await self._read()
            if not data:
                self._decoder.finish()
                raise StopAsyncIteration
            self._pieces = self._decoder.feed(data)

    async def _read(self) -> bytes:
        import asyncio

        from jackfield.net.transport import told

        content = self._reply.content
        if content.at_eof() and content.exception() is None:
            return b""
        with told(self._origin, self._proxy):
            async with asyncio.timeout_at(self._deadline):
                return await content.readany()

    def __repr__(self) -> str:
        return f"<Stream {self.status} from {self._origin}>"


class HttpClient:
    """An HTTP/1.1 client, open within `async with`; several requests may run at once, in one event loop.

    Args:
        env: where the proxy variables (see `ProxyRules`) and the CA variables (see `tls_context`) are looked up; the
            process's own environment is never read.
        user_agent: the User-Agent of every request.
        connect_timeout_s: seconds within which a connection must stand.
        clock: gives seconds, for `Response.elapsed_s` only.
        private_origins: origins in private networks that the user agreed to (see `allow_private`).
        proxy_loopback: send requests to this machine through the proxy as well.
        resolve: gives the addresses of a host name at a port; None asks the system.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        user_agent: str,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        private_origins: Iterable[Origin | str] = (),
        proxy_loopback: bool = False,
        resolve: Callable[[str, int], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        _check_seconds(connect_timeout_s)
        self._user_agent = check_headers({"User-Agent": user_agent})["User-Agent"]
        self._env = dict(env)
        self._connect_timeout_s = connect_timeout_s
        self._clock = clock
        self._private: set[Origin] = set()
        self._proxies = ProxyRules(env, proxy_loopback=proxy_loopback)
        self._resolve = resolve
        self._transport: Transport | None = None
        for origin in private_origins:
            self.allow_private(origin)

    async def __aenter__(self) -> Self:
        from jackfield.net.transport import Transport
        from jackfield.net.trust import tls_context

        if self._transport is not None:
            raise InternalError("The HTTP client is open already.", code="internal.client-open")
        self._transport = Transport(
            user_agent=self._user_agent,
            connect_timeout_s=self._connect_timeout_s,
            tls=lambda: tls_context(self._env),
            private=self._private,
            resolve=self._resolve,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    def allow_private(self, origin: Origin | str) -> None:
        """Record the user's consent that `origin` is in a private network.

        From then on its name may resolve to private addresses, plain http to it is allowed when its host is a private
        address, and redirects may lead to it.

        Raises:
            RequestError: a `url.*` code when it is not an origin.
        """
        self._private.add(origin if isinstance(origin, Origin) else origin_of(origin))

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline_s: float,
        auth: BoundAuth | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Response:
        """Send a request and return the whole answer, whatever its status.

        Redirects of GET and HEAD are followed, five at most; `auth` and all headers but Accept and Accept-Language
        are dropped for good once one leads to another origin.

        Args:
            method: such as `GET`.
            url: http or https; https unless it leads to this machine or to an origin that was consented to.
            headers: the request's headers; none that carries a secret.
            json: the body as a value; None is no body.
            form: the body as fields.
            content: the body as bytes.
            deadline_s: seconds for all of it: connecting, redirects, the whole body.
            auth: secret headers; they go to their origin only.
            max_bytes: the largest body to take, in bytes after decompression.

        Raises:
            RequestError: `url.*`, `net.method`, `net.header`, `net.body`, `net.deadline`, `net.foreign-origin`,
                `net.proxy-variable` or `net.ca-file`: the request cannot be sent as it is.
            RemoteError: `net.dns`, `net.refused`, `net.unreachable`, `net.reset`, `net.timeout`, `net.tls`,
                `net.protocol`, `net.too-large`, `net.proxy`, `net.redirect`, `net.forbidden-address` or
                `net.private-address`.
        """
        started = self._clock()
        opening = self.stream(
            method,
            url,
            headers=headers,
            json=json,
            form=form,
            content=content,
            deadline_s=deadline_s,
            auth=auth,
            max_bytes=max_bytes,
        )
        async with opening as stream:
            body = b"".join([chunk async for chunk in stream])
        return Response(stream.status, stream.headers, body, stream.url, self._clock() - started)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline_s: float,
        auth: BoundAuth | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> AsyncIterator[Stream]:
        """Send a request and give its answer while the body is coming; arguments and errors are those of `request`.

        Leaving the block before the body's end closes the connection.
        """
        import asyncio

        _check_seconds(deadline_s)
        request = _first_request(method, url, headers, encode_body(json, form, content), auth)
        deadline = asyncio.get_running_loop().time() + deadline_s
        reply, request, proxy = await self._follow(request, deadline)
        try:
            yield Stream(reply, request, proxy, deadline, max_bytes)
        finally:
            reply.release()

    async def _follow(
        self, request: _Request, deadline: float
    ) -> tuple[aiohttp.ClientResponse, _Request, Proxy | None]:
        """Return the first answer that is no redirect, with the request it answers and the proxy it came through."""
        asked = request.target.origin
        for _ in range(MAX_REDIRECTS + 1):
            with _redirected(asked, request.target.origin):
                self._admit(request.target.origin)
                proxy = self._proxies.proxy_for(request.target.origin)
                reply = await self._send(request, proxy, deadline)
            if reply.status not in _REDIRECTS:
                return reply, request, proxy
            reply.release()
            request = self._next(request, reply.headers.getall("Location", []))
        message = f"{request.target.origin} redirects more than {MAX_REDIRECTS} times."
        raise RemoteError(message, code="net.redirect")

    async def _send(self, request: _Request, proxy: Proxy | None, deadline: float) -> aiohttp.ClientResponse:
        import asyncio

        from jackfield.net.transport import told

        if self._transport is None:
            raise InternalError("The HTTP client is not open.", code="internal.client-closed")
        headers = request.headers | request.secret
        with told(request.target.origin, proxy):
            async with asyncio.timeout_at(deadline):
                reply = await self._transport.send(request.method, request.target, headers, request.body, proxy)
        if reply.status == 407 and proxy is not None:
            reply.release()
            message = f"The proxy {proxy.origin} (from {proxy.variable}) wants other credentials."
            raise RemoteError(message, code="net.proxy", fix=f"Put user and password into {proxy.variable}.")
        return reply

    def _admit(self, origin: Origin) -> None:
        """Refuse an origin that may not be asked, as far as its text tells; names are checked when they resolve."""
        if reach(origin.host) == "forbidden":
            message = f"{origin} is a link-local, metadata or unspecified address."
            raise RemoteError(message, code="net.forbidden-address", fix="Use the server's own address.")
        fault = clear_text_fault(origin, allow_private_http=origin in self._private)
        if fault is not None:
            raise url_error([fault])

    def _next(self, request: _Request, locations: Sequence[str]) -> _Request:
        """Return the request that a redirect asks for.

        Raises:
            RemoteError: `net.redirect` when it may not be followed.
        """
        origin = request.target.origin
        if request.method not in {"GET", "HEAD"}:
            raise _redirect_error(origin, f"answers a {request.method} with a redirect, which is not followed")
        if len(locations) != 1 or not _URI_REFERENCE.fullmatch(locations[0]):
            raise _redirect_error(origin, "redirects without saying properly where to")
        target = _join(request.target, locations[0])
        if target.origin == origin:
            return request._replace(target=target)
        if origin.scheme == "https" and target.origin.scheme == "http":
            raise _redirect_error(origin, "redirects from https to plain http")
        # Otherwise any server on the network could make this program knock at the doors of the machine it runs on.
        near = reach(target.origin.host) in {"private", "loopback"}
        if near and target.origin not in self._private and reach(origin.host) != "loopback":
            raise _redirect_error(origin, "redirects into a private network")
        headers = {name: value for name, value in request.headers.items() if name.lower() in _HARMLESS}
        return request._replace(target=target, headers=headers, secret={})


def _first_request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    body: tuple[bytes | None, str | None],
    auth: BoundAuth | None,
) -> _Request:
    if method not in _METHODS:
        fix = f"Use one of {', '.join(sorted(_METHODS))}."
        raise RequestError("The request has a method that is not supported.", code="net.method", fix=fix)
    target = read_target(url)
    sent = check_headers(headers or {})
    secret = {} if auth is None else auth.headers_for(target.origin)
    given = {name.lower() for name in sent}
    if given & {name.lower() for name in secret}:
        raise RequestError("A header is given both openly and as a secret.", code="net.header")
    content, content_type = body
    if content_type is not None and "content-type" not in given:
        sent["Content-Type"] = content_type
    return _Request(method, target, sent, secret, content)


def _join(base: Target, location: str) -> Target:
    from urllib.parse import urljoin

    # urljoin takes `http:x` and `///x` for paths, as browsers do not; here they are read, and refused, as they are.
    if location.startswith("//"):
        location = f"{base.origin.scheme}:{location}"
    elif not _HAS_SCHEME.match(location):
        location = urljoin(base.url, location)
    try:
        return read_target(location)
    except RequestError:
        pass
    raise _redirect_error(base.origin, "redirects to an address that is not a proper URL")


@contextmanager
def _redirected(asked: Origin, origin: Origin) -> Iterator[None]:
    """Tell of errors at an origin that nobody typed that the one which was asked redirects there."""
    try:
        yield
    except (RemoteError, RequestError) as error:
        if origin == asked:
            raise
        message = f"{asked} redirects to {origin}. {error.message}"
        fix = f"Check the base URL: {asked} sends elsewhere."
        raise type(error)(message, code=error.code, fix=fix, diagnostics=error.diagnostics) from error


def _redirect_error(origin: Origin, what: str) -> RemoteError:
    return RemoteError(f"{origin} {what}.", code="net.redirect", fix="Check the address that is asked.")


def _check_seconds(seconds: float) -> None:
    if not (seconds > 0 and math.isfinite(seconds)):
        raise RequestError("A deadline is a number of seconds above 0.", code="net.deadline")
