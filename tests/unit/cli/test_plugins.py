from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.cli import InProcess

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
def register(api):
    print("one line")
    api.register_provider({"id": "acme", "label": "Acme", "aliases": ["acme-ai"], "envVars": ["ACME_KEY"], "auth": [
        {"id": "key", "label": "Acme key", "kind": "api_key", "run": lambda ctx: {"profiles": []}},
    ]})
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    monkeypatch.chdir(tmp_path)
    return InProcess(tmp_path, monkeypatch, capsys)


def write(cli: InProcess, name: str, text: str = GOOD) -> None:
    folder = cli.home / "plugins"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text)


def test_without_plugins_the_list_says_how_to_get_one(cli: InProcess) -> None:
    result = cli.call("plugins", "list")
    assert (result.status, result.out) == (0, "")
    assert str(cli.home / "plugins") in result.err
    assert "jackfield plugins new" in result.err
    assert cli.call("plugins", "list", "--json").json == {"plugins": [], "diagnostics": []}


def test_the_list_tells_state_and_reason(cli: InProcess) -> None:
    write(cli, "acme")
    write(cli, "other")
    cli.write_config('{plugins: {deny: ["other"]}}')
    rows = {each["id"]: each for each in cli.call("plugins", "list", "--json").json["plugins"]}
    assert (rows["acme"]["status"], rows["acme"]["reason"], rows["acme"]["origin"]) == ("enabled", None, "global")
    assert (rows["other"]["status"], rows["other"]["reason"]) == ("disabled", "blocked by denylist")
    assert rows["acme"]["path"] == str(cli.home / "plugins" / "acme.py")
    text = cli.call("plugins", "list").out
    assert "blocked by denylist" in text


def test_a_workspace_is_listed_and_not_loaded(cli: InProcess) -> None:
    folder = cli.folder / ".openclaw" / "extensions" / "evil"
    folder.mkdir(parents=True)
    (folder / "index.ts").write_text('import { writeFileSync } from "node:fs"; writeFileSync("marker", "x");')
    (folder / "openclaw.plugin.json").write_text('{"id": "evil", "configSchema": {}}')
    cli.write_config('{plugins: {entries: {evil: {enabled: true}}, allow: ["evil"]}}')
    [row] = cli.call("plugins", "list", "--json").json["plugins"]
    assert (row["id"], row["origin"], row["status"]) == ("evil", "workspace", "disabled")
    for command in (("plugins", "doctor"), ("plugins", "show", "evil"), ("status",), ("providers", "list")):
        cli.call(*command)
    assert not list(cli.folder.rglob("marker"))


def test_show_tells_what_a_plugin_brings(cli: InProcess) -> None:
    write(cli, "acme")
    result = cli.call("plugins", "show", "acme", "--json")
    assert result.status == 0
    assert result.json["registered"] == [
        {
            "id": "acme",
            "label": "Acme",
            "aliases": ["acme-ai"],
            "env_vars": ["ACME_KEY"],
            "methods": [{"id": "key", "choice": "acme-key", "label": "Acme key", "kind": "api_key"}],
        }
    ]
    assert "jackfield login acme --method key" in cli.call("plugins", "show", "ACME").out


def test_an_unknown_plugin_suggests_the_nearest(cli: InProcess) -> None:
    write(cli, "acme")
    result = cli.call("plugins", "show", "acmee", "--json")
    assert (result.status, result.code, result.error["suggestions"]) == (2, "plugin.unknown", ["acme"])


def test_the_doctor_names_what_is_wrong_and_what_was_printed(cli: InProcess) -> None:
    write(cli, "acme")
    write(cli, "broken", "print('before')\nraise ValueError('of no use')\n")
    result = cli.call("plugins", "doctor", "--json")
    assert result.status == 1
    rows = {each["id"]: each for each in result.json["plugins"]}
    assert (rows["acme"]["loaded"], rows["acme"]["providers"], rows["acme"]["diagnostics"]) == (True, ["acme"], [])
    assert (rows["broken"]["loaded"], rows["broken"]["output"].splitlines()[0]) == (False, "before")
    assert [each["code"] for each in rows["broken"]["diagnostics"]] == ["plugin.load-failed"]
    text = cli.call("plugins", "doctor", "broken")
    assert text.status == 1
    assert "of no use" in text.err
    assert "| before" in text.err
    assert "acme" not in text.err.replace(str(cli.folder), "")


def test_disabling_and_enabling_change_the_config_and_can_be_undone(cli: InProcess) -> None:
    write(cli, "acme")
    assert cli.call("plugins", "disable", "acme").status == 0
    assert json.loads(cli.config_text())["plugins"]["entries"]["acme"]["enabled"] is False
    assert cli.call("plugins", "list", "--json").json["plugins"][0]["reason"] == "disabled in config"
    assert cli.call("plugins", "enable", "acme").status == 0
    assert cli.call("plugins", "list", "--json").json["plugins"][0]["status"] == "enabled"
    assert cli.call("config", "undo").status == 0
    assert cli.call("plugins", "list", "--json").json["plugins"][0]["status"] == "disabled"


def test_enabling_what_is_denied_is_refused(cli: InProcess) -> None:
    write(cli, "acme")
    cli.write_config('{plugins: {deny: ["acme"]}}')
    result = cli.call("plugins", "enable", "acme")
    assert (result.status, "deny" in result.err) == (2, True)
    assert cli.config_text() == '{plugins: {deny: ["acme"]}}'


def test_a_new_plugin_works_at_once(cli: InProcess) -> None:
    result = cli.call("plugins", "new", "acme-new", "--json")
    assert result.status == 0
    assert {"jackfield.plugin.toml", "plugin.py"} <= set(result.json["files"])
    doctor = cli.call("plugins", "doctor", "--json")
    assert doctor.status == 0, doctor.out
    [row] = doctor.json["plugins"]
    assert (row["id"], row["loaded"]) == ("acme-new", True)
    assert row["providers"]
    again = cli.call("plugins", "new", "acme-new", "--json")
    assert again.status == 2


def test_status_and_doctor_tell_of_a_plugin_that_fails(cli: InProcess) -> None:
    write(cli, "broken", "raise ValueError('of no use')\n")
    findings = cli.call("doctor", "--json").json["findings"]
    assert "plugin.load-failed" in {each["code"] for each in findings}
    assert cli.call("status", "--json").status in {0, 1}
