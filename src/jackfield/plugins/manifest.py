"""Plugin manifests, read without running anything.

A folder's manifest is the first of these that is there: `openclaw.plugin.json`, `moltbot.plugin.json`,
`clawdbot.plugin.json` (what existing plugins have: JSON with `id` and `configSchema`), `jackfield.plugin.toml`, and the
table `tool.jackfield.plugin` of `pyproject.toml`. Existing manifests have many fields for other programs, so only what
is read of them is checked; in ours an unknown key is a slip of the pen, and told.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, get_args

from jackfield.ids import canonical_id, is_id, quoted, slug
from jackfield.plugins.fields import ID_HINT, Faults, Fields
from jackfield.plugins.found import Manifest, MethodInfo, ProviderInfo
from jackfield.plugins.reading import ReadError, parse_json, parse_toml, read_text, shown, stays_inside
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jackfield.diagnostics import Diagnostic

Path = tuple[str, ...]

JSON_NAMES = ("openclaw.plugin.json", "moltbot.plugin.json", "clawdbot.plugin.json")
TOML_NAME = "jackfield.plugin.toml"
PROJECT_NAME = "pyproject.toml"
PROJECT_TABLE = ("tool", "jackfield", "plugin")

_KEYS = (
    *("id", "name", "version", "description", "kind", "entry", "config_schema"),
    *("providers", "channels", "skills"),
)
_PROVIDER_KEYS = ("id", "label", "aliases", "env_vars", "auth")
_METHOD_KEYS = ("id", "choice", "label", "kind")
_FUNCTION = re.compile(r":([^:/\\]*)\Z")


@record
class ManifestFile:
    """What became of looking for a manifest.

    Attributes:
        id: the plugin's canonical id; where the manifest gives none, one made of the hint.
        source: the file; None when there is none.
        manifest: None when there is none that can be used.
        ours: it is of this program's own form, so `entry` and `function` count.
        entry: what is loaded, as a path below the folder; None where it does not say.
        function: what is called in it.
        diagnostics: everything that is wrong, owned by `plugin:<id>`.
    """

    id: str
    source: str | None = None
    manifest: Manifest | None = None
    ours: bool = False
    entry: str | None = None
    function: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def fault(self) -> str | None:
        """The first error; None when there is none."""
        return next((each.message for each in self.diagnostics if each.severity == "error"), None)


def read_manifest(folder: str, hint: str, within: str | None = None) -> ManifestFile:
    """Look for a manifest in `folder` and read it; never raises for what is there.

    Args:
        folder: the plugin's folder.
        hint: the id that the folder's name suggests.
        within: a folder, with links resolved, that the file must lie in.

    Returns:
        The manifest, or the errors that make it unusable: `plugin.unreadable`, `plugin.manifest-json` or `-toml`,
        `plugin.manifest-object`, `plugin.manifest-id`, `plugin.manifest-schema`, `plugin.manifest-entry`; beside it
        the warnings `plugin.manifest-field`, `plugin.manifest-unknown-key` and `plugin.manifest-duplicate-key`. That
        there is none is not an error here: `source` is None.
    """
    for name in (*JSON_NAMES, TOML_NAME, PROJECT_NAME):
        source = os.path.join(folder, name)  # noqa: PTH118 - tried by the thousand, and Path is slow
        reader = _Reader(source)
        try:
            text = read_text(source, within)
        except ReadError as error:
            if name == PROJECT_NAME:
                continue  # a project that cannot be read is not known to be a plugin
            reader.faults.add("plugin.unreadable", f"plugin manifest {error.message}: {shown(source)}")
            return reader.result(None, hint, ours=name == TOML_NAME)
        if text is None or (name == PROJECT_NAME and "jackfield" not in text):
            continue
        if name in JSON_NAMES:
            return reader.read_json(text, hint)
        found = reader.read_toml(text, hint, PROJECT_TABLE if name == PROJECT_NAME else ())
        if found is not None:
            return found
    return ManifestFile(usable_id(hint))


def usable_id(hint: str) -> str:
    """Return an id made of a name, for what has no id of its own."""
    plain = canonical_id(hint)
    return plain if is_id(plain) else slug(plain)[:64].strip("._-") or "unnamed"


class _Reader:
    """Reads one manifest."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.where = shown(source)
        self.faults = Faults(source)
        self.fields = Fields(self.faults)

    def result(
        self,
        manifest: Manifest | None,
        hint: str,
        *,
        ours: bool = False,
        entry: tuple[str | None, str | None] = (None, None),
    ) -> ManifestFile:
        plugin_id = canonical_id(manifest.id) if manifest else usable_id(hint)
        told = self.faults.told(f"plugin:{plugin_id}")
        usable = None if any(each.severity == "error" for each in told) else manifest
        return ManifestFile(plugin_id, self.source, usable, ours, *entry, diagnostics=told)

    def read_json(self, text: str, hint: str) -> ManifestFile:
        try:
            value, twice = parse_json(text)
        except ReadError as error:
            message = f"failed to parse plugin manifest: {error.message} ({self.where})"
            self.faults.add("plugin.manifest-json", message, at=error)
            return self.result(None, hint)
        if not isinstance(value, dict):
            message = f"plugin manifest must be an object: {self.where}"
            self.faults.add("plugin.manifest-object", message)
            return self.result(None, hint)
        for key in twice:
            message = f"the key {quoted(key)} stands twice in one object; the last one counts ({self.where})"
            self.faults.add("plugin.manifest-duplicate-key", message, severity="warning")
        plugin_id = self.plugin_id(value, ())
        schema = value.get("configSchema")
        if not isinstance(schema, dict):
            near = [key for key in value if key.replace("_", "").lower() == "configschema" and key != "configSchema"]
            other = (
                f"Write configSchema instead of {near[0]}." if near else 'Without settings it is {"type": "object"}.'
            )
            message = f"plugin manifest requires configSchema: {self.where}"
            self.faults.add("plugin.manifest-schema", message, ("configSchema",), hint=other)
        if plugin_id is None:
            return self.result(None, hint)
        return self.result(self.manifest(plugin_id, value, (), schema, tuple(self.foreign_providers(value))), hint)

    def read_toml(self, text: str, hint: str, path: Path) -> ManifestFile | None:
        """Read the table at `path`; None when there is no such table."""
        try:
            whole = parse_toml(text)
        except ReadError as error:
            if path and ".".join(path) not in text:
                return None  # somebody else's project
            message = f"failed to parse plugin manifest: {error.message} ({self.where})"
            self.faults.add("plugin.manifest-toml", message)
            return self.result(None, hint, ours=True)
        value: object = whole
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return None
        if not isinstance(value, dict):
            self.faults.add("plugin.manifest-object", f"plugin manifest must be a table: {self.where}", path)
            return self.result(None, hint, ours=True)
        return self.read_table(value, hint, path, whole.get("project") if path else None)

    def read_table(self, value: dict[str, object], hint: str, path: Path, project: object) -> ManifestFile:
        self.faults.unknown(value, _KEYS, path)
        if isinstance(project, dict):
            value = {key: project[key] for key in ("name", "version", "description") if key in project} | value
        plugin_id, entry = self.plugin_id(value, path), self.entry(value, path)
        schema = value.get("config_schema")
        fault = None if schema is None else _schema_fault(schema)
        if fault:
            message = f"config_schema {fault}: {self.where}"
            self.faults.add("plugin.manifest-schema", message, (*path, "config_schema"))
        providers = tuple(self.own_providers(value, path))
        manifest = self.manifest(plugin_id, value, path, schema, providers) if plugin_id is not None else None
        return self.result(manifest, hint, ours=True, entry=entry)

    def plugin_id(self, value: Mapping[str, object], path: Path) -> str | None:
        """Return the id as it is spelled, if it is one."""
        given = value.get("id")
        if not isinstance(given, str) or not given.strip():
            message = f"plugin manifest requires id: {self.where}"
        elif not is_id(canonical_id(given)):
            message = f"plugin manifest id {quoted(given)} is not a plugin id: {self.where}"
        else:
            return given.strip()
        self.faults.add("plugin.manifest-id", message, (*path, "id"), hint=ID_HINT)
        return None

    def entry(self, value: Mapping[str, object], path: Path) -> tuple[str | None, str | None]:
        """Return the path and the function that `entry` names."""
        given = value.get("entry")
        if given is None:
            return None, None
        if isinstance(given, str):
            call = _FUNCTION.search(given)
            file = given[: call.start()] if call else given
            if stays_inside(file) and (call is None or call[1].isidentifier()):
                return file, call[1] if call else None
        message = f"entry {quoted(given)} is not a file in the plugin's folder: {self.where}"
        hint = 'Write it as "plugin.py" or "plugin.py:function".'
        self.faults.add("plugin.manifest-entry", message, (*path, "entry"), hint=hint)
        return None, None

    def manifest(
        self,
        plugin_id: str,
        value: Mapping[str, object],
        path: Path,
        schema: object,
        providers: tuple[ProviderInfo, ...],
    ) -> Manifest:
        kind = value.get("kind")
        if isinstance(kind, list) and kind:
            value = {**value, "kind": kind[0]}  # newer manifests may list several
        text, texts = self.fields.text, self.fields.texts
        return Manifest(
            plugin_id,
            self.source,
            name=text(value, "name", path),
            version=text(value, "version", path),
            description=text(value, "description", path),
            kind=text(value, "kind", path),
            providers=providers,
            config_schema=schema if isinstance(schema, dict) else None,
            channels=texts(value, "channels", path),
            skills=texts(value, "skills", path),
        )

    def foreign_providers(self, value: Mapping[str, object]) -> Iterator[ProviderInfo]:
        """Yield what an existing manifest announces, over the several keys that tell of it."""
        fields = self.fields
        names = dict.fromkeys(fields.ids(value, "providers", ()))
        methods: dict[str, list[MethodInfo]] = {}
        for place, choice in fields.tables(value, "providerAuthChoices", ()):
            provider, method = fields.an_id(choice, "provider", place), fields.an_id(choice, "method", place)
            if provider is not None and method is not None:
                names.setdefault(provider)
                given = fields.text(choice, "choiceId", place), fields.text(choice, "choiceLabel", place)
                methods.setdefault(provider, []).append(MethodInfo(method, *given))
        variables = self.foreign_variables(value)
        for name in names:
            found = tuple(dict.fromkeys(variables.get(name, ())))
            yield ProviderInfo(name, env_vars=found, methods=tuple(methods.get(name, ())))

    def foreign_variables(self, value: Mapping[str, object]) -> dict[str, list[str]]:
        """Return environment variables by provider: `providerAuthEnvVars`, and in newer ones `setup.providers`."""
        fields = self.fields
        found: dict[str, list[str]] = {}
        where = ("providerAuthEnvVars",)
        listed = fields.table(value, *where, ())
        for name in listed:
            found.setdefault(canonical_id(name), []).extend(fields.variables(listed, name, where))
        for place, each in fields.tables(fields.table(value, "setup", ()), "providers", ("setup",)):
            provider = fields.an_id(each, "id", place)
            if provider is not None:
                found.setdefault(provider, []).extend(fields.variables(each, "envVars", place))
        return found

    def own_providers(self, value: Mapping[str, object], path: Path) -> Iterator[ProviderInfo]:
        """Yield what `[[providers]]` and `[[providers.auth]]` of our own form say."""
        fields = self.fields
        for place, each in fields.tables(value, "providers", path):
            self.faults.unknown(each, _PROVIDER_KEYS, place)
            provider = fields.an_id(each, "id", place)
            methods = tuple(self.own_methods(each, place))
            label, aliases = fields.text(each, "label", place), fields.ids(each, "aliases", place)
            variables = fields.variables(each, "env_vars", place)
            if provider is not None:
                yield ProviderInfo(provider, label, aliases, variables, methods)

    def own_methods(self, value: Mapping[str, object], path: Path) -> Iterator[MethodInfo]:
        from jackfield.providers.block import AuthKind

        fields = self.fields
        for place, each in fields.tables(value, "auth", path):
            self.faults.unknown(each, _METHOD_KEYS, place)
            method, kind = fields.an_id(each, "id", place), fields.text(each, "kind", place)
            choice, label = fields.text(each, "choice", place), fields.text(each, "label", place)
            if kind is not None and kind not in get_args(AuthKind):
                self.faults.warn(f"must be one of {', '.join(get_args(AuthKind))}", (*place, "kind"))
                kind = None
            if method is not None:
                yield MethodInfo(method, choice, label, kind)


def _schema_fault(schema: object) -> str | None:
    """Say what keeps a TOML value from being a JSON Schema; None when nothing does."""
    if not isinstance(schema, dict):
        return "must be a table"
    level: list[object] = [schema]
    while level:
        value = level.pop()
        if isinstance(value, dict):
            level.extend(value.values())
        elif isinstance(value, list):
            level.extend(value)
        elif isinstance(value, float) and value - value != 0.0:
            return "holds a number that is not finite"
        elif not isinstance(value, str | bool | int | float):
            return "holds a date or a time, which JSON does not have"
    return None
