"""The comparison itself is tested: planted changes of the facts, of the blocks and of the page must be noticed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from jackfield.diagnostics import format_path
from jackfield.providers.block import AuthMethod, Cost, EnvVars, Group, Model, Provider, RuntimeTags
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace
from jackfield.table import CORE
from parity.deviations import read_deviations
from parity.facts import Facts, Path, covers, facts, parse_path, read_facts
from parity.items import ABSENT, Item, claim
from parity.rules import QUIRK, moment, parse_tag
from parity.run import core_result, described_blocks, run


def registry_with(changed: Provider) -> ProviderRegistry:
    """Return a registry of the core blocks, one of them replaced or one added."""
    core = {each.id: each for each in described_blocks()}
    made = ProviderRegistry()
    made.register_providers((core | {changed.id: changed}).values(), owner=CORE)
    return made


def core_block(name: str) -> Provider:
    return ProviderRegistry.with_core().resolve_provider(name)


def new_differences(registry: ProviderRegistry) -> set[str]:
    """Return the paths that differ with `registry` and do not with the core one."""
    usual = {item.path for item in core_result().differing}
    return {format_path(item.path) for item in run(facts(), registry).differing if item.path not in usual}


def model(provider: str, **changes: object) -> Provider:
    block = core_block(provider)
    return replace(block, models=(replace(block.models[0], **changes), *block.models[1:]))


def method(name: str, place: int = 0, **changes: object) -> Provider:
    block = core_block(name)
    auth = list(block.auth)
    auth[place] = replace(auth[place], **changes)
    return replace(block, auth=tuple(auth))


def key(name: str, **changes: object) -> Provider:
    return method(name, key=replace(core_block(name).auth[0].key, **changes))


def tags(name: str, **changes: object) -> Provider:
    return replace(core_block(name), tags=replace(core_block(name).tags, **changes))


def env(name: str, **changes: object) -> Provider:
    return replace(core_block(name), env=replace(core_block(name).env, **changes))


CHANGES: dict[str, tuple[Provider, str]] = {
    "label": (replace(core_block("groq"), label="Grok"), "providers.groq.label"),
    "base URL": (replace(core_block("xai"), base_url="https://x.test/v1"), "providers.xai.baseUrl"),
    "wire format": (replace(core_block("xai"), api="openai-responses"), "providers.xai.api"),
    "docs": (replace(core_block("zai"), docs_path="/elsewhere"), "providers.zai.docs"),
    "alias": (replace(core_block("zai"), aliases=("z.ai",)), "providers.zai.aliases"),
    "alias map": (replace(core_block("zai"), aliases=("z.ai", "z-ai", "glm")), "normalize_provider_id.map.glm"),
    "default model": (replace(core_block("zai"), default_model="zai/glm-4.6"), "providers.zai.defaultModel"),
    "implicit": (replace(core_block("groq"), implicit_order=85), "providers.groq.implicit_provider"),
    "implicit order": (replace(core_block("ollama"), implicit_order=5), "implicit_order[0]"),
    "picker order": (replace(core_block("xai"), picker_order=1), "picker_preference[0]"),
    "hidden model": (replace(core_block("xai"), hidden_models=("xai/grok-4",)), "hidden_picker_models[1]"),
    "group hint": (
        replace(core_block("zai"), group=Group("zai", "Z.AI (GLM 4.7)", "key", 120)),
        "groups.zai.hint",
    ),
    "group order": (replace(core_block("zai"), group=Group("zai", "Z.AI (GLM 4.7)", "API key", 1)), "groups.zai.id"),
    "flat order": (method("zai", order=1), "choices_flat_order[0]"),
    "hidden choice": (method("zai", hidden=True), "hidden_choices.zai-api-key"),
    "choice name": (method("zai", choice="zai-key"), "preferred_provider.zai-api-key"),
    "deprecated choice": (method("zai", legacy_choices=("glm",)), "providers.zai.auth.zai-api-key.legacy_choices"),
    "choice label": (method("zai", label="Z"), "providers.zai.auth.zai-api-key.label"),
    "choice hint": (method("zai", hint="new"), "providers.zai.auth.zai-api-key.hint"),
    "profile": (method("zai", profile="zai:main"), "providers.zai.auth.zai-api-key.profile"),
    "method's model": (method("minimax", default_model="minimax/X"), "providers.minimax.auth.minimax-api.model"),
    "plugin": (method("qwen-portal", supplied_by="other"), "plugin_auto_enable.qwen-portal-auth.provider"),
    "flag": (key("zai", flags=("--zai-key",)), "providers.zai.auth.zai-api-key.flag"),
    "field": (key("zai", field="zaiKey"), "providers.zai.auth.zai-api-key.opt"),
    "cleaning": (key("zai", normalize="trim"), "providers.zai.auth.zai-api-key.key.normalise"),
    "prefix": (key("anthropic", prefix="sk-"), "providers.anthropic.auth.token.key.prefix"),
    "length": (key("anthropic", min_length=8), "providers.anthropic.auth.token.key.minLen"),
    "new length": (key("zai", min_length=8), "providers.zai.auth.zai-api-key.key.minLen"),
    "redirect": (
        method("chutes", oauth=replace(core_block("chutes").auth[0].oauth, redirect_uri="http://127.0.0.1:1/x")),
        "providers.chutes.auth.chutes.callback",
    ),
    "scopes": (
        method("chutes", oauth=replace(core_block("chutes").auth[0].oauth, scopes=("openid",))),
        "providers.chutes.auth.chutes.scopes",
    ),
    "token URL": (
        method("chutes", oauth=replace(core_block("chutes").auth[0].oauth, token_url="https://api.chutes.ai/token")),
        "providers.chutes.auth.chutes.hosts",
    ),
    "variable": (env("groq", any_of=("GROQ_KEY",)), "env_table.groq"),
    "variable order": (env("zai", any_of=("Z_AI_API_KEY", "ZAI_API_KEY"), login_shell=()), "providers.zai.env"),
    "shell import": (env("groq", login_shell=("GROQ_API_KEY",)), "shell_env_expected.GROQ_API_KEY"),
    "new setting": (env("groq", settings=("GROQ_REGION",)), "providers.groq.settings"),
    "shared name": (
        env("groq", any_of=("GROQ_API_KEY", "XAI_API_KEY")),
        '["shared names"].xai.XAI_API_KEY',
    ),
    "cleared": (env("claude-cli", cleared=("ANTHROPIC_API_KEY",)), "providers.anthropic.env_notes.cli_backend_clears"),
    "model alias": (
        replace(core_block("google"), model_aliases={"gemini-3-pro": "x", "gemini-3-flash": "gemini-3-flash-preview"}),
        "providers.google.model_id_rules.gemini-3-pro",
    ),
    "new model alias": (
        replace(core_block("xai"), model_aliases={"grok": "grok-4"}),
        "providers.xai.model_aliases.grok",
    ),
    "short name": (replace(core_block("openai"), short_names={"gpt": "gpt-5"}), "default_model_aliases.gpt-mini"),
    "seed": (replace(core_block("zai"), seed_aliases={"glm-4.7": "Z"}), 'providers.zai.alias_seed["zai/glm-4.7"]'),
    "new seed": (replace(core_block("xai"), seed_aliases={"grok-4": "Grok"}), "providers.xai.alias_seed.grok-4"),
    "api rule": (
        replace(core_block("opencode"), api_rules={"*": "openai-completions"}),
        'providers.opencode.api_rule["gpt-*"]',
    ),
    "allow-list": (method("anthropic", allowed_models=()), "providers.anthropic.oauth_allowlist"),
    "legacy rule": (replace(core_block("opencode"), legacy=()), "providers.opencode.legacy.model-ref.rule"),
    "advisory": (replace(core_block("venice"), advisories=()), "providers.venice.advisories.privacy-intro.id"),
    "discovery": (
        replace(core_block("venice"), discovery=replace(core_block("venice").discovery, timeout_s=9.0)),
        "providers.venice.discovery.timeout_ms",
    ),
    "new discovery": (replace(core_block("xai"), discovery=core_block("venice").discovery), "providers.xai.discovery"),
    "exchange": (
        replace(
            core_block("github-copilot"),
            token_exchange=replace(core_block("github-copilot").token_exchange, margin_s=60),
        ),
        "providers.github-copilot.token_exchange.usable_if",
    ),
    "reasoning tag": (tags("groq", reasoning_tag=True), "runtime_tags.reasoning_tag.exact.groq"),
    "highest effort": (tags("openai", xhigh_models=()), 'runtime_tags.xhigh["openai/gpt-5.2"]'),
    "cache": (tags("openrouter", cache_ttl=("*",)), 'runtime_tags.cache_ttl["openrouter:anthropic/*"]'),
    "transcript": (tags("groq", transcript="groq"), "providers.groq.tags.transcript"),
    "quirk": (tags("groq", quirks=("odd",)), "providers.groq.tags.odd"),
    "missing quirk": (tags("openai", quirks=()), "providers.openai.tags.apply_patch-allowed"),
    "current models": (tags("xai", current_models=()), 'providers.xai.tags["modern:grok-4*"]'),
    "usage label": (tags("zai", usage_label="GLM"), "usage.labels.zai"),
    "usage order": (tags("zai", usage_order=1), "usage.order[0]"),
    "model name": (model("groq", name="x"), "providers.groq.models.entries.deepseek-r1-distill-llama-70b.name"),
    "model id": (model("zai", id="glm-9"), "providers.zai.models.entries.glm-9.id"),
    "context": (model("zai", context_window=1), 'providers.zai.models.entries["glm-4.5"].ctx'),
    "output": (model("zai", max_tokens=1), 'providers.zai.models.entries["glm-4.5"].max'),
    "input": (model("zai", input=("text", "image")), 'providers.zai.models.entries["glm-4.5"].input'),
    "price": (model("zai", cost=Cost(0.6, 2.2)), 'providers.zai.models.entries["glm-4.5"].cost'),
    "reasoning": (model("zai", reasoning=False), 'providers.zai.models.entries["glm-4.5"].reasoning'),
    "model's format": (model("zai", api="cli"), 'providers.zai.models.entries["glm-4.5"].api'),
    "headers": (model("zai", headers={"A": "b"}), 'providers.zai.models.entries["glm-4.5"].headers'),
    "role": (model("zai", developer_role=False), 'providers.zai.models.entries["glm-4.5"].compat'),
    "privacy": (model("zai", privacy="private"), 'providers.zai.models.entries["glm-4.5"].privacy'),
    "new model": (
        replace(core_block("chutes"), models=(Model("m", "M", 1, 1),)),
        "providers.chutes.models.entries.m.id",
    ),
    "new provider": (Provider("acme", "Acme"), "providers.acme.id"),
    "new method": (
        replace(core_block("groq"), auth=(AuthMethod("none", "groq", "none", "Groq", "local"),)),
        "providers.groq.auth",
    ),
    "new usage variable": (replace(core_block("groq"), env=EnvVars(usage=("GROQ_USAGE",))), "usage.groq_env"),
    "new command line": (replace(core_block("groq"), tags=RuntimeTags(cli=True)), "runtime_tags.cli.groq"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_block_is_noticed_at_the_path_of_the_change(name: str) -> None:
    block, path = CHANGES[name]
    assert path in new_differences(registry_with(block))


def test_a_missing_provider_is_noticed() -> None:
    rest = ProviderRegistry()
    rest.register_providers(
        [each for each in ProviderRegistry.with_core().list_providers() if each.id != "groq"], owner=CORE
    )
    assert {"providers.groq.id", "env_table.groq"} <= new_differences(rest)


def test_an_untouched_copy_of_the_core_differs_in_nothing_new() -> None:
    assert new_differences(registry_with(core_block("zai"))) == set()


def test_a_new_fact_that_nobody_compares_is_left_unread() -> None:
    data = copy.deepcopy(facts().data)
    data["providers"][0]["auth"][0]["surprise"] = "new"
    data["later"] = {"rule": 1}
    unread = run(read_facts(data), ProviderRegistry.with_core()).unread
    fresh = {path for path in unread if path not in facts().leaves}
    assert fresh == {("providers", "anthropic", "auth", "token", "surprise"), ("later", "rule")}


@pytest.mark.parametrize(
    ("item", "agrees"),
    [
        (Item(("a",), 1, 1), True),
        (Item(("a",), 1, 2), False),
        (Item(("a",), True, 1), False),
        (Item(("a",), None, ABSENT), False),
        (Item(("a",), ("x",), ["x"]), False),
        (Item(("a",), {"in": 0}, {"in": 0.0}), True),
    ],
)
def test_values_agree_only_when_kind_and_value_are_the_same(item: Item, agrees: bool) -> None:
    assert item.agrees is agrees


def test_a_difference_is_told_with_its_path_and_both_sides() -> None:
    item = Item(("providers", "z.ai", "env"), ("A",), ABSENT)
    assert str(item) == "providers[\"z.ai\"].env: was ('A',), is nothing"


@pytest.mark.parametrize("holds", [True, False])
def test_a_sentence_of_the_facts_agrees_only_when_its_proof_holds(holds: bool) -> None:
    told = read_facts({"note": "always so"})
    assert claim(told, ("note",), holds).agrees is holds


def test_leaves_are_named_by_id_by_text_or_by_place() -> None:
    data: dict[str, Any] = {
        "providers": [{"id": "a", "tags": ["x:y"], "env": ["A", "B"], "models": {"entries": []}}],
        "choices_flat_order": ["one", "two"],
        "rules": [{"rule": "r"}, {"rule": "r"}],
        "cost": {"in": 1},
    }
    assert read_facts(data).leaves == {
        ("providers", "a", "id"): "a",
        ("providers", "a", "tags", "x:y"): True,
        ("providers", "a", "env"): ["A", "B"],
        ("providers", "a", "models", "entries"): [],
        ("choices_flat_order", "[0]"): "one",
        ("choices_flat_order", "[1]"): "two",
        ("rules", "[0]", "rule"): "r",
        ("rules", "[1]", "rule"): "r",
        ("cost",): {"in": 1},
    }


def test_two_things_of_one_name_are_a_fault_of_the_facts() -> None:
    with pytest.raises(ValueError, match=r"providers\.a\.id stands there twice"):
        read_facts({"providers": [{"id": "a"}, {"id": "a"}]})


def test_every_path_of_the_facts_is_read_back_from_its_text() -> None:
    told: Facts = facts()
    assert [path for path in told.leaves if parse_path(format_path(path)) != path] == []


@pytest.mark.parametrize("text", ["a..b", "a.", 'a["b]', "a b", "a[x]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a", ("a",), True),
        ("a", ("a", "b", "c"), True),
        ("a.b", ("a",), False),
        ("a.*.c", ("a", "b", "c"), True),
        ("a.*", ("a",), False),
        ("a.*.c", ("a", "b", "d"), False),
        ("*.b", ("a", "b"), True),
        ('tags["media:*"]', ("tags", "media:audio"), True),
        ('tags["media:*"]', ("tags", "modern:x"), False),
        ('tags["a|b*"]', ("tags", "a|b*"), True),
        ('tags["g*.1"]', ("tags", "gpt-4x1"), False),
        ("a[0]", ("a", "[0]"), True),
        ("a[0]", ("a", "[1]"), False),
    ],
)
def test_a_pattern_covers_its_path_and_all_below(pattern: str, path: Path, expected: bool) -> None:
    assert covers(parse_path(pattern), path) is expected


HEAD = "| id | fact path | before | now | why |\n|---|---|---|---|---|\n"


def test_rows_are_read_from_every_table_of_the_page() -> None:
    page = (
        f'# T\n\n{HEAD}| D01 | `a.b`, `c["x\\|y"]` | one | two | three |\n\ntext\n\n'
        f"| other | table |\n|---|---|\n| x | y |\n\n{HEAD}| D02 | `d` | 1 | 2 | 3 |\n"
    )
    rows = read_deviations(page)
    assert [(row.id, row.paths) for row in rows] == [("D01", (("a", "b"), ("c", "x|y"))), ("D02", (("d",),))]
    assert (rows[0].before, rows[0].now, rows[0].why) == ("one", "two", "three")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("| D01 | `a` | x | y |", "5 cells"),
        ("| D01 | `a` | x |  | z |", "none of them empty"),
        ("| D01 | a | x | y | z |", "names no path"),
        ("| D01 | `a..b` | x | y | z |", "is not a path"),
    ],
)
def test_a_row_that_is_not_whole_is_refused(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_deviations(HEAD + line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("transcript:google(api)", (("transcript", "google"),)),
        ("cache-ttl", (("cache-ttl", ("*",)),)),
        ("cache-ttl:a/*", (("cache-ttl", ("a/*",)),)),
        ("usage:Codex(accountId)", (("usage-label", "Codex"), (QUIRK, "usage-account-id"))),
        ("modern:c-(a|b)-4*", (("current-models", ("c-a-4*", "c-b-4*")),)),
        ("modern:a|b*", (("current-models", ("a", "b*")),)),
        ("modern:any", (("current-models", ("*",)),)),
        ("modern:any except *-free, x", (("current-models", ("*", "!*-free", "!x")),)),
        ("xhigh:a,b", (("xhigh-models", ("a", "b")),)),
        ("reasoning-tag", (("reasoning-tag", True),)),
        ("reasoning-tag (substring)", (("reasoning-tag", "by part of the id"),)),
        ("compat:supportsStore=false", ()),
        ("media:image", ()),
    ],
)
def test_tags_of_the_facts_are_read_into_the_words_of_the_view(text: str, expected: object) -> None:
    assert parse_tag(text) == expected


@pytest.mark.parametrize(
    ("said", "meant"),
    [("no --token", "before-login"), ("failure; swallowed", "login-failed"), ("at noon", "at noon")],
)
def test_moments_are_read_from_phrases_and_unknown_ones_stay(said: str, meant: str) -> None:
    assert moment(said) == meant
