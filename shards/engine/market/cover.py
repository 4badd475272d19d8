"""What the hold of an order must pay for: how far the order may go, and what its fills may take. Prices in ticks.

Measured when margin is asked for, and looked at again when it is granted: no fill takes more than is held for it,
whatever has come between. Reads only.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from shards.engine.market.book import Book, BookSide
from shards.engine.market.price_band import is_farther, is_worse, loss_against, worst_price
from shards.model.markets import FuturesTerms
from shards.model.orders import BUY, LIMIT, SELL, NewOrder, Order, Side


class Cover(msgspec.Struct, gc=False, frozen=True):
    """As measured with book and mark of one moment."""

    limit: int  # the worst price at which it trades; 0: as its kind says
    hold_price: int  # no fill that opens is above it
    loss: int  # what each lot would lose against the mark


class Covered(Protocol):
    """A message that carries what was measured when margin was asked for."""

    @property
    def limit(self) -> int:
        """As in :class:`Cover`."""

    @property
    def hold_price(self) -> int:
        """As in :class:`Cover`."""

    @property
    def loss(self) -> int:
        """As in :class:`Cover`."""


class Priced(Protocol):
    """A futures market, as far as it has prices and positions."""

    book: Book
    has_risk_terms: bool
    mark_price: int  # 0 while there is none
    rules: int
    terms: FuturesTerms

    def reducible(self, account: str, side: Side) -> int:
        """Lots by which an order of ``side`` could reduce the account's position."""


def cover_in(message: Covered) -> Cover:
    """What was measured when margin was asked for."""
    return Cover(message.limit, message.hold_price, message.loss)


def measure(at: Priced, order: NewOrder | Order) -> Cover:
    """What the hold of a regular order reckons with, as book and mark are now."""
    side, limit = order.side, order.price
    if order.kind is not LIMIT:
        if at.has_risk_terms:
            limit = _reach(at, order)
        elif side is BUY:
            limit = _bound(at, BUY)
    loss = _loss_of(at, side, limit)
    if order.reduce_only:
        return Cover(limit, 0, loss)
    # a sale may fill above its price
    hold_price = limit
    if side is SELL:
        hold_price = max(order.price, at.book.bids.best_price() or 0, at.mark_price)
    return Cover(limit, hold_price, loss)


def is_short(at: Priced, order: NewOrder | Order, cover: Cover) -> bool:
    """Whether a fill could take more than was asked for with ``cover``: book or mark have moved since."""
    if not at.rules:
        return False
    if order.side is SELL and not order.reduce_only and (at.book.bids.best_price() or 0) > cover.hold_price:
        return True
    return _loss_of(at, order.side, order.price if order.kind is LIMIT else cover.limit) > cover.loss


def limit_of(at: Priced, order: NewOrder | Order, cover: Cover) -> int:
    """The worst price at which it trades. What is held must cover every fill of a purchase."""
    if order.kind is LIMIT:
        return order.price
    if at.has_risk_terms:
        return cover.limit
    bound, hold_price = _bound(at, order.side), cover.hold_price
    capped = order.side is BUY and not order.reduce_only and (hold_price or at.rules)
    return min(bound, hold_price) if capped else bound


def within_first_mark(at: Priced, order: NewOrder | Order, limit: int) -> int:
    """How far an order limited to ``limit`` goes where its own first fill makes the mark: no farther than one may."""
    if at.mark_price or not at.has_risk_terms or not at.rules:
        return limit
    against = at.book.opposite(order.side)
    if not against.trades_with(limit):
        return limit
    first = find_fillable(against, order, 1, limit, at.reducible)[1]
    bound = worst_price(order.side, first, at.terms.market_take_bound)
    return bound if first and is_worse(order.side, limit, bound) else limit


def may_lose(at: Priced, order: NewOrder | Order) -> bool:
    """Whether an order that only reduces goes farther than the mark: its account must be able to bear it."""
    if not at.has_risk_terms or not at.mark_price:
        return False
    return _loss_of(at, order.side, order.price if order.kind is LIMIT else _reach(at, order)) > 0


def limit_without_hold(side: Side, cover: Cover, allowance: int) -> int:
    """How far an order that only reduces goes with nothing held: ``allowance`` from the mark by which it was judged."""
    mark = cover.limit - cover.loss if side is BUY else cover.limit + cover.loss
    bound = worst_price(side, mark, allowance)
    return bound if is_worse(side, cover.limit, bound) else cover.limit


def is_uncovered(at: Priced, order: Order) -> bool:
    """Whether it would lose more against the mark at its price than it holds for that."""
    return _loss_of(at, order.side, order.price) > order.loss


def is_outside_band(at: Priced, side: Side, price: int) -> bool:
    """Whether an order's price is farther from the mark than any may be."""
    if not at.has_risk_terms:
        return False
    mark = at.mark_price
    return mark > 0 and is_farther(side, price, mark, at.terms.market_take_bound)


def find_fillable(
    against: BookSide, new: NewOrder | Order, wanted: int, limit: int, reducible: Callable[[str, Side], int]
) -> tuple[int, int]:
    """Lots that ``new`` would get of ``wanted`` at once, and the worst of their prices, 0 without any.

    Own orders do not count, reduce-only ones only as far as they reduce.
    """
    found = worst = 0
    left_of: dict[str, int] = {}
    for level in against:
        if not against.crosses(level.price, limit):
            break
        for maker in level.orders.values():
            lots = maker.quantity - maker.filled
            if maker.account == new.account:
                continue
            left = left_of.setdefault(maker.account, reducible(maker.account, maker.side))
            if maker.reduce_only:
                lots = min(lots, left)
            left_of[maker.account] = max(0, left - lots)
            found += lots
            if lots:
                worst = level.price
            if found >= wanted:
                return found, worst
    return found, worst


def _loss_of(at: Priced, side: Side, limit: int) -> int:
    """What each lot loses against the mark at ``limit``."""
    return loss_against(side, limit, at.mark_price) if at.has_risk_terms else 0


def _reach(at: Priced, order: NewOrder | Order) -> int:
    """The worst price that a market order reaches within its bound; the mark if it reaches none."""
    against = at.book.opposite(order.side)
    bound = worst_price(order.side, at.mark_price or against.best_price() or 0, at.terms.market_take_bound)
    wanted = min(order.quantity, at.reducible(order.account, order.side)) if order.reduce_only else order.quantity
    return find_fillable(against, order, wanted, bound, at.reducible)[1] or at.mark_price


def _bound(at: Priced, side: Side) -> int:
    """The worst price at which a market order of ``side`` trades, without risk terms; 0 while there is no price."""
    best = at.book.opposite(side).best_price() or 0
    if side is BUY:
        return worst_price(BUY, max(at.mark_price, best), at.terms.market_take_bound)
    return worst_price(SELL, min(at.mark_price or best, best or at.mark_price), at.terms.market_take_bound)
