from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from jackfield.config.values import canonical, identical, plain, plain_object, put, same, same_outside
from jackfield.errors import ConfigError

NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0, -0.0),
        (NAN, float("nan")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([{"a": []}], [{"a": []}]),
        (None, None),
        ("x", "".join("x")),
        ({"a": True}, {"a": True}),
    ],
)
def test_equal_as_json(one: Any, other: Any) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (0, None),
        ("1", 1),
        ([], {}),
        ([1], [1, 2]),
        ({"a": None}, {}),
        ({"a": None}, {"b": None}),
        ({"a": 1}, {"a": 2}),
        ([1, 2], [2, 1]),
        ("", None),
        (NAN, 1.0),
        ({}, None),
    ],
)
def test_not_equal_as_json(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)


def test_canonical_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": [1, {"y": 1, "x": 2}], "a": None}) == '{"a": null, "b": [1, {"x": 2, "y": 1}]}'


def test_plain_is_a_deep_copy() -> None:
    value: Any = {"a": [{"b": 1}], "c": None}
    copied: Any = plain(value)
    copied["a"][0]["b"] = 2
    assert value == {"a": [{"b": 1}], "c": None}
    assert plain(MappingProxyType({"a": (1, (2,))})) == {"a": [1, [2]]}


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {2}}, [b"x"], {"a": [1j]}])
def test_what_no_file_holds_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        plain(value)
    assert caught.value.code == "config.unwritable"


def test_a_list_is_no_config() -> None:
    with pytest.raises(ConfigError) as caught:
        plain_object([])  # type: ignore[arg-type]
    assert caught.value.code == "config.not-an-object"


def test_depth_is_bounded() -> None:
    value: Any = 1
    for _ in range(200):
        value = [value]
    assert plain(value) == value
    with pytest.raises(ConfigError) as caught:
        plain([value])
    assert caught.value.code == "config.too-deep"


@pytest.mark.parametrize(
    ("path", "leaf", "expected"),
    [
        (("a", "b"), 2, {"a": {"b": 2, "c": 1}, "x": []}),
        (("a", "n"), {}, {"a": {"b": 1, "c": 1, "n": {}}, "x": []}),
        (("n", "m", "o"), 1, {"a": {"b": 1, "c": 1}, "x": [], "n": {"m": {"o": 1}}}),
        (("a", "b"), None, {"a": {"c": 1}, "x": []}),
        (("a", "q"), None, {"a": {"b": 1, "c": 1}, "x": []}),
        (("x",), None, {"a": {"b": 1, "c": 1}}),
    ],
)
def test_put_makes_a_new_value(path: tuple[str, ...], leaf: Any, expected: Any) -> None:
    value: Any = {"a": {"b": 1, "c": 1}, "x": []}
    assert put(value, path, leaf) == expected
    assert value == {"a": {"b": 1, "c": 1}, "x": []}


def test_put_names_what_is_in_its_way() -> None:
    with pytest.raises(ConfigError) as caught:
        put({"a": {"b": [1]}}, ("a", "b", "c"), 1)
    assert caught.value.code == "config.not-an-object"
    assert "a.b is not an object" in caught.value.message


SHARED = {"x": [1, {"y": float("nan")}]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SHARED, SHARED),
        (NAN, float("nan")),
        (-0.0, -0.0),
        (1.5, float("1.5")),
        (None, None),
        (2**70, 2**70),
        ("x" * 3, "xxx"),
        ({"a": 1, "b": [True]}, {"b": [True], "a": 1}),
        ([{"a": []}, None], [{"a": []}, None]),
    ],
)
def test_identical_values(one: Any, other: Any) -> None:
    assert identical(one, other)
    assert identical(other, one)
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0.0, -0.0),
        (NAN, 1.0),
        ("1", 1),
        ("x", "y"),
        (1, 2),
        ([], {}),
        ({}, None),
        ([1], [1, 2]),
        ([1, 2], [2, 1]),
        ([1], [1.0]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": True}}),
        ({"a": None}, {}),
    ],
)
def test_values_that_are_not_identical(one: Any, other: Any) -> None:
    assert not identical(one, other)
    assert not identical(other, one)
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("one", "other", "tree"),
    [
        ({}, {}, {}),
        ({"a": [1]}, {"a": [1]}, {}),
        ({"a": 1}, {"a": 2}, {"a": None}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": {"b": 1}}, {}, {"a": {"b": None}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, {"a": {"b": None}}),
        ({"a": {}}, {}, {"a": {"b": None}}),
        ({"a": {"b": {}}}, {}, {"a": {"b": {"c": None}}}),
        ({"a": {"b": {"c": 1}}}, {"a": {}}, {"a": {"b": {"c": None}}}),
        ({"a": 7}, {"a": 7}, {"a": {"b": None}}),
        ({"a": [7]}, {"a": [7]}, {"a": {"b": None}}),
    ],
)
def test_values_that_are_the_same_outside_a_tree(one: Any, other: Any, tree: Any) -> None:
    assert same_outside(one, other, tree)
    assert same_outside(other, one, tree)


@pytest.mark.parametrize(
    ("one", "other", "tree"),
    [
        ({"a": 1}, {"a": 2}, {}),
        ({"a": 1}, {"a": True}, {}),
        ({"a": {}}, {}, {}),
        ({"a": {}}, {}, {"b": {"a": None}}),
        ({"a": None}, {}, {}),
        ({"a": None}, {}, {"a": {"b": None}}),
        ({"a": []}, {}, {"a": {"b": None}}),
        ({"a": 0}, {"a": {}}, {"a": {"b": None}}),
        ({"a": 0}, {"a": 1}, {"a": {"b": None}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"b": None}}),
        ({"a": {"c": {}}}, {}, {"a": {"b": None}}),
        ({"a": {"b": 1}, "c": 1}, {"a": {"b": 2}, "c": 2}, {"a": {"b": None}}),
        ({"c": 1, "a": {"d": {"b": 1}}}, {"c": 1, "a": {}}, {"a": {"b": None}}),
    ],
)
def test_values_that_differ_outside_a_tree(one: Any, other: Any, tree: Any) -> None:
    assert not same_outside(one, other, tree)
    assert not same_outside(other, one, tree)
