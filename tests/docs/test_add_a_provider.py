"""The page for maintainers is true: its one file, put into a copy of the package, is a provider everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from docs.pages import PROJECT, clean_environment, fences

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs" / "how-to" / "add-a-provider.md"
# The reference page is rendered in the copy, too: it is derived like everything else.
RENDER = """
from jackfield.cli.reference import provider_page
from jackfield.providers.registry import ProviderRegistry
print(provider_page(ProviderRegistry.with_core().snapshot()))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the page's block in it."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "src" / "jackfield", folder / "jackfield", ignore=ignored)
    block = next(each.text for each in fences(PAGE.read_text(encoding="utf-8")) if each.info == "python")
    (folder / "jackfield" / "providers" / "core" / "acme.py").write_text(block, encoding="utf-8")
    return folder


def run(copy: Path, *args: str, code: str | None = None) -> str:
    # A copy that is measured would count as source that no test covers.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env = clean_environment(copy / "home", unmeasured) | {"PYTHONPATH": str(copy), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, *(("-c", code) if code else ("-m", "jackfield", *args))]
    ended = subprocess.run(command, env=env, cwd=copy, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def rows(copy: Path, view: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(copy, "providers", "view", view, "--provider", "acme", "--json"))
    return found


def test_the_block_is_listed_and_resolved_by_its_alias(copy: Path) -> None:
    listed = json.loads(run(copy, "providers", "list", "--json"))
    assert {"id": "acme", "label": "Acme", "owner": "core", "aliases": ["acme-ai"]} in listed
    assert json.loads(run(copy, "explain", "ACME-AI", "--json"))["provider"] == "acme"


def test_the_block_is_in_every_view_that_it_has_something_for(copy: Path) -> None:
    assert [row["choice"] for row in rows(copy, "auth-choices")] == ["acme-api-key"]
    assert [row["name"] for row in rows(copy, "env-vars")] == ["ACME_API_KEY"]
    assert [(row["flags"], row["prefix"], row["min_length"]) for row in rows(copy, "api-key-specs")] == [
        (["--acme-api-key"], "acme-", 20)
    ]
    assert [row["when"] for row in rows(copy, "advisories")] == ["after-login"]
    assert [row["tag"] for row in rows(copy, "runtime-tags")] == ["reasoning-tag"]
    assert rows(copy, "legacy-profiles") == []


def test_the_help_of_login_has_its_flag_and_its_choice(copy: Path) -> None:
    text = run(copy, "login", "--help")
    assert "--acme-api-key KEY" in text
    line = next(line for line in text.splitlines() if line.split()[:1] == ["acme"])
    assert line.split() == ["acme", "acme-api-key"]


def test_the_reference_page_has_its_section(copy: Path) -> None:
    section = run(copy, code=RENDER).split("\n## acme\n", 1)[1].split("\n## ", 1)[0]
    assert "| `acme-api-key` | Acme API key | `api_key` | `--acme-api-key` | `acme:default` | - |" in section
    assert "| `ACME_API_KEY` | credential | any-of | `api_key` | - |" in section
    assert "| `anvil-2` | 200,000 | 16,384 | text, image | 1.5 | 6 | 0.15 | 0 |" in section


def test_without_the_file_nothing_knows_of_it(copy: Path) -> None:
    for path in (PROJECT / "src" / "jackfield").rglob("*.py"):
        assert "ACME_API_KEY" not in path.read_text(encoding="utf-8")
