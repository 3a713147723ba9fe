"""`jackfield auth seal`: from a store that lies plain, or under an older key, to one that is sealed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from support.cli import MASTER_KEY, RIGHT_KEY, InProcess, leaks

if TYPE_CHECKING:
    from pathlib import Path

OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
PLAIN = {"JACKFIELD_MASTER_KEY": ""}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def log_in(cli: InProcess, env: dict[str, str]) -> None:
    result = cli.call("login", "openai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY, env=env)
    assert result.status == 0, result.err


def store_leaks(cli: InProcess) -> list[str]:
    return leaks(b"".join(data for name, data in cli.files().items() if name.startswith("credentials")), RIGHT_KEY)


def test_a_plain_store_becomes_a_sealed_one_and_keeps_what_it_held(cli: InProcess) -> None:
    log_in(cli, PLAIN)
    assert "plain" in store_leaks(cli)

    result = cli.call("auth", "seal", "--json")

    # The credential, and the record of the login.
    assert (result.status, result.err) == (0, "")
    assert list(result.json) == ["rows", "key"]
    assert result.json["rows"] == 2
    assert len(bytes.fromhex(result.json["key"])) == 8
    assert store_leaks(cli) == []
    assert cli.secret("openai:default") == RIGHT_KEY
    assert cli.call("auth", "list", "--json", env=PLAIN).code == "store.sealed"


def test_sealing_again_changes_nothing_that_can_be_seen(cli: InProcess) -> None:
    log_in(cli, {})

    first, second = cli.call("auth", "seal", "--json"), cli.call("auth", "seal", "--json")

    assert first.json == second.json
    assert cli.secret("openai:default") == RIGHT_KEY


def test_people_are_told_how_much_was_sealed(cli: InProcess) -> None:
    log_in(cli, {})

    result = cli.call("auth", "seal")

    assert (result.status, result.out) == (0, "")
    assert result.err.startswith("Sealed: 2 rows, under the key ")


def test_without_a_store_nothing_is_made(cli: InProcess) -> None:
    told, document = cli.call("auth", "seal"), cli.call("auth", "seal", "--json")

    assert (told.status, told.err) == (0, "Nothing is stored yet.\n")
    assert document.json["rows"] == 0
    assert not cli.home.exists()


def test_without_a_key_it_says_how_to_get_one(cli: InProcess) -> None:
    log_in(cli, PLAIN)
    before = cli.files()

    result = cli.call("auth", "seal", "--json", env=PLAIN)

    assert (result.status, result.code) == (1, "store.no-key")
    assert "openssl rand -base64 32" in result.error["fix"]
    assert cli.files() == before


@pytest.mark.parametrize(("key", "code"), [("short", "store.master-key"), (OTHER_KEY, "store.other-key")])
def test_a_key_that_does_not_fit_changes_nothing(cli: InProcess, key: str, code: str) -> None:
    log_in(cli, {})

    result = cli.call("auth", "seal", "--json", env={"JACKFIELD_MASTER_KEY": key})

    assert (result.status, result.code) == (1, code)
    assert leaks(result.out, MASTER_KEY) == []
    assert cli.secret("openai:default") == RIGHT_KEY


def test_the_warning_of_a_plain_store_names_the_command(cli: InProcess) -> None:
    result = cli.call("login", "openai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY, env=PLAIN)

    assert "then: jackfield auth seal" in result.err
