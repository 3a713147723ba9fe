from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from jackfield.errors import RegistrationError, UnknownNameError
from jackfield.table import CORE, Entry, Owner, Snapshot, Table, Trust, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACME = Owner(Trust.INSTALLED, "plugin:acme")
ZETA = Owner(Trust.INSTALLED, "plugin:zeta")
LOCAL = Owner(Trust.WORKSPACE, "plugin:local")


def entry(key: str, *aliases: str, value: str | None = None) -> Entry[str]:
    return Entry(key, value if value is not None else f"thing {key}", aliases)


def served(table: Table[str]) -> dict[str, tuple[str, str]]:
    """Return what every name leads to, and whose it is."""
    snapshot = table.snapshot()
    return {
        name: (table.resolve(name), found.owner.name)
        for name in table.by_name
        if (found := snapshot.get(name)) is not None
    }


def filled() -> Table[str]:
    table: Table[str] = Table("thing")
    table.add(CORE, [entry("alpha", "a", "first"), entry("beta")])
    return table


# --- registering


def test_a_claim_serves_its_keys_and_aliases() -> None:
    assert served(filled()) == {
        "alpha": ("thing alpha", "core"),
        "a": ("thing alpha", "core"),
        "first": ("thing alpha", "core"),
        "beta": ("thing beta", "core"),
    }


def test_the_owner_of_the_claim_replaces_whatever_the_entries_say() -> None:
    table: Table[str] = Table("thing")
    table.add(ACME, [Entry("alpha", "x", (), LOCAL)])
    assert table.entry("alpha").owner == ACME


@pytest.mark.parametrize(
    ("claimed", "path", "message"),
    [
        (
            entry("alpha"),
            ("alpha",),
            "plugin:acme wants 'alpha' as id of 'alpha', but core has it as id of 'alpha'.",
        ),
        (
            entry("first"),
            ("first",),
            "plugin:acme wants 'first' as id of 'first', but core has it as alias of 'alpha'.",
        ),
        (
            entry("gamma", "beta"),
            ("gamma", "aliases"),
            "plugin:acme wants 'beta' as alias of 'gamma', but core has it as id of 'beta'.",
        ),
        (
            entry("gamma", "a"),
            ("gamma", "aliases"),
            "plugin:acme wants 'a' as alias of 'gamma', but core has it as alias of 'alpha'.",
        ),
    ],
    ids=["id-id", "id-alias", "alias-id", "alias-alias"],
)
def test_a_taken_name_is_refused_naming_both_owners(claimed: Entry[str], path: tuple[str, ...], message: str) -> None:
    table = filled()
    before, snapshot = served(table), table.snapshot()
    with pytest.raises(RegistrationError) as caught:
        table.add(ACME, [claimed])
    assert caught.value.code == "registry.duplicate"
    assert caught.value.message == f"plugin:acme cannot register this thing: {message}"
    assert caught.value.fix == "Rename it, or remove one of plugin:acme and core."
    (told,) = caught.value.diagnostics
    assert (told.code, told.path, told.message, told.owner) == ("registry.duplicate", path, message, "plugin:acme")
    assert served(table) == before
    assert table.snapshot() is snapshot
    assert table.diagnostics() == (told,)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_entry_refuses_the_whole_claim(place: int) -> None:
    table = filled()
    before = served(table)
    good = [entry("gamma", "g"), entry("delta", "d")]
    with pytest.raises(RegistrationError):
        table.add(ACME, [*good[:place], entry("epsilon", "a"), *good[place:]])
    assert served(table) == before
    for name in ("gamma", "g", "delta", "d", "epsilon"):
        with pytest.raises(UnknownNameError):
            table.resolve(name)


def test_every_contested_name_is_told_at_once() -> None:
    table = filled()
    with pytest.raises(RegistrationError) as caught:
        table.add(ACME, [entry("alpha", "first"), entry("gamma"), entry("delta", "beta")])
    assert [each.path for each in caught.value.diagnostics] == [("alpha",), ("alpha", "aliases"), ("delta", "aliases")]
    assert table.diagnostics() == caught.value.diagnostics


@pytest.mark.parametrize(
    "entries",
    [
        [entry("gamma"), entry("gamma")],
        [entry("gamma"), entry("delta", "gamma")],
        [entry("gamma", "g"), entry("delta", "g")],
        [entry("gamma", "g", "g")],
        [entry("gamma", "gamma")],
    ],
    ids=["key-twice", "alias-is-key", "alias-twice", "alias-repeated", "alias-is-own-key"],
)
def test_a_claim_that_contradicts_itself_is_refused_and_not_remembered(entries: list[Entry[str]]) -> None:
    table = filled()
    before = served(table)
    with pytest.raises(RegistrationError) as caught:
        table.add(ACME, entries)
    assert caught.value.code == "registry.duplicate"
    assert {each.owner for each in caught.value.diagnostics} == {"plugin:acme"}
    assert served(table) == before
    assert table.diagnostics() == ()


def test_a_generator_that_fails_midway_leaves_nothing() -> None:
    def broken() -> object:
        yield entry("gamma")
        raise KeyError("no more")

    table = filled()
    before, snapshot = served(table), table.snapshot()
    with pytest.raises(KeyError, match="no more"):
        table.add(ACME, broken())  # type: ignore[arg-type]
    assert served(table) == before
    assert table.snapshot() is snapshot


def test_the_same_owner_cannot_claim_its_own_key_again() -> None:
    table: Table[str] = Table("thing")
    table.add(ACME, [entry("alpha", value="one")])
    with pytest.raises(RegistrationError, match=r"plugin:acme wants 'alpha' .* but plugin:acme has it"):
        table.add(ACME, [entry("alpha", "other", value="two")])
    assert served(table) == {"alpha": ("one", "plugin:acme")}


def test_registering_the_same_refused_claim_again_tells_it_once() -> None:
    table = filled()
    for _ in range(3):
        with pytest.raises(RegistrationError):
            table.add(ACME, [entry("alpha")])
    assert len(table.diagnostics()) == 1


def test_a_mended_claim_replaces_the_refused_one() -> None:
    table = filled()
    with pytest.raises(RegistrationError):
        table.add(ACME, [entry("gamma", "a")])
    assert len(table.diagnostics()) == 1
    table.add(ACME, [entry("gamma", "g")])
    assert table.diagnostics() == ()
    assert table.resolve("g") == "thing gamma"


def test_a_mended_claim_that_displaces_another_replaces_the_refused_one_too() -> None:
    table = filled()
    table.add(LOCAL, [entry("gamma")])
    with pytest.raises(RegistrationError):
        table.add(ACME, [entry("gamma", "a")])
    table.add(ACME, [entry("gamma", "g")])
    assert table.entry("gamma").owner == ACME
    assert [each.owner for each in table.diagnostics()] == ["plugin:local"]


def test_a_claim_that_fails_anew_is_told_as_it_fails_now() -> None:
    table = filled()
    for alias in ("a", "first"):
        with pytest.raises(RegistrationError):
            table.add(ACME, [entry("gamma", alias)])
    (told,) = table.diagnostics()
    assert told.message.startswith("plugin:acme wants 'first'")


def test_codes_and_kind_are_those_of_the_table() -> None:
    table: Table[str] = Table("voice", "voices")
    table.add(CORE, [entry("alpha")])
    with pytest.raises(RegistrationError, match="cannot register this voice") as refused:
        table.add(ACME, [entry("alpha")])
    with pytest.raises(UnknownNameError, match="There is no voice 'zzz'") as unknown:
        table.resolve("zzz")
    assert (refused.value.code, unknown.value.code) == ("voices.duplicate", "voices.unknown")


# --- trust


@pytest.mark.parametrize("order", list(permutations([CORE, ACME, LOCAL])), ids=lambda order: ">".join(map(str, order)))
def test_trust_decides_whatever_the_order_of_arrival(order: tuple[Owner, ...]) -> None:
    table: Table[str] = Table("thing")
    refused = {}
    for owner in order:
        try:
            table.add(owner, [entry("alpha", value=owner.name)])
        except RegistrationError as error:
            refused[owner.name] = error.diagnostics[0].owner
    assert refused == {owner.name: owner.name for place, owner in enumerate(order) if owner > min(order[: place + 1])}
    assert served(table) == {"alpha": ("core", "core")}
    assert [each.owner for each in table.diagnostics()] == ["plugin:acme", "plugin:local"]
    assert {each.message.partition("but ")[2].split()[0] for each in table.diagnostics()} == {"core"}


@pytest.mark.parametrize("order", [(ACME, ZETA), (ZETA, ACME)], ids=["a-z", "z-a"])
def test_among_equals_the_name_of_the_owner_decides(order: tuple[Owner, ...]) -> None:
    table: Table[str] = Table("thing")
    refusals = []
    for owner in order:
        try:
            table.add(owner, [entry("alpha", value=owner.name)])
        except RegistrationError:
            refusals.append(owner)
    assert table.resolve("alpha") == "plugin:acme"
    assert refusals == ([ZETA] if order[0] is ACME else [])
    assert [each.owner for each in table.diagnostics()] == ["plugin:zeta"]


def test_a_displaced_claim_goes_whole() -> None:
    table: Table[str] = Table("thing")
    table.add(LOCAL, [entry("alpha", "x"), entry("beta")])
    table.add(CORE, [entry("gamma", "x")])
    assert served(table) == {"gamma": ("thing gamma", "core"), "x": ("thing gamma", "core")}


def test_what_a_displaced_claim_had_beaten_comes_back() -> None:
    table: Table[str] = Table("thing")
    table.add(ACME, [entry("alpha"), entry("beta")])
    with pytest.raises(RegistrationError):
        table.add(LOCAL, [entry("beta", value="local")])
    table.add(CORE, [entry("alpha", value="core")])
    assert served(table) == {"alpha": ("core", "core"), "beta": ("local", "plugin:local")}
    assert [each.owner for each in table.diagnostics()] == ["plugin:acme"]


def test_a_claim_that_beats_one_rival_and_loses_to_another_changes_nothing() -> None:
    table: Table[str] = Table("thing")
    table.add(CORE, [entry("alpha")])
    table.add(LOCAL, [entry("beta")])
    before, snapshot = served(table), table.snapshot()
    with pytest.raises(RegistrationError) as caught:
        table.add(ACME, [entry("gamma", "alpha", "beta")])
    (told,) = caught.value.diagnostics
    assert "core has it" in told.message  # the other name would have been won: it is no reason
    assert served(table) == before
    assert table.snapshot() is snapshot


@pytest.mark.parametrize(
    ("lower", "higher"),
    [(CORE, ACME), (ACME, LOCAL), (CORE, LOCAL), (ACME, ZETA), (ZETA, LOCAL)],
)
def test_owners_are_ordered_by_trust_then_by_name(lower: Owner, higher: Owner) -> None:
    assert lower < higher
    assert not higher < lower
    assert not lower < lower
    assert str(lower) == lower.name


# --- snapshots


def test_a_snapshot_is_sorted_by_key_and_iterates_over_entries() -> None:
    table: Table[str] = Table("thing")
    table.add(ACME, [entry("mid"), entry("zed")])
    table.add(CORE, [entry("able")])
    snapshot = table.snapshot()
    assert [each.key for each in snapshot] == ["able", "mid", "zed"]
    assert snapshot.entries == tuple(snapshot)
    assert snapshot.values() == ("thing able", "thing mid", "thing zed")
    assert len(snapshot) == 3


def test_a_snapshot_stays_the_same_object_until_something_is_added() -> None:
    table = filled()
    first = table.snapshot()
    assert table.snapshot() is first
    table.resolve("ALPHA")
    assert table.snapshot() is first
    table.add(ACME, [entry("gamma")])
    assert table.snapshot() is not first


def test_an_old_snapshot_does_not_see_what_comes_later() -> None:
    table: Table[str] = Table("thing")
    table.add(LOCAL, [entry("alpha")])
    old = table.snapshot()
    table.add(CORE, [entry("alpha", value="core")])
    table.add(ACME, [entry("gamma")])
    assert old.values() == ("thing alpha",)
    assert old.get("gamma") is None
    assert table.snapshot().values() == ("core", "thing gamma")


@pytest.mark.parametrize("name", ["entries", "other"])
def test_a_snapshot_cannot_be_changed(name: str) -> None:
    snapshot = filled().snapshot()
    with pytest.raises(AttributeError):
        setattr(snapshot, name, ())
    assert not hasattr(snapshot, "__dict__")


@pytest.mark.parametrize(
    ("name", "key"),
    [("alpha", "alpha"), ("first", "alpha"), (" FIRST\t", "alpha"), ("Beta", "beta"), ("zzz", None), ("", None)],
)
def test_a_snapshot_finds_by_key_and_alias(name: str, key: str | None) -> None:
    found = filled().snapshot().get(name)
    assert (found.key if found else None) == key


def test_an_empty_table_has_an_empty_snapshot() -> None:
    table: Table[str] = Table("thing")
    assert (len(table.snapshot()), table.snapshot().values(), table.diagnostics()) == (0, (), ())


def test_derive_computes_each_view_once_for_a_snapshot() -> None:
    table = filled()
    calls: list[int] = []

    def count(snapshot: Snapshot[str]) -> list[str]:
        calls.append(len(snapshot))
        return [each.key for each in snapshot]

    first = table.snapshot().derive(count)
    assert table.snapshot().derive(count) is first
    assert first == ["alpha", "beta"]
    table.add(ACME, [entry("gamma")])
    assert table.snapshot().derive(count) == ["alpha", "beta", "gamma"]
    assert calls == [2, 3]


def test_derive_keeps_views_apart_and_remembers_even_none() -> None:
    snapshot = filled().snapshot()
    calls: list[str] = []

    def nothing(_: Snapshot[str]) -> None:
        calls.append("nothing")

    assert snapshot.derive(len) == 2
    for _ in range(3):
        assert snapshot.derive(nothing) is None
    assert calls == ["nothing"]


def test_a_view_that_fails_is_not_remembered() -> None:
    snapshot = filled().snapshot()
    outcomes: Iterator[KeyError | int] = iter([KeyError("not yet"), 7])

    def shaky(_: Snapshot[str]) -> int:
        outcome = next(outcomes)
        if isinstance(outcome, KeyError):
            raise outcome
        return outcome

    with pytest.raises(KeyError, match="not yet"):
        snapshot.derive(shaky)
    assert snapshot.derive(shaky) == 7


# --- resolving


@pytest.mark.parametrize("name", ["alpha", "ALPHA", " alpha", "Alpha \n", "\t a \r", "FIRST", "first"])
def test_letter_case_and_white_space_do_not_matter(name: str) -> None:
    assert filled().resolve(name) == "thing alpha"
    assert filled().entry(name).key == "alpha"


@pytest.mark.parametrize(
    "name",
    [
        "\u212aimi",
        "\u212aIMI",
        "kimi\u200b",
        "\u200bkimi",
        "\uff4b\uff49\uff4d\uff49",
        "k\u0456mi",
        "\u00a0kimi",
        "kimi\u2003",
        "kimi\x00",
        "kimi\x1f",
        "k imi",
        "kim\u0131",
    ],
    ids=ascii,
)
def test_a_look_alike_is_not_the_thing(name: str) -> None:
    table: Table[str] = Table("thing")
    table.add(CORE, [entry("kimi")])
    with pytest.raises(UnknownNameError) as caught:
        table.resolve(name)
    assert caught.value.code == "registry.unknown"
    with pytest.raises(UnknownNameError):
        table.entry(name)


@pytest.mark.parametrize("name", [None, 0, 1.5, True, b"alpha", [], ["alpha"], {}, ("alpha",), object], ids=repr)
def test_a_name_that_is_no_text_is_an_unknown_name(name: object) -> None:
    for look in (filled().resolve, filled().entry):
        with pytest.raises(UnknownNameError) as caught:
            look(name)  # type: ignore[arg-type]
        assert caught.value.code == "registry.unknown"
        assert caught.value.message == f"A thing is named by text, not by a value of type {type(name).__name__}."
        assert caught.value.suggestions == ()


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_an_empty_name_is_an_unknown_name(name: str) -> None:
    with pytest.raises(UnknownNameError, match="There is no thing ''") as caught:
        filled().resolve(name)
    assert (caught.value.suggestions, caught.value.fix) == ((), None)


def test_an_unknown_name_suggests_the_nearest() -> None:
    table: Table[str] = Table("thing")
    table.add(CORE, [entry("openai"), entry("openai-codex"), entry("openrouter"), entry("zai", "z.ai")])
    with pytest.raises(UnknownNameError) as caught:
        table.resolve("OpenAl")
    assert caught.value.message == "There is no thing 'OpenAl'."
    assert caught.value.suggestions[0] == "openai"
    assert caught.value.fix == f"Did you mean {' or '.join(caught.value.suggestions)}?"


@pytest.mark.parametrize(("length", "shown"), [(31, True), (32, False), (10_000, False)])
def test_what_may_be_a_key_is_not_repeated(length: int, shown: bool) -> None:
    name = ("sk-" + "0f3a" * 3_000)[:length]
    with pytest.raises(UnknownNameError) as caught:
        filled().resolve(name)
    assert (name in str(caught.value.to_dict())) is shown
    assert (f"of that name ({length} characters)" in caught.value.message) is not shown


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("opena", ["openai", "zai"], ("openai",)),
        ("router", ["openrouter", "zai"], ("openrouter",)),
        ("ai", ["zai", "xai", "venice", "openai"], ("zai", "xai", "openai")),
        ("a", ["zai", "xai"], ()),
        ("", ["zai"], ()),
        ("qqq", ["zai", "xai"], ()),
        ("abcd", ["abcd1", "abcd2", "abcd3", "abcd4"], ("abcd4", "abcd3", "abcd2")),
        ("x" * 101, ["x" * 101], ()),
        ("x" * 100, ["x" * 99], ("x" * 99,)),
    ],
)
def test_nearest_names_best_first(name: str, known: list[str], found: tuple[str, ...]) -> None:
    assert nearest(name, known) == found


def test_nearest_gives_as_many_as_asked_for() -> None:
    assert nearest("abcd", ["abcd1", "abcd2", "abcd3"], 1) == ("abcd3",)
    assert nearest("abcd", iter(["abcd1", "abcd2", "abcd3"]), 2) == ("abcd3", "abcd2")


def test_nearest_does_not_depend_on_the_order_of_the_names() -> None:
    names = ["openai", "openai-codex", "openrouter", "opencode"]
    assert {nearest("open", order) for order in permutations(names)} == {nearest("open", names)}


def test_a_miss_among_100_000_names_is_quick() -> None:
    table: Table[int] = Table("thing")
    table.add(CORE, [Entry(f"{'abcdefghij'[n % 10]}-thing-{n}", n) for n in range(100_000)])
    started = time.process_time()
    with pytest.raises(UnknownNameError) as caught:
        table.resolve("a-thing-10x")
    with pytest.raises(UnknownNameError):
        table.resolve("a" * 5_000_000)
    spent = time.process_time() - started
    assert "a-thing-10" in caught.value.suggestions
    # A search of them all takes more than ten seconds on the same machine.
    assert spent < 2


# --- threads


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(0)` to `work(count - 1)` at once; the first failure is raised here."""
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        work(number)

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(run, number) for number in range(count)]:
            future.result()


def test_eight_threads_register_without_losing_anything() -> None:
    table: Table[str] = Table("thing")

    def work(number: int) -> None:
        owner = Owner(Trust.INSTALLED, f"plugin:p{number}")
        for place in range(50):
            table.add(owner, [entry(f"t{number}-{place}", f"alias{number}-{place}")])
            assert table.resolve(f"ALIAS{number}-{place}") == f"thing t{number}-{place}"
            assert table.snapshot().get(f"t{number}-{place}") is not None

    in_threads(8, work)
    assert len(table.snapshot()) == 400
    assert len(table.by_name) == 800
    assert [each.key for each in table.snapshot()] == sorted(f"t{n}-{p}" for n in range(8) for p in range(50))


def test_eight_threads_that_want_the_same_names_agree_with_one_thread() -> None:
    owners = [Owner(Trust(number % 3), f"plugin:p{number}") for number in range(8)]
    claims = {
        owner: [[entry(f"t{place}", f"alias{(place * 3) % 20}", value=owner.name)] for place in range(20)]
        for owner in owners
    }

    def register(table: Table[str], owner: Owner) -> None:
        for claim in claims[owner]:
            try:
                table.add(owner, claim)
            except RegistrationError as error:
                codes.append(error.code)

    codes: list[str] = []
    together: Table[str] = Table("thing")
    in_threads(8, lambda number: register(together, owners[number]))
    alone: Table[str] = Table("thing")
    for owner in reversed(owners):
        register(alone, owner)
    assert set(codes) == {"registry.duplicate"}
    assert served(together) == served(alone)
    assert together.diagnostics() == alone.diagnostics()
    assert together.snapshot().entries == alone.snapshot().entries


def test_readers_never_see_half_a_claim_while_claims_displace_each_other() -> None:
    table: Table[str] = Table("thing")
    table.add(Owner(Trust.WORKSPACE, "w"), [entry("left", value="w"), entry("right", value="w")])
    owners = [Owner(Trust.INSTALLED, f"p{number:03}") for number in range(60, 0, -1)]

    def work(number: int) -> None:
        if number == 0:
            for owner in owners:
                table.add(owner, [entry("left", value=owner.name), entry("right", value=owner.name)])
            return
        for _ in range(200):
            by_name = table.by_name
            assert by_name["left"] == by_name["right"]
            assert table.resolve("LEFT")[0] in "wp"
            snapshot = table.snapshot()
            assert snapshot.values()[0] == snapshot.values()[1]

    in_threads(8, work)
    assert table.resolve("left") == "p001"
    assert len(table.diagnostics()) == 120


def test_threads_that_derive_at_once_are_given_one_object() -> None:
    snapshot = filled().snapshot()
    seen: list[object] = []

    def build(_: Snapshot[str]) -> object:
        return object()

    in_threads(8, lambda _: seen.append(snapshot.derive(build)))
    assert len(seen) == 8
    assert len(set(map(id, seen))) == 1


def reserving(key: str, *reserved: str) -> Entry[str]:
    return Entry(key, f"thing {key}", reserved=reserved)


def test_a_reserved_name_belongs_to_one_entry_and_is_told_with_both_owners() -> None:
    table: Table[str] = Table("thing")
    table.add(CORE, [reserving("alpha", "choice:red", "flag:--red")])
    with pytest.raises(RegistrationError) as caught:
        table.add(ACME, [reserving("beta", "choice:red")])
    (fault,) = caught.value.diagnostics
    assert fault.message == "plugin:acme wants 'red' as choice of 'beta', but core has it as choice of 'alpha'."
    assert (fault.code, fault.path, fault.owner) == ("registry.duplicate", ("beta", "choice"), "plugin:acme")
    assert [each.key for each in table.snapshot()] == ["alpha"]


def test_nothing_is_resolved_by_a_reserved_name() -> None:
    table: Table[str] = Table("thing")
    table.add(CORE, [reserving("alpha", "choice:red")])
    assert table.snapshot().get("choice:red") is None
    assert "choice:red" not in table.by_name
    for name in ("choice:red", "red"):
        with pytest.raises(UnknownNameError):
            table.resolve(name)


def test_names_of_different_kinds_do_not_meet() -> None:
    table: Table[str] = Table("thing")
    table.add(CORE, [reserving("alpha", "choice:beta")])
    table.add(ACME, [reserving("beta", "flag:beta")])
    assert [each.key for each in table.snapshot()] == ["alpha", "beta"]


@pytest.mark.parametrize("order", list(permutations([CORE, ACME, LOCAL])))
def test_trust_decides_who_has_a_reserved_name_whatever_the_order_of_arrival(order: tuple[Owner, ...]) -> None:
    table: Table[str] = Table("thing")
    for owner in order:
        try:
            table.add(owner, [reserving(owner.name.replace(":", "-"), "choice:red")])
        except RegistrationError:
            continue
    assert [each.owner for each in table.snapshot()] == [CORE]
    assert [each.owner for each in table.diagnostics()] == ["plugin:acme", "plugin:local"]


# --- amending


def test_amending_puts_another_thing_under_the_same_names() -> None:
    table = filled()
    table.amend("alpha", lambda thing: thing.upper())
    assert served(table) == {
        "alpha": ("THING ALPHA", "core"),
        "a": ("THING ALPHA", "core"),
        "first": ("THING ALPHA", "core"),
        "beta": ("thing beta", "core"),
    }


def test_a_snapshot_taken_before_an_amendment_stays_as_it_was() -> None:
    table = filled()
    before = table.snapshot()
    table.amend("beta", lambda _: "other")
    assert (before.values(), table.snapshot().values()) == (("thing alpha", "thing beta"), ("thing alpha", "other"))


@pytest.mark.parametrize("name", ["a", "gamma"])
def test_only_a_key_can_be_amended(name: str) -> None:
    table = filled()
    with pytest.raises(UnknownNameError) as caught:
        table.amend(name, lambda thing: thing)
    assert caught.value.code == "registry.unknown"
    assert served(table) == served(filled())


def test_an_amended_thing_survives_the_displacement_of_another() -> None:
    table: Table[str] = Table("thing")
    table.add(ZETA, [entry("zeta", "shared")])
    table.add(CORE, [entry("alpha")])
    table.amend("alpha", lambda _: "amended")
    table.add(ACME, [entry("acme", "shared")])
    assert {name: thing for name, (thing, _) in served(table).items()} == {
        "alpha": "amended",
        "acme": "thing acme",
        "shared": "thing acme",
    }
