"""The view of rejections: by a shard before it became an order, and by the book of a spot market."""

from typing import Final

from storage import amounts
from storage.schema import Shown, View

_PRICE = "nullif(r.price_ticks, 0)"
_QUANTITY = "nullif(r.quantity_lots, 0)"

# What a spot market's book rejects is an order that ended immediately; fired triggers are not rejected but expire
_BOTH = """
    SELECT shard, seq, sub, command, account, market, reason, time_ms, order_id, client_id, side, type, tif,
        price_ticks, quantity_lots, quote_quantity_units, stop_price_ticks, reduce_only, close_position, signed_ms
    FROM stored.refusals
    UNION ALL
    SELECT shard, request, 0, 'place', account, market, end_reason, updated_ms, order_id, client_id, side, type, tif,
        price_ticks, quantity_lots, quote_quantity_units, 0, false, false, signed_ms
    FROM stored.orders WHERE status = 'rejected' AND trigger_type = ''
"""

REFUSALS_VIEW: Final = View(
    "refusals",
    "Every order, change and cancel that a shard rejected: one row each, with the reason. Spot and futures.",
    (
        Shown("time", "epoch_ms(r.time_ms)", "When it was rejected, UTC"),
        Shown("product", "m.product", "spot or futures; NULL if it named no existing market"),
        Shown("symbol", "m.symbol", "Market, as callers name it; NULL likewise"),
        Shown("account", "r.account", "Who asked for it"),
        Shown("command", "r.command", "place, modify or cancel; of a batch of cancels each one"),
        Shown(
            "reason",
            "r.reason",
            "The reason. unknown_order: it was not open; orders has it if it had ended before",
        ),
        Shown("order_id", "nullif(r.order_id, 0)", "The order to be changed or canceled, or that the book rejected"),
        Shown("client_id", "nullif(r.client_id, '')", "The caller's own id; NULL if none was sent"),
        Shown("side", "nullif(r.side, '')", "buy or sell; like type and tif, NULL unless it was a new order"),
        Shown("type", "nullif(r.type, '')", "limit or market; of a trigger its type"),
        Shown("tif", "nullif(r.tif, '')", "Time in force: gtc, ioc, fok, post_only"),
        Shown("price", amounts.price(_PRICE), "Limit price in quote, also of a change; NULL if none"),
        Shown("quantity", amounts.quantity(_QUANTITY), "Base quantity, also of a change; NULL if none"),
        Shown("quote_quantity", amounts.quote_units("nullif(r.quote_quantity_units, 0)"), "Of a market buy"),
        Shown("notional", amounts.notional(_PRICE, _QUANTITY), "price x quantity in quote; NULL where one of them is"),
        Shown("stop_price", amounts.price("nullif(r.stop_price_ticks, 0)"), "Price to wait for, also of a change"),
        Shown("reduce_only", "r.reduce_only", "Futures: it could only reduce a position; else false"),
        Shown("close_position", "r.close_position", "Futures: it was for the whole position; else false"),
        Shown("shard", "r.shard", "With request: which journaled input it was"),
        Shown("request", "r.seq", "Journal sequence, on its shard, of the request"),
        Shown("sub", "r.sub", "Number among the rejections of the request, from 0"),
        Shown("time_ms", "r.time_ms", "When it was rejected, Unix ms; the fastest column to select a time by"),
        Shown("signed_ms", "nullif(r.signed_ms, 0)", "Timestamp in the signed request to place it, Unix ms; or NULL"),
        Shown("market", "nullif(r.market, 0)", "Number of the market"),
        Shown("price_ticks", "r.price_ticks", "Price in ticks; 0 if none"),
        Shown("quantity_lots", "r.quantity_lots", "Base quantity in lots; 0 if none"),
        Shown("price_exact", f"{_PRICE} * m.tick_size", "price as a DECIMAL"),
        Shown("quantity_exact", f"{_QUANTITY} * m.lot_size", "quantity as a DECIMAL"),
    ),
    f"FROM ({_BOTH}) r LEFT JOIN {amounts.MARKETS} m ON m.market = r.market",
)
