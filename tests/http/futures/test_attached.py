"""Take-profits and stop-losses: attached at once or later, for what their parent has filled."""

from tests.http.futures.actor import ORDER, TRIGGER, Actor
from tests.http.futures.trader import set_mark
from tests.http.venue import Venue


def test_take_profit_and_stop_loss(own: Actor, symbol: str) -> None:
    placed = own.place(symbol, "BUY", "100", "2", takeProfitPrice="120", stopLossPrice="80", slWorkingType="MARK_PRICE")
    assert list(placed) == [*ORDER, "takeProfitOrderId", "stopLossOrderId"]
    assert own.open(symbol) == [placed[name] for name in ("orderId", "takeProfitOrderId", "stopLossOrderId")]
    for name, kind, price, watched in (
        ("takeProfitOrderId", "TAKE_PROFIT_MARKET", "120", "CONTRACT_PRICE"),
        ("stopLossOrderId", "STOP_MARKET", "80", "MARK_PRICE"),
    ):
        child = own.order(symbol, placed[name])
        assert list(child) == [*TRIGGER, "parentOrderId"]
        assert (child["type"], child["stopPrice"], child["workingType"]) == (kind, price, watched)
        assert (child["side"], child["origQty"], child["reduceOnly"]) == ("SELL", "2", True)
        assert child["parentOrderId"] == placed["orderId"]


def test_parent(own: Actor, symbol: str) -> None:
    """A trigger attached later takes the parent's quantity, and only reduces, whatever was sent."""
    parent = own.place(symbol, "SELL", "100", "3")["orderId"]
    terms = {"stopPrice": "120", "parentOrderId": parent, "reduceOnly": "false", "newClientOrderId": "child"}
    child = own.trigger(symbol, "BUY", "STOP_MARKET", **terms)
    assert (child["origQty"], child["reduceOnly"], child["parentOrderId"]) == ("3", True, parent)
    assert own.trigger(symbol, "BUY", "STOP_MARKET", **terms) == child
    smaller = own.trigger(symbol, "BUY", "TAKE_PROFIT", stopPrice="80", price="81", parentOrderId=parent, quantity="1")
    assert (smaller["origQty"], smaller["price"]) == ("1", "81")
    own.cancel(symbol, parent)
    assert own.open(symbol) == []


def test_a_child_fires(venue: Venue, own: Actor, other: Actor, symbol: str) -> None:
    """For what the parent has filled; the rest of the parent ends with it."""
    placed = own.place(symbol, "BUY", "100", "2", takeProfitPrice="120", stopLossPrice="80")
    other.place(symbol, "SELL", "100", "0.5")
    set_mark(venue, symbol, "119")
    other.place(symbol, "BUY", "119", "5")  # takes the last price nowhere
    third = Actor(venue, None)
    third.place(symbol, "SELL", "120", "1")
    other.place(symbol, "BUY", "120", "1")
    fired = own.order(symbol, placed["takeProfitOrderId"])
    assert (fired["status"], fired["type"], fired["executedQty"], fired["avgPrice"]) == (
        "FILLED",
        "MARKET",
        "0.5",
        "119",
    )
    assert own.status(symbol, placed["orderId"]) == "EXPIRED"
    assert own.status(symbol, placed["stopLossOrderId"]) == "EXPIRED"
    assert own.try_cancel(symbol, placed["stopLossOrderId"]).brief() == "400 -2032"
    assert own.position(symbol) == ""
