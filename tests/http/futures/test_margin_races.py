"""Grants that meet a moved book or mark: no order ever takes more margin than its account had for it.

Its owner's money lies on another shard than the book, where there are several: what was granted is measured before the
other's order arrives, and used after it. Fees are zero, so that to the last unit nothing else takes from a wallet.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import pytest

from shards.verify.folder import verify_folder
from tests.exchange import Exchange
from tests.http.futures.actor import Actor, new_order
from tests.http.futures.caller import Answer
from tests.http.futures.trader import FUNDS, list_contract, set_mark
from tests.http.venue import Venue, at_once
from tests.model.seeds import read_count

TRIES = read_count("SHARDEX_TEST_TRIES", 8)
FEW_TRIES = TRIES // 2  # of what meets nearly always
FREE = {"maker_fee_bps": 0, "taker_fee_bps": 0}
RICH = "10000000"


@pytest.fixture(scope="module", params=[1, 2, 3, 4], ids=lambda count: f"{count}-shards")
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    with Exchange(request.param) as exchange:
        yield Venue(exchange)
        exchange.stop()
        assert verify_folder(exchange.folder) == []


class Case(NamedTuple):
    """What the poor one asks, and what somebody else asks in the same moment."""

    order: dict[str, Any]
    other: dict[str, Any]
    mark: str | None = None  # set before
    moved: str | None = None  # set in the same moment


def market(side: str, quantity: str, **more: Any) -> dict[str, Any]:
    return new_order("", side, None, quantity, **more)


def limit(side: str, price: str, quantity: str, **more: Any) -> dict[str, Any]:
    return new_order("", side, price, quantity, **more)


IOC = {"timeInForce": "IOC"}
CASES = {
    "a purchase at any price meets the first seller": Case(market("BUY", "1"), limit("SELL", "50000", "1")),
    "a sale at any price meets the first buyer": Case(market("SELL", "1"), limit("BUY", "50000", "1")),
    "a sale at next to nothing meets the first buyer": Case(
        limit("SELL", "0.1", "100", **IOC), limit("BUY", "50000", "100")
    ),
    "a sale at the mark meets a buyer far above it": Case(
        limit("SELL", "100", "0.15", **IOC), limit("BUY", "50000", "0.15"), mark="100"
    ),
    "a sale meets a buyer after the mark has gone up": Case(
        limit("SELL", "100", "0.15", **IOC), limit("BUY", "50000", "0.15"), mark="100", moved="50000"
    ),
    "a sale that would rest meets a buyer after the mark has gone up": Case(
        limit("SELL", "100", "0.15"), limit("BUY", "50000", "0.15"), mark="100", moved="50000"
    ),
    "a purchase at any price meets a seller after the mark has gone up": Case(
        market("BUY", "0.15"), limit("SELL", "50000", "0.15"), mark="100", moved="50000"
    ),
    "a purchase meets a seller after the mark has gone down": Case(
        limit("BUY", "100", "0.19", **IOC), limit("SELL", "50", "0.19"), mark="100", moved="50"
    ),
}


@pytest.fixture(scope="module")
def rich(venue: Venue) -> Actor:
    return Actor(venue, None, RICH)


@pytest.mark.parametrize("case", CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
def test_nothing_is_filled_without_margin(venue: Venue, rich: Actor, case: Case) -> None:
    poor = Actor(venue, 0, "1")
    told: Counter[str] = Counter()
    for number in range(TRIES):
        symbol = list_contract(venue, venue.shard_count - 1, **FREE)
        if case.mark:
            set_mark(venue, symbol, case.mark)
        others: list[Callable[[], Any]] = [partial(rich.call, "POST", "/v1/order", **{**case.other, "symbol": symbol})]
        if case.moved:
            others.insert(0, partial(set_mark, venue, symbol, case.moved))
        answer = race(partial(poor.call, "POST", "/v1/order", **{**case.order, "symbol": symbol}), others, number)
        told[answer.json["status"] if answer.status == 200 else answer.brief()] += 1
        check_covered(poor, moved=case.moved is not None)
        poor.cancel_all(symbol)
        if poor.position(symbol):  # of what it could pay for
            poor = Actor(venue, 0, "1")
    print(dict(told))


def race(mine: Callable[[], Answer], others: Sequence[Callable[[], Any]], number: int) -> Answer:
    """Mine, and at the same moment the others one after another."""

    def one_after_another() -> None:
        for other in others:
            other()

    answer: Answer = at_once([mine, one_after_another])[0] if number % 2 else at_once([one_after_another, mine])[1]
    return answer


def check_covered(actor: Actor, *, moved: bool = False) -> None:
    """What positions and orders need is there, and what was lost by a fill too; not what the ``moved`` mark takes."""
    told = actor.venue.operate("GET", f"/accounts/{actor.name}").ok()["futures"]
    wallet, _, margin, hold, unrealized = (Decimal(told[name]) for name in FUNDS)
    assert wallet + (0 if moved else min(Decimal(0), unrealized)) >= margin + hold, told


# Holds that are just enough


JUST = {
    "a sale at any price": market("SELL", "1"),
    "a sale that takes": limit("SELL", "100", "1", **IOC),
    "a sale that rests": limit("SELL", "100", "1"),
    "a sale of all or nothing": limit("SELL", "100", "1", timeInForce="FOK"),
    "a purchase at any price": market("BUY", "1"),
}


@pytest.mark.parametrize("name", JUST, ids=[name.replace(" ", "-") for name in JUST])
def test_a_better_bid_after_the_grant_takes_no_more_than_was_held(venue: Venue, rich: Actor, name: str) -> None:
    """5 are held for one at 100; a bid at 104 that comes then would need 5.2. A purchase finds 104 where 100 was."""
    order = JUST[name]
    for number in range(FEW_TRIES):
        symbol = list_contract(venue, venue.shard_count - 1, **FREE)
        set_mark(venue, symbol, "100")
        poor = Actor(venue, 0, "5")
        ask = rich.place(symbol, "SELL", "100", "1")["orderId"] if order["side"] == "BUY" else 0
        mine = partial(poor.call, "POST", "/v1/order", **{**order, "symbol": symbol})
        others = [partial(rich.try_place, symbol, "SELL" if ask else "BUY", "104", "1")]
        if ask:
            others.insert(0, partial(rich.try_cancel, symbol, ask))
        race(mine, others, number)
        check_covered(poor)
        rich.cancel_all(symbol)


def test_a_change_takes_no_more_than_was_held_for_it(venue: Venue, rich: Actor) -> None:
    """An order that rests at 104 is brought down to 100, and meets a bid at 103."""
    for number in range(FEW_TRIES):
        symbol = list_contract(venue, venue.shard_count - 1, **FREE)
        set_mark(venue, symbol, "100")
        poor = Actor(venue, 0, "5.2")
        order = poor.place(symbol, "SELL", "104", "1")["orderId"]
        change = partial(poor.modify, symbol, order, price="100", quantity="1.04")
        race(change, [partial(rich.try_place, symbol, "BUY", "103.9", "2")], number)
        check_covered(poor)
        rich.cancel_all(symbol)


def test_a_trigger_takes_no_more_than_was_held_when_it_fired(venue: Venue, rich: Actor) -> None:
    """It fires at 100, and its margin is asked for while somebody bids 104."""
    for number in range(FEW_TRIES):
        symbol = list_contract(venue, venue.shard_count - 1, **FREE)
        set_mark(venue, symbol, "101")
        poor = Actor(venue, 0, "5")
        poor.stop(symbol, "SELL", "100", "1", workingType="MARK_PRICE")
        bid = partial(rich.try_place, symbol, "BUY", "104", "1")
        fire = partial(set_mark, venue, symbol, "100")
        at_once([fire, bid] if number % 2 else [bid, fire])
        check_covered(poor)
        rich.cancel_all(symbol)
