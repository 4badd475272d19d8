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
    """One order as it stands; ``trades`` are the matches of this call."""

    order: Order
    trades: list[Trade] = []
    repeated: bool = False  # the first order of that client id; its trades are asked for apart


class OrdersReply(msgspec.Struct, array_like=True, tag=61):
    """Orders; a large answer comes in several pieces, in order."""

    orders: list[Order]


class TradesReply(msgspec.Struct, array_like=True, tag=62):
    """Trades."""

    trades: list[Trade]


class BalancesReply(msgspec.Struct, array_like=True, tag=63):
    """Wallets, sorted by asset."""

    balances: list[Balance]


class MarginReply(msgspec.Struct, array_like=True, tag=73):
    """The futures wallet and what it backs. Amounts in USDT's smallest unit."""

    margin: Margin
    free: int  # what new orders may use; negative when losses have eaten into margins and holds
    marks: dict[
        int, int
    ]  # market → what one lot is worth at the mark price, for the markets of ``margin`` that have one


class FillsReply(msgspec.Struct, array_like=True, tag=76):
    """Futures fills as they were booked."""

    fills: list[MarginFilled]


class IncomeReply(msgspec.Struct, array_like=True, tag=77):
    """Movements of a futures wallet."""

    income: list[Income]


class PricesReply(msgspec.Struct, array_like=True, tag=78):
    """Ticks; 0 while there is none."""

    last: int
    mark: int


class OpenCountReply(msgspec.Struct, array_like=True, tag=79):
    """Open orders: spot, regular futures orders, and waiting triggers."""

    spot: int
    futures: int
    triggers: int


class TransferReply(msgspec.Struct, array_like=True, tag=74):
    """What is available in both wallets after a transfer, in the asset's smallest unit."""

    futures_after: int
    spot_after: int


class BatchReply(msgspec.Struct, array_like=True, tag=75):
    """For each id, as asked: its order as it is now, canceled or ended before; or why there is none."""

    found: list[Order | RejectReason]


class AmountReply(msgspec.Struct, array_like=True, tag=64):
    """The wallet's available amount after a deposit or withdrawal (after the first one, for a repeat)."""

    balance_after: int


class MarketReply(msgspec.Struct, array_like=True, tag=65):
    """The market in force."""

    market: Market


class CountReply(msgspec.Struct, array_like=True, tag=66):
    """A number: a leverage, the milliseconds of a countdown, the record of a snapshot, the decimals of an asset."""

    count: int


class DepthReply(msgspec.Struct, array_like=True, tag=67):
    """(ticks, lots) per level, best first; ``update_id`` grows with each change of the book."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class ShardStatus(msgspec.Struct, array_like=True, tag=68):
    """Positions and counts of a shard."""

    shard: int
    markets: int
    accounts: int
    open_orders: int
    queue_depth: int
    queue_depth_max: int
    journal_seq: int
    snapshot_seq: int
    archive_lag: int  # rows not yet confirmed by the archive
    serving: bool  # False: recovering


class ArchiveStatus(msgspec.Struct, array_like=True, tag=69):
    """Rows in the archive and, per shard, the number of the last one."""

    rows: int
    positions: dict[int, int]


class TableReply(msgspec.Struct, array_like=True, tag=70):
    """Columns and rows of a SQL answer; values as JSON-friendly text and numbers."""

    columns: list[str]
    rows: list[list[str | int | float | bool | None]]
    types: list[str] = []  # of the columns, as DuckDB writes them


class Rejected(msgspec.Struct, array_like=True, tag=71, gc=False):
    """The command was not carried out. ``order`` stands against it where there is one."""

    reason: RejectReason
    order: Order | None = None
    text: str = ""


class CandlesReply(msgspec.Struct, array_like=True, tag=72):
    """Candles, oldest first; ``first_id`` is the oldest of all trades of the market that were at hand, else 2^62."""

    candles: list[Candle]
    first_id: int = NO_BOUND


class Ticker(msgspec.Struct, array_like=True):
    """A market's trades that were at hand, of which there was one at least."""

    market: int
    newest: Trade
    candle: Candle | None  # of those since the moment that was asked for
    first_id: int = 0  # the oldest at hand; a shard says it


class TickersReply(msgspec.Struct, array_like=True, tag=80):
    """Of the markets that were asked for, those with a trade at hand."""

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
