"""Login and logout over a real store, a real config file and real servers: all of it is written, or nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.auth.answers import AnswersPrompter
from jackfield.auth.flows import LoginResult, NewProfile
from jackfield.auth.prompter import NobodyPrompter, Progress
from jackfield.config.paths import find_paths
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile
from jackfield.credentials.secret import Secret
from jackfield.errors import (
    AnswerError,
    CancelledError,
    ConfigError,
    CredentialError,
    JackfieldError,
    NeedsTerminalError,
    RemoteError,
    RequestError,
    StoreError,
    UnknownNameError,
)
from jackfield.onboarding import LoginOutcome, LoginRequest
from support.cli import RIGHT_KEY, WRONG_KEY, Cli, leaks, model_server, sent_key
from support.servers import Connection, HttpServer, Request, answering, holding, refusing_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jackfield.app import App
    from jackfield.auth.flows import LoginContext
    from jackfield.auth.prompter import Prompter, Question

CONFIG = """// kept as it is
{
  'gateway': { port: 18789, }, // of another program
  agents: { defaults: { model: "openai/gpt-5" } },
}
"""


class Shown(Progress):
    """Something under way that remembers that it ended."""

    def __init__(self) -> None:
        self.stopped = 0

    def stop(self, message: str | None = None) -> None:
        self.stopped += 1


class Script(AnswersPrompter):
    """Scripted answers, with what was said and what was shown to be under way."""

    def __init__(self, *answers: object) -> None:
        self.said: list[str] = []
        self.shown: list[tuple[str, Shown]] = []
        super().__init__(answers, self.said.append)

    def progress(self, label: str) -> Progress:
        self.shown.append((label, Shown()))
        return self.shown[-1][1]


class Asked(Script):
    """A script that remembers what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.questions: list[str] = []
        super().__init__(*answers)

    async def ask(self, question: Question) -> object:
        self.questions.append(question.message)
        return await super().ask(question)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    found = Cli(tmp_path)
    found.write_config(CONFIG)
    return found


@pytest.fixture
def app(cli: Cli) -> Iterator[App]:
    with cli.app() as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with model_server(RIGHT_KEY) as opened:
        yield opened


def login(app: App, prompter: Prompter | None = None, **request: Any) -> LoginOutcome:
    asked = LoginRequest(**request)
    return asyncio.run(app.onboarding().login(asked, prompter or Script()))


def refused(app: App, prompter: Prompter | None = None, **request: Any) -> JackfieldError:
    """Log in, expecting an error that leaves everything as it was."""
    before = app.paths.config_file.read_bytes()
    with pytest.raises(JackfieldError) as caught:
        login(app, prompter, **request)
    assert app.paths.config_file.read_bytes() == before
    assert not app.paths.store_file.exists()
    return caught.value


def key(text: str = RIGHT_KEY) -> Secret:
    return Secret(text)


def test_a_login_writes_the_credential_and_its_config_entry(app: App, cli: Cli, server: HttpServer) -> None:
    outcome = login(app, name="openai", key=key(), base_url=f"{server.url}/v1")

    assert (outcome.provider, outcome.profiles, outcome.default_model) == ("openai", ("openai:default",), None)
    assert outcome.verdict is not None
    assert outcome.verdict.state == "accepted"
    assert outcome.changed == (
        ("models", "providers", "openai", "baseUrl"),
        ("models", "providers", "openai", "models"),
        ("auth", "profiles", "openai:default"),
    )
    profile = app.store.get("openai:default")
    assert profile is not None
    assert (profile.origin, profile.owner) == (server.url, "user")
    assert profile.credential == ApiKeyCredential(key())
    assert app.require_config().document.value == {
        "gateway": {"port": 18789},
        "agents": {"defaults": {"model": "openai/gpt-5"}},
        "models": {"providers": {"openai": {"baseUrl": f"{server.url}/v1", "models": []}}},
        "auth": {"profiles": {"openai:default": {"provider": "openai", "mode": "api_key"}}},
    }
    assert "'gateway': { port: 18789, }, // of another program\n" in cli.config_text()


def test_the_same_login_again_changes_the_credential_alone(app: App, cli: Cli, server: HttpServer) -> None:
    login(app, name="openai", key=key(), base_url=f"{server.url}/v1")
    before = cli.config_text()

    outcome = login(app, name="openai", key=key(), base_url=f"{server.url}/v1")

    assert outcome.changed == ()
    assert cli.config_text() == before


def test_an_existing_order_gets_the_new_profile_at_its_head(app: App, cli: Cli) -> None:
    cli.write_config('{auth: {order: {OpenAI: ["openai:old"]}}}')

    outcome = login(app, name="openai", key=key(), check=False)

    assert ("auth", "order", "OpenAI") in outcome.changed
    assert app.require_config().settings.order == (("OpenAI", ("openai:default", "openai:old")),)


def test_a_refused_key_writes_nothing_and_tells_the_providers_words(app: App, server: HttpServer) -> None:
    error = refused(app, name="openai", key=key(WRONG_KEY), base_url=f"{server.url}/v1")

    assert isinstance(error, CredentialError)
    assert (error.code, error.exit_status) == ("credential.refused", 1)
    assert error.message == (
        "The provider refused the credential (401): Incorrect API key provided: … Ask for another one."
    )
    assert leaks(f"{error.message} {error.fix}", WRONG_KEY) == []


def test_a_person_may_try_again_three_times(app: App, server: HttpServer) -> None:
    prompter = Script(WRONG_KEY, WRONG_KEY, RIGHT_KEY)

    outcome = login(app, prompter, name="openai", base_url=f"{server.url}/v1", interactive=True)

    assert outcome.profiles == ("openai:default",)
    assert [sent_key(each) for each in server.requests] == [WRONG_KEY, WRONG_KEY, RIGHT_KEY]
    assert [each.partition(":")[0] for each in prompter.said] == ["Not accepted", "Not accepted"]


def test_a_person_may_not_try_four_times(app: App, server: HttpServer) -> None:
    prompter = Script(*[WRONG_KEY] * 4)

    error = refused(app, prompter, name="openai", base_url=f"{server.url}/v1", interactive=True)

    assert error.code == "credential.refused"
    assert (len(server.requests), prompter.left) == (3, 1)


def test_a_script_goes_on_with_its_next_answer_when_a_key_is_refused(app: App, server: HttpServer) -> None:
    prompter = Script(WRONG_KEY, RIGHT_KEY)

    login(app, prompter, name="openai", base_url=f"{server.url}/v1")

    assert (prompter.left, len(server.requests)) == (0, 2)


def test_a_script_without_answers_left_is_told_the_refusal(app: App, server: HttpServer) -> None:
    prompter = Script(WRONG_KEY)

    error = refused(app, prompter, name="openai", base_url=f"{server.url}/v1")

    assert (error.code, prompter.left, len(server.requests)) == ("credential.refused", 0, 1)


def test_what_is_under_way_is_shown_and_ended(app: App, server: HttpServer) -> None:
    prompter = Script()

    login(app, prompter, name="openai", key=key(), base_url=f"{server.url}/v1")

    ((label, shown),) = prompter.shown
    assert (label, shown.stopped) == (f"Asking OpenAI at {server.url}", 1)


def test_what_is_under_way_is_ended_when_the_login_is_cancelled(app: App, cli: Cli) -> None:
    prompter = Script()

    arrived = threading.Event()

    async def hold(request: Request, connection: Connection) -> None:
        arrived.set()
        await connection.closed_by_peer()

    async def main(url: str) -> None:
        request = LoginRequest(name="openai", key=key(), base_url=f"{url}/v1")
        task = asyncio.ensure_future(app.onboarding().login(request, prompter))
        assert await asyncio.to_thread(arrived.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with HttpServer(hold) as slow:
        asyncio.run(main(slow.url))

    assert prompter.shown[0][1].stopped == 1
    assert cli.config_text() == CONFIG
    assert not cli.store_file.exists()


@pytest.mark.parametrize("status", [404, 429, 500, 503])
@pytest.mark.parametrize("agrees", [True, False])
def test_an_answer_that_tells_nothing_is_stored_only_if_agreed(app: App, status: int, agrees: bool) -> None:
    with HttpServer(answering(status)) as server:
        request = {"name": "openai", "key": key(), "base_url": f"{server.url}/v1"}
        if agrees:
            outcome = login(app, Script(True), **request)
            assert outcome.verdict is not None
            assert (outcome.profiles, outcome.verdict.state) == (("openai:default",), "undetermined")
            return
        error = refused(app, Script(False), **request)

    assert error.code == "credential.unverified"
    assert error.message == f"The provider's answer tells nothing about the credential ({status}). Nothing was stored."


def test_with_nobody_to_agree_a_server_that_is_down_stores_nothing(app: App) -> None:
    said: list[str] = []
    with refusing_port() as port:
        error = refused(
            app, NobodyPrompter(said.append), name="openai", key=key(), base_url=f"http://127.0.0.1:{port}/v1"
        )

    assert (error.code, error.exit_status) == ("credential.unverified", 1)
    assert error.message == f"http://127.0.0.1:{port} refuses connections. Nothing was stored."
    assert error.fix == "Try again later, or store it unchecked with --no-verify."
    assert said == []


@pytest.mark.parametrize(
    ("interactive", "told"), [(True, "The credential was not checked."), (False, "{url} refuses connections.")]
)
def test_why_it_was_not_checked_is_told_once(app: App, interactive: bool, told: str) -> None:
    prompter = Asked(False)
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        error = refused(app, prompter, name="openai", key=key(), base_url=f"{url}/v1", interactive=interactive)

    assert prompter.questions == [f"{url} refuses connections. Store it all the same?"]
    assert error.message == f"{told.format(url=url)} Nothing was stored."
    assert prompter.said == []


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("gpt-5.2-prro", "gpt-5.2-pro"),
        ("openai/gpt-9", "gpt-5"),
        ("zz-top", None),
        ("x" * 90, None),
    ],
)
def test_a_model_that_nobody_lists_is_doubted_and_taken(app: App, model: str, near: str | None) -> None:
    outcome = login(app, name="openai", key=key(), check=False, model=model)

    assert outcome.default_model == f"openai/{model.removeprefix('openai/')}"
    assert app.require_config().settings.default_model == outcome.default_model
    (doubt,) = outcome.diagnostics
    assert (doubt.code, doubt.severity, doubt.path) == ("login.unlisted-model", "warning", ())
    assert doubt.hint is not None
    assert doubt.hint.startswith("Did you mean " if near else "See: jackfield providers show openai")
    assert near is None or near in doubt.hint
    assert len(doubt.message) < 130


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("openai", "gpt-5"),
        ("openai", "own-1"),
        ("anthropic", "claude-opus-4-5"),
        ("ollama", "anything:7b"),
        ("inhouse", "whatever"),
    ],
)
def test_a_model_that_is_listed_or_of_no_fixed_list_is_not_doubted(app: App, cli: Cli, name: str, model: str) -> None:
    cli.write_config(
        '{models: {providers: {openai: {models: [{id: "own-1"}]}, inhouse: {baseUrl: "https://in.acme.test/v1"}}}}'
    )
    method = "api-key" if name == "anthropic" else None

    outcome = login(app, name=name, method=method, key=None if name == "ollama" else key(), check=False, model=model)

    assert outcome.diagnostics == ()
    assert outcome.default_model == f"{name}/{model}"


def test_a_default_model_that_the_block_proposes_is_not_doubted(app: App) -> None:
    assert login(app, name="zai", key=key(), check=False, set_default=True).diagnostics == ()


@pytest.mark.parametrize(
    ("name", "method", "fix"),
    [
        ("openai", None, "Leave --expires-in out."),
        ("anthropic", "api-key", "Leave --expires-in out, or paste a token with --method token."),
        ("ollama", None, "Leave --expires-in out."),
    ],
)
def test_a_lifetime_is_refused_for_what_is_no_token(app: App, name: str, method: str | None, fix: str) -> None:
    error = refused(app, name=name, method=method, key=key(), check=False, expires_in="30d")

    assert (error.code, error.exit_status, error.fix) == ("login.no-lifetime", 2, fix)


def test_a_script_without_an_answer_to_it_stores_nothing(app: App) -> None:
    with refusing_port() as port:
        error = refused(app, Script(), name="openai", key=key(), base_url=f"http://127.0.0.1:{port}/v1")

    assert isinstance(error, AnswerError)
    assert error.code == "answers.too-few"


def test_a_slow_server_is_given_up_after_the_deadline(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jackfield.onboarding.VERIFY_DEADLINE_S", 0.2)
    with HttpServer(holding(b"HTTP/1.1 200 OK\r\n")) as server:
        error = refused(app, Script(False), name="openai", key=key(), base_url=f"{server.url}/v1")

    assert error.code == "credential.unverified"
    assert error.message.startswith(server.url)
    assert error.message.endswith("Nothing was stored.")


def test_without_a_check_nobody_is_asked(app: App, server: HttpServer) -> None:
    outcome = login(app, name="openai", key=key(WRONG_KEY), base_url=f"{server.url}/v1", check=False)

    assert (outcome.verdict, outcome.profiles) == (None, ("openai:default",))
    assert server.connections == 0


@pytest.mark.parametrize(
    ("name", "method", "profile"),
    [
        ("openai", None, "openai:default"),
        ("openai-api-key", None, "openai:default"),
        ("z.ai", None, "zai:default"),
        ("anthropic", "api-key", "anthropic:default"),
        ("anthropic", "apiKey", "anthropic:default"),
        ("apiKey", None, "anthropic:default"),
        ("groq", None, "groq:default"),
        ("minimax-api-lightning", None, "minimax:default"),
    ],
)
def test_a_login_is_named_by_id_alias_choice_or_method(app: App, name: str, method: str | None, profile: str) -> None:
    outcome = login(app, name=name, method=method, key=key(), check=False)

    assert outcome.profiles == (profile,)


def test_with_several_methods_the_user_chooses(app: App) -> None:
    assert login(app, Script("api-key"), name="anthropic", key=key(), check=False).profiles == ("anthropic:default",)


def test_with_several_methods_and_nobody_the_error_names_them(app: App) -> None:
    error = refused(app, NobodyPrompter(lambda _: None), name="anthropic", key=key())

    assert isinstance(error, NeedsTerminalError)
    assert error.fix == "Answer it with --method token|api-key, or run this in a terminal."


def test_without_a_name_the_user_chooses_from_all_that_can_be_logged_in_to(app: App) -> None:
    assert login(app, Script("openai-api-key", RIGHT_KEY), check=False).provider == "openai"
    assert login(app, Script("groq", RIGHT_KEY), check=False).provider == "groq"
    assert login(app, Script("Z.AI (GLM 4.7) API key", RIGHT_KEY), check=False).provider == "zai"


def test_without_a_name_and_nobody_the_error_says_how_to_name_one(app: App) -> None:
    error = refused(app, NobodyPrompter(lambda _: None))

    assert error.fix == "Answer it with jackfield login ID, or run this in a terminal."


def test_the_list_of_choices_says_what_cannot_be_chosen_here(app: App) -> None:
    asked: list[Any] = []
    del app.runners["oauth-pkce"]

    class Looking(Script):
        async def ask(self, question: Any) -> object:
            asked.append(question)
            raise CancelledError("enough")

    assert refused(app, Looking()).code == "cancelled"
    hints = {each.value: each.hint for each in asked[0].options}
    assert hints["chutes"] == "cannot run here"
    assert hints["qwen-portal"] == "needs plugin qwen-portal-auth"
    assert hints["openai-api-key"] is None
    assert len(hints) == len(asked[0].options)


@pytest.mark.parametrize(
    ("name", "method", "code"),
    [
        ("opnai", None, "login.unknown"),
        ("", None, "login.unknown"),
        ("sk-canary-" + "x" * 60, None, "login.unknown"),
        ("openai", "oauth", "login.unknown-method"),
        ("claude-cli", None, "login.no-method"),
        ("codex-cli", None, "login.no-method"),
        ("amazon-bedrock", None, "login.no-method"),
        ("google-vertex", None, "login.no-method"),
        ("qwen-portal", None, "login.needs-plugin"),
        ("copilot-proxy", None, "login.needs-plugin"),
        ("google-antigravity", None, "login.needs-plugin"),
        ("google-gemini-cli", None, "login.needs-plugin"),
        ("chutes", None, "login.no-key"),
        ("openai-codex", None, "login.no-key"),
        ("github-copilot", None, "login.no-key"),
    ],
)
def test_what_cannot_be_logged_in_to_is_an_error_with_its_code(
    app: App, name: str, method: str | None, code: str
) -> None:
    error = refused(app, name=name, method=method, key=key())

    assert isinstance(error, RequestError)
    assert error.code == code
    assert "sk-canary" not in error.message


def test_a_flow_that_nobody_runs_says_what_else_there_is(app: App) -> None:
    del app.runners["token"]

    error = refused(app, name="anthropic", method="token", key=key())

    assert (error.code, error.fix) == ("login.unavailable", "Use --method api-key.")


@pytest.mark.parametrize(
    ("request_", "ref"),
    [
        ({"set_default": True}, "zai/glm-4.7"),
        ({"model": "glm-5"}, "zai/glm-5"),
        ({"model": "zai/glm-5"}, "zai/glm-5"),
        ({"model": "Z.AI/glm-5"}, "zai/glm-5"),
        ({"model": "glm-5", "set_default": True}, "zai/glm-5"),
        ({}, None),
    ],
)
def test_the_default_model_is_changed_only_when_asked_for(app: App, request_: dict[str, Any], ref: str | None) -> None:
    outcome = login(app, name="zai", key=key(), check=False, **request_)

    assert outcome.default_model == ref
    assert app.require_config().settings.default_model == (ref or "openai/gpt-5")


@pytest.mark.parametrize(
    ("name", "request_", "code"),
    [
        ("openai", {"set_default": True}, "login.no-default-model"),
        ("openai", {"model": "zai/glm-5"}, "login.foreign-model"),
        ("openai", {"model": "nobody/x"}, "registry.unknown"),
        ("openai", {"model": "openai/"}, "ref.model"),
        ("openai", {"model": ""}, "ref.model"),
        ("openai", {"profile": "two words"}, "login.profile-name"),
        ("openai", {"key": Secret("")}, "login.key-format"),
        ("anthropic", {"method": "token", "key": Secret(RIGHT_KEY)}, "login.key-format"),
        (
            "anthropic",
            {"method": "token", "key": Secret("sk-ant-oat01-" + "x" * 80), "expires_in": "soon"},
            "login.duration",
        ),
        ("openai", {"base_url": ""}, "url.empty"),
        ("openai", {"base_url": "api.acme.test"}, "url.scheme"),
        ("openai", {"base_url": "file:///etc/passwd"}, "url.scheme"),
        ("openai", {"base_url": "https://user:pw@api.acme.test"}, "url.userinfo"),
        ("openai", {"base_url": "https://api.acme.test/a/../b"}, "url.dot-segment"),
        ("openai", {"base_url": "http://169.254.169.254/latest"}, "url.forbidden-address"),
        ("openai", {"base_url": "http://api.acme.test/v1"}, "url.insecure"),
        ("openai", {"base_url": "https://xn--pi-7ia.acme.test"}, "url.idna"),
        ("openai", {"base_url": "https://api.acme.test/\x1b[31m"}, "url.control"),
        ("openai", {"base_url": "http://0x7f000001/v1"}, "url.numeric-host"),
    ],
)
def test_a_request_that_cannot_be_fulfilled_writes_nothing(
    app: App, name: str, request_: dict[str, Any], code: str
) -> None:
    error = refused(app, **{"name": name, "key": key(), "check": False, **request_})

    assert error.code == code


def test_a_private_address_that_was_typed_is_agreed_to(app: App) -> None:
    outcome = login(app, name="openai", key=key(), base_url="http://192.168.7.7:8080/v1/", check=False)

    assert ("models", "providers", "openai", "baseUrl") in outcome.changed
    assert app.require_config().settings.providers[0].base_url == "http://192.168.7.7:8080/v1"


def test_a_local_service_is_logged_in_to_by_its_address_alone(app: App) -> None:
    with model_server() as server:
        outcome = login(app, NobodyPrompter(lambda _: None), name="ollama", base_url=f"{server.url}/v1")

    assert outcome.verdict is not None
    assert (outcome.profiles, outcome.verdict.state) == ((), "reachable")
    entry = ("models", "providers", "ollama")
    assert outcome.changed == ((*entry, "baseUrl"), (*entry, "models"))
    assert app.store.profiles() == ()


def test_notes_of_the_block_come_before_and_after(app: App) -> None:
    prompter = Script()

    outcome = login(app, prompter, name="opencode", key=key(), check=False)

    assert prompter.said == [
        "OpenCode Zen: OpenCode Zen needs an account with credit; one key opens all its models. https://opencode.ai/auth"
    ]
    assert outcome.notes == ()
    assert login(app, name="openai", key=key(), check=False).notes == (
        "The key is kept in the credential store; background services started elsewhere find it there.",
    )


def test_a_broken_config_stops_a_login_before_anything_is_asked(app: App, cli: Cli) -> None:
    cli.write_config("{models: 3}")

    error = refused(app, Script(), name="openai")

    assert isinstance(error, ConfigError)
    assert error.code == "config.invalid"


def test_a_config_that_breaks_meanwhile_undoes_the_credential(app: App, cli: Cli, server: HttpServer) -> None:
    onboarding = app.onboarding()
    cli.write_config("{models: 3}")

    with pytest.raises(ConfigError):
        asyncio.run(onboarding.login(LoginRequest(name="openai", key=key(), base_url=f"{server.url}/v1"), Script()))

    assert cli.config_text() == "{models: 3}"
    assert app.store.profiles() == ()


def test_a_profile_of_a_plugin_is_not_overwritten(app: App, cli: Cli) -> None:
    app.store.put(Profile("openai:default", ApiKeyCredential(key()), owner="plugin:acme"))
    before = cli.config_text()

    with pytest.raises(JackfieldError) as caught:
        login(app, name="openai", key=key(WRONG_KEY), check=False)

    assert isinstance(caught.value, (StoreError, RequestError))
    assert cli.secret("openai:default") == RIGHT_KEY
    assert cli.config_text() == before


def test_a_runner_may_return_several_profiles_with_an_account(app: App) -> None:
    async def run_two(context: LoginContext) -> LoginResult:
        grant = OAuthCredential(Secret("access-1"), Secret("refresh-1"), 2_000_000_000_000, email="me@example.org")
        return LoginResult(
            (
                NewProfile("chutes:one", grant, "me@example.org"),
                NewProfile("chutes:two", ApiKeyCredential(key())),
            ),
            None,
            ("Two were made.",),
        )

    app.runners["oauth-pkce"] = run_two

    outcome = login(app, name="chutes", check=False)

    assert outcome.profiles == ("chutes:one", "chutes:two")
    assert outcome.notes == ("Two were made.",)
    entries = {each.id: (each.mode, each.email) for each in app.require_config().settings.profiles}
    assert entries == {"chutes:one": ("oauth", "me@example.org"), "chutes:two": ("api_key", None)}


def test_the_access_token_of_a_grant_is_what_is_checked(app: App, server: HttpServer) -> None:
    async def run_grant(context: LoginContext) -> LoginResult:
        grant = OAuthCredential(Secret(RIGHT_KEY), None, 2_000_000_000_000)
        return LoginResult((NewProfile("chutes:one", grant),))

    app.runners["oauth-pkce"] = run_grant

    login(app, name="chutes", base_url=f"{server.url}/v1")

    assert [sent_key(each) for each in server.requests] == [RIGHT_KEY]


def test_a_logout_forgets_in_the_store_and_in_the_config(app: App, cli: Cli) -> None:
    login(app, name="openai", key=key(), check=False)
    login(app, name="openai", key=key(), profile="work", check=False)

    changed = app.onboarding().logout(("openai:work",))

    assert changed == (("auth", "profiles", "openai:work"),)
    assert cli.profile_ids() == ["openai:default"]
    assert [each.id for each in app.require_config().settings.profiles] == ["openai:default"]


def test_a_logout_takes_the_profile_out_of_orders(app: App, cli: Cli) -> None:
    cli.write_config('{auth: {order: {openai: ["openai:default", "openai:work"], zai: ["zai:x"]}}}')
    login(app, name="openai", key=key(), check=False)

    changed = app.onboarding().logout(("openai:default",))

    assert changed == (("auth", "profiles", "openai:default"), ("auth", "order", "openai"))
    assert app.require_config().settings.order == (("openai", ("openai:work",)), ("zai", ("zai:x",)))


def test_logging_in_and_out_leaves_the_settings_as_they_were(app: App) -> None:
    before = app.require_config().settings
    login(app, name="openai", key=key(), check=False)

    app.onboarding().logout(("openai:default",))

    assert app.require_config().settings == before


def test_an_unknown_name_suggests(app: App) -> None:
    error = refused(app, name="anthropc")

    assert isinstance(error, UnknownNameError)
    assert error.suggestions[0] == "anthropic"


def test_the_onboarding_needs_no_config_file(tmp_path: Path) -> None:
    fresh = Cli(tmp_path)
    with fresh.app() as app:
        login(app, name="openai", key=key(), check=False)

    assert find_paths(fresh.env).config_file == fresh.config_file
    assert fresh.config_file.stat().st_mode & 0o777 == 0o600
    assert fresh.home.stat().st_mode & 0o777 == 0o700
    assert fresh.secret("openai:default") == RIGHT_KEY


def issued(*profiles: str) -> Any:
    """Return a flow whose credentials the provider has just given out."""

    async def run(context: LoginContext) -> LoginResult:
        grant = OAuthCredential(Secret(RIGHT_KEY), Secret("refresh-1"), 2_000_000_000_000)
        return LoginResult(tuple(NewProfile(each, grant) for each in profiles), issued=True)

    return run


def test_what_was_issued_just_now_is_taken_for_accepted_where_the_block_has_no_check_of_its_own(app: App) -> None:
    app.runners["oauth-pkce"] = issued("openai-codex:me")

    outcome = login(app, name="openai-codex")

    assert outcome.verdict is not None
    assert (outcome.verdict.state, outcome.verdict.message) == ("accepted", "The provider has issued the credential.")
    assert outcome.profiles == ("openai-codex:me",)


def test_what_was_issued_just_now_is_kept_without_a_question_when_the_service_does_not_answer(app: App) -> None:
    app.runners["oauth-pkce"] = issued("chutes:me")

    with refusing_port() as port:
        outcome = login(app, Script(), name="chutes", base_url=f"http://127.0.0.1:{port}/v1")

    assert outcome.verdict is not None
    assert outcome.verdict.state == "unreachable"
    assert outcome.profiles == ("chutes:me",)


def test_what_was_issued_and_is_refused_is_not_tried_a_second_time(app: App, cli: Cli) -> None:
    app.runners["oauth-pkce"] = issued("chutes:me")

    with model_server("another-key") as strict:
        error = refused(app, Script("one", "two"), name="chutes", base_url=f"{strict.url}/v1")
        asked = len(strict.requests)

    assert (error.code, asked) == ("credential.refused", 1)
    assert error.fix == "Sign in with an account that may use this provider. --no-verify skips this check."
    assert cli.profile_ids() == []


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (CredentialError("No.", code="credential.denied"), "OAuth help: The sign-in did not finish; nothing was"),
        (RemoteError("No.", code="remote.sign-in"), "OAuth help: The sign-in did not finish; nothing was"),
        (RequestError("No.", code="login.no-key"), None),
        (CancelledError("No."), None),
    ],
    ids=["refused", "failed", "wrongly-asked", "ended"],
)
def test_what_a_block_knows_of_a_failed_sign_in_is_told(app: App, failure: JackfieldError, told: str | None) -> None:
    async def fail(context: LoginContext) -> LoginResult:
        raise failure

    app.runners["oauth-pkce"] = fail
    script = Script()

    assert refused(app, script, name="openai-codex") is failure
    assert any(each.startswith(told or "OAuth help") for each in script.said) is (told is not None)


def test_what_a_block_knows_of_missing_terminals_is_told(app: App) -> None:
    said: list[str] = []

    error = refused(app, NobodyPrompter(said.append), name="github-copilot")

    assert error.code == "needs-terminal.sign-in"
    assert "GitHub Copilot: The device login shows a code to type, so it needs a terminal." in said
