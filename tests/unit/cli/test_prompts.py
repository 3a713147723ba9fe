"""Questions in a terminal, answered by real key presses through a pipe."""

from __future__ import annotations

import asyncio
import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input

from jackfield.auth.prompter import Option, Progress
from jackfield.cli import output
from jackfield.cli.prompts import TerminalPrompter, _TimeLeft, has_terminal
from jackfield.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

FEW = [Option("a", "Apple"), Option("b", "Berry", "sour"), Option("c", "Cherry")]
MANY = [Option(number, f"Fruit {number:02}") for number in range(20)]
DOWN, UP, ENTER, CTRL_C, CTRL_D = "\x1b[B", "\x1b[A", "\r", "\x03", "\x04"


@contextmanager
def keys(pressed: str) -> Iterator[None]:
    """Have these keys pressed."""
    with create_pipe_input() as pipe, create_app_session(input=pipe):
        pipe.send_text(pressed)
        yield


def ask(pressed: str, question: Callable[[TerminalPrompter], Awaitable[object]]) -> object:
    async def main() -> object:
        return await asyncio.wait_for(question(TerminalPrompter()), 20)

    with keys(pressed):
        return asyncio.run(main())


@pytest.mark.parametrize(
    ("pressed", "value"),
    [
        (ENTER, "a"),
        (DOWN + ENTER, "b"),
        (DOWN * 2 + ENTER, "c"),
        (DOWN * 3 + ENTER, "a"),
        (UP + ENTER, "c"),
        ("jj" + ENTER, "c"),
    ],
)
def test_arrow_keys_choose_from_a_short_list(pressed: str, value: str) -> None:
    assert ask(pressed, lambda p: p.select("Which", FEW)) == value


def test_the_initial_option_is_chosen_first() -> None:
    assert ask(ENTER, lambda p: p.select("Which", FEW, initial="b")) == "b"


@pytest.mark.parametrize(("pressed", "value"), [("17" + ENTER, 17), ("Fruit 05" + ENTER, 5), (DOWN + ENTER, 1)])
def test_typing_searches_a_long_list(pressed: str, value: int) -> None:
    assert ask(pressed, lambda p: p.select("Which", MANY)) == value


@pytest.mark.parametrize("value", [None, False, 0, "", ("x",)])
def test_a_value_may_be_anything(value: object) -> None:
    assert ask(ENTER, lambda p: p.select("Which", [Option(value, "One"), Option("b", "Two")])) == value


@pytest.mark.parametrize(
    ("pressed", "values"),
    [(ENTER, []), (" " + ENTER, ["a"]), (DOWN + " " + UP + " " + ENTER, ["a", "b"])],
)
def test_several_are_chosen_with_the_space_bar(pressed: str, values: list[str]) -> None:
    assert ask(pressed, lambda p: p.multiselect("Which", FEW)) == values


def test_initial_choices_are_ticked() -> None:
    assert ask(ENTER, lambda p: p.multiselect("Which", FEW, initial=["c"])) == ["c"]


@pytest.mark.parametrize(("pressed", "text"), [("hello" + ENTER, "hello"), (ENTER, "")])
def test_text_is_a_line(pressed: str, text: str) -> None:
    assert ask(pressed, lambda p: p.text("Say", placeholder="hi")) == text


def test_the_initial_text_can_be_taken_as_it_is() -> None:
    assert ask(ENTER, lambda p: p.text("Say", initial="as it is")) == "as it is"


def test_a_line_with_a_complaint_is_not_taken() -> None:
    answer = ask(
        "bad" + ENTER + "\x15good" + ENTER, lambda p: p.text("Say", validate=lambda t: "No" if t == "bad" else None)
    )

    assert answer == "good"


def test_a_secret_is_never_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("sk-canary-1" + ENTER, lambda p: p.secret("Paste it")) == "sk-canary-1"

    out, err = capsys.readouterr()
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)
    assert out == ""
    assert "Paste it" in drawn
    assert "*" * 11 in drawn
    assert "sk" not in drawn


@pytest.mark.parametrize(
    ("pressed", "initial", "answer"),
    [("y", False, True), ("n", True, False), (ENTER, True, True), (ENTER, False, False)],
)
def test_a_confirmation_is_one_key(pressed: str, initial: bool, answer: bool) -> None:
    assert ask(pressed, lambda p: p.confirm("Sure?", initial=initial)) is answer


QUESTIONS: dict[str, Callable[[TerminalPrompter], Awaitable[object]]] = {
    "short list": lambda p: p.select("Which", FEW),
    "long list": lambda p: p.select("Which", MANY),
    "several": lambda p: p.multiselect("Which", FEW),
    "several of many": lambda p: p.multiselect("Which", MANY),
    "text": lambda p: p.text("Say"),
    "secret": lambda p: p.secret("Key"),
    "confirm": lambda p: p.confirm("Sure?"),
}


@pytest.mark.parametrize("pressed", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize("kind", QUESTIONS)
def test_ctrl_c_and_ctrl_d_cancel_every_question(kind: str, pressed: str) -> None:
    with pytest.raises(CancelledError) as caught:
        ask(pressed, QUESTIONS[kind])

    assert (caught.value.exit_status, caught.value.message) == (130, "Interrupted; nothing was changed.")


def test_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        await TerminalPrompter().note("Body [bold]", "Title")
        await TerminalPrompter().note("Alone")

    asyncio.run(main())

    assert capsys.readouterr() == ("", "Title: Body [bold]\nAlone\n")


def test_progress_ends_with_its_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    shown = TerminalPrompter().progress("Waiting")
    shown.update("Still waiting")
    shown.stop("Done.")

    assert isinstance(shown, Progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("Done.\n")


@pytest.mark.parametrize(
    ("keyboard", "view", "there"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_person_is_there_when_keys_and_questions_have_a_terminal(
    monkeypatch: pytest.MonkeyPatch, keyboard: bool, view: bool, there: bool
) -> None:
    class Stream(io.StringIO):
        def __init__(self, tty: bool) -> None:
            super().__init__()
            self.tty = tty

        def isatty(self) -> bool:
            return self.tty

    monkeypatch.setattr("sys.stdin", Stream(keyboard))
    monkeypatch.setattr("sys.stderr", Stream(view))

    assert has_terminal() is there


def waiting(validate: Callable[[str], str | None] | None = None) -> Callable[[TerminalPrompter], Awaitable[object]]:
    return lambda prompter: prompter.text("Paste it:", validate=validate, waiting="Waiting", seconds=180)


def test_a_line_may_be_typed_while_something_else_is_waited_for() -> None:
    assert ask("pasted" + ENTER, waiting()) == "pasted"


def test_a_line_that_does_not_fit_is_asked_for_again_while_something_else_is_waited_for() -> None:
    seen: list[str] = []

    def complaint(text: str) -> str | None:
        seen.append(text)
        return None if text == "right" else "Wrong"

    assert ask("bad" + ENTER + "\x15" + "right" + ENTER, waiting(complaint)) == "right"
    assert (seen[0], seen[-1]) == ("bad", "right")


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_a_line_that_is_waited_for_beside_something_else_can_be_ended(key: str) -> None:
    with pytest.raises(CancelledError):
        ask(key, waiting())


def test_a_question_goes_away_when_what_was_waited_for_has_come() -> None:
    async def main() -> object:
        task = asyncio.ensure_future(waiting()(TerminalPrompter()))
        await asyncio.sleep(0)
        task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    with keys(""):
        assert isinstance(asyncio.run(main()), asyncio.CancelledError)


@pytest.mark.parametrize(
    ("seconds", "passed", "shown"),
    [(180, 0, "Waiting · 3:00 left"), (180, 115, "Waiting · 1:05 left"), (5, 60, "Waiting · 0:00 left")],
)
def test_the_time_left_is_reckoned_when_it_is_drawn(seconds: float, passed: float, shown: str) -> None:
    now = [1_000.0]
    left = _TimeLeft("Waiting", seconds, lambda: now[0])
    now[0] += passed
    assert (str(left), left.__rich__()) == (shown, shown)


def test_a_countdown_that_is_stopped_says_its_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    TerminalPrompter().countdown("Waiting", 60).stop("Done.")
    assert capsys.readouterr().err.endswith("Done.\n")


URL = "https://github.com/login/device"


def drawn(monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
    """Return what `show_qr` writes on such a terminal."""
    from rich.console import Console

    file = io.StringIO()
    screen = Console(file=file, **{"force_terminal": True, "width": 100, "color_system": "standard", **options})
    monkeypatch.setattr(output, "console", lambda *, stderr=False: screen)
    asyncio.run(TerminalPrompter().show_qr(URL))
    return file.getvalue()


def test_a_qr_code_shows_every_module_black_on_white(monkeypatch: pytest.MonkeyPatch) -> None:
    import segno

    shown = drawn(monkeypatch)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown.splitlines()]
    modules = []
    for line in lines:
        modules.append([char in "▀█" for char in line])
        modules.append([char in "▄█" for char in line])
    expected = [[bool(each) for each in row] for row in segno.make(URL, error="l", micro=False).matrix_iter(border=2)]
    assert modules[: len(expected)] == expected
    assert not any(module for row in modules[len(expected) :] for module in row)
    assert all(line.startswith("\x1b[30;47m") for line in shown.splitlines())


@pytest.mark.parametrize("options", [{"width": 20}, {"force_terminal": False}], ids=["narrow", "no-terminal"])
def test_no_qr_code_is_drawn_where_it_could_not_be_read(monkeypatch: pytest.MonkeyPatch, options: Any) -> None:
    assert drawn(monkeypatch, **options) == ""
