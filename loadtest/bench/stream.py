"""A published stream of orders for order books: the same operations for every book, from a seed.

A book of 1,000 levels (500 bids below 10,000, 500 asks from there on) with 10 orders of 10 lots each. Then operations:
half of them cancels of a random open order, half of them placements. A tenth of the placements cross: they ask for 1 to
10 lots at the best opposite price and never for more than is available, so they fill at once. The others rest on a
random level of their side. The only assumption is price-time priority; :class:`Outcome` verifies that an implementation
did the same as :class:`PlainBook`, which generates the stream. Crossing orders do not rest, so the book shrinks slowly:
to two fifths after 80,000 operations, which are enough for any measurement.

Only the standard library is needed: the file can be copied to measure another book.
"""

import heapq
import random
from typing import Final, NamedTuple

BUY: Final = 1
SELL: Final = 2
MIDDLE: Final = 10_000
LEVELS: Final = 500  # of each side
ORDERS: Final = 10  # of each level
LOTS: Final = 10  # of each order
CROSSING: Final = 0.1
COUNT_MAX: Final = 80_000


class Operation(NamedTuple):
    """One step. Orders are numbered 1, 2, 3 … as they are placed; quantity 0: cancel the order ``number``."""

    number: int
    side: int
    price: int
    quantity: int


class Outcome(NamedTuple):
    """Must be the same for every book after the whole stream."""

    traded_lots: int
    open_orders: int


class Stream(NamedTuple):
    """Placements that fill the book, the operations to be timed, and their outcome."""

    filling: list[Operation]
    operations: list[Operation]
    outcome: Outcome


class PlainBook:
    """A minimal book: a dictionary of levels and a heap of prices on each side; levels are dictionaries."""

    def __init__(self) -> None:
        self.open: dict[int, list[int]] = {}  # number → [side, price, lots left]
        self._levels: dict[int, dict[int, dict[int, list[int]]]] = {BUY: {}, SELL: {}}
        self._heaps: dict[int, list[int]] = {BUY: [], SELL: []}  # of prices, negated for bids; emptied levels stay
        self.traded_lots = 0

    def place(self, number: int, side: int, price: int, quantity: int) -> None:
        """Match, then rest the remainder."""
        against = SELL if side == BUY else BUY
        while quantity:
            level = self.best(against)
            if level is None or (level > price if side == BUY else level < price):
                break
            quantity = self._fill(against, level, quantity)
        if quantity:
            levels = self._levels[side]
            if price not in levels:
                levels[price] = {}
                heapq.heappush(self._heaps[side], -price if side == BUY else price)
            levels[price][number] = self.open[number] = [side, price, quantity]

    def cancel(self, number: int) -> None:
        side, price, _ = self.open.pop(number)
        level = self._levels[side][price]
        del level[number]
        if not level:
            del self._levels[side][price]

    def best(self, side: int) -> int | None:
        """The best price of a side."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            price = -heap[0] if side == BUY else heap[0]
            if price in levels:
                return price
            heapq.heappop(heap)
        return None

    def lots_at(self, side: int, price: int) -> int:
        """Lots resting at a price."""
        return sum(order[2] for order in self._levels[side][price].values())

    def _fill(self, side: int, price: int, quantity: int) -> int:
        """Take from a level, oldest first; returns the unfilled quantity."""
        level = self._levels[side][price]
        for number in list(level):
            order = level[number]
            taken = min(quantity, order[2])
            order[2] -= taken
            quantity -= taken
            self.traded_lots += taken
            if not order[2]:
                del level[number], self.open[number]
            if not quantity:
                break
        if not level:
            del self._levels[side][price]
        return quantity


def make_stream(seed: int, count: int) -> Stream:
    """``count`` operations on a full book, at most :data:`COUNT_MAX`."""
    assert count <= COUNT_MAX, "the book would run empty"
    chance, book = random.Random(seed), PlainBook()
    filling = [
        Operation(0, side, MIDDLE + level if side == SELL else MIDDLE - 1 - level, LOTS)
        for _ in range(ORDERS)
        for level in range(LEVELS)
        for side in (BUY, SELL)
    ]
    chance.shuffle(filling)
    filling = [operation._replace(number=number) for number, operation in enumerate(filling, 1)]
    for operation in filling:
        book.place(*operation)
    placed, numbers, operations = len(filling), list(book.open), []
    for _ in range(count):
        if chance.random() < 0.5:
            operation = _choose_cancel(chance, book, numbers)
            book.cancel(operation.number)
        else:
            placed += 1
            operation = _choose_placement(chance, book, placed)
            book.place(*operation)
            numbers.append(placed)
        operations.append(operation)
    return Stream(filling, operations, Outcome(book.traded_lots, len(book.open)))


def _choose_cancel(chance: random.Random, book: PlainBook, numbers: list[int]) -> Operation:
    """Cancel a random open order. ``numbers`` contains all that may be open; entries found ended are removed."""
    while True:
        index = chance.randrange(len(numbers))
        number, numbers[index] = numbers[index], numbers[-1]
        numbers.pop()
        if number in book.open:
            side, price, _ = book.open[number]
            return Operation(number, side, price, 0)


def _choose_placement(chance: random.Random, book: PlainBook, number: int) -> Operation:
    side = chance.choice((BUY, SELL))
    against = SELL if side == BUY else BUY
    best = book.best(against)
    if chance.random() < CROSSING and best is not None:
        return Operation(number, side, best, min(chance.randint(1, LOTS), book.lots_at(against, best)))
    level = chance.randrange(LEVELS)
    return Operation(number, side, MIDDLE + level if side == SELL else MIDDLE - 1 - level, LOTS)
