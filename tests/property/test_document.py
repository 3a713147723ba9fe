"""Laws of reading and editing JSON5, on documents of every layout."""

from __future__ import annotations

import math
import re
from collections import Counter
from random import Random
from typing import Any

import json5
from hypothesis import HealthCheck, assume, event, given, note, settings
from hypothesis import strategies as st

from jackfield.config.document import MISSING, Document, same
from jackfield.config.json5 import Item, Node, join_surrogates
from jackfield.errors import ConfigError

examples = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Values, and texts that spell them out

NAMES = ("a", "b", "key", "$x", "_y", "z.ai", "a b", "", "é", "[0]", "__proto__", "if", '"', "'")
WORDS = st.text(st.characters(exclude_characters="#"), max_size=6)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    WORDS,
    st.sampled_from(["${VAR}", "// no comment", "/* nor this */", "{}", "it's", '"', "\\", "\n", "\u2028", "x" * 90]),
)
KEYS = st.sampled_from(NAMES) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)
GAPS = (
    "",
    "",
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "\n  ",
    "\r\n",
    "\n\n",
    "\xa0",
    "\ufeff",
    "\u2028",
    " /*#*/ ",
    "//#\n",
    "\n//#\n",
)


class Writer:
    """Spells a value out, taking each liberty that JSON5 leaves; `#` in a comment becomes a number of its own.

    The liberties come from one drawn seed: drawing each of them would take most of the time.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._comments = 0

    def gap(self) -> str:
        text = self._random.choice(GAPS)
        self._comments += "#" in text
        return text.replace("#", f"#{self._comments}#")

    def value(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + self._inside([self._key(key) + self.value(value[key]) for key in value]) + "}"
        if isinstance(value, list):
            return "[" + self._inside([self.value(each) for each in value]) + "]"
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, bool) or value is None:
            return {None: "null", True: "true", False: "false"}[value]
        return self._number(value)

    def _inside(self, parts: list[str]) -> str:
        text = "".join(f"{self.gap()}{part}{self.gap()}," for part in parts)
        return (text if self._chance(2) else text[:-1]) + self.gap()

    def _key(self, key: str) -> str:
        bare = re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]*", key) and self._chance(2)
        return (key if bare else self._string(key)) + f"{self.gap()}:{self.gap()}"

    def _string(self, text: str) -> str:
        quote = self._random.choice("\"'")
        escapes = {quote: "\\" + quote, "\\": "\\\\", "\n": "\\n", "\r": "\\r"}
        parts = []
        for char in text:
            plain = escapes.get(char, char)
            if 0xD800 <= ord(char) < 0xE000 or (ord(char) < 0x10000 and self._chance(10)):
                plain = f"\\u{ord(char):04X}"
            elif ord(char) < 0x100 and self._chance(10):
                plain = f"\\x{ord(char):02x}"
            parts.append(plain + (self._random.choice(("\\\n", "\\\r\n", "\\\u2029")) if self._chance(20) else ""))
        return quote + "".join(parts) + quote

    def _number(self, value: float) -> str:
        text = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))
        if isinstance(value, int) and self._chance(2):
            text = hex(value)
        return text if text.startswith("-") or self._chance(2) else "+" + text

    def _chance(self, of: int) -> bool:
        return self._random.randrange(of) == 0


@st.composite
def texts(draw: st.DrawFn, values: st.SearchStrategy[Any] = VALUES) -> tuple[str, Any]:
    """Draw a value and a text of it."""
    value = draw(values)
    writer = Writer(draw(st.integers(0, 2**32)))
    bom = draw(st.sampled_from(("", "", "\ufeff")))
    text = f"{bom}{writer.gap()}{writer.value(value)}{writer.gap()}"
    note(repr(text))
    return text, value


@st.composite
def configs(draw: st.DrawFn) -> Document:
    """Draw a document whose root is an object: laid out at random, or the way people do."""
    value = draw(OBJECTS)
    if draw(st.booleans()):
        return Document.parse(draw(texts(st.just(value)))[0])
    document = Document.parse(
        draw(st.sampled_from(("{\n}\n", "{}", "{\r\n}", "{ /*#0#*/ }", "{\n\t//#0#\n}", "{ x: 1 }")))
    )
    for key, each in value.items():
        document = document.set((key,), each)
    note(repr(document.text))
    return document


def paths_of(value: object) -> list[tuple[str, ...]]:
    """Return the paths of all members that a path of keys alone reaches."""
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[tuple[str, ...], object]] = [((), value)]
    while waiting:
        path, here = waiting.pop()
        if isinstance(here, dict):
            waiting.extend(((*path, key), each) for key, each in here.items())
            found.extend((*path, key) for key in here)
    return sorted(found)


def draw_path(data: st.DataObject, document: Document) -> tuple[str, ...]:
    """Draw a path that exists."""
    paths = paths_of(document.value)
    assume(paths)
    return data.draw(st.sampled_from(paths))


def draw_new_path(data: st.DataObject, document: Document) -> tuple[str, ...]:
    """Draw a path that does not exist, in an object that does."""
    parents = [(), *(path for path in paths_of(document.value) if isinstance(document.get(path), dict))]
    path = (*data.draw(st.sampled_from(parents)), data.draw(KEYS))
    assume(document.get(path) is MISSING)
    return path


def comments(text: str) -> Counter[str]:
    return Counter(re.findall(r"#\d+#", text))


def spans(document: Document, path: tuple[str, ...]) -> Item:
    item = document._find(path)
    assert item is not None
    return item


def node_of(document: Document, path: tuple[str, ...]) -> Node:
    node = spans(document, path).node
    assert node is not None
    return node


# Reading


def other_reading(text: str) -> object:
    """Return what the json5 library reads; MISSING when it refuses the text."""
    try:
        return json5.loads(text)
    except ValueError:
        return MISSING


def our_reading(text: str) -> object:
    try:
        return Document.parse(text).value
    except ConfigError as error:
        if error.code != "config.syntax" or not all(each.line and each.column for each in error.diagnostics):
            raise
        return MISSING


def joined(value: Any) -> Any:
    """Return `value` as JavaScript has it: the json5 library leaves the two halves of a surrogate pair apart."""
    if isinstance(value, dict):
        return {join_surrogates(key): joined(each) for key, each in value.items()}
    if isinstance(value, list):
        return [joined(each) for each in value]
    return join_surrogates(value) if isinstance(value, str) else value


@examples
@given(texts())
def test_every_spelling_of_a_value_reads_as_that_value(drawn: tuple[str, Any]) -> None:
    text, value = drawn
    found = Document.parse(text).value
    assert same(found, joined(value))
    assert same(found, joined(other_reading(text)))
    assert [type(each) for each in flat(found)] == [type(each) for each in flat(joined(value))]


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [value, *(each for part in inner for each in flat(part))]
    return [value]


FRAGMENTS = (*"{}[]:,\"'\\/*\n\r\t +-.0123456789eExXabutrnfINaNity$_#", "//", "/*", "*/", "\\u0061", "\\x4", "\\\r\n")
ODDITIES = (
    "\u2028",
    "\xa0",
    "\ufeff",
    "\u180e",
    "\x85",
    "\x1c",
    "\u0301",
    "é",
    "\U00020bb7",
    "\u200c",
    "٣",
    "true",
    "0x1",
)


@examples
@given(texts(), st.data())
def test_a_damaged_text_is_read_or_refused_as_the_json5_library_does(
    drawn: tuple[str, Any], data: st.DataObject
) -> None:
    text, _ = drawn
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.sampled_from((0, 0, 1, 2)))
        text = text[:start] + data.draw(st.sampled_from(("", *FRAGMENTS, *ODDITIES))) + text[end:]
    # JSON5 takes identifiers from ECMAScript 5.1, where an escape stands for one letter; the json5 library also lets
    # two escapes make up a letter beyond U+FFFF.
    assume(not re.search(r"\\u[dD][89a-fA-F]", text))
    theirs, ours = other_reading(text), our_reading(text)
    event("refused" if ours is MISSING else "read")
    assert (ours is MISSING) == (theirs is MISSING)
    assert ours is MISSING or same(ours, joined(theirs))


@examples
@given(texts())
def test_the_bytes_of_a_text_read_as_the_text(drawn: tuple[str, Any]) -> None:
    text, _ = drawn
    document = Document.parse(text.encode())
    assert document.text == text
    assert same(document.value, Document.parse(text).value)


@examples
@given(configs())
def test_every_member_can_be_located(document: Document) -> None:
    lines = re.split(r"\r\n|\n|\r", document.text.removeprefix("\ufeff"))
    for path in paths_of(document.value):
        place = document.locate(path)
        assert place is not None
        rest = lines[place[0] - 1][place[1] - 1 :]
        assert rest.startswith(('"', "'", path[-1] or '"'))


# Editing


@examples
@given(configs(), VALUES, st.data())
def test_what_is_set_can_be_got_and_nothing_else_changes(document: Document, value: Any, data: st.DataObject) -> None:
    path = draw_path(data, document) if data.draw(st.booleans()) else draw_new_path(data, document)
    result = document.set(path, value)
    assert same(result.get(path), joined(value))
    assert same(joined(other_reading(result.text)), result.value)
    inside = len(path)
    left = {each for each in paths_of(document.value) if each[:inside] != path}
    assert left == {each for each in paths_of(result.value) if each[:inside] != path} - {path}
    for each in left:
        if path[: len(each)] != each:
            assert same(document.get(each), result.get(each))


@examples
@given(configs(), SCALARS, st.data())
def test_replacing_with_a_scalar_leaves_every_byte_around_it(
    document: Document, value: Any, data: st.DataObject
) -> None:
    path = draw_path(data, document)
    result = document.set(path, value)
    before, after = spans(document, path), spans(result, path)
    assert result.text[: after.start] == document.text[: before.start]
    assert result.text[after.end :] == document.text[before.end :]


@examples
@given(configs(), VALUES, st.data())
def test_inserting_keeps_every_comment_and_every_spelling(document: Document, value: Any, data: st.DataObject) -> None:
    path = draw_new_path(data, document)
    result = document.set(path, value)
    assert comments(result.text) == comments(document.text)
    kept = [item for item in node_of(document, path[:-1]).items() if item.key != path[-1]]
    found = [item for item in node_of(result, path[:-1]).items() if item.key != path[-1]]
    assert [document.text[item.key_start : item.end] for item in kept] == [
        result.text[item.key_start : item.end] for item in found
    ]
    assert re.sub(r"[\s,]", "", result.text).startswith(
        re.sub(r"[\s,]", "", document.text[: kept[-1].end if kept else node_of(document, path[:-1]).start + 1])
    )


@examples
@given(configs(), VALUES, st.data())
def test_setting_twice_is_setting_once(document: Document, value: Any, data: st.DataObject) -> None:
    path = draw_path(data, document) if data.draw(st.booleans()) else draw_new_path(data, document)
    once = document.set(path, value)
    assert once.set(path, value) is once
    assert Document.parse(once.text).set(path, value).text == once.text


@examples
@given(configs(), SCALARS, st.data())
def test_deleting_a_new_scalar_gives_back_the_text(document: Document, value: Any, data: st.DataObject) -> None:
    path = draw_new_path(data, document)
    inserted = document.set(path, value)
    node = node_of(document, path[:-1])
    lines = document.text[node.start : node.end].splitlines()
    inner = node_of(inserted, path[:-1])
    opened_up = len(lines) == 1 and len(inserted.text[inner.start : inner.end].splitlines()) > 1
    assume(node.rows and not opened_up)  # what the rules except
    assert inserted.delete(path).text == document.text


@examples
@given(configs(), st.data())
def test_deleting_removes_one_member_and_is_idempotent(document: Document, data: st.DataObject) -> None:
    path = draw_path(data, document)
    result = document.delete(path)
    assert result.get(path) is MISSING
    assert result.delete(path) is result
    expected = [each for each in paths_of(document.value) if each[: len(path)] != path]
    assert paths_of(result.value) == expected
    assert same(joined(other_reading(result.text)), result.value)


@examples
@given(configs(), st.data())
def test_deleting_keeps_comments_on_lines_of_their_own(document: Document, data: st.DataObject) -> None:
    path = draw_path(data, document)
    item = spans(document, path)
    result = document.delete(path)
    own = re.finditer(r"^//(#\d+#)$", document.text, re.MULTILINE)
    kept = [match[1] for match in own if not item.key_start <= match.start() < item.end]
    assert set(kept) <= set(comments(result.text))
    assert comments(result.text) <= comments(document.text)


@examples
@given(configs(), st.data())
def test_deleting_leaves_the_text_of_all_others(document: Document, data: st.DataObject) -> None:
    path = draw_path(data, document)
    result = document.delete(path)
    others = [item for item in node_of(document, path[:-1]).items() if item.key != path[-1]]
    found = list(node_of(result, path[:-1]).items())
    assert [document.text[item.key_start : item.end] for item in others] == [
        result.text[item.key_start : item.end] for item in found
    ]


@examples
@given(configs(), st.data())
def test_repeated_keys_are_edited_at_their_last_place_and_deleted_at_all(
    document: Document, data: st.DataObject
) -> None:
    (key, *_), first = draw_path(data, document), data.draw(SCALARS)
    earlier = Document.parse("{}").set((key,), first).text.strip("{}\n ")
    bom = "\ufeff" if document.text.startswith("\ufeff") else ""
    start = node_of(document, ()).start + 1
    text = f"{bom}{document.text[len(bom) : start]}{earlier},{document.text[start:]}"
    repeated = Document.parse(text)
    assert same(repeated.value, document.value)
    assert [each.path for each in repeated.duplicates if len(each.path) == 1] == [(key,)]
    assert repeated.set((key,), 5).text.startswith(text[: start + len(earlier)])
    assert repeated.set((key,), 5).get((key,)) == 5
    assert repeated.delete((key,)).get((key,)) is MISSING
    assert repeated.delete((key,)).duplicates == ()


JUNK = st.one_of(
    VALUES,
    st.binary(max_size=3),
    st.sets(st.integers(), max_size=2),
    st.complex_numbers(),
    st.dictionaries(st.integers() | st.none() | KEYS, VALUES | st.binary(max_size=2), max_size=3),
    st.just([[[b"x"]]]),
    st.integers(10**999, 10**1_001),
    st.text(st.characters(categories=["Cs"]), max_size=3),
)


@examples
@given(texts(), st.lists(st.tuples(st.lists(KEYS, max_size=4), JUNK | st.just(MISSING)), max_size=6), st.data())
def test_random_edits_raise_nothing_but_config_errors(
    drawn: tuple[str, Any], edits: list[tuple[list[str], object]], data: st.DataObject
) -> None:
    document = Document.parse(drawn[0])
    for path, value in edits:
        known = paths_of(document.value)
        if bool(known) and data.draw(st.booleans()):
            path = [*data.draw(st.sampled_from(known)), *path[:1]]  # noqa: PLW2901 - deeper than the root
        try:
            document = document.delete(path) if value is MISSING else document.set(path, value)
        except ConfigError as error:
            if error.code not in {"config.not-an-object", "config.unwritable"}:
                raise
        assert same(Document.parse(document.text.encode()).value, document.value)


@given(st.floats(), st.floats())
def test_same_takes_numbers_as_json_does(one: float, other: float) -> None:
    assert same(one, one)
    assert same(one, other) == (one == other or (math.isnan(one) and math.isnan(other)))
    assert not same(one, str(one))
    assert not same(one, [one])
