"""The program where something that programs count on is missing: a home, a standard stream, a file that is one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import RIGHT_KEY, Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def shell(cli: Cli, command: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program by a shell, which can close streams: `$J` stands for it."""
    env = {**cli.env, "PY": sys.executable}
    script = command.replace("$J", '"$PY" -m jackfield')
    return subprocess.run(["/bin/sh", "-c", script], env=env, capture_output=True, timeout=60)


# no home


def test_without_a_home_the_variable_that_makes_one_is_named(cli: Cli) -> None:
    # A user whom the system does not know has no home when HOME is not set; a lookup that fails stands for such a one.
    code = (
        "import os, pwd, sys\n"
        "os.environ.pop('HOME'); os.environ.pop('JACKFIELD_HOME')\n"
        "def unknown(number): raise KeyError(number)\n"
        "pwd.getpwuid = unknown\n"
        "from jackfield.cli import main\n"
        "sys.exit(main(['status', '--no-probe']))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], env=cli.env, capture_output=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == [
        "Error: There is no home folder: HOME is not set, and the system knows none for this user.",
        "Fix: Set JACKFIELD_HOME to a folder of your own; everything is kept in it then.",
    ]


@pytest.mark.parametrize("command", ["status --no-probe", "doctor", "explain google-vertex"])
def test_without_a_home_the_folder_that_is_named_will_do(cli: Cli, command: str) -> None:
    code = (
        "import os, pwd, sys\n"
        "os.environ.pop('HOME')\n"
        "def unknown(number): raise KeyError(number)\n"
        "pwd.getpwuid = unknown\n"
        "from jackfield.cli import main\n"
        f"sys.exit(main({command.split()}))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], env=cli.env, capture_output=True, timeout=60)

    assert (done.returncode, b"Error" in done.stderr) == (0, False), done.stderr


# closed streams


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("$J status --no-probe >&-", 0),
        ("$J status --no-probe --json 2>&-", 0),
        ("$J config path <&- >&- 2>&-", 0),
        ("$J providers list >&-", 0),
        ("$J login openai --key-stdin <&-", 2),
        ("$J login openai <&-", 2),
        ("$J nonsense 2>&-", 2),
    ],
)
def test_a_closed_stream_is_an_empty_one(cli: Cli, command: str, status: int) -> None:
    done = shell(cli, command)

    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"not foreseen" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the streams")
def test_what_is_said_with_a_closed_output_goes_into_no_file(cli: Cli) -> None:
    """A file that is opened while number 1 is free would get it, and then what is printed."""
    done = shell(cli, f"echo {RIGHT_KEY} | $J login openai --key-stdin --no-verify >&- 2>&-")

    assert done.returncode == 0
    assert cli.secret("openai:default") == RIGHT_KEY
    assert b"Logged in" not in b"".join(cli.files().values())


# files that are none


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_config_that_is_a_pipe_is_not_waited_for(cli: Cli) -> None:
    cli.home.mkdir()
    os.mkfifo(cli.config_file)

    result = cli.run("config", "validate")

    assert result.status == 1
    assert f"{cli.config_file} cannot be read: it is not a file." in result.err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
def test_a_config_without_end_is_not_read(cli: Cli) -> None:
    result = cli.run("config", "validate", "--json", env={"JACKFIELD_CONFIG": "/dev/zero"})

    assert result.status == 1
    assert [each["code"] for each in result.json["diagnostics"]] == ["config.unreadable"]


def test_a_file_of_no_bytes_is_an_empty_config_and_can_be_written_and_taken_back(cli: Cli) -> None:
    cli.write_config("")

    assert cli.run("config", "validate").err.endswith("is valid\n")
    assert cli.run("login", "openai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY).status == 0
    assert "openai:default" in cli.config_text()
    assert cli.run("config", "undo").status == 0
    assert "openai" not in cli.config_text()


# tables


@pytest.mark.parametrize("args", [("status", "--all", "--no-probe"), ("providers", "list"), ("explain", "openai")])
def test_a_row_of_a_table_is_one_line_in_a_pipe(cli: Cli, args: tuple[str, ...]) -> None:
    del cli.env["COLUMNS"]

    result = cli.run(*args)

    rows = [line.split() for line in result.out.splitlines() if line.strip()]
    assert result.status == 0
    assert max(map(len, result.out.splitlines())) > 80 or args[0] == "explain"
    assert all(len(row) > 1 or re.fullmatch("─+", row[0]) for row in rows), "a cell is folded"


def test_a_width_that_is_set_is_kept_to_in_a_pipe(cli: Cli) -> None:
    out = cli.run("status", "--all", "--no-probe", env={"COLUMNS": "70"}).out

    assert max(map(len, out.splitlines())) <= 70


# completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("jackfield logout ", {"openai"}),
        ("jackfield logout openai --profile ", {"default", "work"}),
        ("jackfield logout --profile openai:w", {"openai:work"}),
        ("jackfield auth order openai w", {"work"}),
        ("jackfield auth order groq ", set()),
    ],
)
def test_stored_profiles_are_completed(cli: Cli, words: str, expected: set[str]) -> None:
    for name in ("default", "work"):
        args = ("login", "openai", "--key-stdin", "--no-verify", "--profile", name)
        assert cli.run(*args, stdin=RIGHT_KEY).status == 0
    env = {"_JACKFIELD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    result = cli.run(env=env)

    assert (result.status, result.err) == (0, "")
    assert {line.partition(",")[2] for line in result.out.split()} == expected
