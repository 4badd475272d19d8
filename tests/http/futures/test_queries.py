"""Orders asked for: one, the open ones, all; in the shards' memory and in the archive alike."""

import itertools
from typing import Final

import pytest

from shards.model.markets import shard_of_symbol
from tests.http.futures.actor import ORDER, TRIGGER
from tests.http.futures.caller import Json, now_ms
from tests.http.futures.order_trader import AwaitArchive, OrderTrader, wait_archived
from tests.http.futures.trader import list_contract, set_mark
from tests.http.venue import Venue

UNKNOWN: Final = "400 -2013"


class Cast:
    """One account's orders of every kind on two markets, those of another on the same, and who they are."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.own = OrderTrader(venue, 0)
        self.other = OrderTrader(venue, venue.shard_count - 1)
        self.symbols = [list_contract(venue, 0), list_contract(venue, venue.shard_count - 1)]
        self.placed: dict[str, list[int]] = {}  # symbol → ids, oldest first
        self.waiting: list[int] = []  # triggers
        self.open: dict[int, str] = {}  # id → symbol, oldest first
        for symbol in self.symbols:
            self._trade(symbol)

    def _trade(self, symbol: str) -> None:
        own, other = self.own, self.other
        canceled = own.place(symbol, "BUY", "100", "1", newClientOrderId=f"canceled-{symbol}")["orderId"]
        own.cancel(symbol, canceled)
        other.place(symbol, "SELL", "200", "2")
        filled = own.place(symbol, "BUY", "200", "2", newClientOrderId="filled")["orderId"]
        opened = own.place(symbol, "SELL", "300", "1", newClientOrderId="open")["orderId"]
        part = own.place(symbol, "SELL", "210", "1")["orderId"]
        other.place(symbol, "BUY", "210", "0.4")
        waiting = own.stop(symbol, "SELL", "50", "1", newClientOrderId="waiting")["orderId"]
        gone = own.stop(symbol, "SELL", "60", "1", newClientOrderId="gone")["orderId"]
        own.cancel(symbol, gone)
        fired = own.stop(symbol, "SELL", "90", "1", workingType="MARK_PRICE", reduceOnly="true")["orderId"]
        set_mark(self.venue, symbol, "90")  # nobody buys
        set_mark(self.venue, symbol, None)
        self.placed[symbol] = [canceled, filled, opened, part, waiting, gone, fired]
        self.waiting.append(waiting)
        self.open |= dict.fromkeys((opened, part, waiting), symbol)

    def order(self, number: int, symbol: str) -> Json:
        return self.own.get("/order", symbol=symbol, orderId=number)


@pytest.fixture(scope="session")
def cast(venue: Venue) -> Cast:
    return Cast(venue)


def numbers(orders: list[Json]) -> list[int]:
    return [order["orderId"] for order in orders]


def test_one_order(cast: Cast, await_archive: AwaitArchive) -> None:
    await_archive()
    statuses = ["CANCELED", "FILLED", "NEW", "PARTIALLY_FILLED", "NEW", "CANCELED", "EXPIRED"]
    for symbol in cast.symbols:
        found = [cast.order(number, symbol) for number in cast.placed[symbol]]
        assert numbers(found) == cast.placed[symbol]
        assert [order["status"] for order in found] == statuses
        assert {order["symbol"] for order in found} == {symbol}
        for order in found:
            assert list(order) == (TRIGGER if order["origType"] == "STOP_MARKET" else ORDER)
            named = {"symbol": symbol, "origClientOrderId": order["clientOrderId"]}
            assert order["clientOrderId"] and cast.own.get("/order", **named) == order
            # with both sent the id alone counts
            named["origClientOrderId"] = "of nothing"
            assert cast.own.get("/order", **named, orderId=order["orderId"]) == order
            shown = cast.own.call("GET", "/v1/openOrder", symbol=symbol, orderId=order["orderId"])
            by_client_id = cast.own.call(
                "GET", "/v1/openOrder", symbol=symbol, origClientOrderId=order["clientOrderId"]
            )
            if order["orderId"] in cast.open:
                assert shown.ok() == by_client_id.ok() == order
            else:
                assert shown.brief() == by_client_id.brief() == UNKNOWN
                assert shown.json["msg"] == "Order does not exist."


def test_an_order_as_it_was_placed(cast: Cast) -> None:
    placed = cast.own.place(cast.symbols[0], "BUY", "100", "1", newClientOrderId="a.b:/_-Z")
    assert cast.order(placed["orderId"], cast.symbols[0]) == placed
    canceled = cast.own.cancel(cast.symbols[0], placed["orderId"])
    assert cast.order(placed["orderId"], cast.symbols[0]) == placed | canceled
    cast.placed[cast.symbols[0]].append(placed["orderId"])


def test_what_a_fired_trigger_shows(cast: Cast) -> None:
    symbol = cast.symbols[0]
    fired = cast.order(cast.placed[symbol][6], symbol)
    assert (fired["type"], fired["origType"], fired["stopPrice"]) == ("MARKET", "STOP_MARKET", "90")
    assert fired["workingType"] == "MARK_PRICE" and fired["reduceOnly"] is True
    assert fired["time"] <= fired["triggerTime"] <= fired["updateTime"] <= now_ms()
    waiting = cast.order(cast.placed[symbol][4], symbol)
    assert (waiting["type"], waiting["triggerTime"]) == ("STOP_MARKET", 0)


def test_whose_and_where(cast: Cast, await_archive: AwaitArchive) -> None:
    """Foreign, on another market, never placed: one answer for all, and not a word of the order."""
    await_archive()
    symbol, elsewhere = cast.symbols
    for path, number in itertools.product(("/v1/order", "/v1/openOrder"), cast.placed[symbol]):
        assert cast.other.call("GET", path, symbol=symbol, orderId=number).brief() == UNKNOWN
        assert cast.own.call("GET", path, symbol=elsewhere, orderId=number).brief() == UNKNOWN
        never = number | 1 << 39
        assert cast.own.call("GET", path, symbol=symbol, orderId=never).brief() == UNKNOWN
    for name in (f"canceled-{symbol}", "open", "waiting", "never", "a b", "x" * 500, "\0"):
        assert cast.other.call("GET", "/v1/order", symbol=symbol, origClientOrderId=name).brief() == UNKNOWN
    named = {"symbol": elsewhere, "origClientOrderId": f"canceled-{symbol}"}
    assert cast.own.call("GET", "/v1/order", **named).brief() == UNKNOWN
    for path in ("/allOrders", "/openOrders"):
        listed = numbers(cast.other.get(path, symbol=symbol))
        assert not set(listed) & set(cast.placed[symbol])


def test_a_client_id_used_again(venue: Venue) -> None:
    """It names the open order if there is one, else the latest."""
    trader, symbol = OrderTrader(venue), list_contract(venue)
    name = {"symbol": symbol, "origClientOrderId": "again"}
    placed: list[int] = []
    for _ in range(3):
        placed.append(trader.place(symbol, "BUY", "100", "1", newClientOrderId="again")["orderId"])
        assert trader.get("/order", **name)["orderId"] == trader.get("/openOrder", **name)["orderId"] == placed[-1]
        wait_archived(venue)
        assert trader.get("/order", **name)["orderId"] == placed[-1]
        trader.cancel(symbol, placed[-1])
        assert trader.get("/order", **name)["orderId"] == placed[-1]
        assert trader.call("GET", "/v1/openOrder", **name).brief() == UNKNOWN
        wait_archived(venue)
        assert trader.get("/order", **name)["orderId"] == placed[-1]
    assert numbers(trader.get("/allOrders", symbol=symbol)) == placed


def test_open_orders(cast: Cast) -> None:
    """Of one market or of all, waiting triggers too, oldest first."""
    everything = cast.own.get("/openOrders")
    assert numbers(everything) == list(cast.open)
    assert [cast.order(order["orderId"], order["symbol"]) for order in everything] == everything
    for symbol in cast.symbols:
        assert cast.own.get("/openOrders", symbol=symbol) == [o for o in everything if o["symbol"] == symbol]
    assert OrderTrader(cast.venue).get("/openOrders") == []


def test_all_orders(cast: Cast, await_archive: AwaitArchive) -> None:
    await_archive()
    for symbol in cast.symbols:
        placed = cast.placed[symbol]
        listed = cast.own.get("/allOrders", symbol=symbol)
        assert numbers(listed) == placed
        assert listed == [cast.order(number, symbol) for number in placed]
        for limit in (1, 3, len(placed), 1_000):
            # the newest; the first from an id on; the first from a time on
            assert numbers(cast.own.get("/allOrders", symbol=symbol, limit=limit)) == placed[-limit:]
            for place, number in enumerate(placed):
                requested: dict[str, str | int] = {"symbol": symbol, "limit": limit}
                found = cast.own.get("/allOrders", **requested, orderId=number)
                assert numbers(found) == placed[place : place + limit]
            assert numbers(cast.own.get("/allOrders", **requested, orderId=0)) == placed[:limit]
            assert numbers(cast.own.get("/allOrders", **requested, startTime=0)) == placed[:limit]
            assert cast.own.get("/allOrders", **requested, orderId=2**63 - 1) == []


def test_all_orders_by_time(cast: Cast) -> None:
    """Both ends are included; they are about when an order was placed."""
    symbol = cast.symbols[0]
    everything = cast.own.get("/allOrders", symbol=symbol)
    times = sorted({order["time"] for order in everything})
    for start, end in itertools.product([times[0] - 1, *times, times[-1] + 1], repeat=2):
        if start > end:
            continue
        wanted = [order["orderId"] for order in everything if start <= order["time"] <= end]
        requested: dict[str, str | int] = {"symbol": symbol, "startTime": start, "endTime": end}
        assert numbers(cast.own.get("/allOrders", **requested)) == wanted
        assert numbers(cast.own.get("/allOrders", **requested, limit=2)) == wanted[:2]
    for moment in times:
        until_then = [order["orderId"] for order in everything if order["time"] <= moment]
        assert numbers(cast.own.get("/allOrders", symbol=symbol, endTime=moment)) == until_then
        assert numbers(cast.own.get("/allOrders", symbol=symbol, endTime=moment, limit=2)) == until_then[-2:]
        from_then = {order["orderId"] for order in everything if order["time"] >= moment}
        both = cast.own.get("/allOrders", symbol=symbol, startTime=moment, orderId=cast.placed[symbol][3])
        assert numbers(both) == [number for number in cast.placed[symbol][3:] if number in from_then]
    assert cast.own.get("/allOrders", symbol=symbol, startTime=2**63 - 1) == []
    assert numbers(cast.own.get("/allOrders", symbol=symbol, endTime=2**63 - 1)) == cast.placed[symbol]


REFUSED: Final = [
    ("/v1/order", "", "400 -1102"),
    ("/v1/order", "symbol=&orderId=1", "400 -1102"),
    ("/v1/order", "symbol=NONE&orderId=x", "400 -1121"),
    ("/v1/order", "symbol={symbol}", "400 -1102"),
    ("/v1/order", "symbol={symbol}&orderId=&origClientOrderId=", "400 -1102"),
    ("/v1/order", "symbol={symbol}&orderId=x", "400 -1102"),
    ("/v1/order", "symbol={symbol}&orderId=-1", "400 -1102"),
    ("/v1/order", "symbol={symbol}&orderId=9223372036854775808&origClientOrderId=open", "400 -1102"),
    ("/v1/order", "symbol={symbol}&orderId=1&orderId=2", "400 -1101"),
    ("/v1/order", "symbol={symbol}&orderId=9223372036854775807", "400 -2013"),
    ("/v1/order", "symbol={symbol}&orderId=0", "400 -2013"),
    ("/v1/order", "symbol={lower}&orderId=1", "400 -1121"),
    ("/v1/openOrder", "", "400 -1102"),
    ("/v1/openOrder", "symbol={symbol}", "400 -1102"),
    ("/v1/openOrder", "symbol={symbol}&orderId=0", "400 -2013"),
    ("/v1/openOrders", "symbol=NONE", "400 -1121"),
    ("/v1/openOrders", "symbol=", "200"),
    ("/v1/allOrders", "", "400 -1102"),
    ("/v1/allOrders", "symbol=NONE&limit=0", "400 -1121"),
    ("/v1/allOrders", "symbol={symbol}&orderId=x&limit=0", "400 -1102"),
    ("/v1/allOrders", "symbol={symbol}&startTime=x", "400 -1102"),
    ("/v1/allOrders", "symbol={symbol}&startTime=2&endTime=1&limit=0", "400 -1023"),
    ("/v1/allOrders", "symbol={symbol}&startTime=1&endTime=1&limit=1000", "200"),
    ("/v1/allOrders", "symbol={symbol}&limit=0", "400 -1130"),
    ("/v1/allOrders", "symbol={symbol}&limit=1001", "400 -1130"),
    ("/v1/allOrders", "symbol={symbol}&limit=x", "400 -1130"),
    ("/v1/allOrders", "symbol={symbol}&limit=", "200"),
]


@pytest.mark.parametrize(("path", "query", "expected"), REFUSED)
def test_refused(cast: Cast, path: str, query: str, expected: str) -> None:
    symbol = cast.symbols[0]
    answer = cast.own.send("GET", path, query.format(symbol=symbol, lower=symbol.lower()))
    assert answer.brief() == expected


def test_neither_id(cast: Cast) -> None:
    told = cast.own.call("GET", "/v1/order", symbol=cast.symbols[0]).json
    assert told["msg"] == "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"


def test_markets_lie_where_they_should(cast: Cast) -> None:
    """Else these tests say little of merging."""
    assert {shard_of_symbol(symbol, cast.venue.shard_count) for symbol in cast.symbols} == {
        0,
        cast.venue.shard_count - 1,
    }
