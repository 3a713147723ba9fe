"""The process of the embedded speech service.

Started by `jackfield.voice.engines.launcher` as `python -I -S -c "...; main()" --fd N`. One line of JSON on standard
input says what it shall do: `{"port", "token", "limits", "parent"}`. One line of JSON on descriptor N says that it is
ready, `{"ready": true, "port"}`, or why it is not, `{"ready": false, "reason", "message"}`. It ends when its standard
input does, or when its parent is another one than it was.

How soon it is ready is what a user waits for at the first word, so what only recognition needs is imported later.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from typing import TYPE_CHECKING

from jackfield.records import record
from jackfield.voice.engines.limits import ServiceLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.voice.engines.connection import Server

MISSING, ENGINE, PORT = "missing", "engine", "port"

_INPUT = 0
_MAX_LINE = 64 * 1024
_WATCH_MS = 1_000
# A thread's stack counts as the process's own memory, which is bounded; the engines need a small part of this.
_STACK = 1024 * 1024


@record
class Orders:
    """What the parent asks for."""

    port: int
    token: str
    parent: int
    limits: ServiceLimits

    @classmethod
    def read(cls, line: bytes) -> Orders:
        """Read the line that the parent sends first.

        Raises:
            ValueError: it is not what the launcher writes.
        """
        given = json.loads(line)
        return cls(int(given["port"]), str(given["token"]), int(given["parent"]), ServiceLimits(**given["limits"]))


def main() -> None:
    """Serve until the parent is gone."""
    told = int(sys.argv[sys.argv.index("--fd") + 1])
    line = _first_line()
    if not line:
        return  # the parent was gone before it had said anything
    orders = Orders.read(line)
    threading.stack_size(_STACK)
    threading.Thread(target=watch, args=(_INPUT, orders.parent), daemon=True).start()
    server = make_server(orders, told)
    if server is None:
        return
    tell(told, {"ready": True, "port": server.port})
    server.serve()


def make_server(orders: Orders, told: int) -> Server | None:
    """Return the server, ready to serve; None when it cannot be, which is told on the descriptor `told`."""
    from jackfield.voice.engines.connection import Server
    from jackfield.voice.engines.espeak import Espeak
    from jackfield.voice.engines.routes import Routes

    try:
        espeak = Espeak()
    except ImportError as error:
        tell(told, {"ready": False, "reason": MISSING, "message": str(error)})
        return None
    except OSError as error:
        tell(told, {"ready": False, "reason": ENGINE, "message": str(error)})
        return None
    try:
        return Server(orders.port, orders.token, Routes(espeak, orders.limits).table(), orders.limits)
    except OSError as error:
        tell(told, {"ready": False, "reason": PORT, "message": error.strerror or str(error)})
        return None


def watch(descriptor: int, parent: int) -> None:
    """End the process when `descriptor` comes to its end, or when the process's parent is not `parent` any more.

    The end of the input is seen at once. The second look is for a parent whose end of the pipe was inherited by another
    process that goes on living.
    """
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    while os.getppid() == parent:
        if ready.poll(_WATCH_MS) and not os.read(descriptor, _MAX_LINE):
            break
    # Threads may be at work in the engines: nothing is waited for, and nothing is left to write.
    os._exit(0)


def tell(descriptor: int, message: Mapping[str, object]) -> None:
    """Write one line and close the descriptor."""
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(json.dumps(message).encode() + b"\n")


def _first_line() -> bytes:
    """Return standard input up to its first line feed; nothing when it ends before."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(_INPUT, 1)
        if not byte or len(line) > _MAX_LINE:
            return b""
        line += byte
    return line
