from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.plugins.found import MethodInfo, ProviderInfo
from jackfield.plugins.manifest import JSON_NAMES, ManifestFile, read_manifest, usable_id
from jackfield.plugins.package import PackageFile, read_package
from jackfield.plugins.reading import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_TEXT,
    ReadError,
    is_file,
    lies_in,
    one_line,
    parse_json,
    parse_toml,
    read_text,
    real,
    shown,
    stays_inside,
)
from support.pluginfolders import SCHEMA, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JSON = "openclaw.plugin.json"
TOML = "jackfield.plugin.toml"
PROJECT = "pyproject.toml"

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")


def read_json(folder: Path, **fields: Any) -> ManifestFile:
    """Read a manifest with an id and a schema, and these fields."""
    return read_manifest(str(write(folder, {JSON: {"id": "acme", "configSchema": SCHEMA, **fields}})), "acme")


def read_toml(folder: Path, text: str, name: str = TOML) -> ManifestFile:
    return read_manifest(str(write(folder, {name: text})), "acme")


def codes(read: ManifestFile) -> list[str]:
    return [each.code for each in read.diagnostics]


def faults(read: ManifestFile) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.code, each.severity, each.path) for each in read.diagnostics]


# What a manifest says


def test_a_whole_existing_manifest_is_read(tmp_path: Path) -> None:
    fields = {
        "id": " Acme-Plugin ",
        "name": "Acme",
        "version": "1.2.0",
        "description": "Logs in to\nAcme",
        "kind": "memory",
        "providers": ["acme-ai"],
        "channels": ["chat"],
        "skills": ["./skills"],
        "uiHints": {"x": {"label": "X"}},
        "configSchema": SCHEMA,
    }
    read = read_manifest(str(write(tmp_path, {JSON: fields})), "hint")
    assert read.diagnostics == ()
    assert (read.id, read.source, read.ours) == ("acme-plugin", str(tmp_path / JSON), False)
    assert read.manifest is not None
    assert (read.manifest.id, read.manifest.name, read.manifest.version) == ("Acme-Plugin", "Acme", "1.2.0")
    assert (read.manifest.description, read.manifest.kind) == ("Logs in to Acme", "memory")
    assert read.manifest.providers == (ProviderInfo("acme-ai"),)
    assert read.manifest.config_schema == SCHEMA
    assert (read.manifest.channels, read.manifest.skills) == (("chat",), ("./skills",))


def test_newer_manifests_announce_variables_and_choices(tmp_path: Path) -> None:
    read = read_json(
        tmp_path,
        providers=["acme-ai", "Acme-Portal"],
        enabledByDefault=True,
        providerAuthEnvVars={"ACME-AI": ["ACME_KEY", "ACME_KEY", "ACME_TOKEN"], "elsewhere": ["OTHER_KEY"]},
        setup={"providers": [{"id": "acme-portal", "envVars": ["ACME_PORTAL_KEY"], "authMethods": ["x"]}]},
        providerAuthChoices=[
            {"provider": "acme-ai", "method": "OAuth", "choiceId": "acme-oauth", "choiceLabel": "Acme OAuth"},
            {"provider": "acme-ai", "method": "api-key", "cliFlag": "--acme-api-key"},
            {"provider": "acme-more", "method": "device", "choiceId": "acme-more"},
        ],
    )
    assert read.diagnostics == ()
    assert read.manifest is not None
    assert read.manifest.providers == (
        ProviderInfo(
            "acme-ai",
            env_vars=("ACME_KEY", "ACME_TOKEN"),
            methods=(MethodInfo("oauth", "acme-oauth", "Acme OAuth"), MethodInfo("api-key")),
        ),
        ProviderInfo("acme-portal", env_vars=("ACME_PORTAL_KEY",)),
        ProviderInfo("acme-more", methods=(MethodInfo("device", "acme-more"),)),
    )


def test_of_several_kinds_the_first_is_taken(tmp_path: Path) -> None:
    read = read_json(tmp_path, kind=["memory", "context-engine"])
    assert read.manifest is not None
    assert (read.manifest.kind, read.diagnostics) == ("memory", ())


OWN = """
id = "acme"
name = "Acme"
version = "0.1.0"
description = "Logs in to Acme"
kind = "provider"
entry = "code/main.py:setup"
channels = ["chat"]
skills = ["skills"]

[config_schema]
type = "object"
properties.region.enum = ["eu", "us"]

[[providers]]
id = "Acme-AI"
label = "Acme AI"
aliases = ["acme.ai", "ACME"]
env_vars = ["ACME_KEY"]

[[providers.auth]]
id = "api-key"
choice = "acme-api-key"
label = "Acme API key"
kind = "api_key"

[[providers.auth]]
id = "oauth"

[[providers]]
id = "acme-two"
"""

OWN_PROVIDERS = (
    ProviderInfo(
        "acme-ai",
        "Acme AI",
        ("acme.ai", "acme"),
        ("ACME_KEY",),
        (MethodInfo("api-key", "acme-api-key", "Acme API key", "api_key"), MethodInfo("oauth")),
    ),
    ProviderInfo("acme-two"),
)


def in_project(text: str) -> str:
    """Return the text of a manifest as a table of pyproject.toml."""
    nested = text.replace("[[providers", "[[tool.jackfield.plugin.providers")
    return "[tool.jackfield.plugin]\n" + nested.replace("[config_schema]", "[tool.jackfield.plugin.config_schema]")


@pytest.mark.parametrize(("name", "text"), [(TOML, OWN), (PROJECT, in_project(OWN))])
def test_a_whole_manifest_of_our_own_form_is_read(tmp_path: Path, name: str, text: str) -> None:
    read = read_toml(tmp_path, text, name)
    assert read.diagnostics == ()
    assert (read.id, read.ours, read.entry, read.function) == ("acme", True, "code/main.py", "setup")
    assert read.manifest is not None
    assert read.manifest.providers == OWN_PROVIDERS
    assert (read.manifest.name, read.manifest.version, read.manifest.kind) == ("Acme", "0.1.0", "provider")
    assert read.manifest.description == "Logs in to Acme"
    assert read.manifest.config_schema == {"type": "object", "properties": {"region": {"enum": ["eu", "us"]}}}
    assert (read.manifest.channels, read.manifest.skills) == (("chat",), ("skills",))
    assert read.manifest.source == str(tmp_path / name)


def test_a_manifest_of_our_own_form_needs_an_id_alone(tmp_path: Path) -> None:
    read = read_toml(tmp_path, 'id = "acme"')
    assert read.diagnostics == ()
    assert (read.entry, read.function) == (None, None)
    assert read.manifest is not None
    assert (read.manifest.config_schema, read.manifest.providers) == (None, ())


def test_a_project_says_what_its_plugin_table_does_not(tmp_path: Path) -> None:
    text = '[project]\nname = "acme-package"\nversion = "3.1"\ndescription = "From the project"\n'
    read = read_toml(tmp_path, text + '[tool.jackfield.plugin]\nid = "acme"\nversion = "9"\n', PROJECT)
    assert read.diagnostics == ()
    assert read.manifest is not None
    assert (read.manifest.name, read.manifest.version) == ("acme-package", "9")
    assert read.manifest.description == "From the project"


# Which file counts

ALL = {
    "openclaw.plugin.json": json.dumps({"id": "one", "configSchema": {}}),
    "moltbot.plugin.json": json.dumps({"id": "two", "configSchema": {}}),
    "clawdbot.plugin.json": json.dumps({"id": "three", "configSchema": {}}),
    TOML: 'id = "four"',
    PROJECT: '[tool.jackfield.plugin]\nid = "five"',
}


@pytest.mark.parametrize("first", range(len(ALL)))
def test_the_first_manifest_in_the_order_of_names_counts(tmp_path: Path, first: int) -> None:
    names = list(ALL)[first:]
    write(tmp_path, {name: ALL[name] for name in reversed(names)})
    read = read_manifest(str(tmp_path), "hint")
    assert (read.id, read.source, read.diagnostics) == (
        ["one", "two", "three", "four", "five"][first],
        str(tmp_path / names[0]),
        (),
    )
    assert read.ours is (first > 2)


def test_the_names_of_existing_manifests_come_first() -> None:
    assert tuple(ALL)[:3] == JSON_NAMES


@pytest.mark.parametrize(
    "files",
    [
        {},
        {PROJECT: '[project]\nname = "jackfield-user"'},
        {PROJECT: "[tool.jackfield]\nother = 1"},
        {PROJECT: "[tool]\njackfield = 1"},
        {PROJECT: "jackfield = [broken"},
        {PROJECT: b"\xff jackfield"},
        {"openclaw.plugin.JSON.txt": "{}"},
        {"sub/openclaw.plugin.json": '{"id": "acme"}'},
    ],
)
def test_a_folder_without_a_manifest_is_told_apart_from_one_with_a_broken_one(
    tmp_path: Path, files: dict[str, Any]
) -> None:
    assert read_manifest(str(write(tmp_path, files)), "My Folder") == ManifestFile("my-folder")


def test_a_link_to_nothing_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / JSON).symlink_to(tmp_path / "gone")
    assert read_manifest(str(tmp_path), "acme").source is None


def test_a_broken_project_file_is_told_when_it_has_our_table(tmp_path: Path) -> None:
    read = read_toml(tmp_path, '[tool.jackfield.plugin]\nid = "acme', PROJECT)
    assert codes(read) == ["plugin.manifest-toml"]
    assert read.ours is True


# What makes a manifest unusable


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("", "plugin.manifest-json", "failed to parse plugin manifest: Expecting value"),
        ("{", "plugin.manifest-json", "failed to parse plugin manifest: Expecting property name"),
        ("{'id': 'acme'}", "plugin.manifest-json", "failed to parse plugin manifest: Expecting property name"),
        ('{"id": "acme",}', "plugin.manifest-json", "failed to parse plugin manifest: "),
        ('// x\n{"id": "acme"}', "plugin.manifest-json", "failed to parse plugin manifest: Expecting value"),
        ('{"id": NaN}', "plugin.manifest-json", "failed to parse plugin manifest: NaN is not a JSON number"),
        ('{"id": ' + "9" * 5000 + "}", "plugin.manifest-json", "failed to parse plugin manifest: a number is too long"),
        ("[" * 100_000, "plugin.manifest-json", "failed to parse plugin manifest: it is nested more than 64"),
        ("[" * 70 + "]" * 70, "plugin.manifest-json", "failed to parse plugin manifest: it is nested more than 64"),
        ("[]", "plugin.manifest-object", "plugin manifest must be an object"),
        ("null", "plugin.manifest-object", "plugin manifest must be an object"),
        ('"acme"', "plugin.manifest-object", "plugin manifest must be an object"),
        (b"\xff\xfe{}", "plugin.unreadable", "plugin manifest is not UTF-8"),
        (b"{}" + b" " * MAX_BYTES, "plugin.unreadable", "plugin manifest is larger than 256 KiB"),
        (b" " * 1024 * 1024, "plugin.unreadable", "plugin manifest is larger than 256 KiB"),
    ],
)
def test_an_unusable_json_manifest_is_told(tmp_path: Path, content: str | bytes, code: str, message: str) -> None:
    read = read_manifest(str(write(tmp_path, {JSON: content})), "Acme")
    assert (codes(read), read.manifest, read.id) == ([code], None, "acme")
    assert read.diagnostics[0].owner == "plugin:acme"
    assert read.diagnostics[0].message.startswith(message)
    assert str(tmp_path / JSON) in read.diagnostics[0].message
    assert read.fault == read.diagnostics[0].message


def test_a_fault_in_json_is_told_with_its_line(tmp_path: Path) -> None:
    read = read_manifest(str(write(tmp_path, {JSON: '{\n  "id": "acme"\n  "x": 1\n}'})), "acme")
    assert [(each.line, each.column) for each in read.diagnostics] == [(3, 3)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("id = ", "plugin.manifest-toml"),
        ('id = "a"\nid = "b"', "plugin.manifest-toml"),
        ('[a]\n[a]\nid = "x"', "plugin.manifest-toml"),
        ("x = " + "[" * 50_000, "plugin.manifest-toml"),
        ("x = " + "[" * 70 + "]" * 70, "plugin.manifest-toml"),
        ("x = " + "9" * 5000, "plugin.manifest-toml"),
        ("a" + ".a" * 60_000 + " = 1", "plugin.manifest-toml"),
        ("[" + '"a" . ' * 40 + "a]", "plugin.manifest-toml"),
        ("x = { " + "'a'." * 40 + "a = 1 }", "plugin.manifest-toml"),
        ('"\\"".' * 40 + "a = 1", "plugin.manifest-toml"),
        (" " * (MAX_BYTES + 1), "plugin.unreadable"),
        ("", "plugin.manifest-id"),
        ("id = 5", "plugin.manifest-id"),
    ],
)
def test_an_unusable_toml_manifest_is_told(tmp_path: Path, text: str, code: str) -> None:
    read = read_toml(tmp_path, text)
    assert code in codes(read)
    assert (read.manifest, read.ours) == (None, True)


def test_a_project_table_that_is_no_table_is_told(tmp_path: Path) -> None:
    read = read_toml(tmp_path, "[tool.jackfield]\nplugin = 5", PROJECT)
    assert faults(read) == [("plugin.manifest-object", "error", ("tool", "jackfield", "plugin"))]


@pytest.mark.parametrize(
    "text",
    [
        '"' * 200_000,
        '\\"' * 100_000,
        "'" * 200_001,
        "a" * 200_000,
        "a." * 30 + "b = 1\n" + ("a." * 30 + "b\n") * 3_000,
        '"a"."b\n' * 30_000,
        ". " * 100_000,
        "-" * 200_000,
    ],
)
def test_the_search_for_long_keys_takes_linear_time(text: str) -> None:
    start = time.process_time()
    with pytest.raises(ReadError):
        parse_toml(text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "plugin manifest requires id"),
        (5, "plugin manifest requires id"),
        (["acme"], "plugin manifest requires id"),
        ("", "plugin manifest requires id"),
        (" \t ", "plugin manifest requires id"),
        ("a b", "plugin manifest id 'a b' is not a plugin id"),
        ("../acme", "plugin manifest id '../acme' is not a plugin id"),
        ("acme/x", "plugin manifest id 'acme/x' is not a plugin id"),
        ("@acme/x", "plugin manifest id '@acme/x' is not a plugin id"),
        ("acme\x1b[31m", "plugin manifest id 'acme\\x1b[31m' is not a plugin id"),
        ("acme\n", None),
        ("a\x00b", "plugin manifest id 'a\\x00b' is not a plugin id"),
        ("\u212aey", "plugin manifest id '\u212aey' is not a plugin id"),
        ("\u202eacme", "plugin manifest id '\\u202eacme' is not a plugin id"),
        ("\ud800", "plugin manifest id '\\ud800' is not a plugin id"),
        ("-acme", "plugin manifest id '-acme' is not a plugin id"),
        (".", "plugin manifest id '.' is not a plugin id"),
        ("a" * 64, None),
        ("a" * 65, "plugin manifest id a text of 65 characters is not a plugin id"),
        ("sk-" + "a" * 90, "plugin manifest id a text of 93 characters is not a plugin id"),
    ],
)
def test_an_id_must_be_one_after_trimming_and_lower_casing(tmp_path: Path, given: object, told: str | None) -> None:
    read = read_json(tmp_path, id=given)
    if told is None:
        assert (read.diagnostics, read.id) == ((), str(given).strip())
        return
    assert faults(read) == [("plugin.manifest-id", "error", ("id",))]
    assert read.diagnostics[0].message == f"{told}: {tmp_path / JSON}"
    assert (read.id, read.manifest) == ("acme", None)


def test_the_id_is_kept_as_the_manifest_spells_it(tmp_path: Path) -> None:
    read = read_json(tmp_path, id="  ACME.Plugin_2 ")
    assert read.manifest is not None
    assert (read.id, read.manifest.id) == ("acme.plugin_2", "ACME.Plugin_2")


@pytest.mark.parametrize("schema", [None, [], "x", 5, True])
def test_an_existing_manifest_requires_a_schema(tmp_path: Path, schema: object) -> None:
    read = read_json(tmp_path, configSchema=schema)
    assert faults(read) == [("plugin.manifest-schema", "error", ("configSchema",))]
    assert read.fault == f"plugin manifest requires configSchema: {tmp_path / JSON}"
    assert (read.id, read.manifest) == ("acme", None)


@pytest.mark.parametrize("key", ["configschema", "config_schema", "ConfigSchema"])
def test_a_schema_under_another_spelling_is_pointed_at(tmp_path: Path, key: str) -> None:
    read = read_manifest(str(write(tmp_path, {JSON: {"id": "acme", key: {}}})), "acme")
    assert [each.hint for each in read.diagnostics] == [f"Write configSchema instead of {key}."]


def test_all_faults_of_a_manifest_are_told_at_once(tmp_path: Path) -> None:
    read = read_manifest(str(write(tmp_path, {JSON: {"id": "x y", "configSchema": 1}})), "acme")
    assert codes(read) == ["plugin.manifest-id", "plugin.manifest-schema"]
    read = read_toml(tmp_path / "own", 'id = ""\nentry = "/x.py"\nconfig_schema = 5\nspeed = 1')
    assert codes(read) == [
        "plugin.manifest-unknown-key",
        "plugin.manifest-id",
        "plugin.manifest-entry",
        "plugin.manifest-schema",
    ]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("[config_schema]\ntype = 'object'\ndefault = 1.5", None),
        ("[config_schema]\ndefault = 1979-05-27", "holds a date or a time, which JSON does not have"),
        ("[config_schema]\na = [[1, {b = 07:32:00}]]", "holds a date or a time, which JSON does not have"),
        ("[config_schema]\ndefault = inf", "holds a number that is not finite"),
        ("[config_schema]\na = [nan]", "holds a number that is not finite"),
        ("config_schema = true", "must be a table"),
        ("config_schema = []", "must be a table"),
    ],
)
def test_a_schema_of_our_own_form_must_be_what_json_can_say(tmp_path: Path, schema: str, told: str | None) -> None:
    read = read_toml(tmp_path, 'id = "acme"\n' + schema)
    expected = [] if told is None else [f"config_schema {told}: {tmp_path / TOML}"]
    assert [each.message for each in read.diagnostics] == expected
    assert (read.manifest is None) is (told is not None)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("plugin.py", ("plugin.py", None)),
        ("./plugin.py", ("./plugin.py", None)),
        ("src/acme/main.py:setup", ("src/acme/main.py", "setup")),
        ("dist/index.js", ("dist/index.js", None)),
        ("src/../plugin.py", ("src/../plugin.py", None)),
    ],
)
def test_an_entry_is_a_file_in_the_folder_and_perhaps_a_function(
    tmp_path: Path, entry: str, expected: tuple[str, str | None]
) -> None:
    read = read_toml(tmp_path, f'id = "acme"\nentry = "{entry}"')
    assert ((read.entry, read.function), read.diagnostics) == (expected, ())


@pytest.mark.parametrize(
    "entry",
    [
        '""',
        '"."',
        '"../plugin.py"',
        '"src/../../plugin.py"',
        '"/etc/plugin.py"',
        '"C:/plugin.py"',
        "'..\\plugin.py'",
        "'\\\\host\\plugin.py'",
        '"plugin.py:"',
        '"plugin.py:a b"',
        '"plugin.py:1"',
        '"plug\\u0000in.py"',
        '"plug\\u001bin.py"',
        "5",
        "[]",
    ],
)
def test_an_entry_that_leaves_the_folder_or_is_none_is_refused(tmp_path: Path, entry: str) -> None:
    read = read_toml(tmp_path, f'id = "acme"\nentry = {entry}')
    assert faults(read) == [("plugin.manifest-entry", "error", ("entry",))]
    assert (read.entry, read.function, read.manifest) == (None, None, None)


# What is passed over


@pytest.mark.parametrize(
    ("fields", "path", "told"),
    [
        ({"name": 5}, ("name",), "must be text, not a number"),
        ({"version": 1.5}, ("version",), "must be text, not a number"),
        ({"description": ["x"]}, ("description",), "must be text, not a list"),
        ({"kind": {}}, ("kind",), "must be text, not a table"),
        ({"kind": [5]}, ("kind",), "must be text, not a number"),
        ({"channels": "chat"}, ("channels",), "must be a list, not text"),
        ({"skills": [1]}, ("skills", "[0]"), "must be text, not a number"),
        ({"skills": ["a", " "]}, ("skills", "[1]"), "must not be blank"),
        ({"providers": {"acme": 1}}, ("providers",), "must be a list, not a table"),
        ({"providers": ["acme", None]}, ("providers", "[1]"), "must be text, not null"),
        ({"providers": ["a b"]}, ("providers", "[0]"), "'a b' is not an id"),
        ({"providers": [True]}, ("providers", "[0]"), "must be text, not true or false"),
        ({"providerAuthEnvVars": []}, ("providerAuthEnvVars",), "must be a table, not a list"),
        ({"providerAuthEnvVars": {"acme": "KEY"}}, ("providerAuthEnvVars", "acme"), "must be a list, not text"),
        (
            {"providerAuthEnvVars": {"acme": ["MY KEY"]}},
            ("providerAuthEnvVars", "acme", "[0]"),
            "'MY KEY' is not the name of an environment variable",
        ),
        ({"providerAuthChoices": {}}, ("providerAuthChoices",), "must be a list, not a table"),
        ({"providerAuthChoices": ["x"]}, ("providerAuthChoices", "[0]"), "must be a table, not text"),
        (
            {"providerAuthChoices": [{"provider": "acme"}]},
            ("providerAuthChoices", "[0]", "method"),
            "must be there",
        ),
        ({"setup": 5}, ("setup",), "must be a table, not a number"),
        ({"setup": {"providers": [{"id": "!"}]}}, ("setup", "providers", "[0]", "id"), "'!' is not an id"),
    ],
)
def test_a_field_of_a_wrong_type_is_told_with_its_path_and_passed_over(
    tmp_path: Path, fields: dict[str, Any], path: tuple[str, ...], told: str
) -> None:
    read = read_json(tmp_path, **fields)
    assert faults(read) == [("plugin.manifest-field", "warning", path)]
    assert read.diagnostics[0].message == f"{told}; it is passed over ({tmp_path / JSON})"
    assert read.manifest is not None
    assert read.fault is None


def test_fields_of_existing_manifests_that_are_not_read_are_not_told(tmp_path: Path) -> None:
    read = read_json(tmp_path, contracts={"tools": ["x"]}, activation=5, modelCatalog=[], setup={"requiresRuntime": 1})
    assert (read.diagnostics, read.manifest is not None) == ((), True)


def test_null_counts_as_absent(tmp_path: Path) -> None:
    read = read_json(tmp_path, name=None, providers=None, providerAuthEnvVars=None, setup=None)
    assert (read.diagnostics, read.manifest is not None) == ((), True)


def test_a_key_that_stands_twice_is_told_and_the_last_one_counts(tmp_path: Path) -> None:
    text = '{"id": "one", "configSchema": {"a": 1, "a": 2}, "id": "two"}'
    read = read_manifest(str(write(tmp_path, {JSON: text})), "acme")
    assert [(each.code, each.severity) for each in read.diagnostics] == [
        ("plugin.manifest-duplicate-key", "warning"),
        ("plugin.manifest-duplicate-key", "warning"),
    ]
    assert ["'a'" in read.diagnostics[0].message, "'id'" in read.diagnostics[1].message] == [True, True]
    assert read.manifest is not None
    assert (read.id, read.manifest.config_schema) == ("two", {"a": 2})


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("entyr = 'x.py'", ("entyr",), "Did you mean entry?"),
        ("configSchema = {}", ("configSchema",), "Did you mean config_schema?"),
        ("zzz = 1", ("zzz",), None),
        ("[[providers]]\nid = 'a'\nenvVars = []", ("providers", "[0]", "envVars"), "Did you mean env_vars?"),
        (
            "[[providers]]\nid = 'a'\n[[providers.auth]]\nid = 'b'\nlabl = 'x'",
            ("providers", "[0]", "auth", "[0]", "labl"),
            "Did you mean label?",
        ),
    ],
)
def test_an_unknown_key_of_our_own_form_is_told_with_its_path(
    tmp_path: Path, text: str, path: tuple[str, ...], hint: str | None
) -> None:
    read = read_toml(tmp_path, 'id = "acme"\n' + text)
    assert faults(read) == [("plugin.manifest-unknown-key", "warning", path)]
    assert read.diagnostics[0].hint == hint
    assert read.manifest is not None


def test_paths_in_a_project_file_begin_at_its_root(tmp_path: Path) -> None:
    read = read_toml(tmp_path, '[tool.jackfield.plugin]\nid = "acme"\nspeed = 1\nname = 5', PROJECT)
    table = ("tool", "jackfield", "plugin")
    assert faults(read) == [
        ("plugin.manifest-unknown-key", "warning", (*table, "speed")),
        ("plugin.manifest-field", "warning", (*table, "name")),
    ]


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("providers = ['acme']", ("providers", "[0]"), "must be a table, not text"),
        ("[[providers]]\nlabel = 'x'", ("providers", "[0]", "id"), "must be there"),
        ("[[providers]]\nid = 5", ("providers", "[0]", "id"), "a value of type int is not an id"),
        ("[[providers]]\nid = 'a'\naliases = ['ok', 'no way']", ("providers", "[0]", "aliases", "[1]"), "'no way'"),
        ("[[providers]]\nid = 'a'\nenv_vars = ['lower']", ("providers", "[0]", "env_vars", "[0]"), "'lower' is not"),
        ("[[providers]]\nid = 'a'\nauth = {}", ("providers", "[0]", "auth"), "must be a list, not a table"),
        (
            "[[providers]]\nid = 'a'\n[[providers.auth]]\nid = 'k'\nkind = 'magic'",
            ("providers", "[0]", "auth", "[0]", "kind"),
            "must be one of api_key, token, oauth, device_code, custom, none",
        ),
        (
            "[[providers]]\nid = 'a'\n[[providers.auth]]\nlabel = 'x'",
            ("providers", "[0]", "auth", "[0]", "id"),
            "must be there",
        ),
        ("name = 2020-01-01", ("name",), "must be text, not a date or a time"),
    ],
)
def test_a_wrong_field_of_our_own_form_is_told_with_its_path(
    tmp_path: Path, text: str, path: tuple[str, ...], told: str
) -> None:
    read = read_toml(tmp_path, 'id = "acme"\n' + text)
    assert faults(read) == [("plugin.manifest-field", "warning", path)]
    assert read.diagnostics[0].message.startswith(told)
    assert read.manifest is not None


def test_of_thousands_of_faults_the_first_are_told_and_the_rest_are_counted(tmp_path: Path) -> None:
    read = read_json(tmp_path, providers=[5] * 1_000)
    assert len(read.diagnostics) == 21
    assert read.diagnostics[-1].message == f"has 980 more faults ({tmp_path / JSON})"


def test_an_error_is_told_however_many_warnings_there_are(tmp_path: Path) -> None:
    keys = "".join(f"key{n} = 1\n" for n in range(50))
    read = read_toml(tmp_path, keys + "id = 'a b'")
    assert codes(read)[-2:] == ["plugin.manifest-id", "plugin.manifest-field"]
    assert read.fault is not None


def test_an_endless_key_is_cut_in_the_path(tmp_path: Path) -> None:
    read = read_toml(tmp_path, f'id = "acme"\n{"k" * 5000} = 1')
    assert [each.path for each in read.diagnostics] == [("k" * 64,)]


def test_texts_are_one_line_that_prints(tmp_path: Path) -> None:
    read = read_json(tmp_path, name="\x1b[31mAcme\x1b[0m\u202e", description="a\r\n b\x00c", version="v" * 5000)
    assert read.manifest is not None
    assert (read.manifest.name, read.manifest.description) == ("Acme", "a bc")
    assert read.manifest.version == "v" * MAX_TEXT


# Strange files


@needs_pipes
@pytest.mark.parametrize("name", [JSON, TOML])
def test_a_pipe_is_not_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    read = read_manifest(str(tmp_path), "acme")
    assert codes(read) == ["plugin.unreadable"]
    assert read.fault == f"plugin manifest is not a regular file: {tmp_path / name}"


@needs_pipes
def test_a_link_to_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / JSON).symlink_to("pipe")
    assert codes(read_manifest(str(tmp_path), "acme")) == ["plugin.unreadable"]


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (make_folder, "is not a regular file"),
        (make_loop, "cannot be read ("),
        (make_device, "is not a regular file"),
    ],
)
@pytest.mark.parametrize("name", [JSON, TOML])
def test_what_is_no_file_is_told(tmp_path: Path, name: str, make: Callable[[Path], None], told: str) -> None:
    make(tmp_path / name)
    read = read_manifest(str(tmp_path), "acme")
    assert codes(read) == ["plugin.unreadable"]
    assert read.diagnostics[0].message.startswith(f"plugin manifest {told}")
    assert read.ours is (name == TOML)


@pytest.mark.parametrize("make", [make_folder, make_loop, make_device])
def test_a_project_file_that_is_none_says_nothing(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / PROJECT)
    assert read_manifest(str(tmp_path), "acme") == ManifestFile("acme")


def test_a_folder_that_is_a_file_has_no_manifest(tmp_path: Path) -> None:
    write(tmp_path, {"file": "x"})
    assert read_manifest(str(tmp_path / "file"), "acme") == ManifestFile("acme")


@pytest.mark.parametrize("name", ["a\x00b", "\ud800"])
def test_a_name_that_no_file_can_have_is_told(name: str) -> None:
    read = read_manifest(name, "acme")
    assert codes(read) == ["plugin.unreadable"]
    assert read.fault is not None
    assert read.fault.startswith("plugin manifest cannot be read (its name is not usable)")
    assert read.fault.isprintable()


def test_a_manifest_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + json.dumps({"id": "acme", "configSchema": {}}).encode()
    assert read_manifest(str(write(tmp_path, {JSON: content})), "x").diagnostics == ()


def test_a_link_out_of_the_given_folder_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    write(outside, {JSON: {"id": "acme", "configSchema": {}}})
    inside.mkdir()
    (inside / JSON).symlink_to(outside / JSON)
    assert read_manifest(str(inside), "acme").diagnostics == ()
    read = read_manifest(str(inside), "acme", within=real(str(inside)))
    assert read.fault == f"plugin manifest is a link that leads out of the workspace: {inside / JSON}"


# Parts


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("acme", "acme"),
        ("Acme Plugin", "acme-plugin"),
        ("_acme_", "acme"),
        ("../../etc", "etc"),
        ("\x1b[31m", "31m"),
        ("", "unnamed"),
        ("\u202e", "unnamed"),
        ("x" * 200, "x" * 64),
        ("x" * 63 + "._y", "x" * 63),
    ],
)
def test_a_name_becomes_an_id(hint: str, expected: str) -> None:
    assert usable_id(hint) == expected


@pytest.mark.parametrize("size", [MAX_BYTES - 1, MAX_BYTES])
def test_a_file_of_the_largest_size_is_read(tmp_path: Path, size: int) -> None:
    write(tmp_path, {"f": b"x" * size})
    assert read_text(str(tmp_path / "f")) == "x" * size


def test_a_larger_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"f": b"x" * (MAX_BYTES + 1)})
    with pytest.raises(ReadError, match="is larger than 256 KiB"):
        read_text(str(tmp_path / "f"))


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_json_may_be_nested_to_the_limit(open_: str, close: str) -> None:
    for depth, fits in ((MAX_DEPTH, True), (MAX_DEPTH + 1, False)):
        text = open_ * depth + "1" + close * depth
        if fits:
            assert parse_json(text)[1] == ()
        else:
            with pytest.raises(ReadError, match="nested more than 64 levels"):
                parse_json(text)


def test_toml_may_be_nested_to_the_limit() -> None:
    assert parse_toml("a = " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))
    with pytest.raises(ReadError, match="nested more than 64 levels"):
        parse_toml("a = " + "[" * MAX_DEPTH + "]" * MAX_DEPTH)


@pytest.mark.parametrize("parts", [32, 33])
def test_a_toml_key_may_have_parts_to_the_limit(parts: int) -> None:
    text = ".".join(["a"] * parts) + " = 1"
    if parts == 32:
        assert "a" in parse_toml(text)
    else:
        with pytest.raises(ReadError, match="a key has more than 32 parts"):
            parse_toml(text)


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("{}", ()),
        ('{"a": 1, "b": 2}', ()),
        ('{"a": 1, "a": 2}', ("a",)),
        ('{"a": 1, "a": 2, "a": 3, "b": {"c": 1, "c": 1}}', ("c", "a")),
        ('[{"a": 1}, {"a": 1}]', ()),
    ],
)
def test_keys_that_stand_twice_are_found(text: str, twice: tuple[str, ...]) -> None:
    assert parse_json(text)[1] == twice


def test_an_object_of_one_key_many_times_takes_no_longer() -> None:
    start = time.process_time()
    assert parse_json("{" + ",".join(['"a":1'] * 30_000 + [f'"{n}":1,"{n}":1' for n in range(3_000)]) + "}")[1]
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("index.ts", True),
        ("./index.ts", True),
        ("src/index.ts", True),
        ("src/../index.ts", True),
        ("..index.ts", True),
        ("...", True),
        ("src\\index.ts", True),
        ("", False),
        (".", False),
        ("./", False),
        ("src/..", False),
        ("..", False),
        ("../x.ts", False),
        ("./../x.ts", False),
        ("src/../../x.ts", False),
        ("..\\x.ts", False),
        ("src\\..\\..\\x.ts", False),
        ("/x.ts", False),
        ("//x.ts", False),
        ("\\x.ts", False),
        ("C:x.ts", False),
        ("c:\\x.ts", False),
        ("a\x00b", False),
        ("a\nb", False),
        ("\u202e.ts", False),
    ],
)
def test_a_path_stays_inside_or_does_not(path: str, inside: bool) -> None:
    assert stays_inside(path) is inside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("  two  words ", "two words"),
        ("a\nb\tc", "a b c"),
        ("\x1b]0;title\x07x", "x"),
        ("\u202eabc\u2066", "abc"),
        ("\ud800x", "x"),
        ("x" * 9_999, "x" * MAX_TEXT),
        ("\x00" * 5_000 + "late", ""),
        ("", ""),
    ],
)
def test_a_text_becomes_one_line_that_prints(text: str, expected: str) -> None:
    assert one_line(text) == expected


def test_a_path_is_shown_on_one_line() -> None:
    assert shown("/a/b c") == "/a/b c"
    assert shown("/a\n\x1b\udc80") == "/a\\n\\x1b\\udc80"


def test_what_lies_in_a_folder_is_told_by_where_links_lead(tmp_path: Path) -> None:
    root = real(str(tmp_path))
    (tmp_path / "a").mkdir()
    (tmp_path / "ab").mkdir()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "ab")
    assert lies_in(f"{root}/a/x", f"{root}/a")
    assert not lies_in(f"{root}/ab", f"{root}/a")
    assert not lies_in(f"{root}/a", f"{root}/a")
    assert not lies_in(f"{root}/a/link", f"{root}/a")
    assert lies_in(f"{root}/a", "/")
    assert real("a\x00b") == "a\x00b"


def test_what_is_a_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"f": "x"})
    (tmp_path / "link").symlink_to("f")
    assert [is_file(str(tmp_path / name)) for name in ("f", "link", "gone", ".")] == [True, True, False, False]
    assert is_file("a\x00b") is False


# package.json


def extensions(folder: Path, block: object, **more: Any) -> PackageFile:
    return read_package(str(write(folder, {"package.json": {"openclaw": block, **more}})))


def test_a_package_file_is_read(tmp_path: Path) -> None:
    block = {"extensions": [" ./index.ts ", "./b.ts", "./index.ts"]}
    read = extensions(tmp_path, block, name="@scope/acme", version="1.0.0", description="About\nit")
    assert read == PackageFile("acme", ("@scope/acme", "1.0.0", "About it"), True, ("./index.ts", "./b.ts"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"openclaw": {"extensions": ["a.ts"]}, "moltbot": {"extensions": ["b.ts"]}}, ("a.ts",)),
        ({"moltbot": {"extensions": ["b.ts"]}, "clawdbot": {"extensions": ["c.ts"]}}, ("b.ts",)),
        ({"clawdbot": {"extensions": ["c.ts"]}}, ("c.ts",)),
        ({"openclaw": {"extensions": []}, "clawdbot": {"extensions": ["c.ts"]}}, ("c.ts",)),
        ({"openclaw": {"extensions": "a.ts"}}, ()),
        ({"openclaw": ["a.ts"]}, ()),
        ({"openclaw": None}, ()),
        ({"extensions": ["a.ts"]}, ()),
        ({"name": 5, "version": [], "description": {}}, ()),
    ],
)
def test_extensions_are_listed_under_any_of_three_names(
    tmp_path: Path, value: dict[str, Any], expected: tuple[str, ...]
) -> None:
    read = read_package(str(write(tmp_path, {"package.json": value})))
    assert (read.extensions, read.listed, read.diagnostics) == (expected, bool(expected), ())
    assert (read.name, read.about) == (None, (None, None, None))


@pytest.mark.parametrize(
    "each", ["../x.ts", "/x.ts", "a/../../x.ts", "C:\\x.ts", "..\\x.ts", "", " ", 5, None, {}, "."]
)
def test_an_extension_outside_the_folder_is_refused(tmp_path: Path, each: object) -> None:
    read = extensions(tmp_path, {"extensions": ["./index.ts", each]})
    assert (read.extensions, read.listed) == (("./index.ts",), True)
    assert [(fault.code, fault.severity, fault.path) for fault in read.diagnostics] == [
        ("plugin.outside", "error", ("openclaw", "extensions", "[1]"))
    ]


def test_of_many_extensions_outside_the_first_twenty_are_told(tmp_path: Path) -> None:
    assert len(extensions(tmp_path, {"extensions": ["../x.ts"] * 100}).diagnostics) == 20


@pytest.mark.parametrize("content", ["{", "", b"\xff", b" " * (MAX_BYTES + 1), "[" * 10_000])
def test_a_broken_package_file_is_passed_over_and_told(tmp_path: Path, content: str | bytes) -> None:
    read = read_package(str(write(tmp_path, {"package.json": content})))
    assert [(each.code, each.severity) for each in read.diagnostics] == [("plugin.unreadable", "warning")]
    assert (read.name, read.listed) == (None, False)


@pytest.mark.parametrize("content", ["[]", "5", '"x"', "null"])
def test_a_package_file_that_is_no_object_says_nothing(tmp_path: Path, content: str) -> None:
    assert read_package(str(write(tmp_path, {"package.json": content}))) == PackageFile()


def test_a_folder_without_a_package_file_has_none(tmp_path: Path) -> None:
    assert read_package(str(tmp_path)) == PackageFile()


@needs_pipes
def test_a_package_file_that_is_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "package.json")
    assert [each.code for each in read_package(str(tmp_path)).diagnostics] == ["plugin.unreadable"]
