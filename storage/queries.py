"""The named questions to the archive: fixed SQL with bound parameters, answered with stored tuples."""

from typing import NamedTuple

from storage.schema import LINKS, MARKETS, ORDERS, TRADES


class Query(NamedTuple):
    """A statement, or a condition of one, and what is bound to its placeholders."""

    sql: str
    parameters: tuple[str | int, ...] = ()


class Span(NamedTuple):
    """Which part of an account's rows, by (time, number).

    From ``start_ms`` to ``end_ms``, both included, and only what is older than (``before_ms``, ``before_id``).
    """

    start_ms: int
    end_ms: int
    before_ms: int
    before_id: int


_ORDERS = f"SELECT {ORDERS.column_names} FROM {ORDERS.name}"
_TRADES = f"SELECT {TRADES.column_names} FROM {TRADES.name}"

POSITIONS = Query(f"SELECT shard, position FROM {LINKS.name} ORDER BY shard")
"""(shard, position) of every shard that ever sent a row."""

ROW_COUNT = Query(
    f"SELECT (SELECT count(*) FROM {ORDERS.name}) + (SELECT count(*) FROM {TRADES.name})"
    f" + (SELECT count(*) FROM {MARKETS.name})"
)
"""One number: orders, trades and markets stored."""

MEMORY_USED = Query("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory() WHERE tag <> 'BASE_TABLE'")
"""One number: bytes that DuckDB holds, but for pages of the file, which it drops when it needs room."""

MEMORY_LIMIT = Query("SELECT parse_formatted_bytes(current_setting('memory_limit'))::BIGINT")
"""One number: bytes that DuckDB may hold."""


def order_by_id(order_id: int) -> Query:
    """One order or none."""
    return Query(f"{_ORDERS} WHERE order_id = ?", (order_id,))


def order_by_client_id(market: int, account: str, client_id: str) -> Query:
    """The latest order of that client id, or none."""
    return Query(
        f"{_ORDERS} WHERE market = ? AND account = ? AND client_id = ? ORDER BY created_ms DESC, order_id DESC LIMIT 1",
        (market, account, client_id),
    )


def orders_of_account(account: str, limit: int, span: Span, market: int = 0, status: str = "") -> Query:
    """An account's orders, newest first; ``market`` 0 and ``status`` "" mean any."""
    conditions = [Query("account = ?", (account,)), _within(span, "created_ms", "order_id")]
    if market:
        conditions.append(Query("market = ?", (market,)))
    if status:
        conditions.append(Query("status = ?", (status,)))
    return _newest_first(_ORDERS, conditions, "created_ms DESC, order_id DESC", limit)


def trades_of_account(account: str, limit: int, span: Span, market: int = 0, order: int = 0) -> Query:
    """An account's trades on either side, newest first; ``market`` 0 and ``order`` 0 mean any."""
    conditions = [
        Query("(maker_account = ? OR taker_account = ?)", (account, account)),
        _within(span, "time_ms", "trade_id"),
    ]
    if market:
        conditions.append(Query("market = ?", (market,)))
    if order:
        conditions.append(Query("(maker_order = ? OR taker_order = ?)", (order, order)))
    return _newest_first(_TRADES, conditions, "time_ms DESC, trade_id DESC", limit)


def trade_by_id(trade_id: int) -> Query:
    """One trade or none."""
    return Query(f"{_TRADES} WHERE trade_id = ?", (trade_id,))


def trades_of_market(market: int, limit: int, start_ms: int, before_id: int) -> Query:
    """A market's trades since ``start_ms`` with a lower number than ``before_id``, newest first."""
    return Query(
        f"{_TRADES} WHERE market = ? AND time_ms >= ? AND trade_id < ? ORDER BY trade_id DESC LIMIT ?",
        (market, start_ms, before_id, limit),
    )


def candles_of_market(market: int, interval_ms: int, start_ms: int, end_ms: int, before_id: int, limit: int) -> Query:
    """A market's trades from ``start_ms`` to ``end_ms`` by spans, oldest first.

    (start, open, high, low, close, lots, ticks × lots, trades, lots and value of taker buys, first and last number)
    """
    bought = "FILTER (taker_side = 'buy')"
    return Query(
        "SELECT time_ms // ? * ? AS open_ms, arg_min(price_ticks, trade_id), max(price_ticks), min(price_ticks),"
        " arg_max(price_ticks, trade_id), sum(quantity_lots)::HUGEINT, sum(price_ticks * quantity_lots)::HUGEINT,"
        f" count(*), coalesce(sum(quantity_lots) {bought}, 0)::HUGEINT,"
        f" coalesce(sum(price_ticks * quantity_lots) {bought}, 0)::HUGEINT, min(trade_id), max(trade_id)"
        f" FROM {TRADES.name} WHERE market = ? AND time_ms >= ? AND time_ms <= ? AND trade_id < ?"
        " GROUP BY open_ms ORDER BY open_ms LIMIT ?",
        (interval_ms, interval_ms, market, start_ms, end_ms, before_id, limit),
    )


def _within(span: Span, time: str, number: str) -> Query:
    # the plain bounds on time stand alone: by them DuckDB skips whole row groups
    last_ms = min(span.end_ms, span.before_ms)
    return Query(
        f"{time} >= ? AND {time} <= ? AND ({time} < ? OR {number} < ?)",
        (span.start_ms, last_ms, span.before_ms, span.before_id),
    )


def _newest_first(select: str, conditions: list[Query], order: str, limit: int) -> Query:
    where = " AND ".join(condition.sql for condition in conditions)
    parameters = tuple(value for condition in conditions for value in condition.parameters)
    return Query(f"{select} WHERE {where} ORDER BY {order} LIMIT ?", (*parameters, limit))
