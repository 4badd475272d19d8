"""A worker in this process for each test; nothing of it may be left afterwards."""

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.server.bench import Bench, Caller

Call = Callable[..., Caller]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)  # so that large responses are sent in pieces
        yield made


@pytest.fixture
def bench(listener: socket.socket, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Fails if a connection or a descriptor outlives its clients."""
    before = _descriptors()
    made = Bench(listener, **getattr(request, "param", {}))
    inner = _descriptors()
    yield made
    made.site.release()
    made.until(lambda: made.connection_count == 0, "all connections ended")
    assert _descriptors() <= inner
    made.close()
    assert _descriptors() <= before


@pytest.fixture
def call(bench: Bench, listener: socket.socket) -> Iterator[Call]:
    """Opens connections, which end with the test."""
    made: list[Caller] = []

    def connect(**settings: Any) -> Caller:
        made.append(Caller(bench, listener.getsockname(), **settings))
        return made[-1]

    yield connect
    for caller in made:
        caller.close()


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
