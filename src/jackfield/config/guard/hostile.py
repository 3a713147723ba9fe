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
# No key of this form has any of the faults below.
_PLAIN_KEY = re.compile(r"(?!(?:prototype|constructor)$)[A-Za-z][A-Za-z0-9./-]*")


def find_hostile(value: object, allowed_reference: Path | None, path: Path = ()) -> list[Refusal]:
    """Return every reason in `value` to refuse it.

    Args:
        value: plain values, as `take_in` returns them.
        allowed_reference: the one path at which `${NAME}` may stand; what it names is checked elsewhere.
        path: where `value` stands.
    """
    found: list[Refusal] = []
    _look_through(value, path, allowed_reference, found)
    return found


def _look_through(value: object, path: Path, allowed: Path | None, found: list[Refusal]) -> None:
    """Look into one container; its depth is bounded by `take_in`."""
    if isinstance(value, str):
        if is_indirect(value) and not (path == allowed and VARIABLE_REFERENCE.fullmatch(value)):
            found.append(Refusal("G9", "patch.indirection", path, "A value refers to something outside the patch."))
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not _PLAIN_KEY.fullmatch(key):
                _check_key(key, path, found)
            if _may_be_hostile(inner):
                _look_through(inner, (*path, key), allowed, found)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            if _may_be_hostile(inner):
                _look_through(inner, (*path, f"[{place}]"), allowed, found)
    elif value is None:
        message = "null would delete what is there; a patch only adds or replaces."
        found.append(Refusal("G8", "patch.null", path, message))


def _may_be_hostile(value: object) -> bool:
    """Spare the path of a harmless scalar: every indirection has one of these characters."""
    if type(value) is str:
        return "$" in value or ":" in value or "!" in value
    return True


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
