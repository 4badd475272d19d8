"""The futures machines: what cancels, fills and triggers do to margin."""

import pytest
from msgspec.structs import replace

from shards.engine.market.futures import FuturesMarket
from shards.model.accounting import Wallet
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    Command,
    Deposit,
    Modify,
    Place,
    SetMarketStatus,
    SetMarkPrice,
    TimerFired,
)
from shards.model.markets import FuturesTerms, Market, MarketStatus, Product, shard_of_account
from shards.model.orders import EndReason, Kind, NewOrder, Order, Side, Status, TimeInForce, Trigger
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, OrderReply, Rejected
from tests.model.world import World

FUNDS = 10**10  # 10,000 USDT
TERMS = FuturesTerms(10**13, 10**14, 1, 125, 20, 5_000, 50_000, 50_000)
# tick 0.1, lot 0.001, so that one lot at one tick is 100 units of USDT; fees 2 and 5 bps
MARKET = Market(1, Product.FUTURES, "BTCUSDT", "BTC", "USDT", 8, 6, 1, 1, 1, 3, 10**7, 2, 5, MarketStatus.LISTED, TERMS)
ACCOUNTS = [f"trader-{index}" for index in range(6)]


@pytest.fixture(params=[1, 4], ids=["1-shard", "4-shards"])
def world(request: pytest.FixtureRequest) -> World:
    return make_world(request.param)


def make_world(shard_count: int) -> World:
    world = World(shard_count)
    world.archiving = False  # ended orders stay at hand
    world.call(AddMarket(MARKET))
    for account in ACCOUNTS:
        world.call(Deposit(account, "USDT", FUNDS, "funds", Wallet.FUTURES))
    return world


def order(account: str, side: Side, price: int, quantity: int, **more: object) -> Place:
    kind = more.pop("kind", Kind.LIMIT)
    tif = more.pop("tif", TimeInForce.GTC)
    return Place(NewOrder(1, account, side, kind, tif, price, quantity, 0, **more))  # type: ignore[arg-type]


def placed(world: World, place: Place) -> Order:
    reply = world.call(place)
    assert isinstance(reply, OrderReply), reply
    return reply.order


def available(world: World, account: str) -> int:
    return world.engines[shard_of_account(account, world.shard_count)].accounts.margins.available(account)


def machine(world: World) -> FuturesMarket:
    found = world.engine_of(1).markets[1]
    assert isinstance(found, FuturesMarket)
    return found


def ended(world: World, number: int) -> Order:
    found = world.engine_of(1).cancels.find_order(number)
    assert found is not None
    return found


def open_long(world: World, account: str, quantity: int = 10) -> None:
    """``account`` buys at 500,000 ticks from the last of the accounts."""
    placed(world, order(ACCOUNTS[-1], Side.SELL, 500_000, quantity))
    placed(world, order(account, Side.BUY, 500_000, quantity))


# Margin


def test_a_cancel_gives_back_the_whole_margin_at_once(world: World) -> None:
    bid = placed(world, order("trader-0", Side.BUY, 500_000, 100))
    assert bid.hold == 500_000 * 100 * 100 // 20
    assert available(world, "trader-0") == FUNDS - bid.hold
    world.call(Cancel(bid.id, "trader-0"))
    assert available(world, "trader-0") == FUNDS


def test_a_partly_filled_order_gives_back_the_rest(world: World) -> None:
    bid = placed(world, order("trader-0", Side.BUY, 500_000, 100))
    placed(world, order("trader-1", Side.SELL, 500_000, 40))
    world.call(Cancel(bid.id, "trader-0"))
    notional = 500_000 * 40 * 100
    assert available(world, "trader-0") == FUNDS - notional // 20 - notional * 2 // 10_000


def test_reduce_only_never_turns_a_position(world: World) -> None:
    open_long(world, "trader-0", 10)
    placed(world, order("trader-1", Side.BUY, 499_000, 100))
    reply = placed(world, order("trader-0", Side.SELL, 499_000, 50, reduce_only=True))
    assert (reply.quantity, reply.filled, machine(world).positions["trader-0"]) == (10, 10, 0)


def test_a_resting_reduce_only_order_never_turns_a_position(world: World) -> None:
    """It was as large as the position when it was placed; since then half of that has been closed."""
    open_long(world, "trader-0", 10)
    resting = placed(world, order("trader-0", Side.SELL, 510_000, 10, reduce_only=True))
    placed(world, order("trader-1", Side.BUY, 500_000, 5))
    placed(world, order("trader-0", Side.SELL, 500_000, 5))
    assert (resting.quantity, machine(world).positions["trader-0"]) == (10, 5)
    placed(world, order("trader-2", Side.BUY, 510_000, 10))
    assert machine(world).positions["trader-0"] == 0 and not world.violations()


def test_a_post_only_order_never_takes(world: World) -> None:
    placed(world, order("trader-1", Side.SELL, 500_000, 10))
    before = available(world, "trader-0")
    assert refused(world, order("trader-0", Side.BUY, 500_000, 10, tif=TimeInForce.POST_ONLY)) is RejectReason.POST_ONLY
    assert available(world, "trader-0") == before and not machine(world).positions


def test_a_batch_cancel_leaves_orders_and_triggers_of_others(world: World) -> None:
    theirs = bracket(world)
    reply = world.call(CancelBatch(1, "trader-1", [theirs.id, theirs.take_profit]))
    assert isinstance(reply, BatchReply) and reply.found == [RejectReason.UNKNOWN_ORDER, RejectReason.NOT_OWNER]
    assert {theirs.id, theirs.take_profit, theirs.stop_loss} == set(machine(world).open)


def test_a_market_with_positions_is_not_delisted(world: World) -> None:
    """Nobody could close them any more."""
    open_long(world, "trader-0", 10)
    assert refused(world, SetMarketStatus(1, MarketStatus.DELISTED)) is RejectReason.POSITIONS_OPEN
    assert machine(world).market.status is MarketStatus.LISTED


def test_an_own_order_in_the_way_expires(world: World) -> None:
    own = placed(world, order("trader-0", Side.SELL, 500_000, 10))
    bid = placed(world, order("trader-0", Side.BUY, 500_000, 10))
    assert ended(world, own.id).end_reason is EndReason.OWN_ORDER
    assert bid.status is Status.OPEN and not bid.filled


# Triggers


def bracket(world: World, quantity: int = 10) -> Order:
    """A resting order with a take-profit and a stop-loss."""
    profit, loss = Trigger(Kind.TAKE_PROFIT_MARKET, 510_000), Trigger(Kind.STOP_MARKET, 490_000)
    return placed(world, order("trader-0", Side.BUY, 500_000, quantity, take_profit=profit, stop_loss=loss))


def test_a_canceled_parent_takes_its_triggers_along_in_the_same_input(world: World) -> None:
    parent = bracket(world)
    world.call(Cancel(parent.id, "trader-0"))
    ends = [ended(world, number) for number in (parent.id, parent.take_profit, parent.stop_loss)]
    assert [(each.status, each.end_reason) for each in ends] == [
        (Status.CANCELED, EndReason.USER),
        (Status.CANCELED, EndReason.CASCADE),
        (Status.CANCELED, EndReason.CASCADE),
    ]
    assert len({each.request for each in ends}) == 1


def test_triggers_outlive_their_filled_parent_and_end_with_the_position(world: World) -> None:
    parent = bracket(world)
    placed(world, order("trader-1", Side.SELL, 500_000, 10))
    assert set(machine(world).open) == {parent.take_profit, parent.stop_loss}
    placed(world, order("trader-2", Side.BUY, 495_000, 10))
    placed(world, order("trader-0", Side.SELL, 495_000, 10))
    reasons = {ended(world, number).end_reason for number in (parent.take_profit, parent.stop_loss)}
    assert reasons == {EndReason.POSITION_CLOSED} and not machine(world).open


def test_a_stop_fires_with_its_own_id_and_its_sibling_expires(world: World) -> None:
    parent = bracket(world)
    placed(world, order("trader-1", Side.SELL, 500_000, 10))
    placed(world, order("trader-2", Side.BUY, 490_000, 30))
    placed(world, order("trader-1", Side.SELL, 490_000, 5))
    stop, profit = ended(world, parent.stop_loss), ended(world, parent.take_profit)
    assert (stop.kind, stop.status, stop.filled) == (Kind.MARKET, Status.FILLED, 10)
    assert stop.trigger is not None and stop.trigger.fired_ms and stop.trigger.origin is Kind.STOP_MARKET
    assert profit.end_reason is EndReason.POSITION_CLOSED


def test_a_trigger_that_would_fire_at_once_is_refused(world: World) -> None:
    open_long(world, "trader-0")
    late = Trigger(Kind.STOP_MARKET, 510_000)
    reply = world.call(order("trader-0", Side.SELL, 0, 5, kind=Kind.STOP_MARKET, trigger=late))
    assert isinstance(reply, Rejected) and reply.reason is RejectReason.WOULD_TRIGGER


def test_a_countdown_cancels_everything_when_it_runs_out(world: World) -> None:
    parent = bracket(world)
    world.call(CancelAllAfter(1, "trader-0", 1_000))
    world.now_ms += 999
    world.submit(TimerFired(), world.engine_of(1).shard)
    world.drain()
    assert parent.id in machine(world).open
    world.now_ms += 1
    world.submit(TimerFired(), world.engine_of(1).shard)
    world.drain()
    assert ended(world, parent.id).end_reason is EndReason.COUNTDOWN and not machine(world).open


# Modifying


def modified(world: World, modify: Modify) -> Order:
    reply = world.call(modify)
    assert isinstance(reply, OrderReply), reply
    return reply.order


def refused(world: World, command: Command) -> RejectReason:
    reply = world.call(command)
    assert isinstance(reply, Rejected), reply
    return reply.reason


@pytest.mark.parametrize(("price", "quantity"), [(510_000, 200), (490_000, 50), (490_000, 300), (510_000, 41)])
def test_the_hold_follows_a_modified_order(world: World, price: int, quantity: int) -> None:
    bid = placed(world, order("trader-0", Side.BUY, 500_000, 100))
    placed(world, order("trader-1", Side.SELL, 500_000, 40))
    after = available(world, "trader-0") + 500_000 * 60 * 100 // 20
    again = modified(world, Modify(bid.id, "trader-0", price, quantity))
    assert (again.id, again.price, again.quantity, again.filled) == (bid.id, price, quantity, 40)
    assert again.hold == price * (quantity - 40) * 100 // 20
    assert available(world, "trader-0") == after - again.hold and not world.violations()
    world.call(Cancel(bid.id, "trader-0"))
    assert available(world, "trader-0") == after


def test_a_modified_order_loses_its_place_and_may_trade_at_once(world: World) -> None:
    first = placed(world, order("trader-0", Side.BUY, 500_000, 10))
    second = placed(world, order("trader-1", Side.BUY, 500_000, 10))
    modified(world, Modify(first.id, "trader-0", quantity=11))
    placed(world, order("trader-2", Side.SELL, 500_000, 5))
    assert [machine(world).open[each.id].filled for each in (first, second)] == [0, 5]
    placed(world, order("trader-2", Side.SELL, 505_000, 11))
    assert modified(world, Modify(first.id, "trader-0", price=505_000)).status is Status.FILLED


def test_what_cannot_be_modified_is_refused_and_stays(world: World) -> None:
    bid = placed(world, order("trader-0", Side.BUY, 500_000, 100, tif=TimeInForce.POST_ONLY))
    placed(world, order("trader-1", Side.SELL, 500_000, 40))
    placed(world, order("trader-1", Side.SELL, 501_000, 40))
    before = available(world, "trader-0")
    number = bid.id
    assert refused(world, Modify(number, "trader-1", price=1_000)) is RejectReason.UNKNOWN_ORDER
    assert refused(world, Modify(number + 99, "trader-0", price=1_000)) is RejectReason.UNKNOWN_ORDER
    assert refused(world, Modify(number, "trader-0", price=500_000)) is RejectReason.NOTHING_CHANGES
    assert refused(world, Modify(number, "trader-0", quantity=40)) is RejectReason.BELOW_FILLED
    assert refused(world, Modify(number, "trader-0", price=501_000)) is RejectReason.POST_ONLY
    assert refused(world, Modify(number, "trader-0", quantity=10**6)) is RejectReason.INSUFFICIENT_MARGIN
    world.call(SetMarketStatus(1, MarketStatus.HALTED))
    assert refused(world, Modify(number, "trader-0", price=499_000)) is RejectReason.MARKET_HALTED
    assert available(world, "trader-0") == before and not world.violations()
    rests = machine(world).open[number]
    assert (rests.price, rests.quantity, rests.filled) == (500_000, 100, 40)


def test_a_waiting_trigger_gets_another_stop_price(world: World) -> None:
    parent = bracket(world)
    placed(world, order("trader-1", Side.SELL, 500_000, 4))
    assert refused(world, Modify(parent.stop_loss, "trader-0", stop_price=500_000)) is RejectReason.WOULD_TRIGGER
    modified(world, Modify(parent.stop_loss, "trader-0", stop_price=495_000))
    placed(world, order("trader-2", Side.BUY, 495_000, 30))
    placed(world, order("trader-1", Side.SELL, 495_000, 10))
    assert ended(world, parent.stop_loss).filled == 10 and world.violations() == []


def test_attached_triggers_follow_their_modified_parent(world: World) -> None:
    parent = bracket(world)
    modified(world, Modify(parent.id, "trader-0", quantity=20))
    assert {machine(world).open[number].quantity for number in (parent.take_profit, parent.stop_loss)} == {20}
    world.call(Cancel(parent.id, "trader-0"))
    assert not machine(world).open and available(world, "trader-0") == FUNDS


def test_an_order_that_fills_while_its_change_is_under_way_keeps_what_it_had() -> None:
    world = make_world(4)
    away = next(name for name in ACCOUNTS if world.engine_of(1).links.is_account_shard(name) is False)
    bid = placed(world, order(away, Side.BUY, 500_000, 100))
    call = world.submit(Modify(bid.id, away, 400_000, 200))
    world.turn(call.shard)  # the change asks the account's shard for more
    seller = world.submit(order("trader-1" if away != "trader-1" else "trader-2", Side.SELL, 500_000, 90))
    world.drain()
    assert isinstance(seller.reply, OrderReply) and call.reply is not None
    assert world.violations() == []
    world.call(CancelAll(away, 1))
    assert world.violations() == []


# Client ids


def test_a_repeat_finds_the_first_order_after_firing_clamping_and_a_snapshot(world: World) -> None:
    open_long(world, "trader-0", 10)
    clamped = order("trader-0", Side.SELL, 600_000, 50, reduce_only=True, client_id="clamped", signed_ms=1)
    rests = placed(world, order("trader-0", Side.BUY, 400_000, 10, client_id="rests", signed_ms=1))
    stop = order("trader-0", Side.SELL, 480_000, 5, kind=Kind.STOP, client_id="stop", signed_ms=1)
    stop = replace(stop, order=replace(stop.order, trigger=Trigger(Kind.STOP, 490_000)))
    small, waits = placed(world, clamped), placed(world, stop)
    world.call(SetMarkPrice(1, 490_000))
    placed(world, order("trader-1", Side.BUY, 490_000, 1))
    placed(world, order("trader-2", Side.SELL, 490_000, 1))
    assert ended(world, waits.id).kind is Kind.LIMIT
    for _ in range(2):
        assert placed(world, clamped).id == small.id and small.quantity == 10
        assert placed(world, stop).id == waits.id
        assert machine(world).open[rests.id].client_id == "rests"
        for shard in range(world.shard_count):
            world.restart(shard, from_snapshot=True)
    world.call(CancelAll("trader-0", 1))
    assert placed(world, stop).id == waits.id, "the very same signed request"
    again = world.call(replace(stop, order=replace(stop.order, signed_ms=2)))
    assert isinstance(again, Rejected) and again.reason is RejectReason.WOULD_TRIGGER


def test_an_order_without_a_client_id_gets_one(world: World) -> None:
    taken = placed(world, order("trader-0", Side.BUY, 400_000, 10, client_id=f"sx-{(1 << 40) + 2}"))
    made = placed(world, order("trader-0", Side.BUY, 400_000, 10))
    assert made.client_id == f"sx-{made.id}." and taken.client_id == f"sx-{made.id}"


@pytest.mark.parametrize(("lots", "reason"), [(1, RejectReason.MIN_NOTIONAL), (3 * 10**8, RejectReason.MAX_NOTIONAL)])
def test_a_market_order_is_measured_at_the_mark(world: World, lots: int, reason: RejectReason) -> None:
    placed(world, order("trader-0", Side.BUY, 0, lots, kind=Kind.MARKET))  # without a mark there is no measure
    world.call(SetMarkPrice(1, 50_000))
    reply = world.call(order("trader-0", Side.BUY, 0, lots, kind=Kind.MARKET))
    assert isinstance(reply, Rejected) and reply.reason is reason
