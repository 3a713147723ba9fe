"""The rows of each view of the core providers, compared exactly with the files in tests/golden/views."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "update_goldens.py"
GOLDEN = ROOT / "tests" / "golden" / "views"


def golden(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return rows


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_exactly_the_rows_of_its_golden_file(name: str) -> None:
    rows = [row.to_dict() for row in VIEWS[name](ProviderRegistry.with_core().snapshot())]
    wanted = golden(name)
    assert [row for row in rows if row not in wanted] == []
    assert [row for row in wanted if row not in rows] == []
    assert rows == wanted
    assert [list(row) for row in rows] == [list(row) for row in wanted]


def test_every_view_has_a_golden_file_and_every_file_a_view() -> None:
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(VIEWS)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_files_are_as_the_command_writes_them() -> None:
    done = run("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_command_writes_missing_files_mends_changed_ones_and_removes_strays(tmp_path: Path) -> None:
    main = runpy.run_path(str(SCRIPT))["main"]
    where = ["--folder", str(tmp_path / "views")]
    assert main(["--check", *where]) == 1
    assert not (tmp_path / "views").exists()
    assert main(where) == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / "views").iterdir()}
    assert written == {path.name: path.read_bytes() for path in GOLDEN.iterdir()}
    (tmp_path / "views" / "advisories.json").write_text("[]\n", encoding="utf-8")
    (tmp_path / "views" / "gone.json").write_text("[]\n", encoding="utf-8")
    (tmp_path / "views" / "env-vars.json").unlink()
    assert main(["--check", *where]) == 1
    assert main(where) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "views").iterdir()} == written


def test_the_command_tells_what_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(SCRIPT))["main"]
    assert main(["--folder", str(tmp_path)]) == 0
    capsys.readouterr()
    (tmp_path / "advisories.json").write_text("[]\n", encoding="utf-8")
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "out of date: advisories.json\n"


def test_rows_stand_one_on_a_line() -> None:
    lines = (GOLDEN / "advisories.json").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(golden("advisories")) + 2
    assert runpy.run_path(str(SCRIPT))["render_rows"]([]) == "[]\n"
