"""The core blocks and their views say what the facts say, except where the page of deviations says otherwise."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from jackfield.diagnostics import format_path
from parity.deviations import PAGE, Deviation, read_deviations
from parity.facts import covers, facts
from parity.run import core_result

if TYPE_CHECKING:
    from parity.items import Item


@cache
def deviations() -> tuple[Deviation, ...]:
    return tuple(read_deviations(PAGE.read_text(encoding="utf-8")))


def _subject(item: Item) -> str:
    """Return what an item is about: the path of the thing it is a field of."""
    return format_path(item.path[:-1] if len(item.path) > 1 else item.path)


def _cases() -> list[object]:
    cases: list[object] = []
    for name, items in core_result().items.items():
        for subject, found in groupby(sorted(items, key=_subject), key=_subject):
            cases.append(pytest.param(list(found), id=f"{name}: {subject}"))
    return cases


@pytest.mark.parametrize("items", _cases())
def test_what_the_facts_say_still_holds_unless_a_deviation_covers_it(items: list[Item]) -> None:
    changed = [item for item in items if not item.agrees]
    assert [str(item) for item in changed if not any(row.covers(item.path) for row in deviations())] == []


def test_every_leaf_of_the_facts_is_compared_or_covered_by_a_deviation() -> None:
    unread = core_result().unread
    assert [format_path(path) for path in unread if not any(row.covers(path) for row in deviations())] == []


@pytest.mark.parametrize("row", [pytest.param(each, id=each.id) for each in deviations()])
def test_a_deviation_covers_differences_only_and_each_of_its_paths_covers_one(row: Deviation) -> None:
    result = core_result()
    still_open = [*(item.path for item in result.differing), *result.unread]
    stale = [path for path in row.paths if not any(covers(path, each) for each in still_open)]
    assert [format_path(path) for path in stale] == []
    assert [str(item) for item in result.agreeing if row.covers(item.path)] == []


def test_deviations_are_numbered_without_gaps_and_each_gives_its_reason() -> None:
    rows = deviations()
    assert [row.id for row in rows] == [f"D{number:02}" for number in range(1, len(rows) + 1)]
    assert [row.id for row in rows if not row.why.endswith((".", '."'))] == []


def test_an_item_stands_on_one_leaf_of_the_facts_or_adds_one() -> None:
    leaves = facts().leaves
    inner = {path[:length] for path in leaves for length in range(len(path))}
    assert [str(item) for item in core_result() if item.path in inner] == []


def test_no_leaf_is_compared_twice() -> None:
    paths = [item.path for item in core_result()]
    assert len(paths) == len(set(paths))


def test_comparisons_look_at_most_of_the_facts() -> None:
    result = core_result()
    assert len(result.facts.leaves) == 3506
    assert len(result.agreeing) > 4300
    assert len(result.differing) < 80
    assert len(result.unread) < 250


@pytest.mark.parametrize("name", sorted(core_result().items))
def test_no_comparison_runs_empty(name: str) -> None:
    assert core_result().items[name]


def test_all_thirty_providers_of_the_facts_but_the_voice_one_are_compared() -> None:
    compared = {item.path[1] for item in core_result().agreeing if item.path[0] == "providers"}
    assert set(facts().providers) - compared == {"deepgram"}
    assert len(compared) == 29
