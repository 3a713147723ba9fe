"""Reads the package's source as syntax trees and finds what must not stand there."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SRC = Path(__file__).parents[2] / "src"
PACKAGE = SRC / "jackfield"
CORE = PACKAGE / "providers" / "core"


@dataclass(frozen=True)
class Place:
    """A thing found in a source file."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@cache
def source_files(package: Path = PACKAGE) -> dict[str, ast.Module]:
    """Return the tree of each file of `package` by its path below that folder, such as `providers/block.py`.

    The trees are shared by all callers: read them, never change them.
    """
    return {
        path.relative_to(package).as_posix(): ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for path in sorted(package.rglob("*.py"))
    }


def core_module_names(folder: Path = CORE) -> list[str]:
    """Return the names of the modules that should hold a block."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def provider_names_outside(trees: Mapping[str, ast.Module], homes: Mapping[str, str]) -> list[Place]:
    """Return each string literal that is exactly a provider's name and stands outside its block's file.

    Args:
        trees: syntax trees by path below the package's folder.
        homes: the path of the block's file, by id and by alias.

    Allowed, because they name a wire format, another domain or a vendor's library: the members of `ApiStyle` in
    providers/block.py; the value of a keyword `api=`; the values of the mapping in a keyword `api_rules=`; files under
    voice/; the name of a module that is imported.
    """
    found: list[Place] = []
    for file, tree in trees.items():
        if file.startswith("voice/"):
            continue
        allowed = {id(node) for node in _allowed(file, tree)}
        found += [
            Place(file, node.lineno, repr(node.value))
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in allowed
            if homes.get(node.value, file) != file
        ]
    return found


def _allowed(file: str, tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "api":
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg == "api_rules":
            yield from (
                value for inner in ast.walk(node.value) if isinstance(inner, ast.Dict) for value in inner.values
            )
        elif isinstance(node, ast.Assign) and file == "providers/block.py" and _names(node) == ["ApiStyle"]:
            yield from ast.walk(node.value)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "find_spec", "__import__"}:
            yield from node.args[:1]


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _called(node: ast.Call) -> str:
    """Return the last part of what is called: `make` for `a.b.make()`."""
    function = node.func.value if isinstance(node.func, ast.Subscript) else node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


TABLES = frozenset({"Table", "ProviderRegistry", "VoiceRegistry", "with_core"})
"""Calls that make a table or a registry."""


def made_at_import(trees: Mapping[str, ast.Module], calls: frozenset[str] = TABLES) -> list[Place]:
    """Return each of `calls` that runs when its module is imported: at the top, in a class body, or as a default."""
    return [
        Place(file, node.lineno, _called(node))
        for file, tree in trees.items()
        for node in _run_at_import(tree)
        if isinstance(node, ast.Call) and _called(node) in calls
    ]


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below `node` that are evaluated on import: all but what stands inside functions and lambdas."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        inner: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
        inner += [default for default in node.args.kw_defaults if default is not None]
    elif isinstance(node, ast.Lambda):
        inner = [*node.args.defaults]
    else:
        inner = list(ast.iter_child_nodes(node))
    for child in inner:
        yield child
        yield from _run_at_import(child)


def runtime_imports(trees: Mapping[str, ast.Module], package: str = "jackfield") -> dict[str, set[str]]:
    """Return, by module, the modules of `package` that it imports anywhere but under `if TYPE_CHECKING`."""
    modules = {_module_name(file, package): file for file in trees}
    found: dict[str, set[str]] = {}
    for name, file in modules.items():
        # `from a.b import c` may mean the module a.b.c, which is then the one that is needed.
        wanted = {longer if longer in modules else shorter for shorter, longer in _imported(trees[file])}
        found[name] = {each for each in wanted if each in modules} - {name}
    return found


def _module_name(file: str, package: str) -> str:
    parts = [package, *file.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what is imported as (module, module with the imported name), both alike for a plain import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield from _imported(other)
        elif isinstance(child, ast.Import):
            yield from ((alias.name, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from ((child.module, f"{child.module}.{alias.name}") for alias in child.names)
        else:
            yield from _imported(child)
