"""Triggers in a futures market: how they wait for a price, fire, and end with their parent or their position."""

import msgspec

from shards.engine.account.margin import held_for
from shards.engine.effects import Effects
from shards.engine.market.cover import (
    cover_in,
    is_outside_band,
    is_short,
    limit_of,
    limit_without_hold,
    may_lose,
    measure,
)
from shards.engine.market.margin_trading import MarginMarket
from shards.engine.market.triggers import Triggers, trigger_of
from shards.model.brackets import MILLION
from shards.model.links import FiredHeld
from shards.model.markets import Market, MarketStatus
from shards.model.orders import (
    BUY,
    LIMIT,
    MARKET,
    SELL,
    EndReason,
    Kind,
    NewOrder,
    Order,
    Status,
    TimeInForce,
    Trade,
    Trigger,
    WatchedPrice,
)
from shards.model.reasons import Reason
from shards.model.replies import Refused

_BECOMES = {Kind.STOP: LIMIT, Kind.TAKE_PROFIT: LIMIT}  # any other trigger becomes a market order


class TriggerMarket(MarginMarket):
    """The triggers of one futures market, and what they become."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.triggers = Triggers()
        self.firing: dict[int, Order] = {}  # triggers that have fired and wait for their margin
        self._touched: dict[int, Order] = {}  # triggers whose price came in the midst of what is being carried out

    # Ending

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """End an open order or trigger, its attached triggers with it, and give back all that is held."""
        super().cancel(order, reason, effects)
        self._cascade(order, effects)

    def _end(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """What was attached to an order that ends by itself goes on with what it has filled, or ends with it."""
        super()._end(order, status, reason, effects)
        if not order.filled:
            self._cascade(order, effects)
            return
        for child in self.triggers.children_of(order.id):
            child.quantity = min(child.quantity, order.filled)
            self.triggers.hand_over(child)
            if not self.positions[child.account]:  # what the order has filled is closed already
                self._expire(child, EndReason.POSITION_CLOSED, effects)

    def _cascade(self, parent: Order, effects: Effects) -> None:
        for child in self.triggers.children_of(parent.id):
            self._withdraw(child)
            self._finish(child, Status.CANCELED, EndReason.CASCADE, effects)

    def _withdraw(self, order: Order) -> None:
        if order.id in self.triggers.waiting:
            self.triggers.remove(order)
            self._forget(order)
        elif self.firing.pop(order.id, None) is not None:
            self._forget(order)
        else:
            super()._withdraw(order)

    def _stands_on_nothing(self, order: Order) -> EndReason | None:
        """A waiting trigger on the position ends with the position; one on an open parent does not."""
        if order.id not in self.triggers.waiting:
            return super()._stands_on_nothing(order)
        on_position = (order.reduce_only or order.close_position) and not self.triggers.is_attached(order)
        return EndReason.POSITION_CLOSED if on_position else None

    def cancel_triggers(self, account: str, effects: Effects) -> list[Order]:
        """Cancel all waiting triggers of ``account``, oldest first."""
        waiting = {order.id: order for order in self.triggers.of_account(account)}
        return self._cancel_orders(waiting, EndReason.CANCEL_ALL, effects)

    # What triggers watch

    def watched_price(self, watched: WatchedPrice) -> int:
        """Ticks; 0 while there is none."""
        return self.last_price if watched is WatchedPrice.CONTRACT else self.mark_price

    def _price_changed(self, trade: Trade, effects: Effects) -> None:
        super()._price_changed(trade, effects)
        self.triggers.track(WatchedPrice.CONTRACT, trade.price)
        if self.triggers.waiting:
            due = self.triggers.due(self._prices())
            self._touched.update((order.id, order) for order in due if self._may_fire(order))

    def _mark_changed(self, effects: Effects) -> None:
        super()._mark_changed(effects)
        self.triggers.track(WatchedPrice.MARK, self.mark_price)

    def _first_filled(self, order: Order) -> None:
        for child in self.triggers.children_of(order.id):
            self.triggers.arm(child)

    # Triggers

    def _attach(self, order: Order, new: NewOrder, effects: Effects) -> None:
        """Make the take-profit and the stop-loss that were ordered with it."""
        side = SELL if order.side is BUY else BUY
        for name in ("take_profit", "stop_loss"):
            child: Trigger | None = getattr(new, name)
            if child is not None:
                terms = msgspec.structs.replace(child, parent=order.id)
                asked = NewOrder(
                    new.market, new.account, side, child.origin, TimeInForce.GTC, 0, order.quantity, 0, reduce_only=True
                )
                setattr(order, name, self._wait(asked, terms, effects).id)

    def _wait(self, new: NewOrder, trigger: Trigger, effects: Effects) -> Order:
        order = self._create(new, effects.now_ms)
        watched = self.watched_price(trigger.watched)
        order.trigger = msgspec.structs.replace(
            trigger, activation=trigger.activation or watched, extreme=watched, fired_ms=0
        )
        order.reduce_only = new.reduce_only or bool(trigger.parent)
        order.close_position = new.close_position
        parent = self.open.get(trigger.parent)
        if parent is not None:
            order.quantity = min(order.quantity or parent.quantity, parent.quantity)
        self._remember(order)
        self.triggers.add(order, armed=not trigger.parent or (parent is not None and parent.filled > 0))
        return order

    def _change_trigger(self, order: Order, price: int, quantity: int, stop_price: int) -> None:
        """Let a waiting trigger wait on other terms."""
        attached = self.triggers.is_attached(order)
        self.triggers.remove(order)
        order.price, order.quantity = price, quantity
        trigger_of(order).stop_price = stop_price
        self.restore_trigger(order, attached=attached)

    def restore_trigger(self, order: Order, *, attached: bool) -> None:
        """Let a trigger of a snapshot wait again; its parent, if it has one still, is there already."""
        self._remember(order)
        parent = self.open[trigger_of(order).parent] if attached else None
        self.triggers.add(order, armed=parent is None or parent.filled > 0)
        if not attached:
            self.triggers.hand_over(order)

    def restore_firing(self, order: Order) -> None:
        """A fired trigger of a snapshot waits for its margin again."""
        self._remember(order)
        self.firing[order.id] = order

    def set_status(self, status: MarketStatus, effects: Effects) -> Refused | None:
        """As every market; one with open positions is not delisted, and what became due while halted fires."""
        if status is MarketStatus.DELISTED and self.positions:
            return Refused(Reason.POSITIONS_OPEN)
        super().set_status(status, effects)
        self._fire_due(effects)
        return None

    def set_mark(self, price: int, effects: Effects) -> None:
        """The operator sets the mark price (ticks), or lets it follow the last trade again (0)."""
        first = not self.mark_price
        self.set_price = price
        if self.mark_price:
            self._mark_changed(effects)
            if first:
                self._expire_uncovered(effects)
        self._fire_due(effects)

    def _fire_due(self, effects: Effects) -> None:
        """Fire whatever is due, the earliest placed first, until nothing is."""
        while self.market.status is MarketStatus.LISTED:
            order = self._next_due()
            if order is None:
                break
            self._fire(order, effects)
        self._touched.clear()

    def _next_due(self) -> Order | None:
        if not self.triggers.waiting:
            return None
        due = [order for order in self.triggers.due(self._prices()) if self._may_fire(order)]
        due += (order for order in self._touched.values() if order.id in self.triggers.waiting)
        return min(due, key=lambda order: order.id, default=None)

    def _prices(self) -> dict[WatchedPrice, int]:
        return {watched: price for watched in WatchedPrice if (price := self.watched_price(watched))}

    def _may_fire(self, order: Order) -> bool:
        trigger = trigger_of(order)
        if trigger.protect and self.set_price:
            apart = abs(self.last_price - self.set_price) * MILLION
            if not self.last_price or apart > self.terms.trigger_protect * self.set_price:
                return False
        if not self.triggers.is_attached(order):
            return True
        parent = self.open.get(trigger.parent)  # none while it is being matched
        return parent is not None and parent.filled > 0 and self.reducible(order.account, order.side) > 0

    def _fire(self, order: Order, effects: Effects) -> None:
        """A waiting trigger becomes a regular order, with the same id."""
        trigger = trigger_of(order)
        attached = self.triggers.is_attached(order)
        self.triggers.remove(order)
        trigger.fired_ms = order.updated_ms = effects.now_ms
        order.kind = _BECOMES.get(order.kind, MARKET)
        if attached:
            parent = self.open[trigger.parent]
            order.quantity = min(order.quantity, parent.filled)
            self._expire(parent, EndReason.CHILD_FIRED, effects)
        if order.reduce_only or order.close_position:
            order.reduce_only = True
            reducible = self.reducible(order.account, order.side)
            order.quantity = reducible if order.close_position else min(order.quantity, reducible)
        if self._is_too_far(order):
            self._forget(order)
            self._end(order, Status.EXPIRED, EndReason.PERCENT_PRICE, effects)
        elif not order.reduce_only or (order.quantity and may_lose(self, order)):
            self.firing[order.id] = order
            effects.fired.append(order)
        else:
            self._forget(order)
            self._execute_fired(order, limit_of(self, order, measure(self, order)), effects)

    def fired_granted(self, order: Order, held: FiredHeld, effects: Effects) -> None:
        """A fired trigger has its margin, or its leave or none: it goes its way as any order.

        Not if its market was halted since; and if too little was asked for, it is asked for again.
        """
        reason = EndReason.NONE
        if self.market.status is not MarketStatus.LISTED:
            reason = EndReason.HALTED
        elif self._is_too_far(order):
            reason = EndReason.PERCENT_PRICE
        if reason is not EndReason.NONE:
            self.give_back(held, effects)
            self._expire(order, reason, effects)
        elif self._is_short_by_now(order, held):
            self.give_back(held, effects)
            effects.again.append(order)
        else:
            del self.firing[order.id]
            self._forget(order)
            limit = self._take_up(order, held, effects)
            self._execute_fired(order, limit, effects)
            self._fire_due(effects)

    def _is_short_by_now(self, order: Order, held: FiredHeld) -> bool:
        """Whether too little was asked for: book, mark or position have moved since."""
        if order.reduce_only and self.reduced_by(order) > held.terms.reduces:
            return True
        if held.terms.closes and not self.only_closes(order, order.quantity):
            return True
        return is_short(self, order, cover_in(held))

    def _take_up(self, order: Order, held: FiredHeld, effects: Effects) -> int:
        """Let a fired order hold what it was granted; returns the worst price at which it trades."""
        if not order.reduce_only:
            order.hold_price, order.leverage, order.loss = held.hold_price, held.leverage, held.loss
            order.hold = self._hold_of(order)
            return limit_of(self, order, cover_in(held))
        order.quantity = self.reduced_by(order)
        if not held.leave:
            return limit_without_hold(order.side, cover_in(held), held.allowance)
        order.loss = held.loss
        order.hold = self._hold_of(order)
        surplus = held_for(held.terms, 0) - order.hold
        if surplus:
            self.unhold(held, 0, surplus, 0, effects)
        return limit_of(self, order, cover_in(held))

    def fired_refused(self, order: Order, effects: Effects) -> None:
        """There is no margin for a fired trigger; its price is looked at first, as when an order is placed."""
        reason = EndReason.PERCENT_PRICE if self._is_too_far(order) else EndReason.MARGIN
        self._expire(order, reason, effects)

    def _is_too_far(self, order: Order) -> bool:
        return order.kind is LIMIT and is_outside_band(self, order.side, order.price)

    def _execute_fired(self, order: Order, limit: int, effects: Effects) -> None:
        if not order.quantity:
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
            return
        refusal = self._refuse(order, limit)
        if refusal is not None:
            reason = EndReason.FOK if refusal is Reason.CANNOT_FILL else EndReason.GTX
            self._end(order, Status.EXPIRED, reason, effects)
            return
        self._execute(order, limit, effects)
