"""Deepgram: speech out (Aura) and in (Nova) by API key, in a format of its own (`/v1/speak`, `/v1/listen`).

Its prices differ with the customer's plan, so none is stated.
"""

from __future__ import annotations

from jackfield.voice.block import CredentialRef, Speech, Voice, VoiceModel, VoiceProvider

PROVIDER = VoiceProvider(
    id="deepgram",
    label="Deepgram",
    order=50,
    api="deepgram",
    base_url="https://api.deepgram.com/v1",
    tts=Speech(
        name="Deepgram TTS",
        # A voice's name holds its model and its language; the request carries that name alone.
        default_model="aura-2",
        models=(VoiceModel("aura-2"),),
        default_voice="aura-2-thalia-en",
        voices=(
            Voice("aura-2-thalia-en", ("en",), "female"),
            Voice("aura-2-andromeda-en", ("en",), "female"),
            Voice("aura-2-apollo-en", ("en",), "male"),
            Voice("aura-2-arcas-en", ("en",), "male"),
        ),
        voices_like=r"aura-",
        formats=("mp3", "opus", "aac", "flac", "wav", "pcm"),
        languages=("en",),
    ),
    stt=Speech(
        name="Deepgram STT",
        default_model="nova-3",
        models=(VoiceModel("nova-3"), VoiceModel("nova-2")),
        formats=("wav", "mp3", "flac", "ogg", "m4a", "webm", "pcm"),
    ),
    credential=CredentialRef(
        id="deepgram",
        env=("DEEPGRAM_API_KEY",),
        hosts=("api.deepgram.com",),
        scheme="Token {key}",
        url="https://console.deepgram.com/",
    ),
    features=("cloud", "fast"),
)
