"""What other programs call providers: worked out from the blocks alone."""

from __future__ import annotations

import pytest

from jackfield.imports.names import (
    is_at_home,
    key_readers,
    may_have,
    provider_at,
    provider_named,
    providers_of_model,
)
from jackfield.providers.block import EnvVars, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Owner, Trust

REGISTRY = ProviderRegistry.with_core()
SNAPSHOT = REGISTRY.snapshot()


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        (" z.ai ", "zai"),
        ("z_ai", "zai"),
        ("lm_studio", "lmstudio"),
        ("github_copilot", "github-copilot"),
        ("vercel_ai_gateway", "vercel-ai-gateway"),
        ("gemini", "google"),
        ("Gemini", "google"),
        ("ai-gateway", "vercel-ai-gateway"),
        ("ollama_chat", "ollama"),
        ("groq", "groq"),
        ("azure", None),
        ("bedrock", None),
        ("chat", None),
        ("_chat", None),
        ("", None),
        ("//", None),
        ("\u043epenai", None),
    ],
)
def test_a_provider_is_found_by_what_others_call_it(name: str, provider: str | None) -> None:
    found = provider_named(name, SNAPSHOT)

    assert (found.id if found else None) == provider


def test_a_name_that_fits_two_providers_means_neither() -> None:
    registry = ProviderRegistry.with_core()
    blocks = [Provider(id=each, label=each, env=EnvVars(any_of=("ACME_API_KEY",))) for each in ("acme-one", "acme.one")]
    registry.register_providers(blocks, owner=Owner(Trust.INSTALLED, "plugin:acme"))

    assert provider_named("acme_one", registry.snapshot()) is None
    assert provider_named("acme", registry.snapshot()) is None
    assert [each.id for each in key_readers("ACME_API_KEY", registry.snapshot())] == ["acme-one", "acme.one"]


def test_only_a_variable_that_is_a_credential_alone_has_readers() -> None:
    assert [each.id for each in key_readers("GROQ_API_KEY", SNAPSHOT)] == ["groq"]
    for name in ("AWS_PROFILE", "AWS_REGION", "NOBODY_API_KEY", ""):
        assert key_readers(name, SNAPSHOT) == (), name


def test_models_are_found_with_every_provider_that_lists_them() -> None:
    assert [each.id for each in providers_of_model("claude-opus-4-5", SNAPSHOT)].count("anthropic") == 1
    assert providers_of_model("nobody-1", SNAPSHOT) == ()
    assert len(providers_of_model("gpt-5.2", SNAPSHOT)) > 1


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("anthropic", "claude-opus-4-5", True),
        ("anthropic", "claude-9", False),
        ("ollama", "whatever", True),
        ("vercel-ai-gateway", "nobody/none", SNAPSHOT.get("vercel-ai-gateway") is None),
    ],
)
def test_a_provider_may_have_what_it_lists_or_finds_out(provider: str, model: str, expected: bool) -> None:
    assert may_have(REGISTRY.resolve_provider(provider), model) is expected


@pytest.mark.parametrize(
    ("url", "provider", "expected"),
    [
        ("https://api.openai.com", "openai", True),
        ("https://API.openai.com:443/other/path", "openai", True),
        ("http://api.openai.com/v1", "openai", False),
        ("https://api.openai.com:8443/v1", "openai", False),
        ("https://api.openai.com.evil.test/v1", "openai", False),
        ("http://localhost:11434", "ollama", True),
        ("http://[::1]:11434/v1", "ollama", True),
        ("http://127.0.0.1:11435", "ollama", False),
        ("not a url", "openai", False),
        ("https://user@api.openai.com", "openai", False),
        ("https://x.test", "claude-cli", False),
        ("https://us-aiplatform.googleapis.com", "google-vertex", False),
    ],
)
def test_an_address_is_at_home_on_the_providers_own_server(url: str, provider: str, expected: bool) -> None:
    assert is_at_home(url, REGISTRY.resolve_provider(provider)) is expected


@pytest.mark.parametrize(
    ("url", "provider"),
    [("https://api.groq.com/openai/v1", "groq"), ("https://gw.acme.test", None), ("junk", None)],
)
def test_an_address_names_the_provider_whose_server_it_is(url: str, provider: str | None) -> None:
    found = provider_at(url, SNAPSHOT)

    assert (found.id if found else None) == provider
