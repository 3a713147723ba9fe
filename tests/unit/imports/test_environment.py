"""Keys in the environment and in dotenv files: whose each is, which counts, and which is none."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.credentials.legacy import LegacyEntry
from jackfield.credentials.profile import ApiKeyCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import RequestError
from jackfield.imports.environment import (
    ENVIRONMENT,
    parse_dotenv,
    read_dotenv,
    read_environment,
    read_variables,
    with_key,
)
from jackfield.providers.block import EnvVars, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Owner, Trust
from support.cli import leaks

KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
SNAPSHOT = ProviderRegistry.with_core().snapshot()


def told(env: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    found = read_environment(env, SNAPSHOT)
    assert leaks(repr(found), KEY) == []
    return {each.name: (each.provider, each.fault) for each in found.entries}


def test_a_key_becomes_a_profile_of_the_provider_that_reads_it() -> None:
    found = read_environment({"OPENAI_API_KEY": f" {KEY}\n", "PATH": "/bin", "GROQ_API_KEY": " "}, SNAPSHOT)

    (entry,) = found.entries
    assert (found.source, found.place, found.files, found.settings, found.diagnostics) == (
        "env", ENVIRONMENT, (), (), (),
    )  # fmt: skip
    assert entry == LegacyEntry(
        ENVIRONMENT, "OPENAI_API_KEY", "openai", "env", credential=ApiKeyCredential(Secret(KEY))
    )


def test_an_access_token_is_stored_as_one() -> None:
    (entry,) = read_environment({"ANTHROPIC_OAUTH_TOKEN": KEY}, SNAPSHOT).entries

    assert entry.credential == TokenCredential(Secret(KEY))


def test_of_a_providers_variables_the_first_that_is_set_counts() -> None:
    assert told({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_OAUTH_TOKEN": KEY}) == {
        "ANTHROPIC_OAUTH_TOKEN": ("anthropic", None),
        "ANTHROPIC_API_KEY": ("anthropic", "comes after ANTHROPIC_OAUTH_TOKEN, which is the one that counts"),
    }


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("AWS_PROFILE", "counts only together with others, and is used from where it stands"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "names a file, and is used from where it stands"),
        ("ACME_API_KEY", "is read by no provider here"),
    ],
)
def test_what_is_no_key_of_a_provider_here_says_so(name: str, fault: str) -> None:
    assert [each[1] for each in told({name: KEY}).values()] == [fault]


@pytest.mark.parametrize("name", ["HOME", "ACME_TOKEN", "acme_api_key", "_API_KEY", "AWS_REGION"])
def test_other_variables_are_passed_over(name: str) -> None:
    assert told({name: KEY}) == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("${OTHER}", "only refers to a variable"),
        ("prefix-${OTHER}", "only refers to a variable"),
        ("$OTHER", "only refers to a variable"),
        ("two words", "is blank, too long, or holds what no key holds"),
        ("schlüssel", "is blank, too long, or holds what no key holds"),
        ("a\x1b[0m", "is blank, too long, or holds what no key holds"),
        ("x" * 9_000, "is blank, too long, or holds what no key holds"),
        ("", "is blank, too long, or holds what no key holds"),
        ("abc$5", None),
        ("abcd==", None),
    ],
)
def test_what_no_key_is_lets_nothing_in(text: str, fault: str | None) -> None:
    entry = with_key(LegacyEntry("f", "n", "openai", "env"), text)

    assert entry.fault == fault
    assert (entry.credential is None) is (fault is not None)


def shared(*owners: Owner) -> ProviderRegistry:
    registry = ProviderRegistry.with_core()
    for number, owner in enumerate(owners):
        block = Provider(id=f"acme{number}", label="Acme", env=EnvVars(any_of=("OPENAI_API_KEY", "ACME_API_KEY")))
        registry.register_providers([block], owner=owner)
    return registry


def test_a_variable_that_a_plugin_claims_too_stays_the_core_providers() -> None:
    snapshot = shared(Owner(Trust.INSTALLED, "plugin:acme")).snapshot()

    found = {each.provider: each for each in read_variables({"OPENAI_API_KEY": KEY}, snapshot, file="f")}

    assert found["openai"].credential is not None
    assert found["openai"].note == "acme0 reads the same variable."
    assert found["acme0"].credential is None
    assert found["acme0"].fault == "is for openai first, which comes with this program"


def test_a_variable_that_two_equals_read_is_stored_for_both_and_said() -> None:
    snapshot = shared(Owner(Trust.INSTALLED, "plugin:a"), Owner(Trust.INSTALLED, "plugin:b")).snapshot()

    found = list(read_variables({"ACME_API_KEY": KEY}, snapshot, file="f", prefix="env.", profile_name="x"))

    assert [(each.provider, each.name, each.profile_name, each.note) for each in found] == [
        ("acme0", "env.ACME_API_KEY", "x", "acme1 reads the same variable."),
        ("acme1", "env.ACME_API_KEY", "x", "acme0 reads the same variable."),
    ]


# Dotenv files


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB='two words'\nexport C=\"x\\ny\" # note\n", {"A": "1", "B": "two words", "C": "x\ny"}),
        ("# only a comment\n\n", {}),
        ("EMPTY=\nNAME\n", {"EMPTY": ""}),
        ("A=${HOME}\n", {"A": "${HOME}"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1", {"A": "1"}),
    ],
)
def test_a_dotenv_file_is_read_and_nothing_is_substituted(tmp_path: Path, text: str, values: dict[str, str]) -> None:
    assert parse_dotenv(text.encode(), tmp_path / ".env") == (values, ())


def test_every_fault_of_a_dotenv_file_is_told_with_its_line(tmp_path: Path) -> None:
    text = f"OPENAI_API_KEY={KEY}\n\nnot a line {KEY}\nGROQ_API_KEY=a\n\n\n= {KEY}\nGROQ_API_KEY={KEY}\n"
    path = tmp_path / ".env"
    path.write_text(text)

    found = read_dotenv(path, SNAPSHOT)

    assert [(each.code, each.severity, each.line) for each in found.diagnostics] == [
        ("import.line", "error", 3),
        ("import.line", "error", 7),
        ("import.duplicate-key", "warning", None),
    ]
    assert {each.provider: each.credential for each in found.entries} == {
        "openai": ApiKeyCredential(Secret(KEY)),
        "groq": ApiKeyCredential(Secret(KEY)),
    }
    assert leaks(repr(found), KEY) == []
    assert path.read_text() == text


def test_a_dotenv_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert read_dotenv(path, SNAPSHOT).files == ()
    for data, code in ((b"A=\xff", "import.format"), (b"#" * (1024 * 1024 + 1), "import.too-large")):
        path.write_bytes(data)
        found = read_dotenv(path, SNAPSHOT)
        assert (found.files, [each.code for each in found.diagnostics]) == ((".env",), [code])
    path.unlink()
    path.mkdir()
    assert [each.code for each in read_dotenv(path, SNAPSHOT).diagnostics] == ["import.not-a-file"]


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    path = Path(".env")
    data = text.encode("utf-8", "surrogatepass")
    with contextlib.suppress(RequestError):
        values, faults = parse_dotenv(data, path)
        assert all(isinstance(each, str) for each in values.values())
        assert {each.code for each in faults} <= {"import.line", "import.duplicate-key"}
