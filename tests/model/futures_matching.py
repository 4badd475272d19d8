"""Matching and triggers of one futures market, in the plainest way."""

from collections.abc import Iterator

from shards import messages as m
from shards import orders as o
from shards.markets import Market, MarketStatus
from shards.money import MarginFill
from shards.rows import MarginFilled, Traded
from tests.model.futures_risk import is_within, worse_by, worst_within
from tests.model.futures_state import FuturesState
from tests.model.futures_wallets import ceil

MILLION = 1_000_000
STOPS = (o.Kind.STOP, o.Kind.STOP_MARKET)
EXPIRED = o.Status.EXPIRED


class FuturesMatching(FuturesState):
    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.traded = 0

    # Prices

    def makers(self, side: o.Side, limit: int) -> list[o.Order]:
        """The resting orders that one of ``side`` limited to ``limit`` would meet, best price first, then time."""
        sign = 1 if side is o.Side.BUY else -1
        return [maker for maker in sorted_makers(self.resting, side) if maker.price * sign <= limit * sign]

    def best(self, side: o.Side) -> int:
        """The best resting price of ``side``; 0 if there is none."""
        prices = [order.price for order in self.resting if order.side is side]
        return max(prices, default=0) if side is o.Side.BUY else min(prices, default=0)

    def bound(self, side: o.Side) -> int:
        """The worst price of a market order where nobody has set risk terms."""
        if side is o.Side.BUY:
            return max(self.mark, self.best(o.Side.SELL)) * (MILLION + self.terms.market_take_bound) // MILLION
        lowest = min(self.mark or self.best(o.Side.BUY), self.best(o.Side.BUY) or self.mark)
        return ceil(lowest * (MILLION - self.terms.market_take_bound), MILLION)

    def limit(self, new: o.NewOrder | o.Order, quantity: int) -> int:
        """The worst price at which so much of it may trade, as the book stands; 0: at none."""
        if new.kind is o.Kind.LIMIT:
            return new.price
        if not self.has_risk_terms:
            return self.bound(new.side)
        reached = self.mark
        for maker, lots in self.offers(new, self.makers_in_band(new.side)):
            if quantity > 0 and lots:
                reached, quantity = maker.price, quantity - lots
        return reached

    def makers_in_band(self, side: o.Side) -> list[o.Order]:
        """Those that are not too far from the mark, or, before there is one, from the best of them."""
        makers = sorted_makers(self.resting, side)
        middle = self.mark or (makers[0].price if makers else 0)
        return [maker for maker in makers if is_within(side, maker.price, middle, self.terms.market_take_bound)]

    def offers(self, new: o.NewOrder | o.Order, makers: list[o.Order]) -> Iterator[tuple[o.Order, int]]:
        """What it would get of each: nothing of its own, of what only reduces as much as there is to reduce."""
        sizes = {account: abs(wallet.size) for account, wallet in self.wallets.items()}
        for maker in makers:
            lots = maker.quantity - maker.filled if maker.account != new.account else 0
            if maker.reduce_only:
                lots = min(lots, max(0, sizes[maker.account]))
            sizes[maker.account] -= lots  # only looked at where it is on the other side, so it can only shrink
            yield maker, lots

    def hold_price(self, new: o.NewOrder | o.Order, limit: int) -> int:
        """The highest price that its margin must be enough for: a sale may fill above its limit."""
        return limit if new.side is o.Side.BUY else max(new.price, self.best(o.Side.BUY), self.mark)

    def loss(self, new: o.NewOrder | o.Order, limit: int) -> int:
        """Ticks that each lot loses against the mark if it trades at its limit."""
        return worse_by(new.side, limit, self.mark) if self.has_risk_terms else 0

    def out_of_band(self, side: o.Side, price: int) -> m.Reason | None:
        """Why a limit may not be so far from the mark."""
        if not self.has_risk_terms or is_within(side, price, self.mark, self.terms.market_take_bound):
            return None
        return m.Reason.PRICE_TOO_HIGH if side is o.Side.BUY else m.Reason.PRICE_TOO_LOW

    def is_out_of_band(self, order: o.Order) -> bool:
        return order.kind is o.Kind.LIMIT and self.out_of_band(order.side, order.price) is not None

    def needs_leave(self, side: o.Side, limit: int) -> bool:
        """Whether an order that only reduces may lose more than a scope that is not at risk has."""
        return self.has_risk_terms and not is_within(side, limit, self.mark, self.brackets[0].ratio)

    def leave(self, new: o.NewOrder | o.Order, quantity: int, limit: int) -> int | None:
        """Ticks that each lot of an order that only reduces holds; None: it may not lose so much."""
        if not self.needs_leave(new.side, limit):
            return 0
        loss = self.loss(new, limit)
        return loss if self.has_leave(new, quantity, loss * quantity * self.unit) else None

    # Matching

    def refuse_tif(self, new: o.NewOrder | o.Order, quantity: int, limit: int) -> m.Reason | None:
        makers = self.makers(new.side, limit)
        if new.tif is o.TimeInForce.POST_ONLY and makers:
            return m.Reason.POST_ONLY
        if new.tif is o.TimeInForce.FOK and sum(lots for _, lots in self.offers(new, makers)) < quantity:
            return m.Reason.CANNOT_FILL
        return None

    def wanted(self, order: o.Order) -> int:
        left = order.quantity - order.filled
        return min(left, self.reducible(order)) if order.reduce_only else left

    def execute(self, taker: o.Order, limit: int, rest_ends: o.EndReason | None = None) -> list[o.Trade]:
        """Let it trade, then rest or end; at rest it would wait for what it may not do, where ``rest_ends`` says so."""
        trades = []
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

    def position_over(self, account: str, filled: o.Order | None) -> None:
        """It has come to zero or turned: what stood on it ends with it, but for an order that is filled."""
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
        """The earliest placed first, until none is due; those that open a position wait for their margin until then."""
        while self.market.status is MarketStatus.LISTED:
            due = [order for order in self.waiting if self.is_due(order) or order in self.touched]
            if due:
                self.fire(due[0])
            elif self.fired:
                self.enter(self.fired.pop(0))
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
        elif not order.reduce_only or (
            order.quantity and self.needs_leave(order.side, self.limit(order, order.quantity))
        ):
            self.fired.append(order)
        else:
            self.enter(order)

    def enter(self, order: o.Order) -> None:
        """A fired order goes its way as any order, if its price is not too far and there is margin for it."""
        if self.is_out_of_band(order):
            self.end(order, EXPIRED, o.EndReason.PERCENT_PRICE)
            return
        if order.reduce_only:
            order.quantity = min(order.quantity, self.reducible(order))
        if not order.quantity:
            self.end(order, EXPIRED, o.EndReason.REDUCE_ONLY)
            return
        limit, rest_ends = self.limit(order, order.quantity), False
        if order.reduce_only:
            leave = self.leave(order, order.quantity, limit)
            if leave is None:  # not at once, and not at rest
                limit, rest_ends = (
                    worst_within(order.side, self.mark, self.brackets[0].ratio),
                    order.kind is o.Kind.LIMIT,
                )
            order.loss = leave or 0
        elif self.hold_for(order, self.leverage_of(order.account), limit):
            self.end(order, EXPIRED, o.EndReason.MARGIN)
            return
        order.hold = self.hold_of(order)
        reason = self.refuse_tif(order, order.quantity, limit)
        if reason:
            ends = {m.Reason.CANNOT_FILL: o.EndReason.FOK, m.Reason.POST_ONLY: o.EndReason.GTX}
            self.end(order, EXPIRED, ends[reason])
        else:
            self.execute(order, limit, o.EndReason.MARGIN if rest_ends else None)

    def hold_for(self, order: o.Order, leverage: int, limit: int) -> m.Reason | None:
        """Give an order its margin, or say why not."""
        order.hold_price, order.loss = self.hold_price(order, limit), self.loss(order, limit)
        order.leverage = leverage
        value = (order.price or order.hold_price) * order.quantity * self.unit
        reason = self.refuse_margin(order, leverage, value, self.hold_of(order))
        if reason:
            order.hold_price = order.loss = order.leverage = 0
        return reason


def sorted_makers(resting: list[o.Order], side: o.Side) -> list[o.Order]:
    """Those on the other side, best price first, then time."""
    sign = 1 if side is o.Side.BUY else -1
    return sorted((order for order in resting if order.side is not side), key=lambda order: order.price * sign)
