"""The diff of a config that people and programs are shown: the changed lines, and no secret of any line."""

from __future__ import annotations

import pytest

from jackfield.cli.output import make_diff

NAMES = ("config.json5", "config.json5 (new)")
SECRET = "sk-written-by-hand-0001"


def test_a_diff_shows_two_lines_around_each_change() -> None:
    before = "{\n  a: 1,\n  b: 2,\n  c: 3,\n  d: 4,\n}\n"

    assert make_diff(before, before.replace("c: 3", "c: 5"), NAMES).splitlines() == [
        "--- config.json5",
        "+++ config.json5 (new)",
        "@@ -2,5 +2,5 @@",
        "   a: 1,",
        "   b: 2,",
        "-  c: 3,",
        "+  c: 5,",
        "   d: 4,",
        " }",
    ]


@pytest.mark.parametrize(("before", "after"), [("", "{a: 1}\n"), ("{a: 1}\n", "")])
def test_a_file_that_comes_or_goes_is_shown_whole(before: str, after: str) -> None:
    shown = make_diff(before, after, NAMES).splitlines()

    assert shown[-1] == ("+" if after else "-") + "{a: 1}"


def test_equal_texts_have_no_diff() -> None:
    assert make_diff("{a: 1}", "{a: 1}", NAMES) == ""


@pytest.mark.parametrize(
    "member",
    [
        f'apiKey: "{SECRET}"',
        f"'apiKey': '{SECRET}'",
        f"botToken: '{SECRET}'",
        f'"client_secret" : "{SECRET}"',
        f'headers: {{ "X-Gateway": "{SECRET}" }}',
        f'headers: {{\n "X-Gateway":\n "{SECRET}" }}',
        f'headers: {{ a: {{ b: ["{SECRET}"], c: "{SECRET}" }} }}',
        f'deep: [{{ password: "{SECRET}" }}]',
        f'// apiKey: "{SECRET}"\n y: 2',
        f'apiKey: "{SECRET}" // was {SECRET}\n',
        f"apiKey: '\\x73{SECRET[1:]}'",
        f'apiKey: "{SECRET[:5]}\\\n{SECRET[5:]}"',
        f'baseUrl: "https://me:{SECRET}@gateway.test/v1"',
        f'note: "don\'t", apiKey: "{SECRET}" // isn\'t it',
    ],
)
def test_no_secret_is_shown_whatever_its_spelling(member: str) -> None:
    before = f"{{\n  x: 1, {member},\n}}\n" if "//" not in member or "@" in member else f"{{\n  x: 1, {member}\n}}\n"
    after = before.replace("x: 1", "x: 2")

    diff = make_diff(before, after, NAMES)

    assert "x: 2" in diff
    for part in (SECRET, SECRET[1:], SECRET[5:]):
        assert part not in diff


@pytest.mark.parametrize(
    "member", ['apiKey: "${ACME_KEY}"', "maxTokens: 8192", 'tokenUrl: "https://a.test/t"', "note: 'plain text'"]
)
def test_what_is_no_secret_is_shown(member: str) -> None:
    assert f"-  x: 1, {member}," in make_diff(f"{{\n  x: 1, {member},\n}}", f"{{\n  x: 2, {member},\n}}", NAMES)
