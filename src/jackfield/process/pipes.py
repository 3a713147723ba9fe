"""The parent's ends of a child's pipes: none of them ever blocks, and each has a bound."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

_CHUNK = 64 * 1024


def make_pipe(
    theirs: contextlib.ExitStack, ours: contextlib.ExitStack, *, reads: Literal["child", "parent"]
) -> tuple[int, int]:
    """Return the child's and the parent's end of a new pipe; each is closed with its stack."""
    ends = os.pipe()
    child, parent = ends if reads == "child" else ends[::-1]
    parent = _above_standard(parent)
    ours.callback(os.close, parent)
    child = _above_standard(child)
    theirs.callback(os.close, child)
    os.set_blocking(parent, False)
    return child, parent


def _above_standard(descriptor: int) -> int:
    """Return a descriptor over 2: a program whose standard streams are closed is given 0 to 2 for its pipes."""
    import fcntl

    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


class Pipe:
    """The parent's end of a pipe, watched by the event loop; closing needs no running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int | None) -> None:
        self._loop = loop
        self._fd = descriptor

    @property
    def is_open(self) -> bool:
        """Whether it can still be read or written."""
        return self._fd is not None

    def close(self) -> None:
        """Close it; what waits is dropped."""
        if self._fd is not None:
            descriptor, self._fd = self._fd, None
            if not self._loop.is_closed():
                self._loop.remove_reader(descriptor)
                self._loop.remove_writer(descriptor)
            os.close(descriptor)

    def _receive(self) -> bytes | None:
        """Return what can be read now, None when that is nothing yet, `b""` at the end."""
        if self._fd is None:
            return b""
        try:
            return os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""


class Input(Pipe):
    """What is sent to the child."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        super().__init__(loop, descriptor)
        self._waiting = bytearray()
        self._last = False

    def put(self, data: bytes) -> int:
        """Take `data` and return how many bytes wait to be written."""
        if self.is_open and not self._last:
            self._waiting += data
            self._write()
        return len(self._waiting)

    def finish(self) -> None:
        """Close it as soon as everything is written; nothing more is taken."""
        self._last = True
        self._write()

    def close(self) -> None:
        """Close it; what waits to be written is dropped."""
        self._waiting.clear()
        super().close()

    def _write(self) -> None:
        try:
            while self._fd is not None and self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting[:_CHUNK])]
        except BlockingIOError:
            if self._fd is not None:
                self._loop.add_writer(self._fd, self._write)
            return
        except OSError:  # nobody reads any more
            self.close()
            return
        if self._last:
            self.close()
        elif self._fd is not None:
            self._loop.remove_writer(self._fd)


class Output(Pipe):
    """Reads what the child prints, keeps the end of it, and tells when it is too much."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, descriptor: int, limit: int, keep: int, overflow: Callable[[], None]
    ) -> None:
        super().__init__(loop, descriptor)
        self.kept = bytearray()
        self._keep = keep
        self._left = limit
        self._overflow = overflow
        loop.add_reader(descriptor, self._read)

    def add(self, data: bytes) -> None:
        """Keep a line that came another way, after all that is there now."""
        self.drain()
        if self.kept and not self.kept.endswith(b"\n"):
            self.kept += b"\n"
        self._keep_end(data)

    def drain(self) -> None:
        """Read what is there now; bounded, because what is read counts."""
        while self._read():
            pass

    def _read(self) -> bool:
        data = self._receive()
        if not data:
            if data is not None:
                self.close()
            return False
        self._keep_end(data)
        self._left -= len(data)
        if self._left < 0:
            # Ended before its pipe is closed: it is not to find that out.
            self._overflow()
            self.close()
        return True

    def _keep_end(self, data: bytes) -> None:
        self.kept += data
        del self.kept[: max(0, len(self.kept) - self._keep)]


class Lines(Pipe):
    """Cuts what the child sends into lines; reads ahead by no more than the length of one."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, descriptor: int | None, limit: int, overflow: Callable[[], None]
    ) -> None:
        super().__init__(loop, descriptor)
        self._buffer = bytearray()
        self._searched = 0
        self._limit = limit
        self._overflow = overflow
        self._last = False
        self._news = asyncio.Event()
        self._fill()

    def drain(self) -> None:
        """Take what is in the pipe now for all there is: the child has ended."""
        self._last = True
        self._fill()

    async def read(self) -> bytes:
        """Return the next line with its line feed; at the end the unfinished rest, then `b""`."""
        while True:
            at = self._buffer.find(b"\n", self._searched)
            self._searched = len(self._buffer)
            length = len(self._buffer) if at < 0 else at + 1
            if length > self._limit:
                self._overflow()
                self.drop()
                return b""
            if at >= 0 or not self.is_open:
                return self._take(length)
            self._news.clear()
            await self._news.wait()

    def drop(self) -> None:
        """Close it; what was received is dropped."""
        self._buffer.clear()
        self._searched = 0
        self.close()

    def close(self) -> None:
        """Close it; what was received can still be read."""
        super().close()
        self._news.set()

    def _take(self, length: int) -> bytes:
        line = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._searched = 0
        self._fill()
        return line

    def _fill(self) -> None:
        if self._fd is None:
            return
        self._loop.remove_reader(self._fd)
        while len(self._buffer) <= self._limit:
            data = self._receive()
            if data:
                self._buffer += data
                self._news.set()
            elif data is None and not self._last:
                self._loop.add_reader(self._fd, self._fill)
                return
            else:
                self.close()
                return
