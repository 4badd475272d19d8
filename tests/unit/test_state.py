"""An engine's state as bytes: equal states are equal bytes, and what is loaded goes on like what was dumped."""

import json

from shards.engine.outbox import ARCHIVE
from shards.engine.state import dump_state, dump_underway, load_engine
from shards.model.accounting import Wallet
from shards.model.codec import decode_event
from shards.model.commands import AddMarket, CancelAll, Deposit, Place
from shards.model.events import OrderEnded
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.replies import OrderReply
from tests.model.world import World, make_market


def limit(market: int, account: str, side: Side, price: int, quantity: int, client_id: str = "") -> Place:
    signed_ms = 7 if client_id else 0
    return Place(NewOrder(market, account, side, Kind.LIMIT, TimeInForce.GTC, price, quantity, 0, client_id, signed_ms))


def busy_world(shard_count: int) -> World:
    """Markets in no order of number, open orders, fees, replays, deposits, rows not yet archived."""
    world = World(shard_count)
    world.archiving = False
    for number, symbol in ((3, "DFUSDT"), (1, "BTCUSDT"), (2, "ETHUSDT")):
        world.call(AddMarket(make_market(number, symbol, maker_fee_bps=7, taker_fee_bps=9)))
    for account in ("alice", "bob", "carol", "dave"):
        for asset in ("USDT", "DF", "BTC", "ETH"):
            world.call(Deposit(account, asset, 10**12, asset))
        world.call(Deposit(account, "USDT", 10**6, "futures", Wallet.FUTURES))
    for market in (1, 2, 3):
        world.call(limit(market, "carol", Side.SELL, 101, 5, "one"))
        world.call(limit(market, "alice", Side.SELL, 100, 5, "one"))
        world.call(limit(market, "bob", Side.BUY, 100, 3))
        world.call(limit(market, "dave", Side.BUY, 99, 3, "two"))
    return world


def test_what_is_loaded_dumps_to_the_same_bytes() -> None:
    for shard_count in (1, 4):
        for engine in busy_world(shard_count).engines:
            state, underway = dump_state(engine), dump_underway(engine)
            again = load_engine(state, underway)
            assert dump_state(again) == state
            assert json.loads(dump_underway(again)) == json.loads(underway)


def test_the_same_inputs_make_the_same_bytes() -> None:
    first, second = busy_world(2), busy_world(2)
    assert [dump_state(engine) for engine in first.engines] == [dump_state(engine) for engine in second.engines]


def test_rows_leave_in_the_same_order_from_a_loaded_engine() -> None:
    """Else the archive, which goes on at a row's number, would miss one and store another twice."""
    world = busy_world(1)
    world.take_snapshot(0)
    first_number = world.engines[0].outboxes[ARCHIVE].last_number
    world.call_all(CancelAll("alice"))
    rows = [posted.body for posted in world.engines[0].outboxes[ARCHIVE].after(first_number)]
    assert len(rows) == 3
    world.restart(0)
    assert [posted.body for posted in world.engines[0].outboxes[ARCHIVE].after(first_number)] == rows


def test_ended_orders_that_the_archive_does_not_have_are_at_hand_after_a_restart() -> None:
    world = busy_world(2)
    ended = {number: order for engine in world.engines for number, order in engine.unarchived.orders.items()}
    assert ended
    for shard in range(2):
        world.take_snapshot(shard)
        world.restart(shard)
    assert {number: order for engine in world.engines for number, order in engine.unarchived.orders.items()} == ended
    events = [decode_event(posted.body) for engine in world.engines for posted in engine.outboxes[ARCHIVE]]
    assert {event.order.id for event in events if isinstance(event, OrderEnded)} == ended.keys()


def test_a_replay_shows_the_resting_order_itself_after_a_restart() -> None:
    world = busy_world(1)
    world.take_snapshot(0)
    world.restart(0)
    machine = world.engines[0].markets[1]
    order = machine.by_client["carol"]["one"]
    assert machine.replays.find(limit(1, "carol", Side.SELL, 101, 5, "one").order) is order
    world.call(limit(1, "bob", Side.BUY, 101, 4))
    reply = world.call(limit(1, "carol", Side.SELL, 101, 5, "one"))
    assert isinstance(reply, OrderReply) and reply.repeated and reply.order.filled == 2
