"""HTTP on loopback with hostile and slow clients, over real sockets."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING

import pytest

from jackfield.records import replace
from jackfield.voice.engines.connection import Answer, GoneError, Request, Route, json_answer
from jackfield.voice.engines.faults import SpeechError
from jackfield.voice.engines.limits import ServiceLimits
from support.speech import TOKEN, Client, Reply, read_all, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIMITS = ServiceLimits(connections=8, held_bytes=4_000_000)
WAIT_S = 30
MOST = 1_000_000


def echo(request: Request) -> Answer:
    return Answer("application/octet-stream", request.body, {"X-Type": request.content_type})


def parts(_request: Request) -> Answer:
    return Answer("text/plain", iter([b"one ", b"", b"two ", b"three"]))


def broken_on_the_way(_request: Request) -> Answer:
    def made() -> Iterator[bytes]:
        yield b"some"
        raise SpeechError(500, "It broke.", code="speech.engine-failed")

    return Answer("text/plain", made())


def broken_at_once(_request: Request) -> Answer:
    def made() -> Iterator[bytes]:
        raise SpeechError(500, "It broke.", code="speech.engine-failed")
        yield b""

    return Answer("text/plain", made())


class Gate:
    """Work that waits until it is let go, and tells that it has begun and how it ended."""

    def __init__(self) -> None:
        self.begun, self.go, self.given_up = Event(), Event(), Event()

    def work(self, request: Request) -> Answer:
        self.begun.set()
        while not self.go.wait(0.01):
            try:
                request.check()
            except (GoneError, SpeechError):
                self.given_up.set()
                raise
        return json_answer({"done": True})


def routes(gate: Gate | None = None, slots: int = 2) -> Mapping[str, Mapping[str, Route]]:
    table = {
        "/open": {"GET": Route(lambda _: json_answer({"open": True}), is_open=True)},
        "/echo": {"POST": Route(echo, MOST), "GET": Route(echo)},
        "/parts": {"GET": Route(parts)},
        "/broken": {"GET": Route(broken_on_the_way)},
        "/broken-at-once": {"GET": Route(broken_at_once)},
    }
    if gate is not None:
        table["/gate"] = {"POST": Route(gate.work, MOST, BoundedSemaphore(slots))}
    return table


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(LIMITS, routes=routes()) as one:
        yield one


def head(line: str, client: Client, *more: str, token: str = TOKEN) -> bytes:
    lines = [line, f"Host: 127.0.0.1:{client.port}", f"Authorization: Bearer {token}", *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(data: bytes) -> Reply:
    """Read one raw answer with its body."""
    start, _, body = data.partition(b"\r\n\r\n")
    status, *headers = start.decode("latin-1").split("\r\n")
    told = dict(line.lower().split(": ", 1) for line in headers)
    return Reply(int(status.split()[1]), told, body)


# --- who may ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "Bearer", "\xe9"])
def test_without_the_token_nothing_is_answered(client: Client, token: str) -> None:
    reply = answer(client.raw(head("GET /parts HTTP/1.1", client, "Connection: close", token=token)))
    assert (reply.status, reply.code) == (401, "speech.token")


def test_the_scheme_of_the_token_is_bearer_in_any_letter_case(client: Client) -> None:
    assert client.ask("GET", "/parts", headers={"Authorization": f"bearer {TOKEN}"}).status == 200
    assert client.ask("GET", "/parts", headers={"Authorization": f"Basic {TOKEN}"}).status == 401


def test_an_open_address_needs_no_token(client: Client) -> None:
    assert client.ask("GET", "/open", headers={"Authorization": ""}).json == {"open": True}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "0.0.0.0:{port}",
        "",
    ],
)
def test_a_host_of_another_name_is_refused_even_where_no_token_is_needed(client: Client, host: str) -> None:
    line = f"GET /open HTTP/1.1\r\nHost: {host.format(port=client.port)}\r\n\r\n"
    reply = answer(client.raw(line.encode()))
    assert (reply.status, reply.code) == (421, "speech.host")


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1:{port}", "evil.example"], ["127.0.0.1:{port}", "127.0.0.1:{port}"]])
def test_there_is_one_host_header(client: Client, hosts: list[str]) -> None:
    lines = [f"Host: {host.format(port=client.port)}\r\n" for host in hosts]
    assert answer(client.raw(f"GET /open HTTP/1.1\r\n{''.join(lines)}\r\n".encode())).code == "speech.host"


def test_localhost_is_a_name_of_this_machine(client: Client) -> None:
    assert client.ask("GET", "/open", headers={"Host": f"LOCALHOST:{client.port}"}).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_page_of_another_origin_is_refused(client: Client, origin: str) -> None:
    reply = client.ask("POST", "/echo", b"x", {"Origin": origin})
    assert (reply.status, reply.code) == (403, "speech.origin")


def test_a_page_of_the_same_origin_is_not(client: Client) -> None:
    assert client.ask("GET", "/open", headers={"Origin": f"http://127.0.0.1:{client.port}"}).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the whole of 127.0.0.0/8 without asking")
def test_it_listens_on_one_address_only(client: Client) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", client.port), WAIT_S)


# --- addresses and methods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/open/", "//open", "/../open", "http://127.0.0.1/open", "/%6fpen", "*"]
)
def test_an_unknown_address_is_told(client: Client, path: str) -> None:
    reply = answer(client.raw(head(f"GET {path} HTTP/1.1", client, "Connection: close")))
    if path == "//open":  # http.server takes the second slash away, so that no page can be redirected by it
        assert reply.status == 200
    else:
        assert (reply.status, reply.code) == (404, "speech.not-found")


def test_the_query_is_passed_over(client: Client) -> None:
    assert client.ask("GET", "/open?a=b").status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_told_the_right_ones(client: Client, method: str) -> None:
    reply = client.ask(method, "/echo")
    assert (reply.status, reply.code, reply.headers["allow"]) == (405, "speech.method", "GET, POST")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("BREW /open HTTP/1.1", 501),
        ("GET /open HTTP/9.9", 505),
        ("GET /open HTTP/x", 400),
        ("GET /open with spaces HTTP/1.1", 400),
        ("GET", 400),
        ("GET /" + "a" * 70_000 + " HTTP/1.1", 414),
    ],
)
def test_what_is_no_request_is_refused_in_the_same_shape(client: Client, line: str, status: int) -> None:
    reply = answer(client.raw(head(line, client)))
    assert (reply.status, reply.code) == (status, "speech.http")


@pytest.mark.parametrize("more", [["X-Y: z"] * 150, ["X: " + "y" * 70_000]])
def test_too_many_or_too_long_headers_are_refused(client: Client, more: list[str]) -> None:
    assert answer(client.raw(head("GET /open HTTP/1.1", client, *more))).status == 431


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_a_body_comes_as_it_was_sent_and_the_connection_is_used_again(client: Client) -> None:
    one = head("POST /echo HTTP/1.1", client, "Content-Length: 3", "Content-Type: a/b") + b"abc"
    two = head("POST /echo HTTP/1.1", client, "Content-Length: 2", "Connection: close") + b"de"
    got = client.raw(one + two)
    assert got.count(b"HTTP/1.1 200") == 2
    assert b"X-Type: a/b" in got
    assert b"\r\n\r\nabc" in got
    assert got.endswith(b"\r\n\r\nde")


@pytest.mark.parametrize(
    "chunks",
    [
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"5;name=value\r\nabcde\r\n0\r\n\r\n",
        b"0005\r\nabcde\r\n0\r\nTrailer: x\r\n\r\n",
        b"5 \r\nabcde\r\n0\r\n\r\n",
    ],
)
def test_a_body_in_chunks_is_put_together(client: Client, chunks: bytes) -> None:
    sent = head("POST /echo HTTP/1.1", client, "Transfer-Encoding: chunked", "Connection: close") + chunks
    reply = answer(client.raw(sent))
    assert (reply.status, reply.body) == (200, b"abcde")


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x5\r\nabcde\r\n",
        b"+5\r\nabcde\r\n",
        b"5\r\nabcdefg\r\n",
        b"\r\n",
        b"f" * 20 + b"\r\n",
        b"1" * 2_000,
        b"0\r\n" + b"T: x\r\n" * 100,
    ],
)
def test_chunks_that_lie_are_refused(client: Client, chunks: bytes) -> None:
    reply = answer(client.raw(head("POST /echo HTTP/1.1", client, "Transfer-Encoding: chunked") + chunks))
    assert (reply.status, reply.code) == (400, "speech.body")


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 3", "Content-Length: 4"],
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Content-Length: -1"],
        ["Content-Length: +3"],
        ["Content-Length: 3_0"],
        ["Content-Length: "],
        ["Content-Length: \xb2"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ],
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(client: Client, lines: list[str]) -> None:
    reply = answer(client.raw(head("POST /echo HTTP/1.1", client, *lines) + b"abc"))
    assert (reply.status, reply.code) == (400, "speech.body")


@pytest.mark.parametrize("length", [MOST + 1, 10**9, 10**14, 10**30])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(client: Client, length: int) -> None:
    reply = answer(client.raw(head("POST /echo HTTP/1.1", client, f"Content-Length: {length}")))
    assert (reply.status, reply.code, reply.headers["connection"]) == (413, "speech.too-large", "close")


def test_chunks_that_add_up_to_too_much_are_refused(client: Client) -> None:
    chunks = (b"%x\r\n" % 300_000 + bytes(300_000) + b"\r\n") * 4
    reply = answer(client.raw(head("POST /echo HTTP/1.1", client, "Transfer-Encoding: chunked") + chunks))
    assert (reply.status, reply.code) == (413, "speech.too-large")


def test_a_client_that_sends_all_of_a_huge_body_sees_why_it_is_refused(client: Client) -> None:
    reply = client.ask("POST", "/echo", bytes(20_000_000))
    assert (reply.status, reply.code) == (413, "speech.too-large")


def test_a_client_that_asks_first_is_told_to_go_on(client: Client) -> None:
    with client.connected() as connection:
        lines = ("Content-Length: 3", "Expect: 100-continue", "Connection: close")
        connection.sendall(head("POST /echo HTTP/1.1", client, *lines))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abc")
        assert read_all(connection).endswith(b"abc")


def test_a_client_that_asks_first_with_too_much_is_not_told_to_go_on(client: Client) -> None:
    lines = ("Content-Length: 99999999", "Expect: 100-continue")
    assert answer(client.raw(head("POST /echo HTTP/1.1", client, *lines))).status == 413


# --- answers in parts -------------------------------------------------------------------------------------------------


def test_an_answer_in_parts_comes_in_chunks(client: Client) -> None:
    got = client.raw(head("GET /parts HTTP/1.1", client, "Connection: close"))
    assert got.partition(b"\r\n\r\n")[2] == b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"
    assert client.ask("GET", "/parts").body == b"one two three"


def test_an_old_client_gets_the_parts_up_to_the_end_of_the_connection(client: Client) -> None:
    reply = answer(client.raw(head("GET /parts HTTP/1.0", client)))
    assert (reply.status, reply.body) == (200, b"one two three")
    assert "transfer-encoding" not in reply.headers


def test_an_answer_that_breaks_on_the_way_has_no_end(client: Client) -> None:
    got = client.raw(head("GET /broken HTTP/1.1", client))
    assert got.endswith(b"4\r\nsome\r\n")


def test_an_answer_that_breaks_before_its_first_part_is_an_error(client: Client) -> None:
    reply = client.ask("GET", "/broken-at-once")
    assert (reply.status, reply.code) == (500, "speech.engine-failed")
    assert reply.json["error"]["type"] == "server_error"


def test_answers_are_not_kept_and_not_guessed_at(client: Client) -> None:
    headers = client.ask("GET", "/open").headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


# --- slow, many, gone -------------------------------------------------------------------------------------------------


def dripped(client: Client, start: bytes, drip: bytes) -> bytes:
    """Send `start`, then a byte of `drip` now and then until the other side has had enough."""
    with client.connected() as connection:
        connection.sendall(start)
        connection.settimeout(0.05)
        for _ in range(400):
            try:
                got = connection.recv(65536)
            except TimeoutError:
                connection.sendall(drip)
            else:
                return got + read_all(connection)
    pytest.fail("the client was borne with for 20 seconds")


def test_a_head_that_does_not_come_to_its_end_is_given_up() -> None:
    with serving(replace(LIMITS, idle_s=0.3), routes=routes()) as client:
        assert dripped(client, b"GET /open HTTP/1.1\r\n", b"X") == b""
        assert client.ask("GET", "/open").status == 200


def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    with serving(replace(LIMITS, idle_s=0.2), routes=routes()) as client:
        assert client.raw(b"") == b""


def test_a_body_that_does_not_come_to_its_end_is_given_up() -> None:
    with serving(replace(LIMITS, body_s=0.3), routes=routes()) as client:
        got = dripped(client, head("POST /echo HTTP/1.1", client, "Content-Length: 1000"), b"x")
        assert (answer(got).status, answer(got).code) == (408, "speech.slow")


def test_a_client_that_takes_nothing_does_not_hold_its_place_for_ever() -> None:
    table = {"/flood": {"GET": Route(lambda _: Answer("text/plain", iter([bytes(1_000_000)] * 100)))}}
    limits = replace(LIMITS, write_s=0.3, connections=1)
    with serving(limits, routes={**table, **routes()}) as client, client.connected() as connection:
        connection.sendall(head("GET /flood HTTP/1.1", client))
        for _ in range(200):
            if client.ask("GET", "/open").status == 200:
                break
            Event().wait(0.02)
        else:
            pytest.fail("the place was not given back")


def test_connections_beyond_the_bound_are_told_to_come_back() -> None:
    with serving(replace(LIMITS, connections=2), routes=routes()) as client:
        places = [client.connected() for _ in range(2)]
        try:
            reply = answer(client.raw(b""))
            assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "speech.busy", "1")
        finally:
            for place in places:
                place.close()


def test_requests_beyond_the_bound_are_told_to_come_back_and_others_go_on() -> None:
    gate = Gate()
    with serving(LIMITS, routes=routes(gate, slots=1)) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.ask, "POST", "/gate", b"")
        assert gate.begun.wait(WAIT_S)
        reply = client.ask("POST", "/gate", b"")
        assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "speech.busy", "1")
        assert client.ask("GET", "/open").status == 200
        gate.go.set()
        assert waiting.result().json == {"done": True}
        assert client.ask("POST", "/gate", b"").status == 200


def test_bodies_beyond_the_bound_of_all_together_are_told_to_come_back() -> None:
    gate = Gate()
    limits = replace(LIMITS, held_bytes=1_500_000)
    with serving(limits, routes=routes(gate)) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.ask, "POST", "/gate", bytes(900_000))
        assert gate.begun.wait(WAIT_S)
        assert client.ask("POST", "/echo", bytes(900_000)).code == "speech.busy"
        assert client.ask("POST", "/echo", bytes(500_000)).status == 200
        gate.go.set()
        assert waiting.result().status == 200
        assert client.ask("POST", "/echo", bytes(900_000)).status == 200


def test_work_is_given_up_when_the_client_is_gone() -> None:
    gate = Gate()
    with serving(LIMITS, routes=routes(gate)) as client:
        with client.connected() as connection:
            connection.sendall(head("POST /gate HTTP/1.1", client, "Content-Length: 0"))
            assert gate.begun.wait(WAIT_S)
            assert not gate.given_up.is_set()
        assert gate.given_up.wait(WAIT_S)


def test_a_request_sent_ahead_is_no_sign_that_the_client_is_gone() -> None:
    gate = Gate()
    with serving(LIMITS, routes=routes(gate)) as client, client.connected() as connection:
        connection.sendall(head("POST /gate HTTP/1.1", client, "Content-Length: 0"))
        assert gate.begun.wait(WAIT_S)
        connection.sendall(head("GET /open HTTP/1.1", client, "Connection: close"))
        assert not gate.given_up.wait(0.1)
        gate.go.set()
        assert read_all(connection).count(b"HTTP/1.1 200") == 2


def test_work_that_takes_too_long_is_given_up() -> None:
    gate = Gate()
    with serving(replace(LIMITS, work_s=0.1), routes=routes(gate)) as client:
        reply = client.ask("POST", "/gate", b"")
    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "speech.timeout", "1")


def test_a_closed_server_takes_no_more_connections() -> None:
    with serving(LIMITS, routes=routes()) as client:
        assert client.ask("GET", "/open").status == 200
    with pytest.raises(ConnectionRefusedError):
        client.ask("GET", "/open")


def test_a_refusal_tells_its_fix_in_the_message() -> None:
    fault = SpeechError(400, "Wrong.", code="speech.input", param="input", fix="Mend it.")
    assert json.loads(json.dumps(fault.body())) == {
        "error": {
            "message": "Wrong. Mend it.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "speech.input",
        }
    }
