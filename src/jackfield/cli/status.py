"""`jackfield status`: how every provider stands."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

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
from jackfield.credentials.sources import SHUT_REASONS
from jackfield.diagnostics import Diagnostic
from jackfield.errors import StoreError
from jackfield.records import replace
from jackfield.status import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.app import App
    from jackfield.credentials.sources import Surroundings
    from jackfield.status import ProviderStatus

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

    With --json: {"providers": [{id, state, source, reason}], diagnostics}; source is profile, env, config, chain or
    null. Exits with 1 when config, plugins or store have errors: what they hide is not shown.
    """
    app = open_app()
    errors = (*config_errors(app), *plugin_errors(app))
    chosen = [resolve_or_tell(app, each, errors) for each in ids] or app.registry.list_providers()
    where, store_errors = _look_around(app)
    broken = (*errors, *store_errors)
    show_progress = not as_json and sys.stderr.isatty() and probe

    async def look() -> tuple[ProviderStatus, ...]:
        return await survey(chosen, where, app.http_client, probe=probe, deadline_s=timeout)

    if show_progress:
        with output.console(stderr=True).status("Asking the providers"):
            statuses = run_async(look())
    else:
        statuses = run_async(look())
    if as_json:
        told = [each.to_dict() for each in broken]
        output.emit_json({"providers": [each.to_dict() for each in statuses], "diagnostics": told})
    else:
        shown = [each for each in statuses if show_all or ids or each.state != "not_configured"]
        screen = output.console()
        screen.print(status_table(shown, width=screen.width))
        _show_rest(app, statuses, shown)
    return tell_errors(app, broken)


def _look_around(app: App) -> tuple[Surroundings, tuple[Diagnostic, ...]]:
    """Return what credentials are looked for in, and the store's errors; one that cannot be read holds none."""
    try:
        where, stored = app.surroundings(), app.store.diagnostics()
    except StoreError as error:
        where = app.surroundings_without_store()
        with contextlib.suppress(StoreError):
            shut = app.store.shut_profiles()
            where = replace(where, shut={name: SHUT_REASONS[each.code] for name, each in shut.items()})
        stored = (Diagnostic(error.code, error.message, hint=error.fix),)
    return where, tuple(each for each in stored if each.severity == "error")


def status_table(statuses: Sequence[ProviderStatus], *, width: int = output.NARROW) -> Any:
    """Return the table of statuses for a rich console of `width` columns; columns that nobody fills are left out.

    A narrow one tells the source with the reason, where two columns would leave no room for either.
    """
    from rich.text import Text

    narrow = width < output.NARROW
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
    kept = [[row[place] for place in used] for row in rows]
    return output.make_table([columns[place] for place in used], kept, width=width)


def _show_rest(app: App, statuses: Sequence[ProviderStatus], shown: Sequence[ProviderStatus]) -> None:
    hidden = len(statuses) - len(shown)
    if hidden:
        output.say(f"{hidden} more are not configured: jackfield status --all. To log in: jackfield login")
    if not app.paths.config_file.exists():
        output.say(f"No config file yet; a login writes {app.paths.config_file}")
