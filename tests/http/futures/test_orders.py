"""Placing futures orders: what each kind answers, and where its parameters may stand."""

from typing import Any

import pytest

from shards.model.commands import Place
from shards.model.reasons import RejectReason
from tests.http.futures.actor import CANCEL_RESULT, ORDER, TRIGGER, Actor, new_order, trade
from tests.http.futures.caller import now_ms
from tests.http.futures.site import BTC, Site
from tests.http.futures.trader import list_contract
from tests.http.venue import Venue

REGULAR: dict[str, Any] = {
    "clientOrderId": "id-1",
    "cumQty": "0",
    "cumQuote": "0",
    "executedQty": "0",
    "origQty": "1.5",
    "reduceOnly": False,
    "positionSide": "BOTH",
    "status": "NEW",
    "stopPrice": "0",
    "closePosition": False,
    "timeInForce": "GTC",
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "avgPrice": "0",
}
KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "LIMIT", "price": "100.0", "quantity": "1.5"}, {"type": "LIMIT", "price": "100"}),
    (
        {"type": "LIMIT", "price": "1e2", "quantity": "1.500", "timeInForce": "GTX", "side": "SELL", "stopPrice": "0"},
        {"type": "LIMIT", "price": "100", "timeInForce": "GTX", "side": "SELL"},
    ),
    (
        {"type": "STOP", "price": "199.9", "stopPrice": "200", "quantity": "1.5", "timeInForce": "IOC"},
        {"type": "STOP", "price": "199.9", "stopPrice": "200", "timeInForce": "IOC"},
    ),
    (
        {"type": "STOP_LIMIT", "price": "199.9", "triggerPrice": "200", "quantity": "1.5", "timeInForce": "FOK"},
        {"type": "STOP", "price": "199.9", "stopPrice": "200", "timeInForce": "FOK"},
    ),
    (
        {"type": "TAKE_PROFIT_LIMIT", "price": "50", "stopPrice": "51", "triggerPrice": "5.1e1", "quantity": "1.5"},
        {"type": "TAKE_PROFIT", "price": "50", "stopPrice": "51"},
    ),
    (
        {"type": "STOP_MARKET", "stopPrice": "200", "quantity": "1.5", "timeInForce": "FOK", "price": "0"},
        {"type": "STOP_MARKET", "price": "0", "stopPrice": "200"},
    ),
    (
        {"type": "TAKE_PROFIT_MARKET", "stopPrice": "51", "quantity": "1.5", "workingType": "MARK_PRICE"},
        {"type": "TAKE_PROFIT_MARKET", "price": "0", "stopPrice": "51", "workingType": "MARK_PRICE"},
    ),
    (
        {"type": "STOP_MARKET", "stopPrice": "200", "closePosition": "True", "priceProtect": "TRUE"},
        {
            "type": "STOP_MARKET",
            "price": "0",
            "stopPrice": "200",
            "origQty": "0",
            "closePosition": True,
            "reduceOnly": True,
            "priceProtect": True,
        },
    ),
    (
        {"type": "TRAILING_STOP_MARKET", "callbackRate": "0.30", "activatePrice": "90.2", "quantity": "1.5"},
        {"type": "TRAILING_STOP_MARKET", "price": "0", "activatePrice": "90.2", "priceRate": "0.3"},
    ),
    (
        {"type": "TRAILING_STOP_MARKET", "callbackRate": "10", "activationPrice": "90", "quantity": "1.5"}
        | {"reduceOnly": "false", "selfTradePreventionMode": "NONE", "priceMatch": "NONE", "newOrderRespType": "ACK"},
        {"type": "TRAILING_STOP_MARKET", "price": "0", "activatePrice": "90", "priceRate": "10"},
    ),
]


@pytest.mark.parametrize(("requested", "shown"), KINDS)
def test_order_object(venue: Venue, own: Actor, other: Actor, requested: dict[str, Any], shown: dict[str, Any]) -> None:
    symbol = list_contract(venue)
    trade(own, other, symbol, "BUY", "100", "1")  # so that there is a price
    query = {"symbol": symbol, "side": "BUY", "newClientOrderId": "id-1", **requested}
    before_ms = now_ms()
    placed = own.call("POST", "/v1/order", **query).ok()
    expected = {**REGULAR, "side": "BUY", "symbol": symbol, "origType": shown["type"], **shown}
    told = dict(placed)
    number, time, update_time = (told.pop(name) for name in ("orderId", "time", "updateTime"))
    assert type(number) is int and number < 2**53
    assert before_ms <= time == update_time <= now_ms()
    assert told.pop("triggerTime", 0) == 0
    assert told == expected
    assert own.order(symbol, number) == placed
    fields = ORDER if shown["type"] == "LIMIT" else TRIGGER
    if shown["type"] == "TRAILING_STOP_MARKET":
        place = fields.index("updateTime")
        fields = [*fields[:place], "activatePrice", "priceRate", *fields[place:]]
    assert list(placed) == fields
    canceled = own.cancel(symbol, number)
    assert list(canceled) == [
        name for name in fields if name in CANCEL_RESULT or name in ("activatePrice", "priceRate")
    ]
    assert {**canceled, "status": "NEW", "updateTime": update_time} == {name: placed[name] for name in canceled}


def test_fills(own: Actor, other: Actor, symbol: str) -> None:
    """The answer shows the state after matching."""
    other.place(symbol, "SELL", "100", "1")
    other.place(symbol, "SELL", "100.1", "2")
    bought = own.place(symbol, "BUY", "101", "2.5", newOrderRespType="ACK")
    assert (bought["status"], bought["executedQty"], bought["cumQuote"]) == ("FILLED", "2.5", "250.15")
    assert (bought["avgPrice"], bought["price"], bought["timeInForce"]) == ("100.06", "101", "GTC")
    rested = own.place(symbol, "BUY", "100.1", "1")
    assert (rested["status"], rested["executedQty"], rested["avgPrice"]) == ("PARTIALLY_FILLED", "0.5", "100.1")
    swept = own.place(symbol, "SELL", None, "1", timeInForce="", stopPrice="0.0", callbackRate="")
    assert (swept["status"], swept["type"], swept["price"]) == ("EXPIRED", "MARKET", "0")  # its own bid is all there is
    assert (swept["timeInForce"], swept["executedQty"], swept["avgPrice"]) == ("GTC", "0", "0")
    assert own.status(symbol, rested["orderId"]) == "EXPIRED"
    assert own.open(symbol) == []


def test_times_in_force(own: Actor, other: Actor, symbol: str) -> None:
    other.place(symbol, "SELL", "100", "1")
    assert own.place(symbol, "BUY", "100", "1", timeInForce="FOK")["status"] == "FILLED"
    other.place(symbol, "SELL", "100", "1")
    part = own.place(symbol, "BUY", "100", "2", timeInForce="IOC")
    assert (part["status"], part["executedQty"], part["timeInForce"]) == ("EXPIRED", "1", "IOC")
    assert own.place(symbol, "BUY", "100", "1", timeInForce="GTX")["status"] == "NEW"


def test_in_a_body(own: Actor, symbol: str) -> None:
    """A form, and JSON with real values; either with the signature in the query."""
    terms = f"symbol={symbol}&side=BUY&type=LIMIT&price=100&quantity=1&timestamp={now_ms()}"
    form = own.caller.signed(terms).encode()
    assert own.caller.send("POST", "/v1/order", "", form).ok()["price"] == "100"
    query = f"timestamp={now_ms()}"
    terms = '"side":"SELL","type":"STOP","price":90,"stopPrice":91.0,"quantity":1e-1,"reduceOnly":true'
    body = f'{{"symbol":"{symbol}",{terms}}}'
    signed = own.caller.signed(query, body)
    placed = own.caller.send("POST", "/v1/order", signed, body.encode()).ok()
    assert (placed["stopPrice"], placed["origQty"], placed["reduceOnly"]) == ("91", "0.1", True)
    assert own.caller.send("POST", "/v1/order", signed, body.replace("91", "92").encode()).brief() == "400 -1022"


def test_order_count(own: Actor, symbol: str) -> None:
    """Every answer that counted orders says so; cancels never do."""
    header = "X-MBX-ORDER-COUNT-1M"
    placed = own.try_place(symbol, "BUY", "100", "1")
    assert placed.headers[header] is not None
    assert own.try_place(symbol, "BUY", "0", "1").headers[header] is not None
    assert own.modify(symbol, placed.json["orderId"], price="101").headers[header] is not None
    assert own.place_batch(new_order(symbol, "BUY", "100", "1")).headers[header] is not None
    assert own.try_cancel(symbol, placed.json["orderId"]).headers[header] is None


def test_the_window_goes_along(site: Site) -> None:
    """The engine remembers a signed request for as long as it is taken, also each order of a batch."""
    site.client.refusal = RejectReason.BUSY
    terms = f"symbol={BTC.symbol}&side=BUY&type=LIMIT&price=100&quantity=1"
    batch = '[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1"}]'
    for path, query in (("/v1/order", terms), ("/v1/batchOrders", f"batchOrders={batch}")):
        for more, window_ms in (("", 5_000), ("&recvWindow=60000", 60_000)):
            assert site.own.call("POST", path, query + more).brief() == "503 -1008"
            command = site.client.messages[-1]
            assert isinstance(command, Place) and command.order.window_ms == window_ms
            assert abs(now_ms() - command.order.signed_ms) < 5_000


def test_what_a_kind_of_order_does_not_take(own: Actor, symbol: str) -> None:
    """Each way to place: nothing is placed by what was meant as another kind of order, or at another price."""
    market = new_order(symbol, "BUY", None, "1")
    triggers = [
        {**market, "type": kind, **terms}
        for kind, terms in (
            ("STOP_MARKET", {"stopPrice": "200", "callbackRate": "1"}),
            ("STOP_MARKET", {"stopPrice": "200", "price": "90"}),
            ("TAKE_PROFIT_MARKET", {"stopPrice": "80", "price": "0.1"}),
            ("TRAILING_STOP_MARKET", {"callbackRate": "1", "price": "90"}),
            ("STOP_MARKET", {"stopPrice": "200", "triggerPrice": "200.1"}),
            ("STOP", {"price": "200", "triggerPrice": "0", "stopPrice": "200"}),
            ("TRAILING_STOP_MARKET", {"callbackRate": "1", "activationPrice": "90", "activatePrice": "91"}),
        )
    ]
    wrong = [
        {**market, "stopPrice": "90"},
        {**market, "price": "90"},
        {**market, "timeInForce": "GTC"},
        new_order(symbol, "BUY", "50", "1", triggerPrice=90),
        new_order(symbol, "SELL", None, "1", callbackRate="1"),
        new_order(symbol, "SELL", "500", "1", activatePrice="0.1"),
        *triggers,
    ]
    good = new_order(symbol, "BUY", "50", "1", stopPrice="0", triggerPrice="", callbackRate="0.00", activatePrice=0)
    assert [own.call("POST", "/v1/order", **order).brief() for order in wrong] == ["400 -1106"] * len(wrong)
    assert [own.call("POST", "/v1/algoOrder", **order, algoType="CONDITIONAL").brief() for order in triggers] == [
        "400 -1106"
    ] * len(triggers)
    batch = own.place_batch(*wrong[3:5], good, *wrong[5:7]).ok()
    assert [each.get("code", each.get("status")) for each in batch] == [-1106, -1106, "NEW", -1106, -1106]
    assert own.open(symbol) == [batch[2]["orderId"]]


def test_closing_with_more_than_any_order_may_have(venue: Venue, own: Actor, other: Actor) -> None:
    """A market order that only reduces gets no more than there is, however much it asks for."""
    symbol = list_contract(venue, max_notional="1000000000000", max_position_notional=10**12)
    trade(own, other, symbol, "BUY", "100", "3")
    other.place(symbol, "BUY", "100", "3")
    assert own.try_place(symbol, "SELL", None, "99999999999999999999").brief() == "400 -1013"
    closed = own.place(symbol, "SELL", None, "99999999999999999999", reduceOnly="true")
    assert (closed["status"], closed["origQty"], closed["executedQty"]) == ("FILLED", "3", "3")
    again = own.try_place(symbol, "SELL", None, "99999999999999999999", reduceOnly="true")
    assert again.brief() == "400 -2022"
