"""Every file of providers/core is one registered block, and a new file needs nothing else to become a provider."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from architecture.source import CORE, SRC, core_module_names, made_at_import, source_files
from jackfield.providers.block import Provider
from jackfield.providers.core import core_providers
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS

MODULES = core_module_names()


def block_of(module: str) -> Provider:
    block: Provider = import_module(f"jackfield.providers.core.{module}").PROVIDER
    return block


def test_there_are_as_many_providers_as_files() -> None:
    assert len(MODULES) == len(core_providers()) == len(ProviderRegistry.with_core().list_providers()) >= 29


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_named_by_its_provider_and_the_registry_holds_its_block(module: str) -> None:
    block = block_of(module)
    assert block.id.replace("-", "_") == module
    assert ProviderRegistry.with_core().resolve_provider(block.id) is block


@pytest.mark.parametrize("module", MODULES)
def test_a_file_holds_exactly_one_block_under_the_name_PROVIDER(module: str) -> None:  # noqa: N802
    names = [name for name, value in vars(import_module(f"jackfield.providers.core.{module}")).items()
             if isinstance(value, Provider)]  # fmt: skip
    assert names == ["PROVIDER"]
    tree = ast.parse((CORE / f"{module}.py").read_text(encoding="utf-8"))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Provider"
    ]
    assert len(calls) == 1
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("module", MODULES)
def test_a_file_holds_data_only(module: str) -> None:
    tree = ast.parse((CORE / f"{module}.py").read_text(encoding="utf-8"))
    code = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.With, ast.Try)
    assert [node for node in ast.walk(tree) if isinstance(node, code)] == []


def expected_views(block: Provider) -> set[str]:
    """Return the views that must have a row for `block`, judged by the fields of the block alone."""
    env = block.env
    client = any(method.oauth and method.oauth.client_env for method in block.auth)
    tagged = block.tags.to_dict() != type(block.tags)().to_dict()
    wanted = {
        "auth-choices": bool(block.auth),
        "env-vars": bool(env.any_of or env.sets or env.settings or env.usage or client),
        "api-key-specs": any(method.key for method in block.auth),
        "legacy-profiles": bool(block.legacy) or any(method.legacy_choices for method in block.auth),
        "advisories": bool(block.advisories),
        "runtime-tags": tagged or block.local or block.implicit_order is not None or block.picker_order is not None,
    }
    return {name for name, has in wanted.items() if has}


@pytest.mark.parametrize("module", MODULES)
def test_a_block_stands_in_the_views_it_should_and_in_no_other(module: str) -> None:
    block, snapshot = block_of(module), ProviderRegistry.with_core().snapshot()
    views = {
        name for name, view in VIEWS.items() if any(row.to_dict()["provider"] == block.id for row in view(snapshot))
    }
    assert views == expected_views(block)


def test_no_registry_and_no_table_is_made_when_the_package_is_imported() -> None:
    assert [str(place) for place in made_at_import(source_files())] == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("TABLE = Table('x')", [1]),
        ("TABLE: Table[int] = Table[int]('x')", [1]),
        ("REGISTRY = registry.ProviderRegistry.with_core()", [1]),
        ("class A:\n    table = Table('x')", [2]),
        ("def f(registry=ProviderRegistry()): ...", [1]),
        ("def f(*, registry=ProviderRegistry()): ...", [1]),
        ("async def f(registry=ProviderRegistry()): ...", [1]),
        ("f = lambda registry=ProviderRegistry(): 0", [1]),
        ("if True:\n    ALL = [Table('x')]", [2]),
        ("@use(Table('x'))\ndef f(): ...", [1]),
        ("def f():\n    return Table('x')", []),
        ("f = lambda: ProviderRegistry()", []),
        ("class A:\n    def f(self):\n        self.table = Table('x')", []),
        ("Table = 1\nx: Table", []),
    ],
)
def test_a_table_made_at_import_is_found(source: str, lines: list[int]) -> None:
    assert [place.line for place in made_at_import({"a.py": ast.parse(source)})] == lines


ACME = '''"""Acme: a provider that one file adds."""

from __future__ import annotations

from jackfield.providers.block import (
    Advisory, ApiKey, AuthMethod, EnvVars, Group, LegacyProfile, Provider, RuntimeTags,
)

PROVIDER = Provider(
    id="acme",
    label="Acme",
    aliases=("acme-ai",),
    base_url="https://api.acme.test/v1",
    api="openai-completions",
    group=Group(id="acme", label="Acme", hint="API key", order=35),
    auth=(
        AuthMethod(
            id="api-key", choice="acme-api-key", kind="api_key", label="Acme API key", runner="api-key", order=95,
            key=ApiKey(prompt="Acme API key", flags=("--acme-api-key",)), profile="acme:default",
        ),
    ),
    env=EnvVars(any_of=("ACME_API_KEY",)),
    legacy=(LegacyProfile(rule="remove", subject="acme:old"),),
    advisories=(Advisory(id="note", title="Acme", text="A note.", when="status"),),
    tags=RuntimeTags(reasoning_tag=True),
)
'''

PROBE = """
import json, sys
import jackfield
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS, choice_groups

registry = ProviderRegistry.with_core()
snapshot = registry.snapshot()
print(json.dumps({
    "from": jackfield.__file__,
    "ids": [each.id for each in registry.list_providers()],
    "alias": registry.resolve_provider(" ACME-AI ").id,
    "owner": str(registry.owner_of("acme")),
    "groups": [each.id for each in choice_groups(snapshot)],
    "views": sorted(name for name, view in VIEWS.items() if any(row.provider == "acme" for row in view(snapshot))),
    "others": {name: [row.to_dict() for row in view(snapshot) if row.provider != "acme"]
               for name, view in VIEWS.items()},
}))
"""


def test_one_new_file_makes_a_provider_in_all_six_views(tmp_path: Path) -> None:
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    new = tmp_path / "src" / "jackfield" / "providers" / "core" / "acme.py"
    new.write_text(ACME, encoding="utf-8")
    # Without site-packages, so that an installed copy of the package cannot be meant.
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert Path(told["from"]).is_relative_to(tmp_path)
    assert told["views"] == sorted(VIEWS)
    assert (told["alias"], told["owner"]) == ("acme", "core")
    core = ProviderRegistry.with_core()
    assert told["ids"] == sorted(["acme", *(each.id for each in core.list_providers())])
    assert told["groups"][:4] == ["openai", "anthropic", "minimax", "acme"]
    assert told["others"] == {name: [row.to_dict() for row in view(core.snapshot())] for name, view in VIEWS.items()}
