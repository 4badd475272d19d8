"""The futures market machine: orders on margin, triggers that wait for a price, take-profits and stop-losses."""

import msgspec

from shards.effects import Effects
from shards.limits import CHILDREN_MAX, OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.margin_market import MILLION, MarginMarket
from shards.markets import Market, MarketStatus
from shards.messages import OrderReply, Reason, Refused
from shards.orders import EndReason, Kind, NewOrder, Order, Side, Status, TimeInForce, Trade, Trigger, WatchedPrice
from shards.triggers import Triggers, trigger_of, would_fire

_BECOMES = {Kind.STOP: Kind.LIMIT, Kind.TAKE_PROFIT: Kind.LIMIT}  # any other trigger becomes a market order


class FuturesMarket(MarginMarket):
    """One futures market."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.triggers = Triggers()
        self.firing: dict[int, Order] = {}  # triggers that have fired and wait for their margin

    # Checks

    def check(self, new: NewOrder) -> OrderReply | Refused | None:
        """As for every market; then what only futures know."""
        found = super().check(new)
        if found is not None:
            return found
        if new.trigger is not None:
            return self._check_trigger(new, new.trigger)
        if new.reduce_only and not self._reducible(new.account, new.side):
            return Refused(Reason.NOTHING_TO_REDUCE)
        return self._check_children(new)

    def _check_count(self, new: NewOrder) -> Refused | None:
        triggers = self.triggers.count(new.account)
        if new.trigger is not None:
            siblings = self.triggers.children.get(new.trigger.parent, ())
            full = triggers >= TRIGGERS_MAX or len(siblings) >= CHILDREN_MAX
            return Refused(Reason.TOO_MANY_TRIGGERS) if full else None
        if len(self.by_account.get(new.account, ())) - triggers >= OPEN_ORDERS_MAX:
            return Refused(Reason.TOO_MANY_OPEN_ORDERS)
        children = sum(child is not None for child in (new.take_profit, new.stop_loss))
        return Refused(Reason.TOO_MANY_TRIGGERS) if triggers + children > TRIGGERS_MAX else None

    def _check_trigger(self, new: NewOrder, trigger: Trigger) -> Refused | None:
        if trigger.parent:
            parent = self.open.get(trigger.parent)
            if (
                parent is None
                or parent.account != new.account
                or parent.side is new.side
                or parent.id in self.triggers.waiting
            ):
                return Refused(Reason.PARENT_NOT_OPEN)
        price = self.watched_price(trigger.watched)
        if not price:
            return None
        if new.kind is Kind.TRAILING_STOP_MARKET:
            wrong = trigger.activation and (trigger.activation < price) != (new.side is Side.BUY)
        else:
            wrong = would_fire(new.kind, new.side, trigger.stop_price, price)
        return Refused(Reason.WOULD_TRIGGER) if wrong else None

    def _check_children(self, new: NewOrder) -> Refused | None:
        """A take-profit lies beyond the order's price, a stop-loss before it."""
        sign = 1 if new.side is Side.BUY else -1
        for child, direction in ((new.take_profit, sign), (new.stop_loss, -sign)):
            if child is not None:
                price = new.price or self.watched_price(child.watched)
                if (child.stop_price - price) * direction <= 0:
                    return Refused(Reason.WOULD_TRIGGER)
        return None

    def _same_content(self, order: Order, new: NewOrder) -> bool:
        """Also of the trigger's terms, as placed."""
        if not super()._same_content(order, new):
            return False
        return (order.reduce_only, order.close_position) == (new.reduce_only, new.close_position)

    # Placing

    def place(self, new: NewOrder, effects: Effects) -> OrderReply | Refused:
        """Place what needs no margin: a trigger, or an order that only reduces."""
        if new.trigger is not None:
            return OrderReply(self._wait(new, new.trigger, effects))
        return self._place(new, 0, 0, effects)

    def place_granted(self, new: NewOrder, hold_price: int, leverage: int, effects: Effects) -> OrderReply | Refused:
        """Place an order whose margin is held, as reckoned with ``hold_price``."""
        reply = self._place(new, hold_price, leverage, effects)
        if isinstance(reply, Refused):
            self.release_grant(new, hold_price, leverage, effects)
        return reply

    def _place(self, new: NewOrder, hold_price: int, leverage: int, effects: Effects) -> OrderReply | Refused:
        limit = self._limit_of(new, hold_price)
        refusal = self._refuse(new, limit)
        if refusal is not None:
            return Refused(refusal)
        order = self._create(new, effects.now_ms)
        order.hold_price, order.leverage = hold_price, leverage
        order.reduce_only = new.reduce_only
        if order.reduce_only:
            order.quantity = min(order.quantity, self._reducible(order.account, order.side))
        order.hold = self._hold_of(order)
        self._attach(order, new, effects)
        trades = self._execute(order, limit, effects)
        self._fire_due(effects)
        return OrderReply(order, trades)

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

    # What triggers watch

    def watched_price(self, watched: WatchedPrice) -> int:
        """Ticks; 0 while there is none."""
        return self.last_price if watched is WatchedPrice.CONTRACT else self.mark_price

    def _price_changed(self, trade: Trade, effects: Effects) -> None:
        super()._price_changed(trade, effects)
        self.triggers.track(WatchedPrice.CONTRACT, trade.price)

    def _mark_changed(self, effects: Effects) -> None:
        super()._mark_changed(effects)
        self.triggers.track(WatchedPrice.MARK, self.mark_price)

    def _first_filled(self, order: Order) -> None:
        for child in self.triggers.children_of(order.id):
            self.triggers.arm(child)

    # Triggers

    def _attach(self, order: Order, new: NewOrder, effects: Effects) -> None:
        """Make the take-profit and the stop-loss that were ordered with it."""
        side = Side.SELL if order.side is Side.BUY else Side.BUY
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
        if parent is not None and not order.quantity:
            order.quantity = parent.quantity
        self._remember(order)
        self.triggers.add(order, armed=not trigger.parent or (parent is not None and parent.filled > 0))
        return order

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
        self.set_price = price
        if self.mark_price:
            self._mark_changed(effects)
        self._fire_due(effects)

    def _fire_due(self, effects: Effects) -> None:
        """Fire whatever is due, the earliest placed first, until nothing is."""
        while self.market.status is MarketStatus.LISTED:
            order = next((order for order in self.triggers.due(self._prices()) if self._may_fire(order)), None)
            if order is None:
                return
            self._fire(order, effects)

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
        return self.open[trigger.parent].filled > 0 and self._reducible(order.account, order.side) > 0

    def _fire(self, order: Order, effects: Effects) -> None:
        """A waiting trigger becomes a regular order, with the same id."""
        trigger = trigger_of(order)
        attached = self.triggers.is_attached(order)
        self.triggers.remove(order)
        trigger.fired_ms = order.updated_ms = effects.now_ms
        order.kind = _BECOMES.get(order.kind, Kind.MARKET)
        if attached:
            parent = self.open[trigger.parent]
            order.quantity = min(order.quantity, parent.filled)
            self._expire(parent, EndReason.CHILD_FIRED, effects)
        if not (order.reduce_only or order.close_position):
            self.firing[order.id] = order
            effects.fired.append(order)
            return
        self._forget(order)
        order.reduce_only = True
        reducible = self._reducible(order.account, order.side)
        order.quantity = reducible if order.close_position else min(order.quantity, reducible)
        self._execute_fired(order, effects)

    def fired_granted(self, order: Order, hold_price: int, leverage: int, effects: Effects) -> None:
        """The margin of a fired trigger is held: it goes its way as any order."""
        del self.firing[order.id]
        self._forget(order)
        order.hold_price, order.leverage = hold_price, leverage
        order.hold = self._hold_of(order)
        self._execute_fired(order, effects)
        self._fire_due(effects)

    def fired_refused(self, order: Order, effects: Effects) -> None:
        """There is no margin for a fired trigger."""
        self._expire(order, EndReason.MARGIN, effects)

    def _execute_fired(self, order: Order, effects: Effects) -> None:
        limit = self._limit_of(order, order.hold_price)
        if not order.quantity:
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
            return
        refusal = self._refuse(order, limit)
        if refusal is not None:
            reason = EndReason.FOK if refusal is Reason.CANNOT_FILL else EndReason.POST_ONLY
            self._end(order, Status.EXPIRED, reason, effects)
            return
        self._execute(order, limit, effects)
