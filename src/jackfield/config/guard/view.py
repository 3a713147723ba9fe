"""G3: the part of the config that a login's code may see, deep, read-only, and without secrets."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from jackfield.config.host import at
from jackfield.errors import RequestError
from jackfield.net import check_base_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[object], dict[str, object]]

_PROVIDER_FIELDS = ("auth", "api")
_MODEL_FIELDS = ("id", "name", "api", "reasoning", "contextWindow", "maxTokens")
_PROFILE_FIELDS = ("provider", "mode")


def frozen_view(current: Mapping[str, object]) -> Mapping[str, object]:
    """Return the providers, models and profiles of a config as a login's code may see them (G3).

    The view is built from the fields that are known to hold no secret; keys, headers, parameters, e-mail addresses and
    every other field are not in it. Objects are read-only mappings, lists are tuples.

    Args:
        current: the config as plain values, as it stands in the file (nothing substituted).
    """
    providers = _entries(at(current, ("models", "providers")), _provider)
    models: dict[str, object] = {"providers": providers}
    mode = at(current, ("models", "mode"))
    if isinstance(mode, str):
        models["mode"] = mode
    defaults: dict[str, object] = {"models": _entries(at(current, ("agents", "defaults", "models")), _model_entry)}
    model = at(current, ("agents", "defaults", "model"))
    primary = model.get("primary") if isinstance(model, dict) else model
    if isinstance(primary, str):
        defaults["model"] = MappingProxyType({"primary": primary})
    profiles = _entries(at(current, ("auth", "profiles")), lambda entry: _texts(entry, _PROFILE_FIELDS))
    return MappingProxyType(
        {
            "models": MappingProxyType(models),
            "agents": MappingProxyType({"defaults": MappingProxyType(defaults)}),
            "auth": MappingProxyType({"profiles": profiles}),
        }
    )


def _entries(value: object, read: Reader) -> Mapping[str, object]:
    entries = value if isinstance(value, dict) else {}
    return MappingProxyType({key: MappingProxyType(read(each)) for key, each in entries.items()})


def _provider(entry: object) -> dict[str, object]:
    shown = _texts(entry, _PROVIDER_FIELDS)
    url = at(entry, ("baseUrl",))
    if isinstance(url, str) and _is_plain_url(url):
        shown["baseUrl"] = url
    models = at(entry, ("models",))
    if isinstance(models, list):
        shown["models"] = tuple([MappingProxyType(_texts(each, _MODEL_FIELDS)) for each in models])
    return shown


def _model_entry(entry: object) -> dict[str, object]:
    return _texts(entry, ("alias",))


def _texts(entry: object, names: tuple[str, ...]) -> dict[str, object]:
    values = entry if isinstance(entry, dict) else {}
    return {name: values[name] for name in names if isinstance(values.get(name), (str, int))}


def _is_plain_url(url: str) -> bool:
    """Tell whether a URL has neither a user name nor a query, where secrets are put."""
    try:
        check_base_url(url, allow_private_http=True)
    except RequestError:
        return False
    return True
