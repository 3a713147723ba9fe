"""`jackfield import`: what other programs and the environment hold, brought over in one commit, or told why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.cli import RIGHT_KEY, WRONG_KEY, InProcess, leaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AGENT = "agents/main/agent/auth-profiles.json"
PASTED = "sk-pasted-Mn3Bv5Cx1Ya0Ws9Ed7Qw2Er4Ty6"
PROFILES = {
    "openai:work": {"type": "api_key", "provider": "openai", "key": RIGHT_KEY, "email": "me@acme.test"},
    "z.ai:default": {"type": "api_key", "provider": "z.ai", "key": f" {RIGHT_KEY} "},
    "openai-codex:me@acme.test": {
        "type": "oauth",
        "provider": "openai-codex",
        "access": RIGHT_KEY,
        "refresh": RIGHT_KEY,
        "expires": 5,
        "accountId": RIGHT_KEY,
    },
    "anthropic:old": {"type": "token", "provider": "anthropic", "token": RIGHT_KEY, "expires": 5},
    "mystery:default": {"type": "api_key", "provider": "mystery", "key": RIGHT_KEY},
    PASTED: {"type": "api_key", "provider": "groq", "key": PASTED},
}
IMPORTED = ["openai-codex:me@acme.test", "openai:work", "zai:default"]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Path]:
    """The state folder of an older program, which must come out of each test byte for byte as it went in."""
    folder = tmp_path / "older"
    write(folder, AGENT, {"version": 1, "profiles": PROFILES})
    before = contents(folder)
    yield folder
    assert contents(folder) == before


def write(folder: Path, name: str, value: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def take_over(cli: InProcess, folder: Path, *more: str, status: int = 0) -> Any:
    result = cli.call("import", "openclaw", "--from", str(folder), "--json", *more)
    assert (result.status, result.err) == (status, "")
    return result.json


def states(document: Any) -> dict[str, str]:
    return {each["id"] or each["name"]: each["state"] for each in document["profiles"]}


def test_credentials_are_taken_over_and_each_is_told(cli: InProcess, older: Path) -> None:
    done = take_over(cli, older)

    assert list(done) == [
        "source", "from", "files", "profiles", "settings", "changed", "consents", "notes", "diagnostics",
    ]  # fmt: skip
    assert done["source"] == "openclaw"
    assert (done["from"], done["files"], done["diagnostics"]) == (str(older), [AGENT], [])
    assert states(done) == {
        "openai:work": "taken",
        "zai:default": "taken",
        "openai-codex:me@acme.test": "taken",
        "anthropic:old": "skipped",
        "mystery:default": "skipped",
        f"a text of {len(PASTED)} characters": "skipped",
    }
    assert all((each["reason"] is None) is (each["state"] == "taken") for each in done["profiles"])
    assert done["changed"] == [["auth", "profiles", each] for each in ("openai:work", "zai:default", IMPORTED[0])]
    assert len(done["notes"]) == 1
    assert IMPORTED[0] in done["notes"][0]
    assert cli.profile_ids() == IMPORTED
    assert [cli.secret(each) for each in IMPORTED] == [RIGHT_KEY] * 3


def test_what_is_taken_over_is_used(cli: InProcess, older: Path) -> None:
    take_over(cli, older)

    (first,) = cli.call("explain", "openai", "--json").json["sources"]
    (row,) = [each for each in cli.call("auth", "list", "--json").json if each["id"] == "openai:work"]

    assert (first["name"], first["wins"]) == ("openai:work", True)
    assert (row["origin"], row["owner"]) == ("https://api.openai.com", "user")
    listed = cli.call("config", "show").json["auth"]["profiles"]["openai:work"]
    assert listed == {"provider": "openai", "mode": "api_key", "email": "me@acme.test"}


def test_a_dry_run_tells_the_same_and_writes_nothing(cli: InProcess, older: Path) -> None:
    dry = take_over(cli, older, "--dry-run")

    assert not cli.home.exists()
    assert dry == {**take_over(cli, older), "changed": []}


def test_an_import_is_taken_back_as_a_whole(cli: InProcess, older: Path) -> None:
    text = "{\n  // mine\n  agents: { defaults: { model: 'openai/gpt-5' } },\n}\n"
    cli.write_config(text)
    take_over(cli, older)

    undone = cli.call("config", "undo", "--json").json["undone"]

    assert undone["title"] == f"import from {older}"
    assert undone["profiles"] == ["openai:work", "zai:default", "openai-codex:me@acme.test"]
    assert (cli.profile_ids(), cli.config_text()) == ([], text)


def test_a_second_import_changes_nothing_and_leaves_no_record(cli: InProcess, older: Path) -> None:
    take_over(cli, older)
    before = cli.config_text()

    again = take_over(cli, older)

    assert [each["reason"] for each in again["profiles"] if each["state"] == "kept"] == [
        "The same credential is stored already."
    ] * 3
    assert (again["changed"], again["notes"]) == ([], [])
    assert cli.config_text() == before
    cli.call("config", "undo")
    assert cli.profile_ids() == []


@pytest.mark.parametrize(("more", "state", "secret"), [((), "kept", WRONG_KEY), (("--overwrite",), "taken", RIGHT_KEY)])
def test_a_profile_that_is_stored_stays_unless_it_may_be_overwritten(
    cli: InProcess, older: Path, more: tuple[str, ...], state: str, secret: str
) -> None:
    cli.call("login", "openai", "--key-stdin", "--no-verify", "--profile", "work", stdin=WRONG_KEY)

    assert states(take_over(cli, older, *more))["openai:work"] == state
    assert cli.secret("openai:work") == secret
    cli.call("config", "undo")
    assert cli.secret("openai:work") == WRONG_KEY


def test_the_older_forms_are_read_after_the_newer_one(cli: InProcess, older: Path, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    write(folder, AGENT, {"profiles": {"openai:default": PROFILES["openai:work"]}})
    write(
        folder,
        "auth.json",
        {"openai": {"type": "api_key", "key": WRONG_KEY}, "groq": {"type": "api_key", "key": "g-1"}},
    )
    write(folder, "credentials/oauth.json", {"chutes": {"access": "a", "refresh": "r", "expires": 5}})

    done = take_over(cli, folder)

    assert done["files"] == [AGENT, "auth.json", "credentials/oauth.json"]
    assert [(each["id"], each["file"], each["state"]) for each in done["profiles"]] == [
        ("openai:default", AGENT, "taken"),
        ("openai:default", "auth.json", "skipped"),
        ("groq:default", "auth.json", "taken"),
        ("chutes:default", "credentials/oauth.json", "taken"),
    ]
    assert cli.secret("openai:default") == RIGHT_KEY


def test_a_file_that_is_broken_is_told_and_the_others_are_taken_over(cli: InProcess, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    write(folder, AGENT, {"profiles": {"openai:work": PROFILES["openai:work"]}})
    write(folder, "auth.json", f'{{"openai": "{RIGHT_KEY}')

    done = take_over(cli, folder, status=1)

    assert states(done) == {"openai:work": "taken"}
    (fault,) = done["diagnostics"]
    assert (fault["code"], fault["path"]) == ("import.format", ["auth.json"])
    shown = cli.call("import", "openclaw", "--from", str(folder))
    assert shown.status == 1
    assert f"error: {folder / 'auth.json'} is not JSON." in shown.err.splitlines()


@pytest.mark.parametrize("variable", ["OPENCLAW_STATE_DIR", "MOLTBOT_STATE_DIR", "CLAWDBOT_STATE_DIR", None])
def test_the_folder_is_found_where_older_programs_have_it(cli: InProcess, tmp_path: Path, variable: str | None) -> None:
    folder = tmp_path / "state" if variable else tmp_path / "user" / ".clawdbot"
    write(folder, AGENT, {"profiles": {"openai:work": PROFILES["openai:work"]}})
    env = {variable: str(folder)} if variable else {}

    assert cli.call("import", "openclaw", "--json", env=env).json["from"] == str(folder)
    assert cli.profile_ids() == ["openai:work"]


def test_nothing_to_import_is_told_with_the_places_looked_at(cli: InProcess, tmp_path: Path) -> None:
    nowhere = cli.call("import", "openclaw", "--json")
    empty = cli.call("import", "openclaw", "--from", str(tmp_path / "none"), "--json")

    assert (nowhere.status, nowhere.code) == (empty.status, empty.code) == (2, "import.nothing")
    user = tmp_path / "user"
    places = " or ".join(str(user / name) for name in (".openclaw", ".moltbot", ".clawdbot"))
    assert nowhere.error["message"] == f"OpenClaw left nothing in {places}."
    assert str(tmp_path / "none") in empty.error["message"]
    assert "--from" in empty.error["fix"]
    assert not cli.home.exists()


def test_a_broken_config_or_store_lets_nothing_in(cli: InProcess, older: Path) -> None:
    cli.write_config("{models: 3}")
    broken = cli.call("import", "openclaw", "--from", str(older), "--json")
    assert (broken.status, broken.code) == (1, "config.invalid")
    assert not cli.store_file.exists()

    cli.write_config("{}")
    cli.store_file.write_bytes(b"not a store")
    damaged = cli.call("import", "openclaw", "--from", str(older), "--json")
    assert (damaged.status, damaged.code) == (1, "store.unreadable")
    assert cli.config_text() == "{}"


@pytest.mark.parametrize("more", [(), ("--json",), ("--dry-run",), ("--overwrite", "--json"), ("--from", "--json")])
def test_no_secret_is_shown(cli: InProcess, older: Path, more: tuple[str, ...]) -> None:
    write(older.parent / "user" / ".moltbot", "auth.json", f'{{"openai": {{"type": "{RIGHT_KEY}", "key": "{PASTED}')
    args = ("--from", str(older)) if more[:1] != ("--from",) else ()

    result = cli.call("--debug", "import", "openclaw", *args, *(each for each in more if each != "--from"))

    for secret in (RIGHT_KEY, PASTED):
        assert leaks(result.out + result.err, secret) == []
    assert result.out != ""
    for name, data in cli.files().items() if cli.home.exists() else ():
        assert leaks(data, RIGHT_KEY) == [], name


def test_people_see_a_table_and_how_to_take_it_back(cli: InProcess, older: Path) -> None:
    wide, narrow = (
        cli.call("import", "openclaw", "--from", str(older), "--dry-run", env={"COLUMNS": columns})
        for columns in ("160", "80")
    )
    done = cli.call("import", "openclaw", "--from", str(older))

    assert wide.out.splitlines()[1].split() == ["profile", "state", "file", "why"]
    assert narrow.out.splitlines()[1].split() == ["profile", "state", "details"]
    assert max(map(len, narrow.out.splitlines())) <= 80
    assert "Nobody registers its provider here" in " ".join(wide.out.split())
    assert wide.err.splitlines()[0] == "3 taken, 0 kept, 3 skipped. Nothing was written."
    assert done.err.splitlines()[:2] == [
        "3 taken, 0 kept, 3 skipped.",
        "It can be taken back with: jackfield config undo",
    ]
    assert done.err.splitlines()[2].startswith("Note: An OAuth login is renewed by one program")


# The config of OpenClaw


@pytest.fixture
def settled(older: Path, tmp_path: Path) -> Iterator[Path]:
    """The same folder with a config that includes another file, and a key in it."""
    folder = tmp_path / "settled"
    write(folder, AGENT, {"profiles": {"openai:work": PROFILES["openai:work"]}, "order": {"openai": ["openai:work"]}})
    entry = {"baseUrl": "https://api.acme.test/v1", "apiKey": PASTED, "models": [{"id": "a-1", "name": "A"}]}
    write(folder, "providers.json5", {"acme": entry, "vllm": {"baseUrl": "http://10.0.0.5:8000/v1", "models": []}})
    defaults = {"model": {"primary": "acme/a-1"}, "models": {"acme/a-1": {"alias": "ace"}, "openai/gpt-5.2": {}}}
    value = {"models": {"providers": {"$include": "./providers.json5"}}, "agents": {"defaults": defaults}}
    write(folder, "openclaw.json", value)
    before = contents(folder)
    yield folder
    assert contents(folder) == before


def setting_states(document: Any) -> dict[str, str]:
    return {".".join(each["path"]) or each["name"]: each["state"] for each in document["settings"]}


def test_a_config_comes_over_with_its_credentials_and_is_used(cli: InProcess, settled: Path) -> None:
    done = take_over(cli, settled)

    assert done["files"] == [AGENT, "openclaw.json"]
    assert states(done) == {"openai:work": "taken", "acme:config": "taken"}
    assert setting_states(done) == {
        "models.providers.acme.baseUrl": "taken",
        "models.providers.acme.models": "taken",
        "models.providers.vllm.baseUrl": "skipped",
        "models.providers.vllm.models": "skipped",
        "agents.defaults.models.acme/a-1": "taken",
        "agents.defaults.models.openai/gpt-5.2": "taken",
        "agents.defaults.model.primary": "taken",
        "auth.order.openai": "kept",
    }
    assert [(each["code"], each["accepted"]) for each in done["consents"]] == [
        ("private-http", False),
        ("allow-list", True),
    ]
    assert cli.secret("acme:config") == PASTED
    first, *_ = cli.call("explain", "acme", "--json").json["sources"]
    assert (first["name"], first["wins"]) == ("acme:config", True)
    assert PASTED not in cli.config_text()
    assert cli.call("config", "validate").status == 0


def test_a_consent_lets_the_rest_in_and_undo_takes_everything_back(cli: InProcess, settled: Path) -> None:
    text = "{\n  // mine\n}\n"
    cli.write_config(text)

    done = take_over(cli, settled, "--accept", "private-http")

    assert "skipped" not in setting_states(done).values()
    assert ["models", "providers", "vllm", "baseUrl"] in done["changed"] or [
        "models", "providers", "vllm",
    ] in done["changed"]  # fmt: skip
    undone = cli.call("config", "undo", "--json").json["undone"]
    assert sorted(undone["profiles"]) == ["acme:config", "openai:work"]
    assert (cli.profile_ids(), cli.config_text()) == ([], text)


def test_a_dry_run_of_a_config_writes_nothing(cli: InProcess, settled: Path) -> None:
    dry = take_over(cli, settled, "--dry-run")

    assert not cli.home.exists()
    assert dry == {**take_over(cli, settled), "changed": []}


def test_a_consent_that_nobody_asks_for_is_wrong_usage(cli: InProcess, settled: Path) -> None:
    result = cli.call("import", "openclaw", "--from", str(settled), "--accept", "everything", "--json")

    assert (result.status, result.code) == (2, "usage")


# The environment


def test_keys_of_the_environment_are_stored_for_the_providers_that_read_them(cli: InProcess) -> None:
    env = {"OPENAI_API_KEY": RIGHT_KEY, "ANTHROPIC_OAUTH_TOKEN": PASTED, "AWS_PROFILE": "x", "ACME_API_KEY": "y"}

    result = cli.call("import", "env", "--json", env=env)

    assert (result.status, result.err) == (0, "")
    assert (result.json["source"], result.json["from"], result.json["files"]) == ("env", "the environment", [])
    assert states(result.json) == {
        "AWS_PROFILE": "skipped",
        "anthropic:env": "taken",
        "openai:env": "taken",
        "ACME_API_KEY": "skipped",
    }
    assert cli.secret("openai:env") == RIGHT_KEY
    kinds = {each["id"]: each["kind"] for each in cli.call("auth", "list", "--json").json}
    assert kinds == {"openai:env": "api_key", "anthropic:env": "token"}
    for secret in (RIGHT_KEY, PASTED):
        assert leaks(result.out, secret) == []
    cli.call("config", "undo")
    assert cli.profile_ids() == []


def test_the_keys_of_some_providers_alone_may_be_taken(cli: InProcess) -> None:
    env = {"OPENAI_API_KEY": RIGHT_KEY, "ZAI_API_KEY": PASTED}

    assert states(cli.call("import", "env", "z.ai", "--json", env=env).json) == {"zai:env": "taken"}
    unknown = cli.call("import", "env", "nobody", "--json", env=env)
    assert (unknown.status, unknown.code) == (2, "registry.unknown")
    assert cli.profile_ids() == ["zai:env"]


def test_a_dotenv_file_is_read_in_the_environments_place(cli: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "my.env"
    path.write_text(f"# keys\nexport GROQ_API_KEY='{RIGHT_KEY}'\nbroken {PASTED}\n")

    result = cli.call("import", "env", "--file", str(path), "--json", env={"OPENAI_API_KEY": PASTED})

    assert (result.status, states(result.json)) == (1, {"groq:env": "taken"})
    assert [(each["code"], each["line"]) for each in result.json["diagnostics"]] == [("import.line", 3)]
    assert leaks(result.out, PASTED) == []
    assert cli.secret("groq:env") == RIGHT_KEY
    shown = cli.call("import", "env", "--file", str(path))
    assert shown.status == 1
    assert f"error: {path} has a line that is no NAME=VALUE: line 3." in shown.err.splitlines()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("env",), "There is no key of a known provider in the environment."),
        (("env", "--file", "none"), "There is no file none."),
        (("litellm", "--file", "none"), "There is no file none."),
        (("llm", "--from", "none"), "llm keeps nothing in "),
    ],
)
def test_a_source_that_holds_nothing_is_told(cli: InProcess, args: tuple[str, ...], message: str) -> None:
    result = cli.call("import", *args, "--json")

    assert (result.status, result.code) == (2, "import.nothing")
    assert result.error["message"].startswith(message)
    assert result.error["fix"]


# llm


def test_keys_default_and_aliases_of_llm_come_over(cli: InProcess, tmp_path: Path) -> None:
    folder = tmp_path / "user" / ".config" / "io.datasette.llm"
    write(folder, "keys.json", {"// Note": "x", "gemini": RIGHT_KEY, "claude": PASTED})
    write(folder, "default_model.txt", "gemini/gemini-2.5-pro")
    write(folder, "aliases.json", {"pro": "gemini/gemini-2.5-pro", "lost": "none"})
    before = contents(folder)

    result = cli.call("import", "llm", "--json")

    assert (result.status, result.err) == (0, "")
    assert (result.json["from"], result.json["files"]) == (
        str(folder), ["keys.json", "default_model.txt", "aliases.json"],
    )  # fmt: skip
    assert states(result.json) == {"google:llm": "taken", "claude": "skipped"}
    assert setting_states(result.json) == {
        "agents.defaults.model.primary": "taken",
        "agents.defaults.models.google/gemini-2.5-pro": "taken",
        "lost": "skipped",
    }
    assert cli.secret("google:llm") == RIGHT_KEY
    assert leaks(result.out + cli.config_text(), RIGHT_KEY) == leaks(result.out, PASTED) == []
    assert contents(folder) == before


def test_the_folder_of_llm_may_be_named(cli: InProcess, tmp_path: Path) -> None:
    write(tmp_path / "own", "keys.json", {"groq": RIGHT_KEY})

    by_variable = cli.call("import", "llm", "--dry-run", "--json", env={"LLM_USER_PATH": str(tmp_path / "own")})
    by_option = cli.call("import", "llm", "--from", str(tmp_path / "own"), "--dry-run", "--json")

    assert by_variable.json == by_option.json
    assert states(by_option.json) == {"groq:llm": "taken"}


# LiteLLM

LITELLM = f"""
model_list:
  - model_name: fast
    litellm_params: {{model: groq/llama-3.3-70b-versatile, api_key: {RIGHT_KEY}}}
  - model_name: own
    litellm_params: {{model: openai/qwen, api_base: "https://vllm.acme.test:8000/v1", api_key: {PASTED}}}
  - model_name: gpt
    litellm_params: {{model: openai/gpt-5.2, api_key: os.environ/OPENAI_API_KEY}}
  - model_name: cloud
    litellm_params: {{model: azure/gpt, api_key: {PASTED}}}
"""


def test_a_litellm_config_comes_over(cli: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LITELLM)

    result = cli.call("import", "litellm", "--file", str(path), "--accept", "allow-list", "--json")

    assert (result.status, result.err) == (0, "")
    assert states(result.json) == {"groq:litellm": "taken", "vllm.acme.test-8000:litellm": "taken"}
    assert [each["state"] for each in result.json["settings"]].count("skipped") == 1
    config = cli.call("config", "show").json
    assert config["models"]["providers"]["vllm.acme.test-8000"]["models"] == [{"id": "qwen", "name": "qwen"}]
    aliases = {ref: each["alias"] for ref, each in config["agents"]["defaults"]["models"].items()}
    assert aliases == {
        "groq/llama-3.3-70b-versatile": "fast",
        "vllm.acme.test-8000/qwen": "own",
        "openai/gpt-5.2": "gpt",
    }
    assert "${OPENAI_API_KEY}" in cli.config_text()
    assert cli.secret("vllm.acme.test-8000:litellm") == PASTED
    for secret in (RIGHT_KEY, PASTED):
        assert leaks(result.out + cli.config_text(), secret) == []
    cli.call("config", "undo")
    assert cli.profile_ids() == []
    assert path.read_text() == LITELLM


def test_a_file_that_is_no_yaml_is_told_with_its_place(cli: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"model_list:\n  - x: '{PASTED}\n")

    result = cli.call("import", "litellm", "--file", str(path))

    assert result.status == 1
    assert f"error: {path} is not YAML: line 3, column 1." in result.err.splitlines()
    assert leaks(result.err, PASTED) == []


def test_people_see_profiles_and_settings_in_tables(cli: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LITELLM)

    result = cli.call("import", "litellm", "--file", str(path), "--dry-run", env={"COLUMNS": "160"})

    headings = [line.split() for line in result.out.splitlines() if line.split()[1:] == ["state", "file", "why"]]
    assert headings == [["profile", "state", "file", "why"], ["setting", "state", "file", "why"]]
    assert result.err.splitlines()[-1] == "6 taken, 0 kept, 4 skipped. Nothing was written."
    assert not cli.home.exists()
