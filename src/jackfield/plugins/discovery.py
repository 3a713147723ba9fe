"""What plugins there are: looked for in folders and among installed packages, and listed without running any code.

Four origins, first come first served: what the config names (`plugins.load.paths`), the user's own folder, installed
Python packages, and the workspace. In a folder of plugins each is a file or a folder, one level deep:

- a folder with `package.json` whose `openclaw`, `moltbot` or `clawdbot` lists `extensions`, or with `index.ts`,
  `index.js`, `index.mjs` or `index.cjs`: a plugin for Node;
- a folder with `jackfield.plugin.toml`, or `pyproject.toml` with a table `tool.jackfield.plugin`: its `entry`;
- a file `.ts .js .mts .cts .mjs .cjs`, whose manifest stands beside it, or `.py`, which needs none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic
from jackfield.plugins.found import FoundPlugin
from jackfield.plugins.reading import real, shown
from jackfield.plugins.scan import Scan
from jackfield.plugins.states import config_diagnostics, enable_state
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jackfield.config.settings import PluginSettings
    from jackfield.plugins.found import Candidate
    from jackfield.plugins.scan import Sighting


def find_plugins(
    settings: PluginSettings,
    plugins_dir: Path,
    *,
    base: Path,
    workspace: Path | None = None,
    installed: bool = True,
    home: Path | None = None,
    search_path: Sequence[str] | None = None,
) -> tuple[tuple[FoundPlugin, ...], tuple[Diagnostic, ...]]:
    """Return every plugin there is, in the order of precedence, and what is wrong with them; runs none of their code.

    Of several with one id the first counts, even if it is disabled; one in the workspace never does.

    Args:
        settings: what the config says about plugins.
        plugins_dir: the user's own plugins; need not be there.
        base: the folder that relative paths in the config start from: the config file's.
        workspace: the folder that the user works in; None looks into none.
        installed: whether installed Python packages are looked for.
        home: what `~` means; None for the home folder of this process's user.
        search_path: where packages are installed; None for this process's own path.

    Returns:
        The plugins, and the diagnostics `plugin.*`, each owned by `plugin:<id>` or `config`. Nothing that is found
        raises. What is wrong in the workspace has severity `info`: nothing there is loaded.
    """
    scan = Scan()
    for text in settings.paths:
        scan.named_path(text, base, home)
    scan.folder(str(plugins_dir), "global")
    if installed:
        scan.packages(_outside(workspace, sys.path if search_path is None else search_path))
    if workspace is not None:
        scan.workspace(str(workspace))
    found, told = _judge(scan.sightings, settings)
    # Files that one manifest speaks for are told of its faults once.
    return found, tuple(dict.fromkeys((*scan.diagnostics, *told, *config_diagnostics(settings, found))))


def _outside(workspace: Path | None, search_path: Iterable[str]) -> list[str]:
    """Leave out the workspace, which is on Python's path when a module is run in it: nothing there is installed."""
    if workspace is None:
        return list(search_path)
    root = real(str(workspace))
    return [each for each in search_path if real(each) != root]


def _judge(
    sightings: Iterable[Sighting], settings: PluginSettings
) -> tuple[tuple[FoundPlugin, ...], tuple[Diagnostic, ...]]:
    """Say of each sighting whether it may be loaded."""
    taken: dict[str, Candidate] = {}
    found: list[FoundPlugin] = []
    told: list[Diagnostic] = []
    for each in sightings:
        candidate, diagnostics = each.candidate, each.diagnostics
        status, reason = enable_state(settings, candidate.origin, each.id)
        if each.fault is not None:
            status, reason = "error", each.fault
        if candidate.origin == "workspace":
            diagnostics = tuple(replace(fault, severity="info") for fault in diagnostics)
        elif each.fault is None or each.manifest is not None:
            # Of what has no usable manifest the id is a guess, which takes nobody's place.
            first = taken.setdefault(each.id, candidate)
            if first is not candidate:
                status, reason = "disabled", f"overridden by {first.origin} plugin"
                diagnostics = (*diagnostics, _duplicate(each, first))
        found.append(FoundPlugin(each.id, candidate, each.manifest, status, reason))
        told += diagnostics
    return tuple(found), tuple(told)


def _duplicate(later: Sighting, first: Candidate) -> Diagnostic:
    message = f"duplicate plugin id {later.id}: {shown(later.candidate.entry)} is passed over for {shown(first.entry)}"
    hint = "Remove one of them, or give it another id."
    if first.root == later.candidate.root:
        hint = "A package may list several extensions; the first alone is loaded."
    return Diagnostic("plugin.duplicate-id", message, "warning", owner=f"plugin:{later.id}", hint=hint)
