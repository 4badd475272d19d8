"""The views of wallet changes: futures fills as booked, and deposits, withdrawals and transfers."""

from typing import Final

from storage import amounts
from storage.schema import Shown, View

_FUTURES_FILLS_VIEW = View(
    "futures_fills",
    "Both sides of every futures match, as booked in the accounts' wallets: fee and realized profit.",
    (
        Shown("trade_id", "f.trade_id", "The match: two fills share it"),
        Shown("symbol", "m.symbol", "Market, as callers name it"),
        Shown("time", "epoch_ms(f.time_ms)", "When the match happened, UTC"),
        Shown("account", "f.account", "Whose side of the match this is"),
        Shown("order_id", "f.order_id", "The account's order"),
        Shown("side", "f.side", "buy or sell, as the account did"),
        Shown("role", "CASE WHEN f.maker THEN 'maker' ELSE 'taker' END", "maker (resting) or taker (incoming)"),
        Shown("price", amounts.price("f.price_ticks"), "Price, in quote"),
        Shown("quantity", amounts.quantity("f.quantity_lots"), "Base quantity"),
        Shown("notional", amounts.notional("f.price_ticks", "f.quantity_lots"), "price x quantity, in quote"),
        Shown("value", amounts.notional("f.price_ticks", "f.quantity_lots"), "notional under an older name"),
        Shown("fee", amounts.quote_units("f.fee_units"), "What the account paid, in quote"),
        Shown(
            "realized_profit",
            amounts.quote_units("f.profit_units"),
            "Realized profit of what reduced its position, before the fee, in quote; negative: a loss; 0 if it opened",
        ),
        Shown("fee_units", "f.fee_units", "Fee in smallest units of quote"),
        Shown("profit_units", "f.profit_units", "Realized profit in smallest units of quote"),
        Shown("time_ms", "f.time_ms", "When the match happened, Unix ms; the fastest column to select a time by"),
        Shown("market", "f.market", "Number of the market"),
        Shown("price_ticks", "f.price_ticks", "Price in ticks"),
        Shown("quantity_lots", "f.quantity_lots", "Base quantity in lots"),
        Shown("price_exact", "f.price_ticks * m.tick_size", "price as a DECIMAL"),
        Shown("quantity_exact", "f.quantity_lots * m.lot_size", "quantity as a DECIMAL"),
    ),
    f"FROM stored.futures_fills f LEFT JOIN {amounts.MARKETS} m ON m.market = f.market",
)

# An asset's decimals are known from any market that has it; they never change
_ASSETS = """
    SELECT base AS asset, base_places AS places FROM stored.markets
    UNION
    SELECT quote, quote_places FROM stored.markets
"""

_MOVEMENTS_VIEW = View(
    "movements",
    "Deposits, withdrawals, and transfers between the wallets of an account, which have a row for each of the two.",
    (
        Shown("time", "epoch_ms(v.time_ms)", "When it happened, UTC"),
        Shown("account", "v.account", "Whose money"),
        Shown("wallet", "v.wallet", "spot or futures"),
        Shown("asset", "v.asset", "The asset that was moved"),
        Shown(
            "amount",
            amounts.nearest("v.amount_units", "a.places", "(10e0 ** a.places)"),
            "Negative: it left the wallet (amount_units is exact). NULL: no market has the asset",
        ),
        Shown("cause", "v.cause", "deposit, withdrawal or transfer"),
        Shown("reference", "nullif(v.reference, '')", "The caller's reference; NULL if none"),
        Shown("amount_units", "v.amount_units", "Smallest units; negative: it left the wallet"),
        Shown("shard", "v.shard", "With request: which journaled input did it"),
        Shown("request", "v.movement_id", "Journal sequence, on its shard, of the request"),
        Shown("time_ms", "v.time_ms", "When it happened, Unix ms; the fastest column to select a time by"),
    ),
    f"FROM stored.movements v LEFT JOIN ({_ASSETS}) a ON a.asset = v.asset",
)

WALLET_VIEWS: Final = (_FUTURES_FILLS_VIEW, _MOVEMENTS_VIEW)
