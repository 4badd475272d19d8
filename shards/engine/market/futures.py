"""The futures market machine: its parts, and the stages of a command.

1. replay guard and checks: is it a repeat, and would it be rejected? (``futures_checks``)
2. hold: what must be held for it? (``margin_requests``; the account machine holds it, possibly on another shard)
3. recheck: does the grant still cover every fill?
4. create: the order gets its id, and its attached triggers are created
5. match: best price first, as long as both sides want lots (``execution``, as all below; ``matching``)
6. book: positions, holds and prices follow each match (``margin_trading``)
7. close: orders that depended on a closed position end with it
8. end or rest: the remainder of the order; attached triggers stay or end with it
9. fire: due triggers go through 2 to 8 themselves (``trigger_orders``)

A modification takes the same path: in 4 its order is taken off the book. Commands that need margin from another shard
wait between 2 and 3.
"""

from shards.engine.effects import Effects
from shards.engine.market.cover import Cover, cover_in, limit_of, limit_without_hold, may_lose, measure
from shards.engine.market.execution import Execution
from shards.engine.market.futures_checks import FuturesChecks
from shards.engine.market.machine import MarketMachine
from shards.engine.market.margin_requests import MarginRequests
from shards.engine.market.margin_trading import MarginTrading
from shards.engine.market.matching import Matching
from shards.engine.market.trigger_orders import TriggerOrders
from shards.engine.market.triggers import trigger_of
from shards.model.brackets import RiskChange, RiskTerms
from shards.model.commands import MarginHold, Modify
from shards.model.links import Granted, TriggerMarginRequest, TriggerMarginResult
from shards.model.markets import Market, MarketStatus
from shards.model.orders import LIMIT, EndReason, NewOrder, Order, Trade
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected


class FuturesMarket(MarketMachine):
    """One futures market."""

    def __init__(self, market: Market) -> None:
        assert market.futures is not None
        super().__init__(Matching(market, client_id_prefix="sx-"))
        self.margin = MarginTrading(market, market.futures, self.book)
        self.trigger_orders = TriggerOrders(self.matching, self.margin)
        self._checks = FuturesChecks(self.matching, self.margin, self.trigger_orders)
        self._requests = MarginRequests(self.matching, self.margin)
        self._execution = Execution(self.matching, self.margin, self.trigger_orders, self._requests)
        self.positions = self.margin.positions
        self.triggers = self.trigger_orders.queue
        self.awaiting_margin = self.trigger_orders.awaiting_margin

    # 1. Replay guard and checks

    def check(self, new: NewOrder) -> OrderReply | Rejected | None:
        """Return the rejection or the repeated order; also checks price, trigger and the account's position."""
        return self._checks.check(new)

    def check_modify(self, modify: Modify) -> Rejected | None:
        """Return the rejection of a modification before margin is requested for it."""
        return self._checks.check_modify(modify)

    # 2. Hold

    def needs_money(self, new: NewOrder) -> bool:
        """Whether margin is needed: not for waiting triggers or reduce-only orders without loss."""
        return self._requests.needs_money(new)

    def hold_for(self, new: NewOrder, shard: int, ticket: int, deadline_ms: int) -> MarginHold:
        """Return the request for its margin, including its possible loss."""
        return self._requests.for_order(new, shard, ticket, deadline_ms)

    def modify_needs_money(self, modify: Modify) -> bool:
        """Whether the account's shard must be asked."""
        order = self.open.get(modify.id)
        if order is None or order.leverage:
            return order is not None
        regular = order.reduce_only and order.kind is LIMIT and order.id not in self.awaiting_margin
        return regular and may_lose(self.margin, self._checks.changed(order, modify))

    def hold_to_modify(self, modify: Modify, shard: int, ticket: int, deadline_ms: int) -> MarginHold | Rejected:
        """Return the request for what the modification needs in addition to the hold, or its rejection."""
        refused = self._checks.check_modify(modify)
        if refused is not None:
            return refused
        order = self.open[modify.id]
        return self._requests.for_change(order, self._checks.changed(order, modify), shard, ticket, deadline_ms)

    def trigger_margin_request(self, order: Order, shard: int) -> TriggerMarginRequest:
        """Return the margin request of a fired trigger."""
        return self._requests.for_fired(order, shard)

    # 3. Recheck

    def recheck(self, granted: Granted) -> Rejected | None:
        """Return INSUFFICIENT_MARGIN if the grant no longer covers every fill, or the order no longer only closes."""
        short = self._requests.falls_short(
            granted.order, cover_in(granted), reduces=granted.reduces, closes=granted.closes
        )
        return Rejected(RejectReason.INSUFFICIENT_MARGIN) if short else None

    def release(self, granted: Granted, effects: Effects) -> None:
        """Release the margin and what counts toward the position limit."""
        self.margin.release(granted, effects)

    # 4. Create: a new order

    def place(self, new: NewOrder, granted: Granted | None, effects: Effects) -> OrderReply | Rejected:
        """Add a waiting trigger, or execute any other order with what was granted, if it needs margin."""
        if new.trigger is not None:
            return OrderReply(self.trigger_orders.wait(new, new.trigger, effects))
        margin, execution = self.margin, self._execution
        cover, leverage, held = self._cover_of(new, granted)
        limit = limit_of(margin, new, cover)
        refusal = execution.refuse(new, limit)
        if refusal is not None:
            if granted is not None:
                margin.release(granted, effects)
            return Rejected(refusal)
        order = self.matching.create(new, effects.now_ms)
        order.hold_price, order.leverage, order.loss = cover.hold_price, leverage, cover.loss
        order.reduce_only = new.reduce_only
        if order.reduce_only:
            order.quantity = margin.reduced_by(order)
        order.hold = margin.hold_of(order)
        if order.reduce_only and held > order.hold:  # there is less to reduce than when it was requested
            margin.unhold(order, 0, held - order.hold, 0, effects)
        if new.take_profit is not None or new.stop_loss is not None:
            self.trigger_orders.attach(order, new, effects)
        trades = execution.execute(order, limit, effects)
        execution.fire_due(effects)
        return OrderReply(order, trades)

    def _cover_of(self, new: NewOrder, granted: Granted | None) -> tuple[Cover, int, int]:
        """Return the order's cover, leverage and hold; a reduce-only order without a hold gets a tighter limit."""
        if granted is None:
            return Cover(measure(self.margin, new).limit, 0, 0), 0, 0
        cover = cover_in(granted)
        if new.reduce_only and not granted.amount:
            cover = Cover(limit_without_hold(new.side, cover, granted.allowance), 0, 0)
        return cover, granted.leverage, granted.amount

    # 4. Create: an open order with new terms

    def modify(self, modify: Modify, granted: Granted | None, effects: Effects) -> OrderReply | Rejected:
        """Modify an order with what was granted for it; None if it needs no more than it has.

        If rejected, nothing is changed, and the caller must release the grant.
        """
        refused = self._checks.check_modify(modify)
        if refused is not None:
            return refused
        order = self.open[modify.id]
        new = self._checks.changed(order, modify)
        if order.id in self.triggers.waiting:
            stop_price = modify.stop_price or trigger_of(order).stop_price
            self.trigger_orders.change(order, new.price, new.quantity, stop_price)
            order.updated_ms = effects.now_ms
            return OrderReply(order)
        refusal = self._execution.refuse(new, new.price)
        if refusal is not None:
            return Rejected(refusal)
        if order.leverage or order.hold or granted is not None:
            short = self._rehold(order, new, granted, effects)
            if short is not None:
                return short
        return OrderReply(order, self._replace(order, new, effects))

    def modify_granted(self, granted: Granted, late: Rejected | None, effects: Effects) -> OrderReply | Rejected:
        """Modify an order once its margin is held; if rejected or late, the margin is released."""
        new = granted.order
        reply = late or self.modify(Modify(granted.modifies, new.account, new.price, new.quantity), granted, effects)
        if isinstance(reply, Rejected):
            self.margin.unhold(new, granted.leverage, granted.amount, granted.order_value, effects)
        return reply

    def _rehold(self, order: Order, new: NewOrder, granted: Granted | None, effects: Effects) -> Rejected | None:
        """Hold what ``new`` needs and release the surplus.

        Rejected if book, mark or fills have changed meanwhile and the grant is too little now.
        """
        short, more, more_value = False, 0, 0
        if granted is None:
            cover = measure(self.margin, new)
        else:
            cover, more, more_value = cover_in(granted), granted.amount, granted.order_value
            short = self._requests.falls_short(
                new, cover, reduces=granted.reduces, closes=granted.closes, changes=order
            )
            if granted.allowance:
                cover = Cover(cover.limit, 0, 0)
        hold, value = self._requests.need_of(order, new, cover)
        released, released_exposure = order.hold + more - hold, self.margin.open_value(order) + more_value - value
        if released < 0 or released_exposure < 0 or short:
            return Rejected(RejectReason.INSUFFICIENT_MARGIN)
        order.hold, order.hold_price, order.loss = hold, cover.hold_price, cover.loss
        self.margin.unhold(order, order.leverage, released, released_exposure, effects)
        order.leverage = self._requests.leverage_for(order)
        return None

    def _replace(self, order: Order, new: NewOrder, effects: Effects) -> list[Trade]:
        """Place an order on the book again, as ``new``."""
        self._execution.withdraw(order)
        quantity = new.quantity
        if order.reduce_only:
            quantity = min(quantity, order.filled + self.margin.reducible(order.account, order.side))
        self.trigger_orders.resize_children(order, quantity)
        order.price, order.quantity, order.updated_ms = new.price, quantity, effects.now_ms
        trades = self._execution.execute(order, order.price, effects)
        self._execution.fire_due(effects)
        return trades

    # 5. to 9. End; a new order gets there by itself

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """Cancel an open order or trigger and its attached triggers, and release all that is held."""
        self._execution.cancel(order, reason, effects)

    def cancel_triggers(self, account: str, effects: Effects) -> list[Order]:
        """Cancel all waiting triggers of ``account``, oldest first."""
        return self._cancel_all(self.triggers.of_account(account), EndReason.CANCEL_ALL, effects)

    def apply_trigger_margin(self, held: TriggerMarginResult, effects: Effects) -> None:
        """Apply the account machine's answer for a fired trigger: execute or expire it."""
        self._execution.apply_trigger_margin(held, effects)

    # The operator

    def set_status(self, status: MarketStatus, effects: Effects) -> Rejected | None:
        """Change the status; delisting is rejected while positions are open. Triggers due since a halt fire."""
        if status is MarketStatus.DELISTED and self.positions:
            return Rejected(RejectReason.POSITIONS_OPEN)
        self._change_status(status, effects)
        self._execution.fire_due(effects)
        return None

    def set_mark(self, price: int, effects: Effects) -> None:
        """Set the operator's mark price (ticks); 0: follow the last trade again."""
        margin = self.margin
        first = not margin.mark_price
        margin.set_mark(price)
        if margin.mark_price:
            margin.announce_mark(effects)
            self.trigger_orders.track_mark()
            if first:
                self._expire_uncovered(effects)
        self._execution.fire_due(effects)

    def set_risk(self, change: RiskChange, effects: Effects) -> None:
        """Change the risk terms; open orders keep their holds. Under the first terms some may hold too little."""
        market = self.matching.market
        first = market.risk is None
        terms = market.risk or RiskTerms(market.brackets)
        self.matching.change_market(effects, risk=change.apply(terms))
        self.margin.has_risk_terms = True
        if first:
            self._expire_uncovered(effects)

    def _expire_uncovered(self, effects: Effects) -> None:
        """At a market's first mark or risk terms, expire resting orders that could lose more than they hold."""
        for order in list(self.margin.find_uncovered()):
            self._execution.expire(order, EndReason.MARGIN, effects)

    # Snapshots

    def restore(self, order: Order) -> None:
        """Restore a resting order and count it."""
        self.matching.restore(order)
        self.margin.add_resting(order)
