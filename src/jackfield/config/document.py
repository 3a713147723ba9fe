"""A JSON5 document that is edited in place: what an edit does not touch stays as it is, byte for byte.

What an edit touches:

- *Replacing* a value touches the value alone; comments inside it go with it.
- *Inserting* puts the member after the last one of its object, in that object's habits (see `Style`). The comma that
  the old last member then needs stands right after its value, before any comment. A comment on the old last member's
  line stays there; comments further down stay below the new member. An object on one line stays on one line when the
  new member is a scalar and the line does not become longer than `WIDTH` columns, or was longer already; otherwise its
  members, unchanged, get lines of their own. An empty object opens up.
- *Deleting* takes the member, its comma, and the comments that begin on its last line after it, unless another member
  follows on that line: then they belong to that one. A line that held nothing else goes as a whole, with the comments
  before the key on that line. Comments on lines of their own always stay, for nothing tells whom they belong to. When
  the last member goes, its predecessor loses its comma unless the last member had one. An object left with neither
  members nor comments is written `{}` (the root, if it was on more than one line, keeps its two braces apart).

So deleting what was just inserted gives back the text, unless the insertion had to open up an object.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from jackfield.config import json5_edit
from jackfield.config.json5 import Item, Limits, Lines, Node, Tree, decode, element_index, join_surrogates, read
from jackfield.config.json5_style import checked
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import ConfigError, InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jackfield.config.include import TakenIn

EMPTY = "{\n}\n"


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What `Document.get` returns where there is nothing: `None` is a value of JSON5."""


class Document:
    """A JSON5 text with its value; never changes, an edit returns a new one.

    A path is a sequence of literal keys, outermost first (never split at dots); the empty path is the root. `locate`
    and `get` also take elements of lists, as `[3]`. Where a key is repeated, the last member counts. All of these are
    about the text itself, and so are edits; only `value` knows of other files that are taken in (see `taking_in`).

    Attributes:
        text: exactly what was read, line endings and BOM included.
        own: what the text says: dict, list, str, int, float, bool or None. Read it, never write it.
        value: what it reads as: `own`, merged over what the files that it takes in say. Read it, never write it.
        taken: those files; None where the document takes in nothing.
    """

    __slots__ = ("_duplicates", "_limits", "_lines", "_name", "_take_in", "_tree", "own", "taken", "text", "value")

    def __init__(self, text: str, tree: Tree, name: str, limits: Limits) -> None:
        self.text = text
        self.own = tree.value
        self.value = tree.value
        self.taken: TakenIn | None = None
        self._take_in: Callable[[Document], TakenIn] | None = None
        self._tree = tree
        self._name = name
        self._limits = limits
        self._lines: Lines | None = None
        self._duplicates: tuple[Diagnostic, ...] | None = None

    def __repr__(self) -> str:
        return f"<Document {self._name!r}, {len(self.text)} characters>"

    @classmethod
    def parse(cls, source: str | bytes, *, name: str = "config", limits: Limits | None = None) -> Document:
        """Read a document.

        Args:
            source: the text, or its bytes in UTF-8.
            name: what it is called in messages, such as the file's name.
            limits: how deep and how long it may be, now and after every edit; 200 levels and 8 MiB.

        Raises:
            ConfigError: `config.syntax`, `config.encoding` (with the places of the faults as diagnostics),
                `config.too-deep` or `config.too-large`.
        """
        limits = limits or Limits()
        text = decode(source, name=name, limits=limits)
        return cls(text, read(text, name=name, limits=limits), name, limits)

    @classmethod
    def empty(cls) -> Document:
        """Return what a new file starts as: an object without members, on two lines."""
        return cls.parse(EMPTY)

    def taking_in(self, take_in: Callable[[Document], TakenIn]) -> Document:
        """Return this document as it reads with the files that it takes in, now and after every edit.

        Args:
            take_in: reads them; see `jackfield.config.include.Includes`.
        """
        result = Document(self.text, self._tree, self._name, self._limits)
        result._take_in = take_in
        result.taken = take_in(self)
        result.value = result.taken.value
        return result

    @property
    def duplicates(self) -> tuple[Diagnostic, ...]:
        """One warning `config.duplicate-key` for each member whose key stood before in the same object."""
        if self._duplicates is None:
            found = [fault for node, path in self._tree.repeats for fault in self._repeated(node, path)]
            self._duplicates = tuple(sorted(found, key=lambda fault: (fault.line or 0, fault.column or 0)))
        return self._duplicates

    def locate(self, path: Sequence[str]) -> tuple[int, int] | None:
        """Return line and column (from 1, in characters) of the key or element at `path`; None when there is none."""
        item = self._find(_as_path(path))
        return self._place(item.key_start) if item else None

    def get(self, path: Sequence[str]) -> object:
        """Return the value at `path`, or `MISSING`. Read it, never write it."""
        here = self.own
        for key in _as_path(path):
            if isinstance(here, dict):
                here = here.get(key, MISSING)
            elif isinstance(here, list):
                index = element_index(key, len(here))
                here = MISSING if index is None else here[index]
            else:
                return MISSING
        return here

    def set(self, path: Sequence[str], value: object) -> Document:
        """Return a document with `value` at `path`; missing objects on the way are made.

        An equal value (1 and 1.0 are equal, as in JSON) changes nothing: the same document comes back.

        Args:
            path: keys of objects only; a list on the way is an error.
            value: dict (with string keys), list, tuple, str, int, float, bool or None, at any depth.

        Raises:
            ConfigError: `config.not-an-object` when something else than an object is on the way,
                `config.unwritable` when the value holds what JSON5 cannot say, `config.too-deep`, `config.too-large`.
        """
        path = _as_path(path)
        value = checked(value, path, self._limits)
        nodes = self._way(path)
        if len(nodes) < len(path):
            for key in reversed(path[len(nodes) :]):
                value = {key: value}
            path = path[: len(nodes)]
        item = self._tree.root if not path else nodes[-1].item(path[-1])
        if item is None:
            patches = json5_edit.insert(self.text, nodes, path[-1], value)
        elif same(self.get(path), value):
            return self
        else:
            patches = json5_edit.replace(self.text, nodes, item, value)
        return self._patched(patches, _with(self.own, path, value))

    def delete(self, path: Sequence[str]) -> Document:
        """Return a document without the member at `path`, every repetition of its key included.

        Where there is no such member, the same document comes back.

        Raises:
            ConfigError: `config.not-an-object` when the path is empty, or something else than an object is on the way.
        """
        path = _as_path(path)
        if not path:
            raise _not_an_object((), "The whole document cannot be deleted.")
        nodes = self._way(path)
        if len(nodes) < len(path) or nodes[-1].item(path[-1]) is None:
            return self
        patches = json5_edit.remove(self.text, nodes, path[-1])
        return self._patched(patches, _with(self.own, path, MISSING))

    def _way(self, path: tuple[str, ...]) -> list[Node]:
        """Return the objects that hold the keys of `path`, root first, as far as they exist."""
        nodes: list[Node] = []
        item: Item | None = self._tree.root
        for depth, key in enumerate(path):
            if item is None:
                break
            if item.node is None or not item.node.keyed:
                raise _not_an_object(path[:depth], None, self._place(item.key_start))
            nodes.append(item.node)
            item = item.node.item(key)
        return nodes

    def _patched(self, patches: list[json5_edit.Patch], intended: object) -> Document:
        """Return the document after the patches, read anew and found to hold what it should."""
        text = json5_edit.apply(self.text, patches)
        broken = f"An edit of {self._name} would have written something else than was asked for; nothing was changed."
        try:
            result = Document.parse(text, name=self._name, limits=self._limits)
        except ConfigError as error:
            if error.code == "config.too-large":
                raise
            raise InternalError(broken, code="internal.document") from error
        if not same(result.own, intended):
            raise InternalError(broken, code="internal.document")
        return result.taking_in(self._take_in) if self._take_in else result

    def _find(self, path: tuple[str, ...]) -> Item | None:
        item: Item | None = self._tree.root
        for key in path:
            item = item.node.item(key) if item and item.node else None
        return item

    def _place(self, offset: int) -> tuple[int, int]:
        self._lines = self._lines or Lines(self.text)
        return self._lines.place(offset)

    def _repeated(self, node: Node, path: tuple[str, ...]) -> list[Diagnostic]:
        first: dict[str, int] = {}
        found: list[Diagnostic] = []
        for item in node.items():
            line, column = self._place(item.key_start)
            if item.key not in first:
                first[item.key] = line
                continue
            found.append(
                Diagnostic(
                    "config.duplicate-key",
                    f"This key stands on line {first[item.key]} already; the last one counts.",
                    severity="warning",
                    path=(*path, item.key),
                    owner="config",
                    hint="Keep one of them.",
                    line=line,
                    column=column,
                )
            )
        return found


def same(one: object, other: object) -> bool:
    """Tell whether two values are one to JSON5: numbers by value, NaN equal to itself, true not equal to 1.

    The order of members does not count.
    """
    waiting: list[tuple[object, object]] = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if isinstance(left, dict):
            if not isinstance(right, dict) or left.keys() != right.keys():
                return False
            waiting.extend((value, right[key]) for key, value in left.items())
        elif isinstance(left, list):
            if not isinstance(right, list) or len(left) != len(right):
                return False
            waiting.extend(zip(left, right, strict=True))
        elif isinstance(left, bool) or isinstance(right, bool) or left is None:
            if left is not right:
                return False
        elif left != right and (left == left or right == right):  # only NaN is not equal to itself
            return False
    return True


def _with(value: object, path: tuple[str, ...], new: object) -> object:
    """Return `value` with `new` at `path`, or without that member when `new` is `MISSING`; `value` stays as it is."""
    if not path:
        return new
    root = dict(value) if isinstance(value, dict) else {}
    here = root
    for key in path[:-1]:
        inner = dict(here[key])
        here[key] = inner
        here = inner
    if new is MISSING:
        del here[path[-1]]
    else:
        here[path[-1]] = new
    return root


def _as_path(path: Sequence[str]) -> tuple[str, ...]:
    if isinstance(path, str):
        message = "a path is a sequence of keys, not one string"
        raise TypeError(message)
    return tuple(join_surrogates(key) for key in path)


def _not_an_object(path: tuple[str, ...], message: str | None, place: tuple[int, int] | None = None) -> ConfigError:
    line, column = place or (None, None)
    message = message or f"{format_path(path) or 'The whole config'} is not an object, so nothing can be set in it."
    fault = Diagnostic("config.not-an-object", message, path=path, owner="config", line=line, column=column)
    return ConfigError(message, code=fault.code, fix="Change it by hand first.", diagnostics=(fault,))
