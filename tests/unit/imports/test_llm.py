"""What `llm` keeps: keys under its own names, a default model, and aliases, found among the providers here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.credentials.profile import ApiKeyCredential
from jackfield.credentials.secret import Secret
from jackfield.imports.llm import llm_folder, parse_llm, read_llm
from jackfield.providers.registry import ProviderRegistry
from support.cli import leaks

if TYPE_CHECKING:
    from jackfield.imports.found import Found

KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
SNAPSHOT = ProviderRegistry.with_core().snapshot()
HERE = Path("folder")
UNKNOWN = "names a model that no provider here lists"


def parse(has_key: tuple[str, ...] = (), **files: object) -> Found:
    names = {"keys": "keys.json", "default": "default_model.txt", "aliases": "aliases.json"}
    texts = {
        names[name]: value.encode() if isinstance(value, str) else json.dumps(value).encode()
        for name, value in files.items()
    }
    found = parse_llm(texts, SNAPSHOT, folder=HERE, has_key=has_key)
    assert leaks(repr(found), KEY) == []
    return found


@pytest.mark.parametrize(
    ("env", "platform", "folder"),
    [
        ({"HOME": "/h"}, "linux", "/h/.config/io.datasette.llm"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "linux", "/c/io.datasette.llm"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "darwin", "/h/Library/Application Support/io.datasette.llm"),
        ({"HOME": "/h", "LLM_USER_PATH": "/own"}, "darwin", "/own"),
        ({"LLM_USER_PATH": " "}, "linux", None),
        ({}, "darwin", None),
    ],
)
def test_the_folder_is_where_the_program_looks_for_it(env: dict[str, str], platform: str, folder: str | None) -> None:
    found = llm_folder(env, platform)

    assert (str(found) if found else None) == folder


def test_keys_are_found_by_the_names_that_plugins_give_their_vendors() -> None:
    names = ["openai", "anthropic", "gemini", "openrouter", "groq", "mistral"]
    found = parse(keys={"// Note": "This file stores secret API credentials", **dict.fromkeys(names, KEY)})

    assert [(each.name, each.provider, each.profile_name) for each in found.entries] == [
        ("openai", "openai", "llm"),
        ("anthropic", "anthropic", "llm"),
        ("gemini", "google", "llm"),
        ("openrouter", "openrouter", "llm"),
        ("groq", "groq", "llm"),
        ("mistral", "mistral", "llm"),
    ]
    assert all(each.credential == ApiKeyCredential(Secret(KEY)) for each in found.entries)
    assert (found.source, found.place, found.files, found.lists_models) == ("llm", "folder", ("keys.json",), False)


@pytest.mark.parametrize(
    ("name", "value", "shown", "fault"),
    [
        ("claude", KEY, "claude", "is of no provider that is known here by that name"),
        (KEY * 2, KEY, f"a text of {2 * len(KEY)} characters", "is of no provider that is known here by that name"),
        ("openai", 3, "openai", "is no key"),
        ("openai", {"key": KEY}, "openai", "is no key"),
        ("openai", "", "openai", "is blank, too long, or holds what no key holds"),
        ("openai", "two words", "openai", "is blank, too long, or holds what no key holds"),
    ],
)
def test_what_is_no_key_says_why(name: str, value: object, shown: str, fault: str) -> None:
    (entry,) = parse(keys={name: value}).entries

    assert (entry.name, entry.fault, entry.credential) == (shown, fault, None)


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        ("anthropic/claude-opus-4-5\n", (), ("anthropic", "claude-opus-4-5")),
        ("gemini/gemini-2.5-pro", (), ("google", "gemini-2.5-pro")),
        ("gpt-5.2", ("openai",), ("openai", "gpt-5.2")),
        ("mistral/none-such", (), UNKNOWN),
        ("none-such", ("openai",), UNKNOWN),
        ("ollama/llama3.1:8b", (), ("ollama", "llama3.1:8b")),
    ],
)
def test_the_default_model_is_one_that_a_provider_here_has(
    model: str, keys: tuple[str, ...], expected: tuple[str, str] | str
) -> None:
    (setting,) = parse(default=model, keys=dict.fromkeys(keys, KEY)).settings

    assert (setting.file, setting.kind) == ("default_model.txt", "default")
    if isinstance(expected, str):
        assert setting.fault == expected
    else:
        assert (setting.provider, setting.key, setting.fault) == (*expected, None)


def test_of_several_providers_with_a_model_the_one_with_a_key_is_meant() -> None:
    (without,) = parse(default="gpt-5.2").settings
    (stored,) = parse(("github-copilot",), default="gpt-5.2").settings
    (both,) = parse(("github-copilot",), default="gpt-5.2", keys={"openai": KEY}).settings

    assert (without.fault or "").endswith(", of which one must be chosen")
    assert (stored.provider, stored.key) == ("github-copilot", "gpt-5.2")
    assert both.fault == without.fault


def test_aliases_become_names_of_models() -> None:
    aliases = {"big": "anthropic/claude-opus-4-5", "odd": 3, "lost": "none", KEY + KEY: "none"}

    found = parse(aliases=aliases).settings

    assert [(each.name, each.kind, each.provider, each.key, each.value, each.fault) for each in found] == [
        ("big", "model", "anthropic", "claude-opus-4-5", {"alias": "big"}, None),
        ("odd", "model", "", "", None, "names no model"),
        ("lost", "model", "", "", None, UNKNOWN),
        (f"a text of {2 * len(KEY)} characters", "model", "", "", None, UNKNOWN),
    ]


@pytest.mark.parametrize("default", ["", "  \n"])
def test_a_blank_default_is_none(default: str) -> None:
    assert parse(default=default).settings == ()


def test_every_file_at_fault_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(f'{{"openai": "{KEY}", "openai": "{KEY}", "groq": "{KEY}"')
    (tmp_path / "default_model.txt").write_bytes(b"\xff")
    (tmp_path / "aliases.json").write_text('{"big": "anthropic/claude-opus-4-5", "big": "nobody/x"}')

    found = read_llm(tmp_path, SNAPSHOT)

    assert found.files == ("keys.json", "default_model.txt", "aliases.json")
    assert [(each.code, each.severity, each.path) for each in found.diagnostics] == [
        ("import.format", "error", ("keys.json",)),
        ("import.format", "error", ("default_model.txt",)),
        ("import.duplicate-key", "warning", ("aliases.json",)),
    ]
    assert [each.fault for each in found.settings] == [UNKNOWN]
    assert leaks(repr(found), KEY) == []


def test_files_that_cannot_be_read_are_told_and_those_that_are_not_there_are_not(tmp_path: Path) -> None:
    assert read_llm(tmp_path, SNAPSHOT).files == ()
    (tmp_path / "keys.json").mkdir()
    (tmp_path / "default_model.txt").write_text("x" * (1024 * 1024 + 1))

    found = read_llm(tmp_path, SNAPSHOT)

    assert found.files == ("keys.json", "default_model.txt")
    assert [each.code for each in found.diagnostics] == ["import.not-a-file", "import.too-large"]


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
def test_a_file_that_is_no_object_is_told(text: str) -> None:
    found = parse(keys=text, aliases=text)

    assert [each.message for each in found.diagnostics] == [
        f"{HERE / name} is not an object." for name in ("keys.json", "aliases.json")
    ]


@given(
    st.dictionaries(st.sampled_from(["keys.json", "aliases.json", "default_model.txt"]), st.binary(max_size=80)),
)
def test_no_content_breaks_the_reader(texts: dict[str, bytes]) -> None:
    found = parse_llm(texts, SNAPSHOT, folder=HERE)

    assert {each.code for each in found.diagnostics} <= {"import.format", "import.duplicate-key"}
