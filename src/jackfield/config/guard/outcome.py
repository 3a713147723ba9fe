"""G16: the proof, made each time a plan is applied, that nothing differs but what a login may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.config.guard.fields import KNOWN_FIELDS
from jackfield.config.host import at
from jackfield.config.values import canonical, without
from jackfield.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Path = tuple[str, ...]

_ENTRIES = ("agents", "defaults", "models")


def check_outcome(
    before: Mapping[str, object], after: Mapping[str, object], provider_id: str, host_paths: Iterable[Path] = ()
) -> None:
    """Prove that two configs differ only where a login of `provider_id` may write (G16).

    Args:
        before, after: the configs, plain values.
        provider_id: whose login it was.
        host_paths: what the host itself wrote: its own profiles, their order, the default model.

    Raises:
        InternalError: `internal.guard`.
    """
    host = tuple(host_paths)
    allowed = (
        ("models", "mode"),
        *(("models", "providers", provider_id, name) for name in KNOWN_FIELDS),
        *((*_ENTRIES, ref) for ref in _own_refs(before, after, provider_id)),
        *host,
    )
    sound = all(_is_the_hosts(path, provider_id) for path in host)
    if not sound or canonical(without(dict(before), allowed)) != canonical(without(dict(after), allowed)):
        raise InternalError(
            f"A login of {provider_id} would have changed what it may not; nothing was written.", code="internal.guard"
        )


def _own_refs(before: Mapping[str, object], after: Mapping[str, object], provider_id: str) -> set[str]:
    found: set[str] = set()
    for config in (before, after):
        entries = at(config, _ENTRIES)
        found.update(ref for ref in (entries if isinstance(entries, dict) else ()) if ref.startswith(f"{provider_id}/"))
    return found


def _is_the_hosts(path: Path, provider_id: str) -> bool:
    if path[:2] == ("auth", "profiles"):
        return len(path) > 2 and path[2].startswith(f"{provider_id}:")
    if path[:2] == ("auth", "order"):
        return len(path) == 3
    if path[:3] == ("agents", "defaults", "model"):
        return path[3:] in {(), ("primary",)}
    return path[:3] == _ENTRIES and len(path) == 4 and path[3].startswith(f"{provider_id}/")
