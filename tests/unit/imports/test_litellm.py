"""What a LiteLLM config holds: whose each model is, where it is asked, with which key, and under which name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jackfield.credentials.profile import ApiKeyCredential
from jackfield.credentials.secret import Secret
from jackfield.imports.litellm import parse_litellm, read_litellm
from jackfield.providers.registry import ProviderRegistry
from support.cli import leaks

if TYPE_CHECKING:
    from jackfield.imports.found import Found

KEY, OTHER = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8", "sk-other/Bv5Cx1=Ya0Ws9Ed7Qw2"
SNAPSHOT = ProviderRegistry.with_core().snapshot()
FILE = Path("folder/config.yaml")


def item(model: object = "openai/gpt-5.2", name: object = "m", **params: object) -> dict[str, object]:
    return {"model_name": name, "litellm_params": {"model": model, **params}}


def parse(*items: object, **more: object) -> Found:
    found = parse_litellm({"model_list": list(items), **more}, SNAPSHOT, path=FILE)
    assert leaks(repr(found), KEY) == []
    return found


def keys(found: Found) -> list[tuple[str, str | None, str | None]]:
    return [(each.provider, each.profile_name if each.credential else None, each.fault) for each in found.entries]


def fields(found: Found) -> dict[str, Any]:
    return {f"{each.provider}.{each.key}": each.value for each in found.settings if each.kind == "field"}


def names(found: Found) -> dict[str, Any]:
    return {f"{each.provider}/{each.key}": each.value for each in found.settings if each.kind == "model"}


def faults(found: Found) -> list[str | None]:
    return [
        fault for fault in (*(each.fault for each in found.entries), *(each.fault for each in found.settings)) if fault
    ]


@pytest.mark.parametrize(
    ("model", "ref"),
    [
        ("openai/gpt-5.2", "openai/gpt-5.2"),
        ("anthropic/claude-opus-4-5", "anthropic/claude-opus-4-5"),
        ("gemini/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("groq/llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
        ("openrouter/openai/gpt-4o", "openrouter/openai/gpt-4o"),
        ("ollama/llama3.1:8b", "ollama/llama3.1:8b"),
        ("ollama_chat/llama3.1", "ollama/llama3.1"),
        ("lm_studio/q", "lmstudio/q"),
        (" mistral/x ", "mistral/x"),
    ],
)
def test_the_name_of_a_model_becomes_its_alias(model: str, ref: str) -> None:
    found = parse(item(model, "fast"))

    assert names(found) == {ref: {"alias": "fast"}}
    assert fields(found) == {}
    assert (found.source, found.place, found.files) == ("litellm", str(FILE), ("config.yaml",))


@pytest.mark.parametrize("name", ["openai/gpt-5.2", "gpt-5.2", None, 3, " "])
def test_a_model_that_needs_no_other_name_is_told(name: object) -> None:
    found = parse(item("openai/gpt-5.2", name))

    assert [each.kept for each in found.settings] == ["openai/gpt-5.2 needs no other name."]


def test_a_pattern_of_models_brings_its_key_and_no_name() -> None:
    found = parse(item("anthropic/*", "anthropic/*", api_key=KEY))

    assert keys(found) == [("anthropic", "litellm", None)]
    assert names(found) == {}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (3, "has no litellm_params with a model"),
        ({}, "has no litellm_params with a model"),
        ({"litellm_params": []}, "has no litellm_params with a model"),
        (item(3), "has no litellm_params with a model"),
        (item("azure/gpt-4o", api_key=KEY), "is of azure, which no provider here is called"),
        (item("bedrock/x"), "is of bedrock, which no provider here is called"),
        (item("openai/"), "names no model"),
        (item("nobody"), "names no model that is known here, without its provider"),
        (item(api_base=3), "has an address that cannot be used: it only refers to a variable"),
        (item(api_base="os.environ/BASE"), "has an address that cannot be used: it only refers to a variable"),
        (item(api_key=3), "has no text as its key"),
        (item(api_key=["x"]), "has no text as its key"),
    ],
)
def test_an_item_that_cannot_be_used_says_why(given: object, fault: str) -> None:
    assert faults(parse(given)) == [fault]


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://vllm.acme.test/v1", f"https://u:{KEY}@x.test", "https://x.test/?k=1"]
)
def test_an_address_that_cannot_be_used_is_told_and_nothing_of_the_item_is_taken(url: str) -> None:
    found = parse(item(api_base=url, api_key=KEY))

    assert (found.entries, names(found), fields(found)) == ((), {}, {})
    assert (faults(found)[0] or "").startswith("has an address that cannot be used: ")


def test_a_model_without_its_provider_is_that_of_the_variable_that_its_key_is_in() -> None:
    assert names(parse(item("gpt-5.2", "x", api_key="os.environ/OPENAI_API_KEY"))) == {"openai/gpt-5.2": {"alias": "x"}}
    assert names(parse(item("brand-new", "x", api_key="os.environ/OPENAI_API_KEY"))) == {
        "openai/brand-new": {"alias": "x"}
    }
    (fault,) = faults(parse(item("gpt-5.2", api_key=KEY)))
    assert (fault or "").endswith(", without its provider")


# Keys


def test_each_key_becomes_a_profile_and_the_same_key_one() -> None:
    found = parse(
        item("openai/a", "a", api_key=KEY),
        item("openai/b", "b", api_key=f" {KEY} "),
        item("openai/c", "c", api_key=OTHER),
        item("groq/d", "d", api_key=KEY),
    )

    assert keys(found) == [("openai", "litellm", None), ("openai", "litellm-2", None), ("groq", "litellm", None)]
    assert found.entries[1].credential == ApiKeyCredential(Secret(OTHER))
    assert [each.url for each in found.entries] == [None, None, None]


def test_a_reference_to_the_providers_own_variable_becomes_one_in_the_config() -> None:
    found = parse(item(api_key="os.environ/OPENAI_API_KEY"))

    assert fields(found) == {"openai.apiKey": "${OPENAI_API_KEY}"}
    assert found.entries == ()


@pytest.mark.parametrize("name", ["MY_KEY", "GROQ_API_KEY", "AWS_PROFILE", "not a name", ""])
def test_a_reference_to_another_variable_is_told(name: str) -> None:
    found = parse(item(api_key=f"os.environ/{name}"))

    assert faults(found) == [f"refers to {name}, which is no variable of openai"]
    assert fields(found) == {}


def test_a_variable_whose_value_stands_in_the_file_is_that_value() -> None:
    variables = {"MY_KEY": KEY, "GROQ_API_KEY": OTHER, "PORT": 4000, 3: "x"}

    found = parse(item(api_key="os.environ/MY_KEY"), environment_variables=variables)

    assert keys(found) == [("openai", "litellm", None), ("groq", "litellm", None), ("MY_KEY", None, None)][:2]
    assert found.entries[0].credential == ApiKeyCredential(Secret(KEY))
    assert found.entries[1].name == "environment_variables.GROQ_API_KEY"


# Addresses


def test_a_server_of_its_own_becomes_a_provider_with_its_models() -> None:
    found = parse(
        item("openai/qwen", "q", api_base="https://vllm.acme.test:8000/v1", api_key=KEY),
        item("openai/phi", "p", base_url="https://vllm.acme.test:8000/v1"),
        item("anthropic/claude-x", "c", api_base="https://gw.acme.test"),
    )

    assert fields(found) == {
        "vllm.acme.test-8000.baseUrl": "https://vllm.acme.test:8000/v1",
        "vllm.acme.test-8000.api": "openai-completions",
        "vllm.acme.test-8000.models": [{"id": "qwen", "name": "qwen"}, {"id": "phi", "name": "phi"}],
        "gw.acme.test.baseUrl": "https://gw.acme.test",
        "gw.acme.test.api": "anthropic-messages",
        "gw.acme.test.models": [{"id": "claude-x", "name": "claude-x"}],
    }
    assert keys(found) == [("vllm.acme.test-8000", "litellm", None)]
    assert found.entries[0].url == "https://vllm.acme.test:8000/v1"
    assert set(names(found)) == {"vllm.acme.test-8000/qwen", "vllm.acme.test-8000/phi", "gw.acme.test/claude-x"}


def test_two_styles_of_one_host_are_two_providers() -> None:
    found = parse(
        item("openai/a", "a", api_base="https://gw.acme.test"),
        item("anthropic/b", "b", api_base="https://gw.acme.test"),
        item("openai/c", "c", api_base="https://gw.acme.test/other"),
    )

    owners = {name.rpartition(".")[0] for name in fields(found)}
    assert owners == {"gw.acme.test", "litellm-gw.acme.test", "gw.acme.test-2"}


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "https://api.openai.com", ""])
def test_the_providers_own_address_needs_no_entry(url: str) -> None:
    assert fields(parse(item(api_base=url))) == {}


def test_the_address_of_another_provider_here_means_that_one() -> None:
    found = parse(
        item("openai/llama-x", "l", api_base="https://api.groq.com/openai/v1", api_key="os.environ/GROQ_API_KEY")
    )

    assert names(found) == {"groq/llama-x": {"alias": "l"}}
    assert fields(found) == {"groq.apiKey": "${GROQ_API_KEY}"}


def test_a_local_provider_gets_the_address_with_the_path_of_its_api() -> None:
    found = parse(
        item("ollama/a", "x", api_base="http://10.0.0.5:11434"),
        item("ollama_chat/b", "y", api_base="http://10.0.0.5:11434/"),
    )

    assert fields(found) == {"ollama.baseUrl": "http://10.0.0.5:11434/v1"}
    assert set(names(found)) == {"ollama/a", "ollama/b"}


@pytest.mark.parametrize(
    "bases",
    [
        (None, "http://10.0.0.5:1"),
        ("http://10.0.0.5:1", "http://localhost:11434"),
        ("http://10.0.0.5:1", "http://10.0.0.6:1"),
    ],
)
def test_a_local_provider_has_one_address(bases: tuple[str | None, str]) -> None:
    found = parse(*[item(f"ollama/m{number}", f"n{number}", api_base=base) for number, base in enumerate(bases)])

    assert list(names(found)) == ["ollama/m0"]
    assert faults(found) == ["has an address that cannot be used: an earlier item has another one for ollama"]


def test_one_name_for_several_models_names_the_first() -> None:
    found = parse(item("openai/a", "best"), item("groq/b", "best"), item("openai/a", "best"))

    assert names(found) == {"openai/a": {"alias": "best"}}
    assert faults(found) == ["is another model of that name; a name means one model here: openai/a"]


# The file


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], f"{FILE} is not a mapping."),
        (None, f"{FILE} is not a mapping."),
        ("x", f"{FILE} is not a mapping."),
        ({"model_list": {}}, f"{FILE} at model_list is not a list."),
        ({"model_list": None}, f"{FILE} at model_list is not a list."),
    ],
)
def test_a_file_of_another_form_is_told(value: object, message: str) -> None:
    found = parse_litellm(value, SNAPSHOT, path=FILE)

    assert [(each.code, each.message) for each in found.diagnostics] == [("import.format", message)]
    assert (found.entries, found.settings) == ((), ())


def test_what_has_no_counterpart_is_told() -> None:
    found = parse(general_settings={"master_key": KEY}, include=["other.yaml"], router_settings={}, unheard_of=1)

    assert {each.name: each.fault for each in found.settings} == {
        "include": "names files that are not followed; import each of them",
        "router_settings": "has no counterpart here",
        "general_settings": "has no counterpart here",
    }


def test_a_file_is_read_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert read_litellm(path, SNAPSHOT).files == ()

    path.write_text(
        yaml.safe_dump({"model_list": [item(api_key=KEY)]}) + "litellm_settings: {}\nlitellm_settings: {}\n"
    )
    before = path.read_bytes()
    found = read_litellm(path, SNAPSHOT)
    assert [(each.code, each.severity) for each in found.diagnostics] == [("import.duplicate-key", "warning")]
    assert keys(found) == [("openai", "litellm", None)]
    assert path.read_bytes() == before

    for data, code in (
        (b"a: [", "import.format"),
        (b"#" * (1024 * 1024 + 1), "import.too-large"),
        (b"[" * 99, "import.too-deep"),
    ):
        path.write_bytes(data)
        found = read_litellm(path, SNAPSHOT)
        assert (found.files, [each.code for each in found.diagnostics]) == (("config.yaml",), [code])
        assert str(path) in found.diagnostics[0].message
