"""Vercel AI Gateway: many vendors' models behind one key."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, ApiKey, AuthMethod, Check, Cost, EnvVars, Group, Model, Provider
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model(
        "anthropic/claude-opus-4.5",
        "Claude Opus 4.5",
        200_000,
        64_000,
        TEXT_IMAGE,
        Cost(5, 25, 0.5, 6.25),
        reasoning=True,
    ),
)


PROVIDER = Provider(
    id="vercel-ai-gateway",
    label="Vercel AI Gateway",
    docs_path="/providers/vercel-ai-gateway",
    base_url="https://ai-gateway.vercel.sh",
    api="anthropic-messages",
    group=Group(id="ai-gateway", label="Vercel AI Gateway", hint="API key", order=100),
    auth=(
        AuthMethod(
            id="api-key",
            choice="ai-gateway-api-key",
            kind="api_key",
            label="Vercel AI Gateway API key",
            runner="api-key",
            order=60,
            key=ApiKey(
                prompt="Vercel AI Gateway API key",
                flags=("--ai-gateway-api-key",),
                field="aiGatewayApiKey",
                url="https://vercel.com/dashboard/ai-gateway/api-keys",
            ),
            profile="vercel-ai-gateway:default",
        ),
    ),
    env=EnvVars(any_of=("AI_GATEWAY_API_KEY",), login_shell=("AI_GATEWAY_API_KEY",)),
    # The list of models is public; the balance is not.
    verify=Check("{origin}/v1/credits"),
    models=_MODELS,
    seed_aliases=FrozenMap({"anthropic/claude-opus-4.5": "Vercel AI Gateway"}),
    default_model="vercel-ai-gateway/anthropic/claude-opus-4.5",
)
