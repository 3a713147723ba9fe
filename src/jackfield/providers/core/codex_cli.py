"""Codex CLI: the `codex` program as a back end."""

from __future__ import annotations

from jackfield.providers.block import Provider, RuntimeTags

PROVIDER = Provider(
    id="codex-cli",
    label="Codex CLI backend",
    api="cli",
    tags=RuntimeTags(cli=True),
)
