"""What listing plugins costs: 100 folders with manifests, as ratios to reading the same manifests and nothing else.

Run it with `python -m bench.plugin_list`. It also shows that no code of a plugin runs: each would write a file.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench._measure import MILLISECOND, in_unit, interleaved, processes, python, show, show_ratio

from jackfield.config.settings import PluginSettings
from jackfield.plugins.discovery import find_plugins
from jackfield.plugins.installed import GROUP, entry_points

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 100
ROUNDS = 25
PROCESS_ROUNDS = 7
LIST_GOAL_S = 30 * MILLISECOND
SCAN_GOAL = 0.5

SCHEMA = {"type": "object", "additionalProperties": False, "properties": {"region": {"type": "string"}}}


def node_plugin(folder: Path, name: str, marker: Path) -> Path:
    """Write a plugin for Node that writes `marker` when it is run; return its manifest."""
    folder.mkdir(parents=True)
    manifest = {
        "id": name,
        "name": f"Plugin {name}",
        "providers": [f"{name}-ai"],
        "providerAuthEnvVars": {f"{name}-ai": [f"{name.upper().replace('-', '_')}_KEY"]},
        "providerAuthChoices": [{"provider": f"{name}-ai", "method": "oauth", "choiceId": f"{name}-oauth"}],
        "configSchema": SCHEMA,
    }
    (folder / "openclaw.plugin.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    package = {"name": f"@acme/{name}", "version": "1.0.0", "openclaw": {"extensions": ["./index.ts"]}}
    (folder / "package.json").write_text(json.dumps(package, indent=2), encoding="utf-8")
    source = f'import {{ writeFileSync }} from "node:fs";\nwriteFileSync({json.dumps(str(marker))}, "run");\n'
    (folder / "index.ts").write_text(source, encoding="utf-8")
    return folder / "openclaw.plugin.json"


def python_plugin(folder: Path, name: str, marker: Path) -> Path:
    """Write a plugin in Python that writes `marker` when it is run; return its manifest."""
    folder.mkdir(parents=True)
    manifest = folder / "jackfield.plugin.toml"
    manifest.write_text(
        f'id = "{name}"\nname = "Plugin {name}"\nversion = "1.0.0"\nentry = "plugin.py"\n'
        f'[[providers]]\nid = "{name}-ai"\nlabel = "{name}"\naliases = ["{name}-alias"]\nenv_vars = ["KEY_1"]\n'
        f'[[providers.auth]]\nid = "api-key"\nchoice = "{name}-api-key"\nlabel = "Key"\nkind = "api_key"\n',
        encoding="utf-8",
    )
    (folder / "plugin.py").write_text(f"open({str(marker)!r}, 'w').close()\n", encoding="utf-8")
    return manifest


def listing(plugins_dir: Path, *, installed: bool = False) -> Callable[[], object]:
    settings = PluginSettings()
    return lambda: find_plugins(settings, plugins_dir, base=plugins_dir, installed=installed)


def show_folders(folder: Path) -> None:
    """Measure a folder of 100 plugins of each form against reading and parsing its manifests."""
    import tomllib

    marker = folder / "run"
    for form, write, parse in (("Node", node_plugin, json.loads), ("Python", python_plugin, tomllib.loads)):
        home = folder / form
        manifests = [write(home / f"acme-{n}", f"acme-{n}", marker) for n in range(COUNT)]

        def bare(manifests: list[Path] = manifests, parse: Callable[[str], object] = parse) -> None:
            for path in manifests:
                parse(path.read_text(encoding="utf-8"))

        found, told = find_plugins(PluginSettings(), home, base=home, installed=False)
        if len(found) != COUNT or told or any(each.status != "enabled" for each in found):
            raise SystemExit(f"{len(found)} of {COUNT} plugins found: {told}")
        spent = interleaved({"list": listing(home), "bare": bare}, ROUNDS)
        raw = (
            f"{in_unit(spent['list'], MILLISECOND)}, reading the manifests alone {in_unit(spent['bare'], MILLISECOND)}"
        )
        goal = f"<= {in_unit(LIST_GOAL_S, MILLISECOND)}"
        show(f"list {COUNT} {form} plugins, over their manifests", f"{spent['list'] / spent['bare']:.2f}x", goal, raw)
    if marker.exists():
        raise SystemExit("listing ran the code of a plugin")


def show_installed() -> None:
    """Measure the search for installed plugins against that of the standard library, in fresh interpreters."""
    runs = {
        "ours": lambda: list(entry_points(sys.path)),
        "library": lambda: importlib.metadata.entry_points(group=GROUP),
    }
    spent = interleaved(runs, ROUNDS)
    name = "entry points, over importlib.metadata"
    show_ratio(name, spent["ours"], spent["library"], MILLISECOND, SCAN_GOAL, of="importlib.metadata")
    ours = "import sys; from jackfield.plugins.installed import entry_points; list(entry_points(sys.path))"
    library = f"import importlib.metadata; importlib.metadata.entry_points(group={GROUP!r})"
    whole = processes({"ours": python(ours), "library": python(library), "bare": python("pass")}, PROCESS_ROUNDS)
    bare = whole["bare"]
    name = "the same in a fresh process, both without bare Python"
    show_ratio(name, whole["ours"] - bare, whole["library"] - bare, MILLISECOND, 1.0, of="importlib.metadata")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        show_folders(Path(folder))
    show_installed()


if __name__ == "__main__":
    main()
