from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import jackfield

ROOT = Path(jackfield.__file__).parent


def with_examples() -> list[str]:
    """Return the modules of the package that show examples."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(ROOT.parent).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


@pytest.mark.parametrize("name", with_examples())
def test_examples_do_what_they_show(name: str) -> None:
    result = doctest.testmod(import_module(name), raise_on_error=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_modules_known_to_have_examples_are_among_them() -> None:
    expected = {"jackfield.diagnostics", "jackfield.ids", "jackfield.providers.registry"}
    assert expected <= set(with_examples())
