"""A prompter that reads its answers from a list: what `--answers FILE` does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jackfield.auth.prompter import Option, Prompter, Question
from jackfield.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def parse_answers(text: str) -> list[object]:
    """Return the answers in `text`: a JSON list, one answer for each prompt in order.

    Raises:
        AnswerError: `answers.format` when it is not a JSON list.
    """
    try:
        answers = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise AnswerError(f"The answers are not valid JSON{where}.", code="answers.format", fix=_FORMAT) from None
    if not isinstance(answers, list):
        raise AnswerError("The answers are not a JSON list.", code="answers.format", fix=_FORMAT)
    return answers


_FORMAT = 'Write a list with one answer for each prompt, such as ["openai-api-key", "sk-...", true].'


class AnswersPrompter(Prompter):
    """Answers questions from a list, in order. An answer that a question rejects is passed over for the next one.

    Text and secrets take a string; confirm a boolean; select the value, the label or the place (from 0) of an option;
    multiselect a list of those. Notes and progress take none.

    Args:
        answers: the answers, as `parse_answers` returns them.
        say: where notes and rejections go.
    """

    def __init__(self, answers: Sequence[object], say: Callable[[str], None]) -> None:
        self._answers = list(answers)
        self._used = 0
        self._say = say

    @property
    def left(self) -> int:
        """How many answers were not asked for."""
        return len(self._answers) - self._used

    @property
    def can_retry(self) -> bool:  # type: ignore[override]
        """Whether answers are left."""
        return self.left > 0

    async def ask(self, question: Question) -> object:
        """Return the next answer that fits.

        Raises:
            AnswerError: `answers.too-few` when they run out.
        """
        while True:
            answer = self._next(question.message)
            try:
                return _ACCEPT[question.kind](question, answer)
            except ValueError as error:
                # The answer itself is not shown: it may be a secret.
                self._say(f"Answer {self._used} to {question.message!r} was rejected: {error}")

    async def tell(self, message: str, title: str | None = None) -> None:
        """Pass it on."""
        self._say(f"{title}: {message}" if title else message)

    def _next(self, message: str) -> object:
        if self._used == len(self._answers):
            count = f"{self._used} answer{'s' if self._used != 1 else ''}"
            raise AnswerError(
                f"The answers ran out after {count}, at the prompt: {message}",
                code="answers.too-few",
                fix="Add an answer for this prompt; a rejected answer counts as used.",
            )
        answer = self._answers[self._used]
        self._used += 1
        return answer


def _accept_option(question: Question, answer: object) -> object:
    place = _find(answer, question.options)
    if place is None:
        shown = ", ".join(_name(each) for each in question.options[:20])
        raise ValueError(f"must be one of {shown}{', ...' if len(question.options) > 20 else ''}")
    return question.options[place].value


def _accept_options(question: Question, answer: object) -> object:
    places = [_find(each, question.options) for each in answer] if isinstance(answer, list) else [None]
    if None in places:
        raise ValueError("must be a list of options")
    return [question.options[place].value for place in sorted({place for place in places if place is not None})]


def _accept_text(question: Question, answer: object) -> object:
    if not isinstance(answer, str):
        raise ValueError("must be text")  # noqa: TRY004 - caught by the caller, which asks for the next answer
    complaint = question.validate(answer) if question.validate else None
    if complaint is not None:
        raise ValueError(complaint)
    return answer


def _accept_bool(question: Question, answer: object) -> object:
    del question
    if not isinstance(answer, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - caught by the caller, which asks for the next answer
    return answer


_ACCEPT: Mapping[str, Callable[[Question, object], object]] = {
    "select": _accept_option,
    "multiselect": _accept_options,
    "text": _accept_text,
    "secret": _accept_text,
    "confirm": _accept_bool,
}


def _find(answer: object, options: Sequence[Option]) -> int | None:
    for place, each in enumerate(options):
        if _is_same(each.value, answer) or (each.answer is not None and _is_same(each.answer, answer)):
            return place
    if isinstance(answer, str):
        return next((place for place, each in enumerate(options) if each.label == answer), None)
    if isinstance(answer, bool):
        return None
    return answer if isinstance(answer, int) and 0 <= answer < len(options) else None


def _is_same(value: object, answer: object) -> bool:
    """Tell whether an answer is a value; for Python 1 is True, but an answer of 1 is meant as a number or a place."""
    if isinstance(answer, bool) or isinstance(value, bool):
        return value is answer
    return value == answer


def _name(option: Option) -> str:
    return option.value if isinstance(option.value, str) else option.label
