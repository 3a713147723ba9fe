"""The public names: pinned, importable, and loaded only when they are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import jackfield

NAMES = [
    "Advisory",
    "ApiKey",
    "App",
    "AuthMethod",
    "BlockError",
    "CancelledError",
    "Check",
    "ConfigError",
    "Cost",
    "CredentialError",
    "Diagnostic",
    "Discovery",
    "EnvSet",
    "EnvVars",
    "Group",
    "JackfieldError",
    "LegacyProfile",
    "Model",
    "OAuth",
    "Owner",
    "Provider",
    "ProviderRegistry",
    "RegistrationError",
    "RemoteError",
    "RequestError",
    "RuntimeTags",
    "StoreError",
    "TokenExchange",
    "Trust",
    "UnknownNameError",
    "__version__",
]


def test_the_public_names_are_these_and_sorted() -> None:
    assert jackfield.__all__ == NAMES
    assert sorted(jackfield.__all__) == NAMES


@pytest.mark.parametrize("name", [each for each in NAMES if each != "__version__"])
def test_each_name_is_what_its_home_defines(name: str) -> None:
    value = getattr(jackfield, name)

    assert value.__name__ == name
    assert value.__module__.startswith("jackfield.")
    assert getattr(jackfield, name) is value


def test_the_version_has_three_numbers() -> None:
    assert [part.isdecimal() for part in jackfield.__version__.split(".")] == [True, True, True]


def test_dir_lists_every_public_name() -> None:
    assert set(NAMES) <= set(dir(jackfield))


def test_another_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'jackfield' has no attribute 'Provder'"):
        _ = jackfield.Provder


def run(code: str) -> object:
    # A measuring run would load libraries of its own.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_importing_the_package_loads_nothing_of_it() -> None:
    loaded = run(
        "import json, sys, jackfield\n"
        "print(json.dumps(sorted(each for each in sys.modules if each.startswith('jackfield'))))"
    )

    assert loaded == ["jackfield"]


def test_a_name_loads_its_own_home_and_no_heavy_library() -> None:
    heavy = ["aiohttp", "click", "cryptography", "keyring", "questionary", "rich", "sqlite3", "asyncio"]

    loaded = run(
        f"import json, sys\nfrom jackfield import Provider, ProviderRegistry, RequestError\n"
        f"print(json.dumps([each for each in {heavy!r} if each in sys.modules]))"
    )

    assert loaded == []


def test_a_star_import_gives_exactly_the_public_names() -> None:
    found = run(
        "import json\nspace = {}\nexec('from jackfield import *', space)\n"
        "print(json.dumps(sorted(each for each in space if each != '__builtins__')))"
    )

    assert found == NAMES
