"""What is derived from the registered blocks: six pure functions from a snapshot to rows of data.

A view is computed once for a snapshot. It never calls the registry back, and it does not depend on the order in which
blocks were registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.providers.views.advisories import advisories
from jackfield.providers.views.api_key_specs import api_key_specs
from jackfield.providers.views.auth_choices import auth_choices, choice_groups
from jackfield.providers.views.env_vars import env_vars
from jackfield.providers.views.legacy_profiles import legacy_profiles
from jackfield.providers.views.runtime_tags import runtime_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jackfield.providers.block import Provider
    from jackfield.providers.views.rows import Row
    from jackfield.table import Snapshot

__all__ = [
    "VIEWS",
    "advisories",
    "api_key_specs",
    "auth_choices",
    "choice_groups",
    "env_vars",
    "legacy_profiles",
    "runtime_tags",
]

VIEWS: Mapping[str, Callable[[Snapshot[Provider]], Sequence[Row]]] = {
    "auth-choices": auth_choices,
    "env-vars": env_vars,
    "api-key-specs": api_key_specs,
    "legacy-profiles": legacy_profiles,
    "advisories": advisories,
    "runtime-tags": runtime_tags,
}
"""The views by the names that the command line uses."""
