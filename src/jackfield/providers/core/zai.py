"""Z.AI: GLM models by API key."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
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
    Model("glm-4.5", "GLM-4.5", 131_072, 98_304, cost=Cost(0.6, 2.2, 0.11), reasoning=True),
    Model("glm-4.5-air", "GLM-4.5-Air", 131_072, 98_304, cost=Cost(0.2, 1.1, 0.03), reasoning=True),
    Model("glm-4.5-flash", "GLM-4.5-Flash", 131_072, 98_304, reasoning=True),
    Model("glm-4.5v", "GLM-4.5V", 64_000, 16_384, TEXT_IMAGE, Cost(0.6, 1.8), reasoning=True),
    Model("glm-4.6", "GLM-4.6", 204_800, 131_072, cost=Cost(0.6, 2.2, 0.11), reasoning=True),
    Model("glm-4.6v", "GLM-4.6V", 128_000, 32_768, TEXT_IMAGE, Cost(0.3, 0.9), reasoning=True),
    Model("glm-4.7", "GLM-4.7", 204_800, 131_072, cost=Cost(0.6, 2.2, 0.11), reasoning=True),
)


PROVIDER = Provider(
    id="zai",
    label="Z.AI (GLM 4.7)",
    aliases=("z.ai", "z-ai"),
    docs_path="/providers/zai",
    base_url="https://api.z.ai/api/coding/paas/v4",
    api="openai-completions",
    group=Group(id="zai", label="Z.AI (GLM 4.7)", hint="API key", order=120),
    auth=(
        AuthMethod(
            id="api-key",
            choice="zai-api-key",
            kind="api_key",
            label="Z.AI (GLM 4.7) API key",
            runner="api-key",
            order=150,
            key=ApiKey(
                prompt="Z.AI API key",
                flags=("--zai-api-key",),
                field="zaiApiKey",
                url="https://z.ai/manage-apikey/apikey-list",
            ),
            profile="zai:default",
        ),
    ),
    env=EnvVars(any_of=("ZAI_API_KEY", "Z_AI_API_KEY"), login_shell=("ZAI_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    seed_aliases=FrozenMap({"glm-4.7": "GLM"}),
    default_model="zai/glm-4.7",
    picker_order=70,
    tags=RuntimeTags(
        binary_thinking=True,
        usage_label="z.ai",
        usage_order=70,
        current_models=("glm-4.7*",),
        quirks=("no-developer-role",),
    ),
)
