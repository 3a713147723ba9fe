"""The speech engine: the real library, its voices, and what it makes of a text."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor

import pytest

from jackfield.voice.engines.espeak import DEFAULT_VOICE, applied_speed
from jackfield.voice.engines.faults import SpeechError
from support.speech import engine

US = "gmw/en-US"


def seconds(text: str, voice: str = US, speed: float = 1.0, *, pause: bool = False) -> float:
    pcm = engine().say(text, voice, speed, pause=pause, stopped=lambda: False)
    assert len(pcm) % 2 == 0
    return len(pcm) / 2 / engine().sample_rate


def test_it_says_which_engine_it_is() -> None:
    assert engine().sample_rate == 22_050
    assert engine().version.startswith("1.")


def test_it_speaks() -> None:
    assert 1.5 < seconds("Hello world, this is a test of the voice.") < 4


@pytest.mark.parametrize("voice", engine().voices, ids=lambda voice: voice.id)
def test_every_voice_that_is_listed_speaks(voice: object) -> None:
    assert seconds(f"ba na {voice.name}", engine().resolve(voice.id)) > 0.2  # type: ignore[attr-defined]


def test_there_are_over_a_hundred_voices_each_with_an_id_of_its_own() -> None:
    ids = [voice.id for voice in engine().voices]
    assert len(ids) == len(set(ids)) > 100
    assert {"en-us", "en-gb", "de", "fr-fr", "es", "cmn", "ja", "ru", DEFAULT_VOICE} <= set(ids)
    assert all(voice.languages and voice.name for voice in engine().voices)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("en-us", "gmw/en-US"),
        ("EN-US", "gmw/en-US"),
        (" en_US ", "gmw/en-US"),
        ("en", "gmw/en-US"),
        ("en-gb", "gmw/en"),
        ("fr", "roa/fr"),
        ("zh", "sit/cmn"),
        ("yue", "sit/yue"),
        ("yue-latn-jyutping", "sit/yue-Latn-jyutping"),
        ("German", "gmw/de"),
        ("en-us+f3", "gmw/en-US+f3"),
        ("en-us+ALEX", "gmw/en-US+Alex"),
        ("de+Annie", "gmw/de+Annie"),
    ],
)
def test_a_voice_is_found_by_id_language_or_name_with_or_without_a_variant(name: str, file: str) -> None:
    assert engine().resolve(name) == file


@pytest.mark.parametrize(
    "name",
    [
        "",
        "+",
        "alloy",
        "en-us+",
        "en-us+nobody",
        "en-us+../../etc/passwd",
        "../en",
        "/etc/passwd",
        "gmw/en-US",
        "!v/f3",
        "a" * 5_000,
        "\x00",
    ],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(SpeechError) as caught:
        engine().resolve(name)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "speech.voice-unknown", "voice")
    assert len(caught.value.message) < 150


@pytest.mark.parametrize(("name", "near"), [("en-uss", "en-us"), ("germann", "german"), ("en-us+f33", "f3")])
def test_the_nearest_names_are_suggested(name: str, near: str) -> None:
    with pytest.raises(SpeechError, match="There is no voice") as caught:
        engine().resolve(name)
    assert near in (caught.value.fix or "")


def test_every_variant_speaks_and_a_woman_has_a_higher_voice_than_a_man() -> None:
    assert len(engine().variants) > 50
    for variant in engine().variants:
        assert seconds("hello", engine().resolve(f"en-us+{variant.id}")) > 0.1
    assert {"female", "male"} <= {variant.gender for variant in engine().variants}


@pytest.mark.parametrize(("speed", "factor"), [(0.5, 2.0), (0.8, 1.25), (1.5, 0.67), (2.0, 0.5), (4.0, 0.25)])
def test_speed_changes_the_length(speed: float, factor: float) -> None:
    text = "This is a sentence that is neither very short nor very long."
    assert seconds(text, speed=speed) / seconds(text) == pytest.approx(factor, rel=0.2)


def test_the_slowest_speed_is_told() -> None:
    assert applied_speed(0.25) == pytest.approx(80 / 175)
    assert applied_speed(1.5) == 1.5
    assert seconds("Hello there.", speed=0.25) == pytest.approx(
        seconds("Hello there.", speed=applied_speed(0.25)), rel=0.02
    )


def test_a_pause_follows_when_it_is_asked_for() -> None:
    assert seconds("Hello there.", pause=True) - seconds("Hello there.") > 0.2


@pytest.mark.parametrize("text", ["...", " ", "\U0001f600", "漢字", "é", "<", "\ud800"])
def test_no_text_breaks_it(text: str) -> None:
    assert seconds(text) >= 0


@pytest.mark.parametrize("markup", ["<break time='10s'/>", "<audio src='file:///etc/passwd'/>", "<mark name='x'/>"])
def test_markup_is_text_and_not_obeyed(markup: str) -> None:
    assert seconds(f"<speak>hi {markup} hi</speak>") < 9


def test_it_stops_within_a_moment_when_nobody_listens() -> None:
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 3

    pcm = engine().say("Hello there, my friend. " * 100, US, 1.0, pause=False, stopped=stopped)
    assert len(asked) == 4
    assert 0 < len(pcm) / 2 / engine().sample_rate < 0.5
    assert seconds("Hello.") > 0.2


def test_nothing_is_said_when_nobody_listens_from_the_start() -> None:
    assert engine().say("Hello.", US, 1.0, pause=False, stopped=lambda: True) == b""


def test_threads_do_not_get_each_others_words_or_voices() -> None:
    jobs = [("Hello.", US, 1.0), ("Guten Tag, wie geht es Ihnen heute?", "gmw/de", 1.0), ("Go.", US + "+f3", 2.0)] * 8
    expected = [seconds(*job) for job in jobs[:3]] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: seconds(*job), jobs))
    assert found == pytest.approx(expected, rel=0.02)


def test_a_voice_that_the_library_does_not_take_is_told_and_the_next_request_is_served() -> None:
    with pytest.raises(SpeechError) as caught:
        seconds("Hello.", "no/such-file")
    assert (caught.value.status, caught.value.code) == (500, "speech.engine-failed")
    assert seconds("Hello.") > 0.2


def test_the_row_of_the_voice_table_has_the_size_that_the_header_gives_it() -> None:
    pointer = ctypes.sizeof(ctypes.c_void_p)
    assert pointer == 8
    from jackfield.voice.engines.espeak import _VoiceRow

    assert ctypes.sizeof(_VoiceRow) == 3 * pointer + 4 + 4 + pointer
