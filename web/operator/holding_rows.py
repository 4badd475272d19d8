"""Positions as the operator API shows them."""

import msgspec

from web.exchange.fields import Amount, Name, SignedAmount
from web.exchange.margin import Holding
from web.http.formats import format_fine_price, format_quote


class HeldView(msgspec.Struct, gc=False):
    """A position in the operator API."""

    symbol: Name
    amount: SignedAmount
    entry_price: Amount
    margin: Amount
    maintenance_margin: Amount
    liquidation_price: Amount


def render_held(holding: Holding, liquidation: int) -> HeldView:
    """A position for the operator API; ``liquidation`` in 10^-8 ticks."""
    market, position = holding.market, holding.own.position
    return HeldView(
        symbol=market.symbol,
        amount=market.format_quantity(position.amount),
        entry_price=holding.entry_price,
        margin=format_quote(market, position.margin),
        maintenance_margin=format_quote(market, holding.maintenance),
        liquidation_price=format_fine_price(market, liquidation),
    )
