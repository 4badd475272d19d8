"""The futures engine against the naive reference: every reply, every row, every wallet, over long random histories."""

import random
from collections.abc import Sequence

import pytest

from shards.engine.outbox import ARCHIVE
from shards.model.codec import decode_event
from shards.model.commands import AddMarket, Command, TimerFired
from shards.model.events import MarginFilled, OrderEnded, Traded
from shards.model.markets import Market, MarketStatus
from shards.model.orders import Order, Side
from shards.model.positions import MarketMargin
from shards.model.replies import BatchReply, OrderReply, OrdersReply, Rejected, Reply
from tests.model.futures_profiles import PROFILES, Profile, make_futures_market
from tests.model.futures_reference import FuturesReference
from tests.model.futures_steps import Numbering, Step, brief
from tests.model.futures_traders import Traders
from tests.model.seeds import read_count, read_seed
from tests.model.shrink import shrink
from tests.model.world import World

CHECK_EVERY = 1_000
SHRINK_BUDGET = 60_000  # commands carried out once more to make a failing history small
SHOWN_COUNT = 20
OVER_COUNT = 50  # commands to a market that has been delisted


class Difference(Exception):
    """Engine and reference do not agree."""


class Pair:
    """The engine and the reference, told the same."""

    def __init__(self, market: Market) -> None:
        self.world, self.reference = World(1), FuturesReference(market)
        self.world.archiving = False
        self.world.call(AddMarket(market))
        self.engine = self.world.engines[0]
        self.rows_seen = self.engine.outboxes[ARCHIVE].last_number

    def tell(self, now_ms: int, command: Command) -> Reply | None:
        """Both carry out ``command``; raises Difference where they differ."""
        self.world.now_ms = now_ms
        expected = self.reference.apply(command, now_ms)
        if isinstance(command, TimerFired):
            self.world.submit(command, 0)
            self.world.drain()
            reply = None
        else:
            reply = self.world.call(command)
        for order in _orders(reply):
            order.request = 0  # the journal's sequence, which the reference does not have
        same(f"the reply to {command}", reply, expected)
        self.compare_rows()
        self.compare_orders()
        for account in self.reference.wallets:
            same(f"the wallets of {account}", self.kept(account), self.wanted(account))
        return reply

    def compare_rows(self) -> None:
        """What one command has left for the archive. In which order orders end is the engine's to choose."""
        posted = self.engine.outboxes[ARCHIVE].after(self.rows_seen)
        self.rows_seen = self.engine.outboxes[ARCHIVE].last_number
        events = [decode_event(each.body) for each in posted]
        ended = [event for event in events if isinstance(event, OrderEnded)]
        for event in ended:
            event.order.request = 0
        reference = self.reference
        same("ended orders", sorted(ended, key=_number), sorted(reference.ended, key=_number))
        same("trades", [event for event in events if isinstance(event, Traded)], reference.trades)
        same("fills", [event for event in events if isinstance(event, MarginFilled)], reference.fills)
        for rows_of in (reference.ended, reference.trades, reference.fills):
            rows_of.clear()

    def compare_orders(self) -> None:
        machine = self.engine.markets[1]
        same("open orders", _by_id([*machine.open.values()]), _by_id(self.reference.resting + self.reference.waiting))
        for side, book in ((Side.BUY, machine.book.bids), (Side.SELL, machine.book.asks)):
            limit = 2**62 if side is Side.SELL else -(2**62)  # whoever comes from the other side meets all of them
            other = Side.BUY if side is Side.SELL else Side.SELL
            queue = [order.id for level in book for order in level.orders.values()]
            same(f"the queue of {side.name}", queue, [order.id for order in self.reference.makers(other, limit)])

    def kept(self, account: str) -> tuple[int, ...]:
        margins, wallets = self.engine.accounts.margins, self.engine.accounts.wallets
        margin = margins.get(account)
        own = margin.markets.get(1) or MarketMargin()
        position = own.position
        free = margins.free(account)
        sums = own.hold, own.bid_value, own.ask_value, own.leverage, free, wallets.available(account, "USDT")
        return margin.wallet, position.amount, position.cost, position.margin, *sums

    def wanted(self, account: str) -> tuple[int, ...]:
        reference = self.reference
        own = reference.wallets[account]
        hold = sum(order.hold for order in reference.open_of(account))
        values = (reference.values(account, side) for side in (Side.BUY, Side.SELL))
        sums = hold, *values, own.leverage, reference.free(account), own.spot
        return own.wallet, own.size, own.cost, own.margin, *sums

    def archive(self) -> None:
        """The archive takes all rows: what has ended is unknown to the shard from now on."""
        self.world.store(0)
        for order in [order for order in self.reference.orders.values() if not self.reference.is_open(order)]:
            del self.reference.orders[order.id]


def same(what: str, engine: object, reference: object) -> None:
    if (
        isinstance(engine, list)
        and isinstance(reference, list)
        and len(engine) == len(reference)
        and engine != reference
    ):
        engine, reference = next(both for both in zip(engine, reference, strict=True) if both[0] != both[1])
    if engine != reference:
        raise Difference(f"{what}\nengine:    {engine}\nreference: {reference}")


def _number(event: OrderEnded) -> int:
    return event.order.id


def _by_id(orders: list[Order]) -> list[Order]:
    return sorted(orders, key=lambda order: order.id)


def _orders(reply: Reply | None) -> list[Order]:
    match reply:
        case OrderReply(order):
            return [order]
        case Rejected(_, order):
            return [order] if order else []
        case OrdersReply(orders):
            return orders
        case BatchReply(found):
            return [each for each in found if isinstance(each, Order)]
    return []


def difference(market: Market, steps: Sequence[Step]) -> str:
    """What the first difference is, "" if there is none."""
    pair, numbering = Pair(market), Numbering()
    try:
        for step in steps:
            before = pair.reference.placed
            pair.tell(step.now_ms, numbering.renumber(step.command))
            numbering.note(step, before, pair.reference.placed, market.number)
    except (Difference, AssertionError) as error:
        return str(error)
    return ""


def explain(market: Market, steps: list[Step]) -> str:
    """The failing history, made small."""
    small = shrink(steps, lambda tried: bool(difference(market, tried)), SHRINK_BUDGET)
    lines = [f"{step.now_ms}: {brief(step.command)}" for step in small[-SHOWN_COUNT:]]
    return "\n".join([f"differ after {len(small)} commands, the last of them:", *lines, difference(market, small)])


@pytest.mark.timeout(600)  # a failure is made small, which takes longer than to find it
@pytest.mark.parametrize("risk", [False, True], ids=["without-risk-terms", "with-risk-terms"])
@pytest.mark.parametrize("name", PROFILES)
def test_engine_and_reference_never_differ(name: str, risk: bool) -> None:
    """Some of the markets without are given some before the end."""
    chance = random.Random(read_seed())
    profile = PROFILES[name]
    left = read_count("SHARDEX_TEST_FUTURES_COMMANDS", 6_000)
    while left > 0:
        left -= live_a_market(profile, chance, left, risk=risk)


def live_a_market(profile: Profile, chance: random.Random, count_max: int, *, risk: bool) -> int:
    """Trade until the market is delisted, and a little longer; returns how many commands there were."""
    market = make_futures_market(profile, risk=risk)
    pair = Pair(market)
    traders = Traders(profile, chance, pair.reference)
    traders.now_ms = pair.world.now_ms
    steps = [Step(traders.now_ms, command, 0) for command in traders.opening()]
    for step in steps:
        pair.tell(step.now_ms, step.command)
    over = 0
    while len(steps) < count_max and over < OVER_COUNT:
        command = traders.next()
        steps.append(Step(traders.now_ms, command, pair.reference.placed))
        try:
            traders.hear(pair.tell(traders.now_ms, command))
        except (Difference, AssertionError):
            raise Difference(explain(market, steps)) from None
        over += pair.reference.market.status is MarketStatus.DELISTED
        if len(steps) % CHECK_EVERY == 0:
            pair.archive()
            same("violations", pair.world.violations(), [])
    same("violations", pair.world.violations() + pair.world.unfaithful(), [])
    return len(steps)
