from __future__ import annotations

import json
import pickle

import pytest

from jackfield.diagnostics import Diagnostic, format_path
from jackfield.records import field_names

PATHS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), ""),
    (("models",), "models"),
    (("models", "providers"), "models.providers"),
    (("models", "providers", "z.ai", "baseUrl"), 'models.providers["z.ai"].baseUrl'),
    (("auth", "[0]", "key", "flags", "[12]"), "auth[0].key.flags[12]"),
    (("[3]",), "[3]"),
    (("[3]", "[4]", "id"), "[3][4].id"),
    (("api-key",), "api-key"),
    (("x", "api-key"), "x.api-key"),
    (("x", "3d"), 'x["3d"]'),
    (("x", ""), 'x[""]'),
    (("",), '[""]'),
    (("a b",), '["a b"]'),
    (("x", 'say "hi"'), 'x["say \\"hi\\""]'),
    (("x", "back\\slash"), 'x["back\\\\slash"]'),
    (("x", "[one]"), 'x["[one]"]'),
    (("x", "[]"), 'x["[]"]'),
    (("x", "["), 'x["["]'),
    (("x", "[-1]"), 'x["[-1]"]'),
    (("x", "[\u0661]"), 'x["[\u0661]"]'),
    (("x", "two\nlines"), 'x["two\\nlines"]'),
    (("x", "\x1b[31mred"), 'x["\\x1b[31mred"]'),
    (("x", "right\u202eleft"), 'x["right\\u202eleft"]'),
    (("x", "\ud800"), 'x["\\ud800"]'),
    (("\u00e9t\u00e9",), "\u00e9t\u00e9"),
)

FULL = Diagnostic(
    code="config.duplicate-key",
    message="The key stands there twice.",
    severity="warning",
    path=("models", "[1]"),
    owner="plugin:acme",
    hint="Remove one.",
    rule="G4",
    line=3,
    column=14,
)


@pytest.mark.parametrize(("path", "text"), PATHS)
def test_path_is_written_for_people(path: tuple[str, ...], text: str) -> None:
    assert format_path(path) == text


@pytest.mark.parametrize("path", [path for path, _ in PATHS])
def test_written_path_never_breaks_the_line_or_steers_a_terminal(path: tuple[str, ...]) -> None:
    assert format_path(path).isprintable()


def test_distinct_paths_are_written_apart() -> None:
    written = [text for _, text in PATHS]
    assert len(set(written)) == len(written)


def test_path_may_be_any_iterable() -> None:
    assert format_path(iter(["a", "[0]"])) == "a[0]"


def test_only_code_and_message_are_needed() -> None:
    bare = Diagnostic("a.b", "It is so.")
    assert (bare.severity, bare.path, bare.owner, bare.hint) == ("error", (), None, None)
    assert (bare.rule, bare.line, bare.column) == (None, None, None)


def test_to_dict_is_json_ready_and_leaves_no_field_out() -> None:
    shape = FULL.to_dict()
    assert sorted(shape) == sorted(field_names(FULL))
    assert json.loads(json.dumps(shape)) == {
        "code": "config.duplicate-key",
        "severity": "warning",
        "path": ["models", "[1]"],
        "owner": "plugin:acme",
        "message": "The key stands there twice.",
        "hint": "Remove one.",
        "rule": "G4",
        "line": 3,
        "column": 14,
    }


def test_to_dict_gives_a_fresh_list_each_time() -> None:
    first = FULL.to_dict()["path"]
    assert isinstance(first, list)
    first.clear()
    assert FULL.to_dict()["path"] == ["models", "[1]"]


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [
        (Diagnostic("a.b", "It is so."), "It is so."),
        (Diagnostic("a.b", "It is so.", path=("x", "y")), "x.y: It is so."),
        (Diagnostic("a.b", "It is so.", line=7, column=2), "7:2: It is so."),
        (Diagnostic("a.b", "It is so.", line=7), "7: It is so."),
        (Diagnostic("a.b", "It is so.", column=7), "It is so."),
        (FULL, "3:14: models[1]: The key stands there twice."),
    ],
)
def test_text_tells_place_then_path_then_message(diagnostic: Diagnostic, text: str) -> None:
    assert str(diagnostic) == text


def test_equal_diagnostics_are_one_in_a_set() -> None:
    assert len({FULL, pickle.loads(pickle.dumps(FULL)), Diagnostic("a.b", "Other.")}) == 2
