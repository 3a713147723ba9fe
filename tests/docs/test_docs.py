"""Every page: its code runs, its commands print what is shown, its links lead somewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from docs.pages import PROJECT, Page, anchors, enter_clean_home, fences, free_port, is_shown, links, name_of, pages
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = {"docs/reference/providers.md", "docs/reference/cli.md", "docs/reference/errors.md"}
EXPECTED = {
    "docs/index.md",
    "docs/tutorial/first-login.md",
    "docs/how-to/add-a-provider.md",
    "docs/how-to/check-a-plugins-patch.md",
    "docs/how-to/log-in-without-a-terminal.md",
    "docs/how-to/undo-and-dry-run.md",
    "docs/how-to/use-another-endpoint.md",
    "docs/reference/config.md",
    "docs/reference/json.md",
    *GENERATED,
}
PAGES = [pytest.param(path, id=name_of(path)) for path in pages()]


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_shows_is_what_happens(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_clean_home(tmp_path, monkeypatch)
    Page(path, free_port()).run()


@pytest.mark.parametrize("path", PAGES)
def test_links_within_the_project_lead_to_a_file_and_an_anchor_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broken = []
    for link in links(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists():
            broken.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            broken.append(f"{link}: no such heading")
    assert broken == []


def test_the_pages_are_all_there() -> None:
    assert {name_of(path) for path in pages()} >= EXPECTED


def test_the_index_links_to_every_page_under_docs() -> None:
    index = PROJECT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index.read_text(encoding="utf-8"))}
    under = {path for path in pages() if path.is_relative_to(PROJECT / "docs")}
    assert {name_of(path) for path in under - linked - {index}} == set()


def test_the_readme_has_at_most_120_lines() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a  \n\n", "\na", True),
        ("a\nb", "a\nc", False),
        ("a", "a\nb", False),
        ("took ... ms", "took 12 ms", True),
        ("took ... ms", "took 12 s", False),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...\nd", "a\nd", True),
        ("a\n...", "a", True),
        ("a\n...", "b", False),
        ("(x)*", "(x)*", True),
        ("(x)*", "x", False),
        ("a...", "ab\nc", False),
    ],
)
def test_output_is_compared_line_by_line_with_dots_for_what_varies(expected: str, actual: str, same: bool) -> None:
    assert is_shown(expected, actual) is same


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("```python\nassert 1 == 2\n```", AssertionError),
        ("```python no-run\nassert 1 ==\n```", SyntaxError),
        ("```python\nprint(1)\n```\n\n```text output\n2\n```", AssertionError),
        ("```console\n$ jackfield auth list\nNothing.\n```", AssertionError),
        ("```console\n$ jackfield auth lst\n```", AssertionError),
        ("```console\n$ jackfield auth list\n$ rm -r x\n```", AssertionError),
        ("```console\n$ jackfield auth list\n$ echo $?\n1\n```", AssertionError),
        ("```sh\ncat key | jackfield login --no-such-flag < key.txt\n```", AssertionError),
        ("```json\n{1: 2}\n```", json.JSONDecodeError),
        ("```json5\n{a: }\n```", ConfigError),
    ],
)
def test_a_page_that_shows_what_does_not_happen_fails(
    block: str, fault: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_clean_home(tmp_path, monkeypatch)
    path = tmp_path / "page.md"
    path.write_text(block, encoding="utf-8")
    with pytest.raises(fault):
        Page(path, "1").run()


def test_blocks_anchors_and_links_are_found_where_markdown_has_them() -> None:
    headings = "# One `two`, three!\n\n## Same\n\n## Same\n\n"
    text = headings + "[a](x.md#y) ![b](z.svg)\n\n```python no-run\nx\n```\n\n`[c](no)`\n"
    assert anchors(text) == {"one-two-three", "same", "same-1"}
    assert list(links(text)) == ["x.md#y", "z.svg"]
    assert [(each.info, each.text, each.line) for each in fences(text)] == [("python no-run", "x\n", 10)]
