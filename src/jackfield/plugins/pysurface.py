"""From what a Python plugin registers to plain data: runs in the plugin's process and imports almost nothing.

Nothing is judged here. Values go to the program as the plugin gave them, and the program decides what they are worth.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping

# A plugin may replace builtins; functions defined below keep those of now.
globals()["__builtins__"] = dict(vars(builtins))

TYPE_CHECKING = False  # importing typing would take as long as starting the process

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., object]

MAX_DEPTH = 64
"""How deep values may be nested."""

_SHOWN_MAX = 80
_NOTES_MAX = 20
_MISSING = object()
# The auth-only surface: the names of the older programs, and how Python spells them.
_PROVIDER = {
    "id": "id",
    "label": "label",
    "docsPath": "docs_path",
    "aliases": "aliases",
    "envVars": "env_vars",
    "models": "models",
    "auth": "auth",
    "formatApiKey": "format_api_key",
    "refreshOAuth": "refresh_oauth",
}
_METHOD = {"id": "id", "label": "label", "hint": "hint", "kind": "kind", "choice": "choice", "run": "run"}
_MODELS = {
    "base_url": "baseUrl",
    "api_key": "apiKey",
    "auth_header": "authHeader",
    "context_window": "contextWindow",
    "max_tokens": "maxTokens",
    "cache_read": "cacheRead",
    "cache_write": "cacheWrite",
}


class NotJsonError(ValueError):
    """A value that JSON does not have; `path` says where, the message what it is."""

    def __init__(self, path: str, found: str) -> None:
        super().__init__(f"{path or 'The value'} is {found}, which JSON does not have.")


class Registered:
    """One provider as it was registered: the descriptor for the program, and the functions that stay here."""

    __slots__ = ("descriptor", "format_api_key", "refresh_oauth", "runs")

    def __init__(
        self,
        descriptor: dict[str, object],
        runs: list[Function | None],
        format_api_key: Function | None,
        refresh_oauth: Function | None,
    ) -> None:
        self.descriptor = descriptor
        self.runs = runs
        self.format_api_key = format_api_key
        self.refresh_oauth = refresh_oauth
        descriptor["formatApiKey"] = format_api_key is not None
        descriptor["refreshOAuth"] = refresh_oauth is not None


class Staging:
    """Takes what a plugin registers until `close`: `providers`, the names of `others`, and what is wrong."""

    def __init__(self, own_files: frozenset[str]) -> None:
        self.providers: list[Registered] = []
        self.others: list[dict[str, str]] = []
        self.diagnostics: list[dict[str, str]] = []
        self._own_files = own_files
        self._open = True

    def close(self) -> None:
        """Take nothing more."""
        self._open = False

    def add(self, provider: object, run: object, format_api_key: object, refresh_oauth: object) -> None:
        """Stage a provider; see `PluginApi.register_provider`."""
        if not self._open:
            from jackfield.errors import PluginError

            message = "A provider was registered after register had returned."
            raise PluginError(message, code="plugin.late", fix="Register every provider before register returns.")
        before = len(self.diagnostics)
        block = _block_class()
        if block is not None and isinstance(provider, block):
            found = self._block(provider, run, format_api_key, refresh_oauth)
        elif isinstance(provider, Mapping) or hasattr(provider, "id"):
            found = self._surface(provider)
        else:
            self._report("plugin.provider-invalid", "error", f"A provider is a dict or a block, not {_named(provider)}")
            return
        self.providers.append(found)
        if len(self.diagnostics) > before + _NOTES_MAX:
            del self.diagnostics[before + _NOTES_MAX :]

    def other(self, name: str) -> object:
        """Return what stands for a member of the older api that registers something else than providers."""
        if name == "runtime":
            return Unavailable("api.runtime")
        if name != "on" and not (name.startswith("register") and name != "register"):
            message = f"The plugin api has no member {name!r}."
            raise AttributeError(message)

        def accept(*args: object, **kwargs: object) -> Function:
            named = next((each for each in map(_detail, (*args, *kwargs.values())) if each), "")
            if self._open:
                self.others.append({"member": name, "detail": named})
            return _same  # so that it also works as a decorator

        return accept

    def _surface(self, provider: object) -> Registered:
        descriptor: dict[str, object] = {}
        functions: dict[str, Function | None] = {}
        for camel, snake in _PROVIDER.items():
            value = _member(provider, camel, snake)
            if camel in {"formatApiKey", "refreshOAuth"}:
                functions[camel] = value if callable(value) else None
            elif camel != "auth" and value is not _MISSING:
                descriptor[camel] = self._plain(_spelled(value) if camel == "models" else value, camel)
        auth, runs = self._methods(_member(provider, "auth", "auth"))
        if auth is not _MISSING:
            descriptor["auth"] = auth
        extra = _extra(provider, {*_PROVIDER, *_PROVIDER.values()})
        if extra:
            descriptor["extra"] = extra
        return Registered(descriptor, runs, functions["formatApiKey"], functions["refreshOAuth"])

    def _methods(self, auth: object) -> tuple[object, list[Function | None]]:
        if not isinstance(auth, (list, tuple)):
            return (auth if auth is _MISSING else self._plain(auth, "auth")), []
        described: list[object] = []
        runs: list[Function | None] = []
        for place, method in enumerate(auth):
            if not isinstance(method, Mapping) and not hasattr(method, "id"):
                described.append(self._plain(method, f"auth[{place}]"))
                runs.append(None)
                continue
            values = {name: _member(method, name, snake) for name, snake in _METHOD.items()}
            run = values.pop("run")
            runs.append(run if callable(run) else None)
            plain = {
                name: self._plain(value, f"auth[{place}].{name}")
                for name, value in values.items()
                if value is not _MISSING
            }
            described.append({**plain, "run": callable(run)})
        return described, runs

    def _block(self, block: object, run: object, format_api_key: object, refresh_oauth: object) -> Registered:
        ids = [method.id for method in block.auth]  # type: ignore[attr-defined]
        given = {ids[0]: run} if callable(run) and len(ids) == 1 else run
        given = given if isinstance(given, Mapping) else {}
        if run is not None and not given:
            self._report("plugin.provider-invalid", "error", "run= is a dict of functions by method id")
        for name in given:
            if name not in ids:
                message = f"run= has a function for {_text(name)!r}, but the block has no such method"
                self._report("plugin.provider-invalid", "error", message)
        runs = [given.get(each) if callable(given.get(each)) else None for each in ids]
        data: dict[str, object] = {"id": block.id, "auth": [{"id": each} for each in ids]}  # type: ignore[attr-defined]
        data["block"] = jsonable(block.to_dict())  # type: ignore[attr-defined]
        data["runs"] = [name for name, function in zip(ids, runs, strict=True) if function is not None]
        return Registered(
            data,
            runs,
            format_api_key if callable(format_api_key) else None,
            refresh_oauth if callable(refresh_oauth) else None,
        )

    def _plain(self, value: object, path: str) -> object:
        def note(where: str, found: str) -> None:
            self._report("plugin.not-json", "warning", f"{where} is {found}; it became null")

        return jsonable(value, path, note)

    def _report(self, code: str, severity: str, message: str) -> None:
        """Note a fault, with the line of the plugin that it came from."""
        frame = sys._getframe(1)  # noqa: SLF001 - inspect, the public way, costs start-up time
        while frame.f_back is not None and frame.f_code.co_filename in self._own_files:
            frame = frame.f_back
        where = f"{frame.f_code.co_filename.rpartition('/')[2]}, line {frame.f_lineno}"
        self.diagnostics.append({"code": code, "severity": severity, "message": f"{message} ({where})."})


class Unavailable:
    """Stands for a part of the older api that needs the whole program around it; using it says so."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Unavailable:
        """Return the same for a member."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Unavailable(f"{self._path}.{name}")

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Say that it is not here."""
        del args, kwargs
        message = f"{self._path} is not available to provider plugins."
        raise RuntimeError(message)


def jsonable(
    value: object, path: str = "", note: Callable[[str, str], None] | None = None, depth: int = MAX_DEPTH
) -> object:
    """Return `value` in JSON's own types, copied: subclasses and read-only views become what they stand for.

    Args:
        value: anything.
        path: how the value is called in messages.
        note: takes the path and the kind of what JSON does not have; null stands there then.
        depth: how many levels may follow.

    Raises:
        NotJsonError: for the first such value, when there is no `note`.
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    wrong = None
    if isinstance(value, float):
        number = float.__float__(value)
        if number - number == 0:
            return number
        wrong = "not a finite number"
    elif not isinstance(value, (Mapping, list, tuple)):
        wrong = _named(value)
    elif depth == 0:
        wrong = "nested too deeply"
    if wrong is not None:
        if note is None:
            raise NotJsonError(path, wrong)
        note(path, wrong)
        return None
    if isinstance(value, (list, tuple)):
        return [jsonable(each, f"{path}[{place}]", note, depth - 1) for place, each in enumerate(value)]
    return _object(value, path, note, depth)  # type: ignore[arg-type]


def _object(
    value: Mapping[object, object], path: str, note: Callable[[str, str], None] | None, depth: int
) -> dict[str, object]:
    built: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(key, str):
            built[str.__str__(key)] = jsonable(item, f"{path}.{key}" if path else key, note, depth - 1)
        elif note is None:
            raise NotJsonError(path, f"an object with a key of type {type(key).__name__}")
        else:
            note(path, f"an object with a key of type {type(key).__name__}")
    return built


def _spelled(value: object, depth: int = 4) -> object:
    """Return a model config with its own names in the older spelling; what is deeper is the vendor's."""
    if depth and isinstance(value, Mapping):
        return {
            _MODELS.get(key, key) if isinstance(key, str) else key: _spelled(each, depth - 1)
            for key, each in value.items()
        }
    if depth and isinstance(value, (list, tuple)):
        return [_spelled(each, depth - 1) for each in value]
    return value


def _member(holder: object, camel: str, snake: str) -> object:
    """Return what a dict or an object has under either spelling; None counts as absent."""
    for name in (camel, snake):
        value = holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
        if value is not None:
            return value
    return _MISSING


def _extra(holder: object, known: set[str]) -> list[str]:
    """Return the names of other members, as far as they are plain to see."""
    names = holder if isinstance(holder, Mapping) else getattr(holder, "__dict__", {})
    found = [str.__str__(name) for name in names if isinstance(name, str)]
    return [name[:_SHOWN_MAX] for name in found if name not in known and not name.startswith("_")][:_NOTES_MAX]


def _block_class() -> type | None:
    """Return the class of blocks; None as long as no plugin imported it, for then nothing can be one."""
    module = sys.modules.get("jackfield.providers.block")
    return getattr(module, "Provider", None)


def _detail(value: object) -> str:
    """Return a name for something that was registered: its own, or the text itself."""
    for name in ("name", "id", "path", "command", "__name__"):
        found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if isinstance(found, str) and found:
            return _text(found)
    return _text(value) if isinstance(value, str) else ""


def _text(value: object) -> str:
    return value[:_SHOWN_MAX] if isinstance(value, str) else _named(value)


def _named(value: object) -> str:
    return f"a value of type {type(value).__name__}"


def _same(value: object = None) -> object:
    return value
