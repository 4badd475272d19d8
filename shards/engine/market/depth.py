"""The visible depth of a book: the available lots at each price, best first. Read-only."""

from itertools import islice

from shards.engine.market.book import BookSide
from shards.engine.market.machine import MarketMachine
from shards.engine.market.margin_trading import MarginTrading
from shards.model.orders import Side

Levels = list[tuple[int, int]]
"""(ticks, lots)."""


def list_levels(machine: MarketMachine, margin: MarginTrading | None, side: Side, limit: int) -> Levels:
    """Return a side's best levels; reduce-only orders count only up to their accounts' positions.

    ``margin``: of a futures market, else None.
    """
    levels = machine.book.side(side)
    if margin is not None:
        left = {
            order.account: margin.reducible(order.account, side)
            for order in margin.reducing.values()
            if order.side is side
        }
        if left:
            return _list_reduced(machine, levels, left, limit)
    return [(level.price, level.quantity) for level in islice(levels, limit)]


def _list_reduced(machine: MarketMachine, levels: BookSide, left: dict[str, int], limit: int) -> Levels:
    """``left``: by account, the lots that its reduce-only orders can still reduce, best price first."""
    prices = {order.price for account in left for order in machine.by_account[account].values()}
    shown: Levels = []
    for level in levels:
        quantity = level.quantity
        for maker in level.orders.values() if level.price in prices else ():
            if maker.account in left:
                lots, most = maker.quantity - maker.filled, left[maker.account]
                if maker.reduce_only and lots > most:
                    quantity -= lots - most
                left[maker.account] = max(0, most - lots)
        if quantity:
            shown.append((level.price, quantity))
            if len(shown) == limit:
                break
    return shown
