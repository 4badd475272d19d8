"""Positions on futures, reckoned from trades alone, so that no profit is taken from the exchange's own word."""

from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final

import msgspec

UNIT: Final = Decimal("0.000001")  # of USDT: what every amount of it is a whole number of


class Position(msgspec.Struct, frozen=True):
    """What an account has in one market."""

    amount: Decimal = Decimal(0)  # negative: short
    cost: Decimal = Decimal(0)  # what it was worth where it was entered, never negative

    def trade(self, amount: Decimal, price: Decimal) -> tuple["Position", Decimal]:
        """After a trade of ``amount``, negative if sold: the position, and the profit that it has realized.

        What reduces comes first, and what is left opens anew: a flip does both.
        """
        reduces = amount * self.amount < 0
        closed = min(abs(amount), abs(self.amount)) if reduces else Decimal(0)
        share = self._share(closed)
        profit = (closed * price - share) * (1 if self.amount > 0 else -1)
        opened = abs(amount) - closed
        return Position(self.amount + amount, self.cost - share + opened * price), profit

    @property
    def signed_cost(self) -> Decimal:
        """Negative for a short one."""
        return self.cost if self.amount > 0 else -self.cost

    def _share(self, closed: Decimal) -> Decimal:
        """Of the cost, rounded down to the unit; all of it goes with the last of the amount."""
        if not closed:
            return Decimal(0)
        # by fractions: a quotient of decimals is rounded itself, and might come to the next unit
        units = Fraction(self.cost) / Fraction(UNIT) * Fraction(closed) / Fraction(abs(self.amount))
        return floor(units) * UNIT
