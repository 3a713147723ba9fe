"""G9 to G11: where requests go and with which key. Both belong together: the rest waits for the address it is for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.config.guard.findings import Secretive
from jackfield.config.guard.hostile import VARIABLE_REFERENCE
from jackfield.config.guard.leaves import wrong_type
from jackfield.config.guard.names import origin_text
from jackfield.config.host import ABSENT, at
from jackfield.errors import RequestError
from jackfield.ids import canonical_id
from jackfield.net import check_base_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.config.guard.findings import Findings, Path
    from jackfield.config.guard.merge import Merger
    from jackfield.config.guard.names import Names

_PLUGIN = "plugin:"
_VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
# What the existing plugins write where a key belongs, to say that there is none.
_KEY_MARKERS = frozenset({"qwen-oauth", "n/a"})


class Connection:
    """The address and the key of one provider.

    Attributes:
        origin: where requests go when every change is agreed to, as text; None when that is unknown.
        foundation: the consents without which the provider would have no address at all.
        secrets: the literal keys that the patch held.
    """

    def __init__(
        self,
        current: Mapping[str, object],
        names: Names,
        findings: Findings,
        merger: Merger,
        typed: tuple[str, ...],
    ) -> None:
        self._current = current
        self._names = names
        self._findings = findings
        self._merger = merger
        self._typed = typed
        key = names.config_key()
        self._other_key = key if key != names.id else None
        self._entry = at(current, ("models", "providers", key)) if key is not None else None
        self._waits: tuple[str, ...] = ()
        self._entry_waits: tuple[str, ...] = ()
        written = at(self._entry, ("baseUrl",))
        self.origin = self._old_origin = names.origin if written is None else origin_text(written)
        self.foundation: tuple[str, ...] = ()
        self.secrets: tuple[Secretive, ...] = ()

    def begin(self, base_url: object, path: Path) -> tuple[str, ...]:
        """Read the base URL of a provider's entry at `path`; returns what the entry's other fields wait for.

        Args:
            base_url: what the patch has, or `ABSENT`.
            path: the entry's path.
        """
        if self._other_key is not None:
            question = (
                f"The config has {self._names.id} under another name, and that entry would no longer be read. "
                f"Write a new one?"
            )
            self._entry_waits = self._findings.ask("other-spelling", path, question)
        self._waits = self._entry_waits
        if base_url is not ABSENT:
            self._base_url(base_url, (*path, "baseUrl"))
        return self._waits

    def consents_of_models(self, models: list[dict[str, object]]) -> tuple[str, ...]:
        """Return what a list of models waits for: models with headers or a style of their own are for the address."""
        bound = any("headers" in each or "api" in each for each in models)
        return self._waits if bound else self.foundation or self._entry_waits

    def _base_url(self, value: object, path: Path) -> None:
        if not isinstance(value, str):
            self._findings.refuse("G10", "patch.base-url", path, "The base URL is not text.")
            return
        try:
            url = check_base_url(value, allow_private_http=True)
        except RequestError as error:
            reason = " ".join(each.message for each in error.diagnostics)
            self._findings.refuse("G10", "patch.base-url", path, f"The base URL is not acceptable: {reason}")
            return
        before = self._address()
        if self._other_key is None and isinstance(before, str) and _reserialised(at(self._entry, ("baseUrl",))) == url:
            return
        # So written, a base URL is its origin and its path.
        self.origin = "/".join(url.split("/", 3)[:3])
        consents = (*self._entry_waits, *self._ask_private(url, path), *self._ask_origin(path))
        self._waits = self._merger.leaf(path, url, consents) or consents
        if before is None:
            self.foundation = self._waits

    def _ask_private(self, url: str, path: Path) -> tuple[str, ...]:
        if (
            url.startswith("https:")
            or _is_acceptable(url)
            or self.origin in {origin_text(each) for each in self._typed}
        ):
            return ()
        question = f"May requests of {self._names.id} go unencrypted to {self.origin} in a private network?"
        return self._findings.ask("private-http", path, question)

    def _ask_origin(self, path: Path) -> tuple[str, ...]:
        """G11: ask when credentials that there are, or may be, were for another origin."""
        old, new = self._old_origin, self.origin
        if old == new or not (at(self._entry, ("baseUrl",)) is not None or self._has_credentials()):
            return ()
        question = (
            f"Requests of {self._names.id} go to {new} from now on, not to {old or 'where they went before'}. Stored "
            f"credentials stay locked to the old address; a key or header that the config or the environment holds "
            f"goes to the new one. Change the address?"
        )
        return self._findings.ask("origin-change", path, question)

    def _has_credentials(self) -> bool:
        block = self._names.block
        if block is not None and (block.env.any_of or block.env.sets) and not self._gives_first_address():
            return True
        key = at(self._entry, ("apiKey",))
        if at(self._entry, ("headers",)) or (key is not None and key not in _KEY_MARKERS):
            return True
        profiles = at(self._current, ("auth", "profiles"))
        prefixes = [each.partition(":")[0] for each in (profiles if isinstance(profiles, dict) else ())]
        return any(canonical_id(each) in self._names.own for each in prefixes)

    def _gives_first_address(self) -> bool:
        """Tell whether a plugin says where its own provider is, which nobody has said before.

        The provider's variables are those that the same plugin named: there is no other address that they are for.
        """
        own = self._findings.owner.startswith(_PLUGIN) and self._names.owner == self._findings.owner
        return own and self._old_origin is None

    def _address(self) -> object:
        """Return the base URL in force, as it is written; None without one."""
        written = at(self._entry, ("baseUrl",))
        if written is not None:
            return written
        return self._names.block.base_url if self._names.block else None

    def api_key(self, value: object, path: Path) -> None:
        """G9: a marker stays, a reference to an own variable stays, a literal goes to the store."""
        if not isinstance(value, str):
            wrong_type(path, "text", self._findings)
            return
        key = value.strip()
        reference = VARIABLE_REFERENCE.fullmatch(value)
        if reference:
            if reference[1] not in self._names.variables:
                message = "The key refers to a variable that is not the provider's own, or that others claim too."
                self._findings.refuse("G9", "patch.variable", path, message)
        elif _VARIABLE_NAME.fullmatch(key):
            message = "The key looks like the name of a variable, which some readers would resolve; write ${NAME}."
            self._findings.refuse("G9", "patch.variable-name", path, message)
        elif not key or not key.isprintable() or not key.isascii() or " " in key or "$" in key:
            self._findings.refuse("G9", "patch.key-format", path, "The key is blank, or holds what no key holds.")
        elif value not in _KEY_MARKERS:
            self._literal(key, path)
            return
        self._merger.leaf(path, value, self._waits)

    def _literal(self, key: str, path: Path) -> None:
        profile = f"{self._names.id}:default"
        consents = self._merger.leaf(path, f"profile:{profile}", self._waits)
        if consents is not None:
            self.secrets = (Secretive(profile, path, key, self.origin, consents),)


def _is_acceptable(url: str) -> bool:
    try:
        check_base_url(url)
    except RequestError:
        return False
    return True


def _reserialised(url: object) -> str | None:
    try:
        return check_base_url(url, allow_private_http=True) if isinstance(url, str) else None
    except RequestError:
        return None
