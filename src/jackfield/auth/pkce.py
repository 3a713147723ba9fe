"""What an authorization request is made of: PKCE (RFC 7636), the state, the address. Pure but for the random bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from jackfield.credentials.secret import Secret
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# RFC 7636, section 4.1 allows 43 to 128 characters; these give 86.
_VERIFIER_BYTES = 64
_STATE_BYTES = 32


@record
class Pkce:
    """One login's secrets of its own.

    Attributes:
        verifier: sent with the code, and nowhere before.
        challenge: the verifier's SHA-256 in base64url, sent with the authorization request (method S256).
        state: comes back with the code, and so ties the two together.
    """

    verifier: Secret
    challenge: str
    state: str

    def __repr__(self) -> str:
        return "<Pkce>"


def new_pkce(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Pkce:
    """Return a fresh verifier of 86 characters with its challenge, and a state that has nothing to do with it.

    Args:
        random_bytes: returns that many random bytes.
    """
    verifier = _base64url(random_bytes(_VERIFIER_BYTES))
    return Pkce(Secret(verifier), challenge_of(verifier), _base64url(random_bytes(_STATE_BYTES)))


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2).

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def is_state(state: str, given: str) -> bool:
    """Tell whether `given` is the state that was sent, in the same time wherever they differ."""
    return hmac.compare_digest(state.encode(), given.encode("utf-8", "surrogatepass"))


def authorization_url(url: str, parameters: Mapping[str, str]) -> str:
    """Return the address of the authorization page with these parameters; a query of its own is kept (RFC 6749, 3.1).

    Scopes are parted by `%20`: some servers take a plus sign for one.
    """
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters, quote_via=quote)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
