"""The seam through which login flows ask the user: a terminal, a script of answers, or nobody.

Flows call the methods of the existing plugin contract (`note`, `select`, `text`, ...), so that plugins and core flows
speak to the same seam. A kind of prompter has two things to do: `ask` a question, and `tell` something.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from jackfield.errors import NeedsTerminalError
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@record
class Option:
    """One thing to choose: its value, what is shown, and a hint beside it.

    `answer` is what a script of answers may call it by beside its value, its label and its place: a text, a number, or
    true or false.
    """

    value: object
    label: str
    hint: str | None = None
    answer: str | float | bool | None = None


@record
class Question:
    """What is asked.

    Attributes:
        kind: `select` is answered by an option's value, `multiselect` by a list of them in the options' order, `text`
            and `secret` (not shown while typed) by a line, `confirm` by yes or no.
        message: the question itself.
        options: what there is to choose.
        initial: what stands there at first; a list for `multiselect`.
        placeholder: an example, shown while nothing is typed.
        validate: takes a line and returns a complaint, or None when it is right.
        answer_flag: the command-line flag that answers the same question without a terminal.
        waiting: what is waited for beside the answer, and will make the question go away.
        seconds: how long that is waited for.
    """

    kind: Literal["select", "multiselect", "text", "secret", "confirm"]
    message: str
    options: tuple[Option, ...] = ()
    initial: object = None
    placeholder: str | None = None
    validate: Callable[[str], str | None] | None = None
    answer_flag: str | None = None
    waiting: str | None = None
    seconds: float | None = None


class Progress:
    """Something under way; this one shows nothing."""

    def update(self, message: str) -> None:
        """Say what is being waited for now."""

    def stop(self, message: str | None = None) -> None:
        """End it, with a last word."""


class Prompter(ABC):
    """Asks the user and tells them things. Raises `CancelledError` when the user ends the flow."""

    can_retry: bool = False
    """Whether another answer may be had after one that did not work out."""
    attended: bool = True
    """Whether anybody takes part, be it a script: a sign-in on a web page is not begun for nobody."""

    @abstractmethod
    async def ask(self, question: Question) -> object:
        """Return an answer that fits the question; ask again until one does."""

    @abstractmethod
    async def tell(self, message: str, title: str | None = None) -> None:
        """Show a text."""

    def progress(self, label: str) -> Progress:
        """Show that something is under way."""
        del label
        return Progress()

    def countdown(self, label: str, seconds: float) -> Progress:
        """Show that something is waited for, and for how many seconds yet."""
        del seconds
        return self.progress(label)

    async def show_qr(self, url: str) -> None:
        """Show an address to the camera of another device, where there is a screen for that."""
        del url

    async def intro(self, title: str) -> None:
        """Say what begins."""
        await self.tell(title)

    async def outro(self, message: str) -> None:
        """Say how it ended."""
        await self.tell(message)

    async def note(self, message: str, title: str | None = None) -> None:
        """Show a text; asks nothing."""
        await self.tell(message, title)

    async def select(
        self, message: str, options: Sequence[Option], *, initial: object = None, answer_flag: str | None = None
    ) -> object:
        """Return the value of the option chosen."""
        return await self.ask(Question("select", message, tuple(options), initial, answer_flag=answer_flag))

    async def multiselect(
        self, message: str, options: Sequence[Option], *, initial: Sequence[object] = ()
    ) -> list[object]:
        """Return the values of the options chosen, in the order of the options."""
        answer = await self.ask(Question("multiselect", message, tuple(options), list(initial)))
        return answer if isinstance(answer, list) else [answer]

    async def text(
        self,
        message: str,
        *,
        initial: str | None = None,
        placeholder: str | None = None,
        validate: Callable[[str], str | None] | None = None,
        answer_flag: str | None = None,
        waiting: str | None = None,
        seconds: float | None = None,
    ) -> str:
        """Return a line; asked again while `validate` returns a complaint."""
        question = Question(
            "text",
            message,
            initial=initial,
            placeholder=placeholder,
            validate=validate,
            answer_flag=answer_flag,
            waiting=waiting,
            seconds=seconds,
        )
        return str(await self.ask(question))

    async def secret(
        self, message: str, *, validate: Callable[[str], str | None] | None = None, answer_flag: str | None = None
    ) -> str:
        """Return a line that is not shown while typed."""
        return str(await self.ask(Question("secret", message, validate=validate, answer_flag=answer_flag)))

    async def confirm(self, message: str, *, initial: bool = False, answer_flag: str | None = None) -> bool:
        """Return yes or no."""
        return bool(await self.ask(Question("confirm", message, initial=initial, answer_flag=answer_flag)))


class NobodyPrompter(Prompter):
    """For when there is no terminal and no script: every question is an error that names the flag to use.

    Args:
        say: where notes go, such as a function that prints to stderr.
    """

    attended = False

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    async def ask(self, question: Question) -> object:
        """Raise `NeedsTerminalError`."""
        flag = question.answer_flag
        raise NeedsTerminalError(
            f"There is no terminal to ask: {question.message}",
            fix=f"Answer it with {flag or '--answers FILE'}, or run this in a terminal.",
        )

    async def tell(self, message: str, title: str | None = None) -> None:
        """Pass it on."""
        self._say(f"{title}: {message}" if title else message)
