"""The JSON of every reading command: keys, their order and their types are part of the interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.providers.views import VIEWS
from support.cli import RIGHT_KEY, WRONG_KEY, InProcess, leaks

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """{
  models: { providers: {
    zai: { apiKey: "sk-config-literal-1", headers: { "X-Team": "sk-header-literal-1" } },
    acme: { baseUrl: "https://api.acme.test/v1", models: [{ id: "one" }] },
  } },
  agents: { defaults: { model: "openai/gpt-5" } },
  other: { theirs: true },
}
"""

TEXT, NUMBER, FLAG, NOTHING = "str", "int", "bool", "NoneType"
DIAGNOSTIC = {
    "code": TEXT,
    "severity": TEXT,
    "path": [TEXT],
    "owner": NOTHING,
    "message": TEXT,
    "hint": TEXT,
    "rule": NOTHING,
    "line": NUMBER,
    "column": NUMBER,
}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    found = InProcess(tmp_path, monkeypatch, capsys)
    found.write_config(CONFIG)
    return found


def shape(value: object) -> object:
    """Return what `value` is made of: key by key in order, a list by its first item, a leaf by its type's name."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def ordered(value: object) -> object:
    """Return `value` with dicts as lists of pairs, so that comparing compares the order of keys too."""
    if isinstance(value, dict):
        return [(key, ordered(each)) for key, each in value.items()]
    return [ordered(each) for each in value] if isinstance(value, list) else value


def same(found: object, expected: object) -> bool:
    assert ordered(shape(found)) == ordered(expected)
    return True


def log_in(cli: InProcess, *more: str) -> Any:
    return cli.call("login", "openai", "--key-stdin", "--no-verify", "--json", *more, stdin=RIGHT_KEY).json


def test_status(cli: InProcess) -> None:
    log_in(cli)

    result = cli.call("status", "openai", "groq", "--no-probe", "--json")

    assert (result.status, result.err) == (0, "")
    assert result.json == {
        "providers": [
            {
                "id": "openai",
                "state": "configured",
                "source": "profile",
                "reason": "openai:default: A credential is there; the provider was not asked.",
                "code": None,
            },
            {
                "id": "groq",
                "state": "not_configured",
                "source": None,
                "reason": "Run jackfield login groq, or set GROQ_API_KEY.",
                "code": None,
            },
        ],
        "diagnostics": [],
    }
    assert list(result.json) == ["providers", "diagnostics"]
    assert [list(each) for each in result.json["providers"]] == [["id", "state", "source", "reason", "code"]] * 2


def test_status_lists_every_provider_by_id(cli: InProcess) -> None:
    providers = cli.call("status", "--no-probe", "--json").json["providers"]

    ids = [each["id"] for each in providers]
    assert ids == sorted(ids)
    assert {"acme", "openai", "zai"} <= set(ids)


def test_providers_list(cli: InProcess) -> None:
    found = cli.call("providers", "list", "--json").json

    assert same(found[1:], [{"id": TEXT, "label": TEXT, "owner": TEXT, "aliases": []}])
    by_id = {each["id"]: each for each in found}
    assert by_id["zai"] == {
        "id": "zai",
        "label": "Z.AI (GLM 4.7)",
        "owner": "core",
        "aliases": by_id["zai"]["aliases"],
    }
    assert "z.ai" in by_id["zai"]["aliases"]
    assert by_id["acme"]["owner"] == "config"
    assert list(by_id) == sorted(by_id)


def test_providers_show(cli: InProcess) -> None:
    found = cli.call("providers", "show", "z.ai", "--json").json

    assert list(found) == [
        "id",
        "label",
        "aliases",
        "docs_path",
        "base_url",
        "api",
        "api_rules",
        "local",
        "auth_mode",
        "group",
        "auth",
        "env",
        "verify",
        "models",
        "model_aliases",
        "short_names",
        "seed_aliases",
        "default_model",
        "hidden_models",
        "picker_order",
        "implicit_order",
        "discovery",
        "token_exchange",
        "legacy",
        "advisories",
        "tags",
        "owner",
    ]
    assert (found["id"], found["owner"]) == ("zai", "core")


ROWS: dict[str, dict[str, object]] = {
    "auth-choices": {
        "provider": TEXT,
        "choice": TEXT,
        "method": TEXT,
        "kind": TEXT,
        "label": TEXT,
        "hint": NOTHING,
        "group": TEXT,
        "group_label": TEXT,
        "group_hint": TEXT,
        "order": NUMBER,
        "hidden": FLAG,
        "replaced_by": NOTHING,
        "needs_plugin": NOTHING,
        "interactive": FLAG,
        "runner": TEXT,
        "profile": TEXT,
        "default_model": NOTHING,
        "note": NOTHING,
    },
    "env-vars": {
        "provider": TEXT,
        "name": TEXT,
        "role": TEXT,
        "rule": TEXT,
        "order": NUMBER,
        "set": NOTHING,
        "mode": TEXT,
        "login_shell": FLAG,
        "shared_with": [],
    },
    "api-key-specs": {
        "provider": TEXT,
        "choice": TEXT,
        "method": TEXT,
        "kind": TEXT,
        "flags": [TEXT],
        "field": TEXT,
        "prompt": TEXT,
        "url": TEXT,
        "normalize": TEXT,
        "prefix": NOTHING,
        "min_length": NUMBER,
        "env": [TEXT],
        "offer_env": FLAG,
        "profile": TEXT,
        "default_model": NOTHING,
        "verify_url": TEXT,
        "verify_public": FLAG,
    },
    "legacy-profiles": {
        "provider": TEXT,
        "rule": TEXT,
        "subject": TEXT,
        "to": NOTHING,
        "where": [TEXT],
        "source": NOTHING,
        "fresh_s": NOTHING,
    },
    "advisories": {"provider": TEXT, "id": TEXT, "when": TEXT, "title": TEXT, "text": TEXT, "url": NOTHING},
    "runtime-tags": {"provider": TEXT, "tag": TEXT, "value": TEXT},
}


@pytest.mark.parametrize("name", ROWS)
def test_providers_view(cli: InProcess, name: str) -> None:
    rows = cli.call("providers", "view", name, "--json").json
    own = cli.call("providers", "view", name, "--provider", "OpenAI", "--json").json

    assert own == [each for each in rows if each["provider"] == "openai"]
    every = ROWS[name]
    assert {tuple(each) for each in rows} == {tuple(every)}
    for each in own[:1]:
        found = shape(each)
        assert isinstance(found, dict)
        # Only what a row may leave open is null, and an empty list has no items to look at.
        assert {key for key, kind in found.items() if kind != every[key]} <= {"url", "default_model", "value"}


def test_every_view_has_its_shape_here() -> None:
    assert list(ROWS) == list(VIEWS)


def test_auth_list(cli: InProcess) -> None:
    assert cli.call("auth", "list", "--json").json == []
    log_in(cli, "--base-url", "http://127.0.0.1:9/v1")

    (row,) = cli.call("auth", "list", "--json").json

    times = {"created": NUMBER, "updated": NUMBER}
    usage = {
        "last_used": NOTHING,
        "last_failure": NOTHING,
        "error_count": NUMBER,
        "cooldown_until": NOTHING,
        "disabled_until": NOTHING,
        "disabled_reason": NOTHING,
        "failure_counts": {},
    }
    known = {"id": TEXT, "provider": TEXT, "name": TEXT, "kind": TEXT, "origin": TEXT, "owner": TEXT}
    rest = {"expires": NOTHING, "refreshable": FLAG, "email": NOTHING, "extra": [], "usage": usage}
    assert same(row, {**known, **times, **rest})
    assert {key: row[key] for key in known} == {
        "id": "openai:default",
        "provider": "openai",
        "name": "default",
        "kind": "api_key",
        "origin": "http://127.0.0.1:9",
        "owner": "user",
    }


def test_auth_order(cli: InProcess) -> None:
    log_in(cli)
    log_in(cli, "--profile", "work")

    def order(*args: str) -> Any:
        result = cli.call("auth", "order", "openai", *args, "--json")
        assert list(result.json) == ["provider", "explicit", "order"]
        return result.json["explicit"], result.json["order"]

    assert order() == (False, ["openai:default", "openai:work"])
    assert order("work", "openai:default") == (True, ["openai:work", "openai:default"])
    assert order() == (True, ["openai:work", "openai:default"])
    assert order("--clear") == (False, ["openai:default", "openai:work"])


def test_explain(cli: InProcess) -> None:
    log_in(cli)

    found = cli.call("explain", "openai", "--json", env={"OPENAI_API_KEY": WRONG_KEY}).json

    setting: dict[str, object] = {"source": "block", "place": None, "shadows": []}
    places = [found["settings"][2]["place"], *(each["place"] for each in found["written"])]
    assert all(each.startswith(f"{cli.config_file}:") for each in places)
    assert found == {
        "provider": "openai",
        "owner": "core",
        "settings": [
            {**setting, "name": "base URL", "value": "https://api.openai.com/v1"},
            {**setting, "name": "API style", "value": "openai-responses"},
            {
                "name": "default model",
                "value": "openai/gpt-5",
                "source": "agents.defaults.model",
                "place": found["settings"][2]["place"],
                "shadows": [],
            },
        ],
        "sources": [
            {
                "kind": "profile",
                "name": "openai:default",
                "mode": "api_key",
                "usable": True,
                "reason": None,
                "wins": True,
            },
            {"kind": "env", "name": "OPENAI_API_KEY", "mode": "api_key", "usable": True, "reason": None, "wins": False},
        ],
        "shared_variables": [],
        "written": [
            {
                "path": ["auth", "profiles", "openai:default", field],
                "by": "user",
                "at": found["written"][0]["at"],
                "title": "login to openai as openai:default",
                "place": place,
                "shadows": [],
            }
            for field, place in zip(("provider", "mode"), places[1:], strict=True)
        ],
        "diagnostics": [],
    }
    assert list(found) == ["provider", "owner", "settings", "sources", "shared_variables", "written", "diagnostics"]
    assert list(found["written"][0]) == ["path", "by", "at", "title", "place", "shadows"]
    assert list(found["sources"][0]) == ["kind", "name", "mode", "usable", "reason", "wins"]


def test_explain_tells_shared_variables(cli: InProcess) -> None:
    found = cli.call("explain", "github-copilot", "--json").json

    for each in found["shared_variables"]:
        assert list(each) == ["name", "providers"]
        assert "github-copilot" not in each["providers"]


def test_config_show(cli: InProcess) -> None:
    assert cli.call("config", "show", "--json").json == {
        "models": {
            "providers": {
                "zai": {"apiKey": "…", "headers": {"X-Team": "…"}},
                "acme": {"baseUrl": "https://api.acme.test/v1", "models": [{"id": "one"}]},
            }
        },
        "agents": {"defaults": {"model": "openai/gpt-5"}},
    }


def test_config_path(cli: InProcess) -> None:
    found = cli.call("config", "path", "--json").json

    assert ordered(found) == ordered(
        {
            "config": str(cli.config_file),
            "exists": True,
            "includes": [],
            "store": str(cli.store_file),
            "plugins": str(cli.home / "plugins"),
            "state": str(cli.home / "state"),
        }
    )


def test_config_validate(cli: InProcess) -> None:
    good = cli.call("config", "validate", "--json")
    cli.write_config("{\n  models: { mod: 1 },\n}")
    warned = cli.call("config", "validate", "--json")
    cli.write_config("{\n  models: { mode: 'both' },\n}")
    bad = cli.call("config", "validate", "--json")

    assert (good.status, warned.status, bad.status) == (0, 0, 1)
    assert ordered(good.json) == ordered(
        {"path": str(cli.config_file), "includes": [], "valid": True, "diagnostics": []}
    )
    assert warned.json["valid"] is True
    assert same(warned.json["diagnostics"], [DIAGNOSTIC])
    assert bad.json == {
        "path": str(cli.config_file),
        "includes": [],
        "valid": False,
        "diagnostics": [
            {
                "code": "config.value",
                "severity": "error",
                "path": ["models", "mode"],
                "owner": None,
                "message": "must be one of merge, replace",
                "hint": bad.json["diagnostics"][0]["hint"],
                "rule": None,
                "line": 2,
                "column": 13,
            }
        ],
    }


def test_login(cli: InProcess) -> None:
    found = log_in(cli)

    assert same(
        found,
        {
            "provider": TEXT,
            "profiles": [TEXT],
            "verified": FLAG,
            "verdict": NOTHING,
            "default_model": NOTHING,
            "changed": [[TEXT]],
            "notes": [TEXT],
            "consents": [],
            "diff": NOTHING,
            "diagnostics": [],
        },
    )
    assert (found["profiles"], found["verified"], found["verdict"]) == (["openai:default"], False, None)


def test_the_consents_of_a_login_say_whether_they_were_given(cli: InProcess) -> None:
    cli.write_config('{models: {providers: {openai: {baseUrl: "https://one.acme.test", api: "openai-completions"}}}}')
    url = ("--base-url", "https://two.acme.test")

    consents = log_in(cli, *url)["consents"]

    assert same(consents[:1], [{"code": TEXT, "path": [TEXT], "question": TEXT, "accepted": FLAG}])
    assert {each["code"]: each["accepted"] for each in consents} == {"overwrite": True, "origin-change": True}


def test_logout(cli: InProcess) -> None:
    log_in(cli)

    assert cli.call("logout", "openai", "--json").json == {
        "profiles": ["openai:default"],
        "changed": [["auth", "profiles", "openai:default"]],
    }


ERROR = {"code": TEXT, "message": TEXT, "fix": TEXT, "diagnostics": []}
NAMED = {**ERROR, "suggestions": [TEXT]}


@pytest.mark.parametrize(
    ("args", "code", "status", "expected"),
    [
        (("providers", "show", "opnai"), "registry.unknown", 2, NAMED),
        (("explain", "opnai"), "registry.unknown", 2, NAMED),
        (("status", "opnai"), "registry.unknown", 2, NAMED),
        (("auth", "order", "opnai"), "registry.unknown", 2, NAMED),
        (("logout", "opnai"), "registry.unknown", 2, NAMED),
        (("providers", "view", "env-vars", "--provider", "opnai"), "registry.unknown", 2, NAMED),
        (("login", "opnai"), "login.unknown", 2, NAMED),
        (("login", "openai", "--method", "oauth"), "login.unknown-method", 2, NAMED),
        (("logout", "openai"), "credential.none", 1, ERROR),
        (("login", "openai"), "needs-terminal", 2, ERROR),
        (("status", "--timeout", "never"), "usage", 2, ERROR),
        (("providers", "view", "models"), "usage", 2, ERROR),
        (("explain",), "usage", 2, ERROR),
        (("stauts",), "usage", 2, ERROR),
        (("login", "--jsn"), "usage", 2, ERROR),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_errors(cli: InProcess, args: tuple[str, ...], code: str, status: int, expected: dict[str, object]) -> None:
    result = cli.call(*args, "--json")

    assert (result.status, result.err) == (status, "")
    assert same(result.error, expected)
    assert result.code == code


def test_an_error_with_diagnostics_lists_them(cli: InProcess) -> None:
    cli.write_config("{models: 3, auth: []}")

    result = cli.call("config", "show", "--json")

    assert (result.status, result.code) == (1, "config.invalid")
    assert same(result.error["diagnostics"], [{**DIAGNOSTIC, "hint": NOTHING}])
    assert [each["path"] for each in result.error["diagnostics"]] == [["models"], ["auth"]]


READING = [
    ("status", "--no-probe"),
    ("providers", "list"),
    ("providers", "show", "openai"),
    *(("providers", "view", name) for name in ROWS),
    ("auth", "list"),
    ("auth", "order", "openai"),
    ("explain", "openai"),
    ("explain", "zai"),
    ("config", "show"),
    ("config", "path"),
    ("config", "validate"),
]


@pytest.mark.parametrize("args", READING, ids=" ".join)
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_no_reading_command_shows_a_secret(cli: InProcess, args: tuple[str, ...], as_json: bool) -> None:
    log_in(cli)

    result = cli.call(
        "--debug", *args, *(("--json",) if as_json else ()), env={"OPENAI_API_KEY": WRONG_KEY, "ZAI_API_KEY": WRONG_KEY}
    )

    assert result.status == 0
    for secret in (RIGHT_KEY, WRONG_KEY, "sk-config-literal-1", "sk-header-literal-1"):
        assert leaks(result.out, secret) == []
        assert leaks(result.err, secret) == []
    if as_json:
        assert result.json is not None
        assert result.err == ""


def test_characters_that_the_output_cannot_hold_are_escaped(cli: InProcess) -> None:
    strange = cli.folder / "h\udcff"
    shown = cli.call("config", "path", "--json", env={"JACKFIELD_HOME": str(strange)})

    assert shown.json["config"] == str(strange / "config.json5")
    assert "\\udcff" in shown.out
