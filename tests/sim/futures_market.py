"""One futures market of the model: the plain one of tests/model, with margin decided where its account lives.

For an account at home elsewhere the market has only what it was granted. What is then no longer held for it, and what
it traded, is for its home to take up.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shards import messages as m
from shards import orders as o
from shards.markets import Market, MarketStatus
from shards.rows import MarginFilled
from tests.model.futures_reference import FuturesReference
from tests.model.futures_wallets import ceil
from tests.sim.sent import FiredHeld, Grant, Held, Mark

if TYPE_CHECKING:
    from tests.sim.futures_shard import FuturesShard


class SimFuturesMarket(FuturesReference):
    """One futures market on one shard."""

    def __init__(self, shard: "FuturesShard", market: Market) -> None:
        super().__init__(market)
        self.shard = shard
        self.known: dict[int, o.Order] = {}  # all orders that ever were
        self.asked_for: list[o.Order] = []  # fired triggers whose margin was asked for elsewhere
        self.grant: Grant | None = None
        self.granted_price: int | None = None  # reckoned with once
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
            if order.leverage and self.shard.is_away(order.account):
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

    def refuse_margin(self, account: str, side: o.Side, value: int, hold: int) -> m.Reason | None:
        if not self.shard.is_away(account):
            return self.shard.home.refuse(account, self.market.number, self.terms, side, value, hold)
        grant, self.grant = self.grant, None
        if grant is None:
            return m.Reason.BUSY
        enough = hold <= grant.amount and value <= grant.asked.terms.order_value  # type: ignore[union-attr]
        return None if enough else m.Reason.INSUFFICIENT_MARGIN

    def hold_price(self, side: o.Side, kind: o.Kind, price: int) -> int:
        if self.granted_price is not None:
            granted, self.granted_price = self.granted_price, None
            return granted
        return super().hold_price(side, kind, price)

    def take_grant(self, grant: Grant) -> m.Reply:
        """Place, or change, what was granted."""
        asked = grant.asked
        if self.now_ms > asked.deadline_ms:
            return m.Refused(m.Reason.TIMEOUT)
        self.grant, self.granted_price = grant, asked.hold_price
        try:
            if not asked.modifies:
                self.wallets[asked.order.account].leverage = grant.leverage
                return self.place(asked.order)
            new = asked.order
            return self.modify(m.Modify(asked.modifies, new.account, new.price, new.quantity))
        finally:
            self.grant = self.granted_price = None

    # Fired triggers

    def enter(self, order: o.Order) -> None:
        if order.reduce_only:
            super().enter(order)
            return
        self.tell_mark()
        if self.shard.is_away(order.account):
            self.asked_for.append(order)
            self.shard.ask_for_fired(self, order)
        else:
            super().enter(order)

    def fired_held(self, answer: FiredHeld) -> None:
        """The home has decided about the margin of a fired trigger."""
        order = next((order for order in self.asked_for if order.id == answer.asked.id), None)
        if order is None:
            return  # canceled meanwhile
        self.asked_for = [other for other in self.asked_for if other is not order]
        if not answer.leverage:
            self.end(order, o.Status.EXPIRED, o.EndReason.MARGIN)
            return
        if self.market.status is not MarketStatus.LISTED:
            self.end(order, o.Status.EXPIRED, o.EndReason.HALTED)
            return
        terms = answer.asked.terms
        asked = m.Hold(None, "", 0, 0, 0, 0, answer.asked.hold_price, terms)  # type: ignore[arg-type]
        self.grant = Grant(asked, ceil(terms.hold_value, answer.leverage), answer.leverage)
        self.granted_price = answer.asked.hold_price
        self.wallets[order.account].leverage = answer.leverage
        super().enter(order)
        self.grant = self.granted_price = None
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
