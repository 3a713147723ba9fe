"""Signing in with the program as a process of its own, at the vendors' own addresses, which this machine answers."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import auth_choices
from support.cli import Cli, InProcess, leaks
from support.signin import query_of
from support.vendors import CHUTES, CODEX, COPILOT, PATHS, Vendors, fixed_port, vendors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.oauth import Client, OAuthServer

CHUTES_ENV = {"CHUTES_CLIENT_ID": CHUTES.id, "CHUTES_CLIENT_SECRET": str(CHUTES.secret)}
PORTS = {"openai-codex": 1455, "chutes": 1456}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Vendors]:
    with vendors(tmp_path) as opened:
        yield opened


@pytest.fixture
def cli(tmp_path: Path, world: Vendors) -> Cli:
    folder = tmp_path / "cli"
    folder.mkdir()
    return Cli(folder, dict(world.env))


@pytest.fixture
def port_1455(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with fixed_port(tmp_path_factory.getbasetemp().parent, 1455):
        yield


@pytest.fixture
def port_1456(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with fixed_port(tmp_path_factory.getbasetemp().parent, 1456):
        yield


def credential(cli: Cli, profile_id: str) -> dict[str, Any]:
    with cli.app() as app:
        profile = app.store.get(profile_id)
    assert profile is not None
    return profile.credential.to_secret_dict()


def config(cli: Cli) -> Any:
    with cli.app() as app:
        return app.config.document.value


def forms(server: OAuthServer, path: str) -> list[dict[str, str]]:
    found = [each for each in server.requests if PATHS.get(each.path) == path]
    return [{name: values[0] for name, values in parse_qs(each.body.decode()).items()} for each in found]


@pytest.mark.usefixtures("port_1455")
def test_codex_signs_in_at_openai(cli: Cli, world: Vendors) -> None:
    world.become(CODEX)

    result = cli.run("login", "openai-codex", "--answers", "-", "--json", stdin="[]")

    assert result.status == 0, result.err
    assert result.json["profiles"] == ["openai-codex:you@example.org"]
    assert result.json["verdict"] == {"state": "accepted", "message": "The provider has issued the credential."}
    kept = credential(cli, "openai-codex:you@example.org")
    assert world.server.is_live(kept["access"])
    assert kept["refresh"].startswith("rt-")
    assert (kept["email"], kept["extra"]) == ("you@example.org", {"accountId": "acc-42"})
    assert world.server.faults == []
    asked = query_of(next(each.target for each in world.server.requests if each.path == "/oauth/authorize"))
    assert {name: asked[name] for name in sorted(asked) if name not in {"state", "code_challenge"}} == {
        "client_id": "app_EMoamEEZ73f0CkXaXp7hrann",
        "code_challenge_method": "S256",
        "codex_cli_simplified_flow": "true",
        "id_token_add_organizations": "true",
        "originator": "codex_cli_rs",
        "redirect_uri": "http://localhost:1455/auth/callback",
        "response_type": "code",
        "scope": "openid profile email offline_access",
    }
    assert "PAGE 200" in world.browser_log
    assert "You are logged in" in world.browser_log


@pytest.mark.usefixtures("port_1456")
def test_chutes_signs_in_with_the_users_own_client(cli: Cli, world: Vendors) -> None:
    world.become(CHUTES)

    result = cli.run("login", "chutes", "--answers", "-", "--json", stdin="[]", env=CHUTES_ENV)

    assert result.status == 0, result.err
    assert result.json["profiles"] == ["chutes:you"]
    assert result.json["verified"] is True
    kept = credential(cli, "chutes:you")
    assert kept["extra"] == {"accountId": "user-1", "clientId": "cid-chutes"}
    assert world.server.faults == []
    assert [each.path for each in world.server.requests] == [
        "/idp/authorize", "/idp/token", "/idp/userinfo", "/users/me",
    ]  # fmt: skip
    assert forms(world.server, "/token")[0]["client_secret"] == CHUTES.secret


@pytest.mark.usefixtures("port_1456")
def test_the_client_of_chutes_is_asked_for_when_the_environment_has_none(cli: Cli, world: Vendors) -> None:
    world.become(CHUTES)

    answers = json.dumps([CHUTES.id, CHUTES.secret])
    result = cli.run("login", "chutes", "--answers", "-", stdin=answers)

    assert result.status == 0, result.err
    assert "Logged in to Chutes as chutes:you." in result.err
    assert credential(cli, "chutes:you")["extra"]["clientSecret"] == CHUTES.secret


def test_copilot_signs_in_at_github_by_a_code(cli: Cli, world: Vendors) -> None:
    world.become(COPILOT)
    world.server.rules.polls_needed = None
    # The page of GitHub asks for the code; a browser that opens it alone agrees to nothing.
    process = cli.start("login", "github-copilot", "--answers", "-", "--json")
    assert process.stdin is not None
    process.stdin.write(b"[]")
    process.stdin.close()
    process.stdin = None
    assert process.stderr is not None
    shown = b""
    while b"Code to type there: " not in shown or not shown.endswith(b"\n"):
        piece = process.stderr.readline()
        assert piece, shown
        shown += piece
    user_code = shown.partition(b"Code to type there: ")[2].split()[0].decode()
    world.server.approve(user_code)
    out, err = process.communicate(timeout=60)
    result = json.loads(out)

    assert process.returncode == 0, err
    assert b"https://github.com/login/device" not in out
    assert result["profiles"] == ["github-copilot:github"]
    assert result["verified"] is True
    kept = credential(cli, "github-copilot:github")
    assert (kept["kind"], kept["expires"]) == ("token", None)
    assert world.server.is_live(kept["token"])
    assert world.server.faults == []
    assert forms(world.server, "/device/code") == [{"client_id": "Iv1.b507a08c87ecfe98", "scope": "read:user"}]
    assert config(cli)["auth"]["profiles"]["github-copilot:github"]["mode"] == "token"


def test_no_token_code_or_secret_is_shown_or_written_outside_the_store(
    cli: Cli, world: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world.become(CHUTES)
    with fixed_port(tmp_path_factory.getbasetemp().parent, 1456):
        result = cli.run("login", "chutes", "--answers", "-", "--json", stdin="[]", env=CHUTES_ENV)

    kept = credential(cli, "chutes:you")
    secrets = [kept["access"], kept["refresh"], str(CHUTES.secret), forms(world.server, "/token")[0]["code_verifier"]]
    seen = result.out + result.err + world.browser_log + "".join(each.target for each in world.server.requests)
    assert [leaks(seen, each) for each in secrets] == [[], [], [], []]
    written = b"".join(data for name, data in cli.files().items() if not name.startswith("credentials"))
    assert [leaks(written, each) for each in secrets] == [[], [], [], []]


# --- what goes wrong, through the whole program


def codex(cli: Cli, **env: str) -> Any:
    return cli.run("login", "openai-codex", "--answers", "-", "--json", stdin="[]", env=env)


@pytest.mark.usefixtures("port_1455")
def test_a_no_on_the_page_ends_it_and_writes_nothing(cli: Cli, world: Vendors) -> None:
    world.become(CODEX)
    world.server.rules.deny = True
    result = codex(cli)
    assert (result.status, result.code) == (1, "credential.denied")
    assert "OAuth help: The sign-in did not finish; nothing was changed." in result.err
    assert cli.files() == {}
    assert "The login failed" in world.browser_log


@pytest.mark.usefixtures("port_1455")
def test_a_redirect_that_the_vendor_does_not_know_never_comes_back(cli: Cli, world: Vendors) -> None:
    world.become(CODEX)
    world.server.rules.client = type(CODEX)(CODEX.id, redirects=("http://localhost:9/other",))
    process = cli.start("login", "openai-codex", "--answers", "-", "--json")
    assert process.stdin is not None
    process.stdin.write(b"[]")
    process.stdin.close()
    process.stdin = None
    assert process.stderr is not None
    while b"https://auth.openai.com/" not in process.stderr.readline():
        pass
    process.send_signal(2)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "cancelled"
    assert world.exchanges == 0
    assert cli.files() == {}


@pytest.mark.usefixtures("port_1455")
@pytest.mark.parametrize(
    ("status", "code"), [(500, "remote.sign-in"), (400, "credential.sign-in")], ids=["failing", "refusing"]
)
def test_a_token_endpoint_that_gives_nothing_writes_nothing(cli: Cli, world: Vendors, status: int, code: str) -> None:
    world.become(CODEX)
    world.server.rules.fail = [status]
    result = codex(cli)
    assert (result.status, result.code) == (1, code)
    assert cli.files() == {}


def test_a_port_that_is_taken_and_nobody_to_paste_is_told(cli: Cli, world: Vendors) -> None:
    world.become(CHUTES)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = {**CHUTES_ENV, "CHUTES_OAUTH_REDIRECT_URI": f"http://127.0.0.1:{port}/cb"}
        result = cli.run("login", "chutes", "--answers", "-", "--json", stdin="[]", env=env)
    assert (result.status, result.code) == (1, "remote.port")
    assert f"port {port} of this machine is in use" in result.error["message"]
    assert world.server.requests == []


@pytest.mark.parametrize(("agree", "code"), [(False, "credential.denied"), (True, "credential.sign-in-timeout")])
def test_a_device_login_that_is_refused_or_expires_writes_nothing(
    cli: Cli, world: Vendors, agree: bool, code: str
) -> None:
    world.become(COPILOT)
    world.server.rules.deny = not agree
    world.server.rules.polls_needed = None
    world.server.rules.device_ends_s = 0.3
    result = cli.run("login", "github-copilot", "--answers", "-", "--json", stdin="[]")
    assert (result.status, result.code) == (1, code)
    assert cli.files() == {}


@pytest.mark.parametrize("name", ["openai-codex", "codex-cli", "chutes", "github-copilot"])
def test_without_a_person_it_says_so_and_asks_nobody(cli: Cli, world: Vendors, name: str) -> None:
    choice = {"codex-cli": ("openai-codex", "--method", "codex-cli")}.get(name, (name,))
    result = cli.run("login", *choice, "--json", env=CHUTES_ENV)
    assert (result.status, result.code) == (2, "needs-terminal.sign-in")
    assert re.fullmatch(r"Run it in a terminal: jackfield login [a-z-]+", result.error["fix"])
    assert world.server.requests == []
    assert world.browser_log == ""
    assert cli.files() == {}


@pytest.mark.usefixtures("port_1455")
def test_the_browser_stays_closed_when_asked(cli: Cli, world: Vendors) -> None:
    world.become(CODEX)
    process = cli.start("login", "openai-codex", "--no-browser", "--answers", "-")
    assert process.stdin is not None
    process.stdin.write(b"[]")
    process.stdin.close()
    process.stdin = None
    assert process.stderr is not None
    line = b""
    while b"https://auth.openai.com/" not in line:
        line = process.stderr.readline()
        assert line
    url = re.search(r"https://auth\.openai\.com/\S+", line.decode())
    assert url is not None
    from support.signin import follow

    assert follow(world.redirect_of(url[0]))[0] == 200
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert world.browser_log == ""
    assert cli.profile_ids() == ["openai-codex:you@example.org"]


# --- every choice there is


ROWS = list(auth_choices(ProviderRegistry.with_core().snapshot()))
HUMAN = {"oauth-pkce": "needs-terminal.sign-in", "device-code": "needs-terminal.sign-in"}
VENDORS: dict[str, Client] = {"openai-codex": CODEX, "chutes": CHUTES, "github-copilot": COPILOT}


@pytest.mark.parametrize("row", ROWS, ids=[row.choice for row in ROWS])
def test_every_login_choice_comes_to_its_end_or_to_the_person_it_needs(
    row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = InProcess(tmp_path, monkeypatch, capsys)
    args = ("login", row.provider, "--method", row.method, "--no-verify", "--json")
    keyed = row.runner in {"api-key", "token"}

    result = cli.call(*args, *(("--key-stdin",) if keyed else ()), stdin="sk-ant-oat01-" + "k" * 80 if keyed else "")

    if row.needs_plugin is not None:
        assert result.code == "login.needs-plugin"
    elif row.runner in HUMAN:
        assert result.code == HUMAN[row.runner]
        assert row.provider in VENDORS
    else:
        assert result.status == 0, result.out
        assert result.json["provider"] == row.provider
        assert bool(result.json["profiles"]) is keyed


def test_every_choice_that_needs_a_person_is_carried_out_above() -> None:
    assert {row.provider for row in ROWS if row.runner in HUMAN and row.needs_plugin is None} == set(VENDORS)
