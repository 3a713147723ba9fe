"""LM Studio: models served on the user's own machine."""

from __future__ import annotations

from jackfield.providers.block import AuthMethod, Check, Model, Provider
from jackfield.providers.core import minimax
from jackfield.providers.parts import FrozenMap

_MODELS = (Model("minimax-m2.1-gs32", "MiniMax M2.1 GS32", 196_608, 8192),)


PROVIDER = Provider(
    id="lmstudio",
    label="LM Studio (MiniMax local)",
    docs_path="/gateway/local-models",
    base_url="http://127.0.0.1:1234/v1",
    api="openai-responses",
    local=True,
    auth=(
        AuthMethod(
            id="local",
            # Older programs call this choice by the name of the vendor whose model they set up.
            choice=minimax.PROVIDER.id,
            kind="none",
            label="LM Studio (local server)",
            runner="local-server",
            hidden=True,
        ),
    ),
    verify=Check("{base}/models", auth="none", public=True),
    models=_MODELS,
    seed_aliases=FrozenMap({"minimax-m2.1-gs32": "Minimax"}),
    default_model="lmstudio/minimax-m2.1-gs32",
    picker_order=150,
)
