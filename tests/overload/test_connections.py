"""Callers who use connections in unusual ways: many requests at once, more connections than a worker can hold."""

import os
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import pytest

from shards.limits import DEADLINE_MS
from tests.crash.calls import HUNG_S
from tests.crash.processes import QUIET_S
from tests.exchange import Exchange, until
from tests.fuzz.slow import is_closed
from tests.fuzz.wire import PROBE, Broken, Connection
from tests.overload.callers import Callers
from tests.overload.orders import Request

PIPELINED: Final = 300
EARLIER: Final = 8  # connections that are there before the crowd; some on each worker
ROOM: Final = 16  # descriptors that a worker has left
CROWD: Final = 200
NEWCOMERS: Final = 8  # so many that each worker has one
HISTORY_CROWD: Final = 3_000
FLOOD_S: Final = 2.0  # over which they come
RECEIVE_BYTES: Final = 1 << 20
IDLE_S: Final = 120.0  # after so long at most a silent connection is ended
ORDER: Final = '{{"symbol":"DFUSDT","side":"buy","type":"limit","price":"0.5000","quantity":"{}","tif":"post_only"}}'


@pytest.fixture(scope="module", autouse=True)
def room_for_a_crowd() -> Iterator[None]:
    """An ordinary user has 1,024 descriptors until he asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def exchange(room_for_a_crowd: None) -> Iterator[Exchange]:
    with Exchange(2) as made:
        yield made


def call(exchange: Exchange, method: str, path: str, body: str = "") -> bytes:
    """A request of demo account 0."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {exchange.accounts[0].jwt}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def crowd_in(port: int, count: int) -> list[socket.socket]:
    """So many connections that say nothing; they do not wait to be accepted."""
    sockets = []
    for _ in range(count):
        each = socket.socket()
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
        sockets.append(each)
    return sockets


def is_served(port: int) -> bool:
    """Whether somebody new is answered."""
    with Connection(port, 1.0) as connection:
        try:
            return connection.is_live()
        except (Broken, OSError):
            return False


def test_many_requests_at_once_on_one_connection(exchange: Exchange) -> None:
    """Each is answered once and in order, and others need not wait for all of them."""
    with Connection(exchange.port) as other, Connection(exchange.port) as connection:
        assert other.is_live()
        quantities = [str(100 + number) for number in range(PIPELINED)]
        connection.send(b"".join(call(exchange, "POST", "/api/v1/spot/orders", ORDER.format(q)) for q in quantities))
        start = time.monotonic()
        assert other.is_live()
        assert time.monotonic() - start < DEADLINE_MS / 1_000
        assert [connection.read().ok()["quantity"] for _ in quantities] == quantities
        canceled = connection.ask(call(exchange, "DELETE", "/api/v1/spot/orders")).ok()["canceled"]
        assert sorted(order["quantity"] for order in canceled) == quantities


@pytest.mark.parametrize("header", ["", "X: 1\r\nX: 2\r\n"], ids=["plain", "unusual"])
def test_requests_without_end_keep_nobody_waiting(exchange: Exchange, header: str) -> None:
    """One connection has more to ask than can ever be answered; whoever comes meanwhile, to any worker, is served."""
    with flooding(exchange.port, PROBE.replace(b"\r\n\r\n", f"\r\n{header}\r\n".encode())) as answered:
        until(answered.is_set, QUIET_S, "its requests are answered")
        for _ in range(NEWCOMERS):
            with Connection(exchange.port, DEADLINE_MS / 1_000) as connection:
                assert connection.is_live()
            time.sleep(FLOOD_S / NEWCOMERS)


@contextmanager
def flooding(port: int, request: bytes) -> Iterator[threading.Event]:
    """A connection on which it is sent again and again, for FLOOD_S and while the context lasts; set once answered."""
    answered, stop = threading.Event(), time.monotonic() + FLOOD_S + DEADLINE_MS / 1_000

    def send() -> None:
        while time.monotonic() < stop and not ended.is_set():
            sock.sendall(500 * request)

    def receive() -> None:
        while sock.recv(RECEIVE_BYTES):
            answered.set()

    ended = threading.Event()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        threads = [threading.Thread(target=_until_closed, args=(work,)) for work in (send, receive)]
        for thread in threads:
            thread.start()
        try:
            yield answered
        finally:
            ended.set()
            sock.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _until_closed(work: Callable[[], None]) -> None:
    with suppress(OSError):
        work()


def test_more_connections_than_descriptors(exchange: Exchange) -> None:
    """Who is connected is served; the others wait, and are served as soon as there is room."""
    workers = exchange.worker_pids()
    with ExitStack() as stack:
        earlier = [stack.enter_context(Connection(exchange.port)) for _ in range(EARLIER)]
        assert all(each.is_live() for each in earlier)
        for pid in workers:
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            stack.callback(resource.prlimit, pid, resource.RLIMIT_NOFILE, before)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (count_open(pid) + ROOM, before[1]))
        crowd = crowd_in(exchange.port, CROWD)
        try:
            until(lambda: not is_served(exchange.port), QUIET_S, "no descriptor is left")
            for each in earlier:
                each.ask(call(exchange, "POST", "/api/v1/spot/orders", ORDER.format(100))).ok()
                each.ask(call(exchange, "GET", "/api/v1/spot/orders")).ok()
                each.ask(call(exchange, "DELETE", "/api/v1/spot/orders")).ok()
        finally:
            for sock in crowd:
                sock.close()
        until(lambda: is_served(exchange.port), QUIET_S, "there is room again")
        assert all(each.is_live() for each in earlier)
    assert exchange.worker_pids() == workers


@pytest.mark.long
@pytest.mark.timeout(IDLE_S + 60)
def test_a_silent_connection_is_ended(exchange: Exchange) -> None:
    """Sooner or later, whether or not anything was ever asked on it; the worker lets go of its descriptor."""
    before = [count_open(pid) for pid in exchange.worker_pids()]
    crowd = crowd_in(exchange.port, CROWD)
    crowd[0].setblocking(True)
    crowd[0].sendall(PROBE)
    assert crowd[0].recv(65_536).startswith(b"HTTP/1.1 200")
    crowd[0].setblocking(False)
    until(lambda: all(map(is_closed, crowd)), IDLE_S, "all silent connections are ended")
    until(
        lambda: [count_open(pid) for pid in exchange.worker_pids()] <= before, QUIET_S, "their descriptors are closed"
    )
    for sock in crowd:
        sock.close()


def count_open(pid: int) -> int:
    """The highest descriptor of a process, and one."""
    return max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1


def test_a_crowd_that_asks_for_history_at_once(exchange: Exchange) -> None:
    """More than the archive answers before their deadlines: that is what the answers say, not that of a fault."""
    data = b"GET /api/v1/spot/klines?symbol=DFUSDT&interval=1m HTTP/1.1\r\nHost: x\r\n\r\n"
    counts: Counter[int] = Counter()
    callers = Callers(exchange.port, HISTORY_CROWD, lambda request, status, body, seconds: counts.update([status]))
    try:
        callers.warm(QUIET_S)
        for _ in range(HISTORY_CROWD):
            callers.send(Request("candles", data, ()), time.monotonic())
        end = time.monotonic() + HUNG_S
        while callers.under_way:
            assert time.monotonic() < end, f"{callers.under_way} are not answered"
            callers.turn(QUIET_S)
    finally:
        callers.close()
    assert counts[200] and set(counts) <= {200, 503, 504}, counts
