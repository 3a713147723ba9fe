"""What a plugin's login asks of the user, asked on its behalf: prompts, notes, progress, pages to open.

Everything that comes from the plugin is text to be shown and nothing else: it is checked, cut to a size that can be
read, and cleaned of control characters. Answers go back as places of options, lines and yes or no.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from jackfield.auth.prompter import Option, Question
from jackfield.config.guard.doors import clean_note
from jackfield.errors import AnswerError, CancelledError, InternalError, JackfieldError, NeedsTerminalError
from jackfield.plugins import wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jackfield.auth.prompter import Progress, Prompter

_MAX_OPTIONS = 1_000
_MAX_LINE = 300
_MAX_INITIAL = 4 * 1024
_MAX_URL = 8 * 1024
# Shorter ones are words such as "yes" or "us-east", and hiding them would make messages unreadable.
_SECRET_FROM = 6
_HIDDEN = "[hidden]"


class TooManyRequestsError(Exception):
    """The plugin has more requests open than it may; never leaves this package."""


def one_line(text: str, limit: int = _MAX_LINE) -> str:
    """Return a plugin's text as one line that may be shown: no control or ANSI characters, at most `limit` characters.

    >>> one_line("Sign in\\n  at \\x1b[31mAcme")
    'Sign in at Acme'
    """
    line = " ".join(clean_note(text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


class Secrets:
    """Texts that were handed to a plugin and that its messages must not repeat."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def add(self, text: str) -> None:
        """Remember what the user typed or what a credential holds; of an address also the values in its query."""
        self._texts |= {each for each in (text, text.strip()) if len(each) >= _SECRET_FROM}
        if "?" in text or "#" in text:
            for part in text.replace("#", "?").split("?")[1:]:
                self._texts |= {value for _, value in parse_qsl(part) if len(value) >= _SECRET_FROM}

    def hide(self, text: str) -> str:
        """Return `text` with every one of them replaced."""
        for each in sorted(self._texts, key=len, reverse=True):
            text = text.replace(each, _HIDDEN)
        return text


class _RefusedError(Exception):
    """A request that gets a bad answer: the code and the words that the plugin is told."""

    def __init__(self, message: str, code: int = wire.INVALID_PARAMS) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class _Choice:
    """The value of an option: its place, equal to nothing but itself, so that two options that look alike stay two."""

    def __init__(self, place: int) -> None:
        self.place = place


class _Prompt(NamedTuple):
    question: Question
    complaint: str | None


class Desk:
    """Serves the requests of one login. Prompts are asked one at a time, in the order in which they arrive.

    Args:
        prompter: asks and tells the user.
        open_url: opens a page in the user's browser.
        reply: sends a line to the plugin.
        secrets: gets what the user types.
        most: how many requests may be open at once.
    """

    def __init__(
        self,
        prompter: Prompter,
        open_url: Callable[[str], Awaitable[object]],
        reply: Callable[[bytes], None],
        secrets: Secrets,
        most: int,
    ) -> None:
        self._prompter = prompter
        self._open_url = open_url
        self._reply = reply
        self._secrets = secrets
        self._most = most
        self._asking = asyncio.Lock()
        self._open: dict[wire.RequestId, asyncio.Task[None]] = {}
        self._ended = False
        self._spinner = _Spinner(prompter)
        self._serve: Mapping[str, Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]] = {
            "prompt": self._prompt,
            "note": self._note,
            "intro": self._intro,
            "outro": self._outro,
            "openUrl": self._open_page,
        }
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets what ends the login from this side: the user's no, or that nobody can answer."""

    def take(self, request: wire.Request) -> None:
        """Begin to serve a request; its answer is sent when there is one.

        Raises:
            wire.WireError: a request with that id is open already.
            TooManyRequestsError: too many are open.
        """
        if self._ended:
            self._reply(wire.encode_error(request.id, wire.CANCELLED, "cancelled"))
            return
        if request.id in self._open:
            raise wire.WireError("asks twice under one id")
        if len(self._open) >= self._most:
            raise TooManyRequestsError
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._open[request.id] = task
        task.add_done_callback(lambda done: self._done(request.id, done))

    async def notice(self, notification: wire.Notification) -> None:
        """Show progress or a line of the plugin's log; anything else is passed over."""
        params = notification.params
        message = params.get("message")
        if notification.method == "progress":
            self._spinner.follow(params.get("token"), params.get("event"), message)
        elif notification.method == "log" and isinstance(message, str) and params.get("level") != "debug":
            # Awaited here, so that a plugin cannot log faster than it is shown.
            await self._prompter.tell(clean_note(message))

    async def close(self) -> None:
        """Drop the prompts that nobody answered, and stop what shows progress."""
        self._ended = True
        waiting = list(self._open.values())
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        self._spinner.close()
        if not self.failed.cancel():
            self.failed.exception()  # seen: what nobody looks at would be logged as lost

    async def _answer(self, request: wire.Request) -> None:
        serve = self._serve.get(request.method)
        try:
            if serve is None:
                raise _RefusedError("There is no such request.", wire.UNKNOWN_METHOD)  # noqa: TRY301 - one way out
            line = wire.encode_result(request.id, await serve(request.params))
        except _RefusedError as error:
            line = wire.encode_error(request.id, error.code, error.message)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                self._reply(_told(request.id, error))
            raise
        self._reply(line)

    def _done(self, request_id: wire.RequestId, task: asyncio.Task[None]) -> None:
        self._open.pop(request_id, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)

    async def _prompt(self, params: Mapping[str, object]) -> Mapping[str, object]:
        prompt = _read_prompt(params)
        async with self._asking:
            if self._ended:
                raise _RefusedError("cancelled", wire.CANCELLED)
            answered = False
            try:
                answer = await self._ask(prompt)
                answered = True
            finally:
                # At once: the next prompt in the queue is asked as soon as the lock is free.
                if not answered:
                    self._ended = True
        if prompt.question.kind in {"text", "secret"}:
            self._secrets.add(str(answer))
        return {"value": _sent(prompt.question.kind, answer)}

    async def _ask(self, prompt: _Prompt) -> object:
        with self._spinner:
            if prompt.complaint:
                await self._prompter.note(prompt.complaint, prompt.question.message)
            return await self._prompter.ask(prompt.question)

    async def _note(self, params: Mapping[str, object]) -> Mapping[str, object]:
        title = params.get("title")
        shown = one_line(title) if isinstance(title, str) else ""
        await self._prompter.note(clean_note(_text(params, "message")), shown or None)
        return {}

    async def _intro(self, params: Mapping[str, object]) -> Mapping[str, object]:
        await self._prompter.intro(clean_note(_text(params, "message")))
        return {}

    async def _outro(self, params: Mapping[str, object]) -> Mapping[str, object]:
        await self._prompter.outro(clean_note(_text(params, "message")))
        return {}

    async def _open_page(self, params: Mapping[str, object]) -> Mapping[str, object]:
        url = _text(params, "url")
        if not _is_page(url):
            raise _RefusedError("Only http and https addresses are opened in the browser.")
        try:
            await self._open_url(url)
        except (JackfieldError, OSError):
            # The plugin shows the address too: without a browser the login can still go on.
            raise _RefusedError("The browser could not be opened.", wire.FAILED) from None
        return {}


class _Spinner:
    """The one progress display there is at a time; away while a question stands (`with`)."""

    def __init__(self, prompter: Prompter) -> None:
        self._prompter = prompter
        self._token: object = None
        self._label = ""
        self._away = False
        self._shown: Progress | None = None

    def follow(self, token: object, event: object, message: object) -> None:
        """Do what a notification says; one about another display than the newest is passed over."""
        label = one_line(message) if isinstance(message, str) else ""
        if event == "start" and token is not None:
            self.close()
            self._token, self._label = token, label
            self._show()
        elif self._token is None or token != self._token:
            return
        elif event == "update":
            self._label = label
            if self._shown is not None:
                self._shown.update(label)
        elif event == "stop":
            self.close(label or None)

    def close(self, message: str | None = None) -> None:
        """End it, with a last word."""
        self._token = None
        self._hide(message)

    def __enter__(self) -> None:
        self._away = True
        self._hide()

    def __exit__(self, *_: object) -> None:
        self._away = False
        self._show()

    def _show(self) -> None:
        if self._token is not None and not self._away:
            self._shown = self._prompter.progress(self._label)

    def _hide(self, message: str | None = None) -> None:
        if self._shown is not None:
            shown, self._shown = self._shown, None
            shown.stop(message)


def _told(request_id: wire.RequestId, error: BaseException) -> bytes:
    """Return what the plugin is told of an error that ends its login; the error itself is the caller's."""
    if isinstance(error, CancelledError):
        return wire.encode_error(request_id, wire.CANCELLED, "cancelled")
    if isinstance(error, NeedsTerminalError | AnswerError):
        return wire.encode_error(request_id, wire.NOBODY_TO_ASK, "nobody can answer")
    return wire.encode_error(request_id, wire.FAILED, "the user could not be asked")


def _read_prompt(params: Mapping[str, object]) -> _Prompt:
    kind, message = params.get("kind"), one_line(_text(params, "message"), 2_000)
    placeholder, complaint = params.get("placeholder"), params.get("complaint")
    initial = params.get("initial")
    if kind == "select":
        options = _options(params)
        question = Question("select", message, options, _preset(options, initial))
    elif kind == "multiselect":
        options = _options(params)
        places = initial if isinstance(initial, list) else []
        preset = [value for each in places if (value := _preset(options, each)) is not None]
        question = Question("multiselect", message, options, preset)
    elif kind == "text":
        hint = one_line(placeholder) if isinstance(placeholder, str) else ""
        start = _start(initial)
        shown: Literal["text", "secret"] = "secret" if params.get("secret") is True else "text"
        question = Question(shown, message, initial=start, placeholder=hint or None)
    elif kind == "confirm":
        question = Question("confirm", message, initial=initial is True)
    else:
        raise _RefusedError("A prompt is of kind select, multiselect, text or confirm.")
    return _Prompt(question, (one_line(complaint) or None) if isinstance(complaint, str) else None)


def _options(params: Mapping[str, object]) -> tuple[Option, ...]:
    given = params.get("options")
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_OPTIONS:
        raise _RefusedError(f"A choice needs a list of 1 to {_MAX_OPTIONS} options.")
    options = []
    for place, each in enumerate(given):
        label = each.get("label") if isinstance(each, dict) else None
        if not isinstance(label, str):
            raise _RefusedError("Each option needs a label that is text.")
        hint = each.get("hint")
        shown = one_line(hint) if isinstance(hint, str) else ""
        # Matched as it is, and never shown: only scripted answers are compared with it.
        value = each.get("value")
        answer = value if isinstance(value, str | int | float) else None
        options.append(Option(_Choice(place), one_line(label) or f"({place + 1})", shown or None, answer))
    return tuple(options)


def _start(initial: object) -> str | None:
    """Return what stands in a line at first; nothing in place of what would have to be cut, for it may be an answer."""
    if not isinstance(initial, str) or len(initial.encode(errors="replace")) > _MAX_INITIAL:
        return None
    return one_line(initial, _MAX_INITIAL)


def _preset(options: tuple[Option, ...], place: object) -> object:
    if type(place) is int and 0 <= place < len(options):
        return options[place].value
    return None


def _sent(kind: str, answer: object) -> object:
    """Return an answer as it crosses the wire."""
    if kind in {"text", "secret"} and isinstance(answer, str):
        return answer
    if kind == "confirm" and isinstance(answer, bool):
        return answer
    if kind == "select" and isinstance(answer, _Choice):
        return answer.place
    if kind == "multiselect" and isinstance(answer, list):
        places = [each.place for each in answer if isinstance(each, _Choice)]
        if len(places) == len(answer):
            return places
    raise InternalError(f"The prompter answered a {kind} question with {type(answer).__name__}.")


def _text(params: Mapping[str, object], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise _RefusedError(f"{name} must be text.")
    return value


def _is_page(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = url.isprintable() and not any(char.isspace() for char in url) and len(url) <= _MAX_URL
    return plain and bool(host) and parts.scheme in {"http", "https"}
