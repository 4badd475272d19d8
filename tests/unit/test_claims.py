"""Claims on addresses: one master each, which lets its own workers in and keeps all others out."""

import socket
import sys
from collections.abc import Iterator

import pytest

from tests.exchange import hold_port
from web.server.claims import Claimed, claim_all, release_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a claim is not kept")

OTHERS = ("127.0.0.1", "0.0.0.0", "127.0.0.2")


@pytest.fixture
def port() -> Iterator[int]:
    holder, found = hold_port()
    yield found
    holder.close()


def listen(host: str, port: int) -> socket.socket:
    """As a worker does."""
    worker = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        worker.setsockopt(socket.SOL_SOCKET, option, 1)
    worker.bind((host, port))
    worker.listen()
    return worker


def can_claim(host: str, port: int) -> bool:
    try:
        release_all(claim_all([(host, port)], 0))
    except Claimed as claimed:
        assert f"{host}:{port}" in str(claimed)
        return False
    return True


@pytest.mark.parametrize(("host", "free"), [("127.0.0.1", [False, False, True]), ("0.0.0.0", [False] * 3)])
def test_one_claim_while_nobody_listens_and_while_workers_do(host: str, free: list[bool], port: int) -> None:
    claims = claim_all([(host, port)], 0)
    assert [can_claim(other, port) for other in OTHERS] == free
    workers = [listen(host, port), listen(host, port)]
    assert [can_claim(other, port) for other in OTHERS] == free
    release_all(claims)  # its master is gone, they are not yet
    assert [can_claim(other, port) for other in OTHERS] == free
    for worker in workers:
        worker.close()
    assert all(can_claim(other, port) for other in OTHERS)


def test_callers_come_to_workers_only(port: int) -> None:
    """And connections that have ended on this side keep nobody away."""
    claims = claim_all([("127.0.0.1", port)], 0)
    worker = listen("127.0.0.1", port)
    worker.settimeout(10)
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port), 10):
            worker.accept()[0].close()
    worker.close()
    release_all(claims)
    assert can_claim("127.0.0.1", port)


def test_one_master_may_have_addresses_that_cover_each_other(port: int) -> None:
    addresses = [("127.0.0.1", port), ("0.0.0.0", port), ("127.0.0.2", port), ("127.0.0.1", 0), "unix:elsewhere", 7]
    claims = claim_all(addresses, 0)
    assert list(claims) == [("0.0.0.0", port)]
    workers = [listen(host, port) for host in OTHERS]
    assert not can_claim("127.0.0.3", port)
    for each in (*workers, *claims.values()):
        each.close()
