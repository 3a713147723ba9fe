"""`jackfield plugins`: which there are, what they bring, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jackfield.cli import output
from jackfield.cli.shared import json_option, open_app
from jackfield.config.guard.doors import clean_note
from jackfield.errors import EXIT_FAILED, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.app import App
    from jackfield.diagnostics import Diagnostic
    from jackfield.plugins.found import FoundPlugin
    from jackfield.plugins.loader import LoadedPlugin
    from jackfield.providers.block import AuthMethod, Provider

_GATHER = {"version": "version {}", "from": "{}", "why": "{}"}


@click.group()
def plugins() -> None:
    """List plugins, see what they bring, allow and forbid them, begin a new one."""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    from jackfield.app import App

    with App() as app:
        return sorted(each.id for each in app.found_plugins[0] if each.id.startswith(incomplete.lower()))


_plugin_argument = click.argument("plugin_id", metavar="PLUGIN", shell_complete=_complete)


@plugins.command("list")
@json_option
def list_command(as_json: bool) -> int:
    """List every plugin in the plugins folder, in plugins.load.paths, installed, and in this workspace. Runs none.

    With --json: {plugins: [{id, name, version, description, language, origin, path, status, reason, providers}],
    diagnostics}; status is enabled, disabled, error, or unavailable where Node.js is missing. Exits with 1 when a
    plugin has an error.
    """
    app = open_app()
    found = app.found_plugins[0]
    # What the config says of plugins counts as unsaid where the config is broken.
    faults = (*app.config.errors, *app.found_plugins[1])
    if as_json:
        output.emit_json(
            {"plugins": [_facts(app, each) for each in found], "diagnostics": [each.to_dict() for each in faults]}
        )
        return _status_of(faults)
    if found:
        rows = []
        for each in found:
            facts = _facts(app, each)
            rows.append([facts[name] for name in ("id", "status", "providers", "version", "origin", "reason")])
        output.show_table(("plugin", "state", "providers", "version", "from", "why"), rows, gather=_GATHER)
    else:
        output.say(
            f"There is no plugin. Put plugins into {app.paths.plugins_dir}, or begin one: jackfield plugins new NAME"
        )
    output.show_diagnostics(app.config.errors, app.paths.config_file)
    _tell(app.found_plugins[1])
    return _status_of(faults)


@plugins.command()
@_plugin_argument
@json_option
def show(plugin_id: str, as_json: bool) -> int:
    """Show one plugin: where it is, and the providers and logins it brings. Loads it when it is enabled.

    With --json: as list, with {registered: [{id, label, aliases, env_vars, methods: [{id, choice, label, kind}]}],
    diagnostics}. Exits with 1 when it cannot be loaded.
    """
    app = open_app()
    plugin = _find(app, plugin_id)
    loaded = next((each for each in app.loaded_plugins if each.found is plugin), None)
    blocks = _entered(app, plugin) if loaded else []
    faults = _faults_of(app, plugin, loaded)
    registered = [
        {
            "id": each.id,
            "label": each.label,
            "aliases": list(each.aliases),
            "env_vars": list(each.env.any_of),
            "methods": [{"id": m.id, "choice": m.choice, "label": m.label, "kind": m.kind} for m in methods],
        }
        for each, methods in blocks
    ]
    if as_json:
        output.emit_json(
            {**_facts(app, plugin), "registered": registered, "diagnostics": [each.to_dict() for each in faults]}
        )
        return _status_of(faults)
    facts = _facts(app, plugin)
    rows = [(name, facts[name]) for name in ("id", "name", "version", "description", "language", "origin", "path")]
    rows.append(("state", _state(facts)))
    rows += [("provider", f"{each.label} ({each.id})") for each, _ in blocks]
    for each, methods in blocks:
        rows += [("login", f"{method.label}: jackfield login {each.id} --method {method.id}") for method in methods]
    output.show_table(("what", plugin.id), [row for row in rows if row[1] is not None])
    _tell(faults)
    return _status_of(faults)


@plugins.command()
@click.argument("plugin_ids", metavar="[PLUGIN]...", nargs=-1, shell_complete=_complete)
@json_option
def doctor(plugin_ids: tuple[str, ...], as_json: bool) -> int:
    """Start every enabled plugin anew, or those named, and tell what is wrong with them.

    With --json: {plugins: [{id, status, reason, loaded, providers, output, diagnostics}], diagnostics}; output is the
    end of what the plugin printed. Exits with 1 when there is an error.
    """
    app = open_app()
    wanted = {_find(app, each).id for each in plugin_ids} or {each.id for each in app.found_plugins[0]}
    progress = output.console(stderr=True)
    with progress.status("Starting plugins"):
        loaded = {each.found.candidate.entry: each for each in app.load_plugins()}
    shown = [each for each in app.found_plugins[0] if each.id in wanted]
    examined = [(each, loaded.get(each.candidate.entry)) for each in shown]
    faults = [_faults_of(app, *each) for each in examined]
    general = tuple(each for each in app.found_plugins[1] if each.owner is None)
    if as_json:
        output.emit_json(
            {
                "plugins": [_examined(app, *each, found) for each, found in zip(examined, faults, strict=True)],
                "diagnostics": [each.to_dict() for each in general],
            }
        )
    else:
        for each, found in zip(examined, faults, strict=True):
            _show_examined(app, *each, found)
        if not examined:
            output.say("There is no plugin.")
        _tell(general)
    return _status_of([*general, *(fault for each in faults for fault in each)])


@plugins.command()
@_plugin_argument
@json_option
def enable(plugin_id: str, as_json: bool) -> None:
    """Let a plugin be loaded, by plugins.entries in the config.

    With --json: {id, status, reason, changed}; changed is a list of config paths.
    """
    _switch(plugin_id, as_json, enabled=True)


@plugins.command()
@_plugin_argument
@json_option
def disable(plugin_id: str, as_json: bool) -> None:
    """Keep a plugin from being loaded, by plugins.entries in the config.

    With --json: {id, status, reason, changed}; changed is a list of config paths.
    """
    _switch(plugin_id, as_json, enabled=False)


def _switch(plugin_id: str, as_json: bool, *, enabled: bool) -> None:
    app = open_app()
    changed = app.switch_plugin(_find(app, plugin_id).id, enabled=enabled)
    plugin = _find(app, plugin_id)
    if as_json:
        facts, paths = _facts(app, plugin), [list(each) for each in changed]
        output.emit_json({**{name: facts[name] for name in ("id", "status", "reason")}, "changed": paths})
        return
    if not changed:
        output.say(f"{plugin.id} is {plugin.status} already.")
        return
    output.say(f"{plugin.id} is {_state(_facts(app, plugin))} now. Take it back with: jackfield config undo")


@plugins.command()
@click.argument("name")
@click.option(
    "--into",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the plugin's folder is made; the plugins folder without it.",
)
@json_option
def new(name: str, folder: Path | None, as_json: bool) -> None:
    """Begin a plugin: a working folder NAME with its manifest, its code, and its tests.

    With --json: {id, path, files}.
    """
    from jackfield.plugins.scaffold import new_plugin
    from jackfield.providers.views import auth_choices

    app = open_app()
    names = {each for entry in app.registry.snapshot() for each in entry.names}
    choices = {each.choice for each in auth_choices(app.registry.snapshot())}
    made = new_plugin(folder or app.paths.plugins_dir, name, taken=names | choices)
    files = sorted(str(each.relative_to(made)) for each in made.rglob("*") if each.is_file())
    if as_json:
        output.emit_json({"id": made.name, "path": str(made), "files": files})
        return
    output.say(f"Made {made}: {', '.join(files)}.")
    output.say(f"See it: jackfield plugins show {made.name}")
    output.say(f"Test it: pytest {made}")


def _find(app: App, plugin_id: str) -> FoundPlugin:
    from jackfield.ids import canonical_id, quoted
    from jackfield.table import nearest

    found = {each.id: each for each in app.found_plugins[0]}
    if canonical_id(plugin_id) in found:
        return found[canonical_id(plugin_id)]
    near = nearest(canonical_id(plugin_id), found)
    raise UnknownNameError(
        f"There is no plugin {quoted(plugin_id)}.",
        code="plugin.unknown",
        fix=f"Did you mean {' or '.join(near)}?" if near else "See: jackfield plugins list",
        suggestions=near,
    )


def _facts(app: App, plugin: FoundPlugin) -> dict[str, object]:
    manifest, candidate = plugin.manifest, plugin.candidate
    status, reason = app.plugin_state(plugin)
    return {
        "id": plugin.id,
        "name": manifest.name if manifest else candidate.package_name,
        "version": (manifest.version if manifest else None) or candidate.package_version,
        "description": (manifest.description if manifest else None) or candidate.package_description,
        "language": candidate.language,
        "origin": candidate.origin,
        "path": candidate.entry,
        "status": status,
        "reason": reason,
        "providers": [each.id for each in manifest.providers] if manifest else [],
    }


def _state(facts: dict[str, object]) -> str:
    return f"{facts['status']} ({facts['reason']})" if facts["reason"] else str(facts["status"])


def _entered(app: App, plugin: FoundPlugin) -> list[tuple[Provider, list[AuthMethod]]]:
    """Return the providers of a plugin that stand in the registry, each with the logins that it brings."""
    registry = app.registry  # which of them stand in it is known once it is built
    blocks = [registry.resolve_provider(each) for each in app.plugins.entered_by(plugin)]
    own = f"plugin:{plugin.id}"
    return [
        (
            block,
            [
                each
                for each in block.auth
                if registry.owner_of(block.id).name == own or each.runner.startswith(f"{own}/")
            ],
        )
        for block in blocks
    ]


def _examined(
    app: App, plugin: FoundPlugin, loaded: LoadedPlugin | None, faults: Sequence[Diagnostic]
) -> dict[str, object]:
    facts = _facts(app, plugin)
    return {
        **{name: facts[name] for name in ("id", "status", "reason")},
        "loaded": loaded is not None and not loaded.failed,
        "providers": list(app.plugins.entered_by(plugin)) if loaded else [],
        "output": loaded.output if loaded else "",
        "diagnostics": [each.to_dict() for each in faults],
    }


def _show_examined(app: App, plugin: FoundPlugin, loaded: LoadedPlugin | None, faults: Sequence[Diagnostic]) -> None:
    entered = app.plugins.entered_by(plugin) if loaded else ()
    if loaded is None or (loaded.failed and app.plugin_state(plugin)[0] == "unavailable"):
        state = _state(_facts(app, plugin))
    elif loaded.failed:
        state = "failed"
    elif entered:
        state = f"loaded, brings {', '.join(entered)}"
    else:
        state = "loaded, and what it brings was refused" if loaded.providers else "loaded, brings no provider"
    output.say(f"{plugin.id}: {state}")
    _tell(faults, in_doctor=True)
    if loaded is not None and loaded.output.strip():
        output.say("    It printed:")
        for line in clean_note(loaded.output).strip().splitlines()[-20:]:
            output.say(f"    | {line}")


def _faults_of(app: App, plugin: FoundPlugin, loaded: LoadedPlugin | None) -> tuple[Diagnostic, ...]:
    owner = f"plugin:{plugin.id}"
    own = (*loaded.diagnostics, *app.plugin_diagnostics, *app.registry.diagnostics()) if loaded else ()
    found = [*app.found_plugins[1], *own]
    return tuple(dict.fromkeys(each for each in found if each.owner == owner))


def _tell(faults: Sequence[Diagnostic], *, in_doctor: bool = False) -> None:
    """Print faults; the doctor does not send anybody to itself."""
    from jackfield.plugins.session import SEE_OUTPUT
    from jackfield.records import replace

    shown = [replace(each, hint=None) if in_doctor and each.hint == SEE_OUTPUT else each for each in faults]
    output.show_diagnostics(shown, "plugins")


def _status_of(faults: Sequence[Diagnostic]) -> int:
    return EXIT_FAILED if any(each.severity == "error" for each in faults) else 0
