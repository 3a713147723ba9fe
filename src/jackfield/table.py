"""A table of owned, named things that knows nothing of what it holds.

A *claim* is what one owner registers at once: one or more entries, each with a key, aliases and a value. A claim is
taken whole or refused whole. When claims want the same name (as key or alias), trust decides (core > installed >
workspace), then the owner's name, then the keys, never the order of arrival: registering the same claims in any order
gives the same table. A refused claim is remembered, so that this stays true when the claim that beat it is itself
displaced later. Only an owner who claims the same keys again is judged by order: what is taken stays, and a refused
claim gives way to its successor.
"""

from __future__ import annotations

from enum import IntEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jackfield.diagnostics import Diagnostic
from jackfield.errors import RegistrationError, UnknownNameError
from jackfield.ids import canonical_id, quoted
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

# Above this many names a fuzzy search is a visible pause: only names with the same first letter are looked at.
_FUZZY_LIMIT = 2_000
# What is longer is no name that somebody mistyped, and comparing it takes a time that its sender chooses.
_FUZZY_LENGTH = 100
# Letters up to which a name is short.
_SHORT = 5
# Vendors' keys have 32 characters or more: what may be a key is not repeated.
_SHOWN_LENGTH = 31


class Trust(IntEnum):
    """How far an owner is trusted; the lower number wins a contested name."""

    CORE = 0
    INSTALLED = 1
    WORKSPACE = 2


@record
class Owner:
    """Who registers: `core`, `config`, `app` or `plugin:<id>`, with the trust it has."""

    trust: Trust
    name: str

    def __lt__(self, other: Owner) -> bool:
        return (self.trust, self.name) < (other.trust, other.name)

    def __str__(self) -> str:
        return self.name


CORE = Owner(Trust.CORE, "core")


@record
class Entry(Generic[T]):
    """One named thing: its canonical key, its aliases, the thing, and (set by the table) who brought it.

    `reserved` are other names that only one entry may have, each as `kind:name`; nothing is resolved by them.
    """

    key: str
    value: T
    aliases: tuple[str, ...] = ()
    owner: Owner = CORE
    reserved: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The key, then the aliases."""
        return (self.key, *self.aliases)

    @property
    def held(self) -> tuple[str, ...]:
        """Everything that no other entry may have."""
        return (self.key, *self.aliases, *self.reserved)


class Snapshot(Generic[T]):
    """The table at one instant; never changes. Iterates over its entries sorted by key."""

    __slots__ = ("_derived", "_entries", "_index")

    def __init__(self, entries: Iterable[Entry[T]]) -> None:
        self._entries: tuple[Entry[T], ...] = tuple(sorted(entries, key=_by_key))
        self._index = {name: entry for entry in self._entries for name in entry.names}
        self._derived: dict[Callable[[Snapshot[T]], Any], Any] = {}

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> tuple[Entry[T], ...]:
        """The entries, sorted by key."""
        return self._entries

    def get(self, name: str) -> Entry[T] | None:
        """Return the entry with this key or alias, or None."""
        return self._index.get(name) or self._index.get(canonical_id(name))

    def values(self) -> tuple[T, ...]:
        """Return the things themselves, sorted by key."""
        return tuple([entry.value for entry in self._entries])

    def derive(self, build: Callable[[Snapshot[T]], R]) -> R:
        """Return `build(self)`, computed once: a snapshot never changes, so neither does a view of it.

        Threads that ask at the same instant may each compute it, but all are given the same object.
        """
        try:
            result: R = self._derived[build]
        except KeyError:
            result = self._derived.setdefault(build, build(self))
        return result


@record
class _Claim(Generic[T]):
    owner: Owner
    entries: tuple[Entry[T], ...]

    @property
    def rank(self) -> tuple[Owner, tuple[str, ...]]:
        return self.owner, tuple(sorted(entry.key for entry in self.entries))


class Table(Generic[T]):
    """A keyed table with owners, aliases and trust. Safe to use from several threads.

    Args:
        kind: what an entry is called in messages, such as `provider`.
        code: prefix of the codes raised, such as `registry`; `<code>.duplicate` and `<code>.unknown` are used.
    """

    def __init__(self, kind: str, code: str = "registry") -> None:
        self._kind = kind
        self._code = code
        self._lock = Lock()
        self._taken: list[_Claim[T]] = []
        self._refused: list[_Claim[T]] = []
        self._holders: dict[str, tuple[Entry[T], _Claim[T]]] = {}
        self._snapshot: Snapshot[T] | None = None
        self.by_name: dict[str, T] = {}
        """Every key and alias with its thing: the one dict that a resolve looks into. Read it, never write it."""

    def add(self, owner: Owner, entries: Iterable[Entry[T]]) -> None:
        """Register `entries` as one claim of `owner`: all of them or none.

        Keys and aliases must be canonical already (the caller's blocks check that).

        Raises:
            RegistrationError: `<code>.duplicate` when a name is contested and the other owner wins it; each diagnostic
                names both owners. What the table serves is as it was before.
        """
        claim = _Claim(
            owner, tuple(Entry(entry.key, entry.value, entry.aliases, owner, entry.reserved) for entry in entries)
        )
        with self._lock:
            self._add(claim)

    def amend(self, key: str, change: Callable[[T], T]) -> None:
        """Put `change(thing)` in the place of the thing with this key; its owner and its names stay as they are.

        Raises:
            UnknownNameError: `<code>.unknown` when nothing has this key.
        """
        with self._lock:
            old, claim = self._holders.get(key, (None, None))
            if old is None or claim is None or old.key != key:
                raise self._unknown(key)
            new = Entry(key, change(old.value), old.aliases, old.owner, old.reserved)
            amended = _Claim(claim.owner, tuple(new if each is old else each for each in claim.entries))
            self._taken = [amended if each is claim else each for each in self._taken]
            self._holders.update({name: (each, amended) for each in amended.entries for name in each.held})
            # Readers see the old dict until the new one is whole.
            self.by_name, self._snapshot = {**self.by_name, **dict.fromkeys(new.names, new.value)}, None

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return one error for each name a refused claim lost, in an order that does not depend on arrival."""
        with self._lock:
            found = [fault for claim in self._refused for fault in self._faults(claim)]
        return tuple(sorted(found, key=lambda fault: (fault.owner or "", fault.path, fault.message)))

    def snapshot(self) -> Snapshot[T]:
        """Return the table as it is now; the same object until something is added."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = Snapshot(entry for claim in self._taken for entry in claim.entries)
            return self._snapshot

    def resolve(self, name: str) -> T:
        """Return the thing with this key or alias; letter case and surrounding white space do not matter.

        Raises:
            UnknownNameError: `<code>.unknown`, suggesting the nearest names; also for what is not text.
        """
        if isinstance(name, str):
            by_name = self.by_name  # one look: a displaced claim swaps the dict
            for spelling in (name, canonical_id(name)):
                if spelling in by_name:
                    return by_name[spelling]
        raise self._unknown(name)

    def entry(self, name: str) -> Entry[T]:
        """Return the entry with this key or alias, which tells its owner; raises what `resolve` raises."""
        if isinstance(name, str):
            found = self.snapshot().get(name)
            if found is not None:
                return found
        raise self._unknown(name)

    def _unknown(self, name: object) -> UnknownNameError:
        code = f"{self._code}.unknown"
        if not isinstance(name, str):
            return UnknownNameError(f"A {self._kind} is named by text, not by {quoted(name)}.", code=code)
        near = nearest(canonical_id(name), tuple(self.by_name))
        shown = name.strip()
        told = repr(shown) if len(shown) <= _SHOWN_LENGTH else f"of that name ({len(shown)} characters)"
        return UnknownNameError(
            f"There is no {self._kind} {told}.",
            code=code,
            fix=f"Did you mean {' or '.join(near)}?" if near else None,
            suggestions=near,
        )

    def _add(self, claim: _Claim[T]) -> None:
        faults = self._inner_faults(claim)
        if faults:
            raise self._duplicate(claim.owner, faults)
        rivals = list(self._rivals(claim))
        if self._refused:
            rank = claim.rank
            self._refused = [old for old in self._refused if old.rank != rank]
        if not rivals:
            self._publish(claim)
        elif all(claim.rank < rival.rank for rival in rivals):
            self._resolve_anew([*self._taken, *self._refused, claim])
        else:
            self._refused.append(claim)
            raise self._duplicate(claim.owner, self._faults(claim))

    def _publish(self, claim: _Claim[T]) -> None:
        self._taken.append(claim)
        self._holders.update({name: (entry, claim) for entry in claim.entries for name in entry.held})
        self.by_name.update({name: entry.value for entry in claim.entries for name in entry.names})
        self._snapshot = None

    def _resolve_anew(self, claims: list[_Claim[T]]) -> None:
        """Decide all claims again, best rank first; readers see the old dict until the new one is whole."""
        self._taken, self._refused, self._holders = [], [], {}
        fresh: dict[str, T] = {}
        for claim in sorted(claims, key=lambda each: each.rank):
            if next(self._rivals(claim), None) is not None:
                self._refused.append(claim)
                continue
            self._taken.append(claim)
            for entry in claim.entries:
                self._holders.update(dict.fromkeys(entry.held, (entry, claim)))
                fresh.update(dict.fromkeys(entry.names, entry.value))
        self.by_name, self._snapshot = fresh, None

    def _rivals(self, claim: _Claim[T]) -> Iterator[_Claim[T]]:
        for entry in claim.entries:
            for name in entry.held:
                if name in self._holders:
                    yield self._holders[name][1]

    def _inner_faults(self, claim: _Claim[T]) -> list[Diagnostic]:
        faults: list[Diagnostic] = []
        seen: dict[str, Entry[T]] = {}
        for entry in claim.entries:
            for name in entry.held:
                if name in seen:
                    faults.append(self._fault(name, entry, seen[name]))
                seen[name] = entry
        return faults

    def _faults(self, claim: _Claim[T]) -> list[Diagnostic]:
        """Tell the names that the claim lost; one held by a claim that it would have beaten is no reason."""
        rank, found = claim.rank, []
        for entry in claim.entries:
            for name in entry.held:
                holder, other = self._holders.get(name, (entry, None))
                if other is not None and not rank < other.rank:
                    found.append(self._fault(name, entry, holder))
        return found

    def _fault(self, name: str, entry: Entry[T], holder: Entry[T]) -> Diagnostic:
        wants, shown, path = _role(name, entry)
        has, _, _ = _role(name, holder)
        return Diagnostic(
            code=f"{self._code}.duplicate",
            message=f"{entry.owner} wants {shown!r} as {wants} of {entry.key!r}, "
            f"but {holder.owner} has it as {has} of {holder.key!r}.",
            path=path,
            owner=entry.owner.name,
            hint=f"Rename it, or remove one of {entry.owner} and {holder.owner}.",
        )

    def _duplicate(self, owner: Owner, faults: Sequence[Diagnostic]) -> RegistrationError:
        return RegistrationError(
            f"{owner} cannot register this {self._kind}: " + " ".join(fault.message for fault in faults),
            code=f"{self._code}.duplicate",
            fix=faults[0].hint,
            diagnostics=faults,
        )


def nearest(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Return up to `count` of the `known` names that look most like `name`, best first."""
    if len(name) > _FUZZY_LENGTH:
        return ()
    import difflib

    pool: Sequence[str] = list(known)
    if len(pool) > _FUZZY_LIMIT:
        pool = [other for other in pool if other[:1] == name[:1]][:_FUZZY_LIMIT]
    # Of a few letters, three that agree are chance (`nope`, `openai`); of many, they are a slip.
    cutoff = 0.65 if len(name) <= _SHORT else 0.6
    close = difflib.get_close_matches(name, pool, n=count, cutoff=cutoff)
    longer = sorted(other for other in pool if len(name) > 1 and name in other and other not in close)
    return (*close, *longer)[:count]


def _role(name: str, entry: Entry[Any]) -> tuple[str, str, tuple[str, ...]]:
    """Say what `name` is to `entry`, how it is shown, and where it stands."""
    if name == entry.key:
        return "id", name, (entry.key,)
    if name in entry.aliases:
        return "alias", name, (entry.key, "aliases")
    kind, _, shown = name.partition(":")
    return kind, shown, (entry.key, kind)


def _by_key(entry: Entry[T]) -> str:
    return entry.key
