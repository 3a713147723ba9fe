"""How a JSON5 text is laid out, and how a new value is written so that it looks like its surroundings."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from jackfield.config.json5 import MAX_NUMBER, Limits, Node, join_surrogates
from jackfield.diagnostics import Diagnostic
from jackfield.errors import ConfigError
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")

WIDTH = 100
"""Columns after which a line counts as long: nothing is put on one line that would pass it."""

_MAX_FAULTS = 100
_SHORT_ESCAPES = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"', "'": "\\'"}


@record
class Style:
    """The habits of one place in a text.

    Attributes:
        unit: one step of indentation.
        newline: what ends a line.
        quote: the quotation mark of values.
        key_quote: the quotation mark of keys.
        bare_keys: whether a key that can do without quotes has none.
        colon: the colon with the white space around it.
        trailing: whether the last member on a line of its own has a comma.
        pad: what stands inside the brackets of a container on one line.
    """

    unit: str = "  "
    newline: str = "\n"
    quote: str = '"'
    key_quote: str = '"'
    bare_keys: bool = False
    colon: str = ": "
    trailing: bool = False
    pad: str = " "

    @property
    def gap(self) -> str:
        """What follows a comma within a line."""
        return " " if self.colon[-1].isspace() else ""


@cache
def _pattern(source: str) -> re.Pattern[str]:
    """Compile at first use: most runs read a config and edit none."""
    return re.compile(source)


def has_line_end(text: str, start: int, end: int) -> bool:
    """Tell whether a line ends in `text[start:end]`, as JSON5 counts lines (U+2028 and U+2029 end a comment too)."""
    return _pattern(r"[\n\r\u2028\u2029]").search(text, start, end) is not None


def line_start(text: str, offset: int) -> int:
    """Return where the line of `offset` begins."""
    start = text.rfind("\n", 0, offset) + 1
    return max(start, text.rfind("\r", start, offset) + 1)


def line_end(text: str, offset: int) -> int:
    """Return where the line of `offset` ends, its line ending not counted."""
    match = _pattern(r"[^\n\r]*+").match(text, offset)
    return match.end() if match else offset


def indent_at(text: str, offset: int) -> str:
    """Return the spaces and tabs that the line of `offset` begins with."""
    match = _pattern(r"[ \t]*+").match(text, line_start(text, offset))
    return match[0] if match else ""


def find_style(text: str, nodes: Sequence[Node]) -> Style:
    """Return the habits around a container.

    Each habit is that of the nearest container that shows it: the container itself, what it holds, its siblings, what
    is around it, then the rest in the order of the text.

    Args:
        text: the whole text.
        nodes: the containers from the root down to the one in question; empty when the root is a scalar.
    """

    def nearest(habit: Callable[[str, Node], T | None], default: T) -> T:
        found = (habit(text, node) for node in _by_nearness(nodes))
        return next((each for each in found if each is not None), default)

    colon, values, keys = nearest(_colon, ": "), nearest(_quote, ""), nearest(_key_quote, "")
    return Style(
        unit=nearest(_unit, "  "),
        newline=_newline(text, nodes),
        quote=values or keys or '"',
        key_quote=keys or values or '"',
        bare_keys=nearest(_bare_keys, default=False),
        colon=colon,
        trailing=nearest(_trailing, default=False),
        pad=nearest(_pad, " " if colon[-1].isspace() else ""),
    )


def _by_nearness(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in reversed(nodes):
        yield node
        yield from (row[4] for row in node.rows if row[4])
    waiting = list(nodes[:1])
    while waiting:
        node = waiting.pop()
        inner = [row[4] for row in node.rows if row[4]]
        yield from inner
        waiting.extend(reversed(inner))


def _newline(text: str, nodes: Sequence[Node]) -> str:
    pattern = _pattern(r"\r\n|\n|\r")
    match = (pattern.search(text, nodes[-1].start, nodes[-1].end) if nodes else None) or pattern.search(text)
    return match[0] if match else "\n"


def _unit(text: str, node: Node) -> str | None:
    for _, start, *_rest in node.rows[:1]:
        if has_line_end(text, node.start, start):
            outer, inner = indent_at(text, node.start), indent_at(text, start)
            return inner.removeprefix(outer) if inner.startswith(outer) and inner != outer else None
    return None


def _colon(text: str, node: Node) -> str | None:
    if not node.keyed:
        return None
    for _, key_start, start, *_rest in reversed(node.rows):
        begin = max(key_start, start - 20)  # a longer one is no habit, and a key may be a megabyte of blanks
        match = _pattern(r"[ \t]*+:[ \t]*+\Z").search(text, begin, start)
        if match:
            return match[0]
    return None


def _bare_keys(text: str, node: Node) -> bool | None:
    if not node.keyed:
        return None
    for key, start, *_rest in reversed(node.rows):
        if text[start] not in "\"'":
            return True
        if _can_be_bare(key):
            return False
    return None


def _quote(text: str, node: Node) -> str | None:
    """Return the mark of the last string among the values that could have had either one."""
    for _, _, start, end, _ in reversed(node.rows):
        if text[start] in "\"'" and _pattern("[\"']").search(text, start + 1, end - 1) is None:
            return text[start]
    return None


def _key_quote(text: str, node: Node) -> str | None:
    for key, start, *_rest in reversed(node.rows if node.keyed else ()):
        if text[start] in "\"'" and not ('"' in key or "'" in key):
            return text[start]
    return None


def _trailing(text: str, node: Node) -> bool | None:
    if not node.rows:
        return None
    _, _, _, tail, inner = node.rows[-1]
    end = inner.end if inner else tail
    if not has_line_end(text, end, node.end):
        return None
    return any(kind == "comma" for kind, _, _ in tokens(text, end, node.end - 1))


def _pad(text: str, node: Node) -> str | None:
    if not node.rows or not node.keyed or has_line_end(text, node.start, node.end):
        return None
    match = _pattern(r"[ \t]*+").match(text, node.start + 1)
    return match[0] if match else None


def tokens(text: str, start: int, end: int) -> list[tuple[str, int, int]]:
    """Return what stands between two members: `newline`, `space`, `line` and `block` (comments), `comma`."""
    pattern = _pattern(
        r"(?P<newline>\r\n|[\n\r\u2028\u2029])|(?P<space>(?:[^\S\n\r\u2028\u2029]|\ufeff)++)"
        r"|(?P<line>//[^\n\r\u2028\u2029]*+)|(?P<block>/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)|(?P<comma>,)"
    )
    return [(match.lastgroup or "", *match.span()) for match in pattern.finditer(text, start, end)]


def checked(value: object, path: tuple[str, ...], limits: Limits) -> object:
    """Return a copy of `value`, tuples as lists, when JSON5 can say it at `path`.

    Only the exact types dict, list, tuple, str, int, float, bool and None are taken: a subclass may answer differently
    each time it is asked.

    Raises:
        ConfigError: `config.unwritable`, with a diagnostic for every value or key at fault; `config.too-deep`;
            `config.too-large` when there are more values than the size limit has room for.
    """
    if len(path) > limits.depth:
        raise _too_deep(path, limits)
    faults: list[Diagnostic] = []
    result: list[object] = [None]
    waiting: list[tuple[object, Any, str | int, tuple[str, ...]]] = [(value, result, 0, path)]
    room = limits.size // 2  # a value and what separates it from the next
    while waiting and len(faults) < _MAX_FAULTS:
        source, target, place, here = waiting.pop()
        room -= 1
        if room < 0:
            message = f"The new value makes the config larger than {limits.size:,} bytes."
            raise ConfigError(message, code="config.too-large", fix="Make it smaller.")
        if type(source) in {dict, list, tuple}:
            if len(here) >= limits.depth:
                raise _too_deep(here, limits)
            target[place] = _open(source, here, waiting, faults)
        elif reason := _unwritable(source):
            faults.append(_unwritable_fault(here, reason))
        else:
            target[place] = join_surrogates(source) if isinstance(source, str) else source
    if faults:
        message = f"The new value cannot be written: {faults[0]}"
        raise ConfigError(message, code="config.unwritable", fix=faults[0].hint, diagnostics=faults)
    return result[0]


def _open(
    source: Any, here: tuple[str, ...], waiting: list[tuple[object, Any, str | int, tuple[str, ...]]], faults: list[Any]
) -> object:
    """Return the empty copy of a container, and have its contents wait for theirs."""
    if type(source) is not dict:
        copy: list[object] = [None] * len(source)
        waiting.extend((inner, copy, index, (*here, f"[{index}]")) for index, inner in enumerate(source))
        return copy
    members: dict[str, object] = {}
    for key, inner in source.items():
        if type(key) is not str:
            faults.append(_unwritable_fault(here, f"A key is of type {type(key).__name__}, not a string"))
            continue
        name = join_surrogates(key)
        members[name] = None  # the order of the members is the order of the source
        waiting.append((inner, members, name, (*here, name)))
    return members


def _unwritable(value: object) -> str | None:
    if value is None or type(value) in {str, float, bool}:
        return None
    if type(value) is not int:
        return f"JSON5 has nothing for the type {type(value).__name__}"
    try:  # a number of a million digits is not turned into text only to be measured
        too_long = value.bit_length() > 4 * MAX_NUMBER or len(str(value)) > MAX_NUMBER
    except ValueError:  # the interpreter's own limit, which may be set lower than ours
        too_long = True
    return f"A number may have at most {MAX_NUMBER:,} characters" if too_long else None


def _unwritable_fault(path: tuple[str, ...], reason: str) -> Diagnostic:
    hint = "Use objects with string keys, lists, strings, numbers, true, false and null."
    return Diagnostic("config.unwritable", f"{reason}.", path=path, owner="config", hint=hint)


def _too_deep(path: tuple[str, ...], limits: Limits) -> ConfigError:
    message = f"The new value would be nested deeper than {limits.depth} levels."
    fault = Diagnostic("config.too-deep", message, path=path[:1], owner="config", hint="Make it flatter.")
    return ConfigError(message, code=fault.code, fix=fault.hint, diagnostics=(fault,))


def is_flat(value: dict[str, object] | list[object]) -> bool:
    """Tell whether a container holds nothing but scalars and empty containers."""
    inner: Iterable[object] = value.values() if isinstance(value, dict) else value
    return not any(each for each in inner if isinstance(each, dict | list))


def write_key(key: str, style: Style) -> str:
    """Return `key` as the style writes it; only an ASCII identifier is ever left without quotes."""
    return key if style.bare_keys and _can_be_bare(key) else write_string(key, style.key_quote)


def _can_be_bare(key: str) -> bool:
    return key.isascii() and key.replace("$", "_").isidentifier()


def write_string(text: str, quote: str = '"') -> str:
    """Return `text` as a string token that is ASCII-safe where it must be: controls, U+2028, U+2029, lone surrogates.

    With double quotes the token is JSON too.
    """
    pattern = _pattern(rf"[\\{quote}\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
    return quote + pattern.sub(_escape, text) + quote


def _escape(match: re.Match[str]) -> str:
    return _SHORT_ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}"


def write_scalar(value: object, style: Style) -> str:
    """Return a string, number, true, false or null as a token."""
    if isinstance(value, str):
        return write_string(value, style.quote)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text := repr(value), text)


def write_value(value: object, style: Style, indent: str | None, used: int = 0, *, spread: bool = False) -> str:
    """Return `value` over as many lines as it takes: objects one member a line, flat lists on one line if they fit.

    Args:
        value: what `checked` returned.
        style: the habits to follow.
        indent: the indentation of the line that the value begins on; None puts the whole value on that line.
        used: the columns of that line, beyond its indentation, that stand before the value.
        spread: whether `value`, if a list, has one element a line even if it would fit on one.
    """
    parts: list[str] = []
    waiting: list[str | tuple[object, str | None, int]] = [(value, indent, used)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        value, indent, used = item
        if not isinstance(value, dict | list):
            parts.append(write_scalar(value, style))
        elif not value:
            parts.append("{}" if isinstance(value, dict) else "[]")
        else:
            if indent is not None and isinstance(value, list) and is_flat(value) and not spread:
                indent = None if len(indent) + used + len(write_value(value, style, None)) < WIDTH else indent
            waiting.extend(reversed(_opened(value, style, indent)))
        spread = False
    return "".join(parts)


def _opened(
    value: dict[str, object] | list[object], style: Style, indent: str | None
) -> list[str | tuple[object, str | None, int]]:
    """Return the pieces of a container that is not empty: texts, and the values still to be written."""
    keyed = isinstance(value, dict)
    before, between, after = style.pad if keyed else "", f",{style.gap}", style.pad if keyed else ""
    inner = None
    if indent is not None:
        inner = indent + style.unit
        before = style.newline + inner
        between, after = f",{before}", ("," if style.trailing else "") + style.newline + indent
    pieces: list[str | tuple[object, str | None, int]] = [("{" if keyed else "[") + before]
    members = value.items() if isinstance(value, dict) else (("", each) for each in value)
    for index, (name, each) in enumerate(members):
        key = write_key(name, style) + style.colon if keyed else ""
        pieces += [(between if index else "") + key, (each, inner, len(key))]
    return [*pieces, after + ("}" if keyed else "]")]
