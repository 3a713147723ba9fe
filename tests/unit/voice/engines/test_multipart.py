"""Forms: what is read, and what is refused."""

from __future__ import annotations

import email.generator
import io
from contextlib import suppress
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.voice.engines.faults import SpeechError
from jackfield.voice.engines.multipart import Part, read_form

TYPE = "multipart/form-data; boundary=b"


def body(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


def field(name: str, value: bytes, extra: str = "") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (body(field("a", b"1")), (Part("a", False, b"1"),)),
        (body(field("a", b"")), (Part("a", False, b""),)),
        (body(field("a", b"1"), field("b", b"2")), (Part("a", False, b"1"), Part("b", False, b"2"))),
        (body(field("f", b"x", '; filename="y"')), (Part("f", True, b"x"),)),
        (body(field("f", b"x", "; filename*=UTF-8''y")), (Part("f", True, b"x"),)),
        (body(field('q\\"uote', b"x")), (Part('q"uote', False, b"x"),)),
        (b"preamble\r\n" + body(field("a", b"1")) + b"epilogue", (Part("a", False, b"1"),)),
        (body(field("a", b"\r\n--c\r\n")), (Part("a", False, b"\r\n--c\r\n"),)),
        (body(b'content-disposition:form-data;NAME="a"\r\nX: y\r\n\r\n1'), (Part("a", False, b"1"),)),
        (b"--b--\r\n", ()),
        (b'--b  \r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--', (Part("a", False, b"1"),)),
    ],
)
def test_fields_are_read(data: bytes, expected: tuple[Part, ...]) -> None:
    assert read_form(data, TYPE) == expected


@given(st.lists(st.tuples(st.text("abc", min_size=1, max_size=5), st.binary(max_size=200)), max_size=5))
def test_what_was_put_in_comes_out(fields: list[tuple[str, bytes]]) -> None:
    boundary = "0123456789-not-in-it"
    parts = (
        b"".join(f"--{boundary}\r\n".encode() + field(name, value) + b"\r\n" for name, value in fields)
        + f"--{boundary}--".encode()
    )
    expected = tuple(Part(name, False, value) for name, value in fields)
    assert read_form(parts, f"multipart/form-data; boundary={boundary}") == expected


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="b"',
        "Multipart/Form-Data; BOUNDARY=b",
        "multipart/form-data; charset=utf-8; boundary=b",
        "multipart/form-data;boundary=b; charset=utf-8",
    ],
)
def test_every_spelling_of_the_boundary_is_taken(content_type: str) -> None:
    assert read_form(body(field("a", b"1")), content_type) == (Part("a", False, b"1"),)


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=b"])
def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(SpeechError) as caught:
        read_form(body(field("a", b"1")), content_type)
    assert (caught.value.status, caught.value.code) == (415, "speech.content-type")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        b"--b",
        b"--b\r\n",
        b"--bad\r\n",
        body(field("a", b"1"), end=b""),
        body(b"no head"),
        body(b"Content-Disposition: form-data\r\n\r\n1"),
        body(b'Content-Type: text/plain; name="a"\r\n\r\n1'),
        body(b"X: " + b"y" * 10_000 + b"\r\n\r\n1"),
        body(*[field("a", b"1")] * 65),
        b"--b\r\n" * 10_000,
    ],
)
def test_a_broken_form_is_refused(data: bytes) -> None:
    with pytest.raises(SpeechError) as caught:
        read_form(data, TYPE)
    assert (caught.value.status, caught.value.code) == (400, "speech.form")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    for text in (data, b"--b\r\n" + data, b"--b" + data + b"\r\n--b--"):
        with suppress(SpeechError):
            assert all(isinstance(part, Part) for part in read_form(text, TYPE))


def test_a_form_that_another_program_wrote_is_read() -> None:
    message = Message()
    message.add_header("Content-Disposition", "form-data", name="grammar")
    message.set_payload("yes")
    told = io.StringIO()
    email.generator.Generator(told, policy=message.policy.clone(linesep="\r\n")).flatten(message)
    assert read_form(body(told.getvalue().encode()), TYPE) == (Part("grammar", False, b"yes"),)
