"""Bugs that a shard could have, planted by name: the simulation must find each."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from shards.engine.effects import Effects
from shards.engine.engine import Engine
from shards.engine.market import cover, execution, futures, margin_requests
from shards.engine.market.book import BookSide
from shards.engine.market.cover import Cover, Priced
from shards.engine.market.price_band import worst_price
from shards.engine.market.spot import SpotMarket
from shards.ipc.mailbox import Mailbox
from shards.ipc.protocol import Caller, LinkFrame
from shards.model.orders import NewOrder, Order, Side
from shards.runtime.loop import Shard
from shards.runtime.recovery import engine_at
from shards.runtime.reply_queue import Replies
from storage.journal import Position, Record, chain
from tests.sim import node
from tests.sim.disk import SimJournal, SimSnapshots


def reply_before_sync(patch: pytest.MonkeyPatch) -> None:
    """A batch reaches the disk only at the end of its turn."""
    unsynced: dict[SimJournal, list[Record]] = {}

    def append(journal: SimJournal, records: Sequence[Record]) -> None:
        sync(journal)
        unsynced[journal] = list(records)
        sequence, checksum = journal.last
        for record in records:
            sequence, checksum = record.sequence, chain(checksum, record)
        journal.last = Position(sequence, checksum)

    def sync(journal: SimJournal) -> None:
        records = unsynced.pop(journal, [])
        if records:
            history = journal._disk.history
            journal.last = Position(len(history), history[-1][1]) if history else Position(0, 0)
            journal.write(records)

    step = SimSnapshots.step

    def sync_and_step(snapshots: SimSnapshots, engine: Engine, journal: SimJournal) -> None:
        sync(journal)
        step(snapshots, engine, journal)

    patch.setattr(SimJournal, "append", append)
    patch.setattr(SimSnapshots, "step", sync_and_step)


def link_number_not_checked(patch: pytest.MonkeyPatch) -> None:
    """A shard accepts any message on a link, and does not report what it has."""
    welcome, take, apply = Mailbox._welcome, Mailbox._take_link, Engine.apply

    def take_anything(mailbox: Mailbox, frame: LinkFrame) -> None:
        if mailbox._counters_path.name.startswith("archive"):
            take(mailbox, frame)
            return
        mailbox._received[frame.source] = frame.number
        mailbox._link_frames.append(frame)

    def forget_and_welcome(mailbox: Mailbox, caller: Caller) -> bool:
        if caller.source >= 0 and not mailbox._counters_path.name.startswith("archive"):
            mailbox._received[caller.source] = 0
        return welcome(mailbox, caller)

    def take_any(engine: Engine, sequence: int, stamp_ms: int, source: int, number: int, message: Any) -> Any:
        if source >= 0:
            engine.received[source] = number - 1
        return apply(engine, sequence, stamp_ms, source, number, message)

    patch.setattr(Mailbox, "_take_link", take_anything)
    patch.setattr(Mailbox, "_welcome", forget_and_welcome)
    patch.setattr(Engine, "apply", take_any)


def dedupe_forgotten(patch: pytest.MonkeyPatch) -> None:
    """After a restart a shard has forgotten the signed requests from before its snapshot."""
    load = engine_at

    def load_and_forget(*where: Any) -> Any:
        engine, position = load(*where)
        for machine in engine.markets.values():
            machine.replays.expire(2**63)
        return engine, position

    patch.setattr(node, "engine_at", load_and_forget)


def hold_released_twice(patch: pytest.MonkeyPatch) -> None:
    """A cancel releases an order's hold twice."""
    release = SpotMarket._release_rest

    def release_twice(market: SpotMarket, order: Order, effects: Effects) -> None:
        hold = order.hold
        release(market, order, effects)
        order.hold = hold
        release(market, order, effects)

    patch.setattr(SpotMarket, "_release_rest", release_twice)


def fifo_lost(patch: pytest.MonkeyPatch) -> None:
    """A new order at a price goes before older ones."""
    add = BookSide.add

    def add_first(side: BookSide, order: Order) -> None:
        add(side, order)
        level = side._levels[order.price]
        level.orders = {order.id: order, **level.orders}

    patch.setattr(BookSide, "add", add_first)


def reply_ahead_of_links(patch: pytest.MonkeyPatch) -> None:
    """Replies are sent first, without waiting for the link messages they depend on."""

    def send(shard: Shard) -> None:
        shard._replies.send(shard.mailbox)
        for peer in shard._peers.values():
            peer.pump()
        shard.mailbox.confirm(shard.engine.received)
        shard.mailbox.flush()

    patch.setattr(Replies, "_in_its_way", lambda replies, answer: None)
    patch.setattr(Shard, "_send", send)


def links_not_taken(patch: pytest.MonkeyPatch) -> None:
    """A shard that has taken commands does not read its links once more before it decides."""
    patch.setattr(Mailbox, "poll_links", lambda mailbox: None)


def grant_not_measured_again(patch: pytest.MonkeyPatch) -> None:
    """A grant is used regardless of changes in book and mark price since its request; a price of 0 means no cap."""
    measured = cover.limit_of

    def limit_of(at: Priced, order: NewOrder | Order, granted: Cover) -> int:
        if granted.hold_price or order.reduce_only or order.side is Side.SELL:
            return measured(at, order, granted)
        best = at.book.asks.best_price() or 0
        return worst_price(order.side, best, at.terms.market_take_bound)

    patch.setattr(margin_requests, "is_short", lambda *_: False)
    for module in (futures, execution):
        patch.setattr(module, "limit_of", limit_of)


def loss_not_held(patch: pytest.MonkeyPatch) -> None:
    """An order holds its margin, but nothing for its loss against the mark price at the moment it fills."""
    patch.setattr(cover, "loss_against", lambda *_: 0)


PLANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    plant.__name__: plant
    for plant in (
        reply_before_sync,
        link_number_not_checked,
        dedupe_forgotten,
        hold_released_twice,
        fifo_lost,
        reply_ahead_of_links,
        links_not_taken,
        grant_not_measured_again,
        loss_not_held,
    )
}
