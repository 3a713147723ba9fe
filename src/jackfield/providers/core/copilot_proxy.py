"""Copilot Proxy: a local server of the VS Code extension; its login comes with a plugin."""

from __future__ import annotations

from jackfield.providers.block import TEXT_IMAGE, Advisory, AuthMethod, Check, Model, Provider
from jackfield.providers.core import github_copilot

_MODELS = (
    Model("gpt-5.2", "gpt-5.2", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-5.2-codex", "gpt-5.2-codex", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-5.1", "gpt-5.1", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-5.1-codex", "gpt-5.1-codex", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-5.1-codex-max", "gpt-5.1-codex-max", 128_000, 8192, TEXT_IMAGE),
    Model("gpt-5-mini", "gpt-5-mini", 128_000, 8192, TEXT_IMAGE),
    Model("claude-opus-4.5", "claude-opus-4.5", 128_000, 8192, TEXT_IMAGE),
    Model("claude-sonnet-4.5", "claude-sonnet-4.5", 128_000, 8192, TEXT_IMAGE),
    Model("claude-haiku-4.5", "claude-haiku-4.5", 128_000, 8192, TEXT_IMAGE),
    Model("gemini-3-pro", "gemini-3-pro", 128_000, 8192, TEXT_IMAGE),
    Model("gemini-3-flash", "gemini-3-flash", 128_000, 8192, TEXT_IMAGE),
    Model("grok-code-fast-1", "grok-code-fast-1", 128_000, 8192, TEXT_IMAGE),
)


PROVIDER = Provider(
    id="copilot-proxy",
    label="Copilot Proxy",
    docs_path="/providers/models",
    base_url="http://localhost:3000/v1",
    api="openai-completions",
    local=True,
    group=github_copilot.GROUP,
    auth=(
        AuthMethod(
            id="local",
            choice="copilot-proxy",
            kind="custom",
            label="Copilot Proxy (local)",
            hint="Local proxy for VS Code Copilot models",
            runner="plugin:copilot-proxy/local",
            order=170,
            profile="copilot-proxy:local",
            supplied_by="copilot-proxy",
        ),
    ),
    verify=Check("{base}/models", auth="none", public=True),
    models=_MODELS,
    default_model="copilot-proxy/gpt-5.2",
    advisories=(
        Advisory(
            id="notes",
            title="Provider notes",
            text="Start the VS Code extension first. The base URL ends in /v1. Your plan decides the models.",
            when="after-login",
        ),
    ),
)
