"""What the host itself writes into the config at login and logout: profiles, their order, the default model. Pure.

Each function takes the config as plain values and returns (path, value) pairs; `None` as value removes the leaf.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from jackfield.ids import canonical_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

Path = tuple[str, ...]


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What `find` returns where there is nothing: None is a value of a config file."""


def profile_changes(
    current: Mapping[str, object], names: Collection[str], profile_id: str, mode: str, email: str | None
) -> Iterator[tuple[Path, object]]:
    """Yield what registers a credential profile: its `auth.profiles` entry, and its place in an order that exists.

    Of an entry that is there, only the fields that differ are written. An `auth.order` list is not begun here, and an
    empty one is none: without one, every profile counts.

    Args:
        current: the config.
        names: the provider's id, then its aliases.
        profile_id, mode, email: the profile.
    """
    entry: dict[str, object] = {"provider": next(iter(names)), "mode": mode, "email": email or None}
    path = ("auth", "profiles", profile_id)
    old = at(current, path)
    if isinstance(old, dict):
        # An old e-mail without a new one goes: it said whose login that was.
        yield from (((*path, name), value) for name, value in entry.items() if old.get(name) != value)
    else:
        yield path, {name: value for name, value in entry.items() if value is not None}
    orders = at(current, ("auth", "order"))
    for key, ids in orders.items() if isinstance(orders, dict) else ():
        if canonical_id(key) in names and isinstance(ids, list):
            first = [profile_id, *(each for each in ids if each != profile_id)]
            if ids and first != ids:
                yield ("auth", "order", key), first
            return


def default_model_changes(current: Mapping[str, object], ref: str, alias: str | None) -> Iterator[tuple[Path, object]]:
    """Yield what makes `ref` the default model; fallbacks stay.

    Where `agents.defaults.models` has entries it is a list of what may be used, so the model joins it, with `alias` if
    nobody has that name. Where it is empty it allows everything, and stays empty.
    """
    model = at(current, ("agents", "defaults", "model"))
    if isinstance(model, dict):
        if model.get("primary") != ref:
            yield ("agents", "defaults", "model", "primary"), ref
    elif model != ref:
        yield ("agents", "defaults", "model"), {"primary": ref}
    listed = at(current, ("agents", "defaults", "models"))
    if isinstance(listed, dict) and listed and ref not in listed:
        taken = {each.get("alias") for each in listed.values() if isinstance(each, dict)}
        yield ("agents", "defaults", "models", ref), {"alias": alias} if alias and alias not in taken else {}


def forget_changes(current: Mapping[str, object], profile_id: str) -> Iterator[tuple[Path, object]]:
    """Yield what forgets a credential profile: its `auth.profiles` entry and its places in orders."""
    if find(current, ("auth", "profiles", profile_id)) is not ABSENT:
        yield ("auth", "profiles", profile_id), None
    orders = at(current, ("auth", "order"))
    for key, ids in orders.items() if isinstance(orders, dict) else ():
        if isinstance(ids, list) and profile_id in ids:
            left = [each for each in ids if each != profile_id]
            yield ("auth", "order", key), left or None


def at(value: object, path: Path) -> object:
    """Return what stands at `path` in plain values, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def find(value: object, path: Path) -> object:
    """Return what stands at `path` in plain values, or `ABSENT`."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return ABSENT
        value = value[key]
    return value
