"""Work out which spans of a JSON5 text an edit changes. The rules are told in `jackfield.config.document`.

Nothing here changes a text: each function takes the text with the nodes on the way to the object in question (root
first, that object last), and returns patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.config.json5_style import (
    WIDTH,
    Style,
    find_style,
    has_line_end,
    indent_at,
    is_flat,
    line_end,
    line_start,
    tokens,
    write_key,
    write_value,
)
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jackfield.config.json5 import Item, Node

_COMMENTS = frozenset(("line", "block"))


@record
class Patch:
    """Put `text` in the place of what stands between two offsets."""

    start: int
    end: int
    text: str = ""


def apply(text: str, patches: Iterable[Patch]) -> str:
    """Return `text` patched; patches that only remove may overlap, those at one offset keep their order."""
    parts: list[str] = []
    position = 0
    for patch in sorted(patches, key=lambda patch: (patch.start, patch.end)):
        parts += (text[position : patch.start], patch.text)
        position = max(position, patch.end)
    return "".join((*parts, text[position:]))


def replace(text: str, nodes: Sequence[Node], item: Item, value: object) -> list[Patch]:
    """Put `value` in the place of that of `item`, a member of the last node (or the root, when that has no nodes)."""
    style = find_style(text, nodes)
    if not isinstance(value, dict | list) or not value:
        return [Patch(item.start, item.end, write_value(value, style, None))]
    row = line_start(text, item.start)
    spread = item.node is not None and has_line_end(text, item.start, item.end)
    inline = write_value(value, style, None)
    changed = len(inline) - (item.end - item.start)
    within = nodes and _is_on_one_line(text, nodes[-1])
    was_inline = bool(item.node and item.node.rows) and not spread
    if (within or was_inline) and is_flat(value) and _fits(text, item.start, changed):
        return [Patch(item.start, item.end, inline)]
    if within and _is_long(text, item.start):
        return [Patch(item.start, item.end, inline)]
    opened = _open(text, nodes, style) if within else _Opened([], indent_at(text, item.key_start))
    used = item.start - item.key_start if opened.patches else item.start - row - len(opened.indent)
    new = write_value(value, style, opened.indent, used, spread=spread)
    return [*opened.patches, Patch(item.start, item.end, new)]


def insert(text: str, nodes: Sequence[Node], key: str, value: object) -> list[Patch]:
    """Put a new member after the last one of the last node."""
    style = find_style(text, nodes)
    node = nodes[-1]
    if not node.rows:
        return _insert_first(text, nodes, style, key, value)
    *_, last = node.items()
    comma, anchor, newline = _line_tail(text, last.end, node.end - 1)
    patches = [] if comma else [Patch(last.end, last.end, ",")]
    if _has_own_lines(text, node):
        indent = _member_indent(text, node, style)
        new = (newline or style.newline) + indent + _member(key, value, style, indent) + ("," if comma else "")
        return [*patches, Patch(anchor, anchor, new)]
    hugs = not _is_on_one_line(text, node)
    inline = _inline_gap(text, node, style) + _member(key, value, style, None) + ("," if comma else "")
    if hugs and not _is_scalar(value):
        inline = _inline_gap(text, node, style) + _member(key, value, style, indent_at(text, last.end))
        return [*patches, Patch(anchor, anchor, inline + ("," if comma else ""))]
    if hugs or _stays(text, anchor, len(inline) + len(patches), value):
        return [*patches, Patch(anchor, anchor, inline)]
    opened = _open(text, nodes, style)
    new = style.newline + opened.indent + _member(key, value, style, opened.indent)
    new += "," if comma or style.trailing else ""
    return [*patches, Patch(anchor, anchor, new), *opened.patches]


def remove(text: str, nodes: Sequence[Node], key: str) -> list[Patch]:
    """Take every member with this key out of the last node: an earlier one would else come back to life."""
    node = nodes[-1]
    items = list(node.items())
    gone = {index for index, item in enumerate(items) if item.key == key}
    patches = [patch for index in sorted(gone) for patch in _removal(text, node, items, index)]
    kept = [index for index in range(len(items)) if index not in gone]
    if not kept:
        return _collapse(text, nodes, patches)
    last = kept[-1]
    if last != len(items) - 1 and not _commas(text, items[-1].end, node.end - 1):
        patches += _commas(text, items[last].end, items[last + 1].key_start)
    return patches


def _member(key: str, value: object, style: Style, indent: str | None) -> str:
    name = write_key(key, style) + style.colon
    return name + write_value(value, style, indent, len(name))


def _is_scalar(value: object) -> bool:
    return not isinstance(value, dict | list) or not value


def _is_on_one_line(text: str, node: Node) -> bool:
    return not has_line_end(text, node.start, node.end)


def _is_long(text: str, offset: int) -> bool:
    return line_end(text, offset) - line_start(text, offset) > WIDTH


def _fits(text: str, offset: int, added: int) -> bool:
    return line_end(text, offset) - line_start(text, offset) + added <= WIDTH


def _stays(text: str, offset: int, added: int, value: object) -> bool:
    """Tell whether a member may join those on the line of `offset`."""
    return (_is_scalar(value) and _fits(text, offset, added)) or _is_long(text, offset)


def _has_own_lines(text: str, node: Node) -> bool:
    """Tell whether a line ends between the members of `node`, those inside its values not counted."""
    position = node.start
    for item in node.items():
        if has_line_end(text, position, item.key_start):
            return True
        position = item.end
    return has_line_end(text, position, node.end)


def _member_indent(text: str, node: Node, style: Style) -> str:
    """Return the indentation of the last member that stands on another line than the opening bracket."""
    _, key_start, *_rest = node.rows[-1]
    if line_start(text, key_start) > node.start:
        return indent_at(text, key_start)
    return indent_at(text, node.start) + style.unit


def _inline_gap(text: str, node: Node, style: Style) -> str:
    """Return what follows a comma within the line of `node`."""
    if len(node.rows) > 1:
        *_, before, last = node.items()
        gap = text[before.end : last.key_start].partition(",")[2]
        if not gap.strip(" \t"):
            return gap
    return style.gap


def _line_tail(text: str, start: int, end: int) -> tuple[bool, int, str]:
    """Return whether a comma follows the value that ends at `start`, where a member can follow, and the line ending.

    That is the end of the line of the comma, or else of the value; when the closing bracket at `end` is on that line,
    the end of the last comment before it, and the line ending is empty.
    """
    found = tokens(text, start, end)
    places = [index for index, (kind, _, _) in enumerate(found) if kind == "comma"]
    anchor = start
    for kind, begin, stop in found[places[0] if places else 0 :]:
        if kind == "newline":
            return bool(places), begin, text[begin:stop]
        anchor = anchor if kind == "space" else stop
    return bool(places), anchor, ""


def _commas(text: str, start: int, end: int) -> list[Patch]:
    return [Patch(start, stop) for kind, start, stop in tokens(text, start, end) if kind == "comma"]


@record
class _Opened:
    """Patches that put the members of one-line objects on lines of their own; the indentation of the innermost's."""

    patches: list[Patch]
    indent: str


def _open(text: str, nodes: Sequence[Node], style: Style) -> _Opened:
    """Open up the last node, and those around it that share its line."""
    chain = [node for node in nodes if _is_on_one_line(text, node)]
    indent = indent_at(text, chain[0].start)
    patches: list[Patch] = []
    for node in chain:
        outer, indent = indent, indent + style.unit
        position = node.start + 1
        for item in node.items():
            commas = _commas(text, position, item.key_start)
            patches.append(_line_break(text, commas[0].end if commas else position, style.newline + indent))
            position = item.end
        if node.rows:
            start = end = node.end - 1
            while text[start - 1] in " \t":
                start -= 1
            patches.append(Patch(start, end, style.newline + outer))
    return _Opened(patches, indent)


def _line_break(text: str, start: int, line: str) -> Patch:
    """Replace the white space at `start` by a line ending with indentation."""
    end = start
    while text[end] in " \t":
        end += 1
    return Patch(start, end, line)


def _insert_first(text: str, nodes: Sequence[Node], style: Style, key: str, value: object) -> list[Patch]:
    """Put a member into an object that has none, but may have comments."""
    node = nodes[-1]
    end = node.end - 1
    found = tokens(text, node.start + 1, end)
    comments = [each for each in found if each[0] in _COMMENTS]
    shares = len(nodes) > 1 and _is_on_one_line(text, nodes[-2])
    if shares and not comments:
        inline = style.pad + _member(key, value, style, None) + style.pad
        if _stays(text, node.start, len(inline), value):
            return [Patch(node.start + 1, end, inline)]
    opened = _open(text, nodes, style) if _is_on_one_line(text, node) else None
    outer = opened.indent.removesuffix(style.unit) if opened else indent_at(text, node.start)
    indent = outer + style.unit
    patches = opened.patches if opened else []
    anchor = comments[-1][2] if comments else node.start + 1
    if comments and line_start(text, comments[-1][1]) > node.start:
        indent = indent_at(text, comments[-1][1])
    new = indent + _member(key, value, style, indent) + ("," if style.trailing else "")
    _, after, newline = _line_tail(text, anchor, end)
    if comments and newline:
        return [*patches, Patch(after, after, newline + new)]
    return [*patches, Patch(anchor, end, style.newline + new + style.newline + outer)]


def _removal(text: str, node: Node, items: Sequence[Item], index: int) -> list[Patch]:
    """Return what goes with the member at `index`, its own comma included."""
    item = items[index]
    follows = index + 1 < len(items)
    after = tokens(text, item.end, items[index + 1].key_start if follows else node.end - 1)
    before = tokens(text, items[index - 1].end if index else node.start + 1, item.key_start)
    stop, line_end, stray = _right_edge(item.end, after, follows=follows)
    start = item.key_start
    # The comma before the last member goes too (see `remove`), so one that leads its line does not hold the line back.
    own_line = _own_line(before, past_commas=not follows and not any(kind == "comma" for kind, _, _ in after))
    if own_line is not None and line_end:
        return [Patch(own_line[2], line_end), *stray]
    ends_here = line_end is not None or not follows
    if own_line is not None and ends_here:
        place = before.index(own_line)
        after_comment = place > 0 and before[place - 1][0] == "line"
        return [Patch(own_line[2] if after_comment else own_line[1], stop), *stray]
    if ends_here and before and before[-1][0] == "space":
        start = before[-1][1]
    return [Patch(start, stop), *stray]


def _own_line(before: Sequence[tuple[str, int, int]], *, past_commas: bool) -> tuple[str, int, int] | None:
    """Return the line ending after which only a member and comments on its line stand."""
    for token in reversed(before):
        if token[0] == "newline":
            return token
        if token[0] not in {"space", "block"} and not (past_commas and token[0] == "comma"):
            return None
    return None


def _right_edge(
    end: int, after: Sequence[tuple[str, int, int]], *, follows: bool
) -> tuple[int, int | None, list[Patch]]:
    """Return where a member with what trails it ends, where its line ends, and its comma when that is further down.

    The end of the line is None when another member, or the closing bracket, stands on it.
    """
    kinds = [kind for kind, _, _ in after]
    comma = kinds.index("comma") if "comma" in kinds else -1
    newline = kinds.index("newline") if "newline" in kinds else -1
    stray: list[Patch] = []
    if 0 <= newline < comma:
        stray = [Patch(after[comma][1], after[comma][2])]
    if newline < 0 and follows:  # what stands after the comma is the next member's
        place = comma + 1
        while place < len(after) and kinds[place] == "space":
            place += 1
        return after[place - 1][2], None, stray
    trailing = [stop for kind, _, stop in after[: newline if newline >= 0 else None] if kind != "space"]
    return (trailing or [end])[-1], after[newline][2] if newline >= 0 else None, stray


def _collapse(text: str, nodes: Sequence[Node], patches: list[Patch]) -> list[Patch]:
    """Return the patches that leave an object without members: none of its white space, unless comments stay."""
    node = nodes[-1]
    start, end = node.start + 1, node.end - 1
    body = apply(text[start:end], [Patch(patch.start - start, patch.end - start) for patch in patches])
    if any(kind in _COMMENTS for kind, _, _ in tokens(body, 0, len(body))):
        return patches
    apart = len(nodes) == 1 and has_line_end(text, start, end)
    return [Patch(start, end, find_style(text, nodes).newline if apart else "")]
