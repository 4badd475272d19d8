"""Matching and triggers of one futures market, as simply as possible."""

from shards.model import orders as o
from shards.model.accounting import MarginFill
from shards.model.events import MarginFilled, Traded
from shards.model.markets import Market, MarketStatus
from shards.model.reasons import RejectReason
from tests.model.futures_prices import FuturesPrices
from tests.model.futures_risk import Funds, nearest
from tests.model.futures_wallets import ceil

MILLION = 1_000_000
STOPS = (o.Kind.STOP, o.Kind.STOP_MARKET)
EXPIRED = o.Status.EXPIRED


class FuturesMatching(FuturesPrices):
    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.traded = 0

    # Matching

    def refuse_tif(self, new: o.NewOrder | o.Order, quantity: int, limit: int) -> RejectReason | None:
        makers = self.makers(new.side, limit)
        if new.tif is o.TimeInForce.POST_ONLY and makers:
            return RejectReason.POST_ONLY
        makers = self.makers(new.side, self.within_first(new, limit))
        if new.tif is o.TimeInForce.FOK and sum(lots for _, lots in self.offers(new, makers)) < quantity:
            return RejectReason.CANNOT_FILL
        return None

    def wanted(self, order: o.Order) -> int:
        left = order.quantity - order.filled
        return min(left, self.reducible(order)) if order.reduce_only else left

    def execute(self, taker: o.Order, limit: int, rest_ends: o.EndReason | None = None) -> list[o.Trade]:
        """Let the order trade, then rest or end. With ``rest_ends`` it never rests, but ends for that reason."""
        trades = []
        unmarked, limit = not self.mark, self.within_first(taker, limit)
        while makers := self.wanted(taker) and self.makers(taker.side, limit):
            if makers[0].account == taker.account:
                self.end(makers[0], EXPIRED, o.EndReason.OWN_ORDER)
            else:
                trades.append(self.trade(taker, makers[0]))
        if taker.filled == taker.quantity:
            self.end(taker, o.Status.FILLED, o.EndReason.FILLED)
        elif taker.kind is o.Kind.MARKET:
            self.end(taker, EXPIRED, o.EndReason.MARKET_REST)
        elif taker.tif is o.TimeInForce.IOC:
            self.end(taker, EXPIRED, o.EndReason.IOC)
        elif not self.wanted(taker):
            self.end(taker, EXPIRED, o.EndReason.REDUCE_ONLY)
        elif rest_ends:
            self.end(taker, EXPIRED, rest_ends)
        elif unmarked and self.is_uncovered(taker):
            self.end(taker, EXPIRED, o.EndReason.MARGIN)
        else:
            self.resting.append(taker)
        return trades

    def trade(self, taker: o.Order, maker: o.Order) -> o.Trade:
        lots = min(self.wanted(taker), self.wanted(maker))
        self.traded += 1
        number, market, value = self.market.number * 2**40 + self.traded, self.market.number, maker.price * self.unit
        both = maker.id, taker.id, maker.account, taker.account
        bps = self.market.maker_fee_bps, self.market.taker_fee_bps
        maker_fee, taker_fee = (ceil(lots * value * each, 10_000) for each in bps)
        trade = o.Trade(number, market, maker.price, lots, taker.side, *both, maker_fee, taker_fee, self.now_ms)
        self.trades.append(Traded(trade))
        before = {account: self.wallets[account].size for account in (taker.account, maker.account)}
        for order, fee in ((taker, taker_fee), (maker, maker_fee)):
            wallet = self.wallets[order.account]
            profit = wallet.fill(order.side, lots, value, order.leverage)
            wallet.wallet -= fee
            terms = number, order.id, order.side, maker.price, lots, value, fee, order is maker, self.now_ms
            self.fills.append(MarginFilled(order.account, market, MarginFill(*terms), profit, self.now_ms))
            order.filled, order.filled_value = order.filled + lots, order.filled_value + lots * maker.price
            order.updated_ms, order.status = self.now_ms, o.Status.PARTIALLY_FILLED
            order.hold = self.hold_of(order)
        self.last = maker.price
        self.track(o.WatchedPrice.CONTRACT)
        if not self.set_mark:
            self.track(o.WatchedPrice.MARK)
        self.touched += [order for order in self.waiting if self.is_due(order) and not self.hangs_on(order, taker)]
        done = maker.filled == maker.quantity
        for account, size in before.items():
            if size and size * self.wallets[account].size <= 0:
                self.position_over(account, maker if done else None)
        if done:
            self.end(maker, o.Status.FILLED, o.EndReason.FILLED)
        return trade

    def end_uncovered(self) -> None:
        """After a first mark price, or risk terms: end orders that could lose more than they hold."""
        found = [order for side in (o.Side.SELL, o.Side.BUY) for order in self.makers(side, self.mark)]
        for order in found if self.mark else ():
            if self.is_uncovered(order):
                self.end(order, EXPIRED, o.EndReason.MARGIN)

    def position_over(self, account: str, filled: o.Order | None) -> None:
        """The position was closed or reversed: end the orders that depended on it, except a filled one."""
        for order in self.open_of(account):
            if order is filled:
                continue
            if order in self.waiting:
                if (order.reduce_only or order.close_position) and not self.is_attached(order):
                    self.end(order, EXPIRED, o.EndReason.POSITION_CLOSED)
            elif order.reduce_only and self.is_open(order) and not self.reducible(order):
                self.end(order, EXPIRED, o.EndReason.REDUCE_ONLY)

    # Triggers

    def is_attached(self, order: o.Order) -> bool:
        parent = self.orders.get(order.trigger.parent) if order.trigger else None
        return parent is not None and self.is_open(parent)

    def hangs_on(self, order: o.Order, parent: o.Order) -> bool:
        return order.trigger is not None and order.trigger.parent == parent.id

    def watched(self, which: o.WatchedPrice) -> int:
        return self.last if which is o.WatchedPrice.CONTRACT else self.mark

    def track(self, which: o.WatchedPrice) -> None:
        price = self.watched(which)
        for order in self.waiting if price else ():
            trigger = order.trigger
            if trigger and trigger.watched is which and order.kind is o.Kind.TRAILING_STOP_MARKET:
                best = min if order.side is o.Side.BUY else max
                trigger.extreme = best(trigger.extreme or price, price)
                trigger.activation = trigger.activation or price

    def has_come(self, kind: o.Kind, side: o.Side, stop_price: int, price: int) -> bool:
        rising = (side is o.Side.BUY) if kind in STOPS else (side is o.Side.SELL)
        return price >= stop_price if rising else price <= stop_price

    def is_due(self, order: o.Order) -> bool:
        trigger = order.trigger
        price = self.watched(trigger.watched) if trigger else 0
        if not trigger or not price:
            return False
        apart = abs(self.last - self.mark) * MILLION > self.terms.trigger_protect * self.mark
        if trigger.protect and self.set_mark and (apart or not self.last):
            return False
        if self.is_attached(order) and not (self.orders[trigger.parent].filled and self.reducible(order)):
            return False
        if order.kind is not o.Kind.TRAILING_STOP_MARKET:
            return self.has_come(order.kind, order.side, trigger.stop_price, price)
        if order.side is o.Side.BUY:
            turn = trigger.extreme * (10_000 + trigger.callback)
            return trigger.extreme <= trigger.activation and price * 10_000 >= turn
        turn = trigger.extreme * (10_000 - trigger.callback)
        return trigger.extreme >= trigger.activation and price * 10_000 <= turn

    def fire_due(self) -> None:
        """Earliest placed first, until none is due; those that open a position await their margin until then."""
        while self.market.status is MarketStatus.LISTED:
            due = [order for order in self.waiting if self.is_due(order) or order in self.touched]
            if due:
                self.fire(due[0])
            elif self.fired:
                self.ask_for(self.fired.pop(0))
            else:
                break
        self.touched = []

    def fire(self, order: o.Order) -> None:
        assert order.trigger is not None
        attached = self.is_attached(order)
        self.waiting = [other for other in self.waiting if other.id != order.id]
        order.trigger.fired_ms = order.updated_ms = self.now_ms
        order.kind = o.Kind.LIMIT if order.kind in (o.Kind.STOP, o.Kind.TAKE_PROFIT) else o.Kind.MARKET
        if attached:
            parent = self.orders[order.trigger.parent]
            order.quantity = min(order.quantity, parent.filled)
            self.end(parent, EXPIRED, o.EndReason.CHILD_FIRED)
        if order.close_position:
            order.reduce_only, order.quantity = True, self.reducible(order)
        if order.reduce_only:
            order.quantity = min(order.quantity, self.reducible(order))
        if self.is_out_of_band(order):
            self.end(order, EXPIRED, o.EndReason.PERCENT_PRICE)
        elif not order.reduce_only or (order.quantity and self.loss(order, self.limit(order, order.quantity))):
            self.fired.append(order)
        else:
            self.enter(order)

    def ask_for(self, order: o.Order) -> None:
        """A fired order that needs margin, or permission for its loss, before it goes on."""
        self.enter(order)

    def enter(self, order: o.Order) -> None:
        """A fired order proceeds like any order, if its price is within the band and it can be funded."""
        if self.is_out_of_band(order):
            self.end(order, EXPIRED, o.EndReason.PERCENT_PRICE)
            return
        if order.reduce_only:
            order.quantity = min(order.quantity, self.reducible(order))
        if not order.quantity:
            self.end(order, EXPIRED, o.EndReason.REDUCE_ONLY)
            return
        funds = self.fund(order, order.quantity)
        if funds is RejectReason.NO_LEAVE:  # it goes as far as it may without
            funds = Funds(nearest(order.side, order.price, self.mark, self.allowance(order.account)), 0, 0, 0)
        if isinstance(funds, RejectReason):
            self.end(order, EXPIRED, o.EndReason.MARGIN)
            return
        self.go(order, funds)

    def go(self, order: o.Order, funds: Funds) -> None:
        """A fired order proceeds; one restricted to a better price than its limit may not rest."""
        order.hold_price, order.leverage, order.loss = funds.hold_price, funds.leverage, funds.loss
        order.hold = self.hold_of(order)
        reason = self.refuse_tif(order, order.quantity, funds.limit)
        if reason:
            ends = {RejectReason.CANNOT_FILL: o.EndReason.FOK, RejectReason.POST_ONLY: o.EndReason.GTX}
            self.end(order, EXPIRED, ends[reason])
        else:
            cut = order.kind is o.Kind.LIMIT and funds.limit != order.price
            self.execute(order, funds.limit, o.EndReason.MARGIN if cut else None)
