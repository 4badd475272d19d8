"""The futures market machine: what may be placed and modified, and how."""

from shards.effects import Effects
from shards.limits import CHILDREN_MAX, OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.messages import Modify, OrderReply, Reason, Refused
from shards.money import MarginTerms
from shards.orders import BUY, LIMIT, MARKET, Kind, NewOrder, Order, Trade, Trigger
from shards.trigger_market import TriggerMarket
from shards.triggers import trigger_of, would_fire
from shards.units import ceil_div


class FuturesMarket(TriggerMarket):
    """One futures market."""

    # Checks

    def check(self, new: NewOrder) -> OrderReply | Refused | None:
        """As for every market; then what only futures know."""
        first = self._find_first(new)
        if isinstance(first, OrderReply):
            return first
        refused = self._check_notional(new) or first or self._check_status() or self._check_count(new)
        if refused is not None:
            return refused
        if new.trigger is not None:
            return self._check_trigger(new, new.trigger)
        return self._check_children(new) or self._check_reducible(new)

    def _check_notional(self, new: NewOrder) -> Refused | None:
        """Of a market order, whose price nobody knows before: by the mark price, if there is one."""
        if new.kind is not MARKET or not self.mark_price:
            return None
        notional = self.mark_price * new.quantity * self._tick_lot_units
        if notional < self.market.min_notional and not new.reduce_only:
            return Refused(Reason.MIN_NOTIONAL)
        return Refused(Reason.MAX_NOTIONAL) if notional > self.terms.max_notional else None

    def _check_reducible(self, new: NewOrder) -> Refused | None:
        nothing = new.reduce_only and not self._reducible(new.account, new.side)
        return Refused(Reason.NOTHING_TO_REDUCE) if nothing else None

    def _check_count(self, new: NewOrder) -> Refused | None:
        triggers = self.triggers.count(new.account)
        if new.trigger is not None:
            parent = self.open.get(new.trigger.parent)
            own = parent is not None and parent.account == new.account
            siblings = self.triggers.children.get(new.trigger.parent, ()) if own else ()
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
            below = trigger.activation < price
            wrong = trigger.activation and (trigger.activation == price or below != (new.side is BUY))
        else:
            wrong = would_fire(new.kind, new.side, trigger.stop_price, price)
        return Refused(Reason.WOULD_TRIGGER) if wrong else None

    def _check_children(self, new: NewOrder) -> Refused | None:
        """A take-profit lies beyond the order's price, a stop-loss before it."""
        sign = 1 if new.side is BUY else -1
        for child, direction in ((new.take_profit, sign), (new.stop_loss, -sign)):
            if child is not None:
                price = new.price or self.watched_price(child.watched)
                if price and (child.stop_price - price) * direction <= 0:
                    return Refused(Reason.WOULD_TRIGGER)
        return None

    def _same_content(self, order: Order, new: NewOrder) -> bool:
        """As placed: firing changes an order's kind, and what only reduces may have become smaller since."""
        trigger, asked = order.trigger, new.trigger
        if (order.side, order.tif, order.price) != (new.side, new.tif, new.price):
            return False
        if trigger is None or asked is None:
            same = trigger is asked and order.kind is new.kind and order.reduce_only == new.reduce_only
            return same and _same_quantity(order, new) and self._same_children(order, new)
        terms = trigger.origin, trigger.stop_price, trigger.watched, trigger.protect, trigger.callback, trigger.parent
        wanted = asked.origin, asked.stop_price, asked.watched, asked.protect, asked.callback, asked.parent
        implied = trigger.parent or order.close_position  # reduce-only, whatever was asked
        return (
            terms == wanted
            and asked.activation in (0, trigger.activation)
            and order.close_position == new.close_position
            and bool(implied or order.reduce_only == new.reduce_only)
            and (_same_quantity(order, new) or not new.quantity)
        )

    def _same_children(self, order: Order, new: NewOrder) -> bool:
        """As far as they still wait."""
        for number, asked in ((order.take_profit, new.take_profit), (order.stop_loss, new.stop_loss)):
            if (number > 0) != (asked is not None):
                return False
            child = self.triggers.waiting.get(number)
            if child is not None and asked is not None:
                terms = trigger_of(child)
                if (terms.stop_price, terms.watched) != (asked.stop_price, asked.watched):
                    return False
        return True

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

    def _make_client_id(self, account: str, number: int) -> str:
        made = f"sx-{number}"
        while self.named(account, made) is not None:
            made += "."
        return made

    # Modifying

    def check_modify(self, modify: Modify) -> Refused | None:
        """What stands against a change before margin is asked for it."""
        order = self.open.get(modify.id)
        if order is None or order.account != modify.account:
            return Refused(Reason.UNKNOWN_ORDER)
        waits = order.id in self.triggers.waiting
        if not _is_modifiable(order, modify, waits=waits, fires=order.id in self.firing):
            return Refused(Reason.NOT_MODIFIABLE)
        new = self.changed(order, modify)
        stop_price = trigger_of(order).stop_price if waits else 0
        stays = not waits or modify.stop_price in (0, stop_price)
        if stays and (new.price, new.quantity) == (order.price, order.quantity):
            return Refused(Reason.NOTHING_CHANGES)
        if not order.close_position and new.quantity <= order.filled:
            return Refused(Reason.BELOW_FILLED)
        refused = self._check_status()
        if refused is not None or not waits:
            return refused
        return self._check_stop(order, modify.stop_price or stop_price)

    def _check_stop(self, order: Order, stop_price: int) -> Refused | None:
        price = self.watched_price(trigger_of(order).watched)
        wrong = price and would_fire(order.kind, order.side, stop_price, price)
        return Refused(Reason.WOULD_TRIGGER) if wrong else None

    def changed(self, order: Order, modify: Modify) -> NewOrder:
        """What the order would become."""
        priced = order.kind in (LIMIT, Kind.STOP, Kind.TAKE_PROFIT)
        return NewOrder(
            market=order.market,
            account=order.account,
            side=order.side,
            kind=order.kind,
            tif=order.tif,
            price=(modify.price if priced else 0) or order.price,
            quantity=modify.quantity or order.quantity,
            quote_quantity=0,
            reduce_only=order.reduce_only,
        )

    def more_margin(self, order: Order, new: NewOrder, hold_price: int) -> MarginTerms:
        """What must be held beyond what is held for ``order`` so that it can become ``new``; what is too much stays."""
        hold, value = self._need(order, new, hold_price)
        more, more_value = max(0, hold - order.hold), max(0, value - self._open_value(order))
        return MarginTerms(more, more_value, order.leverage, self.terms.max_position_notional, leverage=1)

    def _need(self, order: Order, new: NewOrder, hold_price: int) -> tuple[int, int]:
        """(hold, open value) of ``order`` once it is ``new``."""
        units = (new.quantity - order.filled) * self._tick_lot_units
        return ceil_div(hold_price * units, order.leverage), new.price * units

    def _open_value(self, order: Order) -> int:
        return order.price * (order.quantity - order.filled) * self._tick_lot_units

    def modify(
        self, modify: Modify, hold_price: int, more: int, more_value: int, effects: Effects
    ) -> OrderReply | Refused:
        """Change an order, with ``more`` margin and ``more_value`` towards the position limit granted for it.

        Refused, nothing is changed, and the grant is the caller's to give back.
        """
        refused = self.check_modify(modify)
        if refused is not None:
            return refused
        order = self.open[modify.id]
        new = self.changed(order, modify)
        if order.id in self.triggers.waiting:
            self._change_trigger(order, new.price, new.quantity, modify.stop_price or trigger_of(order).stop_price)
            order.updated_ms = effects.now_ms
            return OrderReply(order)
        refusal = self._refuse(new, new.price)
        if refusal is not None:
            return Refused(refusal)
        if order.leverage:
            hold, value = self._need(order, new, hold_price)
            unheld, unvalued = order.hold + more - hold, self._open_value(order) + more_value - value
            if unheld < 0 or unvalued < 0:  # it has filled in the meantime, and what was granted is too little now
                return Refused(Reason.INSUFFICIENT_MARGIN)
            order.hold, order.hold_price = hold, hold_price
            self.unhold(order, order.leverage, unheld, unvalued, effects)
        return OrderReply(order, self._replace(order, new, effects))

    def _replace(self, order: Order, new: NewOrder, effects: Effects) -> list[Trade]:
        """Let an order on the book come anew, as ``new``."""
        self._withdraw(order)
        quantity = new.quantity
        if order.reduce_only:
            quantity = min(quantity, order.filled + self._reducible(order.account, order.side))
        for child in self.triggers.children_of(order.id):
            child.quantity = quantity if child.quantity == order.quantity else min(child.quantity, quantity)
        order.price, order.quantity, order.updated_ms = new.price, quantity, effects.now_ms
        trades = self._execute(order, order.price, effects)
        self._fire_due(effects)
        return trades


def _same_quantity(order: Order, new: NewOrder) -> bool:
    return order.quantity == new.quantity or (order.reduce_only and order.quantity < new.quantity)


def _is_modifiable(order: Order, modify: Modify, *, waits: bool, fires: bool) -> bool:
    if waits:
        return order.kind is not Kind.TRAILING_STOP_MARKET and not (order.close_position and modify.quantity)
    return order.kind is LIMIT and not fires
