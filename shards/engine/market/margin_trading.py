"""Margin trading in one futures market: positions, prices, the holds of open orders, and the effects of fills.

It tracks each account's signed position in its market, since it sees every fill; entry costs and available funds are
kept by the account machine.
"""

from collections import Counter
from collections.abc import Iterator

from shards.engine.account.margin import held_for
from shards.engine.effects import Effects
from shards.engine.market.book import Book
from shards.engine.market.cover import is_uncovered
from shards.model.accounting import MarginFill, MarginSettlement
from shards.model.decimals import ceil_div
from shards.model.links import Granted, TriggerMarginResult
from shards.model.markets import FuturesTerms, Market
from shards.model.orders import BUY, NewOrder, Order, Side, Trade


class MarginTrading:
    """The margin side of one futures market."""

    def __init__(self, market: Market, terms: FuturesTerms, book: Book) -> None:
        self._number = market.number
        self._unit = market.tick_lot_units
        self.book = book
        self.terms = terms
        self.has_risk_terms = market.risk is not None  # never becomes False again
        self.rules = 0  # the version in force on its shard, see shards.limits.RULES
        self.positions: Counter[str] = Counter()  # lots, positive for long; accounts without a position are absent
        self.last_price = 0  # ticks; 0 before the first trade
        self.last_quantity = 0
        self.set_price = 0  # the operator's mark price; 0: the mark follows the last trade
        self.mark_price = 0  # either of these; 0 while there is none
        self._bid_lots: dict[str, int] = {}  # resting on the book, by account
        self._ask_lots: dict[str, int] = {}
        self.reducing: dict[int, Order] = {}  # resting reduce-only orders

    # Prices

    def set_mark(self, price: int) -> None:
        """Set the operator's mark price (ticks); 0: follow the last trade again."""
        self.set_price = price
        self.mark_price = price or self.last_price

    def restore_prices(self, last_price: int, last_quantity: int, set_price: int) -> None:
        """Restore the prices of a snapshot."""
        self.last_price, self.last_quantity = last_price, last_quantity
        self.set_mark(set_price)

    def announce_mark(self, effects: Effects) -> None:
        """Send the account machines the value of a lot at the new mark price."""
        effects.marks[self._number] = self.mark_price * self._unit

    # Positions

    @property
    def open_interest(self) -> int:
        """Lots held long; as many are held short."""
        return sum(lots for lots in self.positions.values() if lots > 0)

    def reducible(self, account: str, side: Side) -> int:
        """Return the lots by which an order of ``side`` could reduce the account's position."""
        position = self.positions[account]
        return max(0, -position if side is BUY else position)

    def reduced_by(self, order: NewOrder | Order, filled: int = 0) -> int:
        """Return the lots that a reduce-only order can reduce now."""
        return min(order.quantity - filled, self.reducible(order.account, order.side))

    def wanted_by(self, order: Order) -> int:
        """Return the lots that the order may trade now."""
        left = order.quantity - order.filled
        return min(left, self.reducible(order.account, order.side)) if order.reduce_only else left

    def only_closes(self, order: NewOrder | Order, lots: int) -> bool:
        """Whether so many more lots, with everything resting on that side, are at most the position.

        True exempts an order from the position limit, so it is checked again when the order is granted: of several
        orders requested at the same time, each by itself may only close.
        """
        if not self.rules or order.account not in self.positions:
            return False
        resting = self._bid_lots if order.side is BUY else self._ask_lots
        return lots + resting.get(order.account, 0) <= self.reducible(order.account, order.side)

    # What rests on the book

    def add_resting(self, order: Order) -> None:
        """Record that ``order`` now rests on the book."""
        if order.reduce_only:
            self.reducing[order.id] = order
        self._count(order, order.quantity - order.filled)

    def remove_resting(self, order: Order) -> None:
        """Record that ``order`` has left the book, with what it had not filled."""
        self.reducing.pop(order.id, None)
        self._count(order, order.filled - order.quantity)

    def _count(self, order: Order, lots: int) -> None:
        """Add to the account's resting lots on the order's side."""
        resting = self._bid_lots if order.side is BUY else self._ask_lots
        rest = resting.get(order.account, 0) + lots
        if rest:
            resting[order.account] = rest
        else:
            del resting[order.account]

    def find_uncovered(self) -> Iterator[Order]:
        """Yield resting orders that could lose more against the mark than they hold, under new mark or terms."""
        mark = self.mark_price
        if not mark or not self.rules or not self.has_risk_terms:
            return
        for side in (self.book.bids, self.book.asks):
            for level in side:
                if not side.crosses(level.price, mark):
                    break
                yield from (order for order in level.orders.values() if is_uncovered(self, order))

    # Booking a match

    def book_trade(self, taker: Order, maker: Order, trade: Trade, effects: Effects) -> None:
        """Update positions, holds and last price after a match."""
        self._count(maker, -trade.quantity)
        self._book_fill(taker, trade, effects)
        self._book_fill(maker, trade, effects)
        self.last_price, self.last_quantity = trade.price, trade.quantity
        if not self.set_price:
            self.mark_price = trade.price
            self.announce_mark(effects)
        if maker.filled == maker.quantity:
            self.reducing.pop(maker.id, None)

    def _book_fill(self, order: Order, trade: Trade, effects: Effects) -> None:
        """Book one side of a match: its position, its hold, and the settlement for the account machine."""
        account, positions = order.account, self.positions
        positions[account] += trade.quantity if order.side is BUY else -trade.quantity
        if not positions[account]:
            del positions[account]
        maker = order.id == trade.maker_order
        lot_value = trade.price * self._unit
        fee = trade.maker_fee if maker else trade.taker_fee
        fill = MarginFill(
            trade.id, order.id, order.side, trade.price, trade.quantity, lot_value, fee, maker, trade.time_ms
        )
        held, order.hold = order.hold, self.hold_of(order)
        self._settle(order, held - order.hold, trade.quantity, effects, [fill])

    # Holds

    def hold_of(self, order: Order) -> int:
        """Return what must be held for the remainder of a regular order."""
        units = (order.quantity - order.filled) * self._unit
        loss = order.loss * units
        return ceil_div(order.hold_price * units, order.leverage) + loss if order.leverage else loss

    def open_value(self, order: Order) -> int:
        """Return the value of a resting order that counts toward the position limit."""
        return 0 if order.reduce_only else order.price * (order.quantity - order.filled) * self._unit

    def release_rest(self, order: Order, effects: Effects) -> None:
        """Release what is still held for an ended order."""
        if order.leverage or order.hold:
            released, order.hold = order.hold, 0
            self._settle(order, released, order.quantity - order.filled, effects, [])

    def release(self, granted: Granted, effects: Effects) -> None:
        """Release what was held for an order that is not placed after all."""
        new = granted.order
        if granted.leverage:
            value = (new.price or granted.hold_price) * new.quantity * self._unit
            self.unhold(new, granted.leverage, granted.amount, value, effects)
        elif granted.amount:
            self.unhold(new, 0, granted.amount, 0, effects)

    def release_fired(self, held: TriggerMarginResult, effects: Effects) -> None:
        """Release what is held for a fired trigger that is not executed with it."""
        if held.leverage or held.leave:
            hold = held_for(held.terms, held.leverage)
            self.unhold(held, held.leverage, hold, held.terms.order_value, effects)

    def unhold(
        self, order: NewOrder | Order | TriggerMarginResult, leverage: int, hold: int, value: int, effects: Effects
    ) -> None:
        """Release ``hold``; ``value`` no longer counts toward the position limit."""
        settlement = MarginSettlement(order.account, self._number, order.side, leverage, hold, value)
        effects.margin_settlements.append(settlement)

    def _settle(self, order: Order, released: int, lots: int, effects: Effects, fills: list[MarginFill]) -> None:
        """Settle the order; ``lots`` of it no longer count as open."""
        value = (order.price or order.hold_price) * lots * self._unit if order.leverage else 0
        effects.margin_settlements.append(
            MarginSettlement(order.account, order.market, order.side, order.leverage, released, value, fills)
        )
