"""Asking a model over real HTTP: whole answers, broken ones, refusals, and credentials that are turned down."""

from __future__ import annotations

import asyncio
import json
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.app import App
from jackfield.calls.parts import Message, Usage
from jackfield.calls.runner import Answer, Caller, cost_of
from jackfield.credentials.profile import ApiKeyCredential, Credential, OAuthCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, JackfieldError, RemoteError, RequestError, UnknownNameError
from jackfield.providers.block import AuthMethod, Cost, Model, OAuth, Provider, RuntimeTags, TokenExchange
from jackfield.table import Owner, Trust
from support.cli import MASTER_KEY, RIGHT_KEY, leaks
from support.models import (
    ASSIST,
    CHAT,
    CODEX,
    COPILOT,
    GENERATE,
    MESSAGES,
    PIECES,
    RESPONSES,
    TEXT,
    VENDORS,
    Answers,
    Vendor,
    body_of,
    event,
    send_stream,
    streaming,
    telling,
    typed,
)
from support.oauth import OAuthServer
from support.servers import Connection, Handler, HttpServer, Request, answering, holding, refusing_port, sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jackfield.net import HttpClient

HELLO = (Message("user", "Hello?"),)
HOUR = 3_600_000
OWNER = Owner(Trust.CORE, "core")
MODELS = (Model("m-1", "One", 100_000, 4_000, cost=Cost(1.0, 10.0, 0.5, 2.0)), Model("m-1-mini", "Mini", 1_000, 100))


@dataclass
class World:
    """One user's home with a provider `acme`, whose address is that of a server of the test."""

    app: App
    heard: list[str] = field(default_factory=list)

    def provide(self, server: HttpServer, api: str = CHAT.api, **fields: Any) -> None:
        given = {"id": "acme", "label": "Acme", "base_url": server.url, "api": api, "models": MODELS, **fields}
        self.app.registry.register_provider(Provider(**given), owner=OWNER)

    def put(self, credential: Credential | str = RIGHT_KEY, name: str = "default") -> None:
        made = ApiKeyCredential(Secret(credential)) if isinstance(credential, str) else credential
        self.app.store.put(Profile(f"acme:{name}", made))

    def ask(self, ref: str = "acme/m-1", **options: Any) -> Answer:
        async def ask() -> Answer:
            async with self.app.http_client() as client:
                caller = Caller(self.app.registry, self.app.credentials, client, deadline_s=20)
                return await caller.ask(ref, options.pop("messages", HELLO), hear=self.heard.append, **options)

        return asyncio.run(ask())

    def usage(self, name: str = "default") -> Any:
        profile = self.app.store.get(f"acme:{name}")
        assert profile is not None
        return profile.usage


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with App(env={"JACKFIELD_HOME": str(tmp_path / "home"), "JACKFIELD_MASTER_KEY": MASTER_KEY}) as app:
        yield World(app)


def byte_by_byte(vendor: Vendor) -> Handler:
    return streaming([vendor.body[place : place + 1] for place in range(len(vendor.body))])


# --- whole answers


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda each: each.api)
def test_an_answer_streams_from_every_vendor(world: World, vendor: Vendor) -> None:
    with HttpServer(telling(vendor)) as server:
        world.provide(server, vendor.api)
        world.put()
        answer = world.ask()
        request = server.requests[0]
    assert (answer.text, tuple(world.heard)) == (TEXT, PIECES)
    assert (answer.finish, answer.error, answer.answered_by) == ("stop", None, vendor.answered_by)
    assert (answer.provider, answer.model, answer.source) == ("acme", "m-1", "profile acme:default")
    assert tuple(answer.usage.to_dict().values()) == vendor.usage
    assert answer.first_s is not None
    assert 0 <= answer.first_s <= answer.elapsed_s
    assert request.target == vendor.path
    assert (request.headers["content-type"], request.headers["accept"]) == (
        "application/json",
        "text/event-stream, application/json",
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda each: each.api)
def test_an_answer_comes_in_one_piece_where_that_is_wanted(world: World, vendor: Vendor) -> None:
    with HttpServer(telling(vendor)) as server:
        world.provide(server, vendor.api)
        world.put()
        answer = world.ask(stream=False)
        assert server.requests[0].target == vendor.whole_path
    assert (answer.text, answer.finish) == (TEXT, "stop")
    # Only subscriptions know nothing but streams.
    assert world.heard == (list(PIECES) if vendor is CODEX else [TEXT])


@pytest.mark.parametrize("vendor", [CHAT, MESSAGES, GENERATE], ids=lambda each: each.api)
def test_an_answer_that_comes_byte_by_byte_is_the_same(world: World, vendor: Vendor) -> None:
    with HttpServer(byte_by_byte(vendor)) as server:
        world.provide(server, vendor.api)
        world.put()
        answer = world.ask()
    assert (answer.text, tuple(world.heard)) == (TEXT, PIECES)


def test_a_server_that_ignores_the_wish_for_a_stream_is_understood(world: World) -> None:
    body = json.dumps(CHAT.whole).encode()
    with HttpServer(answering(200, body, {"Content-Type": "application/json; charset=utf-8"})) as server:
        world.provide(server)
        world.put()
        assert world.ask().text == TEXT


def test_a_stream_without_a_content_type_is_understood(world: World) -> None:
    async def handle(request: Request, connection: Connection) -> None:
        await send_stream(connection, CHAT.stream, headers={})

    with HttpServer(handle) as server:
        world.provide(server)
        world.put()
        assert world.ask().text == TEXT


def test_a_stream_that_stays_open_after_its_end_is_not_waited_for(world: World) -> None:
    async def handle(request: Request, connection: Connection) -> None:
        await send_stream(connection, CHAT.stream, ends=False)
        await connection.closed_by_peer()

    with HttpServer(handle) as server:
        world.provide(server)
        world.put()
        answer = world.ask()
    assert (answer.text, answer.error) == (TEXT, None)


def test_a_break_after_the_reason_for_the_end_loses_nothing_but_counts(world: World) -> None:
    with HttpServer(streaming(CHAT.stream[:-2], ends=False)) as server:
        world.provide(server)
        world.put()
        answer = world.ask()
    assert (answer.text, answer.finish, answer.error, answer.usage) == (TEXT, "stop", None, Usage())


def test_a_stream_that_ends_without_a_reason_but_says_that_it_is_done_is_whole(world: World) -> None:
    chunks = [event({"choices": [{"delta": {"content": "Hi"}}]}), event("[DONE]")]
    with HttpServer(streaming(chunks)) as server:
        world.provide(server)
        world.put()
        answer = world.ask()
    assert (answer.text, answer.finish, answer.error) == ("Hi", None, None)


def test_events_without_data_are_passed_over(world: World) -> None:
    chunks = [b"data:\n\n", b"data: \n\n", *CHAT.stream]
    with HttpServer(streaming(chunks)) as server:
        world.provide(server)
        world.put()
        assert world.ask().text == TEXT


def test_a_line_of_a_megabyte_is_taken(world: World) -> None:
    long = "ß" * 600_000
    chunks = [event({"choices": [{"delta": {"content": long}, "finish_reason": "stop"}]}), event("[DONE]")]
    with HttpServer(streaming(chunks)) as server:
        world.provide(server)
        world.put()
        assert world.ask().text == long


@pytest.mark.parametrize(
    ("vendor", "chunks", "finish", "detail"),
    [
        (CHAT, [event({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "length"}]})], "length", "length"),
        (
            MESSAGES,
            [typed("message_delta", delta={"stop_reason": "max_tokens"}), typed("message_stop")],
            "length",
            "max_tokens",
        ),
        (GENERATE, [event({"promptFeedback": {"blockReason": "SAFETY"}})], "filter", "SAFETY"),
        (
            RESPONSES,
            [
                typed("response.output_item.added", item={"type": "function_call"}),
                typed("response.completed", response={"status": "completed"}),
            ],
            "tool",
            "completed",
        ),
        (
            CHAT,
            [
                event({"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}),
                event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
            ],
            "tool",
            "tool_calls",
        ),
    ],
)
def test_an_answer_that_is_cut_withheld_or_a_call_of_a_tool_says_so(
    world: World, vendor: Vendor, chunks: list[bytes], finish: str, detail: str
) -> None:
    with HttpServer(streaming(chunks)) as server:
        world.provide(server, vendor.api)
        world.put()
        answer = world.ask()
    assert (answer.finish, answer.detail, answer.error) == (finish, detail, None)


# --- what is sent


def test_the_whole_conversation_is_sent_with_the_secret_in_its_header_alone(world: World) -> None:
    turns = (Message("user", "One?"), Message("assistant", "Two."), Message("user", "Three?"))
    with HttpServer(telling(CHAT)) as server:
        world.provide(server)
        world.put()
        world.ask(messages=turns, system="Be brief.", max_tokens=9)
        request = server.requests[0]
    body = body_of(request)
    assert [(each["role"], each["content"]) for each in body["messages"]] == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "Two."),
        ("user", "Three?"),
    ]
    assert body["max_tokens"] == 9
    assert request.headers["authorization"] == f"Bearer {RIGHT_KEY}"
    assert leaks(request.body, RIGHT_KEY) == []
    assert leaks(request.target, RIGHT_KEY) == []


def test_the_family_of_openai_gets_the_limit_by_its_newer_name(world: World) -> None:
    with HttpServer(telling(CHAT)) as server:
        world.provide(server, tags=RuntimeTags(openai_family=True))
        world.put()
        world.ask(max_tokens=9)
        assert body_of(server.requests[0])["max_completion_tokens"] == 9


def test_a_key_in_json_gives_the_project_and_sends_its_token(world: World) -> None:
    with HttpServer(telling(ASSIST)) as server:
        world.provide(server, ASSIST.api, tags=RuntimeTags(json_api_key=True))
        world.put(OAuthCredential(Secret("at-1"), None, 4_000_000_000_000, extra={"projectId": "p-9"}))
        world.ask()
        request = server.requests[0]
    assert body_of(request)["project"] == "p-9"
    assert request.headers["authorization"] == "Bearer at-1"


def test_copilot_gets_the_headers_that_it_wants(world: World) -> None:
    with HttpServer(telling(COPILOT)) as server:
        world.provide(server, COPILOT.api)
        world.put()
        world.ask()
        assert server.requests[0].headers["copilot-integration-id"] == "vscode-chat"


@pytest.mark.parametrize("messages", [(), (Message("user", " \n"),)])
def test_an_empty_question_is_not_sent(world: World, messages: tuple[Message, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        world.ask(messages=messages)
    assert caught.value.code == "call.empty"


@pytest.mark.parametrize(
    ("ref", "api", "code"),
    [
        ("acme", CHAT.api, "ref.model"),
        ("acme/m-1", "google-vertex", "call.style"),
        ("x/y", CHAT.api, "registry.unknown"),
    ],
)
def test_what_cannot_be_asked_is_told_before_anything_is_sent(world: World, ref: str, api: str, code: str) -> None:
    with HttpServer(telling(CHAT)) as server:
        world.provide(server, api)
        world.put()
        with pytest.raises(RequestError) as caught:
            world.ask(ref)
        assert server.requests == []
    assert caught.value.code == code


# --- refusals


@pytest.mark.parametrize(
    ("status", "headers", "words", "code", "fix"),
    [
        (401, {}, "Bad key", "credential.refused", "Log in again with: jackfield login acme. No other credential"),
        (402, {}, "Pay first", "credential.billing", "Add credit there"),
        (429, {}, "You exceeded your current quota: insufficient_quota", "credential.billing", "Add credit there"),
        (403, {}, "Not in your country", "credential.forbidden", "Use another model"),
        (404, {}, "No such model", "call.model", "Did you mean acme/m-1-mini or acme/m-1?"),
        (400, {}, "model `m-1-mni` does not exist", "call.model", "Did you mean acme/m-1-mini or acme/m-1?"),
        (400, {}, "messages: too long", "call.rejected", None),
        (413, {}, "Too large", "call.rejected", None),
        (429, {}, "Slow down", "call.rate-limited", "Try again later."),
        (429, {"Retry-After": "17"}, "Slow down", "call.rate-limited", "Try again in 17 s."),
        (429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, "", "call.rate-limited", "Try again in 1 s."),
        (429, {"Retry-After": "soon"}, "", "call.rate-limited", "Try again later."),
        (500, {}, "Oops", "call.failed", "Try again later."),
        (503, {"Retry-After": "3"}, "", "call.failed", "Try again in 3 s."),
        (529, {}, "Overloaded", "call.failed", "Try again later."),
    ],
)
def test_a_refusal_is_told_in_plain_words(
    world: World, status: int, headers: dict[str, str], words: str, code: str, fix: str | None
) -> None:
    told = {"error": {"message": f"{words} {RIGHT_KEY}", "type": "x"}}
    with Answers([(status, told, headers)]).server() as server:
        world.provide(server)
        world.put()
        with pytest.raises(JackfieldError) as caught:
            world.ask("acme/m-1-mni")
        assert [each.method for each in server.requests] == ["POST"]
    error = caught.value
    assert error.code == code
    assert f"({status})" in error.message
    assert words in error.message
    assert (error.fix or "").startswith(fix or "")
    assert (error.fix is None) is (fix is None)
    assert leaks("".join(traceback.format_exception(error)) + json.dumps(error.to_dict()), RIGHT_KEY) == []
    assert world.heard == []


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (200, {}),
        (401, {}),
        (402, {"billing": 1}),
        (403, {}),
        (404, {}),
        (429, {"rate_limit": 1}),
        (500, {"server_error": 1}),
    ],
)
def test_how_it_went_is_remembered_of_the_profile(world: World, status: int, counts: dict[str, int]) -> None:
    steps: list[Any] = [CHAT] if status == 200 else [(status, {"error": {"message": "No"}})]
    with Answers(steps).server() as server:
        world.provide(server)
        world.put()
        if status == 200:
            world.ask()
        else:
            with pytest.raises(JackfieldError):
                world.ask()
    # A failed server is remembered as such whatever its status was.
    assert dict(world.usage().failure_counts) == ({"server_error": 1} if status == 500 else counts)
    assert (world.usage().last_used is not None) is (status == 200)


def test_an_unknown_model_of_a_server_without_a_list_is_looked_up_in_its_own(world: World) -> None:
    async def handle(request: Request, connection: Connection) -> None:
        if request.method == "GET":
            rows = {"data": [{"id": "llama-4"}, {"id": "gemma-5"}, {"no": "id"}, 3]}
            await connection.reply(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})
        else:
            await connection.reply(404, b'{"error": "model not found"}', {"Content-Type": "application/json"})

    with HttpServer(handle) as server:
        world.provide(server, models=())
        world.put()
        with pytest.raises(UnknownNameError) as caught:
            world.ask("acme/lama-4")
        assert [(each.method, each.target) for each in server.requests] == [
            ("POST", "/chat/completions"),
            ("GET", "/models"),
        ]
    assert (caught.value.code, caught.value.suggestions) == ("call.model", ("llama-4",))
    assert caught.value.fix == "Did you mean acme/llama-4?"


@pytest.mark.parametrize("listed", [(500, {}), (200, b"nonsense"), (200, []), (200, {"data": 3})])
def test_a_list_that_does_not_come_costs_only_the_suggestion(world: World, listed: tuple[int, object]) -> None:
    with Answers([(404, {"error": "no"}), listed]).server() as server:
        world.provide(server, models=())
        world.put()
        with pytest.raises(UnknownNameError) as caught:
            world.ask()
    assert (caught.value.code, caught.value.suggestions) == ("call.model", ())


# --- credentials that are turned down


def with_oauth(world: World, server: HttpServer, login: OAuthServer) -> None:
    flow = OAuth(hosts=("127.0.0.1",), token_url=f"{login.url}/token", client_id="acme-client")
    method = AuthMethod("oauth", "acme", "oauth", "Acme", "oauth-pkce", oauth=flow, profile="acme:default")
    world.provide(server, auth=(method,))
    told = login.issue()
    tokens = Secret(str(told["access_token"])), Secret(str(told["refresh_token"]))
    world.put(OAuthCredential(*tokens, world.app.clock() + HOUR))


def test_a_grant_that_is_turned_down_is_renewed_and_asked_with_once_more(world: World) -> None:
    answers = Answers([(401, {"error": {"message": "expired"}}), CHAT])
    with OAuthServer() as login, answers.server() as server:
        with_oauth(world, server, login)
        answer = world.ask()
        sent = [each.headers["authorization"].removeprefix("Bearer ") for each in server.requests]
        assert (answer.text, answer.error) == (TEXT, None)
        assert login.counts.refreshes == 1
        assert len(set(sent)) == 2
        assert login.is_live(sent[1])


def test_a_grant_that_is_turned_down_twice_is_refused_and_no_other_credential_is_tried(world: World) -> None:
    answers = Answers([(401, {"error": {"message": "no"}})])
    with OAuthServer() as login, answers.server() as server:
        with_oauth(world, server, login)
        world.put("sk-other", "other")
        with pytest.raises(CredentialError) as caught:
            world.ask()
        sent = [each.headers["authorization"] for each in server.requests]
        assert login.counts.refreshes == 1
    assert caught.value.code == "credential.refused"
    assert len(sent) == 2
    assert "Bearer sk-other" not in sent


def test_a_key_that_is_turned_down_is_asked_with_once(world: World) -> None:
    answers = Answers([(401, {"error": {"message": "no"}})])
    with answers.server() as server:
        world.provide(server)
        world.put()
        world.put("sk-other", "other")
        with pytest.raises(CredentialError) as caught:
            world.ask()
        assert len(server.requests) == 1
    assert caught.value.code == "credential.refused"
    assert "profile acme:" in caught.value.message


def test_a_traded_token_that_is_turned_down_is_traded_once_more(world: World) -> None:
    ends = world.app.clock() + HOUR
    trade = Answers([(200, {"token": f"t{number}", "expires_at": ends}) for number in (1, 2)])
    answers = Answers([(401, {}), CHAT])
    with trade.server() as exchange, answers.server() as server:
        world.provide(server, token_exchange=TokenExchange(f"{exchange.url}/token"))
        world.put()
        assert world.ask().text == TEXT
        assert [each.headers["authorization"] for each in server.requests] == ["Bearer t1", "Bearer t2"]
        assert len(exchange.requests) == 2


# --- what breaks on the way


TWO = CHAT.stream[:4]  # a comment, the role, and two pieces


@pytest.mark.parametrize(
    "handler",
    [
        streaming(TWO),
        streaming(TWO, ends=False),
        streaming(TWO, ends=False, reset=True),
        streaming([*TWO, b'data: {"choices": [{"delta"']),
        streaming([*TWO, b'data: {"choices": [{"delta"\n']),
    ],
    ids=["ended", "closed", "reset", "in a line", "in an event"],
)
def test_what_came_of_a_broken_answer_is_kept_and_said(world: World, handler: Handler) -> None:
    with HttpServer(handler) as server:
        world.provide(server)
        world.put()
        answer = world.ask()
    assert isinstance(answer.error, RemoteError)
    assert (answer.error.code, answer.finish) == ("call.broken", None)
    # A reset may overtake what was sent before it.
    assert TEXT.startswith(answer.text)
    assert answer.text == "".join(world.heard) != ""
    assert answer.to_dict()["error"] == answer.error.to_dict()
    assert dict(world.usage().failure_counts) == {}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, "call.failed"),
        ({"type": "rate_limit_error", "message": "Slow"}, "call.rate-limited"),
        ({"code": 502, "message": "Bad gateway"}, "call.failed"),
        ({"type": "insufficient_quota", "message": "Pay"}, "credential.billing"),
        ({"type": "invalid_request_error", "message": "Odd"}, "call.rejected"),
        ({"type": "never-heard-of", "message": "Hm"}, "call.failed"),
        ({"message": ""}, "call.failed"),
    ],
)
def test_an_error_within_an_answer_keeps_what_came(world: World, fault: dict[str, object], code: str) -> None:
    chunks = [*TWO, event({"error": {**fault, "message": f"{fault['message']} \x1b[31m{RIGHT_KEY}"}})]
    with HttpServer(streaming(chunks)) as server:
        world.provide(server)
        world.put()
        answer = world.ask()
    assert answer.text == "".join(PIECES[:2])
    assert answer.error is not None
    assert answer.error.code == code
    assert str(fault["message"]) in answer.error.message
    assert "\x1b" not in answer.error.message
    assert leaks(answer.error.message, RIGHT_KEY) == []


@pytest.mark.parametrize("vendor", [CHAT, RESPONSES, MESSAGES], ids=lambda each: each.api)
def test_an_error_before_any_text_is_raised(world: World, vendor: Vendor) -> None:
    told = typed("error", error={"type": "overloaded_error", "message": "Overloaded"})
    with HttpServer(streaming([told])) as server:
        world.provide(server, vendor.api)
        world.put()
        with pytest.raises(RemoteError) as caught:
            world.ask()
    assert (caught.value.code, caught.value.message) == ("call.failed", "Acme failed (529): Overloaded")
    assert dict(world.usage().failure_counts) == {"server_error": 1}


def test_an_error_in_an_answer_of_one_piece_is_raised(world: World) -> None:
    with Answers([(200, {"error": {"code": 429, "message": "Slow"}})]).server() as server:
        world.provide(server)
        world.put()
        with pytest.raises(RemoteError) as caught:
            world.ask(stream=False)
    assert caught.value.code == "call.rate-limited"


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (answering(200, b"<html>Log in</html>", {"Content-Type": "text/html; charset=utf-8"}), "is a web page"),
        (answering(200, b"[]", {"Content-Type": "application/json"}), "not in the format"),
        (answering(200, b"{}", {"Content-Type": "application/json"}), "not in the format"),
        (answering(200, b"nonsense", {"Content-Type": "application/json"}), "not in the format"),
        (streaming([event("nonsense"), event("[DONE]")]), "not in the format"),
        (streaming([event("[1, 2]"), event("[DONE]")]), "not in the format"),
        (streaming([event("[" * 100_000), event("[DONE]")]), "not in the format"),
    ],
)
def test_an_answer_in_another_format_is_not_understood(world: World, handler: Handler, told: str) -> None:
    with HttpServer(handler) as server:
        world.provide(server)
        world.put()
        with pytest.raises(RemoteError) as caught:
            world.ask()
    assert caught.value.code == "call.not-understood"
    assert told in caught.value.message


def test_nonsense_in_the_middle_of_an_answer_keeps_what_came(world: World) -> None:
    with HttpServer(streaming([*TWO, event("nonsense")])) as server:
        world.provide(server)
        world.put()
        answer = world.ask()
    assert answer.text == "".join(PIECES[:2])
    assert answer.error is not None
    assert answer.error.code == "call.not-understood"


@pytest.mark.parametrize("handler", [streaming([]), streaming([b": ping\n\n"] * 3), streaming([], ends=False)])
def test_a_stream_without_an_answer_is_a_broken_one(world: World, handler: Handler) -> None:
    with HttpServer(handler) as server:
        world.provide(server)
        world.put()
        with pytest.raises(RemoteError) as caught:
            world.ask()
    assert caught.value.code == "call.broken"


@pytest.mark.parametrize(
    ("handler", "code"), [(sending(b"", reset=True), "net.reset"), (sending(b"SSH-2.0\r\n\r\n"), "net.protocol")]
)
def test_what_is_no_http_is_told_as_such(world: World, handler: Handler, code: str) -> None:
    with HttpServer(handler) as server:
        world.provide(server)
        world.put()
        with pytest.raises(RemoteError) as caught:
            world.ask()
    assert caught.value.code == code


def test_a_server_that_is_not_there_is_told_as_such(world: World) -> None:
    with refusing_port() as port, HttpServer(telling(CHAT)) as server:
        world.provide(server, base_url=f"http://127.0.0.1:{port}")
        world.put()
        with pytest.raises(RemoteError) as caught:
            world.ask()
    assert caught.value.code == "net.refused"


def test_an_answer_that_stops_coming_ends_at_the_deadline(world: World) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    async def ask(client: HttpClient) -> Answer:
        async with client:
            caller = Caller(world.app.registry, world.app.credentials, client, deadline_s=0.3)
            return await caller.ask("acme/m-1", HELLO)

    with HttpServer(holding(head + b"".join(TWO))) as server:
        world.provide(server)
        world.put()
        answer = asyncio.run(ask(world.app.http_client()))
    assert answer.text == "".join(PIECES[:2])
    assert answer.error is not None
    assert answer.error.code == "call.broken"
    assert "did not answer in time" in answer.error.message


def test_a_store_that_cannot_be_written_does_not_cost_the_answer(world: World) -> None:
    from jackfield.errors import StoreError

    class Failing:
        def __init__(self) -> None:
            self.endpoint_async = world.app.credentials.endpoint_async

        def report(self, resolved: object, status: int) -> None:
            raise StoreError("The disk is full.", code="store.write-failed")

    async def ask() -> Answer:
        async with world.app.http_client() as client:
            credentials: Any = Failing()
            return await Caller(world.app.registry, credentials, client).ask("acme/m-1", HELLO)

    with HttpServer(telling(CHAT)) as server:
        world.provide(server)
        world.put()
        answer = asyncio.run(ask())
    assert (answer.text, answer.error) == (TEXT, None)
    assert [(each.code, each.severity) for each in answer.diagnostics] == [("store.write-failed", "warning")]


# --- what it cost


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        (MODELS[0], Usage(1_000_000, 100_000), 2.0),
        (MODELS[0], Usage(8, 7, 4, 3), (8 * 1 + 7 * 10 + 4 * 0.5 + 3 * 2) / 1_000_000),
        (MODELS[0], Usage(0, 0), 0.0),
        (MODELS[0], Usage(None, 5), None),
        (MODELS[0], Usage(5, None), None),
        (MODELS[1], Usage(5, 5), None),
        (None, Usage(5, 5), None),
    ],
)
def test_the_cost_is_that_of_the_list_price(model: Model | None, usage: Usage, cost: float | None) -> None:
    assert cost_of(model, usage) == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize(("mode", "told"), [("api_key", True), ("oauth", False)])
def test_a_subscription_has_no_cost_of_a_call(world: World, mode: str, *, told: bool) -> None:
    with HttpServer(telling(CHAT)) as server:
        world.provide(server)
        world.put(RIGHT_KEY if mode == "api_key" else OAuthCredential(Secret("at"), None, 4_000_000_000_000))
        answer = world.ask()
    assert (answer.cost is not None) is told


# --- a question from Python


def test_an_app_asks_one_question(world: World) -> None:
    heard: list[str] = []
    with HttpServer(telling(MESSAGES)) as server:
        world.provide(server, MESSAGES.api)
        world.put()
        answer = world.app.ask("acme/m-1", "Hello?", system="Be brief.", hear=heard.append)
        assert body_of(server.requests[0])["system"] == "Be brief."
    assert (answer.text, "".join(heard)) == (TEXT, TEXT)


def test_an_answer_as_json_has_every_field_and_no_secret(world: World) -> None:
    with HttpServer(telling(CHAT)) as server:
        world.provide(server)
        world.put()
        told = world.ask().to_dict()
    assert list(told) == [
        "text", "provider", "model", "answered_by", "finish", "detail", "usage", "cost_usd", "source", "passed_over",
        "timing", "error", "diagnostics",
    ]  # fmt: skip
    assert told["usage"] == {"input": 8, "output": 7, "cache_read": 4, "cache_write": None}
    assert leaks(json.dumps(told), RIGHT_KEY) == []


def test_cancelling_a_question_closes_its_connection(world: World) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    begun = asyncio.Event()
    hear: Callable[[str], None] = lambda _: begun.set()  # noqa: E731

    async def ask() -> None:
        async with world.app.http_client() as client:
            caller = Caller(world.app.registry, world.app.credentials, client)
            task = asyncio.ensure_future(caller.ask("acme/m-1", HELLO, hear=hear))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with HttpServer(holding(head + b"".join(TWO))) as server:
        world.provide(server)
        world.put()
        asyncio.run(ask())
