"""Cartesia: speech out (Sonic) and in (Ink) by API key, in a format of its own (docs.cartesia.ai).

It counts in credits whose price differs with the customer's plan, so none is stated.
"""

from __future__ import annotations

from jackfield.voice.block import CredentialRef, Speech, Variables, Voice, VoiceModel, VoiceProvider

PROVIDER = VoiceProvider(
    id="cartesia",
    label="Cartesia",
    order=70,
    api="cartesia",
    base_url="https://api.cartesia.ai",
    tts=Speech(
        name="Cartesia TTS",
        default_model="sonic-3",
        models=(VoiceModel("sonic-3"), VoiceModel("sonic-2")),
        # The voice of the vendor's first examples; others are named by their UUID alone.
        default_voice="694f9389-aac1-45b6-b726-9d9369183238",
        voices=(Voice("694f9389-aac1-45b6-b726-9d9369183238", ("en",)),),
        voices_like=r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z",
        formats=("wav", "mp3", "pcm"),
        variables=Variables(
            voice=("VOICEMODE_CARTESIA_VOICE_ID",),
            models=("VOICEMODE_CARTESIA_MODEL", "VOICEMODE_CARTESIA_FALLBACK_MODEL"),
        ),
    ),
    stt=Speech(
        name="Cartesia STT",
        default_model="ink-whisper",
        models=(VoiceModel("ink-whisper"),),
        formats=("wav", "mp3", "flac", "m4a", "ogg", "webm"),
    ),
    credential=CredentialRef(
        id="cartesia",
        env=("CARTESIA_API_KEY",),
        hosts=("api.cartesia.ai",),
        url="https://play.cartesia.ai/keys",
    ),
    features=("cloud", "fast"),
)
