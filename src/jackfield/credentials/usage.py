"""How a profile fared when it was used, and how long it rests after a failure. Pure: no clock, no file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE = 60_000
HOUR = 60 * MINUTE

COOLDOWNS = (1 * MINUTE, 5 * MINUTE, 25 * MINUTE, 60 * MINUTE)
BILLING_FIRST = 5 * HOUR
BILLING_LONGEST = 24 * HOUR
FAILURE_WINDOW = 24 * HOUR

BILLING = "billing"

_REASON = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Usage:
    """What is remembered of a profile's use. All times are milliseconds since the epoch.

    Attributes:
        last_used: the last success, None when there was none.
        last_failure: the last failure since the last success.
        error_count: failures in a row, no two of them more than 24 hours apart.
        cooldown_until: it rests until then after failures other than billing.
        disabled_until: it rests until then after a billing failure.
        disabled_reason: why it is disabled, `billing`.
        failure_counts: failures by reason; they add up to `error_count`.
    """

    last_used: int | None = None
    last_failure: int | None = None
    error_count: int = 0
    cooldown_until: int | None = None
    disabled_until: int | None = None
    disabled_reason: str | None = None
    failure_counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "failure_counts", MappingProxyType(dict(self.failure_counts)))

    def rests_until(self, now: int) -> int | None:
        """Return when it may be used again, or None when that is already the case at `now`."""
        latest = max(self.cooldown_until or 0, self.disabled_until or 0)
        return latest if latest > now else None

    def to_dict(self) -> dict[str, object]:
        """Return the fields as JSON-ready values."""
        return {
            "last_used": self.last_used,
            "last_failure": self.last_failure,
            "error_count": self.error_count,
            "cooldown_until": self.cooldown_until,
            "disabled_until": self.disabled_until,
            "disabled_reason": self.disabled_reason,
            "failure_counts": dict(sorted(self.failure_counts.items())),
        }


def is_reason(text: str) -> bool:
    """Tell whether `text` can name a reason: 1 to 64 of a-z 0-9 _ - beginning with a letter."""
    return _REASON.fullmatch(text) is not None


def after_use(usage: Usage, now: int) -> Usage:
    """Return `usage` after a success at `now` (ms since the epoch): every failure is forgotten."""
    return Usage(last_used=max(now, usage.last_used or 0))


def after_failure(usage: Usage, reason: str, now: int) -> Usage:
    """Return `usage` after a failure at `now` (ms since the epoch).

    The 1st, 2nd, 3rd and later failures rest the profile for 1, 5, 25 and 60 minutes. Billing failures disable it for 5
    hours, twice as long each further time, 24 hours at most. A failure more than 24 hours after the last one counts as
    the first.
    """
    if usage.last_failure is not None and now - usage.last_failure > FAILURE_WINDOW:
        usage = replace(usage, error_count=0, failure_counts={})
    count = usage.error_count + 1
    counts = {**usage.failure_counts, reason: usage.failure_counts.get(reason, 0) + 1}
    failed = replace(usage, last_failure=now, error_count=count, failure_counts=counts)
    if reason == BILLING:
        return replace(failed, disabled_until=now + _billing_pause(counts[reason]), disabled_reason=reason)
    return replace(failed, cooldown_until=now + COOLDOWNS[min(count, len(COOLDOWNS)) - 1])


def _billing_pause(count: int) -> int:
    # Bounding the exponent keeps the number small after years of failures; 2 ** 3 is past the longest already.
    return int(min(BILLING_FIRST * 2 ** min(count - 1, 3), BILLING_LONGEST))
