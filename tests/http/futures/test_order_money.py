"""What futures orders hold and give back, and those that hold nothing: they only reduce."""

from decimal import ROUND_CEILING, Decimal

from tests.http.futures.actor import Actor, trade
from tests.http.futures.trader import set_mark
from tests.http.venue import Venue

MICRO = Decimal("0.000001")


def test_hold_after_a_fill_in_part(own: Actor, other: Actor, symbol: str) -> None:
    placed = own.place(symbol, "BUY", "99.9", "1")
    other.place(symbol, "SELL", "99.9", "0.333")
    hold = (Decimal("99.9") * Decimal("0.667") / 20).quantize(MICRO, ROUND_CEILING)
    margin = (Decimal("99.9") * Decimal("0.333") / 20).quantize(MICRO, ROUND_CEILING)
    fee = (Decimal("99.9") * Decimal("0.333") * 2 / 10_000).quantize(MICRO, ROUND_CEILING)
    assert own.held() == hold
    assert own.available() == 1_000_000 - fee - margin - hold
    canceled = own.cancel(symbol, placed["orderId"])
    assert (canceled["executedQty"], canceled["cumQuote"]) == ("0.333", "33.2667")
    assert own.held() == 0
    assert own.available() == 1_000_000 - fee - margin


def test_what_holds_nothing(own: Actor, other: Actor, symbol: str) -> None:
    """Waiting triggers, and orders that only reduce."""
    trade(own, other, symbol, "BUY", "100", "1")
    before = own.available()
    own.stop(symbol, "SELL", "50", "100")
    own.trigger(symbol, "BUY", "STOP", stopPrice="200", price="200", quantity="100")
    own.place(symbol, "SELL", "200", "1", reduceOnly="true")
    assert (own.available(), own.held()) == (before, 0)


def test_reduce_only(own: Actor, other: Actor, symbol: str) -> None:
    trade(own, other, symbol, "BUY", "100", "1.5")
    clamped = own.place(symbol, "SELL", "110", "5", reduceOnly="True", newClientOrderId="clamped")
    assert (clamped["origQty"], clamped["reduceOnly"], clamped["status"]) == ("1.5", True, "NEW")
    again = own.place(symbol, "SELL", "110", "5", reduceOnly="true", newClientOrderId="clamped")
    assert again == clamped
    other.place(symbol, "BUY", "105", "1")
    sold = own.place(symbol, "SELL", None, "5", reduceOnly="true")
    assert (sold["origQty"], sold["executedQty"], sold["status"]) == ("1.5", "1", "EXPIRED")
    other.place(symbol, "BUY", "110", "5")
    assert own.order(symbol, clamped["orderId"])["executedQty"] == "0.5"
    assert own.position(symbol) == ""
    # a small one is as good as any
    trade(own, other, symbol, "BUY", "110", "0.1")
    other.place(symbol, "BUY", "110", "0.1")
    assert own.place(symbol, "SELL", "109.5", "0.001", reduceOnly="true")["status"] == "FILLED"


def test_close_position(venue: Venue, own: Actor, other: Actor, symbol: str) -> None:
    """However large it has become; and what it was for ends with it."""
    terms = {"stopPrice": "90", "closePosition": "true", "workingType": "MARK_PRICE", "newClientOrderId": "closing"}
    closing = own.trigger(symbol, "SELL", "STOP_MARKET", **terms)
    trade(own, other, symbol, "BUY", "100", "1")
    trade(own, other, symbol, "BUY", "100", "2")
    assert own.trigger(symbol, "SELL", "STOP_MARKET", **terms) == closing
    profit = own.trigger(symbol, "SELL", "TAKE_PROFIT_MARKET", stopPrice="120", closePosition="true")
    other.place(symbol, "BUY", "95", "10")
    set_mark(venue, symbol, "90")
    closed = own.order(symbol, closing["orderId"])
    assert (closed["status"], closed["type"], closed["origType"]) == ("FILLED", "MARKET", "STOP_MARKET")
    assert (closed["origQty"], closed["executedQty"], closed["avgPrice"]) == ("0", "3", "95")
    assert closed["triggerTime"] > closing["time"]
    assert own.status(symbol, profit["orderId"]) == "EXPIRED"
    assert own.try_cancel(symbol, profit["orderId"]).brief() == "400 -2032"
    assert own.try_cancel(symbol, closing["orderId"]).brief() == "400 -2030"
