"""What commands print: JSON for programs, tables for people. Colour only on a terminal."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from jackfield.diagnostics import format_path
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from jackfield.diagnostics import Diagnostic
    from jackfield.errors import JackfieldError

# Columns whose cells are short, or are copied: they are not folded while another one can be.
_WHOLE = frozenset({"state", "answer", "kind", "role", "rule", "login", "name", "choice", "file"})
# Columns of the screen that are left for what folds, and those between two columns.
_ROOM, _GAP = 20, 3
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")
# What is called so holds a secret in any program's settings; `maxTokens` and `tokenUrl` do not.
_SECRET_FIELD = re.compile(r"(?i).*(api[_-]?key|token|secret|password|passphrase|authorization|credentials?)")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
# The same in a line of a config file, which may be a comment.
_SECRET_LINE = re.compile(
    r"""(?i)((?:api[_-]?key|token|secret|password|authorization)['"]?\s*:\s*)(?!['"]?\$\{)(['"])(?:\\.|(?!\2).)*\2"""
)
_LITERAL = re.compile(r"""(['"])(?:\\(?:.|\n)|(?!\1)[^\\\n])*\1""")
# What is shorter may stand in other texts by chance.
_TELLING_LENGTH = 8
_MARKS = {"error": "red", "warning": "yellow", "info": "blue"}
# What is told under such a code stands in no place of the config file.
_ELSEWHERE = frozenset({"store", "registry", "login", "import", "plugin"})
# What is told under such a code names its place itself.
_PLACED = frozenset({"store", "import"})
# Columns of what is no terminal: more than any row has.
_FREE = 10_000
NARROW = 100
"""Columns below which a table gathers what it would otherwise fold into slivers."""


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
    import os

    from rich.console import Console

    # What goes into a pipe or a file is for `grep`, not for the eye: a row is a line there, however long.
    free = not stderr and not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal()
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=_FREE if free else None)


def say(message: str) -> None:
    """Print a line for the user on standard error, so that standard output stays for results."""
    print(broken(message) if sys.stderr.isatty() else message, file=sys.stderr)  # noqa: T201


def broken(text: str, *, taken: int = 0, columns: int | None = None) -> str:
    """Return a text with its lines broken between words, as a terminal would break them within.

    Args:
        text: what is to be shown; an address or a path that is too long for a line is left whole.
        taken: columns of the first line that something else takes.
        columns: width of the terminal; this one's when left out.
    """
    import shutil
    import textwrap

    width = max(columns or shutil.get_terminal_size().columns, _ROOM)
    lines = text.split("\n")
    for place, line in enumerate(lines):
        if len(line) + (taken if place == 0 else 0) > width:
            first = " " * taken if place == 0 else ""
            parts = textwrap.wrap(
                line, width, initial_indent=first, break_long_words=False, break_on_hyphens=False, tabsize=1
            )
            lines[place] = "\n".join(parts)[len(first) :]
    return "\n".join(lines)


def show_error(error: JackfieldError) -> None:
    """Print an error and its fix on standard error, with every diagnostic."""
    from rich.text import Text

    err = console(stderr=True)
    err.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    for each in error.diagnostics:
        if len(error.diagnostics) > 1 or not _says(error.message, each):
            err.print(Text(f"  {each}"), soft_wrap=True)
    if error.fix:
        err.print(Text.assemble(("Fix: ", "bold"), error.fix), soft_wrap=True)


def _says(message: str, diagnostic: Diagnostic) -> bool:
    """Tell whether a message says already what a diagnostic does: its sentence, and its place in the config."""
    return diagnostic.message.rstrip(".") in message and format_path(diagnostic.path) in message


def show_diagnostics(diagnostics: Iterable[Diagnostic], source: Path | str) -> None:
    """Print diagnostics on standard error as `file:line:column: severity: path: message`.

    Args:
        diagnostics: what to tell; what is about the credential store or the registry is told without a file.
        source: the file that the others are about, or what stands for it.
    """
    from rich.text import Text

    err = console(stderr=True)
    for each in diagnostics:
        family = each.code.partition(".")[0]
        place = f":{each.line}:{each.column}" if each.line is not None else ""
        where = "" if family in _PLACED else format_path(each.path)
        line = Text.assemble(
            "" if family in _ELSEWHERE else f"{source}{place}: ",
            (f"{each.severity}: ", _MARKS[each.severity]),
            f"{where + ': ' if where else ''}{_named(each)}",
        )
        err.print(line, soft_wrap=True)
        if each.hint:
            err.print(Text(f"    {each.hint}", style="dim"), soft_wrap=True)


def _named(diagnostic: Diagnostic) -> str:
    """Return the message of a diagnostic, with the name of the plugin that it is about."""
    owner = diagnostic.owner or ""
    plugin_id = owner.removeprefix("plugin:")
    is_plugins = owner != plugin_id and plugin_id not in diagnostic.message
    return f"{owner}: {diagnostic.message}" if is_plugins else diagnostic.message


def make_diff(before: str, after: str, names: tuple[str, str]) -> str:
    """Return a unified diff of two texts of a config file under their names, with literal keys and headers hidden."""
    import difflib

    secrets = {each for text in (before, after) for each in _secrets_of(text)}
    old, new = (_hide(text, secrets).splitlines() for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, *names, lineterm="", n=2))


def is_secret(name: str, value: str) -> bool:
    """Tell whether a setting holds a literal secret; a reference such as ${NAME} is none, and may be seen."""
    return _SECRET_FIELD.fullmatch(name) is not None and not _REFERENCE.fullmatch(value.strip())


def _secrets_of(text: str) -> Iterator[str]:
    """Yield the literal secrets of a config file's text; an empty text is a file that is not there."""
    from jackfield.config.document import Document

    if text:
        yield from _literal_secrets(Document.parse(text).value)


def _literal_secrets(value: object, *, all_of_it: bool = False) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _literal_secrets(each, all_of_it=all_of_it)
    for name, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, str):
            if all_of_it or is_secret(name, inner):
                yield inner
        else:
            yield from _literal_secrets(inner, all_of_it=all_of_it or name == "headers")


def _hide(text: str, secrets: set[str]) -> str:
    def hidden(found: re.Match[str]) -> str:
        from jackfield.config.document import Document

        if "\\" not in found[0]:
            return f"{found[1]}…{found[1]}" if found[0][1:-1] in secrets else found[0]
        try:
            value = Document.parse(f"{{x: {found[0]}}}").get(("x",))
        except ConfigError:
            return found[0]  # two apostrophes of a comment
        return f"{found[1]}…{found[1]}" if value in secrets else found[0]

    text = _SECRET_LINE.sub(r"\1\2…\2", _LITERAL.sub(hidden, text))
    for each in sorted((each for each in secrets if len(each) >= _TELLING_LENGTH), key=len, reverse=True):
        text = text.replace(each, "…")
    return shown_url(text)


def show_diff(diff: str) -> None:
    """Print a unified diff; colours only on a terminal."""
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    screen = console()
    for line in diff.splitlines():
        screen.print(Text(line, style=styles.get(line[:1], "")), soft_wrap=True)


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    gather: Mapping[str, str] | None = None,
) -> None:
    """Print a table; None is shown as nothing, a list as its items.

    Args:
        columns: the headings.
        rows: the cells.
        title: what stands above it.
        gather: columns that a narrow terminal shows together in one last column, `details`, each cell as its format
            says, such as `{"expires": "expires {}"}`; cells that show nothing are left out of it.
    """
    screen = console()
    if gather and screen.width < NARROW:
        columns, rows = gathered(columns, rows, gather)
    screen.print(make_table(columns, rows, title=title, width=screen.width))


def gathered(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], gather: Mapping[str, str]
) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows of the narrow form of a table; see `show_table`."""
    kept = [place for place, column in enumerate(columns) if column not in gather]
    told = [(columns.index(column), form) for column, form in gather.items()]
    return (
        [*(columns[place] for place in kept), "details"],
        [
            [
                *(row[place] for place in kept),
                "; ".join(form.format(text) for place, form in told if (text := _cell(row[place]))),
            ]
            for row in rows
        ],
    )


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None, width: int = 80
) -> Any:
    """Return a rich table with the house's looks.

    Args:
        columns: the headings.
        rows: the cells.
        title: what stands above it.
        width: columns of the terminal. The first column, and those that people copy from, are not folded while
            something is left for the others; a column that may not fold and does not fit would push them off.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    cells = [[cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row] for row in rows]
    left = width - _ROOM
    for place, column in enumerate(columns):
        widest = _GAP + max((row[place].cell_len for row in cells), default=0)
        whole = (place == 0 or column in _WHOLE) and widest <= left
        left -= widest if whole else 0
        table.add_column(column, overflow="fold", no_wrap=whole)
    for row in cells:
        table.add_row(*row)
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(str(each) for each in value)
    return str(value)
