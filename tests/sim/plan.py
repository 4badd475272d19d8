"""The parameters of a seed: number of participants, sizes of limits, kinds and rates of faults."""

import random
from typing import NamedTuple

from shards.model.markets import Market, Product
from shards.runtime.bounds import BOUNDS, Bounds


class Plan(NamedTuple):
    """Probabilities are per step of the run."""

    shard_count: int
    trader_count: int
    futures_trader_count: int
    saver_count: int
    futures_saver_count: int
    queue_depth: int
    snapshot_records: int
    preemption: float  # probability that other processes run at a system call
    bounds: Bounds  # small enough to be reached
    futures_units: int  # maximum futures funds of a trader

    kills: float  # of a shard, between two turns
    deaths_within: float  # of a shard, at one of its next system calls
    stops: float
    stands: float  # a shard gets no turn for a while
    worker_kills: float
    archive_kills: float
    full_disks: float
    failed_syncs: float
    clock_steps: float


def make_plan(chance: random.Random) -> Plan:
    """Some runs have no faults, some a single kind, others all."""
    shard_count = chance.choice((1, 2, 2, 3, 3, 4))
    trouble = [chance.choice((0.0003, 0.001, 0.002)) if chance.random() < 0.5 else 0.0 for _ in range(9)]
    return Plan(
        shard_count,
        chance.choice((0, 2, 4, 9)),
        chance.choice((0, 1, 3, 6)),
        chance.randint(1, 5),
        chance.choice((0, 1, 1, 2)),
        chance.choice((4, 16, 64, 1_024)),
        chance.choice((30, 100, 400)),
        chance.choice((0.005, 0.02, 0.08)),
        Bounds(  # drawn in this order: a seed makes the same run
            batch_count=chance.choice((1, 4, BOUNDS.batch_count)),
            link_window_bytes=chance.choice((100, 1_000, BOUNDS.link_window_bytes)),
            reply_piece_count=chance.choice((1, 3, BOUNDS.reply_piece_count)),
            archive_backlog_count=chance.choice((100, BOUNDS.archive_backlog_count)),
            query_ms=chance.choice((0, BOUNDS.query_ms)),
            query_count=chance.choice((1, BOUNDS.query_count)),
        ),
        chance.choice((10**6, 10**7, 10**8)),
        *trouble,
    )


def make_spot_markets() -> tuple[list[Market], list[Market]]:
    """(markets to trade on, markets where nobody sells); their symbols are on different shards."""
    trading = [("DFUSDT", 10, 20), ("BBBUSDT", 0, 0), ("DDDUSDT", 3, 7), ("EEEUSDT", 0, 10)]
    quiet = [("TUVUSDT", 0, 0), ("XYZUSDT", 0, 0), ("ONEUSDT", 0, 0), ("AAAUSDT", 0, 0)]
    markets = [_spot_market(number, *each) for number, each in enumerate(trading + quiet, 1_001)]
    return markets[: len(trading)], markets[len(trading) :]


def _spot_market(number: int, symbol: str, maker_bps: int, taker_bps: int) -> Market:
    """Units of price, quantity and amounts all differ: tick 0.01, lot 0.1, base 8, quote 6 decimals."""
    units = 8, 6, 1, 2, 1, 1
    return Market(number, Product.SPOT, symbol, symbol[:-4], "USDT", *units, 0, maker_bps, taker_bps)
