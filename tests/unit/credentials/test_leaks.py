"""Secrets that are looked for wherever they could have got to, plain, in base64 and URL-encoded."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
import traceback
import urllib.parse
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials.envelope import EnvelopeCipher, master_key_from_env
from jackfield.credentials.profile import (
    ApiKeyCredential,
    OAuthCredential,
    Profile,
    TokenCredential,
    credential_from_secret_dict,
)
from jackfield.credentials.secret import Secret
from jackfield.errors import JackfieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jackfield.credentials.store import CredentialStore
    from unit.credentials.conftest import OpenStore

MASTER = bytes(range(100, 132))

# Each has characters that look different in base64 and in a URL.
CANARIES = [f"canary{number:02}/+ü={'xyz' * number}&key" for number in range(12)]
PROFILES = (
    Profile("a:key", ApiKeyCredential(Secret(CANARIES[0])), origin="https://api.example.com"),
    Profile("a:token", TokenCredential(Secret(CANARIES[1]), 9_000_000_000_000), owner="plugin:a"),
    Profile(
        "a:grant",
        OAuthCredential(
            Secret(CANARIES[2]),
            Secret(CANARIES[3]),
            9_000_000_000_000,
            "me@example.com",
            {f"field{number}": CANARIES[number] for number in range(4, 10)},
        ),
    ),
)
INTENT = {"config": {"apiKey": CANARIES[10], "list": [CANARIES[11]]}}


def forms() -> Iterator[str]:
    for canary in CANARIES:
        yield canary
        yield json.dumps(canary)[1:-1]
        yield repr(canary.encode())[2:-1]
        yield urllib.parse.quote(canary)
        yield urllib.parse.quote_plus(canary)
        for shift in range(3):
            # The middle of what base64 makes of it, wherever in a longer text it stands.
            yield base64.b64encode(b"x" * shift + canary.encode()).decode()[4:-4]
            yield base64.urlsafe_b64encode(b"x" * shift + canary.encode()).decode()[4:-4]
    yield MASTER.hex()
    yield base64.b64encode(MASTER).decode()[:-2]
    yield repr(MASTER)[2:-1]


FORMS = sorted(set(forms()), key=len)


def leaked(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def leaked_bytes(data: bytes) -> list[str]:
    return [form for form in FORMS if form.encode() in data]


@contextmanager
def fails() -> Iterator[list[str]]:
    """Collect everything that can be told of the error that the block must raise."""
    told: list[str] = []
    try:
        yield told
    except JackfieldError as error:
        for each in (error, error.__cause__, error.__context__):
            if each is not None:
                told += [str(each), repr(each), repr(each.args), repr(vars(each))]
        told += [json.dumps(error.to_dict()), error.code]
        told += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert told, "nothing failed"


def fill(store: CredentialStore) -> None:
    for profile in PROFILES:
        store.put(profile)
    store.put_intent("login", INTENT)


def sql(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_the_search_finds_what_it_is_to_find() -> None:
    shown = json.dumps([profile.credential.to_secret_dict() for profile in PROFILES], ensure_ascii=False)
    assert sum(1 for canary in CANARIES[:10] if canary in leaked(shown)) == 10
    assert leaked(base64.b64encode(b"Bearer " + CANARIES[3].encode()).decode())
    assert leaked("?key=" + urllib.parse.quote(CANARIES[5]))
    assert leaked(f"{MASTER!r}")


def test_nothing_that_shows_a_profile_shows_a_secret(store: CredentialStore, caplog: pytest.LogCaptureFixture) -> None:
    fill(store)
    shown = []
    with caplog.at_level(logging.DEBUG):
        for each in (*store.profiles(), *store.intents(), store, EnvelopeCipher(MASTER), *PROFILES):
            logging.getLogger("test").warning("%s %r", each, each)
            shown += [repr(each), str(each), f"{each}", repr(vars(type(each)))]
    for profile in store.profiles():
        shown += [json.dumps(profile.public()), repr(profile.public()), repr(profile.credential)]
    shown += [repr(each.to_dict()) for each in store.diagnostics()]
    assert "a:grant" in caplog.text
    assert leaked("\n".join([*shown, caplog.text])) == []


@pytest.mark.parametrize("cipher", [None, EnvelopeCipher(MASTER)], ids=["plain", "sealed"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE profiles SET owner = 'core'",
        "UPDATE profiles SET payload = CAST(payload || 'x' AS BLOB)",
        "UPDATE profiles SET created = -1",
    ],
)
def test_no_error_about_a_damaged_row_shows_a_secret(
    open_store: OpenStore, path: Path, cipher: EnvelopeCipher | None, change: str
) -> None:
    store = open_store(cipher=cipher)
    fill(store)
    sql(path, change)
    told: list[str] = []
    for call in (store.profiles, lambda: store.get("a:key"), lambda: store.rename("a:key", "a:new")):
        with fails() as each:
            call()
        told += each
    told += [repr(each) for each in store.diagnostics()]
    assert leaked("\n".join(told)) == []


def test_no_error_of_a_store_that_cannot_be_opened_or_written_shows_a_secret(open_store: OpenStore, path: Path) -> None:
    fill(open_store(cipher=EnvelopeCipher(MASTER)))
    told: list[str] = []
    for cipher in (None, EnvelopeCipher(bytes(32))):
        store = open_store(cipher=cipher)
        with fails() as each:
            store.profiles()
        told += each
        with fails() as each:
            store.intents()
        told += each
        with fails() as each:
            store.reseal(EnvelopeCipher(MASTER))
        told += each
    with fails() as each:
        open_store().put(PROFILES[0])
    told += each
    store = open_store(cipher=EnvelopeCipher(MASTER))
    with fails() as each:
        store.put(Profile("a:key", PROFILES[0].credential, owner="plugin:other"))
    told += each
    link = store._handle.link
    assert link is not None
    link.run("PRAGMA max_page_count=1")
    with fails() as each:
        store.put(Profile("a:big", ApiKeyCredential(Secret(CANARIES[0] * 500))))
    told += each
    assert "store.write-failed" in told
    assert leaked("\n".join(told)) == []


def test_no_error_about_a_wrong_credential_shows_it() -> None:
    told: list[str] = []
    makes: tuple[Callable[[], object], ...] = (
        lambda: Profile("a b", PROFILES[2].credential, origin="https://u:p@x", owner="?"),
        lambda: Profile("a:b", ApiKeyCredential(Secret(CANARIES[0] + "\ud800"))),
        lambda: Profile("a:b", ApiKeyCredential(Secret(CANARIES[0] * 9000))),
    )
    for make in makes:
        with fails() as each:
            make()
        told += each
    for data in ({"kind": "oauth", "access": 7, "refresh": Secret(CANARIES[3])}, {"kind": "x", "key": 1}):
        with fails() as each:
            credential_from_secret_dict(data)
        told += each
    assert leaked("\n".join(told)) == []


def test_a_wrong_master_key_is_not_repeated() -> None:
    try:
        master_key_from_env({"JACKFIELD_MASTER_KEY": CANARIES[0]})
    except JackfieldError as error:
        text = "".join(traceback.format_exception(error)) + repr(error.to_dict())
    assert leaked(text) == []


def test_no_file_of_a_sealed_store_holds_a_secret(open_store: OpenStore, path: Path) -> None:
    store = open_store(cipher=EnvelopeCipher(MASTER))
    fill(store)
    for number in range(20):
        store.put(Profile("a:key", ApiKeyCredential(Secret(CANARIES[number % 12]))))
    store.rename("a:token", "a:other")
    store.delete("a:grant")
    seen = set()
    for each in path.parent.iterdir():
        seen.add(each.name)
        assert leaked_bytes(each.read_bytes()) == [], each.name
    assert seen == {"credentials.db", "credentials.db-wal", "credentials.db-shm"}
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    with fails():
        open_store(cipher=EnvelopeCipher(MASTER)).profiles()
    assert len(list(path.parent.iterdir())) == 2
    for each in path.parent.iterdir():
        assert leaked_bytes(each.read_bytes()) == [], each.name


def test_a_plain_store_does_hold_them_so_that_the_search_means_something(open_store: OpenStore, path: Path) -> None:
    fill(open_store())
    data = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert set(CANARIES) <= set(leaked_bytes(data))
