"""Which module speaks a wire format."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from jackfield.errors import RequestError
from jackfield.records import record

if TYPE_CHECKING:
    from jackfield.calls.parts import WireFormat


@record
class _Spoken:
    api: str
    module: str


_FORMATS = (
    _Spoken(api="openai-completions", module="openai_completions"),
    _Spoken(api="openai-responses", module="openai_responses"),
    _Spoken(api="openai-codex-responses", module="openai_codex"),
    _Spoken(api="anthropic-messages", module="anthropic_messages"),
    _Spoken(api="google-generative-ai", module="google_generative"),
    _Spoken(api="google-gemini-cli", module="google_code_assist"),
    _Spoken(api="github-copilot", module="github_copilot"),
)


def spoken() -> tuple[str, ...]:
    """Return the wire formats that models can be called in."""
    return tuple(each.api for each in _FORMATS)


def format_of(style: str | None, label: str) -> WireFormat:
    """Return what speaks a wire format.

    Args:
        style: its name, as blocks use it.
        label: the provider's name for people.

    Raises:
        RequestError: `call.style` when nothing here does.
    """
    module = next((each.module for each in _FORMATS if each.api == style), None)
    if module is None:
        told = f"speaks {style}" if style else "does not say which format it speaks"
        raise RequestError(
            f"{label} {told}, and models cannot be called that way here.",
            code="call.style",
            fix=f"The formats are: {', '.join(spoken())}.",
        )
    return cast("WireFormat", import_module(f"jackfield.calls.{module}"))
