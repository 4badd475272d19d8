"""Orders and trades as values: what the market machines keep, replies show and the archive stores.

Prices are ticks, quantities lots, amounts smallest units of their asset, times Unix milliseconds; ids are the 52-bit
numbers of :mod:`shards.model.ids`. Optional integers are 0 when absent, optional texts "". Fields may be added at the
end, with a default: journals written before stay readable.
"""

from enum import IntEnum, StrEnum
from typing import Final

import msgspec


class Side(IntEnum):
    """Which way an order trades."""

    BUY = 1
    SELL = 2


class Kind(IntEnum):
    """How an order names its price."""

    LIMIT = 1
    MARKET = 2
    STOP = 3  # from here on: triggers, futures only; what they become when they fire
    STOP_MARKET = 4
    TAKE_PROFIT = 5
    TAKE_PROFIT_MARKET = 6
    TRAILING_STOP_MARKET = 7


class WatchedPrice(IntEnum):
    """Which price a trigger waits for."""

    CONTRACT = 1  # the last trade's
    MARK = 2


class TimeInForce(IntEnum):
    """What happens to what does not fill at once."""

    GTC = 1
    IOC = 2
    POST_ONLY = 3
    FOK = 4


class Status(IntEnum):
    """Where an order is in its life; all but the first two are terminal."""

    OPEN = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    EXPIRED = 6


class EndReason(StrEnum):
    """Why an order became terminal."""

    NONE = ""
    FILLED = "filled"
    USER = "user"
    CANCEL_ALL = "cancel_all"
    IOC = "ioc"
    MARKET_REST = "market_rest"
    DELIST = "delist"
    SELF_TRADE = "self_trade"
    POST_ONLY = "post_only"  # spot
    GTX = "gtx"  # the same of a fired trigger
    BATCH = "batch"
    CASCADE = "cascade"  # with its parent
    COUNTDOWN = "countdown"
    POSITION_CLOSED = "position_closed"
    REDUCE_ONLY = "reduce_only"  # nothing left to reduce
    OWN_ORDER = "own_order"  # it stood in the way of a new order of its own account
    CHILD_FIRED = "child_fired"  # its take-profit or stop-loss did
    MARGIN = "margin"  # fired without the money for it
    FOK = "fok"
    HALTED = "halted"  # fired, and its market was halted before its margin came
    PERCENT_PRICE = "percent_price"  # fired with a price too far from the mark


# What every order is asked for, by names of their own: Python 3.11 takes as long to find an enumeration's member as to
# make a call.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
LIMIT: Final = Kind.LIMIT
MARKET: Final = Kind.MARKET
IOC: Final = TimeInForce.IOC
POST_ONLY: Final = TimeInForce.POST_ONLY
FOK: Final = TimeInForce.FOK
OPEN: Final = Status.OPEN
PARTIALLY_FILLED: Final = Status.PARTIALLY_FILLED
CANCELED: Final = Status.CANCELED


class Trigger(msgspec.Struct, array_like=True, gc=False):
    """What a trigger order waits for, and what has become of the waiting. Prices in ticks."""

    origin: Kind  # as placed; the order's kind changes when it fires
    stop_price: int = 0  # 0: trailing
    watched: WatchedPrice = WatchedPrice.CONTRACT
    protect: bool = False  # does not fire while last and mark price are too far apart
    activation: int = 0  # trailing: the watched price from which on it follows
    callback: int = 0  # trailing: hundredths of a percent
    parent: int = 0  # the order it is attached to
    extreme: int = 0  # trailing: the best watched price since placing
    fired_ms: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order as the market machine keeps it, as replies show it and as the archive stores it."""

    id: int
    market: int
    account: str
    side: Side
    kind: Kind
    tif: TimeInForce
    price: int  # ticks; 0 for market orders
    quantity: int  # lots; 0 for a market buy
    quote_quantity: int  # quote units; only a market buy has it
    client_id: str
    signed_ms: int  # timestamp of the signed request; 0 under a bearer token
    filled: int  # lots
    filled_value: int  # Σ ticks × lots of its fills
    hold: int  # units still held for it: quote for a buy, base for a sell
    status: Status
    end_reason: EndReason
    created_ms: int
    updated_ms: int
    request: int = 0  # journal sequence of the input that ended it; with the shard it names the request
    reduce_only: bool = False  # futures, as all below
    close_position: bool = False
    leverage: int = 0  # of its hold and its fills
    hold_price: int = 0  # ticks: what its hold reckons with
    trigger: Trigger | None = None
    take_profit: int = 0  # ids of attached triggers
    stop_loss: int = 0
    loss: int = 0  # ticks: what its hold has for each lot beside the margin


class NewOrder(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What a caller asks to place; the first twelve fields of the order it may become."""

    market: int
    account: str
    side: Side
    kind: Kind
    tif: TimeInForce
    price: int
    quantity: int
    quote_quantity: int
    client_id: str = ""
    signed_ms: int = 0
    reduce_only: bool = False  # futures, as all below
    close_position: bool = False
    trigger: Trigger | None = None
    take_profit: Trigger | None = None  # to be attached
    stop_loss: Trigger | None = None
    window_ms: int = 0  # so long after ``signed_ms`` the request would be taken again; 0: it does not say


class Trade(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One match. It happens at the maker's price."""

    id: int
    market: int
    price: int
    quantity: int
    taker_side: Side
    maker_order: int
    taker_order: int
    maker_account: str
    taker_account: str
    maker_fee: int  # units of what the maker received
    taker_fee: int  # units of what the taker received
    time_ms: int


class Candle(msgspec.Struct, array_like=True):
    """The trades of one span of time: prices in ticks, volumes in lots, values in ticks × lots."""

    open_ms: int  # where the span begins
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    count: int
    taker_buy_volume: int
    taker_buy_value: int
    first_id: int  # trades
    last_id: int
