"""Messages between this program and a plugin's process: JSON-RPC 2.0, one JSON text on each line.

Nothing here trusts the other side. A line is a message of one of four kinds, or a `WireError` that says what is wrong
with it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL = 1
"""The version of the protocol that both sides must speak."""

# Codes of errors that are sent to the child; the first two are the protocol's own, the others JSON-RPC's.
CANCELLED = -32001
NOBODY_TO_ASK = -32002
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
FAILED = -32603

_MAX_ID = 64
_MAX_NUMBER = 2**53
_MAX_METHOD = 64
_WHITE = " \t\r\n"

RequestId = int | str


class WireError(ValueError):
    """A line that is no message; the text says why, and repeats nothing of the line."""


@record
class Request:
    """A request that wants an answer."""

    id: RequestId
    method: str
    params: Mapping[str, object]


@record
class Notification:
    """A message that wants none."""

    method: str
    params: Mapping[str, object]


@record
class Result:
    """The good answer to a request: its value, and the JSON text of the value as it was sent."""

    id: int
    value: object
    text: str


@record
class Failure:
    """The bad answer to a request: the other side's own words, what kind of failure it says it is, and where."""

    id: int
    message: str
    kind: str | None = None
    stack: str | None = None


Message = Request | Notification | Result | Failure


def encode_request(request_id: int, method: str, params: Mapping[str, object]) -> bytes:
    """Return a request as a line; `params` is JSON-ready."""
    return _line({"id": request_id, "method": method, "params": params})


def encode_notification(method: str, params: Mapping[str, object]) -> bytes:
    """Return a notification as a line."""
    return _line({"method": method, "params": params})


def encode_result(request_id: RequestId, result: Mapping[str, object]) -> bytes:
    """Return a good answer as a line."""
    return _line({"id": request_id, "result": result})


def encode_error(request_id: RequestId, code: int, message: str) -> bytes:
    """Return a bad answer as a line."""
    return _line({"id": request_id, "error": {"code": code, "message": message}})


def decode(line: bytes) -> Message:
    """Return the message on a line.

    Raises:
        WireError: it is not UTF-8 or not JSON (NaN and the like are not, RFC 8259), a name stands twice in the outer
            object, or it is no JSON-RPC 2.0 message.
    """
    members = _members(line)
    if members.get("jsonrpc", (None, ""))[0] != "2.0":
        raise WireError("is not a JSON-RPC 2.0 message")
    if "method" in members:
        return _call(members)
    return _answer(members)


def _line(members: Mapping[str, object]) -> bytes:
    message = {"jsonrpc": "2.0", **members}
    # Only ASCII is written: half of a surrogate pair, which JSON texts may hold, has no UTF-8.
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


def _refuse_constant(name: str) -> NoReturn:
    raise WireError(f"holds {name.lstrip('-')}, which is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _members(line: bytes) -> dict[str, tuple[object, str]]:
    """Return the members of the object on a line, each with its value and the text of its value."""
    try:
        return _walk(line.decode("utf-8"))
    except WireError:
        raise
    except RecursionError:
        raise WireError("is nested too deeply") from None
    except UnicodeDecodeError:
        raise WireError("is not UTF-8") from None
    except ValueError:
        raise WireError("is not JSON") from None


def _walk(text: str) -> dict[str, tuple[object, str]]:
    members: dict[str, tuple[object, str]] = {}
    at = _expect(text, _skip(text, 0), "{")
    while text[at : at + 1] != "}":
        name, at = _DECODER.raw_decode(text, _expect(text, at, "," if members else ""))
        start = _expect(text, _skip(text, at), ":")
        value, at = _DECODER.raw_decode(text, start)
        if not isinstance(name, str) or name in members:
            raise WireError("holds a name twice, or one that is no text")
        members[name] = (value, text[start:at])
        at = _skip(text, at)
    if _skip(text, at + 1) != len(text):
        raise WireError("holds more than one JSON text")
    return members


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _WHITE and at < len(text):
        at += 1
    return at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + len(mark)] != mark:
        raise WireError("is not a JSON object")
    return _skip(text, at + len(mark))


def _call(members: Mapping[str, tuple[object, str]]) -> Request | Notification:
    method, params = members["method"][0], members.get("params", ({}, ""))[0]
    if not isinstance(method, str) or len(method) > _MAX_METHOD:
        raise WireError("has a method that is no name")
    if not isinstance(params, dict):
        raise WireError("has params that are no object")
    if "result" in members or "error" in members:
        raise WireError("is both a call and an answer")
    if "id" not in members:
        return Notification(method, params)
    asked = members["id"][0]
    if (type(asked) is int and abs(asked) <= _MAX_NUMBER) or (isinstance(asked, str) and len(asked) <= _MAX_ID):
        return Request(asked, method, params)
    raise WireError("has an id that is neither a number nor a short text")


def _answer(members: Mapping[str, tuple[object, str]]) -> Result | Failure:
    answered = members.get("id", (None, ""))[0]
    if type(answered) is not int:
        raise WireError("answers nothing that was asked")
    if ("result" in members) == ("error" in members):
        raise WireError("has neither or both of result and error")
    if "result" in members:
        value, text = members["result"]
        return Result(answered, value, text)
    error = members["error"][0]
    message = error.get("message") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(message, str):
        raise WireError("has an error that is not one of JSON-RPC")
    data = error.get("data")
    more = data if isinstance(data, dict) else {}
    kind, stack = more.get("kind"), more.get("stack")
    return Failure(
        answered, message, kind if isinstance(kind, str) else None, stack if isinstance(stack, str) else None
    )
