"""What went wrong without stopping: diagnostics, and how a list of them becomes text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "info"]


@record
class Diagnostic:
    """One fault, told so that its reader can mend it.

    Attributes:
        code: stable, dotted, such as `config.duplicate-key`.
        message: one plain sentence; never holds a secret.
        severity: `error` stops the thing it is about, `warning` and `info` do not.
        path: where, outermost key first; empty when it is about the whole.
        owner: who brought it about: `core`, `config`, `user` or `plugin:<id>`.
        hint: what to do, as a sentence or a command.
        rule: the rule of a published contract that was broken, such as `G4`.
        line: line in the source file, counted from 1.
        column: column in that line, counted from 1.
    """

    code: str
    message: str
    severity: Severity = "error"
    path: tuple[str, ...] = ()
    owner: str | None = None
    hint: str | None = None
    rule: str | None = None
    line: int | None = None
    column: int | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the fields as JSON-ready values; `path` becomes a list."""
        return {
            "code": self.code,
            "severity": self.severity,
            "path": list(self.path),
            "owner": self.owner,
            "message": self.message,
            "hint": self.hint,
            "rule": self.rule,
            "line": self.line,
            "column": self.column,
        }

    def __str__(self) -> str:
        where = format_path(self.path)
        numbers = [str(number) for number in (self.line, self.column) if number is not None]
        place = ":".join(numbers) + ": " if self.line is not None else ""
        return f"{place}{where + ': ' if where else ''}{self.message}"


def format_path(path: Iterable[str]) -> str:
    """Return a path for people: plain keys joined by dots, others quoted in brackets, list places as `[3]`.

    Characters that do not print are escaped, so that a key can neither break the line nor steer a terminal.

    >>> format_path(("models", "providers", "z.ai", "baseUrl"))
    'models.providers["z.ai"].baseUrl'
    """
    text = ""
    for key in path:
        if key[:1] == "[" and key[-1:] == "]" and key[1:-1].isascii() and key[1:-1].isdecimal():
            text += key
        elif key.replace("-", "_").isidentifier():
            text += f".{key}" if text else key
        else:
            text += f'["{_escaped(key)}"]'
    return text


def _escaped(key: str) -> str:
    key = key.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in key)
