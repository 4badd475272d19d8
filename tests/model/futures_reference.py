"""A reference model of one futures market and its accounts: lists, sorting, integers. Slow, and obviously right.

It shares only the message types with the engine.
"""

from msgspec.structs import replace

from shards.model import orders as o
from shards.model.commands import (
    Cancel,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    CancelByClientId,
    Command,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetMarketStatus,
    SetMarkPrice,
    SetRisk,
    TimerFired,
    Transfer,
)
from shards.model.markets import Market, MarketStatus
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, OrdersReply, Rejected, Reply
from tests.model.futures_settings import FuturesSettings

CONTENT = ("side", "kind", "tif", "price", "quantity", "reduce_only", "close_position", "trigger")
CHILDREN_MAX = 10
PRICED = (o.Kind.LIMIT, o.Kind.STOP, o.Kind.TAKE_PROFIT)
OTHER = {o.Side.BUY: o.Side.SELL, o.Side.SELL: o.Side.BUY}


class FuturesReference(FuturesSettings):
    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.placed = 0
        self.requested: dict[int, o.NewOrder] = {}
        self.signed: dict[tuple[object, ...], o.Order] = {}

    def apply(self, message: Command, now_ms: int) -> Reply | None:
        self.now_ms = now_ms
        match message:
            case Place(new):
                return self.place(new)
            case Modify():
                return self.modify(message)
            case Cancel(number, account):
                return self.cancel_one(self.orders.get(number), account)
            case CancelByClientId(_, account, client_id):
                return self.cancel_one(self.by_client_id(account, client_id), account)
            case CancelAll(account, _, triggers_only):
                return OrdersReply(self.cancel_all(account, o.EndReason.CANCEL_ALL, triggers_only))
            case CancelBatch():
                return self.cancel_batch(message)
            case CancelAllAfter(_, account, after_ms):
                return self.set_timer(account, after_ms)
            case TimerFired():
                self.run_out()
                return None
            case Deposit(account, _, amount) | Transfer(account, _, _, amount):
                return self.move(message, account, amount)
            case SetLeverage(account, _, leverage, default):
                return self.set_leverage(account, leverage, default)
            case SetRisk(_, change):
                return self.set_risk(change)
            case SetMarketStatus(_, status):
                return self.set_status(status)
            case SetMarkPrice(_, price):
                return self.mark_at(price)
        raise AssertionError(message)

    # Placing

    def place(self, new: o.NewOrder) -> Reply:
        found = self.check(new)
        if found:
            return found
        if new.trigger:
            return OrderReply(self.wait(new))
        quantity = min(new.quantity, self.reducible(new)) if new.reduce_only else new.quantity
        funds = self.fund(new, quantity)
        if isinstance(funds, RejectReason):
            return Rejected(funds)
        limit = funds.limit
        reason = self.refuse_tif(new, quantity, limit)
        if reason:
            return Rejected(reason)
        order = self.create(new, quantity)
        order.hold_price, order.leverage, order.loss = funds.hold_price, funds.leverage, funds.loss
        order.hold = self.hold_of(order)
        for name, child in (("take_profit", new.take_profit), ("stop_loss", new.stop_loss)):
            if child:
                terms = new.market, new.account, OTHER[new.side], child.origin, o.TimeInForce.GTC, 0, quantity, 0
                requested = o.NewOrder(*terms, reduce_only=True, trigger=replace(child, parent=order.id))
                setattr(order, name, self.wait(requested).id)
        trades = self.execute(order, limit)
        self.fire_due()
        return OrderReply(order, trades)

    def check(self, new: o.NewOrder) -> Reply | None:
        """A rejection, or a reply determined already, before funds are considered."""
        first = self.first_of(new)
        rejected = self.measure(new) if isinstance(first, Rejected | None) else None
        return rejected or first or self.stands_against(new)

    def first_of(self, new: o.NewOrder) -> Reply | None:
        """The open order with the same client id; or the order of the same signed request."""
        if not new.client_id:
            return None
        first = self.by_client_id(new.account, new.client_id)
        same = self.signed.get(self.name(new)) if new.signed_ms else None
        if first and self.is_same(first, new):
            return OrderReply(first, [], True)
        if same:
            return OrderReply(same, [], True)
        return Rejected(RejectReason.DUPLICATE_CLIENT_ID, first) if first else None

    def is_same(self, order: o.Order, new: o.NewOrder) -> bool:
        """As requested originally, or as it is now: a modified order differs, and a reduce-only one may have shrunk."""
        requested = self.requested[order.id]
        shrunk = order.reduce_only and order.quantity < new.quantity
        same = (shrunk or new.quantity in (0, order.quantity)) and self.same_children(order, new)
        return same and all(getattr(requested, name) == getattr(new, name) for name in CONTENT if name != "quantity")

    def same_children(self, order: o.Order, new: o.NewOrder) -> bool:
        """Attached orders still waiting must be as requested."""
        for number, requested in ((order.take_profit, new.take_profit), (order.stop_loss, new.stop_loss)):
            if bool(number) != bool(requested):
                return False
            child = next((other for other in self.waiting if other.id == number), None)
            terms = child.trigger if child else None
            if terms and requested and (terms.stop_price, terms.watched) != (requested.stop_price, requested.watched):
                return False
        return True

    def name(self, new: o.NewOrder) -> tuple[object, ...]:
        content = repr([getattr(new, name) for name in (*CONTENT, "take_profit", "stop_loss")])
        return new.account, new.client_id, new.signed_ms, content

    def measure(self, new: o.NewOrder) -> Rejected | None:
        """Sizes a market order at the mark price; a reduce-only one by the reducible quantity."""
        lots = min(new.quantity, self.reducible(new)) if new.reduce_only else new.quantity
        notional = self.mark * lots * self.unit
        if new.kind is not o.Kind.MARKET or not notional:
            return None
        if notional < self.market.min_notional and not new.reduce_only:
            return Rejected(RejectReason.MIN_NOTIONAL)
        return Rejected(RejectReason.MAX_NOTIONAL) if notional > self.terms.max_notional else None

    def stands_against(self, new: o.NewOrder) -> Rejected | None:
        if self.market.status is not MarketStatus.LISTED:
            return Rejected(RejectReason("market_" + self.market.status.value))
        reason = self.out_of_band(new.side, new.price) if new.kind is o.Kind.LIMIT else None
        sign = 1 if new.side is o.Side.BUY else -1
        if new.trigger:
            return self.stands_against_trigger(new, new.trigger)
        for child, beyond in ((new.take_profit, sign), (new.stop_loss, -sign)):
            price = child and (new.price or self.watched(child.watched))
            if child and price and (child.stop_price - price) * beyond <= 0:
                reason = reason or RejectReason.WOULD_TRIGGER
        if new.reduce_only and not self.reducible(new):
            reason = reason or RejectReason.NOTHING_TO_REDUCE
        return Rejected(reason) if reason else None

    def stands_against_trigger(self, new: o.NewOrder, trigger: o.Trigger) -> Rejected | None:
        parent = self.orders.get(trigger.parent)
        if trigger.parent:
            siblings = [other for other in self.waiting if other.trigger and other.trigger.parent == trigger.parent]
            known = parent and self.is_open(parent) and parent.account == new.account
            if known and len(siblings) >= CHILDREN_MAX:
                return Rejected(RejectReason.TOO_MANY_TRIGGERS)
            own = parent and self.is_open(parent) and parent.account == new.account and parent.side is not new.side
            if not own or parent in self.waiting:
                return Rejected(RejectReason.PARENT_NOT_OPEN)
        wrong = self.lies_wrong(new, trigger, trigger.stop_price)
        if new.kind is o.Kind.TRAILING_STOP_MARKET:
            price = self.watched(trigger.watched)
            away = price - trigger.activation if new.side is o.Side.BUY else trigger.activation - price
            wrong = bool(price and trigger.activation) and away <= 0
        return Rejected(RejectReason.WOULD_TRIGGER) if wrong else None

    def lies_wrong(self, order: o.NewOrder | o.Order, trigger: o.Trigger, stop: int) -> bool:
        """Whether the watched price has already reached it, or its open parent's price is beyond it."""
        parent = self.orders.get(trigger.parent)
        at = [self.watched(trigger.watched), parent.price if parent and self.is_open(parent) else 0]
        return any(self.has_come(order.kind, order.side, stop, price) for price in at if price)

    def create(self, new: o.NewOrder, quantity: int) -> o.Order:
        self.placed += 1
        number = self.market.number * 2**40 + self.placed
        terms = new.market, new.account, new.side, new.kind, new.tif, new.price, quantity, 0
        name = new.client_id or f"sx-{number}"
        times = o.Status.OPEN, o.EndReason.NONE, self.now_ms, self.now_ms
        order = o.Order(number, *terms, name, new.signed_ms, 0, 0, 0, *times, reduce_only=new.reduce_only)
        self.orders[number], self.requested[number] = order, new
        if new.client_id and new.signed_ms:
            self.signed[self.name(new)] = order
        return order

    def wait(self, new: o.NewOrder) -> o.Order:
        trigger = new.trigger
        assert trigger is not None
        parent = self.orders.get(trigger.parent)
        quantity = min(new.quantity or parent.quantity, parent.quantity) if parent else new.quantity
        order = self.create(new, quantity)
        price = self.watched(trigger.watched)
        order.trigger = replace(trigger, activation=trigger.activation or price, extreme=price)
        order.reduce_only, order.close_position = new.reduce_only or bool(parent), new.close_position
        self.waiting.append(order)
        return order

    # Modifying

    def modify(self, change: Modify) -> Reply:
        found = self.check_change(change)
        if isinstance(found, Rejected):
            return found
        order, price, quantity, stop = found
        requested = self.requested[order.id]
        if order.trigger and requested.trigger and order in self.waiting:
            order.price, order.quantity, order.trigger.stop_price, order.updated_ms = price, quantity, stop, self.now_ms
            self.requested[order.id] = replace(
                requested, price=price, trigger=replace(requested.trigger, stop_price=stop)
            )
            return OrderReply(order)
        return self.replace(order, price, quantity)

    def check_change(self, change: Modify) -> tuple[o.Order, int, int, int] | Rejected:
        """The order, and its new price, quantity and stop price; or the rejection."""
        order = self.orders.get(change.id)
        if order is None or order.account != change.account or not self.is_open(order):
            return Rejected(RejectReason.UNKNOWN_ORDER)
        waits = order in self.waiting
        if order.kind is o.Kind.TRAILING_STOP_MARKET or (waits and order.close_position and change.quantity):
            return Rejected(RejectReason.NOT_MODIFIABLE)
        price = change.price if change.price and order.kind in PRICED else order.price
        quantity = change.quantity or order.quantity
        if waits and order.trigger and self.is_attached(order):
            quantity = min(quantity, self.orders[order.trigger.parent].quantity)
        old_stop = order.trigger.stop_price if order.trigger and waits else 0
        stop = change.stop_price if change.stop_price and waits else old_stop
        reason = None
        if (price, quantity, stop) == (order.price, order.quantity, old_stop):
            reason = RejectReason.NOTHING_CHANGES
        elif quantity <= order.filled and not order.close_position:
            reason = RejectReason.BELOW_FILLED
        elif self.market.status is not MarketStatus.LISTED:
            reason = RejectReason("market_" + self.market.status.value)
        elif order.trigger and waits:
            if self.lies_wrong(order, order.trigger, stop):
                reason = RejectReason.WOULD_TRIGGER
        elif order.kind is o.Kind.LIMIT:
            reason = self.out_of_band(order.side, price) or self.beyond_children(order, price)
        return Rejected(reason) if reason else (order, price, quantity, stop)

    def beyond_children(self, order: o.Order, price: int) -> RejectReason | None:
        """Whether the new price would be beyond an attached take-profit or stop-loss."""
        for child in self.waiting:
            stop = child.trigger.stop_price if child.trigger and child.trigger.parent == order.id else 0
            if stop and price != order.price and self.has_come(child.kind, child.side, stop, price):
                return RejectReason.WOULD_TRIGGER
        return None

    def replace(self, order: o.Order, price: int, quantity: int) -> Reply:
        """Take the order off the book and enter it anew, if the additional margin is available."""
        if order.reduce_only:
            quantity = min(quantity, order.filled + self.reducible(order))
        requested = replace(order, price=price, quantity=quantity)
        reason = self.fund_change(order, requested)
        if reason:
            return Rejected(reason)
        if order.tif is o.TimeInForce.POST_ONLY and self.makers(order.side, price):
            return Rejected(RejectReason.POST_ONLY)
        order.hold, order.hold_price, order.loss, order.leverage = (
            requested.hold,
            requested.hold_price,
            requested.loss,
            requested.leverage,
        )
        for child in self.waiting:
            if child.trigger and child.trigger.parent == order.id:
                follows = child.quantity == order.quantity
                child.quantity = quantity if follows else min(child.quantity, quantity)
        self.resting = [other for other in self.resting if other.id != order.id]
        self.requested[order.id] = replace(self.requested[order.id], price=price)
        order.price, order.quantity, order.updated_ms = price, quantity, self.now_ms
        trades = self.execute(order, price)
        self.fire_due()
        return OrderReply(order, trades)

    def fund_change(self, order: o.Order, requested: o.Order) -> RejectReason | None:
        """Set the hold that ``order`` needs after the change, or return the rejection."""
        if order.reduce_only:
            leave = self.leave(requested, requested.quantity - requested.filled, requested.price)
            if leave is None:
                return RejectReason.NO_LEAVE
            requested.loss = leave
        else:
            requested.hold_price, requested.loss = (
                self.hold_price(requested, requested.price),
                self.loss(requested, requested.price),
            )
            requested.leverage = self.no_more_than_allowed(order.leverage)
        requested.hold = self.hold_of(requested)
        if order.reduce_only:
            return None
        more, more_value = requested.hold - order.hold, self.value_of(requested) - self.value_of(order)
        if self.has_risk_terms:  # a sale may fill above its price, before the change too
            now = self.hold_price(order, order.price) * (order.quantity - order.filled) * self.unit
            later = requested.hold_price * (requested.quantity - requested.filled) * self.unit
            more_value = max(more_value, later - max(now, self.value_of(order)))
        return self.refuse_margin(requested, requested.leverage, more_value, more)
