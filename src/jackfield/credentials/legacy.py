"""The credential files of older programs, as entries that can be taken over. Reading is all that is done to them.

Three forms are known. `auth-profiles.json` holds `{profiles: {NAME: {type, provider, ...}}}`, `auth.json` an object
from provider to `{type, ...}`, and `credentials/oauth.json` one from provider to the fields of an OAuth login. What
stands in them is described in `jackfield.credentials.exchange`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.credentials.exchange import credential_from_shared
from jackfield.credentials.foreign import MAX_BYTES, read_file, read_json, shown, too_large
from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.ids import canonical_id, is_id, is_profile_name, slug
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jackfield.credentials.profile import Credential

LEGACY_FILES = (
    "agents/main/agent/auth-profiles.json",
    "auth-profiles.json",
    "agents/main/agent/auth.json",
    "auth.json",
    "credentials/oauth.json",
)
"""Where the files lie in a state folder, the one that counts most first; or in the folder of one agent itself."""

_FOLDER_VARIABLES = ("OPENCLAW_STATE_DIR", "MOLTBOT_STATE_DIR", "CLAWDBOT_STATE_DIR")
_FOLDERS = ("~/.openclaw", "~/.moltbot", "~/.clawdbot")
_REFERENCE = re.compile(r"\s*\$\{[^}]*\}\s*")
# What is longer and no name of a profile may be a key in the wrong place.
_NAME_MAX = 31
_DEFAULT = "default"
_SECRETS = {"api_key": ("key",), "token": ("token",), "oauth": ("access", "refresh")}


@record
class LegacyEntry:
    """One credential of an older program, or what stands in a credential's place.

    Attributes:
        file: where it stands, relative to the folder.
        name: what the file calls it, fit to be shown.
        provider: the provider's name in canonical spelling; it need not be one that is known here.
        profile_name: what the profile may be called, behind its provider; None where the file's name is no name.
        named_for: the provider that the file's name begins with, which may be another than `provider`.
        credential: the credential; None where `fault` says why it cannot be taken over.
        email: whose login it is, when the file says so.
        fault: the end of a sentence that begins with "It", such as `is of no known type`.
        url: the address that the file gives it for; None where it gives none. It is kept for no other.
        note: what is to be told of it when it is taken over, as a sentence.
    """

    file: str
    name: str
    provider: str
    profile_name: str | None = None
    named_for: str | None = None
    credential: Credential | None = None
    email: str | None = None
    fault: str | None = None
    url: str | None = None
    note: str | None = None


@record
class Leftovers:
    """What a folder of an older program holds: the files that are there, their entries, and what is wrong with files.

    Codes of the diagnostics: `import.*`, each with the file as its path.
    """

    folder: Path
    files: tuple[str, ...] = ()
    entries: tuple[LegacyEntry, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def legacy_folders(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders in which older programs keep their state, the ones that variables name first."""
    home = env.get("HOME", "").strip()
    named = [text for name in _FOLDER_VARIABLES if (text := env.get(name, "").strip())]
    found = []
    for text in (*named, *_FOLDERS):
        if not text.startswith("~"):
            found.append(Path(text))
        elif home and (text == "~" or text.startswith("~/")):
            found.append(Path(home + text[1:]))
    return tuple(dict.fromkeys(found))


def read_folder(folder: Path) -> Leftovers:
    """Return what an older program's folder holds; a file that cannot be read is told, and the others are read."""
    files: list[str] = []
    entries: list[LegacyEntry] = []
    faults: list[Diagnostic] = []
    for name in LEGACY_FILES:
        try:
            data = read_file(folder / name)
            if data is None:
                continue
            files.append(name)
            found, repeated = _read_all(name, data)
        except RequestError as error:
            files += [] if name in files else [name]
            faults.append(file_fault(folder / name, name, error))
            continue
        entries += found
        faults += repeated_faults(folder / name, name, repeated)
    return Leftovers(folder, tuple(files), tuple(entries), tuple(faults))


def file_fault(path: Path, name: str, error: RequestError) -> Diagnostic:
    """Return what is wrong with a file as a diagnostic; the error's message is the end of a sentence about it."""
    hint = error.fix or "Nothing of it is taken over; the file stays as it is."
    return Diagnostic(error.code, f"{path} {error.message}", path=(name,), hint=hint)


def repeated_faults(path: Path, name: str, repeated: Iterable[str]) -> list[Diagnostic]:
    """Return a warning for each key that stands twice in one object of a file."""
    told = "has a key twice, of which the last one counts"
    return [
        Diagnostic("import.duplicate-key", f"{path} {told}: {each}.", "warning", (name,), hint="Keep one of them.")
        for each in repeated
    ]


def read_legacy(file: str, data: bytes) -> tuple[LegacyEntry, ...]:
    """Return the entries of one file, in its order. Pure.

    Args:
        file: its name, one of `LEGACY_FILES`, which tells its form.
        data: all of it.

    Raises:
        RequestError: `import.too-large` above 8 MiB; `import.format` for what is no JSON or no object. The message is
            the end of a sentence about the file, and repeats nothing of it.
    """
    return _read_all(file, data)[0]


def _read_all(file: str, data: bytes) -> tuple[tuple[LegacyEntry, ...], tuple[str, ...]]:
    """Return the entries of one file, and the keys that stand in it twice."""
    if len(data) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    value, repeated = read_json(data)
    kind = file.rpartition("/")[2]
    if kind == "auth-profiles.json":
        value = value.get("profiles") if isinstance(value, dict) else None
    if not isinstance(value, dict):
        what = "has no object `profiles`." if kind == "auth-profiles.json" else "is not an object."
        raise RequestError(what, code="import.format")
    entries = {"auth-profiles.json": _of_profiles, "auth.json": _of_providers, "oauth.json": _of_logins}[kind]
    return tuple(entries(file, value)), repeated


def _of_profiles(file: str, profiles: Mapping[str, object]) -> Iterator[LegacyEntry]:
    for name, fields in profiles.items():
        prefix, colon, rest = name.strip().partition(":")
        prefix = canonical_id(prefix)
        owner = fields.get("provider") if isinstance(fields, dict) else None
        provider = canonical_id(owner) if isinstance(owner, str) else prefix
        if colon and is_id(prefix) and is_profile_name(rest):
            yield _read(LegacyEntry(file, f"{prefix}:{rest}", provider, rest, prefix), fields)
        else:
            own = slug(name) if len(name) <= _NAME_MAX else ""
            yield _read(LegacyEntry(file, shown(name), provider, own or None), fields)


def _of_providers(file: str, providers: Mapping[str, object]) -> Iterator[LegacyEntry]:
    for name, fields in providers.items():
        owner = fields.get("provider") if isinstance(fields, dict) else None
        provider = canonical_id(owner if isinstance(owner, str) and owner.strip() else name)
        yield _read(LegacyEntry(file, shown(name), provider, _DEFAULT), fields)


def _of_logins(file: str, logins: Mapping[str, object]) -> Iterator[LegacyEntry]:
    for name, fields in logins.items():
        whole = {**fields, "type": "oauth"} if isinstance(fields, dict) else fields
        yield _read(LegacyEntry(file, shown(name), canonical_id(name), _DEFAULT), whole)


def _read(entry: LegacyEntry, fields: object) -> LegacyEntry:
    """Return the entry with its credential, or with what is wrong with it."""
    if not is_id(entry.provider):
        return replace(entry, provider=shown(entry.provider), fault="names no provider")
    if not isinstance(fields, dict):
        return replace(entry, fault="is no credential")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _SECRETS:
        return replace(entry, fault="is of no known type")
    values = [fields.get(each) for each in _SECRETS[kind]]
    texts = [each for each in values if isinstance(each, str) and each.strip()]
    if not texts:
        return replace(entry, fault=f"has no {' and no '.join(_SECRETS[kind])}")
    if any(_REFERENCE.fullmatch(each) for each in texts):
        return replace(entry, fault="only refers to a variable")
    try:
        credential = credential_from_shared(_tidied(kind, fields))
    except RequestError as error:
        wrong = dict.fromkeys(shown(each.path[-1]) for each in error.diagnostics)
        return replace(entry, fault=f"has a wrong {' and '.join(wrong)}")
    return replace(entry, credential=credential, email=_email(fields))


def _tidied(kind: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields with secrets stripped of white space, and without what their writers took for nothing."""
    found = {**fields, "email": _email(fields)}
    for name in _SECRETS[kind]:
        value = found.get(name)
        found[name] = value.strip() if isinstance(value, str) else value
    expires = found.get("expires")
    if kind == "token" and isinstance(expires, (int, float)) and expires <= 0:
        del found["expires"]
    return found


def _email(fields: Mapping[str, object]) -> str | None:
    email = fields.get("email")
    return email.strip() if isinstance(email, str) and email.strip() and email.isprintable() else None
