"""What all six views have in common: pure, computed once, independent of order, and ready for JSON."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.providers.block import (
    Advisory,
    ApiKey,
    AuthMethod,
    EnvSet,
    EnvVars,
    Group,
    LegacyProfile,
    Provider,
    RuntimeTags,
)
from jackfield.providers.registry import APP, ProviderRegistry
from jackfield.providers.views import VIEWS, auth_choices, choice_groups
from jackfield.records import FrozenRecordError
from jackfield.table import CORE, Owner, Trust

if TYPE_CHECKING:
    from jackfield.table import Snapshot

GROUP = Group("alpha", "Alpha", "keys", 1)


def block(name: str, place: int) -> Provider:
    """Return a block that has a row in every view."""
    return Provider(
        name,
        name.title(),
        group=GROUP if place % 2 else None,
        auth=(
            AuthMethod(
                "api-key",
                f"{name}-key",
                "api_key",
                f"{name} key",
                "api-key",
                order=None if place == 3 else 10 - place,
                legacy_choices=(f"{name}-old",),
                key=ApiKey(f"{name} key", flags=(f"--{name}-api-key",)),
                profile=f"{name}:default",
            ),
        ),
        env=EnvVars(any_of=(f"{name.upper()}_KEY", "SHARED_KEY"), sets=(EnvSet(all_of=("A_ID", "A_SECRET")),)),
        legacy=(LegacyProfile("remove", f"{name}:old"),),
        advisories=(Advisory("note", "Note", "A note.", "status"),),
        tags=RuntimeTags(cli=True, quirks=("odd",)),
        implicit_order=place,
    )


BLOCKS = tuple(block(name, place) for place, name in enumerate(("delta", "beta", "gamma", "alpha")))


def snapshot_of(*blocks: Provider) -> Snapshot[Provider]:
    registry = ProviderRegistry()
    registry.register_providers(blocks, owner=CORE)
    return registry.snapshot()


def rows_of(snapshot: Snapshot[Provider]) -> dict[str, list[dict[str, Any]]]:
    return {name: [row.to_dict() for row in view(snapshot)] for name, view in VIEWS.items()}


def providers_of(name: str, snapshot: Snapshot[Provider]) -> list[str]:
    return [row.to_dict()["provider"] for row in VIEWS[name](snapshot)]


KEYS = {
    "auth-choices": (
        "provider choice method kind label hint group group_label group_hint order hidden replaced_by needs_plugin "
        "interactive runner profile default_model note"
    ),
    "env-vars": "provider name role rule order set mode login_shell shared_with",
    "api-key-specs": (
        "provider choice method kind flags field prompt url normalize prefix min_length env offer_env profile "
        "default_model verify_url verify_public"
    ),
    "legacy-profiles": "provider rule subject to where source fresh_s",
    "advisories": "provider id when title text url",
    "runtime-tags": "provider tag value",
}


def test_there_are_six_views_under_the_names_of_the_command_line() -> None:
    assert list(VIEWS) == list(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_every_row_has_its_keys_in_the_pinned_order(name: str) -> None:
    rows = VIEWS[name](snapshot_of(*BLOCKS))
    assert rows
    assert {tuple(row.to_dict()) for row in rows} == {tuple(KEYS[name].split())}


@pytest.mark.parametrize("name", KEYS)
def test_rows_survive_json_unchanged(name: str) -> None:
    rows = [row.to_dict() for row in VIEWS[name](ProviderRegistry.with_core().snapshot())]
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.parametrize("name", KEYS)
def test_a_view_leaves_the_snapshot_as_it_was(name: str) -> None:
    snapshot = snapshot_of(*BLOCKS)
    before = copy.copy(snapshot.entries)
    told = repr([entry.value for entry in before])
    VIEWS[name](snapshot)
    assert snapshot.entries == before
    assert all(now is was for now, was in zip(snapshot.entries, before, strict=True))
    assert repr([entry.value for entry in snapshot.entries]) == told


@pytest.mark.parametrize("name", KEYS)
def test_a_view_is_computed_once_for_a_snapshot(name: str) -> None:
    snapshot = snapshot_of(*BLOCKS)
    assert VIEWS[name](snapshot) is VIEWS[name](snapshot)


@pytest.mark.parametrize("name", KEYS)
def test_two_snapshots_of_the_same_blocks_give_equal_views(name: str) -> None:
    first, second = VIEWS[name](snapshot_of(*BLOCKS)), VIEWS[name](snapshot_of(*BLOCKS))
    assert first == second
    assert first is not second


def test_a_new_block_gives_new_views_and_the_old_snapshot_keeps_its_own() -> None:
    registry = ProviderRegistry()
    registry.register_provider(BLOCKS[0])
    old = registry.snapshot()
    before = rows_of(old)
    registry.register_provider(BLOCKS[1])
    after = rows_of(registry.snapshot())
    assert rows_of(old) == before
    for name in KEYS:
        assert {row["provider"] for row in after[name]} - {row["provider"] for row in before[name]} == {"beta"}


def test_views_do_not_depend_on_the_order_of_registration() -> None:
    wanted = rows_of(snapshot_of(*BLOCKS))
    groups = choice_groups(snapshot_of(*BLOCKS))
    for order in permutations(BLOCKS):
        registry = ProviderRegistry()
        for each in order:
            registry.register_provider(each)
        assert rows_of(registry.snapshot()) == wanted
        assert choice_groups(registry.snapshot()) == groups


def test_views_do_not_depend_on_who_registered_a_block() -> None:
    registry = ProviderRegistry()
    owners = (CORE, APP, Owner(Trust.WORKSPACE, "plugin:x"), Owner(Trust.INSTALLED, "plugin:y"))
    for each, owner in zip(BLOCKS, owners, strict=True):
        registry.register_provider(each, owner=owner)
    assert rows_of(registry.snapshot()) == rows_of(snapshot_of(*BLOCKS))


@pytest.mark.parametrize("name", ["auth-choices", "env-vars", "api-key-specs", "runtime-tags"])
def test_an_empty_registry_has_empty_views(name: str) -> None:
    assert VIEWS[name](ProviderRegistry().snapshot()) == ()


@pytest.mark.parametrize("name", ["legacy-profiles", "advisories"])
def test_an_empty_registry_still_has_the_rows_for_every_provider(name: str) -> None:
    assert set(providers_of(name, ProviderRegistry().snapshot())) == {"*"}


@pytest.mark.parametrize("name", KEYS)
def test_the_views_of_a_bare_block_have_no_row_for_it(name: str) -> None:
    assert "bare" not in providers_of(name, snapshot_of(Provider("bare", "Bare")))


@pytest.mark.parametrize("name", KEYS)
def test_rows_are_frozen_hashable_and_picklable(name: str) -> None:
    row: Any = VIEWS[name](snapshot_of(*BLOCKS))[0]
    with pytest.raises(FrozenRecordError):
        row.provider = "other"
    assert hash(row) == hash(pickle.loads(pickle.dumps(row)))
    assert pickle.loads(pickle.dumps(row)) == row


@pytest.mark.parametrize("name", [name for name in KEYS if name != "auth-choices"])
def test_rows_are_sorted_by_provider_with_those_for_every_provider_last(name: str) -> None:
    providers = providers_of(name, snapshot_of(*BLOCKS))
    own = [each for each in providers if each != "*"]
    assert own == sorted(own)
    assert providers == own + ["*"] * (len(providers) - len(own))


def test_changing_a_dict_of_a_row_does_not_change_the_row() -> None:
    snapshot = snapshot_of(*BLOCKS)
    row = auth_choices(snapshot)[0]
    told = row.to_dict()
    told["label"] = "other"
    assert row.to_dict()["label"] != "other"
