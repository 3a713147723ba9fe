"""Short, simple JSON is read without a second look; this proves that the second look would have found nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jackfield.config.guard.intake import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_STRING, RefusedError, take_in

# So much white space makes a text too long to count as simple.
PADDING = " " * (MAX_STRING + 1)

NUMBERS = ["0", "-1", "1.5", "1e5", "1E400", "-1e999", "9007199254740992", "9007199254740993", "-9007199254740993"]
NUMBERS += ["999999999999999", "0.1234567890123456789", "123456789012345678901", "1" * 5000, "NaN", "Infinity"]
TEXTS = [r'"\ud800"', r'"\ud83d\ude00"', r'"\"[[[[[[[[[[[[[["', r'"a\\"', '"\u20ac"', '"[{"', '"1e999"', '"\x01"', '"']
WORDS = ["null", "true", "falsy", "01", "1.", "", "]", "{", '{"a":1,"a":2}', '{"a":1,}', "[1 2]", "\ufeff1"]


def outcome(source: bytes | str) -> object:
    """Return what a text is read as, or why it is refused, in a form that tells 1 from 1.0 and true."""
    try:
        return repr(take_in(source))
    except RefusedError as error:
        return error.refusal


@pytest.mark.parametrize("inner", [*NUMBERS, *TEXTS, *WORDS])
@pytest.mark.parametrize("around", ["%s", "[%s]", '{"a": [1, %s]}', '{"k[": %s, "b": "]"}', "[[[[[[[[[[[%s]]]]]]]]]]]"])
def test_a_short_text_is_read_like_one_that_is_looked_at_twice(inner: str, around: str) -> None:
    text = around.replace("%s", inner)
    assert outcome(text) == outcome(text + PADDING)
    assert outcome(text.encode()) == outcome(text)


@pytest.mark.parametrize("text", ["[" + "1," * 4094 + "1]", "[" + "[]," * 2729 + "[]]", '{"":' * 11 + "1" + "}" * 11])
def test_no_short_text_has_too_many_values(text: str) -> None:
    assert len(text) <= MAX_STRING
    assert MAX_STRING + 1 < 2 * MAX_NODES
    assert repr(take_in(text)) == repr(json.loads(text))


@pytest.mark.parametrize("length", [MAX_STRING - 2, MAX_STRING - 1, MAX_STRING])
def test_a_long_string_is_taken_up_to_its_limit(length: int) -> None:
    assert take_in(f'"{"x" * length}"') == "x" * length


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ('{"a": [0, 9007199254740993]}', "patch.number", ("a", "[1]")),
        ('{"a": 1e999}', "patch.number", ("a",)),
        ('{"a": 123456789012345678901}', "patch.number", ()),
        ('{"a": -Infinity}', "patch.number", ()),
        ('{"a": ["\\udc00"]}', "patch.surrogate", ("a", "[0]")),
        ('{"a": "' + "x" * (MAX_STRING + 1) + '"}', "patch.string-too-long", ("a",)),
        ('{"a": {"b": 1, "b": 2}}', "patch.duplicate-key", ()),
        ("[" * (MAX_DEPTH + 1), "patch.too-deep", ()),
        ("]" * 3 + "[" * (MAX_DEPTH + 4), "patch.too-deep", ()),
        ("]" * 3 + "[" * (MAX_DEPTH + 3), "patch.not-json", ()),
        ('"' + "[" * 20 + '" "', "patch.not-json", ()),
        ("[1]" + " " * MAX_BYTES, "patch.too-large", ()),
    ],
)
def test_a_refusal_tells_its_place(text: str, code: str, path: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError) as caught:
        take_in(text)
    assert (caught.value.refusal.rule, caught.value.refusal.code, caught.value.refusal.path) == ("G1", code, path)


def test_what_is_read_from_a_text_belongs_to_nobody_else() -> None:
    one: Any = take_in('{"a": [{"b": "c"}]}')
    other: Any = take_in('{"a": [{"b": "c"}]}')
    one["a"][0]["b"] = "d"
    assert other == {"a": [{"b": "c"}]}
