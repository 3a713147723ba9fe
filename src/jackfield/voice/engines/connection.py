"""HTTP/1.1 on loopback, on top of the standard library's server: deadlines, bounds, and who may ask.

What `http.server` leaves open is closed here: a client that sends a byte now and then, a body of any length, a page in
a browser that has its own name lead to 127.0.0.1 (DNS rebinding) or posts a form here from elsewhere, and a client
that goes away while it is worked for.
"""

from __future__ import annotations

import io
import json
import select
import socket
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from threading import BoundedSemaphore, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jackfield.voice.engines.limits import ServiceLimits

HOST = "127.0.0.1"

_BUFFER = 64 * 1024
_CHUNK_LINE = 1024
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_DIGITS_MOST = 15
# How long an answer that was given before its request was read is held up, for the client to see it.
_LINGER_S = 2.0
_BACKLOG = 128
_GOES_ON = 100


class Request(NamedTuple):
    """One request, whole.

    Attributes:
        content_type: its Content-Type, empty when it has none.
        body: its body.
        check: raises when the client is gone, or the request has taken too long; to be called while it is worked on.
    """

    content_type: str
    body: bytes
    check: Callable[[], None]


class Answer(NamedTuple):
    """One answer: whole, or in parts that are sent as they are made."""

    media_type: str
    body: bytes | Iterator[bytes]
    headers: Mapping[str, str] = {}
    status: int = 200


class Route(NamedTuple):
    """What an address does.

    Attributes:
        work: makes the answer.
        most_bytes: how long the body may be.
        slots: how many of its requests may be at work at once; None for those that take no time.
        is_open: whether it answers without the token.
    """

    work: Callable[[Request], Answer]
    most_bytes: int = 0
    slots: BoundedSemaphore | None = None
    is_open: bool = False


class GoneError(Exception):
    """The client has closed its connection: nobody waits for the answer."""


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer of JSON in UTF-8."""
    return Answer("application/json", json.dumps(value, ensure_ascii=False).encode(), headers or {}, status)


class Server:
    """Listens on 127.0.0.1 and gives each connection a thread, up to a bound.

    Args:
        port: 0 for any free one.
        token: what `Authorization: Bearer` must hold; empty when nothing is asked for.
        routes: by address, then by method.
        limits: how much is taken on.

    Raises:
        OSError: the port is taken or may not be used.
    """

    def __init__(self, port: int, token: str, routes: Mapping[str, Mapping[str, Route]], limits: ServiceLimits) -> None:
        self.routes = routes
        self.limits = limits
        self.token = token
        self.budget = Budget(limits.held_bytes)
        self._places = BoundedSemaphore(limits.connections)
        self._listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self.hosts = frozenset({f"{HOST}:{self.port}", f"localhost:{self.port}"})
        self._closed = False

    def serve(self) -> None:
        """Take connections until `close`."""
        while not self._closed:
            try:
                connection, address = self._listener.accept()
            except OSError:
                if self._closed:
                    return
                time.sleep(0.05)  # no descriptor is free; one will be
                continue
            if self._closed:
                connection.close()
            elif self._places.acquire(blocking=False):
                Thread(target=self._handle, args=(connection, address), daemon=True).start()
            else:
                self._turn_away(connection)

    def close(self) -> None:
        """Take no more connections; those that are open go on."""
        self._closed = True
        with suppress(OSError):
            # Wakes `accept`, which the closing of a descriptor does not do everywhere.
            socket.create_connection((HOST, self.port), timeout=1).close()
        self._listener.close()

    def _handle(self, connection: socket.socket, address: tuple[str, int]) -> None:
        try:
            with suppress(OSError):
                Handler(connection, address, self)
        finally:
            connection.close()
            self._places.release()

    def _turn_away(self, connection: socket.socket) -> None:
        fault = busy("connections")
        body = json.dumps(fault.body()).encode()
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        rest = f"Retry-After: {fault.retry_after}\r\nConnection: close\r\n\r\n"
        with connection, suppress(OSError):
            # An empty connection takes this much at once, so the next one does not wait.
            connection.setblocking(False)
            connection.send(head.encode() + rest.encode() + body)
            connection.shutdown(socket.SHUT_WR)


class Budget:
    """How many bytes of bodies may be in memory at once."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = Lock()

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        """Hold `count` bytes for as long as the block takes.

        Raises:
            SpeechError: `speech.busy` when they are not free.
        """
        with self._lock:
            if count > self._left:
                raise busy("recordings")
            self._left -= count
        try:
            yield
        finally:
            with self._lock:
                self._left += count


class Handler(BaseHTTPRequestHandler):
    """One connection: request after request, until either side ends it.

    Args:
        connection: the open socket; whoever made it closes it.
        address: where it comes from.
        owner: the server, whose routes, limits and token hold.
    """

    protocol_version = "HTTP/1.1"
    server_version = "jackfield"
    sys_version = ""

    def __init__(self, connection: socket.socket, address: tuple[str, int], owner: Server) -> None:
        self._owner = owner
        # The base class asks for a server of its own kind, and only keeps it.
        base: Any = owner
        super().__init__(connection, address, base)

    def setup(self) -> None:
        """Read and write under deadlines."""
        self.connection: socket.socket = self.request
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._limits: ServiceLimits = self._owner.limits
        self._timed = _TimedReader(self.connection)
        self.rfile = io.BufferedReader(self._timed, _BUFFER)
        self.wfile: Any = _TimedWriter(self.connection, self._limits.write_s)
        self._unread = False

    def finish(self) -> None:
        """Let a client that was answered early see the answer: what it still sends is read for a moment."""
        with suppress(OSError, ValueError):
            if self._unread:
                self.connection.shutdown(socket.SHUT_WR)
                self._timed.until = time.monotonic() + _LINGER_S
                while self.rfile.read1(_BUFFER):
                    pass

    def handle_one_request(self) -> None:
        """Read the head of one request and answer it."""
        self._timed.until = time.monotonic() + self._limits.idle_s
        with suppress(GoneError):
            super().handle_one_request()
            return
        self.close_connection = True

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what `http.server` itself refuses, in the shape of every other refusal."""
        del explain
        self.close_connection = self._unread = True
        fault = SpeechError(code, f"{message or 'The request cannot be read'}.", code="speech.http")
        if self.request_version == "HTTP/0.9":
            self.request_version = self.protocol_version
        self._send(_told(fault))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Write nothing: texts and tokens would be in it."""

    def handle_expect_100(self) -> bool:
        """Ask for the body only when it will be read."""
        return True

    # --- a request ------------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        self._unread = True
        try:
            self._require_friend()
            route = self._route()
            if not route.is_open:
                self._require_token()
            length = self._length(route.most_bytes)
            with self._owner.budget.hold(route.most_bytes if length is None else length), _slot(route.slots):
                body = self._body(length, route.most_bytes)
                self._unread = False
                self._work(route, body)
        except SpeechError as fault:
            self.close_connection = self.close_connection or self._unread
            self._send(_told(fault))

    def _work(self, route: Route, body: bytes) -> None:
        until = time.monotonic() + self._limits.work_s

        def check() -> None:
            if self._is_gone():
                raise GoneError
            if time.monotonic() > until:
                message = f"The request took more than {self._limits.work_s:g} seconds."
                raise SpeechError(503, message, code="speech.timeout", retry_after=1)

        answer = route.work(Request(self.headers.get("Content-Type", ""), body, check))
        self._send(answer)

    def _route(self) -> Route:
        path = self.path.partition("?")[0]
        methods: Mapping[str, Route] | None = self._owner.routes.get(path)
        if methods is None:
            raise SpeechError(404, "There is nothing at this address.", code="speech.not-found")
        route = methods.get(self.command)
        if route is None:
            allowed = ", ".join(sorted(methods))
            message = f"This address takes {allowed} only."
            raise SpeechError(405, message, code="speech.method", allow=allowed)
        return route

    def _require_friend(self) -> None:
        """Refuse what comes from a page of somebody else in the user's browser."""
        hosts = [each.strip().lower() for each in self.headers.get_all("Host", [])]
        if len(hosts) != 1 or hosts[0] not in self._owner.hosts:
            message = "The Host header does not name this service."
            raise SpeechError(421, message, code="speech.host", fix=f"Call it as http://{HOST}:{self._owner.port}.")
        origins = self.headers.get_all("Origin", [])
        if any(each.strip().lower().removeprefix("http://") not in self._owner.hosts for each in origins):
            raise SpeechError(403, "Pages of other origins may not call this service.", code="speech.origin")

    def _require_token(self) -> None:
        import hmac

        wanted: str = self._owner.token
        if not wanted:
            return
        kind, _, given = self.headers.get("Authorization", "").strip().partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted.encode())
        if kind.lower() != "bearer" or not same:
            message = "The token is missing or is not the one this service was started with."
            fix = "Send it as Authorization: Bearer TOKEN."
            raise SpeechError(401, message, code="speech.token", fix=fix)

    # --- its body -------------------------------------------------------------------------------------------------

    def _length(self, most: int) -> int | None:
        """Return how long the body says it is; None when it comes in chunks."""
        coding = [each.strip().lower() for each in self.headers.get_all("Transfer-Encoding", [])]
        lengths = [each.strip() for each in self.headers.get_all("Content-Length", [])]
        if coding == ["chunked"] and not lengths:
            return None
        told = lengths[0] if lengths else "0"
        if coding or len(lengths) > 1 or not (told.isascii() and told.isdecimal()):
            raise SpeechError(400, "How long the body is, is not told in one clear way.", code="speech.body")
        if len(told) > _DIGITS_MOST or int(told) > most:
            raise _too_large(most)
        return int(told)

    def _body(self, length: int | None, most: int) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(_GOES_ON)
            self.end_headers()
        self._timed.until = time.monotonic() + self._limits.body_s
        try:
            return self._chunks(most) if length is None else self._exactly(length)
        except TimeoutError:
            message = f"The body did not come within {self._limits.body_s:g} seconds."
            raise SpeechError(408, message, code="speech.slow") from None

    def _exactly(self, length: int) -> bytes:
        data = self.rfile.read(length)
        if len(data) < length:
            raise GoneError
        return data

    def _chunks(self, most: int) -> bytes:
        """Read a body in chunks (RFC 9112, 7.1); extensions and trailers are passed over."""
        body = bytearray()
        while size := self._chunk_size():
            if len(body) + size > most:
                raise _too_large(most)
            body += self._exactly(size)
            if self.rfile.readline(_CHUNK_LINE) not in {b"\r\n", b"\n"}:
                raise _bad_chunk()
        trailers = 0
        while self.rfile.readline(_CHUNK_LINE) not in {b"\r\n", b"\n", b""}:
            trailers += 1
            if trailers > _DIGITS_MOST:
                raise _bad_chunk()
        return bytes(body)

    def _chunk_size(self) -> int:
        line = self.rfile.readline(_CHUNK_LINE)
        if not line:
            raise GoneError
        digits = line.partition(b";")[0].strip().decode("ascii", "replace")
        if not line.endswith(b"\n") or not 0 < len(digits) <= _DIGITS_MOST or not _HEXADECIMAL.issuperset(digits):
            raise _bad_chunk()
        return int(digits, 16)

    # --- the answer -----------------------------------------------------------------------------------------------

    def _send(self, answer: Answer) -> None:
        try:
            if isinstance(answer.body, bytes):
                self._send_head(answer, {"Content-Length": str(len(answer.body))})
                self.wfile.write(answer.body)
            else:
                self._send_parts(answer, answer.body)
        except OSError:  # the client is gone, or takes nothing any more
            raise GoneError from None

    def _send_parts(self, answer: Answer, parts: Iterator[bytes]) -> None:
        """Send an answer whose end is not known yet; when it fails on the way, the connection ends without its end."""
        first = next(parts, b"")
        chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or not chunked
        self._send_head(answer, {"Transfer-Encoding": "chunked"} if chunked else {})
        try:
            self._send_part(first, chunked)
            for part in parts:
                self._send_part(part, chunked)
        except SpeechError:
            raise GoneError from None
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_part(self, part: bytes, chunked: bool) -> None:
        if part:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)

    def _send_head(self, answer: Answer, framing: Mapping[str, str]) -> None:
        self.send_response(answer.status)
        fixed = {"Content-Type": answer.media_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        for name, value in {**fixed, **answer.headers, **framing}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _is_gone(self) -> bool:
        """Tell whether the client has closed its side; what it may have sent ahead stays where it is."""
        try:
            # A socket with a deadline waits for data; so it is only asked when there is some, or its end.
            ready = select.poll()
            ready.register(self.connection, select.POLLIN)
            return bool(ready.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


class _TimedReader(io.RawIOBase):
    """A socket to read from, until a point of time."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self.until = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _TimedWriter:
    """A socket to write to; what is written at once has a deadline as a whole."""

    closed = False

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def write(self, data: bytes) -> int:
        """Send all of `data`."""
        self._connection.settimeout(self._seconds)
        self._connection.sendall(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""


@contextmanager
def _slot(slots: BoundedSemaphore | None) -> Iterator[None]:
    if slots is not None and not slots.acquire(blocking=False):
        raise busy("requests")
    try:
        yield
    finally:
        if slots is not None:
            slots.release()


def busy(what: str) -> SpeechError:
    """Return the fault for having too many of something at once."""
    return SpeechError(503, f"The service has too many {what} at once.", code="speech.busy", retry_after=1)


def _told(fault: SpeechError) -> Answer:
    return json_answer(fault.body(), fault.status, fault.headers())


def _too_large(most: int) -> SpeechError:
    return SpeechError(413, f"The body is longer than {most} bytes.", code="speech.too-large")


def _bad_chunk() -> SpeechError:
    return SpeechError(400, "The chunks of the body cannot be read.", code="speech.body")
