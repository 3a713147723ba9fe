"""MLX-Audio: speech out and in on a Mac with Apple silicon, by an OpenAI-compatible server."""

from __future__ import annotations

from jackfield.voice.block import Price, Speech, Variables, VoiceModel, VoiceProvider

_HOST = ("VOICEMODE_MLX_AUDIO_HOST",)
_PORT = ("VOICEMODE_MLX_AUDIO_PORT",)

# Port and default models are those that existing set-ups give it.
PROVIDER = VoiceProvider(
    id="mlx-audio",
    label="MLX-Audio",
    order=30,
    aliases=("mlx_audio", "mlx"),
    base_url="http://127.0.0.1:8890/v1",
    local=True,
    privacy="local",
    tts=Speech(
        name="MLX-Audio TTS",
        default_model="mlx-community/Kokoro-82M-bf16",
        models=(VoiceModel("mlx-community/Kokoro-82M-bf16", Price(per_1k_characters=0)),),
        default_voice="af_heart",
        # The default model is Kokoro, with Kokoro's voices.
        voices_like=r"[abefhijpz][fm]_[a-z0-9]",
        formats=("mp3", "wav", "flac"),
        variables=Variables(host=_HOST, port=_PORT),
    ),
    stt=Speech(
        name="MLX-Audio STT",
        default_model="mlx-community/whisper-large-v3-turbo",
        models=(VoiceModel("mlx-community/whisper-large-v3-turbo", Price(per_minute=0)),),
        formats=("wav", "mp3", "flac"),
        variables=Variables(host=_HOST, port=_PORT),
    ),
    probes=("{base}/models",),
    features=("local", "free", "apple-silicon"),
)
