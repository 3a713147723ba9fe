"""Renews OAuth credentials: one exchange for each expiry, whatever number of tasks, threads and processes need it.

1. Within a transaction of the store: if the credential is fresh, it is returned; if nobody renews it, the right to send
   its refresh token is taken for a limited time (`leases`).
2. The exchange with the provider, outside any transaction. It is handed in.
3. Within a transaction: the result is stored, and in the same instant the former token noted as spent, but only if
   nobody has taken the right over and the profile still has the credential that was renewed.
4. When the time is over and there is no result, the token may have been used: a token that its provider replaces is
   then never sent again, and the user is told to log in. Any other token is sent by the next one who needs it.
5. Everybody else waits: for the exchange of their own process, or by looking at the store.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from jackfield.credentials.profile import OAuthCredential, Profile
from jackfield.credentials.renewal import (
    LONGEST_RETRY_AFTER,
    SECOND,
    Claim,
    Failure,
    RefreshPolicy,
    Wish,
    busy,
    decide,
    failure_from_error,
    renewed,
)
from jackfield.errors import CredentialError, JackfieldError, RemoteError, RequestError, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from jackfield.credentials.leases import Lease
    from jackfield.credentials.renewal import Fate, Pause
    from jackfield.credentials.rows import Reader
    from jackfield.credentials.secret import Secret
    from jackfield.credentials.store import CredentialStore

    T = TypeVar("T")

Exchange: TypeAlias = "Callable[[Profile], Awaitable[OAuthCredential | Failure]]"
"""Sends a profile's refresh token to its provider, once, and returns what came back.

It may leave out of the result what did not change. It returns a `Failure`, or raises an error of `jackfield.errors`,
when nothing came; any other exception counts as a token that may have been used.
"""

# What may pass while a result waits to be stored, and the pauses between the tries, in seconds.
_PASSING = frozenset({"store.locked", "store.write-failed", "store.failed"})
_SAVE_PAUSES = (0.1, 0.4, 1.6)

# Of many who want the lease one gets it, and the others need not queue for the lock to learn that: SQLite lets whoever
# queues sleep for up to a tenth of a second. The pauses between two tries, in seconds; after them one queues.
_CLAIM_PAUSES = (0.004, 0.008, 0.016, 0.032, 0.064)

# How often others ask whether anything was written: after a twentieth of the time that they have waited, so that nobody
# waits much longer than need be and a slow provider costs few questions more than a quick one. In ms.
_LOOK_SHARE, _LOOK_LEAST, _LOOK_MOST = 0.05, 10, 250

_STATES: dict[Fate, Literal["resting", "unknown", "refused"]] = {
    "unused": "resting",
    "unknown": "unknown",
    "refused": "refused",
}


@dataclass
class _Attempt:
    """One exchange, from the lease to the stored result."""

    lease: Lease | None = None
    profile: Profile | None = None
    failures: int = 0
    answer: OAuthCredential | Failure | None = None  # None: nothing can have been sent
    stored: Profile | None = None
    cause: JackfieldError | None = None


class _Flights:
    """Which profiles are being renewed by this process. Safe to use from several threads; a fork begins with none."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._found: dict[str, Future[StoreError | None]] = {}

    def get(self, profile_id: str) -> Future[StoreError | None] | None:
        """Return the flight of a profile, or None."""
        with self._own():
            return self._found.get(profile_id)

    def join(self, profile_id: str) -> tuple[Future[StoreError | None], bool]:
        """Return the flight of a profile, and whether it was made by this call: then the caller must end it."""
        with self._own():
            known = self._found.get(profile_id)
            if known is not None:
                return known, False
            made = self._found[profile_id] = Future()
            return made, True

    def end(self, profile_id: str, flight: Future[StoreError | None], error: StoreError | None) -> None:
        """Tell everybody who waits that a flight is over, and the fault of the store that ended it."""
        with self._own():
            if self._found.get(profile_id) is flight:
                del self._found[profile_id]
        flight.set_result(error)

    def _own(self) -> threading.Lock:
        if self._pid != os.getpid():
            # The lock may have been held at the fork, by a thread that does not exist here.
            self._pid, self._lock, self._found = os.getpid(), threading.Lock(), {}
        return self._lock


class Refresher:
    """Hands out OAuth credentials that are fresh. Safe to use from several tasks, event loops, threads and processes.

    An exchange that has begun goes on when the caller that began it is cancelled, since the answer holds the only
    token that works from then on; `close` waits for it.

    Args:
        store: where the credentials are; its clock is used.
        policy: the times.
        sleep: waits for some seconds; `asyncio.sleep` by default.
        chance: returns a number from 0 to 1, which spreads pauses.
    """

    def __init__(
        self,
        store: CredentialStore,
        *,
        policy: RefreshPolicy | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._policy = policy or RefreshPolicy()
        self._sleep = sleep
        self._chance = chance
        self._flights = _Flights()
        self._tasks: set[asyncio.Task[_Attempt]] = set()
        self._unsaved: dict[str, tuple[Lease, OAuthCredential]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for the exchanges that this event loop has under way; each ends within `policy.exchange`."""
        loop = asyncio.get_running_loop()
        mine = {task for task in tuple(self._tasks) if task.get_loop() is loop}
        if mine:
            await asyncio.wait(mine)

    async def fresh(
        self, profile_id: str, exchange: Exchange, *, rotates: bool = True, rejected: Secret | None = None
    ) -> Profile:
        """Return a profile whose credential can be used now, renewed if need be.

        A credential that is no OAuth grant is returned as it is. One that is near its end but may still be used is
        returned as it is, too, when somebody else renews it or when that fails.

        Args:
            profile_id: the profile.
            exchange: renews it; called at most once for each refresh token unless that was certainly not used.
            rotates: whether the provider may replace the refresh token at each use. False allows to send a token again
                whose fate is not known.
            rejected: the access token that the provider has just turned down; it is not returned again.

        Raises:
            CredentialError: `credential.none` when there is no such profile; `credential.expired`,
                `credential.refresh-refused`, `credential.refresh-unknown` or `credential.refresh-spent` when the user
                must log in again; `credential.refresh-busy` when others did not come to an end.
            RemoteError: `remote.refresh` when the exchange failed and may be tried again later; its cause is what the
                exchange raised.
            RequestError, StoreError: as `CredentialStore.get` and `put`.
        """
        wish, waited, cause = Wish(rejected, rotates), 0.0, None
        while True:
            found, stamp = await self._found(profile_id, wish, cause)
            if isinstance(found, Profile):
                return found
            wish = wish.having_seen(found.profile)
            if isinstance(found, Claim):
                flight, leads = self._flights.join(profile_id)
                if not leads and not found.needed:
                    return found.profile
                if leads:
                    attempt = await self._led(flight, found, wish, exchange)
                    if attempt.stored is not None:
                        return attempt.stored
                    cause = attempt.cause
                else:
                    await self._follow(flight, found.profile)
            elif (known := self._flights.get(profile_id)) is not None:
                await self._follow(known, found.profile)
            else:
                waited = await self._waited(found, stamp, waited)

    async def _found(
        self, profile_id: str, wish: Wish, cause: JackfieldError | None
    ) -> tuple[Profile | Claim | Pause, object]:
        try:
            return await _whole(partial(self._look, profile_id, wish))
        except (CredentialError, RemoteError) as error:
            # What the store says of a failure; the one whose exchange failed knows more.
            raise error from cause

    # ------------------------------------------------------------------------------------------------- those who wait

    async def _follow(self, flight: Future[StoreError | None], profile: Profile) -> None:
        """Wait for an exchange of this process, which may run in another thread."""
        try:
            async with asyncio.timeout(self._policy.patience / SECOND):
                # Shielded, because cancelling the wrapper would cancel the flight.
                error = await asyncio.shield(asyncio.wrap_future(flight))
        except TimeoutError:
            raise busy(profile) from None
        if error is not None:
            raise StoreError(error.message, code=error.code, fix=error.fix)

    async def _waited(self, found: Pause, stamp: object, waited: float) -> float:
        """Sleep until something was written, or the pause is over; return how many ms the caller has slept in all."""
        if waited >= self._policy.patience:
            raise found.why
        end = min(waited + found.ms, self._policy.patience)
        while waited < end:
            look = min(max(waited * _LOOK_SHARE, _LOOK_LEAST), _LOOK_MOST) * (0.75 + self._chance() / 2)
            pause = min(end - waited, look)
            await self._sleep(pause / SECOND)
            waited += pause
            if self._store.stamp() != stamp:
                break
        return waited

    # ------------------------------------------------------------------------------------------------- the one who asks

    async def _led(self, flight: Future[StoreError | None], found: Claim, wish: Wish, exchange: Exchange) -> _Attempt:
        profile_id = found.profile.id
        task = asyncio.ensure_future(self._fly(profile_id, wish, exchange))
        self._tasks.add(task)

        def landed(done: asyncio.Task[_Attempt]) -> None:
            self._tasks.discard(done)
            error = None if done.cancelled() else done.exception()
            self._flights.end(profile_id, flight, error if isinstance(error, StoreError) else None)

        # A callback, because a task that is cancelled before it begins never comes to a `finally`.
        task.add_done_callback(landed)
        try:
            return await asyncio.shield(task)
        except StoreError:
            if found.needed:
                raise
            return _Attempt(stored=found.profile)

    async def _fly(self, profile_id: str, wish: Wish, exchange: Exchange) -> _Attempt:
        attempt = _Attempt()
        try:
            await self._claimed(attempt, profile_id, wish)
            if attempt.profile is not None:
                attempt.answer = Failure("unknown", "interrupted")
                attempt.answer = await self._asked(attempt, attempt.profile, exchange)
        finally:
            if attempt.lease is not None:
                await self._settle(attempt, attempt.lease)
        return attempt

    async def _claimed(self, attempt: _Attempt, profile_id: str, wish: Wish) -> None:
        """Take the lease, if that is still what is to be done when the store can be written."""
        for pause in _CLAIM_PAUSES:
            try:
                await _whole(partial(self._claim, attempt, profile_id, wish, deadline=0.0))
            except StoreError as error:
                if error.code != "store.locked":
                    raise
            else:
                return
            await self._sleep(pause * (0.5 + self._chance()))
            found, _ = await _whole(partial(self._look, profile_id, wish))
            if not isinstance(found, Claim):
                return
        await _whole(partial(self._claim, attempt, profile_id, wish))

    async def _asked(self, attempt: _Attempt, profile: Profile, exchange: Exchange) -> OAuthCredential | Failure:
        try:
            async with asyncio.timeout(self._policy.exchange / SECOND):
                answer = await exchange(profile)
        except TimeoutError:
            return Failure("unknown", "timeout")
        except JackfieldError as error:
            attempt.cause = error
            return failure_from_error(error)
        if isinstance(answer, Failure):
            return answer
        try:
            return renewed(profile, answer)
        except RequestError as error:
            attempt.cause = error
            return Failure("unknown", error.code)

    async def _settle(self, attempt: _Attempt, lease: Lease) -> None:
        """Store what an attempt brought; a store that is busy or full is tried again while the lease lasts."""
        for pause in (*_SAVE_PAUSES, None):
            try:
                await _whole(partial(self._save, attempt, lease))
            except StoreError as error:
                if pause is None or error.code not in _PASSING or self._store.now() >= lease.until:
                    if isinstance(attempt.answer, OAuthCredential):
                        self._unsaved[lease.profile] = (lease, attempt.answer)
                    raise
                await self._sleep(pause)
            else:
                return

    # ------------------------------------------------------------------------- the store's side, in a thread of its own

    def _look(self, profile_id: str, wish: Wish) -> tuple[Profile | Claim | Pause, object]:
        """Return what is to be done, and the store's stamp from just before."""
        fault = self._save_late(profile_id)
        stamp = self._store.stamp()
        try:
            with self._store.view() as view:
                found = self._decided(view, profile_id, wish)
        except CredentialError:
            # The token is known to be used, and its successor is here: that alone is in the way.
            if fault is not None:
                raise fault from None
            raise
        if fault is not None and not isinstance(found, Profile):
            raise fault
        return found, stamp

    def _claim(self, attempt: _Attempt, profile_id: str, wish: Wish, deadline: float | None = None) -> None:
        with self._store.transaction(deadline) as work:
            found = self._decided(work, profile_id, wish)
            if not isinstance(found, Claim):
                return
            note = work.refresh_note(found.profile)
            attempt.failures = 0 if note is None else note.failures
            holder = f"{os.getpid()}-{secrets.token_hex(8)}"
            # Set before the commit: a lease that may have been stored must be given back.
            attempt.lease = work.claim_refresh(found.profile, holder, self._store.now() + self._policy.lease)
        attempt.profile = found.profile

    def _save(self, attempt: _Attempt, lease: Lease) -> None:
        stored, answer = None, attempt.answer
        with self._store.transaction() as work:
            if answer is None:
                work.give_back_refresh(lease)
            elif isinstance(answer, Failure):
                pause = self._policy.pause(attempt.failures + 1, self._chance())
                asked = min((answer.retry_after or 0) * SECOND, LONGEST_RETRY_AFTER)
                until = self._store.now() + max(pause, round(asked))
                work.fail_refresh(lease, _STATES[answer.fate], until, answer.reason)
            else:
                stored = work.complete_refresh(lease, answer)
        attempt.stored = stored

    def _save_late(self, profile_id: str) -> StoreError | None:
        """Store a result that could not be stored when it came; return why that still fails."""
        unsaved = self._unsaved.get(profile_id)
        if unsaved is None:
            return None
        try:
            with self._store.transaction() as work:
                work.complete_refresh(*unsaved)
        except StoreError as error:
            return error
        self._unsaved.pop(profile_id, None)
        return None

    def _decided(self, view: Reader, profile_id: str, wish: Wish) -> Profile | Claim | Pause:
        profile = view.get(profile_id)
        if profile is None:
            raise CredentialError(f"There is no profile {profile_id} any more.", code="credential.none")
        return decide(profile, view.refresh_note(profile), wish, self._policy, self._store.now())


async def _whole(call: Callable[[], T]) -> T:
    """Run a call that waits for the disk or a lock in a thread.

    When the task is cancelled meanwhile, that is put off until the call is over, so that what it did is known.
    """
    future = asyncio.get_running_loop().run_in_executor(None, call)
    cancelled = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # looked at, so that nobody complains that it was not
        raise cancelled
    return future.result()
