"""Kimi Code: Moonshot's coding model on its own endpoint, with its own key."""

from __future__ import annotations

from jackfield.providers.block import Advisory, ApiKey, AuthMethod, Check, EnvVars, Model, Provider
from jackfield.providers.core import moonshot
from jackfield.providers.parts import FrozenMap

_MODELS = (
    Model(
        "kimi-for-coding",
        "Kimi For Coding",
        262_144,
        32_768,
        reasoning=True,
        headers=FrozenMap({"User-Agent": "KimiCLI/0.77"}),
        developer_role=False,
    ),
)


PROVIDER = Provider(
    id="kimi-code",
    label="Kimi Code",
    docs_path="/providers/moonshot",
    base_url="https://api.kimi.com/coding/v1",
    api="openai-completions",
    group=moonshot.GROUP,
    auth=(
        AuthMethod(
            id="api-key",
            choice="kimi-code-api-key",
            kind="api_key",
            label="Kimi Code API key",
            runner="api-key",
            order=80,
            key=ApiKey(
                prompt="Kimi Code API key",
                flags=("--kimi-code-api-key",),
                field="kimiCodeApiKey",
                url="https://www.kimi.com/code/en",
            ),
            profile="kimi-code:default",
        ),
    ),
    env=EnvVars(any_of=("KIMICODE_API_KEY",)),
    verify=Check("{base}/models"),
    models=_MODELS,
    seed_aliases=FrozenMap({"kimi-for-coding": "Kimi Code"}),
    default_model="kimi-code/kimi-for-coding",
    implicit_order=30,
    advisories=(
        Advisory(
            id="dedicated-endpoint",
            title="Kimi Code",
            text="Kimi Code has an endpoint and a key of its own; a Moonshot key does not work here.",
            when="before-login",
            url="https://www.kimi.com/code/en",
        ),
    ),
)
