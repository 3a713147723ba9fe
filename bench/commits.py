"""What a login's commit costs without the network: draft, credentials, config and record, all on the disk.

The base is the least that any program must do for it: one file written, flushed and renamed, and one row inserted into
a database in a transaction that is flushed. Both take turns in the same run.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
from contextlib import closing
from itertools import count
from pathlib import Path

from bench._measure import MILLISECOND, in_unit, interleaved, show, show_ratio

from jackfield.commits import Commits, Draft
from jackfield.config.file import Change
from jackfield.config.host import profile_changes
from jackfield.credentials.envelope import EnvelopeCipher
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore, now_ms

GOAL_MS = 20.0
RECORDS = 50
CONFIG = """\
{
  // a config of some length, as people have
  gateway: { port: 18789, mode: "local" },
  models: { providers: { %s } },
  agents: { defaults: { model: { primary: "p1/m" } } },
  auth: { profiles: { "p1:default": { provider: "p1", mode: "api_key" } } },
}
"""


def config_text() -> str:
    entry = 'p%d: { baseUrl: "https://p%d.example.com/v1", models: [{ id: "m", name: "M", contextWindow: 128000 }] }'
    return CONFIG % ",\n    ".join(entry % (number, number) for number in range(20))


class Login:
    """Commits one login after the other: each with a key of its own, over the same provider."""

    def __init__(self, folder: Path, store: CredentialStore) -> None:
        self.numbers = count()
        self.commits = Commits(folder / "config.json5", store, now_ms)

    def __call__(self) -> None:
        """Commit the next one."""
        number = next(self.numbers)
        name = f"acme:account-{number % 10}"
        profile = Profile(name, ApiKeyCredential(Secret(f"sk-{number:040}")), origin="https://api.acme.test")

        def draft(loaded: object) -> Draft:
            value = loaded.document.value  # type: ignore[attr-defined]
            changes = [Change(*each) for each in profile_changes(value, ("acme",), name, "api_key", None)]
            changes.append(Change(("agents", "defaults", "model", "primary"), f"acme/m{number}"))
            return Draft(tuple(changes), keep=(profile,))

        self.commits.commit("user", f"login to {name}", draft)


def bare_write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def bare_insert(connection: sqlite3.Connection, numbers: count[int]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    row = (f"acme:account-{next(numbers) % 10}", b"x" * 200)
    connection.execute("INSERT OR REPLACE INTO profiles VALUES (?, ?)", row)
    connection.execute("COMMIT")


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Return the medians in seconds of a login's commit and of the bare writes."""
    (folder / "config.json5").write_text(config_text())
    data = config_text().encode()
    with (
        closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as bare,
        CredentialStore(folder / "credentials.sqlite3", cipher=EnvelopeCipher(bytes(range(32)))) as store,
    ):
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE profiles (id TEXT PRIMARY KEY, payload BLOB NOT NULL)")
        login, numbers = Login(folder, store), count()
        for _ in range(RECORDS):
            login()

        def least() -> None:
            bare_write(folder / "bare.json5", data)
            bare_insert(bare, numbers)

        return interleaved({"login": login, "bare": least, "recover": login.commits.recover}, rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), rounds)
    login, bare = found["login"], found["bare"]
    show("commit of a login", in_unit(login, MILLISECOND), f"< {GOAL_MS:g} ms", f"{RECORDS} records in the store")
    show_ratio("commit of a login / bare write and insert", login, bare, MILLISECOND)
    show(
        "start with nothing to recover", in_unit(found["recover"], MILLISECOND), None, f"{RECORDS} records in the store"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
