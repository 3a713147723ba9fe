"""G4 to G14: builds the changes of a patch, path by path, from the fields that are known.

What is known and right becomes a change; what is out of reach is stripped with a diagnostic (G4, G5); what is hostile
refuses the whole.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jackfield.config.guard import leaves
from jackfield.config.guard.connection import Connection
from jackfield.config.guard.leaves import an_object, wrong_type
from jackfield.config.guard.names import Names
from jackfield.config.host import ABSENT, at
from jackfield.ids import is_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.config.guard.findings import Findings, Path, Secretive
    from jackfield.config.guard.merge import Merger
    from jackfield.providers.registry import ProviderRegistry

MODES = ("merge", "replace")
_ENTRIES = ("agents", "defaults", "models")

# In the order in which they are written; the base URL is first, for the others may wait for its consents.
_READERS: dict[str, leaves.Reader] = {
    "auth": leaves.auth_mode,
    "api": leaves.api_style,
    "headers": leaves.headers,
    "authHeader": leaves.flag,
    "models": leaves.models,
}
KNOWN_FIELDS = ("baseUrl", "apiKey", *_READERS)
"""The fields of `models.providers.<own id>` that a patch may write."""


class Builder:
    """Builds the changes of one patch.

    Args:
        current: the config as it is, plain values.
        registry: the providers there are.
        findings: takes diagnostics and consents, and knows the provider and the owner.
        merger: takes the leaves.
        typed: base URLs that the user typed during this login: each is the consent to its own private address.
    """

    def __init__(
        self,
        current: Mapping[str, object],
        registry: ProviderRegistry,
        findings: Findings,
        merger: Merger,
        typed: tuple[str, ...],
    ) -> None:
        self.current = current
        self.findings = findings
        self.merger = merger
        self.id = findings.provider_id
        self.names = Names(current, registry, self.id)
        self.connection = Connection(current, self.names, findings, merger, typed)

    @property
    def secrets(self) -> tuple[Secretive, ...]:
        """The literal keys that the patch held."""
        return self.connection.secrets

    def build(self, patch: dict[str, object]) -> None:
        """Take what `patch` may change."""
        for key in patch:
            if key not in {"models", "agents"}:
                self.findings.strip((key,))
        # Providers before models: a model waits for what its provider waits for.
        if "models" in patch:
            self._models(patch["models"])
        if "agents" in patch:
            self._agents(patch["agents"])

    def _models(self, value: object) -> None:
        for key, inner in an_object(value, ("models",), self.findings).items():
            path = ("models", key)
            if key == "mode":
                self._mode(inner)
            elif key == "providers":
                for name, entry in an_object(inner, path, self.findings).items():
                    if self._is_own_id(name, (*path, name)):
                        self._provider(an_object(entry, (*path, name), self.findings), (*path, name))
            else:
                self.findings.strip(path)

    def _agents(self, value: object) -> None:
        for key, inner in an_object(value, ("agents",), self.findings).items():
            if key != "defaults":
                self.findings.strip(("agents", key))
                continue
            for name, entries in an_object(inner, ("agents", "defaults"), self.findings).items():
                if name == "models":
                    self._model_entries(an_object(entries, _ENTRIES, self.findings))
                else:
                    self.findings.strip(("agents", "defaults", name))

    def _is_own_id(self, name: str, path: Path) -> bool:
        """Tell whether a key is the provider's own id (G6); other ids are stripped, disguises refused."""
        if name == self.id:
            return True
        if not is_id(name):
            message = "A key that should be a provider's id is not one in its canonical form."
            self.findings.refuse("G6", "patch.id", path, message)
        elif name in self.names.own:
            message = "A patch writes under the provider's id, never under an alias."
            self.findings.refuse("G6", "patch.alias", path, message)
        else:
            self.findings.strip(path)
        return False

    def _provider(self, entry: dict[str, object], path: Path) -> None:
        for name in entry:
            if name not in KNOWN_FIELDS:
                self.findings.strip((*path, name))
        waits = self.connection.begin(entry.get("baseUrl", ABSENT), path)
        if "apiKey" in entry:
            self.connection.api_key(entry["apiKey"], (*path, "apiKey"))
        for name, reader in _READERS.items():
            if name not in entry:
                continue
            value = reader(entry[name], (*path, name), self.findings)
            if value is ABSENT:
                continue
            if isinstance(value, list):
                self.merger.model_list((*path, name), value, self.connection.consents_of_models(value))
            elif isinstance(value, dict):
                self._headers(value, (*path, name), waits)
            else:
                self.merger.leaf((*path, name), value, waits)

    def _headers(self, value: dict[str, object], path: Path, waits: tuple[str, ...]) -> None:
        """Lay headers over those there are: a header there in another letter case is the same header (G12)."""
        before = at(self.current, path)
        spelled = {name.lower(): name for name in before} if isinstance(before, dict) else {}
        fresh = {spelled.get(name.lower(), name): content for name, content in value.items()}
        if len({*spelled.values(), *fresh}) > leaves.MAX_HEADERS:
            message = f"With those there are it would be more than {leaves.MAX_HEADERS} headers; they are left out."
            self.findings.report("G12", "patch.headers", path, message)
            return
        self.merger.spread(path, fresh, waits)

    def _mode(self, value: object) -> None:
        """G14."""
        path = ("models", "mode")
        if value not in MODES:
            self.findings.report("G14", "patch.mode", path, f"The mode is one of {', '.join(MODES)}.")
            return
        consents: tuple[str, ...] = ()
        if value == "replace" and at(self.current, path) != "replace":
            question = "The mode replace hides every provider that the config does not name. Set it?"
            consents = self.findings.ask("mode-replace", path, question)
        self.merger.leaf(path, value, consents)

    def _model_entries(self, entries: dict[str, object]) -> None:
        """G13: `agents.defaults.models.<own id>/<model>`."""
        wanted = self.names.wanted_aliases(entries)
        for ref, value in entries.items():
            path = (*_ENTRIES, ref)
            if not self._is_own_model(ref, path):
                continue
            if not isinstance(value, dict):
                wrong_type(path, "an object", self.findings)
                continue
            built: dict[str, object] = {}
            for name, inner in value.items():
                item = self._entry_field(name, inner, (*path, name), wanted)
                if item is not ABSENT:
                    built[name] = item
            self.merger.spread(path, built, self._consents_of_entry)

    def _is_own_model(self, ref: str, path: Path) -> bool:
        prefix, slash, model = ref.partition("/")
        if not slash:
            self.findings.strip(path)
            return False
        if not self._is_own_id(prefix, path):
            return False
        if not model.strip() or "*" in ref or ".." in ref or model != model.strip():
            message = "A model is named by its id, without patterns; it is left out."
            self.findings.report("G13", "patch.model-ref", path, message)
            return False
        other = self.names.other_spelling(ref)
        if other is not None:
            message = "The config names this model under another name of its provider already; that entry stays."
            self.findings.report("G19", "patch.other-spelling", path, message)
        return other is None

    def _entry_field(self, name: str, value: object, path: Path, wanted: Mapping[str, int]) -> object:
        if name == "params":
            return leaves.free_object(value, path, self.findings)
        if name != "alias":
            self.findings.strip(path)
            return ABSENT
        alias = leaves.text(value, path, self.findings)
        if not isinstance(alias, str):
            return ABSENT
        alias = alias.strip()
        if "/" in alias or "*" in alias:
            self.findings.report("G13", "patch.alias-form", path, "An alias has neither slashes nor patterns.")
            return ABSENT
        if not self.names.is_free(alias, path[-2], wanted):
            self.findings.report("G13", "patch.alias-taken", path, "The alias is the name of something else already.")
            return ABSENT
        return alias

    @cached_property
    def _consents_of_entry(self) -> tuple[str, ...]:
        """Ask once whether an empty list, which allows all models, may become one that allows only those in it."""
        entries = at(self.current, _ENTRIES)
        waits = self.connection.foundation
        if (isinstance(entries, dict) and entries) or not self.names.others_configured():
            return waits
        question = (
            "The list of models is empty, which allows all. Its first entries may switch the models of other "
            "providers off. Add them?"
        )
        return (*waits, *self.findings.ask("allow-list", _ENTRIES, question))
