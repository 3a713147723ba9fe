"""Kokoro: speech out on the user's own machine, served by Kokoro-FastAPI."""

from __future__ import annotations

from jackfield.voice.block import AutoStart, Price, RecipeValue, Speech, Variables, Voice, VoiceModel, VoiceProvider

# The letters that begin a voice's name in Kokoro-FastAPI: the language, then f or m.
_LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "zh",
}

# As listed by Kokoro-FastAPI (`GET /v1/audio/voices`) in 2026. A name with v0 is the voice's first version.
_NAMES = (
    "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jadzia", "af_jessica", "af_kore", "af_nicole", "af_nova",
    "af_river", "af_sarah", "af_sky", "af_v0", "af_v0bella", "af_v0irulan", "af_v0nicole", "af_v0sarah", "af_v0sky",
    "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx", "am_puck", "am_santa",
    "am_v0adam", "am_v0gurney", "am_v0michael", "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bf_v0emma",
    "bf_v0isabella", "bm_daniel", "bm_fable", "bm_george", "bm_lewis", "bm_v0george", "bm_v0lewis", "ef_dora",
    "em_alex", "em_santa", "ff_siwis", "hf_alpha", "hf_beta", "hm_omega", "hm_psi", "if_sara", "im_nicola",
    "jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo", "pf_dora", "pm_alex", "pm_santa",
    "zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang",
)  # fmt: skip

PROVIDER = VoiceProvider(
    id="kokoro",
    label="Kokoro",
    order=10,
    aliases=("kokoro-tts",),
    base_url="http://127.0.0.1:8880/v1",
    local=True,
    privacy="local",
    tts=Speech(
        name="Kokoro TTS",
        # The server takes OpenAI's name for its own model; programs of today send that one.
        default_model="tts-1",
        models=(VoiceModel("tts-1", Price(per_1k_characters=0)), VoiceModel("kokoro", Price(per_1k_characters=0))),
        default_voice="af_sky",
        voices=tuple(Voice(name, (_LANGUAGES[name[0]],), "female" if name[1] == "f" else "male") for name in _NAMES),
        # Mixtures (`af_sky+af_bella`) and voices of later versions begin like this too.
        voices_like=r"[abefhijpz][fm]_[a-z0-9]",
        formats=("mp3", "opus", "flac", "wav", "pcm"),
        languages=tuple(_LANGUAGES.values()),
        variables=Variables(
            base_url=("KOKORO_TTS_BASE_URL",),
            port=("VOICEMODE_KOKORO_PORT",),
            voice=("VOICEMODE_KOKORO_DEFAULT_VOICE",),
        ),
    ),
    # /health answers 200 while the model is still being loaded; the list of voices comes from the loaded one.
    probes=("{base}/audio/voices", "{origin}/health"),
    auto_start=AutoStart(
        # `--offline`: what is not installed yet is not fetched by a start.
        command=(
            "uvx",
            "--offline",
            "--from",
            "git+https://github.com/mbailey/Kokoro-FastAPI",
            "kokoro-start",
            "--models-dir",
            "{models_dir}",
        ),
        start_up_s=120.0,
        variables=("VOICEMODE_AUTO_START_KOKORO",),
        values=(RecipeValue("models_dir", "~/Models/kokoro", ("VOICEMODE_KOKORO_MODELS_DIR",)),),
    ),
    features=("local", "free", "fast"),
)
