"""What every market machine is: the book, the open orders and their indexes, the status of one market.

Pure: no clock, no I/O, no money. How orders are placed and what their money is, is :mod:`shards.engine.market.spot`'s
and :mod:`shards.engine.market.futures`'s. Whatever they do outside of their market leaves as :class:`Effects`.
"""

from abc import ABC, abstractmethod
from sys import intern
from typing import Final

import msgspec

from shards.engine.effects import Effects
from shards.engine.market.book import Book
from shards.engine.market.matching import Match
from shards.engine.market.replay_guard import Replays
from shards.limits import OPEN_ORDERS_MAX
from shards.model.decimals import ceil_div
from shards.model.events import MarketChanged, OrderEnded, Traded
from shards.model.ids import make_number
from shards.model.markets import Market, MarketStatus
from shards.model.orders import CANCELED, OPEN, PARTIALLY_FILLED, EndReason, NewOrder, Order, Status, Trade
from shards.model.reasons import Reason
from shards.model.replies import OrderReply, Refused

_LISTED: Final = MarketStatus.LISTED  # as those in shards.model.orders
_NO_REASON: Final = EndReason.NONE


class MarketMachine(ABC):
    """One market."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.rules = 0  # by which its shard decides, see shards.limits.RULES
        self._lot_units = market.lot_units
        self._tick_lot_units = market.tick_lot_units
        self.book = Book()
        self.open: dict[int, Order] = {}
        self.by_account: dict[str, dict[int, Order]] = {}
        self.by_client: dict[str, dict[str, Order]] = {}  # per account, by client id
        self.replays = Replays()
        self.order_sequence = 0
        self.trade_sequence = 0
        self.update_id = 0

    @abstractmethod
    def place(self, new: NewOrder, effects: Effects) -> OrderReply | Refused:
        """Place ``new``, whose money is held."""

    @abstractmethod
    def needs_money(self, new: NewOrder) -> bool:
        """Whether money must be held before ``new`` may be placed."""

    @abstractmethod
    def _release_rest(self, order: Order, effects: Effects) -> None:
        """Give back what is still held for an order that has ended."""

    # Placing

    def check(self, new: NewOrder) -> OrderReply | Refused | None:
        """What stands against placing ``new`` before its money is asked for; None if nothing does.

        Not against it but answering it: the first order of the same client id.
        """
        return self._find_first(new) or self._check_status() or self._check_count(new)

    def _find_first(self, new: NewOrder) -> OrderReply | Refused | None:
        first = self.named(new.account, new.client_id) if new.client_id else None
        if first is not None and self._same_content(first, new):
            return OrderReply(first, repeated=True)
        again = self.replays.find(new)
        if again is None:
            return Refused(Reason.DUPLICATE_CLIENT_ID, first) if first is not None else None
        if again.status is Status.REJECTED:
            return Refused(Reason(again.end_reason.value), again)
        return OrderReply(again, repeated=True)

    def _check_status(self) -> Refused | None:
        if self.market.status is _LISTED:
            return None
        return Refused(Reason.MARKET_HALTED if self.market.status is MarketStatus.HALTED else Reason.MARKET_DELISTED)

    def _check_count(self, new: NewOrder) -> Refused | None:
        full = len(self.by_account.get(new.account, ())) >= OPEN_ORDERS_MAX
        return Refused(Reason.TOO_MANY_OPEN_ORDERS) if full else None

    def _create(self, new: NewOrder, now_ms: int) -> Order:
        """The order with its number; remembered, so that the same signed request does not come to another."""
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
            client_id=new.client_id or self._make_client_id(new.account, number),
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
        """The client id of an order that came without one."""
        return ""

    def _match(self, taker: Order, match: Match, fees: tuple[int, int], effects: Effects) -> Trade:
        """Let both orders fill; ``fees`` (maker's, taker's) in units. Money and ends are the caller's."""
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
        effects.rows.append(Traded(trade))
        self.book.side(maker.side).take(maker, quantity)
        self.update_id += 1
        for order in (taker, maker):
            order.filled += quantity
            order.filled_value += maker.price * quantity
            order.updated_ms = effects.now_ms
            order.status = PARTIALLY_FILLED
        return trade

    def _fee(self, units: int, bps: int) -> int:
        return ceil_div(units * bps, 10_000)

    def _same_content(self, order: Order, new: NewOrder) -> bool:
        """Whether ``new`` asks for just what ``order`` was placed with."""
        return (order.side, order.kind, order.tif, order.price, order.quantity, order.quote_quantity) == (
            new.side,
            new.kind,
            new.tif,
            new.price,
            new.quantity,
            new.quote_quantity,
        )

    # Ending

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """Take an open order out of the market and give back all that is held for it."""
        self._withdraw(order)
        self._finish(order, CANCELED, reason, effects)
        self._release_rest(order, effects)

    def cancel_account(self, account: str, reason: EndReason, effects: Effects) -> list[Order]:
        """Cancel all open orders of ``account``, oldest first."""
        return self._cancel_orders(self.by_account.get(account, {}), reason, effects)

    def _cancel_orders(self, orders: dict[int, Order], reason: EndReason, effects: Effects) -> list[Order]:
        oldest_first = sorted(orders.values(), key=age)
        for order in oldest_first:
            if order.id in self.open:  # not taken along by one before it
                self.cancel(order, reason, effects)
        return oldest_first

    def set_status(self, status: MarketStatus, effects: Effects) -> Refused | None:
        """Change the status; delisting cancels every open order with release first."""
        if status is MarketStatus.DELISTED:
            self._cancel_orders(self.open, EndReason.DELIST, effects)
        self.market = msgspec.structs.replace(self.market, status=status)
        effects.rows.append(MarketChanged(self.market, effects.now_ms))
        return None

    def _withdraw(self, order: Order) -> None:
        """Off the book and out of the indexes."""
        self.book.side(order.side).remove(order)
        self.update_id += 1
        self._forget(order)

    def _finish(self, order: Order, status: Status, reason: EndReason, effects: Effects) -> None:
        """The order ends; its row is written when the input is applied, with its final content."""
        order.status = status
        order.end_reason = reason
        order.updated_ms = effects.now_ms
        order.request = effects.request
        effects.rows.append(OrderEnded(order))

    # The indexes of open orders

    def _rest(self, order: Order) -> None:
        self.update_id += 1
        self.restore(order)

    def restore(self, order: Order) -> None:
        """Put an open order into the book and the indexes, behind those already there."""
        self.book.side(order.side).add(order)
        self._remember(order)

    def named(self, account: str, client_id: str) -> Order | None:
        """The account's open order of that client id."""
        own = self.by_client.get(account)
        return own.get(client_id) if own is not None else None

    def _remember(self, order: Order) -> None:
        order.account = intern(order.account)  # one text for all of an account's orders
        self.open[order.id] = order
        self.by_account.setdefault(order.account, {})[order.id] = order
        if order.client_id:
            self.by_client.setdefault(order.account, {})[order.client_id] = order

    def _forget(self, order: Order) -> None:
        del self.open[order.id]
        own = self.by_account[order.account]
        del own[order.id]
        if not own:
            del self.by_account[order.account]
        if order.client_id:
            named = self.by_client[order.account]
            del named[order.client_id]
            if not named:
                del self.by_client[order.account]


def age(order: Order) -> tuple[int, int]:
    """Sorts orders oldest first."""
    return order.created_ms, order.id
