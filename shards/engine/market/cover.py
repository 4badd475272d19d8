"""What an order's hold must cover: how far the order may go, and the cost of its fills. Prices in ticks.

Measured when margin is requested and checked again when it is granted: no fill takes more than is held for it, whatever
happens in between. Read-only.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from shards.engine.market.book import Book, BookSide
from shards.engine.market.price_band import is_farther, is_worse, loss_against, worst_price
from shards.model.markets import FuturesTerms
from shards.model.orders import BUY, LIMIT, SELL, NewOrder, Order, Side


class Cover(msgspec.Struct, gc=False, frozen=True):
    """Measured from the book and the mark price at one moment."""

    limit: int  # the worst price at which it trades; 0: given by its kind
    hold_price: int  # no opening fill is above it
    loss: int  # loss per lot against the mark price


class Covered(Protocol):
    """A message that carries the cover measured when margin was requested."""

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
    """The prices and positions of a futures market."""

    book: Book
    has_risk_terms: bool
    mark_price: int  # 0 while there is none
    rules: int
    terms: FuturesTerms

    def reducible(self, account: str, side: Side) -> int:
        """Return the lots by which an order of ``side`` could reduce the account's position."""


def cover_in(message: Covered) -> Cover:
    """Return the cover measured when margin was requested."""
    return Cover(message.limit, message.hold_price, message.loss)


def measure(at: Priced, order: NewOrder | Order) -> Cover:
    """Return the cover of a regular order for the current book and mark price."""
    side, limit = order.side, order.price
    if order.kind is not LIMIT:
        if at.has_risk_terms:
            limit = _reach(at, order)
        elif side is BUY:
            limit = _bound(at, BUY)
    loss = _loss_of(at, side, limit)
    if order.reduce_only:
        return Cover(limit, 0, loss)
    # a sell may fill above its price
    hold_price = limit
    if side is SELL:
        hold_price = max(order.price, at.book.bids.best_price() or 0, at.mark_price)
    return Cover(limit, hold_price, loss)


def is_short(at: Priced, order: NewOrder | Order, cover: Cover) -> bool:
    """Whether a fill could take more than was requested with ``cover``, since book or mark have moved."""
    if not at.rules:
        return False
    if order.side is SELL and not order.reduce_only and (at.book.bids.best_price() or 0) > cover.hold_price:
        return True
    return _loss_of(at, order.side, order.price if order.kind is LIMIT else cover.limit) > cover.loss


def limit_of(at: Priced, order: NewOrder | Order, cover: Cover) -> int:
    """Return the worst price at which it trades. The hold must cover every fill of a buy."""
    if order.kind is LIMIT:
        return order.price
    if at.has_risk_terms:
        return cover.limit
    bound, hold_price = _bound(at, order.side), cover.hold_price
    capped = order.side is BUY and not order.reduce_only and (hold_price or at.rules)
    return min(bound, hold_price) if capped else bound


def within_first_mark(at: Priced, order: NewOrder | Order, limit: int) -> int:
    """Cap ``limit`` if the order's own first fill sets the mark price: by the maximum distance from that mark."""
    if at.mark_price or not at.has_risk_terms or not at.rules:
        return limit
    against = at.book.opposite(order.side)
    if not against.trades_with(limit):
        return limit
    first = find_fillable(against, order, 1, limit, at.reducible)[1]
    bound = worst_price(order.side, first, at.terms.market_take_bound)
    return bound if first and is_worse(order.side, limit, bound) else limit


def may_lose(at: Priced, order: NewOrder | Order) -> bool:
    """Whether a reduce-only order may trade at a loss against the mark: then its account must be able to bear it."""
    if not at.has_risk_terms or not at.mark_price:
        return False
    return _loss_of(at, order.side, order.price if order.kind is LIMIT else _reach(at, order)) > 0


def limit_without_hold(side: Side, cover: Cover, allowance: int) -> int:
    """Return the limit of a reduce-only order with nothing held: ``allowance`` from the mark of its cover."""
    mark = cover.limit - cover.loss if side is BUY else cover.limit + cover.loss
    bound = worst_price(side, mark, allowance)
    return bound if is_worse(side, cover.limit, bound) else cover.limit


def is_uncovered(at: Priced, order: Order) -> bool:
    """Whether its loss against the mark at its price would exceed what it holds for that."""
    return _loss_of(at, order.side, order.price) > order.loss


def is_outside_band(at: Priced, side: Side, price: int) -> bool:
    """Whether an order's price is farther from the mark than allowed."""
    if not at.has_risk_terms:
        return False
    mark = at.mark_price
    return mark > 0 and is_farther(side, price, mark, at.terms.market_take_bound)


def find_fillable(
    against: BookSide, new: NewOrder | Order, wanted: int, limit: int, reducible: Callable[[str, Side], int]
) -> tuple[int, int]:
    """Return the lots of ``wanted`` that ``new`` would fill immediately, and the worst of their prices (0: none).

    Own orders do not count, reduce-only ones only up to what they can reduce.
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
    """Return the loss per lot against the mark at ``limit``."""
    return loss_against(side, limit, at.mark_price) if at.has_risk_terms else 0


def _reach(at: Priced, order: NewOrder | Order) -> int:
    """Return the worst price that a market order reaches within its bound; the mark if it reaches none."""
    against = at.book.opposite(order.side)
    bound = worst_price(order.side, at.mark_price or against.best_price() or 0, at.terms.market_take_bound)
    wanted = min(order.quantity, at.reducible(order.account, order.side)) if order.reduce_only else order.quantity
    return find_fillable(against, order, wanted, bound, at.reducible)[1] or at.mark_price


def _bound(at: Priced, side: Side) -> int:
    """Return the worst price for a market order of ``side`` without risk terms; 0 while there is no price."""
    best = at.book.opposite(side).best_price() or 0
    if side is BUY:
        return worst_price(BUY, max(at.mark_price, best), at.terms.market_take_bound)
    return worst_price(SELL, min(at.mark_price or best, best or at.mark_price), at.terms.market_take_bound)
