"""Claude CLI: the `claude` program as a back end."""

from __future__ import annotations

from jackfield.providers.block import EnvVars, Provider, RuntimeTags
from jackfield.providers.parts import FrozenMap

PROVIDER = Provider(
    id="claude-cli",
    label="Claude CLI backend",
    api="cli",
    env=EnvVars(cleared=("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY_OLD")),
    model_aliases=FrozenMap(
        {
            "opus-4.5": "opus",
            "opus-4": "opus",
            "claude-opus-4-5": "opus",
            "claude-opus-4": "opus",
            "sonnet-4.5": "sonnet",
            "sonnet-4.1": "sonnet",
            "sonnet-4.0": "sonnet",
            "claude-sonnet-4-5": "sonnet",
            "claude-sonnet-4-1": "sonnet",
            "claude-sonnet-4-0": "sonnet",
            "haiku-3.5": "haiku",
            "claude-haiku-3-5": "haiku",
        }
    ),
    tags=RuntimeTags(cli=True),
)
