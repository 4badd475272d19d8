"""The futures market machine: what may be placed and modified, and how."""

from shards.engine.account.margin import Held, held_in
from shards.engine.effects import Effects
from shards.engine.market.contents import is_same
from shards.engine.market.cover import (
    Cover,
    cover_in,
    is_outside_band,
    is_short,
    limit_of,
    limit_without_hold,
    may_lose,
    measure,
)
from shards.engine.market.trigger_orders import TriggerMarket
from shards.engine.market.triggers import trigger_of, would_fire
from shards.limits import CHILDREN_MAX, OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.model.accounting import MarginTerms
from shards.model.commands import Modify
from shards.model.decimals import ceil_div
from shards.model.links import Granted
from shards.model.orders import BUY, LIMIT, MARKET, Kind, NewOrder, Order, Side, Trade, Trigger
from shards.model.reasons import Reason
from shards.model.replies import OrderReply, Refused


class FuturesMarket(TriggerMarket):
    """One futures market."""

    # Checks

    def check(self, new: NewOrder) -> OrderReply | Refused | None:
        """As for every market; then what only futures know."""
        first = self._find_first(new)
        if isinstance(first, OrderReply):
            return first
        refused = self._check_notional(new) if new.kind is MARKET else None
        refused = refused or first or self._check_status()
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

    def _check_notional(self, new: NewOrder) -> Refused | None:
        """Of a market order, whose price nobody knows before: by the mark price, if there is one."""
        if not self.mark_price:
            return None
        lots = new.quantity
        if self.rules and new.reduce_only:  # as far as it goes; with nothing to reduce it is refused for that
            lots = min(lots, self.reducible(new.account, new.side))
        notional = self.mark_price * lots * self._tick_lot_units
        if notional < self.market.min_notional and not new.reduce_only:
            return Refused(Reason.MIN_NOTIONAL)
        return Refused(Reason.MAX_NOTIONAL) if notional > self.terms.max_notional else None

    def _check_price(self, side: Side, price: int) -> Refused | None:
        if not is_outside_band(self, side, price):
            return None
        return Refused(Reason.PRICE_TOO_HIGH if side is BUY else Reason.PRICE_TOO_LOW)

    def _check_reducible(self, new: NewOrder) -> Refused | None:
        return None if self.reducible(new.account, new.side) else Refused(Reason.NOTHING_TO_REDUCE)

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
        children = (new.take_profit is not None) + (new.stop_loss is not None)
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
        if new.kind is not Kind.TRAILING_STOP_MARKET:
            return self._check_stop(new, trigger, trigger.stop_price)
        price = self.watched_price(trigger.watched)
        below = trigger.activation < price
        wrong = price and trigger.activation and (trigger.activation == price or below != (new.side is BUY))
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
        return is_same(order, new, self.triggers.waiting)

    # Placing

    def place(self, new: NewOrder, effects: Effects) -> OrderReply | Refused:
        """Place what needs no money: a trigger, or an order that only reduces."""
        if new.trigger is not None:
            return OrderReply(self._wait(new, new.trigger, effects))
        cover = measure(self, new)
        return self._place(new, Cover(cover.limit, 0, 0), 0, 0, effects)

    def place_held(self, new: NewOrder, cover: Cover, held: Held, effects: Effects) -> OrderReply | Refused:
        """Place an order for which ``held`` was set aside just now; refused, all of it goes back."""
        if new.reduce_only and not held.amount:
            cover = Cover(limit_without_hold(new.side, cover, held.allowance), 0, 0)
        reply = self._place(new, cover, held.leverage, held.amount, effects)
        if isinstance(reply, Refused):
            self.release_held(new, cover.hold_price, held, effects)
        return reply

    def place_granted(self, granted: Granted, effects: Effects) -> OrderReply | Refused:
        """Place an order whose money was asked for in an earlier record; refused, all of it goes back.

        Refused INSUFFICIENT_MARGIN if it would not pay for every fill any more, or does more than only close.
        """
        cover = cover_in(granted)
        if self._has_too_little(granted, cover):
            self.release_grant(granted, effects)
            return Refused(Reason.INSUFFICIENT_MARGIN)
        return self.place_held(granted.order, cover, held_in(granted), effects)

    def _has_too_little(self, granted: Granted, cover: Cover) -> bool:
        """Whether too little was asked for: book, mark or position have moved since."""
        new = granted.order
        if new.reduce_only and self.reduced_by(new) > granted.reduces:
            return True
        if granted.closes and not self.only_closes(new, new.quantity):
            return True
        return is_short(self, new, cover)

    def _place(
        self, new: NewOrder, cover: Cover, leverage: int, granted: int, effects: Effects
    ) -> OrderReply | Refused:
        limit = limit_of(self, new, cover)
        refusal = self._refuse(new, limit)
        if refusal is not None:
            return Refused(refusal)
        order = self._create(new, effects.now_ms)
        order.hold_price, order.leverage, order.loss = cover.hold_price, leverage, cover.loss
        order.reduce_only = new.reduce_only
        if order.reduce_only:
            order.quantity = self.reduced_by(order)
        order.hold = self._hold_of(order)
        if order.reduce_only and granted > order.hold:  # there is less to reduce than when it was asked for
            self.unhold(order, 0, granted - order.hold, 0, effects)
        if new.take_profit is not None or new.stop_loss is not None:
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
        if refused is not None:
            return refused
        if waits:
            return self._check_stop(order, trigger_of(order), modify.stop_price or stop_price)
        return self._check_price(order.side, new.price) or self._check_own_children(order, new.price)

    def _check_own_children(self, order: Order, price: int) -> Refused | None:
        """An order is not moved beyond what is attached to it."""
        if not self.rules or price == order.price:
            return None
        for child in self.triggers.children_of(order.id):
            stop_price = trigger_of(child).stop_price  # 0: a trailing one has none
            if stop_price and would_fire(child.kind, child.side, stop_price, price):
                return Refused(Reason.WOULD_TRIGGER)
        return None

    def _check_stop(self, order: NewOrder | Order, trigger: Trigger, stop_price: int) -> Refused | None:
        """It lies beyond the watched price; attached, also beyond the price of the order it is attached to."""
        parent = self.open.get(trigger.parent) if self.rules else None
        prices = self.watched_price(trigger.watched), parent.price if parent is not None else 0
        wrong = any(price and would_fire(order.kind, order.side, stop_price, price) for price in prices)
        return Refused(Reason.WOULD_TRIGGER) if wrong else None

    def changed(self, order: Order, modify: Modify) -> NewOrder:
        """What the order would become. Attached, it stays within the order it is attached to."""
        quantity = modify.quantity or order.quantity
        if self.rules and order.id in self.triggers.waiting and self.triggers.is_attached(order):
            quantity = min(quantity, self.open[trigger_of(order).parent].quantity)
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

    def modify_needs_money(self, modify: Modify) -> bool:
        """Whether the account's home shard must be asked."""
        order = self.open.get(modify.id)
        if order is None or order.leverage:
            return order is not None
        regular = order.reduce_only and order.kind is LIMIT and order.id not in self.firing
        return regular and may_lose(self, self.changed(order, modify))

    def more_margin(self, order: Order, new: NewOrder, cover: Cover) -> MarginTerms:
        """What must be held beyond what is held for ``order`` so that it can become ``new``; what is too much stays."""
        if order.reduce_only:
            return self.reducing_terms(cover, self.reduced_by(new, order.filled), order.hold)
        leverage, most = self._leverage_for(order), self.terms.max_position_notional
        hold, value = self._need(order, new, cover)
        counted = self._open_value(order)
        more, more_value = max(0, hold - order.hold), max(0, value - counted)
        closes = self.only_closes(order, new.quantity - order.quantity)
        left, left_now = new.quantity - order.filled, order.quantity - order.filled
        now = max(counted, measure(self, order).hold_price * left_now * self._tick_lot_units)
        entry = max(0, cover.hold_price * left * self._tick_lot_units - now)
        return MarginTerms(more, more_value, leverage, most, leverage=1, closes=closes, entry_value=entry)

    def _leverage_for(self, order: Order) -> int:
        """Of an order that is changed: its own, as far as there is such a leverage still."""
        return order.leverage if self.market.risk is None else min(order.leverage, self.market.brackets[0].max_leverage)

    def _need(self, order: Order, new: NewOrder, cover: Cover) -> tuple[int, int]:
        """(hold, open value) of ``order`` once it is ``new``."""
        if order.reduce_only:
            return cover.loss * self.reduced_by(new, order.filled) * self._tick_lot_units, 0
        units = (new.quantity - order.filled) * self._tick_lot_units
        return ceil_div(cover.hold_price * units, self._leverage_for(order)) + cover.loss * units, new.price * units

    def modify(self, modify: Modify, granted: Granted | None, effects: Effects) -> OrderReply | Refused:
        """Change an order, with what was granted for it; None if it needs no more than it has.

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
        if order.leverage or order.hold or granted is not None:
            short = self._rehold(order, new, granted, effects)
            if short is not None:
                return short
        return OrderReply(order, self._replace(order, new, effects))

    def _rehold(self, order: Order, new: NewOrder, granted: Granted | None, effects: Effects) -> Refused | None:
        """Hold what ``new`` needs, and give back what is left over.

        Refused if book, mark or fills have come between, and what was granted is too little now.
        """
        cover = cover_in(granted) if granted is not None else measure(self, new)
        short = is_short(self, new, cover)
        more = more_value = 0
        if granted is not None:
            more, more_value = granted.amount, granted.order_value
            short = short or (order.reduce_only and self.reduced_by(new, order.filled) > granted.reduces)
            short = short or (granted.closes and not self.only_closes(order, new.quantity - order.quantity))
            if granted.allowance:
                cover = Cover(cover.limit, 0, 0)
        hold, value = self._need(order, new, cover)
        unheld, unvalued = order.hold + more - hold, self._open_value(order) + more_value - value
        if unheld < 0 or unvalued < 0 or short:
            return Refused(Reason.INSUFFICIENT_MARGIN)
        order.hold, order.hold_price, order.loss = hold, cover.hold_price, cover.loss
        self.unhold(order, order.leverage, unheld, unvalued, effects)
        order.leverage = self._leverage_for(order)
        return None

    def _replace(self, order: Order, new: NewOrder, effects: Effects) -> list[Trade]:
        """Let an order on the book come anew, as ``new``."""
        self._withdraw(order)
        quantity = new.quantity
        if order.reduce_only:
            quantity = min(quantity, order.filled + self.reducible(order.account, order.side))
        for child in self.triggers.children_of(order.id):
            child.quantity = quantity if child.quantity == order.quantity else min(child.quantity, quantity)
        order.price, order.quantity, order.updated_ms = new.price, quantity, effects.now_ms
        trades = self._execute(order, order.price, effects)
        self._fire_due(effects)
        return trades


def _is_modifiable(order: Order, modify: Modify, *, waits: bool, fires: bool) -> bool:
    if waits:
        return order.kind is not Kind.TRAILING_STOP_MARKET and not (order.close_position and modify.quantity)
    return order.kind is LIMIT and not fires
