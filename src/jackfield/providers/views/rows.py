"""What the rows of all views have in common."""

from __future__ import annotations

from typing import Any

from jackfield.records import field_names, record

EVERY_PROVIDER = "*"
"""Stands in `provider` where a row is about all providers."""


@record
class Row:
    """Base of the rows; each view's row is a frozen dataclass whose first field is `provider`."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values, in order; the shape is stable within a major version."""
        values = {name: getattr(self, name) for name in field_names(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
