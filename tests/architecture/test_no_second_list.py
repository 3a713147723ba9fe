"""No second list of providers: a provider's name stands as a literal in its own block's file and nowhere else."""

from __future__ import annotations

import ast

import pytest

from architecture.source import provider_names_outside, source_files
from jackfield.providers.core import core_providers

HOMES = {
    name: f"providers/core/{each.id.replace('-', '_')}.py"
    for each in core_providers()
    for name in (each.id, *each.aliases)
}


def test_every_name_of_a_core_provider_has_a_home_among_the_source_files() -> None:
    assert set(HOMES.values()) <= set(source_files())
    assert len(HOMES) >= 29 + 4


def test_no_name_of_a_provider_stands_outside_its_block() -> None:
    assert [str(place) for place in provider_names_outside(source_files(), HOMES)] == []


def test_a_name_planted_anywhere_in_the_package_is_found() -> None:
    trees = source_files()
    for file, tree in trees.items():
        own = [name for name, home in HOMES.items() if home == file]
        name = "venice" if "venice" not in own else "groq"
        planted = ast.parse(f"def planted(x):\n    return x == {name!r}\n").body
        changed = ast.Module(body=[*tree.body, *planted], type_ignores=[])
        found = provider_names_outside({file: changed}, HOMES)
        assert [place.text for place in found] == ([] if file.startswith("voice/") else [repr(name)]), file


@pytest.mark.parametrize(
    ("file", "source", "found"),
    [
        ("app.py", "x = 'openai'", ["'openai'"]),
        ("app.py", "x = {'zai': 1, 'z.ai': 2}", ["'zai'", "'z.ai'"]),
        ("app.py", "match x:\n    case 'groq': pass", ["'groq'"]),
        ("app.py", "def f(name='xai'): ...", ["'xai'"]),
        ("app.py", "'''openai'''", ["'openai'"]),
        ("app.py", "'''Talks to openai and groq.'''", []),
        ("app.py", "x = 'openai-completions'", []),
        ("app.py", "x = f'{y}/openai'", []),
        ("app.py", "x = f'{y}openai'", ["'openai'"]),
        ("app.py", "x = 'OpenAI'", []),
        ("app.py", "x = b'openai'", []),
        ("app.py", "import openai\nfrom groq import Groq", []),
        ("app.py", "import_module('openai')", []),
        ("app.py", "importlib.util.find_spec('groq')", []),
        ("app.py", "import_module(package, 'openai')", ["'openai'"]),
        ("app.py", "f(api='google-vertex')", []),
        ("app.py", "f(style='google-vertex')", ["'google-vertex'"]),
        ("app.py", "f(api_rules={'a*': 'google-gemini-cli'})", []),
        ("app.py", "f(api_rules=FrozenMap({'a*': 'google-gemini-cli'}))", []),
        ("app.py", "f(api_rules={'google-vertex': 'cli'})", ["'google-vertex'"]),
        ("app.py", "ApiStyle = Literal['google-vertex']", ["'google-vertex'"]),
        ("providers/block.py", "ApiStyle = Literal['google-vertex', 'google-gemini-cli']", []),
        ("providers/block.py", "Other = Literal['google-vertex']", ["'google-vertex'"]),
        ("providers/core/openai.py", "x = 'openai'", []),
        ("providers/core/openai.py", "x = 'openai-codex'", ["'openai-codex'"]),
        ("providers/core/zai.py", "x = ('zai', 'z.ai', 'z-ai')", []),
        ("voice/core/openai.py", "x = 'openai'", []),
        ("invoice/core.py", "x = 'openai'", ["'openai'"]),
    ],
)
def test_what_counts_as_a_name_outside_its_block(file: str, source: str, found: list[str]) -> None:
    assert [place.text for place in provider_names_outside({file: ast.parse(source)}, HOMES)] == found


def test_a_finding_is_told_with_file_and_line() -> None:
    (place,) = provider_names_outside({"cli/root.py": ast.parse("\n\nx = 'groq'")}, HOMES)
    assert str(place) == "cli/root.py:3: 'groq'"
