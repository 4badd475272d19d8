"""Money that was asked for with one book and one mark, and is there when there are others: step by step, on two shards.

The market is on one shard, the account's money on the other; what comes between is somebody's whose money is at hand.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from shards.futures import FuturesMarket
from shards.markets import shard_of_account
from shards.messages import (
    AddMarket,
    Deposit,
    Modify,
    OrderReply,
    Place,
    Reason,
    Refused,
    SetLeverage,
    SetMarkPrice,
)
from shards.money import Wallet
from shards.orders import EndReason, Kind, NewOrder, Order, Side, Status, TimeInForce, Trigger, WatchedPrice
from shards.rows import OrderEnded
from tests.model.colluders import USDT, make_market
from tests.model.world import Call, World

MARKET = 1
UNIT = 7  # what a lot costs at one tick
LEVERAGE = 20
BUY, SELL = Side.BUY, Side.SELL


class Stage:
    """Somebody poor, far from the market; somebody rich, at home there."""

    def __init__(self, *, risk: bool = True) -> None:
        self.world = World(2)
        market = make_market(MARKET)
        self.world.call(AddMarket(market if risk else replace(market, risk=None)))
        self.here = self.world.engine_of(MARKET).shard
        self.there = 1 - self.here
        self.rich, self.poor = (self._name(shard) for shard in (self.here, self.there))
        self.pay(self.rich, 10**6 * USDT)

    def _name(self, shard: int) -> str:
        names = (f"account-{number}" for number in range(100))
        return next(name for name in names if shard_of_account(name, 2) == shard)

    def pay(self, account: str, amount: int) -> None:
        self.world.call(Deposit(account, "USDT", amount, f"r {account} {amount}", Wallet.FUTURES))

    @property
    def machine(self) -> FuturesMarket:
        machine = self.world.engine_of(MARKET).markets[MARKET]
        assert isinstance(machine, FuturesMarket)
        return machine

    def order(self, account: str, side: Side, price: int, lots: int, **more: Any) -> Place:
        kind = more.pop("kind", Kind.LIMIT if price else Kind.MARKET)
        return Place(NewOrder(MARKET, account, side, kind, TimeInForce.GTC, price, lots, 0, **more))

    def place(self, account: str, side: Side, price: int, lots: int, **more: Any) -> Order:
        reply = self.world.call(self.order(account, side, price, lots, **more))
        assert isinstance(reply, OrderReply), reply
        return reply.order

    def mark(self, price: int) -> None:
        self.world.call(SetMarkPrice(MARKET, price))

    def ask(self, message: Place | Modify) -> Call:
        """The poor one's money is held at home, and the grant is on its way."""
        call = self.world.submit(message)
        self.world.turn(self.here)
        self.world.turn(self.there)
        return call

    def between(self, message: Place | SetMarkPrice) -> None:
        """Here it happens before the grant comes."""
        self.world.submit(message)
        self.world.turn(self.here)

    def end(self, call: Call | None = None) -> Order | Reason:
        """Everything comes; nobody has spent what he has not."""
        self.world.drain()
        assert self.world.violations() == [] and self.world.unfaithful() == []
        assert self.free() >= 0
        reply = call.reply if call else None
        return (
            reply.reason
            if isinstance(reply, Refused)
            else reply.order
            if isinstance(reply, OrderReply)
            else Reason.BUSY
        )

    def free(self) -> int:
        return self.world.engines[self.there].accounts.margins.free(self.poor)

    def held(self) -> int:
        margin = self.world.engines[self.there].accounts.margins.get(self.poor)
        return margin.markets[MARKET].hold


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
    asked = stage.order(stage.poor, side, price, 100)
    call = stage.ask(Place(replace(asked.order, tif=tif)))
    stage.between(stage.order(stage.rich, SELL if side is BUY else BUY, theirs, 100))
    told = stage.end(call)
    assert told is Reason.INSUFFICIENT_MARGIN or (isinstance(told, Order) and not told.filled), told
    assert not stage.machine.positions[stage.poor]


def test_a_better_bid_is_asked_for_once_more() -> None:
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
        assert told is Reason.INSUFFICIENT_MARGIN


def test_a_price_that_is_too_far_by_now() -> None:
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 1_000 * USDT)
    call = stage.ask(stage.order(stage.poor, BUY, 52_000, 100))
    stage.between(SetMarkPrice(MARKET, 48_000))
    assert stage.end(call) is Reason.PRICE_TOO_HIGH
    assert stage.held() == 0


def test_a_change_that_a_better_bid_meets() -> None:
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 51_000 * 100 * UNIT // LEVERAGE)
    order = stage.place(stage.poor, SELL, 51_000, 100)
    call = stage.ask(Modify(order.id, stage.poor, 50_000, 102))
    stage.between(stage.order(stage.rich, BUY, 50_900, 200))
    assert stage.end(call) is Reason.INSUFFICIENT_MARGIN
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
    told = [call.reply.reason for call in calls if isinstance(call.reply, Refused)]
    assert exposed(stage) <= MOST and set(told) == {Reason.POSITION_LIMIT}
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
    told = [call.reply.reason for call in calls if isinstance(call.reply, Refused)]
    assert exposed(stage) <= MOST and told and set(told) == {Reason.POSITION_LIMIT}


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


# Leave

LOTS, HALF = 1_000, 500
KEPT = 250 * UNIT  # of each lot, at the first bracket's ratio


def with_position(equity: int) -> Stage:
    """The poor one is long at 50,000, and is worth so much."""
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, equity)
    stage.world.call(SetLeverage(stage.poor, MARKET, 100))
    stage.place(stage.rich, SELL, 50_000, LOTS)
    assert stage.place(stage.poor, BUY, 50_000, LOTS).filled == LOTS
    return stage


def reduced(stage: Stage, price: int, lots: int) -> Order | Reason:
    reply = stage.world.call(stage.order(stage.poor, SELL, price, lots, reduce_only=True))
    assert isinstance(reply, OrderReply | Refused)
    return reply.order if isinstance(reply, OrderReply) else reply.reason


def test_all_may_be_lost_with_the_last_of_a_position() -> None:
    """Not a unit more; and what is held follows a change."""
    stage = with_position(2_000 * LOTS * UNIT)
    assert reduced(stage, 47_999, LOTS) is Reason.NO_LEAVE
    order = reduced(stage, 48_000, LOTS)
    assert isinstance(order, Order) and stage.held() == order.hold == 2_000 * LOTS * UNIT
    assert stage.world.call(Modify(order.id, stage.poor, 47_999)) == Refused(Reason.NO_LEAVE)
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
    assert reduced(stage, 49_400, 1) is Reason.NO_LEAVE
    assert stage.world.call(Modify(order.id, stage.poor, 48_600)) == Refused(Reason.NO_LEAVE)
    assert isinstance(stage.world.call(Modify(order.id, stage.poor, **change)), OrderReply)
    assert stage.held() == (49_700 - change.get("price", 49_000)) * change.get("quantity", LOTS) * UNIT
    stage.world.drain()
    assert stage.world.violations() == []


def test_what_remains_of_a_position_keeps_its_maintenance() -> None:
    stage = with_position(2_000 * HALF * UNIT + KEPT * HALF)
    assert reduced(stage, 47_999, HALF) is Reason.NO_LEAVE
    assert isinstance(reduced(stage, 48_000, HALF), Order)


def test_what_other_orders_hold_may_not_be_lost_too() -> None:
    beside = 49_000 // 100 * 10 * UNIT
    stage = with_position(2_000 * LOTS * UNIT + beside)
    stage.place(stage.poor, BUY, 49_000, 10)
    assert stage.held() == beside
    assert reduced(stage, 47_999, LOTS) is Reason.NO_LEAVE
    assert isinstance(reduced(stage, 48_000, LOTS), Order)


def test_a_position_that_has_grown_is_asked_for_once_more() -> None:
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


def ended(world: World) -> list[Order]:
    return [row.order for row in world.rows() if isinstance(row, OrderEnded)]
