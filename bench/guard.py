"""How many config patches are planned and applied in a second on one core, and what that is next to reading JSON.

The ratio is to `json.loads` and `json.dumps` of the same patch, measured in the same run: it does not depend on how
fast or busy the machine is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import TYPE_CHECKING

from jackfield.config.plan import plan_patch
from jackfield.providers.registry import ProviderRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 50

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


def per_second(call: Callable[[], object], rounds: int) -> float:
    """Return how often `call` runs in a second of CPU time, as the median of rounds."""
    spent = []
    for _ in range(rounds):
        began = time.process_time_ns()
        for _ in range(BATCH):
            call()
        spent.append(time.process_time_ns() - began)
    return BATCH * 1e9 / statistics.median(spent)


def measure(rounds: int) -> list[tuple[str, float, float]]:
    """Return for each kind of patch its name, plans with apply per second, and JSON round trips per second."""
    registry = ProviderRegistry.with_core()
    figures = []
    for name, models in (("a login with 2 models", 2), ("a login with 12 models", 12)):
        patch = login_patch("beta", "https://api.beta.test/v1", models)

        def ours(patch: bytes = patch) -> object:
            plan = plan_patch(CURRENT, patch, provider_id="beta", owner="plugin:beta", registry=registry)
            return plan.apply(CURRENT, ("allow-list",))

        def bare(patch: bytes = patch) -> object:
            return json.dumps(json.loads(patch))

        ours()
        figures.append((name, per_second(ours, rounds), per_second(bare, rounds)))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    for name, ours, bare in measure(parser.parse_args().rounds):
        print(f"{name}: {ours:,.0f} plans with apply per second; JSON alone / plan with apply: {bare / ours:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
