"""Whisper.cpp: speech in on the user's own machine, served by whisper-server."""

from __future__ import annotations

from jackfield.voice.block import AutoStart, Price, RecipeValue, Speech, Variables, VoiceModel, VoiceProvider

PROVIDER = VoiceProvider(
    id="whisper",
    label="Whisper.cpp",
    order=10,
    aliases=("whisper-local", "whisper.cpp", "whisper-cpp"),
    # Its own default is port 8080 and /inference; existing set-ups start it here, with OpenAI's path.
    base_url="http://127.0.0.1:2022/v1",
    local=True,
    privacy="local",
    stt=Speech(
        name="Whisper.cpp",
        # The server runs the one model that it was started with, whatever name it is sent.
        default_model="whisper-1",
        models=(VoiceModel("whisper-1", Price(per_minute=0)),),
        any_model=True,
        formats=("wav", "mp3", "flac", "ogg"),
        variables=Variables(
            port=("VOICEMODE_WHISPER_PORT",),
            language=("VOICEMODE_WHISPER_LANGUAGE",),
        ),
    ),
    # Versions without /health serve a page at the root.
    probes=("{origin}/health", "{origin}/"),
    auto_start=AutoStart(
        command=(
            "whisper-server",
            "--host",
            "{host}",
            "--port",
            "{port}",
            "--inference-path",
            "{path}/audio/transcriptions",
            "--model",
            "{models_dir}/ggml-{model}.bin",
        ),
        # The model is loaded before the port is bound.
        start_up_s=60.0,
        values=(
            RecipeValue("models_dir", "~/.voicemode/services/whisper/models", ("VOICEMODE_WHISPER_MODEL_PATH",)),
            RecipeValue("model", "base", ("VOICEMODE_WHISPER_MODEL",)),
        ),
    ),
    features=("local", "free", "accurate"),
)
