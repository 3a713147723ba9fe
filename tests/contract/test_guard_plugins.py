"""What the four plugins written before this program return is applied whole, with no diagnostic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jackfield.config.plan import LoginPlan, plan_login
from jackfield.providers.registry import ProviderRegistry

FACTS = Path(__file__).parent.parent / "data" / "core-providers.json"
REGISTRY = ProviderRegistry.with_core()
PLUGINS = {
    "copilot-proxy": "copilot-proxy",
    "qwen-portal": "qwen-portal-auth",
    "google-antigravity": "google-antigravity-auth",
    "google-gemini-cli": "google-gemini-cli-auth",
}


def facts(provider: str) -> dict[str, Any]:
    every = json.loads(FACTS.read_text(encoding="utf-8"))["providers"]
    found: dict[str, Any] = next(each for each in every if each["id"] == provider)
    return found


def models(known: dict[str, Any]) -> list[dict[str, Any]]:
    """Spell the models of the facts as these plugins do."""
    prices = {"in": "input", "out": "output", "cr": "cacheRead", "cw": "cacheWrite"}
    return [
        {
            "id": each["id"],
            "name": each["name"],
            **({"api": each["api"]} if "api" in each else {}),
            "reasoning": each["reasoning"],
            "input": each["input"],
            "cost": {prices[name]: price for name, price in each["cost"].items()},
            "contextWindow": each["ctx"],
            "maxTokens": each["max"],
        }
        for each in known["models"]["entries"]
    ]


def oauth(provider: str, name: str, **more: Any) -> list[dict[str, Any]]:
    credential = {"type": "oauth", "provider": provider, "access": "ya29.token", "refresh": "1//refresh", **more}
    return [{"profileId": f"{provider}:{name}", "credential": {**credential, "expires": 1_800_000_000_000}}]


def result(provider: str) -> dict[str, Any]:
    known = facts(provider)
    entry: dict[str, Any] = {"baseUrl": known["baseUrl"], "api": known["api"], "models": models(known)}
    refs: dict[str, dict[str, str]] = {f"{provider}/{each['id']}": {} for each in models(known)}
    if provider == "copilot-proxy":
        token = {"type": "token", "provider": provider, "token": "n/a"}
        profiles = [{"profileId": f"{provider}:local", "credential": token}]
        entry |= {"apiKey": "n/a", "authHeader": False}
    elif provider == "qwen-portal":
        profiles = oauth(provider, "default")
        entry |= {"apiKey": "qwen-oauth"}
        refs[known["defaultModel"]] = {"alias": known["alias_seed"][known["defaultModel"]]}
    else:
        profiles = oauth(provider, "someone@mail.test", email="someone@mail.test", projectId="project-1")
        refs, entry = {known["defaultModel"]: {}}, {}
    patch: dict[str, Any] = {"agents": {"defaults": {"models": refs}}}
    if entry:
        patch["models"] = {"providers": {provider: entry}}
    notes = ["Tokens are renewed by themselves."]
    return {"profiles": profiles, "configPatch": patch, "defaultModel": known["defaultModel"], "notes": notes}


def login(provider: str, current: dict[str, Any], **options: Any) -> LoginPlan:
    owner = f"plugin:{PLUGINS[provider]}"
    text = json.dumps(result(provider))
    return plan_login(current, text, provider_id=provider, owner=owner, registry=REGISTRY, set_default=True, **options)


@pytest.mark.parametrize("provider", PLUGINS)
def test_the_result_is_applied_whole_without_a_diagnostic_or_a_question(provider: str) -> None:
    made = login(provider, {})
    assert (made.refused, made.diagnostics, made.consents) == (False, (), ())
    given = result(provider)
    after: Any = made.apply({})
    assert after.get("models") == given["configPatch"].get("models")
    assert after["agents"]["defaults"]["models"] == given["configPatch"]["agents"]["defaults"]["models"]
    assert after["agents"]["defaults"]["model"] == {"primary": given["defaultModel"]}
    assert list(after["auth"]["profiles"]) == [each["profileId"] for each in given["profiles"]]
    assert [each.id for each in made.profiles] == [each["profileId"] for each in given["profiles"]]
    assert made.notes == tuple(given["notes"])
    assert made.patch.secrets == ()


@pytest.mark.parametrize("provider", PLUGINS)
def test_logging_in_again_changes_nothing_and_asks_nothing(provider: str) -> None:
    after = login(provider, {}).apply({})
    again = login(provider, after)
    assert (again.diagnostics, again.consents, again.changes) == ((), (), [])


def test_all_four_in_turn_ask_only_whether_the_list_of_models_may_begin() -> None:
    current: dict[str, Any] = {"agents": {"defaults": {"model": {"primary": "anthropic/claude-opus-4-5"}}}}
    for number, provider in enumerate(PLUGINS):
        made = login(provider, current)
        assert made.diagnostics == ()
        assert [each.code for each in made.consents] == (["allow-list"] if number == 0 else [])
        current = made.apply(current, ("allow-list",))
    assert set(current["models"]["providers"]) == {"copilot-proxy", "qwen-portal"}


@pytest.mark.parametrize("url", ["http://localhost:4000/v1", "http://127.0.0.1:3000/v1"])
def test_another_local_address_typed_at_the_first_login_is_no_question(url: str) -> None:
    given = result("copilot-proxy")
    given["configPatch"]["models"]["providers"]["copilot-proxy"]["baseUrl"] = url
    made = plan_login(
        {}, given, provider_id="copilot-proxy", owner="plugin:copilot-proxy", registry=REGISTRY, set_default=False
    )
    assert (made.diagnostics, made.consents) == ((), ())
