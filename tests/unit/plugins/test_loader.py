"""Loading from the outside: real plugins in real processes, through an App."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jackfield.app import App
from jackfield.auth.answers import AnswersPrompter
from jackfield.errors import PluginError, UnknownNameError
from jackfield.net import run_sync
from jackfield.onboarding import LoginRequest
from support.cli import Cli

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
from pathlib import Path

def run(ctx):
    url = ctx.prompter.text("Address", initial="https://api.acme.example/v1")
    key = ctx.prompter.text("Key")
    return {
        "profiles": [{"profileId": "acme:default", "credential": {"type": "api_key", "provider": "acme", "key": key}}],
        "configPatch": {"models": {"providers": {"acme": {"baseUrl": url, "models": []}}}},
        "notes": ["Welcome"],
    }

def register(api):
    with (Path(__file__).parent / "starts").open("a") as log:
        log.write("x")
    print("hello from acme")
    api.register_provider({"id": "acme", "label": LABEL, "auth": [
        {"id": "key", "label": "Acme key", "kind": "api_key", "run": run},
    ]})
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def write(cli: Cli, name: str = "acme", text: str = PLUGIN, label: str = "Acme") -> Path:
    folder = cli.home / "plugins"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(text.replace("LABEL", repr(label)))
    return path


def starts(cli: Cli) -> int:
    path = cli.home / "plugins" / "starts"
    return len(path.read_text()) if path.exists() else 0


def test_a_single_file_is_a_plugin(cli: Cli) -> None:
    write(cli)
    with cli.app() as app:
        assert app.registry.resolve_provider("acme").label == "Acme"
        assert app.registry.owner_of("acme").name == "plugin:acme"
        assert "plugin:acme/key" in app.runners
        assert app.plugin_diagnostics == ()


def test_a_plugin_that_did_not_change_is_not_started_again(cli: Cli) -> None:
    write(cli)
    for _ in range(3):
        with cli.app() as app:
            assert app.registry.resolve_provider("acme").label == "Acme"
    assert starts(cli) == 1


def test_a_plugin_that_changed_is_started_again(cli: Cli) -> None:
    write(cli)
    with cli.app() as app:
        assert app.registry.resolve_provider("acme").label == "Acme"
    write(cli, label="Acme Two")
    with cli.app() as app:
        assert app.registry.resolve_provider("acme").label == "Acme Two"
    assert starts(cli) == 2


def test_loading_afresh_starts_it_whatever_is_known(cli: Cli) -> None:
    write(cli)
    with cli.app() as app:
        app.registry  # noqa: B018
        [loaded] = app.load_plugins()
        assert "hello from acme" in loaded.output
    assert starts(cli) == 2


def test_a_failure_is_remembered_for_ten_minutes(cli: Cli) -> None:
    write(cli, text="from pathlib import Path\nPath(__file__).with_name('starts').open('a').write('x')\n1 / 0\n")
    now = 1_000_000
    for moment, count in [(now, 1), (now + 599_000, 1), (now + 601_000, 2)]:
        with App(env=cli.env, clock=lambda moment=moment: moment) as app:  # type: ignore[misc]
            assert [each.code for each in app.plugin_diagnostics] == ["plugin.load-failed"]
        assert starts(cli) == count


@pytest.mark.parametrize(
    "plugins",
    [{"enabled": False}, {"deny": ["acme"]}, {"allow": ["other"]}, {"entries": {"acme": {"enabled": False}}}],
    ids=str,
)
def test_a_plugin_that_the_config_forbids_is_never_started(cli: Cli, plugins: dict[str, object]) -> None:
    write(cli)
    cli.write_config(json.dumps({"plugins": plugins}))
    with cli.app() as app:
        with pytest.raises(UnknownNameError):
            app.registry.resolve_provider("acme")
        assert app.loaded_plugins == ()
    assert starts(cli) == 0


def test_a_config_that_does_not_fit_keeps_the_plugin_from_starting(cli: Cli) -> None:
    write(cli)
    cli.write_config(json.dumps({"plugins": {"entries": {"acme": {"config": {"x": 1}}}}}))
    with cli.app() as app:
        assert [(each.code, each.owner) for each in app.plugin_diagnostics] == [("plugin.bad-config", "plugin:acme")]
    assert starts(cli) == 0


def test_a_login_of_a_plugin_goes_through_the_gate(cli: Cli) -> None:
    write(cli)
    with cli.app() as app:
        answers = AnswersPrompter(["https://api.acme.example/v1", "k-123456789"], lambda _: None)
        outcome = run_sync(app.onboarding().login(LoginRequest(name="acme"), answers))
        assert outcome.profiles == ("acme:default",)
        assert outcome.notes == ("Welcome",)
        profile = app.store.get("acme:default")
        assert profile is not None
        assert (profile.owner, profile.origin) == ("plugin:acme", "https://api.acme.example")
        entry = json.loads(cli.config_text())["models"]["providers"]["acme"]
        assert entry["baseUrl"] == "https://api.acme.example/v1"


def test_a_profile_that_the_user_stored_is_not_overwritten(cli: Cli) -> None:
    from jackfield.credentials.profile import ApiKeyCredential, Profile
    from jackfield.credentials.secret import Secret
    from jackfield.errors import RequestError

    write(cli)
    with cli.app() as app:
        app.store.put(Profile("acme:default", ApiKeyCredential(Secret("mine"))))
        answers = AnswersPrompter(["https://api.acme.example/v1", "k-123456789"], lambda _: None)
        with pytest.raises(RequestError) as caught:
            run_sync(app.onboarding().login(LoginRequest(name="acme"), answers))
        assert caught.value.code == "login.refused"
        assert cli.secret("acme:default") == "mine"


def test_a_login_that_is_gone_since_is_told(cli: Cli) -> None:
    path = write(cli)
    with cli.app() as app:
        onboarding = app.onboarding()
        path.write_text("def register(api):\n    pass\n")
        with pytest.raises(PluginError) as caught:
            run_sync(onboarding.login(LoginRequest(name="acme"), AnswersPrompter([], lambda _: None)))
        assert caught.value.code == "plugin.changed"
        assert "acme" in caught.value.message


def test_a_broken_plugin_breaks_nobody_else(cli: Cli) -> None:
    write(cli)
    write(cli, "broken", "def register(api):\n    raise ValueError('no')\n")
    with cli.app() as app:
        assert app.registry.resolve_provider("acme").label == "Acme"
        assert app.registry.resolve_provider("openai").label
        assert [each.owner for each in app.plugin_diagnostics] == ["plugin:broken"]


def test_what_the_plugin_sees_holds_no_secret(cli: Cli) -> None:
    text = """
import json, os
from pathlib import Path

def register(api):
    seen = json.dumps([api.config, dict(os.environ)], default=lambda value: dict(value))
    Path(__file__).with_name("seen.json").write_text(seen)
"""
    write(cli, text=text)
    cli.write_config(
        json.dumps({"models": {"providers": {"zai": {"apiKey": "sk-canary-1", "baseUrl": "https://x.example"}}}})
    )
    env = {**cli.env, "OPENAI_API_KEY": "sk-canary-2", "NODE_OPTIONS": "--x", "HTTPS_PROXY": "http://127.0.0.1:9"}
    with App(env=env) as app:
        assert app.plugin_diagnostics == ()
    seen = (cli.home / "plugins" / "seen.json").read_text()
    assert "sk-canary" not in seen
    assert "NODE_OPTIONS" not in seen
    config, environment = json.loads(seen)
    assert config["models"]["providers"]["zai"] == {"baseUrl": "https://x.example"}
    assert environment["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert not any(name.startswith("JACKFIELD") and "MASTER" in name for name in environment)
