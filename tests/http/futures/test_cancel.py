"""Canceling futures orders: one, all of a market, all after a while; with all that was attached and held."""

from decimal import Decimal

import pytest

from tests.exchange import until
from tests.http.futures.actor import CANCEL_RESULT, Actor, set_status
from tests.http.futures.caller import now_ms
from tests.http.futures.trader import list_contract, set_mark
from tests.http.venue import Venue

COUNTDOWN_S = 5.0  # a loaded machine looks late


# One


def test_cancel(own: Actor, other: Actor, symbol: str) -> None:
    """By either id; the id counts when both are sent, and an empty one is none."""
    placed = own.place(symbol, "BUY", "100", "2", newClientOrderId="one")
    other.place(symbol, "SELL", "100", "0.5")
    before_ms = now_ms()
    canceled = own.call("DELETE", "/v1/order", symbol=symbol, orderId=placed["orderId"], origClientOrderId="x").ok()
    assert list(canceled) == CANCEL_RESULT
    assert before_ms <= canceled.pop("updateTime") <= now_ms()
    filled = {"status": "CANCELED", "executedQty": "0.5", "cumQty": "0.5", "cumQuote": "50"}
    assert canceled == {name: placed[name] for name in canceled} | filled
    own.place(symbol, "BUY", "100", "1", newClientOrderId="two")
    second = own.call("DELETE", "/v1/order", symbol=symbol, orderId="", origClientOrderId="two").ok()
    assert (second["clientOrderId"], second["status"]) == ("two", "CANCELED")


def test_a_client_id_names_the_open_order(own: Actor, symbol: str) -> None:
    """Else the latest, as its refusal shows."""
    assert own.stop(symbol, "SELL", "50", "1", newClientOrderId="same")
    assert own.try_cancel_client_id(symbol, "same").ok()["status"] == "CANCELED"
    assert own.try_cancel_client_id(symbol, "same").brief() == "400 -2031"
    placed = own.place(symbol, "BUY", "100", "1", newClientOrderId="same")
    assert own.try_cancel_client_id(symbol, "same").ok()["orderId"] == placed["orderId"]
    assert own.try_cancel_client_id(symbol, "same").brief() == "400 -2011"


@pytest.mark.parametrize("status", ["halted", "delisted"])
def test_in_every_market(venue: Venue, own: Actor, symbol: str, status: str) -> None:
    placed = own.place(symbol, "BUY", "100", "1", takeProfitPrice="150")
    set_status(venue, symbol, status)
    if status == "halted":
        own.cancel(symbol, placed["orderId"])
    assert own.status(symbol, placed["orderId"]) == "CANCELED"
    assert own.try_cancel(symbol, placed["orderId"]).brief() == "400 -2011"
    assert own.try_cancel(symbol, placed["takeProfitOrderId"]).brief() == "400 -2031"
    own.cancel_all(symbol)
    assert own.available() == 1_000_000


def test_a_fired_trigger_that_rests(venue: Venue, own: Actor, symbol: str) -> None:
    """Is canceled as any order; then it has been triggered."""
    set_mark(venue, symbol, "100")
    waiting = own.trigger(symbol, "BUY", "STOP", stopPrice="110", price="90", quantity="1", workingType="MARK_PRICE")
    assert own.held() == 0
    set_mark(venue, symbol, "110")
    assert own.held() == Decimal("4.5")
    canceled = own.cancel(symbol, waiting["orderId"])
    assert (canceled["type"], canceled["origType"], canceled["stopPrice"]) == ("LIMIT", "STOP", "110")
    assert own.held() == 0
    assert own.try_cancel(symbol, waiting["orderId"]).brief() == "400 -2030"


def test_cascade(own: Actor, other: Actor, symbol: str) -> None:
    """A parent takes its triggers along, filled in part or not; a child goes alone."""
    placed = own.place(symbol, "BUY", "100", "1", takeProfitPrice="150", stopLossPrice="50")
    parent, profit, loss = (placed[name] for name in ("orderId", "takeProfitOrderId", "stopLossOrderId"))
    own.cancel(symbol, profit)
    assert own.open(symbol) == [parent, loss]
    own.cancel(symbol, parent)
    assert own.open(symbol) == []
    assert own.try_cancel(symbol, loss).brief() == "400 -2031"
    filled = own.place(symbol, "BUY", "100", "1", takeProfitPrice="150", stopLossPrice="50")
    other.place(symbol, "SELL", "100", "0.4")
    own.cancel(symbol, filled["orderId"])
    assert own.open(symbol) == [] and own.held() == 0
    assert {own.status(symbol, filled[name]) for name in ("takeProfitOrderId", "stopLossOrderId")} == {"CANCELED"}


def test_a_parent_that_is_filled_hands_its_triggers_over(own: Actor, other: Actor, symbol: str) -> None:
    placed = own.place(symbol, "BUY", "100", "1", takeProfitPrice="150", stopLossPrice="50")
    other.place(symbol, "SELL", "100", "1")
    children = [placed["takeProfitOrderId"], placed["stopLossOrderId"]]
    assert own.try_cancel(symbol, placed["orderId"]).brief() == "400 -2011"
    assert own.open(symbol) == children
    other.place(symbol, "BUY", "100", "1")
    own.place(symbol, "SELL", "100", "1", reduceOnly="true")
    assert own.open(symbol) == []
    assert [own.try_cancel(symbol, child).brief() for child in children] == 2 * ["400 -2032"]


# All


def test_cancel_all(venue: Venue, own: Actor, other: Actor, symbol: str) -> None:
    """Of the caller, on the market: regular orders, children, triggers on the position."""
    own.cancel_all(symbol)
    elsewhere = list_contract(venue)
    kept = [own.place(elsewhere, "BUY", "100", "1")["orderId"]]
    theirs = [other.place(symbol, "SELL", "200", "1")["orderId"]]
    spot = venue.pair()
    own.user.deposit("USDT", "100")
    spot_order = own.user.place(spot, "buy", "1", "10")["id"]
    part = own.place(symbol, "BUY", "100", "2", takeProfitPrice="150")
    other.place(symbol, "SELL", "100", "1")
    position = own.stop(symbol, "SELL", "40", "1", reduceOnly="true")
    closing = own.trigger(symbol, "SELL", "STOP_MARKET", stopPrice="30", closePosition="true")
    own.place(symbol, "SELL", "300", "1")
    assert len(own.open(symbol)) == 5
    own.cancel_all(symbol)
    assert own.open(symbol) == [] and own.open(elsewhere) == kept and other.open(symbol) == theirs
    assert own.held() == 5  # of the order elsewhere
    assert own.user.order(spot_order)["status"] == "open"
    assert own.order(symbol, part["orderId"])["executedQty"] == "1"
    for number in (part["takeProfitOrderId"], position["orderId"], closing["orderId"]):
        assert own.try_cancel(symbol, number).brief() == "400 -2031"
    own.cancel_all(symbol)


def test_cancel_all_of_many(own: Actor, symbol: str) -> None:
    for price in range(50, 90):
        own.place(symbol, "BUY", str(price), "1", stopLossPrice="10")
    assert len(own.open(symbol)) == 80
    own.cancel_all(symbol)
    assert own.open(symbol) == []
    assert (own.held(), own.available()) == (0, 1_000_000)


# All, after a while


def test_countdown(own: Actor, other: Actor, symbol: str) -> None:
    def count_down(milliseconds: int) -> None:
        told = own.call("POST", "/v1/countdownCancelAll", symbol=symbol, countdownTime=milliseconds).ok()
        assert told == {"symbol": symbol, "countdownTime": str(milliseconds)}

    mine = own.place(symbol, "BUY", "100", "1", takeProfitPrice="150")
    theirs = other.place(symbol, "BUY", "100", "1")
    count_down(100)
    until(lambda: own.open(symbol) == [], COUNTDOWN_S, "all is canceled")
    assert own.status(symbol, mine["orderId"]) == "CANCELED"
    assert own.held() == 0 and other.open(symbol) == [theirs["orderId"]]
    again = own.place(symbol, "BUY", "100", "1")["orderId"]
    count_down(60_000)
    count_down(1)  # each call replaces the last
    until(lambda: own.open(symbol) == [], COUNTDOWN_S, "all is canceled")
    assert own.try_cancel(symbol, again).brief() == "400 -2011"
    kept = own.place(symbol, "BUY", "100", "1")["orderId"]
    count_down(86_400_000)
    count_down(0)
    assert own.open(symbol) == [kept]
