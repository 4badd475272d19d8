"""The IP a request is charged to: the peer's, or the one reported by a trusted proxy."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from web.ratelimit.limits import FORWARDED_COUNT_MAX, IPV6_PREFIX_BITS

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CACHE_COUNT: Final = 4_096  # recent peers whose texts are kept parsed


def caller_ip(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The client's IP behind ``peer``, as used by rate limits.

    ``forwarded`` is the X-Forwarded-For header; it is read from its end for as long as proxies in ``trusted`` wrote it.
    """
    if not trusted or not forwarded:
        return _group(peer)
    found = peer
    for text in reversed(forwarded.split(",")[-FORWARDED_COUNT_MAX:]):
        if not _is_in(found, trusted) or _read(text.strip()) is None:
            break
        found = text.strip()
    return _group(found)


def _is_in(text: str, networks: Sequence[Network]) -> bool:
    address = _read(text)
    return address is not None and any(address in network for network in networks)


@lru_cache(_CACHE_COUNT)
def _group(text: str) -> str:
    """The address or, for IPv6, the network of one subscriber."""
    address = _read(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX_BITS), strict=False))
    return text if address is None else str(address)


@lru_cache(_CACHE_COUNT)
def _read(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
