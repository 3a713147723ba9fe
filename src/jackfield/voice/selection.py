"""Which provider does it, and who comes next: the chain of one direction, with the reason for every place in it.

Everything here is pure: what was seen of each endpoint is handed in. With nothing set the rule is short: the preferred
local provider when it is available, else the preferred one of the cloud when its key is configured, then all others,
and the last resort at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.records import record
from jackfield.voice.block import PRIVACY
from jackfield.voice.defaults import model_for, takes_model, takes_voice, voice_for, voice_owner
from jackfield.voice.endpoints import no_such_direction, owner_of_general, preferred
from jackfield.voice.settings import PAID_FALLBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jackfield.voice.block import Kind, Privacy, VoiceModel, VoiceProvider
    from jackfield.voice.endpoints import Endpoint
    from jackfield.voice.registry import VoiceRegistry
    from jackfield.voice.settings import PaidFallback, VoiceSettings

State = Literal["not-configured", "configured", "reachable", "unknown"]
"""What is known of an endpoint.

`configured`: what it needs is there, and nothing more is known. `reachable`: something answers at its address.
`not-configured`: its key or its address is missing. `unknown`: nobody has looked.
"""


@record
class Seen:
    """What was seen of an endpoint: its state, whether it may be chosen, and what was seen, in words."""

    state: State
    usable: bool
    detail: str


@record
class Candidate:
    """An endpoint and what was seen of it."""

    endpoint: Endpoint
    seen: Seen


@record
class Preferences:
    """What the caller wants.

    Attributes:
        provider: the one that comes first, whatever else is set (id or alias).
        voice: a voice; without a provider, the provider whose voice it is comes first.
        model: a model, asked for of the providers that have it, and of `provider` in any case.
        prefer_local: whether the preferred local provider comes before the cloud.
        order: providers that come before all others (ids or aliases).
        max_cost: the most that a minute of speech may cost, in USD; a price that is not known is too high.
        min_privacy: how far speech may travel at most.
        paid_fallback: whether a paid provider may stand behind a free one; with `ask` it may once somebody agreed.
        emotions: whether a model that takes instructions on how to speak is required.
        language: the language that is required, such as `en` or `en-us`.
        dictation: whether free speech must be understood, and not only commands.
    """

    provider: str | None = None
    voice: str | None = None
    model: str | None = None
    prefer_local: bool = True
    order: tuple[str, ...] = ()
    max_cost: float | None = None
    min_privacy: Privacy | None = None
    paid_fallback: PaidFallback = "allow"
    emotions: bool = False
    language: str | None = None
    dictation: bool = False


@record
class Step:
    """One place in the chain.

    Attributes:
        endpoint: who, and where.
        seen: what was seen of it.
        voice: the voice it is asked for, `model` the model.
        usd_per_minute: what a minute of speech costs there; None where the price is not known.
        asks: whether somebody must agree before it takes over, because it is paid and what stands before it is free.
        reasons: why it stands where it stands, as sentences.
    """

    endpoint: Endpoint
    seen: Seen
    voice: str | None
    model: str
    usd_per_minute: float | None
    asks: bool
    reasons: tuple[str, ...]


@record
class LeftOut:
    """An endpoint that has no place in the chain, and why, as sentences."""

    endpoint: Endpoint
    seen: Seen
    reasons: tuple[str, ...]


@record
class Selection:
    """A choice and its explanation.

    Attributes:
        kind: the direction.
        chain: who is tried, in order.
        left_out: who is not, and why.
        chosen: the first of the chain that may be used now without asking; None when there is none.
    """

    kind: Kind
    chain: tuple[Step, ...]
    left_out: tuple[LeftOut, ...]
    chosen: Step | None

    def explain(self) -> str:
        """Return the chain, numbered, with the reasons, and what was left out: one line each."""
        lines = [
            f"{place}. {step.endpoint.provider.id}{' (chosen)' if step is self.chosen else ''}: {step.seen.detail}. "
            + " ".join(step.reasons)
            for place, step in enumerate(self.chain, start=1)
        ]
        lines += [f"-  {each.endpoint.provider.id}: left out. {' '.join(each.reasons)}" for each in self.left_out]
        return "\n".join(lines)


def preferences_of(settings: VoiceSettings, kind: Kind) -> Preferences:
    """Return what the settings say, as preferences of a call that says nothing itself."""
    return Preferences(
        prefer_local=settings.prefer_local,
        order=settings.direction(kind).order,
        max_cost=settings.max_cost,
        min_privacy=settings.min_privacy,
        paid_fallback=settings.paid_fallback,
    )


def select(
    kind: Kind,
    candidates: Sequence[Candidate],
    *,
    registry: VoiceRegistry,
    settings: VoiceSettings,
    preferences: Preferences | None = None,
) -> Selection:
    """Choose a provider for one direction and say why.

    Args:
        kind: speech out (`tts`) or in (`stt`).
        candidates: the endpoints of that direction in the order of `all_endpoints`, with what was seen of each.
        registry: the voice providers.
        settings: what the user has set.
        preferences: what the caller wants; None is what the settings say.

    Raises:
        UnknownNameError: `registry.unknown` when a provider that is named is not registered.
        RequestError: `voice.direction` when the provider that is named has no such direction; `voice.preference` when
            a preference cannot be; `diagnostics` holds every fault.
    """
    wanted = preferences_of(settings, kind) if preferences is None else preferences
    _check(wanted)
    choice = _Choice(kind, registry, settings, wanted)
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    for candidate in choice.ordered(candidates):
        model = choice.model(candidate.endpoint)
        against = [*choice.against(candidate, model), *choice.against_fallback(candidate.endpoint, steps)]
        if against:
            left_out.append(LeftOut(candidate.endpoint, candidate.seen, tuple(against)))
        else:
            steps.append(choice.step(candidate, model, steps))
    usable = (step for step in steps if step.seen.usable and not step.asks)
    return Selection(kind, tuple(steps), tuple(left_out), next(usable, None))


class _Choice:
    """One call of `select`: what it was given, and the rules."""

    def __init__(self, kind: Kind, registry: VoiceRegistry, settings: VoiceSettings, wanted: Preferences) -> None:
        self._kind = kind
        self._settings = settings
        self._wanted = wanted
        self._providers = registry.list_providers()
        self._local = preferred(self._providers, kind, local=True)
        self._cloud = preferred(self._providers, kind, local=False)
        self._named = self._resolve_named(registry)
        self._order = tuple(registry.resolve_provider(name).id for name in wanted.order)
        general = owner_of_general(self._providers, kind, settings)
        # The cloud's preferred provider is the default of the variable: naming it there changes nothing.
        self._general = None if general is self._cloud else general

    def ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates in the order in which they are tried."""
        places = {id(each): place for place, each in enumerate(candidates)}
        return sorted(candidates, key=lambda each: (*self._rank(each.endpoint.provider), places[id(each)]))

    def model(self, endpoint: Endpoint) -> str:
        """Return the model that an endpoint is asked for."""
        wanted, provider = self._wanted.model, endpoint.provider
        by_name = self._wanted.provider is not None and provider is self._named
        if wanted is not None and (by_name or takes_model(self._providers, provider, self._kind, wanted)):
            return wanted
        model = model_for(self._providers, endpoint, self._settings)
        if self._wanted.emotions and not _takes_instructions(endpoint, model):
            able = next((each.id for each in endpoint.speech.models if each.instructions), None)
            return able or model
        return model

    def against(self, candidate: Candidate, model: str) -> Iterator[str]:
        """Yield why a candidate has no place in the chain."""
        endpoint, wanted = candidate.endpoint, self._wanted
        if endpoint.fault is not None:
            yield f"The address from {endpoint.source} cannot be used: {endpoint.fault}"
        elif candidate.seen.state == "not-configured":
            yield f"Not configured: {candidate.seen.detail}."
        if wanted.min_privacy is not None and PRIVACY.index(endpoint.privacy) > PRIVACY.index(wanted.min_privacy):
            yield f"Its privacy is {endpoint.privacy}, and {wanted.min_privacy} is required."
        if wanted.max_cost is not None:
            yield from _against_cost(_usd_per_minute(endpoint, model), wanted.max_cost)
        if wanted.emotions and not _takes_instructions(endpoint, model):
            yield "It takes no instructions on how to speak, and emotions are required."
        if wanted.language is not None and not _speaks(endpoint, model, wanted.language):
            yield f"It has no {wanted.language}, which is required."
        if wanted.dictation and not endpoint.speech.dictation:
            yield "It understands commands only, and dictation is required."

    def against_fallback(self, endpoint: Endpoint, before: Sequence[Step]) -> Iterator[str]:
        """Yield why a paid endpoint may not take over."""
        if self._wanted.paid_fallback == "never" and self._is_paid_fallback(endpoint, before):
            yield f"It is paid, {_free(before)} before it is free, and paid fallback is set to never."

    def step(self, candidate: Candidate, model: str, before: Sequence[Step]) -> Step:
        """Return the candidate's place in the chain."""
        endpoint = candidate.endpoint
        fallback = self._is_paid_fallback(endpoint, before)
        asks = fallback and self._wanted.paid_fallback == "ask"
        reasons = [self._why_here(endpoint)]
        if fallback:
            reasons.append(f"It is paid, {_free(before)} before it is free{': somebody must agree' if asks else ''}.")
        known = endpoint.speech.model(model)
        if known is not None and known.ends_on is not None:
            reasons.append(f"Its model {model} ends on {known.ends_on}.")
        return Step(
            endpoint,
            candidate.seen,
            self._voice(endpoint),
            model,
            _usd_per_minute(endpoint, model),
            asks,
            tuple(reasons),
        )

    def _resolve_named(self, registry: VoiceRegistry) -> VoiceProvider | None:
        wanted = self._wanted
        if wanted.provider is not None:
            provider = registry.resolve_provider(wanted.provider)
            if provider.speech(self._kind) is None:
                raise no_such_direction(provider, self._kind)
            return provider
        if wanted.voice is not None and self._kind == "tts":
            return voice_owner(self._providers, wanted.voice)
        return None

    def _rank(self, provider: VoiceProvider) -> tuple[int, int]:
        """Return the group in which a provider is tried, and its place within a group that was put in order."""
        if provider is self._named:
            return 0, 0
        if provider.id in self._order:
            return 1, self._order.index(provider.id)
        if provider.last_resort:
            return 5, 0
        if self._settings.direction(self._kind).urls:
            return 3, 0  # a list has its own order
        if provider is self._general:
            return 2, 0
        return (4 if provider.local and not self._wanted.prefer_local else 3), 0

    def _why_here(self, endpoint: Endpoint) -> str:
        provider = endpoint.provider
        group, place = self._rank(provider)
        if group == 0:
            asked = "It was asked for" if self._wanted.provider is not None else "The voice asked for is its own"
            return f"{asked}."
        if group == 1:
            return f"It is number {place + 1} in the order that was set."
        if group == 5:
            return "It is the last resort."
        if self._settings.direction(self._kind).urls:
            return f"It is listed in {endpoint.source}."
        if group == 2:
            return f"Its address is set by {endpoint.source}."
        if provider is self._local:
            return "It is the preferred local provider."
        if provider is self._cloud:
            return "It is the preferred provider of the cloud."
        return "It comes after the preferred providers."

    def _is_paid_fallback(self, endpoint: Endpoint, before: Sequence[Step]) -> bool:
        return endpoint.paid and endpoint.provider is not self._named and any(not s.endpoint.paid for s in before)

    def _voice(self, endpoint: Endpoint) -> str | None:
        wanted = self._wanted
        speech = endpoint.speech
        if endpoint.kind == "stt":
            return None
        by_name = endpoint.provider is self._named
        if wanted.voice is not None and (by_name or takes_voice(self._providers, endpoint.provider, wanted.voice)):
            return wanted.voice
        usual = voice_for(self._providers, endpoint, self._settings)
        if wanted.language is None or (usual is not None and _voice_speaks(endpoint, usual, wanted.language)):
            return usual
        able = (each.id for each in speech.voices if _any_match(each.languages, wanted.language))
        return next(able, usual)


def _check(wanted: Preferences) -> None:
    faults = []
    if wanted.max_cost is not None and not 0 <= wanted.max_cost < float("inf"):
        faults.append(_fault("max_cost", "must be zero or more (USD per minute)"))
    if wanted.min_privacy is not None and wanted.min_privacy not in PRIVACY:
        faults.append(_fault("min_privacy", f"must be one of {', '.join(PRIVACY)}"))
    if wanted.paid_fallback not in PAID_FALLBACK:
        faults.append(_fault("paid_fallback", f"must be one of {', '.join(PAID_FALLBACK)}"))
    if wanted.language is not None and not wanted.language.strip():
        faults.append(_fault("language", "must not be blank"))
    if faults:
        told = " ".join(f"{each}." for each in faults)
        raise RequestError(f"The preferences cannot be met: {told}", code="voice.preference", diagnostics=faults)


def _fault(field: str, message: str) -> Diagnostic:
    return Diagnostic("voice.preference", message, path=(field,))


def _free(before: Iterable[Step]) -> str:
    return next(step.endpoint.provider.id for step in before if not step.endpoint.paid)


def _against_cost(cost: float | None, limit: float) -> Iterator[str]:
    if cost is None:
        yield f"Its price is not known, and at most {limit:g} USD per minute is allowed."
    elif cost > limit:
        yield f"It costs about {cost:.4g} USD per minute, and at most {limit:g} is allowed."


def _usd_per_minute(endpoint: Endpoint, model: str) -> float | None:
    if not endpoint.paid:
        return 0.0
    known = endpoint.speech.model(model)
    # A price is the vendor's: it says nothing of another server that the user gave a key for.
    if known is None or known.price is None or endpoint.credential != endpoint.provider.credential:
        return None
    return known.price.usd_per_minute


def _takes_instructions(endpoint: Endpoint, model: str) -> bool:
    known: VoiceModel | None = endpoint.speech.model(model)
    return known is not None and known.instructions


def _speaks(endpoint: Endpoint, model: str, language: str) -> bool:
    known = endpoint.speech.model(model)
    tags = (known.languages if known is not None else ()) or endpoint.speech.languages
    return not tags or _any_match(tags, language)


def _voice_speaks(endpoint: Endpoint, voice: str, language: str) -> bool:
    known = endpoint.speech.voice(voice)
    return known is None or not known.languages or _any_match(known.languages, language)


def _any_match(tags: Iterable[str], language: str) -> bool:
    """Tell whether a language is among `tags`: `en` matches `en-us` and the other way round, `en-gb` does not."""
    wanted = language.strip().lower().replace("_", "-")
    return any(tag == wanted or tag.startswith(f"{wanted}-") or wanted.startswith(f"{tag}-") for tag in tags)
