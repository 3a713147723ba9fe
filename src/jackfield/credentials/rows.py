"""What can be read and done within one transaction of the store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jackfield.credentials.codec import (
    dump_credential,
    dump_object,
    parse_credential,
    parse_object,
    parse_usage,
    usage_columns,
)
from jackfield.credentials.envelope import SEALED_MARK, Label, no_key
from jackfield.credentials.link import Blob
from jackfield.credentials.order import arrange
from jackfield.credentials.profile import Profile
from jackfield.credentials.usage import Usage, after_failure, after_use, is_reason
from jackfield.diagnostics import Diagnostic
from jackfield.errors import InternalError, RequestError, StoreError, UnknownNameError
from jackfield.ids import canonical_id, parse_profile_id
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jackfield.credentials.envelope import Cipher
    from jackfield.credentials.link import Link, Row
    from jackfield.credentials.profile import Credential

_PROFILES = (
    "SELECT id, owner, origin, payload, created, updated, last_used, last_failure, error_count, cooldown_until, "
    "disabled_until, disabled_reason, failure_counts FROM profiles LEFT JOIN usage ON usage.profile = profiles.id "
)
_USAGE = (
    "SELECT last_used, last_failure, error_count, cooldown_until, disabled_until, disabled_reason, failure_counts "
    "FROM usage WHERE profile = ?"
)
_PUT = (
    "INSERT INTO profiles (id, owner, origin, payload, created, updated) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, origin = excluded.origin, payload = excluded.payload, "
    "updated = excluded.updated"
)
_PUT_USAGE = "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_INTENT = (
    "INSERT INTO intents (id, state, payload, created) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, payload = excluded.payload"
)
_SEALED_ROWS = (
    (
        "profile",
        "SELECT id, owner, origin, payload FROM profiles",
        "UPDATE profiles SET payload = ? WHERE id = ?",
    ),
    ("intent", "SELECT id, '', NULL, payload FROM intents", "UPDATE intents SET payload = ? WHERE id = ?"),
)
_ANY_SEALED = (
    "SELECT 1 FROM profiles WHERE substr(payload, 1, 3) = ? "
    "UNION ALL SELECT 1 FROM intents WHERE substr(payload, 1, 3) = ?"
)
_UNOPENED = ("store.sealed", "store.tampered")


@dataclass(frozen=True, slots=True)
class Intent:
    """A note that something was begun which another file must be told of, so that it can be finished after a kill.

    Attributes:
        id: its name.
        created: when it was first put, ms since the epoch.
        state: how far it is, in its user's words.
        payload: JSON-ready; sealed like a credential.
    """

    id: str
    created: int
    state: str
    payload: Mapping[str, object] = field(repr=False)


class Reader:
    """Reads the store as it was at one instant."""

    def __init__(self, link: Link, cipher: Cipher) -> None:
        self._open: Link | None = link
        self._cipher = cipher

    def end(self) -> None:
        """Refuse everything from here on, because the transaction is over."""
        self._open = None

    def profiles(self, provider: str | None = None) -> tuple[Profile, ...]:
        """Return the profiles sorted by id, those of one provider when it is given.

        A profile that was damaged or altered is left out and told by `CredentialStore.diagnostics`.

        Raises:
            StoreError: `store.sealed` when one is sealed and there is no key; `store.tampered` when there are profiles
                and none of them opens.
        """
        found, faults = self._load(provider)
        sealed = [fault for fault in faults if fault.code == "store.sealed"]
        if sealed:
            raise sealed[0]
        if faults and not found:
            raise StoreError(
                faults[0].message if len(faults) == 1 else f"None of the {len(faults)} stored profiles opens.",
                code="store.tampered",
                fix=faults[0].fix,
                diagnostics=[as_diagnostic(fault) for fault in faults],
            )
        return found

    def get(self, profile_id: str) -> Profile | None:
        """Return one profile, or None when there is none of that id.

        Raises:
            RequestError: `ref.profile` when `profile_id` is not `provider:name`.
            StoreError: `store.sealed` or `store.tampered` when it does not open.
        """
        rows = self._link.run(_PROFILES + "WHERE id = ?", str(parse_profile_id(profile_id)))
        return self._profile(rows[0]) if rows else None

    def order(self, provider: str) -> tuple[str, ...]:
        """Return the ids that were put in order for a provider; empty when none were."""
        rows = self._link.run("SELECT profile FROM orders WHERE provider = ? ORDER BY place", canonical_id(provider))
        return tuple(profile for (profile,) in rows)

    def resolution_order(self, provider: str) -> tuple[str, ...]:
        """Return the ids of the provider's usable profiles, in the order in which they are to be tried now.

        See `jackfield.credentials.order.arrange` for the rules.

        Raises:
            StoreError: as `profiles`.
        """
        return arrange(self.profiles(provider), self.order(provider), self._now())

    def intents(self) -> tuple[Intent, ...]:
        """Return the intents, oldest first.

        Raises:
            StoreError: `store.sealed` or `store.tampered` when one does not open.
        """
        rows = self._link.run("SELECT id, state, payload, created FROM intents ORDER BY created, id")
        return tuple(self._intent(*row) for row in rows)

    def faults(self) -> tuple[StoreError, ...]:
        """Return one error for each profile that does not open."""
        return self._load(None)[1]

    def _load(self, provider: str | None) -> tuple[tuple[Profile, ...], tuple[StoreError, ...]]:
        if provider is None:
            rows = self._link.run(_PROFILES + "ORDER BY id")
        else:
            # `;` follows `:` in ASCII, so these are all ids of the provider, found by the primary key.
            name = canonical_id(provider)
            rows = self._link.run(_PROFILES + "WHERE id >= ? AND id < ? ORDER BY id", f"{name}:", f"{name};")
        found: list[Profile] = []
        faults: list[StoreError] = []
        for row in rows:
            try:
                found.append(self._profile(row))
            except StoreError as error:
                if error.code not in _UNOPENED:
                    raise
                faults.append(error)
        return tuple(found), tuple(faults)

    def _profile(self, row: Row) -> Profile:
        id_, owner, origin, payload, created, updated, *usage = row
        credential = self._credential(Label("profile", id_, owner, origin), payload)
        if credential is None:
            raise _unlike(f"profile {id_}")
        try:
            return Profile(id_, credential, origin, owner, created, updated, parse_usage(usage) or Usage())
        except RequestError as error:
            raise _unlike(f"profile {id_}") from error

    def _credential(self, label: Label, payload: Blob) -> Credential | None:
        try:
            return parse_credential(self._cipher.unseal(payload.reveal(), label))
        except StoreError as error:
            # The frames below hold what was being opened.
            raise error.with_traceback(None) from None

    def _intent(self, id_: str, state: str, payload: Blob, created: int) -> Intent:
        try:
            content = parse_object(self._cipher.unseal(payload.reveal(), Label("intent", id_)))
        except StoreError as error:
            raise error.with_traceback(None) from None
        if content is None:
            raise _unlike(f"intent {id_}")
        return Intent(id_, created, state, content)

    @property
    def _link(self) -> Link:
        if self._open is None:
            raise InternalError("This transaction of the store has ended.", code="internal.ended-transaction")
        return self._open

    def _now(self) -> int:
        return self._link.source.clock()


class Transaction(Reader):
    """Reads and writes the store; everything done through it becomes true at once, or not at all."""

    def put(self, profile: Profile, *, expected_owner: str | None = None) -> Profile:
        """Store a profile, in place of the one of that id if there is one.

        `created` is kept, `updated` is now. The usage of a profile that is there already is kept; its failures are
        forgotten when the credential is another one, since they were the old one's.

        Args:
            profile: what to store.
            expected_owner: the owner that the present profile must have; by default the new one's.

        Returns:
            The profile as stored.

        Raises:
            StoreError: `store.other-owner` when the present profile belongs to somebody else, `store.sealed` when the
                store is sealed and there is no key.
        """
        present = self._link.run("SELECT owner, origin, payload, created FROM profiles WHERE id = ?", profile.id)
        created = profile.created or self._now()
        usage = profile.usage
        if present:
            owner, origin, payload, created = present[0]
            self._check_owner(profile, owner, expected_owner)
            usage = self._usage(profile.id)
            if not self._holds(profile, Label("profile", profile.id, owner, origin), payload):
                usage = Usage(last_used=usage.last_used)
        self._refuse_downgrade()
        stored = replace(profile, created=created, updated=self._now(), usage=usage)
        sealed = self._seal_profile(stored)
        self._link.run(_PUT, stored.id, stored.owner, stored.origin, sealed, stored.created, stored.updated)
        self._write_usage(stored.id, usage)
        return stored

    def delete(self, profile_id: str) -> bool:
        """Remove a profile, and its place in the order; return whether there was one."""
        return self._link.change("DELETE FROM profiles WHERE id = ?", str(parse_profile_id(profile_id))) > 0

    def rename(self, old: str, new: str) -> Profile:
        """Give a profile another id; it keeps its usage, and its place in the order if the provider is the same.

        Raises:
            UnknownNameError: `store.unknown-profile` when there is no `old`.
            StoreError: `store.exists` when there is a `new` already; `store.sealed` or `store.tampered` when it does
                not open.
        """
        profile = self.get(old)
        if profile is None:
            raise self._unknown(old)
        renamed = replace(profile, id=str(parse_profile_id(new)), updated=self._now())
        if renamed.id == profile.id:
            return profile
        if self._link.run("SELECT 1 FROM profiles WHERE id = ?", renamed.id):
            raise StoreError(
                f"There is a profile {renamed.id} already.",
                code="store.exists",
                fix="Choose another name, or delete that profile first.",
            )
        self._refuse_downgrade()
        sql = "UPDATE profiles SET id = ?, payload = ?, updated = ? WHERE id = ?"
        self._link.run(sql, renamed.id, self._seal_profile(renamed), renamed.updated, profile.id)
        self._link.run("DELETE FROM orders WHERE profile = ? AND provider <> ?", renamed.id, renamed.provider)
        return renamed

    def set_order(self, provider: str, ids: Iterable[str]) -> None:
        """Put profiles of a provider in order; no ids at all is `clear_order`.

        Raises:
            RequestError: `store.order`, with one diagnostic for each id that is unknown, doubled or another provider's.
        """
        provider = canonical_id(provider)
        wanted = [str(parse_profile_id(each)) for each in ids]
        faults = self._order_faults(provider, wanted)
        if faults:
            text = " ".join(fault.message for fault in faults)
            raise RequestError(f"This order cannot be kept: {text}", code="store.order", diagnostics=faults)
        self.clear_order(provider)
        for place, profile in enumerate(wanted):
            self._link.run("INSERT INTO orders (provider, place, profile) VALUES (?, ?, ?)", provider, place, profile)

    def clear_order(self, provider: str) -> bool:
        """Forget the order of a provider's profiles; return whether there was one."""
        return self._link.change("DELETE FROM orders WHERE provider = ?", canonical_id(provider)) > 0

    def record_use(self, profile_id: str) -> Usage | None:
        """Note a success: failures are forgotten. Return the usage, or None when the profile is gone."""
        return self._record(profile_id, None)

    def record_failure(self, profile_id: str, reason: str) -> Usage | None:
        """Note a failure and how long the profile rests (see `usage.after_failure`).

        Args:
            profile_id: the profile.
            reason: a lower-case word such as `auth`, `rate_limit`, `timeout` or `billing`.

        Returns:
            The usage, or None when the profile is gone.

        Raises:
            RequestError: `store.reason` when `reason` is not such a word.
        """
        if not is_reason(reason):
            raise RequestError("The reason of a failure is one lower-case word.", code="store.reason")
        return self._record(profile_id, reason)

    def put_intent(self, intent_id: str, payload: Mapping[str, object], *, state: str = "pending") -> Intent:
        """Note what was begun, in place of the intent of that id if there is one; `created` is kept.

        Args:
            intent_id: its name.
            payload: JSON-ready.
            state: how far it is.

        Raises:
            StoreError: `store.sealed` when the store is sealed and there is no key.
        """
        self._refuse_downgrade()
        sealed = Blob(self._cipher.seal(dump_object(payload), Label("intent", intent_id)))
        self._link.run(_PUT_INTENT, intent_id, state, sealed, self._now())
        ((created,),) = self._link.run("SELECT created FROM intents WHERE id = ?", intent_id)
        return Intent(intent_id, created, state, payload)

    def remove_intent(self, intent_id: str) -> bool:
        """Forget an intent; return whether there was one."""
        return self._link.change("DELETE FROM intents WHERE id = ?", intent_id) > 0

    def reseal(self, cipher: Cipher) -> int:
        """Seal every row anew under `cipher`, and use it from here on; return how many there were.

        Raises:
            StoreError: `store.sealed` or `store.tampered` when one does not open; then nothing was changed.
        """
        rows = [
            (update, id_, self._again(Label(kind, id_, owner, origin), payload, cipher))
            for kind, select, update in _SEALED_ROWS
            for id_, owner, origin, payload in self._link.run(select)
        ]
        for update, id_, sealed in rows:
            self._link.run(update, sealed, id_)
        self._cipher = cipher
        return len(rows)

    def _again(self, label: Label, payload: Blob, cipher: Cipher) -> Blob:
        try:
            return Blob(cipher.seal(self._cipher.unseal(payload.reveal(), label), label))
        except StoreError as error:
            raise error.with_traceback(None) from None

    def _check_owner(self, profile: Profile, owner: str, expected: str | None) -> None:
        if owner != (expected or profile.owner):
            raise StoreError(
                f"The profile {profile.id} belongs to {owner}; {profile.owner} may not replace it.",
                code="store.other-owner",
                fix="Store it under another name, or delete that profile first.",
            )

    def _holds(self, profile: Profile, label: Label, payload: Blob) -> bool:
        try:
            return self._credential(label, payload) == profile.credential
        except StoreError:
            # What does not open any more is being replaced by something that does.
            return False

    def _seal_profile(self, profile: Profile) -> Blob:
        label = Label("profile", profile.id, profile.owner, profile.origin)
        return Blob(self._cipher.seal(dump_credential(profile.credential), label))

    def _refuse_downgrade(self) -> None:
        """Refuse to put a plain row into a sealed store: its owner would go on believing that all is sealed."""
        if self._cipher.key_id is None and self._link.run(_ANY_SEALED, Blob(SEALED_MARK), Blob(SEALED_MARK)):
            raise no_key(f"The credential store {self._link.source.path} is sealed, and there is no key to seal with.")

    def _order_faults(self, provider: str, wanted: list[str]) -> list[Diagnostic]:
        known = {id_ for (id_,) in self._link.run("SELECT id FROM profiles")}
        faults = []
        for place, each in enumerate(wanted):
            path = ("order", provider, f"[{place}]")
            if parse_profile_id(each).provider != provider:
                faults.append(Diagnostic("store.order", f"{each} is no profile of {provider}.", path=path))
            elif each not in known:
                faults.append(Diagnostic("store.order", f"There is no profile {each}.", path=path))
            elif each in wanted[:place]:
                faults.append(Diagnostic("store.order", f"{each} is named twice.", path=path))
        return faults

    def _record(self, id_: str, reason: str | None) -> Usage | None:
        id_ = str(parse_profile_id(id_))
        if not self._link.run("SELECT 1 FROM profiles WHERE id = ?", id_):
            return None
        usage = self._usage(id_)
        changed = after_use(usage, self._now()) if reason is None else after_failure(usage, reason, self._now())
        self._write_usage(id_, changed)
        return changed

    def _usage(self, id_: str) -> Usage:
        rows = self._link.run(_USAGE, id_)
        # A usage that was damaged guards nothing, so it counts as none.
        return (parse_usage(rows[0]) if rows else None) or Usage()

    def _write_usage(self, id_: str, usage: Usage) -> None:
        self._link.run(_PUT_USAGE, id_, *usage_columns(usage))

    def _unknown(self, id_: str) -> UnknownNameError:
        known = [str(each) for (each,) in self._link.run("SELECT id FROM profiles ORDER BY id")]
        near = nearest(id_, known)
        return UnknownNameError(
            f"There is no profile {id_}.",
            code="store.unknown-profile",
            fix=f"Did you mean {' or '.join(near)}?" if near else None,
            suggestions=near,
        )


def as_diagnostic(error: StoreError) -> Diagnostic:
    """Return an error as a diagnostic."""
    return Diagnostic(error.code, error.message, hint=error.fix)


def _unlike(what: str) -> StoreError:
    return StoreError(
        f"The {what} opens, but what it holds is not what was stored.",
        code="store.tampered",
        fix="Store it anew.",
    )
