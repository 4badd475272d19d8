"""An engine's state as a value: the content of snapshots and of the state hash.

Canonical: everything is sorted or in an order fixed by the inputs, so equal states are equal bytes.
"""

from itertools import chain
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import asdict, astuple, replace

from shards.engine.account.machine import Booking
from shards.engine.engine import Engine
from shards.engine.market.futures import FuturesMarket
from shards.engine.market.replay_guard import Replay
from shards.engine.outbox import ARCHIVE, Outbox, Posted
from shards.limits import RULES
from shards.model.accounting import Balance
from shards.model.brackets import Bracket
from shards.model.codec import VERSION, decode_event, encode
from shards.model.markets import Market
from shards.model.orders import Order, Side
from shards.model.positions import Margin, MarketMargin

Resting = TypeVar("Resting", Order, msgspec.Raw)
"""An order, or its encoding, decoded one by one so that no temporary strings fragment the memory."""

_decode_order: Final = msgspec.json.Decoder(Order).decode

_FIELDS_BEFORE: Final = {Order: 26, Market: 17, MarketMargin: 6}
"""Number of fields of these types under rules 0, whose state hashes must not change."""


class FuturesState(msgspec.Struct, array_like=True):
    """The state that only futures markets have."""

    positions: list[tuple[str, int]]
    waiting: list[Order]  # triggers, oldest first
    awaiting_margin: list[Order]  # fired triggers waiting for their margin
    attached: list[int]  # ids of the waiting ones with an open parent
    last_price: int
    last_quantity: int
    set_price: int


class MarketState(msgspec.Struct, Generic[Resting], array_like=True):
    """One market machine. Resting orders are sorted best price first, then oldest first."""

    market: Market
    order_sequence: int
    trade_sequence: int
    update_id: int
    bids: list[Resting]
    asks: list[Resting]
    replays: list[Replay]
    futures: FuturesState | None = None


class State(msgspec.Struct, Generic[Resting], omit_defaults=True):
    """A shard's state as derived from its journal. Fields added later have defaults: older states keep their bytes."""

    version: int
    shard: int
    shard_count: int
    sequence: int
    now_ms: int
    markets: list[MarketState[Resting]]
    wallets: list[tuple[str, list[Balance]]]
    fees: list[tuple[str, int]]
    deposited: list[tuple[str, int]]
    margins: list[tuple[str, Margin]]
    margin_deposited: int
    margin_fees: int
    marks: list[tuple[int, int]]
    countdowns: list[tuple[int, str, int]]
    bookings: list[tuple[str, str, Booking]]
    sent: list[tuple[int, int]]  # receiver, number of the last message posted
    received: list[tuple[int, int]]  # sender, number of the last message applied
    rules: int = 0
    brackets: list[tuple[int, list[Bracket]]] = []  # of each market with risk terms, on every shard
    assets: list[tuple[str, int]] = []


Underway = dict[int, list[tuple[int, int, str]]]  # receiver → (number, stamp_ms, body) not yet confirmed


def dump_state(engine: Engine) -> bytes:
    """Encode the engine's state; the state hash is taken of these bytes."""
    wallets, margins = engine.accounts.wallets, engine.accounts.margins
    state = State[Order](
        version=VERSION,
        shard=engine.shard,
        shard_count=engine.shard_count,
        sequence=engine.sequence,
        now_ms=engine.now_ms,
        markets=[_dump_market(engine, number) for number in sorted(engine.markets)],
        wallets=[(account, wallets.list(account)) for account in sorted(wallets.by_account)],
        fees=sorted(wallets.fees.items()),
        deposited=sorted(wallets.deposited.items()),
        margins=[(account, margins.by_account[account]) for account in sorted(margins.by_account)],
        margin_deposited=margins.deposited,
        margin_fees=margins.fees,
        marks=sorted(margins.marks.items()),
        countdowns=[(*key, due_ms) for key, due_ms in sorted(engine.countdowns.due.items())],
        bookings=[(*key, engine.accounts.bookings[key]) for key in sorted(engine.accounts.bookings)],
        sent=sorted((receiver, outbox.last_number) for receiver, outbox in engine.outboxes.items()),
        received=sorted(engine.received.items()),
        rules=engine.rules,
        brackets=sorted(margins.brackets.items()),
        assets=sorted(engine.assets.items()),
    )
    return encode(state if engine.rules or margins.brackets else _as_before(state))


def _as_before(value: Any) -> Any:
    """Return the part of ``value`` that existed under rules 0."""
    if isinstance(value, State):
        fields = asdict(value)
        later = {"rules", "brackets"} if value.assets else {"rules", "brackets", "assets"}
        return {name: _as_before(fields[name]) for name in fields if name not in later}
    if isinstance(value, msgspec.Struct):
        return [_as_before(each) for each in astuple(value)[: _FIELDS_BEFORE.get(type(value))]]
    if isinstance(value, (list, tuple)):
        return [_as_before(each) for each in value]
    if isinstance(value, dict):
        return {key: _as_before(each) for key, each in value.items()}
    return value


def dump_underway(engine: Engine) -> bytes:
    """Encode the messages that receivers have not confirmed."""
    underway: Underway = {
        receiver: [(posted.number, posted.stamp_ms, posted.body.decode()) for posted in outbox]
        for receiver, outbox in engine.outboxes.items()
    }
    return encode(underway)


def confirmed_of(state: bytes, underway: bytes) -> dict[int, int]:
    """Return, per receiver, the newest message that a sender started from this snapshot no longer holds."""
    sent = dict(msgspec.json.decode(state, type=State[msgspec.Raw]).sent)
    held = msgspec.json.decode(underway, type=Underway)
    return {receiver: number - len(held.get(receiver, ())) for receiver, number in sent.items()}


def load_engine(state_bytes: bytes, underway_bytes: bytes) -> Engine:
    """Restore the engine of a snapshot."""
    state = msgspec.json.decode(state_bytes, type=State[msgspec.Raw])
    assert state.version == VERSION and state.rules <= RULES
    engine = Engine(state.shard, state.shard_count)
    engine.sequence, engine.now_ms = state.sequence, state.now_ms
    for stored in state.markets:
        _load_market(engine, stored)
    engine.listings.restore_rules(state.rules)
    wallets = engine.accounts.wallets
    wallets.by_account = {account: {each.asset: each for each in balances} for account, balances in state.wallets}
    wallets.fees.update(dict(state.fees))
    wallets.deposited.update(dict(state.deposited))
    margins = engine.accounts.margins
    margins.by_account, margins.marks = dict(state.margins), dict(state.marks)
    margins.deposited, margins.fees = state.margin_deposited, state.margin_fees
    margins.brackets = dict(state.brackets)
    engine.countdowns.due = {(market, account): due_ms for market, account, due_ms in state.countdowns}
    engine.accounts.bookings = {(account, reference): booking for account, reference, booking in state.bookings}
    engine.assets.update(state.assets)
    engine.received.clear()
    engine.received.update(state.received)
    engine.outboxes.clear()
    engine.outboxes.update((receiver, Outbox(last_number)) for receiver, last_number in state.sent)
    _load_underway(engine, msgspec.json.decode(underway_bytes, type=Underway))
    return engine


def _load_underway(engine: Engine, underway: Underway) -> None:
    for receiver, messages in underway.items():
        for number, stamp_ms, text in messages:
            body = text.encode()
            engine.outboxes[receiver].restore(Posted(number, stamp_ms, body))
            if receiver == ARCHIVE:
                engine.unarchived.add(number, decode_event(body))


def _dump_market(engine: Engine, number: int) -> MarketState[Order]:
    matching, futures = engine.markets[number].matching, engine.futures.get(number)
    bids, asks = (
        [order for level in matching.book.side(side) for order in level.orders.values()]
        for side in (Side.BUY, Side.SELL)
    )
    return MarketState(
        market=matching.market,
        order_sequence=matching.order_sequence,
        trade_sequence=matching.trade_sequence,
        update_id=matching.update_id,
        bids=bids,
        asks=asks,
        replays=matching.replays.dump(),
        futures=_dump_futures(futures) if futures is not None else None,
    )


def _dump_futures(machine: FuturesMarket) -> FuturesState:
    waiting = [machine.triggers.waiting[number] for number in sorted(machine.triggers.waiting)]
    return FuturesState(
        positions=sorted(machine.positions.items()),
        waiting=waiting,
        awaiting_margin=[machine.awaiting_margin[number] for number in sorted(machine.awaiting_margin)],
        attached=[order.id for order in waiting if machine.triggers.is_attached(order)],
        last_price=machine.margin.last_price,
        last_quantity=machine.margin.last_quantity,
        set_price=machine.margin.set_price,
    )


def _load_market(engine: Engine, stored: MarketState[msgspec.Raw]) -> None:
    machine = engine.listings.open(stored.market)
    matching = machine.matching
    matching.order_sequence, matching.trade_sequence = stored.order_sequence, stored.trade_sequence
    matching.update_id = stored.update_id
    for raw in chain(stored.bids, stored.asks):
        machine.restore(_decode_order(raw))
    if stored.futures is not None:
        _load_futures(engine.futures[stored.market.number], stored.futures)
    for replay in stored.replays:
        # one object per order: a replay must show later changes of the resting one
        machine.replays.restore(replace(replay, order=machine.open.get(replay.order.id, replay.order)))


def _load_futures(machine: FuturesMarket, stored: FuturesState) -> None:
    margin, triggers = machine.margin, machine.trigger_orders
    margin.positions.update(dict(stored.positions))
    margin.restore_prices(stored.last_price, stored.last_quantity, stored.set_price)
    for order in stored.awaiting_margin:  # first, because a waiting trigger may be attached to a fired one
        triggers.restore_awaiting_margin(order)
    for order in stored.waiting:
        triggers.restore(order, attached=order.id in stored.attached)
