"""Reading URLs so that no two parsers can disagree on where a request goes.

Python's `urllib.parse` follows RFC 3986, browsers and Node.js follow the WHATWG URL standard, and the two give some
texts different hosts: a backslash ends the host for one and not for the other, `127.1` is a name for one and an
address for the other, tabs vanish in one. What they could read differently is refused here, not repaired.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jackfield.diagnostics import Diagnostic
from jackfield.errors import RequestError
from jackfield.net.address import embedded_ipv4, literal, reach

MAX_URL = 2_048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CLEAR_TEXT_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_RULE = "G10"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(/*)")
_AUTHORITY = re.compile(r"[^/?#\\]*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_SEGMENTS = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)*")
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")


class Origin(NamedTuple):
    """Where a URL leads: scheme, host (lower case, IPv6 without brackets) and port (RFC 6454, section 4).

    Its text is canonical: `https://api.acme.test`, with the scheme's default port left out.
    """

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if _DEFAULT_PORTS.get(self.scheme) == self.port else f":{self.port}"
        return f"{self.scheme}://{self.authority_host}{port}"

    @property
    def authority_host(self) -> str:
        """The host as it stands in a URL: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


class Target(NamedTuple):
    """A URL taken apart: its origin, its path, and its query without the question mark."""

    origin: Origin
    path: str
    query: str

    @property
    def url(self) -> str:
        """The URL written anew, with at least `/` as path and without a fragment."""
        return f"{self.origin}{self.path or '/'}{'?' + self.query if self.query else ''}"


def origin_of(url: str) -> Origin:
    """Return the origin of an http or https URL, whatever its path, query and fragment.

    Only the form is checked, not whether the origin may be asked: that is for `check_base_url` and the client.

    Raises:
        RequestError: a `url.*` code when the URL is malformed or when two parsers could disagree on its host;
            `diagnostics` holds every fault.
    """
    faults: list[Diagnostic] = []
    target = _read(url, faults)
    return _sound(target, faults).origin


def read_target(url: str) -> Target:
    """Take apart a URL to be requested; a fragment is dropped, it is never sent.

    Raises:
        RequestError: a `url.*` code; `diagnostics` holds every fault.
    """
    faults: list[Diagnostic] = []
    target = _read(url, faults)
    return _sound(target, faults)


def check_base_url(url: str, *, allow_private_http: bool = False) -> str:
    """Return a base URL written anew, or refuse it (rule G10).

    Taken: https to any host; http to 127.0.0.1, [::1] and localhost; http to an address in a private range when
    `allow_private_http` says that the user agreed. The result has scheme and host in lower case, no default port and
    no slash at its end, so that a path can be put behind it: `HTTPS://API.Acme.test:443/v1/` gives
    `https://api.acme.test/v1`. Giving a result in again returns it unchanged.

    Raises:
        RequestError: a `url.*` code; `diagnostics` holds every fault. `url.private-http` comes as the code only when
            it is the only fault, which means that consent would help. A message never repeats the URL, which may hold
            a secret.
    """
    faults: list[Diagnostic] = []
    target = _read(url, faults)
    if "?" in url.partition("#")[0]:
        _fault(faults, "url.query", "A base URL has no query.")
    if "#" in url:
        _fault(faults, "url.fragment", "A base URL has no fragment.")
    if target is not None:
        path = target.path.rstrip("/")
        if "//" in path:
            _fault(faults, "url.path", "A base URL has no empty part (//) in its path.")
        target = target._replace(path=path)
        if reach(target.origin.host) == "forbidden":
            _fault(faults, "url.forbidden-address", "The host is a link-local, metadata or unspecified address.")
        clear_text = clear_text_fault(target.origin, allow_private_http=allow_private_http)
        faults.extend([clear_text] if clear_text else [])
    sound = _sound(target, faults)
    return f"{sound.origin}{sound.path}"


def clear_text_fault(origin: Origin, *, allow_private_http: bool) -> Diagnostic | None:
    """Return why this origin may not be asked over plain http, or None when it may (or when it is https)."""
    if origin.scheme == "https" or origin.host in _CLEAR_TEXT_HOSTS:
        return None
    if reach(origin.host) not in {"private", "loopback"}:
        message = "Plain http is for this machine (127.0.0.1, [::1], localhost) only."
        return Diagnostic("url.insecure", message, hint="Use https.", rule=_RULE)
    if allow_private_http:
        return None
    message = "Plain http to an address in a private network needs the user's consent."
    hint = "Use https, or agree to plain http for this address."
    return Diagnostic("url.private-http", message, hint=hint, rule=_RULE)


def url_error(faults: list[Diagnostic]) -> RequestError:
    """Return one error for all `faults` of a URL; its code and fix are those of the first."""
    message = "The URL cannot be used: " + " ".join(fault.message for fault in faults)
    return RequestError(message, code=faults[0].code, fix=faults[0].hint, diagnostics=faults)


def read_host(text: str, faults: list[Diagnostic]) -> str:
    """Return the host of an authority in canonical form (IPv6 without brackets); its faults go to `faults`."""
    if "%" in text:
        _fault(faults, "url.percent-host", "The host has a percent sign.")
        return ""
    if text.startswith("["):
        return _read_ipv6(text, faults)
    host = text.lower()
    if not host:
        _fault(faults, "url.host", "There is no host.")
        return ""
    if host.endswith("."):
        _fault(faults, "url.trailing-dot", "The host ends in a dot.")
        host = host.rstrip(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        if literal(host) is None:
            _fault(faults, "url.numeric-host", "The host is a number that is not an IPv4 address in its plain form.")
    elif len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        _fault(faults, "url.host", "The host is not a valid name.")
    elif any(label.startswith("xn--") for label in labels):
        message = "The host is written in Punycode, which can show as a look-alike of another name."
        _fault(faults, "url.idna", message)
    return host


def read_port(text: str | None, scheme: str, faults: list[Diagnostic]) -> int:
    """Return the port, the scheme's own when `text` is None; its faults go to `faults`."""
    if text is None:
        return _DEFAULT_PORTS.get(scheme, 0)
    if not _PORT.fullmatch(text) or int(text) > 65_535:
        _fault(faults, "url.port", "The port is not a plain number from 1 to 65535.")
        return 0
    return int(text)


def split_authority(authority: str) -> tuple[str, str | None]:
    """Split `host`, `host:port`, `[v6]` or `[v6]:port`; the port is None without a colon."""
    head, bracket, tail = authority.rpartition("]")
    host, colon, port = tail.partition(":")
    return head + bracket + host, port if colon else None


def _read(url: str, faults: list[Diagnostic]) -> Target | None:
    """Take a URL apart; without faults the result is whole."""
    _check_characters(url, faults)
    # The rest is read as if the bad characters were not there, so that they do not bring every other fault with them.
    if faults:
        url = "".join(char for char in url if "!" <= char <= "~")
    match = _SCHEME.match(url)
    if match is None or match[1].lower() not in _DEFAULT_PORTS or not match[2].startswith("//"):
        _fault(faults, "url.scheme", "It does not start with https:// or http://.", hint="Start it with https://.")
        return None
    scheme = match[1].lower()
    rest = url[match.end(1) + len("://") :]
    authority = _AUTHORITY.match(rest)[0]  # type: ignore[index]  # the pattern matches everything, at least as empty
    path, _, _ = rest[len(authority) :].partition("#")
    path, _, query = path.partition("?")
    if "@" in authority:
        _fault(faults, "url.userinfo", "It holds a user name or password before the host.")
    host_text, port_text = split_authority(authority.rpartition("@")[2])
    origin = Origin(scheme, read_host(host_text, faults), read_port(port_text, scheme, faults))
    _check_path(path, query, faults)
    return Target(origin, path, query)


def _check_characters(url: str, faults: list[Diagnostic]) -> None:
    if not url:
        _fault(faults, "url.empty", "It is empty.")
    if len(url) > MAX_URL:
        _fault(faults, "url.too-long", f"It is longer than {MAX_URL} characters.")
    if not url.isascii():
        _fault(faults, "url.ascii", "It has a character that is not ASCII.")
    if _CONTROL.search(url):
        _fault(faults, "url.control", "It has a control character (tab and line break are some).")
    if " " in url:
        _fault(faults, "url.white-space", "It has a space.")
    if "\\" in url:
        _fault(faults, "url.backslash", "It has a backslash.")


def _check_path(path: str, query: str, faults: list[Diagnostic]) -> None:
    # A backslash has its own fault already.
    path, query = path.replace("\\", "/"), query.replace("\\", "")
    if not _SEGMENTS.fullmatch(path) or not _QUERY.fullmatch(query):
        _fault(faults, "url.path", "The path or query has a character that must be percent-encoded.")
    elif _ENCODED_CONTROL.search(path):
        _fault(faults, "url.path", "The path has an encoded control character.")
    if {".", ".."} & {segment.lower().replace("%2e", ".") for segment in path.split("/")}:
        _fault(faults, "url.dot-segment", "The path has a part that is . or .., plain or encoded.")


def _read_ipv6(text: str, faults: list[Diagnostic]) -> str:
    address = literal(text[1:-1]) if text.endswith("]") and ":" in text else None
    if address is None or "." in text:
        _fault(faults, "url.host", "The host in brackets is not a plain IPv6 address.")
        return ""
    if embedded_ipv4(address) is not None:
        _fault(faults, "url.embedded-ipv4", "The host is an IPv6 address that stands for an IPv4 one.")
    return str(address)


def _fault(faults: list[Diagnostic], code: str, message: str, hint: str | None = None) -> None:
    faults.append(Diagnostic(code, message, hint=hint, rule=_RULE))


def _sound(target: Target | None, faults: list[Diagnostic]) -> Target:
    if target is None or faults:
        raise url_error(faults)
    return target
