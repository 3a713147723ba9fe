"""`jackfield config check-patch`: what authors of plugins see of the gate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.cli import InProcess, Result, leaks

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"models": {"providers": {"acme": {"baseUrl": "https://api.acme.test/v1", "models": [{"id": "one"}]}}}}
KEY = "sk-acme-0123456789abcdefghij"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def check(cli: InProcess, patch: object, *more: str, provider: str = "acme") -> Result:
    data = patch if isinstance(patch, (bytes, str)) else json.dumps(patch)
    return cli.call("config", "check-patch", "-", "--provider", provider, *more, stdin=data)


def told(cli: InProcess, patch: object, *more: str, provider: str = "acme") -> tuple[int, Any]:
    result = check(cli, patch, "--json", *more, provider=provider)
    assert result.err == ""
    return result.status, result.json


def paths(document: Any) -> list[str]:
    return [".".join(each["path"]) for each in document["changes"]]


def test_a_patch_that_is_taken_whole_ends_with_0(cli: InProcess) -> None:
    status, document = told(cli, GOOD)

    assert list(document) == ["refused", "changes", "consents", "diagnostics"]
    assert (status, document["refused"], document["consents"], document["diagnostics"]) == (0, False, [], [])
    assert paths(document) == ["models.providers.acme.baseUrl", "models.providers.acme.models"]
    assert document["changes"][0] == {
        "path": ["models", "providers", "acme", "baseUrl"],
        "value": "https://api.acme.test/v1",
    }
    assert not cli.home.exists()


def test_parts_that_are_left_out_are_told_with_the_rule_and_end_with_1(cli: InProcess) -> None:
    status, document = told(cli, {**GOOD, "gateway": {"port": 1}})

    assert (status, document["refused"]) == (1, False)
    assert len(document["changes"]) == 2
    (fault,) = document["diagnostics"]
    assert list(fault) == ["code", "rule", "severity", "path", "message", "hint"]
    assert (fault["code"], fault["rule"], fault["path"]) == ("patch.out-of-scope", "G4", ["gateway"])


@pytest.mark.parametrize(
    "patch",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"null",
        b'{"a": 1, "a": 2}',
        b'{"__proto__": {"x": 1}}',
        b'{"models": {"providers": {"acme": {"baseUrl": "https://a.test/$(id)"}}}}',
        b"[" * 100_000,
        b'{"x": "' + b"a" * 2_000_000 + b'"}',
    ],
    ids=["empty", "cut", "list", "encoding", "null", "repeated", "proto", "command", "deep", "huge"],
)
def test_a_hostile_or_broken_patch_is_refused_whole_and_ends_with_3(cli: InProcess, patch: bytes) -> None:
    status, document = told(cli, patch)

    assert (status, document["refused"], document["changes"], document["consents"]) == (3, True, [], [])
    assert {each["severity"] for each in document["diagnostics"]} == {"error"}
    assert all(each["rule"] for each in document["diagnostics"])


def test_it_is_read_from_a_file_too(cli: InProcess, tmp_path: Path) -> None:
    file = tmp_path / "patch.json"
    file.write_text(json.dumps(GOOD))

    result = cli.call("config", "check-patch", str(file), "--provider", "acme")

    assert (result.status, result.err) == (0, "2 changes.\n")
    assert "models.providers.acme.baseUrl" in result.out


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_told(cli: InProcess, tmp_path: Path, name: str) -> None:
    result = cli.call("config", "check-patch", str(tmp_path / name), "--provider", "acme", "--json")

    assert (result.status, result.code) == (2, "request.unreadable")


def test_on_a_config_what_was_set_by_hand_needs_consent(cli: InProcess, tmp_path: Path) -> None:
    current = tmp_path / "current.json5"
    current.write_text("{models: {providers: {acme: {baseUrl: 'https://old.acme.test/v1'}}}}")

    status, document = told(cli, GOOD, "--current", str(current))

    assert status == 0
    assert {each["code"] for each in document["consents"]} == {"overwrite", "origin-change"}
    for each in document["consents"]:
        assert list(each) == ["code", "path", "question"]
    assert [each["code"] for each in document["diagnostics"]] == ["patch.conflict"]
    shown = check(cli, GOOD, "--current", str(current)).err
    assert "Needs consent overwrite for models.providers.acme.baseUrl: " in shown
    assert current.read_text() == "{models: {providers: {acme: {baseUrl: 'https://old.acme.test/v1'}}}}"


@pytest.mark.parametrize(
    ("text", "code", "status"), [(None, "usage", 2), ("{", "config.syntax", 1), ("{models: 3}", "config.invalid", 1)]
)
def test_a_current_config_that_cannot_be_used_is_told(
    cli: InProcess, tmp_path: Path, text: str | None, code: str, status: int
) -> None:
    current = tmp_path / "current.json5"
    if text is not None:
        current.write_text(text)

    result = check(cli, GOOD, "--current", str(current), "--json")

    assert (result.status, result.code) == (status, code)


@pytest.mark.parametrize(
    ("provider", "refused"), [("acme", False), ("openai", False), ("z.ai", True), (" ACME ", False)]
)
def test_a_provider_is_named_by_its_id_and_need_not_be_registered(cli: InProcess, provider: str, refused: bool) -> None:
    status, document = told(cli, {}, provider=provider)

    assert (status, document["refused"]) == (3 if refused else 0, refused)
    assert [each["rule"] for each in document["diagnostics"]] == (["G6"] if refused else [])


@pytest.mark.parametrize("provider", ["Bad Id!", "a b", "", "-acme", "k" * 65])
def test_what_cannot_be_an_id_is_wrong_usage_in_plain_words(cli: InProcess, provider: str) -> None:
    result = check(cli, {}, "--json", provider=provider)

    assert (result.status, result.code) == (2, "usage")
    shown = "a text of 65 characters" if len(provider) > 31 else repr(provider)
    assert result.error["message"] == f"{shown} cannot be the id of a provider."
    assert result.error["fix"].startswith("An id has letters a-z, digits and . _ - only")


@pytest.mark.parametrize(
    ("patch", "last"),
    [
        ({}, "0 changes."),
        ({"models": {"providers": {"acme": {"baseUrl": "https://api.acme.test/v1"}}}}, "1 change."),
        (GOOD, "2 changes."),
    ],
)
def test_changes_are_counted(cli: InProcess, patch: object, last: str) -> None:
    assert check(cli, patch).err.splitlines()[-1] == last


def test_faults_are_told_with_the_name_of_what_was_read(cli: InProcess, tmp_path: Path) -> None:
    file = tmp_path / "patch.json"
    file.write_text('{"gateway": 1}')

    piped = check(cli, {"gateway": 1}).err
    named = cli.call("config", "check-patch", str(file), "--provider", "acme").err

    assert piped.startswith("standard input: warning: gateway: ")
    assert named == piped.replace("standard input:", f"{file}:")


def test_a_patch_of_another_provider_is_left_out(cli: InProcess) -> None:
    status, document = told(cli, GOOD, provider="beta")

    assert (status, document["changes"]) == (1, [])
    assert document["diagnostics"][0]["rule"] in {"G4", "G6"}


def test_a_literal_key_becomes_a_reference_and_is_shown_nowhere(cli: InProcess) -> None:
    patch = {"models": {"providers": {"acme": {"baseUrl": "https://api.acme.test/v1", "apiKey": KEY}}}}

    as_json, as_text = check(cli, patch, "--json"), check(cli, patch)

    assert [each["value"] for each in as_json.json["changes"]] == ["https://api.acme.test/v1", "profile:acme:default"]
    for each in (as_json, as_text):
        assert leaks(each.out, KEY) == []
        assert leaks(each.err, KEY) == []


def test_a_refusal_is_told_to_people(cli: InProcess) -> None:
    result = check(cli, b"[]")

    assert (result.status, result.err.splitlines()[-1]) == (3, "Refused: nothing of it is taken.")
    assert result.err.startswith("standard input: error: ")


def test_what_does_not_print_steers_no_terminal(cli: InProcess) -> None:
    result = check(cli, {"\x1b[31mgateway": 1, "models": {"providers": {"acme": {"\x1b]0;x\x07": 2}}}})

    assert result.status in {1, 3}
    assert "\x1b" not in result.out + result.err
