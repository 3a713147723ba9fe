"""What plugins registered the last time they were loaded, so that asking again starts no process.

An entry counts as long as nothing has changed that it depends on: the plugin's files, its config, and the program that
runs it. A failure is kept for a while only, so that a plugin that hangs does not hang every command.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield._files import atomic_write, ensure_private_dir
from jackfield.diagnostics import Diagnostic
from jackfield.plugins.session import LoadResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jackfield.plugins.found import FoundPlugin

FORMAT = 1
FAILURE_KEPT_MS = 10 * 60 * 1_000
MAX_FILES = 5_000
"""How many files of a plugin are looked at; of a larger one the rest counts as unchanged."""
MAX_BYTES = 8 * 1024 * 1024

_PASSED_OVER = frozenset({"node_modules", "__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache"})
_SOURCES = (".ts", ".js", ".mts", ".mjs", ".cts", ".cjs", ".json", ".py", ".toml")


class PluginCache:
    """Keeps one file for each plugin in `folder`; a file that cannot be read or written counts as absent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, plugin_id: str, key: str, now: int) -> Mapping[str, object] | None:
        """Return what was put under `key`; None when it is not there, or kept until a time before `now` (ms)."""
        try:
            path = self._path(plugin_id)
            if path.stat().st_size > MAX_BYTES:
                return None
            entry = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(entry, dict) or entry.get("key") != key:
            return None
        value, until = entry.get("value"), entry.get("until")
        if not isinstance(value, dict) or (until is not None and not (isinstance(until, int) and now < until)):
            return None
        return value

    def put(self, plugin_id: str, key: str, value: Mapping[str, object], until: int | None = None) -> None:
        """Keep `value` (JSON-ready) under `key`, for ever or `until` a time in ms; only the last one is kept."""
        try:
            data = json.dumps({"key": key, "until": until, "value": value}, separators=(",", ":")).encode()
            if len(data) <= MAX_BYTES:
                ensure_private_dir(self._folder)
                atomic_write(self._path(plugin_id), data)
        except (OSError, ValueError):
            return

    def forget(self, plugin_id: str) -> None:
        """Remove what was kept of one plugin."""
        try:
            self._path(plugin_id).unlink(missing_ok=True)
        except OSError:
            return

    def _path(self, plugin_id: str) -> Path:
        return self._folder / f"{plugin_id}.json"


def fingerprint(plugin: FoundPlugin, runtime: str, config: Mapping[str, object] | None) -> str:
    """Return a text that differs when the plugin's files (by size and time), its config or its runtime differ."""
    seen = hashlib.sha256()
    parts = [str(FORMAT), runtime, plugin.candidate.entry, json.dumps(config, sort_keys=True, default=str)]
    for name, size, changed in _stats(plugin):
        parts.append(f"{name}\0{size}\0{changed}")
    seen.update("\n".join(parts).encode(errors="surrogatepass"))
    return seen.hexdigest()


def _stats(plugin: FoundPlugin) -> Iterator[tuple[str, int, int]]:
    root, left = Path(plugin.candidate.root), MAX_FILES
    # A single file stands in a folder with others: only its own neighbours belong to it, not their folders.
    whole = plugin.manifest is not None
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if each not in _PASSED_OVER and not each.startswith(".")) * whole
        for name in sorted(files):
            if name.endswith(_SOURCES):
                left -= 1
                if left < 0:
                    return
                path = os.path.join(folder, name)  # noqa: PTH118 - many files, and Path is slow
                try:
                    found = os.stat(path)  # noqa: PTH116
                except OSError:
                    continue
                yield os.path.relpath(path, root), found.st_size, found.st_mtime_ns


def to_plain(result: LoadResult) -> dict[str, object]:
    """Return what a plugin registered as JSON-ready values."""
    return {
        "providers": list(result.providers),
        "other": [dict(each) for each in result.other],
        "diagnostics": [
            {"code": each.code, "message": each.message, "severity": each.severity, "owner": each.owner}
            for each in result.diagnostics
        ],
        "export_id": result.export_id,
        "export_kind": result.export_kind,
    }


def from_plain(value: Mapping[str, object]) -> LoadResult | None:
    """Return what `to_plain` was given, None when `value` is not what it returned."""
    try:
        providers, other, diagnostics = (value[name] for name in ("providers", "other", "diagnostics"))
        if not (isinstance(providers, list) and isinstance(other, list) and isinstance(diagnostics, list)):
            return None
        return LoadResult(
            tuple(providers),
            tuple(other),
            tuple(Diagnostic(**each) for each in diagnostics),
            _text(value.get("export_id")),
            _text(value.get("export_kind")),
        )
    except (KeyError, TypeError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
