"""One futures market of the model: the reference of tests/model, with funds decided at the account's shard.

Of an account kept elsewhere the market knows only its grants. Releases and trades are then booked at its account shard.
A grant that no longer fits the book or the mark price is not used but returned.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shards.model import orders as o
from shards.model.commands import MarginHold, Modify
from shards.model.events import MarginFilled
from shards.model.markets import Market, MarketStatus
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply
from tests.model.futures_reference import FuturesReference
from tests.model.futures_risk import Funds, nearest
from tests.sim.sent import Grant, Held, Mark, TriggerMarginResult

if TYPE_CHECKING:
    from tests.sim.futures_shard import FuturesShard

ASK = RejectReason.BUSY
"""The account's shard must be asked."""


class SimFuturesMarket(FuturesReference):
    """One futures market on one shard."""

    def __init__(self, shard: "FuturesShard", market: Market) -> None:
        super().__init__(market)
        self.shard = shard
        self.known: dict[int, o.Order] = {}  # all orders ever placed
        self.asked_for: list[o.Order] = []  # fired triggers whose margin was requested elsewhere
        self.again: list[o.Order] = []  # those for which too little was requested
        self.grant: Grant | None = None
        self.marked = False  # the mark price has changed and was not sent yet

    # Between two inputs

    def begin(self, now_ms: int, archived: int) -> None:
        """Of ended orders only those not yet archived are available."""
        self.now_ms = now_ms
        self.known |= self.orders
        shown = self.shard.row_of
        self.orders = {
            number: order for number, order in self.known.items() if shown.get(number, archived + 1) > archived
        }

    def held_away(self) -> Held:
        """What accounts kept elsewhere have held here."""
        held: Held = Counter()
        for order in self.resting + self.waiting + self.fired:
            if (order.leverage or order.hold) and self.shard.is_away(order.account):
                held[order.account, "hold"] += order.hold
                held[order.account, order.side.name] += self.value_of(order)
        return held

    def take_fills(self) -> Iterable[MarginFilled]:
        """Trades since the last call."""
        fills, self.fills = self.fills, []
        self.trades.clear()
        self.ended.clear()
        return fills

    def tell_mark(self) -> None:
        """Send a changed mark price to all other shards."""
        if self.marked:
            self.marked = False
            self.shard.tell_all(Mark(self.market.number, self.mark * self.unit))

    # Decided by the account shard

    def free(self, account: str) -> int:
        return self.shard.accounts.free(account)

    def equity(self, account: str) -> int:
        return self.shard.accounts.wallet(account) + self.shard.accounts.unrealized(account)

    def held(self, account: str) -> int:
        return self.shard.accounts.all_held(account)

    def maintenance(self, account: str, closed: int = 0) -> int:
        return self.shard.accounts.maintenance(account, self.market.number, closed)

    def needs_account_shard(self, new: o.NewOrder | o.Order, limit: int) -> bool:
        """Whether its account shard elsewhere must be asked."""
        return self.shard.is_away(new.account) and not (new.reduce_only and not self.loss(new, limit))

    def fund(self, new: o.NewOrder | o.Order, quantity: int) -> Funds | RejectReason:
        grant, self.grant = self.grant, None  # for this one only
        if grant is not None:
            return self.granted(grant, new, quantity)
        return ASK if self.needs_account_shard(new, self.limit(new, quantity)) else super().fund(new, quantity)

    def granted(self, grant: Grant, new: o.NewOrder | o.Order, quantity: int) -> Funds | RejectReason:
        """What was requested, if it still covers every fill; without a hold, as far as the allowance permits."""
        requested = grant.requested
        limit = new.price if new.kind is o.Kind.LIMIT else requested.limit
        if self.has_too_little(grant, new) or self.opens(grant, new) or self.is_short(grant, new, limit):
            return RejectReason.INSUFFICIENT_MARGIN
        if new.reduce_only and not grant.amount:
            return Funds(nearest(new.side, limit, requested.terms.mark // self.unit, grant.allowance), 0, 0, 0)
        if new.kind is not o.Kind.LIMIT and not self.has_risk_terms:
            limit = self.bound(new.side)
            limit = min(limit, requested.hold_price) if new.side is o.Side.BUY else limit
        return Funds(limit, requested.hold_price, grant.leverage, requested.loss)

    def has_too_little(self, grant: Grant, new: o.NewOrder | o.Order) -> bool:
        """Whether there is now more to reduce than was requested."""
        left = new.quantity - getattr(new, "filled", 0)
        return new.reduce_only and min(left, self.reducible(new)) > grant.requested.terms.reduces

    def opens(self, grant: Grant, new: o.NewOrder | o.Order) -> bool:
        """Whether an order that was to close, exempt from the position limit, would now open."""
        return grant.requested.terms.closes and not self.only_closes(new)

    def is_short(self, grant: Grant, new: o.NewOrder | o.Order, limit: int) -> bool:
        """Whether a fill could need more than was requested: there is a better bid, or the mark price has moved."""
        if new.side is o.Side.SELL and not new.reduce_only and self.best(o.Side.BUY) > grant.requested.hold_price:
            return True
        return self.loss(new, limit) > grant.requested.loss

    def take_grant(self, grant: Grant) -> Reply:
        """Place, or modify, what was granted."""
        requested = grant.requested
        assert isinstance(requested, MarginHold)
        if self.now_ms > requested.deadline_ms:
            return Rejected(RejectReason.TIMEOUT)
        self.grant = grant
        try:
            if not requested.modifies:
                return self.place(requested.order)
            new = requested.order
            return self.modify(Modify(requested.modifies, new.account, new.price, new.quantity))
        finally:
            self.grant = None

    def fund_change(self, order: o.Order, requested: o.Order) -> RejectReason | None:
        grant, self.grant = self.grant, None
        if grant is None:
            return super().fund_change(order, requested)
        if order.tif is o.TimeInForce.POST_ONLY and self.makers(order.side, requested.price):
            return RejectReason.POST_ONLY
        requested.hold_price, requested.loss = (
            grant.requested.hold_price,
            0 if grant.allowance else grant.requested.loss,
        )
        requested.leverage = self.no_more_than_allowed(order.leverage)
        requested.hold = self.hold_of(requested)
        more, more_value = requested.hold - order.hold, self.value_of(requested) - self.value_of(order)
        enough = more <= grant.amount and more_value <= grant.requested.terms.order_value
        short = self.has_too_little(grant, requested) or self.opens(grant, requested)
        short = short or self.is_short(grant, requested, requested.price)
        return None if enough and not short else RejectReason.INSUFFICIENT_MARGIN

    def change_needs_account_shard(self, change: Modify) -> bool:
        """Whether a modification needs funds, so that the order's account shard elsewhere must be asked."""
        order = self.orders.get(change.id)
        if order is None or not self.is_open(order) or not self.shard.is_away(change.account):
            return False
        regular = order.reduce_only and order.kind is o.Kind.LIMIT and order not in self.waiting
        return order.leverage > 0 or (regular and self.loss(order, change.price or order.price) > 0)

    # Fired triggers

    def ask_for(self, order: o.Order) -> None:
        self.tell_mark()
        if self.shard.is_away(order.account):
            self.asked_for.append(order)
            self.again.append(order)  # once its account shard has what is returned to it
        else:
            super().ask_for(order)

    def apply_trigger_margin(self, answer: TriggerMarginResult) -> None:
        """The account shard has decided about the margin of a fired trigger."""
        order = next((order for order in self.asked_for if order.id == answer.requested.id), None)
        if order is None:
            return  # canceled meanwhile
        if not (answer.grant.held or order.reduce_only):
            reason = o.EndReason.PERCENT_PRICE if self.is_out_of_band(order) else o.EndReason.MARGIN
            self.end(order, o.Status.EXPIRED, reason)
            return
        if self.market.status is not MarketStatus.LISTED:
            self.end(order, o.Status.EXPIRED, o.EndReason.HALTED)
            return
        if self.is_out_of_band(order):
            self.end(order, o.Status.EXPIRED, o.EndReason.PERCENT_PRICE)
            return
        grant, limit = answer.grant, order.price if order.kind is o.Kind.LIMIT else answer.requested.limit
        too_little = self.has_too_little(grant, order) or self.opens(grant, order)
        if too_little or self.is_short(grant, order, limit):
            self.again.append(order)
            return
        self.asked_for = [other for other in self.asked_for if other is not order]
        self.grant = grant
        self.enter(order)
        self.grant = None
        self.fire_due()

    def open_of(self, account: str) -> list[o.Order]:
        requested = [order for order in self.asked_for if order.account == account]
        return sorted(super().open_of(account) + requested, key=lambda order: order.id)

    # Watching

    def track(self, which: o.WatchedPrice) -> None:
        super().track(which)
        self.marked |= which is o.WatchedPrice.MARK and self.mark > 0

    def end(self, order: o.Order, status: o.Status, reason: o.EndReason) -> None:
        self.asked_for = [other for other in self.asked_for if other is not order]
        order.request = self.shard.sequence
        super().end(order, status, reason)
        self.shard.note_end(order)

    def trade(self, taker: o.Order, maker: o.Order) -> o.Trade:
        trade = super().trade(taker, maker)
        self.shard.note_trade(trade)
        return trade
