from __future__ import annotations

from typing import Any

import pytest

from jackfield.plugins.found import Candidate, FoundPlugin, Manifest
from jackfield.plugins.schema import config_faults

EMPTY = {"type": "object", "additionalProperties": False, "properties": {}}


def plugin(schema: Any) -> FoundPlugin:
    candidate = Candidate("global", "/plugins/acme", "/plugins/acme/index.ts", "acme", "node")
    manifest = Manifest("acme", "/plugins/acme/openclaw.plugin.json", config_schema=schema)
    return FoundPlugin("acme", candidate, manifest, "enabled")


@pytest.mark.parametrize("config", [None, {}])
@pytest.mark.parametrize("schema", [EMPTY, None, {}, {"type": "object"}])
def test_no_config_is_right_where_nothing_is_asked_for(schema: Any, config: Any) -> None:
    assert config_faults(plugin(schema), config) == ()


@pytest.mark.parametrize(
    ("schema", "config", "where", "rule"),
    [
        (EMPTY, {"x": 1}, (), "additionalProperties"),
        ({"type": "object", "required": ["url"]}, None, (), "required"),
        ({"type": "object", "minProperties": 1}, {}, (), "minProperties"),
        ({"properties": {"url": {"type": "string"}}}, {"url": 7}, ("url",), "type"),
        ({"properties": {"a": {"items": {"enum": [1]}}}}, {"a": [1, 2]}, ("a", "1"), "enum"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "maxProperties": 0}, {"a": 1}, (), "maxProperties"),
    ],
)
def test_a_config_that_does_not_fit_is_told_with_its_place(
    schema: Any, config: Any, where: tuple[str, ...], rule: str
) -> None:
    [fault] = config_faults(plugin(schema), config)
    assert (fault.code, fault.owner) == ("plugin.bad-config", "plugin:acme")
    assert fault.path == ("plugins", "entries", "acme", "config", *where)
    assert f"`{rule}`" in fault.message


def test_every_fault_is_told_and_no_value_is_repeated() -> None:
    schema = {"properties": {"key": {"type": "number"}, "url": {"pattern": "^https"}}}
    faults = config_faults(plugin(schema), {"key": "sk-secret-1", "url": "sk-secret-2"})
    assert len(faults) == 2
    assert "sk-secret" not in "".join(str(each.to_dict()) for each in faults)


def test_config_for_a_plugin_that_takes_none_is_a_fault() -> None:
    [fault] = config_faults(plugin(None), {"x": 1})
    assert fault.code == "plugin.bad-config"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "banana"},
        {"properties": 7},
        {"$ref": "#/definitions/none"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"properties": {"x": {"$ref": "file:///etc/passwd"}}},
        {"$ref": "#"},
        {"properties": {"x": {"pattern": "("}}},
    ],
    ids=str,
)
def test_a_schema_that_is_none_is_told_and_nothing_is_fetched(schema: Any) -> None:
    [fault] = config_faults(plugin(schema), {"x": "y"})
    assert (fault.code, fault.owner) == ("plugin.manifest-schema", "plugin:acme")
