"""Positions as the operator sees them."""

from web.exchange.margin import Holding
from web.http.formats import format_fine_price, format_quote


def render_held(holding: Holding, liquidation: int) -> dict[str, str]:
    """A position for the operator; ``liquidation`` in 10^-8 ticks."""
    market, position = holding.market, holding.own.position
    return {
        "symbol": market.symbol,
        "amount": market.format_quantity(position.amount),
        "entry_price": holding.entry_price,
        "margin": format_quote(market, position.margin),
        "maintenance_margin": format_quote(market, holding.maintenance),
        "liquidation_price": format_fine_price(market, liquidation),
    }
