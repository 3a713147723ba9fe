"""Where each voice provider is: blocks and settings made into endpoints.

An endpoint's provider is told by its address, compared as an address: an endpoint belongs to the provider that is at
the same scheme, host and port, or that owns the host. Nothing is guessed from a port or from a part of a URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import RequestError
from jackfield.net.address import reach
from jackfield.net.url import Origin, check_base_url, origin_of
from jackfield.records import record, replace
from jackfield.voice.server import server_block
from jackfield.voice.settings import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jackfield.voice.block import CredentialRef, Kind, Privacy, Speech, VoiceProvider
    from jackfield.voice.settings import VoiceSettings

_LOOPBACK = "127.0.0.1"


@record
class Endpoint:
    """One provider at one address, for one direction.

    Attributes:
        provider: its block.
        kind: the direction.
        text: the address as it was set, empty where there is none.
        source: who set it: a variable's name, `config`, or `default`.
        base_url: the address written anew, None where it cannot be used.
        fault: why it cannot be used.
        credential: the key that goes there; None where none does, which is so for every address but the vendor's own.
        privacy: how far speech travels to this address.
        model: the model that is set for this address alone.
    """

    provider: VoiceProvider
    kind: Kind
    text: str
    source: str
    base_url: str | None = None
    fault: str | None = None
    credential: CredentialRef | None = None
    privacy: Privacy = "cloud_public"
    model: str | None = None

    @property
    def speech(self) -> Speech:
        """What the provider does in this direction."""
        found = self.provider.speech(self.kind)
        if found is None:  # endpoints are made for the directions a provider has
            raise no_such_direction(self.provider, self.kind)
        return found

    @property
    def paid(self) -> bool:
        """Whether somebody's account is charged for its use: exactly where a key is sent."""
        return self.credential is not None

    @property
    def where(self) -> str:
        """Its address for people: scheme, host and port, without anything that could hold a secret."""
        return "no address yet" if self.base_url is None else str(origin_of(self.base_url))


def no_such_direction(provider: VoiceProvider, kind: Kind) -> RequestError:
    """Return the error that says that a provider has no speech out, or none in."""
    does = "speak (tts)" if kind == "tts" else "listen (stt)"
    return RequestError(
        f"{provider.label} does not {does}.",
        code="voice.direction",
        fix=f"Choose a provider that can: {provider.id} has {' and '.join(provider.kinds)} only.",
    )


def by_order(provider: VoiceProvider) -> tuple[bool, int, str]:
    """Return the key by which providers are sorted when nothing is set: the last resort last."""
    return provider.last_resort, provider.order, provider.id


def preferred(providers: Iterable[VoiceProvider], kind: Kind, *, local: bool) -> VoiceProvider | None:
    """Return the preferred local provider of a direction, or the preferred one of the cloud."""
    able = [each for each in providers if each.speech(kind) is not None and each.local is local]
    return min((each for each in able if not each.last_resort), key=by_order, default=None)


def own_endpoint(
    providers: Sequence[VoiceProvider], provider: VoiceProvider, kind: Kind, settings: VoiceSettings
) -> Endpoint:
    """Return where `provider` is for one direction.

    Its own variable comes first, then host and port, then the one address of the direction where that is its own, then
    the block's address.

    Raises:
        RequestError: `voice.direction` when it has no such direction.
    """
    if provider.speech(kind) is None:
        raise no_such_direction(provider, kind)
    own, general = settings.of(provider.id, kind), settings.direction(kind).url
    if own.url is not None:
        return _endpoint(provider, kind, own.url, settings)
    moved = own.host or own.port
    if moved is not None and provider.base_url is not None:
        origin = origin_of(provider.base_url)
        host = own.host.text if own.host is not None else origin.authority_host
        port = own.port.text if own.port is not None else str(origin.port)
        path = provider.base_url.removeprefix(str(origin))
        text = f"{origin.scheme}://{f'[{host}]' if host.count(':') > 1 else host}:{port}{path}"
        return _endpoint(provider, kind, Address(text, moved.source), settings)
    if general is not None and owner_of_general(providers, kind, settings) is provider:
        return _endpoint(provider, kind, general, settings)
    return _endpoint(provider, kind, Address(provider.base_url or "", "default"), settings)


def owner_of_general(providers: Sequence[VoiceProvider], kind: Kind, settings: VoiceSettings) -> VoiceProvider | None:
    """Return whose address the one address of a direction is (`TTS_BASE_URL`, `STT_BASE_URL`); None when none is set.

    It is that of the provider at this address or host, else of the preferred local one.
    """
    general = settings.direction(kind).url
    if general is None:
        return None
    # Here the preferred local provider's own default must not count: it is what the variable replaces.
    owner = _owner_of(providers, kind, general.text, settings, with_general=False)
    return owner or preferred(providers, kind, local=True)


def all_endpoints(providers: Sequence[VoiceProvider], kind: Kind, settings: VoiceSettings) -> tuple[Endpoint, ...]:
    """Return the endpoints of one direction in the order in which they stand when nothing is preferred.

    A list of addresses that is set is taken as it is, followed by the last resort alone; without one every registered
    provider has a place. No address stands twice.
    """
    able = sorted((each for each in providers if each.speech(kind) is not None), key=by_order)
    listed = settings.direction(kind).urls
    if not listed:
        return tuple(own_endpoint(providers, each, kind, settings) for each in able)
    found = [_listed(able, kind, address, place, settings) for place, address in enumerate(listed)]
    found += [own_endpoint(providers, each, kind, settings) for each in able if each.last_resort]
    first: dict[tuple[str, str], Endpoint] = {}
    for each in found:
        first.setdefault((each.provider.id, each.base_url or each.text), each)
    return tuple(first.values())


def _listed(
    providers: Sequence[VoiceProvider], kind: Kind, address: Address, place: int, settings: VoiceSettings
) -> Endpoint:
    provider = _owner_of(providers, kind, address.text, settings, with_general=True)
    if provider is None:
        try:
            provider = server_block(address.text, (kind,))
        except RequestError:
            # An address that cannot be used has no host to be named by; its place in the list tells which it is.
            provider = server_block(f"http://{_LOOPBACK}/unusable-{place + 1}", (kind,), name=f"entry {place + 1}")
    models = settings.direction(kind).models_by_place
    endpoint = _endpoint(provider, kind, address, settings)
    return replace(endpoint, model=(models[place] or None) if place < len(models) else None)


def _endpoint(provider: VoiceProvider, kind: Kind, address: Address, settings: VoiceSettings) -> Endpoint:
    bare = Endpoint(provider, kind, address.text, address.source, privacy=provider.privacy)
    if not address.text:
        return bare
    try:
        base_url = check_base_url(address.text, allow_private_http=True)
    except RequestError as error:
        return replace(bare, fault=error.message)
    origin = origin_of(base_url)
    return replace(
        bare,
        base_url=base_url,
        credential=_credential(provider, origin, settings),
        privacy=_privacy(provider, origin),
    )


def _credential(provider: VoiceProvider, origin: Origin, settings: VoiceSettings) -> CredentialRef | None:
    own = provider.credential
    if own is not None and origin.scheme == "https" and own.covers(origin.host):
        return own
    return settings.keys.get(str(origin))


def _privacy(provider: VoiceProvider, origin: Origin) -> Privacy:
    where = reach(origin.host)
    if where == "loopback":
        return "local"
    if where == "private":
        return "cloud_private"
    return "cloud_public" if provider.local else provider.privacy


def _owner_of(
    providers: Sequence[VoiceProvider], kind: Kind, text: str, settings: VoiceSettings, *, with_general: bool
) -> VoiceProvider | None:
    """Return the provider whose address `text` is, or None."""
    origin = _origin(text)
    if origin is None:
        return None
    for provider in sorted(providers, key=by_order):
        if provider.speech(kind) is None:
            continue
        if provider.credential is not None and origin.scheme == "https" and provider.credential.covers(origin.host):
            return provider
        bare = settings if with_general else _without_general(settings, kind)
        if _origin(own_endpoint(providers, provider, kind, bare).text) == origin:
            return provider
    return None


def _without_general(settings: VoiceSettings, kind: Kind) -> VoiceSettings:
    return replace(settings, **{kind: replace(settings.direction(kind), url=None)})


def _origin(text: str) -> Origin | None:
    """Return where an address leads, all names of this machine being one; None when it cannot be read."""
    try:
        origin = origin_of(text)
    except RequestError:
        return None
    return origin._replace(host=_LOOPBACK) if reach(origin.host) == "loopback" else origin
