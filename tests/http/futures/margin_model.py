"""What a futures account must have, reckoned with fractions: the rules once more, in another way than the machines."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from tests.http.venue import plain

UNIT = 10**6  # USDT's smallest units in one
NOTHING = Fraction(0)
RATIO = Fraction(5, 1_000)  # maintenance, of the one bracket
LEAST = Fraction(1, UNIT)  # with no more than maintenance an account is at risk
BAND = Fraction(5, 100)  # around the mark


def up(value: Fraction) -> Fraction:
    """To the next unit."""
    return Fraction(ceil(value * UNIT), UNIT)


def down(value: Fraction) -> Fraction:
    return Fraction(floor(value * UNIT), UNIT)


def text(value: Fraction) -> str:
    """As the API writes it; it must be a whole number of units."""
    units = value * UNIT
    assert units.denominator == 1
    return plain(Decimal(units.numerator).scaleb(-6))


def is_outside(side: str, price: Fraction, mark: Fraction, ratio: Fraction) -> bool:
    """Whether the price is worse than the mark by more than the ratio."""
    return bool(mark) and (price > mark * (1 + ratio) if side == "BUY" else price < mark * (1 - ratio))


def loss_of(side: str, price: Fraction, mark: Fraction) -> Fraction:
    return max(NOTHING, price - mark if side == "BUY" else mark - price) if mark else NOTHING


@dataclass
class Resting:
    """An open order."""

    side: str
    price: Fraction
    hold_price: Fraction
    left: Fraction
    leverage: int
    loss: Fraction  # of each unit, against the mark

    @property
    def hold(self) -> Fraction:
        return up(self.hold_price * self.left / self.leverage) + self.loss * self.left


@dataclass
class Place:
    """One market of an account."""

    leverage: int = 20
    amount: Fraction = NOTHING
    cost: Fraction = NOTHING
    margin: Fraction = NOTHING
    orders: dict[int, Resting] = field(default_factory=dict)

    def fill(self, side: str, price: Fraction, quantity: Fraction, leverage: int) -> Fraction:
        """Trade; returns the realized profit."""
        sign = 1 if side == "BUY" else -1
        size = abs(self.amount)
        closed = min(quantity, size) if sign * self.amount < 0 else NOTHING
        profit = NOTHING
        if closed:
            cost, margin = down(self.cost * closed / size), down(self.margin * closed / size)
            profit = (price * closed - cost) * -sign
            self.cost -= cost
            self.margin -= margin
        opened = quantity - closed
        self.amount += sign * quantity
        self.cost += price * opened
        self.margin += up(price * opened / leverage)
        return profit

    def unrealized(self, mark: Fraction) -> Fraction:
        return self.amount * mark - (self.cost if self.amount > 0 else -self.cost)

    @property
    def hold(self) -> Fraction:
        return sum((order.hold for order in self.orders.values()), NOTHING)

    def open_value(self, side: str) -> Fraction:
        return sum((order.price * order.left for order in self.orders.values() if order.side == side), NOTHING)


@dataclass
class Model:
    """One account."""

    wallet: Fraction = NOTHING
    spot: Fraction = NOTHING
    positions: dict[str, Place] = field(default_factory=dict)

    def free(self, marks: dict[str, Fraction]) -> Fraction:
        margins = sum((place.margin for place in self.positions.values()), NOTHING)
        left = self.wallet + min(NOTHING, self.unrealized(marks)) - margins
        return (
            min(left, self.surplus(marks) - LEAST * any(place.amount for place in self.positions.values())) - self.held
        )

    @property
    def held(self) -> Fraction:
        return sum((place.hold for place in self.positions.values()), NOTHING)

    def leave(self, marks: dict[str, Fraction], reduced: str, quantity: Fraction) -> Fraction:
        """What an order may lose that reduces one position: what is left must have its maintenance."""
        sizes = (abs(place.amount) - (quantity if symbol == reduced else 0) for symbol, place in self.positions.items())
        return self.surplus(marks, reduced, quantity) - LEAST * any(sizes) - self.held

    def surplus(self, marks: dict[str, Fraction], reduced: str = "", quantity: Fraction = NOTHING) -> Fraction:
        """What it is worth beyond what its positions must have, once one of them is smaller."""
        rest = self.wallet + self.unrealized(marks)
        for symbol, place in self.positions.items():
            size = abs(place.amount) - (quantity if symbol == reduced else 0)
            rest -= up(size * marks[symbol] * RATIO)
        return rest

    def available(self, marks: dict[str, Fraction]) -> Fraction:
        return max(NOTHING, self.free(marks))

    def unrealized(self, marks: dict[str, Fraction]) -> Fraction:
        return sum((place.unrealized(marks[symbol]) for symbol, place in self.positions.items()), NOTHING)

    def trade(self, symbol: str, side: str, price: Fraction, quantity: Fraction, leverage: int, fee_bps: int) -> None:
        """One side of a match."""
        profit = self.positions[symbol].fill(side, price, quantity, leverage)
        self.wallet += profit - up(price * quantity * fee_bps / 10_000)
