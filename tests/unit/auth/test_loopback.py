"""The listener that the browser is sent back to."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.auth import loopback
from jackfield.auth.loopback import Loopback, is_loopback
from jackfield.auth.redirect import Returned
from jackfield.credentials.secret import Secret
from jackfield.errors import RemoteError
from support.signin import fetch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STATE = "state-0123456789abcdefghijklmnopqrstuvwxyz_"
QUERY = f"code=code-canary-1&state={STATE}"


def listen(play: Callable[[Loopback], Awaitable[Any]], redirect_uri: str | None = None, *, label: str = "Acme") -> Any:
    async def main() -> Any:
        async with Loopback(label, STATE, redirect_uri) as listener:
            return await play(listener)

    return asyncio.run(main())


async def ask(url: str, **options: Any) -> tuple[int, str | None, str, dict[str, str]]:
    return await asyncio.to_thread(fetch, url, **options)


async def raw(port: int, data: bytes, host: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    with contextlib.closing(writer):
        writer.write(data)
        return await reader.read()


def port_of(listener: Loopback) -> int:
    return int(listener.redirect_uri.split(":")[2].partition("/")[0])


@contextlib.contextmanager
def free_port() -> Any:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield port


@pytest.mark.parametrize(
    ("redirect", "ours"),
    [
        ("http://127.0.0.1:1456/oauth-callback", True),
        ("http://localhost:1455/auth/callback", True),
        ("http://[::1]:8080/cb", True),
        ("http://localhost/cb", True),
        ("https://localhost:1455/cb", False),
        ("http://127.0.0.2:1455/cb", False),
        ("http://0.0.0.0:1455/cb", False),
        ("http://localhost.evil.example/cb", False),
        ("http://evil.example/cb", False),
        ("http://localhost:1455/cb?x=1", False),
        ("http://localhost:1455/cb#x", False),
        ("acme://callback", False),
        ("http://localhost:99999/cb", False),
        ("http://localhost:x/cb", False),
        ("http://localhost:0/cb", False),
        ("http://[::1/cb", False),
        ("http://me@localhost:1455/cb", False),
    ],
)
def test_only_a_plain_address_of_this_machine_is_listened_on(redirect: str, ours: bool) -> None:
    assert is_loopback(redirect) is ours


def test_the_port_is_the_systems_choice_where_the_vendor_fixed_none() -> None:
    async def play(listener: Loopback) -> str:
        return listener.redirect_uri

    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/callback", listen(play))
    assert found
    assert int(found[1]) > 1023


def test_the_answer_is_taken_and_the_page_tells_the_end_of_the_login() -> None:
    async def play(listener: Loopback) -> None:
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        assert await listener.answered() == Returned(Secret("code-canary-1"))
        assert not page.done()
        listener.finish(ok=True)
        status, _, body, headers = await page
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "You are logged in" in body
        assert "Acme is connected. You can close this page." in body
        assert "code-canary-1" not in body
        assert STATE not in body

    listen(play)


def test_the_page_says_that_the_login_failed_when_it_did() -> None:
    async def main() -> None:
        with contextlib.suppress(RuntimeError):
            async with Loopback("Acme", STATE) as listener:
                page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
                await listener.answered()
                raise RuntimeError
        assert "The login failed" in (await page)[2]

    asyncio.run(main())


def test_a_page_that_waits_too_long_points_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_PAGE_WAIT_S", 0.01)

    async def play(listener: Loopback) -> None:
        assert "Almost done" in (await ask(f"{listener.redirect_uri}?{QUERY}"))[2]

    listen(play)


def test_the_listening_ends_with_the_first_valid_answer() -> None:
    async def play(listener: Loopback) -> None:
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        await listener.answered()
        with pytest.raises(ConnectionRefusedError):
            await ask(f"{listener.redirect_uri}?{QUERY}")
        listener.finish(ok=True)
        await page

    listen(play)


def test_a_second_answer_on_a_connection_that_was_open_changes_nothing() -> None:
    async def play(listener: Loopback) -> None:
        port = port_of(listener)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        await listener.answered()
        writer.write(f"GET /callback?code=other&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 409 ")
        writer.close()
        assert await listener.answered() == Returned(Secret("code-canary-1"))
        listener.finish(ok=True)
        await page

    listen(play)


PASSED_OVER = {
    "the icon": ("GET", "/favicon.ico", {}, 404),
    "the root": ("GET", "/", {}, 404),
    "a path below": ("GET", f"/callback/?{QUERY}", {}, 404),
    "the path in capitals": ("GET", f"/CALLBACK?{QUERY}", {}, 404),
    "the path escaped": ("GET", f"/%63allback?{QUERY}", {}, 404),
    "a post": ("POST", f"/callback?{QUERY}", {}, 405),
    "a look at the head": ("HEAD", f"/callback?{QUERY}", {}, 405),
    "options": ("OPTIONS", f"/callback?{QUERY}", {}, 405),
    "no query": ("GET", "/callback", {}, 400),
    "no state": ("GET", "/callback?code=c", {}, 400),
    "another state": ("GET", "/callback?code=c&state=other", {}, 400),
    "an error of another sign-in": ("GET", "/callback?error=access_denied&state=other", {}, 400),
    "an error without a state": ("GET", "/callback?error=access_denied", {}, 400),
    "two codes": ("GET", f"/callback?code=a&{QUERY}", {}, 400),
    "no code": ("GET", f"/callback?state={STATE}", {}, 400),
    "a foreign name": ("GET", f"/callback?{QUERY}", {"Host": "evil.example"}, 421),
    "a foreign name with the port": ("GET", f"/callback?{QUERY}", {"Host": "evil.example:{port}"}, 421),
    "a name that looks like ours": ("GET", f"/callback?{QUERY}", {"Host": "localhost.evil.example:{port}"}, 421),
    "our name with another port": ("GET", f"/callback?{QUERY}", {"Host": "127.0.0.1:1"}, 421),
    "our name without a port": ("GET", f"/callback?{QUERY}", {"Host": "127.0.0.1"}, 421),
    "an empty name": ("GET", f"/callback?{QUERY}", {"Host": ""}, 421),
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_whatever_is_not_the_answer_is_answered_and_does_not_end_the_sign_in(name: str) -> None:
    method, target, headers, expected = PASSED_OVER[name]

    async def play(listener: Loopback) -> None:
        port = port_of(listener)
        given = {key: value.format(port=port) for key, value in headers.items()}
        status, _, body, _ = await ask(f"http://127.0.0.1:{port}{target}", method=method, headers=given)
        assert status == expected
        assert "code-canary-1" not in body
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        assert await listener.answered() == Returned(Secret("code-canary-1"))
        listener.finish(ok=True)
        assert (await page)[0] == 200

    listen(play)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /callback?%b HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /callback?%b HTTP/1.0\r\n\r\n", b"421"),
        (b"GET http://evil.example/callback?%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /callback?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    ],
    ids=["no-host", "old-http", "a-proxys-request", "no-http", "vast"],
)
def test_requests_that_no_browser_sends_are_turned_away_without_a_word_in_the_log(
    head: bytes, status: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def play(listener: Loopback) -> None:
        port = port_of(listener)
        data = head.replace(b"%b", QUERY.encode()).replace(b"%d", str(port).encode())
        assert (await raw(port, data)).split(b" ")[1] == status

    listen(play)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_an_error_with_the_right_state_ends_the_waiting() -> None:
    async def play(listener: Loopback) -> None:
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?error=access_denied&state={STATE}"))
        assert await listener.answered() == Returned(error="access_denied")
        listener.finish(ok=False)
        assert "The login failed" in (await page)[2]

    listen(play)


def test_the_page_is_closed_to_everything_else() -> None:
    async def play(listener: Loopback) -> dict[str, str]:
        return (await ask(f"http://127.0.0.1:{port_of(listener)}/"))[3]

    headers = listen(play)
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; frame-ancestors 'none'",
        headers["Content-Security-Policy"],
    )
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Connection"] == "close"


def test_the_page_escapes_what_it_shows() -> None:
    async def play(listener: Loopback) -> str:
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        await listener.answered()
        listener.finish(ok=True)
        return (await page)[2]

    body = listen(play, label='<script>alert("x")</script>{title}')
    assert "<script>" not in body
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;{title}" in body


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_vendors_own_port_and_path_are_listened_on(name: str) -> None:
    async def play(listener: Loopback) -> None:
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        assert await listener.answered() == Returned(Secret("code-canary-1"))
        listener.finish(ok=True)
        assert (await page)[0] == 200

    with free_port() as port:
        listen(play, f"http://{name}:{port}/auth/callback")


def test_localhost_is_listened_on_at_both_of_its_addresses() -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")

    async def play(listener: Loopback) -> None:
        port = port_of(listener)
        request = f"GET /cb?{QUERY} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
        page = asyncio.ensure_future(raw(port, request, "::1"))
        assert await listener.answered() == Returned(Secret("code-canary-1"))
        listener.finish(ok=True)
        assert (await page).startswith(b"HTTP/1.1 200 ")

    with free_port() as port:
        listen(play, f"http://localhost:{port}/cb")


def test_a_taken_port_is_said_with_who_wants_it() -> None:
    async def play(listener: Loopback) -> None:
        raise AssertionError

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RemoteError) as caught:
            listen(play, f"http://127.0.0.1:{port}/cb")

    assert caught.value.code == "remote.port"
    assert caught.value.message == (
        f"Jackfield cannot listen for the browser: port {port} of this machine is in use by another program."
    )


def test_the_port_is_free_again_at_once() -> None:
    async def play(listener: Loopback) -> int:
        page = asyncio.ensure_future(ask(f"{listener.redirect_uri}?{QUERY}"))
        await listener.answered()
        listener.finish(ok=True)
        await page
        return port_of(listener)

    with free_port() as port:
        for _ in range(3):
            assert listen(play, f"http://127.0.0.1:{port}/cb") == port
