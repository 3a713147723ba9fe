from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jackfield.errors import RegistrationError, UnknownNameError
from jackfield.table import Entry, Owner, Table, Trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jackfield.diagnostics import Diagnostic

Claim = tuple[Owner, tuple[Entry[str], ...]]

# Few names and few owners, so that claims get in each other's way.
NAMES = "abcdefgh"
OWNERS = (
    Owner(Trust.CORE, "core"),
    Owner(Trust.INSTALLED, "app"),
    Owner(Trust.INSTALLED, "plugin:acme"),
    Owner(Trust.WORKSPACE, "plugin:local"),
)


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    """Make a claim that does not contradict itself: its names are distinct."""
    owner = draw(st.sampled_from(OWNERS))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    cuts = draw(st.integers(1, len(names)))
    keys, spare = names[:cuts], names[cuts:]
    value = draw(st.sampled_from(["one", "two"]))
    entries = [Entry(key, f"{value} {key}", tuple(spare) if key == keys[0] else (), owner) for key in keys]
    return owner, tuple(entries)


def rank(claim: Claim) -> tuple[Trust, str, tuple[str, ...]]:
    owner, entries = claim
    return owner.trust, owner.name, tuple(sorted(each.key for each in entries))


def registered(order: Iterable[Claim]) -> Table[str]:
    table: Table[str] = Table("thing")
    refusals: list[RegistrationError] = []
    for owner, entries in order:
        try:
            table.add(owner, entries)
        except RegistrationError as error:
            refusals.append(error)
    assert all(error.code == "registry.duplicate" and error.diagnostics for error in refusals)
    return table


def state(table: Table[str]) -> tuple[tuple[Entry[str], ...], dict[str, str], tuple[Diagnostic, ...]]:
    """Return all there is to see of a table: entries with owners, the dict of a resolve, and the refusals."""
    return table.snapshot().entries, dict(table.by_name), table.diagnostics()


def winners(batch: Iterable[Claim]) -> list[Claim]:
    """Return the claims that stand, as the rule says it: best rank first, whole claims, no name twice."""
    taken: list[Claim] = []
    held: set[str] = set()
    for claim in sorted(batch, key=rank):
        names = {name for each in claim[1] for name in each.names}
        if not names & held:
            held |= names
            taken.append(claim)
    return taken


def expected(batch: Iterable[Claim]) -> dict[str, tuple[str, str]]:
    """Return name -> (owner, value) of the claims that stand."""
    return {
        name: (owner.name, each.value) for owner, entries in winners(batch) for each in entries for name in each.names
    }


contested = st.lists(claims(), min_size=1, max_size=8, unique_by=rank)


@given(contested, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_two_orders_of_arrival_give_the_same_table(batch: list[Claim], random: Any) -> None:
    shuffled = list(batch)
    random.shuffle(shuffled)
    assert state(registered(shuffled)) == state(registered(batch))


@given(st.lists(claims(), min_size=2, max_size=4, unique_by=rank))
@settings(max_examples=60, deadline=None)
def test_every_order_of_a_few_claims_gives_the_same_table(batch: list[Claim]) -> None:
    first = state(registered(batch))
    for order in permutations(batch):
        assert state(registered(order)) == first


@given(contested)
@settings(max_examples=100, deadline=None)
def test_the_table_is_what_the_rule_says(batch: list[Claim]) -> None:
    table = registered(batch)
    held = {name: (each.owner.name, each.value) for each in table.snapshot() for name in each.names}
    assert held == expected(batch)
    assert table.by_name == {name: value for name, (_, value) in held.items()}


@given(contested)
@settings(max_examples=100, deadline=None)
def test_each_claim_is_there_whole_or_told_as_refused(batch: list[Claim]) -> None:
    table = registered(batch)
    entries = set(table.snapshot().entries)
    standing = winners(batch)
    assert entries == {each for claim in standing for each in claim[1]}
    told = {(each.owner, each.path[0]) for each in table.diagnostics()}
    for claim in batch:
        assert claim in standing or told & {(claim[0].name, each.key) for each in claim[1]}


@given(contested)
@settings(max_examples=100, deadline=None)
def test_each_refusal_names_an_owner_who_is_not_below(batch: list[Claim]) -> None:
    ranks = {each.name: (each.trust, each.name) for each in OWNERS}
    for told in registered(batch).diagnostics():
        assert told.owner is not None
        winner = told.message.partition("but ")[2].split()[0]
        assert ranks[winner] <= ranks[told.owner]


@given(contested, st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_registering_a_claim_again_changes_nothing(batch: list[Claim], place: int) -> None:
    table = registered(batch)
    before = state(table)
    owner, entries = batch[place % len(batch)]
    with pytest.raises(RegistrationError):
        table.add(owner, entries)
    served = state(table)[:2]
    assert served == before[:2]


NEIGHBOURS = st.sampled_from(["", " ", "\t", "\n", "\x00", "\u200b", "\u00a0", "\ufeff", "\u212a", "\uff4b", "\u0430"])


@given(st.text("kimiK \t\u212a\u200b\u0456\uff4b", max_size=6), NEIGHBOURS, NEIGHBOURS)
@settings(max_examples=150, deadline=None)
def test_resolve_forgives_case_and_ascii_white_space_and_nothing_else(text: str, before: str, after: str) -> None:
    table: Table[str] = Table("thing")
    table.add(OWNERS[0], [Entry("kimi", "found", ("k",))])
    name = before + text + after
    meant = name.strip(" \t\r\n\f\v")
    if meant.isascii() and meant.lower() in {"kimi", "k"}:
        assert table.resolve(name) == "found"
    else:
        with pytest.raises(UnknownNameError) as caught:
            table.resolve(name)
        assert caught.value.code == "registry.unknown"
        assert set(caught.value.suggestions) <= {"kimi", "k"}


class TableMachine(RuleBasedStateMachine):
    """Adds claims one by one and compares with the rule applied to all that were ever made."""

    @initialize()
    def start(self) -> None:
        self.table: Table[str] = Table("thing")
        self.made: dict[object, Claim] = {}

    @rule(claim=claims())
    def add(self, claim: Claim) -> None:
        if rank(claim) in self.made:
            return
        before = self.table.snapshot()
        self.made[rank(claim)] = claim
        if claim in winners(self.made.values()):
            self.table.add(*claim)
            assert self.table.snapshot() is not before
        else:
            with pytest.raises(RegistrationError):
                self.table.add(*claim)
            assert self.table.snapshot() is before

    @invariant()
    def table_follows_the_rule(self) -> None:
        held = {name: (each.owner.name, each.value) for each in self.table.snapshot() for name in each.names}
        assert held == expected(self.made.values())

    @invariant()
    def every_name_is_found(self) -> None:
        snapshot = self.table.snapshot()
        assert len(self.table.by_name) == sum(len(each.names) for each in snapshot)
        for each in snapshot:
            assert all(self.table.entry(name.upper()) is each for name in each.names)


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
