"""The credential store under real processes: kills, races, forks, full disks, folders that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from torture import store as torture

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534


def run(script: str, *arguments: object, umask: int = -1) -> str:
    """Run a script in a process of its own, warnings as errors; return what it printed."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, umask=umask)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    counted = torture.kill_rounds(tmp_path, 25, seed=2)
    assert counted["rounds"] == 25
    # The rounds mean something: writes went through before the kills.
    assert counted["acknowledged"] >= 25


@pytest.mark.slow
def test_processes_that_write_at_once_lose_no_update(tmp_path: Path) -> None:
    assert torture.race(tmp_path / "store.db", processes=4, updates=50) == 200


def test_a_disk_that_fills_up_at_any_point_loses_nothing(tmp_path: Path) -> None:
    script = """
        import collections, json, pathlib, sys
        sys.path.insert(0, sys.argv[2])
        from torture.store import fill_disk
        print(json.dumps(collections.Counter(fill_disk(pathlib.Path(sys.argv[1]), 499))))
    """
    outcomes = json.loads(run(script, tmp_path / "store.db", Path(__file__).parents[1]))
    assert set(outcomes) == {"store.write-failed", "written"}
    assert outcomes["store.write-failed"] >= 40
    assert outcomes["written"] >= 10


def test_a_disk_that_is_full_from_the_start_makes_no_half_store(tmp_path: Path) -> None:
    script = """
        import pathlib, resource, sys
        from jackfield.credentials.profile import ApiKeyCredential, Profile
        from jackfield.credentials.secret import Secret
        from jackfield.credentials.store import CredentialStore
        from jackfield.errors import StoreError
        path = pathlib.Path(sys.argv[1])
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        for limit in range(0, 45_000, 1500):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            with CredentialStore.open(path) as store:
                try:
                    store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
                except StoreError as error:
                    print(error.code, len(list(path.parent.iterdir())))
                else:
                    break
                if path.exists():
                    break
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        with CredentialStore.open(path) as store:
            store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
            print(len(store.profiles()))
    """
    *failed, last = run(script, tmp_path / "state" / "store.db").splitlines()
    assert last == "1"
    assert len(failed) >= 3
    assert {line.partition(" ")[0] for line in failed} == {"store.write-failed"}
    # Until the store is there, a failed try leaves nothing behind.
    assert set(failed[:-1]) == {"store.write-failed 0"}


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_everything_is_private_under_any_umask(tmp_path: Path, umask: int) -> None:
    script = """
        import pathlib, stat, sys
        from jackfield.credentials.profile import ApiKeyCredential, Profile
        from jackfield.credentials.secret import Secret
        from jackfield.credentials.store import CredentialStore
        from jackfield.errors import StoreError
        path = pathlib.Path(sys.argv[1])
        def show(each):
            print(each.name, oct(stat.S_IMODE(each.stat().st_mode)))
        with CredentialStore.open(path) as store:
            store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
            for each in sorted([path.parent.parent, path.parent, *path.parent.iterdir()]):
                show(each)
        path.write_bytes(b"damaged")
        with CredentialStore.open(path, clock=lambda: 0) as store:
            try:
                store.profiles()
            except StoreError:
                (copy,) = path.parent.glob("*.unreadable-*")
                print("copy", oct(stat.S_IMODE(copy.stat().st_mode)))
    """
    assert run(script, tmp_path / "outer" / "inner" / "store.db", umask=umask).splitlines() == [
        "outer 0o700",
        "inner 0o700",
        "store.db 0o600",
        "store.db-shm 0o600",
        "store.db-wal 0o600",
        "copy 0o600",
    ]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another account can reach, which the folders of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    (folder / "state").chmod(0o700)
    shutil.rmtree(folder)


def test_a_folder_that_cannot_be_written_is_still_read(open_folder: Path) -> None:
    path = open_folder / "state" / "store.db"
    with CredentialStore.open(path) as store:
        store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
    for each in (path, path.parent):
        if os.getuid() == 0:
            os.chown(each, NOBODY, NOBODY)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    before = path.read_bytes()
    # Root may write anywhere, so the child first becomes somebody else; its imports are done by then.
    script = """
        import os, pathlib, sys
        import jackfield.credentials.store
        from jackfield.credentials.profile import ApiKeyCredential, Profile
        from jackfield.credentials.secret import Secret
        from jackfield.credentials.store import CredentialStore
        from jackfield.errors import StoreError
        if os.getuid() == 0:
            os.setgid(int(sys.argv[2]))
            os.setuid(int(sys.argv[2]))
        with CredentialStore.open(sys.argv[1]) as store:
            for call in (
                lambda: store.profiles()[0].id,
                lambda: store.put(Profile("a:2", ApiKeyCredential(Secret("k")))),
                lambda: store.record_use("a:1"),
                lambda: store.delete("a:1"),
                lambda: store.get("a:1").id,
            ):
                try:
                    print(call())
                except StoreError as error:
                    print(error.code)
    """
    assert run(script, path, NOBODY).splitlines() == [
        "a:1",
        "store.write-failed",
        "store.write-failed",
        "store.write-failed",
        "a:1",
    ]
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]


def test_a_store_that_may_not_be_read_is_told_and_not_copied(open_folder: Path) -> None:
    path = open_folder / "state" / "store.db"
    with CredentialStore.open(path) as store:
        store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
    path.chmod(0o000)
    path.parent.chmod(0o755)
    script = """
        import os, sys
        from jackfield.credentials.store import CredentialStore
        from jackfield.errors import StoreError
        import jackfield.credentials.quarantine
        if os.getuid() == 0:
            os.setgid(int(sys.argv[2]))
            os.setuid(int(sys.argv[2]))
        with CredentialStore.open(sys.argv[1]) as store:
            try:
                store.profiles()
            except StoreError as error:
                print(error.code, "Permission denied" in error.message, error.fix.startswith("Check who may read it"))
    """
    assert run(script, path, NOBODY) == "store.unreadable True True\n"
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_a_fork_uses_a_connection_of_its_own(tmp_path: Path) -> None:
    script = """
        import os, sys
        from jackfield.credentials.profile import ApiKeyCredential, Profile
        from jackfield.credentials.secret import Secret
        from jackfield.credentials.store import CredentialStore
        key = ApiKeyCredential(Secret("k"))
        store = CredentialStore.open(sys.argv[1])
        with store.transaction() as work:
            work.put(Profile("a:1", key))
        with store._held():
            child = os.fork()
            if child == 0:
                # The lock was held at the fork, by a thread that does not exist here.
                store.put(Profile("a:2", key))
                os._exit(0)
            _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), [each.id for each in store.profiles()])
        store.put(Profile("a:3", key))
        print(len(store.profiles()))
        store.close()
    """
    assert run(script, tmp_path / "store.db").splitlines() == ["0 ['a:1', 'a:2']", "3"]


def test_a_process_that_ends_without_closing_leaves_a_store_that_opens(tmp_path: Path) -> None:
    script = """
        import os, sys
        from jackfield.credentials.profile import ApiKeyCredential, Profile
        from jackfield.credentials.secret import Secret
        from jackfield.credentials.store import CredentialStore
        store = CredentialStore.open(sys.argv[1])
        store.put(Profile("a:1", ApiKeyCredential(Secret("k"))))
        os._exit(0)
    """
    path = tmp_path / "store.db"
    run(script, path)
    assert path.with_name("store.db-wal").stat().st_size > 0
    with CredentialStore.open(path) as store:
        assert [each.id for each in store.profiles()] == ["a:1"]


def test_processes_that_make_the_store_at_once_make_one(tmp_path: Path) -> None:
    script = """
        import sys
        from jackfield.credentials.profile import ApiKeyCredential, Profile
        from jackfield.credentials.secret import Secret
        from jackfield.credentials.store import CredentialStore
        with CredentialStore.open(sys.argv[1]) as store:
            sys.stdin.readline()
            store.put(Profile(f"a:{sys.argv[2]}", ApiKeyCredential(Secret("k"))))
    """
    path = tmp_path / "state" / "store.db"
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    children = [subprocess.Popen([*command, str(each)], stdin=subprocess.PIPE, text=True) for each in range(6)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        with child:
            assert child.wait(60) == 0
    with CredentialStore.open(path) as store:
        assert [each.id for each in store.profiles()] == [f"a:{each}" for each in range(6)]
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
