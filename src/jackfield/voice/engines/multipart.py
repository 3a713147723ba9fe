"""Forms with files: multipart/form-data as RFC 7578 has it, from a body that is in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.records import record
from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARTS = 64
_HEAD_BYTES = 8 * 1024
_TYPE = re.compile(r"multipart/form-data\s*;", re.IGNORECASE)
# RFC 2046, 5.1.1: 1 to 70 characters, the last no space; quoted when it has other than token characters.
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(r';\s*name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_FILE = re.compile(r";\s*filename\*?=", re.IGNORECASE)


@record
class Part:
    """One field: its name, whether it came as a file, and its bytes. The name that a file has is not looked at."""

    name: str
    is_file: bool
    data: bytes


def read_form(body: bytes, content_type: str) -> tuple[Part, ...]:
    """Return the fields of a form, in order.

    Raises:
        SpeechError: `speech.content-type` (not a form), or `speech.form` (a broken one, or more than 64 fields).
    """
    found = _BOUNDARY.search(content_type)
    if not _TYPE.match(content_type) or found is None:
        message = "The request is not a form with a file."
        fix = "Send multipart/form-data with a boundary."
        raise SpeechError(415, message, code="speech.content-type", fix=fix)
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    return tuple(_part(head_and_data) for head_and_data in _pieces(body, boundary))


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield what is between the delimiter lines; a preamble and an epilogue are passed over."""
    if not body.startswith(boundary):
        before = body.find(b"\r\n" + boundary)
        if before < 0:
            raise _broken("its boundary is not in it")
        body = body[before + 2 :]
    place, delimiter, count = len(boundary), b"\r\n" + boundary, 0
    while body[place : place + 2] != b"--":
        line_end = body.find(b"\r\n", place)
        # RFC 2046 lets a gateway put white space after the boundary.
        if line_end < 0 or body[place:line_end].strip(b" \t"):
            raise _broken("a boundary has no line of its own")
        end = body.find(delimiter, line_end)
        if end < 0:
            raise _broken("its last boundary is missing")
        count += 1
        if count > _PARTS:
            raise _broken(f"it has more than {_PARTS} fields")
        yield body[line_end + 2 : end]
        place = end + len(delimiter)


def _part(piece: bytes) -> Part:
    head, blank, data = piece.partition(b"\r\n\r\n")
    if not blank or len(head) > _HEAD_BYTES:
        raise _broken("the head of a field does not end")
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            told = _NAME.search(value)
            if told is not None:
                return Part(re.sub(r"\\(.)", r"\1", told[1]), _FILE.search(value) is not None, data)
    raise _broken("a field has no name")


def _broken(what: str) -> SpeechError:
    return SpeechError(400, f"The form cannot be read: {what}.", code="speech.form")
