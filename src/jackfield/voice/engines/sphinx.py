"""Speech in: pocketsphinx with its own model of American English.

With a grammar it tells commands apart. Without one it guesses at dictation, which it is not good for; the caller is
told which of the two it was.
"""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Any

from jackfield.records import record
from jackfield.voice.engines.audio import HEARD_RATE
from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jackfield.voice.engines.grammar import Graph

# The decoder keeps the interpreter to itself for the length of one call: about a fifth of this much sound.
_BLOCK_BYTES = HEARD_RATE // 20 * 2
_FRAMES_S = 100
_START, _END = 0, 1
# The cepstral mean that the model's own settings begin with.
_MEAN = "40,3,-1"
_QUIET = "FATAL"
_SEARCH = "request"
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*|\(NULL\)")
_ALTERNATIVE = re.compile(r"\(\d+\)$")
_SHOWN = 10
_SHOWN_WORD = 40


@record
class Spoken:
    """A word that was heard, and when, in seconds from the start."""

    word: str
    start: float
    end: float


@record
class Heard:
    """What was heard; no words when nothing fits."""

    words: tuple[Spoken, ...]

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(each.word for each in self.words)


class Recogniser:
    """The decoders, each loaded when it is first needed. One recording at a time: the caller holds `lock`."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._commands: Any = None
        self._dictation: Any = None

    @property
    def loaded(self) -> bool:
        """Whether a model is in memory."""
        return self._commands is not None or self._dictation is not None

    def hear(self, pcm: bytes, graph: Graph | None, check: Callable[[], None]) -> Heard:
        """Return what is said in a recording.

        What is heard depends on this recording alone, not on those before.

        Args:
            pcm: 16-bit little-endian samples, one channel, 16 kHz.
            graph: what may be said; None for any English, which is heard badly.
            check: called some twenty times for each second of sound; raises to give up.

        Raises:
            SpeechError: `speech.word-unknown` when the dictionary has no pronunciation of a word of the grammar,
                `speech.engine-failed`, or what `check` raises.
        """
        decoder = self._decoder(graph is None)
        try:
            if graph is None:
                return _decode(decoder, pcm, check)
            _require_known(decoder, graph)
            made = decoder.create_fsg(_SEARCH, _START, _END, [tuple(arc) for arc in graph.arcs])
            decoder.add_fsg(_SEARCH, made)
            decoder.activate_search(_SEARCH)
            return _decode(decoder, pcm, check)
        except (RuntimeError, ValueError, KeyError) as error:
            message = "The recogniser failed on this recording."
            raise SpeechError(500, message, code="speech.engine-failed") from error

    def _decoder(self, dictation: bool) -> Any:
        import pocketsphinx

        if dictation:
            if self._dictation is None:
                self._dictation = pocketsphinx.Decoder(loglevel=_QUIET)
            return self._dictation
        if self._commands is None:
            # The best path through the word lattice may end where no sentence of the grammar does.
            self._commands = pocketsphinx.Decoder(lm=None, bestpath=False, loglevel=_QUIET)
        return self._commands


def _decode(decoder: Any, pcm: bytes, check: Callable[[], None]) -> Heard:
    """Run the recording through twice: first for its mean spectrum, then, with that taken away, for its words.

    A mean that follows the sound block by block makes more than twice the errors in the first words of a recording, and
    taking the whole recording in one call would keep the interpreter from every other thread meanwhile.
    """
    decoder.set_cmn(_MEAN)
    decoder.start_utt()
    try:
        _feed(decoder, pcm, check, search=False)
        mean = decoder.get_cmn(True)
    finally:
        decoder.end_utt()
    decoder.set_cmn(mean)
    decoder.start_utt()
    try:
        _feed(decoder, pcm, check, search=True)
    finally:
        decoder.end_utt()
    return Heard(tuple(_words(decoder)) if decoder.hyp() is not None else ())


def _feed(decoder: Any, pcm: bytes, check: Callable[[], None], *, search: bool) -> None:
    for place in range(0, len(pcm), _BLOCK_BYTES):
        check()
        decoder.process_raw(pcm[place : place + _BLOCK_BYTES], no_search=not search)


def _words(decoder: Any) -> Iterator[Spoken]:
    """Yield what was heard, without silence, breath and noise, and without marks of a second pronunciation."""
    for each in decoder.seg():
        if not _FILLER.fullmatch(each.word):
            word = _ALTERNATIVE.sub("", each.word)
            yield Spoken(word, each.start_frame / _FRAMES_S, (each.end_frame + 1) / _FRAMES_S)


def _require_known(decoder: Any, graph: Graph) -> None:
    unknown = [word for word in graph.words if _FILLER.fullmatch(word) or decoder.lookup_word(word) is None]
    if unknown:
        shown = ", ".join(repr(word[:_SHOWN_WORD]) for word in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise SpeechError(
            400,
            f"The dictionary of American English has no pronunciation of {shown}{more}.",
            code="speech.word-unknown",
            param="grammar",
            fix="Use other words, and write numbers out.",
        )
