"""Samples: any recording to 16 kHz mono for the recogniser, and speech to the sample rate of raw PCM."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Callable

HEARD_RATE = 16_000
"""Samples a second of what the recogniser is given."""

_RATES = range(4_000, 192_001)
_CHANNELS = 8
# 11,025 Hz has this many phases to 16 kHz; odder rates are nobody's, and their filters would take much memory.
_PHASES = 640
# Half the length of the filter, in zero crossings of its sinc, and where it cuts, as a share of the lower Nyquist
# frequency: 70 dB down in the stop band.
_CROSSINGS = 16
_CUT = 0.92
# Floating-point samples may be beyond full scale, and any number at all in a hostile file.
_LOUDEST = 8.0
_FORMATS = "wav, flac, ogg or mp3"


class Resampler:
    """Turns 16-bit mono samples of one rate into those of another, block by block.

    A windowed sinc (Kaiser, beta 8) in as many phases as the ratio of the rates has, so each sample costs one short dot
    product. The ends are padded with silence and the filter's delay is taken away: n samples become n * to / of.
    """

    def __init__(self, of: int, to: int) -> None:
        import numpy as np

        common = math.gcd(of, to)
        self._up, self._down = to // common, of // common
        wide = max(self._up, self._down)
        half = math.ceil(_CROSSINGS * wide / self._up / _CUT)
        self._taps = 2 * half
        # Row p holds the filter for outputs that fall p / up of a sample after an input.
        at = np.arange(-half + 1, half + 1)[None, :] - np.arange(self._up)[:, None] / self._up
        cut = _CUT * self._up / wide
        window = np.i0(8.0 * np.sqrt(np.clip(1 - (at / half) ** 2, 0, 1))) / np.i0(8.0)
        self._filters: Any = cut * np.sinc(cut * at) * window
        self._filters /= self._filters.sum(axis=1, keepdims=True)
        self._filters = self._filters.astype(np.float32)
        self._half = half
        self._held: Any = np.zeros(half - 1, dtype=np.float32)
        self._phase = 0
        self._wanted = 0
        self._given = 0

    def feed(self, samples: Any) -> Any:
        """Return what is ready after `samples` (float32); the rest follows with more, or with `finish`."""
        import numpy as np

        self._wanted += len(samples)
        self._held = np.concatenate((self._held, samples))
        count = ((len(self._held) - self._taps) * self._up - self._phase) // self._down + 1
        if count <= 0:
            return np.zeros(0, dtype=np.float32)
        places = self._phase + np.arange(count) * self._down
        starts = places // self._up
        rows = np.lib.stride_tricks.sliding_window_view(self._held, self._taps)[starts]
        made = np.einsum("ij,ij->i", rows, self._filters[places % self._up])
        after = self._phase + count * self._down
        self._held, self._phase = self._held[after // self._up :], after % self._up
        self._given += count
        return made

    def finish(self) -> Any:
        """Return what is left."""
        import numpy as np

        total = -(-self._wanted * self._up // self._down)
        left = total - self._given
        wanted = self._wanted
        made = self.feed(np.zeros(self._taps + self._down, dtype=np.float32))
        self._wanted = wanted
        return made[: max(left, 0)]


class Pcm:
    """Turns 16-bit samples, as bytes, of one rate into those of another."""

    def __init__(self, of: int, to: int) -> None:
        self._resampler = Resampler(of, to)

    def feed(self, pcm: bytes) -> bytes:
        """Return what is ready after `pcm`."""
        import numpy as np

        return _to_bytes(self._resampler.feed(np.frombuffer(pcm, dtype="<i2").astype(np.float32)))

    def finish(self) -> bytes:
        """Return what is left."""
        return _to_bytes(self._resampler.finish())


def recording(data: bytes, most_s: float, check: Callable[[], None]) -> bytes:
    """Return a recording as 16-bit little-endian samples, one channel, 16 kHz.

    Args:
        data: a whole file that libsndfile reads: wav, flac, ogg (vorbis, opus) or mp3.
        most_s: how many seconds of sound are taken.
        check: called after every second of sound; raises to give up.

    Raises:
        SpeechError: `speech.audio-unreadable`, `speech.audio-too-long`, `speech.audio-empty`, or what `check` raises.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return _read(file, most_s, check)
    except (soundfile.LibsndfileError, ValueError, TypeError) as error:
        message = f"The file is not sound that can be read as {_FORMATS}."
        raise SpeechError(400, message, code="speech.audio-unreadable", param="file") from error


def _read(file: Any, most_s: float, check: Callable[[], None]) -> bytes:
    import numpy as np

    rate: int = file.samplerate
    odd = HEARD_RATE // math.gcd(rate, HEARD_RATE) > _PHASES
    if rate not in _RATES or odd or not 1 <= file.channels <= _CHANNELS:
        message = f"Sound of {file.channels} channels at {rate} Hz is not taken."
        fix = f"Send 1 to {_CHANNELS} channels at a usual rate from {_RATES.start} to {_RATES.stop - 1} Hz."
        raise SpeechError(400, message, code="speech.audio-unreadable", param="file", fix=fix)
    resampler = Resampler(rate, HEARD_RATE)
    made, frames = [], 0
    # A header may promise any length: what counts is what comes.
    while len(block := file.read(rate, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > most_s * rate:
            message = f"The recording is longer than {most_s:g} seconds."
            raise SpeechError(413, message, code="speech.audio-too-long", param="file", fix="Send it in parts.")
        made.append(_to_bytes(resampler.feed(np.clip(np.nan_to_num(block), -_LOUDEST, _LOUDEST).mean(axis=1) * 32768)))
        check()
    if not frames:
        raise SpeechError(400, "The recording has no sound in it.", code="speech.audio-empty", param="file")
    made.append(_to_bytes(resampler.finish()))
    return b"".join(made)


def _to_bytes(samples: Any) -> bytes:
    import numpy as np

    whole: bytes = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
    return whole
