from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jackfield.voice.environment import read_settings, spellings
from jackfield.voice.registry import VoiceRegistry
from jackfield.voice.settings import Address, Own, VoiceSettings

if TYPE_CHECKING:
    from jackfield.voice.block import Kind

REGISTRY = VoiceRegistry.with_core()


def read(**env: str) -> VoiceSettings:
    return read_settings(REGISTRY, env)


def test_nothing_set_is_nothing_set() -> None:
    settings = read(UNRELATED="x", TTS_VOICE="  ")
    assert settings.tts == settings.stt == VoiceSettings().tts
    assert set(settings.own.values()) == {Own()}
    assert (settings.prefer_local, settings.allow_emotions, settings.paid_fallback) == (True, False, "allow")
    assert (settings.max_cost, settings.min_privacy, settings.speed, settings.auto_start) == (None, None, None, ())
    assert settings.diagnostics == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("VOICEMODE_KOKORO_PORT", ("VOICEMODE_KOKORO_PORT", "VOICE_MODE_KOKORO_PORT", "VOICE_MCP_KOKORO_PORT")),
        ("VOICE_MAX_COST", ("VOICE_MAX_COST",)),
        ("KOKORO_TTS_BASE_URL", ("KOKORO_TTS_BASE_URL",)),
    ],
)
def test_a_variable_has_the_spellings_of_its_history(name: str, expected: tuple[str, ...]) -> None:
    assert spellings(name) == expected


@pytest.mark.parametrize("prefix", ["VOICEMODE_", "VOICE_MODE_", "VOICE_MCP_"])
@pytest.mark.parametrize(("kind", "name"), [("tts", "TTS_BASE_URLS"), ("stt", "STT_BASE_URLS")])
def test_lists_of_addresses_are_read_in_every_spelling(prefix: str, kind: Kind, name: str) -> None:
    settings = read(**{prefix + name: " http://a.test/v1 ,, https://b.test/v1,"})
    assert settings.direction(kind).urls == (
        Address("http://a.test/v1", prefix + name),
        Address("https://b.test/v1", prefix + name),
    )


def test_the_newest_spelling_wins_and_an_older_one_of_it_is_ignored() -> None:
    settings = read(
        VOICE_MCP_KOKORO_PORT="1", VOICE_MODE_KOKORO_PORT="2", VOICEMODE_KOKORO_PORT="3", VOICE_MCP_VOICES="old",
        VOICEMODE_VOICES="new",
    )  # fmt: skip
    assert settings.of("kokoro", "tts").port == Address("3", "VOICEMODE_KOKORO_PORT")
    assert settings.tts.voices == ("new",)


@pytest.mark.parametrize(
    ("env", "kind", "provider", "expected"),
    [
        (
            {"KOKORO_TTS_BASE_URL": "http://a.test"},
            "tts",
            "kokoro",
            Own(url=Address("http://a.test", "KOKORO_TTS_BASE_URL")),
        ),
        (
            {"OPENAI_TTS_BASE_URL": "http://a.test"},
            "tts",
            "openai",
            Own(url=Address("http://a.test", "OPENAI_TTS_BASE_URL")),
        ),
        ({"OPENAI_TTS_BASE_URL": "http://a.test"}, "stt", "openai", Own()),
        ({"OPENAI_BASE_URL": "http://a.test"}, "tts", "openai", Own()),
        ({"VOICEMODE_WHISPER_PORT": "2023"}, "stt", "whisper", Own(port=Address("2023", "VOICEMODE_WHISPER_PORT"))),
        ({"VOICEMODE_WHISPER_LANGUAGE": "de"}, "stt", "whisper", Own(language="de")),
        (
            {"VOICE_MODE_MLX_AUDIO_HOST": "10.0.0.2"},
            "stt",
            "mlx-audio",
            Own(host=Address("10.0.0.2", "VOICE_MODE_MLX_AUDIO_HOST")),
        ),
        ({"VOICEMODE_KOKORO_DEFAULT_VOICE": "af_bella"}, "tts", "kokoro", Own(voice="af_bella")),
        ({"VOICEMODE_CARTESIA_VOICE_ID": "uuid"}, "tts", "cartesia", Own(voice="uuid")),
        (
            {"VOICEMODE_CARTESIA_FALLBACK_MODEL": "b", "VOICEMODE_CARTESIA_MODEL": "a"},
            "tts",
            "cartesia",
            Own(models=("a", "b")),
        ),
        ({"VOICEMODE_TTS_MODELS_OPENAI": "x, y"}, "tts", "openai", Own(models=("x", "y"))),
        ({"VOICEMODE_TTS_MODELS_MLX_AUDIO": "x"}, "tts", "mlx-audio", Own(models=("x",))),
    ],
)
def test_a_providers_own_variables_are_read(env: dict[str, str], kind: Kind, provider: str, expected: Own) -> None:
    assert read(**env).of(provider, kind) == expected


@pytest.mark.parametrize(
    ("env", "voices", "models", "stt_models"),
    [
        ({"TTS_VOICE": "nova", "TTS_MODEL": "tts-1-hd", "STT_MODEL": "w"}, ("nova",), ("tts-1-hd",), ("w",)),
        ({"VOICEMODE_TTS_VOICE": "echo", "TTS_VOICE": "nova"}, ("echo", "nova"), (), ()),
        ({"VOICEMODE_VOICES": "a,b", "TTS_VOICE": "a"}, ("a", "b"), (), ()),
        ({"VOICEMODE_TTS_MODELS": "x,y", "VOICEMODE_TTS_MODEL": "z", "TTS_MODEL": "x"}, (), ("x", "y", "z"), ()),
        ({"VOICEMODE_STT_MODEL": "new", "STT_MODEL": "old"}, (), (), ("new", "old")),
    ],
)
def test_general_voices_and_models_are_listed_newest_first_each_once(
    env: dict[str, str], voices: tuple[str, ...], models: tuple[str, ...], stt_models: tuple[str, ...]
) -> None:
    settings = read(**env)
    assert (settings.tts.voices, settings.tts.models, settings.stt.models) == (voices, models, stt_models)


def test_models_by_place_keep_their_gaps() -> None:
    assert read(VOICEMODE_STT_MODELS="a,, b").stt.models_by_place == ("a", "", "b")


@pytest.mark.parametrize("value", ["true", "TRUE", "1", "yes", "on", " On "])
@pytest.mark.parametrize(
    "name", ["VOICE_MCP_PREFER_LOCAL", "VOICEMODE_PREFER_LOCAL", "VOICE_PREFER_LOCAL", "VOICEMODE_ALWAYS_TRY_LOCAL"]
)
def test_yes_is_said_in_four_words(name: str, value: str) -> None:
    assert read(**{name: value}).prefer_local is True


@pytest.mark.parametrize("value", ["false", "0", "no", "off", "y", "maybe"])
def test_everything_else_is_a_no(value: str) -> None:
    assert read(VOICEMODE_PREFER_LOCAL=value).prefer_local is False
    assert read(VOICE_ALLOW_EMOTIONS=value).allow_emotions is False


@pytest.mark.parametrize("name", ["VOICE_ALLOW_EMOTIONS", "VOICEMODE_ALLOW_EMOTIONS", "VOICE_MODE_ALLOW_EMOTIONS"])
def test_emotions_are_allowed_by_either_spelling(name: str) -> None:
    assert read(**{name: "yes"}).allow_emotions is True


@pytest.mark.parametrize(
    ("env", "started"),
    [
        ({"VOICE_MCP_AUTO_START_KOKORO": "true"}, ("kokoro",)),
        ({"VOICE_MODE_AUTO_START_KOKORO": "1"}, ("kokoro",)),
        ({"VOICEMODE_AUTO_START_KOKORO": "on"}, ("kokoro",)),
        ({"VOICE_AUTO_START_LOCAL": "yes"}, ("kokoro", "whisper")),
        ({"VOICEMODE_AUTO_START_SERVICES": "yes"}, ("kokoro", "whisper")),
        ({"VOICE_AUTO_START_LOCAL": "yes", "VOICEMODE_AUTO_START_KOKORO": "no"}, ("whisper",)),
        ({"VOICE_AUTO_START_LOCAL": "no", "VOICEMODE_AUTO_START_KOKORO": "yes"}, ("kokoro",)),
    ],
)
def test_auto_start_is_asked_for_one_by_one_or_for_all(env: dict[str, str], started: tuple[str, ...]) -> None:
    assert read(**env).auto_start == started


@pytest.mark.parametrize(
    ("env", "tts", "stt"),
    [
        ({"VOICE_PROVIDERS": "openai,kokoro"}, ("openai", "kokoro"), ("openai",)),
        ({"VOICE_PROVIDERS": "openai", "VOICE_TTS_PROVIDERS": "Kokoro"}, ("kokoro",), ("openai",)),
        ({"VOICE_STT_PROVIDERS": "whisper-local,openai-whisper,whisper"}, (), ("whisper", "openai")),
    ],
)
def test_an_order_of_providers_counts_where_they_can_do_it(
    env: dict[str, str], tts: tuple[str, ...], stt: tuple[str, ...]
) -> None:
    settings = read(**env)
    assert (settings.tts.order, settings.stt.order, settings.diagnostics) == (tts, stt, ())


def test_limits_and_speed_are_read() -> None:
    settings = read(VOICE_MAX_COST="0.02", VOICE_MIN_PRIVACY="Cloud_Private", VOICEMODE_TTS_SPEED="1.5")
    assert (settings.max_cost, settings.min_privacy, settings.speed) == (0.02, "cloud_private", 1.5)


@pytest.mark.parametrize(
    ("env", "field", "counts_as"),
    [
        ({"VOICE_MAX_COST": "0,01"}, "max_cost", 0.0),
        ({"VOICE_MAX_COST": "-1"}, "max_cost", 0.0),
        ({"VOICE_MAX_COST": "inf"}, "max_cost", 0.0),
        ({"VOICE_MAX_COST": "nan"}, "max_cost", 0.0),
        ({"VOICE_MIN_PRIVACY": "home only"}, "min_privacy", "local"),
        ({"VOICEMODE_TTS_SPEED": "9"}, "speed", None),
        ({"VOICEMODE_TTS_SPEED": "fast"}, "speed", None),
    ],
)
def test_a_limit_that_cannot_be_read_counts_as_the_strictest_and_is_told(
    env: dict[str, str], field: str, counts_as: object
) -> None:
    settings = read(**env)
    assert getattr(settings, field) == counts_as
    (told,) = settings.diagnostics
    (name,) = env
    assert (told.code, told.severity, told.path, told.owner) == ("voice.variable", "warning", (name,), "user")
    assert env[name] not in told.message


@pytest.mark.parametrize("value", ["0", "65536", "1e3", "-1", "http", "²", "9" * 5000])
def test_a_port_that_is_none_counts_as_unset_and_is_told_once(value: str) -> None:
    settings = read(VOICEMODE_MLX_AUDIO_PORT=value)
    assert settings.of("mlx-audio", "tts").port is None
    assert [each.path for each in settings.diagnostics] == [("VOICEMODE_MLX_AUDIO_PORT",)]


def test_an_unknown_provider_in_an_order_is_told_and_the_others_count() -> None:
    settings = read(VOICE_TTS_PROVIDERS="kokro,openai")
    assert settings.tts.order == ("openai",)
    assert [each.path for each in settings.diagnostics] == [("VOICE_TTS_PROVIDERS",)]
    assert "kokro" not in settings.diagnostics[0].message


def test_an_address_that_cannot_be_used_is_kept() -> None:
    settings = read(TTS_BASE_URL="kokoro:8880")
    assert settings.tts.url == Address("kokoro:8880", "TTS_BASE_URL")
