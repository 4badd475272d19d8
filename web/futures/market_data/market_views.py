"""Levels, trades and candles as the futures API shows them."""

from typing import Final

import msgspec

from shards.model.markets import Market
from shards.model.orders import Candle, Side, Trade
from web.futures.fields import Decimal, Id, Levels, Milliseconds, Natural
from web.http.formats import format_price, format_value


class TradeView(msgspec.Struct, gc=False):
    """A trade without its accounts."""

    id: Id
    price: Decimal
    qty: Decimal
    quoteQty: Decimal
    time: Milliseconds
    isBuyerMaker: bool


_AGGREGATED: Final = {
    "id": "a",
    "price": "p",
    "quantity": "q",
    "first_id": "f",
    "last_id": "l",
    "time": "T",
    "is_buyer_maker": "m",
}


class AggregatedView(msgspec.Struct, gc=False, rename=_AGGREGATED):
    """An aggregate trade, which always consists of a single trade."""

    id: Id
    price: Decimal
    quantity: Decimal
    first_id: Id
    last_id: Id
    time: Milliseconds
    is_buyer_maker: bool


class DepthView(msgspec.Struct, gc=False, rename={"sent": "E", "time": "T"}):
    """The levels of an order book."""

    lastUpdateId: Natural
    sent: Milliseconds
    time: Milliseconds
    bids: Levels
    asks: Levels


def render_levels(market: Market, levels: list[tuple[int, int]]) -> list[list[str]]:
    """The levels of one side of an order book."""
    return [[format_price(market, price), market.format_quantity(lots)] for price, lots in levels]


def render_trade(market: Market, trade: Trade) -> TradeView:
    """A trade without its accounts."""
    return TradeView(
        id=trade.id,
        price=format_price(market, trade.price),
        qty=market.format_quantity(trade.quantity),
        quoteQty=format_value(market, trade.price * trade.quantity),
        time=trade.time_ms,
        isBuyerMaker=trade.taker_side is Side.SELL,
    )


def render_aggregated(market: Market, trade: Trade) -> AggregatedView:
    """A trade as an aggregate of a single trade."""
    return AggregatedView(
        id=trade.id,
        price=format_price(market, trade.price),
        quantity=market.format_quantity(trade.quantity),
        first_id=trade.id,
        last_id=trade.id,
        time=trade.time_ms,
        is_buyer_maker=trade.taker_side is Side.SELL,
    )


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
