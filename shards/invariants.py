"""What must be true of all shards together, at any consistent moment: money, holds, books, indexes, links.

Messages that a sender has made and their receiver has not applied are under way; they are counted in.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from shards.book import BookSide
from shards.codec import decode_link
from shards.engine import Engine
from shards.futures import FuturesMarket
from shards.ids import market_of
from shards.market import MarketMachine
from shards.messages import FiredHeld, Granted, LinkMessage, Settle, SettleMargin
from shards.money import MarginSettlement
from shards.orders import Order, Side, Status
from shards.outbox import ARCHIVE
from shards.spot import SpotMarket
from shards.units import ceil_div

Key = tuple[str, str]  # account, asset


def find_violations(engines: Sequence[Engine]) -> list[str]:
    """Every violated invariant in words; empty if all hold. ``engines``: all shards, in order."""
    found: list[str] = []
    for engine in engines:
        found += (f"shard {engine.shard}: {text}" for text in _check_links(engine, engines))
        for machine in engine.markets.values():
            symbol = machine.market.symbol
            found += (f"shard {engine.shard}: {symbol}: {text}" for text in _check_market(machine))
    underway = list(_underway(engines))
    found += _check_money(engines, underway)
    found += _check_margins(engines, underway)
    found += _check_positions(engines, underway)
    found += _check_holds(engines, underway)
    return found


def _underway(engines: Sequence[Engine]) -> Iterator[tuple[Engine, LinkMessage]]:
    """(receiver, message) of everything between shards that is not applied yet."""
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


# Money


def _check_money(engines: Sequence[Engine], underway: list[tuple[Engine, LinkMessage]]) -> Iterator[str]:
    """Σ available + Σ held + fees = deposits − withdrawals, per asset."""
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
            yield f"money: {asset}: accounts and fees hold {have[asset]}, deposited were {given[asset]}"


def _check_margins(engines: Sequence[Engine], underway: list[tuple[Engine, LinkMessage]]) -> Iterator[str]:
    """Σ futures wallet − Σ signed entry cost + fees = deposits − withdrawals ± transfers."""
    have = given = 0
    for engine in engines:
        margins = engine.accounts.margins
        given += margins.deposited
        have += margins.fees + sum(margin.wallet for margin in margins.by_account.values())
        have -= sum(
            own.position.signed_cost() for margin in margins.by_account.values() for own in margin.markets.values()
        )
    for settlement in _margin_underway(underway):
        for fill in settlement.fills:
            value = fill.quantity * fill.lot_value
            have += value if fill.side is Side.SELL else -value
    if have != given:
        yield f"money: futures wallets, positions and fees come to {have}, deposited were {given}"


def _check_positions(engines: Sequence[Engine], underway: list[tuple[Engine, LinkMessage]]) -> Iterator[str]:
    """Both machines know the same positions, holds and values of open orders, counting what is under way."""
    kept: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])  # size, hold, bids, asks
    wanted: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for engine in engines:
        for account, margin in engine.accounts.margins.by_account.items():
            for market, own in margin.markets.items():
                kept[account, market] = [own.position.amount, own.hold, own.bid_value, own.ask_value]
        for machine in engine.markets.values():
            if isinstance(machine, FuturesMarket):
                _add_wanted(machine, wanted)
    for receiver, message in underway:
        _add_underway(receiver, message, wanted)
    for key in sorted(kept.keys() | wanted.keys()):
        if kept[key] != wanted[key]:
            text = f"kept {kept[key]}, its orders and fills say {wanted[key]} (size, hold, open buys, open sells)"
            yield f"positions: {key[0]} in market {key[1]}: {text}"


def _add_wanted(machine: FuturesMarket, wanted: dict[tuple[str, int], list[int]]) -> None:
    for account, size in machine.positions.items():
        wanted[account, machine.market.number][0] += size
    for order in machine.open.values():
        if order.leverage:
            terms = machine.margin_terms_of(order, order.hold_price)
            left = order.quantity - order.filled
            own = wanted[order.account, machine.market.number]
            own[1] += order.hold
            own[2 if order.side is Side.BUY else 3] += terms.order_value // order.quantity * left


def _add_underway(receiver: Engine, message: LinkMessage, wanted: dict[tuple[str, int], list[int]]) -> None:
    if isinstance(message, SettleMargin):
        for settled in message.settlements:
            own = wanted[settled.account, settled.market]
            own[0] -= sum(fill.quantity if fill.side is Side.BUY else -fill.quantity for fill in settled.fills)
            own[1] += settled.unheld
            own[2 if settled.side is Side.BUY else 3] += settled.unvalued
    elif isinstance(message, Granted) and message.modifies:
        own = wanted[message.order.account, message.order.market]
        own[1] += message.amount
        own[2 if message.order.side is Side.BUY else 3] += message.order_value
    elif isinstance(message, Granted | FiredHeld) and message.leverage:
        if isinstance(message, Granted):
            machine = receiver.markets[message.order.market]
            assert isinstance(machine, FuturesMarket)
            account, side, market = message.order.account, message.order.side, message.order.market
            terms = machine.margin_terms_of(message.order, message.hold_price)
        else:
            account, side, market, terms = message.account, message.side, market_of(message.id), message.terms
        own = wanted[account, market]
        own[1] += ceil_div(terms.hold_value, message.leverage)
        own[2 if side is Side.BUY else 3] += terms.order_value


def _margin_underway(underway: list[tuple[Engine, LinkMessage]]) -> Iterator[MarginSettlement]:
    for _, message in underway:
        if isinstance(message, SettleMargin):
            yield from message.settlements


def _check_holds(engines: Sequence[Engine], underway: list[tuple[Engine, LinkMessage]]) -> Iterator[str]:
    """What a wallet holds is exactly what its open orders, and messages under way, say."""
    wanted: Counter[Key] = Counter()
    for engine in engines:
        for machine in engine.markets.values():
            if isinstance(machine, SpotMarket):
                for order in machine.open.values():
                    wanted[order.account, _held_asset(machine, order)] += order.hold
    for receiver, message in underway:
        if isinstance(message, Granted):
            granted_by = receiver.markets[message.order.market]
            if isinstance(granted_by, SpotMarket):
                asset, amount = granted_by.hold_of(message.order)
                wanted[message.order.account, asset] += amount
        elif isinstance(message, Settle):
            for settlement in message.settlements:
                wanted[settlement.account, settlement.give] += settlement.unheld
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
        resting = resting - machine.triggers.waiting.keys() - machine.firing.keys()
    if {order.id for order in rest} != resting or len(rest) != len(resting):
        yield "book and open orders differ"
    by_account = {order.id for own in machine.by_account.values() for order in own.values()}
    if by_account != machine.open.keys():
        yield "the index by account and the open orders differ"
    by_client = {order.id for order in machine.by_client.values()}
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
    if not order.leverage:
        return 0
    return ceil_div(order.hold_price * left * machine.market.tick_lot_units, order.leverage)
