"""Drives the credential store with real processes: kills, races, full disks and damaged files.

The suite runs a slice of each; `python tests/torture/store.py kills --rounds 1000` and its neighbours run as long as
one likes. Every driver returns what it counted and raises AssertionError at the first broken promise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jackfield.credentials.envelope import EnvelopeCipher
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.schema import CURRENT
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = bytes(range(32))
LEFT, RIGHT = "kill:left", "kill:right"
SHARED = "race:shared"

# A store that is asked to read after damage may answer with these, and with nothing else.
TOLD = frozenset({"store.unreadable", "store.newer", "store.tampered", "store.other-key"})


# ---------------------------------------------------------------------------------------------- kill -9 at any instant


def write_for_ever(path: Path, start: int) -> None:
    """Write ever higher numbers to two profiles and an intent at once; print each one that is acknowledged."""
    os.umask(0)
    with CredentialStore.open(path, cipher=EnvelopeCipher(KEY)) as store:
        number = start
        while True:
            number += 1
            with store.transaction() as work:
                work.put(Profile(LEFT, ApiKeyCredential(Secret(str(number)))))
                work.put_intent("kill", {"number": number})
                work.put(Profile(RIGHT, ApiKeyCredential(Secret(str(number)))))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


def kill_rounds(folder: Path, rounds: int, seed: int = 0) -> dict[str, int]:
    """Kill a writer at random instants; after each kill the store holds the last acknowledged state or a later one.

    Every fifth round begins without a store, so that its making is interrupted too.

    Args:
        folder: where the stores are made; must be empty.
        rounds: how many kills.
        seed: of the instants.

    Returns:
        Rounds, writes acknowledged, and how many rounds were killed before the store was there.
    """
    rng = random.Random(seed)
    counted = Counter(rounds=rounds, acknowledged=0, before_creation=0)
    path, last = folder / "0" / "store.db", 0
    for round_ in range(rounds):
        fresh = round_ % 5 == 0
        if fresh:
            path, last = folder / str(round_) / "store.db", 0
        acknowledged = _killed_writer(path, last, rng, at_once=fresh and rng.random() < 0.5)
        counted["acknowledged"] += max(acknowledged - last, 0)
        found = _check_after_kill(path, acknowledged)
        counted["before_creation"] += found == 0
        last = found
    return dict(counted)


def _killed_writer(path: Path, last: int, rng: random.Random, *, at_once: bool) -> int:
    command = [sys.executable, __file__, "writer", str(path), str(last)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        if at_once:
            _spin_until_exists(path.parent, writer)
            time.sleep(rng.random() * 0.012)
            writer.kill()
        else:
            last = _read_numbers(writer.stdout, rng.randrange(1, 6), last)
            # Somewhere within the next write or two.
            time.sleep(rng.random() * 0.005)
            writer.kill()
        last = _read_numbers(writer.stdout, None, last)
        writer.wait(30)
        assert writer.returncode == -signal.SIGKILL, f"the writer ended by itself: {writer.returncode}"
    return last


def _spin_until_exists(path: Path, writer: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() and writer.poll() is None and time.monotonic() < deadline:
        pass


def _read_numbers(stream: IO[str], count: int | None, last: int) -> int:
    while count is None or count > 0:
        line = stream.readline()
        if not line.endswith("\n"):
            return last
        last = int(line)
        count = None if count is None else count - 1
    return last


def _check_after_kill(path: Path, acknowledged: int) -> int:
    """Check the promise; return the number that the store holds, 0 when there is no store yet."""
    _check_modes(path.parent)
    with CredentialStore.open(path, cipher=EnvelopeCipher(KEY)) as store:
        values = {profile.id: int(_key_of(profile)) for profile in store.profiles()}
        intents = [intent.payload["number"] for intent in store.intents()]
    if not values:
        assert acknowledged == 0, f"{acknowledged} was acknowledged and the store is empty"
        assert intents == []
        return 0
    assert set(values) == {LEFT, RIGHT}, f"half a transaction: {values}"
    assert values[LEFT] == values[RIGHT] == intents[0], f"half a transaction: {values}, {intents}"
    assert values[LEFT] in {acknowledged, acknowledged + 1}, f"acknowledged {acknowledged}, found {values[LEFT]}"
    return values[LEFT]


def _check_modes(folder: Path) -> None:
    if not folder.exists():
        return
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for each in folder.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, f"{each.name} is open"


def _key_of(profile: Profile) -> str:
    assert isinstance(profile.credential, ApiKeyCredential)
    return profile.credential.key.reveal()


# ------------------------------------------------------------------------------------------------------ lost updates


def count_up(path: Path, updates: int, name: str) -> None:
    """Raise one shared counter, and leave a profile of one's own for each step."""
    with CredentialStore.open(path, deadline=300) as store:
        for step in range(updates):
            with store.transaction() as work:
                usage = work.record_failure(SHARED, "timeout")
                assert usage is not None
                work.put_intent(f"{name}-{step}", {"count": usage.error_count})


def race(path: Path, processes: int, updates: int) -> int:
    """Let processes raise one counter together; return how many of the updates survived.

    Each update must also have seen a number that no other one saw.
    """
    with CredentialStore.open(path) as store:
        store.put(Profile(SHARED, ApiKeyCredential(Secret("shared"))))
    command = [sys.executable, __file__, "counter", str(path), str(updates)]
    children = [subprocess.Popen([*command, f"p{each}"]) for each in range(processes)]
    for child in children:
        assert child.wait(1800) == 0
    with CredentialStore.open(path) as store:
        profile = store.get(SHARED)
        seen = [intent.payload["count"] for intent in store.intents()]
    assert profile is not None
    assert sorted(map(int, map(str, seen))) == list(range(1, processes * updates + 1))
    return profile.usage.error_count


# --------------------------------------------------------------------------------------------------- damaged files


def sample_profiles() -> tuple[Profile, ...]:
    """Return profiles of every kind, enough to fill several pages."""
    return (
        Profile("alpha:default", ApiKeyCredential(Secret("sk-alpha-" + "a" * 40)), origin="https://api.example.com"),
        Profile("beta:work", TokenCredential(Secret("tok-beta-" + "b" * 300), 4_102_444_800_000), owner="plugin:beta"),
        *(
            Profile(
                f"gamma:account-{number:02}",
                OAuthCredential(
                    Secret(f"access-{number}-" + "c" * 700),
                    Secret(f"refresh-{number}-" + "d" * 700),
                    4_102_444_800_000 + number,
                    email=f"user{number}@example.com",
                    extra={"projectId": f"project-{number}"},
                ),
            )
            for number in range(8)
        ),
    )


def damage_files(folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Damage copies of a store in many ways and use each one; nothing may vanish without being said.

    Returns:
        How often each outcome was seen: `intact`, or the code that told the damage.
    """
    rng = random.Random(seed)
    originals = {}
    for name, cipher in (("plain", None), ("sealed", EnvelopeCipher(KEY))):
        originals[name] = folder / f"{name}.db"
        with CredentialStore.open(originals[name], cipher=cipher) as store:
            for profile in sample_profiles():
                store.put(profile)
            store.set_order("gamma", ["gamma:account-03", "gamma:account-01"])
            store.record_failure("gamma:account-03", "billing")
    outcomes: Counter[str] = Counter()
    for number in range(count):
        name = ("plain", "sealed")[number % 2]
        place = folder / f"case-{number}"
        place.mkdir(0o700)
        path = place / "store.db"
        path.write_bytes(originals[name].read_bytes())
        path.chmod(0o600)
        kind = _DAMAGES[number // 2 % len(_DAMAGES)]
        kind(path, rng)
        cipher = EnvelopeCipher(KEY) if name == "sealed" else None
        outcomes[_use_damaged(path, cipher, f"case {number}: {kind.__name__}")] += 1
        shutil.rmtree(place)
    return outcomes


def _use_damaged(path: Path, cipher: EnvelopeCipher | None, case: str) -> str:
    before = path.read_bytes()
    expected = {profile.id: profile.credential for profile in sample_profiles()}
    with CredentialStore.open(path, cipher=cipher) as store:
        try:
            found = {profile.id: profile.credential for profile in store.profiles()}
        except StoreError as error:
            outcome = _told(error, case)
        else:
            assert all(expected.get(each) == credential for each, credential in found.items()), f"{case}: a wrong key"
            told = [each for each in store.diagnostics() if each.code in TOLD]
            assert len(found) + len(told) >= len(expected), f"{case}: {len(expected) - len(found)} gone without a word"
            outcome = "store.tampered" if told else "intact"
        rows = _count_rows(path)
        with contextlib.suppress(StoreError):
            store.put(Profile("new:one", ApiKeyCredential(Secret("new"))))
    kept = [each for each in path.parent.iterdir() if ".unreadable-" in each.name]
    if outcome == "store.unreadable":
        assert path.read_bytes() == before, f"{case}: an unreadable store was written"
        assert any(each.read_bytes() == before for each in kept), f"{case}: no copy"
        assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in kept), case
    elif outcome == "store.newer":
        assert path.read_bytes() == before, f"{case}: a newer store was written"
    else:
        assert _count_rows(path) >= rows > 0, f"{case}: rows vanished on a write"
    return outcome


def _told(error: StoreError, case: str) -> str:
    assert error.code in TOLD, f"{case}: {error.code}: {error}"
    assert error.fix, case
    return error.code


def _count_rows(path: Path) -> int:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM profiles").fetchone()[0])
    except (sqlite3.Error, UnicodeDecodeError):  # the latter when its message quotes damaged text
        return 0
    finally:
        connection.close()


def flip_bits(path: Path, rng: random.Random) -> None:
    """Flip a few bits anywhere."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flip_header(path: Path, rng: random.Random) -> None:
    """Flip one bit of the first 100 bytes."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(100)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flip_used(path: Path, rng: random.Random) -> None:
    """Flip one bit of a byte that is not zero, where it is more likely to matter."""
    data = bytearray(path.read_bytes())
    used = [place for place, byte in enumerate(data) if byte]
    data[rng.choice(used)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut_short(path: Path, rng: random.Random) -> None:
    """Cut the file anywhere."""
    with path.open("r+b") as file:
        file.truncate(rng.randrange(1, path.stat().st_size))


def cut_to_nothing(path: Path, rng: random.Random) -> None:
    """Leave an empty file."""
    path.write_bytes(b"")


def zero_a_page(path: Path, rng: random.Random) -> None:
    """Overwrite a page with zeros."""
    data = bytearray(path.read_bytes())
    page = rng.randrange(len(data) // 4096)
    data[page * 4096 : (page + 1) * 4096] = bytes(4096)
    path.write_bytes(data)


def put_something_else(path: Path, rng: random.Random) -> None:
    """Put another program's file in its place: text, noise, or another program's database."""
    choice = rng.randrange(3)
    if choice == 0:
        path.write_text(json.dumps({"version": 1, "profiles": {"openai:default": {"type": "api_key"}}}))
    elif choice == 1:
        path.write_bytes(rng.randbytes(rng.randrange(1, 9000)))
    else:
        path.unlink()
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, value TEXT)")
        connection.close()


def make_newer(path: Path, rng: random.Random) -> None:
    """Mark it as written by a later release."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA user_version={rng.randrange(CURRENT.version + 1, 1000)}")
    connection.close()


_DAMAGES = (
    flip_bits, flip_used, cut_short, flip_header, zero_a_page, flip_used, put_something_else, make_newer,
    cut_to_nothing, flip_bits,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------- full disk


def fill_disk(path: Path, step: int) -> Iterator[str]:
    """Write under ever higher limits on the size of a file; yield the outcome of each write.

    Runs in a process of its own, since the limit holds for the whole process.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with CredentialStore.open(path) as store:
        store.put(Profile("disk:kept", ApiKeyCredential(Secret("kept"))))
    for limit in range(0, 60_000, step):
        big = Profile("disk:big", ApiKeyCredential(Secret(str(limit) + "x" * 20_000)))
        with CredentialStore.open(path) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                store.put(big)
                outcome = "written"
            except StoreError as error:
                outcome = error.code
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        with CredentialStore.open(path) as store:
            kept, found = store.get("disk:kept"), store.get("disk:big")
            assert kept is not None, f"lost at a limit of {limit}"
            assert (found is not None and found.credential == big.credential) == (outcome == "written"), limit
            store.delete("disk:big")
        yield outcome


# ------------------------------------------------------------------------------------------------------------- main


def main(arguments: list[str] | None = None) -> int:
    """Run one driver, or be one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in (
        ("kills", (("--rounds", 1000), ("--seed", 0))),
        ("race", (("--processes", 32), ("--updates", 200))),
        ("damage", (("--count", 2000), ("--seed", 0))),
        ("disk", (("--step", 97),)),
    ):
        command = commands.add_parser(name)
        for option, default in options:
            command.add_argument(option, type=int, default=default)
    for name in ("writer", "counter"):
        command = commands.add_parser(name)
        command.add_argument("path", type=Path)
        command.add_argument("number", type=int)
        command.add_argument("name", nargs="?", default="")
    given = parser.parse_args(arguments)
    if given.command == "writer":
        write_for_ever(given.path, given.number)
    elif given.command == "counter":
        count_up(given.path, given.number, given.name)
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(_drive(given, Path(folder))))
    return 0


def _drive(given: argparse.Namespace, folder: Path) -> object:
    began = time.monotonic()
    if given.command == "kills":
        result: dict[str, object] = {**kill_rounds(folder, given.rounds, given.seed)}
    elif given.command == "race":
        survived = race(folder / "store.db", given.processes, given.updates)
        result = {"updates": given.processes * given.updates, "survived": survived}
    elif given.command == "damage":
        result = {**damage_files(folder, given.count, given.seed)}
    else:
        result = {**Counter(fill_disk(folder / "store.db", given.step))}
    return {**result, "seconds": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
