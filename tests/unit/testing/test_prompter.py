"""The prompter for tests: it answers from a list and remembers what it was asked and told."""

from __future__ import annotations

import asyncio

import pytest

from jackfield.auth.prompter import Option
from jackfield.errors import AnswerError
from jackfield.testing import ScriptedPrompter


def test_it_answers_in_order_and_remembers_the_questions() -> None:
    prompter = ScriptedPrompter(["key", True, "B"])

    async def ask() -> list[object]:
        return [
            await prompter.text("Key?", placeholder="sk-"),
            await prompter.confirm("Sure?"),
            await prompter.select("Which?", [Option(1, "A"), Option(2, "B")]),
        ]

    assert asyncio.run(ask()) == ["key", True, 2]
    assert prompter.messages == ["Key?", "Sure?", "Which?"]
    assert [each.kind for each in prompter.questions] == ["text", "confirm", "select"]
    assert prompter.questions[0].placeholder == "sk-"
    assert prompter.left == 0


def test_it_remembers_what_it_was_told() -> None:
    prompter = ScriptedPrompter()

    async def tell() -> None:
        await prompter.intro("Hello")
        await prompter.note("Text", "Title")
        shown = prompter.progress("Waiting")
        shown.update("still")
        shown.stop("done")
        prompter.progress("Again").stop()

    asyncio.run(tell())
    assert prompter.told == ["Hello", "Title: Text", "Waiting", "still", "done", "Again"]


def test_an_answer_that_does_not_fit_is_remembered_as_rejected() -> None:
    prompter = ScriptedPrompter([7, "right"])
    assert asyncio.run(prompter.text("Key?")) == "right"
    assert prompter.told == ["Answer 1 to 'Key?' was rejected: must be text"]


def test_when_the_answers_run_out_it_is_an_error() -> None:
    prompter = ScriptedPrompter()
    with pytest.raises(AnswerError) as caught:
        asyncio.run(prompter.text("Key?"))
    assert caught.value.code == "answers.too-few"
    assert prompter.messages == ["Key?"]
