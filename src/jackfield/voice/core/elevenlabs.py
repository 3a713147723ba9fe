"""ElevenLabs: speech out and in by API key, in a format of its own (elevenlabs.io/docs).

It counts in credits whose price differs with the customer's plan, so none is stated.
"""

from __future__ import annotations

from jackfield.voice.block import CredentialRef, Speech, Voice, VoiceModel, VoiceProvider

PROVIDER = VoiceProvider(
    id="elevenlabs",
    label="ElevenLabs",
    order=60,
    api="elevenlabs",
    aliases=("eleven-labs",),
    base_url="https://api.elevenlabs.io/v1",
    tts=Speech(
        name="ElevenLabs TTS",
        default_model="eleven_flash_v2_5",
        models=(VoiceModel("eleven_flash_v2_5"), VoiceModel("eleven_multilingual_v2"), VoiceModel("eleven_v3")),
        # George, the voice of the vendor's own examples; the others are named by ids of the same form.
        default_voice="JBFqnCBsd6RMkjVDRZzb",
        voices=(Voice("JBFqnCBsd6RMkjVDRZzb", gender="male"),),
        voices_like=r"[A-Za-z0-9]{20}\Z",
        formats=("mp3", "opus", "pcm", "wav"),
    ),
    stt=Speech(
        name="ElevenLabs STT",
        default_model="scribe_v1",
        models=(VoiceModel("scribe_v1"), VoiceModel("scribe_v2")),
        formats=("mp3", "wav", "flac", "ogg", "m4a", "webm", "pcm"),
    ),
    credential=CredentialRef(
        id="elevenlabs",
        env=("ELEVENLABS_API_KEY", "ELEVEN_API_KEY"),
        hosts=("api.elevenlabs.io",),
        header="xi-api-key",
        scheme="{key}",
        url="https://elevenlabs.io/app/settings/api-keys",
    ),
    features=("cloud", "expressive"),
)
