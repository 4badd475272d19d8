"""Exclusive claims on gunicorn's listening addresses: a second server of the same user could silently share them.

Each worker listens on a socket of its own (``reuse_port``), which the system allows to all processes of one user. So
the master first claims each address exclusively: it briefly listens there without sharing. Then it allows sharing for
its workers and keeps the socket, which no longer listens and accepts no connections. While the master lives, and while
any of its workers listens, no other claim succeeds, for any address of the same port. The system releases a claim when
its process ends: nothing can be left behind.
"""

import errno
import socket
import sys
import time
from collections.abc import Iterable
from typing import Final

PATIENCE_S: Final = 4.0  # workers of a killed master check once a second, and exit half a second later
_PAUSE_S: Final = 0.05
_EVERYWHERE: Final = ("0.0.0.0", "::")

Address = tuple[str, int]
Claims = dict[Address, socket.socket]


class Claimed(Exception):
    """Another process listens on the address; the text names it."""


def claim_all(addresses: Iterable[object], patience_s: float = PATIENCE_S) -> Claims:
    """Claim gunicorn's configured addresses. Raises Claimed, or OSError for an address that is not this machine's.

    Only TCP addresses are claimed, and none whose port the system chooses. The claims last while their sockets are
    open.
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
    """Why the address cannot be used, and which setting to change."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine ({error.strerror}): set SHARDEX_HOST to one"
    return f"{host}:{port} cannot be used ({error.strerror}): set PORT to another one"


def release_all(claims: Claims) -> None:
    """Release the claims in a worker: its own listening socket is enough, and it may stop listening before it exits."""
    for claim in claims.values():
        claim.close()


def _widest_first(addresses: Iterable[object]) -> list[Address]:
    tcp = {(str(each[0]), int(each[1])) for each in addresses if isinstance(each, tuple) and each[1]}
    return sorted(tcp, key=lambda address: (address[0] != "::", address[0] not in _EVERYWHERE, address))


def _is_covered(host: str, port: int, claims: Claims) -> bool:
    """Whether one of our claims already covers this address; it would also block our own."""
    return (host, port) in claims or ("::", port) in claims or (":" not in host and ("0.0.0.0", port) in claims)


def _claim(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    claim = socket.socket(family, socket.SOCK_STREAM)
    try:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not block it
        claim.bind((host, port))
        claim.listen(1)  # several may bind to it, but only one may listen
        if sys.platform != "linux":  # elsewhere, claims are not known to admit the workers: checked once, not kept
            claim.close()
            return claim
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # the next claim fails even before workers listen
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # and workers may share it
        claim.shutdown(socket.SHUT_RDWR)
    except BaseException:
        claim.close()
        raise
    return claim
