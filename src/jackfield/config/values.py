"""Plain values, as a config file holds them: copying, comparing and changing them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jackfield.diagnostics import format_path
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str, ...]

MAX_DEPTH = 200
"""As deep as a config file may be (see `jackfield.config.json5.Limits`)."""

_encode = json.JSONEncoder(sort_keys=True).encode
_SCALARS = frozenset({str, int, float, bool, type(None)})


def plain(value: object) -> object:
    """Return a deep copy of `value` in plain dicts, lists and scalars; read-only mappings and tuples become such.

    Raises:
        ConfigError: `config.unwritable` for what no config file holds, `config.too-deep`.
    """
    return _plain(value, MAX_DEPTH)


def plain_object(value: Mapping[str, object]) -> dict[str, object]:
    """Return `plain(value)`, an object; raises what `plain` raises, and `config.not-an-object`."""
    copied = plain(value)
    if not isinstance(copied, dict):
        raise ConfigError("The config is not an object.", code="config.not-an-object", fix="Make it an object.")
    return copied


def _plain(value: object, depth: int) -> object:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if depth == 0:
        message = f"The config is nested more than {MAX_DEPTH} levels deep."
        raise ConfigError(message, code="config.too-deep", fix="Make it flatter.")
    if kind is dict or isinstance(value, Mapping):
        copied: dict[str, object] = {}
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise _unwritable()
            copied[key] = item if type(item) in _SCALARS else _plain(item, depth - 1)
        return copied
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _SCALARS else _plain(item, depth - 1) for item in value]
    raise _unwritable()


def _unwritable() -> ConfigError:
    message = "The config holds a key or value that no config file can hold."
    fix = "Use dicts with text as keys, lists, text, numbers, true, false and None."
    return ConfigError(message, code="config.unwritable", fix=fix)


def same(one: object, other: object) -> bool:
    """Tell whether two plain values are equal as JSON: 1 and 1.0 are, 1 and true are not, a NaN is like another."""
    if one is other:
        return True
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and len(one) == len(other)
            and all(key in other and same(item, other[key]) for key, item in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    # Only a NaN differs from itself.
    return one == other or (one != one and other != other)


def canonical(value: object) -> str:
    """Return a plain value as JSON with sorted keys: equal texts are equal values."""
    return _encode(value)


def put(value: dict[str, object], path: Path, leaf: object) -> dict[str, object]:
    """Return `value` with `leaf` at `path`, or without it when `leaf` is None; what is not on the way is shared.

    Raises:
        ConfigError: `config.not-an-object` when something else than an object is on the way.
    """
    fresh = dict(value)
    here = fresh
    for depth, key in enumerate(path[:-1]):
        step = here.get(key, {})
        if not isinstance(step, dict):
            message = f"{format_path(path)} cannot be written: {format_path(path[: depth + 1])} is not an object."
            raise ConfigError(message, code="config.not-an-object", fix="Make it an object, or remove it.")
        here[key] = here = dict(step)
    if leaf is None:
        here.pop(path[-1], None)
    else:
        here[path[-1]] = leaf
    return fresh


def without(value: dict[str, object], paths: Iterable[Path]) -> dict[str, object]:
    """Return `value` without what stands at `paths`, and without objects on the way that are empty then.

    So an absent object equals an empty one there, and nowhere else.
    """
    branches: dict[str, object] = {}
    for path in paths:
        here = branches
        for key in path[:-1]:
            step = here.setdefault(key, {})
            if not isinstance(step, dict):
                break  # it goes as a whole already
            here = step
        else:
            here[path[-1]] = None
    return _pruned(value, branches)


def _pruned(value: dict[str, object], branches: dict[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, item in value.items():
        if key not in branches:
            kept[key] = item
            continue
        inner = branches[key]
        if not isinstance(inner, dict):
            continue
        left = _pruned(item, inner) if isinstance(item, dict) else item
        if not isinstance(item, dict) or left:
            kept[key] = left
    return kept
