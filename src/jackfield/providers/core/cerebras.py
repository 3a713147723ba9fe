"""Cerebras: open models on fast hardware by API key."""

from __future__ import annotations

from jackfield.providers.block import Check, Cost, EnvVars, Model, Provider

_MODELS = (
    Model("gpt-oss-120b", "GPT OSS 120B", 131_072, 32_768, cost=Cost(0.25, 0.69), reasoning=True),
    Model("qwen-3-235b-a22b-instruct-2507", "Qwen 3 235B Instruct", 131_000, 32_000, cost=Cost(0.6, 1.2)),
    Model("zai-glm-4.7", "Z.AI GLM-4.7", 131_072, 40_000),
)


PROVIDER = Provider(
    id="cerebras",
    label="Cerebras",
    docs_path="/concepts/model-providers",
    base_url="https://api.cerebras.ai/v1",
    api="openai-completions",
    env=EnvVars(any_of=("CEREBRAS_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    picker_order=120,
)
