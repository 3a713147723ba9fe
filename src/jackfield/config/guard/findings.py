"""What the guard finds while it reads a patch: changes, questions, keys, diagnostics and reasons to refuse."""

from __future__ import annotations

import re

from jackfield.config.guard.intake import Refusal
from jackfield.config.host import ABSENT
from jackfield.diagnostics import Diagnostic
from jackfield.records import record

Path = tuple[str, ...]

CONSENT_CODES = (
    "allow-list",
    "include",
    "mode-replace",
    "origin-change",
    "other-spelling",
    "overwrite",
    "private-http",
)
"""Everything that may be asked: the codes of all consents."""

MAX_REFUSALS = 100
"""How many reasons a refusal tells."""

_SHOWN_KEY_LENGTH = 100
# Vendors' keys have 32 characters or more, or one long run in which letters and digits mix.
_SECRET_LENGTH = 32
_LONG_RUN = re.compile(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}|[A-Za-z0-9]{24,}")


@record
class Planned:
    """One leaf to write.

    Attributes:
        path: where.
        value: the new value; None removes the leaf (only the host itself does that).
        consents: codes of the consents without which `value` is not written.
        before: what stood there when the plan was made; `ABSENT` when nothing did.
        instead: what is written when only `consents_instead` are given: the part that takes nothing from the user.
    """

    path: Path
    value: object
    consents: tuple[str, ...] = ()
    before: object = ABSENT
    instead: object = ABSENT
    consents_instead: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Planned(path={self.path!r}, consents={self.consents!r})"


@record
class Consent:
    """A question that a person, or `--accept CODE`, must answer before the part at `path` is applied."""

    code: str
    path: Path
    question: str

    def to_dict(self) -> dict[str, object]:
        """Return `{"code", "path", "question"}`."""
        return {"code": self.code, "path": list(self.path), "question": self.question}


@record
class Secretive:
    """A literal key that stood in a patch: it goes to the credential store, and `path` gets a reference to it.

    Attributes:
        profile: id of the credential profile that is to hold it.
        path: where it stood.
        key: the key itself.
        origin: the origin it is for, as text; None when the provider's address is unknown. It goes nowhere else (G11).
        consents: codes of the consents without which it is not stored: those of the leaf, and of the address it is for.
    """

    profile: str
    path: Path
    key: str
    origin: str | None = None
    consents: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Secretive(profile={self.profile!r}, path={self.path!r}, origin={self.origin!r})"


class Findings:
    """Collects what is found; nothing is raised, so that every fault of a patch is told at once.

    Args:
        provider_id: whose login it is.
        owner: who brought the patch, for diagnostics.
    """

    def __init__(self, provider_id: str, owner: str) -> None:
        self.provider_id = provider_id
        self.owner = owner
        self.diagnostics: list[Diagnostic] = []
        self.refusals: list[Refusal] = []
        self.consents: list[Consent] = []

    def strip(self, path: Path) -> None:
        """Note that a path is out of reach and left out (G4, G5)."""
        own = self.provider_id
        message = f"A login of {own} may not change this; it is left out."
        hint = f"It may change models.providers.{own}, models.mode and agents.defaults.models."
        found = Diagnostic("patch.out-of-scope", message, "warning", shown_path(path), self.owner, hint, "G4")
        self.diagnostics.append(found)

    def report(self, rule: str, code: str, path: Path, message: str, hint: str | None = None) -> None:
        """Note a fault that costs only the part at `path`."""
        self.diagnostics.append(Diagnostic(code, message, "warning", shown_path(path), self.owner, hint, rule))

    def refuse(self, rule: str, code: str, path: Path, message: str) -> None:
        """Note a fault that costs the whole patch."""
        self.refusals.append(Refusal(rule, code, path, message))

    def ask(self, code: str, path: Path, question: str) -> tuple[str]:
        """Note a question; the same one about the same path is asked once. Returns its code, in a tuple."""
        consent = Consent(code, path, question)
        if consent not in self.consents:
            self.consents.append(consent)
        return (code,)


def refusal_diagnostics(refusals: list[Refusal], owner: str) -> tuple[Diagnostic, ...]:
    """Return the reasons of a refusal as errors, in an order that does not depend on that of the keys."""
    hint = "Nothing of it was applied. Tell the author of the plugin."
    found = {(shown_path(each.path), each.code, each.message, each.rule) for each in refusals}
    return tuple(
        Diagnostic(code, message, "error", path, owner, hint, rule)
        for path, code, message, rule in sorted(found)[:MAX_REFUSALS]
    )


def shown_path(path: Path) -> Path:
    """Return a path as it may be shown: a key that may be a secret is told by its length alone."""
    return tuple([_shown_key(key) for key in path])


def _shown_key(key: str) -> str:
    if len(key) < 16 and key.isprintable():
        return key
    long = len(key) > _SHOWN_KEY_LENGTH or (len(key) >= _SECRET_LENGTH and not re.search(r"[/ :]", key))
    if long or _LONG_RUN.search(key) or not key.isprintable():
        return f"<a key of {len(key)} characters>"
    return key
