"""Load over HTTP, cheap enough to share two cores with what it measures: prepared bytes, raw sockets, one epoll.

Only the status and Content-Length of a response are parsed. The same code serves Shardex and its baselines. Each loop
is one long function, because every inner call would be paid for by each request.

* :meth:`Load.closed`: each connection sends its next request after the last response; for requests per second.
* :meth:`Load.open`: requests are due at a given rate regardless of responses, and latency counts from the due time,
  including the wait for a free connection; for latencies below full load.
"""

import gc
import select
import socket
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

CONNECTIONS: Final = 32
SILENT_S: Final = 15.0  # longer than any deadline of the exchange: the server is dead
_RECEIVE_BYTES: Final = 65_536
_LENGTH: Final = b"content-length: "

Item = tuple[bytes, ...]
"""Requests sent in sequence on one connection: each after the response to the previous one."""


class LoadError(Exception):
    """A server closed a connection, stopped responding, or responded in a way that is not measured."""


class Sample(NamedTuple):
    """The result of one run."""

    seconds: float  # from the first request to the last response
    latencies: "array[float]"  # seconds, one per response
    statuses: Counter[bytes]
    cpu_s: float  # of this process

    @property
    def rate(self) -> float:
        """Responses per second."""
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency percentile for ``share`` (0…1), in milliseconds."""
        ordered = sorted(self.latencies)
        return 1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Load:
    """Connections to one server for one run."""

    def __init__(self, port: int, connections: int = CONNECTIONS) -> None:
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[sock.fileno()] = sock
            self._epoll.register(sock, select.EPOLLIN)

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._epoll.close()

    def closed(self, items: Iterable[Item]) -> Sample:
        """Send everything, as fast as responses come; items are taken when they are due. Raises LoadError."""
        waiting = iter(items)
        scripts: dict[int, Iterator[bytes]] = {}
        sent_at: dict[int, float] = {}
        parts: dict[int, bytes] = {}
        statuses: Counter[bytes] = Counter()
        latencies = array("d")
        sockets, poll, clock, empty = self._sockets, self._epoll.poll, time.perf_counter, iter(())
        with _quiet():
            cpu, start = time.process_time(), clock()
            for number, sock in sockets.items():
                item = next(waiting, None)
                if item is not None:
                    scripts[number] = iter(item)
                    sent_at[number] = clock()
                    sock.send(next(scripts[number]))
            under_way = len(sent_at)
            while under_way:
                events = poll(SILENT_S)
                if not events:
                    raise LoadError(f"no answer for {SILENT_S} s")
                for number, _ in events:
                    sock = sockets[number]
                    data = sock.recv(_RECEIVE_BYTES)
                    if number in parts:
                        data = parts.pop(number) + data if data else data
                    if not _is_whole(data):
                        parts[number] = data
                        continue
                    now = clock()
                    latencies.append(now - sent_at[number])
                    statuses[data[9:12]] += 1
                    request = next(scripts[number], None)
                    if request is None:
                        script = scripts[number] = iter(next(waiting, empty))
                        request = next(script, None)
                        if request is None:
                            under_way -= 1
                            continue
                    sent_at[number] = now
                    sock.send(request)
            return Sample(clock() - start, latencies, statuses, time.process_time() - cpu)

    def open(self, items: Sequence[Item], rate: float) -> Sample:
        """Send items (of one request each) at ``rate`` per second. Raises LoadError."""
        free = deque(self._sockets)  # least recently used first: all are used alike
        due_at: dict[int, float] = {}
        parts: dict[int, bytes] = {}
        statuses: Counter[bytes] = Counter()
        latencies = array("d")
        sockets, poll, clock, count = self._sockets, self._epoll.poll, time.perf_counter, len(items)
        ready = [self._epoll.fileno()]  # select waits by the microsecond, epoll by the millisecond
        period, sent = 1 / rate, 0
        with _quiet():
            cpu, start = time.process_time(), clock()
            while len(latencies) < count:
                now = clock()
                while sent < count and free and (due := start + sent * period) <= now:
                    number = free.popleft()
                    due_at[number] = due
                    sockets[number].send(items[sent][0])
                    sent += 1
                patience = max(0.0, start + sent * period - clock()) if sent < count and free else SILENT_S
                if not select.select(ready, (), (), patience)[0]:
                    if patience == SILENT_S:
                        raise LoadError(f"no answer for {SILENT_S} s")
                    continue
                for number, _ in poll(0):
                    data = sockets[number].recv(_RECEIVE_BYTES)
                    if number in parts:
                        data = parts.pop(number) + data if data else data
                    if not _is_whole(data):
                        parts[number] = data
                        continue
                    latencies.append(clock() - due_at[number])
                    statuses[data[9:12]] += 1
                    free.append(number)
            return Sample(clock() - start, latencies, statuses, time.process_time() - cpu)


def _is_whole(data: bytes) -> bool:
    """Whether ``data`` is one complete response. Raises LoadError at the end of the stream and without a length."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if not data:
            raise LoadError("the server has ended a connection")
        return False
    at = data.find(b"Content-Length: ", 0, end)
    if at < 0:
        at = data[:end].lower().find(_LENGTH)
        if at < 0:
            raise LoadError(f"an answer without Content-Length: {data[:200]!r}")
    at += len(_LENGTH)
    return len(data) >= end + 4 + int(data[at : data.find(b"\r", at)])


@contextmanager
def _quiet() -> Iterator[None]:
    """Disables garbage collection while the clock runs."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_closed(port: int, items: Iterable[Item], connections: int = CONNECTIONS) -> Sample:
    """One run of :meth:`Load.closed` on connections of its own."""
    load = Load(port, connections)
    try:
        return load.closed(items)
    finally:
        load.close()


def run_open(port: int, items: Sequence[Item], rate: float, connections: int = CONNECTIONS) -> Sample:
    """One run of :meth:`Load.open` on connections of its own."""
    load = Load(port, connections)
    try:
        return load.open(items, rate)
    finally:
        load.close()
