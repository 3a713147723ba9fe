from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from jackfield.auth import browser
from jackfield.auth.browser import Browser, is_remote
from jackfield.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://example.org/authorize?state=a&code=%20b"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait until the command has ended, however busy the machine is."""
    monkeypatch.setattr(browser, "_FAILS_WITHIN_S", 30.0)


@pytest.mark.parametrize(
    ("env", "platform", "remote"),
    [
        ({"DISPLAY": ":0"}, "linux", False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", False),
        ({"WSL_DISTRO_NAME": "Debian"}, "linux", False),
        ({}, "linux", True),
        ({"DISPLAY": ""}, "linux", True),
        ({}, "darwin", False),
        ({"SSH_CLIENT": "192.0.2.1 1 22"}, "darwin", True),
        ({"DISPLAY": ":10", "SSH_TTY": "/dev/pts/1"}, "linux", True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, "linux", True),
        ({"DISPLAY": ":0", "REMOTE_CONTAINERS": "true"}, "linux", True),
        ({"DISPLAY": ":0", "CODESPACES": "true"}, "linux", True),
    ],
)
def test_a_session_is_remote_when_its_user_sits_elsewhere(env: dict[str, str], platform: str, remote: bool) -> None:
    assert is_remote(env, platform) is remote
    assert Browser(env, platform=platform).remote is remote


def recorder(folder: Path, status: int = 0) -> tuple[str, Path]:
    """Return a command that writes its arguments into a file, one a line, and ends with `status`."""
    log, script = folder / f"opened-{status}", folder / f"browser-{status}.py"
    script.write_text(f"import sys; open({str(log)!r}, 'w').write('\\n'.join(sys.argv[1:])); sys.exit({status})")
    return f"{sys.executable} {script}", log


def test_the_address_reaches_the_command_as_one_argument(tmp_path: Path) -> None:
    command, log = recorder(tmp_path)
    assert asyncio.run(Browser({"BROWSER": command}).open(URL)) is True
    assert log.read_text() == URL


def test_the_address_takes_the_place_that_the_command_gives_it(tmp_path: Path) -> None:
    command, log = recorder(tmp_path)
    assert asyncio.run(Browser({"BROWSER": f"{command} --url=%s --new"}).open(URL)) is True
    assert log.read_text().split("\n") == [f"--url={URL}", "--new"]


def test_the_next_command_is_tried_when_one_fails(tmp_path: Path) -> None:
    bad, _ = recorder(tmp_path, 3)
    good, log = recorder(tmp_path)
    assert asyncio.run(Browser({"BROWSER": f"/no/such/program:{bad}:{good}"}).open(URL)) is True
    assert log.read_text() == URL


def test_a_command_that_fails_opened_nothing(tmp_path: Path) -> None:
    command, _ = recorder(tmp_path, 1)
    assert asyncio.run(Browser({"BROWSER": command}).open(URL)) is False


def test_nothing_is_opened_where_that_is_not_wanted(tmp_path: Path) -> None:
    command, log = recorder(tmp_path)
    assert asyncio.run(Browser({"BROWSER": command}, enabled=False).open(URL)) is False
    assert not log.exists()


def test_nothing_is_opened_where_nobody_would_see_it() -> None:
    assert asyncio.run(Browser({}, platform="linux").open(URL)) is False


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "--version",
        "https://example.org/a b",
        "https://example.org/\n--flag",
        "",
        "ftp://example.org",
        "vscode://open",
    ],
)
def test_what_is_no_web_address_never_reaches_the_command(tmp_path: Path, url: str) -> None:
    command, log = recorder(tmp_path)
    with pytest.raises(RequestError) as caught:
        asyncio.run(Browser({"BROWSER": command}).open(url))
    assert caught.value.code == "url.scheme"
    assert not log.exists()
