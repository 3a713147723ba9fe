"""What the store knows of refresh tokens: who may send one now, and which must not be sent again.

A note is kept under a digest of the refresh token, so it holds for every profile that has this token and outlives each
of them. `held` says that somebody has the right to send the token until a certain time, and may have sent it. Whoever
takes that right over raises the generation; a result is only taken from the holder of the present generation, so that
a process that was stopped for an hour cannot overwrite what happened meanwhile. These functions run within a
transaction of the store.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from jackfield.credentials.profile import OAuthCredential

if TYPE_CHECKING:
    from jackfield.credentials.link import Link
    from jackfield.credentials.profile import Credential

State: TypeAlias = Literal["held", "resting", "unknown", "refused", "spent"]

# For how long a token that was replaced by its successor is known as such.
SPENT_MS = 90 * 24 * 3_600_000

_READ = "SELECT generation, state, holder, until, failures, reason, changed FROM refreshes WHERE token = ?"
_TAKE = (
    "INSERT INTO refreshes (token, generation, state, holder, until, failures, reason, changed) "
    "VALUES (?, 1, 'held', ?, ?, 0, '', ?) ON CONFLICT (token) DO UPDATE SET generation = generation + 1, "
    "state = 'held', holder = excluded.holder, until = excluded.until, changed = excluded.changed"
)
_MINE = "WHERE token = ? AND generation = ? AND holder = ? AND state = 'held'"


@dataclass(frozen=True, slots=True)
class RefreshNote:
    """What is known of one refresh token.

    Attributes:
        token: the token's digest.
        generation: how often the right to send it was given.
        state: `held` (may be under way), `resting` (failed without being used; to be tried again), `unknown` (may have
            been used), `refused` (by the provider, for good), `spent` (its successor was stored).
        holder: who had the right last.
        until: end of the right, or of the rest; ms since the epoch.
        failures: failed tries in a row.
        reason: why the last one failed, one word such as `invalid_grant` or `net.dns`; empty before the first.
        changed: ms since the epoch.
    """

    token: str
    generation: int
    state: State
    holder: str
    until: int
    failures: int
    reason: str
    changed: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send one refresh token, once.

    Attributes:
        profile: the profile whose credential is to be renewed.
        token: the digest of the refresh token.
        generation: counts the leases of this token: the fence.
        holder: a name that no other lease has.
        until: ms since the epoch; from then on somebody else may judge the token.
    """

    profile: str
    token: str
    generation: int
    holder: str
    until: int


def digest(credential: Credential) -> str | None:
    """Return the digest of a credential's refresh token, 64 hex digits; None when it has none.

    Refresh tokens are too random to be guessed (RFC 6749, section 10.10), so that a digest does not tell one.
    """
    if not isinstance(credential, OAuthCredential) or not credential.refresh:
        return None
    return hashlib.sha256(b"jackfield refresh token\0" + credential.refresh.reveal().encode()).hexdigest()


def read(link: Link, token: str) -> RefreshNote | None:
    """Return what is known of a token, or None."""
    rows = link.run(_READ, token)
    return RefreshNote(token, *rows[0]) if rows else None


def take(link: Link, profile: str, token: str, holder: str, until: int) -> Lease:
    """Give the right to send a token, whoever had it before; whether that may be is judged by the caller."""
    link.run(_TAKE, token, holder, until, link.source.clock())
    ((generation,),) = link.run("SELECT generation FROM refreshes WHERE token = ?", token)
    return Lease(profile, token, generation, holder, until)


def is_held(link: Link, lease: Lease) -> bool:
    """Tell whether nobody has taken the right over."""
    return bool(link.run(f"SELECT 1 FROM refreshes {_MINE}", lease.token, lease.generation, lease.holder))  # noqa: S608


def succeed(link: Link, lease: Lease, *, replaced: bool) -> None:
    """Note that the token was used; with `replaced` it must not be sent again, else nothing more is known of it."""
    now = link.source.clock()
    if replaced:
        sql = f"UPDATE refreshes SET state = 'spent', until = 0, failures = 0, reason = '', changed = ? {_MINE}"  # noqa: S608
        link.run(sql, now, lease.token, lease.generation, lease.holder)
    else:
        link.run(f"DELETE FROM refreshes {_MINE}", lease.token, lease.generation, lease.holder)  # noqa: S608
    link.run("DELETE FROM refreshes WHERE state = 'spent' AND changed < ?", now - SPENT_MS)


def fail(link: Link, lease: Lease, state: Literal["resting", "unknown", "refused"], until: int, reason: str) -> bool:
    """End a lease without a new credential; return False, changing nothing, when somebody has taken it over."""
    sql = f"UPDATE refreshes SET state = ?, until = ?, failures = failures + 1, reason = ?, changed = ? {_MINE}"  # noqa: S608
    values = (state, until, reason, link.source.clock(), lease.token, lease.generation, lease.holder)
    return link.change(sql, *values) > 0


def give_back(link: Link, lease: Lease) -> None:
    """End a lease whose token was certainly not sent, as if it had not been given."""
    sql = f"UPDATE refreshes SET state = 'resting', until = 0, changed = ? {_MINE}"  # noqa: S608
    link.run(sql, link.source.clock(), lease.token, lease.generation, lease.holder)


def vouch(link: Link, token: str) -> bool:
    """Forget doubts about a token that a login has just brought; return whether there were any."""
    return link.change("DELETE FROM refreshes WHERE token = ? AND state IN ('unknown', 'refused')", token) > 0
