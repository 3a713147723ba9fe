"""A string that is not shown by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn

_MASK = "[secret]"


class Secret:
    """Holds one secret string; only `reveal` gives it out.

    `repr`, `str` and `format` show a mask, so logs, f-strings and tracebacks with local variables do not tell it. It is
    no `str`, so `json.dumps` refuses it; it refuses to be pickled; it is not hashable, so it is no key of a dict.
    Equality takes the same time wherever two secrets differ. A copy is the same object, because it never changes.

    Args:
        value: the secret.

    Raises:
        TypeError: `value` is not a string (the message names its type only).
    """

    __slots__ = ("_value",)
    _value: str
    __hash__ = None  # type: ignore[assignment]  # how Python spells "not hashable"

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"A secret is a str, not {type(value).__name__}.")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """Return the secret itself; to be called where it is used and nowhere else."""
        return self._value

    def preview(self) -> str:
        """Return enough of it to tell two keys apart: 4 characters at both ends, 2 when it has 8 or fewer.

        White space around it is left out, no character is shown twice, and an empty one gives `…`.

        >>> Secret("sk-proj-0123456789").preview()
        'sk-p…6789'
        """
        value = self._value.strip()
        shown = 4 if len(value) > 8 else 2
        return f"{value[:shown]}…{value[max(shown, len(value) - shown) :]}"

    def __bool__(self) -> bool:
        """Tell whether there is anything but white space in it."""
        return bool(self._value.strip())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # A lone surrogate cannot be encoded strictly, and comparing must not fail where making did not.
        mine, theirs = (each.reveal().encode("utf-8", "surrogatepass") for each in (self, other))
        return hmac.compare_digest(mine, theirs)

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A secret cannot be changed.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A secret cannot be changed.")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A secret cannot be pickled.")
