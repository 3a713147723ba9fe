"""What the `package.json` of a plugin's folder says: the package, and the files in it that are plugins."""

from __future__ import annotations

import os

from jackfield.diagnostics import Diagnostic
from jackfield.ids import quoted
from jackfield.plugins.reading import ReadError, one_line, parse_json, read_text, shown, stays_inside
from jackfield.records import record

FILE_NAME = "package.json"
KEYS = ("openclaw", "moltbot", "clawdbot")
"""The first of these that is an object with `extensions` counts."""


@record
class PackageFile:
    """What a package file says; everything is absent when there is none.

    Attributes:
        name: the package's name without its scope.
        about: its whole name, version and description.
        listed: it lists extensions, usable ones or not.
        extensions: the paths it lists, below the folder.
        diagnostics: what is wrong with it, without an owner.
    """

    name: str | None = None
    about: tuple[str | None, str | None, str | None] = (None, None, None)
    listed: bool = False
    extensions: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def read_package(folder: str, within: str | None = None) -> PackageFile:
    """Read the package file of `folder`; never raises for what is there.

    Args:
        folder: the plugin's folder.
        within: a folder, with links resolved, that the file must lie in.

    Returns:
        The file's content; its diagnostics are `plugin.unreadable` (a warning: it counts as absent) and
        `plugin.outside` (an error: an extension that is not in the folder is passed over).
    """
    source = os.path.join(folder, FILE_NAME)  # noqa: PTH118 - tried for each folder, and Path is slow
    try:
        text = read_text(source, within)
        value = parse_json(text)[0] if text is not None else {}
    except ReadError as error:
        message = f"package file is passed over: {error.message} ({shown(source)})"
        told = Diagnostic("plugin.unreadable", message, "warning", line=error.line, column=error.column)
        return PackageFile(diagnostics=(told,))
    if not isinstance(value, dict):
        return PackageFile()
    name = _text(value.get("name"))
    about = name, _text(value.get("version")), _text(value.get("description"))
    unscoped = name.rpartition("/")[2] if name else None
    for key in KEYS:
        block = value.get(key)
        listed = block.get("extensions") if isinstance(block, dict) else None
        if isinstance(listed, list) and listed:
            extensions, faults = _extensions(listed, (key, "extensions"), source)
            return PackageFile(unscoped or None, about, True, extensions, faults)
    return PackageFile(unscoped or None, about)


def _text(value: object) -> str | None:
    return one_line(value) or None if isinstance(value, str) else None


def _extensions(
    listed: list[object], path: tuple[str, ...], source: str
) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
    found: list[str] = []
    faults: list[Diagnostic] = []
    for place, each in enumerate(listed):
        text = each.strip() if isinstance(each, str) else ""
        if stays_inside(text):
            found.append(text)
            continue
        message = f"extension {quoted(each)} is not a path in the package's folder ({shown(source)})"
        hint = "Write it as a path below the folder, such as ./index.ts."
        faults.append(Diagnostic("plugin.outside", message, path=(*path, f"[{place}]"), hint=hint))
    return tuple(dict.fromkeys(found)), tuple(faults[:20])
