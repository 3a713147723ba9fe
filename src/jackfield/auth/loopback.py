"""The listener on this machine that the browser is sent back to (RFC 8252, section 7.3).

It answers on a loopback address only, to the exact path, to GET, and to requests that were addressed to a loopback
name: a page elsewhere that makes its own name point here is turned away (DNS rebinding). Whatever else comes in is
answered politely and changes nothing; the first answer to the sign-in that was begun ends the listening.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import html
import logging
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jackfield.auth.redirect import Returned, read_query
from jackfield.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from aiohttp import web

_LOOPBACK = {"localhost": ("127.0.0.1", "::1"), "127.0.0.1": ("127.0.0.1",), "::1": ("::1",)}
_PATH = "/callback"
# How long the browser waits for the end of the login before it is told to look at the terminal.
_PAGE_WAIT_S = 45.0
_CLOSE_WAIT_S = 2.0
_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;text-align:center;"
    "color-scheme:light dark}"
)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1><p>{text}</p></body></html>"
)


def is_loopback(redirect_uri: str) -> bool:
    """Tell whether a redirect address is one of this machine that can be listened on: plain http, a loopback host."""
    try:
        parts = urlsplit(redirect_uri)
        known = parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.port != 0
    except ValueError:  # a port or an address that cannot be
        return False
    return known and parts.username is None and not parts.query and not parts.fragment


def _silent_logger() -> logging.Logger:
    """Return a logger for aiohttp that tells nobody: a request that cannot be read is printed whole, with its code."""
    logger = logging.Logger("jackfield.loopback")
    logger.addHandler(logging.NullHandler())
    return logger


class Loopback:
    """Waits for the browser to come back; listens within `async with`.

    Args:
        label: who the user signs in with, for the page at the end.
        state: what must come back.
        redirect_uri: the vendor's address, with its port; None takes a port that the system chooses.

    Raises:
        RemoteError: on entry, `remote.port` when this machine does not let that port be listened on.
    """

    def __init__(self, label: str, state: str, redirect_uri: str | None = None) -> None:
        self._label = label
        self._state = state
        parts = urlsplit(redirect_uri or f"http://127.0.0.1:0{_PATH}")
        self._addresses = _LOOPBACK[parts.hostname or ""]
        self._port = 80 if parts.port is None else parts.port
        self._path = parts.path or "/"
        self._given = redirect_uri
        self._listening: list[asyncio.Server] = []
        self._web: web.Server | None = None
        self._answer: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent."""
        return self._given or f"http://127.0.0.1:{self._port}{_PATH}"

    async def __aenter__(self) -> Self:
        from aiohttp import web

        sockets = self._bind()
        self._web = web.Server(self._handle, access_log=None, logger=_silent_logger())
        loop = asyncio.get_running_loop()
        for each in sockets:
            self._listening.append(await loop.create_server(self._web, sock=each))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(ok=False)
        self._close()
        if self._web is not None:
            # Lets the page at the end be sent, if one is due.
            await self._web.shutdown(_CLOSE_WAIT_S)
        self._answer.cancel()

    async def answered(self) -> Returned:
        """Wait for the browser to bring the answer."""
        return await asyncio.shield(self._answer)

    def finish(self, *, ok: bool) -> None:
        """Say how the login ended: the browser is waiting for that. Only the first word counts."""
        if not self._ended.done():
            self._ended.set_result(ok)

    def _bind(self) -> list[socket.socket]:
        """Return a socket for each loopback address that the redirect's host may stand for.

        Somebody else on one of them would be sent the codes of some browsers, so that counts as taken.
        """
        bound: list[socket.socket] = []
        with contextlib.ExitStack() as opened:
            for address in self._addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                try:
                    each = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    each.bind((address, self._port))
                    each.listen()
                except OSError as error:
                    if bound and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                        continue  # a machine without IPv6
                    raise self._taken(error) from None
                each.setblocking(False)
                self._port = each.getsockname()[1]
                bound.append(each)
            opened.pop_all()
        return bound

    def _taken(self, error: OSError) -> RemoteError:
        taken = error.errno == errno.EADDRINUSE
        why = "is in use by another program" if taken else f"cannot be used ({error.strerror})"
        return RemoteError(
            f"Jackfield cannot listen for the browser: port {self._port} of this machine {why}.",
            code="remote.port",
            fix="End the program that uses it, or paste the address that you are sent to.",
        )

    def _close(self) -> None:
        for each in self._listening:
            each.close()
        self._listening.clear()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        if not self._is_addressed(request.headers.getall("Host", [])):
            return self._page(421, "Not here", "This address is for programs on this machine.")
        if path != self._path:
            return self._page(404, "Nothing here", "Go back to the sign-in page.")
        if request.method != "GET":
            return self._page(405, "Not like that", "Open this page in a browser.", {"Allow": "GET"})
        try:
            returned = read_query(query, self._state)
        except ValueError:
            text = "This is not the answer to the sign-in that is waited for. Go back to its page and try again."
            return self._page(400, "That was not it", text)
        if self._answer.done():
            return self._page(409, "Already done", "This sign-in has been answered before. Look at the terminal.")
        self._answer.set_result(returned)
        self._close()
        return await self._last_page()

    async def _last_page(self) -> web.StreamResponse:
        try:
            async with asyncio.timeout(_PAGE_WAIT_S):
                ok = await asyncio.shield(self._ended)
        except TimeoutError:
            return self._page(200, "Almost done", "Look at the terminal: the login is not finished there yet.")
        if ok:
            return self._page(200, "You are logged in", f"{self._label} is connected. You can close this page.")
        return self._page(200, "The login failed", "Look at the terminal: it says why. You can close this page.")

    def _is_addressed(self, hosts: Sequence[str]) -> bool:
        names = {f"[{each}]" if ":" in each else each for each in (*_LOOPBACK, *self._addresses)}
        known = {f"{each}:{self._port}" for each in names} | (names if self._port == 80 else set())
        return len(hosts) == 1 and hosts[0].lower() in known

    def _page(self, status: int, title: str, text: str, more: dict[str, str] | None = None) -> web.Response:
        from aiohttp import web

        digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
        headers = {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        body = _PAGE.format(title=html.escape(title), style=_STYLE, text=html.escape(text))
        response = web.Response(
            status=status, text=body, content_type="text/html", charset="utf-8", headers={**headers, **(more or {})}
        )
        response.force_close()
        return response
