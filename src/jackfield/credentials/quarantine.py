"""Keeps a copy of a store that cannot be read, before anybody can do anything to it."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
from typing import TYPE_CHECKING

from jackfield import _files
from jackfield.credentials import descriptors

if TYPE_CHECKING:
    from pathlib import Path

MARK = ".unreadable-"
SUFFIXES = ("", "-wal")


def quarantine(path: Path, now: int) -> tuple[Path, ...]:
    """Copy a store, and its write-ahead log, beside it; the originals are only read.

    The copies are 0600 and named `<name>.unreadable-<UTC time>-<digest>`, the log's with `-wal` at the end, so that
    the pair can be opened together. What was copied before and has not changed since is not copied again.

    Args:
        path: the store.
        now: ms since the epoch, for the name.

    Returns:
        The copies, the store's first; empty when nothing could be copied (no room, no right): the originals remain.
    """
    stamp = dt.datetime.fromtimestamp(now / 1000, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        contents = _read(path)
        digest = hashlib.sha256(b"".join(contents.values())).hexdigest()[:16]
        base = _earlier_name(path, digest) or f"{path.name}{MARK}{stamp}-{digest}"
        return tuple(_keep(path, path.with_name(base + suffix), data) for suffix, data in contents.items())
    except OSError:
        return ()


def _read(path: Path) -> dict[str, bytes]:
    # Credential stores are small: a hundred profiles take some 50 KB.
    contents = {}
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            data = descriptors.read(path.with_name(path.name + suffix))
            if data or not suffix:
                contents[suffix] = data
    return contents


def _earlier_name(path: Path, digest: str) -> str | None:
    for other in path.parent.iterdir():
        name = other.name.removesuffix("-wal")
        if name.startswith(path.name + MARK) and name.endswith(f"-{digest}"):
            return name
    return None


def _keep(path: Path, target: Path, data: bytes) -> Path:
    if target.exists():
        return target
    temporary = _files.create_temporary(path)
    try:
        with temporary.open("r+b") as copy:
            copy.write(data)
            copy.flush()
            os.fsync(copy.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    # The digest is in the name: whoever was faster wrote the same bytes.
    _files.publish_new(temporary, target)
    return target
