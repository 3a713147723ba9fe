"""What commands tell beside their results: where a setting stands, what is locked, what a key is not, broken lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.auth.prompter import Option
from jackfield.cli import output
from jackfield.cli.prompts import _titled
from support.cli import RIGHT_KEY, InProcess, model_server
from support.servers import HttpServer, answering, refusing_port

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = "{models: {mode: 5}}"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def provider(url: str, more: str = "") -> str:
    return f"{{models: {{providers: {{openai: {{baseUrl: '{url}'{more}}}}}}}}}"


def setting(found: Any, name: str) -> dict[str, Any]:
    (row,) = [each for each in found["settings"] if each["name"] == name]
    return dict(row)


# explain


def test_explain_says_that_a_credential_is_locked_where_status_says_that_it_is_not_sent(cli: InProcess) -> None:
    assert cli.call("login", "openai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY).status == 0
    cli.write_config(provider("http://127.0.0.1:9/v1"))

    (row,) = cli.call("explain", "openai", "--json").json["sources"]
    (status,) = cli.call("status", "openai", "--no-probe", "--json").json["providers"]

    told = "locked to https://api.openai.com; it is not sent to http://127.0.0.1:9/v1"
    assert (row["usable"], row["wins"], row["reason"]) == (False, False, told)
    assert (status["state"], status["code"]) == ("failing", "credential.locked")
    assert told in cli.call("explain", "openai", env={"COLUMNS": "300"}).out


def test_explain_names_the_file_of_each_value_and_the_places_it_shadows(cli: InProcess) -> None:
    shared = cli.home / "shared.json5"
    cli.write_config(
        "{ $include: './shared.json5',\n"
        " models: { providers: { openai: { baseUrl: 'https://mine.acme.test/v1' } } } }\n"
    )
    shared.write_text(
        "{ models: { providers: { openai: {\n"
        "  baseUrl: 'https://theirs.acme.test/v1', api: 'openai-completions' } } } }"
    )
    shared.chmod(0o600)

    found = cli.call("explain", "openai", "--json").json

    url, style = setting(found, "base URL"), setting(found, "API style")
    assert url["place"].startswith(f"{cli.config_file}:2:")
    assert url["shadows"] == [f"https://theirs.acme.test/v1 ({shared}:2:3)", "https://api.openai.com/v1"]
    assert (style["place"].rpartition(":")[0], style["shadows"]) == (f"{shared}:2", ["openai-responses"])
    leaves = {each["path"][-1]: each for each in found["written"]}
    assert leaves["baseUrl"]["shadows"] == [f"{shared}:2:3"]
    assert (leaves["api"]["place"], leaves["api"]["shadows"]) == (style["place"], [])


def test_explain_says_what_comes_with_the_program_and_who_wrote_the_rest(cli: InProcess) -> None:
    assert cli.call("login", "openai", "--key-stdin", "--no-verify", stdin=RIGHT_KEY).status == 0

    out = cli.call("explain", "openai", env={"COLUMNS": "300"}).out

    assert "built in" in out
    assert "this program" in out
    assert "block" not in out


# status


@pytest.mark.parametrize(("answer", "state", "code"), [(401, "failing", "credential.refused"), (200, "verified", None)])
def test_the_code_of_a_status_says_what_the_provider_did(
    cli: InProcess, answer: int, state: str, code: str | None
) -> None:
    with HttpServer(answering(answer)) as server:
        cli.write_config(provider(f"{server.url}/v1", f", apiKey: '{RIGHT_KEY}'"))
        (row,) = cli.call("status", "openai", "--json").json["providers"]

    assert (row["state"], row["code"]) == (state, code)


def test_the_code_of_a_status_is_that_of_the_network(cli: InProcess) -> None:
    with refusing_port() as port:
        cli.write_config(provider(f"http://127.0.0.1:{port}/v1", f", apiKey: '{RIGHT_KEY}'"))
        (row,) = cli.call("status", "openai", "--json").json["providers"]

    assert (row["state"], row["code"]) == ("failing", "net.refused")


@pytest.mark.parametrize(
    ("url", "key", "code"),
    [
        ("https://api.acme.test/v1", "${NOT_THERE}", "credential.unusable"),
        ("http://api.acme.test/v1", RIGHT_KEY, "url.insecure"),
    ],
)
def test_the_code_of_a_status_tells_what_cannot_be_used(cli: InProcess, url: str, key: str, code: str) -> None:
    cli.write_config(provider(url, f", apiKey: '{key}'"))

    (row,) = cli.call("status", "openai", "--no-probe", "--json").json["providers"]

    assert (row["state"], row["code"]) == ("failing", code)


# keys that are names


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("$GROQ_API_KEY", "GROQ_API_KEY"),
        ("GROQ_API_KEY", "GROQ_API_KEY"),
        ("%GROQ_API_KEY%", "GROQ_API_KEY"),
        ("env:GH_TOKEN", "GH_TOKEN"),
        ("${groq_api_key}", "GROQ_API_KEY"),
    ],
)
def test_a_key_that_is_the_name_of_a_variable_is_warned_of(cli: InProcess, key: str, wanted: str) -> None:
    cli.write_config(provider("https://api.acme.test/v1", f", apiKey: '{key}'"))

    checked, doctor = cli.call("config", "validate", "--json"), cli.call("doctor", "--json")

    (fault,) = [each for each in checked.json["diagnostics"] if each["code"] == "config.unmarked-variable"]
    assert (checked.status, fault["severity"], fault["line"]) == (0, "warning", 1)
    assert fault["path"] == ["models", "providers", "openai", "apiKey"]
    assert fault["hint"] == f"For the variable's value write ${{{wanted}}}."
    assert "config.unmarked-variable" in [each["code"] for each in doctor.json["findings"]]


@pytest.mark.parametrize("key", ["${GROQ_API_KEY}", "$${GROQ_API_KEY}", RIGHT_KEY, "n/a", "GROQ", "profile:groq:a", ""])
def test_another_key_is_no_name_of_a_variable(cli: InProcess, key: str) -> None:
    cli.write_config(provider("https://api.acme.test/v1", f", apiKey: '{key}'"))

    told = [each["code"] for each in cli.call("config", "validate", "--json").json["diagnostics"]]

    assert "config.unmarked-variable" not in told


# a broken config


@pytest.mark.parametrize("args", [("plugins", "list"), ("auth", "order", "openai")])
def test_a_broken_config_is_told_with_a_list(cli: InProcess, args: tuple[str, ...]) -> None:
    cli.write_config(BROKEN)

    as_text, as_json = cli.call(*args), cli.call(*args, "--json")

    assert (as_text.status, as_json.status) == (1, 1)
    assert f"{cli.config_file}:1:11: error: models.mode: must be text, not a number" in as_text.err
    told = as_json.json["diagnostics"] if args[0] == "plugins" else as_json.error["diagnostics"]
    assert [each["code"] for each in told] == ["config.type"]


# answers


@pytest.mark.parametrize(("count", "verb"), [(1, "1 of the answers was"), (2, "2 of the answers were")])
def test_answers_that_nobody_asked_for_are_counted(cli: InProcess, tmp_path: Path, count: int, verb: str) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(str(["x"] * count).replace("'", '"'))
    with model_server(RIGHT_KEY) as server:
        cli.write_config(provider(f"{server.url}/v1"))
        result = cli.call("login", "openai", "--key-stdin", "--answers", str(answers), stdin=RIGHT_KEY)

    assert result.status == 0, result.err
    assert result.err.endswith(f"{verb} not asked for.\n")


# lines and lists on a terminal


@pytest.mark.parametrize(
    ("text", "taken", "lines"),
    [
        ("short", 0, ["short"]),
        ("one two three four five six", 0, ["one two three four", "five six"]),
        ("one two three four five six", 10, ["one two", "three four five six"]),
        ("see https://api.acme.test/a-long-way here", 0, ["see", "https://api.acme.test/a-long-way", "here"]),
        ("first\n  kept as it is", 0, ["first", "  kept as it is"]),
    ],
)
def test_a_line_is_broken_between_words(text: str, taken: int, lines: list[str]) -> None:
    assert output.broken(text, taken=taken, columns=20).split("\n") == lines


@pytest.mark.parametrize(
    ("hint", "columns", "shown"),
    [
        ("Runs on this machine", 80, "Acme  (Runs on this machine)"),
        ("Runs on this machine", 32, "Acme  (Runs on this …)"),
        ("Runs on this machine", 20, "Acme"),
        (None, 80, "Acme"),
    ],
)
def test_a_hint_ends_at_a_word(hint: str | None, columns: int, shown: str) -> None:
    assert _titled(Option("a", "Acme", hint), columns) == shown
