"""What starting costs, over a bare interpreter: the import, the core registry with one resolve, and `--version`.

Whole processes are measured, from start to end, in turns with `python -c pass`. Run it with `python -m bench.startup`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from bench._measure import MILLISECOND, compile_package, in_unit, processes, python, show

ROUNDS = 31
PEER_ROUNDS = 5
BARE = python("pass")
REGISTRY = python(
    "from jackfield.providers.registry import ProviderRegistry as R; R.with_core().resolve_provider('openai')"
)
PEERS = {"litellm": "litellm", "llm": "llm", "any-llm": "any_llm"}


def show_over_bare(name: str, ours: float, bare: float, goal_ms: int | None) -> None:
    """Print a process's time over the bare one's, as a difference (which the goal is about) and as a ratio."""
    goal = f"<= +{goal_ms} ms" if goal_ms is not None else None
    raw = f"{ours / bare:.2f}x, {in_unit(ours, MILLISECOND)}, bare python {in_unit(bare, MILLISECOND)}"
    show(name, f"+{in_unit(ours - bare, MILLISECOND)}", goal, raw)


def command() -> Path | None:
    """Return the installed `jackfield` command of this interpreter's environment, or None."""
    path = Path(sys.executable).with_name("jackfield")
    return path if path.is_file() else None


def show_version() -> None:
    path = command()
    if path is None:
        print("jackfield --version: skipped, the command is not installed beside this interpreter")
        return
    spent = processes({"bare": BARE, "version": (str(path), "--version")}, ROUNDS)
    show_over_bare("jackfield --version", spent["version"], spent["bare"], 50)


def show_peers() -> None:
    for name, module in PEERS.items():
        if find_spec(module) is None:
            print(f"import {name}: not installed")
            continue
        spent = processes({"bare": BARE, "peer": python(f"import {module}")}, PEER_ROUNDS)
        show_over_bare(f"import {name}", spent["peer"], spent["bare"], None)


def main() -> None:
    compile_package()
    spent = processes({"bare": BARE, "import": python("import jackfield"), "registry": REGISTRY}, ROUNDS)
    show_over_bare("import jackfield", spent["import"], spent["bare"], None)
    show_over_bare("core registry built and one id resolved", spent["registry"], spent["bare"], 60)
    show_version()
    show_peers()


if __name__ == "__main__":
    main()
