"""`jackfield doctor`: what is wrong with the set-up, and the repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jackfield.cli import output
from jackfield.cli.shared import json_option, open_app
from jackfield.errors import EXIT_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.doctor import Finding

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
_FIXABLE = "[--fix]"


@click.command()
@click.option("--fix", is_flag=True, help="Make the repairs that need no decision; config undo takes them back.")
@json_option
def doctor(fix: bool, as_json: bool) -> int:
    """Look for what is wrong with config, credentials and files, and say how to mend it.

    What --fix can mend is marked [--fix]. With --fix the config is changed like a login changes it: with a backup and a
    record.

    With --json: {findings: [{code, severity, message, fix, provider, path, fixable}], fixed: [code]}. Exits with 1
    while there is an error.
    """
    app = open_app()
    findings = app.examine()
    fixed: tuple[Finding, ...] = ()
    if fix:
        fixed = app.repair(findings)
        findings = app.examine()
    if as_json:
        output.emit_json(
            {"findings": [each.to_dict() for each in findings], "fixed": [each.code for each in fixed]},
        )
    else:
        for each in fixed:
            output.say(f"Mended: {each.message}")
        _show(findings)
    return EXIT_FAILED if any(each.severity == "error" for each in findings) else 0


def _show(findings: Sequence[Finding]) -> None:
    from rich.text import Text

    if not findings:
        output.say("Nothing is wrong.")
        return
    screen = output.console()
    for each in findings:
        mark = (f"{_FIXABLE} ", "green") if each.repair is not None else ""
        screen.print(
            Text.assemble((f"{each.severity} ", _STYLES[each.severity]), mark, (f"{each.code}  ", "dim"), each.message),
            soft_wrap=True,
        )
        screen.print(Text(f"    {each.fix}", style="dim"), soft_wrap=True)
    fixable = sum(each.repair is not None for each in findings)
    if fixable:
        output.say(f"What is marked {_FIXABLE} can be mended with: jackfield doctor --fix")
