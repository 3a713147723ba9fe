"""`jackfield providers`: the registered providers and the views derived from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jackfield.cli import output
from jackfield.cli.shared import json_option, open_app, provider_argument
from jackfield.providers.views import VIEWS

if TYPE_CHECKING:
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


@click.group()
def providers() -> None:
    """List providers and what is derived from them."""


@providers.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List every provider.

    With --json: a list of {id, label, owner, aliases}, sorted by id.
    """
    app = open_app()
    blocks = app.registry.list_providers()
    owners = {each.id: app.registry.owner_of(each.id).name for each in blocks}
    if as_json:
        keys = [
            {"id": each.id, "label": each.label, "owner": owners[each.id], "aliases": list(each.aliases)}
            for each in blocks
        ]
        output.emit_json(keys)
        return
    rows = [
        (each.id, each.label, each.aliases, _logins(each), len(each.models) or None, owners[each.id]) for each in blocks
    ]
    output.show_table(("id", "label", "aliases", "login", "models", "owner"), rows)


@providers.command()
@provider_argument()
@json_option
def show(provider_id: str, as_json: bool) -> None:
    """Show one provider's block; ID may be an alias.

    With --json: every field of the block.
    """
    app = open_app()
    provider = app.registry.resolve_provider(provider_id)
    if as_json:
        output.emit_json({**provider.to_dict(), "owner": app.registry.owner_of(provider.id).name})
        return
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


@providers.command()
@click.argument("name", metavar="NAME", type=click.Choice(tuple(VIEWS)))
@click.option("--provider", "only", metavar="ID", help="Only the rows of this provider.")
@json_option
def view(name: str, only: str | None, as_json: bool) -> None:
    """Print a derived view.

    NAME is one of auth-choices, env-vars, api-key-specs, legacy-profiles, advisories, runtime-tags. With --json: a list
    of rows, each with "provider" ("*" where a row is about all).
    """
    app = open_app()
    rows = VIEWS[name](app.registry.snapshot())
    if only is not None:
        wanted = app.registry.resolve_provider(only).id
        rows = [each for each in rows if each.to_dict()["provider"] == wanted]
    if as_json:
        output.emit_json([each.to_dict() for each in rows])
        return
    columns = _COLUMNS[name]
    output.show_table(
        [each.replace("_", " ") for each in columns], [[getattr(row, each) for each in columns] for row in rows]
    )


def _logins(provider: Provider) -> list[str]:
    return [f"{each.kind} (needs plugin)" if each.supplied_by else each.kind for each in provider.auth]


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
