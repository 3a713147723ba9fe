"""Credentials and usage as the bytes and columns of a row. Reading never raises: what is no such thing is None."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jackfield.credentials.profile import Credential, credential_from_secret_dict, usage_faults
from jackfield.credentials.usage import Usage
from jackfield.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def dump_object(value: Mapping[str, object]) -> bytes:
    """Return a JSON-ready mapping as bytes."""
    return json.dumps(dict(value), ensure_ascii=False, separators=(",", ":")).encode()


def parse_object(data: bytes) -> dict[str, object] | None:
    """Return the mapping that `dump_object` wrote."""
    # A fault's own text, traceback and `doc` would hold the secret, so none of it leaves this frame.
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def dump_credential(credential: Credential) -> bytes:
    """Return a credential as bytes, secrets included."""
    return dump_object(credential.to_secret_dict())


def parse_credential(data: bytes) -> Credential | None:
    """Return the credential that `dump_credential` wrote."""
    value = parse_object(data)
    if value is None:
        return None
    try:
        return credential_from_secret_dict(value)
    except RequestError:
        return None


def usage_columns(usage: Usage) -> tuple[object, ...]:
    """Return a usage as columns, in the order of its fields."""
    return (
        usage.last_used,
        usage.last_failure,
        usage.error_count,
        usage.cooldown_until,
        usage.disabled_until,
        usage.disabled_reason,
        json.dumps(dict(usage.failure_counts), sort_keys=True),
    )


def parse_usage(columns: Iterable[object]) -> Usage | None:
    """Return the usage that `usage_columns` gave."""
    last_used, last_failure, error_count, cooldown, disabled, reason, text = columns
    counts = parse_object(text.encode()) if isinstance(text, str) else None
    if counts is None or not isinstance(error_count, int) or not isinstance(reason, str | None):
        return None
    times: list[int | None] = []
    for each in (last_used, last_failure, cooldown, disabled):
        if not isinstance(each, int | None):
            return None
        times.append(each)
    whole = {name: count for name, count in counts.items() if isinstance(count, int)}
    usage = Usage(times[0], times[1], error_count, times[2], times[3], reason, whole)
    return None if any(True for _ in usage_faults(usage)) else usage
