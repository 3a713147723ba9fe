"""Real servers on 127.0.0.1 for tests: HTTP, HTTPS, proxies, and servers that misbehave on purpose.

Each runs an event loop in a thread of its own and is a context manager::

    with HttpServer(answering(200, b"hello")) as server:
        ...  # ask server.url; then look at server.requests

Nothing here sleeps to wait for a thing, and leaving the block ends every connection and the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import trustme

if TYPE_CHECKING:
    from pathlib import Path

MAX_HEAD = 65_536


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    raw_head: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Connection:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Write a whole answer with its length."""
        lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def close(self) -> None:
        """End the connection in good order."""
        self.writer.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def closed_by_peer(self) -> None:
        """Return when the other side has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass


Handler = Callable[[Request, Connection], Awaitable[None]]


class TcpServer:
    """A server on a free port of 127.0.0.1 that hands each connection to `connected`."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="test-server", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def scheme(self) -> str:
        """`https` with TLS, else `http`."""
        return "https" if self._tls else "http"

    @property
    def url(self) -> str:
        """The server's origin."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def connected(self, connection: Connection) -> None:
        """Serve one connection; the default ends it at once."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, limit=MAX_HEAD)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # One turn for the transports that were aborted to call back and close their sockets.
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._guard(Connection(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, connection: Connection) -> None:
        try:
            await self.connected(connection)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client has gone, which many tests are about
        finally:
            if not connection.writer.transport.is_closing():
                connection.writer.close()
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                connection.writer.transport.abort()


class HttpServer(TcpServer):
    """An HTTP/1.1 server that keeps connections; `requests` holds what came, in order."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.requests: list[Request] = []
        self._handler = handler

    async def connected(self, connection: Connection) -> None:
        """Serve requests until either side closes."""
        while not connection.writer.transport.is_closing():
            request = await read_request(connection.reader)
            if request is None:
                return
            self.requests.append(request)
            await self._handler(request, connection)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read one request with a Content-Length body; None when the client has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = {}
    for line in lines[1:]:
        if line:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body, head)


def answering(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Handler:
    """Return a handler that gives the same answer to everything."""

    async def handle(request: Request, connection: Connection) -> None:
        await connection.reply(status, b"" if request.method == "HEAD" else body, headers)

    return handle


def echoing() -> Handler:
    """Return a handler that answers with the request as JSON: method, target, headers, body."""

    async def handle(request: Request, connection: Connection) -> None:
        seen = {
            "method": request.method,
            "target": request.target,
            "headers": dict(request.headers),
            "body": request.body.decode("latin-1"),
        }
        body = b"" if request.method == "HEAD" else json.dumps(seen).encode()
        await connection.reply(200, body, {"Content-Type": "application/json"})

    return handle


def sending(data: bytes, *, reset: bool = False) -> Handler:
    """Return a handler that writes `data` as it is and ends the connection."""

    async def handle(request: Request, connection: Connection) -> None:
        await connection.send(data)
        if reset:
            connection.reset()
        else:
            connection.close()

    return handle


def holding(data: bytes = b"") -> Handler:
    """Return a handler that writes `data` and then nothing, until the client closes."""

    async def handle(request: Request, connection: Connection) -> None:
        await connection.send(data)
        await connection.closed_by_peer()

    return handle


def dripping(head: bytes, piece: bytes, gap_s: float) -> Handler:
    """Return a handler that writes `head` and then `piece` every `gap_s` seconds without end."""

    async def handle(request: Request, connection: Connection) -> None:
        await connection.send(head)
        while True:
            await asyncio.sleep(gap_s)
            await connection.send(piece)

    return handle


@dataclass
class ProxyLog:
    """What a proxy saw."""

    requests: list[Request] = field(default_factory=list)
    relayed: bytearray = field(default_factory=bytearray)


class ProxyServer(TcpServer):
    """A forward proxy with CONNECT.

    Args:
        routes: which loopback port stands for a `host:port`; a place that is not listed gets 502.
        credentials: `(user, password)` that every request must bring, else it gets 407.
        tls: serve the proxy itself over TLS.
    """

    def __init__(
        self,
        routes: Mapping[str, int],
        *,
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.log = ProxyLog()
        self._routes = routes
        self._wanted = None
        if credentials is not None:
            self._wanted = "Basic " + b64encode(":".join(credentials).encode()).decode()

    async def connected(self, connection: Connection) -> None:
        """Serve one request, or one tunnel."""
        request = await read_request(connection.reader)
        if request is None:
            return
        self.log.requests.append(request)
        if self._wanted is not None and request.headers.get("proxy-authorization") != self._wanted:
            await connection.reply(407, b"", {"Proxy-Authenticate": "Basic", "Connection": "close"})
        elif request.method == "CONNECT":
            await self._tunnel(request, connection)
        else:
            await self._forward(request, connection)

    async def _tunnel(self, request: Request, connection: Connection) -> None:
        port = self._routes.get(request.target)
        if port is None:
            await connection.reply(502, b"", {"Connection": "close"})
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self._relay(connection, Connection(reader, writer))

    async def _forward(self, request: Request, connection: Connection) -> None:
        scheme, _, rest = request.target.partition("://")
        place, slash, path = rest.partition("/")
        port = self._routes.get(place if ":" in place else f"{place}:80")
        if scheme != "http" or port is None:
            await connection.reply(502, b"", {"Connection": "close"})
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"{request.method} {slash}{path} HTTP/1.1", "Connection: close"]
        hop = {"connection", "proxy-authorization", "proxy-connection"}
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name not in hop]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
        await self._relay(connection, Connection(reader, writer))

    async def _relay(self, near: Connection, far: Connection) -> None:
        async def pump(source: Connection, sink: Connection) -> None:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while data := await source.reader.read(65_536):
                    self.log.relayed += data
                    await sink.send(data)

        pumps = [asyncio.ensure_future(pump(near, far)), asyncio.ensure_future(pump(far, near))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            far.writer.transport.abort()


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def pem_file(self, folder: Path, name: str = "ca.pem") -> str:
        """Write the authority's certificate into `folder` and return the file's path."""
        path = folder / name
        path.write_bytes(self._ca.cert_pem.bytes())
        return str(path)

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Return a server's TLS context with a certificate for these host names and addresses."""
        expiry = datetime.now(UTC) - timedelta(days=1) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, not_after=expiry).configure_cert(context)
        return context


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """Give a port of 127.0.0.1 that refuses connections and that nobody else can take meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
