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

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from loadtest.bench.command import Options, run_topics
from loadtest.bench.mailbox_transports import HubMailbox, ThreadMailbox
from loadtest.bench.results import Figure, Report, take_turns
from loadtest.bench.transports import RawSocket, StandardPipe, StandardQueue, Transport, context

ROUND_TRIPS: Final = 10_000
MESSAGES: Final = 51_200  # a multiple of the concurrency, and so is a fifth of it
QUICKER: Final = 5  # --quick does one part in that many
QUEUE: Final = "multiprocessing.Queue"


@contextmanager
def _running(transport: Transport) -> Iterator[Transport]:
    process: BaseProcess = context.Process(target=transport.answer, daemon=True)
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

        throughput = take_turns({name: partial(measure_one, name) for name in makers}, options.repeats)
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
        report.add([Figure(f"{title} throughput", "messages/s", throughput[name], QUEUE, throughput[QUEUE])])
        report.add([Figure(f"{title} answered", "queries/s", answered[name], QUEUE, answered[QUEUE])])


def _percentiles(runs: list[list[float]], share: float) -> list[float]:
    """A percentile of each run, in microseconds."""
    return [1e6 * statistics.quantiles(run, n=1_000)[int(share * 1_000) - 1] for run in runs]


if __name__ == "__main__":
    run_topics({"mailbox": measure}, __doc__)
