"""The reference pages about providers and commands, as Markdown. Pure: the blocks and commands in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jackfield.auth.methods import login_methods
from jackfield.providers.views import api_key_specs, auth_choices, env_vars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jackfield.providers.block import Cost, Model, Provider
    from jackfield.providers.views.api_key_specs import ApiKeySpec
    from jackfield.providers.views.auth_choices import AuthChoice
    from jackfield.providers.views.env_vars import EnvVar
    from jackfield.table import Snapshot

HELP_WIDTH = 98
"""Columns of a command's help in the reference: what a terminal of 100 columns shows."""

NOTICE = "<!-- Written by scripts/generate_docs.py; change what it reads, then run `make docs`. -->"
_NONE = "-"

_PROVIDERS_INTRO = """\
The {providers} core providers, with {models} models. A config file or a program may add others; `jackfield providers
list` shows all that there are. Prices are in USD per million tokens, context and output in tokens; `-` stands where
nothing is known. What `jackfield login` takes as ID is a provider's id, an alias, or a login choice."""
_COMMANDS_INTRO = """\
Results go to standard output, everything said about them to standard error. With `--json` a command prints one JSON
document on standard output, an error included: see [JSON shapes](json.md)."""
_EXIT_STATUSES = """\
| exit status | meaning |
|---|---|
| 0 | done |
| 1 | it failed: config, credential store, credential, or the other side; see [errors](errors.md) |
| 2 | what was asked for cannot be: an unknown name, wrong usage, a question and nobody to ask |
| 3 | a patch that is refused: `config check-patch` |
| 130 | the user ended it; nothing was written |"""


def provider_page(snapshot: Snapshot[Provider]) -> str:
    """Return the page of all providers: one table of them, then for each its logins, variables and models.

    Prices are in USD per million tokens, context and output in tokens.
    """
    blocks = snapshot.values()
    overview = markdown_table(
        ("id", "label", "aliases", "base URL", "API style", "variables", "logins", "models"),
        [_overview_row(each, snapshot) for each in blocks],
    )
    parts = [
        NOTICE,
        "# Providers",
        _PROVIDERS_INTRO.format(providers=len(blocks), models=sum(len(each.models) for each in blocks)),
        overview,
        *(part for each in blocks for part in _provider_section(each, snapshot)),
    ]
    return _joined(parts)


def command_page(root: click.Command, name: str) -> str:
    """Return the page of all commands below `root`, each with its help at a fixed width.

    Args:
        root: the command that the program runs.
        name: what the program is called.
    """
    parts = [NOTICE, "# Commands", _COMMANDS_INTRO, _EXIT_STATUSES]
    for path, context in walk_commands(root, name):
        parts += [f"## {path}", f"```text\n{_help(context)}\n```"]
    return _joined(parts)


def walk_commands(root: click.Command, name: str) -> Iterator[tuple[str, click.Context]]:
    """Yield every command below and with `root` as its full name and a context, groups before their members.

    The contexts have the width of the reference, whatever the terminal's.
    """
    yield from _walk(root, name, None)


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are Markdown already, only what would end a cell is escaped."""
    lines = [_line(columns), "|" + "---|" * len(columns)]
    lines += [_line(row) for row in rows]
    return "\n".join(lines)


def _walk(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, click.Context]]:
    settings = {**command.context_settings, "terminal_width": HELP_WIDTH}
    context = click.Context(command, parent=parent, info_name=name, **settings)
    yield context.command_path, context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            member = command.get_command(context, each)
            if member is not None and not member.hidden:
                yield from _walk(member, each, context)


def _help(context: click.Context) -> str:
    with context:
        text = context.get_help()
    return "\n".join(line.rstrip() for line in text.splitlines())


def _overview_row(provider: Provider, snapshot: Snapshot[Provider]) -> tuple[str, ...]:
    variables = [each.name for each in env_vars(snapshot) if _is_credential_of(each, provider)]
    return (
        f"[{provider.id}](#{provider.id})",
        provider.label,
        _codes(provider.aliases),
        _code(provider.base_url),
        _style(provider),
        _codes(variables),
        _codes(dict.fromkeys(each.kind for each in login_methods(provider))),
        str(len(provider.models)) if provider.models else _NONE,
    )


def _provider_section(provider: Provider, snapshot: Snapshot[Provider]) -> Iterator[str]:
    yield f"## {provider.id}"
    yield "\n".join(f"- {name}: {text}" for name, text in _facts(provider))
    choices = [each for each in auth_choices(snapshot) if each.provider == provider.id]
    specs = {each.choice: each for each in api_key_specs(snapshot) if each.provider == provider.id}
    if choices:
        yield markdown_table(
            ("login choice", "label", "kind", "key flag", "profile", "note"),
            [_choice_row(each, specs.get(each.choice)) for each in choices],
        )
    variables = [each for each in env_vars(snapshot) if each.provider == provider.id]
    if variables:
        yield markdown_table(
            ("variable", "role", "rule", "holds", "shared with"), [_variable_row(each) for each in variables]
        )
    if provider.models:
        yield markdown_table(
            ("model", "context", "output", "input", "$/M in", "$/M out", "$/M cache read", "$/M cache write"),
            [_model_row(each) for each in provider.models],
        )


def _facts(provider: Provider) -> Iterator[tuple[str, str]]:
    yield "label", provider.label
    if provider.aliases:
        yield "aliases", _codes(provider.aliases)
    yield "base URL", _code(provider.base_url)
    yield "API style", _style(provider)
    if provider.local:
        yield "local", "runs on this machine and needs no key"
    if provider.default_model:
        yield "proposed default model", _code(provider.default_model)
    if provider.short_names:
        yield "short names", ", ".join(f"`{name}` = `{model}`" for name, model in provider.short_names.items())
    if not provider.auth and not provider.local and login_methods(provider):
        yield "login", f"`jackfield login {provider.id}` takes an API key"


def _choice_row(row: AuthChoice, spec: ApiKeySpec | None) -> tuple[str, ...]:
    notes = [row.note, "not offered, works when named" if row.hidden and not row.replaced_by else None]
    return (
        _code(row.choice),
        row.label,
        _code(row.kind),
        _codes(spec.flags[:1] if spec else ()),
        _code(row.profile),
        ", ".join(note for note in notes if note) or _NONE,
    )


def _variable_row(row: EnvVar) -> tuple[str, ...]:
    rule = row.rule or _NONE
    if row.set is not None:
        rule += f" (set {row.set + 1})"
    return _code(row.name), row.role, rule, _code(row.mode), _codes(row.shared_with)


def _model_row(model: Model) -> tuple[str, ...]:
    cost = model.cost
    prices = (cost.input, cost.output, cost.cache_read, cost.cache_write)
    return (
        _code(model.id),
        f"{model.context_window:,}",
        f"{model.max_tokens:,}",
        ", ".join(model.input),
        *(_price(each, cost) for each in prices),
    )


def _price(price: float, cost: Cost) -> str:
    """Show a price; where all are zero it is not known whether the model is free, so nothing is claimed."""
    known = any((cost.input, cost.output, cost.cache_read, cost.cache_write))
    return f"{price:g}" if known else _NONE


def _style(provider: Provider) -> str:
    if provider.api is None and provider.api_rules:
        return "by model: " + _codes(dict.fromkeys(provider.api_rules.values()))
    return _code(provider.api)


def _is_credential_of(row: EnvVar, provider: Provider) -> bool:
    return row.provider == provider.id and row.role == "credential"


def _code(text: str | None) -> str:
    return f"`{text}`" if text else _NONE


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(_code(each) for each in texts) or _NONE


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"
