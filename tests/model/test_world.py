"""What happens between shards: holds, grants and releases under delay, death, full mailboxes and full disks."""

import pytest

from shards.limits import DEADLINE_MS, OPEN_ORDERS_MAX, REPEAT_COUNT_MAX
from shards.model.accounting import Balance
from shards.model.commands import AddMarket, Cancel, Deposit, Place
from shards.model.orders import Kind, NewOrder, Side, Status, TimeInForce
from shards.model.queries import GetBalances
from shards.model.reasons import RejectReason
from shards.model.replies import BalancesReply, OrderReply, Rejected
from tests.model.world import Call, World, make_market

MARKET_SHARD, ACCOUNT_SHARD = 0, 1  # of DFUSDT and of carol, with two shards


@pytest.fixture
def world() -> World:
    world = World(2)
    world.call(AddMarket(make_market(1)))
    world.call(Deposit("carol", "USDT", 10**6, "one"))
    return world


def bid(quantity: int = 5, client_id: str = "") -> Place:
    return Place(NewOrder(1, "carol", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, quantity, 0, client_id))


def request_hold(world: World) -> Call:
    """An order whose hold is in the account shard's mailbox."""
    call = world.submit(bid())
    world.turn(MARKET_SHARD)
    assert call.reply is None and len(world.nodes[ACCOUNT_SHARD].requests) == 1
    return call


def balance(world: World) -> Balance:
    """Carol's wallet as her account shard has it."""
    (wallet,) = world.engines[ACCOUNT_SHARD].accounts.wallets.list("carol")
    return wallet


def test_an_order_is_answered_when_its_grant_has_come(world: World) -> None:
    call = request_hold(world)
    world.turn(ACCOUNT_SHARD)
    assert world.violations() == []
    world.pump(ACCOUNT_SHARD, MARKET_SHARD)
    world.turn(MARKET_SHARD)
    assert isinstance(call.reply, OrderReply) and call.reply.order.status is Status.OPEN


def test_a_refused_hold_is_answered_with_the_reason(world: World) -> None:
    call = world.submit(bid(11))
    world.turn(MARKET_SHARD)
    world.turn(ACCOUNT_SHARD)
    assert call.reply == Rejected(RejectReason.INSUFFICIENT_BALANCE)


def test_a_grant_past_its_deadline_is_not_placed_and_its_hold_released(world: World) -> None:
    call = request_hold(world)
    world.turn(ACCOUNT_SHARD)
    world.now_ms += DEADLINE_MS + 1
    world.drain()
    assert call.reply == Rejected(RejectReason.TIMEOUT)
    assert balance(world) == Balance("USDT", 10**6, 0)
    assert not world.engine_of(1).markets[1].open


def test_a_hold_past_its_deadline_holds_nothing(world: World) -> None:
    call = request_hold(world)
    world.now_ms += DEADLINE_MS + 1
    world.drain()
    assert call.reply == Rejected(RejectReason.TIMEOUT)
    assert balance(world) == Balance("USDT", 10**6, 0)


def test_a_grant_is_placed_after_the_market_shards_restart(world: World) -> None:
    call = request_hold(world)
    world.turn(ACCOUNT_SHARD)
    world.restart(MARKET_SHARD)
    assert call.reply == Rejected(RejectReason.TIMEOUT)
    world.drain()
    assert len(world.engine_of(1).markets[1].open) == 1
    assert balance(world) == Balance("USDT", 5 * 10**5, 5 * 10**5)


def test_a_grant_is_made_again_after_the_account_shards_restart(world: World) -> None:
    call = request_hold(world)
    world.turn(ACCOUNT_SHARD)
    world.restart(ACCOUNT_SHARD)
    assert call.reply == Rejected(RejectReason.TIMEOUT), "whether it is placed is unknown to the market shard"
    world.drain()
    assert len(world.engine_of(1).markets[1].open) == 1
    assert balance(world).held == 5 * 10**5


def test_a_hold_in_the_mailbox_of_an_account_shard_that_dies_is_lost_without_a_trace(world: World) -> None:
    call = request_hold(world)
    world.restart(ACCOUNT_SHARD)
    world.drain()
    assert call.reply == Rejected(RejectReason.TIMEOUT)
    assert balance(world) == Balance("USDT", 10**6, 0)
    assert not world.engine_of(1).markets[1].open


def test_an_account_shard_that_is_down_refuses_at_once_with_nothing_done(world: World) -> None:
    world.crash(ACCOUNT_SHARD)
    call = world.submit(bid())
    world.turn(MARKET_SHARD)
    assert call.reply == Rejected(RejectReason.RESTARTING)
    world.start(ACCOUNT_SHARD)
    world.drain()
    assert balance(world) == Balance("USDT", 10**6, 0)


def test_a_full_mailbox_of_the_account_shard_is_busy() -> None:
    world = World(2, queue_depth=2)
    world.call(AddMarket(make_market(1)))
    world.call(Deposit("carol", "USDT", 10**6, "one"))
    for number in range(2):
        world.submit(Deposit("carol", "USDT", 1, f"more-{number}"))
    call = world.submit(bid())
    world.turn(MARKET_SHARD)
    assert call.reply == Rejected(RejectReason.BUSY)
    world.drain()
    assert balance(world) == Balance("USDT", 10**6 + 2, 0)


def test_a_reply_waits_until_the_release_is_in_the_account_shards_queue(world: World) -> None:
    placed = world.call(bid())
    assert isinstance(placed, OrderReply)
    call = world.submit(Cancel(placed.order.id, "carol"))
    world.turn(MARKET_SHARD)
    assert call.reply is None, "a caller could ask for his balance before it is free"
    world.pump(MARKET_SHARD, ACCOUNT_SHARD)
    assert isinstance(call.reply, OrderReply)
    requested = world.submit(GetBalances("carol"))
    world.turn(ACCOUNT_SHARD)
    assert requested.reply == BalancesReply([Balance("USDT", 10**6, 0)])


def test_a_reply_does_not_wait_for_an_account_shard_that_is_down(world: World) -> None:
    placed = world.call(bid())
    assert isinstance(placed, OrderReply)
    world.crash(ACCOUNT_SHARD)
    call = world.submit(Cancel(placed.order.id, "carol"))
    world.turn(MARKET_SHARD)
    assert isinstance(call.reply, OrderReply)
    world.start(ACCOUNT_SHARD)
    world.drain()
    assert balance(world) == Balance("USDT", 10**6, 0)


def test_a_full_disk_refuses_commands_and_takes_link_messages_later(world: World) -> None:
    call = request_hold(world)
    world.turn(ACCOUNT_SHARD)
    world.nodes[MARKET_SHARD].full = True
    refused = world.submit(Cancel(1, "carol"), MARKET_SHARD)
    world.pump(ACCOUNT_SHARD, MARKET_SHARD)
    world.turn(MARKET_SHARD)
    assert refused.reply == Rejected(RejectReason.STORAGE_FULL) and call.reply is None
    assert world.violations() == []
    world.nodes[MARKET_SHARD].full = False
    world.drain()
    assert isinstance(call.reply, OrderReply)


def test_repeats_at_once_do_not_compete_for_the_money(world: World) -> None:
    calls = [world.submit(bid(10, client_id="one")) for _ in range(3)]  # all that there is
    world.drain()
    replies = [call.reply for call in calls]
    assert [reply.repeated for reply in replies if isinstance(reply, OrderReply)] == [False, True, True]


def test_a_repeat_goes_on_when_the_first_was_refused(world: World) -> None:
    first, second = world.submit(bid(11, client_id="one")), world.submit(bid(10, client_id="one"))
    world.drain()
    assert first.reply == Rejected(RejectReason.INSUFFICIENT_BALANCE)
    assert isinstance(second.reply, OrderReply) and second.reply.order.quantity == 10


def test_two_repeats_at_once_place_one_order_and_hold_once(world: World) -> None:
    calls = [world.submit(bid(client_id="one")) for _ in range(2)]
    world.turn(MARKET_SHARD)
    assert len(world.nodes[ACCOUNT_SHARD].requests) == 1, "the second waits for the first"
    world.drain()
    replies = [call.reply for call in calls]
    assert [reply.repeated for reply in replies if isinstance(reply, OrderReply)] == [False, True]
    assert balance(world) == Balance("USDT", 5 * 10**5, 5 * 10**5)


def test_repeats_that_wait_are_bounded(world: World) -> None:
    """Callers give up and send the same again while the account's shard stands still."""
    calls = [world.submit(bid(client_id="one")) for _ in range(REPEAT_COUNT_MAX + 3)]
    world.turn(MARKET_SHARD)
    assert [call.reply for call in calls if call.reply is not None] == [Rejected(RejectReason.BUSY)] * 2
    world.drain()
    assert sum(isinstance(call.reply, OrderReply) for call in calls) == REPEAT_COUNT_MAX + 1


def test_link_messages_are_applied_once_when_the_receiver_never_confirmed_them(world: World) -> None:
    world.submit(bid())
    world.turn(MARKET_SHARD)
    world.turn(ACCOUNT_SHARD)
    world.pump(ACCOUNT_SHARD, MARKET_SHARD)
    world.turn(MARKET_SHARD)
    assert len(world.engines[ACCOUNT_SHARD].outboxes[MARKET_SHARD]) == 1, "not confirmed"
    world.restart(ACCOUNT_SHARD)
    world.restart(MARKET_SHARD)
    world.drain()
    assert len(world.engine_of(1).markets[1].open) == 1
    assert world.violations() == [] and world.unfaithful() == []


def test_a_clock_that_steps_back_does_not_step_a_shard_back() -> None:
    world = World(1)
    world.call(AddMarket(make_market(1)))
    world.call(Deposit("carol", "USDT", 10**6, "one"))
    before = world.call(bid(1))
    world.now_ms -= 60_000
    after = world.call(bid(1))
    assert isinstance(before, OrderReply) and isinstance(after, OrderReply)
    assert after.order.created_ms >= before.order.created_ms
    assert world.unfaithful() == []


def test_orders_are_placed_after_the_clock_has_stepped_back(world: World) -> None:
    world.call(bid(1))
    world.now_ms -= 60_000
    assert isinstance(world.call(bid(1)), OrderReply)


def test_a_clock_that_has_stepped_back_and_caught_up_does_not_put_a_deadline_off(world: World) -> None:
    world.call(bid(1))
    world.now_ms -= 1_000
    call = request_hold(world)
    world.turn(ACCOUNT_SHARD)
    world.now_ms += DEADLINE_MS + 1
    world.drain()
    assert call.reply == Rejected(RejectReason.TIMEOUT)
    assert len(world.engine_of(1).markets[1].open) == 1


def test_an_account_has_a_bounded_number_of_open_orders() -> None:
    world = World(1)
    for number, symbol in ((1, "DFUSDT"), (2, "BTCUSDT")):
        world.call(AddMarket(make_market(number, symbol)))
    world.call(Deposit("carol", "USDT", 10**9, "one"))
    told = [world.call(bid(1)) for _ in range(2)]
    assert isinstance(told[1], OrderReply)
    own = world.engine_of(1).markets[1].by_account["carol"]
    own |= dict.fromkeys(range(-1, 1 - OPEN_ORDERS_MAX, -1), told[1].order)  # as if it had all but one
    assert len(own) == OPEN_ORDERS_MAX
    assert world.call(bid(1)) == Rejected(RejectReason.TOO_MANY_OPEN_ORDERS)
    elsewhere = world.call(Place(NewOrder(2, "carol", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 1, 0)))
    assert isinstance(elsewhere, OrderReply)
    world.call(Cancel(told[1].order.id, "carol"))
    assert isinstance(world.call(bid(1)), OrderReply)
