"""The command line under test: in this process, as a process of its own, and in a terminal; and a model server."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jackfield.app import App
from jackfield.cli import main
from support.servers import Connection, Handler, HttpServer, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pexpect
    import pytest

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
# Characters that base64, URL-encoding and JSON each write differently, so that every form of a leak is its own text.
RIGHT_KEY = "sk-canary/Zq7+Xk2Lw9=Pd4Rt6Uv8"
WRONG_KEY = "sk-wrong/Mn3+Bv5Cx1=Ya0Ws9Ed7"

_KEPT = ("COVERAGE_", "PYTEST_", "PATH", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error on standard output."""
        document = self.json
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        return error

    @property
    def code(self) -> str:
        """The error's stable code."""
        return str(self.error["code"])


@dataclass
class Cli:
    """One user's home and environment, and the program run in it.

    Args:
        folder: an empty folder; everything is written below it.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
        own = {
            "HOME": str(self.folder / "user"),
            "JACKFIELD_HOME": str(self.home),
            "JACKFIELD_MASTER_KEY": MASTER_KEY,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONUTF8": "1",
            "PYTHONWARNINGS": "error",
            "COLUMNS": "120",
        }
        self.env = {**kept, **own, **self.env}

    @property
    def home(self) -> Path:
        """What JACKFIELD_HOME names."""
        return self.folder / "home"

    @property
    def config_file(self) -> Path:
        """The config file; it need not exist."""
        return self.home / "config.json5"

    @property
    def store_file(self) -> Path:
        """The credential store; it need not exist."""
        return self.home / "credentials.sqlite3"

    def write_config(self, text: str) -> None:
        """Write the config file as it is, byte for byte."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.config_file.write_bytes(text.encode())

    def config_text(self) -> str:
        """Return the config file, byte for byte."""
        return self.config_file.read_bytes().decode()

    def files(self) -> dict[str, bytes]:
        """Return every file of the home but locks, by its path in it."""
        every = sorted(each for each in self.home.rglob("*") if each.is_file() and each.suffix != ".lock")
        return {str(each.relative_to(self.home)): each.read_bytes() for each in every}

    def app(self) -> App:
        """Return an App in this environment, to be closed by the caller."""
        return App(env=self.env)

    def secret(self, profile_id: str) -> str | None:
        """Return what the store holds under `profile_id`, as the program sees it."""
        with self.app() as app:
            profile = app.store.get(profile_id)
        if profile is None:
            return None
        fields = profile.credential.to_secret_dict()
        return str(next(fields[name] for name in ("key", "token", "access") if name in fields))

    def profile_ids(self) -> list[str]:
        """Return the ids of the stored profiles."""
        with self.app() as app:
            return [each.id for each in app.store.profiles()]

    def run(self, *args: str, stdin: bytes | str = b"", env: Mapping[str, str] | None = None) -> Result:
        """Run `python -m jackfield` as a process of its own."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            self.command(*args), input=data, env={**self.env, **(env or {})}, capture_output=True, timeout=60
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *args: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start `python -m jackfield` and go on; its streams are pipes unless `options` say otherwise."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(*args), env=self.env, **{**pipes, **options})

    def command(self, *args: str) -> list[str]:
        """Return the command that runs the program."""
        return [sys.executable, "-m", "jackfield", *args]

    @contextlib.contextmanager
    def terminal(
        self, *args: str, rows: int = 40, columns: int = 100, env: Mapping[str, str] | None = None
    ) -> Iterator[pexpect.spawn[str]]:
        """Run the program in a pseudo-terminal; what came is in `logfile_read`."""
        import pexpect

        # The size is the terminal's own here; and nothing in it answers when it is asked where its cursor is.
        own = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        surroundings: Any = {**{name: value for name, value in self.env.items() if name != "COLUMNS"}, **own}
        command, *rest = self.command(*args)
        with pexpect.spawn(
            command, rest, env={**surroundings, **(env or {})}, dimensions=(rows, columns), timeout=20, encoding="utf-8"
        ) as child:
            child.logfile_read = io.StringIO()
            yield child


class InProcess(Cli):
    """The same without a new process: `call` runs the real `main` under the environment."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **env: str
    ) -> None:
        super().__init__(folder, dict(env))
        self._patch = monkeypatch
        self._capture = capsys

    def call(self, *args: str, stdin: bytes | str = b"", env: Mapping[str, str] | None = None) -> Result:
        """Run the command line here and return what it printed."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        wanted = {**self.env, **(env or {})}
        with self._patch.context() as patch:
            for name in set(os.environ) - set(wanted) - {"PYTEST_CURRENT_TEST"}:
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
            self._capture.readouterr()
            status = main(args)
        captured = self._capture.readouterr()
        return Result(status, captured.out, captured.err)


def model_api(*right: str, status: int = 401) -> Handler:
    """Return a handler that lists models for the `right` keys and refuses others, repeating the key it was sent.

    Args:
        right: the keys it takes; without any it answers everybody.
        status: what it refuses with.
    """

    async def handle(request: Request, connection: Connection) -> None:
        sent = sent_key(request)
        kind = {"Content-Type": "application/json"}
        if not request.path.endswith(("/models", "/api/version")):
            await connection.reply(404, b'{"error": {"message": "Not here"}}', kind)
        elif right and sent not in right:
            told = {"error": {"message": f"Incorrect API key provided: {sent}. Ask for another one."}}
            await connection.reply(status, json.dumps(told).encode(), kind)
        else:
            await connection.reply(200, b'{"object": "list", "data": [{"id": "acme-1"}]}', kind)

    return handle


def model_server(*right: str, status: int = 401) -> HttpServer:
    """Return a server with `model_api`; use it as a context manager, with `/v1` as base path."""
    return HttpServer(model_api(*right, status=status))


def sent_key(request: Request) -> str | None:
    """Return the key that a request carries, whatever the header."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or request.headers.get("x-api-key") or request.headers.get("x-goog-api-key")


def leaks(data: bytes | str, secret: str) -> list[str]:
    """Return the forms in which `secret` stands in `data`: plain, base64 at any offset, URL-encoded, hex, JSON."""
    haystack = data.encode() if isinstance(data, str) else data
    forms = {
        "plain": secret.encode(),
        "hex": secret.encode().hex().encode(),
        "url": quote(secret, safe="").encode(),
        "json": json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        "tail": secret[-12:].encode(),
    }
    for offset in range(3):
        # The characters at both ends depend on what stands before and after; those between do not.
        coded = base64.b64encode(b"\0" * offset + secret.encode())
        forms[f"base64+{offset}"] = coded[4:-4]
        forms[f"base64url+{offset}"] = coded[4:-4].replace(b"+", b"-").replace(b"/", b"_")
    return [name for name, form in forms.items() if form in haystack]
