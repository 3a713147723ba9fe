"""The bytes of an answer: decompressed piece by piece and counted, so that no answer can fill the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import RemoteError

if TYPE_CHECKING:
    import zlib
    from collections.abc import Iterator

    from jackfield.net.url import Origin

_PIECE = 65_536
_GZIP = 31  # zlib's way of asking for a gzip header with the largest window
# What a small body may grow by when it is compressed, and what a server may send that decompresses to nothing.
_OVERHEAD = 65_536


class Decoder:
    """Decompresses one body and holds it to a limit.

    Args:
        encoding: the value of the Content-Encoding header; empty, `identity`, `gzip` and `x-gzip` are known.
        max_bytes: how many bytes may come out, after decompression.
        origin: who answers, for the messages.

    Raises:
        RemoteError: `net.protocol` for another encoding: only gzip was asked for.
    """

    def __init__(self, encoding: str, max_bytes: int, origin: Origin) -> None:
        encoding = encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise _fault(origin, "is compressed in a way that was not asked for")
        self._compressed = encoding in {"gzip", "x-gzip"}
        self._member: zlib._Decompress | None = None
        self._received = 0
        self._given = 0
        self._max_bytes = max_bytes
        self._origin = origin

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` adds to the body, in pieces of at most 64 KiB when it was compressed.

        Raises:
            RemoteError: `net.too-large` before a piece that goes over the limit, `net.protocol` when the data is not
                gzip.
        """
        self._received += len(data)
        if self._received > self._max_bytes + _OVERHEAD:
            raise self.too_large()
        for piece in self._inflate(data) if self._compressed else (data,):
            self._given += len(piece)
            if self._given > self._max_bytes:
                raise self.too_large()
            if piece:
                yield piece

    def finish(self) -> None:
        """Check that the body is whole.

        Raises:
            RemoteError: `net.protocol` when the compressed data breaks off.
        """
        if self._member is not None and not self._member.eof:
            raise _fault(self._origin, "breaks off in the middle of its compressed data")

    def too_large(self) -> RemoteError:
        """Return the error for a body over the limit."""
        message = f"The answer of {self._origin} is larger than {self._max_bytes} bytes."
        return RemoteError(message, code="net.too-large")

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        import zlib

        while data:
            if self._member is None or self._member.eof:
                # A gzip file may be several put end to end (RFC 1952, section 2.2).
                self._member = zlib.decompressobj(_GZIP)
            full = True
            # A full piece may have left output inside the decompressor although its input is used up.
            while full and not self._member.eof:
                try:
                    piece = self._member.decompress(data, _PIECE)
                except zlib.error:
                    raise _fault(self._origin, "is said to be gzip and is not") from None
                yield piece
                full, data = len(piece) == _PIECE, self._member.unconsumed_tail
            data = self._member.unused_data


def _fault(origin: Origin, what: str) -> RemoteError:
    return RemoteError(f"The answer of {origin} {what}.", code="net.protocol")
