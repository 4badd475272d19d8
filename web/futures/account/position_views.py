"""What an account has in a market as the futures API shows it: as part of the account, and as a risk of its own."""

from shards.model.brackets import most_at
from shards.model.markets import Market
from web.exchange.margin import Holding
from web.http.formats import format_fine_price, format_price, format_quote

_NONE = "0"  # nothing is isolated


def render_position(holding: Holding) -> dict[str, object]:
    """A position of ``account``."""
    market, own = holding.market, holding.own
    entry = holding.entry_price
    return {
        "symbol": market.symbol,
        "positionSide": "BOTH",
        "positionAmt": market.format_quantity(own.position.amount),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "unrealizedProfit": format_quote(market, holding.unrealised),
        "notional": format_quote(market, holding.notional),
        "leverage": str(holding.leverage),
        "isolated": False,
        "isolatedMargin": _NONE,
        "isolatedWallet": _NONE,
        "initialMargin": format_quote(market, own.position.margin + own.hold),
        "maintMargin": format_quote(market, holding.maintenance),
        "positionInitialMargin": format_quote(market, own.position.margin),
        "openOrderInitialMargin": format_quote(market, own.hold),
        "bidNotional": format_quote(market, own.bid_value),
        "askNotional": format_quote(market, own.ask_value),
        "maxNotional": format_max_notional(market, holding.leverage),
        "updateTime": own.updated_ms,
    }


def render_risk(holding: Holding, mark: int, liquidation: int) -> dict[str, object]:
    """A row of ``positionRisk``; ``mark`` in ticks, also where there is no position, ``liquidation`` in 10^-8 ticks."""
    market, own = holding.market, holding.own
    entry = holding.entry_price
    return {
        "symbol": market.symbol,
        "positionSide": "BOTH",
        "positionAmt": market.format_quantity(own.position.amount),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": format_price(market, mark),
        "unRealizedProfit": format_quote(market, holding.unrealised),
        "liquidationPrice": format_fine_price(market, liquidation),
        "leverage": str(holding.leverage),
        "maxNotionalValue": format_max_notional(market, holding.leverage),
        "marginType": "cross",
        "isolatedMargin": _NONE,
        "isAutoAddMargin": "false",
        "notional": format_quote(market, holding.notional),
        "isolatedWallet": _NONE,
        "marginAsset": market.quote,
        "initialMargin": format_quote(market, own.position.margin + own.hold),
        "maintMargin": format_quote(market, holding.maintenance),
        "positionInitialMargin": format_quote(market, own.position.margin),
        "openOrderInitialMargin": format_quote(market, own.hold),
        "adl": 0,
        "bidNotional": format_quote(market, own.bid_value),
        "askNotional": format_quote(market, own.ask_value),
        "updateTime": own.updated_ms,
    }


def format_max_notional(market: Market, leverage: int) -> str:
    """What a position with its open orders may be worth at entry, at a leverage."""
    return format_quote(market, most_at(market.brackets, leverage))
