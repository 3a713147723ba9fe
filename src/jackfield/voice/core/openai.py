"""OpenAI: speech out and in by API key.

Routes, formats and voices are those of the types in OpenAI's Python library, release 3.52; the end dates those that
OpenAI announced in 2026; prices those of its price list.
"""

from __future__ import annotations

from jackfield.voice.block import CredentialRef, Price, Speech, Variables, Voice, VoiceModel, VoiceProvider

_TTS_END = "2027-01-06"
_STT_END = "2027-02-26"

PROVIDER = VoiceProvider(
    id="openai",
    label="OpenAI",
    order=20,
    aliases=("openai-whisper", "openai-tts"),
    base_url="https://api.openai.com/v1",
    tts=Speech(
        name="OpenAI TTS",
        default_model="tts-1",
        models=(
            VoiceModel("tts-1", Price(per_1k_characters=0.015), ends_on=_TTS_END),
            VoiceModel("tts-1-hd", Price(per_1k_characters=0.03), ends_on=_TTS_END),
            VoiceModel("gpt-4o-mini-tts", Price(per_minute=0.02), instructions=True, ends_on=_TTS_END),
        ),
        default_voice="alloy",
        # The voices speak every language of the model. Their gender is how they sound: OpenAI states none.
        voices=(
            Voice("alloy", gender="neutral"),
            Voice("ash", gender="male"),
            Voice("ballad", gender="male"),
            Voice("cedar", gender="male"),
            Voice("coral", gender="female"),
            Voice("echo", gender="male"),
            Voice("fable", gender="neutral"),
            Voice("marin", gender="female"),
            Voice("nova", gender="female"),
            Voice("onyx", gender="male"),
            Voice("sage", gender="female"),
            Voice("shimmer", gender="female"),
            Voice("verse", gender="male"),
        ),
        formats=("mp3", "opus", "aac", "flac", "wav", "pcm"),
        input_max=4096,
        variables=Variables(base_url=("OPENAI_TTS_BASE_URL",)),
    ),
    stt=Speech(
        name="OpenAI STT",
        default_model="whisper-1",
        models=(
            VoiceModel("whisper-1", Price(per_minute=0.006), ends_on=_STT_END),
            VoiceModel("gpt-4o-transcribe", Price(per_minute=0.006), ends_on=_STT_END),
            VoiceModel("gpt-4o-mini-transcribe", Price(per_minute=0.003), ends_on=_STT_END),
        ),
        formats=("mp3", "mp4", "mpeg", "mpga", "m4a", "wav", "webm", "flac", "ogg"),
    ),
    probes=("{base}/models",),
    credential=CredentialRef(
        id="openai",
        env=("OPENAI_API_KEY",),
        # Also eu.api.openai.com and the like, where an account's data stay in one region.
        hosts=("api.openai.com",),
        url="https://platform.openai.com/api-keys",
    ),
    features=("cloud", "emotions", "multi-model"),
)
