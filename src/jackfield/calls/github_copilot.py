"""GitHub Copilot: OpenAI's formats, which of them depends on the model.

The newer GPT models answer as `openai_responses`, all others, whoever made them, as `openai_completions`
(github.com/microsoft/vscode-copilot-chat, src/platform/endpoint). The headers that the service wants beside the
credential are those of the endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.calls import openai_completions, openai_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.calls.parts import Asked, Delta, Outgoing


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation."""
    if asked.model.startswith("gpt-5"):
        return openai_responses.outgoing(asked, base_url)
    return openai_completions.outgoing(asked, base_url)


def delta(value: Mapping[str, Any]) -> Delta:
    """Read one event of a stream: those of responses have a type, chunks of completions have none."""
    return openai_responses.delta(value) if "type" in value else openai_completions.delta(value)


def whole(value: Mapping[str, Any]) -> Delta:
    """Read an answer that came in one piece."""
    return openai_responses.whole(value) if value.get("object") == "response" else openai_completions.whole(value)
