"""`jackfield providers`: the registered providers and the views derived from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jackfield.cli import output
from jackfield.cli.shared import (
    complete_provider,
    config_errors,
    json_option,
    open_app,
    plugin_errors,
    provider_argument,
    require_whole,
    resolve_or_tell,
    tell_errors,
)
from jackfield.providers.views import VIEWS

if TYPE_CHECKING:
    from jackfield.app import App
    from jackfield.providers.block import Provider

# What people look for first; --json has every column.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "auth-choices": ("choice", "provider", "kind", "label", "group_label", "note"),
    "env-vars": ("provider", "name", "role", "rule", "mode", "shared_with"),
    "api-key-specs": ("provider", "choice", "flags", "env", "profile", "default_model"),
    "legacy-profiles": ("provider", "rule", "subject", "to", "where"),
    "advisories": ("provider", "when", "title", "text"),
    "runtime-tags": ("provider", "tag", "value"),
}
# How a narrow terminal tells what it has no column for.
_GATHER: dict[str, dict[str, str]] = {
    "auth-choices": {"label": "{}", "provider": "of {}", "kind": "{}", "group label": "in {}", "note": "{}"},
    "env-vars": {"role": "{}", "rule": "{}", "mode": "{}", "shared with": "also read by {}"},
    "api-key-specs": {"flags": "{}", "env": "{}", "profile": "kept as {}", "default model": "proposes {}"},
    "legacy-profiles": {"subject": "{}", "to": "becomes {}", "where": "in {}"},
    "advisories": {"when": "{}", "title": "{}", "text": "{}"},
}
_LIST_GATHER = {"aliases": "also {}", "login": "{}", "models": "models: {}", "owner": "by {}"}


@click.group()
def providers() -> None:
    """List providers and what is derived from them."""


@providers.command("list")
@json_option
def list_command(as_json: bool) -> int:
    """List every provider.

    With --json: a list of {id, label, owner, aliases}, sorted by id. Exits with 1 when the config has errors; its
    providers may be missing then.
    """
    app = open_app()
    if as_json:
        require_whole(app)
    blocks = app.registry.list_providers()
    owners = {each.id: app.registry.owner_of(each.id).name for each in blocks}
    if as_json:
        keys = [
            {"id": each.id, "label": each.label, "owner": owners[each.id], "aliases": list(each.aliases)}
            for each in blocks
        ]
        output.emit_json(keys)
        return tell_errors(app, plugin_errors(app))
    rows = [
        (each.id, each.label, each.aliases, _logins(each), len(each.models) or None, owners[each.id]) for each in blocks
    ]
    output.show_table(("id", "label", "aliases", "login", "models", "owner"), rows, gather=_LIST_GATHER)
    return tell_errors(app, (*config_errors(app), *plugin_errors(app)))


@providers.command()
@provider_argument()
@json_option
def show(provider_id: str, as_json: bool) -> int:
    """Show one provider's block; ID may be an alias.

    With --json: every field of the block. Exits with 1 when the config has errors.
    """
    app = open_app()
    errors = (*config_errors(app), *plugin_errors(app))
    provider = resolve_or_tell(app, provider_id, errors)
    if as_json:
        output.emit_json({**provider.to_dict(), "owner": app.registry.owner_of(provider.id).name})
        return tell_errors(app, errors)
    _show_block(app, provider)
    return tell_errors(app, errors)


@providers.command()
@click.argument("name", metavar="NAME", type=click.Choice(tuple(VIEWS)))
@click.option(
    "--provider", "only", metavar="ID", shell_complete=complete_provider, help="Only the rows of this provider."
)
@json_option
def view(name: str, only: str | None, as_json: bool) -> int:
    """Print a derived view.

    NAME is one of auth-choices, env-vars, api-key-specs, legacy-profiles, advisories, runtime-tags. With --json: a list
    of rows, each with "provider" ("*" where a row is about all). Exits with 1 when the config has errors; its providers
    may be missing then.
    """
    app = open_app()
    if as_json:
        require_whole(app)
    rows = VIEWS[name](app.registry.snapshot())
    if only is not None:
        wanted = app.registry.resolve_provider(only).id
        rows = [each for each in rows if each.to_dict()["provider"] == wanted]
    if as_json:
        output.emit_json([each.to_dict() for each in rows])
        return tell_errors(app, plugin_errors(app))
    columns = _COLUMNS[name]
    output.show_table(
        [each.replace("_", " ") for each in columns],
        [[getattr(row, each) for each in columns] for row in rows],
        gather=_GATHER.get(name),
    )
    return tell_errors(app, (*config_errors(app), *plugin_errors(app)))


def _show_block(app: App, provider: Provider) -> None:
    facts = [
        ("id", provider.id),
        ("label", provider.label),
        ("aliases", provider.aliases),
        ("owner", app.registry.owner_of(provider.id).name),
        ("base URL", provider.base_url),
        ("API style", provider.api or ("by model" if provider.api_rules else None)),
        ("environment", provider.env.any_of or [" + ".join(each.names) for each in provider.env.sets]),
        ("default model", provider.default_model),
    ]
    output.show_table(("field", "value"), [row for row in facts if row[1]], title=provider.label)
    if provider.auth:
        methods = [(each.id, each.choice, each.kind, each.label, each.supplied_by) for each in provider.auth]
        output.show_table(("method", "choice", "kind", "label", "needs plugin"), methods, title="Login")
    if provider.models:
        output.show_table(
            ("model", "context", "output", "input", "$/M in", "$/M out"), _models(provider), title="Models"
        )


def _logins(provider: Provider) -> list[str]:
    kinds = (f"{each.kind} (needs plugin)" if each.supplied_by else each.kind for each in provider.auth)
    return list(dict.fromkeys(kinds))


def _models(provider: Provider) -> list[tuple[object, ...]]:
    return [
        (
            each.id,
            f"{each.context_window:,}",
            f"{each.max_tokens:,}",
            each.input,
            f"{each.cost.input:g}",
            f"{each.cost.output:g}",
        )
        for each in provider.models
    ]
