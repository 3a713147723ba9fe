"""Server-sent events: what an event is, wherever the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.calls.sse import Event, EventReader
from jackfield.errors import RemoteError
from support.models import VENDORS, Vendor


def read(*chunks: bytes, max_event: int = 1_000_000) -> list[tuple[str, str]]:
    reader = EventReader(max_event)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    last = reader.finish()
    return [tuple(event) for event in [*events, *([last] if last else [])]]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"data: a\n\n", [("", "a")]),
        (b"data:a\n\n", [("", "a")]),
        (b"data:  a \n\n", [("", " a ")]),
        (b"data: a\r\n\r\n", [("", "a")]),
        (b"data: a\r\r", [("", "a")]),
        (b"data: a\r\ndata: b\r\n\r\n", [("", "a\nb")]),
        (b"data: a\rdata: b\n\n", [("", "a\nb")]),
        (b"event: x\ndata: a\n\n", [("x", "a")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("x", "a"), ("", "b")]),
        (b"event: ping\n\n", []),
        (b"event: x\nevent: y\ndata: a\n\n", [("y", "a")]),
        (b": a comment\n\n", []),
        (b": a\ndata: b\n: c\n\n", [("", "b")]),
        (b"id: 7\nretry: 10\nother: x\ndata: a\n\n", [("", "a")]),
        (b"data\n\n", [("", "")]),
        (b"data\ndata\n\n", [("", "\n")]),
        (b"data: a: b\n\n", [("", "a: b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", "a")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("", "a")]),
        ("data: é東🗼\n\n".encode(), [("", "é東🗼")]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), [("", "a\u2028b\u0085c\x0bd")]),
        (b"data: \xff\xfe\n\n", [("", "\ufffd\ufffd")]),
        (b"data: a\n\ndata: b", [("", "a"), ("", "b")]),
        (b"data: a\ndata: b\n", [("", "a\nb")]),
        (b"event: x", []),
    ],
)
def test_what_an_event_is(stream: bytes, events: list[tuple[str, str]]) -> None:
    assert read(stream) == events
    assert read(*(stream[place : place + 1] for place in range(len(stream)))) == events


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda each: each.api)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_the_cut_of_the_chunks_changes_nothing(vendor: Vendor, size: int) -> None:
    whole = read(vendor.body)
    assert len(whole) > 4
    assert read(*(vendor.body[place : place + size] for place in range(0, len(vendor.body), size))) == whole


@given(st.lists(st.sampled_from(["data: ä", "data:", "event: x", ": c", ""])), st.sampled_from(["\n", "\r", "\r\n"]),
       st.data())  # fmt: skip
def test_any_cut_of_any_stream_gives_the_same_events(lines: list[str], end: str, data: st.DataObject) -> None:
    stream = "".join(line + end for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    edges = [0, *cuts, len(stream)]
    chunks = [stream[begin:stop] for begin, stop in pairwise(edges)]
    assert read(*chunks) == read(stream) == read("".join(line + "\n" for line in lines).encode())


def test_a_large_event_in_many_chunks_is_read_in_one_pass() -> None:
    data = b"x" * 4_000_000
    stream = b"data: " + data + b"\n\n"
    chunks = [stream[place : place + 1_000] for place in range(0, len(stream), 1_000)]
    assert read(*chunks, max_event=5_000_000) == [("", data.decode())]


@pytest.mark.parametrize("chunks", [(b"data: " + b"x" * 100,), tuple(b"data: x\n" for _ in range(20))])
def test_an_event_over_the_limit_is_refused(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(RemoteError) as caught:
        read(*chunks, max_event=99)
    assert caught.value.code == "call.not-understood"


def test_the_limit_is_one_events_and_not_the_streams() -> None:
    assert len(read(*(b"data: 0123456789\n\n" for _ in range(1_000)), max_event=20)) == 1_000


def test_events_are_given_as_soon_as_they_end() -> None:
    reader = EventReader()
    assert list(reader.feed(b"data: a\n")) == []
    assert list(reader.feed(b"\ndata: b")) == [Event("", "a")]
    assert reader.finish() == Event("", "b")
    assert reader.finish() is None
