"""Child processes: what they see, how much they may take, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from jackfield.process import MARKER, Child, ChildLimits, Exit, allowed_environment, child, family

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from pathlib import Path

T = TypeVar("T")

LINUX = sys.platform == "linux"
on_linux = pytest.mark.skipif(not LINUX, reason="only Linux can limit or look into another process")
ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

# Before the code of every child: `tell` writes a line on the pipe, when there is one.
PRELUDE = """
import os, signal, sys, time
FD = int(sys.argv[1])
def tell(value): os.write(FD, f"{value}\\n".encode())
def forever():
    while True: signal.pause()
"""


def python(code: str) -> Callable[[int], Sequence[str]]:
    """Return the command of a child that runs `code`."""
    return lambda fd: [sys.executable, "-S", "-E", "-c", PRELUDE + code, str(fd)]


def started(code: str, limits: ChildLimits | None = None, **changes: Any) -> Child:
    return Child.start(python(code), **{"env": ENV, "cwd": "/", "limits": limits, **changes})


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; nothing here may take longer than this."""
    return asyncio.run(asyncio.wait_for(main, 20))


def watched(code: str, use: Callable[[Child], Awaitable[T]], limits: ChildLimits | None = None, **changes: Any) -> T:
    """Start a child, use it, and end it."""

    async def main() -> T:
        async with started(code, limits, **changes) as one:
            return await use(one)

    return run(main())


async def told(one: Child) -> str:
    return (await one.read_line()).decode().rstrip("\n")


def lives(pid: int) -> bool:
    """Tell whether a process is there and not merely waiting to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))  # noqa: PTH208 - names, not paths


# --- the environment -------------------------------------------------------------------------------------------------

ALLOWED = [
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_CONFIG_HOME"),
    *("XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CLIENT", "SSH_TTY", "SSH_CONNECTION", "REMOTE_CONTAINERS"),
    *("CODESPACES", "WSL_DISTRO_NAME", "WSL_INTEROP", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
]
WITHHELD = [
    *("NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH"),
    *("DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "OPENAI_API_KEY", "ANTHROPIC_OAUTH_TOKEN", "AWS_SECRET_ACCESS_KEY"),
    *("GITHUB_TOKEN", "JACKFIELD_CONFIG", "JACKFIELD_CHILD", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "path"),
    *("MY_LC_ALL", "NODE_USE_ENV_PROXY", "NODE_TLS_REJECT_UNAUTHORIZED", "EDITOR", "PATHS", ""),
]


@pytest.mark.parametrize("name", ALLOWED)
def test_a_variable_that_says_where_things_are_is_passed_on(name: str) -> None:
    assert allowed_environment({name: "value"})[name] == "value"


@pytest.mark.parametrize("name", WITHHELD)
def test_a_variable_that_holds_a_secret_or_loads_code_is_not_passed_on(name: str) -> None:
    assert allowed_environment({name: "value"}) == {}


@pytest.mark.parametrize(
    ("env", "on"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:3128"}, True),
        ({"http_proxy": "http://127.0.0.1:3128"}, True),
        ({"all_proxy": "socks5://127.0.0.1:1080"}, True),
        ({"NO_PROXY": "*"}, False),
        ({"HTTPS_PROXY": ""}, False),
        ({"HTTPS_PROXY": "  "}, False),
        ({}, False),
    ],
)
def test_node_is_told_to_use_the_proxy_when_there_is_one(env: dict[str, str], on: bool) -> None:
    assert allowed_environment(env) == env | ({"NODE_USE_ENV_PROXY": "1"} if on else {})


def test_further_variables_are_passed_on_when_they_are_named() -> None:
    env = {"PIPER_HOME": "/opt/piper", "PIPER_KEY": "value"}
    assert allowed_environment(env, ["PIPER_HOME", "PIPER_ABSENT"]) == {"PIPER_HOME": "/opt/piper"}


def test_the_environment_given_is_not_changed() -> None:
    env = {"HTTP_PROXY": "http://127.0.0.1:1", "GITHUB_TOKEN": "value"}
    allowed_environment(env)
    assert env == {"HTTP_PROXY": "http://127.0.0.1:1", "GITHUB_TOKEN": "value"}


# --- what a child sees -----------------------------------------------------------------------------------------------


def test_a_child_has_the_environment_given_and_the_marker_and_nothing_else() -> None:
    names = watched("tell(' '.join(sorted(os.environ)))", told)
    assert set(names.split()) - {"__CF_USER_TEXT_ENCODING"} == {*ENV, MARKER}


def test_two_children_have_different_markers() -> None:
    code = f"tell(os.environ[{MARKER!r}])"
    first, second = watched(code, told), watched(code, told)
    assert len(first) == 32
    assert first != second


def test_a_child_starts_in_the_folder_given(tmp_path: Path) -> None:
    assert watched("tell(os.getcwd())", told, cwd=str(tmp_path)) == os.path.realpath(tmp_path)


def test_a_child_leads_a_session_and_a_group_of_its_own() -> None:
    async def use(one: Child) -> None:
        assert await told(one) == f"{one.pid} {one.pid}"

    watched("tell(f'{os.getsid(0)} {os.getpgid(0)}')", use)


def test_a_child_has_no_terminal() -> None:
    code = """
try: os.open('/dev/tty', os.O_RDWR)
except OSError: tell('none')
"""
    assert watched(code, told) == "none"


@on_linux
def test_a_child_has_its_streams_and_its_pipe_open_and_nothing_of_the_parent(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        code = "tell(sorted(fd for fd in range(1024) if os.path.exists(f'/proc/self/fd/{fd}')) == [0, 1, 2, FD])"
        assert watched(code, told) == "True"


def test_a_command_without_a_pipe_gets_none_and_its_lines_are_at_their_end() -> None:
    async def main() -> tuple[bytes, Exit, bytes]:
        command = [sys.executable, "-S", "-E", "-c", "print('hello')"]
        async with Child.start(command, env=ENV, cwd="/") as one:
            return await one.read_line(), await one.wait(), one.output

    assert run(main()) == (b"", Exit(0), b"hello\n")


def test_a_program_is_looked_up_in_the_path_of_the_child(tmp_path: Path) -> None:
    program = tmp_path / "jackfield-probe"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)

    async def main() -> bytes:
        async with Child.start(["jackfield-probe"], env={"PATH": str(tmp_path)}, cwd="/") as one:
            await one.wait()
            return one.output

    assert run(main()) == b"found\n"


@pytest.mark.parametrize(
    ("words", "changes", "error"),
    [
        (["/nowhere/program"], {}, FileNotFoundError),
        ([__file__], {}, PermissionError),
        ([sys.executable], {"cwd": "/nowhere"}, FileNotFoundError),
        ([sys.executable, "a\0b"], {}, ValueError),
        ([sys.executable], {"env": {"A": "a\0b"}}, ValueError),
    ],
    ids=["no program", "not a program", "no folder", "null in an argument", "null in a variable"],
)
def test_what_cannot_be_started_is_the_systems_error_and_leaves_nothing_open(
    words: list[str], changes: dict[str, Any], error: type[Exception]
) -> None:
    async def main() -> None:
        before = descriptors()
        with pytest.raises(error):
            Child.start(lambda fd: [*words, str(fd)], **{"env": ENV, "cwd": "/", **changes})
        assert descriptors() == before

    run(main())


def test_a_child_needs_an_event_loop_and_is_not_started_without() -> None:
    asked: list[int] = []

    def command(fd: int) -> list[str]:
        asked.append(fd)
        return ["true"]

    with pytest.raises(RuntimeError, match="no running event loop"):
        Child.start(command, env=ENV, cwd="/")
    assert asked == []


def test_a_failure_between_the_start_and_the_first_use_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def refuse(pid: int, limits: ChildLimits) -> None:
        begun.append(pid)
        raise PermissionError

    monkeypatch.setattr(child, "_restrict", refuse)

    async def main() -> None:
        before = descriptors()
        with pytest.raises(PermissionError):
            started("forever()")
        assert descriptors() == before

    run(main())
    assert not lives(begun[0])


def test_a_program_whose_own_streams_are_closed_can_have_children(tmp_path: Path) -> None:
    script = """
import asyncio, os, sys
from jackfield.process import Child
async def main():
    code = "import os, sys; os.write(int(sys.argv[1]), sys.stdin.buffer.readline()); print('printed')"
    command = lambda fd: [sys.executable, "-S", "-E", "-c", code, str(fd)]
    async with Child.start(command, env={}, cwd="/") as one:
        one.write(b"through\\n")
        line = await one.read_line()
        await one.wait()
        with open(sys.argv[1], "wb") as file:
            file.write(line + one.output)
for descriptor in range(3):
    os.close(descriptor)
asyncio.run(main())
"""
    target = tmp_path / "result"
    done = subprocess.run([sys.executable, "-c", script, str(target)], env=dict(os.environ), timeout=20)
    assert done.returncode == 0
    assert target.read_bytes() == b"through\nprinted\n"


# --- how a child ends ------------------------------------------------------------------------------------------------

EXITS = [
    ("pass", 0, "ended with status 0", None),
    ("sys.exit(3)", 3, "ended with status 3", None),
    ("os._exit(255)", 255, "ended with status 255", None),
    ("os.kill(os.getpid(), signal.SIGKILL)", -9, "was ended by SIGKILL", "SIGKILL"),
    ("os.abort()", -6, "was ended by SIGABRT", "SIGABRT"),
    ("os.kill(os.getpid(), signal.SIGTERM)", -15, "was ended by SIGTERM", "SIGTERM"),
]


@pytest.mark.parametrize(("code", "status", "words", "name"), EXITS)
def test_the_end_of_a_child_is_told_as_status_or_signal(code: str, status: int, words: str, name: str | None) -> None:
    async def use(one: Child) -> Exit:
        assert one.exit is None
        ended = await one.wait()
        assert one.exit == ended
        return ended

    ended = watched(code, use)
    assert (ended.status, str(ended), ended.signal_name) == (status, words, name)


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert str(Exit(-200)) == "was ended by signal 200"


def test_a_child_that_was_killed_is_told_so() -> None:
    async def main() -> Exit:
        one = started("forever()")
        await one.end()
        return await one.wait()

    assert run(main()) == Exit(-signal.SIGKILL)


def test_two_tasks_can_wait_for_one_end() -> None:
    async def use(one: Child) -> list[Exit]:
        return [*await asyncio.gather(one.wait(), one.wait())]

    assert watched("sys.exit(4)", use) == [Exit(4), Exit(4)]


# --- output ----------------------------------------------------------------------------------------------------------


async def output_of(one: Child) -> bytes:
    await one.wait()
    return one.output


def test_output_and_errors_are_kept_in_the_order_written() -> None:
    code = "os.write(1, b'a'); os.write(2, b'b'); os.write(1, b'c')"
    assert watched(code, output_of) == b"abc"


@pytest.mark.parametrize(
    ("kept", "expected"), [(0, b""), (1, b"9"), (4, b"6789"), (10, b"0123456789"), (11, b"0123456789")]
)
def test_only_the_end_of_the_output_is_kept(kept: int, expected: bytes) -> None:
    assert watched("os.write(1, b'0123456789')", output_of, ChildLimits(kept_bytes=kept)) == expected


def test_a_child_that_prints_more_than_is_kept_does_not_wait_for_a_reader() -> None:
    code = "for i in range(32): os.write(1, bytes([65 + i]) * 65536)\ntell('done')"
    limits = ChildLimits(kept_bytes=1000)

    async def use(one: Child) -> tuple[str, bytes]:
        return await told(one), await output_of(one)

    assert watched(code, use, limits) == ("done", b"`" * 1000)


@pytest.mark.parametrize(("size", "flood"), [(100_000, None), (100_001, "output")])
def test_output_up_to_the_limit_is_taken_and_one_byte_more_ends_the_child(size: int, flood: str | None) -> None:
    async def waited(one: Child) -> tuple[str | None, bool]:
        ended = await one.wait()
        return one.flood, ended.status in {0, -signal.SIGKILL}

    assert watched(f"os.write(1, b'x' * {size})", waited, ChildLimits(output_bytes=100_000)) == (flood, True)


def test_a_child_that_prints_without_end_is_ended() -> None:
    async def use(one: Child) -> tuple[Exit, str | None]:
        return await one.wait(), one.flood

    ended = watched("while True: os.write(2, b'x' * 65536)", use, ChildLimits(output_bytes=1_000_000))
    assert ended == (Exit(-signal.SIGKILL), "output")


# --- input -----------------------------------------------------------------------------------------------------------


def test_what_is_written_arrives_in_order() -> None:
    async def use(one: Child) -> list[str]:
        one.write(b"one\n")
        one.write(b"two\n")
        one.close_input()
        return [await told(one), await told(one), await told(one)]

    code = "for line in sys.stdin: tell(line.strip())\ntell('end')"
    assert watched(code, use) == ["one", "two", "end"]


def test_sending_to_a_child_that_does_not_read_blocks_nobody_and_is_delivered_when_it_reads() -> None:
    data = bytes(range(256)) * 16_384  # 4 MiB, many times what a pipe holds

    async def use(one: Child) -> tuple[str, str]:
        await told(one)
        one.write(data)
        one.close_input()
        one.write(b"too late")
        os.kill(one.pid, signal.SIGUSR1)
        return await told(one), await told(one)

    code = """
import hashlib
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
tell('ready')
signal.sigwait([signal.SIGUSR1])
data = sys.stdin.buffer.read()
tell(len(data)); tell(hashlib.sha256(data).hexdigest())
"""
    import hashlib

    assert watched(code, use) == (str(len(data)), hashlib.sha256(data).hexdigest())


def test_a_child_that_leaves_too_much_unread_is_ended() -> None:
    async def use(one: Child) -> tuple[Exit, str | None]:
        for _ in range(18):
            one.write(b"x" * 1024 * 1024)
        return await one.wait(), one.flood

    assert watched("forever()", use) == (Exit(-signal.SIGKILL), "input")


@pytest.mark.parametrize("code", ["os.close(0); tell('x'); forever()", "tell('x')"], ids=["closed", "ended"])
def test_sending_where_nobody_reads_is_no_error(code: str) -> None:
    async def use(one: Child) -> str | None:
        assert await told(one) == "x"
        for _ in range(3):
            one.write(b"x" * 100_000)
            await asyncio.sleep(0)
        one.close_input()
        one.close_input()
        return one.flood

    assert watched(code, use) is None


# --- lines -----------------------------------------------------------------------------------------------------------


async def all_lines(one: Child) -> list[bytes]:
    lines = [await one.read_line()]
    while lines[-1]:
        lines.append(await one.read_line())
    return lines[:-1]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("pass", []),
        ("os.write(FD, b'\\n')", [b"\n"]),
        ("os.write(FD, b'a\\nb\\nc\\n')", [b"a\n", b"b\n", b"c\n"]),
        ("for byte in b'ab\\ncd\\n': os.write(FD, bytes([byte]))", [b"ab\n", b"cd\n"]),
        ("os.write(FD, b'a\\nhalf')", [b"a\n", b"half"]),
        ("os.write(FD, b'\\xff\\x00\\n')", [b"\xff\x00\n"]),
        ("os.write(FD, b'a\\r\\n')", [b"a\r\n"]),
        ("os.write(FD, b'a\\n'); os._exit(9)", [b"a\n"]),
        ("os.write(FD, b'a\\n'); os.close(FD); forever()", [b"a\n"]),
    ],
)
def test_what_a_child_sends_is_cut_into_lines(code: str, lines: list[bytes]) -> None:
    assert watched(code, all_lines) == lines


def test_ten_thousand_lines_arrive_each_once_and_in_order() -> None:
    lines = watched("for i in range(10_000): tell(i)", all_lines)
    assert lines == [f"{i}\n".encode() for i in range(10_000)]


@pytest.mark.parametrize(
    ("code", "lines", "flood"),
    [
        ("os.write(FD, b'x' * 999 + b'\\n')", [1000], None),
        ("os.write(FD, b'x' * 1000 + b'\\n')", [], "line"),
        ("os.write(FD, b'a\\n' + b'x' * 1000 + b'\\n')", [2], "line"),
        ("os.write(FD, b'x' * 1000)", [1000], None),
        ("os.write(FD, b'x' * 1001)", [], "line"),
        ("while True: os.write(FD, b'x' * 65536)", [], "line"),
    ],
)
def test_a_line_up_to_the_limit_is_taken_and_a_longer_one_ends_the_child(
    code: str, lines: list[int], flood: str | None
) -> None:
    async def use(one: Child) -> tuple[list[int], str | None]:
        return [len(each) for each in await all_lines(one)], one.flood

    assert watched(code, use, ChildLimits(line_bytes=1000)) == (lines, flood)


def test_a_child_that_sends_faster_than_is_read_waits_and_fills_no_memory() -> None:
    async def use(one: Child) -> tuple[int, bool]:
        await one.read_line()
        most = 0
        for _ in range(300):
            await one.read_line()
            most = max(most, len(one._lines._buffer))
            await asyncio.sleep(0)
        return most, one.flood is None

    most, well = watched("while True: os.write(FD, b'x' * 999 + b'\\n')", use, ChildLimits(line_bytes=1000))
    assert well
    assert most <= 1000 + 64 * 1024


def test_the_lines_of_a_child_that_has_ended_are_read_although_another_process_holds_the_pipe() -> None:
    code = "tell('first')\nif os.fork() == 0: forever()\ntell('last')"
    assert watched(code, all_lines) == [b"first\n", b"last\n"]


def test_what_was_received_before_the_end_can_be_read_after_it() -> None:
    async def main() -> list[bytes]:
        one = started("tell('a'); tell('b'); tell('c')")
        await one.wait()
        await one.end()
        return await all_lines(one)

    assert run(main()) == [b"a\n", b"b\n", b"c\n"]


def test_a_reader_that_waits_is_woken_by_the_end() -> None:
    async def main() -> bytes:
        one = started("forever()")
        reading = asyncio.ensure_future(one.read_line())
        await asyncio.sleep(0)
        await one.end()
        return await reading

    assert run(main()) == b""


# --- limits ----------------------------------------------------------------------------------------------------------


@on_linux
def test_a_child_has_the_limits_given_and_writes_no_core_file() -> None:
    code = """
import resource
sys.stdin.readline()
for name in ('CORE', 'DATA', 'NOFILE', 'CPU'): tell(resource.getrlimit(getattr(resource, 'RLIMIT_' + name)))
"""

    async def use(one: Child) -> list[str]:
        one.write(b"\n")
        return [await told(one) for _ in range(4)]

    limits = ChildLimits(memory_bytes=500_000_000, cpu_s=7, open_files=64)
    assert watched(code, use, limits) == ["(0, 0)", "(500000000, 500000000)", "(64, 64)", "(7, 8)"]


@on_linux
def test_a_child_without_limits_keeps_those_of_the_system() -> None:
    import resource

    names = ("DATA", "NOFILE", "CPU")
    code = f"""
import resource
sys.stdin.readline()
for name in {names}: tell(resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[1])
"""

    async def use(one: Child) -> list[str]:
        one.write(b"\n")
        return [await told(one) for _ in names]

    limits = ChildLimits(memory_bytes=None, cpu_s=None, open_files=None)
    ours = [str(resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]) for name in names]
    assert watched(code, use, limits) == ours


@on_linux
def test_a_child_cannot_have_more_memory_than_its_limit() -> None:
    code = """
sys.stdin.readline()
bytearray(50_000_000); tell('some')
try: bytearray(200_000_000)
except MemoryError: tell('no more')
"""

    async def use(one: Child) -> list[str]:
        one.write(b"\n")
        return [await told(one), await told(one)]

    assert watched(code, use, ChildLimits(memory_bytes=150_000_000)) == ["some", "no more"]


@pytest.mark.parametrize(
    ("limit", "ceiling", "result"),
    [(None, -1, -1), (None, 5, 5), (-1, 5, 5), (7, -1, 7), (7, 5, 5), (3, 5, 3), (0, 5, 0), (0, -1, 0)],
)
def test_a_limit_is_never_raised_above_the_one_there_is(limit: int | None, ceiling: int, result: int) -> None:
    assert child._lower(limit, ceiling) == result


# --- nothing is left -------------------------------------------------------------------------------------------------

DETACH = """
def detached(*, session, twice, clean):
    reader, writer = os.pipe()
    if os.fork() == 0:
        if session: os.setsid()
        if twice and os.fork(): os._exit(0)
        if clean:
            code = "import os, signal, sys; os.write(int(sys.argv[1]), f'{os.getpid()}\\\\n'.encode()); signal.pause()"
            os.set_inheritable(FD, True)
            os.execve(sys.executable, [sys.executable, '-S', '-E', '-c', code, str(FD)], {})
        tell(os.getpid())
        forever()
    if twice: os.wait()
"""

LEFT_BEHIND = {
    "a child of it": "detached(session=False, twice=False, clean=False)",
    "one with another session": "detached(session=True, twice=False, clean=False)",
    "one that lost its parent": "detached(session=False, twice=True, clean=False)",
    "one that lost its parent and has another session": "detached(session=True, twice=True, clean=False)",
    "one with another environment": "detached(session=False, twice=False, clean=True)",
    "one with another environment and session": "detached(session=True, twice=False, clean=True)",
    "one with another environment that lost its parent": "detached(session=False, twice=True, clean=True)",
    "one with nothing of its parent": "detached(session=True, twice=True, clean=True)",
}
STUBBORN = {
    "nothing more": "",
    "it ignores what asks it to end": """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGCONT):
    signal.signal(number, signal.SIG_IGN)
""",
    "it has stopped itself": "os.kill(os.getpid(), signal.SIGSTOP)",
}
# Without marks a process that lost its parent and its session both cannot be told apart from others.
MARKED_ONLY = ("one that lost its parent and has another session", "one with nothing of its parent")


@pytest.mark.parametrize("left", LEFT_BEHIND)
@pytest.mark.parametrize("grace", [0.0, 5.0])
def test_what_a_child_started_is_ended_with_it(left: str, grace: float) -> None:
    if left in MARKED_ONLY and not LINUX:
        pytest.skip("other systems do not show a process's environment or limits")

    async def main() -> tuple[int, int]:
        one = started(DETACH + LEFT_BEHIND[left] + "\nsys.stdin.read()")
        other = int(await told(one))
        await one.end(grace)
        return one.pid, other

    pids = run(main())
    assert [lives(pid) for pid in pids] == [False, False]


@pytest.mark.parametrize("how", STUBBORN)
def test_a_child_that_does_not_want_to_end_is_ended(how: str) -> None:
    async def main() -> tuple[int, Exit | None]:
        one = started("tell('x')\n" + STUBBORN[how] + "\nforever()")
        await told(one)
        await one.end(0.05)
        return one.pid, one.exit

    pid, ended = run(main())
    assert ended == Exit(-signal.SIGKILL)
    assert not lives(pid)


@on_linux
@pytest.mark.parametrize("left", [*[*LEFT_BEHIND][:5], MARKED_ONLY[1]])
def test_what_outlives_a_child_that_ended_by_itself_is_ended_too(left: str) -> None:
    async def main() -> int:
        one = started(DETACH + LEFT_BEHIND[left] + "\nsys.stdin.read()")
        other = int(await told(one))
        one.close_input()
        assert await one.wait() == Exit(0)
        await one.end()
        return other

    # One with another environment keeps the session.
    assert not lives(run(main()))


@on_linux
@pytest.mark.parametrize("life", [0.05, 0.005])
def test_processes_that_start_another_and_end_again_and_again_are_all_ended(tmp_path: Path, life: float) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    code = f"""
holder = os.open({str(held)!r}, os.O_WRONLY)
def chain():
    while True:
        if os.fork():
            time.sleep({life})
            os._exit(0)
        os.setsid()
for _ in range(3):
    if os.fork() == 0: chain()
tell('begun')
forever()
"""

    async def main() -> None:
        one = started(code)
        await told(one)
        await one.end()

    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        run(main())
        # Each of them holds the other end: nothing is there to be read before the last one has gone.
        assert select.select([reader], [], [], 5)[0] == [reader]
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_a_child_that_ends_when_its_input_does_is_given_the_time() -> None:
    async def main() -> Exit | None:
        one = started("tell('x'); sys.stdin.read(); sys.exit(5)")
        await told(one)
        await one.end(10)
        return one.exit

    assert run(main()) == Exit(5)


def test_without_grace_a_child_is_killed_at_once() -> None:
    async def main() -> Exit | None:
        one = started("tell('x'); sys.stdin.read(); sys.exit(5)")
        await told(one)
        await one.end()
        return one.exit

    assert run(main()) == Exit(-signal.SIGKILL)


@pytest.mark.parametrize("code", ["forever()", "pass", DETACH + LEFT_BEHIND["a child of it"] + "\nforever()"])
def test_ending_leaves_no_descriptor_and_may_be_repeated(code: str) -> None:
    async def main() -> None:
        before = descriptors()
        one = started("tell('x')\n" + code)
        await told(one)
        await asyncio.gather(one.end(), one.end(0.01))
        await one.end()
        await one.end(1)
        one.write(b"x")
        one.close_input()
        assert descriptors() == before
        assert await one.wait() == one.exit

    run(main())


def test_a_child_is_ended_when_its_user_is_cancelled() -> None:
    pids: list[int] = []

    async def use(entered: asyncio.Event) -> None:
        async with started("tell('x'); forever()") as one:
            pids.append(one.pid)
            entered.set()
            await one.wait()

    async def main() -> None:
        entered = asyncio.Event()
        using = asyncio.ensure_future(use(entered))
        await entered.wait()
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using

    run(main())
    assert not lives(pids[0])


def test_a_child_is_ended_when_its_end_is_cancelled() -> None:
    async def main() -> tuple[int, Exit | None, set[str], set[str]]:
        before = descriptors()
        one = started("tell('x'); sys.stdin.read(); forever()")
        await told(one)
        ending = asyncio.ensure_future(one.end(60))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        return one.pid, one.exit, before, descriptors()

    pid, ended, before, after = run(main())
    assert ended == Exit(-signal.SIGKILL)
    assert not lives(pid)
    assert after == before


def test_ctrl_c_in_the_middle_of_ending_still_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    kill = family.Family.kill
    pressed: list[bool] = []

    def interrupted(self: family.Family, *, root_is_ours: bool) -> None:
        if not pressed:
            pressed.append(True)
            raise KeyboardInterrupt
        kill(self, root_is_ours=root_is_ours)

    monkeypatch.setattr(family.Family, "kill", interrupted)

    async def main() -> int:
        one = started("tell('x'); forever()")
        await told(one)
        with pytest.raises(KeyboardInterrupt):
            await one.end()
        return one.pid

    assert not lives(run(main()))


def test_a_program_that_is_interrupted_leaves_no_child(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from jackfield.process import Child
async def main():
    code = "import os, signal, sys; os.write(int(sys.argv[1]), b'x\\\\n'); signal.pause()"
    async with Child.start(lambda fd: [sys.executable, "-S", "-E", "-c", code, str(fd)], env={}, cwd="/") as one:
        await one.read_line()
        print(one.pid, flush=True)
        await one.wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        assert lives(pid)
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)
    assert not lives(pid)


# --- other systems ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["no pidfd", "no waitid", "ps"])
def lesser_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take away what only Linux has, one thing after the other."""
    elsewhere = SimpleNamespace(platform="darwin")
    if request.param == "no pidfd":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        monkeypatch.setattr(family, "pidfd", lambda pid: None)
        monkeypatch.setattr(child, "pidfd", lambda pid: None)
    if request.param in {"no waitid", "ps"}:
        monkeypatch.delattr(os, "waitid", raising=False)
    if request.param == "ps":
        monkeypatch.setattr(family, "sys", elsewhere)
        monkeypatch.setattr(child, "sys", elsewhere)
    return str(request.param)


@pytest.mark.parametrize(("code", "status"), [("tell('x')", 0), ("tell('x'); sys.exit(3)", 3), ("os.abort()", -6)])
def test_the_end_of_a_child_is_seen_on_lesser_systems(lesser_system: str, code: str, status: int) -> None:
    async def use(one: Child) -> Exit:
        return await one.wait()

    assert watched(code, use) == Exit(status)


@pytest.mark.parametrize("left", ["a child of it", "one with another session", "one that lost its parent"])
def test_what_a_child_started_is_ended_with_it_on_lesser_systems(lesser_system: str, left: str) -> None:
    async def main() -> tuple[int, int]:
        before = descriptors()
        one = started(DETACH + LEFT_BEHIND[left] + "\nforever()")
        other = int(await told(one))
        await one.end()
        assert descriptors() == before
        return one.pid, other

    assert [lives(pid) for pid in run(main())] == [False, False]


def test_the_group_of_a_child_that_ended_by_itself_is_ended_on_lesser_systems(lesser_system: str) -> None:
    async def main() -> int:
        one = started(DETACH + LEFT_BEHIND["a child of it"] + "\nsys.stdin.read()")
        other = int(await told(one))
        one.close_input()
        await one.wait()
        await one.end()
        return other

    assert not lives(run(main()))


def test_children_are_ended_where_no_list_of_processes_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "_table", lambda: iter(()))

    async def main() -> tuple[int, int]:
        one = started(DETACH + LEFT_BEHIND["a child of it"] + "\nforever()")
        other = int(await told(one))
        await one.end()
        return one.pid, other

    pid, other = run(main())
    assert not lives(pid)
    until = time.monotonic() + 5
    while lives(other) and time.monotonic() < until:  # killed, and nobody could be asked whether it has gone
        pass
    assert not lives(other)


def test_a_program_that_ignores_the_end_of_its_children_can_have_them() -> None:
    script = """
import asyncio, signal, sys
from jackfield.process import Child
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
async def main():
    code = "import os, sys; os.write(int(sys.argv[1]), b'x\\\\n')"
    async with Child.start(lambda fd: [sys.executable, "-S", "-E", "-c", code, str(fd)], env={}, cwd="/") as one:
        print(await one.read_line(), await one.read_line(), (await one.wait()).status)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("b'x\\n' b'' 0\n", "")


def test_both_ways_to_list_processes_agree() -> None:
    if not LINUX:
        pytest.skip("there is only one elsewhere")
    ours = os.getpid()
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        listed = [{row.pid: row for row in table} for table in (family._table(), family._ps_table())]
        other.kill()
    for rows in listed:
        assert (rows[other.pid].parent, rows[other.pid].group, rows[other.pid].alive) == (ours, other.pid, True)
        assert rows[ours].group == os.getpgid(0)


@on_linux
@pytest.mark.parametrize(("last", "order"), [(50, [50, 7, 900, 60]), (1000, [900, 60, 50, 7]), (0, [900, 60, 50, 7])])
def test_the_youngest_processes_are_looked_at_first_also_after_the_numbers_began_anew(
    monkeypatch: pytest.MonkeyPatch, last: int, order: list[int]
) -> None:
    monkeypatch.setattr(os, "listdir", lambda _: ["self", "7", "900", "50", "60", "meminfo"])
    monkeypatch.setattr(family, "_last_pid", lambda: last)
    monkeypatch.setattr(family, "_row", lambda pid: family.Process(pid, 1, 1, 1, 1, True))
    assert [row.pid for row in family._table()] == order


@on_linux
def test_the_number_given_out_last_is_known() -> None:
    with subprocess.Popen(["true"]) as other:
        assert 0 < family._last_pid() <= 2**22
        assert other.wait() == 0


@on_linux
def test_a_process_that_took_over_a_number_is_not_hit() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        row = family._row(other.pid)
        assert row is not None
        family._send(row._replace(started=row.started + 1), signal.SIGKILL)
        assert not family._is_alive(row._replace(started=row.started + 1))
        assert family._is_alive(row)
        assert other.poll() is None
        family._send(row, signal.SIGKILL)
        assert other.wait() == -signal.SIGKILL


@on_linux
def test_a_process_whose_name_looks_like_a_row_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as other:
        row = family._row(other.pid)
        other.kill()
    assert row is not None
    assert (row.pid, row.parent) == (other.pid, os.getpid())


def test_signals_to_what_is_gone_or_anothers_are_passed_over() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    family._send(family.Process(gone.pid, 1, 1, 1, 0, True), signal.SIGTERM)
    with suppress(ProcessLookupError):
        os.kill(gone.pid, 0)
        pytest.fail("the number was given out again")


@on_linux
def test_a_child_is_marked_by_a_limit_that_nothing_reaches_and_no_other_child_has() -> None:
    import resource

    code = "import resource; tell(resource.getrlimit(resource.RLIMIT_RTTIME))\nsys.stdin.read()"

    async def main() -> list[tuple[int, int]]:
        # What it was given when it started is not yet there: it tells once it was written to.
        children = [started("sys.stdin.readline()\n" + code) for _ in range(2)]
        for each in children:
            each.write(b"\n")
        found = [await told(each) for each in children]
        for each in children:
            await each.end()
        return [tuple(map(int, each.strip("()").split(","))) for each in found]  # type: ignore[misc]

    marks = run(main())
    assert all(soft == hard >= 1 << 61 for soft, hard in marks)
    assert len(set(marks)) == 2
    assert resource.getrlimit(resource.RLIMIT_RTTIME)[1] == resource.RLIM_INFINITY


@on_linux
def test_ending_one_child_leaves_what_another_one_started() -> None:
    async def main() -> tuple[bool, bool]:
        one, two = (started(DETACH + LEFT_BEHIND[MARKED_ONLY[1]] + "\nsys.stdin.read()") for _ in range(2))
        first, second = int(await told(one)), int(await told(two))
        await one.end()
        before = (lives(first), lives(second))
        await two.end()
        assert not lives(second)
        return before

    assert run(main()) == (False, True)


@on_linux
def test_a_process_that_has_a_mark_already_keeps_it() -> None:
    async def main() -> None:
        async with started("tell('x'); sys.stdin.read()") as one:
            await told(one)
            mark = family._limit_of(one.pid)
            assert mark is not None
            assert mark >= 1 << 61
            assert family._mark(one.pid) is None
            assert family._limit_of(one.pid) == mark

    run(main())


def test_a_process_that_is_gone_gets_no_mark() -> None:
    gone = subprocess.Popen([sys.executable, "-S", "-E", "-c", ""])
    gone.wait()
    assert (family._limit_of(gone.pid), family._mark(gone.pid)) == (None, None)


@on_linux
@pytest.mark.parametrize("left", [*LEFT_BEHIND][:7])
def test_without_that_limit_the_other_ways_to_find_a_process_remain(monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    monkeypatch.setattr(family, "_mark", lambda _: None)
    test_what_a_child_started_is_ended_with_it(left, 0.0)
