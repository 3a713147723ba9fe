"""What the registry costs: resolving, registering in bulk, and the six views, as ratios within one run.

Run it with `python -m bench.registry`.
"""

from __future__ import annotations

import json
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING

from bench._measure import MICROSECOND, MILLISECOND, NANOSECOND, in_unit, interleaved, show, show_ratio

from jackfield.providers.block import Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS
from jackfield.table import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RESOLVE_SIZES = (30, 1_000, 100_000)
RESOLVE_GOAL = 5.0
LOOKUPS = 20_000
RESOLVE_ROUNDS = 25

BULK_SIZES = (1_000, 10_000, 100_000)
BULK_GOAL = 2.0
BULK_ROUNDS = 5

VIEW_ROUNDS = 50
WARM_CALLS = 1_000
COLD_GOAL_S = 5 * MILLISECOND
WARM_GOAL_S = 5 * MICROSECOND


def providers(count: int) -> list[Provider]:
    """Return `count` blocks, each with an id and one alias."""
    return [Provider(f"provider-{n}", f"Provider {n}", (f"alias-{n}",)) for n in range(count)]


def show_resolve(blocks: Sequence[Provider]) -> None:
    """Compare `resolve_provider` with a lookup in one dict of the same keys; the loop itself is taken off both."""
    registry = ProviderRegistry()
    registry.register_providers(blocks)
    flat = {name: block for block in blocks for name in (block.id, *block.aliases)}
    resolve, random = registry.resolve_provider, Random(1)
    for kind, names in (("id", [each.id for each in blocks]), ("alias", [each.aliases[0] for each in blocks])):
        random.shuffle(names)
        # Other objects than those the table holds, as they come from a command line: equal, but not the same.
        keys = ["".join(name) for name in islice(cycle(names), LOOKUPS)]

        def through_registry(keys: list[str] = keys) -> None:
            for key in keys:
                resolve(key)

        def through_dict(keys: list[str] = keys) -> None:
            for key in keys:
                flat[key]

        def nothing(keys: list[str] = keys) -> None:
            for _key in keys:
                pass

        runs = {"registry": through_registry, "dict": through_dict, "loop": nothing}
        spent = {name: took / LOOKUPS for name, took in interleaved(runs, RESOLVE_ROUNDS).items()}
        ours, bare = spent["registry"] - spent["loop"], spent["dict"] - spent["loop"]
        name = f"resolve by {kind}, {len(blocks):,} providers, over a dict"
        show_ratio(name, ours, bare, NANOSECOND, RESOLVE_GOAL, of="dict lookup")


def show_bulk(blocks: Sequence[Provider]) -> None:
    """Compare the time per provider at each size with that at the smallest: linear stays near 1."""

    def register(count: int) -> Callable[[], None]:
        batch = blocks[:count]
        return lambda: ProviderRegistry().register_providers(batch)

    spent = interleaved({str(count): register(count) for count in BULK_SIZES}, BULK_ROUNDS)
    each = {count: spent[str(count)] / count for count in BULK_SIZES}
    for count in BULK_SIZES:
        name = f"register {count:,} at once, each, over {BULK_SIZES[0]:,}"
        show_ratio(name, each[count], each[BULK_SIZES[0]], MICROSECOND, BULK_GOAL, of=f"at {BULK_SIZES[0]:,}")


def all_views(snapshot: Snapshot[Provider]) -> None:
    for view in VIEWS.values():
        view(snapshot)


def show_views() -> None:
    """Measure the six views of the core set: first on a fresh snapshot, then again on the same one."""
    entries = ProviderRegistry.with_core().snapshot().entries
    kept = Snapshot(entries)
    text = json.dumps({name: [row.to_dict() for row in view(kept)] for name, view in VIEWS.items()})
    fresh: list[Snapshot[Provider]] = []

    def renew() -> None:
        fresh[:] = [Snapshot(entries)]

    def warm() -> None:
        for _ in range(WARM_CALLS):
            all_views(kept)

    runs: Mapping[str, Callable[[], object]] = {
        "cold": lambda: all_views(fresh[0]),
        "warm": warm,
        "json": lambda: json.loads(text),
    }
    spent = interleaved(runs, VIEW_ROUNDS, before=renew)
    base = f"json.loads of the same rows ({len(text) / 1000:.0f} kB) {in_unit(spent['json'], MILLISECOND)}"
    for name, took, unit, goal in (
        ("six views of core, first time", spent["cold"], MILLISECOND, COLD_GOAL_S),
        ("six views of core, again on the same snapshot", spent["warm"] / WARM_CALLS, MICROSECOND, WARM_GOAL_S),
    ):
        raw = f"{in_unit(took, unit)}, {base}"
        show(name, f"{took / spent['json']:.4f}x", f"<= {in_unit(goal, unit)}", raw)


def main() -> None:
    blocks = providers(max(RESOLVE_SIZES))
    for count in RESOLVE_SIZES:
        show_resolve(blocks[:count])
    show_bulk(blocks)
    show_views()


if __name__ == "__main__":
    main()
