"""Importing the package does no work: no third-party code, no file of the user's, no variable, no process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from architecture.source import SRC

if TYPE_CHECKING:
    from pathlib import Path

# Runs in a fresh interpreter, before anything of the package is there; argv: what to import, then what to run.
PROBE = """
import builtins, io, json, os, sys, threading

told = {"opened": [], "read": [], "events": []}
active = False

def hook(event, args):
    if not active:
        return
    if event == "open":
        path, flags = args[0], args[2]
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if isinstance(path, (str, bytes)):
            told["opened"].append([os.fsdecode(path), bool(writes)])
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.mkdir", "os.remove", "os.rename")):
        told["events"].append(event)

class Watched(type(os.environ)):
    def __getitem__(self, key):
        if active:
            told["read"].append(key if isinstance(key, str) else os.fsdecode(key))
        return super().__getitem__(key)
    def __iter__(self):
        if active:
            told["read"].append("(all)")
        return super().__iter__()

def watched(env):
    made = Watched.__new__(Watched)
    made.__dict__.update(env.__dict__)
    return made

os.environ, os.environb = watched(os.environ), watched(os.environb)
sys.addaudithook(hook)
before = set(sys.modules)
active = True
exec(sys.argv[1])
active = False
told["modules"] = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
told["stdlib"] = sorted(sys.stdlib_module_names)
told["threads"] = threading.active_count()
python = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.__file__)}
told["prefix"] = sorted(os.path.realpath(each) for each in python)
print(json.dumps(told))
"""

QUIET = {
    "the package": "import jackfield",
    "the registry": "import jackfield.providers.registry",
    "the core blocks": "from jackfield.providers.registry import ProviderRegistry; ProviderRegistry.with_core()",
    "the views": """
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import VIEWS, choice_groups

snapshot = ProviderRegistry.with_core().snapshot()
[[row.to_dict() for row in view(snapshot)] for view in VIEWS.values()], choice_groups(snapshot)
""",
}


def probe(code: str, home: Path) -> dict[str, Any]:
    """Run `code` in a fresh interpreter without site-packages and return what it did."""
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", PROBE, code],
        cwd=home,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(home), "PYTHONPATH": str(SRC), "OPENAI_API_KEY": "set"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def strange_files(told: dict[str, Any]) -> list[str]:
    """Return the files that were opened and belong neither to the package nor to Python, and all opened for writing."""
    known = [str(SRC.resolve()), *told["prefix"]]
    return [
        path
        for path, writes in told["opened"]
        if writes or not any(os.path.realpath(path).startswith(root + os.sep) for root in known)
    ]


@pytest.mark.parametrize("name", QUIET)
def test_nothing_but_the_standard_library_is_imported(name: str, tmp_path: Path) -> None:
    told = probe(QUIET[name], tmp_path / "home")
    assert set(told["modules"]) - set(told["stdlib"]) == {"jackfield"}


@pytest.mark.parametrize("name", QUIET)
def test_no_file_of_the_user_no_variable_no_process_and_no_network_is_touched(name: str, tmp_path: Path) -> None:
    told = probe(QUIET[name], tmp_path / "home")
    assert strange_files(told) == []
    assert told["read"] == []
    assert told["events"] == []
    assert told["threads"] == 1
    assert list((tmp_path / "home").iterdir()) == []


def test_importing_the_package_alone_loads_no_other_module_of_it(tmp_path: Path) -> None:
    told = probe("import jackfield", tmp_path / "home")
    loaded = [path for path, _ in told["opened"] if path.startswith(str(SRC))]
    assert {os.path.basename(path).partition(".")[0] for path in loaded} <= {"__init__"}  # noqa: PTH119


NOISY = {
    "a variable": ("import os; os.environ.get('OPENAI_API_KEY')", "read", ["OPENAI_API_KEY"]),
    "a variable by getenv": ("import os; os.getenv('OPENAI_API_KEY')", "read", ["OPENAI_API_KEY"]),
    "a variable as bytes": ("import os; os.environb.get(b'HOME')", "read", ["HOME"]),
    "all variables": ("import os; dict(os.environ)", "read", None),
    "a folder made": ("import os; os.mkdir('made')", "events", ["os.mkdir"]),
    "a process": ("import subprocess; subprocess.run(['true'])", "events", ["subprocess.Popen"]),
    "a socket": ("import socket; socket.socket().close()", "events", ["socket.__new__"]),
}


@pytest.mark.parametrize("name", NOISY)
def test_the_probe_notices(name: str, tmp_path: Path) -> None:
    code, where, expected = NOISY[name]
    told = probe(code, tmp_path / "home")
    assert told[where]
    assert expected is None or set(expected) <= set(told[where])


def test_the_probe_notices_a_file_of_the_user_and_one_that_is_written(tmp_path: Path) -> None:
    outside = tmp_path / "notes.txt"
    outside.write_text("x", encoding="utf-8")
    told = probe(f"open({str(outside)!r}).close()", tmp_path / "home")
    assert strange_files(told) == [str(outside)]
    told = probe("open('new.txt', 'w').close()", tmp_path / "home")
    assert strange_files(told) == ["new.txt"]


def test_the_probe_notices_third_party_code(tmp_path: Path) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "acme_lib.py").write_text("", encoding="utf-8")
    told = probe(f"import sys; sys.path.append({str(folder)!r}); import acme_lib", tmp_path / "home")
    assert set(told["modules"]) - set(told["stdlib"]) == {"acme_lib"}
