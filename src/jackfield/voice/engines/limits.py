"""How much the embedded speech service takes on."""

from __future__ import annotations

from jackfield.records import field_names, record

_MIB = 1024 * 1024


@record
class ServiceLimits:
    """Bounds of the service; times in seconds, sizes in bytes.

    Attributes:
        connections: open connections; one more is told to come back.
        speeches: requests for speech at work or waiting for the engine.
        transcriptions: the same for recognition.
        idle_s: until the head of the next request has come, from the answer before it.
        body_s: until the body of a request has come.
        write_s: how long a client may take to make room for one part of an answer.
        work_s: from the whole request to the end of its work.
        text_chars: characters of one text to be said.
        json_bytes: body of a request for speech.
        audio_bytes: body of a request for recognition.
        held_bytes: bodies of all requests together.
        audio_s: seconds of sound of one recording.
        grammar_arcs: word transitions of one grammar.
    """

    connections: int = 64
    speeches: int = 32
    transcriptions: int = 16
    idle_s: float = 15.0
    body_s: float = 30.0
    write_s: float = 20.0
    work_s: float = 120.0
    text_chars: int = 16_384
    json_bytes: int = 256 * 1024
    audio_bytes: int = 25 * _MIB
    held_bytes: int = 100 * _MIB
    audio_s: float = 120.0
    grammar_arcs: int = 20_000

    def to_dict(self) -> dict[str, float]:
        """Return the bounds by name, JSON-ready."""
        return {name: getattr(self, name) for name in field_names(self)}
