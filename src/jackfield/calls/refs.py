"""Which model a user means. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import RequestError
from jackfield.ids import ModelRef, parse_model_ref, quoted
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.config.settings import Settings
    from jackfield.providers.block import Provider
    from jackfield.providers.registry import ProviderRegistry


def find_model(text: str, registry: ProviderRegistry, settings: Settings) -> ModelRef:
    """Return the model that a user means.

    `provider/model` is taken as it is, but for the short names of the provider. A name alone is an alias of the config,
    else a model of the default model's provider, unless only other providers have one of that name.

    Raises:
        UnknownNameError: `registry.unknown` when nobody registered the provider.
        RequestError: `ref.model` when it is not clear which provider is meant; its fix names the nearest models.
    """
    alias = next((ref for ref, alias in settings.model_entries if alias == text), None)
    if alias is not None and "/" in alias:
        text = alias
    if "/" in text:
        parsed = parse_model_ref(text)
        provider = registry.resolve_provider(parsed.provider)
        return ModelRef(provider.id, provider.short_names.get(parsed.model, parsed.model))
    default = settings.default_model
    if default is not None and "/" in default:
        provider = registry.resolve_provider(parse_model_ref(default).provider)
        if _has(provider, text) or not list(_homes(text, registry)):
            return find_model(f"{provider.id}/{text}", registry, settings)
    raise _unclear(text, registry)


def model_refs(registry: ProviderRegistry) -> list[str]:
    """Return the ref of every model that a registered provider lists and that can be called, sorted."""
    callable_ = (each for each in registry.list_providers() if not each.tags.cli)
    return sorted(f"{each.id}/{model.id}" for each in callable_ for model in each.models)


def _has(provider: Provider, name: str) -> bool:
    return provider.model(name) is not None or name in provider.short_names


def _homes(name: str, registry: ProviderRegistry) -> Iterator[Provider]:
    return (each for each in registry.list_providers() if not each.tags.cli and _has(each, name))


def _unclear(name: str, registry: ProviderRegistry) -> RequestError:
    known = [f"{each.id}/{name}" for each in _homes(name, registry)]
    if not known:
        refs = model_refs(registry)
        names = nearest(name, sorted({ref.partition("/")[2] for ref in refs}))
        known = [next(ref for ref in refs if ref.partition("/")[2] == each) for each in names]
    fix = f"Did you mean {' or '.join(known[:3])}?" if known else "Write it as provider/model."
    return RequestError(f"{quoted(name)} names no provider.", code="ref.model", fix=fix)
