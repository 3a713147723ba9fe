"""Google's Code Assist: generateContent in an envelope, as Google's own command-line program calls it.

The envelope is public there (github.com/google-gemini/gemini-cli, packages/core/src/code_assist/converter.ts and
server.ts): the request stands in `request` beside the model and the project, the answer in `response`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.calls import google_generative
from jackfield.calls.parts import Delta, Outgoing, fault_in, mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.calls.parts import Asked


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation."""
    del base_url
    project = {"project": asked.project} if asked.project else {}
    body: dict[str, Any] = {"model": asked.model, **project, "request": google_generative.content(asked)}
    return Outgoing(f"/v1internal:{google_generative.method(asked)}", body, streams=asked.stream)


def delta(value: Mapping[str, Any]) -> Delta:
    """Read one event of a stream."""
    response = mapping(value.get("response"))
    return google_generative.delta(response) if response else Delta(fault=fault_in(value))


def whole(value: Mapping[str, Any]) -> Delta:
    """Read an answer that came in one piece."""
    return delta(value)
