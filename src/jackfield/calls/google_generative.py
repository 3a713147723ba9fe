"""Google's generateContent.

Formats: ai.google.dev/api/generate-content (request, candidates, finish reasons, usage metadata). A stream is asked for
with `alt=sse`; every event of it is a whole `GenerateContentResponse`, and the last one has a finish reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jackfield.calls.parts import Asked, Delta, Finish, Outgoing, Usage, count, fault_in, items, less, mapping, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLES = {"user": "user", "assistant": "model"}
_FINISHES: Mapping[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "filter",
    "RECITATION": "filter",
    "LANGUAGE": "filter",
    "BLOCKLIST": "filter",
    "PROHIBITED_CONTENT": "filter",
    "SPII": "filter",
    "IMAGE_SAFETY": "filter",
    "MALFORMED_FUNCTION_CALL": "tool",
    "UNEXPECTED_TOOL_CALL": "tool",
}
_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation; the model stands in the path."""
    del base_url
    model = quote(asked.model.removeprefix("models/"), safe="/:@!$&'()*+,;=-._~")
    return Outgoing(f"/models/{model}:{method(asked)}", content(asked), streams=asked.stream)


def method(asked: Asked) -> str:
    """Return the method that is called, with its query."""
    return "streamGenerateContent?alt=sse" if asked.stream else "generateContent"


def content(asked: Asked) -> dict[str, Any]:
    """Return a `GenerateContentRequest`."""
    turns = [{"role": _ROLES[each.role], "parts": [{"text": each.text}]} for each in asked.messages]
    body: dict[str, Any] = {"contents": turns}
    if asked.system:
        body["systemInstruction"] = {"parts": [{"text": asked.system}]}
    if asked.max_tokens is not None:
        body["generationConfig"] = {"maxOutputTokens": asked.max_tokens}
    return body


def delta(value: Mapping[str, Any]) -> Delta:
    """Read one `GenerateContentResponse`."""
    candidate = next(iter(items(value.get("candidates"))), {})
    parts = items(mapping(candidate.get("content")).get("parts"))
    reason = text_of(candidate.get("finishReason"))
    # A prompt that is blocked gets no candidate.
    blocked = text_of(mapping(value.get("promptFeedback")).get("blockReason"))
    finish = _FINISHES.get(reason, "other") if reason and reason != _UNSPECIFIED else None
    return Delta(
        text="".join(text_of(each.get("text")) for each in parts if not each.get("thought")),
        thinking="".join(text_of(each.get("text")) for each in parts if each.get("thought")),
        usage=_usage(value.get("usageMetadata")),
        finish="filter" if blocked and not candidate else finish,
        detail=reason or blocked or None,
        model=text_of(value.get("modelVersion")) or None,
        fault=fault_in(value),
        tool=any("functionCall" in each for each in parts),
    )


def whole(value: Mapping[str, Any]) -> Delta:
    """Read an answer that came in one piece; it has the form of an event."""
    return delta(value)


def _usage(value: object) -> Usage | None:
    told = mapping(value)
    if not told:
        return None
    cached = count(told.get("cachedContentTokenCount"))
    written = [count(told.get(name)) for name in ("candidatesTokenCount", "thoughtsTokenCount")]
    output = None if written == [None, None] else sum(each or 0 for each in written)
    return Usage(less(count(told.get("promptTokenCount")), cached), output, cached)
