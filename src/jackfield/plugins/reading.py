"""Reading files of plugins, which may be anything: bounded in size and depth, and never a pipe or a device."""

from __future__ import annotations

import json
import os
import posixpath
import re
import stat
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_TEXT = 1_000
"""The longest text, in characters, that is taken from a manifest for people to read."""

# Each part of a dotted key costs the parser as much as all before it: a file of one long key would take all memory.
_MAX_PARTS = 32
_PART = r"(?:[A-Za-z0-9_-]++|\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+')"
# A search that could begin at every character, or at an escaped quote, would take quadratic time.
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_\\-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MAX_PARTS}}}")
_DRIVE = re.compile(r"[A-Za-z]:")


class ReadError(Exception):
    """A file cannot be used; the message goes on after the file's name. Never leaves this package."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def is_file(path: str) -> bool:
    """Tell whether there is a regular file, or a link to one; False for what cannot be looked at."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - called by the thousand, and Path is slow
    except (OSError, ValueError):
        return False


def real(path: str) -> str:
    """Return a path with its links resolved, as far as it can be."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


def lies_in(path: str, folder: str) -> bool:
    """Tell whether a path, with its links resolved, is below a folder that has none to resolve."""
    return real(path).startswith(os.path.join(folder, ""))  # noqa: PTH118 - as above


def read_text(path: str, within: str | None = None) -> str | None:
    """Return the text of a UTF-8 file of at most `MAX_BYTES`, None when there is none of that name.

    Args:
        path: the file; a link is followed.
        within: a folder, with all links resolved, that the file must lie in.

    Raises:
        ReadError: it is no regular file, cannot be read, is too large, is not UTF-8, or lies elsewhere.
    """
    try:
        # Opening a pipe waits for a writer, and opening a device may do something.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - as above
            raise ReadError("is not a regular file")
        if within is not None and not lies_in(path, within):
            raise ReadError("is a link that leads out of the workspace")
        data = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ReadError(f"cannot be read ({_reason(error)})") from error
    if len(data) > MAX_BYTES:
        raise ReadError(f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError("is not UTF-8") from error


def _read(path: str) -> bytes:
    """Return up to one byte more than is allowed."""
    # Should a pipe have taken the file's place meanwhile, opening it does not wait.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        parts: list[bytes] = []
        left = MAX_BYTES + 1
        while left > 0 and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    return error.strerror or "error" if isinstance(error, OSError) else "its name is not usable"


def parse_json(text: str) -> tuple[object, tuple[str, ...]]:
    """Return a JSON text's value, and the keys that stand twice in one object (the last one counts, as in JavaScript).

    Raises:
        ReadError: it is not JSON (RFC 8259; no comments, no NaN), or nested more than `MAX_DEPTH` levels deep.
    """
    twice: dict[str, None] = {}

    def an_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    twice[name] = None
                seen.add(name)
        return made

    try:
        value = json.loads(text, object_pairs_hook=an_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ReadError(error.msg, error.lineno, error.colno) from error
    except ValueError as error:
        raise ReadError("a number is too long") from error
    except RecursionError as error:
        raise ReadError(f"it is nested more than {MAX_DEPTH} levels deep") from error
    _check_depth(value, text)
    return value, tuple(twice)


def _no_constant(name: str) -> NoReturn:
    raise ReadError(f"{name} is not a JSON number")


def parse_toml(text: str) -> dict[str, object]:
    """Return a TOML document (version 1.0) as plain values.

    Raises:
        ReadError: it is not TOML, is nested more than `MAX_DEPTH` levels deep, or has a key of too many parts.
    """
    if _LONG_KEY.search(text):
        raise ReadError(f"a key has more than {_MAX_PARTS} parts")
    import tomllib

    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReadError(str(error)) from error
    except ValueError as error:
        raise ReadError("a number or a date is not usable") from error
    except RecursionError as error:
        raise ReadError(f"it is nested more than {MAX_DEPTH} levels deep") from error
    _check_depth(value, text)
    return value


def _check_depth(value: object, text: str) -> None:
    if sum(map(text.count, "[{.")) < MAX_DEPTH:
        return  # each level takes one of these characters
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise ReadError(f"it is nested more than {MAX_DEPTH} levels deep")


def _inside(value: object) -> Iterable[object]:
    """Return the tables and lists in a value."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in items if isinstance(each, dict | list)]


def stays_inside(path: str) -> bool:
    """Tell whether a path that a package names is relative, and leads to something in the package's folder.

    Judged by the text alone, for both kinds of separators; links are the business of who made the folder.
    """
    slashed = path.replace("\\", "/")
    if not path or not path.isprintable() or slashed.startswith("/") or _DRIVE.match(path):
        return False
    return posixpath.normpath(slashed).split("/")[0] not in {"..", "."}


def shown(path: str) -> str:
    """Return a path as a message shows it: what does not print is escaped."""
    if path.isprintable():
        return path
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in path)


def one_line(text: str) -> str:
    """Return a text of a plugin as it may be shown: one line, without control, ANSI or direction characters."""
    text = text[: 4 * MAX_TEXT]
    if not text.isprintable():
        from jackfield.config.guard.doors import clean_note

        text = clean_note(text)
    return " ".join(text.split())[:MAX_TEXT].rstrip()
