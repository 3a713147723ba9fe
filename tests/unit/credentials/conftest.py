"""What the tests of the credential store share: a clock that is set, and stores that are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from jackfield.credentials.schema import CURRENT
from jackfield.credentials.store import CredentialStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jackfield.credentials.envelope import Cipher
    from jackfield.credentials.schema import Schema

START = 1_800_000_000_000


class Clock:
    """Milliseconds since the epoch, as the test says."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class OpenStore(Protocol):
    def __call__(
        self, *, cipher: Cipher | None = None, deadline: float = 5.0, schema: Schema = CURRENT
    ) -> CredentialStore: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "credentials.db"


@pytest.fixture
def open_store(path: Path, clock: Clock) -> Iterator[OpenStore]:
    """Opens the store at `path`, as often as one likes; all are closed at the end."""
    opened: list[CredentialStore] = []

    def open_(*, cipher: Cipher | None = None, deadline: float = 5.0, schema: Schema = CURRENT) -> CredentialStore:
        opened.append(CredentialStore(path, cipher=cipher, clock=clock, deadline=deadline, schema=schema))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> CredentialStore:
    return open_store()
