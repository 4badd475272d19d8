"""One account with spot and futures orders on markets of one name: neither API sees or touches what is the other's."""

import itertools
from typing import Final

import pytest

from shards.model.ids import TRADE, from_uuid, to_uuid
from tests.http.futures.order_trader import AwaitArchive, OrderTrader
from tests.http.futures.trader import TERMS
from tests.http.venue import Venue, at_once

STATUSES: Final = ("open", "partially_filled", "filled", "canceled", "rejected", "expired")


class Both:
    """An open, a filled and a canceled order of one account on either market, with the same client ids."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.pair = venue.pair(venue.shard_count - 1, tick="0.1", lot="0.001")
        self.symbol = self.pair.symbol
        venue.operate("POST", "/futures/markets", {**TERMS, "symbol": self.symbol}).ok()
        self.trader, self.other = OrderTrader(venue, 0), OrderTrader(venue)
        self.user = self.trader.user
        for user in (self.user, self.other.user):
            user.deposit("USDT", "10000")
            user.deposit("DF", "100")
        self.spot: dict[str, str] = {}  # name → UUID, oldest first
        self.futures: dict[str, int] = {}
        for name in ("filled", "canceled", "open"):
            self._place(name)
        self.futures["trigger"] = self.trader.stop(self.symbol, "SELL", "50", "1", newClientOrderId="trigger")[
            "orderId"
        ]

    def _place(self, name: str) -> None:
        spot = self.user.place(self.pair, "buy", "100", "1", client_order_id=name)["id"]
        futures = self.trader.place(self.symbol, "BUY", "100", "1", newClientOrderId=name)["orderId"]
        self.spot[name], self.futures[name] = spot, futures
        if name == "filled":
            self.other.user.place(self.pair, "sell", "100", "1")
            self.other.place(self.symbol, "SELL", "100", "1")
        if name == "canceled":
            self.user.cancel(spot).ok()
            self.trader.cancel(self.symbol, futures)

    def number(self, name: str) -> int:
        """Of a spot order."""
        number = from_uuid(self.spot[name], self.venue.id_key)
        assert number is not None
        return number

    def uuid(self, name: str) -> str:
        """That the spot API would have for a futures order."""
        return to_uuid(self.futures[name], self.venue.id_key)

    def check_untouched(self) -> None:
        """Nothing has been canceled on either."""
        assert self.user.orders(status="open")[0]["id"] == self.spot["open"]
        assert len(self.trader.get("/openOrders", symbol=self.symbol)) == 2


@pytest.fixture(scope="session")
def both(venue: Venue) -> Both:
    return Both(venue)


def test_lists(both: Both, await_archive: AwaitArchive) -> None:
    await_archive()
    newest_first = list(both.spot.values())[::-1]
    for limit, symbol in itertools.product((1, 2, 200), (None, both.symbol)):
        query = {} if symbol is None else {"symbol": symbol}
        # the limit is about what is wanted, though futures orders are newer
        assert [order["id"] for order in both.user.orders(limit=limit, **query)] == newest_first[:limit]
        assert [trade["order_id"] for trade in both.user.trades(limit=limit, **query)] == [both.spot["filled"]]
    for status in STATUSES:
        wanted = [both.spot[status]] if status in both.spot else []
        assert [order["id"] for order in both.user.orders(status=status)] == wanted
    assert [order["id"] for order in both.user.orders(before=newest_first[0])] == newest_first[1:]

    listed = [order["orderId"] for order in both.trader.get("/allOrders", symbol=both.symbol)]
    assert listed == list(both.futures.values())
    opened = [both.futures["open"], both.futures["trigger"]]
    assert [order["orderId"] for order in both.trader.get("/openOrders")] == opened
    assert [fill["orderId"] for fill in both.trader.get("/userTrades", symbol=both.symbol)] == [both.futures["filled"]]
    income = both.trader.get("/income")
    assert [row["incomeType"] for row in income] == ["TRANSFER", "COMMISSION"]


def test_futures_orders_on_the_spot_api(both: Both, await_archive: AwaitArchive) -> None:
    await_archive()
    for name in both.futures:
        for text in (both.uuid(name), both.uuid(name).upper()):
            for method, caller in itertools.product(("GET", "DELETE"), (both.user, both.other.user)):
                assert caller.call(method, f"/spot/orders/{text}").brief() == "404 ORDER_NOT_FOUND"
            assert both.user.call("GET", "/spot/orders", before=text).brief() == "400 invalid before"
    (fill,) = both.trader.get("/userTrades", symbol=both.symbol)
    trade = to_uuid(fill["id"], both.venue.id_key, TRADE)
    assert both.user.call("GET", "/spot/trades/me", before=trade).brief() == "400 invalid before"
    for method in ("GET", "DELETE"):
        assert both.user.by_client_id(method, both.pair, "trigger").brief() == "404 ORDER_NOT_FOUND"
    for name, order in both.spot.items():
        assert both.user.by_client_id("GET", both.pair, name).ok()["id"] == order
    both.check_untouched()


def test_spot_orders_on_the_futures_api(both: Both, await_archive: AwaitArchive) -> None:
    await_archive()
    trader, symbol = both.trader, both.symbol
    for name in both.spot:
        number = both.number(name)
        for path in ("/v1/order", "/v1/openOrder"):
            assert trader.call("GET", path, symbol=symbol, orderId=number).brief() == "400 -2013"
        assert trader.call("GET", "/v1/algoOrder", algoId=number).brief() == "400 -2013"
        assert trader.call("DELETE", "/v1/order", symbol=symbol, orderId=number).brief() == "400 -2011"
        assert trader.call("DELETE", "/v1/algoOrder", algoId=number).brief() == "400 -2011"
        told = trader.call("DELETE", "/v1/batchOrders", symbol=symbol, orderIdList=f"[{number}]").ok()
        assert told == [{"code": -2011, "msg": "Unknown order sent."}]
        assert trader.get("/userTrades", symbol=symbol, orderId=number) == []
    for name, order in both.futures.items():
        assert trader.get("/order", symbol=symbol, origClientOrderId=name)["orderId"] == order
    both.check_untouched()


def test_canceling_on_one_leaves_the_other(venue: Venue) -> None:
    both = Both(venue)
    trader, user, symbol = both.trader, both.user, both.symbol

    def opened() -> tuple[list[str], list[int]]:
        futures = [order["orderId"] for order in trader.get("/openOrders")]
        return [order["id"] for order in user.orders(status="open")], futures

    spot, futures = opened()
    assert (spot, len(futures)) == ([both.spot["open"]], 2)
    for query in ({}, {"symbol": symbol}):
        canceled = user.call("DELETE", "/spot/orders", **query).ok()["canceled"]
        assert [order["id"] for order in canceled] == spot and opened() == ([], futures)
        spot = [user.place(both.pair, "buy", "90", "1", client_order_id="open")["id"]]
    assert user.by_client_id("DELETE", both.pair, "open").ok()["id"] == spot[0]
    assert opened() == ([], futures)
    spot = [user.place(both.pair, "buy", "90", "1", client_order_id="open")["id"]]
    name = {"symbol": symbol, "origClientOrderId": "open"}
    assert trader.call("DELETE", "/v1/order", **name).ok()["orderId"] == futures[0]
    assert trader.call("DELETE", "/v1/order", **name).brief() == "400 -2011"
    assert trader.call("DELETE", "/v1/allOpenOrders", symbol=symbol).ok()["code"] == 200
    assert opened() == (spot, [])


def test_canceling_both_at_once(venue: Venue) -> None:
    both = Both(venue)
    spot, futures = at_once(
        [
            lambda: both.user.call("DELETE", "/spot/orders").ok(),
            lambda: both.trader.call("DELETE", "/v1/allOpenOrders", symbol=both.symbol).ok(),
        ]
    )
    assert [order["id"] for order in spot["canceled"]] == [both.spot["open"]]
    assert futures["code"] == 200
    assert both.trader.get("/openOrders") == both.user.orders(status="open") == []
