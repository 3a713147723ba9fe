"""The block of a server that nobody registered: any OpenAI-compatible one, known by its URL alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jackfield.ids import slug
from jackfield.net.address import reach
from jackfield.net.url import check_base_url, origin_of
from jackfield.voice.block import KINDS, Speech, VoiceModel, VoiceProvider

if TYPE_CHECKING:
    from collections.abc import Collection

    from jackfield.voice.block import Kind, Privacy

_ID_MAX = 64
_ORDER = 80


def server_block(url: str, kinds: Collection[Kind] = KINDS, *, name: str | None = None) -> VoiceProvider:
    """Return the block of the OpenAI-compatible server at `url`, which is taken as it is: no guess from its port.

    It is sent every voice and model as the user spells them, and never a key. Its id is made of the host, the port and
    the path, so that the same URL always gives the same id.

    Args:
        url: its base URL, such as `http://127.0.0.1:9000/v1`.
        kinds: what it does, speech out (`tts`), in (`stt`), or both.
        name: its name for people; without one, its host and port.

    Raises:
        RequestError: a `url.*` code when the URL cannot be used.
    """
    base = check_base_url(url, allow_private_http=True)
    origin = origin_of(base)
    where = f"{origin.authority_host}:{origin.port}"
    label = name or where
    privacy: Privacy = "local" if reach(origin.host) == "loopback" else "cloud_public"
    speech = {
        kind: Speech(
            name=label,
            default_model="tts-1" if kind == "tts" else "whisper-1",
            models=(VoiceModel("tts-1" if kind == "tts" else "whisper-1"),),
            any_model=True,
            default_voice="alloy" if kind == "tts" else None,
            any_voice=True,
        )
        for kind in kinds
    }
    return VoiceProvider(
        id=_id(base, where),
        label=label,
        order=_ORDER,
        base_url=base,
        local=privacy == "local",
        privacy=privacy,
        tts=speech.get("tts"),
        stt=speech.get("stt"),
        probes=("{base}/models",),
        features=("openai-compatible",),
    )


def _id(base: str, where: str) -> str:
    path = base.partition("://")[2].partition("/")[2]
    made = f"url-{slug(where)}" + (f"-{slug(path)}" if path not in {"", "v1"} else "")
    if len(made) <= _ID_MAX:
        return made
    # Cut off, two long addresses could look alike.
    return f"{made[: _ID_MAX - 9].rstrip('-._')}-{hashlib.sha256(base.encode()).hexdigest()[:8]}"
