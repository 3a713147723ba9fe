# A part's annotations are read when its class is made: here no import turns them into text.
import copy
import json
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import pytest

from jackfield.diagnostics import Diagnostic
from jackfield.errors import BlockError
from jackfield.providers.parts import FrozenMap, Part, fault, part
from jackfield.records import FrozenRecordError, field_names, replace

SECRET = "sk-live-9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@part
class Leaf(Part):
    """A part with one field of each simple kind."""

    name: str
    size: int = 1
    ratio: float = 0.5
    live: bool = False
    shade: Literal["light", "dark"] = "light"
    note: str | None = None
    mood: Literal["calm", "wild"] | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield a fault of a size below one, and one of a wild leaf in the dark."""
        if self.size < 1:
            yield fault("must be at least 1", "size")
        if self.mood == "wild" and self.shade == "dark":
            yield fault("cannot be seen", "mood", hint="Bring light.")


@part
class Tree(Part):
    """A part made of parts."""

    id: str
    leaves: tuple[Leaf, ...] = ()
    best: Leaf | None = None
    words: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    labels: Mapping[str, str] = FrozenMap()
    KIND: ClassVar[str] = "tree"

    def check(self) -> Iterator[Diagnostic]:
        """Yield a fault of a felled tree."""
        if self.id == "felled":
            yield fault("must stand")


@part
class Oak(Tree):
    """A part that adds a field to another one."""

    age: int = 100


def told(error: BlockError) -> list[tuple[tuple[str, ...], str]]:
    assert error.code == "block.invalid"
    assert {each.code for each in error.diagnostics} <= {"block.invalid"}
    return [(each.path, each.message) for each in error.diagnostics]


def faults_of(cls: type[Part], data: object) -> list[tuple[tuple[str, ...], str]]:
    with pytest.raises(BlockError) as caught:
        cls.from_dict(data)
    return told(caught.value)


def faults_of_call(cls: type[Part], *args: object, **kwargs: object) -> list[tuple[tuple[str, ...], str]]:
    with pytest.raises(BlockError) as caught:
        cls(*args, **kwargs)
    return told(caught.value)


# --- FrozenMap


def test_a_frozen_map_reads_like_a_mapping_in_its_order() -> None:
    frozen = FrozenMap({"b": "1", "a": "2"})
    assert (list(frozen), dict(frozen), len(frozen), frozen["b"]) == (["b", "a"], {"b": "1", "a": "2"}, 2, "1")
    assert frozen.get("c") is None
    assert repr(frozen) == "{'b': '1', 'a': '2'}"
    with pytest.raises(KeyError):
        frozen["c"]


def test_a_frozen_map_does_not_follow_its_source() -> None:
    source = {"a": "1"}
    frozen = FrozenMap(source)
    source["a"] = "2"
    assert frozen["a"] == "1"


def test_a_frozen_map_cannot_be_changed() -> None:
    frozen = FrozenMap({"a": "1"})
    with pytest.raises(TypeError):
        frozen["a"] = "2"  # type: ignore[index]
    with pytest.raises(TypeError):
        del frozen["a"]  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        frozen.extra = 1  # type: ignore[attr-defined]
    assert dict(frozen) == {"a": "1"}


def test_equal_frozen_maps_have_equal_hashes_whatever_their_order() -> None:
    one, two = FrozenMap({"a": "1", "b": "2"}), FrozenMap({"b": "2", "a": "1"})
    assert one == two == {"a": "1", "b": "2"}
    assert hash(one) == hash(two)
    assert len({one, two, FrozenMap(), FrozenMap({})}) == 2
    assert one != FrozenMap({"a": "1"})


@pytest.mark.parametrize("frozen", [FrozenMap(), FrozenMap({"b": "1", "a": "2"})], ids=repr)
def test_a_frozen_map_survives_pickling_and_copying(frozen: FrozenMap) -> None:
    for back in (pickle.loads(pickle.dumps(frozen)), copy.copy(frozen), copy.deepcopy(frozen)):
        assert type(back) is FrozenMap
        assert list(back.items()) == list(frozen.items())


# --- right values


def test_a_part_is_a_record() -> None:
    leaf = Leaf("a", 2)
    assert field_names(leaf) == ("name", "size", "ratio", "live", "shade", "note", "mood")
    assert leaf == Leaf(name="a", size=2)
    assert hash(leaf) == hash(Leaf("a", 2))
    assert not hasattr(leaf, "__dict__")
    with pytest.raises(FrozenRecordError):
        leaf.size = 3  # type: ignore[misc]
    assert Tree.KIND == "tree"


def test_lists_dicts_and_whole_numbers_take_their_final_form() -> None:
    labels = {"k": "v"}
    tree = Tree("t", [Leaf("a", ratio=1)], {"name": "b"}, ["x"], [1, 2], labels)  # type: ignore[arg-type]
    labels["k"] = "changed"
    assert tree.leaves == (Leaf("a", ratio=1.0),)
    assert type(tree.leaves[0].ratio) is float
    assert tree.best == Leaf("b")
    assert (tree.words, tree.numbers) == (("x",), (1, 2))
    assert type(tree.labels) is FrozenMap
    assert tree.labels == {"k": "v"}
    assert isinstance(hash(tree), int)


def test_a_part_of_a_part_keeps_the_fields_and_rules_of_both() -> None:
    assert field_names(Oak)[-1] == "age"
    assert Oak("o", words=["w"], age=3) == Oak.from_dict({"id": "o", "words": ["w"], "age": 3})  # type: ignore[arg-type]
    assert faults_of_call(Oak, "o", age="old", words=7) == [
        (("words",), "must be a list, not int"),
        (("age",), "must be a whole number, not text"),
    ]
    assert faults_of_call(Oak, "felled") == [((), "must stand")]


FULL = Tree(
    "t", (Leaf("a"), Leaf("b", 2, 0.1, True, "dark", "n", "calm")), Leaf("c"), ("x",), (1,), FrozenMap({"k": "v"})
)


@pytest.mark.parametrize("value", [Leaf("a"), Tree("t"), FULL, Oak("o", age=3)], ids=lambda value: type(value).__name__)
def test_a_part_survives_json_pickling_and_copying(value: Part) -> None:
    through_json = type(value).from_dict(json.loads(json.dumps(value.to_dict())))
    for back in (through_json, pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert type(back) is type(value)
        assert back == value
        assert hash(back) == hash(value)


def test_to_dict_gives_json_ready_values_in_the_order_of_the_class() -> None:
    shape = FULL.to_dict()
    assert list(shape) == ["id", "leaves", "best", "words", "numbers", "labels"]
    assert shape["leaves"][0] == {
        "name": "a",
        "size": 1,
        "ratio": 0.5,
        "live": False,
        "shade": "light",
        "note": None,
        "mood": None,
    }
    assert type(shape["labels"]) is dict
    assert type(shape["words"]) is list


def test_from_dict_takes_a_built_part_as_it_is() -> None:
    assert Tree.from_dict(FULL) is FULL
    leaf = Leaf("a")
    assert Tree.from_dict({"id": "t", "best": leaf}).best is leaf


def test_replace_checks_again() -> None:
    assert replace(Leaf("a"), size=3) == Leaf("a", 3)
    with pytest.raises(BlockError) as caught:
        replace(Leaf("a"), size=0)
    assert told(caught.value) == [(("size",), "must be at least 1")]


# --- wrong values

WRONG: tuple[tuple[str, object, str], ...] = (
    ("name", 7, "must be text, not int"),
    ("name", None, "must be text, not null"),
    ("name", b"a", "must be text, not bytes"),
    ("name", ["a"], "must be text, not a list"),
    ("name", {"a": 1}, "must be text, not an object"),
    ("name", True, "must be text, not a boolean"),
    ("name", "", "must not be blank; leave it out instead"),
    ("name", " \t\n", "must not be blank; leave it out instead"),
    ("note", "", "must not be blank; leave it out instead"),
    ("note", 7, "must be text, not int"),
    ("size", "1", "must be a whole number, not text"),
    ("size", 1.0, "must be a whole number, not float"),
    ("size", True, "must be a whole number, not a boolean"),
    ("size", None, "must be a whole number, not null"),
    ("ratio", "0.5", "must be a number, not text"),
    ("ratio", True, "must be a number, not a boolean"),
    ("ratio", 10**400, "is too large a number"),
    ("live", 1, "must be true or false, not int"),
    ("live", "true", "must be true or false, not text"),
    ("live", None, "must be true or false, not null"),
    ("shade", "Light", "must be one of light, dark, not text"),
    ("shade", None, "must be one of light, dark, not null"),
    ("shade", ["light"], "must be one of light, dark, not a list"),
    ("mood", "sad", "must be one of calm, wild, not text"),
    ("mood", 3, "must be one of calm, wild, not int"),
)

WRONG_IN_TREE: tuple[tuple[dict[str, Any], tuple[str, ...], str], ...] = (
    ({"leaves": 7}, ("leaves",), "must be a list, not int"),
    ({"leaves": "ab"}, ("leaves",), "must be a list, not text"),
    ({"leaves": None}, ("leaves",), "must be a list, not null"),
    ({"leaves": {"name": "a"}}, ("leaves",), "must be a list, not an object"),
    ({"leaves": [{"name": "a"}, 7]}, ("leaves", "[1]"), "must be a Leaf or an object, not int"),
    ({"leaves": [{"name": "a", "size": "x"}]}, ("leaves", "[0]", "size"), "must be a whole number, not text"),
    ({"leaves": [{"name": "a", "size": 0}]}, ("leaves", "[0]", "size"), "must be at least 1"),
    ({"leaves": [{}]}, ("leaves", "[0]", "name"), "is missing"),
    ({"best": []}, ("best",), "must be a Leaf or an object, not a list"),
    ({"best": {"name": "a", "shape": 1}}, ("best", "shape"), "is not a field"),
    ({"best": Tree("t")}, ("best",), "must be a Leaf or an object, not Tree"),
    ({"words": "abc"}, ("words",), "must be a list, not text"),
    ({"words": {"a"}}, ("words",), "must be a list, not set"),
    ({"words": ["a", 7]}, ("words", "[1]"), "must be text, not int"),
    ({"words": ["a", " "]}, ("words", "[1]"), "must not be blank; leave it out instead"),
    ({"words": [["a"]]}, ("words", "[0]"), "must be text, not a list"),
    ({"numbers": [1, "2"]}, ("numbers", "[1]"), "must be a whole number, not text"),
    ({"labels": 7}, ("labels",), "must be a mapping of text to text, not int"),
    ({"labels": [["k", "v"]]}, ("labels",), "must be a mapping of text to text, not a list"),
    ({"labels": None}, ("labels",), "must be a mapping of text to text, not null"),
    ({"labels": {"k": 1}}, ("labels", "k"), "must be text under a text key"),
    ({"labels": {1: "v"}}, ("labels", "<int>"), "must be text under a text key"),
    ({"labels": FrozenMap({"k": 1})}, ("labels", "k"), "must be text under a text key"),  # type: ignore[dict-item]
)


@pytest.mark.parametrize(("field", "value", "message"), WRONG)
def test_a_wrong_value_names_its_field(field: str, value: object, message: str) -> None:
    data = {"name": "a", field: value}
    assert faults_of(Leaf, data) == [((field,), message)]
    assert faults_of_call(Leaf, **data) == [((field,), message)]


@pytest.mark.parametrize(("data", "path", "message"), WRONG_IN_TREE)
def test_a_wrong_value_inside_names_the_whole_path(data: dict[str, Any], path: tuple[str, ...], message: str) -> None:
    assert faults_of(Tree, {"id": "t", **data}) == [(path, message)]
    assert faults_of_call(Tree, "t", **data) == [(path, message)]


def test_every_kind_of_field_has_a_wrong_value_in_the_tables() -> None:
    assert {field for field, _, _ in WRONG} == set(field_names(Leaf))
    assert {path[0] for _, path, _ in WRONG_IN_TREE} == set(field_names(Tree)) - {"id"}


@pytest.mark.parametrize(
    "data", [None, 7, "t", [], [("id", "t")], {"t"}, object()], ids=lambda value: type(value).__name__
)
def test_what_is_no_object_is_no_part(data: object) -> None:
    (only,) = faults_of(Tree, data)
    assert only[0] == ()
    assert only[1].startswith("must be a Tree or an object, not ")


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((), {}, [(("name",), "is missing")]),
        (("a",), {"nam": "b"}, [(("nam",), "is not a field")]),
        (("a",), {"name": "b"}, [(("name",), "is given twice")]),
        (tuple("abcdefgh"), {}, [((), "takes at most 7 values, got 8")]),
        (
            (),
            {"sise": 1, "x": 2},
            [(("sise",), "is not a field"), (("x",), "is not a field"), (("name",), "is missing")],
        ),
    ],
)
def test_a_wrong_call_tells_every_fault(
    args: tuple[object, ...], kwargs: dict[str, object], expected: list[tuple[tuple[str, ...], str]]
) -> None:
    assert faults_of_call(Leaf, *args, **kwargs) == expected


@pytest.mark.parametrize(
    ("written", "hint"),
    [("sise", "Did you mean size?"), ("nmae", "Did you mean name?"), ("qqq", None), ("Size", "Did you mean size?")],
)
def test_an_unknown_field_suggests_the_nearest(written: str, hint: str | None) -> None:
    with pytest.raises(BlockError) as from_call:
        Leaf("a", **{written: 1})  # type: ignore[arg-type]
    with pytest.raises(BlockError) as from_data:
        Leaf.from_dict({"name": "a", written: 1})
    for caught in (from_call, from_data):
        (only,) = caught.value.diagnostics
        assert (only.path, only.message, only.hint) == ((written,), "is not a field", hint)


def test_all_faults_are_told_at_once_each_with_its_path() -> None:
    data = {
        "leaves": [{"name": 7}, {"size": "big", "colour": 1}, {"name": "ok"}, {"name": "x", "size": 0}],
        "best": {"name": "b", "mood": "wild", "shade": "dark"},
        "words": [None],
        "labels": {"k": []},
        "extra": True,
    }
    assert sorted(faults_of(Tree, data)) == [
        (("best", "mood"), "cannot be seen"),
        (("extra",), "is not a field"),
        (("id",), "is missing"),
        (("labels", "k"), "must be text under a text key"),
        (("leaves", "[0]", "name"), "must be text, not int"),
        (("leaves", "[1]", "colour"), "is not a field"),
        (("leaves", "[1]", "name"), "is missing"),
        (("leaves", "[1]", "size"), "must be a whole number, not text"),
        (("leaves", "[3]", "size"), "must be at least 1"),
        (("words", "[0]"), "must be text, not null"),
    ]


def test_rules_see_only_values_of_the_right_type() -> None:
    assert faults_of(Leaf, {"name": "a", "size": "0", "mood": "wild", "shade": "dark"}) == [
        (("size",), "must be a whole number, not text")
    ]


def test_a_rule_keeps_its_hint_and_its_place_below_the_given_path() -> None:
    with pytest.raises(BlockError) as caught:
        Tree.from_dict({"id": "t", "best": {"name": "b", "mood": "wild", "shade": "dark"}}, path=("trees", "[4]"))
    (only,) = caught.value.diagnostics
    assert only.path == ("trees", "[4]", "best", "mood")
    assert only.hint == "Bring light."


def test_a_fault_without_a_path_is_about_the_whole() -> None:
    with pytest.raises(BlockError) as caught:
        Tree("felled")
    assert told(caught.value) == [((), "must stand")]
    assert caught.value.message == "Tree 'felled' is wrong: must stand"


# --- messages


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda: Tree("oak", words=7), "Tree 'oak'"),  # type: ignore[arg-type]
        (lambda: Tree("x" * 31, words=7), f"Tree {'x' * 31!r}"),  # type: ignore[arg-type]
        (lambda: Tree("x" * 32, words=7), "Tree"),  # type: ignore[arg-type]
        (lambda: Tree("", words=()), "Tree"),
        (lambda: Tree(7), "Tree"),  # type: ignore[arg-type]
        (lambda: Leaf("a", 0), "Leaf"),
        (lambda: Tree.from_dict({"id": "oak", "words": 7}), "Tree"),
    ],
)
def test_the_message_starts_with_the_part_and_its_sound_id(make: Any, title: str) -> None:
    with pytest.raises(BlockError) as caught:
        make()
    assert caught.value.message.startswith(f"{title} is wrong: ")


def test_the_message_tells_ten_faults_and_counts_the_others() -> None:
    with pytest.raises(BlockError) as caught:
        Tree.from_dict({"id": "t", "words": list(range(25))})
    assert len(caught.value.diagnostics) == 25
    assert "words[9]: must be text, not int; and 15 more" in caught.value.message
    assert "words[10]" not in caught.value.message


@pytest.mark.parametrize("field", [*field_names(Leaf), "unknown"])
@pytest.mark.parametrize("value", [SECRET, [SECRET], {SECRET: SECRET}, {"k": SECRET}, SECRET.encode()], ids=type)
def test_a_secret_in_the_wrong_field_is_not_repeated(field: str, value: object) -> None:
    with pytest.raises(BlockError) as caught:
        Leaf.from_dict({"name": "a", "size": "forced", field: value})
    shown = str(caught.value) + repr(caught.value) + json.dumps(caught.value.to_dict())
    assert SECRET not in shown
    assert "size" in shown or "is not a field" in shown


@pytest.mark.parametrize("data", [{SECRET: 1}, {"id": "t", SECRET: {}}, {"id": "t", "labels": {SECRET: 1}}], ids=len)
def test_a_secret_that_stands_as_a_key_is_not_repeated(data: dict[str, object]) -> None:
    with pytest.raises(BlockError) as caught:
        Tree.from_dict(data)
    assert SECRET not in json.dumps(caught.value.to_dict())
    assert f"<text of {len(SECRET)} characters>" in {each.path[-1] for each in caught.value.diagnostics}


# --- hostile input


class Odd:
    """A key that cannot be shown."""

    def __repr__(self) -> str:
        raise AssertionError("a key was asked for its text")

    __str__ = __repr__


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def nested_dict(depth: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(depth):
        value = {"best": value, "leaves": [value]}
    return value


def own_list() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def own_dict() -> dict[str, object]:
    value: dict[str, object] = {"id": "t"}
    value.update(best=value, leaves=[value], labels=value)
    return value


@pytest.mark.parametrize(
    "data",
    [
        own_dict(),
        nested_dict(50_000),
        {"id": nested(50_000)},
        {"id": "t", "words": nested(50_000)},
        {"id": "t", "leaves": nested(50_000)},
        {"id": "t", "labels": nested_dict(50_000)},
        {"id": own_list()},
        {"id": "t", "words": own_list()},
        {"id": "t", "leaves": own_list()},
        {"id": "t", "numbers": own_list()},
        {"id": "t", "best": own_dict()},
        {"id": "t", 5: 1},
        {"id": "t", None: 1, (1, 2): 2, b"id": 3, 10**5000: 4, Odd(): 5, frozenset(): 6},
        {"id": "t", "labels": {Odd(): "v", 10**5000: "v"}},
        {"id": "t", "numbers": [1.5e308 * 10, float("nan")]},
        {"id": "t", "words": [Odd()]},
        {"id": "\x00" * 1_000_000, "words": 1},
        {"id": "t", "k" * 1_000_000: 1},
    ],
    ids=range(18),
)
def test_hostile_data_ends_in_a_block_error(data: dict[object, object]) -> None:
    with pytest.raises(BlockError) as caught:
        Tree.from_dict(data)
    assert told(caught.value)
    assert len(caught.value.message) < 2_000


def test_ten_thousand_unknown_keys_are_all_told_and_the_message_stays_short() -> None:
    data: dict[str, object] = {f"key{place}": place for place in range(10_000)}
    with pytest.raises(BlockError) as caught:
        Tree.from_dict(data)
    assert len(caught.value.diagnostics) == 10_001
    assert caught.value.diagnostics[-1].path == ("id",)
    assert caught.value.message.endswith("and 9991 more")


def test_only_the_first_unknown_keys_are_searched_for_a_suggestion() -> None:
    with pytest.raises(BlockError) as caught:
        Leaf.from_dict({"name": "a"} | {f"siz{place}": place for place in range(100)})
    hints = [each.hint for each in caught.value.diagnostics]
    assert hints == ["Did you mean size?"] * 20 + [None] * 80


def test_any_mapping_will_do() -> None:
    class Other(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            return {"id": "t", "labels": FrozenMap({"k": "v"})}[key]

        def __iter__(self) -> Iterator[str]:
            return iter(["id", "labels"])

        def __len__(self) -> int:
            return 2

    assert Tree.from_dict(Other()) == Tree("t", labels=FrozenMap({"k": "v"}))
