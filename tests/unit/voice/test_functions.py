"""The functions that programs call, over real servers on this machine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import jackfield.voice as voice
from jackfield.errors import UnknownNameError
from jackfield.voice.block import Price, Speech, Voice, VoiceModel, VoiceProvider
from jackfield.voice.endpoints import own_endpoint
from jackfield.voice.environment import read_settings
from jackfield.voice.looks import look
from jackfield.voice.selection import Preferences
from support.servers import HttpServer, TcpServer, answering, holding, refusing_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import Connection, Request

KEY = {"OPENAI_API_KEY": "sk-canary-openai"}
OK = answering(200, b'{"voices": ["af_sky"]}')


@pytest.fixture
def nobody() -> Iterator[dict[str, str]]:
    """Give an environment in which every local provider is at a port that refuses."""
    with refusing_port() as port, refusing_port() as another:
        address = f"http://127.0.0.1:{port}/v1"
        yield {
            "KOKORO_TTS_BASE_URL": address,
            "STT_BASE_URL": address,
            "VOICEMODE_MLX_AUDIO_PORT": str(another),
        }


def seen_of(name: str, kind: Any, env: dict[str, str], deadline_s: float = 5.0) -> tuple[str, bool, str]:
    registry = voice.VoiceRegistry.with_core()
    endpoint = own_endpoint(
        registry.list_providers(), registry.resolve_provider(name), kind, read_settings(registry, env)
    )
    (candidate,) = look([endpoint], env=env, deadline_s=deadline_s)
    return candidate.seen.state, candidate.seen.usable, candidate.seen.detail


# --- a look


def test_a_local_provider_that_answers_is_reachable_and_was_asked_at_its_configured_address() -> None:
    with HttpServer(OK) as server:
        env = KEY | {"KOKORO_TTS_BASE_URL": f"{server.url}/speech/v1"}
        assert seen_of("kokoro", "tts", env) == ("reachable", True, f"it answers ({server.url})")
        assert [(each.method, each.path) for each in server.requests] == [("GET", "/speech/v1/audio/voices")]
        assert voice.is_available("kokoro", env=env) is True
        sent = [text for each in server.requests for text in each.headers.values()]
    assert not any("canary" in text for text in sent)


def test_the_next_free_request_is_tried_when_the_first_is_not_known_there() -> None:
    async def old(request: Request, connection: Connection) -> None:
        await connection.reply(200 if request.path == "/" else 404)

    with HttpServer(old) as server:
        assert seen_of("whisper", "stt", {"STT_BASE_URL": f"{server.url}/v1"})[:2] == ("reachable", True)
        assert [each.path for each in server.requests] == ["/health", "/"]


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_an_answer_that_is_no_success_is_reachable_and_not_available(status: int) -> None:
    with HttpServer(answering(status)) as server:
        env = {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"}
        assert seen_of("kokoro", "tts", env) == ("reachable", False, f"it answers with HTTP {status} ({server.url})")
        assert voice.is_available("kokoro", env=env) is False


def test_being_sent_elsewhere_is_no_success() -> None:
    with HttpServer(OK) as other, HttpServer(answering(302, b"", {"Location": f"{other.url}/login"})) as server:
        assert seen_of("kokoro", "tts", {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"})[:2] == ("reachable", False)


def test_a_refused_connection_is_configured_and_not_available(nobody: dict[str, str]) -> None:
    state, usable, detail = seen_of("kokoro", "tts", nobody)
    assert (state, usable) == ("configured", False)
    assert detail.startswith("nothing listens there (http://127.0.0.1:")


def test_an_open_port_that_never_answers_is_not_available() -> None:
    with HttpServer(holding()) as server:
        state, usable, detail = seen_of("kokoro", "tts", {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"}, deadline_s=0.2)
    assert (state, usable, detail) == ("configured", False, f"no answer in time ({server.url})")


def test_a_port_that_hangs_up_is_not_available() -> None:
    with TcpServer() as server:
        state, usable, _ = seen_of("kokoro", "tts", {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"})
    assert (state, usable) == ("configured", False)


def test_a_provider_with_a_key_is_never_asked() -> None:
    assert seen_of("openai", "tts", KEY) == ("configured", True, "its key is configured; it was not asked")
    assert seen_of("openai", "tts", {}) == ("not-configured", False, "it has no key (OPENAI_API_KEY)")
    assert seen_of("openai", "tts", {"OPENAI_API_KEY": "  "})[0] == "not-configured"


def test_a_cloud_provider_at_another_address_is_asked_without_its_key() -> None:
    with HttpServer(OK) as server:
        env = KEY | {"OPENAI_TTS_BASE_URL": f"{server.url}/v1"}
        assert seen_of("openai", "tts", env)[:2] == ("reachable", True)
        (request,) = server.requests
    assert request.path == "/v1/models"
    assert "authorization" not in request.headers
    assert "canary" not in request.raw_head.decode()


def test_what_has_no_address_or_no_free_request_is_not_configured() -> None:
    assert seen_of("embedded", "tts", {}) == ("not-configured", False, "it is not running here and has no address")
    broken = seen_of("kokoro", "tts", {"KOKORO_TTS_BASE_URL": ":broken:"})
    assert broken == ("not-configured", False, "its address cannot be used")


def test_endpoints_are_looked_at_all_at_once() -> None:
    both = asyncio.Event()
    arrived = []

    async def together(request: Request, connection: Connection) -> None:
        # Answers only when both have asked: one after the other would run into the deadline.
        arrived.append(request.path)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        await connection.reply(200)

    with HttpServer(together) as server:
        env = {"KOKORO_TTS_BASE_URL": f"{server.url}/a", "OPENAI_TTS_BASE_URL": f"{server.url}/b"}
        registry = voice.VoiceRegistry.with_core()
        settings = read_settings(registry, env)
        endpoints = [
            own_endpoint(registry.list_providers(), registry.resolve_provider(name), "tts", settings)
            for name in ("kokoro", "openai")
        ]
        found = look(endpoints, env=env, deadline_s=10.0)
    assert [each.seen.usable for each in found] == [True, True]
    assert sorted(arrived) == ["/a/audio/voices", "/b/models"]


def test_keys_are_told_by_the_function_that_is_handed_in() -> None:
    registry = voice.VoiceRegistry.with_core()
    endpoint = own_endpoint(
        registry.list_providers(), registry.resolve_provider("openai"), "tts", read_settings(registry, {})
    )
    (found,) = look([endpoint], env={}, has_key=lambda ref: ref.id == "openai")
    assert found.seen.usable is True


def test_a_look_works_within_a_running_event_loop() -> None:
    async def within() -> bool:
        return voice.is_available("kokoro", env={"KOKORO_TTS_BASE_URL": f"{server.url}/v1"})

    with HttpServer(OK) as server:
        assert asyncio.run(within()) is True


# --- is it there, and which one


@pytest.mark.parametrize(
    ("name", "env", "available"),
    [
        ("openai", KEY, True),
        ("openai-whisper", KEY, True),
        ("openai", {}, False),
        ("embedded", {}, False),
        ("x", {}, False),
    ],
)
def test_availability_without_asking(name: str, env: dict[str, str], available: bool) -> None:
    assert voice.is_available(name, env=env) is available


def test_the_local_provider_is_chosen_while_it_answers_else_the_cloud(nobody: dict[str, str]) -> None:
    with HttpServer(OK) as server:
        there = nobody | KEY | {"KOKORO_TTS_BASE_URL": f"{server.url}/v1", "STT_BASE_URL": f"{server.url}/v1"}
        assert [each.id for each in (voice.get_tts_provider(env=there), voice.get_stt_provider(env=there)) if each] == [
            "kokoro", "whisper",
        ]  # fmt: skip
        cloud = voice.get_tts_provider(False, env=there)
        assert cloud is not None
        assert cloud.id == "openai"
        off = voice.get_tts_provider(env=there | {"VOICE_MCP_PREFER_LOCAL": "false"})
        assert off is not None
        assert off.id == "openai"
    gone = nobody | KEY
    assert [each.id for each in (voice.get_tts_provider(env=gone), voice.get_stt_provider(env=gone)) if each] == [
        "openai", "openai",
    ]  # fmt: skip


def test_nothing_there_is_none_and_no_error(nobody: dict[str, str]) -> None:
    assert voice.get_tts_provider(env=nobody) is None
    assert voice.get_stt_provider(env=nobody) is None


def test_preferences_are_taken_per_call(nobody: dict[str, str]) -> None:
    assert voice.get_tts_provider(env=nobody | KEY, preferences=Preferences(min_privacy="local")) is None
    with pytest.raises(UnknownNameError):
        voice.get_tts_provider(env=nobody, preferences=Preferences(provider="kokro"))


def test_a_registry_of_ones_own_is_used(nobody: dict[str, str]) -> None:
    with HttpServer(OK) as server:
        registry = voice.VoiceRegistry()
        registry.register_provider(voice.server_block(f"{server.url}/v1", name="Workshop"))
        found = voice.get_tts_provider(registry=registry, env=nobody)
        assert found is not None
        assert found.label == "Workshop"
        config = voice.get_tts_config(registry=registry, env=nobody)
    assert (config["base_url"], config["voice"]) == (f"{server.url}/v1", "alloy")


@pytest.mark.parametrize("ask", [voice.get_tts_config, voice.get_stt_config])
def test_a_registry_without_anybody_is_an_error_with_a_code(ask: Any) -> None:
    with pytest.raises(UnknownNameError) as caught:
        ask(registry=voice.VoiceRegistry(), env={})
    assert caught.value.code == "voice.none"


def test_without_an_environment_the_process_s_own_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_VOICE", "shimmer")
    assert voice.get_tts_config()["voice"] == "shimmer"
    monkeypatch.setenv("TTS_VOICE", "echo")
    assert voice.get_tts_config()["voice"] == "echo"


# --- how it is asked for


def test_listening_goes_to_whisper_at_its_configured_address_while_it_answers(nobody: dict[str, str]) -> None:
    with HttpServer(OK) as server:
        env = nobody | KEY | {"STT_BASE_URL": f"{server.url}/v1", "STT_MODEL": "large-v3"}
        expected = {"client_key": "stt", "base_url": f"{server.url}/v1", "model": "large-v3", "provider": "whisper"}
        assert voice.get_stt_config(env=env) == expected
    assert voice.get_stt_config(env=env)["provider"] == "openai"


def test_with_nothing_usable_listening_goes_to_the_address_that_is_set(nobody: dict[str, str]) -> None:
    found = voice.get_stt_config(env=nobody)
    assert (found["provider"], found["base_url"]) == ("whisper", nobody["STT_BASE_URL"])
    listed = nobody | {"VOICEMODE_STT_BASE_URLS": nobody["STT_BASE_URL"], "VOICEMODE_STT_MODELS": "mine"}
    assert voice.get_stt_config(env=listed)["model"] == "mine"


def test_a_list_of_addresses_decides_where_speech_is_asked_for() -> None:
    env = {"VOICEMODE_TTS_BASE_URLS": "http://127.0.0.1:9000/v1,http://127.0.0.1:8880/v1,https://api.openai.com/v1"}
    assert voice.get_tts_config(env=env)["base_url"] == "http://127.0.0.1:9000/v1"
    assert voice.get_tts_config(voice="af_sky", env=env)["base_url"] == "http://127.0.0.1:9000/v1"
    rest = {"VOICEMODE_TTS_BASE_URLS": env["VOICEMODE_TTS_BASE_URLS"].partition(",")[2]}
    assert voice.get_tts_config(voice="nova", env=rest)["base_url"] == "https://api.openai.com/v1"
    assert voice.get_tts_config(voice="mine", env=rest)["base_url"] == "http://127.0.0.1:8880/v1"
    assert voice.get_tts_config("openai", env=env)["base_url"] == "https://api.openai.com/v1"


# --- status


def test_the_status_tells_what_was_seen_and_no_more(nobody: dict[str, str]) -> None:
    with HttpServer(OK) as server:
        env = nobody | KEY | {"KOKORO_TTS_BASE_URL": f"{server.url}/v1", "VOICE_MCP_AUTO_START_KOKORO": "true"}
        env |= {"VOICEMODE_TTS_SPEED": "1.25", "VOICE_MAX_COST": "1", "VOICE_MIN_PRIVACY": "cloud_public"}
        text = voice.voice_status(env=env)
    lines = text.splitlines()
    assert "Text-to-Speech (TTS)" in lines
    assert "Speech-to-Text (STT)" in lines
    assert f"  1. kokoro (primary, active): reachable, it answers ({server.url})" in lines
    assert "  2. openai (fallback 1): configured, its key is configured; it was not asked" in lines
    assert "     model tts-1, voice alloy; about 0.0135 USD per minute; privacy cloud_public" in lines
    assert "     model tts-1, voice af_sky; free; privacy local" in lines
    assert lines[lines.index("Speech-to-Text (STT)") + 1] == "  active: openai"
    assert "  auto-start: kokoro" in lines
    assert "  speed: 1.25" in lines
    assert "  at most: 1 USD per minute" in lines
    assert "  privacy at least: cloud_public" in lines
    assert "running" not in text.replace("not running", "")
    assert "available" not in text
    assert "canary" not in text


def test_the_status_works_with_nothing_at_all_and_tells_broken_settings(nobody: dict[str, str]) -> None:
    text = voice.voice_status(env=nobody | {"VOICEMODE_TTS_SPEED": "fast"})
    assert text.count("  active: none\n") == 2
    assert "Not configured: it has no key (OPENAI_API_KEY)." in text
    assert "  warning: The value of VOICEMODE_TTS_SPEED is not a number from 0.25 to 4; it counts as unset." in text


def test_a_price_that_is_not_known_is_told_so(nobody: dict[str, str]) -> None:
    text = voice.voice_status(env=nobody | {"DEEPGRAM_API_KEY": "x"})
    assert "model aura-2, voice aura-2-thalia-en; price not known; privacy cloud_public" in text


def test_a_proxy_variable_that_cannot_be_used_is_told(nobody: dict[str, str]) -> None:
    env = nobody | {"HTTPS_PROXY": "not a proxy", "KOKORO_TTS_BASE_URL": "https://kokoro.acme.test/v1"}
    assert seen_of("kokoro", "tts", env)[:2] == ("configured", False)
    assert "HTTPS_PROXY" in seen_of("kokoro", "tts", env)[2]
    assert "not a proxy" not in voice.voice_status(env=env)


# --- the package


def test_the_providers_by_id_are_a_read_only_mapping_with_the_keys_that_programs_read() -> None:
    rows = voice.PROVIDERS
    assert set(rows["kokoro"]) == {"id", "name", "type", "base_url", "local", "auto_start", "features"}
    assert rows["openai"]["type"] == "tts"
    assert rows["whisper"]["type"] == "stt"
    assert rows is voice.PROVIDERS
    with pytest.raises(TypeError):
        rows["acme"] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        rows["openai"]["name"] = "x"  # type: ignore[index]
    with pytest.raises(AttributeError):
        rows["openai"]["features"].append("x")


def test_all_public_names_are_there_and_sorted() -> None:
    names = [name for name in voice.__all__ if not name.isupper()]
    constants = [name for name in voice.__all__ if name.isupper()]
    classes, functions = [n for n in names if n[0].isupper()], [n for n in names if n[0].islower()]
    assert voice.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    assert {name: getattr(voice, name) is not None for name in voice.__all__} == dict.fromkeys(voice.__all__, True)
    assert set(voice.__all__) <= set(dir(voice))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = voice.nothing


def test_importing_the_package_loads_nothing_and_pure_questions_load_no_network() -> None:
    code = """
import json, sys
import jackfield.voice
first = sorted(name for name in sys.modules if name.startswith("jackfield."))
config = jackfield.voice.get_tts_config("kokoro", env={})
rows = jackfield.voice.PROVIDERS
heavy = sorted({"aiohttp", "asyncio", "ssl"} & set(sys.modules))
print(json.dumps([first, config["voice"], heavy]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [["jackfield.voice"], "af_sky", []]


def test_a_block_of_ones_own_is_built_from_public_names() -> None:
    block = VoiceProvider(
        id="acme", label="Acme", order=15, local=True, privacy="local", base_url="http://127.0.0.1:9/v1",
        tts=Speech("Acme", "m", (VoiceModel("m", Price(per_minute=0)),), default_voice="v", voices=(Voice("v"),)),
        probes=("{base}/models",),
    )  # fmt: skip
    registry = voice.VoiceRegistry.with_core()
    registry.register_provider(block)
    assert voice.get_tts_config("acme", env={}, registry=registry) == {
        "client_key": "tts_acme",
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "voice": "v",
        "instructions": None,
    }
