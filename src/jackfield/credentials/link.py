"""One connection to the store's file: found to be a store before it is trusted, its errors told in our words."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from jackfield import _files
from jackfield.credentials import descriptors
from jackfield.credentials.quarantine import quarantine
from jackfield.credentials.schema import CURRENT, Schema, read_header, read_version
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jackfield.credentials.descriptors import Identity

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

    def locked(self, deadline: float | None = None) -> StoreError:
        """Return the error that says that somebody else had the store all the time: `deadline` seconds."""
        seconds = self.deadline if deadline is None else deadline
        return StoreError(
            f"The credential store {self.path} was in use by somebody else for {seconds:g} seconds.",
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
            fix = f"Put a backup in its place, or start anew and log in again: {self.removal()}"
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

    def removal(self) -> str:
        """Return the command that removes the store."""
        files = (self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal", "-shm"))
        return f"rm {' '.join(shlex.quote(str(each)) for each in files if each.exists())}"


class Link:
    """An open connection. Its user makes sure that one thread at a time has it."""

    def __init__(self, connection: sqlite3.Connection, source: Source, identity: Identity | None) -> None:
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

    def begin(self, *, writing: bool, deadline: float | None = None) -> None:
        """Begin a transaction; one that writes has the store to itself from the start.

        Args:
            writing: whether it writes.
            deadline: the longest wait for others in seconds, if not the usual one.
        """
        self.writing = writing
        if deadline is None:
            self.run("BEGIN IMMEDIATE" if writing else "BEGIN")
            return
        self.run(f"PRAGMA busy_timeout={round(deadline * 1000)}")
        try:
            self.run("BEGIN IMMEDIATE" if writing else "BEGIN")
        finally:
            self.run(f"PRAGMA busy_timeout={round(self.source.deadline * 1000)}")

    def commit(self) -> None:
        """Make the transaction last: it is on the disk when this returns."""
        self.run("COMMIT")

    def roll_back(self) -> None:
        """End the transaction as if it had not been."""
        # After a full disk SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self.run("ROLLBACK")

    def stamp(self) -> tuple[object, ...]:
        """Return what is another value when this or another connection has written since."""
        # https://www.sqlite.org/pragma.html#pragma_data_version tells of the others' commits alone.
        return (self._identity, *self.run("PRAGMA data_version"), self._connection.total_changes)

    def is_current(self) -> bool:
        """Tell whether the path still names the file that was opened, rather than a later one or none."""
        return self._identity is not None and self._identity == descriptors.identify(self.source.path)

    def close(self) -> None:
        """Close the connection; twice is once."""
        self._connection.close()
        if self._identity is not None:
            descriptors.disconnected(self._identity)
            self._identity = None


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
    # What is frozen is not locked.
    identity = None if frozen else descriptors.identify(source.path)
    with ExitStack() as cleanup:
        if identity is not None:
            descriptors.connected(identity)
            cleanup.callback(descriptors.disconnected, identity)
        try:
            connection = _connected(source, frozen=frozen)
            cleanup.callback(connection.close)
            _prepare(connection, source, frozen=frozen)
            if not _is_migrated(connection, source, writing=writing):
                copy = _copied(connection, source)
                return Link(copy, source, None)
            _check(connection, source)
        except _FAILURES as error:
            raise source.translate(error, writing=writing) from error
        cleanup.pop_all()
    return Link(connection, source, identity)


def _connected(source: Source, *, frozen: bool) -> sqlite3.Connection:
    options = "mode=ro&immutable=1" if frozen else "mode=rw"
    return sqlite3.connect(
        f"{source.path.as_uri()}?{options}",
        uri=True,
        timeout=source.deadline,
        isolation_level=None,
        check_same_thread=False,
    )


def _prepare(connection: sqlite3.Connection, source: Source, *, frozen: bool) -> None:
    _set_up(connection)
    if not frozen:
        connection.execute("PRAGMA journal_mode=WAL")
    version = read_version(connection)
    # The header in the file lags behind the write-ahead log, so it is asked again here.
    if version > source.schema.version:
        raise source.newer(version)


def _check(connection: sqlite3.Connection, source: Source) -> None:
    fault = source.schema.fault(connection)
    if fault is not None:
        raise source.unreadable(fault)


def _set_up(connection: sqlite3.Connection) -> None:
    connection.text_factory = _text
    connection.row_factory = _row
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _is_migrated(connection: sqlite3.Connection, source: Source, *, writing: bool) -> bool:
    """Bring an older store to this version; return False when it is only to be read and cannot be written."""
    if read_version(connection) == source.schema.version:
        return True
    try:
        source.schema.migrate(connection)
    except sqlite3.OperationalError as error:
        if writing or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        return False
    return True


def _copied(connection: sqlite3.Connection, source: Source) -> sqlite3.Connection:
    """Return a copy in memory, brought to this version, of an older store that nobody here may write."""
    with ExitStack() as cleanup:
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        cleanup.callback(copy.close)
        connection.backup(copy)
        _set_up(copy)
        source.schema.migrate(copy)
        _check(copy, source)
        cleanup.pop_all()
    return copy


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


def _text(data: bytes) -> str:
    # Damaged text must not stop the reading of the other rows; its row fails its own check.
    return data.decode("utf-8", "replace")


def _row(_: sqlite3.Cursor, row: Row) -> Row:
    return tuple(Blob(value) if isinstance(value, bytes) else value for value in row)
