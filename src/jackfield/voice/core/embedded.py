"""Embedded speech: eSpeak NG out, PocketSphinx in, for a machine that has nothing else."""

from __future__ import annotations

from jackfield.voice.block import Price, Speech, Voice, VoiceModel, VoiceProvider

PROVIDER = VoiceProvider(
    id="embedded",
    label="Embedded speech",
    order=90,
    last_resort=True,
    # Its address is known only once its process runs.
    base_url=None,
    local=True,
    privacy="local",
    tts=Speech(
        name="Embedded TTS",
        default_model="espeak-ng",
        models=(VoiceModel("espeak-ng", Price(per_1k_characters=0)),),
        default_voice="en-us",
        voices=(Voice("en-us", ("en-us",), "male"), Voice("en-gb", ("en-gb",), "male")),
        formats=("wav", "pcm", "flac", "mp3"),
        languages=("en-us", "en-gb"),
    ),
    stt=Speech(
        name="Embedded STT",
        default_model="pocketsphinx",
        models=(VoiceModel("pocketsphinx", Price(per_minute=0)),),
        formats=("wav", "flac", "ogg", "mp3"),
        languages=("en-us",),
        # Half or more of the words of open dictation are wrong; sentences of a given grammar are understood.
        dictation=False,
    ),
    probes=("{base}/models",),
    features=("local", "free", "offline"),
)
