"""What a new order would trade with; planning changes nothing."""

import pytest

from shards.engine.market.book import Book
from shards.engine.market.matching import plan_matches
from shards.model.orders import Kind, Order, Side
from tests.unit.orders import make_order


def order(number: int, side: Side, price: int, quantity: int, kind: Kind = Kind.LIMIT, filled: int = 0) -> Order:
    return make_order(number, side=side, price=price, quantity=quantity, kind=kind, filled=filled)


@pytest.fixture
def book() -> Book:
    """Asks 5 at 100 (3 and 2), 4 at 102; bids 5 at 98, 4 at 96."""
    book = Book()
    for number, side, price, quantity in (
        (1, Side.SELL, 100, 3),
        (2, Side.SELL, 100, 2),
        (3, Side.SELL, 102, 4),
        (4, Side.BUY, 98, 5),
        (5, Side.BUY, 96, 4),
    ):
        book.side(side).add(order(number, side, price, quantity))
    return book


def plan(book: Book, new: Order, budget: int = 0) -> tuple[list[tuple[int, int]], bool]:
    found = plan_matches(new, book.opposite(new.side), budget)
    return [(match.maker.id, match.quantity) for match in found.matches], found.complete


@pytest.mark.parametrize(
    ("side", "price", "quantity", "matches", "complete"),
    [
        (Side.BUY, 99, 1, [], False),
        (Side.BUY, 100, 3, [(1, 3)], True),
        (Side.BUY, 100, 4, [(1, 3), (2, 1)], True),
        (Side.BUY, 101, 6, [(1, 3), (2, 2)], False),
        (Side.BUY, 102, 9, [(1, 3), (2, 2), (3, 4)], True),
        (Side.BUY, 200, 10, [(1, 3), (2, 2), (3, 4)], False),
        (Side.SELL, 99, 1, [], False),
        (Side.SELL, 98, 6, [(4, 5)], False),
        (Side.SELL, 96, 6, [(4, 5), (5, 1)], True),
    ],
)
def test_a_limit_order_takes_what_its_price_reaches(
    book: Book, side: Side, price: int, quantity: int, matches: list[tuple[int, int]], complete: bool
) -> None:
    assert plan(book, order(9, side, price, quantity)) == (matches, complete)


@pytest.mark.parametrize(
    ("quantity", "matches", "complete"), [(6, [(4, 5), (5, 1)], True), (10, [(4, 5), (5, 4)], False)]
)
def test_a_market_sell_takes_any_price(
    book: Book, quantity: int, matches: list[tuple[int, int]], complete: bool
) -> None:
    assert plan(book, order(9, Side.SELL, 0, quantity, Kind.MARKET)) == (matches, complete)


@pytest.mark.parametrize(
    ("budget", "matches", "complete"),
    [
        (0, [], False),
        (99, [], False),  # affords no lot
        (100, [(1, 1)], True),
        (199, [(1, 1)], True),  # the rest buys no further lot of the same order
        (300, [(1, 3)], True),
        (399, [(1, 3)], True),
        (500, [(1, 3), (2, 2)], True),
        (601, [(1, 3), (2, 2)], True),  # the next level is too dear
        (602, [(1, 3), (2, 2), (3, 1)], True),
        (908, [(1, 3), (2, 2), (3, 4)], True),
        (909, [(1, 3), (2, 2), (3, 4)], False),  # the asks ran out first
    ],
)
def test_a_market_buy_spends_its_budget_in_whole_lots(
    book: Book, budget: int, matches: list[tuple[int, int]], complete: bool
) -> None:
    assert plan(book, order(9, Side.BUY, 0, 0, Kind.MARKET), budget) == (matches, complete)


@pytest.mark.parametrize("budget", [0, 1, 100])
def test_a_market_buy_on_an_empty_book_is_never_complete(budget: int) -> None:
    assert plan(Book(), order(9, Side.BUY, 0, 0, Kind.MARKET), budget) == ([], False)


def test_what_a_resting_order_has_filled_already_is_not_for_sale() -> None:
    book = Book()
    book.asks.add(order(1, Side.SELL, 100, 10, filled=8))
    assert plan(book, order(9, Side.BUY, 100, 5)) == ([(1, 2)], False)
    assert plan(book, order(9, Side.BUY, 0, 0, Kind.MARKET), 500) == ([(1, 2)], False)


def test_planning_changes_nothing(book: Book) -> None:
    before = [(level.price, level.quantity, list(level.orders)) for level in book.asks]
    plan(book, order(9, Side.BUY, 200, 100))
    assert [(level.price, level.quantity, list(level.orders)) for level in book.asks] == before
