"""Whether a plugin may be loaded: what the config says, in the order in which it counts, and how that is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.ids import canonical_id, is_id, quoted
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jackfield.config.settings import PluginEntry, PluginSettings
    from jackfield.plugins.found import FoundPlugin, Origin, Status

Path = tuple[str, ...]

IN_WORKSPACE = "in the workspace, not loaded unasked"
_LOAD_IT = "Name its path in plugins.load.paths to have it loaded."


def enable_state(settings: PluginSettings, origin: Origin, plugin_id: str) -> tuple[Status, str | None]:
    """Return whether a plugin may be loaded, and why not; the first of these that applies counts.

    The workspace brings nothing that is loaded; `plugins.enabled` is false; the id is in `deny`; `allow` has ids, and
    this is none of them; its entry says. Otherwise it may. Ids are compared trimmed and lower-cased.
    """
    if origin == "workspace":
        return "disabled", IN_WORKSPACE
    if not settings.enabled:
        return "disabled", "plugins disabled"
    if _holds(settings.deny, plugin_id):
        return "disabled", "blocked by denylist"
    if settings.allow and not _holds(settings.allow, plugin_id):
        return "disabled", "not in allowlist"
    entry = plugin_entry(settings, plugin_id)
    if entry is not None and entry.enabled is False:
        return "disabled", "disabled in config"
    return "enabled", None


def plugin_entry(settings: PluginSettings, plugin_id: str) -> PluginEntry | None:
    """Return what the config says of one plugin (`plugins.entries.<id>`), whatever the letter case of its key.

    Of several keys that mean the same id, the one in canonical spelling counts, else the first.
    """
    wanted = canonical_id(plugin_id)
    same = [each for each in settings.entries if canonical_id(each.id) == wanted]
    return next((each for each in same if each.id == wanted), same[0] if same else None)


def config_diagnostics(settings: PluginSettings, found: Iterable[FoundPlugin]) -> tuple[Diagnostic, ...]:
    """Return a warning for each id in the config that no plugin has, or only one in the workspace.

    The codes are `plugin.unknown-id` and `plugin.in-workspace`; one for each id, at the first place that names it.
    """
    outside, everywhere = set(), set()
    for each in found:
        everywhere.add(each.id)
        if each.candidate.origin != "workspace":
            outside.add(each.id)
    told: list[Diagnostic] = []
    seen: set[str] = set()
    for name, path, wants in _named(settings):
        plugin_id = canonical_id(name)
        if plugin_id in seen or plugin_id in outside:
            continue
        seen.add(plugin_id)
        if plugin_id not in everywhere:
            told.append(_unknown(name, path, sorted(outside)))
        elif wants:
            message = f"plugin {quoted(name)} is {IN_WORKSPACE}"
            told.append(Diagnostic("plugin.in-workspace", message, "warning", path, "config", _LOAD_IT))
    return tuple(told)


def _named(settings: PluginSettings) -> Iterator[tuple[str, Path, bool]]:
    """Yield each id in the config, where it stands, and whether that asks for the plugin to be loaded."""
    for entry in settings.entries:
        yield entry.id, ("plugins", "entries", entry.id), entry.enabled is not False
    for name in settings.allow:
        yield name, ("plugins", "allow"), True
    for name in settings.deny:
        yield name, ("plugins", "deny"), False


def _unknown(name: str, path: Path, known: list[str]) -> Diagnostic:
    near = nearest(canonical_id(name), known, 1)
    hint = f"Did you mean {near[0]}?" if near else "Install it, or remove it from the config."
    return Diagnostic("plugin.unknown-id", f"plugin not found: {quoted(name)}", "warning", path, "config", hint)


def enable_change(
    settings: PluginSettings, plugin_id: str, enabled: bool, *, undeny: bool = False
) -> list[tuple[Path, object]]:
    """Return what has to change in the config so that a plugin may be loaded, or may no longer be.

    Its entry's `enabled` is set; where there is an allow list, the id joins it. What is so already is not changed.

    Args:
        settings: what the config says now.
        plugin_id: the id; its letter case does not matter.
        enabled: whether it may be loaded.
        undeny: take it off the deny list too.

    Returns:
        (path, value) pairs; None as value removes the leaf.

    Raises:
        RequestError: `plugin.not-an-id`; `plugin.off` when `plugins.enabled` is false, and `plugin.denied` when it is
            on the deny list and `undeny` is not given, both told by the diagnostics too. Only enabling meets these.
    """
    wanted = canonical_id(plugin_id)
    if not is_id(wanted):
        message = f"{quoted(plugin_id)} is not a plugin id."
        raise RequestError(message, code="plugin.not-an-id", fix="Use 1 to 64 of a-z 0-9 . _ - in it.")
    entry = plugin_entry(settings, wanted)
    changes: list[tuple[Path, object]] = []
    if entry is None or entry.enabled is not enabled:
        changes.append((("plugins", "entries", entry.id if entry else wanted, "enabled"), enabled))
    if not enabled:
        return changes
    _refuse_if_barred(settings, wanted, undeny=undeny)
    if settings.allow and not _holds(settings.allow, wanted):
        changes.append((("plugins", "allow"), [*settings.allow, wanted]))
    if _holds(settings.deny, wanted):
        left = [each for each in settings.deny if canonical_id(each) != wanted]
        changes.append((("plugins", "deny"), left or None))
    return changes


def _refuse_if_barred(settings: PluginSettings, plugin_id: str, *, undeny: bool) -> None:
    faults: list[Diagnostic] = []
    if not settings.enabled:
        hint = "Set plugins.enabled to true, or remove it."
        faults.append(Diagnostic("plugin.off", "plugins disabled", path=("plugins", "enabled"), hint=hint))
    if _holds(settings.deny, plugin_id) and not undeny:
        hint = f"Remove {plugin_id} from plugins.deny."
        faults.append(Diagnostic("plugin.denied", "blocked by denylist", path=("plugins", "deny"), hint=hint))
    if faults:
        why = " and ".join(fault.message for fault in faults)
        message = f"{plugin_id} cannot be enabled: {why}."
        fix = " ".join(fault.hint or "" for fault in faults)
        raise RequestError(message, code=faults[0].code, fix=fix, diagnostics=faults)


def _holds(names: Iterable[str], plugin_id: str) -> bool:
    return any(canonical_id(each) == plugin_id for each in names)
