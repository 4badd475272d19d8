"""Levels, trades and candles as the futures API shows them."""

from shards.model.markets import Market
from shards.model.orders import Candle, Side, Trade
from web.http.formats import format_price, format_value


def render_levels(market: Market, levels: list[tuple[int, int]]) -> list[list[str]]:
    """Levels of one side of a book."""
    return [[format_price(market, price), market.format_quantity(lots)] for price, lots in levels]


def render_trade(market: Market, trade: Trade) -> dict[str, object]:
    """A trade without its accounts."""
    return {
        "id": trade.id,
        "price": format_price(market, trade.price),
        "qty": market.format_quantity(trade.quantity),
        "quoteQty": format_value(market, trade.price * trade.quantity),
        "time": trade.time_ms,
        "isBuyerMaker": trade.taker_side is Side.SELL,
    }


def render_aggregated(market: Market, trade: Trade) -> dict[str, object]:
    """The same under the names of an aggregate, of which it is the only one."""
    return {
        "a": trade.id,
        "p": format_price(market, trade.price),
        "q": market.format_quantity(trade.quantity),
        "f": trade.id,
        "l": trade.id,
        "T": trade.time_ms,
        "m": trade.taker_side is Side.SELL,
    }


def render_candle(market: Market, candle: Candle, interval_ms: int) -> list[object]:
    """A kline: twelve columns, times in ms."""
    return [
        candle.open_ms,
        format_price(market, candle.open),
        format_price(market, candle.high),
        format_price(market, candle.low),
        format_price(market, candle.close),
        market.format_quantity(candle.volume),
        candle.open_ms + interval_ms - 1,
        format_value(market, candle.value),
        candle.count,
        market.format_quantity(candle.taker_buy_volume),
        format_value(market, candle.taker_buy_value),
        "0",
    ]
