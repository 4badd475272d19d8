"""Claims on the addresses a gunicorn listens on: a second one of the same user could quietly share them.

Each worker listens on a socket of its own (``reuse_port``), which the system allows to all processes of one user. So
the master first claims each address in a way that only one can: it listens there for a moment without sharing. Then it
lets its workers in, and keeps the socket, which listens no more and takes no connections. While it lives, and while any
of its workers listens, nobody else's claim succeeds, whatever address of the same port it is for. The system ends a
claim with its process: there is nothing that could be left over.
"""

import errno
import socket
import sys
import time
from collections.abc import Iterable
from typing import Final

PATIENCE_S: Final = 4.0  # workers of a master that was killed look once a second, and leave half a second later
_PAUSE_S: Final = 0.05
_EVERYWHERE: Final = ("0.0.0.0", "::")

Address = tuple[str, int]
Claims = dict[Address, socket.socket]


class Claimed(Exception):
    """Somebody listens there; the text names the address."""


def claim_all(addresses: Iterable[object], patience_s: float = PATIENCE_S) -> Claims:
    """Claim what gunicorn is to listen on, as it is configured. Raises Claimed, or OSError for no address of ours.

    Only addresses of TCP are claimed, and none that leaves the port to the system. The sockets keep the claims.
    """
    until = time.monotonic() + patience_s
    claims: Claims = {}
    for host, port in _widest_first(addresses):
        while not _is_covered(host, port, claims):
            try:
                claims[host, port] = _claim(host, port)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                if time.monotonic() >= until:
                    raise Claimed(
                        f"{host}:{port} is in use by another process: end it, or set PORT to another"
                    ) from None
                time.sleep(_PAUSE_S)
    return claims


def explain(host: str, port: int, error: OSError) -> str:
    """Why nobody can listen there, and which setting is to be another."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine ({error.strerror}): set SHARDEX_HOST to one"
    return f"{host}:{port} cannot be used ({error.strerror}): set PORT to another one"


def release_all(claims: Claims) -> None:
    """In a worker: its own listening socket says enough, and it may stop listening before it ends."""
    for claim in claims.values():
        claim.close()


def _widest_first(addresses: Iterable[object]) -> list[Address]:
    tcp = {(str(each[0]), int(each[1])) for each in addresses if isinstance(each, tuple) and each[1]}
    return sorted(tcp, key=lambda address: (address[0] != "::", address[0] not in _EVERYWHERE, address))


def _is_covered(host: str, port: int, claims: Claims) -> bool:
    """Whether a claim of ours keeps others from this address already; it would keep us, too."""
    return (host, port) in claims or ("::", port) in claims or (":" not in host and ("0.0.0.0", port) in claims)


def _claim(host: str, port: int) -> socket.socket:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    claim = socket.socket(family, socket.SOCK_STREAM)
    try:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended keep nobody away
        claim.bind((host, port))
        claim.listen(1)  # two may be bound so; only one may listen
        if sys.platform != "linux":  # elsewhere it is not known to let workers in: asked once, not kept
            claim.close()
            return claim
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # the next claim fails even before workers listen
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # and they may
        claim.shutdown(socket.SHUT_RDWR)
    except BaseException:
        claim.close()
        raise
    return claim
