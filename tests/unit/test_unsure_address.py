"""While the config is wrong where it decides where requests go, no credential is given and nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jackfield.errors import ConfigError
from support.cli import InProcess
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from pathlib import Path

WRONG = {
    "half a file": '{models: {providers: {openai: {baseUrl: "https://gateway.example/v1"',
    "a wrong type": '{models: {providers: {openai: {baseUrl: ["https://gateway.example/v1"]}}}}',
    "providers are a list": '{models: {providers: [{openai: "https://gateway.example/v1"}]}}',
    "models are text": '{models: "https://gateway.example/v1"}',
    "a list": '["https://gateway.example/v1"]',
    "an include that is missing": '{$include: "gateway.json5"}',
    "an alias of it": "{models: {providers: {OpenAI: {baseUrl: 7}}}}",
}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys, OPENAI_API_KEY="sk-gateway-123456")


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_no_credential_is_given(cli: InProcess, text: str) -> None:
    cli.write_config(text)
    with cli.app() as app:
        for ask in (app.endpoint, app.credentials.resolve, app.credential):
            with pytest.raises(ConfigError) as caught:
                ask("openai")
            assert caught.value.code == "config.unsure-address"
            assert caught.value.diagnostics


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_status_asks_nobody(cli: InProcess, text: str) -> None:
    cli.write_config(text)
    result = cli.call("status", "openai", "--json")
    assert result.status == 1
    rows = {each["id"]: each for each in result.json["providers"]} if "providers" in result.json else {}
    assert (rows["openai"]["state"], rows["openai"]["code"]) == ("failing", "config.unsure-address")


def test_what_is_wrong_elsewhere_stops_nobody(cli: InProcess) -> None:
    cli.write_config("{models: {providers: {zai: {baseUrl: 7}}}, agents: {defaults: {model: 7}}}")
    with cli.app() as app:
        assert app.endpoint("openai").base_url == "https://api.openai.com/v1"


def test_a_file_that_is_saved_in_halves_sends_nothing_elsewhere(cli: InProcess) -> None:
    with HttpServer(answering(200, b"{}")) as server:
        whole = '{models: {providers: {openai: {baseUrl: "URL/v1"}}}}'.replace("URL", server.url)
        cli.write_config(whole)
        with cli.app() as app:
            assert app.endpoint("openai").base_url == f"{server.url}/v1"
            cli.write_config(whole[:-3])
            with pytest.raises(ConfigError):
                app.endpoint("openai")
            cli.write_config(whole)
            assert app.endpoint("openai").base_url == f"{server.url}/v1"
