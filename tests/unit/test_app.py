"""The App: what it opens and when, which credential wins, and how broken files are told without stopping it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jackfield.app import App
from jackfield.config.paths import Paths, find_paths
from jackfield.credentials.profile import ApiKeyCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import ConfigError, CredentialError, InternalError, StoreError, UnknownNameError
from support.cli import MASTER_KEY, RIGHT_KEY, Cli, leaks

NOW = 1_800_000_000_000


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def store_key(app: App, profile_id: str = "openai:default", key: str = RIGHT_KEY) -> None:
    app.store.put(Profile(profile_id, ApiKeyCredential(Secret(key))))


def test_an_app_that_only_looks_writes_nothing(cli: Cli) -> None:
    with cli.app() as app:
        assert app.config.exists is False
        assert app.store.profiles() == ()
        assert app.diagnostics == ()
        assert len(app.registry.list_providers()) > 20

    assert not cli.home.exists()


def test_the_environment_is_the_processs_own_unless_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JACKFIELD_HOME", str(tmp_path / "own"))

    with App() as own, App(env={"JACKFIELD_HOME": str(tmp_path / "given")}) as given:
        assert own.paths.config_file == tmp_path / "own" / "config.json5"
        assert given.paths.config_file == tmp_path / "given" / "config.json5"


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JACKFIELD_HOME", str(tmp_path))
    with App() as app:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-set-later")

        assert app.sources(app.registry.resolve_provider("openai")) == ()


def test_paths_can_be_given(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "a.json5", tmp_path / "b.sqlite3", tmp_path / "c", tmp_path / "d")

    with App(env={}, paths=paths) as app:
        assert app.paths is paths
        assert app.store.path == Path(os.path.realpath(tmp_path / "b.sqlite3"))


def test_a_closed_app_is_closed_and_twice_is_once(cli: Cli) -> None:
    app = cli.app()
    store_key(app)
    app.close()
    app.close()

    with pytest.raises(InternalError) as caught:
        app.store.profiles()
    assert caught.value.code == "internal.store-closed"


def test_closing_an_app_that_opened_nothing_opens_nothing(cli: Cli) -> None:
    cli.app().close()

    assert not cli.home.exists()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("{ a", {"config.syntax"}),
        ("[]", {"config.syntax", "config.type"}),
        ("{models: 3}", {"config.type"}),
        ("{models: {}, models: {}}", {"config.duplicate-key"}),
    ],
)
def test_a_broken_config_is_told_and_counts_as_empty(cli: Cli, text: str, codes: set[str]) -> None:
    cli.write_config(text)

    with cli.app() as app:
        assert {each.code for each in app.config.errors} & codes
        assert app.registry.resolve_provider("openai").id == "openai"
        assert app.config_diagnostics == app.config.diagnostics
        with pytest.raises(ConfigError):
            app.require_config()


def test_a_config_that_may_not_be_read_is_told(cli: Cli) -> None:
    cli.home.mkdir()
    cli.config_file.mkdir()

    with cli.app() as app:
        assert [each.code for each in app.config.diagnostics] == ["config.unreadable"]
        with pytest.raises(ConfigError) as caught:
            app.require_config()
    assert caught.value.code == "config.unreadable"


def test_require_config_reads_the_file_anew(cli: Cli) -> None:
    cli.write_config("{ a")
    with cli.app() as app:
        assert app.config.errors
        cli.write_config("{models: {}}")

        assert app.require_config().document.value == {"models": {}}
        assert app.config.errors == ()


def test_a_provider_that_only_the_config_knows_is_registered_by_the_config(cli: Cli) -> None:
    cli.write_config("{models: {providers: {Acme: {baseUrl: 'https://api.acme.test/v1', models: [{id: 'one'}]}}}}")

    with cli.app() as app:
        assert app.registry.resolve_provider("acme").base_url == "https://api.acme.test/v1"
        assert app.registry.owner_of("acme").name == "config"
        assert app.diagnostics == ()


def test_a_provider_of_the_config_that_cannot_be_one_is_told_with_its_place(cli: Cli) -> None:
    cli.write_config("{\n  models: {\n    providers: { acme: { baseUrl: 'ftp://acme.test' } } } }")

    with cli.app() as app:
        (fault,) = app.config_diagnostics
    assert (fault.code, fault.path) == ("config.provider", ("models", "providers", "acme", "base_url"))
    assert (fault.line, fault.column) == (3, 18)


def test_a_provider_whose_shape_is_wrong_is_told_once(cli: Cli) -> None:
    cli.write_config("{models: {providers: {'bad id!': {}, acme: {models: [{id: ''}]}}}}")

    with cli.app() as app:
        assert [each.code for each in app.config_diagnostics] == ["config.key", "config.blank"]


def test_credential_returns_the_source_that_wins(cli: Cli) -> None:
    with App(env={**cli.env, "OPENAI_API_KEY": "sk-from-the-environment"}) as app:
        by_env = app.credential("openai")
        store_key(app)
        by_profile = app.credential("OpenAI")

    assert (by_env.kind, by_env.name) == ("env", "OPENAI_API_KEY")
    assert (by_profile.kind, by_profile.name) == ("profile", "openai:default")
    assert by_profile.secret is not None
    assert by_profile.secret.reveal() == RIGHT_KEY


def test_credential_takes_the_profile_that_is_asked_for(cli: Cli) -> None:
    with cli.app() as app:
        store_key(app)
        store_key(app, "openai:work", "sk-for-work")

        assert app.credential("openai", profile="openai:work").name == "openai:work"
        with pytest.raises(CredentialError) as caught:
            app.credential("openai", profile="openai:none")
    assert caught.value.code == "credential.profile"
    assert caught.value.message == "The profile openai:none cannot be used: there is none of that name."


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("openai", "Run jackfield login openai, or set OPENAI_API_KEY."),
        ("qwen-portal", "Needs plugin qwen-portal-auth."),
        ("claude-cli", "Uses the login of its own command-line program."),
    ],
)
def test_without_a_credential_the_error_says_how_to_get_one(cli: Cli, name: str, fix: str) -> None:
    with cli.app() as app, pytest.raises(CredentialError) as caught:
        app.credential(name)

    assert caught.value.code == "credential.none"
    assert caught.value.fix == fix


def test_an_unknown_provider_has_no_credential(cli: Cli) -> None:
    with cli.app() as app, pytest.raises(UnknownNameError) as caught:
        app.credential("opnai")

    assert (caught.value.code, caught.value.suggestions) == ("registry.unknown", ("openai",))


def test_an_expired_token_is_judged_by_the_apps_clock(cli: Cli) -> None:
    clock = [NOW]
    with App(env=cli.env, clock=lambda: clock[0]) as app:
        app.store.put(Profile("anthropic:default", TokenCredential(Secret("tok"), NOW + 1_000)))
        assert app.credential("anthropic").mode == "token"
        clock[0] = NOW + 1_000

        (source,) = app.sources(app.registry.resolve_provider("anthropic"))
    assert (source.usable, source.reason) == (False, "it has expired or is blank")


def test_what_is_stored_is_sealed_under_the_master_key(cli: Cli) -> None:
    with cli.app() as app:
        store_key(app)
        assert app.cipher.warning is None
        assert app.cipher.key_id is not None

    assert {name: leaks(data, RIGHT_KEY) for name, data in cli.files().items() if leaks(data, RIGHT_KEY)} == {}


def test_without_the_key_what_is_sealed_stays_shut(cli: Cli) -> None:
    with cli.app() as app:
        store_key(app)
    other = {**cli.env, "JACKFIELD_MASTER_KEY": MASTER_KEY[::-1].replace("=", "") + "="}

    with App(env=other) as app, pytest.raises(StoreError) as caught:
        app.store.get("openai:default")
    assert caught.value.code in {"store.other-key", "store.master-key"}


def test_a_master_key_that_is_none_is_told_when_something_is_sealed_and_not_before(cli: Cli) -> None:
    env = {**cli.env, "JACKFIELD_MASTER_KEY": "no key at all"}

    with App(env=env) as app:
        assert app.store.profiles() == ()
        with pytest.raises(StoreError) as caught:
            store_key(app)
    assert caught.value.code == "store.master-key"
    assert "no key at all" not in str(caught.value)


def test_surroundings_hold_what_is_there_now(cli: Cli, tmp_path: Path) -> None:
    with App(env=cli.env, clock=lambda: NOW) as app:
        store_key(app)
        store_key(app, "openai:work")
        app.store.set_order("openai", ["openai:work"])

        where = app.surroundings()
    assert [each.id for each in where.profiles] == ["openai:default", "openai:work"]
    assert where.stored_order == {"openai": ("openai:work",)}
    assert (where.now, dict(where.env)) == (NOW, cli.env)
    assert where.file_exists(str(tmp_path)) is False


def test_onboarding_wants_a_config_without_errors(cli: Cli) -> None:
    cli.write_config("{models: 3}")

    with cli.app() as app, pytest.raises(ConfigError) as caught:
        app.onboarding()
    assert caught.value.code == "config.invalid"
    assert [each.code for each in caught.value.diagnostics] == ["config.type"]


def test_the_http_client_says_who_it_is(cli: Cli) -> None:
    with cli.app() as app:
        first, second = app.http_client(), app.http_client()

    assert first is not second


def test_find_paths_and_app_agree(cli: Cli) -> None:
    with cli.app() as app:
        assert app.paths == find_paths(cli.env)
        assert app.paths.store_file == cli.store_file


def test_a_credential_is_not_handed_out_for_another_origin(cli: Cli) -> None:
    with cli.app() as app:
        app.store.put(Profile("openai:default", ApiKeyCredential(Secret("sk-1")), origin="https://api.openai.com"))
        assert app.credential("openai").name == "openai:default"
    cli.write_config('{models: {providers: {openai: {baseUrl: "https://other.test/v1", models: []}}}}')
    with cli.app() as app, pytest.raises(CredentialError) as caught:
        app.credential("openai")
    assert caught.value.code == "credential.locked"
    assert "https://api.openai.com" in caught.value.message
    assert "sk-1" not in str(caught.value)
