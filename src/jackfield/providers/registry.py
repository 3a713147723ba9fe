"""The table of model providers: the one place where they are registered, resolved and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic
from jackfield.errors import BlockError, RegistrationError
from jackfield.ids import parse_model_ref
from jackfield.providers.block import Provider
from jackfield.table import CORE, Entry, Owner, Snapshot, Table, Trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jackfield.providers.block import Model

APP = Owner(Trust.INSTALLED, "app")
"""The owner of what a program registers itself."""


class ProviderRegistry:
    """The model providers of one application. There is no other list of them, and no priority or override.

    >>> registry = ProviderRegistry.with_core()
    >>> registry.resolve_provider("Z.AI").id
    'zai'
    """

    def __init__(self) -> None:
        self._table: Table[Provider] = Table("provider")

    @classmethod
    def with_core(cls) -> ProviderRegistry:
        """Return a registry that holds the core providers."""
        from jackfield.providers.core import core_providers

        registry = cls()
        registry.register_providers(core_providers(), owner=CORE)
        return registry

    def register_provider(self, provider: Provider, *, owner: Owner = APP) -> None:
        """Register one block for `owner`.

        Raises:
            RegistrationError: `registry.duplicate` when its id, an alias, a login choice or a key flag is taken,
                `registry.not-a-block` for
                anything that is no `Provider`. The registry is then as it was.
        """
        self.register_providers((provider,), owner=owner)

    def register_providers(self, providers: Iterable[Provider], *, owner: Owner = APP) -> None:
        """Register several blocks for `owner`, all of them or none; raises what `register_provider` raises."""
        entries = []
        for provider in providers:
            if not isinstance(provider, Provider):
                raise _not_a_block(provider, owner)
            entries.append(Entry(provider.id, provider, provider.aliases, reserved=_reserved(provider)))
        self._table.add(owner, entries)

    def resolve_provider(self, name: str) -> Provider:
        """Return the block with this id or alias; letter case and surrounding white space do not matter.

        Raises:
            UnknownNameError: `registry.unknown`; its `suggestions` are the nearest names.
        """
        try:
            return self._table.by_name[name]
        except (KeyError, TypeError):
            return self._table.resolve(name)

    def list_providers(self) -> tuple[Provider, ...]:
        """Return all blocks, sorted by id."""
        return self.snapshot().values()

    def resolve_model(self, ref: str) -> tuple[Provider, Model | None]:
        """Return the provider of a model ref and the model, or None where the block does not list it.

        Raises:
            RequestError: `ref.model` when `ref` is not `provider/model`.
            UnknownNameError: `registry.unknown` when nobody registered the provider.
        """
        parsed = parse_model_ref(ref)
        provider = self.resolve_provider(parsed.provider)
        return provider, provider.model(parsed.model)

    def snapshot(self) -> Snapshot[Provider]:
        """Return the registry as it is now, immutable; every view is a function of it."""
        return self._table.snapshot()

    def owner_of(self, name: str) -> Owner:
        """Return who registered the provider; raises what `resolve_provider` raises."""
        return self._table.entry(name).owner

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return what was refused and why, each naming both owners."""
        return self._table.diagnostics()


def _reserved(provider: Provider) -> tuple[str, ...]:
    """Return the login choices and key flags, by which a user means this provider and no other."""
    if not provider.auth:
        return ()
    choices = [name for each in provider.auth for name in (each.choice, *each.legacy_choices)]
    flags = [flag for each in provider.auth if each.key for flag in each.key.flags]
    return tuple(dict.fromkeys([*(f"choice:{name}" for name in choices), *(f"flag:{name}" for name in flags)]))


def _not_a_block(value: object, owner: Owner) -> RegistrationError:
    fix = "Build it with jackfield.Provider(...) or Provider.from_dict(...)."
    message = f"{owner} registered a {type(value).__name__} where a Provider block belongs."
    diagnostic = Diagnostic(code="registry.not-a-block", message=message, owner=owner.name, hint=fix)
    return BlockError(message, code="registry.not-a-block", fix=fix, diagnostics=[diagnostic])
