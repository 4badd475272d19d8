"""The archive's behaviour, without sockets: rows of the shards in, answers out.

Messages become tuples of :mod:`storage.schema` here, and back. Rows are stored by one thread; questions may be asked
by others at the same time, and a question that fails harms nothing but its own answer.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from shards.codec import encode
from shards.ids import TRADE, to_uuid
from shards.limits import (
    ARCHIVE_MEMORY,
    FRAME_BYTES_MAX,
    QUERY_MS_MAX,
    SQL_MS_MAX,
    SQL_ROW_COUNT_MAX,
)
from shards.markets import Market, Product
from shards.messages import (
    ArchiveStatus,
    CandlesReply,
    GetArchiveStatus,
    GetCandles,
    GetOrder,
    GetOrderByClientId,
    GetTrade,
    ListOrders,
    ListTrades,
    MarketTrades,
    OrderReply,
    OrdersReply,
    Question,
    Reason,
    Refused,
    Reply,
    RunSql,
    TableReply,
    TradesReply,
)
from shards.orders import Candle, EndReason, Kind, Order, Side, Status, TimeInForce, Trade
from shards.rows import MarketChanged, OrderEnded, Row, Traded
from shards.units import format_fixed
from storage import queries
from storage.archive import Archive, SqlRefused, Stored
from storage.queries import Query, Span
from storage.schema import MARKETS, ORDERS, TRADES

Cell = str | int | float | bool | None

ANSWER_BYTES_MAX: Final = FRAME_BYTES_MAX - 64 * 1024  # of a SQL answer: one frame, less its own few bytes
INTEGER_MAX: Final = 2**53  # what every JSON reader keeps exactly; larger ones go as text

_log = logging.getLogger(__name__)

# Enumerations stand in the archive by their names in lower case, see _name
_SIDES = {side.name.lower(): side for side in Side}
_KINDS = {kind.name.lower(): kind for kind in Kind}
_TIFS = {tif.name.lower(): tif for tif in TimeInForce}
_STATUSES = {status.name.lower(): status for status in Status}


class History:
    """Finished orders, trades and markets of all shards, each stored exactly once."""

    def __init__(self, path: Path, id_key: bytes) -> None:
        """Open the DuckDB file ``path``, making it at first. ``id_key`` makes the ids of the spot API.

        Raises duckdb.Error if the file is not usable or another process has it open.
        """
        self._archive = Archive(path, ARCHIVE_MEMORY, QUERY_MS_MAX, SQL_MS_MAX)
        self._id_key = id_key

    def position(self, shard: int) -> int:
        """The number of the last row stored of that shard's link; 0 if none."""
        return self._archive.positions().get(shard, 0)

    def store(self, batches: Mapping[int, Sequence[tuple[int, Row]]]) -> None:
        """Store each shard's (number, row), numbers ascending, in one transaction; durable when it returns.

        Rows that are already stored are skipped. Raises duckdb.Error; then this History only refuses. Close it (better:
        end the process) and open the file anew: :meth:`position` says what is stored.
        """
        positions = self._archive.positions()
        ended: list[Stored] = []
        traded: list[Stored] = []
        markets: dict[int, Stored] = {}  # only the last state of each
        reached: dict[int, int] = {}
        for shard, batch in batches.items():
            for number, row in batch:
                if number <= positions.get(shard, 0):
                    continue
                reached[shard] = number
                match row:
                    case OrderEnded(order=order):
                        ended.append(_order_row(order, shard, self._id_key))
                    case Traded(trade=trade):
                        traded.append(_trade_row(trade, self._id_key))
                    case MarketChanged(market=market, time_ms=time_ms):
                        markets[market.number] = _market_row(market, time_ms)
        if reached:
            self._archive.append({ORDERS: ended, TRADES: traded, MARKETS: list(markets.values())}, reached)

    def answer(self, question: Question) -> Reply:
        """Answer a question; for any thread, beside :meth:`store`. Never raises: a fault is a Refused."""
        try:
            if isinstance(question, RunSql):
                return self._run_sql(question.text)
            return self._answer_named(question)
        except SqlRefused as refusal:
            return Refused(Reason.BAD_SQL, text=str(refusal))
        except Exception:
            _log.exception("history could not answer a %s", type(question).__name__)
            return Refused(Reason.HISTORY_UNREADABLE)

    def close(self) -> None:
        """Close the file. No other call may be running."""
        self._archive.close()

    def _answer_named(self, question: Question) -> Reply:
        match question:
            case GetOrder(id=number):
                return self._one_order(queries.order_by_id(number))
            case GetOrderByClientId(market=market, account=account, client_id=client_id):
                return self._one_order(queries.order_by_client_id(market, account, client_id))
            case ListOrders():
                return OrdersReply([_to_order(row) for row in self._archive.ask(_list_orders(question))])
            case ListTrades():
                return self._trades(_list_trades(question))
            case GetTrade(id=number):
                return self._trades(queries.trade_by_id(number))
            case MarketTrades(market=market, limit=limit, start_ms=start_ms, before_id=before_id):
                return self._trades(queries.trades_of_market(market, limit, start_ms, before_id))
            case GetCandles():
                return self._candles(question)
            case GetArchiveStatus():
                ((rows,),) = self._archive.ask(queries.ROW_COUNT)
                return ArchiveStatus(rows, self._archive.positions())
            case _:
                return Refused(Reason.HISTORY_UNREADABLE)  # a question for a shard

    def _one_order(self, query: Query) -> Reply:
        rows = self._archive.ask(query)
        return OrderReply(_to_order(rows[0])) if rows else Refused(Reason.UNKNOWN_ORDER)

    def _trades(self, query: Query) -> TradesReply:
        return TradesReply([_to_trade(row) for row in self._archive.ask(query)])

    def _candles(self, asked: GetCandles) -> CandlesReply:
        query = queries.candles_of_market(
            asked.market, asked.interval_ms, asked.start_ms, asked.end_ms, asked.before_id, asked.limit
        )
        return CandlesReply([Candle(*row) for row in self._archive.ask(query)])

    def _run_sql(self, text: str) -> TableReply:
        # too much is refused rather than cut: a cut answer looks like a whole one
        with self._archive.select(text) as selection:
            answer = TableReply(selection.columns, [])
            size = len(encode(answer))
            for piece in selection.pieces:
                shown = [[to_cell(value) for value in row] for row in piece]
                answer.rows += shown
                size += len(encode(shown))
                if len(answer.rows) > SQL_ROW_COUNT_MAX:
                    raise SqlRefused(f"the answer has more than {SQL_ROW_COUNT_MAX} rows: group them, or add a LIMIT")
                if size > ANSWER_BYTES_MAX:
                    raise SqlRefused(f"the answer is larger than {ANSWER_BYTES_MAX} bytes: select less")
        return answer


def _list_orders(question: ListOrders) -> Query:
    status = _name(Status(question.status)) if question.status else ""
    return queries.orders_of_account(question.account, question.limit, _span(question), question.market, status)


def _list_trades(question: ListTrades) -> Query:
    return queries.trades_of_account(question.account, question.limit, _span(question), question.market, question.order)


def _span(question: ListOrders | ListTrades) -> Span:
    return Span(question.start_ms, question.end_ms, question.before_ms, question.before_id)


# Messages ↔ stored rows: the order of values is that of the columns in storage.schema


def _name(member: Side | Kind | TimeInForce | Status | Product) -> str:
    return member.name.lower()


def _order_row(order: Order, shard: int, id_key: bytes) -> Stored:
    return (
        order.id,
        order.market,
        order.account,
        _name(order.side),
        _name(order.kind),
        _name(order.tif),
        order.price,
        order.quantity,
        order.quote_quantity,
        order.client_id,
        order.signed_ms,
        order.filled,
        order.filled_value,
        order.hold,
        _name(order.status),
        order.end_reason.value,
        order.created_ms,
        order.updated_ms,
        order.request,
        shard,
        to_uuid(order.id, id_key),
    )


def _to_order(row: Stored) -> Order:
    number, market, account, side, kind, tif, *amounts, status, end_reason, created_ms, updated_ms, request = row[:19]
    price, quantity, quote_quantity, client_id, signed_ms, filled, filled_value, hold = amounts
    return Order(
        id=number,
        market=market,
        account=account,
        side=_SIDES[side],
        kind=_KINDS[kind],
        tif=_TIFS[tif],
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_id=client_id,
        signed_ms=signed_ms,
        filled=filled,
        filled_value=filled_value,
        hold=hold,
        status=_STATUSES[status],
        end_reason=EndReason(end_reason),
        created_ms=created_ms,
        updated_ms=updated_ms,
        request=request,
    )


def _trade_row(trade: Trade, id_key: bytes) -> Stored:
    return (
        trade.id,
        trade.market,
        trade.price,
        trade.quantity,
        _name(trade.taker_side),
        trade.maker_order,
        trade.taker_order,
        trade.maker_account,
        trade.taker_account,
        trade.maker_fee,
        trade.taker_fee,
        trade.time_ms,
        to_uuid(trade.id, id_key, TRADE),
    )


def _to_trade(row: Stored) -> Trade:
    number, market, price, quantity, taker_side, maker_order, taker_order, *rest = row[:12]
    maker_account, taker_account, maker_fee, taker_fee, time_ms = rest
    return Trade(
        id=number,
        market=market,
        price=price,
        quantity=quantity,
        taker_side=_SIDES[taker_side],
        maker_order=maker_order,
        taker_order=taker_order,
        maker_account=maker_account,
        taker_account=taker_account,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        time_ms=time_ms,
    )


def _market_row(market: Market, time_ms: int) -> Stored:
    return (
        market.number,
        _name(market.product),
        market.symbol,
        market.base,
        market.quote,
        market.base_places,
        market.quote_places,
        format_fixed(market.tick_digits, market.price_places),
        format_fixed(market.lot_digits, market.lot_places),
        market.min_notional,
        market.maker_fee_bps,
        market.taker_fee_bps,
        market.status.value,
        time_ms,
    )


# SQL values → JSON


def to_cell(value: Any) -> Cell:
    """A value of DuckDB as JSON can carry it without loss.

    Large integers and decimals are text, times ISO 8601 text (UTC), blobs hexadecimal text, lists and structs text that
    is JSON.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= INTEGER_MAX else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple() | dict():
            return msgspec.json.encode(_to_nested(value)).decode()
        case _:
            return str(value)


def _to_nested(value: Any) -> Any:
    match value:
        case list() | tuple():
            return [_to_nested(item) for item in value]
        case dict():
            return {str(to_cell(key)): _to_nested(item) for key, item in value.items()}
        case _:
            return to_cell(value)
