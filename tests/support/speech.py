"""The embedded speech service in tests: the real engines, in this process behind a real socket, or in their own."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from jackfield.voice.engines.connection import Server
from jackfield.voice.engines.espeak import Espeak
from jackfield.voice.engines.limits import ServiceLimits
from jackfield.voice.engines.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jackfield.voice.engines.connection import Route

BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
TOKEN = "token-of-a-test"
WAIT_S = 60


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a refusal."""
        code: str = self.json["error"]["code"]
        return code


class Client:
    """Asks a service, one connection for each request."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {self.token}", **(headers or {})})
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def say(self, text: object, **fields: object) -> Reply:
        return self.post_json(json.dumps({"input": text, "response_format": "wav", **fields}).encode())

    def post_json(self, body: bytes) -> Reply:
        return self.ask("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})

    def hear(self, file: bytes | None, **fields: str | bytes) -> Reply:
        body = form(fields, file)
        return self.ask("POST", "/v1/audio/transcriptions", body, {"Content-Type": FORM})

    def connected(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return everything that comes until the other side closes."""
        with self.connected() as connection:
            connection.sendall(data)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    got = bytearray()
    try:
        while data := connection.recv(65536):
            got += data
    except ConnectionResetError:
        pass
    return bytes(got)


def form(fields: Mapping[str, str | bytes], file: bytes | None) -> bytes:
    """Return a form's body; `file` comes as a file of that name."""
    parts = [(name, "", value.encode() if isinstance(value, str) else value) for name, value in fields.items()]
    if file is not None:
        parts.append(("file", '; filename="a.wav"', file))
    heads = [(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"{f}\r\n\r\n', v) for n, f, v in parts]
    return b"".join(head.encode() + value + b"\r\n" for head, value in heads) + f"--{BOUNDARY}--\r\n".encode()


@cache
def engine() -> Espeak:
    """Return the engine of this process: the library has one state, so there is one."""
    return Espeak()


@contextmanager
def serving(
    limits: ServiceLimits | None = None, token: str = TOKEN, routes: Mapping[str, Mapping[str, Route]] | None = None
) -> Iterator[Client]:
    """Serve in a thread for as long as the block takes; the real routes when none are given."""
    limits = limits or ServiceLimits()
    server = Server(0, token, routes or Routes(engine(), limits).table(), limits)
    thread = Thread(target=server.serve)
    thread.start()
    try:
        yield Client(server.port, token)
    finally:
        server.close()
        thread.join(WAIT_S)
