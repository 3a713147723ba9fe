"""`jackfield chat` in a real terminal: a conversation, and what Ctrl-C and Ctrl-D do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.cli import RIGHT_KEY, Cli
from support.models import body_of, event, send_stream
from support.servers import Connection, HttpServer, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How the prompt is drawn.
PROMPT = "\x1b\\[0m>"


class Model(HttpServer):
    """Answers each question with its number and its text; `wait` gets an answer that never ends, `fail` a 429."""

    def __init__(self) -> None:
        super().__init__(self._reply)

    async def _reply(self, request: Request, connection: Connection) -> None:
        turns = body_of(request)["messages"]
        said = turns[-1]["content"]
        if said == "fail":
            await connection.reply(429, b'{"error": {"message": "Slow down"}}', {"Content-Type": "application/json"})
            return
        answer = f"answer {len(turns)} to {said}\x1b[5m\x07"
        await send_stream(connection, [event({"choices": [{"delta": {"content": answer}}]})], ends=False)
        if said == "wait":
            await connection.closed_by_peer()
            return
        end = event({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + event("[DONE]")
        await connection.send(f"{len(end):x}\r\n".encode() + end + b"\r\n0\r\n\r\n")


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path, model: Model) -> Cli:
    made = Cli(tmp_path)
    entry = {"baseUrl": model.url, "apiKey": RIGHT_KEY, "models": [{"id": "m-1"}]}
    made.write_config(json.dumps({"models": {"providers": {"acme": entry}}}))
    return made


def test_a_conversation_remembers_its_turns_and_ends_with_ctrl_d(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1", "--system", "Be brief.") as screen:
        screen.expect("acme/m-1 with config models.providers.acme.apiKey. Ctrl-D ends")
        screen.expect(PROMPT)
        screen.sendline("one")
        screen.expect("answer 2 to one\r\n")
        screen.expect("tokens: not told")
        screen.expect(PROMPT)
        screen.sendline("two")
        screen.expect("answer 4 to two\r\n")
        screen.expect(PROMPT)
        screen.sendline("")
        screen.expect(PROMPT)
        screen.sendeof()
        screen.wait()
        assert screen.exitstatus == 0
    assert [each["content"].partition("\x1b")[0] for each in body_of(model.requests[1])["messages"]] == [
        "Be brief.",
        "one",
        "answer 2 to one",
        "two",
    ]
    assert len(model.requests) == 2
    assert model.connections == 1


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on_with_what_came(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1") as screen:
        screen.expect(PROMPT)
        screen.sendline("wait")
        screen.expect("answer 1 to wait")
        screen.sendintr()
        screen.expect("Stopped.")
        screen.expect(PROMPT)
        screen.sendintr()
        screen.expect(PROMPT)
        screen.sendline("next")
        screen.expect("answer 3 to next")
        screen.expect(PROMPT)
        screen.sendeof()
        screen.wait()
        assert screen.exitstatus == 0
    assert [each["role"] for each in body_of(model.requests[1])["messages"]] == ["user", "assistant", "user"]


def test_an_error_does_not_end_a_conversation_nor_stay_in_it(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1") as screen:
        screen.expect(PROMPT)
        screen.sendline("fail")
        screen.expect("acme takes no more requests now")
        screen.expect(PROMPT)
        screen.sendline("next")
        screen.expect("answer 1 to next")
        screen.expect(PROMPT)
        screen.sendeof()
        screen.wait()
        assert screen.exitstatus == 0


def test_earlier_questions_come_back_with_the_arrow_keys(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1") as screen:
        screen.expect(PROMPT)
        screen.sendline("once")
        screen.expect("answer 1 to once")
        screen.expect(PROMPT)
        screen.send("\x1b[A\r")
        screen.expect("answer 3 to once")
        screen.expect(PROMPT)
        screen.sendeof()
        screen.wait()
    assert not [each for each in cli.files() if "history" in each]


def test_ctrl_c_while_one_question_is_answered_ends_the_command(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1", "wait") as screen:
        screen.expect("answer 1 to wait")
        screen.sendintr()
        screen.expect("Interrupted")
        screen.wait()
        assert screen.exitstatus == 130


def test_what_would_steer_the_terminal_is_not_written_to_it(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1", "hello") as screen:
        screen.expect("tokens: not told")
        screen.wait()
        assert screen.exitstatus == 0
        written = screen.logfile_read.getvalue()
    assert "answer 1 to hello\r\n" in written
    assert "\x1b[5m" not in written
    assert "\x07" not in written


def test_an_answer_into_a_pipe_is_exact(cli: Cli, model: Model) -> None:
    result = cli.run("chat", "acme/m-1", "hello")
    assert (result.status, result.out) == (0, "answer 1 to hello\x1b[5m\x07\n")


def test_a_conversation_without_a_terminal_to_ask_on_is_refused(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "acme/m-1", "--json") as screen:
        screen.expect("call.empty")
        screen.wait()
        assert screen.exitstatus == 2
    assert model.requests == []


def test_what_is_wrong_is_told_before_the_first_question(cli: Cli, model: Model) -> None:
    with cli.terminal("chat", "anthropic/claude-opus-4-5") as screen:
        screen.expect("There is no credential for Anthropic")
        screen.wait()
        assert screen.exitstatus == 1
