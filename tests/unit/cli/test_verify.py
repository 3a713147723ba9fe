"""`jackfield verify`: every configured provider is asked with the credential that wins, renewed as for a call."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.credentials.profile import ApiKeyCredential, Credential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from support.cli import RIGHT_KEY, WRONG_KEY, InProcess, leaks, model_server
from support.models import Answers
from support.servers import HttpServer, answering, holding, refusing_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def configure(cli: InProcess, **providers: dict[str, Any]) -> None:
    cli.write_config(json.dumps({"models": {"providers": providers}}))


def put(cli: InProcess, profile_id: str, credential: Credential) -> None:
    with cli.app() as app:
        app.store.put(Profile(profile_id, credential))


def rows(document: Any) -> dict[str, str]:
    return {each["id"]: each["state"] for each in document["providers"]}


def test_a_provider_that_takes_the_key_is_told_with_its_source(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        configure(cli, acme={"baseUrl": f"{server.url}/v1", "apiKey": RIGHT_KEY})
        result = cli.call("verify", "acme", "--json")
    (row,) = result.json["providers"]
    assert result.status == 0
    assert {**row, "elapsed_s": None} == {
        "id": "acme",
        "state": "accepted",
        "source": "config models.providers.acme.apiKey",
        "message": "The provider accepts the credential.",
        "code": None,
        "fix": None,
        "status": 200,
        "elapsed_s": None,
        "passed_over": [],
    }
    assert row["elapsed_s"] > 0


def test_one_refusal_makes_the_exit_status_and_hides_no_other_result(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        url = f"{server.url}/v1"
        configure(cli, good={"baseUrl": url, "apiKey": RIGHT_KEY}, bad={"baseUrl": url, "apiKey": WRONG_KEY})
        result = cli.call("verify", "--json")
        told = cli.call("verify")
    assert (result.status, told.status) == (1, 1)
    assert rows(result.json) == {"bad": "refused", "good": "accepted"}
    bad = result.json["providers"][0]
    assert (bad["code"], bad["status"], bad["fix"]) == (
        "credential.refused",
        401,
        "Log in again with: jackfield login bad",
    )
    assert "✗ refused" in told.out
    assert "✓ accepted" in told.out
    assert leaks(result.out + result.err + told.out + told.err, WRONG_KEY) == []


def test_what_is_passed_over_is_told(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        configure(cli, acme={"baseUrl": f"{server.url}/v1", "apiKey": RIGHT_KEY})
        put(cli, "acme:old", TokenCredential(Secret("tok"), 1))
        result = cli.call("verify", "--json")
        told = cli.call("verify", env={"COLUMNS": "200"})
    assert result.json["providers"][0]["passed_over"] == [
        {"source": "profile acme:old", "reason": "it has expired or is blank"}
    ]
    assert "profile acme:old (it has expired or is blank)" in told.out


@pytest.mark.parametrize(
    ("handler", "state", "status"),
    [
        (answering(200, b"{}", {"Content-Type": "application/json"}), "accepted", 0),
        (answering(403, b'{"error": "no"}', {"Content-Type": "application/json"}), "refused", 1),
        (answering(500), "undetermined", 0),
        (answering(200, b"<html>", {"Content-Type": "text/html"}), "undetermined", 0),
        (holding(), "unreachable", 0),
    ],
)
def test_only_a_refusal_is_a_failure(cli: InProcess, handler: Any, state: str, status: int) -> None:
    with HttpServer(handler) as server:
        configure(cli, acme={"baseUrl": server.url, "apiKey": RIGHT_KEY})
        result = cli.call("verify", "--json", "--timeout", "0.5" if state == "unreachable" else "15")
    assert (rows(result.json), result.status) == ({"acme": state}, status)


def test_nobody_there_is_unreachable(cli: InProcess) -> None:
    with refusing_port() as port:
        configure(cli, acme={"baseUrl": f"http://127.0.0.1:{port}", "apiKey": RIGHT_KEY})
        result = cli.call("verify", "--json")
    (row,) = result.json["providers"]
    assert (row["state"], row["code"], result.status) == ("unreachable", "net.refused", 0)


def test_all_are_asked_at_once_under_one_deadline(cli: InProcess) -> None:
    with HttpServer(holding()) as server:
        configure(cli, **{f"acme-{number}": {"baseUrl": server.url, "apiKey": RIGHT_KEY} for number in range(8)})
        begun = time.monotonic()
        result = cli.call("verify", "--json", "--timeout", "0.5")
        took = time.monotonic() - begun
        assert server.connections == 8
    assert set(rows(result.json).values()) == {"unreachable"}
    assert took < 4  # one after the other they would take eight times half a second, and the start of the program


def test_without_ids_only_what_somebody_set_up_is_asked(cli: InProcess) -> None:
    assert rows(cli.call("verify", "--json").json) == {}
    told = cli.call("verify")
    assert (told.status, told.out) == (0, "")
    assert "No provider is configured" in told.err
    with model_server() as server:
        configure(cli, inhouse={"baseUrl": f"{server.url}/v1"}, lmstudio={"baseUrl": f"{server.url}/v1"})
        found = cli.call("verify", "--json", env={"MISTRAL_API_KEY": ""}).json
    assert rows(found) == {"inhouse": "reachable", "lmstudio": "reachable"}


@pytest.mark.parametrize(
    ("name", "state", "code"),
    [
        ("openai", "unusable", "credential.none"),
        ("claude-cli", "unusable", "credential.none"),
    ],
)
def test_a_named_provider_without_a_credential_is_unusable(cli: InProcess, name: str, state: str, code: str) -> None:
    result = cli.call("verify", name, "--json")
    (row,) = result.json["providers"]
    assert (row["state"], row["code"], row["source"], result.status) == (state, code, None, 1)
    assert row["fix"]


def test_a_name_that_nobody_has_is_an_error(cli: InProcess) -> None:
    assert cli.call("verify", "opnai", "--json").code == "registry.unknown"


def test_a_provider_named_twice_is_asked_once(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        configure(cli, acme={"baseUrl": f"{server.url}/v1", "apiKey": RIGHT_KEY})
        cli.call("verify", "acme", "acme", "--json")
        assert len(server.requests) == 1


def test_a_credential_stored_for_another_address_is_not_shown_there(cli: InProcess) -> None:
    with model_server(RIGHT_KEY) as server:
        configure(cli, openai={"baseUrl": f"{server.url}/v1"})
        with cli.app() as app:
            credential = ApiKeyCredential(Secret(RIGHT_KEY))
            app.store.put(Profile("openai:default", credential, origin="https://api.openai.com"))
        result = cli.call("verify", "--json")
        assert server.requests == []
    (row,) = result.json["providers"]
    assert (row["state"], row["code"], result.status) == ("unusable", "credential.locked", 1)


def test_an_address_that_cannot_be_used_is_told(cli: InProcess) -> None:
    configure(cli, acme={"baseUrl": "http://gateway.test/v1", "apiKey": RIGHT_KEY})
    (row,) = cli.call("verify", "acme", "--json").json["providers"]
    assert row["state"] == "unusable"
    assert row["code"].startswith("url.")


def test_an_address_with_a_place_that_nothing_fills_is_not_asked(cli: InProcess) -> None:
    configure(cli, acme={"baseUrl": "https://{nowhere}.test/v1", "apiKey": RIGHT_KEY})
    (row,) = cli.call("verify", "acme", "--json").json["providers"]
    assert (row["state"], row["status"]) == ("unchecked", None)


def test_where_there_is_no_free_way_to_tell_nobody_is_asked(cli: InProcess) -> None:
    aws = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    result = cli.call("verify", "amazon-bedrock", "--json", env=aws)
    (row,) = result.json["providers"]
    assert (row["state"], row["message"]) == ("unchecked", "There is no free request that tells.")
    assert result.status == 0


def test_errors_of_the_config_are_told_and_count(cli: InProcess) -> None:
    cli.write_config('{models: {providers: {acme: {baseUrl: "https://a.test", models: 5}}}}')
    result = cli.call("verify", "--json")
    assert result.status == 1
    assert [each["severity"] for each in result.json["diagnostics"]] == ["error"] * len(result.json["diagnostics"])
    assert result.json["diagnostics"]


@pytest.mark.parametrize("columns", ["60", "120", "200"])
def test_the_table_fits_the_terminal(cli: InProcess, columns: str) -> None:
    with Answers([(401, {"error": {"message": "word " * 40}})]).server() as server:
        configure(cli, acme={"baseUrl": server.url, "apiKey": RIGHT_KEY})
        told = cli.call("verify", env={"COLUMNS": columns})
    assert max(len(line) for line in told.out.splitlines()) <= int(columns)
    assert "refused" in told.out


def test_a_grant_past_its_end_that_cannot_be_renewed_here_is_told(cli: InProcess) -> None:
    put(cli, "chutes:default", OAuthCredential(Secret("at"), None, 1))
    result = cli.call("verify", "--json")
    (row,) = result.json["providers"]
    assert (row["id"], row["state"], row["code"], result.status) == ("chutes", "unusable", "credential.none", 1)
