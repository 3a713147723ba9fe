"""Mutants of the guard: one check at a time is removed or turned round, and the guard's tests must notice.

`python tests/mutation/guard.py` tries every mutant and prints the ones that no test notices. Each mutant is compiled in
this process in the place of the real module; the tests are the guard's own, run as plain functions.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import io
import itertools
import sys
import time
import types
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
# In the order of their imports.
MODULES = (
    "jackfield.config.host",
    "jackfield.config.values",
    "jackfield.config.guard.intake",
    "jackfield.config.guard.hostile",
    "jackfield.config.guard.findings",
    "jackfield.config.guard.leaves",
    "jackfield.config.guard.merge",
    "jackfield.config.guard.names",
    "jackfield.config.guard.connection",
    "jackfield.config.guard.fields",
    "jackfield.config.guard.doors",
    "jackfield.config.guard.outcome",
    "jackfield.config.guard.view",
    "jackfield.config.plan",
)
TESTS = (
    "unit/config/guard/test_rules.py",
    "unit/config/guard/test_intake.py",
    "unit/config/test_plan.py",
    "unit/config/test_host.py",
    "unit/config/test_values.py",
    "contract/test_guard_corpus.py",
    "contract/test_guard_regressions.py",
)
FINDINGS = {"refuse", "_refuse", "report", "_report", "strip", "wrong_type", "ask"}
FLIPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}

# Mutants that change nothing anybody can see, by "module: what it does", with the reason.
EQUIVALENT: dict[str, str] = {}


class Mutant:
    """One change of one module."""

    def __init__(self, module: str, line: int, what: str, tree: ast.Module) -> None:
        self.module = module
        self.line = line
        self.what = what
        self.tree = tree

    @property
    def key(self) -> str:
        """What names the mutant whatever line it is on."""
        return f"{self.module.removeprefix('jackfield.config.')}: {self.what}"

    def __str__(self) -> str:
        return f"{self.key} (line {self.line})"


def path_of(module: str) -> Path:
    """Return the file of a module."""
    return SOURCE.joinpath(*module.split(".")).with_suffix(".py")


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    for place, node in enumerate(ast.walk(tree)):
        for number, (what, _) in enumerate(_changes(node)):
            mutated = copy.deepcopy(tree)
            target = next(itertools.islice(ast.walk(mutated), place, None))
            _changes(target)[number][1]()
            yield Mutant(module, getattr(node, "lineno", 0), what, ast.fix_missing_locations(mutated))


def _changes(node: ast.AST) -> list[tuple[str, Callable[[], None]]]:
    """Return what can be changed at a node, each with a function that does it in place."""
    if isinstance(node, ast.Expr) and _is_finding(node.value):
        return [(f"drops {ast.unparse(node)[:70]}", lambda: _into_nothing(node))]
    if isinstance(node, ast.Raise):
        return [(f"drops {ast.unparse(node)[:70]}", lambda: _into_nothing(node))]
    if isinstance(node, ast.Return) and node.value is not None and _is_finding(node.value):
        return [(f"returns nothing for {ast.unparse(node.value)[:60]}", lambda: setattr(node, "value", _silent(node)))]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPS:
        return [(f"turns round {ast.unparse(node)[:70]}", lambda: _flip(node))]
    if isinstance(node, (ast.If, ast.IfExp)) and isinstance(node.test, (ast.Call, ast.Name, ast.Attribute)):
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return []
        inverse = ast.UnaryOp(ast.Not(), node.test)
        return [(f"turns round if {ast.unparse(node.test)[:70]}", lambda: setattr(node, "test", inverse))]
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return [(f"joins otherwise {ast.unparse(node)[:90]}", lambda: setattr(node, "op", other))]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        twice = ast.UnaryOp(ast.Not(), node.operand)
        return [(f"drops the not of {ast.unparse(node)[:70]}", lambda: setattr(node, "operand", twice))]
    return []


def _is_finding(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in FINDINGS or (name == "append" and "Refusal" in ast.unparse(node))


def _into_nothing(node: ast.stmt) -> None:
    node.__class__ = ast.Pass


def _silent(node: ast.Return) -> ast.expr:
    """Return what stands for "nothing found" in the place of a call."""
    return ast.parse("()" if "ask(" in ast.unparse(node) else "value", mode="eval").body


def _flip(node: ast.Compare) -> None:
    node.ops[0] = FLIPS[type(node.ops[0])]()


def install(mutant: Mutant | None) -> None:
    """Load the guard's modules anew, one of them as the mutant."""
    for name in MODULES:
        sys.modules.pop(name, None)
    for name in MODULES:
        if mutant is None or mutant.module != name:
            importlib.import_module(name)
            continue
        module = types.ModuleType(name)
        module.__file__ = str(path_of(name))
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        setattr(importlib.import_module(parent), last, module)
        exec(compile(mutant.tree, str(path_of(name)), "exec"), module.__dict__)


def load_tests() -> list[types.ModuleType]:
    """Load the guard's tests anew, so that they test the modules that are installed."""
    sys.modules.pop("fuzz.guard", None)
    found = []
    for number, name in enumerate(TESTS):
        path = ROOT / "tests" / name
        module = types.ModuleType(f"mutation_test_{number}")
        module.__file__ = str(path)
        exec(_compiled(path), module.__dict__)
        found.append(module)
    return found


_CODE: dict[Path, types.CodeType] = {}


def _compiled(path: Path) -> types.CodeType:
    if path not in _CODE:
        _CODE[path] = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    return _CODE[path]


def calls(module: types.ModuleType) -> Iterator[Callable[[], object]]:
    """Yield every test of a module, once for each row of its tables."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or "takes_longer" in name:
            continue
        tables = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        rows = [_rows(mark) for mark in tables]
        for row in itertools.product(*rows):
            arguments = {key: item for part in row for key, item in part.items()}
            yield partial(test, **arguments)


def _rows(mark: Any) -> list[dict[str, Any]]:
    names = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
    return [dict(zip(names, row if len(names) > 1 else (row,), strict=True)) for row in mark.args[1]]


def is_noticed(mutant: Mutant | None) -> bool:
    """Tell whether some test fails with the mutant in place (None: with the guard as it is)."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            install(mutant)
            for module in load_tests():
                for call in calls(module):
                    call()
    except BaseException as error:  # whatever a mutant does, it is noticed
        if isinstance(error, KeyboardInterrupt):
            raise
        return True
    return False


def run(chosen: list[Mutant]) -> list[Mutant]:
    """Return the mutants that no test notices and that are not known to be equivalent; the guard is as before."""
    kept = {name: sys.modules.get(name) for name in (*MODULES, "fuzz.guard")}
    try:
        return [each for each in chosen if each.key not in EQUIVALENT and not is_noticed(each)]
    finally:
        for name, module in kept.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
                parent, _, last = name.rpartition(".")
                setattr(importlib.import_module(parent), last, module)


def main() -> int:
    """Try every mutant; the exit status is 1 when some survive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", default="", help="only modules whose name has this in it")
    parser.add_argument("--show", action="store_true", help="print each mutant as it is tried")
    options = parser.parse_args()
    chosen = [each for name in MODULES if options.module in name for each in mutants(name)]
    began = time.perf_counter()
    left = []
    for each in chosen:
        survived = run([each])
        left += survived
        if options.show or survived:
            print(("SURVIVES " if survived else "noticed  ") + str(each), flush=True)
    known = sum(each.key in EQUIVALENT for each in chosen)
    print(f"{len(chosen)} mutants, {known} known to be equivalent, {len(left)} survive", end=", ")
    print(f"{time.perf_counter() - began:.0f} s")
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
