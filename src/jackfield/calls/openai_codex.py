"""OpenAI's responses as ChatGPT subscriptions get them.

The format is that of `openai_responses`, at another path. What differs is public in the vendor's own program
(github.com/openai/codex, codex-rs/core/src/client.rs): the answer always streams, nothing is stored, instructions must
be there, and a limit is not taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.calls import openai_responses
from jackfield.calls.openai_responses import delta, whole
from jackfield.calls.parts import Outgoing
from jackfield.records import replace

if TYPE_CHECKING:
    from jackfield.calls.parts import Asked

__all__ = ["delta", "outgoing", "whole"]

_INSTRUCTIONS = "Answer the user."


def outgoing(asked: Asked, base_url: str) -> Outgoing:
    """Return the request for a conversation."""
    wanted = replace(asked, stream=True, max_tokens=None, system=asked.system or _INSTRUCTIONS)
    made = openai_responses.outgoing(wanted, base_url)
    return Outgoing("/responses" if base_url.endswith("/codex") else "/codex/responses", made.body)
