"""The survey of providers against real servers: every state, all at once, and nothing sent where nothing may be."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.settings import ProviderSettings, Settings
from jackfield.credentials.profile import ApiKeyCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.sources import Surroundings, surroundings_without_store
from jackfield.net import HttpClient
from jackfield.providers.block import Check, EnvSet, EnvVars, Provider, RuntimeTags
from jackfield.providers.registry import ProviderRegistry
from jackfield.status import ProviderStatus, how_to_configure, survey
from support.cli import RIGHT_KEY, WRONG_KEY, leaks, model_server, sent_key
from support.servers import Connection, HttpServer, Request, answering, holding, refusing_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOW = 1_800_000_000_000


def acme(base_url: str | None = "https://api.acme.test/v1", name: str = "acme", **changes: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": name,
        "label": name.title(),
        "base_url": base_url,
        "api": "openai-completions",
        "env": EnvVars(any_of=(f"{name.upper()}_API_KEY",)),
        "verify": Check("{base}/models"),
    }
    return Provider(**{**fields, **changes})


def stored(key: str, profile_id: str = "acme:default", origin: str | None = None) -> Profile:
    return Profile(profile_id, ApiKeyCredential(Secret(key)), origin=origin)


def around(
    *profiles: Profile, env: Mapping[str, str] | None = None, providers: Sequence[ProviderSettings] = ()
) -> Surroundings:
    return Surroundings(
        settings=Settings(providers=tuple(providers)),
        profiles=profiles,
        stored_order={},
        env=env or {},
        now=NOW,
        file_exists=lambda path: False,
    )


def test_without_a_store_environment_config_and_files_are_still_looked_in(tmp_path: Path) -> None:
    file = tmp_path / "adc.json"
    file.write_text("{}")
    needs_file = EnvVars(sets=(EnvSet(all_of=("ACME_PROJECT",), file_variable="ACME_FILE"),))
    settings = Settings(providers=(ProviderSettings(key="beta", api_key=RIGHT_KEY),))
    env = {"GAMMA_API_KEY": "g", "ACME_PROJECT": "p", "ACME_FILE": str(file)}
    where = surroundings_without_store(settings, env, NOW)

    blocks = (acme(env=needs_file, auth_mode="adc"), acme(name="beta"), acme(name="gamma"), acme(name="delta"))
    found = look(*blocks, where=where, probe=False, opener=no_client)

    assert [each.source for each in found] == ["env", "config", "env", None]
    assert (where.profiles, where.stored_order, where.now) == ((), {}, NOW)
    assert not where.file_exists(str(tmp_path))


def open_client() -> HttpClient:
    return HttpClient(env={}, user_agent="jackfield-test/1")


def no_client() -> HttpClient:
    raise AssertionError("nobody was to be asked")


def look(*providers: Provider, where: Surroundings, **options: Any) -> tuple[ProviderStatus, ...]:
    opener = options.pop("opener", open_client)
    return asyncio.run(survey(providers, where, opener, **options))


def one(provider: Provider, where: Surroundings, **options: Any) -> ProviderStatus:
    (status,) = look(provider, where=where, **options)
    return status


def test_a_provider_without_a_credential_is_not_configured_and_not_asked() -> None:
    status = one(acme(), around(), opener=no_client)

    assert status.to_dict() == {
        "id": "acme",
        "state": "not_configured",
        "source": None,
        "reason": "Run jackfield login acme, or set ACME_API_KEY.",
        "code": None,
    }


def test_a_right_key_is_verified_with_the_time_it_took() -> None:
    with model_server(RIGHT_KEY) as server:
        status = one(acme(f"{server.url}/v1"), around(stored(RIGHT_KEY)))

    assert status.to_dict() == {
        "id": "acme",
        "state": "verified",
        "source": "profile",
        "reason": "acme:default: The provider accepts the credential.",
        "code": None,
    }
    assert (status.label, status.source_name) == ("Acme", "acme:default")
    assert status.elapsed_s is not None
    assert 0 < status.elapsed_s < 4
    assert [(each.method, each.target) for each in server.requests] == [("GET", "/v1/models")]


def test_a_refused_key_is_failing_with_the_providers_words_but_the_key() -> None:
    with model_server(RIGHT_KEY) as server:
        status = one(acme(f"{server.url}/v1"), around(env={"ACME_API_KEY": WRONG_KEY}))

    assert (status.state, status.source, status.source_name) == ("failing", "env", "ACME_API_KEY")
    assert status.reason == (
        "The provider refused the credential (401): Incorrect API key provided: … Ask for another one."
    )
    assert leaks(status.reason, WRONG_KEY) == []


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (200, "verified", "The provider accepts the credential."),
        (402, "verified", "The credential is right, but the account has no credit (402)"),
        (403, "failing", "The provider refused the credential (403)"),
        (404, "configured", "The provider's answer tells nothing about the credential (404)"),
        (429, "configured", "The provider's answer tells nothing about the credential (429)"),
        (500, "configured", "The provider's answer tells nothing about the credential (500)"),
    ],
)
def test_each_answer_has_its_state(answer: int, state: str, reason: str) -> None:
    with HttpServer(answering(answer)) as server:
        status = one(acme(f"{server.url}/v1"), around(stored(RIGHT_KEY)))

    assert (status.state, status.reason) == (state, reason)


@pytest.mark.parametrize(("local", "state"), [(False, "failing"), (True, "unreachable")])
def test_a_provider_that_does_not_answer_fails_and_a_local_one_is_unreachable(local: bool, state: str) -> None:
    with refusing_port() as port:
        status = one(acme(f"http://127.0.0.1:{port}/v1", local=local), around(stored(RIGHT_KEY)))

    assert (status.state, status.reason) == (state, f"http://127.0.0.1:{port} refuses connections.")


def test_a_local_provider_without_a_key_is_reachable_when_it_answers() -> None:
    with model_server() as server:
        block = acme(
            f"{server.url}/v1", local=True, env=EnvVars(), verify=Check("{base}/models", auth="none", public=True)
        )
        status = one(block, around())

    assert status.to_dict() == {
        "id": "acme",
        "state": "reachable",
        "source": None,
        "reason": "The service answers.",
        "code": None,
    }
    assert "authorization" not in server.requests[0].headers


def test_a_service_that_answers_anyone_verifies_no_key() -> None:
    with model_server() as server:
        status = one(acme(f"{server.url}/v1", verify=Check("{base}/models", public=True)), around(stored(RIGHT_KEY)))

    assert (status.state, status.reason) == ("configured", "The service answers.")


@pytest.mark.parametrize(
    ("api_key", "env", "state", "name"),
    [
        (RIGHT_KEY, {}, "verified", "models.providers.acme.apiKey"),
        ("${MY_KEY}", {"MY_KEY": RIGHT_KEY}, "verified", "models.providers.acme.apiKey"),
        ("${MY_KEY}", {"MY_KEY": WRONG_KEY}, "failing", "models.providers.acme.apiKey"),
        ("${MY_KEY}", {}, "failing", "models.providers.acme.apiKey"),
    ],
)
def test_a_key_of_the_config_is_used_at_the_configs_address(
    api_key: str, env: dict[str, str], state: str, name: str | None
) -> None:
    with model_server(RIGHT_KEY) as server:
        settings = ProviderSettings("acme", base_url=f"{server.url}/v1", api_key=api_key)
        status = one(acme(), around(env=env, providers=[settings]))

    assert (status.state, status.source, status.source_name) == (state, "config" if name else None, name)


def test_the_first_source_alone_is_asked() -> None:
    with model_server(RIGHT_KEY) as server:
        where = around(stored(WRONG_KEY), env={"ACME_API_KEY": RIGHT_KEY})
        status = one(acme(f"{server.url}/v1"), where)

    assert (status.state, status.source) == ("failing", "profile")
    assert [sent_key(each) for each in server.requests] == [WRONG_KEY]


def test_an_unusable_profile_gives_way_to_the_environment() -> None:
    expired = Profile("acme:old", TokenCredential(Secret("old-token"), NOW))
    with model_server(RIGHT_KEY) as server:
        status = one(acme(f"{server.url}/v1"), around(expired, env={"ACME_API_KEY": RIGHT_KEY}))

    assert (status.state, status.source) == ("verified", "env")


def test_a_credential_stored_for_another_origin_is_not_sent() -> None:
    with model_server(RIGHT_KEY) as server:
        settings = ProviderSettings("acme", base_url=f"{server.url}/v1")
        where = around(stored(RIGHT_KEY, origin="https://api.acme.test"), providers=[settings])
        status = one(acme(), where)

    assert status.state == "failing"
    assert status.reason == (
        f"It was stored for https://api.acme.test, but the base URL is at {server.url} now: it is not sent there. "
        f"To allow it: jackfield login acme --base-url {server.url}/v1"
    )
    assert server.connections == 0


def test_a_credential_stored_for_this_origin_is_sent() -> None:
    with model_server(RIGHT_KEY) as server:
        status = one(acme(f"{server.url}/v1"), around(stored(RIGHT_KEY, origin=server.url)))

    assert status.state == "verified"


def test_without_probing_nothing_is_sent_and_no_client_is_opened() -> None:
    with model_server(RIGHT_KEY) as server:
        local = acme(f"{server.url}/v1", "near", local=True)
        statuses = look(acme(f"{server.url}/v1"), local, where=around(stored(RIGHT_KEY)), probe=False, opener=no_client)

    assert [(each.state, each.reason) for each in statuses] == [
        ("configured", "A credential is there; the provider was not asked."),
        ("configured", "It needs no key."),
    ]
    assert server.connections == 0


def test_a_provider_with_no_free_request_is_configured() -> None:
    block = acme(None, api="bedrock-converse-stream", verify=None)

    status = one(block, around(stored(RIGHT_KEY)), opener=no_client)

    assert (status.state, status.elapsed_s) == ("configured", None)


@pytest.mark.parametrize("url", ["https://api.acme.test/{place}", "https://{region}.acme.test"])
def test_an_address_with_an_open_place_is_not_asked(url: str) -> None:
    settings = ProviderSettings("acme", base_url=url.replace("{region}", "{unknown}"))

    status = one(acme(), around(stored(RIGHT_KEY), providers=[settings]), opener=no_client)

    assert status.state == "configured"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://127.0.0.1/v1", "It does not start with https:// or http://."),
        ("http://user:sk-canary@127.0.0.1/v1", "It holds a user name or password before the host."),
        ("http://169.254.169.254/v1", "The host is a link-local, metadata or unspecified address."),
        ("http://api.acme.test/v1", "Plain http is for this machine"),
    ],
)
def test_an_address_that_may_not_be_asked_is_failing_and_says_why(url: str, told: str) -> None:
    settings = ProviderSettings("acme", base_url=url)

    status = one(acme(), around(stored(RIGHT_KEY), providers=[settings]), opener=no_client)

    assert status.state == "failing"
    assert told in status.reason
    assert "sk-canary" not in status.reason


def test_each_status_is_reported_as_it_comes_in_and_once() -> None:
    seen: list[ProviderStatus] = []
    with model_server(RIGHT_KEY) as server:
        blocks = [acme(f"{server.url}/v1"), acme(None, "none"), acme(f"{server.url}/v1", "other")]
        where = around(stored(RIGHT_KEY), stored(WRONG_KEY, "other:default"))
        statuses = look(*blocks, where=where, report=seen.append)

    assert [each.id for each in statuses] == ["acme", "none", "other"]
    assert sorted(each.id for each in seen) == ["acme", "none", "other"]
    assert seen[0].id == "none"
    assert set(map(id, seen)) == set(map(id, statuses))


def test_servers_that_hang_cost_one_deadline_together() -> None:
    deadline, count = 0.5, 8
    with ExitStack() as stack:
        servers = [stack.enter_context(HttpServer(holding())) for _ in range(count)]
        blocks = [acme(f"{each.url}/v1", f"acme{place}") for place, each in enumerate(servers)]
        where = around(*(stored(RIGHT_KEY, f"{each.id}:default") for each in blocks))
        started = time.monotonic()
        statuses = look(*blocks, where=where, deadline_s=deadline)
        took = time.monotonic() - started

    assert [each.state for each in statuses] == ["failing"] * count
    assert [len(each.requests) for each in servers] == [1] * count
    # One after the other would take 4 s; half of that leaves room for a busy machine.
    assert took < deadline * count / 2


def test_every_provider_is_asked_before_any_has_answered() -> None:
    count = 6
    arrived: list[Request] = []
    everyone = asyncio.Event()

    async def wait_for_all(request: Request, connection: Connection) -> None:
        arrived.append(request)
        if len(arrived) == count:
            everyone.set()
        await everyone.wait()
        await connection.reply(200, b"{}")

    with HttpServer(wait_for_all) as server:
        blocks = [acme(f"{server.url}/v1", f"acme{place}") for place in range(count)]
        where = around(*(stored(RIGHT_KEY, f"{each.id}:default") for each in blocks))
        statuses = look(*blocks, where=where, deadline_s=20)

    # Had they been asked one by one, the first would have waited for ever.
    assert [each.state for each in statuses] == ["verified"] * count


def test_one_that_hangs_does_not_hide_what_the_others_said() -> None:
    with HttpServer(holding()) as slow, model_server(RIGHT_KEY) as quick:
        blocks = [acme(f"{slow.url}/v1", "slow"), acme(f"{quick.url}/v1", "quick")]
        where = around(stored(RIGHT_KEY, "slow:default"), stored(RIGHT_KEY, "quick:default"))
        statuses = look(*blocks, where=where, deadline_s=0.5)

    assert [(each.id, each.state) for each in statuses] == [("slow", "failing"), ("quick", "verified")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Run jackfield login acme, or set ACME_API_KEY."),
        ({"env": EnvVars()}, "Run jackfield login acme."),
        ({"env": EnvVars(sets=(EnvSet(all_of=("ACME_ID", "ACME_SECRET")),))}, "Set ACME_ID and ACME_SECRET."),
        (
            {"tags": RuntimeTags(cli=True), "api": "cli", "base_url": None, "env": EnvVars(), "verify": None},
            "Uses the login of its own command-line program.",
        ),
    ],
)
def test_how_to_configure_follows_the_block(changes: dict[str, Any], told: str) -> None:
    assert how_to_configure(acme(**changes)) == told


@pytest.mark.parametrize("provider", ProviderRegistry.with_core().list_providers(), ids=lambda each: each.id)
def test_every_core_provider_has_a_status_without_being_asked(provider: Provider) -> None:
    status = one(provider, around(), probe=False, opener=no_client)

    needs_plugin = any(each.supplied_by for each in provider.auth)
    assert status.state == ("configured" if provider.local and not needs_plugin else "not_configured")
    assert status.reason.endswith(".")
