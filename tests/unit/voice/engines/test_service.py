"""The service's process: what it is told, what it tells, and when it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jackfield.records import field_names
from jackfield.voice.engines.launcher import service_argv
from jackfield.voice.engines.limits import ServiceLimits
from jackfield.voice.engines.service import Orders, tell

SRC = Path(__file__).parents[4] / "src"
WAIT_S = 60
ORDERS: dict[str, Any] = {"port": 0, "token": "t", "parent": os.getpid(), "limits": ServiceLimits().to_dict()}


def test_orders_come_back_as_they_were_given() -> None:
    limits = ServiceLimits(connections=3, idle_s=1.5)
    line = json.dumps({**ORDERS, "port": 8_080, "limits": limits.to_dict()}).encode() + b"\n"
    assert Orders.read(line) == Orders(8_080, "t", os.getpid(), limits)


@pytest.mark.parametrize("name", field_names(ServiceLimits()))
def test_every_limit_can_be_told(name: str) -> None:
    value = getattr(ServiceLimits(), name) + 1
    told = json.loads(json.dumps(ServiceLimits(**{name: value}).to_dict()))
    assert told[name] == value
    assert ServiceLimits(**told) == ServiceLimits(**{name: value})


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"", ValueError),
        (b"{", ValueError),
        (b"{}", KeyError),
        (json.dumps({**ORDERS, "port": "x"}).encode(), ValueError),
        (json.dumps({**ORDERS, "limits": {"unknown": 1}}).encode(), TypeError),
    ],
    ids=["nothing", "no JSON", "nothing in it", "no port", "an unknown limit"],
)
def test_orders_of_another_kind_are_not_taken(line: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        Orders.read(line)


def test_a_message_is_one_line_and_the_last() -> None:
    reading, writing = os.pipe()
    tell(writing, {"ready": True, "port": 1})
    with os.fdopen(reading, "rb") as pipe:
        assert json.loads(pipe.read()) == {"ready": True, "port": 1}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writing)


class Service:
    """The real process with a plain pipe for its input."""

    def __init__(self, **changes: Any) -> None:
        reading, writing = os.pipe()
        try:
            self.process = subprocess.Popen(
                service_argv(writing), stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[writing]
            )
        finally:
            os.close(writing)
        self._told = os.fdopen(reading, "rb")
        self._orders = {**ORDERS, **changes}

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        for pipe in (self.process.stdin, self.process.stderr, self._told):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was not written is not wanted any more
                    pipe.close()

    def send(self, line: bytes | None = None) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(self._orders).encode() + b"\n" if line is None else line)
        self.process.stdin.flush()

    def told(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self._told.readline() or b"{}")
        return line


def test_it_tells_its_port_and_ends_with_its_input() -> None:
    with Service() as service:
        service.send()
        told = service.told()
        assert (told["ready"], 0 < told["port"] < 65_536) == (True, True)
        assert service.process.stdin is not None
        service.process.stdin.close()
        assert service.process.wait(WAIT_S) == 0


def test_it_ends_when_its_parent_is_another_one_than_it_was_told() -> None:
    with Service(parent=os.getpid() + 1) as service:
        service.send()
        assert service.process.wait(WAIT_S) == 0


@pytest.mark.parametrize("line", [b"", b"x" * 70_000 + b"\n", b"no line feed"], ids=["nothing", "too long", "no end"])
def test_without_orders_it_ends_at_once_and_quietly(line: bytes) -> None:
    with Service() as service:
        with suppress(BrokenPipeError):  # it may have had enough before all of it was written
            service.send(line)
        output = service.process.communicate(timeout=WAIT_S)[1] if len(line) < 70_000 else b""
        assert (service.process.wait(WAIT_S), output) == (0, b"")
        assert service.told() == {}


def test_it_finds_its_modules_without_looking_in_the_working_folder(tmp_path: Path) -> None:
    for name in ("json", "http", "espeakng_loader", "jackfield"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')", encoding="ascii")
    words = service_argv(3)
    code = words[words.index("-c") + 1]
    assert words[1:3] == ["-I", "-S"]
    assert words[-2:] == ["--fd", "3"]
    looked_up = (
        code.partition("from jackfield")[0] + "import json, jackfield, espeakng_loader; print(jackfield.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", looked_up], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).is_relative_to(SRC)


def test_the_folder_that_the_program_runs_in_is_not_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "lib", *sys.path])
    code = service_argv(3)[4]
    assert f"'{tmp_path}'" not in code
    assert f"'{tmp_path / 'lib'}'" in code


def test_only_the_launcher_and_its_limits_are_loaded_in_the_parent() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import jackfield.voice.engines.launcher;"
        "print(*sorted(name for name in sys.modules if name.startswith('jackfield.voice.engines.')))"
        "; print(*{'espeakng_loader', 'pocketsphinx', 'soundfile', 'lameenc', 'numpy', 'ctypes'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(SRC)], capture_output=True, text=True, check=True, timeout=WAIT_S
    )
    ours, theirs = done.stdout.split("\n")[:2]
    assert ours.split() == ["jackfield.voice.engines.launcher", "jackfield.voice.engines.limits"]
    assert theirs == ""
