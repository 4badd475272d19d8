"""Money that was asked for with one book and one mark, and is there when there are others: step by step, on two shards.

The market is on one shard, the account's money on the other; what comes between is somebody's whose money is at hand.
"""

import pytest
from msgspec.structs import replace

from shards.model.commands import Modify, Place, SetLeverage, SetMarkPrice
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trigger, WatchedPrice
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected
from tests.model.colluders import USDT
from tests.model.stage import BUY, LEVERAGE, MARKET, SELL, UNIT, Stage, ended


@pytest.mark.parametrize("risk", [True, False], ids=["risk-terms", "without"])
@pytest.mark.parametrize(
    ("side", "price", "tif", "theirs"),
    [
        (BUY, 0, TimeInForce.GTC, 50_000),
        (SELL, 0, TimeInForce.GTC, 50_000),
        (SELL, 1, TimeInForce.IOC, 50_000),
        (SELL, 1, TimeInForce.GTC, 50_000),
        (SELL, 1, TimeInForce.FOK, 50_000),
    ],
)
def test_the_first_to_come_before_the_grant(side: Side, price: int, tif: TimeInForce, theirs: int, risk: bool) -> None:
    """No price, no book, money for next to nothing: it does not pay for what somebody else brings in the meantime."""
    stage = Stage(risk=risk)
    stage.pay(stage.poor, 1 * USDT)
    requested = stage.order(stage.poor, side, price, 100)
    call = stage.ask(Place(replace(requested.order, tif=tif)))
    stage.between(stage.order(stage.rich, SELL if side is BUY else BUY, theirs, 100))
    told = stage.end(call)
    assert told is RejectReason.INSUFFICIENT_MARGIN or (isinstance(told, Order) and not told.filled), told
    assert not stage.machine.positions[stage.poor]


def test_margin_is_requested_again_for_a_better_bid() -> None:
    """There is money for it: it is held, and the order fills at the better price."""
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 1_000 * USDT)
    call = stage.ask(stage.order(stage.poor, SELL, 50_000, 100))
    stage.between(stage.order(stage.rich, BUY, 51_000, 100))
    told = stage.end(call)
    assert isinstance(told, Order) and (told.filled, told.filled_value) == (100, 100 * 51_000)
    assert told.hold_price == 51_000


@pytest.mark.parametrize("enough", [True, False])
def test_a_mark_that_has_gone_away_is_lost_too(enough: bool) -> None:
    """Granted with a loss of 500 ticks for each lot, it would lose 1,500 now: so much is held, or it is refused."""
    stage = Stage()
    stage.mark(50_000)
    stage.place(stage.rich, SELL, 50_500, 100)
    margin, lost = 50_500 * 100 * UNIT // LEVERAGE, 100 * UNIT
    stage.pay(stage.poor, margin + lost * (1_500 if enough else 1_499))
    call = stage.ask(stage.order(stage.poor, BUY, 50_500, 100))
    stage.between(SetMarkPrice(MARKET, 49_000))
    told = stage.end(call)
    if enough:
        assert isinstance(told, Order) and (told.filled, told.loss) == (100, 1_500)
        assert stage.free() == 0
    else:
        assert told is RejectReason.INSUFFICIENT_MARGIN


def test_a_price_that_is_too_far_by_now() -> None:
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 1_000 * USDT)
    call = stage.ask(stage.order(stage.poor, BUY, 52_000, 100))
    stage.between(SetMarkPrice(MARKET, 48_000))
    assert stage.end(call) is RejectReason.PRICE_TOO_HIGH
    assert stage.held() == 0


def test_a_change_that_a_better_bid_meets() -> None:
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 51_000 * 100 * UNIT // LEVERAGE)
    order = stage.place(stage.poor, SELL, 51_000, 100)
    call = stage.ask(Modify(order.id, stage.poor, 50_000, 102))
    stage.between(stage.order(stage.rich, BUY, 50_900, 200))
    assert stage.end(call) is RejectReason.INSUFFICIENT_MARGIN
    assert stage.machine.open[order.id].price == 51_000 and not stage.machine.positions


@pytest.mark.parametrize("enough", [True, False])
def test_a_fired_trigger_that_a_better_bid_meets(enough: bool) -> None:
    """Its margin is asked for again; where there is not so much, it expires."""
    stage = Stage()
    stage.mark(50_100)
    stage.pay(stage.poor, 51_000 * 100 * UNIT // LEVERAGE - (0 if enough else 1))
    terms = Trigger(Kind.STOP_MARKET, 50_000, WatchedPrice.MARK)
    waits = stage.place(stage.poor, SELL, 0, 100, kind=Kind.STOP_MARKET, trigger=terms)
    stage.world.submit(SetMarkPrice(MARKET, 50_000))
    stage.world.turn(stage.here)
    stage.world.pump(stage.here, stage.there)
    stage.world.turn(stage.there)
    stage.between(stage.order(stage.rich, BUY, 51_000, 100))
    stage.end()
    row = next(order for order in reversed(ended(stage.world)) if order.id == waits.id)
    assert (row.status, row.filled) == ((Status.FILLED, 100) if enough else (Status.EXPIRED, 0))
    assert enough or row.end_reason is EndReason.MARGIN


# What only closes, and so passes the position limit

MOST = 40_000 * USDT // (50_000 * UNIT)  # lots, at the most leverage


def at_the_limit() -> Stage:
    """The poor one is long as much as may be, and could pay for more; the rich one buys at 49,999."""
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 10**5 * USDT)
    stage.world.call(SetLeverage(stage.poor, MARKET, 100))
    stage.place(stage.rich, SELL, 50_000, MOST)
    assert stage.place(stage.poor, BUY, 50_000, MOST).filled == MOST
    return stage


def exposed(stage: Stage) -> int:
    """The most lots that the poor one can come to be short by."""
    orders = stage.machine.by_account.get(stage.poor, {}).values()
    sells = (order for order in orders if order.side is SELL and order.id not in stage.machine.triggers.waiting)
    return sum(order.quantity - order.filled for order in sells) - stage.machine.positions[stage.poor]


@pytest.mark.parametrize("price", [0, 49_999, 51_000])
def test_each_of_many_orders_alone_would_only_close(price: int) -> None:
    """Sent at once, while none of them is on the book yet: together they do not turn more than one could."""
    stage = at_the_limit()
    stage.place(stage.rich, BUY, 49_999, 20 * MOST)
    calls = [stage.world.submit(stage.order(stage.poor, SELL, price, MOST)) for _ in range(9)]
    stage.end()
    told = [call.reply.reason for call in calls if isinstance(call.reply, Rejected)]
    assert exposed(stage) <= MOST and set(told) == {RejectReason.POSITION_LIMIT}
    assert len(told) < 9  # the first does only close


@pytest.mark.parametrize(("kind", "price"), [(Kind.STOP_MARKET, 0), (Kind.STOP, 49_999), (Kind.STOP, 50_000)])
def test_each_of_many_triggers_alone_would_only_close(kind: Kind, price: int) -> None:
    stage = at_the_limit()
    stage.place(stage.rich, BUY, 49_999, 20 * MOST)
    terms = Trigger(kind, 49_999, WatchedPrice.MARK)
    for _ in range(9):
        stage.place(stage.poor, SELL, price, MOST, kind=kind, trigger=terms)
    stage.mark(49_999)
    stage.end()
    assert 0 <= exposed(stage) <= MOST  # the first does only close
    over = [order for order in ended(stage.world) if order.end_reason is EndReason.MARGIN]
    assert over and not any(order.filled for order in over)


def test_each_of_many_changes_alone_would_only_close() -> None:
    stage = at_the_limit()
    orders = [stage.place(stage.poor, SELL, 51_000, 1) for _ in range(5)]
    calls = [stage.world.submit(Modify(order.id, stage.poor, 51_000, MOST - 4)) for order in orders]
    stage.end()
    told = [call.reply.reason for call in calls if isinstance(call.reply, Rejected)]
    assert exposed(stage) <= MOST and told and set(told) == {RejectReason.POSITION_LIMIT}


def test_a_position_that_was_closed_before_the_grant() -> None:
    """What was to close it would open now: it is asked for as such, and that is within the limit."""
    stage = at_the_limit()
    stage.place(stage.rich, BUY, 49_999, 20 * MOST)
    stage.place(stage.rich, BUY, 50_000, MOST)
    call = stage.ask(stage.order(stage.poor, SELL, 50_000, MOST))
    stage.world.submit(stage.order(stage.poor, SELL, 50_000, MOST, reduce_only=True))
    stage.world.turn(stage.here)
    told = stage.end(call)
    assert isinstance(told, Order) and not told.filled
    assert exposed(stage) == MOST
