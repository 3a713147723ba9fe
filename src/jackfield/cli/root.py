"""The root command: which commands there are, and how every error becomes an exit status and a message."""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from jackfield import __version__
from jackfield.errors import EXIT_FAILED, EXIT_USAGE, CancelledError, InternalError, JackfieldError, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "plugins": ("jackfield.cli.plugins:plugins", "List plugins, see what they bring, allow and forbid them."),
    "auth": ("jackfield.cli.auth:auth", "List credential profiles, put them in order, seal them."),
    "chat": ("jackfield.cli.chat:chat", "Ask a model a question, or talk with it."),
    "completion": ("jackfield.cli.completion:completion", "Print the script that completes commands in your shell."),
    "config": ("jackfield.cli.config:config", "Show, find and check the config file."),
    "doctor": ("jackfield.cli.doctor:doctor", "Look for what is wrong with the set-up, and mend it."),
    "explain": ("jackfield.cli.explain:explain", "Say which setting and credential wins, and what it shadows."),
    "import": ("jackfield.cli.imports:imports", "Bring keys, logins and settings over from other programs."),
    "login": ("jackfield.cli.login:login", "Log in to a provider."),
    "logout": ("jackfield.cli.login:logout", "Forget a stored credential."),
    "providers": ("jackfield.cli.providers:providers", "List providers and what is derived from them."),
    "status": ("jackfield.cli.status:status", "Show how every provider stands."),
    "verify": ("jackfield.cli.verify:verify", "Ask providers whether they take your credentials."),
}
# How a write to standard output fails: the reader is gone, the disk is full, the quota is used up, the device fails.
_OUTPUT_FAULTS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF})


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
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(self._unknown(ctx, args[0]))
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, name: str) -> str:
        from jackfield.auth.methods import NAME_MAX
        from jackfield.ids import quoted
        from jackfield.table import nearest

        # Whoever leaves a group out means its command and not a neighbour in the spelling.
        groups = ((group, self.get_command(ctx, group)) for group in sorted(_COMMANDS))
        near = tuple(
            f"{group} {name}" for group, each in groups if isinstance(each, click.Group) and name in each.commands
        )
        near = near or nearest(name, tuple(_COMMANDS))
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        if len(name) > NAME_MAX:
            return f"There is no command of that name; it has {len(name)} characters."
        return f"There is no command {quoted(name, NAME_MAX)}.{hint}"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="jackfield")
@click.option("--debug", is_flag=True, help="Show where an error came from; may stand after the command too.")
def root(debug: bool) -> None:
    """Every AI provider on one panel: see how they stand, log in, keep keys safe.

    With --json a command prints one JSON document on standard output; an error is {error: {code, message, fix,
    diagnostics}}. Exit status: 0 done, 1 failed, 2 wrong usage, 3 a patch that is refused, 130
    interrupted.
    """
    del debug


def run(args: Sequence[str]) -> int:
    """Run the command line and return the exit status; no error gets out as an exception."""
    _open_closed_streams()
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


def _open_closed_streams() -> None:
    """Put an empty stream where the caller has closed a standard one (`>&-`): then Python has None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is the closed stream's own, so no file that is opened later can take its place.
            descriptor = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _split_debug(args: Sequence[str]) -> tuple[list[str], bool]:
    """Return the arguments without `--debug`, wherever it stands before `--`, and whether it is there."""
    end = args.index("--") if "--" in args else len(args)
    rest = [each for each in args[:end] if each != "--debug"]
    return [*rest, *args[end:]], len(rest) < end


def _run(args: Sequence[str]) -> int:
    args, debug = _split_debug(args)
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
        return _tell(error, as_json, debug=debug)
    except Exception as error:  # the last place that can tell it in one line, or as JSON
        if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_FAULTS:
            raise
        return _tell(_unforeseen(error), as_json, debug=debug)
    return status if isinstance(status, int) else 0


def _unforeseen(error: Exception) -> InternalError:
    """Return the error that tells of one that nobody thought of; its own words may hold a secret and are left out."""
    told = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        told = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    fix = "Run it again with --debug to see where it came from, and report that."
    problem = InternalError(f"Something happened that was not foreseen ({told}).", fix=fix)
    problem.__cause__ = error
    return problem


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


def _tell(error: JackfieldError, as_json: bool, *, debug: bool = False) -> int:
    from jackfield.cli import output

    if debug:
        _show_traceback(error)
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
