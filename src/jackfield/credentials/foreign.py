"""Files that other programs wrote: read whole, never waited for, never written.

What is wrong with one is told as the end of a sentence about the file, and repeats nothing that stands in it.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from jackfield.errors import RequestError
from jackfield.ids import quoted

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 8 * 1024 * 1024
"""What is larger is no file of settings or credentials."""

_FLAGS = ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY", "O_NOCTTY")
# A name that is longer may be a key in the wrong place.
_SHOWN = 31
_REPEATS_TOLD = 20


def read_file(path: Path, *, limit: int = MAX_BYTES, account: int | None = None) -> bytes | None:
    """Return the content of a file; None where there is none.

    A link is followed. A pipe or a device is never waited for, and what belongs to a third account is not believed: it
    could bring keys and addresses of its owner in. The superuser may read everybody's.

    Args:
        path: the file.
        limit: the largest size in bytes.
        account: the number of the user's account; the process's own when it is not given.

    Raises:
        RequestError: `import.unreadable`, `import.not-a-file`, `import.foreign` or `import.too-large`.
    """
    flags = os.O_RDONLY
    for name in _FLAGS:
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise _unreadable(error) from error
    try:
        _require_own_file(os.fstat(descriptor), account)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(error) from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise too_large(limit)
    return data


def too_large(limit: int) -> RequestError:
    """Return the error that tells that a file has more than `limit` bytes."""
    size = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit // 1024} KiB"
    return RequestError(f"has more than {size}, so it is not what it should be.", code="import.too-large")


def read_json(data: bytes) -> tuple[object, tuple[str, ...]]:
    """Return the value of a JSON text, and the keys that stand twice in one object, fit to be shown.

    Of a key that stands twice the last one counts, as it does to the programs that write such files.

    Raises:
        RequestError: `import.format`.
    """
    repeated: dict[str, None] = {}

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs) and len(repeated) < _REPEATS_TOLD:
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    repeated[shown(key)] = None
                seen.add(key)
        return found

    try:
        value = json.loads(data, object_pairs_hook=collect)
    except (ValueError, RecursionError):
        # Python's own words would quote the text around the fault.
        raise RequestError("is not JSON.", code="import.format") from None
    return value, tuple(repeated)[:_REPEATS_TOLD]


def shown(text: str) -> str:
    """Return a name as it may be shown: what is long or does not print is told by its length, or escaped."""
    return text if text.isprintable() and len(text) <= _SHOWN else quoted(text, _SHOWN)


def _require_own_file(status: os.stat_result, account: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "is a folder." if stat.S_ISDIR(status.st_mode) else "is not a file."
        raise RequestError(what, code="import.not-a-file")
    if os.name != "posix":
        return
    me = os.geteuid() if account is None else account
    if status.st_uid not in {me, 0} and me != 0:
        message = "belongs to another account, which could bring keys of its own in."
        raise RequestError(message, code="import.foreign", fix="Copy it, and import the copy.")


def _unreadable(error: OSError | ValueError) -> RequestError:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else "the name is not one of a file"
    return RequestError(f"cannot be read: {reason}.", code="import.unreadable", fix="Make it readable to you.")
