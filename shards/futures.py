"""The futures market machine: orders on margin, reduce-only, triggers with cascade.

It knows each account's signed position in its market, for it sees every fill; what the position cost, and what may be
spent, is the account machine's to know.
"""

from collections import Counter

import msgspec

from shards.effects import Effects
from shards.limits import CHILDREN_MAX, OPEN_ORDERS_MAX, TRIGGERS_MAX
from shards.market import MarketMachine, age
from shards.markets import FuturesTerms, Market, MarketStatus
from shards.matching import Match
from shards.messages import (
    EndReason,
    FiredHeld,
    Kind,
    MarginFill,
    MarginSettlement,
    MarginTerms,
    NewOrder,
    Order,
    OrderReply,
    Reason,
    Refused,
    Side,
    Status,
    TimeInForce,
    Trade,
    Trigger,
    WatchedPrice,
)
from shards.triggers import Triggers, trigger_of, would_fire
from shards.units import ceil_div

_MILLION = 1_000_000
_BECOMES = {Kind.STOP: Kind.LIMIT, Kind.TAKE_PROFIT: Kind.LIMIT}  # any other trigger becomes a market order


class FuturesMarket(MarketMachine):
    """One futures market."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        assert market.futures is not None
        self.terms: FuturesTerms = market.futures
        self.positions: Counter[str] = Counter()  # lots, positive for long; accounts without a position are absent
        self.triggers = Triggers()
        self.firing: dict[int, Order] = {}  # triggers that have fired and wait for their margin
        self.last_price = 0  # ticks; 0 before the first trade
        self.last_quantity = 0
        self.set_price = 0  # the operator's mark price; 0: the mark follows the last trade

    @property
    def mark_price(self) -> int:
        """Ticks; 0 while there is none."""
        return self.set_price or self.last_price

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

    def watched_price(self, watched: WatchedPrice) -> int:
        """Ticks; 0 while there is none."""
        return self.last_price if watched is WatchedPrice.CONTRACT else self.mark_price

    def _reducible(self, account: str, side: Side) -> int:
        """Lots by which an order of ``side`` could reduce the account's position."""
        position = self.positions[account]
        return max(0, -position if side is Side.BUY else position)

    def _same_content(self, order: Order, new: NewOrder) -> bool:
        """Also of the trigger's terms, as placed."""
        if not super()._same_content(order, new):
            return False
        return (order.reduce_only, order.close_position) == (new.reduce_only, new.close_position)

    # Margin

    def needs_money(self, new: NewOrder) -> bool:
        """Waiting triggers, and orders that only reduce, hold nothing."""
        return new.trigger is None and not new.reduce_only

    def hold_price_of(self, order: NewOrder | Order) -> int:
        """Ticks that the hold of a regular order reckons with."""
        if order.side is Side.BUY:
            return order.price if order.kind is Kind.LIMIT else self._bound(Side.BUY)
        # a sale may fill above its price
        return max(order.price, self.book.bids.best_price() or 0, self.mark_price)

    def margin_terms_of(self, order: NewOrder | Order, hold_price: int) -> MarginTerms:
        """What the account machine must know to hold the margin of a regular order."""
        lots = order.quantity * self._tick_lot_units
        return MarginTerms(
            hold_value=hold_price * lots,
            order_value=(order.price or hold_price) * lots,
            default_leverage=self.terms.default_leverage,
            max_position_value=self.terms.max_position_notional,
        )

    def _bound(self, side: Side) -> int:
        """The worst price, in ticks, at which a market order of ``side`` trades; 0 while there is no price."""
        best = self.book.opposite(side).best_price() or 0
        if side is Side.BUY:
            return max(self.mark_price, best) * (_MILLION + self.terms.market_take_bound) // _MILLION
        lowest = min(price for price in (self.mark_price or best, best or self.mark_price))
        return ceil_div(lowest * (_MILLION - self.terms.market_take_bound), _MILLION)

    def release_grant(self, order: NewOrder | Order, hold_price: int, leverage: int, effects: Effects) -> None:
        """Give back what is held for an order that is not placed after all."""
        terms = self.margin_terms_of(order, hold_price)
        hold = ceil_div(terms.hold_value, leverage)
        settlement = MarginSettlement(order.account, order.market, order.side, leverage, hold, terms.order_value)
        effects.margin_settlements.append(settlement)

    def give_back(self, held: FiredHeld, effects: Effects) -> None:
        """Give back what is held for a fired trigger that has ended in the meantime."""
        hold, value = ceil_div(held.terms.hold_value, held.leverage), held.terms.order_value
        settlement = MarginSettlement(held.account, self.market.number, held.side, held.leverage, hold, value)
        effects.margin_settlements.append(settlement)

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

    def _limit_of(self, order: NewOrder | Order, hold_price: int) -> int:
        """The worst price, in ticks, at which it trades. What is held must cover every fill of a purchase."""
        if order.kind is Kind.LIMIT:
            return order.price
        bound = self._bound(order.side)
        return min(bound, hold_price) if order.side is Side.BUY and hold_price else bound

    def _refuse(self, new: NewOrder | Order, limit: int) -> Reason | None:
        if new.tif is TimeInForce.POST_ONLY:
            best = self.book.opposite(new.side).best_price()
            if best is not None and self.book.opposite(new.side).crosses(best, limit):
                return Reason.POST_ONLY
        if new.tif is TimeInForce.FOK and self._fillable(new, limit) < new.quantity:
            return Reason.CANNOT_FILL
        return None

    def _fillable(self, new: NewOrder | Order, limit: int) -> int:
        """Lots that ``new`` would get at once: own orders do not count, reduce-only ones only as far as they reduce."""
        found = 0
        reducible: dict[str, int] = {}
        against = self.book.opposite(new.side)
        for level in against:
            if not against.crosses(level.price, limit):
                break
            for maker in level.orders.values():
                lots = maker.quantity - maker.filled
                if maker.account == new.account:
                    continue
                if maker.reduce_only:
                    left = reducible.setdefault(maker.account, self._reducible(maker.account, maker.side))
                    lots = min(lots, left)
                    reducible[maker.account] -= lots
                found += lots
                if found >= new.quantity:
                    return found
        return found

    def _hold_of(self, order: Order) -> int:
        """What must be held for what is left of a regular order."""
        if not order.leverage:
            return 0
        left = order.quantity - order.filled
        return ceil_div(order.hold_price * left * self._tick_lot_units, order.leverage)

    # Matching

    def _execute(self, order: Order, limit: int, effects: Effects) -> list[Trade]:
        """Match ``order`` down to ``limit``, then rest or end what is left of it."""
        trades: list[Trade] = []
        against = self.book.opposite(order.side)
        while order.filled < order.quantity:
            maker = against.first()
            if maker is None or not against.crosses(maker.price, limit):
                break
            if maker.account == order.account:
                self._expire(maker, EndReason.OWN_ORDER, effects)
                continue
            lots = min(self._wanted(order), self._wanted(maker))
            if not lots:
                break  # it only reduces, and there is nothing left to reduce
            trades.append(self._trade(order, Match(maker, lots), effects))
        self._after_matching(order, effects)
        return trades

    def _wanted(self, order: Order) -> int:
        """Lots that it may trade now."""
        left = order.quantity - order.filled
        return min(left, self._reducible(order.account, order.side)) if order.reduce_only else left

    def _trade(self, taker: Order, match: Match, effects: Effects) -> Trade:
        maker, lots = match
        before = {order.account: self.positions[order.account] for order in (taker, maker)}
        notional = maker.price * lots * self._tick_lot_units
        fees = self._fee(notional, self.market.maker_fee_bps), self._fee(notional, self.market.taker_fee_bps)
        trade = self._match(taker, match, fees, effects)
        self._fill(taker, trade, effects)
        self._fill(maker, trade, effects)
        self._price_changed(trade, effects)
        if maker.filled == maker.quantity:
            self._forget(maker)
            self._end(maker, Status.FILLED, EndReason.FILLED, effects)
        for account, position in before.items():
            self._position_changed(account, position, effects)
        return trade

    def _fill(self, order: Order, trade: Trade, effects: Effects) -> None:
        """One side of a match: its position, its hold, and what the account machine must know."""
        if order.filled == trade.quantity:
            for child in self.triggers.children_of(order.id):
                self.triggers.arm(child)
        self.positions[order.account] += trade.quantity if order.side is Side.BUY else -trade.quantity
        if not self.positions[order.account]:
            del self.positions[order.account]
        maker = order.id == trade.maker_order
        lot_value = trade.price * self._tick_lot_units
        fee = trade.maker_fee if maker else trade.taker_fee
        fill = MarginFill(trade.id, order.id, order.side, trade.price, trade.quantity, lot_value, fee, maker)
        held, order.hold = order.hold, self._hold_of(order)
        self._settle(order, held - order.hold, trade.quantity, effects, fill)

    def _settle(self, order: Order, unheld: int, lots: int, effects: Effects, *fills: MarginFill) -> None:
        """``lots`` of the order no longer count as open."""
        value = (order.price or order.hold_price) * lots * self._tick_lot_units if order.leverage else 0
        effects.margin_settlements.append(
            MarginSettlement(order.account, order.market, order.side, order.leverage, unheld, value, list(fills))
        )

    def _price_changed(self, trade: Trade, effects: Effects) -> None:
        self.last_price, self.last_quantity = trade.price, trade.quantity
        self.triggers.track(WatchedPrice.CONTRACT, trade.price)
        if not self.set_price:
            self._mark_changed(effects)

    def _mark_changed(self, effects: Effects) -> None:
        self.triggers.track(WatchedPrice.MARK, self.mark_price)
        effects.marks[self.market.number] = self.mark_price * self._tick_lot_units

    def _after_matching(self, order: Order, effects: Effects) -> None:
        if order.filled == order.quantity:
            self._end(order, Status.FILLED, EndReason.FILLED, effects)
        elif order.kind is Kind.MARKET:
            self._end(order, Status.EXPIRED, EndReason.MARKET_REST, effects)
        elif order.tif is TimeInForce.IOC:
            self._end(order, Status.EXPIRED, EndReason.IOC, effects)
        elif not self._wanted(order):
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
        else:
            self._rest(order)

    def _position_changed(self, account: str, before: int, effects: Effects) -> None:
        """What stands on a position ends with it: its triggers, and orders that have nothing left to reduce."""
        now = self.positions[account]
        if not before or now * before > 0:
            return
        for order in sorted(self.by_account.get(account, {}).values(), key=age):
            if order.id not in self.open:
                continue  # ended with one before it
            if order.id in self.triggers.waiting:
                if (order.reduce_only or order.close_position) and not self.triggers.is_attached(order):
                    self._expire(order, EndReason.POSITION_CLOSED, effects)
            elif order.reduce_only and not self._reducible(account, order.side):
                self._expire(order, EndReason.REDUCE_ONLY, effects)

    # Ending

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """End an open order or trigger, its attached triggers with it, and give back all that is held."""
        self._withdraw(order)
        self._finish(order, Status.CANCELED, reason, effects)
        self._release_rest(order, effects)
        self._cascade(order, effects)

    def _expire(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """An open order or trigger is ended by the rules."""
        self._withdraw(order)
        self._end(order, Status.EXPIRED, reason, effects)

    def _end(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """An order ends by itself: what was attached to it goes on with what it has filled, or ends with it."""
        self._finish(order, status, reason, effects)
        self._release_rest(order, effects)
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

    def _release_rest(self, order: Order, effects: Effects) -> None:
        if order.leverage:
            unheld, order.hold = order.hold, 0
            self._settle(order, unheld, order.quantity - order.filled, effects)

    def _withdraw(self, order: Order) -> None:
        if order.id in self.triggers.waiting:
            self.triggers.remove(order)
            self._forget(order)
        elif self.firing.pop(order.id, None) is not None:
            self._forget(order)
        else:
            super()._withdraw(order)

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
            apart = abs(self.last_price - self.set_price) * _MILLION
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
