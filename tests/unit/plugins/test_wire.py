"""Messages between this program and a plugin's process: what is one, and what is not."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.plugins import wire
from jackfield.plugins.wire import Failure, Message, Notification, Request, Result, WireError, decode

GOOD: list[tuple[str, Message]] = [
    ('{"jsonrpc":"2.0","method":"ready"}', Notification("ready", {})),
    ('{"jsonrpc":"2.0","method":"ready","params":{"protocol":1}}', Notification("ready", {"protocol": 1})),
    ('{"jsonrpc":"2.0","id":1,"method":"note","params":{}}', Request(1, "note", {})),
    ('{"jsonrpc":"2.0","id":"a","method":"note"}', Request("a", "note", {})),
    ('{"jsonrpc":"2.0","id":0,"method":"note"}', Request(0, "note", {})),
    ('{"jsonrpc":"2.0","id":-1,"method":"note"}', Request(-1, "note", {})),
    ('{"jsonrpc":"2.0","id":"' + "x" * 64 + '","method":"n"}', Request("x" * 64, "n", {})),
    ('{"jsonrpc":"2.0","id":1,"result":null}', Result(1, None, "null")),
    ('{"jsonrpc":"2.0","id":1,"result":{"a":[1,2]}}', Result(1, {"a": [1, 2]}, '{"a":[1,2]}')),
    (' { "jsonrpc" : "2.0" , "result" : [ 1 ] , "id" : 7 } \r', Result(7, [1], "[ 1 ]")),
    ('{"jsonrpc":"2.0","id":1,"result":"caf\u00e9"}', Result(1, "caf\u00e9", '"caf\u00e9"')),
    ('{"jsonrpc":"2.0","id":1,"result":1.0}', Result(1, 1.0, "1.0")),
    ('{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}', Result(1, {"a": 2}, '{"a":1,"a":2}')),
    ('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}', Failure(1, "no")),
    ('{"jsonrpc":"2.0","id":1,"error":{"message":"no","data":{"kind":"run"}}}', Failure(1, "no", "run")),
    ('{"jsonrpc":"2.0","id":1,"error":{"message":"no","data":{"stack":"at x"}}}', Failure(1, "no", None, "at x")),
    ('{"jsonrpc":"2.0","id":1,"error":{"message":"no","data":{"kind":3,"stack":[]}}}', Failure(1, "no")),
    ('{"jsonrpc":"2.0","id":1,"error":{"message":"no","data":"text"}}', Failure(1, "no")),
]


@pytest.mark.parametrize(("line", "message"), GOOD)
def test_a_message_is_read(line: str, message: Message) -> None:
    assert decode(line.encode() + b"\n") == message


NOT_JSON = "is not JSON"
NO_OBJECT = "is not a JSON object"
NO_MESSAGE = "is not a JSON-RPC 2.0 message"
NO_ANSWER = "answers nothing that was asked"
NO_ID = "has an id that is neither a number nor a short text"
NEITHER = "has neither or both of result and error"
BAD_ERROR = "has an error that is not one of JSON-RPC"

BAD: list[tuple[bytes, str]] = [
    (b"", NO_OBJECT),
    (b"\n", NO_OBJECT),
    (b"hello\n", NO_OBJECT),
    (b"[]", NO_OBJECT),
    (b'"text"', NO_OBJECT),
    (b"null", NO_OBJECT),
    (b'{"jsonrpc":"2.0"', NO_OBJECT),
    (b'{"jsonrpc":"2.0",}', NOT_JSON),
    (b'{,"jsonrpc":"2.0"}', NOT_JSON),
    (b'{"jsonrpc" "2.0"}', NO_OBJECT),
    (b"{'jsonrpc':'2.0'}", NOT_JSON),
    (b'{1:"2.0"}', "holds a name twice, or one that is no text"),
    (b'{"jsonrpc":"2.0","jsonrpc":"2.0"}', "holds a name twice, or one that is no text"),
    (b'{"jsonrpc":"2.0","id":1,"result":1,"result":2}', "holds a name twice, or one that is no text"),
    (b'{"jsonrpc":"2.0","id":1,"result":1}{}', "holds more than one JSON text"),
    (b'{"jsonrpc":"2.0","id":1,"result":1} x', "holds more than one JSON text"),
    (b'{"jsonrpc":"2.0","id":1,"result":NaN}', "holds NaN, which is not JSON"),
    (b'{"jsonrpc":"2.0","id":1,"result":[Infinity]}', "holds Infinity, which is not JSON"),
    (b'{"jsonrpc":"2.0","id":1,"result":-Infinity}', "holds Infinity, which is not JSON"),
    (b'{"jsonrpc":"2.0","id":1,"result":' + b"9" * 5000 + b"}", NOT_JSON),
    (b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 200_000, "is nested too deeply"),
    (b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * 200_000, "is nested too deeply"),
    (b'{"jsonrpc":"2.0","id":1,"result":"\xff"}', "is not UTF-8"),
    (b'{"jsonrpc":"2.0","id":1,"result":"\xed\xa0\x80"}', "is not UTF-8"),
    ('{"jsonrpc":"2.0"}'.encode("utf-16"), "is not UTF-8"),
    (b"\xef\xbb\xbf{}", NO_OBJECT),
    (b"{}", NO_MESSAGE),
    (b'{"jsonrpc":2.0,"id":1,"result":1}', NO_MESSAGE),
    (b'{"jsonrpc":"1.0","id":1,"result":1}', NO_MESSAGE),
    (b'{"id":1,"result":1}', NO_MESSAGE),
    (b'{"jsonrpc":"2.0"}', NO_ANSWER),
    (b'{"jsonrpc":"2.0","result":1}', NO_ANSWER),
    (b'{"jsonrpc":"2.0","id":null,"result":1}', NO_ANSWER),
    (b'{"jsonrpc":"2.0","id":"1","result":1}', NO_ANSWER),
    (b'{"jsonrpc":"2.0","id":true,"result":1}', NO_ANSWER),
    (b'{"jsonrpc":"2.0","id":1.0,"result":1}', NO_ANSWER),
    (b'{"jsonrpc":"2.0","id":1}', NEITHER),
    (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{"message":"x"}}', NEITHER),
    (b'{"jsonrpc":"2.0","id":1,"error":"text"}', BAD_ERROR),
    (b'{"jsonrpc":"2.0","id":1,"error":null}', BAD_ERROR),
    (b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}', BAD_ERROR),
    (b'{"jsonrpc":"2.0","id":1,"error":{"message":3}}', BAD_ERROR),
    (b'{"jsonrpc":"2.0","method":3}', "has a method that is no name"),
    (b'{"jsonrpc":"2.0","method":null}', "has a method that is no name"),
    (b'{"jsonrpc":"2.0","method":"' + b"x" * 65 + b'"}', "has a method that is no name"),
    (b'{"jsonrpc":"2.0","method":"note","params":[]}', "has params that are no object"),
    (b'{"jsonrpc":"2.0","method":"note","params":null}', "has params that are no object"),
    (b'{"jsonrpc":"2.0","method":"note","result":1}', "is both a call and an answer"),
    (b'{"jsonrpc":"2.0","id":null,"method":"note"}', NO_ID),
    (b'{"jsonrpc":"2.0","id":true,"method":"note"}', NO_ID),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"note"}', NO_ID),
    (b'{"jsonrpc":"2.0","id":{},"method":"note"}', NO_ID),
    (b'{"jsonrpc":"2.0","id":9007199254740993,"method":"note"}', NO_ID),
    (b'{"jsonrpc":"2.0","id":"' + b"x" * 65 + b'","method":"note"}', NO_ID),
]


@pytest.mark.parametrize(("line", "fault"), BAD, ids=[str(place) for place in range(len(BAD))])
def test_a_line_that_is_no_message_is_refused_with_the_reason(line: bytes, fault: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(line)
    assert str(caught.value) == fault


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_wire_error(line: bytes) -> None:
    with suppress(WireError):
        assert isinstance(decode(line), Message)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, st.booleans(), st.sampled_from(["", " ", "\t"]))
def test_the_text_of_a_result_is_the_one_that_was_sent(value: object, ascii_only: bool, space: str) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
        line = f'{{"jsonrpc":{space}"2.0","id":1,"result":{space}{text}{space}}}\n'.encode()
    except UnicodeEncodeError:
        return
    message = decode(line)
    assert isinstance(message, Result)
    assert message.text == text
    assert message.value == value


@pytest.mark.parametrize(
    ("line", "members"),
    [
        (wire.encode_request(3, "load", {"a": [1]}), {"id": 3, "method": "load", "params": {"a": [1]}}),
        (wire.encode_notification("cancel", {}), {"method": "cancel", "params": {}}),
        (wire.encode_result("x", {"value": 1}), {"id": "x", "result": {"value": 1}}),
        (wire.encode_error(4, -32001, "cancelled"), {"id": 4, "error": {"code": -32001, "message": "cancelled"}}),
    ],
)
def test_what_is_sent_is_one_line_of_json_rpc(line: bytes, members: dict[str, object]) -> None:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"jsonrpc": "2.0", **members}


def test_text_of_any_kind_is_sent_as_ascii_on_one_line() -> None:
    line = wire.encode_result(1, {"value": "caf\u00e9\n\u2028\ud800"})
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line)["result"]["value"] == "caf\u00e9\n\u2028\ud800"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_not_sent(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.encode_result(1, {"value": value})
