"""Late requests: cancels and queries of orders that ended long ago, with ten million in the archive.

``python -m loadtest.bench.late [--quick] [--repeats N]``. Eight concurrent callers, each with sequential requests on
a connection of its own: batch cancels of five such orders by their client ids, and by their ids; cancels and queries of
one. Every response must show the order's final state. Also: how many rows per second the archive stores.
"""

import http.client
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from loadtest.accounts import Account
from loadtest.bench import signed
from loadtest.bench.command import Options, run_topics
from loadtest.bench.large_archive import LateOrder, late_order
from loadtest.bench.results import Figure, Report
from loadtest.bench.venue import Venue
from shards.archive.service import History
from shards.model.codec import decode_event, encode
from shards.model.events import OrderEnded
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce
from shards.settings import default_shard_count

ORDERS: Final = 10_000_000
ORDERS_QUICK: Final = 1_000_000
CALLERS: Final = 8
NAMES: Final = 5  # in one batch
CALLS: Final = 100  # of each caller in one run
SEED: Final = 7
ROWS: Final = 20_000
BATCHES: Final = (500, 5_000)

Make = Callable[[Account, str, Sequence[LateOrder]], bytes]

KINDS: Final[dict[str, tuple[int, Make]]] = {
    "batch of 5 client ids": (
        NAMES,
        lambda trader, symbol, late: signed.cancel_batch_named(trader, symbol, [order.client_id for order in late]),
    ),
    "batch of 5 ids": (
        NAMES,
        lambda trader, symbol, late: signed.cancel_batch_of(trader, symbol, [order.id for order in late]),
    ),
    "query by client id": (1, lambda trader, symbol, late: signed.query(trader, symbol, late[0].client_id)),
}


def measure(report: Report, options: Options) -> None:
    """Measure each kind in turns, then the rows."""
    count = ORDERS_QUICK if options.quick else ORDERS
    report.tell(f"      {count:,} archived orders, {CALLERS} callers")
    with closing(Venue(default_shard_count())) as venue:
        venue.fill_archive(count)
        _late(report, options, venue, count)
    _rows(report, options)


def _late(report: Report, options: Options, venue: Venue, count: int) -> None:
    middle: dict[str, list[float]] = {name: [] for name in KINDS}
    worst: dict[str, list[float]] = {name: [] for name in KINDS}
    chance = Random(SEED)
    for names, make in KINDS.values():  # warm-up: the file has just been opened
        _call(None, venue, count, names, make, chance.random())
    for _ in range(options.repeats):
        for name, (names, make) in KINDS.items():
            with ThreadPoolExecutor(CALLERS) as pool:
                seeds = [chance.random() for _ in range(CALLERS)]
                runs = pool.map(lambda seed: _call(report, venue, count, names, make, seed), seeds)  # noqa: B023
                taken = sorted(each for run in runs for each in run)
            middle[name].append(taken[len(taken) // 2])
            worst[name].append(taken[int(len(taken) * 0.99)])
    for name in KINDS:
        report.add([Figure(f"late {name} p50", "ms", middle[name]), Figure(f"late {name} p99", "ms", worst[name])])


def _call(report: Report | None, venue: Venue, count: int, names: int, make: Make, seed: float) -> list[float]:
    """One caller; returns the milliseconds of each call. Without a report, responses are not checked."""
    chance, taken = Random(seed), []
    accounts = [trader.account for trader in venue.traders]
    with closing(socket.create_connection(("127.0.0.1", venue.port))) as connection:
        for _ in range(CALLS):
            first = chance.randrange(count // len(accounts))
            trader = chance.randrange(len(accounts))
            # the account's orders on one market
            step = len(accounts) * len(venue.futures)
            indexes = [(trader + first * len(accounts) + step * number) % count for number in range(names)]
            late = [late_order(index, accounts, [market.number for market in venue.futures]) for index in indexes]
            symbol = next(market.symbol for market in venue.futures if market.number == late[0].market)
            request = make(venue.traders[trader], symbol, late)
            start = time.perf_counter()
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            body = response.read()
            taken.append(1e3 * (time.perf_counter() - start))
            told = msgspec.json.decode(body)
            shown = told if isinstance(told, list) else [told]
            if report and [each.get("orderId") for each in shown] != [order.id for order in late]:
                report.fault(f"{symbol} {late}: {response.status} {body!r}")
    return taken


def _rows(report: Report, options: Options) -> None:
    """Decoded and stored as by the archive's process, without its sockets."""
    rates: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for _ in range(options.repeats):
        for batch in BATCHES:
            with TemporaryDirectory(prefix="sx") as path:
                rates[batch].append(_rate(Path(path, "history.duckdb"), batch))
    for batch in BATCHES:
        report.add([Figure(f"late rows stored, {batch} at a time", "rows/s", rates[batch])])


def _rate(path: Path, batch: int) -> float:
    rows = [encode(OrderEnded(_ended(number))) for number in range(1, ROWS + 1)]
    with closing(History(path, bytes(32))) as history:
        start = time.perf_counter()
        for first in range(0, ROWS, batch):
            part = enumerate(rows[first : first + batch], first + 1)
            history.store({0: [(number, decode_event(row)) for number, row in part]})
        return ROWS / (time.perf_counter() - start)


def _ended(number: int) -> Order:
    late = late_order(number)
    terms = (Side.BUY, Kind.LIMIT, TimeInForce.GTC, 476_000, 10, 0)
    return Order(
        late.id, late.market, late.account, *terms, late.client_id, 0, 0, 0, 0, Status.CANCELED, EndReason.USER, 1, 2, 3
    )


if __name__ == "__main__":
    run_topics({"late": measure}, __doc__)
