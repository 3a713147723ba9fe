"""What `jackfield plugins new` writes: a plugin that works, with its manifest, its tests and a README.

The texts are files in `templates/`, with `$name` in the places that differ (`string.Template`).
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.errors import RequestError
from jackfield.ids import canonical_id, is_id, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

FILES = ("jackfield.plugin.toml", "plugin.py", "test_plugin.py", "README.md")
"""The files that a new plugin has."""

_TEMPLATES = Path(__file__).with_name("templates")
# Room for what is made of the id: the login choice and the model's id.
_MAX_ID = 48


def new_plugin(parent: Path, name: str, *, taken: Collection[str] = ()) -> Path:
    """Write a new plugin into the folder `parent` and return its own folder there.

    The folder appears whole or not at all, and one that is there already is left as it is.

    Args:
        parent: where plugins are; made when it is missing.
        name: the plugin's name, of which its id is made: `Acme AI` becomes `acme-ai`.
        taken: ids, aliases and login choices that other providers have.

    Raises:
        RequestError: `plugin.name` when no id can be made of the name, `plugin.name-taken` when another provider has
            it, `plugin.exists` when there is something of that name in the folder, `plugin.unwritable` when the
            folder cannot be written to.
    """
    plugin_id = plugin_id_of(name)
    values = _values(plugin_id, _label_of(name, plugin_id))
    for each in (plugin_id, values["choice"]):
        if each in taken:
            message = f"{each!r} is the name of a provider or of a login already."
            raise RequestError(message, code="plugin.name-taken", fix="Choose another name.")
    folder = parent / plugin_id
    try:
        if os.path.lexists(folder):
            raise RequestError(f"There is a {plugin_id!r} in {parent} already.", code="plugin.exists", fix=_OTHER)
        _write(folder, values)
    except OSError as error:
        message = f"The plugin cannot be written to {parent}: {error.strerror or type(error).__name__}."
        raise RequestError(message, code="plugin.unwritable", fix="Name a folder that you may write to.") from error
    return folder


_OTHER = "Choose another name, or another folder."


def plugin_id_of(name: str) -> str:
    """Return the id that is made of a plugin's name; raises `RequestError` (`plugin.name`) when none can be."""
    plugin_id = re.sub(r"[\s_]+", "-", canonical_id(name))
    if is_id(plugin_id) and len(plugin_id) <= _MAX_ID:
        return plugin_id
    message = f"{quoted(name)} is not a name that an id can be made of."
    fix = f"Take up to {_MAX_ID} of a-z, 0-9, dash and dot, with a letter or digit at both ends."
    raise RequestError(message, code="plugin.name", fix=fix)


def _label_of(name: str, plugin_id: str) -> str:
    """Return the name as people read it: as it was given, or with capitals when it was given as an id."""
    given = " ".join(name.split())
    return given if given != plugin_id else " ".join(part.capitalize() for part in re.split(r"[-.]+", plugin_id))


def _values(plugin_id: str, label: str) -> dict[str, str]:
    """Return what stands for each `$name` of the templates. An id's characters mean nothing in TOML or Python."""
    variable = re.sub(r"[^A-Z0-9]+", "_", plugin_id.upper())
    return {
        "id": plugin_id,
        "label": label,
        "choice": f"{plugin_id}-api-key",
        "host": plugin_id.replace(".", "-"),
        "variable": f"{variable if variable[0].isalpha() else '_' + variable}_API_KEY",
    }


def _write(folder: Path, values: dict[str, str]) -> None:
    """Write the files beside the place and move them there together."""
    import secrets
    from string import Template

    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    work.mkdir()
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, work, ignore_errors=True)
        for name in FILES:
            text = (_TEMPLATES / f"{name}.tmpl").read_text(encoding="utf-8")
            (work / name).write_text(Template(text).substitute(values), encoding="utf-8", newline="\n")
        work.rename(folder)
        undo.pop_all()
