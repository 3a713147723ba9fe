"""Plugins that throw, hang, exit, flood, lie and steal: the program goes on, and says who it was."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jackfield.app import App
from jackfield.auth.answers import AnswersPrompter
from jackfield.errors import JackfieldError
from jackfield.net import run_sync
from jackfield.onboarding import LoginRequest
from jackfield.plugins.session import Limits
from support.cli import Cli
from support.hostile_plugins import LOADS, LOGINS, Row, write
from support.plugins import install

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
# A machine that is busy starts a program late: only what hangs on purpose meets these.
DEADLINE_S = 3.0
LIMITS = Limits(
    start_s=30.0,
    load_s=DEADLINE_S,
    login_s=DEADLINE_S,
    call_s=DEADLINE_S,
    memory_bytes=1024 * MIB,
    output_bytes=4 * MIB,
)
GOOD = ("acme-portal-auth", "copilot-proxy")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    made = Cli(tmp_path)
    for name in GOOD:
        install(made, name)
    return made


def processes_of(cli: Cli) -> list[str]:
    """Return the command lines of processes that have anything of this test in their environment."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        if int(each.name) != os.getpid():
            try:
                own = str(cli.folder).encode() in (each / "environ").read_bytes()
                line = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, ProcessLookupError):
                continue
            if own or str(cli.folder) in line:
                found.append(line)
    return found


def state_of(pid: int) -> str:
    """Return a process's state; `X` when it is gone, `Z` when nobody has looked at its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def app_of(cli: Cli) -> App:
    app = App(env=cli.env)
    app.plugin_limits = LIMITS
    return app


def test_forty_hostile_plugins_are_loaded_at_once(cli: Cli) -> None:
    assert len(LOADS) >= 40
    for row in LOADS:
        write(cli.home / "plugins", row)
    began = time.monotonic()
    with app_of(cli) as app:
        owners: dict[str, set[str]] = {}
        for fault in (*app.plugin_diagnostics, *app.registry.diagnostics()):
            owners.setdefault(str(fault.owner), set()).add(fault.code)
        assert app.registry.resolve_provider("acme").id == "acme-portal"
        assert app.registry.resolve_provider("copilot-proxy").auth[0].supplied_by is None
        core = {each.provider.id for loaded in app.loaded_plugins for each in loaded.providers if each.provider}
        for name in ("openai", "anthropic", "qwen-portal"):
            assert app.registry.owner_of(name).name == "core"
        assert app.registry.resolve_provider("openai").env.any_of[0] == "OPENAI_API_KEY"
    took = time.monotonic() - began
    hangs = sum("plugin.timeout" in row.codes for row in LOADS)
    # Far from a measurement: it only shows that no deadline was passed over.
    assert took < 60 + hangs * (DEADLINE_S + 1)
    wrong = {
        row.id: owners.get(f"plugin:{row.id}")
        for row in LOADS
        if not owners.get(f"plugin:{row.id}", set()) & set(row.codes)
    }
    assert wrong == {}
    assert core
    assert processes_of(cli) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a process is nobody's")
@pytest.mark.parametrize(
    "row", [row for row in (*LOADS, *LOGINS) if "orphan" in row.id and "exit" not in row.id], ids=lambda row: row.id
)
def test_an_orphan_with_nothing_of_its_parents_is_ended(cli: Cli, row: Row) -> None:
    write(cli.home / "plugins", row)
    with app_of(cli) as app:
        codes = {fault.code for fault in app.plugin_diagnostics if fault.owner == f"plugin:{row.id}"}
        if row in LOGINS:
            prompter = AnswersPrompter([], lambda _: None)
            with pytest.raises(JackfieldError) as caught:
                run_sync(app.onboarding().login(LoginRequest(name=row.id), prompter))
            codes = {caught.value.code}
    assert codes & set(row.codes)
    (file,) = (cli.home / "plugins").rglob("*orphan.pid")
    assert state_of(int(file.read_text())) in "ZX"
    assert processes_of(cli) == []


@pytest.fixture(scope="module")
def hostile_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    made = Cli(tmp_path_factory.mktemp("logins"))
    (made.home / "plugins").mkdir(parents=True)
    for row in LOGINS:
        write(made.home / "plugins", row)
    with app_of(made) as app:
        yield app


@pytest.mark.parametrize("row", LOGINS, ids=lambda row: row.id)
def test_a_hostile_login_writes_nothing_and_is_named(hostile_app: App, row: Row) -> None:
    app = hostile_app
    prompter = AnswersPrompter(["one", "two", "three"], lambda _: None)
    with pytest.raises(JackfieldError) as caught:
        run_sync(app.onboarding().login(LoginRequest(name=row.id), prompter))
    assert caught.value.code in row.codes, caught.value
    if caught.value.code.startswith("plugin."):
        assert row.id in caught.value.message
    assert app.store.profiles() == ()
    assert not app.paths.config_file.exists()
