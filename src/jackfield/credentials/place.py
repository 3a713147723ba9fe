"""Where a store lies: whether others may read it, and whether its file system keeps what a database needs."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

# File systems shared with another machine (or a host system): their locks and shared memory do not reach the others.
SHARED_TYPES = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.davfs", "fuse.glusterfs", "fuse.grpcfuse", "fuse.rclone",
        "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "osxfs", "prl_fs", "smb3", "smbfs",
        "vboxsf", "virtiofs", "vmhgfs", "fuse.vmhgfs-fuse",
    }
)  # fmt: skip

_MOUNTS = Path("/proc/self/mounts")
_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def place_diagnostics(path: Path, mounts: Path = _MOUNTS) -> Iterator[Diagnostic]:
    """Yield a warning for each thing about the place of the store that puts its secrets or its safety at risk.

    Args:
        path: the store, symbolic links resolved; it need not exist.
        mounts: the table of mounted file systems, as Linux tells it; nothing is said where there is none.
    """
    kind = file_system_type(path, mounts)
    if kind in SHARED_TYPES:
        yield Diagnostic(
            "store.network-file-system",
            f"The credential store {path} lies on a shared file system ({kind}): two machines that use it at once can "
            "damage it.",
            severity="warning",
            path=(str(path),),
            hint="Move it to a local disk.",
        )
    yield from _mode_diagnostics(path)


def file_system_type(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that `path` lies on, such as `ext4`, or None where that cannot be told."""
    try:
        table = mounts.read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    best, kind = -1, None
    for line in table.splitlines():
        _, point, type_, *_ = [*line.split(" "), "", "", ""]
        point = _unescape(point)
        # A later line of the same length hides the earlier one, as the later mount hides what is under it.
        if point.startswith("/") and path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), type_
    return kind


def _mode_diagnostics(path: Path) -> Iterator[Diagnostic]:
    if os.name != "posix":
        return
    # The access list of another system does not show in the mode bits.
    files = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]
    for each in (path.parent, *files):
        try:
            mode = stat.S_IMODE(each.stat().st_mode)
        except FileNotFoundError:
            continue
        if mode & _OTHERS:
            wanted = "700" if each == path.parent else "600"
            yield Diagnostic(
                "store.open-mode",
                f"{each} has mode {mode:03o}: other accounts of this machine may reach the credentials.",
                severity="warning",
                path=(str(each),),
                hint=f"chmod {wanted} {_quoted(each)}",
            )


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


def _unescape(text: str) -> str:
    for escape, char in _ESCAPES.items():
        text = text.replace(escape, char)
    return text
