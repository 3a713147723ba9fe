"""Compares the environment variables: names, order, alternatives, sets, imports from the login shell, and sharing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parity.items import ABSENT, Item, Now, claim, compare, compare_map, compare_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import Provider
    from parity.facts import Facts


def _alone(now: Now, provider: str) -> tuple[str, ...]:
    """Return the variables that are a credential alone, in the order of the view."""
    return tuple(row.name for row in now.rows("env-vars", provider) if row.rule == "any-of")


def names(facts: Facts, now: Now) -> Iterator[Item]:
    """Variables that are a credential alone, in order of precedence, in both places where the facts list them."""
    for name, _, _ in now.shared(facts):
        yield compare(facts, ("providers", name, "env"), _alone(now, name))
    table = {name: _alone(now, name) for name in now.providers}
    yield from compare_map(facts, ("env_table",), {name: found for name, found in table.items() if found})


def sets(facts: Facts, now: Now) -> Iterator[Item]:
    """Sets of variables that count only together, with the file that belongs to them."""
    for name, fact, block in now.shared(facts):
        rows = now.rows("env-vars", name)
        count = max(len(fact.get("env_sets", [])), len(block.env.sets))
        for number in range(count):
            path = ("providers", name, "env_sets", f"[{number}]")
            mine = [row for row in rows if row.set == number]
            rules = {"all": "all-of", "any": "one-of"}
            for key, rule in rules.items():
                found = tuple(row.name for row in mine if row.rule == rule)
                if found or (*path, key) in facts.leaves:
                    yield compare(facts, (*path, key), found or ABSENT)
            if (*path, "file") in facts.leaves or any(row.rule == "file" for row in mine):
                each = block.env.sets[number]
                yield compare(facts, (*path, "file"), f"{each.file_variable} path if set, else {each.file_default}")


def shell_import(facts: Facts, now: Now) -> Iterator[Item]:
    """Variables that may come from the user's login shell."""
    imported = [row.name for row in now.rows("env-vars") if row.login_shell]
    yield from compare_set(facts, ("shell_env_expected",), imported)
    for name, fact, _ in now.shared(facts):
        path = ("providers", name, "env_notes", "shell_import")
        if path in facts.leaves:
            every = {True: fact["env"], False: []}

            def read(raw: Any, every: dict[bool, list[str]] = every) -> tuple[str, ...]:
                return tuple(sorted(every[raw] if isinstance(raw, bool) else raw))

            mine = tuple(sorted(row.name for row in now.rows("env-vars", name) if row.login_shell))
            yield compare(facts, path, mine, read)


def modes(facts: Facts, now: Now) -> Iterator[Item]:
    """What kind of credential a variable holds, and that the first one set wins."""
    mark = facts.leaves["env_rules", "oauth_if_source_contains"]
    alone = [row for row in now.rows("env-vars") if row.rule == "any-of"]
    wrong = [row.name for row in alone if row.mode != ("oauth" if mark in row.name else "api_key")]
    yield claim(facts, ("env_rules", "oauth_if_source_contains"), not wrong)
    places = [[row.order for row in now.rows("env-vars", name) if row.role == "credential"] for name in now.providers]
    yield claim(facts, ("env_rules", "first_wins"), all(found == list(range(len(found))) for found in places))
    oauth = next(row for row in now.rows("env-vars", "anthropic") if mark in row.name)
    yield claim(facts, ("providers", "anthropic", "env_notes", "oauth_env"), oauth.mode == "oauth")
    signed = {row.mode for row in now.rows("env-vars", "amazon-bedrock") if row.role == "credential"}
    yield compare(
        facts,
        ("providers", "amazon-bedrock", "env_notes", "mode"),
        signed.pop() if len(signed) == 1 else tuple(signed),
        lambda raw: raw.partition(";")[0],
    )
    yield claim(facts, ("providers", "github-copilot", "env_notes", "value_is"), _exchanged(now))
    yield claim(facts, ("providers", "google-vertex", "env_notes", "rule"), _adc(now))


def _exchanged(now: Now) -> bool:
    """Tell whether the tokens in the environment are GitHub's and are traded for another one."""
    tags = {row.tag: row.value for row in now.rows("runtime-tags", "github-copilot")}
    exchange = now.providers["github-copilot"].token_exchange
    return tags.get("token-exchange") is True and exchange is not None and "api.github.com" in exchange.url


def _adc(now: Now) -> bool:
    """Tell whether location, project and file belong to one set, and the set yields no key but the ADC chain."""
    rows = [row for row in now.rows("env-vars", "google-vertex") if row.role == "credential"]
    return {row.set for row in rows} == {0} and {row.mode for row in rows} == {"adc"} and len(rows) == 4


def settings(facts: Facts, now: Now) -> Iterator[Item]:
    """Variables that are read for other things than credentials."""
    for name, fact, _ in now.shared(facts):
        said = [key for key in ("project_env", "plugin_env", "oauth_env") if key in fact]
        mine = [row.name for row in now.rows("env-vars", name) if row.role == "setting"]
        if "region" in fact:
            yield from compare_set(facts, ("providers", name, "region"), mine)
            continue
        for key in said:
            part, mine = tuple(mine[: len(fact[key])]), mine[len(fact[key]) :]
            yield compare(facts, ("providers", name, key), part)
        if mine:
            yield Item(("providers", name, "settings"), ABSENT, tuple(mine))


def usage(facts: Facts, now: Now) -> Iterator[Item]:
    """Variables that are read first when usage is asked for, and those a child program does not get."""
    for name, _, block in now.shared(facts):
        mine = tuple(row.name for row in now.rows("env-vars", name) if row.role == "usage")
        path = ("providers", name, "env_notes", "usage_first")
        if mine or path in facts.leaves:
            yield compare(facts, path, mine[0] if mine else ABSENT)
            yield compare(facts, ("usage", f"{name}_env"), mine)
        if block.env.cleared:
            yield compare(facts, _cleared_at(block), block.env.cleared)


def _cleared_at(block: Provider) -> tuple[str, ...]:
    """Return where the facts say what the command-line program does not get: with the vendor it belongs to."""
    vendors = {"claude-cli": "anthropic"}
    return ("providers", vendors.get(block.id, block.id), "env_notes", "cli_backend_clears")


def sharing(facts: Facts, now: Now) -> Iterator[Item]:
    """Which other providers read the same credential variable, as the facts' own tables have it."""
    readers: dict[str, set[str]] = {}
    for name, fact in facts.providers.items():
        for each in (*fact["env"], *(found for one in fact.get("env_sets", []) for found in _names(one))):
            readers.setdefault(each, set()).add(name)
    for row in now.rows("env-vars"):
        if row.role == "credential" and row.rule != "file":
            path = ("shared names", row.provider, row.name)
            yield Item(path, tuple(sorted(readers.get(row.name, set()) - {row.provider})), row.shared_with)


def _names(env_set: dict[str, Any]) -> list[str]:
    return [*env_set.get("all", []), *env_set.get("any", [])]


COMPARISONS = (names, sets, shell_import, modes, settings, usage, sharing)
