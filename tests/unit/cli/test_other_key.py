"""A store that the key at hand does not open: nothing is lost, nothing is claimed, and it is said what to do."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from support.cli import RIGHT_KEY, InProcess

if TYPE_CHECKING:
    from pathlib import Path

OTHER = {"JACKFIELD_MASTER_KEY": base64.b64encode(bytes(range(1, 33))).decode()}
NONE = {"JACKFIELD_MASTER_KEY": ""}
KEYS = pytest.mark.parametrize(("env", "code"), [(OTHER, "store.other-key"), (NONE, "store.sealed")])
NEW_KEY = "sk-second/Kp4+Wd8Jx2=Qm6"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def log_in(cli: InProcess, provider: str = "openai", key: str = RIGHT_KEY) -> None:
    result = cli.call("login", provider, "--key-stdin", "--no-verify", stdin=key)
    assert result.status == 0, result.err


def said(cli: InProcess) -> tuple[str, list[str]]:
    return cli.config_text(), cli.profile_ids()


@KEYS
def test_the_doctor_takes_nothing_out_of_the_config_that_it_cannot_see(
    cli: InProcess, env: dict[str, str], code: str
) -> None:
    log_in(cli)
    before = said(cli)

    result = cli.call("doctor", "--fix", "--json", env=env)

    assert (result.status, result.json["fixed"]) == (1, [])
    (found,) = [each for each in result.json["findings"] if each["severity"] == "error"]
    assert (found["code"], found["fixable"]) == (code, False)
    assert "openai:default and 1 record of an earlier change" in found["message"]
    assert "JACKFIELD_MASTER_KEY" in found["fix"]
    assert [each for each in result.json["findings"] if each["fixable"]] == []
    assert said(cli) == before
    assert cli.secret("openai:default") == RIGHT_KEY


@KEYS
def test_the_doctor_does_not_call_a_credential_missing_that_it_cannot_see(
    cli: InProcess, env: dict[str, str], code: str
) -> None:
    cli.write_config('{ agents: { defaults: { model: "openai/gpt-5.2" } } }')
    log_in(cli)

    codes = [each["code"] for each in cli.call("doctor", "--json", env=env).json["findings"]]

    assert code in codes
    assert {"doctor.missing-credential", "doctor.missing-auth", "doctor.order"} & set(codes) == set()


@KEYS
@pytest.mark.parametrize(
    "command",
    [
        ("login", "groq", "--key-stdin", "--no-verify"),
        ("login", "openai", "--key-stdin", "--no-verify"),
        ("auth", "order", "openai", "default"),
        ("auth", "order", "openai", "--clear"),
        ("config", "undo"),
        ("logout", "openai"),
    ],
)
def test_nothing_is_written_with_another_key(
    cli: InProcess, env: dict[str, str], code: str, command: tuple[str, ...]
) -> None:
    log_in(cli)
    before = said(cli)

    result = cli.call(*command, "--json", stdin=NEW_KEY, env=env)

    assert (result.status, result.code) == (1, code)
    assert "JACKFIELD_MASTER_KEY" in result.error["fix"]
    assert said(cli) == before
    assert cli.secret("openai:default") == RIGHT_KEY


def test_a_store_is_not_sealed_with_a_second_key(cli: InProcess) -> None:
    log_in(cli)

    result = cli.call("auth", "seal", "--json", env=OTHER)

    assert (result.status, result.code) == (1, "store.other-key")
    assert f"rm {cli.store_file}" in result.error["fix"]
    assert cli.secret("openai:default") == RIGHT_KEY


def test_with_the_first_key_everything_goes_on(cli: InProcess) -> None:
    log_in(cli)
    cli.call("doctor", "--fix", env=OTHER)
    cli.call("login", "groq", "--key-stdin", "--no-verify", stdin=NEW_KEY, env=OTHER)

    assert cli.call("doctor").status == 0
    assert cli.call("auth", "seal", "--json").json["rows"] == 2
    assert cli.call("config", "undo", "--json").json["undone"]["title"] == "login to openai as openai:default"
    assert cli.profile_ids() == []


def test_a_store_that_is_none_is_told_and_nothing_is_said_to_be_interrupted(cli: InProcess) -> None:
    log_in(cli)
    config = cli.config_text()
    for suffix in ("-wal", "-shm"):
        cli.store_file.with_name(cli.store_file.name + suffix).unlink(missing_ok=True)
    cli.store_file.write_bytes(b"not a store, but a letter" * 100)

    result = cli.call("doctor", "--fix", "--json")

    assert result.status == 1
    assert [each["code"] for each in result.json["findings"] if each["severity"] == "error"] == ["store.unreadable"]
    assert "interrupted" not in json.dumps(result.json)
    assert result.json["fixed"] == []
    assert cli.config_text() == config


def test_with_errors_in_the_config_files_become_private_and_other_repairs_wait(cli: InProcess) -> None:
    literal = "sk-" + "0123456789" * 3
    cli.write_config(
        "{ models: { mode: 7, providers: { zai: { apiKey: '" + literal + "' } } },"
        " auth: { profiles: { 'zai:default': { provider: 'zai', mode: 'api_key' } } } }"
    )
    cli.config_file.chmod(0o644)
    before = cli.config_text()

    result = cli.call("doctor", "--fix", "--json")

    assert (result.status, result.json["fixed"]) == (1, ["doctor.file-mode"])
    assert cli.config_file.stat().st_mode & 0o777 == 0o600
    (missing,) = [each for each in result.json["findings"] if each["code"] == "doctor.missing-credential"]
    assert missing["fixable"] is False
    assert missing["fix"].startswith("Mend the errors of the config first. Then: ")
    assert cli.config_text() == before


def test_a_fault_of_a_plugins_manifest_is_not_put_on_the_config(cli: InProcess) -> None:
    log_in(cli)
    folder = cli.home / "plugins" / "broken"
    folder.mkdir(parents=True)
    (folder / "openclaw.plugin.json").write_text('{\n "id": "broken",,\n}')

    found = cli.call("doctor", "--json").json["findings"]

    (fault,) = [each for each in found if each["code"] == "plugin.manifest-json"]
    assert str(cli.config_file) not in fault["message"]
    assert "openclaw.plugin.json" in fault["message"]


@KEYS
def test_the_status_says_that_the_credential_cannot_be_opened(cli: InProcess, env: dict[str, str], code: str) -> None:
    log_in(cli)

    result = cli.call("status", "openai", "--no-probe", "--json", env=env)

    (told,) = result.json["providers"]
    assert (told["state"], told["source"]) == ("failing", "profile")
    assert told["reason"].startswith("openai:default: It cannot be used: it is sealed")
    assert [each["code"] for each in result.json["diagnostics"]] == [code]


def test_what_was_logged_out_can_be_purged_afterwards(cli: InProcess) -> None:
    log_in(cli, "groq")
    assert cli.call("logout", "groq").status == 0

    result = cli.call("logout", "groq", "--purge", "--json")

    assert (result.status, result.json) == (0, {"profiles": ["groq:default"], "changed": []})
    with cli.app() as app:
        assert RIGHT_KEY not in str([each.payload for each in app.store.intents()])
    assert cli.call("logout", "groq", "--purge", "--json").code == "credential.none"
