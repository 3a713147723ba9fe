"""What commands print: JSON for programs, tables for people. Colour only on a terminal."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from jackfield.diagnostics import format_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

    from jackfield.diagnostics import Diagnostic
    from jackfield.errors import JackfieldError

_NARROW = frozenset({"state", "answer", "kind", "role", "rule", "login"})
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")
_MARKS = {"error": "red", "warning": "yellow", "info": "blue"}


def emit_json(value: object) -> None:
    """Print `value` as one JSON document; characters that the output's encoding lacks are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)  # noqa: T201


def shown_url(url: str) -> str:
    """Return an address without the user name and password that some people write into it."""
    return _USER_INFO.sub("…@", url)


def console(*, stderr: bool = False) -> Console:
    """Return a rich console on standard output or error; it honours NO_COLOR and the terminal's width."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def say(message: str) -> None:
    """Print a line for the user on standard error, so that standard output stays for results."""
    print(message, file=sys.stderr)  # noqa: T201


def show_error(error: JackfieldError) -> None:
    """Print an error and its fix on standard error, with every diagnostic."""
    from rich.text import Text

    err = console(stderr=True)
    err.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    for each in error.diagnostics:
        if str(each) != error.message:
            err.print(Text(f"  {each}"), soft_wrap=True)
    if error.fix:
        err.print(Text.assemble(("Fix: ", "bold"), error.fix), soft_wrap=True)


def show_diagnostics(diagnostics: Iterable[Diagnostic], path: Path) -> None:
    """Print diagnostics on standard error as `file:line:column: severity: path: message`."""
    from rich.text import Text

    err = console(stderr=True)
    for each in diagnostics:
        place = f":{each.line}:{each.column}" if each.line is not None else ""
        where = format_path(each.path)
        line = Text.assemble(
            f"{path}{place}: ",
            (f"{each.severity}: ", _MARKS[each.severity]),
            f"{where + ': ' if where else ''}{each.message}",
        )
        err.print(line, soft_wrap=True)
        if each.hint:
            err.print(Text(f"    {each.hint}", style="dim"), soft_wrap=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table; None is shown as nothing, a list as its items."""
    console().print(make_table(columns, rows, title=title))


def make_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> Any:
    """Return a rich table with the house's looks."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0 or column in _NARROW)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(str(each) for each in value)
    return str(value)
