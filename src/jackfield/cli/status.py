"""`jackfield status`: how every provider stands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli import output
from jackfield.cli.shared import complete_provider, json_option, open_app, run_async
from jackfield.errors import EXIT_FAILED
from jackfield.status import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.app import App
    from jackfield.status import ProviderStatus

_WIDE = 100
_LOOKS = {
    "verified": ("✓ verified", "green"),
    "reachable": ("✓ reachable", "green"),
    "configured": ("● configured", "cyan"),
    "failing": ("✗ failing", "bold red"),
    "unreachable": ("○ unreachable", "yellow"),
    "not_configured": ("· not configured", "dim"),
}


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=complete_provider)
@click.option("--all", "show_all", is_flag=True, help="Also show the providers that are not configured.")
@click.option("--probe/--no-probe", default=True, help="Ask the providers themselves (free requests), or do not.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 120),
    default=4.0,
    show_default=True,
    help="Seconds for all of them together.",
)
@json_option
def status(ids: tuple[str, ...], show_all: bool, probe: bool, timeout: float, as_json: bool) -> int:
    """Show how every provider stands, or only the ones named.

    Providers with a credential are asked all at once, by free requests, whether they take it; local ones whether they
    are there. States: not_configured, configured (found, not asked or nothing to ask), verified, failing, reachable,
    unreachable.

    With --json: {"providers": [{id, state, source, reason}]}; source is profile, env, config, chain or null.
    """
    app = open_app()
    chosen = [app.registry.resolve_provider(each) for each in ids] or app.registry.list_providers()
    where = app.surroundings()
    broken = [each for each in app.diagnostics if each.severity == "error"]
    show_progress = not as_json and sys.stderr.isatty() and probe

    async def look() -> tuple[ProviderStatus, ...]:
        return await survey(chosen, where, app.http_client, probe=probe, deadline_s=timeout)

    if show_progress:
        with output.console(stderr=True).status("Asking the providers"):
            statuses = run_async(look())
    else:
        statuses = run_async(look())
    if as_json:
        output.emit_json({"providers": [each.to_dict() for each in statuses]})
    else:
        shown = [each for each in statuses if show_all or ids or each.state != "not_configured"]
        screen = output.console()
        screen.print(status_table(shown, narrow=screen.width < _WIDE))
        _show_rest(app, statuses, shown)
    output.show_diagnostics(broken, app.paths.config_file)
    return EXIT_FAILED if broken else 0


def status_table(statuses: Sequence[ProviderStatus], *, narrow: bool = False) -> Any:
    """Return the table of statuses for a rich console; columns that nobody fills are left out.

    A `narrow` one tells the source with the reason, where two columns would leave no room for either.
    """
    from rich.text import Text

    columns = ["provider", "state", "source", "reason", "answer"]
    rows = []
    for each in statuses:
        look, style = _LOOKS[each.state]
        took = f"{each.elapsed_s * 1000:,.0f} ms" if each.elapsed_s else ""
        source = f"{each.source} {each.source_name}" if each.source else ""
        reason = f"{source}: {each.reason}" if narrow and source else each.reason
        head = (Text(each.label, style="bold"), Text(look, style=style))
        rows.append((*head, "", reason, "") if narrow else (*head, source, reason, took))
    used = [place for place in range(len(columns)) if place < 2 or any(str(row[place]) for row in rows)]
    return output.make_table([columns[place] for place in used], [[row[place] for place in used] for row in rows])


def _show_rest(app: App, statuses: Sequence[ProviderStatus], shown: Sequence[ProviderStatus]) -> None:
    hidden = len(statuses) - len(shown)
    if hidden:
        output.say(f"{hidden} more are not configured: jackfield status --all. To log in: jackfield login")
    if not app.paths.config_file.exists():
        output.say(f"No config file yet; a login writes {app.paths.config_file}")
