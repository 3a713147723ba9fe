from __future__ import annotations

import string
from typing import TYPE_CHECKING, TypeVar

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jackfield.errors import RequestError
from jackfield.ids import (
    ID_PATTERN,
    ModelRef,
    ProfileId,
    canonical_id,
    is_id,
    is_profile_name,
    parse_model_ref,
    parse_profile_id,
    quoted,
    slug,
)

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

WHITE = " \t\r\n\f\v"
ids = st.from_regex(ID_PATTERN, fullmatch=True)
texts = st.one_of(st.text(max_size=40), st.text("aZ9._-:/ \t\u212a\u0130\u00e9", max_size=20))
around = st.text(WHITE, max_size=3)
names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40)
models = st.builds(
    "{}{}".format, names, st.text(string.ascii_letters + " /:@.-", max_size=20).map(lambda text: text.rstrip(WHITE))
)


def mixed_case(text: str, flips: list[bool]) -> str:
    return "".join(char.upper() if flip else char for char, flip in zip(text, flips, strict=False)) + text[len(flips) :]


def outcome(parse: Callable[[str], R], text: str) -> R | str:
    """Return what `parse` makes of `text`, or the code by which it refuses it."""
    try:
        return parse(text)
    except RequestError as error:
        return error.code


@given(texts)
@example("\u212a")
@example("\u0130")
def test_canonical_id_is_idempotent(text: str) -> None:
    once = canonical_id(text)
    assert canonical_id(once) == once


@given(texts, around, around)
def test_canonical_id_does_not_see_white_space_around(text: str, before: str, after: str) -> None:
    assert canonical_id(before + text + after) == canonical_id(text)


@given(texts)
def test_canonical_id_never_makes_ascii_of_what_is_not(text: str) -> None:
    assert canonical_id(text).isascii() is text.strip(WHITE).isascii()


@given(ids, st.lists(st.booleans(), max_size=64), around, around)
def test_an_id_is_reached_by_every_spelling(name: str, flips: list[bool], before: str, after: str) -> None:
    assert is_id(name)
    assert canonical_id(name) == name
    assert canonical_id(before + mixed_case(name, flips) + after) == name


@given(texts)
def test_what_is_an_id_has_the_documented_form(text: str) -> None:
    allowed = set(string.ascii_lowercase + string.digits + ".-_")
    ends = set(string.ascii_lowercase + string.digits)
    right = 1 <= len(text) <= 64 and set(text) <= allowed and text[0] in ends and text[-1] in ends
    assert is_id(text) is right


@given(ids, models)
def test_a_model_ref_reads_back_what_was_written(provider: str, model: str) -> None:
    assert parse_model_ref(str(ModelRef(provider, model))) == (provider, model)


@given(texts)
@settings(max_examples=300)
@example("a/\u2028")
def test_any_text_is_a_model_ref_or_refused_by_its_code(text: str) -> None:
    ref = outcome(parse_model_ref, text)
    if isinstance(ref, str):
        assert ref == "ref.model"
    else:
        assert is_id(ref.provider)
        assert ref.model.isprintable()
        assert ref.model == ref.model.strip(WHITE) != ""
        assert parse_model_ref(str(ref)) == ref


@given(ids, names)
def test_a_profile_id_reads_back_what_was_written(provider: str, name: str) -> None:
    assert is_profile_name(name)
    assert parse_profile_id(str(ProfileId(provider, name))) == (provider, name)


@given(texts)
@settings(max_examples=300)
def test_any_text_is_a_profile_id_or_refused_by_its_code(text: str) -> None:
    profile = outcome(parse_profile_id, text)
    if isinstance(profile, str):
        assert profile == "ref.profile"
    else:
        assert is_id(profile.provider)
        assert is_profile_name(profile.name)
        assert parse_profile_id(str(profile)) == profile


@given(st.one_of(texts, st.text("aB-._ \u00e9", max_size=400)))
@settings(max_examples=300)
@example("a" * 199 + "-b")
def test_a_slug_is_a_profile_name_or_empty_and_stays_as_it_is(text: str) -> None:
    made = slug(text)
    assert set(made) <= set(string.ascii_lowercase + string.digits + "._-")
    assert not made.startswith("-")
    assert not made.endswith("-")
    assert made == "" or is_profile_name(made)
    assert slug(made) == made


@given(st.text("abc-_.", min_size=1, max_size=30).filter(lambda text: text.strip("-") == text))
def test_what_is_a_slug_already_is_kept(text: str) -> None:
    assert slug(text) == text


@given(st.text(max_size=200), st.integers(0, 100))
def test_quoted_prints_on_one_line_and_keeps_to_its_limit(text: str, limit: int) -> None:
    shown = quoted(text, limit)
    assert shown.isprintable()
    assert (shown == repr(text)) is (len(text) <= limit)
