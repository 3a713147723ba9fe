"""Drives the process of a Python plugin by hand: real children, the protocol line by line."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jackfield

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCE = str(Path(jackfield.__file__).parents[1])
BOOT = "import sys; sys.path.append({!r}); from jackfield.plugins.pyhost import main; main()"
DEADLINE_S = 30.0

Answer = object
"""What the parent says to a request of the child: a dict is the result, an int the code of an error."""


class Ended(Exception):  # noqa: N818 - a state, which some tests wait for
    """The child ended before it answered; `status` is its exit status."""

    def __init__(self, status: int, output: str) -> None:
        super().__init__(f"status {status}: {output[-2000:]}")
        self.status = status


class Child:
    """One process; use as a context manager.

    Args:
        boot: the program to run in place of the host's own start.
        options: more options of the interpreter.
    """

    def __init__(self, boot: str = BOOT.format(SOURCE), options: tuple[str, ...] = (), path: object = None) -> None:
        self._read, write = os.pipe()
        self.seen: list[dict[str, Any]] = []
        """Every message of the child."""
        given = path if path is not None else sys.path
        argv = [sys.executable, "-S", "-E", "-P", *options, "-c", boot, "--fd", str(write), "--path", json.dumps(given)]
        kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PATH", "TMPDIR"))}
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(write,), env=kept
        )
        os.close(write)
        self._rest = b""
        self._last = 0
        self._output = b""

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.process.stdin.close()
        self.process.stdout.close()
        os.close(self._read)

    @property
    def output(self) -> str:
        """What the child printed; ask when it has ended."""
        assert self.process.stdout is not None
        self._output += self.process.stdout.read()
        return self._output.decode()

    def printed(self, text: str) -> None:
        """Wait until the child has printed `text`."""
        assert self.process.stdout is not None
        descriptor, end = self.process.stdout.fileno(), time.monotonic() + DEADLINE_S
        while text.encode() not in self._output:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(descriptor, 65_536) if ready else b""
            assert chunk, self._output
            self._output += chunk

    def close_stdin(self) -> None:
        """End its standard input, as a parent that dies does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ended(self) -> int:
        """Wait until it has ended; return the exit status."""
        return self.process.wait(DEADLINE_S)

    def write(self, message: Mapping[str, object] | bytes) -> None:
        """Send one line."""
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """Return the child's next message."""
        end = time.monotonic() + DEADLINE_S
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(self._read, 65_536) if ready else b""
            if not ready:
                raise TimeoutError(self.seen)
            if not chunk:
                raise Ended(self.ended(), self.output)
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        self.seen.append(message)
        return message

    def start(self, method: str, params: Mapping[str, object]) -> int:
        """Send a request; return its id."""
        self._last += 1
        self.write({"id": self._last, "method": method, "params": params})
        return self._last

    def finish(self, number: int, serve: Callable[[str, dict[str, Any]], Answer] | None = None) -> dict[str, Any]:
        """Return the answer to a request, serving what the child asks meanwhile."""
        while True:
            message = self.read()
            if "method" not in message:
                assert message["id"] == number
                return message
            if "id" in message:
                assert serve is not None, message
                self.answer(message, serve(message["method"], message["params"]))

    def answer(self, message: Mapping[str, Any], answer: Answer) -> None:
        """Answer a request of the child."""
        if isinstance(answer, int):
            self.write({"id": message["id"], "error": {"code": answer, "message": "as the parent says"}})
        else:
            self.write({"id": message["id"], "result": answer})

    def call(
        self, method: str, params: Mapping[str, object], serve: Callable[[str, dict[str, Any]], Answer] | None = None
    ) -> dict[str, Any]:
        """Send a request and return its answer."""
        return self.finish(self.start(method, params), serve)

    def load(self, entry: Path | str, **more: object) -> dict[str, Any]:
        """Load a plugin; return the answer."""
        if not self.seen:
            assert self.read()["method"] == "ready"
        root = str(Path(entry).parent)
        about = {"id": "acme", "name": "Acme", "version": "1.0", "description": "A plugin", "source": str(entry)}
        return self.call("load", {"entry": str(entry), "root": root, "config": {}, **about, **more})

    def told(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the notifications and requests of this name so far."""
        return [each["params"] for each in self.seen if each.get("method") == method]
