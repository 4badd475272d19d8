"""The shards' mailbox beside Python's own queues: sequential round trips, and throughput.

``python -m loadtest.bench.mailbox [--quick] [--repeats N]``. Two processes: one sends, the other immediately replies
with the same 64 bytes; nothing is journaled. The mailbox is the real one: :class:`shards.ipc.mailbox.Mailbox` in the
answering process, with its bound, deadlines, counters and numbered replies; in the asking one the channel of a web
worker (:class:`web.server.greenlet_channel.GreenletShardChannel`), and beside it the threaded channel of a tool
(:class:`shards.ipc.threaded_channel.ThreadedShardChannel`).

* Round trip: each query follows the reply to the previous one.
* Throughput: one-way messages without replies, at most the queue's bound at a time, until the last has been taken out.
  Concurrent round trips are "answered".
* Answered: round trips with 64 pending at all times, each with a waiting caller (a transport without waiting callers
  takes half of the replies before it sends more).

A queue is a pair of ``multiprocessing.Queue``, a pipe is a duplex ``multiprocessing.Pipe``, the socket is a Unix stream
socket with messages of fixed length: the minimum.
"""

import multiprocessing
import os
import queue
import signal
import socket
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, Protocol

from loadtest.bench.command import Options, run_topics
from loadtest.bench.results import Figure, Report, take_turns
from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.mailbox import Mailbox
from shards.ipc.threaded_channel import ThreadedShardChannel
from web.server.greenlet_channel import GreenletShardChannel
from web.server.hub import Hub, Waiter

BODY: Final = b"x" * 64
UNANSWERED: Final = b"-" * 64  # message of the one-way throughput
UNDER_WAY: Final = 64
DEPTH: Final = 1_024
ROUND_TRIPS: Final = 10_000
MESSAGES: Final = 51_200  # a multiple of the concurrency, and so is a fifth of it
QUICKER: Final = 5  # --quick does one part in that many
QUEUE: Final = "multiprocessing.Queue"
_PATIENCE_S: Final = 10.0
_FULL_S: Final = 0.000_5  # before a full mailbox is tried again

_context = multiprocessing.get_context("fork")


class Transport(Protocol):
    """A way to send queries to another process and receive its replies."""

    def answer(self) -> None:
        """Run in the answering process, forever."""

    def open(self) -> None:
        """Prepare in the asking process, once the other runs."""

    def ask(self) -> None:
        """One round trip."""

    def ask_many(self, count: int) -> None:
        """``count`` round trips, :data:`UNDER_WAY` concurrently."""

    def tell_many(self, count: int) -> None:
        """``count`` messages one way; returns when the other process has received the last."""


class _OwnMailbox:
    """The answering side of :mod:`shards.ipc.mailbox`."""

    def __init__(self, path: Path) -> None:
        self._folder = Folder.open(path, 1)

    def answer(self) -> None:
        """A shard's loop, without its work."""
        mailbox = Mailbox(self._folder, "shard-0", DEPTH, {})
        mailbox.serving = True
        while True:
            for _ in mailbox.poll(0 if mailbox.waiting() else None):
                pass  # nothing else to wait for
            for request in mailbox.get(DEPTH):
                if request.body != UNANSWERED:
                    request.reply([request.body])
            mailbox.flush()


class HubMailbox(_OwnMailbox):
    """As a web worker queries: a hub, and a greenlet for each pending query."""

    def open(self) -> None:
        self._hub = Hub()
        self._line = GreenletShardChannel(self._hub, self._folder, "shard-0")
        assert self._line.wait_connected(_PATIENCE_S)

    def ask(self) -> None:
        """As shards.ipc.client.Client does."""
        line = self._line
        _, waiter = line.send(line.claim(), BODY, now_ms() + 10_000)
        assert waiter.wait(_PATIENCE_S)

    def ask_many(self, count: int) -> None:
        """Each greenlet queries sequentially."""
        left = [UNDER_WAY]

        def ask_some() -> None:
            for _ in range(count // UNDER_WAY):
                self.ask()
            left[0] -= 1

        for _ in range(UNDER_WAY):
            self._hub.spawn(ask_some)
        self._hub.turn_until(lambda: not left[0], 10 * _PATIENCE_S)
        assert not left[0]

    def tell_many(self, count: int) -> None:
        """A turn of the hub sends everything put since the last."""
        for told in range(1, count):
            self._put(UNANSWERED)
            if told % UNDER_WAY == 0:
                self._hub.turn(0)
        assert self._put(BODY).wait(_PATIENCE_S)

    def _put(self, body: bytes) -> Waiter:
        """Put a message into the mailbox, waiting for room."""
        while True:
            try:
                slot = self._line.claim()
                break
            except queue.Full:
                self._hub.turn(_FULL_S)
        number, waiter = self._line.send(slot, body, now_ms() + 10_000)
        if body is UNANSWERED:
            self._line.forget(number)
        return waiter


class ThreadMailbox(_OwnMailbox):
    """As a tool queries: a thread reads the replies."""

    def open(self) -> None:
        self._line = ThreadedShardChannel(self._folder, "shard-0")
        assert self._line.connected.wait(_PATIENCE_S)

    def ask(self) -> None:
        """As shards.ipc.client.Client does."""
        _, waiter = self._line.put_nowait(BODY, now_ms() + 10_000)
        assert waiter.wait(_PATIENCE_S)

    def ask_many(self, count: int) -> None:
        """Waits for the oldest; replies to the others arrive meanwhile."""
        waiters = deque[Any]()
        for _ in range(count):
            if len(waiters) == UNDER_WAY:
                for _ in range(UNDER_WAY // 2):
                    assert waiters.popleft().wait(_PATIENCE_S)
            waiters.append(self._line.put_nowait(BODY, now_ms() + 10_000)[1])
        for waiter in waiters:
            assert waiter.wait(_PATIENCE_S)

    def tell_many(self, count: int) -> None:
        """Each is sent by itself."""
        for _ in range(1, count):
            self._line.forget(self._put(UNANSWERED)[0])
        assert self._put(BODY)[1].wait(_PATIENCE_S)

    def _put(self, body: bytes) -> tuple[int, Any]:
        """Put a message into the mailbox, waiting for room."""
        while True:
            try:
                return self._line.put_nowait(body, now_ms() + 10_000)
            except queue.Full:
                time.sleep(_FULL_S)


class StandardQueue:
    """A ``multiprocessing.Queue`` in each direction."""

    def __init__(self) -> None:
        self._questions: Any = _context.Queue(DEPTH)
        self._answers: Any = _context.Queue(DEPTH)

    def answer(self) -> None:
        while True:
            body = self._questions.get()
            if body != UNANSWERED:
                self._answers.put(body)

    def open(self) -> None:
        """Nothing to do."""

    def ask(self) -> None:
        self._questions.put(BODY)
        self._answers.get()

    def ask_many(self, count: int) -> None:
        """Puts ahead of what it gets."""
        for index in range(count + UNDER_WAY):
            if index >= UNDER_WAY:
                self._answers.get()
            if index < count:
                self._questions.put(BODY)

    def tell_many(self, count: int) -> None:
        """Puts, which wait for room."""
        for _ in range(1, count):
            self._questions.put(UNANSWERED)
        self.ask()


class StandardPipe:
    """A ``multiprocessing.Pipe``."""

    def __init__(self) -> None:
        self._near, self._far = _context.Pipe()

    def answer(self) -> None:
        while True:
            body = self._far.recv_bytes()
            if body != UNANSWERED:
                self._far.send_bytes(body)

    def open(self) -> None:
        """Nothing to do."""

    def ask(self) -> None:
        self._near.send_bytes(BODY)
        self._near.recv_bytes()

    def ask_many(self, count: int) -> None:
        """Sends ahead of what it receives."""
        for index in range(count + UNDER_WAY):
            if index >= UNDER_WAY:
                self._near.recv_bytes()
            if index < count:
                self._near.send_bytes(BODY)

    def tell_many(self, count: int) -> None:
        """Sends, which wait for room."""
        for _ in range(1, count):
            self._near.send_bytes(UNANSWERED)
        self.ask()


class RawSocket:
    """A Unix stream socket: no frames, no numbers, no bound."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()

    def answer(self) -> None:
        while True:
            answered = self._far.recv(65_536).replace(UNANSWERED[:1], b"")
            if answered:
                self._far.sendall(answered)

    def open(self) -> None:
        """Nothing to do."""

    def ask(self) -> None:
        self._near.sendall(BODY)
        self._near.recv(len(BODY), socket.MSG_WAITALL)

    def ask_many(self, count: int) -> None:
        """Sends ahead of what it receives."""
        requested = answered = 0
        while answered < count:
            for _ in range(min(UNDER_WAY - (requested - answered), count - requested)):
                self._near.sendall(BODY)
                requested += 1
            size = len(self._near.recv(65_536))
            size += len(self._near.recv(-size % len(BODY), socket.MSG_WAITALL)) if size % len(BODY) else 0
            answered += size // len(BODY)

    def tell_many(self, count: int) -> None:
        """Sends, which wait for room."""
        for _ in range(1, count):
            self._near.sendall(UNANSWERED)
        self.ask()


@contextmanager
def _running(transport: Transport) -> Iterator[Transport]:
    process: BaseProcess = _context.Process(target=transport.answer, daemon=True)
    process.start()
    assert process.pid is not None
    try:
        transport.open()
        yield transport
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.join()


def round_trips(transport: Transport, count: int) -> list[float]:
    """Seconds of each of ``count`` round trips."""
    taken: list[float] = []
    clock = time.perf_counter
    for _ in range(count):
        start = clock()
        transport.ask()
        taken.append(clock() - start)
    return sorted(taken)


def rate(do: Callable[[int], None], count: int) -> float:
    """Repetitions per second."""
    start = time.perf_counter()
    do(count)
    return count / (time.perf_counter() - start)


def measure(report: Report, options: Options) -> None:
    """Measure all transports in turns."""
    part = QUICKER if options.quick else 1
    with tempfile.TemporaryDirectory(prefix="sx") as path:
        own = "shards.ipc.mailbox"
        makers: dict[str, Callable[[], Transport]] = {
            QUEUE: StandardQueue,
            "multiprocessing.Pipe": StandardPipe,
            "raw socket": RawSocket,
            "from a thread": lambda: ThreadMailbox(Path(path)),
            own: lambda: HubMailbox(Path(path)),
        }
        ordered: dict[str, list[list[float]]] = {name: [] for name in makers}
        answered: dict[str, list[float]] = {name: [] for name in makers}

        def measure_one(name: str) -> float:
            with _running(makers[name]()) as transport:
                round_trips(transport, ROUND_TRIPS // part // 10)  # warm-up
                ordered[name].append(round_trips(transport, ROUND_TRIPS // part))
                answered[name].append(rate(transport.ask_many, MESSAGES // part))
                return rate(transport.tell_many, MESSAGES // part)

        told = take_turns({name: partial(measure_one, name) for name in makers}, options.repeats)
    for name in makers:
        title = "mailbox" if name == own else f"mailbox {name}"
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            report.add(
                [
                    Figure(
                        f"{title} round trip {label}",
                        "µs",
                        _percentiles(ordered[name], share),
                        QUEUE,
                        _percentiles(ordered[QUEUE], share),
                    )
                ]
            )
        report.add([Figure(f"{title} throughput", "messages/s", told[name], QUEUE, told[QUEUE])])
        report.add([Figure(f"{title} answered", "questions/s", answered[name], QUEUE, answered[QUEUE])])


def _percentiles(runs: list[list[float]], share: float) -> list[float]:
    """A percentile of each run, in microseconds."""
    return [1e6 * statistics.quantiles(run, n=1_000)[int(share * 1_000) - 1] for run in runs]


if __name__ == "__main__":
    run_topics({"mailbox": measure}, __doc__)
