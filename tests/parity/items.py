"""What a comparison yields: one item for each leaf of the facts it has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jackfield.diagnostics import format_path
from jackfield.providers.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry
    from parity.facts import Facts, Path


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()
"""Stands on the side that does not have the item at all."""


@dataclass(frozen=True)
class Item:
    """One thing compared: where it stands in the facts, what it was, and what it is now."""

    path: Path
    before: Any
    now: Any

    @property
    def agrees(self) -> bool:
        """Tell whether nothing has changed."""
        return type(self.before) is type(self.now) and bool(self.before == self.now)

    def __str__(self) -> str:
        return f"{format_path(self.path)}: was {self.before!r}, is {self.now!r}"


class Now:
    """A registry seen through its six views."""

    def __init__(self, registry: ProviderRegistry) -> None:
        self.registry = registry
        self.snapshot = registry.snapshot()
        self.providers: Mapping[str, Provider] = {each.id: each for each in self.snapshot.values()}
        self._rows: dict[str, tuple[Any, ...]] = {name: tuple(view(self.snapshot)) for name, view in VIEWS.items()}

    def rows(self, view: str, provider: str | None = None) -> list[Any]:
        """Return the rows of a view, of one provider if one is named."""
        return [row for row in self._rows[view] if provider in (None, row.provider)]

    def shared(self, facts: Facts) -> list[tuple[str, dict[str, Any], Provider]]:
        """Return (id, facts, block) of each provider that both sides know."""
        return [(name, fact, self.providers[name]) for name, fact in facts.providers.items() if name in self.providers]


def compare(facts: Facts, path: Path, now: object, read: Callable[[Any], Any] | None = None) -> Item:
    """Return the item at `path`; `read` turns the raw fact into the form that the blocks use."""
    raw = facts.leaves.get(path, ABSENT)
    if isinstance(raw, list):
        raw = tuple(raw)
    before = raw if read is None or raw is ABSENT else read(raw)
    return Item(path, before, now)


def compare_set(facts: Facts, path: Path, now: Iterable[str]) -> Iterator[Item]:
    """Yield an item for each member that either side has of the set at `path`."""
    have = set(now)
    had = set(facts.children.get(path, ()))
    for name in sorted(have | had):
        yield Item((*path, name), True if name in had else ABSENT, True if name in have else ABSENT)


def compare_order(facts: Facts, path: Path, now: Iterable[object]) -> Iterator[Item]:
    """Yield an item for each place that either side has of the list at `path`."""
    have = list(now)
    count = len(facts.children.get(path, ()))
    for place in range(max(count, len(have))):
        step = f"[{place}]"
        yield compare(facts, (*path, step), have[place] if place < len(have) else ABSENT)


def compare_map(
    facts: Facts, path: Path, now: Mapping[str, object], read: Callable[[Any], Any] | None = None
) -> Iterator[Item]:
    """Yield an item for each key that either side has of the object at `path`."""
    had = set(facts.children.get(path, ()))
    for name in sorted(had | set(now)):
        yield compare(facts, (*path, name), now.get(name, ABSENT), read)


def claim(facts: Facts, path: Path, holds: object) -> Item:
    """Return the item of a fact that is told in prose: it agrees when `holds`, which proves the sentence, is true."""
    raw = facts.leaves[path]
    raw = tuple(raw) if isinstance(raw, list) else raw
    return Item(path, raw, raw if holds else f"not so: {holds!r}")
