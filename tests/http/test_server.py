"""The HTTP server as gunicorn runs it: stops, reloads, killed workers, its access log, and no fast parser."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Final

import pytest

from tests.exchange import Exchange, kill, until
from tests.fuzz.wire import PROBE, Broken, Connection
from tests.http.venue import Venue

CLASSES: Final = ("hub", "gthread")
STOP_S: Final = 5.0  # far below the 10 s that gunicorn waits for those who do not end
LINE: Final = re.compile(
    r'127\.0\.0\.1 \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "([A-Z]+) (\S+) HTTP/1\.[01]" (\d{3}) (\d+) \d+'
)


@pytest.fixture(scope="module")
def started() -> Iterator[Exchange]:
    with Exchange(1) as exchange:
        yield exchange


@pytest.fixture
def exchange(started: Exchange) -> Exchange:
    """It runs, whatever the test before has stopped."""
    if started.web.pid is None:
        started.web.start()
        started.wait_ready()
    return started


@pytest.fixture
def connections(exchange: Exchange) -> Iterator[list[Connection]]:
    """Some that are open."""
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(exchange.port)) for _ in range(20)]
        assert all(connection.is_live() for connection in opened)
        yield opened


def stop_web(exchange: Exchange) -> float:
    """SIGTERM; how long until all is ended, in seconds."""
    start = time.monotonic()
    assert exchange.web.stop(STOP_S, signal.SIGTERM)
    return time.monotonic() - start


def queue_depth(exchange: Exchange) -> int:
    depth: int = exchange.call("GET", "/api/v1/spot/health", account=None).json()["queue_depth"]
    return depth


def balances(exchange: Exchange) -> bytes:
    bearer = f"Authorization: Bearer {exchange.accounts[0].jwt}"
    return f"GET /api/v1/spot/balances HTTP/1.1\r\nHost: x\r\n{bearer}\r\n\r\n".encode()


def test_no_access_log_unless_it_is_set(exchange: Exchange) -> None:
    with Connection(exchange.port) as connection:
        assert connection.is_live()
    assert "GET /healthz" not in exchange.log()


def test_stop_is_quick_and_answers_what_is_under_way(exchange: Exchange, connections: list[Connection]) -> None:
    asking, *idle = connections
    with ThreadPoolExecutor() as pool:
        shard = exchange.shard_pid(0)
        os.kill(shard, signal.SIGSTOP)
        try:
            waiting = pool.submit(asking.ask, balances(exchange))
            until(lambda: queue_depth(exchange) == 1, STOP_S, "the request is with its shard")
            stopping = pool.submit(stop_web, exchange)
            until(lambda: _is_ended(idle[0]), STOP_S, "idle connections ended")
            assert not waiting.done()
            assert not stopping.done()
        finally:
            os.kill(shard, signal.SIGCONT)
        answer = waiting.result()
        assert answer.status == 200
        assert answer.headers["Connection"] == "close"
        stopping.result()
        assert "Traceback" not in exchange.log()


def _is_ended(connection: Connection) -> bool:
    try:
        connection.read()
    except Broken:
        return True
    return False


def test_idle_connections_do_not_hold_up_a_stop(exchange: Exchange, connections: list[Connection]) -> None:
    connections[0].ask(PROBE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert stop_web(exchange) < STOP_S


class Load:
    """Callers that ask and ask: some keep their connections, some open one for each request."""

    def __init__(self, port: int, pool: ThreadPoolExecutor) -> None:
        self._port = port
        self._over = Event()
        kept, fresh = [pool.submit(self._keep) for _ in range(4)], [pool.submit(self._open) for _ in range(2)]
        self._runs: list[Future[int]] = [*kept, *fresh]

    def _keep(self) -> int:
        """An answer or, between two requests, a clean end: then the request is sent again on a new connection."""
        count = 0
        connection = Connection(self._port)
        while not self._over.is_set():
            try:
                answer = connection.ask(PROBE)
            except (Broken, ConnectionError) as fault:
                assert count, "a new connection was closed before its first answer"
                assert "closed" in str(fault) or isinstance(fault, ConnectionError), fault
                connection.close()
                answer = connection.ask(PROBE)
            assert answer.status == 200
            count += 1
        connection.close()
        return count

    def _open(self) -> int:
        count = lost = 0
        while not self._over.wait(0.01):
            try:
                with Connection(self._port) as connection:
                    assert connection.ask(PROBE).status == 200
            except ConnectionResetError:  # the system gave it to a listener in the moment in which that was closed
                lost += 1
                assert lost < 3, "not only in that moment"
            count += 1
        return count

    def end(self) -> list[int]:
        """How many were answered for each caller; fails if any was not."""
        self._over.set()
        return [run.result() for run in self._runs]


def test_reload_under_load(exchange: Exchange) -> None:
    """No request fails, and all workers are new afterwards."""
    with ThreadPoolExecutor() as pool:
        load = Load(exchange.port, pool)
        try:
            for _ in range(2):
                old = set(exchange.worker_pids())
                assert exchange.web.pid is not None
                os.kill(exchange.web.pid, signal.SIGHUP)
                until(lambda old=old: _is_replaced(exchange, old), 30, "new workers")  # type: ignore[misc]
        finally:
            counts = load.end()
        assert all(counts)
        exchange.wait_ready()
        assert "Traceback" not in exchange.log()


def _is_replaced(exchange: Exchange, old: set[int]) -> bool:
    now = set(exchange.worker_pids())
    return len(now) == len(old) and not now & old


def test_a_killed_worker_is_replaced(exchange: Exchange, connections: list[Connection]) -> None:
    """Its callers lose their connections and nothing else; the others notice nothing."""
    old = exchange.worker_pids()
    kill(old[0])
    lost = 0
    for connection in connections:
        try:
            assert connection.is_live()
        except (Broken, ConnectionError):
            lost += 1
            connection.close()
    assert 0 < lost < len(connections)
    until(lambda: len(exchange.worker_pids()) == len(old) and old[0] not in exchange.worker_pids(), 30, "replaced")
    exchange.wait_ready()
    assert all(connection.is_live() for connection in connections)


def test_pipelined_requests_without_the_fast_parser(venues: Callable[[int], Venue]) -> None:
    """Where it cannot be compiled all goes the longer way, and all tests with one shard go it."""
    with Connection(venues(1).exchange.port) as connection:
        assert [connection.is_live() for _ in range(3)] == [True] * 3
        connection.send(PROBE * 3)
        assert [connection.read().status for _ in range(3)] == [200] * 3


REQUESTS: Final[dict[str, tuple[bytes, str]]] = {
    "a plain one": (PROBE, "GET /healthz 200"),
    "a query": (b"GET /healthz?signature=SECRET HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz 200"),
    "chunks": (PROBE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET /healthz 200"),
    "headers": (PROBE[:-2] + b"Referer: SECRET\r\nUser-Agent: SECRET\r\n\r\n", "GET /healthz 200"),
    "a user": (PROBE[:-2] + b"Authorization: Basic U0VDUkVUOnBhc3M=\r\n\r\n", "GET /healthz 200"),
    "a line break": (b"GET /a%0d%0aFORGED HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a%0d%0aFORGED 404"),
    "a quotation mark": (b'GET /a"b HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /a\\"b 404'),
    "another host": (b"GET http://other/healthz?SECRET HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://other/healthz 200"),
}


@pytest.mark.parametrize("worker_class", CLASSES)
def test_access_log(worker_class: str, tmp_path: Path) -> None:
    log = tmp_path / "access"
    with Exchange(1, {"SHARDEX_WORKER_CLASS": worker_class, "SHARDEX_ACCESS_LOG": str(log)}) as exchange:
        log.write_text("")
        with Connection(exchange.port) as connection:
            for request, _ in REQUESTS.values():
                connection.ask(request)

        def read() -> list[re.Match[str]]:
            """Of these requests: those that came before may have been written down only now."""
            found = [LINE.fullmatch(line) for line in log.read_text().splitlines()]
            assert all(found), log.read_text()
            return [match for match in found if match][-len(REQUESTS) :]

        expected = [line for _, line in REQUESTS.values()]
        until(lambda: [f"{match[1]} {match[2]} {match[3]}" for match in read()] == expected, 5, "a line for each")
        matches = read()
        assert int(matches[0][4]) == len(b'{"status":"live"}')
        assert "SECRET" not in log.read_text()
        assert log.stat().st_mode & 0o077 == 0

        moved = log.rename(tmp_path / "moved")  # and opened anew when told
        assert exchange.web.pid is not None
        os.kill(exchange.web.pid, signal.SIGUSR1)
        until(log.exists, 5, "a new file")
        until(lambda: _writes(exchange, log), 5, "lines in the new file")
        assert len(moved.read_text().splitlines()) >= len(REQUESTS)


def _writes(exchange: Exchange, log: Path) -> bool:
    with Connection(exchange.port) as connection:
        connection.is_live()
    return bool(log.read_text())


def test_ipv6(tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    log = tmp_path / "access"
    exchange = Exchange(1, {"SHARDEX_HOST": "::1", "SHARDEX_ACCESS_LOG": str(log)})
    exchange.base_url = f"http://[::1]:{exchange.port}"
    try:
        exchange.start()
        assert exchange.call("GET", "/healthz", account=None).json() == {"status": "live"}
    finally:
        exchange.close()
    assert log.read_text().startswith("::1 [")
