"""Server-sent events out of bytes, wherever the chunks are cut.

Follows the WHATWG HTML standard, section 9.2.6 (html.spec.whatwg.org/multipage/server-sent-events.html), but for one
thing: data that no blank line follows at the end of the stream is given too, because some servers leave that out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from jackfield.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EVENT = 16 * 1024 * 1024
_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its type (empty when it has none) and its data, lines joined by line feeds."""

    type: str
    data: str


class EventReader:
    """Reads one stream.

    Args:
        max_event: the most bytes that one event may have.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._rest = bytearray()
        self._size = 0
        self._first = True
        self._after_return = False
        self._type = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that end in `chunk`.

        Raises:
            RemoteError: `call.not-understood` when an event is too large.
        """
        if self._after_return and chunk:
            # Half of a line's end stood at the end of the chunk before.
            chunk, self._after_return = chunk.removeprefix(b"\n"), False
        begin = 0
        for match in _END.finditer(chunk):
            self._take(chunk[begin : match.start()])
            begin = match.end()
            self._after_return = match[0] == b"\r" and begin == len(chunk)
            event = self._line()
            if event is not None:
                yield event
        self._take(chunk[begin:])

    def finish(self) -> Event | None:
        """Return the event that the end of the stream has cut off from its blank line; None when there is none."""
        if self._rest:
            self._line()
        return self._dispatch()

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_event:
            message = f"The provider sent an event of more than {self._max_event} bytes."
            raise RemoteError(message, code="call.not-understood")
        self._rest += piece

    def _line(self) -> Event | None:
        raw = bytes(self._rest)
        self._rest.clear()
        if self._first:
            raw, self._first = raw.removeprefix(_BOM), False
        if not raw:
            return self._dispatch()
        name, _, value = raw.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._type, "\n".join(self._data)) if self._data else None
        self._type, self._data, self._size = "", [], 0
        return event
