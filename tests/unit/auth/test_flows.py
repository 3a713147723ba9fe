"""The flows of core: where a key comes from, under which id it is kept, how long a token lives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.auth.answers import AnswersPrompter
from jackfield.auth.flows import (
    CORE_RUNNERS,
    LoginContext,
    LoginResult,
    NewProfile,
    parse_duration,
    profile_id,
    run_api_key,
    run_local_server,
    run_token,
)
from jackfield.credentials.profile import ApiKeyCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import InternalError, RequestError
from jackfield.providers.block import ApiKey, AuthMethod, EnvVars, Provider
from jackfield.providers.parts import FrozenMap
from jackfield.providers.registry import ProviderRegistry

if TYPE_CHECKING:
    from jackfield.auth.flows import Runner

NOW = 1_800_000_000_000
ENV_KEY = "sk-from-the-environment-1"


def method(**changes: Any) -> AuthMethod:
    fields: dict[str, Any] = {
        "id": "api-key",
        "choice": "acme-api-key",
        "kind": "api_key",
        "label": "Acme API key",
        "runner": "api-key",
        "key": ApiKey(prompt="Acme API key"),
        "profile": "acme:default",
    }
    return AuthMethod(**{**fields, **changes})


def provider(*methods: AuthMethod, **changes: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": "acme",
        "label": "Acme",
        "base_url": "https://api.acme.test/v1",
        "api": "openai-completions",
        "env": EnvVars(any_of=("ACME_API_KEY", "ACME_KEY")),
        "auth": methods,
    }
    return Provider(**{**fields, **changes})


class Login:
    """A context over scripted answers."""

    def __init__(
        self, *answers: object, way: AuthMethod | None = None, block: Provider | None = None, **more: Any
    ) -> None:
        self.said: list[str] = []
        self.prompter = AnswersPrompter(answers, self.said.append)
        way = way or method()
        fields: dict[str, Any] = {"env": FrozenMap({}), "base_url": "https://api.acme.test/v1", "now": NOW}
        self.context = LoginContext(
            provider=block or provider(way), method=way, prompter=self.prompter, **{**fields, **more}
        )

    def run(self, runner: Runner) -> LoginResult:
        async def main() -> LoginResult:
            return await runner(self.context)

        return asyncio.run(main())


def key_of(result: LoginResult) -> str:
    (profile,) = result.profiles
    assert isinstance(profile.credential, ApiKeyCredential)
    return profile.credential.key.reveal()


def test_a_pasted_key_is_cleaned_and_kept_under_the_methods_profile() -> None:
    result = Login('export ACME_API_KEY="sk-pasted-1";').run(run_api_key)

    assert result == LoginResult((NewProfile("acme:default", ApiKeyCredential(Secret("sk-pasted-1"))),))


def test_a_rejected_paste_is_asked_for_again() -> None:
    login = Login("", "two words", "sk-pasted-2")

    assert key_of(login.run(run_api_key)) == "sk-pasted-2"
    assert login.said == [
        "Answer 1 to 'Acme API key' was rejected: Required",
        (
            "Answer 2 to 'Acme API key' was rejected: A key has no white space, control characters or letters outside "
            "ASCII. Paste it again."
        ),
    ]


def test_a_given_key_is_used_without_asking() -> None:
    login = Login(key=Secret(" `sk-given-1` \n"), env={"ACME_API_KEY": ENV_KEY})

    assert key_of(login.run(run_api_key)) == "sk-given-1"


def test_a_given_key_that_is_none_is_an_error_that_does_not_repeat_it() -> None:
    login = Login(key=Secret("sk-canary one"))

    with pytest.raises(RequestError) as caught:
        login.run(run_api_key)

    assert caught.value.code == "login.key-format"
    assert caught.value.message.startswith("That is no key for Acme: A key has no white space")
    assert "canary" not in str(caught.value)


def test_a_key_in_the_environment_is_offered_by_name_and_preview() -> None:
    asked: list[str] = []

    class Listening(AnswersPrompter):
        async def ask(self, question: Any) -> object:
            asked.append(question.message)
            return await super().ask(question)

    login = Login(env={"ACME_KEY": f"'{ENV_KEY}'"})
    prompter = Listening([True], login.said.append)
    login.context = LoginContext(
        provider=login.context.provider,
        method=login.context.method,
        prompter=prompter,
        env=login.context.env,
        base_url=None,
        now=NOW,
    )

    assert key_of(login.run(run_api_key)) == ENV_KEY
    assert asked == ["Use the key in ACME_KEY (sk-f…nt-1)?"]


def test_declining_the_environments_key_asks_for_another() -> None:
    assert key_of(Login(False, "sk-pasted-3", env={"ACME_API_KEY": ENV_KEY}).run(run_api_key)) == "sk-pasted-3"


@pytest.mark.parametrize(
    ("env", "used"),
    [
        ({"ACME_API_KEY": "first-key-1", "ACME_KEY": "second-key-1"}, "first-key-1"),
        ({"ACME_API_KEY": "  ", "ACME_KEY": "second-key-1"}, "second-key-1"),
        ({"ACME_API_KEY": "not a key", "ACME_KEY": "second-key-1"}, "second-key-1"),
    ],
)
def test_the_first_variable_that_holds_a_key_is_offered(env: dict[str, str], used: str) -> None:
    assert key_of(Login(True, env=env).run(run_api_key)) == used


@pytest.mark.parametrize("env", [{}, {"ACME_API_KEY": ""}, {"ACME_API_KEY": "two words"}, {"OTHER": ENV_KEY}])
def test_without_a_key_in_the_environment_nothing_is_offered(env: dict[str, str]) -> None:
    assert key_of(Login("sk-pasted-4", env=env).run(run_api_key)) == "sk-pasted-4"


def test_a_method_may_say_that_the_environment_is_not_offered() -> None:
    way = method(key=ApiKey(prompt="Acme API key", offer_env=False))

    assert key_of(Login("sk-pasted-5", way=way, env={"ACME_API_KEY": ENV_KEY}).run(run_api_key)) == "sk-pasted-5"


@pytest.mark.parametrize(("expires_in", "expires"), [(None, None), ("30d", NOW + 2_592_000_000), ("90s", NOW + 90_000)])
def test_a_token_ends_when_the_user_says_so(expires_in: str | None, expires: int | None) -> None:
    way = method(kind="token", runner="token", profile="acme:{name}")

    result = Login("tok-pasted-1", way=way, expires_in=expires_in).run(run_token)

    assert result.profiles == (NewProfile("acme:default", TokenCredential(Secret("tok-pasted-1"), expires)),)


def test_a_local_server_yields_no_credential() -> None:
    way = method(kind="none", runner="local-server", key=None, profile=None, default_model="acme/own")

    assert Login(way=way).run(run_local_server) == LoginResult((), "acme/own")


@pytest.mark.parametrize(
    ("of_method", "of_provider", "proposed"),
    [("acme/one", "acme/two", "acme/one"), (None, "acme/two", "acme/two"), (None, None, None)],
)
def test_the_methods_default_model_comes_before_the_providers(
    of_method: str | None, of_provider: str | None, proposed: str | None
) -> None:
    way = method(default_model=of_method)

    result = Login("sk-pasted-6", way=way, block=provider(way, default_model=of_provider)).run(run_api_key)

    assert result.default_model == proposed


@pytest.mark.parametrize(
    ("template", "name", "expected"),
    [
        ("acme:default", None, "acme:default"),
        ("acme:{email}", None, "acme:default"),
        ("acme:{email}", "me@example.org", "acme:me@example.org"),
        (None, None, "acme:default"),
        ("acme:github", None, "acme:github"),
        ("acme:github", "Work", "acme:Work"),
        ("acme:default", "  work ", "acme:work"),
        ("acme:default", "acme:work", "acme:work"),
        ("acme:default", "other:work", "acme:other:work"),
        ("acme:default", "\u00fcber", "acme:\u00fcber"),
        ("acme:default", "a" * 200, "acme:" + "a" * 200),
    ],
)
def test_the_profiles_id_is_the_methods_or_the_name_asked_for(
    template: str | None, name: str | None, expected: str
) -> None:
    way = method(kind="none", profile=template) if template is None else method(profile=template)

    assert profile_id(Login(way=way, profile_name=name).context) == expected


@pytest.mark.parametrize("name", ["", "  ", "two words", "a\nb", "a\0b", "a\u200bb", "\u202e", "acme:", "a" * 201])
def test_a_name_that_cannot_name_a_profile_is_refused(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        profile_id(Login(profile_name=name).context)

    assert caught.value.code == "login.profile-name"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("5m", 300),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
        ("90", 7_776_000),
        (" 7 D ", 604_800),
        ("999999w", 604_799_395_200),
    ],
)
def test_a_lifetime_is_a_number_and_a_unit_days_by_default(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "0", "0d", "-1d", "1.5h", "1y", "1d2h", "1000000d", "\u0663d", "1 d x"])
def test_anything_else_is_no_lifetime(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_duration(text)

    assert caught.value.code == "login.duration"
    assert caught.value.fix == "Write a number and s, m, h, d or w, such as 30d."


def test_a_method_without_a_description_of_its_key_is_our_own_fault() -> None:
    with pytest.raises(InternalError):
        Login(way=method(kind="none", key=None)).run(run_api_key)


def test_every_runner_that_a_block_of_core_names_is_there() -> None:
    named = {
        each.runner
        for block in ProviderRegistry.with_core().list_providers()
        for each in block.auth
        if each.supplied_by is None
    }

    assert named <= set(CORE_RUNNERS)
    assert set(CORE_RUNNERS) == {"api-key", "token", "local-server", "oauth-pkce", "device-code"}


@pytest.mark.parametrize(
    ("template", "names", "expected"),
    [
        ("acme:{email}", {"email": "me@example.org"}, "acme:me@example.org"),
        ("acme:{username}", {"email": "me@example.org"}, "acme:default"),
        ("acme:{username}", {"username": "me", "email": "me@example.org"}, "acme:me"),
        ("acme:fixed", {"username": "me"}, "acme:fixed"),
    ],
)
def test_what_the_vendor_tells_of_the_user_fills_the_profiles_id(
    template: str, names: dict[str, str], expected: str
) -> None:
    assert profile_id(Login(way=method(profile=template)).context, names) == expected


def test_the_name_asked_for_comes_before_what_the_vendor_tells() -> None:
    context = Login(way=method(profile="acme:{email}"), profile_name="work").context

    assert profile_id(context, {"email": "me@example.org"}) == "acme:work"
