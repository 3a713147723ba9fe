"""The domain of voice: speech out and in, its providers, and which of them is used.

It is independent of the model providers: the two share mechanism and nothing else. Importing this package does no I/O
and reads no environment; each public name is loaded when it is first used.
"""

from importlib import import_module

TYPE_CHECKING = False  # what typing sets it to; importing typing would take longer than everything here

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

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
    from jackfield.voice.endpoints import Endpoint
    from jackfield.voice.functions import (
        get_stt_config,
        get_stt_provider,
        get_tts_config,
        get_tts_provider,
        is_available,
        voice_status,
    )
    from jackfield.voice.registry import VoiceRegistry
    from jackfield.voice.selection import Candidate, Preferences, Seen, Selection, Step, select
    from jackfield.voice.server import server_block
    from jackfield.voice.settings import VoiceSettings

    PROVIDERS: Mapping[str, Mapping[str, Any]]

_HOMES = {
    "jackfield.voice.block": (
        "AutoStart",
        "CredentialRef",
        "Price",
        "RecipeValue",
        "Speech",
        "Variables",
        "Voice",
        "VoiceModel",
        "VoiceProvider",
    ),
    "jackfield.voice.endpoints": ("Endpoint",),
    "jackfield.voice.functions": (
        "get_stt_config",
        "get_stt_provider",
        "get_tts_config",
        "get_tts_provider",
        "is_available",
        "voice_status",
    ),
    "jackfield.voice.registry": ("VoiceRegistry",),
    "jackfield.voice.selection": ("Candidate", "Preferences", "Seen", "Selection", "Step", "select"),
    "jackfield.voice.server": ("server_block",),
    "jackfield.voice.settings": ("VoiceSettings",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "PROVIDERS",
    "AutoStart",
    "Candidate",
    "CredentialRef",
    "Endpoint",
    "Preferences",
    "Price",
    "RecipeValue",
    "Seen",
    "Selection",
    "Speech",
    "Step",
    "Variables",
    "Voice",
    "VoiceModel",
    "VoiceProvider",
    "VoiceRegistry",
    "VoiceSettings",
    "get_stt_config",
    "get_stt_provider",
    "get_tts_config",
    "get_tts_provider",
    "is_available",
    "select",
    "server_block",
    "voice_status",
]


def __getattr__(name: str) -> object:
    value: object
    if name == "PROVIDERS":
        from jackfield.voice.functions import core_rows

        value = core_rows()
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        message = f"module 'jackfield.voice' has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
