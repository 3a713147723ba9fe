"""Write the golden files of the views anew: `python scripts/update_goldens.py`.

Each file under tests/golden/views holds the rows of one view of the core providers, as JSON with one row on each line,
so that a diff shows which rows a change of a block touches. With `--check` nothing is written, and the exit status is 1
when a file is out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS

FOLDER = Path(__file__).parents[1] / "tests" / "golden" / "views"


def render_views() -> dict[str, str]:
    """Return the text of each golden file by its name."""
    snapshot = ProviderRegistry.with_core().snapshot()
    return {
        f"{name}.json": render_rows([row.to_dict() for row in view(snapshot)]) for name, view in sorted(VIEWS.items())
    }


def render_rows(rows: list[dict[str, object]]) -> str:
    """Return `rows` as a JSON list with one row on each line."""
    lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f"[\n{lines}\n]\n" if rows else "[]\n"


def stale_files(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Return the names of files in `folder` that differ from `wanted`, are missing, or belong to no view."""
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in {*present, *wanted} if present.get(name) != wanted.get(name))


def update(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Make `folder` hold exactly `wanted`; return the names of the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale_files(folder, wanted)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Update or check the files and tell which ones differ; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the golden files of the views anew.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are")
    options = parser.parse_args(arguments)
    wanted = render_views()
    changed = stale_files(options.folder, wanted) if options.check else update(options.folder, wanted)
    for name in changed:
        print(f"{'out of date' if options.check else 'written'}: {name}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
