"""Which credentials of an older program are taken over, under which profile, and which are not, and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.config.host import profile_changes
from jackfield.config.overlay import base_url_of, names_of
from jackfield.config.values import put
from jackfield.credentials.profile import Profile
from jackfield.errors import RequestError
from jackfield.ids import canonical_id, slug
from jackfield.net import check_base_url, origin_of
from jackfield.providers.views import legacy_profiles
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jackfield.config.settings import Settings
    from jackfield.credentials.legacy import LegacyEntry
    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry

Path = tuple[str, ...]


@record
class Takeover:
    """What becomes of one entry.

    Attributes:
        entry: the entry.
        state: `taken`; `kept` (a credential of that name is stored, and stays); `skipped` (it cannot be used here).
        reason: one plain sentence, None where there is nothing to explain.
        profile: the profile to store; None where nothing is stored.
        id: the profile that it is about; None where it would be none.
    """

    entry: LegacyEntry
    state: Literal["taken", "kept", "skipped"]
    reason: str | None = None
    profile: Profile | None = None
    id: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return `{"id", "name", "file", "state", "reason"}`, never the secret."""
        return {
            "id": self.id,
            "name": self.entry.name,
            "file": self.entry.file,
            "state": self.state,
            "reason": self.reason,
        }


@record
class TakeoverContext:
    """What decides on a take-over.

    Attributes:
        registry: the providers there are.
        settings: the config.
        stored: the profiles that are stored, by id.
        env: the environment, for addresses with places to fill in.
        now: ms since the epoch.
        more: blocks of providers that only the config knows, or is going to know.
    """

    registry: ProviderRegistry
    settings: Settings
    stored: Mapping[str, Profile]
    env: Mapping[str, str]
    now: int
    more: tuple[Provider, ...] = ()

    def provider(self, name: str) -> Provider | None:
        """Return the block with this id or alias, or None."""
        found = self.registry.snapshot().get(name)
        return found.value if found is not None else next((each for each in self.more if each.id == name), None)


def plan_takeover(
    entries: Iterable[LegacyEntry], where: TakeoverContext, *, overwrite: bool = False
) -> tuple[Takeover, ...]:
    """Say of each entry what becomes of it, in their order; of two for one profile the first counts.

    A credential is kept for the origin that requests of its provider go to now, as a login would keep it. One that was
    stored by somebody else than the user stays in any case.

    Args:
        entries: as `read_folder` returns them.
        where: what decides.
        overwrite: whether a profile that is stored is replaced.
    """
    removed = {rule.subject for rule in legacy_profiles(where.registry.snapshot()) if rule.rule == "remove"}
    planned: list[Takeover] = []
    taken: dict[str, Takeover] = {}
    for entry in entries:
        found = where.provider(entry.provider)
        if entry.fault is not None:
            planned.append(Takeover(entry, "skipped", f"It {entry.fault}."))
        elif found is None:
            planned.append(Takeover(entry, "skipped", "Nobody registers its provider here."))
        elif entry.name in removed:
            planned.append(Takeover(entry, "skipped", "Its login is no longer used; log in anew."))
        else:
            each = _judged(entry, found, where, taken, overwrite=overwrite)
            planned.append(each)
            if each.id is not None and each.state != "skipped":
                taken.setdefault(each.id, each)
    return tuple(planned)


def takeover_changes(
    current: Mapping[str, object], planned: Iterable[Takeover], where: TakeoverContext
) -> Iterator[tuple[Path, object]]:
    """Yield what lists the profiles taken over in the config, as (path, value) pairs; None as value removes the leaf.

    They come last in an order that is there, since whoever made it did not know of them. Where the config lists none of
    a provider's profiles while some are stored, all of those count, and listing one would take the others out of use.

    Args:
        current: the config as plain values.
        planned: as `plan_takeover` returns it.
        where: as it was planned on.
    """
    config = dict(current)
    for each in planned:
        found = where.provider(each.entry.provider)
        if each.profile is None or found is None or _unlisted(found, where):
            continue
        name = each.profile.id
        for path, value in profile_changes(config, names_of(found), name, each.profile.kind, each.entry.email):
            placed = value
            if path[:2] == ("auth", "order") and isinstance(value, list):
                placed = [*(other for other in value if other != name), name]
                if name in where.settings.order_of(names_of(found)):
                    continue
            config = put(config, path, placed)
            yield path, placed


def _judged(
    entry: LegacyEntry, provider: Provider, where: TakeoverContext, taken: Mapping[str, Takeover], *, overwrite: bool
) -> Takeover:
    """Judge an entry that has a credential for a provider that is there."""
    name = _profile_name(entry, provider, where)
    if not name or entry.credential is None:
        return Takeover(entry, "skipped", "Its name cannot name a profile.")
    profile_id = f"{provider.id}:{name}"
    told = Takeover(entry, "skipped", id=profile_id)
    prefix = f"{provider.id}:"
    for other, each in taken.items():
        if other.startswith(prefix) and each.entry.credential == entry.credential:
            return replace(told, id=other, reason=f"It is the same credential as {other}.")
    if profile_id in taken:
        return replace(told, reason=f"{taken[profile_id].entry.file} has one of that name already.")
    try:
        profile = Profile(profile_id, entry.credential, origin=_origin(provider, where))
        wanted = profile.origin if entry.url is None else str(origin_of(entry.url))
    except RequestError as error:
        what = "cannot be used" if error.code.startswith("url.") else "does not fit"
        return replace(told, reason=f"The address of {provider.label} {what}: {error.message}")
    if wanted != profile.origin:
        return replace(told, reason=f"It is for {wanted}, and requests of {provider.label} go to {profile.origin}.")
    if not profile.is_usable(where.now):
        return replace(told, reason="It has expired, and nothing can renew it.")
    return _against_stored(told, profile, where.stored, overwrite=overwrite)


def _profile_name(entry: LegacyEntry, provider: Provider, where: TakeoverContext) -> str | None:
    """Return what the profile is called behind its provider; one that was named for another keeps that in its name."""
    if entry.named_for is None:
        return entry.profile_name
    found = where.provider(entry.named_for)
    return entry.profile_name if found is not None and found.id == provider.id else slug(entry.name)


def _against_stored(told: Takeover, profile: Profile, there: Mapping[str, Profile], *, overwrite: bool) -> Takeover:
    stored = there.get(profile.id)
    if stored is not None and stored.credential == profile.credential:
        return replace(told, state="kept", reason="The same credential is stored already.")
    for each in there.values() if stored is None else ():
        # For another address it would be another profile's business.
        same_place = each.provider == profile.provider and each.origin == profile.origin
        if same_place and each.credential == profile.credential:
            return replace(told, state="kept", id=each.id, reason=f"It is stored already, as {each.id}.")
    if stored is None:
        return replace(told, state="taken", profile=profile, reason=told.entry.note)
    if stored.owner != profile.owner:
        return replace(told, state="kept", reason=f"The one that is stored belongs to {stored.owner}.")
    if not overwrite:
        return replace(told, state="kept", reason="Another credential is stored under that name.")
    return replace(told, state="taken", profile=profile, reason="It replaces the one that was stored.")


def _origin(provider: Provider, where: TakeoverContext) -> str | None:
    """Return the origin that requests go to; None where the provider has no address of its own."""
    url = base_url_of(provider, where.settings.provider(names_of(provider)), where.env)
    if url is None or "{" in url:
        return None
    return str(origin_of(check_base_url(url, allow_private_http=True)))


def _unlisted(provider: Provider, where: TakeoverContext) -> bool:
    names = names_of(provider)
    listed = any(canonical_id(each.provider) in names for each in where.settings.profiles)
    return not listed and any(canonical_id(each.provider) in names for each in where.stored.values())
