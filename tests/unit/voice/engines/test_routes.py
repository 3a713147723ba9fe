"""The five addresses over the real engines, as a client of the dialect sees them."""

from __future__ import annotations

import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from jackfield.records import replace
from jackfield.voice.engines.limits import ServiceLimits
from support.speech import FORM, Client, engine, form, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = "This is one of many sentences that are said one after the other. " * 20
COMMANDS = "turn on the light\nturn off the light\nopen the door\nplay some music"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as one:
        yield one


def seconds(data: bytes) -> float:
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return len(file.read(1_000 * file.samplerate)) / int(file.samplerate)


def spoken(text: str, voice: str = "en-us") -> bytes:
    """Return a wav file, made without the service."""
    made = io.BytesIO()
    pcm = engine().say(text, engine().resolve(voice), 1.0, pause=True, stopped=lambda: False)
    with soundfile.SoundFile(made, "w", engine().sample_rate, 1, "PCM_16", format="WAV") as file:
        file.buffer_write(pcm, "int16")
    return made.getvalue()


# --- what there is ----------------------------------------------------------------------------------------------------


def test_health_tells_what_each_half_can_do(client: Client) -> None:
    told = client.ask("GET", "/health", headers={"Authorization": ""}).json
    assert told["status"] == "ready"
    assert told["speech"]["state"] == told["transcription"]["state"] == "ready"
    assert told["speech"]["formats"] == ["wav", "pcm", "flac", "mp3"]
    assert told["transcription"]["good_for"] == "commands"


def test_health_tells_when_the_model_is_in_memory(client: Client) -> None:
    client.hear(spoken("yes"), grammar="yes\nno")
    assert client.ask("GET", "/health").json["transcription"]["loaded"] is True


def test_the_models_are_listed(client: Client) -> None:
    told = client.ask("GET", "/v1/models").json
    assert told["object"] == "list"
    assert [model["id"] for model in told["data"]] == ["espeak-ng", "pocketsphinx"]
    assert {model["object"] for model in told["data"]} == {"model"}


def test_the_voices_are_listed_and_each_can_be_asked_for(client: Client) -> None:
    told = client.ask("GET", "/v1/audio/voices").json
    german = next(voice for voice in told["voices"] if voice["id"] == "de")
    assert german == {"id": "de", "name": "German", "languages": ["de"]}
    assert {"id": "f3", "gender": "female"} in told["variants"]
    assert told["default"] in {voice["id"] for voice in told["voices"]}
    assert client.say("Guten Tag", voice="de+f3").status == 200


# --- speech out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("wav", "audio/wav"), ("flac", "audio/flac"), ("mp3", "audio/mpeg")],
)
@pytest.mark.parametrize("text", ["Hello there, my friend.", LONG], ids=["one piece", "many"])
def test_each_format_can_be_decoded(client: Client, name: str, media_type: str, text: str) -> None:
    reply = client.say(text, response_format=name)
    assert (reply.status, reply.headers["content-type"]) == (200, media_type)
    assert ("content-length" in reply.headers) == (text != LONG or name == "flac")
    expected = seconds(client.say(text).body)
    assert seconds(reply.body) == pytest.approx(expected, abs=0.2)


def test_raw_samples_are_24_khz(client: Client) -> None:
    raw, wav = (client.say("Hello there, my friend.", response_format=each) for each in ("pcm", "wav"))
    assert raw.headers["content-type"] == "audio/pcm"
    assert len(raw.body) / 48_000 == pytest.approx(seconds(wav.body), abs=0.01)


def test_mp3_is_what_is_sent_when_no_format_is_named(client: Client) -> None:
    reply = client.post_json(json.dumps({"input": "Hello."}).encode())
    assert reply.headers["content-type"] == "audio/mpeg"
    assert seconds(reply.body) > 0.2


def test_a_long_text_comes_in_parts_and_its_first_bytes_before_the_last_are_made(client: Client) -> None:
    with client.connected() as connection:
        body = json.dumps({"input": "Short. " + LONG * 10, "response_format": "wav"}).encode()
        lines = [
            "POST /v1/audio/speech HTTP/1.1",
            f"Host: 127.0.0.1:{client.port}",
            f"Authorization: Bearer {client.token}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        got = b""
        while b"RIFF" not in got:
            got += connection.recv(4_096)
        # What is not taken is not made: the client stops here, and the service has to notice.
        assert b"Transfer-Encoding: chunked" in got
    assert client.say("Still here.").status == 200


def test_the_speed_that_is_heard_is_told(client: Client) -> None:
    slow, fast = client.say("Hello there.", speed=0.25), client.say("Hello there.", speed=2)
    assert (slow.headers["x-speech-speed"], fast.headers["x-speech-speed"]) == ("0.457", "2")
    assert seconds(slow.body) > 3 * seconds(fast.body)


@pytest.mark.parametrize(
    "fields",
    [
        {"voice": "de"},
        {"voice": {"id": "de"}},
        {"model": "espeak-ng"},
        {"model": None, "voice": None, "speed": None, "stream_format": None},
        {"instructions": "Whisper.", "unknown": [1]},
        {"speed": 4},
        {"stream_format": "audio"},
    ],
)
def test_fields_of_the_dialect_are_taken(client: Client, fields: dict[str, Any]) -> None:
    reply = client.say("Hello.", **fields)
    assert (reply.status, reply.headers["x-speech-model"]) == (200, "espeak-ng")


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"input": None}, 400, "speech.input", "input"),
        ({"input": 5}, 400, "speech.input", "input"),
        ({"input": ""}, 400, "speech.input", "input"),
        ({"input": " \n\t "}, 400, "speech.input", "input"),
        ({"input": "\x00\x01\x02"}, 400, "speech.input", "input"),
        ({"input": "a" * 16_385}, 400, "speech.input-too-long", "input"),
        ({"voice": "alloy"}, 400, "speech.voice-unknown", "voice"),
        ({"voice": 7}, 400, "speech.voice-unknown", "voice"),
        ({"voice": {"id": None, "name": "de"}, "speed": 9}, 400, "speech.speed", "speed"),
        ({"model": "tts-1"}, 404, "speech.model-unknown", "model"),
        ({"model": ["espeak-ng"]}, 404, "speech.model-unknown", "model"),
        ({"response_format": "opus"}, 400, "speech.format", "response_format"),
        ({"response_format": ["wav"]}, 400, "speech.format", "response_format"),
        ({"stream_format": "sse"}, 400, "speech.format", "stream_format"),
        ({"stream_format": ["sse"]}, 400, "speech.format", "stream_format"),
        ({"speed": 0.2}, 400, "speech.speed", "speed"),
        ({"speed": 4.1}, 400, "speech.speed", "speed"),
        ({"speed": True}, 400, "speech.speed", "speed"),
        ({"speed": "1"}, 400, "speech.speed", "speed"),
        ({"speed": float("nan")}, 400, "speech.speed", "speed"),
        ({"speed": float("inf")}, 400, "speech.speed", "speed"),
        ({"speed": 10**400}, 400, "speech.speed", "speed"),
    ],
)
def test_a_wrong_field_is_named(client: Client, fields: dict[str, Any], status: int, code: str, param: str) -> None:
    reply = client.post_json(json.dumps({"input": "Hello.", **fields}).encode())
    assert (reply.status, reply.code, reply.json["error"]["param"]) == (status, code, param)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"{" * 5_000,
        b"[" * 200_000,
        b'{"speed": ' + b"9" * 5_000 + b"}",
        b"input=hello",
    ],
)
def test_what_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    reply = client.post_json(body)
    assert (reply.status, reply.code) == (400, "speech.json")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_json_says_that_it_is_json(client: Client, kind: str) -> None:
    reply = client.ask("POST", "/v1/audio/speech", b'{"input": "Hello."}', {"Content-Type": kind})
    assert (reply.status, reply.code) == (415, "speech.content-type")


def test_a_megabyte_of_text_is_refused_before_it_is_read(client: Client) -> None:
    reply = client.say("word " * 200_000)
    assert (reply.status, reply.code) == (413, "speech.too-large")


@pytest.mark.parametrize(
    "text",
    [
        "<speak><break time='60s'/><audio src='/etc/passwd'/>hi</speak>",
        "[[h@l'oU]] \x01900S \x1b[2J hi",
        "a" * 16_384,
        "\ud800 lone",
        "\u202e\u0000\ufffe\U000e0001 odd",
        "." * 16_000 + "a",
        "ß漢字🎉नमस्ते العربية " * 40,
    ],
    ids=["markup", "control characters", "one long word", "a surrogate", "odd characters", "dots", "many scripts"],
)
def test_hostile_texts_are_spoken_like_any_other(client: Client, text: str) -> None:
    reply = client.say(text)
    assert (reply.status, reply.body[:4]) == (200, b"RIFF")
    assert client.say("Still here.").status == 200


def test_sixteen_requests_at_once_are_all_served_and_none_is_mixed_up(client: Client) -> None:
    texts = [f"This is sentence number {number} of sixteen." + " And more." * number for number in range(16)]
    expected = [seconds(client.say(text).body) for text in texts]
    with ThreadPoolExecutor(16) as pool:
        found = [seconds(reply.body) for reply in pool.map(client.say, texts)]
    assert found == pytest.approx(expected, rel=0.02)


def test_a_request_that_takes_too_long_is_given_up() -> None:
    with serving(replace(ServiceLimits(), work_s=0.0)) as client:
        reply = client.say("Hello.")
    assert (reply.status, reply.code) == (503, "speech.timeout")


# --- speech in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", COMMANDS.split("\n"))
def test_what_was_said_is_heard(client: Client, text: str) -> None:
    reply = client.hear(client.say(text, voice="en-us+f3").body, grammar=COMMANDS, model="pocketsphinx")
    assert reply.json["text"] == text
    assert (reply.json["jackfield"]["mode"], reply.json["jackfield"]["matched"]) == ("grammar", True)
    assert reply.headers["x-speech-mode"] == "grammar"


JSGF = "#JSGF V1.0; grammar g; public <command> = turn (on | off) the (light | music);"


@pytest.mark.parametrize("field", ["grammar", "prompt"])
def test_a_jsgf_grammar_comes_as_grammar_or_as_prompt(client: Client, field: str) -> None:
    assert client.hear(spoken("turn on the light"), **{field: JSGF}).json["text"] == "turn on the light"


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_every_format_that_is_spoken_is_heard(client: Client, kind: str) -> None:
    file = client.say("turn on the light", response_format=kind).body
    assert client.hear(file, grammar=COMMANDS).json["text"] == "turn on the light"


def test_a_wav_that_was_streamed_is_heard(client: Client) -> None:
    reply = client.say("Turn on the light.\n" * 3)
    assert reply.headers.get("transfer-encoding") == "chunked"
    heard = client.hear(reply.body, grammar="#JSGF V1.0; grammar g; public <c> = (turn on the light)+;").json["text"]
    assert heard == " ".join(["turn on the light"] * 3)


def test_verbose_json_has_words_with_their_times(client: Client) -> None:
    told = client.hear(spoken("turn on the light"), grammar=COMMANDS, response_format="verbose_json").json
    assert [word["word"] for word in told["words"]] == ["turn", "on", "the", "light"]
    times = [time for word in told["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= told["duration"] + 0.1
    assert (told["language"], told["task"], len(told["segments"])) == ("en", "transcribe", 1)


def test_text_is_plain(client: Client) -> None:
    reply = client.hear(spoken("turn on the light"), grammar=COMMANDS, response_format="text")
    assert (reply.body, reply.headers["content-type"]) == (b"turn on the light\n", "text/plain; charset=utf-8")


def test_without_a_grammar_the_answer_says_that_it_is_a_guess(client: Client) -> None:
    reply = client.hear(spoken("turn on the light"), prompt="A talk about lights.", response_format="json")
    assert (reply.status, reply.headers["x-speech-mode"]) == (200, "dictation")
    assert "guess" in reply.json["jackfield"]["note"]


def test_silence_is_no_words(client: Client) -> None:
    made = io.BytesIO()
    soundfile.write(made, [0.0] * 16_000, 16_000, format="WAV")
    told = client.hear(made.getvalue(), grammar=COMMANDS, response_format="verbose_json").json
    assert (told["text"], told["words"], told["segments"], told["jackfield"]["matched"]) == ("", [], [], False)


def test_what_is_heard_does_not_depend_on_what_was_heard_before(client: Client) -> None:
    file, loud = spoken("open the door"), spoken("play some music", "en-us+m3")
    first = client.hear(file, grammar=COMMANDS, response_format="verbose_json").json
    client.hear(loud, grammar="play some music\nyes")
    assert client.hear(file, grammar=COMMANDS, response_format="verbose_json").json == first


def test_sixteen_recordings_at_once_are_all_heard(client: Client) -> None:
    file = spoken("turn on the light")
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: client.hear(file, grammar=COMMANDS), range(16)))
    assert {reply.json["text"] for reply in replies} == {"turn on the light"}


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"model": "whisper-1"}, 404, "speech.model-unknown", "model"),
        ({"response_format": "srt"}, 400, "speech.format", "response_format"),
        ({"language": "de"}, 400, "speech.language", "language"),
        ({"stream": "true"}, 400, "speech.format", "stream"),
        ({"grammar": "hello blorfquux zzyx"}, 400, "speech.word-unknown", "grammar"),
        ({"grammar": "<s> hello"}, 400, "speech.word-unknown", "grammar"),
        ({"grammar": '#JSGF V1.0; grammar x; public <a> = "[noise]";'}, 400, "speech.word-unknown", "grammar"),
        ({"grammar": " , "}, 400, "speech.grammar-empty", "grammar"),
        ({"grammar": "#JSGF V1.0; grammar x; import </etc/passwd>;"}, 400, "speech.grammar-import", "grammar"),
        ({"prompt": "#JSGF V1.0; grammar x; public <a> = <a>;"}, 400, "speech.grammar-recursion", "grammar"),
        ({"grammar": b"\xff"}, 400, "speech.form", "grammar"),
    ],
)
def test_a_wrong_field_of_a_form_is_named(
    client: Client, fields: dict[str, str | bytes], status: int, code: str, param: str
) -> None:
    reply = client.hear(spoken("yes"), **fields)
    assert (reply.status, reply.code, reply.json["error"]["param"]) == (status, code, param)


def test_all_words_without_a_pronunciation_are_named_at_once(client: Client) -> None:
    message = client.hear(spoken("yes"), grammar="blorf hello quuxly").json["error"]["message"]
    assert "'blorf', 'quuxly'" in message
    assert "hello" not in message


def test_speech_goes_on_while_a_recording_is_at_work(client: Client) -> None:
    made = io.BytesIO()
    soundfile.write(made, np.tile(np.sin(np.arange(16_000) / 9) / 4, 110), 16_000, format="WAV")
    with ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(client.hear, made.getvalue(), grammar=COMMANDS)
        said = 0
        while not hearing.done():
            assert client.say("Hello.").status == 200
            said += 1
        assert hearing.result().status == 200
    # One is said even when the recording is done before it is asked for; more only when both go on together.
    assert said > 2


def test_a_client_that_goes_leaves_the_recogniser_to_the_next(client: Client) -> None:
    made = io.BytesIO()
    soundfile.write(made, np.zeros(16_000 * 110), 16_000, format="WAV")
    body = form({"grammar": COMMANDS}, made.getvalue())
    lines = ["POST /v1/audio/transcriptions HTTP/1.1", f"Host: 127.0.0.1:{client.port}", f"Content-Type: {FORM}"]
    lines += [f"Authorization: Bearer {client.token}", f"Content-Length: {len(body)}"]
    for _ in range(4):
        with client.connected() as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    assert client.hear(spoken("open the door"), grammar=COMMANDS).json["text"] == "open the door"


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (None, "speech.audio-empty"),
        (b"", "speech.audio-empty"),
        (b"no sound", "speech.audio-unreadable"),
        (np.random.default_rng(1).bytes(100_000), "speech.audio-unreadable"),
    ],
)
def test_a_file_that_is_no_sound_is_refused(client: Client, file: bytes | None, code: str) -> None:
    reply = client.hear(file, grammar=COMMANDS)
    assert (reply.status, reply.code) == (400, code)


def test_a_huge_form_is_refused(client: Client) -> None:
    reply = client.hear(bytes(26 * 1024 * 1024), grammar=COMMANDS)
    assert (reply.status, reply.code) == (413, "speech.too-large")


def test_a_small_file_that_unpacks_to_hours_is_refused(client: Client) -> None:
    made = io.BytesIO()
    soundfile.write(made, [0.0] * 16_000 * 600, 16_000, format="FLAC")
    reply = client.hear(made.getvalue(), grammar=COMMANDS)
    assert (reply.status, reply.code) == (413, "speech.audio-too-long")


def test_json_is_no_form(client: Client) -> None:
    reply = client.ask("POST", "/v1/audio/transcriptions", b"{}", {"Content-Type": "application/json"})
    assert (reply.status, reply.code) == (415, "speech.content-type")
    assert client.ask("POST", "/v1/audio/transcriptions", form({}, None), {"Content-Type": FORM}).status == 400


# --- files ------------------------------------------------------------------------------------------------------------

WRITTEN: list[str] = []
WATCHING: list[bool] = []


def note_writes(event: str, args: tuple[Any, ...]) -> None:
    if WATCHING and event == "open" and isinstance(args[0], (str, bytes)):
        mode, flags = args[1], args[2]
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if writes:
            WRITTEN.append(os.fsdecode(args[0]))


def test_no_file_is_written(client: Client) -> None:
    sys.addaudithook(note_writes)
    WATCHING.append(True)
    try:
        for kind in ("wav", "pcm", "flac", "mp3"):
            assert client.say(LONG[:600], response_format=kind).status == 200
        assert client.hear(spoken("open the door"), grammar=JSGF).status == 200
    finally:
        WATCHING.clear()
    assert WRITTEN == []
