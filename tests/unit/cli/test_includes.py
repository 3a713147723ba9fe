"""The command line on a config that takes in other files, from the outside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.cli import RIGHT_KEY, InProcess, leaks, model_server

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "{ // mine\n  $include: './shared.json5',\n}\n"
SHARED = """\
{
  models: { providers: { inhouse: { baseUrl: '%s/v1', apiKey: '${INHOUSE_KEY}', models: [{ id: 'writer' }] } } },
  agents: { defaults: { model: { primary: 'openai/gpt-5', fallbacks: ['inhouse/writer'] } } },
  auth: { profiles: { 'inhouse:shared': { provider: 'inhouse', mode: 'api_key' } } },
}
"""
LOGIN = ("login", "inhouse", "--key-stdin", "--no-verify")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    made = InProcess(tmp_path, monkeypatch, capsys)
    made.write_config(MAIN)
    write_shared(made, SHARED % "http://127.0.0.1:9")
    return made


def shared(cli: InProcess) -> Path:
    return cli.home / "shared.json5"


def write_shared(cli: InProcess, text: str) -> None:
    shared(cli).write_text(text)
    shared(cli).chmod(0o600)


# login, logout, undo


def test_a_login_at_an_included_provider_writes_into_the_main_file_alone(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        text = SHARED % server.url
        write_shared(cli, text)
        result = cli.call("login", "inhouse", "--key-stdin", "--model", "writer", "--json", stdin=RIGHT_KEY)

    assert result.status == 0, result.out
    assert result.json["verified"] is True
    assert result.json["changed"] == [
        ["auth", "profiles", "inhouse:default"],
        ["agents", "defaults", "model", "primary"],
    ]
    assert cli.secret("inhouse:default") == RIGHT_KEY
    assert cli.config_text().startswith(MAIN.removesuffix("}\n"))
    assert shared(cli).read_text() == text
    shown = cli.call("config", "show").json
    assert shown["agents"]["defaults"]["model"] == {"primary": "inhouse/writer", "fallbacks": ["inhouse/writer"]}
    assert sorted(shown["auth"]["profiles"]) == ["inhouse:default", "inhouse:shared"]


def test_undo_gives_back_the_main_file_byte_for_byte(cli: InProcess) -> None:
    before = shared(cli).read_bytes()
    assert cli.call(*LOGIN, "--model", "writer", stdin=RIGHT_KEY).status == 0
    diff = cli.call("config", "diff")
    assert "+        primary: 'inhouse/writer'," in diff.out.splitlines()
    assert "   $include: './shared.json5'," in diff.out.splitlines()

    result = cli.call("config", "undo", "--json")

    assert (result.status, result.json["diagnostics"]) == (0, [])
    assert (cli.config_text(), shared(cli).read_bytes()) == (MAIN, before)
    assert cli.profile_ids() == []


def test_a_dry_run_shows_what_comes_beside_the_include(cli: InProcess) -> None:
    files = cli.files()

    result = cli.call(*LOGIN, "--model", "writer", "--dry-run", stdin=RIGHT_KEY)

    assert result.status == 0
    assert [line for line in result.out.splitlines() if line[:1] in "+-"][2:] == [
        "+  auth: {",
        "+    profiles: {",
        "+      'inhouse:default': {",
        "+        provider: 'inhouse',",
        "+        mode: 'api_key',",
        "+      },",
        "+    },",
        "+  },",
        "+  agents: {",
        "+    defaults: {",
        "+      model: {",
        "+        primary: 'inhouse/writer',",
        "+      },",
        "+    },",
        "+  },",
    ]
    assert {name: data for name, data in cli.files().items() if name.endswith("json5")} == {
        name: data for name, data in files.items() if name.endswith("json5")
    }


def test_a_second_login_finds_the_included_default_and_plans_nothing_for_it(cli: InProcess) -> None:
    write_shared(cli, (SHARED % "http://127.0.0.1:9").replace("openai/gpt-5", "inhouse/writer"))
    result = cli.call(*LOGIN, "--model", "writer", "--json", stdin=RIGHT_KEY)
    assert result.json["changed"] == [["auth", "profiles", "inhouse:default"]]


def test_a_base_url_that_was_typed_wins_over_the_included_one(cli: InProcess) -> None:
    result = cli.call(*LOGIN, "--base-url", "https://two.example.com/v1", "--json", stdin=RIGHT_KEY)
    assert ["models", "providers", "inhouse", "baseUrl"] in result.json["changed"]
    assert cli.call("config", "show").json["models"]["providers"]["inhouse"] == {
        "baseUrl": "https://two.example.com/v1",
        "apiKey": "${INHOUSE_KEY}",
        "models": [{"id": "writer"}],
    }


def test_a_logout_that_needs_the_included_file_changed_is_refused_whole(cli: InProcess) -> None:
    assert cli.call(*LOGIN, "--profile", "shared", stdin=RIGHT_KEY).status == 0
    before = cli.files()

    result = cli.call("logout", "--profile", "inhouse:shared", "--json")

    assert (result.status, result.code) == (1, "config.included")
    assert result.error["diagnostics"][0]["path"] == ["auth", "profiles", "inhouse:shared"]
    assert f"{shared(cli)}:4:" in result.error["message"]
    assert result.error["fix"] == "Change it there by hand, or move it into the config file."
    assert cli.files()["config.json5"] == before["config.json5"]
    assert cli.secret("inhouse:shared") == RIGHT_KEY


def test_a_login_is_refused_while_a_file_cannot_be_taken_in_and_the_rest_still_works(cli: InProcess) -> None:
    cli.write_config("{\n  $include: ['./shared.json5', './gone.json5'],\n}\n")

    refused = cli.call(*LOGIN, "--json", stdin=RIGHT_KEY)
    status = cli.call("status", "inhouse", "--no-probe", "--json", env={"INHOUSE_KEY": RIGHT_KEY})

    assert (refused.status, refused.code) == (1, "config.invalid")
    assert [each["code"] for each in refused.error["diagnostics"]] == ["config.include-missing"]
    assert cli.profile_ids() == []
    (row,) = status.json["providers"]
    assert (row["id"], row["source"]) == ("inhouse", "config")


# the gate and who wrote what


def test_an_included_leaf_is_the_users_own_to_the_gate(cli: InProcess, tmp_path: Path) -> None:
    patch = json.dumps({"models": {"providers": {"inhouse": {"api": "anthropic-messages", "authHeader": True}}}})
    write_shared(cli, (SHARED % "http://127.0.0.1:9").replace("apiKey", "api: 'openai-completions', apiKey"))

    result = cli.call(
        "config", "check-patch", "-", "--provider", "inhouse", "--current", str(cli.config_file), "--json", stdin=patch
    )

    api = ["models", "providers", "inhouse", "api"]
    assert [(each["code"], each["path"]) for each in result.json["consents"]] == [("overwrite", api)]
    assert [(each["code"], each["path"]) for each in result.json["diagnostics"]] == [("patch.conflict", api)]


def test_explain_says_of_each_leaf_whether_a_login_or_a_hand_wrote_it(cli: InProcess) -> None:
    assert cli.call(*LOGIN, stdin=RIGHT_KEY).status == 0

    found = cli.call("explain", "inhouse", "--json").json

    by = {tuple(each["path"]): each["by"] for each in found["written"]}
    assert by[("models", "providers", "inhouse", "baseUrl")] == "hand"
    assert by[("auth", "profiles", "inhouse:shared", "mode")] == "hand"
    assert by[("auth", "profiles", "inhouse:default", "mode")] == "user"


# config path, show, validate


def test_config_path_lists_the_included_files_in_json_and_prints_the_path_alone_otherwise(cli: InProcess) -> None:
    assert cli.call("config", "path", "--json").json["includes"] == [str(shared(cli))]
    assert cli.call("config", "path").out == f"{cli.config_file}\n"


@pytest.mark.parametrize("text", ["{", "{$include: 5}"])
def test_config_path_works_with_a_config_that_cannot_be_read(cli: InProcess, text: str) -> None:
    cli.write_config(text)
    result = cli.call("config", "path", "--json")
    assert (result.status, result.json["includes"]) == (0, [])


def test_config_show_prints_the_whole_or_what_the_file_itself_says(cli: InProcess) -> None:
    write_shared(cli, "{ models: { providers: { zai: { apiKey: 'sk-literal-1' } } }, channels: { theirs: 1 } }")
    cli.write_config(
        "{$include: './shared.json5', models: {mode: 'merge'}, agents: {$include: [], list: 1}, channels: {x: 1}}"
    )

    whole, own = cli.call("config", "show"), cli.call("config", "show", "--no-includes")

    assert whole.json == {"models": {"providers": {"zai": {"apiKey": "…"}}, "mode": "merge"}}
    assert own.json == {"$include": "./shared.json5", "agents": {"$include": []}, "models": {"mode": "merge"}}
    assert leaks(whole.out + own.out, "sk-literal-1") == []


def test_config_validate_names_the_included_files_and_places_their_faults(cli: InProcess) -> None:
    assert cli.call("config", "validate").err.splitlines() == [
        f"{cli.config_file} takes in {shared(cli)}",
        f"{cli.config_file} is valid",
    ]
    write_shared(cli, "{\n  models: { mode: 'both' } }")

    told, as_json = cli.call("config", "validate"), cli.call("config", "validate", "--json")

    place = f"(in {shared(cli)}:2:13)"
    assert f"{cli.config_file}:2:3: error: models.mode: must be one of merge, replace {place}" in told.err.splitlines()
    assert told.err.splitlines()[-1] == f"{cli.config_file}: 1 error"
    assert (told.status, as_json.status) == (1, 1)
    assert as_json.json["includes"] == [str(shared(cli))]
    assert [(each["code"], each["line"], each["column"]) for each in as_json.json["diagnostics"]] == [
        ("config.value", 2, 3)
    ]


def test_another_file_is_checked_with_what_it_takes_in(cli: InProcess, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "main.json5").write_text("{$include: ['part.json5', 'gone.json5']}")
    (other / "part.json5").write_text("{}")

    result = cli.call("config", "validate", str(other / "main.json5"), "--json")

    assert (result.status, result.json["includes"]) == (1, [str(other / "part.json5")])
    assert [each["code"] for each in result.json["diagnostics"]] == ["config.include-missing"]


# doctor


def test_the_doctor_makes_an_included_file_with_a_key_private(cli: InProcess) -> None:
    write_shared(cli, (SHARED % "http://127.0.0.1:9").replace("${INHOUSE_KEY}", RIGHT_KEY))
    shared(cli).chmod(0o644)
    cli.config_file.chmod(0o600)

    before = cli.call("doctor", "--json").json["findings"]
    fixed = cli.call("doctor", "--fix", "--json").json["fixed"]

    assert [each["message"] for each in before if each["code"] == "doctor.file-mode"] == [
        f"{shared(cli)} holds secrets, and other accounts of this machine may read it."
    ]
    assert "doctor.file-mode" in fixed
    assert shared(cli).stat().st_mode & 0o777 == 0o600
    assert leaks(json.dumps(before), RIGHT_KEY) == []


def test_the_doctor_tells_what_stands_in_an_included_file_and_mends_the_rest(cli: InProcess) -> None:
    cli.write_config(
        MAIN.replace("}\n", "  auth: { profiles: { 'zai:gone': { provider: 'zai', mode: 'api_key' } } },\n}\n")
    )

    result = cli.call("doctor", "--fix", "--json")

    assert result.json["fixed"] == ["doctor.missing-credential"]
    (left,) = [each for each in result.json["findings"] if each["code"] == "doctor.missing-credential"]
    assert (left["path"], left["fixable"]) == (["auth", "profiles", "inhouse:shared"], False)
    assert left["fix"].startswith("Mend it by hand: ")
    assert f"{shared(cli)}:4:" in left["fix"]
    assert "zai:gone" not in cli.config_text()
    assert shared(cli).read_text() == SHARED % "http://127.0.0.1:9"


def test_the_doctor_tells_a_file_that_is_missing(cli: InProcess) -> None:
    shared(cli).unlink()
    result = cli.call("doctor", "--json")
    (found,) = [each for each in result.json["findings"] if each["code"].startswith("config.include")]
    assert (result.status, found["code"], found["path"], found["fixable"]) == (
        1,
        "config.include-missing",
        ["$include"],
        False,
    )
    assert found["message"] == (f'["$include"] takes in {shared(cli)}, which is not there. ({cli.config_file}:2:3)')
