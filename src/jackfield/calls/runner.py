"""Asks a model: one request, its answer piece by piece, and everything that can go wrong on the way."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from jackfield.calls.faults import Called, broken, from_fault, from_status, not_understood, status_of, words_of
from jackfield.calls.formats import format_of
from jackfield.calls.parts import Asked, Delta, Fault, Finish, Usage, items, mapping
from jackfield.calls.sse import EventReader
from jackfield.credentials.secret import Secret
from jackfield.diagnostics import Diagnostic
from jackfield.errors import CredentialError, JackfieldError, RemoteError, RequestError, StoreError
from jackfield.net import origin_of
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from jackfield.calls.parts import Message, Outgoing, WireFormat
    from jackfield.net import HttpClient
    from jackfield.net.client import Stream
    from jackfield.providers.block import Model, Provider
    from jackfield.providers.registry import ProviderRegistry
    from jackfield.resolution import Credentials, Endpoint

DEADLINE_S = 600.0
MAX_ANSWER = 64 * 1024 * 1024
_LIST_DEADLINE_S = 3.0
_DONE = "[DONE]"


@record
class Answer:
    """What a model answered.

    Attributes:
        text: the answer; what came of it when it broke off.
        provider: id of the provider.
        model: the model that was asked.
        answered_by: the model as the provider calls it, None when it did not say.
        usage: token counts.
        cost: in USD at the list price of the block; None when the price, or a count, is not known, or when the
            credential is one of a subscription.
        finish: why it ended: `stop`, `length`, `filter`, `tool`, `error` or `other`; None when the provider did not
            say, or when it broke off.
        detail: the provider's own word for that.
        source: where the credential was from; `passed_over`: better ones that were not used, each with the reason.
        first_s: seconds until the first text came, None when none did.
        elapsed_s: seconds in all.
        error: what ended it before its time; None for a whole answer.
        diagnostics: what went wrong beside it.
    """

    text: str
    provider: str
    model: str
    source: str
    elapsed_s: float
    answered_by: str | None = None
    usage: Usage = Usage()
    cost: float | None = None
    finish: Finish | None = None
    detail: str | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
    first_s: float | None = None
    error: JackfieldError | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the fields as JSON-ready values."""
        return {
            "text": self.text,
            "provider": self.provider,
            "model": self.model,
            "answered_by": self.answered_by,
            "finish": self.finish,
            "detail": self.detail,
            "usage": self.usage.to_dict(),
            "cost_usd": self.cost,
            "source": self.source,
            "passed_over": [{"source": name, "reason": reason} for name, reason in self.passed_over],
            "timing": {"first_s": self.first_s, "elapsed_s": self.elapsed_s},
            "error": None if self.error is None else self.error.to_dict(),
            "diagnostics": [each.to_dict() for each in self.diagnostics],
        }


class _Gathered:
    """What has come of an answer so far."""

    def __init__(self, hear: Callable[[str], None], clock: Callable[[], float]) -> None:
        self.texts: list[str] = []
        self.usage = Usage()
        self.finish: Finish | None = None
        self.detail: str | None = None
        self.model: str | None = None
        self.fault: Fault | None = None
        self.tool = False
        self.done = False
        self.first: float | None = None
        self._hear = hear
        self._clock = clock

    def add(self, delta: Delta) -> None:
        if delta.text:
            self.first = self._clock() if self.first is None else self.first
            self.texts.append(delta.text)
            self._hear(delta.text)
        if delta.usage is not None:
            self.usage = self.usage.updated(delta.usage)
        if delta.finish is not None:
            self.finish, self.detail = delta.finish, delta.detail
        self.model = self.model or delta.model
        self.fault = self.fault or delta.fault
        self.tool = self.tool or delta.tool

    @property
    def over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.done or self.fault is not None


class Caller:
    """Calls models over one HTTP client.

    Args:
        registry: the providers.
        credentials: resolves the endpoint of a model.
        client: an open HTTP client.
        deadline_s: seconds for one whole answer.
        clock: gives seconds, for the times of an answer.
        now: gives seconds since the epoch, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        registry: ProviderRegistry,
        credentials: Credentials,
        client: HttpClient,
        *,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._credentials = credentials
        self._client = client
        self._deadline_s = deadline_s
        self._clock = clock
        self._now = now

    async def endpoint(self, ref: str, *, profile: str | None = None) -> Endpoint:
        """Return where a model is called, when it can be: what would be found wrong later is found now.

        Raises:
            RequestError: `call.style` when the model's format is not spoken here.
            JackfieldError: as `Credentials.endpoint_async`.
        """
        endpoint = await self._credentials.endpoint_async(ref, profile=profile)
        format_of(endpoint.api_style, self._registry.resolve_provider(endpoint.provider).label)
        return endpoint

    async def ask(
        self,
        ref: str,
        messages: Sequence[Message],
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        stream: bool = True,
        profile: str | None = None,
        hear: Callable[[str], None] = lambda _: None,
    ) -> Answer:
        """Send a conversation to a model and return its answer.

        A 401 renews the credential once, where it can be renewed; no other credential is tried.

        Args:
            ref: `provider/model`.
            messages: the turns so far; the last one is the user's.
            system: what the model is told beforehand.
            max_tokens: the most tokens of the answer.
            stream: whether to have it piece by piece.
            profile: id of the one credential profile to use.
            hear: called with each piece of text when it comes.

        Raises:
            JackfieldError: nothing came of an answer: `credential.refused` (401), `credential.billing` (402),
                `credential.forbidden` (403), `call.model` (the provider does not know it), `call.rejected` (another
                4xx), `call.rate-limited` (429), `call.failed` (5xx), `call.broken`, `call.not-understood`,
                `call.empty`, `call.style`, `net.*`, or as `Credentials.endpoint_async`. What breaks off after the first
                text does not raise: see `Answer.error`.
        """
        if not messages or not messages[-1].text.strip():
            raise RequestError("There is no question to send.", code="call.empty", fix="Give a prompt.")
        begun = self._clock()
        endpoint = await self.endpoint(ref, profile=profile)
        provider = self._registry.resolve_provider(endpoint.provider)
        asked = _asked(provider, endpoint, messages, system, max_tokens, stream=stream)
        turn = _Turn(self, provider, endpoint, asked, _Gathered(hear, self._clock))
        try:
            await turn.run()
            error = turn.verdict()
        except JackfieldError as fault:
            error = fault
        notes = self._report(turn.endpoint, error)
        if error is not None and not turn.gathered.texts:
            raise error
        return _answer(provider, turn, begun, self._clock(), error, notes)

    def _report(self, endpoint: Endpoint, error: JackfieldError | None) -> tuple[Diagnostic, ...]:
        status = 200 if error is None else status_of(error)
        try:
            if status is not None:
                self._credentials.report(endpoint.credential, status)
        except StoreError as fault:
            # That it could not be written down is no reason to lose an answer that was paid for.
            return (Diagnostic(fault.code, fault.message, "warning", hint=fault.fix),)
        return ()

    async def send(self, turn: _Turn, out: Outgoing, wire: WireFormat) -> JackfieldError | None:
        """Send one request and gather its answer; return the error when the credential is turned down with 401.

        Raises:
            JackfieldError: see `ask`.
        """
        endpoint = turn.endpoint
        if _is_agreed(endpoint):
            self._client.allow_private(origin_of(endpoint.base_url))
        async with self._client.stream(
            "POST",
            endpoint.base_url + out.path,
            headers={**endpoint.public_headers, **out.headers, "Accept": "text/event-stream, application/json"},
            json=out.body,
            auth=endpoint.auth,
            deadline_s=self._deadline_s,
            max_bytes=MAX_ANSWER,
        ) as stream:
            if not 200 <= stream.status < 300:
                error = await self._failure(turn, stream)
                if stream.status != 401:
                    raise error
                return error
            await turn.read(stream, wire, streams=out.streams)
        return None

    async def renew(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint with a credential in place of the one that was turned down."""
        return await self._credentials.renew_endpoint(endpoint)

    async def _failure(self, turn: _Turn, stream: Stream) -> JackfieldError:
        body = b"".join([chunk async for chunk in stream])
        words = words_of(body, stream.headers, turn.secrets())
        models: tuple[str, ...] = ()
        if stream.status in {400, 404}:
            models = await self._models(turn)
        pause = _retry_after(stream.headers.get("retry-after", ""), self._now())
        return from_status(turn.called, stream.status, words, retry_after=pause, models=models)

    async def _models(self, turn: _Turn) -> tuple[str, ...]:
        """Return the ids of the models that there are: of the block, else as the provider lists them."""
        listed = tuple(each.id for each in turn.provider.models)
        if listed or not (turn.endpoint.api_style or "").startswith("openai-"):
            return listed
        try:
            answer = await self._client.request(
                "GET",
                f"{turn.endpoint.base_url}/models",
                headers=turn.endpoint.public_headers,
                auth=turn.endpoint.auth,
                deadline_s=_LIST_DEADLINE_S,
            )
            value = answer.json() if answer.ok else None
        except JackfieldError:
            return ()  # only a suggestion is lost
        return tuple(str(each["id"]) for each in items(mapping(value).get("data")) if "id" in each)


class _Turn:
    """One question on its way: to whom, with what, and what has come back."""

    def __init__(
        self, caller: Caller, provider: Provider, endpoint: Endpoint, asked: Asked, gathered: _Gathered
    ) -> None:
        self._caller = caller
        self.provider = provider
        self.endpoint = endpoint
        self.passed_over = endpoint.credential.passed_over
        self.gathered = gathered
        self._asked = asked

    @property
    def called(self) -> Called:
        """Who was asked for what."""
        label = self.endpoint.credential.source.label
        return Called(self.provider.id, self.provider.label, self._asked.model, label)

    @property
    def model(self) -> Model | None:
        """The model, where the block lists it."""
        return self.provider.model(self._asked.model)

    def secrets(self) -> Iterator[Secret]:
        """Yield what must not stand in a message: the credential in each of its forms, and headers of the config."""
        if self.endpoint.credential.secret is not None:
            yield self.endpoint.credential.secret
        if self.endpoint.auth is not None:
            for value in self.endpoint.auth.headers_for(origin_of(self.endpoint.base_url)).values():
                yield Secret(value.removeprefix("Bearer "))

    async def run(self) -> None:
        """Ask, and a second time when the credential was turned down and could be renewed."""
        wire = format_of(self.endpoint.api_style, self.provider.label)
        out = wire.outgoing(self._asked, self.endpoint.base_url)
        refused = await self._caller.send(self, out, wire)
        if refused is None:
            return
        try:
            self.endpoint = await self._caller.renew(self.endpoint)
        except CredentialError as error:
            # The provider's own words say more than that nothing could be renewed.
            raise (refused if error.code == refused.code else error) from None
        refused = await self._caller.send(self, wire.outgoing(self._asked, self.endpoint.base_url), wire)
        if refused is not None:
            raise refused

    def verdict(self) -> JackfieldError | None:
        """Return what is wrong with an answer that came to its end."""
        fault = self.gathered.fault
        if fault is not None:
            body = json.dumps({"error": {"message": fault.message}}).encode()
            return from_fault(self.called, fault, words_of(body, {}, self.secrets()))
        if not self.gathered.done and self.gathered.finish is None:
            return broken(self.called)
        return None

    async def read(self, stream: Stream, wire: WireFormat, *, streams: bool) -> None:
        """Gather an answer, whichever of the two forms it has."""
        kind = stream.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise not_understood(self.called, "is a web page")
        if kind == "application/json" or (not streams and kind != "text/event-stream"):
            body = b"".join([chunk async for chunk in stream])
            found = wire.whole(self._object(body))
            if found == Delta():
                raise not_understood(self.called, "is not in the format that was expected")
            self.gathered.add(found)
            self.gathered.done = self.gathered.fault is None
            return
        try:
            async for data in _events(stream):
                self._take(data, wire)
                if self.gathered.over:
                    return
        except RemoteError as error:
            # After the reason for its end nothing more of the answer is to come, but its token counts.
            if self.gathered.finish is None:
                raise error if error.code.startswith("call.") else broken(self.called, error) from None

    def _take(self, data: tuple[str, bool], wire: WireFormat) -> None:
        text, whole = data
        if text.strip() in {_DONE, ""}:
            self.gathered.done = self.gathered.done or bool(text.strip())
            return
        try:
            value = self._object(text)
        except RemoteError:
            if whole:
                raise
            return  # the stream ended in the middle of it, and that is told as such
        self.gathered.add(wire.delta(value))

    def _object(self, text: str | bytes) -> Mapping[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise not_understood(self.called, "is not in the format that was expected")
        return value


async def _events(stream: Stream) -> AsyncIterator[tuple[str, bool]]:
    """Yield the data of each event, and whether the stream went on behind it."""
    reader = EventReader()
    async for chunk in stream:
        for event in reader.feed(chunk):
            yield event.data, True
    last = reader.finish()
    if last is not None:
        yield last.data, False


def _asked(
    provider: Provider,
    endpoint: Endpoint,
    messages: Sequence[Message],
    system: str | None,
    max_tokens: int | None,
    *,
    stream: bool,
) -> Asked:
    if endpoint.model is None:
        fix = f"Write it as {provider.id}/MODEL."
        raise RequestError(f"{provider.label} is asked, but no model of it is named.", code="ref.model", fix=fix)
    model = provider.model(endpoint.model)
    return Asked(
        model=endpoint.model,
        messages=tuple(messages),
        system=system,
        max_tokens=max_tokens,
        stream=stream,
        limit=model.max_tokens if model is not None else None,
        project=_project(endpoint.credential.secret),
        openai_limits=provider.tags.openai_family,
    )


def _project(secret: Secret | None) -> str | None:
    """Return the project in a credential of the form `{"token": ..., "projectId": ...}`."""
    value = secret.reveal() if secret is not None else ""
    if not value.startswith("{"):
        return None
    try:
        project = json.loads(value).get("projectId")
    except (ValueError, RecursionError):
        return None
    return project if isinstance(project, str) else None


def _is_agreed(endpoint: Endpoint) -> bool:
    """Tell whether the user agreed that this address may be in a private network: by typing it, or by a login there."""
    source = endpoint.credential.source
    return source.kind in {"config", "none"} or source.origin is not None


def _retry_after(value: str, now: float) -> float | None:
    """Read a `Retry-After` (RFC 9110, section 10.2.3), seconds or a date; None when it is neither."""
    from email.utils import parsedate_to_datetime

    if value.strip().isdecimal() and value.isascii():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _answer(
    provider: Provider,
    turn: _Turn,
    begun: float,
    ended: float,
    error: JackfieldError | None,
    notes: tuple[Diagnostic, ...],
) -> Answer:
    gathered = turn.gathered
    finish = gathered.finish
    if error is None and gathered.tool and not gathered.texts:
        finish = "tool"
    mode = turn.endpoint.credential.source.mode
    return Answer(
        text="".join(gathered.texts),
        provider=provider.id,
        model=turn.called.model,
        source=turn.called.source,
        elapsed_s=ended - begun,
        answered_by=gathered.model,
        usage=gathered.usage,
        cost=None if mode in {"oauth", "token"} else cost_of(turn.model, gathered.usage),
        finish=finish,
        detail=gathered.detail,
        passed_over=turn.passed_over,
        first_s=None if gathered.first is None else gathered.first - begun,
        error=error,
        diagnostics=notes,
    )


def cost_of(model: Model | None, usage: Usage) -> float | None:
    """Return what a call costs in USD at a model's list price; None when the price or the counts are not known."""
    price = model.cost if model is not None else None
    if price is None or usage.input is None or usage.output is None or not (price.input or price.output):
        return None
    counts = (
        (usage.input, price.input),
        (usage.output, price.output),
        (usage.cache_read, price.cache_read),
        (usage.cache_write, price.cache_write),
    )
    return sum((number or 0) * each for number, each in counts) / 1_000_000
