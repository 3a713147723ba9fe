"""A provider on 127.0.0.1 that answers in its vendor's streaming format, as the vendors document it.

`Vendor` holds, for one wire format, what the whole exchange looks like: the path that is asked, the events of a stream,
and the same answer in one piece. The text is the same for all of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.servers import Connection, Handler, HttpServer, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PIECES = ("Grüße", " aus ", "東京 🗼", "!\n")
TEXT = "".join(PIECES)
SSE = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


def event(value: object, name: str | None = None, end: str = "\n") -> bytes:
    """Return one event; text stands for itself, anything else is JSON."""
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{f'event: {name}{end}' if name else ''}data: {data}{end}{end}".encode()


@dataclass(frozen=True)
class Vendor:
    """One wire format.

    Attributes:
        api: its name.
        path: what is asked below the base URL, with the query.
        stream: the events of a whole answer.
        whole: the same answer in one piece, and the path at which it is asked for.
        usage: the counts that both tell: input, output, cache read, cache write.
        answered_by: the model as the vendor calls it.
    """

    api: str
    path: str
    stream: tuple[bytes, ...]
    whole: object
    whole_path: str
    usage: tuple[int | None, int | None, int | None, int | None]
    answered_by: str

    @property
    def body(self) -> bytes:
        """The whole stream."""
        return b"".join(self.stream)


def _chunk(delta: object, finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "m-1-2026", "choices": [choice]}


_CHAT_USAGE: dict[str, object] = {
    "prompt_tokens": 12,
    "completion_tokens": 7,
    "total_tokens": 19,
    "prompt_tokens_details": {"cached_tokens": 4},
}
# platform.openai.com/docs/api-reference/chat-streaming; comments as in openrouter.ai/docs/api-reference/streaming
CHAT = Vendor(
    api="openai-completions",
    path="/chat/completions",
    stream=(
        b": OPENROUTER PROCESSING\n\n",
        event(_chunk({"role": "assistant", "content": ""})),
        *(event(_chunk({"content": piece})) for piece in PIECES),
        event(_chunk({}, "stop")),
        event({"id": "c-1", "object": "chat.completion.chunk", "choices": [], "usage": _CHAT_USAGE}),
        event("[DONE]"),
    ),
    whole={
        "id": "c-1",
        "object": "chat.completion",
        "model": "m-1-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
        "usage": _CHAT_USAGE,
    },
    whole_path="/chat/completions",
    usage=(8, 7, 4, None),
    answered_by="m-1-2026",
)

_RESPONSE: dict[str, object] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m-1-2026",
    "error": None,
    "incomplete_details": None,
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TEXT}]},
    ],
    "usage": {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
    },
}


def typed(kind: str, **fields: object) -> bytes:
    """Return an event whose name stands in the data too."""
    return event({"type": kind, **fields}, kind)


# platform.openai.com/docs/api-reference/responses-streaming
_RESPONSES = (
    typed("response.created", response=_RESPONSE | {"status": "in_progress", "output": [], "usage": None}),
    typed("response.in_progress", response={"status": "in_progress"}),
    typed("response.output_item.added", output_index=0, item={"type": "reasoning"}),
    typed("response.reasoning_summary_text.delta", delta="Where?"),
    typed("response.output_item.added", output_index=1, item={"type": "message", "content": []}),
    typed("response.content_part.added", part={"type": "output_text", "text": ""}),
    *(typed("response.output_text.delta", delta=piece) for piece in PIECES),
    typed("response.output_text.done", text=TEXT),
    typed("response.completed", response=_RESPONSE),
)
RESPONSES = Vendor("openai-responses", "/responses", _RESPONSES, _RESPONSE, "/responses", (8, 7, 4, None), "m-1-2026")
CODEX = Vendor(
    "openai-codex-responses",
    "/codex/responses",
    _RESPONSES,
    _RESPONSE,
    "/codex/responses",
    (8, 7, 4, None),
    "m-1-2026",
)

_MESSAGE_USAGE: dict[str, object] = {
    "input_tokens": 8,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 3,
    "output_tokens": 1,
}
# docs.anthropic.com/en/api/messages-streaming
MESSAGES = Vendor(
    api="anthropic-messages",
    path="/v1/messages",
    stream=(
        typed(
            "message_start",
            message={"id": "msg_1", "role": "assistant", "content": [], "model": "m-1-2026", "usage": _MESSAGE_USAGE},
        ),
        typed("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        typed("ping"),
        typed("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Where?"}),
        typed("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
        typed("content_block_stop", index=0),
        typed("content_block_start", index=1, content_block={"type": "text", "text": ""}),
        *(typed("content_block_delta", index=1, delta={"type": "text_delta", "text": piece}) for piece in PIECES),
        typed("content_block_stop", index=1),
        typed("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
        typed("message_stop"),
    ),
    whole={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1-2026",
        "content": [{"type": "thinking", "thinking": "Where?"}, {"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "usage": _MESSAGE_USAGE | {"output_tokens": 7},
    },
    whole_path="/v1/messages",
    usage=(8, 7, 4, 3),
    answered_by="m-1-2026",
)


def candidate(*parts: object, finish: str | None = None, **more: object) -> dict[str, object]:
    """Return a `GenerateContentResponse` with one candidate."""
    content = {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    ended = {"finishReason": finish} if finish else {}
    return {"candidates": [{**content, **ended, "index": 0}], "modelVersion": "m-1-2026", **more}


_GOOGLE_USAGE: dict[str, object] = {
    "promptTokenCount": 12,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 19,
}
_GENERATED = (
    candidate({"text": "Where?", "thought": True}),
    *(candidate({"text": piece}) for piece in PIECES),
    candidate({"text": ""}, finish="STOP", usageMetadata=_GOOGLE_USAGE),
)
_GENERATED_WHOLE = candidate(
    {"text": "Where?", "thought": True}, {"text": TEXT}, finish="STOP", usageMetadata=_GOOGLE_USAGE
)
# ai.google.dev/api/generate-content; its events end in CR LF
GENERATE = Vendor(
    api="google-generative-ai",
    path="/models/m-1:streamGenerateContent?alt=sse",
    stream=tuple(event(each, end="\r\n") for each in _GENERATED),
    whole=_GENERATED_WHOLE,
    whole_path="/models/m-1:generateContent",
    usage=(8, 7, 4, None),
    answered_by="m-1-2026",
)
# github.com/google-gemini/gemini-cli, packages/core/src/code_assist/converter.ts
ASSIST = Vendor(
    api="google-gemini-cli",
    path="/v1internal:streamGenerateContent?alt=sse",
    stream=tuple(event({"response": each, "traceId": "t"}, end="\r\n") for each in _GENERATED),
    whole={"response": _GENERATED_WHOLE, "traceId": "t"},
    whole_path="/v1internal:generateContent",
    usage=(8, 7, 4, None),
    answered_by="m-1-2026",
)
COPILOT = Vendor("github-copilot", CHAT.path, CHAT.stream, CHAT.whole, CHAT.whole_path, CHAT.usage, CHAT.answered_by)

VENDORS = (CHAT, RESPONSES, CODEX, MESSAGES, GENERATE, ASSIST, COPILOT)


async def send_stream(
    connection: Connection, chunks: Iterable[bytes], *, ends: bool = True, headers: dict[str, str] | None = None
) -> None:
    """Write an answer of 200 whose body comes in these chunks (RFC 9112, section 7.1); without `ends` it has no end."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in (SSE if headers is None else headers).items()]
    await connection.send("\r\n".join([*lines, "", ""]).encode())
    for chunk in chunks:
        await connection.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
    if ends:
        await connection.send(b"0\r\n\r\n")


def streaming(chunks: Sequence[bytes], *, ends: bool = True, reset: bool = False) -> Handler:
    """Return a handler that streams these chunks to everybody; without `ends` it then closes, or resets."""

    async def handle(request: Request, connection: Connection) -> None:
        await send_stream(connection, chunks, ends=ends)
        if reset:
            connection.reset()
        elif not ends:
            connection.close()

    return handle


def telling(vendor: Vendor) -> Handler:
    """Return a handler that answers as the vendor would: a stream to those who ask for one, else one piece."""

    async def handle(request: Request, connection: Connection) -> None:
        if request.method == "POST" and request.target.endswith(vendor.path) and wants_stream(request):
            await send_stream(connection, vendor.stream)
        elif request.method == "POST" and request.target.endswith(vendor.whole_path):
            await connection.reply(200, json.dumps(vendor.whole).encode(), {"Content-Type": "application/json"})
        else:
            await connection.reply(404, b'{"error": {"message": "no such path"}}', {"Content-Type": "application/json"})

    return handle


def wants_stream(request: Request) -> bool:
    """Tell whether a request asks for a stream, in its body or in its path."""
    return "stream" in request.target or json.loads(request.body).get("stream") is True


def body_of(request: Request) -> Any:
    """Return the JSON of a request."""
    return json.loads(request.body)


@dataclass
class Answers:
    """A handler that gives each request the next answer: a status with a JSON value and headers, or a vendor's."""

    steps: list[Vendor | tuple[int, object] | tuple[int, object, dict[str, str]]]
    seen: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request, connection: Connection) -> None:
        """Answer."""
        self.seen.append(request)
        step = self.steps[min(len(self.seen), len(self.steps)) - 1]
        if isinstance(step, Vendor):
            await telling(step)(request, connection)
            return
        body = step[1] if isinstance(step[1], bytes) else json.dumps(step[1]).encode()
        more = step[2] if len(step) == 3 else {}
        await connection.reply(step[0], body, {"Content-Type": "application/json", **more})

    def server(self) -> HttpServer:
        """Return a server with this handler."""
        return HttpServer(self)
