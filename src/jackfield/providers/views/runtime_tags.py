"""What a runtime must know to talk to each provider rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.providers.views.rows import Row
from jackfield.records import field_names, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot


@record
class RuntimeTag(Row):
    """One tag: its name, and its value where it has one (`True` for plain flags, a tuple for patterns)."""

    provider: str
    tag: str
    value: bool | str | int | tuple[str, ...]


def runtime_tags(snapshot: Snapshot[Provider]) -> tuple[RuntimeTag, ...]:
    """Return a row for each tag that is set, sorted by provider, then in the order of `RuntimeTags`."""
    return snapshot.derive(_build)


def _build(snapshot: Snapshot[Provider]) -> tuple[RuntimeTag, ...]:
    return tuple(row for provider in snapshot.values() for row in _rows(provider))


def _rows(provider: Provider) -> Iterator[RuntimeTag]:
    tags = provider.tags
    for name in field_names(tags):
        value = getattr(tags, name)
        if value is not None and value is not False and value != ():
            yield RuntimeTag(provider.id, name.replace("_", "-"), value)
    if provider.implicit_order is not None:
        yield RuntimeTag(provider.id, "implicit-order", provider.implicit_order)
    if provider.picker_order is not None:
        yield RuntimeTag(provider.id, "picker-order", provider.picker_order)
    if provider.local:
        yield RuntimeTag(provider.id, "local", True)
