"""Recordings of every kind come to the recogniser as 16 kHz mono; the sample rate is changed without harm."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.voice.engines.audio import HEARD_RATE, Pcm, Resampler, recording
from jackfield.voice.engines.faults import SpeechError

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]


def nothing() -> None:
    """Let the work go on."""


def tone(rate: int, hertz: float, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def file_of(samples: object, rate: int, kind: str = "WAV", subtype: str | None = None) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, samples, rate, format=kind, subtype=subtype)
    return made.getvalue()


def level_at(pcm: bytes, hertz: float) -> float:
    """Return the level of one frequency in 16 kHz samples; 0.5 for a tone at half of full scale."""
    samples = np.frombuffer(pcm, dtype="<i2") / 32_768
    at = np.arange(len(samples)) / HEARD_RATE
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * hertz * at))))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_and_level_from_every_rate(rate: int) -> None:
    pcm = recording(file_of(tone(rate, 1_000), rate), 10, nothing)
    assert len(pcm) == 2 * HEARD_RATE
    assert level_at(pcm, 1_000) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > 24_000])
def test_what_cannot_be_held_at_16_khz_is_filtered_out_and_not_folded_back(rate: int) -> None:
    pcm = recording(file_of(tone(rate, 10_000), rate), 10, nothing)
    assert level_at(pcm, 6_000) < 0.001
    assert np.abs(np.frombuffer(pcm, dtype="<i2")[1_000:-1_000]).max() < 32


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_U8"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
    ],
)
def test_each_format_is_read(kind: str, subtype: str | None) -> None:
    pcm = recording(file_of(tone(48_000, 700), 48_000, kind, subtype), 10, nothing)
    assert len(pcm) / 2 / HEARD_RATE == pytest.approx(1, abs=0.1)
    assert level_at(pcm[8_000:24_000], 700) == pytest.approx(0.5, rel=0.1)


def test_channels_are_mixed() -> None:
    both = np.stack([tone(16_000, 500), tone(16_000, 2_000)], axis=1)
    pcm = recording(file_of(both, 16_000), 10, nothing)
    assert (level_at(pcm, 500), level_at(pcm, 2_000)) == pytest.approx((0.25, 0.25), rel=0.02)


def test_numbers_that_are_none_are_silence() -> None:
    samples = np.array([np.nan, np.inf, -np.inf, 0.0] * 4_000)
    pcm = recording(file_of(samples, 16_000, subtype="FLOAT"), 10, nothing)
    assert len(pcm) == 32_000


def refused(data: bytes, most_s: float = 10) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        recording(data, most_s, nothing)
    assert caught.value.param == "file"
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"RIFF",
        b"not sound at all" * 100,
        b"RIFF\xff\xff\xff\xffWAVEfmt ",
        b"fLaC" + bytes(100),
        bytes(50_000),
    ],
)
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    assert (refused(data).status, refused(data).code) == (400, "speech.audio-unreadable")


@pytest.mark.parametrize(("rate", "channels"), [(1_000, 1), (44_099, 1), (16_000, 9), (384_000, 1)])
def test_an_unusual_rate_or_number_of_channels_is_refused(rate: int, channels: int) -> None:
    fault = refused(file_of(np.zeros((1_000, channels)), rate))
    assert (fault.status, fault.code) == (400, "speech.audio-unreadable")
    assert str(rate) in fault.message


def test_a_recording_that_is_too_long_is_refused_after_the_limit_whatever_its_header_says() -> None:
    assert refused(file_of(np.zeros(16_000 * 4), 16_000), most_s=2).code == "speech.audio-too-long"
    small = file_of(np.zeros(16_000 * 600), 16_000, "FLAC")
    assert len(small) < 100_000
    assert refused(small, most_s=5).status == 413


def test_a_recording_without_a_sample_is_refused() -> None:
    assert refused(file_of(np.zeros(0), 16_000)).code == "speech.audio-empty"


def test_the_work_can_be_given_up_in_between() -> None:
    class GivenUpError(Exception):
        """Nobody waits any more."""

    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        recording(file_of(np.zeros(16_000 * 9), 16_000), 10, check)
    assert len(calls) == 3


@settings(max_examples=30)
@given(st.sampled_from(RATES), st.sampled_from(RATES), st.lists(st.integers(0, 700), min_size=1, max_size=6))
def test_the_pieces_that_samples_come_in_change_nothing(of: int, to: int, lengths: list[int]) -> None:
    samples = np.random.default_rng(1).normal(0, 5_000, sum(lengths)).astype(np.float32)
    whole, cut = Resampler(of, to), Resampler(of, to)
    expected = np.concatenate((whole.feed(samples), whole.finish()))
    made, place = [], 0
    for length in lengths:
        made.append(cut.feed(samples[place : place + length]))
        place += length
    found = np.concatenate((*made, cut.finish()))
    assert len(found) == len(expected) == -(-len(samples) * to // of)
    assert np.allclose(found, expected, atol=0.5)


def test_the_same_rate_leaves_the_samples_almost_as_they_are() -> None:
    pcm = (tone(16_000, 800) * 20_000).astype("<i2").tobytes()
    same = Pcm(16_000, 16_000)
    found = np.frombuffer(same.feed(pcm) + same.finish(), dtype="<i2")
    assert np.abs(found[100:-100].astype(int) - np.frombuffer(pcm, dtype="<i2")[100:-100]).max() <= 2


def test_samples_beyond_full_scale_are_held_at_it() -> None:
    square = np.where(np.arange(16_000) % 40 < 20, 32_767, -32_768).astype("<i2").tobytes()
    pcm = Pcm(16_000, 24_000)
    found = np.frombuffer(pcm.feed(square) + pcm.finish(), dtype="<i2")
    assert (found.max(), found.min()) == (32_767, -32_768)
    assert np.sign(found[10:100]).min() == -1
