"""The tables and views of the archive, each with its meaning.

Two layers. ``stored`` holds what the shards sent, in exact integers, and is what named questions read. The views in
``main`` are made for the analyst: names instead of numbers, decimals instead of ticks and lots, and ready reports.
A table or column cannot be written down here without a comment, and the comments are stored in the database.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Column(NamedTuple):
    """A stored column."""

    name: str
    type: str
    comment: str


class Table(NamedTuple):
    """A stored table. ``key`` is its primary key; a row with a known key replaces the old one if ``replaces``."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: str
    replaces: bool = False

    @property
    def column_names(self) -> str:
        """The columns for a SELECT that gives back the tuples that were stored."""
        return ", ".join(column.name for column in self.columns)


class Shown(NamedTuple):
    """A column of a view: how it is computed, and what it means."""

    name: str
    expression: str
    comment: str


class View(NamedTuple):
    """A view: SELECT its columns, then ``source`` (FROM and what follows)."""

    name: str
    comment: str
    columns: tuple[Shown, ...]
    source: str


# Ticks, lots and amounts are HUGEINT: with 18 decimals a price of 10^9 is 10^27 ticks, an amount up to 10^38 units

ORDERS = Table(
    "stored.orders",
    "Every order that became terminal, once, as its shard sent it. The view orders shows it in readable form.",
    (
        Column("order_id", "BIGINT", "52-bit number: market << 40 | sequence within the market"),
        Column("market", "SMALLINT", "Number of the market, see stored.markets"),
        Column("account", "VARCHAR", "Who placed it"),
        Column("side", "VARCHAR", "buy or sell"),
        Column("type", "VARCHAR", "limit or market"),
        Column("tif", "VARCHAR", "Time in force: gtc, ioc, post_only"),
        Column("price_ticks", "HUGEINT", "Limit price in ticks; 0 for market orders"),
        Column("quantity_lots", "HUGEINT", "Ordered base quantity in lots; 0 for a market buy"),
        Column("quote_quantity_units", "HUGEINT", "Quote amount of a market buy in smallest units; else 0"),
        Column("client_id", "VARCHAR", "The caller's own id; empty if none"),
        Column("signed_ms", "BIGINT", "Timestamp of the signed request, Unix ms; 0 under a bearer token"),
        Column("filled_lots", "HUGEINT", "Filled base quantity in lots"),
        Column("filled_tick_lots", "HUGEINT", "Sum over its fills of ticks x lots: its exact value"),
        Column("hold_units", "HUGEINT", "Smallest units still held for it when it ended"),
        Column("status", "VARCHAR", "filled, canceled, rejected or expired"),
        Column(
            "end_reason",
            "VARCHAR",
            "Why it ended: filled, user, cancel_all, ioc, market_rest, delist, self_trade, post_only",
        ),
        Column("created_ms", "BIGINT", "When it was placed, Unix ms"),
        Column("updated_ms", "BIGINT", "When it ended, Unix ms"),
        Column("request", "BIGINT", "Journal sequence, on its shard, of the request that ended it"),
        Column("shard", "SMALLINT", "The shard it came from"),
        Column("id", "UUID", "The id under which the spot API shows it"),
    ),
    key="order_id",
)

TRADES = Table(
    "stored.trades",
    "Every match, once, as its shard sent it. The view trades shows it in readable form.",
    (
        Column("trade_id", "BIGINT", "52-bit number: market << 40 | sequence within the market"),
        Column("market", "SMALLINT", "Number of the market, see stored.markets"),
        Column("price_ticks", "HUGEINT", "Price in ticks: the maker's"),
        Column("quantity_lots", "HUGEINT", "Base quantity in lots"),
        Column("taker_side", "VARCHAR", "buy or sell"),
        Column("maker_order", "BIGINT", "order_id of the resting order"),
        Column("taker_order", "BIGINT", "order_id of the incoming order"),
        Column("maker_account", "VARCHAR", "Owner of the resting order"),
        Column("taker_account", "VARCHAR", "Owner of the incoming order"),
        Column("maker_fee_units", "HUGEINT", "Fee in smallest units of what the maker received"),
        Column("taker_fee_units", "HUGEINT", "Fee in smallest units of what the taker received"),
        Column("time_ms", "BIGINT", "When it happened, Unix ms"),
        Column("id", "UUID", "The id under which the spot API shows it"),
    ),
    key="trade_id",
)

MARKETS = Table(
    "stored.markets",
    "The latest state of every market.",
    (
        Column("market", "SMALLINT", "Number of the market: the upper bits of its orders' and trades' numbers"),
        Column("product", "VARCHAR", "spot or futures"),
        Column("symbol", "VARCHAR", "As callers name it; a spot and a futures market may share one"),
        Column("base", "VARCHAR", "Asset that is traded"),
        Column("quote", "VARCHAR", "Asset it is paid in"),
        Column("base_places", "SMALLINT", "Decimals of the base asset's smallest unit"),
        Column("quote_places", "SMALLINT", "Decimals of the quote asset's smallest unit"),
        Column("tick_size", "DECIMAL(38,18)", "Price of one tick, in quote"),
        Column("lot_size", "DECIMAL(38,18)", "Quantity of one lot, in base"),
        Column("min_notional_units", "HUGEINT", "Least price x quantity of an order, smallest units of quote"),
        Column("maker_fee_bps", "SMALLINT", "Fee of the resting side in hundredths of a percent"),
        Column("taker_fee_bps", "SMALLINT", "Fee of the incoming side in hundredths of a percent"),
        Column("status", "VARCHAR", "listed, halted or delisted"),
        Column("changed_ms", "BIGINT", "When it was added or last changed, Unix ms"),
    ),
    key="market",
    replaces=True,
)

LINKS = Table(
    "stored.links",
    "How far each shard's rows are stored. Written in the transaction of the rows: that makes them exactly once.",
    (
        Column("shard", "SMALLINT", "The sending shard"),
        Column("position", "BIGINT", "Number of the last row stored of it"),
    ),
    key="shard",
    replaces=True,
)

TABLES = (ORDERS, TRADES, MARKETS, LINKS)

_MARKET_NAMES = (
    Shown("product", "m.product", "spot or futures"),
    Shown("symbol", "m.symbol", "Market, as callers name it"),
)

_MARKETS_VIEW = View(
    "markets",
    "Every market in its latest state.",
    (
        Shown("market", "m.market", "Number of the market"),
        *_MARKET_NAMES,
        Shown("base", "m.base", "Asset that is traded"),
        Shown("quote", "m.quote", "Asset it is paid in"),
        Shown("tick_size", "m.tick_size", "Price step, in quote, exact"),
        Shown("lot_size", "m.lot_size", "Quantity step, in base, exact"),
        Shown(
            "min_notional",
            "m.min_notional_units::DOUBLE / 10 ** m.quote_places",
            "Least price x quantity of an order, in quote, rounded to a DOUBLE",
        ),
        Shown("maker_fee_bps", "m.maker_fee_bps", "Fee of the resting side in hundredths of a percent"),
        Shown("taker_fee_bps", "m.taker_fee_bps", "Fee of the incoming side in hundredths of a percent"),
        Shown("status", "m.status", "listed, halted or delisted"),
        Shown("changed_at", "epoch_ms(m.changed_ms)", "When it was added or last changed, UTC"),
    ),
    "FROM stored.markets m",
)

_ORDERS_VIEW = View(
    "orders",
    "Every order that became terminal: one row each, with why, when and by which request it ended.",
    (
        Shown("id", "o.id", "The id under which the spot API shows it"),
        Shown("order_id", "o.order_id", "Its 52-bit number, the orderId of the futures API"),
        *_MARKET_NAMES,
        Shown("account", "o.account", "Who placed it"),
        Shown("client_id", "nullif(o.client_id, '')", "The caller's own id; NULL if none"),
        Shown("side", "o.side", "buy or sell"),
        Shown("type", "o.type", "limit or market"),
        Shown("tif", "o.tif", "Time in force: gtc, ioc, post_only"),
        Shown("price", "nullif(o.price_ticks, 0) * m.tick_size", "Limit price, exact; NULL for market orders"),
        Shown(
            "quantity", "nullif(o.quantity_lots, 0) * m.lot_size", "Ordered base quantity, exact; NULL for a market buy"
        ),
        Shown(
            "quote_quantity",
            "nullif(o.quote_quantity_units, 0)::DOUBLE / 10 ** m.quote_places",
            "Quote amount of a market buy, rounded to a DOUBLE (quote_quantity_units is exact); else NULL",
        ),
        Shown("filled", "o.filled_lots * m.lot_size", "Filled base quantity, exact"),
        Shown(
            "filled_quote",
            "o.filled_tick_lots::DOUBLE * m.tick_size::DOUBLE * m.lot_size::DOUBLE",
            "Sum over its fills of price x quantity, rounded to a DOUBLE (filled_tick_lots is exact)",
        ),
        Shown(
            "average_price",
            "o.filled_tick_lots::DOUBLE / nullif(o.filled_lots, 0)::DOUBLE * m.tick_size::DOUBLE",
            "Average price of its fills, rounded to a DOUBLE; NULL if nothing filled",
        ),
        Shown("status", "o.status", "filled, canceled, rejected or expired"),
        Shown(
            "end_reason",
            "o.end_reason",
            "Why it ended: filled; user (cancel by id or client id), cancel_all; ioc, market_rest (what did not fill at"
            " once); delist; self_trade, post_only (refused by the book)",
        ),
        Shown("shard", "o.shard", "With request: which journaled input ended it"),
        Shown("request", "o.request", "Journal sequence, on its shard, of the request that ended it"),
        Shown("created_at", "epoch_ms(o.created_ms)", "When it was placed, UTC"),
        Shown("updated_at", "epoch_ms(o.updated_ms)", "When it ended, UTC"),
        Shown("time_on_book_ms", "o.updated_ms - o.created_ms", "From placed to ended, ms"),
        Shown("created_ms", "o.created_ms", "When it was placed, Unix ms; the fastest column to select a time by"),
        Shown("updated_ms", "o.updated_ms", "When it ended, Unix ms; the fastest column to select a time by"),
        Shown("signed_ms", "nullif(o.signed_ms, 0)", "Timestamp in the signed request, Unix ms; NULL if not signed"),
        Shown("market", "o.market", "Number of the market"),
        Shown("price_ticks", "o.price_ticks", "Limit price in ticks; 0 for market orders"),
        Shown("quantity_lots", "o.quantity_lots", "Ordered base quantity in lots; 0 for a market buy"),
        Shown(
            "quote_quantity_units", "o.quote_quantity_units", "Quote amount in smallest units; 0 but for market buys"
        ),
        Shown("filled_lots", "o.filled_lots", "Filled base quantity in lots"),
        Shown("filled_tick_lots", "o.filled_tick_lots", "Sum over its fills of ticks x lots: its exact value"),
    ),
    "FROM stored.orders o LEFT JOIN stored.markets m ON m.market = o.market",
)

_TRADES_VIEW = View(
    "trades",
    "Every match: one row each. The view fills has one row for each side.",
    (
        Shown("id", "t.id", "The id under which the spot API shows it"),
        Shown("trade_id", "t.trade_id", "Its 52-bit number"),
        *_MARKET_NAMES,
        Shown("time", "epoch_ms(t.time_ms)", "When it happened, UTC"),
        Shown("price", "t.price_ticks * m.tick_size", "The maker's price, exact"),
        Shown("quantity", "t.quantity_lots * m.lot_size", "Base quantity, exact"),
        Shown(
            "quote_amount",
            "t.price_ticks::DOUBLE * t.quantity_lots::DOUBLE * m.tick_size::DOUBLE * m.lot_size::DOUBLE",
            "price x quantity, rounded to a DOUBLE",
        ),
        Shown("taker_side", "t.taker_side", "buy or sell"),
        Shown("maker_account", "t.maker_account", "Owner of the resting order"),
        Shown("taker_account", "t.taker_account", "Owner of the incoming order"),
        Shown("maker_order", "t.maker_order", "order_id of the resting order"),
        Shown("taker_order", "t.taker_order", "order_id of the incoming order"),
        Shown("time_ms", "t.time_ms", "When it happened, Unix ms; the fastest column to select a time by"),
        Shown("market", "t.market", "Number of the market"),
        Shown("price_ticks", "t.price_ticks", "Price in ticks"),
        Shown("quantity_lots", "t.quantity_lots", "Base quantity in lots"),
    ),
    "FROM stored.trades t LEFT JOIN stored.markets m ON m.market = t.market",
)

_SIDES = """
    SELECT *, 'maker' AS role, maker_account AS account, maker_order AS order_id, maker_fee_units AS fee_units,
        CASE taker_side WHEN 'buy' THEN 'sell' ELSE 'buy' END AS side
    FROM stored.trades
    UNION ALL
    SELECT *, 'taker', taker_account, taker_order, taker_fee_units, taker_side FROM stored.trades
"""

_FILLS_VIEW = View(
    "fills",
    "Both sides of every match: what each account traded and paid.",
    (
        Shown("trade_id", "f.trade_id", "The match: two fills share it"),
        Shown("trade", "f.id", "The match's id on the spot API"),
        *_MARKET_NAMES,
        Shown("time", "epoch_ms(f.time_ms)", "When it happened, UTC"),
        Shown("account", "f.account", "Whose side of the match this is"),
        Shown("order_id", "f.order_id", "The account's order"),
        Shown("side", "f.side", "buy or sell, as the account did"),
        Shown("role", "f.role", "maker (rested) or taker (came in)"),
        Shown("price", "f.price_ticks * m.tick_size", "Price, exact"),
        Shown("quantity", "f.quantity_lots * m.lot_size", "Base quantity, exact"),
        Shown(
            "quote_amount",
            "f.price_ticks::DOUBLE * f.quantity_lots::DOUBLE * m.tick_size::DOUBLE * m.lot_size::DOUBLE",
            "price x quantity, rounded to a DOUBLE",
        ),
        Shown(
            "fee",
            "f.fee_units::DOUBLE / 10 ** CASE f.side WHEN 'buy' THEN m.base_places ELSE m.quote_places END",
            "What the account paid, in fee_asset, rounded to a DOUBLE (fee_units is exact)",
        ),
        Shown("fee_asset", "CASE f.side WHEN 'buy' THEN m.base ELSE m.quote END", "What the account received"),
        Shown("fee_units", "f.fee_units", "Fee in smallest units of fee_asset"),
        Shown("time_ms", "f.time_ms", "When it happened, Unix ms; the fastest column to select a time by"),
        Shown("market", "f.market", "Number of the market"),
    ),
    f"FROM ({_SIDES}) f LEFT JOIN stored.markets m ON m.market = f.market",
)

_CANCELED = "status = 'canceled' AND end_reason IN ('user', 'cancel_all')"  # by the caller's own wish
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
        Shown("canceled_count", f"count(*) FILTER ({_CANCELED})", "Of these: canceled by the caller"),
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
    "How long orders stood before their callers canceled them, by account, symbol and hour.",
    (
        *_REPORT_KEYS,
        _ENDED_HOUR,
        Shown("canceled_count", "count(*)", "Orders canceled by the caller"),
        Shown("least_ms", "min(time_on_book_ms)", "Shortest time from placed to canceled, ms"),
        Shown("median_ms", "quantile_cont(time_on_book_ms, 0.5)", "Half of them were canceled within, ms"),
        Shown("p90_ms", "quantile_cont(time_on_book_ms, 0.9)", "Nine of ten were canceled within, ms"),
        Shown("most_ms", "max(time_on_book_ms)", "Longest time from placed to canceled, ms"),
        Shown("average_ms", "avg(time_on_book_ms)", "Average time from placed to canceled, ms"),
    ),
    f"FROM orders WHERE {_CANCELED} GROUP BY ALL",
)

VIEWS = (
    _MARKETS_VIEW,
    _ORDERS_VIEW,
    _TRADES_VIEW,
    _FILLS_VIEW,
    _CANCEL_RATE_VIEW,
    _ORDER_TO_TRADE_VIEW,
    _TIME_TO_CANCEL_VIEW,
)


def make_tables() -> Iterator[str]:
    """The statements that make the tables of a new archive."""
    yield "CREATE SCHEMA stored"
    for table in TABLES:
        columns = ", ".join(f"{column.name} {column.type} NOT NULL" for column in table.columns)
        yield f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({table.key}))"
        yield _comment(f"TABLE {table.name}", table.comment)
        for column in table.columns:
            yield _comment(f"COLUMN {table.name}.{column.name}", column.comment)


def make_views() -> Iterator[str]:
    """The statements that make the views, or bring those of an earlier version up to date."""
    for view in VIEWS:
        columns = ", ".join(f"{column.expression} AS {column.name}" for column in view.columns)
        yield f"CREATE OR REPLACE VIEW {view.name} AS SELECT {columns} {view.source}"
        yield _comment(f"VIEW {view.name}", view.comment)
        for column in view.columns:
            yield _comment(f"COLUMN {view.name}.{column.name}", column.comment)


def _comment(target: str, text: str) -> str:
    quoted = text.replace("'", "''")
    return f"COMMENT ON {target} IS '{quoted}'"
