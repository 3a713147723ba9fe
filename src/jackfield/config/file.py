"""The config file: reading it whole with every fault placed, and committing changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield._files import PRIVATE_FILE, atomic_write, ensure_private_dir, locked
from jackfield.config.document import Document
from jackfield.config.settings import Settings, read_settings
from jackfield.config.shape import check_config
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import ConfigError
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

LOCK_TIMEOUT_S = 10.0

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
        ConfigError: `config.syntax` when it is not JSON5, `config.unreadable` when it cannot be read. Wrong values
            do not raise here: see `LoadedConfig.diagnostics` and `require_valid`.
    """
    source = _read(path)
    document = Document.parse(source, name=str(path)) if source is not None else Document.empty()
    faults = [*document.duplicates, *check_config(document.value)]
    return LoadedConfig(
        path=path,
        exists=source is not None,
        document=document,
        settings=read_settings(document.value),
        diagnostics=tuple(_placed(document, each) for each in faults if _is_ours(each.path)),
    )


def commit_config(
    path: Path, plan: Callable[[LoadedConfig], Iterable[Change]], *, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> tuple[LoadedConfig, str]:
    """Change the file under its lock: read it again, let `plan` say what to change in it, write it whole.

    Only the spans of the changed leaves differ afterwards. A new file is private (0600); an old one keeps its mode.
    Nothing is written when nothing changes.

    Returns:
        The config as it was read under the lock, and the text that the file has now.

    Raises:
        ConfigError: `config.invalid` when the file has errors, `config.locked` when another process holds it too long,
            `config.write-failed` when it cannot be written. The file is then as it was.
    """
    try:
        ensure_private_dir(path.parent)
        with locked(path.with_name(path.name + ".lock"), timeout=lock_timeout_s):
            loaded = load_config(path)
            loaded.require_valid()
            text = apply_changes(loaded.document, plan(loaded)).text
            if text != loaded.document.text:
                atomic_write(path, text.encode(), _mode(path))
    except TimeoutError as error:
        message = f"Another process has been changing {path} for {lock_timeout_s:g} s."
        raise ConfigError(message, code="config.locked", fix="Try again when it has finished.") from error
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}."
        raise ConfigError(
            message, code="config.write-failed", fix="Nothing was changed. Mend that and try again."
        ) from error
    return loaded, text


def apply_changes(document: Document, changes: Iterable[Change]) -> Document:
    """Return `document` with `changes` made, in order."""
    for change in changes:
        document = document.delete(change.path) if change.value is None else document.set(change.path, change.value)
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


def _is_ours(path: tuple[str, ...]) -> bool:
    return any(path[: len(part)] == part[: len(path)] for part in OURS)


def _placed(document: Document, fault: Diagnostic) -> Diagnostic:
    """Give a fault its line and column, and name the path in its message where the path alone would say too little."""
    if fault.line is not None:
        return fault
    place = document.locate(fault.path)
    return replace(fault, line=place[0], column=place[1]) if place else fault


def describe(diagnostic: Diagnostic, path: Path) -> str:
    """Return `file:line:column: path: message`, the form editors can jump to."""
    place = f":{diagnostic.line}:{diagnostic.column}" if diagnostic.line is not None else ""
    where = format_path(diagnostic.path)
    return f"{path}{place}: {where + ': ' if where else ''}{diagnostic.message}"
