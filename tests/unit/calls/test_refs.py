"""Which model is meant by what a user types."""

from __future__ import annotations

import pytest

from jackfield.calls.refs import find_model, model_refs
from jackfield.config.settings import Settings
from jackfield.errors import RequestError, UnknownNameError
from jackfield.providers.block import Model, Provider, RuntimeTags
from jackfield.providers.parts import FrozenMap
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Owner, Trust

OWNER = Owner(Trust.INSTALLED, "plugin:acme")


def model(name: str) -> Model:
    return Model(name, name, 1_000, 100)


@pytest.fixture
def registry() -> ProviderRegistry:
    made = ProviderRegistry()
    names = FrozenMap({"big": "one-large"})
    models = (model("one-large"), model("one-small"))
    made.register_provider(
        Provider("acme", "Acme", aliases=("acme-ai",), models=models, short_names=names), owner=OWNER
    )
    made.register_provider(Provider("other", "Other", models=(model("two"), model("one-small"))), owner=OWNER)
    made.register_provider(Provider("local", "Local"), owner=OWNER)
    made.register_provider(Provider("prog", "Prog", models=(model("three"),), tags=RuntimeTags(cli=True)), owner=OWNER)
    return made


ALIASES = (("acme/one-large", "best"), ("acme/one-small", None), ("other", "broken"))


@pytest.mark.parametrize(
    ("text", "default", "ref"),
    [
        ("acme/one-large", None, "acme/one-large"),
        ("ACME-AI/one-large", None, "acme/one-large"),
        ("acme/not-listed", None, "acme/not-listed"),
        ("acme/vendor/name", None, "acme/vendor/name"),
        ("acme/big", None, "acme/one-large"),
        ("best", None, "acme/one-large"),
        ("best", "other/two", "acme/one-large"),
        ("one-small", "acme/one-large", "acme/one-small"),
        ("one-small", "other/two", "other/one-small"),
        ("big", "acme/one-small", "acme/one-large"),
        ("nobody-lists-it", "acme/one-small", "acme/nobody-lists-it"),
        ("nobody-lists-it", "local/x", "local/nobody-lists-it"),
    ],
)
def test_the_model_that_is_meant(registry: ProviderRegistry, text: str, default: str | None, ref: str) -> None:
    settings = Settings(default_model=default, model_entries=ALIASES)
    assert str(find_model(text, registry, settings)) == ref


@pytest.mark.parametrize(
    ("text", "default", "fix"),
    [
        ("two", None, "Did you mean other/two?"),
        ("one-small", None, "Did you mean acme/one-small or other/one-small?"),
        ("two", "acme/one-large", "Did you mean other/two?"),
        ("two", "bare", "Did you mean other/two?"),
        ("one-lrage", None, "Did you mean acme/one-large?"),
        ("big", None, "Did you mean acme/big?"),
        ("broken", None, "Write it as provider/model."),
        ("three", None, "Write it as provider/model."),
    ],
)
def test_what_is_not_clear_is_not_guessed(registry: ProviderRegistry, text: str, default: str | None, fix: str) -> None:
    with pytest.raises(RequestError) as caught:
        find_model(text, registry, Settings(default_model=default, model_entries=ALIASES))
    assert (caught.value.code, caught.value.fix) == ("ref.model", fix)
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("text", ["acm/one", "nobody/x"])
def test_a_provider_that_nobody_registered_is_told(registry: ProviderRegistry, text: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_model(text, registry, Settings())
    assert caught.value.code == "registry.unknown"


@pytest.mark.parametrize("text", ["acme/", "/one", "a b/c", "acme/\x1b[31m"])
def test_what_is_no_ref_is_told(registry: ProviderRegistry, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        find_model(text, registry, Settings())
    assert caught.value.code == "ref.model"


def test_what_looks_like_a_key_is_not_repeated(registry: ProviderRegistry) -> None:
    with pytest.raises(RequestError) as caught:
        find_model("sk-" + "x" * 90, registry, Settings())
    assert "xxx" not in caught.value.message


def test_the_refs_of_all_models_that_can_be_called_are_listed(registry: ProviderRegistry) -> None:
    assert model_refs(registry) == ["acme/one-large", "acme/one-small", "other/one-small", "other/two"]
