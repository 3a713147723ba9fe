"""Scripted answers: every kind of question, what is passed over, and what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.auth.answers import AnswersPrompter, parse_answers
from jackfield.auth.prompter import Option, Progress
from jackfield.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Coroutine

ITEM = {"deep": 1}
OPTIONS = (
    Option("a", "Apple"),
    Option("b", "Berry", "sour"),
    Option(True, "Yes"),
    Option(7, "Seven"),
    Option(ITEM, "Item"),
)


class Script:
    """A prompter with its answers and what it said."""

    def __init__(self, *answers: object) -> None:
        self.said: list[str] = []
        self.prompter = AnswersPrompter(answers, self.said.append)

    def run(self, asked: Coroutine[Any, Any, object]) -> object:
        return asyncio.run(asked)


@pytest.mark.parametrize("answers", [[], ["a", True, 1, None, ["x"], {"k": 2}]])
def test_a_json_list_is_the_answers(answers: list[object]) -> None:
    assert parse_answers(json.dumps(answers)) == answers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The answers are not valid JSON (line 1, column 1)."),
        ("[1,\n  x]", "The answers are not valid JSON (line 2, column 3)."),
        ('["a"] tail', "The answers are not valid JSON (line 1, column 7)."),
        ("[" * 100_000, "The answers are not valid JSON."),
        ("[" + "9" * 5_000 + "]", "The answers are not valid JSON."),
        ('{"a": 1}', "The answers are not a JSON list."),
        ('"sk-canary"', "The answers are not a JSON list."),
        ("null", "The answers are not a JSON list."),
    ],
)
def test_what_is_no_json_list_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(AnswerError) as caught:
        parse_answers(text)

    assert caught.value.code == "answers.format"
    assert caught.value.message == message
    fix = 'Write a list with one answer for each prompt, such as ["openai-api-key", "sk-...", true].'
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("a", "a"),
        ("Berry", "b"),
        (0, "a"),
        (1, "b"),
        (7, 7),
        (True, True),
        ("Yes", True),
        (ITEM, ITEM),
        (4, ITEM),
    ],
)
def test_an_option_is_chosen_by_value_by_label_or_by_place(answer: object, value: object) -> None:
    script = Script(answer)

    assert script.run(script.prompter.select("Which", OPTIONS)) == value
    assert script.prompter.left == 0


@pytest.mark.parametrize("answer", ["c", "apple", 5, -1, 1.5, False, None, [], {"deep": 2}])
def test_what_is_no_option_is_passed_over_and_the_options_are_named(answer: object) -> None:
    script = Script(answer, "b")

    assert script.run(script.prompter.select("Which", OPTIONS)) == "b"
    assert script.said == ["Answer 1 to 'Which' was rejected: must be one of a, b, Yes, Seven, Item"]


def test_a_long_list_of_options_is_cut() -> None:
    script = Script("x", 0)

    script.run(script.prompter.select("Which", [Option(f"v{each}", "L") for each in range(30)]))

    assert script.said[0].endswith("v18, v19, ...")


@pytest.mark.parametrize(
    ("answer", "values"),
    [([], []), (["b", "a"], ["a", "b"]), ([1, "Berry", "b"], ["b"]), ([4, True], [True, ITEM])],
)
def test_several_options_come_in_the_order_of_the_options_and_once(answer: list[object], values: list[object]) -> None:
    script = Script(answer)

    assert script.run(script.prompter.multiselect("Which", OPTIONS)) == values


@pytest.mark.parametrize("answer", ["a", 0, None, ["a", "zzz"], [["a"]]])
def test_what_is_no_list_of_options_is_passed_over(answer: object) -> None:
    script = Script(answer, ["a"])

    assert script.run(script.prompter.multiselect("Which", OPTIONS)) == ["a"]
    assert script.said == ["Answer 1 to 'Which' was rejected: must be a list of options"]


@pytest.mark.parametrize("answer", [1, True, None, ["x"], {}])
@pytest.mark.parametrize("kind", ["text", "secret"])
def test_text_and_secrets_take_strings_only(kind: str, answer: object) -> None:
    script = Script(answer, "right")

    assert script.run(getattr(script.prompter, kind)("Say")) == "right"
    assert script.said == ["Answer 1 to 'Say' was rejected: must be text"]


@pytest.mark.parametrize("answer", ["yes", 1, 0, None, []])
def test_a_confirmation_takes_true_and_false_only(answer: object) -> None:
    script = Script(answer, False)

    assert script.run(script.prompter.confirm("Sure?", initial=True)) is False
    assert script.said == ["Answer 1 to 'Sure?' was rejected: must be true or false"]


def test_a_rejected_secret_is_counted_and_never_shown() -> None:
    script = Script("sk-canary-1", "sk-canary-2")

    answer = script.run(script.prompter.secret("Key", validate=lambda line: None if line[-1] == "2" else "Too old"))

    assert answer == "sk-canary-2"
    assert script.said == ["Answer 1 to 'Key' was rejected: Too old"]


@pytest.mark.parametrize(
    ("answers", "count"), [((), "0 answers"), ((3,), "1 answer"), ((3, 4), "2 answers")], ids=["none", "one", "two"]
)
def test_running_out_tells_how_many_there_were_and_the_prompt(answers: tuple[int, ...], count: str) -> None:
    script = Script(*answers)

    with pytest.raises(AnswerError) as caught:
        script.run(script.prompter.text("Name"))

    assert caught.value.code == "answers.too-few"
    assert caught.value.message == f"The answers ran out after {count}, at the prompt: Name"
    assert script.prompter.left == 0


def test_notes_and_progress_take_no_answer() -> None:
    script = Script("kept")

    async def flow() -> object:
        await script.prompter.intro("Begin")
        await script.prompter.note("Body", "Title")
        await script.prompter.note("Alone")
        await script.prompter.outro("End")
        shown = script.prompter.progress("Waiting")
        shown.update("Still")
        shown.stop("Done")
        assert type(shown) is Progress
        return await script.prompter.text("Name")

    assert script.run(flow()) == "kept"
    assert script.said == ["Begin", "Title: Body", "Alone", "End"]


def test_left_counts_what_nobody_asked_for() -> None:
    script = Script("a", "b", "c")

    script.run(script.prompter.text("One"))

    assert script.prompter.left == 2
