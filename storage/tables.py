"""The tables of the archive: the shards' events, in exact integers. Named queries read them.

Columns may be added, with the next version and a default; stored columns keep their names and meanings.
"""

from typing import Final

from storage.schema import Column, Table

VERSION: Final = 5
"""Schema version. 2: futures. 3: client ids by key, no hold_units. 4: losses held by futures orders. 5: refusals."""

DROPPED: Final = (("stored.orders", "hold_units", 3),)
"""(table, column, version): always 0, because an ended order holds nothing; the view orders computes it."""

# Ticks, lots and amounts are HUGEINT: with 18 decimals a price of 10^9 is 10^27 ticks; amounts reach 10^38 units

# The product of its market, for conditions: several times as fast as a join. Before version 2 all were spot
_PRODUCT = Column("product", "VARCHAR", "spot or futures, as its market; empty if that is unknown", 2, "'spot'")

ORDERS = Table(
    "stored.orders",
    "Every order that became terminal, once, as its shard sent it. The view orders shows it in readable form.",
    (
        Column("order_id", "BIGINT", "52-bit number: market << 40 | sequence within the market"),
        Column("market", "SMALLINT", "Number of the market, see stored.markets"),
        Column("account", "VARCHAR", "Who placed it"),
        Column("side", "VARCHAR", "buy or sell"),
        Column("type", "VARCHAR", "limit or market; of a trigger that never fired, its trigger_type"),
        Column("tif", "VARCHAR", "Time in force: gtc, ioc, fok, post_only"),
        Column("price_ticks", "HUGEINT", "Limit price in ticks; 0 for market orders"),
        Column("quantity_lots", "HUGEINT", "Ordered base quantity in lots; 0 for a market buy on a spot market"),
        Column("quote_quantity_units", "HUGEINT", "Quote amount of a market buy in smallest units; else 0"),
        Column("client_id", "VARCHAR", "The caller's own id; empty if none"),
        Column("signed_ms", "BIGINT", "Timestamp of the signed request, Unix ms; 0 under a bearer token"),
        Column("filled_lots", "HUGEINT", "Filled base quantity in lots"),
        Column("filled_tick_lots", "HUGEINT", "Sum over its fills of ticks x lots: its exact value"),
        Column("status", "VARCHAR", "filled, canceled, rejected or expired"),
        Column("end_reason", "VARCHAR", "Why it ended; the view orders lists the reasons"),
        Column("created_ms", "BIGINT", "When it was placed, Unix ms"),
        Column("updated_ms", "BIGINT", "When it ended, Unix ms"),
        Column("request", "BIGINT", "Journal sequence, on its shard, of the request that ended it"),
        Column("reduce_only", "BOOLEAN", "Futures: it could only reduce a position", 2, "false"),
        Column("close_position", "BOOLEAN", "Futures: it was for the whole position", 2, "false"),
        Column(
            "leverage", "INTEGER", "Futures: leverage of its hold and its fills; 0 if nothing was held for it", 2, "0"
        ),
        Column("hold_price_ticks", "HUGEINT", "Futures: the price that its hold assumed, in ticks; else 0", 2, "0"),
        Column("loss_ticks", "HUGEINT", "Futures: the loss of each lot that its hold assumed, in ticks", 4, "0"),
        Column("trigger_type", "VARCHAR", "Its type as placed, if it was placed as a trigger; else empty", 2, "''"),
        Column("stop_price_ticks", "HUGEINT", "Trigger: the price waited for, in ticks; 0 for trailing", 2, "0"),
        Column("watched", "VARCHAR", "Trigger: which price it watched, contract or mark; else empty", 2, "''"),
        Column("price_protect", "BOOLEAN", "Trigger: not to fire while last and mark price are far apart", 2, "false"),
        Column(
            "activation_ticks",
            "HUGEINT",
            "Trailing: the price from which it follows, in ticks; unused for others",
            2,
            "0",
        ),
        Column("callback_bps", "INTEGER", "Trailing: distance it follows at, hundredths of a percent", 2, "0"),
        Column("parent", "BIGINT", "Trigger: order_id of the order it was attached to; 0 if none", 2, "0"),
        Column("extreme_ticks", "HUGEINT", "Trailing: best price watched since it was placed, in ticks", 2, "0"),
        Column("fired_ms", "BIGINT", "Trigger: when it fired, Unix ms; 0 if it did not", 2, "0"),
        Column("take_profit", "BIGINT", "order_id of the take-profit placed with it; 0 if none", 2, "0"),
        Column("stop_loss", "BIGINT", "order_id of the stop-loss placed with it; 0 if none", 2, "0"),
        _PRODUCT,
        Column("shard", "SMALLINT", "The shard it came from"),
        Column("id", "UUID", "The id under which the spot API shows it"),
    ),
    key="order_id",
)

_CLIENT_ID_COLUMNS = (
    Column("key", "UBIGINT", "Of account and client id: storage/client_ids.py says how it is made"),
    Column("order_id", "BIGINT", "The order"),
    Column("is_trigger", "BOOLEAN", "Whether it was placed as a trigger"),
)

CLIENT_IDS = Table(
    "stored.client_ids",
    "Keys by which orders are found by their client ids: in runs of four million, each sorted by key.",
    _CLIENT_ID_COLUMNS,
    key="",
    since=3,
)

RECENT_CLIENT_IDS = Table(
    "stored.recent_client_ids",
    "The same of later orders, in runs of a million.",
    _CLIENT_ID_COLUMNS,
    key="",
    since=3,
)

NEW_CLIENT_IDS = Table(
    "stored.new_client_ids",
    "The same of the newest orders, not sorted yet.",
    _CLIENT_ID_COLUMNS,
    key="",
    since=3,
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
        Column("maker_fee_units", "HUGEINT", "Fee in smallest units: spot, of what the maker received; futures, quote"),
        Column("taker_fee_units", "HUGEINT", "Fee in smallest units: spot, of what the taker received; futures, quote"),
        Column("time_ms", "BIGINT", "When it happened, Unix ms"),
        _PRODUCT,
        Column("id", "UUID", "The id under which the spot API shows it"),
    ),
    key="trade_id",
)

FUTURES_FILLS = Table(
    "stored.futures_fills",
    "Each side of every futures match, once, as it was booked in its account's wallet. The view futures_fills shows it"
    " in readable form.",
    (
        Column("trade_id", "BIGINT", "The match: two fills share it"),
        Column("order_id", "BIGINT", "The account's order"),
        Column("account", "VARCHAR", "Whose side of the match this is"),
        Column("market", "SMALLINT", "Number of the market, see stored.markets"),
        Column("side", "VARCHAR", "buy or sell, as the account did"),
        Column("price_ticks", "HUGEINT", "Price in ticks"),
        Column("quantity_lots", "HUGEINT", "Base quantity in lots"),
        Column("lot_value_units", "HUGEINT", "What one lot cost at this price, smallest units of quote"),
        Column("fee_units", "HUGEINT", "What the account paid, smallest units of quote"),
        Column("maker", "BOOLEAN", "Whether its order rested"),
        Column("profit_units", "HUGEINT", "Realized profit, smallest units of quote; negative for a loss"),
        Column("time_ms", "BIGINT", "When the match happened, Unix ms"),
        Column("booked_ms", "BIGINT", "When it was booked in the wallet, Unix ms"),
    ),
    key="trade_id, order_id",
    since=2,
)

MOVEMENTS = Table(
    "stored.movements",
    "Money that came into a wallet or left it other than by trading, once. The view movements shows it in readable"
    " form.",
    (
        Column("shard", "SMALLINT", "The account's shard"),
        Column(
            "movement_id", "BIGINT", "Journal sequence, on its shard, of the request; a transfer's two rows share it"
        ),
        Column("account", "VARCHAR", "Whose money"),
        Column("wallet", "VARCHAR", "spot or futures"),
        Column("asset", "VARCHAR", "The asset that was moved"),
        Column("amount_units", "HUGEINT", "Smallest units; negative: it left the wallet"),
        Column("cause", "VARCHAR", "deposit, withdrawal or transfer"),
        Column("reference", "VARCHAR", "The caller's reference; empty if none"),
        Column("time_ms", "BIGINT", "When it happened, Unix ms"),
    ),
    key="shard, movement_id, wallet",
    since=2,
)

REFUSALS = Table(
    "stored.refusals",
    "Every rejected command of an account, once. The view refusals shows it in readable form.",
    (
        Column(
            "shard",
            "SMALLINT",
            "The shard that rejected it: the market's, or the account's if the funds are insufficient",
        ),
        Column("seq", "BIGINT", "Journal sequence, on its shard, of the request"),
        Column("sub", "SMALLINT", "Number among the rejections of the request, from 0"),
        Column("command", "VARCHAR", "place, modify or cancel"),
        Column("account", "VARCHAR", "Who asked for it"),
        Column("market", "SMALLINT", "Number of the market, see stored.markets; 0 if there is none of that number"),
        Column("reason", "VARCHAR", "Why it was rejected"),
        Column("time_ms", "BIGINT", "When, Unix ms"),
        Column("order_id", "BIGINT", "The order to be modified or canceled; 0 if it was named by its client id"),
        Column("client_id", "VARCHAR", "The caller's own id; empty if none was sent"),
        Column("side", "VARCHAR", "Of an order to be placed, as up to stop_price_ticks: buy or sell; else empty"),
        Column("type", "VARCHAR", "limit or market; of a trigger its type; else empty"),
        Column("tif", "VARCHAR", "Time in force: gtc, ioc, fok, post_only; else empty"),
        Column("price_ticks", "HUGEINT", "Limit price in ticks, also of a change; 0 if none"),
        Column("quantity_lots", "HUGEINT", "Base quantity in lots, also of a change; 0 if none"),
        Column("quote_quantity_units", "HUGEINT", "Quote amount of a market buy in smallest units; else 0"),
        Column("stop_price_ticks", "HUGEINT", "Price to wait for, in ticks, also of a change; 0 if none"),
        Column("reduce_only", "BOOLEAN", "Futures: it could only reduce a position"),
        Column("close_position", "BOOLEAN", "Futures: it was for the whole position"),
        Column("signed_ms", "BIGINT", "Timestamp of the signed request to place it, Unix ms; else 0"),
    ),
    key="shard, seq, sub",
    since=5,
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
        Column("min_notional_units", "HUGEINT", "Minimum price x quantity of an order, smallest units of quote"),
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
        Column("position", "BIGINT", "Number of its last stored row"),
    ),
    key="shard",
    replaces=True,
)

SCHEMA_VERSION = Table(
    "stored.schema_version",
    "The version of these tables, in its only row. Version 1 had no such table.",
    (Column("version", "INTEGER", "A program that knows only earlier versions does not open the archive"),),
    key="version",
    since=2,
)

TABLES: Final = (
    ORDERS,
    CLIENT_IDS,
    RECENT_CLIENT_IDS,
    NEW_CLIENT_IDS,
    TRADES,
    FUTURES_FILLS,
    MOVEMENTS,
    REFUSALS,
    MARKETS,
    LINKS,
    SCHEMA_VERSION,
)
