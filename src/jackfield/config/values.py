"""Plain values, as a config file holds them: copying, comparing and changing them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jackfield.config.host import ABSENT
from jackfield.diagnostics import format_path
from jackfield.errors import ConfigError

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


def same_outside(one: Mapping[str, object], other: Mapping[str, object], tree: Mapping[str, object]) -> bool:
    """Tell whether two plain values are identical (see `identical`) outside the paths of a tree.

    Args:
        one, other: the values.
        tree: the paths as nested objects, with None where each ends. An object on the way to such an end may be absent
            from one value when the other has nothing in it but what the tree leaves out.
    """
    for key in one.keys() | other.keys():
        inner = tree.get(key, ABSENT)
        if inner is None:
            continue
        absent: object = ABSENT if inner is ABSENT else {}
        mine, theirs = one.get(key, absent), other.get(key, absent)
        if isinstance(inner, dict) and isinstance(mine, dict) and isinstance(theirs, dict):
            alike = mine is theirs or same_outside(mine, theirs, inner)
        else:
            alike = identical(mine, theirs)
        if not alike:
            return False
    return True


def identical(one: object, other: object) -> bool:
    """Tell whether two plain values are written as the same JSON, but for the order of keys.

    So 1 is neither 1.0 nor true, and 0.0 is not -0.0. What both share is not looked into.
    """
    if one is other:
        return True
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(identical(item, other[key]) for key, item in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(identical, one, other))
    # As text, a NaN is like another, and the two zeros differ.
    return type(one) is type(other) and repr(one) == repr(other)
