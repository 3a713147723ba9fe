"""`jackfield chat`: a question, or a conversation, with a model."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from jackfield.calls.parts import Message
from jackfield.calls.refs import find_model, model_refs
from jackfield.calls.runner import DEADLINE_S, Caller
from jackfield.cli import output
from jackfield.cli.prompts import has_terminal
from jackfield.cli.shared import config_errors, json_option, open_app, plugin_errors, tell_errors
from jackfield.errors import EXIT_FAILED, JackfieldError, RequestError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from typing import TypeVar

    from prompt_toolkit import PromptSession

    from jackfield.app import App
    from jackfield.calls.runner import Answer
    from jackfield.ids import ModelRef

    T = TypeVar("T")

_MAX_PROMPT = 8 * 1024 * 1024
# What steers a terminal or turns the direction of text: sequences that are whole, then every single character of the
# kind, so that nothing is left of those that pieces of an answer have cut. Line feeds and tabs stay.
_STEERING = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_ENDS = {
    "length": "The answer was cut at its limit ({detail}); --max-tokens allows more.",
    "filter": "The provider withheld the answer, or the rest of it ({detail}).",
    "tool": "The model wants to call a tool, and there are none here.",
    "error": "The provider says that the answer failed ({detail}).",
    "other": "The answer ended for another reason than being done ({detail}).",
}


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the model refs that begin with what was typed."""
    del ctx, param
    from jackfield.app import App

    with App() as app:
        return [ref for ref in model_refs(app.registry) if ref.startswith(incomplete)]


@click.command()
@click.argument("model", metavar="MODEL", shell_complete=complete_model)
@click.argument("prompt", metavar="[PROMPT]", required=False)
@click.option("--system", metavar="TEXT", help="What the model is told beforehand.")
@click.option("--max-tokens", type=click.IntRange(1), metavar="N", help="The most tokens of an answer.")
@click.option("--profile", metavar="NAME", help="The credential profile to use, and no other.")
@click.option("--stream/--no-stream", default=True, help="Show the answer while it comes, or when it is whole.")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 86_400),
    default=DEADLINE_S,
    show_default=True,
    metavar="S",
    help="Seconds for one whole answer.",
)
@json_option
def chat(model: str, prompt: str | None, as_json: bool, **options: Any) -> int:
    """Ask a model a question, or talk with it.

    MODEL is provider/model; a name alone is an alias of the config, or a model of the default model's provider. PROMPT
    is the question; with - it is read from standard input, as it is without a PROMPT where no person types. Without
    either a conversation begins, which Ctrl-D ends.

    The answer goes to standard output; what it took and cost, and what was wrong with it, to standard error. A
    credential that is turned down is renewed once where that is possible; no other one is tried in its place.

    With --json: {text, provider, model, answered_by, finish, detail, usage, cost_usd, source, passed_over, timing,
    error, diagnostics}. Exits with 1 when nothing came, or when the answer broke off; what came is printed all the
    same.
    """
    question = _question(prompt)
    app = open_app()
    ref = _ref(app, model)
    if question is None and as_json:
        raise RequestError("A conversation has no JSON.", code="call.empty", fix="Give a PROMPT.")
    with _Session(app, ref, as_json=as_json, **options) as session:
        if question is not None:
            return session.turn(question)
        return session.talk()


def _question(prompt: str | None) -> str | None:
    """Return what is asked; None when a person is to be asked for it."""
    if prompt is None and sys.stdin.isatty():
        if has_terminal():
            return None
        raise RequestError("There is no question, and no terminal to type it.", code="call.empty", fix="Give a PROMPT.")
    text = _read_stdin() if prompt in {None, "-"} else str(prompt)
    if not text.strip():
        raise RequestError("The question is empty.", code="call.empty", fix="Give a PROMPT, or text on standard input.")
    return text


def _read_stdin() -> str:
    data = sys.stdin.buffer.read(_MAX_PROMPT + 1)
    if len(data) > _MAX_PROMPT:
        raise RequestError(f"The question has more than {_MAX_PROMPT} bytes.", code="call.empty")
    try:
        return data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise RequestError("The question is not UTF-8 text.", code="call.empty", fix="Convert it first.") from None


def _ref(app: App, model: str) -> ModelRef:
    """Return the model that is meant; where its provider is not known, tell the errors that may be the reason."""
    try:
        return find_model(model, app.registry, app.config.settings)
    except UnknownNameError:
        tell_errors(app, (*config_errors(app), *plugin_errors(app)))
        raise


class _Session:
    """One run of the command: an event loop with an HTTP client that is open for all turns."""

    def __init__(
        self,
        app: App,
        ref: ModelRef,
        *,
        as_json: bool,
        system: str | None,
        max_tokens: int | None,
        profile: str | None,
        stream: bool,
        timeout: float,
    ) -> None:
        self._app = app
        self._ref = ref
        self._as_json = as_json
        self._system = system
        self._max_tokens = max_tokens
        self._profile = _profile_id(ref.provider, profile)
        self._stream = stream
        self._turns: list[Message] = []
        self._came: list[str] = []
        self._runner = asyncio.Runner()
        self._client = app.http_client()
        self._caller = Caller(app.registry, app.credentials, self._client, deadline_s=timeout)

    def __enter__(self) -> _Session:
        self._run(self._client.__aenter__())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._run(self._client.__aexit__(None, None, None))
        self._runner.close()

    def turn(self, question: str) -> int:
        """Put one question; return the exit status."""
        answer = self._ask(question)
        if self._as_json:
            output.emit_json(answer.to_dict())
        else:
            self._tell(answer)
        return EXIT_FAILED if answer.error is not None else 0

    def talk(self) -> int:
        """Hold a conversation until Ctrl-D; return the exit status."""
        endpoint = self._run(self._caller.endpoint(str(self._ref), profile=self._profile))
        source = endpoint.credential.source.label
        output.say(f"{self._ref} with {source}. Ctrl-D ends, Ctrl-C stops an answer.")
        prompts = _prompt_session()
        while (question := self._next(prompts)) is not None:
            if question.strip():
                self._exchange(question)
        return 0

    def _next(self, prompts: PromptSession[str]) -> str | None:
        try:
            return self._run(prompts.prompt_async("> "))
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None

    def _exchange(self, question: str) -> None:
        """Put a question within a conversation: what goes wrong with it does not end the conversation."""
        try:
            answer = self._ask(question)
        except KeyboardInterrupt:
            self._say_no_more()
            output.say("Stopped.")
            answered = "".join(self._came)
        except JackfieldError as error:
            output.show_error(error)
            return
        else:
            self._tell(answer)
            answered = answer.text
        # A model that is shown a question without an answer would answer both.
        if answered:
            self._turns += [Message("user", question), Message("assistant", answered)]

    def _ask(self, question: str) -> Answer:
        self._came = []
        show = self._stream and not self._as_json
        answer = self._run(
            self._caller.ask(
                str(self._ref),
                [*self._turns, Message("user", question)],
                system=self._system,
                max_tokens=self._max_tokens,
                stream=self._stream,
                profile=self._profile,
                hear=self._hear if show else self._came.append,
            )
        )
        if not show and not self._as_json:
            self._write(answer.text)
        if not self._as_json:
            self._say_no_more()
        return answer

    def _hear(self, text: str) -> None:
        self._came.append(text)
        self._write(text)

    def _write(self, text: str) -> None:
        sys.stdout.write(shown(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def _say_no_more(self) -> None:
        """End the last line of what came."""
        if self._came and not "".join(self._came).endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()

    def _tell(self, answer: Answer) -> None:
        for line in _remarks(answer):
            output.say(shown(line))
        output.show_diagnostics(answer.diagnostics, self._app.paths.config_file)
        if answer.error is not None:
            output.show_error(answer.error)

    def _run(self, coro: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coro)


def shown(text: str) -> str:
    """Return text without what would steer a terminal."""
    return _STEERING.sub("", text)


def _profile_id(provider_id: str, name: str | None) -> str | None:
    """Return a profile's id; a name alone is one of the provider's profiles."""
    return name if name is None or ":" in name else f"{provider_id}:{name}"


def _remarks(answer: Answer) -> Iterator[str]:
    """Yield what the user should know of an answer: why it ended, what was passed over, what it took."""
    if answer.error is None and answer.finish in _ENDS:
        yield _ENDS[answer.finish].format(detail=answer.detail or "no reason given")
    for name, reason in answer.passed_over:
        yield f"Passed over {name}: {reason}."
    counts = [
        (answer.usage.input, "in"),
        (answer.usage.cache_read, "from the cache"),
        (answer.usage.cache_write, "into the cache"),
        (answer.usage.output, "out"),
    ]
    tokens = ", ".join(f"{number:,} {what}" for number, what in counts if number)
    parts = [
        f"{answer.provider}/{answer.model}",
        f"tokens: {tokens or 'not told'}",
        *([f"${answer.cost:.6f}".rstrip("0").rstrip(".")] if answer.cost is not None else []),
        f"{answer.elapsed_s:.1f} s",
        answer.source,
    ]
    yield " · ".join(parts)


def _prompt_session() -> PromptSession[str]:
    """Return what asks for the next question; earlier ones come back with the arrow keys, and are kept nowhere else."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.output import create_output

    return PromptSession(history=InMemoryHistory(), output=create_output(stdout=sys.stderr))
