"""Archive lag: time from the response to a cancel until the order can be read from DuckDB.

``python -m loadtest.bench.history [--quick] [--repeats N]``. For one order on an idle exchange, and for the last of
thousands canceled as fast as one caller can.
"""

import time
from contextlib import closing
from typing import Final

from loadtest.bench.command import Options, run_topics
from loadtest.bench.results import Figure, Report
from loadtest.bench.venue import Venue
from shards.model.commands import Cancel
from shards.model.markets import shard_of_symbol
from shards.model.queries import GetOrder
from shards.model.replies import OrderReply
from shards.settings import default_shard_count

COUNT: Final = 5_000
COUNT_QUICK: Final = 1_000
AT_ONCE: Final = 256
PATIENCE_S: Final = 30.0


def measure(report: Report, options: Options) -> None:
    """Measure both, in turns."""
    counts = {"one order": 1, "the last of many": COUNT_QUICK if options.quick else COUNT}
    lags: dict[str, list[float]] = {name: [] for name in counts}
    with closing(Venue(default_shard_count())) as venue:
        for _ in range(options.repeats):
            for name, count in counts.items():
                lags[name].append(lag(venue, count))
    for name, found in lags.items():
        report.add([Figure(f"history {name}", "s", found)])


def lag(venue: Venue, count: int) -> float:
    """Seconds from the last response until its row can be read."""
    market = venue.futures[0]
    shard = shard_of_symbol(market.symbol, venue.client.shard_count)
    cancels = [(shard, Cancel(order.id, owner.account)) for owner, order in venue.place(market, count)]
    for start in range(0, count, AT_ONCE):
        replies = venue.client.call_each(cancels[start : start + AT_ONCE])
        assert all(isinstance(reply, OrderReply) for reply in replies), replies
    answered = time.monotonic()
    query = GetOrder(cancels[-1][1].id)
    while not isinstance(venue.client.ask_archive(query), OrderReply):
        assert time.monotonic() < answered + PATIENCE_S, "the archive never has it"
    return time.monotonic() - answered


if __name__ == "__main__":
    run_topics({"history": measure}, __doc__)
