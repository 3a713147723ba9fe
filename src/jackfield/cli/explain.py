"""`jackfield explain`: which setting and credential wins, and what it shadows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from jackfield.cli import output
from jackfield.cli.shared import json_option, open_app, provider_argument
from jackfield.config.host import at
from jackfield.config.overlay import base_url_of, names_of
from jackfield.credentials.sources import pick_source
from jackfield.diagnostics import format_path
from jackfield.ids import canonical_id
from jackfield.providers.views import env_vars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.app import App
    from jackfield.providers.block import Provider


@click.command()
@provider_argument()
@json_option
def explain(provider_id: str, as_json: bool) -> None:
    """Say which setting and credential wins for a provider, and what it shadows.

    With --json: {provider, owner, settings: [{name, value, source, shadows}], sources: [{kind, name, mode, usable,
    reason, wins}], shared_variables: [{name, providers}], written: [{path, by, at, title}]}; by is "hand" where
    no login wrote the leaf.
    """
    app = open_app()
    provider = app.registry.resolve_provider(provider_id)
    sources = app.sources(provider)
    winner = pick_source(sources)
    rows = [{**each.to_dict(), "wins": each is winner} for each in sources]
    settings = _settings(app, provider)
    shared = [
        {"name": each.name, "providers": list(each.shared_with)}
        for each in env_vars(app.registry.snapshot())
        if each.provider == provider.id and each.shared_with
    ]
    written = _written(app, provider)
    owner = app.registry.owner_of(provider.id).name
    if as_json:
        output.emit_json(
            {
                "provider": provider.id,
                "owner": owner,
                "settings": settings,
                "sources": rows,
                "shared_variables": shared,
                "written": [
                    {"path": list(path), "by": by, "at": moment, "title": title} for path, by, moment, title in written
                ],
            }
        )
        return
    output.show_table(
        ("setting", "value", "from", "shadows"),
        [(each["name"], each["value"], each["source"], each["shadows"]) for each in settings],
        title=f"{provider.label} (registered by {owner})",
    )
    if written:
        leaves = [(format_path(path), by, _when(moment), title) for path, by, moment, title in written]
        output.show_table(("config", "set by", "when", "in"), leaves)
    if not rows:
        output.say(f"No credential anywhere. Log in with: jackfield login {provider.id}")
        return
    table = [
        (place, row["kind"], row["name"], row["mode"], "wins" if row["wins"] else row["reason"] or "shadowed")
        for place, row in enumerate(rows, 1)
    ]
    output.show_table(("#", "source", "name", "holds", "what becomes of it"), table, title="Credentials, best first")
    for each in shared:
        output.say(f"{each['name']} is also read by {', '.join(each['providers'])}.")


def _written(app: App, provider: Provider) -> list[tuple[tuple[str, ...], str, int | None, str | None]]:
    """Say of each leaf of the config that is about the provider who set it, when, and in which commit."""
    rows: list[tuple[tuple[str, ...], str, int | None, str | None]] = []
    for path, value in _leaves(app, provider):
        commit = app.commits.origin_of(path, value)
        rows.append((path, commit.owner, commit.at, commit.title) if commit else (path, "hand", None, None))
    return rows


def _when(moment: int | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _leaves(app: App, provider: Provider) -> Iterator[tuple[tuple[str, ...], object]]:
    value, names = app.config.document.value, names_of(provider)
    for root in (("models", "providers"), ("auth", "profiles"), ("auth", "order"), ("agents", "defaults", "models")):
        entries = at(value, root)
        for key, entry in entries.items() if isinstance(entries, dict) else ():
            if canonical_id(re.split("[:/]", key)[0]) not in names:
                continue
            if isinstance(entry, dict) and entry:
                yield from (((*root, key, name), inner) for name, inner in entry.items())
            else:
                yield (*root, key), entry


def _settings(app: App, provider: Provider) -> list[dict[str, object]]:
    entry = app.config.settings.provider(names_of(provider))
    where = ".".join(entry.path) if entry else None
    rows: list[dict[str, object]] = []
    url = base_url_of(provider, entry, app.env)
    if url is not None:
        by_config = entry is not None and entry.base_url is not None
        rows.append(
            _row(
                "base URL",
                output.shown_url(url),
                where if by_config else "block",
                provider.base_url if by_config else None,
            )
        )
    if provider.api or (entry and entry.api):
        by_config = entry is not None and entry.api is not None
        style = entry.api if entry and entry.api else provider.api
        rows.append(_row("API style", style, where if by_config else "block", provider.api if by_config else None))
    default = app.config.settings.default_model
    if default is not None and default.startswith(tuple(f"{name}/" for name in names_of(provider))):
        rows.append(_row("default model", default, "agents.defaults.model", None))
    elif provider.default_model is not None:
        rows.append(_row("proposed default model", provider.default_model, "block", None))
    return rows


def _row(name: str, value: object, source: object, shadowed: object) -> dict[str, object]:
    return {
        "name": name,
        "value": value,
        "source": source,
        "shadows": [shadowed] if shadowed not in (None, value) else [],
    }
