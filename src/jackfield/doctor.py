"""The doctor: what is wrong, or soon will be, with a set-up, and the repairs that can be made.

Looking is pure: `examine` gets everything handed in. A repair is a draft of a commit and goes the same way as a login,
with its record, so that it can be taken back.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from jackfield.commits import Draft
from jackfield.config.file import Change, apply_changes
from jackfield.config.host import ABSENT, at, find, forget_changes
from jackfield.config.overlay import base_url_of, names_of
from jackfield.config.settings import read_settings
from jackfield.credentials.profile import OAuthCredential
from jackfield.credentials.sources import find_sources, pick_source
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import ConfigError, RequestError, UnknownNameError
from jackfield.ids import canonical_id, parse_model_ref, quoted
from jackfield.net import check_base_url, origin_of
from jackfield.providers.views import advisories, legacy_profiles
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jackfield.config.file import LoadedConfig
    from jackfield.config.include import IncludedFile
    from jackfield.config.settings import ProfileSettings, ProviderSettings
    from jackfield.credentials.profile import Profile
    from jackfield.credentials.sources import Surroundings
    from jackfield.diagnostics import Severity
    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry
    from jackfield.providers.views.legacy_profiles import LegacyRule

_DAY_MS = 24 * 60 * 60 * 1_000
_RANKS = {"error": 0, "warning": 1, "info": 2}
_MODEL = ("agents", "defaults", "model")
_MODELS = ("agents", "defaults", "models")
_REFUSED = ("auth", "refresh")
# What a config's mode allows the stored credential to be; see `jackfield.credentials.sources`.
_KINDS = {"oauth": ("oauth", "token"), "token": ("token",), "api_key": ("api_key",)}
# Shorter ones are markers such as `n/a` and `ollama`, which programs write where no key is needed.
_KEY_LENGTH = 20
_SHOWN_MAX = 120


@record
class Repair:
    """What mends a finding: config changes, profiles to remove, and files that become private."""

    changes: tuple[Change, ...] = ()
    remove: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@record
class Finding:
    """One thing found.

    Attributes:
        code: stable, such as `doctor.expired`.
        severity: `error` (something does not work), `warning` (it will not, or not as one would think), `info`.
        message: one plain sentence; never holds a secret.
        fix: what to do, as a sentence or a command.
        provider: id of the provider it is about, or None.
        path: where in the config, outermost key first.
        repair: what `--fix` does about it; None when only a person can.
    """

    code: str
    severity: Severity
    message: str
    fix: str
    provider: str | None = None
    path: tuple[str, ...] = ()
    repair: Repair | None = None

    def to_dict(self) -> dict[str, object]:
        """Return `{"code", "severity", "message", "fix", "provider", "path", "fixable"}`."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "fix": self.fix,
            "provider": self.provider,
            "path": list(self.path),
            "fixable": self.repair is not None,
        }


@record
class Case:
    """Everything the doctor looks at.

    Attributes:
        registry: the providers.
        config: the config as read, with its diagnostics. One that cannot be read is an empty one with diagnostics.
        where: what credentials are looked for in; its settings are those of `config`.
        diagnostics: what else was found on the way (registry, store).
        open_files: files that others may read and that hold secrets.
        old_folders: folders of older programs, in which their credential files are looked for by `where.file_exists`.
        unwritable: why no commit can be made of a repair, as a sentence; None when one can be.
    """

    registry: ProviderRegistry
    config: LoadedConfig
    where: Surroundings
    diagnostics: tuple[Diagnostic, ...] = ()
    open_files: tuple[str, ...] = ()
    old_folders: tuple[str, ...] = ()
    unwritable: str | None = None


def examine(case: Case) -> tuple[Finding, ...]:
    """Return every finding, each once, errors first, then in the order of the checks."""
    checks = (
        _from_diagnostics, _file_modes, _legacy, _old_files, _profiles, _orders, _providers, _renamed_models, _models,
        _aliases, _plugins, _credentials, _shadowed, _advice,
    )  # fmt: skip
    found = [finding for check in checks for finding in check(case)]
    once: dict[object, Finding] = {}
    for each in found:
        path = tuple(map(_shown, each.path))
        once.setdefault((each.code, each.message, path), replace(_within_reach(each, case), path=path))
    return tuple(sorted(once.values(), key=lambda each: _RANKS[each.severity]))


def _within_reach(finding: Finding, case: Case) -> Finding:
    """Return the finding without its repair where that cannot be made: by a commit now, or outside included files."""
    if finding.repair is None or not (finding.repair.changes or finding.repair.remove):
        return finding
    if case.unwritable is not None:
        return replace(finding, repair=None, fix=f"{case.unwritable} Then: {finding.fix}")
    try:
        apply_changes(case.config.document, finding.repair.changes)
    except ConfigError as error:
        if error.code != "config.included":
            raise
        places = "; ".join(map(str, error.diagnostics))
        return replace(finding, repair=None, fix=f"Mend it by hand: {places}.")
    return finding


def draft_repairs(findings: Iterable[Finding], case: Case) -> Draft:
    """Return what mends these findings, as one draft of a commit.

    Args:
        findings: as `examine` returned them; those that the case does not show any more are passed over, since the
            config may have been changed after the look.
        case: the set-up as it is now, with the config as it was read under its lock.

    Returns:
        The draft. Repairs of the same list keep what all of them keep, and nothing is written into an object that
        another repair removes. Files are made private by whoever carries the draft out: see `Repair.private`.
    """
    wanted = {(each.code, each.message, each.path) for each in findings}
    repairs = [each.repair for each in examine(case) if each.repair and (each.code, each.message, each.path) in wanted]
    merged: dict[tuple[str, ...], object] = {}
    for change in (change for repair in repairs for change in repair.changes):
        value = change.value
        if change.path in merged:
            value = _both(merged[change.path], value, at(_value(case), change.path))
        merged[change.path] = value
    gone = {path for path, value in merged.items() if value is None}
    changes = tuple(
        Change(path, value)
        for path, value in merged.items()
        if not any(path[:length] in gone for length in range(1, len(path)))
    )
    return Draft(changes, remove=tuple(dict.fromkeys(name for repair in repairs for name in repair.remove)))


def _both(one: object, other: object, before: object) -> object:
    """Return what two repairs of one leaf leave: of a list, what neither takes out, with what either puts in."""
    if isinstance(one, list) and isinstance(other, list):
        old = before if isinstance(before, list) else []
        kept = [each for each in one if each in other or each not in old]
        return [*kept, *(each for each in other if each not in old and each not in kept)] or None
    return None if one is None or other is None else other


def _from_diagnostics(case: Case) -> Iterator[Finding]:
    for each in (*case.config.diagnostics, *case.diagnostics):
        if each.code == "store.open-mode":
            # A folder needs another mode than a file, and the diagnostic says which one it is about.
            repair = Repair(private=each.path) if (each.hint or "").startswith("chmod 600 ") else None
            yield Finding(each.code, each.severity, each.message, each.hint or "Make it private.", repair=repair)
            continue
        # A plugin's own files have lines, too, and its messages name them.
        is_ours = each.line is not None and not (each.owner or "").startswith("plugin:")
        place = f" ({case.config.path}:{each.line}:{each.column})" if is_ours else ""
        fix = each.hint or ("Nothing needs to be done." if each.severity == "info" else "Mend it by hand.")
        yield Finding(each.code, each.severity, _sentence(each) + place, fix, path=each.path)


def _sentence(fault: Diagnostic) -> str:
    """Return a diagnostic as one sentence; those of a config's shape are written to follow their path."""
    text = fault.message if fault.message.endswith((".", "!", "?")) else f"{fault.message}."
    if not fault.path:
        return text
    return f"{format_path(map(_shown, fault.path))}{'' if text[:1].islower() else ':'} {text}"


def _file_modes(case: Case) -> Iterator[Finding]:
    told = {each.path for each in case.diagnostics if each.code == "store.open-mode"}
    included = (str(each.path) for each in case.config.includes if each.is_open and _holds_key(each))
    for path in dict.fromkeys((*case.open_files, *included)):
        if (path,) in told:
            continue
        message = f"{path} holds secrets, and other accounts of this machine may read it."
        fix = f"chmod 600 {shlex.quote(path)}"
        yield Finding("doctor.file-mode", "warning", message, fix, repair=Repair(private=(path,)))


def _holds_key(file: IncludedFile) -> bool:
    """Tell whether a literal key stands in a file, wherever it is taken in, and whether it counts or not."""
    for mount in file.mounts:
        value = file.document.own
        for name in reversed(mount):
            value = {name: value}
        keys = (each.api_key for each in read_settings(value).providers)
        if any(key and not key.startswith(("${", "profile:")) for key in keys):
            return True
    return False


# ------------------------------------------------------------------------------------- what older programs left behind


def _legacy(case: Case) -> Iterator[Finding]:
    rules = legacy_profiles(case.registry.snapshot())
    stored = {each.id: each for each in case.where.profiles}
    listed = _listed(case)
    seen = {each.provider for each in rules if each.provider and not case.where.is_untold((each.provider,))}
    removed = {rule.subject for rule in rules if rule.rule == "remove"}
    for rule in rules:
        if rule.rule == "remove" and (rule.subject in stored or rule.subject in listed):
            yield _unused(case, rule, stored)
        elif rule.rule == "migrate-mode" and rule.subject in listed and rule.subject not in removed:
            yield from _old_mode(rule, listed[rule.subject])
        elif rule.provider not in seen or rule.subject in stored:
            continue  # there, or not known to be missing
        elif rule.rule == "repair-default-id" and rule.subject in listed:
            yield from _default_id(case, rule, listed[rule.subject])
        elif rule.rule == "external-sync" and rule.source:
            yield from _other_program(case, rule)


def _unused(case: Case, rule: LegacyRule, stored: Mapping[str, Profile]) -> Finding:
    return Finding(
        "doctor.legacy-profile",
        "warning",
        f"The profile {rule.subject} is no longer used.",
        f"Remove it with --fix, then run: jackfield login {rule.provider}",
        rule.provider,
        ("auth", "profiles", rule.subject),
        Repair(_forgotten(case, rule.subject), remove=(rule.subject,) if rule.subject in stored else ()),
    )


def _old_mode(rule: LegacyRule, entry: ProfileSettings) -> Iterator[Finding]:
    if entry.mode != rule.to:
        path = ("auth", "profiles", rule.subject, "mode")
        message = f"The profile {rule.subject} has an old mode, {_shown(entry.mode)}."
        repair = Repair((Change(path, rule.to),))
        fix = f"Set it to {rule.to}, or let --fix do it."
        yield Finding("doctor.legacy-mode", "warning", message, fix, rule.provider, path, repair)


def _default_id(case: Case, rule: LegacyRule, entry: ProfileSettings) -> Iterator[Finding]:
    """Tell of an entry for `<provider>:default` whose credential is stored under the account's own name.

    It is renamed only where it is certain that both are one account: the same e-mail, or, where the entry has none, the
    only OAuth login that the config does not name. Two accounts never become one.
    """
    if entry.mode != "oauth":
        return
    listed = _listed(case)
    free = [
        each
        for each in case.where.profiles
        if each.provider == rule.provider and isinstance(each.credential, OAuthCredential) and each.id not in listed
    ]
    chosen = [each for each in free if _is_account(each, entry.email)] if entry.email else free
    path = ("auth", "profiles", rule.subject)
    if len(chosen) == 1:
        message = f"The config names the profile {rule.subject}; the credential is stored as {chosen[0].id}."
        repair = Repair(tuple(_renamed(case, rule.subject, chosen[0].id)))
        fix = "Name the stored one, or let --fix do it."
        yield Finding("doctor.default-id", "warning", message, fix, rule.provider, path, repair)
    elif chosen:
        names = ", ".join(each.id for each in chosen)
        message = f"The config names the profile {rule.subject}, which may be any of {names}."
        fix = "Name the right one in the config, or log in again."
        yield Finding("doctor.default-id", "warning", message, fix, rule.provider, path)


def _is_account(profile: Profile, email: str) -> bool:
    own = profile.credential.email if isinstance(profile.credential, OAuthCredential) else None
    return (own or profile.name).casefold() == email.casefold()


def _renamed(case: Case, old: str, new: str) -> Iterator[Change]:
    """Yield what gives an entry of `auth.profiles` another name, its places in orders included."""
    entry = at(_value(case), ("auth", "profiles", old))
    yield Change(("auth", "profiles", old), None)
    yield Change(("auth", "profiles", new), dict(entry) if isinstance(entry, dict) else {})
    for key, ids in case.where.settings.order:
        if old in ids:
            yield Change(("auth", "order", key), list(dict.fromkeys(new if each == old else each for each in ids)))


def _other_program(case: Case, rule: LegacyRule) -> Iterator[Finding]:
    if rule.source and case.where.file_exists(rule.source):
        message = f"Another program keeps a login for {rule.provider} in {rule.source}, which is not used here."
        fix = f"Run: jackfield login {rule.provider}"
        yield Finding("doctor.external-login", "info", message, fix, rule.provider)


def _old_files(case: Case) -> Iterator[Finding]:
    for rule in legacy_profiles(case.registry.snapshot()):
        for folder in case.old_folders if rule.rule == "import-file" else ():
            path = f"{folder.rstrip('/')}/{rule.source}"
            if case.where.file_exists(path):
                message = f"An older program left credentials in {path}, which are not used here."
                fix = f"Take them over with: jackfield import openclaw --from {shlex.quote(folder)}"
                yield Finding("doctor.old-file", "info", message, fix)


# ---------------------------------------------------------------------------------------------- profiles and orders


def _profiles(case: Case) -> Iterator[Finding]:
    stored = {each.id: each for each in case.where.profiles}
    told = {each.path[2] for each in _legacy(case) if each.path[:2] == ("auth", "profiles")}
    for entry in case.where.settings.profiles:
        path = ("auth", "profiles", entry.id)
        provider = canonical_id(entry.provider)
        if entry.id in stored:
            yield from _conflicts(case, entry, stored[entry.id])
        elif entry.id not in told and not case.where.unread and entry.id not in case.where.shut:
            shown = _shown(entry.id)
            message = f"The config names the profile {shown}, but no credential is stored under it."
            fix = f"Log in again (jackfield login {_shown(entry.provider)}), or remove the entry with --fix."
            repair = Repair(_forgotten(case, entry.id))
            yield Finding("doctor.missing-credential", "warning", message, fix, provider, path, repair)
    for profile in stored.values():
        if _find(case.registry, profile.provider) is None:
            message = f"The profile {profile.id} is for a provider that nobody registered."
            fix = f"Install what registers {profile.provider}, or run: jackfield logout --profile {profile.id}"
            yield Finding("doctor.orphan", "info", message, fix, profile.provider)


def _conflicts(case: Case, entry: ProfileSettings, profile: Profile) -> Iterator[Finding]:
    path = ("auth", "profiles", entry.id)
    if profile.kind not in _KINDS.get(entry.mode, ()):
        message = f"The config says that {entry.id} is of mode {_shown(entry.mode)}; a {profile.kind} is stored."
        repair = Repair((Change((*path, "mode"), profile.kind),))
        fix = f"Set the mode to {profile.kind}, or let --fix do it."
        yield Finding("doctor.mode", "warning", message, fix, profile.provider, (*path, "mode"), repair)
    mine, theirs = _find(case.registry, profile.provider), _find(case.registry, entry.provider)
    if (mine.id if mine else profile.provider) != (theirs.id if theirs else canonical_id(entry.provider)):
        message = f"The config says that {entry.id} is a profile of {_shown(entry.provider)}."
        fix = f"Write {profile.provider} there, as the profile's id does, or remove the entry."
        yield Finding("doctor.profile-provider", "warning", message, fix, profile.provider, (*path, "provider"))


def _orders(case: Case) -> Iterator[Finding]:
    settings = case.where.settings
    known = {each.id for each in case.where.profiles} | {each.id for each in settings.profiles} | set(case.where.shut)
    first: dict[str, str] = {}
    for key, ids in settings.order:
        path = ("auth", "order", key)
        provider = _find(case.registry, key)
        name = provider.id if provider else canonical_id(key)
        left = [each for each in dict.fromkeys(ids) if case.where.unread or each in known]
        if list(ids) != left:
            lost = ", ".join(_shown(each) for each in dict.fromkeys(ids) if each not in left)
            what = f"profiles that are not there: {lost}" if lost else "a profile twice"
            message = f"The order of {_shown(key)} names {what}."
            repair = Repair((Change(path, left or None),))
            yield Finding("doctor.order", "warning", message, "Take them out with --fix.", name, path, repair)
        if first.setdefault(name, key) != key:
            message = f"auth.order has two entries for {name}: {first[name]} and {_shown(key)}; only one counts."
            yield Finding("doctor.order-twice", "warning", message, "Merge them into one.", name, path)


# ---------------------------------------------------------------------------------------------- providers and models


def entry_faults(config: LoadedConfig, registry: ProviderRegistry) -> tuple[Diagnostic, ...]:
    """Return what is wrong with entries of `models.providers` in the light of the registered providers, each placed.

    Codes: `config.base-url` (an error) for an address that cannot be used, `config.same-provider` (a warning) for a
    second entry that means the same provider. An entry whose shape is wrong, as `config` says, is passed over.
    """
    found: list[Diagnostic] = []
    told = {each.path[:3] for each in config.diagnostics if each.severity == "error"}
    first: dict[str, str] = {}
    for entry in config.settings.providers:
        provider = _find(registry, entry.key)
        name = provider.id if provider else canonical_id(entry.key)
        if name in first:
            both = f"{_shown(first[name])} and {_shown(entry.key)}"
            message = f"models.providers has two entries for {_shown(name)}: {both}; only one counts."
            hint = "Merge them into one."
            found.append(Diagnostic("config.same-provider", message, "warning", entry.path, hint=hint))
        first.setdefault(name, entry.key)
        if provider is not None and entry.path not in told:
            found.extend(_address_faults(entry, name))
    return tuple(config.placed(each) for each in found)


def _address_faults(entry: ProviderSettings, name: str) -> Iterator[Diagnostic]:
    if entry.base_url is None or "${" in entry.base_url:
        return
    try:
        check_base_url(entry.base_url, allow_private_http=True)
    except RequestError as error:
        message = f"The address of {name} cannot be used: {error.message}"
        yield Diagnostic(
            "config.base-url", message, path=(*entry.path, "baseUrl"), hint=error.fix or "Write another one."
        )


def _providers(case: Case) -> Iterator[Finding]:
    settings = case.where.settings
    for fault in entry_faults(case.config, case.registry):
        code = "doctor.base-url" if fault.code == "config.base-url" else "doctor.twice"
        provider = _find(case.registry, fault.path[2])
        name = provider.id if provider else canonical_id(fault.path[2])
        yield Finding(code, fault.severity, fault.message, fault.hint or "Mend it.", name, fault.path)
    for entry in settings.providers:
        provider = _find(case.registry, entry.key)
        name = provider.id if provider else canonical_id(entry.key)
        key = entry.api_key or ""
        is_literal = len(key) >= _KEY_LENGTH and "${" not in key and not key.startswith("profile:")
        if is_literal and not (provider and provider.local):
            message = f"A literal key for {name} stands in the config, where backups and other programs see it."
            fix = f"Run: jackfield login {name}, then remove it there."
            yield Finding("doctor.literal-key", "info", message, fix, name, (*entry.path, "apiKey"))
    if settings.mode == "replace" and not settings.providers:
        message = "models.mode is replace, and there is nothing in models.providers: no provider is left."
        yield Finding("doctor.replaced", "error", message, "Set it to merge, or remove it.", path=("models", "mode"))


def _refs(case: Case) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the default model and its fallbacks, each with its place."""
    settings = case.where.settings
    if settings.default_model:
        yield settings.default_model, _default_path(case)
    for ref in settings.fallbacks:
        yield ref, (*_MODEL, "fallbacks")


def _renamed_models(case: Case) -> Iterator[Finding]:
    renames = {rule.subject: rule for rule in legacy_profiles(case.registry.snapshot()) if rule.rule == "model-ref"}
    fallbacks = case.where.settings.fallbacks
    for ref, path in _refs(case):
        rule = renames.get(_canonical(ref))
        if rule is None or rule.to is None:
            continue
        value: object = rule.to
        if path[-1] == "fallbacks":
            new = [renames[_canonical(each)].to if _canonical(each) in renames else each for each in fallbacks]
            value = list(dict.fromkeys(new))
        yield _renamed_model(ref, rule, path, (Change(path, value),))
    listed = at(_value(case), _MODELS)
    for ref, _ in case.where.settings.model_entries:
        rule = renames.get(_canonical(ref))
        if rule is None or rule.to is None or not isinstance(listed, dict):
            continue
        changes = (Change((*_MODELS, ref), None), Change((*_MODELS, rule.to), listed[ref]))
        # Which of two entries counts is for the user to say.
        yield _renamed_model(ref, rule, (*_MODELS, ref), changes if rule.to not in listed else ())


def _renamed_model(ref: str, rule: LegacyRule, path: tuple[str, ...], changes: tuple[Change, ...]) -> Finding:
    message = f"The model {ref} has a new name, {rule.to}."
    fix = f"Name it {rule.to}" + (", or let --fix do it." if changes else "; there is an entry of that name already.")
    repair = Repair(changes) if changes else None
    return Finding("doctor.model-renamed", "warning", message, fix, rule.provider, path, repair)


def _models(case: Case) -> Iterator[Finding]:
    renamed = {_canonical(r.subject) for r in legacy_profiles(case.registry.snapshot()) if r.rule == "model-ref"}
    for ref, path in _refs(case):
        if _canonical(ref) not in renamed:
            yield from _model(case, ref, path)
    default, listed = case.where.settings.default_model, at(_value(case), _MODELS)
    if default and isinstance(listed, dict) and listed and _canonical(default) not in map(_canonical, listed):
        if _canonical(default) in renamed or "/" not in default:
            return
        path = (*_MODELS, default)
        message = f"The default model {_shown(default)} is not in agents.defaults.models, which lists what may be used."
        repair = Repair((Change(path, {}),)) if find(listed, (default,)) is ABSENT else None
        yield Finding("doctor.not-allowed", "warning", message, "Add it there, or let --fix do it.", None, path, repair)


def _default_path(case: Case) -> tuple[str, ...]:
    return (*_MODEL, "primary") if isinstance(at(_value(case), _MODEL), dict) else _MODEL


def _model(case: Case, ref: str, path: tuple[str, ...]) -> Iterator[Finding]:
    try:
        parsed = parse_model_ref(ref)
    except RequestError:
        return  # a bare name: the config's own check has said so
    shown, which = _shown(ref), "fallback" if path[-1] == "fallbacks" else "default"
    severity: Severity = "warning" if which == "fallback" else "error"
    provider = _find(case.registry, parsed.provider)
    if provider is None:
        message = f"The {which} model {shown} is of a provider that nobody registered."
        fix = "Name another, or install what registers it."
        yield Finding("doctor.unknown-provider", severity, message, fix, path=path)
        return
    if provider.models and provider.discovery is None and not _has_model(case, provider, parsed.model):
        message = f"The {which} model {shown} is not in the list of {provider.label}."
        fix = f"See: jackfield providers show {provider.id}"
        yield Finding("doctor.unknown-model", "info", message, fix, provider.id, path)
    if not _has_credential(case, provider) and not provider.tags.cli:
        message = f"The {which} model {shown} needs a credential for {provider.label}, and there is none."
        fix = f"Run: jackfield login {provider.id}"
        yield Finding("doctor.missing-auth", severity, message, fix, provider.id, path)


def _has_model(case: Case, provider: Provider, model: str) -> bool:
    entry = case.where.settings.provider(names_of(provider))
    own = {each.get("id") for each in entry.models} if entry else set()
    return model in own or model in provider.short_names or provider.model(model) is not None


def _aliases(case: Case) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for ref, alias in case.where.settings.model_entries:
        if alias is None:
            continue
        name = alias.casefold()
        if name in first:
            message = f"The alias {_shown(alias)} is given to {_shown(first[name])} and to {_shown(ref)}."
            path = (*_MODELS, ref, "alias")
            yield Finding("doctor.alias-twice", "warning", message, "Give one of them another alias.", path=path)
        first.setdefault(name, ref)


def _plugins(case: Case) -> Iterator[Finding]:
    """Tell of logins in use whose plugin is switched off."""
    plugins = at(_value(case), ("plugins",))
    if not isinstance(plugins, dict):
        return
    for provider in case.registry.list_providers():
        names = {each.supplied_by for each in provider.auth}
        for plugin in sorted(name for name in names if name and None not in names):
            place = _switched_off(plugins, plugin)
            if place and _is_configured(case, provider):
                message = f"{provider.label} is in use, and the plugin {plugin} that its login needs is switched off."
                fix = f"Change {format_path(place)}."
                yield Finding("doctor.plugin-disabled", "warning", message, fix, provider.id, place)


def _switched_off(plugins: Mapping[str, object], plugin: str) -> tuple[str, ...] | None:
    denied = plugins.get("deny")
    if plugins.get("enabled") is False:
        return ("plugins", "enabled")
    if isinstance(denied, list) and plugin in denied:
        return ("plugins", "deny")
    if at(plugins, ("entries", plugin, "enabled")) is False:
        return ("plugins", "entries", plugin, "enabled")
    return None


# ------------------------------------------------------------------------------------------------------ credentials


def _credentials(case: Case) -> Iterator[Finding]:
    for profile in case.where.profiles:
        yield from _resting(case, profile)
        yield from _expiry(case, profile)
        yield from _foreign_origin(case, profile)


def _resting(case: Case, profile: Profile) -> Iterator[Finding]:
    until = profile.usage.rests_until(case.where.now)
    if until is not None:
        minutes = max(1, round((until - case.where.now) / 60_000))
        reasons = ", ".join(sorted(profile.usage.failure_counts)) or "failures"
        message = f"The profile {profile.id} rests for {minutes} more minutes after {reasons}."
        yield Finding("doctor.cooldown", "info", message, "Wait, or use another profile.", profile.provider)


def _expiry(case: Case, profile: Profile) -> Iterator[Finding]:
    expires = getattr(profile.credential, "expires", None)
    if not isinstance(expires, int):
        return
    fix = f"Run: jackfield login {profile.provider}"
    if isinstance(profile.credential, OAuthCredential) and profile.credential.refresh:
        if expires <= case.where.now and any(each in profile.usage.failure_counts for each in _REFUSED):
            message = f"The login {profile.id} could not be renewed."
            yield Finding("doctor.not-renewed", "error", message, fix, profile.provider)
        return
    if expires <= case.where.now:
        yield Finding("doctor.expired", "error", f"The profile {profile.id} has expired.", fix, profile.provider)
    elif expires <= case.where.now + _DAY_MS:
        message = f"The profile {profile.id} expires within 24 hours."
        yield Finding("doctor.expires", "warning", message, fix, profile.provider)


def _foreign_origin(case: Case, profile: Profile) -> Iterator[Finding]:
    """G11: a credential is bound to the origin that it was issued for."""
    provider = _find(case.registry, profile.provider)
    if provider is None or profile.origin is None:
        return
    entry = case.where.settings.provider(names_of(provider))
    try:
        here = str(origin_of(base_url_of(provider, entry, case.where.env) or profile.origin))
    except RequestError:
        return  # the address itself is at fault, and that was said
    if here != profile.origin:
        message = f"The profile {profile.id} was issued for {profile.origin}; the config now leads to {here}."
        fix = f"Restore the address, or log in for the new one: jackfield login {provider.id}"
        path = (*entry.path, "baseUrl") if entry else ()
        yield Finding("doctor.origin", "warning", message, fix, provider.id, path)


def _shadowed(case: Case) -> Iterator[Finding]:
    for provider in case.registry.list_providers():
        sources = find_sources(provider, case.where)
        usable = [each for each in sources if each.usable and each.secret is not None]
        hidden = [each for each in usable[1:] if each.kind != usable[0].kind and each.secret != usable[0].secret]
        if hidden:
            labels = ", ".join(each.label for each in hidden)
            message = f"{provider.label} uses {usable[0].label}; it hides {labels}."
            fix = f"See: jackfield explain {provider.id}"
            yield Finding("doctor.shadowed", "info", message, fix, provider.id)
        listed = {each.id for each in case.where.settings.profiles}
        for each in sources:
            if each.kind == "profile" and not each.usable and each.name not in listed and _is_fresh(case, each.name):
                message = f"The profile {each.name} is not used: {each.reason}."
                fix = f"Name it there, or run: jackfield logout --profile {each.name}"
                yield Finding("doctor.unused-profile", "info", message, fix, provider.id)


def _is_fresh(case: Case, name: str) -> bool:
    return any(each.id == name and each.is_usable(case.where.now) for each in case.where.profiles)


# -------------------------------------------------------------------------------------------------------- advisories


def _advice(case: Case) -> Iterator[Finding]:
    """Tell the advisories of the doctor and of the status whose condition is met."""
    blocks = {each.id: each for each in case.registry.list_providers()}
    conditions = {(block.id, each.id): each.condition for block in blocks.values() for each in block.advisories}
    for row in advisories(case.registry.snapshot()):
        if row.provider not in blocks or row.when not in {"doctor", "status"}:
            continue
        applies = _CONDITIONS[conditions[row.provider, row.id]]
        if applies(case, blocks[row.provider]):
            fix = row.url or f"See: jackfield explain {row.provider}"
            yield Finding(f"advisory.{row.id}", "info", row.text, fix, row.provider)


def _has_entry(case: Case, provider: Provider) -> bool:
    return case.where.settings.provider(names_of(provider)) is not None


def _has_sibling(case: Case, provider: Provider) -> bool:
    siblings = [
        each
        for each in case.registry.list_providers()
        if each.group is not None and each.group == provider.group and each.id != provider.id
    ]
    return not _has_credential(case, provider) and any(_has_credential(case, each) for each in siblings)


def _has_legacy(case: Case, provider: Provider) -> bool:
    there = {each.id for each in case.where.profiles} | _listed(case).keys()
    return any(each.rule == "remove" and each.subject in there for each in provider.legacy)


def _is_in_use(case: Case, provider: Provider) -> bool:
    return _has_models(case, provider) and not _has_credential(case, provider)


def _is_configured(case: Case, provider: Provider) -> bool:
    names = {each.provider for each in case.where.profiles} | {each.provider for each in case.where.settings.profiles}
    named = any(canonical_id(each) in names_of(provider) for each in names)
    return named or _has_entry(case, provider) or _has_models(case, provider)


def _has_models(case: Case, provider: Provider) -> bool:
    settings = case.where.settings
    refs = [settings.default_model or "", *settings.fallbacks, *(ref for ref, _ in settings.model_entries)]
    return any(canonical_id(ref.partition("/")[0]) in names_of(provider) for ref in refs)


def _has_credential(case: Case, provider: Provider) -> bool:
    """Tell whether there is a credential, or may be one that cannot be seen."""
    return case.where.is_untold(names_of(provider)) or pick_source(find_sources(provider, case.where)) is not None


_CONDITIONS: Mapping[str | None, Callable[[Case, Provider], bool]] = {
    "config-entry": _has_entry,
    "group-sibling": _has_sibling,
    "legacy-profile": _has_legacy,
    "in-use": _is_in_use,
    None: _is_configured,
}


# ----------------------------------------------------------------------------------------------------------- helpers


def _listed(case: Case) -> dict[str, ProfileSettings]:
    return {each.id: each for each in case.where.settings.profiles}


def _forgotten(case: Case, profile_id: str) -> tuple[Change, ...]:
    return tuple(Change(*each) for each in forget_changes(_value(case), profile_id))


def _find(registry: ProviderRegistry, name: str) -> Provider | None:
    try:
        return registry.resolve_provider(name)
    except UnknownNameError:
        return None


def _canonical(ref: str) -> str:
    try:
        return str(parse_model_ref(ref))
    except RequestError:
        return ref


def _shown(text: str) -> str:
    """Return a name of the config as a message may show it: what does not print or is no name is quoted."""
    return text if text.isprintable() and len(text) <= _SHOWN_MAX else quoted(text)


def _value(case: Case) -> dict[str, object]:
    value = case.config.document.value
    return value if isinstance(value, dict) else {}
