"""What must be true of futures wallets, positions and holds on margin, over all shards."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from shards.engine import Engine
from shards.futures import FuturesMarket
from shards.ids import market_of
from shards.messages import FiredHeld, Granted, LinkMessage, SettleMargin
from shards.money import MarginSettlement
from shards.orders import Side
from shards.units import ceil_div

Underway = list[tuple[Engine, LinkMessage]]
"""(receiver, message) of what is between shards."""


def check_margins(engines: Sequence[Engine], underway: Underway) -> Iterator[str]:
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


def check_positions(engines: Sequence[Engine], underway: Underway) -> Iterator[str]:
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


def _margin_underway(underway: Underway) -> Iterator[MarginSettlement]:
    for _, message in underway:
        if isinstance(message, SettleMargin):
            yield from message.settlements
