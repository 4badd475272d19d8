"""Invariants of futures wallets, positions and margin holds over all shards."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from shards.engine.account.margin import held_for
from shards.engine.engine import Engine
from shards.engine.market.futures import FuturesMarket
from shards.model.accounting import MarginSettlement
from shards.model.ids import market_of
from shards.model.links import Granted, LinkMessage, SettleMargin, TriggerMarginResult
from shards.model.orders import Side

Underway = list[tuple[Engine, LinkMessage]]
"""(receiver, message) in transit between shards."""

Sums = dict[tuple[str, int], list[int]]
"""By account and market: size, hold, open buys, open sells, and the part of the hold that is leave."""


def check_margins(engines: Sequence[Engine], underway: Underway) -> Iterator[str]:
    """Check Σ futures wallet − Σ signed entry cost + fees = deposits − withdrawals ± transfers."""
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
        yield f"money: futures wallets, positions and fees add up to {have}, but {given} were deposited"


def check_positions(engines: Sequence[Engine], underway: Underway) -> Iterator[str]:
    """Both machines must agree on positions, holds and values of open orders, counting messages in transit."""
    kept: Sums = defaultdict(lambda: [0] * 5)
    wanted: Sums = defaultdict(lambda: [0] * 5)
    for engine in engines:
        for account, margin in engine.accounts.margins.by_account.items():
            for market, own in margin.markets.items():
                kept[account, market] = [own.position.amount, own.hold, own.bid_value, own.ask_value, own.leave]
        for machine in engine.markets.values():
            if isinstance(machine, FuturesMarket):
                _add_wanted(machine, wanted)
    for receiver, message in underway:
        _add_underway(receiver, message, wanted)
    for key in sorted(kept.keys() | wanted.keys()):
        if kept[key] != wanted[key]:
            text = (
                f"kept {kept[key]}, its orders and fills say {wanted[key]} (size, hold, open buys, open sells, leave)"
            )
            yield f"positions: {key[0]} in market {key[1]}: {text}"


def check_cover(engines: Sequence[Engine]) -> Iterator[str]:
    """Positions must have margin; no fill may take more than its order held, no hold more than was available."""
    for engine in engines:
        if engine.rules:  # under rules 0 this could happen
            yield from (f"margin: {text}" for text in engine.accounts.margins.overdrawn)
        for account, margin in engine.accounts.margins.by_account.items():
            for market, own in margin.markets.items():
                position = own.position
                if (position.amount != 0) != (position.margin > 0) or (position.amount != 0) != (position.cost > 0):
                    yield f"positions: {account} in market {market}: {position} and its margin do not match"


def _add_wanted(machine: FuturesMarket, wanted: Sums) -> None:
    units = machine.market.tick_lot_units
    for account, size in machine.positions.items():
        wanted[account, machine.market.number][0] += size
    for order in machine.open.values():
        value = (order.price or order.hold_price) * (order.quantity - order.filled) * units if order.leverage else 0
        _add(wanted[order.account, machine.market.number], order.side, order.leverage, order.hold, value)


def _add_underway(receiver: Engine, message: LinkMessage, wanted: Sums) -> None:
    if isinstance(message, SettleMargin):
        for settled in message.settlements:
            own = wanted[settled.account, settled.market]
            own[0] -= sum(fill.quantity if fill.side is Side.BUY else -fill.quantity for fill in settled.fills)
            _add(own, settled.side, settled.leverage, settled.released, settled.released_exposure)
    elif isinstance(message, Granted):
        machine = receiver.markets.get(message.order.market)
        if isinstance(machine, FuturesMarket):
            order, value = message.order, message.order_value
            if message.leverage and not message.modifies:
                value = (order.price or message.hold_price) * order.quantity * machine.market.tick_lot_units
            _add(wanted[order.account, order.market], order.side, message.leverage, message.amount, value)
    elif isinstance(message, TriggerMarginResult) and (message.leverage or message.leave):
        own, hold = wanted[message.account, market_of(message.id)], held_for(message.terms, message.leverage)
        _add(own, message.side, message.leverage, hold, message.terms.order_value)


def _add(own: list[int], side: Side, leverage: int, hold: int, value: int) -> None:
    own[1] += hold
    own[2 if side is Side.BUY else 3] += value
    if not leverage:
        own[4] += hold


def _margin_underway(underway: Underway) -> Iterator[MarginSettlement]:
    for _, message in underway:
        if isinstance(message, SettleMargin):
            yield from message.settlements
