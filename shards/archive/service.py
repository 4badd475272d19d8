"""The archive without sockets: stores the shards' events and answers queries.

Events are stored by one thread; other threads may query at the same time, and a failed query affects nothing but its
own answer.
"""

import logging
import threading
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import assert_never

from shards.archive.candles import find_candles, find_tickers
from shards.archive.lookups import Lookup, look_up
from shards.archive.mark import HistoryLost, check_end, check_there, mark_of
from shards.archive.rows import (
    client_id_row,
    fill_row,
    market_row,
    movement_row,
    name_of,
    order_row,
    refusal_row,
    to_fill,
    to_income,
    to_order,
    to_trade,
    trade_row,
)
from shards.archive.sql_answers import SqlBounds, in_one, in_pieces
from shards.limits import QUERY_MS_MAX
from shards.model.events import CommandRejected, Event, FundsMoved, MarginFilled, MarketChanged, OrderEnded, Traded
from shards.model.markets import Product
from shards.model.orders import Status
from shards.model.queries import (
    FindEnded,
    GetArchiveStatus,
    GetCandles,
    GetOrder,
    GetOrderByClientId,
    GetTickers,
    GetTrade,
    ListFills,
    ListIncome,
    ListOrders,
    ListTrades,
    MarketTrades,
    Query,
    RunSql,
)
from shards.model.reasons import RejectReason
from shards.model.replies import (
    ArchiveStatus,
    CandlesReply,
    FillsReply,
    IncomeReply,
    OrdersReply,
    Rejected,
    Reply,
    TableReply,
    TickersReply,
    TradesReply,
)
from storage import queries, wallet_queries
from storage.archive import Archive
from storage.client_ids import Runs
from storage.mark import MarkWriter, mark_path, read_mark
from storage.queries import SqlQuery
from storage.schema import Table
from storage.statements import SqlRejected, Stored
from storage.tables import FUTURES_FILLS, MARKETS, MOVEMENTS, NEW_CLIENT_IDS, ORDERS, REFUSALS, TRADES

_log = logging.getLogger(__name__)


class History:
    """Ended orders, trades, fills, transfers and markets of all shards, each stored exactly once."""

    def __init__(self, path: Path, id_key: bytes, bounds: SqlBounds | None = None, runs: Runs | None = None) -> None:
        """Open the DuckDB file ``path``; create it if it does not exist.

        ``id_key`` is used to make the UUIDs of orders and trades; ``runs`` sets how many client ids are sorted at a
        time. Raises duckdb.Error if the file is not usable or another process has it open, ArchiveTooNew, and
        HistoryLost.
        """
        marked = read_mark(mark_path(path))
        check_there(path, marked)
        self._bounds = bounds or SqlBounds()
        self._archive = Archive(path, self._bounds.memory, QUERY_MS_MAX, self._bounds.sql_ms, runs or Runs())
        try:
            check_end(path, self._archive.positions(), marked)
        except HistoryLost:
            self._archive.close()
            raise
        self._mark = MarkWriter(mark_path(path))
        self._id_key = id_key
        self._products: dict[int, str] = dict(self._archive.ask(queries.PRODUCTS))  # by market, "spot" or "futures"

    def position(self, shard: int) -> int:
        """Return the number of the last event stored of that shard's link; 0 if none."""
        return self._archive.positions().get(shard, 0)

    def store(self, batches: Mapping[int, Sequence[tuple[int, Event]]]) -> None:
        """Store each shard's (number, event), numbers ascending, in one transaction; durable when it returns.

        Events that are already stored are skipped. Raises duckdb.Error; afterward every method raises or rejects. Close
        it (better: end the process) and reopen the file: :meth:`position` returns what is stored.
        """
        positions = self._archive.positions()
        rows: dict[Table, list[Stored]] = {}
        markets: dict[int, Stored] = {}  # only the latest state of each
        reached: dict[int, int] = {}
        for shard, batch in batches.items():
            for number, row in batch:
                if number <= positions.get(shard, 0):
                    continue
                reached[shard] = number
                table, stored = self._to_stored(row, shard)
                if isinstance(row, MarketChanged):
                    markets[row.market.number] = stored
                    continue
                rows.setdefault(table, []).append(stored)
                if isinstance(row, OrderEnded) and row.order.client_id:
                    rows.setdefault(NEW_CLIENT_IDS, []).append(client_id_row(row.order))
        if reached:
            self._archive.append({**rows, MARKETS: list(markets.values())}, reached)
            self._mark.put(mark_of({**positions, **reached}))

    def _to_stored(self, event: Event, shard: int) -> tuple[Table, Stored]:
        match event:
            case OrderEnded(order):
                return ORDERS, order_row(order, self._products.get(order.market, ""), shard, self._id_key)
            case Traded(trade):
                return TRADES, trade_row(trade, self._products.get(trade.market, ""), self._id_key)
            case MarginFilled():
                return FUTURES_FILLS, fill_row(event)
            case FundsMoved():
                return MOVEMENTS, movement_row(event, shard)
            case CommandRejected():
                return REFUSALS, refusal_row(event, shard)
            case MarketChanged(market, time_ms):
                self._products[market.number] = name_of(market.product)  # its orders and trades come after it
                return MARKETS, market_row(market, time_ms)
            case _:
                assert_never(event)

    def answer(self, query: Query, gone: threading.Event | None = None) -> Reply:
        """Answer a query; may run in any thread, concurrently with :meth:`store`. Never raises: a fault is a Rejected.

        ``gone``: set when the caller no longer waits for the answer; then a SQL statement is interrupted.
        """
        try:
            if isinstance(query, RunSql):
                return self._run_sql(query, gone or threading.Event())
            return self._answer_named(query)
        except SqlRejected as refusal:
            return Rejected(RejectReason.BAD_SQL, text=str(refusal))
        except Exception:
            _log.exception("history could not answer a %s", type(query).__name__)
            return Rejected(RejectReason.HISTORY_UNREADABLE)

    def run_in_pieces(self, query: RunSql, gone: threading.Event) -> Generator[Reply]:
        """Answer a statement of any size: replies with some rows each, and a last one without any.

        Each is produced on demand, in any thread; a fault is a Rejected, and the last one. ``gone`` as above.
        """
        try:
            with self._archive.select(query.text, query.parameters, gone, unbounded=True) as selection:
                yield from in_pieces(selection, query.limit)
            yield TableReply(selection.columns, [], selection.types)
        except SqlRejected as refusal:
            yield Rejected(RejectReason.BAD_SQL, text=str(refusal))
        except Exception:
            _log.exception("history could not stream a statement")
            yield Rejected(RejectReason.HISTORY_UNREADABLE)

    def look_up(self, queries: Sequence[Lookup]) -> list[Reply]:
        """Answer several queries for ended orders together; otherwise as :meth:`answer`."""
        try:
            return look_up(self._archive.ask, self._products, queries)
        except Exception:
            _log.exception("history could not look up orders")
            return [Rejected(RejectReason.HISTORY_UNREADABLE)] * len(queries)

    def needs_checkpoint(self) -> bool:
        return self._archive.needs_checkpoint()

    def checkpoint(self) -> bool:
        """Checkpoint the file, which then stays unchanged until the next checkpoint; return whether the log is empty.

        For the thread that stores; raises as :meth:`store`.
        """
        return self._archive.checkpoint()

    def close(self, *, checkpoint: bool = True) -> None:
        """Close the file, with a checkpoint if it may be changed. No other call may be running."""
        self._archive.close(checkpoint=checkpoint)
        self._mark.close()

    def _answer_named(self, query: Query) -> Reply:
        match query:
            case GetOrder() | GetOrderByClientId() | FindEnded():
                return look_up(self._archive.ask, self._products, [query])[0]
            case ListOrders():
                return OrdersReply([to_order(row) for row in self._archive.ask(_orders_of_account(query))])
            case ListTrades():
                return self._trades(_trades_of_account(query))
            case ListFills():
                return FillsReply([to_fill(row) for row in self._archive.ask(_fills_of_account(query))])
            case ListIncome():
                return IncomeReply([to_income(row) for row in self._archive.ask(_income_of_account(query))])
            case GetTrade(number):
                return self._trades(queries.trade_by_id(number))
            case MarketTrades(market, limit, start_ms, before_id):
                return self._trades(queries.trades_of_market(market, limit, start_ms, before_id))
            case GetCandles():
                return CandlesReply(find_candles(self._archive.ask, query))
            case GetTickers(before, start_ms):
                return TickersReply(find_tickers(self._archive.ask, before, start_ms))
            case GetArchiveStatus():
                ((rows,),) = self._archive.ask(queries.ROW_COUNT)
                return ArchiveStatus(rows, self._archive.positions())
            case _:
                return Rejected(RejectReason.HISTORY_UNREADABLE)  # a query that only shards answer

    def _run_sql(self, query: RunSql, gone: threading.Event) -> TableReply:
        with self._archive.select(query.text, query.parameters, gone, verifying=query.verifying) as selection:
            return in_one(selection, query.limit, self._bounds)

    def _trades(self, query: SqlQuery) -> TradesReply:
        return TradesReply([to_trade(row) for row in self._archive.ask(query)])


# Messages → SQL


def _orders_of_account(query: ListOrders) -> SqlQuery:
    return queries.orders_of_account(
        query.account,
        query.span,
        query.market,
        _product(query.product),
        name_of(Status(query.status)) if query.status else "",
        triggers=query.triggers,
    )


def _trades_of_account(query: ListTrades) -> SqlQuery:
    return queries.trades_of_account(
        query.account,
        query.span,
        query.market,
        _product(query.product),
        query.order,
    )


def _fills_of_account(query: ListFills) -> SqlQuery:
    return wallet_queries.fills_of_account(
        query.account,
        query.span,
        query.market,
        query.order,
    )


def _income_of_account(query: ListIncome) -> SqlQuery:
    return wallet_queries.income_of_account(
        query.account,
        query.span,
        query.market,
        query.kind or "",
        query.skip,
        query.known,
    )


def _product(number: int) -> str:
    return name_of(Product(number)) if number else ""
