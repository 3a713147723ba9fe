"""What a login and a logout write into the config, change by change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.document import Document
from jackfield.config.file import Change, LoadedConfig, apply_changes
from jackfield.config.login_changes import (
    base_url_changes,
    default_model_changes,
    logout_changes,
    profile_changes,
)
from jackfield.config.settings import read_settings
from jackfield.providers.block import Model, Provider
from jackfield.providers.parts import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable

ACME = Provider(
    id="acme",
    label="Acme",
    aliases=("acme-ai", "a.c.m.e"),
    base_url="https://api.acme.test/v1",
    api="openai-completions",
    models=(Model("one", "One", 1000, 100), Model("deep/two", "Two", 1000, 100)),
    seed_aliases=FrozenMap({"one": "Acme", "deep/two": "Two"}),
)
BARE = Provider(id="bare", label="Bare")


def config(text: str) -> LoadedConfig:
    document = Document.parse(text)
    return LoadedConfig(Path("config.json5"), True, document, read_settings(document.value), ())


def pairs(changes: Iterable[Change]) -> list[tuple[tuple[str, ...], object]]:
    return [(each.path, each.value) for each in changes]


def after(text: str, changes: Iterable[Change]) -> Any:
    return apply_changes(Document.parse(text), changes).value


# --- profiles --------------------------------------------------------------------------------------------------------

PROFILE = ("auth", "profiles", "acme:work")
ENTRY = {"provider": "acme", "mode": "oauth", "email": "me@example.test"}


@pytest.mark.parametrize(
    "text", ["{}", "{auth: {}}", "{auth: {profiles: {}}}", "{auth: {profiles: {'acme:other': {}}}}"]
)
def test_a_new_profile_is_one_change(text: str) -> None:
    assert pairs(profile_changes(config(text), ACME, "acme:work", "oauth", "me@example.test")) == [(PROFILE, ENTRY)]


@pytest.mark.parametrize("email", [None, ""])
def test_an_unknown_email_is_not_written(email: str | None) -> None:
    assert pairs(profile_changes(config("{}"), ACME, "acme:work", "api_key", email)) == [
        (PROFILE, {"provider": "acme", "mode": "api_key"})
    ]


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        ("{provider: 'acme', mode: 'oauth', email: 'me@example.test'}", []),
        ("{email: 'me@example.test', mode: 'oauth', provider: 'acme', note: 'mine'}", []),
        ("{provider: 'acme', mode: 'oauth'}", [((*PROFILE, "email"), "me@example.test")]),
        ("{provider: 'acme', mode: 'oauth', email: 'old@example.test'}", [((*PROFILE, "email"), "me@example.test")]),
        ("{provider: 'acme', mode: 'token', email: 'me@example.test'}", [((*PROFILE, "mode"), "oauth")]),
        ("{provider: 'acme-ai', mode: 'oauth', email: 'me@example.test'}", [((*PROFILE, "provider"), "acme")]),
        ("null", [(PROFILE, ENTRY)]),
    ],
)
def test_of_an_old_entry_only_the_fields_that_differ_are_written(
    old: str, expected: list[tuple[tuple[str, ...], object]]
) -> None:
    text = f"{{auth: {{profiles: {{'acme:work': {old}}}}}}}"
    assert pairs(profile_changes(config(text), ACME, "acme:work", "oauth", "me@example.test")) == expected


def test_an_email_of_an_earlier_login_goes_when_the_new_one_has_none() -> None:
    text = "{auth: {profiles: {'acme:work': {provider: 'acme', mode: 'oauth', email: 'old@example.test', note: 1}}}}"
    changes = list(profile_changes(config(text), ACME, "acme:work", "api_key", None))
    assert pairs(changes) == [((*PROFILE, "mode"), "api_key"), ((*PROFILE, "email"), None)]
    assert after(text, changes)["auth"]["profiles"]["acme:work"] == {"provider": "acme", "mode": "api_key", "note": 1}


ORDERS = [
    ("{}", []),
    ("{acme: []}", []),
    ("{other: ['other:a']}", []),
    ("{acme: ['acme:work']}", []),
    ("{acme: ['acme:work', 'acme:b']}", []),
    ("{acme: ['acme:a']}", [("acme", ["acme:work", "acme:a"])]),
    ("{acme: ['acme:a', 'acme:work', 'acme:b']}", [("acme", ["acme:work", "acme:a", "acme:b"])]),
    ("{acme: ['acme:work', 'acme:a', 'acme:work']}", [("acme", ["acme:work", "acme:a"])]),
    ("{'acme-ai': ['acme:a']}", [("acme-ai", ["acme:work", "acme:a"])]),
    ("{' A.C.M.E ': ['acme:a']}", [(" A.C.M.E ", ["acme:work", "acme:a"])]),
    ("{other: ['x:y'], ACME: ['acme:a']}", [("ACME", ["acme:work", "acme:a"])]),
    ("{'acme-ai': ['acme:a'], acme: ['acme:b']}", [("acme-ai", ["acme:work", "acme:a"])]),
    ("{'acme-ai': [], acme: ['acme:b']}", []),
    ("null", []),
    ("5", []),
    ("{acme: 'acme:a'}", []),
]


@pytest.mark.parametrize(("order", "expected"), ORDERS)
def test_in_an_order_that_exists_the_profile_comes_first_under_the_key_as_written(
    order: str, expected: list[tuple[str, object]]
) -> None:
    text = f"{{auth: {{profiles: {{'acme:work': {{provider: 'acme', mode: 'oauth'}}}}, order: {order}}}}}"
    found = pairs(profile_changes(config(text), ACME, "acme:work", "oauth", None))
    assert found == [(("auth", "order", key), ids) for key, ids in expected]


def test_the_order_that_is_written_is_the_one_that_is_read() -> None:
    text = "{auth: {order: {'Acme-AI': ['acme:a'], acme: ['acme:b']}}}"
    settings = read_settings(after(text, profile_changes(config(text), ACME, "acme:work", "oauth", None)))
    assert settings.order_of((ACME.id, *ACME.aliases)) == ("acme:work", "acme:a")


# --- base URL --------------------------------------------------------------------------------------------------------

NEW = "https://proxy.test/v2"
OWN = "https://api.acme.test/v1"
BASE = ("models", "providers")


@pytest.mark.parametrize(
    ("entries", "url", "expected"),
    [
        ("{}", NEW, [((*BASE, "acme"), {"baseUrl": NEW, "models": []})]),
        ("{}", OWN, []),
        ("{other: {baseUrl: 'https://proxy.test/v2'}}", NEW, [((*BASE, "acme"), {"baseUrl": NEW, "models": []})]),
        ("{acme: {}}", NEW, [((*BASE, "acme", "baseUrl"), NEW)]),
        ("{acme: {}}", OWN, []),
        ("{acme: {apiKey: '${KEY}'}}", OWN, []),
        ("{acme: {baseUrl: 'https://proxy.test/v2'}}", NEW, []),
        ("{acme: {baseUrl: 'https://proxy.test/v2//'}}", NEW, []),
        ("{acme: {baseUrl: ' https://proxy.test/v2 '}}", NEW, []),
        ("{acme: {baseUrl: 'https://proxy.test/v2'}}", OWN, [((*BASE, "acme", "baseUrl"), OWN)]),
        ("{'acme-ai': {apiKey: 'x'}}", NEW, [((*BASE, "acme-ai", "baseUrl"), NEW)]),
        ("{' A.C.M.E ': {}}", NEW, [((*BASE, " A.C.M.E ", "baseUrl"), NEW)]),
        ("{'acme-ai': {}, acme: {}}", NEW, [((*BASE, "acme", "baseUrl"), NEW)]),
        ("{'ACME': {}, 'acme-ai': {}}", NEW, [((*BASE, "acme-ai", "baseUrl"), NEW)]),
    ],
)
def test_a_base_url_goes_into_the_entry_of_the_provider_however_it_is_spelled(
    entries: str, url: str, expected: list[tuple[tuple[str, ...], object]]
) -> None:
    assert pairs(base_url_changes(config(f"{{models: {{providers: {entries}}}}}"), ACME, url)) == expected


def test_a_provider_without_an_address_of_its_own_takes_any() -> None:
    assert pairs(base_url_changes(config("{}"), BARE, NEW)) == [((*BASE, "bare"), {"baseUrl": NEW, "models": []})]


def test_the_rest_of_an_entry_stays() -> None:
    text = "{models: {providers: {'acme-ai': {apiKey: '${KEY}', models: [{id: 'x'}], more: 1}}}}"
    assert after(text, base_url_changes(config(text), ACME, NEW)) == {
        "models": {"providers": {"acme-ai": {"apiKey": "${KEY}", "models": [{"id": "x"}], "more": 1, "baseUrl": NEW}}}
    }


# --- default model ---------------------------------------------------------------------------------------------------

MODEL = ("agents", "defaults", "model")
MODELS = ("agents", "defaults", "models")
REF = "acme/one"


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (None, [(MODEL, {"primary": REF})]),
        ("'other/x'", [(MODEL, {"primary": REF})]),
        ("'acme/one'", []),
        ("null", [(MODEL, {"primary": REF})]),
        ("{}", [((*MODEL, "primary"), REF)]),
        ("{primary: 'other/x'}", [((*MODEL, "primary"), REF)]),
        ("{primary: 'acme/one'}", []),
        ("{primary: 'other/x', fallbacks: ['acme/one', 'third/y']}", [((*MODEL, "primary"), REF)]),
        ("{fallbacks: ['third/y'], more: 1}", [((*MODEL, "primary"), REF)]),
    ],
)
def test_the_default_model_is_set_where_it_stands(
    current: str | None, expected: list[tuple[tuple[str, ...], object]]
) -> None:
    text = "{}" if current is None else f"{{agents: {{defaults: {{model: {current}}}}}}}"
    assert pairs(default_model_changes(config(text), ACME, REF)) == expected


def test_fallbacks_and_unknown_fields_stay() -> None:
    text = "{agents: {defaults: {model: {primary: 'other/x', fallbacks: ['third/y'], more: 1}, workspace: '~'}}}"
    assert after(text, default_model_changes(config(text), ACME, REF)) == {
        "agents": {
            "defaults": {"model": {"primary": REF, "fallbacks": ["third/y"], "more": 1}, "workspace": "~"},
        }
    }


@pytest.mark.parametrize(
    ("listed", "ref", "expected"),
    [
        (None, REF, []),
        ("{}", REF, []),
        ("{'acme/one': {}}", REF, []),
        ("{'acme/one': {alias: 'mine'}}", REF, []),
        ("{'other/x': {}}", REF, [((*MODELS, REF), {"alias": "Acme"})]),
        ("{'other/x': {alias: 'Acme'}}", REF, [((*MODELS, REF), {})]),
        ("{'other/x': {alias: ' Acme '}}", REF, [((*MODELS, REF), {})]),
        ("{'other/x': {}}", "acme/deep/two", [((*MODELS, "acme/deep/two"), {"alias": "Two"})]),
        ("{'other/x': {}}", "acme/unheard-of", [((*MODELS, "acme/unheard-of"), {})]),
        ("null", REF, []),
        ("[]", REF, []),
    ],
)
def test_a_list_of_allowed_models_is_joined_and_an_empty_one_stays_empty(
    listed: str | None, ref: str, expected: list[tuple[tuple[str, ...], object]]
) -> None:
    models = "" if listed is None else f", models: {listed}"
    text = f"{{agents: {{defaults: {{model: {{primary: '{ref}'}}{models}}}}}}}"
    assert pairs(default_model_changes(config(text), ACME, ref)) == expected


# --- logout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("{}", []),
        ("{profiles: {}, order: {}}", []),
        ("{profiles: {'acme:other': {}}, order: {acme: ['acme:other']}}", []),
        ("{profiles: {'acme:work': {}}}", [(PROFILE, None)]),
        ("{order: {acme: ['acme:work', 'acme:b']}}", [(("auth", "order", "acme"), ["acme:b"])]),
        ("{order: {acme: ['acme:work']}}", [(("auth", "order", "acme"), None)]),
        ("{order: {acme: ['acme:b', 'acme:work', 'acme:work']}}", [(("auth", "order", "acme"), ["acme:b"])]),
        (
            "{profiles: {'acme:work': {}}, order: {'Acme-AI': ['acme:work'], acme: ['x', 'acme:work'], other: ['y']}}",
            [(PROFILE, None), (("auth", "order", "Acme-AI"), None), (("auth", "order", "acme"), ["x"])],
        ),
        ("{profiles: 5, order: 5}", []),
        ("{order: {acme: 'acme:work'}}", []),
        ("null", []),
    ],
)
def test_a_logout_forgets_the_profile_and_its_places(auth: str, expected: list[tuple[tuple[str, ...], object]]) -> None:
    assert pairs(logout_changes(config(f"{{auth: {auth}}}"), "acme:work")) == expected


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
    document = Document.parse(text)
    loaded = config(text)
    document = apply_changes(document, profile_changes(loaded, ACME, "acme:work", "oauth", "me@example.test"))
    assert document.value["auth"]["order"] == {"acme": ["acme:work", "acme:other"]}  # type: ignore[index]
    document = apply_changes(document, logout_changes(config(document.text), "acme:work"))
    assert document.text == text


def test_planning_leaves_the_config_as_it_is() -> None:
    loaded = config("{auth: {order: {acme: ['acme:a']}}}")
    before = loaded.document.text
    list(profile_changes(loaded, ACME, "acme:work", "oauth", None))
    list(default_model_changes(loaded, ACME, REF))
    list(base_url_changes(loaded, ACME, NEW))
    list(logout_changes(loaded, "acme:a"))
    assert loaded.document.text == before
    assert loaded.document.value == {"auth": {"order": {"acme": ["acme:a"]}}}
