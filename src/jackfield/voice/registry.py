"""The table of voice providers: the one place where they are registered, resolved and listed.

It shares its mechanism with the table of model providers (`jackfield.table`) and nothing else: the same id may stand in
both and means two things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic
from jackfield.errors import BlockError
from jackfield.table import CORE, Entry, Owner, Snapshot, Table, Trust
from jackfield.voice.block import VoiceProvider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jackfield.errors import RegistrationError

APP = Owner(Trust.INSTALLED, "app")
"""The owner of what a program registers itself."""


class VoiceRegistry:
    """The voice providers of one application.

    >>> registry = VoiceRegistry.with_core()
    >>> registry.resolve_provider("Whisper-Local").id
    'whisper'
    """

    def __init__(self) -> None:
        self._table: Table[VoiceProvider] = Table("voice provider")

    @classmethod
    def with_core(cls) -> VoiceRegistry:
        """Return a registry that holds the core voice providers."""
        from jackfield.voice.core import core_voice_providers

        registry = cls()
        registry.register_providers(core_voice_providers(), owner=CORE)
        return registry

    def register_provider(self, provider: VoiceProvider, *, owner: Owner = APP) -> None:
        """Register one block for `owner`.

        Raises:
            RegistrationError: `registry.duplicate` when its id or an alias is taken, `registry.not-a-block` for
                anything that is no `VoiceProvider`. The registry is then as it was.
        """
        self.register_providers((provider,), owner=owner)

    def register_providers(self, providers: Iterable[VoiceProvider], *, owner: Owner = APP) -> None:
        """Register several blocks for `owner`, all of them or none; raises what `register_provider` raises."""
        entries = []
        for provider in providers:
            if not isinstance(provider, VoiceProvider):
                raise _not_a_block(provider, owner)
            entries.append(Entry(provider.id, provider, provider.aliases))
        self._table.add(owner, entries)

    def resolve_provider(self, name: str) -> VoiceProvider:
        """Return the block with this id or alias; letter case and surrounding white space do not matter.

        Raises:
            UnknownNameError: `registry.unknown`; its `suggestions` are the nearest names.
        """
        return self._table.resolve(name)

    def find_provider(self, name: str) -> VoiceProvider | None:
        """Return the block with this id or alias, or None."""
        entry = self.snapshot().get(name)
        return None if entry is None else entry.value

    def list_providers(self) -> tuple[VoiceProvider, ...]:
        """Return all blocks, sorted by id."""
        return self.snapshot().values()

    def snapshot(self) -> Snapshot[VoiceProvider]:
        """Return the registry as it is now, immutable."""
        return self._table.snapshot()

    def owner_of(self, name: str) -> Owner:
        """Return who registered the provider; raises what `resolve_provider` raises."""
        return self._table.entry(name).owner

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return what was refused and why, each naming both owners."""
        return self._table.diagnostics()


def _not_a_block(value: object, owner: Owner) -> RegistrationError:
    fix = "Build it with jackfield.voice.VoiceProvider(...) or VoiceProvider.from_dict(...)."
    message = f"{owner} registered a {type(value).__name__} where a VoiceProvider block belongs."
    diagnostic = Diagnostic(code="registry.not-a-block", message=message, owner=owner.name, hint=fix)
    return BlockError(message, code="registry.not-a-block", fix=fix, diagnostics=[diagnostic])
