"""What logins and logouts leave of a config's text: only their own leaves differ, whatever the file looks like."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.config.document import Document
from jackfield.config.file import Change, apply_changes
from jackfield.config.host import default_model_changes, forget_changes, profile_changes
from jackfield.config.settings import read_settings

NAMES = ("acme", "acme-ai", "a.c.m.e")
PROFILE = ("auth", "profiles", "acme:work")
ENTRY = {"provider": "acme", "mode": "oauth", "email": "me@example.test"}


def value_of(text: str) -> Any:
    return Document.parse(text).value


def profile(text: str, mode: str = "oauth", email: str | None = None) -> list[tuple[tuple[str, ...], object]]:
    return list(profile_changes(value_of(text), NAMES, "acme:work", mode, email))


def after(text: str, changes: list[tuple[tuple[str, ...], object]]) -> Document:
    return apply_changes(Document.parse(text), [Change(*each) for each in changes])


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        ("{provider: 'acme', mode: 'oauth', email: 'me@example.test'}", []),
        ("{email: 'me@example.test', mode: 'oauth', provider: 'acme', note: 'mine'}", []),
        ("{provider: 'acme', mode: 'oauth', email: 'old@example.test'}", [((*PROFILE, "email"), "me@example.test")]),
        ("{provider: 'acme', mode: 'token', email: 'me@example.test'}", [((*PROFILE, "mode"), "oauth")]),
        ("{provider: 'acme-ai', mode: 'oauth', email: 'me@example.test'}", [((*PROFILE, "provider"), "acme")]),
        ("null", [(PROFILE, ENTRY)]),
    ],
)
def test_of_an_old_entry_only_the_fields_that_differ_are_written(old: str, expected: list[Any]) -> None:
    assert profile(f"{{auth: {{profiles: {{'acme:work': {old}}}}}}}", email="me@example.test") == expected


def test_an_email_of_an_earlier_login_goes_when_the_new_one_has_none() -> None:
    text = "{auth: {profiles: {'acme:work': {provider: 'acme', mode: 'oauth', email: 'old@example.test', note: 1}}}}"

    changes = profile(text, "api_key")

    assert changes == [((*PROFILE, "mode"), "api_key"), ((*PROFILE, "email"), None)]
    assert read_settings(after(text, changes).value).profiles[0].email is None
    assert "note: 1" in after(text, changes).text


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("{other: ['other:a']}", []),
        ("{acme: ['acme:work']}", []),
        ("{acme: ['acme:a', 'acme:work', 'acme:b']}", [("acme", ["acme:work", "acme:a", "acme:b"])]),
        ("{acme: ['acme:work', 'acme:a', 'acme:work']}", [("acme", ["acme:work", "acme:a"])]),
        ("{' A.C.M.E ': ['acme:a']}", [(" A.C.M.E ", ["acme:work", "acme:a"])]),
        ("{other: ['x:y'], ACME: ['acme:a']}", [("ACME", ["acme:work", "acme:a"])]),
        ("{'acme-ai': [], acme: ['acme:b']}", []),
        ("null", []),
        ("5", []),
    ],
)
def test_in_an_order_that_exists_the_profile_comes_first_under_the_key_as_written(
    order: str, expected: list[tuple[str, object]]
) -> None:
    text = f"{{auth: {{profiles: {{'acme:work': {{provider: 'acme', mode: 'oauth'}}}}, order: {order}}}}}"

    assert profile(text) == [(("auth", "order", key), ids) for key, ids in expected]


def test_the_order_that_is_written_is_the_one_that_is_read() -> None:
    text = "{auth: {order: {'Acme-AI': ['acme:a'], acme: ['acme:b']}}}"

    assert read_settings(after(text, profile(text)).value).order_of(NAMES) == ("acme:work", "acme:a")


def test_fallbacks_and_unknown_fields_of_the_default_model_stay() -> None:
    text = "{agents: {defaults: {model: {primary: 'other/x', fallbacks: ['third/y'], more: 1}, workspace: '~'}}}"

    changed = after(text, list(default_model_changes(value_of(text), "acme/one", None)))

    assert changed.text == text.replace("other/x", "acme/one")


def test_a_login_and_its_logout_touch_no_other_text() -> None:
    text = """{
  auth: {
    profiles: {
      "acme:other": { provider: "acme", mode: "token" }, // stays
    },
    order: {
      acme: ["acme:other"], // stays too
    },
    cooldowns: { a: 1 },
  },
  channels: { /* not ours */ },
}
"""
    there = after(text, profile(text, email="me@example.test"))
    assert read_settings(there.value).order_of(NAMES) == ("acme:work", "acme:other")
    assert isinstance(there.value, dict)

    assert after(there.text, list(forget_changes(there.value, "acme:work"))).text == text


def test_planning_leaves_the_config_as_it_is() -> None:
    value = value_of("{auth: {order: {acme: ['acme:a']}}}")

    list(profile_changes(value, NAMES, "acme:work", "oauth", None))
    list(default_model_changes(value, "acme/one", None))
    list(forget_changes(value, "acme:a"))

    assert value == {"auth": {"order": {"acme": ["acme:a"]}}}
