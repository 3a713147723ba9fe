"""Frozen values with named fields, as cheap at start-up as classes written by hand.

`@record` reads like a frozen dataclass to people and type checkers. It exists because a command-line program that
describes some forty classes pays for it at every start: measured here, importing `dataclasses` and letting it generate
code for them took as long as everything else together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

_put = object.__setattr__


class FrozenRecordError(AttributeError):
    """A field of a record was assigned or deleted."""


def field_names(record: object) -> tuple[str, ...]:
    """Return the names of a record's (or record class's) fields, in order."""
    names: tuple[str, ...] = record.__record_fields__  # type: ignore[attr-defined]
    return names


def replace(record: T, **changes: object) -> T:
    """Return a copy of `record` with some fields changed; the copy is checked like any new one."""
    return type(record)(**{name: getattr(record, name) for name in field_names(record)} | changes)


def misuse(
    names: tuple[str, ...], defaults: Mapping[str, object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> list[tuple[str | None, str]]:
    """Return what is wrong with a call of a record's constructor, as (field, fault) pairs; empty when it is right."""
    faults: list[tuple[str | None, str]] = []
    if len(args) > len(names):
        faults.append((None, f"takes at most {len(names)} values, got {len(args)}"))
    positional = names[: len(args)]
    faults += [(name, "is not a field") for name in kwargs if name not in names]
    faults += [(name, "is given twice") for name in positional if name in kwargs]
    given = {*positional, *kwargs, *defaults}
    faults += [(name, "is missing") for name in names if name not in given]
    return faults


def assign(record: object, args: tuple[object, ...], kwargs: dict[str, object]) -> bool:
    """Set every field of a fresh record; return False, leaving it unfinished, when the arguments do not fit."""
    cls = type(record)
    names: tuple[str, ...] = cls.__record_fields__  # type: ignore[attr-defined]
    defaults: dict[str, object] = cls.__record_defaults__  # type: ignore[attr-defined]
    if len(args) > len(names):
        return False
    count = len(args)
    for name, value in zip(names, args, strict=False):
        _put(record, name, value)
    left = len(kwargs)
    for name in names[count:]:
        if name in kwargs:
            _put(record, name, kwargs[name])
            left -= 1
        elif name in defaults:
            _put(record, name, defaults[name])
        else:
            return False
    return left == 0


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Turn an annotated class into a frozen, slotted value class with equality, hash, repr and pickling.

    As with `dataclass(slots=True)` the result is a new class: methods must not use zero-argument `super()`. Defaults
    must be immutable; they are shared.
    """
    own = [name for name, kind in cls.__annotations__.items() if not _is_class_variable(kind)]
    inherited: tuple[str, ...] = getattr(cls, "__record_fields__", ())
    namespace = {name: value for name, value in vars(cls).items() if name not in {"__dict__", "__weakref__"}}
    defaults = dict(getattr(cls, "__record_defaults__", {}))
    defaults.update({name: namespace.pop(name) for name in own if name in namespace})
    names = (*inherited, *(name for name in own if name not in inherited))
    namespace |= {
        "__qualname__": cls.__qualname__,
        "__slots__": tuple(name for name in own if name not in inherited),
        "__record_fields__": names,
        "__record_defaults__": defaults,
        "__match_args__": names,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__reduce__": _reduce,
    }
    for name, method in (("__init__", _init), ("__eq__", _eq), ("__repr__", _repr)):
        namespace.setdefault(name, method)
    namespace["__hash__"] = namespace.get("__hash__") or _hash
    made: type[T] = type(cls)(cls.__name__, cls.__bases__, namespace)  # type: ignore[misc]
    return made


def _is_class_variable(kind: object) -> bool:
    """Tell whether an annotation, as text or evaluated, is `ClassVar` or `ClassVar[...]`."""
    return str(kind).partition("[")[0].rpartition(".")[2] == "ClassVar"


def _init(self: Any, *args: object, **kwargs: object) -> None:
    if not assign(self, args, kwargs):
        cls = type(self)
        faults = misuse(cls.__record_fields__, cls.__record_defaults__, args, kwargs)
        told = "; ".join(f"{name} {fault}" if name else fault for name, fault in faults)
        message = f"{cls.__name__}: {told}"
        raise TypeError(message)


def _values(self: Any) -> tuple[object, ...]:
    return tuple([getattr(self, name) for name in self.__record_fields__])


def _eq(self: object, other: object) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: object) -> int:
    return hash((type(self), _values(self)))


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__record_fields__)
    return f"{type(self).__qualname__}({inside})"


def _reduce(self: object) -> tuple[object, ...]:
    return type(self), _values(self)


def _refuse(self: object, name: str, *_: object) -> None:
    message = f"{type(self).__name__}.{name} cannot be changed; use jackfield.records.replace"
    raise FrozenRecordError(message)
