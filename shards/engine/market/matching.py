"""Deciding what a new order trades with: price, then time; nothing is changed here."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from shards.engine.market.book import BookSide
from shards.model.orders import BUY, LIMIT, MARKET, Order


class Match(NamedTuple):
    """``quantity`` lots against the resting order ``maker``, at its price."""

    maker: Order
    quantity: int


class Plan(NamedTuple):
    """The matches of a new order, in order; ``complete`` if nothing more could be wanted of the book."""

    matches: Sequence[Match]
    complete: bool


_NOTHING: Final = Plan((), complete=False)


def plan_matches(order: Order, against: BookSide, budget: int) -> Plan:
    """What ``order`` takes from ``against``.

    ``budget`` (ticks × lots) bounds a market buy, which is complete when the rest of it buys no further lot.
    """
    if not against.trades_with(order.price if order.kind is LIMIT else None):
        return _NOTHING  # as most orders: they come to rest
    if order.kind is MARKET and order.side is BUY:
        return _plan_budget(budget, against)
    return _plan_quantity(order, against)


def _plan_quantity(order: Order, against: BookSide) -> Plan:
    matches: list[Match] = []
    wanted = order.quantity
    limited = order.kind is LIMIT
    for level in against:
        if limited and not against.crosses(level.price, order.price):
            break
        for maker in level.orders.values():
            quantity = min(wanted, maker.quantity - maker.filled)
            matches.append(Match(maker, quantity))
            wanted -= quantity
            if not wanted:
                return Plan(matches, complete=True)
    return Plan(matches, complete=False)


def _plan_budget(budget: int, against: BookSide) -> Plan:
    matches: list[Match] = []
    for level in against:
        for maker in level.orders.values():
            left = maker.quantity - maker.filled
            quantity = min(budget // level.price, left)
            if quantity:
                matches.append(Match(maker, quantity))
                budget -= quantity * level.price
            if quantity < left:
                return Plan(matches, complete=bool(matches))
    return Plan(matches, complete=bool(matches) and not budget)
