"""What becomes of everything that a source holds: taken, kept (what is here stays) or skipped, and why. Pure.

What is written into the config goes through the gate of logins, provider by provider, as if each had been logged in to
by its user: an address in a private network, a list of models that could switch others off, and what was set by hand
need a consent. What the gate refuses costs its own setting alone. Literal keys go to the credential store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.config.guard.findings import shown_path
from jackfield.config.guard.hostile import is_indirect
from jackfield.config.host import at
from jackfield.config.overlay import config_providers, names_of
from jackfield.config.plan import plan_login
from jackfield.config.settings import read_settings
from jackfield.config.values import canonical, plain_object, put, same
from jackfield.credentials.legacy import LegacyEntry
from jackfield.credentials.takeover import TakeoverContext, plan_takeover, takeover_changes
from jackfield.diagnostics import format_path
from jackfield.errors import RequestError
from jackfield.ids import canonical_id, is_id, parse_model_ref
from jackfield.imports.environment import with_key
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jackfield.config.plan import Consent, LoginPlan, Secretive
    from jackfield.credentials.profile import Profile
    from jackfield.credentials.takeover import Takeover
    from jackfield.diagnostics import Diagnostic
    from jackfield.imports.found import Found, Setting
    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry

Path = tuple[str, ...]
State = Literal["taken", "kept", "skipped"]

USER = "user"
KEY_NAME = "config"
"""What the profile of a key is called that stood in a config file."""

_PROVIDERS = ("models", "providers")
_ENTRIES = ("agents", "defaults", "models")
_DEFAULT = ("agents", "defaults", "model")
_OVERWRITE = "overwrite"
_UNKNOWN = "Nobody registers its provider here."
_HOLDS_KEY = "It holds a key, which belongs into the credential store alone."
_SAME = "The config says the same already."
# What is shorter is a marker rather than a secret, and may stand in other texts by chance.
_TELLING_LENGTH = 12


@record
class SettingOutcome:
    """What becomes of one setting.

    Attributes:
        setting: the setting.
        state: `taken`; `kept` (what the config says stays, or says the same); `skipped` (it cannot be used here).
        reason: plain sentences, None where there is nothing to explain.
        path: where it goes in the config; empty where it goes nowhere.
    """

    setting: Setting
    state: State
    reason: str | None = None
    path: Path = ()

    def to_dict(self) -> dict[str, object]:
        """Return `{"path", "name", "file", "state", "reason"}`, never the value."""
        return {
            "path": list(shown_path(self.path)),
            "name": self.setting.name,
            "file": self.setting.file,
            "state": self.state,
            "reason": self.reason,
        }


@record
class ImportContext:
    """What decides on an import.

    Attributes:
        registry: the providers there are.
        stored: the profiles that are stored, by id.
        env: the environment, for addresses with places to fill in.
        now: ms since the epoch.
        written: what earlier commits wrote into the config, by path; any other leaf counts as set by hand.
    """

    registry: ProviderRegistry
    stored: Mapping[str, Profile]
    env: Mapping[str, str]
    now: int
    written: Mapping[Path, object]


@record
class ImportPlan:
    """What an import does.

    Attributes:
        profiles: what becomes of each credential.
        settings: what becomes of each setting.
        changes: (path, value) pairs for the config, in order; None as value removes the leaf.
        consents: what is asked for; those that were given are among them.
        accepted: codes of the consents that were given.
    """

    profiles: tuple[Takeover, ...]
    settings: tuple[SettingOutcome, ...]
    changes: tuple[tuple[Path, object], ...]
    consents: tuple[Consent, ...]
    accepted: frozenset[str]


def plan_import(
    current: Mapping[str, object],
    found: Found,
    where: ImportContext,
    *,
    overwrite: bool = False,
    accept: Iterable[str] = (),
) -> ImportPlan:
    """Say of everything in `found` what becomes of it.

    Args:
        current: the config as plain values.
        found: what the source holds.
        where: what decides.
        overwrite: whether profiles that are stored, and settings of the config, are replaced.
        accept: codes of the consents that are given.

    Raises:
        ConfigError: `config.unwritable`, `config.too-deep` or `config.not-an-object` when `current` is no config.
    """
    accepted = {*accept, *((_OVERWRITE,) if overwrite else ())}
    planner = _Planner(plain_object(current), found, where, frozenset(accepted), overwrite=overwrite)
    planner.fields()
    planner.profiles()
    planner.orders()
    planner.models()
    planner.defaults()
    return planner.done()


class _Planner:
    """Plans in the order in which one part needs another: addresses, then keys that are for them, then models."""

    def __init__(
        self,
        config: dict[str, object],
        found: Found,
        where: ImportContext,
        accepted: frozenset[str],
        *,
        overwrite: bool,
    ) -> None:
        self._before = config
        self._config = config
        self._found = found
        self._where = where
        self._accepted = accepted
        self._overwrite = overwrite
        self._changes: list[tuple[Path, object]] = []
        self._outcomes: dict[int, SettingOutcome] = {}
        self._consents: dict[tuple[str, Path], Consent] = {}
        self._literal: list[LegacyEntry] = []
        self._moved: set[int] = set()
        self._takeovers: tuple[Takeover, ...] = ()
        self._own: tuple[Provider, ...] = ()
        self._secrets = tuple(_secret_texts(found.entries))
        for place, each in enumerate(found.settings):
            if each.fault is not None:
                self._tell(place, "skipped", f"It {each.fault}.")
            elif each.kind == "none":
                self._tell(place, "kept", each.kept)

    def done(self) -> ImportPlan:
        """Return the plan; a literal key is told among the credentials alone."""
        told = [self._outcomes[place] for place in range(len(self._found.settings)) if place not in self._moved]
        consents = tuple(self._consents.values())
        return ImportPlan(self._takeovers, tuple(told), tuple(self._changes), consents, self._accepted)

    # ------------------------------------------------------------------------------------------ entries of providers

    def fields(self) -> None:
        """Plan the fields of `models.providers.<id>`."""
        for owner, places in self._by_provider("field").items():
            leaves: dict[Path, int] = {}
            for place in places:
                path = (*_PROVIDERS, owner, self._found.settings[place].key)
                fault = "It names no provider." if not is_id(owner) else self._field_fault(place)
                if path in leaves:
                    fault = "The file says this twice; the first counts."
                if fault is None:
                    leaves[path] = place
                else:
                    self._tell(place, "skipped", fault, path if is_id(owner) else ())
            self._through_gate(owner, leaves)
        settings = read_settings(self._config)
        self._own = config_providers(settings, lambda name: self._where.registry.snapshot().get(name) is not None)[0]

    def _field_fault(self, place: int) -> str | None:
        each = self._found.settings[place]
        if each.value is None:
            return "It is null."
        if each.key == "models" and not isinstance(each.value, list):
            return "It is no list."
        return _HOLDS_KEY if each.key != "apiKey" and self._holds_secret(each.value) else None

    def _through_gate(self, owner: str, leaves: dict[Path, int]) -> None:
        """Let the gate plan these settings of one provider; what it refuses is taken out until the rest is let in."""
        while leaves:
            plan = self._plan(owner, {"configPatch": self._patch(owner, leaves)})
            blamed = dict(self._blamed(plan, leaves))
            for path, message in blamed.items():
                self._tell(leaves[path], "skipped", message, path)
            keys = {each.path: each for each in plan.patch.secrets if not blamed}
            for path, key in keys.items():
                self._move_key(owner, leaves, path, key)
            if not blamed and not keys:
                self._settle(plan, leaves)
                return
            leaves = {path: place for path, place in leaves.items() if path not in blamed and path not in keys}

    def _plan(self, owner: str, result: dict[str, object], *, set_default: bool = False) -> LoginPlan:
        return plan_login(
            self._config,
            result,
            provider_id=owner,
            owner=USER,
            registry=self._where.registry,
            set_default=set_default,
            written=self._where.written,
            profile_owners={name: each.owner for name, each in self._where.stored.items()},
        )

    def _patch(self, owner: str, leaves: Mapping[Path, int]) -> dict[str, object]:
        patch: dict[str, object] = {}
        entry = (*_PROVIDERS, owner)
        in_entry = any(path[:3] == entry for path in leaves)
        if in_entry and at(self._config, entry) is None and (*entry, "models") not in leaves:
            # Without a list of models other programs take a new entry for broken.
            patch = put(patch, (*entry, "models"), [])
        for path, place in leaves.items():
            patch = put(patch, path, self._value(place))
        return patch

    def _value(self, place: int) -> object:
        each = self._found.settings[place]
        value = each.value
        names = self._own_variables(each.provider) if each.key == "apiKey" else ()
        # Some programs take the bare name of a variable for the variable.
        return f"${{{value.strip()}}}" if isinstance(value, str) and value.strip() in names else value

    def _own_variables(self, name: str) -> tuple[str, ...]:
        entry = self._where.registry.snapshot().get(name)
        return entry.value.env.any_of if entry is not None else ()

    def _blamed(self, plan: LoginPlan, leaves: Mapping[Path, int]) -> Iterator[tuple[Path, str]]:
        """Yield the settings because of which a plan is refused, or is not worth having, each with the reason."""
        if plan.refused:
            for each in plan.diagnostics:
                place = each.path[1:] if each.path[:1] == ("configPatch",) else each.path
                yield from ((path, each.message) for path in leaves if _meets(place, shown_path(path)))
            return
        for each in plan.diagnostics:
            # An entry that was to give a name and cannot would only put the model on a list.
            for path in leaves if each.path[-1:] == ("alias",) else ():
                value = self._value(leaves[path])
                if each.path[:-1] == shown_path(path) and isinstance(value, dict) and set(value) == {"alias"}:
                    yield path, each.message

    def _move_key(self, owner: str, leaves: Mapping[Path, int], path: Path, key: Secretive) -> None:
        """Make a credential of a literal key; it is for the address that the file gives beside it."""
        each = self._found.settings[leaves[path]]
        self._moved.add(leaves[path])
        beside = [
            other.value
            for other in self._found.settings
            if other.kind == "field" and other.key == "baseUrl" and self._owner(other.provider) == owner
        ]
        url = next((value for value in beside if isinstance(value, str)), None)
        self._literal.append(with_key(LegacyEntry(each.file, each.name, owner, KEY_NAME, url=url), key.key))

    def _settle(self, plan: LoginPlan, leaves: Mapping[Path, int]) -> None:
        """Make the changes that may be made, and tell of each setting what became of it."""
        for each in plan.consents:
            self._consents.setdefault((each.code, each.path), each)
        granted = plan.patch.granted(self._accepted)
        for path, place in leaves.items():
            self._tell(place, *_judged(plan, path, [each for each, _ in granted], self._accepted), path)
        if any(self._outcomes[place].state == "taken" for place in leaves.values()):
            self._config = plan.apply(self._config, self._accepted)
            self._changes += granted

    # ------------------------------------------------------------------------------------------------------ profiles

    def profiles(self) -> None:
        """Plan the credentials, for the addresses that are planned by now."""
        where = TakeoverContext(
            registry=self._where.registry,
            settings=read_settings(self._config),
            stored=self._where.stored,
            env=self._where.env,
            now=self._where.now,
            more=self._own,
        )
        lost = "is for an address that was not brought over"
        literal = [each if self._provider(each.provider) else replace(each, fault=lost) for each in self._literal]
        entries = (*self._found.entries, *literal)
        self._takeovers = plan_takeover(entries, where, overwrite=self._overwrite)
        for path, value in takeover_changes(self._config, self._takeovers, where):
            self._write(path, value)

    def orders(self) -> None:
        """Plan `auth.order`: the profiles that are here, in the source's order, before those that it does not name."""
        told = {each.entry.name: each.id for each in self._takeovers if each.id and each.state != "skipped"}
        there = [*self._where.stored, *(each.id for each in self._takeovers if each.profile and each.id)]
        for owner, places in self._by_provider("order").items():
            provider = self._provider(owner)
            for place in places:
                if provider is None:
                    self._tell(place, "skipped", _UNKNOWN)
                elif place != places[0]:
                    self._tell(place, "skipped", f"The order in {self._found.settings[places[0]].file} counts.")
                else:
                    self._order(place, provider, told, [each for each in there if each.startswith(f"{provider.id}:")])

    def _order(self, place: int, provider: Provider, told: Mapping[str, str | None], there: list[str]) -> None:
        value = self._found.settings[place].value
        given = [_canonical_profile(each) for each in value if isinstance(each, str)] if isinstance(value, list) else []
        first = [name for each in given if (name := told.get(each) or each) in there]
        wanted = list(dict.fromkeys([*first, *there]))
        key = self._order_key(provider)
        path = ("auth", "order", key or provider.id)
        before = at(self._before, path)
        if not first:
            self._tell(place, "skipped", "None of its profiles is here.", path)
        elif len(wanted) == 1:
            self._tell(place, "kept", "One profile needs no order.", path)
        elif before and not self._overwrite:
            self._tell(place, "kept", "The config has an order of its own, which stays.", path)
        elif same(at(self._config, path), wanted):
            self._tell(place, "kept", _SAME, path)
        else:
            self._tell(place, "taken", None, path)
            self._write(path, wanted)

    def _order_key(self, provider: Provider) -> str | None:
        orders = at(self._config, ("auth", "order"))
        names = names_of(provider)
        return next((key for key in orders if canonical_id(key) in names), None) if isinstance(orders, dict) else None

    # -------------------------------------------------------------------------------------------------------- models

    def models(self) -> None:
        """Plan the entries of `agents.defaults.models`."""
        if self._found.lists_models and _is_fresh(self._before):
            # Nothing was set up here: the list allows what it allowed in the other program.
            self._accepted |= {"allow-list"}
        for owner, places in self._by_provider("model").items():
            leaves: dict[Path, int] = {}
            for place in places:
                each = self._found.settings[place]
                path = (*_ENTRIES, f"{owner}/{each.key}")
                if self._provider(owner) is None:
                    self._tell(place, "skipped", _UNKNOWN, path)
                elif path in leaves:
                    self._tell(place, "skipped", "The file says this twice; the first counts.", path)
                elif self._holds_secret(each.value):
                    self._tell(place, "skipped", _HOLDS_KEY, path)
                elif not isinstance(each.value, dict):
                    self._tell(place, "skipped", "It is not an object.", path)
                else:
                    leaves[path] = place
            self._through_gate(owner, leaves)

    def defaults(self) -> None:
        """Plan the default model, and the fallbacks that go with it."""
        for place, each in enumerate(self._found.settings):
            if each.kind == "default" and place not in self._outcomes:
                self._default(place)
        told = [each for each in self._outcomes.values() if each.setting.kind == "default"]
        stays = any(each.reason not in {None, _SAME} for each in told)
        for place, each in enumerate(self._found.settings):
            if each.kind == "fallbacks" and place not in self._outcomes:
                self._fallbacks(place, stays=stays)

    def _default(self, place: int) -> None:
        each = self._found.settings[place]
        owner = self._owner(each.provider)
        path = (*_DEFAULT, "primary")
        ref = f"{owner}/{each.key}"
        now = read_settings(self._config).default_model
        if self._provider(owner) is None:
            self._tell(place, "skipped", _UNKNOWN, path)
        elif now == ref:
            self._tell(place, "kept", _SAME, path)
        elif now is not None and not self._overwrite:
            self._tell(place, "kept", f"The default model is {now}, and stays.", path)
        else:
            plan = self._plan(owner, {"defaultModel": ref}, set_default=True)
            if plan.default_model is None:
                self._tell(place, "skipped", "It is no model that can be a default.", path)
                return
            self._config = plan.apply(self._config, self._accepted)
            self._changes += plan.patch.granted(self._accepted)
            self._tell(place, "taken", None, path)

    def _fallbacks(self, place: int, *, stays: bool) -> None:
        value = self._found.settings[place].value
        path = (*_DEFAULT, "fallbacks")
        refs = [self._known_ref(each) for each in value] if isinstance(value, list) else []
        known = list(dict.fromkeys(each for each in refs if each is not None))
        before = at(self._config, path)
        if stays:
            self._tell(place, "skipped", "They go with another default model.", path)
        elif not known:
            self._tell(place, "skipped", "None of them is a model of a provider that is here.", path)
        elif same(before, known):
            self._tell(place, "kept", _SAME, path)
        elif before and not self._overwrite:
            self._tell(place, "kept", "The config has fallbacks of its own, which stay.", path)
        else:
            left = len(refs) - refs.count(None)
            reason = f"{len(refs) - left} of {len(refs)} are of no provider that is here." if left < len(refs) else None
            model = at(self._config, _DEFAULT)
            whole = {"primary": model, "fallbacks": known} if isinstance(model, str) else None
            self._write(_DEFAULT if whole else path, whole or known)
            self._tell(place, "taken", reason, path)

    def _known_ref(self, text: object) -> str | None:
        try:
            ref = parse_model_ref(text if isinstance(text, str) else "")
        except RequestError:
            return None
        provider = self._provider(self._owner(ref.provider))
        bad = "*" in ref.model or ".." in ref.model or is_indirect(ref.model)
        return None if provider is None or bad else f"{provider.id}/{ref.model}"

    # -------------------------------------------------------------------------------------------------------- common

    def _by_provider(self, kind: str) -> dict[str, list[int]]:
        """Return the settings of a kind that are not told yet, by the id of their provider here."""
        found: dict[str, list[int]] = {}
        for place, each in enumerate(self._found.settings):
            if each.kind == kind and place not in self._outcomes:
                found.setdefault(self._owner(each.provider), []).append(place)
        return found

    def _owner(self, name: str) -> str:
        entry = self._where.registry.snapshot().get(name)
        return entry.key if entry is not None else canonical_id(name)

    def _provider(self, owner: str) -> Provider | None:
        entry = self._where.registry.snapshot().get(owner)
        return entry.value if entry is not None else next((each for each in self._own if each.id == owner), None)

    def _holds_secret(self, value: object) -> bool:
        text = canonical(value) if self._secrets else ""
        return any(secret in text for secret in self._secrets)

    def _write(self, path: Path, value: object) -> None:
        self._config = put(self._config, path, value)
        self._changes.append((path, value))

    def _tell(self, place: int, state: State, reason: str | None, path: Path = ()) -> None:
        self._outcomes[place] = SettingOutcome(self._found.settings[place], state, reason, path)


def _judged(plan: LoginPlan, path: Path, granted: Iterable[Path], accepted: frozenset[str]) -> tuple[State, str | None]:
    """Return the state of the setting at `path`, and the reason."""
    inside = [each for each in plan.patch.planned if each.path[: len(path)] == path]
    written = {each for each in granted if each[: len(path)] == path}
    shown = shown_path(path)
    notes = [each for each in plan.diagnostics if each.code != "patch.conflict" and each.path[: len(shown)] == shown]
    blocked = [
        each for each in plan.diagnostics if each.code == "patch.blocked" and shown[: len(each.path)] == each.path
    ]
    missing = dict.fromkeys(code for each in inside for code in each.consents if code not in accepted)
    told = [_left_out(each, len(shown)) for each in notes]
    if written:
        told += ["What the config says already stays as it is."] if missing else []
        return "taken", " ".join(told) or None
    if missing:
        others = [code for code in missing if code != _OVERWRITE]
        questions = [each.question for each in plan.consents if each.code in others]
        if not others:
            return "kept", "The config says something else, which stays. Say --overwrite to replace it."
        flags = " ".join(f"--accept {code}" for code in others)
        return "skipped", f"{' '.join(dict.fromkeys(questions))} Agree with {flags}."
    if notes or blocked:
        return "skipped", " ".join(dict.fromkeys([*(each.message for each in blocked), *told]))
    return "kept", _SAME


def _left_out(fault: Diagnostic, depth: int) -> str:
    message = "It is not known here, and left out." if fault.code == "patch.out-of-scope" else fault.message
    return f"{format_path(fault.path[depth:])}: {message}" if len(fault.path) > depth else message


def _meets(one: Path, other: Path) -> bool:
    """Tell whether one of two paths leads to the other."""
    return one[: len(other)] == other or other[: len(one)] == one


def _is_fresh(config: Mapping[str, object]) -> bool:
    """Tell whether no provider was set up in a config."""
    parts = (_PROVIDERS, _ENTRIES, _DEFAULT, ("auth", "profiles"))
    return not any(at(config, path) for path in parts)


def _canonical_profile(text: str) -> str:
    prefix, colon, name = text.strip().partition(":")
    return f"{canonical_id(prefix)}{colon}{name}"


def _secret_texts(entries: Iterable[LegacyEntry]) -> Iterator[str]:
    for each in entries:
        fields = each.credential.to_secret_dict() if each.credential is not None else {}
        for name in ("key", "token", "access", "refresh"):
            text = fields.get(name)
            if isinstance(text, str) and len(text) >= _TELLING_LENGTH:
                yield canonical(text)[1:-1]
