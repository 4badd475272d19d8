"""Candles and 24-hour tickers as text."""

from typing import Final

import msgspec

from shards.model.decimals import format_plain
from shards.model.markets import Market
from shards.model.orders import Candle
from web.exchange.fields import Amount, Name, Natural, Price, Seconds

INTERVALS_S: Final = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}
DAY_S: Final = 86_400


class TickerView(msgspec.Struct, gc=False):
    """A market's last 24 hours."""

    symbol: Name
    last_price: Price
    open_price: Price
    high: Price
    low: Price
    volume: Amount
    quote_volume: Amount
    trade_count: Natural
    open_time: Seconds
    close_time: Seconds


def render_candle(market: Market, candle: Candle, interval_s: int) -> list[object]:
    """A kline: times in seconds."""
    open_s = candle.open_ms // 1_000
    return [
        open_s,
        market.format_price(candle.open),
        market.format_price(candle.high),
        market.format_price(candle.low),
        market.format_price(candle.close),
        market.format_quantity(candle.volume),
        open_s + interval_s - 1,
        format_value(market, candle.value),
        candle.count,
    ]


def render_ticker(market: Market, day: Candle, last: int, now_s: int) -> TickerView:
    """A market's last 24 hours, from the candle of its trades and the price of its newest trade overall, in ticks."""
    return TickerView(
        symbol=market.symbol,
        last_price=market.format_price(last),
        open_price=market.format_price(day.open),
        high=market.format_price(day.high),
        low=market.format_price(day.low),
        volume=market.format_quantity(day.volume),
        quote_volume=format_value(market, day.value),
        trade_count=day.count,
        open_time=now_s - DAY_S,
        close_time=now_s,
    )


def no_trades(last: int) -> Candle:
    """The candle of an interval without a trade: all prices are the last one before, in ticks."""
    return Candle(0, last, last, last, last, 0, 0, 0, 0, 0, 0, 0)


def format_value(market: Market, value: int) -> str:
    """A notional value (ticks × lots) as an amount of the quote asset."""
    return format_plain(value * market.tick_lot_units, market.quote_decimals)
