"""`jackfield doctor`: what it prints of its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.cli import InProcess

if TYPE_CHECKING:
    from pathlib import Path

# One finding that --fix mends, and one that needs a decision.
CONFIG = """{
  auth: { profiles: { "openai:gone": { provider: "openai", mode: "api_key" } } },
  models: { providers: { openai: {}, OpenAI: {} } },
}
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    return InProcess(tmp_path, monkeypatch, capsys)


def heads(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("    ")]


def test_what_fix_mends_is_marked_and_nothing_else_is(cli: InProcess) -> None:
    cli.write_config(CONFIG)
    found = cli.call("doctor", "--json").json["findings"]

    shown = cli.call("doctor")

    assert {each["fixable"] for each in found} == {True, False}
    assert heads(shown.out) == [
        f"{each['severity']} {'[--fix] ' if each['fixable'] else ''}{each['code']}  {each['message']}" for each in found
    ]
    assert shown.err == "What is marked [--fix] can be mended with: jackfield doctor --fix\n"


def test_after_the_repair_nothing_is_marked(cli: InProcess) -> None:
    cli.write_config(CONFIG)

    mended = cli.call("doctor", "--fix")

    assert mended.err.splitlines() == [
        "Mended: The config names the profile openai:gone, but no credential is stored under it."
    ]
    assert "[--fix]" not in mended.out
    assert [line.split()[1] for line in heads(mended.out)] == ["doctor.twice"]


def test_nothing_wrong_is_told_and_marks_nothing(cli: InProcess) -> None:
    result = cli.call("doctor")

    assert (result.status, result.out, result.err) == (0, "", "Nothing is wrong.\n")
