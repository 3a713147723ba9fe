"""What other programs call providers and models, worked out from the blocks: there is no second list of names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.errors import RequestError
from jackfield.ids import canonical_id
from jackfield.net import origin_of
from jackfield.providers.views import env_vars

if TYPE_CHECKING:
    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot

# Another program's second way of calling the same provider: `ollama_chat`.
_STYLE_SUFFIX = "_chat"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def provider_named(name: str, snapshot: Snapshot[Provider]) -> Provider | None:
    """Return the provider that another program calls `name`, or None.

    That is the one with this id or alias; or with one of the same letters and digits (`lm_studio`); or the only one
    whose key stands in the variable named so (`gemini`, whose key is `GEMINI_API_KEY`).
    """
    entry = snapshot.get(name)
    if entry is not None:
        return entry.value
    folded = _folded(name)
    alike = {each.key: each.value for each in snapshot for other in each.names if _folded(other) == folded}
    if not alike:
        variable = re.sub(r"[^A-Z0-9]+", "_", canonical_id(name).upper()).strip("_") + "_API_KEY"
        alike = {each.id: each for each in key_readers(variable, snapshot)}
    if len(alike) == 1:
        return next(iter(alike.values()))
    stem = canonical_id(name).removesuffix(_STYLE_SUFFIX)
    return provider_named(stem, snapshot) if not alike and stem != canonical_id(name) else None


def key_readers(variable: str, snapshot: Snapshot[Provider]) -> tuple[Provider, ...]:
    """Return the providers to which this variable alone is a credential."""
    rows = [row for row in env_vars(snapshot) if row.name == variable and row.rule == "any-of"]
    return tuple(entry.value for row in rows if (entry := snapshot.get(row.provider)) is not None)


def providers_of_model(model: str, snapshot: Snapshot[Provider]) -> tuple[Provider, ...]:
    """Return the providers whose block lists this model, by its id or another spelling of it."""
    return tuple(each for each in snapshot.values() if each.model(model) is not None)


def may_have(provider: Provider, model: str) -> bool:
    """Tell whether a provider may have a model: its block lists it, or the list is not all there is."""
    return provider.discovery is not None or not provider.models or provider.model(model) is not None


def is_at_home(url: str, provider: Provider) -> bool:
    """Tell whether an address leads to the provider's own server; the names of this machine are one."""
    own = provider.base_url
    return own is not None and "{" not in own and _place(url) == _place(own) is not None


def provider_at(url: str, snapshot: Snapshot[Provider]) -> Provider | None:
    """Return the only provider whose own server this address leads to, or None."""
    found = [each for each in snapshot.values() if is_at_home(url, each)]
    return found[0] if len(found) == 1 else None


def _place(url: str) -> tuple[str, str, int] | None:
    try:
        origin = origin_of(url)
    except RequestError:
        return None
    return origin.scheme, "localhost" if origin.host in _LOOPBACK else origin.host, origin.port


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", canonical_id(name))
