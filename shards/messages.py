"""The words of the product: commands, link messages, questions and replies.

All are plain values, made of those of :mod:`shards.model.orders` and :mod:`shards.model.accounting`. Prices are ticks,
quantities lots, amounts smallest units of their asset, times Unix milliseconds; ids are the 52-bit numbers of
:mod:`shards.model.ids`. Optional integers are 0 when absent, optional texts "". Fields may be added at the end, with a
default: journals written before stay readable.
"""

from enum import StrEnum

import msgspec

from shards.model.accounting import Balance, Income, IncomeKind, MarginSettlement, MarginTerms, Settlement, Wallet
from shards.model.brackets import Bracket, RiskChange
from shards.model.events import MarginFilled
from shards.model.markets import Market, MarketStatus
from shards.model.orders import Candle, NewOrder, Order, Side, Trade
from shards.model.positions import Margin


class Reason(StrEnum):
    """Why a command was refused. Each API maps them to its own status and text."""

    BUSY = "busy"  # mailbox full: not executed
    RESTARTING = "restarting"  # shard not serving: not executed (a cancel may have been)
    TIMEOUT = "timeout"  # unknown whether executed
    STORAGE_FULL = "storage_full"  # not executed
    HISTORY_UNREADABLE = "history_unreadable"
    UNKNOWN_ORDER = "unknown_order"
    NOT_OWNER = "not_owner"
    TERMINAL_ORDER = "terminal_order"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    UNKNOWN_MARKET = "unknown_market"
    MARKET_HALTED = "market_halted"
    MARKET_DELISTED = "market_delisted"
    MARKET_EXISTS = "market_exists"
    TOO_MANY_OPEN_ORDERS = "too_many_open_orders"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    SELF_TRADE = "self_trade"
    POST_ONLY = "post_only"
    REFERENCE_CONFLICT = "reference_conflict"
    AMOUNT_TOO_BIG = "amount_too_big"
    BAD_SQL = "bad_sql"
    INSUFFICIENT_MARGIN = "insufficient_margin"  # futures, as all below
    POSITION_LIMIT = "position_limit"
    PARENT_NOT_OPEN = "parent_not_open"
    WOULD_TRIGGER = "would_trigger"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    TOO_MANY_TRIGGERS = "too_many_triggers"
    CANNOT_FILL = "cannot_fill"  # fill or kill
    NOT_MODIFIABLE = "not_modifiable"
    NOTHING_CHANGES = "nothing_changes"
    BELOW_FILLED = "below_filled"
    POSITIONS_OPEN = "positions_open"
    MIN_NOTIONAL = "min_notional"  # of a market order, at the mark price
    MAX_NOTIONAL = "max_notional"
    PRICE_TOO_HIGH = "price_too_high"  # of a purchase, by the mark price
    PRICE_TOO_LOW = "price_too_low"  # of a sale
    NO_LEAVE = "no_leave"  # it only reduces, and would lose more than its account can bear


# Commands: journaled inputs


class Place(msgspec.Struct, array_like=True, tag=1, gc=False, frozen=True):
    """Place an order. Reply: OrderReply (also for a repeat of a known client id) or Refused."""

    order: NewOrder


class Cancel(msgspec.Struct, array_like=True, tag=2, gc=False, frozen=True):
    """Cancel one order. Reply: OrderReply; Refused UNKNOWN_ORDER, NOT_OWNER, TERMINAL_ORDER."""

    id: int
    account: str


class CancelByClientId(msgspec.Struct, array_like=True, tag=3, gc=False, frozen=True):
    """Cancel the open order of that client id. Reply as Cancel, never NOT_OWNER."""

    market: int
    account: str
    client_id: str


class CancelAll(msgspec.Struct, array_like=True, tag=4, gc=False, frozen=True):
    """Cancel the account's open orders on one market, or its spot orders on all of the shard's. Reply: OrdersReply."""

    account: str
    market: int = 0  # all spot markets
    triggers_only: bool = False  # futures: only those that wait


class Deposit(msgspec.Struct, array_like=True, tag=5, gc=False, frozen=True):
    """Credit (amount > 0) or debit (amount < 0) a wallet. ``reference`` makes it happen once.

    Reply: AmountReply; Refused REFERENCE_CONFLICT, INSUFFICIENT_BALANCE, AMOUNT_TOO_BIG.
    """

    account: str
    asset: str
    amount: int
    reference: str
    wallet: Wallet = Wallet.SPOT


class AddMarket(msgspec.Struct, array_like=True, tag=6, gc=False, frozen=True):
    """Open a market on the shard of its symbol. Reply: MarketReply with the market in force (a repeat: the first)."""

    market: Market


class SetMarketStatus(msgspec.Struct, array_like=True, tag=7, gc=False, frozen=True):
    """Halt, list again or delist. Reply: MarketReply; Refused UNKNOWN_MARKET, MARKET_DELISTED."""

    market: int
    status: MarketStatus


class SetMarkPrice(msgspec.Struct, array_like=True, tag=9, gc=False, frozen=True):
    """Set a futures market's mark price (ticks); 0: it follows the last trade. Reply: MarketReply or Refused."""

    market: int
    price: int


class SetLeverage(msgspec.Struct, array_like=True, tag=10, gc=False, frozen=True):
    """For orders placed from now on; asked of the account's home shard, within the market's band. Reply: CountReply."""

    account: str
    market: int
    leverage: int
    default: int = 0  # the market's: what it is as long as the account has set none


class Transfer(msgspec.Struct, array_like=True, tag=11, gc=False, frozen=True):
    """Move USDT between an account's wallets, once per reference if there is one. Reply: TransferReply or Refused."""

    account: str
    asset: str
    to: Wallet
    amount: int
    reference: str = ""


class CancelBatch(msgspec.Struct, array_like=True, tag=12, gc=False, frozen=True):
    """Cancel several futures orders of one market, by id or client id, in one step. Reply: BatchReply."""

    market: int
    account: str
    ids: list[int] = []
    client_ids: list[str] = []


class Countdown(msgspec.Struct, array_like=True, tag=13, gc=False, frozen=True):
    """Cancel everything of the account on a futures market after so long (ms; 0: never mind). Reply: CountReply."""

    market: int
    account: str
    after_ms: int


class Tick(msgspec.Struct, array_like=True, tag=14, gc=False, frozen=True):
    """Time has passed: what was due by this input's stamp happens. The shard itself asks for it."""


class Modify(msgspec.Struct, array_like=True, tag=15, gc=False, frozen=True):
    """Give an open futures order another price or quantity, or a waiting trigger another stop price; 0: as it is.

    Reply: OrderReply; Refused UNKNOWN_ORDER (also when it is not the account's), TERMINAL_ORDER, NOT_MODIFIABLE,
    NOTHING_CHANGES, BELOW_FILLED, and what stands against a new order. The id stays, the place in the queue is lost.
    """

    id: int
    account: str
    price: int = 0
    quantity: int = 0
    stop_price: int = 0


class SetRules(msgspec.Struct, array_like=True, tag=16, gc=False, frozen=True):
    """From here on the shard decides by the rules of this version. The shard itself asks for it, once."""

    version: int


class SetRisk(msgspec.Struct, array_like=True, tag=17, gc=False, frozen=True):
    """Give a futures market other risk terms, in force for all that follows. Reply: MarketReply or Refused.

    A market that had none has those of its one bracket first.
    """

    market: int
    change: RiskChange


class AddAsset(msgspec.Struct, array_like=True, tag=19, gc=False, frozen=True):
    """Fix the decimals of an asset's smallest unit, on the shard of its symbol. Reply: CountReply with those in force.

    A repeat changes nothing, whatever it says.
    """

    asset: str
    decimals: int


class Hold(msgspec.Struct, array_like=True, tag=8, gc=False, frozen=True):
    """Market shard → home shard of the account: set money aside for this order, then grant it.

    Reply: Refused; nothing when granted, for the grant comes over the link.
    """

    order: NewOrder
    asset: str
    amount: int
    market_shard: int
    ticket: int  # the caller waiting at the market shard
    deadline_ms: int  # by the market shard's stamps
    hold_price: int = 0  # futures
    terms: MarginTerms | None = None  # futures: in place of asset and amount
    modifies: int = 0  # futures: the order that shall become like this one; held is what it needs more
    limit: int = 0  # futures: the worst price at which it is to trade; 0: as its kind says
    loss: int = 0  # futures: ticks that each lot of ``terms.loss_value`` would lose


# Link messages: journaled inputs, numbered, exactly once


class Granted(msgspec.Struct, array_like=True, tag=20, gc=False, frozen=True):
    """Home shard → market shard: the money of this order is held; place it, or release past its deadline."""

    order: NewOrder
    amount: int
    ticket: int
    deadline_ms: int
    hold_price: int = 0  # futures, as all below
    leverage: int = 0
    modifies: int = 0  # the order that shall become like this one
    order_value: int = 0  # of a modification: what counts more towards the position limit
    limit: int = 0
    loss: int = 0
    closes: bool = False  # as it was asked for
    reduces: int = 0  # likewise: lots, of an order that only reduces
    allowance: int = 0  # so far such an order goes from the mark with nothing held for it, in millionths


class Settle(msgspec.Struct, array_like=True, tag=21, gc=False, frozen=True):
    """Market shard → home shard: the settlements of one input for that shard's accounts."""

    settlements: list[Settlement]


class SettleMargin(msgspec.Struct, array_like=True, tag=22, gc=False, frozen=True):
    """Market shard → home shard: the futures settlements of one input for that shard's accounts."""

    settlements: list[MarginSettlement]


class MarkChanged(msgspec.Struct, array_like=True, tag=23, gc=False, frozen=True):
    """Market shard → every other: units of USDT that one lot is worth at the mark price, per market."""

    lot_values: dict[int, int]


class HoldFired(msgspec.Struct, array_like=True, tag=24, gc=False, frozen=True):
    """Market shard → home shard: a trigger has fired; hold its margin or say no."""

    id: int
    account: str
    side: Side
    hold_price: int
    terms: MarginTerms
    market_shard: int
    limit: int = 0
    loss: int = 0


class FiredHeld(msgspec.Struct, array_like=True, tag=25, gc=False, frozen=True):
    """Home shard → market shard: the margin of a fired trigger is held; leverage 0: it is not."""

    id: int
    account: str
    side: Side
    hold_price: int
    leverage: int
    terms: MarginTerms
    limit: int = 0
    loss: int = 0
    leave: bool = False  # of one that only reduces, and has no leverage: what was asked for is held
    allowance: int = 0  # as of a grant


class BracketsChanged(msgspec.Struct, array_like=True, tag=26, gc=False, frozen=True):
    """Market shard → every other: how much a position in a market may be levered."""

    market: int
    brackets: list[Bracket]


# Questions: read, never journaled. A shard answers from memory, the archive from DuckDB.


class GetOrder(msgspec.Struct, array_like=True, tag=40, frozen=True):
    """One order by id. Reply: OrderReply or Refused UNKNOWN_ORDER."""

    id: int


class GetOrderByClientId(msgspec.Struct, array_like=True, tag=41, frozen=True):
    """The open order of that client id, else the latest. Reply: OrderReply or Refused UNKNOWN_ORDER."""

    market: int  # 0: any futures market, the latest of all
    account: str
    client_id: str
    triggers: bool = False  # only those placed as triggers


class FindEnded(msgspec.Struct, array_like=True, tag=37, frozen=True):
    """Ended orders of one futures market, in one step; archive only. Reply: BatchReply, in this order."""

    market: int
    account: str  # whose client ids; an order found by its id may be another's
    ids: list[int]
    client_ids: list[str]


class ListOrders(msgspec.Struct, array_like=True, tag=42, frozen=True):
    """An account's orders, newest first by (created_ms, id), or the oldest first. Reply: OrdersReply.

    A shard answers with the open and the not yet archived ones.
    """

    account: str
    limit: int
    market: int = 0  # any
    status: int = 0  # any
    start_ms: int = 0  # created_ms ≥
    end_ms: int = 2**62  # created_ms ≤
    before_ms: int = 2**62  # only older than (before_ms, before_id)
    before_id: int = 0
    product: int = 0  # any
    from_id: int = 0  # only this one and later ones of its market
    oldest_first: bool = False  # the first ``limit`` rather than the last
    triggers: bool = False  # only those placed as triggers


class ListTrades(msgspec.Struct, array_like=True, tag=43, frozen=True):
    """An account's trades, newest first by (time_ms, id). Reply: TradesReply."""

    account: str
    limit: int
    market: int = 0
    order: int = 0  # only this order's
    start_ms: int = 0
    end_ms: int = 2**62
    before_ms: int = 2**62
    before_id: int = 0
    product: int = 0  # any


class GetTrade(msgspec.Struct, array_like=True, tag=44, frozen=True):
    """One trade by id. Reply: TradesReply with one or none."""

    id: int


class GetBalances(msgspec.Struct, array_like=True, tag=45, frozen=True):
    """All wallets ever held, sorted by asset; asked of the account's home shard. Reply: BalancesReply."""

    account: str


class GetMargin(msgspec.Struct, array_like=True, tag=53, frozen=True):
    """The futures wallet and what it backs; asked of the account's home shard. Reply: MarginReply."""

    account: str


class ListOpen(msgspec.Struct, array_like=True, tag=54, frozen=True):
    """All of an account's open orders on this shard, waiting triggers too, oldest first. Reply: OrdersReply."""

    account: str
    market: int = 0  # any
    product: int = 0  # any
    waiting: bool = False  # only triggers that wait


class ListFills(msgspec.Struct, array_like=True, tag=55, frozen=True):
    """An account's futures fills, by (time_ms, trade); asked of its home shard and the archive. Reply: FillsReply."""

    account: str
    limit: int
    market: int = 0
    order: int = 0  # only this order's
    from_id: int = 0  # only this trade and later ones
    start_ms: int = 0
    end_ms: int = 2**62
    oldest_first: bool = False  # the first ``limit`` rather than the last, newest first


class ListIncome(msgspec.Struct, array_like=True, tag=56, frozen=True):
    """What came into a futures wallet and left it, by (time_ms, id, kind); asked as ListFills. Reply: IncomeReply."""

    account: str
    limit: int
    market: int = 0
    kind: IncomeKind | None = None  # any
    start_ms: int = 0
    end_ms: int = 2**62
    oldest_first: bool = False
    skip: int = 0  # so many are passed over first; archive only
    known: dict[str, list[int]] = {}  # by kind, ids that are left out and not passed over either; archive only


class GetPrices(msgspec.Struct, array_like=True, tag=57, frozen=True):
    """A futures market's last and mark price. Reply: PricesReply or Refused UNKNOWN_MARKET."""

    market: int


class GetOpenInterest(msgspec.Struct, array_like=True, tag=36, frozen=True):
    """How many lots of a futures market are held long. Reply: CountReply or Refused UNKNOWN_MARKET."""

    market: int


class CountOpen(msgspec.Struct, array_like=True, tag=46, frozen=True):
    """How many orders the account has open on this shard. Reply: OpenCountReply."""

    account: str


class GetDepth(msgspec.Struct, array_like=True, tag=47, frozen=True):
    """The book's levels, best first. Reply: DepthReply or Refused UNKNOWN_MARKET."""

    market: int
    limit: int


class GetMarket(msgspec.Struct, array_like=True, tag=59, frozen=True):
    """The market as it is in force. Reply: MarketReply or Refused UNKNOWN_MARKET."""

    market: int


class GetStatus(msgspec.Struct, array_like=True, tag=48, frozen=True):
    """How a shard is. Reply: ShardStatus."""


class GetArchiveStatus(msgspec.Struct, array_like=True, tag=49, frozen=True):
    """How the archive is. Reply: ArchiveStatus."""


class RunSql(msgspec.Struct, array_like=True, tag=50, frozen=True):
    """An operator's SELECT; archive only. Reply: TableReply or Refused BAD_SQL with the text of the fault."""

    text: str
    parameters: dict[str, str] = {}  # what stands for $name in it
    verifying: bool = False  # asked by the verifier of the data folder: on a connection of its own
    limit: int = 0  # rows wanted; what comes after them is not read. 0: all
    in_pieces: bool = False  # the reply has the first rows; the others are asked for, by RunMore, on this connection


class RunMore(msgspec.Struct, array_like=True, tag=35, frozen=True):
    """The next rows of the caller's RunSql in pieces. Reply: as there; without rows, these were all."""


class MarketTrades(msgspec.Struct, array_like=True, tag=51, frozen=True):
    """A market's trades, newest first. Reply: TradesReply."""

    market: int
    limit: int
    start_ms: int = 0
    before_id: int = 2**62


class GetCandles(msgspec.Struct, array_like=True, tag=52, frozen=True):
    """A market's trades from ``start_ms`` to ``end_ms`` in spans of ``interval_ms``, oldest first. Reply: CandlesReply.

    Spans begin at multiples of the interval; one without a trade has no candle. Whole spans are for the asker to ask
    for. Of more candles than ``limit`` the oldest are told, or the ``newest``. A shard answers with what is not
    archived; ask the archive for the rest with that reply's ``first_id`` as ``before_id``.
    """

    market: int
    interval_ms: int
    limit: int
    start_ms: int = 0
    end_ms: int = 2**62
    before_id: int = 2**62  # only trades with a lower number
    newest: bool = False


class GetTickers(msgspec.Struct, array_like=True, tag=58, frozen=True):
    """What the trades of many markets come to, those since ``start_ms`` as a candle. Reply: TickersReply.

    A shard answers with what is not archived; ask the archive for the rest, with the first ids of that as ``before``.
    """

    before: dict[int, int]  # by market: only trades with a lower number
    start_ms: int


class TakeSnapshot(msgspec.Struct, array_like=True, tag=38, frozen=True):
    """Take a snapshot of all that has been applied; answered once it is on disk.

    Reply: CountReply with the record at which it was taken; Refused STORAGE_FULL if it could not be written.
    """


class CheckpointHistory(msgspec.Struct, array_like=True, tag=39, frozen=True):
    """Work all rows into the DuckDB file, of which whoever asks keeps a hold; archive only. Reply: ArchiveStatus."""


# Replies


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

    found: list[Order | Reason]


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


class Refused(msgspec.Struct, array_like=True, tag=71, gc=False):
    """The command was not carried out. ``order`` stands against it where there is one."""

    reason: Reason
    order: Order | None = None
    text: str = ""


class CandlesReply(msgspec.Struct, array_like=True, tag=72):
    """Candles, oldest first; ``first_id`` is the oldest of all trades of the market that were at hand, else 2^62."""

    candles: list[Candle]
    first_id: int = 2**62


class Ticker(msgspec.Struct, array_like=True):
    """A market's trades that were at hand, of which there was one at least."""

    market: int
    newest: Trade
    candle: Candle | None  # of those since the moment that was asked for
    first_id: int = 0  # the oldest at hand; a shard says it


class TickersReply(msgspec.Struct, array_like=True, tag=80):
    """Of the markets that were asked for, those with a trade at hand."""

    tickers: list[Ticker]


Command = (
    Place
    | Modify
    | Cancel
    | CancelByClientId
    | CancelAll
    | CancelBatch
    | Countdown
    | Tick
    | Deposit
    | Transfer
    | SetLeverage
    | AddAsset
    | AddMarket
    | SetMarketStatus
    | SetMarkPrice
    | SetRisk
    | SetRules
    | Hold
)
LinkMessage = Granted | Settle | SettleMargin | MarkChanged | HoldFired | FiredHeld | BracketsChanged
Question = (
    GetOrder
    | GetOrderByClientId
    | FindEnded
    | ListOrders
    | ListTrades
    | GetTrade
    | GetBalances
    | GetMargin
    | GetPrices
    | GetOpenInterest
    | ListOpen
    | ListFills
    | ListIncome
    | CountOpen
    | GetDepth
    | GetMarket
    | GetStatus
    | GetArchiveStatus
    | RunSql
    | RunMore
    | MarketTrades
    | GetCandles
    | GetTickers
    | TakeSnapshot
    | CheckpointHistory
)
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
    | Refused
    | CandlesReply
    | TickersReply
)
