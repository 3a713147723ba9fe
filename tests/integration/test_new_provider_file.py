"""One new file in providers/core is a whole provider: whatever shows providers shows it, and nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jackfield.providers.views import VIEWS
from support.cli import RIGHT_KEY, Cli, model_server, sent_key

PROJECT = Path(__file__).parents[2]

BLOCK = '''"""Acme: models that are made up, for a test."""

from __future__ import annotations

from jackfield.providers.block import (
    Advisory, ApiKey, AuthMethod, Check, Cost, EnvVars, Group, LegacyProfile, Model, Provider, RuntimeTags,
)

PROVIDER = Provider(
    id="acme",
    label="Acme Models",
    aliases=("acme-ai",),
    base_url="https://api.acme.test/v1",
    api="openai-completions",
    group=Group(id="acme", label="Acme", hint="API key", order=999),
    auth=(
        AuthMethod(
            id="api-key",
            choice="acme-api-key",
            kind="api_key",
            label="Acme API key",
            runner="api-key",
            legacy_choices=("acme-old",),
            key=ApiKey(prompt="Acme API key", flags=("--acme-api-key",), field="acmeApiKey"),
            profile="acme:default",
        ),
    ),
    env=EnvVars(any_of=("ACME_API_KEY",)),
    verify=Check("{base}/models"),
    models=(Model("acme-1", "Acme One", 100_000, 4_096, cost=Cost(1, 2)),),
    default_model="acme/acme-1",
    legacy=(LegacyProfile(rule="remove", subject="acme:old"),),
    advisories=(Advisory(id="hello", title="Acme", text="Acme is made up.", when="before-login"),),
    tags=RuntimeTags(reasoning_tag=True),
)
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's source with one more file."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "scripts", copy / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "src" / "jackfield" / "providers" / "core" / "acme.py").write_text(BLOCK, encoding="utf-8")
    return copy


@pytest.fixture
def cli(tmp_path: Path, project: Path) -> Cli:
    found = Cli(tmp_path, {"PYTHONPATH": str(project / "src")})
    # The copy is not the source whose coverage is measured.
    found.env = {name: value for name, value in found.env.items() if not name.startswith("COVERAGE_")}
    return found


@pytest.fixture
def plain(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_the_copy_is_what_runs(cli: Cli, project: Path) -> None:
    code = "import jackfield; print(jackfield.__file__)"

    done = subprocess.run([sys.executable, "-c", code], env=cli.env, capture_output=True, text=True, timeout=60)

    assert Path(done.stdout.strip()).is_relative_to(project)


EXPECTED: dict[str, dict[str, Any]] = {
    "auth-choices": {"choice": "acme-api-key", "group_label": "Acme", "label": "Acme API key", "runner": "api-key"},
    "env-vars": {"name": "ACME_API_KEY", "role": "credential", "rule": "any-of"},
    "api-key-specs": {"choice": "acme-api-key", "flags": ["--acme-api-key"], "default_model": "acme/acme-1"},
    "legacy-profiles": {"rule": "remove", "subject": "acme:old"},
    "advisories": {"id": "hello", "when": "before-login", "text": "Acme is made up."},
    "runtime-tags": {"tag": "reasoning-tag", "value": True},
}


@pytest.mark.parametrize("view", EXPECTED)
def test_every_view_has_its_rows_and_the_others_stay(cli: Cli, plain: Cli, view: str) -> None:
    rows = cli.run("providers", "view", view, "--json").json
    before = plain.run("providers", "view", view, "--json").json

    own = [each for each in rows if each["provider"] == "acme"]
    assert any(EXPECTED[view].items() <= each.items() for each in own)
    assert [each for each in rows if each["provider"] != "acme"] == before


def test_every_view_is_looked_at() -> None:
    assert list(EXPECTED) == list(VIEWS)


def test_the_list_of_providers_has_it(cli: Cli) -> None:
    rows = {each["id"]: each for each in cli.run("providers", "list", "--json").json}

    assert rows["acme"] == {"id": "acme", "label": "Acme Models", "owner": "core", "aliases": ["acme-ai"]}


def test_the_help_of_login_has_its_id_its_choice_and_its_flag(cli: Cli) -> None:
    lines = [line.split() for line in cli.run("login", "--help").out.splitlines()]

    assert ["acme", "acme-api-key"] in lines
    assert ["--acme-api-key", "KEY"] in [line[:2] for line in lines]


def test_status_and_completion_know_it(cli: Cli) -> None:
    (status,) = cli.run("status", "acme-ai", "--json").json["providers"]
    env = {"_JACKFIELD_COMPLETE": "bash_complete", "COMP_WORDS": "jackfield login acme", "COMP_CWORD": "2"}

    assert (status["state"], status["reason"]) == (
        "not_configured",
        "Run jackfield login acme, or set ACME_API_KEY.",
    )
    assert cli.run(env=env).out == "plain,acme\nplain,acme-ai\nplain,acme-api-key\n"


@pytest.mark.parametrize(
    "args", [("acme", "--acme-api-key", RIGHT_KEY), ("acme-old", "--key-stdin"), ("--acme-api-key", RIGHT_KEY)]
)
def test_it_can_be_logged_in_to(cli: Cli, args: tuple[str, ...]) -> None:
    with model_server(RIGHT_KEY) as server:
        base = ("--base-url", f"{server.url}/v1", "--set-default", "--json")
        result = cli.run("login", *args, *base, stdin=RIGHT_KEY if "--key-stdin" in args else "")

    assert result.json["profiles"] == ["acme:default"]
    assert (result.json["verified"], result.json["default_model"]) == (True, "acme/acme-1")
    assert [sent_key(each) for each in server.requests] == [RIGHT_KEY]
    assert result.err == "Acme: Acme is made up.\n"


def test_the_reference_pages_have_it(cli: Cli, project: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(project / "scripts" / "generate_docs.py"), "--output", str(tmp_path / "pages")]

    done = subprocess.run(command, env=cli.env, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    providers = (tmp_path / "pages" / "providers.md").read_text(encoding="utf-8")
    commands = (tmp_path / "pages" / "cli.md").read_text(encoding="utf-8")
    for text in ("Acme Models", "acme-api-key", "ACME_API_KEY", "acme-1"):
        assert text in providers
    assert "--acme-api-key" in commands


def test_a_file_that_claims_a_taken_name_is_an_error_that_names_both(cli: Cli, project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "src"
    shutil.copytree(project / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    block = BLOCK.replace('aliases=("acme-ai",)', 'aliases=("openai",)')
    (copy / "jackfield" / "providers" / "core" / "acme.py").write_text(block, encoding="utf-8")

    result = cli.run("providers", "list", "--json", env={"PYTHONPATH": os.fspath(copy)})

    assert (result.status, result.code) == (1, "registry.duplicate")
    assert "'acme'" in result.error["message"]
    assert "'openai'" in result.error["message"]
    assert json.dumps(result.error["diagnostics"]).count("core") >= 2
