"""What an IP address leads to: the public network, a private one, this machine, or somewhere no request may go.

The tables follow the IANA special-purpose registries (RFC 6890 and its updates) and the vendors' pages on where their
clouds keep instance metadata.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Sequence

Reach = Literal["public", "private", "loopback", "forbidden"]

# Metadata services answer any caller with the machine's own credentials. Most sit in 169.254.0.0/16; the others are
# fd00:ec2::254 (Amazon), 100.100.100.200 (Alibaba), 168.63.129.16 (Azure) and 192.0.0.192 (Oracle).
_FORBIDDEN = (
    "0.0.0.0/8",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "192.0.0.192/32",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "fd00:ec2::254/128",
    "fe80::/10",
    "ff00::/8",
)
_LOOPBACK = ("127.0.0.0/8", "::1/128")
# 198.18.0.0/15 is left out on purpose: some VPN clients answer every name with an address from it, and nothing real
# lives there. 100.64.0.0/10 is in: overlay networks put people's own machines there.
_PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")
# IPv6 prefixes that hold an IPv4 address, and how far it is shifted from the right: mapped, compatible, NAT64, 6to4.
_EMBEDDING = (("::ffff:0:0/96", 0), ("::/96", 0), ("64:ff9b::/96", 0), ("2002::/16", 80))
_TEREDO = "2001::/32"


@cache
def _networks(blocks: tuple[str, ...]) -> Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    import ipaddress

    return tuple(ipaddress.ip_network(block) for block in blocks)


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return `host` as an address when it is a canonical IPv4 or an IPv6 address without brackets, else None."""
    import ipaddress

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def embedded_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address an IPv6 address stands for (mapped, compatible, NAT64, 6to4, Teredo), else None."""
    import ipaddress

    if isinstance(address, ipaddress.IPv4Address) or _within(address, ("::/128", "::1/128")):
        return None
    for block, shift in _EMBEDDING:
        if _within(address, (block,)):
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
    if _within(address, (_TEREDO,)):
        # RFC 4380, section 4: the client's address is stored with every bit inverted.
        return ipaddress.IPv4Address(~int(address) & 0xFFFF_FFFF)
    return None


@lru_cache(maxsize=512)
def reach(host: str) -> Reach | None:
    """Return what the address `host` leads to, or None when `host` is a name and so can lead anywhere.

    An IPv6 address that stands for an IPv4 one leads where that one leads.
    """
    address = literal(host)
    if address is None:
        return "loopback" if host == "localhost" else None
    address = embedded_ipv4(address) or address
    if _within(address, _FORBIDDEN):
        return "forbidden"
    if _within(address, _LOOPBACK):
        return "loopback"
    return "private" if _within(address, _PRIVATE) else "public"


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, blocks: tuple[str, ...]) -> bool:
    return any(address in network for network in _networks(blocks))
