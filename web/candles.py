"""Trades folded into candles and a day's ticker: integers in, text out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shards.markets import Market
from shards.messages import Trade
from shards.units import format_plain

INTERVALS_S: Final = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}
DAY_S: Final = 86_400


@dataclass
class Candle:
    """The trades of one span: prices in ticks, volume in lots, value in ticks × lots."""

    open_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    value: int = 0
    count: int = 0

    def add(self, trade: Trade) -> None:
        """Take up the next trade."""
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.close = trade.price
        self.volume += trade.quantity
        self.value += trade.price * trade.quantity
        self.count += 1


def fold(trades: Iterable[Trade], interval_s: int) -> list[Candle]:
    """Candles of trades given oldest first; a span without a trade has none."""
    candles: list[Candle] = []
    for trade in trades:
        open_s = trade.time_ms // 1_000 // interval_s * interval_s
        if not candles or candles[-1].open_s != open_s:
            candles.append(Candle(open_s, trade.price, trade.price, trade.price, trade.price))
        candles[-1].add(trade)
    return candles


def render_candle(market: Market, candle: Candle, interval_s: int) -> list[object]:
    """A kline: times in seconds."""
    return [
        candle.open_s,
        market.format_price(candle.open),
        market.format_price(candle.high),
        market.format_price(candle.low),
        market.format_price(candle.close),
        market.format_quantity(candle.volume),
        candle.open_s + interval_s - 1,
        format_value(market, candle.value),
        candle.count,
    ]


def render_ticker(market: Market, last: Trade, trades: list[Trade], now_s: int) -> dict[str, object]:
    """A market's last 24 hours; ``trades`` are its trades of that time, oldest first, ``last`` its newest ever."""
    day = Candle(now_s - DAY_S, *[trades[0].price if trades else last.price] * 4)
    for trade in trades:
        day.add(trade)
    return {
        "symbol": market.symbol,
        "last_price": market.format_price(last.price),
        "open_price": market.format_price(day.open),
        "high": market.format_price(day.high),
        "low": market.format_price(day.low),
        "volume": market.format_quantity(day.volume),
        "quote_volume": format_value(market, day.value),
        "trade_count": day.count,
        "open_time": day.open_s,
        "close_time": now_s,
    }


def format_value(market: Market, value: int) -> str:
    """Ticks × lots as an amount of the quote asset."""
    return format_plain(value * market.tick_lot_units, market.quote_places)
