"""OpenAI's responses.

Formats: platform.openai.com/docs/api-reference/responses/create and .../responses-streaming. A stream ends with
`response.completed`, `response.incomplete` or `response.failed`; there is no `[DONE]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.calls.parts import (
    Asked,
    Delta,
    Fault,
    Finish,
    Outgoing,
    Usage,
    count,
    fault_in,
    items,
    less,
    mapping,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_THOUGHTS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.done"})
_CUT: Mapping[str, Finish] = {"max_output_tokens": "length", "content_filter": "filter"}
_KINDS = {"user": "input_text", "assistant": "output_text"}


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation; the provider is asked to store nothing."""
    del base_url
    turns = [
        {"type": "message", "role": each.role, "content": [{"type": _KINDS[each.role], "text": each.text}]}
        for each in asked.messages
    ]
    body: dict[str, Any] = {"model": asked.model, "input": turns, "stream": asked.stream, "store": False}
    if asked.system:
        body["instructions"] = asked.system
    if asked.max_tokens is not None:
        body["max_output_tokens"] = asked.max_tokens
    return Outgoing("/responses", body, streams=asked.stream)


def delta(value: Mapping[str, Any]) -> Delta:
    """Read one event of a stream, by its `type`."""
    kind = text_of(value.get("type"))
    if kind in _TEXTS:
        return Delta(text=text_of(value.get("delta")))
    if kind in _THOUGHTS:
        return Delta(thinking=text_of(value.get("delta")))
    if kind in _ENDS:
        return _end(mapping(value.get("response")))
    if kind == "response.created":
        return Delta(model=text_of(mapping(value.get("response")).get("model")) or None)
    if kind == "response.output_item.added":
        return Delta(tool=_is_call(mapping(value.get("item"))))
    if kind == "error":
        told = fault_in(value)
        return Delta(fault=told or Fault(text_of(value.get("code")), text_of(value.get("message"))))
    return Delta(fault=fault_in(value))


def whole(value: Mapping[str, Any]) -> Delta:
    """Read a `response` that came in one piece."""
    output = items(value.get("output"))
    parts = [part for each in output if each.get("type") == "message" for part in items(each.get("content"))]
    end = _end(value)
    return Delta(
        text="".join(text_of(part.get("text")) + text_of(part.get("refusal")) for part in parts),
        usage=end.usage,
        finish=end.finish,
        detail=end.detail,
        model=end.model,
        fault=end.fault,
        tool=any(_is_call(each) for each in output),
    )


def _end(response: Mapping[str, Any]) -> Delta:
    status = text_of(response.get("status"))
    reason = text_of(mapping(response.get("incomplete_details")).get("reason"))
    finish: Finish | None = None
    if status == "completed":
        finish = "stop"
    elif status == "incomplete":
        finish = _CUT.get(reason, "other")
    elif status in {"failed", "cancelled"}:
        finish = "error"
    fault = fault_in(response)
    if status == "failed" and fault is None:
        fault = Fault("", "")
    return Delta(
        usage=_usage(response.get("usage")),
        finish=finish,
        detail=reason or status or None,
        model=text_of(response.get("model")) or None,
        fault=fault,
    )


def _is_call(item: Mapping[str, Any]) -> bool:
    return text_of(item.get("type")).endswith("_call")


def _usage(value: object) -> Usage | None:
    told = mapping(value)
    if not told:
        return None
    cached = count(mapping(told.get("input_tokens_details")).get("cached_tokens"))
    return Usage(less(count(told.get("input_tokens")), cached), count(told.get("output_tokens")), cached)
