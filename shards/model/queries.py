"""Queries: read-only, never journaled. A shard answers from memory, the archive from DuckDB."""

import msgspec

from shards.model.accounting import IncomeKind
from shards.model.span import NO_BOUND, Span


class GetOrder(msgspec.Struct, array_like=True, tag=40, frozen=True):
    """One order by id. Reply: OrderReply or Rejected UNKNOWN_ORDER."""

    id: int


class GetOrderByClientId(msgspec.Struct, array_like=True, tag=41, frozen=True):
    """The open order with that client id, else the latest. Reply: OrderReply or Rejected UNKNOWN_ORDER."""

    market: int  # 0: any futures market, the latest of all
    account: str
    client_id: str
    triggers: bool = False  # only those placed as triggers


class FindEnded(msgspec.Struct, array_like=True, tag=37, frozen=True):
    """Ended orders of one futures market, read atomically; archive only. Reply: BatchReply, in this order."""

    market: int
    account: str  # owner of the client ids; an order found by id may belong to another account
    ids: list[int]
    client_ids: list[str]


class ListOrders(msgspec.Struct, array_like=True, tag=42, frozen=True):
    """An account's orders, newest first by (created_ms, id), or the oldest first. Reply: OrdersReply.

    A shard answers with the open orders and those not yet archived.
    """

    account: str
    limit: int
    market: int = 0  # 0: any
    status: int = 0  # 0: any
    start_ms: int = 0  # created_ms ≥
    end_ms: int = NO_BOUND  # created_ms ≤
    before_ms: int = NO_BOUND  # only older than (before_ms, before_id)
    before_id: int = 0
    product: int = 0  # 0: any
    from_id: int = 0  # only this order and later ones of its market
    oldest_first: bool = False  # the first ``limit`` rather than the last
    triggers: bool = False  # only those placed as triggers

    @property
    def span(self) -> Span:
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
        return Span(self.limit, self.start_ms, self.end_ms, self.before_ms, self.before_id)


class GetTrade(msgspec.Struct, array_like=True, tag=44, frozen=True):
    """One trade by id. Reply: TradesReply with one or none."""

    id: int


class GetBalances(msgspec.Struct, array_like=True, tag=45, frozen=True):
    """All wallets ever used, sorted by asset; to the account's shard. Reply: BalancesReply."""

    account: str


class GetMargin(msgspec.Struct, array_like=True, tag=53, frozen=True):
    """The futures wallet and all it backs; to the account's shard. Reply: MarginReply."""

    account: str


class ListOpen(msgspec.Struct, array_like=True, tag=54, frozen=True):
    """All of an account's open orders on this shard, including waiting triggers, oldest first. Reply: OrdersReply."""

    account: str
    market: int = 0  # 0: any
    product: int = 0  # 0: any
    waiting: bool = False  # only waiting triggers


class ListFills(msgspec.Struct, array_like=True, tag=55, frozen=True):
    """An account's futures fills, by (time_ms, trade); to its account shard and the archive.

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
        return Span(self.limit, self.start_ms, self.end_ms, from_id=self.from_id, oldest_first=self.oldest_first)


class ListIncome(msgspec.Struct, array_like=True, tag=56, frozen=True):
    """Changes of a futures wallet, by (time_ms, id, kind); asked like ListFills. Reply: IncomeReply."""

    account: str
    limit: int
    market: int = 0
    kind: IncomeKind | None = None  # None: any
    start_ms: int = 0
    end_ms: int = NO_BOUND
    oldest_first: bool = False
    skip: int = 0  # number of entries to skip first; archive only
    known: dict[str, list[int]] = {}  # by kind, ids that are omitted and not counted in ``skip``; archive only

    @property
    def span(self) -> Span:
        return Span(self.limit, self.start_ms, self.end_ms, oldest_first=self.oldest_first)


class GetPrices(msgspec.Struct, array_like=True, tag=57, frozen=True):
    """A futures market's last and mark price. Reply: PricesReply or Rejected UNKNOWN_MARKET."""

    market: int


class GetOpenInterest(msgspec.Struct, array_like=True, tag=36, frozen=True):
    """Lots of a futures market held long. Reply: CountReply or Rejected UNKNOWN_MARKET."""

    market: int


class CountOpen(msgspec.Struct, array_like=True, tag=46, frozen=True):
    """Number of the account's open orders on this shard. Reply: OpenCountReply."""

    account: str


class GetDepth(msgspec.Struct, array_like=True, tag=47, frozen=True):
    """The book's levels, best first. Reply: DepthReply or Rejected UNKNOWN_MARKET."""

    market: int
    limit: int


class GetMarket(msgspec.Struct, array_like=True, tag=59, frozen=True):
    """The market in force. Reply: MarketReply or Rejected UNKNOWN_MARKET."""

    market: int


class GetStatus(msgspec.Struct, array_like=True, tag=48, frozen=True):
    """The status of a shard. Reply: ShardStatus."""


class GetArchiveStatus(msgspec.Struct, array_like=True, tag=49, frozen=True):
    """The status of the archive. Reply: ArchiveStatus."""


class RunSql(msgspec.Struct, array_like=True, tag=50, frozen=True):
    """An operator's SELECT; archive only. Reply: TableReply, or Rejected BAD_SQL with DuckDB's error message."""

    text: str
    parameters: dict[str, str] = {}  # values of the $name parameters
    verifying: bool = False  # sent by the data folder's verifier: runs on a connection of its own
    limit: int = 0  # maximum number of rows; the rest is not read. 0: all
    in_pieces: bool = False  # the reply has the first rows; RunMore on this connection fetches the others


class RunMore(msgspec.Struct, array_like=True, tag=35, frozen=True):
    """The next rows of the caller's RunSql with ``in_pieces``. Reply: as there; an empty one ends the result."""


class MarketTrades(msgspec.Struct, array_like=True, tag=51, frozen=True):
    """A market's trades, newest first. Reply: TradesReply."""

    market: int
    limit: int
    start_ms: int = 0
    before_id: int = NO_BOUND


class GetCandles(msgspec.Struct, array_like=True, tag=52, frozen=True):
    """A market's trades from ``start_ms`` to ``end_ms`` in spans of ``interval_ms``, oldest first. Reply: CandlesReply.

    Spans begin at multiples of the interval; one without trades has no candle. The caller chooses bounds that cover
    whole spans. Of more candles than ``limit`` the oldest are returned, or the ``newest``. A shard answers with what is
    not archived; ask the archive for the rest with that reply's ``first_id`` as ``before_id``.
    """

    market: int
    interval_ms: int
    limit: int
    start_ms: int = 0
    end_ms: int = NO_BOUND
    before_id: int = NO_BOUND  # only trades with a lower number
    newest: bool = False


class GetTickers(msgspec.Struct, array_like=True, tag=58, frozen=True):
    """Last trades of many markets, with a candle of those since ``start_ms``. Reply: TickersReply.

    A shard answers with what is not archived; ask the archive for the rest, with that reply's first ids as ``before``.
    """

    before: dict[int, int]  # by market: only trades with a lower number
    start_ms: int


class TakeSnapshot(msgspec.Struct, array_like=True, tag=38, frozen=True):
    """Take a snapshot of everything applied so far; the reply comes once it is on disk.

    Reply: CountReply with the sequence of the last record in it; Rejected STORAGE_FULL if it could not be written.
    """


class CheckpointHistory(msgspec.Struct, array_like=True, tag=39, frozen=True):
    """Checkpoint all rows into the DuckDB file, which the caller pins; archive only. Reply: ArchiveStatus."""


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
