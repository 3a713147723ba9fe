"""A layer imports strictly lower layers only, and no two modules need each other."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from architecture.source import PACKAGE, SRC, runtime_imports, source_files

if TYPE_CHECKING:
    from pathlib import Path

ROOT = SRC.parent
RUN = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Check the package below `folder`, which comes before any installed one, against the contracts in `config`."""
    return subprocess.run(
        [sys.executable, "-c", RUN, "--config", str(config), "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_contracts_of_the_project_are_kept() -> None:
    done = lint(SRC, ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_contracts_name_every_part_of_the_package() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(each for each in contracts if each["type"] == "layers" and each["containers"] == ["jackfield"])
    named = {name.strip() for layer in layers["layers"] for name in layer.replace(":", "|").split("|")}
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert layers["exhaustive"] is True
    assert parts - named - {"__init__", "__main__"} == set()


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("providers/planted.py", "from jackfield import credentials"),
        ("errors.py", "import jackfield.table"),
        ("table.py", "from jackfield.providers import registry"),
    ],
)
def test_an_import_of_a_higher_layer_is_found(tmp_path: Path, file: str, line: str) -> None:
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    planted = tmp_path / "src" / "jackfield" / file
    before = planted.read_text(encoding="utf-8") if planted.exists() else ""
    planted.write_text(f"{before}\n\ndef planted() -> None:\n    {line}\n", encoding="utf-8")
    done = lint(tmp_path / "src", ROOT / "pyproject.toml")
    assert done.returncode == 1, done.stdout
    assert "1 broken" in done.stdout


def cycle_of(imports: dict[str, set[str]]) -> list[str]:
    """Return one round of modules that need each other, or nothing."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def test_no_two_modules_need_each_other() -> None:
    assert cycle_of(runtime_imports(source_files())) == []


@pytest.mark.parametrize(
    ("one", "two", "cycle"),
    [
        ("from jackfield import two", "import jackfield.one", True),
        ("def f():\n    import jackfield.two", "from jackfield.one import f", True),
        ("if TYPE_CHECKING:\n    import jackfield.two", "import jackfield.one", False),
        ("import jackfield.two", "import os", False),
    ],
)
def test_modules_that_need_each_other_are_found(one: str, two: str, cycle: bool) -> None:
    imports = runtime_imports({"one.py": ast.parse(one), "two.py": ast.parse(two)})
    assert bool(cycle_of(imports)) is cycle
