"""Write the generated reference pages anew: `python scripts/generate_docs.py [--output DIR] [--check]`.

`docs/reference/providers.md` comes from the core blocks, `cli.md` from the commands, `errors.md` from the source. With
`--check` nothing is written; the differences are printed, and the exit status is 1 when there are any.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield import errors
from jackfield.cli.reference import NOTICE, command_page, markdown_table, provider_page
from jackfield.cli.root import root
from jackfield.errors import JackfieldError
from jackfield.providers.registry import ProviderRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROJECT = Path(__file__).parents[1]
OUTPUT = PROJECT / "docs" / "reference"
SOURCE = PROJECT / "src" / "jackfield"
MEANINGS = Path(__file__).with_name("error_meanings.toml")

_CODE = re.compile(r"[a-z]+(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
# What looks like a code and is the name of a file.
_FILES = (".py", ".json", ".toml", ".ts", ".mjs", ".js")
_CLASSES: Mapping[str, type[JackfieldError]] = {
    name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, JackfieldError)
}

_ERRORS_INTRO = """\
Every error has a stable code, which does not change once it is released. On the command line the error's message and
its fix go to standard error; with `--json` the code comes along ([shape](json.md#errors)). In a program it is the
`code` of the `JackfieldError` raised. The exit status is that of the command that ends with the error; `-` marks codes
of diagnostics, which tell one fault each within an error or beside a result."""


@dataclass
class Code:
    """One stable code: the exit statuses it ends a command with (none for diagnostics), and the modules it is from."""

    name: str
    statuses: set[int] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)

    @property
    def family(self) -> str:
        """The part before the first dot."""
        return self.name.partition(".")[0]


def render_pages() -> dict[str, str]:
    """Return the text of each generated page by its file name.

    Raises:
        SystemExit: a code in the source has no meaning in `error_meanings.toml`, or the other way round.
    """
    return {
        "providers.md": provider_page(ProviderRegistry.with_core().snapshot()),
        "cli.md": command_page(root, "jackfield"),
        "errors.md": error_page(find_codes(SOURCE)),
    }


def error_page(codes: Sequence[Code]) -> str:
    """Return the page of error codes, one table for each family."""
    meanings = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    families, lines = meanings["families"], meanings["meanings"]
    names = {each.name for each in codes}
    told = [f"without a meaning: {name}" for name in sorted(names - set(lines))]
    told += [f"nowhere raised: {name}" for name in sorted(set(lines) - names)]
    told += [f"family without a heading: {name}" for name in sorted({each.family for each in codes} ^ set(families))]
    if told:
        sys.exit(f"{MEANINGS.name} does not fit the source:\n" + "\n".join(told))
    parts = [NOTICE, "# Errors", _ERRORS_INTRO]
    for family in sorted({each.family for each in codes}):
        rows = [(f"`{each.name}`", _status(each), lines[each.name]) for each in codes if each.family == family]
        parts += [f"## {family}", f"{families[family]}.", markdown_table(("code", "exit", "meaning"), rows)]
    return "\n\n".join(parts) + "\n"


def find_codes(source: Path) -> tuple[Code, ...]:
    """Return every stable code of the package in the folder `source`, sorted by name.

    Found are the classes' own codes, `code="..."` and `code=f"{self._code}..."` of any call, the first argument of
    `Diagnostic(...)`, and every other literal argument that is spelled like a code of one of these families.
    """
    trees = {path.relative_to(source).as_posix(): ast.parse(path.read_bytes()) for path in sorted(source.rglob("*.py"))}
    found: dict[str, Code] = {}
    for each in _CLASSES.values():
        _note(found, each.default_code, "errors.py", each)
    for module, tree in trees.items():
        for name, kind in _raised(tree):
            _note(found, name, module, kind)
    families = {code.family for code in found.values()}
    for module, tree in trees.items():
        for name, kind in _passed_on(tree, families):
            _note(found, name, module, kind)
    return tuple(found[name] for name in sorted(found))


def differences(folder: Path, pages: Mapping[str, str]) -> str:
    """Return a unified diff from the pages in `folder` to `pages`; empty when they are the same."""
    lines: list[str] = []
    for name, wanted in pages.items():
        path = folder / name
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        lines += difflib.unified_diff(
            present.splitlines(keepends=True), wanted.splitlines(keepends=True), f"{name} (present)", f"{name} (wanted)"
        )
    return "".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the pages; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated reference pages anew.")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help="folder of the pages")
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and fail when one is stale")
    options = parser.parse_args(arguments)
    pages = render_pages()
    if options.check:
        diff = differences(options.output, pages)
        if diff:
            print(diff + "\nThese pages are stale: python scripts/generate_docs.py", end="\n")
        return 1 if diff else 0
    options.output.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (options.output / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


def _status(code: Code) -> str:
    return ", ".join(str(each) for each in sorted(code.statuses)) or "-"


def _note(found: dict[str, Code], name: str, module: str, kind: type[JackfieldError] | None) -> None:
    code = found.setdefault(name, Code(name))
    code.modules.add(module)
    if kind is not None:
        code.statuses.add(kind.exit_status)


def _raised(tree: ast.Module) -> Iterator[tuple[str, type[JackfieldError] | None]]:
    """Yield the codes that stand in so many words where an error or a diagnostic is made."""
    prefixes = _prefixes(tree)
    for call in _calls(tree):
        kind = _CLASSES.get(_name(call.func))
        values = [each.value for each in call.keywords if each.arg == "code"]
        if _name(call.func) == "Diagnostic":
            values += call.args[:1]
        for value in values:
            for text in _texts(value, prefixes):
                yield text, kind


def _passed_on(tree: ast.Module, families: set[str]) -> Iterator[tuple[str, type[JackfieldError] | None]]:
    """Yield the codes that are handed to a helper, with the error that the helper makes of them.

    Which error that is follows from `SomeError(..., code=<not a literal>)`: it carries the codes of its own function,
    or, where that has none, those of its module.
    """
    prefixes = _prefixes(tree)
    everywhere = set(_literals(tree, families, prefixes))
    for text in everywhere:
        yield text, None
    for function in ast.walk(tree) if everywhere else ():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds = set(_carriers(function, prefixes))
            for text in (set(_literals(function, families, prefixes)) or everywhere) if kinds else ():
                yield from ((text, kind) for kind in kinds)


def _carriers(function: ast.AST, prefixes: tuple[str, ...]) -> Iterator[type[JackfieldError]]:
    """Yield the errors that are made in a function with a code that it got from elsewhere."""
    for call in _calls(function):
        kind = _CLASSES.get(_name(call.func))
        value = next((each.value for each in call.keywords if each.arg == "code"), None)
        if kind is not None and value is not None and not any(_texts(value, prefixes)):
            yield kind


def _literals(tree: ast.AST, families: set[str], prefixes: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values = [*node.args, *(each.value for each in node.keywords)]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            values = [node.value] if node.value is not None else []
        elif isinstance(node, ast.Tuple | ast.List):
            values = node.elts
        elif isinstance(node, ast.Dict):
            values = node.values
        elif isinstance(node, ast.IfExp | ast.BoolOp):
            values = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
        for value in values:
            for text in _texts(value, prefixes):
                is_code = _CODE.fullmatch(text) and not text.endswith(_FILES)
                if is_code and text.partition(".")[0] in families:
                    yield text


def _texts(value: ast.expr, prefixes: tuple[str, ...]) -> Iterator[str]:
    """Yield the text of a literal, or the texts of `f"{self._code}.name"`, one for each value `_code` may have."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.JoinedStr) and len(value.values) == 2:
        head, tail = value.values
        own = isinstance(head, ast.FormattedValue) and ast.unparse(head.value) == "self._code"
        if own and isinstance(tail, ast.Constant) and isinstance(tail.value, str):
            yield from (prefix + tail.value for prefix in prefixes)


def _prefixes(tree: ast.Module) -> tuple[str, ...]:
    """Return the values that a class's constructor argument `code` has when nobody gives another one."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            named = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            pairs = zip(named, node.args.defaults, strict=True)
            found += [each.value for arg, each in pairs if arg.arg == "code" and isinstance(each, ast.Constant)]
    return tuple(each for each in found if isinstance(each, str))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


if __name__ == "__main__":
    sys.exit(main())
