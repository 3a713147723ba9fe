"""Reading JSON5: values, places, limits, and what is said about a text that is wrong."""

from __future__ import annotations

import json
import math
import sys
import time

import pytest

from jackfield.config.json5 import Limits, Lines, Tree, decode, element_index, is_identifier, join_surrogates, read
from jackfield.errors import ConfigError

LIMITS = Limits()


def tree(text: str, limits: Limits = LIMITS) -> Tree:
    return read(decode(text, name="config", limits=limits), name="config", limits=limits)


def value(text: str) -> object:
    return tree(text).value


def refused(text: str | bytes, limits: Limits = LIMITS) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(decode(text, name="config", limits=limits), name="config", limits=limits)
    return caught.value


def places(text: str) -> list[tuple[int | None, int | None, str]]:
    return [(fault.line, fault.column, fault.message) for fault in refused(text).diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("{}", {}),
        ("[]", []),
        ("{a:1}", {"a": 1}),
        ("{a:1,}", {"a": 1}),
        ("[1,]", [1]),
        ("[[],{},[{}]]", [[], {}, [{}]]),
        ("{'a':1,\"b\":2,c:3}", {"a": 1, "b": 2, "c": 3}),
        ("{$:1,_:2,$a_1:3,null:4,if:5}", {"$": 1, "_": 2, "$a_1": 3, "null": 4, "if": 5}),
        ("{\\u0061b:1}", {"ab": 1}),
        ("{a\\u0030:1}", {"a0": 1}),
        ("{ünïcode:1,ª:2,a\u0301:3,x\u200c\u200d:4}", {"ünïcode": 1, "ª": 2, "a\u0301": 3, "x\u200c\u200d": 4}),
        ("{\U00020bb7:5}", {"\U00020bb7": 5}),
        ('{"":1}', {"": 1}),
        ("{__proto__:1,constructor:{},'toString':2}", {"__proto__": 1, "constructor": {}, "toString": 2}),
        ("{a:1,a:2}", {"a": 2}),
        ("// c\n1", 1),
        ("1 // c", 1),
        ("/* c */ 1 /**/", 1),
        ("/* * / ** */1", 1),
        ("/*\n*/[/*a*/1/*b*/,/*c*/]//d", [1]),
        ("{/**/a/**/:/**/1/**/,/**/}", {"a": 1}),
        ("//a\u20281", 1),
        ("//a\u20291", 1),
        ("//a\r1", 1),
        ("\ufeff{}", {}),
        ("{\ufeffa\ufeff:\ufeff1\ufeff}", {"a": 1}),
        ("\t\v\f \xa0\ufeff\n\r\u2028\u2029\u1680\u2000\u200a\u202f\u205f\u30001", 1),
        ("[\u20031\u2003,\u3000'a'\u3000]", [1, "a"]),
        ("{'a':'${VAR}'}", {"a": "${VAR}"}),
    ],
)
def test_values_of_the_grammar(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("12345678901234567890123", 12345678901234567890123),
        ("0x1F", 31),
        ("-0Xff", -255),
        ("+0xA", 10),
        (".5", 0.5),
        ("-.5e2", -50.0),
        ("5.", 5.0),
        ("5.e1", 50.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("1e+3", 1000.0),
        ("0.0", 0.0),
        ("0e0", 0.0),
        ("1e400", math.inf),
        ("Infinity", math.inf),
        ("+Infinity", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_numbers_keep_int_and_float_apart(text: str, expected: float) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["NaN", "+NaN", "-NaN"])
def test_nan_is_a_number(text: str) -> None:
    found = value(text)
    assert isinstance(found, float)
    assert math.isnan(found)


def test_a_zero_with_a_sign_and_a_point_keeps_its_sign() -> None:
    found = value("-0.0")
    assert isinstance(found, float)
    assert math.copysign(1, found) == -1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("''", ""),
        ('"a\'b"', "a'b"),
        ("'a\"b'", 'a"b'),
        (r"'\'\"\\\/'", "'\"\\/"),
        (r"'\b\f\n\r\t\v\0'", "\b\f\n\r\t\v\0"),
        (r"'\0x'", "\0x"),
        (r"'\x41\xe9'", "Aé"),
        (r"'\u0041\u00E9'", "Aé"),
        (r"'\a\c\d\w\-'", "acdw-"),
        ("'\\\u00e9'", "é"),
        ("'a\\\nb'", "ab"),
        ("'a\\\r\nb'", "ab"),
        ("'a\\\rb'", "ab"),
        ("'a\\\u2028b\\\u2029c'", "abc"),
        ("'a\u2028b\u2029c'", "a\u2028b\u2029c"),
        ("'a\tb\x01\x7f'", "a\tb\x01\x7f"),
        ("'// no /* comment */ {}[],:'", "// no /* comment */ {}[],:"),
        (r"'\ud83d\ude00'", "😀"),
        (r"'\ud83d'", "\ud83d"),
        (r"'\ude00\ud83d'", "\ude00\ud83d"),
        ("'\\ud83d\\\n\\ude00'", "😀"),
        ("'é 😀'", "é 😀"),
    ],
)
def test_strings(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("text", [r'"\ud83d\ude00"', r'"\ud800"', r'"\udc00\ud800"', r'"\\\" A"', '"é"'])
def test_strings_of_json_read_as_json_reads_them(text: str) -> None:
    assert value(text) == json.loads(text)


MORE = "There is more text after the end of the value."
NO_COMMA = "There is no comma between this and the value before it."
NO_COLON = "There is no colon after the key."
NO_VALUE = "There is no value here."
ODD = "This character has no meaning here."
ESCAPE = "This escape is not one of JSON5."
NAME = "This key is not a plain name."
WORD = "This is neither a number nor a string, object, array, true, false or null."
OPEN_STRING = "This string has no end on its line."
OPEN_COMMENT = "This comment has no end."


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "There is no value."),
        (" \n\t", 2, 2, "There is no value."),
        ("// only a comment", 1, 18, "There is no value."),
        ("\ufeff", 1, 1, "There is no value."),
        ("1 2", 1, 3, MORE),
        ("1,", 1, 2, MORE),
        ("{} x", 1, 4, MORE),
        ("{},", 1, 3, MORE),
        ("[]\n]", 2, 1, MORE),
        ("{a:1}}", 1, 6, MORE),
        ("'a' 'b'", 1, 5, MORE),
        ("{a:1 b:2}", 1, 6, NO_COMMA),
        ("{\n  a: 1\n  b: 2\n}", 3, 3, NO_COMMA),
        ("[1 2]", 1, 4, NO_COMMA),
        ("['a''b']", 1, 5, NO_COMMA),
        ("[[] []]", 1, 5, NO_COMMA),
        ("[{} {}]", 1, 5, NO_COMMA),
        ("{a:{}b:1}", 1, 6, NO_COMMA),
        ("{a}", 1, 3, NO_COLON),
        ("{a 1}", 1, 4, NO_COLON),
        ("{'a'", 1, 5, NO_COLON),
        ("{a", 1, 3, NO_COLON),
        ("{a:}", 1, 4, NO_VALUE),
        ("{a:,b:1}", 1, 4, NO_VALUE),
        ("[,]", 1, 2, NO_VALUE),
        ("[1,,2]", 1, 4, NO_VALUE),
        ("{,}", 1, 2, "There is a comma with no member before it."),
        ("{a:1,,}", 1, 6, "There is a comma with no member before it."),
        ("{:1}", 1, 2, ODD),
        ("{a::1}", 1, 4, ODD),
        ("{[1]:2}", 1, 2, ODD),
        ("\x1c1", 1, 1, ODD),
        ("\x85 1", 1, 1, ODD),
        ("]", 1, 1, "This bracket closes nothing."),
        ("}", 1, 1, "This bracket closes nothing."),
        ("{a:1", 1, 5, "The object opened at line 1, column 1 is not closed."),
        ("{a:", 1, 4, "The object opened at line 1, column 1 is not closed."),
        ("\n [1,\n", 3, 1, "The array opened at line 2, column 2 is not closed."),
        ("[1}", 1, 3, "The array opened at line 1, column 1 is closed by the other bracket."),
        ("{a:1]", 1, 5, "The object opened at line 1, column 1 is closed by the other bracket."),
        ("{a:]", 1, 4, "The object opened at line 1, column 1 is closed by the other bracket."),
        ("'abc", 1, 1, OPEN_STRING),
        ("{a:'b\n'}", 1, 4, OPEN_STRING),
        ("{'a\n':1}", 1, 2, OPEN_STRING),
        ('{a: "b\r"}', 1, 5, OPEN_STRING),
        ("/*", 1, 1, OPEN_COMMENT),
        ("{a /* : 1}", 1, 4, OPEN_COMMENT),
        ("{a: 1 /* }", 1, 7, OPEN_COMMENT),
        ("{ /* a: 1}", 1, 3, OPEN_COMMENT),
        ("{} /* x", 1, 4, OPEN_COMMENT),
        ("{a: /1/}", 1, 5, "A slash alone is not a comment."),
        ("1 / 2", 1, 3, "A slash alone is not a comment."),
        ("01", 1, 1, WORD),
        ("0b1", 1, 1, WORD),
        ("1_0", 1, 1, WORD),
        ("0x", 1, 1, WORD),
        ("0xg", 1, 1, WORD),
        (".", 1, 1, WORD),
        ("1e", 1, 1, WORD),
        ("+-1", 1, 1, WORD),
        ("- 1", 1, 3, MORE),
        ("infinity", 1, 1, WORD),
        ("True", 1, 1, WORD),
        ("undefined", 1, 1, WORD),
        ("٣", 1, 1, WORD),
        ("1٣", 1, 1, WORD),
        ("{a: word}", 1, 5, WORD),
        ("{a-b: 1}", 1, 2, NAME),
        ("{1a: 1}", 1, 2, NAME),
        ("{\u200cx: 1}", 1, 2, NAME),
        ("{\\u0031: 1}", 1, 2, NAME),
        ("{\\u12: 1}", 1, 2, NAME),
        ("{\\u{61}: 1}", 1, 4, NO_COLON),
        ("{\\ud83d\\ude00: 1}", 1, 2, NAME),
        ("{😀: 1}", 1, 2, NAME),
        (r"'\1'", 1, 2, ESCAPE),
        (r"'ab\9'", 1, 4, ESCAPE),
        (r"'\01'", 1, 2, ESCAPE),
        (r"'\x4'", 1, 2, ESCAPE),
        (r"'\u12'", 1, 2, ESCAPE),
        (r"'\u12G4'", 1, 2, ESCAPE),
        (r"{'\x': 1}", 1, 3, ESCAPE),
        ("{\r\n  a: 1,\r\n  b: x\r\n}", 3, 6, WORD),
        ("{\r  a: 1,\r  b: x\r}", 3, 6, WORD),
        ("\ufeff{a: x}", 1, 5, WORD),
        ("['\U0001f600', x]", 1, 7, WORD),
    ],
)
def test_a_fault_has_its_place_and_a_plain_sentence(text: str, line: int, column: int, message: str) -> None:
    error = refused(text)
    assert error.code == "config.syntax"
    assert (error.diagnostics[0].line, error.diagnostics[0].column) == (line, column)
    assert error.diagnostics[0].message == message
    assert error.diagnostics[0].code == "config.syntax"
    assert error.diagnostics[0].hint
    assert error.fix == error.diagnostics[0].hint
    assert f"line {line}, column {column}" in error.message


def test_faults_that_leave_the_rest_readable_are_all_told() -> None:
    text = "{\n  a: yes,\n  b-c: 1,\n  d: '\\1 \\x',\n  e: [01, 2, no],\n  f: 1 g: 2\n}"
    assert places(text) == [
        (2, 6, WORD),
        (3, 3, NAME),
        (4, 7, ESCAPE),
        (4, 10, ESCAPE),
        (5, 7, WORD),
        (5, 14, WORD),
        (6, 8, NO_COMMA),
    ]
    assert "(7 faults in all)" in refused(text).message


def test_a_fault_knows_the_path_of_the_container_around_it() -> None:
    error = refused("{models: {list: [1, {id: 'a', cost: free}]}}")
    assert error.diagnostics[0].path == ("models", "list", "[1]")


def test_the_same_wrong_word_is_told_each_time() -> None:
    assert [place[:2] for place in places("[no, no]")] == [(1, 2), (1, 6)]


def test_the_list_of_faults_is_bounded() -> None:
    assert len(refused("[" + "x, " * 5_000 + "]").diagnostics) == 100


@pytest.mark.parametrize(
    "text",
    [
        "{apiKey: hunter2}",
        "{apiKey: 'hunter2\n}",
        "{apiKey: 'hunter2' hunter2}",
        r"{apiKey: '\1hunter2'}",
        "hunter2: 1",
    ],
)
def test_no_message_quotes_a_value(text: str) -> None:
    error = refused(text)
    assert "hunter2" not in json.dumps(error.to_dict())
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a:", "}"), ("[{a:", "}]")])
def test_the_depth_limit_is_exact(opening: str, closing: str) -> None:
    levels = opening.count("[") + opening.count("{")
    limits = Limits(depth=20)
    count = 20 // levels
    assert tree(opening * count + "1" + closing * count, limits).value
    error = refused(opening * count + "[1]" + closing * count, limits)
    assert error.code == "config.too-deep"
    assert error.diagnostics[0].column == len(opening) * count + 1


def test_two_hundred_levels_are_the_default() -> None:
    assert value("[" * 200 + "]" * 200)
    assert refused("[" * 201 + "]" * 201).code == "config.too-deep"


@pytest.mark.parametrize("bomb", ["[" * 100_000, "{a:" * 100_000, "[{a:" * 50_000, "[" * 100_000 + "]" * 100_000])
def test_a_bomb_of_brackets_is_a_config_error(bomb: str) -> None:
    assert refused(bomb).code == "config.too-deep"


@pytest.mark.parametrize(
    ("source", "size", "fits"),
    [(b"[1]", 3, True), (b"[1] ", 3, False), ("'é'", 4, True), ("'é'", 3, False), ("[1]", 3, True), ("[12]", 3, False)],
)
def test_the_size_limit_counts_bytes(source: str | bytes, size: int, fits: bool) -> None:
    limits = Limits(size=size)
    if fits:
        assert decode(source, name="config", limits=limits) in {"[1]", "'é'"}
    else:
        assert refused(source, limits).code == "config.too-large"


def test_numbers_have_at_most_a_thousand_characters() -> None:
    assert value("9" * 1_000) == 10**1_000 - 1
    error = refused("[" + "9" * 1_001 + "]")
    assert error.code == "config.syntax"
    assert "1,000" in error.diagnostics[0].message


def test_a_number_that_the_interpreter_will_not_read_is_a_fault() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert refused("9" * 700).code == "config.syntax"
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        (b"\xff", 1, 1, "What stands here is not valid UTF-8."),
        (b"{\n  a: 'b\xe9'\n}", 2, 8, "What stands here is not valid UTF-8."),
        ("{\r\n 'é': '".encode() + b"\xc3'}", 2, 8, "What stands here is not valid UTF-8."),
        (b"\xef\xbb\xbf{\x80}", 1, 2, "What stands here is not valid UTF-8."),
        (b"\xed\xa0\x80", 1, 1, "What stands here is not valid UTF-8."),
        ("{}".encode("utf-16"), 1, 1, "This is UTF-16, not UTF-8."),
        ("['\ud800']", 1, 3, "What stands here is not valid UTF-8."),
        ("\n['\udfff']", 2, 3, "What stands here is not valid UTF-8."),
    ],
)
def test_what_is_not_utf_8_is_told_with_its_place(source: str | bytes, line: int, column: int, message: str) -> None:
    error = refused(source)
    assert error.code == "config.encoding"
    (fault,) = error.diagnostics
    assert (fault.line, fault.column, fault.message) == (line, column, message)


@pytest.mark.parametrize("text", ["{}", "\ufeff{a: 'é'}", "'\U0001f600'"])
def test_utf_8_bytes_decode_to_the_text_with_its_bom(text: str) -> None:
    assert decode(text.encode(), name="config", limits=LIMITS) == text


def test_items_know_the_spans_of_keys_and_values() -> None:
    text = "{ a : 1, 'b':[ 'x', {c: \"\\n\"} ] }"
    root = tree(text).root
    assert (root.start, root.end) == (0, len(text))
    assert root.node is not None
    first, second = root.node.items()
    assert text[first.key_start] == "a"
    assert text[first.start : first.end] == "1"
    assert text[second.key_start :].startswith("'b'")
    assert text[second.start : second.end] == "[ 'x', {c: \"\\n\"} ]"
    assert second.node is not None
    spans = [text[item.start : item.end] for item in second.node.items()]
    assert spans == ["'x'", '{c: "\\n"}']
    last = second.node.item("[1]")
    assert last is not None
    assert last.node is not None
    assert [(item.key, text[item.start : item.end]) for item in last.node.items()] == [("c", '"\\n"')]


def test_a_scalar_root_has_a_span_without_the_space_around_it() -> None:
    text = " /* x */ 'a' // y"
    root = tree(text).root
    assert text[root.start : root.end] == "'a'"


def test_an_item_is_the_last_of_a_repeated_key() -> None:
    text = "{a: 1, b: 2, a: 3}"
    node = tree(text).root.node
    assert node is not None
    item = node.item("a")
    assert item is not None
    assert text[item.start : item.end] == "3"
    assert node.item("c") is None


def test_repeated_keys_are_kept_with_their_paths() -> None:
    repeats = tree("{a: {b: 1, b: 2}, c: [{}, {d: 1, 'd': {e: 1, \\u0065: 2}}], a: 1}").repeats
    assert sorted(path for _, path in repeats) == [(), ("a",), ("c", "[1]"), ("c", "[1]", "d")]


@pytest.mark.parametrize(
    ("key", "length", "expected"),
    [
        ("[0]", 1, 0),
        ("[3]", 4, 3),
        ("[3]", 3, None),
        ("[03]", 9, None),
        ("[-1]", 9, None),
        ("[]", 9, None),
        ("3", 9, None),
        ("[3", 9, None),
        ("[٣]", 9, None),
        ("[99999999999999999999]", 9, None),
        ("[1]\n", 9, None),
    ],
)
def test_element_index(key: str, length: int, expected: int | None) -> None:
    assert element_index(key, length) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("a", "$", "$1", "é", "aé\u0301", "x\u203f", "Ⅷ")),
        *((text, False) for text in ("", "1", "a b", "\u0301a", "a-b", "😀", "a\u2028")),
    ],
)
def test_is_identifier(text: str, expected: bool) -> None:
    assert is_identifier(text) is expected


def test_join_surrogates_joins_pairs_only() -> None:
    assert join_surrogates("a\ud83d\ude00\ud83d") == "a😀\ud83d"
    assert join_surrogates("\ude00\ud83d") == "\ude00\ud83d"


def test_lines_count_all_three_line_endings_and_no_bom() -> None:
    lines = Lines("\ufeffab\ncd\r\nef\rgh\u2028i")
    assert [lines.place(offset) for offset in (0, 1, 3, 4, 8, 11, 14)] == [
        (1, 1),
        (1, 1),
        (1, 3),
        (2, 1),
        (3, 1),
        (4, 1),
        (4, 4),
    ]


FIVE_MEGABYTES = 5 * 1024 * 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "repeated", "after", "code"),
    [
        pytest.param("[", "1234567890,", "]", None, id="numbers"),
        pytest.param("{", "a:1234567890,", "}", None, id="one key again and again"),
        pytest.param("'", "a", "'", None, id="one string"),
        pytest.param("'", r"abcdef\n", "'", None, id="one escaped string"),
        pytest.param("/*", "*", "*/ 1", None, id="one comment"),
        pytest.param("", "/*a*/", "1", None, id="many comments"),
        pytest.param("", " ", "1", None, id="white space"),
        pytest.param("", "\u2003", "1", None, id="wide white space"),
        pytest.param("/*", " *", "", "config.syntax", id="open comment"),
        pytest.param("'", "a", "", "config.syntax", id="open string"),
        pytest.param("'", "\\'", "", "config.syntax", id="open string of escapes"),
        pytest.param("", "a", "", "config.syntax", id="one word"),
        pytest.param("{", "a", " 1}", "config.syntax", id="one key"),
        pytest.param("{a:1", "/**/", "x", "config.syntax", id="comments before a fault"),
    ],
)
def test_five_megabytes_of_one_thing_are_read_in_linear_time(
    before: str, repeated: str, after: str, code: str | None
) -> None:
    text = before + repeated * (FIVE_MEGABYTES // len(repeated.encode())) + after
    start = time.perf_counter()
    if code is None:
        assert value(text)
    else:
        assert refused(text).code == code
    assert time.perf_counter() - start < 60  # where time grows with the square, this would take hours
