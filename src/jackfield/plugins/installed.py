"""Plugins that came as Python packages: entry points of the group `jackfield.plugins`, found without importing them.

The standard library's `importlib.metadata` gives the same answer, but importing it and asking it takes tens of
milliseconds, at every start and for everybody, where most have no such plugin. So the files that it reads are read
here: `entry_points.txt` in the metadata folders on the search path (PyPA "Entry points specification").
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from jackfield.plugins.reading import ReadError, is_file, read_text
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# ruff: noqa: PTH117, PTH118, PTH122 - for each package there is, and Path takes ten times as long

GROUP = "jackfield.plugins"

_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_VALUE = re.compile(r"(?P<module>\w+(?:\.\w+)*)\s*(?::\s*(?P<function>\w+(?:\.\w+)*)\s*)?(?:\[[^\]]*\])?")
_SEPARATORS = re.compile(r"[-_.]+")


@record
class EntryPoint:
    """One entry point, with what its distribution says of itself.

    Attributes:
        name: the entry point's name.
        value: what it names, as written: `module` or `module:function`.
        module: the module; None when the value is none that can be used.
        function: what is called in it.
        folder: the folder on the search path that the metadata lies in.
        package, version, summary: the distribution.
    """

    name: str
    value: str
    module: str | None
    function: str | None
    folder: str
    package: str | None = None
    version: str | None = None
    summary: str | None = None


def entry_points(search_path: Sequence[str]) -> Iterator[EntryPoint]:
    """Yield the entry points of our group, in the order of the path, and in each folder sorted by name.

    Of several distributions of one name the first counts, as with imports. Folders that are not absolute are left out:
    what lies in the folder that one happens to work in is not installed.
    """
    seen: set[str] = set()
    for folder in dict.fromkeys(search_path):
        for name, suffix in _distributions(folder) if os.path.isabs(folder) else ():
            plain = _SEPARATORS.sub("-", name.partition("-")[0]).lower()
            if plain not in seen:
                seen.add(plain)
                yield from _of_distribution(folder, name, suffix)


def _distributions(folder: str) -> list[tuple[str, str]]:
    """Return the names and suffixes of the metadata folders in `folder`."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(tuple(_METADATA))]
    except (OSError, ValueError):
        return []
    # What starts with a tilde is a package that was half removed.
    return [os.path.splitext(name) for name in sorted(names) if not name.startswith("~")]


def _of_distribution(folder: str, name: str, suffix: str) -> Iterator[EntryPoint]:
    metadata = os.path.join(folder, name + suffix)
    text = _text(os.path.join(metadata, "entry_points.txt"))
    if GROUP not in text:
        return
    about = _headers(_text(os.path.join(metadata, _METADATA[suffix])))
    for key, value in _section(text):
        match = _VALUE.fullmatch(value)
        module = match["module"] if match and _is_dotted_name(match["module"]) else None
        yield EntryPoint(
            name=key,
            value=value,
            module=module,
            function=match["function"] if match else None,
            folder=folder,
            package=about.get("name"),
            version=about.get("version"),
            summary=about.get("summary"),
        )


def _text(path: str) -> str:
    try:
        return read_text(path) or ""
    except ReadError:
        return ""


def _section(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of our group's section."""
    ours = False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            ours = line[1:-1].strip() == GROUP
        elif ours and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _headers(text: str) -> dict[str, str]:
    """Return the one-line headers of a core metadata file, by lower-cased name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and value.strip() not in {"", "UNKNOWN"}:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def locate(module: str, folder: str, search_path: Sequence[str]) -> str | None:
    """Return the file of a module, or None; neither it nor a package above it is imported.

    Args:
        module: the dotted name.
        folder: where its distribution's metadata lies; looked into first.
        search_path: the folders in which Python looks for modules.
    """
    parts = module.split(".")
    for each in dict.fromkeys((folder, *(path for path in search_path if os.path.isabs(path)))):
        found = _module_file(os.path.join(each, *parts))
        if found:
            return found
    # A package installed for editing may lie anywhere; its installer's finder, which is at work already, knows where.
    return _by_finders(parts)


def _module_file(stem: str) -> str | None:
    for path in (os.path.join(stem, "__init__.py"), stem + ".py"):
        if is_file(path):
            return path
    return None


def _by_finders(parts: Sequence[str]) -> str | None:
    for finder in sys.meta_path:
        if isinstance(finder, type) and finder.__module__.startswith("_frozen"):
            continue  # Python's own: they look where we have looked
        try:
            spec = finder.find_spec(parts[0], None)
        except (ImportError, AttributeError, ValueError):
            continue
        if spec is None:
            continue
        if len(parts) == 1:
            return spec.origin if spec.origin and is_file(spec.origin) else None
        for place in spec.submodule_search_locations or ():
            found = _module_file(os.path.join(place, *parts[1:]))
            if found:
                return found
    return None
