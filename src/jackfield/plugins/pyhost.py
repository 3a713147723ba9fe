"""The process in which one Python plugin runs: reads requests on standard input, answers on a pipe of its own.

Started as `python -S -E -c "from jackfield.plugins.pyhost import main; main()" --fd N --path JSON`, where N is an
inherited pipe and JSON the list of folders that modules are found in. The protocol is JSON-RPC 2.0, one value a line.

The plugin runs on the main thread, one request after the other. A second thread reads: it hands answers to whoever
waits for them, and ends the process when its parent is gone, however busy the plugin is. Start-up time is spent on
every load, so this module imports next to nothing: not even `json`, whose parts written in C are all that is needed.
"""

# pathlib would take as long to import as all that is done here.
# ruff: noqa: PTH100, PTH117, PTH120

from __future__ import annotations

import _thread
import builtins
import os
import sys
from _queue import SimpleQueue
from importlib.machinery import ModuleSpec, SourceFileLoader

# A plugin may replace builtins; functions defined below keep those of now.
globals()["__builtins__"] = dict(vars(builtins))

TYPE_CHECKING = False  # importing typing would take as long as starting the process

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from jackfield.plugins.pysurface import Function, Registered

PROTOCOL = 1
CANCELLED = -32001
NOBODY = -32002
_FAILED = -32000
_NO_METHOD = -32601

_MAX_LINE = 4 * 1024 * 1024
_MAX_TEXT = 4 * 1024
_MAX_STACK = 16 * 1024
_MAX_FRAMES = 30
_CHUNK = 64 * 1024


# Taken now, so that a plugin that replaces it meets its own only.
_new_lock = _thread.allocate_lock


class Call:
    """A request to the parent that is not answered yet. `wait` blocks; `notify` calls back from the reading thread."""

    def __init__(self) -> None:
        self.value: object = None
        self.error: tuple[int, str] | None = None
        self._done = _new_lock()
        self._done.acquire()
        self._guard = _new_lock()
        self._hook: Callable[[], object] | None = None
        self._settled = False

    def wait(self) -> None:
        """Return when the answer is there."""
        self._done.acquire()
        self._done.release()

    def notify(self, hook: Callable[[], object]) -> None:
        """Have `hook` called when the answer is there, at once when it is."""
        with self._guard:
            if not self._settled:
                self._hook = hook
                return
        hook()

    def settle(self, value: object, error: tuple[int, str] | None) -> None:
        """Hand the answer over."""
        with self._guard:
            self.value, self.error, self._settled = value, error, True
            hook, self._hook = self._hook, None
        self._done.release()
        if hook is not None:
            hook()


class Wire:
    """Both directions of the protocol.

    Args:
        source: descriptor that requests and answers are read from.
        sink: descriptor that is written to.
    """

    def __init__(self, source: int, sink: int) -> None:
        self.inbox: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.on_cancel: Callable[[], object] | None = None
        self._source = source
        self._sink = sink
        self._encode, self._decode = _codec()
        # Taken now, so that a plugin that replaces them meets its own only.
        self._read, self._write, self._exit, self._pid = os.read, os.write, os._exit, os.getpid
        self._owner = os.getpid()
        self._writing = _new_lock()
        self._guard = _new_lock()
        self._waiting: dict[int, Call] = {}
        self._last = 0
        self._open = False
        self._cancelled = False

    def start(self) -> None:
        """Begin to read, on a thread of its own."""
        _thread.start_new_thread(self._read_forever, ())

    def send(self, message: dict[str, object]) -> None:
        """Write one message.

        Raises:
            ValueError: when it is longer than a line may be, or holds a number with too many digits.
        """
        line = self._encode({"jsonrpc": "2.0", **message}).encode("ascii") + b"\n"
        if len(line) > _MAX_LINE:
            message_ = f"The answer has {len(line)} bytes; at most {_MAX_LINE} are taken."
            raise ValueError(message_)
        if self._pid() != self._owner:
            self._exit(70)  # a fork of the plugin came back: it must not speak for its parent
        with self._writing:
            left = memoryview(line)
            while left:
                try:
                    left = left[self._write(self._sink, left) :]
                except OSError:
                    self._exit(0)  # nobody reads any more

    def tell(self, method: str, params: dict[str, object]) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def open(self) -> None:
        """Allow calls: a login begins."""
        with self._guard:
            self._open, self._cancelled = True, False

    def close(self) -> None:
        """Allow no more calls; those still open are dropped, as a cancelled login's are."""
        with self._guard:
            self._open, self.on_cancel = False, None
        self._drop((CANCELLED, "The login is over."))

    def call(self, method: str, params: dict[str, object]) -> Call:
        """Ask the parent something; after a cancel, and outside a login, the answer is an error at once."""
        call = Call()
        with self._guard:
            refused = None if self._open and not self._cancelled else (CANCELLED, "wizard cancelled")
            if refused is None:
                self._last += 1
                number = self._last
                self._waiting[number] = call
        if refused is not None:
            call.settle(None, refused)
            return call
        self.send({"id": number, "method": method, "params": params})
        return call

    def _drop(self, error: tuple[int, str]) -> bool:
        with self._guard:
            dropped = list(self._waiting.values())
            self._waiting.clear()
        for call in dropped:
            call.settle(None, error)
        return bool(dropped)

    def _cancel(self) -> None:
        with self._guard:
            self._cancelled = True
            hook = self.on_cancel
        if not self._drop((CANCELLED, "wizard cancelled")) and hook is not None:
            hook()

    def _read_forever(self) -> None:
        try:
            self._read_lines()
        finally:
            self._exit(70)  # a process that nobody can speak to must not stay

    def _read_lines(self) -> None:
        rest = b""
        while True:
            try:
                chunk = self._read(self._source, _CHUNK)
            except OSError:
                chunk = b""
            if not chunk:
                self._exit(0)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = self._decode(line.decode("utf-8"))
        except (ValueError, RecursionError):
            self._exit(65)  # the parent speaks something else
        if not isinstance(message, dict):
            return
        method, number = message.get("method"), message.get("id")
        if method == "cancel":
            self._cancel()
        elif method is not None:
            self.inbox.put(message)
        else:
            with self._guard:
                call = self._waiting.pop(number, None) if isinstance(number, int) else None
            if call is not None:
                call.settle(message.get("result"), _error_of(message.get("error")))


def _error_of(error: object) -> tuple[int, str] | None:
    if not isinstance(error, dict):
        return None
    code, text = error.get("code"), error.get("message")
    return (code if isinstance(code, int) else _FAILED, text if isinstance(text, str) else "")


def _codec() -> tuple[Callable[[object], str], Callable[[str], object]]:
    """Return functions that write and read one JSON value, out of reach of a plugin that replaces `json`."""
    try:
        from _json import encode_basestring_ascii, make_encoder, make_scanner

        # Positional, as `json.encoder` itself calls it. What is sent was copied, so it has no cycles to look for.
        encoder = make_encoder(None, _no_json, encode_basestring_ascii, None, ":", ",", False, False, False)
        scanner = make_scanner(_Scanning())  # type: ignore[arg-type]
    except (ImportError, TypeError, AttributeError):
        import json

        return json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode, json.JSONDecoder(
            parse_constant=_no_constant
        ).decode
    join = "".join

    def encode(value: object) -> str:
        return join(encoder(value, 0))

    def decode(text: str) -> object:
        text = text.strip()
        try:
            value, end = scanner(text, 0)
        except (StopIteration, SystemError):
            # That is how the scanner fails when `json`, whose error it would raise, was not imported.
            value, end = None, -1
        if end != len(text):
            message = "not JSON"
            raise ValueError(message)
        return value

    return encode, decode


def _no_json(value: object) -> object:
    message = f"{type(value).__name__} is not JSON"
    raise TypeError(message)


def _no_constant(name: str) -> object:
    raise ValueError(name)


class _Scanning:
    """What the scanner in C asks of the decoder around it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)


class Fault(Exception):  # noqa: N818 - never raised to the plugin: it is an answer on its way out
    """A request that failed: what kind of failure, in words, and the plugin's own stack when there is one."""

    def __init__(self, kind: str, message: str, stack: str | None = None, code: int = _FAILED) -> None:
        super().__init__(message)
        self.kind, self.message, self.stack, self.code = kind, message[:_MAX_TEXT], stack, code

    def to_dict(self) -> dict[str, object]:
        """Return it as a JSON-RPC error object."""
        data = {"kind": self.kind} if not self.stack else {"kind": self.kind, "stack": self.stack}
        return {"code": self.code, "message": self.message, "data": data}


class Host:
    """Carries out the parent's requests with one plugin."""

    def __init__(self, wire: Wire) -> None:
        # All of it before the plugin is: what that does to the ways of import is its own affair.
        from jackfield.plugins import api, pycontext, pysurface

        self._wire = wire
        self._api = api
        self._context = pycontext
        self._surface = pysurface
        self._own_files = frozenset(
            each for each in (__file__, api.__file__, pycontext.__file__, pysurface.__file__) if each
        )
        self._providers: list[Registered] | None = None
        self._loop: Any = None
        self._serves: dict[object, Callable[[dict[str, Any]], object]] = {
            "load": self._load,
            "login": self._login,
            "formatApiKey": self._format_api_key,
            "refreshOAuth": self._refresh_oauth,
        }

    def serve(self, request: dict[str, Any]) -> None:
        """Carry out one request and answer it."""
        params, number = request.get("params"), request.get("id")
        serve = self._serves.get(request.get("method"))
        if serve is None:
            serve = _unknown
        result, error = _guarded(serve, params if isinstance(params, dict) else {})
        answer: dict[str, object] = {"result": result}
        if error is not None:
            # What is no Fault comes from a value of the plugin that fails when it is looked at.
            fault = error if isinstance(error, Fault) else self._fault("run", error)
            answer = {"error": fault.to_dict()}
        try:
            self._wire.send({"id": number, **answer})
        except ValueError as refused:
            self._wire.send({"id": number, "error": Fault("type", str(refused)).to_dict()})

    def _load(self, params: dict[str, Any]) -> dict[str, object]:
        if self._providers is not None:
            raise Fault("load", "A plugin is loaded already.")
        self._providers = []
        exported, register = self._find_register(params)
        about = {**params, "config": params.get("config"), "pluginConfig": params.get("pluginConfig")}
        staging = self._surface.Staging(self._own_files)
        api = self._api.PluginApi(about, staging, self._api.Logger(self._log))
        returned = self._run("register", register, api)
        staging.close()
        if _is_awaitable(returned):
            self._run("register", getattr(returned, "close", _nothing))
            message = "plugin register returned a promise; async registration is ignored"
            staging.diagnostics.append({"code": "plugin.async-register", "severity": "warning", "message": message})
        self._providers = staging.providers
        result: dict[str, object] = {
            "providers": [each.descriptor for each in staging.providers],
            "other": staging.others,
            "diagnostics": staging.diagnostics,
        }
        for name, key in (("id", "exportId"), ("kind", "exportKind")):
            own = None if exported is None else getattr(exported, name, None)
            if isinstance(own, str):
                result[key] = own
        return result

    def _find_register(self, params: dict[str, Any]) -> tuple[object, Function]:
        """Return the plugin's object, None when it is a module, and its function `register`."""
        entry, root = params.get("entry"), params.get("root")
        if not isinstance(entry, str) or not entry:
            raise Fault("load", "The plugin has no entry.")
        place, name = _split_entry(entry, root if isinstance(root, str) else "")
        module = self._run("load", load_module, place, str(params.get("id")))
        exported = None
        if name is not None:
            exported = self._run("export", _attribute, module, name)
        elif not any(callable(getattr(module, each, None)) for each in ("register", "activate")):
            exported = getattr(module, "plugin", None)
        target = module if exported is None else exported
        for found in (getattr(target, "register", None), getattr(target, "activate", None), exported):
            if callable(found):
                return (None if found is exported else exported), found
        raise Fault("export", "plugin export missing register/activate")

    def _login(self, params: dict[str, Any]) -> object:
        provider = self._provider(params)
        place = params.get("method")
        run = provider.runs[place] if isinstance(place, int) and 0 <= place < len(provider.runs) else None
        if run is None:
            raise Fault("type", "The provider has no such login method.")
        context = params.get("context")
        given = context if isinstance(context, dict) else {}
        self._wire.open()
        try:
            # Read from this login's own message, so the plugin may write into it.
            ctx = self._context.LoginContext(self._wire, given, given.get("config"))
            result = self._finish("run", ctx.prompter, self._run("run", run, ctx))
        finally:
            self._wire.close()
        return self._checked(self._run("run", self._context.shared_result, result))

    def _format_api_key(self, params: dict[str, Any]) -> dict[str, object]:
        function = self._provider(params).format_api_key
        value = self._finish("run", None, self._run("run", _present(function), params.get("credential")))
        if not isinstance(value, str):
            raise Fault("type", f"formatApiKey returned a value of type {type(value).__name__}, not text.")
        return {"value": str.__str__(value)}

    def _refresh_oauth(self, params: dict[str, Any]) -> object:
        function = self._provider(params).refresh_oauth
        return self._checked(self._finish("run", None, self._run("run", _present(function), params.get("credential"))))

    def _provider(self, params: dict[str, Any]) -> Registered:
        place = params.get("provider")
        if not self._providers or not isinstance(place, int) or not 0 <= place < len(self._providers):
            raise Fault("type", "There is no such provider.")
        return self._providers[place]

    def _checked(self, value: object) -> object:
        """Return a result in JSON's own types."""
        plain, error = _guarded(self._surface.jsonable, value, "result")
        if error is None:
            return plain
        if isinstance(error, self._surface.NotJsonError):
            raise Fault("type", str(error))
        raise self._fault("run", error)

    def _log(self, level: str, message: str) -> None:
        self._wire.tell("log", {"level": level, "message": message[:_MAX_TEXT]})

    def _run(self, kind: str, function: Callable[..., Any], *args: object) -> Any:
        value, error = _guarded(function, *args)
        if error is not None:
            raise self._fault(kind, error)
        return value

    def _finish(self, kind: str, prompter: Any, returned: Any) -> object:
        """Return what a plugin's function returned; what is to be awaited is run to its end."""
        if not _is_awaitable(returned):
            return returned
        if prompter is not None:
            prompter.be_awaited()
        value, error = _guarded(self._await, returned)
        if error is not None:
            raise self._fault(kind, error)
        return value

    def _await(self, awaitable: Any) -> object:
        import asyncio

        if self._loop is None:
            # One for the life of the process: what a plugin left running waits, and cannot keep an answer back.
            self._loop = asyncio.new_event_loop()
        loop = self._loop

        async def run() -> object:
            task = asyncio.current_task()
            if task is not None:
                self._wire.on_cancel = lambda: loop.call_soon_threadsafe(task.cancel)
            return await awaitable

        return loop.run_until_complete(run())

    def _fault(self, kind: str, error: BaseException) -> Fault:
        said, broken = _guarded(_words, error)
        stack, lost = _guarded(_stack, error, self._own_files)
        ended = kind == "run" and type(error).__name__ in {"WizardCancelledError", "CancelledError"}
        return Fault(
            kind,
            said if broken is None else "An error that cannot be shown.",
            stack if lost is None else None,
            CANCELLED if ended else _FAILED,
        )


_SPEAKING = (Exception, RuntimeError, ValueError)
"""Errors whose text is a sentence of the plugin's; that of others says little without the class's name."""


def _guarded(function: Callable[..., Any], *args: object) -> tuple[Any, BaseException | None]:
    """Call the plugin's code; return what it returned, and what it raised."""
    try:
        return function(*args), None
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, sys.exit too, is its answer
        return None, error


def _words(error: BaseException) -> str:
    """Return what an error says; of those that are no sentences, with the name of their class."""
    text, name = str.__str__(str(error)), type(error).__name__
    if isinstance(error, SystemExit):
        return f"The plugin called sys.exit({text[:40]})."
    if text and (type(error) in _SPEAKING or type(error).__module__ != "builtins"):
        return text
    return f"{name}: {text}" if text else name


def _is_awaitable(value: object) -> bool:
    """Tell whether `value` can be awaited, without asking the value itself."""
    return any("__await__" in each.__dict__ for each in type(value).__mro__)


def _unknown(params: dict[str, Any]) -> object:
    del params
    raise Fault("type", "There is no such request.", code=_NO_METHOD)


def _stack(error: BaseException, own_files: frozenset[str]) -> str:
    """Return the traceback with its causes, as Python prints it, without the frames of this host."""
    import traceback

    whole = traceback.TracebackException(type(error), error, error.__traceback__, limit=-_MAX_FRAMES, compact=True)
    chain: list[traceback.TracebackException | None] = [whole]
    seen = set()
    while chain:
        each = chain.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.stack[:] = [
            frame for frame in each.stack if frame.filename not in own_files and "<frozen " not in frame.filename
        ]
        chain += [each.__cause__, each.__context__, *(each.exceptions or () if hasattr(each, "exceptions") else ())]
    return "".join(whole.format())[-_MAX_STACK:]


def _split_entry(entry: str, root: str) -> tuple[str, str | None]:
    """Return the path or module that `entry` names, and the attribute after the colon."""
    exists, join = os.path.exists, os.path.join
    base, colon, name = entry.rpartition(":")
    attribute = name if colon and name.replace(".", "_").isidentifier() and not exists(join(root, entry)) else None
    place = base if attribute else entry
    if place.endswith(".py") or exists(join(root, place)):
        return os.path.abspath(join(root, place)), attribute
    return place, attribute


def load_module(place: str, plugin_id: str) -> ModuleType:
    """Import a plugin's file under a name of its own, or a module by name.

    A file's folder becomes importable, after the standard library and before everything else; it is a package too, so
    that `import helper` and `from . import helper` both work.
    """
    if not os.path.isabs(place):
        __import__(place)
        return sys.modules[place]
    folder = os.path.dirname(place)
    sys.path.insert(_after_stdlib(), folder)
    name = "jackfield_plugin_" + "".join(char if char.isalnum() else "_" for char in plugin_id)
    loader = SourceFileLoader(name, place)
    spec = ModuleSpec(name, loader, origin=place, is_package=True)
    spec.submodule_search_locations = [folder]
    spec.has_location = True
    module = type(sys)(name)
    module.__spec__, module.__loader__, module.__file__ = spec, loader, place
    module.__package__, module.__path__ = name, [folder]
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _after_stdlib() -> int:
    """Return the place in `sys.path` after the standard library: a plugin's `random.py` must not hide Python's."""
    home = os.path.dirname(os.__file__)
    places = [
        place
        for place, folder in enumerate(sys.path)
        if folder == home or (folder.startswith(home) and folder.endswith("lib-dynload")) or folder.endswith(".zip")
    ]
    return places[-1] + 1 if places else 0


def _attribute(module: ModuleType, path: str) -> object:
    found: object = module
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _present(function: Function | None) -> Function:
    if function is None:
        raise Fault("type", "The provider has no such function.")
    return function


def _nothing() -> None:
    return


def _arguments(argv: list[str], decode: Callable[[str], object]) -> tuple[int, list[str]]:
    """Return the descriptor and the search path on the command line; exits with status 64 when they are not right."""
    given = dict(zip(argv[::2], argv[1::2], strict=False))
    try:
        descriptor, path = int(given["--fd"]), decode(given.get("--path", "[]"))
        if isinstance(path, list) and all(isinstance(each, str) for each in path):
            os.fstat(descriptor)
            # A relative folder would make modules of whatever folder the process is started in.
            return descriptor, [each for each in path if os.path.isabs(each)]
    except (KeyError, ValueError, RecursionError, OSError):
        pass
    sys.stderr.write("usage: --fd NUMBER [--path JSON_LIST]\n")
    sys.stderr.flush()
    os._exit(64)


def main() -> None:
    """Serve until standard input ends; never returns."""
    sink, path = _arguments(sys.argv[1:], _codec()[1])
    sys.path[:] = [*sys.path, *(each for each in path if each not in sys.path)]
    source = os.dup(0)
    os.set_inheritable(sink, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # What a plugin prints is for people: one stream, not held back, and never the protocol's.
    sys.stderr.reconfigure(write_through=True)  # type: ignore[union-attr]
    sys.stdout = sys.stderr
    sys.argv = [""]
    wire = Wire(source, sink)
    host = Host(wire)
    wire.tell("ready", {"protocol": PROTOCOL, "runtime": "python {}.{}.{}".format(*sys.version_info[:3])})
    wire.start()
    while True:
        host.serve(wire.inbox.get())


if __name__ == "__main__":
    main()
