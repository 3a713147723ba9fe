"""Editing a JSON5 document: what changes, what stays, and what is refused."""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import pytest

from jackfield.config import json5_edit
from jackfield.config.document import MISSING, Document
from jackfield.config.json5 import Limits
from jackfield.config.json5_edit import Patch
from jackfield.errors import ConfigError, InternalError


def after_set(text: str, path: tuple[str, ...], value: object) -> str:
    return Document.parse(text).set(path, value).text


def after_delete(text: str, *path: str) -> str:
    return Document.parse(text).delete(path).text


USER_FILE = """\
// my setup
{
  // where models come from
  models: {
    mode: 'merge', // keep the built-in ones
    providers: {
      "z.ai": { baseUrl: 'https://z.example/v1', apiKey: '${Z_KEY}' },
      /* the local one */
      local: {
        baseUrl: 'http://127.0.0.1:1234',
        models: [
          { id: 'a', cost: { input: 0, output: 0 } }, // small
        ],
      },
    },
  },
  agents: {}, // none yet
  // the end
}
"""


def test_an_unedited_document_is_what_was_read() -> None:
    source = b"\xef\xbb\xbf" + USER_FILE.replace("\n", "\r\n").encode()
    document = Document.parse(source)
    assert document.text.encode() == source
    assert document.get(("models", "providers", "z.ai", "apiKey")) == "${Z_KEY}"


def test_an_empty_document_is_an_object_on_two_lines() -> None:
    assert Document.empty().text == "{\n}\n"
    assert Document.empty().value == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), (2, 1)),
        (("models",), (4, 3)),
        (("models", "mode"), (5, 5)),
        (("models", "providers", "z.ai"), (7, 7)),
        (("models", "providers", "z.ai", "apiKey"), (7, 50)),
        (("models", "providers", "local", "models", "[0]"), (12, 11)),
        (("models", "providers", "local", "models", "[0]", "cost", "output"), (12, 40)),
        (("models", "providers", "local", "models", "[1]"), None),
        (("models", "providers", "z", "ai"), None),
        (("models", "mode", "x"), None),
        (("nothing", "here"), None),
    ],
)
def test_locate_names_line_and_column(path: tuple[str, ...], expected: tuple[int, int] | None) -> None:
    assert Document.parse(USER_FILE).locate(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("models", "mode"), "merge"),
        (("models", "providers", "local", "models", "[0]", "id"), "a"),
        (("agents",), {}),
        (("agents", "x"), MISSING),
        (("models", "mode", "x"), MISSING),
        (("models", "providers", "local", "models", "[9]"), MISSING),
        (("models", "providers", "local", "models", "x"), MISSING),
    ],
)
def test_get_returns_the_value_or_missing(path: tuple[str, ...], expected: object) -> None:
    assert Document.parse(USER_FILE).get(path) == expected


def test_null_is_not_missing_and_a_key_may_look_like_an_element() -> None:
    document = Document.parse("{a: null, '[0]': 1, '': 2, 'b.c': 3}")
    assert document.get(("a",)) is None
    assert document.get(("[0]",)) == 1
    assert document.get(("",)) == 2
    assert document.get(("b", "c")) is MISSING
    assert document.get(("b.c",)) == 3


@pytest.mark.parametrize("method", ["get", "locate", "delete"])
def test_a_string_is_not_a_path(method: str) -> None:
    with pytest.raises(TypeError, match="sequence of keys"):
        getattr(Document.parse("{m: 1}"), method)("m")


def test_repeated_keys_are_warnings_that_name_the_first_line() -> None:
    document = Document.parse("{\n  a: 1,\n  b: { c: 1, c: 2 },\n  'a': 3,\n  \\u0061: 4\n}")
    assert [(each.path, each.line, each.column) for each in document.duplicates] == [
        (("b", "c"), 3, 14),
        (("a",), 4, 3),
        (("a",), 5, 3),
    ]
    assert [each.message for each in document.duplicates] == [
        "This key stands on line 3 already; the last one counts.",
        "This key stands on line 2 already; the last one counts.",
        "This key stands on line 2 already; the last one counts.",
    ]
    assert {(each.code, each.severity) for each in document.duplicates} == {("config.duplicate-key", "warning")}
    assert document.value == {"a": 4, "b": {"c": 2}}
    assert document.duplicates is document.duplicates


def test_a_document_without_repeated_keys_has_no_warnings() -> None:
    assert Document.parse("{a: {b: 1}, c: {b: 1}}").duplicates == ()


# Replacing a value


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("{a: 1}", ("a",), 2, "{a: 2}"),
        ("{ a : 1 , }", ("a",), None, "{ a : null , }"),
        ("{a:'x'}", ("a",), "y", "{a:'y'}"),
        ('{a:"x"}', ("a",), "y", '{a:"y"}'),
        ("{a:'x', b:1}", ("b",), "y", "{a:'x', b:'y'}"),
        ("{a:'x'}", ("a",), 'it\'s "y"', "{a:'it\\'s \"y\"'}"),
        ("{a: /*x*/ 0x10 /*y*/}", ("a",), 17, "{a: /*x*/ 17 /*y*/}"),
        ("{a: 1, // x\n}", ("a",), True, "{a: true, // x\n}"),
        ("{a: 1, a: 2}", ("a",), 3, "{a: 1, a: 3}"),
        ("{a: {b: 1}, a: {b: 2}}", ("a", "b"), 3, "{a: {b: 1}, a: {b: 3}}"),
        ("{\n  a: {\n    // gone with it\n    b: 1\n  } // stays\n}", ("a",), 0, "{\n  a: 0 // stays\n}"),
        ("{\n  a: 1\n}", ("a",), {}, "{\n  a: {}\n}"),
        ("{\n  a: 1\n}", ("a",), [], "{\n  a: []\n}"),
        ("{\n  a: 1\n}", ("a",), {"b": 2}, "{\n  a: {\n    b: 2\n  }\n}"),
        ("{\n  a: 1,\n}", ("a",), {"b": {"c": 2}}, "{\n  a: {\n    b: {\n      c: 2,\n    },\n  },\n}"),
        ("{\n\ta: 1\n}", ("a",), {"b": [1]}, "{\n\ta: {\n\t\tb: [1]\n\t}\n}"),
        ("{\n    'a': 1\n}", ("a",), {"b": 2}, "{\n    'a': {\n        'b': 2\n    }\n}"),
        ("{\r\n  a: 1\r\n}", ("a",), {"b": 2}, "{\r\n  a: {\r\n    b: 2\r\n  }\r\n}"),
        ("{\r  a: 1\r}", ("a",), {"b": 2}, "{\r  a: {\r    b: 2\r  }\r}"),
        ("{\n  a: { b: 1 }\n}", ("a",), {"c": 2, "d": 3}, "{\n  a: { c: 2, d: 3 }\n}"),
        ("{\n  a: {b:1}\n}", ("a",), {"c": 2, "d": []}, "{\n  a: {c: 2, d: []}\n}"),
        ("{\n  a: { b: 1 }\n}", ("a",), {"c": {"d": 3}}, "{\n  a: {\n    c: {\n      d: 3\n    }\n  }\n}"),
        ("{\n  a: [1]\n}", ("a",), [1, "x", None], '{\n  a: [1, "x", null]\n}'),
        ("{\n  a: [\n    1\n  ]\n}", ("a",), [1, 2], "{\n  a: [\n    1,\n    2\n  ]\n}"),
        ("{\n  a: 1\n}", ("a",), [{"b": 1}], "{\n  a: [\n    {\n      b: 1\n    }\n  ]\n}"),
        ("{ a: 1 }", ("a",), {"b": 2}, "{ a: { b: 2 } }"),
        ("{ a: 1, b: 2 }", ("a",), {"c": {"d": 1}}, "{\n  a: {\n    c: {\n      d: 1\n    }\n  },\n  b: 2\n}"),
        ("5", (), {"a": 1}, '{\n  "a": 1\n}'),
        ("// x\n{a: 1} // y\n", (), [1], "// x\n[1] // y\n"),
        ("[1, 2]", (), {}, "{}"),
    ],
)
def test_replacing_changes_the_value_alone(text: str, path: tuple[str, ...], value: object, expected: str) -> None:
    assert after_set(text, path, value) == expected


def test_a_flat_list_that_passes_the_width_gets_lines_of_its_own() -> None:
    wide = ["x" * 30] * 3
    lines = after_set("{\n  a: 1\n}", ("a",), wide).splitlines()
    assert lines == ["{", "  a: [", *[f'    "{wide[0]}",'] * 2, f'    "{wide[0]}"', "  ]", "}"]
    fitting = ["x" * 27] * 3
    assert after_set("{\n  a: 1\n}", ("a",), fitting).count("\n") == 2


def test_a_line_that_is_long_already_takes_what_comes() -> None:
    text = '{"a":1,"b":"' + "x" * 100 + '"}'
    assert after_set(text, ("a",), {"c": {"d": 1}}) == text.replace('"a":1', '"a":{"c":{"d":1}}')
    assert after_set(text, ("c",), {"d": {"e": [1, 2]}}) == text[:-1] + ',"c":{"d":{"e":[1,2]}}}'


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("{ a : 0x10 , }", ("a",), 16),
        ("{a: 1.0}", ("a",), 1),
        ("{a: 1}", ("a",), 1.0),
        ("{a: NaN}", ("a",), math.nan),
        ("{a: +Infinity}", ("a",), math.inf),
        ("{a: '\\x41'}", ("a",), "A"),
        ("{a: {c: 1, b: [true, null]}}", ("a",), {"b": [True, None], "c": 1}),
        ("{a: [1, 2]}", ("a",), (1, 2)),
        ("{a: '😀'}", ("a",), "\ud83d\ude00"),
        ("[1]", (), [1]),
    ],
)
def test_setting_an_equal_value_changes_nothing(text: str, path: tuple[str, ...], value: object) -> None:
    document = Document.parse(text)
    assert document.set(path, value) is document


@pytest.mark.parametrize(
    ("old", "new"),
    [("1", True), ("true", 1), ("0", False), ("null", 0), ("''", None), ("[]", {}), ("'1'", 1), ("NaN", "NaN")],
)
def test_values_of_different_types_are_not_equal(old: str, new: object) -> None:
    result = Document.parse(f"{{a: {old}}}").set(("a",), new)
    assert result.get(("a",)) == new
    assert type(result.get(("a",))) is type(new)
    assert result.text != f"{{a: {old}}}"


# Inserting a member


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("{\n}\n", ("a",), 1, '{\n  "a": 1\n}\n'),
        ("{}", ("a",), 1, '{\n  "a": 1\n}'),
        ("{ }\r\n", ("a",), 1, '{\r\n  "a": 1\r\n}\r\n'),
        ("{\n\n}", ("a",), {"b": 1}, '{\n  "a": {\n    "b": 1\n  }\n}'),
        ("{\n}\n", ("a", "b", "c"), 1, '{\n  "a": {\n    "b": {\n      "c": 1\n    }\n  }\n}\n'),
        ("{\n  a: 1\n}", ("b",), 2, "{\n  a: 1,\n  b: 2\n}"),
        ("{\n  a: 1,\n}", ("b",), 2, "{\n  a: 1,\n  b: 2,\n}"),
        ("{\n  a: 1, // x\n}", ("b",), 2, "{\n  a: 1, // x\n  b: 2,\n}"),
        ("{\n  a: 1 // x\n}", ("b",), 2, "{\n  a: 1, // x\n  b: 2\n}"),
        ("{\n  a: 1 /* x */ // y\n}", ("b",), 2, "{\n  a: 1, /* x */ // y\n  b: 2\n}"),
        ("{\n  a: 1 /* x */, // y\n}", ("b",), 2, "{\n  a: 1 /* x */, // y\n  b: 2,\n}"),
        ("{\n  a: 1 // x\n  ,\n}", ("b",), 2, "{\n  a: 1 // x\n  ,\n  b: 2,\n}"),
        ("{\n  a: 1 /* x\n  y */\n}", ("b",), 2, "{\n  a: 1, /* x\n  y */\n  b: 2\n}"),
        ("{\n  a: 1\n  // below\n}", ("b",), 2, "{\n  a: 1,\n  b: 2\n  // below\n}"),
        ("{\n  a: 1,\n\n  // below\n\n}", ("b",), 2, "{\n  a: 1,\n  b: 2,\n\n  // below\n\n}"),
        ("{\n  a: 1\n  , b: 2\n}", ("c",), 3, "{\n  a: 1\n  , b: 2,\n  c: 3\n}"),
        ("{ a: 1,\n  b: 2 }", ("c",), 3, "{ a: 1,\n  b: 2,\n  c: 3 }"),
        ("{\n  'a': 1\n}", ("b",), "x", "{\n  'a': 1,\n  'b': 'x'\n}"),
        ("{\n  'z.ai': 1\n}", ("b",), "x", "{\n  'z.ai': 1,\n  'b': 'x'\n}"),
        (
            "{\n  'z.ai': 1,\n  a: {\n    x: 1\n  }\n}",
            ("b",),
            "x",
            "{\n  'z.ai': 1,\n  a: {\n    x: 1\n  },\n  b: 'x'\n}",
        ),
        ('{\n  a: "x"\n}', ("b c",), "y", '{\n  a: "x",\n  "b c": "y"\n}'),
        ("{\n  a: 'x'\n}", ("é",), "y", "{\n  a: 'x',\n  'é': 'y'\n}"),
        ("{\n  a:1\n}", ("b",), 2, "{\n  a:1,\n  b:2\n}"),
        ("{\n  a : 1\n}", ("b",), 2, "{\n  a : 1,\n  b : 2\n}"),
        (
            "{\n\ta: {\n\t\tb: 1\n\t}\n}",
            ("a", "c"),
            {"d": 2},
            "{\n\ta: {\n\t\tb: 1,\n\t\tc: {\n\t\t\td: 2\n\t\t}\n\t}\n}",
        ),
        ("{\r\n  a: 1\r\n}\r\n", ("b",), 2, "{\r\n  a: 1,\r\n  b: 2\r\n}\r\n"),
        ("\ufeff{\n  a: 1\n}", ("b",), 2, "\ufeff{\n  a: 1,\n  b: 2\n}"),
        ("{ a: 1 }", ("b",), 2, "{ a: 1, b: 2 }"),
        ("{a: 1}", ("b",), 2, "{a: 1, b: 2}"),
        ("{a:1}", ("b",), 2, "{a:1,b:2}"),
        ("{a:1, b:2}", ("c",), 3, "{a:1, b:2, c:3}"),
        ("{a: /*x*/ [1]}", ("b",), 2, "{a: /*x*/ [1], b: 2}"),
        ("{'z.ai':[1]}", ("b",), 2, "{'z.ai':[1],'b':2}"),
        ("{a:1,/*x*/b:2}", ("c",), 3, "{a:1,/*x*/b:2,c:3}"),
        ("{ a: 1, }", ("b",), 2, "{ a: 1, b: 2, }"),
        ("{ a: 1 /* x */ }", ("b",), 2, "{ a: 1, /* x */ b: 2 }"),
        ("{ a: 1, /* x */ }", ("b",), 2, "{ a: 1, /* x */ b: 2, }"),
        ("{ a: 1 }", ("b",), {"c": 2}, "{\n  a: 1,\n  b: {\n    c: 2\n  }\n}"),
        ("{ a: 1, b: 2, }", ("c",), {"d": 3}, "{\n  a: 1,\n  b: 2,\n  c: {\n    d: 3\n  },\n}"),
        (
            "{ /* x */ a: 1, /* y */ b: 2 /* z */ }",
            ("c",),
            [{}, {"d": 1}],
            "{\n  /* x */ a: 1,\n  /* y */ b: 2, /* z */\n  c: [\n    {},\n    {\n      d: 1\n    }\n  ]\n}",
        ),
        ("{ a: { b: 1 } }", ("a", "c"), 2, "{ a: { b: 1, c: 2 } }"),
        ("{ a: { b: 1 } }", ("a", "c"), {"d": 2}, "{\n  a: {\n    b: 1,\n    c: {\n      d: 2\n    }\n  }\n}"),
        ("{\n  a: { b: 1 }\n}", ("a", "c"), {"d": 2}, "{\n  a: {\n    b: 1,\n    c: {\n      d: 2\n    }\n  }\n}"),
        ("{ a: {} }", ("a", "b"), 1, "{ a: { b: 1 } }"),
        ("{a:{}}", ("a", "b"), 1, "{a:{b:1}}"),
        ('{"a":{}}', ("a", "b"), {"c": 1}, '{\n  "a":{\n    "b":{\n      "c":1\n    }\n  }\n}'),
        ("{ a: {\n  b: 1\n} }", ("c",), 2, "{ a: {\n  b: 1\n}, c: 2 }"),
        ("{ a: {\n  b: 1\n} }", ("c",), {"d": 2}, "{ a: {\n  b: 1\n}, c: {\n  d: 2\n} }"),
        ("{\n  a: {}, // x\n}", ("a", "b"), 1, "{\n  a: {\n    b: 1,\n  }, // x\n}"),
        ("{\n  a: {\n  }\n}", ("a", "b"), 1, "{\n  a: {\n    b: 1\n  }\n}"),
        ("{\n  // x\n}", ("a",), 1, '{\n  // x\n  "a": 1\n}'),
        ("{ // x\n}", ("a",), 1, '{ // x\n  "a": 1\n}'),
        ("{ /* x */ }", ("a",), 1, '{ /* x */\n  "a": 1\n}'),
        ("{\n  /* x */ }", ("a",), 1, '{\n  /* x */\n  "a": 1\n}'),
        ("{\n    // x\n\n}", ("a",), 1, '{\n    // x\n    "a": 1\n\n}'),
        ("{a: 1, a: {b: 2}}", ("a", "c"), 3, "{a: 1, a: {b: 2, c: 3}}"),
        (
            "{\n  a: [\n    { b: 1 }\n  ]\n}",
            ("c",),
            {"d": 1},
            "{\n  a: [\n    { b: 1 }\n  ],\n  c: {\n    d: 1\n  }\n}",
        ),
    ],
)
def test_inserting_follows_the_habits_of_its_object(
    text: str, path: tuple[str, ...], value: object, expected: str
) -> None:
    assert after_set(text, path, value) == expected


def test_a_member_that_does_not_fit_opens_up_its_one_line_object() -> None:
    text = "{\n  a: { b: '" + "x" * 60 + "' },\n}"
    fitting, wide = "y" * 17, "y" * 18
    assert after_set(text, ("a", "c"), fitting).count("\n") == 2
    assert max(map(len, after_set(text, ("a", "c"), fitting).splitlines())) <= 100
    assert after_set(text, ("a", "c"), wide * 2) == (
        "{\n  a: {\n    b: '" + "x" * 60 + "',\n    c: '" + wide * 2 + "',\n  },\n}"
    )


def test_a_provider_joins_a_file_made_by_hand() -> None:
    block = {"baseUrl": "https://acme.example/v1", "apiKey": "${ACME_KEY}", "models": [{"id": "m", "input": ["text"]}]}
    result = Document.parse(USER_FILE).set(("models", "providers", "acme"), block)
    added = """\
      acme: {
        baseUrl: 'https://acme.example/v1',
        apiKey: '${ACME_KEY}',
        models: [
          {
            id: 'm',
            input: ['text'],
          },
        ],
      },
"""
    before, after = USER_FILE.split("    },\n  },\n  agents")
    assert result.text == before + added + "    },\n  },\n  agents" + after
    assert result.delete(("models", "providers", "acme")).text == USER_FILE


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{\n}\n", ("n",)),
        ("{ a: 1 }", ("n",)),
        ("{a:1,b:2}", ("n",)),
        ("{ a: 1, }", ("n",)),
        ("{ a: 1 /* x */ }", ("n",)),
        ("{\n  a: 1 // x\n}", ("n",)),
        ("{\n  a: 1, // x\n}", ("n",)),
        ("{\n  a: 1\n  , b: 2\n}", ("n",)),
        ("{\n  a: 1\n  // below\n}", ("n",)),
        ("{ a: 1,\n  b: 2 }", ("n",)),
        ("{ a: 1, // x\n  b: 2 // y\n}", ("n",)),
        ("{ a: {\n  b: 1\n} }", ("n",)),
        ("{\n  // x\n}", ("n",)),
        ("{ // x\n}", ("n",)),
        ("{ /* x */  \n}", ("n",)),
        ("{\n  a: 1  \n}", ("n",)),
        ("{\n  a: 1, // x  \n  // y \n}", ("n",)),
        ("{\r\n  a: 1\n}", ("n",)),
        ("{\n  a: 1\r\n}", ("n",)),
        ("{a: 1,\u2028}", ("n",)),
        ("{a: [],\ufeff}", ("n",)),
        ("{a: 1\ufeff}", ("n",)),
        ("{\n  a: {}\n}", ("a", "n")),
        ("{ a: {} }", ("a", "n")),
        ("{\r\n\ta: 'x'\r\n}", ("n",)),
        (USER_FILE, ("n",)),
        (USER_FILE, ("models", "n")),
        (USER_FILE, ("models", "providers", "z.ai", "n")),
        (USER_FILE, ("models", "providers", "local", "n")),
        (USER_FILE, ("agents", "n")),
    ],
)
def test_deleting_what_was_inserted_gives_back_the_text(text: str, path: tuple[str, ...]) -> None:
    inserted = Document.parse(text).set(path, 5)
    assert inserted.get(path) == 5
    assert inserted.delete(path).text == text


# Deleting a member


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("{ a: 1 }", "a", "{}"),
        ("{\n  a: 1\n}\n", "a", "{\n}\n"),
        ("{\n  a: 1, // x\n}\n", "a", "{\n}\n"),
        ("{\n  // own\n  a: 1\n}", "a", "{\n  // own\n}"),
        ("{ /* x */ a: 1 }", "a", "{ /* x */ }"),
        ("{ // x\n  a: 1 }", "a", "{ // x\n }"),
        ("{\n  a: 1,\n  b: 2\n}", "a", "{\n  b: 2\n}"),
        ("{\n  a: 1,\n  b: 2\n}", "b", "{\n  a: 1\n}"),
        ("{\n  a: 1,\n  b: 2,\n}", "b", "{\n  a: 1,\n}"),
        ("{\n  a: 1, // x\n  b: 2 // y\n}", "b", "{\n  a: 1 // x\n}"),
        ("{\n  a: 1, // x\n  b: 2, // y\n}", "a", "{\n  b: 2, // y\n}"),
        (
            "{\n  // of a\n  a: 1, // x\n  // of b\n  b: 2,\n  // end\n}",
            "a",
            "{\n  // of a\n  // of b\n  b: 2,\n  // end\n}",
        ),
        ("{\n  // of a\n  a: 1,\n  // of b\n  b: 2\n  // end\n}", "b", "{\n  // of a\n  a: 1\n  // of b\n  // end\n}"),
        ("{\n  /* x */ a: 1,\n  b: 2\n}", "a", "{\n  b: 2\n}"),
        ("{\n  a: 1, /* x\n  y */\n  b: 2\n}", "a", "{\n  b: 2\n}"),
        ("{\n  a: 1 /* x */, /* y */ // z\n  b: 2\n}", "a", "{\n  b: 2\n}"),
        ("{\n\n  a: 1,\n\n  b: 2\n\n}", "a", "{\n\n\n  b: 2\n\n}"),
        ("{\n  a: {\n    // inner\n    b: 1\n  },\n  c: 2\n}", "a", "{\n  c: 2\n}"),
        ("{ a: 1, b: 2 }", "a", "{ b: 2 }"),
        ("{ a: 1, b: 2 }", "b", "{ a: 1 }"),
        ("{a:1,b:2,c:3}", "b", "{a:1,c:3}"),
        ("{ a: 1, b: 2, }", "b", "{ a: 1, }"),
        ("{ a: 1, /* of b */ b: 2 }", "a", "{ /* of b */ b: 2 }"),
        ("{ a: 1, /* of b */ b: 2 }", "b", "{ a: 1 /* of b */ }"),
        ("{ a: 1 /* of a */, b: 2 }", "a", "{ b: 2 }"),
        ("{ a: 1, b: 2 /* of b */ }", "b", "{ a: 1 }"),
        ("{\n  a: 1, b: 2, // x\n  c: 3\n}", "a", "{\n  b: 2, // x\n  c: 3\n}"),
        ("{\n  a: 1, b: 2, // x\n  c: 3\n}", "b", "{\n  a: 1,\n  c: 3\n}"),
        ("{\n  a: 1,\n  b: 2, c: 3 // x\n}", "c", "{\n  a: 1,\n  b: 2\n}"),
        ("{ a: 1,\n  b: 2 }", "a", "{\n  b: 2 }"),
        ("{ a: 1,\n  b: 2 }", "b", "{ a: 1 }"),
        ("{ a: 1, // x\n  b: 2 }", "b", "{ a: 1 // x\n }"),
        ("{\n  a: 1\n  , b: 2\n}", "a", "{\n   b: 2\n}"),
        ("{\n  a: 1\n  , b: 2\n}", "b", "{\n  a: 1\n}"),
        ("{\n  a: 1 // x\n  // of b\n  , b: 2\n}", "a", "{\n  // of b\n   b: 2\n}"),
        ("{\n  a: 1\n  , b: 2\n  , c: 3\n}", "b", "{\n  a: 1\n  ,\n   c: 3\n}"),
        ("{a: 1, b: 2, a: 3}", "a", "{b: 2}"),
        ("{a: 1, a: 2}", "a", "{}"),
        ("{\n  b: 0,\n  a: 1,\n  a: 2\n}", "a", "{\n  b: 0\n}"),
        ("{\n  a: 1,\n  // x\n  a: 2,\n  b: 0,\n  a: 3\n}", "a", "{\n  // x\n  b: 0\n}"),
        ("{\r\n  a: 1,\r\n  b: 2\r\n}", "b", "{\r\n  a: 1\r\n}"),
        ("{\r\n  a: 1\r\n}", "a", "{\r\n}"),
        ("{a: 1,\u2028b: 2}", "a", "{\u2028b: 2}"),
        ("{// x\u2028a: 1}", "a", "{// x\u2028}"),
    ],
)
def test_deleting_takes_the_member_its_comma_and_what_trails_it(text: str, path: str, expected: str) -> None:
    assert after_delete(text, path) == expected


def test_deleting_the_only_member_of_an_inner_object_leaves_its_braces() -> None:
    assert after_delete("{\n  a: {\n    b: 1\n  },\n  c: 2\n}", "a", "b") == "{\n  a: {},\n  c: 2\n}"


@pytest.mark.parametrize("path", [("x",), ("x", "y"), ("models", "x"), ("models", "providers", "z", "ai")])
def test_deleting_what_is_not_there_changes_nothing(path: tuple[str, ...]) -> None:
    document = Document.parse(USER_FILE)
    assert document.delete(path) is document


# What is refused


@pytest.mark.parametrize(
    ("text", "path", "culprit", "place"),
    [
        ("{\n  a: 1\n}", ("a", "b"), ("a",), (2, 3)),
        ("{a: {b: null}}", ("a", "b", "c", "d"), ("a", "b"), (1, 6)),
        ("{a: [{b: 1}]}", ("a", "[0]", "b"), ("a",), (1, 2)),
        ("{a: 'x'}", ("a", "b"), ("a",), (1, 2)),
        ("[1]", ("a",), (), (1, 1)),
        (" 5", ("a",), (), (1, 2)),
    ],
)
@pytest.mark.parametrize("method", ["set", "delete"])
def test_a_way_through_something_else_than_objects_is_refused(
    method: str, text: str, path: tuple[str, ...], culprit: tuple[str, ...], place: tuple[int, int]
) -> None:
    document = Document.parse(text)
    with pytest.raises(ConfigError) as caught:
        document.set(path, 1) if method == "set" else document.delete(path)
    assert caught.value.code == "config.not-an-object"
    (fault,) = caught.value.diagnostics
    assert (fault.path, (fault.line, fault.column)) == (culprit, place)


def test_the_whole_document_cannot_be_deleted() -> None:
    with pytest.raises(ConfigError) as caught:
        Document.parse("{a: 1}").delete(())
    assert caught.value.code == "config.not-an-object"


class Colour(Enum):
    RED = 1


class Text(str):
    __slots__ = ()


class Table(dict[str, object]):
    pass


@dataclass
class Thing:
    value: int = 1


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({1, 2}, [("p",)]),
        (b"bytes", [("p",)]),
        (object(), [("p",)]),
        (Colour.RED, [("p",)]),
        (Text("a"), [("p",)]),
        (Table(), [("p",)]),
        (Thing(), [("p",)]),
        (MappingProxyType({"a": 1}), [("p",)]),
        (1j, [("p",)]),
        (MISSING, [("p",)]),
        ({1: "a"}, [("p",)]),
        ({None: "a", True: "b"}, [("p",), ("p",)]),
        ({"a": {"b": [1, {2}]}}, [("p", "a", "b", "[1]")]),
        ([b"a", {"c": b"d"}, 1], [("p", "[0]"), ("p", "[1]", "c")]),
        (10**1_000, [("p",)]),
        (-(10**999), [("p",)]),
        pytest.param(1 << 1_000_000, [("p",)], id="a million bits"),
    ],
)
def test_what_json5_cannot_say_is_refused_with_every_path(value: object, paths: list[tuple[str, ...]]) -> None:
    with pytest.raises(ConfigError) as caught:
        Document.empty().set(("p",), value)
    assert caught.value.code == "config.unwritable"
    assert sorted(fault.path for fault in caught.value.diagnostics) == sorted(paths)
    assert {fault.code for fault in caught.value.diagnostics} == {"config.unwritable"}


def test_the_greatest_number_that_can_be_read_can_be_written() -> None:
    assert Document.empty().set(("p",), 10**1_000 - 1).get(("p",)) == 10**1_000 - 1


def test_a_number_that_the_interpreter_will_not_write_is_refused() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(ConfigError) as caught:
            Document.empty().set(("p",), 10**700)
    finally:
        sys.set_int_max_str_digits(before)
    assert caught.value.code == "config.unwritable"


def test_faults_of_a_value_are_bounded_and_quote_nothing() -> None:
    with pytest.raises(ConfigError) as caught:
        Document.empty().set(("p",), [b"hunter2"] * 1_000)
    assert len(caught.value.diagnostics) == 100
    assert "hunter2" not in json.dumps(caught.value.to_dict())


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(("path", "levels", "fits"), [(1, 199, True), (1, 200, False), (200, 0, True), (201, 0, False)])
def test_an_edit_keeps_to_the_depth_that_can_be_read(path: int, levels: int, fits: bool) -> None:
    document = Document.empty()
    if fits:
        assert document.set(("a",) * path, nested(levels)).get(("a",) * 200) == 1
        return
    with pytest.raises(ConfigError) as caught:
        document.set(("a",) * path, nested(levels))
    assert caught.value.code == "config.too-deep"


def test_the_deepest_value_can_be_written_on_one_line() -> None:
    text = '{"a":1,"b":"' + "x" * 100 + '"}'
    assert Document.parse(text).set(("a",), nested(199)).get(("a",) * 200) == 1


def test_a_value_that_holds_itself_is_too_deep() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ConfigError) as caught:
        Document.empty().set(("p",), {"x": loop})
    assert caught.value.code == "config.too-deep"


@pytest.mark.parametrize("value", ["x" * 100, [[1] * 10] * 10, [[]] * 60, {str(index): 1 for index in range(60)}])
def test_an_edit_keeps_to_the_size_that_can_be_read(value: object) -> None:
    document = Document.parse("{}", limits=Limits(size=100))
    with pytest.raises(ConfigError) as caught:
        document.set(("p",), value)
    assert caught.value.code == "config.too-large"


def test_an_edit_that_would_write_something_else_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document.parse("{a: 1, b: 2}")
    for patch in (Patch(4, 5, "3"), Patch(1, 2, "c"), Patch(0, 1, ""), Patch(4, 5, "true")):
        monkeypatch.setattr(json5_edit, "replace", lambda *_, broken=patch: [broken])
        with pytest.raises(InternalError) as caught:
            document.set(("a",), 1.5)
        assert caught.value.code == "internal.document"


# What is written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", '"plain"'),
        ("${VAR}", '"${VAR}"'),
        ("it's", '"it\'s"'),
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("\b\f\n\r\t\v\0\x7f", '"\\b\\f\\n\\r\\t\\u000b\\u0000\\u007f"'),
        ("\u2028\u2029", '"\\u2028\\u2029"'),
        ("é😀", '"é😀"'),
        ("\ud800", '"\\ud800"'),
        ("\udc00\ud800", '"\\udc00\\ud800"'),
        ("\ud83d\ude00", '"😀"'),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (-0.0, "-0.0"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        (12345678901234567890, "12345678901234567890"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
    ],
)
def test_scalars_are_written_as_json_does_where_it_can(value: object, expected: str) -> None:
    result = Document.empty().set(("a",), value)
    assert result.text == f'{{\n  "a": {expected}\n}}\n'
    assert result.text.encode()


def test_a_new_file_is_strict_json_when_its_values_are() -> None:
    value = {"a": {"b": [1, {"c": 'x"\n'}, []], "d": {}}, "e f": None, "__proto__": 1}
    document = Document.empty()
    for key, each in value.items():
        document = document.set((key,), each)
    assert json.loads(document.text) == value
    assert json.dumps(value, indent=2) + "\n" == document.text


def test_keys_are_literal_and_any_string_is_one() -> None:
    keys = ("a.b", "", "[0]", "__proto__", "\n", "\ud800", "'\"", "// x", "é")
    document = Document.empty()
    for key in keys:
        document = document.set((key, "x"), 1)
    assert document.value == {key: {"x": 1} for key in keys}
    assert Document.parse(document.text.encode()).value == document.value
    for key in keys:
        document = document.delete((key,))
    assert document.text == Document.empty().text


def test_what_the_caller_does_to_its_value_later_is_no_matter() -> None:
    value = {"b": [1]}
    document = Document.empty().set(("a",), value)
    value["b"].append(2)
    assert document.get(("a", "b")) == [1]
    assert document.set(("c",), 1).get(("a", "b")) == [1]


def test_a_document_does_not_change_and_its_repr_tells_no_value() -> None:
    document = Document.parse("{key: 'hunter2'}", name="my.json5")
    document.set(("key",), "other")
    document.delete(("key",))
    assert document.text == "{key: 'hunter2'}"
    assert repr(document) == "<Document 'my.json5', 16 characters>"


def test_errors_and_edits_keep_the_name_and_the_limits() -> None:
    with pytest.raises(ConfigError, match=r"my\.json5 cannot be read at line 1, column 2"):
        Document.parse("{", name="my.json5")
    document = Document.parse("{}", name="my.json5", limits=Limits(depth=3))
    again = document.set(("a",), 1)
    assert repr(again).startswith("<Document 'my.json5'")
    with pytest.raises(ConfigError):
        again.set(("b",), [[[1]]])


@pytest.mark.slow
def test_one_edit_of_five_megabytes() -> None:
    members = "".join(f'  key{index}: "{"x" * 80}", // {index}\n' for index in range(50_000))
    document = Document.parse("{\n" + members + "}\n")
    assert len(document.text) > 5_000_000
    result = document.set(("key25000",), 1)
    assert result.text == document.text.replace(f'key25000: "{"x" * 80}"', "key25000: 1")
    assert result.set(("new",), 1).delete(("new",)).text == result.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(
            "{" + ",".join(f'"k{index}":{{"a":{{}}}}' for index in range(20_000)) + "}", ("k9",), id="one line"
        ),
        pytest.param("{'" + " " * 2_000_000 + "': 1}", ("a",), id="a key of blanks"),
        pytest.param("{" + "a: 1, " * 30_000 + "b: 2}", ("a",), id="one key again and again"),
        pytest.param("{" + "/**/" * 200_000 + "}", ("a",), id="comments"),
        pytest.param('{"a":' * 199 + "{}" + "}" * 199, ("a",) * 197 + ("b",), id="nested in one line"),
    ],
)
def test_edits_of_unlikely_texts_take_linear_time(text: str, path: tuple[str, ...]) -> None:
    document = Document.parse(text)
    start = time.perf_counter()
    result = document.set(path, {"x": {"y": 1}})
    assert result.get(path) == {"x": {"y": 1}}
    assert result.delete(path).get(path) is MISSING
    assert time.perf_counter() - start < 30  # where time grows with the square, this would take minutes or hours
