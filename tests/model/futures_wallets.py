"""One futures account as simply as possible: integers, and nothing stored that follows from its open orders."""

from collections.abc import Iterable

from shards.model.orders import Order, Side


def ceil(value: int, divisor: int) -> int:
    """The quotient rounded up."""
    return (value + divisor - 1) // divisor


class FuturesWallet:
    """The wallets and the position of one account; ``size`` in lots, positive for long, everything else in units."""

    def __init__(self) -> None:
        self.spot = 0
        self.wallet = 0
        self.leverage = 0  # 0: none set
        self.size = 0
        self.cost = 0
        self.margin = 0

    def free(self, mark_value: int, own: Iterable[Order]) -> int:
        """Available for new orders, with a lot worth ``mark_value`` and the account's ``own`` open orders."""
        profit = self.unrealized(mark_value)
        return self.wallet + min(0, profit) - self.margin - sum(order.hold for order in own)

    def unrealized(self, mark_value: int) -> int:
        """Unrealized profit, with a lot worth ``mark_value``."""
        return self.size * mark_value - (self.cost if self.size > 0 else -self.cost)

    def fill(self, side: Side, lots: int, value: int, leverage: int) -> int:
        """Trade ``lots`` at ``value`` each: close first, then open the rest; returns the realized profit."""
        profit = 0
        sign = 1 if side is Side.BUY else -1
        if self.size * sign < 0:
            closed = min(lots, abs(self.size))
            cost = self.cost * closed // abs(self.size)
            freed = self.margin * closed // abs(self.size)
            profit = sign * (cost - closed * value)
            self.cost, self.margin, self.size = self.cost - cost, self.margin - freed, self.size + sign * closed
            self.wallet += profit
            lots -= closed
        if lots:
            self.size += sign * lots
            self.cost += lots * value
            self.margin += ceil(lots * value, leverage)
        return profit
