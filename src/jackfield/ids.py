"""Names and how they are made canonical, one way everywhere: ids, model refs, profile ids. Knows no provider."""

from __future__ import annotations

import re
from typing import NamedTuple

from jackfield.errors import RequestError

ID_PATTERN = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
_ID = re.compile(ID_PATTERN)
_WHITE = " \t\r\n\f\v"
_PROFILE_NAME_MAX = 200
_QUOTED_MAX = 64


class ModelRef(NamedTuple):
    """`provider/model`: the provider's canonical id and the model's id as its vendor spells it."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class ProfileId(NamedTuple):
    """`provider:name`: the provider's canonical id and the credential profile's name."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"


def canonical_id(text: str) -> str:
    """Return `text` trimmed and lower-cased.

    Only ASCII letters are lowered: `"\\u212a".lower()` is an ASCII k, and an id must not be reached by a look-alike.
    """
    text = text.strip(_WHITE)
    return text.lower() if text.isascii() else text


def is_id(text: str) -> bool:
    """Tell whether `text` is a canonical id: 1 to 64 of a-z 0-9 . - _ with a letter or digit at both ends."""
    return _ID.fullmatch(text) is not None


def parse_model_ref(text: str) -> ModelRef:
    """Split `provider/model` at the first slash; the model keeps its own slashes, colons and letter case.

    Raises:
        RequestError: `ref.model` when a side is missing, the provider is not an id, the model has characters that do
            not print, or `text` is not text.
    """
    provider, slash, rest = _split(text, "/")
    model = rest.strip(_WHITE)
    if not slash or not is_id(provider) or not model or not model.isprintable():
        message = f"{quoted(text)} is not a model reference."
        raise RequestError(message, code="ref.model", fix="Write it as provider/model.")
    return ModelRef(provider, model)


def parse_profile_id(text: str) -> ProfileId:
    """Split `provider:name` at the first colon; the name keeps its letter case (it may be an e-mail address).

    Raises:
        RequestError: `ref.profile` when a side is missing, the provider is not an id, the name has white space or
            control characters, or `text` is not text.
    """
    provider, colon, name = _split(text, ":")
    if not colon or not is_id(provider) or not is_profile_name(name):
        message = f"{quoted(text)} is not a profile id."
        raise RequestError(message, code="ref.profile", fix="Write it as provider:name, without white space.")
    return ProfileId(provider, name)


def is_profile_name(text: str) -> bool:
    """Tell whether `text` can name a profile: 1 to 200 printable characters without white space."""
    return 0 < len(text) <= _PROFILE_NAME_MAX and text.isprintable() and not any(char.isspace() for char in text)


def slug(text: str) -> str:
    """Return `text` as a profile name: lower-cased, runs of other characters than a-z 0-9 . _ - turned into one dash.

    At most 200 characters; empty when nothing is left, so that the caller must have another name at hand.

    >>> slug("  Work (EU) ")
    'work-eu'
    """
    return re.sub(r"[^a-z0-9._-]+", "-", text.strip(_WHITE).lower()).strip("-")[:_PROFILE_NAME_MAX].rstrip("-")


def quoted(text: object, limit: int = _QUOTED_MAX) -> str:
    """Return `text` as a message shows it: in quotes; by its length alone when it has more than `limit` characters.

    What is too long for a name is often a key in the wrong place, and a message must not repeat it. Of anything that is
    not text only the type is told.

    >>> quoted("z.ai")
    "'z.ai'"
    >>> quoted("x" * 80)
    'a text of 80 characters'
    """
    if not isinstance(text, str):
        return f"a value of type {type(text).__name__}"
    return repr(text) if len(text) <= limit else f"a text of {len(text)} characters"


def _split(text: object, mark: str) -> tuple[str, str, str]:
    """Return the canonical id before the first `mark`, the mark itself (empty when absent), and the rest."""
    if not isinstance(text, str):
        return "", "", ""
    provider, found, rest = text.strip(_WHITE).partition(mark)
    return canonical_id(provider), found, rest
