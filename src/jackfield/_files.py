"""Files that hold secrets or settings: private from the first byte, replaced whole, locked across processes.

These helpers raise what the system says (`OSError`, `TimeoutError`): which file it is and what to do about it is
known one layer up, where it becomes a `ConfigError` or a `StoreError` with a code.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700

# A temporary file this much older than its successor was left by a process that was killed; seconds.
_LEFTOVER_AGE = 3600.0
_TEMPORARY = ".tmp"
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def atomic_write(path: Path, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Make `data` the content of `path`; a kill or a power cut at any instant leaves the old or the new, whole.

    The bytes go to a temporary file in the same folder, which has `mode` before its first byte whatever the umask, are
    flushed to the disk, and take the name in one step. A symbolic link stays a link: what it points to is replaced.
    Temporary files of the same name that are over an hour old are removed.

    Args:
        path: the file; its folder must exist.
        data: the whole content.
        mode: the permission bits the file has afterwards.

    Raises:
        OSError: the old content is untouched and nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    descriptor, temporary = _open_temporary(target, mode)
    with contextlib.ExitStack() as undo:
        undo.callback(temporary.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        undo.pop_all()
    flush_folder(target.parent)


def create_temporary(path: Path, mode: int = PRIVATE_FILE) -> Path:
    """Create an empty file with a name of its own beside `path`, with exactly `mode`, and return its path.

    It is named `.<name>.<16 hex digits>.tmp`. Files of that form that are over an hour old are removed, and with them
    whatever a database left under that name with a suffix.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    descriptor, temporary = _open_temporary(path, mode)
    os.close(descriptor)
    return temporary


def publish_new(temporary: Path, path: Path) -> bool:
    """Give a finished file its name, in one step, only if nothing has that name; `temporary` is gone afterwards.

    Returns:
        True when `path` is now this file, False when something else had the name first (which is left alone).

    Raises:
        OSError: `path` is as it was.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _publish_without_links(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def ensure_private_dir(path: Path) -> None:
    """Create folder `path` and the missing ones above it, each 0700 from the start.

    A folder that exists keeps its mode: it may be shared on purpose, and may not be ours to change.

    Raises:
        OSError: it cannot be created; `NotADirectoryError` when something else than a folder has the name.
    """
    missing = []
    here = path
    while not here.is_dir():
        if os.path.lexists(here):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(here))
        missing.append(here)
        here = here.parent
    for folder in reversed(missing):
        # Another process may be making the same folder.
        folder.mkdir(PRIVATE_DIR, exist_ok=True)
        flush_folder(folder.parent)


@contextlib.contextmanager
def locked(path: Path, *, timeout: float, poll: float = 0.02) -> Iterator[None]:
    """Hold the lock file `path` against every other process and thread; not reentrant.

    The file is 0600 and stays when the lock is released, because removing it would let two waiters in at once. The
    system releases the lock when its holder dies.

    Args:
        path: the lock file, by habit the guarded file's name with `.lock` added; missing folders are created.
        timeout: the longest wait in seconds; 0 tries once.
        poll: seconds between two tries.

    Raises:
        TimeoutError: somebody else had it all that time.
        OSError: the lock file cannot be created.
    """
    import filelock

    ensure_private_dir(path.parent)
    lock = filelock.FileLock(path, timeout=max(timeout, 0.0), mode=PRIVATE_FILE, poll_interval=poll)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise TimeoutError(errno.ETIMEDOUT, f"locked by another process for {timeout:g} s", str(path)) from error
    try:
        yield
    finally:
        lock.release()


def flush_folder(path: Path) -> None:
    """Make the names in folder `path` survive a power cut; does nothing where folders cannot be flushed."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except PermissionError:
        return  # a folder one may enter but not list, such as /home on some systems
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems refuse to flush a folder; the file itself is on the disk already.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)


def _open_temporary(path: Path, mode: int) -> tuple[int, Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_TEMPORARY}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    if hasattr(os, "fchmod"):
        # File systems without permission bits refuse it; those who hold secrets there say so themselves.
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, mode)
    _remove_leftovers(path, os.fstat(descriptor).st_mtime - _LEFTOVER_AGE)
    return descriptor, temporary


def _publish_without_links(temporary: Path, path: Path) -> bool:
    with locked(path.with_name(path.name + ".lock"), timeout=10.0):
        if os.path.lexists(path):
            return False
        temporary.rename(path)
        flush_folder(path.parent)
    return True


def _remove_leftovers(path: Path, before: float) -> None:
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if _is_temporary(entry.name, path.name) and entry.stat(follow_symlinks=False).st_mtime < before:
                Path(entry.path).unlink(missing_ok=True)


def _is_temporary(name: str, target: str) -> bool:
    # The 16 hex digits keep a neighbour such as `.<target>.other.tmp` out of it.
    prefix = f".{target}."
    unique, suffix, _ = name.removeprefix(prefix).partition(_TEMPORARY)
    is_token = len(unique) == 16 and all(char in "0123456789abcdef" for char in unique)
    return name.startswith(prefix) and bool(suffix) and is_token
