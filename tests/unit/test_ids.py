from __future__ import annotations

import pytest

from jackfield.errors import RequestError
from jackfield.ids import (
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

KEY = "sk-live-" + "0123456789abcdef" * 5


@pytest.mark.parametrize(
    "text",
    ["a", "0", "zai", "z.ai", "z-ai", "z_ai", "a1", "1a", "openai-codex", "a..b", "a.-_b", "x" * 64],
)
def test_canonical_names_are_ids(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "A",
        "zAi",
        " zai",
        "zai ",
        "zai\n",
        ".zai",
        "zai.",
        "-zai",
        "zai-",
        "_zai",
        "zai_",
        "-",
        "a b",
        "a/b",
        "a:b",
        "a+b",
        "a\x00b",
        "x" * 65,
        "\u212aimi",
        "z\u0430i",
        "z\u200bai",
        "\uff5aai",
        "\u0661",
    ],
)
def test_everything_else_is_no_id(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("zai", "zai"),
        ("Z.AI", "z.ai"),
        (" zai ", "zai"),
        ("\t\r\n\f\vZAI\v\f\n\r\t", "zai"),
        ("", ""),
        (" \t", ""),
        ("a b", "a b"),
        ("\u212aimi", "\u212aimi"),
        ("  \u212aIMI ", "\u212aIMI"),
        ("\u00a0zai", "\u00a0zai"),
        ("ZA\u0406", "ZA\u0406"),
    ],
)
def test_canonical_id_trims_and_lowers_ascii_only(text: str, canonical: str) -> None:
    assert canonical_id(text) == canonical
    assert canonical_id(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        ("zai/glm-4.7", "zai", "glm-4.7"),
        (" ZAI / GLM-4.7 ", "zai", "GLM-4.7"),
        ("openrouter/meta-llama/Llama-3.1:free", "openrouter", "meta-llama/Llama-3.1:free"),
        ("a//", "a", "/"),
        ("z.ai/a:b@c", "z.ai", "a:b@c"),
        ("a/b c", "a", "b c"),
        ("amazon-bedrock/arn:aws:x/y", "amazon-bedrock", "arn:aws:x/y"),
    ],
)
def test_model_ref_is_split_at_the_first_slash(text: str, provider: str, model: str) -> None:
    ref = parse_model_ref(text)
    assert ref == ModelRef(provider, model)
    assert parse_model_ref(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    ["", "zai", "/", "zai/", "zai/ \t", "/glm", "a b/c", "-a/b", "z\u0430i/glm", "x" * 65 + "/m", "a/b\nc", "a/\x00b"],
)
def test_what_is_no_model_ref_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_model_ref(text)
    assert caught.value.code == "ref.model"
    assert caught.value.fix == "Write it as provider/model."


@pytest.mark.parametrize(
    ("text", "provider", "name"),
    [
        ("zai:default", "zai", "default"),
        (" Z.AI:Work ", "z.ai", "Work"),
        ("google:Ann@Example.org", "google", "Ann@Example.org"),
        ("a:b:c", "a", "b:c"),
        ("a::", "a", ":"),
        ("a:b/c", "a", "b/c"),
        ("a:\u00e9t\u00e9", "a", "\u00e9t\u00e9"),
        ("a:" + "n" * 200, "a", "n" * 200),
    ],
)
def test_profile_id_is_split_at_the_first_colon(text: str, provider: str, name: str) -> None:
    profile = parse_profile_id(text)
    assert profile == ProfileId(provider, name)
    assert parse_profile_id(str(profile)) == profile


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zai",
        ":",
        "zai:",
        ":x",
        "a b:c",
        "-a:b",
        "a:b c",
        "a: b",
        "a:\u00a0b",
        "a:\x07",
        "a:\ud800",
        "a:" + "n" * 201,
    ],
)
def test_what_is_no_profile_id_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_profile_id(text)
    assert caught.value.code == "ref.profile"
    assert caught.value.fix == "Write it as provider:name, without white space."


@pytest.mark.parametrize("value", [None, 7, b"zai/glm", ["zai/glm"], {}])
def test_refs_that_are_no_text_are_refused_by_type(value: object) -> None:
    for parse, code in ((parse_model_ref, "ref.model"), (parse_profile_id, "ref.profile")):
        with pytest.raises(RequestError) as caught:
            parse(value)  # type: ignore[arg-type]
        assert caught.value.code == code
        assert caught.value.message.startswith(f"a value of type {type(value).__name__} is not")


@pytest.mark.parametrize("parse", [parse_model_ref, parse_profile_id])
def test_a_key_given_for_a_ref_is_not_repeated(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(RequestError) as caught:
        parse(KEY)
    assert KEY[8:20] not in str(caught.value.to_dict())
    assert f"a text of {len(KEY)} characters" in caught.value.message


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("default", True),
        ("Ann@Example.org", True),
        ("a:b", True),
        ("n" * 200, True),
        ("", False),
        ("n" * 201, False),
        ("a b", False),
        ("a\tb", False),
        ("a\u2003b", False),
        ("a\u200bb", False),
        ("a\x7f", False),
    ],
)
def test_profile_names_print_and_have_no_white_space(text: str, fits: bool) -> None:
    assert is_profile_name(text) is fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Work", "work"),
        ("  Work (EU) ", "work-eu"),
        ("a  b", "a-b"),
        ("ann@example.org", "ann-example.org"),
        ("a_b.c-d", "a_b.c-d"),
        ("--a--", "a"),
        ("a--b", "a--b"),
        ("\u00e9t\u00e9", "t"),
        ("", ""),
        ("()", ""),
        ("---", ""),
        ("x" * 300, "x" * 200),
        ("x" * 199 + " y", "x" * 199),
    ],
)
def test_slug_makes_a_profile_name(text: str, expected: str) -> None:
    assert slug(text) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("zai", "'zai'"),
        ("", "''"),
        ("x" * 64, repr("x" * 64)),
        ("x" * 65, "a text of 65 characters"),
        ("a\x1b[0m", "'a\\x1b[0m'"),
        (None, "a value of type NoneType"),
        (b"k", "a value of type bytes"),
    ],
)
def test_quoted_shows_names_and_hides_what_is_too_long_for_one(value: object, shown: str) -> None:
    assert quoted(value) == shown


def test_quoted_takes_another_limit() -> None:
    assert quoted("abcd", 3) == "a text of 4 characters"
    assert quoted("abc", 3) == "'abc'"
