from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.credentials.envelope import EnvelopeCipher, PlainCipher
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.schema import CURRENT, Schema
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.credentials.usage import HOUR, MINUTE, Usage
from jackfield.errors import InternalError, RequestError, StoreError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.credentials.conftest import Clock, OpenStore

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


def key(profile_id: str = "openai:default", value: str = "sk-1", **fields: Any) -> Profile:
    return Profile(profile_id, ApiKeyCredential(Secret(value)), **fields)


def grant(profile_id: str = "gemini:work") -> Profile:
    credential = OAuthCredential(Secret("acc"), Secret("ref"), 9_000_000_000_000, "a@example.com", {"projectId": "p"})
    return Profile(profile_id, credential, origin="https://api.example.com", owner="plugin:gemini")


def sql(path: Path, statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


# ------------------------------------------------------------------------------------------------------- laziness


def test_asking_a_store_that_does_not_exist_makes_nothing(store: CredentialStore, path: Path, tmp_path: Path) -> None:
    assert store.profiles() == ()
    assert store.get("openai:default") is None
    assert store.order("openai") == ()
    assert store.resolution_order("openai") == ()
    assert store.intents() == ()
    assert store.diagnostics() == ()
    assert list(tmp_path.iterdir()) == []
    assert store.path == path


def test_a_store_made_by_another_since_is_seen(open_store: OpenStore) -> None:
    early, late = open_store(), open_store()
    assert early.profiles() == ()
    late.put(key())
    assert [profile.id for profile in early.profiles()] == ["openai:default"]


def test_a_store_put_in_the_place_of_another_is_the_one_used(open_store: OpenStore, path: Path) -> None:
    store = open_store()
    store.put(key("old:one"))
    path.rename(path.with_name("moved.db"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()
    open_store().put(key("new:one"))
    assert [profile.id for profile in store.profiles()] == ["new:one"]
    store.put(key("new:two"))
    assert [profile.id for profile in open_store().profiles()] == ["new:one", "new:two"]


def test_a_symbolic_link_to_a_store_is_followed(tmp_path: Path, clock: Clock) -> None:
    real = tmp_path / "real.db"
    (tmp_path / "link.db").symlink_to(real)
    with CredentialStore.open(tmp_path / "link.db", clock=clock) as store:
        store.put(key())
        assert store.path == real
    assert (tmp_path / "link.db").is_symlink()
    assert real.is_file()


def test_a_closed_store_says_so(store: CredentialStore) -> None:
    store.put(key())
    store.close()
    store.close()
    with pytest.raises(InternalError) as caught:
        store.profiles()
    assert caught.value.code == "internal.store-closed"


def test_the_last_to_close_leaves_one_file(open_store: OpenStore, path: Path) -> None:
    with open_store() as store:
        store.put(key())
    assert [each.name for each in path.parent.iterdir()] == ["credentials.db"]


@pytest.mark.parametrize("own", [True, False])
def test_a_transaction_may_wait_less_than_the_store_does(open_store: OpenStore, own: bool) -> None:
    store, other = open_store(deadline=60), open_store()
    store.put(key())
    holder = store if own else other
    codes: list[str] = []

    def once() -> None:
        try:
            with store.transaction(deadline=0):
                codes.append("had")
        except StoreError as error:
            codes.append(f"{error.code}: {'for 0 seconds' in error.message or not own}")

    with holder.transaction():
        thread = threading.Thread(target=once)
        thread.start()
        thread.join(30)
    once()
    assert codes == ["store.locked: True", "had"]
    # The usual wait is back.
    assert store._handle.link is not None
    assert store._handle.link.run("PRAGMA busy_timeout") == [(60_000,)]


# ----------------------------------------------------------------------------------------------------- views and stamps


def test_a_view_shows_one_instant_and_keeps_nobody_from_writing(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    before = store.put(key("a:1"))
    with store.view() as view:
        assert view.profiles() == (before,)
        other.put(key("a:2"))
        other.set_order("a", ["a:2"])
        assert view.profiles() == (before,)
        assert view.order("a") == ()
        with pytest.raises(InternalError) as caught:
            store.profiles()
    assert caught.value.code == "internal.nested-transaction"
    with pytest.raises(InternalError) as caught:
        view.profiles()
    assert caught.value.code == "internal.ended-transaction"
    assert len(store.profiles()) == 2


def test_a_view_of_a_store_that_does_not_exist_is_empty(store: CredentialStore, path: Path) -> None:
    with store.view() as view:
        assert view.profiles() == ()
        assert view.refresh_note(grant()) is None
    assert not path.exists()


def test_a_stamp_stays_until_something_is_written(open_store: OpenStore, path: Path) -> None:
    store, other = open_store(), open_store()
    store.put(key("a:1"))
    stamps = [store.stamp()]
    assert store.get("a:1") is not None
    assert store.stamp() == stamps[0]
    for write in (
        lambda: other.put(key("a:2")),
        lambda: store.put(key("a:3")),
        lambda: other.delete("a:2"),
        lambda: store.record_use("a:1"),
    ):
        write()
        stamps.append(store.stamp())
        assert store.stamp() == stamps[-1]
    assert all(stamps[each] != stamps[each + 1] for each in range(len(stamps) - 1))


def test_a_stamp_of_what_cannot_be_looked_at_is_always_another(open_store: OpenStore, path: Path) -> None:
    store = open_store()
    assert store.stamp() != store.stamp()  # nothing is open yet
    store.put(key())
    with store.transaction():
        assert store.stamp() != store.stamp()  # somebody has it
    assert store.stamp() == store.stamp()
    path.rename(path.with_name("moved.db"))
    assert store.stamp() != store.stamp()  # another file is to be opened


def test_a_stamp_never_waits(open_store: OpenStore) -> None:
    store = open_store(deadline=60)
    store.put(key())
    found: list[object] = []
    with store.transaction():
        thread = threading.Thread(target=lambda: found.append(store.stamp()))
        thread.start()
        thread.join(30)
    assert len(found) == 1


# ------------------------------------------------------------------------------------------------------ the schema


def test_the_file_carries_the_mark_the_version_and_the_log(store: CredentialStore, path: Path) -> None:
    store.put(key())
    assert sql(path, "PRAGMA application_id") == [(0x4A41434B,)]
    assert sql(path, "PRAGMA user_version") == [(2,)]
    assert sql(path, "PRAGMA journal_mode") == [("wal",)]


def test_every_connection_is_as_durable_as_promised(store: CredentialStore) -> None:
    store.put(key())
    link = store._handle.link
    assert link is not None
    assert link.run("PRAGMA synchronous") == [(2,)]
    assert link.run("PRAGMA foreign_keys") == [(1,)]
    assert link.run("PRAGMA secure_delete") == [(1,)]
    assert link.run("PRAGMA temp_store") == [(2,)]


def test_a_later_release_migrates_and_keeps_everything(open_store: OpenStore, path: Path) -> None:
    second = "ALTER TABLE profiles ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    third = "CREATE TABLE leases (profile TEXT PRIMARY KEY REFERENCES profiles (id), owner TEXT NOT NULL);"
    with open_store() as store:
        before = store.put(key())
        store.record_failure("openai:default", "auth")
        usage = store.record_use("openai:default")
    with open_store(schema=Schema((*CURRENT.migrations, second, third))) as newer:
        profile = newer.get("openai:default")
        assert profile is not None
        assert (profile.credential, profile.usage) == (before.credential, usage)
        newer.put(key("openai:second"))
    assert sql(path, "PRAGMA user_version") == [(4,)]
    assert sql(path, "SELECT generation FROM profiles") == [(0,), (0,)]


def test_a_migration_that_fails_changes_nothing(open_store: OpenStore, path: Path) -> None:
    with open_store() as store:
        store.put(key())
    before = path.read_bytes()
    broken = Schema(
        (*CURRENT.migrations, "ALTER TABLE profiles ADD COLUMN x TEXT; ALTER TABLE nothing ADD COLUMN y TEXT;")
    )
    with pytest.raises(StoreError):
        open_store(schema=broken).profiles()
    assert path.read_bytes() == before
    assert len(open_store().profiles()) == 1


def test_a_store_of_a_later_release_is_not_touched(open_store: OpenStore, path: Path) -> None:
    with open_store(schema=Schema((*CURRENT.migrations, "CREATE TABLE more (x TEXT);"))) as newer:
        newer.put(key())
    before, names = path.read_bytes(), sorted(path.parent.iterdir())
    store = open_store()
    for call in (store.profiles, lambda: store.put(key("a:b")), lambda: store.delete("openai:default")):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "store.newer"
        assert "Upgrade" in str(caught.value.fix)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == names


def test_a_later_release_that_is_still_in_the_log_is_seen(open_store: OpenStore) -> None:
    open_store().put(key())
    newer = open_store(schema=Schema((*CURRENT.migrations, "CREATE TABLE more (x TEXT);")))
    newer.put(key("a:b"))
    with pytest.raises(StoreError) as caught:
        open_store().profiles()
    assert caught.value.code == "store.newer"
    assert "version 3, this release knows 2" in caught.value.message


# ----------------------------------------------------------------------------------------------------- put and get


def test_put_returns_what_get_returns(store: CredentialStore, clock: Clock) -> None:
    stored = store.put(grant())
    assert stored.created == stored.updated == clock.now
    assert store.get("gemini:work") == stored
    assert stored.credential == grant().credential
    assert (stored.origin, stored.owner) == ("https://api.example.com", "plugin:gemini")


def test_putting_again_keeps_created_and_moves_updated(store: CredentialStore, clock: Clock) -> None:
    first = store.put(key())
    clock.now += 50
    second = store.put(key(value="sk-2"))
    assert (second.created, second.updated) == (first.created, first.created + 50)
    assert store.profiles() == (second,)


def test_an_imported_profile_keeps_its_age_and_usage(store: CredentialStore) -> None:
    usage = Usage(last_used=5, last_failure=6, error_count=2, failure_counts={"auth": 2}, cooldown_until=9)
    stored = store.put(key(created=123, usage=usage))
    assert stored.created == 123
    assert store.get(stored.id) == stored
    assert stored.usage == usage


def test_a_new_credential_forgets_the_failures_of_the_old_one(store: CredentialStore, clock: Clock) -> None:
    store.put(key())
    store.record_use("openai:default")
    used = clock.now
    store.record_failure("openai:default", "billing")
    assert store.put(key(value="sk-2")).usage == Usage(last_used=used)


def test_the_same_credential_keeps_its_failures(store: CredentialStore) -> None:
    store.put(key())
    failed = store.record_failure("openai:default", "billing")
    assert store.put(key()).usage == failed
    stored = store.get("openai:default")
    assert stored is not None
    assert stored.usage == failed


def test_profiles_are_sorted_by_id_and_chosen_by_provider(store: CredentialStore) -> None:
    for each in ("b:2", "a:z", "b:1", "b-c:0", "b.c:0", "bb:0"):
        store.put(key(each))
    assert [each.id for each in store.profiles()] == ["a:z", "b-c:0", "b.c:0", "b:1", "b:2", "bb:0"]
    assert [each.id for each in store.profiles("b")] == ["b:1", "b:2"]
    assert [each.id for each in store.profiles(" B ")] == ["b:1", "b:2"]
    assert store.profiles("c") == ()


def test_ids_are_taken_in_any_spelling_of_the_provider(store: CredentialStore) -> None:
    store.put(key("openai:Work"))
    assert store.get(" OpenAI:Work") is not None
    assert store.get("openai:work") is None
    assert store.delete("OPENAI:Work") is True


@pytest.mark.parametrize("call", ["get", "delete", "record_use"])
def test_what_is_no_id_is_refused(store: CredentialStore, call: str) -> None:
    with pytest.raises(RequestError) as caught:
        getattr(store, call)("openai")
    assert caught.value.code == "ref.profile"


def test_delete_removes_the_profile_its_usage_and_its_place(store: CredentialStore, path: Path) -> None:
    store.put(key("a:1"))
    store.put(key("a:2"))
    store.record_failure("a:1", "auth")
    store.set_order("a", ["a:1", "a:2"])
    assert store.delete("a:1") is True
    assert store.delete("a:1") is False
    assert store.order("a") == ("a:2",)
    assert sql(path, "SELECT profile FROM usage") == [("a:2",)]


# ----------------------------------------------------------------------------------------------------------- owners


@pytest.mark.parametrize(
    ("present", "new", "expected", "taken"),
    [
        ("user", "user", None, True),
        ("plugin:a", "plugin:a", None, True),
        ("plugin:a", "plugin:b", None, False),
        ("user", "plugin:a", None, False),
        ("core", "user", None, False),
        ("user", "plugin:a", "user", True),
        ("plugin:b", "plugin:a", "user", False),
        ("user", "user", "plugin:a", False),
    ],
)
def test_a_profile_of_another_owner_is_not_overwritten(
    store: CredentialStore, present: str, new: str, expected: str | None, taken: bool
) -> None:
    before = store.put(key(value="old", owner=present))
    if taken:
        store.put(key(value="new", owner=new), expected_owner=expected)
        found = store.get("openai:default")
        assert found is not None
        assert (found.owner, found.credential) == (new, ApiKeyCredential(Secret("new")))
        return
    with pytest.raises(StoreError) as caught:
        store.put(key(value="new", owner=new), expected_owner=expected)
    assert caught.value.code == "store.other-owner"
    assert present in caught.value.message
    assert store.get("openai:default") == before


# ----------------------------------------------------------------------------------------------------------- rename


@pytest.mark.parametrize("cipher", [None, EnvelopeCipher(KEY)])
def test_rename_keeps_credential_usage_and_place(open_store: OpenStore, cipher: EnvelopeCipher | None) -> None:
    store = open_store(cipher=cipher)
    store.put(key("a:1", "one"))
    store.put(key("a:2", "two"))
    store.set_order("a", ["a:2", "a:1"])
    usage = store.record_failure("a:1", "auth")
    renamed = store.rename("a:1", "a:new")
    assert store.get("a:new") == renamed
    assert (renamed.credential, renamed.usage) == (ApiKeyCredential(Secret("one")), usage)
    assert store.get("a:1") is None
    assert store.order("a") == ("a:2", "a:new")


def test_rename_to_another_provider_leaves_the_order(store: CredentialStore) -> None:
    store.put(key("codex-cli:x"))
    store.set_order("codex-cli", ["codex-cli:x"])
    store.rename("codex-cli:x", "openai-codex:x")
    assert store.order("codex-cli") == ()
    assert [each.id for each in store.profiles()] == ["openai-codex:x"]


def test_rename_to_itself_is_nothing(store: CredentialStore) -> None:
    stored = store.put(key())
    assert store.rename("openai:default", "OpenAI:default") == stored


def test_rename_does_not_replace_another_profile(store: CredentialStore) -> None:
    one, two = store.put(key("a:1")), store.put(key("a:2"))
    with pytest.raises(StoreError) as caught:
        store.rename("a:1", "a:2")
    assert caught.value.code == "store.exists"
    assert store.profiles() == (one, two)


def test_rename_of_nothing_suggests_what_is_there(store: CredentialStore) -> None:
    store.put(key("openai:default"))
    with pytest.raises(UnknownNameError) as caught:
        store.rename("openai:defualt", "openai:x")
    assert caught.value.code == "store.unknown-profile"
    assert caught.value.suggestions == ("openai:default",)


# ------------------------------------------------------------------------------------------------------------ order


def test_the_order_is_what_was_set_until_it_is_cleared(store: CredentialStore) -> None:
    for each in ("a:1", "a:2", "a:3"):
        store.put(key(each))
    store.set_order("A", ["a:3", "a:1", "a:2"])
    assert store.order("a") == ("a:3", "a:1", "a:2")
    store.set_order("a", ["a:2"])
    assert store.order("a") == ("a:2",)
    assert store.clear_order("a") is True
    assert store.clear_order("a") is False
    assert store.order("a") == ()


def test_setting_no_ids_clears_the_order(store: CredentialStore) -> None:
    store.put(key("a:1"))
    store.set_order("a", ["a:1"])
    store.set_order("a", [])
    assert store.order("a") == ()


def test_every_fault_of_an_order_is_told_and_the_old_order_stays(store: CredentialStore) -> None:
    store.put(key("a:1"))
    store.put(key("b:1"))
    store.set_order("a", ["a:1"])
    with pytest.raises(RequestError) as caught:
        store.set_order("a", ["a:1", "b:1", "a:gone", "a:1"])
    assert caught.value.code == "store.order"
    assert [fault.path for fault in caught.value.diagnostics] == [
        ("order", "a", "[1]"),
        ("order", "a", "[2]"),
        ("order", "a", "[3]"),
    ]
    assert store.order("a") == ("a:1",)


def test_the_resolution_order_follows_kind_use_and_cooldown(store: CredentialStore, clock: Clock) -> None:
    store.put(key("p:key"))
    store.put(Profile("p:token", TokenCredential(Secret("t"), clock.now + HOUR)))
    store.put(grant("p:grant"))
    assert store.resolution_order("p") == ("p:grant", "p:token", "p:key")
    store.record_failure("p:grant", "rate_limit")
    assert store.resolution_order("p") == ("p:token", "p:key", "p:grant")
    clock.now += MINUTE
    assert store.resolution_order("p") == ("p:grant", "p:token", "p:key")
    clock.now += HOUR
    assert store.resolution_order("p") == ("p:grant", "p:key")
    store.set_order("p", ["p:key", "p:token"])
    assert store.resolution_order("P") == ("p:key",)


# ------------------------------------------------------------------------------------------------------------ usage


def test_failures_are_counted_kept_and_cleared_by_a_success(open_store: OpenStore, clock: Clock) -> None:
    with open_store() as store:
        store.put(key())
        for minutes in (1, 5, 25, 60, 60):
            usage = store.record_failure("openai:default", "rate_limit")
            assert usage is not None
            assert usage.cooldown_until == clock.now + minutes * MINUTE
    store = open_store()
    profile = store.get("openai:default")
    assert profile is not None
    assert profile.usage == usage
    clock.now += 1
    assert store.record_use("openai:default") == Usage(last_used=clock.now)
    profile = store.get("openai:default")
    assert profile is not None
    assert profile.usage == Usage(last_used=clock.now)


def test_a_failure_a_day_later_counts_as_the_first(store: CredentialStore, clock: Clock) -> None:
    store.put(key())
    for _ in range(3):
        store.record_failure("openai:default", "billing")
    clock.now += 24 * HOUR + 1
    usage = store.record_failure("openai:default", "billing")
    assert usage is not None
    assert (usage.error_count, usage.disabled_until) == (1, clock.now + 5 * HOUR)


def test_the_usage_of_a_profile_that_is_gone_is_none(store: CredentialStore) -> None:
    assert store.record_use("openai:gone") is None
    assert store.record_failure("openai:gone", "auth") is None


def test_a_reason_must_be_a_word(store: CredentialStore) -> None:
    store.put(key())
    with pytest.raises(RequestError) as caught:
        store.record_failure("openai:default", "sk-1 was refused")
    assert caught.value.code == "store.reason"
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize("column", ["failure_counts = 'x'", "error_count = 'x'", "error_count = -4", "last_used = 'x'"])
def test_a_damaged_usage_counts_as_none_and_the_credential_stays(
    store: CredentialStore, path: Path, column: str
) -> None:
    store.put(key())
    store.record_failure("openai:default", "auth")
    sql(path, f"UPDATE usage SET {column}")
    profile = store.get("openai:default")
    assert profile is not None
    assert profile.usage == Usage()
    assert profile.credential == key().credential


# ----------------------------------------------------------------------------------------------------- transactions


def test_a_transaction_becomes_true_at_once(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    store.put(key("a:0"))
    with store.transaction() as work:
        work.put(key("a:1"))
        work.put_intent("login-1", {"config": "x"})
        work.set_order("a", ["a:1", "a:0"])
        assert [each.id for each in work.profiles()] == ["a:0", "a:1"]
        assert [each.id for each in other.profiles()] == ["a:0"]
    assert [each.id for each in other.profiles()] == ["a:0", "a:1"]
    assert other.order("a") == ("a:1", "a:0")
    assert [each.id for each in other.intents()] == ["login-1"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_exception_undoes_all_of_it_and_passes(store: CredentialStore, error: type[BaseException]) -> None:
    before = store.put(key("a:0"))

    def fail() -> None:
        with store.transaction() as work:
            work.put(key("a:1"))
            work.delete("a:0")
            work.put_intent("login-1", {})
            raise error("stop")

    with pytest.raises(error, match="stop"):
        fail()
    assert store.profiles() == (before,)
    assert store.intents() == ()
    store.put(key("a:2"))


def test_a_refused_step_does_not_end_the_transaction(store: CredentialStore) -> None:
    store.put(key("a:0", owner="core"))
    with store.transaction() as work:
        work.put(key("a:1"))
        with pytest.raises(StoreError):
            work.put(key("a:0"))
    assert [each.owner for each in store.profiles()] == ["core", "user"]


@pytest.mark.parametrize("call", [lambda store: store.profiles(), lambda store: store.put(key("a:9"))])
def test_calling_the_store_within_its_own_transaction_is_refused_at_once(
    store: CredentialStore, call: Callable[[CredentialStore], object]
) -> None:
    with store.transaction() as work:
        work.put(key("a:1"))
        with pytest.raises(InternalError) as caught:
            call(store)
    assert caught.value.code == "internal.nested-transaction"
    assert [each.id for each in store.profiles()] == ["a:1"]


def test_a_transaction_that_ended_does_nothing_more(store: CredentialStore) -> None:
    with store.transaction() as work:
        work.put(key("a:1"))
    with pytest.raises(InternalError) as caught:
        work.delete("a:1")
    assert caught.value.code == "internal.ended-transaction"
    assert len(store.profiles()) == 1


def test_intents_are_kept_in_their_order_with_their_state(open_store: OpenStore, clock: Clock) -> None:
    store = open_store(cipher=EnvelopeCipher(KEY))
    store.put_intent("second", {"a": [1, None, "ü"]})
    clock.now -= 5
    store.put_intent("first", {})
    clock.now += 9
    changed = store.put_intent("second", {"b": True}, state="config-written")
    assert changed.created == clock.now - 4
    assert [(each.id, each.state, each.payload) for each in open_store(cipher=EnvelopeCipher(KEY)).intents()] == [
        ("first", "pending", {}),
        ("second", "config-written", {"b": True}),
    ]
    assert store.remove_intent("first") is True
    assert store.remove_intent("first") is False
    assert store.intents() == (changed,)


# -------------------------------------------------------------------------------------------------- several at once


def test_a_store_held_by_somebody_else_is_said_after_the_deadline(open_store: OpenStore) -> None:
    holder, waiter = open_store(), open_store(deadline=0.05)
    holder.put(key())
    with holder.transaction() as work:
        work.put(key("a:1"))
        with pytest.raises(StoreError) as caught:
            waiter.put(key("a:2"))
        assert [each.id for each in waiter.profiles()] == ["openai:default"]
    assert caught.value.code == "store.locked"
    assert "0.05 seconds" in caught.value.message
    waiter.put(key("a:2"))
    assert [each.id for each in holder.profiles()] == ["a:1", "a:2", "openai:default"]


def test_a_thread_that_holds_the_store_too_long_is_said(open_store: OpenStore) -> None:
    store = open_store(deadline=0.05)
    store.put(key())
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.transaction():
            held.set()
            go.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    with pytest.raises(StoreError) as caught:
        store.profiles()
    go.set()
    thread.join()
    assert caught.value.code == "store.locked"
    assert len(store.profiles()) == 1


def test_threads_that_share_a_store_lose_no_update(store: CredentialStore) -> None:
    store.put(key())
    seen: list[int] = []

    def work() -> None:
        for _ in range(25):
            usage = store.record_failure("openai:default", "timeout")
            assert usage is not None
            seen.append(usage.error_count)
            assert store.get("openai:default") is not None

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 201))


# ---------------------------------------------------------------------------------------------------------- sealing


def test_a_sealed_store_opens_with_its_key(open_store: OpenStore) -> None:
    stored = open_store(cipher=EnvelopeCipher(KEY)).put(grant())
    assert open_store(cipher=EnvelopeCipher(KEY)).profiles() == (stored,)


def test_a_sealed_store_without_the_key_says_so_and_loses_nothing(open_store: OpenStore, path: Path) -> None:
    with open_store(cipher=EnvelopeCipher(KEY)) as sealed:
        sealed.put(key())
        sealed.put_intent("login", {"a": 1})
    before = path.read_bytes()
    store = open_store()
    for call in (
        store.profiles,
        store.intents,
        lambda: store.get("openai:default"),
        lambda: store.put(key("a:1")),
        lambda: store.put(key()),
        lambda: store.put_intent("a", {}),
        lambda: store.rename("openai:default", "openai:x"),
        lambda: store.resolution_order("openai"),
        lambda: store.reseal(PlainCipher()),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "store.sealed"
        assert "JACKFIELD_MASTER_KEY" in str(caught.value.fix)
    assert [each.code for each in store.diagnostics()] == ["store.sealed"]
    store.close()
    assert path.read_bytes() == before


def test_a_wrong_key_opens_nothing_and_is_not_an_empty_store(open_store: OpenStore) -> None:
    open_store(cipher=EnvelopeCipher(KEY)).put(key("a:1"))
    open_store(cipher=EnvelopeCipher(KEY)).put(key("a:2"))
    store = open_store(cipher=EnvelopeCipher(OTHER))
    with pytest.raises(StoreError) as caught:
        store.profiles()
    assert caught.value.code == "store.other-key"
    assert [each.code for each in caught.value.diagnostics] == ["store.other-key"] * 2
    assert "another key" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("cipher", [None, EnvelopeCipher(KEY)])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE profiles SET payload = CAST(payload || X'00' AS BLOB) WHERE id = 'a:1'",
        "UPDATE profiles SET payload = (SELECT payload FROM profiles WHERE id = 'a:2') WHERE id = 'a:1'",
        "UPDATE profiles SET origin = 'https://evil.example' WHERE id = 'a:1'",
        "UPDATE profiles SET owner = 'plugin:evil' WHERE id = 'a:1'",
        "UPDATE profiles SET payload = X'' WHERE id = 'a:1'",
    ],
)
def test_a_tampered_row_is_named_and_the_others_load(
    open_store: OpenStore, path: Path, cipher: EnvelopeCipher | None, change: str
) -> None:
    store = open_store(cipher=cipher)
    store.put(key("a:1", "one"))
    other = store.put(key("a:2", "two"))
    sql(path, change)
    with pytest.raises(StoreError) as caught:
        store.get("a:1")
    assert caught.value.code == "store.tampered"
    assert "a:1" in caught.value.message
    assert store.get("a:2") == other
    assert store.profiles() == (other,)
    assert [(each.code, "a:1" in each.message) for each in store.diagnostics()] == [("store.tampered", True)]
    store.put(key("a:1", "anew", owner=sql(path, "SELECT owner FROM profiles WHERE id = 'a:1'")[0][0]))
    assert len(store.profiles()) == 2
    assert store.diagnostics() == ()


def test_a_row_moved_under_another_name_is_tampered(open_store: OpenStore, path: Path) -> None:
    store = open_store(cipher=EnvelopeCipher(KEY))
    store.put(key("a:1"))
    sql(path, "UPDATE profiles SET id = 'b:1'")
    with pytest.raises(StoreError) as caught:
        store.profiles()
    assert caught.value.code == "store.tampered"
    assert "b:1" in caught.value.message


def test_a_tampered_intent_is_named(open_store: OpenStore, path: Path) -> None:
    store = open_store(cipher=EnvelopeCipher(KEY))
    store.put_intent("login", {"a": 1})
    sql(path, "UPDATE intents SET id = 'logout'")
    with pytest.raises(StoreError) as caught:
        store.intents()
    assert caught.value.code == "store.tampered"
    assert "record logout of an earlier change" in caught.value.message


def test_a_payload_that_is_no_credential_is_tampered(open_store: OpenStore, path: Path) -> None:
    from jackfield.credentials.envelope import Label

    store = open_store()
    store.put(key("a:1"))
    store.put_intent("login", {})
    for content in (b"[]", b"{", b'{"kind":"api_key"}', b"\xff"):
        forged = PlainCipher().seal(content, Label("profile", "a:1", "user"))
        sql(path, "UPDATE profiles SET payload = ?", forged)
        with pytest.raises(StoreError) as caught:
            store.get("a:1")
        assert caught.value.code == "store.tampered"
    sql(path, "UPDATE intents SET payload = ?", PlainCipher().seal(b"[]", Label("intent", "login")))
    with pytest.raises(StoreError) as caught:
        store.intents()
    assert caught.value.code == "store.tampered"


def test_a_row_with_an_impossible_time_is_tampered(store: CredentialStore, path: Path) -> None:
    store.put(key("a:1"))
    sql(path, "UPDATE profiles SET created = -1")
    with pytest.raises(StoreError) as caught:
        store.get("a:1")
    assert caught.value.code == "store.tampered"


def test_plain_and_sealed_rows_live_together(open_store: OpenStore) -> None:
    with open_store() as store:
        plain = store.put(key("a:plain"))
    with open_store(cipher=EnvelopeCipher(KEY)) as store:
        sealed = store.put(key("a:sealed"))
        assert store.profiles() == (plain, sealed)
    store = open_store()
    assert store.get("a:plain") == plain
    with pytest.raises(StoreError) as caught:
        store.profiles()
    assert caught.value.code == "store.sealed"
    assert store.delete("a:sealed") is True
    assert store.profiles() == (plain,)
    store.put(key("a:again"))


def test_reseal_seals_everything_and_leaves_nothing_plain_in_the_files(open_store: OpenStore, path: Path) -> None:
    store = open_store()
    for number in range(30):
        store.put(key(f"a:{number}", f"sk-canary-{number}-" + "x" * 900))
    store.delete("a:7")
    store.put_intent("login", {"note": "sk-canary-intent"})
    before = store.profiles()
    assert store.reseal(EnvelopeCipher(KEY)) == 30
    assert store.profiles() == before
    for each in path.parent.iterdir():
        assert b"sk-canary" not in each.read_bytes(), each.name
    store.put(key("a:new", "sk-canary-new"))
    for each in path.parent.iterdir():
        assert b"sk-canary" not in each.read_bytes(), each.name
    assert open_store(cipher=EnvelopeCipher(KEY)).profiles("a")[:29] == before


def test_reseal_changes_the_key_and_back_to_plain(open_store: OpenStore) -> None:
    store = open_store(cipher=EnvelopeCipher(KEY))
    stored = store.put(key())
    assert store.reseal(EnvelopeCipher(OTHER)) == 1
    assert open_store(cipher=EnvelopeCipher(OTHER)).profiles() == (stored,)
    assert store.reseal(PlainCipher()) == 1
    assert open_store().profiles() == (stored,)


def test_reseal_of_a_store_with_a_tampered_row_changes_nothing(open_store: OpenStore, path: Path) -> None:
    store = open_store(cipher=EnvelopeCipher(KEY))
    good = store.put(key("a:1"))
    store.put(key("a:2"))
    sql(path, "UPDATE profiles SET owner = 'core' WHERE id = 'a:2'")
    with pytest.raises(StoreError) as caught:
        store.reseal(EnvelopeCipher(OTHER))
    assert caught.value.code == "store.tampered"
    assert store.profiles() == (good,)


def test_what_is_deleted_is_gone_from_the_pages(open_store: OpenStore, path: Path) -> None:
    with open_store() as store:
        store.put(key("a:1", "sk-canary-gone"))
        store.put(key("a:2", "sk-stays"))
        store.delete("a:1")
    assert b"sk-canary-gone" not in path.read_bytes()
    assert b"sk-stays" in path.read_bytes()


def refuses_every_write(store: CredentialStore, code: str) -> None:
    for call in (
        lambda: store.put(key("a:3")),
        lambda: store.put_intent("a", {}),
        lambda: store.set_order("a", ["a:1"]),
        lambda: store.clear_order("a"),
        lambda: store.reseal(EnvelopeCipher(OTHER)),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == code


def test_what_does_not_open_is_named_with_the_reason_and_the_store_is_not_written(open_store: OpenStore) -> None:
    with open_store(cipher=EnvelopeCipher(KEY)) as first:
        first.put(key("a:1"))
        first.put(key("a:2"))
    for cipher, code in ((EnvelopeCipher(OTHER), "store.other-key"), (PlainCipher(), "store.sealed")):
        with open_store(cipher=cipher) as store:
            assert {name: fault.code for name, fault in store.shut_profiles().items()} == {"a:1": code, "a:2": code}
            fault = store.write_fault()
            assert fault is not None
            assert fault.code == code
            refuses_every_write(store, code)
            (told,) = store.diagnostics()
            assert (told.code, "the profiles a:1, a:2" in told.message) == (code, True)
    with open_store(cipher=EnvelopeCipher(KEY)) as first:
        assert (dict(first.shut_profiles()), first.write_fault(), first.diagnostics()) == ({}, None, ())
        assert [each.id for each in first.profiles()] == ["a:1", "a:2"]


def test_a_key_that_opens_one_row_may_write(open_store: OpenStore) -> None:
    with open_store(cipher=EnvelopeCipher(KEY)) as first:
        first.put(key("a:1"))
    with open_store(cipher=EnvelopeCipher(OTHER, older=[KEY])) as both:
        both.put(key("z:2"))
    for cipher, opened in ((EnvelopeCipher(KEY), "a:1"), (EnvelopeCipher(OTHER), "z:2")):
        with open_store(cipher=cipher) as store:
            assert [each.id for each in store.profiles()] == [opened]
            assert store.write_fault() is None
            assert [each.code for each in store.diagnostics()] == ["store.other-key"]
            store.put(key(opened, "anew"))


def test_a_full_disk_after_everything_was_sealed_anew_is_not_told_as_nothing_done(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jackfield.credentials.link import Link

    run = Link.run

    def full(link: Link, sql: str, *values: object) -> list[tuple[object, ...]]:
        if sql == "VACUUM":
            raise link.source.write_failed("database or disk is full")
        return run(link, sql, *values)

    store = open_store()
    store.put(key("a:1"))
    with monkeypatch.context() as patch:
        patch.setattr(Link, "run", full)
        with pytest.raises(StoreError) as caught:
            store.reseal(EnvelopeCipher(KEY))
    assert caught.value.code == "store.not-emptied"
    assert "unchanged" not in caught.value.message
    assert [each.id for each in open_store(cipher=EnvelopeCipher(KEY)).profiles()] == ["a:1"]
    assert store.reseal(EnvelopeCipher(KEY)) == 1
