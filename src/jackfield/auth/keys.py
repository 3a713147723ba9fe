"""Pasted keys: cleaning and checking them by their spec. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jackfield.providers.block import ApiKey

# `export NAME=value`, `NAME=value`, `set -x NAME value` as people copy them out of shell files.
_ASSIGNMENT = re.compile(r"(?:(?:export|set)\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(?P<value>[^=\s].*)", re.DOTALL)
_QUOTES = ("'", '"', "`")
_MAX_LENGTH = 8_192


def normalize_key(spec: ApiKey, text: str) -> str:
    """Return a pasted key without what came along with it.

    `shell` takes `export NAME="key";` and the like apart: the assignment, one pair of quotes or backticks, trailing
    semicolons and white space. `trim` removes only white space.
    """
    text = text.strip()
    if spec.normalize == "trim":
        return text
    assignment = _ASSIGNMENT.fullmatch(text)
    # A key may itself end in "=" or "==" (base64), so that a name without a value is no assignment.
    if assignment:
        text = assignment["value"].strip()
    text = text.rstrip("; \t\r\n")
    if len(text) >= 2 and text[0] in _QUOTES and text[-1] == text[0]:
        text = text[1:-1].strip()
    return text.rstrip(";").strip()


def key_complaint(spec: ApiKey, text: str) -> str | None:
    """Return what is wrong with a pasted key in one sentence, or None; never repeats the key."""
    key = normalize_key(spec, text)
    if not key:
        return "Required"
    if len(key) > _MAX_LENGTH:
        return f"That is {len(key):,} characters long: no key is. Paste the key alone."
    if any(char.isspace() or not char.isprintable() for char in key) or not key.isascii():
        return "A key has no white space, control characters or letters outside ASCII. Paste it again."
    if spec.prefix is not None and not key.startswith(spec.prefix):
        return f"Expected it to start with {spec.prefix}"
    if len(key) < spec.min_length:
        return f"That is too short: {len(key)} characters, at least {spec.min_length} expected. Paste the whole of it."
    return None
