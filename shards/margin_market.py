"""Trading on margin: what holds, positions and matching of a futures market are, but for its triggers.

It knows each account's signed position in its market, for it sees every fill; what the position cost, and what may be
spent, is the account machine's to know.
"""

from collections import Counter

from shards.effects import Effects
from shards.market import MarketMachine, age
from shards.markets import FuturesTerms, Market
from shards.matching import Match
from shards.messages import FiredHeld, Reason
from shards.money import MarginFill, MarginSettlement, MarginTerms
from shards.orders import BUY, FOK, IOC, LIMIT, MARKET, POST_ONLY, EndReason, NewOrder, Order, Side, Status, Trade
from shards.units import ceil_div

MILLION = 1_000_000


class MarginMarket(MarketMachine):
    """The margin side of one futures market."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        assert market.futures is not None
        self.terms: FuturesTerms = market.futures
        self.positions: Counter[str] = Counter()  # lots, positive for long; accounts without a position are absent
        self.last_price = 0  # ticks; 0 before the first trade
        self.last_quantity = 0
        self.set_price = 0  # the operator's mark price; 0: the mark follows the last trade

    @property
    def mark_price(self) -> int:
        """Ticks; 0 while there is none."""
        return self.set_price or self.last_price

    def _reducible(self, account: str, side: Side) -> int:
        """Lots by which an order of ``side`` could reduce the account's position."""
        position = self.positions[account]
        return max(0, -position if side is BUY else position)

    # Margin

    def needs_money(self, new: NewOrder) -> bool:
        """Waiting triggers, and orders that only reduce, hold nothing."""
        return new.trigger is None and not new.reduce_only

    def hold_price_of(self, order: NewOrder | Order) -> int:
        """Ticks that the hold of a regular order reckons with."""
        if order.side is BUY:
            return order.price if order.kind is LIMIT else self._bound(BUY)
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
        if side is BUY:
            return max(self.mark_price, best) * (MILLION + self.terms.market_take_bound) // MILLION
        lowest = min(price for price in (self.mark_price or best, best or self.mark_price))
        return ceil_div(lowest * (MILLION - self.terms.market_take_bound), MILLION)

    def release_grant(self, order: NewOrder | Order, hold_price: int, leverage: int, effects: Effects) -> None:
        """Give back what is held for an order that is not placed after all."""
        terms = self.margin_terms_of(order, hold_price)
        self.unhold(order, leverage, ceil_div(terms.hold_value, leverage), terms.order_value, effects)

    def unhold(
        self, order: NewOrder | Order | FiredHeld, leverage: int, hold: int, value: int, effects: Effects
    ) -> None:
        """Give back ``hold``; ``value`` counts no longer towards the position limit."""
        settlement = MarginSettlement(order.account, self.market.number, order.side, leverage, hold, value)
        effects.margin_settlements.append(settlement)

    def give_back(self, held: FiredHeld, effects: Effects) -> None:
        """Give back what is held for a fired trigger that has ended in the meantime."""
        hold = ceil_div(held.terms.hold_value, held.leverage)
        self.unhold(held, held.leverage, hold, held.terms.order_value, effects)

    def _limit_of(self, order: NewOrder | Order, hold_price: int) -> int:
        """The worst price, in ticks, at which it trades. What is held must cover every fill of a purchase."""
        if order.kind is LIMIT:
            return order.price
        bound = self._bound(order.side)
        return min(bound, hold_price) if order.side is BUY and hold_price else bound

    def _refuse(self, new: NewOrder | Order, limit: int) -> Reason | None:
        if new.tif is POST_ONLY:
            best = self.book.opposite(new.side).best_price()
            if best is not None and self.book.opposite(new.side).crosses(best, limit):
                return Reason.POST_ONLY
        wanted = min(new.quantity, self._reducible(new.account, new.side)) if new.reduce_only else new.quantity
        if new.tif is FOK and self._fillable(new, limit) < wanted:
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
                left = reducible.setdefault(maker.account, self._reducible(maker.account, maker.side))
                if maker.reduce_only:
                    lots = min(lots, left)
                reducible[maker.account] = max(0, left - lots)
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
        for account, position in before.items():
            self._position_changed(account, position, effects)
        if maker.filled == maker.quantity:  # only now: what it hands over stands on the position as it is after this
            self._end(maker, Status.FILLED, EndReason.FILLED, effects)
        return trade

    def _fill(self, order: Order, trade: Trade, effects: Effects) -> None:
        """One side of a match: its position, its hold, and what the account machine must know."""
        if order.filled == trade.quantity:
            self._first_filled(order)
        self.positions[order.account] += trade.quantity if order.side is BUY else -trade.quantity
        if not self.positions[order.account]:
            del self.positions[order.account]
        maker = order.id == trade.maker_order
        lot_value = trade.price * self._tick_lot_units
        fee = trade.maker_fee if maker else trade.taker_fee
        fill = MarginFill(
            trade.id, order.id, order.side, trade.price, trade.quantity, lot_value, fee, maker, trade.time_ms
        )
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
        if not self.set_price:
            self._mark_changed(effects)

    def _mark_changed(self, effects: Effects) -> None:
        effects.marks[self.market.number] = self.mark_price * self._tick_lot_units

    def _after_matching(self, order: Order, effects: Effects) -> None:
        if order.filled == order.quantity:
            self._end(order, Status.FILLED, EndReason.FILLED, effects)
        elif order.kind is MARKET:
            self._end(order, Status.EXPIRED, EndReason.MARKET_REST, effects)
        elif order.tif is IOC:
            self._end(order, Status.EXPIRED, EndReason.IOC, effects)
        elif not self._wanted(order):
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
        else:
            self._rest(order)

    def _position_changed(self, account: str, before: int, effects: Effects) -> None:
        """Where a position has come to zero or turned, what only stood on it ends with it."""
        if not before or self.positions[account] * before > 0:
            return
        for order in sorted(self.by_account.get(account, {}).values(), key=age):
            if order.id in self.open:  # not ended with one before it
                reason = self._stands_on_nothing(order)
                if reason is not None:
                    self._expire(order, reason, effects)

    def _stands_on_nothing(self, order: Order) -> EndReason | None:
        """Why an open order has nothing left to be for, now that its account's position has ended."""
        if order.reduce_only and not self._reducible(order.account, order.side):
            return EndReason.REDUCE_ONLY
        return None

    def _first_filled(self, order: Order) -> None:
        """An order has got its first fill."""

    # Ending

    def _expire(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """An open order is ended by the rules."""
        self._withdraw(order)
        self._end(order, Status.EXPIRED, reason, effects)

    def _end(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """An order that is in no index any more ends by itself."""
        self._finish(order, status, reason, effects)
        self._release_rest(order, effects)

    def _release_rest(self, order: Order, effects: Effects) -> None:
        if order.leverage:
            unheld, order.hold = order.hold, 0
            self._settle(order, unheld, order.quantity - order.filled, effects)
