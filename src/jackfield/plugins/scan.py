"""Looking for plugins in folders, and reading what can be known of them without running any."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal

from jackfield.diagnostics import Diagnostic
from jackfield.ids import canonical_id, is_id, quoted
from jackfield.plugins.found import Candidate
from jackfield.plugins.installed import entry_points, locate
from jackfield.plugins.manifest import JSON_NAMES, TOML_NAME, ManifestFile, read_manifest, usable_id
from jackfield.plugins.package import read_package
from jackfield.plugins.reading import is_file, lies_in, real, shown
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jackfield.plugins.found import Language, Manifest, Origin
    from jackfield.plugins.installed import EntryPoint
    from jackfield.plugins.package import PackageFile

# ruff: noqa: PTH112, PTH114, PTH118, PTH119, PTH120, PTH122 - thousands of paths, and Path takes ten times as long

WORKSPACE_FOLDERS = (".jackfield/plugins", ".openclaw/extensions", ".moltbot/extensions", ".clawdbot/extensions")
"""Where a workspace may have plugins, below its folder."""

ENTRIES_MAX = 10_000
"""A folder with more entries than this is no folder of plugins."""

_INDEX = ("index.ts", "index.js", "index.mjs", "index.cjs")
_NODE = (".ts", ".js", ".mts", ".cts", ".mjs", ".cjs")
_PYTHON = "plugin.py"
# TypeScript sources are imported by the names that they have once they are compiled.
_SOURCES = {".js": ".ts", ".mjs": ".mts", ".cjs": ".cts"}
_BACKUP = re.compile(r"~$|^#|\.(?:bak|old|orig|rej|swp|tmp|disabled)(?:\.|$)|\.backup-")
# Files of these names are called after their folder.
_GENERIC = frozenset({"index", "plugin"})


@record
class Sighting:
    """A candidate with what was read of it; `fault` is why it cannot be loaded."""

    candidate: Candidate
    id: str
    manifest: Manifest | None
    fault: str | None
    diagnostics: tuple[Diagnostic, ...]


class Scan:
    """Looks for plugins and keeps what it sees; a file that was seen is not seen again."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self.diagnostics: list[Diagnostic] = []
        self._seen: set[str] = set()
        self._folders: dict[str, str] = {}
        self._within: str | None = None

    def named_path(self, text: str, base: Path, home: Path | None) -> None:
        """Look at a path that the config names: a file, a plugin's folder, or a folder of plugins."""
        path = _expanded(text, base, home)
        if os.path.isdir(path):
            if self._plugin_folder(path, "config") or not self.folder(path, "config"):
                return
            if not any(lies_in(each, real(path)) for each in self._seen):
                self._tell("plugin.no-entry", f"no plugin in {shown(path)}", "warning")
        elif not os.path.lexists(path):
            self._tell("plugin.path-not-found", f"plugin path not found: {shown(path)}", "error")
        elif not is_file(path) or not self._single_file(path, "config"):
            self._tell("plugin.unsupported-file", f"plugin file is not supported: {shown(path)}", "error")

    def workspace(self, folder: str) -> None:
        """Look into the folders that a workspace may have; from now on no link that leads out of it is followed."""
        self._within = real(folder)
        for name in WORKSPACE_FOLDERS:
            path = os.path.join(folder, name)
            if lies_in(path, self._within):
                self.folder(path, "workspace")

    def folder(self, folder: str, origin: Origin) -> bool:
        """Look at each thing in a folder of plugins, sorted by name; return False when it cannot be listed."""
        try:
            with os.scandir(folder) as entries:
                names = [each.name for each, _ in zip(entries, range(ENTRIES_MAX + 1), strict=False)]
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "its name is not usable"
            self._unreadable(f"{shown(folder)} cannot be listed ({why})", origin)
            return False
        if len(names) > ENTRIES_MAX:
            self._unreadable(f"{shown(folder)} has more than {ENTRIES_MAX} entries, and is passed over", origin)
            return False
        for name in sorted(names):
            if name.startswith((".", "__")) or name == "node_modules" or _BACKUP.search(name):
                continue
            path = os.path.join(folder, name)
            if not name.isprintable():
                self._unreadable(f"{shown(path)} is passed over for the characters in its name", origin)
            elif os.path.isdir(path):
                self._plugin_folder(path, origin)
            elif is_file(path) and not name.startswith("_"):
                self._single_file(path, origin)
        return True

    def packages(self, search_path: Sequence[str]) -> None:
        """Look at the entry points of installed packages."""
        for point in entry_points(search_path):
            file, fault = None, ("plugin.entry-point", f"entry point names no module: {shown(point.value)}")
            if point.module is not None:
                file = locate(point.module, point.folder, search_path)
                fault = ("plugin.path-not-found", f"plugin path not found: module {point.module}")
            if file is not None:
                root = os.path.dirname(file)
                self._add(_of_package(point, root), file, read_manifest(root, point.name))
            else:
                told = _error(*fault, usable_id(point.name))
                read = ManifestFile(usable_id(point.name), diagnostics=(told,))
                self._add(_of_package(point, point.folder), point.value, read)

    def _plugin_folder(self, folder: str, origin: Origin) -> bool:
        """Look at a folder that may be a plugin; return False when it is none."""
        name = os.path.basename(folder)
        package = read_package(folder, self._within)
        hint = package.name or name
        manifest = read_manifest(folder, hint, self._within)
        self._soften((replace(each, owner=f"plugin:{manifest.id}") for each in package.diagnostics), origin)
        own = os.path.join(folder, manifest.entry or _PYTHON)
        named = manifest.ours and (manifest.entry is not None or is_file(own))
        files = [] if named else list(_node_files(folder, package))
        if named or (manifest.ours and not files):
            self._own_form(Candidate(origin, folder, own, name, _language(own) or "python"), manifest)
        elif files:
            for file in files:
                stem = os.path.splitext(os.path.basename(file))[0]
                entry_hint = f"{hint}/{stem}" if len(package.extensions) > 1 else hint
                candidate = Candidate(origin, folder, file, entry_hint, "node", *package.about)
                self._add(candidate, file, _with(manifest, _entry_fault(file, manifest.id, python=False)))
        elif manifest.source is None and is_file(own):
            self._add(Candidate(origin, folder, own, name, "python"), own, manifest)
        else:
            if manifest.source is not None and origin != "config":
                self._soften((*manifest.diagnostics, _no_entry(folder, manifest.id)), origin)
            return False
        return True

    def _own_form(self, candidate: Candidate, manifest: ManifestFile) -> None:
        file = candidate.entry
        if manifest.function and candidate.language == "python":
            candidate = replace(candidate, entry=f"{file}:{manifest.function}")
        fault = _entry_fault(file, manifest.id, python=True) if manifest.fault is None else None
        self._add(candidate, file, _with(manifest, fault))

    def _single_file(self, path: str, origin: Origin) -> bool:
        """Look at a file that may be a plugin; return False when it is none."""
        language = _language(path)
        if language is None:
            return False
        folder, name = os.path.split(path)
        stem = os.path.splitext(name)[0]
        hint = os.path.basename(folder) if stem in _GENERIC else stem
        manifest = read_manifest(folder, hint, self._within)
        if language == "node":
            self._add(Candidate(origin, folder, path, hint, "node"), path, manifest)
        elif manifest.ours and name == (manifest.entry or _PYTHON):
            self._own_form(Candidate(origin, folder, path, hint, "python"), manifest)
        else:
            fault = None
            if not is_id(canonical_id(stem)):
                message = f"plugin file name {quoted(stem)} is not a plugin id: {shown(path)}"
                fault = _error("plugin.manifest-id", message, usable_id(stem), "Use a-z 0-9 . _ - in its name.")
            read = _with(ManifestFile(usable_id(stem), source=path), fault)
            self._add(Candidate(origin, folder, path, stem, "python"), path, read)
        return True

    def _add(self, candidate: Candidate, file: str, read: ManifestFile) -> None:
        """Keep a candidate, unless its file was seen before."""
        key = self._real(file) + (f"\0{candidate.entry}" if candidate.origin == "installed" else "")
        if key in self._seen:
            return
        self._seen.add(key)
        if read.source is None and read.fault is None:
            read = _with(read, _missing(candidate, read.id))
        manifest = read.manifest and _labelled(read.manifest, candidate)
        if manifest is not None and usable_id(candidate.id_hint.partition("/")[0]) != read.id:
            read = _with(read, _mismatch(candidate, manifest, read.id))
        self.sightings.append(Sighting(candidate, read.id, manifest, read.fault, read.diagnostics))

    def _real(self, path: str) -> str:
        """Return what `real` does; the folders that many paths have in common are looked at once."""
        known = self._folders.get(path)
        if known is None:
            folder, name = os.path.split(path)
            plain = folder and name not in {"", ".", ".."}
            known = os.path.join(self._real(folder), name) if plain else real(path)
            if os.path.islink(known):
                known = real(known)
            self._folders[path] = known
        return known

    def _soften(self, told: Iterable[Diagnostic], origin: Origin) -> None:
        """Keep diagnostics; nothing in the workspace is loaded, so there they are for information only."""
        self.diagnostics += told if origin != "workspace" else [replace(each, severity="info") for each in told]

    def _unreadable(self, message: str, origin: Origin) -> None:
        self._soften([Diagnostic("plugin.unreadable", message, "warning", owner="config")], origin)

    def _tell(self, code: str, message: str, severity: Literal["error", "warning"]) -> None:
        self.diagnostics.append(Diagnostic(code, message, severity, ("plugins", "load", "paths"), "config"))


def _expanded(text: str, base: Path, home: Path | None) -> str:
    if home is not None and (text == "~" or text.startswith("~/")):
        text = str(home) + text[1:]
    return os.path.normpath(os.path.join(base, os.path.expanduser(text)))  # noqa: PTH111 - keeps what it cannot expand


def _language(path: str) -> Language | None:
    """Return what runs a file, by its name; None for what is no plugin."""
    if path.endswith(".py"):
        return "python"
    is_types = path.endswith((".d.ts", ".d.mts", ".d.cts"))
    return "node" if path.endswith(_NODE) and not is_types else None


def _node_files(folder: str, package: PackageFile) -> Iterator[str]:
    """Yield the files of a folder that are plugins for Node: those that its package lists, else its index."""
    for text in package.extensions:
        yield _resolved(os.path.normpath(os.path.join(folder, text)))
    if not package.listed:
        index = next((path for name in _INDEX if is_file(path := os.path.join(folder, name))), None)
        if index is not None:
            yield index


def _resolved(path: str) -> str:
    """Return the file that a path in a package file means: without its suffix, of a folder, or compiled from it."""
    if is_file(path):
        return path
    stem, suffix = os.path.splitext(path)
    guesses = [stem + _SOURCES[suffix]] if suffix in _SOURCES else []
    guesses += [path + each for each in _NODE] + [os.path.join(path, each) for each in _INDEX]
    return next((each for each in guesses if is_file(each)), path)


def _entry_fault(file: str, plugin_id: str, *, python: bool) -> Diagnostic | None:
    """Tell that the file to load is not there, or is nothing that can be loaded."""
    language = _language(file)
    if language is None or (language == "python" and not python):
        return _error("plugin.unsupported-file", f"plugin file is not supported: {shown(file)}", plugin_id)
    if not is_file(file):
        return _error("plugin.path-not-found", f"plugin path not found: {shown(file)}", plugin_id)
    return None


def _of_package(point: EntryPoint, root: str) -> Candidate:
    entry = point.value
    if point.module is not None:
        entry = f"{point.module}:{point.function}" if point.function else point.module
    about = point.package, point.version, point.summary
    return Candidate("installed", root, entry, point.name, "python", *about)


def _with(read: ManifestFile, fault: Diagnostic | None) -> ManifestFile:
    return read if fault is None else replace(read, diagnostics=(*read.diagnostics, fault))


def _error(code: str, message: str, plugin_id: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code, message, owner=f"plugin:{plugin_id}", hint=hint)


def _missing(candidate: Candidate, plugin_id: str) -> Diagnostic:
    name = TOML_NAME if candidate.language == "python" else JSON_NAMES[0]
    message = f"plugin manifest not found: {shown(os.path.join(candidate.root, name))}"
    return _error("plugin.manifest-missing", message, plugin_id, "A plugin in a folder of its own has one there.")


def _no_entry(folder: str, plugin_id: str) -> Diagnostic:
    message = f"plugin has a manifest and no file to load: {shown(folder)}"
    hint = "Name it in package.json (openclaw.extensions), or call it index.ts."
    return _error("plugin.no-entry", message, plugin_id, hint)


def _mismatch(candidate: Candidate, manifest: Manifest, plugin_id: str) -> Diagnostic:
    message = f"plugin id mismatch (manifest uses {manifest.id}, its name suggests {shown(candidate.id_hint)})"
    return Diagnostic("plugin.id-mismatch", message, "warning", owner=f"plugin:{plugin_id}")


def _labelled(manifest: Manifest, candidate: Candidate) -> Manifest:
    """Return the manifest with what it does not say taken from the package."""
    if not (candidate.package_name or candidate.package_version or candidate.package_description):
        return manifest
    return replace(
        manifest,
        name=manifest.name or candidate.package_name,
        version=manifest.version or candidate.package_version,
        description=manifest.description or candidate.package_description,
    )
