"""Orders and trades: kept by the market machines, shown in replies, stored in the archive.

Prices are in ticks, quantities in lots, amounts in the smallest unit of their asset, times in Unix milliseconds; ids
are the 52-bit numbers of :mod:`shards.model.ids`. An absent integer is 0, an absent text "". New fields go at the end,
with a default, so that older journals stay readable.
"""

from enum import IntEnum, StrEnum
from typing import Final

import msgspec


class Side(IntEnum):
    """The direction of an order."""

    BUY = 1
    SELL = 2


class Kind(IntEnum):
    """How an order is priced."""

    LIMIT = 1
    MARKET = 2
    STOP = 3  # this and all below: triggers, futures only; what they become once fired
    STOP_MARKET = 4
    TAKE_PROFIT = 5
    TAKE_PROFIT_MARKET = 6
    TRAILING_STOP_MARKET = 7


class WatchedPrice(IntEnum):
    """The price a trigger watches."""

    CONTRACT = 1  # the last trade's
    MARK = 2


class TimeInForce(IntEnum):
    """What happens to the part of an order that is not filled immediately."""

    GTC = 1
    IOC = 2
    POST_ONLY = 3
    FOK = 4


class Status(IntEnum):
    """An order's status; all but the first two are terminal."""

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
    GTX = "gtx"  # the same for a fired trigger
    BATCH = "batch"
    CASCADE = "cascade"  # with its parent
    COUNTDOWN = "countdown"
    POSITION_CLOSED = "position_closed"
    REDUCE_ONLY = "reduce_only"  # nothing left to reduce
    OWN_ORDER = "own_order"  # it would have matched a new order of its own account
    CHILD_FIRED = "child_fired"  # its take-profit or stop-loss fired
    MARGIN = "margin"  # fired with insufficient margin
    FOK = "fok"
    HALTED = "halted"  # fired, but its market was halted before its margin was held
    PERCENT_PRICE = "percent_price"  # fired with a price too far from the mark price


# Aliases of the members that every order is compared with: in Python 3.11 looking up an enumeration's member costs as
# much as a call.
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
    """A trigger order's condition and state. Prices in ticks."""

    origin: Kind  # as placed; the order's kind changes once it fires
    stop_price: int = 0  # 0: trailing
    watched: WatchedPrice = WatchedPrice.CONTRACT
    protect: bool = False  # does not fire while last and mark price are too far apart
    activation: int = 0  # trailing: the watched price from which it starts to follow
    callback: int = 0  # trailing: hundredths of a percent
    parent: int = 0  # the order it is attached to
    extreme: int = 0  # trailing: the best watched price since placing
    fired_ms: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order as the market machine keeps it, replies show it and the archive stores it."""

    id: int
    market: int
    account: str
    side: Side
    kind: Kind
    tif: TimeInForce
    price: int  # ticks; 0 for market orders
    quantity: int  # lots; 0 for a market buy
    quote_quantity: int  # quote units; market buys only
    client_id: str
    signed_ms: int  # time stamp of the signed request; 0 under a bearer token
    filled: int  # lots
    filled_value: int  # Σ ticks × lots of its fills
    hold: int  # units still held: quote for a buy, base for a sell
    status: Status
    end_reason: EndReason
    created_ms: int
    updated_ms: int
    request: int = 0  # journal sequence of the input that ended it; identifies the request together with the shard
    reduce_only: bool = False  # futures, as all below
    close_position: bool = False
    leverage: int = 0  # of its hold and its fills
    hold_price: int = 0  # ticks: the price its hold is computed from
    trigger: Trigger | None = None
    take_profit: int = 0  # ids of attached triggers
    stop_loss: int = 0
    loss: int = 0  # ticks per lot held in addition to the margin


class NewOrder(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An order to be placed: the first twelve fields of the order it may become."""

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
    window_ms: int = 0  # the request is valid for so long after ``signed_ms``; 0: unspecified


class Trade(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One match, at the maker's price."""

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
    """The trades of one interval: prices in ticks, volumes in lots, values in ticks × lots."""

    open_ms: int  # start of the interval
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    count: int
    taker_buy_volume: int
    taker_buy_value: int
    first_id: int  # of its trades
    last_id: int
