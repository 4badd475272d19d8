"""Futures positions, computed from trades alone, so that no profit is taken from the exchange's own figures."""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final

import msgspec

UNIT: Final = Decimal("0.000001")  # smallest unit of USDT


class Position(msgspec.Struct, frozen=True):
    """An account's position in one market."""

    amount: Decimal = Decimal(0)  # negative: short
    cost: Decimal = Decimal(0)  # entry notional, never negative
    margin: Decimal = Decimal(0)  # initial margin

    def trade(self, amount: Decimal, price: Decimal, leverage: int) -> tuple["Position", Decimal]:
        """The position after a trade of ``amount`` (negative: sold), and the realized profit.

        The reducing part comes first, and the rest opens a new position: a flip does both.
        """
        reduces = amount * self.amount < 0
        closed = min(abs(amount), abs(self.amount)) if reduces else Decimal(0)
        cost = self._share(self.cost, closed)
        profit = (closed * price - cost) * (1 if self.amount > 0 else -1)
        opened = (abs(amount) - closed) * price
        margin = self.margin - self._share(self.margin, closed) + round_up(Fraction(opened) / leverage)
        return Position(self.amount + amount, self.cost - cost + opened, margin), profit

    @property
    def signed_cost(self) -> Decimal:
        """Negative for a short position."""
        return self.cost if self.amount > 0 else -self.cost

    def _share(self, total: Decimal, closed: Decimal) -> Decimal:
        """The closed part's share, rounded down to the unit; closing everything takes all of it."""
        if not closed:
            return Decimal(0)
        # with fractions: a quotient of decimals is itself rounded, possibly to the next unit
        return floor(Fraction(total) / Fraction(UNIT) * Fraction(closed) / Fraction(abs(self.amount))) * UNIT


def round_up(value: Fraction) -> Decimal:
    """To the next unit."""
    return ceil(value / Fraction(UNIT)) * UNIT
