"""Anthropic's messages.

Formats: docs.anthropic.com/en/api/messages and docs.anthropic.com/en/api/messages-streaming (events, pings, errors
within a stream; new kinds of events may be added, and are passed over).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.calls.parts import Asked, Delta, Finish, Outgoing, Usage, count, fault_in, items, mapping, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# The format wants a limit; what a model can write at most would be refused where the account's own limit is lower.
_USUAL_LIMIT = 8_192
_FINISHES: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
    "refusal": "filter",
}


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation."""
    limit = asked.max_tokens or min(asked.limit or _USUAL_LIMIT, _USUAL_LIMIT)
    body: dict[str, Any] = {
        "model": asked.model,
        "max_tokens": limit,
        "messages": [{"role": each.role, "content": each.text} for each in asked.messages],
        "stream": asked.stream,
    }
    if asked.system:
        body["system"] = asked.system
    # The vendor's SDKs put /v1 behind the base URL; some people write it in themselves.
    return Outgoing("/messages" if base_url.endswith("/v1") else "/v1/messages", body, streams=asked.stream)


def delta(value: Mapping[str, Any]) -> Delta:
    """Read one event of a stream, by its `type`."""
    kind = text_of(value.get("type"))
    if kind == "message_start":
        message = mapping(value.get("message"))
        return Delta(model=text_of(message.get("model")) or None, usage=_usage(message.get("usage")))
    if kind == "content_block_start":
        block = mapping(value.get("content_block"))
        return Delta(text=text_of(block.get("text")), tool=_is_call(block))
    if kind == "content_block_delta":
        told = mapping(value.get("delta"))
        return Delta(text=text_of(told.get("text")), thinking=text_of(told.get("thinking")))
    if kind == "message_delta":
        reason = text_of(mapping(value.get("delta")).get("stop_reason"))
        return Delta(finish=_finish(reason), detail=reason or None, usage=_usage(value.get("usage")))
    return Delta(fault=fault_in(value))


def whole(value: Mapping[str, Any]) -> Delta:
    """Read a message that came in one piece."""
    content, reason = items(value.get("content")), text_of(value.get("stop_reason"))
    return Delta(
        text="".join(text_of(each.get("text")) for each in content if each.get("type") == "text"),
        thinking="".join(text_of(each.get("thinking")) for each in content),
        usage=_usage(value.get("usage")),
        finish=_finish(reason),
        detail=reason or None,
        model=text_of(value.get("model")) or None,
        fault=fault_in(value),
        tool=any(_is_call(each) for each in content),
    )


def _is_call(block: Mapping[str, Any]) -> bool:
    return text_of(block.get("type")).endswith("tool_use")


def _finish(reason: str) -> Finish | None:
    return _FINISHES.get(reason, "other") if reason else None


def _usage(value: object) -> Usage | None:
    told = mapping(value)
    if not told:
        return None
    return Usage(
        count(told.get("input_tokens")),
        count(told.get("output_tokens")),
        count(told.get("cache_read_input_tokens")),
        count(told.get("cache_creation_input_tokens")),
    )
