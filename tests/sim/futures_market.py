"""One futures market of the model: the plain one of tests/model, with money decided where its account lives.

For an account at home elsewhere the market has only what it was granted. What is then no longer held for it, and what
it traded, is for its home to take up. A grant that book or mark have left behind is not used: it goes back.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shards.model import orders as o
from shards.model.commands import MarginHold, Modify
from shards.model.events import MarginFilled
from shards.model.markets import Market, MarketStatus
from shards.model.reasons import Reason
from shards.model.replies import Refused, Reply
from tests.model.futures_reference import FuturesReference
from tests.model.futures_risk import Funds, nearest
from tests.sim.sent import FiredHeld, Grant, Held, Mark

if TYPE_CHECKING:
    from tests.sim.futures_shard import FuturesShard

ASK = Reason.BUSY
"""The account's home must be asked."""


class SimFuturesMarket(FuturesReference):
    """One futures market on one shard."""

    def __init__(self, shard: "FuturesShard", market: Market) -> None:
        super().__init__(market)
        self.shard = shard
        self.known: dict[int, o.Order] = {}  # all orders that ever were
        self.asked_for: list[o.Order] = []  # fired triggers whose money was asked for elsewhere
        self.again: list[o.Order] = []  # those for which too little was asked
        self.grant: Grant | None = None
        self.marked = False  # the mark has changed and nobody was told

    # Between two inputs

    def begin(self, now_ms: int, archived: int) -> None:
        """Of ended orders only those that the archive does not have are at hand."""
        self.now_ms = now_ms
        self.known |= self.orders
        shown = self.shard.row_of
        self.orders = {
            number: order for number, order in self.known.items() if shown.get(number, archived + 1) > archived
        }

    def held_away(self) -> Held:
        """What accounts at home elsewhere have held here."""
        held: Held = Counter()
        for order in self.resting + self.waiting + self.fired:
            if (order.leverage or order.hold) and self.shard.is_away(order.account):
                held[order.account, "hold"] += order.hold
                held[order.account, order.side.name] += self.value_of(order)
        return held

    def take_fills(self) -> Iterable[MarginFilled]:
        """What was traded since it was last asked."""
        fills, self.fills = self.fills, []
        self.trades.clear()
        self.ended.clear()
        return fills

    def tell_mark(self) -> None:
        """Every other shard hears of a changed mark."""
        if self.marked:
            self.marked = False
            self.shard.tell_all(Mark(self.market.number, self.mark * self.unit))

    # What the home decides

    def free(self, account: str) -> int:
        return self.shard.home.free(account)

    def equity(self, account: str) -> int:
        return self.shard.home.wallet(account) + self.shard.home.unrealised(account)

    def held(self, account: str) -> int:
        return self.shard.home.all_held(account)

    def maintenance(self, account: str, closed: int = 0) -> int:
        return self.shard.home.maintenance(account, self.market.number, closed)

    def needs_home(self, new: o.NewOrder | o.Order, limit: int) -> bool:
        """Whether its home elsewhere must be asked."""
        return self.shard.is_away(new.account) and not (new.reduce_only and not self.loss(new, limit))

    def fund(self, new: o.NewOrder | o.Order, quantity: int) -> Funds | Reason:
        grant, self.grant = self.grant, None  # of this one alone
        if grant is not None:
            return self.granted(grant, new, quantity)
        return ASK if self.needs_home(new, self.limit(new, quantity)) else super().fund(new, quantity)

    def granted(self, grant: Grant, new: o.NewOrder | o.Order, quantity: int) -> Funds | Reason:
        """What was asked for, if it still pays for every fill; where it was not held, what goes without."""
        asked = grant.asked
        limit = new.price if new.kind is o.Kind.LIMIT else asked.limit
        if self.has_too_little(grant, new) or self.opens(grant, new) or self.is_short(grant, new, limit):
            return Reason.INSUFFICIENT_MARGIN
        if new.reduce_only and not grant.amount:
            return Funds(nearest(new.side, limit, asked.terms.mark // self.unit, grant.allowance), 0, 0, 0)
        if new.kind is not o.Kind.LIMIT and not self.has_risk_terms:
            limit = self.bound(new.side)
            limit = min(limit, asked.hold_price) if new.side is o.Side.BUY else limit
        return Funds(limit, asked.hold_price, grant.leverage, asked.loss)

    def has_too_little(self, grant: Grant, new: o.NewOrder | o.Order) -> bool:
        """Whether there is more to reduce by now than was asked for."""
        left = new.quantity - getattr(new, "filled", 0)
        return new.reduce_only and min(left, self.reducible(new)) > grant.asked.terms.reduces

    def opens(self, grant: Grant, new: o.NewOrder | o.Order) -> bool:
        """Whether what was to close, and was held to no limit, would do more by now."""
        return grant.asked.terms.closes and not self.only_closes(new)

    def is_short(self, grant: Grant, new: o.NewOrder | o.Order, limit: int) -> bool:
        """Whether a fill could take more than was asked for: a better bid has come, or the mark has moved away."""
        if new.side is o.Side.SELL and not new.reduce_only and self.best(o.Side.BUY) > grant.asked.hold_price:
            return True
        return self.loss(new, limit) > grant.asked.loss

    def take_grant(self, grant: Grant) -> Reply:
        """Place, or change, what was granted."""
        asked = grant.asked
        assert isinstance(asked, MarginHold)
        if self.now_ms > asked.deadline_ms:
            return Refused(Reason.TIMEOUT)
        self.grant = grant
        try:
            if not asked.modifies:
                return self.place(asked.order)
            new = asked.order
            return self.modify(Modify(asked.modifies, new.account, new.price, new.quantity))
        finally:
            self.grant = None

    def fund_change(self, order: o.Order, asked: o.Order) -> Reason | None:
        grant, self.grant = self.grant, None
        if grant is None:
            return super().fund_change(order, asked)
        if order.tif is o.TimeInForce.POST_ONLY and self.makers(order.side, asked.price):
            return Reason.POST_ONLY
        asked.hold_price, asked.loss = grant.asked.hold_price, 0 if grant.allowance else grant.asked.loss
        asked.leverage = self.no_more_than_allowed(order.leverage)
        asked.hold = self.hold_of(asked)
        more, more_value = asked.hold - order.hold, self.value_of(asked) - self.value_of(order)
        enough = more <= grant.amount and more_value <= grant.asked.terms.order_value
        short = self.has_too_little(grant, asked) or self.opens(grant, asked)
        short = short or self.is_short(grant, asked, asked.price)
        return None if enough and not short else Reason.INSUFFICIENT_MARGIN

    def changes_at_home(self, change: Modify) -> bool:
        """Whether the change of an order needs money, so that its home elsewhere must be asked."""
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
            self.again.append(order)  # once its home has what goes back to it
        else:
            super().ask_for(order)

    def fired_held(self, answer: FiredHeld) -> None:
        """The home has decided about the money of a fired trigger."""
        order = next((order for order in self.asked_for if order.id == answer.asked.id), None)
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
        grant, limit = answer.grant, order.price if order.kind is o.Kind.LIMIT else answer.asked.limit
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
        asked = [order for order in self.asked_for if order.account == account]
        return sorted(super().open_of(account) + asked, key=lambda order: order.id)

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
