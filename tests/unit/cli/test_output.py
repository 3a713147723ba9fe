"""What goes to the screen: JSON, tables, errors and diagnostics, with or without colour."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.text import Text

from jackfield.cli import output
from jackfield.cli.status import status_table
from jackfield.diagnostics import Diagnostic
from jackfield.errors import ConfigError, JackfieldError
from jackfield.status import ProviderStatus

if TYPE_CHECKING:
    from rich.table import Table


def drawn(table: Table, width: int = 100, *, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    console.print(table)
    shown: str = console.file.getvalue()  # type: ignore[attr-defined]
    return shown


@pytest.mark.parametrize("value", [{}, [], {"b": 1, "a": [None, True, "\u00fc\u2713"]}, "x"])
def test_emitted_json_reads_back_in_the_same_order(capsys: pytest.CaptureFixture[str], value: object) -> None:
    output.emit_json(value)

    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert out == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("encoding", "escaped"), [("utf-8", False), ("ascii", True), ("latin-1", True)])
def test_json_is_escaped_where_the_encoding_is_poorer(
    monkeypatch: pytest.MonkeyPatch, encoding: str, escaped: bool
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)

    output.emit_json({"mark": "\u2713"})
    stream.flush()

    text = raw.getvalue().decode(encoding)
    assert json.loads(text) == {"mark": "\u2713"}
    assert ("\\u2713" in text) is escaped


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.acme.test/v1", "https://api.acme.test/v1"),
        ("https://me:pw@api.acme.test/v1", "https://…@api.acme.test/v1"),
        ("https://a@b@c/v1", "https://…@c/v1"),
        ("https://api.acme.test/v1?to=me@acme.test", "https://api.acme.test/v1?to=me@acme.test"),
        ("me@acme.test", "me@acme.test"),
    ],
)
def test_an_address_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert output.shown_url(url) == shown


def test_what_is_said_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("hello")

    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (JackfieldError("It broke."), ["Error: It broke."]),
        (JackfieldError("It broke.", fix="Mend it."), ["Error: It broke.", "Fix: Mend it."]),
        (
            ConfigError("Two faults.", diagnostics=[Diagnostic("a.b", "must go", path=("x", "y"), line=3, column=4)]),
            ["Error: Two faults.", "  3:4: x.y: must go"],
        ),
        (ConfigError("Same.", diagnostics=[Diagnostic("a.b", "Same.")]), ["Error: Same."]),
        (
            ConfigError("File f: same thing.", diagnostics=[Diagnostic("a.b", "same thing")]),
            ["Error: File f: same thing."],
        ),
        (
            ConfigError("Same.", diagnostics=[Diagnostic("a.b", "Same.", path=("x",))]),
            ["Error: Same.", "  x: Same."],
        ),
        (
            ConfigError("Same.", diagnostics=[Diagnostic("a.b", "Same."), Diagnostic("a.c", "Other.")]),
            ["Error: Same.", "  Same.", "  Other."],
        ),
        (JackfieldError("[bold]not markup[/bold] :smile:"), ["Error: [bold]not markup[/bold] :smile:"]),
        (JackfieldError("x" * 300), ["Error: " + "x" * 300]),
    ],
)
def test_an_error_is_told_with_its_faults_and_its_fix(
    capsys: pytest.CaptureFixture[str], error: JackfieldError, lines: list[str]
) -> None:
    output.show_error(error)

    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", lines)


def test_diagnostics_have_the_form_that_editors_jump_to(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        Diagnostic("a.b", "must be text", path=("models", "z.ai"), line=2, column=5, hint="Quote it."),
        Diagnostic("a.c", "is odd", "warning"),
        Diagnostic("a.d", "by the way", "info", path=("x",)),
    ]

    output.show_diagnostics(found, Path("c.json5"))

    assert capsys.readouterr().err.splitlines() == [
        'c.json5:2:5: error: models["z.ai"]: must be text',
        "    Quote it.",
        "c.json5: warning: is odd",
        "c.json5: info: x: by the way",
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        ((), ""),
        (("a", "b"), "a, b"),
        (["a", 1], "a, 1"),
        (7, "7"),
        ("[red]x", "[red]x"),
    ],
)
def test_each_kind_of_cell_is_shown_for_people(cell: object, shown: str) -> None:
    row = drawn(output.make_table(("name", "value"), [("x", cell)])).rstrip().splitlines()[-1]

    assert row.split() == ["x", *shown.split()]


@pytest.mark.parametrize("width", [30, 60, 120])
def test_a_long_cell_is_folded_and_nothing_of_it_is_lost(width: int) -> None:
    text = "abcdefghij" * 12

    shown = drawn(output.make_table(("name", "value"), [("x", text)]), width)

    assert max(map(len, shown.splitlines())) <= width
    body = "".join(line[4:] for line in shown.rstrip().splitlines()[3:])
    assert "".join(body.split()) == text


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_a_long_first_cell_does_not_push_the_others_off(width: int) -> None:
    shown = drawn(output.make_table(("name", "value"), [("a" * 70, "told")], width=width), width)

    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("a") - 2 == 70  # those of the headings
    assert "told" in shown


@pytest.mark.parametrize(("width", "whole"), [(60, False), (80, True)])
def test_what_people_copy_is_whole_where_there_is_room(width: int, whole: bool) -> None:
    name = "ACME_GATEWAY_API_KEY_OF_SOME_LENGTH"
    rows = [("acme-some-gateway", name, "told at such a length that something has to give " * 2)]

    shown = drawn(output.make_table(("provider", "name", "value"), rows, width=width), width)

    assert (name in shown.split()) is whole
    assert "acme-some-gateway" in shown.split()


COLUMNS = ("name", "state", "expires", "seen")
CELLS = [("one", "usable", None, ["a", "b"]), ("two", None, 3, ())]


def test_a_narrow_table_tells_in_one_column_what_its_cells_say() -> None:
    gather = {"seen": "seen by {}", "state": "{}", "expires": "expires {}"}

    columns, rows = output.gathered(COLUMNS, CELLS, gather)

    assert columns == ["name", "details"]
    assert rows == [["one", "seen by a, b; usable"], ["two", "expires 3"]]


@pytest.mark.parametrize(("columns", "heads"), [("99", ["name", "details"]), ("100", list(COLUMNS))])
def test_the_form_follows_the_terminal(
    columns: str, heads: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)

    output.show_table(COLUMNS, CELLS, gather={"state": "{}", "expires": "{}", "seen": "{}"})
    assert capsys.readouterr().out.splitlines()[1].split() == heads
    output.show_table(COLUMNS, CELLS)
    assert capsys.readouterr().out.splitlines()[1].split() == list(COLUMNS)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("config.type", "F: error: a: is wrong"),
        ("patch.type", "F: error: a: is wrong"),
        ("login.field", "error: a: is wrong"),
        ("registry.duplicate", "error: a: is wrong"),
        ("store.changed-since", "error: is wrong"),
        ("import.format", "error: is wrong"),
    ],
)
def test_what_is_about_no_place_in_a_file_is_told_without_one(
    code: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.show_diagnostics([Diagnostic(code, "is wrong", path=("a",))], "F")

    assert capsys.readouterr().err.splitlines() == [expected]


def test_a_table_has_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("a",), [("1" * 20,)], title="Things")

    title, head, rule, row = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert (title, head, row) == (["Things"], ["a"], ["1" * 20])
    assert set("".join(rule)) == {"─"}


def status(state: str, **more: object) -> ProviderStatus:
    fields: dict[str, object] = {"id": "acme", "state": state, "source": None, "reason": "Why.", "label": "Acme"}
    return ProviderStatus(**{**fields, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "look"),
    [
        ("verified", "✓ verified"),
        ("reachable", "✓ reachable"),
        ("configured", "● configured"),
        ("failing", "✗ failing"),
        ("unreachable", "○ unreachable"),
        ("not_configured", "· not configured"),
    ],
)
def test_every_state_has_its_look(state: str, look: str) -> None:
    assert look in drawn(status_table([status(state)]))


def test_columns_that_nobody_fills_are_left_out() -> None:
    bare = drawn(status_table([status("not_configured")]))
    full = drawn(status_table([status("verified", source="env", source_name="ACME_API_KEY", elapsed_s=1.2345)]))

    assert bare.split()[:3] == ["provider", "state", "reason"]
    assert full.split()[:5] == ["provider", "state", "source", "reason", "answer"]
    assert "env ACME_API_KEY" in full
    assert "1,234 ms" in full or "1,235 ms" in full


@pytest.mark.parametrize(("width", "heads"), [(99, 3), (100, 4)])
def test_a_narrow_status_tells_the_source_with_the_reason(width: int, heads: int) -> None:
    found = status("configured", source="env", source_name="ACME_API_KEY")

    shown = drawn(status_table([found], width=width), width)

    assert len(shown.splitlines()[1].split()) == heads
    assert ("env ACME_API_KEY: Why." in shown) is (heads == 3)


def test_a_cell_may_have_its_own_style() -> None:
    table = output.make_table(("name",), [(Text("x", style="red"),)])

    assert "\x1b[31m" in drawn(table, colour=True)
    assert "\x1b" not in drawn(table)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Diagnostic("c", "is wrong"), "F: error: is wrong"),
        (Diagnostic("c", "is wrong", path=("models", "z.ai")), 'F: error: models["z.ai"]: is wrong'),
        (Diagnostic("c", "is wrong", line=3, column=7), "F:3:7: error: is wrong"),
        (Diagnostic("c", "is wrong", "warning", ("a", "[2]"), line=3, column=7), "F:3:7: warning: a[2]: is wrong"),
    ],
)
def test_a_fault_is_shown_in_the_form_editors_jump_to(
    fault: Diagnostic, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.show_diagnostics([fault], Path("F"))
    assert capsys.readouterr().err.splitlines() == [expected]
