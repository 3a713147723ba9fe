from __future__ import annotations

import importlib.machinery
import importlib.metadata
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.settings import PluginSettings
from jackfield.plugins.discovery import find_plugins
from jackfield.plugins.installed import GROUP, EntryPoint, entry_points, locate
from jackfield.plugins.scan import ENTRIES_MAX, WORKSPACE_FOLDERS, Scan
from jackfield.plugins.states import IN_WORKSPACE
from support.pluginfolders import (
    SCHEMA,
    House,
    node_code,
    node_plugin,
    package,
    python_code,
    python_plugin,
    told,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jackfield.plugins.found import FoundPlugin

ID_SCHEMA = {"id": "acme", "configSchema": SCHEMA}
ENTRY_POINT = "[jackfield.plugins]\nacme = acme_plugin.main:register\n"
MANIFEST = {"acme_plugin/jackfield.plugin.toml": 'id = "acme"'}

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def only(house: House, *paths: str, **settings: Any) -> FoundPlugin:
    """Return the one plugin there is, which has no faults."""
    (found,), diagnostics = house.find(*paths, **settings)
    assert diagnostics == ()
    return found


def entries(found: tuple[FoundPlugin, ...], root: Path) -> list[str]:
    return [os.path.relpath(each.candidate.entry, root) for each in found]


# Origins


def test_without_any_folder_there_are_no_plugins(tmp_path: Path) -> None:
    found = find_plugins(
        PluginSettings(), tmp_path / "none", base=tmp_path / "no", workspace=tmp_path / "nowhere", search_path=[]
    )
    assert found == ((), ())


def test_plugins_come_from_four_places_in_one_order(house: House) -> None:
    node_plugin(house.root / "named", "named")
    python_plugin(house.plugins / "own", "own")
    package(house.site, "acme-package", ENTRY_POINT, {"acme_plugin/main.py": "", **MANIFEST})
    node_plugin(house.workspace / ".openclaw/extensions/theirs", "theirs")
    found, diagnostics = house.find("../named")
    assert [(each.id, each.candidate.origin, each.status, each.reason) for each in found] == [
        ("named", "config", "enabled", None),
        ("own", "global", "enabled", None),
        ("acme", "installed", "enabled", None),
        ("theirs", "workspace", "disabled", IN_WORKSPACE),
    ]
    assert diagnostics == ()


@pytest.mark.parametrize("spelled", ["{root}/named", "../named", "~/../named", "./../named/", "{root}/config/../named"])
def test_a_path_in_the_config_starts_from_its_folder_or_from_home(house: House, spelled: str) -> None:
    node_plugin(house.root / "named", "named")
    found = only(house, spelled.format(root=house.root))
    assert (found.id, found.candidate.root) == ("named", str(house.root / "named"))


def test_home_is_that_of_this_process_unless_another_is_given(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    node_plugin(house.root / "mine" / "named", "named")
    monkeypatch.setenv("HOME", str(house.root / "mine"))
    found, _ = find_plugins(PluginSettings(paths=("~/named",)), house.plugins, base=house.config, search_path=[])
    assert [each.id for each in found] == ["named"]


def test_installed_plugins_can_be_left_out(house: House) -> None:
    package(house.site, "acme", ENTRY_POINT, {"acme_plugin/main.py": "", **MANIFEST})
    search_path = [str(house.site)]
    for installed, count in ((True, 1), (False, 0)):
        found, _ = find_plugins(
            PluginSettings(), house.plugins, base=house.config, installed=installed, search_path=search_path
        )
        assert len(found) == count


@pytest.mark.parametrize(
    ("make", "code", "severity", "message"),
    [
        (lambda path: None, "plugin.path-not-found", "error", "plugin path not found: {}"),
        (lambda path: path.symlink_to("gone"), "plugin.unsupported-file", "error", "plugin file is not supported: {}"),
        (lambda path: path.write_text(""), "plugin.unsupported-file", "error", "plugin file is not supported: {}"),
        (lambda path: path.mkdir(), "plugin.no-entry", "warning", "no plugin in {}"),
        (lambda path: path.symlink_to("acme.txt"), "plugin.unsupported-file", "error", "plugin file is not supported"),
    ],
)
def test_a_path_in_the_config_that_is_no_plugin_is_told(
    house: House, make: Callable[[Path], object], code: str, severity: str, message: str
) -> None:
    path = house.config / "acme.txt"
    make(path)
    found, (fault,) = house.find("acme.txt")
    assert found == ()
    assert (fault.code, fault.severity, fault.owner) == (code, severity, "config")
    assert fault.path == ("plugins", "load", "paths")
    assert fault.message.startswith(message.format(path))


@pytest.mark.parametrize("name", ["types.d.ts", "types.d.mts", "readme.md", "plugin.pyc", "plugin"])
def test_a_file_of_another_kind_is_not_supported(house: House, name: str) -> None:
    write(house.config, {name: ""})
    assert told(house.find(name)[1]) == [("plugin.unsupported-file", "error", "config")]


@needs_pipes
@pytest.mark.parametrize("name", ["acme.ts", "acme.py"])
def test_a_pipe_in_the_config_is_not_supported(house: House, name: str) -> None:
    os.mkfifo(house.config / name)
    assert told(house.find(name)[1]) == [("plugin.unsupported-file", "error", "config")]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 5_000, "~nobody-of-this-name/x"])
def test_a_path_that_cannot_be_is_not_found(house: House, text: str) -> None:
    found, diagnostics = house.find(text)
    assert (found, told(diagnostics)) == ((), [("plugin.path-not-found", "error", "config")])
    assert diagnostics[0].message.isprintable()


def test_a_path_named_twice_is_one_plugin(house: House) -> None:
    node_plugin(house.root / "named", "named")
    assert house.ids("../named", "../named/", "../named/index.ts") == [("named", "config", "enabled")]


# Folders of plugins


def test_a_folder_is_listed_by_name(house: House) -> None:
    for name in ("zeta", "alpha", "mid", "Beta"):
        python_plugin(house.plugins / name, name.lower())
    write(house.plugins, {"gamma.py": "", "delta.py": ""})
    assert [each[0] for each in house.ids()] == ["beta", "alpha", "delta", "gamma", "mid", "zeta"]


def test_a_folder_in_the_config_may_hold_plugins(house: House) -> None:
    node_plugin(house.config / "many" / "one", "one")
    python_plugin(house.config / "many" / "two", "two")
    assert house.ids("many") == [("one", "config", "enabled"), ("two", "config", "enabled")]


def test_only_one_level_is_looked_at(house: House) -> None:
    python_plugin(house.plugins / "group" / "deep", "deep")
    assert house.find() == ((), ())
    assert house.ids(str(house.plugins / "group")) == [("deep", "config", "enabled")]


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.py",
        "_private.py",
        "__init__.py",
        "types.d.ts",
        "notes.md",
        "acme.json",
        "acme.py~",
        "#acme.py",
        "acme.py.bak",
        "acme.bak.py",
        "acme.ts.orig",
        "acme.py.rej",
        ".acme.py.swp",
        "acme.old.ts",
        "acme.tmp",
        "acme.disabled",
        "acme.pyc",
        "Makefile",
    ],
)
def test_files_that_are_no_plugins_are_passed_over_silently(house: House, name: str) -> None:
    write(house.plugins, {name: python_code(house.root / "ran")})
    assert house.find() == ((), ())


@pytest.mark.parametrize(
    "name", [".git", "node_modules", "__pycache__", "acme.bak", "acme~", "acme.backup-2024", "acme.disabled", ".acme"]
)
def test_folders_that_are_no_plugins_are_passed_over_silently(house: House, name: str) -> None:
    node_plugin(house.plugins / name, "acme")
    python_plugin(house.plugins / name, "acme")
    assert house.find() == ((), ())


def test_what_is_passed_over_in_a_folder_is_taken_when_the_config_names_it(house: House) -> None:
    node_plugin(house.plugins / ".hidden", "hidden")
    assert house.ids(str(house.plugins / ".hidden")) == [("hidden", "config", "enabled")]


@pytest.mark.parametrize("name", ["empty", "docs"])
def test_a_folder_without_any_sign_of_a_plugin_is_passed_over_silently(house: House, name: str) -> None:
    (house.plugins / "empty").mkdir()
    write(house.plugins / "docs", {"readme.md": "x", "package.json": {"name": "docs"}, "helper.py": "", "lib.ts": ""})
    assert house.find() == ((), ())


def test_links_in_the_users_own_folder_are_followed(house: House) -> None:
    node_plugin(house.root / "elsewhere" / "acme", "acme")
    write(house.root / "elsewhere", {"single.py": ""})
    (house.plugins / "acme").symlink_to(house.root / "elsewhere" / "acme")
    (house.plugins / "single.py").symlink_to(house.root / "elsewhere" / "single.py")
    assert house.ids() == [("acme", "global", "enabled"), ("single", "global", "enabled")]


def test_a_link_to_a_plugin_that_is_there_too_is_the_same_plugin(house: House) -> None:
    node_plugin(house.plugins / "acme", "acme")
    (house.plugins / "linked").symlink_to("acme")
    assert house.ids() == [("acme", "global", "enabled")]


def test_links_in_a_circle_end(house: House) -> None:
    (house.plugins / "loop").symlink_to("loop")
    (house.plugins / "up").symlink_to("..")
    (house.plugins / "loop.py").symlink_to("loop.py")
    assert house.find() == ((), ())


@needs_pipes
def test_pipes_and_devices_in_a_folder_are_passed_over(house: House) -> None:
    os.mkfifo(house.plugins / "pipe.py")
    os.mkfifo(house.plugins / "pipe")
    (house.plugins / "zero.ts").symlink_to("/dev/zero")
    assert house.find() == ((), ())


def test_a_folder_that_is_a_file_is_told(house: House) -> None:
    house.plugins.rmdir()
    house.plugins.write_text("")
    found, (fault,) = house.find()
    assert (found, fault.code, fault.severity) == ((), "plugin.unreadable", "warning")
    assert fault.message.startswith(f"{house.plugins} cannot be listed (")


def test_a_name_that_does_not_print_is_told_and_passed_over(house: House) -> None:
    write(house.plugins, {"a\x1b[31m.py": "", "b\u202e.py": "", "c.py": ""})
    found, diagnostics = house.find()
    assert [each.id for each in found] == ["c"]
    assert told(diagnostics) == [("plugin.unreadable", "warning", "config")] * 2
    assert all(each.message.isprintable() for each in diagnostics)


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are always UTF-8 there")
def test_a_name_that_is_not_utf8_is_told_and_passed_over(house: House) -> None:
    with open(os.path.join(os.fsencode(house.plugins), b"a\xff.py"), "wb"):  # noqa: PTH118, PTH123 - bytes
        pass
    assert told(house.find()[1]) == [("plugin.unreadable", "warning", "config")]


def test_a_folder_with_endless_entries_is_told_and_passed_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jackfield.plugins.scan.ENTRIES_MAX", 5)
    write(house.plugins, {f"p{n}.py": "" for n in range(5)})
    assert len(house.find()[0]) == 5
    write(house.plugins, {"p5.py": ""})
    found, diagnostics = house.find()
    assert (found, told(diagnostics)) == ((), [("plugin.unreadable", "warning", "config")])
    assert diagnostics[0].message == f"{house.plugins} has more than 5 entries, and is passed over"
    assert ENTRIES_MAX == 10_000


# Plugins for Node


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["index.ts"], "index.ts"),
        (["index.js"], "index.js"),
        (["index.mjs"], "index.mjs"),
        (["index.cjs"], "index.cjs"),
        (["index.cjs", "index.mjs", "index.js", "index.ts"], "index.ts"),
        (["index.cjs", "index.mjs", "index.js"], "index.js"),
        (["index.cjs", "index.mjs"], "index.mjs"),
    ],
)
@pytest.mark.parametrize("manifest", ["openclaw", "moltbot", "clawdbot"])
def test_a_folder_with_an_index_is_a_plugin(house: House, manifest: str, files: list[str], expected: str) -> None:
    content = {f"{manifest}.plugin.json": ID_SCHEMA, **dict.fromkeys(files, "")}
    write(house.plugins / "acme", content)  # type: ignore[arg-type]
    found = only(house)
    assert (found.id, found.candidate.language) == ("acme", "node")
    assert found.candidate.entry == str(house.plugins / "acme" / expected)
    assert found.candidate.root == str(house.plugins / "acme")


@pytest.mark.parametrize("key", ["openclaw", "moltbot", "clawdbot"])
def test_a_package_names_its_file(house: House, key: str) -> None:
    about = {"name": "@scope/acme", "version": "2.0.0", "description": "About Acme"}
    files: dict[str, Any] = {"package.json": {**about, key: {"extensions": ["./src/main.ts"]}}, "src/main.ts": ""}
    write(house.plugins / "folder", {**files, "index.ts": "", "openclaw.plugin.json": ID_SCHEMA})
    found = only(house)
    candidate = found.candidate
    assert candidate.entry == str(house.plugins / "folder" / "src" / "main.ts")
    assert (candidate.id_hint, candidate.package_name) == ("acme", "@scope/acme")
    assert (candidate.package_version, candidate.package_description) == ("2.0.0", "About Acme")
    assert found.manifest is not None
    assert (found.manifest.name, found.manifest.version) == ("@scope/acme", "2.0.0")
    assert found.manifest.description == "About Acme"


def test_what_the_manifest_says_comes_before_the_package(house: House) -> None:
    write(
        house.plugins / "acme",
        {
            "package.json": {"name": "acme", "version": "2.0.0"},
            "openclaw.plugin.json": {**ID_SCHEMA, "name": "Acme", "version": "3"},
            "index.ts": "",
        },
    )
    manifest = only(house).manifest
    assert manifest is not None
    assert (manifest.name, manifest.version) == ("Acme", "3")


def test_a_plugin_without_a_package_file_is_called_after_its_folder(house: House) -> None:
    node_plugin(house.plugins / "acme", "acme")
    assert only(house).candidate.id_hint == "acme"


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("./main", "main.ts"),
        ("./main", "main.js"),
        ("./main.js", "main.ts"),
        ("./main.mjs", "main.mts"),
        ("./main.cjs", "main.cts"),
        ("./src", "src/index.ts"),
        ("./src/", "src/index.js"),
        ("src/../main.ts", "main.ts"),
    ],
)
def test_an_extension_is_found_as_typescript_finds_it(house: House, named: str, there: str) -> None:
    package_file = {"name": "acme", "openclaw": {"extensions": [named]}}
    write(house.plugins / "acme", {"package.json": package_file, "openclaw.plugin.json": ID_SCHEMA, there: ""})
    assert only(house).candidate.entry == str(house.plugins / "acme" / there)


@pytest.mark.parametrize(
    ("named", "code", "message"),
    [
        ("./gone.ts", "plugin.path-not-found", "plugin path not found: {}/gone.ts"),
        ("./data.json", "plugin.unsupported-file", "plugin file is not supported: {}/data.json"),
        ("./main.py", "plugin.unsupported-file", "plugin file is not supported: {}/main.py"),
        ("./types.d.ts", "plugin.unsupported-file", "plugin file is not supported: {}/types.d.ts"),
        ("./folder.ts", "plugin.path-not-found", "plugin path not found: {}/folder.ts"),
    ],
)
def test_an_extension_that_cannot_be_loaded_is_an_error(house: House, named: str, code: str, message: str) -> None:
    folder = house.plugins / "acme"
    files: dict[str, Any] = {"package.json": {"openclaw": {"extensions": [named]}}, "openclaw.plugin.json": ID_SCHEMA}
    write(folder, {**files, "data.json": "", "main.py": "", "types.d.ts": "", "folder.ts/x": ""})
    (found,), diagnostics = house.find()
    assert (found.status, found.reason, found.id) == ("error", message.format(folder), "acme")
    assert told(diagnostics) == [(code, "error", "plugin:acme")]


@pytest.mark.parametrize("named", ["../outside.ts", "/outside.ts", "a/../../outside.ts"])
def test_an_extension_outside_the_folder_is_refused(house: House, named: str) -> None:
    write(house.plugins, {"outside.ts.txt": ""})
    write(house.root / "home", {"outside.ts": node_code(house.root / "ran")})
    package_file = {"name": "acme", "openclaw": {"extensions": [named]}}
    write(house.plugins / "acme", {"package.json": package_file, "openclaw.plugin.json": ID_SCHEMA, "index.ts": ""})
    found, diagnostics = house.find()
    assert found == ()
    assert told(diagnostics) == [
        ("plugin.outside", "error", "plugin:acme"),
        ("plugin.no-entry", "error", "plugin:acme"),
    ]


def test_the_other_extensions_of_a_package_are_still_found(house: House) -> None:
    package_file = {"name": "acme", "openclaw": {"extensions": ["../x.ts", "./index.ts"]}}
    write(house.plugins / "acme", {"package.json": package_file, "openclaw.plugin.json": ID_SCHEMA, "index.ts": ""})
    found, diagnostics = house.find()
    assert [each.status for each in found] == ["enabled"]
    assert told(diagnostics) == [("plugin.outside", "error", "plugin:acme")]


def test_of_a_package_with_several_extensions_the_first_is_loaded(house: House) -> None:
    package_file = {"name": "acme", "openclaw": {"extensions": ["./b.ts", "./a.ts", "./c.ts"]}}
    files: dict[str, Any] = {"package.json": package_file, "openclaw.plugin.json": {**ID_SCHEMA, "name": 5}}
    write(house.plugins / "acme", {**files, "a.ts": "", "b.ts": "", "c.ts": ""})
    found, diagnostics = house.find()
    assert entries(found, house.plugins) == ["acme/b.ts", "acme/a.ts", "acme/c.ts"]
    assert [each.candidate.id_hint for each in found] == ["acme/b", "acme/a", "acme/c"]
    assert [(each.status, each.reason) for each in found] == [
        ("enabled", None),
        ("disabled", "overridden by global plugin"),
        ("disabled", "overridden by global plugin"),
    ]
    assert told(diagnostics) == [
        ("plugin.manifest-field", "warning", "plugin:acme"),
        ("plugin.duplicate-id", "warning", "plugin:acme"),
        ("plugin.duplicate-id", "warning", "plugin:acme"),
    ]
    assert diagnostics[1].hint == "A package may list several extensions; the first alone is loaded."


def test_a_plugin_without_a_manifest_is_an_error_that_names_the_file(house: House) -> None:
    folder = write(house.plugins / "acme", {"index.ts": ""})
    (found,), (fault,) = house.find()
    assert (found.id, found.status, found.manifest) == ("acme", "error", None)
    assert found.reason == f"plugin manifest not found: {folder / 'openclaw.plugin.json'}" == fault.message
    assert (fault.code, fault.owner) == ("plugin.manifest-missing", "plugin:acme")


def test_a_manifest_without_a_file_to_load_is_told(house: House) -> None:
    write(house.plugins / "acme", {"openclaw.plugin.json": ID_SCHEMA, "main.ts": ""})
    found, diagnostics = house.find()
    assert (found, told(diagnostics)) == ((), [("plugin.no-entry", "error", "plugin:acme")])


def test_a_manifest_of_another_name_does_not_count(house: House) -> None:
    write(house.plugins / "acme", {"plugin.json": ID_SCHEMA, "index.ts": ""})
    assert told(house.find()[1]) == [("plugin.manifest-missing", "error", "plugin:acme")]


def test_a_broken_package_file_is_told_and_the_index_is_found(house: House) -> None:
    node_plugin(house.plugins / "acme", "acme")
    write(house.plugins / "acme", {"package.json": "{"})
    found, diagnostics = house.find()
    assert [each.status for each in found] == ["enabled"]
    assert told(diagnostics) == [("plugin.unreadable", "warning", "plugin:acme")]


@pytest.mark.parametrize("suffix", [".ts", ".js", ".mts", ".cts", ".mjs", ".cjs"])
def test_a_single_file_for_node_has_its_manifest_beside_it(house: House, suffix: str) -> None:
    write(house.plugins, {"openclaw.plugin.json": ID_SCHEMA, f"acme{suffix}": ""})
    found = only(house)
    assert (found.id, found.candidate.root) == ("acme", str(house.plugins))
    assert found.candidate.entry == str(house.plugins / f"acme{suffix}")


def test_a_single_file_for_node_without_a_manifest_is_an_error(house: House) -> None:
    write(house.plugins, {"acme.ts": ""})
    assert told(house.find()[1]) == [("plugin.manifest-missing", "error", "plugin:acme")]


def test_a_folder_in_the_config_with_a_manifest_and_no_index_is_looked_into(house: House) -> None:
    write(house.config / "acme", {"openclaw.plugin.json": ID_SCHEMA, "acme.ts": ""})
    assert house.ids("acme") == [("acme", "config", "enabled")]


def test_a_folder_in_the_config_with_a_manifest_and_nothing_to_load_is_told_once(house: House) -> None:
    write(house.config / "acme", {"openclaw.plugin.json": ID_SCHEMA})
    assert told(house.find("acme")[1]) == [("plugin.no-entry", "warning", "config")]


def test_a_file_in_the_config_called_index_goes_by_its_folder(house: House) -> None:
    node_plugin(house.config / "acme", "acme")
    assert only(house, "acme/index.ts").candidate.id_hint == "acme"


# Plugins in Python


@pytest.mark.parametrize(
    ("manifest", "entry"),
    [
        ("", "plugin.py"),
        ('entry = "plugin.py"', "plugin.py"),
        ('entry = "./src/main.py"', "./src/main.py"),
        ('entry = "plugin.py:setup"', "plugin.py:setup"),
    ],
)
def test_a_folder_with_our_manifest_is_a_plugin_in_python(house: House, manifest: str, entry: str) -> None:
    folder = python_plugin(house.plugins / "acme", "acme", manifest)
    write(folder, {"src/main.py": ""})
    found = only(house)
    assert (found.candidate.language, found.status) == ("python", "enabled")
    assert found.candidate.entry == f"{folder}/{entry}"


def test_a_project_file_makes_a_folder_a_plugin(house: House) -> None:
    text = '[project]\nname = "acme-plugin"\nversion = "1.0"\n[tool.jackfield.plugin]\nid = "acme"\n'
    write(house.plugins / "acme", {"pyproject.toml": text, "plugin.py": ""})
    found = only(house)
    assert found.manifest is not None
    assert (found.id, found.manifest.name, found.manifest.version) == ("acme", "acme-plugin", "1.0")


def test_our_manifest_may_stand_in_a_plugin_for_node(house: House) -> None:
    write(house.plugins / "one", {"jackfield.plugin.toml": 'id = "one"\nentry = "main.ts"', "main.ts": ""})
    write(house.plugins / "two", {"jackfield.plugin.toml": 'id = "two"', "index.mjs": ""})
    found, diagnostics = house.find()
    assert diagnostics == ()
    assert entries(found, house.plugins) == ["one/main.ts", "two/index.mjs"]
    assert [each.candidate.language for each in found] == ["node", "node"]


def test_a_folder_with_both_languages_and_our_manifest_is_python(house: House) -> None:
    python_plugin(house.plugins / "acme", "acme")
    write(house.plugins / "acme", {"index.ts": ""})
    assert only(house).candidate.language == "python"


def test_a_folder_with_both_languages_and_an_existing_manifest_is_node(house: House) -> None:
    python_plugin(house.plugins / "acme", "acme")
    node_plugin(house.plugins / "acme", "acme")
    assert only(house).candidate.language == "node"


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        ('id = "acme"\nentry = "gone.py"', "plugin.path-not-found"),
        ('id = "acme"\nentry = "data.txt"', "plugin.unsupported-file"),
        ('id = "acme"\nentry = "../x.py"', "plugin.manifest-entry"),
        ("id = 5", "plugin.manifest-id"),
        ("id = ", "plugin.manifest-toml"),
    ],
)
def test_a_broken_plugin_in_python_is_an_error(house: House, manifest: str, code: str) -> None:
    write(house.plugins / "acme", {"jackfield.plugin.toml": manifest, "plugin.py": "", "data.txt": ""})
    write(house.plugins, {"x.py.txt": ""})
    (found,), diagnostics = house.find()
    assert told(diagnostics) == [(code, "error", "plugin:acme")]
    assert (found.id, found.status, found.reason) == ("acme", "error", diagnostics[0].message)


def test_our_manifest_without_any_file_is_an_error(house: House) -> None:
    folder = write(house.plugins / "acme", {"jackfield.plugin.toml": 'id = "acme"'})
    (found,), _ = house.find()
    assert found.reason == f"plugin path not found: {folder / 'plugin.py'}"


def test_a_folder_with_a_plugin_file_and_no_manifest_is_an_error(house: House) -> None:
    folder = write(house.plugins / "acme", {"plugin.py": ""})
    (found,), _ = house.find()
    assert found.reason == f"plugin manifest not found: {folder / 'jackfield.plugin.toml'}"


def test_a_single_file_in_python_needs_no_manifest(house: House) -> None:
    write(house.plugins, {"Acme_AI.py": python_code(house.root / "ran")})
    found = only(house)
    assert (found.id, found.manifest, found.status) == ("acme_ai", None, "enabled")
    assert (found.candidate.root, found.candidate.language) == (str(house.plugins), "python")
    assert found.candidate.entry == str(house.plugins / "Acme_AI.py")


@pytest.mark.parametrize("name", ["my plugin.py", "acm\u00e9.py", "a" * 65 + ".py", "-x-.py"])
def test_a_single_file_whose_name_is_no_id_is_an_error(house: House, name: str) -> None:
    write(house.plugins, {name: ""})
    (found,), diagnostics = house.find()
    assert found.status == "error"
    assert [each.code for each in diagnostics] == ["plugin.manifest-id"]


def test_a_manifest_beside_a_single_file_in_python_counts_when_it_names_that_file(house: House) -> None:
    write(house.config, {"jackfield.plugin.toml": 'id = "named"\nentry = "main.py:go"', "main.py": "", "other.py": ""})
    (one, two), _ = house.find("main.py", "other.py")
    assert (one.id, one.candidate.entry) == ("named", f"{house.config}/main.py:go")
    assert (two.id, two.manifest) == ("other", None)


def test_a_manifest_for_node_does_not_speak_for_a_file_in_python(house: House) -> None:
    write(house.plugins, {"openclaw.plugin.json": ID_SCHEMA, "other.py": "", "plugin.py": ""})
    found, diagnostics = house.find()
    assert [(each.id, each.manifest, each.status) for each in found] == [
        ("other", None, "enabled"),
        ("plugin", None, "enabled"),
    ]
    assert diagnostics == ()


# Names and duplicates


@pytest.mark.parametrize(
    ("folder", "plugin_id", "warned"),
    [("acme", "acme", False), ("Acme", "ACME", False), ("acme", "other", True), ("acme plugin", "acme-plugin", False)],
)
def test_an_id_other_than_the_name_suggests_is_a_warning(
    house: House, folder: str, plugin_id: str, warned: bool
) -> None:
    node_plugin(house.plugins / folder, plugin_id)
    (found,), diagnostics = house.find()
    assert (found.id, found.status) == (plugin_id.lower(), "enabled")
    assert told(diagnostics) == [("plugin.id-mismatch", "warning", f"plugin:{plugin_id}")] * warned
    if warned:
        assert diagnostics[0].message == "plugin id mismatch (manifest uses other, its name suggests acme)"


def test_of_two_with_one_id_the_first_counts(house: House) -> None:
    node_plugin(house.config / "acme", "acme")
    node_plugin(house.plugins / "acme", "ACME")
    package(house.site, "acme", ENTRY_POINT, {"acme_plugin/main.py": "", **MANIFEST})
    found, diagnostics = house.find("acme")
    assert [(each.candidate.origin, each.status, each.reason) for each in found] == [
        ("config", "enabled", None),
        ("global", "disabled", "overridden by config plugin"),
        ("installed", "disabled", "overridden by config plugin"),
    ]
    assert told(diagnostics) == [("plugin.duplicate-id", "warning", "plugin:acme")] * 2
    assert str(house.config / "acme" / "index.ts") in diagnostics[0].message
    assert diagnostics[0].hint == "Remove one of them, or give it another id."


def test_the_first_counts_even_if_it_is_disabled(house: House) -> None:
    node_plugin(house.config / "acme", "acme")
    node_plugin(house.plugins / "acme", "acme")
    found, _ = house.find("acme", entries={"acme": False})
    assert [each.reason for each in found] == ["disabled in config", "overridden by config plugin"]


def test_one_whose_file_is_missing_keeps_its_id(house: House) -> None:
    write(house.config / "acme", {"jackfield.plugin.toml": 'id = "acme"'})
    node_plugin(house.plugins / "acme", "acme")
    assert house.ids("acme") == [("acme", "config", "error"), ("acme", "global", "disabled")]


def test_one_whose_manifest_is_broken_has_no_id_to_keep(house: House) -> None:
    write(house.config / "acme", {"openclaw.plugin.json": "{", "index.ts": ""})
    node_plugin(house.plugins / "acme", "acme")
    assert house.ids("acme") == [("acme", "config", "error"), ("acme", "global", "enabled")]


def test_one_broken_plugin_does_not_touch_the_others(house: House) -> None:
    write(house.plugins / "broken", {"openclaw.plugin.json": "{", "index.ts": ""})
    (house.plugins / "strange" / "jackfield.plugin.toml").mkdir(parents=True)
    node_plugin(house.plugins / "good", "good")
    found, diagnostics = house.find()
    assert [(each.id, each.status) for each in found] == [
        ("broken", "error"),
        ("good", "enabled"),
        ("strange", "error"),
    ]
    assert sorted(told(diagnostics)) == [
        ("plugin.manifest-json", "error", "plugin:broken"),
        ("plugin.unreadable", "error", "plugin:strange"),
    ]


def test_ids_in_the_config_that_nobody_has_are_warnings(house: House) -> None:
    node_plugin(house.plugins / "acme", "acme")
    _, diagnostics = house.find(entries={"acme": True, "gone": True}, deny=("absent",))
    assert told(diagnostics) == [("plugin.unknown-id", "warning", "config")] * 2


def test_a_state_comes_with_each_plugin(house: House) -> None:
    for name in ("one", "two", "three", "four"):
        node_plugin(house.plugins / name, name)
    found, _ = house.find(entries={"one": False}, allow=("one", "two", "four"), deny=("two",))
    assert {each.id: each.reason for each in found} == {
        "four": None,
        "one": "disabled in config",
        "three": "not in allowlist",
        "two": "blocked by denylist",
    }


# The workspace


@pytest.mark.parametrize("folder", WORKSPACE_FOLDERS)
def test_plugins_of_the_workspace_are_listed_and_never_enabled(house: House, folder: str) -> None:
    node_plugin(house.workspace / folder / "acme", "acme")
    python_plugin(house.workspace / folder / "beta", "beta")
    write(house.workspace / folder, {"single.py": ""})
    found, _ = house.find(entries={"acme": True, "beta": True}, allow=("acme", "beta", "single"))
    assert [(each.id, each.status, each.reason) for each in found] == [
        (name, "disabled", IN_WORKSPACE) for name in ("acme", "beta", "single")
    ]


@pytest.mark.parametrize("folder", [".", "extensions", "plugins", ".openclaw/plugins", ".jackfield"])
def test_other_folders_of_the_workspace_are_not_looked_at(house: House, folder: str) -> None:
    node_plugin(house.workspace / folder / "acme", "acme")
    assert house.find() == ((), ())


def test_a_plugin_of_the_workspace_takes_nobodys_place(house: House) -> None:
    node_plugin(house.workspace / ".openclaw/extensions/acme", "acme")
    node_plugin(house.plugins / "acme", "acme")
    found, diagnostics = house.find(entries={"acme": True})
    assert [(each.candidate.origin, each.status, each.reason) for each in found] == [
        ("global", "enabled", None),
        ("workspace", "disabled", IN_WORKSPACE),
    ]
    assert diagnostics == ()


@pytest.mark.parametrize("broken", ["openclaw.plugin.json", "jackfield.plugin.toml"])
def test_a_plugin_of_the_workspace_takes_no_place_of_a_broken_one(house: House, broken: str) -> None:
    write(house.plugins / "acme", {broken: "{", "index.ts": "", "plugin.py": ""})
    node_plugin(house.workspace / ".openclaw/extensions/acme", "acme")
    found, _ = house.find(entries={"acme": True}, allow=("acme",))
    assert [(each.candidate.origin, each.status) for each in found] == [("global", "error"), ("workspace", "disabled")]


def test_wanting_what_only_the_workspace_has_is_told(house: House) -> None:
    node_plugin(house.workspace / ".jackfield/plugins/acme", "acme")
    _, diagnostics = house.find(entries={"acme": True})
    assert told(diagnostics) == [("plugin.in-workspace", "warning", "config")]


def test_a_plugin_of_the_workspace_is_loaded_when_the_config_names_its_path(house: House) -> None:
    folder = node_plugin(house.workspace / ".openclaw/extensions/acme", "acme")
    assert house.ids(str(folder)) == [("acme", "config", "enabled")]


def test_faults_in_the_workspace_are_for_information_only(house: House) -> None:
    folder = house.workspace / ".openclaw/extensions"
    write(folder / "broken", {"openclaw.plugin.json": "{", "index.ts": "", "package.json": "{"})
    write(folder / "empty", {"openclaw.plugin.json": ID_SCHEMA})
    write(folder, {"a\x1b.py": ""})
    write(house.workspace / ".moltbot", {"extensions": "a file"})
    found, diagnostics = house.find()
    assert [(each.id, each.status) for each in found] == [("broken", "error")]
    assert {each.severity for each in diagnostics} == {"info"}
    assert sorted(each.code for each in diagnostics) == [
        "plugin.manifest-json",
        "plugin.no-entry",
        "plugin.unreadable",
        "plugin.unreadable",
        "plugin.unreadable",
    ]


def test_links_that_lead_out_of_the_workspace_are_not_read(house: House) -> None:
    outside = node_plugin(house.root / "outside", "outside")
    folder = house.workspace / ".openclaw/extensions"
    folder.mkdir(parents=True)
    (folder / "linked").symlink_to(outside)
    (house.workspace / ".moltbot").mkdir()
    node_plugin(house.root / "far" / "beyond", "beyond")
    (house.workspace / ".moltbot/extensions").symlink_to(house.root / "far")
    (found,), diagnostics = house.find()
    assert (found.id, found.status, found.manifest) == ("linked", "error", None)
    assert told(diagnostics) == [("plugin.unreadable", "info", "plugin:linked")]
    assert "leads out of the workspace" in diagnostics[0].message


def test_a_workspace_that_is_the_home_of_the_users_plugins_brings_nothing_twice(house: House) -> None:
    own = house.workspace / ".jackfield/plugins"
    node_plugin(own / "acme", "acme")
    found, _ = find_plugins(PluginSettings(), own, base=house.config, workspace=house.workspace, search_path=[])
    assert [(each.candidate.origin, each.status) for each in found] == [("global", "enabled")]


@pytest.mark.parametrize("spelled", ["", ".", "{workspace}", "{workspace}/"])
def test_metadata_in_the_workspace_installs_nothing(
    house: House, spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(house.workspace, "evil", ENTRY_POINT, {"acme_plugin/main.py": "", **MANIFEST})
    monkeypatch.chdir(house.workspace)
    found, _ = find_plugins(
        PluginSettings(),
        house.plugins,
        base=house.config,
        workspace=house.workspace,
        search_path=[spelled.format(workspace=house.workspace)],
    )
    assert found == ()


def test_an_environment_inside_the_workspace_counts(house: House) -> None:
    site = house.workspace / ".venv" / "site-packages"
    package(site, "acme", ENTRY_POINT, {"acme_plugin/main.py": "", **MANIFEST})
    found, _ = find_plugins(
        PluginSettings(), house.plugins, base=house.config, workspace=house.workspace, search_path=[str(site)]
    )
    assert [each.id for each in found] == ["acme"]


# Installed packages


def points(*folders: Path) -> list[EntryPoint]:
    return list(entry_points([str(folder) for folder in folders]))


def test_an_entry_point_is_a_plugin(house: House) -> None:
    package(house.site, "acme-package", ENTRY_POINT, {"acme_plugin/main.py": "", **MANIFEST})
    found = only(house)
    candidate = found.candidate
    assert (candidate.entry, candidate.root) == ("acme_plugin.main:register", str(house.site / "acme_plugin"))
    assert (candidate.origin, candidate.language, candidate.id_hint) == ("installed", "python", "acme")
    assert (candidate.package_name, candidate.package_version) == ("acme-package", "1.2.3")
    assert candidate.package_description == "About acme-package"
    assert found.manifest is not None
    assert (found.manifest.name, found.manifest.version) == ("acme-package", "1.2.3")


@pytest.mark.parametrize(
    ("files", "value", "entry", "root"),
    [
        (["acme_plugin/__init__.py"], "acme_plugin", "acme_plugin", "acme_plugin"),
        (["acme_plugin/__init__.py"], "acme_plugin:register", "acme_plugin:register", "acme_plugin"),
        (["acme_plugin/a/b.py"], "acme_plugin.a.b : setup", "acme_plugin.a.b:setup", "acme_plugin/a"),
        (["acme_plugin/a/__init__.py"], "acme_plugin.a:x.y [extra]", "acme_plugin.a:x.y", "acme_plugin/a"),
        (["acme_plugin/a.py", "acme_plugin/a/__init__.py"], "acme_plugin.a", "acme_plugin.a", "acme_plugin/a"),
    ],
)
def test_an_entry_point_names_a_module_and_perhaps_a_function(
    house: House, files: list[str], value: str, entry: str, root: str
) -> None:
    content: dict[str, Any] = {**dict.fromkeys(files, ""), f"{root}/jackfield.plugin.toml": 'id = "acme"'}
    package(house.site, "acme", f"[jackfield.plugins]\nacme = {value}\n", content)
    candidate = only(house).candidate
    assert (candidate.entry, candidate.root) == (entry, str(house.site / root))


@pytest.mark.parametrize("value", ["", "a b", "a..b", "1a", ".a", "a.", "a:", "a-b", "../x", "a;b", "a:b:c", "/etc/x"])
def test_an_entry_point_that_names_no_module_is_an_error(house: House, value: str) -> None:
    package(house.site, "acme", f"[jackfield.plugins]\nacme = {value}\n", {"a.py": ""})
    (found,), (fault,) = house.find()
    assert (found.id, found.status, fault.code) == ("acme", "error", "plugin.entry-point")


def test_an_entry_point_whose_module_is_not_there_is_an_error(house: House) -> None:
    package(house.site, "acme", ENTRY_POINT, {})
    (found,), (fault,) = house.find()
    assert (found.status, fault.code) == ("error", "plugin.path-not-found")
    assert found.reason == "plugin path not found: module acme_plugin.main"


def test_an_installed_plugin_needs_a_manifest_beside_its_module(house: House) -> None:
    package(house.site, "acme", ENTRY_POINT, {"acme_plugin/main.py": ""})
    (found,), (fault,) = house.find()
    assert (found.status, fault.code) == ("error", "plugin.manifest-missing")
    assert found.reason == f"plugin manifest not found: {house.site / 'acme_plugin' / 'jackfield.plugin.toml'}"


def test_an_entry_point_that_is_called_otherwise_than_its_plugin_is_a_warning(house: House) -> None:
    files = {"acme_plugin/main.py": "", "acme_plugin/jackfield.plugin.toml": 'id = "other"'}
    package(house.site, "acme", ENTRY_POINT, files)  # type: ignore[arg-type]
    assert told(house.find()[1]) == [("plugin.id-mismatch", "warning", "plugin:other")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[jackfield.plugins]\na=m\nb = n:f\n", [("a", "m"), ("b", "n:f")]),
        (
            "\n# c\n[console_scripts]\nx = y:z\n\n[ jackfield.plugins ]\n; c\n# d = e\na = m\n[other]\nb = n",
            [("a", "m")],
        ),
        ("[jackfield.plugins]\nno value\n a = m \n", [("a", "m")]),
        ("[jackfield.plugins.more]\na = m\n", []),
        ("a = jackfield.plugins\n", []),
        ("", []),
    ],
)
def test_the_groups_section_is_read(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    package(tmp_path, "acme", text, {})
    assert [(each.name, each.value) for each in points(tmp_path)] == expected


def test_the_first_distribution_of_a_name_counts(tmp_path: Path) -> None:
    package(tmp_path / "one", "acme-plugin", "[jackfield.plugins]\na = one\n", {})
    package(tmp_path / "two", "acme.plugin", "[jackfield.plugins]\na = two\n", {})
    package(tmp_path / "two", "other", "[jackfield.plugins]\nb = three\n", {})
    assert [each.value for each in points(tmp_path / "one", tmp_path / "two")] == ["one", "three"]
    assert [each.value for each in points(tmp_path / "two", tmp_path / "one")] == ["two", "three"]
    assert [each.value for each in points(tmp_path / "one", tmp_path / "one")] == ["one"]


def test_an_uninstalled_first_distribution_hides_the_entry_points_of_the_second(tmp_path: Path) -> None:
    package(tmp_path / "one", "acme", "", {})
    package(tmp_path / "two", "acme", "[jackfield.plugins]\na = m\n", {})
    assert points(tmp_path / "one", tmp_path / "two") == []


def test_packages_installed_for_development_by_old_tools_are_found(tmp_path: Path) -> None:
    write(tmp_path, {"acme.egg-info/entry_points.txt": "[jackfield.plugins]\na = m:f\n"})
    write(tmp_path, {"acme.egg-info/PKG-INFO": "Name: acme\nVersion: 0\nSummary: UNKNOWN\n"})
    (point,) = points(tmp_path)
    assert point == EntryPoint("a", "m:f", "m", "f", str(tmp_path), "acme", "0", None)


@pytest.mark.parametrize("name", ["~cme-1.dist-info", "acme-1.dist-info.old", "acme-1.data", "acme.egg-link"])
def test_other_folders_on_the_path_are_not_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"{name}/entry_points.txt": "[jackfield.plugins]\na = m\n"})
    assert points(tmp_path) == []


def test_relative_folders_on_the_path_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "site", "acme", "[jackfield.plugins]\na = m\n", {})
    monkeypatch.chdir(tmp_path / "site")
    assert [list(entry_points([each])) for each in (".", "", "../site")] == [[], [], []]


@needs_pipes
def test_strange_metadata_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "one-1.dist-info").mkdir()
    os.mkfifo(tmp_path / "one-1.dist-info" / "entry_points.txt")
    write(tmp_path, {"two-1.dist-info": "a file", "three-1.dist-info/entry_points.txt": b"\xff[jackfield.plugins]"})
    write(tmp_path, {"four-1.dist-info/entry_points.txt": "[jackfield.plugins]\na = m\n"})
    os.mkfifo(tmp_path / "four-1.dist-info" / "METADATA")
    assert points(tmp_path, tmp_path / "gone", tmp_path / "two-1.dist-info") == [
        EntryPoint("a", "m", "m", None, str(tmp_path))
    ]


def test_entry_points_are_those_that_the_standard_library_finds(tmp_path: Path) -> None:
    text = "[console_scripts]\nx = y:z\n[jackfield.plugins]\na = m.n:f\nb = o\nc = p:q.r [s]\n"
    package(tmp_path, "acme", text, {})
    package(tmp_path, "beta", "[jackfield.plugins]\nd = e\n", {})
    expected = [
        (point.name, point.value)
        for found in sorted(importlib.metadata.distributions(path=[str(tmp_path)]), key=lambda each: each.name)
        for point in found.entry_points
        if point.group == GROUP
    ]
    assert [(each.name, each.value) for each in points(tmp_path)] == expected


def test_a_module_is_looked_for_beside_its_metadata_first(tmp_path: Path) -> None:
    write(tmp_path, {"one/acme.py": "", "two/acme.py": ""})
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert locate("acme", two, [one, two]) == f"{two}/acme.py"
    assert locate("acme", str(tmp_path), [one, two]) == f"{one}/acme.py"
    assert locate("acme.b", one, [two]) is None
    assert locate("acme", str(tmp_path), ["two"]) is None


class EditableFinder:
    """Finds packages where they are developed, as the finders of installers do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        self.asked.append(name)
        if name == "jackfield_broken_finder":
            raise ImportError
        return importlib.machinery.PathFinder.find_spec(name, [str(self.folder)])


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("edited_single", "edited_single.py"),
        ("edited_pack", "edited_pack/__init__.py"),
        ("edited_pack.sub", "edited_pack/sub.py"),
        ("edited_pack.deep.er", "edited_pack/deep/er.py"),
        ("edited_pack.gone", None),
        ("edited_gone", None),
        ("jackfield_broken_finder", None),
    ],
)
def test_a_package_installed_for_editing_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, expected: str | None
) -> None:
    ran = python_code(tmp_path / "ran")
    files = ["edited_single.py", "edited_pack/__init__.py", "edited_pack/sub.py", "edited_pack/deep/er.py"]
    write(tmp_path / "src", dict.fromkeys(files, ran))
    finder = EditableFinder(tmp_path / "src")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    found = locate(module, str(tmp_path), [])
    assert found == (str(tmp_path / "src" / expected) if expected else None)
    assert finder.asked == [module.partition(".")[0]]
    assert not (tmp_path / "ran").exists()
    assert module.partition(".")[0] not in sys.modules


# Nothing runs


def test_listing_runs_nothing_of_any_plugin(house: House) -> None:
    for origin, folder in (("own", house.plugins), ("theirs", house.workspace / ".openclaw/extensions")):
        for name in ("node", "broken"):
            node_plugin(folder / f"{origin}-{name}", f"{origin}-{name}")
        write(folder / f"{origin}-broken", {"openclaw.plugin.json": "{"})
        python_plugin(folder / f"{origin}-python", f"{origin}-python", 'entry = "plugin.py:register"')
        write(folder, {f"{origin}_single.py": python_code(house.root / "ran")})
        code = {"package.json": {"openclaw": {"extensions": ["./main.cjs"]}, "scripts": {"preinstall": "touch ran"}}}
        write(folder / f"{origin}-pack", {**code, "main.cjs": node_code(house.root / "ran")})
    files = dict.fromkeys(("acme_plugin/__init__.py", "acme_plugin/main.py"), python_code(house.root / "ran"))
    package(house.site, "acme", ENTRY_POINT, {**files, **MANIFEST})
    found, _ = house.find(str(house.plugins / "own-python"))
    assert len(found) == 11
    assert house.ran() == []
    assert not any(name.startswith("acme_plugin") for name in sys.modules)


def test_the_files_that_would_tell_of_code_that_runs_do_tell(house: House) -> None:
    folder = python_plugin(house.plugins / "acme", "acme")
    subprocess.run([sys.executable, str(folder / "plugin.py")], check=True, timeout=60)
    assert house.ran() == [folder / "ran"]


LIST = """
import sys
from pathlib import Path
from jackfield.config.settings import PluginSettings
from jackfield.plugins.discovery import find_plugins
root = Path(sys.argv[1])
own, site = root / "home" / "plugins", [str(root / "site")]
found, told = find_plugins(PluginSettings(), own, base=root, workspace=root / "project", search_path=site)
assert [each.id for each in found] == ["own", "acme"], (found, told)
late = sorted({"importlib.metadata", "subprocess", "asyncio", "jsonschema", "aiohttp", "email"} & set(sys.modules))
print(late, any(name.startswith("acme_plugin") for name in sys.modules))
"""


def test_listing_in_a_process_of_its_own_imports_no_plugin_and_nothing_heavy(house: House) -> None:
    python_plugin(house.plugins / "own", "own")
    files = dict.fromkeys(("acme_plugin/__init__.py", "acme_plugin/main.py"), python_code(house.root / "ran"))
    package(house.site, "acme", ENTRY_POINT, {**files, **MANIFEST})
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(house.root)],
        cwd=house.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(house.site), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[] False\n", "", 0)
    assert house.ran() == []


def test_listing_writes_nothing(house: House) -> None:
    node_plugin(house.plugins / "one", "one")
    python_plugin(house.plugins / "two", "two")
    before = sorted(house.root.rglob("*"))
    house.find()
    assert sorted(house.root.rglob("*")) == before


def test_a_scan_that_saw_nothing_holds_nothing() -> None:
    scan = Scan()
    assert (scan.sightings, scan.diagnostics) == ([], [])


def test_listing_twice_gives_the_same(house: House) -> None:
    node_plugin(house.plugins / "one", "one")
    write(house.plugins / "two", {"openclaw.plugin.json": "{", "index.ts": ""})
    assert house.find("gone") == house.find("gone")
