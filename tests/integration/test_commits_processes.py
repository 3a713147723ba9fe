"""Commits under real processes: kill -9 between any two writes and at random instants, and many at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from jackfield.commits import Commits
from jackfield.config.file import load_config
from jackfield.credentials.store import CredentialStore, now_ms

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

TORTURE = Path(__file__).parents[1] / "torture" / "commits.py"


def run(*arguments: object, ok: int = 0) -> str:
    """Run Python in a process of its own, warnings as errors; return what it printed."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == ok, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_no_half_commit_and_loses_no_acknowledged_one() -> None:
    counted = json.loads(run(TORTURE, "--count", 36, "--seed", 3, "--processes", 1, "--commits", 1, "--full-step", 0))
    assert (counted["rounds"], counted["half"], counted["lost"]) == (36, 0, 0)
    # The rounds mean something: commits went through before the kills, and some were cut in two.
    assert counted["acknowledged"] >= 36
    assert counted["finished"] >= 8
    assert [counted[each] for each in ("random", "stored", "written", "closed")] == [18, 6, 6, 6]


@pytest.mark.slow
def test_eight_processes_that_commit_at_once_lose_nothing() -> None:
    counted = json.loads(run(TORTURE, "--count", 0, "--processes", 8, "--commits", 4, "--full-step", 0))
    assert (counted["raced"], counted["survived"]) == (32, 32)


def test_on_a_full_disk_a_login_is_either_made_or_not_and_says_which() -> None:
    counted = json.loads(run(TORTURE, "--count", 0, "--processes", 1, "--commits", 1, "--full-step", 2039))["full"]
    # Every point at which the room can end was met: before, between and after the two halves.
    assert set(counted) >= {"done", "done-later", "store.write-failed", "config.unsure"}
    assert sum(counted.values()) == 32


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    from jackfield.commits import Commits, Draft
    from jackfield.config.file import Change
    from jackfield.credentials.profile import ApiKeyCredential, Profile
    from jackfield.credentials.secret import Secret
    from jackfield.credentials.store import CredentialStore, now_ms

    def crash(name):
        if name == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGKILL)

    folder = Path(sys.argv[1])
    with CredentialStore(folder / "s.db") as store:
        commits = Commits(folder / "config.json5", store, now_ms, crash=crash)
        keep = (Profile("acme:new", ApiKeyCredential(Secret("sk-1"))),)
        commits.commit("user", "login", lambda _: Draft((Change(("models", "mode"), "merge"),), keep=keep))
"""


@pytest.mark.parametrize(("point", "file", "codes"), [
    ("stored", None, ["config.finished"]),
    ("written", "merge", ["config.finished"]),
    ("closed", "merge", []),
])  # fmt: skip
def test_another_process_finishes_what_a_killed_one_began(
    tmp_path: Path, point: str, file: str | None, codes: list[str]
) -> None:
    run("-c", textwrap.dedent(SCRIPT), tmp_path, point, ok=-9)
    config = tmp_path / "config.json5"
    assert config.exists() == (file is not None)
    with CredentialStore(tmp_path / "s.db") as store:
        assert [each.id for each in store.profiles()] == ["acme:new"]
        commits = Commits(config, store, now_ms)
        # The killed process held the config's lock; the system gave it back.
        assert [each.code for each in commits.recover()] == codes
        assert load_config(config).document.value == {"models": {"mode": "merge"}}
        commits.undo()
        assert (config.exists(), store.profiles(), store.intents()) == (False, (), ())


def test_a_commit_that_did_not_reach_its_first_write_never_was(tmp_path: Path) -> None:
    killed = SCRIPT.replace("commits.commit(", "os.kill(os.getpid(), signal.SIGKILL); commits.commit(")
    run("-c", textwrap.dedent(killed), tmp_path, "none", ok=-9)
    with CredentialStore(tmp_path / "s.db") as store:
        assert Commits(tmp_path / "config.json5", store, now_ms).recover() == ()
    assert list(tmp_path.iterdir()) == []
