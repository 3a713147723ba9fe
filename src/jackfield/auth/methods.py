"""Which ways of logging in a provider has, and which one is meant. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import RequestError, UnknownNameError
from jackfield.ids import canonical_id, quoted
from jackfield.providers.block import ApiKey, AuthMethod
from jackfield.providers.views import auth_choices
from jackfield.table import nearest

if TYPE_CHECKING:
    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry
    from jackfield.providers.views.auth_choices import AuthChoice

NAME_MAX = 31
"""Vendors' keys have 32 characters or more: a longer name may be a key in the wrong place, and is not repeated."""


def login_methods(provider: Provider) -> tuple[AuthMethod, ...]:
    """Return the provider's methods; one that names none but has an endpoint takes a key, or only an address if local.

    Older programs read the keys of such providers from the environment or the config only. Storing one needs no
    description: it is a bearer key, kept as `<id>:default`.
    """
    if provider.auth or provider.base_url is None or provider.auth_mode != "api-key":
        return provider.auth
    if provider.local:
        label = f"{provider.label} (local server)"
        choice = f"{provider.id}-local"[:64]
        return (AuthMethod(id="local", choice=choice, kind="none", label=label, runner="local-server", hidden=True),)
    return (
        AuthMethod(
            id="api-key",
            choice=f"{provider.id}-api-key"[:64],
            kind="api_key",
            label=f"{provider.label} API key",
            runner="api-key",
            key=ApiKey(prompt=f"{provider.label} API key"),
            profile=f"{provider.id}:default",
            hidden=True,
        ),
    )


def find_login(registry: ProviderRegistry, name: str) -> tuple[Provider, AuthMethod | None]:
    """Return what `name` means: a provider (by id or alias), or a provider and a method (by login choice).

    Raises:
        UnknownNameError: `login.unknown`, suggesting the nearest ids, aliases and choices.
    """
    try:
        return registry.resolve_provider(name), None
    except UnknownNameError:
        pass
    choices = {row.choice: row for row in auth_choices(registry.snapshot())}
    row = choices.get(name) or next(
        (each for each in choices.values() if each.choice.lower() == canonical_id(name)), None
    )
    if row is not None:
        provider = registry.resolve_provider(row.provider)
        return provider, next(each for each in provider.auth if each.id == row.method)
    known = [each for block in registry.list_providers() for each in (block.id, *block.aliases)]
    near = nearest(canonical_id(name), [*known, *choices])
    raise UnknownNameError(
        f"There is no provider or login choice {quoted(name.strip(), NAME_MAX)}.",
        code="login.unknown",
        fix=f"Did you mean {' or '.join(near)}?" if near else "See: jackfield providers view auth-choices",
        suggestions=near,
    )


def find_method(provider: Provider, name: str) -> AuthMethod:
    """Return the provider's method with this id, choice, older choice, or label.

    Raises:
        UnknownNameError: `login.unknown-method`, naming those there are.
    """
    methods = login_methods(provider)
    wanted = name.strip().lower()
    for method in methods:
        spelled = (method.id, method.choice, *method.legacy_choices, method.label, method.kind)
        if wanted in {each.lower() for each in spelled}:
            return method
    known = [each.id for each in methods]
    raise UnknownNameError(
        f"{provider.label} has no login method {quoted(name, NAME_MAX)}.",
        code="login.unknown-method",
        fix=f"There is: {', '.join(known)}." if known else None,
        suggestions=known,
    )


def require_runnable(provider: Provider, method: AuthMethod | None) -> None:
    """Raise `RequestError` when there is no way to log in here, saying what is missing.

    Codes: `login.no-method` for providers without any, `login.needs-plugin` for methods whose plugin is not there.
    """
    if method is None:
        how = (
            "It is a command-line program with a login of its own."
            if provider.tags.cli
            else _environment_hint(provider)
        )
        raise RequestError(f"{provider.label} has no login.", code="login.no-method", fix=how)
    if method.supplied_by is not None:
        raise RequestError(
            f"The login of {provider.label} needs plugin {method.supplied_by}, which is not installed.",
            code="login.needs-plugin",
            fix=f"Put the plugin {method.supplied_by} into the plugins folder, then try again.",
        )


def describe_choice(row: AuthChoice) -> str | None:
    """Return the hint to show beside a choice."""
    return " · ".join(text for text in (row.hint, row.note) if text) or None


def _environment_hint(provider: Provider) -> str:
    names = [
        " and ".join((*each.all_of, *(" or ".join(each.any_of),) * bool(each.any_of))) for each in provider.env.sets
    ]
    return f"Set {', or '.join(names)} in the environment." if names else "It needs none."
