"""The functions that programs call: is it there, which one, how is it called, what is the state of things.

Each takes the registry and the environment, and builds them from the core blocks and the process's own environment
when it is called without. Nothing is remembered between two calls.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jackfield.errors import UnknownNameError
from jackfield.records import replace
from jackfield.voice.block import KINDS
from jackfield.voice.defaults import model_for, voice_for, voice_owner
from jackfield.voice.endpoints import all_endpoints, by_order, own_endpoint, owner_of_general, preferred
from jackfield.voice.environment import read_settings
from jackfield.voice.looks import look
from jackfield.voice.registry import VoiceRegistry
from jackfield.voice.selection import preferences_of, select
from jackfield.voice.status import status_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.voice.block import Kind, VoiceProvider
    from jackfield.voice.endpoints import Endpoint
    from jackfield.voice.selection import Preferences, Selection


def core_rows() -> Mapping[str, Mapping[str, Any]]:
    """Return the core voice providers by id, each as `id, name, type, base_url, local, auto_start, features`.

    The mapping and its rows are read-only; `features` is a tuple.
    """
    rows = (provider.to_row() for provider in VoiceRegistry.with_core().list_providers())
    return MappingProxyType({row["id"]: MappingProxyType(row | {"features": tuple(row["features"])}) for row in rows})


def is_available(
    provider_id: str, *, registry: VoiceRegistry | None = None, env: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a provider could be used now, as far as a free look tells.

    One that needs a key: the key is set; the provider is not asked. Any other: its configured address answers one of
    the free requests of its block. A name that nobody registered is not available.
    """
    call = _Call(registry, env)
    provider = call.registry.find_provider(provider_id)
    if provider is None:
        return False
    endpoints = [own_endpoint(call.providers, provider, kind, call.settings) for kind in provider.kinds]
    return any(each.seen.usable for each in look(endpoints, env=call.env))


def get_tts_provider(
    prefer_local: bool | None = None,
    *,
    registry: VoiceRegistry | None = None,
    env: Mapping[str, str] | None = None,
    preferences: Preferences | None = None,
) -> VoiceProvider | None:
    """Return the provider that speaks, or None when none can.

    Args:
        prefer_local: whether the preferred local provider comes before the cloud; None is what the environment says,
            which is yes when it says nothing.
        registry: the voice providers; None is the core ones.
        env: the environment; None is the process's own.
        preferences: everything else that is wanted; None is what the environment says.

    Raises:
        UnknownNameError: `registry.unknown` when a preference names a provider that is not registered.
        RequestError: `voice.direction` or `voice.preference`.
    """
    return _Call(registry, env).provider("tts", prefer_local, preferences)


def get_stt_provider(
    prefer_local: bool | None = None,
    *,
    registry: VoiceRegistry | None = None,
    env: Mapping[str, str] | None = None,
    preferences: Preferences | None = None,
) -> VoiceProvider | None:
    """Return the provider that listens, or None when none can; arguments and errors are those of `get_tts_provider`."""
    return _Call(registry, env).provider("stt", prefer_local, preferences)


def get_tts_config(
    provider: str | None = None,
    voice: str | None = None,
    model: str | None = None,
    instructions: str | None = None,
    *,
    registry: VoiceRegistry | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, str | None]:
    """Return how speech is to be asked for: `client_key`, `base_url`, `model`, `voice`, `instructions`. Asks nobody.

    Without a provider it is the one whose voice `voice` is, else the first of the addresses that are set, else the
    preferred one of the cloud. A name that nobody registered means that one too, as it always did. `instructions` stay
    only with a model that takes them. What is given here beats what is set.
    """
    call = _Call(registry, env)
    endpoint = call.tts_endpoint(provider, voice)
    chosen = model or model_for(call.providers, endpoint, call.settings)
    known = endpoint.speech.model(chosen)
    return {
        "client_key": call.client_key(endpoint),
        "base_url": endpoint.base_url or endpoint.text or None,
        "model": chosen,
        "voice": voice or voice_for(call.providers, endpoint, call.settings),
        "instructions": (instructions or None) if known is not None and known.instructions else None,
    }


def get_stt_config(
    provider: str | None = None, *, registry: VoiceRegistry | None = None, env: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """Return how listening is to be asked for: `client_key`, `base_url`, `model`, `provider`.

    Without a provider the chain is looked at, as `get_stt_provider` does; when nothing of it can be used, it is the one
    of the address that is set, else the preferred one of the cloud. A name that nobody registered means that one too.
    """
    call = _Call(registry, env)
    endpoint = call.stt_endpoint(provider)
    return {
        "client_key": "stt",
        "base_url": endpoint.base_url or endpoint.text or None,
        "model": model_for(call.providers, endpoint, call.settings),
        "provider": endpoint.provider.id,
    }


def voice_status(*, registry: VoiceRegistry | None = None, env: Mapping[str, str] | None = None) -> str:
    """Return the chains of both directions as text for people, with what was seen of each endpoint just now.

    An endpoint is told as it was seen: `reachable` (something answers), `configured` (what it needs is there, and it
    was not asked or did not answer) or left out, with the reason.
    """
    call = _Call(registry, env)
    return status_text([call.selection(kind, preferences_of(call.settings, kind)) for kind in KINDS], call.settings)


class _Call:
    """What one call works with."""

    def __init__(self, registry: VoiceRegistry | None, env: Mapping[str, str] | None) -> None:
        self.env = os.environ if env is None else env
        self.registry = VoiceRegistry.with_core() if registry is None else registry
        self.providers = self.registry.list_providers()
        self.settings = read_settings(self.registry, self.env)

    def selection(self, kind: Kind, preferences: Preferences) -> Selection:
        """Look at all endpoints of a direction and choose."""
        candidates = look(all_endpoints(self.providers, kind, self.settings), env=self.env)
        return select(kind, candidates, registry=self.registry, settings=self.settings, preferences=preferences)

    def provider(self, kind: Kind, prefer_local: bool | None, preferences: Preferences | None) -> VoiceProvider | None:
        """Return the chosen provider of a direction."""
        wanted = preferences or preferences_of(self.settings, kind)
        if prefer_local is not None:
            wanted = replace(wanted, prefer_local=prefer_local)
        chosen = self.selection(kind, wanted).chosen
        return None if chosen is None else chosen.endpoint.provider

    def tts_endpoint(self, name: str | None, voice: str | None) -> Endpoint:
        """Return where speech is asked for, without asking."""
        if name:
            return self._own(self._able(name, "tts") or self._default("tts"), "tts")
        if self.settings.tts.urls:
            listed = all_endpoints(self.providers, "tts", self.settings)
            return next((each for each in listed if not voice or _has_voice(each, voice)), listed[0])
        if voice:
            return self._own(voice_owner(self.providers, voice) or self._default("tts"), "tts")
        return self._own(owner_of_general(self.providers, "tts", self.settings) or self._default("tts"), "tts")

    def stt_endpoint(self, name: str | None) -> Endpoint:
        """Return where listening is asked for."""
        if name:
            return self._own(self._able(name, "stt") or self._default("stt"), "stt")
        chosen = self.selection("stt", preferences_of(self.settings, "stt")).chosen
        if chosen is not None:
            return chosen.endpoint
        if self.settings.stt.urls:
            return all_endpoints(self.providers, "stt", self.settings)[0]
        return self._own(owner_of_general(self.providers, "stt", self.settings) or self._default("stt"), "stt")

    def client_key(self, endpoint: Endpoint) -> str:
        """Return the name under which older programs keep the client of this endpoint."""
        cloud = self._default("tts")
        general = self.settings.tts.url
        default = general.text.rstrip("/") if general is not None else cloud.base_url
        if endpoint.provider is not cloud and (endpoint.base_url or endpoint.text) == default:
            return "tts"
        return f"tts_{endpoint.provider.id.replace('-', '_')}"

    def _able(self, name: str, kind: Kind) -> VoiceProvider | None:
        found = self.registry.find_provider(name)
        return found if found is not None and found.speech(kind) is not None else None

    def _default(self, kind: Kind) -> VoiceProvider:
        """Return the preferred provider of the cloud; in a registry without one, the first of the others."""
        able = [each for each in self.providers if each.speech(kind) is not None]
        found = preferred(able, kind, local=False) or min(able, key=by_order, default=None)
        if found is None:
            does = "speaks (tts)" if kind == "tts" else "listens (stt)"
            raise UnknownNameError(f"No voice provider that {does} is registered.", code="voice.none")
        return found

    def _own(self, provider: VoiceProvider, kind: Kind) -> Endpoint:
        return own_endpoint(self.providers, provider, kind, self.settings)


def _has_voice(endpoint: Endpoint, voice: str) -> bool:
    return endpoint.speech.any_voice or endpoint.speech.has_voice(voice)
