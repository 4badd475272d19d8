"""What an account has in a market as the futures API shows it: as part of the account, and as a risk of its own."""

from shards.model.brackets import most_at
from shards.model.decimals import format_plain
from shards.model.markets import Market
from web.futures.account.margin import PRICE_PLACES_FINER, Holding
from web.futures.call.formats import format_average, format_price

_NONE = "0"  # nothing is isolated


def render_position(holding: Holding) -> dict[str, object]:
    """A position of ``account``."""
    market, own = holding.market, holding.own
    entry = _entry_price(holding)
    return {
        "symbol": market.symbol,
        "positionSide": "BOTH",
        "positionAmt": market.format_quantity(own.position.amount),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "unrealizedProfit": _format_quote(market, holding.unrealised),
        "notional": _format_quote(market, holding.notional),
        "leverage": str(holding.leverage),
        "isolated": False,
        "isolatedMargin": _NONE,
        "isolatedWallet": _NONE,
        "initialMargin": _format_quote(market, own.position.margin + own.hold),
        "maintMargin": _format_quote(market, holding.maintenance),
        "positionInitialMargin": _format_quote(market, own.position.margin),
        "openOrderInitialMargin": _format_quote(market, own.hold),
        "bidNotional": _format_quote(market, own.bid_value),
        "askNotional": _format_quote(market, own.ask_value),
        "maxNotional": format_max_notional(market, holding.leverage),
        "updateTime": own.updated_ms,
    }


def render_risk(holding: Holding, mark: int, liquidation: int) -> dict[str, object]:
    """A row of ``positionRisk``; ``mark`` in ticks, also where there is no position, ``liquidation`` in 10^-8 ticks."""
    market, own = holding.market, holding.own
    entry = _entry_price(holding)
    return {
        "symbol": market.symbol,
        "positionSide": "BOTH",
        "positionAmt": market.format_quantity(own.position.amount),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": format_price(market, mark),
        "unRealizedProfit": _format_quote(market, holding.unrealised),
        "liquidationPrice": _format_fine(market, liquidation),
        "leverage": str(holding.leverage),
        "maxNotionalValue": format_max_notional(market, holding.leverage),
        "marginType": "cross",
        "isolatedMargin": _NONE,
        "isAutoAddMargin": "false",
        "notional": _format_quote(market, holding.notional),
        "isolatedWallet": _NONE,
        "marginAsset": market.quote,
        "initialMargin": _format_quote(market, own.position.margin + own.hold),
        "maintMargin": _format_quote(market, holding.maintenance),
        "positionInitialMargin": _format_quote(market, own.position.margin),
        "openOrderInitialMargin": _format_quote(market, own.hold),
        "adl": 0,
        "bidNotional": _format_quote(market, own.bid_value),
        "askNotional": _format_quote(market, own.ask_value),
        "updateTime": own.updated_ms,
    }


def render_held(holding: Holding, liquidation: int) -> dict[str, str]:
    """A position for the operator; ``liquidation`` in 10^-8 ticks."""
    market, position = holding.market, holding.own.position
    return {
        "symbol": market.symbol,
        "amount": market.format_quantity(position.amount),
        "entry_price": _entry_price(holding),
        "margin": _format_quote(market, position.margin),
        "maintenance_margin": _format_quote(market, holding.maintenance),
        "liquidation_price": _format_fine(market, liquidation),
    }


def format_max_notional(market: Market, leverage: int) -> str:
    """What a position with its open orders may be worth at entry, at a leverage."""
    return _format_quote(market, most_at(market.brackets, leverage))


def _entry_price(holding: Holding) -> str:
    """Cost ÷ size: after a reduction the cost need not be a whole number of ticks × lots."""
    market, position = holding.market, holding.own.position
    return format_average(market, position.cost, abs(position.amount) * market.tick_lot_units)


def _format_fine(market: Market, price: int) -> str:
    """A price in 10^-8 ticks."""
    return format_plain(price * market.tick_digits, market.price_places + PRICE_PLACES_FINER)


def _format_quote(market: Market, units: int) -> str:
    return format_plain(units, market.quote_places)
