"""`$include`: the other files that a config takes in, merged into one value that knows where each part is from.

The rules are those of the programs that write such files:

- `$include` is the path of a file or a list of paths. A path is relative to the folder of the file that names it; an
  absolute one, or one that begins with `~`, stands for itself. Each file is JSON5, within the limits of any config.
- A list merges from left to right: objects merge deeply, lists are put one after the other, anything else replaces.
- What stands beside `$include` is merged over what it takes in, so it wins. Only an object can have neighbours; a file
  that is taken in alone may hold any value.
- Files take in further files, ten deep, and never one that they are taken in by.

Included files are read, never written. One that cannot be taken in is a fault, and the rest is read all the same; the
object then keeps its `$include`, so that nobody takes what is left for the whole.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jackfield.config.document import Document
from jackfield.config.json5 import Limits, element_index
from jackfield.config.settings import INCLUDE
from jackfield.config.values import MAX_DEPTH
from jackfield.diagnostics import Diagnostic
from jackfield.errors import ConfigError
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KeyPath = tuple[str, ...]

_FLAGS = ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY")
_HINT = "Mend the path, or the file, or take it out."


@record
class IncludeLimits:
    """How much one config may take in: files within files, files in all, and bytes in all; repetitions count."""

    depth: int = 10
    files: int = 100
    size: int = 16 * 1024 * 1024


@record
class IncludedFile:
    """A file that was taken in.

    Attributes:
        path: the file, as it was found.
        document: its text and its own value.
        mode: its permission bits.
        mounts: the places of the config at which it is taken in.
    """

    path: Path
    document: Document
    mode: int
    mounts: tuple[KeyPath, ...]

    @property
    def is_open(self) -> bool:
        """Whether other accounts of the machine may do anything with it; False where files have no such bits."""
        return os.name == "posix" and self.mode & 0o077 != 0


@record
class Source:
    """One taking-in of one file; the main file is the first.

    Attributes:
        path: the file.
        document: its text and its own value.
        mode: its permission bits.
        mount: where in the config its root stands.
        via: the place of the `$include` in the main file that led to it.
        chain: the real paths of the files from the main one to this.
    """

    path: Path
    document: Document
    mode: int = 0
    mount: KeyPath = ()
    via: KeyPath = ()
    chain: tuple[str, ...] = ()


class Node:
    """A value with the file, and the place in that file, that it is from.

    Attributes:
        value: a scalar, a list of nodes, or a dict of nodes.
        source: the file; of an object that several files make up, the one that wins.
        place: where in the file.
    """

    __slots__ = ("place", "source", "value")

    def __init__(self, value: Any, source: Source, place: KeyPath) -> None:
        self.value = value
        self.source = source
        self.place = place

    def plain(self) -> object:
        """Return the value in plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        return [each.plain() for each in self.value] if isinstance(self.value, list) else self.value

    def child(self, key: str) -> Node | None:
        """Return the member with this key, or the element written `[3]`; None when there is none."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        index = element_index(key, len(self.value)) if isinstance(self.value, list) else None
        return None if index is None else self.value[index]

    def parts(self) -> Iterator[Node]:
        """Yield the node and everything in it, in the order of the value."""
        waiting = [self]
        while waiting:
            here = waiting.pop()
            yield here
            if isinstance(here.value, dict):
                waiting.extend(reversed(here.value.values()))
            elif isinstance(here.value, list):
                waiting.extend(reversed(here.value))


class TakenIn:
    """A config with the files it takes in.

    Attributes:
        value: all of it, merged, in plain values.
        sources: the files in the order in which they were read, the main one first.
        faults: what could not be taken in, and why, each with line and column in the main file.
    """

    def __init__(self, root: Node, sources: tuple[Source, ...], faults: tuple[Diagnostic, ...]) -> None:
        self.value = root.plain()
        self.sources = sources
        self.faults = faults
        self._root = root

    @property
    def files(self) -> tuple[IncludedFile, ...]:
        """The included files, each once."""
        found: dict[str, IncludedFile] = {}
        for each in self.sources[1:]:
            real = each.chain[-1]
            mounts = found[real].mounts if real in found else ()
            first = found[real].path if real in found else each.path
            found[real] = IncludedFile(first, each.document, each.mode, (*mounts, each.mount))
        return tuple(found.values())

    def origins(self, path: KeyPath) -> tuple[str, ...]:
        """Return where what stands at `path` is from, as far as it is from included files: `file:line:column`."""
        node = self._find(path)
        places: dict[Path, str] = {}
        for each in node.parts() if node else ():
            if each.source is not self.sources[0]:
                places.setdefault(each.source.path, _place(each.source, each.place))
        return tuple(places.values())

    def said(self, path: KeyPath) -> tuple[tuple[str, object], ...]:
        """Return what the files say of the leaf at `path`, each with its place (`file:line:column`).

        The one that counts comes first; a file that is taken in twice at one place is told once.
        """
        node = self._find(path)
        if node is None:
            return ()
        found = {_place(node.source, node.place): node.plain()}
        for source in self.sources:
            rest = path[len(source.mount) :]
            value: object = source.document.own if path[: len(source.mount)] == source.mount else None
            for key in rest:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                found.setdefault(_place(source, rest), value)
        return tuple(found.items())

    def placed(self, fault: Diagnostic) -> Diagnostic:
        """Return a fault of the merged value with its line and column (see `told`)."""
        node = self._find(fault.path)
        return fault if node is None else told(fault, node.source, node.place, self.sources[0].document)

    def repeated(self) -> Iterator[Diagnostic]:
        """Yield `Document.duplicates` of every included file, each with its path in the config and placed."""
        main = self.sources[0].document
        for source in self.sources[1:]:
            for each in source.document.duplicates:
                yield told(replace(each, path=(*source.mount, *each.path)), source, each.path, main)

    def _find(self, path: KeyPath) -> Node | None:
        node: Node | None = self._root
        for key in path:
            node = node.child(key) if node else None
        return node


def told(fault: Diagnostic, source: Source, place: KeyPath, main: Document) -> Diagnostic:
    """Return a fault with line and column in the main file.

    Of a fault in an included file that is where its `$include` stands, and the message ends with its own place.
    """
    line, column = main.locate(source.via or place) or (None, None)
    message = fault.message
    if source.mount or source.via:
        ended = message.endswith(".")
        message = f"{message.removesuffix('.')} (in {_place(source, place)}){'.' if ended else ''}"
    return replace(fault, message=message, line=line, column=column)


def holds_include(value: object) -> bool:
    """Tell whether there is an `$include` anywhere in a plain value."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            if INCLUDE in here:
                return True
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
    return False


class Includes:
    """Takes in the files that a config names. Each is read once, however often `take_in` is called.

    Args:
        path: the config file; what it names is relative to its folder.
        follows: tells of the path of an object whether its `$include` is to be followed.
        limits: how much may be taken in.
    """

    def __init__(self, path: Path, follows: Callable[[KeyPath], bool], limits: IncludeLimits | None = None) -> None:
        self._path = path
        self._follows = follows
        self._limits = limits or IncludeLimits()
        self._read: dict[str, _File | _UnusableError] = {}

    def take_in(self, document: Document) -> TakenIn:
        """Return what `document` reads as with the files that it names.

        Raises nothing for what is wrong with them: see `TakenIn.faults`, codes `config.include-*`.
        """
        main = Source(self._path, document, chain=(os.path.realpath(self._path),))
        walk = _Walk(main, self._follows, self._limits, self._file)
        root = walk.take(document.own, (), main)
        return TakenIn(root, tuple(walk.sources), tuple(walk.faults))

    def _file(self, path: Path, real: str) -> _File:
        found = self._read.get(real)
        if found is None:
            try:
                found = _load(path)
            except _UnusableError as error:
                found = error
            self._read[real] = found
        if isinstance(found, _UnusableError):
            raise found
        return found


class _Walk:
    """One pass over a config: what was taken in so far, and what went wrong."""

    def __init__(
        self,
        main: Source,
        follows: Callable[[KeyPath], bool],
        limits: IncludeLimits,
        read: Callable[[Path, str], _File],
    ) -> None:
        self.faults: list[Diagnostic] = []
        self.sources = [main]
        self._main = main
        self._follows = follows
        self._limits = limits
        self._read = read
        self._count = 0
        self._size = 0

    def take(self, value: object, place: KeyPath, source: Source) -> Node:
        """Return `value`, which stands at `place` of a file, with everything that it takes in."""
        if isinstance(value, list):
            items = [self.take(item, (*place, f"[{index}]"), source) for index, item in enumerate(value)]
            return Node(items, source, place)
        if not isinstance(value, dict):
            return Node(value, source, place)
        if INCLUDE not in value or not self._follows((*source.mount, *place)):
            return Node({key: self.take(item, (*place, key), source) for key, item in value.items()}, source, place)
        beside = {key: self.take(item, (*place, key), source) for key, item in value.items() if key != INCLUDE}
        return self._with_included(Node(beside, source, place), value[INCLUDE])

    def _with_included(self, node: Node, names: object) -> Node:
        """Return an object merged over the files that its `$include` names."""
        place, below, whole = (*node.place, INCLUDE), None, True
        for index, name in enumerate(names if isinstance(names, list) else [names]):
            here = (*place, f"[{index}]") if isinstance(names, list) else place
            found = self._included(name, here, node)
            whole = whole and found is not None
            if found is not None:
                below = merge(below, found) if below else found
        if below is not None and not isinstance(below.value, dict):
            if not node.value:
                return below
            message = "takes in something else than an object, which cannot have fields beside it"
            self._note(Diagnostic("config.include-value", message, hint="Let it stand alone."), node.source, place)
            below, whole = None, False
        if not whole:
            node.value[INCLUDE] = Node(names if isinstance(names, str) else None, node.source, place)
        return merge(below, node) if below else node

    def _included(self, name: object, place: KeyPath, node: Node) -> Node | None:
        """Return the value of one file, or None when it cannot be taken in, which is noted then."""
        self._count += 1
        if self._count > self._limits.files:
            if self._count == self._limits.files + 1:
                message = f"takes in more than {self._limits.files} files in all"
                self._note(Diagnostic("config.include-too-many", message, hint="Take in fewer."), node.source, place)
            return None
        try:
            source = self._open(name, place, node)
        except _UnusableError as error:
            for message in error.messages:
                self._note(Diagnostic(error.code, message, hint=error.hint), node.source, place)
            return None
        self.sources.append(source)
        return self.take(source.document.own, (), source)

    def _open(self, name: object, place: KeyPath, node: Node) -> Source:
        path, outer = _located(name, node.source.path), node.source
        real = os.path.realpath(path)
        if real in outer.chain:
            message = f"takes in {path}, which leads back to this file"
            raise _UnusableError("config.include-cycle", [message], "Take one of them out.")
        if len(outer.chain) > self._limits.depth:
            message = f"takes in {path} at the end of a chain of more than {self._limits.depth} files"
            raise _UnusableError("config.include-depth", [message], "Make the chain shorter.")
        file = self._read(path, real)
        mount = (*outer.mount, *node.place)
        if len(mount) + file.depth > MAX_DEPTH:
            message = f"takes in {path}, whose values would be nested more than {MAX_DEPTH} levels deep"
            raise _UnusableError("config.include-depth", [message], "Make it flatter.")
        self._size += file.size
        if self._size > self._limits.size:
            message = f"takes in {path}, which makes it more than {self._limits.size} bytes in all"
            raise _UnusableError("config.include-too-large", [message], "Take in less.")
        return Source(path, file.document, file.mode, mount, outer.via or place, (*outer.chain, real))

    def _note(self, fault: Diagnostic, source: Source, place: KeyPath) -> None:
        fault = replace(fault, path=(*source.mount, *place), owner="config")
        self.faults.append(told(fault, source, place, self._main.document))


def merge(below: Node, above: Node) -> Node:
    """Return `above` laid over `below`: objects merge, lists are put one after the other, else `above` counts.

    Both are used up: the result is made of their parts.
    """
    if isinstance(below.value, dict) and isinstance(above.value, dict):
        for key, item in above.value.items():
            below.value[key] = merge(below.value[key], item) if key in below.value else item
        return Node(below.value, above.source, above.place)
    if isinstance(below.value, list) and isinstance(above.value, list):
        below.value.extend(above.value)
        return Node(below.value, above.source, above.place)
    return above


# ---------------------------------------------------------------------------------------------------------- the files


@record
class _File:
    document: Document
    mode: int
    size: int
    depth: int


class IrregularFileError(OSError):
    """Something that is there but is no regular file; `what` says what it is instead."""

    def __init__(self, what: str) -> None:
        super().__init__(f"it is {what}")
        self.what = what


class _UnusableError(Exception):
    """A file that cannot be taken in: its code, one message for each fault, and what to do."""

    def __init__(self, code: str, messages: list[str], hint: str = _HINT) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.hint = hint


def _located(name: object, includer: Path) -> Path:
    """Return the file that a text names in the file `includer`."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise _UnusableError("config.include-type", ["must be the path of a file, or a list of such paths"])
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        message = f"takes in {name}, which is in the home folder of a user who is not known here"
        raise _UnusableError("config.include-missing", [message]) from error
    return Path(os.path.normpath(includer.parent / path))


def _load(path: Path) -> _File:
    limits = Limits()
    try:
        data, mode = read_regular(path, limits.size + 1)
    except IrregularFileError as error:
        raise _UnusableError("config.include-not-a-file", [f"takes in {path}, which is {error.what}"]) from error
    except FileNotFoundError as error:
        raise _UnusableError("config.include-missing", [f"takes in {path}, which is not there"]) from error
    except OSError as error:
        message = f"takes in {path}, which cannot be read: {error.strerror or error}"
        raise _UnusableError("config.include-unreadable", [message]) from error
    try:
        document = Document.parse(data, name=str(path), limits=limits)
    except ConfigError as error:
        raise _unusable(path, error) from error
    return _File(document, mode, len(data), _depth(document.own))


def read_regular(path: Path, limit: int) -> tuple[bytes, int]:
    """Return at most `limit` bytes of a file, and its permission bits; a pipe or a device is never waited for.

    Raises:
        OSError: it cannot be read; an `IrregularFileError` when it is a folder, a pipe or a device.
    """
    flags = os.O_RDONLY
    for name in _FLAGS:
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IrregularFileError("a folder" if stat.S_ISDIR(status.st_mode) else "not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit), stat.S_IMODE(status.st_mode)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: ConfigError) -> _UnusableError:
    """Return what is wrong with a text, each fault with its place in that file."""
    if error.code == "config.too-large":
        return _UnusableError("config.include-too-large", [f"takes in {path}, which is too large for a config"])
    if error.code == "config.too-deep":
        message = f"takes in {path}, whose values are nested more than {MAX_DEPTH} levels deep"
        return _UnusableError("config.include-depth", [message], "Make it flatter.")
    messages = [
        f"takes in {path}, which is not JSON5: {each.line}:{each.column}: {each.message}" for each in error.diagnostics
    ]
    return _UnusableError("config.include-syntax", messages, "Mend that file.")


def _depth(value: object) -> int:
    """Return how many containers a plain value nests."""
    level, deep = [value], 0
    while level := [each for each in level if isinstance(each, (dict, list))]:
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
        deep += 1
    return deep


def _place(source: Source, place: KeyPath) -> str:
    line, column = source.document.locate(place) or (1, 1)
    return f"{source.path}:{line}:{column}"
