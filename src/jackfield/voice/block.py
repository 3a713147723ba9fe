"""The registration block of a voice provider: one frozen value that holds all there is to know about it.

A block holds data only. Voice is a domain of its own: a block that needs a vendor's key holds a reference to it, never
the key, and never a model provider's block.

Units: money in USD per 1,000 characters or per minute of audio, times in seconds, dates as YYYY-MM-DD, languages as
BCP 47 tags (RFC 5646) in lower case, mostly the bare language (`en`).
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

from jackfield.diagnostics import Diagnostic
from jackfield.ids import canonical_id, is_id
from jackfield.parts import Part, fault, part

Kind = Literal["tts", "stt"]
"""The two directions of speech: out (text to speech) and in (speech to text)."""

KINDS: tuple[Kind, ...] = ("tts", "stt")
Privacy = Literal["local", "cloud_private", "cloud_public"]
PRIVACY: tuple[Privacy, ...] = ("local", "cloud_private", "cloud_public")
"""How far speech travels, the nearest first: this machine, the user's own network, anywhere else."""

Api = Literal["openai", "deepgram", "cartesia", "elevenlabs"]
"""The wire formats that speech services are spoken to in."""

CHARACTERS_PER_MINUTE = 900
"""Characters that a minute of speech has, roughly (150 words of six): so prices of both kinds can be compared."""

_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_URL = re.compile(r"https?://[^\s/?#@\\]+(/\S*)?")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_OF_THE_ADDRESS = frozenset({"host", "port", "path"})


def _check_variables(names: tuple[str, ...], *path: str) -> Iterator[Diagnostic]:
    """Yield faults of a list of variables, by place: what stands there may be a key pasted by mistake."""
    for place, name in enumerate(names):
        if not _ENV_NAME.fullmatch(name):
            yield fault("is not a variable name (A-Z, 0-9, _)", *path, f"[{place}]")
    if len(set(names)) < len(names):
        yield fault("names a variable twice", *path)


def _check_languages(tags: tuple[str, ...], *path: str) -> Iterator[Diagnostic]:
    for place, tag in enumerate(tags):
        if not _LANGUAGE.fullmatch(tag):
            yield fault("is not a language tag such as en or pt-br", *path, f"[{place}]")


@part
class Price(Part):
    """What a model costs in USD, by characters of text or by minutes of audio. One of the two is given."""

    per_1k_characters: float | None = None
    per_minute: float | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield a fault for a negative price, and for none or two."""
        for name in ("per_1k_characters", "per_minute"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                yield fault("must be zero or more", name)
        if (self.per_1k_characters is None) == (self.per_minute is None):
            yield fault("must be given by characters or by minutes, not both")

    @property
    def usd_per_minute(self) -> float:
        """The price of a minute of speech."""
        if self.per_minute is not None:
            return self.per_minute
        return (self.per_1k_characters or 0.0) * CHARACTERS_PER_MINUTE / 1000


@part
class VoiceModel(Part):
    """One model as its vendor spells it.

    Attributes:
        price: None where it is not known, or differs with the customer's plan.
        instructions: whether it takes instructions on how to speak (emotions, tone).
        ends_on: the last day that the vendor announced for it.
        languages: what it takes; empty means all of the provider's.
    """

    id: str
    price: Price | None = None
    instructions: bool = False
    ends_on: str | None = None
    languages: tuple[str, ...] = ()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the id, the date and the languages."""
        if self.id != self.id.strip() or not self.id.isprintable():
            yield fault("must be printable, without white space around it", "id")
        if self.ends_on is not None and not _DATE.fullmatch(self.ends_on):
            yield fault("must be a date, YYYY-MM-DD", "ends_on")
        yield from _check_languages(self.languages, "languages")


@part
class Voice(Part):
    """One voice with the traits by which another provider's voice can stand in for it.

    `languages` is empty for a voice that speaks all of its provider's.
    """

    id: str
    languages: tuple[str, ...] = ()
    gender: Literal["female", "male", "neutral"] | None = None
    style: str | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the id and the languages."""
        if self.id != self.id.strip() or not self.id.isprintable():
            yield fault("must be printable, without white space around it", "id")
        yield from _check_languages(self.languages, "languages")


@part
class Variables(Part):
    """Environment variables for one direction of one provider; in each list the first one set wins.

    A name that begins with `VOICEMODE_` is also read with its older beginnings `VOICE_MODE_` and `VOICE_MCP_`.

    Attributes:
        base_url: the whole address.
        host: the host in the default address; `port` the port in it.
        voice: the default voice.
        models: models in order of preference; of these, all that are set count, one list after the other.
        language: the language that is spoken to it.
    """

    base_url: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    voice: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    language: tuple[str, ...] = ()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the names' form, and repeats."""
        for name in ("base_url", "host", "port", "voice", "models", "language"):
            yield from _check_variables(getattr(self, name), name)


@part
class Speech(Part):
    """What a provider does in one direction.

    Attributes:
        name: what this service is called, such as `Acme TTS`.
        default_model: used when nobody names one; one of `models`.
        models: the models that are known; with `any_model` it takes any name, whosever it is.
        default_voice: used when nobody names one; None in the direction without voices.
        voices: the voices that are known. `voices_like` is a pattern (a regular expression that the voice's beginning
            must match) of others that are this provider's; with `any_voice` it takes any name, whosever it is.
        formats: audio formats that it gives (out) or takes (in).
        languages: empty where the vendor names no list.
        dictation: whether free speech is understood, and not only commands of a given grammar; for speech in.
        input_max: most characters of one request; for speech out.
        variables: the environment variables of this direction.
    """

    name: str
    default_model: str
    models: tuple[VoiceModel, ...]
    default_voice: str | None = None
    voices: tuple[Voice, ...] = ()
    voices_like: str | None = None
    any_model: bool = False
    any_voice: bool = False
    formats: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    dictation: bool = True
    input_max: int | None = None
    variables: Variables = Variables()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of repeats, of defaults that are not known, and of the pattern."""
        for name in ("models", "voices"):
            ids = [each.id for each in getattr(self, name)]
            yield from (fault("repeats an id", name, f"[{n}]", "id") for n, each in enumerate(ids) if each in ids[:n])
        if self.model(self.default_model) is None:
            yield fault("must be one of the models", "default_model")
        if self.voices_like is not None:
            try:
                re.compile(self.voices_like)
            except re.error:
                yield fault("is not a regular expression", "voices_like")
                return
        if self.default_voice is not None and not self.any_voice and not self.has_voice(self.default_voice):
            yield fault("must be one of the voices", "default_voice")
        if self.input_max is not None and self.input_max < 1:
            yield fault("must be at least 1", "input_max")
        yield from _check_languages(self.languages, "languages")

    def model(self, model_id: str) -> VoiceModel | None:
        """Return the model with this id, or None when it is not known."""
        return next((each for each in self.models if each.id == model_id), None)

    def voice(self, voice_id: str) -> Voice | None:
        """Return the voice with this id, or None when its traits are not known."""
        return next((each for each in self.voices if each.id == voice_id), None)

    def has_voice(self, voice_id: str) -> bool:
        """Tell whether the voice is known to be this provider's, by its id or by the pattern."""
        if self.voice(voice_id) is not None:
            return True
        return self.voices_like is not None and re.match(self.voices_like, voice_id) is not None


@part
class CredentialRef(Part):
    """Which key a provider needs: a name that the application resolves, never the key itself.

    Attributes:
        id: the name; several providers of one vendor may share it.
        env: variables that hold the key; the first one set wins.
        hosts: the vendor's own hosts. The key goes to these and hosts below them, over https, and nowhere else.
        header: the header that carries it, filled in from `scheme`, where `{key}` stands for the key.
        url: where the user gets one.
    """

    id: str
    env: tuple[str, ...]
    hosts: tuple[str, ...]
    header: str = "Authorization"
    scheme: str = "Bearer {key}"
    url: str | None = None

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the id, the variables, the hosts and the scheme."""
        if not is_id(self.id):
            yield fault("must be an id (a-z, 0-9, . - _)", "id")
        yield from _check_variables(self.env, "env")
        for place, host in enumerate(self.hosts):
            if not _HOST.fullmatch(host) or "." not in host:
                yield fault("must be a host name such as api.acme.test", "hosts", f"[{place}]")
        if "{key}" not in self.scheme:
            yield fault("must hold {key}", "scheme")

    def covers(self, host: str) -> bool:
        """Tell whether `host` (lower case) is one of the vendor's, or below one."""
        return any(host == own or host.endswith(f".{own}") for own in self.hosts)


@part
class RecipeValue(Part):
    """What a `{name}` in a recipe's command stands for: the first variable set, else the default (`~` is the home)."""

    name: str
    default: str
    variables: tuple[str, ...] = ()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the name and the variables."""
        if not _PLACEHOLDER.fullmatch(f"{{{self.name}}}"):
            yield fault("must be lower-case letters and _", "name")
        yield from _check_variables(self.variables, "variables")


@part
class AutoStart(Part):
    """How a local provider is started. Having a recipe means that it may be started, not that it is.

    Attributes:
        command: the program and its arguments. `{host}`, `{port}` and `{path}` are those of the address in force; any
            other `{name}` is one of `values`.
        start_up_s: how long it may take until it can do its job.
        variables: each of these, set to true, asks for the start.
        values: what the other names in the command stand for.
    """

    command: tuple[str, ...]
    start_up_s: float
    variables: tuple[str, ...] = ()
    values: tuple[RecipeValue, ...] = ()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults of the command, the time and the variables."""
        if not self.command:
            yield fault("must name a program", "command")
        known = _OF_THE_ADDRESS | {each.name for each in self.values}
        for place, text in enumerate(self.command):
            for name in sorted(set(_PLACEHOLDER.findall(text)) - known):
                yield fault(f"{{{name}}} stands for nothing", "command", f"[{place}]")
        if not 0 < self.start_up_s < float("inf"):
            yield fault("must be more than zero", "start_up_s")
        yield from _check_variables(self.variables, "variables")


@part
class VoiceProvider(Part):
    """The registration block of one voice provider.

    Attributes:
        id: canonical (`jackfield.ids.is_id`).
        label: its name for people.
        order: place in the chain when nothing is set; the lowest local and the lowest cloud one are the preferred.
        api: the wire format it is spoken to in.
        base_url: where it is when nothing else is set; None for one whose address is known only once it runs.
        local: meant to run on the user's own machine; looked at before it is called available.
        last_resort: comes after everything else, whatever its order.
        aliases: other names that mean this provider; canonical too.
        tts: speech out, `stt` speech in; at least one of them.
        probes: what is asked, without a key, to see whether it answers: the first answer 2xx counts. `{base}` is the
            address in force, `{origin}` its scheme, host and port. Free requests only.
        auto_start: how it is started; None for one that is not started from here.
        credential: the key it needs; None for one that needs none.
        privacy: how far speech travels at the vendor's own address.
        features: words for people.
    """

    id: str
    label: str
    order: int
    api: Api = "openai"
    base_url: str | None = None
    local: bool = False
    last_resort: bool = False
    aliases: tuple[str, ...] = ()
    tts: Speech | None = None
    stt: Speech | None = None
    probes: tuple[str, ...] = ()
    auto_start: AutoStart | None = None
    credential: CredentialRef | None = None
    privacy: Privacy = "cloud_public"
    features: tuple[str, ...] = ()

    def check(self) -> Iterator[Diagnostic]:
        """Yield faults between fields: names, address, directions, probes, key and privacy."""
        yield from self._check_names()
        if self.base_url is not None and not _URL.fullmatch(self.base_url):
            yield fault("must be an http or https URL", "base_url")
        if self.tts is None and self.stt is None:
            yield fault("must speak (tts) or listen (stt)", "tts")
        if self.tts is not None and self.tts.default_voice is None:
            yield fault("must name a voice", "tts", "default_voice")
        for place, url in enumerate(self.probes):
            if not url.startswith(("{base}", "{origin}")):
                yield fault("must start with {base} or {origin}", "probes", f"[{place}]")
        if not self.local and self.credential is None and not self.probes:
            yield fault("must say which key it needs, or what to ask it without one", "credential")
        if self.local and self.credential is not None:
            yield fault("a local provider needs no vendor's key", "credential")
        if self.local != (self.privacy == "local"):
            yield fault("must be local for a local provider, and for no other", "privacy")

    def _check_names(self) -> Iterator[Diagnostic]:
        names: list[tuple[str, tuple[str, ...]]] = [(self.id, ("id",))]
        names += [(alias, ("aliases", f"[{place}]")) for place, alias in enumerate(self.aliases)]
        for name, where in names:
            if not is_id(name):
                hint = "Write it in lower case, without white space around it." if is_id(canonical_id(name)) else None
                yield fault(
                    "is not an id: 1 to 64 of a-z 0-9 . - _ with a letter or digit at both ends", *where, hint=hint
                )
        if len({self.id, *self.aliases}) <= len(self.aliases):
            yield fault("repeats a name", "aliases")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The directions it has, speech out first."""
        return tuple(kind for kind in KINDS if self.speech(kind) is not None)

    def speech(self, kind: Kind) -> Speech | None:
        """Return what it does in one direction, or None."""
        return self.tts if kind == "tts" else self.stt

    def to_row(self) -> dict[str, Any]:
        """Return `{"id", "name", "type", "base_url", "local", "auto_start", "features"}`, the short form of a block.

        `type` and `name` are those of the first direction: `tts` for a provider that does both.
        """
        kind = self.kinds[0]
        speech = self.speech(kind)
        return {
            "id": self.id,
            "name": self.label if speech is None else speech.name,
            "type": kind,
            "base_url": self.base_url,
            "local": self.local,
            "auto_start": self.auto_start is not None,
            "features": list(self.features),
        }
