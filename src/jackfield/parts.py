"""How a block is made of parts: frozen records whose fields are checked when they are built.

A part's annotations are its schema. They are read once, when the class is made, so this module's users write real
annotations (no `from __future__ import annotations` there). Supported: `str`, `int`, `float`, `bool`, `Literal[...]`,
another part, `tuple[X, ...]`, `Mapping[str, str]`, and any of these `| None`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, dataclass_transform, get_args, get_origin

from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import BlockError
from jackfield.records import assign, field_names, misuse, record
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

P = TypeVar("P", bound="Part")

Path = tuple[str, ...]
_Convert = Callable[[object, Path, list[Diagnostic]], object]

# A message is read by people and a suggestion is a search: past these counts only the diagnostics go on.
_TOLD_MAX = 10
_HINTS_MAX = 20
# Vendors' keys have 32 characters or more: what may be a key is not repeated.
_NAME_MAX = 31


class FrozenMap(Mapping[str, str]):
    """An immutable, hashable, picklable mapping of text to text, in the order it was written."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, key: str) -> str:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


class Part:
    """Base of every part of a block. Subclasses are made with `@part` and may add rules in `check`."""

    __slots__ = ()
    __record_defaults__: ClassVar[Mapping[str, object]] = {}

    def check(self) -> Iterator[Diagnostic]:
        """Yield the faults that types alone do not show."""
        return iter(())

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values, in the order of the class."""
        return {name: _plain(getattr(self, name)) for name in field_names(self)}

    @classmethod
    def from_dict(cls: type[P], data: object, *, path: Path = ()) -> P:
        """Build the part from plain data (dicts and lists), reporting all faults at once.

        Raises:
            BlockError: `block.invalid`; each diagnostic has the path of the field at fault.
        """
        faults: list[Diagnostic] = []
        built = _convert_part(cls)(data, path, faults)
        if faults or not isinstance(built, cls):
            raise _invalid(cls.__name__, faults)
        return built


def fault(message: str, *path: str, hint: str | None = None) -> Diagnostic:
    """Return the diagnostic `block.invalid` for the field at `path`."""
    return Diagnostic(code="block.invalid", message=message, path=path, hint=hint)


@dataclass_transform(frozen_default=True)
def part(cls: type[P]) -> type[P]:
    """Make `cls` a record whose instances are checked: unknown fields, wrong types, then `cls.check`.

    The constructor raises `BlockError` (`block.invalid`) naming every field at fault.
    """
    made = record(cls)
    names = field_names(made)
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        hints |= getattr(base, "__annotations__", {})
    kinds = tuple((name, _is_kind(hints[name])) for name in names)
    converters = {name: _converter(hints[name]) for name in names}
    rules = made.check

    def build(self: P, *args: object, **kwargs: object) -> None:
        if not assign(self, args, kwargs):
            raise _invalid(made.__name__, list(_misuse(made, args, kwargs)))
        faults: list[Diagnostic] = []
        for name, is_kind in kinds:
            value = getattr(self, name)
            if not is_kind(value):
                object.__setattr__(self, name, converters[name](value, (name,), faults))
        if not faults:
            faults.extend(rules(self))
        if faults:
            raise _invalid(_title(self, faults), faults)

    made.__init__ = build  # type: ignore[assignment, method-assign]
    _CONVERTERS[made] = converters
    return made


_CONVERTERS: dict[type[Part], dict[str, _Convert]] = {}


def _title(self: Part, faults: Sequence[Diagnostic]) -> str:
    """Name the part by its id, unless that is at fault itself or so long that it may be a key."""
    own, name = getattr(self, "id", None), type(self).__name__
    sound = isinstance(own, str) and len(own) <= _NAME_MAX and all(each.path[:1] != ("id",) for each in faults)
    return f"{name} {own!r}" if sound else name


def _invalid(title: str, faults: Sequence[Diagnostic]) -> BlockError:
    shown = faults[:_TOLD_MAX]
    told = "; ".join(f"{format_path(each.path)}: {each.message}" if each.path else each.message for each in shown)
    told += f"; and {len(faults) - len(shown)} more" if len(faults) > len(shown) else ""
    return BlockError(f"{title} is wrong: {told}", code="block.invalid", diagnostics=faults)


def _misuse(cls: type[Part], args: tuple[object, ...], kwargs: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Say what is wrong with a call of the constructor: unknown, doubled and missing fields."""
    names = field_names(cls)
    found = misuse(names, cls.__record_defaults__, args, kwargs)
    yield from _unknown([name for name, message in found if message == "is not a field"], names, ())
    for name, message in found:
        if message != "is not a field":
            yield fault(message, *((name,) if name is not None else ()))


def _unknown(found: Sequence[object], names: Sequence[str], path: Path) -> Iterator[Diagnostic]:
    """Yield a fault for each of the `found` names, which are no field; the first ones with a suggestion."""
    for place, name in enumerate(found):
        near = nearest(name, names, 1) if isinstance(name, str) and place < _HINTS_MAX else ()
        yield fault("is not a field", *path, _key(name), hint=f"Did you mean {near[0]}?" if near else None)


def _key(name: object) -> str:
    """Return a key found in the input as it stands in a path; one that may be a secret, or is not text, by its kind."""
    if isinstance(name, str):
        return name if len(name) <= _NAME_MAX else f"<text of {len(name)} characters>"
    return f"<{type(name).__name__}>"


def _is_kind(annotation: Any) -> Callable[[object], bool]:
    """Return the quick test of a value that already has its final form; anything it turns down is looked at closely."""
    inner, optional = _unwrap(annotation)
    origin = get_origin(inner)
    if origin is Literal:
        allowed = get_args(inner)
        return lambda value: (value is None and optional) or (type(value) is str and value in allowed)
    if origin is tuple:
        each = _is_kind(get_args(inner)[0])
        return lambda value: type(value) is tuple and all(map(each, value))
    if origin is Mapping:
        return lambda value: (
            type(value) is FrozenMap and all(type(key) is str and type(item) is str for key, item in value.items())
        )
    if inner is str:
        return lambda value: (type(value) is str and value.strip() != "") or (value is None and optional)
    if isinstance(inner, type) and issubclass(inner, Part):
        return lambda value: isinstance(value, inner) or (value is None and optional)
    return lambda value: type(value) is inner or (value is None and optional)


def _converter(annotation: Any) -> _Convert:
    """Return the function that turns a value into its final form or records why it cannot."""
    inner, optional = _unwrap(annotation)
    origin = get_origin(inner)
    if origin is Literal:
        convert = _convert_choice(get_args(inner))
    elif origin is tuple:
        convert = _convert_tuple(_converter(get_args(inner)[0]))
    elif origin is Mapping:
        convert = _convert_mapping
    elif isinstance(inner, type) and issubclass(inner, Part):
        convert = _convert_part(inner)
    else:
        convert = _convert_scalar(inner)
    if not optional:
        return convert
    return lambda value, path, faults: None if value is None else convert(value, path, faults)


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """Split `X | None` into X and True."""
    if isinstance(annotation, types.UnionType):
        inner = [each for each in get_args(annotation) if each is not types.NoneType]
        return inner[0], True
    if get_origin(annotation) is not None and types.NoneType in get_args(annotation):  # Literal[...] | None
        return next(each for each in get_args(annotation) if each is not types.NoneType), True
    return annotation, False


def _convert_scalar(kind: type) -> _Convert:
    names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}

    def convert(value: object, path: Path, faults: list[Diagnostic]) -> object:
        if kind is float and type(value) is int:
            try:
                return float(value)
            except OverflowError:
                faults.append(fault("is too large a number", *path))
                return value
        if type(value) is not kind:
            faults.append(fault(f"must be {names[kind]}, not {_shown(value)}", *path))
        elif kind is str and not str(value).strip():
            faults.append(fault("must not be blank; leave it out instead", *path))
        return value

    return convert


def _convert_choice(allowed: tuple[str, ...]) -> _Convert:
    def convert(value: object, path: Path, faults: list[Diagnostic]) -> object:
        if value not in allowed:
            faults.append(fault(f"must be one of {', '.join(allowed)}, not {_shown(value)}", *path))
        return value

    return convert


def _convert_tuple(convert_item: _Convert) -> _Convert:
    def convert(value: object, path: Path, faults: list[Diagnostic]) -> object:
        if not isinstance(value, (tuple, list)):
            faults.append(fault(f"must be a list, not {_shown(value)}", *path))
            return value
        return tuple(convert_item(item, (*path, f"[{place}]"), faults) for place, item in enumerate(value))

    return convert


def _convert_mapping(value: object, path: Path, faults: list[Diagnostic]) -> object:
    if not isinstance(value, Mapping):
        faults.append(fault(f"must be a mapping of text to text, not {_shown(value)}", *path))
        return value
    wrong = [key for key, item in value.items() if type(key) is not str or type(item) is not str]
    faults.extend(fault("must be text under a text key", *path, _key(key)) for key in wrong)
    return value if wrong else FrozenMap(value)


def _convert_part(cls: type[Part]) -> _Convert:
    def convert(value: object, path: Path, faults: list[Diagnostic]) -> object:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            faults.append(fault(f"must be a {cls.__name__} or an object, not {_shown(value)}", *path))
            return value
        known = _CONVERTERS[cls]
        before = len(faults)
        faults.extend(_unknown([name for name in value if name not in known], list(known), path))
        ready = {name: known[name](value[name], (*path, name), faults) for name in known if name in value}
        if len(faults) > before:
            missing = [each for each in _misuse(cls, (), ready) if each.message == "is missing"]
            faults.extend(fault(each.message, *path, *each.path) for each in missing)
            return value
        try:
            return cls(**ready)
        except BlockError as error:
            faults.extend(fault(each.message, *path, *each.path, hint=each.hint) for each in error.diagnostics)
            return value

    return convert


def _shown(value: object) -> str:
    """Name a value's type, never the value: it may be a secret that was put in the wrong field."""
    return {type(None): "null", dict: "an object", list: "a list", str: "text", bool: "a boolean"}.get(
        type(value), f"{type(value).__name__}"
    )


def _plain(value: object) -> object:
    if isinstance(value, Part):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, FrozenMap):
        return dict(value)
    return value
