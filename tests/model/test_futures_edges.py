"""Rare meetings of rules on a futures market: fill or kill with reduce-only, modified orders that come again, sizes."""

import pytest
from msgspec.structs import replace

from shards.limits import CHILDREN_MAX
from shards.model.commands import Cancel, Modify, Place, SetMarketStatus, SetMarkPrice
from shards.model.markets import MarketStatus, shard_of_account
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trigger, WatchedPrice
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected
from tests.model.test_futures import (
    ACCOUNTS,
    FUNDS,
    available,
    ended,
    machine,
    make_world,
    modified,
    open_long,
    order,
    placed,
    refused,
)
from tests.model.world import World

LAST = ACCOUNTS[-1]  # who sells when others open a position
FOK = TimeInForce.FOK


@pytest.fixture
def world() -> World:
    return make_world(1)


def test_fill_or_kill_counts_a_reduce_only_order_as_large_as_it_can_become(world: World) -> None:
    open_long(world, "trader-0", 10)
    placed(world, order("trader-1", Side.BUY, 499_000, 20))
    sale = placed(world, order("trader-0", Side.SELL, 499_000, 50, tif=FOK, reduce_only=True))
    assert (sale.status, sale.filled) == (Status.FILLED, 10)


def test_fill_or_kill_knows_that_an_order_before_uses_up_what_a_reduce_only_one_may_sell(world: World) -> None:
    open_long(world, "trader-0", 5)
    placed(world, order("trader-0", Side.SELL, 501_000, 5))
    placed(world, order("trader-0", Side.SELL, 502_000, 5, reduce_only=True))
    reply = world.call(order("trader-1", Side.BUY, 502_000, 6, tif=FOK))
    assert isinstance(reply, Rejected) and reply.reason is RejectReason.CANNOT_FILL
    assert placed(world, order("trader-1", Side.BUY, 502_000, 5, tif=FOK)).status is Status.FILLED


def test_a_trailing_order_placed_before_any_price_follows_the_first_one(world: World) -> None:
    terms = Trigger(Kind.TRAILING_STOP_MARKET, callback=100)
    trailing = placed(world, order("trader-0", Side.BUY, 0, 3, kind=Kind.TRAILING_STOP_MARKET, trigger=terms))
    open_long(world, "trader-1", 1)
    waits = machine(world).triggers.waiting[trailing.id].trigger
    assert waits is not None and waits.activation == 500_000
    placed(world, order("trader-2", Side.SELL, 505_000, 10))
    placed(world, order("trader-1", Side.BUY, 505_000, 1))
    assert ended(world, trailing.id).filled == 3


def test_a_price_that_came_in_the_midst_of_a_trade_fires_a_trigger(world: World) -> None:
    open_long(world, "trader-0", 10)
    placed(world, order("trader-2", Side.SELL, 501_000, 1))
    placed(world, order("trader-1", Side.BUY, 501_000, 1))
    stop = order("trader-0", Side.SELL, 0, 10, kind=Kind.STOP_MARKET, trigger=Trigger(Kind.STOP_MARKET, 500_500))
    waits = placed(world, replace(stop, order=replace(stop.order, reduce_only=True)))
    placed(world, order("trader-1", Side.BUY, 499_000, 20))
    for price in (500_000, 505_000):
        placed(world, order("trader-2", Side.SELL, price, 1))
    placed(world, order("trader-1", Side.BUY, 0, 2, kind=Kind.MARKET))
    assert ended(world, waits.id).filled == 10 and machine(world).margin.last_price == 499_000


def away_world() -> tuple[World, str]:
    """Four shards, and an account of another shard than the market's."""
    world = make_world(4)
    return world, next(name for name in ACCOUNTS[:3] if not world.engine_of(1).links.is_account_shard(name))


def fire_away(world: World, account: str, offered: int = 20) -> Order:
    """A buy stop for 10 that has fired and whose margin is on its way; so much is offered."""
    stop = order(account, Side.BUY, 510_000, 10, kind=Kind.STOP, trigger=Trigger(Kind.STOP, 505_000, WatchedPrice.MARK))
    placed(world, order("trader-3", Side.SELL, 510_000, offered))
    waits = placed(world, stop)
    call = world.submit(SetMarkPrice(1, 506_000))
    world.turn(call.shard)
    assert waits.id in machine(world).awaiting_margin
    return waits


def test_a_fired_trigger_canceled_before_its_margin_comes_gives_it_back() -> None:
    world, account = away_world()
    waits = fire_away(world, account)
    cancel = world.submit(Cancel(waits.id, account))
    world.turn(cancel.shard)
    world.drain()
    assert ended(world, waits.id).status is Status.CANCELED
    assert available(world, account) == FUNDS and world.violations() == []


def test_a_fired_trigger_does_not_trade_in_a_market_that_was_halted_since() -> None:
    world, account = away_world()
    waits = fire_away(world, account)
    halt = world.submit(SetMarketStatus(1, MarketStatus.HALTED))
    world.turn(halt.shard)
    world.drain()
    end = ended(world, waits.id)
    assert (end.status, end.end_reason, end.filled) == (Status.EXPIRED, EndReason.HALTED, 0)
    assert available(world, account) == FUNDS and world.violations() == []


def test_a_change_that_came_with_the_margin_of_its_fired_trigger_asks_for_its_own() -> None:
    world, account = away_world()
    waits = fire_away(world, account, offered=4)
    account_shard = shard_of_account(account, 4)
    world.pump(1, account_shard)
    world.turn(account_shard)
    world.pump(account_shard, 1)
    change = world.submit(Modify(waits.id, account, quantity=12))
    world.turn(change.shard)
    world.drain()
    assert isinstance(change.reply, OrderReply) and change.reply.order.quantity == 12
    assert world.violations() == []


def test_a_trigger_attached_to_one_that_has_fired_waits_again_after_a_restart() -> None:
    world, account = away_world()
    parent = fire_away(world, account)
    stop = order(
        account, Side.SELL, 0, 4, kind=Kind.STOP_MARKET, trigger=Trigger(Kind.STOP_MARKET, 490_000, parent=parent.id)
    )
    call = world.submit(stop)
    world.turn(call.shard)
    assert len(machine(world).triggers.children_of(parent.id)) == 1
    world.take_snapshot(call.shard)
    world.restart(call.shard)
    assert len(machine(world).triggers.children_of(parent.id)) == 1
    world.drain()
    assert world.violations() == []


def bracketed(account: str, quantity: int, price: int = 500_000, **more: object) -> Place:
    profit, loss = Trigger(Kind.TAKE_PROFIT_MARKET, 520_000), Trigger(Kind.STOP_MARKET, 480_000)
    return order(account, Side.BUY, price, quantity, take_profit=profit, stop_loss=loss, **more)


def open_short(world: World, account: str, quantity: int) -> None:
    placed(world, order(LAST, Side.BUY, 500_000, quantity))
    placed(world, order(account, Side.SELL, 500_000, quantity))


@pytest.mark.parametrize("rests", [True, False], ids=["maker", "taker"])
@pytest.mark.parametrize(("quantity", "left"), [(5, 0), (8, 2), (3, 2)])
def test_what_a_filled_order_hands_over_stands_on_the_position_it_leaves(
    world: World, quantity: int, left: int, *, rests: bool
) -> None:
    """Nothing is left of a position that it closed; the one that it turned to is protected, taker or maker."""
    open_short(world, "trader-0", 5)
    sale = order("trader-1", Side.SELL, 500_000, quantity)
    if rests:
        parent = placed(world, bracketed("trader-0", quantity))
        placed(world, sale)
    else:
        placed(world, sale)
        parent = placed(world, bracketed("trader-0", quantity))
    assert ended(world, parent.id).status is Status.FILLED
    waiting = machine(world).triggers.waiting
    assert [number in waiting for number in (parent.take_profit, parent.stop_loss)] == [left > 0] * 2
    if not left:
        assert ended(world, parent.stop_loss).end_reason is EndReason.POSITION_CLOSED


def test_another_take_profit_is_another_order(world: World) -> None:
    first = bracketed("trader-0", 5, 490_000, client_id="one")
    parent = placed(world, first)
    assert placed(world, first).id == parent.id
    for change in ({"take_profit": Trigger(Kind.TAKE_PROFIT_MARKET, 530_000)}, {"stop_loss": None}):
        reply = world.call(replace(first, order=replace(first.order, **change)))
        assert isinstance(reply, Rejected) and reply.reason is RejectReason.DUPLICATE_CLIENT_ID


REQUESTS: dict[str, dict[str, object]] = {
    "limit": {"price": 490_000, "tif": TimeInForce.GTC},
    "reduce-only": {"side": Side.SELL, "price": 510_000, "reduce_only": True},
    "stop": {"kind": Kind.STOP, "price": 510_000, "trigger": Trigger(Kind.STOP, 505_000)},
    "stop-market": {"kind": Kind.STOP_MARKET, "trigger": Trigger(Kind.STOP_MARKET, 505_000)},
    "trailing": {
        "kind": Kind.TRAILING_STOP_MARKET,
        "trigger": Trigger(Kind.TRAILING_STOP_MARKET, activation=490_000, callback=100),
    },
}
OTHER_TERMS = {
    "side": Side.SELL,
    "tif": TimeInForce.POST_ONLY,
    "price": 489_000,
    "quantity": 9,
    "reduce_only": True,
}
OTHER_TRIGGERS = {
    "stop_price": 506_000,
    "watched": WatchedPrice.MARK,
    "protect": True,
    "activation": 491_000,
    "callback": 200,
    "parent": 1,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_order_with_any_other_term_is_another_one(world: World, name: str) -> None:
    """Not if it is the same again: a trailing one may leave out its activation."""
    open_long(world, "trader-0", 20)
    terms = {"client_id": "one", "side": Side.BUY, "price": 0, "quantity": 10} | REQUESTS[name]
    place = order("trader-0", terms.pop("side"), terms.pop("price"), terms.pop("quantity"), **terms)  # type: ignore[arg-type]
    first, new = placed(world, place), place.order
    same = [place]
    others = [
        replace(place, order=replace(new, **{term: value}))
        for term, value in OTHER_TERMS.items()
        if getattr(new, term) != value
    ]
    larger = replace(place, order=replace(new, quantity=11))
    (same if new.reduce_only else others).append(larger)  # one that only reduces may have become smaller
    if new.trigger is not None:
        for term, value in OTHER_TRIGGERS.items():
            others.append(replace(place, order=replace(new, trigger=replace(new.trigger, **{term: value}))))
        others.append(replace(place, order=replace(new, close_position=True)))
        same.append(replace(place, order=replace(new, trigger=replace(new.trigger, activation=0))))
    for again in same:
        reply = world.call(again)
        assert isinstance(reply, OrderReply) and reply.repeated and reply.order.id == first.id
    for other in others:
        reply = world.call(other)
        assert isinstance(reply, Rejected) and reply.reason is RejectReason.DUPLICATE_CLIENT_ID, other


def test_nobody_learns_of_anothers_order_by_naming_it_as_a_parent(world: World) -> None:
    parent = placed(world, order("trader-0", Side.BUY, 400_000, 10))
    for number in (parent.id, parent.id + 99):
        terms = Trigger(Kind.STOP_MARKET, 390_000, parent=number)
        child = order("trader-0", Side.SELL, 0, 1, kind=Kind.STOP_MARKET, trigger=terms)
        for _ in range(CHILDREN_MAX if number == parent.id else 0):
            placed(world, child)
        reply = world.call(replace(child, order=replace(child.order, account="trader-1")))
        assert isinstance(reply, Rejected) and reply.reason is RejectReason.PARENT_NOT_OPEN


def test_a_stop_price_is_no_change_to_an_order_on_the_book(world: World) -> None:
    open_long(world, "trader-0", 10)
    first = placed(world, order("trader-0", Side.SELL, 510_000, 5, reduce_only=True))
    assert refused(world, Modify(first.id, "trader-0", stop_price=490_000)) is RejectReason.NOTHING_CHANGES


@pytest.mark.parametrize(("given", "shown"), [(0, 10), (6, 6), (50, 10)])
def test_an_attached_trigger_is_never_larger_than_its_parent(world: World, given: int, shown: int) -> None:
    parent = placed(world, order("trader-0", Side.BUY, 500_000, 10))
    terms = Trigger(Kind.STOP_MARKET, 490_000, parent=parent.id)
    child = placed(world, order("trader-0", Side.SELL, 0, given, kind=Kind.STOP_MARKET, trigger=terms))
    assert child.quantity == shown
    modified(world, Modify(parent.id, "trader-0", quantity=4))
    assert machine(world).open[child.id].quantity == 4


def test_the_same_request_finds_its_order_whatever_became_of_either(world: World) -> None:
    bid = order("trader-0", Side.BUY, 500_000, 10, client_id="one", signed_ms=1)
    first = placed(world, bid)
    modified(world, Modify(first.id, "trader-0", price=499_000))
    assert placed(world, bid).id == first.id
    placed(world, order(LAST, Side.SELL, 499_000, 10))
    second = placed(world, replace(bid, order=replace(bid.order, price=498_000, signed_ms=2)))
    again = world.call(bid)
    assert isinstance(again, OrderReply) and again.repeated and again.order.id == first.id != second.id
