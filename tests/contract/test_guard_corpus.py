"""Every hand-written hostile patch: what is expected of it happens, nothing escapes, and none takes long."""

from __future__ import annotations

import copy
import enum
import json
import time
from collections import UserDict
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from fuzz.guard import ACME, CURRENT, SECRET, escapes, make_registry
from jackfield.config.plan import plan_patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from jackfield.config.plan import PatchPlan
    from jackfield.providers.registry import ProviderRegistry

FOLDER = Path(__file__).parent.parent / "data" / "guard"
LIMIT_S = 0.05
PATIENCE = 4  # a loaded machine and a tracer are slower than the figure is meant for


class _Dict(dict[str, Any]):
    def items(self) -> Any:
        return {"api": "cli"}.items()


class _List(list[Any]):
    pass


class _Text(str):
    __slots__ = ()


class _Whole(int):
    pass


class _Float(float):
    pass


class _Colour(enum.Enum):
    RED = "red"


class _Telling(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        return SECRET


class _Raising(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


class _WithMeta(metaclass=_Telling):
    pass


class _WithRaisingMeta(metaclass=_Raising):
    pass


class _Liar:
    @property
    def __class__(self) -> Any:  # it says that it is text
        return str

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise AttributeError


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _loop() -> Any:
    value: dict[str, Any] = {}
    value["a"] = value
    return value


def _shared() -> Any:
    value: Any = "x"
    for _ in range(9):
        value = [value] * 10
    return value


TAGS: dict[str, Callable[[], Any]] = {
    "dict-subclass": lambda: _Dict(api="evil"),
    "list-subclass": _List,
    "str-subclass": lambda: _Text("cli"),
    "int-subclass": lambda: _Whole(1),
    "float-subclass": lambda: _Float(1.0),
    "tuple": lambda: ("cli",),
    "set": lambda: {"cli"},
    "frozenset": lambda: frozenset({"cli"}),
    "bytes": lambda: b"cli",
    "bytearray": lambda: bytearray(b"{}"),
    "object": object,
    "function": lambda: _nested,
    "generator": lambda: (number for number in range(0)),
    "enum": lambda: _Colour.RED,
    "decimal": lambda: Decimal(1),
    "complex": lambda: 1j,
    "mapping-proxy": lambda: MappingProxyType({"models": {}}),
    "user-dict": UserDict,
    "metaclass": _WithMeta,
    "raising-metaclass": lambda: object.__new__(_WithRaisingMeta),
    "lying-class": _Liar,
    "class": lambda: dict,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "giant": lambda: 10**5000,
    "wide": lambda: {str(number): 1 for number in range(5001)},
    "million": lambda: [1] * 1_000_000,
    "texts": lambda: ["x" * 7000] * 10,
    "long": lambda: "x" * 8193,
    "shared": _shared,
    "deep13": lambda: _nested(13),
    "deep": lambda: _nested(100_000),
    "cycle": _cycle,
    "loop": _loop,
    "latin1": lambda: b'{"a":"\xe9"}',
    "utf16": lambda: '{"a":1}'.encode("utf-16"),
    "overlong": lambda: b'{"a":"\xc0\xaf"}',
    "cesu": lambda: b'{"a":"\xed\xa0\x80"}',
    "rawhalf": lambda: '{"a":"\ud800"}',
    "half": lambda: "\udc00",
    "int-key": lambda: {1: {}},
    "none-key": lambda: {None: {}},
    "str-subclass-key": lambda: {_Text("models"): {}},
    "tuple-key": lambda: {("X",): "1"},
    "bytes-key": lambda: {b"models": {}},
}


def load() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        file = json.loads(path.read_text(encoding="utf-8"))
        found += [(file["class"], case) for case in file["cases"]]
    return found


CASES = load()


@cache
def registry() -> ProviderRegistry:
    return make_registry()


def revive(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"tag"}:
            return TAGS[value["tag"]]()
        return {key: revive(item) for key, item in value.items()}
    return [revive(item) for item in value] if isinstance(value, list) else value


def patch_of(case: dict[str, Any]) -> Any:
    if "pieces" in case:
        return "".join(piece * count for piece, count in case["pieces"])
    return case["text"] if "text" in case else revive(case["value"])


def plan(case: dict[str, Any], patch: Any) -> PatchPlan:
    current = case.get("current", CURRENT)
    return plan_patch(current, patch, provider_id="acme", owner=ACME, registry=registry())


def told_by(made: PatchPlan) -> list[dict[str, object]]:
    return [*(each.to_dict() for each in made.diagnostics), *(each.to_dict() for each in made.consents)]


def test_there_are_at_least_three_hundred_cases_in_twenty_classes() -> None:
    assert len(CASES) >= 300
    assert len({name for name, _ in CASES}) >= 20
    assert {case["rule"] for _, case in CASES} >= {f"G{number}" for number in (1, 2, 4, *range(6, 15), 17, 19)}


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case['name']}" for name, case in CASES])
def test_a_hostile_patch_does_what_is_expected_and_nothing_else(name: str, case: dict[str, Any]) -> None:
    current: dict[str, Any] = copy.deepcopy(case.get("current", CURRENT))
    made = plan(case, patch_of(case))
    told = [each.code for each in made.diagnostics]
    expect = case["expect"]
    assert made.refused == ("refused" in expect), told
    assert sorted({each.code for each in made.consents}) == expect.get("consents", sorted(set())), told
    if "refused" in expect:
        assert set(told) == set(expect["refused"])
        assert {each.rule for each in made.diagnostics} == {case["rule"]}
        assert made.changes == []
        assert not made.secrets
    elif "stripped" in expect:
        assert [list(each.path) for each in made.diagnostics] == expect["stripped"]
        assert set(told) == {"patch.out-of-scope"}
    elif "consents" not in expect:
        assert sorted(told) == expect.get("reported", [])
    if "applied" in expect:
        assert [value for _, value in made.changes][: len(expect.get("leaf", []))] == expect.get("leaf", [])
        assert made.changes or "secret" in expect
    for accepted in ((), tuple(each.code for each in made.consents)):
        assert escapes(current, made.apply(current, accepted), consents=bool(accepted)) == []
    assert current == case.get("current", CURRENT), "the input was changed"


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case['name']}" for name, case in CASES])
def test_no_hostile_patch_is_told_of_with_its_secret(name: str, case: dict[str, Any]) -> None:
    made = plan(case, patch_of(case))
    told = "".join(str(each) for each in told_by(made))
    assert SECRET not in told + repr(made)


def test_no_hostile_patch_takes_longer_than_its_share() -> None:
    slow = []
    plan(CASES[0][1], "{}")
    for name, case in CASES:
        patch = patch_of(case)
        began = time.process_time()
        plan(case, patch)
        spent = time.process_time() - began
        if spent > LIMIT_S * PATIENCE:
            slow.append((name, case["name"], spent))
    assert slow == []


@pytest.mark.parametrize("accepted", [(), ("overwrite", "origin-change", "private-http", "mode-replace", "allow-list")])
def test_the_checker_finds_an_escape_when_there_is_one(accepted: tuple[str, ...]) -> None:
    for path, value in (
        (("tools", "allow"), ["write"]),
        (("models", "providers", "beta", "baseUrl"), "https://evil.test"),
        (("models", "providers", "acme"), {"baseUrl": "https://user@evil.test"}),
        (("models", "providers", "acme"), {"apiKey": SECRET}),
        (("models", "providers", "acme"), {"headers": {"Cookie": "x"}}),
        (("agents", "defaults", "models", "acme/*"), {}),
        (("agents", "defaults", "models", "acme/a"), {"alias": "$(id)"}),
        (("agents", "defaults", "models", "acme/a"), None),
    ):
        after: dict[str, Any] = copy.deepcopy(CURRENT)
        here = after
        for key in path[:-1]:
            here = here[key]
        here[path[-1]] = value
        assert escapes(CURRENT, after, consents=bool(accepted)) != [], path
    assert escapes(CURRENT, CURRENT) == []
