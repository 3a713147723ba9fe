"""Moonshot AI: Kimi models by API key."""

from __future__ import annotations

from jackfield.providers.block import ApiKey, AuthMethod, Check, EnvVars, Group, Model, Provider
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model("kimi-k2-0905-preview", "Kimi K2 0905 Preview", 256_000, 8192),
    Model("kimi-k2.5", "Kimi K2.5", 256_000, 8192),
)


GROUP = Group(id="moonshot", label="Moonshot AI", hint="Kimi K2 + Kimi Code", order=110)

PROVIDER = Provider(
    id="moonshot",
    label="Moonshot AI",
    docs_path="/providers/moonshot",
    base_url="https://api.moonshot.ai/v1",
    api="openai-completions",
    group=GROUP,
    auth=(
        AuthMethod(
            id="api-key",
            choice="moonshot-api-key",
            kind="api_key",
            label="Moonshot AI API key",
            runner="api-key",
            order=70,
            key=ApiKey(
                prompt="Moonshot AI API key",
                flags=("--moonshot-api-key",),
                field="moonshotApiKey",
                url="https://platform.moonshot.ai/console/api-keys",
            ),
            profile="moonshot:default",
        ),
    ),
    env=EnvVars(any_of=("MOONSHOT_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    seed_aliases=FrozenMap({"kimi-k2-0905-preview": "Kimi K2"}),
    default_model="moonshot/kimi-k2-0905-preview",
    implicit_order=20,
)
