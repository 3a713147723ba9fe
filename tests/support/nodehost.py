"""Drives the process of a TypeScript or JavaScript plugin by hand: the real Node.js, the protocol line by line."""

from __future__ import annotations

import functools
import json
import os
import select
import subprocess
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from jackfield.plugins.runtime import NodeRuntime, find_node, node_argv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DEADLINE_S = 60.0
CANCELLED = -32001
NOBODY_TO_ASK = -32002


@functools.cache
def node() -> NodeRuntime:
    """Return the Node.js of the test requirements; without one, every test that needs it fails."""
    return find_node(os.environ)


class HostError(Exception):
    """The host answered with an error."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error.get("data") or {}

    @property
    def kind(self) -> str | None:
        return self.data.get("kind")


class HostEnded(Exception):  # noqa: N818 - a state, which some tests wait for
    """The host's process ended; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the host ended with status {status}")
        self.status = status


class Refused:
    """An answer that is an error."""

    def __init__(self, code: int, message: str = "no") -> None:
        self.error = {"code": code, "message": message}


class NodeHost:
    """One child; use it as a context manager.

    Args:
        cache: folder for stripped sources, or None.
        env: added to the small environment that the child has.
        extra_fds: further descriptors that the child inherits.
    """

    def __init__(
        self, cache: Path | None = None, env: Mapping[str, str] | None = None, extra_fds: Sequence[int] = ()
    ) -> None:
        self.seen: list[dict[str, Any]] = []
        """Every message of the child, in order."""
        self._stack = ExitStack()
        self._output = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is entered right here
        read, write = os.pipe()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.process = subprocess.Popen(
            node_argv(node(), write, cache_dir=cache),
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=(write, *extra_fds),
            env=kept | dict(env or {}),
        )
        os.close(write)
        self._pipe = read
        self._rest = b""
        self._last_id = 100

    def __enter__(self) -> NodeHost:
        assert self.next()["params"]["protocol"] == 1
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        os.close(self._pipe)
        self._stack.close()

    @property
    def output(self) -> str:
        """Everything the child printed so far."""
        number = self._output.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")

    def send(self, message: Mapping[str, Any]) -> None:
        self.send_raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def send_raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def next(self) -> dict[str, Any]:
        """Return the next message of the child; raises `HostEnded` when there will be none."""
        deadline = time.monotonic() + DEADLINE_S
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no message within {DEADLINE_S} s; printed: {self.output[-2000:]}")
            data = os.read(self._pipe, 1 << 20)
            if not data:
                raise HostEnded(self.process.wait(DEADLINE_S))
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        self.seen.append(message)
        return message

    def ask(self, method: str, params: Mapping[str, Any]) -> int:
        """Send a request and return its id without waiting for the answer."""
        self._last_id += 1
        self.send({"id": self._last_id, "method": method, "params": params})
        return self._last_id

    def request(self, method: str, params: Mapping[str, Any], answers: Sequence[object] = ()) -> Any:
        """Send a request and return its result; prompts of the child get `answers`, one after the other."""
        return self.finish(self.ask(method, params), answers)

    def finish(self, number: int, answers: Sequence[object] = ()) -> Any:
        """Serve the child until request `number` is answered."""
        left = list(answers)
        while True:
            message = self.next()
            if message.get("id") == number and "method" not in message:
                assert not left, f"these answers were not asked for: {left}"
                if "error" in message:
                    raise HostError(message["error"])
                return message["result"]
            if "method" in message and "id" in message:
                self.answer(message["id"], left.pop(0) if message["method"] == "prompt" else None)

    def answer(self, number: int, value: object) -> None:
        """Answer a request of the child: with a value, or with the error that a `Refused` stands for."""
        if isinstance(value, Refused):
            self.send({"id": number, "error": value.error})
        else:
            self.send({"id": number, "result": {} if value is None else {"value": value}})

    def asked(self, *methods: str) -> list[dict[str, Any]]:
        """Return the parameters of the child's messages with these methods, in order."""
        return [message["params"] for message in self.seen if message.get("method") in methods]

    def load(self, entry: Path, **params: object) -> dict[str, Any]:
        """Load a plugin; parameters that are not given are those of a plugin without a config."""
        given = {"entry": str(entry), "root": str(entry.parent), "id": "acme", "config": {}, **params}
        result: dict[str, Any] = self.request("load", given)
        return result

    def login(
        self,
        method: int = 0,
        answers: Sequence[object] = (),
        context: Mapping[str, object] | None = None,
    ) -> Any:
        """Run a login of the first provider."""
        given = {"config": {}, "isRemote": False, **(context or {})}
        return self.request("login", {"provider": 0, "method": method, "context": given}, answers)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write a plugin's files, making folders as needed."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
