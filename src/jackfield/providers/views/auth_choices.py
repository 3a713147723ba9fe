"""The catalogue of login choices, as a wizard shows it and `--auth-choice` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jackfield.providers.views.rows import Row
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import AuthMethod, Group, Provider
    from jackfield.table import Snapshot

_INTERACTIVE = frozenset({"oauth", "device_code", "custom"})


@record
class AuthChoice(Row):
    """One name a user may choose by.

    Attributes:
        provider: id of the provider it logs in to.
        choice: the name itself.
        method: id of the provider's auth method behind it.
        group: id of the heading it stands under; None stands under "Other".
        order: place in the flat list; None comes last, by name.
        hidden: works when named, is not offered.
        replaced_by: set on deprecated spellings: the choice to use instead.
        needs_plugin: id of the plugin that must be installed first.
        interactive: needs a person; cannot be done by flags alone.
        note: what to say beside it, such as "needs plugin acme-auth".
    """

    provider: str
    choice: str
    method: str
    kind: str
    label: str
    hint: str | None
    group: str | None
    group_label: str | None
    group_hint: str | None
    order: int | None
    hidden: bool
    replaced_by: str | None
    needs_plugin: str | None
    interactive: bool
    runner: str
    profile: str | None
    default_model: str | None
    note: str | None


class ChoiceGroup(NamedTuple):
    """A heading with the choices under it, both in the order a wizard shows them."""

    id: str
    label: str
    hint: str | None
    choices: tuple[AuthChoice, ...]


def auth_choices(snapshot: Snapshot[Provider]) -> tuple[AuthChoice, ...]:
    """Return every choice: offered ones in flat order, then hidden ones, then deprecated spellings."""
    return snapshot.derive(_build)


def choice_groups(snapshot: Snapshot[Provider]) -> tuple[ChoiceGroup, ...]:
    """Return the offered choices under their headings; those without a heading come last, under "Other"."""
    return snapshot.derive(_build_groups)


def _build(snapshot: Snapshot[Provider]) -> tuple[AuthChoice, ...]:
    rows = [row for provider in snapshot.values() for method in provider.auth for row in _rows(provider, method)]
    rows.sort(key=lambda row: (row.replaced_by is not None, row.hidden, row.order is None, row.order, row.choice))
    return tuple(rows)


def _rows(provider: Provider, method: AuthMethod) -> Iterator[AuthChoice]:
    group = provider.group
    note = f"needs plugin {method.supplied_by}" if method.supplied_by else None
    for name in (method.choice, *method.legacy_choices):
        replaced_by = method.choice if name != method.choice else None
        yield AuthChoice(
            provider=provider.id,
            choice=name,
            method=method.id,
            kind=method.kind,
            label=method.label,
            hint=method.hint,
            group=group.id if group else None,
            group_label=group.label if group else None,
            group_hint=group.hint if group else None,
            order=method.order,
            hidden=method.hidden or replaced_by is not None,
            replaced_by=replaced_by,
            needs_plugin=method.supplied_by,
            interactive=method.kind in _INTERACTIVE,
            runner=method.runner,
            profile=method.profile,
            default_model=method.default_model or provider.default_model,
            note=f"deprecated, use {method.choice}" if replaced_by else note,
        )


def _build_groups(snapshot: Snapshot[Provider]) -> tuple[ChoiceGroup, ...]:
    members: dict[str | None, list[AuthChoice]] = {}
    for row in auth_choices(snapshot):
        if not row.hidden:
            members.setdefault(row.group, []).append(row)
    blocks: dict[str, Group] = {each.group.id: each.group for each in snapshot.values() if each.group}
    ordered = sorted(
        (group for group in blocks.values() if group.id in members), key=lambda each: (each.order, each.id)
    )
    groups = [ChoiceGroup(each.id, each.label, each.hint, tuple(members[each.id])) for each in ordered]
    if None in members:
        groups.append(ChoiceGroup("other", "Other", None, tuple(members[None])))
    return tuple(groups)
