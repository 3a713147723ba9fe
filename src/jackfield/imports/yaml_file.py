"""YAML of other programs: plain values alone, within bounds, with every key that stands twice.

An alias costs its writer three characters and its reader the whole of what it stands for, so what counts is how large
and how deep the value is with every alias written out.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jackfield.credentials.foreign import shown
from jackfield.errors import RequestError

if TYPE_CHECKING:
    import yaml

    _Loader = yaml.SafeLoader
else:
    _Loader = object

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 60
MAX_VALUES = 20_000

_MERGE = "<<"
_TOLD = 20


class _BoundsError(Exception):
    """What goes beyond the bounds: the end of a sentence about the file, and the line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def read_yaml(data: bytes) -> tuple[object, tuple[str, ...]]:
    """Return the value of a YAML text of one document, and the keys that stand twice in one mapping, fit to be shown.

    Raises:
        RequestError: `import.too-large`, `import.too-deep`, or `import.format` with the line; nothing of the text is
            repeated.
    """
    import yaml

    try:
        loader = _loader_class()(data)
        try:
            value = loader.get_single_data()
        finally:
            loader.dispose()
    except _BoundsError as error:
        raise RequestError(f"{error.message}: line {error.line}.", code="import.too-deep") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise RequestError(f"is not YAML{where}.", code="import.format") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        # Such as a character that no YAML holds, or a date in the thirteenth month.
        raise RequestError("is not YAML that can be read.", code="import.format") from None
    return value, tuple(loader.repeated)[:_TOLD]


@cache
def _loader_class() -> Any:
    """Return the loader; it is made here since its base is imported only where a YAML file is read."""
    import yaml

    return type("BoundedLoader", (_Bounded, yaml.SafeLoader), {})


class _Bounded(_Loader):
    """What the loader adds to its base: it counts nodes while they are composed, and notes repeated keys."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.repeated: dict[str, None] = {}
        self._level = 0
        self._count = 0
        # Values and levels of each finished node, aliases written out. A node that is not in it is not finished.
        self._extent: dict[int, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose the next node within the bounds."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        self._count += 1
        self._level += 1
        if getattr(event, "tag", None) is not None:
            raise _BoundsError("has a tag, which no such file needs", line)
        if self._count > MAX_VALUES:
            raise _BoundsError(f"has more than {MAX_VALUES} values", line)
        if self._level > MAX_DEPTH:
            raise _BoundsError(f"is nested more than {MAX_DEPTH} levels deep", line)
        node = super().compose_node(parent, index)
        self._level -= 1
        if node is not None and id(node) not in self._extent:
            if _is_alias(event):
                raise _BoundsError("has an alias within what it stands for", line)
            self._measure(node, line)
        return node

    def _measure(self, node: yaml.Node, line: int) -> None:
        kind, parts = getattr(node, "id", None), []
        if kind == "mapping":
            parts = [part for pair in node.value for part in pair]
        elif kind == "sequence":
            parts = list(node.value)
        extents = [self._extent[id(part)] for part in parts]
        values, depth = 1 + sum(each[0] for each in extents), 1 + max((each[1] for each in extents), default=0)
        if values > MAX_VALUES or depth > MAX_DEPTH:
            raise _BoundsError(f"has more than {MAX_VALUES} values or {MAX_DEPTH} levels", line)
        self._extent[id(node)] = (values, depth)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a dict of a mapping, and note the keys that it has twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.id == "scalar" and key.value != _MERGE:
                if key.value in seen:
                    self.repeated[shown(key.value)] = None
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _is_alias(event: object) -> bool:
    import yaml

    return isinstance(event, yaml.AliasEvent)
