"""Voice and the model providers are independent: neither imports the other, and voice imports lower layers only."""

from __future__ import annotations

import ast

import pytest

from architecture.source import PACKAGE, runtime_imports, source_files

MAY_IMPORT = frozenset(
    {"records", "diagnostics", "errors", "ids", "table", "parts", "_files", "net", "process", "voice"}
)
INNER = (
    "block", "registry", "server", "core", "settings", "environment", "endpoints", "defaults", "selection", "looks",
    "status", "functions",
)  # fmt: skip
"""The modules of this domain, each importing only those before it; the registry loads `core` when it is asked to."""
# Who sees both domains.
ABOVE = frozenset({"app", "cli", "gateway", "mcp", "status", "doctor", "testing", "__main__"})


def parts_of(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return, by part of the package (`net`, `voice`), the parts that it imports."""
    found: dict[str, set[str]] = {}
    for module, wanted in imports.items():
        own = module.split(".")[1:2]
        for each in wanted:
            other = each.split(".")[1:2]
            if own and other and own != other:
                found.setdefault(own[0], set()).update(other)
    return found


def test_voice_imports_lower_layers_only() -> None:
    assert parts_of(runtime_imports(source_files()))["voice"] - MAY_IMPORT == set()


def test_voice_is_imported_by_those_that_see_both_domains_only() -> None:
    users = {part for part, wanted in parts_of(runtime_imports(source_files())).items() if "voice" in wanted}
    assert users - ABOVE == set()


@pytest.mark.parametrize(
    ("file", "line", "crossed"),
    [
        ("voice/planted.py", "from jackfield.providers import registry", ("voice", "providers")),
        ("voice/planted.py", "import jackfield.credentials.store", ("voice", "credentials")),
        (
            "providers/planted.py",
            "def f():\n    from jackfield.voice.registry import VoiceRegistry",
            ("providers", "voice"),
        ),
        ("net/planted.py", "import jackfield.voice", ("net", "voice")),
    ],
)
def test_an_import_across_the_domains_is_found(file: str, line: str, crossed: tuple[str, str]) -> None:
    others = ("providers/registry.py", "credentials/store.py", "voice/registry.py", "voice/__init__.py")
    trees = {name: ast.parse("") for name in others} | {file: ast.parse(line)}
    assert parts_of(runtime_imports(trees)) == {crossed[0]: {crossed[1]}}


def test_within_voice_a_module_imports_only_those_before_it() -> None:
    wrong = []
    for module, wanted in runtime_imports(source_files()).items():
        own = module.split(".")[2:3]
        if not module.startswith("jackfield.voice.") or own[0] not in INNER:
            continue
        for each in wanted:
            other = each.split(".")[2:3]
            if each.startswith("jackfield.voice.") and other != own and own[0] != "registry":
                wrong += [(module, each)] if INNER.index(other[0]) > INNER.index(own[0]) else []
    assert wrong == []


def test_no_module_here_names_a_provider_but_its_own_block() -> None:
    ids = {path.stem.replace("_", "-") for path in (PACKAGE / "voice" / "core").glob("*.py")} - {"--init--"}
    # Two of the wire formats and the references to keys have a vendor's name; they stand in block.py and in the blocks.
    files = {
        name: tree
        for name, tree in source_files().items()
        if name.startswith("voice/")
        and not name.startswith(("voice/core/", "voice/engines/"))
        and name != "voice/block.py"
    }
    found = [
        (name, node.value)
        for name, tree in files.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in ids
    ]
    assert found == []
