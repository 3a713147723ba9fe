from __future__ import annotations

import copy
import gc
import pickle
import typing
from typing import ClassVar, Generic, TypeVar

import pytest

from jackfield.records import FrozenRecordError, assign, field_names, misuse, record, replace

T = TypeVar("T")


@record
class Point:
    """Two numbers, the second with a default."""

    x: int
    y: int = 0

    UNIT: ClassVar[str] = "m"
    qualified: typing.ClassVar[int] = 7

    @property
    def total(self) -> int:
        return self.x + self.y


@record
class Labelled(Point):
    """A point with a name and another default."""

    y: int = 5
    label: str = "none"


@record
class Box(Generic[T]):
    """A record with a type parameter."""

    value: T


@record
class Plain:
    """A record without fields."""


class Outer:
    @record
    class Inner:
        """A record inside another class."""

        x: int


@record
class Checked:
    """A record with a constructor of its own."""

    even: int

    def __init__(self, even: int) -> None:
        if even % 2:
            raise ValueError(even)
        assign(self, (even,), {})


SAMPLES: tuple[object, ...] = (
    Point(1),
    Point(1, 2),
    Labelled(1, 2, "a"),
    Box("x"),
    Box(Point(1)),
    Plain(),
    Outer.Inner(3),
    Checked(4),
)


def test_fields_come_by_place_by_name_and_by_default() -> None:
    assert [(p.x, p.y) for p in (Point(1, 2), Point(1, y=2), Point(y=2, x=1), Point(1))] == [(1, 2)] * 3 + [(1, 0)]


def test_fields_keep_their_order_and_class_variables_are_none() -> None:
    assert field_names(Point) == ("x", "y")
    assert field_names(Point(1)) == ("x", "y")
    assert (Point.UNIT, Point.qualified) == ("m", 7)


def test_class_variables_are_known_in_evaluated_annotations_too() -> None:
    namespace: dict[str, object] = {
        "__annotations__": {"x": int, "limit": ClassVar[int], "bare": ClassVar},
        "limit": 3,
        "bare": 4,
    }
    made: type = record(type("Evaluated", (), namespace))
    assert field_names(made) == ("x",)


def test_an_inherited_field_stays_in_place_and_may_get_another_default() -> None:
    assert field_names(Labelled) == ("x", "y", "label")
    assert Labelled(1) == Labelled(1, 5, "none")
    assert Labelled(1).total == 6


def test_instances_have_slots_and_no_dict() -> None:
    for sample in SAMPLES:
        assert not hasattr(sample, "__dict__")


@pytest.mark.parametrize("name", ["x", "y", "z", "total", "UNIT"])
def test_nothing_can_be_assigned_or_deleted(name: str) -> None:
    point = Point(1, 2)
    told = f"Point.{name} cannot be changed; use jackfield.records.replace"
    with pytest.raises(FrozenRecordError, match=told):
        setattr(point, name, 9)
    with pytest.raises(FrozenRecordError, match=told):
        delattr(point, name)
    assert point == Point(1, 2)


def test_refusal_is_an_attribute_error_and_does_not_show_the_value() -> None:
    with pytest.raises(AttributeError) as caught:
        Point(1).x = "secret-value"  # type: ignore[misc, assignment]
    assert "secret-value" not in str(caught.value)


def test_equal_fields_of_one_class_make_equal_records_with_equal_hashes() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1, 2) != Point(2, 1)
    assert len({Point(1), Point(1, 0), Point(0, 1)}) == 2


def test_records_of_different_classes_differ_even_with_equal_fields() -> None:
    others: list[object] = [Outer.Inner(1), Box(1), Checked(2), Point(1, 2), Labelled(1, 2), (1, 2), None]
    assert [(a, b) for a in others for b in others if a == b] == [(each, each) for each in others]
    assert Point(1).__eq__(1) is NotImplemented


def test_a_record_that_holds_an_unhashable_value_is_unhashable() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Box([1]))


def test_a_record_matches_by_place() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Point(1, 2), "Point(x=1, y=2)"),
        (Labelled(1), "Labelled(x=1, y=5, label='none')"),
        (Plain(), "Plain()"),
        (Outer.Inner(1), "Outer.Inner(x=1)"),
        (Box(Point(1)), "Box(value=Point(x=1, y=0))"),
    ],
)
def test_repr_reads_like_the_call(value: object, text: str) -> None:
    assert repr(value) == text


@pytest.mark.parametrize("value", SAMPLES, ids=repr)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_gives_an_equal_record(value: object, protocol: int) -> None:
    back = pickle.loads(pickle.dumps(value, protocol))
    assert type(back) is type(value)
    assert back == value


@pytest.mark.parametrize("value", SAMPLES, ids=repr)
def test_copying_gives_an_equal_record(value: object) -> None:
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value


def test_a_deep_copy_shares_no_mutable_value() -> None:
    box = Box([1])
    deep = copy.deepcopy(box)
    deep.value.append(2)
    assert (box.value, deep.value) == ([1], [1, 2])


def test_replace_changes_what_is_named_and_nothing_else() -> None:
    point = Point(1, 2)
    assert replace(point, y=3) == Point(1, 3)
    assert replace(point) == point
    assert point == Point(1, 2)
    assert type(replace(Labelled(1), label="b")) is Labelled


def test_replace_checks_again() -> None:
    with pytest.raises(ValueError, match="3"):
        replace(Checked(2), even=3)
    with pytest.raises(TypeError, match=r"^Point: z is not a field$"):
        replace(Point(1), z=3)


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {}, "Point: x is missing"),
        ((1, 2, 3), {}, "Point: takes at most 2 values, got 3"),
        ((1,), {"x": 2}, "Point: x is given twice"),
        ((1,), {"z": 2}, "Point: z is not a field"),
        ((), {"z": 2, "w": 3}, "Point: z is not a field; w is not a field; x is missing"),
        ((1, 2, 3), {"y": 1, "z": 1}, "Point: takes at most 2 values, got 3; z is not a field; y is given twice"),
        ((1,), {"UNIT": "km"}, "Point: UNIT is not a field"),
    ],
)
def test_a_wrong_call_tells_every_fault(args: tuple[int, ...], kwargs: dict[str, int], told: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(*args, **kwargs)
    assert str(caught.value) == told


def test_misuse_of_a_right_call_is_empty() -> None:
    assert misuse(("x", "y"), {"y": 0}, (1,), {}) == []
    assert misuse(("x", "y"), {"y": 0}, (), {"x": 1, "y": 2}) == []


def test_misuse_pairs_each_fault_with_its_field() -> None:
    assert misuse(("x", "y"), {}, (1, 2, 3), {"z": 0, "x": 0}) == [
        (None, "takes at most 2 values, got 3"),
        ("z", "is not a field"),
        ("x", "is given twice"),
    ]


@pytest.mark.parametrize(
    ("args", "kwargs", "fits"),
    [
        ((1,), {}, True),
        ((1, 2), {}, True),
        ((), {"x": 1}, True),
        ((), {}, False),
        ((1, 2, 3), {}, False),
        ((1,), {"x": 2}, False),
        ((1,), {"z": 2}, False),
    ],
)
def test_assign_tells_whether_the_arguments_fit(args: tuple[int, ...], kwargs: dict[str, object], fits: bool) -> None:
    assert assign(Point.__new__(Point), args, kwargs) is fits


def test_a_parametrised_class_builds_its_records() -> None:
    assert Box[int](3) == Box(3)


def test_a_method_of_its_own_is_kept() -> None:
    @record
    class Loud:
        x: int

        def __repr__(self) -> str:
            return "LOUD"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Loud)

        __hash__ = None  # type: ignore[assignment]

    assert repr(Loud(1)) == "LOUD"
    assert Loud(1) == Loud(2)


def test_the_class_keeps_its_names_and_its_docstring() -> None:
    assert Outer.Inner.__qualname__ == "Outer.Inner"
    assert Outer.Inner.__module__ == __name__
    assert Point.__doc__ == "Two numbers, the second with a default."


def test_the_class_that_was_decorated_does_not_stay_alive() -> None:
    def names() -> int:
        gc.collect()
        # Other tests leave classes behind whose own `__name__` raises.
        name_of = type.__dict__["__name__"].__get__
        return sum(name_of(each) == "Short" for each in object.__subclasses__())

    @record
    class Short:
        x: int

    assert Short(1).x == 1
    assert names() == 1
