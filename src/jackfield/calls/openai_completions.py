"""OpenAI's chat completions, which most other providers speak too.

Formats: platform.openai.com/docs/api-reference/chat/create and platform.openai.com/docs/api-reference/chat-streaming.
Some providers add fields, which are passed over, or tell an error as an event of its own
(openrouter.ai/docs/api-reference/errors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.calls.parts import Asked, Delta, Finish, Outgoing, Usage, count, fault_in, items, less, mapping, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "end_turn": "stop",
    "length": "length",
    "content_filter": "filter",
    "tool_calls": "tool",
    "function_call": "tool",
    "error": "error",
}


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation."""
    del base_url
    system = [{"role": "system", "content": asked.system}] if asked.system else []
    turns = [{"role": each.role, "content": each.text} for each in asked.messages]
    body: dict[str, Any] = {"model": asked.model, "messages": [*system, *turns], "stream": asked.stream}
    if asked.stream:
        body["stream_options"] = {"include_usage": True}
    if asked.max_tokens is not None:
        # OpenAI's own newer models take only the newer name, and most other servers know only the older one.
        body["max_completion_tokens" if asked.openai_limits else "max_tokens"] = asked.max_tokens
    return Outgoing("/chat/completions", body, streams=asked.stream)


def delta(value: Mapping[str, Any]) -> Delta:
    """Read one `chat.completion.chunk`; the last one has the usage, and no choice."""
    return _read(value, "delta")


def whole(value: Mapping[str, Any]) -> Delta:
    """Read a `chat.completion`."""
    return _read(value, "message")


def _read(value: Mapping[str, Any], part: str) -> Delta:
    choice = next(iter(items(value.get("choices"))), {})
    told, reason = mapping(choice.get(part)), choice.get("finish_reason")
    return Delta(
        text=text_of(told.get("content")) + text_of(told.get("refusal")),
        thinking=text_of(told.get("reasoning_content")) or text_of(told.get("reasoning")),
        usage=_usage(value.get("usage")),
        finish=_FINISHES.get(reason, "other") if isinstance(reason, str) and reason else None,
        detail=text_of(reason) or None,
        model=text_of(value.get("model")) or None,
        fault=fault_in(value) or fault_in(choice),
        tool=bool(told.get("tool_calls")),
    )


def _usage(value: object) -> Usage | None:
    told = mapping(value)
    if not told:
        return None
    cached = count(mapping(told.get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(less(count(told.get("prompt_tokens")), cached), count(told.get("completion_tokens")), cached)
