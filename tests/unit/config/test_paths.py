"""Where files live, for every way of saying so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import platformdirs
import pytest

from jackfield.config.paths import find_paths
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the process, and a process without the variables in question."""
    for name in (*XDG, "JACKFIELD_HOME", "JACKFIELD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_with_a_home_everything_is_in_that_folder(tmp_path: Path) -> None:
    paths = find_paths({"JACKFIELD_HOME": str(tmp_path / "jf")})
    assert paths.config_file == tmp_path / "jf" / "config.json5"
    assert paths.store_file == tmp_path / "jf" / "credentials.sqlite3"
    assert paths.plugins_dir == tmp_path / "jf" / "plugins"
    assert paths.state_dir == tmp_path / "jf" / "state"


def test_a_home_goes_before_the_folders_of_the_platform(tmp_path: Path) -> None:
    env = {"JACKFIELD_HOME": str(tmp_path / "jf"), **dict.fromkeys(XDG, str(tmp_path / "xdg"))}
    assert find_paths(env) == find_paths({"JACKFIELD_HOME": str(tmp_path / "jf")})


@pytest.mark.parametrize("with_home", [True, False])
def test_the_config_variable_moves_the_config_file_and_nothing_else(
    home: Path, tmp_path: Path, with_home: bool
) -> None:
    env = {"JACKFIELD_HOME": str(tmp_path / "jf")} if with_home else {}
    plain = find_paths(env)
    moved = find_paths({**env, "JACKFIELD_CONFIG": str(tmp_path / "other" / "mine.json5")})
    assert moved.config_file == tmp_path / "other" / "mine.json5"
    assert (moved.store_file, moved.plugins_dir, moved.state_dir) == (
        plain.store_file,
        plain.plugins_dir,
        plain.state_dir,
    )


def test_without_any_home_the_variable_that_makes_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> None:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(platformdirs, "user_data_path", fail)

    with pytest.raises(ConfigError) as caught:
        find_paths({})

    assert caught.value.code == "config.no-home"
    assert "JACKFIELD_HOME" in str(caught.value.fix)


@pytest.mark.parametrize("blank", ["", " ", "\t\n "])
def test_a_blank_value_counts_as_unset(home: Path, blank: str) -> None:
    names = (*XDG, "JACKFIELD_HOME", "JACKFIELD_CONFIG", "HOME")
    assert find_paths(dict.fromkeys(names, blank)) == find_paths({})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", ""),
        ("~/", ""),
        ("~/jf", "jf"),
        ("  ~/jf/deep \n", "jf/deep"),
    ],
)
def test_a_leading_tilde_is_the_home_of_the_environment(home: Path, tmp_path: Path, text: str, expected: str) -> None:
    own = tmp_path / "someone"
    assert find_paths({"JACKFIELD_HOME": text, "HOME": str(own)}).state_dir == own / expected / "state"
    assert find_paths({"JACKFIELD_CONFIG": text, "HOME": str(own)}).config_file == own / expected


def test_without_a_home_in_the_environment_a_tilde_is_the_home_of_the_process(home: Path) -> None:
    assert find_paths({"JACKFIELD_HOME": "~/jf"}).config_file == home / "jf" / "config.json5"
    assert find_paths({"JACKFIELD_CONFIG": "~/c.json5"}).config_file == home / "c.json5"


def test_a_tilde_elsewhere_is_a_character(home: Path, tmp_path: Path) -> None:
    assert find_paths({"JACKFIELD_HOME": str(tmp_path / "a~b")}).state_dir == tmp_path / "a~b" / "state"


@pytest.mark.parametrize("variable", ["JACKFIELD_HOME", "JACKFIELD_CONFIG"])
def test_the_home_of_a_user_who_is_not_there_is_an_error_that_names_the_variable(home: Path, variable: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_paths({variable: "~no-such-user-here/jf"})
    assert caught.value.code == "config.no-home"
    assert f"${variable}" in caught.value.message
    assert variable in str(caught.value.fix)


def test_a_relative_path_is_taken_from_the_current_folder(home: Path, tmp_path: Path) -> None:
    paths = find_paths({"JACKFIELD_HOME": "jf", "JACKFIELD_CONFIG": "./c.json5"})
    assert paths.store_file == tmp_path / "jf" / "credentials.sqlite3"
    assert paths.config_file == tmp_path / "c.json5"


def test_the_xdg_folders_that_were_handed_in_are_used(home: Path, tmp_path: Path) -> None:
    paths = find_paths({name: str(tmp_path / name) for name in XDG})
    assert paths.config_file == tmp_path / "XDG_CONFIG_HOME" / "jackfield" / "config.json5"
    assert paths.store_file == tmp_path / "XDG_DATA_HOME" / "jackfield" / "credentials.sqlite3"
    assert paths.plugins_dir == tmp_path / "XDG_DATA_HOME" / "jackfield" / "plugins"
    assert paths.state_dir == tmp_path / "XDG_STATE_HOME" / "jackfield"


def test_xdg_folders_that_were_handed_in_go_before_those_of_the_process(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in XDG:
        monkeypatch.setenv(name, str(tmp_path / "process"))
    given = find_paths({name: str(tmp_path / "given") for name in XDG})
    assert given.state_dir == tmp_path / "given" / "jackfield"
    assert given.config_file.parent == tmp_path / "given" / "jackfield"


def test_a_relative_xdg_folder_does_not_count(home: Path) -> None:
    assert find_paths(dict.fromkeys(XDG, "relative/folder")) == find_paths({})


def test_without_any_variable_the_folders_are_those_of_the_platform(home: Path) -> None:
    paths = find_paths({})
    assert paths.config_file == platformdirs.user_config_path("jackfield", appauthor=False) / "config.json5"
    assert paths.store_file == platformdirs.user_data_path("jackfield", appauthor=False) / "credentials.sqlite3"
    assert paths.plugins_dir == platformdirs.user_data_path("jackfield", appauthor=False) / "plugins"
    assert paths.state_dir == platformdirs.user_state_path("jackfield", appauthor=False)
    if sys.platform == "linux":
        assert paths.config_file == home / ".config" / "jackfield" / "config.json5"
        assert paths.state_dir == home / ".local" / "state" / "jackfield"


def test_every_path_is_absolute_and_nothing_is_created(home: Path, tmp_path: Path) -> None:
    cases: list[dict[str, str]] = [{}, {"JACKFIELD_HOME": "jf"}, {"JACKFIELD_CONFIG": "~/c"}]
    cases.append({name: str(tmp_path / "xdg") for name in XDG})
    for env in cases:
        paths = find_paths(env)
        for path in (paths.config_file, paths.store_file, paths.plugins_dir, paths.state_dir):
            assert path.is_absolute()
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_only_read(tmp_path: Path) -> None:
    env = {"JACKFIELD_HOME": str(tmp_path), "HOME": "/nowhere"}
    before = dict(env)
    find_paths(env)
    assert env == before
