from __future__ import annotations

from typing import Any

import pytest

from jackfield.config.host import ABSENT, at, default_model_changes, find, forget_changes, profile_changes

NAMES = ("acme", "acme-ai")
ENTRY = {"provider": "acme", "mode": "oauth"}
PATH = ("auth", "profiles", "acme:a")


def auth(**parts: Any) -> dict[str, Any]:
    return {"auth": parts}


@pytest.mark.parametrize(
    ("current", "email", "expected"),
    [
        ({}, None, [(PATH, ENTRY)]),
        ({}, "", [(PATH, ENTRY)]),
        ({}, "a@b.test", [(PATH, {**ENTRY, "email": "a@b.test"})]),
        (auth(profiles={"acme:a": ENTRY}), None, []),
        (auth(profiles={"acme:a": {**ENTRY, "x": 1}}), None, []),
        (auth(profiles={"acme:a": {**ENTRY, "email": "old"}}), None, [((*PATH, "email"), None)]),
        (
            auth(profiles={"acme:a": {**ENTRY, "mode": "token"}}),
            "n",
            [((*PATH, "mode"), "oauth"), ((*PATH, "email"), "n")],
        ),
        (auth(profiles={"acme:a": "text"}), None, [(PATH, ENTRY)]),
        (auth(profiles={"acme:a": ENTRY}, order={"acme": ["acme:a", "acme:b"]}), None, []),
        (
            auth(profiles={"acme:a": ENTRY}, order={"acme": ["acme:b", "acme:a"]}),
            None,
            [(("auth", "order", "acme"), ["acme:a", "acme:b"])],
        ),
        (
            auth(profiles={"acme:a": ENTRY}, order={"ACME-AI": ["acme:b"]}),
            None,
            [(("auth", "order", "ACME-AI"), ["acme:a", "acme:b"])],
        ),
        (auth(profiles={"acme:a": ENTRY}, order={"acme": []}), None, []),
        (auth(profiles={"acme:a": ENTRY}, order={"acme": "x"}), None, []),
        (auth(profiles={"acme:a": ENTRY}, order={"beta": ["beta:x"]}), None, []),
        (auth(profiles={"acme:a": ENTRY}, order=[]), None, []),
        (
            auth(profiles={"acme:a": ENTRY}, order={"acme": ["acme:b"], "acme-ai": ["acme:c"]}),
            None,
            [(("auth", "order", "acme"), ["acme:a", "acme:b"])],
        ),
    ],
)
def test_what_registers_a_profile(current: dict[str, Any], email: str | None, expected: list[Any]) -> None:
    assert list(profile_changes(current, NAMES, "acme:a", "oauth", email)) == expected


MODEL = ("agents", "defaults", "model")
MODELS = ("agents", "defaults", "models")


def defaults(**parts: Any) -> dict[str, Any]:
    return {"agents": {"defaults": parts}}


@pytest.mark.parametrize(
    ("current", "alias", "expected"),
    [
        ({}, None, [(MODEL, {"primary": "acme/a"})]),
        (defaults(model="beta/b"), None, [(MODEL, {"primary": "acme/a"})]),
        (defaults(model="acme/a"), None, []),
        (defaults(model={"primary": "acme/a"}), None, []),
        (defaults(model={"primary": "beta/b", "fallbacks": []}), None, [((*MODEL, "primary"), "acme/a")]),
        (defaults(model="acme/a", models={}), "x", []),
        (defaults(model="acme/a", models=[]), "x", []),
        (defaults(model="acme/a", models={"acme/a": {}}), "x", []),
        (defaults(model="acme/a", models={"beta/b": {}}), None, [((*MODELS, "acme/a"), {})]),
        (defaults(model="acme/a", models={"beta/b": 7}), "x", [((*MODELS, "acme/a"), {"alias": "x"})]),
        (defaults(model="acme/a", models={"beta/b": {"alias": "x"}}), "x", [((*MODELS, "acme/a"), {})]),
        (defaults(model="acme/a", models={"beta/b": {"alias": "y"}}), "x", [((*MODELS, "acme/a"), {"alias": "x"})]),
    ],
)
def test_what_makes_a_model_the_default(current: dict[str, Any], alias: str | None, expected: list[Any]) -> None:
    assert list(default_model_changes(current, "acme/a", alias)) == expected


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ({}, []),
        (auth(profiles={"acme:b": {}}), []),
        (auth(profiles={"acme:a": {}}), [(PATH, None)]),
        (auth(profiles={"acme:a": None}), [(PATH, None)]),
        (auth(order={"acme": ["acme:a"]}), [(("auth", "order", "acme"), None)]),
        (auth(order={"acme": ["acme:b", "acme:a"]}), [(("auth", "order", "acme"), ["acme:b"])]),
        (auth(order={"x": ["acme:a", "x:y"], "y": ["x:y"]}), [(("auth", "order", "x"), ["x:y"])]),
        (auth(order={"acme": "acme:a"}), []),
        (auth(order=["acme:a"]), []),
    ],
)
def test_what_forgets_a_profile(current: dict[str, Any], expected: list[Any]) -> None:
    assert list(forget_changes(current, "acme:a")) == expected


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), {"a": {"b": None, "c": [1]}}),
        (("a", "c"), [1]),
        (("a", "b"), None),
        (("a", "x"), ABSENT),
        (("a", "b", "x"), ABSENT),
        (("a", "c", "0"), ABSENT),
    ],
)
def test_find_tells_null_from_nothing_and_at_does_not(path: tuple[str, ...], found: object) -> None:
    value = {"a": {"b": None, "c": [1]}}
    assert find(value, path) == found
    assert at(value, path) == (None if found is ABSENT else found)
