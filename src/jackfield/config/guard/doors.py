"""G15: the other doors of a login result (profiles, notes, default model), checked one by one."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from jackfield.config.guard.hostile import find_hostile, is_indirect
from jackfield.errors import RequestError
from jackfield.ids import parse_model_ref, parse_profile_id
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.config.guard.findings import Findings, Path

MAX_NOTES = 4 * 1024
"""How long all notes of one login may be together, in bytes of UTF-8."""

_MAX_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, less the two angle brackets
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_SPACES = frozenset({"Zs"})
# The fields of which each credential must have one, by its type.
_SECRET_FIELDS: dict[str, tuple[str, ...]] = {"api_key": ("key",), "token": ("token",), "oauth": ("access", "refresh")}


@record
class ProfilePlan:
    """A credential that a login returned and that may be kept: the profile's id, and the fields of the credential."""

    id: str
    kind: str
    fields: Mapping[str, object]
    email: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts of the credential that nobody but the credential store may hold."""
        values = [self.fields.get(name) for name in _SECRET_FIELDS[self.kind]]
        return tuple(each for each in values if isinstance(each, str))

    def __repr__(self) -> str:
        return f"ProfilePlan(id={self.id!r}, kind={self.kind!r})"


def clean_note(text: str) -> str:
    """Return a note as it may be shown: no control, ANSI or direction characters, at most 4 KiB of UTF-8 (G15)."""
    cleaned = "".join(_shown(char) for char in _ANSI.sub("", text))
    return cleaned.encode(errors="ignore")[:MAX_NOTES].decode(errors="ignore")


def _shown(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    return " " if unicodedata.category(char) in _SPACES else ""


class Doors:
    """Reads what a login returns beside the patch.

    Args:
        findings: knows the provider and the owner, and takes what is found.
        profile_owners: who stored the profiles there are, by profile id.
    """

    def __init__(self, findings: Findings, profile_owners: Mapping[str, str]) -> None:
        self._findings = findings
        self._id = findings.provider_id
        self._owners = profile_owners

    def profiles(self, value: object) -> tuple[ProfilePlan, ...]:
        """Return the credentials to keep; one that is not right refuses the whole."""
        if not isinstance(value, list):
            self._refuse(("profiles",), "The profiles of a login are a list.")
            return ()
        self._findings.refusals += find_hostile(value, None, ("profiles",))
        read = [self._profile(item, ("profiles", f"[{place}]")) for place, item in enumerate(value)]
        found = tuple(each for each in read if each is not None)
        if len({each.id for each in found}) < len(found):
            self._refuse(("profiles",), "A login returns a profile twice.")
        return found

    def require_own(self, profile_id: str, path: Path) -> None:
        """Refuse when the profile was stored by somebody else."""
        keeper = self._owners.get(profile_id, self._findings.owner)
        if keeper != self._findings.owner:
            self._refuse(path, f"This profile was stored by {keeper}.")

    def _profile(self, value: object, path: Path) -> ProfilePlan | None:
        credential = value.get("credential") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(credential, dict):
            self._refuse(path, "A profile is an object with profileId and credential.")
            return None
        profile_id = _own_profile(self._id, value.get("profileId"))
        if profile_id is None:
            self._refuse((*path, "profileId"), f"A login of {self._id} keeps profiles named {self._id}:NAME only.")
        else:
            self.require_own(profile_id, (*path, "profileId"))
        kind = self._kind(credential, (*path, "credential"))
        email = self._email(credential, (*path, "credential", "email"))
        fields = {name: item for name, item in credential.items() if name not in {"provider", "type"}}
        return ProfilePlan(profile_id, kind, fields, email) if profile_id and kind else None

    def _kind(self, credential: dict[str, object], path: Path) -> str | None:
        if credential.get("provider") != self._id:
            self._refuse((*path, "provider"), "The credential is for another provider.")
        kind = credential.get("type")
        if not isinstance(kind, str) or kind not in _SECRET_FIELDS:
            self._refuse((*path, "type"), "The credential is of no known type.")
            return None
        secrets = [credential.get(name) for name in _SECRET_FIELDS[kind]]
        if not any(isinstance(each, str) and each.strip() for each in secrets):
            self._refuse(path, f"A credential of type {kind} has {' or '.join(_SECRET_FIELDS[kind])}.")
        expires = credential.get("expires", 0)
        if isinstance(expires, bool) or not isinstance(expires, (int, float)):
            self._refuse((*path, "expires"), "The expiry is not a number of milliseconds.")
        return kind

    def _email(self, credential: dict[str, object], path: Path) -> str | None:
        email = credential.get("email", "")
        if isinstance(email, str) and email.isprintable() and len(email) <= _MAX_EMAIL:
            return email.strip() or None
        self._refuse(path, "The e-mail address is not one.")
        return None

    def notes(self, value: object) -> tuple[str, ...]:
        """Return the notes, cleaned; 4 KiB in all."""
        texts = value if isinstance(value, list) else []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in texts):
            self._report("login.notes", ("notes",), "Notes are a list of texts; what is not is passed over.")
        kept: list[str] = []
        left = MAX_NOTES
        for each in texts:
            note = clean_note(each) if isinstance(each, str) else ""
            note = note.encode()[:left].decode(errors="ignore")
            if note.strip():
                kept.append(note)
                left -= len(note.encode())
        return tuple(kept)

    def default_model(self, value: object) -> str | None:
        """Return the proposed default model when it is the provider's own."""
        if value is None:
            return None
        ref = _own_ref(self._id, value)
        if ref is None:
            self._report("login.default-model", ("defaultModel",), f"The default model is not one of {self._id}.")
        return ref

    def unknown(self, name: str) -> None:
        """Note a field that no login result has."""
        self._report("login.field", (name,), "A login result has no such field; it is passed over.")

    def _report(self, code: str, path: Path, message: str) -> None:
        self._findings.report("G15", code, path, message)

    def _refuse(self, path: Path, message: str) -> None:
        self._findings.refuse("G15", "login.profile", path, message)


def _own_ref(provider_id: str, value: object) -> str | None:
    """Return a model ref of `provider_id`, or None when `value` is none in its canonical form."""
    if not isinstance(value, str):
        return None
    try:
        ref = str(parse_model_ref(value))
    except RequestError:
        return None
    bad = "*" in ref or ".." in ref or is_indirect(ref) or is_indirect(ref.partition("/")[2])
    return ref if ref == value and ref.startswith(f"{provider_id}/") and not bad else None


def _own_profile(provider_id: str, value: object) -> str | None:
    """Return a profile id of `provider_id`, or None when `value` is none in its canonical form."""
    if not isinstance(value, str):
        return None
    try:
        found = str(parse_profile_id(value))
    except RequestError:
        return None
    return found if found == value and found.startswith(f"{provider_id}:") else None
