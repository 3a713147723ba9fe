"""Commits to one config file from many processes, under locks, kills and disks that fail."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from jackfield.commits import Commits, Draft
from jackfield.config.file import Change, load_config
from jackfield.credentials.store import CredentialStore
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = """\
// Kept by hand.
{
  channels: { mail: { enabled: true } }, // not ours
  models: {
    mode: "merge",
    providers: {
      "z-ai": { apiKey: "${ZAI_API_KEY}", models: [] }, // ours
    },
  },
}
"""

ADD = """\
import sys
from pathlib import Path
from jackfield.commits import Commits, Draft
from jackfield.config.file import Change
from jackfield.credentials.store import CredentialStore

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
Commits._locked.__wrapped__.__defaults__ = (120.0,)
with CredentialStore(path.parent / "store" / "credentials.sqlite3", deadline=120.0) as store:
    commits = Commits(path, store, lambda: 1)
    for number in range(count):
        change = Change(("models", "providers", f"{name}-{number}"), {"models": []})
        commits.commit("user", "one more", lambda _: Draft((change,)))
        print(number, flush=True)
"""

HOLD = """\
import sys
from pathlib import Path
from jackfield._files import locked

with locked(Path(sys.argv[1]), timeout=30):
    print("held", flush=True)
    sys.stdin.readline()
"""

LIMIT = """\
import resource, signal, sys
from pathlib import Path
from jackfield.config.file import Change, apply_changes, load_config, write_config

path = Path(sys.argv[1])
big = Change(("models", "providers", "acme"), {"apiKey": "x" * 20_000})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
try:
    write_config(path, apply_changes(load_config(path).document, [big]).text)
except OSError as error:
    print(error.strerror)
"""


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process of its own, which is gone when the block is left."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def line_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.json5"
    path.write_text(TEXT)
    return path


def commit(path: Path, *changes: Change) -> None:
    with CredentialStore(path.parent / "store" / "credentials.sqlite3", deadline=60.0) as store:
        Commits(path, store, lambda: 1).commit("user", "a change", lambda _: Draft(changes))


def switch(path: Path, mode: str) -> None:
    commit(path, Change(("models", "mode"), mode))


def wait_at_most(monkeypatch: pytest.MonkeyPatch, limit: float) -> None:
    monkeypatch.setattr(Commits._locked.__wrapped__, "__defaults__", (limit,))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_eight_processes_lose_nothing_and_leave_the_rest_as_it_was(path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", ADD, str(path), f"p{number}", "20"], stdout=subprocess.DEVNULL)
        for number in range(8)
    ]
    assert [child.wait(300) for child in children] == [0] * 8
    loaded = load_config(path)
    assert loaded.diagnostics == ()
    keys = {entry.key for entry in loaded.settings.providers}
    assert keys == {"z-ai", *(f"p{process}-{number}" for process in range(8) for number in range(20))}
    added = [line for line in loaded.document.text.splitlines() if '"p' in line]
    assert len(added) == 160
    kept = [line for line in loaded.document.text.splitlines() if line in TEXT.splitlines()]
    assert kept == TEXT.splitlines()
    backups = ["config.json5.bak", *(f"config.json5.bak.{number}" for number in range(1, 5))]
    names = sorted(each.name for each in path.parent.iterdir())
    assert names == ["config.json5", *backups, "config.json5.lock", "store"]
    counts = [len(load_config(path.with_name(name)).settings.providers) for name in backups]
    assert counts == [160, 159, 158, 157, 156]


def test_threads_of_one_process_lose_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_at_most(monkeypatch, 60.0)

    def add(name: str) -> None:
        for number in range(5):
            commit(path, Change(("models", "providers", f"{name}-{number}"), {}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, ["t0", "t1", "t2", "t3"]))
    keys = {entry.key for entry in load_config(path).settings.providers}
    assert keys == {"z-ai", *(f"t{thread}-{number}" for thread in range(4) for number in range(5))}


def test_a_lock_held_by_another_process_ends_the_wait_at_its_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(HOLD, str(path) + ".lock") as child:
        assert line_of(child) == "held"
        for limit in (0.0, 0.2):
            wait_at_most(monkeypatch, limit)
            started = time.monotonic()
            with pytest.raises(ConfigError) as caught:
                switch(path, "replace")
            assert limit <= time.monotonic() - started < 10
            assert caught.value.code == "config.locked"
            assert caught.value.message == f"Another process has been changing {path} for {limit:g} s."
        assert path.read_text() == TEXT
        child.communicate("go\n", timeout=30)
    wait_at_most(monkeypatch, 0.0)
    switch(path, "replace")
    assert path.read_text() == TEXT.replace('"merge"', '"replace"')


def test_a_lock_whose_holder_was_killed_is_free(path: Path) -> None:
    with running(HOLD, str(path) + ".lock") as child:
        assert line_of(child) == "held"
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        switch(path, "replace")
    assert load_config(path).settings.mode == "replace"


@pytest.mark.slow
@pytest.mark.parametrize("commits", [1, 2, 4, 7])
def test_a_process_that_is_killed_leaves_every_commit_that_it_told_of(path: Path, commits: int) -> None:
    with running(ADD, str(path), "k", "100000") as child:
        told = [int(line_of(child)) for _ in range(commits)]
        child.send_signal(signal.SIGKILL)
        assert child.stdout is not None
        told += [int(line) for line in child.stdout.read().split("\n")[:-1]]
        child.wait(30)
    loaded = load_config(path)
    loaded.require_valid()
    names = [entry.key for entry in loaded.settings.providers]
    # One more may have been written and not told of.
    assert names[: len(told) + 1] == ["z-ai", *(f"k-{number}" for number in told)]
    assert len(names) - 1 in {len(told), len(told) + 1}
    switch(path, "replace")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_file_that_does_not_fit_leaves_the_old_content(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMIT, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["File too large"]
    assert path.read_text() == path.with_name("config.json5.bak").read_text() == TEXT
    names = sorted(each.name for each in path.parent.iterdir())
    assert names == ["config.json5", "config.json5.bak"]


@pytest.mark.parametrize("length", [240, 252])
def test_a_name_too_long_for_the_files_beside_it_leaves_the_old_content(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("c" * length)
    path.write_text(TEXT)
    with pytest.raises(ConfigError) as caught:
        switch(path, "replace")
    assert caught.value.code == "config.write-failed"
    assert caught.value.message == f"{path} cannot be written: File name too long."
    assert path.read_text() == TEXT


def test_the_file_is_never_seen_half_written(path: Path) -> None:
    """A reader without the lock sees the old content or the new one, whole."""
    with running(ADD, str(path), "r", "40") as child:
        sizes = []
        while child.poll() is None:
            loaded = load_config(path)
            loaded.require_valid()
            sizes.append(len(loaded.settings.providers))
        assert child.returncode == 0
    assert sizes == sorted(sizes)
    assert len(load_config(path).settings.providers) == 41
