"""Callers at the same moment: an order is canceled once, a cancel and a fill never both win, the money adds up."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.http.futures.actor import Actor, new_order
from tests.http.futures.caller import now_ms
from tests.http.futures.trader import set_mark
from tests.http.venue import Venue, at_once

ROUNDS = 6
REPEATS = 12


@pytest.fixture
def symbol(at_100: str) -> str:
    return at_100


@pytest.fixture
def actor(venue: Venue) -> Actor:
    return Actor(venue, 0, "1000")


def race(number: int, first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """What both give; which of them is started first depends on the number."""
    return at_once([first, second]) if number % 2 else at_once([second, first])[::-1]


# Cancel


def test_simultaneous_cancels_of_one_order(actor: Actor, symbol: str) -> None:
    """Exactly one is told CANCELED, the others -2011; the margin is back once."""
    for number in range(ROUNDS):
        order = actor.place(symbol, "BUY", "100", "1", newClientOrderId=f"c-{number}")["orderId"]
        by_id, by_client_id = cancels_of(actor, symbol, order, f"c-{number}")
        told = [answer.brief() for answer in at_once([by_id, by_client_id] * (REPEATS // 2))]
        assert sorted(told) == ["200"] + ["400 -2011"] * (REPEATS - 1)
        assert actor.money() == "1000 1000 0 0 0"


def test_simultaneous_cancels_of_one_trigger(actor: Actor, symbol: str) -> None:
    """The others are told that it has been canceled, in the words of their front."""
    for number in range(ROUNDS):
        order = actor.stop(symbol, "BUY", "120", "1", newClientOrderId=f"t-{number}")["orderId"]
        algo = partial(actor.call, "DELETE", "/v1/algoOrder", algoId=order)
        calls = [*cancels_of(actor, symbol, order, f"t-{number}"), algo]
        told = [answer.brief() for answer in at_once(calls * (REPEATS // 3))]
        assert told.count("200") == 1
        assert {*told[0::3], *told[1::3]} <= {"200", "400 -2031"}
        assert {*told[2::3]} <= {"200", "400 -2011"}


def test_batches_beside_single_cancels(actor: Actor, symbol: str) -> None:
    """Each batch shows the orders as they were canceled, by whomever: once."""
    for number in range(ROUNDS):
        names = [f"b-{number}-{each}" for each in range(5)]
        orders = [actor.place(symbol, "BUY", "100", "0.5", newClientOrderId=name)["orderId"] for name in names]
        singles = [partial(actor.try_cancel, symbol, order) for order in orders]
        batch = partial(actor.cancel_batch, symbol, *orders, orders[0])
        first, *told, last = at_once([batch, *singles, batch])
        assert first == last and first[0] == first[-1]
        assert [row["status"] for row in first] == ["CANCELED"] * 6
        for answer, row in zip(told, first, strict=False):
            assert answer.brief() == "400 -2011" or answer.json == row
        assert actor.money() == "1000 1000 0 0 0"


def cancels_of(actor: Actor, symbol: str, order: int, client_id: str) -> list[Callable[[], Any]]:
    return [partial(actor.try_cancel, symbol, order), partial(actor.try_cancel_client_id, symbol, client_id)]


def test_cancel_all_races_placing(actor: Actor, symbol: str) -> None:
    """What is acknowledged rests or was canceled, and only what rests is held."""
    for _ in range(ROUNDS // 2):

        def place_some() -> list[int]:
            return [
                (actor.stop(symbol, "SELL", "90", "1") if number % 5 == 4 else actor.place(symbol, "BUY", "99", "1"))[
                    "orderId"
                ]
                for number in range(20)
            ]

        def cancel_some() -> None:
            for _ in range(10):
                actor.cancel_all(symbol)

        placed, _ = at_once([place_some, cancel_some])
        left = actor.get("/openOrders", symbol=symbol)
        assert {actor.status(symbol, order) for order in placed} <= {"NEW", "CANCELED"}
        assert [order for order in placed if actor.status(symbol, order) == "NEW"] == [row["orderId"] for row in left]
        held = sum(order["type"] == "LIMIT" for order in left) * Decimal("4.95")
        assert actor.held() == held
        actor.cancel_all(symbol)
        assert actor.money() == "1000 1000 0 0 0"


# Changes and fills


@pytest.mark.parametrize("change", ["cancel", "modify"])
def test_change_races_a_fill(venue: Venue, actor: Actor, symbol: str, change: str) -> None:
    """Either the order has left its price, or it was filled and the change finds nothing."""
    taker = Actor(venue, venue.shard_count - 1, "1000")
    first, sold = 0, 0
    for number in range(4 * ROUNDS):
        ask = actor.place(symbol, "SELL", "100", "1")["orderId"]
        cancel = partial(actor.try_cancel, symbol, ask)
        modify = partial(actor.modify, symbol, ask, price="110", quantity="3")
        take = partial(taker.try_place, symbol, "BUY", "100", "1", timeInForce="IOC")
        changed, taken = race(number, cancel if change == "cancel" else modify, take)
        bought = taken.ok()["executedQty"]
        if changed.status == 200:
            first += 1
            assert (changed.json["executedQty"], bought) == ("0", "0")
            if change == "modify":
                assert (changed.json["price"], changed.json["origQty"], actor.held()) == ("110", "3", Decimal("16.5"))
                actor.cancel(symbol, ask)
        else:
            refusal = "400 -2011" if change == "cancel" else "400 -2013"
            assert (changed.brief(), bought, actor.status(symbol, ask)) == (refusal, "1", "FILLED")
            sold += 1
        check_trade(actor, taker, symbol, sold)
    print(f"the change was first {first} times of {4 * ROUNDS}")


def test_cancel_races_a_partial_fill(venue: Venue, actor: Actor, symbol: str) -> None:
    taker = Actor(venue, 0, "1000")
    sold = 0
    for _ in range(2 * ROUNDS):
        ask = actor.place(symbol, "SELL", "100", "2")["orderId"]
        take = partial(taker.try_place, symbol, "BUY", "100", "1", timeInForce="IOC")
        taken, canceled = (answer.ok() for answer in at_once([take, partial(actor.try_cancel, symbol, ask)]))
        assert (canceled["status"], canceled["executedQty"]) == ("CANCELED", taken["executedQty"])
        assert taken["status"] == ("FILLED" if taken["executedQty"] == "1" else "EXPIRED")
        sold += int(taken["executedQty"])
        check_trade(actor, taker, symbol, sold)


def check_trade(seller: Actor, buyer: Actor, symbol: str, sold: int) -> None:
    """So many were traded at 100, and nothing is held but their margins of 5 each, at fees of 0.02 and 0.05."""
    for trader, fee, sign in ((seller, Decimal("0.02"), "-"), (buyer, Decimal("0.05"), "")):
        wallet, margin = 1_000 - sold * fee, 5 * sold
        assert [Decimal(each) for each in trader.money().split()] == [wallet, wallet - margin, margin, 0, 0]
        assert trader.position(symbol) == (f"{sign}{sold} 100 {margin}" if sold else "")


def test_cancel_of_a_parent_races_the_firing_of_its_child(venue: Venue, actor: Actor, symbol: str) -> None:
    """The child goes with its parent, or fires and ends it. Either way 1 bought at 100 is sold at 94, once."""
    other = Actor(venue, None, "1000")
    outcomes = []
    for number in range(3 * ROUNDS):
        parent = actor.place(symbol, "BUY", "100", "2", stopLossPrice="95", slWorkingType="MARK_PRICE")
        other.place(symbol, "SELL", "100", "1")
        other.place(symbol, "BUY", "94", "1")
        cancel = partial(actor.try_cancel, symbol, parent["orderId"])
        fire = partial(set_mark, venue, symbol, "94")
        canceled, _ = race(number, cancel, fire)
        ended = [actor.status(symbol, parent[name]) for name in ("orderId", "stopLossOrderId")]
        if canceled.status == 200:
            assert ended == ["CANCELED", "CANCELED"]
            assert actor.place(symbol, "SELL", None, "1", reduceOnly="true")["status"] == "FILLED"
        else:
            assert (canceled.brief(), ended) == ("400 -2011", ["EXPIRED", "FILLED"])
        outcomes.append(canceled.status)
        wallet = Decimal("1000") - (number + 1) * Decimal("6.067")
        assert [Decimal(each) for each in actor.money().split()] == [wallet, wallet, 0, 0, 0]
        assert actor.position(symbol) == ""
        assert actor.get("/openOrders", symbol=symbol) == other.get("/openOrders", symbol=symbol) == []
        set_mark(venue, symbol, "100")
    print(f"the cancel was first {outcomes.count(200)} times of {len(outcomes)}")


# Client ids


@pytest.mark.parametrize("terms", [{}, {"takeProfitPrice": "130"}, {"type": "STOP_MARKET", "stopPrice": "120"}])
def test_repeats_of_one_client_id(venue: Venue, symbol: str, terms: dict[str, str]) -> None:
    """One order is placed, and its margin is held once: there is no more than that."""
    actor = Actor(venue, 0, "5")
    for number in range(ROUNDS):
        order = new_order(symbol, "BUY", None if "type" in terms else "100", "1", newClientOrderId=f"r-{number}")
        told = at_once([partial(actor.call, "POST", "/v1/order", **{**order, **terms})] * REPEATS)
        ids = {answer.ok()["orderId"] for answer in told}
        assert len(ids) == 1
        assert len(actor.get("/openOrders", symbol=symbol)) == (2 if "takeProfitPrice" in terms else 1)
        assert actor.money() == ("5 5 0 0 0" if "type" in terms else "5 0 0 5 0")
        actor.cancel_all(symbol)
        assert actor.money() == "5 5 0 0 0"


def test_repeats_of_one_request_that_fills(venue: Venue, actor: Actor, symbol: str) -> None:
    """The very same signed request again trades once, whatever became of its order."""
    maker = Actor(venue, None, "1000")
    maker.place(symbol, "SELL", "100", "5")
    sent = f"symbol={symbol}&side=BUY&type=MARKET&quantity=1&newClientOrderId=once&timestamp={now_ms()}"
    query = actor.caller.signed(sent)
    told = [answer.ok() for answer in at_once([partial(actor.caller.send, "POST", "/v1/order", query)] * REPEATS)]
    assert told == [told[0]] * REPEATS
    assert told[0]["status"] == "FILLED"
    maker.cancel_all(symbol)
    check_trade(maker, actor, symbol, 1)


# Modify


def test_modify_races_a_partial_fill(venue: Venue, actor: Actor, symbol: str) -> None:
    """There is money for the change, whatever is filled meanwhile: it is never refused for margin."""
    taker = Actor(venue, 0, "1000")
    for number in range(4 * ROUNDS):
        order = actor.place(symbol, "BUY", "100", "10")["orderId"]
        modify = partial(actor.modify, symbol, order, price="50", quantity="30")
        take = partial(taker.try_place, symbol, "SELL", "100", "4", timeInForce="IOC")
        modified, taken = race(number, modify, take)
        assert modified.ok()["origQty"] == "30"
        assert taken.ok()["executedQty"] in ("0", "4")
        actor.cancel_all(symbol)


def test_changes_of_different_things(actor: Actor, symbol: str) -> None:
    """Price and quantity at the same moment: the order has both."""
    for _ in range(ROUNDS):
        order = actor.place(symbol, "BUY", "90", "1")["orderId"]
        changes = [partial(actor.modify, symbol, order, **each) for each in ({"price": "95"}, {"quantity": "2"})]
        for answer in at_once(changes):
            answer.ok()
        now = actor.order(symbol, order)
        assert (now["price"], now["origQty"]) == ("95", "2")
        assert actor.money() == "1000 990.5 0 9.5 0"
        actor.cancel_all(symbol)


def test_simultaneous_changes_of_one_order(actor: Actor, symbol: str) -> None:
    """It ends as one of them wanted, and holds the margin for that."""
    order = actor.place(symbol, "BUY", "90", "1")["orderId"]
    for number in range(ROUNDS):
        prices = [str(80 + number + each) for each in range(0, 12, 3)]
        changes = [partial(actor.modify, symbol, order, price=price, quantity="2") for price in prices]
        told = {answer.brief() for answer in at_once(changes)}
        assert "200" in told and told <= {"200", "400 -5027"}
        price = actor.order(symbol, order)["price"]
        assert price in prices
        assert actor.held() == Decimal(price) / 10
    actor.cancel_all(symbol)
    assert actor.money() == "1000 1000 0 0 0"
