"""`jackfield chat` over real HTTP: where the question is from, what is printed where, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.cli.chat import complete_model, shown
from support.cli import RIGHT_KEY, WRONG_KEY, InProcess, leaks
from support.models import CHAT, MESSAGES, TEXT, Answers, Vendor, body_of, event, streaming, telling, typed
from support.servers import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


MODEL = {"id": "m-1", "name": "One", "cost": {"input": 1, "output": 10, "cacheRead": 0.5}}


def provide(cli: InProcess, server: HttpServer, vendor: Vendor = CHAT, *, default: str | None = None) -> None:
    entry = {"baseUrl": server.url, "apiKey": RIGHT_KEY, "api": vendor.api, "models": [MODEL]}
    agents = {"agents": {"defaults": {"model": default, "models": {"acme/m-1": {"alias": "best"}}}}} if default else {}
    cli.write_config(json.dumps({"models": {"providers": {"acme": entry}}, **agents}))


@pytest.fixture
def server(cli: InProcess) -> Iterator[HttpServer]:
    with HttpServer(telling(CHAT)) as running:
        provide(cli, running)
        yield running


# --- the question


@pytest.mark.parametrize(
    ("args", "stdin", "question"),
    [
        (["What?"], b"ignored", "What?"),
        (["-"], b"From a pipe\n", "From a pipe"),
        ([], b"From a pipe\r\n", "From a pipe"),
        ([], "\ufeffZwei\nZeilen\n\n".encode(), "Zwei\nZeilen"),
        ([" spaced "], b"", " spaced "),
    ],
)
def test_the_question_is_an_argument_or_standard_input(
    cli: InProcess, server: HttpServer, args: list[str], stdin: bytes, question: str
) -> None:
    result = cli.call("chat", "acme/m-1", *args, stdin=stdin)
    assert result.status == 0, result.err
    assert [each["content"] for each in body_of(server.requests[0])["messages"]] == [question]


@pytest.mark.parametrize(
    ("args", "stdin"),
    [([], b""), (["-"], b" \n"), ([""], b""), (["-"], b"\xff\xfe"), ([], b"x" * (8 * 1024 * 1024 + 1))],
    ids=["nothing", "blank", "empty", "not UTF-8", "too long"],
)
def test_what_is_no_question_is_not_sent(cli: InProcess, server: HttpServer, args: list[str], stdin: bytes) -> None:
    result = cli.call("chat", "acme/m-1", *args, "--json", stdin=stdin)
    assert (result.status, result.code) == (2, "call.empty")
    assert server.requests == []


def test_the_options_reach_the_provider(cli: InProcess, server: HttpServer) -> None:
    cli.call("chat", "acme/m-1", "What?", "--system", "Be brief.", "--max-tokens", "7")
    body = body_of(server.requests[0])
    assert (body["messages"][0], body["max_tokens"]) == ({"role": "system", "content": "Be brief."}, 7)


@pytest.mark.parametrize("args", [["--max-tokens", "0"], ["--timeout", "0"], ["--no-such"]])
def test_a_wrong_option_is_a_wrong_usage(cli: InProcess, server: HttpServer, args: list[str]) -> None:
    assert cli.call("chat", "acme/m-1", "What?", *args).status == 2
    assert server.requests == []


# --- the model


@pytest.mark.parametrize("name", ["acme/m-1", "m-1", "best"])
def test_a_name_alone_is_an_alias_or_a_model_of_the_default_provider(
    cli: InProcess, server: HttpServer, name: str
) -> None:
    provide(cli, server, default="acme/m-1")
    assert cli.call("chat", name, "What?").out == TEXT
    assert body_of(server.requests[0])["model"] == "m-1"


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("m-1", "ref.model", "Did you mean acme/m-1?"),
        ("claude-opus-4-6", "ref.model", "claude-opus-4-5"),
        ("acmee/m-1", "registry.unknown", "acme"),
        ("claude-cli/x", "endpoint.none", "command-line program"),
        ("amazon-bedrock/x", "call.style", "openai-completions"),
        ("google-vertex/x", "credential.none", "Set"),
        ("anthropic/x", "credential.none", "jackfield login anthropic"),
    ],
)
def test_a_model_that_cannot_be_called_is_told_with_what_to_do(
    cli: InProcess, server: HttpServer, name: str, code: str, told: str
) -> None:
    aws = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    result = cli.call("chat", name, "What?", "--json", env=aws)
    assert result.code == code
    assert told in json.dumps(result.error)
    assert server.requests == []


def test_the_errors_of_the_config_are_told_where_the_provider_may_be_missing(cli: InProcess) -> None:
    cli.write_config("{models: {providers: {inhouse: {baseUrl: 5}}}")
    result = cli.call("chat", "inhouse/m", "What?")
    assert result.status == 2
    assert "config.json5" in result.err


def test_models_complete_in_the_shell(cli: InProcess, server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_HOME", str(cli.home))
    complete: Any = complete_model
    assert complete(None, None, "acme/") == ["acme/m-1"]
    assert "anthropic/claude-opus-4-5" in complete(None, None, "anthropic/claude-opus")
    assert complete(None, None, "nothing/") == []
    assert len(complete(None, None, "")) > 50


# --- the answer


def test_the_answer_is_printed_and_what_it_took_is_told_beside_it(cli: InProcess, server: HttpServer) -> None:
    result = cli.call("chat", "acme/m-1", "What?")
    assert (result.status, result.out) == (0, TEXT)
    line = result.err.splitlines()[-1].split(" · ")
    assert line[:3] == ["acme/m-1", "tokens: 8 in, 4 from the cache, 7 out", "$0.00008"]
    assert line[3].endswith(" s")
    assert line[4:] == ["config models.providers.acme.apiKey"]


def test_an_answer_without_a_line_feed_gets_one(cli: InProcess) -> None:
    with HttpServer(streaming([event({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})])) as server:
        provide(cli, server)
        result = cli.call("chat", "acme/m-1", "What?")
    assert result.out == "Hi\n"
    assert "tokens: not told" in result.err
    assert "$" not in result.err


def test_without_streaming_the_answer_is_the_same(cli: InProcess, server: HttpServer) -> None:
    result = cli.call("chat", "acme/m-1", "What?", "--no-stream")
    assert (result.status, result.out) == (0, TEXT)
    assert body_of(server.requests[0])["stream"] is False


def test_one_json_document_has_everything(cli: InProcess, server: HttpServer) -> None:
    result = cli.call("chat", "acme/m-1", "What?", "--json")
    found = result.json
    assert (result.status, result.err) == (0, "")
    assert (found["text"], found["provider"], found["model"], found["answered_by"]) == (TEXT, "acme", "m-1", "m-1-2026")
    assert found["usage"] == {"input": 8, "output": 7, "cache_read": 4, "cache_write": None}
    assert found["cost_usd"] == pytest.approx(0.00008)
    assert (found["finish"], found["error"], found["passed_over"]) == ("stop", None, [])
    assert 0 <= found["timing"]["first_s"] <= found["timing"]["elapsed_s"]


@pytest.mark.parametrize(
    ("vendor", "chunks", "told"),
    [
        (
            CHAT,
            [event({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "length"}]})],
            "The answer was cut at its limit (length); --max-tokens allows more.",
        ),
        (MESSAGES, [typed("message_delta", delta={"stop_reason": "refusal"})], "withheld the answer"),
        (MESSAGES, [typed("message_delta", delta={"stop_reason": "tool_use"})], "wants to call a tool"),
        (MESSAGES, [typed("message_delta", delta={"stop_reason": "pause_turn"})], "another reason"),
    ],
)
def test_why_an_answer_is_not_whole_is_told(cli: InProcess, vendor: Vendor, chunks: list[bytes], told: str) -> None:
    with HttpServer(streaming(chunks)) as server:
        provide(cli, server, vendor)
        result = cli.call("chat", "acme/m-1", "What?")
    assert result.status == 0
    assert told in result.err


@pytest.mark.parametrize("as_json", [False, True])
def test_what_came_of_a_broken_answer_is_printed_and_the_exit_status_says_so(cli: InProcess, *, as_json: bool) -> None:
    with HttpServer(streaming(CHAT.stream[:4], ends=False)) as server:
        provide(cli, server)
        result = cli.call("chat", "acme/m-1", "What?", *(["--json"] if as_json else []))
    assert result.status == 1
    if as_json:
        assert (result.json["text"], result.json["error"]["code"]) == ("Grüße aus ", "call.broken")
    else:
        assert result.out == "Grüße aus \n"
        assert "Error: The answer of acme broke off before its end." in result.err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal_leaves_standard_output_to_itself(cli: InProcess, *, as_json: bool) -> None:
    with Answers([(429, {"error": {"message": f"Slow down, {RIGHT_KEY}"}}, {"Retry-After": "9"})]).server() as server:
        provide(cli, server)
        result = cli.call("chat", "acme/m-1", "What?", *(["--json"] if as_json else []))
    assert result.status == 1
    if as_json:
        assert (result.code, result.error["fix"]) == ("call.rate-limited", "Try again in 9 s.")
    else:
        assert result.out == ""
        assert "Fix: Try again in 9 s." in result.err
    assert leaks(result.out + result.err, RIGHT_KEY) == []


# --- the credential


@pytest.mark.parametrize("name", ["work", "acme:work"])
def test_a_profile_that_is_named_is_used_and_no_other(cli: InProcess, server: HttpServer, name: str) -> None:
    store(cli, "acme:default", WRONG_KEY)
    store(cli, "acme:work", RIGHT_KEY)
    result = cli.call("chat", "acme/m-1", "What?", "--profile", name, "--json")
    assert result.json["source"] == "profile acme:work"
    assert server.requests[0].headers["authorization"] == f"Bearer {RIGHT_KEY}"
    assert cli.call("chat", "acme/m-1", "What?", "--profile", "gone", "--json").code == "credential.profile"


def test_what_was_passed_over_is_told(cli: InProcess, server: HttpServer) -> None:
    from jackfield.credentials.profile import Profile, TokenCredential
    from jackfield.credentials.secret import Secret

    with cli.app() as app:
        app.store.put(Profile("acme:old", TokenCredential(Secret("t"), 1)))
    result = cli.call("chat", "acme/m-1", "What?")
    assert "Passed over profile acme:old: it has expired or is blank." in result.err


def store(cli: InProcess, profile_id: str, key: str) -> None:
    from jackfield.credentials.profile import ApiKeyCredential, Profile
    from jackfield.credentials.secret import Secret

    with cli.app() as app:
        app.store.put(Profile(profile_id, ApiKeyCredential(Secret(key))))


# --- the terminal


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain ä 東 🗼👩\u200d🚀\n\tx", "plain ä 東 🗼👩\u200d🚀\n\tx"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
        ("a\x1b", "a"),
        ("[31mb", "[31mb"),
        ("a\rb\x08c\x00d\x7fe\x9bf", "abcdef"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
    ],
)
def test_what_steers_a_terminal_is_not_shown(text: str, safe: str) -> None:
    assert shown(text) == safe
