"""Starts the embedded speech service in a process of its own, waits until it is ready, and ends it without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.errors import InternalError, RemoteError
from jackfield.process import Child, ChildLimits, Exit, allowed_environment
from jackfield.voice.engines.limits import ServiceLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGES: Mapping[str, str] = {
    "espeakng_loader": "espeakng-loader",
    "pocketsphinx": "pocketsphinx",
    "soundfile": "soundfile",
    "lameenc": "lameenc",
}
"""What the extra `voice` brings: the module of each package, and its name."""

INSTALL = "pip install 'jackfield[voice]'"
"""The command that brings what is missing."""

_NEEDED = "espeakng_loader"
_MIB = 1024 * 1024
# What it prints is kept by its end only; what counts is that a chatty library does not end it.
_LIMITS = ChildLimits(memory_bytes=1024 * _MIB, cpu_s=None, open_files=256, output_bytes=1024 * _MIB)
_SHOWN = 300
_GONE_S = 1.0


class EmbeddedSpeech:
    """The embedded speech service: started and ended with `async with`.

    It speaks the HTTP dialect of audio endpoints at `base_url`, on 127.0.0.1 only, to whoever sends `token` as bearer
    token. It ends with this object, and also when this process ends in any way.

    Args:
        env: the environment to choose the child's from; this process's when None.
        port: the port to listen on, 0 for a free one.
        limits: how much the service takes on.
        start_s: seconds until it must be ready.
        end_s: seconds it gets to end by itself.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        limits: ServiceLimits | None = None,
        start_s: float = 10.0,
        end_s: float = 1.0,
    ) -> None:
        self._env = env
        self._wanted = port
        self._limits = limits or ServiceLimits()
        self._start_s = start_s
        self._end_s = end_s
        self._token = secrets.token_urlsafe(32)
        self._child: Child | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:40123/v1`.

        Raises:
            InternalError: it was not started.
        """
        if not self._port:
            raise InternalError("The embedded speech service was not started.")
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def token(self) -> str:
        """The secret that requests must bring as `Authorization: Bearer`; made anew for each service."""
        return self._token

    @property
    def pid(self) -> int | None:
        """Its process id; None before it was started."""
        return self._child.pid if self._child else None

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it runs, and before it was started."""
        return self._child.exit if self._child else None

    async def __aenter__(self) -> EmbeddedSpeech:
        """Start it and wait until it is ready.

        Raises:
            RemoteError: `voice.embedded-missing` (its packages are not installed), `voice.embedded-start-failed` (no
                process can be had, the library cannot be loaded, or the port is taken), `voice.embedded-exited`,
                `voice.embedded-timeout`. Nothing of it runs then.
            InternalError: it was started before.
        """
        if self._child is not None:
            raise InternalError("An embedded speech service is started once.")
        require_packages()
        self._child = child = self._started()
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(child.end)
            try:
                async with asyncio.timeout(self._start_s) as deadline:
                    child.write(self._orders())
                    line = await child.read_line()
                    self._port = await self._told(child, line)
            except TimeoutError:
                if not deadline.expired():
                    raise
                message = f"The embedded speech service was not ready within {self._start_s:g} s."
                raise RemoteError(message, code="voice.embedded-timeout") from None
            undo.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def wait(self) -> Exit:
        """Wait until it has ended, and tell how.

        Raises:
            InternalError: it was not started.
        """
        if self._child is None:
            raise InternalError("The embedded speech service was not started.")
        return await self._child.wait()

    async def end(self) -> None:
        """End it; safe to call again and at any time."""
        if self._child is not None:
            await self._child.end(self._end_s)

    def __repr__(self) -> str:
        state = f"port={self._port}" if self._port else "not started"
        return f"EmbeddedSpeech({state if self.exit is None else 'ended'})"

    def _started(self) -> Child:
        env = allowed_environment(os.environ if self._env is None else self._env)
        try:
            return Child.start(service_argv, env=env, cwd=os.sep, limits=_LIMITS)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "a variable cannot be passed"
            raise _start_failed(reason) from error

    def _orders(self) -> bytes:
        orders = {
            "port": self._wanted,
            "token": self._token,
            "parent": os.getpid(),
            "limits": self._limits.to_dict(),
        }
        return json.dumps(orders).encode() + b"\n"

    async def _told(self, child: Child, line: bytes) -> int:
        """Return the port that the service tells, or raise why there is none."""
        if not line.endswith(b"\n"):
            raise await self._exited(child)
        told = json.loads(line)
        if told["ready"]:
            return int(told["port"])
        if told["reason"] == "missing":
            raise _missing([PACKAGES[_NEEDED]])
        reason = str(told["message"])[:_SHOWN].rstrip(".")
        raise _start_failed(f"port {self._wanted}: {reason}" if told["reason"] == "port" else reason)

    async def _exited(self, child: Child) -> RemoteError:
        with contextlib.suppress(TimeoutError):
            # The pipe is closed a moment before the process is seen to have ended.
            await asyncio.wait_for(child.wait(), _GONE_S)
        how = str(child.exit) if child.exit else "closed its pipe"
        error = RemoteError(f"The embedded speech service {how} before it was ready.", code="voice.embedded-exited")
        printed = child.output.decode("utf-8", "replace").strip()
        if printed:
            error.add_note(printed)
        return error


def missing_packages() -> tuple[str, ...]:
    """Return the packages of the extra `voice` that are not installed, by the names pip knows them by.

    Nothing is imported: they are looked for only.
    """
    return tuple(name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None)


def require_packages() -> None:
    """Check that the service can be started here; without the others of `PACKAGES` it does a part of its job.

    Raises:
        RemoteError: `voice.embedded-missing`; the fix is the command that installs what is missing.
    """
    missing = missing_packages()
    if PACKAGES[_NEEDED] in missing:
        raise _missing(missing)


def service_argv(fd: int) -> Sequence[str]:
    """Return the command line of the service: this interpreter, finding modules where this process does.

    The service reads no `PYTHON*` variable, no user site and no `.pth` file, and does not look in the folder that the
    user works in.

    Args:
        fd: the inherited descriptor that it tells its state on.
    """
    folder = str(Path(__file__).resolve().parents[3])
    path = [folder, *_search_path()]
    code = f"import sys; sys.path[:0] = {path!r}; from jackfield.voice.engines.service import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, "--fd", str(fd)]


def _search_path() -> list[str]:
    """Return where this process finds modules, without the folder that the user works in."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # removed meanwhile: nothing is found in it
        here = None
    found = [Path(each).absolute() for each in sys.path if each]
    return [str(each) for each in found if each != here]


def _missing(names: Sequence[str]) -> RemoteError:
    message = f"The embedded speech needs packages that are not installed: {', '.join(names)}."
    return RemoteError(message, code="voice.embedded-missing", fix=f"Install them with: {INSTALL}")


def _start_failed(reason: str) -> RemoteError:
    return RemoteError(f"The embedded speech service cannot be started: {reason}.", code="voice.embedded-start-failed")
