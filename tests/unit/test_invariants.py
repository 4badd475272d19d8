"""The invariants see what is wrong, and say it in words."""

from collections.abc import Callable

import pytest

from shards.engine.engine import Engine
from shards.model.accounting import Wallet
from shards.model.commands import AddMarket, CancelAll, Deposit, Place, SetMarkPrice
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce, Trigger, WatchedPrice
from shards.verify.invariants import find_violations
from tests.model import colluders
from tests.model.stage import Stage
from tests.model.world import World, make_market


def small_world() -> World:
    """Alice rests a bid of 5 and one of 7 at the same price."""
    world = World(1)
    world.call(AddMarket(make_market(1)))
    world.call(Deposit("alice", "USDT", 10**9, "one"))
    for quantity in (5, 7):
        new = NewOrder(1, "alice", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, quantity, 0, f"id-{quantity}")
        world.call(Place(new))
    assert find_violations(world.engines) == []
    return world


def first_order(engine: Engine) -> Order:
    return next(iter(engine.markets[1].open.values()))


def give_money(engine: Engine) -> None:
    engine.accounts.wallets.by_account["alice"]["USDT"].available += 1


def take_a_fee_from_nobody(engine: Engine) -> None:
    engine.accounts.wallets.fees["USDT"] += 1


def go_below_zero(engine: Engine) -> None:
    balance = engine.accounts.wallets.by_account["alice"]["USDT"]
    balance.held, balance.available = balance.held + 2 * 10**9, balance.available - 2 * 10**9


def hold_too_little(engine: Engine) -> None:
    balance = engine.accounts.wallets.by_account["alice"]["USDT"]
    balance.held, balance.available = balance.held - 1, balance.available + 1


def let_an_order_hold_too_much(engine: Engine) -> None:
    first_order(engine).hold += 1


def overfill_an_order(engine: Engine) -> None:
    first_order(engine).filled = 99


def forget_the_accounts(engine: Engine) -> None:
    engine.markets[1].by_account.clear()


def forget_a_client_id(engine: Engine) -> None:
    next(iter(engine.markets[1].by_client.values())).popitem()


def take_an_order_off_the_book_alone(engine: Engine) -> None:
    engine.markets[1].book.bids.remove(first_order(engine))


def lose_time_order(engine: Engine) -> None:
    (level,) = engine.markets[1].book.bids
    first = first_order(engine)
    del level.orders[first.id]
    level.orders[first.id] = first


def add_up_wrongly(engine: Engine) -> None:
    (level,) = engine.markets[1].book.bids
    level.quantity += 1


@pytest.mark.parametrize(
    ("corrupt", "text"),
    [
        (give_money, "money: USDT"),
        (take_a_fee_from_nobody, "money: USDT"),
        (go_below_zero, "negative"),
        (hold_too_little, "holds: alice"),
        (let_an_order_hold_too_much, "it needs"),
        (overfill_an_order, "99 of 5 filled"),
        (forget_the_accounts, "index by account"),
        (forget_a_client_id, "index by client id"),
        (take_an_order_off_the_book_alone, "book and open orders differ"),
        (lose_time_order, "not in time order"),
        (add_up_wrongly, "does not add up"),
    ],
)
def test_what_is_wrong_is_found(corrupt: Callable[[Engine], None], text: str) -> None:
    world = small_world()
    corrupt(world.engines[0])
    assert any(text in found for found in find_violations(world.engines))


def release_under_way() -> World:
    """Carol of shard 1 has canceled her order on shard 0; nobody there knows yet that its money is free."""
    world = World(2)
    world.call(AddMarket(make_market(1)))
    world.call(Deposit("carol", "USDT", 10**9, "one"))
    world.call(Place(NewOrder(1, "carol", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 5, 0)))
    world.submit(CancelAll("carol"), 0)
    world.turn(0)
    assert len(world.engines[0].outboxes[1]) == 1
    assert find_violations(world.engines) == []
    return world


def test_money_under_way_is_counted_and_missed_when_it_is_lost() -> None:
    world = release_under_way()
    world.engines[0].outboxes[1].confirm(2)  # nobody has it
    assert any("holds: carol" in found for found in find_violations(world.engines))


def test_a_message_that_was_never_sent_is_noticed() -> None:
    world = release_under_way()
    world.engines[1].received[0] = 9
    assert any("never sent" in found for found in find_violations(world.engines))


def spot_order_granted() -> World:
    """Carol's money on shard 1 is held; the market on shard 0 has not heard of it."""
    world = World(2)
    world.call(AddMarket(make_market(1)))
    world.call(Deposit("carol", "USDT", 10**9, "one"))
    world.submit(Place(NewOrder(1, "carol", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 5, 0)))
    world.turn(0)
    world.turn(1)
    return world


def futures_order_granted() -> World:
    """The same of margin."""
    stage = with_margin()
    stage.ask(stage.order(stage.poor, Side.BUY, 50_000, 5))
    return stage.world


def fired_order_granted() -> World:
    """The same of a trigger's margin, once it has fired."""
    stage = with_margin()
    trigger = Trigger(Kind.STOP_MARKET, 51_000, WatchedPrice.MARK)
    stage.place(stage.poor, Side.BUY, 0, 5, kind=Kind.STOP_MARKET, trigger=trigger)
    stage.between(SetMarkPrice(1, 51_000))
    stage.world.pump(stage.here, stage.there)
    stage.world.turn(stage.there)
    return stage.world


def with_margin() -> Stage:
    stage = Stage()
    stage.mark(50_000)
    stage.pay(stage.poor, 10**5 * colluders.USDT)
    return stage


@pytest.mark.parametrize("make", [spot_order_granted, futures_order_granted, fired_order_granted])
def test_a_market_that_its_orders_do_not_find_is_named(make: Callable[[], World]) -> None:
    """The shard that was to place them has lost it."""
    world = make()
    assert find_violations(world.engines) == []
    shard = world.engine_of(1).shard
    world.engines[shard].markets.clear()
    assert f"shard {shard}: market 1 is missing, but orders are on their way to it" in find_violations(world.engines)


class Falling(dict[int, int]):
    """Marks that are worth nothing once they have been looked at."""

    def __getitem__(self, market: int) -> int:
        mark = super().__getitem__(market)
        self[market] = 0
        return mark


def test_a_hold_and_a_fill_that_take_more_than_there_is_are_found() -> None:
    """Where a fault lets an order have margin that its account has not."""
    world = World(1)
    world.call(AddMarket(colluders.make_market(1)))
    bid, ask = (
        Place(NewOrder(1, account, side, Kind.LIMIT, TimeInForce.GTC, 50_000, 5, 0))
        for account, side in (("alice", Side.BUY), ("bob", Side.SELL))
    )
    for account in ("alice", "bob"):
        world.call(Deposit(account, "USDT", 10**12, "one", Wallet.FUTURES))
    for message in (bid, ask, SetMarkPrice(1, 50_000)):
        world.call(message)
    margins = world.engines[0].accounts.margins
    alice = margins.by_account["alice"]
    world.call(Deposit("alice", "USDT", alice.markets[1].position.cost // 2 - alice.wallet, "two", Wallet.FUTURES))
    assert find_violations(world.engines) == []
    marks, margins.marks = margins.marks, Falling(margins.marks)
    world.call(bid)
    margins.marks = marks
    assert any("alice in market 1: a hold of" in found for found in find_violations(world.engines))
    margins.overdrawn.clear()
    first_order(world.engines[0]).leverage = 1  # its fill takes its whole value, of which a twentieth is held
    world.call(ask)
    assert any("alice in market 1: a fill took" in found for found in find_violations(world.engines))
