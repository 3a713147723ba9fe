"""The plugin that is written for a newcomer: it works as it is."""

from __future__ import annotations

import compileall
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import jackfield
from jackfield.config.settings import PluginSettings
from jackfield.errors import RequestError
from jackfield.plugins import scaffold
from jackfield.plugins.discovery import find_plugins
from jackfield.plugins.found import MethodInfo, ProviderInfo
from jackfield.plugins.scaffold import FILES, new_plugin, plugin_id_of
from jackfield.providers.registry import ProviderRegistry

NAMES = [
    ("acme", "acme", "Acme", "ACME_API_KEY"),
    ("Acme AI", "acme-ai", "Acme AI", "ACME_AI_API_KEY"),
    ("  my_own.lab ", "my-own.lab", "my_own.lab", "MY_OWN_LAB_API_KEY"),
    ("3d", "3d", "3d", "_3D_API_KEY"),
    ("a" * 48, "a" * 48, "A" + "a" * 47, "A" * 48 + "_API_KEY"),
]


@pytest.mark.parametrize(("name", "plugin_id", "label", "variable"), NAMES)
def test_names_stand_where_they_belong(tmp_path: Path, name: str, plugin_id: str, label: str, variable: str) -> None:
    folder = new_plugin(tmp_path, name)
    assert folder == tmp_path / plugin_id
    assert sorted(each.name for each in folder.iterdir()) == sorted(FILES)
    manifest = tomllib.loads((folder / "jackfield.plugin.toml").read_text())
    assert (manifest["id"], manifest["name"], manifest["entry"]) == (plugin_id, label, "plugin.py")
    assert manifest["providers"] == [
        {
            "id": plugin_id,
            "label": label,
            "aliases": [],
            "env_vars": [variable],
            "auth": [{"id": "api-key", "choice": f"{plugin_id}-api-key", "label": "API key", "kind": "api_key"}],
        }
    ]
    assert "$" not in "".join(path.read_text() for path in folder.iterdir())


def test_it_is_found_with_all_that_its_manifest_says(tmp_path: Path) -> None:
    new_plugin(tmp_path, "Acme")
    found, faults = find_plugins(PluginSettings(), tmp_path, base=tmp_path, installed=False)
    assert faults == ()
    (plugin,) = found
    assert (plugin.id, plugin.status, plugin.candidate.language) == ("acme", "enabled", "python")
    assert plugin.manifest is not None
    assert plugin.manifest.providers == (
        ProviderInfo(
            "acme", "Acme", (), ("ACME_API_KEY",), (MethodInfo("api-key", "acme-api-key", "API key", "api_key"),)
        ),
    )


@pytest.mark.parametrize("name", ["Acme", "my_own.lab"])
def test_its_own_tests_pass(tmp_path: Path, name: str) -> None:
    folder = new_plugin(tmp_path, name)
    env = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    env["PYTHONPATH"] = str(Path(jackfield.__file__).parents[1])
    argv = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."]
    ran = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout.splitlines()[-1][:8]) == (0, "6 passed"), ran.stdout + ran.stderr


def test_its_code_is_written_as_ours_is(tmp_path: Path) -> None:
    folder = new_plugin(tmp_path, "Acme")
    assert compileall.compile_dir(folder, quiet=2)
    for args in (["format", "--check"], ["check", "--select", "E,F,I,UP,B"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *args, "--isolated", "--line-length", "120", str(folder)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "../x",
        "a/b",
        "-a",
        "a-",
        "a" * 49,
        "é",
        "\u212aimi",
        "a\x00b",
        "a$b",
        "a{b}",
        'a"b',
        "a\\b",
        "x" * 10**6,
    ],
)
def test_a_name_that_no_id_can_be_made_of_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError) as caught:
        new_plugin(tmp_path, name)
    assert caught.value.code == "plugin.name"
    assert len(caught.value.message) < 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "plugin_id"), [("Acme  AI", "acme-ai"), ("a_b", "a-b"), ("A.B", "a.b"), ("\tx\n", "x")]
)
def test_an_id_is_made_of_a_name(name: str, plugin_id: str) -> None:
    assert plugin_id_of(name) == plugin_id


def test_a_name_that_a_provider_has_is_refused(tmp_path: Path) -> None:
    core = ProviderRegistry.with_core().list_providers()
    taken = {name for each in core for name in (each.id, *each.aliases)}
    for name in (core[0].id.upper(), next(alias for each in core for alias in each.aliases)):
        with pytest.raises(RequestError) as caught:
            new_plugin(tmp_path, name, taken=taken)
        assert caught.value.code == "plugin.name-taken"
    with pytest.raises(RequestError) as choice:
        new_plugin(tmp_path, "acme", taken={"acme-api-key"})
    assert choice.value.code == "plugin.name-taken"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dead link"])
def test_what_is_there_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "acme"
    if kind == "folder":
        place.mkdir()
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(RequestError) as caught:
        new_plugin(tmp_path, "Acme")
    assert caught.value.code == "plugin.exists"
    assert list(tmp_path.iterdir()) == [place]
    assert kind != "file" or place.read_text() == "mine"


def test_folders_on_the_way_are_made_and_the_plugin_can_be_read(tmp_path: Path) -> None:
    folder = new_plugin(tmp_path / "a" / "b", "acme")
    for each in (folder, *folder.iterdir()):
        assert each.stat().st_mode & stat.S_IRUSR


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError) as caught:
        new_plugin(tmp_path / "file", "acme")
    assert caught.value.code == "plugin.unwritable"
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_when_it_fails_half_way_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    written: list[Path] = []
    write = Path.write_text

    def fail_at_the_third(path: Path, text: str, **more: str) -> int:
        written.append(path)
        if len(written) == 3:
            raise error
        return write(path, text, **more)

    monkeypatch.setattr(Path, "write_text", fail_at_the_third)
    with pytest.raises((RequestError, KeyboardInterrupt)) as caught:
        new_plugin(tmp_path, "acme")
    assert isinstance(caught.value, KeyboardInterrupt) or "No space left on device" in str(caught.value)
    assert len(written) == 3
    assert list(tmp_path.iterdir()) == []


def test_the_templates_are_the_files_that_are_written() -> None:
    templates = {path.name for path in Path(scaffold.__file__).with_name("templates").iterdir()}
    assert templates == {f"{name}.tmpl" for name in FILES}
