"""In which order the profiles of a provider are tried. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jackfield.credentials.profile import Profile

_RANKS = {"oauth": 0, "token": 1, "api_key": 2}


def arrange(profiles: Iterable[Profile], explicit: Sequence[str], now: int) -> tuple[str, ...]:
    """Return the ids of the usable profiles, in the order in which they are to be tried.

    An explicit order is kept, and what it does not name is left out. Without one: OAuth before tokens before API keys,
    then the least recently used, then by id. Those that rest after a failure come last, the soonest ready first.

    Args:
        profiles: the profiles of one provider, in any order.
        explicit: the ids that the user put in order, empty when there is none; unknown ids are passed over.
        now: ms since the epoch; profiles with a blank or expired credential are left out.
    """
    usable = {profile.id: profile for profile in profiles if profile.is_usable(now)}
    if explicit:
        chosen = [usable[each] for each in dict.fromkeys(explicit) if each in usable]
    else:
        chosen = sorted(usable.values(), key=_natural)
    resting = [(until, profile) for profile in chosen if (until := profile.usage.rests_until(now)) is not None]
    waiting = {profile.id for _, profile in resting}
    ready = [profile.id for profile in chosen if profile.id not in waiting]
    # The sort is stable: equal waits keep the order chosen above.
    return (*ready, *(profile.id for _, profile in sorted(resting, key=lambda pair: pair[0])))


def _natural(profile: Profile) -> tuple[int, int, str]:
    return _RANKS[profile.kind], profile.usage.last_used or 0, profile.id
