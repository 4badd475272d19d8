"""Several orders in one request: placed each for itself, canceled in one step."""

import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests.http.futures.actor import CANCEL_RESULT, ORDER, Actor, new_order
from tests.http.futures.caller import Answer, Json, now_ms
from tests.http.futures.order_trader import wait_archived
from tests.http.futures.trader import list_contract
from tests.http.venue import Venue

UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}


def brief(element: Json) -> str:
    """Its status, or its code."""
    return str(element.get("status") or element["code"])


# Placing


def test_place(own: Actor, symbol: str) -> None:
    told = own.place_batch(*(new_order(symbol, "BUY", str(100 + n), "1", newClientOrderId=f"b{n}") for n in range(5)))
    placed = told.ok()
    assert [order["price"] for order in placed] == ["100", "101", "102", "103", "104"]
    assert all(list(order) == ORDER for order in placed)
    assert [order["orderId"] for order in placed] == own.open(symbol)
    assert placed == own.get("/openOrders", symbol=symbol)


def test_elements_are_independent(venue: Venue, symbol: str) -> None:
    """What is wrong with one, in web or in the engine, is its own answer."""
    own = Actor(venue, 0, "1000")
    elsewhere = list_contract(venue)
    good = new_order(symbol, "BUY", "100", "1")
    for bad, code in (
        ({}, -1102),
        ("x", -1102),
        ([good], -1102),
        ({**good, "symbol": "NONE"}, -1121),
        ({**good, "side": "buy"}, -1117),
        ({**good, "Price": "100"}, -1101),
        ({**good, "price": 100.05}, -1013),
        ({**good, "quantity": "0.01"}, -1013),
        ({**good, "quantity": 50_000}, -2019),
        ({**good, "reduceOnly": True}, -2022),
    ):
        told = own.place_batch(good, bad, {**good, "symbol": elsewhere}).ok()
        assert [brief(element) for element in told] == ["NEW", str(code), "NEW"], bad
        assert list(told[1]) == ["code", "msg"]
        assert [element["symbol"] for element in (told[0], told[2])] == [symbol, elsewhere]


def test_in_order(own: Actor, other: Actor, symbol: str) -> None:
    """Each finds what those before it on its market have done, wherever the money is."""
    other.place(symbol, "SELL", "100", "1")
    other.place(symbol, "BUY", "96", "5")
    told = own.place_batch(
        new_order(symbol, "BUY", None, "1"),
        new_order(symbol, "SELL", None, "0.4", reduceOnly="true"),
        new_order(symbol, "SELL", "100.5", "5", reduceOnly="true"),
        new_order(symbol, "BUY", "100.5", "1"),
        new_order(symbol, "BUY", "100", "1", newClientOrderId="x") | {"quantity": 1},
    ).ok()
    assert [brief(element) for element in told] == ["FILLED", "FILLED", "NEW", "NEW", "NEW"]
    assert told[2]["origQty"] == "0.6"
    assert own.status(symbol, told[2]["orderId"]) == "EXPIRED"  # the newest intention wins
    again = own.place_batch(*[new_order(symbol, "BUY", "100", "1", newClientOrderId="x")] * 3).ok()
    assert again == 3 * [told[4]]


def test_of_several_markets(venue: Venue, own: Actor) -> None:
    symbols = [list_contract(venue, shard) for shard in (*venue.shards, 0)][:5]
    told = own.place_batch(*(new_order(symbol, "BUY", "100", "1") for symbol in symbols)).ok()
    assert [element["symbol"] for element in told] == symbols
    assert own.held() == 5 * len(symbols)


@pytest.mark.parametrize("where", ["query", "plus", "form", "raw form", "json", "json text"])
def test_spellings(own: Actor, symbol: str, where: str) -> None:
    orders = [
        {**new_order(symbol, "BUY", "100.0", "0.2"), "reduceOnly": "FALSE"},
        {**new_order(symbol, "SELL", None, "1"), "type": "STOP_MARKET", "stopPrice": 50, "reduceOnly": True},
    ]
    compact, spaced = json.dumps(orders, separators=(",", ":")), json.dumps(orders)
    time = f"timestamp={now_ms()}"
    query, body = {
        "query": (f"batchOrders={quote(compact, safe='')}&{time}", ""),
        "plus": (f"batchOrders={quote_plus(spaced)}&{time}", ""),
        "form": ("", urlencode({"batchOrders": spaced}) + f"&{time}"),
        "raw form": ("", f"batchOrders={compact}&{time}"),
        "json": (time, json.dumps({"batchOrders": orders})),
        "json text": (time, json.dumps({"batchorders": spaced})),
    }[where]
    signature = own.caller.sign(query + body)
    if query:
        query += f"&signature={signature}"
    else:
        body += f"&signature={signature}"
    told = own.caller.send("POST", "/v1/batchOrders", query, body.encode()).ok()
    assert [(order["type"], order["reduceOnly"]) for order in told] == [("LIMIT", False), ("STOP_MARKET", True)]


# Canceling


def test_cancel(own: Actor, other: Actor, symbol: str) -> None:
    """One element for each id, in the order asked: canceled now, or as it has ended before."""
    first, second = (own.place(symbol, "BUY", price, "1")["orderId"] for price in ("99", "98"))
    part = own.place(symbol, "BUY", "100", "2")["orderId"]
    other.place(symbol, "SELL", "100", "1")
    filled = own.place(symbol, "SELL", "105", "1")["orderId"]
    other.place(symbol, "BUY", "105", "1")
    gone = own.stop(symbol, "SELL", "50", "1")["orderId"]
    own.cancel(symbol, gone)
    expired = own.place(symbol, "BUY", "90", "1", timeInForce="IOC")["orderId"]
    waiting = own.trigger(symbol, "BUY", "TRAILING_STOP_MARKET", callbackRate="1", quantity="1")["orderId"]
    foreign = other.place(symbol, "SELL", "300", "1")["orderId"]
    foreign_trigger = other.stop(symbol, "SELL", "50", "1")["orderId"]
    requested = [second, filled, first, foreign, waiting, gone, foreign_trigger, expired, part, second]
    states = "CANCELED FILLED CANCELED -2011 CANCELED CANCELED -2033 EXPIRED CANCELED CANCELED".split()
    told = own.cancel_batch(symbol, *requested)
    assert [brief(element) for element in told] == states
    for number, element in zip(requested, told, strict=True):
        if "code" in element:
            assert list(element) == ["code", "msg"]
            continue
        assert element["orderId"] == number
        assert [name for name in element if name not in ("activatePrice", "priceRate")] == CANCEL_RESULT
    assert "priceRate" in told[4] and told[8]["executedQty"] == "1"
    assert own.open(symbol) == [] and own.held() == 0
    assert other.open(symbol) == [foreign, foreign_trigger]
    assert own.cancel_batch(symbol, *requested) == told
    wait_archived(own.venue)
    assert own.cancel_batch(symbol, *requested) == told


def test_cancel_by_client_id(own: Actor, other: Actor, symbol: str) -> None:
    for name in ("a.b:c/d", "b", "12"):
        own.place(symbol, "BUY", "100", "1", newClientOrderId=name)
    other.place(symbol, "BUY", "90", "1", newClientOrderId="theirs")
    other.place(symbol, "SELL", "100", "1")  # a.b:c/d is filled
    query = {"symbol": symbol, "origClientOrderIdList": json.dumps(["b", "theirs", "a.b:c/d", "?", "12", "b"])}
    told = own.call("DELETE", "/v1/batchOrders", **query).ok()
    assert [brief(element) for element in told] == ["CANCELED", "-2011", "FILLED", "-2011", "CANCELED", "CANCELED"]
    assert [told[n]["clientOrderId"] for n in (0, 2, 4, 5)] == ["b", "a.b:c/d", "12", "b"]
    wait_archived(own.venue)
    assert own.call("DELETE", "/v1/batchOrders", **query).ok() == told
    assert own.open(symbol) == [] and len(other.open(symbol)) == 1


def test_nothing_that_can_be_an_order(venue: Venue, own: Actor, symbol: str) -> None:
    """Made-up ids, those of another market, texts: each is unknown, and the others are canceled."""
    elsewhere = list_contract(venue)
    there = own.place(elsewhere, "BUY", "100", "1")["orderId"]
    here = own.place(symbol, "BUY", "100", "1")["orderId"]
    requested = ["order_id_1", 0, there, 2**63 - 1, str(here), here + 1_000]
    told = own.call("DELETE", "/v1/batchOrders", symbol=symbol, orderIdList=json.dumps(requested)).ok()
    assert [told[n] for n in (0, 1, 2, 3, 5)] == 5 * [UNKNOWN]
    assert (told[4]["orderId"], told[4]["status"]) == (here, "CANCELED")
    assert own.call("DELETE", "/v1/batchOrders", symbol=symbol, orderIdList='["x"]').ok() == [UNKNOWN]
    assert own.open(elsewhere) == [there]


def test_cascade(own: Actor, symbol: str) -> None:
    """Children go with their parent, before or after it in the list; each shows so."""
    placed = [own.place(symbol, "BUY", "100", "1", takeProfitPrice="150", stopLossPrice="50") for _ in range(2)]
    (parent, profit, loss), (second, second_profit, _) = (
        [order[name] for name in ("orderId", "takeProfitOrderId", "stopLossOrderId")] for order in placed
    )
    told = own.cancel_batch(symbol, parent, profit, loss, second_profit, second)
    assert [brief(element) for element in told] == 5 * ["CANCELED"]
    assert own.open(symbol) == [] and own.held() == 0


LISTS: dict[str, Any] = {
    "raw": lambda ids: f"orderIdList=[{','.join(map(str, ids))}]",
    "texts": lambda ids: "orderIdList=" + json.dumps([str(number) for number in ids], separators=(",", ":")),
    "escaped": lambda ids: "orderIdList=" + quote(json.dumps([str(number) for number in ids]), safe=""),
    "lower escapes": lambda ids: "orderIdList=" + quote(json.dumps(ids), safe="").replace("%5B", "%5b"),
    "plus": lambda ids: "orderIdList=" + quote_plus(json.dumps(ids)),
    "lower case name": lambda ids: f"orderidlist=[{','.join(map(str, ids))}]",
    "repeated": lambda ids: "&".join(f"orderIdList={number}" for number in ids),
}


@pytest.mark.parametrize("spelling", LISTS)
@pytest.mark.parametrize("where", ["query", "form"])
def test_list_spellings(venue: Venue, own: Actor, spelling: str, where: str) -> None:
    symbol = list_contract(venue)
    ids = [own.place(symbol, "BUY", "100", "1")["orderId"] for _ in range(2)]
    told = send_cancel(own, f"symbol={symbol}&{LISTS[spelling](ids)}", where).ok()
    assert [(element["orderId"], element["status"]) for element in told] == [(number, "CANCELED") for number in ids]


def test_one_bare_number_and_a_json_body(venue: Venue, own: Actor) -> None:
    symbol = list_contract(venue)
    first, second, third = (own.place(symbol, "BUY", "100", "1")["orderId"] for _ in range(3))
    assert send_cancel(own, f"symbol={symbol}&orderIdList={first}", "query").ok()[0]["orderId"] == first
    body = json.dumps({"symbol": symbol, "orderIdList": [second, str(third)]})
    query = f"timestamp={now_ms()}"
    signed = own.caller.signed(query, body)
    told = own.caller.send("DELETE", "/v1/batchOrders", signed, body.encode()).ok()
    assert [element["orderId"] for element in told] == [second, third]


def send_cancel(own: Actor, text: str, where: str) -> Answer:
    signed = own.caller.signed(f"{text}&timestamp={now_ms()}")
    query, body = (signed, b"") if where == "query" else ("", signed.encode())
    return own.caller.send("DELETE", "/v1/batchOrders", query, body)
