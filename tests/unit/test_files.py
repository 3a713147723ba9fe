from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from jackfield import _files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("bits", [0o600, 0o644, 0o400])
def test_a_written_file_has_the_content_and_the_mode_whatever_the_umask(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "file"
    for data in (b"", b"first", os.urandom(100_000)):
        _files.atomic_write(path, data, bits)
        assert path.read_bytes() == data
        assert mode(path) == bits
    assert names(tmp_path) == ["file"]


def test_a_file_is_private_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("open")
    path.chmod(0o644)
    _files.atomic_write(path, b"closed")
    assert mode(path) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "real"
    real.write_bytes(b"old")
    (tmp_path / "link").symlink_to(real)
    _files.atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert real.read_bytes() == b"new"
    assert names(tmp_path / "dotfiles") == ["real"]


def test_another_name_of_the_old_file_keeps_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    os.link(tmp_path / "file", tmp_path / "backup")
    _files.atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "backup").read_bytes() == b"old"


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "child").write_bytes(b"x")
    # A file cannot take the name of a folder that holds something.
    with pytest.raises(OSError, match="folder"):
        _files.atomic_write(folder, b"data")
    assert (folder / "child").read_bytes() == b"x"
    assert names(tmp_path) == ["folder"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _files.atomic_write(tmp_path / "none" / "file", b"data")


@pytest.mark.parametrize(
    ("name", "age", "stays"),
    [
        (".file.0123456789abcdef.tmp", 3700, False),
        (".file.0123456789abcdef.tmp-wal", 3700, False),
        (".file.0123456789abcdef.tmp", 3500, True),
        (".file.0123456789abcde.tmp", 3700, True),
        (".file.0123456789abcdeg.tmp", 3700, True),
        (".file.other.0123456789abcdef.tmp", 3700, True),
        (".other.0123456789abcdef.tmp", 3700, True),
        ("file.0123456789abcdef.tmp", 3700, True),
        (".file.0123456789abcdef", 3700, True),
    ],
)
def test_what_a_killed_writer_left_is_removed_after_an_hour(tmp_path: Path, name: str, age: int, stays: bool) -> None:
    leftover = tmp_path / name
    leftover.write_bytes(b"secret")
    born = leftover.stat().st_mtime - age
    os.utime(leftover, (born, born))
    _files.atomic_write(tmp_path / "file", b"data")
    assert leftover.exists() is stays


@pytest.mark.usefixtures("umask")
def test_a_temporary_file_is_empty_private_and_beside(tmp_path: Path) -> None:
    first, second = (_files.create_temporary(tmp_path / "file") for _ in range(2))
    assert first != second
    for each in (first, second):
        assert each.parent == tmp_path
        assert each.read_bytes() == b""
        assert mode(each) == 0o600


def test_a_new_file_takes_a_free_name_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data, won in ((b"first", True), (b"second", False)):
        temporary = _files.create_temporary(path)
        temporary.write_bytes(data)
        assert _files.publish_new(temporary, path) is won
        assert path.read_bytes() == b"first"
        assert names(tmp_path) == ["file"]


def test_without_hard_links_a_new_file_still_takes_a_free_name_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "file"
    for data, won in ((b"first", True), (b"second", False)):
        temporary = _files.create_temporary(path)
        temporary.write_bytes(data)
        assert _files.publish_new(temporary, path) is won
        assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["file", "file.lock"]


@pytest.mark.usefixtures("umask")
def test_new_folders_are_private_all_the_way(tmp_path: Path) -> None:
    _files.ensure_private_dir(tmp_path / "a" / "b" / "c")
    for each in ("a", "a/b", "a/b/c"):
        assert mode(tmp_path / each) == 0o700


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    _files.ensure_private_dir(tmp_path / "a" / "b")
    _files.ensure_private_dir(tmp_path / "a" / "b")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o755, 0o700)


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_something_else_in_the_way_of_a_folder_is_an_error(tmp_path: Path, kind: str) -> None:
    way = tmp_path / "way"
    way.write_bytes(b"x") if kind == "file" else way.symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError):
        _files.ensure_private_dir(way / "a" / "b")
    assert names(tmp_path) == ["way"]


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.lock"
    refused: list[type[BaseException]] = []

    def enter() -> None:
        try:
            with _files.locked(path, timeout=0):
                refused.append(type(None))  # type: ignore[arg-type]  # stands for "let in"
        except TimeoutError as error:
            refused.append(type(error))

    with _files.locked(path, timeout=0):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert refused == [TimeoutError]
    enter()
    assert refused == [TimeoutError, type(None)]
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


def test_a_lock_is_released_by_an_exception(tmp_path: Path) -> None:
    def fail() -> None:
        with _files.locked(tmp_path / "lock", timeout=0):
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()


def test_a_timeout_within_the_locked_block_is_not_taken_for_one_of_the_lock(tmp_path: Path) -> None:
    def fail() -> None:
        with _files.locked(tmp_path / "lock", timeout=0):
            raise TimeoutError("of the block")

    with pytest.raises(TimeoutError, match="of the block"):
        fail()


def test_flushing_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    _files.flush_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        _files.flush_folder(tmp_path / "none")
