"""Text as it goes to the speech engine: without characters that steer it, and in pieces that are said one by one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Espeak takes a control-A in a text for the start of a command to itself; a NUL ends the text; a lone surrogate has no
# UTF-8. Line feeds stay: they end a sentence.
_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# A stop, closing marks and white space; or a stop of a script that writes no spaces; or an empty line.
_SENTENCE_END = re.compile(r"(?<=\w{3})[.!?…]+[\"'”’»)\]]*\s+|[!?…]+[\"'”’»)\]]*\s+|[。！？।]+|\n+")  # noqa: RUF001
_PAUSE = re.compile(r"[,;:،、，；：]\s*|\s[–—-]\s")  # noqa: RUF001
_WHITE = re.compile(r"\s+")

_FIRST = 120
_MOST = 320


def clean(text: str) -> str:
    """Return `text` with a space in the place of each control character (a line feed excepted) and lone surrogate."""
    return _STEERING.sub(" ", text)


def segments(text: str, first: int = _FIRST, most: int = _MOST) -> Iterator[str]:
    """Cut a text into pieces, at the ends of sentences where it can be, so that the first is soon said.

    The pieces put together are the text. A full stop after a word of fewer than three letters ends nothing: it is
    mostly an abbreviation, and the engine knows better.

    Args:
        text: what is to be said.
        first: the most characters in the first piece, which is one sentence at most.
        most: the most characters in any other; sentences are put together up to this.
    """
    start, room = 0, first
    while start < len(text):
        end = _cut(text, start, room, whole=start > 0)
        yield text[start:end]
        start, room = end, most


def _cut(text: str, start: int, room: int, *, whole: bool) -> int:
    """Return where the piece that begins at `start` ends: after all sentences that fit, or after one unless `whole`."""
    if whole and len(text) - start <= room:
        return len(text)
    limit = min(start + room, len(text))
    best = 0
    for found in _SENTENCE_END.finditer(text, start):
        if found.end() > limit:
            break
        if text[start : found.end()].strip():
            best = found.end()
            if not whole:
                break
    if best:
        return best
    if limit == len(text):
        return limit
    for pattern in (_PAUSE, _WHITE):
        ends = [found.end() for found in pattern.finditer(text, start, limit)]
        if ends:
            return ends[-1]
    return limit
