"""G16: the proof, made each time a plan is applied, that nothing differs but what a login may write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.config.guard.fields import KNOWN_FIELDS
from jackfield.config.host import at
from jackfield.config.values import same_outside
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
    sound = all(_is_the_hosts(path, provider_id) for path in host)
    if not sound or not same_outside(before, after, _reach(provider_id, _own_refs(before, after, provider_id), host)):
        raise InternalError(
            f"A login of {provider_id} would have changed what it may not; nothing was written.", code="internal.guard"
        )


def _reach(provider_id: str, refs: Iterable[str], host: Iterable[Path]) -> dict[str, object]:
    """Return what may differ, as nested objects with None at the end of each path."""
    fields = dict.fromkeys(KNOWN_FIELDS)
    reach: dict[str, Any] = {"models": {"mode": None, "providers": {provider_id: fields}}}
    for path in (*((*_ENTRIES, ref) for ref in refs), *host):
        here = reach
        for key in path[:-1]:
            here = here.setdefault(key, {})
            if here is None:
                break  # a shorter path reaches all of it
        else:
            here[path[-1]] = None
    return reach


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
