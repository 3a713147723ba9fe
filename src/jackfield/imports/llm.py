"""What the program `llm` keeps in its user folder: keys, the default model, aliases of models.

- `keys.json`: an object from names to keys. The name is what a plugin calls its vendor; a member that begins with `//`
  is a comment.
- `default_model.txt`: the id of a model.
- `aliases.json`: an object from aliases to ids of models.

The id of a model may begin with the vendor's name and a slash.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.credentials.foreign import read_file, read_json, shown
from jackfield.credentials.legacy import LegacyEntry, file_fault, repeated_faults
from jackfield.errors import RequestError
from jackfield.ids import canonical_id
from jackfield.imports.environment import with_key
from jackfield.imports.found import Found, Setting
from jackfield.imports.names import may_have, provider_named, providers_of_model
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jackfield.diagnostics import Diagnostic
    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot

KEYS, DEFAULT, ALIASES = FILES = ("keys.json", "default_model.txt", "aliases.json")
MAX_BYTES = 1024 * 1024
PROFILE_NAME = "llm"

_VARIABLE = "LLM_USER_PATH"
_FOLDER = "io.datasette.llm"


def llm_folder(env: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return where `llm` keeps its files; None where the environment names no home folder.

    Args:
        env: the environment.
        platform: the operating system, as `sys.platform` has it.
    """
    named = env.get(_VARIABLE, "").strip()
    if named:
        return Path(named)
    home = env.get("HOME", "").strip()
    if platform == "darwin":
        return Path(home, "Library", "Application Support", _FOLDER) if home else None
    config = env.get("XDG_CONFIG_HOME", "").strip() or (f"{home}/.config" if home else "")
    return Path(config, _FOLDER) if config else None


def read_llm(folder: Path, snapshot: Snapshot[Provider], has_key: Collection[str] = ()) -> Found:
    """Return what the folder of `llm` holds; a file that cannot be read is told, and the others are read.

    Args:
        folder: the user folder.
        snapshot: the providers there are.
        has_key: ids of the providers for which there is a credential already: of several that have a model, the one
            that can be called is meant.
    """
    texts: dict[str, bytes] = {}
    faults: list[Diagnostic] = []
    for name in FILES:
        try:
            data = read_file(folder / name, limit=MAX_BYTES)
        except RequestError as error:
            faults.append(file_fault(folder / name, name, error))
            continue
        if data is not None:
            texts[name] = data
    found = parse_llm(texts, snapshot, folder=folder, has_key=has_key)
    files = tuple(name for name in FILES if name in texts or any(each.path == (name,) for each in faults))
    return replace(found, files=files, diagnostics=(*faults, *found.diagnostics))


def parse_llm(
    texts: Mapping[str, bytes], snapshot: Snapshot[Provider], *, folder: Path, has_key: Collection[str] = ()
) -> Found:
    """Return what the files hold, by their names. Pure; raises nothing for what is wrong in them."""
    values: dict[str, object] = {}
    faults: list[Diagnostic] = []
    for name, data in texts.items():
        try:
            values[name], repeated = (_text(data), ()) if name == DEFAULT else _object(data)
        except RequestError as error:
            faults.append(file_fault(folder / name, name, error))
            continue
        faults += repeated_faults(folder / name, name, repeated)
    entries = tuple(_key(name, each, snapshot) for name, each in _members(values.get(KEYS)) if name[:2] != "//")
    ready = {each.provider for each in entries if each.credential is not None} | set(has_key)
    settings = (
        *_default(str(values.get(DEFAULT, "")), snapshot, ready),
        *_aliases(_members(values.get(ALIASES)), snapshot, ready),
    )
    return Found("llm", str(folder), tuple(texts), entries, settings, tuple(faults))


def _key(name: str, value: object, snapshot: Snapshot[Provider]) -> LegacyEntry:
    provider = provider_named(name, snapshot)
    entry = LegacyEntry(KEYS, shown(name), provider.id if provider else canonical_id(name), PROFILE_NAME)
    if provider is None:
        return replace(entry, provider=shown(name), fault="is of no provider that is known here by that name")
    return with_key(entry, value) if isinstance(value, str) else replace(entry, fault="is no key")


def _default(model: str, snapshot: Snapshot[Provider], ready: Collection[str]) -> Iterator[Setting]:
    if not model:
        return
    told = Setting(DEFAULT, shown(model), "default")
    found = _find(model, snapshot, ready)
    yield replace(told, fault=found) if isinstance(found, str) else replace(told, provider=found[0], key=found[1])


def _aliases(
    aliases: Iterable[tuple[str, object]], snapshot: Snapshot[Provider], ready: Collection[str]
) -> Iterator[Setting]:
    for alias, model in aliases:
        told = Setting(ALIASES, shown(alias), "model")
        found = _find(model, snapshot, ready) if isinstance(model, str) else "names no model"
        if isinstance(found, str):
            yield replace(told, fault=found)
        else:
            yield replace(told, provider=found[0], key=found[1], value={"alias": alias})


def _find(model: str, snapshot: Snapshot[Provider], ready: Collection[str]) -> tuple[str, str] | str:
    """Return the provider and the model that `llm` means by the id of a model, or why it cannot be told."""
    prefix, slash, rest = model.strip().partition("/")
    named = provider_named(prefix, snapshot) if slash and rest else None
    if named is not None and may_have(named, rest):
        return named.id, named.model_aliases.get(rest, rest)
    having = providers_of_model(model.strip(), snapshot)
    usable = tuple(each for each in having if each.id in ready)
    chosen = usable if len(usable) == 1 else having
    if len(chosen) == 1:
        return chosen[0].id, chosen[0].model_aliases.get(model.strip(), model.strip())
    if having:
        return f"names a model of {', '.join(each.id for each in having)}, of which one must be chosen"
    return "names a model that no provider here lists"


def _object(data: bytes) -> tuple[object, tuple[str, ...]]:
    value, repeated = read_json(data)
    if not isinstance(value, dict):
        raise RequestError("is not an object.", code="import.format")
    return value, repeated


def _members(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise RequestError("is not UTF-8.", code="import.format") from None
