"""The store's tables, how they came to be, and how a file is known to be a store before it is opened."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from jackfield.credentials import descriptors

if TYPE_CHECKING:
    from pathlib import Path

# "JACK" in ASCII, in the field of the header that SQLite keeps for the application's own mark.
APPLICATION_ID = 0x4A41434B

# The header of an SQLite 3 file: https://www.sqlite.org/fileformat2.html, section 1.3.
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_JOURNAL_MODES = frozenset({(1, 1), (2, 2)})

FIRST = """
CREATE TABLE profiles (
    id TEXT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'text'),
    owner TEXT NOT NULL,
    origin TEXT,
    payload BLOB NOT NULL CHECK (typeof(payload) = 'blob'),
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
);
CREATE TABLE usage (
    profile TEXT NOT NULL PRIMARY KEY REFERENCES profiles (id) ON UPDATE CASCADE ON DELETE CASCADE,
    last_used INTEGER,
    last_failure INTEGER,
    error_count INTEGER NOT NULL,
    cooldown_until INTEGER,
    disabled_until INTEGER,
    disabled_reason TEXT,
    failure_counts TEXT NOT NULL
);
CREATE TABLE orders (
    provider TEXT NOT NULL,
    place INTEGER NOT NULL,
    profile TEXT NOT NULL REFERENCES profiles (id) ON UPDATE CASCADE ON DELETE CASCADE,
    PRIMARY KEY (provider, place)
);
CREATE INDEX orders_by_profile ON orders (profile);
CREATE TABLE intents (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    payload BLOB NOT NULL CHECK (typeof(payload) = 'blob'),
    created INTEGER NOT NULL
);
"""

# `e1:` in hex is how a sealed payload begins: with these indexes a sealed row is found without reading the others. A
# condition of a partial index can only be a literal. `refreshes` is keyed by a digest of the refresh token, not by a
# profile: what is known of a token outlives the profile that had it.
SECOND = """
CREATE INDEX intents_by_state ON intents (state, id);
CREATE INDEX profiles_sealed ON profiles (id) WHERE substr(payload, 1, 3) = x'65313a';
CREATE INDEX intents_sealed ON intents (id) WHERE substr(payload, 1, 3) = x'65313a';
CREATE TABLE refreshes (
    token TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL CHECK (typeof(generation) = 'integer'),
    state TEXT NOT NULL CHECK (state IN ('held', 'resting', 'unknown', 'refused', 'spent')),
    holder TEXT NOT NULL,
    until INTEGER NOT NULL CHECK (typeof(until) = 'integer'),
    failures INTEGER NOT NULL CHECK (typeof(failures) = 'integer'),
    reason TEXT NOT NULL,
    changed INTEGER NOT NULL CHECK (typeof(changed) = 'integer')
);
CREATE INDEX refreshes_by_state ON refreshes (state, changed);
"""

HeaderState: TypeAlias = Literal["store", "newer", "not-a-store"]


@dataclass(frozen=True)
class Schema:
    """Migrations, oldest first: the n-th brings a store from version n - 1 to n. Each is a script without comments."""

    migrations: tuple[str, ...] = (FIRST, SECOND)

    @property
    def version(self) -> int:
        """The version that a store has once all migrations have run."""
        return len(self.migrations)

    @cached_property
    def objects(self) -> frozenset[tuple[str, str, str]]:
        """Type, name and definition of everything that a store of this version has."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self.migrate(connection)
            return read_objects(connection)
        finally:
            connection.close()

    def create(self, path: Path) -> None:
        """Make a whole store of an empty file that nobody else knows of, flushed to the disk."""
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA fullfsync=ON")
            self.migrate(connection)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    def migrate(self, connection: sqlite3.Connection) -> None:
        """Bring the store to this version in one transaction; two processes may do it at the same time."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            for script in self.migrations[read_version(connection) :]:
                # Not `executescript`: it would commit what came before.
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={self.version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def judge(self, header: bytes) -> HeaderState:
        """Tell from the first 100 bytes of a file whether it is a store, a newer one, or no store."""
        if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
            return "not-a-store"
        if (header[18], header[19]) not in _JOURNAL_MODES or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
            return "not-a-store"
        return "newer" if int.from_bytes(header[60:64], "big") > self.version else "store"

    def fault(self, connection: sqlite3.Connection) -> str | None:
        """Return what is broken in a store of this version, as SQLite's own check finds it, or None."""
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if answer != "ok":
            return str(answer)
        missing = self.objects - read_objects(connection)
        return f"it lacks {', '.join(sorted(name for _, name, _ in missing))}" if missing else None


CURRENT = Schema()
"""What this release understands; one object, so that `objects` is found out once."""


def read_header(path: Path) -> bytes:
    """Return the first 100 bytes of a file, fewer when it is shorter."""
    return descriptors.read(path, _HEADER_BYTES)


def read_version(connection: sqlite3.Connection) -> int:
    """Return the version of an open store."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def read_objects(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    """Return type, name and definition of everything that an open store has."""
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
    return frozenset((str(kind), str(name), str(sql)) for kind, name, sql in rows)
