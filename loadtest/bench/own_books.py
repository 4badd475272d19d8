"""Shardex's book, and a shard's entire engine, on the stream of :mod:`loadtest.bench.stream`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from loadtest.bench.seeding import MARKET, START_MS
from loadtest.bench.stream import BUY, MIDDLE, Operation, Outcome, Stream
from shards.engine.engine import MAILBOX, Engine
from shards.engine.market.book import Book
from shards.engine.market.matching import plan_matches
from shards.engine.outbox import ARCHIVE
from shards.model.commands import AddMarket, Cancel, Command, Deposit, Place
from shards.model.ids import make_number
from shards.model.orders import LIMIT, OPEN, EndReason, Kind, NewOrder, Order, Side, TimeInForce
from shards.model.replies import OrderReply

Step = tuple[Callable[..., object], tuple[Any, ...]]

MAKERS: Final = 100  # accounts, in turn
TAKER: Final = "taker"  # a separate account, because of self-trade prevention
CONFIRM_COUNT: Final = 1_000  # operations after which the archive confirms the rows


def book(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
    """:mod:`shards.engine.market.book` and :mod:`shards.engine.market.matching`, with a directory of open orders."""
    own, orders, traded = Book(), dict[int, Order](), [0]
    gtc, no_reason = TimeInForce.GTC, EndReason.NONE

    def place(number: int, side: Side, price: int, quantity: int) -> None:
        order = Order(number, 1, "", side, LIMIT, gtc, price, quantity, 0, "", 0, 0, 0, 0, OPEN, no_reason, 0, 0)
        against = own.opposite(side)
        plan = plan_matches(order, against, 0)
        for maker, lots in plan.matches:
            against.take(maker, lots)
            maker.filled += lots
            order.filled += lots
            traded[0] += lots
            if maker.filled == maker.quantity:
                del orders[maker.id]
        if not plan.complete:
            own.side(side).add(order)
            orders[number] = order

    def cancel(number: int) -> None:
        order = orders.pop(number)
        own.side(order.side).remove(order)

    def step(each: Operation) -> Step:
        side = Side.BUY if each.side == BUY else Side.SELL
        return (place, (each.number, side, each.price, each.quantity)) if each.quantity else (cancel, (each.number,))

    filling, timed = ([step(each) for each in part] for part in stream[:2])
    return filling, timed, lambda: Outcome(traded[0], len(orders))


def whole(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
    """``Engine.apply`` of a spot market with funds, client ids, replays, history rows: all but journal and codec."""
    engine = _funded()
    traded = [0]

    def apply(command: Command) -> None:
        reply = engine.apply(engine.sequence + 1, START_MS + engine.sequence, MAILBOX, 0, command)
        assert isinstance(reply, OrderReply), reply
        if reply.trades:
            traded[0] += sum(trade.quantity for trade in reply.trades)
        if not engine.sequence % CONFIRM_COUNT:
            engine.confirm(ARCHIVE, engine.outboxes[ARCHIVE].last_number)

    filling, timed = ([(apply, (_command(each),)) for each in part] for part in stream[:2])
    return filling, timed, lambda: Outcome(traded[0], len(engine.markets[MARKET.number].open))


def _funded() -> Engine:
    engine = Engine(0, 1)
    for command in _funds():
        assert engine.apply(engine.sequence + 1, START_MS, MAILBOX, 0, command) is not None
    return engine


def _funds() -> Iterator[Command]:
    yield AddMarket(MARKET)
    for account in (*(_maker(number) for number in range(MAKERS)), TAKER):
        yield from (Deposit(account, asset, 10**36, asset) for asset in (MARKET.base, MARKET.quote))


def commands_of(stream: Stream) -> Iterator[Command]:
    """The commands that bring an empty shard to the end of the stream."""
    yield from _funds()
    for part in stream[:2]:
        yield from map(_command, part)


def _command(each: Operation) -> Command:
    number = make_number(MARKET.number, each.number)
    if not each.quantity:
        return Cancel(number, _maker(each.number))
    side = Side.BUY if each.side == BUY else Side.SELL
    crosses = (each.price >= MIDDLE) == (each.side == BUY)
    account, client_id, signed_ms = TAKER if crosses else _maker(each.number), f"c{each.number}", START_MS + each.number
    terms = (side, Kind.LIMIT, TimeInForce.GTC, each.price, each.quantity, 0)
    return Place(NewOrder(MARKET.number, account, *terms, client_id, signed_ms))


def _maker(number: int) -> str:
    return f"maker-{number % MAKERS}"
