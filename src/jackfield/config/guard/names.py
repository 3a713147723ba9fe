"""G6 and G13: which names are the provider's own, which are taken, and what the config calls things."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING

from jackfield.config.host import at
from jackfield.errors import RequestError
from jackfield.ids import canonical_id
from jackfield.net import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry
    from jackfield.table import Snapshot


class Names:
    """The names around one provider.

    Attributes:
        id: the provider's canonical id.
        own: its id, then its aliases.
        block: its block; None for an id that nobody registered.
        owner: who registered the block; None for an id that nobody registered.
        variables: the environment variables that are its own alone (G9).
        origin: the origin of the block's own base URL, as text; None when it has none or a template.
    """

    def __init__(self, current: Mapping[str, object], registry: ProviderRegistry, provider_id: str) -> None:
        snapshot = registry.snapshot()
        entry = snapshot.get(provider_id)
        self.id = provider_id
        self.own: tuple[str, ...] = entry.names if entry else (provider_id,)
        self.block: Provider | None = entry.value if entry else None
        self.owner = entry.owner.name if entry else None
        self.variables = snapshot.derive(_own_variables).get(provider_id, frozenset())
        self.origin = snapshot.derive(_origins).get(provider_id)
        self._registered = snapshot.derive(_registered_names)
        self._current = current

    def config_key(self) -> str | None:
        """Return how the config spells the provider in `models.providers`; None when it has no entry for it."""
        entries = _object(at(self._current, ("models", "providers")))
        for name in self.own:
            if name in entries:
                return name
        return next((key for key in entries if canonical_id(key) in self.own), None)

    def other_spelling(self, ref: str) -> str | None:
        """Return the key in `agents.defaults.models` that means the own model `ref` without spelling it so, or None."""
        entries = _object(at(self._current, ("agents", "defaults", "models")))
        if ref in entries:
            return None
        model = ref.partition("/")[2]
        for key in entries:
            prefix, slash, rest = key.partition("/")
            if slash and rest == model and canonical_id(prefix) in self.own:
                return key
        return None

    def wanted_aliases(self, entries: Mapping[str, object]) -> dict[str, int]:
        """Return how often a patch gives each alias, folded: what is given twice is given to nobody."""
        wanted: dict[str, int] = {}
        for entry in entries.values():
            alias = _object(entry).get("alias")
            if isinstance(alias, str):
                name = _folded(alias)
                wanted[name] = wanted.get(name, 0) + 1
        return wanted

    def is_free(self, alias: str, ref: str, wanted: Mapping[str, int]) -> bool:
        """Tell whether `alias` can name the model `ref`. A model may bear a name of its own provider."""
        name = _folded(alias)
        if wanted.get(name, 0) > 1 or self._in_config.get(name, ref) != ref:
            return False
        return name in self.own or name not in self._registered

    def others_configured(self) -> bool:
        """Tell whether the config knows another provider than this one."""
        providers = _object(at(self._current, ("models", "providers")))
        profiles = _object(at(self._current, ("auth", "profiles")))
        default = at(self._current, ("agents", "defaults", "model"))
        primary = default.get("primary") if isinstance(default, dict) else default
        names = [*providers, *(key.partition(":")[0] for key in profiles)]
        names += [primary.partition("/")[0]] if isinstance(primary, str) else []
        return any(canonical_id(name) not in self.own for name in names)

    @cached_property
    def _in_config(self) -> dict[str, str]:
        """Every name that the config gives to a model or a provider, folded, and to which model ref."""
        taken = {_folded(key): "" for key in self._foreign_keys()}
        for ref, entry in _object(at(self._current, ("agents", "defaults", "models"))).items():
            taken[_folded(ref)] = ""
            alias = _object(entry).get("alias")
            if isinstance(alias, str):
                taken[_folded(alias)] = ref
        return taken

    def _foreign_keys(self) -> Iterator[str]:
        for key in _object(at(self._current, ("models", "providers"))):
            if canonical_id(key) not in self.own:
                yield key


def origin_text(url: object) -> str | None:
    """Return the origin of a URL as text, or None when it has none that every parser agrees on."""
    try:
        return str(origin_of(url)) if isinstance(url, str) else None
    except RequestError:
        return None


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _folded(name: str) -> str:
    """Return a name so that two that readers could take for one are equal."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _own_variables(snapshot: Snapshot[Provider]) -> dict[str, frozenset[str]]:
    readers: dict[str, set[str]] = {}
    for each in snapshot.values():
        for name in (*each.env.any_of, *(name for group in each.env.sets for name in group.names)):
            readers.setdefault(name, set()).add(each.id)
    return {
        each.id: frozenset(name for name in each.env.any_of if readers[name] == {each.id}) for each in snapshot.values()
    }


def _origins(snapshot: Snapshot[Provider]) -> dict[str, str | None]:
    return {each.id: origin_text(each.base_url) for each in snapshot.values()}


def _registered_names(snapshot: Snapshot[Provider]) -> frozenset[str]:
    return frozenset(_folded(name) for entry in snapshot for name in entry.names)
