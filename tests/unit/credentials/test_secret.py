from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest

from jackfield.credentials.secret import Secret

CANARY = "sk-canary-0123456789"


@dataclass(frozen=True)
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r:>40}".format,
        "{0:>30}".format,
        lambda secret: f"{secret} {secret!r} {secret!s}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # the old way must not tell either
        lambda secret: repr([secret, {"key": secret}]),
        lambda secret: repr(Holder(secret)),
        lambda secret: json.dumps({"key": secret}, default=str),
        ascii,
    ],
)
def test_no_way_of_printing_a_secret_shows_it(show: object) -> None:
    assert callable(show)
    text = show(Secret(CANARY))
    assert CANARY not in text
    assert "[secret]" in text


def test_reveal_gives_it_out() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_a_log_record_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("key %s %r", Secret(CANARY), Secret(CANARY))
    assert "[secret]" in caplog.text
    assert CANARY not in caplog.text


def test_a_traceback_with_local_variables_does_not_show_it() -> None:
    secret = Secret(CANARY)
    try:
        secret.missing  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Secret([secret])" in text
    assert CANARY not in text.replace(f'CANARY = "{CANARY}"', "")


@pytest.mark.parametrize("refuse", [json.dumps, pickle.dumps, hash, vars, iter, len])
def test_it_is_not_serialisable_hashable_or_a_sequence(refuse: object) -> None:
    assert callable(refuse)
    with pytest.raises(TypeError) as caught:
        refuse(Secret(CANARY))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_object(duplicate: object) -> None:
    assert callable(duplicate)
    secret = Secret(CANARY)
    assert duplicate(secret) is secret


@pytest.mark.parametrize("change", [lambda each: setattr(each, "_value", "x"), lambda each: delattr(each, "_value")])
def test_it_cannot_be_changed(change: object) -> None:
    assert callable(change)
    secret = Secret(CANARY)
    with pytest.raises(AttributeError, match="cannot be changed"):
        change(secret)
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("a", "a", True),
        ("", "", True),
        ("a", "b", False),
        ("a", "aa", False),
        ("schlüssel", "schlüssel", True),
        ("\ud800", "\ud800", True),
        ("\ud800", "?", False),
    ],
)
def test_two_secrets_are_equal_when_their_texts_are(left: str, right: str, equal: bool) -> None:
    assert (Secret(left) == Secret(right)) is equal
    assert (Secret(left) != Secret(right)) is not equal


def test_a_secret_is_not_equal_to_its_text() -> None:
    assert Secret("a") != "a"


@pytest.mark.parametrize(("text", "truth"), [("", False), (" \n", False), ("x", True), (" x ", True)])
def test_a_blank_secret_is_false(text: str, truth: bool) -> None:
    assert bool(Secret(text)) is truth


@pytest.mark.parametrize("value", [None, 7, b"sk", ["sk"]])
def test_only_text_can_be_a_secret(value: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        Secret(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "preview"),
    [
        ("sk-proj-0123456789", "sk-p…6789"),
        ("123456789", "1234…6789"),
        ("12345678", "12…78"),
        ("12345", "12…45"),
        ("1234", "12…34"),
        ("123", "12…3"),
        ("12", "12…"),
        ("1", "1…"),
        ("", "…"),
        ("   ", "…"),
        ("  123456789\n", "1234…6789"),
    ],
)
def test_a_preview_shows_the_ends_alone(text: str, preview: str) -> None:
    assert Secret(text).preview() == preview
