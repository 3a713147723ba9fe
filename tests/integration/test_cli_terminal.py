"""The program in a real terminal: choosing, hidden input, Ctrl-C at every prompt, colours and widths."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pexpect
import pytest

from support.cli import RIGHT_KEY, WRONG_KEY, Cli, leaks, model_server, sent_key
from support.servers import HttpServer, holding, refusing_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal"),
    # Python warns of any fork of a process with threads; the child runs another program at once.
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]

CTRL_C, CTRL_D, DOWN, ENTER = "\x03", "\x04", "\x1b[B", "\r"
CONFIG = "{\n  // mine\n}\n"
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    found = Cli(tmp_path)
    found.write_config(CONFIG)
    return found


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with model_server(RIGHT_KEY) as opened:
        yield opened


def finish(child: pexpect.spawn[str]) -> tuple[int, str]:
    """Wait for the end; return the exit status and everything that was shown."""
    child.expect(pexpect.EOF)
    child.close()
    shown = child.logfile_read.getvalue()
    # Whatever hid the cursor has shown it again.
    assert shown.rfind("\x1b[?25h") >= shown.rfind("\x1b[?25l")
    assert isinstance(child.exitstatus, int)
    return child.exitstatus, shown


def plain(shown: str) -> str:
    return _STYLE.sub("", shown)


def untouched(cli: Cli) -> bool:
    return cli.files() == {"config.json5": CONFIG.encode()}


def test_a_pasted_key_is_not_shown(cli: Cli, server: HttpServer) -> None:
    with cli.terminal("login", "openai", "--base-url", f"{server.url}/v1") as child:
        child.expect("OpenAI API key")
        child.send(RIGHT_KEY)
        child.send(ENTER)
        status, shown = finish(child)

    assert status == 0
    assert leaks(shown, RIGHT_KEY) == []
    assert "Logged in to OpenAI as openai:default." in plain(shown)
    assert cli.secret("openai:default") == RIGHT_KEY


def test_a_bracketed_paste_with_its_shell_wrapping_works(cli: Cli, server: HttpServer) -> None:
    with cli.terminal("login", "openai", "--base-url", f"{server.url}/v1") as child:
        child.expect("OpenAI API key")
        child.send(f"\x1b[200~export OPENAI_API_KEY={shlex.quote(RIGHT_KEY)};\x1b[201~")
        child.send(ENTER)
        status, shown = finish(child)

    assert (status, leaks(shown, RIGHT_KEY)) == (0, [])
    assert cli.secret("openai:default") == RIGHT_KEY


def test_a_refused_key_may_be_pasted_again(cli: Cli, server: HttpServer) -> None:
    with cli.terminal("login", "openai", "--base-url", f"{server.url}/v1") as child:
        child.expect("OpenAI API key")
        child.send(WRONG_KEY + ENTER)
        child.expect("Not accepted")
        child.expect("OpenAI API key")
        child.send(RIGHT_KEY + ENTER)
        status, shown = finish(child)

    assert status == 0
    assert leaks(shown, WRONG_KEY) == []
    assert leaks(shown, RIGHT_KEY) == []
    assert [sent_key(each) for each in server.requests] == [WRONG_KEY, RIGHT_KEY]


def test_what_is_no_key_is_said_while_it_stands_there(cli: Cli, server: HttpServer) -> None:
    with cli.terminal("login", "openai", "--base-url", f"{server.url}/v1") as child:
        child.expect("OpenAI API key")
        child.send("two words" + ENTER)
        child.expect("A key has no white space")
        child.send("\x15" + RIGHT_KEY + ENTER)
        status, _ = finish(child)

    assert status == 0
    assert [sent_key(each) for each in server.requests] == [RIGHT_KEY]


def test_a_method_is_chosen_with_arrow_keys(cli: Cli) -> None:
    with cli.terminal("login", "anthropic", "--no-verify") as child:
        child.expect("How")
        child.send(DOWN + ENTER)
        child.expect("Anthropic API key")
        child.expect("Anthropic API key")
        child.send(RIGHT_KEY + ENTER)
        status, _ = finish(child)

    assert status == 0
    assert cli.secret("anthropic:default") == RIGHT_KEY


def test_a_login_is_found_by_typing(cli: Cli) -> None:
    with cli.terminal("login", "--no-verify") as child:
        child.expect("type to filter")
        child.send("cerebras")
        child.expect("cerebras")
        child.send(ENTER)
        child.expect("Cerebras API key")
        child.send(RIGHT_KEY + ENTER)
        status, shown = finish(child)

    assert status == 0
    assert cli.profile_ids() == ["cerebras:default"]
    assert "Logged in to Cerebras" in plain(shown)


def test_an_unchecked_key_is_stored_only_on_a_yes(cli: Cli) -> None:
    def log_in(answer: str) -> tuple[int, str]:
        with (
            model_server(RIGHT_KEY, status=500) as broken,
            cli.terminal("login", "openai", "--base-url", f"{broken.url}/v1") as child,
        ):
            child.expect("OpenAI API key")
            child.send(WRONG_KEY + ENTER)
            child.expect("Store it all the same")
            child.send(answer)
            return finish(child)

    assert log_in("n")[0] == 1
    assert untouched(cli)
    assert log_in(ENTER)[0] == 1
    assert untouched(cli)
    assert log_in("y")[0] == 0
    assert cli.secret("openai:default") == WRONG_KEY


PROMPTS = {
    "choice": ((), "type to filter"),
    "method": (("anthropic",), "How"),
    "secret": (("openai",), "OpenAI API key"),
    "confirm": (("openai",), "Use the key in OPENAI_API_KEY"),
}


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_ctrl_c_and_ctrl_d_end_it_at_every_prompt(cli: Cli, prompt: str, key: str) -> None:
    args, text = PROMPTS[prompt]
    env = {"OPENAI_API_KEY": RIGHT_KEY} if prompt == "confirm" else {}
    with cli.terminal("login", *args, env=env) as child:
        child.expect(text)
        child.send(key)
        status, shown = finish(child)

    assert status == 130
    assert plain(shown).rstrip().endswith("Error: Interrupted; nothing was changed.")
    assert leaks(shown, RIGHT_KEY) == []
    assert untouched(cli)


def test_ctrl_c_at_the_last_question_writes_nothing(cli: Cli) -> None:
    with (
        model_server(RIGHT_KEY, status=500) as broken,
        cli.terminal("login", "openai", "--base-url", f"{broken.url}/v1") as child,
    ):
        child.expect("OpenAI API key")
        child.send(WRONG_KEY + ENTER)
        child.expect("Store it all the same")
        child.send(CTRL_C)
        status, _ = finish(child)

    assert status == 130
    assert untouched(cli)


def test_ctrl_c_while_the_provider_is_asked_shows_the_cursor_again(cli: Cli) -> None:
    with HttpServer(holding()) as slow, cli.terminal("login", "openai", "--base-url", f"{slow.url}/v1") as child:
        child.expect("OpenAI API key")
        child.send(RIGHT_KEY + ENTER)
        child.expect("Asking OpenAI at")
        child.sendintr()
        status, shown = finish(child)

    assert status == 130
    assert "nothing was changed" in plain(shown)
    assert untouched(cli)


def test_the_terminal_is_as_it_was_after_ctrl_c(cli: Cli, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    command = shlex.join(cli.command("login", "openai"))
    script = f"stty -g > {before}; {command}; stty -g > {after}"
    env = {**cli.env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
    with pexpect.spawn("/bin/sh", ["-c", script], env=env, timeout=20, encoding="utf-8") as child:
        child.expect("OpenAI API key")
        child.send(CTRL_C)
        child.expect(pexpect.EOF)

    assert before.read_text()
    assert before.read_text() == after.read_text()


def test_which_profile_to_forget_is_asked(cli: Cli) -> None:
    for name in ("one", "two"):
        cli.run("login", "openai", "--key-stdin", "--no-verify", "--profile", name, stdin=RIGHT_KEY)
    with cli.terminal("logout", "openai") as child:
        child.expect("Forget which profile")
        child.send(DOWN + ENTER)
        status, _ = finish(child)

    assert status == 0
    assert cli.profile_ids() == ["openai:one"]


@pytest.mark.parametrize(("answer", "left"), [("y", []), ("n", ["openai:one"]), (ENTER, ["openai:one"])])
def test_the_only_profile_is_asked_about_when_nobody_has_named_it(cli: Cli, answer: str, left: list[str]) -> None:
    cli.run("login", "openai", "--key-stdin", "--no-verify", "--profile", "one", stdin=RIGHT_KEY)
    with cli.terminal("logout") as child:
        child.expect("Forget openai:one")
        child.send(answer)
        status, shown = finish(child)

    assert cli.profile_ids() == left
    assert (status, "Nothing was forgotten." in shown) == ((130, True) if left else (0, False))


def test_a_profile_that_is_named_is_not_asked_about(cli: Cli) -> None:
    cli.run("login", "openai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY)
    with cli.terminal("logout", "openai") as child:
        status, shown = finish(child)

    assert (status, cli.profile_ids()) == (0, [])
    assert "?" not in plain(shown)


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_why_a_key_could_not_be_checked_is_said_once(cli: Cli, answer: str, status: int) -> None:
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        with cli.terminal("login", "openai", "--base-url", f"{url}/v1", columns=160) as child:
            child.expect("OpenAI API key")
            child.send(RIGHT_KEY + ENTER)
            child.expect("Store it all the same")
            child.send(answer)
            ended, shown = finish(child)

    # A question is drawn anew while it is answered: what counts is that nothing after it says so again.
    after = plain(shown).rpartition("Store it all the same")[2]
    assert ended == status
    assert f"{url} refuses connections. Store it all the same?" in plain(shown)
    assert "refuses connections" not in after
    assert "The credential was not checked." in after


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["xterm", "no", "dumb"],
)
def test_colours_are_for_terminals_that_want_them(cli: Cli, env: dict[str, str], coloured: bool) -> None:
    with cli.terminal("status", "--all", "--no-probe", env=env) as child:
        status, shown = finish(child)

    assert status == 0
    assert (re.search(r"\x1b\[[0-9;]*3[0-9]", shown) is not None) is coloured
    assert "not configured" in plain(shown)


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(
    "args",
    [
        ("status", "--all", "--no-probe"),
        ("auth", "list"),
        ("explain", "zai"),
        ("providers", "list"),
        ("providers", "view", "env-vars"),
    ],
    ids=" ".join,
)
def test_tables_fit_the_terminal_and_lose_nothing(cli: Cli, args: tuple[str, ...], columns: int) -> None:
    if args[0] == "auth":
        cli.run("login", "groq", "--key-stdin", "--no-verify", "--profile", "my.long.name@acme.test", stdin=RIGHT_KEY)
    with cli.terminal(*args, columns=columns) as child:
        status, shown = finish(child)

    lines = [line.rstrip("\r") for line in plain(shown).split("\n")]
    table = [line for line in lines if not line.startswith(("No ", "To ", "OPENAI"))]
    assert status == 0
    assert max(len(line.rstrip()) for line in table if "  " in line) <= columns
    # What does not fit is folded, not cut.
    assert "\u2026" not in "".join(table)


def test_a_narrow_terminal_still_asks(cli: Cli) -> None:
    with cli.terminal("login", "--no-verify", rows=12, columns=60) as child:
        child.expect("type to filter")
        child.send("groq")
        child.expect("groq")
        child.send(ENTER)
        child.expect("Groq API key")
        child.send(RIGHT_KEY + ENTER)
        status, _ = finish(child)

    assert status == 0
    assert cli.secret("groq:default") == RIGHT_KEY


def test_results_go_to_standard_output_while_questions_are_asked_on_the_terminal(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = shlex.join(cli.command("login", "openai", "--no-verify", "--json"))
    env = {**cli.env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
    with pexpect.spawn("/bin/sh", ["-c", f"{command} > {out}"], env=env, timeout=20, encoding="utf-8") as child:
        child.expect("OpenAI API key")
        child.send(RIGHT_KEY + ENTER)
        child.expect(pexpect.EOF)

    assert '"openai:default"' in out.read_text()
    assert "\x1b" not in out.read_text()
