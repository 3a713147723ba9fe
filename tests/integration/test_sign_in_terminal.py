"""Signing in in a real terminal: pasting while the browser is waited for, Ctrl-C at once, QR codes, the time left."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pexpect
import pytest

from integration.test_cli_terminal import CTRL_C, CTRL_D, ENTER, finish, plain
from support.cli import Cli
from support.signin import follow
from support.vendors import CHUTES, CODEX, COPILOT, Vendors, fixed_port, vendors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal"),
    # Python warns of any fork of a process with threads; the child runs another program at once.
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]

PASTE = "paste the address that you are sent to:"
URL = r"https://(?:auth\.openai\.com|api\.chutes\.ai)/\S+"
CLEAR_LINE = "\x15"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Vendors]:
    with vendors(tmp_path) as opened:
        yield opened


@pytest.fixture
def cli(tmp_path: Path, world: Vendors) -> Cli:
    folder = tmp_path / "cli"
    folder.mkdir()
    return Cli(folder, {name: value for name, value in world.env.items() if name != "BROWSER"})


@pytest.fixture
def codex(world: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    world.become(CODEX)
    with fixed_port(tmp_path_factory.getbasetemp().parent, 1455):
        yield world


def page_of(child: pexpect.spawn[str]) -> str:
    """Return the address of the sign-in page, once the question below it stands there."""
    child.expect(URL)
    assert isinstance(child.match, re.Match)
    url = str(child.match[0])
    child.expect(PASTE)
    return url


def test_the_browser_coming_back_takes_the_question_away(cli: Cli, codex: Vendors) -> None:
    with cli.terminal("login", "openai-codex") as child:
        status, page = follow(codex.redirect_of(page_of(child)))
        ended, shown = finish(child)

    assert (status, ended) == (200, 0)
    assert "You are logged in" in page
    assert "Logged in to OpenAI Codex as openai-codex:you@example.org." in plain(shown)
    assert codex.server.faults == []


def test_the_address_may_be_pasted_while_the_browser_is_waited_for(cli: Cli, codex: Vendors) -> None:
    with cli.terminal("login", "openai-codex", columns=200) as child:
        child.send(codex.redirect_of(page_of(child)) + ENTER)
        ended, shown = finish(child)

    assert ended == 0
    assert "Open this address in the browser of the computer that you sit at" in plain(shown)
    assert cli.profile_ids() == ["openai-codex:you@example.org"]
    assert codex.server.faults == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("&state=", "&other=", "The state is missing"),
        ("state=", "state=x", "That belongs to another sign-in"),
        ("1455", "1456", "That is another page's address"),
    ],
    ids=["no-state", "another-state", "another-port"],
)
def test_a_wrong_paste_is_said_while_it_stands_there_and_goes_nowhere(
    cli: Cli, codex: Vendors, old: str, new: str, told: str
) -> None:
    with cli.terminal("login", "openai-codex", columns=200) as child:
        back = codex.redirect_of(page_of(child))
        child.send(back.replace(old, new) + ENTER)
        child.expect(told)
        assert codex.exchanges == 0
        child.send(CLEAR_LINE + back + ENTER)
        ended, _ = finish(child)

    assert ended == 0
    assert codex.exchanges == 1
    assert codex.server.faults == []


def test_what_is_waited_for_and_the_time_left_are_shown(cli: Cli, codex: Vendors) -> None:
    with cli.terminal("login", "openai-codex") as child:
        child.expect(r"Waiting for the browser to come back · [45]:\d\d left")
        child.expect(PASTE)
        child.send(CTRL_C)
        finish(child)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
def test_ctrl_c_and_ctrl_d_end_the_wait_for_the_browser_at_once(cli: Cli, codex: Vendors, key: str) -> None:
    with cli.terminal("login", "openai-codex", "--no-browser") as child:
        page_of(child)
        child.send(key)
        status, shown = finish(child)

    assert status == 130
    assert plain(shown).rstrip().endswith("Error: Interrupted; nothing was changed.")
    assert codex.exchanges == 0
    assert cli.files() == {}


@pytest.mark.parametrize("end", ["browser", "ctrl-c"])
def test_the_terminal_is_as_it_was(cli: Cli, codex: Vendors, tmp_path: Path, end: str) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    command = shlex.join(cli.command("login", "openai-codex"))
    script = f"stty -g > {before}; {command}; stty -g > {after}"
    env = {**cli.env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
    with pexpect.spawn("/bin/sh", ["-c", script], env=env, timeout=20, encoding="utf-8") as child:
        url = page_of(child)
        if end == "browser":
            follow(codex.redirect_of(url))
        else:
            child.send(CTRL_C)
        child.expect(pexpect.EOF)

    assert before.read_text()
    assert before.read_text() == after.read_text()


def test_ctrl_c_while_the_vendor_is_asked_for_tokens_ends_it_at_once(cli: Cli, codex: Vendors) -> None:
    codex.server.rules.token_delay_s = 60.0
    with cli.terminal("login", "openai-codex", columns=200) as child:
        child.send(codex.redirect_of(page_of(child)) + ENTER)
        child.expect("Getting the tokens from OpenAI Codex")
        child.sendintr()
        status, shown = finish(child)

    assert status == 130
    assert "nothing was changed" in plain(shown)
    assert cli.files() == {}


def test_the_client_of_chutes_is_asked_for_and_its_secret_is_not_shown(
    cli: Cli, world: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world.become(CHUTES)
    with (
        fixed_port(tmp_path_factory.getbasetemp().parent, 1456),
        cli.terminal("login", "chutes", columns=200) as child,
    ):
        child.expect("Chutes OAuth client id")
        child.send(CHUTES.id + ENTER)
        child.expect("Chutes OAuth client secret")
        child.send(str(CHUTES.secret) + ENTER)
        child.send(world.redirect_of(page_of(child)) + ENTER)
        status, shown = finish(child)

    assert status == 0
    assert "canary" not in shown
    assert cli.profile_ids() == ["chutes:you"]


def device(world: Vendors) -> None:
    world.become(COPILOT)
    world.server.rules.polls_needed = None


def test_a_device_login_shows_page_code_time_and_qr_code(cli: Cli, world: Vendors) -> None:
    device(world)
    with cli.terminal("login", "github-copilot", columns=100) as child:
        child.expect("https://github.com/login/device|https://github.com/activate")
        child.expect(r"Code to type there: .*?([0-9A-F]{8})")
        assert isinstance(child.match, re.Match)
        user_code = child.match[1]
        child.expect("It can be typed within 899 seconds.")
        child.expect("[█▀▄]{7}")
        child.expect(r"Waiting until GitHub Copilot lets this machine in · 14:[0-5]\d left")
        world.server.approve(user_code)
        status, shown = finish(child)

    assert status == 0
    assert "Logged in to GitHub Copilot as github-copilot:github." in plain(shown)
    assert world.server.faults == []


@pytest.mark.parametrize(("columns", "env"), [(20, {}), (100, {"TERM": "dumb"})], ids=["narrow", "dumb"])
def test_there_is_no_qr_code_where_it_could_not_be_read(
    cli: Cli, world: Vendors, columns: int, env: dict[str, str]
) -> None:
    device(world)
    with cli.terminal("login", "github-copilot", columns=columns, env=env) as child:
        child.expect("It can be typed")
        child.sendintr()
        status, shown = finish(child)

    assert status == 130
    assert re.search("[█▀▄]{7}", shown) is None


def test_ctrl_c_while_the_code_is_waited_for_ends_it_at_once(cli: Cli, world: Vendors) -> None:
    device(world)
    world.server.rules.interval = 60.0
    with cli.terminal("login", "github-copilot") as child:
        child.expect("Waiting until GitHub Copilot")
        child.sendintr()
        status, shown = finish(child)

    assert status == 130
    assert "nothing was changed" in plain(shown)
    # The cursor, which the spinner hides, is back.
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
    assert cli.files() == {}
    assert world.exchanges == 0
