"""Cancel-all of very many orders in a full book, through HTTP; and as many open orders as one account may have."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pytest

from loadtest.bench.seeding import MARKET, OWNER, full_book, limit_order
from shards.limits import OPEN_ORDERS_MAX
from shards.model.commands import Command, Deposit
from shards.model.orders import Side
from tests.http.seeded import seeded
from tests.http.venue import Pair, User, Venue

OTHERS: Final = 200_000
OWN: Final = 10_000
BRIM: Final = "brim"  # who has as many open orders as one may
START: Final = (10**14, 10**12)  # USDT and DF of everybody, as seeding gives them
PAIR: Final = Pair("DFUSDT", "DF", "USDT", Decimal("0.0001"), Decimal("0.01"), 2, 5)  # MARKET, as callers know it


def commands() -> Iterator[Command]:
    """The full book, and then an account filled to the brim."""
    yield from full_book(OTHERS, OWN)
    yield Deposit(BRIM, "USDT", 10**20, "usdt")
    yield from itertools.repeat(limit_order(BRIM, Side.BUY, 1, 1_000_000), OPEN_ORDERS_MAX)


@pytest.fixture(scope="module")
def full() -> Iterator[Venue]:
    """An exchange of one shard that starts with such a journal."""
    with seeded(commands(), MARKET, {"USDT": 6, "DF": 18}) as exchange:
        yield Venue(exchange)


def open_count(venue: Venue, account: str) -> int:
    count: int = venue.operate("GET", f"/accounts/{account}").ok()["open_orders"]["spot"]
    return count


def test_too_many_open_orders(full: Venue) -> None:
    brim = User(full, BRIM)
    assert open_count(full, BRIM) == OPEN_ORDERS_MAX
    before = brim.wallets()
    for price, quantity in (("0.0001", "10000"), ("0.0001", "99999999999"), ("1", "10000")):
        # looked at before the funds, and before what it would meet
        assert brim.try_place(PAIR, "buy", price, quantity).brief() == "400 TOO_MANY_OPEN_ORDERS"
    assert brim.wallets() == before
    oldest = brim.orders(limit=1)[0]["id"]
    brim.cancel(oldest).ok()
    brim.place(PAIR, "buy", "0.0001", "10000")
    assert brim.try_place(PAIR, "buy", "0.0001", "10000").brief() == "400 TOO_MANY_OPEN_ORDERS"
    assert brim.wallets() == before


def test_cancel_all_of_ten_thousand(full: Venue) -> None:
    owner = User(full, OWNER)
    usdt, df = START
    assert open_count(full, OWNER) == OWN
    depth = full.depth(PAIR)
    held = {token: frozen for token, (_, frozen) in owner.balances().items()}
    orders = owner.cancel_all(PAIR)
    assert owner.wallets() == {"DF": f"{df} 0", "USDT": f"{usdt} 0"}
    assert len(orders) == len({order["id"] for order in orders}) == OWN
    assert all((order["filled_qty"], order["quantity"]) == ("0", "10") for order in orders)
    assert len({order["updated_at"] for order in orders}) == 1
    ages = [order["created_at"] for order in orders]
    assert ages == sorted(ages)
    assert sum(10 for order in orders if order["side"] == "sell") == held["DF"]
    ticks = sum(int(order["price"].replace(".", "")) for order in orders if order["side"] == "buy")
    assert ticks * 10 == held["USDT"] * 10_000
    assert open_count(full, OWNER) == 0
    assert owner.cancel_all() == []

    # the book has lost these orders and no other
    left: dict[str, str] = dict(full.depth(PAIR)["asks"])
    for price, quantity in depth["asks"]:
        gone = sum(10 for order in orders if order["price"] == price and order["side"] == "sell")
        assert int(left.get(price, "0")) == int(quantity) - gone
    counted = sum(open_count(full, f"other-{number}") for number in range(100))
    assert counted == OTHERS
    assert full.operate("GET", "/shards").ok()["shards"][0]["open_orders"] == OTHERS + OPEN_ORDERS_MAX

    canceled = {order["id"] for order in orders}
    pages: set[str] = set()
    before: dict[str, str] = {}
    for _ in range(10):
        page = [order["id"] for order in owner.orders(limit=200, status="canceled", **before)]
        pages.update(page)
        before = {"before": page[-1]}
    assert len(pages) == 2_000 and pages <= canceled
