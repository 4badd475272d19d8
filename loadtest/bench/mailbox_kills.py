"""Does a queue survive the death of its producers?

``python -m loadtest.bench.mailbox_kills [--kills N] [--seed S]``: four producers send as fast as they can; one after
the other is killed with SIGKILL at a random moment and replaced. A queue is dead when no message of any producer
arrives for a while. First ``multiprocessing.Queue``, then the project's mailbox.
"""

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty, Full
from typing import Any, Protocol

from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.errors import NotServing
from shards.ipc.mailbox import Mailbox
from shards.ipc.threaded_channel import ThreadedShardChannel

PRODUCERS = 4
DEPTH = 1_024  # capacity of both queues, messages
DEAD_S = 3.0  # without a message for so long, a queue is considered dead

_context = multiprocessing.get_context("fork")


class Candidate(Protocol):
    """A queue with its producers' code."""

    name: str

    def produce(self) -> None:
        """Run in a producer, forever."""

    def consume(self, seconds: float) -> int:
        """Take messages for ``seconds``; returns how many came."""


class StandardQueue:
    """``multiprocessing.Queue``."""

    name = "multiprocessing.Queue"

    def __init__(self) -> None:
        self._queue: Any = _context.Queue(DEPTH)

    def produce(self) -> None:
        """Put forever."""
        while True:
            self._queue.put(b"x" * 200)

    def consume(self, seconds: float) -> int:
        """Get for ``seconds``."""
        count, until = 0, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with suppress(Empty):
                self._queue.get(timeout=left)
                count += 1
        return count


class OwnMailbox:
    """:mod:`shards.ipc.mailbox`."""

    name = "shards.ipc.mailbox"

    def __init__(self, path: Path) -> None:
        self._folder = Folder.open(path, 1)
        self._mailbox = Mailbox(self._folder, "shard-0", DEPTH, {})
        self._mailbox.serving = True

    def produce(self) -> None:
        """Put forever, each time after the reply to the previous message."""
        channel = ThreadedShardChannel(self._folder, "shard-0")
        channel.connected.wait()
        while True:
            with suppress(Full, NotServing):
                _, waiter = channel.put_nowait(b"x" * 200, now_ms() + 10_000)
                waiter.wait(10)

    def consume(self, seconds: float) -> int:
        """Get and reply for ``seconds``."""
        count, until = 0, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for _ in self._mailbox.poll(left):
                pass  # nothing else to wait for
            for request in self._mailbox.get(DEPTH):
                request.reply([b""])
                count += 1
            self._mailbox.flush()
        return count

    def lost_slots(self) -> int:
        """Slots still taken after all senders have stopped."""
        self.consume(0.5)
        return self._mailbox.qsize()


def _start(produce: Callable[[], None]) -> BaseProcess:
    process = _context.Process(target=produce, daemon=True)
    process.start()
    return process


def survive(candidate: Candidate, kills: int, chance: random.Random) -> int:
    """Kill producers at random moments; returns how many kills the queue survived."""
    producers = [_start(candidate.produce) for _ in range(PRODUCERS)]
    try:
        candidate.consume(0.3)
        for done in range(kills):
            candidate.consume(chance.uniform(0.001, 0.05))
            index = chance.randrange(PRODUCERS)
            pid = producers[index].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            producers[index].join()
            until = time.monotonic() + DEAD_S
            while not candidate.consume(0.02):
                if time.monotonic() > until:
                    return done
            producers[index] = _start(candidate.produce)
    finally:
        for process in producers:
            process.kill()
            process.join()
    return kills


def main() -> None:
    """Print how many kills each queue survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.kills} kills, {PRODUCERS} producers, bound {DEPTH}")
    for attempt in range(3):
        lived = survive(StandardQueue(), options.kills, random.Random(options.seed + attempt))
        print(f"{StandardQueue.name:24} lived through {lived} kills")
    with tempfile.TemporaryDirectory(prefix="sx") as path:
        own = OwnMailbox(Path(path))
        lived = survive(own, options.kills, random.Random(options.seed))
        print(f"{OwnMailbox.name:24} lived through {lived} kills, {own.lost_slots()} slots lost")


if __name__ == "__main__":
    main()
