"""What several commands share: the App of a command, its common options, completion of names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jackfield.config.file import load_config
from jackfield.errors import EXIT_FAILED, ConfigError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any, TypeVar

    from jackfield.app import App
    from jackfield.diagnostics import Diagnostic
    from jackfield.providers.block import Provider

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON with stable shapes.")


def open_app() -> App:
    """Return the App of this process's environment, closed when the command ends."""
    from jackfield.app import App

    try:
        workspace = Path.cwd()
    except FileNotFoundError:  # the folder was removed meanwhile
        workspace = None
    return click.get_current_context().with_resource(App(workspace=workspace))


def config_errors(app: App) -> tuple[Diagnostic, ...]:
    """Return what keeps the config from being read as its writer meant it: without it, what a command lists is less."""
    return tuple(each for each in (*app.config_diagnostics, *app.registry.diagnostics()) if each.severity == "error")


def plugin_errors(app: App) -> tuple[Diagnostic, ...]:
    """Return what is wrong with plugins: the providers of such a one are missing."""
    return tuple(each for each in app.plugin_diagnostics if each.severity == "error")


def require_whole(app: App) -> None:
    """Refuse to print a JSON list while the config has errors: a list has no place to say that it is not whole.

    What is wrong with a plugin takes nothing from the others, and is told on standard error alone.

    Raises:
        ConfigError: `config.invalid` with every error; what `load_config` raises where it cannot be read at all.
    """
    errors = config_errors(app)
    if errors:
        load_config(app.paths.config_file)
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        raise ConfigError(
            f"{app.paths.config_file} has {count}, so the list would not be whole.",
            code="config.invalid",
            fix="Mend the places named, then check with: jackfield config validate",
            diagnostics=errors,
        )


def tell_errors(app: App, errors: Sequence[Diagnostic]) -> int:
    """Tell errors on standard error, and return the exit status that they lead to."""
    from jackfield.cli import output

    output.show_diagnostics(errors, app.paths.config_file)
    return EXIT_FAILED if errors else 0


def resolve_or_tell(app: App, name: str, errors: Sequence[Diagnostic]) -> Provider:
    """Return the provider of that id or alias; where there is none, tell the errors that may be the reason.

    Raises:
        UnknownNameError: `registry.unknown`.
    """
    try:
        return app.registry.resolve_provider(name)
    except UnknownNameError as error:
        tell_errors(app, errors)
        why = app.why_missing(name)
        if why is None:
            raise
        raise UnknownNameError(f"{error.message} {why[0]}", code="registry.unknown", fix=why[1]) from None


def run_async(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    from jackfield.net import run_sync

    return run_sync(coro)


def complete_provider(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the provider ids and aliases that begin with what was typed."""
    del ctx, param
    from jackfield.app import App

    with App() as app:
        names = [name for each in app.registry.list_providers() for name in (each.id, *each.aliases)]
    return sorted(name for name in names if name.startswith(incomplete.lower()))


def complete_login(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return what `login` takes: the provider ids and aliases, and the login choices."""
    return sorted({*complete_provider(ctx, param, incomplete), *complete_choice(ctx, param, incomplete)})


def complete_choice(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the login choices that begin with what was typed."""
    del ctx, param
    from jackfield.app import App
    from jackfield.providers.views import auth_choices

    with App() as app:
        names = {row.choice for row in auth_choices(app.registry.snapshot()) if not row.hidden}
    return sorted(name for name in names if name.startswith(incomplete.lower()))


def complete_method(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the login methods of the provider that was named before."""
    del param
    from jackfield.app import App
    from jackfield.auth.methods import login_methods

    with App() as app:
        names = [method.id for provider in _named(app, ctx) or () for method in login_methods(provider)]
    return [name for name in names if name.startswith(incomplete)]


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the models of the provider that was named before; without one those of all, with their providers."""
    del param
    from jackfield.app import App

    with App() as app:
        named = _named(app, ctx)
        every = app.registry.list_providers() if named is None else named
        names = [f"{'' if named else provider.id + '/'}{each.id}" for provider in every for each in provider.models]
    return [name for name in names if name.startswith(incomplete)]


def complete_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the stored profiles: by name after a provider, else by id."""
    del param
    from jackfield.app import App

    with App() as app:
        named = _named(app, ctx)
        ids = [each.id for each in app.store.profiles()]
    own = {name for provider in named or () for name in (provider.id, *provider.aliases)}
    names = ids if named is None else [each.partition(":")[2] for each in ids if each.partition(":")[0] in own]
    return sorted(name for name in names if name.startswith(incomplete))


def complete_stored_provider(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the providers that have a stored credential."""
    del ctx, param
    from jackfield.app import App

    with App() as app:
        names = {each.id.partition(":")[0] for each in app.store.profiles()}
    return sorted(name for name in names if name.startswith(incomplete.lower()))


def _named(app: App, ctx: click.Context) -> tuple[Provider, ...] | None:
    """Return the provider that the command line names already, none when nobody knows it; None when none is named."""
    from jackfield.auth.methods import find_login

    names = (ctx.params.get(name) for name in ("name", "provider_id", "auth_choice"))
    # While an option waits for its value, click leaves the arguments before it among the rest.
    given = next((each for each in (*names, *ctx.args) if each), None)
    try:
        return (find_login(app.registry, given)[0],) if given else None
    except UnknownNameError:
        return ()


def provider_argument(*, required: bool = True) -> Callable[[F], F]:
    """Return the argument ID of a command: a provider's id or alias."""
    return click.argument("provider_id", metavar="ID", required=required, shell_complete=complete_provider)
