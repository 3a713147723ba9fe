"""How the benches measure: contenders in turns, medians, and one printed line for each figure.

A machine is never as quiet as it should be. So no figure stands alone: every one is a ratio between two things that
were measured in the same run, taking turns (A B A B), and the raw medians stand beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
MILLISECOND = 1e-3
MICROSECOND = 1e-6
NANOSECOND = 1e-9

_SYMBOLS = {1.0: "s", MILLISECOND: "ms", MICROSECOND: "us", NANOSECOND: "ns"}


def interleaved(
    runs: Mapping[str, Callable[[], object]], rounds: int, before: Callable[[], object] | None = None
) -> dict[str, float]:
    """Return the median time of each run in seconds; in each round every run has one turn, in the order given.

    `before` is called ahead of each turn, outside the measured time.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if before is not None:
                before()
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def processes(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, float]:
    """Return the median time of each command in seconds, from its start to its end, the commands taking turns.

    Every command runs once beforehand, so that files are in the page cache and byte code is written.

    Raises:
        SystemExit: a command failed; there is nothing to measure then.
    """
    runs = {name: partial(_run, command) for name, command in commands.items()}
    for run in runs.values():
        run()
    return interleaved(runs, rounds)


def python(code: str) -> tuple[str, ...]:
    """Return the command that runs `code` in a fresh interpreter."""
    return sys.executable, "-c", code


def child_environment() -> dict[str, str]:
    """Return the environment of this process, without what keeps a child from using byte code."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def compile_package() -> None:
    """Write the byte code of the package, as an installation would."""
    _run((sys.executable, "-m", "compileall", "-q", str(ROOT / "src" / "jackfield")))


def show(name: str, value: str, goal: str | None, raw: str) -> None:
    """Print a figure: its name, what was found, the goal, and the medians it was made from."""
    print(f"{name:<52} {value:>10}   goal {goal or 'none':<12} ({raw})")


def show_ratio(name: str, ours: float, base: float, unit: float, goal: float | None = None, of: str = "base") -> None:
    """Print `ours` over `base`, both in seconds; the raw numbers are told in `unit`."""
    told = f"<= {goal:g}x" if goal is not None else None
    show(name, f"{ours / base:.2f}x", told, f"{in_unit(ours, unit)}, {of} {in_unit(base, unit)}")


def in_unit(seconds: float, unit: float) -> str:
    """Return a time as text, such as `1.25 ms` for 0.00125 in `MILLISECOND`."""
    return f"{seconds / unit:.2f} {_SYMBOLS[unit]}"


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command, env=child_environment(), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
