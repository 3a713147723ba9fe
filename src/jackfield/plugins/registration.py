"""Entering what one plugin registered into the registry: whole or not at all, and only what is free for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic
from jackfield.errors import RegistrationError
from jackfield.records import record, replace
from jackfield.table import Owner, Trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jackfield.diagnostics import Severity
    from jackfield.plugins.convert import Converted, PluginMethod
    from jackfield.providers.block import AuthMethod, Provider
    from jackfield.providers.registry import ProviderRegistry


@record
class Entered:
    """What of a plugin's registration stands in the registry now.

    Attributes:
        methods: the provider's id and the plugin's method, by the name of the runner that carries it out.
        providers: the ids of its providers, with what the plugin registered for them.
        diagnostics: what was refused or passed over.
        variables: the environment variables that its code may see, besides those that every plugin does.
    """

    methods: dict[str, tuple[str, PluginMethod]]
    providers: dict[str, Converted]
    diagnostics: tuple[Diagnostic, ...]
    variables: frozenset[str] = frozenset()


def owner_of(plugin_id: str) -> Owner:
    """Return the owner of what a plugin registers."""
    return Owner(Trust.INSTALLED, f"plugin:{plugin_id}")


def enter(registry: ProviderRegistry, plugin_id: str, registered: Iterable[Converted]) -> Entered:
    """Enter what a plugin registered: logins that core leaves to it, and providers of its own."""
    return _Registration(registry, plugin_id).enter(tuple(registered))


class _Registration:
    def __init__(self, registry: ProviderRegistry, plugin_id: str) -> None:
        self._registry = registry
        self._plugin_id = plugin_id
        self._owner = owner_of(plugin_id)
        self._faults: list[Diagnostic] = []

    def enter(self, registered: tuple[Converted, ...]) -> Entered:
        methods: dict[str, tuple[str, PluginMethod]] = {}
        providers: dict[str, Converted] = {}
        supplied, own = [], []
        for each in registered:
            if each.provider is None:
                continue
            slots = self._slots(each.provider)
            if slots:
                supplied.append((each, slots))
            else:
                own.append((each, each.provider))
        blocks = tuple(self._without_taken_aliases(self._without_taken_variables(block)) for _, block in own)
        try:
            self._registry.register_providers(blocks, owner=self._owner)
        except RegistrationError as error:
            self._faults += [replace(fault, owner=self._owner.name) for fault in error.diagnostics]
            return Entered({}, {}, tuple(self._faults))
        variables = {name for block in blocks for name in block.env.any_of}
        for each, block in own:
            providers[block.id] = each
            methods |= {method.runner: (block.id, method) for method in each.methods}
        for each, slots in supplied:
            for slot in slots:
                assert each.provider is not None  # noqa: S101 - those without a block were passed over
                methods |= self._supply(each, each.provider.id, slot)
                providers[each.provider.id] = each
                variables |= self._settings(self._registry.resolve_provider(each.provider.id))
        return Entered(methods, providers, tuple(self._faults), frozenset(variables))

    def _slots(self, provider: Provider) -> tuple[AuthMethod, ...]:
        """Return the logins that the block of this id leaves to this plugin."""
        entry = self._registry.snapshot().get(provider.id)
        if entry is None or entry.key != provider.id:
            return ()
        return tuple(each for each in entry.value.auth if each.supplied_by == self._plugin_id)

    def _supply(self, registered: Converted, provider_id: str, slot: AuthMethod) -> dict[str, tuple[str, PluginMethod]]:
        """Fill one slot with the method of its id, of its label, or the first: as the older programs choose."""
        if not registered.methods:
            self._report("plugin.slot", f"{self._owner} registered {provider_id} without its login {slot.id}.")
            return {}
        labels = {each.id: each.label for each in registered.provider.auth} if registered.provider else {}
        by_id = [each for each in registered.methods if each.method_id == slot.id]
        by_label = [each for each in registered.methods if labels.get(each.method_id) == slot.label]
        method = (*by_id, *by_label, *registered.methods)[0]
        self._registry.supply_method(provider_id, slot.id, runner=method.runner, owner=self._owner)
        for other in registered.methods:
            if other is not method:
                message = (
                    f"{self._owner} has a login {other.method_id} of {provider_id} beside the one that is left to it; "
                    "it cannot be used."
                )
                self._report("plugin.slot", message, "info")
        return {method.runner: (provider_id, method)}

    def _settings(self, block: Provider) -> set[str]:
        """Return the variables by which a login of a core provider is set up: its OAuth client, its project."""
        clients = (name for each in block.auth if each.oauth for name in each.oauth.client_env)
        return {*block.env.settings, *clients}

    def _without_taken_aliases(self, block: Provider) -> Provider:
        """Return a block without the aliases that lead to others already; its id is another matter."""
        snapshot = self._registry.snapshot()
        taken = {each: found.key for each in block.aliases if (found := snapshot.get(each)) is not None}
        for alias, key in taken.items():
            message = f"{self._owner} wants the alias {alias} for {block.id}, but it means {key}."
            self._report("plugin.alias-taken", message)
        return replace(block, aliases=tuple(each for each in block.aliases if each not in taken)) if taken else block

    def _without_taken_variables(self, block: Provider) -> Provider:
        """Return a block without the variables that other providers read: their keys are not for this plugin."""
        taken = {
            name: other.id
            for other in self._registry.list_providers()
            for name in _variables(other)
            if other.id != block.id
        }
        lost = [name for name in block.env.any_of if name in taken]
        for name in lost:
            message = f"{self._owner} wants the variable {name} for {block.id}, but it belongs to {taken[name]}."
            self._report("plugin.env-taken", message)
        if not lost:
            return block
        left = tuple(name for name in block.env.any_of if name not in taken)
        shell = tuple(name for name in block.env.login_shell if name in left)
        return replace(block, env=replace(block.env, any_of=left, login_shell=shell))

    def _report(self, code: str, message: str, severity: Severity = "warning") -> None:
        self._faults.append(Diagnostic(code, message, severity, owner=self._owner.name))


def _variables(provider: Provider) -> Iterable[str]:
    env = provider.env
    return (*env.any_of, *env.usage, *env.settings, *(name for each in env.sets for name in each.names))
