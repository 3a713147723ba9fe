"""Intents: found by prefix and state, one damaged one among many, what the indexes spare, and older files."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.credentials.envelope import SEALED_MARK, EnvelopeCipher
from jackfield.credentials.profile import ApiKeyCredential, Profile
from jackfield.credentials.rows import _ANY_SEALED, _after
from jackfield.credentials.schema import CURRENT, FIRST, SECOND, Schema
from jackfield.credentials.secret import Secret
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.credentials.envelope import Label
    from jackfield.credentials.store import CredentialStore
    from unit.credentials.conftest import Clock, OpenStore

KEY = bytes(range(32))
OLD = Schema((FIRST,))


def key(profile_id: str = "openai:default", value: str = "sk-1") -> Profile:
    return Profile(profile_id, ApiKeyCredential(Secret(value)))


def sql(path: Path, statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


class CountingCipher(EnvelopeCipher):
    """Counts what it opens."""

    __slots__ = ("opened",)

    def __init__(self) -> None:
        super().__init__(KEY)
        self.opened: list[str] = []

    def unseal(self, sealed: bytes, label: Label) -> bytes:
        self.opened.append(label.id)
        return super().unseal(sealed, label)


# ---------------------------------------------------------------------------------------------------- prefix and state


@pytest.fixture
def filled(open_store: OpenStore, clock: Clock) -> CredentialStore:
    store = open_store()
    for name, state in (
        ("commit-b-1", "done"),
        ("commit-a-2", "pending"),
        ("commit-a-1", "done"),
        ("commit-", "done"),
        ("commit", "pending"),
        ("commiu", "done"),
        ("login", "pending"),
    ):
        clock.now += 1
        store.put_intent(name, {"name": name}, state=state)
    return store


@pytest.mark.parametrize(
    ("prefix", "state", "found"),
    [
        ("", None, ["commit-b-1", "commit-a-2", "commit-a-1", "commit-", "commit", "commiu", "login"]),
        ("commit", None, ["commit-b-1", "commit-a-2", "commit-a-1", "commit-", "commit"]),
        ("commit-", None, ["commit-b-1", "commit-a-2", "commit-a-1", "commit-"]),
        ("commit-a-", None, ["commit-a-2", "commit-a-1"]),
        ("commit-a-", "done", ["commit-a-1"]),
        ("", "pending", ["commit-a-2", "commit", "login"]),
        ("commit-b", "pending", []),
        ("commit-%", None, []),
        ("COMMIT", None, []),
        ("z", None, []),
        ("", "", []),
    ],
)
def test_intents_are_found_by_prefix_and_state_oldest_first(
    filled: CredentialStore, prefix: str, state: str | None, found: list[str]
) -> None:
    intents = filled.intents(prefix=prefix, state=state)
    assert [each.id for each in intents] == found
    assert [each.payload for each in intents] == [{"name": name} for name in found]
    with filled.transaction() as work:
        assert work.intents(prefix=prefix, state=state) == intents


def test_only_what_is_asked_for_is_opened(open_store: OpenStore) -> None:
    cipher = CountingCipher()
    store = open_store(cipher=cipher)
    with store.transaction() as work:
        for number in range(50):
            work.put_intent(f"a-{number:02}", {}, state="done" if number else "pending")
            work.put_intent(f"b-{number:02}", {}, state="done")
    cipher.opened.clear()
    assert [each.id for each in store.intents(prefix="a-", state="pending")] == ["a-00"]
    assert cipher.opened == ["a-00"]


POINTS = st.characters(codec="utf-8")
EDGES = st.sampled_from(["", "\U0010ffff", "a\U0010ffff", "\ud7ff", "\ue000", "\x7f", "ÿ", "a", "a\x00"])


@given(prefix=EDGES | st.text(POINTS, max_size=3), others=st.lists(EDGES | st.text(POINTS, max_size=4)))
def test_the_bounds_of_a_prefix_hold_exactly_what_begins_with_it(prefix: str, others: list[str]) -> None:
    after = _after(prefix)
    for text in (*others, *(prefix + each for each in others)):
        encoded = text.encode()
        within = encoded >= prefix.encode() and (after is None or encoded < after.encode())
        assert within == text.startswith(prefix)


def test_the_search_for_pending_ones_uses_the_index(filled: CredentialStore) -> None:
    with filled.transaction() as work:
        statement = "EXPLAIN QUERY PLAN SELECT id FROM intents WHERE id >= ? AND id < ? AND state = ?"
        ((*_, plan),) = work._link.run(statement, "commit-", "commit.", "pending")
    assert "intents_by_state" in plan


# ------------------------------------------------------------------------------------------------------------- damage


def damage(path: Path, *ids: str) -> None:
    for each in ids:
        sql(path, "UPDATE intents SET payload = CAST('p1:damaged' AS BLOB) WHERE id = ?", each)


def test_a_damaged_intent_is_told_and_the_others_are_read(filled: CredentialStore, path: Path) -> None:
    damage(path, "commit-a-1")
    assert [each.id for each in filled.intents(prefix="commit-")] == ["commit-b-1", "commit-a-2", "commit-"]
    assert [each.id for each in filled.intents(state="pending")] == ["commit-a-2", "commit", "login"]
    (fault,) = filled.diagnostics()
    assert (fault.code, fault.severity) == ("store.tampered", "error")
    assert "record commit-a-1 of an earlier change" in fault.message
    filled.remove_intent("commit-a-1")
    assert filled.diagnostics() == ()


def test_that_none_of_those_asked_for_opens_is_an_error(filled: CredentialStore, path: Path) -> None:
    damage(path, "commit-a-1", "commit-a-2")
    assert filled.intents(prefix="x") == ()
    with pytest.raises(StoreError) as caught:
        filled.intents(prefix="commit-a-")
    assert caught.value.code == "store.tampered"
    assert caught.value.message.startswith("None of the 2 records of earlier changes opens. The record commit-a-2 ")
    assert [each.code for each in caught.value.diagnostics] == ["store.tampered", "store.tampered"]
    with pytest.raises(StoreError, match="record commit-a-2"):
        filled.intents(prefix="commit-a-", state="pending")


def test_many_damaged_intents_are_one_diagnostic(filled: CredentialStore, path: Path) -> None:
    damage(path, "commit-a-1", "commit-b-1", "login")
    (fault,) = filled.diagnostics()
    assert fault.message.startswith("3 records of earlier changes do not open. The record commit-b-1 ")


def test_sealed_intents_without_a_key_are_told_once_beside_sealed_profiles(open_store: OpenStore) -> None:
    with open_store(cipher=EnvelopeCipher(KEY)) as sealed:
        for number in range(5):
            sealed.put_intent(f"a-{number}", {})
    store = open_store()
    assert [each.code for each in store.diagnostics()] == ["store.sealed"]
    with pytest.raises(StoreError) as caught:
        store.intents(prefix="a-3")
    assert caught.value.code == "store.sealed"
    with open_store(cipher=EnvelopeCipher(KEY)) as sealed:
        sealed.put(key())
    assert [each.code for each in store.diagnostics()] == ["store.sealed"]


# -------------------------------------------------------------------------------------------- no plain among the sealed


def test_the_index_knows_the_mark_of_what_is_sealed() -> None:
    assert SECOND.count(f"substr(payload, 1, 3) = x'{SEALED_MARK.hex()}'") == 2


def test_a_sealed_row_is_found_without_reading_the_others(store: CredentialStore) -> None:
    store.put(key())
    with store.transaction() as work:
        plan = [detail for *_, detail in work._link.run(f"EXPLAIN QUERY PLAN {_ANY_SEALED}")]
    scans = [each for each in plan if each.startswith(("SCAN profiles", "SCAN intents", "SEARCH"))]
    assert len(scans) == 2
    assert [("profiles_sealed" in each, "intents_sealed" in each) for each in scans] == [(True, False), (False, True)]


@pytest.mark.parametrize("what", ["profile", "intent"])
def test_a_plain_row_is_refused_as_long_as_one_row_is_sealed(open_store: OpenStore, what: str) -> None:
    with open_store() as plain:
        plain.put(key("a:plain"))
        plain.put_intent("plain", {})
    with open_store(cipher=EnvelopeCipher(KEY)) as sealed:
        if what == "profile":
            sealed.put(key("a:sealed"))
        else:
            sealed.put_intent("sealed", {})
    store = open_store()
    for call in (lambda: store.put(key("a:new")), lambda: store.put_intent("new", {})):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "store.sealed"
    assert store.delete("a:sealed") is (what == "profile")
    assert store.remove_intent("sealed") is (what == "intent")
    store.put(key("a:new"))
    store.put_intent("new", {})


def test_unsealing_everything_allows_plain_rows_again(open_store: OpenStore) -> None:
    from jackfield.credentials.envelope import PlainCipher

    with open_store(cipher=EnvelopeCipher(KEY)) as sealed:
        sealed.put(key("a:1"))
        sealed.reseal(PlainCipher())
    store = open_store()
    store.put(key("a:2"))
    assert [each.id for each in store.profiles()] == ["a:1", "a:2"]


# --------------------------------------------------------------------------------------------------------- older stores


def test_an_older_store_is_brought_up_to_date_and_keeps_everything(open_store: OpenStore, path: Path) -> None:
    cipher = EnvelopeCipher(KEY)
    with open_store(schema=OLD, cipher=cipher) as old:
        # The release before knew none of what is newer.
        profile = _put_as_before(old, cipher)
    assert sql(path, "PRAGMA user_version") == [(1,)]
    store = open_store(cipher=cipher)
    assert [each.credential for each in store.profiles()] == [profile.credential]
    assert [(each.id, each.payload) for each in store.intents(state="done")] == [("login", {"a": 1})]
    assert sql(path, "PRAGMA user_version") == [(CURRENT.version,)]
    assert store.order("openai") == ("openai:default",)
    # The indexes hold what was there before they were.
    with pytest.raises(StoreError) as caught:
        open_store().put(key("a:plain"))
    assert caught.value.code == "store.sealed"
    with pytest.raises(StoreError) as caught:
        open_store(schema=OLD).profiles()
    assert caught.value.code == "store.newer"


def _put_as_before(old: CredentialStore, cipher: EnvelopeCipher) -> Profile:
    stored = key()
    with old.transaction() as work:
        work.put(stored)
        work.put_intent("login", {"a": 1}, state="done")
        work.set_order("openai", ["openai:default"])
    return stored


def test_an_older_store_that_may_not_be_written_is_read_all_the_same(open_store: OpenStore, path: Path) -> None:
    with open_store(schema=OLD) as old:
        old.put(key())
    before = path.read_bytes()
    connections: list[int] = []

    class ReadOnly(Schema):
        def migrate(self, connection: sqlite3.Connection) -> None:
            # Root may write everything, so what the system refuses to others is refused here.
            if connection.execute("PRAGMA database_list").fetchone()[2]:
                connections.append(1)
                connection.execute("PRAGMA query_only=ON")
            super().migrate(connection)

    store = open_store(schema=ReadOnly())
    for _ in range(2):
        assert [each.id for each in store.profiles()] == ["openai:default"]
        assert store.intents(prefix="a", state="b") == ()
    assert connections
    with pytest.raises(StoreError) as caught:
        store.put(key("a:1"))
    assert caught.value.code == "store.write-failed"
    assert path.read_bytes() == before
    # What is added meanwhile is seen: the copy lives no longer than one look.
    with open_store() as other:
        other.put(key("b:1"))
    assert [each.id for each in store.profiles()] == ["b:1", "openai:default"]


def test_a_half_made_newer_store_is_told(open_store: OpenStore, path: Path) -> None:
    with open_store(schema=OLD) as old:
        old.put(key())
    sql(path, "CREATE TABLE refreshes (token TEXT)")
    with pytest.raises(StoreError) as caught:
        open_store().profiles()
    assert caught.value.code == "store.unreadable"
    assert "refreshes already exists" in caught.value.message
