"""What a Python plugin's login gets: the context, its prompter, and the helpers around a browser login.

Runs in the plugin's process and imports almost nothing. Every question is a `Dialogue`: a generator
that yields what to ask and is sent the answers, so that blocking and awaiting are two ways to wait for the same thing.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping

# A plugin may replace builtins; functions defined below keep those of now.
globals()["__builtins__"] = dict(vars(builtins))

TYPE_CHECKING = False  # importing typing would take as long as starting the process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from typing import Any, NoReturn

    from jackfield.errors import PluginError
    from jackfield.plugins.pyhost import Wire

    Steps = Generator[dict[str, object], object, object]
    Validate = Callable[[str], object]

CANCELLED = -32001
NOBODY = -32002
_MAX_NAME = 1000
_MAX_NUMBER = 2**53
_MANUAL = "Paste the redirect URL (or the code)"
_RESULT = {"config_patch": "configPatch", "default_model": "defaultModel"}


class Dialogue:
    """One question until it is answered rightly. The first request goes out at once.

    Args:
        wire: the way to the parent.
        method: name of the request.
        steps: yields the parameters of each request and is sent its answer; what it returns is the result.
    """

    def __init__(self, wire: Wire, method: str, steps: Steps) -> None:
        self._wire = wire
        self._method = method
        self._steps = steps
        self._call = wire.call(method, next(steps))
        self._over: tuple[object] | None = None

    def wait(self) -> Any:
        """Block until the result is there and return it."""
        while self._over is None:
            self._call.wait()
            self._step()
        return self._over[0]

    async def result(self) -> Any:
        """Return the result when it is there."""
        import asyncio

        while self._over is None:
            loop = asyncio.get_running_loop()
            answered: asyncio.Future[None] = loop.create_future()
            self._call.notify(lambda: _wake(loop, answered))  # noqa: B023 - called before the next round
            await answered
            self._step()
        return self._over[0]

    def _step(self) -> None:
        if self._call.error is not None:
            self._steps.close()
            _raise(*self._call.error)
        answer = self._call.value.get("value") if isinstance(self._call.value, dict) else None
        try:
            self._call = self._wire.call(self._method, self._steps.send(answer))
        except StopIteration as end:
            self._over = (end.value,)


def _wake(loop: Any, answered: Any) -> None:
    """Resolve a future from another thread; a loop that was closed meanwhile waits for nothing."""
    try:
        loop.call_soon_threadsafe(lambda: answered.done() or answered.set_result(None))
    except RuntimeError:
        return


def _raise(code: int, message: str) -> NoReturn:
    from jackfield.errors import NeedsTerminalError, PluginError
    from jackfield.plugins.pyerrors import WizardCancelledError

    if code == CANCELLED:
        raise WizardCancelledError(message or "wizard cancelled")
    if code == NOBODY:
        raise NeedsTerminalError(message or "There is nobody to ask.")
    raise PluginError(message or "The program refused this.", code="plugin.refused")


class Progress:
    """Something under way; ends by `stop`, or with the `with` block around it."""

    def __init__(self, wire: Wire, token: int, label: str) -> None:
        self._wire = wire
        self._token = token
        self._tell("start", label)

    def update(self, message: str) -> None:
        """Say what is being waited for now."""
        self._tell("update", message)

    def stop(self, message: str | None = None) -> None:
        """End it, with a last word."""
        self._tell("stop", message)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _tell(self, event: str, message: str | None) -> None:
        params: dict[str, object] = {"token": self._token, "event": event}
        self._wire.tell("progress", params if message is None else {**params, "message": str(message)})


class Prompter:
    """Asks the user. Its methods return answers to a plain function, and what is to be awaited to an `async def`.

    Each takes its parameters by name, or all of them in one dict under the older programs' names.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._awaited = False
        self._tokens = 0

    def be_awaited(self) -> None:
        """From now on the methods are called by a coroutine."""
        self._awaited = True

    def begin(self, method: str, steps: Steps) -> Dialogue:
        """Send a question without waiting for its answer."""
        return Dialogue(self._wire, method, steps)

    def finish(self, dialogue: Dialogue) -> Any:
        """Wait for the answer, in the way of the function that asked."""
        return dialogue.result() if self._awaited else dialogue.wait()

    def intro(self, title: str) -> Any:
        """Say what begins."""
        return self.once("intro", {"message": _text(title)})

    def outro(self, message: str) -> Any:
        """Say how it ended."""
        return self.once("outro", {"message": _text(message)})

    def note(self, message: str, title: str | None = None) -> Any:
        """Show a text."""
        params: dict[str, object] = {"message": _text(message)}
        return self.once("note", params if title is None else {**params, "title": _text(title)})

    def text(self, message: object, **options: Any) -> Any:
        """Ask for a line; options: `initial`, `placeholder`, `validate`. Asked again while `validate` complains."""
        return self.finish(self.begin("prompt", text_steps(*_options("text", message, options))))

    def secret(self, message: object, **options: Any) -> Any:
        """Ask for a line that is not shown while typed, where the program can hide it; option: `validate`."""
        params, given = _options("text", message, options)
        return self.finish(self.begin("prompt", text_steps({**params, "secret": True}, given)))

    def confirm(self, message: object, **options: Any) -> Any:
        """Ask for yes or no; option: `initial`."""
        params, given = _options("confirm", message, options)
        if given.get("initial") is not None:
            params["initial"] = bool(given["initial"])
        return self.finish(self.begin("prompt", _answer(params, bool, "true or false")))

    def select(self, message: object, options: Sequence[object] = (), **more: Any) -> Any:
        """Ask for one of `options`, each a dict with value, label and hint, or a text; option: `initial`, a value."""
        params, given = _options("select", message, {"options": options, **more})
        values = _choices(params, given.pop("options"))
        place = _place(values, given["initial"]) if given.get("initial") is not None else None
        if place is not None:
            params["initial"] = place
        return self.finish(self.begin("prompt", _one(params, values)))

    def multiselect(self, message: object, options: Sequence[object] = (), **more: Any) -> Any:
        """Ask for any of `options`; option: `initial`, a list of values. The answer is a list of values."""
        params, given = _options("multiselect", message, {"options": options, **more})
        values = _choices(params, given.pop("options"))
        places = [_place(values, each) for each in given.get("initial") or ()]
        params["initial"] = [each for each in places if each is not None]
        return self.finish(self.begin("prompt", _several(params, values)))

    def progress(self, label: str) -> Progress:
        """Show that something is under way. Never waits."""
        self._tokens += 1
        return Progress(self._wire, self._tokens, _text(label))

    def done(self) -> Any:
        """Return what stands for nothing left to wait for."""
        return _soon() if self._awaited else None

    def once(self, method: str, params: dict[str, object]) -> Any:
        """Send a request whose answer says nothing, and wait until it is done."""
        return self.finish(self.begin(method, _done(params)))


async def _soon() -> None:
    return


def _options(kind: str, message: object, options: Mapping[str, Any]) -> tuple[dict[str, object], dict[str, Any]]:
    """Return the first parameters of a prompt, and the options by their short names."""
    given = dict(options)
    if isinstance(message, Mapping):
        given |= {name: value for name, value in message.items() if name != "message"}
        message = message.get("message")
    for older in ("initialValue", "initialValues", "initial_value", "initial_values"):
        if older in given:
            given["initial"] = given.pop(older)
    unknown = sorted(set(given) - {"options", "initial", "placeholder", "validate"})
    if unknown:
        text = f"{kind}() has no option {unknown[0]!r}"
        raise TypeError(text)
    return {"kind": kind, "message": _text(message)}, given


def text_steps(params: dict[str, object], given: Mapping[str, Any]) -> Steps:
    """Ask for a line until `validate` has no complaint."""
    for name in ("initial", "placeholder"):
        if given.get(name) is not None:
            params[name] = _text(given[name])
    asked = params
    while True:
        answer = yield asked
        if not isinstance(answer, str):
            raise _misfit("text")
        complaint = _complaint(given.get("validate"), answer)
        if complaint is None:
            return answer
        asked = {**params, "complaint": complaint}
        if params.get("secret") is not True:
            asked["initial"] = answer  # to be mended, not typed again


def _complaint(validate: Validate | None, answer: str) -> str | None:
    """Return what the validator says against an answer. A ValueError is a complaint, any other error its fault."""
    if validate is None:
        return None
    try:
        said = validate(answer)
    except ValueError as error:
        return str(error) or "That is not right."
    if said is None or said is True or said == "":
        return None
    if said is False:
        return "That is not right."
    if isinstance(said, str):
        return str(said)
    message = f"validate returns a complaint (text) or None, not {type(said).__name__}"
    raise TypeError(message)


def _answer(params: dict[str, object], kind: type, named: str) -> Steps:
    answer = yield params
    if not isinstance(answer, kind):
        raise _misfit(named)
    return answer


def _one(params: dict[str, object], values: Sequence[object]) -> Steps:
    answer = yield params
    return values[_index(answer, values)]


def _several(params: dict[str, object], values: Sequence[object]) -> Steps:
    answer = yield params
    if not isinstance(answer, list):
        raise _misfit("a list of places")
    return [values[_index(each, values)] for each in answer]


def _done(params: dict[str, object]) -> Steps:
    yield params
    return None


def _choices(params: dict[str, object], options: Iterable[object]) -> list[object]:
    """Put what is told of options into the parameters and return their values, which stay here."""
    values: list[object] = []
    shown: list[dict[str, object]] = []
    for each in options:
        option = each if isinstance(each, Mapping) else {"value": each}
        value, hint = option.get("value"), option.get("hint")
        label = option.get("label")
        values.append(value)
        row: dict[str, object] = {"label": _text(value if label is None else label)}
        if hint is not None:
            row["hint"] = _text(hint)
        name = _nameable(value)
        shown.append(row if name is None else {**row, "value": name})
    params["options"] = shown
    return values


def _nameable(value: object) -> object:
    """Return what a script of answers may call an option by, as far as JSON has it; long texts are nobody's name."""
    if value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value) if len(value) <= _MAX_NAME else None
    if isinstance(value, int):
        return int.__int__(value) if -_MAX_NUMBER <= value <= _MAX_NUMBER else None
    if isinstance(value, float) and -_MAX_NUMBER <= value <= _MAX_NUMBER:  # not infinite, and a number at all
        return float.__float__(value)
    return None


def _place(values: Sequence[object], wanted: object) -> int | None:
    """Return the place of a value; for Python 1 is True, and an option is not."""
    same = (place for place, each in enumerate(values) if type(each) is type(wanted) and each == wanted)
    return next(same, None)


def _index(answer: object, values: Sequence[object]) -> int:
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(values):
        raise _misfit("the place of an option")
    return answer


def _misfit(wanted: str) -> PluginError:
    from jackfield.errors import PluginError

    return PluginError(f"The answer to a prompt was not {wanted}.", code="plugin.answer")


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


class Runtime:
    """The program as a login sees it: `log`, `error`, and `exit`, which ends the login and not the program."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def log(self, *parts: object) -> None:
        """Tell what happens."""
        self._wire.tell("log", {"level": "info", "message": " ".join(map(str, parts))})

    def error(self, *parts: object) -> None:
        """Tell what is wrong."""
        self._wire.tell("log", {"level": "error", "message": " ".join(map(str, parts))})

    def exit(self, code: int = 0) -> NoReturn:
        """End the login with an error."""
        from jackfield.errors import PluginError

        raise PluginError(f"The login ended itself with exit({code}).", code="plugin.exit")


class OAuthHandlers:
    """Brings a user through a login in the browser, whether one can be opened on this machine or not."""

    def __init__(self, ctx: LoginContext, given: Mapping[str, Any]) -> None:
        self._ctx = ctx
        self._given = given
        self._manual: Dialogue | None = None

    def on_auth(self, event: Any) -> Any:
        """Show or open the address `event["url"]`. Where no browser is, the answer is asked for at once."""
        url = _text(_read(event, "url"))
        ctx, spin = self._ctx, self._given.get("spin")
        remote = self._given.get("is_remote")
        if ctx.is_remote if remote is None else remote:
            if spin is not None:
                spin.stop("OAuth URL ready")
            ctx.runtime.log(f"Open this address in a browser on your own machine: {url}")
            message = self._given.get("manual_prompt_message") or _MANUAL
            self._manual = ctx.prompter.begin("prompt", _required(message, None))
            return ctx.prompter.done()
        if spin is not None:
            spin.update(self._given.get("local_browser_message") or "Waiting for the browser")
        opened = ctx.open_url(url)
        ctx.runtime.log(f"Open: {url}")
        return opened

    def on_prompt(self, prompt: Any) -> Any:
        """Return what the user pastes: the answer to the question of `on_auth`, or to a new one."""
        prompter = self._ctx.prompter
        if self._manual is not None:
            return prompter.finish(self._manual)
        steps = _required(_read(prompt, "message"), _read(prompt, "placeholder"))
        return prompter.finish(prompter.begin("prompt", steps))

    onAuth = on_auth  # noqa: N815 - the older programs' spelling
    onPrompt = on_prompt  # noqa: N815


def _required(message: object, placeholder: object) -> Steps:
    given = {"placeholder": placeholder, "validate": lambda text: None if text.strip() else "Required"}
    return text_steps({"kind": "text", "message": _text(message)}, given)


def _read(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


class OAuth:
    """Helpers for logins in the browser."""

    def __init__(self, ctx: LoginContext) -> None:
        self._ctx = ctx

    def create_vps_aware_handlers(self, options: Mapping[str, Any] | None = None, **more: Any) -> OAuthHandlers:
        """Return an object with `on_auth(event)` and `on_prompt(prompt)`.

        Options: `is_remote`, `spin` (from `prompter.progress`), `local_browser_message`, `manual_prompt_message`; the
        `prompter`, `runtime` and `open_url` are those of the context.
        """
        given = {_HANDLER_NAMES.get(name, name): value for name, value in {**(options or {}), **more}.items()}
        return OAuthHandlers(self._ctx, given)

    createVpsAwareHandlers = create_vps_aware_handlers  # noqa: N815 - the older programs' spelling


_HANDLER_NAMES = {
    "isRemote": "is_remote",
    "localBrowserMessage": "local_browser_message",
    "manualPromptMessage": "manual_prompt_message",
}


class LoginContext:
    """What a login gets; see `jackfield.plugins.api` for how it is used."""

    def __init__(self, wire: Wire, given: Mapping[str, Any], config: object) -> None:
        self.config = config
        self.agent_dir = self.agentDir = given.get("agentDir")
        self.workspace_dir = self.workspaceDir = given.get("workspaceDir")
        self.is_remote = self.isRemote = given.get("isRemote") is True
        self.prompter = Prompter(wire)
        self.runtime = Runtime(wire)
        self.oauth = OAuth(self)

    def open_url(self, url: str) -> Any:
        """Open an address in the user's browser, or show it."""
        return self.prompter.once("openUrl", {"url": _text(url)})

    openUrl = open_url  # noqa: N815 - the older programs' spelling


def shared_result(result: object) -> object:
    """Return a login's result with its own names in the older spelling; what is inside them is left alone."""
    if not isinstance(result, Mapping):
        return result
    shared = {_RESULT.get(name, name) if isinstance(name, str) else name: value for name, value in result.items()}
    profiles = shared.get("profiles")
    if isinstance(profiles, (list, tuple)):
        shared["profiles"] = [
            {("profileId" if name == "profile_id" else name): value for name, value in each.items()}
            if isinstance(each, Mapping)
            else each
            for each in profiles
        ]
    return shared
