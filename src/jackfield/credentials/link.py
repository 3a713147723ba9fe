"""One connection to the store's file: found to be a store before it is trusted, its errors told in our words."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from jackfield import _files
from jackfield.credentials.quarantine import quarantine
from jackfield.credentials.schema import CURRENT, Schema, read_header, read_version
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Row: TypeAlias = tuple[Any, ...]

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_WRITE_FAILED = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT})

# A message of SQLite that quotes damaged text is no UTF-8, and then sqlite3 raises this in place of its own error.
_FAILURES = (sqlite3.Error, UnicodeDecodeError)

# `secure_delete` and `temp_store` keep deleted secrets out of free pages and out of temporary files; `fullfsync` is
# what makes an acknowledged write survive a power cut on macOS.
_PRAGMAS = (
    "foreign_keys=ON",
    "synchronous=FULL",
    "fullfsync=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    "cell_size_check=ON",
)


class Blob:
    """Bytes on their way into or out of a row, which no `repr` and no traceback shows."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._data

    def __conform__(self, protocol: object) -> bytes | None:
        """Give the bytes to sqlite3 (PEP 246)."""
        return self._data if protocol is sqlite3.PrepareProtocol else None

    def __repr__(self) -> str:
        return f"Blob({len(self._data)} bytes)"


@dataclass(frozen=True)
class Source:
    """Where the store is and how it is opened: what every connection of one store shares.

    Attributes:
        path: the store, symbolic links resolved.
        clock: returns ms since the epoch.
        deadline: the longest wait for another process, in seconds.
        schema: the version that is understood.
    """

    path: Path
    clock: Callable[[], int]
    deadline: float
    schema: Schema = CURRENT

    def locked(self) -> StoreError:
        """Return the error that says that somebody else had the store all the time."""
        return StoreError(
            f"The credential store {self.path} was in use by somebody else for {self.deadline:g} seconds.",
            code="store.locked",
            fix="Try again, or end the program that holds it.",
        )

    def write_failed(self, reason: str) -> StoreError:
        """Return the error that says that a write did not happen."""
        return StoreError(
            f"The credential store {self.path} could not be written: {reason}. What it held before is unchanged.",
            code="store.write-failed",
            fix=f"Make room on the disk, and make {self.path.parent} writable for this account.",
        )

    def unreadable(self, reason: str, *, keep: bool = True) -> StoreError:
        """Return the error that says that the file is no store; with `keep`, a copy is put beside it first."""
        copies = quarantine(self.path, self.clock()) if keep else ()
        kept = f" A copy is kept as {copies[0].name}." if copies else ""
        fix = f"Check who may read it: ls -l {shlex.quote(str(self.path))}"
        if keep:
            names = " ".join(shlex.quote(str(each)) for each in self._files())
            fix = f"Put a backup in its place, or start anew and log in again: rm {names}"
        message = f"The credential store {self.path} cannot be read: {reason}. It was left as it is.{kept}"
        return StoreError(message, code="store.unreadable", fix=fix)

    def newer(self, version: int) -> StoreError:
        """Return the error that says that a later release wrote the store."""
        return StoreError(
            f"The credential store {self.path} was written by a newer release (version {version}, this release knows "
            f"{self.schema.version}). It was not touched.",
            code="store.newer",
            fix="Upgrade jackfield, or use another store.",
        )

    def translate(self, error: sqlite3.Error | UnicodeDecodeError, *, writing: bool) -> StoreError:
        """Return a database error in our words."""
        if isinstance(error, UnicodeDecodeError):
            return self.unreadable("its schema is damaged")
        # The low byte is the family: https://www.sqlite.org/rescode.html
        family = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if family in _LOCKED:
            return self.locked()
        if family in _WRITE_FAILED:
            return self.write_failed(str(error)) if writing else self.unreadable(str(error), keep=False)
        if family in _BROKEN:
            return self.unreadable(str(error))
        return StoreError(f"The credential store {self.path} failed: {error}.", code="store.failed")

    def _files(self) -> tuple[Path, ...]:
        return tuple(
            each for suffix in ("", "-wal", "-shm") if (each := self.path.with_name(self.path.name + suffix)).exists()
        )


class Link:
    """An open connection. Its user makes sure that one thread at a time has it."""

    def __init__(self, connection: sqlite3.Connection, source: Source, identity: tuple[int, int] | None) -> None:
        self._connection = connection
        self._identity = identity
        self.source = source
        self.writing = False

    def run(self, sql: str, *values: object) -> list[Row]:
        """Execute one statement and return all rows.

        Raises:
            StoreError: see `Source.translate`.
        """
        try:
            return self._connection.execute(sql, values).fetchall()
        except _FAILURES as error:
            raise self.source.translate(error, writing=self.writing) from error

    def change(self, sql: str, *values: object) -> int:
        """Execute one statement and return how many rows it changed."""
        try:
            return self._connection.execute(sql, values).rowcount
        except _FAILURES as error:
            raise self.source.translate(error, writing=self.writing) from error

    def begin(self, *, writing: bool) -> None:
        """Begin a transaction; one that writes has the store to itself from the start."""
        self.writing = writing
        self.run("BEGIN IMMEDIATE" if writing else "BEGIN")

    def commit(self) -> None:
        """Make the transaction last: it is on the disk when this returns."""
        self.run("COMMIT")

    def roll_back(self) -> None:
        """End the transaction as if it had not been."""
        # After a full disk SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self.run("ROLLBACK")

    def is_current(self) -> bool:
        """Tell whether the path still names the file that was opened, rather than a later one or none."""
        return self._identity is not None and self._identity == _identity(self.source.path)

    def close(self) -> None:
        """Close the connection; twice is once."""
        self._connection.close()


def connect(source: Source, *, create: bool) -> Link:
    """Open the store.

    Args:
        source: where it is.
        create: whether to make one when there is none; otherwise an empty one in memory stands for it.

    Raises:
        StoreError: `store.unreadable`, `store.newer`, `store.locked` or `store.write-failed`.
    """
    while not _is_store(source):
        if not create:
            return _nothing(source)
        _create(source)
    try:
        return _open(source, writing=create, frozen=False)
    except StoreError as error:
        if create or not _is_frozen(source.path) or error.code != "store.unreadable":
            raise
    # SQLite cannot set up shared memory in a read-only folder; where nobody can write, it is not needed either.
    return _open(source, writing=False, frozen=True)


def _open(source: Source, *, writing: bool, frozen: bool) -> Link:
    identity = None if frozen else _identity(source.path)
    options = "mode=ro&immutable=1" if frozen else "mode=rw"
    try:
        connection = sqlite3.connect(
            f"{source.path.as_uri()}?{options}",
            uri=True,
            timeout=source.deadline,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise source.translate(error, writing=writing) from error
    try:
        _prepare(connection, source, frozen=frozen)
    except _FAILURES as error:
        connection.close()
        raise source.translate(error, writing=writing) from error
    except BaseException:
        connection.close()
        raise
    return Link(connection, source, identity)


def _prepare(connection: sqlite3.Connection, source: Source, *, frozen: bool) -> None:
    connection.text_factory = _text
    connection.row_factory = _row
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if not frozen:
        connection.execute("PRAGMA journal_mode=WAL")
    version = read_version(connection)
    # The header in the file lags behind the write-ahead log, so it is asked again here.
    if version > source.schema.version:
        raise source.newer(version)
    if version < source.schema.version:
        source.schema.migrate(connection)
    fault = source.schema.fault(connection)
    if fault is not None:
        raise source.unreadable(fault)


def _is_store(source: Source) -> bool:
    """Tell whether there is a store; False when there is nothing at all."""
    try:
        mode = source.path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise source.unreadable("it is not a file", keep=False)
        header = read_header(source.path)
    except FileNotFoundError:
        log = source.path.with_name(source.path.name + "-wal")
        if log.exists() and log.stat().st_size:
            # A store made beside the log of a lost one would take the old pages for its own.
            raise source.unreadable("its file is gone, but its write-ahead log is there") from None
        return False
    except OSError as error:
        raise source.unreadable(error.strerror or str(error), keep=False) from error
    state = source.schema.judge(header)
    if state == "newer":
        raise source.newer(int.from_bytes(header[60:64], "big"))
    if state == "not-a-store":
        raise source.unreadable("it is empty" if not header else "it is not a credential store")
    return True


def _create(source: Source) -> None:
    try:
        _files.ensure_private_dir(source.path.parent)
        temporary = _files.create_temporary(source.path)
        try:
            source.schema.create(temporary)
            # When another process was faster, its store is taken.
            _files.publish_new(temporary, source.path)
        finally:
            for suffix in ("", "-wal", "-shm", "-journal"):
                temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise source.write_failed(error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise source.write_failed(str(error)) from error


def _nothing(source: Source) -> Link:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    source.schema.migrate(connection)
    return Link(connection, source, None)


def _is_frozen(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _text(data: bytes) -> str:
    # Damaged text must not stop the reading of the other rows; its row fails its own check.
    return data.decode("utf-8", "replace")


def _row(_: sqlite3.Cursor, row: Row) -> Row:
    return tuple(Blob(value) if isinstance(value, bytes) else value for value in row)
