"""The program as a process: exit statuses, streams, pipes, completion, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import jackfield
from support.cli import RIGHT_KEY, WRONG_KEY, Cli, leaks, model_server
from support.servers import Connection, HttpServer, Request


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_python_m_jackfield_tells_its_version(cli: Cli) -> None:
    result = cli.run("--version")

    assert (result.status, result.out, result.err) == (0, f"jackfield, version {jackfield.__version__}\n", "")
    assert not cli.home.exists()


def test_the_installed_command_is_the_same_program(cli: Cli) -> None:
    code = "import sys; from jackfield.cli import main; sys.exit(main())"

    done = subprocess.run([sys.executable, "-c", code, "--version"], env=cli.env, capture_output=True, timeout=60)

    assert done.stdout.decode() == cli.run("--version").out


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("config", "path"), 0),
        (("status", "--no-probe", "--json"), 0),
        (("logout", "openai"), 1),
        (("config", "validate", "missing.json5"), 2),
        (("login", "openai"), 2),
        (("nonsense",), 2),
        ((), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_exit_status_says_how_it_went(cli: Cli, args: tuple[str, ...], status: int) -> None:
    result = cli.run(*args)

    assert result.status == status
    assert "Traceback" not in result.err
    assert (result.out == "") is (status != 0)


def test_without_a_terminal_the_error_names_the_flag(cli: Cli) -> None:
    result = cli.run("login", "openai")

    assert (result.status, result.out) == (2, "")
    assert result.err == (
        "Error: There is no terminal to ask: OpenAI API key\n"
        "Fix: Answer it with --key-stdin, or run this in a terminal.\n"
    )


def test_standard_output_holds_one_json_document_and_nothing_else(cli: Cli) -> None:
    with model_server(RIGHT_KEY) as server:
        result = cli.run(
            "login", "opencode", "--key-stdin", "--base-url", f"{server.url}/v1", "--json", stdin=RIGHT_KEY
        )

    assert result.status == 0
    assert json.loads(result.out)["profiles"] == ["opencode:default"]
    assert result.err.startswith("OpenCode Zen: ")


def test_no_run_leaves_a_secret_outside_the_sealed_store(cli: Cli) -> None:
    with model_server(RIGHT_KEY) as server:
        base = ("--base-url", f"{server.url}/v1")
        runs = [
            cli.run("--debug", "login", "openai", "--key-stdin", *base, stdin=RIGHT_KEY),
            cli.run("--debug", "login", "openai", "--key-stdin", *base, "--profile", "b", stdin=WRONG_KEY),
            cli.run("--debug", "status", "openai", "--json"),
            cli.run("--debug", "status", "openai", env={"OPENAI_API_KEY": WRONG_KEY}),
            cli.run("--debug", "auth", "list", "--json"),
            cli.run("--debug", "login", RIGHT_KEY + "-as-a-name"),
            cli.run("--debug", "login", "openai", RIGHT_KEY + "-as-an-argument", "--json"),
            cli.run(
                "--debug", "login", "openai", "--expires-in", RIGHT_KEY + "-as-a-time", "--method", RIGHT_KEY + "-x"
            ),
            cli.run("--debug", RIGHT_KEY + "-as-a-command"),
            cli.run("--debug", "explain", RIGHT_KEY + "-as-a-provider", "--json"),
            cli.run("--debug", "logout", "--profile", RIGHT_KEY + "-as-a-profile"),
        ]

    assert [each.status for each in runs] == [0, 1, 0, 0, 0, 2, 2, 2, 2, 2, 1]
    for each in runs:
        for secret in (RIGHT_KEY, WRONG_KEY):
            assert leaks(each.err, secret) == []
            assert leaks(each.out, secret) == []
    for name, data in cli.files().items():
        assert (name, leaks(data, RIGHT_KEY), leaks(data, WRONG_KEY)) == (name, [], [])
    assert cli.secret("openai:default") == RIGHT_KEY


@pytest.mark.skipif(os.name != "posix", reason="closes the reading end of a POSIX pipe")
@pytest.mark.parametrize(
    "args",
    [
        ("providers", "view", "env-vars"),
        ("providers", "view", "env-vars", "--json"),
        ("status", "--no-probe", "--json"),
        ("providers", "show", "nope", "--json"),
        ("config", "path"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_a_reader_that_has_gone_is_no_error_message(cli: Cli, args: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(cli.command(*args), env=cli.env, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writing)

    assert done.stderr == b""
    assert done.returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_while_the_provider_is_asked_writes_nothing(cli: Cli) -> None:
    cli.write_config("{}")
    arrived = threading.Event()

    async def hold(request: Request, connection: Connection) -> None:
        arrived.set()
        await connection.closed_by_peer()

    with HttpServer(hold) as server:
        process = cli.start("login", "openai", "--key-stdin", "--base-url", f"{server.url}/v1", "--json")
        assert process.stdin is not None
        process.stdin.write(RIGHT_KEY.encode())
        process.stdin.close()
        process.stdin = None
        assert arrived.wait(30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "cancelled"
    assert err.strip() == b""
    assert cli.files() == {"config.json5": b"{}"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_each_shell_is_printed(cli: Cli, shell: str) -> None:
    result = cli.run("completion", shell)

    assert (result.status, result.err) == (0, "")
    assert f"_JACKFIELD_COMPLETE={shell}_complete" in result.out
    assert "_jackfield_completion" in result.out


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="needs bash")  # noqa: PTH110 - a constant path
def test_the_bash_script_is_valid_bash(cli: Cli) -> None:
    script = cli.run("completion", "bash").out

    done = subprocess.run(["/bin/bash", "-n"], input=script.encode(), capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("jackfield log", {"login", "logout"}),
        ("jackfield login anth", {"anthropic"}),
        ("jackfield login z.", {"z.ai"}),
        ("jackfield explain OPENAI-", {"openai-codex"}),
        ("jackfield status gro", {"groq"}),
        ("jackfield providers show lmst", {"lmstudio"}),
        ("jackfield providers view api", {"api-key-specs"}),
        ("jackfield login --set", {"--set-default"}),
        ("jackfield completion z", {"zsh"}),
        ("jackfield login qqq", set()),
        ("jackfield login minimax-api-l", {"minimax-api-lightning"}),
        ("jackfield login openai --method ap", {"api-key"}),
        ("jackfield login openai --method q", set()),
        ("jackfield login zai --model glm-4.7", {"glm-4.7"}),
        ("jackfield login nobody --model g", set()),
        ("jackfield login --auth-choice minimax-api-l", {"minimax-api-lightning"}),
        ("jackfield providers view env-vars --provider gro", {"groq"}),
        ("jackfield config check-patch --provider gro", {"groq"}),
        ("jackfield logout gro", set()),
    ],
)
def test_names_are_completed(cli: Cli, words: str, expected: set[str]) -> None:
    env = {"_JACKFIELD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    result = cli.run(env=env)

    assert (result.status, result.err) == (0, "")
    assert {line.partition(",")[2] for line in result.out.split()} == expected


def test_a_provider_of_the_config_is_completed_too(cli: Cli) -> None:
    cli.write_config("{models: {providers: {acme: {baseUrl: 'https://api.acme.test', models: []}}}}")
    env = {"_JACKFIELD_COMPLETE": "bash_complete", "COMP_WORDS": "jackfield login acm", "COMP_CWORD": "2"}

    assert cli.run(env=env).out == "plain,acme\n"


def test_an_encoding_without_the_characters_needed_is_no_crash(cli: Cli) -> None:
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}

    as_json = cli.run("providers", "view", "advisories", "--json", env=env)
    as_text = cli.run("status", "--all", "--no-probe", env=env)

    assert as_json.status == 0
    assert as_json.json
    assert "Traceback" not in as_text.err
    assert as_text.status == 0


def test_output_that_is_no_terminal_has_no_colours(cli: Cli) -> None:
    for args in (("status", "--no-probe", "--all"), ("providers", "list"), ("explain", "zai"), ("explain", "nope")):
        result = cli.run(*args)
        assert "\x1b" not in result.out + result.err


def test_debug_shows_where_an_error_came_from(cli: Cli) -> None:
    quiet, loud = cli.run("explain", "nope"), cli.run("--debug", "explain", "nope")

    assert "Traceback" not in quiet.err
    assert "Traceback" in loud.err
    assert loud.err.endswith(quiet.err)
    assert (quiet.status, loud.status) == (2, 2)


def test_reading_commands_write_no_file(cli: Cli) -> None:
    for args in (
        ("status", "--no-probe"),
        ("auth", "list"),
        ("config", "validate"),
        ("config", "show"),
        ("explain", "zai"),
    ):
        cli.run(*args)

    assert not cli.home.exists()
    assert not (cli.folder / "user").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "jackfield", "providers", "list", "--json"],
            env=cli.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: The output cannot be written: No space left on device.\n"
