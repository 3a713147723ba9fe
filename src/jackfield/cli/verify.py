"""`jackfield verify`: whether providers take the credentials that would be used."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from jackfield.calls.verification import check_providers
from jackfield.cli import output
from jackfield.cli.shared import (
    complete_provider,
    config_errors,
    json_option,
    open_app,
    plugin_errors,
    resolve_or_tell,
    run_async,
    tell_errors,
)
from jackfield.errors import EXIT_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jackfield.app import App
    from jackfield.calls.verification import Checked
    from jackfield.diagnostics import Diagnostic
    from jackfield.providers.block import Provider

_LOOKS = {
    "accepted": ("✓ accepted", "green"),
    "reachable": ("✓ reachable", "green"),
    "unchecked": ("● not checked", "cyan"),
    "undetermined": ("● undetermined", "yellow"),
    "unreachable": ("○ unreachable", "yellow"),
    "unusable": ("✗ unusable", "bold red"),
    "refused": ("✗ refused", "bold red"),
}
_GATHER = {"source": "{}", "what it says": "{}", "passed over": "passed over: {}", "answer": "{}"}


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=complete_provider)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=15.0,
    show_default=True,
    metavar="S",
    help="Seconds for all of them together.",
)
@json_option
def verify(ids: tuple[str, ...], timeout: float, as_json: bool) -> int:
    """Ask providers whether they take the credential that would be used; all that are configured, or only the IDs.

    They are asked all at once by free requests. An OAuth credential near its end is renewed first, and one that is
    traded before use is traded, as for a call; nothing else is changed. States: accepted; refused; unusable (there is
    no credential, it could not be renewed, or it may not be sent to this address); reachable (it answers anyone);
    unchecked (there is no free way to tell); undetermined (its answer tells nothing); unreachable.

    With --json: {"providers": [{id, state, source, message, code, fix, status, elapsed_s, passed_over}], diagnostics}.
    Exits with 1 when a credential is refused or unusable, or when config or plugins have errors.
    """
    app = open_app()
    errors = (*config_errors(app), *plugin_errors(app))
    named = [resolve_or_tell(app, each, errors) for each in dict.fromkeys(ids)]
    checked = _check(app, named, timeout, live=not as_json and sys.stderr.isatty())
    failed = any(each.state in {"refused", "unusable"} for each in checked)
    if as_json:
        told = [each.to_dict() for each in errors]
        output.emit_json({"providers": [each.to_dict() for each in checked], "diagnostics": told})
    else:
        _show(checked, errors)
    return EXIT_FAILED if tell_errors(app, errors) or failed else 0


def _check(app: App, named: Sequence[Provider], timeout: float, *, live: bool) -> tuple[Checked, ...]:
    def run(report: Callable[[Checked], None]) -> tuple[Checked, ...]:
        where, every = app.surroundings(), app.registry.list_providers()
        return run_async(
            check_providers(
                named or every,
                where,
                app.credentials,
                app.http_client,
                deadline_s=timeout,
                only_configured=not named,
                report=report,
            )
        )

    if not live:
        return run(lambda _: None)
    done: list[str] = []
    with output.console(stderr=True).status("Asking the providers") as screen:

        def report(each: Checked) -> None:
            done.append(each.id)
            screen.update(f"Asking the providers: {len(done)} answered, the last one {each.label}")

        return run(report)


def _show(checked: Sequence[Checked], errors: Sequence[Diagnostic]) -> None:
    from rich.text import Text

    if not checked:
        output.say("No provider is configured" + (" as far as the config can be read" if errors else "") + ".")
        output.say("To log in: jackfield login")
        return
    rows = [
        (
            Text(each.label, style="bold"),
            Text(_LOOKS[each.state][0], style=_LOOKS[each.state][1]),
            Text(each.source or ""),
            Text(f"{each.message} {each.fix}" if each.fix else each.message),
            Text("; ".join(f"{name} ({reason})" for name, reason in each.passed_over)),
            Text(f"{each.elapsed_s * 1000:,.0f} ms" if each.elapsed_s else ""),
        )
        for each in checked
    ]
    columns = ("provider", "state", "source", "what it says", "passed over", "answer")
    used = [place for place in range(len(columns)) if place < 4 or any(str(row[place]) for row in rows)]
    kept = [columns[place] for place in used]
    gather = {name: form for name, form in _GATHER.items() if name in kept}
    output.show_table(kept, [[row[place] for place in used] for row in rows], gather=gather)
