"""Compares what a block says of its provider as a whole, and the names by which it and its models are reached."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.errors import UnknownNameError
from jackfield.ids import canonical_id
from jackfield.providers.block import Model
from parity.items import ABSENT, Item, Now, claim, compare, compare_map, compare_order
from parity.models import plain_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import Discovery, Provider
    from parity.facts import Facts, Path


def identity(facts: Facts, now: Now) -> Iterator[Item]:
    """Which providers there are."""
    for name in sorted({*facts.providers, *now.providers}):
        yield compare(facts, ("providers", name, "id"), name if name in now.providers else ABSENT)


def plain_fields(facts: Facts, now: Now) -> Iterator[Item]:
    """Label, aliases, base URL, API style, documentation page, default model, and the like."""
    for name, _, block in now.shared(facts):
        fields = {
            "label": block.label,
            "aliases": block.aliases,
            "baseUrl": block.base_url,
            "api": block.api,
            "docs": block.docs_path,
            "defaultModel": block.default_model,
            "implicit_provider": block.implicit_order is not None,
        }
        for field, ready in fields.items():
            yield compare(facts, ("providers", name, field), ready)
        yield compare(facts, ("providers", name, "kind"), _kind(block), _read_kind)
        mode = block.auth_mode if block.auth_mode == "aws-sdk" else ABSENT
        path = ("providers", name, "auth_mode")
        if mode is not ABSENT or path in facts.leaves:
            yield compare(facts, path, mode)


def _kind(block: Provider) -> str:
    if any(method.supplied_by for method in block.auth):
        return "plugin"
    return "cli" if block.tags.cli else "core"


def _read_kind(raw: str) -> str:
    """Reduce the facts' eight kinds to what the registry tells apart: who supplies the login, and command-line ones."""
    return "plugin" if "plugin" in raw else "cli" if raw == "cli-backend" else "core"


def names(facts: Facts, now: Now) -> Iterator[Item]:
    """How a provider's name is made canonical."""
    found = {alias: block.id for block in now.providers.values() for alias in block.aliases}
    yield from compare_map(facts, ("normalize_provider_id", "map"), found)
    steps = {"trim": canonical_id(" x ") == "x", "lowercase": canonical_id("X") == "x"}
    path = ("normalize_provider_id", "steps")
    yield compare(facts, path, tuple(step for step, done in steps.items() if done))
    for name in facts.data["normalize_provider_id"]["map"]:
        spelled = f"  {name.upper()}\n"
        yield Item(
            ("resolved names", name), facts.leaves["normalize_provider_id", "map", name], _resolved(now, spelled)
        )


def model_names(facts: Facts, now: Now) -> Iterator[Item]:
    """Other spellings of model ids, and short names for models in config files."""
    short: dict[str, str] = {}
    for name, fact, block in now.shared(facts):
        mine = {alias: f"{name}/{model}" for alias, model in block.short_names.items()}
        short |= mine
        yield from compare_map(facts, ("providers", name, "config_aliases"), mine)
        said = [key for key in ("model_id_rules", "model_aliases") if key in fact]
        # The vendor's own name in an id makes one alias necessary, which the facts tell as a quirk.
        known = {alias for key in said for pattern in fact[key] for alias in _expand(pattern)}
        known |= {"auto"} if any("parses to model 'auto'" in quirk for quirk in fact.get("quirks", [])) else set()
        for key in said:
            for pattern in fact[key]:
                meant = {block.model_aliases.get(alias, alias) for alias in _expand(pattern)}
                yield compare(
                    facts, ("providers", name, key, pattern), meant.pop() if len(meant) == 1 else tuple(sorted(meant))
                )
        for alias in sorted({*block.model_aliases} - known):
            yield Item(("providers", name, "model_aliases", alias), ABSENT, block.model_aliases[alias])
    yield from compare_map(facts, ("default_model_aliases",), short)


def _expand(pattern: str) -> list[str]:
    """Return what a pattern such as `a|b-(1|2)` stands for: a, b-1, b-2."""
    found: list[str] = []
    for part in re.split(r"\|(?![^(]*\))", pattern):  # the bars outside brackets
        inside = re.search(r"\(([^)]*)\)", part)
        ends = inside.group(1).split("|") if inside else [""]
        found += [part.replace(inside.group(0), end) if inside else part for end in ends]
    return found


def seeds(facts: Facts, now: Now) -> Iterator[Item]:
    """The alias proposed for a model when it becomes the default."""
    for name, fact, block in now.shared(facts):
        said = fact.get("alias_seed", {})
        used: set[str] = set()
        for ref in said:
            path = ("providers", name, "alias_seed", ref)
            if ref.endswith("/<model>"):
                labels = {
                    block.seed_aliases.get(each.default_model.partition("/")[2], "")
                    for each in block.auth
                    if each.default_model
                }
                used |= set(block.seed_aliases)
                yield compare(facts, path, labels.pop() if len(labels) == 1 else tuple(sorted(labels)))
                continue
            provider, model = now.registry.resolve_model(ref)
            label = block.seed_aliases.get(model.id, ABSENT) if model and provider is block else ABSENT
            used |= {model.id} if model else set()
            yield compare(facts, path, label)
        for model_id in sorted({*block.seed_aliases} - used):
            yield Item(("providers", name, "alias_seed", model_id), ABSENT, block.seed_aliases[model_id])


def orders(facts: Facts, now: Now) -> Iterator[Item]:
    """Order of providers that need no config entry, of preferred ones in pickers, and models left out of pickers."""
    for key, tag in (("implicit_order", "implicit-order"), ("picker_preference", "picker-order")):
        rows = sorted((row.value, row.provider) for row in now.rows("runtime-tags") if row.tag == tag)
        yield from compare_order(facts, (key,), [name for _, name in rows])
    hidden = [ref for block in now.providers.values() for ref in block.hidden_models]
    yield from compare_order(facts, ("hidden_picker_models",), hidden)


def api_rules(facts: Facts, now: Now) -> Iterator[Item]:
    """Patterns that give a model its wire format."""
    for name, fact, block in now.shared(facts):
        rules = dict(block.api_rules)
        for key in fact.get("api_rule", {}):
            patterns = ["*"] if key == "else" else key.split("|")
            styles = {rules.pop(pattern, "") for pattern in patterns}
            ready = styles.pop() if len(styles) == 1 else tuple(sorted(styles))
            yield compare(facts, ("providers", name, "api_rule", key), ready)
        for pattern, style in rules.items():
            yield Item(("providers", name, "api_rule", pattern), ABSENT, style)


def allowlist(facts: Facts, now: Now) -> Iterator[Item]:
    """Models that a subscription token may use."""
    for name, fact, block in now.shared(facts):
        found = {method.choice: method.allowed_models for method in block.auth if method.allowed_models}
        if found or "oauth_allowlist" in fact:
            ready = next(iter(found.values())) if len(found) == 1 else tuple(found)
            yield compare(facts, ("providers", name, "oauth_allowlist"), ready)


def profiles(facts: Facts, now: Now) -> Iterator[Item]:
    """Credential profiles that the provider's logins and rules write or mention."""
    for name, fact, block in now.shared(facts):
        path = ("providers", name, "profiles")
        shapes = [method.profile for method in block.auth if method.profile]
        shapes += [rule.subject for rule in block.legacy if rule.rule == "external-sync"]
        used: set[str] = set()
        for profile in fact["profiles"]:
            fits = [shape for shape in shapes if _fits(shape, profile)]
            used |= set(fits)
            yield compare(facts, (*path, profile), bool(fits))
        for shape in sorted({*shapes} - used):
            yield Item((*path, shape), ABSENT, True)
        if not fact["profiles"] and not shapes:
            yield Item(path, (), tuple(shapes))


def _fits(shape: str, profile: str) -> bool:
    """Tell whether a profile id of the facts is written by `shape`: `x:{email}` writes x:<email> and x:default."""
    provider, _, rest = shape.partition(":")
    if not rest.startswith("{"):
        return shape == profile
    return profile.startswith(f"{provider}:")


def exchange(facts: Facts, now: Now) -> Iterator[Item]:
    """Tokens that are traded or renewed by the provider's own strategy, and credentials that are sent as JSON."""
    for name, fact, block in now.shared(facts):
        path = ("providers", name, "token_exchange")
        if "token_exchange" in fact or block.token_exchange:
            each = block.token_exchange
            yield compare(facts, (*path, "url"), each.url if each else ABSENT)
            margin = f"expiry > now+{each.margin_s // 60}min" if each else ABSENT
            yield compare(facts, (*path, "usable_if"), margin)
        if "api_key_format" in fact or block.tags.json_api_key:
            yield claim(facts, ("providers", name, "api_key_format"), block.tags.json_api_key)
        if "refresh" in fact:
            yield from _refresh(facts, name, block)


def _refresh(facts: Facts, name: str, block: Provider) -> Iterator[Item]:
    path = ("providers", name, "refresh")
    oauth = next(method.oauth for method in block.auth if method.oauth)
    yield compare(facts, (*path, "keep_refresh_if_absent"), oauth.keeps_refresh_token)
    runner = oauth.refresh_runner
    own = runner is not None and not runner.startswith("plugin:") and runner == block.tags.custom_refresh
    yield compare(facts, (*path, "where"), "core" if own else "plugin", lambda raw: raw.partition(" (")[0])
    if (*path, "url") in facts.leaves or oauth.refresh_url:
        yield compare(facts, (*path, "url"), oauth.refresh_url)


def discovery(facts: Facts, now: Now) -> Iterator[Item]:
    """How models that no block lists are found, and what an unknown one is taken to be."""
    for name, fact, block in now.shared(facts):
        path = ("providers", name, "discovery")
        if "discovery" in fact and block.discovery:
            yield from _discovery(facts, path, block, block.discovery)
        elif "discovery" in fact or block.discovery:
            told = "discovery" in fact or "live GET" in fact["models"].get("note", "")
            yield Item(path, told, block.discovery is not None)


def _discovery(facts: Facts, path: Path, block: Provider, found: Discovery) -> Iterator[Item]:
    own = {"auth": found.authenticated, "timeout_ms": round(found.timeout_s * 1000), "refresh_s": found.refresh_s}
    for field, ready in own.items():
        if (*path, field) in facts.leaves:
            yield compare(facts, (*path, field), ready)
    if (*path, "url") in facts.leaves:
        yield compare(facts, (*path, "url"), _address(found.url or "", block), lambda raw: _address(raw[4:], block))
    unknown = Model("m", "M", found.context_window, found.max_tokens)
    for where in ((), ("unknown",), ("entry",)):
        for field, each in {"ctx": unknown.context_window, "max": unknown.max_tokens}.items():
            if (*path, *where, field) in facts.leaves:
                yield compare(facts, (*path, *where, field), each, lambda raw: int(str(raw).rpartition("|")[2]))
        if (*path, *where, "cost") in facts.leaves:
            yield compare(facts, (*path, *where, "cost"), plain_cost(unknown.cost))
        if (*path, *where, "input") in facts.leaves:
            yield compare(facts, (*path, *where, "input"), unknown.input)


def _address(url: str, block: Provider) -> str:
    base = block.base_url or ""
    origin = "/".join(base.split("/", 3)[:3])
    return url.replace("{baseUrl}", base).replace("{base}", base).replace("{origin}", origin)


def quirks(facts: Facts, now: Now) -> Iterator[Item]:
    """Peculiarities told in prose that blocks and registry show."""
    refs = now.providers["openrouter"]
    yield claim(facts, ("providers", "openrouter", "quirks", "[0]"), refs.hidden_models == ("openrouter/auto",))
    _, model = now.registry.resolve_model("openrouter/auto")
    yield claim(
        facts, ("providers", "openrouter", "quirks", "[1]"), model is not None and model.id == "openrouter/auto"
    )
    yield claim(facts, ("providers", "vercel-ai-gateway", "quirks", "[0]"), _resolved(now, "ai-gateway") is ABSENT)
    note = ("providers", "ollama", "env_notes", "code")
    yield claim(facts, note, not now.rows("env-vars", "ollama"))
    cached = now.providers["opencode"].discovery
    assert cached is not None
    ready = (cached.url, cached.timeout_s, cached.refresh_s, cached.context_window, cached.max_tokens)
    yield claim(facts, ("providers", "opencode", "models", "note"), ready == ("{base}/models", 10, 3600, 128_000, 8192))


def _resolved(now: Now, name: str) -> object:
    try:
        return now.registry.resolve_provider(name).id
    except UnknownNameError:
        return ABSENT


COMPARISONS = (
    identity, plain_fields, names, model_names, seeds, orders, api_rules, allowlist, profiles, exchange, discovery,
    quirks,
)  # fmt: skip
