"""Plugins of the existing shape, untouched, log in through the real program to a real authorization server."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from support.cli import Cli
from support.oauth import Rules
from support.plugins import FOLDER, HOST, digest, install, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cli import Result
    from support.plugins import World

PLUGINS = ("acme-cli-auth", "acme-gravity-auth", "acme-portal-auth", "copilot-proxy")


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path, acme: World) -> Cli:
    return Cli(tmp_path, dict(acme.env))


def answers(cli: Cli, *values: object) -> str:
    path = cli.folder / "answers.json"
    path.write_text(json.dumps(values))
    return str(path)


def login(cli: Cli, *args: str, **env: str) -> Result:
    return cli.run("login", *args, "--json", env=env)


def config(cli: Cli) -> Any:
    result = cli.run("config", "show", "--json")
    return result.json.get("config", result.json)


# --- listing


def test_every_plugin_is_listed_without_being_run(cli: Cli) -> None:
    for name in PLUGINS:
        install(cli, name)
    result = cli.run("plugins", "list", "--json", env={"PATH": "/nonexistent"})
    rows = {each["id"]: (each["status"], each["providers"]) for each in result.json["plugins"]}
    assert rows == {
        "acme-cli-auth": ("enabled", ["acme-cli"]),
        "acme-gravity-auth": ("enabled", ["acme-gravity"]),
        "acme-portal-auth": ("enabled", ["acme-portal"]),
        "copilot-proxy": ("enabled", ["copilot-proxy"]),
    }
    remembered = {each.stem for each in cli.home.glob("state/plugins/*.json")}
    assert not remembered & set(PLUGINS)


def test_what_plugins_bring_stands_beside_core(cli: Cli) -> None:
    for name in PLUGINS:
        install(cli, name)
    rows = cli.run("providers", "list", "--json").json
    ids = {each["id"] for each in rows}
    assert {"acme-cli", "acme-gravity", "acme-portal", "copilot-proxy", "openai"} <= ids
    choices = cli.run("providers", "view", "auth-choices", "--json").json
    found = {each["choice"]: (each["provider"], each["runner"], each["needs_plugin"]) for each in choices}
    assert found["copilot-proxy"] == ("copilot-proxy", "plugin:copilot-proxy/local", None)
    assert found["qwen-portal"][2] == "qwen-portal-auth"
    assert found["acme-portal-device"] == ("acme-portal", "plugin:acme-portal-auth/device", None)


def test_the_doctor_of_plugins_tells_what_they_brought_and_printed(cli: Cli) -> None:
    for name in PLUGINS:
        install(cli, name)
    result = cli.run("plugins", "doctor", "--json")
    assert result.status == 0
    rows = {each["id"]: each for each in result.json["plugins"]}
    assert {name: each["loaded"] for name, each in rows.items()} == dict.fromkeys(PLUGINS, True)
    assert "acme-portal-auth is here" in rows["acme-portal-auth"]["output"]


# --- custom: two prompts, and a validator that rejects first


def test_a_plugin_fills_the_login_that_core_leaves_to_it(cli: Cli) -> None:
    folder = install(cli, "copilot-proxy")
    before = digest(folder)
    script = answers(cli, "not a url", "http://127.0.0.1:4141/", " ", "gpt-5.2, mine")
    result = login(cli, "copilot-proxy", "--answers", script, "--set-default")
    assert result.status == 0, result.err
    assert result.json["profiles"] == ["copilot-proxy:local"]
    assert "Enter a valid URL" in result.err
    assert "Enter at least one model id" in result.err
    written = config(cli)
    entry = written["models"]["providers"]["copilot-proxy"]
    assert (entry["baseUrl"], entry["authHeader"]) == ("http://127.0.0.1:4141/v1", False)
    assert [each["id"] for each in entry["models"]] == ["gpt-5.2", "mine"]
    assert written["agents"]["defaults"]["model"] == {"primary": "copilot-proxy/gpt-5.2"}
    assert cli.secret("copilot-proxy:local") == "n/a"
    assert digest(folder) == before == digest(FOLDER / "copilot-proxy")


def test_two_prompts_are_asked_in_a_terminal(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    with cli.terminal("login", "copilot-proxy") as screen:
        screen.expect("Copilot Proxy base URL")
        screen.send("\x15")  # clears the line
        screen.sendline("nonsense")
        screen.expect("Enter a valid URL")
        screen.send("\x15")
        screen.sendline("http://localhost:4141")
        screen.expect("Model IDs")
        screen.sendline("")
        screen.expect("Logged in to Copilot Proxy")
        screen.wait()
        assert screen.exitstatus == 0
    assert cli.profile_ids() == ["copilot-proxy:local"]


def test_ctrl_c_in_a_prompt_of_a_plugin_writes_nothing(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    with cli.terminal("login", "copilot-proxy") as screen:
        screen.expect("Copilot Proxy base URL")
        screen.sendintr()
        screen.expect("Interrupted; nothing was changed")
        screen.wait()
        assert screen.exitstatus == 130
    assert cli.profile_ids() == []
    assert not cli.config_file.exists()


def test_answers_that_run_out_write_nothing(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    result = login(cli, "copilot-proxy", "--answers", answers(cli, "not a url"))
    assert (result.status, result.code) == (2, "answers.too-few")
    assert cli.profile_ids() == []


# --- device code


def test_a_device_login_ends_when_the_user_agrees(cli: Cli, acme: World) -> None:
    folder = install(cli, "acme-portal-auth")
    before = digest(folder)
    acme.server.rules = Rules(polls_needed=None, interval=0.05)
    result = login(cli, "acme", "--answers", answers(cli), BROWSER=acme.browser)
    assert result.status == 0, result.err
    assert result.json["profiles"] == ["acme-portal:default"]
    assert f"https://{HOST}/activate" in result.err
    assert acme.server.faults == []
    token = cli.secret("acme-portal:default")
    assert token is not None
    assert acme.server.is_live(token)
    assert "Tokens renew by themselves." in result.json["notes"]
    assert config(cli)["agents"]["defaults"]["models"] == {"acme-portal/coder": {"alias": "acme"}}
    assert digest(folder) == before
    assert token not in result.out + result.err


def test_a_device_login_that_is_refused_stores_nothing(cli: Cli, acme: World) -> None:
    install(cli, "acme-portal-auth")
    acme.server.rules = Rules(deny=True)
    result = login(cli, "acme-portal", "--answers", answers(cli))
    assert (result.status, result.code) == (1, "plugin.run-failed")
    assert "access_denied" in result.error["message"]
    assert "Is your account active?" in result.err
    assert cli.profile_ids() == []


# --- PKCE with a callback on this machine


@pytest.mark.parametrize(("plugin", "provider"), [("acme-gravity-auth", "gravity"), ("acme-cli-auth", "acme-cli")])
def test_a_browser_on_this_machine_comes_back_to_the_plugin(cli: Cli, acme: World, plugin: str, provider: str) -> None:
    folder = install(cli, plugin)
    before = digest(folder)
    result = login(cli, provider, "--answers", answers(cli), BROWSER=acme.browser, DISPLAY=":99")
    assert result.status == 0, result.err
    assert acme.server.faults == []
    assert (acme.server.counts.authorized, acme.server.counts.codes) == (1, 1)
    [profile] = result.json["profiles"]
    token = cli.secret(profile)
    assert token is not None
    assert acme.server.is_live(token)
    assert digest(folder) == before


def test_the_account_is_part_of_the_name_of_the_profile(cli: Cli, acme: World) -> None:
    install(cli, "acme-gravity-auth")
    login(cli, "gravity", "--answers", answers(cli), BROWSER=acme.browser, DISPLAY=":99")
    assert cli.profile_ids() == ["acme-gravity:you@example.org"]
    with cli.app() as app:
        profile = app.store.get("acme-gravity:you@example.org")
        assert profile is not None
        assert profile.owner == "plugin:acme-gravity-auth"
        assert profile.credential.to_secret_dict()["extra"] == {"projectId": "rising-fact-p41fc"}


# --- PKCE by a pasted address, in a remote session


@pytest.mark.parametrize(("plugin", "provider"), [("acme-gravity-auth", "gravity"), ("acme-cli-auth", "acme-cli")])
def test_a_remote_user_pastes_the_address(cli: Cli, acme: World, plugin: str, provider: str) -> None:
    install(cli, plugin)
    with cli.terminal("login", provider, columns=400, env={"SSH_TTY": "/dev/pts/9"}) as screen:
        screen.expect(rf"https://{re.escape(HOST)}/authorize\?[^\s\"]+")
        url = screen.after
        screen.expect("[Pp]aste")
        screen.sendline(acme.follow(url))
        screen.expect("Logged in to")
        screen.wait()
        assert screen.exitstatus == 0
    assert acme.server.faults == []
    assert len(cli.profile_ids()) == 1


@pytest.mark.parametrize("pasted", ["just-a-code", "http://127.0.0.1/callback?code=x&state=wrong"])
def test_a_wrong_paste_exchanges_nothing(cli: Cli, acme: World, pasted: str) -> None:
    install(cli, "acme-gravity-auth")
    result = login(cli, "gravity", "--answers", answers(cli, pasted), SSH_TTY="/dev/pts/9")
    assert (result.status, result.code) == (1, "plugin.run-failed")
    assert acme.server.counts.codes == 0
    assert cli.profile_ids() == []


# --- what the gate does with them


def test_a_dry_run_shows_everything_and_writes_nothing(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    script = answers(cli, "http://127.0.0.1:4141", "mine")
    result = login(cli, "copilot-proxy", "--answers", script, "--dry-run")
    assert result.status == 0, result.err
    assert "http://127.0.0.1:4141/v1" in result.json["diff"]
    assert not cli.config_file.exists()
    assert cli.profile_ids() == []


def test_an_undo_takes_a_plugins_login_back(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    login(cli, "copilot-proxy", "--answers", answers(cli, "http://127.0.0.1:4141", "mine"))
    assert cli.run("config", "undo").status == 0
    assert cli.profile_ids() == []
    assert not cli.config_file.exists()


def test_a_profile_name_that_is_asked_for_is_used(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    script = answers(cli, "http://127.0.0.1:4141", "mine")
    result = login(cli, "copilot-proxy", "--answers", script, "--profile", "work")
    assert result.json["profiles"] == ["copilot-proxy:work"]


def test_a_key_by_flag_is_refused_where_the_plugin_asks_its_own_questions(cli: Cli) -> None:
    install(cli, "copilot-proxy")
    result = cli.run("login", "copilot-proxy", "--key-stdin", "--json", stdin="sk-1")
    assert (result.status, result.code) == (2, "login.own-questions")


# --- what plugins renew and format


def test_a_plugin_renews_and_formats_its_credentials(cli: Cli, acme: World) -> None:
    install(cli, "acme-cli-auth")
    assert login(cli, "acme-cli", "--answers", answers(cli), BROWSER=acme.browser, DISPLAY=":99").status == 0
    with cli.app() as app:
        from jackfield.net import run_sync

        profile = app.store.get("acme-cli:default")
        assert profile is not None
        assert app.registry.resolve_provider("acme-cli").env.any_of == ("ACME_CLI_TOKEN",)
        assert (app.plugins.refreshes("acme-cli"), app.plugins.formats_api_key("acme-cli")) == (True, True)
        renewed = run_sync(app.plugins.refresh_oauth("acme-cli", profile.credential))
        access = str(renewed.to_secret_dict()["access"])
        assert access != cli.secret("acme-cli:default")
        assert acme.server.is_live(access)
        assert acme.server.counts.refreshes == 1
        key = run_sync(app.plugins.format_api_key("acme-cli", renewed))
        assert json.loads(key) == {"token": access}


# --- failing


NOISY = """
def login(ctx):
    token = ctx.prompter.secret("Token?")
    print("connecting")
    print("  sent \\x1b[31m" + token)
    raise RuntimeError("it did not work")

def register(api):
    api.register_provider({"id": "noisy", "label": "Noisy", "auth": [{"id": "in", "kind": "custom", "run": login}]})
"""


def test_a_login_that_fails_shows_what_the_plugin_printed_without_what_was_typed(cli: Cli) -> None:
    (cli.home / "plugins").mkdir(parents=True, exist_ok=True)
    (cli.home / "plugins" / "noisy.py").write_text(NOISY)
    path = answers(cli, "tok-123456789")
    shown = cli.run("login", "noisy", "--answers", path)
    assert shown.status == 1
    assert "Plugin 'noisy': it did not work." in shown.err
    assert "It printed:\n    | connecting\n    |   sent [hidden]\n" in shown.err
    assert "plugins doctor" not in shown.err
    error = login(cli, "noisy", "--answers", path).error
    assert [each["code"] for each in error["diagnostics"]] == ["plugin.printed"]
    assert "tok-123456789" not in json.dumps(error)


def test_the_doctor_of_plugins_shows_what_was_logged_and_does_not_send_to_itself(cli: Cli) -> None:
    (cli.home / "plugins").mkdir(parents=True, exist_ok=True)
    source = "def register(api):\n    api.logger.debug('at the start')\n    raise ValueError('of no use')\n"
    (cli.home / "plugins" / "broken.py").write_text(source)
    listed = cli.run("plugins", "show", "broken")
    assert "jackfield plugins doctor" in listed.err
    examined = cli.run("plugins", "doctor")
    assert "of no use" in examined.err
    assert "    | at the start" in examined.err
    assert "jackfield plugins doctor" not in examined.err


def test_a_choice_of_a_plugin_is_answered_by_its_value(cli: Cli) -> None:
    (cli.home / "plugins").mkdir(parents=True, exist_ok=True)
    options = '[{"value": "global", "label": "Worldwide"}, {"value": "cn", "label": "China"}]'
    source = NOISY.replace('ctx.prompter.secret("Token?")', f'"chose-" + ctx.prompter.select("Where?", {options})')
    (cli.home / "plugins" / "noisy.py").write_text(source)
    shown = cli.run("login", "noisy", "--answers", answers(cli, "cn"))
    assert "sent chose-cn" in shown.err
