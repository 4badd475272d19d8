"""The archive's named queries about orders and trades: fixed SQL with bound parameters.

They return stored tuples: the columns of the table, in its order.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from storage.tables import FUTURES_FILLS, LINKS, MARKETS, MOVEMENTS, ORDERS, REFUSALS, TRADES


class SqlQuery(NamedTuple):
    """A statement, or a condition of one, and the parameters bound to its placeholders."""

    sql: str
    parameters: tuple[str | int, ...] = ()


class Span(Protocol):
    """Bounds on an account's rows, by (time, number).

    From ``start_ms`` to ``end_ms``, both included, only rows before (``before_ms``, ``before_id``), and only numbers
    from ``from_id`` on; of these the newest ``limit``, newest first, or the oldest.
    """

    @property
    def limit(self) -> int:
        """Maximum number of rows."""

    @property
    def start_ms(self) -> int:
        """Earliest time."""

    @property
    def end_ms(self) -> int:
        """Latest time."""

    @property
    def before_ms(self) -> int:
        """With ``before_id``: exclusive upper bound on (time, number)."""

    @property
    def before_id(self) -> int:
        """See ``before_ms``."""

    @property
    def from_id(self) -> int:
        """Lowest number; 0: any."""

    @property
    def oldest_first(self) -> bool:
        """Whether the oldest rows are selected rather than the newest."""


_ORDERS = f"SELECT {ORDERS.column_names} FROM {ORDERS.name}"
_TRADES = f"SELECT {TRADES.column_names} FROM {TRADES.name}"

POSITIONS = SqlQuery(f"SELECT shard, position FROM {LINKS.name} ORDER BY shard")
"""(shard, position) of every shard that ever sent an event."""

PRODUCTS = SqlQuery(f"SELECT market, product FROM {MARKETS.name}")
"""(market, product) of every market."""

ROW_COUNT = SqlQuery(
    "SELECT "
    + " + ".join(
        f"(SELECT count(*) FROM {table.name})"
        for table in (ORDERS, TRADES, FUTURES_FILLS, MOVEMENTS, REFUSALS, MARKETS)
    )
)
"""One number: orders, trades, futures fills, movements, refusals and markets stored."""

MEMORY_USED = SqlQuery("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory() WHERE tag <> 'BASE_TABLE'")
"""One number: bytes held by DuckDB, except pages of the file, which it drops when it needs memory."""

MEMORY_LIMIT = SqlQuery("SELECT parse_formatted_bytes(current_setting('memory_limit'))::BIGINT")
"""One number: DuckDB's memory limit in bytes."""


def orders_of_account(
    account: str,
    span: Span,
    market: int,
    product: str,
    status: str,
    *,
    triggers: bool,
) -> SqlQuery:
    """An account's orders; ``market`` 0, ``product`` "" and ``status`` "" mean any.

    ``triggers``: only orders placed as triggers.
    """
    conditions = [
        SqlQuery("account = ?", (account,)),
        *within(span, "created_ms", "order_id"),
        *in_market(market, product),
    ]
    if status:
        conditions.append(SqlQuery("status = ?", (status,)))
    if triggers:
        conditions.append(_PLACED_AS_TRIGGER)
    return select(_ORDERS, conditions, by_age(span, "created_ms", "order_id"), span.limit)


_PLACED_AS_TRIGGER = SqlQuery("trigger_type <> ''")


def trades_of_account(account: str, span: Span, market: int, product: str, order: int) -> SqlQuery:
    """An account's trades on either side; ``market`` 0, ``product`` "" and ``order`` 0 mean any."""
    own = SqlQuery("(maker_account = ? OR taker_account = ?)", (account, account))
    if order:
        either = "(maker_account = ? AND maker_order = ? OR taker_account = ? AND taker_order = ?)"
        own = SqlQuery(either, (account, order, account, order))
    conditions = [own, *within(span, "time_ms", "trade_id"), *in_market(market, product)]
    return select(_TRADES, conditions, by_age(span, "time_ms", "trade_id"), span.limit)


def trade_by_id(trade_id: int) -> SqlQuery:
    """One trade or none."""
    return SqlQuery(f"{_TRADES} WHERE trade_id = ?", (trade_id,))


def trades_of_market(market: int, limit: int, start_ms: int, before_id: int) -> SqlQuery:
    """A market's trades since ``start_ms`` with a lower number than ``before_id``, newest first."""
    return SqlQuery(
        f"{_TRADES} WHERE market = ? AND time_ms >= ? AND trade_id < ? ORDER BY trade_id DESC LIMIT ?",
        (market, start_ms, before_id, limit),
    )


SUM_BITS: Final = 64  # width of the lower part of a sum


def _exact_sum(value: str, condition: str = "") -> str:
    """Two columns, the upper and the lower part of a sum, since the total may exceed one HUGEINT."""
    parts = f"({value}) >> {SUM_BITS}", f"({value}) & {2**SUM_BITS - 1}::HUGEINT"
    return ", ".join(f"coalesce(sum({part}) {condition}, 0)" for part in parts)


_BOUGHT: Final = "FILTER (taker_side = 'buy')"
_CANDLE: Final = (
    "arg_min(price_ticks, trade_id), max(price_ticks), min(price_ticks), arg_max(price_ticks, trade_id),"
    f" count(*), min(trade_id), max(trade_id), {_exact_sum('quantity_lots')},"
    f" {_exact_sum('price_ticks * quantity_lots')}, {_exact_sum('quantity_lots', _BOUGHT)},"
    f" {_exact_sum('price_ticks * quantity_lots', _BOUGHT)}"
)
"""Open, high, low, close, trades, first and last number; then sums: lots, ticks × lots, and both of taker buys."""


def candles_of_market(
    market: int, interval_ms: int, start_ms: int, end_ms: int, before_id: int, limit: int, *, newest: bool = False
) -> SqlQuery:
    """A market's trades from ``start_ms`` to ``end_ms`` by spans, oldest or newest first: (start, candle)."""
    return SqlQuery(
        f"SELECT time_ms // ? * ? AS open_ms, {_CANDLE} FROM {TRADES.name}"
        " WHERE market = ? AND time_ms >= ? AND time_ms <= ? AND trade_id < ?"
        f" GROUP BY open_ms ORDER BY open_ms {'DESC' if newest else 'ASC'} LIMIT ?",
        (interval_ms, interval_ms, market, start_ms, end_ms, before_id, limit),
    )


def newest_trade_time(market: int, end_ms: int, before_id: int) -> SqlQuery:
    """One number: the time of a market's last trade up to ``end_ms``; NULL if there is none."""
    return SqlQuery(
        f"SELECT max(time_ms) FROM {TRADES.name} WHERE market = ? AND time_ms <= ? AND trade_id < ?",
        (market, end_ms, before_id),
    )


def candles_of_markets(before: Mapping[int, int], start_ms: int) -> SqlQuery:
    """Per market, the trades since ``start_ms`` with numbers below ``before``: (market, candle)."""
    return SqlQuery(
        f"SELECT market, {_CANDLE} FROM {TRADES.name} {_OF_MARKETS} AND time_ms >= ? GROUP BY market",
        (*_wanted(before), start_ms),
    )


def newest_trades(before: Mapping[int, int]) -> SqlQuery:
    """Per market, the newest trade with a number below ``before``."""
    newest = f"SELECT max(trade_id) FROM {TRADES.name} {_OF_MARKETS} GROUP BY market"
    return SqlQuery(f"{_TRADES} WHERE trade_id IN ({newest})", _wanted(before))


_NUMBERS: Final = """unnest(from_json(?, '["BIGINT"]'))"""
_OF_MARKETS: Final = (
    f"JOIN (SELECT {_NUMBERS} AS market, {_NUMBERS} AS before_id) AS wanted USING (market) WHERE trade_id < before_id"
)


def _wanted(before: Mapping[int, int]) -> tuple[str, str]:
    """The parameters of :data:`_OF_MARKETS`: JSON arrays of the markets and of their exclusive upper bounds."""
    return msgspec.json.encode(list(before)).decode(), msgspec.json.encode(list(before.values())).decode()


# The parts of account lists


def within(span: Span, time: str, number: str) -> list[SqlQuery]:
    """The conditions for rows within a span."""
    # the plain bounds on time are separate: by these DuckDB skips whole row groups
    conditions = [SqlQuery(f"{time} >= ? AND {time} <= ?", (span.start_ms, min(span.end_ms, span.before_ms)))]
    if span.before_ms <= span.end_ms:
        conditions.append(SqlQuery(f"({time} < ? OR {number} < ?)", (span.before_ms, span.before_id)))
    if span.from_id:
        conditions.append(SqlQuery(f"{number} >= ?", (span.from_id,)))
    return conditions


def in_market(market: int, product: str) -> list[SqlQuery]:
    """The conditions for rows of a market or product; 0 and "" mean any."""
    conditions = []
    if market:
        conditions.append(SqlQuery("market = ?", (market,)))
    if product:
        conditions.append(SqlQuery("product = ?", (product,)))
    return conditions


def none_of(number: str, known: Sequence[int]) -> list[SqlQuery]:
    """The conditions for rows with other numbers than these."""
    if not known:
        return []
    return [SqlQuery(f"{number} NOT IN (SELECT {_NUMBERS})", (msgspec.json.encode(known).decode(),))]


def by_age(span: Span, *columns: str) -> str:
    """The sort order of a span's rows."""
    direction = "ASC" if span.oldest_first else "DESC"
    return ", ".join(f"{column} {direction}" for column in columns)


def select(selected: str, conditions: list[SqlQuery], order: str, limit: int) -> SqlQuery:
    """The first ``limit`` of the rows that meet all conditions."""
    where = " AND ".join(condition.sql for condition in conditions)
    parameters = tuple(value for condition in conditions for value in condition.parameters)
    return SqlQuery(f"{selected} WHERE {where} ORDER BY {order} LIMIT ?", (*parameters, limit))
