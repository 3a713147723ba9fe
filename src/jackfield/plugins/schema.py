"""Checks what the config hands to a plugin (`plugins.entries.<id>.config`) against the schema in its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from jackfield.config.values import plain_object
from jackfield.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.plugins.found import FoundPlugin

# Schemas of these fields alone take an empty config, so the validator (a third of a second to import) is not needed.
_TAKES_EMPTY = frozenset({"$schema", "$id", "title", "description", "type", "properties", "additionalProperties"})
_FAULTS_MAX = 20


def config_faults(plugin: FoundPlugin, config: Mapping[str, object] | None) -> tuple[Diagnostic, ...]:
    """Return one `plugin.bad-config` for each fault of a plugin's config; no config is checked as an empty one.

    The schema is JSON Schema as its `$schema` says (2020-12 without one). References to other documents are not
    followed. A schema that is none is `plugin.manifest-schema`.
    """
    schema = plugin.manifest.config_schema if plugin.manifest else None
    if schema is None:
        if not config:
            return ()
        message = f"{plugin.id} takes no config, and plugins.entries.{plugin.id}.config holds some."
        return (_fault(plugin, "plugin.bad-config", message, ()),)
    if not config and schema.get("type", "object") == "object" and _TAKES_EMPTY.issuperset(schema):
        return ()
    return _validate(plugin, plain_object(schema), plain_object(config or {}))


def _validate(plugin: FoundPlugin, schema: dict[str, object], config: dict[str, object]) -> tuple[Diagnostic, ...]:
    import jsonschema
    import referencing
    import referencing.exceptions

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        # A registry of its own: the default one would fetch what a `$ref` names.
        checker = kind(schema, registry=referencing.Registry())
        faults = sorted(
            checker.iter_errors(cast("Any", config)), key=lambda each: [str(key) for key in each.absolute_path]
        )
    except (
        jsonschema.SchemaError,
        referencing.exceptions.Unresolvable,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        # What the schema holds is the plugin's: its words may be anything, so only the kind of fault is told.
        message = f"The config schema of {plugin.id} is not a JSON Schema that can be used ({type(error).__name__})."
        return (_fault(plugin, "plugin.manifest-schema", message, ()),)
    return tuple(
        # The validator's own message repeats the value, which may be a secret.
        _fault(
            plugin,
            "plugin.bad-config",
            f"The config of {plugin.id} is wrong: {_where(each.absolute_path)} does not fit `{each.validator}`.",
            tuple(str(key) for key in each.absolute_path),
        )
        for each in faults[:_FAULTS_MAX]
    )


def _where(path: object) -> str:
    keys = [str(key) for key in path] if hasattr(path, "__iter__") else []
    return ".".join(keys) or "the whole"


def _fault(plugin: FoundPlugin, code: str, message: str, path: tuple[str, ...]) -> Diagnostic:
    where = ("plugins", "entries", plugin.id, "config", *path)
    hint = "Correct it in the config; the plugin's manifest tells what it takes."
    return Diagnostic(code, message, "error", where, f"plugin:{plugin.id}", hint)
