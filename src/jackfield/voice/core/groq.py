"""Groq: speech in by API key, at OpenAI's routes.

Models and prices per hour of audio are those of console.groq.com/docs/speech-text.
"""

from __future__ import annotations

from jackfield.voice.block import CredentialRef, Price, Speech, VoiceModel, VoiceProvider

PROVIDER = VoiceProvider(
    id="groq",
    label="Groq",
    order=40,
    base_url="https://api.groq.com/openai/v1",
    stt=Speech(
        name="Groq STT",
        default_model="whisper-large-v3-turbo",
        models=(
            VoiceModel("whisper-large-v3-turbo", Price(per_minute=0.04 / 60)),
            VoiceModel("whisper-large-v3", Price(per_minute=0.111 / 60)),
        ),
        formats=("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"),
    ),
    probes=("{base}/models",),
    credential=CredentialRef(
        id="groq", env=("GROQ_API_KEY",), hosts=("api.groq.com",), url="https://console.groq.com/keys"
    ),
    features=("cloud", "fast"),
)
