"""Laws of `$include`: merging, splitting a config into files, and writing beside what is taken in."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.config.document import Document
from jackfield.config.file import Change, apply_changes
from jackfield.config.host import ABSENT, find
from jackfield.config.include import Includes, TakenIn
from jackfield.config.values import put, same
from jackfield.errors import ConfigError

KEYS = st.sampled_from(["a", "b", "c.d"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=10
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)


def expected(below: Any, above: Any) -> Any:
    """Return what `above` over `below` is, by the rule as it is written down."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            key: expected(below[key], above[key])
            if key in below and key in above
            else (above if key in above else below)[key]
            for key in [*below, *(key for key in above if key not in below)]
        }
    return [*below, *above] if isinstance(below, list) and isinstance(above, list) else above


def read(folder: str, config: object, **files: object) -> TakenIn:
    for name, value in files.items():
        Path(folder, name).write_text(json.dumps(value))
    return Includes(Path(folder, "config.json5"), lambda _: True).take_in(Document.parse(json.dumps(config)))


def merged(*values: object, beside: dict[str, object] | None = None) -> object:
    """Return what a config reads as that takes in these values, each from a file of its own."""
    names = [f"f{number}" for number in range(len(values))]
    with tempfile.TemporaryDirectory() as folder:
        taken = read(folder, {"$include": names, **(beside or {})}, **dict(zip(names, values, strict=True)))
    assert taken.faults == ()
    return taken.value


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_a_list_of_files_merges_from_left_to_right(values: list[object]) -> None:
    whole = values[0]
    for value in values[1:]:
        whole = expected(whole, value)
    assert same(merged(*values), whole)


@settings(max_examples=150, deadline=None)
@given(OBJECTS, OBJECTS, OBJECTS)
def test_the_fields_beside_win_over_all_files_and_that_is_one_more_merge(
    one: dict[str, object], two: dict[str, object], beside: dict[str, object]
) -> None:
    assert same(merged(one, two, beside=beside), merged(one, two, beside))


@settings(max_examples=100, deadline=None)
@given(OBJECTS)
def test_an_empty_file_changes_nothing_on_either_side(value: dict[str, object]) -> None:
    assert same(merged({}, value), value)
    assert same(merged(value, {}), value)


def without_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_lists(each) for key, each in value.items()}
    return None if isinstance(value, list) else value


@settings(max_examples=100, deadline=None)
@given(OBJECTS.map(without_lists))
def test_without_lists_a_file_taken_in_twice_is_taken_in_once(value: dict[str, object]) -> None:
    assert same(merged(value, value), value)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(SCALARS, max_size=3), min_size=1, max_size=4))
def test_lists_keep_every_item_in_its_order(values: list[list[object]]) -> None:
    assert same(merged(*values), [each for value in values for each in value])


def split(value: Any, draw: Any, files: dict[str, object]) -> Any:
    """Move parts of a value into files, whole or member by member, and return what is left to take them in."""
    if isinstance(value, dict):
        value = {key: split(each, draw, files) for key, each in value.items()}
        moved = {key for key in value if draw(st.booleans())}
    elif isinstance(value, list):
        return [split(each, draw, files) for each in value]
    else:
        moved = set()
    if not draw(st.booleans()) or len(files) > 20:
        return value
    name = f"f{len(files)}"
    if isinstance(value, dict) and "$include" not in value and moved != set(value):
        files[name] = {key: each for key, each in value.items() if key in moved}
        return {"$include": name, **{key: each for key, each in value.items() if key not in moved}}
    files[name] = value
    return {"$include": name}


@settings(max_examples=150, deadline=None)
@given(OBJECTS, st.data())
def test_a_config_that_was_split_into_files_reads_as_before(value: dict[str, object], data: st.DataObject) -> None:
    files: dict[str, object] = {}
    left = split(value, data.draw, files)
    with tempfile.TemporaryDirectory() as folder:
        taken = read(folder, left, **files)
        if any(each.code == "config.include-depth" for each in taken.faults):
            return
        assert taken.faults == ()
        assert same(taken.value, value)
        # Everything that did not stay in the main file is traced to the file that it is in now.
        for key in value:
            for origin in taken.origins((key,)):
                assert Path(origin.rsplit(":", 2)[0]).name in files


@settings(max_examples=200, deadline=None)
@given(
    OBJECTS,
    OBJECTS,
    st.lists(st.tuples(st.lists(KEYS, min_size=1, max_size=3).map(tuple), VALUES), min_size=1, max_size=3),
)
def test_a_change_takes_effect_or_is_refused_and_never_half(
    included: dict[str, object], own: dict[str, object], changes: list[tuple[tuple[str, ...], object]]
) -> None:
    """What is refused stands in the included file; what is written reads as asked for, and nothing else moves."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "shared").write_text(json.dumps(included))
        includes = Includes(Path(folder, "config.json5"), lambda _: True)
        document = Document.parse(json.dumps({"$include": "shared", **own})).taking_in(includes.take_in)
        try:
            after = apply_changes(document, [Change(*each) for each in changes])
        except ConfigError as error:
            refused = error
        else:
            check_effect(document, after, changes)
            return
    if refused.code != "config.not-an-object":
        assert refused.code == "config.included"
        assert refused.diagnostics
        assert all(find(included, each.path) is not ABSENT for each in refused.diagnostics)


def check_effect(before: Document, after: Document, changes: list[tuple[tuple[str, ...], object]]) -> None:
    assert isinstance(after.own, dict)
    assert isinstance(before.value, dict)
    assert after.own["$include"] == "shared"
    wanted = before.value
    for path, value in changes:
        if value is not None or find(wanted, path) is not ABSENT:
            wanted = put(wanted, path, value)
    for path, _ in changes:
        found, asked = find(after.value, path), find(wanted, path)
        assert found is asked if ABSENT in (found, asked) else same(found, asked)
    for key in set(before.value) - {path[0] for path, _ in changes}:
        assert same(find(after.value, (key,)), before.value[key])


@settings(max_examples=100, deadline=None)
@given(OBJECTS, OBJECTS)
def test_saying_again_what_the_whole_says_writes_nothing(included: dict[str, object], own: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "shared").write_text(json.dumps(included))
        includes = Includes(Path(folder, "config.json5"), lambda _: True)
        document = Document.parse(json.dumps({"$include": "shared", **own})).taking_in(includes.take_in)
        value = document.value
        assert isinstance(value, dict)
        changes = [Change((key,), each) for key, each in value.items() if each is not None]
        assert apply_changes(document, changes).text == document.text
