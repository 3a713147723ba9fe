"""Which proxy a request goes through, by the variables of a given environment.

The names and their order are curl's: the lower-case spelling wins, `HTTPS_PROXY` and `HTTP_PROXY` go by the request's
scheme, `ALL_PROXY` stands in for a missing one, `NO_PROXY` lists what is asked directly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from jackfield.errors import RequestError
from jackfield.net.address import literal, reach
from jackfield.net.url import Origin, read_host, read_port, split_authority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.diagnostics import Diagnostic

_SEPARATORS = re.compile(r"[,\s]+")


class Proxy:
    """One proxy: its origin, the variable that named it, and the Basic credential for it, which its repr leaves out."""

    __slots__ = ("authorization", "origin", "variable")

    def __init__(self, origin: Origin, variable: str, authorization: str | None) -> None:
        self.origin = origin
        self.variable = variable
        self.authorization = authorization

    def __repr__(self) -> str:
        return f"<Proxy {self.origin} from {self.variable}>"


class _Exception(NamedTuple):
    """One entry of NO_PROXY: a host (`*` for all), an address block or a host suffix, and the port it is about."""

    host: str
    port: int | None


class ProxyRules:
    """The proxy variables of `env`, read once.

    Args:
        env: the environment to go by.
        proxy_loopback: send requests to this machine through the proxy as well; they go directly otherwise.
    """

    def __init__(self, env: Mapping[str, str], *, proxy_loopback: bool = False) -> None:
        self._proxy_loopback = proxy_loopback
        self._chosen = {scheme: _choose(env, scheme) for scheme in ("http", "https")}
        entries = _SEPARATORS.split(env.get("no_proxy", env.get("NO_PROXY", "")))
        self._exceptions = [_read_exception(entry.lower()) for entry in entries if entry]

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy for a request to `origin`, or None when it goes directly.

        Raises:
            RequestError: `net.proxy-variable`, naming the variable, when its value is no usable proxy.
        """
        chosen = self._chosen.get(origin.scheme)
        if chosen is None or (reach(origin.host) == "loopback" and not self._proxy_loopback):
            return None
        if any(_covers(exception, origin) for exception in self._exceptions):
            return None
        return _read_proxy(*chosen)


def _choose(env: Mapping[str, str], scheme: str) -> tuple[str, str] | None:
    """Return the variable that applies and its value; a variable that is set but empty means no proxy."""
    # Under CGI a request header `Proxy:` arrives as HTTP_PROXY, set by whoever asks (CVE-2016-5385, "httpoxy").
    ignored = "HTTP_PROXY" if "REQUEST_METHOD" in env else None
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        if name in env and name != ignored:
            return (name, env[name].strip()) if env[name].strip() else None
    return None


def _read_proxy(variable: str, value: str) -> Proxy:
    scheme, separator, rest = value.partition("://")
    if not separator:
        scheme, rest = "http", value
    scheme = scheme.lower()
    if scheme not in {"http", "https"}:
        message = f"The variable {variable} names a kind of proxy that is not supported."
        raise RequestError(message, code="net.proxy-variable", fix="Use an http:// or https:// proxy.")
    faults: list[Diagnostic] = []
    userinfo, _, place = rest.removesuffix("/").rpartition("@")
    host_text, port_text = split_authority(place)
    origin = Origin(scheme, read_host(host_text, faults), read_port(port_text, scheme, faults))
    if faults:
        message = f"The variable {variable} does not hold a usable proxy address."
        fix = "Write it as http://host:port."
        raise RequestError(message, code="net.proxy-variable", fix=fix, diagnostics=faults)
    return Proxy(origin, variable, _basic(userinfo) if userinfo else None)


def _basic(userinfo: str) -> str:
    """Return `user:password`, percent-encoded as in a URL, as a Basic credential (RFC 7617, UTF-8)."""
    from base64 import b64encode
    from urllib.parse import unquote_to_bytes

    user, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return "Basic " + b64encode(pair).decode("ascii")


def _read_exception(entry: str) -> _Exception:
    if "/" in entry or literal(entry) is not None:
        return _Exception(entry, None)
    host, port = split_authority(entry)
    host = host.removeprefix("[").removesuffix("]")
    if port is not None and port.isascii() and port.isdigit():
        return _Exception(host, int(port))
    return _Exception(host, None)


def _covers(exception: _Exception, origin: Origin) -> bool:
    if exception.port is not None and exception.port != origin.port:
        return False
    if exception.host == "*":
        return True
    address = literal(origin.host)
    if address is not None:
        return _holds(exception.host, origin.host)
    suffix = exception.host.removeprefix("*").removeprefix(".").removesuffix(".")
    return bool(suffix) and (origin.host == suffix or origin.host.endswith("." + suffix))


def _holds(block: str, host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False
