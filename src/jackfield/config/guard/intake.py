"""G1 and G2: a patch, as bytes, text or built-in values, becomes plain values of our own, or is refused.

After this nobody else holds a reference to what is checked, and every value has one of seven exact types.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, NoReturn

from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Sized

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
MAX_NODES = 5_000
MAX_STRING = 8 * 1024
# The largest whole number that every JSON reader keeps exactly.
MAX_INTEGER = 2**53

Path = tuple[str, ...]

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
# Every number beyond 2^53 and every one that is not finite has 16 digits in a row or an exponent.
_PERHAPS_TOO_LARGE = re.compile(r"[0-9](?:[0-9]{15}|[eE])")


@record
class Refusal:
    """Why a patch is refused as a whole: the rule it breaks, a code, where, and a sentence without its values."""

    rule: str
    code: str
    path: Path
    message: str


class RefusedError(Exception):
    """Ends the reading of a patch; never leaves this package."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal

    def inside(self, key: str) -> RefusedError:
        """Return the error as it is told one level further out."""
        inner = self.refusal
        return RefusedError(Refusal(inner.rule, inner.code, (key, *inner.path), inner.message))


def take_in(patch: object) -> object:
    """Return `patch` as fresh plain values.

    Args:
        patch: JSON as bytes or text (G1), or built-in values (G2).

    Raises:
        RefusedError: it is too large, too deep, not JSON, or holds what two JSON readers would read differently.
    """
    if type(patch) is bytes or type(patch) is str:
        return _parse(_decode(patch))
    return _copy(patch, "G2")


def _refuse(rule: str, code: str, message: str) -> NoReturn:
    raise RefusedError(Refusal(rule, code, (), message))


def _parse(text: str) -> object:
    bare = _without_strings(text)
    _check_depth(bare)
    simple = _is_simple(text, bare)
    try:
        value = (_SIMPLE_JSON if simple else _JSON).decode(text)
    except ValueError:
        _refuse("G1", "patch.not-json", "The patch is not valid JSON.")
    return value if simple else _copy(value, "G1")


def _is_simple(text: str, bare: str) -> bool:
    """Tell whether the parsed values need no look of their own; they are fresh, so that no copy is needed either.

    Plain ASCII without escapes gives whole characters only. So short a text has no string that is too long, and not too
    many values, for each takes two characters at least.
    """
    return len(text) <= MAX_STRING and text.isascii() and "\\" not in text and not _PERHAPS_TOO_LARGE.search(bare)


def _decode(source: bytes | str) -> str:
    # Characters are at most as many as bytes, so the first comparison spares encoding a huge text.
    if len(source) > MAX_BYTES:
        _refuse("G1", "patch.too-large", f"The patch is larger than {MAX_BYTES // 1024} KiB.")
    if isinstance(source, bytes):
        try:
            return source.decode("utf-8")
        except UnicodeDecodeError:
            _refuse("G1", "patch.not-utf8", "The patch is not UTF-8.")
    try:
        size = len(source.encode("utf-8"))
    except UnicodeEncodeError:
        _refuse("G1", "patch.surrogate", "The patch holds half a character (a lone surrogate).")
    if size > MAX_BYTES:
        _refuse("G1", "patch.too-large", f"The patch is larger than {MAX_BYTES // 1024} KiB.")
    return source


def _without_strings(text: str) -> str:
    """Return what stands outside the strings of a JSON text."""
    return _QUOTED.sub("", text) if "\\" in text else "".join(text.split('"')[::2])


def _check_depth(bare: str) -> None:
    """Refuse deep nesting before the parser, which recurses, sees it."""
    depth = 0
    for bracket in _BRACKET.findall(bare):
        if bracket in "]}":
            depth -= 1
        elif depth < MAX_DEPTH:
            depth += 1
        else:
            _refuse("G1", "patch.too-deep", f"The patch is nested more than {MAX_DEPTH} levels deep.")


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("G1", "patch.duplicate-key", "An object of the patch has the same key twice.")
    return found


def _no_constant(name: str) -> NoReturn:
    _refuse("G1", "patch.number", f"{name} is not a JSON number.")


def _whole(digits: str) -> int:
    # Twenty characters hold every allowed number; int() of a long text takes quadratic time.
    if len(digits) > 20:
        _refuse("G1", "patch.number", "A whole number of the patch is beyond 2^53.")
    return int(digits)


_SIMPLE_JSON = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_constant)
_JSON = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_constant, parse_int=_whole)


class _Copier:
    """Copies plain values, as deep as is allowed; counts nodes and bytes of text, and refuses what is not plain."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.nodes = 1
        self.size = 0

    def copy(self, value: object, depth: int = 0) -> object:
        kind = type(value)
        if kind is str:
            self.check_text(value)  # type: ignore[arg-type]
            return value
        if kind is dict:
            self.check_container(value, depth)  # type: ignore[arg-type]
            return self.an_object(value, depth + 1)  # type: ignore[arg-type]
        if kind is list:
            self.check_container(value, depth)  # type: ignore[arg-type]
            return self.a_list(value, depth + 1)  # type: ignore[arg-type]
        if kind is not bool and value is not None:
            self.check_number(value, kind)
        return value

    def check_container(self, value: Sized, depth: int) -> None:
        """Refuse what is too deep or too long before it is copied."""
        if depth >= MAX_DEPTH:
            _refuse(self.rule, "patch.too-deep", f"The patch is nested more than {MAX_DEPTH} levels deep.")
        self.nodes += len(value)
        if self.nodes > MAX_NODES:
            _refuse(self.rule, "patch.too-many", f"The patch has more than {MAX_NODES} values.")

    def a_list(self, value: list[object], depth: int) -> list[object]:
        fresh: list[object] = []
        try:
            for item in tuple(value):
                fresh.append(self.copy(item, depth))  # noqa: PERF401 - its length tells the place of a fault
        except RefusedError as error:
            raise error.inside(f"[{len(fresh)}]") from None
        return fresh

    def an_object(self, value: dict[object, object], depth: int) -> dict[str, object]:
        fresh: dict[str, object] = {}
        for key, item in tuple(value.items()):
            if type(key) is not str:
                _refuse(self.rule, "patch.key-type", "A key of the patch is not text.")
            self.check_text(key)
            try:
                fresh[key] = self.copy(item, depth)
            except RefusedError as error:
                raise error.inside(key) from None
        return fresh

    def check_number(self, value: object, kind: type) -> None:
        if kind is int:
            if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]
                _refuse(self.rule, "patch.number", "A whole number of the patch is beyond 2^53.")
        elif kind is float:
            if not math.isfinite(value):  # type: ignore[arg-type]
                _refuse(self.rule, "patch.number", "A number of the patch is not finite.")
        else:
            # Not even the name of its class is told: a metaclass may compute it.
            _refuse(self.rule, "patch.type", "A value of the patch is not a plain JSON value.")

    def check_text(self, text: str) -> None:
        size = len(text)
        if size <= MAX_STRING:
            try:
                size = len(text.encode())
            except UnicodeEncodeError:
                _refuse(self.rule, "patch.surrogate", "A text of the patch holds half a character.")
        if size > MAX_STRING:
            _refuse(self.rule, "patch.string-too-long", "A text of the patch is longer than 8 KiB.")
        self.size += size
        if self.size > MAX_BYTES:
            _refuse(self.rule, "patch.too-large", f"The patch is larger than {MAX_BYTES // 1024} KiB.")


def _copy(value: object, rule: str) -> object:
    return _Copier(rule).copy(value)
