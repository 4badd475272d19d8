"""One account's futures wallet and what it backs: its positions, and what fills do to them. Integers only.

Amounts are lots, positive for long; money is units of the quote asset.
"""

import msgspec

from shards.model.decimals import ceil_div


class Position(msgspec.Struct, array_like=True, gc=False):
    """A signed amount, what was paid to enter it, and the margin set aside for it."""

    amount: int = 0
    cost: int = 0
    margin: int = 0

    def fill(self, lots: int, lot_value: int, leverage: int) -> int:
        """Trade ``lots`` (negative: sold) at ``lot_value`` units each; returns the realized profit.

        What reduces is done first, what is left opens anew: a flip does both.
        """
        closed = min(abs(lots), abs(self.amount)) if lots * self.amount < 0 else 0
        profit = self._close(closed, lot_value) if closed else 0
        opened = abs(lots) - closed
        if opened:
            self.amount += opened if lots > 0 else -opened
            self.cost += opened * lot_value
            self.margin += ceil_div(opened * lot_value, leverage)
        return profit

    def _close(self, lots: int, lot_value: int) -> int:
        size = abs(self.amount)
        # the last lot takes all that is left, so that nothing remains of a closed position
        cost, margin = self.cost * lots // size, self.margin * lots // size
        profit = lots * lot_value - cost
        if self.amount < 0:
            profit = -profit
        self.cost -= cost
        self.margin -= margin
        self.amount += -lots if self.amount > 0 else lots
        return profit

    def unrealized(self, lot_value: int) -> int:
        """The profit if it were closed with each lot at ``lot_value`` units."""
        return self.amount * lot_value - self.signed_cost()

    def signed_cost(self) -> int:
        """The entry cost, negative for a short position."""
        return self.cost if self.amount > 0 else -self.cost


class MarketMargin(msgspec.Struct, array_like=True, gc=False):
    """What one account has in one market. Money in units of USDT."""

    leverage: int = 0  # 0: none set, the market's default
    hold: int = 0  # Σ holds of its open orders
    bid_value: int = 0  # Σ price × remaining of its open buy orders
    ask_value: int = 0
    position: Position = msgspec.field(default_factory=Position)
    updated_ms: int = 0
    leave: int = 0  # of the hold: what orders that only reduce may lose


class Margin(msgspec.Struct, array_like=True):
    """One account's futures wallet and what it backs."""

    wallet: int = 0  # may be negative: losses are booked at once
    updated_ms: int = 0
    markets: dict[int, MarketMargin] = {}

    def in_market(self, market: int) -> MarketMargin:
        """What it has in a market, made at first."""
        found = self.markets.get(market)
        if found is None:
            found = self.markets[market] = MarketMargin()
        return found
