"""What holds since orders are covered: attached triggers, closing at the limit, depth, brackets and who sets them."""

from typing import Any

import pytest

from tests.http.futures.actor import Actor, trade
from tests.http.futures.caller import Answer, Json
from tests.http.futures.trader import BRACKETS, TERMS, free_symbol, list_contract
from tests.http.venue import Venue

OTHER = {"BUY": "SELL", "SELL": "BUY"}
PROFITS = ("TAKE_PROFIT", "TAKE_PROFIT_MARKET")
LOSSES = ("STOP", "STOP_MARKET")


def test_an_attached_trigger_stays_within_its_parent(own: Actor, symbol: str) -> None:
    """However it came to be attached, and whatever else is changed."""
    placed = own.place(symbol, "BUY", "100", "0.5", takeProfitPrice="120")
    later = own.trigger(symbol, "SELL", "STOP_MARKET", stopPrice="80", parentOrderId=placed["orderId"], quantity="0.2")
    for number in (placed["takeProfitOrderId"], later["orderId"]):
        farther = "70" if number == later["orderId"] else "130"
        assert own.modify(symbol, number, quantity="0.3").ok()["origQty"] == "0.3"
        for change in ({"quantity": "5"}, {"quantity": "0.7", "stopPrice": farther}):
            assert own.modify(symbol, number, **change).ok()["origQty"] == "0.5"
            assert own.order(symbol, number)["origQty"] == "0.5"
            assert own.modify(symbol, number, **change).brief() == "400 -5027"


@pytest.mark.parametrize(
    ("side", "profit", "loss", "beyond", "within"),
    [("BUY", "120", "80", ("120", "125", "80", "75"), "119.9"), ("SELL", "80", "120", ("80", "75", "120"), "119.9")],
)
def test_a_parent_is_not_moved_beyond_its_own_triggers(
    own: Actor, symbol: str, side: str, profit: str, loss: str, beyond: tuple[str, ...], within: str
) -> None:
    """Placed with it or attached to it later."""
    both = own.place(symbol, side, "100", "0.5", takeProfitPrice=profit, stopLossPrice=loss)
    bare = own.place(symbol, side, "100", "0.5")
    _attach(own, symbol, bare, "TAKE_PROFIT_MARKET", profit).ok()
    _attach(own, symbol, bare, "STOP", loss, price="100").ok()
    own.trigger(symbol, OTHER[side], "TRAILING_STOP_MARKET", callbackRate="1", parentOrderId=bare["orderId"])
    for placed in (both, bare):
        before = own.order(symbol, placed["orderId"])
        for price in beyond:
            assert own.modify(symbol, placed["orderId"], price=price, quantity="0.6").brief() == "400 -2021"
        assert own.order(symbol, placed["orderId"]) == before
        assert own.modify(symbol, placed["orderId"], price=within).ok()["price"] == within


@pytest.mark.parametrize(("side", "above", "below"), [("BUY", PROFITS, LOSSES), ("SELL", LOSSES, PROFITS)])
def test_a_trigger_lies_beyond_the_price_of_its_parent(
    own: Actor, symbol: str, side: str, above: tuple[str, ...], below: tuple[str, ...]
) -> None:
    """Attached later or moved."""
    parent = own.place(symbol, side, "100", "0.5")
    for kinds, wrong, right, farther in (
        (above, ("100", "99.9"), "100.1", "120"),
        (below, ("100", "101"), "99.9", "80"),
    ):
        for kind in kinds:
            terms = {"price": "100"} if kind in ("STOP", "TAKE_PROFIT") else {}
            for price in wrong:
                assert _attach(own, symbol, parent, kind, price, **terms).brief() == "400 -2021"
            child = _attach(own, symbol, parent, kind, right, **terms).ok()
            own.modify(symbol, child["orderId"], stopPrice=farther).ok()
            for price in wrong:
                assert own.modify(symbol, child["orderId"], stopPrice=price).brief() == "400 -2021"
            assert own.order(symbol, child["orderId"])["stopPrice"] == farther
            own.modify(symbol, child["orderId"], stopPrice=right).ok()


def _attach(own: Actor, symbol: str, parent: Json, kind: str, stop_price: str, **terms: str) -> Answer:
    requested = {
        "side": OTHER[parent["side"]],
        "type": kind,
        "stopPrice": stop_price,
        "parentOrderId": parent["orderId"],
    }
    return own.call("POST", "/v1/order", symbol=symbol, **requested, **terms)


def test_what_only_closes_passes_the_limit(venue: Venue, own: Actor, other: Actor) -> None:
    symbol = list_contract(venue, venue.shard_count - 1, brackets=BRACKETS)
    trade(own, other, symbol, "BUY", "100", "40")
    assert own.try_place(symbol, "BUY", "90", "1").brief() == "400 -2027"
    assert own.try_place(symbol, "SELL", "110", "40.001").brief() == "400 -2027"
    first = own.place(symbol, "SELL", "110", "25")["orderId"]
    assert own.try_place(symbol, "SELL", "110", "15.001").brief() == "400 -2027"
    assert own.place(symbol, "SELL", "110", "15")["status"] == "NEW"
    assert own.modify(symbol, first, quantity="25.001").brief() == "400 -2027"
    assert own.modify(symbol, first, price="111").ok()["price"] == "111"


def test_depth_shows_what_can_be_had(own: Actor, other: Actor, symbol: str) -> None:
    trade(own, other, symbol, "BUY", "100", "2")
    for price in ("102", "101", "103"):
        own.place(symbol, "SELL", price, "1.5", reduceOnly="true")
    other.place(symbol, "SELL", "103", "4")

    def asks() -> Any:
        return own.get("/depth", symbol=symbol)["asks"]

    assert asks() == [["101", "1.5"], ["102", "0.5"], ["103", "4"]]
    other.place(symbol, "BUY", "99.9", "1")
    own.place(symbol, "SELL", "99.9", "1")
    assert asks() == [["101", "1"], ["103", "4"]]
    assert own.get("/depth", symbol=symbol, limit=1)["asks"] == asks()[:1]
    trade(own, other, symbol, "BUY", "100", "5")
    assert asks() == [["101", "1.5"], ["102", "1.5"], ["103", "5.5"]]


def test_the_margin_of_the_worst_fill_is_its_maintenance(venue: Venue) -> None:
    """Filled at the end of the band, a position at the most leverage is not at risk from the start."""
    bands = {"market_take_bound": "0.8"}
    worst = [{"notional_cap": 1_000, "max_leverage": 40, "maint_margin_ratio": "0.005"}]
    beyond = [{**worst[0], "max_leverage": 41}]
    later = [*worst, {"notional_cap": 2_000, "max_leverage": 20, "maint_margin_ratio": "0.011"}]
    symbol = list_contract(venue, 0, **bands, brackets=worst)
    for brackets in (beyond, later):
        terms = {"symbol": free_symbol(venue, 0), **TERMS, **bands, "brackets": brackets}
        assert venue.operate("POST", "/futures/markets", terms).brief() == "400 invalid brackets"
        path = f"/futures/markets/{symbol}/risk"
        assert venue.operate("PATCH", path, {"brackets": brackets}).brief() == "400 invalid brackets"
    one = {"symbol": free_symbol(venue, 0), **TERMS, **bands, "max_leverage": 41}
    assert venue.operate("POST", "/futures/markets", one).brief() == "400 invalid maint_margin_ratio"


def test_other_brackets(venue: Venue, own: Actor, other: Actor) -> None:
    """In force at once, for positions too; a leverage above them counts as the first's; orders keep what they hold."""
    symbol = list_contract(venue, venue.shard_count - 1, brackets=BRACKETS)
    own.call("POST", "/v1/leverage", symbol=symbol, leverage=50).ok()
    trade(own, other, symbol, "BUY", "100", "5")
    order = own.place(symbol, "BUY", "100", "1")["orderId"]
    held = own.held()
    one = {"notional_cap": 2_000, "max_leverage": 10, "maint_margin_ratio": 0.02}
    told = venue.operate("PATCH", f"/futures/markets/{symbol}/risk", {"brackets": [one]}).ok()
    assert told == {"ok": True, "symbol": symbol}
    (risk,) = own.risk(symbol, 2)
    assert (risk["leverage"], risk["maxNotionalValue"], risk["maintMargin"]) == ("10", "2000", "10")
    assert own.held() == held
    own.cancel(symbol, order)
    own.place(symbol, "BUY", "100", "1")
    assert own.held() == 10
    assert own.try_place(symbol, "BUY", "100", "15").brief() == "400 -2027"
    assert venue.operate("PATCH", "/futures/markets/NONE/risk", {"brackets": [one]}).brief() == "404 MARKET_NOT_FOUND"
    assert venue.operate("PATCH", f"/futures/markets/{symbol}/risk", {}).brief() == "400 invalid brackets"
