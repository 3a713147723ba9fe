"""The facts of an older program as a flat set of leaves, each with a path that a person can read.

A leaf is the smallest thing that is compared: a scalar, a list of scalars, or one of the few small objects in `WHOLE`.
Items of a list get a name of their own where they have one (`providers.zai`), their own text where the list is a set
(`tags["usage:z.ai"]`), and their place where its order matters (`choices_flat_order[0]`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from jackfield.diagnostics import format_path

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str, ...]

FILE = File(__file__).parents[1] / "data" / "core-providers.json"

NAMED_BY = {
    "providers": "id",
    "groups": "id",
    "advisories": "id",
    "advisories_global": "id",
    "entries": "id",
    "auth": "choice",
    "legacy": "rule",
    "plugin_auto_enable": "plugin",
}
"""Lists of objects, by the key that names each one; other lists of objects go by place."""

SETS = frozenset(
    {
        "tags", "profiles", "region", "hidden_choices", "cli_help_auth_choices", "silent_choices", "shell_env_expected",
        "exceptions_no_default_model", "exact", "contains", "binary_thinking", "xhigh", "cli", "cache_ttl",
        "json_api_key", "token_exchange", "custom_refresh", "openai_family", "aws_sdk",
    }
)  # fmt: skip
"""Lists of texts whose order means nothing."""

ORDERED = frozenset(
    {"choices_flat_order", "implicit_order", "picker_preference", "hidden_picker_models", "order", "quirks", "patch"}
)
"""Lists of texts that are compared place by place."""

WHOLE = frozenset({"cost", "headers", "compat"})
"""Small objects that are compared as one value."""


@dataclass(frozen=True)
class Facts:
    """The facts as they stand in the file, and as leaves by path."""

    data: dict[str, Any]
    leaves: dict[Path, Any]
    children: dict[Path, list[str]]
    """The last steps of the leaves that stand right below a path."""

    @property
    def providers(self) -> dict[str, dict[str, Any]]:
        """Return the facts of each provider by its id."""
        return {each["id"]: each for each in self.data["providers"]}


def read_facts(data: dict[str, Any]) -> Facts:
    """Return `data` with its leaves; two leaves of one path are a fault of the file."""
    leaves: dict[Path, Any] = {}
    children: dict[Path, list[str]] = {}
    for path, value in _walk(data, ()):
        if path in leaves:
            message = f"{format_path(path)} stands there twice"
            raise ValueError(message)
        leaves[path] = value
        children.setdefault(path[:-1], []).append(path[-1])
    return Facts(data, leaves, children)


@cache
def facts() -> Facts:
    """Return the facts of the file beside the tests."""
    return read_facts(json.loads(FILE.read_text(encoding="utf-8")))


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    key = path[-1] if path else ""
    if isinstance(value, dict) and value and key not in WHOLE:
        for name, each in value.items():
            yield from _walk(each, (*path, name))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, each in enumerate(value):
            yield from _walk(each, (*path, each[NAMED_BY[key]] if key in NAMED_BY else f"[{place}]"))
    elif isinstance(value, list) and key in SETS:
        yield from (((*path, each), True) for each in value)
    elif isinstance(value, list) and key in ORDERED:
        yield from (((*path, f"[{place}]"), each) for place, each in enumerate(value))
    else:
        yield path, value


_STEP = re.compile(r'(?:^|\.)([A-Za-z0-9_*-]+)|(\[\d+\])|\["((?:[^"\\]|\\.)*)"\]')


def parse_path(text: str) -> Path:
    """Return the path that `format_path` writes as `text`; raises ValueError for anything else.

    >>> parse_path('providers.*.tags["media:*"]')
    ('providers', '*', 'tags', 'media:*')
    """
    steps: list[str] = []
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            message = f"{text!r} is not a path: see column {place + 1}"
            raise ValueError(message)
        plain, index, quoted = match.groups()
        steps.append(plain or index or re.sub(r"\\(.)", r"\1", quoted))
        place = match.end()
    return tuple(steps)


def covers(pattern: Path, path: Path) -> bool:
    """Tell whether `pattern` names `path` or something above it; `*` stands for any text within one step."""
    if len(pattern) > len(path):
        return False
    return all(
        want == "*" or want == have or re.fullmatch(re.escape(want).replace(r"\*", ".*"), have, re.DOTALL)
        for want, have in zip(pattern, path, strict=False)
    )
