"""The page about the config lists every field that is checked, with the type that is demanded."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from docs.pages import PROJECT, rows_below
from jackfield.config import shape
from jackfield.config.file import OURS
from jackfield.config.paths import find_paths
from jackfield.providers.block import ApiStyle

PAGE = (PROJECT / "docs" / "reference" / "config.md").read_text(encoding="utf-8")
ROWS = rows_below(PAGE, "Fields")
STAND_INS = {"ID": "acme", "PROFILE": "acme:default", "REF": "acme/anvil", "PLUGIN": "acme-auth"}
# A value of another type than the field's, and one of its own.
WRONG: dict[str, Any] = {"true or false": "yes", "number": "many", "anything": None}
RIGHT: dict[str, Any] = {"text": "x", "true or false": True, "number": 1, "list": [], "object": {}, "anything": 7}


def nested(field: str, value: object) -> object:
    """Return the smallest config with `value` at `field`."""
    for step in reversed(re.findall(r"\[\]|[^.\[]+", field)):
        value = [value] if step == "[]" else {STAND_INS.get(step, step): value}
    return value


def faults_at(field: str, value: object) -> list[tuple[str, str]]:
    found = shape.check_config(nested(field, value))
    wanted = [STAND_INS.get(step, step).replace("[]", "[0]") for step in re.findall(r"\[\]|[^.\[]+", field)]
    return [(each.code, each.severity) for each in found if list(each.path[: len(wanted)]) == wanted]


def test_the_table_was_found() -> None:
    assert len(ROWS) > 35
    assert {len(row) for row in ROWS} == {4}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_listed_field_is_known_and_a_neighbour_of_it_is_not(row: list[str]) -> None:
    field = row[0]
    value = RIGHT.get(row[1].partition(" of ")[0].partition(" or object")[0], "x")
    assert ("config.unknown-field", "warning") not in faults_at(field, value)
    assert ("config.type", "error") not in faults_at(field, value)
    parent = field.rpartition(".")[0]
    closed = parent not in {"", "agents", "agents.defaults", "auth", "plugins"}
    if closed and field.rsplit(".", 1)[1] not in STAND_INS and parent.rpartition(".")[2] not in {"entries"}:
        assert faults_at(f"{field}X", value) == [("config.unknown-field", "warning")]


@pytest.mark.parametrize("row", [row for row in ROWS if row[1] != "anything"], ids=lambda row: row[0])
def test_a_value_of_another_type_is_an_error(row: list[str]) -> None:
    assert ("config.type", "error") in faults_at(row[0], WRONG.get(row[1], 7))


@pytest.mark.parametrize("row", [row for row in ROWS if " or " in row[1]], ids=lambda row: row[0])
def test_the_values_that_a_field_may_have_are_those_that_are_listed(row: list[str]) -> None:
    if row[1] in {"true or false", "text or object"}:
        assert faults_at(row[0], {"true or false": False, "text or object": "a/b"}[row[1]]) == []
        return
    for value in re.split(r", | or ", row[1]):
        assert faults_at(row[0], value) == []
    assert faults_at(row[0], "something-else") == [("config.value", "error")]


def test_required_fields_are_marked() -> None:
    marked = {row[0] for row in ROWS if "; required" in row[2]}
    empty = {
        "models.providers.ID.models[].id": nested("models.providers.ID.models[]", {}),
        "auth.profiles.PROFILE.provider": nested("auth.profiles.PROFILE", {"mode": "oauth"}),
        "auth.profiles.PROFILE.mode": nested("auth.profiles.PROFILE", {"provider": "acme"}),
    }
    for value in empty.values():
        assert "config.missing" in [each.code for each in shape.check_config(value)]
    assert marked == set(empty)


def known_fields(closure: Any, path: str = "") -> set[str]:
    """Return the fields that a shape knows: the dicts that its checks have in their closures."""
    found = {path} if path else set()
    cells = dict(zip(closure.__code__.co_freevars, closure.__closure__ or (), strict=True))
    if "known" in cells:
        for name, inner in cells["known"].cell_contents.items():
            found |= known_fields(inner, f"{path}.{name}" if path else name)
    elif "other" in cells:
        found |= known_fields(cells["other"].cell_contents, path)
    elif "shape" in cells:
        mark = "[]" if "key" not in cells else ".*"
        found |= known_fields(cells["shape"].cell_contents, path + mark)
    return found


def test_every_field_that_is_checked_is_listed() -> None:
    listed = {re.sub(r"\b(ID|PROFILE|REF|PLUGIN)\b", "*", row[0]) for row in ROWS}
    # Containers whose members are listed, and members of lists and maps that are plain values, need no row.
    known = known_fields(shape._ROOT)
    leaves = {each for each in known if not each.endswith((".*", "[]"))}
    inner = {each for each in leaves if any(other.startswith(f"{each}.") for other in listed)}
    assert len(leaves) > 35
    assert leaves - inner - listed == set()
    assert listed - known == set()


def test_the_parts_that_are_ours_and_the_api_styles_are_named() -> None:
    for part in OURS:
        assert any(row[0].startswith(".".join(part)) for row in ROWS)
    for style in get_args(ApiStyle):
        assert f"`{style}`" in PAGE


def test_the_files_are_where_the_page_says() -> None:
    paths = find_paths({"JACKFIELD_HOME": "/home-of-all"})
    names = [path.name for path in (paths.config_file, paths.store_file, paths.plugins_dir, paths.state_dir)]
    assert [row[0] for row in rows_below(PAGE, "Files")] == names
