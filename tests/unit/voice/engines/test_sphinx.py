"""The recogniser: what it hears with a grammar, what it refuses, and that nothing is carried over."""

from __future__ import annotations

import pytest

from jackfield.voice.engines.audio import HEARD_RATE, Pcm
from jackfield.voice.engines.faults import SpeechError
from jackfield.voice.engines.grammar import Graph, read_grammar
from jackfield.voice.engines.sphinx import Heard, Recogniser, Spoken
from support.speech import engine

ARCS = 20_000
COMMANDS = (
    "turn on the light",
    "turn off the light",
    "open the door",
    "close the door",
    "play some music",
    "stop the music",
    "next song",
    "volume up",
    "cancel",
    "help",
)
VOICES = ("en-us", "en-us+f2", "en-us+f3", "en-us+klatt2")
RECOGNISER = Recogniser()


def grammar(*phrases: str) -> Graph:
    return read_grammar("\n".join(phrases), ARCS)


def jsgf(rules: str) -> Graph:
    return read_grammar(f"#JSGF V1.0; grammar g; {rules}", ARCS)


def sound(text: str, voice: str = "en-us+f3", speed: float = 1.0) -> bytes:
    pcm = engine().say(text, engine().resolve(voice), speed, pause=True, stopped=lambda: False)
    resampler = Pcm(engine().sample_rate, HEARD_RATE)
    return resampler.feed(pcm) + resampler.finish()


def nothing() -> None:
    """Let the work go on."""


def heard(pcm: bytes, graph: Graph | None) -> Heard:
    return RECOGNISER.hear(pcm, graph, nothing)


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_of_ten_commands_is_told_apart_in_several_voices(voice: str, command: str) -> None:
    assert heard(sound(command, voice), grammar(*COMMANDS)).text == command


@pytest.mark.parametrize("speed", [0.7, 0.85, 1.0])
def test_slow_speech_is_heard_too(speed: float) -> None:
    assert heard(sound("open the door", speed=speed), grammar(*COMMANDS)).text == "open the door"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("public <a> = turn (on | off) [all] the (light | lights | music);", "turn off the music"),
        ("public <a> = set [a] timer for <n> minutes; <n> = five | ten | twenty;", "set a timer for twenty minutes"),
        ("public <a> = (open | close)+;", "open close open"),
        ("public <a> = call my (mother | brother) [please];", "call my brother please"),
        ("public <a> = play; public <b> = stop the music;", "stop the music"),
    ],
)
def test_a_sentence_of_a_jsgf_grammar_is_heard(rules: str, said: str) -> None:
    assert heard(sound(said), jsgf(rules)).text == said


def test_only_sentences_of_the_grammar_are_heard() -> None:
    graph = jsgf("public <a> = turn (on | off) the light;")
    said = ["good morning everybody", "turn on", "the light", "seven green bottles", "turn on the light please"]
    found = {heard(sound(text), graph).text for text in said}
    assert found <= {"", "turn on the light", "turn off the light"}


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.5, 3.0])
def test_silence_is_nothing(seconds: float) -> None:
    assert heard(bytes(int(HEARD_RATE * seconds) * 2), grammar(*COMMANDS)) == Heard(())


def test_words_have_times_in_order_within_the_recording() -> None:
    pcm = sound("turn on the light")
    words = heard(bytes(HEARD_RATE) + pcm, grammar(*COMMANDS)).words
    times = [time for each in words for time in (each.start, each.end)]
    assert times == sorted(times)
    assert times[0] > 0.3
    assert times[-1] <= (len(pcm) + HEARD_RATE) / 2 / HEARD_RATE + 0.05


def test_marks_of_a_second_pronunciation_are_no_part_of_a_word() -> None:
    # The dictionary has two pronunciations of each of these.
    words = heard(sound("read the record"), grammar("read the record")).words
    assert [each.word for each in words] == ["read", "the", "record"]


def test_what_was_heard_before_changes_nothing() -> None:
    pcm, graph = sound("open the door"), grammar(*COMMANDS)
    first = heard(pcm, graph)
    for other in (sound("help", "en-us+m3"), bytes(HEARD_RATE), b"\xff\x7f\x00\x80" * HEARD_RATE):
        heard(other, grammar("yes", "no"))
        heard(other, graph)
    assert heard(pcm, graph) == first


def test_a_recogniser_of_its_own_hears_the_same() -> None:
    pcm, graph = sound("stop the music"), grammar(*COMMANDS)
    assert Recogniser().hear(pcm, graph, nothing) == heard(pcm, graph)


def test_the_model_is_loaded_when_it_is_first_needed() -> None:
    one = Recogniser()
    assert one.loaded is False
    one.hear(bytes(HEARD_RATE), grammar("yes"), nothing)
    assert one.loaded is True


def test_without_a_grammar_something_is_heard() -> None:
    assert len(heard(sound("the weather will be fine tomorrow"), None).words) >= 2


@pytest.mark.parametrize(
    ("phrases", "named", "count"),
    [
        (("hello zzyxx",), ["'zzyxx'"], 0),
        (("blorf one", "two quuxly"), ["'blorf'", "'quuxly'"], 0),
        (("turn on 42 lights",), ["'42'"], 0),
        (("grüße", "漢字"), ["'grüße'", "'漢字'"], 0),
        (tuple(f"zz{n}qx" for n in range(25)), ["'zz0qx'", "'zz9qx'"], 15),
        (("q" * 500,), ["'" + "q" * 40 + "'"], 0),
    ],
)
def test_words_without_a_pronunciation_are_named_together(
    phrases: tuple[str, ...], named: list[str], count: int
) -> None:
    with pytest.raises(SpeechError) as caught:
        heard(bytes(HEARD_RATE), grammar(*phrases))
    assert (caught.value.status, caught.value.code) == (400, "speech.word-unknown")
    assert all(name in caught.value.message for name in named)
    assert (f"and {count} more" in caught.value.message) == bool(count)


@pytest.mark.parametrize("word", ["<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]", "++BREATH++"])
def test_the_engines_own_marks_are_no_words(word: str) -> None:
    quoted = word.replace('"', "")
    with pytest.raises(SpeechError) as caught:
        heard(bytes(HEARD_RATE), jsgf(f'public <a> = "{quoted}" | yes;'))
    assert caught.value.code == "speech.word-unknown"


def test_the_work_is_given_up_when_it_is_told_to_and_the_next_is_done() -> None:
    class GivenUpError(Exception):
        """Nobody waits any more."""

    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise GivenUpError

    for _ in range(3):
        calls.clear()
        with pytest.raises(GivenUpError):
            RECOGNISER.hear(bytes(HEARD_RATE * 20), grammar(*COMMANDS), check)
        assert len(calls) == 5
    assert heard(sound("cancel"), grammar(*COMMANDS)).text == "cancel"


def test_it_can_be_given_up_in_the_second_run_too() -> None:
    class GivenUpError(Exception):
        """Nobody waits any more."""

    blocks = 2 * HEARD_RATE // (HEARD_RATE // 20 * 2)
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) > blocks + 2:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        RECOGNISER.hear(bytes(2 * HEARD_RATE), grammar(*COMMANDS), check)
    assert heard(sound("help"), grammar(*COMMANDS)).text == "help"


def test_a_large_grammar_is_taken() -> None:
    digits = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero"]
    phrases = [f"{a} {b} {c}" for a in digits for b in digits for c in digits]
    assert heard(sound("seven two nine", "en-us+f2"), grammar(*phrases)).text.split()[0] == "seven"


def test_words_make_a_text() -> None:
    assert Heard((Spoken("open", 0.0, 0.5), Spoken("it", 0.5, 0.7))).text == "open it"
    assert Heard(()).text == ""
