"""What the environment says about voice, in today's spellings and all older ones.

Which variables belong to a provider stands in its block; those that hold for all of them stand here. A variable whose
name began with `VOICE_MCP_` and then with `VOICE_MODE_` before it was `VOICEMODE_` is read in all three spellings, the
newest first. Blank counts as unset, values are trimmed, and what is no yes (`true`, `1`, `yes`, `on`) is a no.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from jackfield.diagnostics import Diagnostic
from jackfield.voice.block import KINDS, PRIVACY, Variables
from jackfield.voice.settings import TRUTHY, Address, Direction, Own, VoiceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jackfield.voice.block import Kind, VoiceProvider
    from jackfield.voice.registry import VoiceRegistry

C = TypeVar("C", bound=str)

NEWEST = "VOICEMODE_"
PREFIXES = (NEWEST, "VOICE_MODE_", "VOICE_MCP_")
_MAX_PORT = 65_535
_SPEEDS = (0.25, 4.0)


def spellings(name: str) -> tuple[str, ...]:
    """Return all spellings of a variable, the newest first.

    >>> spellings("VOICEMODE_VOICES")
    ('VOICEMODE_VOICES', 'VOICE_MODE_VOICES', 'VOICE_MCP_VOICES')
    >>> spellings("TTS_VOICE")
    ('TTS_VOICE',)
    """
    if not name.startswith(NEWEST):
        return (name,)
    return tuple(prefix + name.removeprefix(NEWEST) for prefix in PREFIXES)


def read_settings(registry: VoiceRegistry, env: Mapping[str, str]) -> VoiceSettings:
    """Return what `env` says about voice and about the providers of `registry`.

    Nothing is raised for a value that cannot be used: it is told in `diagnostics` (`voice.variable`, a warning) and
    counts as unset. Two kinds are kept from harm by that: an address stays as it is, so that speech does not go to
    another place than the one set, and a limit of cost or privacy that cannot be read counts as the strictest.
    """
    reader = _Reader(env, registry)
    providers = registry.list_providers()
    own = {
        (provider.id, kind): reader.own(provider, kind)
        for provider in providers
        for kind in KINDS
        if provider.speech(kind) is not None
    }
    return VoiceSettings(
        tts=reader.direction("tts"),
        stt=reader.direction("stt"),
        own=MappingProxyType(own),
        prefer_local=reader.flag(
            ("VOICEMODE_PREFER_LOCAL", "VOICE_PREFER_LOCAL", "VOICEMODE_ALWAYS_TRY_LOCAL"), default=True
        ),
        max_cost=reader.number(("VOICE_MAX_COST",), 0.0, float("inf"), otherwise=0.0),
        min_privacy=reader.choice(("VOICE_MIN_PRIVACY",), PRIVACY, otherwise=PRIVACY[0]),
        allow_emotions=reader.flag(("VOICEMODE_ALLOW_EMOTIONS", "VOICE_ALLOW_EMOTIONS"), default=False),
        auto_start=reader.auto_start(providers),
        speed=reader.number(("VOICEMODE_TTS_SPEED",), *_SPEEDS),
        diagnostics=tuple(reader.diagnostics),
    )


class _Reader:
    """Looks variables up and notes what cannot be used."""

    def __init__(self, env: Mapping[str, str], registry: VoiceRegistry) -> None:
        self._env = env
        self._registry = registry
        self.diagnostics: list[Diagnostic] = []

    def first(self, names: Sequence[str]) -> Address | None:
        """Return the first of `names` that is set, in any of its spellings."""
        return next(iter(self._all(names)), None)

    def flag(self, names: Sequence[str], *, default: bool) -> bool:
        """Return the first of `names` that is set as yes or no."""
        found = self.first(names)
        return default if found is None else found.text.lower() in TRUTHY

    def number(
        self, names: Sequence[str], least: float, most: float, *, otherwise: float | None = None
    ) -> float | None:
        """Return the first of `names` that is set: a number from `least` to `most`, or `otherwise` when it is none."""
        found = self.first(names)
        if found is None:
            return None
        try:
            value = float(found.text)
        except ValueError:
            value = float("nan")
        if least <= value <= most and value != float("inf"):
            return value
        limits = f"from {least:g} to {most:g}" if most != float("inf") else f"of {least:g} or more"
        self._refuse(found, f"is not a number {limits}", "unset" if otherwise is None else f"{otherwise:g}")
        return otherwise

    def choice(self, names: Sequence[str], allowed: tuple[C, ...], *, otherwise: C) -> C | None:
        """Return the first of `names` that is set: one of the words allowed, or `otherwise` when it is none."""
        found = self.first(names)
        if found is None:
            return None
        for each in allowed:
            if each == found.text.lower():
                return each
        self._refuse(found, f"is none of {', '.join(allowed)}", otherwise)
        return otherwise

    def direction(self, kind: Kind) -> Direction:
        """Return what holds for one direction."""
        name = kind.upper()
        urls = self.first((f"VOICEMODE_{name}_BASE_URLS",))
        return Direction(
            urls=() if urls is None else tuple(Address(each, urls.source) for each in _split(urls.text)),
            url=self.first((f"{name}_BASE_URL",)),
            order=self._order(kind),
            voices=self.listed(("VOICEMODE_VOICES", "VOICEMODE_TTS_VOICE", "TTS_VOICE")) if kind == "tts" else (),
            models=self._models(kind),
            models_by_place=self._models_by_place() if kind == "stt" else (),
        )

    def own(self, provider: VoiceProvider, kind: Kind) -> Own:
        """Return what is set for one provider in one direction."""
        speech = provider.speech(kind)
        names = Variables() if speech is None else speech.variables
        voice, language = self.first(names.voice), self.first(names.language)
        label = provider.id.upper().replace("-", "_").replace(".", "_")
        listed = (f"VOICEMODE_TTS_MODELS_{label}",) if kind == "tts" else ()
        return Own(
            url=self.first(names.base_url),
            host=self.first(names.host),
            port=self._port(names.port),
            voice=None if voice is None else voice.text,
            models=self.listed((*listed, *names.models)),
            language=None if language is None else language.text,
        )

    def listed(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what all of `names` list, one after the other, each text once."""
        return tuple(dict.fromkeys(text for found in self._all(names) for text in _split(found.text)))

    def auto_start(self, providers: Sequence[VoiceProvider]) -> tuple[str, ...]:
        """Return the providers that may be started: each by its own variables, or all by one that says so."""
        everything = self.flag(("VOICE_AUTO_START_LOCAL", "VOICEMODE_AUTO_START_SERVICES"), default=False)
        return tuple(
            provider.id
            for provider in providers
            if provider.auto_start is not None and self.flag(provider.auto_start.variables, default=everything)
        )

    def _all(self, names: Sequence[str]) -> list[Address]:
        found = []
        for name in names:
            for spelling in spellings(name):
                text = self._env.get(spelling, "").strip()
                if text:
                    # An older spelling of a variable that is set is the same setting, left behind.
                    found.append(Address(text, spelling))
                    break
        return found

    def _models(self, kind: Kind) -> tuple[str, ...]:
        if kind == "tts":
            return self.listed(("VOICEMODE_TTS_MODELS", "VOICEMODE_TTS_MODEL", "TTS_MODEL"))
        return self.listed(("VOICEMODE_STT_MODEL", "STT_MODEL"))

    def _models_by_place(self) -> tuple[str, ...]:
        found = self.first(("VOICEMODE_STT_MODELS",))
        return () if found is None else tuple(each.strip() for each in found.text.split(","))

    def _order(self, kind: Kind) -> tuple[str, ...]:
        name = kind.upper()
        found = self.first((f"VOICE_{name}_PROVIDERS", "VOICE_PROVIDERS"))
        order: list[str] = []
        for text in () if found is None else _split(found.text):
            provider = self._registry.find_provider(text)
            if provider is None and found is not None:
                self._refuse(found, "names a provider that is not registered", "a list without it")
            elif provider is not None and provider.speech(kind) is not None:
                order.append(provider.id)
        return tuple(dict.fromkeys(order))

    def _port(self, names: Sequence[str]) -> Address | None:
        found = self.first(names)
        if found is None:
            return None
        if found.text.isascii() and found.text.isdecimal() and 0 < int(found.text[:6]) <= _MAX_PORT:
            return found
        self._refuse(found, f"is not a port from 1 to {_MAX_PORT}")
        return None

    def _refuse(self, found: Address, why: str, counts_as: str = "unset") -> None:
        fault = Diagnostic(
            "voice.variable",
            f"The value of {found.source} {why}; it counts as {counts_as}.",
            severity="warning",
            path=(found.source,),
            owner="user",
            hint=f"Mend or unset {found.source}.",
        )
        if fault not in self.diagnostics:
            self.diagnostics.append(fault)


def _split(text: str) -> list[str]:
    return [each for each in (part.strip() for part in text.split(",")) if each]
