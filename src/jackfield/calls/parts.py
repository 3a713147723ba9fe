"""What all wire formats have in common: the conversation that goes out, and the pieces of the answer that come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from jackfield.providers.parts import FrozenMap
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

Finish = Literal["stop", "length", "filter", "tool", "error", "other"]


@record
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@record
class Asked:
    """What a model is asked.

    Attributes:
        model: the model as its provider spells it.
        messages: the turns so far, the last one the user's.
        system: what the model is told beforehand.
        max_tokens: the most tokens that the answer may have; None leaves it to the provider.
        stream: whether the answer is to come piece by piece.
        limit: the most tokens that the model can answer with, None where that is not known.
        project: the project that the provider counts the request to, where its credential names one.
        openai_limits: whether the limit goes by its newer name in the format of OpenAI's chat completions.
    """

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    max_tokens: int | None = None
    stream: bool = True
    limit: int | None = None
    project: str | None = None
    openai_limits: bool = False


@record
class Outgoing:
    """A request in a wire format.

    Attributes:
        path: what stands behind the base URL, the query included.
        body: the JSON object that is sent.
        headers: headers of this request alone, none of them secret.
        streams: whether the answer is a stream; some providers know nothing else.
    """

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = FrozenMap()
    streams: bool = True


@record
class Usage:
    """Tokens of a call, each kind counted once; None where the provider did not say.

    Attributes:
        input: tokens that were read, without those of the cache.
        output: tokens that were written, those of thinking included.
        cache_read: tokens that were read from the provider's cache.
        cache_write: tokens that were put into it.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None

    def updated(self, newer: Usage) -> Usage:
        """Return the counts with those that `newer` says in their place; streams tell them more than once."""
        return Usage(*(old if new is None else new for old, new in zip(_counts(self), _counts(newer), strict=True)))

    def to_dict(self) -> dict[str, int | None]:
        """Return the fields as JSON-ready values."""
        return dict(zip(self.__record_fields__, _counts(self), strict=True))  # type: ignore[attr-defined]


@record
class Fault:
    """An error that came within an answer: the provider's word for its kind, empty when it had none, and its text."""

    kind: str
    message: str


@record
class Delta:
    """A piece of an answer; a field that the piece says nothing about is empty.

    Attributes:
        text: what is added to the answer.
        thinking: what is added to what the model thinks aloud.
        usage: token counts.
        finish: why the answer ends: `stop`, `length` (cut at a limit), `filter` (withheld), `tool` (it wants to call
            a tool), `error`, `other`.
        detail: the provider's own word for that.
        model: the model that answers, as the provider calls it.
        fault: an error within the answer.
        tool: the model wants to call a tool.
    """

    text: str = ""
    thinking: str = ""
    usage: Usage | None = None
    finish: Finish | None = None
    detail: str | None = None
    model: str | None = None
    fault: Fault | None = None
    tool: bool = False


class WireFormat(Protocol):
    """What a format's module offers. All of it is pure."""

    def outgoing(self, asked: Asked, base_url: str) -> Outgoing:
        """Return the request for a conversation at a base URL."""
        ...

    def delta(self, value: Mapping[str, Any]) -> Delta:
        """Read one event of a stream."""
        ...

    def whole(self, value: Mapping[str, Any]) -> Delta:
        """Read an answer that came in one piece."""
        ...


def _counts(usage: Usage) -> tuple[int | None, ...]:
    return usage.input, usage.output, usage.cache_read, usage.cache_write


def mapping(value: object) -> Mapping[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """Return the JSON objects of a list; none for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str:
    """Return `value` if it is text, else no text."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """Return `value` if it can count tokens, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def less(whole: int | None, *parts: int | None) -> int | None:
    """Return a count without parts of it that are counted on their own."""
    return None if whole is None else max(0, whole - sum(part or 0 for part in parts))


def fault_in(value: object) -> Fault | None:
    """Return the error of an object that has one: `{"error": {"message", "type" or "code"}}` or `{"error": text}`."""
    error = mapping(value).get("error")
    if isinstance(error, str) and error:
        return Fault("", error)
    told = mapping(error)
    if not told:
        return None
    kinds = (told.get(name) for name in ("type", "status", "code"))
    kind = next((str(each) for each in kinds if isinstance(each, (str, int)) and str(each)), "")
    return Fault(kind, text_of(told.get("message")))
