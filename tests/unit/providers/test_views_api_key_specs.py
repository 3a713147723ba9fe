"""How each key or token is asked for, cleaned, checked, stored and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.providers.block import ApiKey, AuthMethod, Check, EnvVars, OAuth, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import api_key_specs

if TYPE_CHECKING:
    from jackfield.providers.views.api_key_specs import ApiKeySpec


def specs_of(*blocks: Provider) -> list[ApiKeySpec]:
    registry = ProviderRegistry()
    registry.register_providers(blocks)
    return list(api_key_specs(registry.snapshot()))


def method(name: str = "api-key", kind: Any = "api_key", **fields: Any) -> AuthMethod:
    key = fields.pop("key", ApiKey("Acme key"))
    return AuthMethod(name, f"acme-{name}", kind, "Acme", "r", key=key, profile="acme:default", **fields)


def acme(*auth: AuthMethod, **fields: Any) -> Provider:
    return Provider("acme", "Acme", auth=auth, **fields)


def test_a_spec_says_all_that_key_method_and_provider_say() -> None:
    key = ApiKey(
        "Paste it",
        flags=("--acme-api-key", "--acme-key"),
        field="acmeKey",
        normalize="trim",
        prefix="sk-",
        min_length=20,
        offer_env=False,
        url="https://acme.test/keys",
    )
    block = acme(
        method(key=key, default_model="acme/large"),
        env=EnvVars(any_of=("ACME_KEY", "ACME_OLD_KEY")),
        default_model="acme/small",
        verify=Check("{base}/models", public=True),
    )
    (spec,) = specs_of(block)
    assert spec.to_dict() == {
        "provider": "acme",
        "choice": "acme-api-key",
        "method": "api-key",
        "kind": "api_key",
        "flags": ["--acme-api-key", "--acme-key"],
        "field": "acmeKey",
        "prompt": "Paste it",
        "url": "https://acme.test/keys",
        "normalize": "trim",
        "prefix": "sk-",
        "min_length": 20,
        "env": ["ACME_KEY", "ACME_OLD_KEY"],
        "offer_env": False,
        "profile": "acme:default",
        "default_model": "acme/large",
        "verify_url": "{base}/models",
        "verify_public": True,
    }


def test_a_plain_key_is_cleaned_like_a_shell_line_and_offered_from_the_environment() -> None:
    (spec,) = specs_of(acme(method()))
    assert (spec.normalize, spec.min_length, spec.offer_env, spec.prefix) == ("shell", 1, True, None)
    assert (spec.flags, spec.env, spec.verify_url, spec.verify_public) == ((), (), None, False)


def test_methods_without_a_key_have_no_spec() -> None:
    sso = AuthMethod("sso", "sso", "oauth", "SSO", "r", oauth=OAuth(("h",)), profile="acme:{email}")
    local = AuthMethod("local", "local", "none", "Local", "r")
    assert [spec.method for spec in specs_of(acme(sso, method(), local))] == ["api-key"]


def test_specs_of_one_provider_come_as_the_block_lists_them() -> None:
    assert [spec.method for spec in specs_of(acme(method("z"), method("a")))] == ["z", "a"]


def test_a_methods_own_check_comes_before_the_providers() -> None:
    own, shared = Check("{base}/token"), Check("{base}/models", public=True)
    first, second = specs_of(acme(method("a", verify=own), method("b"), verify=shared))
    assert (first.verify_url, first.verify_public) == ("{base}/token", False)
    assert (second.verify_url, second.verify_public) == ("{base}/models", True)


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        ("api_key", ("ACME_OAUTH_TOKEN", "ACME_KEY"), ("ACME_KEY",)),
        ("api_key", ("ACME_KEY", "ACME_OLD"), ("ACME_KEY", "ACME_OLD")),
        ("api_key", ("ACME_OAUTH_TOKEN",), ()),
        ("token", ("ACME_OAUTH_TOKEN", "ACME_KEY"), ("ACME_OAUTH_TOKEN",)),
        ("token", ("ACME_TOKEN",), ("ACME_TOKEN",)),
        ("token", (), ()),
    ],
)
def test_an_access_token_in_the_environment_is_never_offered_as_a_key(
    kind: str, names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    (spec,) = specs_of(acme(method(kind=kind), env=EnvVars(any_of=names)))
    assert spec.env == expected


CORE = api_key_specs(ProviderRegistry.with_core().snapshot())


@pytest.mark.parametrize("spec", CORE, ids=lambda spec: spec.choice)
def test_every_core_key_can_be_asked_for_given_by_flag_and_checked(spec: ApiKeySpec) -> None:
    assert spec.prompt.strip() == spec.prompt
    assert len(spec.prompt) > 5
    assert spec.flags
    assert spec.field
    assert spec.profile
    assert spec.profile.startswith(f"{spec.provider}:")
    assert spec.verify_url
    assert spec.env
    assert not any(char.islower() for name in spec.env for char in name)


def test_flags_of_core_keys_lead_to_one_provider_and_one_field_each() -> None:
    owners: dict[str, set[tuple[str, str | None]]] = {}
    for spec in CORE:
        owners.setdefault(spec.flags[0], set()).add((spec.provider, spec.field))
    assert {flag: found for flag, found in owners.items() if len(found) > 1} == {}
    assert len(CORE) >= 14
