"""What of a text reaches the engine, and in which pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.voice.engines.text import clean, segments

LONG = "word " * 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("\x01450S fast", " 450S fast"),
        ("a\x00b\tc\rd\x7fe\x9ff", "a b c d e f"),
        ("lone \ud800 surrogate", "lone   surrogate"),
        ("\U0001f600 é 漢", "\U0001f600 é 漢"),
    ],
)
def test_characters_that_steer_the_engine_become_spaces(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("One.", ["One."]),
        ("One sentence. And two. And three.", ["One sentence. ", "And two. And three."]),
        ("Wait! Then go on.", ["Wait! ", "Then go on."]),
        ('He said "go there." She went.', ['He said "go there." ', "She went."]),
        ("Dr. No has 3.5 cats. Yes.", ["Dr. No has 3.5 cats. ", "Yes."]),
        ("First line\nsecond line", ["First line\n", "second line"]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("   \n\n Hello there. You.", ["   \n\n Hello there. ", "You."]),
    ],
)
def test_the_first_piece_is_one_sentence_and_the_rest_is_put_together(text: str, pieces: list[str]) -> None:
    assert list(segments(text)) == pieces


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a" * 300, "a" * 120),
        (LONG, "word " * 24),
        ("one two, " + "three " * 40, "one two, "),
    ],
)
def test_a_long_sentence_is_cut_at_a_pause_or_a_space_and_else_anywhere(text: str, first: str) -> None:
    assert next(segments(text)) == first


@given(st.text(alphabet=st.sampled_from("ab .,!?\n。"), max_size=400), st.integers(1, 30), st.integers(1, 60))
def test_the_pieces_put_together_are_the_text_and_none_is_too_long(text: str, first: int, most: int) -> None:
    pieces = list(segments(text, first, most))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= (most if place else first) for place, piece in enumerate(pieces))


def test_a_text_at_the_limit_is_cut_in_a_time_that_grows_with_its_length() -> None:
    text = "a. " * 5_000
    assert "".join(segments(text)) == text
