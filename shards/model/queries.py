"""Queries: read, never journaled. A shard answers from memory, the archive from DuckDB."""

import msgspec

from shards.model.accounting import IncomeKind
from shards.model.span import NO_BOUND, Span


class GetOrder(msgspec.Struct, array_like=True, tag=40, frozen=True):
    """One order by id. Reply: OrderReply or Rejected UNKNOWN_ORDER."""

    id: int


class GetOrderByClientId(msgspec.Struct, array_like=True, tag=41, frozen=True):
    """The open order of that client id, else the latest. Reply: OrderReply or Rejected UNKNOWN_ORDER."""

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
    end_ms: int = NO_BOUND  # created_ms ≤
    before_ms: int = NO_BOUND  # only older than (before_ms, before_id)
    before_id: int = 0
    product: int = 0  # any
    from_id: int = 0  # only this one and later ones of its market
    oldest_first: bool = False  # the first ``limit`` rather than the last
    triggers: bool = False  # only those placed as triggers

    @property
    def span(self) -> Span:
        """Which part of them is asked for."""
        return Span(
            self.limit, self.start_ms, self.end_ms, self.before_ms, self.before_id, self.from_id, self.oldest_first
        )


class ListTrades(msgspec.Struct, array_like=True, tag=43, frozen=True):
    """An account's trades, newest first by (time_ms, id). Reply: TradesReply."""

    account: str
    limit: int
    market: int = 0
    order: int = 0  # only this order's
    start_ms: int = 0
    end_ms: int = NO_BOUND
    before_ms: int = NO_BOUND
    before_id: int = 0
    product: int = 0  # any

    @property
    def span(self) -> Span:
        """Which part of them is asked for."""
        return Span(self.limit, self.start_ms, self.end_ms, self.before_ms, self.before_id)


class GetTrade(msgspec.Struct, array_like=True, tag=44, frozen=True):
    """One trade by id. Reply: TradesReply with one or none."""

    id: int


class GetBalances(msgspec.Struct, array_like=True, tag=45, frozen=True):
    """All wallets ever held, sorted by asset; asked of the account's shard. Reply: BalancesReply."""

    account: str


class GetMargin(msgspec.Struct, array_like=True, tag=53, frozen=True):
    """The futures wallet and what it backs; asked of the account's shard. Reply: MarginReply."""

    account: str


class ListOpen(msgspec.Struct, array_like=True, tag=54, frozen=True):
    """All of an account's open orders on this shard, waiting triggers too, oldest first. Reply: OrdersReply."""

    account: str
    market: int = 0  # any
    product: int = 0  # any
    waiting: bool = False  # only triggers that wait


class ListFills(msgspec.Struct, array_like=True, tag=55, frozen=True):
    """An account's futures fills, by (time_ms, trade); asked of its account shard and the archive.

    Reply: FillsReply.
    """

    account: str
    limit: int
    market: int = 0
    order: int = 0  # only this order's
    from_id: int = 0  # only this trade and later ones
    start_ms: int = 0
    end_ms: int = NO_BOUND
    oldest_first: bool = False  # the first ``limit`` rather than the last, newest first

    @property
    def span(self) -> Span:
        """Which part of them is asked for."""
        return Span(self.limit, self.start_ms, self.end_ms, from_id=self.from_id, oldest_first=self.oldest_first)


class ListIncome(msgspec.Struct, array_like=True, tag=56, frozen=True):
    """What came into a futures wallet and left it, by (time_ms, id, kind); asked as ListFills. Reply: IncomeReply."""

    account: str
    limit: int
    market: int = 0
    kind: IncomeKind | None = None  # any
    start_ms: int = 0
    end_ms: int = NO_BOUND
    oldest_first: bool = False
    skip: int = 0  # so many are passed over first; archive only
    known: dict[str, list[int]] = {}  # by kind, ids that are left out and not passed over either; archive only

    @property
    def span(self) -> Span:
        """Which part of them is asked for."""
        return Span(self.limit, self.start_ms, self.end_ms, oldest_first=self.oldest_first)


class GetPrices(msgspec.Struct, array_like=True, tag=57, frozen=True):
    """A futures market's last and mark price. Reply: PricesReply or Rejected UNKNOWN_MARKET."""

    market: int


class GetOpenInterest(msgspec.Struct, array_like=True, tag=36, frozen=True):
    """How many lots of a futures market are held long. Reply: CountReply or Rejected UNKNOWN_MARKET."""

    market: int


class CountOpen(msgspec.Struct, array_like=True, tag=46, frozen=True):
    """How many orders the account has open on this shard. Reply: OpenCountReply."""

    account: str


class GetDepth(msgspec.Struct, array_like=True, tag=47, frozen=True):
    """The book's levels, best first. Reply: DepthReply or Rejected UNKNOWN_MARKET."""

    market: int
    limit: int


class GetMarket(msgspec.Struct, array_like=True, tag=59, frozen=True):
    """The market as it is in force. Reply: MarketReply or Rejected UNKNOWN_MARKET."""

    market: int


class GetStatus(msgspec.Struct, array_like=True, tag=48, frozen=True):
    """How a shard is. Reply: ShardStatus."""


class GetArchiveStatus(msgspec.Struct, array_like=True, tag=49, frozen=True):
    """How the archive is. Reply: ArchiveStatus."""


class RunSql(msgspec.Struct, array_like=True, tag=50, frozen=True):
    """An operator's SELECT; archive only. Reply: TableReply or Rejected BAD_SQL with the text of the fault."""

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
    before_id: int = NO_BOUND


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
    end_ms: int = NO_BOUND
    before_id: int = NO_BOUND  # only trades with a lower number
    newest: bool = False


class GetTickers(msgspec.Struct, array_like=True, tag=58, frozen=True):
    """What the trades of many markets come to, those since ``start_ms`` as a candle. Reply: TickersReply.

    A shard answers with what is not archived; ask the archive for the rest, with the first ids of that as ``before``.
    """

    before: dict[int, int]  # by market: only trades with a lower number
    start_ms: int


class TakeSnapshot(msgspec.Struct, array_like=True, tag=38, frozen=True):
    """Take a snapshot of all that has been applied; answered once it is on disk.

    Reply: CountReply with the record at which it was taken; Rejected STORAGE_FULL if it could not be written.
    """


class CheckpointHistory(msgspec.Struct, array_like=True, tag=39, frozen=True):
    """Work all rows into the DuckDB file, of which whoever asks keeps a hold; archive only. Reply: ArchiveStatus."""


Query = (
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
