"""Laws of the credential store, for any credential and any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.credentials.envelope import EnvelopeCipher, Label, PlainCipher
from jackfield.credentials.order import arrange
from jackfield.credentials.profile import (
    MAX_TIME,
    ApiKeyCredential,
    OAuthCredential,
    Profile,
    TokenCredential,
    credential_from_secret_dict,
)
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.credentials.usage import BILLING_LONGEST, COOLDOWNS, Usage, after_failure, after_use

KEY = bytes(range(32))
NOW = 1_800_000_000_000

times = st.integers(0, MAX_TIME)
text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
printable = text.filter(lambda each: bool(each.strip()) and each.isprintable())
secrets = text.filter(lambda each: bool(each.strip())).map(Secret)
providers = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
names = printable.filter(lambda each: not any(char.isspace() for char in each))
credentials = st.one_of(
    st.builds(ApiKeyCredential, secrets),
    st.builds(TokenCredential, secrets, st.none() | times),
    st.builds(
        OAuthCredential,
        secrets,
        st.none() | secrets,
        times,
        st.none() | printable,
        st.dictionaries(printable, st.text(st.characters(codec="utf-8"), max_size=50), max_size=4),
    ),
)
reasons = st.sampled_from(["auth", "rate_limit", "billing", "timeout"])
owners = st.sampled_from(["core", "user"]) | providers.map(lambda each: f"plugin:{each}")
origins = st.none() | st.sampled_from(["https://api.example.com", "http://127.0.0.1:8080", "https://[::1]:9"])
ids = st.builds(lambda provider, name: f"{provider}:{name}", providers, names)
usages = st.builds(
    Usage,
    st.none() | times,
    st.none() | times,
    st.integers(0, 10**6),
    st.none() | times,
    st.none() | times,
    st.none() | st.just("billing"),
    st.dictionaries(reasons, st.integers(1, 10**6)),
)
profiles = st.builds(Profile, ids, credentials, origins, owners, st.integers(1, MAX_TIME), times, usages)
ciphers = st.sampled_from([PlainCipher(), EnvelopeCipher(KEY)])


@settings(max_examples=60, deadline=None)
@given(st.lists(profiles, max_size=5, unique_by=lambda each: each.id), ciphers)
def test_what_was_put_is_what_is_got(given_profiles: list[Profile], cipher: PlainCipher | EnvelopeCipher) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with CredentialStore.open(path, cipher=cipher, clock=lambda: NOW) as store:
            stored = [store.put(each) for each in given_profiles]
        for before, after in zip(given_profiles, stored, strict=True):
            assert (after.credential, after.origin, after.owner) == (before.credential, before.origin, before.owner)
            assert (after.usage, after.created, after.updated) == (before.usage, before.created, NOW)
        with CredentialStore.open(path, cipher=cipher, clock=lambda: NOW) as store:
            assert store.profiles() == tuple(sorted(stored, key=lambda each: each.id))
            assert all(store.get(each.id) == each for each in stored)


@given(credentials)
def test_a_credential_survives_being_written_as_a_dict(
    credential: ApiKeyCredential | TokenCredential | OAuthCredential,
) -> None:
    assert credential_from_secret_dict(credential.to_secret_dict()) == credential


labels = st.builds(Label, st.sampled_from(["profile", "intent"]), ids, owners, origins)


@given(st.binary(max_size=300), labels, labels)
def test_no_two_labels_bind_alike(plain: bytes, one: Label, other: Label) -> None:
    assert (one.to_bytes() == other.to_bytes()) is (one == other)
    cipher = EnvelopeCipher(KEY)
    assert cipher.unseal(cipher.seal(plain, one), one) == plain


same_provider = st.lists(
    st.builds(
        lambda name, credential, usage: Profile(f"p:{name}", credential, usage=usage), names, credentials, usages
    ),
    max_size=6,
    unique_by=lambda each: each.id,
)


@given(same_provider, st.randoms(use_true_random=False), times, st.data())
def test_the_order_holds_its_laws(given_profiles: list[Profile], random: object, now: int, data: st.DataObject) -> None:
    known = [each.id for each in given_profiles]
    explicit = data.draw(st.lists(st.sampled_from([*known, "p:gone"]), max_size=8))
    found = arrange(given_profiles, explicit, now)
    usable = {each.id for each in given_profiles if each.is_usable(now)}
    resting = {each.id for each in given_profiles if each.usage.rests_until(now) is not None}
    # Nobody twice, nobody unusable, nobody missing, nobody who rests before somebody who does not.
    assert len(set(found)) == len(found)
    assert set(found) == (usable & set(explicit) if explicit else usable)
    assert [each in resting for each in found] == sorted(each in resting for each in found)
    # The order of arrival and the order of what came out change nothing.
    assert arrange(data.draw(st.permutations(given_profiles)), explicit, now) == found
    if found:
        assert arrange(given_profiles, found, now) == found
    if explicit:
        ready = [each for each in found if each not in resting]
        assert ready == [each for each in dict.fromkeys(explicit) if each in ready]


@given(st.lists(st.tuples(reasons, st.integers(0, 2 * 24 * 3_600_000)), max_size=12))
def test_failures_add_up_and_rests_are_bounded(failures: list[tuple[str, int]]) -> None:
    usage, now = Usage(), NOW
    for reason, pause in failures:
        now += pause
        usage = after_failure(usage, reason, now)
        assert sum(usage.failure_counts.values()) == usage.error_count >= 1
        until = usage.rests_until(now)
        assert until is not None
        assert now < until <= now + max(BILLING_LONGEST, *COOLDOWNS)
    assert after_use(usage, now) == Usage(last_used=now)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([f"a:{number}" for number in range(5)]), unique=True), st.data())
def test_an_order_is_kept_through_deletes_and_renames(ordered: list[str], data: st.DataObject) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        CredentialStore.open(Path(folder) / "store.db") as store,
    ):
        for number in range(5):
            store.put(Profile(f"a:{number}", ApiKeyCredential(Secret("k"))))
        store.set_order("a", ordered)
        assert store.order("a") == tuple(ordered)
        store.set_order("a", ordered)
        assert store.order("a") == tuple(ordered)
        gone = data.draw(st.sampled_from([f"a:{number}" for number in range(5)]))
        store.delete(gone)
        left = [each for each in ordered if each != gone]
        assert store.order("a") == tuple(left)
        if left:
            moved = data.draw(st.sampled_from(left))
            store.rename(moved, "a:moved")
            assert store.order("a") == tuple("a:moved" if each == moved else each for each in left)
