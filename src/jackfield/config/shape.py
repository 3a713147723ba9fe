"""What our part of a config file looks like, and the check of a file's value against it.

Ours are `models`, `agents.defaults.models`, `agents.defaults.model`, `auth.profiles`, `auth.order`, `plugins` and
`voice`; everything else belongs to other programs and is not looked at. A wrong type in our part is an error. An
unknown field is a warning: real files have some, and they are kept. An `$include` is of no type: where one stands, the
file could not be read (which is told where that was tried), and what the object lacks may be in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, get_args

from jackfield.config.settings import INCLUDE
from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.ids import canonical_id, is_id, parse_model_ref, parse_profile_id
from jackfield.providers.block import ApiStyle
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Path = tuple[str, ...]
Faults = list[Diagnostic]

# A suggestion is a search: an object with more unknown fields than this is another thing altogether.
_HINTS_MAX = 20


class Shape(Protocol):
    """Checks one value: adds what is wrong with it to `faults`."""

    def __call__(self, value: object, path: Path, faults: Faults) -> None:
        """Check `value`, which stands at `path`."""


def check_config(value: object) -> tuple[Diagnostic, ...]:
    """Return every fault of a config file's value, in the order of the file; places are added by the reader."""
    faults: Faults = []
    _ROOT(value, (), faults)
    return tuple(faults)


def _wrong(wanted: str, value: object, path: Path, faults: Faults) -> None:
    if isinstance(value, dict) and INCLUDE in value:
        return
    names: dict[type, str] = {type(None): "null", bool: "true or false", str: "text", dict: "an object", list: "a list"}
    got = names.get(type(value), "a number")
    faults.append(Diagnostic("config.type", f"must be {wanted}, not {got}", path=path))


def _text(value: object, path: Path, faults: Faults) -> None:
    if not isinstance(value, str):
        _wrong("text", value, path, faults)


def _filled_text(value: object, path: Path, faults: Faults) -> None:
    _text(value, path, faults)
    if isinstance(value, str) and not value.strip():
        faults.append(Diagnostic("config.blank", "must not be blank", path=path, hint="Remove it, or give it a value."))


def _flag(value: object, path: Path, faults: Faults) -> None:
    if not isinstance(value, bool):
        _wrong("true or false", value, path, faults)


def _number(value: object, path: Path, faults: Faults) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _wrong("a number", value, path, faults)
    elif not 0 <= value < float("inf"):
        faults.append(Diagnostic("config.range", "must be a number that is not negative", path=path))


def _anything(value: object, path: Path, faults: Faults) -> None:
    del value, path, faults


def _one_of(*allowed: str) -> Shape:
    def check(value: object, path: Path, faults: Faults) -> None:
        if not isinstance(value, str):
            _wrong("text", value, path, faults)
        elif value not in allowed:
            near = nearest(value, allowed, 1)
            hint = f"Did you mean {near[0]}?" if near else None
            faults.append(Diagnostic("config.value", f"must be one of {', '.join(allowed)}", path=path, hint=hint))

    return check


def _api_style(value: object, path: Path, faults: Faults) -> None:
    """A style that other programs know is kept; only calling the provider needs one of ours."""
    if not isinstance(value, str):
        _wrong("text", value, path, faults)
    elif value not in get_args(ApiStyle):
        message = f"is not an API style known here ({', '.join(get_args(ApiStyle))})"
        faults.append(
            Diagnostic("config.value", message, "warning", path, hint="Its models cannot be called from here.")
        )


def _list_of(shape: Shape) -> Shape:
    def check(value: object, path: Path, faults: Faults) -> None:
        if not isinstance(value, list):
            _wrong("a list", value, path, faults)
            return
        for place, item in enumerate(value):
            shape(item, (*path, f"[{place}]"), faults)

    return check


def _map_of(shape: Shape, key: Callable[[str], str | None] = lambda _: None) -> Shape:
    """Return the shape of an object with free keys; `key` says what is wrong with one."""

    def check(value: object, path: Path, faults: Faults) -> None:
        if not isinstance(value, dict):
            _wrong("an object", value, path, faults)
            return
        for name, item in value.items():
            if name == INCLUDE:
                continue
            fault = key(name)
            if fault:
                faults.append(Diagnostic("config.key", fault, path=(*path, name)))
            shape(item, (*path, name), faults)

    return check


def _object(known: Mapping[str, Shape], *, required: tuple[str, ...] = (), open_ended: bool = False) -> Shape:
    """Return the shape of an object with named fields; `open_ended` ones have fields of other programs too."""

    def check(value: object, path: Path, faults: Faults) -> None:
        if not isinstance(value, dict):
            _wrong("an object", value, path, faults)
            return
        unknown = 0
        for name, item in value.items():
            if name in known:
                known[name](item, (*path, name), faults)
            elif not open_ended and name != INCLUDE:
                unknown += 1
                _unknown_field(name, known if unknown <= _HINTS_MAX else {}, path, faults)
        for name in required:
            if name not in value and INCLUDE not in value:
                faults.append(Diagnostic("config.missing", f"must have {name}", path=path))

    return check


def _unknown_field(name: str, known: Mapping[str, Shape], path: Path, faults: Faults) -> None:
    near = nearest(name, tuple(known), 1)
    hint = f"Did you mean {near[0]}? Otherwise it is kept and ignored." if near else "It is kept and ignored."
    message = "is not a field known here"
    faults.append(Diagnostic("config.unknown-field", message, "warning", (*path, name), hint=hint))


def _either(wanted: str, *, text: Shape, other: Shape, kind: type) -> Shape:
    def check(value: object, path: Path, faults: Faults) -> None:
        if isinstance(value, str):
            text(value, path, faults)
        elif isinstance(value, kind):
            other(value, path, faults)
        else:
            _wrong(wanted, value, path, faults)

    return check


def _provider_key(name: str) -> str | None:
    return None if is_id(canonical_id(name)) else "is not a provider id (a-z 0-9 . - _)"


def _profile_key(name: str) -> str | None:
    try:
        parse_profile_id(name)
    except RequestError:
        return "is not a profile id; write provider:name"
    return None


def _model_ref(value: object, path: Path, faults: Faults) -> None:
    """A ref without its provider is old and still read, so it is a warning."""
    _filled_text(value, path, faults)
    if isinstance(value, str) and value.strip():
        try:
            parse_model_ref(value)
        except RequestError:
            message = "names a model without its provider"
            faults.append(Diagnostic("config.bare-model", message, "warning", path, hint="Write provider/model."))


_MODEL = _object(
    {
        "id": _filled_text,
        "name": _filled_text,
        "api": _api_style,
        "reasoning": _flag,
        "input": _list_of(_one_of("text", "image", "audio", "video")),
        "cost": _object(dict.fromkeys(("input", "output", "cacheRead", "cacheWrite"), _number)),
        "contextWindow": _number,
        "maxTokens": _number,
        "headers": _map_of(_text),
        "compat": _anything,
    },
    required=("id",),
)

_PROVIDER = _object(
    {
        "baseUrl": _filled_text,
        "apiKey": _text,
        "auth": _one_of("api-key", "aws-sdk", "oauth", "token"),
        "api": _api_style,
        "headers": _map_of(_text),
        "authHeader": _flag,
        "models": _list_of(_MODEL),
    }
)

_PROFILE = _object(
    {"provider": _filled_text, "mode": _one_of("api_key", "oauth", "token"), "email": _text},
    required=("provider", "mode"),
)

_ROOT = _object(
    {
        "models": _object(
            {
                "mode": _one_of("merge", "replace"),
                "providers": _map_of(_PROVIDER, _provider_key),
                "bedrockDiscovery": _anything,
            }
        ),
        "agents": _object(
            {
                "defaults": _object(
                    {
                        "models": _map_of(_object({"alias": _text, "params": _map_of(_anything)})),
                        "model": _either(
                            "text or an object",
                            text=_model_ref,
                            other=_object({"primary": _model_ref, "fallbacks": _list_of(_model_ref)}),
                            kind=dict,
                        ),
                    },
                    open_ended=True,
                )
            },
            open_ended=True,
        ),
        "auth": _object(
            {"profiles": _map_of(_PROFILE, _profile_key), "order": _map_of(_list_of(_filled_text), _provider_key)},
            open_ended=True,
        ),
        "plugins": _object(
            {
                "enabled": _flag,
                "allow": _list_of(_text),
                "deny": _list_of(_text),
                "load": _object({"paths": _list_of(_filled_text)}),
                "entries": _map_of(_object({"enabled": _flag, "config": _map_of(_anything)})),
            },
            open_ended=True,
        ),
        "voice": _map_of(_anything),
    },
    open_ended=True,
)
