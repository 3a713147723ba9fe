"""Whose grant it is: what the vendor tells of the user, in an ID token or at its userinfo endpoint. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jackfield.ids import is_profile_name
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_TOKEN = 64 * 1024
_MAX_ID = 256
# Beside the claims of OpenID Connect Core, section 5.1, where OpenAI's tokens have the address.
_EMAIL = (("email",), ("https://api.openai.com/profile", "email"))
_USERNAME = (("username",), ("preferred_username",))


@record
class Identity:
    """Who has signed in, as far as the vendor told; each is None where it did not, or not in a form that can be used.

    Attributes:
        email: the e-mail address.
        username: the name at the vendor.
        account: the account's id, from where the block says.
    """

    email: str | None = None
    username: str | None = None
    account: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """What fills `{email}` and `{username}` in a profile's id."""
        known = {"email": self.email, "username": self.username}
        return {name: value for name, value in known.items() if value is not None}


def read_claims(token: str) -> Mapping[str, object]:
    """Return what a JWT says, empty when it is none. Its signature is NOT checked.

    That is enough for a token that came straight from the vendor over TLS and is not used to let anybody in (OpenID
    Connect Core, section 3.1.3.7, rule 6): the vendor's own program reads its account id the same way
    (github.com/openai/codex, codex-rs/login/src/token_data.rs).
    """
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MAX_TOKEN:
        return {}
    try:
        # The padding that a JWT leaves out; more of it than needed does not matter.
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "==="))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def identity_of(sources: Iterable[Mapping[str, object]], account_claim: tuple[str, ...] = ()) -> Identity:
    """Return who has signed in, each part from the first source that has it.

    Args:
        sources: claims, the one that is trusted most first.
        account_claim: where the account's id stands, outermost key first.
    """
    told = list(sources)
    return Identity(
        email=_first(told, _EMAIL, named=True),
        username=_first(told, _USERNAME, named=True),
        account=_first(told, (account_claim,) if account_claim else ()),
    )


def _first(
    sources: Iterable[Mapping[str, object]], paths: Iterable[tuple[str, ...]], *, named: bool = False
) -> str | None:
    paths = tuple(paths)
    for source in sources:
        for path in paths:
            value: object = source
            for key in path:
                value = value.get(key) if isinstance(value, Mapping) else None
            if isinstance(value, str) and _is_usable(value, named=named):
                return value
    return None


def _is_usable(value: str, *, named: bool) -> bool:
    if named:
        return is_profile_name(value)
    return 0 < len(value) <= _MAX_ID and value.isascii() and value.isprintable() and " " not in value
