"""The wire formats: the request that a conversation becomes, and what the events of an answer say. No network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest

from jackfield.calls import (
    anthropic_messages,
    github_copilot,
    google_code_assist,
    google_generative,
    openai_codex,
    openai_completions,
    openai_responses,
)
from jackfield.calls.formats import format_of, spoken
from jackfield.calls.parts import Asked, Delta, Fault, Message, Usage
from jackfield.calls.sse import EventReader
from jackfield.errors import RequestError
from jackfield.providers.block import ApiStyle
from jackfield.records import replace
from support.models import PIECES, TEXT, VENDORS, Vendor, candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS = (Message("user", "One?"), Message("assistant", "Two."), Message("user", "Three?"))
ASKED = Asked("m-1", TURNS)
FULL = Asked("m-1", TURNS, system="Be brief.", max_tokens=99)


def wire(api: str) -> Any:
    return format_of(api, "Acme")


def deltas(vendor: Vendor) -> Iterator[Delta]:
    reader = EventReader()
    for event in reader.feed(vendor.body):
        if event.data != "[DONE]":
            yield wire(vendor.api).delta(json.loads(event.data))


# --- which formats there are


def test_every_format_that_http_carries_is_spoken_but_those_of_the_clouds() -> None:
    assert set(get_args(ApiStyle)) - set(spoken()) == {"google-vertex", "bedrock-converse-stream", "cli"}


@pytest.mark.parametrize("style", ["google-vertex", "bedrock-converse-stream", "cli", "made-up", "", None])
def test_a_format_that_is_not_spoken_is_told_with_those_that_are(style: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        format_of(style, "Acme")
    assert caught.value.code == "call.style"
    assert "Acme" in caught.value.message
    assert "openai-completions" in str(caught.value.fix)


# --- every vendor's answer


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda each: each.api)
def test_a_stream_gives_the_text_in_its_pieces_and_what_else_it_tells(vendor: Vendor) -> None:
    found = list(deltas(vendor))
    assert tuple(each.text for each in found if each.text) == PIECES
    usage = Usage()
    for each in found:
        usage = usage.updated(each.usage) if each.usage else usage
    assert tuple(usage.to_dict().values()) == vendor.usage
    assert [each.finish for each in found if each.finish] == ["stop"]
    assert {each.model for each in found if each.model} == {vendor.answered_by}
    assert all(each.fault is None and not each.tool for each in found)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda each: each.api)
def test_an_answer_in_one_piece_says_the_same_as_its_stream(vendor: Vendor) -> None:
    found = wire(vendor.api).whole(vendor.whole)
    assert (found.text, found.finish, found.model, found.fault) == (TEXT, "stop", vendor.answered_by, None)
    assert tuple(found.usage.to_dict().values()) == vendor.usage


@pytest.mark.parametrize("vendor", [each for each in VENDORS if b"Where?" in each.body], ids=lambda each: each.api)
def test_what_a_model_thinks_is_no_part_of_its_text(vendor: Vendor) -> None:
    assert "".join(each.thinking for each in deltas(vendor)) == "Where?"


STRANGE: list[dict[str, Any]] = [
    {},
    {"type": "something.new", "delta": "x"},
    {"choices": None, "candidates": 3, "usage": [], "usageMetadata": "x", "response": [], "model": 5},
    {"choices": [1], "candidates": [None], "usage": {"prompt_tokens": "12"}, "error": None},
    {"choices": [{"delta": [], "finish_reason": 3}], "candidates": [{"content": {"parts": {}}}]},
    {"type": "content_block_delta", "delta": 5},
    {"type": "message_start", "message": None},
    {"type": "response.output_text.delta", "delta": {"a": 1}},
    {"type": "response.completed"},
]


@pytest.mark.parametrize("api", spoken())
@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
def test_what_is_not_known_or_of_a_wrong_type_is_passed_over(api: str, value: dict[str, Any]) -> None:
    for found in (wire(api).delta(value), wire(api).whole(value)):
        assert (found.text, found.fault, found.finish) == ("", None, None)


@pytest.mark.parametrize("api", spoken())
@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"message": "Too busy", "type": "overloaded_error"}, Fault("overloaded_error", "Too busy")),
        ({"message": "Slow down", "code": 429}, Fault("429", "Slow down")),
        ({"message": "Gone", "status": "UNAVAILABLE", "code": 503}, Fault("UNAVAILABLE", "Gone")),
        ("plain words", Fault("", "plain words")),
    ],
)
def test_an_error_within_a_stream_is_a_fault(api: str, error: object, fault: Fault) -> None:
    assert wire(api).delta({"error": error}).fault == fault
    assert wire(api).delta({"type": "error", "error": error}).fault == fault


# --- OpenAI's chat completions


def test_a_chat_completion_is_asked_for() -> None:
    out = openai_completions.outgoing(FULL, "https://a.test/v1")
    assert (out.path, out.streams) == ("/chat/completions", True)
    assert out.body == {
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Two."},
            {"role": "user", "content": "Three?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 99,
    }


def test_openai_itself_gets_the_limit_by_its_newer_name() -> None:
    body = openai_completions.outgoing(replace(FULL, openai_limits=True), "").body
    assert body["max_completion_tokens"] == 99
    assert "max_tokens" not in body


def test_what_was_not_asked_for_is_not_sent() -> None:
    out = openai_completions.outgoing(replace(ASKED, stream=False), "")
    assert set(out.body) == {"model", "messages", "stream"}
    assert (out.body["stream"], out.streams) == (False, False)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "filter"),
        ("tool_calls", "tool"),
        ("function_call", "tool"),
        ("error", "error"),
        ("insufficient_system_resource", "other"),
        (None, None),
        ("", None),
    ],
)
def test_why_a_chat_completion_ends(reason: str | None, finish: str | None) -> None:
    found = openai_completions.delta({"choices": [{"delta": {}, "finish_reason": reason}]})
    assert (found.finish, found.detail) == (finish, reason or None)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_other_servers_tell_their_thoughts_under_two_names(name: str) -> None:
    assert openai_completions.delta({"choices": [{"delta": {name: "Hm."}}]}) == Delta(thinking="Hm.")


def test_a_refusal_is_text() -> None:
    assert openai_completions.delta({"choices": [{"delta": {"content": None, "refusal": "No."}}]}).text == "No."


def test_a_call_of_a_tool_is_noticed() -> None:
    call = {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}}]}
    assert openai_completions.delta(call) == Delta(tool=True)


# --- OpenAI's responses


def test_a_response_is_asked_for() -> None:
    out = openai_responses.outgoing(FULL, "https://a.test/v1")
    assert out.path == "/responses"
    assert out.body == {
        "model": "m-1",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "One?"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Two."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Three?"}]},
        ],
        "stream": True,
        "store": False,
        "instructions": "Be brief.",
        "max_output_tokens": 99,
    }


@pytest.mark.parametrize(
    ("response", "finish", "detail", "fault"),
    [
        ({"status": "completed"}, "stop", "completed", None),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length", None, None),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "filter", None, None),
        ({"status": "incomplete"}, "other", "incomplete", None),
        (
            {"status": "failed", "error": {"code": "server_error", "message": "Oops"}},
            "error",
            "failed",
            Fault("server_error", "Oops"),
        ),
        ({"status": "failed"}, "error", "failed", Fault("", "")),
        ({"status": "cancelled"}, "error", "cancelled", None),
    ],
)
def test_why_a_response_ends(response: dict[str, Any], finish: str, detail: str | None, fault: Fault | None) -> None:
    found = openai_responses.delta({"type": f"response.{response['status']}", "response": response})
    if response["status"] == "cancelled":  # no event of its own; an answer in one piece may say so
        found = openai_responses.whole(response)
    reason = response.get("incomplete_details", {}).get("reason")
    assert (found.finish, found.detail, found.fault) == (finish, detail or reason, fault)


def test_an_error_of_its_own_ends_a_stream_of_responses() -> None:
    told = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down", "sequence_number": 3}
    assert openai_responses.delta(told) == Delta(fault=Fault("rate_limit_exceeded", "Slow down"))


@pytest.mark.parametrize(("kind", "tool"), [("function_call", True), ("web_search_call", True), ("message", False)])
def test_an_item_that_is_a_call_is_noticed(kind: str, *, tool: bool) -> None:
    assert openai_responses.delta({"type": "response.output_item.added", "item": {"type": kind}}).tool is tool
    assert openai_responses.whole({"output": [{"type": kind}]}).tool is tool


def test_a_refusal_of_a_response_is_text() -> None:
    assert openai_responses.delta({"type": "response.refusal.delta", "delta": "No."}).text == "No."
    part = {"type": "refusal", "refusal": "No."}
    assert openai_responses.whole({"output": [{"type": "message", "content": [part]}]}).text == "No."


# --- the same for subscriptions


def test_a_subscription_streams_always_and_takes_instructions_and_no_limit() -> None:
    out = openai_codex.outgoing(replace(ASKED, stream=False, max_tokens=5), "https://a.test/backend-api")
    assert (out.path, out.streams) == ("/codex/responses", True)
    assert (out.body["stream"], out.body["store"]) == (True, False)
    assert "max_output_tokens" not in out.body
    assert out.body["instructions"]
    assert openai_codex.outgoing(FULL, "https://a.test").body["instructions"] == "Be brief."
    assert openai_codex.outgoing(FULL, "https://a.test/codex").path == "/responses"


# --- Anthropic's messages


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://a.test", "/v1/messages"),
        ("https://a.test/anthropic", "/v1/messages"),
        ("https://a.test/v1", "/messages"),
    ],
)
def test_a_message_is_asked_for_below_v1(base_url: str, path: str) -> None:
    out = anthropic_messages.outgoing(FULL, base_url)
    assert out.path == path
    assert out.body == {
        "model": "m-1",
        "max_tokens": 99,
        "messages": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Two."},
            {"role": "user", "content": "Three?"},
        ],
        "stream": True,
        "system": "Be brief.",
    }


@pytest.mark.parametrize(("given", "limit", "sent"), [(None, None, 8192), (None, 4096, 4096), (None, 64_000, 8192),
                                                      (20_000, 4096, 20_000)])  # fmt: skip
def test_a_message_has_a_limit_always(given: int | None, limit: int | None, sent: int) -> None:
    body = anthropic_messages.outgoing(replace(ASKED, max_tokens=given, limit=limit), "").body
    assert body["max_tokens"] == sent


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool"),
        ("refusal", "filter"),
        ("pause_turn", "other"),
    ],
)
def test_why_a_message_ends(reason: str, finish: str) -> None:
    found = anthropic_messages.delta({"type": "message_delta", "delta": {"stop_reason": reason}})
    assert (found.finish, found.detail) == (finish, reason)


@pytest.mark.parametrize(("kind", "tool"), [("tool_use", True), ("server_tool_use", True), ("text", False)])
def test_a_block_that_uses_a_tool_is_noticed(kind: str, *, tool: bool) -> None:
    assert anthropic_messages.delta({"type": "content_block_start", "content_block": {"type": kind}}).tool is tool


def test_the_arguments_of_a_tool_are_no_text() -> None:
    told = {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"a'}}
    assert anthropic_messages.delta(told) == Delta()


# --- Google's generateContent, plain and in its envelope


def test_content_is_asked_for() -> None:
    out = google_generative.outgoing(FULL, "https://a.test/v1beta")
    assert out.path == "/models/m-1:streamGenerateContent?alt=sse"
    assert out.body == {
        "contents": [
            {"role": "user", "parts": [{"text": "One?"}]},
            {"role": "model", "parts": [{"text": "Two."}]},
            {"role": "user", "parts": [{"text": "Three?"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 99},
    }
    assert set(google_generative.outgoing(ASKED, "").body) == {"contents"}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-3", "/models/gemini-3:generateContent"),
        ("tuned/a b", "/models/tuned/a%20b:generateContent"),
        ("a?key=x#y", "/models/a%3Fkey=x%23y:generateContent"),
        ("ä", "/models/%C3%A4:generateContent"),
    ],
)
def test_a_model_cannot_leave_its_place_in_the_path(model: str, path: str) -> None:
    assert google_generative.outgoing(replace(ASKED, model=model, stream=False), "").path == path


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "filter"),
        ("RECITATION", "filter"),
        ("MALFORMED_FUNCTION_CALL", "tool"),
        ("SOMETHING_NEW", "other"),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_why_content_ends(reason: str, finish: str | None) -> None:
    found = google_generative.delta(candidate({"text": "x"}, finish=reason))
    assert (found.text, found.finish, found.detail) == ("x", finish, reason)


def test_a_prompt_that_is_blocked_gets_no_candidate() -> None:
    found = google_generative.delta({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}})
    assert (found.finish, found.detail, found.text) == ("filter", "SAFETY", "")


def test_a_call_of_a_function_is_noticed() -> None:
    assert google_generative.delta(candidate({"functionCall": {"name": "f", "args": {}}})).tool is True


def test_the_envelope_holds_the_request_and_the_project() -> None:
    out = google_code_assist.outgoing(replace(FULL, project="p-1"), "https://a.test")
    assert out.path == "/v1internal:streamGenerateContent?alt=sse"
    assert out.body == {
        "model": "m-1",
        "project": "p-1",
        "request": google_generative.outgoing(FULL, "").body,
    }
    assert "project" not in google_code_assist.outgoing(FULL, "").body


# --- Copilot


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gpt-4o", "/chat/completions"),
        ("claude-sonnet-4.5", "/chat/completions"),
        ("gpt-5", "/responses"),
        ("gpt-5.1-codex", "/responses"),
    ],
)
def test_copilot_speaks_two_formats_by_model(model: str, path: str) -> None:
    assert github_copilot.outgoing(replace(ASKED, model=model), "").path == path


def test_copilot_answers_are_told_apart_by_their_form() -> None:
    responses = next(each for each in VENDORS if each.api == "openai-responses")
    assert github_copilot.whole(responses.whole).text == TEXT  # type: ignore[arg-type]
    assert github_copilot.delta({"type": "response.output_text.delta", "delta": "x"}) == Delta(text="x")


# --- counts


def test_counts_that_come_later_take_the_place_of_earlier_ones() -> None:
    first = Usage(5, 1, None, 2)
    assert first.updated(Usage(None, 9, 3, None)) == Usage(5, 9, 3, 2)
    assert Usage().updated(first) == first
    assert first.to_dict() == {"input": 5, "output": 1, "cache_read": None, "cache_write": 2}


@pytest.mark.parametrize("value", [True, -1, 1.5, "3", None])
def test_what_cannot_be_a_count_is_none(value: object) -> None:
    found = openai_completions.delta({"usage": {"prompt_tokens": value, "completion_tokens": 2}})
    assert found.usage == Usage(None, 2)


def test_more_cached_than_read_is_not_a_negative_count() -> None:
    told = {"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}
    assert openai_completions.delta({"usage": told}).usage == Usage(0, 1, 5)
