"""Whatever lies in the folders, listing plugins ends, raises nothing, runs nothing, and keeps to its rules."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.config.settings import PluginEntry, PluginSettings
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.ids import ID_PATTERN, canonical_id, is_id
from jackfield.plugins.discovery import find_plugins
from jackfield.plugins.manifest import read_manifest, usable_id
from jackfield.plugins.reading import ReadError, one_line, parse_json, parse_toml, stays_inside
from jackfield.plugins.states import enable_change, enable_state

if TYPE_CHECKING:
    from jackfield.plugins.found import FoundPlugin

IDS = ("acme", "beta", "ACME", "not an id", "", "../x")
FILE_NAMES = (
    *("openclaw.plugin.json", "clawdbot.plugin.json", "jackfield.plugin.toml", "pyproject.toml", "package.json"),
    *("index.ts", "index.js", "plugin.py", "other.py", "x.d.ts", ".hidden.py", "y.py~"),
)
FOLDERS = ("", "acme/", "Beta/", "node_modules/", "a b/", "acme/inner/")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        "id",
        "configSchema",
        "name",
        "kind",
        "providers",
        "channels",
        "providerAuthEnvVars",
        "providerAuthChoices",
        "setup",
    ]
)
manifests = st.fixed_dictionaries(
    {}, optional={"id": st.sampled_from(IDS) | json_values, "configSchema": st.just({}) | json_values}
).flatmap(lambda fixed: st.dictionaries(keys, json_values, max_size=4).map(lambda more: {**more, **fixed}))
packages = st.builds(
    lambda name, listed: {"name": name, "openclaw": {"extensions": listed}},
    st.sampled_from(["acme", "@x/beta", 5]),
    st.lists(st.sampled_from(["./index.ts", "plugin.py", "../x.ts", "/x.ts", "gone.ts", 5]), max_size=3),
)
tomls = st.builds(
    lambda name, rest: f"id = {json.dumps(name)}\n{rest}",
    st.sampled_from(IDS),
    st.sampled_from(
        [
            "",
            'entry = "other.py:go"',
            'entry = "../x.py"',
            "config_schema = 5",
            "speed = 1",
            "[[providers]]\nid = 5",
            "[",
        ]
    ),
)
contents = st.one_of(
    st.binary(max_size=40), st.text(max_size=40), manifests.map(json.dumps), packages.map(json.dumps), tomls
)
trees = st.dictionaries(
    st.builds("{}{}".format, st.sampled_from(FOLDERS), st.sampled_from(FILE_NAMES)), contents, max_size=10
)
names = st.sampled_from([*IDS, "gamma", "Beta"])
plugin_settings = st.builds(
    PluginSettings,
    enabled=st.booleans(),
    allow=st.lists(names, max_size=2).map(tuple),
    deny=st.lists(names, max_size=2).map(tuple),
    paths=st.lists(
        st.sampled_from(["acme", "../own/acme", "../own", "index.ts", "gone", "~", "\x00", "."]) | st.text(max_size=5),
        max_size=2,
    ).map(tuple),
    entries=st.lists(st.builds(PluginEntry, names, st.sampled_from([None, True, False])), max_size=3).map(tuple),
)


def plant(root: Path, tree: dict[str, Any]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def listed(root: Path, said: PluginSettings) -> tuple[tuple[FoundPlugin, ...], tuple[Diagnostic, ...]]:
    return find_plugins(
        said, root / "own", base=root / "config", workspace=root / "work", home=root / "home", search_path=[str(root)]
    )


@settings(max_examples=30)
@given(trees, trees, trees, plugin_settings)
def test_listing_keeps_its_rules_whatever_lies_there(
    config: dict[str, Any], own: dict[str, Any], theirs: dict[str, Any], said: PluginSettings
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plant(root / "config", config)
        plant(root / "own", own)
        plant(root / "work" / ".openclaw" / "extensions", theirs)
        before = sorted(root.rglob("*"))
        found, diagnostics = listed(root, said)
        assert (found, diagnostics) == listed(root, said)
        assert sorted(root.rglob("*")) == before
    check(found, diagnostics, said)


def check(found: tuple[FoundPlugin, ...], diagnostics: tuple[Diagnostic, ...], said: PluginSettings) -> None:
    """Check what must hold of every listing."""
    ranks = [("config", "global", "installed", "workspace").index(each.candidate.origin) for each in found]
    assert ranks == sorted(ranks)
    enabled = [each for each in found if each.status == "enabled"]
    assert len({each.id for each in enabled}) == len(enabled)
    for each in found:
        assert is_id(each.id)
        assert (each.reason is None) is (each.status == "enabled")
        assert each.manifest is None or canonical_id(each.manifest.id) == each.id
        if each.candidate.origin == "workspace":
            assert each.status != "enabled"
        if each.status == "enabled":
            assert enable_state(said, each.candidate.origin, each.id) == ("enabled", None)
            assert Path(each.candidate.root) in Path(each.candidate.entry).parents
    errors = {each.owner for each in diagnostics if each.severity != "warning"}
    assert {f"plugin:{each.id}" for each in found if each.status == "error"} <= errors
    for fault in diagnostics:
        assert fault.code.startswith("plugin.")
        assert fault.message.isprintable()
        assert format_path(fault.path).isprintable()
        assert fault.owner == "config" or (fault.owner or "").startswith("plugin:")


@settings(max_examples=30)
@given(trees, st.sampled_from(["acme", "beta", "other"]), st.booleans())
def test_nothing_in_the_workspace_changes_what_is_enabled(tree: dict[str, Any], plugin_id: str, allowed: bool) -> None:
    said = PluginSettings(allow=(plugin_id,) * allowed, entries=(PluginEntry(plugin_id, True),))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        own = {"beta/jackfield.plugin.toml": 'id = "beta"', "beta/plugin.py": "", "other.py": ""}
        plant(root / "own", own)
        alone = [each for each in listed(root, said)[0] if each.status == "enabled"]
        for place in (".jackfield/plugins", ".openclaw/extensions", ".moltbot/extensions", ".clawdbot/extensions"):
            plant(root / "work" / place, tree)
        assert [each for each in listed(root, said)[0] if each.status == "enabled"] == alone


@settings(max_examples=30)
@given(trees)
def test_the_order_in_which_files_were_made_does_not_matter(tree: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        told = []
        for folder, items in ((one, list(tree.items())), (two, list(reversed(tree.items())))):
            root = Path(folder)
            plant(root / "own", dict(items))
            found, diagnostics = listed(root, PluginSettings())
            told.append(
                (
                    [(each.id, each.candidate.entry.removeprefix(folder), each.status) for each in found],
                    [(each.code, each.path, each.owner) for each in diagnostics],
                )
            )
        assert told[0] == told[1]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_as_a_manifest_are_read_or_told(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("openclaw.plugin.json", "jackfield.plugin.toml"):
            path = Path(folder) / name
            path.write_bytes(content)
            read = read_manifest(folder, "acme")
            assert (read.manifest is None) is (read.fault is not None)
            assert is_id(read.id)
            path.unlink()


@given(st.dictionaries(st.text(max_size=12), json_values, max_size=5))
def test_strict_json_is_read_as_the_standard_library_reads_it(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    try:
        assert parse_json(text) == (json.loads(text), ())
    except ReadError:
        assert any(constant in text for constant in ("NaN", "Infinity"))


@given(st.text("abc._-\"'= [](){}\n1#\\", max_size=60))
def test_toml_is_read_as_the_standard_library_reads_it(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        expected = None
    try:
        assert parse_toml(text) == expected
    except ReadError:
        assert expected is None


@given(st.text(max_size=80))
def test_any_name_becomes_an_id_and_an_id_stays(name: str) -> None:
    assert is_id(usable_id(name))
    assert usable_id(usable_id(name)) == usable_id(name)


@given(st.from_regex(ID_PATTERN, fullmatch=True))
def test_an_id_is_its_own_usable_id(plugin_id: str) -> None:
    assert usable_id(plugin_id) == usable_id(plugin_id.upper()) == plugin_id


@given(st.text(max_size=60))
def test_a_line_for_people_prints_and_is_one_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert one_line(line) == line


@given(st.lists(st.sampled_from(["..", ".", "a", "b.ts", "", "..a"]), max_size=5))
def test_a_path_that_stays_inside_resolves_below_the_folder(parts: list[str]) -> None:
    path = "/".join(parts)
    if stays_inside(path):
        assert Path("/root/plugin") in (Path("/root/plugin") / path).resolve().parents


@given(plugin_settings, st.sampled_from(["acme", "beta", "Gamma"]), st.booleans())
def test_after_a_change_the_plugin_is_in_the_state_asked_for(said: PluginSettings, name: str, enabled: bool) -> None:
    said = PluginSettings(True, said.allow, said.deny, said.paths, said.entries)
    changes = dict(enable_change(said, name, enabled, undeny=True))
    entries = {each.id: each.enabled for each in reversed(said.entries)}
    for path, value in changes.items():
        if path[1] == "entries":
            entries[path[2]] = value is True
    after = PluginSettings(
        allow=tuple(changes.get(("plugins", "allow"), said.allow)),  # type: ignore[arg-type]
        deny=tuple(changes.get(("plugins", "deny"), said.deny) or ()),  # type: ignore[arg-type]
        entries=tuple(PluginEntry(key, value) for key, value in entries.items()),
    )
    assert (enable_state(after, "global", canonical_id(name))[0] == "enabled") is enabled
