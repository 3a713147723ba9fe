"""What holds for the chain whatever is set, answers, and is wanted."""

from __future__ import annotations

import string
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jackfield.parts
import jackfield.providers.parts
from jackfield.errors import RequestError
from jackfield.net.url import origin_of
from jackfield.table import CORE
from jackfield.voice.block import KINDS, PRIVACY, Api, Kind
from jackfield.voice.core import core_voice_providers
from jackfield.voice.defaults import takes_model, takes_voice, voice_for
from jackfield.voice.endpoints import Endpoint, all_endpoints, own_endpoint
from jackfield.voice.environment import read_settings
from jackfield.voice.functions import get_tts_config
from jackfield.voice.looks import look
from jackfield.voice.registry import VoiceRegistry
from jackfield.voice.selection import Candidate, LeftOut, Preferences, Seen, Selection, Step, preferences_of, select
from jackfield.voice.settings import PAID_FALLBACK
from jackfield.voice.status import status_text
from support.servers import HttpServer, answering

REGISTRY = VoiceRegistry.with_core()
PROVIDERS = REGISTRY.list_providers()
IDS = [each.id for each in PROVIDERS]
KEYS = sorted(name for each in PROVIDERS if each.credential for name in each.credential.env)
SEEN = (
    Seen("reachable", usable=True, detail="it answers"),
    Seen("reachable", usable=False, detail="it answers with HTTP 500"),
    Seen("configured", usable=True, detail="its key is configured"),
    Seen("configured", usable=False, detail="nothing listens there"),
    Seen("not-configured", usable=False, detail="it has no key"),
    Seen("unknown", usable=False, detail="nobody looked"),
)

hosts = st.sampled_from(
    [
        "http://127.0.0.1:8880", "http://localhost:2022", "http://[::1]:9000", "http://192.168.1.5:8880",
        "https://api.openai.com", "https://eu.api.openai.com", "https://api.openai.com.acme.test",
        "https://api.groq.com", "http://api.openai.com", "https://user:pw@api.openai.com", "kokoro:8880", "",
    ]
)  # fmt: skip
addresses = st.builds("".join, st.tuples(hosts, st.sampled_from(["", "/", "/v1", "/v1/", "/openai/v1", "/v1?x=1"])))
lists = st.lists(addresses, max_size=4).map(",".join)
words = st.text(string.ascii_letters + string.digits + ",_- ", max_size=20)
environments = st.fixed_dictionaries(
    {},
    optional={
        "TTS_BASE_URL": addresses,
        "STT_BASE_URL": addresses,
        "KOKORO_TTS_BASE_URL": addresses,
        "OPENAI_TTS_BASE_URL": addresses,
        "VOICEMODE_TTS_BASE_URLS": lists,
        "VOICE_MCP_STT_BASE_URLS": lists,
        "VOICEMODE_KOKORO_PORT": words,
        "VOICEMODE_MLX_AUDIO_HOST": words,
        "VOICEMODE_STT_MODELS": words,
        "VOICE_PROVIDERS": st.lists(st.sampled_from([*IDS, "nobody"]), max_size=4).map(",".join),
        "VOICEMODE_VOICES": words,
        "TTS_MODEL": words,
        "VOICE_MAX_COST": words,
        "VOICE_MIN_PRIVACY": st.sampled_from([*PRIVACY, "x"]),
        "VOICE_PREFER_LOCAL": st.sampled_from(["yes", "no"]),
    }
    | {name: st.just("canary-secret") for name in KEYS},
)
preferences = st.builds(
    Preferences,
    prefer_local=st.booleans(),
    order=st.lists(st.sampled_from(IDS), max_size=4, unique=True).map(tuple),
    max_cost=st.none() | st.floats(0, 0.05),
    min_privacy=st.none() | st.sampled_from(PRIVACY),
    paid_fallback=st.sampled_from(PAID_FALLBACK),
    emotions=st.booleans(),
    language=st.none() | st.sampled_from(["en", "en-gb", "ja", "de"]),
    dictation=st.booleans(),
    voice=st.none() | st.sampled_from(["af_sky", "nova", "mine"]),
    model=st.none() | st.sampled_from(["tts-1", "gpt-4o-mini-tts", "mine"]),
)
sights = st.lists(st.sampled_from(SEEN), min_size=16, max_size=16)


def chosen_from(kind: Kind, env: dict[str, str], wanted: Preferences | None, seen: list[Seen]) -> Selection:
    settings = read_settings(REGISTRY, env)
    endpoints = all_endpoints(PROVIDERS, kind, settings)
    candidates = [Candidate(each, sight) for each, sight in zip(endpoints, seen, strict=False)]
    return select(kind, candidates, registry=REGISTRY, settings=settings, preferences=wanted)


def place_of(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.provider.id, endpoint.base_url or endpoint.text


@given(st.sampled_from(KINDS), environments, preferences, sights)
def test_every_endpoint_is_in_the_chain_once_or_left_out_once_with_a_reason(
    kind: Kind, env: dict[str, str], wanted: Preferences, seen: list[Seen]
) -> None:
    found = chosen_from(kind, env, wanted, seen)
    rows: list[Step | LeftOut] = [*found.chain, *found.left_out]
    places = [place_of(row.endpoint) for row in rows]
    assert len(set(places)) == len(places)
    assert set(places) == {place_of(each) for each in all_endpoints(PROVIDERS, kind, read_settings(REGISTRY, env))}
    assert [row for row in rows if not row.reasons] == []


@given(st.sampled_from(KINDS), environments, preferences, sights)
def test_the_choice_is_the_first_usable_one_that_needs_no_yes(
    kind: Kind, env: dict[str, str], wanted: Preferences, seen: list[Seen]
) -> None:
    found = chosen_from(kind, env, wanted, seen)
    usable = [step for step in found.chain if step.seen.usable and not step.asks]
    assert found.chosen is (usable[0] if usable else None)


@given(st.sampled_from(KINDS), environments, preferences, sights)
def test_nobody_in_the_chain_is_beyond_what_is_required(
    kind: Kind, env: dict[str, str], wanted: Preferences, seen: list[Seen]
) -> None:
    for step in chosen_from(kind, env, wanted, seen).chain:
        assert step.endpoint.fault is None
        assert step.seen.state != "not-configured"
        if wanted.min_privacy is not None:
            assert PRIVACY.index(step.endpoint.privacy) <= PRIVACY.index(wanted.min_privacy)
        if wanted.max_cost is not None:
            assert step.usd_per_minute is not None
            assert step.usd_per_minute <= wanted.max_cost
        if wanted.dictation:
            assert step.endpoint.speech.dictation


@given(st.sampled_from(KINDS), environments, preferences, sights)
def test_behind_a_free_one_a_paid_one_stands_only_as_it_was_allowed(
    kind: Kind, env: dict[str, str], wanted: Preferences, seen: list[Seen]
) -> None:
    free_before = False
    found = chosen_from(kind, env, wanted, seen)
    owner = found.chain[0].endpoint.provider if found.chain else None
    for step in found.chain:
        fallback = step.endpoint.paid and free_before
        if fallback and step.endpoint.provider is not owner:
            assert wanted.paid_fallback != "never"
            assert step.asks is (wanted.paid_fallback == "ask")
            assert any("It is paid" in reason for reason in step.reasons)
        free_before = free_before or not step.endpoint.paid


@given(st.sampled_from(KINDS), environments, sights)
def test_the_last_resort_comes_last_unless_it_is_put_first(kind: Kind, env: dict[str, str], seen: list[Seen]) -> None:
    env.pop("VOICE_PROVIDERS", None)
    chain = [step.endpoint.provider for step in chosen_from(kind, env, None, seen).chain]
    assert [each.id for each in chain[:-1] if each.last_resort] == []


@given(st.sampled_from(KINDS), environments)
def test_a_key_goes_to_its_vendors_hosts_over_https_only(kind: Kind, env: dict[str, str]) -> None:
    for each in all_endpoints(PROVIDERS, kind, read_settings(REGISTRY, env)):
        if each.credential is not None:
            origin = origin_of(each.base_url or "")
            assert origin.scheme == "https"
            assert each.credential.covers(origin.host)
            assert each.credential is each.provider.credential


@given(st.sampled_from(KINDS), environments, sights)
def test_no_secret_of_the_environment_is_told(kind: Kind, env: dict[str, str], seen: list[Seen]) -> None:
    settings = read_settings(REGISTRY, env)
    found = chosen_from(kind, env, preferences_of(settings, kind), seen)
    told = found.explain() + status_text([found], settings) + repr(settings.diagnostics)
    assert "canary-secret" not in told
    assert "user:pw" not in told


@given(environments, st.none() | st.sampled_from([*IDS, "nobody"]), st.none() | st.sampled_from(["af_sky", "x"]))
def test_how_speech_is_asked_for_is_always_an_answer(
    env: dict[str, str], provider: str | None, voice: str | None
) -> None:
    found = get_tts_config(provider, voice, env=env)
    assert list(found) == ["client_key", "base_url", "model", "voice", "instructions"]
    assert found["voice"] == voice or voice is None
    assert found["model"]
    assert (found["client_key"] or "").startswith("tts")


@given(st.permutations(core_voice_providers()), environments)
def test_the_order_in_which_providers_are_registered_changes_nothing(blocks: list[Any], env: dict[str, str]) -> None:
    registry = VoiceRegistry()
    for block in blocks:
        registry.register_provider(block, owner=CORE)
    assert read_settings(registry, env) == read_settings(REGISTRY, env)
    assert registry.list_providers() == PROVIDERS


# --- corners


def test_the_mechanism_of_blocks_is_one_for_both_domains() -> None:
    for name in jackfield.providers.parts.__all__:
        assert getattr(jackfield.providers.parts, name) is getattr(jackfield.parts, name)


def test_every_wire_format_is_used_by_a_block() -> None:
    assert {each.api for each in PROVIDERS} == set(get_args(Api))


def test_there_is_no_voice_and_no_model_where_there_is_no_such_direction() -> None:
    settings, groq = read_settings(REGISTRY, {}), REGISTRY.resolve_provider("groq")
    assert voice_for(PROVIDERS, own_endpoint(PROVIDERS, groq, "stt", settings), settings) is None
    assert takes_voice(PROVIDERS, groq, "nova") is False
    assert takes_model(PROVIDERS, groq, "tts", "tts-1") is False


def test_an_endpoint_made_for_a_direction_that_is_missing_says_so() -> None:
    endpoint = Endpoint(REGISTRY.resolve_provider("kokoro"), "stt", "", "default")
    with pytest.raises(RequestError) as caught:
        _ = endpoint.speech
    assert caught.value.code == "voice.direction"
    assert endpoint.where == "no address yet"


def test_an_endpoint_tells_its_origin_and_not_its_path() -> None:
    settings = read_settings(REGISTRY, {"KOKORO_TTS_BASE_URL": "http://127.0.0.1:9000/token-in-the-path/v1"})
    endpoint = own_endpoint(PROVIDERS, REGISTRY.resolve_provider("kokoro"), "tts", settings)
    assert endpoint.where == "http://127.0.0.1:9000"


def test_a_vendor_with_a_format_of_its_own_is_not_looked_at_elsewhere() -> None:
    with HttpServer(answering(200)) as server:
        settings = read_settings(REGISTRY, {})
        at_home = own_endpoint(PROVIDERS, REGISTRY.resolve_provider("deepgram"), "tts", settings)
        moved = Endpoint(at_home.provider, "tts", server.url, "config", base_url=server.url)
        (found,) = look([moved], env={"DEEPGRAM_API_KEY": "canary"})
        assert (found.seen.state, found.seen.usable) == ("not-configured", False)
        assert server.requests == []


def test_one_that_answered_and_then_fell_silent_is_reachable() -> None:
    async def once(request: Any, connection: Any) -> None:
        if request.path.endswith("/audio/voices"):
            await connection.reply(404)
        else:
            connection.reset()

    with HttpServer(once) as server:
        settings = read_settings(REGISTRY, {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"})
        endpoint = own_endpoint(PROVIDERS, REGISTRY.resolve_provider("kokoro"), "tts", settings)
        (found,) = look([endpoint], env={})
    assert found.seen == Seen("reachable", usable=False, detail=f"it answers with HTTP 404 ({server.url})")
