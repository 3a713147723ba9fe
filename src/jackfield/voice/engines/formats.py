"""Speech as files: wav, pcm, flac and mp3, whole or piece by piece."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, Protocol

from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PCM_RATE = 24_000
"""Samples a second of raw PCM: what every client of this dialect takes it to have."""

_UNKNOWN = 0xFFFF_FFFF
_MP3_KBIT_S = 64
# LAME's own scale from 0 (best, slowest) to 9.
_MP3_QUALITY = 5


class Encoder(Protocol):
    """Turns samples (16-bit little-endian, one channel) into a file, as they come."""

    def feed(self, pcm: bytes) -> bytes:
        """Return what of the file is ready after these samples."""
        ...

    def finish(self) -> bytes:
        """Return the rest of the file."""
        ...


class _Wav:
    """RIFF WAVE; when it is sent before its end is known, its length is 0xFFFFFFFF, as players expect of a stream."""

    def __init__(self, rate: int, length: int | None) -> None:
        self._head = wav_header(rate, length)

    def feed(self, pcm: bytes) -> bytes:
        made, self._head = self._head + pcm, b""
        return made

    def finish(self) -> bytes:
        return self.feed(b"")


class _Pcm:
    def __init__(self, rate: int, _length: int | None) -> None:
        from jackfield.voice.engines.audio import Pcm

        self._pcm = Pcm(rate, PCM_RATE)

    def feed(self, pcm: bytes) -> bytes:
        return self._pcm.feed(pcm)

    def finish(self) -> bytes:
        return self._pcm.finish()


class _Mp3:
    def __init__(self, rate: int, _length: int | None) -> None:
        import lameenc

        self._encoder = lameenc.Encoder()
        self._encoder.set_bit_rate(_MP3_KBIT_S)
        self._encoder.set_in_sample_rate(rate)
        self._encoder.set_channels(1)
        self._encoder.set_quality(_MP3_QUALITY)
        self._encoder.silence()

    def feed(self, pcm: bytes) -> bytes:
        return bytes(self._encoder.encode(pcm))

    def finish(self) -> bytes:
        return bytes(self._encoder.flush())


class _Flac:
    """FLAC, whole at the end: the encoder goes back to write its length, without which some readers take no file."""

    def __init__(self, rate: int, _length: int | None) -> None:
        import soundfile

        self._sink = io.BytesIO()
        self._file: Any = soundfile.SoundFile(self._sink, "w", rate, 1, "PCM_16", format="FLAC")

    def feed(self, pcm: bytes) -> bytes:
        self._file.buffer_write(pcm, "int16")
        return b""

    def finish(self) -> bytes:
        self._file.close()
        return self._sink.getvalue()


class Format:
    """A way to send speech: its name, media type, and how it is encoded.

    Args:
        name: as a request names it.
        media_type: as the answer names it.
        package: the package it needs on top of the engine, None for none.
        make: makes an encoder from the sample rate and the number of samples, None while that is unknown.
        streams: whether its beginning can be sent before its end is known.
    """

    def __init__(
        self,
        name: str,
        media_type: str,
        package: str | None,
        make: Callable[[int, int | None], Encoder],
        *,
        streams: bool = True,
    ) -> None:
        self.name = name
        self.media_type = media_type
        self.package = package
        self.streams = streams
        self._make = make

    def encoder(self, rate: int, length: int | None = None) -> Encoder:
        """Return an encoder.

        Args:
            rate: samples a second of what it will be fed.
            length: how many samples that will be, None when it is not known yet.

        Raises:
            SpeechError: `speech.format-missing` when the package of the format is not installed.
        """
        try:
            return self._make(rate, length)
        except ImportError as error:
            message = f"The format {self.name} needs the package {self.package}, which is not installed."
            fix = "Install it with: pip install 'jackfield[voice]'"
            raise SpeechError(501, message, code="speech.format-missing", param="response_format", fix=fix) from error


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("wav", "audio/wav", None, _Wav),
        Format("pcm", "audio/pcm", "numpy", _Pcm),
        Format("flac", "audio/flac", "soundfile", _Flac, streams=False),
        Format("mp3", "audio/mpeg", "lameenc", _Mp3),
    )
}


def wav_header(rate: int, length: int | None) -> bytes:
    """Return the 44 bytes before `length` 16-bit mono samples, None for a length that is not known yet."""
    size = _UNKNOWN if length is None else 2 * length
    whole = _UNKNOWN if length is None else size + 36
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + form + struct.pack("<4sI", b"data", size)
