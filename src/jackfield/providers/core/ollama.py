"""Ollama: models served on the user's own machine."""

from __future__ import annotations

from jackfield.providers.block import Check, Discovery, Provider, RuntimeTags

PROVIDER = Provider(
    id="ollama",
    label="Ollama",
    docs_path="/providers/ollama",
    base_url="http://127.0.0.1:11434/v1",
    api="openai-completions",
    local=True,
    verify=Check("{origin}/api/version", auth="none", public=True),
    implicit_order=70,
    discovery=Discovery(kind="ollama-tags", url="{origin}/api/tags"),
    tags=RuntimeTags(reasoning_tag=True),
)
