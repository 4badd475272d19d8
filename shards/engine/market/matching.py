"""Matching, shared by spot and futures markets: the book, who trades with whom, and the effect on both orders.

Price-time priority. Funds are not handled here: holds, payments and proceeds belong to :mod:`shards.engine.market.spot`
and :mod:`shards.engine.market.margin_trading`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from shards.engine.effects import Effects
from shards.engine.market.book import Book, BookSide
from shards.engine.market.open_orders import OpenOrders
from shards.engine.market.replay_guard import Replays
from shards.model.decimals import ceil_div
from shards.model.events import MarketChanged, OrderEnded, Traded
from shards.model.ids import make_number
from shards.model.markets import Market, MarketStatus
from shards.model.orders import BUY, LIMIT, MARKET, OPEN, PARTIALLY_FILLED, EndReason, NewOrder, Order, Status, Trade
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected

_LISTED: Final = MarketStatus.LISTED  # aliases, like those in shards.model.orders
_NO_REASON: Final = EndReason.NONE


class Match(NamedTuple):
    """``quantity`` lots against the resting order ``maker``, at its price."""

    maker: Order
    quantity: int


class Matching:
    """The orders of one market, from creation to end."""

    def __init__(self, market: Market, client_id_prefix: str = "") -> None:
        """Orders without a client id get one that begins with ``client_id_prefix``; none if that is empty."""
        self.market = market
        self.book = Book()
        self.orders = OpenOrders()
        self.replays = Replays()
        self.order_sequence = 0
        self.trade_sequence = 0
        self.update_id = 0
        self._client_id_prefix = client_id_prefix

    def change_market(self, effects: Effects, **changes: Any) -> None:
        """Replace terms changed by the operator."""
        self.market = msgspec.structs.replace(self.market, **changes)
        effects.events.append(MarketChanged(self.market, effects.now_ms))

    # Before a new order

    def find_first(self, new: NewOrder, is_same: Callable[[Order, NewOrder], bool]) -> OrderReply | Rejected | None:
        """Return the first order if ``new`` is a repeat, a rejection if its client id is taken, else None.

        ``is_same``: whether a new order equals an open one as placed.
        """
        if not new.client_id:
            return None
        first = self.orders.named(new.account, new.client_id)
        if first is not None and is_same(first, new):
            return OrderReply(first, repeated=True)
        again = self.replays.find(new)
        if again is None:
            return Rejected(RejectReason.DUPLICATE_CLIENT_ID, first) if first is not None else None
        if again.status is Status.REJECTED:
            return Rejected(RejectReason(again.end_reason.value), again)
        return OrderReply(again, repeated=True)

    def check_status(self) -> Rejected | None:
        """Return the rejection if the market does not take orders."""
        status = self.market.status
        if status is _LISTED:
            return None
        return Rejected(RejectReason.MARKET_HALTED if status is MarketStatus.HALTED else RejectReason.MARKET_DELISTED)

    def create(self, new: NewOrder, now_ms: int) -> Order:
        """Create the order with its id; remembered, so that the same signed request cannot create another."""
        self.order_sequence += 1
        number = make_number(self.market.number, self.order_sequence)
        order = Order(
            id=number,
            market=new.market,
            account=new.account,
            side=new.side,
            kind=new.kind,
            tif=new.tif,
            price=new.price,
            quantity=new.quantity,
            quote_quantity=new.quote_quantity,
            client_id=new.client_id or (self._make_client_id(new.account, number) if self._client_id_prefix else ""),
            signed_ms=new.signed_ms,
            filled=0,
            filled_value=0,
            hold=0,
            status=OPEN,
            end_reason=_NO_REASON,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self.replays.expire(now_ms)
        self.replays.remember(new, order, now_ms)
        return order

    def _make_client_id(self, account: str, number: int) -> str:
        made = f"{self._client_id_prefix}{number}"
        while self.orders.named(account, made) is not None:
            made += "."
        return made

    # On the book

    def trade(self, taker: Order, match: Match, fees: tuple[int, int], effects: Effects) -> Trade:
        """Fill both orders; ``fees`` (maker's, taker's) in units. The caller handles funds and ends."""
        maker, quantity = match
        self.trade_sequence += 1
        trade = Trade(
            id=make_number(self.market.number, self.trade_sequence),
            market=self.market.number,
            price=maker.price,
            quantity=quantity,
            taker_side=taker.side,
            maker_order=maker.id,
            taker_order=taker.id,
            maker_account=maker.account,
            taker_account=taker.account,
            maker_fee=fees[0],
            taker_fee=fees[1],
            time_ms=effects.now_ms,
        )
        effects.events.append(Traded(trade))
        self.book.side(maker.side).take(maker, quantity)
        self.update_id += 1
        for order in (taker, maker):
            order.filled += quantity
            order.filled_value += maker.price * quantity
            order.updated_ms = effects.now_ms
            order.status = PARTIALLY_FILLED
        return trade

    def rest(self, order: Order) -> None:
        """Add an order, open from now on, behind the others at its price."""
        self.update_id += 1
        self.book.side(order.side).add(order)
        self.orders.add(order)

    def restore(self, order: Order) -> None:
        """Restore a resting order of a snapshot, behind those already there."""
        self.book.side(order.side).add(order)
        self.orders.add(order)

    def withdraw(self, order: Order) -> None:
        """Remove a resting order from the book; it is no longer open."""
        self.book.side(order.side).remove(order)
        self.update_id += 1
        self.orders.remove(order)

    def finish(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """End the order; its event is encoded after the input was applied, with its final content."""
        order.status = status
        order.end_reason = reason
        order.updated_ms = effects.now_ms
        order.request = effects.request
        effects.events.append(OrderEnded(order))


def fee_of(units: int, bps: int) -> int:
    """Return the fee on ``units``, rounded up."""
    return ceil_div(units * bps, 10_000)


# Planning: what a new order will trade with; nothing is changed


class Plan(NamedTuple):
    """The matches of a new order, in order; ``complete`` if it can want nothing more of the book."""

    matches: Sequence[Match]
    complete: bool


_NOTHING: Final = Plan((), complete=False)


def plan_matches(order: Order, against: BookSide, budget: int) -> Plan:
    """Plan what ``order`` takes from ``against``.

    ``budget`` (ticks × lots) limits a market buy, which is complete when the rest of it buys no further lot.
    """
    if not against.trades_with(order.price if order.kind is LIMIT else None):
        return _NOTHING  # the most common case: the order rests
    if order.kind is MARKET and order.side is BUY:
        return _plan_budget(budget, against)
    return _plan_quantity(order, against)


def _plan_quantity(order: Order, against: BookSide) -> Plan:
    matches: list[Match] = []
    wanted = order.quantity
    limited = order.kind is LIMIT
    for level in against:
        if limited and not against.crosses(level.price, order.price):
            break
        for maker in level.orders.values():
            quantity = min(wanted, maker.quantity - maker.filled)
            matches.append(Match(maker, quantity))
            wanted -= quantity
            if not wanted:
                return Plan(matches, complete=True)
    return Plan(matches, complete=False)


def _plan_budget(budget: int, against: BookSide) -> Plan:
    matches: list[Match] = []
    for level in against:
        for maker in level.orders.values():
            left = maker.quantity - maker.filled
            quantity = min(budget // level.price, left)
            if quantity:
                matches.append(Match(maker, quantity))
                budget -= quantity * level.price
            if quantity < left:
                return Plan(matches, complete=bool(matches))
    return Plan(matches, complete=bool(matches) and not budget)
