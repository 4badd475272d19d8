"""What a futures market asks the account machine to hold: for new orders, modifications and fired triggers.

Measured when margin is requested and checked again when it is granted (:mod:`shards.engine.market.cover`). Read-only.
"""

from shards.engine.market.cover import Cover, is_short, may_lose, measure
from shards.engine.market.margin_trading import MarginTrading
from shards.engine.market.matching import Matching
from shards.model.accounting import MarginTerms
from shards.model.commands import MarginHold
from shards.model.decimals import ceil_div
from shards.model.links import TriggerMarginRequest
from shards.model.orders import NewOrder, Order


class MarginRequests:
    """The margin requests of one market."""

    def __init__(self, matching: Matching, margin: MarginTrading) -> None:
        self._matching = matching
        self._margin = margin
        self._asset = matching.market.quote
        self._unit = matching.market.tick_lot_units

    def needs_money(self, new: NewOrder) -> bool:
        """Whether margin is needed: not for waiting triggers or reduce-only orders without loss."""
        return new.trigger is None and (not new.reduce_only or may_lose(self._margin, new))

    # Requests

    def for_order(self, new: NewOrder, shard: int, ticket: int, deadline_ms: int) -> MarginHold:
        """Return the request for placing ``new``."""
        cover = measure(self._margin, new)
        terms, measured = self._terms_of(new, cover), (cover.limit, cover.loss)
        return MarginHold(new, self._asset, shard, ticket, deadline_ms, cover.hold_price, terms, 0, *measured)

    def for_change(self, order: Order, new: NewOrder, shard: int, ticket: int, deadline_ms: int) -> MarginHold:
        """Return the request for modifying ``order`` into ``new``."""
        cover = measure(self._margin, new)
        terms, measured = self._more_terms(order, new, cover), (cover.limit, cover.loss)
        return MarginHold(new, self._asset, shard, ticket, deadline_ms, cover.hold_price, terms, order.id, *measured)

    def for_fired(self, order: Order, shard: int) -> TriggerMarginRequest:
        """Return the request for executing a fired trigger."""
        cover = measure(self._margin, order)
        shown = order.id, order.account, order.side
        return TriggerMarginRequest(
            *shown, cover.hold_price, self._terms_of(order, cover), shard, cover.limit, cover.loss
        )

    def _terms_of(self, order: NewOrder | Order, cover: Cover) -> MarginTerms:
        """Return the terms of a regular order."""
        margin = self._margin
        if order.reduce_only:
            return self._reducing_terms(cover, margin.reduced_by(order))
        default, most = margin.terms.default_leverage, margin.terms.max_position_notional
        lots = order.quantity * self._unit
        value = (order.price or cover.hold_price) * lots
        closes, hold = margin.only_closes(order, order.quantity), cover.hold_price * lots
        return MarginTerms(hold, value, default, most, 0, cover.loss * lots, closes=closes, entry_value=hold)

    def _reducing_terms(self, cover: Cover, lots: int, held: int = 0) -> MarginTerms:
        """Return the terms of a reduce-only order with a loss."""
        margin = self._margin
        default, most = margin.terms.default_leverage, margin.terms.max_position_notional
        loss, mark = cover.loss * lots * self._unit, margin.mark_price * self._unit
        return MarginTerms(0, 0, default, most, loss_value=loss, reduces=lots, held=held, mark=mark)

    def _more_terms(self, order: Order, new: NewOrder, cover: Cover) -> MarginTerms:
        """Return the terms of what ``new`` needs in addition to the hold of ``order``; a surplus is not released."""
        margin = self._margin
        if order.reduce_only:
            return self._reducing_terms(cover, margin.reduced_by(new, order.filled), order.hold)
        leverage, most = self.leverage_for(order), margin.terms.max_position_notional
        hold, value = self.need_of(order, new, cover)
        counted = margin.open_value(order)
        more, more_value = max(0, hold - order.hold), max(0, value - counted)
        closes = margin.only_closes(order, new.quantity - order.quantity)
        left, left_now = new.quantity - order.filled, order.quantity - order.filled
        now = max(counted, measure(margin, order).hold_price * left_now * self._unit)
        entry = max(0, cover.hold_price * left * self._unit - now)
        return MarginTerms(more, more_value, leverage, most, leverage=1, closes=closes, entry_value=entry)

    def leverage_for(self, order: Order) -> int:
        """Return the leverage of a modified order: its own, capped by the market's current maximum."""
        market = self._matching.market
        return order.leverage if market.risk is None else min(order.leverage, market.brackets[0].max_leverage)

    def need_of(self, order: Order, new: NewOrder, cover: Cover) -> tuple[int, int]:
        """Return (hold, open value) of ``order`` once it is ``new``."""
        if order.reduce_only:
            return cover.loss * self._margin.reduced_by(new, order.filled) * self._unit, 0
        units = (new.quantity - order.filled) * self._unit
        return ceil_div(cover.hold_price * units, self.leverage_for(order)) + cover.loss * units, new.price * units

    # Recheck

    def falls_short(
        self, order: NewOrder | Order, cover: Cover, *, reduces: int, closes: bool, changes: Order | None = None
    ) -> bool:
        """Whether too little was requested, since book, mark or position have moved.

        ``reduces`` and ``closes`` as requested; ``changes``: the order that is to be modified into this one.
        """
        margin = self._margin
        filled, placed = (changes.filled, changes.quantity) if changes is not None else (0, 0)
        if order.reduce_only and margin.reduced_by(order, filled) > reduces:
            return True
        if closes and not margin.only_closes(order, order.quantity - placed):
            return True
        return is_short(margin, order, cover)
