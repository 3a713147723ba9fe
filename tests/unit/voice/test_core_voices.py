"""The core voice providers: one file each, and what their blocks say."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import jackfield.voice.core
from jackfield.errors import BlockError, RegistrationError, UnknownNameError
from jackfield.table import CORE, Owner, Trust
from jackfield.voice.block import VoiceProvider
from jackfield.voice.core import core_voice_providers
from jackfield.voice.registry import APP, VoiceRegistry

FOLDER = Path(jackfield.voice.core.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
BLOCKS = core_voice_providers()
CLOUD = [each for each in BLOCKS if not each.local]


def test_all_core_providers_are_registered() -> None:
    assert [each.id for each in VoiceRegistry.with_core().list_providers()] == [
        "cartesia", "deepgram", "elevenlabs", "embedded", "groq", "kokoro", "mlx-audio", "openai", "whisper",
    ]  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_a_file_holds_data_only_and_one_block_named_after_it(module: str) -> None:
    block: VoiceProvider = import_module(f"jackfield.voice.core.{module}").PROVIDER
    assert block.id.replace("-", "_") == module
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    code = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.With, ast.Try)
    assert [node for node in ast.walk(tree) if isinstance(node, code)] == []
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("block", CLOUD, ids=lambda each: each.id)
def test_a_cloud_provider_is_at_its_own_host_over_https_and_gets_its_key_there(block: VoiceProvider) -> None:
    assert block.credential is not None
    assert block.base_url is not None
    scheme, _, rest = block.base_url.partition("://")
    assert scheme == "https"
    assert block.credential.covers(rest.partition("/")[0])
    assert block.privacy == "cloud_public"


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.local], ids=lambda each: each.id)
def test_a_local_provider_has_no_key_is_on_this_machine_and_free(block: VoiceProvider) -> None:
    assert block.credential is None
    assert block.base_url is None or block.base_url.startswith("http://127.0.0.1:")
    for kind in block.kinds:
        speech = block.speech(kind)
        assert speech is not None
        assert {model.price.usd_per_minute if model.price else None for model in speech.models} == {0.0}


def test_no_two_cloud_providers_share_a_host_or_a_variable() -> None:
    hosts = [host for each in CLOUD if each.credential for host in each.credential.hosts]
    names = [name for each in CLOUD if each.credential for name in each.credential.env]
    assert len(set(hosts)) == len(hosts)
    assert len(set(names)) == len(names)


def test_every_voice_of_a_block_with_a_pattern_fits_it_or_is_the_blocks_alone() -> None:
    for block in BLOCKS:
        for voice in block.tts.voices if block.tts else ():
            others = [each.id for each in BLOCKS if each is not block and each.tts and each.tts.voice(voice.id)]
            assert others == []


@pytest.mark.parametrize(
    ("voice", "languages", "gender"),
    [
        ("af_sky", ("en-us",), "female"),
        ("bm_george", ("en-gb",), "male"),
        ("jf_alpha", ("ja",), "female"),
        ("zm_yunxi", ("zh",), "male"),
        ("ff_siwis", ("fr",), "female"),
        ("pm_alex", ("pt-br",), "male"),
    ],
)
def test_traits_of_kokoros_voices_follow_from_their_names(voice: str, languages: tuple[str, ...], gender: str) -> None:
    kokoro = VoiceRegistry.with_core().resolve_provider("kokoro").tts
    assert kokoro is not None
    found = kokoro.voice(voice)
    assert found is not None
    assert (found.languages, found.gender) == (languages, gender)


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("Whisper-Local", "whisper"),
        ("whisper.cpp", "whisper"),
        ("openai-whisper", "openai"),
        ("mlx_audio", "mlx-audio"),
        (" KOKORO ", "kokoro"),
    ],
)
def test_older_names_resolve(name: str, id_: str) -> None:
    registry = VoiceRegistry.with_core()
    assert registry.resolve_provider(name).id == id_
    assert registry.find_provider(name) is registry.resolve_provider(id_)


def test_an_unknown_name_is_refused_with_the_nearest_ones() -> None:
    registry = VoiceRegistry.with_core()
    with pytest.raises(UnknownNameError) as caught:
        registry.resolve_provider("kokro")
    assert (caught.value.code, caught.value.suggestions[0]) == ("registry.unknown", "kokoro")
    assert registry.find_provider("kokro") is None


def test_a_taken_name_is_refused_and_the_registry_stays_as_it_was() -> None:
    registry = VoiceRegistry.with_core()
    before = registry.snapshot()
    rival = VoiceProvider.from_dict(registry.resolve_provider("groq").to_dict() | {"id": "acme", "aliases": ["kokoro"]})
    with pytest.raises(RegistrationError) as caught:
        registry.register_provider(rival)
    assert caught.value.code == "registry.duplicate"
    assert "core" in caught.value.message
    assert "app" in caught.value.message
    assert registry.snapshot() is before
    assert [each.code for each in registry.diagnostics()] == ["registry.duplicate"]


def test_blocks_of_others_are_registered_with_their_owner() -> None:
    registry = VoiceRegistry.with_core()
    mine = VoiceProvider.from_dict(registry.resolve_provider("groq").to_dict() | {"id": "acme", "aliases": []})
    owner = Owner(Trust.INSTALLED, "plugin:acme")
    registry.register_provider(mine, owner=owner)
    assert registry.resolve_provider("acme") is mine
    assert (registry.owner_of("acme"), registry.owner_of("groq")) == (owner, CORE)
    assert APP.name == "app"


@pytest.mark.parametrize("thing", [None, {"id": "acme"}, "acme"])
def test_what_is_no_block_is_refused(thing: object) -> None:
    registry = VoiceRegistry()
    with pytest.raises(BlockError) as caught:
        registry.register_provider(thing)  # type: ignore[arg-type]
    assert caught.value.code == "registry.not-a-block"
    assert registry.list_providers() == ()
