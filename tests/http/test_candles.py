"""Candles and tickers over HTTP, of trades that a shard and the archive have between them, against plain sums."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from shards.archive.service import History
from shards.clock import now_ms
from shards.engine.engine import Engine
from shards.engine.queries import answer
from shards.model.commands import Command
from shards.model.events import Traded
from shards.model.markets import Market
from shards.model.orders import Side, Trade
from shards.model.queries import Query
from shards.model.replies import Reply
from tests.http.futures.site import BTC, ETH, SPOT, SPOT_ONLY, FakeClient, Site, make_trade
from tests.model.seeds import read_seed
from web.exchange.candles import INTERVALS_S
from web.futures.market_data.market import INTERVALS_MS

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
VALUE_MAX: Final = 10**38 - 1  # ticks × lots of one trade: what a wallet can hold at most


class Divided(FakeClient):
    """A shard and an archive as they are; the newest trades are not archived, some are on both sides."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.shard = Engine(0, 1)
        self.history = History(path / "history.duckdb", b"k" * 32)

    def trade(self, trades: Sequence[Trade], archived: int, known: int) -> None:
        """The first ``archived`` are in the archive, of which the shard still has the last ``known``."""
        rows = [(number, Traded(trade)) for number, trade in enumerate(trades, 1)]
        self.history.store({0: rows[:archived]})
        for number, row in rows[archived - known :]:
            self.shard.unarchived.add(number, row)

    def call(self, shard: int, message: Command | Query, deadline_ms: int = 0) -> Reply:
        return answer(self.shard, message)  # type: ignore[arg-type]  # market data is made of queries alone

    def ask_archive(self, query: Query, deadline_ms: int = 0) -> Reply:
        return self.history.answer(query)


@pytest.fixture
def divided(tmp_path: Path) -> Iterator[Site]:
    client = Divided(tmp_path)
    site = Site(tmp_path, client=client)
    yield site
    client.history.close()
    site.reference.close()


def deal(site: Site, trades: Sequence[Trade], archived: int, known: int = 0) -> None:
    assert isinstance(site.client, Divided)
    site.client.trade(trades, archived, known)


def some_trades(chance: random.Random, markets: Sequence[Market], count: int, value_max: int) -> list[Trade]:
    """Of several markets, from some days ago until now; now and then nothing happens for long."""
    gaps = [chance.choice((0, 1, 900, 30_000, 200_000, 5_000_000, 50_000_000)) for _ in range(count)]
    time_ms = now_ms() - sum(gaps)
    trades = []
    for sequence, gap in enumerate(gaps, 1):
        time_ms += gap
        price = chance.randint(1, 50)
        quantity = chance.randint(1, value_max // price)
        market, side = chance.choice(markets), chance.choice(list(Side))
        trades.append(make_trade(market, sequence, price, quantity, side, time_ms))
    return trades


def sums(trades: Sequence[Trade], market: Market) -> list[Fraction | int]:
    """Open, high, low, close, volume, value, trades, taker's volume, taker's value, in units of account."""
    tick, lot = Fraction(1, 10), Fraction(1, 1_000)
    prices = [trade.price * tick for trade in trades]
    bought = [trade for trade in trades if trade.taker_side is Side.BUY]

    def come_to(some: Sequence[Trade]) -> list[Fraction]:
        return [
            lot * sum(trade.quantity for trade in some),
            tick * lot * sum(trade.quantity * trade.price for trade in some),
        ]

    return [prices[0], max(prices), min(prices), prices[-1], *come_to(trades), len(trades), *come_to(bought)]


def candles(trades: Sequence[Trade], market: Market, interval_ms: int) -> dict[int, list[Fraction | int]]:
    """By opening time, oldest first."""
    spans: dict[int, list[Trade]] = {}
    for trade in trades:
        if trade.market == market.number:
            spans.setdefault(trade.time_ms // interval_ms * interval_ms, []).append(trade)
    return {open_ms: sums(some, market) for open_ms, some in spans.items()}


def ask_futures(site: Site, market: Market, interval: str, query: str) -> dict[int, list[Fraction | int]]:
    found = site.get(f"/v1/klines?symbol={market.symbol}&interval={interval}{query}").ok()
    assert all(row[6] == row[0] + INTERVALS_MS[interval] - 1 for row in found)
    return {row[0]: [*map(Fraction, row[1:6]), Fraction(row[7]), row[8], *map(Fraction, row[9:11])] for row in found}


def ask_spot(site: Site, market: Market, interval: str, query: str) -> dict[int, list[Fraction | int]]:
    target = f"/api/v1/spot/klines?symbol={market.symbol}&interval={interval}{query}"
    found = site.send("GET", target, {}, b"").json
    assert all(row[6] == row[0] + INTERVALS_S[interval] - 1 for row in found)
    return {row[0] * 1_000: [*map(Fraction, row[1:6]), Fraction(row[7]), row[8]] for row in found}


def choose(
    whole: dict[int, Any], start_ms: int | None, end_ms: int | None, limit: int
) -> dict[int, list[Fraction | int]]:
    """What the bounds choose, of which the first ones, or without a start the last."""
    opened = [each for each in whole if (start_ms is None or each >= start_ms) and (end_ms is None or each <= end_ms)]
    return {each: whole[each] for each in (opened[-limit:] if start_ms is None else opened[:limit])}


@pytest.mark.parametrize("value_max", [10**9, VALUE_MAX], ids=["small", "beyond-128-bits"])
def test_bounds_choose_whole_candles(divided: Site, value_max: int) -> None:
    chance = random.Random(read_seed())
    trades = some_trades(chance, (BTC, SPOT), 240, value_max)
    archived = chance.randint(50, 200)
    deal(divided, trades, archived, chance.randint(0, 20))
    for _ in range(150):
        futures = chance.random() < 0.5
        market, ask, times, unit = (
            (BTC, ask_futures, INTERVALS_MS, 1) if futures else (SPOT, ask_spot, INTERVALS_S, 1_000)
        )
        interval = chance.choice(list(times))
        whole = candles(trades, market, times[interval] * unit)
        moments = [*whole, *(trade.time_ms for trade in trades), None]
        start_ms, end_ms = chance.choice(moments), chance.choice(moments)
        if start_ms is not None and end_ms is not None and start_ms > end_ms:
            start_ms, end_ms = end_ms, start_ms
        if chance.random() < 0.2 and start_ms is not None:
            end_ms = start_ms
        limit = chance.choice((1, 2, 3, 10, 500))
        names = ("startTime", "endTime") if futures else ("start_time", "end_time")
        bounds = [None if each is None else each // unit for each in (start_ms, end_ms)]
        query = "".join(f"&{name}={each}" for name, each in zip(names, bounds, strict=True) if each is not None)
        first_ms, last_ms = (None if each is None else each * unit for each in bounds)
        expected = choose(whole, first_ms, last_ms, limit)
        if not futures:
            expected = {open_ms: values[:7] for open_ms, values in expected.items()}
        found = ask(divided, market, interval, f"{query}&limit={limit}")
        assert list(found) == sorted(found) and found == expected, (market.symbol, interval, query, limit)


def test_the_newest_candles_are_found_however_long_ago(divided: Site) -> None:
    """A burst of trades two years ago, one since; nearly all of it in the archive."""
    old = now_ms() // DAY_MS * DAY_MS - 700 * DAY_MS
    trades = [make_trade(BTC, number + 1, 10, 1, Side.BUY, old + number * MINUTE_MS) for number in range(30)]
    trades.append(make_trade(BTC, 31, 20, 1, Side.SELL, now_ms() - 5 * MINUTE_MS))
    deal(divided, trades, 31)
    for interval in INTERVALS_MS:
        whole = candles(trades, BTC, INTERVALS_MS[interval])
        for limit in (1, 2, 20, 500):
            assert ask_futures(divided, BTC, interval, f"&limit={limit}") == choose(whole, None, None, limit)
            before = f"&limit={limit}&endTime={old + 15 * MINUTE_MS + 1}"
            assert ask_futures(divided, BTC, interval, before) == choose(whole, None, old + 15 * MINUTE_MS + 1, limit)
    assert ask_futures(divided, ETH, "1m", "") == {}


def test_a_great_turnover_is_summed_and_hides_no_other_market(divided: Site) -> None:
    chance = random.Random(read_seed())
    start = now_ms() - 60_000
    trades = []
    for number in range(1, 41):
        market = chance.choice((BTC, SPOT, SPOT_ONLY))
        value_max = 10**9 if market is SPOT_ONLY else VALUE_MAX
        price = chance.randint(1, 50)
        quantity = chance.randint(value_max // price // 2, value_max // price)
        trades.append(make_trade(market, number, price, quantity, chance.choice(list(Side)), start + number))
    deal(divided, trades, chance.choice((0, 20, 40)))

    def own(market: Market) -> list[Fraction | int]:
        return sums([trade for trade in trades if trade.market == market.number], market)

    day = divided.get("/v1/ticker/24hr?symbol=BTCUSDT").ok()
    told = [day["openPrice"], day["highPrice"], day["lowPrice"], day["lastPrice"], day["volume"], day["quoteVolume"]]
    assert [*map(Fraction, told), day["count"]] == own(BTC)[:7]
    assert [each["count"] for each in divided.get("/v1/ticker/24hr").ok()] == [day["count"], 0, 0]
    spot = divided.send("GET", "/api/v1/spot/ticker/24hr", {}, b"").json
    assert [each["symbol"] for each in spot] == ["BTCUSDT", "DFUSDT"]
    for each, market in zip(spot, (SPOT, SPOT_ONLY), strict=True):
        told = [each[name] for name in ("open_price", "high", "low", "last_price", "volume", "quote_volume")]
        assert [*map(Fraction, told), each["trade_count"]] == own(market)[:7]
    aggregated = divided.get("/v1/aggTrades?symbol=BTCUSDT&startTime=1").ok()
    assert [each["T"] for each in aggregated] == [trade.time_ms for trade in trades if trade.market == BTC.number]


def test_a_day_of_a_ticker_begins_where_it_says(divided: Site) -> None:
    now = now_ms()
    offsets = range(-20_000, 20_000, 40)
    trades = [make_trade(BTC, at, 10, 1, Side.BUY, now - DAY_MS + offset) for at, offset in enumerate(offsets, 1)]
    deal(divided, trades, len(trades) // 2)
    day = divided.get("/v1/ticker/24hr?symbol=BTCUSDT").ok()
    assert day["count"] == sum(trade.time_ms >= day["openTime"] for trade in trades)
