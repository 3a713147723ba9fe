"""The views of legacy profiles, advisories and runtime tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.providers.block import Advisory, AuthMethod, LegacyProfile, Provider, RuntimeTags
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import advisories, legacy_profiles, runtime_tags
from jackfield.records import field_names

if TYPE_CHECKING:
    from jackfield.table import Snapshot


def snapshot_of(*blocks: Provider) -> Snapshot[Provider]:
    registry = ProviderRegistry()
    registry.register_providers(blocks)
    return registry.snapshot()


def acme(**fields: Any) -> Provider:
    return Provider("acme", "Acme", **fields)


def test_a_legacy_rule_says_all_that_the_block_says() -> None:
    rule = LegacyProfile(
        "external-sync", "acme:cli", to="x", where=("load", "doctor"), source="~/.acme/creds.json", fresh_s=900
    )
    row = legacy_profiles(snapshot_of(acme(legacy=(rule,))))[0]
    assert row.to_dict() == {
        "provider": "acme",
        "rule": "external-sync",
        "subject": "acme:cli",
        "to": "x",
        "where": ["load", "doctor"],
        "source": "~/.acme/creds.json",
        "fresh_s": 900,
    }


def test_deprecated_choices_are_legacy_rules_of_the_config_after_the_blocks_own() -> None:
    methods = (
        AuthMethod("a", "a", "none", "A", "r", legacy_choices=("a-old", "a-older")),
        AuthMethod("b", "b", "none", "B", "r", legacy_choices=("b-old",)),
    )
    rows = legacy_profiles(snapshot_of(acme(auth=methods, legacy=(LegacyProfile("remove", "acme:x"),))))
    mine = [(row.rule, row.subject, row.to, row.where) for row in rows if row.provider == "acme"]
    assert mine == [
        ("remove", "acme:x", None, ("doctor",)),
        ("choice-alias", "a-old", "a", ("config",)),
        ("choice-alias", "a-older", "a", ("config",)),
        ("choice-alias", "b-old", "b", ("config",)),
    ]


def test_two_files_of_older_programs_are_taken_over_for_every_provider() -> None:
    rows = [row for row in legacy_profiles(snapshot_of()) if row.provider == "*"]
    assert [(row.rule, row.subject, row.source, row.where) for row in rows] == [
        ("import-file", "<provider>:default", "auth.json", ("doctor",)),
        ("import-file", "<provider>:default", "credentials/oauth.json", ("doctor",)),
    ]


def test_an_advisory_says_all_that_the_block_says() -> None:
    advisory = Advisory("note", "Note", "Read this.", "after-login", url="https://acme.test/help")
    row = advisories(snapshot_of(acme(advisories=(advisory,))))[0]
    assert row.to_dict() == {
        "provider": "acme",
        "id": "note",
        "when": "after-login",
        "title": "Note",
        "text": "Read this.",
        "url": "https://acme.test/help",
    }


def test_advisories_of_one_provider_come_as_the_block_lists_them() -> None:
    notes = tuple(Advisory(name, "T", "t", "status") for name in ("z", "a"))
    assert [row.id for row in advisories(snapshot_of(acme(advisories=notes))) if row.provider == "acme"] == ["z", "a"]


def test_advisories_for_every_provider_have_ids_of_their_own_and_a_moment() -> None:
    rows = [row for row in advisories(snapshot_of()) if row.provider == "*"]
    assert {row.id: row.when for row in rows} == {
        "model-check": "doctor",
        "cooldowns": "doctor",
        "model-auth": "doctor",
        "oauth-refresh-errors": "doctor",
        "missing-auth": "status",
        "plugin-disabled": "status",
        "plugin-unavailable": "status",
        "bare-model": "doctor",
    }
    assert all(row.text.endswith(".") and row.title for row in rows)


def test_tags_come_in_the_order_of_the_part_with_the_providers_own_last() -> None:
    tags = RuntimeTags(
        transcript="acme",
        reasoning_tag=True,
        binary_thinking=True,
        xhigh_models=("m",),
        cache_ttl=("*",),
        json_api_key=True,
        token_exchange=True,
        custom_refresh="acme-refresh",
        openai_family=True,
        aws_sdk=True,
        cli=True,
        usage_label="Acme",
        usage_order=3,
        current_models=("m*",),
        quirks=("odd",),
    )
    rows = runtime_tags(snapshot_of(acme(tags=tags, implicit_order=1, picker_order=2, local=True)))
    assert [(row.tag, row.value) for row in rows] == [
        ("transcript", "acme"),
        ("reasoning-tag", True),
        ("binary-thinking", True),
        ("xhigh-models", ("m",)),
        ("cache-ttl", ("*",)),
        ("json-api-key", True),
        ("token-exchange", True),
        ("custom-refresh", "acme-refresh"),
        ("openai-family", True),
        ("aws-sdk", True),
        ("cli", True),
        ("usage-label", "Acme"),
        ("usage-order", 3),
        ("current-models", ("m*",)),
        ("quirks", ("odd",)),
        ("implicit-order", 1),
        ("picker-order", 2),
        ("local", True),
    ]


def test_every_field_of_the_part_can_become_a_row() -> None:
    for name in field_names(RuntimeTags()):
        default = getattr(RuntimeTags(), name)
        value: object = {bool: True, tuple: ("x",)}.get(type(default), 0 if name == "usage_order" else "x")
        rows = runtime_tags(snapshot_of(acme(tags=RuntimeTags.from_dict({name: value}))))
        assert [(row.tag, row.value) for row in rows] == [(name.replace("_", "-"), value)]


@pytest.mark.parametrize("field", ["implicit_order", "picker_order"])
def test_place_zero_is_a_place(field: str) -> None:
    rows = runtime_tags(snapshot_of(acme(**{field: 0})))
    assert [(row.tag, row.value) for row in rows] == [(field.replace("_", "-"), 0)]


@pytest.mark.parametrize("tag", ["implicit-order", "picker-order", "usage-order"])
def test_no_two_core_providers_claim_one_place(tag: str) -> None:
    rows = runtime_tags(ProviderRegistry.with_core().snapshot())
    places = [row.value for row in rows if row.tag == tag]
    assert len(places) == len(set(places)) > 5


@pytest.mark.parametrize(
    ("view", "counts"),
    [(legacy_profiles, {"remove": 2, "external-sync": 1, "import-file": 2, "choice-alias": 5, "model-ref": 1})],
)
def test_core_legacy_rules_are_as_many_as_known(view: Any, counts: dict[str, int]) -> None:
    rows = view(ProviderRegistry.with_core().snapshot())
    assert {rule: sum(row.rule == rule for row in rows) for rule in counts} == counts
