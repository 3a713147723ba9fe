"""One process that runs one plugin: asked to load it, to log in, to format and to refresh a credential.

Whatever the plugin does (raise, hang, exit, flood, lie), what comes out here is an answer or a `PluginError` that names
it, within the deadline, and at the end nothing of it runs any more. The protocol is that of `jackfield.plugins.wire`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

from jackfield.config.guard.doors import clean_note
from jackfield.diagnostics import Diagnostic, Severity
from jackfield.errors import InternalError, PluginError
from jackfield.plugins import wire
from jackfield.plugins.desk import Desk, Secrets, TooManyRequestsError, one_line
from jackfield.process import Child, ChildLimits
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from jackfield.auth.prompter import Prompter

T = TypeVar("T")

# Fields of a credential that are no secret.
_OPEN_FIELDS = frozenset({"type", "provider", "email"})
_CODE = re.compile(r"plugin(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
_MAX_LISTED = 1_000
_MAX_CODE = 64
_MAX_MESSAGE = 500
_TAIL = 16 * 1024
# What the host calls a failure: its code, and the words before the plugin's own.
_FAILURES: Mapping[str, tuple[str, str]] = {
    "load": ("plugin.load-failed", "failed to load plugin: "),
    "export": ("plugin.no-register", ""),
    "register": ("plugin.register-failed", "plugin failed during register: "),
    "run": ("plugin.run-failed", ""),
    "type": ("plugin.bad-result", ""),
}
# What runtimes print when they cannot get memory; Node.js (V8), C++, glibc and Python.
_OUT_OF_MEMORY = re.compile(
    rb"heap out of memory|Reached heap limit|process out of memory|Array buffer allocation failed|"
    rb"bad_alloc|[Cc]annot allocate memory|^MemoryError\b",
    re.MULTILINE,
)
SEE_OUTPUT = "See what it printed with: jackfield plugins doctor"
"""The hint of a plugin that cannot be loaded: the doctor loads it again, and shows what it prints."""
_TRY_AGAIN = "Try it again. If it fails the same way, tell the plugin's author."
_LOADING = frozenset({"starting", "load"})
# How much of its output is shown with an error.
_MAX_SHOWN_LINES = 20
_MAX_SHOWN = 300
_MAX_INDENT = 24
_KEPT_BYTES = 64 * 1024


@record
class Limits:
    """How long and how much a plugin may. Times are in seconds.

    Attributes:
        start_s: until its process says that it is ready.
        load_s: for loading it.
        login_s: for a login in all, the user's time to answer included.
        call_s: for formatting or refreshing a credential.
        end_s: how long it may take to end by itself.
        memory_bytes: private memory of each of its processes (Linux).
        output_bytes: what it may print in all; the last 64 KiB are kept.
        line_bytes: how long one message may be.
        cpu_s: processor time of each of its processes (Linux).
        messages: how many messages it may send in all.
        outstanding: how many of its requests may be open at once.
    """

    start_s: float = 10.0
    load_s: float = 10.0
    login_s: float = 900.0
    call_s: float = 30.0
    end_s: float = 1.0
    memory_bytes: int = 1024 * 1024 * 1024
    output_bytes: int = 8 * 1024 * 1024
    line_bytes: int = 4 * 1024 * 1024
    cpu_s: int = 300
    messages: int = 20_000
    outstanding: int = 32


@record
class LoadResult:
    """What a plugin registered.

    Attributes:
        providers: the descriptors as the plugin gave them: JSON objects, not looked into.
        other: what it registered that is no provider: `{"member": "registerTool", "detail": "acme_tool"}` each.
        diagnostics: what the host found, each with `plugin:<id>` as its owner.
        export_id: the id that the plugin's export says it has.
        export_kind: the kind that it says it is of.
    """

    providers: tuple[Mapping[str, object], ...]
    other: tuple[Mapping[str, str], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    export_id: str | None = None
    export_kind: str | None = None


class PluginSession:
    """One child running one plugin; used with `async with`, and ended with it together with all it started.

    One request at a time. After a failure of the session itself (a deadline, an exit, a broken protocol) every further
    request fails with `plugin.ended`.

    Args:
        plugin_id: names the plugin in every error.
        argv: the host program and its arguments, to which `--fd N` is appended; or a function that takes N, the number
            of the descriptor that the host writes to, and returns them all.
        env: the child's whole environment; see `jackfield.process.allowed_environment`.
        cwd: the folder it starts in.
        limits: how long and how much it may.
    """

    def __init__(
        self,
        plugin_id: str,
        argv: Sequence[str] | Callable[[int], Sequence[str]],
        *,
        env: Mapping[str, str],
        cwd: str | os.PathLike[str],
        limits: Limits | None = None,
    ) -> None:
        self._id = plugin_id
        self._argv = argv
        self._env = env
        self._cwd = os.fspath(cwd)
        self._limits = limits or Limits()
        self._child: Child | None = None
        self._secrets = Secrets()
        self._messages = 0
        self._requests = 0
        self._busy = False
        self._over = False
        self._entered = False
        self._doing = "starting"
        self.runtime = ""
        """What runs the plugin, such as `node v24.1.0`, as its host says."""

    @property
    def output(self) -> str:
        """The last 64 KiB of what the child printed, and logged outside a login: clean it before it is shown."""
        return self._child.output.decode(errors="replace") if self._child else ""

    def last_lines(self) -> tuple[str, ...]:
        """Return the last of the lines printed, at most 20, as they may be shown.

        They are cleaned and cut, without blank ones, and what was handed to the plugin is hidden in them.
        """
        text = self.output.replace("\r", "\n")
        lines = text.split("\n")
        if self._child is not None and len(self._child.output) >= _KEPT_BYTES:
            # The first one has lost its beginning: what is left of a secret in it would not be known as one.
            del lines[0]
        shown = [self._indented(line) for line in lines[-_MAX_SHOWN_LINES * 10 :]]
        return tuple([line for line in shown if line][-_MAX_SHOWN_LINES:])

    async def __aenter__(self) -> PluginSession:
        """Start the child and wait until it is ready.

        Raises:
            PluginError: `plugin.start-failed` when the program cannot be started; otherwise as for a request.
        """
        if self._entered:
            raise InternalError("A plugin session is used once.")
        self._entered = True
        try:
            self._child = Child.start(self._words, env=self._env, cwd=self._cwd, limits=self._child_limits())
        except (OSError, ValueError) as error:
            reason = (
                error.strerror if isinstance(error, OSError) else None
            ) or "a part of the command cannot be passed"
            message = f"Plugin {self._id!r}: its process cannot be started: {reason}."
            raise PluginError(message, code="plugin.start-failed") from error
        await self._guarded("starting", self._limits.start_s, self._ready())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._child is not None:
            await self._child.end(0.0 if self._over else self._limits.end_s)

    async def load(self, params: Mapping[str, object]) -> LoadResult:
        """Have the plugin imported and its register function called.

        Args:
            params: as the protocol's `load` takes them, JSON-ready.

        Raises:
            PluginError: `plugin.load-failed`, `plugin.no-register`, `plugin.register-failed`; or `plugin.timeout`,
                `plugin.exited`, `plugin.memory`, `plugin.flood`, `plugin.protocol`, which end the session.
        """
        answer = await self._request("load", params, self._limits.load_s)
        return self._load_result(answer.value)

    async def login(
        self,
        provider: int,
        method: int,
        context: Mapping[str, object],
        prompter: Prompter,
        open_url: Callable[[str], Awaitable[object]],
    ) -> bytes:
        """Run one login and return its result: JSON as UTF-8, exactly as the plugin's host wrote it.

        Prompts and notes of the plugin go to `prompter`, pages to open to `open_url` (http and https only). A prompt
        that is open when the login ends is dropped. The deadline covers the whole login, the user's time included.

        Args:
            provider: the place of the provider in what `load` returned.
            method: the place of the method in the provider's `auth`.
            context: `config`, `agentDir`, `workspaceDir` and `isRemote`, JSON-ready.
            prompter: asks and tells the user.
            open_url: opens a page in the user's browser.

        Raises:
            PluginError: `plugin.run-failed` when the plugin's own code failed; or as for `load`.
            CancelledError: the user ended it.
            JackfieldError: what the prompter raises when nobody can answer.
        """
        child = self._require()
        desk = Desk(prompter, open_url, child.write, self._secrets, self._limits.outstanding)
        params = {"provider": provider, "method": method, "context": context}
        try:
            answer = await self._request("login", params, self._limits.login_s, desk)
        finally:
            await desk.close()
        return answer.text.encode()

    async def format_api_key(self, provider: int, credential: Mapping[str, object]) -> str:
        """Return the API key that the plugin makes of a credential.

        Raises:
            PluginError: `plugin.bad-result` when it makes no text of it; or as for `login`.
        """
        answer = await self._call("formatApiKey", provider, credential)
        value = answer.get("value")
        if not isinstance(value, str):
            self._bad_result("formatApiKey", "a text")
        return value

    async def refresh_oauth(self, provider: int, credential: Mapping[str, object]) -> Mapping[str, object]:
        """Return the credential that the plugin has had refreshed: a JSON object, not looked into.

        Raises:
            PluginError: `plugin.bad-result` when it returns something else; or as for `login`.
        """
        return await self._call("refreshOAuth", provider, credential)

    # --- requests -------------------------------------------------------------------------------------------------

    async def _call(self, method: str, provider: int, credential: Mapping[str, object]) -> Mapping[str, object]:
        for name, value in credential.items():
            if isinstance(value, str) and name not in _OPEN_FIELDS:
                self._secrets.add(value)
        params = {"provider": provider, "credential": credential}
        answer = (await self._request(method, params, self._limits.call_s)).value
        if not isinstance(answer, dict):
            self._bad_result(method, "an object")
        return answer

    async def _request(
        self, method: str, params: Mapping[str, object], seconds: float, desk: Desk | None = None
    ) -> wire.Result:
        """Send a request and return its answer; serve the child's own requests from `desk` meanwhile."""
        child = self._require()
        self._requests += 1
        line = wire.encode_request(self._requests, method, params)
        self._busy = True
        try:
            child.write(line)
            answer = await self._guarded(method, seconds, self._converse(self._requests, desk))
        finally:
            self._busy = False
        if isinstance(answer, wire.Failure):
            raise self._told(method, answer)
        return answer

    def _require(self) -> Child:
        """Return the child when it can still be asked."""
        child = self._require_child()
        if self._busy:
            raise InternalError("A plugin session takes one request at a time.")
        if self._over:
            message = f"Plugin {self._id!r}: its process has ended."
            raise PluginError(message, code="plugin.ended", fix=_TRY_AGAIN)
        return child

    def _require_child(self) -> Child:
        if self._child is None:
            raise InternalError("A plugin session is used with `async with`.")
        return self._child

    async def _guarded(self, what: str, seconds: float, work: Coroutine[object, object, T]) -> T:
        """Run `work` under a deadline; unless it ends well, the session is over and the child is ended."""
        child = self._require_child()
        self._over = True
        self._doing = what
        try:
            async with asyncio.timeout(seconds) as deadline:
                result = await work
            self._over = False
        except wire.WireError as error:
            raise self._fault("plugin.protocol", f"broke the protocol: a message of it {error}") from None
        except TooManyRequestsError:
            most = self._limits.outstanding
            raise self._fault("plugin.flood", f"had more than {most} requests open at once") from None
        except TimeoutError:
            if not deadline.expired():
                raise
            raise self._fault("plugin.timeout", f"did not finish {what} within {seconds:g} s") from None
        finally:
            if self._over:
                await child.end()
        return result

    async def _ready(self) -> None:
        """Wait for the first message, which says what the child speaks."""
        message = wire.decode(await self._line())
        if not isinstance(message, wire.Notification) or message.method != "ready":
            raise wire.WireError("comes before it said that it is ready")
        spoken = message.params.get("protocol")
        if type(spoken) is not int or spoken != wire.PROTOCOL:
            raise wire.WireError(f"is of another version of the protocol than {wire.PROTOCOL}")
        runtime = message.params.get("runtime")
        self.runtime = one_line(runtime, 80) if isinstance(runtime, str) else ""

    async def _converse(self, asked: int, desk: Desk | None) -> wire.Result | wire.Failure:
        """Return the answer to request `asked`; the user's no ends it before."""
        if desk is None:
            return await self._answer(asked, None)
        reading = asyncio.get_running_loop().create_task(self._answer(asked, desk))
        try:
            await asyncio.wait((reading, desk.failed), return_when=asyncio.FIRST_COMPLETED)
            if desk.failed.done():
                # The plugin learns of it first, and may put away what it has open.
                self._require_child().write(wire.encode_notification("cancel", {}))
                await asyncio.wait((reading,), timeout=self._limits.end_s)
                desk.failed.result()
            return reading.result()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _answer(self, asked: int, desk: Desk | None) -> wire.Result | wire.Failure:
        child = self._require_child()
        while True:
            message = wire.decode(await self._line())
            if isinstance(message, wire.Request):
                if desk is None:
                    child.write(wire.encode_error(message.id, wire.INVALID_REQUEST, "No login is running."))
                else:
                    desk.take(message)
            elif isinstance(message, wire.Notification):
                if desk is not None:
                    await desk.notice(message)
                elif message.method == "log":
                    self._keep(message.params.get("message"))
            elif message.id == asked:
                return message
            else:
                raise wire.WireError("answers nothing that was asked")
            # Lines may be there faster than they are read: the deadline and the prompts have their turn too.
            await asyncio.sleep(0)

    async def _line(self) -> bytes:
        line = await self._require_child().read_line()
        if not line.endswith(b"\n"):
            raise await self._gone()
        self._messages += 1
        if self._messages > self._limits.messages:
            raise self._fault("plugin.flood", f"sent more than {self._limits.messages} messages")
        return line

    # --- what went wrong ------------------------------------------------------------------------------------------

    async def _gone(self) -> PluginError:
        """Return the error for a child that will send nothing more."""
        child = self._require_child()
        with contextlib.suppress(TimeoutError):
            # Its line is closed a moment before it is seen to have ended.
            async with asyncio.timeout(self._limits.end_s / 2):
                await child.wait()
        flood = {
            None: None,
            "output": f"printed more than {self._limits.output_bytes} bytes",
            "line": f"sent a message of more than {self._limits.line_bytes} bytes",
            "input": "did not read what it was sent",
        }[child.flood]
        if flood:
            return self._fault("plugin.flood", flood)
        if child.exit is None:
            return self._fault("plugin.exited", "closed its connection")
        if child.exit.status != 0 and _OUT_OF_MEMORY.search(child.output[-_TAIL:]):
            return self._fault("plugin.memory", "ran out of memory")
        if child.exit.signal_name == "SIGXCPU":
            return self._fault("plugin.timeout", f"used more than {self._limits.cpu_s} s of processor time")
        return self._fault("plugin.exited", str(child.exit))

    def _fault(self, code: str, what: str) -> PluginError:
        return self._failed(code, f"its process {what}")

    def _failed(self, code: str, what: str) -> PluginError:
        """Return an error, with the end of what the plugin printed as a diagnostic."""
        lines = self.last_lines()
        printed = "It printed:" + "".join(f"\n    | {line}" for line in lines)
        found = [Diagnostic("plugin.printed", printed, "info", owner=f"plugin:{self._id}")] if lines else []
        fix = SEE_OUTPUT if self._doing in _LOADING else _TRY_AGAIN
        return PluginError(f"Plugin {self._id!r}: {what}.", code=code, fix=fix, diagnostics=found)

    def _told(self, method: str, failure: wire.Failure) -> PluginError:
        """Return the error for a failure that the plugin's host reports."""
        code, words = _FAILURES.get(failure.kind or "", ("", ""))
        if not code:
            code, words = _FAILURES["load" if method == "load" else "run"]
        text = self._shown(failure.message, _MAX_MESSAGE).rstrip(".")
        error = self._failed(code, f"{words}{text or 'it gave no reason'}")
        if failure.stack:
            error.add_note(self._secrets.hide(clean_note(failure.stack)))
        return error

    def _shown(self, text: str, limit: int) -> str:
        return one_line(self._secrets.hide(one_line(text, _TAIL)), limit)

    def _bad_result(self, method: str, wanted: str) -> NoReturn:
        raise self._failed("plugin.bad-result", f"{method} did not return {wanted}")

    def _indented(self, line: str) -> str:
        blank = len(line) - len(line.lstrip())
        shown = self._shown(line.strip(), _MAX_SHOWN)
        return " " * min(blank, _MAX_INDENT) + shown if shown else ""

    def _keep(self, message: object) -> None:
        """Keep a line of the plugin's log that there is nobody to tell."""
        if isinstance(message, str):
            self._require_child().add_output(message.encode(errors="replace") + b"\n")

    # --- what load returns ----------------------------------------------------------------------------------------

    def _load_result(self, value: object) -> LoadResult:
        found = value if isinstance(value, dict) else {}
        providers = self._objects(found, "providers")
        export_id, export_kind = found.get("exportId"), found.get("exportKind")
        return LoadResult(
            providers=providers,
            other=tuple(
                {"member": self._text(each, "member"), "detail": self._text(each, "detail")}
                for each in self._objects(found, "other")
            ),
            diagnostics=tuple(self._diagnostic(each) for each in self._objects(found, "diagnostics")),
            export_id=one_line(export_id) if isinstance(export_id, str) else None,
            export_kind=one_line(export_kind) if isinstance(export_kind, str) else None,
        )

    def _objects(self, found: Mapping[str, object], name: str) -> tuple[Mapping[str, object], ...]:
        given = found.get(name)
        if isinstance(given, list) and len(given) <= _MAX_LISTED and all(isinstance(each, dict) for each in given):
            return tuple(given)
        what = f"broke the protocol: {name} is not a list of at most {_MAX_LISTED} objects"
        raise self._fault("plugin.protocol", what)

    def _text(self, found: Mapping[str, object], name: str) -> str:
        value = found.get(name)
        return one_line(value) if isinstance(value, str) else ""

    def _diagnostic(self, found: Mapping[str, object]) -> Diagnostic:
        code, severity = found.get("code"), found.get("severity")
        is_code = isinstance(code, str) and len(code) <= _MAX_CODE and _CODE.fullmatch(code)
        return Diagnostic(
            code=code if isinstance(code, str) and is_code else "plugin.reported",
            message=self._text(found, "message"),
            severity=next((each for each in _SEVERITIES if each == severity), "error"),
            owner=f"plugin:{self._id}",
        )

    # --- small things ---------------------------------------------------------------------------------------------

    def _words(self, descriptor: int) -> Sequence[str]:
        if isinstance(self._argv, Sequence):
            return [*self._argv, "--fd", str(descriptor)]
        return self._argv(descriptor)

    def _child_limits(self) -> ChildLimits:
        limits = self._limits
        return ChildLimits(
            memory_bytes=limits.memory_bytes,
            cpu_s=limits.cpu_s,
            output_bytes=limits.output_bytes,
            line_bytes=limits.line_bytes,
        )
