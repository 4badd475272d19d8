"""Candles: the archive's SQL and the shard's folding give the same, however the trades are split between them."""

import os
import random
from pathlib import Path

import pytest

from shards.archive.service import History
from shards.model.candles import ONE_SPAN_MS, fold, join
from shards.model.events import Traded
from shards.model.ids import make_number
from shards.model.orders import Side, Trade
from shards.model.queries import GetCandles, GetTickers
from shards.model.replies import CandlesReply, Ticker, TickersReply

KEY = b"k" * 32


def some_trades(chance: random.Random, count: int, markets: int = 1) -> list[Trade]:
    time_ms = 1_790_000_000_000
    trades = []
    for sequence in range(1, count + 1):
        time_ms += chance.choice((0, 1, 500, 20_000, 200_000))
        side = chance.choice(list(Side))
        price, quantity = chance.randint(1, 50), chance.randint(1, 10**15)
        market = chance.randint(1, markets)
        number = make_number(market, sequence)
        trades.append(Trade(number, market, price, quantity, side, 1, 2, "maker", "taker", 0, 0, time_ms))
    return trades


@pytest.mark.parametrize("interval_ms", [60_000, 900_000, 2**53])
def test_archive_and_shard_fold_alike(tmp_path: Path, interval_ms: int) -> None:
    seed = int(os.environ.get("SHARDEX_TEST_SEED", random.randrange(2**32)))
    print(f"SHARDEX_TEST_SEED={seed}")
    chance = random.Random(seed)
    trades = some_trades(chance, 300)
    archived = chance.randrange(len(trades))
    history = History(tmp_path / "history.duckdb", KEY)
    history.store({0: [(number, Traded(trade)) for number, trade in enumerate(trades, 1)]})
    query = GetCandles(1, interval_ms, 1_000, before_id=trades[archived].id)
    reply = history.answer(query)
    history.close()
    assert isinstance(reply, CandlesReply)
    assert join(reply.candles, fold(trades[archived:], interval_ms)) == fold(trades, interval_ms)


def test_limit_and_bounds_of_time(tmp_path: Path) -> None:
    trades = some_trades(random.Random(1), 100)
    history = History(tmp_path / "history.duckdb", KEY)
    history.store({0: [(number, Traded(trade)) for number, trade in enumerate(trades, 1)]})
    start_ms, end_ms = trades[20].time_ms, trades[80].time_ms
    reply = history.answer(GetCandles(1, 60_000, 5, start_ms, end_ms))
    history.close()
    inside = [trade for trade in trades if start_ms <= trade.time_ms <= end_ms]
    assert isinstance(reply, CandlesReply)
    assert reply.candles == fold(inside, 60_000)[:5]


def test_the_archive_tells_of_many_markets_what_their_trades_say(tmp_path: Path) -> None:
    seed = int(os.environ.get("SHARDEX_TEST_SEED", random.randrange(2**32)))
    print(f"SHARDEX_TEST_SEED={seed}")
    trades = some_trades(random.Random(seed), 200, markets=9)
    history = History(tmp_path / "history.duckdb", KEY)
    history.store({0: [(number, Traded(trade)) for number, trade in enumerate(trades, 1)]})
    markets, start_ms, end = [2, 9, 5, 77, 3], trades[150].time_ms, trades[180].id & (1 << 40) - 1
    reply = history.answer(GetTickers({market: make_number(market, end) for market in markets}, start_ms))
    history.close()
    expected = []
    for market in markets:
        own = [trade for trade in trades[: end - 1] if trade.market == market]
        candles = fold((trade for trade in own if trade.time_ms >= start_ms), ONE_SPAN_MS)
        expected += [Ticker(market, own[-1], candles[0] if candles else None)] if own else []
    assert isinstance(reply, TickersReply)
    assert sorted(reply.tickers, key=lambda each: markets.index(each.market)) == expected
