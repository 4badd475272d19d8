"""Execution of a futures order: stages 5 to 9 of :mod:`shards.engine.market.futures`, from matching to its end.

All consequences of one match are applied before the next: a closed position ends the orders that depend on it. Triggers
fire once the order itself has ended or rests.
"""

from shards.engine.account.margin import held_for
from shards.engine.effects import Effects
from shards.engine.market.cover import (
    cover_in,
    find_fillable,
    is_outside_band,
    is_uncovered,
    limit_of,
    limit_without_hold,
    may_lose,
    measure,
    within_first_mark,
)
from shards.engine.market.margin_requests import MarginRequests
from shards.engine.market.margin_trading import MarginTrading
from shards.engine.market.matching import Match, Matching, fee_of
from shards.engine.market.trigger_orders import TriggerOrders
from shards.model.links import TriggerMarginResult
from shards.model.markets import MarketStatus
from shards.model.orders import CANCELED, FOK, IOC, LIMIT, MARKET, POST_ONLY, EndReason, NewOrder, Order, Status, Trade
from shards.model.reasons import RejectReason


class Execution:
    """Executes the orders of one futures market."""

    def __init__(
        self, matching: Matching, margin: MarginTrading, triggers: TriggerOrders, requests: MarginRequests
    ) -> None:
        self._matching = matching
        self._open = matching.orders.by_id
        self._book = matching.book
        self._unit = matching.market.tick_lot_units
        self._margin = margin
        self._triggers = triggers
        self._queue = triggers.queue
        self._requests = requests

    # 5. Match

    def refuse(self, new: NewOrder | Order, limit: int) -> RejectReason | None:
        """Return the rejection by its time in force, for the current book."""
        if new.tif is POST_ONLY:
            best = self._book.opposite(new.side).best_price()
            if best is not None and self._book.opposite(new.side).crosses(best, limit):
                return RejectReason.POST_ONLY
        if new.tif is FOK:
            margin, against = self._margin, self._book.opposite(new.side)
            wanted = min(new.quantity, margin.reducible(new.account, new.side)) if new.reduce_only else new.quantity
            reach = within_first_mark(margin, new, limit)
            if find_fillable(against, new, wanted, reach, margin.reducible)[0] < wanted:
                return RejectReason.CANNOT_FILL
        return None

    def execute(self, order: Order, limit: int, effects: Effects) -> list[Trade]:
        """Match ``order`` up to ``limit``, then rest or end its remainder."""
        trades: list[Trade] = []
        margin, against = self._margin, self._book.opposite(order.side)
        unmarked = not margin.mark_price
        reach = within_first_mark(margin, order, limit) if unmarked else limit
        while order.filled < order.quantity:
            maker = against.first()
            if maker is None or not against.crosses(maker.price, reach):
                break
            if maker.account == order.account:
                self.expire(maker, EndReason.OWN_ORDER, effects)
                continue
            lots = min(margin.wanted_by(order), margin.wanted_by(maker))
            if not lots:
                break  # reduce-only, with nothing left to reduce
            trades.append(self._trade(order, Match(maker, lots), effects))
        self._end_or_rest(order, limit, effects, unmarked=unmarked)
        return trades

    def _trade(self, taker: Order, match: Match, effects: Effects) -> Trade:
        maker, lots = match
        margin, market = self._margin, self._matching.market
        before = {order.account: margin.positions[order.account] for order in (taker, maker)}
        notional = maker.price * lots * self._unit
        fees = fee_of(notional, market.maker_fee_bps), fee_of(notional, market.taker_fee_bps)
        trade = self._matching.trade(taker, match, fees, effects)
        # 6. book
        margin.book_trade(taker, maker, trade, effects)
        self._triggers.arm_children(taker, maker, lots)
        self._triggers.track_trade()
        # 7. close
        if maker.filled == maker.quantity:
            self._matching.orders.remove(maker)
        for account, position in before.items():
            self._position_changed(account, position, effects)
        # 8. end: only now, because the maker's attached triggers depend on the position after this match
        if maker.filled == maker.quantity:
            self._end(maker, Status.FILLED, EndReason.FILLED, effects)
        return trade

    # 7. Close

    def _position_changed(self, account: str, before: int, effects: Effects) -> None:
        """When a position was closed or reversed, end the orders that depended on it."""
        if not before or self._margin.positions[account] * before > 0:
            return
        for order in self._matching.orders.of_account(account):
            if order.id in self._open:  # not ended by an earlier one
                reason = self._stands_on_nothing(order)
                if reason is not None:
                    self.expire(order, reason, effects)

    def _stands_on_nothing(self, order: Order) -> EndReason | None:
        """Return why an open order has lost its purpose now that its account's position was closed, if it has."""
        if order.id in self._queue.waiting:  # a trigger attached to an open parent does not end with the position
            on_position = (order.reduce_only or order.close_position) and not self._queue.is_attached(order)
            return EndReason.POSITION_CLOSED if on_position else None
        if order.reduce_only and not self._margin.reducible(order.account, order.side):
            return EndReason.REDUCE_ONLY
        return None

    # 8. End or rest

    def _end_or_rest(self, order: Order, limit: int, effects: Effects, *, unmarked: bool) -> None:
        """``unmarked``: there was no mark price before its first fill."""
        margin = self._margin
        if order.filled == order.quantity:
            self._end(order, Status.FILLED, EndReason.FILLED, effects)
        elif order.kind is MARKET:
            self._end(order, Status.EXPIRED, EndReason.MARKET_REST, effects)
        elif order.tif is IOC:
            self._end(order, Status.EXPIRED, EndReason.IOC, effects)
        elif not margin.wanted_by(order):
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
        elif limit != order.price or (unmarked and order.filled and margin.rules and is_uncovered(margin, order)):
            # its limit is capped, so it cannot rest at its own price
            self._end(order, Status.EXPIRED, EndReason.MARGIN, effects)
        else:
            self._matching.rest(order)
            margin.add_resting(order)

    def _end(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """End an order that is no longer open; if it has fills, its attached triggers stay."""
        self._matching.finish(order, status, reason, effects)
        self._margin.release_rest(order, effects)
        if not order.filled:
            self._cancel_children(order, effects)
            return
        for child in self._queue.children_of(order.id):
            child.quantity = min(child.quantity, order.filled)
            self._queue.hand_over(child)
            if not self._margin.positions[child.account]:  # what the order filled is already closed
                self.expire(child, EndReason.POSITION_CLOSED, effects)

    def expire(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """End an open order by the rules."""
        self.withdraw(order)
        self._end(order, Status.EXPIRED, reason, effects)

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """Cancel an open order or trigger and its attached triggers, and release all that is held."""
        self.withdraw(order)
        self._matching.finish(order, CANCELED, reason, effects)
        self._margin.release_rest(order, effects)
        self._cancel_children(order, effects)

    def _cancel_children(self, parent: Order, effects: Effects) -> None:
        for child in self._queue.children_of(parent.id):
            self.withdraw(child)
            self._matching.finish(child, CANCELED, EndReason.CASCADE, effects)

    def withdraw(self, order: Order) -> None:
        """Remove an order from the book or the triggers."""
        if not self._triggers.withdraw(order):
            self._matching.withdraw(order)
            self._margin.remove_resting(order)

    # 9. Fire

    def fire_due(self, effects: Effects) -> None:
        """Fire due triggers, the earliest placed first, until none is due."""
        while self._matching.market.status is MarketStatus.LISTED:
            order = self._triggers.next_due()
            if order is None:
                break
            self._fire(order, effects)
        self._triggers.forget_touched()

    def _fire(self, order: Order, effects: Effects) -> None:
        """Turn a waiting trigger into a regular order with the same id; request margin if it needs any."""
        parent = self._triggers.become_regular(order, effects.now_ms)
        if parent is not None:
            self.expire(parent, EndReason.CHILD_FIRED, effects)
        if order.reduce_only or order.close_position:
            order.reduce_only = True
            reducible = self._margin.reducible(order.account, order.side)
            order.quantity = reducible if order.close_position else min(order.quantity, reducible)
        if self._is_too_far(order):
            self._matching.orders.remove(order)
            self._end(order, Status.EXPIRED, EndReason.PERCENT_PRICE, effects)
        elif not order.reduce_only or (order.quantity and may_lose(self._margin, order)):
            self._triggers.awaiting_margin[order.id] = order
            effects.fired.append(order)
        else:
            self._matching.orders.remove(order)
            self._execute_fired(order, limit_of(self._margin, order, measure(self._margin, order)), effects)

    def apply_trigger_margin(self, held: TriggerMarginResult, effects: Effects) -> None:
        """Apply the account machine's answer for a fired trigger: execute or expire it."""
        order = self._triggers.awaiting_margin.get(held.id)
        if order is None:  # canceled while its margin was requested
            self._margin.release_fired(held, effects)
        elif held.leverage or held.terms.reduces:
            self._fired_granted(order, held, effects)
        else:  # the price is checked first, as when an order is placed
            reason = EndReason.PERCENT_PRICE if self._is_too_far(order) else EndReason.MARGIN
            self.expire(order, reason, effects)

    def _fired_granted(self, order: Order, held: TriggerMarginResult, effects: Effects) -> None:
        """Execute a fired trigger with what was granted, like any order.

        It expires if its market was halted meanwhile; if too little was requested, margin is requested again.
        """
        reason = EndReason.NONE
        if self._matching.market.status is not MarketStatus.LISTED:
            reason = EndReason.HALTED
        elif self._is_too_far(order):
            reason = EndReason.PERCENT_PRICE
        if reason is not EndReason.NONE:
            self._margin.release_fired(held, effects)
            self.expire(order, reason, effects)
        elif self._requests.falls_short(order, cover_in(held), reduces=held.terms.reduces, closes=held.terms.closes):
            self._margin.release_fired(held, effects)
            effects.again.append(order)
        else:
            self._triggers.withdraw(order)
            limit = self._take_up(order, held, effects)
            self._execute_fired(order, limit, effects)
            self.fire_due(effects)

    def _take_up(self, order: Order, held: TriggerMarginResult, effects: Effects) -> int:
        """Assign the granted hold to a fired order; return the worst price at which it trades."""
        margin, cover = self._margin, cover_in(held)
        if not order.reduce_only:
            order.hold_price, order.leverage, order.loss = held.hold_price, held.leverage, held.loss
            order.hold = margin.hold_of(order)
            return limit_of(margin, order, cover)
        order.quantity = margin.reduced_by(order)
        if not held.leave:
            return limit_without_hold(order.side, cover, held.allowance)
        order.loss = held.loss
        order.hold = margin.hold_of(order)
        surplus = held_for(held.terms, 0) - order.hold
        if surplus:
            margin.unhold(held, 0, surplus, 0, effects)
        return limit_of(margin, order, cover)

    def _execute_fired(self, order: Order, limit: int, effects: Effects) -> None:
        if not order.quantity:
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
            return
        refusal = self.refuse(order, limit)
        if refusal is not None:
            reason = EndReason.FOK if refusal is RejectReason.CANNOT_FILL else EndReason.GTX
            self._end(order, Status.EXPIRED, reason, effects)
            return
        self.execute(order, limit, effects)

    def _is_too_far(self, order: Order) -> bool:
        return order.kind is LIMIT and is_outside_band(self._margin, order.side, order.price)
