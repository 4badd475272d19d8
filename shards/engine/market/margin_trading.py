"""Trading on margin in one futures market: positions, prices, what its open orders hold, and what fills do to them.

It knows each account's signed position in its market, for it sees every fill; what the position cost, and what may be
spent, is the account machine's to know.
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
        self.has_risk_terms = market.risk is not None  # once it has some, it always has
        self.rules = 0  # by which its shard decides, see shards.limits.RULES
        self.positions: Counter[str] = Counter()  # lots, positive for long; accounts without a position are absent
        self.last_price = 0  # ticks; 0 before the first trade
        self.last_quantity = 0
        self.set_price = 0  # the operator's mark price; 0: the mark follows the last trade
        self.mark_price = 0  # the one or the other; 0 while there is none
        self._bid_lots: dict[str, int] = {}  # on the book, by account
        self._ask_lots: dict[str, int] = {}
        self.reducing: dict[int, Order] = {}  # what rests on the book and only reduces

    # Prices

    def set_mark(self, price: int) -> None:
        """The operator sets the mark price (ticks), or lets it follow the last trade again (0)."""
        self.set_price = price
        self.mark_price = price or self.last_price

    def restore_prices(self, last_price: int, last_quantity: int, set_price: int) -> None:
        """As a snapshot has them."""
        self.last_price, self.last_quantity = last_price, last_quantity
        self.set_mark(set_price)

    def announce_mark(self, effects: Effects) -> None:
        """Let whoever keeps accounts know what a lot is worth now."""
        effects.marks[self._number] = self.mark_price * self._unit

    # Positions

    @property
    def open_interest(self) -> int:
        """Lots that are held long; as many are held short."""
        return sum(lots for lots in self.positions.values() if lots > 0)

    def reducible(self, account: str, side: Side) -> int:
        """Lots by which an order of ``side`` could reduce the account's position."""
        position = self.positions[account]
        return max(0, -position if side is BUY else position)

    def reduced_by(self, order: NewOrder | Order, filled: int = 0) -> int:
        """Lots that an order that only reduces can reduce now."""
        return min(order.quantity - filled, self.reducible(order.account, order.side))

    def wanted_by(self, order: Order) -> int:
        """Lots that it may trade now."""
        left = order.quantity - order.filled
        return min(left, self.reducible(order.account, order.side)) if order.reduce_only else left

    def only_closes(self, order: NewOrder | Order, lots: int) -> bool:
        """Whether so many lots more, after all that rests on that side, are no more than the position.

        True lets an order pass the position limit, so it is looked at again when the order is granted: of several that
        are asked for at once each alone may only close.
        """
        if not self.rules or order.account not in self.positions:
            return False
        resting = self._bid_lots if order.side is BUY else self._ask_lots
        return lots + resting.get(order.account, 0) <= self.reducible(order.account, order.side)

    # What rests on the book

    def add_resting(self, order: Order) -> None:
        """``order`` has come to the book."""
        if order.reduce_only:
            self.reducing[order.id] = order
        self._count(order, order.quantity - order.filled)

    def remove_resting(self, order: Order) -> None:
        """``order`` has left the book, with what it had not filled."""
        self.reducing.pop(order.id, None)
        self._count(order, order.filled - order.quantity)

    def _count(self, order: Order, lots: int) -> None:
        """So many lots more of an account rest on its side."""
        resting = self._bid_lots if order.side is BUY else self._ask_lots
        rest = resting.get(order.account, 0) + lots
        if rest:
            resting[order.account] = rest
        else:
            del resting[order.account]

    def find_uncovered(self) -> Iterator[Order]:
        """What rests and would lose more against the mark than it holds for that: a mark or terms are new."""
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
        """Both have been filled: positions, holds and last price follow."""
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
        """One side of a match: its position, its hold, and what the account machine must know."""
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
        """What must be held for what is left of a regular order."""
        units = (order.quantity - order.filled) * self._unit
        loss = order.loss * units
        return ceil_div(order.hold_price * units, order.leverage) + loss if order.leverage else loss

    def open_value(self, order: Order) -> int:
        """What counts of an order on the book toward the position limit."""
        return 0 if order.reduce_only else order.price * (order.quantity - order.filled) * self._unit

    def release_rest(self, order: Order, effects: Effects) -> None:
        """Give back what is still held for an order that has ended."""
        if order.leverage or order.hold:
            released, order.hold = order.hold, 0
            self._settle(order, released, order.quantity - order.filled, effects, [])

    def release(self, granted: Granted, effects: Effects) -> None:
        """Give back what was set aside for an order that is not placed after all."""
        new = granted.order
        if granted.leverage:
            value = (new.price or granted.hold_price) * new.quantity * self._unit
            self.unhold(new, granted.leverage, granted.amount, value, effects)
        elif granted.amount:
            self.unhold(new, 0, granted.amount, 0, effects)

    def release_fired(self, held: TriggerMarginResult, effects: Effects) -> None:
        """Give back what is held for a fired trigger that does not go its way with it."""
        if held.leverage or held.leave:
            hold = held_for(held.terms, held.leverage)
            self.unhold(held, held.leverage, hold, held.terms.order_value, effects)

    def unhold(
        self, order: NewOrder | Order | TriggerMarginResult, leverage: int, hold: int, value: int, effects: Effects
    ) -> None:
        """Give back ``hold``; ``value`` counts no longer toward the position limit."""
        settlement = MarginSettlement(order.account, self._number, order.side, leverage, hold, value)
        effects.margin_settlements.append(settlement)

    def _settle(self, order: Order, released: int, lots: int, effects: Effects, fills: list[MarginFill]) -> None:
        """``lots`` of the order no longer count as open."""
        value = (order.price or order.hold_price) * lots * self._unit if order.leverage else 0
        effects.margin_settlements.append(
            MarginSettlement(order.account, order.market, order.side, order.leverage, released, value, fills)
        )
