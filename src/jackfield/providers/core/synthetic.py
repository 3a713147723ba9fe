"""Synthetic: open models behind an Anthropic-compatible endpoint."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, ApiKey, AuthMethod, Check, EnvVars, Group, Model, Provider
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model("hf:MiniMaxAI/MiniMax-M2.1", "MiniMax M2.1", 192_000, 65_536),
    Model("hf:moonshotai/Kimi-K2-Thinking", "Kimi K2 Thinking", 256_000, 8192, reasoning=True),
    Model("hf:zai-org/GLM-4.7", "GLM-4.7", 198_000, 128_000),
    Model("hf:deepseek-ai/DeepSeek-R1-0528", "DeepSeek R1 0528", 128_000, 8192),
    Model("hf:deepseek-ai/DeepSeek-V3-0324", "DeepSeek V3 0324", 128_000, 8192),
    Model("hf:deepseek-ai/DeepSeek-V3.1", "DeepSeek V3.1", 128_000, 8192),
    Model("hf:deepseek-ai/DeepSeek-V3.1-Terminus", "DeepSeek V3.1 Terminus", 128_000, 8192),
    Model("hf:deepseek-ai/DeepSeek-V3.2", "DeepSeek V3.2", 159_000, 8192),
    Model("hf:meta-llama/Llama-3.3-70B-Instruct", "Llama 3.3 70B Instruct", 128_000, 8192),
    Model(
        "hf:meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", "Llama 4 Maverick 17B 128E Instruct FP8", 524_000, 8192
    ),
    Model("hf:moonshotai/Kimi-K2-Instruct-0905", "Kimi K2 Instruct 0905", 256_000, 8192),
    Model("hf:openai/gpt-oss-120b", "GPT OSS 120B", 128_000, 8192),
    Model("hf:Qwen/Qwen3-235B-A22B-Instruct-2507", "Qwen3 235B A22B Instruct 2507", 256_000, 8192),
    Model("hf:Qwen/Qwen3-Coder-480B-A35B-Instruct", "Qwen3 Coder 480B A35B Instruct", 256_000, 8192),
    Model("hf:Qwen/Qwen3-VL-235B-A22B-Instruct", "Qwen3 VL 235B A22B Instruct", 250_000, 8192, TEXT_IMAGE),
    Model("hf:zai-org/GLM-4.5", "GLM-4.5", 128_000, 128_000),
    Model("hf:zai-org/GLM-4.6", "GLM-4.6", 198_000, 128_000),
    Model("hf:deepseek-ai/DeepSeek-V3", "DeepSeek V3", 128_000, 8192),
    Model("hf:Qwen/Qwen3-235B-A22B-Thinking-2507", "Qwen3 235B A22B Thinking 2507", 256_000, 8192, reasoning=True),
)


PROVIDER = Provider(
    id="synthetic",
    label="Synthetic",
    docs_path="/providers/synthetic",
    base_url="https://api.synthetic.new/anthropic",
    api="anthropic-messages",
    group=Group(id="synthetic", label="Synthetic", hint="Anthropic-compatible (multi-model)", order=50),
    auth=(
        AuthMethod(
            id="api-key",
            choice="synthetic-api-key",
            kind="api_key",
            label="Synthetic API key",
            runner="api-key",
            order=90,
            key=ApiKey(
                prompt="Synthetic API key",
                flags=("--synthetic-api-key",),
                field="syntheticApiKey",
            ),
            profile="synthetic:default",
        ),
    ),
    env=EnvVars(any_of=("SYNTHETIC_API_KEY",), login_shell=("SYNTHETIC_API_KEY",)),
    # No free request is known that tells a wrong key; this one only shows that the service is there.
    verify=Check("{origin}/openai/v1/models", public=True),
    models=_MODELS,
    seed_aliases=FrozenMap({"hf:MiniMaxAI/MiniMax-M2.1": "MiniMax M2.1"}),
    default_model="synthetic/hf:MiniMaxAI/MiniMax-M2.1",
    picker_order=50,
    implicit_order=40,
)
