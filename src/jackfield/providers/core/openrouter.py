"""OpenRouter: many vendors' models behind one key."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
    ApiKey,
    AuthMethod,
    Check,
    EnvVars,
    Group,
    Model,
    Provider,
    RuntimeTags,
)
from jackfield.providers.parts import FrozenMap

_MODELS = (Model("openrouter/auto", "OpenRouter: Auto Router", 2_000_000, 30_000, TEXT_IMAGE, reasoning=True),)


PROVIDER = Provider(
    id="openrouter",
    label="OpenRouter",
    docs_path="/providers/openrouter",
    base_url="https://openrouter.ai/api/v1",
    api="openai-completions",
    group=Group(id="openrouter", label="OpenRouter", hint="API key", order=90),
    auth=(
        AuthMethod(
            id="api-key",
            choice="openrouter-api-key",
            kind="api_key",
            label="OpenRouter API key",
            runner="api-key",
            order=50,
            key=ApiKey(
                prompt="OpenRouter API key",
                flags=("--openrouter-api-key",),
                field="openrouterApiKey",
                url="https://openrouter.ai/keys",
            ),
            profile="openrouter:default",
        ),
    ),
    env=EnvVars(any_of=("OPENROUTER_API_KEY",), login_shell=("OPENROUTER_API_KEY",)),
    # The list of models is public; /key answers only to a right key.
    verify=Check("{base}/key"),
    models=_MODELS,
    # The vendor's own id has the provider's name in it, so that the ref openrouter/auto parses to "auto".
    model_aliases=FrozenMap({"auto": "openrouter/auto"}),
    seed_aliases=FrozenMap({"openrouter/auto": "OpenRouter"}),
    default_model="openrouter/auto",
    hidden_models=("openrouter/auto",),
    picker_order=80,
    tags=RuntimeTags(
        cache_ttl=("anthropic/*",),
        current_models=("*",),
        quirks=("cache-control-ttl-param:anthropic/*", "thought-signature-sanitize:gemini"),
    ),
)
