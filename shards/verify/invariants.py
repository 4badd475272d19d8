"""Invariants over all shards at any consistent moment: money, holds, books, indexes, links.

Messages in transit, sent but not yet applied by their receiver, are counted in.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from shards.engine.engine import Engine
from shards.engine.market.book import BookSide
from shards.engine.market.futures import FuturesMarket
from shards.engine.market.machine import MarketMachine
from shards.engine.market.spot import SpotMarket
from shards.engine.outbox import ARCHIVE
from shards.model.codec import decode_link
from shards.model.decimals import ceil_div
from shards.model.ids import market_of
from shards.model.links import Granted, LinkMessage, Settle, TriggerMarginResult
from shards.model.orders import Order, Side, Status
from shards.verify.margin import Underway, check_cover, check_margins, check_positions

Key = tuple[str, str]  # account, asset


def find_violations(engines: Sequence[Engine]) -> list[str]:
    """Return a description of every violated invariant. ``engines``: all shards, in order."""
    found: list[str] = []
    for engine in engines:
        found += (f"shard {engine.shard}: {text}" for text in _check_links(engine, engines))
        for machine in engine.markets.values():
            symbol = machine.market.symbol
            found += (f"shard {engine.shard}: {symbol}: {text}" for text in _check_market(machine))
    underway = list(_underway(engines))
    found += _check_receivers(underway)
    found += _check_money(engines, underway)
    found += check_margins(engines, underway)
    found += check_positions(engines, underway)
    found += check_cover(engines)
    found += _check_holds(engines, underway)
    return found


def _underway(engines: Sequence[Engine]) -> Iterator[tuple[Engine, LinkMessage]]:
    """Yield (receiver, message) for every message between shards that is not applied yet."""
    for engine in engines:
        for receiver, outbox in engine.outboxes.items():
            if receiver != ARCHIVE:
                for posted in outbox.after(engines[receiver].received[engine.shard]):
                    yield engines[receiver], decode_link(posted.body)


def _check_links(engine: Engine, engines: Sequence[Engine]) -> Iterator[str]:
    for receiver, outbox in engine.outboxes.items():
        numbers = [posted.number for posted in outbox]
        if numbers != list(range(outbox.last_number - len(numbers) + 1, outbox.last_number + 1)):
            yield f"the link to {receiver} has gaps"
        if receiver != ARCHIVE and engines[receiver].received[engine.shard] > outbox.last_number:
            yield f"shard {receiver} has applied messages that were never sent"


def _check_receivers(underway: Underway) -> Iterator[str]:
    """A shard to which an order is sent must have its market: otherwise it has lost journaled data."""
    lacking = set()
    for receiver, message in underway:
        if isinstance(message, Granted | TriggerMarginResult):
            market = message.order.market if isinstance(message, Granted) else market_of(message.id)
            if market not in receiver.markets:
                lacking.add((receiver.shard, market))
    for shard, market in sorted(lacking):
        yield f"shard {shard}: market {market} is missing, but orders are on their way to it"


# Money


def _check_money(engines: Sequence[Engine], underway: Underway) -> Iterator[str]:
    """Check Σ available + Σ held + fees = deposits − withdrawals, per asset."""
    have: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for engine in engines:
        wallets = engine.accounts.wallets
        have.update(wallets.fees)
        given.update(wallets.deposited)
        for account, balances in wallets.by_account.items():
            for balance in balances.values():
                have[balance.asset] += balance.available + balance.held
                if balance.available < 0 or balance.held < 0:
                    yield f"money: {account} has a negative amount of {balance.asset}: {balance}"
    for _, message in underway:
        if isinstance(message, Settle):
            for settlement in message.settlements:
                have[settlement.give] -= settlement.paid
                have[settlement.take] += settlement.received
    for asset in sorted(have.keys() | given.keys()):
        if have[asset] != given[asset]:
            yield f"money: {asset}: accounts and fees hold {have[asset]}, but {given[asset]} were deposited"


def _check_holds(engines: Sequence[Engine], underway: Underway) -> Iterator[str]:
    """Each wallet must hold exactly what its open orders and messages in transit account for."""
    wanted: Counter[Key] = Counter()
    for engine in engines:
        for machine in engine.markets.values():
            if isinstance(machine, SpotMarket):
                for order in machine.open.values():
                    wanted[order.account, _held_asset(machine, order)] += order.hold
    for receiver, message in underway:
        if isinstance(message, Granted):
            market = receiver.markets.get(message.order.market)
            if isinstance(market, SpotMarket):
                asset, amount = market.hold_of(message.order)
                wanted[message.order.account, asset] += amount
        elif isinstance(message, Settle):
            for settlement in message.settlements:
                wanted[settlement.account, settlement.give] += settlement.released
    held: Counter[Key] = Counter()
    for engine in engines:
        for account, balances in engine.accounts.wallets.by_account.items():
            held.update({(account, balance.asset): balance.held for balance in balances.values()})
    for key in sorted(wanted.keys() | held.keys()):
        if wanted[key] != held[key]:
            yield f"holds: {key[0]} holds {held[key]} {key[1]}, its open orders need {wanted[key]}"


def _held_asset(machine: MarketMachine, order: Order) -> str:
    return machine.market.quote if order.side is Side.BUY else machine.market.base


# Books


def _check_market(machine: MarketMachine) -> Iterator[str]:
    sides = machine.book.bids, machine.book.asks
    rest = [order for side in sides for level in side for order in level.orders.values()]
    resting = set(machine.open)
    if isinstance(machine, FuturesMarket):
        resting = resting - machine.triggers.waiting.keys() - machine.awaiting_margin.keys()
    if {order.id for order in rest} != resting or len(rest) != len(resting):
        yield "book and open orders differ"
    by_account = {order.id for own in machine.by_account.values() for order in own.values()}
    if by_account != machine.open.keys():
        yield "the index by account and the open orders differ"
    by_client = {order.id for own in machine.by_client.values() for order in own.values()}
    if by_client != {order.id for order in machine.open.values() if order.client_id}:
        yield "the index by client id and the open orders differ"
    bid, ask = machine.book.bids.best_price(), machine.book.asks.best_price()
    if bid is not None and ask is not None and bid >= ask:
        yield f"the book is crossed: best bid {bid}, best ask {ask}"
    yield from _check_side(machine.book.bids, descending=True)
    yield from _check_side(machine.book.asks, descending=False)
    if isinstance(machine, SpotMarket):
        yield from _check_time_order(machine)
    for order in rest:
        yield from _check_order(machine, order)


def _check_side(side: BookSide, *, descending: bool) -> Iterator[str]:
    prices = [level.price for level in side]
    if prices != sorted(set(prices), reverse=descending):
        yield "price levels are out of order"
    for level in side:
        orders = list(level.orders.values())
        if not orders or level.quantity != sum(order.quantity - order.filled for order in orders):
            yield f"the level at {level.price} does not add up"


def _check_time_order(machine: SpotMarket) -> Iterator[str]:
    for side in (machine.book.bids, machine.book.asks):
        for level in side:
            if list(level.orders) != sorted(level.orders):
                yield f"the level at {level.price} is not in time order"


def _check_order(machine: MarketMachine, order: Order) -> Iterator[str]:
    left = order.quantity - order.filled
    status = Status.PARTIALLY_FILLED if order.filled else Status.OPEN
    if left <= 0 or order.status is not status:
        yield f"order {order.id} rests with {order.filled} of {order.quantity} filled and status {order.status.name}"
    hold = _hold_of(machine, order)
    if order.hold != hold:
        yield f"order {order.id} holds {order.hold}, it needs {hold}"


def _hold_of(machine: MarketMachine, order: Order) -> int:
    left = order.quantity - order.filled
    if not isinstance(machine, FuturesMarket):
        return left * (
            order.price * machine.market.tick_lot_units if order.side is Side.BUY else machine.market.lot_units
        )
    units = left * machine.market.tick_lot_units
    margin = ceil_div(order.hold_price * units, order.leverage) if order.leverage else 0
    return margin + order.loss * units
