"""What can be read and done within one transaction of the store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jackfield.credentials import leases
from jackfield.credentials.codec import (
    dump_credential,
    dump_object,
    parse_credential,
    parse_object,
    parse_usage,
    usage_columns,
)
from jackfield.credentials.envelope import SEALED_MARK, Label, no_key, other_key
from jackfield.credentials.link import Blob
from jackfield.credentials.order import arrange
from jackfield.credentials.profile import OAuthCredential, Profile
from jackfield.credentials.usage import Usage, after_failure, after_use, is_reason
from jackfield.diagnostics import Diagnostic
from jackfield.errors import InternalError, RequestError, StoreError, UnknownNameError
from jackfield.ids import canonical_id, parse_profile_id
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal, TypeVar

    from jackfield.credentials.envelope import Cipher
    from jackfield.credentials.leases import Lease, RefreshNote
    from jackfield.credentials.link import Link, Row
    from jackfield.credentials.profile import Credential

    T = TypeVar("T")

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
# Word for word the condition of the indexes in `schema`: otherwise every row is looked at.
_IS_SEALED = f"substr(payload, 1, 3) = x'{SEALED_MARK.hex()}'"
_ANY_SEALED = (
    f"SELECT EXISTS (SELECT 1 FROM profiles WHERE {_IS_SEALED}) OR EXISTS (SELECT 1 FROM intents WHERE {_IS_SEALED})"  # noqa: S608
)
_SEALED = (
    f"SELECT 'profile', id, owner, origin, payload FROM profiles WHERE {_IS_SEALED}",  # noqa: S608
    f"SELECT 'intent', id, '', NULL, payload FROM intents WHERE {_IS_SEALED}",  # noqa: S608
)
# Most often the first row tells; otherwise one row of each key is looked at (its id follows the mark).
_SAMPLES = (*(f"{each} LIMIT 1" for each in _SEALED), *(f"{each} GROUP BY substr(payload, 4, 8)" for each in _SEALED))
_SURROGATES, _AFTER_SURROGATES, _LAST_POINT = 0xD800, 0xE000, 0x10FFFF
_KEYLESS = ("store.sealed", "store.other-key")
_UNOPENED = (*_KEYLESS, "store.tampered")


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
            StoreError: `store.sealed` when one is sealed and there is no key; when there are profiles and none of them
                opens, `store.other-key` if that is for want of another key, else `store.tampered`.
        """
        return _unless_none("stored profiles", *self._load(provider))

    def shut_profiles(self) -> Mapping[str, StoreError]:
        """Return the ids of the profiles that do not open, sorted, each with the reason. Ids are never sealed."""
        rows = self._link.run(_PROFILES + "ORDER BY id")
        return {row[0]: fault for row in rows for fault in _opened(self._profile, (row,))[1]}

    def get(self, profile_id: str) -> Profile | None:
        """Return one profile, or None when there is none of that id.

        Raises:
            RequestError: `ref.profile` when `profile_id` is not `provider:name`.
            StoreError: `store.sealed`, `store.other-key` or `store.tampered` when it does not open.
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

    def intents(self, *, prefix: str = "", state: str | None = None) -> tuple[Intent, ...]:
        """Return the intents, oldest first; only those asked for are opened.

        One that was damaged or altered is left out and told by `CredentialStore.diagnostics`.

        Args:
            prefix: how their ids begin.
            state: how far they are; None is any.

        Raises:
            StoreError: `store.sealed` when one is sealed and there is no key; when there are such intents and none of
                them opens, `store.other-key` if that is for want of another key, else `store.tampered`.
        """
        return _unless_none("records of earlier changes", *self._load_intents(prefix, state))

    def intent_ids(self, *, prefix: str = "", state: str | None = None) -> tuple[str, ...]:
        """Return the ids of the intents that `intents` looks at, oldest first, those that do not open included."""
        return tuple(row[0] for row in self._intent_rows(prefix, state))

    def intent_faults(self, *, prefix: str = "", state: str | None = None) -> Mapping[str, StoreError]:
        """Return the ids of the intents that do not open, oldest first, each with the reason."""
        rows = self._intent_rows(prefix, state)
        return {row[0]: fault for row in rows for fault in _opened(lambda each: self._intent(*each), (row,))[1]}

    def refresh_note(self, profile: Profile) -> RefreshNote | None:
        """Return what is known of a profile's refresh token; None when that is nothing, or when it has none."""
        token = leases.digest(profile.credential)
        return None if token is None else leases.read(self._link, token)

    def faults(self) -> tuple[StoreError, ...]:
        """Return one error for everything that another key would open, one for each profile that was damaged, and one
        for all records of changes that were.
        """
        shut, intents = self.shut_profiles(), tuple(self.intent_faults().values())
        keyless = tuple(
            self._shut_out(code, names, records)
            for code in _KEYLESS
            for names in [[name for name, fault in shut.items() if fault.code == code]]
            for records in [sum(fault.code == code for fault in intents)]
            if names or records
        )
        damaged = tuple(fault for fault in shut.values() if fault.code not in _KEYLESS)
        records = tuple(fault for fault in intents if fault.code not in _KEYLESS)
        if len(records) > 1:
            message = f"{len(records)} records of earlier changes do not open. {records[0].message}"
            records = (StoreError(message, code=records[0].code, fix=records[0].fix),)
        return (*keyless, *damaged, *records)

    def write_fault(self) -> StoreError | None:
        """Return why nothing may be written with the key that is here, or None when it may be.

        A row that nobody here can open again would be a loss to whoever has the other key, so a store never gets rows
        under two keys: `store.sealed` when there are sealed rows and no key, `store.other-key` when the key opens none
        of them. One that has rows under both already may be written with either.
        """
        if self._link.run(_ANY_SEALED) == [(0,)]:
            return None
        path = self._link.source.path
        if self._cipher.key_id is None:
            return no_key(f"The credential store {path} is sealed, and there is no key to seal with.")
        if any(self._is_ours(*row) for sql in _SAMPLES for row in self._link.run(sql)):
            return None
        message = f"The credential store {path} is sealed with another key than the one in use. Nothing was changed."
        return self._started_anew(other_key(message))

    def _started_anew(self, error: StoreError) -> StoreError:
        """Return the error with what to do when the key is lost, too."""
        fix = f"{error.fix} If that key is lost, start anew and log in again: {self._link.source.removal()}"
        return StoreError(error.message, code=error.code, fix=fix)

    def _is_ours(self, kind: str, id_: str, owner: str, origin: str | None, payload: Blob) -> bool:
        try:
            self._cipher.unseal(payload.reveal(), Label(kind, id_, owner, origin))
        except StoreError as error:
            return error.code not in _KEYLESS
        return True

    def _shut_out(self, code: str, profiles: list[str], records: int) -> StoreError:
        """Return the error that tells once what does not open for want of a key."""
        parts = [f"the profile{'s' if len(profiles) > 1 else ''} {', '.join(profiles)}"] if profiles else []
        if records:
            parts.append("1 record of an earlier change" if records == 1 else f"{records} records of earlier changes")
        path, what = self._link.source.path, " and ".join(parts)
        if code == "store.sealed":
            return no_key(f"The credential store {path} is sealed, and there is no key to open {what}.")
        message = (
            f"The credential store {path} was sealed with another key than the one in use: {what} cannot be opened."
        )
        error = other_key(message)
        return error if self.write_fault() is None else self._started_anew(error)

    def _load(self, provider: str | None) -> tuple[tuple[Profile, ...], tuple[StoreError, ...]]:
        if provider is None:
            rows = self._link.run(_PROFILES + "ORDER BY id")
        else:
            # `;` follows `:` in ASCII, so these are all ids of the provider, found by the primary key.
            name = canonical_id(provider)
            rows = self._link.run(_PROFILES + "WHERE id >= ? AND id < ? ORDER BY id", f"{name}:", f"{name};")
        return _opened(self._profile, rows)

    def _load_intents(self, prefix: str, state: str | None) -> tuple[tuple[Intent, ...], tuple[StoreError, ...]]:
        return _opened(lambda row: self._intent(*row), self._intent_rows(prefix, state))

    def _intent_rows(self, prefix: str, state: str | None) -> list[Row]:
        wanted: dict[str, object] = {"id >= ?": prefix} if prefix else {}
        after = _after(prefix)
        if after is not None:
            wanted["id < ?"] = after
        if state is not None:
            wanted["state = ?"] = state
        where = f"WHERE {' AND '.join(wanted)} " if wanted else ""
        # Only the fixed texts above go into the statement.
        sql = f"SELECT id, state, payload, created FROM intents {where}ORDER BY created, id"  # noqa: S608
        return self._link.run(sql, *wanted.values())

    def _profile(self, row: Row) -> Profile:
        id_, owner, origin, payload, created, updated, *usage = row
        credential = self._credential(Label("profile", id_, owner, origin), payload)
        if credential is None:
            raise _unlike(f"profile {id_}", f"Store {id_} anew.")
        try:
            return Profile(id_, credential, origin, owner, created, updated, parse_usage(usage) or Usage())
        except RequestError as error:
            raise _unlike(f"profile {id_}", f"Store {id_} anew.") from error

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
            raise _unlike(str(Label("intent", id_)), "Only config undo needs it.")
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
                store is sealed and there is no key, `store.other-key` when it is sealed with another one.
        """
        self._require_key()
        present = self._link.run("SELECT owner, origin, payload, created FROM profiles WHERE id = ?", profile.id)
        created = profile.created or self._now()
        usage = profile.usage
        if present:
            owner, origin, payload, created = present[0]
            self._check_owner(profile, owner, expected_owner)
            usage = self._usage(profile.id)
            former = self._former(Label("profile", profile.id, owner, origin), payload)
            if former != profile.credential:
                usage = Usage(last_used=usage.last_used)
                self._vouch(former, profile.credential)
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
            StoreError: `store.exists` when there is a `new` already; `store.sealed`, `store.other-key` or
                `store.tampered` when it does not open.
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
        self._require_key()
        sql = "UPDATE profiles SET id = ?, payload = ?, updated = ? WHERE id = ?"
        self._link.run(sql, renamed.id, self._seal_profile(renamed), renamed.updated, profile.id)
        self._link.run("DELETE FROM orders WHERE profile = ? AND provider <> ?", renamed.id, renamed.provider)
        return renamed

    def set_order(self, provider: str, ids: Iterable[str]) -> None:
        """Put profiles of a provider in order; no ids at all is `clear_order`.

        Raises:
            RequestError: `store.order`, with one diagnostic for each id that is unknown, doubled or another provider's.
            StoreError: `store.sealed` or `store.other-key` when the store's key is not here.
        """
        self._require_key()
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
        """Forget the order of a provider's profiles; return whether there was one.

        Raises:
            StoreError: as `set_order`.
        """
        self._require_key()
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
            StoreError: `store.sealed` when the store is sealed and there is no key, `store.other-key` when it is sealed
                with another one.
        """
        self._require_key()
        sealed = Blob(self._cipher.seal(dump_object(payload), Label("intent", intent_id)))
        self._link.run(_PUT_INTENT, intent_id, state, sealed, self._now())
        ((created,),) = self._link.run("SELECT created FROM intents WHERE id = ?", intent_id)
        return Intent(intent_id, created, state, payload)

    def remove_intent(self, intent_id: str) -> bool:
        """Forget an intent; return whether there was one."""
        return self._link.change("DELETE FROM intents WHERE id = ?", intent_id) > 0

    def claim_refresh(self, profile: Profile, holder: str, until: int) -> Lease:
        """Take the right to send a profile's refresh token, whoever had it before.

        The caller has judged `refresh_note` within this same transaction.

        Args:
            profile: as `get` returned it in this transaction.
            holder: a name that no other lease has.
            until: when others may judge the token again, ms since the epoch.

        Raises:
            InternalError: `internal.no-refresh-token` when the profile has no refresh token.
        """
        token = leases.digest(profile.credential)
        if token is None:
            raise InternalError(f"The profile {profile.id} has no refresh token.", code="internal.no-refresh-token")
        return leases.take(self._link, profile.id, token, holder, until)

    def complete_refresh(self, lease: Lease, credential: OAuthCredential) -> Profile | None:
        """Store what a refresh brought, and in the same instant note that the former token is spent.

        Args:
            lease: what `claim_refresh` gave.
            credential: the new credential; with the former refresh token when the provider sent none.

        Returns:
            The profile as stored; None, and nothing is changed, when somebody has taken the lease over, or the profile
            is gone or has got another credential meanwhile.

        Raises:
            StoreError: as `put`.
        """
        if not leases.is_held(self._link, lease):
            return None
        present = self.get(lease.profile)
        if present is None or leases.digest(present.credential) != lease.token:
            return None
        stored = self.put(replace(present, credential=credential))
        leases.succeed(self._link, lease, replaced=leases.digest(credential) != lease.token)
        return stored

    def fail_refresh(
        self, lease: Lease, state: Literal["resting", "unknown", "refused"], until: int, reason: str
    ) -> bool:
        """Note that a refresh failed, and how; see `leases.RefreshNote`.

        Args:
            lease: what `claim_refresh` gave.
            state: what became of the token.
            until: when it may be tried again, ms since the epoch.
            reason: one word, which is shown to people.

        Returns:
            False, and nothing is changed, when somebody has taken the lease over.
        """
        return leases.fail(self._link, lease, state, until, reason)

    def give_back_refresh(self, lease: Lease) -> None:
        """End a lease whose token was certainly not sent, as if it had not been given."""
        leases.give_back(self._link, lease)

    def trust_refresh(self, profile_id: str) -> bool:
        """Forget that the token of a profile was refused or may be used up; return whether there was such a doubt.

        For a login that has just brought the token, and for a user who knows better.

        Raises:
            RequestError, StoreError: as `get`.
        """
        profile = self.get(profile_id)
        token = None if profile is None else leases.digest(profile.credential)
        return token is not None and leases.vouch(self._link, token)

    def reseal(self, cipher: Cipher) -> int:
        """Seal every row anew under `cipher`, and use it from here on; return how many there were.

        Raises:
            StoreError: `store.sealed`, `store.other-key` or `store.tampered` when one does not open; then nothing was
                changed.
        """
        self._require_key()
        faults = self.faults()
        if faults:
            raise faults[0]
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

    def _former(self, label: Label, payload: Blob) -> Credential | None:
        try:
            return self._credential(label, payload)
        except StoreError:
            # What does not open any more is being replaced by something that does.
            return None

    def _vouch(self, former: Credential | None, credential: Credential) -> None:
        """Trust a refresh token again that came once more with another access token: its provider does, too."""
        if not isinstance(former, OAuthCredential) or not isinstance(credential, OAuthCredential):
            return
        token = leases.digest(credential)
        if token is not None and token == leases.digest(former) and former.access != credential.access:
            leases.vouch(self._link, token)

    def _seal_profile(self, profile: Profile) -> Blob:
        label = Label("profile", profile.id, profile.owner, profile.origin)
        return Blob(self._cipher.seal(dump_credential(profile.credential), label))

    def _require_key(self) -> None:
        """Refuse to put a plain row, or one under a second key, into a sealed store; see `write_fault`."""
        fault = self.write_fault()
        if fault is not None:
            raise fault

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


def _opened(open_row: Callable[[Row], T], rows: Iterable[Row]) -> tuple[tuple[T, ...], tuple[StoreError, ...]]:
    """Return what opens, and one error for each row that does not."""
    found: list[T] = []
    faults: list[StoreError] = []
    for row in rows:
        try:
            found.append(open_row(row))
        except StoreError as error:
            if error.code not in _UNOPENED:
                raise
            faults.append(error)
    return tuple(found), tuple(faults)


def _unless_none(what: str, found: tuple[T, ...], faults: tuple[StoreError, ...]) -> tuple[T, ...]:
    """Return what opened; a missing key is never passed over, and neither is that nothing opens at all."""
    sealed = [fault for fault in faults if fault.code == "store.sealed"]
    if sealed:
        raise sealed[0]
    if faults and not found:
        # With the key that is missing more can be told than with what was damaged.
        first = next((fault for fault in faults if fault.code in _KEYLESS), faults[0])
        raise StoreError(
            first.message if len(faults) == 1 else f"None of the {len(faults)} {what} opens. {first.message}",
            code=first.code,
            fix=first.fix,
            diagnostics=[as_diagnostic(fault) for fault in faults],
        )
    return found


def _after(prefix: str) -> str | None:
    """Return the first text, in the order of its UTF-8, after all that begin with `prefix`; None when there is none."""
    for place in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[place]) + 1
        if point <= _LAST_POINT:
            # Surrogates have no UTF-8.
            return prefix[:place] + chr(_AFTER_SURROGATES if point == _SURROGATES else point)
    return None


def as_diagnostic(error: StoreError) -> Diagnostic:
    """Return an error as a diagnostic."""
    return Diagnostic(error.code, error.message, hint=error.fix)


def _unlike(what: str, fix: str) -> StoreError:
    return StoreError(
        f"The {what} opens, but what it holds is not what was stored.",
        code="store.tampered",
        fix=fix,
    )
