"""What is known of a plugin before any of its code runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

Origin = Literal["config", "workspace", "global", "installed"]
"""Where a plugin comes from: named in the config, in the user's own folder, a Python package, or the workspace."""

Language = Literal["node", "python"]

Status = Literal["enabled", "disabled", "error"]


@record
class Candidate:
    """One thing that may be a plugin; nothing of it was run.

    Attributes:
        origin: where it was found.
        root: the plugin's folder; of a single file, the folder that holds it.
        entry: what is loaded. A path; of Python also `path:function`; of an installed package `module` or
            `module:function`.
        id_hint: the id that its name suggests.
        language: what runs it.
        package_name, package_version, package_description: what its package says of itself.
    """

    origin: Origin
    root: str
    entry: str
    id_hint: str
    language: Language
    package_name: str | None = None
    package_version: str | None = None
    package_description: str | None = None


@record
class MethodInfo:
    """A way to log in, as a manifest announces it; `choice` is its name on the command line."""

    id: str
    choice: str | None = None
    label: str | None = None
    kind: str | None = None


@record
class ProviderInfo:
    """A provider, as a manifest announces it. What counts is what the plugin registers."""

    id: str
    label: str | None = None
    aliases: tuple[str, ...] = ()
    env_vars: tuple[str, ...] = ()
    methods: tuple[MethodInfo, ...] = ()


@record
class Manifest:
    """What a plugin's manifest says; texts are trimmed, on one line, and printable.

    Attributes:
        id: the id as the manifest spells it.
        source: the path of the file.
        name, version, description: from the package where the manifest does not say.
        kind: a kind of plugin that other programs know, such as `memory`.
        providers: what it will register.
        config_schema: the JSON Schema of `plugins.entries.<id>.config`; None when it takes no config.
        channels, skills: what it brings for other programs.
    """

    id: str
    source: str
    name: str | None = None
    version: str | None = None
    description: str | None = None
    kind: str | None = None
    providers: tuple[ProviderInfo, ...] = ()
    config_schema: Mapping[str, object] | None = None
    channels: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()


@record
class FoundPlugin:
    """A plugin that was found, and whether it may be loaded.

    Attributes:
        id: canonical; of one whose manifest cannot be used, what its name suggests.
        candidate: where it is.
        manifest: None when it cannot be used, and for a single Python file, which needs none.
        status: `enabled` ones may be loaded, `error` ones cannot be.
        reason: why it is not enabled.
    """

    id: str
    candidate: Candidate
    manifest: Manifest | None
    status: Status
    reason: str | None = None
