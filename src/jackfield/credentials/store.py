"""The credential store: one SQLite file that survives kills, is shared by processes, and never loses what it holds."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.credentials.envelope import PlainCipher
from jackfield.credentials.link import Source, connect
from jackfield.credentials.place import place_diagnostics
from jackfield.credentials.rows import Intent, Reader, Transaction, as_diagnostic
from jackfield.credentials.schema import CURRENT
from jackfield.errors import InternalError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from jackfield.credentials.envelope import Cipher
    from jackfield.credentials.leases import RefreshNote
    from jackfield.credentials.link import Link
    from jackfield.credentials.profile import Profile
    from jackfield.credentials.schema import Schema
    from jackfield.credentials.usage import Usage
    from jackfield.diagnostics import Diagnostic

DEADLINE = 30.0
"""Seconds that a store waits for another process before it says `store.locked`."""


def now_ms() -> int:
    """Return the time in ms since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass
class _Handle:
    """The connection of one process, and the thread that has it."""

    pid: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    holder: int | None = None
    link: Link | None = None


class CredentialStore:
    """Credential profiles in one file. Safe to use from several threads and processes at once.

    Nothing is opened before it is needed, and reading a store that does not exist makes none. Each method is a
    transaction of its own; `transaction` joins several. A write that returned is on the disk.

    Every method may raise `StoreError`: `store.unreadable` (damaged or foreign; a copy is kept beside it and it is
    left as it is), `store.newer`, `store.locked` after `deadline` seconds, `store.write-failed`.

    Args:
        path: the file; it and its folder are made private when they are made.
        cipher: seals what is stored; by default nothing is sealed.
        clock: returns ms since the epoch.
        deadline: the longest wait for other processes and threads, in seconds.
        schema: the version that is understood.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        cipher: Cipher | None = None,
        clock: Callable[[], int] = now_ms,
        deadline: float = DEADLINE,
        schema: Schema = CURRENT,
    ) -> None:
        self._source = Source(Path(os.path.realpath(path)), clock, deadline, schema)
        self._cipher: Cipher = cipher or PlainCipher()
        self._handle = _Handle()
        self._left_behind: list[_Handle] = []
        self._closed = False

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        cipher: Cipher | None = None,
        clock: Callable[[], int] = now_ms,
        deadline: float = DEADLINE,
    ) -> CredentialStore:
        """Return the store at `path`; see the class. Neither reads nor writes anything."""
        return cls(path, cipher=cipher, clock=clock, deadline=deadline)

    @property
    def path(self) -> Path:
        """The store's file, symbolic links resolved."""
        return self._source.path

    def now(self) -> int:
        """Return the time by the store's clock, ms since the epoch."""
        return self._source.clock()

    def __enter__(self) -> CredentialStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards. Twice is once."""
        if not self._closed:
            with self._held() as handle:
                self._closed = True
                _drop(handle)

    @contextmanager
    def transaction(self, deadline: float | None = None) -> Iterator[Transaction]:
        """Have the store to oneself: what is done through the result becomes true at the end, or not at all.

        An exception that leaves the block undoes everything. Within the block the store's own methods are not to be
        called from the same thread.

        Args:
            deadline: the longest wait for other processes and threads in seconds, if not the store's; 0 is one try.

        Raises:
            StoreError: `store.locked`, `store.write-failed`, `store.unreadable`, `store.newer`.
            InternalError: `internal.nested-transaction`.
        """
        with self._held(deadline) as handle, self._linked(handle, writing=True, deadline=deadline) as link:
            work = Transaction(link, self._cipher)
            try:
                yield work
            finally:
                work.end()

    @contextmanager
    def view(self) -> Iterator[Reader]:
        """Read several things as they were at one instant; nobody is kept from writing meanwhile.

        Within the block the store's own methods are not to be called from the same thread.

        Raises:
            StoreError: `store.unreadable`, `store.newer`, `store.locked`.
            InternalError: `internal.nested-transaction`.
        """
        with self._held() as handle, self._linked(handle, writing=False) as link:
            view = Reader(link, self._cipher)
            try:
                yield view
            finally:
                view.end()

    def stamp(self) -> object:
        """Return a value that is another one when anything may have been written since the last call.

        Quick, and never waits: where somebody else in this process has the store, it is another one, too.
        """
        handle = self._handle
        if handle.pid != os.getpid() or not handle.lock.acquire(blocking=False):
            return object()
        try:
            link = handle.link
            return link.stamp() if link is not None and link.is_current() else object()
        except StoreError:
            return object()  # whoever looks will be told
        finally:
            handle.lock.release()

    def profiles(self, provider: str | None = None) -> tuple[Profile, ...]:
        """See `Reader.profiles`."""
        with self.view() as view:
            return view.profiles(provider)

    def get(self, profile_id: str) -> Profile | None:
        """See `Reader.get`."""
        with self.view() as view:
            return view.get(profile_id)

    def order(self, provider: str) -> tuple[str, ...]:
        """See `Reader.order`."""
        with self.view() as view:
            return view.order(provider)

    def resolution_order(self, provider: str) -> tuple[str, ...]:
        """See `Reader.resolution_order`."""
        with self.view() as view:
            return view.resolution_order(provider)

    def intents(self, *, prefix: str = "", state: str | None = None) -> tuple[Intent, ...]:
        """See `Reader.intents`."""
        with self.view() as view:
            return view.intents(prefix=prefix, state=state)

    def intent_ids(self, *, prefix: str = "", state: str | None = None) -> tuple[str, ...]:
        """See `Reader.intent_ids`."""
        with self.view() as view:
            return view.intent_ids(prefix=prefix, state=state)

    def intent_faults(self, *, prefix: str = "", state: str | None = None) -> Mapping[str, StoreError]:
        """See `Reader.intent_faults`."""
        with self.view() as view:
            return view.intent_faults(prefix=prefix, state=state)

    def shut_profiles(self) -> Mapping[str, StoreError]:
        """See `Reader.shut_profiles`."""
        with self.view() as view:
            return view.shut_profiles()

    def write_fault(self) -> StoreError | None:
        """See `Reader.write_fault`."""
        with self.view() as view:
            return view.write_fault()

    def refresh_note(self, profile: Profile) -> RefreshNote | None:
        """See `Reader.refresh_note`."""
        with self.view() as view:
            return view.refresh_note(profile)

    def put(self, profile: Profile, *, expected_owner: str | None = None) -> Profile:
        """See `Transaction.put`."""
        with self.transaction() as work:
            return work.put(profile, expected_owner=expected_owner)

    def delete(self, profile_id: str) -> bool:
        """See `Transaction.delete`."""
        with self.transaction() as work:
            return work.delete(profile_id)

    def rename(self, old: str, new: str) -> Profile:
        """See `Transaction.rename`."""
        with self.transaction() as work:
            return work.rename(old, new)

    def set_order(self, provider: str, ids: Iterable[str]) -> None:
        """See `Transaction.set_order`."""
        with self.transaction() as work:
            work.set_order(provider, ids)

    def clear_order(self, provider: str) -> bool:
        """See `Transaction.clear_order`."""
        with self.transaction() as work:
            return work.clear_order(provider)

    def record_use(self, profile_id: str) -> Usage | None:
        """See `Transaction.record_use`."""
        with self.transaction() as work:
            return work.record_use(profile_id)

    def record_failure(self, profile_id: str, reason: str) -> Usage | None:
        """See `Transaction.record_failure`."""
        with self.transaction() as work:
            return work.record_failure(profile_id, reason)

    def put_intent(self, intent_id: str, payload: Mapping[str, object], *, state: str = "pending") -> Intent:
        """See `Transaction.put_intent`."""
        with self.transaction() as work:
            return work.put_intent(intent_id, payload, state=state)

    def trust_refresh(self, profile_id: str) -> bool:
        """See `Transaction.trust_refresh`."""
        with self.transaction() as work:
            return work.trust_refresh(profile_id)

    def remove_intent(self, intent_id: str) -> bool:
        """See `Transaction.remove_intent`."""
        with self.transaction() as work:
            return work.remove_intent(intent_id)

    def reseal(self, cipher: Cipher) -> int:
        """Seal everything anew under `cipher` and use it from here on; return how many rows there were.

        Afterwards the file is written anew and its log emptied, so that nothing of the former rows stays in them. The
        log is emptied later if another process is reading at that moment.

        Raises:
            StoreError: `store.sealed`, `store.other-key` or `store.tampered` when a row does not open; then nothing was
                changed. `store.not-emptied` when all is sealed anew, but the file could not be written anew.
        """
        with self._held() as handle:
            with self._linked(handle, writing=True) as link:
                count = Transaction(link, self._cipher).reseal(cipher)
            self._cipher = cipher
            try:
                link.run("VACUUM")
                link.run("PRAGMA wal_checkpoint(TRUNCATE)")
            except StoreError as error:
                message = f"Everything in {self.path} is sealed anew, but old pages of it could not be emptied yet."
                fix = "Make room on the disk, then run: jackfield auth seal"
                raise StoreError(message, code="store.not-emptied", fix=fix) from error
        return count

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return everything that is wrong with the store and where it lies; raises nothing of it."""
        found = list(place_diagnostics(self.path))
        try:
            with self.view() as view:
                found.extend(as_diagnostic(fault) for fault in view.faults())
        except StoreError as error:
            found.append(as_diagnostic(error))
        return tuple(found)

    @contextmanager
    def _held(self, deadline: float | None = None) -> Iterator[_Handle]:
        """Have the connection to this thread alone."""
        if self._handle.pid != os.getpid():
            # A connection must not be used, nor even closed, on the other side of a fork; its lock may be held there.
            self._left_behind.append(self._handle)
            self._handle = _Handle()
        handle = self._handle
        if handle.holder == threading.get_ident():
            message = "The store was called within its own transaction; call the transaction instead."
            raise InternalError(message, code="internal.nested-transaction")
        if not handle.lock.acquire(timeout=self._source.deadline if deadline is None else deadline):
            raise self._source.locked(deadline)
        handle.holder = threading.get_ident()
        try:
            yield handle
        finally:
            handle.holder = None
            handle.lock.release()

    @contextmanager
    def _linked(self, handle: _Handle, *, writing: bool, deadline: float | None = None) -> Iterator[Link]:
        """Run the block in a transaction of the connection, which is opened if need be."""
        if self._closed:
            raise InternalError("The credential store is closed.", code="internal.store-closed")
        if handle.link is not None and not handle.link.is_current():
            _drop(handle)
        link = handle.link = handle.link or connect(self._source, create=writing)
        try:
            link.begin(writing=writing, deadline=deadline)
            yield link
            link.commit()
        except BaseException:
            link.roll_back()
            raise


def _drop(handle: _Handle) -> None:
    if handle.link is not None:
        handle.link.close()
        handle.link = None
