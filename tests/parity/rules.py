"""Compares what is told of runtime behaviour, legacy profiles, advisories and usage reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jackfield.providers.views.rows import EVERY_PROVIDER
from parity.items import ABSENT, Item, Now, compare, compare_map, compare_order, compare_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parity.facts import Facts

Tag = tuple[str, Any]

QUIRK = "quirk"
_PLAIN: dict[str, tuple[Tag, ...]] = {
    "binary-thinking": (("binary-thinking", True),),
    "reasoning-tag": (("reasoning-tag", True),),
    "runtime-token-exchange": (("token-exchange", True),),
    "json-api-key": (("json-api-key", True),),
    "cli-provider": (("cli", True),),
    "auth:aws-sdk": (("aws-sdk", True),),
    "cacheControlTtl-param": ((QUIRK, "cache-control-ttl-param"),),
    "refusal-magic-scrub": ((QUIRK, "refusal-magic-scrub"),),
    "apply_patch-allowed": ((QUIRK, "apply-patch"),),
    "tool-schema-clean": ((QUIRK, "tool-schema-clean"),),
    "tool-call-id strict9": ((QUIRK, "tool-call-id:strict9"),),
    "transcript sanitise full": ((QUIRK, "transcript-sanitize:full"),),
    "antigravity-claude: keep signatures, normalise thinking": (
        (QUIRK, "claude-keep-signatures"),
        (QUIRK, "claude-normalize-thinking"),
    ),
}


def parse_tag(text: str) -> tuple[Tag, ...]:
    """Return what a tag of the facts is in the view's words: (tag, value) pairs; none for tags of other domains."""
    if text in _PLAIN:
        return _PLAIN[text]
    head, _, rest = text.partition(":")
    match head:
        case "transcript":
            return (("transcript", rest.removesuffix("(api)")),)
        case "cache-ttl":
            return (("cache-ttl", (rest or "*",)),)
        case "cacheControlTtl":
            return ((QUIRK, f"cache-control-ttl-param:{rest}"),)
        case "usage":
            label, _, note = rest.partition("(")
            return (("usage-label", label), *(((QUIRK, "usage-account-id"),) if note == "accountId)" else ()))
        case "modern":
            return (("current-models", _patterns(rest)),)
        case "xhigh":
            return (("xhigh-models", tuple(rest.split(","))),)
        case "thought-sig-sanitize":
            return ((QUIRK, f"thought-signature-sanitize:{rest}"),)
        case "image-pair":
            return ((QUIRK, f"image-model:{rest}"),)
        case "compat" if rest.startswith("supportsDeveloperRole=false"):
            return ((QUIRK, "no-developer-role"),)
        case "oauth-refresh":
            return (("custom-refresh", rest),)
        case _ if text.startswith("reasoning-tag ("):
            return (("reasoning-tag", "by part of the id"),)
    return ()


def _patterns(text: str) -> tuple[str, ...]:
    """Read `a-(b|c)*`, `x|y`, `x,y`, `any` and `any except x, y` as the list of patterns they stand for."""
    every, _, but = text.partition(" except ")
    if every == "any":
        return ("*", *(f"!{each}" for each in but.split(", ") if each))
    found: list[str] = []
    for part in re.split(r"[|,](?![^(]*\))", text):
        inside = re.search(r"\(([^)]*)\)", part)
        ends = inside.group(1).split("|") if inside else [""]
        found += [part.replace(inside.group(0), end) if inside else part for end in ends]
    return tuple(found)


def tags(facts: Facts, now: Now) -> Iterator[Item]:
    """Each provider's tags, and every tag the view has that no fact speaks of."""
    for name, fact, _ in now.shared(facts):
        path = ("providers", name, "tags")
        have = {row.tag: row.value for row in now.rows("runtime-tags", name)}
        quirks = set(have.pop("quirks", ()))
        told: set[Tag] = set()
        for text in fact["tags"]:
            wanted = parse_tag(text)
            told |= set(wanted)
            if wanted:
                yield Item(
                    (*path, text), wanted, tuple((tag, _value(tag, value, have, quirks)) for tag, value in wanted)
                )
        for quirk in sorted(quirks - {value for tag, value in told if tag == QUIRK}):
            yield Item((*path, quirk), ABSENT, True)
        for tag in ("transcript", "current-models", "local"):
            if tag in have and tag not in {each for each, _ in told}:
                yield Item((*path, tag), ABSENT, have[tag])
        if not fact["tags"]:
            yield Item(path, (), tuple(sorted(quirks)))


def _value(tag: str, wanted: object, have: dict[str, Any], quirks: set[str]) -> object:
    if tag == QUIRK:
        return wanted if wanted in quirks else ABSENT
    if tag == "custom-refresh":
        return "custom" if tag in have else ABSENT
    return have.get(tag, ABSENT)


def tag_tables(facts: Facts, now: Now) -> Iterator[Item]:
    """The tables of tags over all providers."""
    rows = now.rows("runtime-tags")

    def having(tag: str) -> list[str]:
        return [row.provider for row in rows if row.tag == tag]

    plain = ("binary_thinking", "cli", "json_api_key", "token_exchange", "custom_refresh", "openai_family", "aws_sdk")
    for key in plain:
        yield from compare_set(facts, ("runtime_tags", key), having(key.replace("_", "-")))
    models = [f"{row.provider}/{model}" for row in rows if row.tag == "xhigh-models" for model in row.value]
    yield from compare_set(facts, ("runtime_tags", "xhigh"), models)
    cached = [
        row.provider if pattern == "*" else f"{row.provider}:{pattern}"
        for row in rows
        if row.tag == "cache-ttl"
        for pattern in row.value
    ]
    yield from compare_set(facts, ("runtime_tags", "cache_ttl"), cached)
    yield from _reasoning(facts, having("reasoning-tag"))


def _reasoning(facts: Facts, declared: list[str]) -> Iterator[Item]:
    path = ("runtime_tags", "reasoning_tag")
    parts = facts.data["runtime_tags"]["reasoning_tag"]["contains"]
    for part in parts:
        yield Item((*path, "contains", part), "ids with this in them", "this id" if part in declared else ABSENT)
    yield from compare_set(facts, (*path, "exact"), [name for name in declared if name not in parts])


def usage(facts: Facts, now: Now) -> Iterator[Item]:
    """Names and order in usage reports."""
    rows = now.rows("runtime-tags")
    places = sorted((row.value, row.provider) for row in rows if row.tag == "usage-order")
    yield from compare_order(facts, ("usage", "order"), [name for _, name in places])
    labels = {row.provider: row.value for row in rows if row.tag == "usage-label"}
    yield from compare_map(facts, ("usage", "labels"), labels)


_RULES = {
    "oauth-default-id-repair": "repair-default-id",
    "deprecated-remove": "remove",
    "mode-migrate": "migrate-mode",
    "external-cli-sync": "external-sync",
    "model-ref": "model-ref",
    "choice-alias": "choice-alias",
}
_MOMENTS = {"doctor + refresh fallback": ("doctor", "refresh"), "config legacy migration 3": ("config",)}


def legacy(facts: Facts, now: Now) -> Iterator[Item]:
    """Rules for what older programs left in stores and config files."""
    for name, fact, _ in now.shared(facts):
        rows = now.rows("legacy-profiles", name)
        said = {_RULES[each["rule"]]: each for each in fact["legacy"]}
        for rule in sorted({*said, *(row.rule for row in rows)}):
            mine = [row for row in rows if row.rule == rule]
            fields = _rule_fields(rule, mine)
            given = said.get(rule)
            path = ("providers", name, "legacy", given["rule"] if given else rule)
            yield Item((*path, "rule"), rule if given else ABSENT, rule if mine else ABSENT)
            for field in given or {}:
                if field in fields:
                    yield compare(facts, (*path, field), fields[field], _LEGACY_READ.get(field))
        if not fact["legacy"]:
            yield Item(("providers", name, "legacy"), (), tuple(row.rule for row in rows))


def _rule_fields(rule: str, rows: list[Any]) -> dict[str, object]:
    """Return the fields of one rule's rows under the facts' names."""
    if not rows:
        return {}
    row = rows[0]
    if rule == "choice-alias":
        meant = {each.to for each in rows}
        return {"frm": tuple(sorted(each.subject for each in rows)), "to": meant.pop() if len(meant) == 1 else None}
    if rule == "external-sync":
        return {"id": row.subject, "frm": row.source, "ttl_min": row.fresh_s}
    if rule == "model-ref":
        return {"frm": row.subject, "to": row.to, "treated": "equal"}
    ready: dict[str, object] = {"where": row.where}
    ready |= {"frm": row.subject} if rule == "repair-default-id" else {"id": row.subject}
    return ready | ({"to_mode": row.to} if rule == "migrate-mode" else {})


def _read_from(raw: Any) -> Any:
    return tuple(sorted(raw)) if isinstance(raw, tuple) else raw


_LEGACY_READ: dict[str, Any] = {
    "frm": _read_from,
    "ttl_min": lambda raw: raw * 60,
    "where": lambda raw: _MOMENTS.get(raw, (raw,)),
}


def legacy_for_all(facts: Facts, now: Now) -> Iterator[Item]:
    """Rules for the files of older programs."""
    rows = now.rows("legacy-profiles", EVERY_PROVIDER)
    told = [each for each in facts.data["generic_legacy_profile_rules"] if "id" in each]
    for place in range(max(len(rows), len(told))):
        path = ("generic_legacy_profile_rules", f"[{place}]")
        row = rows[place] if place < len(rows) else None
        yield compare(facts, (*path, "rule"), row.source if row else ABSENT, lambda raw: raw.split()[0])
        yield compare(facts, (*path, "id"), row.subject if row else ABSENT)


_WHEN = {
    "token flow": "before-login",
    "no --token": "before-login",
    "models status": "status",
    "oauth refresh error": "refresh-failed",
    "no openai key": "doctor",
    "failure": "login-failed",
    "doctor": "doctor",
    "plugins off": "status",
    "provider not registered": "status",
}


def moment(said: str) -> str:
    """Return the moment that a phrase of the facts means; the phrase itself where none fits."""
    return next((meant for phrase, meant in _WHEN.items() if said.startswith(phrase)), said)


def advisories(facts: Facts, now: Now) -> Iterator[Item]:
    """What users are told: ids and order, titles, moments and links, of each provider and of all."""
    lists = [(name, ("providers", name, "advisories"), fact["advisories"]) for name, fact, _ in now.shared(facts)]
    for name, path, said in [*lists, (EVERY_PROVIDER, ("advisories_global",), facts.data["advisories_global"])]:
        rows = {row.id: row for row in now.rows("advisories", name)}
        wanted = [each["id"] for each in said]
        common = [each for each in rows if each in wanted]
        for place, name_ in enumerate(wanted):
            found = common.index(name_) if name_ in common else None
            yield Item((*path, name_, "id"), (place, name_), ABSENT if found is None else (found, name_))
            if name_ in rows:
                yield from _advisory(facts, (*path, name_), rows[name_])
        for extra in rows:
            if extra not in wanted:
                yield Item((*path, extra, "id"), ABSENT, extra)
        if not said:
            yield Item(path, (), tuple(rows))


def _advisory(facts: Facts, path: tuple[str, ...], row: Any) -> Iterator[Item]:
    for field, ready in (("title", row.title), ("url", row.url)):
        if (*path, field) in facts.leaves:
            yield compare(facts, (*path, field), ready)
    if (*path, "warn_within_h") in facts.leaves:
        hours = re.search(r"(\d+) hours", row.text)
        yield compare(facts, (*path, "warn_within_h"), int(hours.group(1)) if hours else ABSENT)
    timed = [field for field in ("when", "where") if isinstance(facts.leaves.get((*path, field)), str)]
    for field in timed:
        yield compare(facts, (*path, field), row.when, moment)


COMPARISONS = (tags, tag_tables, usage, legacy, legacy_for_all, advisories)
