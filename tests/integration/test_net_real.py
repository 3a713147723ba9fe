"""The HTTP client against real servers on 127.0.0.1: what goes over the wire, and what a bad server brings about."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.errors import JackfieldError, RemoteError, RequestError
from jackfield.net import BoundAuth, HttpClient, Response, run_sync
from support.servers import (
    Authority,
    Connection,
    HttpServer,
    ProxyServer,
    Request,
    TcpServer,
    answering,
    dripping,
    echoing,
    holding,
    refusing_port,
    sending,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from support.servers import Handler

AGENT = "jackfield-test/1"
NAME = "api.acme.test"


def client(env: Mapping[str, str] | None = None, **options: Any) -> HttpClient:
    return HttpClient(env=env or {}, user_agent=AGENT, **options)


def fetch(url: str, method: str = "GET", *, of: HttpClient | None = None, **options: Any) -> Response:
    """Ask once, with a client of its own."""

    async def main() -> Response:
        async with of or client() as opened:
            return await opened.request(method, url, **{"deadline_s": 10, **options})

    return run_sync(main())


def failure(url: str, method: str = "GET", **options: Any) -> JackfieldError:
    """Return the error that asking brings."""
    with pytest.raises(JackfieldError) as caught:
        fetch(url, method, **options)
    return caught.value


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Return a resolver that gives the same addresses for every name."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def ca_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    return authority.pem_file(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("127.0.0.1", "localhost", NAME)


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_a_get_sends_its_target_its_headers_and_nothing_unasked() -> None:
    with HttpServer(echoing()) as server:
        response = fetch(f"{server.url}/v1/a%2Fb?q=%41&r=#frag", headers={"X-One": "1"})
    seen = response.json()
    assert seen["target"] == "/v1/a%2Fb?q=%41&r="
    assert seen["headers"] == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": AGENT,
        "accept": "*/*",
        "accept-encoding": "gzip",
        "x-one": "1",
    }
    assert response.status == 200
    assert response.url == f"{server.url}/v1/a%2Fb?q=%41&r="
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("options", "body", "content_type"),
    [
        ({"json": {"a": [1, None]}}, '{"a":[1,null]}', "application/json"),
        (
            {"form": {"grant_type": "a b", "code": "&="}},
            "grant_type=a+b&code=%26%3D",
            "application/x-www-form-urlencoded",
        ),
        ({"content": b"\x00\xff"}, "\x00\xff", "application/octet-stream"),
        ({"content": b"x", "headers": {"Content-Type": "audio/wav"}}, "x", "audio/wav"),
        (
            {"json": {}, "headers": {"content-type": "application/merge-patch+json"}},
            "{}",
            "application/merge-patch+json",
        ),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_is_sent_whole_with_its_type(method: str, options: dict[str, Any], body: str, content_type: str) -> None:
    with HttpServer(echoing()) as server:
        seen = fetch(server.url, method, **options).json()
    assert (seen["method"], seen["body"], seen["headers"]["content-type"]) == (method, body, content_type)
    assert seen["headers"]["content-length"] == str(len(body))


def test_the_secret_goes_to_its_origin() -> None:
    with HttpServer(echoing()) as server:
        auth = BoundAuth(server.url, {"Authorization": "Bearer s3cret"})
        assert fetch(server.url, auth=auth).json()["headers"]["authorization"] == "Bearer s3cret"


def test_for_another_origin_nothing_is_sent_not_even_a_connection() -> None:
    with HttpServer(echoing()) as server:
        auth = BoundAuth("https://api.acme.test", {"Authorization": "Bearer s3cret"})
        error = failure(server.url, auth=auth)
    assert error.code == "net.foreign-origin"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("method", "options", "code"),
    [
        ("get", {}, "net.method"),
        ("CONNECT", {}, "net.method"),
        ("TRACE", {}, "net.method"),
        ("GET / HTTP/1.1\r\nX:", {}, "net.method"),
        ("GET", {"headers": {"X-A": "a\r\nX-B: b"}}, "net.header"),
        ("GET", {"headers": {"Authorization": "Bearer x"}}, "net.header"),
        ("POST", {"json": {}, "form": {}}, "net.body"),
        ("POST", {"json": float("nan")}, "net.body"),
        ("GET", {"deadline_s": 0}, "net.deadline"),
    ],
)
def test_a_request_that_is_wrong_in_itself_is_not_sent(method: str, options: dict[str, Any], code: str) -> None:
    with HttpServer(echoing()) as server:
        assert failure(server.url, method, **options).code == code
    assert server.connections == 0


def test_a_header_given_openly_and_as_a_secret_is_refused() -> None:
    with HttpServer(echoing()) as server:
        auth = BoundAuth(server.url, {"X-Org": "s3cret"})
        assert failure(server.url, headers={"x-org": "1"}, auth=auth).code == "net.header"
    assert server.connections == 0


@pytest.mark.parametrize("url", ["http://api.acme.test/", "http://8.8.8.8/", "http://10.255.255.1/"])
def test_plain_http_to_elsewhere_is_refused_before_anything_is_looked_up(url: str) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    assert failure(url, of=client(resolve=resolve)).code in {"url.insecure", "url.private-http"}
    assert asked == []


# --- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 401, 404, 429, 500, 503])
def test_any_final_status_is_an_answer(status: int) -> None:
    with HttpServer(answering(status, b"" if status in {204, 304} else b"body")) as server:
        response = fetch(server.url)
    assert response.status == status
    assert response.body == (b"" if status in {204, 304} else b"body")


def test_a_head_answer_has_no_body_whatever_its_length_says() -> None:
    with HttpServer(sending(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")) as server:
        response = fetch(server.url, "HEAD")
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "99999999")


def test_the_elapsed_time_is_the_injected_clocks() -> None:
    ticks = itertools.count(100.0, 0.25)
    with HttpServer(answering(200)) as server:
        assert fetch(server.url, of=client(clock=lambda: next(ticks))).elapsed_s == 0.25


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\nConnection: close\r\n\r\n",
    ],
)
def test_a_compressed_answer_is_unpacked(head: str) -> None:
    packed = gzip.compress(b"hello " * 50_000)
    with HttpServer(sending(head.format(length=len(packed)).encode() + packed)) as server:
        assert fetch(server.url).body == b"hello " * 50_000


def test_a_chunked_answer_is_put_together() -> None:
    with HttpServer(
        sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    ) as server:
        assert fetch(server.url).body == b"abcde"


def test_cookies_are_not_kept() -> None:
    with HttpServer(answering(200, b"", {"Set-Cookie": "session=s3cret; Path=/"})) as server:

        async def main() -> None:
            async with client() as opened:
                for _ in range(2):
                    await opened.request("GET", server.url, deadline_s=10)

        run_sync(main())
    assert ["cookie" in request.headers for request in server.requests] == [False, False]


def test_requests_in_a_row_share_a_connection_and_requests_at_once_do_not() -> None:
    with HttpServer(echoing()) as server:

        async def main() -> None:
            async with client() as opened:
                for _ in range(3):
                    await opened.request("GET", server.url, deadline_s=10)
                assert server.connections == 1
                await asyncio.gather(*(opened.request("GET", server.url, deadline_s=10) for _ in range(4)))

        run_sync(main())
    assert len(server.requests) == 7
    assert 2 <= server.connections <= 4


# --- failures --------------------------------------------------------------------------------------------------------

CASES: list[tuple[str, Handler, str]] = [
    ("resets before answering", sending(b"", reset=True), "net.reset"),
    ("closes before answering", sending(b""), "net.reset"),
    ("closes in the middle of the headers", sending(b"HTTP/1.1 200 OK\r\nContent-"), "net.reset"),
    ("sends half a body", sending(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"), "net.reset"),
    (
        "sends half a body and resets",
        sending(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", reset=True),
        "net.reset",
    ),
    (
        "breaks off between chunks",
        sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        "net.reset",
    ),
    ("speaks another protocol", sending(b"SSH-2.0-OpenSSH_9.6\r\n"), "net.protocol"),
    ("sends a status that is no number", sending(b"HTTP/1.1 abc OK\r\n\r\n"), "net.protocol"),
    ("sends a header without a name", sending(b"HTTP/1.1 200 OK\r\n: x\r\n\r\n"), "net.protocol"),
    ("sends an endless header", sending(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"), "net.protocol"),
    (
        "sends two lengths",
        sending(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        "net.protocol",
    ),
    (
        "sends a chunk length that is no number",
        sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"),
        "net.protocol",
    ),
    (
        "compresses in an unknown way",
        sending(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"),
        "net.protocol",
    ),
    (
        "says gzip and sends none",
        sending(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        "net.protocol",
    ),
    (
        "breaks off inside gzip",
        sending(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + gzip.compress(b"abc")[:12]
        ),
        "net.protocol",
    ),
]


@pytest.mark.parametrize(("handler", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_server_that_fails_brings_a_remote_error(handler: Handler, code: str) -> None:
    with HttpServer(handler) as server:
        error = failure(f"{server.url}/v1?key=s3cret", "POST", json={})
    assert isinstance(error, RemoteError)
    assert error.code == code
    assert server.url in error.message
    assert "s3cret" not in "".join(traceback.format_exception(error))


def test_a_post_is_never_sent_twice_and_a_get_at_most_twice() -> None:
    with HttpServer(sending(b"", reset=True)) as server:
        assert failure(server.url, "POST", json={}).code == "net.reset"
        assert len(server.requests) == 1
        assert failure(server.url).code == "net.reset"
        assert 2 <= len(server.requests) <= 3


def test_a_kept_connection_that_the_server_gave_up_is_replaced_for_a_get() -> None:
    async def once(request: Request, connection: Connection) -> None:
        await connection.reply(200, b"ok")
        connection.close()

    with HttpServer(once) as server:

        async def main() -> list[bytes]:
            async with client() as opened:
                return [(await opened.request("GET", server.url, deadline_s=10)).body for _ in range(3)]

        assert run_sync(main()) == [b"ok"] * 3


def test_a_refused_connection_is_told() -> None:
    with refusing_port() as port:
        error = failure(f"http://127.0.0.1:{port}/v1?key=s3cret")
    assert (error.code, error.message) == ("net.refused", f"http://127.0.0.1:{port} refuses connections.")


def test_a_refusal_by_localhost_is_told_whatever_ipv6_does() -> None:
    with refusing_port() as port:
        assert failure(f"http://localhost:{port}").code == "net.refused"


def test_localhost_reaches_this_machine() -> None:
    with HttpServer(answering(200, b"here")) as server:
        assert fetch(f"http://localhost:{server.port}").body == b"here"


def test_a_name_that_does_not_resolve_is_told() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = failure("https://api.acme.test/v1", of=client(resolve=resolve))
    assert (error.code, error.message) == ("net.dns", "The name api.acme.test cannot be resolved.")


# --- deadlines -------------------------------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(
    "handler",
    [holding(), holding(b"HTTP/1.1 200"), holding(OK), holding(OK + b"x"), dripping(OK, b"x", 0.01)],
    ids=["silent", "half a status line", "headers only", "one byte", "a drip"],
)
def test_the_deadline_ends_a_slow_answer(handler: Handler) -> None:
    with HttpServer(handler) as server:
        started = time.monotonic()
        error = failure(f"{server.url}/?key=s3cret", deadline_s=0.15)
    assert error.code == "net.timeout"
    assert error.message == f"{server.url} did not answer in time."
    assert time.monotonic() - started < 5


def test_the_deadline_counts_all_redirects_together() -> None:
    async def slowly_round(request: Request, connection: Connection) -> None:
        await asyncio.sleep(0.1)
        await connection.reply(302, b"", {"Location": "/again"})

    with HttpServer(slowly_round) as server:
        assert failure(server.url, deadline_s=0.25).code == "net.timeout"
        assert 2 <= len(server.requests) <= 3


def test_the_limit_for_connecting_is_inside_the_deadline(ca_file: str) -> None:
    class Silent(TcpServer):
        async def connected(self, connection: Connection) -> None:
            await connection.closed_by_peer()

    with Silent() as server:
        url = f"https://127.0.0.1:{server.port}"
        started = time.monotonic()
        error = failure(url, of=client({"SSL_CERT_FILE": ca_file}, connect_timeout_s=0.1), deadline_s=60)
    assert error.code == "net.timeout"
    assert time.monotonic() - started < 5


def test_a_resolver_that_never_answers_counts_as_connecting() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    error = failure("https://api.acme.test", of=client(resolve=resolve, connect_timeout_s=0.1), deadline_s=60)
    assert error.code == "net.timeout"


# --- limits ----------------------------------------------------------------------------------------------------------


def _plain(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


def _unmeasured(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * size


def _packed(size: int) -> bytes:
    body = gzip.compress(b"x" * size)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("make", [_plain, _unmeasured, _packed])
def test_the_size_limit_is_exact(make: Callable[[int], bytes]) -> None:
    with HttpServer(sending(make(5_000))) as server:
        assert len(fetch(server.url, max_bytes=5_000).body) == 5_000
        error = failure(server.url, max_bytes=4_999)
    assert (error.code, error.message) == ("net.too-large", f"The answer of {server.url} is larger than 4999 bytes.")


def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes() -> None:
    with HttpServer(holding(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n")) as server:
        assert failure(server.url).code == "net.too-large"


def test_an_endless_answer_is_cut_at_the_default_of_8_mib() -> None:
    async def endless(request: Request, connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            await connection.send(b"x" * 262_144)

    with HttpServer(endless) as server:
        error = failure(server.url)
    assert error.message == f"The answer of {server.url} is larger than {8 * 1024 * 1024} bytes."


def test_a_gzip_bomb_is_stopped() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(48)) + packer.flush()
    with HttpServer(answering(200, bomb, {"Content-Encoding": "gzip"})) as server:
        assert failure(server.url).code == "net.too-large"


# --- redirects -------------------------------------------------------------------------------------------------------


def redirecting(places: Mapping[str, tuple[int, str]]) -> Handler:
    """Return a handler that redirects these paths and echoes the others."""

    async def handle(request: Request, connection: Connection) -> None:
        if request.path in places:
            status, location = places[request.path]
            body = b"" if request.method == "HEAD" else b"gone"
            await connection.reply(status, body, {"Location": location} if location else {})
        else:
            await echoing()(request, connection)

    return handle


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/end?x=1#frag", "end?x=1", "./end?x=1", "http://127.0.0.1:{port}/end?x=1"])
def test_a_get_follows_a_redirect_and_keeps_its_secret_at_its_origin(status: int, location: str) -> None:
    places: dict[str, tuple[int, str]] = {}
    with HttpServer(redirecting(places)) as server:
        places["/start"] = (status, location.format(port=server.port))
        auth = BoundAuth(server.url, {"Authorization": "Bearer s3cret"})
        response = fetch(f"{server.url}/start", auth=auth, headers={"X-One": "1"})
    seen = response.json()
    assert response.url == f"{server.url}/end?x=1"
    assert seen["target"] == "/end?x=1"
    assert seen["headers"]["authorization"] == "Bearer s3cret"
    assert seen["headers"]["x-one"] == "1"


def test_an_address_that_nobody_typed_is_told_as_the_aim_of_a_redirect() -> None:
    with refusing_port() as port, HttpServer(redirecting({"/start": (302, f"http://127.0.0.1:{port}/x")})) as server:
        error = failure(f"{server.url}/start")

    away = f"http://127.0.0.1:{port}"
    assert error.code == "net.refused"
    assert error.message == f"{server.url} redirects to {away}. {away} refuses connections."
    assert error.fix == f"Check the base URL: {server.url} sends elsewhere."


def test_a_head_follows_a_redirect_as_head() -> None:
    with HttpServer(redirecting({"/start": (302, "/end")})) as server:
        assert fetch(f"{server.url}/start", "HEAD").status == 200
    assert [(request.method, request.path) for request in server.requests] == [("HEAD", "/start"), ("HEAD", "/end")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("status", [301, 303, 307])
def test_other_methods_do_not_follow(method: str, status: int) -> None:
    with HttpServer(redirecting({"/start": (status, "/end")})) as server:
        error = failure(f"{server.url}/start", method, json={})
    assert error.code == "net.redirect"
    assert method in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [300, 304, 305, 306])
def test_other_3xx_statuses_are_answers(status: int) -> None:
    with HttpServer(answering(status, b"", {"Location": "/end"})) as server:
        assert fetch(server.url).status == status
    assert len(server.requests) == 1


def test_five_redirects_are_followed_and_a_sixth_is_not() -> None:
    places = {f"/{n}": (302, f"/{n - 1}") for n in range(1, 7)}
    with HttpServer(redirecting(places)) as server:
        assert fetch(f"{server.url}/5").json()["target"] == "/0"
        error = failure(f"{server.url}/6")
    assert error.code == "net.redirect"
    assert len(server.requests) == 12


def test_another_origin_gets_no_secret_no_header_of_the_callers_and_neither_does_the_way_back() -> None:
    first: dict[str, tuple[int, str]] = {}
    second: dict[str, tuple[int, str]] = {}
    with HttpServer(redirecting(first)) as home, HttpServer(redirecting(second)) as away:
        first["/start"] = (307, f"{away.url}/over")
        second["/over"] = (307, f"{home.url}/back")
        auth = BoundAuth(home.url, {"Authorization": "Bearer s3cret", "X-Org": "s3cret"})
        headers = {"Accept": "application/json", "X-Custom": "s3cret"}
        response = fetch(f"{home.url}/start", auth=auth, headers=headers)
    assert response.url == f"{home.url}/back"
    assert [sorted(request.headers) for request in (*away.requests, home.requests[1])] == [
        ["accept", "accept-encoding", "host", "user-agent"]
    ] * 2
    assert home.requests[0].headers["authorization"] == "Bearer s3cret"
    assert not any(b"s3cret" in request.raw_head for request in away.requests)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://",
        "http:",
        "http:end",
        "http:/end",
        "http:///end",
        "///end",
        "////end",
        "//",
        "https://user:pass@127.0.0.1/",
        "//evil.test\\@127.0.0.1/",
        "/\\evil.test",
        "http://127.1/",
        "http://0x7f000001/",
        "http://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://127.0.0.1/",
        "/a b",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0x50/",
        "http://[::1/",
        "/%",
        "/" + "a" * 3_000,
    ],
)
def test_a_redirect_to_a_doubtful_place_is_refused(location: str) -> None:
    with HttpServer(redirecting({"/start": (302, location)})) as server:
        error = failure(f"{server.url}/start")
    assert error.code == "net.redirect"
    assert server.url in error.message
    assert len(server.requests) == 1


def test_two_locations_are_refused() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    with HttpServer(sending(head)) as server:
        assert failure(server.url).code == "net.redirect"


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "net.forbidden-address"),
        ("https://169.254.169.254/", "net.forbidden-address"),
        ("http://api.acme.test/", "url.insecure"),
        ("http://10.0.0.5/", "url.private-http"),
    ],
)
def test_a_redirect_obeys_the_rules_of_a_first_request(location: str, code: str) -> None:
    with HttpServer(redirecting({"/start": (302, location)})) as server:
        assert failure(f"{server.url}/start").code == code


def test_a_redirect_from_https_to_http_is_refused(tls: ssl.SSLContext, ca_file: str) -> None:
    places: dict[str, tuple[int, str]] = {}
    with HttpServer(redirecting(places), tls=tls) as safe, HttpServer(echoing()) as plain:
        places["/start"] = (301, f"{plain.url}/end")
        error = failure(f"{safe.url}/start", of=client({"SSL_CERT_FILE": ca_file}))
    assert error.code == "net.redirect"
    assert "plain http" in error.message
    assert plain.connections == 0


def test_a_foreign_server_cannot_send_a_request_to_this_machine(tls: ssl.SSLContext, ca_file: str) -> None:
    places: dict[str, tuple[int, str]] = {}
    with HttpServer(redirecting(places), tls=tls) as away, HttpServer(echoing(), tls=tls) as home:
        places["/start"] = (302, f"{home.url}/admin")
        origin = f"https://{NAME}:{away.port}"
        consented = {"private_origins": [origin], "resolve": resolving("127.0.0.1")}
        error = failure(f"{origin}/start", of=client({"SSL_CERT_FILE": ca_file}, **consented))
        assert (error.code, error.message) == ("net.redirect", f"{origin} redirects into a private network.")
        assert home.connections == 0
        consented["private_origins"] = [origin, home.url]
        response = fetch(f"{origin}/start", of=client({"SSL_CERT_FILE": ca_file}, **consented))
    assert response.url == f"{home.url}/admin"


# --- where a name may lead -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "code"),
    [
        (["127.0.0.1"], "net.private-address"),
        (["8.8.8.8", "127.0.0.1"], "net.private-address"),
        (["169.254.169.254"], "net.forbidden-address"),
        (["127.0.0.1", "::ffff:169.254.169.254"], "net.forbidden-address"),
        (["0.0.0.0"], "net.forbidden-address"),
        (["fe80::1%1"], "net.forbidden-address"),
    ],
)
def test_a_name_that_leads_inside_is_not_dialled(
    tls: ssl.SSLContext, ca_file: str, addresses: list[str], code: str
) -> None:
    with HttpServer(echoing(), tls=tls) as server:
        asked = client({"SSL_CERT_FILE": ca_file}, resolve=resolving(*addresses))
        error = failure(f"https://{NAME}:{server.port}", of=asked)
    assert isinstance(error, RemoteError)
    assert error.code == code
    assert server.connections == 0


def test_consent_lets_a_name_lead_into_the_own_network_but_not_another_port(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(echoing(), tls=tls) as one, HttpServer(echoing(), tls=tls) as other:

        async def main() -> None:
            async with client({"SSL_CERT_FILE": ca_file}, resolve=resolving("127.0.0.1")) as opened:
                opened.allow_private(f"https://{NAME}:{one.port}/v1")
                assert (await opened.request("GET", f"https://{NAME}:{one.port}", deadline_s=10)).status == 200
                with pytest.raises(RemoteError) as caught:
                    await opened.request("GET", f"https://{NAME}:{other.port}", deadline_s=10)
                assert caught.value.code == "net.private-address"

        run_sync(main())
    assert other.connections == 0


def test_consent_does_not_open_the_metadata_address() -> None:
    asked = client(private_origins=["http://169.254.169.254"])
    assert failure("http://169.254.169.254/", of=asked).code == "net.forbidden-address"


def test_the_checked_address_is_the_one_that_is_dialled(tls: ssl.SSLContext, ca_file: str) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    with HttpServer(echoing(), tls=tls) as server:
        origin = f"https://{NAME}:{server.port}"
        asked = client({"SSL_CERT_FILE": ca_file}, resolve=rebinding, private_origins=[origin])
        assert fetch(origin, of=asked).status == 200
    assert next(answers) == ["169.254.169.254"]


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_https_works_with_a_trusted_authority_and_not_without(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(answering(200, b"safe"), tls=tls) as server:
        assert fetch(server.url, of=client({"SSL_CERT_FILE": ca_file})).body == b"safe"
        error = failure(f"{server.url}/?key=s3cret")
    assert error.code == "net.tls"
    assert server.url in error.message
    assert "certificate" in error.message
    assert "SSL_CERT_FILE" in (error.fix or "")
    assert server.requests[0].target == "/"
    assert len(server.requests) == 1


def test_a_server_that_hangs_up_during_the_handshake_is_told(ca_file: str) -> None:
    class HangingUp(TcpServer):
        async def connected(self, connection: Connection) -> None:
            await connection.reader.read(1)

    class Resetting(TcpServer):
        async def connected(self, connection: Connection) -> None:
            await connection.reader.read(1)
            connection.reset()

    for kind in (HangingUp, Resetting):
        with kind() as server:
            url = f"https://127.0.0.1:{server.port}"
            assert failure(url, of=client({"SSL_CERT_FILE": ca_file})).code == "net.reset"


def test_a_certificate_for_another_name_is_refused(authority: Authority, ca_file: str) -> None:
    with HttpServer(echoing(), tls=authority.server_context("other.acme.test")) as server:
        error = failure(server.url, of=client({"SSL_CERT_FILE": ca_file}))
    assert error.code == "net.tls"
    assert "127.0.0.1" in error.message
    assert server.requests == []


def test_an_expired_certificate_is_refused(authority: Authority, ca_file: str) -> None:
    with HttpServer(echoing(), tls=authority.server_context("127.0.0.1", expired=True)) as server:
        error = failure(server.url, of=client({"SSL_CERT_FILE": ca_file}))
    assert error.code == "net.tls"
    assert "expired" in error.message


def test_an_old_version_of_tls_is_refused(authority: Authority, ca_file: str) -> None:
    context = authority.server_context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with HttpServer(echoing(), tls=context) as server:
        error = failure(server.url, of=client({"SSL_CERT_FILE": ca_file}))
    # Some builds of OpenSSL send an alert, some hang up.
    assert error.code in {"net.tls", "net.reset"}
    assert server.requests == []


def test_a_plain_server_behind_an_https_address_is_told(ca_file: str) -> None:
    class Plain(TcpServer):
        async def connected(self, connection: Connection) -> None:
            await connection.reader.read(1)
            await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Plain() as server:
        error = failure(f"https://127.0.0.1:{server.port}", of=client({"SSL_CERT_FILE": ca_file}))
    assert error.code == "net.tls"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"])
def test_each_variable_names_the_authorities(variable: str, tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(answering(200), tls=tls) as server:
        assert fetch(server.url, of=client({variable: ca_file})).status == 200


@pytest.mark.parametrize(
    ("own", "foreign", "trusted"),
    [
        ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", True),
        ("SSL_CERT_FILE", "CURL_CA_BUNDLE", True),
        ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", True),
        ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", False),
        ("CURL_CA_BUNDLE", "SSL_CERT_FILE", False),
        ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", False),
        ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", True),
        ("NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", True),
        ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", True),
    ],
)
def test_the_first_variable_replaces_and_the_extra_one_adds(
    own: str, foreign: str, trusted: bool, tls: ssl.SSLContext, ca_file: str, tmp_path: Path
) -> None:
    env = {own: ca_file, foreign: Authority().pem_file(tmp_path)}
    with HttpServer(answering(200), tls=tls) as server:
        if trusted:
            assert fetch(server.url, of=client(env)).status == 200
        else:
            assert failure(server.url, of=client(env)).code == "net.tls"


def test_an_empty_variable_is_as_good_as_none(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(answering(200), tls=tls) as server:
        assert fetch(server.url, of=client({"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": ca_file})).status == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the hash in the file's name comes from the openssl tool")
@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_folder_of_hashed_names_is_searched(variable: str, tls: ssl.SSLContext, ca_file: str, tmp_path: Path) -> None:
    command = ["openssl", "x509", "-hash", "-noout", "-in", ca_file]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    shutil.copy(ca_file, full / f"{name}.0")
    value = f"{empty}{os.pathsep}{full}" if variable == "SSL_CERT_DIR" else str(full)
    with HttpServer(answering(200), tls=tls) as server:
        assert fetch(server.url, of=client({variable: value})).status == 200
        assert failure(server.url, of=client({variable: str(empty)})).code == "net.tls"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"])
@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), ("no certificate here\n", "PEM"), ("", "PEM")]
)
def test_a_ca_file_that_is_none_is_an_error_that_names_its_variable(
    variable: str, content: str | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    error = failure("https://127.0.0.1:9", of=client({variable: str(path)}))
    assert isinstance(error, RequestError)
    assert error.code == "net.ca-file"
    assert variable in error.message
    assert reason in error.message


def test_a_ca_folder_that_is_missing_is_an_error_that_names_its_variable(tmp_path: Path) -> None:
    error = failure("https://127.0.0.1:9", of=client({"SSL_CERT_DIR": str(tmp_path / "none")}))
    assert error.code == "net.ca-file"
    assert "SSL_CERT_DIR" in error.message


def test_a_wrong_ca_file_does_not_matter_for_plain_http() -> None:
    with HttpServer(answering(200)) as server:
        assert fetch(server.url, of=client({"SSL_CERT_FILE": "/nowhere/ca.pem"})).status == 200


# --- proxies ---------------------------------------------------------------------------------------------------------

SECRET = {"Authorization": "Bearer s3cret"}


def test_https_goes_through_a_tunnel_and_the_proxy_sees_no_secret(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(echoing(), tls=tls) as server, ProxyServer({f"{NAME}:443": server.port}) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": ca_file}
        seen = fetch(f"https://{NAME}/v1", of=client(env), auth=BoundAuth(f"https://{NAME}", SECRET)).json()
    assert seen["target"] == "/v1"
    assert seen["headers"]["authorization"] == "Bearer s3cret"
    assert [(request.method, request.target) for request in proxy.log.requests] == [("CONNECT", f"{NAME}:443")]
    assert "authorization" not in proxy.log.requests[0].headers
    assert b"s3cret" not in proxy.log.relayed
    assert len(proxy.log.relayed) > 1_000


def test_http_goes_through_a_proxy_in_absolute_form() -> None:
    with HttpServer(echoing()) as server, ProxyServer({f"10.0.0.5:{80}": server.port}) as proxy:
        asked = client({"http_proxy": proxy.url}, private_origins=["http://10.0.0.5"])
        seen = fetch("http://10.0.0.5/v1?x=1", of=asked).json()
    assert proxy.log.requests[0].target == "http://10.0.0.5/v1?x=1"
    assert (seen["target"], seen["headers"]["host"]) == ("/v1?x=1", "10.0.0.5")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxys_credential_goes_to_the_proxy_and_not_beyond(scheme: str, tls: ssl.SSLContext, ca_file: str) -> None:
    routes: dict[str, int] = {}
    with (
        HttpServer(echoing(), tls=tls if scheme == "https" else None) as server,
        ProxyServer(routes, credentials=("us er", "p@ss")) as proxy,
    ):
        host = NAME if scheme == "https" else "10.0.0.5"
        routes[f"{host}:{8443}"] = server.port
        address = f"http://us%20er:p%40ss@127.0.0.1:{proxy.port}"
        asked = client({"ALL_PROXY": address, "SSL_CERT_FILE": ca_file}, private_origins=["http://10.0.0.5:8443"])
        seen = fetch(f"{scheme}://{host}:8443/", of=asked).json()
    assert "proxy-authorization" not in seen["headers"]
    assert "authorization" not in seen["headers"]


@pytest.mark.parametrize(("scheme", "host"), [("http", "10.0.0.5"), ("https", NAME)])
def test_a_proxy_that_wants_other_credentials_is_told(scheme: str, host: str, ca_file: str) -> None:
    with ProxyServer({}, credentials=("user", "right")) as proxy:
        env = {"ALL_PROXY": f"http://user:wrong-s3cret@127.0.0.1:{proxy.port}", "SSL_CERT_FILE": ca_file}
        error = failure(f"{scheme}://{host}/", of=client(env, private_origins=["http://10.0.0.5"]))
    assert error.code == "net.proxy"
    assert "ALL_PROXY" in error.message
    assert "s3cret" not in "".join(traceback.format_exception(error))


def test_a_proxy_that_cannot_connect_is_told(ca_file: str) -> None:
    with ProxyServer({}) as proxy:
        error = failure(f"https://{NAME}/", of=client({"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": ca_file}))
    assert error.code == "net.proxy"
    assert (
        error.message == f"The proxy {proxy.url} (from HTTPS_PROXY) refused to connect to https://{NAME} (status 502)."
    )


def test_a_proxy_that_is_not_there_is_told(ca_file: str) -> None:
    with refusing_port() as port:
        env = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": ca_file}
        error = failure(f"https://{NAME}/", of=client(env))
    assert error.code == "net.proxy"
    assert error.message == f"The proxy http://127.0.0.1:{port} (from HTTPS_PROXY) cannot be reached."


def test_a_proxy_whose_name_does_not_resolve_is_told(ca_file: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    env = {"HTTPS_PROXY": "http://proxy.acme.test:3128", "SSL_CERT_FILE": ca_file}
    assert failure(f"https://{NAME}/", of=client(env, resolve=resolve)).code == "net.proxy"


def test_a_proxy_may_have_a_name_in_the_own_network_but_not_a_metadata_address(
    tls: ssl.SSLContext, ca_file: str
) -> None:
    with HttpServer(echoing(), tls=tls) as server, ProxyServer({f"{NAME}:443": server.port}) as proxy:
        env = {"HTTPS_PROXY": f"http://proxy.acme.test:{proxy.port}", "SSL_CERT_FILE": ca_file}
        assert fetch(f"https://{NAME}/", of=client(env, resolve=resolving("127.0.0.1"))).status == 200
        error = failure(f"https://{NAME}/", of=client(env, resolve=resolving("169.254.169.254")))
    assert error.code == "net.forbidden-address"


def test_a_proxy_over_tls_is_spoken_to_over_tls(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(echoing(), tls=tls) as server, ProxyServer({f"{NAME}:443": server.port}, tls=tls) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": ca_file}
        assert fetch(f"https://{NAME}/v1", of=client(env)).json()["target"] == "/v1"
    assert proxy.log.requests[0].method == "CONNECT"


def test_a_certificate_is_checked_behind_a_proxy_as_well(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(echoing(), tls=tls) as server, ProxyServer({"other.acme.test:443": server.port}) as proxy:
        error = failure("https://other.acme.test/", of=client({"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": ca_file}))
    assert error.code == "net.tls"
    assert server.requests == []


def test_this_machine_and_exceptions_are_asked_directly(tls: ssl.SSLContext, ca_file: str) -> None:
    with HttpServer(answering(200), tls=tls) as server, refusing_port() as port:
        dead = f"http://127.0.0.1:{port}"
        env = {"ALL_PROXY": dead, "SSL_CERT_FILE": ca_file}
        assert fetch(server.url, of=client(env)).status == 200
        assert fetch(f"https://localhost:{server.port}", of=client(env)).status == 200
        assert failure(server.url, of=client(env, proxy_loopback=True)).code == "net.proxy"
        origin = f"https://{NAME}:{server.port}"
        options = {"resolve": resolving("127.0.0.1"), "private_origins": [origin]}
        assert failure(origin, of=client(env, **options)).code == "net.proxy"
        assert fetch(origin, of=client({**env, "NO_PROXY": ".acme.test"}, **options)).status == 200


def test_a_metadata_address_is_not_asked_through_a_proxy_either() -> None:
    with ProxyServer({}) as proxy:
        error = failure("https://169.254.169.254/", of=client({"ALL_PROXY": proxy.url}))
    assert error.code == "net.forbidden-address"
    assert proxy.connections == 0


def test_redirects_choose_their_proxy_anew(tls: ssl.SSLContext, ca_file: str) -> None:
    places = {"/start": (302, "https://other.acme.test/end")}
    routes: dict[str, int] = {}
    with HttpServer(redirecting(places), tls=tls) as server, ProxyServer(routes) as proxy:
        routes[f"{NAME}:443"] = server.port
        env = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": ca_file, "NO_PROXY": "other.acme.test"}
        error = failure(f"https://{NAME}/start", of=client(env, resolve=resolving("127.0.0.1")))
    assert error.code == "net.private-address"
    assert [request.target for request in proxy.log.requests] == [f"{NAME}:443"]


# --- the process is left out of it -----------------------------------------------------------------------------------


def test_proxies_netrc_and_ca_files_of_the_process_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tls: ssl.SSLContext, ca_file: str
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password s3cret\n")
    netrc.chmod(0o600)
    with refusing_port() as port, HttpServer(echoing()) as server, HttpServer(echoing(), tls=tls) as safe:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        keylog = tmp_path / "keys"
        monkeypatch.setenv("SSLKEYLOGFILE", str(keylog))
        seen = fetch(server.url, of=client({}, proxy_loopback=True)).json()
        assert failure(safe.url).code == "net.tls"
        assert fetch(safe.url, of=client({"SSL_CERT_FILE": ca_file})).status == 200
    assert "authorization" not in seen["headers"]
    assert not keylog.exists()


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_gives_its_head_first_and_then_its_chunks_as_they_come() -> None:
    go_on = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def in_two_parts(request: Request, connection: Connection) -> None:
        loops.append(asyncio.get_running_loop())
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-A: b\r\n\r\none")
        await go_on.wait()
        await connection.send(b"two")

    with HttpServer(in_two_parts) as server:

        async def main() -> list[bytes]:
            async with (
                client() as opened,
                opened.stream("GET", f"{server.url}/?key=s3cret", deadline_s=10) as stream,
            ):
                assert (stream.status, stream.headers["x-a"]) == (200, "b")
                assert repr(stream) == f"<Stream 200 from {server.url}>"
                chunks = [await anext(stream)]
                loops[0].call_soon_threadsafe(go_on.set)
                chunks += [chunk async for chunk in stream]
                return chunks

        assert run_sync(main()) == [b"one", b"two"]


def test_leaving_a_stream_early_closes_its_connection() -> None:
    closed = threading.Semaphore(0)

    async def until_closed(request: Request, connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
        await connection.closed_by_peer()
        closed.release()

    with HttpServer(until_closed) as server:

        async def main() -> None:
            async with client() as opened:
                async with opened.stream("GET", server.url, deadline_s=10) as stream:
                    assert await anext(stream) == b"first"
                async with opened.stream("GET", server.url, deadline_s=10) as stream:
                    assert stream.status == 200
                # The client is open still: it is the streams that have closed their connections.
                assert await asyncio.to_thread(closed.acquire, timeout=10)
                assert await asyncio.to_thread(closed.acquire, timeout=10)

        run_sync(main())
    assert server.connections == 2


def test_a_stream_has_the_same_limits() -> None:
    with HttpServer(dripping(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"12345", 0.01)) as server:

        async def read(**options: Any) -> None:
            async with client() as opened, opened.stream("GET", server.url, **options) as stream:
                async for _ in stream:
                    pass

        cases: list[tuple[dict[str, Any], str]] = [
            ({"deadline_s": 10, "max_bytes": 12}, "net.too-large"),
            ({"deadline_s": 0.1}, "net.timeout"),
        ]
        for options, code in cases:
            with pytest.raises(RemoteError) as caught:
                run_sync(read(**options))
            assert caught.value.code == code


# --- the sync edge, and leaving nothing behind -----------------------------------------------------------------------


def test_a_request_is_made_from_inside_a_running_loop() -> None:
    with HttpServer(answering(200, b"hello")) as server:

        async def main() -> bytes:
            return fetch(server.url).body

        assert asyncio.run(main()) == b"hello"


def test_a_program_that_made_requests_ends_without_a_warning(tls: ssl.SSLContext, ca_file: str) -> None:
    program = """
        import sys
        from jackfield.errors import JackfieldError
        from jackfield.net import HttpClient, run_sync

        async def ask(url):
            async with HttpClient(env={"SSL_CERT_FILE": sys.argv[1]}, user_agent="t") as client:
                await client.request("GET", url, deadline_s=10)
                async with client.stream("GET", url, deadline_s=10):
                    pass

        for url in sys.argv[2:]:
            try:
                run_sync(ask(url))
                print("ok")
            except JackfieldError as error:
                print(error.code)
    """
    with (
        HttpServer(echoing()) as plain,
        HttpServer(echoing(), tls=tls) as safe,
        HttpServer(sending(b"", reset=True)) as broken,
        refusing_port() as port,
    ):
        urls = [plain.url, safe.url, broken.url, f"http://127.0.0.1:{port}"]
        done = _python(program, ca_file, *urls)
        output, errors = done.communicate(timeout=60)
    assert (output.split(), errors) == (["ok", "ok", "net.reset", "net.refused"], "")
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one process is POSIX")
@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_ctrl_c_ends_a_request_at_once_and_cleans_up(inside_a_loop: bool) -> None:
    program = f"""
        import asyncio, sys
        from jackfield.net import HttpClient, run_sync

        async def ask():
            async with HttpClient(env={{}}, user_agent="t") as client:
                try:
                    await client.request("GET", sys.argv[1], deadline_s=60)
                finally:
                    print("cleaned", flush=True)

        async def outer():
            run_sync(ask())

        try:
            asyncio.run(outer()) if {inside_a_loop} else run_sync(ask())
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """

    async def interrupting(request: Request, connection: Connection) -> None:
        child.send_signal(signal.SIGINT)
        await connection.closed_by_peer()

    with HttpServer(interrupting) as server:
        child = _python(program, server.url)
        output, errors = child.communicate(timeout=60)
    assert (output.split(), errors, child.returncode) == (["cleaned", "interrupted"], "", 0)


def _python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python in which every warning is an error on stderr."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
