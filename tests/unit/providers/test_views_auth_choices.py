"""The catalogue of login choices and its headings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.providers.block import ApiKey, AuthMethod, Group, OAuth, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import auth_choices, choice_groups

if TYPE_CHECKING:
    from jackfield.providers.views.auth_choices import AuthChoice
    from jackfield.table import Snapshot


def snapshot_of(*blocks: Provider) -> Snapshot[Provider]:
    registry = ProviderRegistry()
    registry.register_providers(blocks)
    return registry.snapshot()


def local(choice: str, **fields: Any) -> AuthMethod:
    """Return a method without credentials, the smallest there is."""
    return AuthMethod(choice, choice, "none", choice.title(), "local", **fields)


def provider(name: str, *auth: AuthMethod, **fields: Any) -> Provider:
    return Provider(name, name.title(), auth=auth, **fields)


def row_of(snapshot: Snapshot[Provider], choice: str) -> AuthChoice:
    return next(row for row in auth_choices(snapshot) if row.choice == choice)


def test_a_choice_says_all_that_its_method_and_provider_say() -> None:
    method = AuthMethod(
        "api-key",
        "acme-key",
        "api_key",
        "Acme key",
        "api-key",
        hint="from the console",
        order=7,
        key=ApiKey("Key"),
        profile="acme:default",
        default_model="acme/large",
    )
    group = Group("acme-group", "Acme", "keys", 1)
    (row,) = auth_choices(snapshot_of(provider("acme", method, group=group, default_model="acme/small")))
    assert row.to_dict() == {
        "provider": "acme",
        "choice": "acme-key",
        "method": "api-key",
        "kind": "api_key",
        "label": "Acme key",
        "hint": "from the console",
        "group": "acme-group",
        "group_label": "Acme",
        "group_hint": "keys",
        "order": 7,
        "hidden": False,
        "replaced_by": None,
        "needs_plugin": None,
        "interactive": False,
        "runner": "api-key",
        "profile": "acme:default",
        "default_model": "acme/large",
        "note": None,
    }


def test_offered_choices_come_by_order_then_by_name_then_hidden_then_deprecated_ones() -> None:
    snapshot = snapshot_of(
        provider("a", local("late", order=20), local("unplaced-b"), local("unseen", hidden=True, order=1)),
        provider("b", local("early", order=10, legacy_choices=("ancient",)), local("unplaced-a")),
        provider("c", local("also-unseen", hidden=True)),
    )
    names = [row.choice for row in auth_choices(snapshot)]
    assert names == ["early", "late", "unplaced-a", "unplaced-b", "unseen", "also-unseen", "ancient"]


def test_choices_of_one_order_come_by_name() -> None:
    snapshot = snapshot_of(provider("a", local("y", order=1)), provider("b", local("x", order=1)))
    assert [row.choice for row in auth_choices(snapshot)] == ["x", "y"]


def test_a_deprecated_spelling_is_hidden_and_says_what_to_use_instead() -> None:
    snapshot = snapshot_of(provider("acme", local("new", legacy_choices=("old", "older"))))
    for name in ("old", "older"):
        row = row_of(snapshot, name)
        assert (row.hidden, row.replaced_by, row.note) == (True, "new", "deprecated, use new")
        assert (row.provider, row.method, row.label) == ("acme", "new", "New")
    assert (row_of(snapshot, "new").hidden, row_of(snapshot, "new").replaced_by) == (False, None)


def test_a_choice_that_a_plugin_supplies_says_which_one() -> None:
    method = AuthMethod("sso", "acme", "oauth", "Acme", "plugin:acme-auth/sso", supplied_by="acme-auth",
                        legacy_choices=("acme-old",))  # fmt: skip
    snapshot = snapshot_of(provider("acme", method))
    row, old = row_of(snapshot, "acme"), row_of(snapshot, "acme-old")
    assert (row.needs_plugin, row.note) == ("acme-auth", "needs plugin acme-auth")
    assert (old.needs_plugin, old.note) == ("acme-auth", "deprecated, use acme")


METHODS = {
    "api_key": (AuthMethod("m", "m", "api_key", "M", "r", key=ApiKey("K"), profile="acme:default"), False),
    "token": (AuthMethod("m", "m", "token", "M", "r", key=ApiKey("K"), profile="acme:default"), False),
    "none": (AuthMethod("m", "m", "none", "M", "r"), False),
    "oauth": (AuthMethod("m", "m", "oauth", "M", "r", oauth=OAuth(("h",)), profile="acme:{email}"), True),
    "device_code": (AuthMethod("m", "m", "device_code", "M", "r", oauth=OAuth(("h",)), profile="acme:x"), True),
    "custom": (AuthMethod("m", "m", "custom", "M", "r", profile="acme:x"), True),
}


@pytest.mark.parametrize("kind", METHODS)
def test_a_method_needs_a_person_unless_flags_can_do_it(kind: str) -> None:
    method, interactive = METHODS[kind]
    (row,) = auth_choices(snapshot_of(provider("acme", method)))
    assert (row.kind, row.interactive) == (kind, interactive)


def test_the_providers_default_model_stands_in_for_a_method_without_one() -> None:
    snapshot = snapshot_of(provider("acme", local("m"), default_model="acme/small"))
    assert row_of(snapshot, "m").default_model == "acme/small"


ONE, TWO = Group("one", "One", "first", 1), Group("two", "Two", "second", 2)


def test_groups_come_by_order_and_hold_their_choices_in_flat_order() -> None:
    snapshot = snapshot_of(
        provider("a", local("a2", order=4), local("a1", order=1), group=TWO),
        provider("b", local("b", order=3), group=ONE),
        provider("c", local("c", order=2), group=TWO),
    )
    groups = choice_groups(snapshot)
    assert [(each.id, each.label, each.hint) for each in groups] == [("one", "One", "first"), ("two", "Two", "second")]
    assert [[row.choice for row in each.choices] for each in groups] == [["b"], ["a1", "c", "a2"]]


def test_groups_of_one_order_come_by_id() -> None:
    groups = [Group(name, name.title(), "h", 5) for name in ("y", "x")]
    snapshot = snapshot_of(*(provider(each.id, local(each.id), group=each) for each in groups))
    assert [each.id for each in choice_groups(snapshot)] == ["x", "y"]


def test_choices_without_a_group_stand_last_under_other() -> None:
    snapshot = snapshot_of(
        provider("a", local("free-b")), provider("b", local("placed"), group=TWO), provider("c", local("free-a"))
    )
    other = choice_groups(snapshot)[-1]
    assert (other.id, other.label, other.hint) == ("other", "Other", None)
    assert [row.choice for row in other.choices] == ["free-a", "free-b"]


def test_there_is_no_other_group_when_every_choice_has_one() -> None:
    assert [each.id for each in choice_groups(snapshot_of(provider("a", local("a"), group=ONE)))] == ["one"]


def test_hidden_and_deprecated_choices_stand_under_no_heading() -> None:
    snapshot = snapshot_of(
        provider("a", local("seen", legacy_choices=("old",)), local("unseen", hidden=True), group=ONE),
        provider("b", local("alone", hidden=True), group=TWO),
        provider("c", local("nowhere", hidden=True)),
    )
    assert [(each.id, [row.choice for row in each.choices]) for each in choice_groups(snapshot)] == [("one", ["seen"])]


def test_groups_are_computed_once_and_hold_the_rows_of_the_flat_view() -> None:
    snapshot = snapshot_of(provider("a", local("a"), group=ONE), provider("b", local("b")))
    assert choice_groups(snapshot) is choice_groups(snapshot)
    rows = set(map(id, auth_choices(snapshot)))
    assert all(id(row) in rows for group in choice_groups(snapshot) for row in group.choices)


def test_every_choice_of_the_core_has_a_name_of_its_own() -> None:
    names = [row.choice for row in auth_choices(ProviderRegistry.with_core().snapshot())]
    assert len(names) == len(set(names)) >= 27


def test_every_offered_choice_of_the_core_stands_under_exactly_one_heading() -> None:
    snapshot = ProviderRegistry.with_core().snapshot()
    offered = sorted(row.choice for row in auth_choices(snapshot) if not row.hidden)
    assert sorted(row.choice for group in choice_groups(snapshot) for row in group.choices) == offered


def test_core_groups_of_one_id_are_one_and_the_same() -> None:
    groups: dict[str, set[Group]] = {}
    for each in ProviderRegistry.with_core().list_providers():
        if each.group:
            groups.setdefault(each.group.id, set()).add(each.group)
    assert {name: len(found) for name, found in groups.items() if len(found) > 1} == {}
    assert len(groups) >= 13
