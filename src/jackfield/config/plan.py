"""From what a login returned to what will be written: plans. Pure; the guard's rules are in `jackfield.config.guard`.

A plan holds the changes, the diagnostics, and the consents that are still to be asked. `apply` makes a new value and
proves, each time, that nothing outside the allowed paths differs (G16).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.config.guard.doors import Doors, ProfilePlan, clean_note
from jackfield.config.guard.fields import Builder
from jackfield.config.guard.findings import Consent, Findings, Planned, Secretive, refusal_diagnostics
from jackfield.config.guard.hostile import find_hostile
from jackfield.config.guard.intake import Refusal, RefusedError, take_in
from jackfield.config.guard.merge import Merger
from jackfield.config.guard.outcome import check_outcome
from jackfield.config.guard.view import frozen_view
from jackfield.config.host import ABSENT, at, default_model_changes, find, profile_changes
from jackfield.config.values import canonical, plain, plain_object, put, same
from jackfield.diagnostics import format_path
from jackfield.errors import ConfigError
from jackfield.ids import is_id
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jackfield.diagnostics import Diagnostic
    from jackfield.providers.registry import ProviderRegistry
    from jackfield.table import Owner

__all__ = [
    "Consent",
    "LoginPlan",
    "PatchPlan",
    "Planned",
    "ProfilePlan",
    "Secretive",
    "canonical",
    "check_outcome",
    "clean_note",
    "frozen_view",
    "plan_login",
    "plan_patch",
]

Path = tuple[str, ...]

_ENTRIES = ("agents", "defaults", "models")
# What is shorter is a marker rather than a secret, and may stand in other texts by chance.
_TELLING_LENGTH = 12
_MARK = re.compile(r"(?:[a-z0-9]+[-_])*oauth")
_RESULT_FIELDS = ("profiles", "configPatch", "defaultModel", "notes")


@record
class PatchPlan:
    """What a patch will change.

    Attributes:
        provider_id: whose login it was.
        planned: the leaves to write, each with the consents it needs.
        diagnostics: what was stripped or refused, and why.
        consents: the questions still open.
        refused: the whole was refused; there are no changes then.
        secrets: literal keys that go to the credential store; the changes hold references to them.
        host_paths: what the host itself writes beside the patch (profiles, order, default model).
        origin: where the provider's requests go when every change is agreed to, as text; None when that is unknown.
            Credentials that the login returned are for this origin.
        foundation: the consents without which the provider would have no address at all.
    """

    provider_id: str
    planned: tuple[Planned, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    consents: tuple[Consent, ...] = ()
    refused: bool = False
    secrets: tuple[Secretive, ...] = ()
    host_paths: tuple[Path, ...] = ()
    origin: str | None = None
    foundation: tuple[str, ...] = ()

    @property
    def changes(self) -> list[tuple[Path, object]]:
        """Every change as (path, new value), those that wait for a consent included."""
        return [(each.path, plain(each.value)) for each in self.planned]

    def granted(self, accepted: Iterable[str] = ()) -> list[tuple[Path, object]]:
        """Return the changes whose consents are all among `accepted` (codes).

        Of a list of models that needs a consent which is not there, the part that takes nothing from the user comes.
        """
        return [(each.path, plain(value)) for each, value in self._granted(accepted)]

    def granted_secrets(self, accepted: Iterable[str] = ()) -> tuple[Secretive, ...]:
        """Return the literal keys that may be stored: those whose reference and address are both agreed to."""
        codes = frozenset(accepted)
        return tuple(each for each in self.secrets if codes.issuperset(each.consents))

    def apply(self, current: Mapping[str, object], accepted: Iterable[str] = ()) -> dict[str, object]:
        """Return `current` with the granted changes made; the input is untouched.

        Args:
            current: the config as plain values: the one that was planned for, or one with the changes made already.
            accepted: codes of the consents that were given.

        Raises:
            ConfigError: `config.changed` when a leaf is not as it was when the plan was made,
                `config.not-an-object` when something else than an object is on the way.
            InternalError: `internal.guard` when something outside the allowed paths would differ (G16).
        """
        before = plain_object(current)
        after = before
        for each, value in self._granted(accepted):
            found = find(before, each.path)
            wanted = ABSENT if value is None else value
            if not same(found, each.before) and not same(found, wanted):
                message = f"{format_path(each.path)} was changed since the login was planned."
                raise ConfigError(message, code="config.changed", fix="Log in again.")
            after = put(after, each.path, plain(value))
        check_outcome(before, after, self.provider_id, self.host_paths)
        return after

    def _granted(self, accepted: Iterable[str]) -> Iterator[tuple[Planned, object]]:
        codes = frozenset(accepted)
        for each in self.planned:
            if codes.issuperset(each.consents):
                yield each, each.value
            elif each.instead is not ABSENT and codes.issuperset(each.consents_instead):
                yield each, each.instead

    def to_dict(self) -> dict[str, object]:
        """Return `{"refused", "changes", "consents", "diagnostics"}` as JSON-ready values."""
        return {
            "refused": self.refused,
            "changes": [{"path": list(path), "value": value} for path, value in self.changes],
            "consents": [each.to_dict() for each in self.consents],
            "diagnostics": [
                {
                    "code": each.code,
                    "rule": each.rule,
                    "severity": each.severity,
                    "path": list(each.path),
                    "message": each.message,
                    "hint": each.hint,
                }
                for each in self.diagnostics
            ],
        }


def plan_patch(
    current: Mapping[str, object],
    patch: object,
    *,
    provider_id: str,
    owner: Owner | str,
    registry: ProviderRegistry,
    written: Mapping[Path, object] | None = None,
    typed: Sequence[str] = (),
) -> PatchPlan:
    """Plan what `patch` may change in `current`.

    Args:
        current: the config as plain values, as it stands in the file (nothing substituted).
        patch: JSON as bytes or text (rule G1), or built-in values (rule G2).
        provider_id: canonical id of the provider whose login returned the patch; it is never read from the patch (G6).
            It need not be registered.
        owner: who that was.
        registry: the providers there are.
        written: what earlier logins wrote, by path; any other leaf counts as set by hand (G19).
        typed: base URLs that the user typed during this login; each is the consent to its own private address.

    Returns:
        The plan. Nothing is raised for what the patch holds: it is stripped or refused, with diagnostics.

    Raises:
        ConfigError: `config.unwritable`, `config.too-deep` or `config.not-an-object` when `current` is no config.
    """
    findings = Findings(provider_id, str(owner))
    try:
        value = take_in(patch)
    except RefusedError as error:
        findings.refusals.append(error.refusal)
        return _refused(findings)
    return _plan(plain_object(current), value, findings, registry, written or {}, tuple(typed))


def _plan(
    current: dict[str, object],
    patch: object,
    findings: Findings,
    registry: ProviderRegistry,
    written: Mapping[Path, object],
    typed: tuple[str, ...],
    secrets: tuple[str, ...] = (),
) -> PatchPlan:
    """Plan a patch that was taken in already; what `findings` holds before counts too.

    `secrets` are texts that stand in the credentials of the same login.
    """
    own = findings.provider_id
    if not is_id(own) or _is_alias(registry, own):
        findings.refuse("G6", "patch.own-id", (), "The login did not run under a provider's canonical id.")
    if not isinstance(patch, dict):
        findings.refuse("G4", "patch.root", (), "A patch is an object.")
        return _refused(findings)
    findings.refusals += find_hostile(patch, ("models", "providers", own, "apiKey"))
    if findings.refusals:
        return _refused(findings)
    merger = Merger(current, written, findings)
    builder = Builder(current, registry, findings, merger, typed)
    builder.build(patch)
    _refuse_copies(merger.planned, (*secrets, *(each.key for each in builder.secrets)), findings)
    if findings.refusals:
        return _refused(findings)
    return PatchPlan(
        provider_id=own,
        planned=tuple(merger.planned),
        diagnostics=tuple(findings.diagnostics),
        consents=tuple(findings.consents),
        secrets=builder.secrets,
        origin=builder.connection.origin,
        foundation=builder.connection.foundation,
    )


def _refuse_copies(planned: Iterable[Planned], secrets: Iterable[str], findings: Findings) -> None:
    """Refuse a patch that would write a secret of its own login into the config, wherever it put it (G17)."""
    telling = [canonical(each)[1:-1] for each in secrets if len(each) >= _TELLING_LENGTH]
    for each in planned if telling else ():
        text = canonical([*each.path, each.value])
        if any(secret in text for secret in telling):
            message = "A secret of this login stands in a value that would be written into the config."
            findings.refuse("G17", "patch.secret", each.path, message)


def _is_alias(registry: ProviderRegistry, name: str) -> bool:
    entry = registry.snapshot().get(name)
    return entry is not None and entry.key != name


def _refused(findings: Findings) -> PatchPlan:
    diagnostics = refusal_diagnostics(findings.refusals, findings.owner)
    return PatchPlan(provider_id=findings.provider_id, diagnostics=diagnostics, refused=True)


@record
class LoginPlan:
    """What a login's whole result will do: the patch and the four other doors.

    Attributes:
        patch: the plan of the config changes, those of the host included; `apply`, `consents`, `changes` are its own.
        profiles: credentials to keep; they are for the origin `patch.origin`.
        notes: texts to show, cleaned.
        default_model: the model ref that becomes the default; None when it stays.
    """

    patch: PatchPlan
    profiles: tuple[ProfilePlan, ...] = ()
    notes: tuple[str, ...] = ()
    default_model: str | None = None

    @property
    def refused(self) -> bool:
        """Whether the whole was refused: nothing is written and no credential kept."""
        return self.patch.refused

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was stripped or refused, and why."""
        return self.patch.diagnostics

    @property
    def consents(self) -> tuple[Consent, ...]:
        """The questions still open."""
        return self.patch.consents

    @property
    def changes(self) -> list[tuple[Path, object]]:
        """Every config change as (path, new value)."""
        return self.patch.changes

    def apply(self, current: Mapping[str, object], accepted: Iterable[str] = ()) -> dict[str, object]:
        """See `PatchPlan.apply`."""
        return self.patch.apply(current, accepted)


def plan_login(
    current: Mapping[str, object],
    result: object,
    *,
    provider_id: str,
    owner: Owner | str,
    registry: ProviderRegistry,
    set_default: bool,
    written: Mapping[Path, object] | None = None,
    profile_owners: Mapping[str, str] | None = None,
    typed: Sequence[str] = (),
) -> LoginPlan:
    """Plan what a login's whole result may do: `{profiles, configPatch?, defaultModel?, notes?}`.

    Args:
        current, provider_id, owner, registry, written, typed: see `plan_patch`.
        result: JSON as bytes or text, or built-in values.
        set_default: the user asked for the default model; without it the result's wish is passed over (G15).
        profile_owners: who stored the profiles there are, by profile id.

    Returns:
        The plan. A profile that is not the provider's own, or that somebody else stored, refuses the whole (G15).

    Raises:
        ConfigError: see `plan_patch`.
    """
    findings = Findings(provider_id, str(owner))
    doors = Doors(findings, profile_owners or {})
    try:
        value = take_in(result)
    except RefusedError as error:
        value = None
        findings.refusals.append(error.refusal)
    if not isinstance(value, dict):
        findings.refusals = findings.refusals or [Refusal("G15", "login.result", (), "A login returns an object.")]
        return LoginPlan(_refused(findings))
    config = plain_object(current)
    # At the top, null is how some languages say that a part is not there.
    parts = {name: item for name, item in value.items() if item is not None}
    profiles = doors.profiles(parts.get("profiles", []))
    secrets = tuple(text for each in profiles for text in each.secrets)
    patch = _plan(config, parts.get("configPatch", {}), findings, registry, written or {}, tuple(typed), secrets)
    for each in patch.secrets:
        doors.require_own(each.profile, each.path)
    if findings.refusals:
        return LoginPlan(_refused(findings))
    notes = tuple(_without_secrets(each, secrets) for each in doors.notes(parts.get("notes", [])))
    default = doors.default_model(parts.get("defaultModel")) if set_default else None
    for name in parts:
        if name not in _RESULT_FIELDS:
            doors.unknown(name)
    patch = _without_repeated_keys(_without_markers(patch, profiles), profiles, findings)
    host = _host_changes(config, registry, patch, profiles, default)
    whole = replace(
        patch,
        planned=(*patch.planned, *host),
        diagnostics=tuple(findings.diagnostics),
        host_paths=tuple(each.path for each in host),
    )
    return LoginPlan(whole, profiles, notes, default)


def _without_markers(patch: PatchPlan, profiles: Sequence[ProfilePlan]) -> PatchPlan:
    """Leave out a literal such as `acme-oauth` where the login returned a grant: it only marks that there is one.

    Older programs wanted something to stand there. Stored, it would count as a key, and be sent.
    """
    if not any(each.kind == "oauth" for each in profiles):
        return patch
    marks = {each.path for each in patch.secrets if _MARK.fullmatch(each.key)}
    planned = tuple(each for each in patch.planned if each.path not in marks)
    return replace(patch, planned=planned, secrets=tuple(each for each in patch.secrets if each.path not in marks))


def _without_repeated_keys(patch: PatchPlan, profiles: Sequence[ProfilePlan], findings: Findings) -> PatchPlan:
    """Keep one credential for one profile: the profile that the login returned wins over a literal key."""
    fields = {each.id: each.fields for each in profiles}
    kept = []
    for each in patch.secrets:
        if each.profile not in fields:
            kept.append(each)
        elif each.key not in fields[each.profile].values():
            message = "The key differs from the credential that the login returned; the credential is kept."
            findings.report("G15", "patch.key-twice", each.path, message)
    return replace(patch, secrets=tuple(kept))


def _without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a note without the secrets of its login: a note is shown."""
    for each in sorted((each for each in secrets if len(each) >= _TELLING_LENGTH), key=len, reverse=True):
        text = text.replace(each, "…")
    return text


def _host_changes(
    current: Mapping[str, object],
    registry: ProviderRegistry,
    patch: PatchPlan,
    profiles: Sequence[ProfilePlan],
    default: str | None,
) -> tuple[Planned, ...]:
    entry = registry.snapshot().get(patch.provider_id)
    names = entry.names if entry else (patch.provider_id,)
    changes: dict[Path, Planned] = {}
    # One after the other: each profile takes its place in the order that the one before it left.
    config = dict(current)
    for each in profiles:
        for path, value in profile_changes(config, names, each.id, each.kind, each.email):
            changes[path] = Planned(path, value, (), find(current, path))
            config = put(config, path, value)
    if default is not None:
        alias = entry.value.seed_aliases.get(default.partition("/")[2]) if entry else None
        for planned in _default_changes(current, patch, default, alias):
            changes[planned.path] = planned
    return tuple(changes.values())


def _default_changes(
    current: Mapping[str, object], patch: PatchPlan, default: str, alias: str | None
) -> Iterator[Planned]:
    """Yield what makes a model the default, and where the patch begins the list of models, the model's place in it."""
    entries = [each for each in patch.planned if each.path[:3] == _ENTRIES]
    listed = any(each.path[3] == default for each in entries)
    given = [at(each.value, ("alias",)) if len(each.path) == 4 else each.value for each in entries]
    alias = None if alias in given else alias
    for path, value in default_model_changes(current, default, alias):
        if not (listed and path[:3] == _ENTRIES):
            yield Planned(path, value, patch.foundation, find(current, path))
    if entries and not listed and not at(current, _ENTRIES):
        path = (*_ENTRIES, default)
        yield Planned(path, {}, entries[0].consents, find(current, path))
