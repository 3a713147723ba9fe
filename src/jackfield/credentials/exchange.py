"""Credentials in the form that login plugins and older programs share.

That form is an object with a `type`: `api_key {key}`, `token {token, expires?}` or `oauth {access, refresh, expires,
email?, ...}`, beside `provider`; times are ms since the epoch. What else an OAuth credential holds is kept and handed
back as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.credentials.profile import (
    ApiKeyCredential,
    OAuthCredential,
    TokenCredential,
    credential_from_secret_dict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.credentials.profile import Credential

_OAUTH = ("access", "refresh", "expires", "email")
# Known to the form, and not part of the credential: the profile says it.
_BESIDE = frozenset({"type", "provider"})


def credential_from_shared(fields: Mapping[str, object], kind: str | None = None) -> Credential:
    """Return the credential that an object of the shared form holds.

    Args:
        fields: the object; `provider` is not looked at, and blank or null counts as absent.
        kind: its type, where `fields` does not say it.

    Raises:
        RequestError: `profile.invalid`, with one diagnostic for each fault; no message holds a value.
    """
    given = {name: value for name, value in fields.items() if name not in _BESIDE and value not in (None, "")}
    type_ = fields.get("type", kind)
    if type_ == "oauth":
        data = {name: given[name] for name in _OAUTH if name in given}
        extra = {name: value for name, value in given.items() if name not in _OAUTH}
        # An expiry that is not told means "ask for a new one before use", not "for ever".
        return credential_from_secret_dict({"access": "", "expires": 0, **data, "extra": extra, "kind": "oauth"})
    names = {"api_key": ("key",), "token": ("token", "expires")}.get(str(type_), ())
    return credential_from_secret_dict({**{name: given[name] for name in names if name in given}, "kind": type_})


def credential_to_shared(provider: str, credential: Credential) -> dict[str, object]:
    """Return a credential in the shared form, WITH its secrets: for the code that made it, and for nobody else."""
    if isinstance(credential, ApiKeyCredential):
        return {"type": "api_key", "provider": provider, "key": credential.key.reveal()}
    if isinstance(credential, TokenCredential):
        expires = {} if credential.expires is None else {"expires": credential.expires}
        return {"type": "token", "provider": provider, "token": credential.token.reveal(), **expires}
    return _oauth_to_shared(provider, credential)


def _oauth_to_shared(provider: str, credential: OAuthCredential) -> dict[str, object]:
    return {
        **credential.extra,
        "type": "oauth",
        "provider": provider,
        "access": credential.access.reveal(),
        "refresh": credential.refresh.reveal() if credential.refresh else "",
        "expires": credential.expires,
        **({"email": credential.email} if credential.email else {}),
    }
