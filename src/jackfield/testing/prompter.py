"""A prompter for tests: it answers from a list and remembers everything it was asked and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.auth.answers import AnswersPrompter
from jackfield.auth.prompter import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.auth.prompter import Question


class ScriptedPrompter(AnswersPrompter):
    """Answers questions in order; see `jackfield.auth.answers` for which answer fits which question.

    Attributes:
        questions: every question that was asked, in order; one that is asked again stands there again.
        told: every note, rejection and word of progress, as text.
    """

    def __init__(self, answers: Sequence[object] = ()) -> None:
        self.questions: list[Question] = []
        self.told: list[str] = []
        super().__init__(answers, self.told.append)

    @property
    def messages(self) -> list[str]:
        """What was asked, as text."""
        return [each.message for each in self.questions]

    async def ask(self, question: Question) -> object:
        """Return the next answer that fits; raises `AnswerError` (`answers.too-few`) when they run out."""
        self.questions.append(question)
        return await super().ask(question)

    def progress(self, label: str) -> Progress:
        """Remember what is waited for."""
        self.told.append(label)
        return _Remembered(self.told)


class _Remembered(Progress):
    def __init__(self, told: list[str]) -> None:
        self._told = told

    def update(self, message: str) -> None:
        self._told.append(message)

    def stop(self, message: str | None = None) -> None:
        if message is not None:
            self._told.append(message)
