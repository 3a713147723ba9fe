"""Keys in the environment, or in a dotenv file, as credentials that can be taken over.

Which variable is whose is what the view of environment variables says. Of a provider's variables the first that is set
counts, as it does when they are read where they stand.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from jackfield.auth.keys import key_complaint
from jackfield.credentials.foreign import read_file, shown
from jackfield.credentials.legacy import LegacyEntry, file_fault, repeated_faults
from jackfield.credentials.profile import ApiKeyCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.imports.found import Found
from jackfield.providers.block import ApiKey
from jackfield.providers.views import env_vars
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jackfield.providers.block import Provider
    from jackfield.providers.views.env_vars import EnvVar
    from jackfield.table import Snapshot

MAX_BYTES = 1024 * 1024
ENVIRONMENT = "the environment"
PROFILE_NAME = "env"

_KEY = ApiKey(prompt="key", normalize="trim")
_REFERENCE = re.compile(r".*\$(?:\{[^}]*\}|[A-Za-z_]).*", re.DOTALL)
_UNKNOWN_KEY = re.compile(r"[A-Z][A-Z0-9_]*_API_KEY")


def read_environment(env: Mapping[str, str], snapshot: Snapshot[Provider]) -> Found:
    """Return what the variables of a process hold. Pure."""
    entries = read_variables(env, snapshot, file=ENVIRONMENT)
    return Found("env", ENVIRONMENT, entries=tuple(entries))


def read_dotenv(path: Path, snapshot: Snapshot[Provider]) -> Found:
    """Return what a dotenv file holds; what is wrong with it is told, and the rest is read.

    Nothing is substituted in values, and no variable of the process is looked at.
    """
    name = path.name
    try:
        data = read_file(path, limit=MAX_BYTES)
        if data is None:
            return Found("env", str(path))
        values, faults = parse_dotenv(data, path)
    except RequestError as error:
        return Found("env", str(path), (name,), diagnostics=(file_fault(path, name, error),))
    entries = read_variables(values, snapshot, file=name)
    return Found("env", str(path), (name,), tuple(entries), diagnostics=faults)


def parse_dotenv(data: bytes, path: Path) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
    """Return the variables of a dotenv file, and its faults: `import.line`, `import.duplicate-key`. Pure.

    Raises:
        RequestError: `import.format` for what is not UTF-8.
    """
    from dotenv.parser import parse_stream

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError("is not UTF-8.", code="import.format") from None
    values: dict[str, str] = {}
    repeated: dict[str, None] = {}
    faults: list[Diagnostic] = []
    for each in parse_stream(io.StringIO(text)):
        if each.error:
            line = each.original.line + _blank_lines(each.original.string)
            message = f"{path} has a line that is no NAME=VALUE: line {line}."
            hint = "What else stands in it is read."
            faults.append(Diagnostic("import.line", message, path=(path.name,), hint=hint, line=line, column=1))
        elif each.key is not None and each.value is not None:
            if each.key in values:
                repeated[shown(each.key)] = None
            values[each.key] = each.value
    return values, (*faults, *repeated_faults(path, path.name, repeated))


def read_variables(
    values: Mapping[str, str],
    snapshot: Snapshot[Provider],
    *,
    file: str,
    prefix: str = "",
    profile_name: str = PROFILE_NAME,
) -> Iterator[LegacyEntry]:
    """Yield an entry for each variable that is a credential of a provider here, or looks like one. Pure.

    Args:
        values: the variables.
        snapshot: the providers there are.
        file: where they stand.
        prefix: what is put before a variable's name to say where in the file it stands.
        profile_name: what the profiles are called, behind their provider.
    """
    first: dict[str, str] = {}
    known: set[str] = set()
    for row in env_vars(snapshot):
        known.add(row.name)
        text = values.get(row.name, "").strip()
        if row.role != "credential" or not text:
            continue
        entry = LegacyEntry(file, prefix + row.name, row.provider, profile_name)
        fault = _set_fault(row) or _claim_fault(row, snapshot)
        if fault is None and row.provider in first:
            fault = f"comes after {first[row.provider]}, which is the one that counts"
        if fault is not None:
            yield replace(entry, fault=fault)
            continue
        first.setdefault(row.provider, row.name)
        note = f"{_listed(row.shared_with)} read{'s' if len(row.shared_with) == 1 else ''} the same variable."
        yield with_key(entry, text, row.mode or "api_key", note=note if row.shared_with else None)
    for name, value in values.items():
        if name not in known and _UNKNOWN_KEY.fullmatch(name) and value.strip():
            yield LegacyEntry(file, prefix + shown(name), name, fault="is read by no provider here")


def with_key(entry: LegacyEntry, text: str, mode: str = "api_key", note: str | None = None) -> LegacyEntry:
    """Return the entry with a key as its credential, or with what is wrong with the key.

    Args:
        entry: the entry.
        text: the key, or what stands in its place.
        mode: `api_key`, or `oauth` for an access token.
        note: what is to be told when it is taken over.
    """
    text = text.strip()
    if _REFERENCE.fullmatch(text):
        return replace(entry, fault="only refers to a variable")
    if key_complaint(_KEY, text) is not None:
        return replace(entry, fault="is blank, too long, or holds what no key holds")
    secret = Secret(text)
    credential = TokenCredential(secret) if mode == "oauth" else ApiKeyCredential(secret)
    return replace(entry, credential=credential, note=note)


def _set_fault(row: EnvVar) -> str | None:
    """Return why a variable of a set is not taken over."""
    if row.rule == "any-of":
        return None
    what = "names a file" if row.rule == "file" else "counts only together with others"
    return f"{what}, and is used from where it stands"


def _claim_fault(row: EnvVar, snapshot: Snapshot[Provider]) -> str | None:
    """Return why a shared variable is not this provider's: one whose owner is trusted more reads it too."""
    mine = snapshot.get(row.provider)
    others = [entry for name in row.shared_with if (entry := snapshot.get(name)) is not None]
    if mine is None or all(mine.owner.trust <= each.owner.trust for each in others):
        return None
    better = [each.key for each in others if each.owner.trust < mine.owner.trust]
    return f"is for {_listed(tuple(better))} first, which comes with this program"


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _blank_lines(text: str) -> int:
    """Return how many lines stand before the first that says something."""
    return text[: len(text) - len(text.lstrip())].count("\n")
