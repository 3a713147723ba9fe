"""MiniMax: M2 models behind an Anthropic-compatible endpoint, by API key."""

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
    Model("MiniMax-M2.1", "MiniMax M2.1", 200_000, 8192, cost=Cost(15, 60, 2, 10)),
    Model("MiniMax-M2.1-lightning", "MiniMax M2.1 Lightning", 200_000, 8192, cost=Cost(15, 60, 2, 10)),
    Model("MiniMax-VL-01", "MiniMax VL 01", 200_000, 8192, TEXT_IMAGE, Cost(15, 60, 2, 10)),
)


_KEY = ApiKey(
    prompt="MiniMax API key",
    flags=("--minimax-api-key",),
    field="minimaxApiKey",
    url="https://platform.minimax.io/user-center/basic-information/interface-key",
)

PROVIDER = Provider(
    id="minimax",
    label="MiniMax",
    docs_path="/providers/minimax",
    base_url="https://api.minimax.io/anthropic",
    api="anthropic-messages",
    group=Group(id="minimax", label="MiniMax", hint="M2.1 (recommended)", order=30),
    auth=(
        AuthMethod(
            id="api-key",
            choice="minimax-api",
            kind="api_key",
            label="MiniMax M2.1",
            runner="api-key",
            order=200,
            legacy_choices=("minimax-cloud",),
            key=_KEY,
            profile="minimax:default",
            default_model="minimax/MiniMax-M2.1",
        ),
        AuthMethod(
            id="api-key-lightning",
            choice="minimax-api-lightning",
            kind="api_key",
            label="MiniMax M2.1 Lightning",
            hint="Faster, higher output cost",
            runner="api-key",
            order=210,
            key=_KEY,
            profile="minimax:default",
            default_model="minimax/MiniMax-M2.1-lightning",
        ),
    ),
    env=EnvVars(
        any_of=("MINIMAX_API_KEY",),
        login_shell=("MINIMAX_API_KEY",),
        usage=("MINIMAX_CODE_PLAN_KEY", "MINIMAX_API_KEY"),
    ),
    verify=Check("{base}/v1/models", auth="x-api-key"),
    models=_MODELS,
    seed_aliases=FrozenMap({"MiniMax-M2.1": "Minimax", "MiniMax-M2.1-lightning": "Minimax"}),
    default_model="minimax/MiniMax-M2.1",
    picker_order=40,
    implicit_order=10,
    tags=RuntimeTags(
        reasoning_tag=True,
        usage_label="MiniMax",
        usage_order=50,
        current_models=("minimax-m2.1*",),
        quirks=("image-model:MiniMax-VL-01",),
    ),
)
