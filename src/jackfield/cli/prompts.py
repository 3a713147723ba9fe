"""Questions in a terminal: arrow keys and search for choices, hidden input for secrets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jackfield.auth.prompter import Option, Progress, Prompter, Question
from jackfield.cli import output
from jackfield.errors import CancelledError

if TYPE_CHECKING:
    from rich.status import Status

# Above this many options typing to search beats looking.
_SEARCH_FROM = 8


def has_terminal() -> bool:
    """Tell whether a person can be asked: keys come from a terminal and questions are seen on one."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class TerminalPrompter(Prompter):
    """Asks on the terminal. Everything is shown on standard error, so that standard output stays for results."""

    can_retry = True

    async def ask(self, question: Question) -> object:
        """Ask until the answer fits; Ctrl-C, and Ctrl-D where nothing is typed, raise `CancelledError`."""
        from prompt_toolkit.application import create_app_session
        from prompt_toolkit.output import create_output

        try:
            with create_app_session(output=create_output(stdout=sys.stderr)):
                return await _prompt_for(question).unsafe_ask_async()
        except (KeyboardInterrupt, EOFError):
            raise CancelledError("Interrupted; nothing was changed.") from None

    async def tell(self, message: str, title: str | None = None) -> None:
        """Show a text, with its title in bold."""
        from rich.text import Text

        head = (f"{title}: ", "bold") if title else ""
        output.console(stderr=True).print(Text.assemble(head, message), soft_wrap=True)

    def progress(self, label: str) -> Progress:
        """Show a spinner until it is stopped."""
        return _Spinner(label)


class _Spinner(Progress):
    def __init__(self, label: str) -> None:
        self._status: Status = output.console(stderr=True).status(label)
        self._status.start()

    def update(self, message: str) -> None:
        self._status.update(message)

    def stop(self, message: str | None = None) -> None:
        self._status.stop()
        if message:
            output.say(message)


def _prompt_for(question: Question) -> Any:
    import questionary

    def judge(text: str) -> bool | str:
        complaint = question.validate(text) if question.validate else None
        return complaint if complaint is not None else True

    if question.kind == "confirm":
        return questionary.confirm(question.message, default=bool(question.initial))
    if question.kind == "secret":
        return questionary.password(question.message, validate=judge)
    if question.kind == "text":
        return questionary.text(
            question.message,
            default=str(question.initial or ""),
            validate=judge,
            instruction=f"(such as {question.placeholder}) " if question.placeholder else None,
        )
    choices = [
        questionary.Choice(title=f"{each.label}  ({each.hint})" if each.hint else each.label, value=each)
        for each in question.options
    ]
    many = len(choices) >= _SEARCH_FROM
    if question.kind == "select":
        initial = next((each for each in choices if each.value and each.value.value == question.initial), None)
        return _Listed(
            questionary.select(
                question.message, choices=choices, default=initial, use_search_filter=many, use_jk_keys=not many
            )
        )
    wanted = question.initial if isinstance(question.initial, list) else []
    for each in choices:
        each.checked = isinstance(each.value, Option) and each.value.value in wanted
    return _Listed(
        questionary.checkbox(question.message, choices=choices, use_search_filter=many, use_jk_keys=not many)
    )


class _Listed:
    """A list of `Option`s whose answer is their values: questionary compares values, ours may be anything."""

    def __init__(self, question: Any) -> None:
        self._question = question
        question.application.key_bindings.add("c-d", eager=True)(_end)

    async def unsafe_ask_async(self) -> object:
        answer = await self._question.unsafe_ask_async()
        return [each.value for each in answer] if isinstance(answer, list) else answer.value


def _end(event: Any) -> None:
    """Do in a list what Ctrl-D does on an empty line; questionary leaves it out."""
    event.app.exit(exception=EOFError, style="class:aborting")
