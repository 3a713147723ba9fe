"""The table of model providers: the one place where they are registered, resolved and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic
from jackfield.errors import BlockError, RegistrationError
from jackfield.ids import parse_model_ref
from jackfield.providers.block import Provider
from jackfield.records import replace
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

    def supply_method(self, provider_id: str, method_id: str, *, runner: str, owner: Owner) -> None:
        """Fill a method that a block leaves to one plugin: from now on `runner` carries it out.

        That is neither a duplicate nor an override: the block names the plugin (`supplied_by`), and no other owner is
        let in. Everything else of the block stays as it is.

        Args:
            provider_id: id of the provider.
            method_id: id of its method.
            runner: name of the strategy that the plugin brings.
            owner: `plugin:<id>`, where the id is the method's `supplied_by`.

        Raises:
            UnknownNameError: `registry.unknown` when there is no such provider.
            RegistrationError: `registry.slot` when the method is not left to this owner.
        """
        provider = self.resolve_provider(provider_id)
        slot = next((each for each in provider.auth if each.id == method_id), None)
        # A workspace names its plugins as it likes: one of them is no proof of being the plugin that is meant.
        may_fill = owner.trust is not Trust.WORKSPACE
        if not may_fill or slot is None or slot.supplied_by is None or owner.name != f"plugin:{slot.supplied_by}":
            message = f"{owner} cannot supply the login {method_id!r} of {provider.id}: it is not left to this plugin."
            raise RegistrationError(message, code="registry.slot", fix="Register a provider of its own.")
        filled = replace(slot, supplied_by=None, runner=runner)
        auth = tuple(filled if each is slot else each for each in provider.auth)
        self._table.amend(provider.id, lambda block: replace(block, auth=auth))

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
