"""The embedded speech service in its own process: started, used, ended, and never left behind."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.errors import InternalError, RemoteError
from jackfield.voice.engines.launcher import PACKAGES, EmbeddedSpeech, missing_packages, service_argv
from jackfield.voice.engines.limits import ServiceLimits
from support.speech import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

SRC = Path(__file__).parents[2] / "src"
WAIT_S = 60
START_S = 60.0
COMMANDS = "turn on the light\nturn off the light\nopen the door\nplay some music"


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, 2 * WAIT_S))


def used(use: Callable[[Client], Any], **options: Any) -> Any:
    """Start a service, use it in a thread, and end it."""

    async def main() -> Any:
        async with EmbeddedSpeech(**{"start_s": START_S, **options}) as service:
            return await asyncio.to_thread(use, client_of(service))

    return run(main())


def client_of(service: EmbeddedSpeech) -> Client:
    return Client(int(service.base_url.rpartition(":")[2].removesuffix("/v1")), service.token)


def is_gone(pid: int) -> bool:
    """Wait until a process has ended; False when it has not within the time."""
    until = time.monotonic() + WAIT_S
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([handle], [], [], WAIT_S)[0])
        finally:
            os.close(handle)
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        select.select([], [], [], 0.02)
    return False


def shown(pid: int | None, name: str) -> bytes:
    """Return what Linux shows of a process to every program of its user."""
    return Path(f"/proc/{pid}/{name}").read_bytes()


# --- it works ---------------------------------------------------------------------------------------------------------


def test_what_it_says_it_hears() -> None:
    def use(client: Client) -> list[str]:
        replies = [client.say(text, voice="en-us+f3") for text in COMMANDS.split("\n")]
        assert {reply.status for reply in replies} == {200}
        return [str(client.hear(reply.body, grammar=COMMANDS).json["text"]) for reply in replies]

    assert used(use) == COMMANDS.split("\n")


def test_it_is_ready_when_it_says_so_and_serves_sixteen_at_once() -> None:
    def use(client: Client) -> list[int]:
        assert client.ask("GET", "/health", headers={"Authorization": ""}).json["status"] == "ready"
        with ThreadPoolExecutor(16) as pool:
            return [reply.status for reply in pool.map(client.say, [f"Number {n}." for n in range(16)])]

    assert used(use) == [200] * 16


def test_its_token_is_needed_is_new_each_time_and_is_shown_nowhere() -> None:
    async def main() -> None:
        async with EmbeddedSpeech(start_s=START_S) as one, EmbeddedSpeech(start_s=START_S) as other:
            assert one.token != other.token
            stranger = Client(client_of(one).port, other.token)
            reply = await asyncio.to_thread(stranger.say, "Hello.")
            assert (reply.status, reply.code) == (401, "speech.token")
            assert one.token not in repr(one)
            if sys.platform == "linux":
                told = [shown(one.pid, name) for name in ("cmdline", "environ")]
                assert all(one.token.encode() not in each for each in told)

    run(main())


def test_the_limits_that_are_asked_for_hold() -> None:
    reply = used(lambda client: client.say("Hello there."), limits=ServiceLimits(text_chars=5))
    assert (reply.status, reply.code) == (400, "speech.input-too-long")


def test_a_port_can_be_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert used(lambda client: client.port, port=port) == port


def test_nothing_is_written_to_the_folders_it_could_write_to(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}

    def use(client: Client) -> list[int]:
        said = client.say("turn on the light")
        return [said.status, client.hear(said.body, grammar=COMMANDS).status, client.hear(said.body).status]

    assert used(use, env=env) == [200, 200, 200]
    assert list(tmp_path.iterdir()) == []


def test_secrets_of_the_environment_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux shows the environment of a process as a file")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")

    async def main() -> bytes:
        async with EmbeddedSpeech(start_s=START_S) as service:
            return shown(service.pid, "environ")

    assert b"canary" not in run(main())


# --- it ends ----------------------------------------------------------------------------------------------------------


def test_it_ends_by_itself_when_it_is_told_to() -> None:
    async def main() -> None:
        async with EmbeddedSpeech(start_s=START_S, end_s=WAIT_S) as service:
            assert service.exit is None
            pid = service.pid or 0
        assert service.exit is not None
        assert (service.exit.status, is_gone(pid)) == (0, True)
        assert repr(service) == "EmbeddedSpeech(ended)"
        await service.end()

    run(main())


def test_it_is_ended_also_in_the_middle_of_its_work() -> None:
    async def main() -> None:
        async with EmbeddedSpeech(start_s=START_S) as service:
            client, pid = client_of(service), service.pid or 0
            with client.connected() as connection:
                body = json.dumps({"input": "word " * 3_000, "response_format": "wav"}).encode()
                lines = ["POST /v1/audio/speech HTTP/1.1", f"Host: 127.0.0.1:{client.port}"]
                lines += [f"Authorization: Bearer {service.token}", "Content-Type: application/json"]
                head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
                connection.sendall(head + body)
                assert (await asyncio.to_thread(connection.recv, 100)).startswith(b"HTTP/1.1 200")
                await service.end()
        assert is_gone(pid)

    run(main())


def test_who_waits_for_its_end_is_told_how_it_came() -> None:
    async def main() -> None:
        async with EmbeddedSpeech(start_s=START_S) as service:
            os.kill(service.pid or 0, signal.SIGKILL)
            assert (await service.wait()).signal_name == "SIGKILL"

    run(main())


PARENT = """
import asyncio, sys
from jackfield.voice.engines.launcher import EmbeddedSpeech

async def main():
    async with EmbeddedSpeech(start_s=60) as service:
        print(service.pid, service.base_url, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@contextmanager
def parents(count: int) -> Iterator[list[tuple[subprocess.Popen[str], int, int]]]:
    """Start programs that each run a service; yield each with the service's process id and port."""
    env = {**os.environ, "PYTHONPATH": str(SRC)}
    started = [
        subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(count)
    ]
    try:
        found = []
        for each in started:
            assert each.stdout is not None
            pid, url = each.stdout.readline().split()
            found.append((each, int(pid), int(url.rpartition(":")[2].removesuffix("/v1"))))
        yield found
    finally:
        for each in started:
            each.kill()
            each.wait()
            if each.stdout is not None:
                each.stdout.close()


@pytest.mark.slow
def test_a_parent_that_is_killed_leaves_no_service_behind() -> None:
    services: list[tuple[int, int]] = []
    for _ in range(4):
        with parents(5) as started:
            for parent, pid, port in started:
                parent.kill()
                services.append((pid, port))
    assert len({pid for pid, _ in services}) == 20
    assert [pid for pid, _ in services if not is_gone(pid)] == []
    for _, port in services:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)


def test_a_parent_that_is_killed_while_its_input_is_still_held_by_another_leaves_no_service_behind() -> None:
    # The write end of the service's input is inherited by the parent's own child, which lives on.
    code = """
import os, subprocess, sys
from jackfield.voice.engines.launcher import service_argv
import json
from jackfield.voice.engines.limits import ServiceLimits

reading, writing = os.pipe()
told, telling = os.pipe()
os.set_inheritable(telling, True)
service = subprocess.Popen(service_argv(telling), stdin=reading, pass_fds=[telling])
orders = {"port": 0, "token": "t", "parent": os.getpid(), "limits": ServiceLimits().to_dict()}
os.write(writing, json.dumps(orders).encode() + b"\\n")
os.read(told, 1000)
lives_on = [sys.executable, "-c", "import signal; signal.pause()"]
holder = subprocess.Popen(lives_on, pass_fds=[writing])
print(service.pid, holder.pid, flush=True)
service.wait()
"""
    env = {**os.environ, "PYTHONPATH": str(SRC)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        service, holder = map(int, parent.stdout.readline().split())
        parent.kill()
    try:
        assert is_gone(service)
    finally:
        with suppress(ProcessLookupError):
            os.kill(holder, signal.SIGKILL)


def test_a_service_whose_parent_has_gone_before_it_began_ends() -> None:
    done = subprocess.run(service_argv(2), stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- it cannot start --------------------------------------------------------------------------------------------------


def failed(**options: Any) -> RemoteError:
    async def main() -> RemoteError:
        service = EmbeddedSpeech(**{"start_s": START_S, **options})
        with pytest.raises(RemoteError) as caught:
            await service.__aenter__()
        if service.pid is not None:
            assert is_gone(service.pid)
        with pytest.raises(InternalError):
            service.base_url  # noqa: B018 - reading it is what fails
        return caught.value

    error: RemoteError = run(main())
    return error


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = failed(port=port)
    assert error.code == "voice.embedded-start-failed"
    assert f"port {port}" in error.message


def test_a_service_that_is_not_ready_in_time_is_ended() -> None:
    error = failed(start_s=0.001)
    assert error.code == "voice.embedded-timeout"
    assert "0.001 s" in error.message


def test_an_interpreter_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    error = failed()
    assert error.code == "voice.embedded-start-failed"
    assert "No such file" in error.message


def test_a_service_that_ends_before_it_is_ready_is_told_with_what_it_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such engine\nexit 3\n", encoding="ascii")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    error = failed()
    assert error.code == "voice.embedded-exited"
    assert "ended with status 3" in error.message
    assert error.__notes__ == ["no such engine"]


def test_it_is_started_once_and_not_used_before() -> None:
    async def main() -> None:
        service = EmbeddedSpeech(start_s=START_S)
        with pytest.raises(InternalError):
            await service.wait()
        assert (service.pid, service.exit, repr(service)) == (None, None, "EmbeddedSpeech(not started)")
        await service.end()
        async with service:
            with pytest.raises(InternalError):
                await service.__aenter__()

    run(main())


BARE = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from jackfield.errors import RemoteError
from jackfield.voice.engines.launcher import EmbeddedSpeech, missing_packages

async def main():
    try:
        async with EmbeddedSpeech():
            pass
    except RemoteError as error:
        print(json.dumps({**error.to_dict(), "missing": missing_packages()}))

asyncio.run(main())
"""


def bare(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run Python without any installed package."""
    command = [sys.executable, "-I", "-S", "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=True)


def test_without_its_packages_the_command_that_installs_them_is_told() -> None:
    told = json.loads(bare(BARE, str(SRC)).stdout)
    assert told["code"] == "voice.embedded-missing"
    assert told["fix"] == "Install them with: pip install 'jackfield[voice]'"
    assert told["missing"] == list(PACKAGES.values()) == ["espeakng-loader", "pocketsphinx", "soundfile", "lameenc"]
    assert all(name in told["message"] for name in PACKAGES.values())


def test_with_its_packages_nothing_is_missing() -> None:
    assert missing_packages() == ()


def test_the_service_itself_tells_when_its_package_is_missing() -> None:
    orders = {"port": 0, "token": "", "parent": os.getpid(), "limits": {}}
    code = "import sys; sys.path.insert(0, sys.argv[1]); from jackfield.voice.engines.service import main; main()"
    command = [sys.executable, "-I", "-S", "-c", code, str(SRC), "--fd", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        service.stdin.write(json.dumps(orders) + "\n")
        service.stdin.flush()
        told = service.stdout.read()
    assert json.loads(told) == {"ready": False, "reason": "missing", "message": "No module named 'espeakng_loader'"}


@pytest.mark.parametrize("missing", ["pocketsphinx", "soundfile", "numpy", "lameenc"])
def test_a_package_that_only_a_part_needs_takes_only_that_part_away(missing: str, tmp_path: Path) -> None:
    for place in {Path(each) for each in sys.path if each.endswith("site-packages")}:
        for entry in place.iterdir():
            if entry.name.partition(".")[0] not in {missing, "jackfield", "_virtualenv"} and entry.suffix != ".pth":
                link = tmp_path / entry.name
                if not link.exists():
                    link.symlink_to(entry)
    code = """
import asyncio, json, sys
sys.path[:0] = sys.argv[1:]
from jackfield.voice.engines.launcher import EmbeddedSpeech
import http.client

async def main():
    async with EmbeddedSpeech(start_s=60) as service:
        host = service.base_url.split("/")[2]
        def ask(method, path, body=None, **headers):
            connection = http.client.HTTPConnection(host)
            connection.request(method, path, body, {"Authorization": "Bearer " + service.token, **headers})
            response = connection.getresponse()
            data = response.read()
            connection.close()
            return response.status, data
        kind = {"Content-Type": "application/json"}
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        say = lambda name: json.dumps({"input": "Hello.", "response_format": name})
        told = {name: ask("POST", "/v1/audio/speech", say(name), **kind)[0] for name in ("wav", "pcm", "flac", "mp3")}
        told["health"] = json.loads(ask("GET", "/health")[1])
        told["hear"] = ask("POST", "/v1/audio/transcriptions", "x", **form)[0]
        print(json.dumps(told))

asyncio.run(main())
"""
    told = json.loads(bare(code, str(SRC), str(tmp_path)).stdout)
    without = {"pocketsphinx": [], "soundfile": ["flac"], "numpy": ["pcm", "flac"], "lameenc": ["mp3"]}[missing]
    assert {name for name in ("wav", "pcm", "flac", "mp3") if told[name] == 501} == set(without)
    assert told["wav"] == 200
    hears = missing == "lameenc"
    assert told["hear"] == (400 if hears else 501)
    assert told["health"]["status"] == ("ready" if hears else "degraded")
    if not hears:
        assert missing in told["health"]["transcription"]["reason"]
        assert "pip install" in told["health"]["transcription"]["fix"]
