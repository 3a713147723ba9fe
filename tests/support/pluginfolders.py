"""Folders of plugins for tests. Each one's code writes a file when it runs, so that a test can tell that none did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jackfield.config.settings import PluginEntry, PluginSettings
from jackfield.plugins.discovery import find_plugins

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.diagnostics import Diagnostic
    from jackfield.plugins.found import FoundPlugin

SCHEMA = {"type": "object", "additionalProperties": False, "properties": {}}


def write(folder: Path, files: dict[str, str | bytes | dict[str, Any]]) -> Path:
    """Write files below `folder`, making what is missing; a dict is written as JSON. Return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content) if isinstance(content, dict) else content, encoding="utf-8")
    return folder


def node_code(marker: Path) -> str:
    """Return a TypeScript module that writes `marker` when it is imported."""
    return f'import {{ writeFileSync }} from "node:fs";\nwriteFileSync({json.dumps(str(marker))}, "ran");\n'


def python_code(marker: Path) -> str:
    """Return a Python module that writes `marker` when it is imported."""
    return f"open({str(marker)!r}, 'w').close()\n\n\ndef register(api):\n    pass\n"


def node_plugin(folder: Path, plugin_id: str, **more: Any) -> Path:
    """Write a plugin for Node: manifest and index.ts."""
    manifest = {"id": plugin_id, "configSchema": SCHEMA, **more}
    return write(folder, {"openclaw.plugin.json": manifest, "index.ts": node_code(folder / "ran")})


def python_plugin(folder: Path, plugin_id: str, more: str = "") -> Path:
    """Write a plugin in Python: manifest and plugin.py."""
    manifest = f'id = "{plugin_id}"\n{more}'
    return write(folder, {"jackfield.plugin.toml": manifest, "plugin.py": python_code(folder / "ran")})


def package(site: Path, name: str, points: str, files: dict[str, str | bytes | dict[str, Any]]) -> Path:
    """Install a Python package by hand: its files and its metadata, with `points` as the text of entry_points.txt."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\nSummary: About {name}\n\nLong: text\n"
    info = f"{name.replace('-', '_')}-1.2.3.dist-info"
    return write(site, {f"{info}/METADATA": metadata, f"{info}/entry_points.txt": points, **files})


class House:
    """A user's folders: config, own plugins, workspace, and a search path for packages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "config"
        self.plugins = root / "home" / "plugins"
        self.workspace = root / "project"
        self.site = root / "site"
        for folder in (self.config, self.plugins, self.workspace, self.site):
            folder.mkdir(parents=True)

    def find(
        self, *paths: str, entries: dict[str, bool | None] | None = None, **settings: Any
    ) -> tuple[tuple[FoundPlugin, ...], tuple[Diagnostic, ...]]:
        """List the plugins, with `paths` as `plugins.load.paths` and `entries` as ids with their `enabled`."""
        said = tuple(PluginEntry(name, enabled) for name, enabled in (entries or {}).items())
        return find_plugins(
            PluginSettings(paths=paths, entries=said, **settings),
            self.plugins,
            base=self.config,
            workspace=self.workspace,
            home=self.root / "home",
            search_path=[str(self.site)],
        )

    def ids(self, *paths: str, **settings: Any) -> list[tuple[str, str, str]]:
        """Return (id, origin, status) of each plugin."""
        return [(each.id, each.candidate.origin, each.status) for each in self.find(*paths, **settings)[0]]

    def ran(self) -> list[Path]:
        """Return the files that plugins wrote."""
        return sorted(self.root.rglob("ran"))


def told(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[str, str, str | None]]:
    """Return (code, severity, owner) of each diagnostic."""
    return [(each.code, each.severity, each.owner) for each in diagnostics]
