"""A web server on this machine that gives the answers a test wants: what a login can be tried against."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Received(NamedTuple):
    """A request that came in; `path` includes the query, header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class LocalServer:
    """Serves JSON on 127.0.0.1, on a port that the system picks. Use as a context manager.

    Args:
        routes: what is answered, by method and path without the query (`"POST /token"`): a JSON value, or a pair of
            status and JSON value. Everything else is 404.

    Attributes:
        received: every request, in order.
    """

    def __init__(self, routes: Mapping[str, object]) -> None:
        self._routes = routes
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        """Where it is, such as `http://127.0.0.1:49152`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> LocalServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Received) -> tuple[int, object]:
        """Remember a request and return the status and the value to answer."""
        self.received.append(request)
        found = self._routes.get(f"{request.method} {request.path.partition('?')[0]}", (404, {"error": "not found"}))
        return (found[0], found[1]) if isinstance(found, tuple) else (200, found)


def _handler(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, value = server.answer(Received(self.command, self.path, headers, body))
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the standard library's names

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler
