"""xAI: Grok models by API key."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Check, Cost, EnvVars, Model, Provider, RuntimeTags

_MODELS = (
    Model("grok-2", "Grok 2", 131_072, 8192, cost=Cost(2, 10, 2)),
    Model("grok-2-1212", "Grok 2 (1212)", 131_072, 8192, cost=Cost(2, 10, 2)),
    Model("grok-2-latest", "Grok 2 Latest", 131_072, 8192, cost=Cost(2, 10, 2)),
    Model("grok-2-vision", "Grok 2 Vision", 8192, 4096, TEXT_IMAGE, Cost(2, 10, 2)),
    Model("grok-2-vision-1212", "Grok 2 Vision (1212)", 8192, 4096, TEXT_IMAGE, Cost(2, 10, 2)),
    Model("grok-2-vision-latest", "Grok 2 Vision Latest", 8192, 4096, TEXT_IMAGE, Cost(2, 10, 2)),
    Model("grok-3", "Grok 3", 131_072, 8192, cost=Cost(3, 15, 0.75)),
    Model("grok-3-fast", "Grok 3 Fast", 131_072, 8192, cost=Cost(5, 25, 1.25)),
    Model("grok-3-fast-latest", "Grok 3 Fast Latest", 131_072, 8192, cost=Cost(5, 25, 1.25)),
    Model("grok-3-latest", "Grok 3 Latest", 131_072, 8192, cost=Cost(3, 15, 0.75)),
    Model("grok-3-mini", "Grok 3 Mini", 131_072, 8192, cost=Cost(0.3, 0.5, 0.075), reasoning=True),
    Model("grok-3-mini-fast", "Grok 3 Mini Fast", 131_072, 8192, cost=Cost(0.6, 4, 0.15), reasoning=True),
    Model("grok-3-mini-fast-latest", "Grok 3 Mini Fast Latest", 131_072, 8192, cost=Cost(0.6, 4, 0.15), reasoning=True),
    Model("grok-3-mini-latest", "Grok 3 Mini Latest", 131_072, 8192, cost=Cost(0.3, 0.5, 0.075), reasoning=True),
    Model("grok-4", "Grok 4", 256_000, 64_000, cost=Cost(3, 15, 0.75), reasoning=True),
    Model("grok-4-1-fast", "Grok 4.1 Fast", 2_000_000, 30_000, TEXT_IMAGE, Cost(0.2, 0.5, 0.05), reasoning=True),
    Model(
        "grok-4-1-fast-non-reasoning",
        "Grok 4.1 Fast (Non-Reasoning)",
        2_000_000,
        30_000,
        TEXT_IMAGE,
        Cost(0.2, 0.5, 0.05),
    ),
    Model("grok-4-fast", "Grok 4 Fast", 2_000_000, 30_000, TEXT_IMAGE, Cost(0.2, 0.5, 0.05), reasoning=True),
    Model(
        "grok-4-fast-non-reasoning", "Grok 4 Fast (Non-Reasoning)", 2_000_000, 30_000, TEXT_IMAGE, Cost(0.2, 0.5, 0.05)
    ),
    Model("grok-beta", "Grok Beta", 131_072, 4096, cost=Cost(5, 15, 5)),
    Model("grok-code-fast-1", "Grok Code Fast 1", 256_000, 10_000, cost=Cost(0.2, 1.5, 0.02), reasoning=True),
    Model("grok-vision-beta", "Grok Vision Beta", 8192, 4096, TEXT_IMAGE, Cost(5, 15, 5)),
)


PROVIDER = Provider(
    id="xai",
    label="xAI",
    docs_path="/concepts/model-providers",
    base_url="https://api.x.ai/v1",
    api="openai-completions",
    env=EnvVars(any_of=("XAI_API_KEY",)),
    verify=Check("{base}/api-key", refused=(400, 401, 403)),
    models=_MODELS,
    picker_order=140,
    tags=RuntimeTags(current_models=("grok-4*",)),
)
