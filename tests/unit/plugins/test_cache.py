from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from jackfield.diagnostics import Diagnostic
from jackfield.plugins.cache import MAX_BYTES, PluginCache, fingerprint, from_plain, to_plain
from jackfield.plugins.found import Candidate, FoundPlugin, Manifest
from jackfield.plugins.session import LoadResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VALUE = {"providers": [{"id": "acme"}], "other": [], "diagnostics": [], "export_id": None, "export_kind": None}


@pytest.fixture
def cache(tmp_path: Path) -> PluginCache:
    return PluginCache(tmp_path / "plugins")


def test_what_was_put_comes_back_under_its_key_only(cache: PluginCache) -> None:
    cache.put("acme", "k1", VALUE)
    assert cache.get("acme", "k1", 0) == VALUE
    assert cache.get("acme", "k2", 0) is None
    assert cache.get("other", "k1", 0) is None


def test_the_last_one_takes_the_place_of_the_one_before(cache: PluginCache) -> None:
    cache.put("acme", "k1", VALUE)
    cache.put("acme", "k2", {"providers": []})
    assert cache.get("acme", "k1", 0) is None
    assert cache.get("acme", "k2", 0) == {"providers": []}


def test_a_failure_is_forgotten_in_time(cache: PluginCache) -> None:
    cache.put("acme", "k", {"failure": {}}, until=1_000)
    assert cache.get("acme", "k", 999) == {"failure": {}}
    assert cache.get("acme", "k", 1_000) is None


def test_what_is_forgotten_is_gone(cache: PluginCache) -> None:
    cache.put("acme", "k", VALUE)
    cache.forget("acme")
    cache.forget("acme")
    assert cache.get("acme", "k", 0) is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"key": "k"}',
        b'{"key": "k", "value": 7}',
        b"\xff",
        b"[" * 100_000,
        b"x" * (MAX_BYTES + 1),
    ],
    ids=["empty", "half", "list", "number", "no value", "wrong value", "no text", "deep", "huge"],
)
def test_a_damaged_file_counts_as_absent(cache: PluginCache, tmp_path: Path, damage: bytes) -> None:
    cache.put("acme", "k", VALUE)
    (tmp_path / "plugins" / "acme.json").write_bytes(damage)
    assert cache.get("acme", "k", 0) is None


def test_the_file_is_for_its_owner_alone(cache: PluginCache, tmp_path: Path) -> None:
    cache.put("acme", "k", VALUE)
    assert (tmp_path / "plugins").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "plugins" / "acme.json").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("a file is in the way")
    cache = PluginCache(tmp_path / "plugins")
    cache.put("acme", "k", VALUE)
    cache.forget("acme")
    assert cache.get("acme", "k", 0) is None


def test_what_is_too_large_is_not_kept(cache: PluginCache) -> None:
    cache.put("acme", "k", {"x": "y" * MAX_BYTES})
    assert cache.get("acme", "k", 0) is None


# --- what a registration becomes


def test_a_registration_survives_being_written() -> None:
    result = LoadResult(
        ({"id": "acme", "auth": []},),
        ({"member": "registerTool", "detail": "x"},),
        (Diagnostic("plugin.not-a-capability", "registerTool is no capability", "info", owner="plugin:acme"),),
        "acme",
        None,
    )
    assert from_plain(json.loads(json.dumps(to_plain(result)))) == result


@pytest.mark.parametrize(
    "value",
    [{}, {**VALUE, "providers": 7}, {**VALUE, "diagnostics": [7]}, {**VALUE, "diagnostics": [{"x": 1}]}],
    ids=str,
)
def test_what_is_no_registration_is_none(value: dict[str, object]) -> None:
    assert from_plain(value) is None


# --- when a registration is out of date


def folder_plugin(root: Path, *, whole: bool = True) -> FoundPlugin:
    entry = str(root / "index.ts")
    manifest = Manifest("acme", str(root / "openclaw.plugin.json")) if whole else None
    return FoundPlugin("acme", Candidate("global", str(root), entry, "acme", "node"), manifest, "enabled")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "acme"
    (made / "src").mkdir(parents=True)
    (made / "index.ts").write_text("export default {};")
    (made / "src" / "oauth.ts").write_text("export {};")
    (made / "node_modules").mkdir()
    return made


def later(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


CHANGES: dict[str, Callable[[Path], object]] = {
    "another size": lambda root: (root / "index.ts").write_text("export default { };"),
    "another time": lambda root: later(root / "src" / "oauth.ts"),
    "a new file": lambda root: (root / "src" / "more.ts").write_text(""),
    "a file less": lambda root: (root / "src" / "oauth.ts").unlink(),
    "a manifest": lambda root: (root / "openclaw.plugin.json").write_text("{}"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_changes_the_fingerprint(root: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint(folder_plugin(root), "v24", None)
    change(root)
    assert fingerprint(folder_plugin(root), "v24", None) != before


def test_config_and_runtime_are_part_of_the_fingerprint(root: Path) -> None:
    plugin = folder_plugin(root)
    prints = {fingerprint(plugin, *each) for each in [("v24", None), ("v25", None), ("v24", {}), ("v24", {"a": 1})]}
    assert len(prints) == 4


def test_what_is_no_source_of_the_plugin_does_not_count(root: Path) -> None:
    before = fingerprint(folder_plugin(root), "v24", None)
    (root / "node_modules" / "x.js").write_text("x")
    (root / "notes.md").write_text("x")
    (root / ".git").mkdir()
    (root / ".git" / "x.json").write_text("x")
    assert fingerprint(folder_plugin(root), "v24", None) == before


def test_the_folders_beside_a_single_file_are_not_its_own(root: Path) -> None:
    plugin = folder_plugin(root, whole=False)
    before = fingerprint(plugin, "python", None)
    (root / "src" / "oauth.ts").write_text("changed")
    assert fingerprint(plugin, "python", None) == before
    (root / "helper.py").write_text("")
    assert fingerprint(plugin, "python", None) != before
