"""How costs grow with the resting orders and with the caller's own, and how throughput scales with shards.

``python -m loadtest.bench.growth [--quick] [--repeats N]``.

* Cancel: ``Engine.apply`` of one cancel, a random order of a book of 10, 1,000 and 100,000; each is placed again before
  the next. The figure is the median over all cancels of a run, so other load on the machine hardly matters.
* Cancel-all: the same of a caller's own orders, and the reply as bytes, in microseconds of CPU per own order: 100 and
  10,000 own orders, alone and among 100,000 of others; and once more with the own orders placed before all others: the
  same work, but with the orders adjacent in memory.
* The same through a real engine, from the call to the last order of the reply, including journal and sync.
* Shards: 1, 2 and 4, cancels on 16 markets by 64 accounts; over HTTP, and through the engine's client, 256 at a time.
"""

import gc
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from loadtest.bench.command import Options, run_topics
from loadtest.bench.http_cases import SPREAD, place_on_all
from loadtest.bench.http_ground import warm_up
from loadtest.bench.http_subject import exchange_subject
from loadtest.bench.results import Figure, Report, take_turns
from loadtest.bench.seeding import MARKET, OWNER, START_MS, full_book, seed_folder
from loadtest.bench.venue import Venue
from shards.engine.engine import MAILBOX, Engine
from shards.engine.order_entry import AskAccountShard
from shards.engine.outbox import ARCHIVE
from shards.folder import Folder
from shards.ipc.client import Client
from shards.model.codec import encode
from shards.model.commands import Cancel, CancelAll, Command, Place
from shards.model.markets import shard_of_symbol
from shards.model.orders import NewOrder, Order
from shards.model.replies import OrderReply, OrdersReply, Rejected, Reply
from tests.exchange import group_members, until

RESTING: Final = (10, 1_000, 100_000)
CANCELS: Final = 2_000  # in one run
OWN: Final = (100, 10_000)
OTHERS: Final = (0, 100_000)
SHARDS: Final = (1, 2, 4)
COUNT: Final = 8_000  # cancels of one run that bypasses the HTTP side
COUNT_QUICK: Final = 2_000
AT_ONCE: Final = 256
SEED: Final = 11
_READY_S: Final = 120
_GONE_S: Final = 10


def measure(report: Report, options: Options) -> None:
    """Measure cancel, cancel-all and shards."""
    _cancels(report, options)
    _cancel_alls(report, options)
    _through_engine(report, options)
    _shards(report, options)


class Machine:
    """An engine in this process with a full book."""

    def __init__(self, others: int, own: int, together: bool = False) -> None:
        """``together``: the own orders are placed in sequence, before all others; otherwise spread among them."""
        self._engine = Engine(0, 1)
        commands = full_book(others, own)
        for command in sorted(commands, key=_is_anothers) if together else commands:
            self.apply(command)
        self._chance = random.Random(SEED)
        gc.collect()
        gc.freeze()  # as a shard does after recovery

    def apply(self, command: Command) -> Reply:
        """Execute a command; its rows are confirmed as archived at once."""
        engine = self._engine
        reply = engine.apply(engine.sequence + 1, START_MS + engine.sequence, MAILBOX, 0, command)
        engine.confirm(ARCHIVE, engine.outboxes[ARCHIVE].last_number)
        assert reply is not None and not isinstance(reply, (Rejected, AskAccountShard)), reply
        return reply

    def time_cancels(self, count: int) -> float:
        """Median microseconds of one cancel."""
        numbers = list(self._engine.markets[MARKET.number].open)
        taken: list[int] = []
        for _ in range(count):
            index = self._chance.randrange(len(numbers))
            order = self._engine.markets[MARKET.number].open[numbers[index]]
            cancel, again = Cancel(order.id, order.account), _same(order)
            start = time.perf_counter_ns()
            self.apply(cancel)
            taken.append(time.perf_counter_ns() - start)
            reply = self.apply(again)
            assert isinstance(reply, OrderReply)
            numbers[index] = reply.order.id
        return statistics.median(taken) / 1e3

    def time_cancel_all(self) -> float:
        """Microseconds of CPU per own order; the orders are placed again afterwards."""
        again = [_same(order) for order in self._engine.markets[MARKET.number].by_account[OWNER].values()]
        start = time.process_time_ns()
        encode(self.apply(CancelAll(OWNER)))
        taken = time.process_time_ns() - start
        for command in again:
            self.apply(command)
        return taken / 1e3 / len(again)


def _is_anothers(command: Command) -> bool:
    return isinstance(command, Place) and command.order.account != OWNER


def _same(order: Order) -> Place:
    terms = (order.side, order.kind, order.tif, order.price, order.quantity, 0)
    return Place(NewOrder(order.market, order.account, *terms, order.client_id))


def _cancels(report: Report, options: Options) -> None:
    machines = {resting: Machine(resting, 0) for resting in RESTING}
    count = CANCELS // 4 if options.quick else CANCELS
    turns = {str(resting): partial(machine.time_cancels, count) for resting, machine in machines.items()}
    runs = take_turns(turns, options.repeats)
    small = str(RESTING[0])
    for resting in (str(each) for each in RESTING[1:]):
        report.add([Figure(f"growth cancel {small} to {resting}", "µs", runs[resting], f"{small} orders", runs[small])])


def _cancel_alls(report: Report, options: Options) -> None:
    machines = {(own, others): Machine(others, own) for own in OWN for others in OTHERS}
    turns = {f"{own} {others}": machine.time_cancel_all for (own, others), machine in machines.items()}
    few, many = OWN
    alone, full = OTHERS
    turns["together"] = Machine(full, many, together=True).time_cancel_all
    runs = take_turns(turns, options.repeats)
    beside_few = runs[f"{few} {full}"]
    beside_none = runs[f"{many} {alone}"]
    both = runs[f"{many} {full}"]
    report.add(
        [
            Figure("growth cancel-all own", "µs/order", both, f"{few} own orders", beside_few),
            Figure("growth cancel-all others", "µs/order", both, "no other orders", beside_none),
            Figure(
                "growth cancel-all others, placed apart", "µs/order", runs["together"], "no other orders", beside_none
            ),
        ]
    )


# A real engine


def _through_engine(report: Report, options: Options) -> None:
    own, others = (OWN[1] // 10, OTHERS[1] // 10) if options.quick else (OWN[1], OTHERS[1])
    turns = {str(count): partial(_time_engine, count, own) for count in (0, others)}
    runs = take_turns(turns, options.repeats)
    name = "growth cancel-all others through the engine"
    report.add([Figure(name, "ms", runs[str(others)], "no other orders", runs["0"])])
    report.tell(f"{'':6}{own:,} own orders among {others:,}")


def _time_engine(others: int, own: int) -> float:
    """Milliseconds of a cancel-all of the owner's orders on a real engine with such a book."""
    with tempfile.TemporaryDirectory(prefix="sx") as path:
        folder = seed_folder(Path(path), others, own)
        # no snapshot: its child shares the memory, and copy-on-write faults would be timed too
        settings = {"SHARDEX_DATA": path, "SHARDEX_SHARDS": "1", "SHARDEX_SNAPSHOT_RECORDS": "1000000000"}
        command = [sys.executable, "-m", "shards"]
        engine = subprocess.Popen(
            command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            return _time_call(folder, own)
        finally:
            os.killpg(engine.pid, signal.SIGKILL)  # all its processes: none may write to the folder any more
            engine.wait()
            until(lambda: not group_members(engine.pid), _GONE_S, "the engine's processes are gone")


def _time_call(folder: Folder, own: int) -> float:
    client = Client(folder)
    try:
        until = time.monotonic() + _READY_S
        while not client.is_serving(0):
            assert time.monotonic() < until, "the engine does not serve"
            client.wait_connected(0.1)
        start = time.perf_counter()
        reply = client.call(0, CancelAll(OWNER), deadline_ms=60_000)
        milliseconds = 1e3 * (time.perf_counter() - start)
        assert isinstance(reply, OrdersReply) and len({order.id for order in reply.orders}) == own, reply
        return milliseconds
    finally:
        client.close()


# Shards


def _shards(report: Report, options: Options) -> None:
    count = COUNT_QUICK if options.quick else COUNT
    with ExitStack() as stack:
        venues = {shards: Venue(shards) for shards in SHARDS}
        for venue in venues.values():
            stack.callback(venue.close)
        subjects = {shards: exchange_subject(report, venue, SPREAD) for shards, venue in venues.items()}
        warm_up(options, *subjects.values())
        over_http = {f"http {shards}": subject.rate for shards, subject in subjects.items()}
        direct = {f"client {shards}": partial(_direct_rate, venue, count) for shards, venue in venues.items()}
        runs = take_turns({**over_http, **direct}, options.repeats)
    for way in ("http", "client"):
        for shards in SHARDS:
            name = f"growth cancels {way} shards {shards}"
            report.add([Figure(name, "cancels/s", runs[f"{way} {shards}"], "1 shard", runs[f"{way} {SHARDS[0]}"])])


def _direct_rate(venue: Venue, count: int) -> float:
    """Cancels per second, bypassing the HTTP side."""
    client = venue.client
    messages = [
        (shard_of_symbol(market.symbol, client.shard_count), Cancel(order.id, order.account))
        for market, _, order in place_on_all(venue, count)
    ]
    venue.wait_archived()
    start = time.perf_counter()
    for first in range(0, len(messages), AT_ONCE):
        for reply in client.call_each(messages[first : first + AT_ONCE]):
            assert isinstance(reply, OrderReply), reply
    taken = time.perf_counter() - start
    venue.wait_archived()
    return len(messages) / taken


if __name__ == "__main__":
    run_topics({"growth": measure}, __doc__)
