"""How many config patches are planned and applied in a second on one core, and what that is next to reading JSON.

Two things make the figure mean the same on every machine: its ratio to `json.loads` and `json.dumps` of the same patch,
measured in turns with it, and how fast the machine starts a bare interpreter next to the one that the goal is set for.
Run it with `python -m bench.guard`.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, NamedTuple

from bench._measure import MICROSECOND, MILLISECOND, in_unit, processes, python, show

from jackfield.config.plan import plan_patch
from jackfield.providers.registry import ProviderRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 50
GOAL = 5_000
"""Patches a second that are planned and applied on one core of the reference machine, of a login with two models."""
REFERENCE_START = 9 * MILLISECOND
"""What `python -c pass` takes on the reference machine, which needs 8 to 10 ms for it."""

CURRENT: dict[str, object] = {
    "models": {"providers": {"acme": {"baseUrl": "https://api.acme.test/v1", "models": [{"id": "a", "name": "A"}]}}},
    "agents": {"defaults": {"model": {"primary": "acme/a"}, "models": {"acme/a": {"alias": "A"}}}},
    "auth": {"profiles": {"acme:default": {"provider": "acme", "mode": "api_key"}}},
    "tools": {"web": {"search": {"enabled": True, "maxResults": 5}}},
}


def login_patch(provider: str, base_url: str, models: int) -> bytes:
    """Return the patch of a usual login: an address, a marker for the key, some models, and their entries."""
    names = [f"model-{number}" for number in range(models)]
    cost = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}
    patch = {
        "models": {
            "providers": {
                provider: {
                    "baseUrl": base_url,
                    "apiKey": "n/a",
                    "api": "openai-completions",
                    "models": [
                        {
                            "id": name,
                            "name": name.title(),
                            "reasoning": False,
                            "input": ["text"],
                            "cost": cost,
                            "contextWindow": 128_000,
                            "maxTokens": 8192,
                        }
                        for name in names
                    ],
                }
            }
        },
        "agents": {"defaults": {"models": {f"{provider}/{name}": {"alias": f"alias-{name}"} for name in names}}},
    }
    return json.dumps(patch).encode()


class Figures(NamedTuple):
    """What each of three things takes at its quickest, in seconds."""

    guarded: float
    """To plan a login's patch and to apply it."""
    json: float
    """To read and write the patch as JSON."""
    start: float
    """To start a bare interpreter and end it."""


def measure(models: int, registry: ProviderRegistry, rounds: int) -> Figures:
    """Measure a login with so many models, the three things taking turns.

    The quickest turn counts, which is the one that other users of the machine disturbed least.
    """
    patch = login_patch("beta", "https://api.beta.test/v1", models)

    def guarded() -> object:
        plan = plan_patch(CURRENT, patch, provider_id="beta", owner="plugin:beta", registry=registry)
        return plan.apply(CURRENT, ("allow-list",))

    def read_and_written() -> object:
        return json.dumps(json.loads(patch))

    guarded()  # derives what depends on the registry alone
    turns = [
        Figures(each_of(guarded), each_of(read_and_written), processes({"bare": python("pass")}, 1)["bare"])
        for _ in range(rounds)
    ]
    return Figures(*map(min, zip(*turns, strict=True)))


def each_of(call: Callable[[], object]) -> float:
    """Return what one call takes, in a batch."""
    began = time.perf_counter()
    for _ in range(BATCH):
        call()
    return (time.perf_counter() - began) / BATCH


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    registry = ProviderRegistry.with_core()
    for models, goal in ((2, f">= {GOAL:,}/s"), (12, None)):
        found = measure(models, registry, rounds)
        speed = REFERENCE_START / found.start
        raw = f"{found.guarded / found.json:.1f} times JSON alone; {in_unit(found.guarded, MICROSECOND)}"
        show(f"patches of {models} models, planned and applied", f"{1 / found.guarded:,.0f}/s", goal, raw)
        raw = f"at {speed:.2f} of its speed: python -c pass {in_unit(found.start, MILLISECOND)}"
        show("  as on the reference machine, about", f"{1 / found.guarded / speed:,.0f}/s", goal, raw)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
