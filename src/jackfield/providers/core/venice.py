"""Venice AI: private and anonymised inference by API key."""

from __future__ import annotations

from jackfield.providers.block import (
    TEXT_IMAGE,
    Advisory,
    ApiKey,
    AuthMethod,
    Check,
    Discovery,
    EnvVars,
    Group,
    Model,
    Provider,
)
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model("llama-3.3-70b", "Llama 3.3 70B", 131_072, 8192, privacy="private"),
    Model("llama-3.2-3b", "Llama 3.2 3B", 131_072, 8192, privacy="private"),
    Model("hermes-3-llama-3.1-405b", "Hermes 3 Llama 3.1 405B", 131_072, 8192, privacy="private"),
    Model("qwen3-235b-a22b-thinking-2507", "Qwen3 235B Thinking", 131_072, 8192, reasoning=True, privacy="private"),
    Model("qwen3-235b-a22b-instruct-2507", "Qwen3 235B Instruct", 131_072, 8192, privacy="private"),
    Model("qwen3-coder-480b-a35b-instruct", "Qwen3 Coder 480B", 262_144, 8192, privacy="private"),
    Model("qwen3-next-80b", "Qwen3 Next 80B", 262_144, 8192, privacy="private"),
    Model("qwen3-vl-235b-a22b", "Qwen3 VL 235B (Vision)", 262_144, 8192, TEXT_IMAGE, privacy="private"),
    Model("qwen3-4b", "Venice Small (Qwen3 4B)", 32_768, 8192, reasoning=True, privacy="private"),
    Model("deepseek-v3.2", "DeepSeek V3.2", 163_840, 8192, reasoning=True, privacy="private"),
    Model("venice-uncensored", "Venice Uncensored (Dolphin-Mistral)", 32_768, 8192, privacy="private"),
    Model("mistral-31-24b", "Venice Medium (Mistral)", 131_072, 8192, TEXT_IMAGE, privacy="private"),
    Model("google-gemma-3-27b-it", "Google Gemma 3 27B Instruct", 202_752, 8192, TEXT_IMAGE, privacy="private"),
    Model("openai-gpt-oss-120b", "OpenAI GPT OSS 120B", 131_072, 8192, privacy="private"),
    Model("zai-org-glm-4.7", "GLM 4.7", 202_752, 8192, reasoning=True, privacy="private"),
    Model(
        "claude-opus-45",
        "Claude Opus 4.5 (via Venice)",
        202_752,
        8192,
        TEXT_IMAGE,
        reasoning=True,
        privacy="anonymized",
    ),
    Model(
        "claude-sonnet-45",
        "Claude Sonnet 4.5 (via Venice)",
        202_752,
        8192,
        TEXT_IMAGE,
        reasoning=True,
        privacy="anonymized",
    ),
    Model("openai-gpt-52", "GPT-5.2 (via Venice)", 262_144, 8192, reasoning=True, privacy="anonymized"),
    Model(
        "openai-gpt-52-codex",
        "GPT-5.2 Codex (via Venice)",
        262_144,
        8192,
        TEXT_IMAGE,
        reasoning=True,
        privacy="anonymized",
    ),
    Model(
        "gemini-3-pro-preview",
        "Gemini 3 Pro (via Venice)",
        202_752,
        8192,
        TEXT_IMAGE,
        reasoning=True,
        privacy="anonymized",
    ),
    Model(
        "gemini-3-flash-preview",
        "Gemini 3 Flash (via Venice)",
        262_144,
        8192,
        TEXT_IMAGE,
        reasoning=True,
        privacy="anonymized",
    ),
    Model(
        "grok-41-fast", "Grok 4.1 Fast (via Venice)", 262_144, 8192, TEXT_IMAGE, reasoning=True, privacy="anonymized"
    ),
    Model("grok-code-fast-1", "Grok Code Fast 1 (via Venice)", 262_144, 8192, reasoning=True, privacy="anonymized"),
    Model("kimi-k2-thinking", "Kimi K2 Thinking (via Venice)", 262_144, 8192, reasoning=True, privacy="anonymized"),
    Model("minimax-m21", "MiniMax M2.1 (via Venice)", 202_752, 8192, reasoning=True, privacy="anonymized"),
)


PROVIDER = Provider(
    id="venice",
    label="Venice AI",
    docs_path="/providers/venice",
    base_url="https://api.venice.ai/api/v1",
    api="openai-completions",
    group=Group(id="venice", label="Venice AI", hint="Privacy-focused (uncensored models)", order=60),
    auth=(
        AuthMethod(
            id="api-key",
            choice="venice-api-key",
            kind="api_key",
            label="Venice AI API key",
            hint="Privacy-focused inference (uncensored models)",
            runner="api-key",
            order=100,
            key=ApiKey(
                prompt="Venice AI API key",
                flags=("--venice-api-key",),
                field="veniceApiKey",
                url="https://venice.ai/settings/api",
            ),
            profile="venice:default",
        ),
    ),
    env=EnvVars(any_of=("VENICE_API_KEY",)),
    # The list of models is public; the rate limits of a key are not.
    verify=Check("{base}/api_keys/rate_limits"),
    models=_MODELS,
    seed_aliases=FrozenMap({"llama-3.3-70b": "Llama 3.3 70B"}),
    default_model="venice/llama-3.3-70b",
    implicit_order=50,
    discovery=Discovery(kind="venice-models", url="{base}/models"),
    advisories=(
        Advisory(
            id="privacy-intro",
            title="Venice AI",
            text="Private models keep nothing; anonymized ones pass your text on to another vendor without your name.",
            when="before-login",
            url="https://venice.ai/settings/api",
        ),
    ),
)
