"""What the user has set about voice, wherever it was set: one frozen value that is handed in to everything else."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.diagnostics import Diagnostic
    from jackfield.voice.block import CredentialRef, Kind, Privacy

PaidFallback = Literal["allow", "ask", "never"]
PAID_FALLBACK: tuple[PaidFallback, ...] = ("allow", "ask", "never")

TRUTHY = frozenset({"true", "1", "yes", "on"})
"""What means yes in a variable, in any letter case; everything else means no."""


@record
class Address:
    """An address as it was set, and where: a variable, `config`, or `default`."""

    text: str
    source: str


@record
class Own:
    """What is set for one direction of one provider.

    Attributes:
        url: its address.
        host: the host in its default address; `port` the port in it.
        voice: its default voice.
        models: its models in order of preference.
        language: the language that is spoken to it.
    """

    url: Address | None = None
    host: Address | None = None
    port: Address | None = None
    voice: str | None = None
    models: tuple[str, ...] = ()
    language: str | None = None


@record
class Direction:
    """What is set for one direction of speech, whoever does it.

    Attributes:
        urls: these endpoints and no others (but the last resort), in this order.
        url: one endpoint. It is that of the provider whose address it is, else of the preferred local one, which then
            comes first.
        order: providers that come before all others, canonical ids.
        voices: default voices in order of preference; each counts for the provider whose voice it is.
        models: default models, likewise.
        models_by_place: the model of each of `urls`, blank where none is set.
    """

    urls: tuple[Address, ...] = ()
    url: Address | None = None
    order: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    models_by_place: tuple[str, ...] = ()


NOTHING = Direction()
NOTHING_OWN = Own()


@record
class VoiceSettings:
    """Everything the user has set about voice.

    Attributes:
        tts: what holds for speech out, `stt` for speech in.
        own: what holds for one provider, by (id, kind).
        prefer_local: whether the preferred local provider comes before the cloud.
        max_cost: the most that a minute of speech may cost, in USD.
        min_privacy: how far speech may travel at most.
        paid_fallback: whether a paid provider may take over from a free one.
        allow_emotions: whether instructions on how to speak may be sent.
        auto_start: ids of the providers that may be started when they are needed.
        speed: the rate of speech, 1.0 being normal.
        keys: which key goes to an origin that is not the vendor's own, by the origin's text.
        diagnostics: what was set and cannot be used.
    """

    tts: Direction = NOTHING
    stt: Direction = NOTHING
    own: Mapping[tuple[str, Kind], Own] = MappingProxyType({})
    prefer_local: bool = True
    max_cost: float | None = None
    min_privacy: Privacy | None = None
    paid_fallback: PaidFallback = "allow"
    allow_emotions: bool = False
    auto_start: tuple[str, ...] = ()
    speed: float | None = None
    keys: Mapping[str, CredentialRef] = MappingProxyType({})
    diagnostics: tuple[Diagnostic, ...] = ()

    def direction(self, kind: Kind) -> Direction:
        """Return what holds for one direction."""
        return self.tts if kind == "tts" else self.stt

    def of(self, provider_id: str, kind: Kind) -> Own:
        """Return what is set for one provider in one direction."""
        return self.own.get((provider_id, kind), NOTHING_OWN)
