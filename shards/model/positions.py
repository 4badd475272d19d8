"""One account's futures wallet and positions, and the effect of fills on them. Integers only.

Position amounts are in lots, positive for long; money is in units of the quote asset.
"""

import msgspec

from shards.model.decimals import ceil_div


class Position(msgspec.Struct, array_like=True, gc=False):
    """A signed amount, its entry cost, and its margin."""

    amount: int = 0
    cost: int = 0
    margin: int = 0

    def fill(self, lots: int, lot_value: int, leverage: int) -> int:
        """Trade ``lots`` (negative: sold) at ``lot_value`` units each; return the realized profit.

        The position is reduced first, then the rest opens a new one: a flip does both.
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
        # the last lot takes the whole remainder, so that nothing is left of a closed position
        cost, margin = self.cost * lots // size, self.margin * lots // size
        profit = lots * lot_value - cost
        if self.amount < 0:
            profit = -profit
        self.cost -= cost
        self.margin -= margin
        self.amount += -lots if self.amount > 0 else lots
        return profit

    def unrealized(self, lot_value: int) -> int:
        """Return the profit of closing it at ``lot_value`` units per lot."""
        return self.amount * lot_value - self.signed_cost()

    def signed_cost(self) -> int:
        """Return the entry cost, negative for a short position."""
        return self.cost if self.amount > 0 else -self.cost


class MarketMargin(msgspec.Struct, array_like=True, gc=False):
    """One account's leverage, open orders and position in one market. Money in units of USDT."""

    leverage: int = 0  # 0: not set, the market's default applies
    hold: int = 0  # Σ holds of its open orders
    bid_value: int = 0  # Σ price × remaining of its open buy orders
    ask_value: int = 0
    position: Position = msgspec.field(default_factory=Position)
    updated_ms: int = 0
    leave: int = 0  # the part of the hold that covers possible losses of reduce-only orders


class Margin(msgspec.Struct, array_like=True):
    """One account's futures wallet and all it backs."""

    wallet: int = 0  # may be negative, since losses are booked immediately
    updated_ms: int = 0
    markets: dict[int, MarketMargin] = {}

    def in_market(self, market: int) -> MarketMargin:
        """Return the account's state in a market, created on first use."""
        found = self.markets.get(market)
        if found is None:
            found = self.markets[market] = MarketMargin()
        return found
