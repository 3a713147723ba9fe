"""What renewing a credential costs: the slowest of many processes against the provider's call, and the quick path.

Many processes need the same expired credential at once; one of them asks the provider, the others wait for its result.
The base of the first figure is that one call, measured as the process that made it saw it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench._measure import MICROSECOND, MILLISECOND, ROOT, interleaved, show_ratio

from jackfield.credentials.profile import OAuthCredential, Profile
from jackfield.credentials.refresh import Refresher
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

PROCESSES = 32
PROVIDER_S = 0.2
GOAL = 1.25
HOUR_MS = 3_600_000


def slowest(folder: Path, rounds: int) -> tuple[float, float]:
    """Return the medians, in seconds, of the slowest process and of the provider's call, over some rounds."""
    sys.path.insert(0, str(ROOT / "tests"))
    from torture import refresh

    calls: list[float] = []
    with refresh.serving(PROVIDER_S) as (provider, port):
        found = refresh.rounds(folder / "store.db", provider, port, PROCESSES, rounds)
        calls.extend(refresh.call_s(port, provider.login()) for _ in range(rounds))
    return statistics.median(max(one.seconds for one in each) for each in found), statistics.median(calls)


def quick(folder: Path, rounds: int) -> dict[str, float]:
    """Return the medians, in seconds, of handing out a fresh credential and of reading its profile."""
    profile = Profile("acme:one", OAuthCredential(Secret("access"), Secret("refresh"), now_ms() + HOUR_MS))

    async def never(_: Profile) -> OAuthCredential:
        raise AssertionError("a fresh credential was renewed")

    with CredentialStore.open(folder / "quick.db") as store, asyncio.Runner() as runner:
        store.put(profile)
        refresher = Refresher(store)

        async def idle() -> None:
            await asyncio.to_thread(store.get, profile.id)

        runs: dict[str, Callable[[], object]] = {
            "fresh": lambda: runner.run(refresher.fresh(profile.id, never)),
            "get": lambda: runner.run(idle()),
        }
        return interleaved(runs, rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        last, call = slowest(Path(name), rounds)
        fresh = quick(Path(name), rounds * 100)
    show_ratio(f"slowest of {PROCESSES} processes / provider's call", last, call, MILLISECOND, GOAL, "call")
    show_ratio("fresh credential / reading it in a thread", fresh["fresh"], fresh["get"], MICROSECOND, 2, "read")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
