"""The state of voice as text for people: the chain of each direction in order, and the settings in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jackfield.voice.block import Kind
    from jackfield.voice.selection import Selection, Step
    from jackfield.voice.settings import VoiceSettings

_TITLES: dict[Kind, str] = {"tts": "Text-to-Speech (TTS)", "stt": "Speech-to-Text (STT)"}


def status_text(selections: Iterable[Selection], settings: VoiceSettings) -> str:
    """Return the chains, numbered, with state, price, privacy and reasons, then the settings; lines end in `\\n`."""
    lines = ["Voice"]
    for selection in selections:
        lines += ["", _TITLES[selection.kind], *_chain(selection)]
    lines += ["", "Settings", *_settings(settings)]
    return "\n".join(lines) + "\n"


def _chain(selection: Selection) -> Iterator[str]:
    active = selection.chosen
    yield f"  active: {active.endpoint.provider.id if active is not None else 'none'}"
    for place, step in enumerate(selection.chain, start=1):
        role = "primary" if place == 1 else f"fallback {place - 1}"
        mark = ", active" if step is active else ""
        yield f"  {place}. {step.endpoint.provider.id} ({role}{mark}): {step.seen.state}, {step.seen.detail}"
        yield f"     {_asked_for(step)}; {_price(step)}; privacy {step.endpoint.privacy}"
        yield f"     {' '.join(step.reasons)}"
    for each in selection.left_out:
        yield f"  -  {each.endpoint.provider.id} (left out): {' '.join(each.reasons)}"


def _asked_for(step: Step) -> str:
    return f"model {step.model}" + (f", voice {step.voice}" if step.voice is not None else "")


def _price(step: Step) -> str:
    if not step.endpoint.paid:
        return "free"
    return "price not known" if step.usd_per_minute is None else f"about {step.usd_per_minute:.4f} USD per minute"


def _settings(settings: VoiceSettings) -> Iterator[str]:
    yield f"  prefer local: {_yes(settings.prefer_local)}"
    yield f"  paid fallback: {settings.paid_fallback}"
    yield f"  emotions: {'allowed' if settings.allow_emotions else 'not allowed'}"
    yield f"  auto-start: {', '.join(settings.auto_start) or 'none'}"
    if settings.max_cost is not None:
        yield f"  at most: {settings.max_cost:g} USD per minute"
    if settings.min_privacy is not None:
        yield f"  privacy at least: {settings.min_privacy}"
    if settings.speed is not None:
        yield f"  speed: {settings.speed:g}"
    yield from (f"  {each.severity}: {each.message}" for each in settings.diagnostics)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
