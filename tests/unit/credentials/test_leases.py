"""The right to send a refresh token: given once, taken over, fenced, remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jackfield.credentials import leases
from jackfield.credentials.envelope import EnvelopeCipher
from jackfield.credentials.leases import SPENT_MS, digest
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import InternalError, StoreError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from jackfield.credentials.leases import Lease, RefreshNote
    from jackfield.credentials.store import CredentialStore
    from unit.credentials.conftest import Clock, OpenStore

KEY = bytes(range(32))


def grant(refresh: str | None = "r1", access: str = "a1", expires: int = 1) -> OAuthCredential:
    return OAuthCredential(Secret(access), None if refresh is None else Secret(refresh), expires)


def put(store: CredentialStore, credential: OAuthCredential, profile_id: str = "acme:one") -> Profile:
    return store.put(Profile(profile_id, credential, origin="https://acme.example", owner="core"))


def claim(store: CredentialStore, holder: str = "me", profile_id: str = "acme:one", last: int = 1000) -> Lease:
    with store.transaction() as work:
        profile = work.get(profile_id)
        assert profile is not None
        return work.claim_refresh(profile, holder, store.now() + last)


def note(store: CredentialStore, profile_id: str = "acme:one") -> RefreshNote | None:
    profile = store.get(profile_id)
    assert profile is not None
    return store.refresh_note(profile)


def complete(store: CredentialStore, lease: Lease, credential: OAuthCredential) -> Profile | None:
    with store.transaction() as work:
        return work.complete_refresh(lease, credential)


def fail(store: CredentialStore, lease: Lease, state: Literal["resting", "unknown", "refused"] = "unknown") -> bool:
    with store.transaction() as work:
        return work.fail_refresh(lease, state, 7, "net.dns")


# ----------------------------------------------------------------------------------------------------------- the digest


def test_a_digest_tells_refresh_tokens_apart_and_does_not_hold_them() -> None:
    one, other = digest(grant("r1")), digest(grant("r2"))
    assert one == digest(grant("r1", access="other", expires=9))
    assert one != other
    assert one is not None
    assert len(one) == 64
    assert "r1" not in one


@pytest.mark.parametrize(
    "credential",
    [ApiKeyCredential(Secret("k")), TokenCredential(Secret("t")), grant(None), grant(" ")],
    ids=["key", "token", "no refresh token", "blank refresh token"],
)
def test_what_has_no_refresh_token_has_no_digest_no_note_and_no_lease(
    store: CredentialStore, credential: ApiKeyCredential | TokenCredential | OAuthCredential
) -> None:
    profile = store.put(Profile("acme:one", credential))
    assert digest(credential) is None
    assert store.refresh_note(profile) is None
    assert store.trust_refresh("acme:one") is False
    with store.transaction() as work, pytest.raises(InternalError) as caught:
        work.claim_refresh(profile, "me", 0)
    assert caught.value.code == "internal.no-refresh-token"


# -------------------------------------------------------------------------------------------------- taking and ending


def test_a_lease_is_noted_with_everything_about_it(store: CredentialStore, clock: Clock) -> None:
    put(store, grant())
    assert note(store) is None
    lease = claim(store, "me", last=500)
    assert (lease.profile, lease.generation, lease.holder, lease.until) == ("acme:one", 1, "me", clock.now + 500)
    found = note(store)
    assert found == leases.RefreshNote(lease.token, 1, "held", "me", clock.now + 500, 0, "", clock.now)


def test_a_result_replaces_the_credential_and_spends_the_token_at_once(store: CredentialStore) -> None:
    before = put(store, grant())
    store.record_failure("acme:one", "auth")
    lease = claim(store)
    stored = complete(store, lease, grant("r2", "a2", 99))
    assert stored == store.get("acme:one")
    assert stored is not None
    assert stored.credential == grant("r2", "a2", 99)
    assert (stored.origin, stored.owner, stored.created) == (before.origin, "core", before.created)
    # What failed was the old credential.
    assert stored.usage.error_count == 0
    assert note(store) is None
    put(store, grant("r1"), "acme:copy")
    copy = note(store, "acme:copy")
    assert copy is not None
    assert (copy.state, copy.failures, copy.reason) == ("spent", 0, "")


def test_a_token_that_stays_is_forgotten_when_its_use_went_well(store: CredentialStore) -> None:
    put(store, grant())
    assert complete(store, claim(store), grant("r1", "a2")) is not None
    assert note(store) is None


@pytest.mark.parametrize("state", ["resting", "unknown", "refused"])
def test_a_failure_is_noted_and_counted(
    store: CredentialStore, clock: Clock, state: Literal["resting", "unknown", "refused"]
) -> None:
    put(store, grant())
    for number in (1, 2):
        lease = claim(store)
        clock.now += 5
        assert fail(store, lease, state) is True
        found = note(store)
        assert found == leases.RefreshNote(lease.token, number, state, "me", 7, number, "net.dns", clock.now)
    # It has ended: neither another failure nor a late result is taken from it.
    assert fail(store, lease) is False
    assert complete(store, lease, grant("r2", "a2")) is None


def test_a_lease_that_is_given_back_leaves_the_token_free(store: CredentialStore) -> None:
    put(store, grant())
    lease = claim(store)
    with store.transaction() as work:
        work.give_back_refresh(lease)
    found = note(store)
    assert found is not None
    assert (found.state, found.until, found.failures) == ("resting", 0, 0)


# ------------------------------------------------------------------------------------------------------------ the fence


def test_nobody_can_end_a_lease_that_was_taken_over(store: CredentialStore) -> None:
    put(store, grant())
    stalled = claim(store, "stalled")
    successor = claim(store, "successor")
    assert successor.generation == stalled.generation + 1
    assert complete(store, stalled, grant("r-late", "a-late")) is None
    assert fail(store, stalled) is False
    with store.transaction() as work:
        work.give_back_refresh(stalled)
    assert note(store) == leases.RefreshNote(
        successor.token, 2, "held", "successor", successor.until, 0, "", store.now()
    )
    stored = complete(store, successor, grant("r2", "a2"))
    assert stored is not None
    assert complete(store, stalled, grant("r-late", "a-late")) is None
    assert store.get("acme:one") == stored


def test_a_late_result_is_taken_when_nobody_has_taken_over(store: CredentialStore, clock: Clock) -> None:
    put(store, grant())
    lease = claim(store, last=10)
    clock.now += 3_600_000
    assert complete(store, lease, grant("r2", "a2")) is not None


@pytest.mark.parametrize("what", ["new login", "deleted", "replaced by a key"])
def test_a_result_does_not_overwrite_what_happened_meanwhile(store: CredentialStore, what: str) -> None:
    put(store, grant())
    lease = claim(store)
    if what == "new login":
        put(store, grant("r-login", "a-login"))
    elif what == "deleted":
        store.delete("acme:one")
    else:
        store.put(Profile("acme:one", ApiKeyCredential(Secret("k")), owner="core"))
    before = store.profiles()
    assert complete(store, lease, grant("r2", "a2")) is None
    assert store.profiles() == before


def test_a_login_with_the_same_name_after_a_logout_is_not_overwritten(store: CredentialStore) -> None:
    put(store, grant("r1"))
    stalled = claim(store, "stalled")
    store.delete("acme:one")
    put(store, grant("r1", "a-imported"))
    claim(store, "successor")
    assert complete(store, stalled, grant("r2", "a2")) is None


def test_a_result_that_cannot_be_stored_leaves_the_lease_as_it_was(open_store: OpenStore) -> None:
    store = open_store()
    put(store, grant())
    lease = claim(store)
    with open_store(cipher=EnvelopeCipher(KEY)) as sealed:
        sealed.put(Profile("acme:sealed", ApiKeyCredential(Secret("k"))))
    with pytest.raises(StoreError) as caught:
        complete(store, lease, grant("r2", "a2"))
    assert caught.value.code == "store.sealed"
    found = note(store)
    assert found is not None
    assert found.state == "held"
    with open_store(cipher=EnvelopeCipher(KEY)) as keyed:
        assert complete(keyed, lease, grant("r2", "a2")) is not None


# ------------------------------------------------------------------------------------------------- what is remembered


@pytest.mark.parametrize("state", ["unknown", "refused"])
def test_what_is_known_of_a_token_outlives_its_profile(
    store: CredentialStore, state: Literal["unknown", "refused"]
) -> None:
    put(store, grant())
    fail(store, claim(store), state)
    store.delete("acme:one")
    put(store, grant(access="a9"), "acme:again")
    found = note(store, "acme:again")
    assert found is not None
    assert found.state == state


def test_profiles_with_the_same_token_share_its_lease(store: CredentialStore) -> None:
    put(store, grant(), "acme:one")
    put(store, grant(access="a9"), "acme:two")
    lease = claim(store, profile_id="acme:one")
    found = note(store, "acme:two")
    assert found is not None
    assert (found.token, found.holder) == (lease.token, lease.holder)


@pytest.mark.parametrize(
    ("state", "credential", "trusted"),
    [
        ("unknown", grant("r1", "a-new"), True),
        ("refused", grant("r1", "a-new"), True),
        ("refused", grant("r1", "a1", expires=77), False),
        ("resting", grant("r1", "a-new"), False),
    ],
)
def test_a_login_that_brings_the_token_once_more_vouches_for_it(
    store: CredentialStore,
    state: Literal["resting", "unknown", "refused"],
    credential: OAuthCredential,
    trusted: bool,
) -> None:
    put(store, grant())
    fail(store, claim(store), state)
    put(store, credential)
    assert (note(store) is None) is trusted


def test_a_token_that_is_under_way_is_not_freed_by_a_login_that_brings_it_again(store: CredentialStore) -> None:
    put(store, grant())
    lease = claim(store)
    put(store, grant("r1", "a-new"))
    found = note(store)
    assert found is not None
    assert (found.state, found.holder) == ("held", lease.holder)


@pytest.mark.parametrize(("state", "doubted"), [("unknown", True), ("refused", True), ("resting", False)])
def test_a_user_may_trust_a_token_again(
    store: CredentialStore, state: Literal["resting", "unknown", "refused"], doubted: bool
) -> None:
    put(store, grant())
    fail(store, claim(store), state)
    assert store.trust_refresh("acme:one") is doubted
    assert (note(store) is None) is doubted
    assert store.trust_refresh("acme:gone") is False


def test_spent_tokens_are_forgotten_after_their_time_and_doubtful_ones_never(
    store: CredentialStore, clock: Clock
) -> None:
    put(store, grant("r1"))
    complete(store, claim(store), grant("r2", "a2"))
    put(store, grant("doubtful"), "acme:doubtful")
    fail(store, claim(store, profile_id="acme:doubtful"))
    clock.now += SPENT_MS + 1
    complete(store, claim(store), grant("r3", "a3"))
    put(store, grant("r1"), "acme:first")
    put(store, grant("r2"), "acme:second")
    states = [note(store, each) for each in ("acme:first", "acme:second", "acme:doubtful")]
    assert [each and each.state for each in states] == [None, "spent", "unknown"]


def test_a_renamed_profile_keeps_what_is_known_of_its_token(store: CredentialStore) -> None:
    put(store, grant())
    fail(store, claim(store), "refused")
    store.rename("acme:one", "acme:two")
    found = note(store, "acme:two")
    assert found is not None
    assert found.state == "refused"


def test_neither_files_nor_reprs_hold_a_token(open_store: OpenStore, path: Path) -> None:
    store = open_store(cipher=EnvelopeCipher(KEY))
    put(store, grant("canary-refresh-1", "canary-access-1"))
    lease = claim(store)
    complete(store, lease, grant("canary-refresh-2", "canary-access-2"))
    put(store, grant("canary-refresh-3"), "acme:three")
    other = claim(store, profile_id="acme:three")
    assert "canary" not in repr((lease, other, note(store, "acme:three")))
    data = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert b"canary" not in data


def test_a_damaged_note_makes_the_store_unreadable_rather_than_the_token_free(
    open_store: OpenStore, path: Path
) -> None:
    import sqlite3

    with open_store() as store:
        put(store, grant())
        fail(store, claim(store))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("UPDATE refreshes SET state = 'free'")
    connection.close()
    with pytest.raises(StoreError) as caught:
        open_store().profiles()
    assert caught.value.code == "store.unreadable"
