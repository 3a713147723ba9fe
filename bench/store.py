"""What the credential store's promises cost, as ratios to bare sqlite3 measured in the same run.

Each figure is the median of interleaved rounds, so that a slow moment of the machine falls on both sides alike.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.credentials.envelope import EnvelopeCipher
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore

if TYPE_CHECKING:
    from collections.abc import Callable

PROFILES = 20
KEY = bytes(range(32))


def profile(number: int) -> Profile:
    return Profile(f"provider-{number}:default", ApiKeyCredential(Secret(f"sk-{number:04}-" + "x" * 44)))


def make_bare(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE profiles (id TEXT PRIMARY KEY, payload BLOB NOT NULL)")
    rows = [(f"provider-{number}:default", b"sk" + b"x" * 50) for number in range(PROFILES)]
    connection.executemany("INSERT INTO profiles VALUES (?, ?)", rows)
    connection.close()


def open_bare(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("SELECT payload FROM profiles WHERE id = ?", ("provider-7:default",)).fetchall()
    connection.close()


def open_store(path: Path) -> None:
    with CredentialStore.open(path) as store:
        store.get("provider-7:default")


def fill(path: Path, cipher: EnvelopeCipher | None) -> None:
    with CredentialStore.open(path, cipher=cipher) as store, store.transaction() as work:
        for number in range(PROFILES):
            work.put(profile(number))


def ratio(ours: Callable[[], object], bare: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Return how many times longer `ours` takes than `bare`, and both medians in milliseconds."""
    spent: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds + 3):
        for side, call in enumerate((ours, bare)):
            began = time.perf_counter()
            call()
            if round_ >= 3:
                spent[side].append(time.perf_counter() - began)
    mine, theirs = (statistics.median(each) * 1000 for each in spent)
    return mine / theirs, mine, theirs


def measure(folder: Path, rounds: int) -> list[tuple[str, float, float, float]]:
    """Return name, ratio and both medians in milliseconds of each figure."""
    make_bare(folder / "bare.db")
    fill(folder / "plain.db", None)
    cipher = EnvelopeCipher(KEY)
    fill(folder / "sealed.db", cipher)
    opened = ratio(lambda: open_store(folder / "plain.db"), lambda: open_bare(folder / "bare.db"), rounds)
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA synchronous=FULL")

    def insert() -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("INSERT OR REPLACE INTO profiles VALUES (?, ?)", ("provider-7:default", b"sk" + b"x" * 50))
        bare.execute("COMMIT")

    with (
        CredentialStore.open(folder / "plain.db") as plain,
        CredentialStore.open(folder / "sealed.db", cipher=cipher) as sealed,
    ):
        put = ratio(lambda: plain.put(profile(7)), insert, rounds)
        read = ratio(lambda: sealed.get("provider-7:default"), lambda: plain.get("provider-7:default"), rounds)
    bare.close()
    return [
        ("open and read one profile / bare open and select", *opened),
        ("put / bare durable insert", *put),
        ("read sealed / read plain", *read),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        for name, times, ours, theirs in measure(Path(folder), rounds):
            print(f"{name}: {times:.2f} ({ours:.3f} ms / {theirs:.3f} ms)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
