"""Run every bench of this folder, one after the other: each module that has a `main`, in a process of its own.

Run it with `python bench/run.py`, or name those that are wanted: `python bench/run.py startup registry`.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def benches() -> list[str]:
    """Return the names of the modules in this folder that define `main`, sorted."""
    return [path.stem for path in sorted(FOLDER.glob("*.py")) if path != Path(__file__).resolve() and _has_main(path)]


def _has_main(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def main() -> int:
    """Run the benches; return 1 when one of them broke, whatever its figures are."""
    known = benches()
    parser = argparse.ArgumentParser(description="Run the benches and print their figures.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of: {', '.join(known)}")
    wanted = parser.parse_args().names or known
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"there is no bench {', '.join(unknown)}; there are: {', '.join(known)}")
    broken = []
    for name in wanted:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=FOLDER.parent, check=False).returncode:
            broken.append(name)
    if broken:
        print(f"These benches broke: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
