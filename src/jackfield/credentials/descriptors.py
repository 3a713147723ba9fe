"""Reads a database's file beside SQLite without taking its locks away.

SQLite locks with POSIX advisory locks, and closing any descriptor of a file drops all locks that the process has on
it, also those of other connections (https://www.sqlite.org/howtocorrupt.html, section 2.2). Another process may then
take itself for the last one, and remove the write-ahead log from under a connection that still writes to it. So a file
that this process has a connection to is read through one descriptor, which is closed after the last connection.

The state is the process's, since the locks are: it belongs to no store.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

Identity: TypeAlias = tuple[int, int]
"""Device and inode: what the operating system knows a file by, whatever its name is now."""

_CHUNK = 1 << 20


class _Descriptors:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pid = os.getpid()
        self.connections: Counter[Identity] = Counter()
        self.kept: dict[Identity, int] = {}

    def own(self) -> threading.Lock:
        if self.pid != os.getpid():
            # A fork has none of the locks, and this lock may have been held by a thread that does not exist here.
            self.lock, self.pid = threading.Lock(), os.getpid()
        return self.lock


_STATE = _Descriptors()


def identify(path: Path) -> Identity | None:
    """Return which file has this name now; None when there is none, or when it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def read(path: Path, most: int | None = None) -> bytes:
    """Return the first `most` bytes of a file, fewer when it is shorter; all of it by default.

    Raises:
        OSError: it is not there or cannot be read.
    """
    with _STATE.own():
        known = identify(path)
        descriptor = _STATE.kept.get(known) if known is not None else None
        if descriptor is not None:
            return _read(descriptor, most)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            status = os.fstat(descriptor)
            identity = status.st_dev, status.st_ino
            if _STATE.connections[identity]:
                descriptor, _STATE.kept[identity] = -1, descriptor
                return _read(_STATE.kept[identity], most)
            return _read(descriptor, most)
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def connected(identity: Identity) -> None:
    """Note that SQLite is about to open the file: from here on no descriptor of it is closed."""
    with _STATE.own():
        _STATE.connections[identity] += 1


def disconnected(identity: Identity) -> None:
    """Note that SQLite has closed the file."""
    with _STATE.own():
        _STATE.connections[identity] -= 1
        if _STATE.connections[identity] <= 0:
            del _STATE.connections[identity]
            descriptor = _STATE.kept.pop(identity, None)
            if descriptor is not None:
                os.close(descriptor)


def _read(descriptor: int, most: int | None) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts = []
    while most is None or most > 0:
        part = os.read(descriptor, _CHUNK if most is None else most)
        if not part:
            break
        parts.append(part)
        most = None if most is None else most - len(part)
    return b"".join(parts)
