"""G7, G8 and G9: what no honest patch holds, anywhere in it. One finding refuses the whole."""

from __future__ import annotations

import re

from jackfield.config.guard.intake import Refusal

Path = tuple[str, ...]

VARIABLE_REFERENCE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")
"""The one form of reference that may stand in a patch, and only as the provider's own `apiKey`."""

_RESERVED_KEYS = frozenset({"__proto__", "prototype", "constructor"})
_DUNDER = re.compile(r"__.*__", re.DOTALL)
# `profile:` is the form in which this program itself refers to a stored credential.
_INDIRECT_STARTS = ("!", "env:", "file:", "op:", "profile:")


def find_hostile(
    value: dict[str, object] | list[object], allowed_reference: Path | None, path: Path = ()
) -> list[Refusal]:
    """Return every reason in `value` to refuse it.

    Args:
        value: an object or a list of plain values, as `take_in` returns them.
        allowed_reference: the one path at which `${NAME}` may stand; what it names is checked elsewhere.
        path: where `value` stands.
    """
    found: list[Refusal] = []
    _look_through(value, path, allowed_reference, found)
    return found


def _look_through(
    value: dict[str, object] | list[object], path: Path, allowed: Path | None, found: list[Refusal]
) -> None:
    """Look into one container; its depth is bounded by `take_in`."""
    if isinstance(value, dict):
        for key in value:
            # Letters and digits alone can be a reserved name, and have none of the other faults.
            if not key.isalnum() or key in _RESERVED_KEYS:
                _check_key(key, path, found)
    for key, inner in value.items() if isinstance(value, dict) else _placed(value):
        if type(inner) is str:
            if "$" in inner or ":" in inner or "!" in inner:  # as every indirection has; the others are spared a path
                _check_text(inner, (*path, key), allowed, found)
        elif type(inner) is dict or type(inner) is list:
            _look_through(inner, (*path, key), allowed, found)
        elif inner is None:
            message = "null would delete what is there; a patch only adds or replaces."
            found.append(Refusal("G8", "patch.null", (*path, key), message))


def _placed(items: list[object]) -> list[tuple[str, object]]:
    return [(f"[{place}]", item) for place, item in enumerate(items)]


def _check_text(text: str, path: Path, allowed: Path | None, found: list[Refusal]) -> None:
    if is_indirect(text) and not (path == allowed and VARIABLE_REFERENCE.fullmatch(text)):
        found.append(Refusal("G9", "patch.indirection", path, "A value refers to something outside the patch."))


def is_indirect(text: str) -> bool:
    """Tell whether some reader of config files would run, fetch or substitute this text."""
    return "$(" in text or "${" in text or text.strip().lower().startswith(_INDIRECT_STARTS)


def _check_key(key: str, path: Path, found: list[Refusal]) -> None:
    fault = _key_fault(key)
    if fault:
        found.append(Refusal("G7", "patch.key", path, fault))
    elif is_indirect(key):
        found.append(Refusal("G9", "patch.indirection", path, "A key refers to something outside the patch."))


def _key_fault(key: str) -> str | None:
    if not key:
        return "A key is empty."
    if key in _RESERVED_KEYS or _DUNDER.fullmatch(key):
        return "A key has a name that means something to an interpreter."
    if key.startswith("$"):
        return "A key begins with $, which includes other files."
    if not key.isprintable():
        return "A key holds control characters, or others that do not print."
    return None
