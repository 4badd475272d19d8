"""The archive's named queries about futures wallets: fills, and all changes."""

from collections.abc import Mapping, Sequence

from storage.queries import Span, SqlQuery, by_age, in_market, none_of, select, within
from storage.tables import FUTURES_FILLS, MOVEMENTS

_FILLS = f"SELECT {FUTURES_FILLS.column_names} FROM {FUTURES_FILLS.name}"

_INCOME_COLUMNS = "id, kind, amount, time_ms, market, trade, reference"

# a fill changes its wallet by its profit and by its fee, if nonzero
_INCOME = {
    "realized_pnl": f"""
        SELECT account, trade_id AS id, 'realized_pnl' AS kind, profit_units AS amount, time_ms, market,
            trade_id AS trade, '' AS reference
        FROM {FUTURES_FILLS.name} WHERE profit_units <> 0""",
    "commission": f"""
        SELECT account, trade_id AS id, 'commission' AS kind, -fee_units AS amount, time_ms, market,
            trade_id AS trade, '' AS reference
        FROM {FUTURES_FILLS.name} WHERE fee_units <> 0""",
    "transfer": f"""
        SELECT account, movement_id AS id, 'transfer' AS kind, amount_units AS amount, time_ms, 0 AS market,
            0 AS trade, reference
        FROM {MOVEMENTS.name} WHERE wallet = 'futures'""",
}


def fills_of_account(account: str, span: Span, market: int, order: int) -> SqlQuery:
    """An account's futures fills; ``market`` 0 and ``order`` 0 mean any.

    Returns the columns of their table.
    """
    conditions = [
        SqlQuery("account = ?", (account,)),
        *within(span, "time_ms", "trade_id"),
        *in_market(market, ""),
    ]
    if order:
        conditions.append(SqlQuery("order_id = ?", (order,)))
    return select(_FILLS, conditions, by_age(span, "time_ms", "trade_id"), span.limit)


def income_of_account(
    account: str,
    span: Span,
    market: int,
    kind: str,
    skip: int,
    known: Mapping[str, Sequence[int]],
) -> SqlQuery:
    """Changes of an account's futures wallet, by (time, id, kind); ``market`` 0 and ``kind`` "" mean any.

    Returns (id, kind, amount, time, market, trade, reference), with 0 and "" for none. The ids ``known`` of each kind
    are omitted, and then the first ``skip`` rows.
    """
    conditions = [SqlQuery("account = ?", (account,)), *within(span, "time_ms", "id"), *in_market(market, "")]
    order = by_age(span, "time_ms", "id", "kind")
    # each kind is limited by itself, so that DuckDB skips most of its row groups
    parts = [
        select(
            f"SELECT {_INCOME_COLUMNS} FROM ({_INCOME[each]})",
            [*conditions, *none_of("id", known.get(each, ()))],
            order,
            skip + span.limit,
        )
        for each in ([kind] if kind else _INCOME)
    ]
    union = " UNION ALL ".join(f"({part.sql})" for part in parts)
    parameters = tuple(value for part in parts for value in part.parameters)
    return SqlQuery(f"{union} ORDER BY {order} LIMIT ? OFFSET ?", (*parameters, span.limit, skip))
