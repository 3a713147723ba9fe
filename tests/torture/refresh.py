"""Renews one credential in many processes at once, kills and stops them on the way, and counts what the provider saw.

The provider is a real HTTP server on 127.0.0.1 whose refresh tokens work once. The suite runs a slice; `rounds`,
`threads`, `kills` and `points` of `python tests/torture/refresh.py` run as long as one likes. Every driver raises
AssertionError at the first broken promise. POSIX only: it forks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from jackfield.credentials.profile import OAuthCredential, Profile
from jackfield.credentials.refresh import Refresher
from jackfield.credentials.renewal import Failure, RefreshPolicy, failure_from_answer
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore, now_ms
from jackfield.errors import JackfieldError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from jackfield.credentials.refresh import Exchange
    from support.servers import Connection, Handler, Request

ID = "acme:default"
HOUR = 3_600
POINTS = ("before-send", "after-send", "after-reply")
STALL = "stop-after-reply"


# ----------------------------------------------------------------------------------------------------- the provider


class Provider:
    """A token endpoint whose refresh tokens work once; give `handle` to an `HttpServer`.

    Args:
        delay: how long an answer takes, in seconds.
        lifetime: of the access tokens, in seconds.

    Attributes:
        calls: how many exchanges were asked for.
        reused: how many of them brought a token that had been used; the figure that must be 0.
    """

    def __init__(self, delay: float, lifetime: int = HOUR) -> None:
        self.delay = delay
        self.calls = 0
        self.reused = 0
        self._lifetime = lifetime
        self._spent: set[str] = set()
        self._issued = 0

    def login(self) -> OAuthCredential:
        """Return a grant whose access token has ended."""
        self._issued += 1
        return OAuthCredential(Secret(f"old-{self._issued}"), Secret(f"login-{self._issued}"), 1)

    @property
    def handle(self) -> Handler:
        """The endpoint."""

        async def handle(request: Request, connection: Connection) -> None:
            (token,) = parse_qs(request.body.decode())["refresh_token"]
            self.calls += 1
            status, answer = 400, dict[str, object](error="invalid_grant")
            if token in self._spent:
                self.reused += 1
            else:
                # Whatever becomes of the answer, the token is used.
                self._spent.add(token)
                status, answer = 200, self._grant()
            await asyncio.sleep(self.delay)
            await connection.reply(status, json.dumps(answer).encode())
            connection.close()

        return handle

    def _grant(self) -> dict[str, object]:
        self._issued += 1
        number = self._issued
        return {
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_in": self._lifetime,
        }


def exchange_with(port: int, mode: str = "") -> Exchange:
    """Return an exchange with the provider at a port of 127.0.0.1; `mode` ends or stops this process on the way."""

    async def exchange(profile: Profile) -> OAuthCredential | Failure:
        assert isinstance(profile.credential, OAuthCredential)
        assert profile.credential.refresh is not None
        _suffer(mode, "before-send")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = f"grant_type=refresh_token&refresh_token={profile.credential.refresh.reveal()}"
        writer.write(f"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        _suffer(mode, "after-send")
        answer = await reader.read()
        writer.close()
        _suffer(mode, "after-reply")
        head, _, content = answer.partition(b"\r\n\r\n")
        return _understood(int(head.split(b" ")[1]), json.loads(content))

    return exchange


def call_s(port: int, credential: OAuthCredential) -> float:
    """Return the seconds that one exchange takes, without any store."""
    began = time.monotonic()
    assert isinstance(asyncio.run(_awaited(exchange_with(port)(Profile(ID, credential)))), OAuthCredential)
    return time.monotonic() - began


async def _awaited(work: Awaitable[object]) -> object:
    return await work


def _understood(status: int, answer: dict[str, object]) -> OAuthCredential | Failure:
    if status != 200:
        return failure_from_answer(status, str(answer["error"]))
    expires = now_ms() + int(str(answer["expires_in"])) * 1000
    return OAuthCredential(Secret(str(answer["access_token"])), Secret(str(answer["refresh_token"])), expires)


def _suffer(mode: str, point: str) -> None:
    if mode == f"kill-{point}":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == f"stop-{point}":
        os.kill(os.getpid(), signal.SIGSTOP)


# ------------------------------------------------------------------------------------------------------ the processes


class Ended(NamedTuple):
    """How a process ended: its exit status (negative for a signal), and what it said last."""

    status: int
    outcome: str | None
    seconds: float


class Herd:
    """Processes that each ask for a fresh credential once; forked from a small one, so that a hundred are cheap.

    Args:
        path: the store.
        port: the provider's.
        lease: of the exchange, in ms.
    """

    def __init__(self, path: Path, port: int, lease: int = 60_000) -> None:
        command = [sys.executable, __file__, "herd", str(path), str(port), str(lease)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Herd:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()

    def spawn(self, count: int, mode: str = "") -> list[int]:
        """Make processes that wait for `go`; return their ids."""
        return [int(str(each)) for each in self._ask(f"spawn {count} {mode}")]

    def go(self) -> None:
        """Let them ask."""
        self._ask("go")

    def stopped(self) -> None:
        """Return when the only process has stopped itself."""
        self._ask("stopped")

    def reap(self) -> list[Ended]:
        """Return how each of them ended, when all have."""
        return [Ended(*each) for each in self._ask("reap")]  # type: ignore[misc]

    def _ask(self, command: str) -> list[object]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, list)
        return answer


class _Herd:
    """The small process that forks, told what to do by lines on its standard input."""

    def __init__(self, path: Path, port: int, lease: int) -> None:
        self._where = path, port, lease
        self._pids: list[int] = []
        self._gate = self._said = -1

    def obey(self) -> None:
        """Carry out commands until there are no more."""
        for line in sys.stdin:
            command, *arguments = line.split()
            answer = self._spawn(*arguments) if command == "spawn" else self._simple[command]()
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()

    @property
    def _simple(self) -> dict[str, Callable[[], list[object]]]:
        return {"go": self._go, "stopped": self._stopped, "reap": self._reap}

    def _spawn(self, count: str, mode: str = "") -> list[object]:
        wait, self._gate = os.pipe()
        self._said, say = os.pipe()
        self._pids = []
        for _ in range(int(count)):
            child = os.fork()
            if child == 0:
                os.close(self._gate)
                _be_one(wait, say, *self._where, mode)
            self._pids.append(child)
        os.close(wait)
        os.close(say)
        return [*self._pids]

    def _go(self) -> list[object]:
        os.close(self._gate)  # all of them read the end of the pipe at once
        return []

    def _stopped(self) -> list[object]:
        _, status = os.waitpid(self._pids[0], os.WUNTRACED)
        assert os.WIFSTOPPED(status), status
        return []

    def _reap(self) -> list[object]:
        said = b""
        while chunk := os.read(self._said, 65_536):
            said += chunk
        os.close(self._said)
        told = {int(pid): rest for pid, *rest in (line.split() for line in said.decode().splitlines())}
        ended: list[object] = []
        for pid in self._pids:
            _, status = os.waitpid(pid, 0)
            outcome, seconds = told.get(pid, [None, "0"])
            ended.append([os.waitstatus_to_exitcode(status), outcome, float(str(seconds))])
        return ended


def _be_one(wait: int, say: int, path: Path, port: int, lease: int, mode: str) -> None:
    try:
        with CredentialStore.open(path) as store, asyncio.Runner() as runner:
            # As a program that runs already: it has an event loop with threads, and has looked into the store.
            runner.run(_awaited(asyncio.to_thread(store.get, ID)))
            os.read(wait, 1)
            began = time.monotonic()
            access, code = runner.run(_fresh(store, port, lease, mode))
            seconds = time.monotonic() - began
        os.write(say, f"{os.getpid()} {code or access} {seconds:.6f}\n".encode())
        os._exit(0)
    finally:
        os._exit(1)


async def _fresh(store: CredentialStore, port: int, lease: int = 60_000, mode: str = "") -> tuple[str, str | None]:
    """Return the access token, or the code of what forbids to have one."""
    policy = RefreshPolicy(lease=lease, exchange=lease - 1, patience=lease * 2)
    try:
        return access_of(await Refresher(store, policy=policy).fresh(ID, exchange_with(port, mode))), None
    except JackfieldError as error:
        return "", error.code


def access_of(profile: Profile | None) -> str:
    """Return the access token of a profile."""
    assert profile is not None
    assert isinstance(profile.credential, OAuthCredential)
    return profile.credential.access.reveal()


def expire(store: CredentialStore) -> None:
    """Let the access token of the profile end now."""
    profile = store.get(ID)
    assert profile is not None
    assert isinstance(profile.credential, OAuthCredential)
    credential = OAuthCredential(profile.credential.access, profile.credential.refresh, 1)
    store.put(Profile(ID, credential))


# ---------------------------------------------------------------------------------------------------------- the drivers


def rounds(path: Path, provider: Provider, port: int, processes: int, count: int) -> list[list[Ended]]:
    """Let processes need a fresh credential at once, again and again; each time one of them may ask the provider.

    Returns:
        How each process ended, by round.
    """
    found = []
    with CredentialStore.open(path) as store, Herd(path, port) as herd:
        store.put(Profile(ID, provider.login()))
        for number in range(count):
            expire(store)
            herd.spawn(processes)
            herd.go()
            ended = herd.reap()
            now = access_of(store.get(ID))
            assert {(each.status, each.outcome) for each in ended} == {(0, now)}, f"round {number}: {ended}"
            assert provider.calls == number + 1, f"round {number}: {provider.calls} calls"
            found.append(ended)
    assert provider.reused == 0
    return found


def threads(path: Path, provider: Provider, port: int, count: int, rounds_: int) -> int:
    """Let threads of one process, each with an event loop of its own, need a fresh credential at once.

    Returns:
        How many credentials were handed out; one exchange was made each round.
    """
    handed = 0
    with CredentialStore.open(path) as store:
        store.put(Profile(ID, provider.login()))
        refresher = Refresher(store)
        for number in range(rounds_):
            expire(store)
            found = _in_threads(refresher, port, count)
            assert found == [access_of(store.get(ID))] * count, f"round {number}: {Counter(found)}"
            assert provider.calls == number + 1, f"round {number}: {provider.calls} calls"
            handed += len(found)
    assert provider.reused == 0
    return handed


def _in_threads(refresher: Refresher, port: int, count: int) -> list[str]:
    found: list[str] = []
    start = threading.Barrier(count)

    def one() -> None:
        start.wait(60)
        found.append(access_of(asyncio.run(refresher.fresh(ID, exchange_with(port)))))

    workers = [threading.Thread(target=one) for _ in range(count)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(120)
    return found


def kills(folder: Path, provider: Provider, port: int, count: int, seed: int = 0) -> Counter[str]:
    """Kill a process at random instants of a renewal; afterwards another one must know what it may do.

    Returns:
        How often each outcome was seen: `stored` (the killed one had stored its result), `renewed` (it had not begun,
        and the next one renewed), `unknown` (the token may have been used, so the user is told to log in).
    """
    rng = random.Random(seed)
    counted = Counter(rounds=count, stored=0, renewed=0, unknown=0)
    path, lease = folder / "store.db", 60_000
    with CredentialStore.open(path) as store, Herd(path, port, lease) as herd:
        store.put(Profile(ID, provider.login()))
        for _ in range(count):
            expire(store)
            before = access_of(store.get(ID)), provider.calls
            (pid,) = herd.spawn(1)
            herd.go()
            time.sleep(rng.random() * (provider.delay * 1.5 + 0.03))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            (ended,) = herd.reap()
            counted[after_kill(path, provider, port, before, ended, lease)] += 1
    assert provider.reused == 0
    return counted


def points(folder: Path, provider: Provider, port: int) -> dict[str, str]:
    """Kill a process at each point of an exchange; return the outcome of each."""
    found = {}
    path, lease = folder / "store.db", 60_000
    with CredentialStore.open(path) as store, Herd(path, port, lease) as herd:
        store.put(Profile(ID, provider.login()))
        for point in POINTS:
            expire(store)
            before = access_of(store.get(ID)), provider.calls
            herd.spawn(1, f"kill-{point}")
            herd.go()
            (ended,) = herd.reap()
            assert ended.status == -signal.SIGKILL, ended
            found[point] = after_kill(path, provider, port, before, ended, lease)
    assert provider.reused == 0
    return found


def after_kill(path: Path, provider: Provider, port: int, before: tuple[str, int], ended: Ended, lease: int) -> str:
    """Ask for a fresh credential when the killed one's lease is over; log in again where that is what is said.

    Args:
        path: the store.
        provider: the provider.
        port: its port.
        before: the access token, and the number of calls, before the renewal that was killed.
        ended: how the killed one ended.
        lease: in ms.
    """
    access, calls = before
    asked = provider.calls - calls
    assert asked <= 1, f"{asked} calls"
    with CredentialStore.open(path, clock=lambda: now_ms() + lease + 1) as store:
        stored = access_of(store.get(ID))
        assert ended.outcome in {None, stored}, "acknowledged and lost"
        fresh, code = asyncio.run(_fresh(store, port))
        assert code in {None, "credential.refresh-unknown"}, code
        if code is not None:
            assert stored == access, "a result was stored and is not known"
            store.put(Profile(ID, provider.login()))
            return "unknown"
    if stored != access:
        assert (fresh, provider.calls) == (stored, calls + 1), "a stored result was renewed once more"
        return "stored"
    assert asked == 0, "a token that had arrived was sent again"
    assert provider.calls == calls + 1
    return "renewed"


# ----------------------------------------------------------------------------------------------------------------- main


@contextlib.contextmanager
def serving(delay: float) -> Iterator[tuple[Provider, int]]:
    """Give a provider and its port."""
    from support.servers import HttpServer

    provider = Provider(delay)
    with HttpServer(provider.handle) as server:
        yield provider, server.port


def main(arguments: list[str] | None = None) -> int:
    """Run one driver, or be the process that forks."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in (
        ("rounds", (("--processes", 32), ("--count", 100))),
        ("threads", (("--threads", 200), ("--count", 100))),
        ("kills", (("--count", 1000), ("--seed", 0))),
        ("points", ()),
    ):
        command = commands.add_parser(name)
        for option, default in options:
            command.add_argument(option, type=int, default=default)
        command.add_argument("--delay", type=float, default=0.05, help="of the provider, in seconds")
    herd = commands.add_parser("herd")
    herd.add_argument("path", type=Path)
    herd.add_argument("port", type=int)
    herd.add_argument("lease", type=int)
    given = parser.parse_args(arguments)
    if given.command == "herd":
        _Herd(given.path, given.port, given.lease).obey()
        return 0
    with tempfile.TemporaryDirectory() as folder, serving(given.delay) as (provider, port):
        print(json.dumps(_drive(given, Path(folder), provider, port)))
    return 0


def _drive(given: argparse.Namespace, folder: Path, provider: Provider, port: int) -> dict[str, object]:
    began = time.monotonic()
    result: dict[str, object]
    if given.command == "rounds":
        found = rounds(folder / "store.db", provider, port, given.processes, given.count)
        result = {"rounds": len(found), "processes": given.processes, "calls": provider.calls}
    elif given.command == "threads":
        handed = threads(folder / "store.db", provider, port, given.threads, given.count)
        result = {"rounds": given.count, "handed_out": handed, "calls": provider.calls}
    elif given.command == "kills":
        result = {**kills(folder, provider, port, given.count, given.seed)}
    else:
        result = {**points(folder, provider, port)}
    return {**result, "reused": provider.reused, "seconds": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
