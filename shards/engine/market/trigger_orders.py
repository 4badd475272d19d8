"""Trigger orders of a futures market: how they wait for a price, which is due, and what they become."""

import msgspec

from shards.engine.effects import Effects
from shards.engine.market.margin_trading import MarginTrading
from shards.engine.market.matching import Matching
from shards.engine.market.triggers import Triggers, trigger_of
from shards.model.brackets import MILLION
from shards.model.orders import BUY, LIMIT, MARKET, SELL, Kind, NewOrder, Order, TimeInForce, Trigger, WatchedPrice

_BECOMES = {Kind.STOP: LIMIT, Kind.TAKE_PROFIT: LIMIT}  # all other triggers become market orders


class TriggerOrders:
    """The triggers of one futures market, from placing to firing."""

    def __init__(self, matching: Matching, margin: MarginTrading) -> None:
        self._matching = matching
        self._margin = margin
        self._open = matching.orders.by_id
        self.queue = Triggers()
        self.awaiting_margin: dict[int, Order] = {}  # fired triggers waiting for their margin
        self._touched: dict[int, Order] = {}  # triggers whose price was reached while the current input is applied

    # Waiting

    def attach(self, order: Order, new: NewOrder, effects: Effects) -> None:
        """Create the take-profit and the stop-loss requested with ``order``."""
        side = SELL if order.side is BUY else BUY
        for name in ("take_profit", "stop_loss"):
            child: Trigger | None = getattr(new, name)
            if child is not None:
                terms = msgspec.structs.replace(child, parent=order.id)
                requested = NewOrder(
                    new.market, new.account, side, child.origin, TimeInForce.GTC, 0, order.quantity, 0, reduce_only=True
                )
                setattr(order, name, self.wait(requested, terms, effects).id)

    def wait(self, new: NewOrder, trigger: Trigger, effects: Effects) -> Order:
        """Create a waiting trigger."""
        order = self._matching.create(new, effects.now_ms)
        watched = self.watched_price(trigger.watched)
        order.trigger = msgspec.structs.replace(
            trigger, activation=trigger.activation or watched, extreme=watched, fired_ms=0
        )
        order.reduce_only = new.reduce_only or bool(trigger.parent)
        order.close_position = new.close_position
        parent = self._open.get(trigger.parent)
        if parent is not None:
            order.quantity = min(order.quantity or parent.quantity, parent.quantity)
        self._matching.orders.add(order)
        self.queue.add(order, armed=not trigger.parent or (parent is not None and parent.filled > 0))
        return order

    def change(self, order: Order, price: int, quantity: int, stop_price: int) -> None:
        """Change a waiting trigger's price, quantity and stop price."""
        attached = self.queue.is_attached(order)
        self.queue.remove(order)
        order.price, order.quantity = price, quantity
        trigger_of(order).stop_price = stop_price
        self.restore(order, attached=attached)

    def arm_children(self, taker: Order, maker: Order, lots: int) -> None:
        """After a match of ``lots``, arm the triggers attached to an order that has its first fill."""
        for order in (taker, maker):
            if order.filled == lots:
                for child in self.queue.children_of(order.id):
                    self.queue.arm(child)

    def resize_children(self, parent: Order, quantity: int) -> None:
        """Resize attached triggers before the parent's quantity changes: full-size ones follow, others are capped."""
        for child in self.queue.children_of(parent.id):
            child.quantity = quantity if child.quantity == parent.quantity else min(child.quantity, quantity)

    def restore(self, order: Order, *, attached: bool) -> None:
        """Restore a waiting trigger of a snapshot; its parent, if still open, has been restored before."""
        self._matching.orders.add(order)
        parent = self._open[trigger_of(order).parent] if attached else None
        self.queue.add(order, armed=parent is None or parent.filled > 0)
        if not attached:
            self.queue.hand_over(order)

    def restore_awaiting_margin(self, order: Order) -> None:
        """Restore a fired trigger of a snapshot that waits for its margin."""
        self._matching.orders.add(order)
        self.awaiting_margin[order.id] = order

    def withdraw(self, order: Order) -> bool:
        """Stop an open order from waiting for its price or margin; False if it does not wait but rests."""
        if order.id in self.queue.waiting:
            self.queue.remove(order)
        elif self.awaiting_margin.pop(order.id, None) is None:
            return False
        self._matching.orders.remove(order)
        return True

    # Prices

    def watched_price(self, watched: WatchedPrice) -> int:
        """Return the watched price in ticks; 0 while there is none."""
        return self._margin.last_price if watched is WatchedPrice.CONTRACT else self._margin.mark_price

    def track_mark(self) -> None:
        """Update trailing triggers after the mark price was set."""
        self.queue.track(WatchedPrice.MARK, self._margin.mark_price)

    def track_trade(self) -> None:
        """Update after a match was booked: the prices have moved, if only briefly."""
        if not self._margin.set_price:
            self.track_mark()
        self.queue.track(WatchedPrice.CONTRACT, self._margin.last_price)
        if self.queue.waiting:
            due = self.queue.due(self._prices())
            self._touched.update((order.id, order) for order in due if self._may_fire(order))

    def _prices(self) -> dict[WatchedPrice, int]:
        return {watched: price for watched in WatchedPrice if (price := self.watched_price(watched))}

    # Firing

    def next_due(self) -> Order | None:
        """Return the earliest placed trigger whose price is, or was during this input, reached."""
        if not self.queue.waiting:
            return None
        due = [order for order in self.queue.due(self._prices()) if self._may_fire(order)]
        due += (order for order in self._touched.values() if order.id in self.queue.waiting)
        return min(due, key=lambda order: order.id, default=None)

    def forget_touched(self) -> None:
        """Forget reached triggers: all that were due have fired, or may not fire."""
        self._touched.clear()

    def _may_fire(self, order: Order) -> bool:
        trigger, margin = trigger_of(order), self._margin
        if trigger.protect and margin.set_price:
            apart = abs(margin.last_price - margin.set_price) * MILLION
            if not margin.last_price or apart > margin.terms.trigger_protect * margin.set_price:
                return False
        if not self.queue.is_attached(order):
            return True
        parent = self._open.get(trigger.parent)  # None while it is being matched
        return parent is not None and parent.filled > 0 and margin.reducible(order.account, order.side) > 0

    def become_regular(self, order: Order, now_ms: int) -> Order | None:
        """Fire a waiting trigger; return the open order it was attached to, which ends with this."""
        trigger = trigger_of(order)
        attached = self.queue.is_attached(order)
        self.queue.remove(order)
        trigger.fired_ms = order.updated_ms = now_ms
        order.kind = _BECOMES.get(order.kind, MARKET)
        if not attached:
            return None
        parent = self._open[trigger.parent]
        order.quantity = min(order.quantity, parent.filled)
        return parent
