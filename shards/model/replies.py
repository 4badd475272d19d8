"""Replies to commands and queries."""

import msgspec

from shards.model.accounting import Balance, Income
from shards.model.events import MarginFilled
from shards.model.markets import Market
from shards.model.orders import Candle, Order, Trade
from shards.model.positions import Margin
from shards.model.reasons import RejectReason
from shards.model.span import NO_BOUND


class OrderReply(msgspec.Struct, array_like=True, tag=60, gc=False):
    """The order's current state; ``trades`` are the matches of this call."""

    order: Order
    trades: list[Trade] = []
    repeated: bool = False  # the first order of that client id; its trades must be queried separately


class OrdersReply(msgspec.Struct, array_like=True, tag=61):
    """Orders; a large reply comes in several parts, in order."""

    orders: list[Order]


class TradesReply(msgspec.Struct, array_like=True, tag=62):
    """Trades."""

    trades: list[Trade]


class BalancesReply(msgspec.Struct, array_like=True, tag=63):
    """Wallets, sorted by asset."""

    balances: list[Balance]


class MarginReply(msgspec.Struct, array_like=True, tag=73):
    """The futures wallet and all it backs. Amounts in USDT's smallest unit."""

    margin: Margin
    free: int  # available to new orders; negative when losses have consumed margins and holds
    marks: dict[int, int]  # market → value of one lot at the mark price, for the markets of ``margin`` that have one


class FillsReply(msgspec.Struct, array_like=True, tag=76):
    """Futures fills as booked."""

    fills: list[MarginFilled]


class IncomeReply(msgspec.Struct, array_like=True, tag=77):
    """Changes of a futures wallet."""

    income: list[Income]


class PricesReply(msgspec.Struct, array_like=True, tag=78):
    """Prices in ticks; 0 if there is none yet."""

    last: int
    mark: int


class OpenCountReply(msgspec.Struct, array_like=True, tag=79):
    """Numbers of open orders: spot, regular futures orders, and waiting triggers."""

    spot: int
    futures: int
    triggers: int


class TransferReply(msgspec.Struct, array_like=True, tag=74):
    """The available amounts of both wallets after a transfer, in the asset's smallest unit."""

    futures_after: int
    spot_after: int


class BatchReply(msgspec.Struct, array_like=True, tag=75):
    """Per requested id, in order: the order's current state, whether canceled or ended before; or the reject reason."""

    found: list[Order | RejectReason]


class AmountReply(msgspec.Struct, array_like=True, tag=64):
    """The wallet's available amount after a deposit or withdrawal (for a repeat, after the first one)."""

    balance_after: int


class MarketReply(msgspec.Struct, array_like=True, tag=65):
    """The market in force."""

    market: Market


class CountReply(msgspec.Struct, array_like=True, tag=66):
    """A number: a leverage, a countdown in milliseconds, the sequence of a snapshot, the decimals of an asset."""

    count: int


class DepthReply(msgspec.Struct, array_like=True, tag=67):
    """(ticks, lots) per level, best first; ``update_id`` grows with each change of the book."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class ShardStatus(msgspec.Struct, array_like=True, tag=68):
    """Journal positions and counts of a shard."""

    shard: int
    markets: int
    accounts: int
    open_orders: int
    queue_depth: int
    queue_depth_max: int
    journal_seq: int
    snapshot_seq: int
    archive_lag: int  # events not yet confirmed by the archive
    serving: bool  # False: recovering


class ArchiveStatus(msgspec.Struct, array_like=True, tag=69):
    """Number of rows in the archive and, per shard, the number of the last event."""

    rows: int
    positions: dict[int, int]


JsonScalar = str | int | float | bool | None


class TableReply(msgspec.Struct, array_like=True, tag=70):
    """Columns and rows of a SQL result; values as JSON-compatible text and numbers."""

    columns: list[str]
    rows: list[list[JsonScalar]]
    types: list[str] = []  # of the columns, as named by DuckDB


class Rejected(msgspec.Struct, array_like=True, tag=71, gc=False):
    """The command was not executed. ``order`` is the conflicting one, if any."""

    reason: RejectReason
    order: Order | None = None
    text: str = ""


class CandlesReply(msgspec.Struct, array_like=True, tag=72):
    """Candles, oldest first; ``first_id`` is the oldest available trade of the market, else 2^62."""

    candles: list[Candle]
    first_id: int = NO_BOUND


class Ticker(msgspec.Struct, array_like=True):
    """A market's last trade and candle, from at least one available trade."""

    market: int
    newest: Trade
    candle: Candle | None  # of the trades since the requested time
    first_id: int = 0  # the oldest available trade; set by shards only


class TickersReply(msgspec.Struct, array_like=True, tag=80):
    """The requested markets that have an available trade."""

    tickers: list[Ticker]


Reply = (
    OrderReply
    | OrdersReply
    | TradesReply
    | BalancesReply
    | MarginReply
    | FillsReply
    | IncomeReply
    | PricesReply
    | OpenCountReply
    | AmountReply
    | MarketReply
    | CountReply
    | TransferReply
    | BatchReply
    | DepthReply
    | ShardStatus
    | ArchiveStatus
    | TableReply
    | Rejected
    | CandlesReply
    | TickersReply
)
