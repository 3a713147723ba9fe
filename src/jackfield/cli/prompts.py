"""Questions in a terminal: arrow keys and search for choices, hidden input for secrets."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from jackfield.auth.prompter import Option, Progress, Prompter, Question
from jackfield.cli import output
from jackfield.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from rich.console import RenderableType
    from rich.status import Status

# Above this many options typing to search beats looking.
_SEARCH_FROM = 8
_REFRESH_S = 0.5
# Columns of a line of a list that the pointer, the mark, the brackets and the edge take; and the least for a hint.
_MARGIN, _LEAST_HINT = 10, 8
# Modules of a QR code, the quiet zone around it included, that a terminal line must have room for.
_QUIET = 2


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

        head = f"{title}: " if title else ""
        screen = output.console(stderr=True)
        text = output.broken(message, taken=len(head), columns=screen.width) if screen.is_terminal else message
        screen.print(Text.assemble((head, "bold"), text), soft_wrap=True)

    def progress(self, label: str) -> Progress:
        """Show a spinner until it is stopped."""
        return _Spinner(label)

    def countdown(self, label: str, seconds: float) -> Progress:
        """Show a spinner and the time that is left."""
        return _Spinner(_TimeLeft(label, seconds))

    async def show_qr(self, url: str) -> None:
        """Draw the address as a QR code, black on white whatever the terminal's colours, where there is room for it."""
        import segno
        from rich.text import Text

        console = output.console(stderr=True)
        rows = [tuple(row) for row in segno.make(url, error="l", micro=False).matrix_iter(border=_QUIET)]
        if not console.is_terminal or console.is_dumb_terminal or console.width < len(rows[0]):
            return
        for upper, lower in zip(rows[::2], [*rows[1::2], (0,) * len(rows[0])], strict=False):
            line = "".join(_HALVES[bool(one), bool(two)] for one, two in zip(upper, lower, strict=True))
            console.print(Text(line, style="black on white"), soft_wrap=True)


# Two modules of a QR code above each other make one character.
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


class _TimeLeft:
    """A text that ends in the time that is left, reckoned anew whenever it is drawn."""

    def __init__(self, label: str, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = label
        self._clock = clock
        self._end = clock() + seconds

    def __str__(self) -> str:
        left = max(0, round(self._end - self._clock()))
        return f"{self._label} · {left // 60}:{left % 60:02} left"

    def __rich__(self) -> str:
        return str(self)


class _Spinner(Progress):
    def __init__(self, label: RenderableType) -> None:
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
    if question.kind == "text" and question.waiting is not None:
        return _Beside(question, judge)
    if question.kind == "text":
        return questionary.text(
            question.message,
            default=str(question.initial or ""),
            validate=judge,
            instruction=f"(such as {question.placeholder}) " if question.placeholder else None,
        )
    choices = [
        questionary.Choice(title=_titled(each, output.console(stderr=True).width), value=each)
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


def _titled(option: Option, columns: int) -> str:
    """Return an option as a list shows it: its label, and as many words of its hint as the line has room for."""
    import textwrap

    room = columns - _MARGIN - len(option.label)
    hint = textwrap.shorten(option.hint or "", room, placeholder=" …") if room > _LEAST_HINT else ""
    return f"{option.label}  ({hint})" if hint.strip(" …") else option.label


class _Beside:
    """A line that is asked for while something else is waited for; both are shown, with the time that is left."""

    def __init__(self, question: Question, judge: Callable[[str], bool | str]) -> None:
        from prompt_toolkit import PromptSession
        from questionary.prompts.common import build_validator

        left = _TimeLeft(str(question.waiting), question.seconds or 0)

        def line() -> StyleAndTextTuples:
            return [("", f"{left}\n"), ("class:qmark", "?"), ("class:question", f" {question.message} ")]

        self._session: PromptSession[str] = PromptSession(
            line, validator=build_validator(judge), refresh_interval=_REFRESH_S
        )

    async def unsafe_ask_async(self) -> object:
        return await self._session.prompt_async()


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
