"""The order book of one market: two sides of price levels, each level first in, first out.

The prices of a side are a sorted list with the best at its end. Trading happens near the best price, so inserting and
removing there moves few elements, and depth is readily available in order. A level is a dictionary: the oldest order
comes first, and any order is removed in constant time. A removed entry leaves a gap that finding the first order must
skip, so a level with many gaps is rebuilt.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from shards.model.orders import BUY, SELL, Order, Side

_GAPS: Final = 64  # skipping these takes as long as removing an order


class Level:
    """The orders at one price, oldest first, and the sum of their remaining lots."""

    __slots__ = ("gaps", "orders", "price", "quantity")

    def __init__(self, price: int) -> None:
        self.price = price
        self.quantity = 0
        self.orders: dict[int, Order] = {}
        self.gaps = 0  # upper bound of the gaps left among the orders


class BookSide:
    """All bids or all asks."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, side: Side) -> None:
        # a key is the price, negated for asks: the greatest key is the best price on both sides
        self._sign = 1 if side is BUY else -1
        self._keys: list[int] = []
        self._levels: dict[int, Level] = {}  # by price

    def __iter__(self) -> Iterator[Level]:
        """Iterate over the levels, best price first."""
        levels, sign = self._levels, self._sign
        return (levels[key * sign] for key in reversed(self._keys))

    def best_price(self) -> int | None:
        """Return the best price in ticks; None if the side is empty."""
        return self._keys[-1] * self._sign if self._keys else None

    def first(self) -> Order | None:
        """Return the order that trades next; None if the side is empty."""
        if not self._keys:
            return None
        orders = self._levels[self._keys[-1] * self._sign].orders
        return orders[next(iter(orders))]

    def crosses(self, price: int, limit: int) -> bool:
        """Whether an opposite order limited to ``limit`` may trade at this side's ``price``."""
        return price * self._sign >= limit * self._sign

    def trades_with(self, limit: int | None) -> bool:
        """Whether an opposite order limited to ``limit`` (None: unlimited) may trade with anything here."""
        keys = self._keys
        return bool(keys) and (limit is None or keys[-1] >= limit * self._sign)

    def add(self, order: Order) -> None:
        """Add ``order`` behind the others at its price."""
        price = order.price
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = Level(price)
            key = price * self._sign
            self._keys.insert(bisect_left(self._keys, key), key)
        level.orders[order.id] = order
        level.quantity += order.quantity - order.filled

    def take(self, order: Order, quantity: int) -> None:
        """Record that ``quantity`` lots of a resting order were just filled (not yet counted in ``order.filled``)."""
        level = self._levels[order.price]
        level.quantity -= quantity
        if order.filled + quantity == order.quantity:
            del level.orders[order.id]
            self._tidy(level)

    def remove(self, order: Order) -> None:
        """Remove a resting order from the book."""
        level = self._levels[order.price]
        level.quantity -= order.quantity - order.filled
        del level.orders[order.id]
        self._tidy(level)

    def _tidy(self, level: Level) -> None:
        """After a removal, drop an empty level and rebuild one with many gaps."""
        level.gaps += 1
        orders = level.orders
        if not orders:
            del self._levels[level.price]
            key = level.price * self._sign
            if self._keys[-1] == key:
                self._keys.pop()
            else:
                del self._keys[bisect_left(self._keys, key)]
        elif level.gaps > _GAPS and level.gaps * level.gaps > _GAPS * len(orders):
            level.orders, level.gaps = dict(orders), 0  # amortized, √n of this per removed order


class Book:
    """Bids and asks of one market."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(BUY)
        self.asks = BookSide(SELL)

    def side(self, side: Side) -> BookSide:
        """Return the side on which orders of ``side`` rest."""
        return self.bids if side is BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        """Return the side that orders of ``side`` trade against."""
        return self.asks if side is BUY else self.bids
