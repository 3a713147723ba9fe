from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.errors import BlockError
from jackfield.voice.block import (
    AutoStart,
    CredentialRef,
    Price,
    RecipeValue,
    Speech,
    Variables,
    Voice,
    VoiceModel,
    VoiceProvider,
)

if TYPE_CHECKING:
    from jackfield.parts import Part

KEY = CredentialRef("acme", ("ACME_API_KEY",), ("api.acme.test",))
TTS = Speech("Acme TTS", "one", (VoiceModel("one"),), default_voice="anna", voices=(Voice("anna"),))
STT = Speech("Acme STT", "ear", (VoiceModel("ear"),))


def provider(**fields: Any) -> VoiceProvider:
    known: dict[str, Any] = {
        "id": "acme", "label": "Acme", "order": 5, "base_url": "https://api.acme.test/v1", "credential": KEY, "tts": TTS
    }  # fmt: skip
    return VoiceProvider(**known | fields)


def paths_of(error: pytest.ExceptionInfo[BlockError]) -> list[tuple[str, ...]]:
    assert error.value.code == "block.invalid"
    return [each.path for each in error.value.diagnostics]


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"id": "Acme"}, [("id",)]),
        ({"aliases": ("acme",)}, [("aliases",)]),
        ({"aliases": ("two", "A b")}, [("aliases", "[1]")]),
        ({"base_url": "ftp://api.acme.test"}, [("base_url",)]),
        ({"tts": None}, [("tts",)]),
        ({"tts": STT}, [("tts", "default_voice")]),
        ({"probes": ("https://elsewhere.test/",)}, [("probes", "[0]")]),
        ({"credential": None}, [("credential",)]),
        ({"local": True, "privacy": "local"}, [("credential",)]),
        ({"local": True, "credential": None}, [("privacy",)]),
        ({"privacy": "local"}, [("privacy",)]),
        ({"privacy": "secret"}, [("privacy",)]),
        ({"api": "soap"}, [("api",)]),
        ({"order": "first"}, [("order",)]),
        ({"colour": "red"}, [("colour",)]),
        ({"id": "A", "base_url": "x", "probes": ("y",)}, [("id",), ("base_url",), ("probes", "[0]")]),
    ],
)
def test_a_wrong_block_is_refused_with_the_path_of_every_fault(
    fields: dict[str, Any], paths: list[tuple[str, ...]]
) -> None:
    with pytest.raises(BlockError) as caught:
        provider(**fields)
    assert paths_of(caught) == paths


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"default_model": "two"}, [("default_model",)]),
        ({"default_voice": "bob"}, [("default_voice",)]),
        ({"voices_like": "("}, [("voices_like",)]),
        ({"models": (VoiceModel("one"), VoiceModel("one"))}, [("models", "[1]", "id")]),
        ({"voices": (Voice("anna"), Voice("anna"))}, [("voices", "[1]", "id")]),
        ({"input_max": 0}, [("input_max",)]),
        ({"languages": ("en", "English")}, [("languages", "[1]")]),
    ],
)
def test_a_wrong_direction_is_refused(fields: dict[str, Any], paths: list[tuple[str, ...]]) -> None:
    with pytest.raises(BlockError) as caught:
        Speech(**{name: getattr(TTS, name) for name in ("name", "default_model", "models", "voices")} | fields)
    assert paths_of(caught) == paths


@pytest.mark.parametrize(
    ("build", "fields", "paths"),
    [
        (Price, {}, [()]),
        (Price, {"per_minute": 1.0, "per_1k_characters": 1.0}, [()]),
        (Price, {"per_minute": -1.0}, [("per_minute",)]),
        (Price, {"per_minute": float("nan")}, [("per_minute",)]),
        (VoiceModel, {"id": " one"}, [("id",)]),
        (VoiceModel, {"id": "one", "ends_on": "2027-13-01"}, [("ends_on",)]),
        (VoiceModel, {"id": "one", "languages": ("EN",)}, [("languages", "[0]")]),
        (Voice, {"id": "a\nb"}, [("id",)]),
        (Voice, {"id": "a", "gender": "robot"}, [("gender",)]),
        (Variables, {"port": ("port",)}, [("port", "[0]")]),
        (Variables, {"voice": ("A_B", "A_B")}, [("voice",)]),
        (CredentialRef, {"id": "a", "env": ("sk-123",), "hosts": ("api.acme.test",)}, [("env", "[0]")]),
        (CredentialRef, {"id": "a", "env": ("K",), "hosts": ("test",)}, [("hosts", "[0]")]),
        (CredentialRef, {"id": "a", "env": ("K",), "hosts": ("https://a.test",)}, [("hosts", "[0]")]),
        (CredentialRef, {"id": "a", "env": ("K",), "hosts": ("a.test",), "scheme": "Bearer"}, [("scheme",)]),
        (CredentialRef, {"id": "A", "env": ("K",), "hosts": ("a.test",)}, [("id",)]),
        (AutoStart, {"command": (), "start_up_s": 1.0}, [("command",)]),
        (AutoStart, {"command": ("run", "{model}"), "start_up_s": 1.0}, [("command", "[1]")]),
        (AutoStart, {"command": ("run",), "start_up_s": 0.0}, [("start_up_s",)]),
        (AutoStart, {"command": ("run",), "start_up_s": 1.0, "variables": ("a",)}, [("variables", "[0]")]),
        (RecipeValue, {"name": "Model", "default": "x"}, [("name",)]),
    ],
)
def test_a_wrong_part_is_refused(build: type[Part], fields: dict[str, Any], paths: list[tuple[str, ...]]) -> None:
    with pytest.raises(BlockError) as caught:
        build(**fields)
    assert paths_of(caught) == paths


def test_a_recipe_may_use_the_address_and_its_own_values() -> None:
    values = (RecipeValue("model", "base"),)
    made = AutoStart(("run", "{host}:{port}{path}", "{model}"), 1.0, values=values)
    assert made.values == values


@pytest.mark.parametrize(
    ("price", "minute"),
    [(Price(per_minute=0.006), 0.006), (Price(per_1k_characters=0.015), 0.0135), (Price(per_1k_characters=0), 0.0)],
)
def test_prices_of_both_kinds_are_compared_by_the_minute(price: Price, minute: float) -> None:
    assert price.usd_per_minute == pytest.approx(minute)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("api.acme.test", True),
        ("eu.api.acme.test", True),
        ("acme.test", False),
        ("api.acme.test.evil.test", False),
        ("evilapi.acme.test", False),
        ("127.0.0.1", False),
    ],
)
def test_a_key_is_for_the_vendors_hosts_and_those_below_them(host: str, covered: bool) -> None:
    assert KEY.covers(host) is covered


def test_a_voice_is_known_by_its_id_or_by_the_pattern_of_its_beginning() -> None:
    speech = Speech(
        "x", "m", (VoiceModel("m"),), default_voice="anna", voices=(Voice("anna"),), voices_like=r"v[0-9]+\Z"
    )
    assert [name for name in ("anna", "v1", "v12", "v1x", "av1", "Anna") if speech.has_voice(name)] == [
        "anna", "v1", "v12"
    ]  # fmt: skip
    assert speech.voice("v1") is None


def test_the_short_form_has_the_keys_that_programs_read() -> None:
    assert provider(stt=STT, features=("cloud",)).to_row() == {
        "id": "acme",
        "name": "Acme TTS",
        "type": "tts",
        "base_url": "https://api.acme.test/v1",
        "local": False,
        "auto_start": False,
        "features": ["cloud"],
    }
    assert provider(tts=None, stt=STT).to_row()["type"] == "stt"


def test_a_block_goes_through_json_and_back() -> None:
    block = provider(stt=STT, aliases=("a-b",))
    assert VoiceProvider.from_dict(json.loads(json.dumps(block.to_dict()))) == block
