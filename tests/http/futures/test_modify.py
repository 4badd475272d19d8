"""Modifying futures orders: the id stays, the hold follows, the place in the queue is lost."""

from decimal import Decimal

from tests.exchange import until
from tests.http.futures.actor import Actor, trade
from tests.http.futures.caller import Answer, Json
from tests.http.futures.trader import set_mark


def test_modify(own: Actor, other: Actor, symbol: str) -> None:
    """The id stays, the hold follows; the place in the queue is lost, and what it meets now it trades with."""
    placed = own.place(symbol, "BUY", "100", "2", newClientOrderId="m", takeProfitPrice="150", stopLossPrice="50")
    number = placed["orderId"]
    for changes, price, quantity, hold in (
        ({"price": "110"}, "110", "2", "11"),
        ({"quantity": "1", "side": "BUY"}, "110", "1", "5.5"),
        ({"price": "90.5", "quantity": "4"}, "90.5", "4", "18.1"),
    ):
        changed = own.modify(symbol, number, **changes).ok()
        assert list(changed) == list(placed)
        assert (changed["orderId"], changed["price"], changed["origQty"]) == (number, price, quantity)
        assert changed["time"] == placed["time"] <= changed["updateTime"]
        assert (own.held(), own.available()) == (Decimal(hold), 1_000_000 - Decimal(hold))
        assert own.order(symbol, number) == changed
    by_client_id = own.call("PUT", "/v1/order", symbol=symbol, origClientOrderId="m", price="91").ok()
    assert (by_client_id["orderId"], by_client_id["price"]) == (number, "91")
    other.place(symbol, "SELL", "95", "1")
    part = own.modify(symbol, number, price="95").ok()
    assert (part["status"], part["executedQty"], part["origQty"]) == ("PARTIALLY_FILLED", "1", "4")
    assert own.modify(symbol, number, quantity="1").json["msg"] == "AMOUNT_BELOW_FILLED"
    own.cancel(symbol, number)
    assert own.open(symbol) == [] and own.held() == 0
    assert own.modify(symbol, number, price="96").brief() == "400 -2013"


def test_modify_loses_its_place(own: Actor, other: Actor, symbol: str) -> None:
    first = own.place(symbol, "BUY", "100", "1")["orderId"]
    second = Actor(own.venue, 0)
    behind = second.place(symbol, "BUY", "100", "1")["orderId"]
    own.modify(symbol, first, quantity="1.5").ok()
    other.place(symbol, "SELL", "100", "1")
    assert (second.status(symbol, behind), own.status(symbol, first)) == ("FILLED", "NEW")


def modify_fired(own: Actor, symbol: str, order_id: int) -> Json:
    """Until its margin has come from the account's shard, a trigger that has fired cannot be modified."""
    answers: list[Answer] = []

    def is_moved() -> bool:
        answers.append(own.modify(symbol, order_id, price="84"))
        return answers[-1].brief() != "400 -5025"

    until(is_moved, 10.0, "the fired trigger has its margin")
    return answers[-1].ok()


def test_modify_a_trigger(own: Actor, other: Actor, symbol: str) -> None:
    trade(own, other, symbol, "BUY", "100", "1")
    waiting = own.trigger(symbol, "SELL", "STOP", stopPrice="80", price="79", quantity="1")
    changed = own.modify(symbol, waiting["orderId"], triggerPrice="85", price="84.5", quantity="2").ok()
    assert (changed["stopPrice"], changed["price"], changed["origQty"]) == ("85", "84.5", "2")
    assert (changed["type"], changed["status"], own.held()) == ("STOP", "NEW", 0)
    assert own.modify(symbol, waiting["orderId"], stopPrice="100").brief() == "400 -2021"
    set_mark(own.venue, symbol, "85")
    other.place(symbol, "BUY", "85", "1")
    own.place(symbol, "SELL", "85", "1")  # the last price
    fired = own.order(symbol, waiting["orderId"])
    assert (fired["type"], fired["status"], fired["price"]) == ("LIMIT", "NEW", "84.5")
    moved = modify_fired(own, symbol, waiting["orderId"])
    assert (moved["price"], moved["stopPrice"], moved["origType"]) == ("84", "85", "STOP")
    assert own.modify(symbol, waiting["orderId"], price="84.5", stopPrice="70").brief() == "400 -1106"
