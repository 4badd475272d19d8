"""Why placing or modifying a futures order would be rejected, in order of precedence. Read-only."""

from shards.engine.market.contents import is_same
from shards.engine.market.cover import is_outside_band
from shards.engine.market.margin_trading import MarginTrading
from shards.engine.market.matching import Matching
from shards.engine.market.trigger_orders import TriggerOrders
from shards.engine.market.triggers import trigger_of, would_fire
from shards.limits import CHILDREN_MAX, OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.model.commands import Modify
from shards.model.orders import BUY, LIMIT, MARKET, Kind, NewOrder, Order, Side, Trigger
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected


class FuturesChecks:
    """The checks of one futures market."""

    def __init__(self, matching: Matching, margin: MarginTrading, triggers: TriggerOrders) -> None:
        self._matching = matching
        self._open = matching.orders.by_id
        self._unit = matching.market.tick_lot_units
        self._margin = margin
        self._triggers = triggers
        self._queue = triggers.queue

    # Placing

    def check(self, new: NewOrder) -> OrderReply | Rejected | None:
        """Return why ``new`` would be rejected, or its first order if it is a repeat."""
        first = self._matching.find_first(new, self._is_same)
        if isinstance(first, OrderReply):
            return first
        refused = self._check_notional(new) if new.kind is MARKET else None
        refused = refused or first or self._matching.check_status()
        if refused is None and new.kind is LIMIT:
            refused = self._check_price(new.side, new.price)
        refused = refused or self._check_count(new)
        if refused is not None:
            return refused
        if new.trigger is not None:
            return self._check_trigger(new, new.trigger)
        if new.take_profit is not None or new.stop_loss is not None:
            refused = self._check_children(new)
        return refused or (self._check_reducible(new) if new.reduce_only else None)

    def _is_same(self, order: Order, new: NewOrder) -> bool:
        return is_same(order, new, self._queue.waiting)

    def _check_notional(self, new: NewOrder) -> Rejected | None:
        """Check a market order's value at the mark price, if there is one, since its price is not known in advance."""
        margin = self._margin
        if not margin.mark_price:
            return None
        lots = new.quantity
        if margin.rules and new.reduce_only:  # the part that can reduce; with nothing to reduce it is rejected for that
            lots = min(lots, margin.reducible(new.account, new.side))
        notional = margin.mark_price * lots * self._unit
        if notional < self._matching.market.min_notional and not new.reduce_only:
            return Rejected(RejectReason.MIN_NOTIONAL)
        return Rejected(RejectReason.MAX_NOTIONAL) if notional > margin.terms.max_notional else None

    def _check_price(self, side: Side, price: int) -> Rejected | None:
        if not is_outside_band(self._margin, side, price):
            return None
        return Rejected(RejectReason.PRICE_TOO_HIGH if side is BUY else RejectReason.PRICE_TOO_LOW)

    def _check_reducible(self, new: NewOrder) -> Rejected | None:
        return None if self._margin.reducible(new.account, new.side) else Rejected(RejectReason.NOTHING_TO_REDUCE)

    def _check_count(self, new: NewOrder) -> Rejected | None:
        triggers = self._queue.count(new.account)
        if new.trigger is not None:
            parent = self._open.get(new.trigger.parent)
            own = parent is not None and parent.account == new.account
            siblings = self._queue.children.get(new.trigger.parent, ()) if own else ()
            full = triggers >= TRIGGERS_MAX or len(siblings) >= CHILDREN_MAX
            return Rejected(RejectReason.TOO_MANY_TRIGGERS) if full else None
        if len(self._matching.orders.by_account.get(new.account, ())) - triggers >= OPEN_ORDERS_MAX:
            return Rejected(RejectReason.TOO_MANY_OPEN_ORDERS)
        children = (new.take_profit is not None) + (new.stop_loss is not None)
        return Rejected(RejectReason.TOO_MANY_TRIGGERS) if triggers + children > TRIGGERS_MAX else None

    def _check_trigger(self, new: NewOrder, trigger: Trigger) -> Rejected | None:
        if trigger.parent:
            parent = self._open.get(trigger.parent)
            if (
                parent is None
                or parent.account != new.account
                or parent.side is new.side
                or parent.id in self._queue.waiting
            ):
                return Rejected(RejectReason.PARENT_NOT_OPEN)
        if new.kind is not Kind.TRAILING_STOP_MARKET:
            return self._check_stop(new, trigger, trigger.stop_price)
        price = self._triggers.watched_price(trigger.watched)
        below = trigger.activation < price
        wrong = price and trigger.activation and (trigger.activation == price or below != (new.side is BUY))
        return Rejected(RejectReason.WOULD_TRIGGER) if wrong else None

    def _check_children(self, new: NewOrder) -> Rejected | None:
        """A take-profit must lie beyond the order's price, a stop-loss before it."""
        sign = 1 if new.side is BUY else -1
        for child, direction in ((new.take_profit, sign), (new.stop_loss, -sign)):
            if child is not None:
                price = new.price or self._triggers.watched_price(child.watched)
                if price and (child.stop_price - price) * direction <= 0:
                    return Rejected(RejectReason.WOULD_TRIGGER)
        return None

    def _check_stop(self, order: NewOrder | Order, trigger: Trigger, stop_price: int) -> Rejected | None:
        """The stop price must lie beyond the watched price and, if attached, beyond the parent's price."""
        parent = self._open.get(trigger.parent) if self._margin.rules else None
        prices = self._triggers.watched_price(trigger.watched), parent.price if parent is not None else 0
        wrong = any(price and would_fire(order.kind, order.side, stop_price, price) for price in prices)
        return Rejected(RejectReason.WOULD_TRIGGER) if wrong else None

    # Modifying

    def check_modify(self, modify: Modify) -> Rejected | None:
        """Return why a modification would be rejected before margin is requested for it."""
        order = self._open.get(modify.id)
        if order is None or order.account != modify.account:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        waits = order.id in self._queue.waiting
        if not _is_modifiable(order, modify, waits=waits, fires=order.id in self._triggers.awaiting_margin):
            return Rejected(RejectReason.NOT_MODIFIABLE)
        new = self.changed(order, modify)
        stop_price = trigger_of(order).stop_price if waits else 0
        stays = not waits or modify.stop_price in (0, stop_price)
        if stays and (new.price, new.quantity) == (order.price, order.quantity):
            return Rejected(RejectReason.NOTHING_CHANGES)
        if not order.close_position and new.quantity <= order.filled:
            return Rejected(RejectReason.BELOW_FILLED)
        refused = self._matching.check_status()
        if refused is not None:
            return refused
        if waits:
            return self._check_stop(order, trigger_of(order), modify.stop_price or stop_price)
        return self._check_price(order.side, new.price) or self._check_own_children(order, new.price)

    def _check_own_children(self, order: Order, price: int) -> Rejected | None:
        """An order must not be moved past its attached triggers."""
        if not self._margin.rules or price == order.price:
            return None
        for child in self._queue.children_of(order.id):
            stop_price = trigger_of(child).stop_price  # 0: a trailing one has none
            if stop_price and would_fire(child.kind, child.side, stop_price, price):
                return Rejected(RejectReason.WOULD_TRIGGER)
        return None

    def changed(self, order: Order, modify: Modify) -> NewOrder:
        """Return what the order would become. An attached trigger stays within its parent's quantity."""
        quantity = modify.quantity or order.quantity
        if self._margin.rules and order.id in self._queue.waiting and self._queue.is_attached(order):
            quantity = min(quantity, self._open[trigger_of(order).parent].quantity)
        priced = order.kind in (LIMIT, Kind.STOP, Kind.TAKE_PROFIT)
        return NewOrder(
            market=order.market,
            account=order.account,
            side=order.side,
            kind=order.kind,
            tif=order.tif,
            price=(modify.price if priced else 0) or order.price,
            quantity=quantity,
            quote_quantity=0,
            reduce_only=order.reduce_only,
        )


def _is_modifiable(order: Order, modify: Modify, *, waits: bool, fires: bool) -> bool:
    if waits:
        return order.kind is not Kind.TRAILING_STOP_MARKET and not (order.close_position and modify.quantity)
    return order.kind is LIMIT and not fires
