"""A credential checked against servers that answer in every way, well and badly, over real connections."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.overlay import base_url_of
from jackfield.config.settings import ProviderSettings
from jackfield.credentials.secret import Secret
from jackfield.credentials.verify import Verdict, check_for, verify
from jackfield.net import HttpClient
from jackfield.providers.block import Check, Provider
from jackfield.providers.registry import ProviderRegistry
from support.servers import (
    Connection,
    Handler,
    HttpServer,
    Request,
    answering,
    dripping,
    holding,
    refusing_port,
    sending,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
SECRET = Secret(KEY)
MODELS = Check("{base}/models")
PUBLIC = Check("{base}/models", auth="none", public=True)
GOOGLE = Check("{base}/models", auth="x-goog-api-key", refused=(400, 401, 403))
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
LIST = json.dumps({"data": [{"id": "one"}]}).encode()


def ask(
    base_url: str,
    check: Check = MODELS,
    secret: Secret | None = SECRET,
    *,
    deadline_s: float = 10.0,
    env: Mapping[str, str] | None = None,
) -> Verdict:
    async def run() -> Verdict:
        async with HttpClient(env=env or {}, user_agent="jackfield-test") as client:
            return await verify(client, check, base_url, secret, deadline_s=deadline_s)

    return asyncio.run(run())


def verdict_of(handler: Handler, check: Check = MODELS, secret: Secret | None = SECRET, **more: Any) -> Verdict:
    with HttpServer(handler) as server:
        return ask(server.url + "/v1", check, secret, **more)


def told(verdict: Verdict) -> tuple[str, int | None, str]:
    return verdict.state, verdict.status, verdict.message


def error_body(message: str) -> bytes:
    return json.dumps({"error": {"message": message}}).encode()


def redirecting(location: str, status: int = 302) -> Handler:
    async def handle(request: Request, connection: Connection) -> None:
        if request.path == "/v1/models":
            await connection.reply(status, b"", {"Location": location})
        else:
            await connection.reply(200, LIST, JSON)

    return handle


# --- statuses --------------------------------------------------------------------------------------------------------

NO_TELLING = "The provider's answer tells nothing about the credential"


@pytest.mark.parametrize(
    ("check", "status", "body", "expected"),
    [
        (MODELS, 200, LIST, ("accepted", 200, "The provider accepts the credential.")),
        (MODELS, 204, b"", ("accepted", 204, "The provider accepts the credential.")),
        (MODELS, 401, b"", ("refused", 401, "The provider refused the credential (401)")),
        (
            MODELS,
            401,
            error_body("Invalid key."),
            ("refused", 401, "The provider refused the credential (401): Invalid key."),
        ),
        (MODELS, 403, error_body("No."), ("refused", 403, "The provider refused the credential (403): No.")),
        (
            MODELS,
            402,
            error_body("Top up."),
            ("accepted", 402, "The credential is right, but the account has no credit (402): Top up."),
        ),
        (MODELS, 400, error_body("Odd."), ("undetermined", 400, f"{NO_TELLING} (400): Odd.")),
        (MODELS, 404, b"", ("undetermined", 404, f"{NO_TELLING} (404)")),
        (MODELS, 429, error_body("Slow down."), ("undetermined", 429, f"{NO_TELLING} (429): Slow down.")),
        (MODELS, 500, b"oops", ("undetermined", 500, f"{NO_TELLING} (500)")),
        (MODELS, 503, b"", ("undetermined", 503, f"{NO_TELLING} (503)")),
        (MODELS, 304, b"", ("undetermined", 304, f"{NO_TELLING} (304)")),
        (
            GOOGLE,
            400,
            json.dumps(
                [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]
            ).encode(),
            ("refused", 400, "The provider refused the credential (400): API key not valid."),
        ),
        (
            Check("{base}/models", accepted=(403,), refused=(401,)),
            403,
            error_body("Not this plan."),
            ("accepted", 403, "The provider accepts the credential."),
        ),
        (PUBLIC, 200, LIST, ("reachable", 200, "The service answers.")),
        (PUBLIC, 401, error_body("Key?"), ("refused", 401, "The provider wants a credential (401): Key?")),
        (PUBLIC, 500, b"", ("undetermined", 500, f"{NO_TELLING} (500)")),
        (Check("{base}/models", public=True), 200, LIST, ("reachable", 200, "The service answers.")),
        (
            Check("{base}/models", public=True),
            401,
            error_body("Wrong."),
            ("refused", 401, "The provider refused the credential (401): Wrong."),
        ),
    ],
)
def test_each_status_is_judged(check: Check, status: int, body: bytes, expected: tuple[str, int | None, str]) -> None:
    verdict = verdict_of(answering(status, body, JSON), check)
    assert told(verdict) == expected
    assert verdict.code is None
    assert 0 < verdict.elapsed_s < 10


@pytest.mark.parametrize("check", [MODELS, PUBLIC])
def test_without_a_credential_an_answer_proves_only_that_the_service_is_there(check: Check) -> None:
    assert told(verdict_of(answering(200, LIST, JSON), check, None)) == ("reachable", 200, "The service answers.")
    refused = verdict_of(answering(401, b"", JSON), check, None)
    assert told(refused) == ("refused", 401, "The provider wants a credential (401)")


PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.mark.parametrize("check", [MODELS, PUBLIC, GOOGLE])
@pytest.mark.parametrize("status", [200, 400, 403, 404, 502])
@pytest.mark.parametrize(
    ("headers", "body"), [(HTML, PAGE), (HTML, b""), ({}, PAGE), (JSON, b"\n  <html lang='en'>"), (JSON, PAGE.lower())]
)
def test_a_web_page_tells_nothing_whatever_its_status(
    check: Check, status: int, headers: dict[str, str], body: bytes
) -> None:
    verdict = verdict_of(answering(status, body, headers), check)
    assert (verdict.state, verdict.status) == ("undetermined", status)
    assert verdict.message.startswith(f"A web page answered ({status})")


def test_a_401_is_a_refusal_even_as_a_web_page() -> None:
    assert told(verdict_of(answering(401, PAGE, HTML))) == ("refused", 401, "The provider refused the credential (401)")


# --- the network -----------------------------------------------------------------------------------------------------


def test_a_refused_connection_is_unreachable() -> None:
    with refusing_port() as port:
        verdict = ask(f"http://127.0.0.1:{port}/v1")
    assert (verdict.state, verdict.status, verdict.code) == ("unreachable", None, "net.refused")
    assert verdict.message.endswith(".")


@pytest.mark.parametrize(
    "handler",
    [
        sending(b"", reset=True),
        sending(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", reset=True),
    ],
)
def test_a_reset_is_unreachable(handler: Handler) -> None:
    verdict = verdict_of(handler)
    assert (verdict.state, verdict.code) == ("unreachable", "net.reset")


@pytest.mark.parametrize(
    "handler",
    [
        holding(),
        holding(b"HTTP/1.1 200 OK\r\n"),
        holding(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", 0.01),
    ],
)
def test_a_slow_server_is_unreachable_at_the_deadline(handler: Handler) -> None:
    verdict = verdict_of(handler, deadline_s=0.2)
    assert (verdict.state, verdict.code) == ("unreachable", "net.timeout")


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (sending(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "net.protocol"),
        (answering(200, b"not gzip", {"Content-Encoding": "gzip"}), "net.protocol"),
        (answering(200, b"x", {"Content-Encoding": "br"}), "net.protocol"),
        (answering(200, b" " * (8 * 1024 * 1024 + 1), JSON), "net.too-large"),
        (answering(302, b"", {}), "net.redirect"),
        (redirecting("/v1/models"), "net.redirect"),
        (redirecting("ftp://127.0.0.1/"), None),
    ],
)
def test_something_that_answers_strangely_tells_nothing(handler: Handler, code: str | None) -> None:
    verdict = verdict_of(handler)
    assert (verdict.state, verdict.status) == ("undetermined", None)
    assert verdict.code is not None
    assert code is None or verdict.code == code


def test_a_list_of_some_megabytes_is_read() -> None:
    body = json.dumps({"data": [{"id": "x" * 1_000}] * 3_000}).encode()
    assert verdict_of(answering(200, body, JSON)).state == "accepted"


def test_a_base_url_that_may_not_be_asked_tells_nothing() -> None:
    verdict = ask("http://api.acme.test/v1")
    assert (verdict.state, verdict.code) == ("undetermined", "url.insecure")
    forbidden = ask("http://169.254.169.254/v1")
    assert (forbidden.state, forbidden.status) == ("unreachable", None)
    assert forbidden.code == "net.forbidden-address"


# --- who sees the credential -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("bearer", "authorization", f"Bearer {KEY}"),
        ("x-api-key", "x-api-key", KEY),
        ("x-goog-api-key", "x-goog-api-key", KEY),
    ],
)
def test_the_credential_goes_in_its_header_and_nowhere_else(auth: Any, header: str, value: str) -> None:
    check = Check("{base}/models", auth=auth, headers={"X-Version": "2023-06-01"})
    with HttpServer(answering(200, LIST, JSON)) as server:
        assert ask(server.url + "/v1", check).state == "accepted"
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("GET", "/v1/models", b"")
    assert request.headers[header] == value
    assert request.headers["accept"] == "application/json"
    assert request.headers["x-version"] == "2023-06-01"
    assert [name for name, each in request.headers.items() if KEY in each] == [header]


def test_a_public_service_is_not_shown_the_credential() -> None:
    with HttpServer(answering(200, LIST, JSON)) as server:
        ask(server.url, PUBLIC)
    assert KEY.encode() not in server.requests[0].raw_head


@pytest.mark.parametrize(
    ("url", "base", "target"),
    [
        ("{base}/models", "/v1", "/v1/models"),
        ("{base}/models", "", "/models"),
        ("{origin}/api/version", "/deep/v1", "/api/version"),
        ("{base}/key?full=1", "/v1", "/v1/key?full=1"),
    ],
)
def test_the_url_of_a_check_is_built_from_the_base_url(url: str, base: str, target: str) -> None:
    with HttpServer(answering(200, LIST, JSON)) as server:
        ask(server.url + base, Check(url))
    assert [each.target for each in server.requests] == [target]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_keeps_the_credential(status: int) -> None:
    with HttpServer(redirecting("/elsewhere", status)) as server:
        assert ask(server.url + "/v1").state == "accepted"
    assert [each.target for each in server.requests] == ["/v1/models", "/elsewhere"]
    assert server.requests[1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("auth", ["bearer", "x-api-key", "x-goog-api-key"])
@pytest.mark.parametrize("answer", [200, 401, 403, 402])
def test_a_redirect_to_another_origin_never_carries_the_credential_and_tells_nothing(auth: Any, answer: int) -> None:
    check = Check("{base}/models", auth=auth, headers={"X-Private": "1"})
    with HttpServer(answering(answer, LIST, JSON)) as other, HttpServer(redirecting(other.url + "/v1")) as server:
        verdict = ask(server.url + "/v1", check)
    assert told(verdict) == (
        "undetermined",
        answer,
        f"{server.url} sends on to {other.url}, where the credential was not shown",
    )
    (request,) = other.requests
    assert KEY.encode() not in request.raw_head
    assert "x-private" not in request.headers


def test_a_public_service_may_send_on() -> None:
    with HttpServer(answering(200, LIST, JSON)) as other, HttpServer(redirecting(other.url + "/v1")) as server:
        assert ask(server.url + "/v1", PUBLIC).state == "reachable"


def test_a_credential_of_a_vendor_is_sent_to_the_address_in_the_config_alone() -> None:
    """The block's own check names the vendor; behind another base URL it is not used, and the vendor is not asked."""
    with HttpServer(answering(200, LIST, JSON)) as vendor, HttpServer(answering(200, LIST, JSON)) as proxy:
        block = Provider(
            id="acme",
            label="Acme",
            base_url=vendor.url + "/v1",
            api="openai-completions",
            verify=Check(f"{vendor.url}/users/me"),
        )
        for entry, asked, target in (
            (None, vendor, "/users/me"),
            (ProviderSettings("acme", base_url=vendor.url + "/v2/"), vendor, "/users/me"),
            (ProviderSettings("acme", base_url=proxy.url + "/v1/"), proxy, "/v1/models"),
        ):
            vendor.requests.clear()
            proxy.requests.clear()
            base_url = base_url_of(block, entry, {})
            assert base_url is not None
            check = check_for(block, None, base_url)
            assert check is not None
            assert ask(base_url, check).state == "accepted"
            assert [each.target for each in asked.requests] == [target]
            assert len(vendor.requests) + len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("name", "base", "target", "header"),
    [
        ("anthropic", "", "/v1/models", "x-api-key"),
        ("anthropic", "/v1", "/v1/models", "x-api-key"),
        ("openai", "/v1", "/v1/models", "authorization"),
        ("google", "/v1beta", "/v1beta/models", "x-goog-api-key"),
    ],
)
def test_core_providers_behind_another_address_are_asked_in_their_style(
    name: str, base: str, target: str, header: str
) -> None:
    block = ProviderRegistry.with_core().resolve_provider(name)
    with HttpServer(answering(200, LIST, JSON)) as server:
        check = check_for(block, None, server.url + base)
        assert check is not None
        assert ask(server.url + base, check).state == "accepted"
    assert [each.target for each in server.requests] == [target]
    assert KEY in server.requests[0].headers[header]


# --- what is repeated ------------------------------------------------------------------------------------------------

ECHOES: list[tuple[str, bytes]] = [
    ("plain", error_body(f"Wrong key: {KEY}")),
    ("quoted", error_body(f"Wrong key '{KEY}'.")),
    ("masked", error_body("Wrong key: sk-pr**************************6789")),
    ("dotted", error_body("Wrong key: sk-pr...6789")),
    ("first half", error_body(f"Wrong key: {KEY[:20]}")),
    ("second half", error_body(f"Wrong key: {KEY[20:]}")),
    ("in a list", json.dumps([{"message": f"Wrong key: {KEY}"}]).encode()),
    ("as JSON escapes", b'{"message": "Wrong key: ' + b"".join(b"\\u%04x" % ord(char) for char in KEY) + b'"}'),
    ("long", error_body("x " * 140 + KEY)),
    ("all over", error_body(" ".join([KEY] * 200))),
]


@pytest.mark.parametrize(("name", "body"), ECHOES, ids=[name for name, _ in ECHOES])
@pytest.mark.parametrize("status", [401, 402, 403, 429, 500])
def test_an_answer_that_repeats_the_credential_is_not_repeated(name: str, body: bytes, status: int) -> None:
    verdict = verdict_of(answering(status, body, JSON))
    assert verdict.status == status
    runs = {KEY[start : start + 8] for start in range(len(KEY) - 7)}
    assert not [run for run in runs if run in repr(verdict)]
    assert "6789" not in verdict.message
    assert len(verdict.message) < 400


def test_an_answer_in_plain_text_is_repeated_without_what_steers_a_terminal() -> None:
    body = f"Wrong\x1b]0;title\x07 key\x00 \u202e{KEY}\u202c\r\nbye\x9b2J".encode()
    verdict = verdict_of(answering(401, body, {"Content-Type": "text/plain; charset=utf-8"}))
    assert verdict.message == "The provider refused the credential (401): Wrong ]0;title key … bye 2J"
    assert verdict.message.isprintable()


@pytest.mark.parametrize("body", [b"\xff\xfe\xfa", b'{"error": "\xff"}', b"\x00" * 100, b'{"error": '])
def test_an_answer_that_is_no_text_is_judged_by_its_status(body: bytes) -> None:
    verdict = verdict_of(answering(401, body, JSON))
    assert told(verdict) == ("refused", 401, "The provider refused the credential (401)")


def test_a_huge_message_is_cut() -> None:
    verdict = verdict_of(answering(401, error_body("no " * 1_000_000), JSON))
    assert verdict.state == "refused"
    assert len(verdict.message) < 400
    assert verdict.message.endswith("…")


def test_no_verdict_on_the_network_repeats_the_credential() -> None:
    with refusing_port() as port:
        for base_url in (f"http://127.0.0.1:{port}/{KEY}", f"http://127.0.0.1:{port}/v1"):
            assert KEY not in repr(ask(base_url))
    assert KEY not in repr(verdict_of(redirecting(f"http://127.0.0.1:1/{KEY}")))


def test_several_providers_are_asked_at_once_over_one_client() -> None:
    async def run(urls: list[str]) -> list[Verdict]:
        async with HttpClient(env={}, user_agent="jackfield-test") as client:
            return await asyncio.gather(*(verify(client, MODELS, url, SECRET, deadline_s=10) for url in urls))

    with HttpServer(answering(200, LIST, JSON)) as good, HttpServer(answering(401, b"", JSON)) as bad:
        verdicts = asyncio.run(run([good.url, bad.url] * 10))
    assert [each.state for each in verdicts] == ["accepted", "refused"] * 10
