"""The config's say about providers: its own providers, and what it changes in registered ones. Pure."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, get_args

from jackfield.diagnostics import Diagnostic
from jackfield.errors import BlockError, RequestError
from jackfield.ids import canonical_id
from jackfield.providers.block import ApiStyle, Provider
from jackfield.table import Owner, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jackfield.config.settings import ProviderSettings, Settings

CONFIG = Owner(Trust.INSTALLED, "config")
"""The owner of providers that only the config file knows."""

# What a model gets that says nothing of its sizes, as the programs that write these files assume.
_DEFAULT_CONTEXT = 200_000
_DEFAULT_OUTPUT = 8_192
_PLACE = re.compile(r"\{([a-z]+)\}")
_PLACES: Mapping[str, tuple[str, ...]] = {
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "location": ("GOOGLE_CLOUD_LOCATION",),
}
_PLACE_DEFAULTS = {"region": "us-east-1"}


def config_providers(
    settings: Settings, is_known: Callable[[str], bool]
) -> tuple[tuple[Provider, ...], tuple[Diagnostic, ...]]:
    """Return a block for each `models.providers` entry that no registered provider is behind.

    An API style that only other programs know leaves a provider without one, and a model out: neither can be called
    from here (`check_config` says so).

    Args:
        settings: the config.
        is_known: tells whether an id or alias is registered.

    Returns:
        The blocks, and a diagnostic for each fault of an entry that cannot be one.
    """
    blocks: dict[str, Provider] = {}
    faults: list[Diagnostic] = []
    for entry in settings.providers:
        name = canonical_id(entry.key)
        if is_known(name) or name in blocks:
            continue
        try:
            blocks[name] = Provider.from_dict(_block_fields(name, entry))
        except BlockError as error:
            faults += [
                Diagnostic("config.provider", each.message, path=(*entry.path, *each.path), owner=CONFIG.name)
                for each in error.diagnostics
            ]
    return tuple(blocks.values()), tuple(faults)


def base_url_of(provider: Provider, entry: ProviderSettings | None, env: Mapping[str, str]) -> str | None:
    """Return the base URL in force: the config's, else the block's with its places filled in; no slash at the end."""
    url = (entry.base_url if entry else None) or provider.base_url
    if url is None:
        return None

    def fill(match: re.Match[str]) -> str:
        names = _PLACES.get(match[1], ())
        found = next((env[name].strip() for name in names if env.get(name, "").strip()), None)
        return found or _PLACE_DEFAULTS.get(match[1]) or match[0]

    return _PLACE.sub(fill, url).rstrip("/")


def is_at(url: str, origin: str) -> bool:
    """Tell whether a URL leads to an origin; one that cannot be read leads nowhere."""
    from jackfield.net import origin_of

    try:
        return str(origin_of(url)) == origin
    except RequestError:
        return False


def names_of(provider: Provider) -> tuple[str, ...]:
    """Return the names a config file may know a provider by: its id, then its aliases."""
    return (provider.id, *provider.aliases)


def _block_fields(name: str, entry: ProviderSettings) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": name,
        "label": entry.key,
        "base_url": entry.base_url,
        "api": "openai-completions" if entry.api is None else entry.api if _is_style(entry.api) else None,
        "models": [_model_fields(each) for each in _distinct(entry.models) if _is_callable(each)],
    }
    return {key: value for key, value in fields.items() if value is not None}


def _distinct(models: Iterable[Mapping[str, object]]) -> Iterable[Mapping[str, object]]:
    return {str(each.get("id")): each for each in models}.values()


def _model_fields(model: Mapping[str, object]) -> dict[str, object]:
    context = _whole(model.get("contextWindow")) or _DEFAULT_CONTEXT
    cost = model.get("cost")
    prices = cost if isinstance(cost, dict) else {}
    names = {"input": "input", "output": "output", "cacheRead": "cache_read", "cacheWrite": "cache_write"}
    fields: dict[str, object] = {
        "id": model.get("id"),
        "name": model.get("name") or model.get("id"),
        "context_window": context,
        "max_tokens": _whole(model.get("maxTokens")) or min(_DEFAULT_OUTPUT, context),
        "cost": {ours: prices[theirs] for theirs, ours in names.items() if theirs in prices},
        "reasoning": model.get("reasoning"),
        "input": model.get("input"),
        "api": model.get("api"),
        "headers": model.get("headers"),
    }
    return {key: value for key, value in fields.items() if value is not None}


def _is_callable(model: Mapping[str, object]) -> bool:
    """Tell whether a model's own style, if it has one, is known here; one of a wrong type is left to be a fault."""
    style = model.get("api")
    return not isinstance(style, str) or _is_style(style)


def _is_style(text: str) -> bool:
    return text in get_args(ApiStyle)


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < math.inf:
        return None
    return int(value)
