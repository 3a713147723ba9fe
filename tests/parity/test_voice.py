"""The voice domain does what the set-ups of today rely on, or the page of differences says what it does instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import jackfield.voice as voice
from jackfield.voice.environment import read_settings
from jackfield.voice.looks import keys_in
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from jackfield.voice.block import Kind

FILE = Path(__file__).parents[1] / "data" / "voice-compat.json"
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "voice.md"
OPENAI = "https://api.openai.com/v1"
KOKORO = "http://127.0.0.1:8880/v1"
LOCAL = "http://127.0.0.1:9000/v1"


@cache
def facts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return loaded


class Recorded(Mapping[str, str]):
    """An empty environment that notes which variables are looked up."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


# --- variables

NOT_READ = {
    "no effect, as before": {"OPENAI_BASE_URL"},
    "rooms": {"LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"},
    "shown only, without effect": {"VOICE_EMOTION_AUTO_UPGRADE", "VOICEMODE_EMOTION_AUTO_UPGRADE"},
    "records and logs": {
        "VOICE_MCP_DEBUG", "VOICE_MCP_SAVE_AUDIO", "VOICE_MODE_DEBUG", "VOICE_MODE_SAVE_AUDIO",
        "VOICEMODE_CONVERSATION_LOG", "VOICEMODE_DATA_DIR", "VOICEMODE_EVENT_LOG", "VOICEMODE_EVENT_LOG_ENABLED",
        "VOICEMODE_LOG_DIR", "VOICEMODE_LOG_LEVEL", "VOICEMODE_METRICS_LEVEL", "VOICEMODE_SAVE_RECORDINGS",
        "VOICEMODE_SAVE_TTS", "VOICEMODE_BASE_DIR", "VOICEMODE_CACHE_DIR",
    },
    "a turn of talk: listening, chimes, formats, streaming": {
        "VOICE_MCP_AUDIO_FEEDBACK", "VOICE_MCP_FEEDBACK_VOICE", "VOICE_MCP_FEEDBACK_MODEL", "VOICE_MCP_FEEDBACK_STYLE",
        "VOICEMODE_FEEDBACK_STYLE", "VOICEMODE_CHIME_POST_DELAY", "VOICEMODE_CHIME_PRE_DELAY", "VOICEMODE_DISABLE_VAD",
        "VOICEMODE_MAX_RECORDING_TIME", "VOICEMODE_MIN_RECORDING_TIME", "VOICEMODE_SAMPLE_RATE",
        "VOICEMODE_SILENCE_THRESHOLD", "VOICEMODE_DEFAULT_LISTEN_DURATION", "VOICEMODE_SKIP_TTS",
        "VOICEMODE_STT_PROMPT", "VOICEMODE_STT_COMPRESS", "VOICEMODE_AUDIO_FORMAT", "VOICEMODE_TTS_AUDIO_FORMAT",
        "VOICEMODE_STT_AUDIO_FORMAT", "VOICEMODE_STREAMING_ENABLED", "VOICEMODE_STT_RETRY_ATTEMPTS",
        "VOICEMODE_STT_RETRY_BACKOFF", "VOICEMODE_STT_RETRY_BACKOFF_MAX",
    },
    "what a started service is told": {
        "VOICEMODE_KOKORO_MODELS_DIR", "VOICEMODE_KOKORO_CACHE_DIR", "VOICEMODE_KOKORO_MAX_REQUESTS",
        "VOICEMODE_WHISPER_MODEL", "VOICEMODE_WHISPER_MODEL_PATH", "VOICEMODE_SERVICE_AUTO_ENABLE",
    },
    "other programs' faces": {
        "VOICEMODE_SOUNDFONTS_ENABLED", "VOICEMODE_TOOLS_ENABLED", "VOICEMODE_TOOLS_DISABLED", "VOICEMODE_SERVE_HOST",
        "VOICEMODE_SERVE_PORT",
    },
}  # fmt: skip
"""Variables that choosing and addressing a provider does not need, by what they are about."""


def variables_of_the_facts() -> set[str]:
    names = [each["name"] for each in facts()["env_baseline_2025_06_17"]["vars"]]
    names += [each["name"] for group in ("added_by_2025_06_20", "proposed_in_design_notes")
              for each in facts()["env_baseline_2025_06_17"][group]]  # fmt: skip
    names += [each["name"] for each in facts()["env_head"]["vars"]]
    names += facts()["env_head"]["documented_but_not_read_by_code"]
    return {name.replace("<PROVIDER>", "OPENAI") for name in names}


def variables_read() -> set[str]:
    env = Recorded()
    registry = voice.VoiceRegistry.with_core()
    read_settings(registry, env)
    for provider in registry.list_providers():
        if provider.credential is not None:
            keys_in(env)(provider.credential)
    return env.asked


def test_every_variable_of_the_facts_is_read_or_is_about_something_else() -> None:
    about_others = {name for names in NOT_READ.values() for name in names}
    assert variables_of_the_facts() - variables_read() == about_others


def test_a_variable_with_a_prefix_is_read_with_every_prefix_of_its_history() -> None:
    prefixes = [each["prefix"] for each in facts()["prefix_history"]]
    read = variables_read()
    tails = {name.removeprefix("VOICEMODE_") for name in read if name.startswith("VOICEMODE_")}
    assert {prefix + tail for prefix in prefixes for tail in tails} - read == set()
    assert len(tails) >= 20


def test_the_page_tells_every_variable_that_is_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = set(re.findall(r"`([A-Z][A-Z0-9_<>]+)`", text))
    newest = {name for name in variables_read() if not name.startswith(("VOICE_MODE_", "VOICE_MCP_"))}
    general = {re.sub(r"^(VOICEMODE_TTS_MODELS_).+", r"\1<PROVIDER>", name) for name in newest}
    assert general - told == set()


@pytest.mark.parametrize("value", ["true", "1", "yes", "on", "TRUE", "Yes"])
def test_yes_is_what_it_was(value: str) -> None:
    assert value.lower() in facts()["env_baseline_2025_06_17"]["truthy_values"].partition(",")[0].split("|")
    settings = read_settings(voice.VoiceRegistry.with_core(), {"VOICE_MCP_AUTO_START_KOKORO": value})
    assert settings.auto_start == ("kokoro",)


# --- providers


def test_the_rows_of_the_facts_are_there() -> None:
    for provider, row in facts()["mvp_plan_providers"].items():
        found = dict(voice.PROVIDERS[provider])
        assert {key: found[key] if key != "features" else list(found[key]) for key in row} == row


@pytest.mark.parametrize("name", ["kokoro", "openai", "whisper-local", "openai-whisper"])
def test_ids_of_older_programs_resolve(name: str) -> None:
    assert name in facts()["mvp_actual_provider_ids"]
    assert voice.VoiceRegistry.with_core().find_provider(name) is not None


def test_default_addresses_are_what_they_were() -> None:
    defaults = facts()["endpoints_default"]
    pairs = {
        "kokoro": "kokoro",
        "whisper": "whisper.cpp",
        "mlx-audio": "mlx_audio",
        "openai": "openai",
        "cartesia": "cartesia",
    }
    assert {name: voice.PROVIDERS[name]["base_url"] for name in pairs} == {n: defaults[old] for n, old in pairs.items()}


def test_voices_and_models_of_the_facts_are_known() -> None:
    registry = voice.VoiceRegistry.with_core()
    kokoro, openai = registry.resolve_provider("kokoro").tts, registry.resolve_provider("openai").tts
    assert kokoro is not None
    assert openai is not None
    known = facts()["voices"]
    for listing in ("kokoro_mvp", "kokoro_listed_baseline", "kokoro_head"):
        assert [name for name in known[listing] if kokoro.voice(name) is None] == []
    for listing in ("openai_standard", "openai_all_2026"):
        assert [name for name in known[listing] if openai.voice(name) is None] == []
    assert [name for name in facts()["models"]["openai_tts"] if openai.model(name) is None] == []
    assert [name for name in facts()["models"]["kokoro"] if kokoro.model(name) is None] == []
    mlx = registry.resolve_provider("mlx-audio")
    assert mlx.tts is not None
    assert mlx.stt is not None
    assert mlx.tts.default_model == facts()["models"]["mlx_audio_tts_default"]
    assert mlx.stt.default_model == facts()["models"]["mlx_audio_stt_default"]


def test_a_kokoro_voices_language_is_the_one_of_its_first_letter() -> None:
    spoken = {
        "American": "en-us", "British": "en-gb", "Spanish": "es", "French": "fr", "Hindi": "hi", "Italian": "it",
        "Japanese": "ja", "Portuguese": "pt-br", "Chinese": "zh",
    }  # fmt: skip
    letters = {key: spoken[name] for key, name in facts()["voices"]["kokoro_prefixes"].items() if len(key) == 1}
    kokoro = voice.VoiceRegistry.with_core().resolve_provider("kokoro").tts
    assert kokoro is not None
    assert {each.id: each.languages for each in kokoro.voices} == {
        each.id: (letters[each.id[0]],) for each in kokoro.voices
    }
    assert {letter for letter in letters if kokoro.has_voice(f"{letter}f_x")} == set(letters)


def test_prices_quoted_by_the_facts() -> None:
    quoted = facts()["design_doc_costs_quoted_2025"]
    assert f"{price_of('openai', 'tts', 'tts-1').per_1k_characters}" in quoted["openai_tts"]
    assert f"{price_of('openai', 'tts', 'gpt-4o-mini-tts').per_minute}" in quoted["gpt-4o-mini-tts"]
    assert f"{price_of('openai', 'stt', 'whisper-1').per_minute}" in quoted["openai_whisper"]
    assert f"{round(price_of('groq', 'stt', 'whisper-large-v3').usd_per_minute, 3)}" in quoted["groq_whisper"]


def price_of(provider: str, kind: Kind, model: str) -> voice.Price:
    speech = voice.VoiceRegistry.with_core().resolve_provider(provider).speech(kind)
    known = speech.model(model) if speech is not None else None
    assert known is not None
    assert known.price is not None
    return known.price


# --- get_tts_config

AF, NOVA = "af_bella", "nova"

CONFIGS: list[tuple[str, dict[str, Any], dict[str, str], dict[str, str | None]]] = [
    # what, arguments, environment, what differs from the row of the provider
    ("nothing", {}, {}, {"row": "openai"}),
    ("kokoro", {"provider": "kokoro"}, {}, {"row": "kokoro"}),
    ("openai", {"provider": "openai"}, {}, {"row": "openai"}),
    ("an unknown name", {"provider": "piper"}, {}, {"row": "openai"}),
    ("a name without speech out", {"provider": "whisper"}, {}, {"row": "openai"}),
    ("the voice af_", {"voice": AF}, {}, {"row": "kokoro", "voice": AF}),
    ("the voice am_", {"voice": "am_adam"}, {}, {"row": "kokoro", "voice": "am_adam"}),
    ("the voice bf_", {"voice": "bf_emma"}, {}, {"row": "kokoro", "voice": "bf_emma"}),
    ("any other voice", {"voice": "mine"}, {}, {"row": "openai", "voice": "mine"}),
    ("a voice beats the address", {"voice": NOVA}, {"TTS_BASE_URL": LOCAL}, {"row": "openai", "voice": NOVA}),
    ("a provider beats the voice", {"provider": "openai", "voice": AF}, {}, {"row": "openai", "voice": AF}),
    ("a local address", {}, {"TTS_BASE_URL": LOCAL}, {"row": "kokoro", "base_url": LOCAL, "client_key": "tts"}),
    ("the address of openai", {}, {"TTS_BASE_URL": OPENAI}, {"row": "openai"}),
    (
        "its own address first",
        {"provider": "kokoro"},
        {"TTS_BASE_URL": OPENAI, "KOKORO_TTS_BASE_URL": LOCAL},
        {"row": "kokoro", "base_url": LOCAL},
    ),
    (
        "both addresses",
        {},
        {"TTS_BASE_URL": "http://127.0.0.1:1/v1", "KOKORO_TTS_BASE_URL": LOCAL},
        {"row": "kokoro", "base_url": LOCAL},
    ),
    (
        "both the same",
        {},
        {"TTS_BASE_URL": LOCAL, "KOKORO_TTS_BASE_URL": LOCAL},
        {"row": "kokoro", "base_url": LOCAL, "client_key": "tts"},
    ),
    (
        "openai's own address",
        {"provider": "openai"},
        {"OPENAI_TTS_BASE_URL": LOCAL},
        {"row": "openai", "base_url": LOCAL},
    ),
    ("openai keeps its address", {"provider": "openai"}, {"TTS_BASE_URL": LOCAL}, {"row": "openai"}),
    ("OPENAI_BASE_URL has no effect", {}, {"OPENAI_BASE_URL": LOCAL}, {"row": "openai"}),
    ("TTS_VOICE", {}, {"TTS_VOICE": NOVA}, {"row": "openai", "voice": NOVA}),
    ("TTS_VOICE is not for kokoro", {"provider": "kokoro"}, {"TTS_VOICE": NOVA}, {"row": "kokoro"}),
    ("a voice beats TTS_VOICE", {"voice": "echo"}, {"TTS_VOICE": NOVA}, {"row": "openai", "voice": "echo"}),
    ("TTS_MODEL", {}, {"TTS_MODEL": "tts-1-hd"}, {"row": "openai", "model": "tts-1-hd"}),
    ("TTS_MODEL is not for kokoro", {"provider": "kokoro"}, {"TTS_MODEL": "tts-1-hd"}, {"row": "kokoro"}),
    ("a model beats TTS_MODEL", {"model": "tts-1-hd"}, {"TTS_MODEL": "x"}, {"row": "openai", "model": "tts-1-hd"}),
    ("a model for kokoro", {"provider": "kokoro", "model": "x"}, {}, {"row": "kokoro", "model": "x"}),
    (
        "instructions",
        {"model": "gpt-4o-mini-tts", "instructions": "Whisper."},
        {},
        {"row": "openai", "model": "gpt-4o-mini-tts", "instructions": "Whisper."},
    ),
    (
        "instructions by TTS_MODEL",
        {"instructions": "Whisper."},
        {"TTS_MODEL": "gpt-4o-mini-tts"},
        {"row": "openai", "model": "gpt-4o-mini-tts", "instructions": "Whisper."},
    ),
    ("instructions for another model", {"instructions": "Whisper."}, {}, {"row": "openai"}),
    (
        "instructions for kokoro",
        {"provider": "kokoro", "model": "gpt-4o-mini-tts", "instructions": "Whisper."},
        {},
        {"row": "kokoro", "model": "gpt-4o-mini-tts"},
    ),
    ("no key", {"provider": "openai"}, {"OPENAI_API_KEY": ""}, {"row": "openai"}),
]
ROWS: dict[str, dict[str, str | None]] = {
    "kokoro": {
        "client_key": "tts_kokoro",
        "base_url": KOKORO,
        "model": "tts-1",
        "voice": "af_sky",
        "instructions": None,
    },
    "openai": {
        "client_key": "tts_openai",
        "base_url": OPENAI,
        "model": "tts-1",
        "voice": "alloy",
        "instructions": None,
    },
}


@pytest.mark.parametrize(
    ("arguments", "env", "expected"), [each[1:] for each in CONFIGS], ids=[each[0] for each in CONFIGS]
)
def test_how_speech_is_asked_for_is_what_it_was(
    arguments: dict[str, Any], env: dict[str, str], expected: dict[str, str | None]
) -> None:
    row = ROWS[expected["row"] or ""]
    assert voice.get_tts_config(**arguments, env=env) == row | {k: v for k, v in expected.items() if k != "row"}


def test_the_table_has_the_parameters_and_keys_of_the_facts() -> None:
    baseline = facts()["get_tts_config_baseline"]
    assert list(voice.get_tts_config(env={})) == baseline["returns_keys"]
    given = [text.partition("=")[0] for text in baseline["params"]]
    assert voice.get_tts_config(*[None] * len(given), env={}) == voice.get_tts_config(env={})
    for row in baseline["rows"]:
        assert row["voice"].endswith(("af_sky", "TTS_VOICE"))


def test_how_listening_is_asked_for_has_the_keys_of_the_facts_and_its_rules() -> None:
    expected = facts()["get_stt_config"]
    with HttpServer(answering(200)) as server:
        env = {"STT_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "x", "STT_MODEL": "m"}
        local = voice.get_stt_config(env=env)
        off = voice.get_stt_config(env=env | {"VOICE_MCP_PREFER_LOCAL": "no"})
    assert list(local) == expected["returns_keys"]
    assert (local["client_key"], local["model"], local["provider"]) == (expected["client_key"], "m", "whisper")
    # A local address that is set stands first even where local is not preferred.
    assert off["provider"] == "whisper"
    assert voice.get_stt_config(env=env)["provider"] == "openai"
    explicit = [
        voice.get_stt_config(name, env=env)["provider"] for name in ("whisper-local", "openai-whisper", "piper")
    ]
    assert explicit == ["whisper", "openai", "openai"]


# --- the six traps


def test_trap_1_the_configured_address_is_the_one_that_is_asked() -> None:
    with HttpServer(answering(200)) as server:
        for env in (
            {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"},
            {"TTS_BASE_URL": f"{server.url}/v1"},
            {"VOICE_MCP_TTS_BASE_URLS": f"{server.url}/v1", "KOKORO_TTS_BASE_URL": f"{server.url}/v1"},
        ):
            server.requests.clear()
            found = voice.get_tts_provider(env=env)
            assert found is not None
            assert found.id == "kokoro"
            assert [each.path for each in server.requests] == ["/v1/audio/voices"]


def test_trap_2_voice_and_model_of_the_environment_count_and_arguments_beat_them() -> None:
    env = {"TTS_VOICE": "nova", "TTS_MODEL": "tts-1-hd"}
    config = voice.get_tts_config("openai", env=env)
    assert (config["voice"], config["model"]) == ("nova", "tts-1-hd")
    config = voice.get_tts_config("openai", "echo", "tts-1", env=env)
    assert (config["voice"], config["model"]) == ("echo", "tts-1")


@pytest.mark.parametrize(
    "name", ["VOICEMODE_AUTO_START_KOKORO", "VOICE_MODE_AUTO_START_KOKORO", "VOICE_MCP_AUTO_START_KOKORO"]
)
def test_trap_3_the_documented_spelling_works_and_so_do_the_older_ones(name: str) -> None:
    assert read_settings(voice.VoiceRegistry.with_core(), {name: "true"}).auto_start == ("kokoro",)


def test_trap_3_the_provider_that_is_asked_for_decides() -> None:
    wanted = voice.Preferences(provider="openai")
    with HttpServer(answering(200)) as server:
        env = {"KOKORO_TTS_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "x"}
        found = voice.get_tts_provider(env=env, preferences=wanted)
    assert found is not None
    assert found.id == "openai"


def test_trap_4_who_comes_next_is_known_beyond_the_choice() -> None:
    with HttpServer(answering(200)) as server:
        text = voice.voice_status(env={"KOKORO_TTS_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "x"})
    assert "1. kokoro (primary, active)" in text
    assert "2. openai (fallback 1)" in text


def test_trap_5_a_key_goes_to_nobody_but_its_own_vendor() -> None:
    canaries = {
        name: f"canary-{name.lower()}"
        for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY", "CARTESIA_API_KEY")
    }
    with HttpServer(answering(200)) as server:
        base = f"{server.url}/v1"
        env = canaries | {
            "KOKORO_TTS_BASE_URL": base,
            "OPENAI_TTS_BASE_URL": f"{server.url}/openai",
            "STT_BASE_URL": base,
            "VOICEMODE_MLX_AUDIO_PORT": str(server.port),
        }
        text = voice.voice_status(env=env)
        sent = b"".join(each.raw_head + each.body for each in server.requests)
    assert len(server.requests) >= 3
    assert b"canary" not in sent
    assert b"authorization" not in sent.lower()
    assert "canary" not in text


def test_trap_6_without_its_key_openai_alone_is_not_configured() -> None:
    with HttpServer(answering(200)) as server:
        env = {"KOKORO_TTS_BASE_URL": f"{server.url}/v1"}
        text = voice.voice_status(env=env)
        found = voice.get_tts_provider(env=env)
    assert found is not None
    assert found.id == "kokoro"
    assert "openai (left out): Not configured: it has no key (OPENAI_API_KEY)." in text
    assert voice.is_available("openai", env=env) is False
