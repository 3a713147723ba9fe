"""One hop over aiohttp: connections, name resolution with its address rules, and errors in the project's words.

This module imports aiohttp; it is itself imported when a client is opened, not before.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from jackfield.errors import RemoteError
from jackfield.net.address import reach

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence

    from jackfield.net.proxy import Proxy
    from jackfield.net.url import Origin, Target

    Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})
_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ESHUTDOWN})


class Transport:
    """Two pools of connections, one for direct requests and one through proxies, and nothing kept between requests.

    Args:
        user_agent: the User-Agent of every request.
        connect_timeout_s: seconds for a connection to stand: name resolution, TCP, proxy and TLS together.
        tls: makes the TLS context; called at the first https request.
        private: origins whose names may resolve to private addresses; read at each connection.
        resolve: gives the addresses of a name; None asks the system.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        connect_timeout_s: float,
        tls: Callable[[], ssl.SSLContext],
        private: Collection[Origin],
        resolve: Resolve | None = None,
    ) -> None:
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        names = resolve or _ask_system
        self._direct = _session(_Resolver(names, lambda host, port: _consented(private, host, port)), user_agent)
        # A proxy is named by the user, and proxies live in private networks.
        self._proxied = _session(_Resolver(names, lambda _host, _port: True), user_agent)
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout_s)

    async def send(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        body: bytes | None,
        proxy: Proxy | None,
    ) -> aiohttp.ClientResponse:
        """Send one request and return its answer, whose body is not read yet and must be released by the caller.

        aiohttp sends a GET, HEAD, PUT or DELETE once more when the connection closes before the answer begins, which is
        what RFC 9112, section 9.3.1, foresees for a kept connection that the server gave up meanwhile. Nothing else is
        sent twice.
        """
        outgoing, for_proxy = dict(headers), None
        if proxy is not None and proxy.authorization is not None:
            credential = {"Proxy-Authorization": proxy.authorization}
            if target.origin.scheme == "https":
                for_proxy = credential
            else:
                outgoing.update(credential)
        secure = target.origin.scheme == "https" or (proxy is not None and proxy.origin.scheme == "https")
        session = self._direct if proxy is None else self._proxied
        return await session.request(
            method,
            URL(target.url, encoded=True),
            headers=outgoing,
            data=body,
            allow_redirects=False,
            proxy=None if proxy is None else URL(str(proxy.origin), encoded=True),
            proxy_headers=for_proxy,
            ssl=self._context() if secure else True,
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._direct.close()
        await self._proxied.close()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


@contextmanager
def told(origin: Origin, proxy: Proxy | None) -> Iterator[None]:
    """Turn what aiohttp and the system raise inside into a RemoteError that names `origin`.

    The cause is cut off: aiohttp's errors hold the full URL and the request's headers.
    """
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise explain(error, origin, proxy) from None


def explain(error: BaseException, origin: Origin, proxy: Proxy | None) -> RemoteError:
    """Return `error` in the project's words; the code is one of `net.*`."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_error(proxy, f"refused to connect to {origin} (status {error.status})")
    if proxy is not None and isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientConnectorDNSError):
        return _proxy_error(proxy, "cannot be reached")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return _tls_error(error, origin)
    if isinstance(error, TimeoutError):
        fix = "Try again, or allow more time."
        return RemoteError(f"{origin} did not answer in time.", code="net.timeout", fix=fix)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        fix = "Check the spelling of the host and the network connection."
        return RemoteError(f"The name {origin.host} cannot be resolved.", code="net.dns", fix=fix)
    if isinstance(error, aiohttp.ServerDisconnectedError) or _broken_off(error):
        return RemoteError(f"{origin} closed the connection before its answer was whole.", code="net.reset")
    if isinstance(error, OSError):
        return _system_error(error, origin)
    return RemoteError(f"{origin} does not answer in valid HTTP.", code="net.protocol")


def _proxy_error(proxy: Proxy | None, what: str) -> RemoteError:
    name = "The proxy" if proxy is None else f"The proxy {proxy.origin} (from {proxy.variable})"
    fix = "Correct the proxy variable, or list the host in NO_PROXY."
    return RemoteError(f"{name} {what}.", code="net.proxy", fix=fix)


def _tls_error(error: aiohttp.ClientSSLError | ssl.SSLError, origin: Origin) -> RemoteError:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or "handshake failed"
    fix = "If the network has an own certificate authority, name its file in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS."
    return RemoteError(f"No trusted TLS connection to {origin}: {reason}.", code="net.tls", fix=fix)


def _system_error(error: OSError, origin: Origin) -> RemoteError:
    # Where several addresses failed, each in its own way, there is one error without a number that quotes them all; a
    # refusal among them says the most (IPv6 that is switched off adds a failure of its own to localhost).
    if error.errno == errno.ECONNREFUSED or (error.errno is None and f"[Errno {errno.ECONNREFUSED}]" in str(error)):
        fix = "Check that the server runs and that the port is right."
        return RemoteError(f"{origin} refuses connections.", code="net.refused", fix=fix)
    # A connection that is cut while TLS is being set up comes without a number.
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if error.errno in _RESET or isinstance(cause, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return RemoteError(f"{origin} broke off the connection.", code="net.reset")
    if error.errno in _UNREACHABLE:
        fix = "Check the network connection."
        return RemoteError(f"There is no way to {origin} from this network.", code="net.unreachable", fix=fix)
    return RemoteError(f"No connection to {origin} ({error.strerror or 'unknown reason'}).", code="net.unreachable")


def _broken_off(error: BaseException) -> bool:
    """Tell a body that ended early from one that is malformed; aiohttp has one class for both, and says it in words."""
    return isinstance(error, aiohttp.ClientPayloadError) and "not completed" in str(error)


def _session(resolver: _Resolver, user_agent: str) -> aiohttp.ClientSession:
    # trust_env stays off. With it aiohttp reads the process's proxy variables, and looks the request's host up in
    # ~/.netrc (or $NETRC): an entry becomes a Basic Authorization header that nobody bound to the origin, and where
    # the request has an Authorization of its own, aiohttp raises ValueError instead of sending it.
    # The resolver runs for each new connection: aiohttp's own cache would skip the check of the addresses.
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
    )


class _Resolver(AbstractResolver):
    """Resolves a name once and hands over only addresses that may be asked: what is checked is what is dialled."""

    def __init__(self, resolve: Resolve, private_allowed: Callable[[str, int], bool]) -> None:
        self._resolve = resolve
        self._private_allowed = private_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; a single one that may not be asked refuses them all."""
        addresses = await self._resolve(host, port)
        check_addresses(host, addresses, private_allowed=self._private_allowed(host, port))
        return [_result(host, port, address) for address in addresses if family in {_family(address), socket.AF_UNSPEC}]

    async def close(self) -> None:
        """Do nothing: the resolver holds nothing."""


def check_addresses(host: str, addresses: Sequence[str], *, private_allowed: bool) -> None:
    """Check what a name resolved to.

    Raises:
        RemoteError: `net.forbidden-address` when one address is link-local, metadata or unspecified, or when
            `localhost` is elsewhere; `net.private-address` when one is private or loopback and that is not allowed.
    """
    reaches = {reach(address.partition("%")[0]) for address in addresses}
    if "forbidden" in reaches or (host == "localhost" and reaches - {"loopback"}):
        message = f"The name {host} resolves to an address that no request may go to."
        raise RemoteError(message, code="net.forbidden-address", fix="Check who answers for this name.")
    if reaches & {"private", "loopback"} and host != "localhost" and not private_allowed:
        message = f"The name {host} resolves to an address in a private network."
        fix = "Agree to it if this server is in your own network."
        raise RemoteError(message, code="net.private-address", fix=fix)


async def _ask_system(host: str, port: int) -> Sequence[str]:
    if host == "localhost":
        # RFC 6761, section 6.3: no name server is asked for it.
        return ("127.0.0.1", "::1")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(info[4][0]) for info in found]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _result(host: str, port: int, address: str) -> ResolveResult:
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=_family(address), proto=0, flags=flags)


def _consented(private: Collection[Origin], host: str, port: int) -> bool:
    return any((origin.host, origin.port) == (host, port) for origin in private)
