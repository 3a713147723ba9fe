"""All comparisons, and what they leave open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jackfield.providers.registry import ProviderRegistry
from jackfield.table import CORE
from parity import blocks, choices, environment, models, rules
from parity.facts import facts
from parity.items import Item, Now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jackfield.providers.block import Provider
    from parity.facts import Facts, Path

MODULES = (choices, environment, blocks, models, rules)


@dataclass(frozen=True)
class Result:
    """What one run of all comparisons found: the items by the name of their comparison."""

    facts: Facts
    items: Mapping[str, tuple[Item, ...]]

    def __iter__(self) -> Iterator[Item]:
        for found in self.items.values():
            yield from found

    @property
    def differing(self) -> list[Item]:
        """Return the items that have changed."""
        return [item for item in self if not item.agrees]

    @property
    def agreeing(self) -> list[Item]:
        """Return the items that are as they were."""
        return [item for item in self if item.agrees]

    @property
    def unread(self) -> list[Path]:
        """Return the leaves of the facts that no comparison has looked at."""
        seen = {item.path for item in self}
        return [path for path in self.facts.leaves if path not in seen]


def run(against: Facts, registry: ProviderRegistry) -> Result:
    """Compare `against` with `registry`, item by item."""
    now = Now(registry)
    found: dict[str, tuple[Item, ...]] = {}
    for module in MODULES:
        comparisons: tuple[Callable[[Facts, Now], Iterator[Item]], ...] = module.COMPARISONS
        for compare in comparisons:
            name = f"{module.__name__.rpartition('.')[2]}.{compare.__name__}"
            found[name] = tuple(compare(against, now))
    return Result(against, found)


@cache
def core_result() -> Result:
    """Return the comparison of the facts beside the tests with the core blocks."""
    registry = ProviderRegistry()
    registry.register_providers(described_blocks(), owner=CORE)
    return run(facts(), registry)


def described_blocks() -> list[Provider]:
    """Return the core blocks that the facts describe; there is nothing to compare later ones with."""
    described = {each["id"] for each in facts().data["providers"]}
    return [each for each in ProviderRegistry.with_core().list_providers() if each.id in described]
