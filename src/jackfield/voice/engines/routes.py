"""What the embedded speech service answers at each of its addresses."""

from __future__ import annotations

import importlib.util
import json
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from jackfield.records import record
from jackfield.voice.engines.connection import Answer, GoneError, Request, Route, json_answer
from jackfield.voice.engines.espeak import DEFAULT_VOICE, applied_speed
from jackfield.voice.engines.faults import SpeechError
from jackfield.voice.engines.formats import FORMATS, Format
from jackfield.voice.engines.sphinx import Recogniser
from jackfield.voice.engines.text import clean, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jackfield.voice.engines.espeak import Espeak
    from jackfield.voice.engines.formats import Encoder
    from jackfield.voice.engines.grammar import Graph
    from jackfield.voice.engines.limits import ServiceLimits
    from jackfield.voice.engines.multipart import Part
    from jackfield.voice.engines.sphinx import Heard

SPEECH_MODEL = "espeak-ng"
HEARING_MODEL = "pocketsphinx"
HEARING_PACKAGES = ("pocketsphinx", "soundfile", "numpy")

_SLOWEST, _FASTEST = 0.25, 4.0
_LANGUAGE = "en"
_HEARING_FORMATS = ("json", "text", "verbose_json")
_DEFAULT_FORMAT = "mp3"
_LOCK_S = 0.05
_INSTALL = "Install it with: pip install 'jackfield[voice]'"
_ALLOWED_LANGUAGES = frozenset({"", "auto", "en", "en-us", "english"})
_NOTES: Mapping[str, str] = {
    "grammar": "The nearest sentence of the grammar, or nothing: words outside of it are not heard as what they are.",
    "dictation": "Open dictation is a guess: expect half of the words to be wrong. Send a grammar for commands.",
}


@record
class Speech:
    """A request for speech, checked."""

    text: str
    voice: str
    speed: float
    format: Format


class Routes:
    """The five addresses over the two engines.

    Args:
        espeak: the speech engine, ready.
        limits: how much is taken on.
    """

    def __init__(self, espeak: Espeak, limits: ServiceLimits) -> None:
        self._espeak = espeak
        self._limits = limits
        self._recogniser = Recogniser()

    def table(self) -> Mapping[str, Mapping[str, Route]]:
        """Return the routes by address, then by method."""
        limits = self._limits
        speech = Route(self.speech, limits.json_bytes, BoundedSemaphore(limits.speeches))
        hearing = Route(self.transcription, limits.audio_bytes, BoundedSemaphore(limits.transcriptions))
        return {
            "/health": {"GET": Route(self.health, is_open=True)},
            "/v1/models": {"GET": Route(self.models)},
            "/v1/audio/voices": {"GET": Route(self.voices)},
            "/v1/audio/speech": {"POST": speech},
            "/v1/audio/transcriptions": {"POST": hearing},
        }

    # --- what there is --------------------------------------------------------------------------------------------

    def health(self, _request: Request) -> Answer:
        """Tell whether each half can do its job now, and if not, why and what to do."""
        missing = missing_packages(HEARING_PACKAGES)
        hearing: dict[str, object] = {"state": "ready", "engine": HEARING_MODEL, "good_for": "commands"}
        hearing["loaded"] = self._recogniser.loaded
        if missing:
            hearing |= {"state": "missing", "reason": f"Not installed: {', '.join(missing)}.", "fix": _INSTALL}
        speech: dict[str, object] = {"state": "ready", "engine": SPEECH_MODEL, "version": self._espeak.version}
        speech["formats"] = [name for name, each in FORMATS.items() if not missing_packages((each.package or "sys",))]
        state = "degraded" if missing else "ready"
        return json_answer({"status": state, "speech": speech, "transcription": hearing})

    def models(self, _request: Request) -> Answer:
        """List the two models."""
        ids = (SPEECH_MODEL, HEARING_MODEL)
        return json_answer(
            {
                "object": "list",
                "data": [{"id": each, "object": "model", "created": 0, "owned_by": "local"} for each in ids],
            }
        )

    def voices(self, _request: Request) -> Answer:
        """List the voices, and the variants that go with each as `voice+variant`."""
        voices = [
            {"id": voice.id, "name": voice.name, "languages": list(voice.languages)} for voice in self._espeak.voices
        ]
        variants = [{"id": variant.id, "gender": variant.gender} for variant in self._espeak.variants]
        return json_answer({"voices": voices, "variants": variants, "default": DEFAULT_VOICE})

    # --- speech out -----------------------------------------------------------------------------------------------

    def speech(self, request: Request) -> Answer:
        """Speak a text: piece by piece as it is made, when there is more than one and the format allows it."""
        asked = self._read_speech(request)
        pieces = list(segments(asked.text))
        headers = {"X-Speech-Model": SPEECH_MODEL, "X-Speech-Speed": f"{applied_speed(asked.speed):.3g}"}
        spoken = self._pieces(asked, pieces, request.check)
        if len(pieces) > 1 and asked.format.streams:
            encoder = asked.format.encoder(self._espeak.sample_rate)
            return Answer(asked.format.media_type, _encoded(encoder, spoken), headers)
        pcm = b"".join(spoken)
        encoder = asked.format.encoder(self._espeak.sample_rate, len(pcm) // 2)
        return Answer(asked.format.media_type, encoder.feed(pcm) + encoder.finish(), headers)

    def _pieces(self, asked: Speech, pieces: list[str], check: Callable[[], None]) -> Iterator[bytes]:
        """Yield each piece spoken. Between two the engine is free for others, also while a slow client takes one."""
        for place, piece in enumerate(pieces, 1):
            yield self._say(asked, piece, check, pause=place < len(pieces))

    def _say(self, asked: Speech, piece: str, check: Callable[[], None], *, pause: bool) -> bytes:
        """Return one piece spoken; raise what `check` raises, which the engine itself cannot pass on."""
        raised: list[GoneError | SpeechError] = []

        def stopped() -> bool:
            try:
                check()
            except (GoneError, SpeechError) as error:
                raised.append(error)
            return bool(raised)

        pcm = self._espeak.say(piece, asked.voice, asked.speed, pause=pause, stopped=stopped)
        if raised:
            raise raised[0]
        return pcm

    def _read_speech(self, request: Request) -> Speech:
        given = _json_object(request)
        text = given.get("input")
        if not isinstance(text, str):
            raise _wrong("input", "The input is not a text.", "speech.input")
        if len(text) > self._limits.text_chars:
            fix = f"Send at most {self._limits.text_chars} characters at a time."
            raise _wrong("input", f"The input has {len(text)} characters.", "speech.input-too-long", fix)
        text = clean(text)
        if not text.strip():
            raise _wrong("input", "The input is empty.", "speech.input")
        _require_model(given.get("model"), SPEECH_MODEL)
        if given.get("stream_format") not in (None, "audio"):
            raise _wrong("stream_format", "Speech is streamed as audio only.", "speech.format")
        return Speech(text, self._voice(given.get("voice")), _speed(given.get("speed")), _format(given))

    def _voice(self, voice: object) -> str:
        name = voice.get("id") if isinstance(voice, dict) else voice
        if name is None:
            name = DEFAULT_VOICE
        if not isinstance(name, str):
            raise _wrong("voice", "The voice is neither a name nor an object with an id.", "speech.voice-unknown")
        return self._espeak.resolve(name)

    # --- speech in ------------------------------------------------------------------------------------------------

    def transcription(self, request: Request) -> Answer:
        """Tell what is said in a recording: with a grammar one of its sentences, else a guess."""
        from jackfield.voice.engines.multipart import read_form

        missing = missing_packages(HEARING_PACKAGES)
        if missing:
            message = f"Recognition needs packages that are not installed: {', '.join(missing)}."
            raise SpeechError(501, message, code="speech.recognition-missing", fix=_INSTALL)
        parts = read_form(request.body, request.content_type)
        fields = {part.name: part for part in parts}
        _require_model(_text(fields, "model"), HEARING_MODEL)
        shape = _text(fields, "response_format") or "json"
        if shape not in _HEARING_FORMATS:
            fix = f"It is one of {', '.join(_HEARING_FORMATS)}."
            raise _wrong("response_format", "The response_format is not one of this service.", "speech.format", fix)
        if (_text(fields, "language") or "").strip().lower() not in _ALLOWED_LANGUAGES:
            raise _wrong("language", "Only American English is understood.", "speech.language", "Send language=en.")
        if (_text(fields, "stream") or "false").lower() not in {"false", "0"}:
            raise _wrong("stream", "A transcription comes in one piece only.", "speech.format")
        if "file" not in fields or not fields["file"].data:
            raise _wrong("file", "There is no file, or it is empty.", "speech.audio-empty")
        graph = self._graph(fields)
        heard, seconds = self._hear(fields["file"].data, graph, request.check)
        return _heard_answer(heard, seconds, "dictation" if graph is None else "grammar", shape)

    def _graph(self, fields: Mapping[str, Part]) -> Graph | None:
        """Return the grammar of a request: the field `grammar`, or a `prompt` that says it is JSGF."""
        from jackfield.voice.engines.grammar import is_jsgf, read_grammar

        grammar, prompt = _text(fields, "grammar"), _text(fields, "prompt")
        if grammar is None and prompt is not None and is_jsgf(prompt):
            grammar = prompt
        return None if grammar is None else read_grammar(grammar, self._limits.grammar_arcs)

    def _hear(self, data: bytes, graph: Graph | None, check: Callable[[], None]) -> tuple[Heard, float]:
        from jackfield.voice.engines.audio import HEARD_RATE, recording

        with _turn(self._recogniser, check):
            # Inside the turn also: a recording at work takes some of its own size in memory.
            pcm = recording(data, self._limits.audio_s, check)
            return self._recogniser.hear(pcm, graph, check), len(pcm) / 2 / HEARD_RATE


def _encoded(encoder: Encoder, spoken: Iterator[bytes]) -> Iterator[bytes]:
    for pcm in spoken:
        yield encoder.feed(pcm)
    yield encoder.finish()


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Return those of the modules that are not installed; none is imported."""
    return [name for name in names if importlib.util.find_spec(name) is None]


@contextmanager
def _turn(recogniser: Recogniser, check: Callable[[], None]) -> Iterator[None]:
    """Wait for the recogniser, but not for longer than somebody waits for the answer."""
    while not recogniser.lock.acquire(timeout=_LOCK_S):
        check()
    try:
        yield
    finally:
        recogniser.lock.release()


def _heard_answer(heard: Heard, seconds: float, mode: str, shape: str) -> Answer:
    headers = {"X-Speech-Model": HEARING_MODEL, "X-Speech-Mode": mode}
    if shape == "text":
        return Answer("text/plain; charset=utf-8", heard.text.encode() + b"\n", headers)
    told: dict[str, object] = {"text": heard.text}
    if shape == "verbose_json":
        words = [{"word": each.word, "start": each.start, "end": each.end} for each in heard.words]
        segment = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": heard.text}
        told = {"task": "transcribe", "language": _LANGUAGE, "duration": seconds, **told, "words": words}
        told["segments"] = [segment] if words else []
    told["jackfield"] = {
        "engine": HEARING_MODEL,
        "mode": mode,
        "matched": bool(heard.words),
        "note": _NOTES[mode],
    }
    return json_answer(told, headers=headers)


def _json_object(request: Request) -> Mapping[str, object]:
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        message = "The request is not JSON."
        fix = "Send it with Content-Type: application/json."
        raise SpeechError(415, message, code="speech.content-type", fix=fix)
    try:
        given = json.loads(request.body)
    except (ValueError, RecursionError):
        raise SpeechError(400, "The request cannot be read as JSON.", code="speech.json") from None
    if not isinstance(given, dict):
        raise SpeechError(400, "The request is not a JSON object.", code="speech.json")
    return given


def _require_model(model: object, own: str) -> None:
    if model is None or model in ("", own):
        return
    message = "This service has no such model."
    raise SpeechError(404, message, code="speech.model-unknown", param="model", fix=f"Its model is {own}.")


def _speed(speed: object) -> float:
    number = 1.0 if speed is None else speed
    # A bool is a number to Python; NaN is between nothing.
    if isinstance(number, bool) or not isinstance(number, int | float) or not _SLOWEST <= number <= _FASTEST:
        message = f"The speed is not a number from {_SLOWEST:g} to {_FASTEST:g}."
        raise _wrong("speed", message, "speech.speed")
    return float(number)


def _format(given: Mapping[str, object]) -> Format:
    name = given.get("response_format")
    name = _DEFAULT_FORMAT if name is None else name
    found = FORMATS.get(name) if isinstance(name, str) else None
    if found is None:
        fix = f"It is one of {', '.join(FORMATS)}."
        raise _wrong("response_format", "The response_format is not one of this service.", "speech.format", fix)
    return found


def _text(fields: Mapping[str, Part], name: str) -> str | None:
    if name not in fields:
        return None
    try:
        return fields[name].data.decode()
    except UnicodeDecodeError:
        raise _wrong(name, f"The field {name} is not UTF-8.", "speech.form") from None


def _wrong(param: str, message: str, code: str, fix: str | None = None) -> SpeechError:
    return SpeechError(400, message, code=code, param=param, fix=fix)
