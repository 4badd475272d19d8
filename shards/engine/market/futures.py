"""The futures market machine: its parts, and the stages through which a command goes.

1. replay guard and checks: is it the same order again, and what stands against it? (``futures_checks``)
2. hold: what must its account set aside? (``margin_requests``; the account machine holds it, maybe on another shard)
3. recheck: does what was granted still pay for every fill?
4. create: the order gets its number, and what was ordered with it is attached
5. match: with the best price first, as long as both sides want lots (``execution``, as all below; ``matching``)
6. book: positions, holds and prices follow each match (``margin_trading``)
7. close: what stood on a position that has ended, ends with it
8. end or rest: what is left of the order; what was attached to it goes on, or ends with it
9. fire: triggers whose price has come go through 2 to 8 themselves (``trigger_orders``)

A change goes the same way: in 4 its order is taken off the book. What asks for margin elsewhere waits between 2 and 3.
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
        """By its price, its trigger and its account's position, too."""
        return self._checks.check(new)

    def check_modify(self, modify: Modify) -> Rejected | None:
        """What stands against a change before margin is asked for it."""
        return self._checks.check_modify(modify)

    # 2. Hold

    def needs_money(self, new: NewOrder) -> bool:
        """Neither triggers that wait do, nor what only reduces and does not lose."""
        return self._requests.needs_money(new)

    def hold_for(self, new: NewOrder, shard: int, ticket: int, deadline_ms: int) -> MarginHold:
        """Its margin, and what it may lose."""
        return self._requests.for_order(new, shard, ticket, deadline_ms)

    def modify_needs_money(self, modify: Modify) -> bool:
        """Whether the account's shard must be asked."""
        order = self.open.get(modify.id)
        if order is None or order.leverage:
            return order is not None
        regular = order.reduce_only and order.kind is LIMIT and order.id not in self.awaiting_margin
        return regular and may_lose(self.margin, self._checks.changed(order, modify))

    def hold_to_modify(self, modify: Modify, shard: int, ticket: int, deadline_ms: int) -> MarginHold | Rejected:
        """What the change needs beyond what is held, or what stands against it."""
        refused = self._checks.check_modify(modify)
        if refused is not None:
            return refused
        order = self.open[modify.id]
        return self._requests.for_change(order, self._checks.changed(order, modify), shard, ticket, deadline_ms)

    def trigger_margin_request(self, order: Order, shard: int) -> TriggerMarginRequest:
        """What a fired trigger needs."""
        return self._requests.for_fired(order, shard)

    # 3. Recheck

    def recheck(self, granted: Granted) -> Rejected | None:
        """INSUFFICIENT_MARGIN if it would not pay for every fill any more, or the order does more than only close."""
        short = self._requests.falls_short(
            granted.order, cover_in(granted), reduces=granted.reduces, closes=granted.closes
        )
        return Rejected(RejectReason.INSUFFICIENT_MARGIN) if short else None

    def release(self, granted: Granted, effects: Effects) -> None:
        """Margin and what counts toward the position limit."""
        self.margin.release(granted, effects)

    # 4. Create: a new order

    def place(self, new: NewOrder, granted: Granted | None, effects: Effects) -> OrderReply | Rejected:
        """Let a trigger wait; let any other order go its way with what was granted, if it needs money."""
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
        if order.reduce_only and held > order.hold:  # there is less to reduce than when it was asked for
            margin.unhold(order, 0, held - order.hold, 0, effects)
        if new.take_profit is not None or new.stop_loss is not None:
            self.trigger_orders.attach(order, new, effects)
        trades = execution.execute(order, limit, effects)
        execution.fire_due(effects)
        return OrderReply(order, trades)

    def _cover_of(self, new: NewOrder, granted: Granted | None) -> tuple[Cover, int, int]:
        """How far it may go, and with what (leverage, units); what only reduces may go without, but not so far."""
        if granted is None:
            return Cover(measure(self.margin, new).limit, 0, 0), 0, 0
        cover = cover_in(granted)
        if new.reduce_only and not granted.amount:
            cover = Cover(limit_without_hold(new.side, cover, granted.allowance), 0, 0)
        return cover, granted.leverage, granted.amount

    # 4. Create: an open order anew

    def modify(self, modify: Modify, granted: Granted | None, effects: Effects) -> OrderReply | Rejected:
        """Change an order, with what was granted for it; None if it needs no more than it has.

        Refused, nothing is changed, and the grant is the caller's to give back.
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
        """The change with its margin held; refused after all, or too late, the margin goes back."""
        new = granted.order
        reply = late or self.modify(Modify(granted.modifies, new.account, new.price, new.quantity), granted, effects)
        if isinstance(reply, Rejected):
            self.margin.unhold(new, granted.leverage, granted.amount, granted.order_value, effects)
        return reply

    def _rehold(self, order: Order, new: NewOrder, granted: Granted | None, effects: Effects) -> Rejected | None:
        """Hold what ``new`` needs, and give back what is left over.

        Refused if book, mark or fills have come between, and what was granted is too little now.
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
        """Let an order on the book come anew, as ``new``."""
        self._execution.withdraw(order)
        quantity = new.quantity
        if order.reduce_only:
            quantity = min(quantity, order.filled + self.margin.reducible(order.account, order.side))
        self.trigger_orders.resize_children(order, quantity)
        order.price, order.quantity, order.updated_ms = new.price, quantity, effects.now_ms
        trades = self._execution.execute(order, order.price, effects)
        self._execution.fire_due(effects)
        return trades

    # 5. to 9. End; an order that is placed comes there by itself

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """End an open order or trigger, its attached triggers with it, and give back all that is held."""
        self._execution.cancel(order, reason, effects)

    def cancel_triggers(self, account: str, effects: Effects) -> list[Order]:
        """Cancel all waiting triggers of ``account``, oldest first."""
        return self._cancel_all(self.triggers.of_account(account), EndReason.CANCEL_ALL, effects)

    def apply_trigger_margin(self, held: TriggerMarginResult, effects: Effects) -> None:
        """What the account machine says of a fired trigger: it goes its way, or ends."""
        self._execution.apply_trigger_margin(held, effects)

    # The operator

    def set_status(self, status: MarketStatus, effects: Effects) -> Rejected | None:
        """As every market; one with open positions is not delisted, and what became due while halted fires."""
        if status is MarketStatus.DELISTED and self.positions:
            return Rejected(RejectReason.POSITIONS_OPEN)
        self._change_status(status, effects)
        self._execution.fire_due(effects)
        return None

    def set_mark(self, price: int, effects: Effects) -> None:
        """The operator sets the mark price (ticks), or lets it follow the last trade again (0)."""
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
        """Other risk terms; open orders keep what they hold. Under the first, some may hold too little."""
        market = self.matching.market
        first = market.risk is None
        terms = market.risk or RiskTerms(market.brackets)
        self.matching.change_market(effects, risk=change.apply(terms))
        self.margin.has_risk_terms = True
        if first:
            self._expire_uncovered(effects)

    def _expire_uncovered(self, effects: Effects) -> None:
        """A mark or risk terms have come to a market without: nothing rests that could lose more than it holds."""
        for order in list(self.margin.find_uncovered()):
            self._execution.expire(order, EndReason.MARGIN, effects)

    # Snapshots

    def restore(self, order: Order) -> None:
        """And what rests is counted."""
        self.matching.restore(order)
        self.margin.add_resting(order)
