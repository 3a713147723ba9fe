"""Rules for what older programs left behind in credential stores and config files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.providers.views.rows import EVERY_PROVIDER, Row
from jackfield.records import record

if TYPE_CHECKING:
    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot


@record
class LegacyRule(Row):
    """One rule; see `jackfield.providers.block.LegacyProfile` for the rules of one provider.

    Rules for every provider: `import-file` takes the credentials of the file `source` over as `subject`, where
    `<provider>` is each provider named in the file. `choice-alias`: the login choice `subject` means `to`.
    """

    provider: str
    rule: str
    subject: str
    to: str | None
    where: tuple[str, ...]
    source: str | None
    fresh_s: int | None


_EVERY = (
    LegacyRule(EVERY_PROVIDER, "import-file", "<provider>:default", None, ("doctor",), "auth.json", None),
    LegacyRule(EVERY_PROVIDER, "import-file", "<provider>:default", None, ("doctor",), "credentials/oauth.json", None),
)


def legacy_profiles(snapshot: Snapshot[Provider]) -> tuple[LegacyRule, ...]:
    """Return the rules of each provider, sorted by provider, then those for every provider."""
    return snapshot.derive(_build)


def _build(snapshot: Snapshot[Provider]) -> tuple[LegacyRule, ...]:
    rows: list[LegacyRule] = []
    for provider in snapshot.values():
        rows += [
            LegacyRule(provider.id, each.rule, each.subject, each.to, tuple(each.where), each.source, each.fresh_s)
            for each in provider.legacy
        ]
        rows += [
            LegacyRule(provider.id, "choice-alias", name, method.choice, ("config",), None, None)
            for method in provider.auth
            for name in method.legacy_choices
        ]
    return (*rows, *_EVERY)
