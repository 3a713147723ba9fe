"""One credential renewed by many real processes over a real server on 127.0.0.1; some are killed, some are stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials.profile import Profile
from jackfield.credentials.refresh import Refresher
from jackfield.credentials.store import CredentialStore, now_ms
from jackfield.errors import CredentialError
from torture import refresh as torture
from torture.refresh import ID, STALL, Herd, access_of, exchange_with, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torture.refresh import Provider

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def served() -> Iterator[tuple[Provider, int]]:
    with serving(0.05) as found:
        yield found


@pytest.mark.slow
def test_thirty_two_processes_make_one_exchange_each_round(served: tuple[Provider, int], tmp_path: Path) -> None:
    provider, port = served
    found = torture.rounds(tmp_path / "store.db", provider, port, 32, 2)
    assert [len(each) for each in found] == [32, 32]
    assert (provider.calls, provider.reused) == (2, 0)


@pytest.mark.slow
def test_two_hundred_threads_make_one_exchange_each_round(served: tuple[Provider, int], tmp_path: Path) -> None:
    provider, port = served
    assert torture.threads(tmp_path / "store.db", provider, port, 200, 2) == 400
    assert (provider.calls, provider.reused) == (2, 0)


@pytest.mark.slow
def test_a_kill_at_any_instant_never_makes_a_token_be_sent_twice(served: tuple[Provider, int], tmp_path: Path) -> None:
    provider, port = served
    counted = torture.kills(tmp_path, provider, port, 20, seed=3)
    assert counted["stored"] + counted["renewed"] + counted["unknown"] == 20
    assert provider.reused == 0


def test_a_kill_on_the_way_is_said_and_the_token_is_not_sent_again(
    served: tuple[Provider, int], tmp_path: Path
) -> None:
    provider, port = served
    assert torture.points(tmp_path, provider, port) == dict.fromkeys(torture.POINTS, "unknown")
    assert (provider.calls, provider.reused) == (2, 0)


def continue_(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def test_a_process_that_was_stopped_past_its_lease_does_not_overwrite_a_new_login(
    served: tuple[Provider, int], tmp_path: Path
) -> None:
    provider, port = served
    path = tmp_path / "store.db"
    with CredentialStore.open(path) as store, Herd(path, port) as herd:
        store.put(Profile(ID, provider.login()))
        (stalled,) = herd.spawn(1, STALL)
        herd.go()
        herd.stopped()
        # Two hours later another process finds the outcome unknown, and the user logs in again.
        with CredentialStore.open(path, clock=lambda: now_ms() + 7_200_000) as late:
            refresher = Refresher(late)
            with pytest.raises(CredentialError) as caught:
                asyncio.run(refresher.fresh(ID, exchange_with(port)))
            assert caught.value.code == "credential.refresh-unknown"
            late.put(Profile(ID, provider.login()))
            fresh = access_of(asyncio.run(refresher.fresh(ID, exchange_with(port))))
        continue_(stalled)
        (ended,) = herd.reap()
        # Its own write is refused, and it takes what is there.
        assert (ended.status, ended.outcome) == (0, fresh)
        assert access_of(store.get(ID)) == fresh
    assert (provider.calls, provider.reused) == (2, 0)


def test_a_process_that_was_stopped_stores_its_result_when_nobody_took_over(
    served: tuple[Provider, int], tmp_path: Path
) -> None:
    provider, port = served
    path = tmp_path / "store.db"
    with CredentialStore.open(path) as store, Herd(path, port) as herd:
        store.put(Profile(ID, provider.login()))
        (stalled,) = herd.spawn(1, STALL)
        herd.go()
        herd.stopped()
        with CredentialStore.open(path, clock=lambda: now_ms() + 7_200_000) as late:
            note = late.refresh_note(store.profiles()[0])
            assert note is not None
            assert note.state == "held"
        continue_(stalled)
        (ended,) = herd.reap()
        assert ended.outcome == access_of(store.get(ID))
    assert (provider.calls, provider.reused) == (1, 0)


def test_processes_that_find_a_fresh_credential_ask_nobody(served: tuple[Provider, int], tmp_path: Path) -> None:
    provider, port = served
    path = tmp_path / "store.db"
    torture.rounds(path, provider, port, 1, 1)
    with CredentialStore.open(path) as store, Herd(path, port) as herd:
        herd.spawn(8)
        herd.go()
        assert {each.outcome for each in herd.reap()} == {access_of(store.get(ID))}
    assert provider.calls == 1
