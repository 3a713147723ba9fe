"""Pasted keys: what comes along with a key is taken off, and what is no key is told without repeating it."""

from __future__ import annotations

import pytest

from jackfield.auth.keys import key_complaint, normalize_key
from jackfield.providers.block import ApiKey

SHELL = ApiKey(prompt="Key")
TRIM = ApiKey(prompt="Key", normalize="trim")
TOKEN = ApiKey(prompt="Token", normalize="trim", prefix="sk-ant-oat01-", min_length=80)

FORMS = {
    "sk-abc": "sk-abc",
    "  sk-abc \r\n": "sk-abc",
    "export ACME_API_KEY=sk-abc": "sk-abc",
    'export ACME_API_KEY="sk-abc"': "sk-abc",
    "export ACME_API_KEY='sk-abc';": "sk-abc",
    "export  ACME_API_KEY = `sk-abc` ; \n": "sk-abc",
    'ACME_API_KEY="sk-abc;"': "sk-abc",
    "set ACME_API_KEY=sk-abc": "sk-abc",
    "A=sk-abc;;": "sk-abc",
    '"sk-abc"': "sk-abc",
    "`sk-abc`": "sk-abc",
    '" sk-abc "': "sk-abc",
    # A key that ends in = is no assignment, and one with = inside keeps what is behind it.
    "sk-abc==": "sk-abc==",
    "dGVzdA==": "dGVzdA==",
    "KEY=dGVzdA==": "dGVzdA==",
    "KEY=a=b": "a=b",
    # Quotes that are no pair belong to the key.
    "\"sk-abc'": "\"sk-abc'",
    '"': '"',
    '""': "",
    ";": "",
    "": "",
    "   ": "",
}


@pytest.mark.parametrize(("pasted", "key"), FORMS.items())
def test_shell_cleaning_takes_off_what_came_along(pasted: str, key: str) -> None:
    assert normalize_key(SHELL, pasted) == key


@pytest.mark.parametrize("pasted", FORMS)
def test_cleaning_twice_is_cleaning_once(pasted: str) -> None:
    once = normalize_key(SHELL, pasted)
    # Only a value that is itself an assignment may be taken apart again, which no vendor's key is.
    assert once == "a=b" or normalize_key(SHELL, once) == once


@pytest.mark.parametrize("pasted", ['export A="b"', '"quoted"', "a;", "A=b"])
def test_trim_cleaning_takes_off_white_space_alone(pasted: str) -> None:
    assert normalize_key(TRIM, f" \t{pasted}\n") == pasted


@pytest.mark.parametrize(
    ("spec", "pasted", "complaint"),
    [
        (SHELL, "", "Required"),
        (SHELL, " \n\t ", "Required"),
        (SHELL, 'export KEY=""', "Required"),
        (SHELL, "x", None),
        (SHELL, "k" * 8_192, None),
        (SHELL, "k" * 8_193, "That is 8,193 characters long: no key is. Paste the key alone."),
        (TOKEN, "sk-ant-api-" + "x" * 90, "Expected it to start with sk-ant-oat01-"),
        (
            TOKEN,
            "sk-ant-oat01-short",
            "That is too short: 18 characters, at least 80 expected. Paste the whole of it.",
        ),
        (
            TOKEN,
            "sk-ant-oat01-".ljust(79, "x"),
            "That is too short: 79 characters, at least 80 expected. Paste the whole of it.",
        ),
        (TOKEN, "sk-ant-oat01-".ljust(80, "x"), None),
    ],
)
def test_a_complaint_says_what_is_wrong(spec: ApiKey, pasted: str, complaint: str | None) -> None:
    assert key_complaint(spec, pasted) == complaint


@pytest.mark.parametrize(
    "inside",
    ["\n", "\r\n", " ", "\t", "\0", "\x1b[31m", "\x7f", "\u00e9", "\u200b", "\u202e", "\u3000", "\U0001f511", "\ud800"],
)
def test_a_key_of_other_than_printable_ascii_is_refused_without_being_repeated(inside: str) -> None:
    complaint = key_complaint(SHELL, f"sk-canary{inside}rest-of-it")

    assert complaint == "A key has no white space, control characters or letters outside ASCII. Paste it again."


def test_no_complaint_repeats_the_key() -> None:
    secret = "sk-canary-0123456789"

    for spec in (SHELL, TOKEN):
        for pasted in (secret, f"{secret} x", secret * 600):
            assert secret not in (key_complaint(spec, pasted) or "")
