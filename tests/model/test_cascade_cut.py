"""A parent and its take-profit and stop-loss end in one journal record: whatever is cut off, they agree.

Every history is written to real journals. These are cut after every record, of one shard and of both, wherever a crash
could leave them, and what recovers from them must be whole: parent and children, the hold, the money.
"""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from shards.engine.engine import Engine
from shards.engine.market.futures import FuturesMarket
from shards.engine.outbox import ARCHIVE
from shards.model.accounting import Wallet
from shards.model.codec import decode_event, decode_link
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    Deposit,
    Place,
    SetMarketStatus,
    TimerFired,
)
from shards.model.events import OrderEnded
from shards.model.links import SettleMargin
from shards.model.markets import MarketStatus, shard_of_account
from shards.model.orders import EndReason, Kind, NewOrder, Order, Side, Status, TimeInForce, Trigger
from shards.model.replies import OrderReply
from shards.runtime.recovery import apply_record
from shards.verify.invariants import find_violations
from storage.journal import START, Journal
from tests.model.futures_profiles import PROFILES, make_futures_market
from tests.model.world import World

MARKET = make_futures_market(PROFILES["makers_and_takers"])
SHARDS = 2
FUNDS = 10**7
PRICE, QUANTITY, FILLED = 5_000, 10, 4


class Scene:
    """A market, the account whose orders end, and another one to trade with, kept by two shards."""

    def __init__(self, *, account_here: bool, filled: bool) -> None:
        self.world = World(SHARDS)
        self.world.archiving = False
        self.world.call(AddMarket(MARKET))
        self.market_shard = self.world.engine_of(1).shard
        self.account_shard = self.market_shard if account_here else 1 - self.market_shard
        self.account, self.other = self.account_of(self.account_shard, 0), self.account_of(1 - self.account_shard, 0)
        children = Trigger(Kind.TAKE_PROFIT_MARKET, PRICE + 5), Trigger(Kind.STOP_MARKET, PRICE - 5)
        self.parent = self.place(self.account, Side.BUY, PRICE, QUANTITY, children)
        if filled:
            self.place(self.other, Side.SELL, PRICE, FILLED)

    def account_of(self, account_shard: int, index: int) -> str:
        """One of the accounts of that shard, with money."""
        names = [
            name
            for name in (f"trader-{number}" for number in range(99))
            if shard_of_account(name, SHARDS) == account_shard
        ]
        self.world.call(Deposit(names[index], "USDT", FUNDS, "funds", Wallet.FUTURES))
        return names[index]

    def place(
        self, account: str, side: Side, price: int, quantity: int, children: tuple[Trigger | None, ...] = (None, None)
    ) -> Order:
        terms = 1, account, side, Kind.LIMIT, TimeInForce.GTC, price, quantity, 0
        profit, loss = children
        reply = self.world.call(Place(NewOrder(*terms, take_profit=profit, stop_loss=loss)))
        assert isinstance(reply, OrderReply), reply
        return reply.order


def cancel(scene: Scene) -> None:
    scene.world.call(Cancel(scene.parent.id, scene.account))


def cancel_while_halted(scene: Scene) -> None:
    scene.world.call(SetMarketStatus(1, MarketStatus.HALTED))
    cancel(scene)


def cancel_a_batch(scene: Scene) -> None:
    """One of the children comes before its parent, the other after it."""
    parent = scene.parent
    scene.world.call(CancelBatch(1, scene.account, [parent.stop_loss, parent.id, parent.take_profit]))


def cancel_all(scene: Scene) -> None:
    scene.world.call(CancelAll(scene.account, 1))


def count_down(scene: Scene) -> None:
    scene.world.call(CancelAllAfter(1, scene.account, 100))
    scene.world.now_ms += 100
    scene.world.submit(TimerFired(), scene.market_shard)
    scene.world.drain()


def stand_in_the_way(scene: Scene) -> None:
    """The parent ends by itself: its account trades against it."""
    scene.place(scene.account, Side.SELL, PRICE, 1)


def fill(scene: Scene) -> None:
    scene.place(scene.other, Side.SELL, PRICE, QUANTITY)


def fire_a_child(scene: Scene) -> None:
    """The take-profit fires, where the parent has a fill: it ends the parent and closes the position."""
    scene.place(scene.other, Side.BUY, PRICE + 5, 20)
    scene.place(scene.account_of(1 - scene.account_shard, 1), Side.SELL, PRICE + 5, 1)


def delist(scene: Scene) -> None:
    scene.world.call(SetMarketStatus(1, MarketStatus.DELISTED))


CANCELED = [cancel, cancel_while_halted, cancel_a_batch, cancel_all, count_down]
ENDS = [(end, filled) for end in (*CANCELED, stand_in_the_way, fill) for filled in (False, True)]
ENDS += [(delist, False), (fire_a_child, True)]  # positions keep a market from it; without a fill it does not fire


@pytest.mark.parametrize("account_here", [True, False], ids=["account_here", "account_elsewhere"])
@pytest.mark.parametrize(("end", "filled"), ENDS)
def test_parent_children_and_money_agree_wherever_the_journals_are_cut(
    tmp_path: Path, end: Callable[[Scene], None], filled: bool, account_here: bool
) -> None:
    scene = Scene(account_here=account_here, filled=filled)
    end(scene)
    world = scene.world
    assert world.violations() == []
    histories = [recover_all(world, shard, tmp_path) for shard in range(SHARDS)]
    for engine in histories[scene.market_shard]:
        check_family(engine, scene.parent)
    pairs = [(one, two) for one in histories[0] for two in histories[1] if may_meet(one, two)]
    assert len(pairs) > max(map(len, histories))
    for one, two in pairs:
        assert find_violations([one, two]) == []
    check_release(scene, histories)
    if end in (*CANCELED, delist):
        check_all_is_back(scene, filled)


def recover_all(world: World, shard: int, folder: Path) -> list[Engine]:
    """What recovers from the shard's journal, cut after each of its records; the market's is never without a market."""
    path = folder / f"{shard}.sqlite"
    journal = Journal(path)
    for record in world.nodes[shard].journal:
        journal.append([record])
    journal.close()
    first = 2 if world.engine_of(1).shard == shard else 0  # the rules come first
    return [recover(path, shard, length) for length in range(first, len(world.nodes[shard].journal) + 1)]


def recover(path: Path, shard: int, length: int) -> Engine:
    left = path.with_name(f"{shard}-{length}.sqlite")
    shutil.copy(path, left)
    db = sqlite3.connect(left)
    with db:
        db.execute("DELETE FROM journal WHERE sequence > ?", [length])
    db.close()
    journal, engine = Journal(left), Engine(shard, SHARDS)
    for record in journal.read(START):
        apply_record(engine, record)
    journal.close()
    assert engine.sequence == length
    return engine


def may_meet(one: Engine, two: Engine) -> bool:
    """Whether neither has received what the other has not sent yet."""
    return (
        one.received[two.shard] <= two.outboxes[one.shard].last_number
        and two.received[one.shard] <= one.outboxes[two.shard].last_number
    )


def ended_in(engine: Engine) -> dict[int, Order]:
    events = [decode_event(posted.body) for posted in engine.outboxes[ARCHIVE].after(0)]
    return {event.order.id: event.order for event in events if isinstance(event, OrderEnded)}


def check_family(engine: Engine, placed: Order) -> None:
    """All of a family are open; or canceled by one record; or the parent is over and the children on their own."""
    machine = engine.markets[1]
    assert isinstance(machine, FuturesMarket)
    ended = ended_in(engine)
    children = placed.take_profit, placed.stop_loss
    family = {placed.id, *children}
    assert not ended.keys() & machine.open.keys()
    if placed.id not in ended:
        waiting = {*children} if placed.id in machine.open else set()  # not placed yet
        assert family & ended.keys() == set() and machine.triggers.waiting.keys() == waiting
        assert set(machine.triggers.children.get(placed.id, ())) == waiting
        return
    parent = ended[placed.id]
    assert placed.id not in machine.triggers.children and parent.hold == 0
    if parent.status is Status.CANCELED or not parent.filled:
        assert family <= ended.keys()
        assert {ended[number].request for number in family} == {parent.request}
        assert {ended[number].status for number in children} == {Status.CANCELED}
        return
    for number in children:
        child = machine.open.get(number) or ended[number]
        assert child.quantity <= parent.filled and child.end_reason is not EndReason.CASCADE


def check_release(scene: Scene, histories: list[list[Engine]]) -> None:
    """What the parent held leaves in the record that ends it: at once here, elsewhere in one link message."""
    engines = histories[scene.market_shard]
    last = next(engine for engine in engines if scene.parent.id in ended_in(engine))
    before = engines[engines.index(last) - 1]
    parent = before.markets[1].open[scene.parent.id]
    assert parent.hold > 0
    if scene.account_shard == scene.market_shard:
        still_open = last.markets[1].by_account.get(scene.account, {}).values()
        assert last.accounts.margins.get(scene.account).markets[1].hold == sum(order.hold for order in still_open)
        return
    new = last.outboxes[scene.account_shard].after(before.outboxes[scene.account_shard].last_number)
    messages = [
        message for message in (decode_link(posted.body) for posted in new) if isinstance(message, SettleMargin)
    ]
    (settled,) = messages
    own = [each for each in settled.settlements if each.account == scene.account and each.side is parent.side]
    assert sum(each.released for each in own) == parent.hold


def check_all_is_back(scene: Scene, filled: bool) -> None:
    """Nothing is held any more; without a fill the account has what it had."""
    margins = scene.world.engines[scene.account_shard].accounts.margins
    margin = margins.get(scene.account).markets[1]
    assert (margin.hold, margin.bid_value, margin.ask_value) == (0, 0, 0)
    assert filled or margins.free(scene.account) == FUNDS
