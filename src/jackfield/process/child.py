"""One child process, from its start to the end of everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jackfield.process.family import MARKER, Family, pidfd
from jackfield.process.pipes import Input, Lines, Output, Pipe, make_pipe
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Flood = Literal["output", "line", "input"]

_INPUT_BYTES = 16 * 1024 * 1024
# Where the system cannot tell of a child's end, it is asked this often; seconds.
_LOOK_S = 0.02
# How long a killed process may take to go before it is left to the system; seconds.
_GONE_S = 1.0


@record
class ChildLimits:
    """How much a child may take; None leaves it to the system.

    Attributes:
        memory_bytes: private writable memory of each process (RLIMIT_DATA). The address space is not limited: runtimes
            reserve far more of it than they use.
        cpu_s: seconds of processor time of each process.
        open_files: descriptors each process may have open.
        output_bytes: what it may write to standard output and error in all; more ends it.
        kept_bytes: how much of the end of that output is kept.
        line_bytes: how long a line on its pipe may be; a longer one ends it.

    The first three hold on Linux only. Core files are never written.
    """

    memory_bytes: int | None = 1024 * 1024 * 1024
    cpu_s: int | None = 300
    open_files: int | None = 1024
    output_bytes: int = 8 * 1024 * 1024
    kept_bytes: int = 64 * 1024
    line_bytes: int = 4 * 1024 * 1024


@record
class Exit:
    """How a child ended: its status (0 to 255), or minus the number of the signal that ended it."""

    status: int

    @property
    def signal_name(self) -> str | None:
        """The signal that ended it, such as `SIGKILL`, None when it ended by itself."""
        if self.status >= 0:
            return None
        try:
            return signal.Signals(-self.status).name
        except ValueError:  # a real-time signal has no name
            return f"signal {-self.status}"

    def __str__(self) -> str:
        name = self.signal_name
        return f"was ended by {name}" if name else f"ended with status {self.status}"


class Child:
    """One running child process; made by `start`, ended by `end` or by leaving `async with`.

    Belongs to the event loop it was started in. One task at a time may read lines.
    """

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        marker: str,
        descriptors: tuple[int, int, int | None],
        limits: ChildLimits,
    ) -> None:
        to_input, from_output, from_lines = descriptors
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._popen = popen
        self._family = Family(popen.pid, marker)
        self._exit: Exit | None = None
        self._exited = asyncio.Event()
        self._flood: Flood | None = None
        self._killed = False
        self._closed = False
        self._input = Input(loop, to_input)
        self._output = Output(
            loop, from_output, limits.output_bytes, limits.kept_bytes, lambda: self._overflow("output")
        )
        self._lines = Lines(loop, from_lines, limits.line_bytes, lambda: self._overflow("line"))
        self._watch = _ExitWatch(loop, popen.pid, self._look)

    @classmethod
    def start(
        cls,
        argv: Sequence[str] | Callable[[int], Sequence[str]],
        *,
        env: Mapping[str, str],
        cwd: str,
        limits: ChildLimits | None = None,
    ) -> Child:
        """Start a program; must be called where an event loop runs.

        Args:
            argv: the program (a path, or a name looked up in `env`'s PATH) and its arguments. A function gets the
                number of a descriptor and returns them: the child then has that descriptor open, and what it writes
                there is read with `read_line`.
            env: the child's whole environment, to which `MARKER` is added.
            cwd: the folder it starts in.
            limits: how much it may take.

        Raises:
            OSError: there is no such program or folder, or no process can be had. Nothing is left open.
            ValueError: an argument or a variable holds what the system cannot pass, such as a null character.
            RuntimeError: no event loop runs here.
        """
        asyncio.get_running_loop()
        limits = limits or ChildLimits()
        marker = secrets.token_hex(16)
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            child_input, to_input = make_pipe(theirs, ours, reads="child")
            child_output, from_output = make_pipe(theirs, ours, reads="parent")
            child_lines, from_lines, words = None, None, argv
            if not isinstance(words, Sequence):
                child_lines, from_lines = make_pipe(theirs, ours, reads="parent")
                words = words(child_lines)
            popen = subprocess.Popen(  # noqa: S603 - running a program is what this is for; there is no shell
                list(words),
                stdin=child_input,
                stdout=child_output,
                stderr=child_output,
                pass_fds=[] if child_lines is None else [child_lines],
                env={**env, MARKER: marker},
                cwd=cwd,
                start_new_session=True,
            )
            ours.callback(popen.wait)
            ours.callback(popen.kill)
            _restrict(popen.pid, limits)
            child = cls(popen, marker, (to_input, from_output, from_lines), limits)
            ours.pop_all()
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it runs."""
        return self._exit

    @property
    def flood(self) -> Flood | None:
        """Why it was ended: too much `output`, too long a `line`, or `input` that it did not read; else None."""
        return self._flood

    @property
    def output(self) -> bytes:
        """The end of what it wrote to standard output and error, at most `kept_bytes`, in the order written."""
        self._output.drain()
        return bytes(self._output.kept)

    def add_output(self, line: bytes) -> None:
        """Keep a line, its line feed included, among what it wrote: something it said by another way."""
        self._output.add(line)

    def write(self, data: bytes) -> None:
        """Send `data` to its standard input, in the background; after its end, or when it closed its input, nothing.

        A child that leaves more than 16 MiB unread is ended.
        """
        if self._input.put(data) > _INPUT_BYTES:
            self._overflow("input")

    def close_input(self) -> None:
        """End its standard input, after what was sent."""
        self._input.finish()

    async def read_line(self) -> bytes:
        """Return the next line from its pipe with its line feed; at the end the unfinished rest, then `b""`.

        The end is when every process has closed the pipe, or when the child has ended and what it wrote was read,
        whoever else holds the pipe. Of a child that was ended for a flood nothing more is read.
        """
        return await self._lines.read()

    async def wait(self) -> Exit:
        """Wait until it has ended."""
        await self._exited.wait()
        return self._exit or Exit(0)

    async def end(self, grace: float = 0.0) -> None:
        """End it and everything it started, and close all that belongs to it. Safe to call again and at any time.

        Args:
            grace: seconds that it gets to end by itself once its input is at its end; 0 kills it at once.

        The kill happens also when this is cancelled meanwhile.
        """
        try:
            try:
                if grace > 0 and self._exit is None and not self._closed:
                    # Looked up while the parents live: afterwards a link between the generations is gone.
                    self._family.find()
                    self.close_input()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._exited.wait(), grace)
            finally:
                self._kill()
            await self._gone()
        finally:
            self._close()

    async def __aenter__(self) -> Child:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    def _look(self) -> bool:
        """Note the end of the process, when it has come, and tell whether it has."""
        status = _peek(self._popen)
        if status is not None and self._exit is None:
            self._exit = Exit(status)
            if self._popen.returncode is not None:
                # Its number is free from now on, except as that of a group that still has members.
                self._family.kill(root_is_ours=True)
            self._output.drain()
            self._lines.drain()
            self._exited.set()
        return status is not None

    def _overflow(self, what: Flood) -> None:
        if self._flood is None:
            self._flood = what
            self._kill()
            self._lines.drop()

    def _kill(self) -> None:
        if not self._closed:
            self._family.kill(root_is_ours=self._popen.returncode is None)
            self._killed = True

    async def _gone(self) -> None:
        """Wait until everything that was killed is gone, which takes the system a moment."""
        until = self._loop.time() + _GONE_S
        while not self._closed and self._loop.time() < until:
            if self._look() and not self._family.lives():
                return
            await asyncio.sleep(0.002)

    def _close(self) -> None:
        """Free the process's number and close every descriptor; needs no running event loop."""
        if self._closed:
            return
        if not self._killed:  # a second Ctrl-C came in between
            self._kill()
        self._closed = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_GONE_S)
        if self._exit is None:
            status = self._popen.returncode
            self._exit = Exit(-signal.SIGKILL if status is None else status)
        for each in (self._watch, self._input, self._output, self._lines):
            each.close()
        self._exited.set()


def _restrict(pid: int, limits: ChildLimits) -> None:
    """Set the limits of a process that has just been started, where the system can do so from outside.

    In the child itself it could only be done between fork and exec, which is not safe in a program with threads.
    """
    import resource

    if sys.platform != "linux":
        return
    cpu = limits.cpu_s
    wanted = (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_DATA, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        # The soft limit's signal can be caught; a second later the hard one's cannot.
        (resource.RLIMIT_CPU, cpu, None if cpu is None else cpu + 1),
    )
    # A child that has ended already needs none.
    with contextlib.suppress(ProcessLookupError):
        for which, soft, hard in wanted:
            _, ceiling = resource.prlimit(pid, which)
            resource.prlimit(pid, which, (_lower(soft, ceiling), _lower(hard, ceiling)))


def _lower(limit: int | None, ceiling: int) -> int:
    infinity = -1
    if limit is None or limit == infinity:
        return ceiling
    return limit if ceiling == infinity else min(limit, ceiling)


class _ExitWatch(Pipe):
    """Calls `look` when the process has ended, and again until that returns True."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pid: int, look: Callable[[], bool]) -> None:
        super().__init__(loop, pidfd(pid))
        self._look = look
        self._timer: asyncio.TimerHandle | None = None
        if self._fd is None:
            self._timer = loop.call_later(_LOOK_S, self._tick)
        else:
            loop.add_reader(self._fd, self._tick)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def _tick(self) -> None:
        if self._look():
            self.close()
        elif self._fd is None:
            self._timer = self._loop.call_later(_LOOK_S, self._tick)


def _peek(popen: subprocess.Popen[bytes]) -> int | None:
    """Return how a child ended, None while it runs, leaving its number taken where the system allows that."""
    if popen.returncode is not None or not hasattr(os, "waitid"):
        return popen.poll()
    try:
        seen = os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # the program has its children reaped by somebody else
        return popen.poll()
    if seen is None:
        return None
    return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status
