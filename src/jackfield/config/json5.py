"""Read JSON5 (https://spec.json5.org) with the exact place of every key and value.

One regular expression takes a key with its colon, another a value with the separator after it, so that a document costs
two matches per member; nothing here recurses. What the expressions refuse is looked at again, slowly, to say what is
wrong.

Where JSON5 leaves a choice: integers stay `int`, every other number is a `float`; a repeated key keeps its last value,
as in `JSON.parse`, and is reported; the escapes of a surrogate pair become one character, a lone surrogate stays.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from jackfield.diagnostics import Diagnostic
from jackfield.errors import ConfigError
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 200
MAX_SIZE = 8 * 1024 * 1024
MAX_NUMBER = 1_000
BOM = "\ufeff"
_MAX_FAULTS = 100

_MORE = "There is more text after the end of the value."
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_LINE_ENDS = frozenset(("\n", "\r", "\r\n", "\u2028", "\u2029"))
_ID_START = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"))
_ID_PART = _ID_START | {"Mn", "Mc", "Nd", "Pc"}
_JOINERS = "\u200c\u200d"


@record
class Limits:
    """How much a document may hold: nested containers, and bytes of UTF-8."""

    depth: int = MAX_DEPTH
    size: int = MAX_SIZE


class Node:
    """One object or array of the text.

    Attributes:
        start: offset of its opening bracket.
        end: offset just after its closing bracket.
        value: the dict or list that it reads as.
        keyed: whether it is an object.
        rows: one plain tuple for each member or element, in the order of the text; `Item(*row)` names the fields.
    """

    __slots__ = ("end", "keyed", "rows", "start", "value")

    def __init__(self, start: int, value: dict[str, object] | list[object]) -> None:
        self.start = start
        self.end = start
        self.value: Any = value
        self.keyed = type(value) is dict
        self.rows: list[tuple[str, int, int, int, Node | None]] = []

    def items(self) -> Iterator[Item]:
        """Return the members (of an object) or elements (of an array) in the order of the text."""
        return (Item(*row) for row in self.rows)

    def item(self, key: str) -> Item | None:
        """Return the effective (last) member with this key, or the element written `[3]`; None when there is none."""
        if self.keyed:
            for row in reversed(self.rows):
                if row[0] == key:
                    return Item(*row)
            return None
        index = element_index(key, len(self.rows))
        return None if index is None else Item(*self.rows[index])


class Item:
    """A member of an object, or an element of an array.

    Attributes:
        key: the key; empty for an element.
        key_start: offset of the key; that of the value for an element.
        start: offset of the value.
        end: offset just after the value. A row does not know it of a container: its node does.
        node: what the value is, if a container.
    """

    __slots__ = ("end", "key", "key_start", "node", "start")

    def __init__(self, key: str, key_start: int, start: int, tail: int, node: Node | None) -> None:
        self.key = key
        self.key_start = key_start
        self.start = start
        self.end = node.end if node else tail
        self.node = node


def element_index(key: str, length: int) -> int | None:
    """Return 3 for `[3]` when a list of `length` elements has that one, else None."""
    match = re.fullmatch(r"\[(0|[1-9][0-9]{0,9})\]", key)
    return int(match[1]) if match and int(match[1]) < length else None


class Lines:
    """Offsets of a text as line and column, both counted from 1; a column counts characters, a BOM is not one.

    A line ends with LF, CR LF or CR: what editors show as lines.
    """

    def __init__(self, text: str) -> None:
        self._bom = len(BOM) if text.startswith(BOM) else 0
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n?|\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        column = offset - self._starts[line - 1] + 1
        return line, max(1, column - self._bom) if line == 1 else column


@record
class Tree:
    """A text that was read: its value, where the root stands, and which objects repeat a key (with their paths)."""

    value: object
    root: Item
    repeats: tuple[tuple[Node, tuple[str, ...]], ...]


@record
class _Patterns:
    """`key` takes `key:` or `}`; `value` takes a scalar, `[`, `{` or `]`. Both take what separates it from the next."""

    blank: re.Pattern[str]
    token: re.Pattern[str]
    key: re.Pattern[str]
    value: re.Pattern[str]


_PLAIN, _WORD, _ESCAPED, _CLOSE = 1, 2, 3, 4  # groups of _Patterns.value; an opening bracket is the fifth


@cache
def _patterns(*, rare: bool) -> _Patterns:
    """Compile, once. The classes that `rare` characters need make compiling several times as long."""
    latin = r" \t\n\r\v\f\xa0"
    line_comment = r"//[^\n\r\u2028\u2029]*+" if rare else r"//[^\n\r]*+"
    block_comment = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
    # Beyond Latin-1, \s is the categories Zs, Zl and Zp, which with the BOM is what JSON5 calls white space.
    blank = rf"[{latin}]*+(?:(?:{line_comment}|{block_comment}|[^\S\x00-\xff]|{BOM})[{latin}]*+)*+"
    plain = r""" "[^"\\\n\r]*+"|'[^'\\\n\r]*+' """.strip()
    escape = r"\\(?:\r\n|[\s\S])"
    escaped = rf""" "(?:[^"\\\n\r]++|{escape})*+"|'(?:[^'\\\n\r]++|{escape})*+' """.strip()
    word = rf"""[^\s{BOM if rare else ""}"',:\[\]{{}}/]++"""
    after = rf"{blank}(?:,|(?=[\]}}])|\Z)"
    return _Patterns(
        re.compile(blank),
        re.compile(f"{escaped}|{word}"),
        re.compile(rf"{blank}(?:({escaped}|{word}){blank}:|(\}}){after})"),
        re.compile(rf"{blank}(?:(?:({plain})|({word})|({escaped})|(\])){after}|([\[{{]))"),
    )


@cache
def _number_pattern() -> re.Pattern[str]:
    exponent = r"(?:[eE][+-]?[0-9]+)?"
    return re.compile(
        rf"[+-]?(?:Infinity|NaN|(?P<hex>0[xX][0-9a-fA-F]+)|(?P<int>0|[1-9][0-9]*)|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?{exponent}"
        rf"|\.[0-9]+{exponent})"
    )


def decode(source: str | bytes, *, name: str, limits: Limits) -> str:
    """Return `source` as text, a BOM included, when it is UTF-8 (or can be written as such) and not too long.

    Raises:
        ConfigError: `config.too-large`, or `config.encoding` with the line and column of the first fault.
    """
    if len(source) > limits.size:
        raise too_large(name, limits)
    try:
        if isinstance(source, bytes):
            return source.decode("utf-8")
        if not source.isascii() and len(source.encode("utf-8")) > limits.size:
            raise too_large(name, limits)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        raise _encoding_error(name, before, wide=error.object.startswith((b"\xff\xfe", b"\xfe\xff"))) from None
    except UnicodeEncodeError as error:
        raise _encoding_error(name, error.object[: error.start], wide=False) from None
    return source


def too_large(name: str, limits: Limits) -> ConfigError:
    """Return the error of a text that is longer than `limits` allow: `config.too-large`."""
    message = f"{name} is larger than {limits.size:,} bytes."
    return ConfigError(message, code="config.too-large", fix="Make it smaller.")


def _encoding_error(name: str, before: str, *, wide: bool) -> ConfigError:
    line, column = Lines(before).place(len(before))
    fault = Diagnostic(
        code="config.encoding",
        message="This is UTF-16, not UTF-8." if wide else "What stands here is not valid UTF-8.",
        owner="config",
        hint="Save the file as UTF-8.",
        line=line,
        column=column,
    )
    message = f"{name} is not valid UTF-8 (line {line}, column {column})."
    return ConfigError(message, code=fault.code, fix=fault.hint, diagnostics=(fault,))


def read(text: str, *, name: str, limits: Limits) -> Tree:
    """Read one JSON5 value.

    Args:
        text: what `decode` returned.
        name: what the text is called in messages.
        limits: its depth is looked at here; its size is not.

    Raises:
        ConfigError: `config.syntax` or `config.too-deep`. The diagnostics hold every fault up to the first that makes
            the rest unreadable, each with its path, line and column; they never quote a value.
    """
    return _Reader(text, name, limits).read()


@cache
def _surrogate_pair() -> re.Pattern[str]:
    return re.compile("[\\ud800-\\udbff][\\udc00-\\udfff]")


def join_surrogates(text: str) -> str:
    """Return `text` with each high surrogate that a low one follows joined with it to one character.

    A JavaScript string cannot tell the two spellings apart, so neither may a value that goes through a file.
    """
    if text.isascii() or _surrogate_pair().search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def is_identifier(text: str) -> bool:
    """Tell whether `text` is an identifier name of ECMAScript 5.1 (7.6), and so a key that needs no quotes."""
    if text.isascii() and text.replace("$", "_").isidentifier():
        return True
    import unicodedata

    kinds = ["Lu" if char in "$_" else "Mn" if char in _JOINERS else unicodedata.category(char) for char in text]
    return bool(kinds) and kinds[0] in _ID_START and _ID_PART.issuperset(kinds)


def parse_number(text: str) -> int | float:
    """Return the JSON5 number that `text` spells out.

    Raises:
        ValueError: it is none, or it has more digits than this interpreter turns into an integer.
    """
    match = _number_pattern().fullmatch(text)
    if match is None:
        message = "not a JSON5 number"
        raise ValueError(message)
    if match["hex"]:
        return int(text, 16)
    return int(text) if match["int"] else float(text.replace("Infinity", "inf"))


def _from_hex(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


class _Reader:
    """One reading: where it is, and the faults so far that let it go on."""

    def __init__(self, text: str, name: str, limits: Limits) -> None:
        self._text = text
        self._name = name
        self._limits = limits
        self._patterns = _patterns(rare="\u2028" in text or "\u2029" in text or text.rfind(BOM) > 0)
        self._node = Node(0, [])  # stands for the whole text; the root is its one element
        self._stack: list[Node] = []
        self._key = ""
        self._keys: dict[str, str] = {}
        self._words: dict[str, object] = {"true": True, "false": False, "null": None}
        self._repeats: list[tuple[Node, tuple[str, ...]]] = []
        self._faults: list[Diagnostic] = []
        self._lines: Lines | None = None

    def read(self) -> Tree:
        top = self._node
        self._read_all()
        root = Item(*top.rows[0])
        end = self._skip(root.end)
        if end < len(self._text):
            self._stop(end, _MORE, "Keep one value, within one pair of braces.")
        if self._faults:
            raise self._error("config.syntax")
        return Tree(top.value[0], root, tuple(self._repeats))

    def _read_all(self) -> None:
        """Read up to the end of the root: the one hot loop, in which a plain member costs no further call."""
        text, keys, words = self._text, self._keys, self._words
        next_key, next_value = self._patterns.key.match, self._patterns.value.match
        node, key, key_start, position = self._node, "", 0, 0
        while True:
            if node.keyed:
                match = next_key(text, position)
                if match is None:
                    self._stop_at_key(position)
                position, raw = match.end(), match[1]
                if raw is None:
                    node = self._leave(match.end(2))
                    if not self._stack:
                        return
                    continue
                key_start = match.start(1)
                self._key = key = keys[raw] if raw in keys else self._read_key(raw, key_start)
            match = next_value(text, position)
            if match is None:
                self._stop_at_value(position)
            position, kind = match.end(), match.lastindex or 0
            if kind == _PLAIN:
                value: object = match[1][1:-1]
            elif kind == _WORD:
                value = words[match[2]] if match[2] in words else self._read_word(match[2], match.start(2))
            elif kind == _ESCAPED:
                value = self._read_string(match[3], match.start(3))
            else:
                if kind != _CLOSE:
                    node = self._enter(position - 1, key_start)
                elif node.keyed or not self._stack:
                    self._stop_at_value(match.start(_CLOSE))
                else:
                    node = self._leave(match.end(_CLOSE))
                if not self._stack:
                    return
                continue
            start, end = match.span(kind)
            if node.keyed:
                node.value[key] = value
                node.rows.append((key, key_start, start, end, None))
            else:
                node.value.append(value)
                node.rows.append(("", start, start, end, None))
                if not self._stack:
                    return

    def _enter(self, start: int, key_start: int) -> Node:
        """Open the container whose bracket stands at `start`, as the next value of the present one."""
        outer = self._node
        if len(self._stack) >= self._limits.depth:
            self._fault(start, f"This is nested deeper than {self._limits.depth} levels.", "Make it flatter.")
            raise self._error("config.too-deep")
        node = Node(start, {} if self._text[start] == "{" else [])
        if outer.keyed:
            outer.value[self._key] = node.value
            outer.rows.append((self._key, key_start, start, start, node))
        else:
            outer.value.append(node.value)
            outer.rows.append(("", start, start, start, node))
        self._stack.append(outer)
        self._node = node
        return node

    def _leave(self, end: int) -> Node:
        """Close the present container and go back to the one around it."""
        node = self._node
        node.end = end
        if node.keyed and len(node.value) != len(node.rows):
            self._repeats.append((node, self._path()))
        self._node = outer = self._stack.pop()
        return outer

    def _path(self) -> tuple[str, ...]:
        """Return the path of the container that is being read."""
        return tuple(outer.rows[-1][0] if outer.keyed else f"[{len(outer.rows) - 1}]" for outer in self._stack[1:])

    def _read_key(self, raw: str, start: int) -> str:
        if raw[0] in "\"'":
            key = self._read_string(raw, start)
        elif raw.isascii() and raw.isidentifier():
            key = raw
        else:
            key = self._read_identifier(raw, start)
        self._keys[raw] = key
        return key

    def _read_identifier(self, raw: str, start: int) -> str:
        key = re.sub(r"\\u([0-9a-fA-F]{4})", _from_hex, raw)
        if not is_identifier(key):
            self._fault(start, "This key is not a plain name.", "Put the key in quotes.")
        return key

    def _read_string(self, raw: str, start: int) -> str:
        """Return what the string token `raw`, quotes included, stands for."""
        if "\\" not in raw:
            return raw[1:-1]

        def replace(match: re.Match[str]) -> str:
            escaped = match[1]
            if escaped in _LINE_ENDS:
                return ""
            if len(escaped) > 1:
                return chr(int(escaped[1:], 16))
            if escaped in "ux" or escaped in "123456789" or (escaped == "0" and raw[match.end() + 1] in "0123456789"):
                hint = "Write \\x with two, \\u with four hexadecimal digits; for a backslash write \\\\."
                self._fault(start + 1 + match.start(), "This escape is not one of JSON5.", hint)
            return _ESCAPES.get(escaped, escaped)

        text = re.sub(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|[\s\S])", replace, raw[1:-1])
        return join_surrogates(text)

    def _read_word(self, raw: str, start: int) -> object:
        """Return what a value without quotes stands for; a wrong one is a fault and reads as None."""
        if len(raw) > MAX_NUMBER:
            self._fault(start, f"This value has more than {MAX_NUMBER:,} characters and no quotes.", "Is it a text?")
            return None
        try:
            value = parse_number(raw)
        except ValueError:
            message = "This is neither a number nor a string, object, array, true, false or null."
            self._fault(start, message, "Put quotes around a text.")
            return None
        self._words[raw] = value
        return value

    def _skip(self, position: int) -> int:
        """Return where the white space and comments at `position` end."""
        match = self._patterns.blank.match(self._text, position)
        return match.end() if match else position

    def _stop_at_key(self, position: int) -> NoReturn:
        """Say why no `key:` and no `}` with what follows it can be read at `position`."""
        position = self._skip(position)
        sign = self._text[position : position + 1]
        self._stop_at_comment(position, sign)
        token = self._patterns.token.match(self._text, position)
        if token:
            end = self._skip(token.end())
            self._stop_at_comment(end, self._text[end : end + 1])
            self._stop(end, "There is no colon after the key.", "Write the member as key: value.")
        if sign == "}":
            self._stop_after(position + 1, closing=True)
        if sign == ",":
            self._stop(position, "There is a comma with no member before it.", "Remove the comma.")
        self._stop_otherwise(position, sign)

    def _stop_at_value(self, position: int) -> NoReturn:
        """Say why no value with what follows it can be read at `position`."""
        position = self._skip(position)
        sign = self._text[position : position + 1]
        self._stop_at_comment(position, sign)
        token = self._patterns.token.match(self._text, position)
        if token:
            self._stop_after(token.end())
        if sign == "]" and self._stack and not self._node.keyed:
            self._stop_after(position + 1, closing=True)
        if not sign and not self._stack:
            self._stop(position, "There is no value.", "An empty config is {}.")
        if sign in {",", "}"} and (self._node.keyed or sign == ","):
            self._stop(position, "There is no value here.", "Write a value, or remove what asks for it.")
        self._stop_otherwise(position, sign)

    def _stop_after(self, end: int, *, closing: bool = False) -> NoReturn:
        """Say why what follows a whole value cannot; `closing` when it is the present container that ends at `end`."""
        end = self._skip(end)
        self._stop_at_comment(end, self._text[end : end + 1])
        if len(self._stack) == closing:
            self._stop(end, _MORE, "Keep one value, within one pair of braces.")
        self._stop(end, "There is no comma between this and the value before it.", "Put a comma between the two.")

    def _stop_at_comment(self, position: int, sign: str) -> None:
        if sign == "/":
            unclosed = self._text.startswith("/*", position)
            self._stop(
                position,
                "This comment has no end." if unclosed else "A slash alone is not a comment.",
                "End it with */." if unclosed else "Begin a comment with // or /*, and put a text in quotes.",
            )

    def _stop_otherwise(self, position: int, sign: str) -> NoReturn:
        """Say what is wrong at a character that can begin nothing, or at the end of the text."""
        if sign in {'"', "'"}:
            self._stop(position, "This string has no end on its line.", f"Close it with {sign}.")
        if sign and sign not in "]}":
            self._stop(position, "This character has no meaning here.", "Remove it, or put the text in quotes.")
        if not self._stack:
            self._stop(position, "This bracket closes nothing.", "Remove it.")
        kind, bracket = ("object", "}") if self._node.keyed else ("array", "]")
        line, column = self._place(self._node.start)
        where = f"The {kind} opened at line {line}, column {column}"
        self._stop(
            position, f"{where} is {'closed by the other bracket' if sign else 'not closed'}.", f"Write {bracket}."
        )

    def _stop(self, offset: int, message: str, hint: str) -> NoReturn:
        self._fault(offset, message, hint)
        raise self._error("config.syntax")

    def _fault(self, offset: int, message: str, hint: str) -> None:
        if len(self._faults) >= _MAX_FAULTS:
            raise self._error("config.syntax")
        line, column = self._place(offset)
        path = self._path()
        self._faults.append(
            Diagnostic("config.syntax", message, path=path, owner="config", hint=hint, line=line, column=column)
        )

    def _place(self, offset: int) -> tuple[int, int]:
        self._lines = self._lines or Lines(self._text)
        return self._lines.place(offset)

    def _error(self, code: str) -> ConfigError:
        first = self._faults[0]
        where = f"line {first.line}, column {first.column}"
        more = f" ({len(self._faults)} faults in all)" if len(self._faults) > 1 else ""
        message = f"{self._name} cannot be read at {where}: {first.message}{more}"
        return ConfigError(message, code=code, fix=first.hint, diagnostics=self._faults)
