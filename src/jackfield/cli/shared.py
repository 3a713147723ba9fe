"""What several commands share: the App of a command, its common options, completion of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    from jackfield.app import App

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON with stable shapes.")


def open_app() -> App:
    """Return the App of this process's environment, closed when the command ends."""
    from jackfield.app import App

    return click.get_current_context().with_resource(App())


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


def provider_argument(*, required: bool = True) -> Callable[[F], F]:
    """Return the argument ID of a command: a provider's id or alias."""
    return click.argument("provider_id", metavar="ID", required=required, shell_complete=complete_provider)
