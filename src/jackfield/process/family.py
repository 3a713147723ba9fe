"""What a child started, and started in turn: found and killed to the last one."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = "JACKFIELD_CHILD"
"""The variable by which a child's descendants are known, whoever their parent is."""

# Above it every limit is out of reach: in microseconds it is more than 70 000 years.
_NO_LIMIT = 1 << 61
_ROUNDS = 100
_PS_S = 2.0


def pidfd(pid: int) -> int | None:
    """Return a descriptor of a process, which stays that process's whatever becomes of its number; None without."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # gone, or a kernel or sandbox without it
        return None


class Process(NamedTuple):
    """A row of the system's table; `started` tells apart two processes with one number, 0 where that is unknown."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    alive: bool


class Family:
    """A child and what it started, found by parent, group, session, and two marks that are handed down.

    One mark is a variable of the environment. It can be cleared, and then a process that began a session of its own and
    lost its parent would be nobody's. The other one is a resource limit (Linux): every descendant has it, whatever it
    does with its environment, session and descriptors, unless it sets that very limit anew.
    """

    def __init__(self, root: int, marker: str) -> None:
        self._root = root
        self._marker = f"{MARKER}={marker}".encode()
        self._limit = _mark(root)
        row = _row(root)
        self._since = row.started if row else 0
        self._found: dict[tuple[int, int], Process] = {}

    def find(self, *, root_is_ours: bool = True, stop: bool = False) -> list[Process]:
        """Look for members not known yet, remember and return them, and `stop` them."""
        table, members = [], []
        for each in _table():
            if each.alive and each.started >= self._since and each.pid != os.getpid():
                table.append(each)
                if (root_is_ours and self._is_near(each)) or self._is_marked(each):
                    members.append(each)
                    # At once: some live only as long as it takes them to start another.
                    if stop and self._is_new(each):
                        _send(each, signal.SIGSTOP)
        direct = len(members)
        _add_below(members, table)
        new = [each for each in members if self._is_new(each)]
        if stop:
            for each in members[direct:]:
                _send(each, signal.SIGSTOP)
        self._found |= {(each.pid, each.started): each for each in new}
        return new

    def kill(self, *, root_is_ours: bool) -> None:
        """Kill all members, also those that are being started meanwhile.

        They are stopped before any is killed: a stopped process starts no other, and a killed parent no longer leads
        to its children.
        """
        killed = False
        for _ in range(_ROUNDS):
            if self.find(root_is_ours=root_is_ours, stop=True):
                killed = False
            elif killed:
                return
            else:
                for each in self._found.values():
                    _send(each, signal.SIGKILL)
                if root_is_ours:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(self._root, signal.SIGKILL)
                killed = True

    def lives(self) -> bool:
        """Tell whether a member other than the child itself is still there."""
        others = [each for each in self._found.values() if each.pid != self._root]
        if all(each.started for each in others):
            return any(_is_alive(each) for each in others)
        alive = {each.pid for each in _table() if each.alive}
        return any(each.pid in alive for each in others)

    def _is_new(self, process: Process) -> bool:
        return (process.pid, process.started) not in self._found

    def _is_near(self, process: Process) -> bool:
        return self._root in {process.pid, process.group, process.session}

    def _is_marked(self, process: Process) -> bool:
        if self._limit is not None and _limit_of(process.pid) == self._limit:
            return True
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123 - hot, and Path is slow
                return self._marker in file.read()
        except OSError:  # another user's, gone, or no such file on this system
            return False


def _add_below(members: list[Process], table: list[Process]) -> None:
    """Append to `members` everything in `table` that descends from them."""
    children: dict[int, list[Process]] = {}
    for each in table:
        children.setdefault(each.parent, []).append(each)
    seen = {each.pid for each in members}
    for each in members:  # grows while it is walked
        below = [child for child in children.get(each.pid, ()) if child.pid not in seen]
        seen.update(child.pid for child in below)
        members += below


def _mark(pid: int) -> int | None:
    """Give a process a limit by which its descendants are known, and return it; None where that cannot be.

    It is RLIMIT_RTTIME (getrlimit(2)), which binds threads with a real-time schedule alone, and those not before
    `_NO_LIMIT`.
    """
    if sys.platform != "linux":
        return None
    import resource

    # A finite one may be the mark of a child that this program runs in, by which that one's family is looked for.
    if _limit_of(pid) != resource.RLIM_INFINITY:
        return None
    limit = _NO_LIMIT + secrets.randbits(61)
    try:
        resource.prlimit(pid, resource.RLIMIT_RTTIME, (limit, limit))
    except (OSError, ValueError):  # it has ended, or a kernel or sandbox without it
        return None
    return limit


def _limit_of(pid: int) -> int | None:
    """Return a process's hard RLIMIT_RTTIME; None when it is gone, another user's, or on another system than Linux."""
    if sys.platform != "linux":
        return None
    import resource

    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[1]
    except (OSError, ValueError):
        return None


def _send(process: Process, number: int) -> None:
    handle = pidfd(process.pid)
    try:
        now = _row(process.pid)
        if process.started and (now is None or now.started != process.started):
            return
        if handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
    finally:
        if handle is not None:
            os.close(handle)


def _is_alive(process: Process) -> bool:
    now = _row(process.pid)
    return now is not None and now.alive and now.started == process.started


def _table() -> Iterator[Process]:
    """Return every process that can be seen, the youngest first."""
    if sys.platform != "linux":
        yield from _ps_table()
        return
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - hot, and Path is slow
    except OSError:
        return
    last = _last_pid()
    # Numbers are given out upwards, and from the lowest again after the highest.
    for pid in sorted((int(name) for name in names if name.isdecimal()), key=lambda pid: (pid > last, -pid)):
        row = _row(pid)
        if row is not None:
            yield row


def _last_pid() -> int:
    """Return the number given out last, as /proc/loadavg tells it (proc(5)); 0 where it does not."""
    try:
        with open("/proc/loadavg", "rb") as file:  # noqa: PTH123 - hot, and Path is slow
            return int(file.read().split()[-1])
    except (OSError, ValueError, IndexError):
        return 0


def _row(pid: int) -> Process | None:
    """Return one process's row from /proc/PID/stat (proc(5)), None where there is no such file."""
    if sys.platform != "linux":
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - hot, and Path is slow
            # The name in parentheses may hold anything, parentheses too.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    state, parent, group, session, started = fields[0], fields[1], fields[2], fields[3], fields[19]
    return Process(pid, int(parent), int(group), int(session), int(started), state not in (b"Z", b"X"))


def _ps_table() -> list[Process]:
    """Return every process as `ps` (POSIX) tells it."""
    command = ["/bin/ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "stat="]
    try:
        told = subprocess.run(command, capture_output=True, check=True, timeout=_PS_S, env={}).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split() for line in told.splitlines()]
    return [
        Process(int(row[0]), int(row[1]), int(row[2]), 0, 0, not row[3].startswith(b"Z"))
        for row in rows
        if len(row) == 4
    ]
