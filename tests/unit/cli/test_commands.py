"""What the commands print for people, and how their options go together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.cli import RIGHT_KEY, WRONG_KEY, InProcess, leaks, model_server
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def log_in(cli: InProcess, provider: str = "openai", *more: str, key: str = RIGHT_KEY) -> None:
    result = cli.call("login", provider, "--key-stdin", "--no-verify", *more, stdin=key)
    assert result.status == 0, result.err


# login


def test_a_login_says_what_the_provider_said_and_what_was_done(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        result = cli.call(
            "login", "zai", "--key-stdin", "--base-url", f"{server.url}/v1", "--set-default", stdin=RIGHT_KEY
        )

    assert (result.status, result.out) == (0, "")
    assert result.err.splitlines() == [
        "The provider accepts the credential.",
        "Logged in to Z.AI (GLM 4.7) as zai:default.",
        "The default model is zai/glm-4.7.",
    ]


def test_a_login_without_a_check_says_so(cli: InProcess) -> None:
    result = cli.call("login", "zai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY)

    assert result.err.splitlines()[0] == "The credential was not checked."


def test_a_login_that_seals_nothing_says_so(cli: InProcess) -> None:
    result = cli.call("login", "zai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY, env={"JACKFIELD_MASTER_KEY": " "})

    assert "Note: Credentials are not encrypted" in result.err
    assert leaks(result.err, RIGHT_KEY) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--key-stdin", "--answers", "-"), "--key-stdin goes with neither --answers - nor a key given by a flag."),
        (("--key-stdin", "--zai-api-key", "x"), "--key-stdin goes with neither --answers - nor a key given by a flag."),
        (("--zai-api-key", "x", "--openai-api-key", "y"), "Only one key can be given at a time."),
        (("zai", "--auth-choice", "openai-api-key"), "zai and openai-api-key are not the same login."),
        (("--auth-choice", "token", "--token-provider", "openai"), "token and openai are not the same login."),
        (("apiKey", "--auth-choice", "token"), "apiKey and token are not the same login."),
        (("--profile",), "Option '--profile' requires an argument."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_options_that_contradict_one_another_are_refused(cli: InProcess, args: tuple[str, ...], told: str) -> None:
    result = cli.call("login", "--json", *args, stdin=RIGHT_KEY)

    assert (result.status, result.code, result.error["message"]) == (2, "usage", told)
    assert not cli.home.exists()


@pytest.mark.parametrize(
    ("args", "profile"),
    [
        (("anthropic", "--auth-choice", "apiKey", "--anthropic-api-key"), "anthropic:default"),
        (("--auth-choice", "apiKey", "--anthropic-api-key"), "anthropic:default"),
        (("claude", "--anthropic-api-key"), None),
        (("minimax", "--minimax-api-key"), "minimax:default"),
        (("minimax-api-lightning", "--minimax-api-key"), "minimax:default"),
        (("minimax", "--method", "api-key", "--minimax-api-key"), "minimax:default"),
        (("z.ai", "--zai-api-key"), "zai:default"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_key_flag_goes_with_the_names_of_its_provider(
    cli: InProcess, args: tuple[str, ...], profile: str | None
) -> None:
    result = cli.call("login", *args, RIGHT_KEY, "--no-verify", "--json")

    if profile is None:
        assert result.code == "login.unknown"
    else:
        assert result.json["profiles"] == [profile]


def test_older_spellings_of_a_token_login_work(cli: InProcess) -> None:
    token = "sk-ant-oat01-" + "b" * 80
    older = ("--auth-choice", "setup-token", "--token-provider", "anthropic", "--token", token)

    result = cli.call("login", *older, "--token-profile-id", "anthropic:work", "--no-verify", "--json")

    assert result.json["profiles"] == ["anthropic:work"]
    assert cli.secret("anthropic:work") == token


def test_a_token_given_to_the_method_for_keys_is_refused(cli: InProcess) -> None:
    result = cli.call("login", "anthropic", "--method", "api-key", "--token", RIGHT_KEY, "--json")

    assert (result.status, result.code) == (2, "login.foreign-key")
    assert leaks(result.out, RIGHT_KEY) == []


# logout


def test_a_logout_says_what_is_forgotten_and_what_is_still_there(cli: InProcess) -> None:
    log_in(cli)

    result = cli.call("logout", "openai", env={"OPENAI_API_KEY": WRONG_KEY})

    assert (result.status, result.out) == (0, "")
    assert result.err.splitlines() == [
        "Forgot openai:default.",
        "It can be taken back with: jackfield config undo",
        "Still there: env OPENAI_API_KEY.",
    ]
    assert cli.profile_ids() == []
    assert "openai" not in cli.config_text()


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (("openai", "--profile", "work"), ["openai:default", "zai:work"]),
        (("--profile", "openai:work"), ["openai:default", "zai:work"]),
        (("openai", "--all"), ["zai:work"]),
        (("zai",), ["openai:default", "openai:work"]),
        (("z.ai",), ["openai:default", "openai:work"]),
        (("--profile", "default"), ["openai:work", "zai:work"]),
        (("--profile", "work", "--all"), ["openai:default"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_logout_forgets_what_is_named(cli: InProcess, args: tuple[str, ...], left: list[str]) -> None:
    log_in(cli)
    log_in(cli, "openai", "--profile", "work")
    log_in(cli, "zai", "--profile", "work")

    assert cli.call("logout", *args).status == 0
    assert cli.profile_ids() == left


@pytest.mark.parametrize(
    ("args", "code", "status"),
    [
        (("openai",), "needs-terminal", 2),
        (("--profile", "work"), "needs-terminal", 2),
        ((), "needs-terminal", 2),
        (("--all",), "usage", 2),
        (("groq",), "credential.none", 1),
        (("openai", "--profile", "nope"), "credential.none", 1),
        (("--profile", "sk-canary-" + "x" * 40), "credential.none", 1),
    ],
    ids=lambda value: " ".join(value)[:20] if isinstance(value, tuple) else None,
)
def test_a_logout_that_is_not_clear_forgets_nothing(
    cli: InProcess, args: tuple[str, ...], code: str, status: int
) -> None:
    log_in(cli)
    log_in(cli, "openai", "--profile", "work")
    log_in(cli, "zai", "--profile", "work")

    result = cli.call("logout", *args, "--json")

    assert (result.status, result.code) == (status, code)
    assert "sk-canary" not in result.out
    assert len(cli.profile_ids()) == 3


# auth


def test_auth_list_shows_a_table_without_the_key(cli: InProcess) -> None:
    assert cli.call("auth", "list").err == "No credential is stored. Log in with: jackfield login\n"
    log_in(cli)
    log_in(cli, "anthropic", "--method", "token", "--expires-in", "30d", key="sk-ant-oat01-" + "c" * 80)

    shown = cli.call("auth", "list").out

    assert "openai:default" in shown
    assert "anthropic:default" in shown
    assert shown.count("usable") == 2
    assert leaks(shown, RIGHT_KEY) == []


def test_auth_order_numbers_the_profiles(cli: InProcess) -> None:
    assert cli.call("auth", "order", "openai").err == "OpenAI has no usable profile.\n"
    log_in(cli)
    log_in(cli, "openai", "--profile", "work")

    assert cli.call("auth", "order", "openai", "work").out == "1. openai:work\n"
    assert cli.call("auth", "order", "openai", "openai:work", "default").out == "1. openai:work\n2. openai:default\n"


@pytest.mark.parametrize("args", [("nope",), ("zai:default",), ("work", "nope")])
def test_an_order_of_profiles_that_are_not_there_is_refused(cli: InProcess, args: tuple[str, ...]) -> None:
    log_in(cli)
    log_in(cli, "openai", "--profile", "work")

    result = cli.call("auth", "order", "openai", *args, "--json")

    assert result.status == 2
    assert cli.call("auth", "order", "openai", "--json").json["explicit"] is False


def test_clearing_an_order_takes_no_profiles(cli: InProcess) -> None:
    assert cli.call("auth", "order", "openai", "work", "--clear").status == 2


# config


def test_config_path_prints_the_path_alone(cli: InProcess) -> None:
    assert cli.call("config", "path").out == f"{cli.config_file}\n"
    assert cli.call("config", "path", env={"JACKFIELD_CONFIG": "/x/y.json5"}).out == "/x/y.json5\n"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("apiKey", "sk-canary", "…"),
        ("apiKey", "${ACME_KEY}", "${ACME_KEY}"),
        ("apiKey", "${ACME_KEY}sk-canary", "…"),
        ("apiKey", "", "…"),
        ("botToken", "sk-canary", "…"),
        ("api_key", "sk-canary", "…"),
        ("clientSecret", "sk-canary", "…"),
        ("PASSWORD", "sk-canary", "…"),
        ("Authorization", "Bearer sk-canary", "…"),
        ("credentials", "sk-canary", "…"),
        ("endpoint", "https://me:sk-canary@acme.test/v1", "https://…@acme.test/v1"),
        ("tokenUrl", "https://acme.test/token", "https://acme.test/token"),
        ("maxTokens", "many", "many"),
        ("name", "plain", "plain"),
    ],
)
def test_config_show_hides_what_is_secret_and_nothing_else(cli: InProcess, name: str, value: str, shown: str) -> None:
    cli.write_config(json.dumps({"plugins": {"entries": {"acme": {"config": {"list": [{name: value}]}}}}}))

    result = cli.call("config", "show")

    assert result.json == {"plugins": {"entries": {"acme": {"config": {"list": [{name: shown}]}}}}}
    assert "sk-canary" not in result.out


def test_config_show_without_a_file_is_an_empty_object(cli: InProcess) -> None:
    assert cli.call("config", "show").json == {}


def test_config_validate_tells_each_fault_with_its_place(cli: InProcess) -> None:
    cli.write_config("{\n  models: {\n    mode: 'both',\n    providers: { acme: { baseUrl: 'ftp://x' } },\n  },\n}")

    result = cli.call("config", "validate")

    assert (result.status, result.out) == (1, "")
    lines = result.err.splitlines()
    assert lines[0] == f"{cli.config_file}:3:5: error: models.mode: must be one of merge, replace"
    assert f"{cli.config_file}:4:18: error: models.providers.acme.base_url: must be an http or https URL" in lines
    assert lines[-1] == f"{cli.config_file}: 2 errors"


@pytest.mark.parametrize(
    ("text", "status", "last"),
    [
        (None, 0, "does not exist yet, which is fine"),
        ("{}", 0, "is valid"),
        ("{models: {mod: 1}}", 0, "is valid"),
        ("{models: 1}", 1, "1 error"),
        ("{ a", 1, "1 error"),
    ],
)
def test_config_validate_ends_with_the_verdict(cli: InProcess, text: str | None, status: int, last: str) -> None:
    if text is not None:
        cli.write_config(text)

    result = cli.call("config", "validate")

    assert result.status == status
    assert result.err.rstrip().endswith(last)


@pytest.mark.parametrize(
    ("text", "valid", "codes"),
    [("{}", True, []), ("{ a", False, ["config.syntax"]), ("{auth: 1}", False, ["config.type"])],
)
def test_another_file_is_checked_like_the_own_one(
    cli: InProcess, tmp_path: Path, text: str, valid: bool, codes: list[str]
) -> None:
    other = tmp_path / "other.json5"
    other.write_text(text)
    cli.write_config(text)

    theirs, own = cli.call("config", "validate", str(other), "--json"), cli.call("config", "validate", "--json")

    assert theirs.json == {**own.json, "path": str(other)}
    assert theirs.json["valid"] is valid
    assert [each["code"] for each in theirs.json["diagnostics"]] == codes
    assert theirs.status == own.status == (0 if valid else 1)


def test_another_file_that_is_not_there_is_wrong_usage(cli: InProcess, tmp_path: Path) -> None:
    result = cli.call("config", "validate", str(tmp_path / "none.json5"))

    assert result.status == 2
    assert f"There is no file {tmp_path / 'none.json5'}" in result.err


# explain


def test_explain_shows_what_wins_and_what_it_shadows(cli: InProcess) -> None:
    log_in(cli)
    log_in(cli, "openai", "--profile", "work")
    cli.call("auth", "order", "openai", "work")

    result = cli.call("explain", "openai", env={"OPENAI_API_KEY": WRONG_KEY})

    rows = [line.split() for line in result.out.splitlines()]
    assert ["1", "profile", "openai:work", "api_key", "wins"] in rows
    assert ["2", "profile", "openai:default", "api_key", "the", "profile", "order", "does", "not", "name", "it"] in rows
    assert ["3", "env", "OPENAI_API_KEY", "api_key", "shadowed"] in rows
    assert "OpenAI (registered by core)" in result.out


def test_explain_shows_the_configs_settings_and_what_they_shadow(cli: InProcess) -> None:
    cli.write_config(
        "{models: {providers: {OpenAI: "
        "{baseUrl: 'https://me:sk-canary@proxy.acme.test/v1', api: 'openai-completions'}}}}"
    )

    result = cli.call("explain", "openai", "--json")

    assert result.json["settings"] == [
        {
            "name": "base URL",
            "value": "https://…@proxy.acme.test/v1",
            "source": "models.providers.OpenAI",
            "shadows": ["https://api.openai.com/v1"],
        },
        {
            "name": "API style",
            "value": "openai-completions",
            "source": "models.providers.OpenAI",
            "shadows": ["openai-responses"],
        },
    ]


def test_explain_without_a_credential_says_how_to_get_one(cli: InProcess) -> None:
    assert cli.call("explain", "zai").err == "No credential anywhere. Log in with: jackfield login zai\n"


# providers


def test_providers_list_has_a_row_for_each(cli: InProcess) -> None:
    shown = cli.call("providers", "list", env={"COLUMNS": "200"}).out

    ids = [each["id"] for each in cli.call("providers", "list", "--json").json]
    firsts = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert [each for each in firsts if each in ids] == ids


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("openai", ("OPENAI_API_KEY", "openai-api-key", "gpt-5", "https://api.openai.com/v1")),
        ("amazon-bedrock", ("AWS_ACCESS_KEY_ID + AWS_SECRET_ACCESS_KEY",)),
        ("qwen-portal", ("qwen-portal-auth",)),
        ("opencode", ("by model",)),
    ],
)
def test_providers_show_tells_what_the_block_says(cli: InProcess, name: str, parts: tuple[str, ...]) -> None:
    shown = cli.call("providers", "show", name, env={"COLUMNS": "200"}).out

    for part in parts:
        assert part in shown


@pytest.mark.parametrize(
    "view", ["auth-choices", "env-vars", "api-key-specs", "legacy-profiles", "advisories", "runtime-tags"]
)
def test_providers_view_shows_a_row_for_each(cli: InProcess, view: str) -> None:
    rows = cli.call("providers", "view", view, "--json").json

    shown = cli.call("providers", "view", view, env={"COLUMNS": "400"}).out

    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) == len(rows) + 2


# status


def test_status_shows_what_is_configured_and_counts_the_rest(cli: InProcess) -> None:
    log_in(cli)

    few, every = cli.call("status", "--no-probe"), cli.call("status", "--no-probe", "--all")
    count = len(cli.call("providers", "list", "--json").json)

    assert "OpenAI" in few.out
    assert "● configured" in few.out
    assert "not configured" not in few.out
    assert "more are not configured: jackfield status --all" in few.err
    assert every.out.count("not configured") + every.out.count("● configured") == count
    assert "more are not configured" not in every.err


def test_status_says_where_a_first_login_will_write(cli: InProcess) -> None:
    assert f"No config file yet; a login writes {cli.config_file}" in cli.call("status", "--no-probe").err


def test_status_asks_the_providers_and_tells_the_time(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        for name, key in (("openai", RIGHT_KEY), ("zai", WRONG_KEY)):
            log_in(cli, name, "--base-url", f"{server.url}/v1", key=key)
        result = cli.call("status", "openai", "zai")

    assert result.status == 0
    assert "✓ verified" in result.out
    assert "✗ failing" in result.out
    assert " ms" in result.out
    assert leaks(result.out, WRONG_KEY) == []
    assert len(server.requests) == 2


def test_status_without_probing_sends_nothing(cli: InProcess) -> None:
    with HttpServer(answering(200)) as server:
        log_in(cli, "openai", "--base-url", f"{server.url}/v1")
        cli.call("login", "ollama", "--base-url", f"{server.url}/v1", "--no-verify")
        result = cli.call("status", "--no-probe", "--all", "--json")

    assert {each["id"]: each["state"] for each in result.json["providers"]}["openai"] == "configured"
    assert server.connections == 0


def test_status_of_a_local_service(cli: InProcess) -> None:
    with model_server() as server:
        assert cli.call("login", "ollama", "--base-url", f"{server.url}/v1").status == 0
        (there,) = cli.call("status", "ollama", "--json").json["providers"]
    (gone,) = cli.call("status", "ollama", "--json").json["providers"]

    assert (there["state"], there["source"]) == ("reachable", None)
    assert (gone["state"], gone["source"]) == ("unreachable", None)
    assert gone["reason"].endswith("refuses connections.")


@pytest.mark.parametrize("text", ["{ a", "{models: 3}", "[]"])
def test_a_broken_config_still_shows_status_and_fails(cli: InProcess, text: str) -> None:
    cli.write_config(text)

    result = cli.call("status", "--no-probe", "--json", env={"OPENAI_API_KEY": RIGHT_KEY})

    assert result.status == 1
    states = {each["id"]: each["state"] for each in result.json["providers"]}
    assert states["openai"] == "configured"
    assert f"{cli.config_file}:1:" in result.err
    assert "error: " in result.err


def test_a_store_that_cannot_be_read_is_told_with_its_copy(cli: InProcess) -> None:
    cli.write_config("{}")
    cli.store_file.write_bytes(b"not a store")

    result = cli.call("status", "--no-probe", "--json")

    assert (result.status, result.code) == (1, "store.unreadable")
    (copy,) = [name for name in cli.files() if ".unreadable-" in name]
    assert copy in result.error["message"]


@pytest.mark.parametrize("command", [("status", "--no-probe"), ("auth", "list"), ("logout", "openai")])
def test_a_home_that_is_a_file_is_told(cli: InProcess, tmp_path: Path, command: tuple[str, ...]) -> None:
    home = tmp_path / "file"
    home.write_text("x")

    result = cli.call(*command, "--json", env={"JACKFIELD_HOME": str(home)})

    assert (result.status, result.code) == (1, "store.unreadable")
    assert home.read_text() == "x"


def test_a_purged_logout_leaves_the_key_nowhere_and_cannot_bring_it_back(cli: InProcess) -> None:
    log_in(cli)
    assert cli.call("logout", "openai", "--purge").status == 0
    undone = cli.call("config", "undo")
    assert cli.profile_ids() == []
    assert (undone.status, undone.out) == (2, "")
    assert "nothing" in undone.err.lower() or "no commit" in undone.err.lower()
    for file in cli.folder.rglob("*"):
        if file.is_file():
            assert RIGHT_KEY.encode() not in file.read_bytes(), file.name


def test_an_unknown_consent_is_wrong_usage(cli: InProcess) -> None:
    result = cli.call("login", "openai", "--key-stdin", "--accept", "bogus", stdin=RIGHT_KEY)
    assert result.status == 2
    assert "overwrite" in result.err
