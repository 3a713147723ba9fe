"""What resolving a credential costs while nothing has changed: against a dict lookup, and one PRAGMA data_version.

That pragma is the least that can tell whether another process has written the store. The goal is in time, because it is
what a program pays at each call to a provider.
"""

from __future__ import annotations

import argparse
import base64
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench._measure import MICROSECOND, in_unit, interleaved, show, show_ratio

from jackfield.app import App
from jackfield.credentials.profile import OAuthCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 200
GOAL_S = 50 * MICROSECOND
HOUR_MS = 3_600_000
PROVIDER = "chutes"


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Return the median seconds of one call of each contender, with a fresh OAuth grant in the store."""
    key = base64.b64encode(bytes(32)).decode()
    with App(env={"JACKFIELD_HOME": str(folder / "home"), "JACKFIELD_MASTER_KEY": key}) as app:
        credential = OAuthCredential(Secret("access"), Secret("refresh"), now_ms() + 24 * HOUR_MS)
        app.store.put(Profile(f"{PROVIDER}:default", credential))
        (folder / "home" / "config.json5").write_text("{}")
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        bare.execute("CREATE TABLE rows (id TEXT)")
        kept = {(PROVIDER, None): app.credentials.resolve(PROVIDER)}

        def look() -> None:
            for _ in range(CALLS):
                kept[PROVIDER, None]

        def ask() -> None:
            for _ in range(CALLS):
                bare.execute("PRAGMA data_version").fetchone()

        def resolve() -> None:
            for _ in range(CALLS):
                app.credentials.resolve(PROVIDER)

        def endpoint() -> None:
            for _ in range(CALLS):
                app.endpoint(f"{PROVIDER}/any")

        runs: dict[str, Callable[[], object]] = {"look": look, "ask": ask, "resolve": resolve, "endpoint": endpoint}
        try:
            return {name: taken / CALLS for name, taken in interleaved(runs, rounds).items()}
        finally:
            bare.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), rounds)
    ours = found["resolve"]
    show("resolve a fresh credential", in_unit(ours, MICROSECOND), f"<= {in_unit(GOAL_S, MICROSECOND)}", "median")
    show_ratio("resolve / dict lookup", ours, found["look"], MICROSECOND, of="lookup")
    show_ratio("resolve / one PRAGMA data_version", ours, found["ask"], MICROSECOND, of="pragma")
    show_ratio("endpoint of a model / resolve", found["endpoint"], ours, MICROSECOND, of="resolve")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
