"""The root command: help, what is unknown, and what each error becomes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest

from jackfield.cli.root import root
from jackfield.errors import ConfigError, RequestError
from support.cli import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that is no group, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def test_the_commands_are_these() -> None:
    found = {" ".join(path) for path in COMMANDS}

    assert {
        "auth list",
        "auth order",
        "completion",
        "config path",
        "config show",
        "config validate",
        "explain",
        "login",
        "logout",
        "providers list",
        "providers show",
        "providers view",
        "status",
    } <= found


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_says_what_it_does_and_what_its_json_is(cli: InProcess, path: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        result = cli.call(*path, flag)
        assert (result.status, result.err) == (0, "")
        assert result.out.startswith(f"Usage: jackfield {' '.join(path)} ")
    takes_json = any("--json" in each.opts for each in COMMANDS[path].params)
    assert takes_json is (path != ("completion",))
    if takes_json:
        assert re.search(r"[Ww]ith\s+--json", result.out), "the help does not say what --json prints"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_and_command_is_explained(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]

    assert command.help
    assert command.get_short_help_str(200).endswith(".")
    for each in command.get_params(click.Context(command)):
        if isinstance(each, click.Option):
            assert each.help
            assert each.help.endswith(".")


def test_help_is_the_same_wherever_one_is(cli: InProcess) -> None:
    assert cli.call("--help").out == cli.call("-h").out
    assert not cli.home.exists()


@pytest.mark.parametrize(
    "args", [(), ("auth",), ("config",), ("providers",)], ids=lambda each: " ".join(each) or "none"
)
def test_a_group_alone_prints_its_help_on_standard_error(cli: InProcess, args: tuple[str, ...]) -> None:
    result = cli.call(*args)

    assert (result.status, result.out) == (2, "")
    assert result.err == cli.call(*args, "--help").out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("stauts",), "There is no command 'stauts'. Did you mean status"),
        (("undo",), "There is no command 'undo'. Did you mean config undo?"),
        (("order",), "There is no command 'order'. Did you mean auth order?"),
        (("status", "nope"), "There is no provider 'nope'.\n"),
        (("logn",), "There is no command 'logn'. Did you mean login"),
        (("zzzzzz",), "There is no command 'zzzzzz'."),
        (("k" * 40,), "There is no command of that name; it has 40 characters."),
        (("--verson",), "Did you mean '--version'?"),
        (("login", "--key-stdn"), "Did you mean '--key-stdin'?"),
        (("status", "--no-prob"), "Did you mean"),
        (("providers", "lst"), "lst"),
        (("providers", "view", "env-var"), "env-vars"),
        (("status", "opnai"), "There is no provider 'opnai'.\nFix: Did you mean openai?"),
        (("explain", "antropic"), "Did you mean anthropic"),
        (("login", "opnai"), "Did you mean openai"),
        (("login", "openai", "extra"), "Got unexpected extra argument (extra)."),
        (("login", "openai", "k" * 40), "Got unexpected extra argument (…)."),
        (("status", "--timeout", "0"), "0.1"),
        (("completion", "tcsh"), "'bash', 'zsh', 'fish'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else None,
)
def test_what_is_unknown_is_told_with_what_is_near(cli: InProcess, args: tuple[str, ...], told: str) -> None:
    result = cli.call(*args)

    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Error: ")
    assert told in result.err
    assert "k" * 40 not in result.err


def test_a_usage_error_says_where_the_help_is(cli: InProcess) -> None:
    assert cli.call("login", "--what").err.endswith("Fix: See: jackfield login --help\n")
    assert cli.call("auth", "order").err.endswith("Fix: See: jackfield auth order --help\n")


def test_the_exit_status_of_an_error_is_its_classs(cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status in ((ConfigError("a", code="config.x"), 1), (RequestError("b", code="request.y"), 2)):
        monkeypatch.setattr("jackfield.app.App.__init__", _raising(error))
        result = cli.call("status", "--json")
        assert (result.status, result.code) == (status, error.code)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_an_interruption_is_130(
    cli: InProcess, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    monkeypatch.setattr("jackfield.app.App.__init__", _raising(interruption()))

    as_text, as_json = cli.call("status"), cli.call("status", "--json")

    assert (as_text.status, as_json.status) == (130, 130)
    assert as_text.err.strip() == "Error: Interrupted; nothing was changed."
    assert as_json.error == {
        "code": "cancelled",
        "message": "Interrupted; nothing was changed.",
        "fix": None,
        "diagnostics": [],
    }


def test_a_fault_of_the_program_is_one_line_without_its_words(cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jackfield.app.App.__init__", _raising(ZeroDivisionError("sk-canary")))

    as_text, as_json = cli.call("status"), cli.call("status", "--json")

    assert (as_text.status, as_text.out) == (1, "")
    assert as_text.err == (
        "Error: Something happened that was not foreseen (ZeroDivisionError).\n"
        "Fix: Run it again with --debug to see where it came from, and report that.\n"
    )
    assert (as_json.status, as_json.code, as_json.err) == (1, "internal", "")


@pytest.mark.parametrize("args", [("--debug", "status"), ("status", "--debug"), ("status", "--json", "--debug")])
def test_debug_shows_where_a_fault_of_the_program_came_from(
    cli: InProcess, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.setattr("jackfield.app.App.__init__", _raising(ZeroDivisionError("sk-canary")))

    result = cli.call(*args)

    assert result.status == 1
    assert "Traceback (most recent call last):\n" in result.err
    assert "in fail\n" in result.err
    assert "ZeroDivisionError\n" in result.err
    assert "sk-canary" not in result.err + result.out


def test_debug_after_two_dashes_is_an_argument(cli: InProcess) -> None:
    result = cli.call("explain", "--", "--debug")

    assert (result.status, result.out) == (2, "")
    assert "There is no provider '--debug'." in result.err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(13, "Permission denied", "/srv/x"), "(Permission denied: /srv/x)"),
        (OSError(24, "Too many open files"), "(Too many open files)"),
        (RecursionError("deep"), "(RecursionError)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_of_the_system_is_told_with_what_it_is_about(
    cli: InProcess, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    monkeypatch.setattr("jackfield.app.App.__init__", _raising(error))

    assert f"not foreseen {told}.\n" in cli.call("status").err


def test_debug_shows_the_chain_without_the_words_of_foreign_errors(
    cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "-".join(("sk", "canary"))

    def fail(*args: object, **more: object) -> None:
        try:
            int({secret: 1}[secret[:3]])
        except KeyError as error:
            raise RequestError("Ours.", code="request.x") from error

    monkeypatch.setattr("jackfield.app.App.__init__", fail)

    result = cli.call("--debug", "status")

    assert repr(secret[:3]) not in result.err
    assert "KeyError\n" in result.err
    assert "RequestError: Ours.\n" in result.err
    assert result.err.endswith("Error: Ours.\n")


def _raising(error: BaseException) -> object:
    def fail(*args: object, **more: object) -> None:
        raise error

    return fail
