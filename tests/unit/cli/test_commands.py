"""What the commands print for people, and how their options go together."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from support.cli import RIGHT_KEY, WRONG_KEY, InProcess, leaks, model_server
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from collections.abc import Callable
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


def test_a_model_that_is_not_listed_is_told_with_its_neighbours(cli: InProcess) -> None:
    result = cli.call("login", "openai", "--key-stdin", "--no-verify", "--model", "gpt-5.2-prro", stdin=RIGHT_KEY)

    assert result.status == 0
    assert result.err.splitlines()[:2] == [
        "warning: OpenAI has no model 'gpt-5.2-prro' in its list here; it is the default all the same.",
        "    Did you mean gpt-5.2-pro or gpt-5-pro or gpt-5.2?",
    ]
    assert "The default model is openai/gpt-5.2-prro." in result.err


def test_a_lifetime_of_a_key_is_refused_before_anything_is_read_or_written(cli: InProcess) -> None:
    result = cli.call("login", "openai", "--key-stdin", "--no-verify", "--expires-in", "3d", "--json", stdin=RIGHT_KEY)

    assert (result.status, result.code) == (2, "login.no-lifetime")
    assert result.error["fix"] == "Leave --expires-in out."
    assert not cli.home.exists()


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
        (("--yes",), "needs-terminal", 2),
        (("--all",), "usage", 2),
        (("--all", "--yes"), "usage", 2),
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


@pytest.mark.parametrize("args", [("--yes",), ("openai",), ("--profile", "default")])
def test_the_only_profile_is_forgotten_when_it_is_named_or_sure(cli: InProcess, args: tuple[str, ...]) -> None:
    log_in(cli)

    assert cli.call("logout", *args, "--json").json["profiles"] == ["openai:default"]
    assert cli.profile_ids() == []


def test_the_only_profile_is_not_forgotten_unasked(cli: InProcess) -> None:
    log_in(cli)

    result = cli.call("logout", "--json")

    assert (result.status, result.code) == (2, "needs-terminal")
    assert result.error["fix"] == "Answer it with jackfield logout openai or --yes, or run this in a terminal."
    assert cli.profile_ids() == ["openai:default"]


def test_a_profile_whose_provider_is_gone_is_forgotten_quietly(cli: InProcess) -> None:
    cli.write_config('{models: {providers: {acme: {baseUrl: "https://api.acme.test/v1"}}}}')
    log_in(cli, "acme")
    cli.write_config("{}")

    result = cli.call("logout", "--profile", "acme:default")

    assert result.status == 0
    assert result.err.splitlines() == [
        "Forgot acme:default.",
        "It can be taken back with: jackfield config undo",
    ]


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


ADDRESS = "The address of openai cannot be used: The URL cannot be used: It does not start with https:// or http://."

TWICE = "models.providers has two entries for %s: %s; only one counts."


@pytest.mark.parametrize(
    ("entries", "status", "told"),
    [
        ("openai: {baseUrl: 'ftp://x'}", 1, [f":2:12: error: models.providers.openai.baseUrl: {ADDRESS}"]),
        ("openai: {baseUrl: '${GATEWAY}/v1'}", 0, []),
        ("acme: {baseUrl: 'https://a.test'}, beta: {baseUrl: 'https://b.test'}", 0, []),
        ("zai: {}, ZAI: {}", 0, [f":2:12: warning: models.providers.ZAI: {TWICE % ('zai', 'zai and ZAI')}"]),
        ("'z.ai': {}, zai: {}", 0, [f":2:15: warning: models.providers.zai: {TWICE % ('zai', 'z.ai and zai')}"]),
    ],
    ids=["ftp", "variable", "fine", "case", "alias"],
)
def test_config_validate_knows_the_registered_providers(
    cli: InProcess, entries: str, status: int, told: list[str]
) -> None:
    cli.write_config("{models: {providers: {\n  " + entries + "}}}")

    result = cli.call("config", "validate")

    assert result.status == status
    assert [each for each in result.err.splitlines()[:-1] if not each.startswith("    ")] == [
        f"{cli.config_file}{each}" for each in told
    ]


def test_config_validate_tells_the_codes_of_entries(cli: InProcess) -> None:
    cli.write_config("{models: {providers: {openai: {baseUrl: 'ftp://x'}, OpenAI: {}, acme: {baseUrl: 'ftp://y'}}}}")

    found = cli.call("config", "validate", "--json").json["diagnostics"]

    assert sorted(each["code"] for each in found) == ["config.base-url", "config.provider", "config.same-provider"]
    assert all(each["line"] == 1 and each["column"] for each in found)


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
            "place": f"{cli.config_file}:1:32",
            "shadows": ["https://api.openai.com/v1"],
        },
        {
            "name": "API style",
            "value": "openai-completions",
            "source": "models.providers.OpenAI",
            "place": f"{cli.config_file}:1:84",
            "shadows": ["openai-responses"],
        },
    ]


BROKEN = ["{ a", "{models: 3}", '{models: {providers: {acme: {baseUrl: "ftp://x"}}}}']
LISTS = [("auth", "list"), ("providers", "list"), ("providers", "view", "env-vars")]
# Entries of providers say nothing of the profiles that are stored.
TOLD = [(args, text) for args in (*LISTS, ("explain", "openai"), ("providers", "show", "openai")) for text in BROKEN]
TOLD.remove((LISTS[0], BROKEN[2]))


@pytest.mark.parametrize(("args", "text"), TOLD)
def test_a_broken_config_is_told_by_what_reads_it(cli: InProcess, args: tuple[str, ...], text: str) -> None:
    cli.write_config(text)

    result = cli.call(*args)

    assert result.status == 1
    assert f"{cli.config_file}:1:" in result.err
    assert ": error: " in result.err
    assert bool(result.out) is (args != ("auth", "list"))


@pytest.mark.parametrize(("args", "text"), [each for each in TOLD if each[0] in LISTS])
def test_a_list_in_json_is_whole_or_an_error(cli: InProcess, args: tuple[str, ...], text: str) -> None:
    cli.write_config(text)

    result = cli.call(*args, "--json")

    code = "config.syntax" if text == BROKEN[0] else "config.invalid"
    assert (result.status, result.code, result.err) == (1, code, "")
    assert [each["line"] for each in result.error["diagnostics"]] == [1]


def test_explain_tells_a_broken_config_in_its_json(cli: InProcess) -> None:
    cli.write_config("{models: 3}")

    result = cli.call("explain", "openai", "--json")

    assert result.status == 1
    assert [(each["code"], each["path"]) for each in result.json["diagnostics"]] == [("config.type", ["models"])]
    assert result.json["settings"][0]["source"] == "block"


@pytest.mark.parametrize("args", [("explain", "acme"), ("providers", "show", "acme"), ("status", "acme")])
def test_a_provider_that_a_broken_config_hides_is_told_with_the_fault(cli: InProcess, args: tuple[str, ...]) -> None:
    cli.write_config('{models: {providers: {acme: {baseUrl: "https://a.test"')

    result = cli.call(*args)

    assert result.status == 2
    assert f"{cli.config_file}:1:" in result.err
    assert "There is no provider 'acme'." in result.err


@pytest.mark.parametrize("args", [*LISTS, ("explain", "openai"), ("providers", "show", "openai")])
def test_a_warning_about_the_config_fails_nothing(cli: InProcess, args: tuple[str, ...]) -> None:
    cli.write_config("{models: {mod: 1}}")

    assert cli.call(*args).status == 0
    assert cli.call(*args, "--json").status == 0


# What a narrow terminal must not tear apart: people copy it.
NARROW = [
    (("providers", "list"), lambda row: row["id"]),
    (("providers", "view", "env-vars"), lambda row: row["name"]),
    (("providers", "view", "auth-choices"), lambda row: row["choice"]),
    (("providers", "view", "api-key-specs"), lambda row: row["provider"]),
    (("auth", "list"), lambda row: row["id"]),
]


@pytest.mark.parametrize(("args", "name"), NARROW, ids=[" ".join(args) for args, _ in NARROW])
def test_a_table_of_80_columns_keeps_names_whole_and_tells_the_rest_as_details(
    cli: InProcess, args: tuple[str, ...], name: Callable[[dict[str, str]], str]
) -> None:
    log_in(cli)
    log_in(cli, "groq", "--profile", "someone.with.a.long.name@example.test")
    rows = cli.call(*args, "--json").json

    shown = cli.call(*args, env={"COLUMNS": "80"}).out
    wide = cli.call(*args, env={"COLUMNS": "160"}).out

    assert max(map(len, shown.splitlines())) <= 80
    words = shown.split()
    assert [each for each in map(name, rows) if each not in words] == []
    assert shown.splitlines()[1].split()[-1] == "details"
    assert "details" not in wide.splitlines()[1]


@pytest.mark.parametrize("columns", [60, 80])
def test_no_column_pushes_another_off_a_narrow_screen(cli: InProcess, columns: int) -> None:
    log_in(cli, "groq", "--profile", "someone.with.a.very.long.name@a.very.long.domain.example.test")

    for args in (("auth", "list"), ("explain", "groq")):
        shown = cli.call(*args, env={"COLUMNS": str(columns)}).out
        assert max(map(len, shown.splitlines())) <= columns
        assert "https://api.groq.com" in "".join(shown.split())
    assert "usable" in "".join(cli.call("auth", "list", env={"COLUMNS": str(columns)}).out.split())


def test_explain_at_80_columns_tells_what_wins_and_who_wrote_it(cli: InProcess) -> None:
    log_in(cli)

    shown = " ".join(cli.call("explain", "openai", env={"COLUMNS": "80", "OPENAI_API_KEY": WRONG_KEY}).out.split())

    assert "base URL https://api.openai.com/v1 from built in" in shown
    assert "1 profile openai:default api_key; wins" in shown
    assert "2 env OPENAI_API_KEY api_key; shadowed" in shown
    assert "by this program; " in shown


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
    rows = {each["id"]: each for each in result.json["providers"]}
    # What is in the environment is shown, and goes nowhere while nobody can tell where to.
    found = [rows["openai"][name] for name in ("state", "source", "code")]
    assert found == ["failing", "env", "config.unsure-address"]
    assert f"{cli.config_file}:1:" in result.err
    assert "error: " in result.err


def test_a_store_that_cannot_be_read_is_told_with_its_copy_and_the_rest_is_shown(cli: InProcess) -> None:
    cli.write_config('{models: {providers: {zai: {apiKey: "${ZAI_KEY}"}}}}')
    cli.store_file.write_bytes(b"not a store")
    env = {"OPENAI_API_KEY": RIGHT_KEY, "ZAI_KEY": WRONG_KEY}

    result = cli.call("status", "--no-probe", "--json", env=env)

    assert result.status == 1
    sources = {each["id"]: each["source"] for each in result.json["providers"]}
    assert (sources["openai"], sources["zai"], sources["groq"]) == ("env", "config", None)
    (fault,) = result.json["diagnostics"]
    assert (fault["code"], fault["severity"]) == ("store.unreadable", "error")
    (copy,) = [name for name in cli.files() if ".unreadable-" in name]
    assert copy in fault["message"]
    shown = cli.call("status", "--no-probe", env=env)
    assert shown.status == 1
    assert "env OPENAI_API_KEY" in shown.out
    assert f"error: {fault['message']}" in shown.err.splitlines()


def test_a_store_under_another_key_is_told_once_and_the_rest_is_shown(cli: InProcess) -> None:
    log_in(cli)
    env = {"JACKFIELD_MASTER_KEY": base64.b64encode(bytes(32)).decode(), "GROQ_API_KEY": RIGHT_KEY}

    result = cli.call("status", "openai", "groq", "--no-probe", "--json", env=env)

    assert result.status == 1
    assert [each["state"] for each in result.json["providers"]] == ["failing", "configured"]
    assert [each["code"] for each in result.json["diagnostics"]] == ["store.other-key"]


def test_a_home_that_is_a_file_hides_the_environment_from_nobody(cli: InProcess, tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("x")

    result = cli.call("status", "groq", "--no-probe", "--json", env={"JACKFIELD_HOME": str(home), "GROQ_API_KEY": "k"})

    [row] = result.json["providers"]
    assert (result.status, row["state"], row["source"]) == (1, "failing", "env")
    assert {"store.unreadable", "config.unreadable"} == {each["code"] for each in result.json["diagnostics"]}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("auth", "order", "openai"), "config.unreadable"),
        (("explain", "openai"), "store.unreadable"),
        (("logout", "openai"), "store.unreadable"),
    ],
)
def test_a_home_that_is_a_file_is_told(cli: InProcess, tmp_path: Path, command: tuple[str, ...], code: str) -> None:
    home = tmp_path / "file"
    home.write_text("x")

    result = cli.call(*command, "--json", env={"JACKFIELD_HOME": str(home)})

    assert (result.status, result.code) == (1, code)
    assert home.read_text() == "x"


def test_a_purged_logout_leaves_the_key_nowhere_and_cannot_bring_it_back(cli: InProcess) -> None:
    log_in(cli)
    assert cli.call("logout", "openai", "--purge").status == 0
    undone = cli.call("config", "undo")
    assert cli.profile_ids() == []
    assert (undone.status, undone.out) == (2, "")
    assert undone.err.splitlines() == [
        "Error: There is nothing to take back.",
        "Fix: What is taken back is the last login, logout, import or repair; what was edited by hand is not.",
    ]
    for file in cli.folder.rglob("*"):
        if file.is_file():
            assert RIGHT_KEY.encode() not in file.read_bytes(), file.name


def test_an_unknown_consent_is_wrong_usage(cli: InProcess) -> None:
    result = cli.call("login", "openai", "--key-stdin", "--accept", "bogus", stdin=RIGHT_KEY)
    assert result.status == 2
    assert "overwrite" in result.err
