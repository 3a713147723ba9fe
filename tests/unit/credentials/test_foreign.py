"""Files of other programs: read within bounds, never waited for, and not believed when a third account owns them."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.credentials.foreign import read_file, read_json, shown, too_large
from jackfield.errors import RequestError
from support.cli import leaks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"


def code_of(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(RequestError) as caught:
        call()
    assert leaks(str(caught.value.to_dict()), KEY) == []
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff" * 50])
def test_a_file_comes_byte_for_byte(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)

    assert read_file(path) == data
    assert read_file(path, limit=100) == data


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    for path in (tmp_path / "none", tmp_path / "link", tmp_path / "file" / "below"):
        assert read_file(path) is None


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1025)

    assert read_file(path, limit=1025) == b"x" * 1025
    expected = ("import.too-large", "has more than 1 KiB, so it is not what it should be.")
    assert code_of(lambda: read_file(path, limit=1024)) == expected
    assert "8 MiB" in too_large(8 * 1024 * 1024).message


def test_folders_pipes_devices_and_links_to_them_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")

    assert code_of(lambda: read_file(tmp_path)) == ("import.not-a-file", "is a folder.")
    for name in ("pipe", "link"):
        assert code_of(partial(read_file, tmp_path / name)) == ("import.not-a-file", "is not a file."), name
    assert code_of(lambda: read_file(tmp_path.joinpath("/dev/zero")))[0] == "import.not-a-file"


def test_a_link_that_leads_to_itself_and_a_name_that_is_none_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    assert code_of(lambda: read_file(tmp_path / "loop"))[0] == "import.unreadable"
    assert code_of(lambda: read_file(tmp_path / "a\0b"))[0] == "import.unreadable"
    assert code_of(lambda: read_file(tmp_path / ("x" * 300)))[0] == "import.unreadable"


@pytest.mark.skipif(os.name != "posix", reason="accounts have no numbers there")
@pytest.mark.parametrize(("offset", "refused"), [(0, False), (1, True)])
def test_what_belongs_to_a_third_account_is_not_believed(tmp_path: Path, offset: int, refused: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    if path.stat().st_uid == 0:
        # The superuser's files are everybody's; somebody else's are made where that is allowed.
        os.chown(path, 4_242, -1)
    account = path.stat().st_uid + offset

    if refused:
        assert code_of(lambda: read_file(path, account=account))[0] == "import.foreign"
    else:
        assert read_file(path, account=account) == b"x"
    assert read_file(path, account=0) == b"x"


@pytest.mark.parametrize(
    ("text", "value", "repeated"),
    [
        ('{"a": 1}', {"a": 1}, ()),
        ('{"a": 1, "a": 2}', {"a": 2}, ("a",)),
        ('[{"b": {"x": 1, "x": 2, "x": 3}}, {"y": 1, "y": 1}]', [{"b": {"x": 3}}, {"y": 1}], ("x", "y")),
        (f'{{"{KEY}{KEY}": 1, "{KEY}{KEY}": 2}}', {KEY + KEY: 2}, (f"a text of {2 * len(KEY)} characters",)),
    ],
)
def test_json_is_read_with_the_keys_that_stand_twice(text: str, value: object, repeated: tuple[str, ...]) -> None:
    assert read_json(text.encode()) == (value, repeated)


def test_only_so_many_repeated_keys_are_told() -> None:
    text = "{" + ", ".join(f'"k{number}": 1, "k{number}": 2' for number in range(500)) + "}"

    assert len(read_json(text.encode())[1]) == 20


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 200_000, KEY.encode(), b"9" * 5000])
def test_what_is_no_json_is_told_without_its_text(data: bytes) -> None:
    assert code_of(lambda: read_json(data)) == ("import.format", "is not JSON.")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_without_repeated_keys_reads_as_it_was_written(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == (value, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("openai", "openai"), ("x" * 31, "x" * 31), ("x" * 32, "a text of 32 characters"), ("a\x1b[0m", r"'a\x1b[0m'")],
)
def test_a_name_is_shown_when_it_is_one(text: str, expected: str) -> None:
    assert shown(text) == expected
