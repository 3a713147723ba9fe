"""Files that are no store any more, or cannot be written: what is said, what is kept."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.quarantine import quarantine
from jackfield.credentials.secret import Secret
from jackfield.errors import StoreError
from torture.store import damage_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jackfield.credentials.store import CredentialStore
    from unit.credentials.conftest import Clock, OpenStore

PROFILE = Profile("openai:default", ApiKeyCredential(Secret("sk-1")))


def other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cookies (value TEXT)")
    connection.close()


def write(data: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


FOREIGN = {
    "zero length": write(b""),
    "json": write(b'{"version": 1, "profiles": {}}'),
    "one byte": write(b"\0"),
    "magic alone": write(b"SQLite format 3\0"),
    "header of zeros": write(b"SQLite format 3\0" + bytes(200)),
    "another program's database": other_database,
}


def copies(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if ".unreadable-" in each.name)


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("writing", [False, True])
def test_what_is_no_store_is_copied_told_and_left_alone(
    store: CredentialStore, path: Path, make: Callable[[Path], None], writing: bool
) -> None:
    path.parent.mkdir(mode=0o700)
    make(path)
    before = path.read_bytes()
    for _ in range(3):
        with pytest.raises(StoreError) as caught:
            store.put(PROFILE) if writing else store.profiles()
        assert caught.value.code == "store.unreadable"
        assert path.read_bytes() == before
    (copy,) = copies(path)
    assert copy.read_bytes() == before
    assert copy.name.startswith("credentials.db.unreadable-20270115T080000Z-")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.name in caught.value.message
    assert sorted(path.parent.iterdir()) == sorted([path, copy])


def test_the_fix_that_is_given_works(store: CredentialStore, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a store")
    with pytest.raises(StoreError) as caught:
        store.profiles()
    _, _, command = str(caught.value.fix).partition(": ")
    assert shlex.split(command) == ["rm", str(path)]
    subprocess.run(shlex.split(command), check=True)
    store.put(PROFILE)
    assert [each.id for each in store.profiles()] == ["openai:default"]
    assert len(copies(path)) == 1


def test_a_file_that_changed_since_is_copied_again(store: CredentialStore, path: Path, clock: Clock) -> None:
    path.parent.mkdir(mode=0o700)
    for content in (b"first", b"second", b"first"):
        path.write_bytes(content)
        clock.now += 1000
        with pytest.raises(StoreError):
            store.profiles()
    assert sorted(each.read_bytes() for each in copies(path)) == [b"first", b"second"]


def test_damage_is_a_diagnostic_too(store: CredentialStore, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    (fault,) = store.diagnostics()
    assert (fault.code, fault.severity) == ("store.unreadable", "error")
    assert "it is empty" in fault.message
    assert fault.hint is not None


def test_a_log_without_its_store_is_not_an_empty_store(open_store: OpenStore, path: Path) -> None:
    store = open_store()
    store.put(PROFILE)
    path.unlink()
    log = path.with_name(path.name + "-wal").read_bytes()
    late = open_store()
    for call in (late.profiles, lambda: late.put(PROFILE)):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "store.unreadable"
        assert "write-ahead log" in caught.value.message
    assert not path.exists()
    assert path.with_name(path.name + "-wal").read_bytes() == log


def test_the_copy_of_a_store_with_a_log_opens_with_it(open_store: OpenStore, path: Path, clock: Clock) -> None:
    store = open_store()
    store.put(PROFILE)
    kept = quarantine(path, clock.now)
    assert [each.name.endswith("-wal") for each in kept] == [False, True]
    assert kept[1].name == kept[0].name + "-wal"
    connection = sqlite3.connect(kept[0])
    try:
        assert connection.execute("SELECT id FROM profiles").fetchall() == [("openai:default",)]
    finally:
        connection.close()


def test_damage_in_the_middle_of_the_work_is_told_and_kept(open_store: OpenStore, path: Path) -> None:
    with open_store() as store:
        for number in range(40):
            store.put(Profile(f"a:{number}", ApiKeyCredential(Secret("x" * 2000))))
    data = bytearray(path.read_bytes())
    data[4096 * 4 : 4096 * 12] = b"\xaa" * (4096 * 8)
    path.write_bytes(data)
    store = open_store()
    with pytest.raises(StoreError) as caught:
        store.profiles()
    assert caught.value.code == "store.unreadable"
    assert [each.read_bytes() for each in copies(path)] == [bytes(data)]
    assert path.read_bytes() == data


def test_a_table_that_is_missing_is_told(open_store: OpenStore, path: Path) -> None:
    with open_store() as store:
        store.put(PROFILE)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TABLE intents")
    connection.close()
    with pytest.raises(StoreError) as caught:
        open_store().profiles()
    assert caught.value.code == "store.unreadable"
    assert "it lacks intents" in caught.value.message


def test_damaged_text_in_the_schema_is_told(open_store: OpenStore, path: Path) -> None:
    with open_store() as store:
        store.put(PROFILE)
    before = path.read_bytes()
    # A definition that does not parse, and that is no text either: SQLite quotes it in its message.
    damaged = before.replace(b"CREATE TABLE intents", b"\xf1REATE TABLE\xf1intents")
    assert damaged != before
    path.write_bytes(damaged)
    with pytest.raises(StoreError) as caught:
        open_store().profiles()
    assert caught.value.code == "store.unreadable"
    assert [each.read_bytes() for each in copies(path)] == [damaged]


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_file_is_told_without_waiting_for_it(store: CredentialStore, path: Path, kind: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StoreError) as caught:
        store.profiles()
    assert caught.value.code == "store.unreadable"
    assert "it is not a file" in caught.value.message


def test_a_file_in_the_way_of_the_folder_fails_the_write(store: CredentialStore, path: Path) -> None:
    path.parent.write_text("in the way")
    with pytest.raises(StoreError) as caught:
        store.put(PROFILE)
    assert caught.value.code == "store.unreadable"
    assert "Not a directory" in caught.value.message
    assert path.parent.read_text() == "in the way"


def test_a_full_database_fails_the_write_and_keeps_the_rest(store: CredentialStore) -> None:
    kept = store.put(PROFILE)
    link = store._handle.link
    assert link is not None
    ((pages,),) = link.run("PRAGMA page_count")
    link.run(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError) as caught:
        store.put(Profile("a:big", ApiKeyCredential(Secret("x" * 60_000))))
    assert caught.value.code == "store.write-failed"
    assert "full" in caught.value.message
    assert store.profiles() == (kept,)
    link.run("PRAGMA max_page_count=100000")
    store.put(Profile("a:big", ApiKeyCredential(Secret("x" * 60_000))))
    assert len(store.profiles()) == 2


def test_two_hundred_damaged_files_erase_nothing_in_silence(tmp_path: Path) -> None:
    outcomes = damage_files(tmp_path, 200, seed=1)
    assert sum(outcomes.values()) == 200
    # The damage was real, and of every kind.
    assert outcomes["store.unreadable"] >= 60
    assert outcomes["store.tampered"] >= 20
    assert outcomes["store.newer"] >= 20
    assert outcomes["intact"] <= 60
