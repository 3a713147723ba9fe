"""G4 and G12: reads the single fields of a provider's entry; each reader builds its value anew from what it knows.

A reader takes a value, its path and the findings, and returns what may be written or `ABSENT`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from jackfield.config.host import ABSENT
from jackfield.providers.block import ApiStyle, Modality

if TYPE_CHECKING:
    from collections.abc import Callable

    from jackfield.config.guard.findings import Findings, Path

    Reader = Callable[[object, Path, Findings], object]

MAX_HEADERS = 32
_MAX_HEADER_VALUE = 2 * 1024
_STYLES = frozenset(get_args(ApiStyle))
_AUTH_MODES = frozenset({"api-key", "aws-sdk", "oauth", "token"})
_INPUTS = frozenset(get_args(Modality))
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
# What frames a request, what belongs to one hop, what says who asks, and what carries a credential.
_FORBIDDEN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "forwarded",
        "x-real-ip",
        "x-http-method-override",
    }
)
_FORBIDDEN_HEADER_STARTS = ("proxy-", "x-forwarded-")
_CREDENTIAL_HEADER = re.compile(
    r"(?:^|[-_.])(?:api[-_.]?key|subscription-key|(?:set-)?cookie2?|authorization|token|secret|password)(?:$|[-_.])"
)
# Fields by which an object without fixed fields could still say where requests go, or with what credential.
_BARRED_FIELD = re.compile(
    r"headers?$|url$|^apibase$|^endpoint$|proxy|apikey|authorization|password|secret|credential"
    r"|^(?:access|auth|bearer|refresh|id|session)?token$"
)


def wrong_type(path: Path, wanted: str, findings: Findings) -> object:
    """Note that a value is left out because of its type."""
    findings.report("G4", "patch.type", path, f"This must be {wanted}; it is left out.")
    return ABSENT


def an_object(value: object, path: Path, findings: Findings) -> dict[str, object]:
    """Return an object, an empty one in the place of anything else."""
    if isinstance(value, dict):
        return value
    wrong_type(path, "an object", findings)
    return {}


def text(value: object, path: Path, findings: Findings) -> object:
    """Text that is not blank and prints: it is shown on terminals."""
    right = isinstance(value, str) and value.strip() and value.isprintable()
    return value if right else wrong_type(path, "text that is not blank and prints", findings)


def flag(value: object, path: Path, findings: Findings) -> object:
    """True or false."""
    return value if isinstance(value, bool) else wrong_type(path, "true or false", findings)


def size(value: object, path: Path, findings: Findings) -> object:
    """A whole number of at least 1."""
    right = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return value if right else wrong_type(path, "a whole number of at least 1", findings)


def inputs(value: object, path: Path, findings: Findings) -> object:
    """What a model takes in."""
    right = isinstance(value, list) and value and all(isinstance(each, str) and each in _INPUTS for each in value)
    return value if right else wrong_type(path, f"a list of {', '.join(sorted(_INPUTS))}", findings)


def _one_of(allowed: frozenset[str]) -> Reader:
    def read(value: object, path: Path, findings: Findings) -> object:
        right = isinstance(value, str) and value in allowed
        return value if right else wrong_type(path, f"one of {', '.join(sorted(allowed))}", findings)

    return read


def _price(value: object, path: Path, findings: Findings) -> object:
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return value if right else wrong_type(path, "a number that is not negative", findings)


_PRICES: dict[str, Reader] = dict.fromkeys(("input", "output", "cacheRead", "cacheWrite"), _price)


def _cost(value: object, path: Path, findings: Findings) -> object:
    return (
        fields(value, path, findings, _PRICES) if isinstance(value, dict) else wrong_type(path, "an object", findings)
    )


def fields(value: dict[str, object], path: Path, findings: Findings, readers: dict[str, Reader]) -> dict[str, object]:
    """Build an object from the fields that have a reader; others are stripped."""
    built: dict[str, object] = {}
    for name, inner in value.items():
        reader = readers.get(name)
        if reader is None:
            findings.strip((*path, name))
            continue
        item = reader(inner, (*path, name), findings)
        if item is not ABSENT:
            built[name] = item
    return built


def free_object(value: object, path: Path, findings: Findings) -> object:
    """Build an object whose fields are the vendor's, without those that lead requests elsewhere (G11)."""
    if not isinstance(value, dict):
        return wrong_type(path, "an object", findings)
    return _without_barred(value, path, findings)


def _without_barred(value: object, path: Path, findings: Findings) -> object:
    if isinstance(value, list):
        return [_without_barred(each, (*path, f"[{place}]"), findings) for place, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    built: dict[str, object] = {}
    for name, inner in value.items():
        if _BARRED_FIELD.search(re.sub(r"[^a-z0-9]", "", name.lower())):
            message = "Addresses, headers and credentials stand in their own fields only; it is left out."
            findings.report("G11", "patch.barred-field", (*path, name), message)
        else:
            built[name] = _without_barred(inner, (*path, name), findings)
    return built


def headers(value: object, path: Path, findings: Findings) -> object:
    """G12: request headers; a wrong one refuses the patch, for it may be meant to smuggle."""
    if not isinstance(value, dict):
        return wrong_type(path, "an object", findings)
    if len(value) > MAX_HEADERS:
        findings.refuse("G12", "patch.headers", path, f"There are more than {MAX_HEADERS} headers.")
    seen: set[str] = set()
    for name, content in value.items():
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            findings.refuse("G12", "patch.header-name", path, "A header has no valid name.")
        elif _is_forbidden(lower):
            findings.refuse("G12", "patch.header", (*path, name), "A header that a patch may not set.")
        if lower in seen:
            findings.refuse("G12", "patch.header-twice", path, "A header is given twice in different letter case.")
        if not isinstance(content, str) or not _HEADER_VALUE.fullmatch(content) or len(content) > _MAX_HEADER_VALUE:
            message = "A header's value is not printable ASCII of at most 2 KiB."
            findings.refuse("G12", "patch.header-value", (*path, name), message)
        seen.add(lower)
    return dict(value)


def _is_forbidden(lower: str) -> bool:
    named = lower in _FORBIDDEN_HEADERS or lower.startswith(_FORBIDDEN_HEADER_STARTS)
    return named or _CREDENTIAL_HEADER.search(lower) is not None


api_style = _one_of(_STYLES)
auth_mode = _one_of(_AUTH_MODES)

_MODEL: dict[str, Reader] = {
    "id": text,
    "name": text,
    "api": api_style,
    "reasoning": flag,
    "input": inputs,
    "cost": _cost,
    "contextWindow": size,
    "maxTokens": size,
    "headers": headers,
    "compat": free_object,
}


def models(value: object, path: Path, findings: Findings) -> object:
    """Build a list of models; of two with one id the last counts."""
    if not isinstance(value, list):
        return wrong_type(path, "a list", findings)
    built: dict[str, dict[str, object]] = {}
    for place, item in enumerate(value):
        each = _model(item, (*path, f"[{place}]"), findings)
        if each is not None:
            built[str(each["id"])] = each
    return list(built.values())


def _model(value: object, path: Path, findings: Findings) -> dict[str, object] | None:
    if not isinstance(value, dict):
        wrong_type(path, "an object", findings)
        return None
    built = fields(value, path, findings, _MODEL)
    name = built.get("id")
    if not isinstance(name, str) or name != name.strip():
        message = "A model without an id, or with white space around it, is left out."
        findings.report("G4", "patch.model", path, message)
        return None
    return built
