"""The device flow against a server that holds it to the standard; time passes only while the flow sleeps."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from jackfield.auth.device import Device, read_device, sign_in
from jackfield.auth.prompter import NobodyPrompter, Progress
from jackfield.credentials.profile import OAuthCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import (
    CredentialError,
    InternalError,
    JackfieldError,
    NeedsTerminalError,
    RemoteError,
    RequestError,
)
from support.oauth import DEVICE_GRANT, Client, OAuthServer, Rules
from support.servers import HttpServer, answering, refusing_port
from support.signin import Clock, Person, Visitor, acme, context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.auth.flows import LoginContext
    from jackfield.auth.grants import Grant
    from jackfield.providers.block import AuthMethod, Provider

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[OAuthServer]:
    with OAuthServer(Rules(interval=5.0, device_ends_s=900.0, polls_needed=3), clock=clock.seconds) as running:
        yield running


def run(login: LoginContext) -> Grant:
    return asyncio.run(asyncio.wait_for(sign_in(login), 30))


def refused(login: LoginContext) -> JackfieldError:
    with pytest.raises(JackfieldError) as caught:
        run(login)
    return caught.value


def make(server: OAuthServer, clock: Clock, person: Person | None = None, **more: Any) -> LoginContext:
    fields = {name: more.pop(name) for name in ("client_id", "client_env", "scopes") if name in more}
    return context(acme(server, **fields), person or Person(), clock=clock, sleep=clock.sleep, **more)


def polls(server: OAuthServer) -> list[dict[str, str]]:
    found = [each for each in server.requests if each.path == "/token"]
    return [{name: values[0] for name, values in parse_qs(each.body.decode()).items()} for each in found]


def test_the_code_is_shown_and_the_grant_comes_when_the_user_has_agreed(server: OAuthServer, clock: Clock) -> None:
    person = Person()

    found = run(make(server, clock, person))

    assert isinstance(found.credential, OAuthCredential)
    assert server.is_live(found.credential.access.reveal())
    assert found.credential.expires == clock() + 3_600_000
    assert server.faults == []
    assert clock.slept == [5.0] * 4
    (page, code, ends, qr) = person.told
    assert page == ("Open this page, on any device", f"{server.url}/activate")
    assert code[0] == "Code to type there"
    assert ends == (None, "It can be typed within 15 minutes.")
    assert qr == ("QR", f"{server.url}/activate?user_code={code[1]}")


def test_what_goes_out_is_what_the_standard_asks_for(server: OAuthServer, clock: Clock) -> None:
    run(make(server, clock))
    begun = parse_qs(next(each for each in server.requests if each.path == "/device/code").body.decode())
    assert begun == {"client_id": ["acme-client"], "scope": ["openid acme:use"]}
    assert {tuple(each) for each in polls(server)} == {("grant_type", "device_code", "client_id")}
    assert {each["grant_type"] for each in polls(server)} == {DEVICE_GRANT}
    assert all(each.target == "/token" for each in server.requests if each.path == "/token")


def test_a_server_that_speaks_json_only_to_those_who_ask_is_asked(server: OAuthServer, clock: Clock) -> None:
    server.rules.github = True
    server.rules.without = ("expires_in", "refresh_token")
    server.rules.device_without = ("verification_uri_complete",)
    found = run(make(server, clock))
    assert isinstance(found.credential, TokenCredential)


def test_the_page_opens_in_the_browser_where_there_is_one(server: OAuthServer, clock: Clock) -> None:
    browser, person = Visitor(), Person()
    server.rules.polls_needed = None

    async def main() -> None:
        await sign_in(make(server, clock, person, browser=browser))
        await browser.done()

    asyncio.run(main())
    assert browser.opened == [f"{server.url}/activate?user_code={person.told[1][1]}"]
    assert person.told[0][0] == "Your browser opens this page. If it does not, open it"
    assert "QR" not in [title for title, _ in person.told]


def test_in_a_remote_session_there_is_a_qr_code(server: OAuthServer, clock: Clock) -> None:
    person = Person()
    run(make(server, clock, person, browser=Visitor(remote=True)))
    assert person.told[-1][0] == "QR"


def test_a_browser_that_the_user_does_not_want_opened_brings_no_qr_code(server: OAuthServer, clock: Clock) -> None:
    from jackfield.auth.browser import Browser

    person = Person()
    run(make(server, clock, person, browser=Browser({"DISPLAY": ":0"}, enabled=False, platform="linux")))
    assert [title for title, _ in person.told] == ["Open this page, on any device", "Code to type there", None]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [(None, [5.0] * 4), (0.25, [0.25] * 4), (7.0, [7.0] * 4)],
)
def test_the_servers_interval_is_kept_and_is_five_seconds_where_it_names_none(
    server: OAuthServer, clock: Clock, interval: float | None, expected: list[float]
) -> None:
    if interval is None:
        server.rules.device_without = ("interval",)
    else:
        server.rules.interval = interval
    run(make(server, clock))
    assert clock.slept == expected


def test_slow_down_means_five_seconds_more_for_good(server: OAuthServer, clock: Clock) -> None:
    # Once, the server has seen a second less go by than the client: that poll is too early for it.
    server._clock = lambda: clock.seconds() - (server.counts.polls > 1)
    run(make(server, clock))
    assert [fault for fault, _ in server.faults] == ["slow_down"]
    assert clock.slept == [5.0, 5.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("told", "expected"), [({}, [5, 10, 15]), ({"interval": 30}, [5, 30, 35]), ({"interval": 1}, [5, 10, 15])]
)
def test_a_server_may_say_how_slow_but_never_how_fast(
    clock: Clock, told: dict[str, object], expected: list[int]
) -> None:
    answers = [{"error": "slow_down", **told}, {"error": "slow_down"}, {"access_token": "at-1"}]
    slow = scripted(*[(200, each) for each in answers])
    with slow as server:
        run(context(device_of(server), Person(), clock=clock, sleep=clock.sleep))
    assert clock.slept == expected


DEVICE = {
    "device_code": "dc-1",
    "user_code": "ABCD-1234",
    "verification_uri": "https://acme.test/device",
    "expires_in": 900,
    "interval": 5,
}


def scripted(*answers: tuple[int, object]) -> HttpServer:
    """Return a server that begins a device login and then gives these answers to polls, one after the other."""
    left = list(answers)

    async def handle(request: Any, connection: Any) -> None:
        if request.path == "/device/code":
            await connection.reply(200, json.dumps(DEVICE).encode(), JSON)
            return
        status, body = left.pop(0)
        await connection.reply(status, json.dumps(body).encode(), JSON)

    return HttpServer(handle)


def device_of(server: HttpServer) -> tuple[Provider, AuthMethod]:
    return acme(server)  # type: ignore[arg-type]  # it needs the address alone


def test_the_code_expires_by_the_clock_and_no_poll_comes_after(server: OAuthServer, clock: Clock) -> None:
    server.rules.polls_needed, server.rules.device_ends_s = None, 23.0
    error = refused(make(server, clock))
    assert (type(error), error.code) == (CredentialError, "credential.sign-in-timeout")
    assert error.message == "Nobody typed the code at Acme in time."
    assert error.fix == "Begin again: jackfield login acme-login"
    assert clock.slept == [5.0, 5.0, 5.0, 5.0, 3.0]
    assert len(polls(server)) == 5


def test_a_code_that_the_server_says_has_expired_is_the_end(server: OAuthServer, clock: Clock) -> None:
    server.rules.polls_needed = None
    ahead = clock.now
    server._clock = lambda: ahead / 1_000 + (clock.now - ahead) / 1_000 * 300
    error = refused(make(server, clock))
    assert error.code == "credential.sign-in-timeout"
    assert server.faults == [("expired_token", "the device code has expired")]
    assert len(polls(server)) == 1


def test_a_no_is_the_end(server: OAuthServer, clock: Clock) -> None:
    server.rules.deny = True
    error = refused(make(server, clock))
    assert (type(error), error.code) == (CredentialError, "credential.denied")
    assert len(polls(server)) == 1


@pytest.mark.parametrize("error", ["incorrect_device_code", "unsupported_grant_type", "invalid_grant", "access_denied"])
def test_an_error_that_asking_again_does_not_mend_is_the_end(clock: Clock, error: str) -> None:
    with scripted((400, {"error": error})) as server:
        found = refused(context(device_of(server), Person(), clock=clock, sleep=clock.sleep))
    assert type(found) is CredentialError
    assert clock.slept == [5.0]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_half_as_often_each_time(server: OAuthServer, clock: Clock, status: int) -> None:
    server.rules.fail = [status, status]
    run(make(server, clock))
    assert clock.slept == [5.0, 10.0, 20.0, 20.0, 20.0, 20.0]


def test_a_connection_that_fails_is_tried_half_as_often_each_time(clock: Clock) -> None:
    with refusing_port() as port, scripted() as server:
        provider, method = acme(server, token_url=f"http://127.0.0.1:{port}/token")  # type: ignore[arg-type]
        found = refused(context((provider, method), Person(), clock=clock, sleep=clock.sleep))
    assert found.code == "credential.sign-in-timeout"
    assert clock.slept == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 265.0]


def test_an_answer_that_is_no_answer_is_the_end(clock: Clock) -> None:
    with scripted((200, ["list"])) as server:
        found = refused(context(device_of(server), Person(), clock=clock, sleep=clock.sleep))
    assert (type(found), found.code) == (RemoteError, "remote.sign-in")


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b'{"error": "flow_disabled"}', "it answered flow_disabled"),
        (404, b"", "it answered 404"),
        (500, b"<html>", "it answered 500"),
        (200, b"{}", "its answer has no code to type"),
        (200, b"[]", "its answer has no code to type"),
    ],
)
def test_a_server_that_begins_nothing_is_told(clock: Clock, status: int, body: bytes, why: str) -> None:
    with HttpServer(answering(status, body, JSON)) as server:
        found = refused(context(device_of(server), Person(), clock=clock, sleep=clock.sleep))
    assert (type(found), found.code) == (RemoteError, "remote.sign-in")
    assert found.message == f"{server.url} does not begin a device login: {why}."
    assert clock.slept == []


def test_an_unknown_client_is_told(server: OAuthServer, clock: Clock) -> None:
    server.rules.client = Client(id="another")
    assert "does not begin a device login: it answered invalid_client" in refused(make(server, clock)).message


def test_nobody_is_not_shown_a_code(server: OAuthServer, clock: Clock) -> None:
    login = context(acme(server), NobodyPrompter(lambda _: None), clock=clock, sleep=clock.sleep)
    error = refused(login)
    assert (type(error), error.code) == (NeedsTerminalError, "needs-terminal.sign-in")
    assert server.requests == []


def test_a_key_is_not_taken(server: OAuthServer, clock: Clock) -> None:
    error = refused(make(server, clock, key=Secret("sk-canary-1")))
    assert (type(error), error.code) == (RequestError, "login.no-key")


def test_a_block_that_does_not_say_where_is_our_own_fault(server: OAuthServer, clock: Clock) -> None:
    login = context(acme(server, device_code_url=None), Person(), clock=clock, sleep=clock.sleep)
    assert type(refused(login)) is InternalError


def test_a_cancelled_wait_takes_its_spinner_away(server: OAuthServer, clock: Clock) -> None:
    stopped: list[bool] = []

    class Watched(Person):
        def progress(self, label: str) -> Progress:
            self.shown.append(label)
            return Watching()

    class Watching(Progress):
        def stop(self, message: str | None = None) -> None:
            stopped.append(True)

    begun = asyncio.Event()

    async def sleep(seconds: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def main() -> None:
        person = Watched()
        task = asyncio.ensure_future(sign_in(context(acme(server), person, clock=clock, sleep=sleep)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert person.shown == ["Waiting until Acme lets this machine in"]

    asyncio.run(main())
    assert stopped == [True]


def test_the_device_code_is_shown_to_nobody(server: OAuthServer, clock: Clock) -> None:
    person = Person()
    server.rules.deny = True
    error = refused(make(server, clock, person))
    code = polls(server)[0]["device_code"]
    assert code not in str(person.told) + str(error.to_dict()) + repr(error)


FULL = {**DEVICE, "verification_uri_complete": "https://acme.test/device?user_code=ABCD-1234"}

READ: list[tuple[dict[str, object], Device | None]] = [
    (FULL, Device(Secret("dc-1"), "ABCD-1234", str(FULL["verification_uri"]), str(FULL["verification_uri_complete"]))),
    (DEVICE, Device(Secret("dc-1"), "ABCD-1234", "https://acme.test/device")),
    (
        {"device_code": "d", "user_code": "u", "verification_url": "https://acme.test/d"},
        Device(Secret("d"), "u", "https://acme.test/d", None, 900.0, 5.0),
    ),
    (
        {**DEVICE, "expires_in": 10**9, "interval": 0},
        Device(Secret("dc-1"), "ABCD-1234", "https://acme.test/device", None, 3600.0, 5.0),
    ),
    (
        {**DEVICE, "verification_uri": "http://localhost:8080/d"},
        Device(Secret("dc-1"), "ABCD-1234", "http://localhost:8080/d"),
    ),
    (
        {**FULL, "verification_uri_complete": "javascript:alert(1)"},
        Device(Secret("dc-1"), "ABCD-1234", "https://acme.test/device"),
    ),
    ({}, None),
    ({**DEVICE, "device_code": ""}, None),
    ({**DEVICE, "device_code": 7}, None),
    ({**DEVICE, "user_code": ""}, None),
    ({**DEVICE, "user_code": "  "}, None),
    ({**DEVICE, "user_code": "AB\x1b[2JCD"}, None),
    ({**DEVICE, "user_code": "A" * 200}, None),
    ({**DEVICE, "verification_uri": None}, None),
    ({**DEVICE, "verification_uri": "file:///etc/passwd"}, None),
    ({**DEVICE, "verification_uri": "http://acme.test/device"}, None),
    ({**DEVICE, "verification_uri": "http://127.0.0.1.evil.example/d"}, None),
    ({**DEVICE, "verification_uri": "https://acme.test/a b"}, None),
    ({**DEVICE, "verification_uri": "https://\u00fc.test/"}, None),
    ({**DEVICE, "verification_uri": "https://"}, None),
]


@pytest.mark.parametrize(("answer", "device"), READ)
def test_what_can_be_shown_opened_and_polled_is_read(answer: dict[str, object], device: Device | None) -> None:
    assert read_device(answer) == device


@pytest.mark.parametrize(("seconds", "words"), [(900.0, "15 minutes"), (60.0, "1 minute"), (90.0, "90 seconds")])
def test_the_time_is_told_in_words(server: OAuthServer, clock: Clock, seconds: float, words: str) -> None:
    server.rules.device_ends_s, person = seconds, Person()
    run(make(server, clock, person))
    assert (None, f"It can be typed within {words}.") in person.told
