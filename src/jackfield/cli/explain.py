"""`jackfield explain`: which setting and credential wins, and what it shadows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli import output
from jackfield.cli.shared import (
    config_errors,
    json_option,
    open_app,
    plugin_errors,
    provider_argument,
    resolve_or_tell,
    tell_errors,
)
from jackfield.config.host import at
from jackfield.config.overlay import base_url_of, is_at, names_of
from jackfield.credentials.sources import pick_source
from jackfield.diagnostics import format_path
from jackfield.ids import canonical_id
from jackfield.providers.views import env_vars

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jackfield.app import App
    from jackfield.credentials.sources import Source
    from jackfield.providers.block import Provider


@click.command()
@provider_argument()
@json_option
def explain(provider_id: str, as_json: bool) -> int:
    """Say which setting and credential wins for a provider, and what it shadows.

    With --json: {provider, owner, settings: [{name, value, source, place, shadows}], sources: [{kind, name, mode,
    usable, reason, wins}], shared_variables: [{name, providers}], written: [{path, by, at, title, place, shadows}],
    diagnostics}; by is "hand" where no login wrote the leaf, place is file:line:column. Exits with 1 when the config
    has errors: what they hide does not count.
    """
    app = open_app()
    errors = (*config_errors(app), *plugin_errors(app))
    provider = resolve_or_tell(app, provider_id, errors)
    sources = app.sources(provider)
    rows = _rows(app, provider, sources)
    settings = _settings(app, provider)
    shared = _shared_variables(app, provider)
    written = _written(app, provider)
    owner = app.registry.owner_of(provider.id).name
    if as_json:
        output.emit_json(
            {
                "provider": provider.id,
                "owner": owner,
                "settings": settings,
                "sources": rows,
                "shared_variables": [{"name": name, "providers": list(others)} for name, others in shared],
                "written": written,
                "diagnostics": [each.to_dict() for each in errors],
            }
        )
        return tell_errors(app, errors)
    output.show_table(
        ("setting", "value", "from", "shadows"),
        [(each["name"], each["value"], _from(app, each, owner), each["shadows"]) for each in settings],
        title=f"{provider.label} (registered by {owner})",
        gather={"from": "from {}", "shadows": "instead of {}"},
    )
    if written:
        _show_written(app, written)
    _show_sources(provider, rows)
    for name, others in shared if rows else ():
        output.say(f"{name} is also read by {', '.join(others)}.")
    return tell_errors(app, errors)


def _shared_variables(app: App, provider: Provider) -> list[tuple[str, Sequence[str]]]:
    """Return the variables that other providers read too, each with those."""
    rows = env_vars(app.registry.snapshot())
    return [(each.name, each.shared_with) for each in rows if each.provider == provider.id and each.shared_with]


def _show_sources(provider: Provider, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        output.say(f"No credential anywhere. Log in with: jackfield login {provider.id}")
        return
    table = [
        (place, row["kind"], row["name"], row["mode"], "wins" if row["wins"] else row["reason"] or "shadowed")
        for place, row in enumerate(rows, 1)
    ]
    columns = ("#", "source", "name", "holds", "what becomes of it")
    gather = {"holds": "{}", "what becomes of it": "{}"}
    output.show_table(columns, table, title="Credentials, best first", gather=gather)


def _rows(app: App, provider: Provider, sources: Sequence[Source]) -> list[dict[str, object]]:
    """Return the sources for people and programs; the best one does not win where it may not be sent."""
    winner = pick_source(sources)
    url = base_url_of(provider, app.config.settings.provider(names_of(provider)), app.env)
    rows = [{**each.to_dict(), "wins": each is winner} for each in sources]
    for each, row in zip(sources, rows, strict=True):
        if each.usable and each.origin is not None and url is not None and not is_at(url, each.origin):
            reason = f"locked to {each.origin}; it is not sent to {output.shown_url(url)}"
            row.update(usable=False, reason=reason, wins=False)
    return rows


def _written(app: App, provider: Provider) -> list[dict[str, Any]]:
    """Say of each leaf of the config that is about the provider who set it, when, in which commit, and where."""
    rows: list[dict[str, Any]] = []
    for path, value in _leaves(app, provider):
        commit = app.commits.origin_of(path, value)
        by, moment, title = (commit.owner, commit.at, commit.title) if commit else ("hand", None, None)
        places = [place for place, _ in _said(app, path)]
        # What several files say of an object or a list is put together, so none of it is shadowed.
        shadowed = [] if isinstance(value, (dict, list)) else places[1:]
        facts = {"path": list(path), "by": by, "at": moment, "title": title}
        rows.append({**facts, "place": places[0] if places else None, "shadows": shadowed})
    return rows


def _said(app: App, path: tuple[str, ...]) -> tuple[tuple[str, object], ...]:
    """Return what the config and the files that it takes in say at `path`, each with its place; the first counts."""
    document = app.config.document
    if document.taken is not None:
        return document.taken.said(path)
    found = document.locate(path)
    return ((f"{app.paths.config_file}:{found[0]}:{found[1]}", document.get(path)),) if found else ()


def _show_written(app: App, written: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (
            format_path(each["path"]),
            "this program" if each["by"] in {"core", "user"} else each["by"],
            _when(each["at"]),
            each["title"],
            _elsewhere(app, each["place"]),
            [_elsewhere(app, place) or place for place in each["shadows"]],
        )
        for each in written
    ]
    gather = {"set by": "by {}", "when": "{}", "in": "{}", "stands in": "in {}", "shadows": "instead of {}"}
    columns = ("config", "set by", "when", "in", "stands in", "shadows")
    # Without files that are taken in, the last two have nothing to tell.
    shown = [place for place in range(len(columns)) if place < 4 or any(row[place] for row in rows)]
    told = {name: form for name, form in gather.items() if name in [columns[place] for place in shown]}
    output.show_table(
        [columns[place] for place in shown], [[row[place] for place in shown] for row in rows], gather=told
    )


def _elsewhere(app: App, place: str | None) -> str | None:
    """Return a place in a file that the config takes in, seen from the config's folder; None for the config's own."""
    file = app.paths.config_file
    if place is None or place.startswith(f"{file}:"):
        return None
    return place.removeprefix(f"{file.parent}/")


def _from(app: App, setting: Mapping[str, object], owner: str) -> str:
    """Say for people where a setting is from; what comes with this program is told apart from what others bring."""
    if setting["source"] == "block":
        return "built in" if owner == "core" else owner
    place = _elsewhere(app, str(setting["place"]) if setting["place"] else None)
    return f"{setting['source']} ({place})" if place else str(setting["source"])


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
    own: tuple[str, ...] = entry.path if entry else ()
    rows: list[dict[str, object]] = []
    url = base_url_of(provider, entry, app.env)
    if url is not None:
        by_config = entry is not None and entry.base_url is not None
        rows.append(
            _row(
                "base URL",
                output.shown_url(url),
                where if by_config else "block",
                _said(app, (*own, "baseUrl")) if by_config else (),
                provider.base_url if by_config else None,
            )
        )
    if provider.api or (entry and entry.api):
        by_config = entry is not None and entry.api is not None
        style = entry.api if entry and entry.api else provider.api
        said = _said(app, (*own, "api")) if by_config else ()
        rows.append(
            _row("API style", style, where if by_config else "block", said, provider.api if by_config else None)
        )
    default = app.config.settings.default_model
    if default is not None and default.startswith(tuple(f"{name}/" for name in names_of(provider))):
        model = ("agents", "defaults", "model")
        said = _said(app, (*model, "primary")) or _said(app, model)
        rows.append(_row("default model", default, ".".join(model), said, None))
    elif provider.default_model is not None:
        rows.append(_row("proposed default model", provider.default_model, "block", (), None))
    return rows


def _row(
    name: str, value: object, source: object, said: Sequence[tuple[str, object]], shadowed: object
) -> dict[str, object]:
    """Return a setting: `said` is what files say of it, the one that counts first, `shadowed` what the block says."""
    others = [f"{output.shown_url(str(other))} ({place})" for place, other in said[1:]]
    return {
        "name": name,
        "value": value,
        "source": source,
        "place": said[0][0] if said else None,
        "shadows": [*others, *([shadowed] if shadowed not in (None, value) else [])],
    }
