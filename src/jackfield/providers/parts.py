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
        return hash(tuple(self._items.items()))

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
    kinds = tuple((name, _is_kind(cls.__annotations__[name])) for name in names)
    converters = {name: _converter(cls.__annotations__[name]) for name in names}
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
            raise _invalid(_title(self), faults)

    made.__init__ = build  # type: ignore[assignment, method-assign]
    _CONVERTERS[made] = converters
    return made


_CONVERTERS: dict[type[Part], dict[str, _Convert]] = {}


def _title(self: Part) -> str:
    own = getattr(self, "id", None)
    return f"{type(self).__name__} {own!r}" if isinstance(own, str) else type(self).__name__


def _invalid(title: str, faults: Sequence[Diagnostic]) -> BlockError:
    told = "; ".join(f"{format_path(each.path)}: {each.message}" if each.path else each.message for each in faults)
    return BlockError(f"{title} is wrong: {told}", code="block.invalid", diagnostics=faults)


def _misuse(cls: type[Part], args: tuple[object, ...], kwargs: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Say what is wrong with a call of the constructor: unknown, doubled and missing fields."""
    names = field_names(cls)
    for name, message in misuse(names, cls.__record_defaults__, args, kwargs):
        if message == "is not a field":
            yield _unknown(str(name), names, ())
        else:
            yield fault(message, *((name,) if name else ()))


def _unknown(name: str, names: Sequence[str], path: Path) -> Diagnostic:
    near = nearest(name, names, 1)
    return fault("is not a field", *path, name, hint=f"Did you mean {near[0]}?" if near else None)


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
        return lambda value: type(value) is FrozenMap
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
            return float(value)
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
    faults.extend(fault("must be text under a text key", *path, str(key)) for key in wrong)
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
        faults.extend(_unknown(str(name), list(known), path) for name in value if name not in known)
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
