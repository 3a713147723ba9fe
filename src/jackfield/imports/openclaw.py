"""What OpenClaw, and clawdbot and moltbot before it, keep in a state folder: files of credentials, and a config.

The config is JSON5 and may take in other files by `$include`. Read of it are `models.providers`, the models, default
model and fallbacks in `agents.defaults`, `auth.order`, `auth.profiles` (for the account that a login is of), and keys
in `env`. An order in `auth-profiles.json` beats the one in the config.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.config.document import Document
from jackfield.config.guard.findings import shown_path
from jackfield.config.host import at
from jackfield.config.include import Includes, holds_include
from jackfield.config.settings import INCLUDE
from jackfield.credentials.foreign import read_file, read_json
from jackfield.credentials.legacy import LEGACY_FILES, file_fault, legacy_folders, read_folder
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import ConfigError, RequestError
from jackfield.ids import canonical_id
from jackfield.imports.environment import read_variables
from jackfield.imports.found import Found, Setting
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jackfield.credentials.legacy import LegacyEntry
    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot

SOURCE = "openclaw"
CONFIG_FILES = ("openclaw.json", "moltbot.json", "clawdbot.json")
"""What the config is called in a state folder, the newest name first."""
PROFILE_NAME = "config"

_CONFIG_VARIABLES = ("OPENCLAW_CONFIG_PATH", "MOLTBOT_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH")
_PARTS = (("models",), ("agents",), ("auth",), ("env",))
_LEFT_OUT = {
    ("models", "mode"): "is left to you: replace hides every provider that the config does not name",
    ("models", "bedrockDiscovery"): "has no counterpart here",
}


def find_openclaw(env: Mapping[str, str], snapshot: Snapshot[Provider]) -> Found | None:
    """Return what the first state folder that there is holds, and the config that a variable names; None without one.

    Args:
        env: the environment.
        snapshot: the providers there are.
    """
    named = next((Path(text) for name in _CONFIG_VARIABLES if (text := env.get(name, "").strip())), None)
    folders = legacy_folders(env)
    for folder in folders:
        found = read_openclaw(folder, snapshot, config=named)
        if found.files:
            return found
    return None


def read_openclaw(folder: Path, snapshot: Snapshot[Provider], *, config: Path | None = None) -> Found:
    """Return what a state folder holds; a file that cannot be read is told, and the others are read.

    Args:
        folder: the folder, or that of a single agent.
        snapshot: the providers there are.
        config: the config file, where it is not in the folder.
    """
    left = read_folder(folder)
    orders = tuple(_stored_orders(folder, left.files))
    read = _read_config(folder, config)
    if read is None:
        return Found(SOURCE, str(folder), left.files, left.entries, orders, left.diagnostics)
    name, value, faults = read
    found = parse_config(value, snapshot, file=name)
    entries = _with_accounts(left.entries, at(value, ("auth", "profiles")))
    settings = (*orders, *found.settings)
    return replace(
        found,
        place=str(folder),
        files=(*left.files, name),
        entries=(*entries, *found.entries),
        settings=(*settings, *_accounts_alone(value, entries, name)),
        diagnostics=(*left.diagnostics, *faults, *found.diagnostics),
    )


def parse_config(value: object, snapshot: Snapshot[Provider], *, file: str) -> Found:
    """Return what a config says, merged with what it takes in. Pure; raises nothing for what is wrong in it."""
    faults: list[Diagnostic] = []
    settings: list[Setting] = []

    def an_object(path: tuple[str, ...]) -> dict[str, object]:
        found = at(value, path) if path else value
        if isinstance(found, dict):
            return {key: each for key, each in found.items() if key != INCLUDE}
        if found is not None:
            where = f"{format_path(path)} of {file}" if path else file
            faults.append(Diagnostic("import.format", f"{where} is not an object.", path=(file, *path)))
        return {}

    an_object(())
    for key in an_object(("models", "providers")):
        path = ("models", "providers", key)
        for field, item in an_object(path).items():
            settings.append(Setting(file, _named(*path, field), "field", canonical_id(key), field, item))
    for ref, item in an_object(("agents", "defaults", "models")).items():
        settings.append(_model(file, ref, item))
    settings += _defaults(file, at(value, ("agents", "defaults", "model")))
    for key, ids in an_object(("auth", "order")).items():
        settings.append(_order(file, _named("auth", "order", key), key, ids))
    settings += [
        Setting(file, _named(*path), fault=why) for path, why in _LEFT_OUT.items() if at(value, path) is not None
    ]
    entries = [*_variables(an_object(("env",)), snapshot, file)]
    return Found(
        SOURCE, file, (file,), tuple(entries), tuple(settings), tuple(faults), lists_models=_lists_models(settings)
    )


def _read_config(folder: Path, named: Path | None) -> tuple[str, object, tuple[Diagnostic, ...]] | None:
    """Return the config's name, its merged value, and what is wrong with it; None where there is none."""
    for path in (named,) if named is not None else tuple(folder / name for name in CONFIG_FILES):
        name = path.name if path.parent == folder else str(path)
        try:
            data = read_file(path)
        except RequestError as error:
            return name, None, (file_fault(path, name, error),)
        if data is not None:
            value, faults = _parse(path, name, data)
            return name, value, faults
    return None


def _parse(path: Path, name: str, data: bytes) -> tuple[object, tuple[Diagnostic, ...]]:
    try:
        document = Document.parse(data, name=str(path))
    except ConfigError as error:
        told = tuple(_placed(replace(each, code=error.code), path, name) for each in error.diagnostics)
        return None, told or (Diagnostic(error.code, error.message, path=(name,), hint=error.fix),)
    if holds_include(document.own):
        document = document.taking_in(Includes(path, _is_ours).take_in)
    taken = document.taken
    faults = (*document.duplicates, *(taken.repeated() if taken else ()), *(taken.faults if taken else ()))
    return document.value, tuple(_placed(each, path, name) for each in faults if _is_ours(each.path))


def _placed(fault: Diagnostic, path: Path, name: str) -> Diagnostic:
    """Return a fault as the report of an import tells it: the file, then where, then what."""
    place = f":{fault.line}:{fault.column}" if fault.line is not None else ""
    where = f"{format_path(fault.path)}: " if fault.path else ""
    return replace(fault, message=f"{path}{place}: {where}{fault.message}", path=(name, *fault.path), owner=None)


def _is_ours(path: tuple[str, ...]) -> bool:
    return not path or path[-1] == INCLUDE or any(path[: len(part)] == part for part in _PARTS)


def _model(file: str, ref: str, item: object) -> Setting:
    name = _named("agents", "defaults", "models", ref)
    provider, slash, model = ref.strip().partition("/")
    if not slash or not model.strip():
        return Setting(file, name, fault="names a model without its provider")
    return Setting(file, name, "model", canonical_id(provider), model.strip(), {} if item is None else item)


def _defaults(file: str, model: object) -> Iterator[Setting]:
    path = ("agents", "defaults", "model")
    primary = at(model, ("primary",)) if isinstance(model, dict) else model
    name = _named(*path, *(("primary",) if isinstance(model, dict) else ()))
    if isinstance(primary, str) and primary.strip():
        provider, slash, rest = primary.strip().partition("/")
        if slash and rest.strip():
            yield Setting(file, name, "default", canonical_id(provider), rest.strip())
        else:
            yield Setting(file, name, fault="names a model without its provider")
    elif primary is not None:
        yield Setting(file, name, fault="is no model")
    fallbacks = at(model, ("fallbacks",))
    if fallbacks is not None:
        name = _named(*path, "fallbacks")
        right = isinstance(fallbacks, list) and all(isinstance(each, str) for each in fallbacks)
        fault = None if right else "is no list of models"
        yield Setting(file, name, "fallbacks", value=fallbacks, fault=fault)


def _order(file: str, name: str, provider: str, ids: object) -> Setting:
    right = isinstance(ids, list) and all(isinstance(each, str) for each in ids)
    fault = None if right else "is no list of profiles"
    return Setting(file, name, "order", canonical_id(provider), value=ids, fault=fault)


def _stored_orders(folder: Path, files: Iterable[str]) -> Iterator[Setting]:
    """Yield the orders that stand beside stored profiles; what is wrong with such a file was told when it was read."""
    for name in files:
        if name not in LEGACY_FILES or not name.endswith("auth-profiles.json"):
            continue
        try:
            data = read_file(folder / name)
            value = read_json(data)[0] if data is not None else None
        except RequestError:
            continue
        orders = at(value, ("order",))
        for provider, ids in orders.items() if isinstance(orders, dict) else ():
            yield _order(name, _named("order", provider), provider, ids)


def _variables(env: Mapping[str, object], snapshot: Snapshot[Provider], file: str) -> Iterator[LegacyEntry]:
    inner = env.get("vars")
    for prefix, values in (("env.vars.", inner if isinstance(inner, dict) else {}), ("env.", env)):
        texts = {name: text for name, text in values.items() if isinstance(text, str)}
        yield from read_variables(texts, snapshot, file=file, prefix=prefix)


def _with_accounts(entries: Iterable[LegacyEntry], profiles: object) -> tuple[LegacyEntry, ...]:
    """Return the entries with the account that the config knows their login by, where their file does not say it."""
    told: list[LegacyEntry] = []
    for each in entries:
        email = at(profiles, (each.name, "email"))
        known = each.email is None and isinstance(email, str) and email.strip() and email.isprintable()
        told.append(replace(each, email=str(email).strip()) if known else each)
    return tuple(told)


def _accounts_alone(value: object, entries: Iterable[LegacyEntry], file: str) -> Iterator[Setting]:
    """Yield the profiles that the config lists and no file has a credential for."""
    profiles = at(value, ("auth", "profiles"))
    names = {each.name for each in entries}
    for name in profiles if isinstance(profiles, dict) else ():
        if name not in names and name != INCLUDE:
            told = _named("auth", "profiles", name)
            yield Setting(file, told, fault="lists a profile without a credential")


def _lists_models(settings: Iterable[Setting]) -> bool:
    return any(each.kind == "model" for each in settings)


def _named(*path: str) -> str:
    """Return a path as it may be shown: keys in it may be secrets in the wrong place."""
    return format_path(shown_path(path))
