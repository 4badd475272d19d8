"""Orders that only reduce: what they may lose, and who must be asked. No account ends below zero by them alone."""

from typing import Any

import pytest

from shards.model.brackets import RiskChange, RiskTerms, make_brackets
from shards.model.commands import Modify, SetLeverage, SetMarkPrice, SetRisk
from shards.model.orders import EndReason, Kind, Order, Status, Trigger, WatchedPrice
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected
from tests.model.colluders import USDT
from tests.model.stage import BUY, MARKET, SELL, UNIT, Stage, ended

LOTS, HALF = 1_000, 500
KEPT = 250 * UNIT  # of each lot, at the first bracket's ratio


def with_position(equity: int, shards: int = 2) -> Stage:
    """The poor one is long at 50,000, and is worth so much."""
    stage = Stage(shards)
    stage.mark(50_000)
    stage.pay(stage.poor, equity)
    stage.world.call(SetLeverage(stage.poor, MARKET, 100))
    stage.place(stage.rich, SELL, 50_000, LOTS)
    assert stage.place(stage.poor, BUY, 50_000, LOTS).filled == LOTS
    return stage


def reduced(stage: Stage, price: int, lots: int) -> Order | RejectReason:
    reply = stage.world.call(stage.order(stage.poor, SELL, price, lots, reduce_only=True))
    assert isinstance(reply, OrderReply | Rejected)
    return reply.order if isinstance(reply, OrderReply) else reply.reason


def test_all_may_be_lost_with_the_last_of_a_position() -> None:
    """Not a unit more; and what is held follows a change."""
    stage = with_position(2_000 * LOTS * UNIT)
    assert reduced(stage, 47_999, LOTS) is RejectReason.NO_LEAVE
    order = reduced(stage, 48_000, LOTS)
    assert isinstance(order, Order) and stage.held() == order.hold == 2_000 * LOTS * UNIT
    assert stage.world.call(Modify(order.id, stage.poor, 47_999)) == Rejected(RejectReason.NO_LEAVE)
    assert isinstance(stage.world.call(Modify(order.id, stage.poor, 48_100)), OrderReply)
    assert stage.held() == 1_900 * LOTS * UNIT
    assert isinstance(stage.world.call(Modify(order.id, stage.poor, 49_750)), OrderReply)
    assert stage.held() == 0


@pytest.mark.parametrize("change", [{"price": 49_100}, {"quantity": HALF}, {"price": 48_900, "quantity": HALF}])
def test_a_change_that_holds_no_more_needs_no_leave(change: dict[str, int]) -> None:
    """The mark has gone against the position, and there is no leave for anything: what loses no more may be done."""
    stage = with_position(1_050 * LOTS * UNIT)
    order = reduced(stage, 49_000, LOTS)
    assert isinstance(order, Order) and stage.held() == 1_000 * LOTS * UNIT
    stage.mark(49_700)
    assert reduced(stage, 49_400, 1) is RejectReason.NO_LEAVE
    assert stage.world.call(Modify(order.id, stage.poor, 48_600)) == Rejected(RejectReason.NO_LEAVE)
    assert isinstance(stage.world.call(Modify(order.id, stage.poor, **change)), OrderReply)
    assert stage.held() == (49_700 - change.get("price", 49_000)) * change.get("quantity", LOTS) * UNIT
    stage.world.drain()
    assert stage.world.violations() == []


def test_what_remains_of_a_position_keeps_its_maintenance() -> None:
    """And a unit more: with no more it is at risk."""
    for spare, reply in ((0, Rejected), (1, OrderReply)):
        stage = with_position(2_000 * HALF * UNIT + KEPT * HALF + spare)
        assert reduced(stage, 47_999, HALF) is RejectReason.NO_LEAVE
        assert isinstance(stage.world.call(stage.order(stage.poor, SELL, 48_000, HALF, reduce_only=True)), reply)


@pytest.mark.parametrize("shards", [1, 2])
def test_at_risk_each_part_has_its_share_of_what_is_left(shards: int) -> None:
    """Not enough is left for what would remain, but every part can be closed with its own share, one by one."""
    stage = with_position(600 * LOTS * UNIT, shards)
    stage.mark(49_600)  # worth 200 a lot, and 248 must be left behind it
    assert reduced(stage, 49_399, HALF) is RejectReason.NO_LEAVE
    assert isinstance(reduced(stage, 49_400, HALF), Order) and stage.held() == 200 * HALF * UNIT
    assert reduced(stage, 49_499, HALF) is RejectReason.NO_LEAVE
    assert isinstance(reduced(stage, 49_500, HALF), Order)
    assert stage.place(stage.rich, BUY, 49_500, LOTS).filled == LOTS
    stage.world.drain()
    assert stage.worth == 50 * LOTS * UNIT and stage.world.violations() == []


def test_what_other_orders_hold_may_not_be_lost_too() -> None:
    beside = 49_000 // 100 * 10 * UNIT
    stage = with_position(2_000 * LOTS * UNIT + beside)
    stage.place(stage.poor, BUY, 49_000, 10)
    assert stage.held() == beside
    assert reduced(stage, 47_999, LOTS) is RejectReason.NO_LEAVE
    assert isinstance(reduced(stage, 48_000, LOTS), Order)


def test_margin_is_requested_again_for_a_position_that_has_grown() -> None:
    """Leave was asked for as much as there was; when it comes there is twice as much to reduce."""
    stage = with_position(4_000 * LOTS * UNIT)
    stage.place(stage.poor, BUY, 49_900, LOTS)
    call = stage.ask(stage.order(stage.poor, SELL, 49_000, 2 * LOTS, reduce_only=True))
    stage.between(stage.order(stage.rich, SELL, 49_900, LOTS))
    stage.world.drain()
    assert stage.world.violations() == []
    assert isinstance(call.reply, OrderReply) and call.reply.order.quantity == 2 * LOTS
    assert stage.held() == call.reply.order.hold == 1_000 * 2 * LOTS * UNIT


def test_without_leave_a_market_order_goes_to_the_first_ratio() -> None:
    stage = with_position(2_000 * LOTS * UNIT)
    for price in (49_800, 49_750, 49_749, 47_600):
        stage.place(stage.rich, BUY, price, LOTS if price == 47_600 else 10)
    reply = stage.world.call(stage.order(stage.poor, SELL, 0, LOTS, reduce_only=True))
    assert isinstance(reply, OrderReply)
    assert (reply.order.filled, reply.order.end_reason) == (20, EndReason.MARKET_REST)


# At risk

AT_RISK, NOT_YET = 540, 550  # ticks a lot before the mark falls by 300; then a lot must have 248.5
LOW = 49_700
FREE = 49_452  # within the first ratio of it
shard_counts = pytest.mark.parametrize("shards", [1, 2], ids=["1-shard", "2-shards"])


def fallen(ticks: int, shards: int) -> Stage:
    """The mark has fallen to where an account with so much a lot is at risk, or is not yet; there are bids."""
    stage = with_position(ticks * LOTS * UNIT, shards)
    stage.mark(LOW)
    for price, lots in ((LOW, 10), (LOW - 1, 10), (FREE, LOTS), (FREE - 1, LOTS)):
        stage.place(stage.rich, BUY, price, lots)
    return stage


@shard_counts
@pytest.mark.parametrize(("ticks", "filled"), [(AT_RISK, 10), (NOT_YET, LOTS)], ids=["at-risk", "not-yet"])
@pytest.mark.parametrize("how", ["market", "trigger", "close", "priced"])
def test_at_risk_what_only_reduces_goes_to_the_mark(how: str, ticks: int, filled: int, shards: int) -> None:
    """And to the first ratio from it as long as the account is not at risk."""
    stage = fallen(ticks, shards)
    if how == "market":
        reply = stage.world.call(stage.order(stage.poor, SELL, 0, LOTS, reduce_only=True))
        assert isinstance(reply, OrderReply)
        number = reply.order.id
    else:
        kind = Kind.STOP if how == "priced" else Kind.STOP_MARKET
        closes = how == "close"
        more: dict[str, Any] = {"reduce_only": not closes, "close_position": closes, "kind": kind}
        trigger = Trigger(kind, LOW - 1, WatchedPrice.MARK)
        lots = 0 if closes else LOTS
        number = stage.place(stage.poor, SELL, FREE if how == "priced" else 0, lots, trigger=trigger, **more).id
        stage.pay(stage.poor, LOTS * UNIT)
        stage.mark(LOW - 1)
        filled = filled if filled == LOTS else 20
    stage.world.drain()
    assert stage.worth >= 0 and stage.world.violations() == []
    order = next(order for order in ended(stage.world) if order.id == number)
    assert (order.filled, order.status) == (filled, Status.FILLED if filled == LOTS else Status.EXPIRED)


@shard_counts
def test_at_risk_a_price_beyond_the_mark_needs_leave(shards: int) -> None:
    """To place it, and to change to it; what closes the whole may lose all that there is."""
    stage = fallen(AT_RISK, shards)
    resting = reduced(stage, 50_000, 10)
    assert isinstance(resting, Order)
    assert reduced(stage, FREE, LOTS) is RejectReason.NO_LEAVE
    assert stage.world.call(Modify(resting.id, stage.poor, FREE, LOTS)) == Rejected(RejectReason.NO_LEAVE)
    assert reduced(stage, FREE + 7, LOTS) is RejectReason.NO_LEAVE
    order = reduced(stage, FREE + 8, LOTS)
    assert isinstance(order, Order) and stage.held() == 240 * (LOTS - 20) * UNIT
    assert stage.worth > 0 and stage.world.violations() == []


@pytest.mark.parametrize("ticks", [AT_RISK, NOT_YET])
def test_many_at_once(ticks: int) -> None:
    stage = fallen(ticks, 2)
    waits = stage.place(stage.poor, SELL, 52_000, 10, reduce_only=True)
    requested = [stage.order(stage.poor, SELL, price, LOTS, reduce_only=True) for price in (0, FREE, 0, FREE, 49_500)]
    for message in requested:
        stage.world.submit(message)
    stage.world.submit(Modify(waits.id, stage.poor, FREE, LOTS))
    stage.world.drain()
    assert stage.worth >= 0 and stage.world.violations() == []


def test_a_mark_that_came_back_leaves_the_account_at_risk() -> None:
    """The account shard judges by a mark of between: at the one that was asked with there is no leave."""
    stage = fallen(AT_RISK, 2)
    call = stage.world.submit(stage.order(stage.poor, SELL, FREE, LOTS, reduce_only=True))
    stage.world.turn(stage.here)
    stage.between(SetMarkPrice(MARKET, 50_500))
    stage.world.pump(stage.here, stage.there)
    stage.world.turn(stage.there)
    stage.between(SetMarkPrice(MARKET, LOW))
    stage.world.drain()
    assert call.reply == Rejected(RejectReason.NO_LEAVE) and stage.worth > 0


def test_margin_is_requested_again_at_a_worse_mark() -> None:
    """What was free is not any more: leave is there, and it is held."""
    stage = fallen(NOT_YET, 2)
    call = stage.ask(stage.order(stage.poor, SELL, 49_600, LOTS, reduce_only=True))
    stage.between(SetMarkPrice(MARKET, 49_900))
    stage.world.drain()
    assert isinstance(call.reply, OrderReply) and call.reply.order.loss == 300
    assert stage.held() == call.reply.order.hold > 0 and stage.world.violations() == []


# Brackets that change

TIGHT = RiskTerms(make_brackets([(5_000_000 * USDT, 20, 40_000)]))


def tightened(ticks: int, when: str) -> Stage:
    """A purchase at leverage 100, whose market comes to have other brackets before it fills."""
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, ticks * LOTS * UNIT)
    stage.world.call(SetLeverage(stage.poor, MARKET, 100))
    call = stage.ask(stage.order(stage.poor, BUY, 50_000, LOTS))
    if when == "rests":
        stage.world.drain()
    stage.between(SetRisk(MARKET, RiskChange(TIGHT.brackets)))
    stage.world.drain()
    assert isinstance(call.reply, OrderReply) and call.reply.order.leverage == 100
    return stage


@pytest.mark.parametrize("when", ["rests", "under-way"])
def test_what_filled_under_other_brackets_is_not_sold_below_what_it_is_worth(when: str) -> None:
    """It has a hundredth for its margin, and what only reduces would be free as far as four."""
    stage = tightened(500, when)
    stage.place(stage.rich, SELL, 50_000, LOTS)
    assert stage.worth == 500 * LOTS * UNIT
    stage.place(stage.rich, BUY, 48_500, LOTS)
    assert reduced(stage, 48_500, LOTS) is RejectReason.NO_LEAVE
    reply = stage.world.call(stage.order(stage.poor, SELL, 0, LOTS, reduce_only=True))
    assert isinstance(reply, OrderReply) and not reply.order.filled
    assert isinstance(reduced(stage, 49_500, LOTS), Order)
    assert stage.worth == 500 * LOTS * UNIT and stage.world.violations() == []


@pytest.mark.parametrize("enough", [True, False])
def test_a_change_has_no_more_leverage_than_there_is(enough: bool) -> None:
    stage = tightened(2_605 - (not enough), "rests")
    (order,) = stage.machine.open.values()
    reply = stage.world.call(Modify(order.id, stage.poor, 50_000 + 100))
    if enough:
        assert isinstance(reply, OrderReply) and reply.order.leverage == 20
        assert stage.held() == reply.order.hold == (2_505 + 100) * LOTS * UNIT
    else:
        assert reply == Rejected(RejectReason.INSUFFICIENT_MARGIN)
        assert (order.leverage, order.price) == (100, 50_000)


def test_what_positions_must_have_is_not_there_to_be_used() -> None:
    """Their margins are less than that since the brackets have changed: nobody takes himself to risk."""
    stage = with_position(5_000 * LOTS * UNIT)
    assert stage.free() == 4_500 * LOTS * UNIT
    stage.world.call(SetRisk(MARKET, RiskChange(TIGHT.brackets)))
    assert stage.free() == 3_000 * LOTS * UNIT - 1  # with no more than it must have the account is at risk
    stage.pay(stage.poor, -3_000 * LOTS * UNIT)
    stage.pay(stage.poor, -3_000 * LOTS * UNIT + 1)
    assert stage.free() == 0 and stage.worth == 2_000 * LOTS * UNIT + 1


@pytest.mark.parametrize("shards", [1, 2])
def test_what_goes_back_in_a_record_is_there_for_what_fires_in_it(shards: int) -> None:
    """A stop-loss loses what its parent held; a re-entry needs the margin of what has just been closed."""
    stage = Stage(shards)
    stage.mark(50_000)
    stage.pay(stage.poor, 2_550 * LOTS * UNIT)
    stop = Trigger(Kind.STOP_MARKET, 49_500, WatchedPrice.MARK)
    stage.place(stage.poor, BUY, 50_000, LOTS, stop_loss=stop)
    stage.place(stage.rich, SELL, 50_000, 200)
    stage.mark(49_600)
    stage.place(stage.rich, BUY, 47_200, 200)
    stage.mark(49_500)
    stage.end()
    (stopped,) = (order for order in ended(stage.world) if order.trigger is not None)
    assert (stopped.status, stopped.filled) == (Status.FILLED, 200)


def test_a_sale_may_always_be_made_smaller() -> None:
    """It counts at the price at which it would fill now, as it does already."""
    stage = Stage(1)
    stage.mark(50_000)
    stage.pay(stage.poor, 10**5 * USDT)
    most = stage.machine.market.brackets[0].cap // (50_000 * UNIT)
    stage.world.call(SetLeverage(stage.poor, MARKET, stage.machine.market.brackets[0].max_leverage))
    order = stage.place(stage.poor, SELL, 50_000, most)
    stage.mark(52_000)
    for quantity, price in ((most - 1, 50_000), (most - 1, 49_900), (most - 2, 50_000)):
        assert isinstance(stage.world.call(Modify(order.id, stage.poor, price, quantity)), OrderReply), quantity
    assert stage.world.call(Modify(order.id, stage.poor, 50_000, most + 1)) == Rejected(RejectReason.POSITION_LIMIT)
