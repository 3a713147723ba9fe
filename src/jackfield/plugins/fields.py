"""Single fields out of a manifest, and what is wrong with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic, Severity
from jackfield.ids import canonical_id, is_id, quoted
from jackfield.plugins.reading import one_line, shown
from jackfield.records import replace
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jackfield.plugins.reading import ReadError

Path = tuple[str, ...]

ID_HINT = "Use 1 to 64 of a-z 0-9 . _ - in it, with a letter or digit at both ends."

_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_TOLD_MAX = 20
_KEY_SHOWN = 64


class Faults:
    """Collects what is wrong with one file. Of warnings only the first few are kept: a wrong file may have thousands.

    Args:
        source: the file, which messages name.
    """

    def __init__(self, source: str) -> None:
        self._where = shown(source)
        self._told: list[Diagnostic] = []
        self._more = 0

    def add(
        self,
        code: str,
        message: str,
        path: Path = (),
        *,
        severity: Severity = "error",
        hint: str | None = None,
        at: ReadError | None = None,
    ) -> None:
        """Add one; `at` tells the place in the file."""
        if severity != "error" and len(self._told) >= _TOLD_MAX:
            self._more += 1
            return
        line, column = (at.line, at.column) if at else (None, None)
        self._told.append(Diagnostic(code, message, severity, path, None, hint, line=line, column=column))

    def warn(self, message: str, path: Path, hint: str | None = None) -> None:
        """Tell that a field is passed over."""
        message = f"{message}; it is passed over ({self._where})"
        self.add("plugin.manifest-field", message, path, severity="warning", hint=hint)

    def unknown(self, value: Mapping[str, object], known: Iterable[str], path: Path) -> None:
        """Tell each key that is not known."""
        for key in value:
            if key not in known:
                near = nearest(key, known, 1) if len(self._told) < _TOLD_MAX else ()
                hint = f"Did you mean {near[0]}?" if near else None
                message = f"is not a key known here ({self._where})"
                self.add(
                    "plugin.manifest-unknown-key", message, (*path, key[:_KEY_SHOWN]), severity="warning", hint=hint
                )

    def told(self, owner: str) -> tuple[Diagnostic, ...]:
        """Return them all, as faults of `owner`."""
        if self._more:
            message = f"has {self._more} more faults ({self._where})"
            self._told.append(Diagnostic("plugin.manifest-field", message, "warning"))
            self._more = 0
        return tuple(replace(each, owner=owner) for each in self._told)


class Fields:
    """Takes single fields out of a manifest's tables; what has a wrong type is told and counts as absent."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def text(self, value: Mapping[str, object], key: str, path: Path) -> str | None:
        """Return a text as one line that prints; None when it is absent, blank or no text."""
        given = value.get(key)
        if given is None:
            return None
        if not isinstance(given, str):
            self._wrong("text", given, (*path, key))
            return None
        return one_line(given) or None

    def an_id(self, value: Mapping[str, object], key: str, path: Path) -> str | None:
        """Return an id in canonical spelling; None, and told, when it is absent or none."""
        given = value.get(key)
        plain = canonical_id(given) if isinstance(given, str) else ""
        if is_id(plain):
            return plain
        told = "must be there" if given is None else f"{quoted(given)} is not an id"
        self._faults.warn(told, (*path, key), ID_HINT)
        return None

    def table(self, value: Mapping[str, object], key: str, path: Path) -> Mapping[str, object]:
        """Return a table; an empty one when it is absent or none."""
        given = value.get(key)
        if given is None or isinstance(given, dict):
            return given or {}
        self._wrong("a table", given, (*path, key))
        return {}

    def tables(self, value: Mapping[str, object], key: str, path: Path) -> Iterator[tuple[Path, Mapping[str, object]]]:
        """Yield the tables of a list, each with its place."""
        for place, each in self._items(value, key, path):
            if isinstance(each, dict):
                yield place, each
            else:
                self._wrong("a table", each, place)

    def texts(self, value: Mapping[str, object], key: str, path: Path) -> tuple[str, ...]:
        """Return the texts of a list, each once, as lines that print."""
        return self._each(value, key, path, one_line, lambda text: None if text else "must not be blank")

    def ids(self, value: Mapping[str, object], key: str, path: Path) -> tuple[str, ...]:
        """Return the ids of a list, each once, in canonical spelling."""

        def fault(text: str) -> str | None:
            return None if is_id(text) else f"{quoted(text)} is not an id"

        return self._each(value, key, path, canonical_id, fault)

    def variables(self, value: Mapping[str, object], key: str, path: Path) -> tuple[str, ...]:
        """Return the names of environment variables (as POSIX has them: A-Z 0-9 _) of a list, each once."""

        def fault(text: str) -> str | None:
            return None if _ENV_NAME.fullmatch(text) else f"{quoted(text)} is not the name of an environment variable"

        return self._each(value, key, path, str.strip, fault)

    def _each(
        self,
        value: Mapping[str, object],
        key: str,
        path: Path,
        make: Callable[[str], str],
        fault: Callable[[str], str | None],
    ) -> tuple[str, ...]:
        """Return the texts of a list as `make` makes them, each once, without those that have a fault."""
        found: dict[str, None] = {}
        for place, each in self._items(value, key, path):
            if not isinstance(each, str):
                self._wrong("text", each, place)
                continue
            made = make(each)
            told = fault(made)
            if told:
                self._faults.warn(told, place)
            else:
                found[made] = None
        return tuple(found)

    def _items(self, value: Mapping[str, object], key: str, path: Path) -> Iterator[tuple[Path, object]]:
        given = value.get(key)
        if isinstance(given, list):
            for place, each in enumerate(given):
                yield (*path, key, f"[{place}]"), each
        elif given is not None:
            self._wrong("a list", given, (*path, key))

    def _wrong(self, wanted: str, given: object, path: Path) -> None:
        self._faults.warn(f"must be {wanted}, not {_kind(given)}", path)


def _kind(value: object) -> str:
    names: dict[type, str] = {bool: "true or false", str: "text", dict: "a table", list: "a list", type(None): "null"}
    if type(value) in (int, float):
        return "a number"
    return names.get(type(value), "a date or a time")
