"""Kills real processes in the middle of commits, and lets many of them commit at once.

The suite runs a slice; `python tests/torture/commits.py --count 1000` as much as one likes. The driver raises
AssertionError at the first half commit and at the first one that was acknowledged and lost. POSIX only: it forks.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.commits import DONE, Commits, Draft
from jackfield.config.file import Change, load_config
from jackfield.credentials.envelope import EnvelopeCipher
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore, now_ms
from jackfield.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = bytes(range(32))
POINTS = ("stored", "written", "closed")
NAMES = ("kill:left", "kill:right")
LEAF = ("torture", "value")
# SQLite needs this much for its shared memory before it reads anything.
_ROOM = 32_768
HEADER = "// by hand\n{ mine: [1, 2], /* stays */ }\n"


def open_store(folder: Path) -> CredentialStore:
    """Open the store in a folder; it is sealed, as a user's is."""
    return CredentialStore(folder / "credentials.sqlite3", cipher=EnvelopeCipher(KEY))


def commits_of(folder: Path, store: CredentialStore, crash: Callable[[str], None] = lambda _: None) -> Commits:
    """Return the commits of the config file in a folder."""
    return Commits(folder / "config.json5", store, now_ms, crash=crash)


def value_of(folder: Path) -> object:
    """Return the leaf that the writers write; 0 when it is not there."""
    found = load_config(folder / "config.json5").document.get(LEAF)
    return found if isinstance(found, int) else 0


def setting(number: int) -> Draft:
    """Return a draft that puts one number into the config and into two profiles."""
    keep = tuple(Profile(name, ApiKeyCredential(Secret(str(number)))) for name in NAMES)
    return Draft((Change(LEAF, number),), keep=keep)


def write_for_ever(folder: Path, say: Callable[[str], None], crash: Callable[[str], None]) -> None:
    """Commit ever higher numbers, take every fourth back, and say before and after each what it is about."""
    with open_store(folder) as store:
        commits = commits_of(folder, store, crash)
        commits.recover()
        number = int(str(value_of(folder)))
        while True:
            number += 1
            if number % 4 == 3 and (history := commits.history()):
                before = history[-1].steps[-1].before
                say(f"begin {before if isinstance(before, int) else 0}")
                commits.undo()
            else:
                say(f"begin {number}")
                commits.commit("user", f"number {number}", lambda _, number=number: setting(number))  # type: ignore[misc]
            say("done")


def kill_rounds(folder: Path, rounds: int, seed: int = 0) -> dict[str, int]:
    """Kill a writer, in turns at a random instant and at each point between two writes; check after each kill.

    Every tenth round begins anew, without a store, and every twentieth without a config file.

    Returns:
        Rounds, commits and undos acknowledged, kills by kind, interrupted ones that were finished, and the two figures
        that must be 0.
    """
    rng = random.Random(seed)
    counted = Counter(rounds=rounds, acknowledged=0, finished=0, half=0, lost=0)
    place = folder / "0"
    for round_ in range(rounds):
        if round_ % 10 == 0:
            place = folder / str(round_)
            place.mkdir(mode=0o700)
            if round_ % 20:
                (place / "config.json5").write_text(HEADER)
        point = (None, None, None, *POINTS)[round_ % 6]
        counted[point or "random"] += 1
        acknowledged, allowed = _killed_writer(place, rng, point, value_of(place))
        counted["acknowledged"] += acknowledged
        counted["finished"] += _check(place, allowed, counted, rng)
    return dict(counted)


def _killed_writer(folder: Path, rng: random.Random, point: str | None, before: object) -> tuple[int, set[object]]:
    """Run a writer until it is killed; return how much it acknowledged, and the values that may be there now."""
    reader, writer = os.pipe()
    skipped = rng.randrange(4)
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_writer(folder, writer, point, skipped)
    os.close(writer)
    said = b""
    deadline = time.monotonic() + 60
    if point is None:
        while said.count(b"done") < skipped and time.monotonic() < deadline:
            said += _read(reader, 1.0)
        time.sleep(rng.random() * 0.012)
        os.kill(child, signal.SIGKILL)
    while chunk := os.read(reader, 65_536):
        said += chunk
    os.close(reader)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"
    assert os.WTERMSIG(status) == signal.SIGKILL
    return _understood(said.decode().split("\n")[:-1], before)


def _read(reader: int, seconds: float) -> bytes:
    ready, _, _ = select.select([reader], [], [], seconds)
    return os.read(reader, 65_536) if ready else b""


def _understood(lines: list[str], before: object) -> tuple[int, set[object]]:
    settled, begun = before, before
    for line in lines:
        if line == "done":
            settled = begun
        else:
            begun = int(line.removeprefix("begin "))
    return lines.count("done"), {settled, begun}


def _be_writer(folder: Path, writer: int, point: str | None, skipped: int) -> None:
    left = skipped

    def crash(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        write_for_ever(folder, lambda text: _say(writer, text), crash)
    finally:
        os._exit(1)  # only a kill ends it


def _say(writer: int, text: str) -> None:
    os.write(writer, f"{text}\n".encode())


def _check(folder: Path, allowed: set[object], counted: Counter[str], rng: random.Random) -> int:
    """Recover, which may be killed itself, and compare the two halves; return how many commits were finished."""
    if rng.random() < 0.3:
        _killed_recovery(folder, rng.choice(("written", "closed")))
    with open_store(folder) as store:
        commits = commits_of(folder, store)
        finished = commits.recover()
        assert commits.recover() == (), "recovery is not idempotent"
        assert {each.state for each in store.intents()} <= {DONE}
        keys = {each.id: int(_key(each)) for each in store.profiles()}
    assert {each.code for each in finished} <= {"config.finished"}, finished
    value = value_of(folder)
    wanted = dict.fromkeys(NAMES, value) if value else {}
    counted["half"] += keys != wanted
    assert keys == wanted, f"half a commit in {folder}: config {value}, store {keys}"
    counted["lost"] += value not in allowed
    assert value in allowed, f"acknowledged and lost in {folder}: config {value}, may be {allowed}"
    config = folder / "config.json5"
    if int(folder.name) % 20:
        assert config.read_text().startswith("// by hand\n{"), "foreign text was changed"
        assert "/* stays */" in config.read_text()
    return len(finished)


def _killed_recovery(folder: Path, point: str) -> None:
    child = os.fork()
    if child == 0:
        try:
            with open_store(folder) as store:
                commits_of(folder, store, lambda name: _kill_at(name, point)).recover()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _kill_at(name: str, point: str) -> None:
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)


def _key(profile: Profile) -> str:
    assert isinstance(profile.credential, ApiKeyCredential)
    return profile.credential.key.reveal()


def race(folder: Path, processes: int, commits: int) -> int:
    """Let processes commit at once: each adds one to a shared leaf and keeps a profile of its own.

    Returns:
        How many commits survived; each must have left its leaf, its profile and one step of the shared leaf.
    """
    children = [_forked_committer(folder, number, commits) for number in range(processes)]
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, f"a committer ended with {status}"
    document = load_config(folder / "config.json5").document
    with open_store(folder) as store:
        stored = {each.name for each in store.profiles("race")}
        pending = [each.id for each in store.intents() if each.state != DONE]
    assert pending == []
    leaves = document.get(("race", "names"))
    assert isinstance(leaves, dict)
    assert set(leaves) == stored
    assert document.get(("race", "count")) == len(stored)
    return len(stored)


def _forked_committer(folder: Path, number: int, count: int) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with open_store(folder) as store:
            commits = commits_of(folder, store)
            for step in range(count):
                _count_up(commits, f"p{number}-{step}")
        status = 0
    finally:
        os._exit(status)


def _count_up(commits: Commits, name: str) -> None:
    def draft(loaded: object) -> Draft:
        count = loaded.document.get(("race", "count"))  # type: ignore[attr-defined]
        changes = (
            Change(("race", "count"), count + 1 if isinstance(count, int) else 1),
            Change(("race", "names", name), True),
        )
        return Draft(changes, keep=(Profile(f"race:{name}", ApiKeyCredential(Secret(name))),))

    commits.commit("user", name, draft)


def full_disk(folder: Path, step: int) -> dict[str, int]:
    """Log in under ever larger limits of a file's size, which stop a write wherever a full disk would.

    A commit that was acknowledged is there; one that failed is not, unless it said so (`config.unsure`); and the next
    start settles each, so that both halves agree. POSIX only: it sets a limit of the process.

    Returns:
        How often each outcome came: `done`, `done-later` (made, and to be noted at the next start), or a code.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    counted: Counter[str] = Counter()
    for number, limit in enumerate(range(_ROOM, _ROOM + 64_000, step), 1):
        place = folder / str(number)
        place.mkdir(mode=0o700)
        # In every other round the config is what does not fit.
        (place / "config.json5").write_text(HEADER + "// long\n" * (8_500 if number % 2 else 1))
        with open_store(place) as store:
            store.put(Profile("disk:kept", ApiKeyCredential(Secret("kept"))))
        with open_store(place) as store:
            commits = commits_of(place, store)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                commits.commit("user", "login", lambda _, number=number: setting(number))  # type: ignore[misc]
                outcome = "done-later" if commits.recovered else "done"
            except (ConfigError, StoreError) as error:
                outcome = error.code
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        _check_full_disk(place, outcome, number)
        counted[outcome] += 1
    return dict(counted)


def _check_full_disk(folder: Path, outcome: str, number: int) -> None:
    with open_store(folder) as store:
        found = {each.id: _key(each) for each in store.profiles()}
        assert found.pop("disk:kept") == "kept"
        is_stored = found == dict.fromkeys(NAMES, str(number))
        assert is_stored or found == {}, f"half of the credentials in {folder}"
        assert is_stored == (outcome in {"done", "done-later", "config.unsure"}), f"{outcome} is not true in {folder}"
        is_written = value_of(folder) == number
        assert is_written == is_stored or outcome == "config.unsure", f"{outcome} is not true of {folder}"
        told = [each.code for each in commits_of(folder, store).recover()]
        assert told == (["config.finished"] if outcome in {"done-later", "config.unsure"} else []), told
        assert (value_of(folder) == number) == is_stored, f"the halves in {folder} do not agree"


def main(arguments: list[str] | None = None) -> int:
    """Run the kills and the race, and print what was counted as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many kills")
    parser.add_argument("--full-step", type=int, default=1021, help="bytes between two limits of a full disk")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--processes", type=int, default=8, help="how many commit at once")
    parser.add_argument("--commits", type=int, default=10, help="how often each of them does")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        kills, races, full = (Path(folder) / name for name in ("kills", "race", "full"))
        for each in (kills, races, full):
            each.mkdir()
        began = time.monotonic()
        counted: dict[str, object] = {**kill_rounds(kills, given.count, given.seed)}
        counted["raced"] = given.processes * given.commits
        counted["survived"] = race(races, given.processes, given.commits)
        counted["full"] = full_disk(full, given.full_step) if given.full_step else {}
        print(json.dumps({**counted, "seconds": round(time.monotonic() - began, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
