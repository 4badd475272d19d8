"""The archive's views for analysts: names instead of numbers, decimals instead of ticks and lots."""

from typing import Final

from storage import amounts
from storage.schema import Shown, View

_OF_MARKET = f"LEFT JOIN {amounts.MARKETS} m ON m.market = "

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
            amounts.quote_units("m.min_notional_units"),
            "Minimum price x quantity of an order, in quote",
        ),
        Shown("maker_fee_bps", "m.maker_fee_bps", "Fee of the resting side in hundredths of a percent"),
        Shown("taker_fee_bps", "m.taker_fee_bps", "Fee of the incoming side in hundredths of a percent"),
        Shown("status", "m.status", "listed, halted or delisted"),
        Shown("changed_at", "epoch_ms(m.changed_ms)", "When it was added or last changed, UTC"),
    ),
    f"FROM {amounts.MARKETS} m",
)

_OF_TRIGGER = "CASE WHEN o.trigger_type <> '' THEN {} END"
_OF_TRAILING = "CASE WHEN o.trigger_type = 'trailing_stop_market' THEN {} END"

_PRICE = "nullif(o.price_ticks, 0)"
_QUANTITY = "nullif(o.quantity_lots, 0)"
_LEFT = "CASE WHEN o.quantity_lots <> 0 THEN o.quantity_lots - o.filled_lots END"


def _hold(lots: str, quote_units: str) -> str:
    """The amount held for ``lots`` of an order, or for ``quote_units`` of a market buy."""
    margin = f"o.hold_price_ticks * {lots} * m.tick_lot_units"
    loss = f"o.loss_ticks * {lots} * m.tick_lot_units"
    return f"""TRY(CASE
        WHEN m.product = 'futures' THEN coalesce(({margin} + o.leverage - 1) // nullif(o.leverage, 0), 0) + {loss}
        WHEN o.side = 'sell' THEN {lots} * m.lot_units
        WHEN o.quantity_lots = 0 THEN {quote_units}
        ELSE o.price_ticks * {lots} * m.tick_lot_units END)"""


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
        Shown("type", "o.type", "limit or market; of a trigger that never fired, its trigger_type"),
        Shown("tif", "o.tif", "Time in force: gtc, ioc, fok, post_only"),
        Shown("price", amounts.price(_PRICE), "Limit price in quote; NULL for market orders"),
        Shown(
            "quantity",
            amounts.quantity(_QUANTITY),
            "Ordered base quantity; NULL for a spot market buy, and where the position is the quantity",
        ),
        Shown(
            "quote_quantity",
            amounts.quote_units("nullif(o.quote_quantity_units, 0)"),
            "Quote amount of a market buy (quote_quantity_units is exact); else NULL",
        ),
        Shown("notional", amounts.notional(_PRICE, _QUANTITY), "price x quantity in quote; NULL where one of them is"),
        Shown("left_notional", amounts.notional(_PRICE, _LEFT), "The same of what had not filled when it ended"),
        Shown("filled", amounts.quantity("o.filled_lots"), "Filled base quantity"),
        Shown(
            "filled_quote",
            amounts.sum_of_notionals("o.filled_tick_lots"),
            "Sum over its fills of price x quantity, in quote (filled_tick_lots is exact)",
        ),
        Shown(
            "average_price",
            amounts.average_price("o.filled_tick_lots", "o.filled_lots"),
            "Average price of its fills, in quote; NULL if nothing filled",
        ),
        Shown("status", "o.status", "filled, canceled, rejected or expired"),
        Shown(
            "end_reason",
            "o.end_reason",
            "Why it ended: filled; canceled by its caller: user (by id or client id), cancel_all, batch, countdown (not"
            " put off in time); with another: cascade (its parent was canceled), child_fired (its take-profit or"
            " stop-loss fired); by the rules: ioc, market_rest (what did not fill at once), post_only, self_trade"
            " (refused by the book), own_order (in the way of a newer one), position_closed, reduce_only (nothing left"
            " to reduce); fired, and then: margin (no money for it), fok, gtx, halted (the market was); delist",
        ),
        Shown("reduce_only", "o.reduce_only", "Futures: it could only reduce a position; else false"),
        Shown("close_position", "o.close_position", "Futures: it was for the whole position; else false"),
        Shown("leverage", "nullif(o.leverage, 0)", "Futures: leverage of what was held for it; NULL if nothing was"),
        Shown(
            "trigger_type", "nullif(o.trigger_type, '')", "Its type as placed; like all below, NULL if not a trigger"
        ),
        Shown("stop_price", amounts.price("nullif(o.stop_price_ticks, 0)"), "Price it waited for; NULL for trailing"),
        Shown("working_type", "nullif(o.watched, '')", "Which price it watched: contract (last trade) or mark"),
        Shown("price_protect", _OF_TRIGGER.format("o.price_protect"), "Not to fire while last and mark are far apart"),
        Shown(
            "activation_price",
            _OF_TRAILING.format(amounts.price("o.activation_ticks")),
            "Trailing: from which it followed",
        ),
        Shown(
            "callback_percent", _OF_TRAILING.format("o.callback_bps * 0.01"), "Trailing: distance it followed at, exact"
        ),
        Shown("parent_order", "nullif(o.parent, 0)", "order_id of the order it was attached to; NULL if none"),
        Shown("triggered_at", "epoch_ms(nullif(o.fired_ms, 0))", "When it fired, UTC; NULL if it did not"),
        Shown(
            "time_waiting_ms",
            _OF_TRIGGER.format("coalesce(nullif(o.fired_ms, 0), o.updated_ms) - o.created_ms"),
            "From placed to fired, or to ended if it did not fire, ms",
        ),
        Shown("take_profit_order", "nullif(o.take_profit, 0)", "order_id of the take-profit placed with it; or NULL"),
        Shown("stop_loss_order", "nullif(o.stop_loss, 0)", "order_id of the stop-loss placed with it; or NULL"),
        Shown("shard", "o.shard", "With request: which journaled input ended it"),
        Shown("request", "o.request", "Journal sequence, on its shard, of the request that ended it"),
        Shown("created_at", "epoch_ms(o.created_ms)", "When it was placed, UTC"),
        Shown("updated_at", "epoch_ms(o.updated_ms)", "When it ended, UTC"),
        Shown(
            "time_on_book_ms",
            "o.updated_ms - o.created_ms",
            "From placed to ended, ms; a trigger's waiting is part of it",
        ),
        Shown("created_ms", "o.created_ms", "When it was placed, Unix ms; the fastest column to select a time by"),
        Shown("updated_ms", "o.updated_ms", "When it ended, Unix ms; the fastest column to select a time by"),
        Shown("signed_ms", "nullif(o.signed_ms, 0)", "Timestamp in the signed request, Unix ms; NULL if not signed"),
        Shown("market", "o.market", "Number of the market"),
        Shown("price_exact", f"{_PRICE} * m.tick_size", "price as a DECIMAL"),
        Shown("quantity_exact", f"{_QUANTITY} * m.lot_size", "quantity as a DECIMAL"),
        Shown("filled_exact", "o.filled_lots * m.lot_size", "filled as a DECIMAL"),
        Shown("price_ticks", "o.price_ticks", "Limit price in ticks; 0 for market orders"),
        Shown("quantity_lots", "o.quantity_lots", "Ordered base quantity in lots; 0 where quantity is NULL"),
        Shown(
            "quote_quantity_units", "o.quote_quantity_units", "Quote amount in smallest units; 0 but for market buys"
        ),
        Shown("filled_lots", "o.filled_lots", "Filled base quantity in lots"),
        Shown("filled_tick_lots", "o.filled_tick_lots", "Sum over its fills of ticks x lots: its exact value"),
        Shown(
            "hold_units",
            _hold(
                "(o.quantity_lots - o.filled_lots)", "o.quote_quantity_units - o.filled_tick_lots * m.tick_lot_units"
            ),
            "Smallest units of hold_asset that were held for it at its end, and then released; 0 if it was filled",
        ),
        Shown(
            "hold_at_placement_units",
            _hold("o.quantity_lots", "o.quote_quantity_units"),
            "Smallest units of hold_asset that were held when it was placed; futures: for its last price and quantity",
        ),
        Shown(
            "hold_asset",
            "CASE WHEN m.product = 'spot' AND o.side = 'sell' THEN m.base ELSE m.quote END",
            "What was held for it",
        ),
    ),
    f"FROM stored.orders o {_OF_MARKET} o.market",
)

_TRADES_VIEW = View(
    "trades",
    "Every match: one row each. The view fills has one row for each side.",
    (
        Shown("id", "t.id", "The id under which the spot API shows it"),
        Shown("trade_id", "t.trade_id", "Its 52-bit number"),
        *_MARKET_NAMES,
        Shown("time", "epoch_ms(t.time_ms)", "When it happened, UTC"),
        Shown("price", amounts.price("t.price_ticks"), "The maker's price, in quote"),
        Shown("quantity", amounts.quantity("t.quantity_lots"), "Base quantity"),
        Shown("notional", amounts.notional("t.price_ticks", "t.quantity_lots"), "price x quantity, in quote"),
        Shown("quote_amount", amounts.notional("t.price_ticks", "t.quantity_lots"), "notional under an older name"),
        Shown("taker_side", "t.taker_side", "buy or sell"),
        Shown("maker_account", "t.maker_account", "Owner of the resting order"),
        Shown("taker_account", "t.taker_account", "Owner of the incoming order"),
        Shown("maker_order", "t.maker_order", "order_id of the resting order"),
        Shown("taker_order", "t.taker_order", "order_id of the incoming order"),
        Shown("time_ms", "t.time_ms", "When it happened, Unix ms; the fastest column to select a time by"),
        Shown("market", "t.market", "Number of the market"),
        Shown("price_ticks", "t.price_ticks", "Price in ticks"),
        Shown("quantity_lots", "t.quantity_lots", "Base quantity in lots"),
        Shown("price_exact", "t.price_ticks * m.tick_size", "price as a DECIMAL"),
        Shown("quantity_exact", "t.quantity_lots * m.lot_size", "quantity as a DECIMAL"),
    ),
    f"FROM stored.trades t {_OF_MARKET} t.market",
)

_SIDES = """
    SELECT *, 'maker' AS role, maker_account AS account, maker_order AS order_id, maker_fee_units AS fee_units,
        CASE taker_side WHEN 'buy' THEN 'sell' ELSE 'buy' END AS side
    FROM stored.trades
    UNION ALL
    SELECT *, 'taker', taker_account, taker_order, taker_fee_units, taker_side FROM stored.trades
"""

_PAID_IN_BASE = "f.side = 'buy' AND m.product = 'spot'"  # fees are charged on the proceeds; on futures in quote

_FILLS_VIEW = View(
    "fills",
    "Both sides of every match: what each account traded and paid. The view futures_fills adds the realized profit.",
    (
        Shown("trade_id", "f.trade_id", "The match: two fills share it"),
        Shown("trade", "f.id", "The match's id on the spot API"),
        *_MARKET_NAMES,
        Shown("time", "epoch_ms(f.time_ms)", "When it happened, UTC"),
        Shown("account", "f.account", "Whose side of the match this is"),
        Shown("order_id", "f.order_id", "The account's order"),
        Shown("side", "f.side", "buy or sell, as the account did"),
        Shown("role", "f.role", "maker (resting) or taker (incoming)"),
        Shown("price", amounts.price("f.price_ticks"), "Price, in quote"),
        Shown("quantity", amounts.quantity("f.quantity_lots"), "Base quantity"),
        Shown("notional", amounts.notional("f.price_ticks", "f.quantity_lots"), "price x quantity, in quote"),
        Shown("quote_amount", amounts.notional("f.price_ticks", "f.quantity_lots"), "notional under an older name"),
        Shown(
            "fee",
            amounts.nearest(
                "f.fee_units",
                f"CASE WHEN {_PAID_IN_BASE} THEN m.base_places ELSE m.quote_places END",
                f"CASE WHEN {_PAID_IN_BASE} THEN m.base_scale ELSE m.quote_scale END",
            ),
            "What the account paid, in fee_asset (fee_units is exact)",
        ),
        Shown(
            "fee_asset",
            f"CASE WHEN {_PAID_IN_BASE} THEN m.base ELSE m.quote END",
            "Spot: what the account received; futures: quote",
        ),
        Shown("fee_units", "f.fee_units", "Fee in smallest units of fee_asset"),
        Shown("time_ms", "f.time_ms", "When it happened, Unix ms; the fastest column to select a time by"),
        Shown("market", "f.market", "Number of the market"),
        Shown("price_ticks", "f.price_ticks", "Price in ticks"),
        Shown("quantity_lots", "f.quantity_lots", "Base quantity in lots"),
        Shown("price_exact", "f.price_ticks * m.tick_size", "price as a DECIMAL"),
        Shown("quantity_exact", "f.quantity_lots * m.lot_size", "quantity as a DECIMAL"),
    ),
    f"FROM ({_SIDES}) f {_OF_MARKET} f.market",
)

VIEWS: Final = (_MARKETS_VIEW, _ORDERS_VIEW, _TRADES_VIEW, _FILLS_VIEW)
