"""Trigger orders under Binance's newer names: the same orders, seen and canceled on both fronts."""

import itertools
from typing import Final

import pytest

from tests.http.futures.caller import Json, now_ms
from tests.http.futures.order_trader import AwaitArchive, OrderTrader
from tests.http.futures.trader import list_contract, set_mark
from tests.http.venue import Venue

UNKNOWN: Final = "400 -2013"
CONDITIONAL: Final = (
    "algoId clientAlgoId algoType orderType symbol side positionSide timeInForce quantity algoStatus actualOrderId"
    " actualPrice triggerPrice price workingType closePosition priceProtect reduceOnly createTime updateTime"
    " triggerTime goodTillDate"
).split()
TRAILING: Final = [*CONDITIONAL[:18], "activatePrice", "callbackRate", *CONDITIONAL[18:]]
STOP: Final = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": "120"}
DONE: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}


def place(trader: OrderTrader, symbol: str, side: str = "BUY", quantity: str = "1", **more: str) -> Json:
    """A stop at 120, or what is given."""
    placed = trader.call("POST", "/v1/algoOrder", symbol=symbol, side=side, quantity=quantity, **{**STOP, **more}).ok()
    assert list(placed) == (TRAILING if placed["orderType"] == "TRAILING_STOP_MARKET" else CONDITIONAL)
    return placed


def fire(trader: OrderTrader, symbol: str, price: str) -> None:
    """Let the mark go to a price and back."""
    set_mark(trader.venue, symbol, price)
    set_mark(trader.venue, symbol, "100")


@pytest.fixture
def symbol(at_100: str) -> str:
    return at_100


@pytest.fixture
def trader(venue: Venue) -> OrderTrader:
    return OrderTrader(venue, 0)


def test_placing(trader: OrderTrader, symbol: str) -> None:
    before = now_ms()
    placed = place(trader, symbol, clientAlgoId="a:1")
    assert type(placed["algoId"]) is int
    assert before <= placed["createTime"] == placed["updateTime"] <= now_ms()
    assert placed | {"algoId": 0, "createTime": 0, "updateTime": 0} == {
        "algoId": 0,
        "clientAlgoId": "a:1",
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": symbol,
        "side": "BUY",
        "positionSide": "BOTH",
        "timeInForce": "GTC",
        "quantity": "1",
        "algoStatus": "NEW",
        "actualOrderId": "",
        "actualPrice": "0",
        "triggerPrice": "120",
        "price": "0",
        "workingType": "CONTRACT_PRICE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": False,
        "createTime": 0,
        "updateTime": 0,
        "triggerTime": 0,
        "goodTillDate": 0,
    }
    assert place(trader, symbol, clientAlgoId="a:1") == placed  # a repeat
    other = {**STOP, "symbol": symbol, "side": "SELL", "quantity": "1", "clientAlgoId": "a:1"}
    assert trader.call("POST", "/v1/algoOrder", **other).brief() == "400 -4116"


def test_every_type(trader: OrderTrader, symbol: str) -> None:
    stop = place(trader, symbol, type="STOP_LIMIT", price="130.5", timeInForce="IOC", workingType="MARK_PRICE")
    assert (stop["orderType"], stop["price"], stop["timeInForce"]) == ("STOP", "130.5", "IOC")
    assert stop["workingType"] == "MARK_PRICE" and stop["clientAlgoId"]
    gain = place(trader, symbol, "SELL", type="TAKE_PROFIT_MARKET", closePosition="True", quantity="")
    assert (gain["quantity"], gain["closePosition"], gain["orderType"]) == ("0", True, "TAKE_PROFIT_MARKET")
    take = place(trader, symbol, "SELL", type="TAKE_PROFIT", price="125", triggerPrice="122", reduceOnly="true")
    assert (take["triggerPrice"], take["reduceOnly"]) == ("122", True)
    trail = place(trader, symbol, type="TRAILING_STOP_MARKET", triggerPrice="", callbackRate="1.25", activatePrice="90")
    assert (trail["activatePrice"], trail["callbackRate"], trail["triggerPrice"]) == ("90", "1.25", "0")
    listed = trader.get("/openAlgoOrders", symbol=symbol)
    assert listed == [stop, gain, take, trail]


REFUSED: Final = [
    ("", "400 -1102"),
    ("symbol=NONE", "400 -1121"),
    ("symbol={symbol}", "400 -1102"),
    ("symbol={symbol}&algoType=VP&side=x", "400 -1130"),
    ("symbol={symbol}&algoType=CONDITIONAL", "400 -1102"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=x", "400 -1117"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=LIMIT&quantity=1&price=100", "400 -1116"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=MARKET&quantity=1", "400 -1116"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=STOP_MARKET&quantity=1", "400 -1102"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=STOP_MARKET&triggerPrice=110", "400 -1102"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=STOP&triggerPrice=110&quantity=1", "400 -1102"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=STOP&triggerPrice=110&clientAlgoId=a%20b", "400 -1100"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=STOP_MARKET&triggerPrice=1.11&quantity=1", "400 -1013"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=BUY&type=STOP_MARKET&triggerPrice=110&quantity=0", "400 -1013"),
    ("symbol={symbol}&algoType=CONDITIONAL&side=SELL&type=STOP_MARKET&triggerPrice=110&quantity=1"
     "&workingType=MARK_PRICE", "400 -2021"),
]  # fmt: skip


def test_refused(trader: OrderTrader, symbol: str) -> None:
    for query, expected in REFUSED:
        assert trader.send("POST", "/v1/algoOrder", query.format(symbol=symbol)).brief() == expected, query
    assert trader.get("/allAlgoOrders", symbol=symbol) == []


def test_both_fronts(trader: OrderTrader, symbol: str) -> None:
    """algoId is the orderId, clientAlgoId the client id."""
    here, there = place(trader, symbol, clientAlgoId="here"), trader.stop(symbol, "BUY", "121", "1")
    for number, name in ((here["algoId"], "here"), (there["orderId"], there["clientOrderId"])):
        order = trader.get("/order", symbol=symbol, orderId=number)
        found = trader.get("/algoOrder", algoId=number)
        assert found == trader.get("/algoOrder", clientAlgoId=name)
        assert found == trader.get("/algoOrder", clientAlgoId=name, symbol=symbol)
        assert found == trader.get("/algoOrder", algoid=number, clientAlgoId="of nothing")
        same = {
            "algoId": "orderId",
            "clientAlgoId": "clientOrderId",
            "quantity": "origQty",
            "triggerPrice": "stopPrice",
        }
        same |= {"createTime": "time"} | {name: name for name in set(found) & set(order)}
        assert all(found[name] == order[its_name] for name, its_name in same.items())
    trader.cancel(symbol, here["algoId"])
    told = trader.call("DELETE", "/v1/algoOrder", clientAlgoId=there["clientOrderId"]).ok()
    named = {"algoId": there["orderId"], "clientAlgoId": there["clientOrderId"]}
    assert told == named | {"code": "200", "msg": "success"} and list(told) == [*named, "code", "msg"]
    for number in (here["algoId"], there["orderId"]):
        assert trader.get("/algoOrder", algoId=number)["algoStatus"] == "CANCELED"
        assert trader.get("/order", symbol=symbol, orderId=number)["status"] == "CANCELED"
        assert trader.call("DELETE", "/v1/algoOrder", algoId=number).brief() == "400 -2011"


def test_what_becomes_of_a_trigger(trader: OrderTrader, symbol: str, await_archive: AwaitArchive) -> None:
    """NEW; TRIGGERED while what it became is open; FINISHED; CANCELED; EXPIRED."""
    venue, other = trader.venue, OrderTrader(trader.venue)
    other.place(symbol, "SELL", "104", "1")
    watch = {"workingType": "MARK_PRICE"}
    waiting = place(trader, symbol, triggerPrice="150", **watch)["algoId"]
    canceled = place(trader, symbol, **watch)["algoId"]
    trader.cancel(symbol, canceled)
    bought = place(trader, symbol, **watch)["algoId"]
    rests = place(trader, symbol, type="STOP", price="95", **watch)["algoId"]
    poor = OrderTrader(venue, 0, funds="1")
    refused = place(poor, symbol, **watch)["algoId"]
    trader.place(symbol, "BUY", "104", "1")  # takes the offer: what fires next finds none
    other.place(symbol, "SELL", "104.5", "1")
    fire(trader, symbol, "121")
    closes = place(trader, symbol, "SELL", quantity="", triggerPrice="50", closePosition="true")["algoId"]
    trader.place(symbol, "SELL", "104.5", "2")
    other.place(symbol, "BUY", "104.5", "2")  # the position is closed
    await_archive()

    found = {number: trader.get("/algoOrder", algoId=number) for number in (waiting, canceled, bought, rests, closes)}
    statuses = {number: order["algoStatus"] for number, order in found.items()}
    assert statuses == {
        waiting: "NEW",
        canceled: "CANCELED",
        bought: "FINISHED",
        rests: "TRIGGERED",
        closes: "EXPIRED",
    }
    assert poor.get("/algoOrder", algoId=refused)["algoStatus"] == "FINISHED"
    for number, order in found.items():
        fired = number in (bought, rests)
        assert order["actualOrderId"] == (str(number) if fired else "")
        assert (order["triggerTime"] > 0) is fired
    assert found[bought]["actualPrice"] == "104.5" and found[rests]["actualPrice"] == "0"
    assert found[bought]["orderType"] == "STOP_MARKET"
    # where the actual order is looked for
    assert trader.get("/order", symbol=symbol, orderId=found[bought]["actualOrderId"])["status"] == "FILLED"
    waiting_ones = trader.get("/openAlgoOrders", symbol=symbol)
    assert [order["algoId"] for order in waiting_ones] == [waiting]
    everything = trader.get("/allAlgoOrders", symbol=symbol)
    assert everything == list(found.values())
    assert trader.call("DELETE", "/v1/algoOpenOrders", symbol=symbol).ok() == DONE
    assert trader.get("/algoOrder", algoId=waiting)["algoStatus"] == "CANCELED"
    assert trader.get("/algoOrder", algoId=rests)["algoStatus"] == "TRIGGERED"
    assert trader.call("DELETE", "/v1/algoOrder", algoId=rests).ok()["algoId"] == rests
    assert trader.get("/algoOrder", algoId=rests)["algoStatus"] == "FINISHED"


def test_lists(venue: Venue, trader: OrderTrader, symbol: str) -> None:
    elsewhere = list_contract(venue, 0)
    trader.place(elsewhere, "BUY", "90", "1")
    placed = [place(trader, market)["algoId"] for market in (symbol, elsewhere, symbol, elsewhere, symbol)]
    own = placed[::2]
    everything = trader.get("/openAlgoOrders")
    assert [order["algoId"] for order in everything] == placed
    assert trader.get("/openAlgoOrders", symbol=symbol) == everything[::2]
    assert trader.get("/openAlgoOrders", algoId=placed[1]) == everything[1:2]
    assert trader.get("/openAlgoOrders", algoId=placed[1], symbol=symbol) == []
    trader.cancel(symbol, own[0])
    for limit, place_of_first in itertools.product((1, 2, 500), range(3)):
        listed = trader.get("/allAlgoOrders", symbol=symbol, algoId=own[place_of_first], limit=limit)
        assert [order["algoId"] for order in listed] == own[place_of_first:][:limit]
        assert [o["algoId"] for o in trader.get("/allAlgoOrders", symbol=symbol, limit=limit)] == own[-limit:]
        first = trader.get("/allAlgoOrders", symbol=symbol, limit=limit, startTime=0)
        assert [order["algoId"] for order in first] == own[:limit]
    assert trader.call("GET", "/v1/allAlgoOrders").brief() == "400 -1102"
    for query, code in (("limit=1001", -1130), ("startTime=2&endTime=1", -1023), ("algoId=x", -1102)):
        assert trader.send("GET", "/v1/allAlgoOrders", f"symbol={symbol}&{query}").brief() == f"400 {code}"
    assert trader.call("GET", "/v1/openAlgoOrders", symbol="NONE").brief() == "400 -1121"
    assert trader.call("GET", "/v1/openAlgoOrders", algoId="x").brief() == "400 -1102"


def test_canceling_all_waiting_ones(venue: Venue, trader: OrderTrader, symbol: str) -> None:
    elsewhere = list_contract(venue, 0)
    limit = trader.place(symbol, "BUY", "90", "1")["orderId"]
    kept = place(trader, elsewhere)["algoId"]
    gone = [place(trader, symbol)["algoId"] for _ in range(3)]
    assert trader.call("DELETE", "/v1/algoOpenOrders").brief() == "400 -1102"
    assert trader.call("DELETE", "/v1/algoOpenOrders", symbol="NONE").brief() == "400 -1121"
    for _ in range(2):
        assert trader.call("DELETE", "/v1/algoOpenOrders", symbol=symbol).ok() == DONE
    assert {trader.get("/algoOrder", algoId=number)["algoStatus"] for number in gone} == {"CANCELED"}
    assert [order["orderId"] for order in trader.get("/openOrders")] == [limit, kept]


# Which of them a call is about: by algoId or clientAlgoId, of this account, with a symbol or without one


def test_only_what_was_born_as_a_trigger(trader: OrderTrader, symbol: str, await_archive: AwaitArchive) -> None:
    limit = trader.place(symbol, "BUY", "90", "1", newClientOrderId="limit")["orderId"]
    ended = trader.place(symbol, "BUY", "91", "1")["orderId"]
    trader.cancel(symbol, ended)
    # the client id of a trigger, used again for another kind of order
    shared = place(trader, symbol, clientAlgoId="shared")["algoId"]
    trader.cancel(symbol, shared)
    trader.place(symbol, "BUY", "92", "1", newClientOrderId="shared")
    await_archive()
    for name in ({"algoId": limit}, {"algoId": ended}, {"clientAlgoId": "limit"}):
        assert trader.call("GET", "/v1/algoOrder", **name).brief() == UNKNOWN
        assert trader.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
    assert trader.get("/algoOrder", clientAlgoId="shared")["algoId"] == shared
    assert trader.get("/algoOrder", clientAlgoId="shared", symbol=symbol)["algoId"] == shared
    assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="shared").brief() == "400 -2011"
    assert len(trader.get("/openOrders", symbol=symbol)) == 2
    assert [order["algoId"] for order in trader.get("/allAlgoOrders", symbol=symbol)] == [shared]
    assert trader.get("/openAlgoOrders", symbol=symbol) == []


def test_whose_and_where(venue: Venue, trader: OrderTrader, symbol: str) -> None:
    other, elsewhere = OrderTrader(venue), list_contract(venue, 0)
    number = place(trader, symbol, clientAlgoId="mine")["algoId"]
    for name in ({"algoId": number}, {"clientAlgoId": "mine"}):
        assert other.call("GET", "/v1/algoOrder", **name).brief() == UNKNOWN
        assert other.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
        assert trader.call("GET", "/v1/algoOrder", **name, symbol=elsewhere).brief() == UNKNOWN
        assert trader.call("DELETE", "/v1/algoOrder", **name, symbol=elsewhere).brief() == "400 -2011"
    for name in ({"algoId": number | 1 << 39}, {"algoId": 0}, {"algoId": 2**63 - 1}, {"clientAlgoId": "a b"}):
        assert trader.call("GET", "/v1/algoOrder", **name).brief() == UNKNOWN
        assert trader.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
    for method in ("GET", "DELETE"):
        assert trader.call(method, "/v1/algoOrder").brief() == "400 -1102"
        assert trader.call(method, "/v1/algoOrder", algoId="x").brief() == "400 -1102"
        assert trader.call(method, "/v1/algoOrder", algoId=number, symbol="NONE").brief() == "400 -1121"
    assert other.get("/openAlgoOrders") == other.get("/allAlgoOrders", symbol=symbol) == []
    assert other.call("DELETE", "/v1/algoOpenOrders", symbol=symbol).ok() == DONE
    assert trader.get("/algoOrder", algoId=number)["algoStatus"] == "NEW"


def test_a_client_id_on_several_markets(
    venue: Venue, trader: OrderTrader, symbol: str, await_archive: AwaitArchive
) -> None:
    """The latest wins: of the open ones, else of all."""
    symbols = [symbol, list_contract(venue, 0), list_contract(venue, venue.shard_count // 2)]
    for market in symbols[1:]:
        set_mark(venue, market, "100")
    placed = [place(trader, market, clientAlgoId="twice")["algoId"] for market in symbols]

    def named() -> int:
        number: int = trader.get("/algoOrder", clientAlgoId="twice")["algoId"]
        return number

    assert named() == placed[2]
    for market, number in zip(symbols, placed, strict=True):
        assert trader.get("/algoOrder", clientAlgoId="twice", symbol=market)["algoId"] == number
    for left in (placed[:2], placed[:1], []):
        assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="twice").ok()["algoId"] == placed[len(left)]
        await_archive()
        assert named() == (left or placed)[-1]
    assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="twice").brief() == "400 -2011"
