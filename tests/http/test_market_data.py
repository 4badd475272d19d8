"""Candles and tickers of a running exchange, with its trades in the shard's memory and in the archive."""

from typing import Final

import pytest

from tests.http.futures.actor import Actor, trade
from tests.http.futures.trader import list_contract
from tests.http.venue import Json, Venue

SPANS_S: Final = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}


@pytest.mark.parametrize("archived", [False, True])
def test_spot_candles(venue: Venue, archived: bool) -> None:
    pair, (maker, taker) = venue.pair(), (venue.user(DF="100"), venue.user(USDT="100"))
    maker.place(pair, "sell", "0.5", "30")
    for _ in range(3):
        taker.place(pair, "buy", "0.5", "10")
    if archived:
        venue.wait_archived()
    times = sorted(int(each["ts"]) for each in venue.public("/spot/trades", symbol=pair.symbol).ok())
    for interval, span_s in SPANS_S.items():

        def ask(interval: str = interval, **query: int) -> list[list[Json]]:
            return list(venue.public("/spot/klines", symbol=pair.symbol, interval=interval, **query).ok())

        whole = ask()
        opened = [row[0] for row in whole]
        assert opened == sorted({each // 1_000 // span_s * span_s for each in times})
        assert sum(row[8] for row in whole) == 3
        first, last = opened[0], opened[-1]
        assert ask(start_time=first, end_time=first) == whole[:1]
        assert ask(start_time=first) == whole and ask(start_time=first, limit=1) == whole[:1]
        assert ask(start_time=first + 1) == whole[1:]
        assert ask(start_time=last + 1) == [] and ask(end_time=first - 1) == []
        assert ask(start_time=first + 1, end_time=first + span_s - 1) == []
        assert ask(end_time=last) == ask(end_time=last + span_s - 1) == whole
        assert ask(limit=1) == ask(limit=1, end_time=2**63 - 1) == whole[-1:]
        assert ask(start_time=2**63 - 1) == []


@pytest.mark.parametrize("archived", [False, True])
def test_futures_candles(venue: Venue, archived: bool) -> None:
    symbol, own, other = list_contract(venue), Actor(venue, 0), Actor(venue, venue.shard_count - 1)
    for _ in range(3):
        trade(own, other, symbol, "BUY", "100", "0.2")
    if archived:
        venue.wait_archived()

    def ask(**query: int) -> list[list[Json]]:
        return list(own.get("/klines", symbol=symbol, interval="1m", **query))

    whole = ask()
    first, last = whole[0][0], whole[-1][0]
    assert sum(row[8] for row in whole) == 3 and first % 60_000 == 0
    assert ask(startTime=first, endTime=first) == whole[:1]
    assert ask(startTime=first + 1, endTime=first + 59_999) == []
    assert ask(startTime=first + 1) == whole[1:]
    assert ask(startTime=first - 1, limit=1) == whole[:1]
    assert ask(endTime=last) == ask(endTime=last + 59_999) == whole
    assert ask(limit=1) == whole[-1:]


@pytest.mark.parametrize("archived", [False, True])
def test_a_turnover_beyond_128_bits(venue: Venue, archived: bool) -> None:
    """Three trades of 8 × 10^19 in an asset of 18 decimals: all figures are exact, and no other market is left out."""
    quiet, seller, buyer = venue.pair(), venue.user(DF="300000000010"), venue.user(USDT="100")
    seller.place(quiet, "sell", "0.5", "10")
    buyer.place(quiet, "buy", "0.5", "10")
    pair = venue.pair(quote=venue.asset(18), tick="0.000000001", lot="0.000000001")
    assert seller.try_place(pair, "sell", "1000000000", "100000000000").brief() == "400 INVALID_LOT"  # a unit too much
    for _ in range(3):
        buyer = venue.user()
        buyer.endow(pair.quote, 8 * 10**37)
        seller.place(pair, "sell", "800000000", "100000000000")
        buyer.place(pair, "buy", "800000000", "100000000000")
    if archived:
        venue.wait_archived()
    klines = venue.public("/spot/klines", symbol=pair.symbol, interval="1d").ok()
    assert sum(int(row[7]) for row in klines) == 240 * 10**18
    own = venue.public("/spot/ticker/24hr", symbol=pair.symbol).ok()
    assert (own["quote_volume"], own["volume"], own["trade_count"]) == (f"{240 * 10**18}", "300000000000", 3)
    counts = {each["symbol"]: each["trade_count"] for each in venue.public("/spot/ticker/24hr").ok()}
    assert (counts[pair.symbol], counts[quiet.symbol]) == (3, 1)
