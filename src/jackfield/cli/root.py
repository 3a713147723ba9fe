"""The root command: which commands there are, and how every error becomes an exit status and a message."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from jackfield import __version__
from jackfield.errors import EXIT_FAILED, EXIT_USAGE, CancelledError, JackfieldError, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "auth": ("jackfield.cli.auth:auth", "List credential profiles, put them in order, seal them."),
    "completion": ("jackfield.cli.completion:completion", "Print the script that completes commands in your shell."),
    "config": ("jackfield.cli.config:config", "Show, find and check the config file."),
    "doctor": ("jackfield.cli.doctor:doctor", "Look for what is wrong with the set-up, and mend it."),
    "explain": ("jackfield.cli.explain:explain", "Say which setting and credential wins, and what it shadows."),
    "login": ("jackfield.cli.login:login", "Log in to a provider."),
    "logout": ("jackfield.cli.login:logout", "Forget a stored credential."),
    "providers": ("jackfield.cli.providers:providers", "List providers and what is derived from them."),
    "status": ("jackfield.cli.status:status", "Show how every provider stands."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it runs, so that `--version` and `--help` stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, sorted."""
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_COMMANDS.items())])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, suggesting the nearest ones when there is none."""
        from jackfield.auth.methods import NAME_MAX
        from jackfield.ids import quoted
        from jackfield.table import nearest

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], tuple(_COMMANDS))
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"There is no command {quoted(args[0], NAME_MAX)}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="jackfield")
@click.option("--debug", is_flag=True, help="Show where an unexpected error came from.")
def root(debug: bool) -> None:
    """Every AI provider on one panel: see how they stand, log in, keep keys safe.

    With --json a command prints one JSON document on standard output; an error is {error: {code, message, fix,
    diagnostics}}. Exit status: 0 done, 1 failed, 2 wrong usage, 3 a patch that is refused, 130
    interrupted.
    """
    del debug


def run(args: Sequence[str]) -> int:
    """Run the command line; return the exit status. Nothing but the program's own faults gets out as an exception."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without UTF-8 shows what it lacks as an escape; that is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone (`| head`); Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        # Such as a full disk behind `> file`: there is nobody left to tell but standard error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"Error: The output cannot be written: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    return status


def _run(args: Sequence[str]) -> int:
    as_json = "--json" in args
    try:
        status = root.main(args=list(args), prog_name="jackfield", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        return _tell(_usage_error(error, args), as_json)
    except (click.Abort, KeyboardInterrupt):
        return _tell(CancelledError("Interrupted; nothing was changed."), as_json)
    except JackfieldError as error:
        if "--debug" in args:
            _show_traceback(error)
        return _tell(error, as_json)
    return status if isinstance(status, int) else 0


def _usage_error(error: click.ClickException, args: Sequence[str]) -> JackfieldError:
    from jackfield.auth.methods import NAME_MAX

    fix = None
    if isinstance(error, click.UsageError) and error.ctx is not None:
        fix = f"See: {error.ctx.command_path} --help"
    told = error.format_message()
    for each in args:
        # A key where none belongs (`login ID KEY`) must not stand in a log of this message.
        for part in (each, *each.split("=", 1)):
            if len(part) > NAME_MAX and not part.startswith("--"):
                told = told.replace(part, "…")
    problem = RequestError(told if told.endswith((".", "?")) else f"{told}.", code="usage", fix=fix)
    problem.exit_status = error.exit_code or EXIT_USAGE  # type: ignore[misc]
    return problem


def _tell(error: JackfieldError, as_json: bool) -> int:
    from jackfield.cli import output

    if as_json:
        output.emit_json({"error": error.to_dict()})
    else:
        output.show_error(error)
    return error.exit_status


def _show_traceback(error: JackfieldError) -> None:
    """Print frames and lines of the error and of what led to it; of errors that are not ours only the type."""
    import traceback

    chain: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in chain:
        chain.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    for each in reversed(chain):
        # A KeyError's message is the key that was looked up, and that may be a pasted secret.
        told = f": {each}" if isinstance(each, JackfieldError) else ""
        frames = "".join(traceback.format_tb(each.__traceback__))
        sys.stderr.write(f"Traceback (most recent call last):\n{frames}{type(each).__name__}{told}\n")
