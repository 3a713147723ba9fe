"""When a credential is to be renewed, and what a failed try says about its refresh token. Pure.

A provider that replaces refresh tokens takes each of them once, and many treat a second use as a theft and revoke the
whole grant (RFC 9700, section 4.14.2). So the first question after a failure is not whether to try again but whether
the token may have been used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from jackfield.credentials.profile import OAuthCredential
from jackfield.errors import ConfigError, CredentialError, RemoteError, RequestError

if TYPE_CHECKING:
    from jackfield.credentials.leases import RefreshNote
    from jackfield.credentials.profile import Credential, Profile
    from jackfield.credentials.secret import Secret
    from jackfield.errors import JackfieldError

Fate: TypeAlias = Literal["unused", "unknown", "refused"]
Need: TypeAlias = Literal["none", "soon", "now"]

SECOND = 1000
MINUTE = 60 * SECOND
LONGEST_RETRY_AFTER = 60 * MINUTE

_REASON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# RFC 6749, section 5.2, and what OpenID Connect Core, section 3.1.2.6, adds: asking again brings the same answer.
_FINAL = frozenset(
    {
        "access_denied", "consent_required", "expired_token", "interaction_required", "invalid_client",
        "invalid_grant", "invalid_request", "invalid_scope", "login_required", "unauthorized_client",
        "unsupported_grant_type",
    }
)  # fmt: skip
_LATER = frozenset({"slow_down", "temporarily_unavailable"})
# The server says that it did not take the request on (RFC 9110, sections 15.5.9 and 15.6.4; RFC 6585; RFC 8470).
_NOT_TAKEN_ON = frozenset({408, 425, 429, 503})
# No connection came about, so nothing was sent.
_NOT_SENT = frozenset(
    {
        "net.dns", "net.refused", "net.unreachable", "net.tls", "net.proxy", "net.forbidden-address",
        "net.private-address",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an exchange brought no credential.

    Attributes:
        fate: what became of the refresh token: `unused` (certainly not used; it may be sent again), `unknown` (it may
            have been used), `refused` (the provider does not take it, now or later).
        reason: one word for people, such as `invalid_grant`, `http-503` or `net.dns`; anything else becomes `other`.
        retry_after: the seconds that the provider asks to wait, or None.
    """

    fate: Fate
    reason: str
    retry_after: float | None = None

    def __post_init__(self) -> None:
        # It may come from the other side, and is printed and stored.
        if not _REASON.fullmatch(self.reason):
            object.__setattr__(self, "reason", "other")


def failure_from_answer(status: int, error: str | None = None, retry_after: float | None = None) -> Failure:
    """Return what a token endpoint's answer without a token means.

    Args:
        status: the HTTP status.
        error: the `error` of the answer's JSON object (RFC 6749, section 5.2), None when there is none.
        retry_after: the seconds of its `Retry-After`, None when there is none.
    """
    reason = error or f"http-{status}"
    if error in _LATER or status in _NOT_TAKEN_ON:
        return Failure("unused", reason, retry_after)
    if status < 400 or status >= 500:
        # It may have been taken on before something failed on its way back.
        return Failure("unknown", reason, retry_after)
    final = error in _FINAL if error else status in {400, 401}
    return Failure("refused" if final else "unused", reason, retry_after)


def failure_from_error(error: JackfieldError) -> Failure:
    """Return what an error that an exchange raised means; one that is not known leaves the token's fate open."""
    if isinstance(error, CredentialError):
        return Failure("refused", error.code)
    # What was asked for or set wrongly is found before anything is sent.
    unsent = isinstance(error, RequestError | ConfigError) or error.code in _NOT_SENT
    return Failure("unused" if unsent else "unknown", error.code)


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """How long before, how long, how often; everything in ms except `attempts`.

    Attributes:
        advisory: this long before its end a credential is renewed if that works; at most a quarter of its lifetime.
        mandatory: this long before its end it is not handed out any more; at most a tenth of its lifetime.
        lease: how long one process alone has the right to send a token.
        exchange: the longest exchange; shorter than the lease.
        patience: how long a caller waits for another one's exchange; longer than the lease.
        rest: the longest pause between two tries that a caller waits out.
        attempts: how many tries in a row callers wait for; after as many failures they are told at once.
        first_pause: the pause after the first failure, doubled with each; a random half of it is left out.
        longest_pause: where the doubling ends.

    Raises:
        ValueError: the times do not fit together.
    """

    advisory: int = 5 * MINUTE
    mandatory: int = MINUTE
    lease: int = MINUTE
    exchange: int = 45 * SECOND
    patience: int = 90 * SECOND
    rest: int = 5 * SECOND
    attempts: int = 3
    first_pause: int = SECOND // 2
    longest_pause: int = 5 * MINUTE

    def __post_init__(self) -> None:
        if not 0 < self.exchange < self.lease < self.patience:
            raise ValueError("An exchange must be shorter than the lease, and the lease shorter than the patience.")
        if not 0 <= self.mandatory <= self.advisory or self.attempts < 1 or self.first_pause < 1 or self.rest < 0:
            raise ValueError("The times before the end must be in order, and counts and pauses positive.")

    def pause(self, failures: int, chance: float) -> int:
        """Return the pause after so many failures in a row; `chance` is from 0 to 1."""
        # The exponent is bounded, because a failure that is retried for years would make a number without end.
        whole = min(self.first_pause << min(max(failures - 1, 0), 32), self.longest_pause)
        return max(1, round(whole * (0.5 + chance / 2)))

    def need(self, profile: Profile, now: int) -> Need:
        """Tell whether an OAuth profile's credential is to be renewed: not yet, if that works, or before it is used."""
        credential = profile.credential
        if not isinstance(credential, OAuthCredential):
            return "none"
        if not credential.access:
            return "now"
        lifetime = credential.expires - profile.updated
        advisory, mandatory = self.advisory, self.mandatory
        if lifetime > 0:
            advisory, mandatory = min(advisory, lifetime // 4), min(mandatory, lifetime // 10)
        left = credential.expires - now
        return "now" if left <= mandatory else "soon" if left <= advisory else "none"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants of a credential.

    Attributes:
        rejected: the access token that the provider turned down, None when it was not used yet.
        rotates: whether the provider may replace the refresh token, so that it must not be sent twice.
        seen: the credential as the caller found it first; any other one has been renewed since.
    """

    rejected: Secret | None = None
    rotates: bool = True
    seen: Credential | None = None

    def having_seen(self, profile: Profile) -> Wish:
        """Return the wish of a caller who has looked once."""
        return self if self.seen is not None else replace(self, seen=profile.credential)


@dataclass(frozen=True, slots=True)
class Claim:
    """Nobody renews the profile's credential, and somebody should; `needed` tells that it cannot be used as it is."""

    profile: Profile
    needed: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """The credential is being renewed, or rests for `ms` after a failure; `why` is told to those who wait no more."""

    profile: Profile
    ms: int
    why: JackfieldError


def decide(
    profile: Profile, note: RefreshNote | None, wish: Wish, policy: RefreshPolicy, now: int
) -> Profile | Claim | Pause:
    """Return what is to be done with a profile: use it, renew it, or wait.

    Args:
        profile: as it is stored.
        note: what the store knows of its refresh token.
        wish: what the caller wants.
        policy: the times.
        now: ms since the epoch.

    Raises:
        CredentialError: `credential.expired` when there is no refresh token; `credential.refresh-refused`,
            `credential.refresh-unknown` or `credential.refresh-spent` when it is of no more use.
        RemoteError: `remote.refresh` when the last tries failed and it is too early for the next.
    """
    credential = profile.credential
    if not isinstance(credential, OAuthCredential) or (wish.seen is not None and credential != wish.seen):
        return profile
    rejected = wish.rejected is not None and credential.access == wish.rejected
    need = "now" if rejected else policy.need(profile, now)
    if need == "none":
        return profile
    if not credential.refresh:
        if credential.access and credential.expires > now and not rejected:
            return profile
        raise _lost(profile, "credential.expired", "has ended, and it has no refresh token")
    verdict = _judge(profile, note, wish, policy, now)
    if verdict is None:
        return Claim(profile, needed=need == "now")
    if need == "soon":
        return profile
    if isinstance(verdict, Pause):
        return verdict
    raise verdict


def renewed(profile: Profile, answer: object) -> OAuthCredential:
    """Return `answer` with what it left out taken from the profile's present credential.

    A provider that sends no refresh token means that the former one stays (RFC 6749, section 6).

    Raises:
        RequestError: `profile.invalid` when that is no credential that could be stored, or has no access token.
    """
    former = profile.credential
    # A plugin's code may have answered.
    if not isinstance(answer, OAuthCredential) or not answer.access or not isinstance(former, OAuthCredential):
        raise RequestError(f"The answer for {profile.id} holds no access token.", code="profile.invalid")
    merged = replace(
        answer,
        refresh=answer.refresh or former.refresh,
        email=answer.email or former.email,
        extra={**former.extra, **answer.extra},
    )
    replace(profile, credential=merged)
    return merged


def busy(profile: Profile) -> CredentialError:
    """Return the error that says that somebody else has been renewing the credential all the time."""
    return CredentialError(
        f"The login {profile.id} has been under renewal by another program for too long.",
        code="credential.refresh-busy",
        fix="Try again in a minute.",
    )


def _judge(
    profile: Profile, note: RefreshNote | None, wish: Wish, policy: RefreshPolicy, now: int
) -> Pause | JackfieldError | None:
    """Return what forbids to send the refresh token now; None when nothing does."""
    if note is None:
        return None
    if note.state == "refused":
        return _lost(profile, "credential.refresh-refused", f"is no longer accepted by its provider ({note.reason})")
    if note.state == "spent":
        return _lost(profile, "credential.refresh-spent", "was renewed elsewhere, and this copy of it is used up")
    if note.state == "held" and note.until > now:
        return Pause(profile, note.until - now, busy(profile))
    if note.state in {"held", "unknown"} and wish.rotates:
        what = f"was being renewed and the outcome is not known ({note.reason or 'interrupted'})"
        return _lost(profile, "credential.refresh-unknown", what)
    if note.until <= now:
        return None
    why = _resting(profile, note, now)
    if note.failures >= policy.attempts or note.until - now > policy.rest:
        return why
    return Pause(profile, note.until - now, why)


def _lost(profile: Profile, code: str, what: str) -> CredentialError:
    return CredentialError(
        f"The login {profile.id} {what}.", code=code, fix=f"Log in again: jackfield login {profile.provider}"
    )


def _resting(profile: Profile, note: RefreshNote, now: int) -> RemoteError:
    seconds = -(-(note.until - now) // SECOND)
    return RemoteError(
        f"The login {profile.id} could not be renewed ({note.reason}).",
        code="remote.refresh",
        fix=f"Check the network connection, and try again in {seconds} s.",
    )
