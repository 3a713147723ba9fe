"""The seam: what each method asks, and what happens when nobody is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jackfield.auth.prompter import NobodyPrompter, Option, Prompter, Question
from jackfield.errors import NeedsTerminalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OPTIONS = [Option("a", "Apple"), Option("b", "Berry")]


class Recorder(Prompter):
    """Keeps each question, and answers with what it was made with."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[Question] = []
        self.told: list[tuple[str, str | None]] = []

    async def ask(self, question: Question) -> object:
        self.asked.append(question)
        return self.answer

    async def tell(self, message: str, title: str | None = None) -> None:
        self.told.append((message, title))


def no_complaint(line: str) -> str | None:
    return None


@pytest.mark.parametrize(
    ("ask", "answer", "question"),
    [
        (
            lambda p: p.select("Which", OPTIONS, initial="b", answer_flag="ID"),
            "b",
            Question("select", "Which", tuple(OPTIONS), "b", answer_flag="ID"),
        ),
        (
            lambda p: p.multiselect("Which", OPTIONS, initial=("a",)),
            ["a"],
            Question("multiselect", "Which", tuple(OPTIONS), ["a"]),
        ),
        (
            lambda p: p.text("Say", initial="x", placeholder="y", validate=no_complaint, answer_flag="--say"),
            "x",
            Question("text", "Say", (), "x", "y", no_complaint, "--say"),
        ),
        (
            lambda p: p.secret("Key", validate=no_complaint, answer_flag="--key-stdin"),
            "k",
            Question("secret", "Key", validate=no_complaint, answer_flag="--key-stdin"),
        ),
        (
            lambda p: p.confirm("Sure?", initial=True, answer_flag="--yes"),
            True,
            Question("confirm", "Sure?", initial=True, answer_flag="--yes"),
        ),
    ],
    ids=["select", "multiselect", "text", "secret", "confirm"],
)
def test_each_method_asks_one_question_and_returns_its_answer(
    ask: Callable[[Prompter], Awaitable[object]], answer: object, question: Question
) -> None:
    prompter = Recorder(answer)

    async def main() -> object:
        return await ask(prompter)

    assert asyncio.run(main()) == answer
    assert prompter.asked == [question]


def test_one_answer_to_several_is_a_list_of_one() -> None:
    assert asyncio.run(Recorder("a").multiselect("Which", OPTIONS)) == ["a"]


def test_intro_outro_and_note_are_told() -> None:
    prompter = Recorder(None)

    async def main() -> None:
        await prompter.intro("Begin")
        await prompter.note("Body", "Title")
        await prompter.outro("End")

    asyncio.run(main())

    assert prompter.told == [("Begin", None), ("Body", "Title"), ("End", None)]
    assert prompter.asked == []


@pytest.mark.parametrize(
    ("flag", "fix"),
    [
        ("--key-stdin", "Answer it with --key-stdin, or run this in a terminal."),
        (None, "Answer it with --answers FILE, or run this in a terminal."),
    ],
)
def test_with_nobody_there_a_question_names_the_flag(flag: str | None, fix: str) -> None:
    said: list[str] = []

    with pytest.raises(NeedsTerminalError) as caught:
        asyncio.run(NobodyPrompter(said.append).secret("Acme API key", answer_flag=flag))

    assert (caught.value.code, caught.value.exit_status) == ("needs-terminal", 2)
    assert caught.value.message == "There is no terminal to ask: Acme API key"
    assert caught.value.fix == fix
    assert said == []


def test_with_nobody_there_notes_are_still_told() -> None:
    said: list[str] = []
    prompter = NobodyPrompter(said.append)

    async def main() -> None:
        await prompter.note("Body", "Title")
        await prompter.note("Alone")

    asyncio.run(main())

    assert said == ["Title: Body", "Alone"]
