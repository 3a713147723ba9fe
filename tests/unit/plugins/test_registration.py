from __future__ import annotations

from typing import Any

import pytest

from jackfield.plugins.convert import convert_all
from jackfield.plugins.registration import enter, owner_of
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Trust

LOGIN = {"id": "in", "label": "In", "kind": "custom", "run": True}


def acme(**fields: Any) -> dict[str, Any]:
    return {"id": "acme", "label": "Acme", "auth": [LOGIN], **fields}


@pytest.fixture
def core() -> ProviderRegistry:
    return ProviderRegistry.with_core()


def test_a_provider_of_its_own_stands_beside_core(core: ProviderRegistry) -> None:
    found = enter(core, "acme-auth", convert_all("acme-auth", [acme(aliases=["acme-ai"])]))
    assert found.diagnostics == ()
    assert core.resolve_provider("acme-ai").label == "Acme"
    assert core.owner_of("acme") == owner_of("acme-auth")
    assert owner_of("acme-auth").trust is Trust.INSTALLED
    assert {name: provider for name, (provider, _) in found.methods.items()} == {"plugin:acme-auth/in": "acme"}
    assert set(found.providers) == {"acme"}


def test_the_named_plugin_supplies_the_login_that_core_leaves_to_it(core: ProviderRegistry) -> None:
    login = {**LOGIN, "id": "device", "label": "Qwen OAuth", "kind": "device_code"}
    found = enter(core, "qwen-portal-auth", convert_all("qwen-portal-auth", [acme(id="qwen-portal", auth=[login])]))
    slot = core.resolve_provider("qwen").auth[0]
    assert (slot.supplied_by, slot.runner, slot.choice) == (None, "plugin:qwen-portal-auth/device", "qwen-portal")
    assert core.resolve_provider("qwen").label == "Qwen"
    assert core.owner_of("qwen-portal").name == "core"
    assert set(found.methods) == {"plugin:qwen-portal-auth/device"}


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        ([{**LOGIN, "id": "other"}, {**LOGIN, "id": "device"}], "device"),
        ([{**LOGIN, "id": "other"}, {**LOGIN, "id": "new", "label": "Qwen OAuth"}], "new"),
        ([{**LOGIN, "id": "one"}, {**LOGIN, "id": "two"}], "one"),
    ],
    ids=["by id", "by label", "the first"],
)
def test_the_method_that_fills_a_slot(core: ProviderRegistry, methods: list[dict[str, Any]], chosen: str) -> None:
    found = enter(core, "qwen-portal-auth", convert_all("qwen-portal-auth", [acme(id="qwen-portal", auth=methods)]))
    assert core.resolve_provider("qwen-portal").auth[0].runner == f"plugin:qwen-portal-auth/{chosen}"
    assert [each.code for each in found.diagnostics] == ["plugin.slot"]
    assert len(core.resolve_provider("qwen-portal").auth) == 1


def test_a_plugin_that_brings_no_login_leaves_its_slot_open(core: ProviderRegistry) -> None:
    found = enter(core, "qwen-portal-auth", convert_all("qwen-portal-auth", [acme(id="qwen-portal", auth=[])]))
    assert core.resolve_provider("qwen-portal").auth[0].supplied_by == "qwen-portal-auth"
    assert "plugin.slot" in [each.code for each in found.diagnostics]


@pytest.mark.parametrize(
    "registration",
    [
        acme(id="openai"),
        acme(id="qwen-portal"),
        acme(id="qwen"),
        acme(auth=[{**LOGIN, "choice": "openai-api-key"}]),
    ],
    ids=["an id of core", "a slot of another plugin", "an alias as id", "a choice of core"],
)
def test_what_core_has_is_refused_with_both_names(core: ProviderRegistry, registration: dict[str, Any]) -> None:
    before = core.list_providers()
    found = enter(core, "thief", convert_all("thief", [registration]))
    assert core.list_providers() == before
    assert (found.methods, found.providers) == ({}, {})
    assert {(each.code, each.owner) for each in found.diagnostics} == {("registry.duplicate", "plugin:thief")}
    assert all("core" in each.message for each in found.diagnostics)


def test_a_plugin_is_entered_whole_or_not_at_all(core: ProviderRegistry) -> None:
    registered = [acme(), acme(id="openai", auth=[{**LOGIN, "id": "b"}])]
    found = enter(core, "thief", convert_all("thief", registered))
    assert found.methods == {}
    assert "acme" not in {each.id for each in core.list_providers()}


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "ANTHROPIC_OAUTH_TOKEN", "GH_TOKEN"]
)
def test_the_variables_of_others_are_not_for_a_plugin(core: ProviderRegistry, name: str) -> None:
    found = enter(core, "acme-auth", convert_all("acme-auth", [acme(envVars=["ACME_KEY", name])]))
    assert core.resolve_provider("acme").env.any_of == ("ACME_KEY",)
    assert [(each.code, each.owner) for each in found.diagnostics] == [("plugin.env-taken", "plugin:acme-auth")]
    assert name in found.diagnostics[0].message


def test_an_alias_that_leads_elsewhere_is_left_out_and_the_rest_stays(core: ProviderRegistry) -> None:
    found = enter(core, "acme-auth", convert_all("acme-auth", [acme(aliases=["acme-ai", "z.ai", "openai"])]))
    assert core.resolve_provider("acme").aliases == ("acme-ai",)
    assert core.resolve_provider("z.ai").id == "zai"
    assert [(each.code, each.owner) for each in found.diagnostics] == [("plugin.alias-taken", "plugin:acme-auth")] * 2
    assert "z.ai" in found.diagnostics[0].message


def test_the_code_of_a_plugin_may_see_its_own_variables_and_the_set_up_of_its_slot(core: ProviderRegistry) -> None:
    own = enter(core, "acme-auth", convert_all("acme-auth", [acme(envVars=["ACME_CLIENT_ID", "OPENAI_API_KEY"])]))
    assert own.variables == {"ACME_CLIENT_ID"}
    login = {**LOGIN, "id": "oauth"}
    slot = acme(id="google-gemini-cli", auth=[login], envVars=["GEMINI_API_KEY"])
    supplied = enter(core, "google-gemini-cli-auth", convert_all("google-gemini-cli-auth", [slot]))
    assert "GEMINI_CLI_OAUTH_CLIENT_ID" in supplied.variables
    assert not any(name.endswith("_API_KEY") for name in supplied.variables)


def test_two_plugins_that_want_one_id_are_told_apart_by_name(core: ProviderRegistry) -> None:
    enter(core, "a-plugin", convert_all("a-plugin", [acme()]))
    found = enter(core, "b-plugin", convert_all("b-plugin", [acme()]))
    assert core.owner_of("acme").name == "plugin:a-plugin"
    assert any("plugin:a-plugin" in each.message and each.owner == "plugin:b-plugin" for each in found.diagnostics)
