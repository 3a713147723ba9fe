"""What a name on the command line means: a provider, a login choice, or nothing, and then what was meant perhaps."""

from __future__ import annotations

import pytest

from jackfield.auth.flows import CORE_RUNNERS
from jackfield.auth.methods import describe_choice, find_login, find_method, login_methods, require_runnable
from jackfield.errors import RequestError, UnknownNameError
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import auth_choices

REGISTRY = ProviderRegistry.with_core()
BLOCKS = REGISTRY.list_providers()
CHOICES = auth_choices(REGISTRY.snapshot())
NAMES = [(name, each.id) for each in BLOCKS for name in (each.id, *each.aliases)]
PLUGINS = [(each.id, way.id, way.supplied_by) for each in BLOCKS for way in each.auth if way.supplied_by]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_ids_and_aliases_mean_a_provider_whatever_their_letter_case(name: str, expected: str) -> None:
    for spelled in (name, name.upper(), f" {name} "):
        provider, method = find_login(REGISTRY, spelled)
        assert (provider.id, method) == (expected, None)


@pytest.mark.parametrize(
    "row", [each for each in CHOICES if each.choice.lower() not in dict(NAMES)], ids=lambda r: r.choice
)
def test_every_login_choice_means_its_method(row: object) -> None:
    assert isinstance(row, type(CHOICES[0]))
    for spelled in (row.choice, row.choice.upper()):
        provider, method = find_login(REGISTRY, spelled)
        assert method is not None
        assert (provider.id, method.id) == (row.provider, row.method)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("opnai", "openai"),
        ("antropic", "anthropic"),
        ("openai-api-ky", "openai-api-key"),
        ("setup-tokn", "setup-token"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, suggested: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_login(REGISTRY, name)

    assert caught.value.code == "login.unknown"
    assert caught.value.suggestions[0] == suggested
    assert caught.value.fix is not None
    assert caught.value.fix.startswith(f"Did you mean {suggested}")


def test_a_name_like_no_other_says_where_the_names_are() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_login(REGISTRY, "qqqqqqqqqq")

    assert caught.value.fix == "See: jackfield providers view auth-choices"


@pytest.mark.parametrize("provider", [each for each in BLOCKS if each.auth], ids=lambda each: each.id)
def test_every_method_is_found_by_id_choice_older_choice_label_and_kind(provider: object) -> None:
    assert isinstance(provider, type(BLOCKS[0]))
    for method in provider.auth:
        for name in (method.id, method.choice, *method.legacy_choices, method.label):
            assert find_method(provider, f" {name.upper()} ") is method
    kinds = [each.kind for each in provider.auth]
    for method in provider.auth:
        if kinds.count(method.kind) == 1:
            assert find_method(provider, method.kind) is method


def test_an_unknown_method_names_those_there_are() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_method(REGISTRY.resolve_provider("anthropic"), "oaut")

    assert caught.value.code == "login.unknown-method"
    assert caught.value.suggestions == ("token", "api-key")
    assert caught.value.fix == "There is: token, api-key."


@pytest.mark.parametrize("provider", BLOCKS, ids=lambda each: each.id)
def test_each_provider_has_methods_or_a_reason_to_have_none(provider: object) -> None:
    assert isinstance(provider, type(BLOCKS[0]))
    methods = login_methods(provider)
    if methods:
        assert methods == provider.auth or len(methods) == 1
        return
    with pytest.raises(RequestError) as caught:
        require_runnable(provider, None)
    assert caught.value.code == "login.no-method"
    assert caught.value.fix is not None


@pytest.mark.parametrize(
    "provider", [each for each in BLOCKS if not each.auth and each.base_url], ids=lambda each: each.id
)
def test_a_method_that_the_block_does_not_describe_can_be_run(provider: object) -> None:
    assert isinstance(provider, type(BLOCKS[0]))
    for method in login_methods(provider):
        assert method.runner in CORE_RUNNERS
        assert method.hidden
        assert method.kind == ("none" if provider.local else "api_key")
        assert method.profile == (None if provider.local else f"{provider.id}:default")
        assert method.choice not in {each.choice for each in CHOICES}


@pytest.mark.parametrize(("provider_id", "method_id", "plugin"), PLUGINS)
def test_a_login_that_a_plugin_supplies_names_the_plugin(provider_id: str, method_id: str, plugin: str) -> None:
    provider = REGISTRY.resolve_provider(provider_id)

    with pytest.raises(RequestError) as caught:
        require_runnable(provider, find_method(provider, method_id))

    assert caught.value.code == "login.needs-plugin"
    assert plugin in caught.value.message
    assert plugin in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("provider_id", "fix"),
    [
        ("claude-cli", "It is a command-line program with a login of its own."),
        ("codex-cli", "It is a command-line program with a login of its own."),
        (
            "amazon-bedrock",
            (
                "Set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE in the "
                "environment."
            ),
        ),
        (
            "google-vertex",
            "Set GOOGLE_CLOUD_LOCATION and GOOGLE_CLOUD_PROJECT or GCLOUD_PROJECT in the environment.",
        ),
    ],
)
def test_a_provider_without_a_login_says_what_to_do_instead(provider_id: str, fix: str) -> None:
    with pytest.raises(RequestError) as caught:
        require_runnable(REGISTRY.resolve_provider(provider_id), None)

    assert (caught.value.code, caught.value.fix) == ("login.no-method", fix)


def test_a_method_of_core_can_be_run() -> None:
    provider = REGISTRY.resolve_provider("openai")

    require_runnable(provider, provider.auth[0])


def test_the_hint_beside_a_choice_holds_the_blocks_hint_and_the_note() -> None:
    described = {each.choice: describe_choice(each) for each in CHOICES}

    assert described["openai-api-key"] is None
    assert described["qwen-portal"] == "needs plugin qwen-portal-auth"
    assert (
        described["setup-token"]
        == "run `claude setup-token` elsewhere, then paste the token here · deprecated, use token"
    )
