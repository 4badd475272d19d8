"""Trading on margin: what holds, positions and matching of a futures market are, but for its triggers.

It knows each account's signed position in its market, for it sees every fill; what the position cost, and what may be
spent, is the account machine's to know.
"""

from collections import Counter

import msgspec

from shards.engine.account.margin import Held, held_for, held_in
from shards.engine.effects import Effects
from shards.engine.market.cover import Cover, find_fillable, is_uncovered, may_lose, within_first_mark
from shards.engine.market.machine import MarketMachine, age
from shards.engine.market.matching import Match
from shards.model.accounting import MarginFill, MarginSettlement, MarginTerms
from shards.model.brackets import RiskChange, RiskTerms
from shards.model.decimals import ceil_div
from shards.model.events import MarketChanged
from shards.model.links import FiredHeld, Granted
from shards.model.markets import FuturesTerms, Market
from shards.model.orders import BUY, FOK, IOC, MARKET, POST_ONLY, EndReason, NewOrder, Order, Side, Status, Trade
from shards.model.reasons import Reason


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
        self._bid_lots: dict[str, int] = {}  # on the book, by account
        self._ask_lots: dict[str, int] = {}
        self.reducing: dict[int, Order] = {}  # what rests on the book and only reduces

    @property
    def mark_price(self) -> int:
        """Ticks; 0 while there is none."""
        return self.set_price or self.last_price

    @property
    def open_interest(self) -> int:
        """Lots that are held long; as many are held short."""
        return sum(lots for lots in self.positions.values() if lots > 0)

    def reducible(self, account: str, side: Side) -> int:
        """Lots by which an order of ``side`` could reduce the account's position."""
        position = self.positions[account]
        return max(0, -position if side is BUY else position)

    # Margin

    def set_risk(self, change: RiskChange, effects: Effects) -> None:
        """Other risk terms; open orders keep what they hold. Under the first, some may hold too little."""
        first = self.market.risk is None
        terms = self.market.risk or RiskTerms(self.market.brackets)
        self.market = msgspec.structs.replace(self.market, risk=change.apply(terms))
        effects.rows.append(MarketChanged(self.market, effects.now_ms))
        if first:
            self._expire_uncovered(effects)

    def needs_money(self, new: NewOrder) -> bool:
        """Waiting triggers hold nothing; nor do orders that only reduce, as long as they do not lose."""
        return new.trigger is None and (not new.reduce_only or may_lose(self, new))

    def margin_terms_of(self, order: NewOrder | Order, cover: Cover) -> MarginTerms:
        """What the account machine must know to hold the margin of a regular order."""
        default, most = self.terms.default_leverage, self.terms.max_position_notional
        if order.reduce_only:
            return self.reducing_terms(cover, self.reduced_by(order))
        lots = order.quantity * self._tick_lot_units
        value = (order.price or cover.hold_price) * lots
        closes, hold = self.only_closes(order, order.quantity), cover.hold_price * lots
        return MarginTerms(hold, value, default, most, 0, cover.loss * lots, closes=closes, entry_value=hold)

    def reducing_terms(self, cover: Cover, lots: int, held: int = 0) -> MarginTerms:
        """Those of an order that only reduces, and loses in it."""
        default, most, unit = self.terms.default_leverage, self.terms.max_position_notional, self._tick_lot_units
        loss, mark = cover.loss * lots * unit, self.mark_price * unit
        return MarginTerms(0, 0, default, most, loss_value=loss, reduces=lots, held=held, mark=mark)

    def reduced_by(self, order: NewOrder | Order, filled: int = 0) -> int:
        """Lots that an order that only reduces can reduce now."""
        return min(order.quantity - filled, self.reducible(order.account, order.side))

    def only_closes(self, order: NewOrder | Order, lots: int) -> bool:
        """Whether so many lots more, after all that rests on that side, are no more than the position.

        True lets an order pass the position limit, so it is looked at again when the order is granted: of several that
        are asked for at once each alone may only close.
        """
        if not self.rules or order.account not in self.positions:
            return False
        resting = self._bid_lots if order.side is BUY else self._ask_lots
        return lots + resting.get(order.account, 0) <= self.reducible(order.account, order.side)

    def release_grant(self, granted: Granted, effects: Effects) -> None:
        """Give back what is held for an order that is not placed after all."""
        self.release_held(granted.order, granted.hold_price, held_in(granted), effects)

    def release_held(self, order: NewOrder, hold_price: int, held: Held, effects: Effects) -> None:
        """Give back what was set aside for an order that is not placed after all."""
        if held.leverage:
            value = (order.price or hold_price) * order.quantity * self._tick_lot_units
            self.unhold(order, held.leverage, held.amount, value, effects)
        elif held.amount:
            self.unhold(order, 0, held.amount, 0, effects)

    def unhold(
        self, order: NewOrder | Order | FiredHeld, leverage: int, hold: int, value: int, effects: Effects
    ) -> None:
        """Give back ``hold``; ``value`` counts no longer towards the position limit."""
        settlement = MarginSettlement(order.account, self.market.number, order.side, leverage, hold, value)
        effects.margin_settlements.append(settlement)

    def give_back(self, held: FiredHeld, effects: Effects) -> None:
        """Give back what is held for a fired trigger that does not go its way with it."""
        if held.leverage or held.leave:
            hold = held_for(held.terms, held.leverage)
            self.unhold(held, held.leverage, hold, held.terms.order_value, effects)

    def _refuse(self, new: NewOrder | Order, limit: int) -> Reason | None:
        if new.tif is POST_ONLY:
            best = self.book.opposite(new.side).best_price()
            if best is not None and self.book.opposite(new.side).crosses(best, limit):
                return Reason.POST_ONLY
        if new.tif is FOK:
            wanted = min(new.quantity, self.reducible(new.account, new.side)) if new.reduce_only else new.quantity
            against, reach = self.book.opposite(new.side), within_first_mark(self, new, limit)
            if find_fillable(against, new, wanted, reach, self.reducible)[0] < wanted:
                return Reason.CANNOT_FILL
        return None

    def _hold_of(self, order: Order) -> int:
        """What must be held for what is left of a regular order."""
        units = (order.quantity - order.filled) * self._tick_lot_units
        loss = order.loss * units
        return ceil_div(order.hold_price * units, order.leverage) + loss if order.leverage else loss

    def _open_value(self, order: Order) -> int:
        """What counts of an order on the book towards the position limit."""
        if order.reduce_only:
            return 0
        return order.price * (order.quantity - order.filled) * self._tick_lot_units

    # Matching

    def _execute(self, order: Order, limit: int, effects: Effects) -> list[Trade]:
        """Match ``order`` down to ``limit``, then rest or end what is left of it."""
        trades: list[Trade] = []
        against = self.book.opposite(order.side)
        unmarked = not (self.set_price or self.last_price)
        reach = within_first_mark(self, order, limit) if unmarked else limit
        while order.filled < order.quantity:
            maker = against.first()
            if maker is None or not against.crosses(maker.price, reach):
                break
            if maker.account == order.account:
                self._expire(maker, EndReason.OWN_ORDER, effects)
                continue
            lots = min(self._wanted(order), self._wanted(maker))
            if not lots:
                break  # it only reduces, and there is nothing left to reduce
            trades.append(self._trade(order, Match(maker, lots), effects))
        self._after_matching(order, limit, effects, unmarked=unmarked)
        return trades

    def _wanted(self, order: Order) -> int:
        """Lots that it may trade now."""
        left = order.quantity - order.filled
        return min(left, self.reducible(order.account, order.side)) if order.reduce_only else left

    def _trade(self, taker: Order, match: Match, effects: Effects) -> Trade:
        maker, lots = match
        before = {order.account: self.positions[order.account] for order in (taker, maker)}
        notional = maker.price * lots * self._tick_lot_units
        fees = self._fee(notional, self.market.maker_fee_bps), self._fee(notional, self.market.taker_fee_bps)
        trade = self._match(taker, match, fees, effects)
        self._count_lots(maker, -lots)
        self._fill(taker, trade, effects)
        self._fill(maker, trade, effects)
        self._price_changed(trade, effects)
        if maker.filled == maker.quantity:
            self._forget(maker)
            self.reducing.pop(maker.id, None)
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

    def _after_matching(self, order: Order, limit: int, effects: Effects, *, unmarked: bool) -> None:
        """``unmarked``: there was no mark before its first fill."""
        if order.filled == order.quantity:
            self._end(order, Status.FILLED, EndReason.FILLED, effects)
        elif order.kind is MARKET:
            self._end(order, Status.EXPIRED, EndReason.MARKET_REST, effects)
        elif order.tif is IOC:
            self._end(order, Status.EXPIRED, EndReason.IOC, effects)
        elif not self._wanted(order):
            self._end(order, Status.EXPIRED, EndReason.REDUCE_ONLY, effects)
        elif limit != order.price or (unmarked and order.filled and self.rules and is_uncovered(self, order)):
            # it may not go as far as it would, and so cannot rest where it would
            self._end(order, Status.EXPIRED, EndReason.MARGIN, effects)
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
        if order.reduce_only and not self.reducible(order.account, order.side):
            return EndReason.REDUCE_ONLY
        return None

    def _first_filled(self, order: Order) -> None:
        """An order has got its first fill."""

    # The book

    def restore(self, order: Order) -> None:
        """As every market; and what rests is counted."""
        super().restore(order)
        if order.reduce_only:
            self.reducing[order.id] = order
        self._count_lots(order, order.quantity - order.filled)

    def _withdraw(self, order: Order) -> None:
        super()._withdraw(order)
        self.reducing.pop(order.id, None)
        self._count_lots(order, order.filled - order.quantity)

    def _count_lots(self, order: Order, lots: int) -> None:
        """So many lots more of an account rest on its side."""
        resting = self._bid_lots if order.side is BUY else self._ask_lots
        rest = resting.get(order.account, 0) + lots
        if rest:
            resting[order.account] = rest
        else:
            del resting[order.account]

    # Ending

    def _expire(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """An open order is ended by the rules."""
        self._withdraw(order)
        self._end(order, Status.EXPIRED, reason, effects)

    def _expire_uncovered(self, effects: Effects) -> None:
        """A mark or risk terms have come to a market without: nothing rests that could lose more than it holds."""
        mark = self.mark_price
        if not mark or not self.rules or self.market.risk is None:
            return
        found: list[Order] = []
        for side in (self.book.bids, self.book.asks):
            for level in side:
                if not side.crosses(level.price, mark):
                    break
                found += (order for order in level.orders.values() if is_uncovered(self, order))
        for order in found:
            self._expire(order, EndReason.MARGIN, effects)

    def _end(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """An order that is in no index any more ends by itself."""
        self._finish(order, status, reason, effects)
        self._release_rest(order, effects)

    def _release_rest(self, order: Order, effects: Effects) -> None:
        if order.leverage or order.hold:
            unheld, order.hold = order.hold, 0
            self._settle(order, unheld, order.quantity - order.filled, effects)
