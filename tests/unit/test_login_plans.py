"""What a login writes through the gate: addresses under any spelling, proposals of flows, consents, repairs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.auth.flows import CORE_RUNNERS, LoginResult
from jackfield.auth.prompter import NobodyPrompter
from jackfield.credentials.secret import Secret
from jackfield.errors import RequestError
from jackfield.onboarding import LoginOutcome, LoginRequest
from jackfield.records import replace
from support.cli import RIGHT_KEY, Cli, leaks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jackfield.app import App
    from jackfield.auth.flows import LoginContext

NEW = "https://proxy.test/v2"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def app(cli: Cli) -> Iterator[App]:
    with cli.app() as opened:
        yield opened


def propose(app: App, patch: Mapping[str, object]) -> None:
    """Let the flow for API keys propose a change of the config."""

    async def run(context: LoginContext) -> LoginResult:
        return replace(await CORE_RUNNERS["api-key"](context), config_patch=patch)

    app.runners["api-key"] = run


def login(app: App, **request: Any) -> LoginOutcome:
    asked = LoginRequest(**{"name": "zai-api-key", "key": Secret(RIGHT_KEY), "check": False, **request})
    return asyncio.run(app.onboarding().login(asked, NobodyPrompter(lambda _: None)))


def providers(app: App) -> Any:
    value: Any = app.require_config().document.value
    return value.get("models", {}).get("providers")


ENTRIES = [
    ("{}", NEW, {"zai": {"baseUrl": NEW, "models": []}}),
    ("{}", None, {}),
    ("{groq: {baseUrl: 'https://proxy.test/v2'}}", NEW, None),
    ("{zai: {}}", NEW, {"zai": {"baseUrl": NEW}}),
    ("{zai: {apiKey: '${KEY}'}}", None, {"zai": {"apiKey": "${KEY}"}}),
    ("{zai: {baseUrl: 'https://proxy.test/v2'}}", NEW, {"zai": {"baseUrl": NEW}}),
    ("{zai: {baseUrl: 'https://proxy.test/v2//'}}", NEW, {"zai": {"baseUrl": f"{NEW}//"}}),
    ("{zai: {baseUrl: 'https://old.test', more: 1}}", NEW, {"zai": {"baseUrl": NEW, "more": 1}}),
    ("{'z.ai': {apiKey: 'x'}}", NEW, {"z.ai": {"apiKey": "x", "baseUrl": NEW}}),
    ("{' Z.AI ': {models: [{id: 'x'}]}}", NEW, {" Z.AI ": {"models": [{"id": "x"}], "baseUrl": NEW}}),
    ("{'z-ai': {}, zai: {baseUrl: 'https://old.test'}}", NEW, {"z-ai": {}, "zai": {"baseUrl": NEW}}),
]


@pytest.mark.parametrize(("entries", "url", "expected"), ENTRIES)
def test_an_address_goes_into_the_entry_of_the_provider_however_it_is_spelled(
    app: App, cli: Cli, entries: str, url: str | None, expected: dict[str, object] | None
) -> None:
    cli.write_config(f"{{models: {{providers: {entries}}}}}")

    login(app, base_url=url)

    if expected is None:
        expected = {"groq": {"baseUrl": NEW}, "zai": {"baseUrl": NEW, "models": []}}
    assert providers(app) == expected
    profile = app.store.get("zai:default")
    assert profile is not None
    if url is not None:
        assert profile.origin == "https://proxy.test"


def test_a_flow_may_propose_what_is_its_own_and_the_rest_is_left_out(app: App) -> None:
    propose(app, {"models": {"providers": {"zai": {"models": [{"id": "x"}]}, "openai": {}}}, "gateway": {"port": 1}})

    outcome = login(app)

    assert providers(app) == {"zai": {"models": [{"id": "x"}]}}
    assert {each.code for each in outcome.diagnostics} == {"patch.out-of-scope"}
    assert {each.path[0] for each in outcome.diagnostics} == {"models", "gateway"}


def test_an_address_that_was_typed_wins_over_a_proposed_one_and_keeps_the_rest(app: App) -> None:
    propose(app, {"models": {"providers": {"zai": {"baseUrl": "https://mine.test", "models": [{"id": "x"}]}}}})

    login(app, base_url=NEW)

    assert providers(app)["zai"]["baseUrl"] == NEW
    assert [each["id"] for each in providers(app)["zai"]["models"]] == ["x"]


@pytest.mark.parametrize(
    "patch",
    [
        {"models": {"providers": {"zai": {"apiKey": "$(id)"}}}},
        {"models": {"providers": {"zai": {"headers": {"X": RIGHT_KEY}}}}},
        {"__proto__": {"x": 1}},
    ],
)
def test_a_hostile_proposal_refuses_the_whole_login_and_nothing_is_written(
    app: App, cli: Cli, patch: dict[str, object]
) -> None:
    cli.write_config("{}\n")
    propose(app, patch)

    with pytest.raises(RequestError) as caught:
        login(app)

    assert caught.value.code == "login.refused"
    assert caught.value.diagnostics != ()
    assert leaks(str([caught.value.message, *map(str, caught.value.diagnostics)]), RIGHT_KEY) == []
    assert cli.files() == {"config.json5": b"{}\n"}


def test_a_conflict_is_told_until_it_is_agreed_to(app: App, cli: Cli) -> None:
    cli.write_config('{models: {providers: {zai: {baseUrl: "https://old.test"}}}}')
    propose(app, {"models": {"providers": {"zai": {"baseUrl": NEW}}}})

    kept = login(app, dry_run=True)
    half = login(app, dry_run=True, accept=("overwrite",))
    agreed = login(app, dry_run=True, accept=("overwrite", "origin-change"))

    assert [each.code for each in kept.diagnostics] == ["patch.conflict"]
    assert [each.code for each in half.diagnostics] == ["patch.conflict"]
    assert agreed.diagnostics == ()
    assert agreed.texts is not None
    assert NEW in agreed.texts[1]
    assert kept.plan is not None
    assert {each.code for each in kept.plan.consents} == {"overwrite", "origin-change"}


def test_a_repair_looks_again_under_the_lock(app: App, cli: Cli) -> None:
    cli.write_config('{auth: {profiles: {"openai:gone": {provider: "openai", mode: "api_key"}}}}')
    findings = app.examine()
    assert any(each.repair for each in findings)
    cli.write_config("{ /* mended by hand */ }")

    assert app.repair(findings) != ()
    assert cli.config_text() == "{ /* mended by hand */ }"
    assert app.commits.history() == ()


def test_repairs_are_one_commit_of_the_doctor(app: App, cli: Cli) -> None:
    listed = ", ".join(f'"openai:gone{n}": {{provider: "openai", mode: "api_key"}}' for n in range(3))
    cli.write_config(f"{{auth: {{profiles: {{{listed}}}}}}}")
    findings = app.examine()

    fixed = app.repair(findings)

    assert len(fixed) == sum(each.repair is not None for each in findings) >= 3
    (commit,) = app.commits.history()
    assert (commit.owner, commit.title) == ("doctor", f"{len(fixed)} repairs by doctor")
    assert "gone" not in cli.config_text()
    assert app.repair(app.examine()) == ()


def test_a_literal_key_in_a_proposal_goes_into_the_store_and_the_config_refers_to_it(app: App, cli: Cli) -> None:
    literal = "sk-literal-0123456789abcdef"

    async def run(context: LoginContext) -> LoginResult:
        patch = {"models": {"providers": {"zai": {"apiKey": literal}}}}
        return LoginResult((), None, (), patch)

    app.runners["api-key"] = run
    login(app)

    assert providers(app) == {"zai": {"apiKey": "profile:zai:default"}}
    assert literal not in cli.config_text()
    stored = app.store.get("zai:default")
    assert stored is not None
    assert stored.credential.to_secret_dict() == {"kind": "api_key", "key": literal}
    assert stored.origin == "https://api.z.ai"
    source = app.credential("zai")
    assert source.secret is not None
    assert source.secret.reveal() == literal


def test_typing_an_address_agrees_to_nothing_but_the_address(app: App, cli: Cli) -> None:
    cli.write_config("{models: {providers: {zai: {baseUrl: 'https://old.test', api: 'openai-completions'}}}}")
    propose(app, {"models": {"providers": {"zai": {"api": "openai-responses"}}}})

    login(app, base_url=NEW)

    assert providers(app)["zai"]["api"] == "openai-completions"


def test_the_doctor_looks_at_the_rest_when_the_store_is_broken(app: App, cli: Cli) -> None:
    cli.write_config("{auth: {order: {zai: ['zai:gone']}}, models: {providers: {zai: {apiKey: '$ZAI_API_KEY'}}}}")
    app.paths.store_file.write_bytes(b"this is no database, and it is long enough to be read as one" * 40)

    codes = {each.code for each in app.examine()}

    assert "store.unreadable" in codes
    assert "config.unmarked-variable" in codes
    # Whether that profile is stored cannot be told.
    assert "doctor.order" not in codes
