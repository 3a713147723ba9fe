"""How every provider stands: configured from where, and what it says when it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.config.overlay import base_url_of, names_of
from jackfield.credentials.sources import Surroundings, find_sources, pick_source
from jackfield.credentials.verify import check_for, verify
from jackfield.errors import ConfigError, JackfieldError, RequestError
from jackfield.net import check_base_url, origin_of
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from jackfield.credentials.sources import Source
    from jackfield.credentials.verify import Verdict
    from jackfield.net import HttpClient
    from jackfield.providers.block import AuthMethod, Provider

State = Literal["not_configured", "configured", "verified", "failing", "reachable", "unreachable"]


@record
class ProviderStatus:
    """How one provider stands.

    Attributes:
        id: the provider.
        state: `not_configured` (no credential); `configured` (a credential is there; nobody asked the provider, or it
            has no free way to tell); `verified` (the provider accepts it); `failing` (it refuses it or does not
            answer); `reachable` and `unreachable` for local services.
        source: where the credential comes from: `profile`, `env`, `config`, `chain`, or None.
        reason: one plain sentence: what the provider said, or how to configure it.
        label: the provider's name for people.
        source_name: the profile, variable or path that holds the credential.
        elapsed_s: seconds the provider took to answer, None when it was not asked.
        code: the stable code of what is wrong, such as `credential.refused`, `credential.locked`, `net.dns` and
            `net.timeout`; None where nothing is.
    """

    id: str
    state: State
    source: str | None
    reason: str
    label: str
    source_name: str | None = None
    elapsed_s: float | None = None
    code: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return `{"id", "state", "source", "reason", "code"}`; the reason begins with the source's name."""
        reason = f"{self.source_name}: {self.reason}" if self.source else self.reason
        return {"id": self.id, "state": self.state, "source": self.source, "reason": reason, "code": self.code}


async def survey(
    providers: Iterable[Provider],
    where: Surroundings,
    open_client: Callable[[], HttpClient],
    *,
    probe: bool = True,
    deadline_s: float = 4.0,
    report: Callable[[ProviderStatus], None] = lambda _: None,
) -> tuple[ProviderStatus, ...]:
    """Return the status of `providers` in their order, asking all of them at once under one deadline.

    Args:
        providers: whom to look at.
        where: what credentials are looked for in.
        open_client: opens the HTTP client; not called when nobody is asked.
        probe: whether providers are asked at all.
        deadline_s: seconds for all of it.
        report: called with each status as it comes in.
    """
    import asyncio

    statuses: dict[str, ProviderStatus] = {}
    asked: list[tuple[Provider, Source, str]] = []
    for provider in providers:
        sources = find_sources(provider, where)
        source = pick_source(sources)
        address = _address(provider, where)
        statuses[provider.id] = _unasked(provider, source, address, sources)
        if probe and source is not None and isinstance(address, str) and _may_ask(provider, source, address):
            asked.append((provider, source, address))
        else:
            report(statuses[provider.id])
    if asked:

        async def ask(provider: Provider, source: Source, address: str) -> None:
            verdict = await _ask(client, provider, source, address, deadline_s)
            statuses[provider.id] = _judged(provider, source, verdict)
            report(statuses[provider.id])

        async with open_client() as client:
            for _, source, address in asked:
                if source.kind in {"config", "none"} or source.origin is not None:
                    client.allow_private(origin_of(address))
            await asyncio.gather(*(ask(*each) for each in asked))
    return tuple(statuses.values())


def _address(provider: Provider, where: Surroundings) -> str | JackfieldError | None:
    doubt = where.doubt(provider)
    if doubt is not None:
        message = f"Where requests go is not known while the config is wrong ({doubt.message}): nothing is sent."
        return ConfigError(message, code="config.unsure-address")
    url = base_url_of(provider, where.settings.provider(names_of(provider)), where.env)
    if url is None or "{" in url:
        return None
    try:
        return check_base_url(url, allow_private_http=True)
    except RequestError as error:
        return error


def _unasked(
    provider: Provider, source: Source | None, address: str | JackfieldError | None, sources: Sequence[Source]
) -> ProviderStatus:
    broken = next((each for each in sources if each.reason), None)
    if source is None and broken is not None:
        reason = f"It cannot be used: {broken.reason}."
        code = "credential.unusable"
        return ProviderStatus(provider.id, "failing", broken.kind, reason, provider.label, broken.name, code=code)
    if source is None:
        return ProviderStatus(provider.id, "not_configured", None, how_to_configure(provider), provider.label)
    kind = None if source.kind == "none" else source.kind
    if isinstance(address, str) and _is_foreign(source, address):
        reason = (
            f"It was stored for {source.origin}, but the base URL is at {origin_of(address)} now: "
            f"it is not sent there. To allow it: jackfield login {provider.id} --base-url {address}"
        )
        code = "credential.locked"
        return ProviderStatus(provider.id, "failing", kind, reason, provider.label, source.name, code=code)
    if isinstance(address, JackfieldError):
        code = address.code
        return ProviderStatus(provider.id, "failing", kind, address.message, provider.label, source.name, code=code)
    reason = "It needs no key." if source.kind == "none" else "A credential is there; the provider was not asked."
    return ProviderStatus(provider.id, "configured", kind, reason, provider.label, source.name)


def _may_ask(provider: Provider, source: Source, address: str) -> bool:
    return not _is_foreign(source, address) and check_for(provider, None, address) is not None


def _is_foreign(source: Source, address: str) -> bool:
    """Tell whether the credential was stored for another origin: whoever edits the config must not be sent the key."""
    return source.origin is not None and source.origin != str(origin_of(address))


def _ask(client: HttpClient, provider: Provider, source: Source, address: str, deadline_s: float) -> Awaitable[Verdict]:
    method = _method_of(provider, source)
    check = check_for(provider, method, address)
    assert check is not None  # noqa: S101 - survey asks only those that have one
    return verify(client, check, address, source.secret, deadline_s=deadline_s)


def _method_of(provider: Provider, source: Source) -> AuthMethod | None:
    """Return the method that yields credentials of the source's mode, for those that are checked differently."""
    return next((each for each in provider.auth if each.kind == source.mode), None)


def _judged(provider: Provider, source: Source, verdict: Verdict) -> ProviderStatus:
    states: dict[str, State] = {
        "accepted": "verified",
        "refused": "failing",
        "reachable": "reachable" if provider.local else "configured",
        "unreachable": "unreachable" if provider.local else "failing",
        "undetermined": "configured",
    }
    kind = None if source.kind == "none" else source.kind
    state = states[verdict.state]
    if source.kind == "none" and state == "verified":
        state = "reachable"
    code = "credential.refused" if verdict.state == "refused" else verdict.code
    return ProviderStatus(
        provider.id, state, kind, verdict.message, provider.label, source.name, verdict.elapsed_s, code=code
    )


def how_to_configure(provider: Provider) -> str:
    """Return what to do to get a credential of `provider`, as a sentence."""
    plugins: Sequence[str] = sorted({each.supplied_by for each in provider.auth if each.supplied_by})
    if plugins:
        return f"Needs plugin {plugins[0]}."
    if provider.tags.cli:
        return "Uses the login of its own command-line program."
    by_key = not provider.auth or any(each.kind in {"api_key", "token", "none"} for each in provider.auth)
    if provider.env.any_of:
        variable = f"et {provider.env.any_of[0]}."
        return f"Run jackfield login {provider.id}, or s{variable}" if by_key else f"S{variable}"
    if provider.env.sets:
        first = provider.env.sets[0]
        one_of = (" or ".join(first.any_of),) if first.any_of else ()
        return f"Set {' and '.join((*first.all_of, *one_of))}."
    if not by_key:
        return "It takes an OAuth login, which nothing here can carry out."
    return f"Run jackfield login {provider.id}."
