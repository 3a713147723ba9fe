"""Compares the models: every entry's id, place, name, sizes, kinds of input, price, wire format, and the rest."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from jackfield.providers.block import Cost, Model
from parity.items import ABSENT, Item, Now, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import Provider
    from parity.facts import Facts, Path


def entries(facts: Facts, now: Now) -> Iterator[Item]:
    """Each model of the facts, field by field."""
    for name, fact, block in now.shared(facts):
        path = ("providers", name, "models", "entries")
        places = {each.id: place for place, each in enumerate(block.models)}
        for place, entry in enumerate(fact["models"]["entries"]):
            found = places.get(entry["id"])
            yield Item(
                (*path, entry["id"], "id"), (place, entry["id"]), ABSENT if found is None else (found, entry["id"])
            )
            yield from _model(facts, (*path, entry["id"]), entry, block)
        more = fact["models"].get("pi_ai", {}).get("entries", [])
        for entry in more:
            own = ("providers", name, "models", "pi_ai", "entries", entry["id"])
            yield compare(facts, (*own, "id"), entry["id"] if entry["id"] in places else ABSENT)
            yield from _model(facts, own, entry, block)
        known = {each["id"] for each in (*fact["models"]["entries"], *more)}
        for model in block.models:
            if model.id not in known:
                yield Item((*path, model.id, "id"), ABSENT, model.id)
        if not fact["models"]["entries"]:
            yield Item(path, (), tuple(model.id for model in block.models))


def _model(facts: Facts, path: Path, entry: dict[str, Any], block: Provider) -> Iterator[Item]:
    model = next((each for each in block.models if each.id == entry["id"]), None)
    now: dict[str, Any] = _plain(model, block) if model else {}
    before = {"headers": {}, "compat": {}, "privacy": None, "api": block.api, **entry}
    for field in ("name", "ctx", "max", "input", "cost", "reasoning", "api", "headers", "compat", "privacy"):
        yield Item((*path, field), before[field], now.get(field, ABSENT))


def _plain(model: Model, block: Provider) -> dict[str, Any]:
    """Return a model in the facts' own words."""
    return {
        "name": model.name,
        "ctx": model.context_window,
        "max": model.max_tokens,
        "input": list(model.input),
        "cost": plain_cost(model.cost),
        "reasoning": model.reasoning,
        "api": model.api or _by_rule(model.id, block) or block.api,
        "headers": dict(model.headers),
        "compat": {} if model.developer_role else {"supportsDeveloperRole": False},
        "privacy": model.privacy,
    }


def plain_cost(cost: Cost) -> dict[str, float]:
    """Return a price in the facts' own words."""
    return {"in": cost.input, "out": cost.output, "cr": cost.cache_read, "cw": cost.cache_write}


def _by_rule(model_id: str, block: Provider) -> str | None:
    return next((style for pattern, style in block.api_rules.items() if fnmatchcase(model_id, pattern)), None)


def counts(facts: Facts, now: Now) -> Iterator[Item]:
    """How many models there are, and whether the list is whole."""
    for name, fact, block in now.shared(facts):
        path = ("providers", name, "models")
        known = {each["id"] for each in fact["models"]["entries"]}
        if "count" in fact["models"]:
            yield compare(facts, (*path, "count"), len(block.models))
        mine = {model.id for model in block.models}
        if "pi_ai" in fact["models"]:
            more = {each["id"] for each in fact["models"]["pi_ai"]["entries"]}
            yield compare(facts, (*path, "pi_ai", "count"), len(more & mine))
            yield compare(facts, (*path, "pi_ai", "complete"), more <= mine)
        yield compare(facts, (*path, "complete"), known <= mine)


def defaults(facts: Facts, _: Now) -> Iterator[Item]:
    """What a model is when nothing is said."""
    bare = Model("m", "M", 1, 1)
    path = ("model_defaults",)
    yield compare(facts, (*path, "reasoning"), bare.reasoning)
    yield compare(facts, (*path, "input"), bare.input)
    yield compare(facts, (*path, "cost"), plain_cost(bare.cost))


COMPARISONS = (entries, counts, defaults)
