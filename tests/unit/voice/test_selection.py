from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.errors import RequestError, UnknownNameError
from jackfield.records import replace
from jackfield.voice.endpoints import all_endpoints
from jackfield.voice.environment import read_settings
from jackfield.voice.looks import keys_in
from jackfield.voice.registry import VoiceRegistry
from jackfield.voice.selection import Candidate, LeftOut, Preferences, Seen, Selection, Step, preferences_of, select
from jackfield.voice.server import server_block

if TYPE_CHECKING:
    from jackfield.voice.block import Kind
    from jackfield.voice.endpoints import Endpoint

REGISTRY = VoiceRegistry.with_core()
UP = Seen("reachable", usable=True, detail="it answers")
DOWN = Seen("configured", usable=False, detail="nothing listens there")
KEYED = Seen("configured", usable=True, detail="its key is configured; it was not asked")
UNSET = Seen("not-configured", usable=False, detail="it has no key")
ALL_KEYS = {
    f"{name}_API_KEY": "x" for name in ("OPENAI", "GROQ", "DEEPGRAM", "ELEVENLABS", "CARTESIA")
}  # fmt: skip


def seen(endpoint: Endpoint, env: dict[str, str], up: tuple[str, ...]) -> Seen:
    if endpoint.credential is not None:
        return KEYED if keys_in(env)(endpoint.credential) else UNSET
    if endpoint.base_url is None and endpoint.provider.id not in up:
        return UNSET
    return UP if endpoint.provider.id in up else DOWN


def choose(kind: Kind = "tts", env: dict[str, str] | None = None, up: tuple[str, ...] = (), **wanted: Any) -> Selection:
    """Select among the core providers, of which those in `up` answer; preferences on top of what `env` says."""
    env = env or {}
    settings = read_settings(REGISTRY, env)
    candidates = [
        Candidate(each, seen(each, env, up)) for each in all_endpoints(REGISTRY.list_providers(), kind, settings)
    ]
    preferences = replace(preferences_of(settings, kind), **wanted)
    return select(kind, candidates, registry=REGISTRY, settings=settings, preferences=preferences)


def names(selection: Selection) -> list[str]:
    return [step.endpoint.provider.id for step in selection.chain]


def chosen(selection: Selection) -> str | None:
    return selection.chosen.endpoint.provider.id if selection.chosen else None


def reasons(selection: Selection, provider: str) -> str:
    """Return why a provider stands where it stands, or why it was left out."""
    rows: list[Step | LeftOut] = [*selection.chain, *selection.left_out]
    return " ".join(reason for row in rows if row.endpoint.provider.id == provider for reason in row.reasons)


KEY = {"OPENAI_API_KEY": "x"}


@pytest.mark.parametrize(
    ("kind", "env", "up", "expected"),
    [
        ("tts", KEY, ("kokoro",), "kokoro"),
        ("tts", KEY, (), "openai"),
        ("tts", KEY, ("mlx-audio",), "openai"),
        ("tts", {}, ("mlx-audio",), "mlx-audio"),
        ("tts", {"DEEPGRAM_API_KEY": "x"}, ("embedded",), "deepgram"),
        ("tts", KEY, ("embedded",), "openai"),
        ("tts", {}, ("embedded",), "embedded"),
        ("tts", {}, (), None),
        ("stt", KEY, ("whisper",), "whisper"),
        ("stt", KEY, (), "openai"),
        ("stt", {"GROQ_API_KEY": "x"}, (), "groq"),
        ("stt", {}, ("embedded",), "embedded"),
        ("stt", {}, (), None),
    ],
)
def test_with_nothing_set_it_is_the_local_one_else_the_cloud_else_the_last_resort(
    kind: Kind, env: dict[str, str], up: tuple[str, ...], expected: str | None
) -> None:
    assert chosen(choose(kind, env, up)) == expected


def test_the_chain_goes_on_behind_the_choice_and_ends_with_the_last_resort() -> None:
    found = choose(env=ALL_KEYS, up=("kokoro", "embedded"))
    assert names(found) == ["kokoro", "openai", "mlx-audio", "deepgram", "elevenlabs", "cartesia", "embedded"]
    assert reasons(found, "kokoro") == "It is the preferred local provider."
    assert reasons(found, "openai").startswith("It is the preferred provider of the cloud. It is paid, kokoro before")
    assert reasons(found, "embedded") == "It is the last resort."


def test_a_local_provider_that_is_down_keeps_its_place() -> None:
    found = choose(env=KEY)
    assert names(found)[:2] == ["kokoro", "openai"]
    assert found.chain[0].seen is DOWN


def test_a_missing_key_leaves_out_that_one_provider_and_breaks_nothing() -> None:
    found = choose(up=("kokoro",))
    assert names(found) == ["kokoro", "mlx-audio"]
    assert chosen(found) == "kokoro"
    assert reasons(found, "openai") == "Not configured: it has no key."


@pytest.mark.parametrize("up", [("kokoro",), ("kokoro", "embedded"), ()])
def test_without_preferring_local_the_cloud_comes_first_and_local_ones_stay(up: tuple[str, ...]) -> None:
    found = choose(env=KEY, up=up, prefer_local=False)
    assert names(found)[:3] == ["openai", "kokoro", "mlx-audio"]
    assert chosen(found) == "openai"


@pytest.mark.parametrize("name", ["VOICE_MCP_PREFER_LOCAL", "VOICEMODE_PREFER_LOCAL", "VOICE_PREFER_LOCAL"])
def test_preferring_local_is_set_by_a_variable(name: str) -> None:
    assert chosen(choose(env=KEY | {name: "false"}, up=("kokoro",))) == "openai"


@pytest.mark.parametrize(
    ("env", "up", "expected"),
    [
        ({"TTS_BASE_URL": "http://127.0.0.1:9000/v1", "VOICEMODE_PREFER_LOCAL": "no"}, ("kokoro",), "kokoro"),
        ({"TTS_BASE_URL": "https://api.openai.com/v1"}, ("kokoro",), "kokoro"),
        ({"TTS_BASE_URL": "http://127.0.0.1:8890/v1"}, ("kokoro", "mlx-audio"), "mlx-audio"),
    ],
)
def test_the_one_address_that_is_set_decides_who_comes_first(
    env: dict[str, str], up: tuple[str, ...], expected: str
) -> None:
    assert chosen(choose(env=KEY | env, up=up)) == expected


def test_a_list_of_addresses_is_the_chain_and_the_last_resort_follows() -> None:
    env = KEY | {"VOICEMODE_TTS_BASE_URLS": "https://api.openai.com/v1,http://127.0.0.1:8880/v1"}
    found = choose(env=env, up=("kokoro", "embedded", "mlx-audio"))
    assert names(found) == ["openai", "kokoro", "embedded"]
    assert reasons(found, "kokoro") == "It is listed in VOICEMODE_TTS_BASE_URLS."
    assert names(choose(env=env, up=("kokoro", "embedded"), prefer_local=False)) == names(found)


def test_an_order_that_is_set_comes_first_and_the_others_follow() -> None:
    found = choose(env=ALL_KEYS | {"VOICE_TTS_PROVIDERS": "deepgram,openai"}, up=("kokoro",))
    assert names(found)[:4] == ["deepgram", "openai", "kokoro", "mlx-audio"]
    assert reasons(found, "openai").startswith("It is number 2 in the order that was set.")
    assert chosen(found) == "deepgram"


@pytest.mark.parametrize("provider", ["openai", "OpenAI", "embedded", "mlx_audio"])
def test_a_provider_that_is_asked_for_decides(provider: str) -> None:
    env = KEY | {"VOICE_TTS_PROVIDERS": "kokoro", "TTS_BASE_URL": "http://127.0.0.1:9000/v1"}
    found = choose(env=env, up=("kokoro", "embedded", "mlx-audio"), provider=provider)
    assert chosen(found) == REGISTRY.resolve_provider(provider).id == names(found)[0]
    assert "It was asked for." in reasons(found, names(found)[0])


@pytest.mark.parametrize(
    ("voice", "first"),
    [("af_bella", "kokoro"), ("nova", "openai"), ("aura-2-apollo-en", "deepgram"), ("mine", "kokoro")],
)
def test_a_voice_brings_the_provider_that_has_it_to_the_front(voice: str, first: str) -> None:
    found = choose(env=ALL_KEYS, up=("kokoro",), voice=voice)
    assert names(found)[0] == first


def test_a_voice_is_asked_for_of_those_that_have_it_only() -> None:
    found = choose(env=ALL_KEYS, up=("kokoro",), voice="nova")
    voices = {step.endpoint.provider.id: step.voice for step in found.chain}
    assert voices["openai"] == "nova"
    assert voices["kokoro"] == "af_sky"
    assert voices["deepgram"] == "aura-2-thalia-en"


def test_a_voice_and_model_for_a_named_provider_go_to_it_whatever_they_are() -> None:
    found = choose(env=KEY, up=("kokoro",), provider="kokoro", voice="nova", model="gpt-4o-mini-tts")
    first, second = found.chain[:2]
    assert (first.endpoint.provider.id, first.voice, first.model) == ("kokoro", "nova", "gpt-4o-mini-tts")
    assert (second.endpoint.provider.id, second.voice, second.model) == ("openai", "nova", "gpt-4o-mini-tts")


@pytest.mark.parametrize(
    ("paid", "chain_start", "asks", "expected"),
    [
        ("allow", ["kokoro", "openai"], [False, False], "openai"),
        ("ask", ["kokoro", "openai"], [False, True], None),
        ("never", ["kokoro", "mlx-audio"], [False, False], None),
    ],
)
def test_a_paid_provider_takes_over_from_a_free_one_as_it_was_set(
    paid: Any, chain_start: list[str], asks: list[bool], expected: str | None
) -> None:
    found = choose(env=KEY, paid_fallback=paid)
    assert names(found)[:2] == chain_start
    assert [step.asks for step in found.chain[:2]] == asks
    assert chosen(found) == expected
    assert "It is paid, kokoro before it is free" in reasons(found, "openai")


@pytest.mark.parametrize(
    ("wanted", "env"),
    [
        ({"provider": "openai"}, KEY),
        ({"prefer_local": False}, KEY),
        ({"order": ("openai",)}, KEY),
        ({"voice": "nova"}, KEY),
    ],
)
def test_a_paid_provider_that_comes_first_is_no_fallback(wanted: dict[str, Any], env: dict[str, str]) -> None:
    found = choose(env=env, up=("kokoro",), paid_fallback="never", **wanted)
    assert chosen(found) == "openai"
    assert found.chosen is not None
    assert found.chosen.asks is False


def test_with_no_free_provider_in_the_chain_a_paid_one_is_no_fallback() -> None:
    env = ALL_KEYS | {"VOICEMODE_STT_BASE_URLS": "https://api.openai.com/v1,https://api.groq.com/openai/v1"}
    assert names(choose("stt", env, paid_fallback="never")) == ["openai", "groq"]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (0.0, ["whisper", "mlx-audio"]),
        (0.001, ["whisper", "mlx-audio", "groq"]),
        (0.0059, ["whisper", "mlx-audio", "groq"]),
        (0.006, ["whisper", "openai", "mlx-audio", "groq"]),
    ],
)
def test_what_costs_too_much_or_has_no_known_price_is_left_out(limit: float, expected: list[str]) -> None:
    found = choose("stt", ALL_KEYS, max_cost=limit)
    assert names(found) == expected
    assert "Its price is not known" in reasons(found, "deepgram")


@pytest.mark.parametrize(
    ("model", "cost"), [("tts-1", 0.0135), ("tts-1-hd", 0.027), ("gpt-4o-mini-tts", 0.02), ("tts-9", None)]
)
def test_the_cost_told_is_that_of_the_model_asked_for(model: str, cost: float | None) -> None:
    step = choose(env=KEY, provider="openai", model=model).chain[0]
    assert step.usd_per_minute == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize(
    ("env", "limit", "expected"),
    [
        (ALL_KEYS, "local", ["kokoro", "mlx-audio"]),
        (ALL_KEYS | {"KOKORO_TTS_BASE_URL": "http://192.168.1.5:8880/v1"}, "local", ["mlx-audio"]),
        (ALL_KEYS | {"KOKORO_TTS_BASE_URL": "http://192.168.1.5:8880/v1"}, "cloud_private", ["kokoro", "mlx-audio"]),
        (KEY | {"OPENAI_TTS_BASE_URL": "http://127.0.0.1:9000/v1"}, "local", ["kokoro", "openai", "mlx-audio"]),
        (KEY, "cloud_public", ["kokoro", "openai", "mlx-audio"]),
    ],
)
def test_speech_goes_no_further_than_the_privacy_required(env: dict[str, str], limit: Any, expected: list[str]) -> None:
    assert names(choose(env=env, min_privacy=limit)) == expected
    assert names(choose(env=env | {"VOICE_MIN_PRIVACY": limit})) == expected


def test_privacy_is_required_even_of_a_provider_that_is_asked_for() -> None:
    found = choose(env=KEY, up=("kokoro",), provider="openai", min_privacy="local")
    assert chosen(found) == "kokoro"
    assert reasons(found, "openai") == "Its privacy is cloud_public, and local is required."


def test_emotions_choose_a_model_that_takes_instructions() -> None:
    found = choose(env=ALL_KEYS | {"TTS_MODEL": "tts-1-hd"}, up=("kokoro",), emotions=True)
    assert [(step.endpoint.provider.id, step.model) for step in found.chain] == [("openai", "gpt-4o-mini-tts")]
    assert "takes no instructions" in reasons(found, "kokoro")
    assert names(choose(env=KEY, emotions=True, provider="openai", model="tts-1")) == []


@pytest.mark.parametrize(
    ("language", "has", "has_not"),
    [
        ("en", {"kokoro", "openai", "deepgram", "embedded"}, set()),
        ("EN_us", {"kokoro", "openai", "deepgram", "embedded"}, set()),
        ("ja", {"kokoro", "openai", "elevenlabs"}, {"deepgram", "embedded"}),
        ("de", {"openai", "mlx-audio"}, {"kokoro", "deepgram", "embedded"}),
        ("e", {"openai"}, {"kokoro"}),
    ],
)
def test_a_language_that_is_required_must_be_spoken(language: str, has: set[str], has_not: set[str]) -> None:
    found = set(names(choose(env=ALL_KEYS, up=("kokoro", "embedded"), language=language)))
    assert has <= found
    assert found & has_not == set()


@pytest.mark.parametrize(
    ("language", "voice"), [("ja", "jf_alpha"), ("fr", "ff_siwis"), ("en-gb", "bf_alice"), ("en", "af_sky")]
)
def test_the_voice_speaks_the_language_that_is_required(language: str, voice: str) -> None:
    assert choose(up=("kokoro",), language=language).chain[0].voice == voice


def test_dictation_leaves_out_who_understands_commands_only() -> None:
    assert chosen(choose("stt", up=("embedded",))) == "embedded"
    found = choose("stt", up=("embedded",), dictation=True)
    assert chosen(found) is None
    assert "commands only" in reasons(found, "embedded")


def test_an_address_that_cannot_be_used_is_left_out_with_its_variable() -> None:
    found = choose(env=KEY | {"KOKORO_TTS_BASE_URL": "http://kokoro:8880/v1"}, up=("kokoro",))
    assert chosen(found) == "openai"
    assert reasons(found, "kokoro").startswith("The address from KOKORO_TTS_BASE_URL cannot be used:")


def test_a_model_that_ends_is_told() -> None:
    assert "Its model tts-1 ends on 2027-01-06." in reasons(choose(env=KEY), "openai")
    assert "ends on" not in reasons(choose(env=KEY, provider="openai", model="tts-9"), "openai")


def test_all_reasons_against_a_candidate_are_told_together() -> None:
    found = choose(env={}, min_privacy="local", max_cost=0.001, emotions=True, language="de")
    told = reasons(found, "cartesia")
    assert [part in told for part in ("no key", "privacy", "price", "instructions")] == [True] * 4


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"provider": "kokro"}, "registry.unknown"),
        ({"order": ("openai", "kokro")}, "registry.unknown"),
        ({"provider": "groq"}, "voice.direction"),
        ({"max_cost": -1.0}, "voice.preference"),
        ({"max_cost": float("nan")}, "voice.preference"),
        ({"min_privacy": "secret"}, "voice.preference"),
        ({"paid_fallback": "sometimes"}, "voice.preference"),
        ({"language": " "}, "voice.preference"),
    ],
)
def test_a_preference_that_cannot_be_is_refused(wanted: dict[str, Any], code: str) -> None:
    with pytest.raises((RequestError, UnknownNameError)) as caught:
        choose(**wanted)
    assert caught.value.code == code


def test_all_faults_of_the_preferences_are_told_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        choose(max_cost=-1.0, min_privacy="x", paid_fallback="x")
    assert [each.path for each in caught.value.diagnostics] == [("max_cost",), ("min_privacy",), ("paid_fallback",)]


def test_the_explanation_has_a_line_for_every_candidate() -> None:
    found = choose(env=KEY, up=())
    lines = found.explain().splitlines()
    assert len(lines) == len(found.chain) + len(found.left_out) == 7
    assert lines[0] == "1. kokoro: nothing listens there. It is the preferred local provider."
    assert lines[1].startswith("2. openai (chosen): its key is configured; it was not asked. It is the preferred")
    assert "-  deepgram: left out. Not configured: it has no key." in lines


def test_no_candidate_is_lost_or_doubled_whatever_is_preferred() -> None:
    ids = sorted(
        each.provider.id for each in all_endpoints(REGISTRY.list_providers(), "tts", read_settings(REGISTRY, {}))
    )
    for order in permutations(("kokoro", "openai", "embedded")):
        for prefer_local in (True, False):
            found = choose(env=KEY, up=("kokoro",), order=order, prefer_local=prefer_local)
            rows: list[Step | LeftOut] = [*found.chain, *found.left_out]
            assert sorted(row.endpoint.provider.id for row in rows) == ids
            assert names(found)[: 2 if "embedded" not in names(found) else 3] == [n for n in order if n in names(found)]


def test_preferences_left_out_are_those_of_the_settings() -> None:
    settings = read_settings(REGISTRY, KEY | {"VOICE_PREFER_LOCAL": "no"})
    endpoints = all_endpoints(REGISTRY.list_providers(), "tts", settings)
    candidates = [Candidate(each, seen(each, KEY, ("kokoro",))) for each in endpoints]
    assert chosen(select("tts", candidates, registry=REGISTRY, settings=settings)) == "openai"
    assert preferences_of(settings, "tts") == Preferences(prefer_local=False)


def test_a_registered_server_takes_part_like_any_other() -> None:
    registry = VoiceRegistry.with_core()
    registry.register_provider(server_block("http://127.0.0.1:9000/v1", name="Workshop"))
    settings = read_settings(registry, {})
    endpoints = all_endpoints(registry.list_providers(), "tts", settings)
    candidates = [Candidate(each, seen(each, {}, ("url-127.0.0.1-9000",))) for each in endpoints]
    assert chosen(select("tts", candidates, registry=registry, settings=settings)) == "url-127.0.0.1-9000"
