"""Compares the login choices: groups, order, hidden and deprecated names, providers, plugins, flags and prompts."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from jackfield.providers.views import choice_groups
from parity.items import ABSENT, Item, Now, claim, compare, compare_map, compare_order, compare_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import AuthMethod, OAuth
    from parity.facts import Facts, Path

INTERACTIVE = "error, OAuth requires interactive"


def _at(place: int | None, raw: str) -> tuple[int | None, str]:
    """Return a name with its place in a list."""
    return place, raw


def groups(facts: Facts, now: Now) -> Iterator[Item]:
    """Headings: their order, label, hint, and the choices under them."""
    places = {each["id"]: place for place, each in enumerate(facts.data["groups"])}
    found = {each.id: (place, each) for place, each in enumerate(choice_groups(now.snapshot))}
    for name in sorted({*places, *found}):
        path = ("groups", name)
        place, group = found.get(name, (None, None))
        ready = (place, name) if group else ABSENT
        yield compare(facts, (*path, "id"), ready, partial(_at, places.get(name)))
        if name in places:
            yield compare(facts, (*path, "label"), group.label if group else ABSENT)
            yield compare(facts, (*path, "hint"), group.hint if group else ABSENT)
            yield compare(facts, (*path, "choices"), tuple(row.choice for row in group.choices) if group else ABSENT)


def own_group(facts: Facts, now: Now) -> Iterator[Item]:
    """The group each provider says it stands under."""
    for name, fact, block in now.shared(facts):
        path = ("providers", name, "group")
        if fact["group"] is None or block.group is None:
            yield Item(path, fact["group"], block.group and block.group.id)
            continue
        for field in ("id", "label", "hint"):
            yield compare(facts, (*path, field), getattr(block.group, field))


def flat_order(facts: Facts, now: Now) -> Iterator[Item]:
    """The choices that are offered, in one list."""
    offered = [row.choice for row in now.rows("auth-choices") if not row.hidden]
    yield from compare_order(facts, ("choices_flat_order",), offered)


def hidden(facts: Facts, now: Now) -> Iterator[Item]:
    """The choices that work when named and are not offered."""
    yield from compare_set(facts, ("hidden_choices",), [row.choice for row in now.rows("auth-choices") if row.hidden])


def help_list(facts: Facts, now: Now) -> Iterator[Item]:
    """The choices that a help page names: those that are offered."""
    offered = [row.choice for row in now.rows("auth-choices") if not row.hidden]
    yield from compare_set(facts, ("cli_help_auth_choices",), offered)


def preferred(facts: Facts, now: Now) -> Iterator[Item]:
    """The provider behind each choice."""
    providers = {row.choice: row.provider for row in now.rows("auth-choices")}
    yield from compare_map(facts, ("preferred_provider",), providers)


def token_provider(facts: Facts, now: Now) -> Iterator[Item]:
    """The choice that `--token-provider` means: the provider's first method of kind api_key."""
    first: dict[str, str] = {}
    for row in now.rows("api-key-specs"):
        if row.kind == "api_key":
            first.setdefault(row.provider, row.choice)
    yield from compare_map(facts, ("token_provider_map",), first)


def plugins(facts: Facts, now: Now) -> Iterator[Item]:
    """The plugins that supply a choice."""
    needs = {row.needs_plugin: row.provider for row in now.rows("auth-choices") if row.needs_plugin}
    had = {each["plugin"] for each in facts.data["plugin_auto_enable"]}
    for name in sorted({*needs, *had}):
        yield compare(facts, ("plugin_auto_enable", name, "plugin"), name if name in needs else ABSENT)
        yield compare(facts, ("plugin_auto_enable", name, "provider"), needs.get(name, ABSENT))
    for name, fact, block in now.shared(facts):
        supplied = {method.supplied_by for method in block.auth if method.supplied_by}
        if "plugin" in fact or supplied:
            yield compare(facts, ("providers", name, "plugin"), next(iter(sorted(supplied)), ABSENT))


def unattended(facts: Facts, now: Now) -> Iterator[Item]:
    """What each choice does where nobody can be asked."""
    rows = {row.choice: row for row in now.rows("auth-choices")}

    def does(choice: str, said: str) -> str:
        row = rows[choice]
        if row.replaced_by:
            return "deprecated" if said == "deprecated" else f"use {row.replaced_by}"
        return "OAuth requires interactive" if row.interactive else "flags are enough"

    path = ("non_interactive", "error_choices")
    for names, said in facts.data["non_interactive"]["error_choices"].items():
        told = {does(name, said) for name in names.split(",")}
        yield compare(facts, (*path, names), told.pop() if len(told) == 1 else tuple(sorted(told)))
    path = ("non_interactive", "silent_choices")
    for name in facts.data["non_interactive"]["silent_choices"]:
        yield compare(facts, (*path, name), does(name, ""), lambda _: facts.data["no_handler"])
    token = rows["token"]
    default = re.sub(r"\{\w+\}", "default", token.profile or "").replace(token.provider, "<provider>")
    for field in ("help_text", "actual"):
        yield compare(facts, ("non_interactive", "token_default_profile", field), default)


def methods(facts: Facts, now: Now) -> Iterator[Item]:
    """Each login method: its place, label, hint, flags, profile, and what its flow needs."""
    for name, fact, block in now.shared(facts):
        places = {each["choice"]: place for place, each in enumerate(fact["auth"])}
        mine = {method.choice: (place, method) for place, method in enumerate(block.auth)}
        for choice in sorted({*places, *mine}):
            path = ("providers", name, "auth", choice)
            if choice not in mine or choice not in places:
                yield compare(facts, (*path, "choice"), choice if choice in mine else ABSENT)
                continue
            place, method = mine[choice]
            yield compare(facts, (*path, "choice"), (place, choice), partial(_at, places[choice]))
            yield from _method(facts, path, method, now)
        if not fact["auth"]:
            yield Item(("providers", name, "auth"), (), tuple(mine))


def _method(facts: Facts, path: Path, method: AuthMethod, now: Now) -> Iterator[Item]:
    fact = {name: facts.leaves[*path, name] for name in facts.children[path]}
    row = next(row for row in now.rows("auth-choices") if row.choice == method.choice)
    fields: dict[str, object] = {
        "kind": row.kind,
        "label": row.label,
        "hint": row.hint,
        "legacy_choices": method.legacy_choices,
        "hidden": row.hidden,
        "method": row.method,
        "model": row.default_model,
    }
    absent = {"hint": None, "legacy_choices": (), "hidden": False}
    for field, ready in fields.items():
        if field in fact:
            yield compare(facts, (*path, field), ready)
        elif field in absent:
            yield Item((*path, field), absent[field], ready)
    if "profile" in fact or row.profile:
        yield compare(facts, (*path, "profile"), row.profile, _read_profile)
    if "non_interactive" in fact:
        yield compare(facts, (*path, "non_interactive"), INTERACTIVE if row.interactive else "flags are enough")
    if "needs" in fact:
        yield compare(facts, (*path, "needs"), "TTY" if row.interactive else ABSENT)
    yield from _key(facts, path, fact, method)
    if method.oauth is not None:
        yield from _oauth(facts, path, fact, method.oauth)


def _read_profile(raw: Any) -> Any:
    """Write `<email|default>` and `<slug(name)|default>` as blocks do: `{email}`, `{name}`."""
    return None if raw is None else re.sub(r"<(?:slug\()?(\w+)\)?\|default>$", r"{\1}", raw)


def _key(facts: Facts, path: Path, fact: dict[str, Any], method: AuthMethod) -> Iterator[Item]:
    key = method.key
    flags = tuple(sorted(key.flags)) if key else ()
    if "flags" in fact:
        yield compare(facts, (*path, "flags"), flags, lambda raw: tuple(sorted(raw)))
    else:
        yield Item((*path, "flag"), () if fact.get("flag") is None else (fact["flag"],), flags)
    if key is None:
        return
    if "opt" in fact:
        yield compare(facts, (*path, "opt"), key.field)
    if "env_confirm" in fact:
        yield compare(facts, (*path, "env_confirm"), key.offer_env)
    said = facts.leaves
    if (*path, "key", "normalise") in said:
        yield compare(facts, (*path, "key", "normalise"), key.normalize, _read_normalise)
        needs = "needs text" if key.min_length >= 1 else "takes blanks"
        yield compare(facts, (*path, "key", "validate"), needs, _read_validate)
    if (*path, "key", "prefix") in said:
        yield compare(facts, (*path, "key", "prefix"), key.prefix)
        yield compare(facts, (*path, "key", "minLen"), key.min_length)
        yield compare(facts, (*path, "key", "trim"), key.normalize == "trim")
    else:
        yield Item((*path, "key", "prefix"), None, key.prefix)
        yield Item((*path, "key", "minLen"), 1, key.min_length)


def _read_normalise(raw: str) -> str:
    return "shell" if raw.startswith("shell-assign") else "trim" if raw.startswith("trim only") else raw


def _read_validate(raw: str) -> str:
    return "needs text" if raw.startswith("Required if") else raw


def _oauth(facts: Facts, path: Path, fact: dict[str, Any], oauth: OAuth) -> Iterator[Item]:
    if "callback" in fact or oauth.redirect_uri:
        yield compare(facts, (*path, "callback"), oauth.redirect_uri, lambda raw: raw.partition(" (")[0])
    if "hosts" in fact:
        yield _hosts(facts, (*path, "hosts"), oauth)
    scopes = "scopes" if "scopes" in fact else "scope"
    if scopes in fact or oauth.scopes:
        yield compare(facts, (*path, scopes), " ".join(oauth.scopes))
    if "timeout_min" in fact:
        yield compare(facts, (*path, "timeout_min"), oauth.timeout_s, lambda raw: raw * 60)
    if "expires" in fact:
        yield compare(facts, (*path, "expires"), _expiry(oauth), lambda raw: raw.partition(",")[0])
    if "manual_input" in fact:
        words = {"full redirect URL only": "url", "redirect URL or bare code": "url-or-code"}
        yield compare(facts, (*path, "manual_input"), oauth.pasted, words.__getitem__)
    if "client_prompt" in fact:
        yield claim(facts, (*path, "client_prompt"), oauth.client_env[:1] == (fact["client_prompt"].split()[1],))


def _expiry(oauth: OAuth) -> str:
    return f"now+expires_in-{oauth.expiry_margin_s // 60}min"


def _hosts(facts: Facts, path: Path, oauth: OAuth) -> Item:
    """Compare hosts; where the facts give whole addresses, the addresses of the flow."""
    raw: list[str] = facts.leaves[path]
    wanted: set[str] = set()
    for each in raw:
        inside = re.search(r"\{([^}]*)\}", each)
        ends = inside.group(1).split(",") if inside else [""]
        wanted |= {each.replace(inside.group(0), end) if inside else each for end in ends}
    urls = (oauth.authorize_url, oauth.device_code_url, oauth.token_url, oauth.userinfo_url)
    addresses = {url.removeprefix("https://") for url in urls if url}
    have = addresses if any("/" in each for each in wanted) else set(oauth.hosts)
    if have is addresses and not all(each.partition("/")[0] in oauth.hosts for each in addresses):
        have = {*addresses, "a host that the flow does not declare"}
    return Item(path, tuple(sorted(wanted)), tuple(sorted(have)))


COMPARISONS = (
    groups, own_group, flat_order, hidden, help_list, preferred, token_provider, plugins, unattended, methods,
)  # fmt: skip
