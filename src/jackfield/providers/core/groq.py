"""Groq: open models on fast hardware by API key."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Check, Cost, EnvVars, Model, Provider

_MODELS = (
    Model(
        "deepseek-r1-distill-llama-70b",
        "DeepSeek R1 Distill Llama 70B",
        131_072,
        8192,
        cost=Cost(0.75, 0.99),
        reasoning=True,
    ),
    Model("gemma2-9b-it", "Gemma 2 9B", 8192, 8192, cost=Cost(0.2, 0.2)),
    Model("llama-3.1-8b-instant", "Llama 3.1 8B Instant", 131_072, 131_072, cost=Cost(0.05, 0.08)),
    Model("llama-3.3-70b-versatile", "Llama 3.3 70B Versatile", 131_072, 32_768, cost=Cost(0.59, 0.79)),
    Model("llama3-70b-8192", "Llama 3 70B", 8192, 8192, cost=Cost(0.59, 0.79)),
    Model("llama3-8b-8192", "Llama 3 8B", 8192, 8192, cost=Cost(0.05, 0.08)),
    Model(
        "meta-llama/llama-4-maverick-17b-128e-instruct",
        "Llama 4 Maverick 17B",
        131_072,
        8192,
        TEXT_IMAGE,
        Cost(0.2, 0.6),
    ),
    Model(
        "meta-llama/llama-4-scout-17b-16e-instruct", "Llama 4 Scout 17B", 131_072, 8192, TEXT_IMAGE, Cost(0.11, 0.34)
    ),
    Model("mistral-saba-24b", "Mistral Saba 24B", 32_768, 32_768, cost=Cost(0.79, 0.79)),
    Model("moonshotai/kimi-k2-instruct", "Kimi K2 Instruct", 131_072, 16_384, cost=Cost(1, 3)),
    Model("moonshotai/kimi-k2-instruct-0905", "Kimi K2 Instruct 0905", 262_144, 16_384, cost=Cost(1, 3)),
    Model("openai/gpt-oss-120b", "GPT OSS 120B", 131_072, 65_536, cost=Cost(0.15, 0.6), reasoning=True),
    Model("openai/gpt-oss-20b", "GPT OSS 20B", 131_072, 65_536, cost=Cost(0.075, 0.3), reasoning=True),
    Model("qwen-qwq-32b", "Qwen QwQ 32B", 131_072, 16_384, cost=Cost(0.29, 0.39), reasoning=True),
    Model("qwen/qwen3-32b", "Qwen3 32B", 131_072, 16_384, cost=Cost(0.29, 0.59), reasoning=True),
)


PROVIDER = Provider(
    id="groq",
    label="Groq",
    docs_path="/concepts/model-providers",
    base_url="https://api.groq.com/openai/v1",
    api="openai-completions",
    env=EnvVars(any_of=("GROQ_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    picker_order=110,
)
