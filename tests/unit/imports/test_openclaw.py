"""What a state folder of OpenClaw holds: credentials, and of its config what is ours, includes and all."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.credentials.profile import ApiKeyCredential
from jackfield.credentials.secret import Secret
from jackfield.imports.openclaw import CONFIG_FILES, find_openclaw, parse_config, read_openclaw
from jackfield.providers.registry import ProviderRegistry
from support.cli import leaks

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.imports.found import Found

KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
SNAPSHOT = ProviderRegistry.with_core().snapshot()
AGENT = "agents/main/agent/auth-profiles.json"


def write(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def parse(value: object) -> Found:
    found = parse_config(value, SNAPSHOT, file="openclaw.json")
    assert leaks(repr(found), KEY) == []
    return found


def rows(found: Found) -> list[tuple[str, str, str, Any, str | None]]:
    return [(each.kind, each.provider, each.key, each.value, each.fault) for each in found.settings]


def test_fields_of_providers_are_found_by_the_providers_canonical_name() -> None:
    found = parse({"models": {"providers": {" Z.AI": {"baseUrl": "u", "apiKey": KEY}, "acme": {}, "x": {"api": None}}}})

    assert rows(found) == [
        ("field", "z.ai", "baseUrl", "u", None),
        ("field", "z.ai", "apiKey", KEY, None),
        ("field", "x", "api", None, None),
    ]
    assert found.settings[1].name == 'models.providers[" Z.AI"].apiKey'
    assert found.lists_models is False


def test_models_default_fallbacks_and_orders_are_found() -> None:
    defaults = {
        "model": {"primary": "z.ai/glm-4.7", "fallbacks": ["openai/gpt-5.2"]},
        "models": {"Anthropic/claude": {"alias": "c"}, "bare": {}, "openai/x": None, "/x": {}},
        "workspace": "~/x",
    }
    found = parse({"agents": {"defaults": defaults}, "auth": {"order": {"OpenAI": ["openai:a"], "groq": "x"}}})

    assert rows(found) == [
        ("model", "anthropic", "claude", {"alias": "c"}, None),
        ("none", "", "", None, "names a model without its provider"),
        ("model", "openai", "x", {}, None),
        ("model", "", "x", {}, None),
        ("default", "z.ai", "glm-4.7", None, None),
        ("fallbacks", "", "", ["openai/gpt-5.2"], None),
        ("order", "openai", "", ["openai:a"], None),
        ("order", "groq", "", "x", "is no list of profiles"),
    ]
    assert found.lists_models is True


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/gpt-5.2", [("default", "openai", None)]),
        ({"primary": "opus"}, [("none", "", "names a model without its provider")]),
        ({"primary": 3}, [("none", "", "is no model")]),
        ({"fallbacks": "x"}, [("fallbacks", "", "is no list of models")]),
        ({"fallbacks": [3]}, [("fallbacks", "", "is no list of models")]),
        ({"primary": " "}, [("none", "", "is no model")]),
        ({}, []),
        (None, []),
    ],
)
def test_a_default_model_is_read_in_each_of_its_forms(
    model: object, expected: list[tuple[str, str, str | None]]
) -> None:
    found = parse({"agents": {"defaults": {"model": model}}})

    assert [(each.kind, each.provider, each.fault) for each in found.settings] == expected


def test_what_is_left_to_the_user_is_told() -> None:
    found = parse({"models": {"mode": "replace", "bedrockDiscovery": {"enabled": True}}})

    assert {each.name: each.fault for each in found.settings} == {
        "models.mode": "is left to you: replace hides every provider that the config does not name",
        "models.bedrockDiscovery": "has no counterpart here",
    }


def test_keys_in_the_files_own_environment_are_credentials() -> None:
    env = {
        "shellEnv": {"enabled": True},
        "GROQ_API_KEY": KEY,
        "vars": {"OPENAI_API_KEY": KEY, "PORT": 3, "X_API_KEY": KEY},
    }
    found = parse({"env": env})

    assert [(each.name, each.provider, each.fault) for each in found.entries] == [
        ("env.vars.OPENAI_API_KEY", "openai", None),
        ("env.vars.X_API_KEY", "X_API_KEY", "is read by no provider here"),
        ("env.GROQ_API_KEY", "groq", None),
    ]


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ([], ["openclaw.json"]),
        ({"models": 3, "agents": [], "auth": "x", "env": 1}, ["env of openclaw.json"]),
        ({"models": {"providers": []}}, ["models.providers of openclaw.json"]),
        ({"models": {"providers": {"acme": 3}}}, ["models.providers.acme of openclaw.json"]),
        (
            {"agents": {"defaults": {"models": 3}}, "auth": {"order": []}},
            ["agents.defaults.models of openclaw.json", "auth.order of openclaw.json"],
        ),
    ],
)
def test_every_part_of_a_wrong_type_is_told(value: object, places: list[str]) -> None:
    found = parse(value)

    assert [each.message for each in found.diagnostics] == [f"{each} is not an object." for each in places]
    assert {each.code for each in found.diagnostics} == {"import.format"}


def test_a_key_in_the_place_of_a_name_is_not_shown() -> None:
    pasted = "sk-Mn3Bv5Cx1Ya0Ws9Ed7Qw2Er4Ty6Ui8Op0"
    found = parse({"models": {"providers": {pasted: {"api": "x"}}}, "agents": {"defaults": {"models": {pasted: {}}}}})

    assert len(found.settings) == 2
    for each in found.settings:
        assert leaks(each.name, pasted) == []


# The folder


def test_a_folder_is_read_with_its_config_and_what_that_includes(tmp_path: Path) -> None:
    write(tmp_path, AGENT, {"profiles": {"openai:a": {"type": "api_key", "provider": "openai", "key": KEY}}})
    write(tmp_path, "parts/models.json5", "{providers: {acme: {baseUrl: 'https://api.acme.test/v1'}}}")
    write(tmp_path, "parts/other.json5", "{never: read")
    config = """{
      // mine
      models: {$include: './parts/models.json5'},
      channels: {$include: './parts/other.json5'},
      auth: {profiles: {'openai:a': {provider: 'openai', mode: 'api_key', email: ' me@acme.test '},
                        'groq:gone': {provider: 'groq', mode: 'api_key'}}},
    }"""
    write(tmp_path, "openclaw.json", config)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    found = read_openclaw(tmp_path, SNAPSHOT)

    assert (found.place, found.files, found.diagnostics) == (str(tmp_path), (AGENT, "openclaw.json"), ())
    (entry,) = found.entries
    assert (entry.credential, entry.email) == (ApiKeyCredential(Secret(KEY)), "me@acme.test")
    assert rows(found) == [
        ("field", "acme", "baseUrl", "https://api.acme.test/v1", None),
        ("none", "", "", None, "lists a profile without a credential"),
    ]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_order_beside_stored_profiles_comes_before_one_in_the_config(tmp_path: Path) -> None:
    write(tmp_path, AGENT, {"profiles": {}, "order": {"openai": ["openai:b"], "groq": 3}})
    write(tmp_path, "moltbot.json", {"auth": {"order": {"openai": ["openai:a"]}}})

    found = read_openclaw(tmp_path, SNAPSHOT)

    assert [(each.file, each.provider, each.value, each.fault) for each in found.settings] == [
        (AGENT, "openai", ["openai:b"], None),
        (AGENT, "groq", 3, "is no list of profiles"),
        ("moltbot.json", "openai", ["openai:a"], None),
    ]


@pytest.mark.parametrize("name", CONFIG_FILES)
def test_the_config_is_found_under_each_of_its_names(tmp_path: Path, name: str) -> None:
    for each in CONFIG_FILES[CONFIG_FILES.index(name) :]:
        write(tmp_path, each, {"models": {"mode": each}})

    assert read_openclaw(tmp_path, SNAPSHOT).files == (name,)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("{", ["config.syntax"]),
        ("\udcff", ["config.encoding"]),
        ("{a: " * 300 + "1" + "}" * 300, ["config.too-deep"]),
        ("{models: {mode: 'a', mode: 'b'}, x: 1, x: 2}", ["config.duplicate-key"]),
        ("{models: {$include: './none.json5'}}", ["config.include-missing"]),
        (
            "{models: {$include: './openclaw.json'}, auth: {$include: 3}}",
            ["config.include-cycle", "config.include-type"],
        ),
    ],
)
def test_what_is_wrong_with_the_config_is_told_and_the_credentials_are_read(
    tmp_path: Path, text: str, codes: list[str]
) -> None:
    write(tmp_path, AGENT, {"profiles": {"openai:a": {"type": "api_key", "provider": "openai", "key": KEY}}})
    (tmp_path / "openclaw.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    found = read_openclaw(tmp_path, SNAPSHOT)

    assert [each.code for each in found.diagnostics] == codes
    assert all(str(tmp_path / "openclaw.json") in each.message for each in found.diagnostics)
    assert len(found.entries) == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "large"])
def test_a_config_that_is_no_file_is_told_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "openclaw.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b" " * (8 * 1024 * 1024 + 1))
    write(tmp_path, "moltbot.json", {})

    found = read_openclaw(tmp_path, SNAPSHOT)

    assert found.files == ("openclaw.json",)
    expected = "import.too-large" if kind == "large" else "import.not-a-file"
    assert [each.code for each in found.diagnostics] == [expected]


@pytest.mark.parametrize("variable", ["OPENCLAW_CONFIG_PATH", "MOLTBOT_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH"])
def test_a_variable_may_name_the_config(tmp_path: Path, variable: str) -> None:
    path = write(tmp_path, "elsewhere/my.json5", {"models": {"mode": "x"}})
    write(tmp_path, ".openclaw/openclaw.json", {})

    found = find_openclaw({"HOME": str(tmp_path), variable: str(path)}, SNAPSHOT)

    assert found is not None
    assert (found.place, found.files) == (str(tmp_path / ".openclaw"), (str(path),))
    assert [each.name for each in found.settings] == ["models.mode"]


def test_the_first_folder_that_holds_something_counts(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "OPENCLAW_STATE_DIR": str(tmp_path / "empty")}
    assert find_openclaw(env, SNAPSHOT) is None
    assert find_openclaw({}, SNAPSHOT) is None

    write(tmp_path / ".clawdbot", "auth.json", {"openai": {"type": "api_key", "key": KEY}})
    found = find_openclaw(env, SNAPSHOT)
    assert found is not None
    assert (found.place, found.files) == (str(tmp_path / ".clawdbot"), ("auth.json",))

    write(tmp_path / ".moltbot", "moltbot.json", {})
    found = find_openclaw(env, SNAPSHOT)
    assert found is not None
    assert (found.place, found.files) == (str(tmp_path / ".moltbot"), ("moltbot.json",))
