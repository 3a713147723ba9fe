"""What users should be told, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.providers.views.rows import EVERY_PROVIDER, Row
from jackfield.records import record

if TYPE_CHECKING:
    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot


@record
class AdvisoryRow(Row):
    """One thing to tell: its id (unique within the provider), the moment, a title, the text, and where to read on."""

    provider: str
    id: str
    when: str
    title: str
    text: str
    url: str | None


_EVERY = tuple(
    AdvisoryRow(EVERY_PROVIDER, name, when, title, text, None)
    for name, when, title, text in (
        ("model-check", "doctor", "Model check", "A configured model is unknown, or its provider has no login."),
        ("cooldowns", "doctor", "Auth profile cooldowns", "A profile rests after failures; it says until when."),
        ("model-auth", "doctor", "Model auth", "A credential has expired or will within 24 hours."),
        ("oauth-refresh-errors", "doctor", "OAuth refresh errors", "A token could not be renewed; log in again."),
        ("missing-auth", "status", "Missing login", "A provider is in use and has no credential."),
        ("plugin-disabled", "status", "Plugin disabled", "The plugin a login needs is switched off or denied."),
        ("plugin-unavailable", "status", "Plugin unavailable", "The plugin is on, but registered no such provider."),
        ("bare-model", "doctor", "Bare model", "A model is named without its provider; write provider/model."),
    )
)


def advisories(snapshot: Snapshot[Provider]) -> tuple[AdvisoryRow, ...]:
    """Return the advisories of each provider, sorted by provider, then those for every provider."""
    return snapshot.derive(_build)


def _build(snapshot: Snapshot[Provider]) -> tuple[AdvisoryRow, ...]:
    rows = [
        AdvisoryRow(provider.id, each.id, each.when, each.title, each.text, each.url)
        for provider in snapshot.values()
        for each in provider.advisories
    ]
    return (*rows, *_EVERY)
