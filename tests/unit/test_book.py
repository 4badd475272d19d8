"""The order book: price levels in order, each level first in, first out."""

import random

import pytest

from shards.engine.market.book import Book, BookSide
from shards.model.orders import Order, Side
from tests.model.seeds import read_seed
from tests.unit.orders import make_order


def levels(side: BookSide) -> list[tuple[int, int, list[int]]]:
    return [(level.price, level.quantity, list(level.orders)) for level in side]


@pytest.mark.parametrize(("side", "prices"), [(Side.BUY, [102, 101, 100]), (Side.SELL, [100, 101, 102])])
def test_levels_come_best_price_first(side: Side, prices: list[int]) -> None:
    book = Book()
    for number, price in enumerate((101, 100, 102), 1):
        book.side(side).add(make_order(number, side=side, price=price))
    assert [level.price for level in book.side(side)] == prices
    assert book.side(side).best_price() == prices[0]
    assert book.opposite(side).best_price() is None


def test_a_level_keeps_its_orders_in_the_order_they_came() -> None:
    bids = Book().bids
    for number in (3, 1, 2):
        bids.add(make_order(number))
    assert levels(bids) == [(100, 30, [3, 1, 2])]


def test_an_order_leaves_from_anywhere_and_the_level_with_the_last() -> None:
    bids = Book().bids
    orders = [make_order(number) for number in (1, 2, 3)]
    for order in orders:
        bids.add(order)
    bids.remove(orders[1])
    assert levels(bids) == [(100, 20, [1, 3])]
    bids.remove(orders[0])
    bids.remove(orders[2])
    assert levels(bids) == []
    assert bids.best_price() is None


def test_a_partial_fill_stays_in_its_place_and_a_full_one_leaves() -> None:
    asks = Book().asks
    first, second = make_order(1, side=Side.SELL), make_order(2, side=Side.SELL)
    asks.add(first)
    asks.add(second)
    asks.take(first, 4)
    first.filled = 4
    assert levels(asks) == [(100, 16, [1, 2])]
    asks.take(first, 6)
    assert levels(asks) == [(100, 10, [2])]


def test_an_order_filled_in_part_rests_with_what_it_still_wants() -> None:
    bids = Book().bids
    order = make_order(1, filled=7)
    bids.add(order)
    assert levels(bids) == [(100, 3, [1])]
    bids.remove(order)
    assert levels(bids) == []


@pytest.mark.parametrize(("price", "limit", "bid", "ask"), [(100, 100, True, True), (101, 100, True, False)])
def test_a_price_crosses_a_limit_that_is_equal_or_worse(price: int, limit: int, bid: bool, ask: bool) -> None:
    book = Book()
    assert (book.bids.crosses(price, limit), book.asks.crosses(price, limit)) == (bid, ask)


def test_a_level_that_comes_back_starts_anew() -> None:
    asks = Book().asks
    order = make_order(1, side=Side.SELL)
    asks.add(order)
    asks.add(make_order(2, side=Side.SELL, price=105))
    asks.remove(order)
    asks.add(make_order(3, side=Side.SELL, quantity=2))
    assert levels(asks) == [(100, 2, [3]), (105, 10, [2])]


@pytest.mark.parametrize("side", Side)
def test_the_book_is_a_sorted_list_of_queues(side: Side) -> None:
    chance = random.Random(read_seed())
    own = Book().side(side)
    plain: list[Order] = []
    for number in range(1, 3_000):
        if plain and chance.random() < 0.48:
            order = plain.pop(chance.randrange(len(plain)))
            if chance.random() < 0.5:
                own.remove(order)
            else:
                own.take(order, order.quantity - order.filled)
        elif plain and chance.random() < 0.2:
            order = chance.choice(plain)
            if order.quantity - order.filled > 1:
                own.take(order, 1)
                order.filled += 1
        else:
            order = make_order(number, side=side, price=chance.randint(90, 110), quantity=chance.randint(1, 20))
            own.add(order)
            plain.append(order)
        prices = sorted({order.price for order in plain}, reverse=side is Side.BUY)
        assert own.best_price() == (prices[0] if prices else None)
        if number % 50 == 0:
            queues = [(price, [order for order in plain if order.price == price]) for price in prices]
            assert levels(own) == [
                (price, sum(order.quantity - order.filled for order in queue), [order.id for order in queue])
                for price, queue in queues
            ]


def test_the_first_order_of_a_long_level_is_found_in_few_steps_whatever_has_left_it() -> None:
    rnd, bids, standing = random.Random(read_seed()), Book().bids, dict[int, Order]()
    for number in range(1, 20_001):
        standing[number] = make_order(number)
        bids.add(standing[number])
    (level,) = bids
    while standing:
        first = next(iter(standing.values()))
        assert bids.first() is first
        if rnd.random() < 0.7:
            bids.take(first, first.quantity)
            del standing[first.id]
        else:
            bids.remove(standing.pop(rnd.choice(list(standing)[:50])))
        assert level.gaps**2 <= 64 * max(64, len(level.orders))
