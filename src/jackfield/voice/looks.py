"""A cheap look at endpoints: is what they need there, and does something answer?

Nothing more is claimed than was seen. A provider that needs a key is never asked: its key is there or not. Every other
one gets the free requests of its block, without any key, all endpoints at once and within one deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import RemoteError, RequestError
from jackfield.net.url import Origin, origin_of
from jackfield.voice.selection import Candidate, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jackfield.net import HttpClient
    from jackfield.voice.block import CredentialRef
    from jackfield.voice.endpoints import Endpoint

    HasKey = Callable[[CredentialRef], bool]

PROBE_DEADLINE_S = 0.8
"""Seconds within which every probe of one look has its answer or none."""

_PROBE_BYTES = 1024 * 1024
_WORDS = {
    "net.refused": "nothing listens there",
    "net.timeout": "no answer in time",
    "net.dns": "its host is not known",
    "net.reset": "the connection was reset",
    "net.unreachable": "its host cannot be reached",
    "net.tls": "its certificate is not trusted",
}


def keys_in(env: Mapping[str, str]) -> HasKey:
    """Return the function that tells whether a key is set in `env`; a blank variable is not."""
    return lambda ref: any(env.get(name, "").strip() for name in ref.env)


def look(
    endpoints: Sequence[Endpoint],
    *,
    env: Mapping[str, str],
    has_key: HasKey | None = None,
    deadline_s: float = PROBE_DEADLINE_S,
) -> tuple[Candidate, ...]:
    """Return each endpoint with what was seen of it, in the same order; asks nobody when no endpoint needs it.

    Args:
        endpoints: where to look.
        env: where keys, proxies and CA files are looked up.
        has_key: tells whether the key of a reference is there; None looks into `env`.
        deadline_s: seconds for all probes together.
    """
    known = [_without_asking(each, has_key or keys_in(env)) for each in endpoints]
    open_ones = [each for each, seen in zip(endpoints, known, strict=True) if seen is None]
    answers = iter(_ask(open_ones, env, deadline_s) if open_ones else ())
    return tuple(Candidate(each, seen or next(answers)) for each, seen in zip(endpoints, known, strict=True))


def _without_asking(endpoint: Endpoint, has_key: HasKey) -> Seen | None:
    """Return what is known of an endpoint without a request, or None when it must be asked."""
    if endpoint.base_url is None:
        return Seen("not-configured", usable=False, detail=_no_address(endpoint))
    if endpoint.credential is not None:
        if has_key(endpoint.credential):
            return Seen("configured", usable=True, detail="its key is configured; it was not asked")
        names = " or ".join(endpoint.credential.env) or endpoint.credential.id
        return Seen("not-configured", usable=False, detail=f"it has no key ({names})")
    if not endpoint.provider.probes:
        return Seen("not-configured", usable=False, detail="no key belongs to this address")
    return None


def _no_address(endpoint: Endpoint) -> str:
    return "its address cannot be used" if endpoint.text else "it is not running here and has no address"


def _ask(endpoints: Sequence[Endpoint], env: Mapping[str, str], deadline_s: float) -> Sequence[Seen]:
    from jackfield.net import run_sync

    return run_sync(_ask_all(endpoints, env, deadline_s))


async def _ask_all(endpoints: Sequence[Endpoint], env: Mapping[str, str], deadline_s: float) -> list[Seen]:
    import asyncio

    from jackfield.net import HttpClient

    origins = [origin_of(each.base_url or "") for each in endpoints]
    async with HttpClient(
        env=env, user_agent="jackfield-voice", connect_timeout_s=deadline_s, private_origins=origins
    ) as client:
        until = asyncio.get_running_loop().time() + deadline_s
        return await asyncio.gather(
            *(_ask_one(client, each, origin, until) for each, origin in zip(endpoints, origins, strict=True))
        )


async def _ask_one(client: HttpClient, endpoint: Endpoint, origin: Origin, until: float) -> Seen:
    import asyncio

    answered = ""
    for probe in endpoint.provider.probes:
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            break
        url = probe.replace("{base}", endpoint.base_url or "").replace("{origin}", str(origin))
        try:
            answer = await client.request("GET", url, deadline_s=left, max_bytes=_PROBE_BYTES)
        except (RemoteError, RequestError) as error:
            if answered:  # something answers there, even if it is silent now
                break
            why = _WORDS.get(error.code, error.message.rstrip("."))
            return Seen("configured", usable=False, detail=f"{why} ({origin})")
        if answer.ok and origin_of(answer.url) == origin:
            return Seen("reachable", usable=True, detail=f"it answers ({origin})")
        answered = f"it answers with HTTP {answer.status} ({origin})"
    return Seen("reachable", usable=False, detail=answered)
