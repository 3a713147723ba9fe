"""The refresher within one process: one exchange for many, failures, waiting, cancelling, a store that fails."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.refresh import Refresher
from jackfield.credentials.renewal import MINUTE, Failure, RefreshPolicy
from jackfield.credentials.secret import Secret
from jackfield.errors import CredentialError, JackfieldError, RemoteError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractContextManager
    from pathlib import Path

    from jackfield.credentials.profile import Credential
    from jackfield.credentials.renewal import Fate
    from jackfield.credentials.rows import Reader
    from jackfield.credentials.store import CredentialStore
    from unit.credentials.conftest import Clock, OpenStore

ID = "acme:one"
HOUR = 60 * MINUTE


class Provider:
    """An exchange that is told what to answer; each refresh token works once.

    `answers` are used up one by one, then new grants are given out; `gate` holds every exchange until it is set.
    """

    def __init__(self, clock: Clock, *answers: OAuthCredential | Failure | BaseException) -> None:
        self.sent: list[str] = []
        self.begun = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self._clock = clock
        self._answers = list(answers)
        self._lock = threading.Lock()

    async def __call__(self, profile: Profile) -> OAuthCredential | Failure:
        assert isinstance(profile.credential, OAuthCredential)
        assert profile.credential.refresh is not None
        with self._lock:
            self.sent.append(profile.credential.refresh.reveal())
            number = len(self.sent)
            answer = self._answers.pop(0) if self._answers else self.grant(number)
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def grant(self, number: int) -> OAuthCredential:
        return OAuthCredential(Secret(f"a-{number}"), Secret(f"r-{number}"), self._clock.now + HOUR)


class Sleeper:
    """Lets the clock go on instead of sleeping."""

    def __init__(self, clock: Clock) -> None:
        self.slept: list[float] = []
        self._clock = clock
        self._owed = 0.0

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        # Whole milliseconds, and no drift: what is left of one sleep is added to the next.
        whole = int(self._owed + seconds * 1000 + 1e-6)
        self._owed += seconds * 1000 - whole
        self._clock.now += whole
        await asyncio.sleep(0)


@pytest.fixture
def sleeper(clock: Clock) -> Sleeper:
    return Sleeper(clock)


@pytest.fixture
def refresher(store: CredentialStore, sleeper: Sleeper) -> Refresher:
    return Refresher(store, sleep=sleeper, chance=lambda: 1.0)


def put(store: CredentialStore, expires: int = 1, access: str = "a-0", refresh: str | None = "r-0") -> Profile:
    token = None if refresh is None else Secret(refresh)
    return store.put(Profile(ID, OAuthCredential(Secret(access), token, expires)))


def put_ending(store: CredentialStore, clock: Clock, left: int) -> Profile:
    """Store a credential of an hour that has `left` ms to go."""
    now = clock.now
    clock.now = now + left - HOUR
    profile = put(store, now + left)
    clock.now = now
    return profile


def run(work: Coroutine[Any, Any, Profile]) -> Profile:
    return asyncio.run(work)


def refused(work: Coroutine[Any, Any, Profile]) -> JackfieldError:
    with pytest.raises(JackfieldError) as caught:
        asyncio.run(work)
    return caught.value


def access_of(profile: Profile) -> str:
    assert isinstance(profile.credential, OAuthCredential)
    return profile.credential.access.reveal()


def hold(store: CredentialStore, holder: str = "another program", last: int = MINUTE) -> None:
    """Let somebody else have the lease."""
    with store.transaction() as work:
        profile = work.get(ID)
        assert profile is not None
        work.claim_refresh(profile, holder, store.now() + last)


# ------------------------------------------------------------------------------------------------------- the usual way


def test_a_fresh_credential_is_returned_without_an_exchange(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    provider, profile = Provider(clock), put(store, clock.now + HOUR)
    assert run(refresher.fresh(ID, provider)) == profile
    assert provider.sent == []


@pytest.mark.parametrize("credential", [ApiKeyCredential(Secret("k")), TokenCredential(Secret("t"), 1)])
def test_what_is_no_grant_is_returned_as_it_is(
    store: CredentialStore, refresher: Refresher, clock: Clock, credential: Credential
) -> None:
    profile = store.put(Profile(ID, credential))
    assert run(refresher.fresh(ID, Provider(clock))) == profile


@pytest.mark.parametrize("left", [-HOUR, 0, MINUTE, 2 * MINUTE])
def test_an_ending_credential_is_renewed_and_stored(
    store: CredentialStore, refresher: Refresher, clock: Clock, left: int
) -> None:
    put_ending(store, clock, left)
    store.record_failure(ID, "auth")
    provider = Provider(clock)
    profile = run(refresher.fresh(ID, provider))
    assert (access_of(profile), provider.sent) == ("a-1", ["r-0"])
    assert store.get(ID) == profile
    assert (profile.updated, profile.usage.error_count) == (clock.now, 0)
    assert run(refresher.fresh(ID, provider)) == profile
    assert provider.sent == ["r-0"]


def test_tokens_are_sent_one_after_the_other_and_none_twice(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    provider = Provider(clock)
    for number in range(1, 6):
        assert access_of(run(refresher.fresh(ID, provider))) == f"a-{number}"
        clock.now += HOUR
    assert provider.sent == ["r-0", "r-1", "r-2", "r-3", "r-4"]


def test_a_token_that_the_provider_keeps_is_sent_again(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    answers = [OAuthCredential(Secret(f"a-{each}"), None, clock.now + each * HOUR) for each in (1, 2)]
    provider = Provider(clock, *answers)
    for name in ("a-1", "a-2"):
        assert access_of(run(refresher.fresh(ID, provider))) == name
        clock.now += HOUR
    assert provider.sent == ["r-0", "r-0"]


def test_an_access_token_that_was_turned_down_is_renewed_once(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store, clock.now + HOUR)
    provider, rejected = Provider(clock), Secret("a-0")
    for _ in range(3):
        assert access_of(run(refresher.fresh(ID, provider, rejected=rejected))) == "a-1"
    assert provider.sent == ["r-0"]


def test_an_answer_that_has_already_ended_is_handed_out_rather_than_renewed_for_ever(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    provider = Provider(clock, OAuthCredential(Secret("a-1"), Secret("r-1"), clock.now - 1))
    assert access_of(run(refresher.fresh(ID, provider))) == "a-1"
    assert provider.sent == ["r-0"]


def test_a_profile_that_is_not_there_is_said(refresher: Refresher, clock: Clock, path: Path) -> None:
    assert refused(refresher.fresh(ID, Provider(clock))).code == "credential.none"
    assert refused(refresher.fresh("nonsense", Provider(clock))).code == "ref.profile"
    assert not path.exists()


def test_a_grant_that_cannot_be_renewed_is_said_when_it_has_ended(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    profile = put(store, clock.now + 1, refresh=None)
    assert run(refresher.fresh(ID, Provider(clock))) == profile
    clock.now += 1
    assert refused(refresher.fresh(ID, Provider(clock))).code == "credential.expired"


# ------------------------------------------------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("answer", "code", "sent"),
    [
        (Failure("refused", "invalid_grant"), "credential.refresh-refused", 1),
        (CredentialError("no", code="credential.refused"), "credential.refresh-refused", 1),
        (Failure("unknown", "http-502"), "credential.refresh-unknown", 1),
        (RemoteError("no", code="net.reset"), "credential.refresh-unknown", 1),
        (TimeoutError(), "credential.refresh-unknown", 1),
        ("not a credential", "credential.refresh-unknown", 1),
        (OAuthCredential(Secret(""), Secret("r-1"), 9), "credential.refresh-unknown", 1),
        (Failure("unused", "http-503"), "remote.refresh", 3),
        (RemoteError("no", code="net.dns"), "remote.refresh", 3),
    ],
)
def test_a_failed_exchange_is_repeated_only_if_the_token_was_not_used(
    store: CredentialStore, refresher: Refresher, clock: Clock, answer: Any, code: str, sent: int
) -> None:
    before = put(store)
    provider = Provider(clock, *[answer] * 9)
    error = refused(refresher.fresh(ID, provider))
    assert error.code == code
    assert error.__cause__ is (answer if isinstance(answer, JackfieldError) else error.__cause__)
    assert provider.sent == ["r-0"] * sent
    # Everybody else is told the same, and nothing more is sent.
    assert refused(Refresher(store).fresh(ID, provider)).code == code
    assert provider.sent == ["r-0"] * sent
    assert store.get(ID) == before


def test_what_the_exchange_raised_is_the_cause(store: CredentialStore, refresher: Refresher, clock: Clock) -> None:
    put(store)
    cause = RemoteError("The name cannot be resolved.", code="net.dns")
    error = refused(refresher.fresh(ID, Provider(clock, *[cause] * 3)))
    assert error.__cause__ is cause
    assert "net.dns" in error.message


def test_pauses_grow_until_callers_are_told_and_then_the_next_try_is_later(
    store: CredentialStore, refresher: Refresher, sleeper: Sleeper, clock: Clock
) -> None:
    put(store)
    provider = Provider(clock, *[Failure("unused", "http-503")] * 5)
    began = clock.now
    assert refused(refresher.fresh(ID, provider)).code == "remote.refresh"
    assert clock.now - began == 500 + 1000
    clock.now += 1999
    assert refused(refresher.fresh(ID, provider)).code == "remote.refresh"
    assert len(provider.sent) == 3
    clock.now += 1
    assert refused(refresher.fresh(ID, provider)).code == "remote.refresh"
    assert len(provider.sent) == 4
    clock.now += 4000
    assert refused(refresher.fresh(ID, provider)).code == "remote.refresh"
    clock.now += 8000
    assert access_of(run(refresher.fresh(ID, provider))) == "a-6"
    note = store.refresh_note(put(store, refresh="r-6"))
    assert note is None


@pytest.mark.parametrize(("asked", "rest"), [(120.0, 120_000), (0.1, 500), (1e9, HOUR), (None, 500)])
def test_a_provider_may_ask_for_a_longer_pause(
    store: CredentialStore, refresher: Refresher, clock: Clock, asked: float | None, rest: int
) -> None:
    profile = put_ending(store, clock, 2 * MINUTE)
    provider = Provider(clock, Failure("unused", "http-429", asked))
    assert run(refresher.fresh(ID, provider)) == profile
    note = store.refresh_note(profile)
    assert note is not None
    assert note.until - clock.now == rest


@pytest.mark.parametrize("fate", ["unused", "unknown", "refused"])
def test_a_failure_does_not_matter_while_the_credential_may_be_used(
    store: CredentialStore, refresher: Refresher, clock: Clock, fate: Fate
) -> None:
    profile = put_ending(store, clock, 2 * MINUTE)
    provider = Provider(clock, *[Failure(fate, "net.dns")] * 3)
    for _ in range(3):
        assert run(refresher.fresh(ID, provider)) == profile
    assert len(provider.sent) == 1


def test_a_token_that_does_not_rotate_is_sent_again_after_an_unknown_outcome(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    provider = Provider(clock, RemoteError("no", code="net.reset"))
    assert access_of(run(refresher.fresh(ID, provider, rotates=False))) == "a-2"
    assert provider.sent == ["r-0", "r-0"]


def test_a_new_login_ends_every_doubt(store: CredentialStore, refresher: Refresher, clock: Clock) -> None:
    put(store)
    provider = Provider(clock, Failure("unknown", "http-500"))
    assert refused(refresher.fresh(ID, provider)).code == "credential.refresh-unknown"
    put(store, refresh="login")
    assert access_of(run(refresher.fresh(ID, provider))) == "a-2"
    assert provider.sent == ["r-0", "login"]


def test_a_restored_copy_of_a_used_token_is_not_sent(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    provider = Provider(clock)
    run(refresher.fresh(ID, provider))
    store.delete(ID)
    put(store)
    assert refused(refresher.fresh(ID, provider)).code == "credential.refresh-spent"
    assert provider.sent == ["r-0"]


def test_any_other_exception_passes_and_leaves_the_token_in_doubt(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    provider = Provider(clock, ZeroDivisionError("a mistake"))
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        run(refresher.fresh(ID, provider))
    error = refused(refresher.fresh(ID, provider))
    assert (error.code, "interrupted" in error.message) == ("credential.refresh-unknown", True)
    assert provider.sent == ["r-0"]


def test_an_exchange_without_end_is_cut_off(store: CredentialStore, clock: Clock) -> None:
    put(store)
    provider = Provider(clock)
    provider.gate = asyncio.Event()
    policy = RefreshPolicy(exchange=20, lease=30_000, patience=31_000)
    error = refused(Refresher(store, policy=policy).fresh(ID, provider))
    assert (error.code, "(timeout)" in error.message) == ("credential.refresh-unknown", True)


# ------------------------------------------------------------------------------------------------------ many at once


def test_tasks_of_one_loop_share_one_exchange(store: CredentialStore, clock: Clock) -> None:
    put(store)
    provider, refresher = Provider(clock), Refresher(store)

    async def work() -> list[Profile]:
        return await asyncio.gather(*(refresher.fresh(ID, provider) for _ in range(50)))

    assert {access_of(each) for each in asyncio.run(work())} == {"a-1"}
    assert provider.sent == ["r-0"]


def in_threads(count: int, work: Callable[[], Profile]) -> list[str]:
    """Return the access token, or the code, that each thread came to."""
    found: list[str] = []
    start = threading.Barrier(count)

    def one() -> None:
        start.wait(60)
        try:
            found.append(access_of(work()))
        except JackfieldError as error:
            found.append(error.code)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    return found


@pytest.mark.slow
def test_two_hundred_threads_share_one_exchange(store: CredentialStore, clock: Clock) -> None:
    put(store)
    provider, refresher = Provider(clock), Refresher(store)
    assert in_threads(200, lambda: run(refresher.fresh(ID, provider))) == ["a-1"] * 200
    assert provider.sent == ["r-0"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Failure("refused", "invalid_grant"), "credential.refresh-refused"),
        (ZeroDivisionError("a mistake"), "credential.refresh-unknown"),
    ],
)
def test_threads_that_wait_are_told_of_the_failure(
    store: CredentialStore, clock: Clock, answer: Failure | Exception, code: str
) -> None:
    put(store)
    provider, refresher = Provider(clock, answer), Refresher(store)
    mistakes: list[str] = []

    def work() -> Profile:
        try:
            return run(refresher.fresh(ID, provider))
        except ZeroDivisionError as error:
            mistakes.append(str(error))
            raise CredentialError("", code=code) from error

    assert in_threads(12, work) == [code] * 12
    assert provider.sent == ["r-0"]
    assert len(mistakes) == isinstance(answer, Exception)


def test_refreshers_of_their_own_share_one_exchange_by_the_store(open_store: OpenStore, clock: Clock) -> None:
    put(open_store())
    provider, stores = Provider(clock), [open_store() for _ in range(6)]
    assert in_threads(6, lambda: run(Refresher(stores.pop()).fresh(ID, provider))) == ["a-1"] * 6
    assert provider.sent == ["r-0"]


def test_profiles_are_renewed_beside_each_other(store: CredentialStore, clock: Clock) -> None:
    for number in range(5):
        credential = OAuthCredential(Secret("old"), Secret(f"r-0{number}"), 1)
        store.put(Profile(f"acme:{number}", credential))
    provider, refresher = Provider(clock), Refresher(store)

    async def work() -> None:
        await asyncio.gather(*(refresher.fresh(f"acme:{number}", provider) for number in range(5)))

    asyncio.run(work())
    assert sorted(provider.sent) == [f"r-0{number}" for number in range(5)]


# -------------------------------------------------------------------------------------------------- waiting for others


def test_who_waits_for_another_process_takes_its_result(open_store: OpenStore, clock: Clock) -> None:
    store, other = open_store(), open_store()
    put(store)
    hold(other)
    looks: list[float] = []

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        clock.now += round(seconds * 1000)
        if len(looks) == 30:
            put(other, clock.now + HOUR, "a-other", "r-other")

    provider = Provider(clock)
    profile = run(Refresher(store, sleep=sleep, chance=lambda: 0.5).fresh(ID, provider))
    assert (access_of(profile), provider.sent) == ("a-other", [])
    # A twentieth of what was waited, from 10 ms on.
    assert looks[:20] == [0.01] * 20
    assert looks[20:22] == [0.01, pytest.approx(0.0105)]
    assert looks[-1] == pytest.approx(0.0155, abs=0.001)


def test_nothing_is_read_while_nobody_writes(
    store: CredentialStore, sleeper: Sleeper, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store)
    hold(store, last=10_000)
    looks: list[str] = []
    view = store.view

    def counted() -> AbstractContextManager[Reader]:
        looks.append("look")
        return view()

    monkeypatch.setattr(store, "view", counted)

    refresher = Refresher(store, sleep=sleeper, chance=lambda: 0.5)
    assert refused(refresher.fresh(ID, Provider(clock))).code == "credential.refresh-unknown"
    assert looks == ["look", "look"]


def test_a_wait_is_no_longer_than_a_quarter_of_a_second_at_a_time(
    store: CredentialStore, refresher: Refresher, sleeper: Sleeper, clock: Clock
) -> None:
    put(store)
    hold(store, last=30_000)
    assert refused(refresher.fresh(ID, Provider(clock))).code == "credential.refresh-unknown"
    assert max(sleeper.slept) == pytest.approx(0.3125)
    assert sum(sleeper.slept) == pytest.approx(30.0, abs=0.001)


def test_who_does_not_need_it_yet_does_not_wait(
    store: CredentialStore, refresher: Refresher, sleeper: Sleeper, clock: Clock
) -> None:
    profile = put_ending(store, clock, 2 * MINUTE)
    hold(store)
    assert run(refresher.fresh(ID, Provider(clock))) == profile
    assert sleeper.slept == []


def test_who_does_not_need_it_yet_does_not_wait_for_its_own_process_either(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    profile, provider = put_ending(store, clock, 2 * MINUTE), Provider(clock)
    flight, _ = refresher._flights.join(ID)
    assert run(refresher.fresh(ID, provider)) == profile
    refresher._flights.end(ID, flight, None)
    assert access_of(run(refresher.fresh(ID, provider))) == "a-1"


def test_a_holder_that_is_gone_is_succeeded_if_the_token_does_not_rotate(
    store: CredentialStore, refresher: Refresher, clock: Clock
) -> None:
    put(store)
    hold(store)
    provider, began = Provider(clock), clock.now
    assert access_of(run(refresher.fresh(ID, provider, rotates=False))) == "a-1"
    assert clock.now - began == pytest.approx(MINUTE, abs=10)


def test_who_has_waited_long_enough_is_told(
    store: CredentialStore, refresher: Refresher, clock: Clock, sleeper: Sleeper
) -> None:
    put(store)
    # A clock that was set back makes a lease seem endless.
    hold(store, last=HOUR)
    assert refused(refresher.fresh(ID, Provider(clock))).code == "credential.refresh-busy"
    assert sum(sleeper.slept) == pytest.approx(90, abs=1)


def test_a_logout_while_waiting_is_said(open_store: OpenStore, clock: Clock) -> None:
    store, other = open_store(), open_store()
    put(store)
    hold(other)

    async def sleep(seconds: float) -> None:
        other.delete(ID)

    assert refused(Refresher(store, sleep=sleep).fresh(ID, Provider(clock))).code == "credential.none"


def test_a_leader_that_was_overtaken_uses_what_the_store_says(open_store: OpenStore, clock: Clock) -> None:
    store, other = open_store(), open_store()
    put(store)

    async def exchange(profile: Profile) -> OAuthCredential:
        hold(other, "successor")
        put(other, clock.now + HOUR, "a-successor", "r-successor")
        return OAuthCredential(Secret("a-late"), Secret("r-late"), clock.now + HOUR)

    assert access_of(run(Refresher(store).fresh(ID, exchange))) == "a-successor"
    assert [access_of(each) for each in store.profiles()] == ["a-successor"]


# ---------------------------------------------------------------------------------------------------------- cancelling


def test_an_exchange_goes_on_when_its_caller_is_cancelled(store: CredentialStore, clock: Clock) -> None:
    put(store)
    provider = Provider(clock)
    provider.gate = gate = asyncio.Event()

    async def work() -> None:
        async with Refresher(store) as refresher:
            caller = asyncio.ensure_future(refresher.fresh(ID, provider))
            await provider.begun.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            gate.set()

    asyncio.run(work())
    (profile,) = store.profiles()
    assert access_of(profile) == "a-1"


def test_a_loop_that_ends_leaves_the_token_in_doubt_at_once(store: CredentialStore, clock: Clock) -> None:
    put(store)
    provider = Provider(clock)
    provider.gate = gate = asyncio.Event()

    async def work() -> None:
        caller = asyncio.ensure_future(Refresher(store).fresh(ID, provider))
        await provider.begun.wait()
        caller.cancel()

    asyncio.run(work())
    gate.set()
    assert refused(Refresher(store).fresh(ID, provider)).code == "credential.refresh-unknown"
    assert provider.sent == ["r-0"]


def test_a_cancelled_claim_leaves_the_token_free(open_store: OpenStore, clock: Clock) -> None:
    store, other = open_store(), open_store()
    put(store)
    provider, slept = Provider(clock), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def work() -> None:
        caller = asyncio.ensure_future(Refresher(store, sleep=sleep).fresh(ID, provider))
        with other.transaction():
            # After its quick tries the claim queues for the lock, in a thread that cannot be stopped.
            while len(slept) < 5 or not (store._handle.link and store._handle.link.writing):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await caller

    asyncio.run(work())
    assert provider.sent == []
    assert access_of(run(Refresher(store).fresh(ID, provider))) == "a-1"


def test_who_cannot_take_the_lease_at_once_looks_again_instead_of_queueing(open_store: OpenStore, clock: Clock) -> None:
    store, other = open_store(), open_store()
    put(store)
    provider = Provider(clock)

    with ExitStack() as held:
        work = held.enter_context(other.transaction())

        async def sleep(seconds: float) -> None:
            # Another program, which had the lock, renewed the credential.
            credential = OAuthCredential(Secret("a-other"), Secret("r-other"), clock.now + HOUR)
            work.put(Profile(ID, credential))
            held.close()

        assert access_of(run(Refresher(store, sleep=sleep).fresh(ID, provider))) == "a-other"
    assert provider.sent == []


def test_a_follower_that_is_cancelled_disturbs_nobody(store: CredentialStore, clock: Clock) -> None:
    put(store)
    provider = Provider(clock)
    provider.gate = gate = asyncio.Event()

    async def work() -> Profile:
        refresher = Refresher(store)
        leader = asyncio.ensure_future(refresher.fresh(ID, provider))
        await provider.begun.wait()
        followers = [asyncio.ensure_future(refresher.fresh(ID, provider)) for _ in range(3)]
        for _ in range(10):  # enough for them to begin to wait, or not: both must do
            await asyncio.sleep(0.001)
        followers[0].cancel()
        gate.set()
        done = await asyncio.gather(leader, *followers, return_exceptions=True)
        assert isinstance(done[1], asyncio.CancelledError)
        assert done[0] == done[2] == done[3]
        assert isinstance(done[0], Profile)
        return done[0]

    assert access_of(asyncio.run(work())) == "a-1"
    assert provider.sent == ["r-0"]


def test_a_thread_whose_leader_never_ends_is_told_after_its_patience(store: CredentialStore, clock: Clock) -> None:
    put(store)
    policy = RefreshPolicy(exchange=10, lease=20, patience=50)
    refresher = Refresher(store, policy=policy)
    # A loop that was closed in the middle of its work ends no flight.
    refresher._flights.join(ID)
    assert refused(refresher.fresh(ID, Provider(clock))).code == "credential.refresh-busy"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_does_not_wait_for_the_flights_of_its_parent(store: CredentialStore, clock: Clock) -> None:
    put(store)
    refresher = Refresher(store)
    flight, _ = refresher._flights.join(ID)
    refresher._flights._pid -= 1  # as a child finds it
    with refresher._flights._lock:
        assert refresher._flights.get(ID) is None
    assert access_of(run(refresher.fresh(ID, Provider(clock)))) == "a-1"
    assert not flight.done()


def test_closing_without_work_is_nothing(store: CredentialStore) -> None:
    async def work() -> None:
        refresher = Refresher(store)
        await refresher.close()
        await refresher.close()

    asyncio.run(work())


# ------------------------------------------------------------------------------------------------ a store that fails


class Failing:
    """Makes the store refuse writes: a trigger that raises, as a full disk would."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _run(self, statement: str) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute(statement)
        finally:
            connection.close()

    def begin(self) -> None:
        self._run("CREATE TRIGGER refuse BEFORE UPDATE ON profiles BEGIN SELECT RAISE(ABORT, 'no room'); END")

    def end(self) -> None:
        self._run("DROP TRIGGER refuse")


def test_a_result_that_cannot_be_stored_at_first_is_stored_when_it_can(
    store: CredentialStore, path: Path, clock: Clock
) -> None:
    put(store)
    failing = Failing(path)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            failing.end()

    async def exchange(profile: Profile) -> OAuthCredential:
        failing.begin()
        return OAuthCredential(Secret("a-1"), Secret("r-1"), clock.now + HOUR)

    assert access_of(run(Refresher(store, sleep=sleep).fresh(ID, exchange))) == "a-1"
    assert slept == [0.1, 0.4]


def test_a_result_that_could_not_be_stored_is_kept_and_stored_at_the_next_call(
    store: CredentialStore, path: Path, sleeper: Sleeper, clock: Clock
) -> None:
    put(store)
    failing, calls = Failing(path), []
    refresher = Refresher(store, sleep=sleeper)

    async def exchange(profile: Profile) -> OAuthCredential:
        calls.append(1)
        failing.begin()
        return OAuthCredential(Secret("a-1"), Secret("r-1"), clock.now + 3 * HOUR)

    for _ in range(2):
        error = refused(refresher.fresh(ID, exchange))
        assert isinstance(error, StoreError)
    clock.now += HOUR
    assert refused(refresher.fresh(ID, exchange)).code == error.code
    failing.end()
    assert access_of(run(refresher.fresh(ID, exchange))) == "a-1"
    assert [access_of(each) for each in store.profiles()] == ["a-1"]
    assert calls == [1]
    assert refresher._unsaved == {}


def test_nothing_is_sent_when_the_lease_cannot_be_stored(open_store: OpenStore, clock: Clock) -> None:
    holder, store = open_store(), open_store(deadline=0.02)
    put(holder)
    provider = Provider(clock)
    with holder.transaction():
        assert refused(Refresher(store).fresh(ID, provider)).code == "store.locked"
    assert provider.sent == []
    profile = put_ending(holder, clock, 2 * MINUTE)
    with holder.transaction():
        # It may still be used, so nobody is troubled.
        assert run(Refresher(store).fresh(ID, provider)) == profile


def test_everybody_who_waits_is_told_of_the_stores_fault(open_store: OpenStore, clock: Clock) -> None:
    holder, store = open_store(), open_store(deadline=0.2)
    put(holder)
    refresher = Refresher(store)
    with holder.transaction():
        found = in_threads(4, lambda: run(refresher.fresh(ID, Provider(clock))))
    assert found == ["store.locked"] * 4


def test_a_fault_of_a_store_in_another_thread_is_told_as_an_error_of_ones_own(
    store: CredentialStore, clock: Clock
) -> None:
    put(store)
    refresher = Refresher(store)
    flight, leads = refresher._flights.join(ID)
    assert leads
    fault = StoreError("It failed.", code="store.failed", fix="Mend it.")
    threading.Timer(0.02, refresher._flights.end, (ID, flight, fault)).start()
    error = refused(refresher.fresh(ID, Provider(clock)))
    assert (error.message, error.code, error.fix) == ("It failed.", "store.failed", "Mend it.")
    assert error is not fault
