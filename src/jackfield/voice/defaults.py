"""Which voice and which model a provider is asked for when the caller names none.

A voice or model that is set for all providers counts for the one it belongs to: a voice of one provider is never sent
to another that does not have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.voice.endpoints import by_order, preferred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.voice.block import Kind, VoiceProvider
    from jackfield.voice.endpoints import Endpoint
    from jackfield.voice.settings import VoiceSettings


def voice_owner(providers: Sequence[VoiceProvider], voice: str) -> VoiceProvider | None:
    """Return the provider whose voice this is, or None when none knows it."""
    for provider in sorted(providers, key=by_order):
        if provider.tts is not None and provider.tts.has_voice(voice):
            return provider
    return None


def voice_for(providers: Sequence[VoiceProvider], endpoint: Endpoint, settings: VoiceSettings) -> str | None:
    """Return the voice to ask for: the provider's own setting, the first general one that fits, its default.

    None in the direction without voices.
    """
    if endpoint.kind == "stt":
        return None
    own = settings.of(endpoint.provider.id, "tts").voice
    if own is not None:
        return own
    fits = [each for each in settings.tts.voices if takes_voice(providers, endpoint.provider, each)]
    return fits[0] if fits else endpoint.speech.default_voice


def model_for(providers: Sequence[VoiceProvider], endpoint: Endpoint, settings: VoiceSettings) -> str:
    """Return the model to ask for: the address's, the provider's, the first general one that fits, the default."""
    if endpoint.model is not None:
        return endpoint.model
    own = settings.of(endpoint.provider.id, endpoint.kind).models
    if own:
        return own[0]
    for each in settings.direction(endpoint.kind).models:
        if takes_model(providers, endpoint.provider, endpoint.kind, each):
            return each
    return endpoint.speech.default_model


def takes_voice(providers: Sequence[VoiceProvider], provider: VoiceProvider, voice: str) -> bool:
    """Tell whether a voice that was named for no provider in particular counts for this one.

    What nobody knows goes where it always went, to the preferred provider of the cloud.
    """
    speech = provider.tts
    if speech is None:
        return False
    if speech.any_voice or speech.has_voice(voice):
        return True
    return provider is preferred(providers, "tts", local=False) and voice_owner(providers, voice) is None


def takes_model(providers: Sequence[VoiceProvider], provider: VoiceProvider, kind: Kind, model: str) -> bool:
    """Tell whether a model that was named for no provider in particular counts for this one; as with voices."""
    speech = provider.speech(kind)
    if speech is None:
        return False
    if speech.any_model or speech.model(model) is not None:
        return True
    known = any(other is not None and other.model(model) is not None for other in (p.speech(kind) for p in providers))
    return not known and provider is preferred(providers, kind, local=False)
