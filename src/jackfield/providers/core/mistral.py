"""Mistral: its own models by API key."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Check, Cost, EnvVars, Model, Provider, RuntimeTags

_MODELS = (
    Model("codestral-latest", "Codestral", 256_000, 4096, cost=Cost(0.3, 0.9)),
    Model("devstral-2512", "Devstral 2", 262_144, 262_144),
    Model("devstral-medium-2507", "Devstral Medium", 128_000, 128_000, cost=Cost(0.4, 2)),
    Model("devstral-medium-latest", "Devstral 2", 262_144, 262_144, cost=Cost(0.4, 2)),
    Model("devstral-small-2505", "Devstral Small 2505", 128_000, 128_000, cost=Cost(0.1, 0.3)),
    Model("devstral-small-2507", "Devstral Small", 128_000, 128_000, cost=Cost(0.1, 0.3)),
    Model("labs-devstral-small-2512", "Devstral Small 2", 256_000, 256_000, TEXT_IMAGE),
    Model("magistral-medium-latest", "Magistral Medium", 128_000, 16_384, cost=Cost(2, 5), reasoning=True),
    Model("magistral-small", "Magistral Small", 128_000, 128_000, cost=Cost(0.5, 1.5), reasoning=True),
    Model("ministral-3b-latest", "Ministral 3B", 128_000, 128_000, cost=Cost(0.04, 0.04)),
    Model("ministral-8b-latest", "Ministral 8B", 128_000, 128_000, cost=Cost(0.1, 0.1)),
    Model("mistral-large-2411", "Mistral Large 2.1", 131_072, 16_384, cost=Cost(2, 6)),
    Model("mistral-large-2512", "Mistral Large 3", 262_144, 262_144, TEXT_IMAGE, Cost(0.5, 1.5)),
    Model("mistral-large-latest", "Mistral Large", 262_144, 262_144, TEXT_IMAGE, Cost(0.5, 1.5)),
    Model("mistral-medium-2505", "Mistral Medium 3", 131_072, 131_072, TEXT_IMAGE, Cost(0.4, 2)),
    Model("mistral-medium-2508", "Mistral Medium 3.1", 262_144, 262_144, TEXT_IMAGE, Cost(0.4, 2)),
    Model("mistral-medium-latest", "Mistral Medium", 128_000, 16_384, TEXT_IMAGE, Cost(0.4, 2)),
    Model("mistral-nemo", "Mistral Nemo", 128_000, 128_000, cost=Cost(0.15, 0.15)),
    Model("mistral-small-2506", "Mistral Small 3.2", 128_000, 16_384, TEXT_IMAGE, Cost(0.1, 0.3)),
    Model("mistral-small-latest", "Mistral Small", 128_000, 16_384, TEXT_IMAGE, Cost(0.1, 0.3)),
    Model("open-mistral-7b", "Mistral 7B", 8000, 8000, cost=Cost(0.25, 0.25)),
    Model("open-mixtral-8x22b", "Mixtral 8x22B", 64_000, 64_000, cost=Cost(2, 6)),
    Model("open-mixtral-8x7b", "Mixtral 8x7B", 32_000, 32_000, cost=Cost(0.7, 0.7)),
    Model("pixtral-12b", "Pixtral 12B", 128_000, 128_000, TEXT_IMAGE, Cost(0.15, 0.15)),
    Model("pixtral-large-latest", "Pixtral Large", 128_000, 128_000, TEXT_IMAGE, Cost(2, 6)),
)


PROVIDER = Provider(
    id="mistral",
    label="Mistral",
    docs_path="/concepts/model-providers",
    base_url="https://api.mistral.ai/v1",
    api="openai-completions",
    env=EnvVars(any_of=("MISTRAL_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    picker_order=130,
    tags=RuntimeTags(quirks=("tool-call-id:strict9", "transcript-sanitize:full")),
)
