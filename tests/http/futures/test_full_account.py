"""As many open orders and triggers as one account may have on a market: all of them are shown."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import pytest

from shards.limits import OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.model.accounting import Wallet
from shards.model.commands import AddMarket, Command, Deposit, Place
from shards.model.ids import make_number
from shards.model.orders import Kind, NewOrder, Side, TimeInForce, Trigger
from tests.exchange import Exchange
from tests.http.futures.caller import Caller, Json, sender
from tests.http.futures.site import BTC
from tests.http.seeded import seeded
from tests.http.venue import User, Venue

BRIM: Final = "brim"  # who has so many
OTHER: Final = "other"  # who has none
LISTS: Final = 250  # asked for at once


def commands() -> Iterator[Command]:
    yield AddMarket(BTC)
    for account in (BRIM, OTHER):
        yield Deposit(account, "USDT", 10**18, "usdt", Wallet.FUTURES)
    for number in range(OPEN_ORDERS_MAX + TRIGGERS_MAX):
        trigger = None if number % 101 else Trigger(Kind.STOP_MARKET, 2_000_000)
        kind, price = (Kind.STOP_MARKET, 0) if trigger else (Kind.LIMIT, 900_000 + number % 1_000)
        yield Place(NewOrder(BTC.number, BRIM, Side.BUY, kind, TimeInForce.GTC, price, 1, 0, trigger=trigger))


class Scene(NamedTuple):
    """Who calls."""

    brim: Caller
    other: Caller


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Both accounts, on an exchange of one shard that starts with such a journal."""
    with seeded(commands(), BTC, {"USDT": 6, "BTC": 8}) as exchange:
        yield Scene(caller_of(exchange, BRIM), caller_of(exchange, OTHER))


def caller_of(exchange: Exchange, account: str) -> Caller:
    key = User(Venue(exchange), account).key
    return Caller(sender(exchange.port), key.key, key.secret)


@pytest.fixture
def brim(scene: Scene) -> Caller:
    return scene.brim


NUMBERS: Final = [make_number(BTC.number, sequence + 1) for sequence in range(OPEN_ORDERS_MAX + TRIGGERS_MAX)]


def test_open_orders(brim: Caller) -> None:
    """All of them, oldest first, while others are answered."""
    for query in ("", "symbol=BTCUSDT"):
        with ThreadPoolExecutor(1) as pool:
            requested = pool.submit(brim.call, "GET", "/v1/openOrders", query)
            while not requested.done():
                brim.send("GET", "/v1/ping").ok()
            orders: list[Json] = requested.result().ok()
        assert [order["orderId"] for order in orders] == NUMBERS
        assert sum(order["type"] == "STOP_MARKET" for order in orders) == TRIGGERS_MAX
        assert {order["status"] for order in orders} == {"NEW"}


def test_waiting_triggers(brim: Caller) -> None:
    triggers = brim.call("GET", "/v1/openAlgoOrders").ok()
    assert [order["algoId"] for order in triggers] == NUMBERS[::101]


def test_pages(brim: Caller) -> None:
    def ask(query: str) -> list[int]:
        return [order["orderId"] for order in brim.call("GET", "/v1/allOrders", f"symbol=BTCUSDT&{query}").ok()]

    assert ask("limit=1000") == NUMBERS[-1_000:]
    assert ask("") == NUMBERS[-500:]
    assert ask(f"orderId={NUMBERS[70_000]}&limit=1000") == NUMBERS[70_000:71_000]
    assert ask(f"orderId={NUMBERS[-3]}") == NUMBERS[-3:]


@pytest.mark.parametrize("requested", ["/v1/openAlgoOrders", "/v1/allOrders?symbol=BTCUSDT&limit=1"])
def test_many_lists_at_once_keep_no_other_account_waiting(scene: Scene, requested: str) -> None:
    """What they take in all is more than an order's deadline allows."""
    path, _, query = requested.partition("?")
    with ThreadPoolExecutor(LISTS) as pool:
        lists = [pool.submit(scene.brim.call, "GET", path, query) for _ in range(LISTS)]
        placed = 0
        while placed < 20 or not any(each.done() for each in lists):
            order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=90000&quantity=0.001"
            number = scene.other.call("POST", "/v1/order", order).ok()["orderId"]
            scene.other.call("DELETE", "/v1/order", f"symbol=BTCUSDT&orderId={number}").ok()
            scene.other.call("GET", "/v1/openOrders", "symbol=BTCUSDT").ok()
            placed += 1
        assert {each.result().status for each in lists} <= {200, 408, 503}
