from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jackfield.errors import RequestError
from jackfield.records import replace
from jackfield.voice.block import KINDS, CredentialRef, Kind
from jackfield.voice.defaults import model_for, voice_for, voice_owner
from jackfield.voice.endpoints import Endpoint, all_endpoints, own_endpoint, owner_of_general, preferred
from jackfield.voice.environment import read_settings
from jackfield.voice.registry import VoiceRegistry
from jackfield.voice.server import server_block

if TYPE_CHECKING:
    from jackfield.voice.settings import VoiceSettings

REGISTRY = VoiceRegistry.with_core()
PROVIDERS = REGISTRY.list_providers()


def settings(env: dict[str, str]) -> VoiceSettings:
    return read_settings(REGISTRY, env)


def own(name: str, kind: Kind, env: dict[str, str]) -> Endpoint:
    return own_endpoint(PROVIDERS, REGISTRY.resolve_provider(name), kind, settings(env))


def chain(kind: Kind, env: dict[str, str]) -> tuple[Endpoint, ...]:
    return all_endpoints(PROVIDERS, kind, settings(env))


LOCAL = "http://127.0.0.1:9000/v1"


@pytest.mark.parametrize(
    ("name", "kind", "env", "url", "source"),
    [
        ("kokoro", "tts", {}, "http://127.0.0.1:8880/v1", "default"),
        ("kokoro", "tts", {"KOKORO_TTS_BASE_URL": LOCAL}, LOCAL, "KOKORO_TTS_BASE_URL"),
        ("kokoro", "tts", {"TTS_BASE_URL": LOCAL}, LOCAL, "TTS_BASE_URL"),
        (
            "kokoro",
            "tts",
            {"TTS_BASE_URL": "http://127.0.0.1:1/v1", "KOKORO_TTS_BASE_URL": LOCAL},
            LOCAL,
            "KOKORO_TTS_BASE_URL",
        ),
        ("kokoro", "tts", {"TTS_BASE_URL": "https://api.openai.com/v1"}, "http://127.0.0.1:8880/v1", "default"),
        ("kokoro", "tts", {"STT_BASE_URL": LOCAL}, "http://127.0.0.1:8880/v1", "default"),
        ("kokoro", "tts", {"VOICEMODE_KOKORO_PORT": "8881"}, "http://127.0.0.1:8881/v1", "VOICEMODE_KOKORO_PORT"),
        ("kokoro", "tts", {"TTS_BASE_URL": "HTTP://LocalHost:8881/v1/"}, "http://localhost:8881/v1", "TTS_BASE_URL"),
        ("openai", "tts", {"TTS_BASE_URL": LOCAL}, "https://api.openai.com/v1", "default"),
        (
            "openai",
            "tts",
            {"TTS_BASE_URL": "https://eu.api.openai.com/v1"},
            "https://eu.api.openai.com/v1",
            "TTS_BASE_URL",
        ),
        ("openai", "tts", {"OPENAI_TTS_BASE_URL": LOCAL}, LOCAL, "OPENAI_TTS_BASE_URL"),
        ("openai", "stt", {"OPENAI_TTS_BASE_URL": LOCAL}, "https://api.openai.com/v1", "default"),
        ("openai", "stt", {"OPENAI_BASE_URL": LOCAL}, "https://api.openai.com/v1", "default"),
        ("whisper", "stt", {"STT_BASE_URL": LOCAL}, LOCAL, "STT_BASE_URL"),
        ("whisper", "stt", {"STT_BASE_URL": "https://api.groq.com/openai/v1"}, "http://127.0.0.1:2022/v1", "default"),
        (
            "groq",
            "stt",
            {"STT_BASE_URL": "https://api.groq.com/openai/v1"},
            "https://api.groq.com/openai/v1",
            "STT_BASE_URL",
        ),
        ("whisper", "stt", {"VOICE_MODE_WHISPER_PORT": "2023"}, "http://127.0.0.1:2023/v1", "VOICE_MODE_WHISPER_PORT"),
        (
            "mlx-audio",
            "stt",
            {"VOICEMODE_MLX_AUDIO_HOST": "10.0.0.2"},
            "http://10.0.0.2:8890/v1",
            "VOICEMODE_MLX_AUDIO_HOST",
        ),
        (
            "mlx-audio",
            "tts",
            {"VOICEMODE_MLX_AUDIO_HOST": "::1", "VOICEMODE_MLX_AUDIO_PORT": "9"},
            "http://[::1]:9/v1",
            "VOICEMODE_MLX_AUDIO_HOST",
        ),
        ("embedded", "tts", {}, None, "default"),
    ],
)
def test_a_providers_address_is_the_one_that_is_configured(
    name: str, kind: Kind, env: dict[str, str], url: str | None, source: str
) -> None:
    found = own(name, kind, env)
    assert (found.base_url, found.source, found.fault) == (url, source, None)


@pytest.mark.parametrize(
    ("name", "env", "key", "privacy"),
    [
        ("openai", {}, "openai", "cloud_public"),
        ("openai", {"OPENAI_TTS_BASE_URL": "https://eu.api.openai.com/v1"}, "openai", "cloud_public"),
        ("openai", {"OPENAI_TTS_BASE_URL": LOCAL}, None, "local"),
        ("openai", {"OPENAI_TTS_BASE_URL": "https://gateway.acme.test/v1"}, None, "cloud_public"),
        ("openai", {"OPENAI_TTS_BASE_URL": "https://api.openai.com.acme.test/v1"}, None, "cloud_public"),
        ("openai", {"OPENAI_TTS_BASE_URL": "http://192.168.1.5:8880/v1"}, None, "cloud_private"),
        ("kokoro", {}, None, "local"),
        ("kokoro", {"KOKORO_TTS_BASE_URL": "http://192.168.1.5:8880/v1"}, None, "cloud_private"),
        ("kokoro", {"KOKORO_TTS_BASE_URL": "https://kokoro.acme.test/v1"}, None, "cloud_public"),
        ("kokoro", {"KOKORO_TTS_BASE_URL": "https://api.openai.com/v1"}, None, "cloud_public"),
    ],
)
def test_a_key_goes_to_the_vendors_own_host_only_and_privacy_follows_the_address(
    name: str, env: dict[str, str], key: str | None, privacy: str
) -> None:
    found = own(name, "tts", env | {"OPENAI_API_KEY": "canary"})
    assert (found.credential.id if found.credential else None, found.privacy) == (key, privacy)
    assert found.paid is (key is not None)
    assert "canary" not in repr(found)


def test_a_local_endpoint_gets_a_key_that_is_configured_for_its_origin() -> None:
    ref = CredentialRef("house", ("HOUSE_KEY",), ("kokoro.acme.test",))
    given = replace(settings({"KOKORO_TTS_BASE_URL": LOCAL}), keys={"http://127.0.0.1:9000": ref})
    assert own_endpoint(PROVIDERS, REGISTRY.resolve_provider("kokoro"), "tts", given).credential == ref
    assert own_endpoint(PROVIDERS, REGISTRY.resolve_provider("mlx-audio"), "tts", given).credential is None


@pytest.mark.parametrize("text", ["kokoro:8880", "http://kokoro:8880/v1", "https://user:pw@a.test/v1", "ftp://a.test"])
def test_an_address_that_cannot_be_used_stays_and_is_told_without_repeating_it(text: str) -> None:
    found = own("kokoro", "tts", {"KOKORO_TTS_BASE_URL": text})
    assert (found.base_url, found.text) == (None, text)
    assert found.fault is not None
    assert "pw" not in found.fault


def test_a_direction_that_a_provider_does_not_have_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        own("kokoro", "stt", {})
    assert caught.value.code == "voice.direction"
    assert "kokoro has tts only" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("env", "owner"),
    [
        ({}, None),
        ({"TTS_BASE_URL": "https://api.openai.com/v1"}, "openai"),
        ({"TTS_BASE_URL": LOCAL}, "kokoro"),
        ({"TTS_BASE_URL": "http://localhost:8880/v1"}, "kokoro"),
        ({"TTS_BASE_URL": "http://127.0.0.1:8890/v1"}, "mlx-audio"),
        ({"TTS_BASE_URL": "https://api.deepgram.com/v1"}, "deepgram"),
        ({"TTS_BASE_URL": "https://openai.com.acme.test/v1"}, "kokoro"),
        ({"TTS_BASE_URL": "not a url"}, "kokoro"),
    ],
)
def test_the_one_address_of_a_direction_belongs_to_who_is_there_else_to_the_preferred_local_one(
    env: dict[str, str], owner: str | None
) -> None:
    found = owner_of_general(PROVIDERS, "tts", settings(env))
    assert (found.id if found else None) == owner


def test_the_preferred_ones_are_kokoro_whisper_and_openai() -> None:
    found = {(kind, local): preferred(PROVIDERS, kind, local=local) for kind in KINDS for local in (True, False)}
    assert {key: each.id if each else None for key, each in found.items()} == {
        ("tts", True): "kokoro", ("tts", False): "openai", ("stt", True): "whisper", ("stt", False): "openai",
    }  # fmt: skip


def test_without_a_list_every_provider_has_a_place_and_the_last_resort_the_last() -> None:
    assert [each.provider.id for each in chain("tts", {})] == [
        "kokoro", "openai", "mlx-audio", "deepgram", "elevenlabs", "cartesia", "embedded",
    ]  # fmt: skip
    assert [each.provider.id for each in chain("stt", {})] == [
        "whisper", "openai", "mlx-audio", "groq", "deepgram", "elevenlabs", "cartesia", "embedded",
    ]  # fmt: skip


def test_a_list_is_taken_as_it_is_followed_by_the_last_resort_alone() -> None:
    urls = "https://api.openai.com/v1, http://localhost:8880/v1,http://127.0.0.1:9000/v1"
    found = chain("tts", {"VOICEMODE_TTS_BASE_URLS": urls})
    assert [(each.provider.id, each.base_url) for each in found] == [
        ("openai", "https://api.openai.com/v1"),
        ("kokoro", "http://localhost:8880/v1"),
        ("url-127.0.0.1-9000", LOCAL),
        ("embedded", None),
    ]
    assert {each.source for each in found[:3]} == {"VOICEMODE_TTS_BASE_URLS"}


def test_an_address_listed_twice_has_one_place_and_a_broken_one_says_so() -> None:
    found = chain("tts", {"VOICEMODE_TTS_BASE_URLS": f"{LOCAL},{LOCAL}/,:broken:"})
    assert [each.provider.label for each in found] == ["127.0.0.1:9000", "entry 3", "Embedded speech"]
    assert found[1].fault is not None
    assert found[1].base_url is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8881/v1", "http://10.0.0.9:8880/v1", "https://a.test:8880/v1", "https://openai.com.a.test/v1"]
)  # fmt: skip
def test_nothing_is_guessed_from_a_port_or_a_part_of_an_address(url: str) -> None:
    first = chain("tts", {"VOICEMODE_TTS_BASE_URLS": url})[0]
    assert first.provider.id.startswith("url-")
    assert first.credential is None


def test_a_moved_provider_is_known_at_its_new_address() -> None:
    env = {
        "VOICEMODE_KOKORO_PORT": "8881",
        "VOICEMODE_TTS_BASE_URLS": "http://127.0.0.1:8881/v1,http://127.0.0.1:8880/v1",
    }
    assert [each.provider.id for each in chain("tts", env)] == ["kokoro", "url-127.0.0.1-8880", "embedded"]


def test_models_by_place_belong_to_the_address_at_that_place() -> None:
    env = {"VOICEMODE_STT_BASE_URLS": f"{LOCAL},https://api.openai.com/v1", "VOICEMODE_STT_MODELS": "mine,"}
    found = chain("stt", env)
    assert [each.model for each in found] == ["mine", None, None]
    assert [model_for(PROVIDERS, each, settings(env)) for each in found[:2]] == ["mine", "whisper-1"]


# --- servers known by their URL


@pytest.mark.parametrize(
    ("url", "id_", "privacy"),
    [
        ("http://127.0.0.1:9000/v1", "url-127.0.0.1-9000", "local"),
        ("http://127.0.0.1:9000", "url-127.0.0.1-9000", "local"),
        ("http://[::1]:9000/v1/", "url-1-9000", "local"),
        ("https://Speech.acme.test/team-a/v1", "url-speech.acme.test-443-team-a-v1", "cloud_public"),
        ("http://192.168.1.5:8880/v1", "url-192.168.1.5-8880", "cloud_public"),
    ],
)
def test_a_server_is_named_by_its_address(url: str, id_: str, privacy: str) -> None:
    block = server_block(url)
    assert (block.id, block.privacy, block.credential, block.kinds) == (id_, privacy, None, ("tts", "stt"))
    assert server_block(url) == block


def test_long_addresses_that_begin_alike_have_different_ids() -> None:
    one, two = (server_block(f"https://a.test/{'x' * 80}/{end}") for end in ("one", "two"))
    assert one.id != two.id
    assert max(len(one.id), len(two.id)) <= 64


def test_a_server_at_an_address_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        server_block("http://speech.acme.test/v1")
    assert caught.value.code == "url.insecure"


def test_a_server_can_be_registered_under_a_name_and_for_one_direction() -> None:
    registry = VoiceRegistry.with_core()
    listening: tuple[Kind] = ("stt",)
    block = server_block(LOCAL, listening, name="Workshop")
    registry.register_provider(block)
    found = all_endpoints(registry.list_providers(), "stt", read_settings(registry, {"VOICEMODE_STT_BASE_URLS": LOCAL}))
    assert found[0].provider is block
    assert (block.label, block.tts) == ("Workshop", None)


# --- voices and models


@pytest.mark.parametrize(
    ("voice", "owner"),
    [
        ("af_sky", "kokoro"), ("bm_george", "kokoro"), ("zf_new", "kokoro"), ("af_sky+af_bella", "kokoro"),
        ("alloy", "openai"), ("marin", "openai"), ("aura-2-apollo-en", "deepgram"),
        ("694f9389-aac1-45b6-b726-9d9369183238", "cartesia"), ("JBFqnCBsd6RMkjVDRZzb", "elevenlabs"),
        ("my-own-voice", None), ("af", None), ("xf_one", None),
    ],
)  # fmt: skip
def test_a_voice_belongs_to_the_provider_that_has_it(voice: str, owner: str | None) -> None:
    found = voice_owner(PROVIDERS, voice)
    assert (found.id if found else None) == owner


@pytest.mark.parametrize(
    ("name", "env", "voice"),
    [
        ("openai", {}, "alloy"),
        ("openai", {"TTS_VOICE": "nova"}, "nova"),
        ("openai", {"TTS_VOICE": "my-own-voice"}, "my-own-voice"),
        ("openai", {"TTS_VOICE": "af_bella"}, "alloy"),
        ("kokoro", {"TTS_VOICE": "nova"}, "af_sky"),
        ("kokoro", {"TTS_VOICE": "af_bella"}, "af_bella"),
        ("kokoro", {"VOICEMODE_VOICES": "alloy,am_adam,af_bella"}, "am_adam"),
        ("kokoro", {"VOICEMODE_VOICES": "am_adam", "VOICEMODE_KOKORO_DEFAULT_VOICE": "af_bella"}, "af_bella"),
        ("cartesia", {"VOICEMODE_CARTESIA_VOICE_ID": "mine"}, "mine"),
        ("deepgram", {"TTS_VOICE": "my-own-voice"}, "aura-2-thalia-en"),
    ],
)
def test_a_general_voice_counts_for_the_provider_it_belongs_to(name: str, env: dict[str, str], voice: str) -> None:
    assert voice_for(PROVIDERS, own(name, "tts", env), settings(env)) == voice


@pytest.mark.parametrize(
    ("name", "kind", "env", "model"),
    [
        ("openai", "tts", {"TTS_MODEL": "tts-1-hd"}, "tts-1-hd"),
        ("openai", "tts", {"TTS_MODEL": "tts-9"}, "tts-9"),
        ("openai", "tts", {"TTS_MODEL": "sonic-3"}, "tts-1"),
        ("openai", "tts", {"VOICEMODE_TTS_MODELS": "sonic-3,gpt-4o-mini-tts,tts-1"}, "gpt-4o-mini-tts"),
        ("openai", "tts", {"VOICEMODE_TTS_MODELS_OPENAI": "mine", "TTS_MODEL": "tts-1-hd"}, "mine"),
        ("kokoro", "tts", {"TTS_MODEL": "gpt-4o-mini-tts"}, "tts-1"),
        ("kokoro", "tts", {"TTS_MODEL": "tts-9"}, "tts-1"),
        ("mlx-audio", "tts", {"TTS_MODEL": "tts-1-hd"}, "mlx-community/Kokoro-82M-bf16"),
        ("whisper", "stt", {"STT_MODEL": "large-v3"}, "large-v3"),
        ("openai", "stt", {"STT_MODEL": "large-v3"}, "large-v3"),
        ("openai", "stt", {"STT_MODEL": "whisper-large-v3"}, "whisper-1"),
        ("groq", "stt", {"STT_MODEL": "whisper-1"}, "whisper-large-v3-turbo"),
        ("groq", "stt", {"STT_MODEL": "whisper-large-v3"}, "whisper-large-v3"),
    ],
)
def test_a_general_model_counts_for_those_that_have_it(name: str, kind: Kind, env: dict[str, str], model: str) -> None:
    assert model_for(PROVIDERS, own(name, kind, env), settings(env)) == model


def test_a_server_known_by_its_url_takes_voices_and_models_as_they_are() -> None:
    env = {"VOICEMODE_TTS_BASE_URLS": LOCAL, "VOICEMODE_VOICES": "af_sky,alloy", "TTS_MODEL": "tts-1-hd"}
    first = chain("tts", env)[0]
    assert voice_for(PROVIDERS, first, settings(env)) == "af_sky"
    assert model_for(PROVIDERS, first, settings(env)) == "tts-1-hd"
    bare = {"VOICEMODE_TTS_BASE_URLS": LOCAL}
    assert voice_for(PROVIDERS, chain("tts", bare)[0], settings(bare)) == "alloy"
