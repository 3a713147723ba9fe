"""Speech as files: each is decoded again by somebody else's reader."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import soundfile

from jackfield.voice.engines.formats import FORMATS, PCM_RATE, wav_header

RATE = 22_050
SECONDS = 2


def tone(hertz: float = 440.0) -> bytes:
    at = np.arange(RATE * SECONDS) / RATE
    made: bytes = (8_000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes()
    return made


def encoded(name: str, pcm: bytes, *, pieces: int, whole: bool) -> bytes:
    encoder = FORMATS[name].encoder(RATE, len(pcm) // 2 if whole else None)
    step = len(pcm) // 2 // pieces * 2
    cuts = [pcm[place : place + step] for place in range(0, len(pcm), step)]
    return b"".join(encoder.feed(cut) for cut in cuts) + encoder.finish()


def decoded(name: str, data: bytes) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], int]:
    if name == "pcm":
        return np.frombuffer(data, dtype="<i2") / 32768, PCM_RATE
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.channels == 1
        return file.read(10 * file.samplerate), file.samplerate


def loudest_hertz(samples: np.ndarray[tuple[int], np.dtype[np.float64]], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


@pytest.mark.parametrize("whole", [True, False], ids=["length known", "length unknown"])
@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_decodes_to_what_was_said(name: str, pieces: int, whole: bool) -> None:
    samples, rate = decoded(name, encoded(name, tone(), pieces=pieces, whole=whole))
    # LAME adds up to two frames of silence at both ends together.
    assert len(samples) / rate == pytest.approx(SECONDS, abs=0.15 if name == "mp3" else 0.001)
    assert loudest_hertz(samples, rate) == pytest.approx(440, abs=1)
    assert np.abs(samples).max() == pytest.approx(8_000 / 32_768, rel=0.05)


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_lossless_formats_give_back_every_sample(name: str) -> None:
    samples, rate = decoded(name, encoded(name, tone(), pieces=3, whole=True))
    assert rate == RATE
    assert np.rint(samples * 32_768).astype("<i2").tobytes() == tone()


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_a_file_of_known_length_says_how_long_it_is(name: str) -> None:
    with soundfile.SoundFile(io.BytesIO(encoded(name, tone(), pieces=1, whole=True))) as file:
        assert file.frames == RATE * SECONDS


def test_a_wav_of_unknown_length_is_read_by_the_standard_library() -> None:
    with wave.open(io.BytesIO(encoded("wav", tone(), pieces=4, whole=False))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.readframes(10 * RATE) == tone()


def test_the_wav_header_has_the_lengths_of_the_file() -> None:
    head = wav_header(RATE, 100)
    assert len(head) == 44
    assert int.from_bytes(head[4:8], "little") == 236
    assert int.from_bytes(head[40:44], "little") == 200


def test_a_stream_begins_with_its_first_samples() -> None:
    pcm = tone()
    for name in (name for name, each in FORMATS.items() if each.streams):
        assert FORMATS[name].encoder(RATE).feed(pcm)


@pytest.mark.parametrize("name", FORMATS)
def test_no_sound_at_all_is_a_file_too(name: str) -> None:
    samples, _ = decoded(name, encoded(name, tone()[:2], pieces=1, whole=True)) if name != "mp3" else ([0.0], 0)
    assert len(samples) >= 1
    encoder = FORMATS[name].encoder(RATE, 0)
    assert isinstance(encoder.feed(b"") + encoder.finish(), bytes)
