"""The config file: reading it whole with every fault placed, changing its leaves, writing it whole with backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield._files import PRIVATE_FILE, atomic_write
from jackfield.config.document import Document
from jackfield.config.settings import Settings, read_settings
from jackfield.config.shape import check_config
from jackfield.errors import ConfigError
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jackfield.diagnostics import Diagnostic

LOCK_TIMEOUT_S = 10.0
BACKUPS = 5
"""How many earlier versions of the config file are kept beside it."""

OURS: tuple[tuple[str, ...], ...] = (
    ("models",),
    ("agents", "defaults", "models"),
    ("agents", "defaults", "model"),
    ("auth",),
    ("plugins",),
    ("voice",),
)
"""The parts of a config file that are ours; the rest is other programs' and is not judged."""


@record
class Change:
    """One leaf to write: the path and the new value, `None` as value meaning "remove"."""

    path: tuple[str, ...]
    value: object


@record
class LoadedConfig:
    """A config file as read.

    Attributes:
        path: the file.
        exists: whether it was there; a missing file reads as an empty config.
        document: its text and value.
        settings: our part, typed.
        diagnostics: every fault, each with line and column.
    """

    path: Path
    exists: bool
    document: Document
    settings: Settings
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The faults that stop the file from being used."""
        return tuple(each for each in self.diagnostics if each.severity == "error")

    def require_valid(self) -> None:
        """Raise `ConfigError` (`config.invalid`) with all faults when there is an error."""
        if self.errors:
            raise invalid_config(self.path, self.errors)


def load_config(path: Path) -> LoadedConfig:
    """Read and check the config file at `path`.

    Raises:
        ConfigError: `config.syntax`, `config.encoding`, `config.too-deep` or `config.too-large` when it is not JSON5
            of a bearable size, `config.unreadable` when it cannot be read. Wrong values do not raise here: see
            `LoadedConfig.diagnostics` and `require_valid`.
    """
    source = _read(path)
    document = Document.parse(source, name=str(path)) if source is not None else Document.empty()
    # Which of two settings its writer meant is not known, so a repeated key in our part is an error.
    repeated = (replace(each, severity="error") for each in document.duplicates)
    return LoadedConfig(
        path=path,
        exists=source is not None,
        document=document,
        settings=read_settings(document.value),
        diagnostics=tuple(
            _placed(document, each) for each in (*repeated, *check_config(document.value)) if _is_ours(each)
        ),
    )


def write_config(path: Path, text: str) -> None:
    """Write the config file whole, keeping what was there as `.bak`, `.bak.1` ... `.bak.4`, all private.

    The caller holds the lock. A new file is private (0600); an old one keeps its mode.

    Raises:
        OSError: the file is as it was.
    """
    old = _read(path)
    # After a write that failed the newest backup has this content already: trying again must not push out the others.
    if old is not None and _read(_backup(path, 0)) != old:
        fresh = path.with_name(f"{path.name}.bak.new")
        atomic_write(fresh, old)
        _rotate_backups(path)
        fresh.replace(_backup(path, 0))
    atomic_write(path, text.encode(), _mode(path))


def _rotate_backups(path: Path) -> None:
    for number in range(BACKUPS - 1, 0, -1):
        newer = _backup(path, number - 1)
        if newer.exists():
            newer.replace(_backup(path, number))


def _backup(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.bak" + (f".{number}" if number else ""))


def apply_changes(document: Document, changes: Iterable[Change]) -> Document:
    """Return `document` with `changes` made, in order.

    An object that takes the place of an object is written field by field, so that the comments within it stay.
    """
    for change in changes:
        document = document.delete(change.path) if change.value is None else _set(document, change.path, change.value)
    return document


def _set(document: Document, path: tuple[str, ...], value: object) -> Document:
    before = document.get(path)
    if not (isinstance(before, dict) and before and isinstance(value, dict)):
        return document.set(path, value)
    for name in before:
        if name not in value:
            document = document.delete((*path, name))
    for name, inner in value.items():
        document = _set(document, (*path, name), inner)
    return document


def invalid_config(path: Path, errors: Sequence[Diagnostic]) -> ConfigError:
    """Return the error that tells all faults of a config file at once."""
    count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
    return ConfigError(
        f"{path} has {count}; nothing was written.",
        code="config.invalid",
        fix="Mend the places named, then check with: jackfield config validate",
        diagnostics=errors,
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise ConfigError(message, code="config.unreadable", fix="Check that it is a file you may read.") from error


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else PRIVATE_FILE


def _is_ours(fault: Diagnostic) -> bool:
    """Tell whether a fault stands in our part, or in an object around it; an included file can hold all of it."""
    path = fault.path[:-1] if fault.code == "config.include" else fault.path
    return any(path[: len(part)] == part[: len(path)] for part in OURS)


def _placed(document: Document, fault: Diagnostic) -> Diagnostic:
    """Give a fault the line and column of the key it is about."""
    if fault.line is not None:
        return fault
    place = document.locate(fault.path)
    return replace(fault, line=place[0], column=place[1]) if place else fault
