"""Reads the tables of `docs/explanation/deviations.md`: what is different on purpose, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING

from parity.facts import covers, parse_path

if TYPE_CHECKING:
    from parity.facts import Path

PAGE = File(__file__).parents[2] / "docs" / "explanation" / "deviations.md"

HEADER = ("id", "fact path", "before", "now", "why")


@dataclass(frozen=True)
class Deviation:
    """One row: its id, the facts it is about, and the three things it says."""

    id: str
    paths: tuple[Path, ...]
    before: str
    now: str
    why: str

    def covers(self, path: Path) -> bool:
        """Tell whether the row is about `path`."""
        return any(covers(each, path) for each in self.paths)


def read_deviations(text: str) -> list[Deviation]:
    """Return the rows of every table in the Markdown `text` that has the header of this page.

    The cell of paths holds one or more of them, each in backquotes. A bar inside a cell is written with a backslash.

    Raises:
        ValueError: a row has too few cells, an empty one, no path, or one that is no path.
    """
    rows: list[Deviation] = []
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        cells = _cells(line)
        if tuple(cells) == HEADER:
            inside = True
        elif not cells:
            inside = False
        elif inside and not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            rows.append(_row(cells, number))
    return rows


def _cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _row(cells: list[str], number: int) -> Deviation:
    if len(cells) != len(HEADER) or not all(cells):
        message = f"line {number}: a row has {len(HEADER)} cells, none of them empty"
        raise ValueError(message)
    name, where, before, now, why = cells
    paths = tuple(parse_path(each) for each in re.findall(r"`([^`]+)`", where))
    if not paths:
        message = f"line {number}: {name} names no path"
        raise ValueError(message)
    return Deviation(name, paths, before, now, why)
