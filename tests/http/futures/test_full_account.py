"""As many open orders and triggers as one account may have on a market: all of them are shown."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

import pytest

from loadtest.bench.seeding import write_journal
from shards.ids import make_number
from shards.limits import OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.messages import AddMarket, Command, Deposit, Place
from shards.money import Wallet
from shards.orders import Kind, NewOrder, Side, TimeInForce, Trigger
from storage.folder import Folder
from storage.reference import Asset, Reference
from tests.exchange import Exchange
from tests.http.futures.caller import Caller, Json, sender
from tests.http.futures.site import BTC
from tests.http.venue import User, Venue
from web.catalog import encode_market

BRIM: Final = "brim"  # who has so many
READY_S: Final = 90.0


def commands() -> Iterator[Command]:
    yield AddMarket(BTC)
    yield Deposit(BRIM, "USDT", 10**18, "usdt", Wallet.FUTURES)
    for number in range(OPEN_ORDERS_MAX + TRIGGERS_MAX):
        trigger = None if number % 101 else Trigger(Kind.STOP_MARKET, 2_000_000)
        kind, price = (Kind.STOP_MARKET, 0) if trigger else (Kind.LIMIT, 900_000 + number % 1_000)
        yield Place(NewOrder(BTC.number, BRIM, Side.BUY, kind, TimeInForce.GTC, price, 1, 0, trigger=trigger))


@pytest.fixture(scope="module")
def brim() -> Iterator[Caller]:
    """The account, on an exchange of one shard that starts with such a journal."""
    exchange = Exchange(1)
    try:
        folder = Folder.open(exchange.data, 1)
        write_journal(folder, commands())
        with closing(Reference(folder.reference, folder.secrets().storage_key)) as reference:
            for symbol, decimals in (("USDT", 6), ("BTC", 8)):
                assert reference.add_asset(Asset(symbol, decimals))
            row = reference.reserve_market(BTC.product, BTC.symbol, 1)
            assert row is not None and row.number == BTC.number
            reference.put_market(row.number, encode_market(BTC))
        exchange.engine.start()
        exchange.web.start()
        exchange.wait_ready(READY_S)  # 101,000 commands are replayed
        key = User(Venue(exchange), BRIM).key
        yield Caller(sender(exchange.port), key.key, key.secret)
    finally:
        exchange.close()


NUMBERS: Final = [make_number(BTC.number, sequence + 1) for sequence in range(OPEN_ORDERS_MAX + TRIGGERS_MAX)]


def test_open_orders(brim: Caller) -> None:
    """All of them, oldest first, while others are answered."""
    for query in ("", "symbol=BTCUSDT"):
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(brim.call, "GET", "/v1/openOrders", query)
            while not asked.done():
                brim.send("GET", "/v1/ping").ok()
            orders: list[Json] = asked.result().ok()
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
