"""The generated pages are fresh, whole, and say what the program says."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import click
import pytest

from docs.pages import PROJECT, rows_below, run_command
from jackfield import Cost, EnvSet, EnvVars, Model, Provider, ProviderRegistry
from jackfield.cli.reference import HELP_WIDTH, command_page, markdown_table, provider_page, walk_commands
from jackfield.cli.root import root
from jackfield.errors import JackfieldError
from jackfield.providers.views import api_key_specs, auth_choices, env_vars

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

REFERENCE = PROJECT / "docs" / "reference"
GENERATED = ("providers.md", "cli.md", "errors.md")


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PROJECT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks its own module up
    spec.loader.exec_module(module)
    return module


GENERATE = load_script("generate_docs")
DRAW = load_script("draw_status")


def run_script(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "scripts" / f"{name}.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def find_codes(folder: Path, source: str) -> dict[str, set[int]]:
    folder.mkdir(exist_ok=True)
    (folder / "module.py").write_text(source, encoding="utf-8")
    own = {each.default_code for each in all_errors()}
    return {each.name: each.statuses for each in GENERATE.find_codes(folder) if each.name not in own}


def all_errors() -> set[type[JackfieldError]]:
    found: set[type[JackfieldError]] = set()
    waiting: list[type[JackfieldError]] = [JackfieldError]
    while waiting:
        each = waiting.pop()
        found.add(each)
        waiting += each.__subclasses__()
    return {each for each in found if each.__module__ == "jackfield.errors"}


# Fresh


def test_the_generated_pages_are_what_the_script_writes() -> None:
    ended = run_script("generate_docs", "--check")
    assert (ended.stdout, ended.returncode) == ("", 0)


def test_a_stale_page_is_told_with_a_diff_and_exit_status_1(tmp_path: Path) -> None:
    for name in GENERATED:
        (tmp_path / name).write_text(page(name).replace("# Commands", "# Orders"), encoding="utf-8")
    before = (tmp_path / "cli.md").read_bytes()
    ended = run_script("generate_docs", "--check", "--output", str(tmp_path))
    assert ended.returncode == 1
    assert "-# Orders\n+# Commands\n" in ended.stdout
    assert "providers.md" not in ended.stdout
    assert (tmp_path / "cli.md").read_bytes() == before


def test_a_missing_page_is_stale_and_a_fresh_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("two\n", encoding="utf-8")
    told = GENERATE.differences(tmp_path, {"a.md": "one\n", "b.md": "two\n"})
    assert told == "--- a.md (present)\n+++ a.md (wanted)\n@@ -0,0 +1 @@\n+one\n"
    assert not (tmp_path / "a.md").exists()


def test_writing_makes_the_folder_and_gives_the_same_bytes_as_before(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "reference"
    assert GENERATE.main(["--output", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(GENERATED)
    for name in GENERATED:
        assert (folder / name).read_bytes() == (REFERENCE / name).read_bytes()


@pytest.mark.parametrize("columns", ["40", "300"])
def test_the_help_pages_do_not_depend_on_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = command_page(root, "jackfield")
    assert text == page("cli.md")
    shown = text.split("## jackfield\n", 1)[1]
    assert max(len(line) for line in shown.splitlines()) <= HELP_WIDTH


# The picture


def test_the_picture_is_what_the_script_draws_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "dumb")
    assert (PROJECT / "docs" / "status.svg").read_text(encoding="utf-8") == DRAW.draw()


def test_a_stale_picture_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "status.svg"
    assert DRAW.main(["--output", str(target), "--check"]) == 1
    assert "is stale" in capsys.readouterr().out
    assert not target.exists()
    assert DRAW.main(["--output", str(target)]) == 0
    assert DRAW.main(["--output", str(target), "--check"]) == 0


def test_the_picture_is_whole_and_loads_nothing_from_elsewhere() -> None:
    tree = ET.fromstring(DRAW.draw())
    text = "".join(tree.itertext()).replace("\u00a0", " ")
    for row in DRAW.ROWS:
        assert ProviderRegistry.with_core().resolve_provider(row.id).label in text
    for state in ("✓ verified", "✗ failing", "✓ reachable", "○ unreachable"):
        assert state in text
    addresses = [value for each in tree.iter() for name, value in each.attrib.items() if name.endswith("href")]
    assert addresses == []
    assert "@import" not in text
    assert "url(http" not in text


# Commands


def all_commands() -> dict[str, click.Context]:
    return dict(walk_commands(root, "jackfield"))


def test_every_command_that_there_is_has_its_help_in_the_reference() -> None:
    text = page("cli.md")
    assert set(all_commands()) >= {"jackfield", "jackfield login", "jackfield auth list", "jackfield providers view"}
    for path in all_commands():
        assert f"\n## {path}\n\n```text\nUsage: {path} " in text


@pytest.mark.parametrize("path", sorted(all_commands()))
def test_the_reference_lists_every_option_that_the_program_itself_shows(path: str) -> None:
    status, shown = run_command([*path.split(" ")[1:], "--help"])
    assert status == 0
    section = page("cli.md").split(f"\n## {path}\n", 1)[1].split("\n## ", 1)[0]
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE))
    assert options
    assert {each for each in options if each not in section} == set()


def test_hidden_commands_and_their_members_are_left_out() -> None:
    @click.group()
    def top() -> None:
        """Top."""

    @top.group()
    def seen() -> None:
        """Seen."""

    @seen.command()
    def inner() -> None:
        """Say something inner."""

    @top.command(hidden=True)
    def unseen() -> None:
        """Unseen."""

    assert [path for path, _ in walk_commands(top, "top")] == ["top", "top seen", "top seen inner"]
    text = command_page(top, "top")
    assert "## top seen inner\n\n```text\nUsage: top seen inner [OPTIONS]\n\n  Say something inner." in text
    assert "unseen" not in text


# Providers


def test_every_provider_has_a_row_a_section_and_its_choices_flags_and_variables() -> None:
    text, snapshot = page("providers.md"), ProviderRegistry.with_core().snapshot()
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    assert set(sections) == {each.id for each in snapshot.values()}
    for provider in snapshot.values():
        assert f"| [{provider.id}](#{provider.id}) |" in text
        for alias in provider.aliases:
            assert f"`{alias}`" in sections[provider.id]
    for choice in auth_choices(snapshot):
        assert f"| `{choice.choice}` |" in sections[choice.provider]
    for spec in api_key_specs(snapshot):
        assert not spec.flags or f"`{spec.flags[0]}`" in sections[spec.provider]
    for variable in env_vars(snapshot):
        assert f"| `{variable.name}` | {variable.role} |" in sections[variable.provider]


def test_every_model_is_listed_with_its_sizes_and_prices() -> None:
    rows = {row[0]: row for row in rows_below(page("providers.md"), "openai")}
    assert rows, "the table of login choices comes first"
    for provider in ProviderRegistry.with_core().list_providers():
        section = page("providers.md").split(f"\n## {provider.id}\n", 1)[1].split("\n## ", 1)[0]
        listed = [line for line in section.splitlines() if line.count("|") == 9 and line.startswith("| `")]
        assert [line.split("|")[1].strip(" `") for line in listed] == [each.id for each in provider.models]


def small_registry(*providers: Provider) -> Any:
    registry = ProviderRegistry()
    registry.register_providers(providers)
    return registry.snapshot()


ACME = Provider(
    id="acme",
    label="Acme | Sons",
    aliases=("acme-ai",),
    base_url="https://api.acme.example/v1",
    api="openai-completions",
    env=EnvVars(any_of=("ACME_KEY",), sets=(EnvSet(all_of=("ACME_USER",), any_of=("ACME_A", "ACME_B")),)),
    models=(
        Model("free", "Free", 1000, 10),
        Model("paid", "Paid", 1_000_000, 65_536, ("text", "image"), Cost(1.5, 0, 0.075)),
    ),
)


def test_the_page_of_providers_holds_exact_facts() -> None:
    text = provider_page(small_registry(ACME))
    assert "The 1 core providers, with 2 models." in text
    assert (
        "| [acme](#acme) | Acme \\| Sons | `acme-ai` | `https://api.acme.example/v1` | `openai-completions` | "
        "`ACME_KEY`, `ACME_USER`, `ACME_A`, `ACME_B` | `api_key` | 2 |" in text
    )
    assert "- login: `jackfield login acme` takes an API key" in text
    assert "| `ACME_USER` | credential | all-of (set 1) | `api_key` | - |" in text
    assert "| `ACME_B` | credential | one-of (set 1) | `api_key` | - |" in text
    assert "| `free` | 1,000 | 10 | text | - | - | - | - |" in text
    assert "| `paid` | 1,000,000 | 65,536 | text, image | 1.5 | 0 | 0.075 | 0 |" in text


def test_the_page_of_providers_does_not_depend_on_the_order_of_registration() -> None:
    other = Provider(id="zeta", label="Zeta", env=EnvVars(any_of=("ACME_KEY",)))
    one, two = provider_page(small_registry(ACME, other)), provider_page(small_registry(other, ACME))
    assert one == two
    assert "| `ACME_KEY` | credential | any-of | `api_key` | `zeta` |" in one


def test_a_provider_without_endpoint_models_or_logins_shows_dashes() -> None:
    text = provider_page(small_registry(Provider(id="bare", label="Bare")))
    assert "| [bare](#bare) | Bare | - | - | - | - | - | - |" in text
    assert "## bare\n\n- label: Bare\n- base URL: -\n- API style: -\n" in text


def test_a_cell_cannot_break_its_table() -> None:
    assert markdown_table(("a", "b"), [("x|y", "1\n2")]) == "| a | b |\n|---|---|\n| x\\|y | 1 2 |"


# Errors


def test_every_code_that_stands_in_the_source_is_in_the_reference() -> None:
    listed = {line.split("`")[1] for line in page("errors.md").splitlines() if line.startswith("| `")}
    literal: set[str] = set()
    for path in (PROJECT / "src" / "jackfield").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                literal.add(str(node.value.value))
    assert literal - listed == set()
    assert {each.default_code for each in all_errors()} - listed == set()
    assert len(listed) > 100


def test_exit_statuses_are_those_of_the_classes() -> None:
    statuses = {
        cells[1]: cells[3]
        for line in page("errors.md").splitlines()
        if line.startswith("| `")
        for cells in (line.replace("|", "`").split("`"),)
        for cells in ([each.strip() for each in (cells[0], cells[2], cells[3], cells[4])],)
    }
    for each in all_errors():
        assert statuses[each.default_code] == str(each.exit_status)
    assert statuses["registry.unknown"] == "2"
    assert statuses["credential.refused"] == "1"
    assert statuses["url.insecure"] == "2"
    assert statuses["config.type"] == "-"


SAME_FUNCTION = """
def a(f):
    Diagnostic("url.a", "")
def b(f):
    g = Diagnostic("url.b", "")
    raise RequestError("x", code=g.code)
"""
OWN_PREFIX = """
class T:
    def __init__(self, kind, code="registry"):
        self._code = code
    def f(self):
        raise RequestError("x", code=f"{self._code}.gone")
"""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise StoreError("x", code="store.one")', {"store.one": {1}}),
        ('raise errors.RequestError("x", code="store.one")', {"store.one": {2}}),
        ('raise StoreError(f"{x}", code="store.one", fix="store.two")', {"store.one": {1}, "store.two": set()}),
        ('found.append(Diagnostic("store.two", "x"))', {"store.two": set()}),
        ('found.append(Diagnostic(code="store.two", message="x"))', {"store.two": set()}),
        ('_fault(faults, "url.one", "text")', {}),
        ('Diagnostic("url.two", "x")\n_fault(faults, "url.one", "text")', {"url.two": set(), "url.one": set()}),
        ('open("credentials.db")', {}),
        ('open("auth.json")', {}),
        (
            'def a(f):\n    add(f, Diagnostic("url.a", ""))\ndef b(f):\n    raise RequestError("x", code=f[0].code)',
            {"url.a": {2}},
        ),
        (SAME_FUNCTION, {"url.a": set(), "url.b": {2}}),
        (OWN_PREFIX, {"registry.gone": {2}}),
        ("", {}),
    ],
)
def test_codes_are_found_wherever_they_are_written(source: str, found: dict[str, set[int]], tmp_path: Path) -> None:
    assert find_codes(tmp_path / "package", source) == found


@pytest.mark.parametrize(
    ("families", "meanings", "told"),
    [
        ("store", 'store = "x"', "without a meaning: store.one"),
        ("store", 'store = "x"\n"store.one" = "x"\n"store.gone" = "x"', "nowhere raised: store.gone"),
        ("shop", 'store = "x"\n"store.one" = "x"', "family without a heading: store"),
    ],
)
def test_a_code_without_a_meaning_or_the_other_way_round_stops_the_script(
    families: str, meanings: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "meanings.toml"
    table.write_text(f'[families]\n{families} = "x"\n[meanings]\n{meanings}\n', encoding="utf-8")
    monkeypatch.setattr(GENERATE, "MEANINGS", table)
    codes = [GENERATE.Code("store", {1}), GENERATE.Code("store.one", {1})]
    with pytest.raises(SystemExit) as ended:
        GENERATE.error_page(codes)
    assert told in str(ended.value)
