"""Reports: views with counts and averages by account, market and hour, based on those of :mod:`storage.views`."""

from typing import Final

from storage.schema import Shown, View

_CANCELED = "status = 'canceled' AND end_reason IN ('user', 'cancel_all', 'batch')"  # exactly what the caller requested
_REPORT_KEYS = (
    Shown("account", "account", "Account"),
    Shown("product", "product", "spot or futures"),
    Shown("symbol", "symbol", "Market"),
)
_ENDED_HOUR = Shown("hour", "date_trunc('hour', updated_at)", "Hour in which the orders ended, UTC")

_CANCEL_RATE_VIEW = View(
    "cancel_rate",
    "How many orders their callers canceled, by account, symbol and hour. For longer spans add up the counts.",
    (
        *_REPORT_KEYS,
        _ENDED_HOUR,
        Shown("ended_count", "count(*)", "Orders that ended"),
        Shown(
            "canceled_count",
            f"count(*) FILTER ({_CANCELED})",
            "Of these: canceled by the caller (user, cancel_all, batch)",
        ),
        Shown(
            "canceled_unfilled_count", f"count(*) FILTER ({_CANCELED} AND filled_lots = 0)", "Of these: nothing filled"
        ),
        Shown("cancel_rate", f"count(*) FILTER ({_CANCELED}) / count(*)", "canceled_count / ended_count, 0 to 1"),
    ),
    "FROM orders GROUP BY ALL",
)

_ORDER_TO_TRADE_VIEW = View(
    "order_to_trade_ratio",
    "Orders per fill, by account, symbol and hour. For longer spans add up the counts.",
    (
        *_REPORT_KEYS,
        Shown("hour", "hour", "Hour in which the orders ended and the fills happened, UTC"),
        Shown("order_count", "coalesce(order_count, 0)", "Orders that ended"),
        Shown("fill_count", "coalesce(fill_count, 0)", "Fills, of whatever order of the account"),
        Shown("order_to_trade_ratio", "order_count / fill_count", "order_count / fill_count; NULL without fills"),
    ),
    """FROM (
        SELECT account, product, symbol, date_trunc('hour', updated_at) AS hour, count(*) AS order_count
        FROM orders GROUP BY ALL
    ) FULL JOIN (
        SELECT account, product, symbol, date_trunc('hour', time) AS hour, count(*) AS fill_count
        FROM fills GROUP BY ALL
    ) USING (account, product, symbol, hour)""",
)

_TIME_TO_CANCEL_VIEW = View(
    "time_to_cancel",
    "How long orders rested before their callers canceled them, by account, symbol and hour.",
    (
        *_REPORT_KEYS,
        _ENDED_HOUR,
        Shown("canceled_count", "count(*)", "Orders canceled by the caller"),
        Shown("least_ms", "min(time_on_book_ms)", "Shortest time from placed to canceled, ms"),
        Shown("median_ms", "quantile_cont(time_on_book_ms, 0.5)", "Median time from placed to canceled, ms"),
        Shown("p90_ms", "quantile_cont(time_on_book_ms, 0.9)", "90th percentile from placed to canceled, ms"),
        Shown("most_ms", "max(time_on_book_ms)", "Longest time from placed to canceled, ms"),
        Shown("average_ms", "avg(time_on_book_ms)", "Average time from placed to canceled, ms"),
    ),
    f"FROM orders WHERE {_CANCELED} GROUP BY ALL",
)

REPORTS: Final = (_CANCEL_RATE_VIEW, _ORDER_TO_TRADE_VIEW, _TIME_TO_CANCEL_VIEW)
