"""Speech out: the espeak-ng library through ctypes.

The library has one state for the whole process (the voice, the rate, the callback), so one thread at a time is in it;
at some 600 times the speed of speech that is enough. Its header, `speak_lib.h` of espeak-ng 1.52, is what the types and
numbers below follow.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from jackfield.records import record
from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_VOICE = "en-us"

_SYNCHRONOUS = 2
_NO_EXIT = 0x8000
_UTF8 = 1
_END_PAUSE = 0x1000
_RATE, _RATE_NORMAL, _RATE_LOWEST = 1, 175, 80
_BUFFER_MS = 100
_ABORT, _GO_ON = 1, 0
_GENDERS: Mapping[int, str] = {1: "male", 2: "female"}
_SHOWN = 64


@record
class Voice:
    """A language that can be spoken.

    Attributes:
        id: what a request names it by, such as `en-us`.
        name: what it is called, such as `English (America)`.
        languages: BCP 47 tags it serves, the best first.
        file: what the library names it by.
    """

    id: str
    name: str
    languages: tuple[str, ...]
    file: str


@record
class Variant:
    """A way of speaking that goes with any voice, written `en-us+f3`; `gender` is `male`, `female` or None."""

    id: str
    gender: str | None


class _VoiceRow(ctypes.Structure):
    """`espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, loaded and ready to speak. Safe to use from several threads; there is one for a process.

    Raises:
        ImportError: the package espeakng-loader is not installed.
        OSError: its library cannot be loaded, or its data cannot be read.
    """

    def __init__(self) -> None:
        import espeakng_loader

        self._lock = Lock()
        self._library = _load(espeakng_loader.get_library_path())
        self._data = data = Path(espeakng_loader.get_data_path())
        self.sample_rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, bytes(data), _NO_EXIT)
        if self.sample_rate <= 0:
            raise OSError("The data of espeak-ng cannot be read.")
        self.version: str = self._library.espeak_Info(None).decode("ascii", "replace")
        self._pieces: list[bytes] = []
        self._stopped: Callable[[], bool] = _never
        # The library keeps the pointer only, so the object has to live as long.
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._served: list[tuple[int, str, str]] = []
        self.voices = tuple(sorted(self._voices(), key=lambda voice: voice.id))
        self.variants = tuple(sorted(self._variants(), key=lambda variant: variant.id.lower()))
        self._names = _names(self.voices, self._served)
        self._variant_names = {variant.id.lower(): variant.id for variant in self.variants}
        self._set: str | None = None

    def resolve(self, name: str) -> str:
        """Return the library's name of a voice, from its id, name or language tag, with or without `+variant`.

        Letter case does not matter.

        Raises:
            SpeechError: `speech.voice-unknown`.
        """
        base, plus, variant = name.strip().lower().partition("+")
        file = self._names.get(base.replace("_", "-"))
        if file is None or (plus and variant not in self._variant_names):
            raise self._unknown(name, base, "" if file is None else variant)
        return f"{file}+{self._variant_names[variant]}" if plus else file

    def say(self, text: str, voice: str, speed: float, *, pause: bool, stopped: Callable[[], bool]) -> bytes:
        """Return `text` spoken: 16-bit little-endian samples, one channel, `sample_rate` a second.

        The same text may differ by some samples from one time to the next: the engine keeps a state of its own.

        Args:
            text: without control characters (see `jackfield.voice.engines.text.clean`).
            voice: what `resolve` returned.
            speed: 1 is the engine's usual speed of 175 words a minute; it speaks no slower than 80.
            pause: end with the pause that follows a sentence.
            stopped: asked about every tenth of a second of sound; what was said until then is returned.

        Raises:
            SpeechError: `speech.engine-failed`.
        """
        spoken = text.encode("utf-8", "replace")
        flags = _UTF8 | (_END_PAUSE if pause else 0)
        with self._lock:
            if stopped():
                return b""
            self._prepare(voice, speed)
            self._pieces, self._stopped = [], stopped
            try:
                status = self._library.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, flags, None, None)
                pieces = self._pieces
            finally:
                self._pieces, self._stopped = [], _never
        if status != 0:
            raise _failed("did not speak", status)
        return b"".join(pieces)

    def _prepare(self, voice: str, speed: float) -> None:
        if self._set != voice:
            self._set = None
            status = self._library.espeak_SetVoiceByName(voice.encode())
            if status != 0:
                raise _failed("did not take its voice", status)
            self._set = voice
        self._library.espeak_SetParameter(_RATE, max(_RATE_LOWEST, round(_RATE_NORMAL * speed)), 0)

    def _take(self, samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return _ABORT if self._stopped() else _GO_ON

    def _voices(self) -> Iterator[Voice]:
        """Yield a voice for each language; where two share their first tag, the second goes by its file's name."""
        taken: set[str] = set()
        for row in self._rows(None):
            file = row.identifier.decode()
            served = [(priority, tag.lower()) for priority, tag in _tags(row.languages)]
            tags = tuple(tag for _, tag in served)
            key = next((each for each in (*tags[:1], file.rpartition("/")[2].lower()) if each not in taken), None)
            if key is not None and self._has_words(file):
                taken.add(key)
                self._served += [(priority, tag, file) for priority, tag in served]
                yield Voice(key, row.name.decode("utf-8", "replace").strip(), tags, file)

    def _has_words(self, file: str) -> bool:
        """Tell whether a voice has its rules of pronunciation: some are listed without, and say nothing at all."""
        if (self._data / f"{file.rpartition('/')[2].partition('-')[0]}_dict").exists():
            return True
        told = (self._data / "lang" / file).read_text("utf-8", "replace")
        named = [words[1] for line in told.splitlines() if len(words := line.split()) > 1 and words[0] == "dictionary"]
        return any((self._data / f"{name}_dict").exists() for name in named)

    def _variants(self) -> Iterator[Variant]:
        wanted = ctypes.create_string_buffer(b"variant")
        asked = _VoiceRow(languages=ctypes.cast(wanted, ctypes.c_void_p))
        for row in self._rows(ctypes.byref(asked)):
            yield Variant(row.identifier.decode().removeprefix("!v/"), _GENDERS.get(row.gender))

    def _rows(self, asked: object) -> Iterator[Any]:
        table = self._library.espeak_ListVoices(asked)
        place = 0
        while table[place]:
            yield table[place].contents
            place += 1

    def _unknown(self, name: str, base: str, variant: str) -> SpeechError:
        import difflib

        known = list(self._variant_names) if variant else list(self._names)
        near = difflib.get_close_matches((variant or base)[:_SHOWN], known, n=3)
        shown = repr(name) if len(name) <= _SHOWN and name.isprintable() else f"of {len(name)} characters"
        fix = f"Did you mean {' or '.join(near)}?" if near else "GET /v1/audio/voices lists the voices."
        message = f"There is no voice {shown}."
        return SpeechError(400, message, code="speech.voice-unknown", param="voice", fix=fix)


def applied_speed(speed: float) -> float:
    """Return the speed that is heard when `speed` is asked for: no less than 80 words a minute."""
    return max(speed, _RATE_LOWEST / _RATE_NORMAL)


def _never() -> bool:
    return False


def _load(path: str) -> Any:
    """Return the library with the types of what is called; a C library's functions have no types of their own."""
    library: Any = ctypes.CDLL(path)
    text, number = ctypes.c_char_p, ctypes.c_int
    library.espeak_Initialize.argtypes = (number, number, text, number)
    library.espeak_Info.argtypes, library.espeak_Info.restype = (ctypes.c_void_p,), text
    library.espeak_SetSynthCallback.argtypes, library.espeak_SetSynthCallback.restype = (_Callback,), None
    library.espeak_SetVoiceByName.argtypes = (text,)
    library.espeak_SetParameter.argtypes = (number, number, number)
    library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRow))
    places = (ctypes.c_uint, number, ctypes.c_uint, ctypes.c_uint)
    library.espeak_Synth.argtypes = (text, ctypes.c_size_t, *places, ctypes.c_void_p, ctypes.c_void_p)
    return library


def _tags(place: int) -> Iterator[tuple[int, str]]:
    """Read the pairs of a priority byte (lower is better) and a language tag that end with a zero byte."""
    while (priority := ctypes.string_at(place, 1)) != b"\0":
        tag = ctypes.string_at(place + 1)
        yield priority[0], tag.decode("ascii", "replace")
        place += len(tag) + 2


def _names(voices: tuple[Voice, ...], served: list[tuple[int, str, str]]) -> dict[str, str]:
    """Return the file of each name a voice may be called by; an id beats a tag, and a tag a display name.

    Args:
        voices: all of them.
        served: priority, language tag and file of every language that a voice serves.
    """
    names = {voice.id: voice.file for voice in voices}
    for _, tag, file in sorted(served):
        names.setdefault(tag, file)
    # Two kinds of English have the same priority for the language as a whole.
    names["en"] = names[DEFAULT_VOICE]
    for voice in voices:
        names.setdefault(voice.name.lower(), voice.file)
    return names


def _failed(what: str, status: int) -> SpeechError:
    return SpeechError(500, f"The speech engine {what} (its status is {status}).", code="speech.engine-failed")
