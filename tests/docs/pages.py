"""Reading the documentation, and running what it shows.

What a page may hold, and what is done with it:

* `python` blocks are run, all of a page in one namespace; `python no-run` ones are compiled.
* a `text output` block after a `python` block is what that one prints.
* `console` blocks that begin with a jackfield command (`$ jackfield ...`, `$ echo KEY | jackfield ...`,
  `$ NAME=value jackfield ...`) are run in order; what they show must be what is printed, standard error included. `...`
  stands for any text in a line, and alone in a line for any lines. `$ echo $?` shows the exit status.
* in `sh` blocks, the options of every jackfield command must exist.
* `json` and `json5` blocks must be readable.

A page has one home folder, an environment without credentials, and no terminal. Port 8484 stands for a free one.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import shlex
import socket
import sys
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from jackfield.cli import main
from jackfield.config.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

PROJECT = Path(__file__).parents[2]
PORT = "8484"
WIDTH = 100

_KEPT = re.compile(r"PATH|LANG|LC_.*|TMPDIR|TEMP|PYTHON.*|PYTEST.*|COV.*|SYSTEMROOT")
_COMMAND = re.compile(r"\$ (?:echo (?P<stdin>\S+) \| )?(?P<env>(?:[A-Z_]+=\S+ )*)jackfield(?P<args>(?: .*)?)", re.ASCII)
_STATUS = "$ echo $?"


def pages() -> list[Path]:
    """Return every page of the documentation."""
    tops = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*(path for path in tops if path.exists()), *sorted((PROJECT / "docs").rglob("*.md"))]


def name_of(path: Path) -> str:
    """Return a page's path within the project, or its name where it is another's."""
    return path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else path.name


@dataclass(frozen=True)
class Fence:
    """A block of code: what stands behind the backticks, the text, and the line of its first line of text."""

    info: str
    text: str
    line: int


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks of a page in order."""
    return [
        Fence(token.info.strip(), token.content, token.map[0] + 2)
        for token in MarkdownIt().parse(text)
        if token.type == "fence" and token.map
    ]


def links(text: str) -> Iterator[str]:
    """Yield the targets of links and pictures."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for inner in token.children or ():
            target = inner.attrs.get("href", inner.attrs.get("src"))
            if isinstance(target, str):
                yield target


@cache
def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as they are made from their text."""
    found: set[str] = set()
    tokens = MarkdownIt().parse(text)
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            shown = "".join(each.content for each in token.children or () if each.type in {"text", "code_inline"})
            slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
            number = next(each for each in range(len(found) + 1) if (f"{slug}-{each}" if each else slug) not in found)
            found.add(f"{slug}-{number}" if number else slug)
    return found


def rows_below(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head; backticks are left out."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.lstrip("#").strip().replace("`", "") == heading and line.startswith("#"):
            break
    table: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            table.append([cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
        elif table or line.startswith("#"):
            break
    return table[2:]


def free_port() -> str:
    """Return a port of 127.0.0.1 that nothing listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def clean_environment(home: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without credentials, proxies or settings, with a home folder of its own."""
    kept = {name: value for name, value in base.items() if _KEPT.fullmatch(name)}
    return kept | {
        "HOME": str(home),
        "JACKFIELD_HOME": str(home / "jackfield"),
        # With a key of its own no keyring is asked.
        "JACKFIELD_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
        "COLUMNS": str(WIDTH),
        "TERM": "dumb",
    }


def enter_clean_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process's environment a clean one, and `home` its home and working folder."""
    wanted = clean_environment(home, os.environ)
    for name in set(os.environ) - set(wanted) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home)


def run_command(args: list[str], stdin: str = "") -> tuple[int, str]:
    """Run the command line in this process; return its exit status and what it printed on both streams."""
    out = io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    before, sys.stdin = sys.stdin, given
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = main(args)
    finally:
        sys.stdin = before
    return status, out.getvalue()


def is_shown(expected: str, actual: str) -> bool:
    """Tell whether `actual` is what `expected` shows; the width of gaps and blank lines around do not count."""
    pattern = []
    for line in _tidy(expected).splitlines():
        if line.strip() == "...":
            pattern.append(r"(?:.*\n)*?")
        else:
            pattern.append(".*".join(re.escape(piece) for piece in line.split("...")) + r"\n")
    return re.fullmatch("".join(pattern), _tidy(actual) + "\n") is not None


def _tidy(text: str) -> str:
    # How wide a column is depends on what stands in it, and so does the line below its heading.
    lines = (re.sub("─{2,}", "─", re.sub(" {2,}", "  ", line)).rstrip() for line in text.splitlines())
    return "\n".join(lines).strip("\n")


@dataclass
class Page:
    """One page being run.

    Attributes:
        path: the page.
        port: what stands in for port 8484.
        namespace: of its Python blocks.
        printed: by the last Python block.
        status: exit status of the last command.
    """

    path: Path
    port: str
    namespace: dict[str, Any] = field(default_factory=dict)
    printed: str = ""
    status: int = 0

    def run(self) -> None:
        """Run every block of the page in order."""
        for fence in fences(self.path.read_text(encoding="utf-8")):
            here = Fence(fence.info, fence.text.replace(PORT, self.port), fence.line)
            kind, _, rest = fence.info.partition(" ")
            if kind == "python":
                self._python(here, run=rest != "no-run")
            elif fence.info == "text output":
                assert is_shown(here.text, self.printed), self._told(here, here.text, self.printed)
            elif kind == "console":
                self._console(here)
            elif kind in {"sh", "bash"}:
                self._shell(here)
            elif kind in {"json", "json5"}:
                self._data(here, kind)

    def _python(self, fence: Fence, *, run: bool) -> None:
        source = "\n" * (fence.line - 1) + fence.text
        code = compile(source, str(self.path), "exec", dont_inherit=True)
        if run:
            self.namespace.setdefault("__name__", "page")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(code, self.namespace)
            self.printed = out.getvalue()

    def _console(self, fence: Fence) -> None:
        commands = _commands(fence.text)
        if commands and not _COMMAND.fullmatch(commands[0][0]):
            return
        for command, shown in commands:
            if command == _STATUS:
                printed = f"{self.status}\n"
            else:
                match = _COMMAND.fullmatch(command)
                assert match is not None, self._told(fence, "a jackfield command", command)
                self.status, printed = self._run_match(match)
            if shown:
                assert is_shown(shown, printed), self._told(fence, shown, printed)
            else:
                assert '"code": "usage"' not in printed, self._told(fence, command, printed)
                assert "--help" not in printed, self._told(fence, command, printed)

    def _run_match(self, match: re.Match[str]) -> tuple[int, str]:
        given = dict(pair.split("=", 1) for pair in shlex.split(match["env"]))
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            return run_command(shlex.split(match["args"], comments=True), f"{match['stdin'] or ''}\n")
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _shell(self, fence: Fence) -> None:
        for args in _shell_commands(fence.text):
            status, printed = run_command([*args, "--help"])
            assert status == 0, self._told(fence, shlex.join(args), printed)

    def _data(self, fence: Fence, kind: str) -> None:
        if kind == "json":
            json.loads(fence.text)
        else:
            assert Document.parse(fence.text, name=name_of(self.path)).value is not None

    def _told(self, fence: Fence, expected: str, actual: str) -> str:
        return f"{name_of(self.path)}:{fence.line}\n--- shown\n{expected}\n--- printed\n{actual}"


def _commands(text: str) -> list[tuple[str, str]]:
    """Split a console block into its commands, each with what is shown below it."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.rstrip(), ""))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return found


def _shell_commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each jackfield command in a shell script."""
    for line in text.replace("\\\n", " ").splitlines():
        words = _split_words(line)
        if "jackfield" in words:
            rest = words[words.index("jackfield") + 1 :]
            end = next((place for place, word in enumerate(rest) if word[0] in "|&;<>"), len(rest))
            yield rest[:end]


def _split_words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    return list(lexer)
