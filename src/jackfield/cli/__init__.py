"""The command line: parse, open an App, render. One file for each group of commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    given = list(sys.argv[1:] if args is None else args)
    if given == ["--version"]:
        # Scripts ask this at every start; loading click to answer would take longer than Python itself.
        from jackfield import __version__

        print(f"jackfield, version {__version__}")  # noqa: T201
        return 0
    from jackfield.cli.root import run

    return run(given)
