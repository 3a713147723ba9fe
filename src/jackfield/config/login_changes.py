"""What a login writes into the config: pure, and only within the paths a login may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.config.file import Change
from jackfield.config.overlay import names_of
from jackfield.ids import canonical_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.config.file import LoadedConfig
    from jackfield.providers.block import Provider


def profile_changes(
    config: LoadedConfig, provider: Provider, profile_id: str, mode: str, email: str | None
) -> Iterator[Change]:
    """Yield what registers a credential profile: its `auth.profiles` entry, and its place in an order that exists.

    Of an entry that is there, only the fields that differ are written. An `auth.order` list is not begun here, and an
    empty one is none: without one, every profile counts.
    """
    entry: dict[str, object] = {"provider": provider.id, "mode": mode, "email": email or None}
    path = ("auth", "profiles", profile_id)
    old = _at(config, *path)
    if not isinstance(old, dict):
        yield Change(path, {name: value for name, value in entry.items() if value is not None})
    else:
        # An old e-mail without a new one goes: it said whose login that was.
        yield from (Change((*path, name), value) for name, value in entry.items() if old.get(name) != value)
    orders = _at(config, "auth", "order")
    for key, ids in orders.items() if isinstance(orders, dict) else ():
        if canonical_id(key) in names_of(provider) and isinstance(ids, list):
            first = [profile_id, *(each for each in ids if each != profile_id)]
            if ids and first != ids:
                yield Change(("auth", "order", key), first)
            return


def base_url_changes(config: LoadedConfig, provider: Provider, base_url: str) -> Iterator[Change]:
    """Yield what makes `base_url` the provider's address; nothing when it is already.

    A new entry gets an empty list of models, without which other programs take the file for broken.
    """
    entry = config.settings.provider(names_of(provider))
    current = (entry.base_url if entry else None) or provider.base_url or ""
    if current.rstrip("/") == base_url:
        return
    if entry is None:
        yield Change(("models", "providers", provider.id), {"baseUrl": base_url, "models": []})
    else:
        yield Change((*entry.path, "baseUrl"), base_url)


def default_model_changes(config: LoadedConfig, provider: Provider, ref: str) -> Iterator[Change]:
    """Yield what makes `ref` the default model; fallbacks stay.

    Where `agents.defaults.models` has entries it is a list of what may be used, so the model joins it, with the alias
    its block proposes if nobody has that name. Where it is empty it allows everything, and stays empty.
    """
    current = _at(config, "agents", "defaults", "model")
    if isinstance(current, dict):
        if current.get("primary") != ref:
            yield Change(("agents", "defaults", "model", "primary"), ref)
    elif current != ref:
        yield Change(("agents", "defaults", "model"), {"primary": ref})
    listed = _at(config, "agents", "defaults", "models")
    if isinstance(listed, dict) and listed and ref not in listed:
        alias = provider.seed_aliases.get(ref.partition("/")[2])
        taken = {name for _, name in config.settings.model_entries}
        yield Change(("agents", "defaults", "models", ref), {"alias": alias} if alias and alias not in taken else {})


def logout_changes(config: LoadedConfig, profile_id: str) -> Iterator[Change]:
    """Yield what forgets a credential profile: its `auth.profiles` entry and its places in orders."""
    if _at(config, "auth", "profiles", profile_id) is not None:
        yield Change(("auth", "profiles", profile_id), None)
    orders = _at(config, "auth", "order")
    for key, ids in orders.items() if isinstance(orders, dict) else ():
        if isinstance(ids, list) and profile_id in ids:
            left = [each for each in ids if each != profile_id]
            yield Change(("auth", "order", key), left or None)


def _at(config: LoadedConfig, *path: str) -> object:
    value: object = config.document.value
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
