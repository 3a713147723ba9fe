"""OpenAI: GPT models by API key."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
    Advisory,
    ApiKey,
    AuthMethod,
    Check,
    Cost,
    EnvVars,
    Group,
    Model,
    Provider,
    RuntimeTags,
)
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model("codex-mini-latest", "Codex Mini", 200_000, 100_000, cost=Cost(1.5, 6, 0.375), reasoning=True),
    Model("gpt-4", "GPT-4", 8192, 8192, cost=Cost(30, 60)),
    Model("gpt-4-turbo", "GPT-4 Turbo", 128_000, 4096, TEXT_IMAGE, Cost(10, 30)),
    Model("gpt-4.1", "GPT-4.1", 1_047_576, 32_768, TEXT_IMAGE, Cost(2, 8, 0.5)),
    Model("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576, 32_768, TEXT_IMAGE, Cost(0.4, 1.6, 0.1)),
    Model("gpt-4.1-nano", "GPT-4.1 nano", 1_047_576, 32_768, TEXT_IMAGE, Cost(0.1, 0.4, 0.03)),
    Model("gpt-4o", "GPT-4o", 128_000, 16_384, TEXT_IMAGE, Cost(2.5, 10, 1.25)),
    Model("gpt-4o-2024-05-13", "GPT-4o (2024-05-13)", 128_000, 4096, TEXT_IMAGE, Cost(5, 15)),
    Model("gpt-4o-2024-08-06", "GPT-4o (2024-08-06)", 128_000, 16_384, TEXT_IMAGE, Cost(2.5, 10, 1.25)),
    Model("gpt-4o-2024-11-20", "GPT-4o (2024-11-20)", 128_000, 16_384, TEXT_IMAGE, Cost(2.5, 10, 1.25)),
    Model("gpt-4o-mini", "GPT-4o mini", 128_000, 16_384, TEXT_IMAGE, Cost(0.15, 0.6, 0.08)),
    Model("gpt-5", "GPT-5", 400_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True),
    Model("gpt-5-chat-latest", "GPT-5 Chat Latest", 128_000, 16_384, TEXT_IMAGE, Cost(1.25, 10, 0.125)),
    Model("gpt-5-codex", "GPT-5-Codex", 400_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True),
    Model("gpt-5-mini", "GPT-5 Mini", 400_000, 128_000, TEXT_IMAGE, Cost(0.25, 2, 0.025), reasoning=True),
    Model("gpt-5-nano", "GPT-5 Nano", 400_000, 128_000, TEXT_IMAGE, Cost(0.05, 0.4, 0.005), reasoning=True),
    Model("gpt-5-pro", "GPT-5 Pro", 400_000, 272_000, TEXT_IMAGE, Cost(15, 120), reasoning=True),
    Model("gpt-5.1", "GPT-5.1", 400_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.13), reasoning=True),
    Model("gpt-5.1-chat-latest", "GPT-5.1 Chat", 128_000, 16_384, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True),
    Model("gpt-5.1-codex", "GPT-5.1 Codex", 400_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True),
    Model(
        "gpt-5.1-codex-max", "GPT-5.1 Codex Max", 400_000, 128_000, TEXT_IMAGE, Cost(1.25, 10, 0.125), reasoning=True
    ),
    Model(
        "gpt-5.1-codex-mini", "GPT-5.1 Codex mini", 400_000, 128_000, TEXT_IMAGE, Cost(0.25, 2, 0.025), reasoning=True
    ),
    Model("gpt-5.2", "GPT-5.2", 400_000, 128_000, TEXT_IMAGE, Cost(1.75, 14, 0.175), reasoning=True),
    Model("gpt-5.2-chat-latest", "GPT-5.2 Chat", 128_000, 16_384, TEXT_IMAGE, Cost(1.75, 14, 0.175), reasoning=True),
    Model("gpt-5.2-codex", "GPT-5.2 Codex", 400_000, 128_000, TEXT_IMAGE, Cost(1.75, 14, 0.175), reasoning=True),
    Model("gpt-5.2-pro", "GPT-5.2 Pro", 400_000, 128_000, TEXT_IMAGE, Cost(21, 168), reasoning=True),
    Model("o1", "o1", 200_000, 100_000, TEXT_IMAGE, Cost(15, 60, 7.5), reasoning=True),
    Model("o1-pro", "o1-pro", 200_000, 100_000, TEXT_IMAGE, Cost(150, 600), reasoning=True),
    Model("o3", "o3", 200_000, 100_000, TEXT_IMAGE, Cost(2, 8, 0.5), reasoning=True),
    Model("o3-deep-research", "o3-deep-research", 200_000, 100_000, TEXT_IMAGE, Cost(10, 40, 2.5), reasoning=True),
    Model("o3-mini", "o3-mini", 200_000, 100_000, cost=Cost(1.1, 4.4, 0.55), reasoning=True),
    Model("o3-pro", "o3-pro", 200_000, 100_000, TEXT_IMAGE, Cost(20, 80), reasoning=True),
    Model("o4-mini", "o4-mini", 200_000, 100_000, TEXT_IMAGE, Cost(1.1, 4.4, 0.28), reasoning=True),
    Model(
        "o4-mini-deep-research", "o4-mini-deep-research", 200_000, 100_000, TEXT_IMAGE, Cost(2, 8, 0.5), reasoning=True
    ),
)


GROUP = Group(id="openai", label="OpenAI", hint="Codex OAuth + API key", order=10)

PROVIDER = Provider(
    id="openai",
    label="OpenAI",
    docs_path="/providers/openai",
    base_url="https://api.openai.com/v1",
    api="openai-responses",
    group=GROUP,
    auth=(
        AuthMethod(
            id="api-key",
            choice="openai-api-key",
            kind="api_key",
            label="OpenAI API key",
            runner="api-key",
            order=40,
            key=ApiKey(
                prompt="OpenAI API key",
                flags=("--openai-api-key",),
                field="openaiApiKey",
                url="https://platform.openai.com/api-keys",
            ),
            profile="openai:default",
        ),
    ),
    env=EnvVars(any_of=("OPENAI_API_KEY",), login_shell=("OPENAI_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    short_names=FrozenMap({"gpt": "gpt-5.2", "gpt-mini": "gpt-5-mini"}),
    picker_order=20,
    advisories=(
        Advisory(
            id="codex-only",
            title="Model check",
            text="There is a Codex login but no OpenAI key: use openai-codex/gpt-5.2, or set OPENAI_API_KEY.",
            when="doctor",
            condition="group-sibling",
        ),
        Advisory(
            id="env-saved",
            title="OpenAI API key",
            text="The key is kept in the credential store; background services started elsewhere find it there.",
            when="after-login",
        ),
    ),
    tags=RuntimeTags(
        transcript="openai",
        xhigh_models=("gpt-5.2",),
        openai_family=True,
        current_models=("gpt-5.2", "gpt-5.0"),
        quirks=("apply-patch",),
    ),
)
