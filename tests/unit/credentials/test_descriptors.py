"""Reading a database's file beside SQLite: what SQLite has locked stays locked."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials import descriptors
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.credentials.conftest import OpenStore

FOLDER = Path("/dev/fd")

WRITER = """
import sys
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
with CredentialStore.open(sys.argv[1]) as store:
    store.put(Profile("other:one", ApiKeyCredential(Secret("k"))))
"""


def key(profile_id: str) -> Profile:
    return Profile(profile_id, ApiKeyCredential(Secret("k")))


def write_elsewhere(path: Path) -> None:
    """Let another process open, write and close the store: as the last one it would remove the log."""
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=True, timeout=60)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 8192)  # more than one chunk
    yield path
    assert identity(path) not in descriptors._STATE.kept


def identity(path: Path) -> descriptors.Identity:
    found = descriptors.identify(path)
    assert found is not None
    return found


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_a_second_store_of_a_process_leaves_the_locks_of_the_first(open_store: OpenStore, path: Path) -> None:
    first = open_store()
    first.put(key("first:one"))
    with open_store() as second:
        assert second.get("first:one") is not None
    write_elsewhere(path)
    # The first store's connection still counts: its log was not removed by the other process.
    assert path.with_name(path.name + "-wal").exists()
    first.put(key("first:two"))
    with open_store() as late:
        assert [each.id for each in late.profiles()] == ["first:one", "first:two", "other:one"]


def test_a_copy_of_what_cannot_be_read_leaves_the_locks_too(open_store: OpenStore, path: Path) -> None:
    first = open_store()
    first.put(key("first:one"))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP INDEX orders_by_profile")
    with pytest.raises(StoreError, match="A copy is kept"):
        open_store().profiles()
    connection.execute("CREATE INDEX orders_by_profile ON orders (profile)")
    connection.close()
    write_elsewhere(path)
    assert path.with_name(path.name + "-wal").exists()
    assert [each.id for each in first.profiles()] == ["first:one", "other:one"]


def test_stores_opened_again_and_again_beside_another_keep_one_descriptor(open_store: OpenStore, path: Path) -> None:
    first = open_store()
    first.put(key("first:one"))
    with open_store() as second:
        second.profiles()
    kept = descriptors._STATE.kept[identity(path)]
    for _ in range(5):
        with open_store() as again:
            again.profiles()
    assert descriptors._STATE.kept[identity(path)] == kept
    mark = identity(path)
    first.close()
    assert mark not in descriptors._STATE.kept
    assert mark not in descriptors._STATE.connections
    assert not is_open(kept)


@pytest.mark.parametrize("most", [0, 1, 100, 2_000_000, 5_000_000, None])
@pytest.mark.parametrize("is_connected", [False, True])
def test_a_file_is_read_from_its_beginning(file: Path, most: int | None, is_connected: bool) -> None:
    if is_connected:
        descriptors.connected(identity(file))
    for _ in range(2):
        assert descriptors.read(file, most) == file.read_bytes()[:most]
    if is_connected:
        descriptors.disconnected(identity(file))


def test_a_file_without_a_connection_is_closed_at_once(file: Path) -> None:
    before = len(list(FOLDER.iterdir()))
    descriptors.read(file)
    assert len(list(FOLDER.iterdir())) == before


def test_the_descriptor_is_closed_after_the_last_of_several_connections(file: Path) -> None:
    mark = identity(file)
    descriptors.connected(mark)
    descriptors.connected(mark)
    descriptors.read(file, 1)
    kept = descriptors._STATE.kept[mark]
    descriptors.disconnected(mark)
    assert is_open(kept)
    descriptors.disconnected(mark)
    assert not is_open(kept)


def test_another_file_of_the_same_name_is_read_instead(file: Path) -> None:
    mark = identity(file)
    descriptors.connected(mark)
    descriptors.read(file, 1)
    file.rename(file.with_name("moved"))
    file.write_bytes(b"new")
    assert descriptors.read(file) == b"new"
    descriptors.disconnected(mark)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert descriptors.identify(tmp_path / "nothing") is None
    with pytest.raises(FileNotFoundError):
        descriptors.read(tmp_path / "nothing")


def test_threads_that_read_and_connect_at_once_leave_nothing_open(file: Path) -> None:
    mark, faults = identity(file), []

    def work() -> None:
        for _ in range(100):
            descriptors.connected(mark)
            if descriptors.read(file, 3) != b"\x00\x01\x02":
                faults.append("read")
            descriptors.disconnected(mark)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert faults == []
    assert mark not in descriptors._STATE.connections


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_reads_although_the_lock_was_held(file: Path) -> None:
    script = """
import os, pathlib, sys
from jackfield.credentials import descriptors
with descriptors._STATE.lock:
    child = os.fork()
    if child == 0:
        os._exit(0 if descriptors.read(pathlib.Path(sys.argv[1]), 2) == b"\\0\\1" else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_store_that_could_not_be_opened_leaves_nothing_open(path: Path, open_store: OpenStore) -> None:
    open_store().put(key("a:1"))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TABLE orders")
    connection.close()
    with CredentialStore(path) as late:
        before = dict(descriptors._STATE.connections)
        with pytest.raises(StoreError):
            late.profiles()
        assert dict(descriptors._STATE.connections) == before
