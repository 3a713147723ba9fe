"""Where a provider's credential can come from, which source wins, and what it shadows. Pure.

The order is that of the programs whose settings are read here: the profile that was asked for, the AWS chain where the
config demands it, stored profiles in their order, the environment, the config's `apiKey`, the vendor's own chain.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from jackfield.config.overlay import names_of
from jackfield.credentials.order import arrange
from jackfield.credentials.profile import ApiKeyCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.diagnostics import format_path
from jackfield.errors import ConfigError, CredentialError
from jackfield.ids import canonical_id
from jackfield.providers.views.env_vars import env_mode
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jackfield.config.settings import ProviderSettings, Settings
    from jackfield.credentials.profile import Credential, Profile
    from jackfield.diagnostics import Diagnostic
    from jackfield.providers.block import EnvSet, Provider

# A second dollar sign in front says that no reference is meant.
_REFERENCE = re.compile(r"(\$?)\$\{([A-Z_][A-Z0-9_]*)\}")
# What stands in `apiKey` where a login brought a literal key: the profile that holds it now.
_PROFILE_REFERENCE = "profile:"
# What a config's auth.profiles entry may be about: it names the mode that the stored credential must have.
_ACCEPTS = {"oauth": ("oauth", "token"), "token": ("token",), "api_key": ("api_key",)}
# Why a profile is not chosen by itself; one that is asked for by its id is used all the same.
_NOT_ORDERED = "the profile order does not name it"
_NOT_LISTED = "auth.profiles lists others, but not this one"


SHUT_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "store.sealed": "it is sealed, and there is no key to open it",
        "store.other-key": "it is sealed with another key than the one in use",
        "store.tampered": "it was damaged or altered",
    }
)
"""Why a stored profile cannot be opened, by the code of the error, as the end of a sentence."""


@record
class Source:
    """One place a credential can come from.

    Attributes:
        kind: `profile` (the credential store), `env`, `config` (`models.providers.<id>.apiKey`), `chain` (the vendor's
            own credential chain), or `none` (a local service that needs no credential).
        name: the profile id, the variable, or the config path.
        mode: what it holds: `api_key`, `token`, `oauth`, `aws-sdk`, `adc` or `none`; `unknown` if that cannot be told.
        usable: whether it could be used now; `reason` says why not.
        secret: what is sent, None where there is nothing to send.
        origin: the origin the credential is bound to, when it was recorded.
    """

    kind: Literal["profile", "env", "config", "chain", "none"]
    name: str
    mode: str
    usable: bool = True
    reason: str | None = None
    secret: Secret | None = None
    origin: str | None = None

    @property
    def label(self) -> str:
        """The source for people: `profile openai:default`, `env OPENAI_API_KEY`, `config models...apiKey`."""
        return self.name if self.kind == "none" else f"{self.kind} {self.name}"

    def to_dict(self) -> dict[str, object]:
        """Return `{"kind", "name", "mode", "usable", "reason"}`, never the secret."""
        return {"kind": self.kind, "name": self.name, "mode": self.mode, "usable": self.usable, "reason": self.reason}


def _no_doubt(provider: Provider) -> Diagnostic | None:
    del provider
    return None


@record
class Surroundings:
    """Everything that sources are looked for in.

    Attributes:
        settings: the config.
        profiles: every stored profile.
        stored_order: explicit profile orders kept in the store, by provider id.
        env: the environment.
        now: ms since the epoch.
        file_exists: tells whether a path (with `~`) is an existing file.
        shut: ids of stored profiles that cannot be opened, each with why, as the end of a sentence.
        unread: the credential store cannot be read, so that there may be more profiles than those above.
        doubt: tells what in the config keeps from knowing where a provider's requests go; None when nothing does. A
            credential for an address that cannot be known is not sent to another one.
    """

    settings: Settings
    profiles: Sequence[Profile]
    stored_order: Mapping[str, Sequence[str]]
    env: Mapping[str, str]
    now: int
    file_exists: Callable[[str], bool]
    shut: Mapping[str, str] = MappingProxyType({})
    unread: bool = False
    doubt: Callable[[Provider], Diagnostic | None] = _no_doubt

    def is_untold(self, names: Iterable[str]) -> bool:
        """Tell whether a provider of these names may have a stored credential that cannot be seen."""
        return self.unread or any(canonical_id(each.partition(":")[0]) in names for each in self.shut)


def surroundings_without_store(settings: Settings, env: Mapping[str, str], now: int) -> Surroundings:
    """Return what credentials are looked for in while the credential store cannot be read: environment and config.

    Args:
        settings: the config.
        env: the environment.
        now: ms since the epoch.
    """
    return Surroundings(
        settings=settings,
        profiles=(),
        stored_order={},
        env=env,
        now=now,
        # A path whose `~` cannot be expanded stays as it is, and names no file: that is no reason to fail.
        file_exists=lambda path: Path(os.path.expanduser(path)).is_file(),  # noqa: PTH111
    )


def require_address(provider: Provider, where: Surroundings) -> None:
    """Raise `ConfigError` (`config.unsure-address`) when the config is wrong where it decides where requests go."""
    doubt = where.doubt(provider)
    if doubt is not None:
        raise ConfigError(
            f"Where requests of {provider.label} go is not known while the config is wrong, so no credential is given.",
            code="config.unsure-address",
            fix="Mend the places named, then check with: jackfield config validate",
            diagnostics=[doubt],
        )


def find_sources(provider: Provider, where: Surroundings) -> tuple[Source, ...]:
    """Return every source of a credential for `provider`, best first; unusable ones stand where they would count."""
    entry = where.settings.provider(names_of(provider))
    by_chain = [Source("chain", "AWS credential chain", "aws-sdk")] if entry and entry.auth == "aws-sdk" else []
    found = [
        *by_chain,
        *_from_profiles(provider, where),
        *_from_env(provider, where.env),
        *_from_config(entry, where),
    ]
    for each in provider.env.sets:
        found += _from_set(provider, each, where)
    waits_for_plugin = entry is None and any(each.supplied_by for each in provider.auth)
    if (provider.local and not waits_for_plugin) or _is_keyless(provider, entry):
        found.append(Source("none", "no key needed", "none"))
    return tuple(found)


def pick_source(sources: Iterable[Source], *, profile: str | None = None) -> Source | None:
    """Return the source that wins, or None when none can be used.

    Args:
        sources: as `find_sources` returns them.
        profile: id of the one profile to use, whatever else there is and whatever the config puts in order.

    Raises:
        CredentialError: `credential.profile` when that profile is not there or cannot be used.
    """
    every = tuple(sources)
    if profile is None:
        return next((each for each in every if each.usable), None)
    asked = next((each for each in every if each.kind == "profile" and each.name == profile), None)
    if asked is not None and asked.reason in {_NOT_ORDERED, _NOT_LISTED}:
        return replace(asked, usable=True, reason=None)
    if asked is None or not asked.usable:
        why = asked.reason if asked else "there is none of that name"
        raise CredentialError(
            f"The profile {profile} cannot be used: {why}.",
            code="credential.profile",
            fix="See what there is with: jackfield auth list",
        )
    return asked


def _is_keyless(provider: Provider, entry: ProviderSettings | None) -> bool:
    """Tell whether only the config knows the provider, and gives it an address but no key: then it needs none."""
    declared = provider.auth or provider.env.any_of or provider.env.sets
    return not declared and entry is not None and entry.base_url is not None and entry.api_key is None


def _from_profiles(provider: Provider, where: Surroundings) -> Iterator[Source]:
    """Yield the profiles in the order they are tried, then those that are not, each with the reason."""
    names = names_of(provider)
    own = {each.id: each for each in where.profiles if canonical_id(each.provider) in names}
    modes = {each.id: each.mode for each in where.settings.profiles if canonical_id(each.provider) in names}
    stored = next((ids for name in names if (ids := where.stored_order.get(name))), ())
    explicit = tuple(stored) or where.settings.order_of(names)
    refused = {
        name: reason for name, each in own.items() if (reason := _profile_fault(each, modes, explicit, where.now))
    }
    for name in arrange([each for name, each in own.items() if name not in refused], explicit, where.now):
        yield _profile_source(own[name])
    for name, reason in sorted(refused.items()):
        yield replace(_profile_source(own[name]), usable=False, reason=reason)
    for name, reason in sorted(where.shut.items()):
        if canonical_id(name.partition(":")[0]) in names:
            yield Source("profile", name, modes.get(name, "unknown"), usable=False, reason=reason)


def _profile_fault(profile: Profile, modes: Mapping[str, str], explicit: Sequence[str], now: int) -> str | None:
    mode = modes.get(profile.id)
    if mode is not None and profile.kind not in _ACCEPTS.get(mode, ()):
        return f"auth.profiles says its mode is {mode}, but it holds a credential of kind {profile.kind}"
    if not profile.is_usable(now):
        return "it has expired or is blank"
    if explicit and profile.id not in explicit:
        return _NOT_ORDERED
    if not explicit and modes and profile.id not in modes:
        return _NOT_LISTED
    return None


def _profile_source(profile: Profile) -> Source:
    return Source("profile", profile.id, profile.kind, secret=_secret(profile.credential), origin=profile.origin)


def _secret(credential: Credential) -> Secret:
    if isinstance(credential, ApiKeyCredential):
        return credential.key
    if isinstance(credential, TokenCredential):
        return credential.token
    return credential.access


def _from_env(provider: Provider, env: Mapping[str, str]) -> Iterator[Source]:
    for name in provider.env.any_of:
        value = env.get(name, "").strip()
        if value:
            yield Source("env", name, env_mode(name), secret=Secret(value))


def _from_set(provider: Provider, each: EnvSet, where: Surroundings) -> Iterator[Source]:
    """Yield the set when it is complete, or, with the reason, when it is begun."""
    present = [name for name in each.names if where.env.get(name, "").strip()]
    missing = [name for name in each.all_of if name not in present]
    if each.any_of and not set(each.any_of) & set(present):
        missing.append(" or ".join(each.any_of))
    path = where.env.get(each.file_variable or "", "").strip() or each.file_default
    if path is not None and not where.file_exists(path):
        missing.append(f"the file {path}")
    shown = " + ".join(name for name in each.names if name in present)
    mode = "api_key" if provider.auth_mode == "api-key" else provider.auth_mode
    if not missing:
        yield Source("env", shown, mode)
    elif present:
        yield Source("env", shown, mode, usable=False, reason=f"missing: {', '.join(missing)}")


def _from_config(entry: ProviderSettings | None, where: Surroundings) -> Iterator[Source]:
    if entry is None or entry.api_key is None:
        return
    path = format_path((*entry.path, "apiKey"))
    if entry.api_key.startswith(_PROFILE_REFERENCE):
        yield _from_reference(path, entry.api_key.removeprefix(_PROFILE_REFERENCE), where)
        return
    env = where.env
    missing: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        if match[1]:
            return match[0][1:]
        value = env.get(match[2], "").strip()
        if not value:
            missing.append(match[2])
        return value

    value = _REFERENCE.sub(value_of, entry.api_key)
    if missing:
        names = tuple(dict.fromkeys(missing))
        reason = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not set"
        yield Source("config", path, "api_key", usable=False, reason=reason)
    else:
        yield Source("config", path, "api_key", secret=Secret(value))


def _from_reference(path: str, name: str, where: Surroundings) -> Source:
    """Follow `profile:ID`, which a login writes in place of a literal key."""
    profile = next((each for each in where.profiles if each.id == name), None)
    if name in where.shut:
        return Source("config", path, "api_key", usable=False, reason=f"the profile {name}: {where.shut[name]}")
    if profile is None:
        return Source("config", path, "api_key", usable=False, reason=f"there is no profile {name}")
    if not profile.is_usable(where.now):
        return Source("config", path, profile.kind, usable=False, reason=f"the profile {name} has expired or is blank")
    return replace(_profile_source(profile), kind="config", name=path)
